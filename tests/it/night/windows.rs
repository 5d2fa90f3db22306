//! What a night does when nobody kills anything: a failing package, a full disk, a host that is gone, a second instance.

use patchbot_lab::Traffic;

use super::{Night, Plan};

#[tokio::test]
async fn a_package_that_fails_is_told_with_its_log_and_nothing_is_rebooted() {
    let mut night = Night::before_the_start(Plan { package: "lab-postfail", ..Plan::default() }).await;
    let booted = night.host.boots().unwrap();
    night.start();
    let state = night.until_over().await;
    assert!(state.starts_with("state: failed: installation"), "{state}");
    let mails = night.mail.wait_for("ada@owners.test", 5, std::time::Duration::from_secs(30)).await.unwrap();
    let failed =
        mails.iter().find(|mail| mail.header("Subject").unwrap().contains("could not be patched")).unwrap();
    let body = String::from_utf8_lossy(&failed.raw).into_owned();
    assert!(body.contains("lab-postfail"), "{body}");
    assert_eq!(night.host.boots().unwrap(), booted);
    // It stays out until somebody gives it a time.
    night.bot.move_clock(super::utc("2026-12-11T19:00:00Z")).unwrap();
    night
        .bot
        .wait_until(&["show", "web01"], |said| said.contains("state: failed") && !said.contains("next:"))
        .await
        .unwrap();
}

#[tokio::test]
async fn what_takes_longer_than_its_window_is_told_once_and_left_to_finish() {
    let mut night = Night::before_the_start(Plan { package: "lab-slow", ..Plan::default() }).await;
    night.host.exec("mkdir -p /etc/lab-slow && touch /etc/lab-slow/hold").await.unwrap();
    night.start();
    night.until_run_is("applying").await;
    let begun = async |night: &Night| night.marks_on_the_host("lab-slow").await.1 == 1;
    while !begun(&night).await {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    // The night is over, and the installation is not.
    night.bot.move_clock(super::utc("2026-12-10T21:00:30Z")).unwrap();
    let mails = night.mail.wait_for("ada@owners.test", 5, std::time::Duration::from_secs(60)).await.unwrap();
    let told = mails.last().unwrap();
    assert!(told.header("Subject").unwrap().contains("web01 takes longer than its window"));
    // A program that is started anew does not tell it again.
    night.bot.kill().await.unwrap();
    night.bot.serve().unwrap();
    night.host.exec("rm /etc/lab-slow/hold").await.unwrap();
    let state = night.until_over().await;
    assert!(state.starts_with("state: patched"), "{state}");
    let mails = night.mail.wait_for("ada@owners.test", 6, std::time::Duration::from_secs(60)).await.unwrap();
    let subjects: Vec<String> = mails.iter().map(|mail| mail.header("Subject").unwrap()).collect();
    assert_eq!(
        subjects.iter().filter(|subject| subject.contains("longer than its window")).count(),
        1,
        "{subjects:?}"
    );
    let (upgrades, runs, _) = night.marks_on_the_host("lab-slow").await;
    assert_eq!((upgrades, runs), (1, 1));
}

#[tokio::test]
async fn a_host_that_has_forgotten_its_run_is_not_patched_again() {
    let mut night = Night::before_the_start(Plan { package: "lab-slow", ..Plan::default() }).await;
    night.host.exec("mkdir -p /etc/lab-slow && touch /etc/lab-slow/hold").await.unwrap();
    night.start();
    while night
        .asks("SELECT state FROM patch_history WHERE state_data LIKE '%taken_on\":\"%'")
        .await
        .is_none()
    {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    // What a host looks like that was put back to a state from before the night.
    night.bot.kill().await.unwrap();
    night.host.exec("rm -r /var/lib/patchbot/runs/*; rm /etc/lab-slow/hold").await.unwrap();
    night.bot.serve().unwrap();
    let state = night.until_over().await;
    assert!(state.starts_with("state: a person must look"), "{state}");
    let mails = night.mail.wait_for("ada@owners.test", 5, std::time::Duration::from_secs(30)).await.unwrap();
    let body = String::from_utf8_lossy(&mails.last().unwrap().raw).replace("=\r\n", "").replace("\r\n", " ");
    assert!(body.contains("does not know of it any more"), "{body}");
    let (_, runs, _) = night.marks_on_the_host("lab-slow").await;
    assert_eq!(runs, 0, "it was not asked again");
}

#[tokio::test]
async fn a_blocked_pre_check_really_blocks() {
    let tables = "[policy]\nchecks = { critical_services = [\"there-is-no-such-service\"] }\n";
    let mut night = Night::before_the_start(Plan { tables, ..Plan::default() }).await;
    night.start();
    let state = night.until_over().await;
    assert!(state.contains("there-is-no-such-service"), "{state}");
    let (upgrades, runs, _) = night.marks_on_the_host("lab-reboot").await;
    assert_eq!((upgrades, runs), (0, 0));
}

#[tokio::test]
async fn a_week_before_the_night_a_rehearsal_tells_what_would_stop_it_and_touches_nothing() {
    let tables = "[policy]\nchecks = { critical_services = [\"there-is-no-such-service\"] }\n";
    let mut night = Night::new(Plan { tables, ..Plan::default() }).await;
    night.bot.move_clock(super::utc("2026-12-03T19:00:00Z")).unwrap();
    night.bot.serve().unwrap();
    let why = night
        .bot
        .wait_until(&["why", "web01"], |said| said.contains("Today this would be blocked"))
        .await
        .unwrap();
    assert!(why.contains("there-is-no-such-service"), "{why}");
    let (upgrades, runs, booted) = night.marks_on_the_host("lab-reboot").await;
    assert_eq!((upgrades, runs, booted), (0, 0, 1));
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_is_told_and_not_touched() {
    let mut night = Night::before_the_start(Plan::default()).await;
    night.proxy.set(Traffic::Cut);
    night.start();
    let state = night.until_over().await;
    assert!(state.starts_with("state: failed: pre-check (SSH:"), "{state}");
    assert!(night.bot.ok(&["history", "web01"]).await.unwrap().contains("failed in the pre-check"));
}

#[tokio::test]
async fn a_second_process_on_the_same_file_is_refused_with_the_way_out() {
    let night = Night::before_the_start(Plan::default()).await;
    let said = night.bot.run(&["serve"]).await.unwrap();
    assert_eq!(said.code, Some(1));
    assert!(
        said.text.contains("another patchbot serves")
            && said.text.contains("use PostgreSQL for several instances"),
        "{}",
        said.text
    );
}

#[tokio::test]
async fn a_shifted_clock_reaches_no_host_outside_the_lab() {
    let night = Night::new(Plan::default()).await;
    let file = night.bot.folder().join("outside.csv");
    std::fs::write(
        &file,
        "server_name,primary_owner,tz,ip_address\nreal01,ada@owners.test,UTC,203.0.113.7\n",
    )
    .unwrap();
    night.bot.ok(&["import", file.to_str().unwrap(), "--apply"]).await.unwrap();
    let said = night.bot.run(&["enroll", "real01", "--accept-new"]).await.unwrap();
    assert_eq!(said.code, Some(3));
    assert!(said.text.contains("outside the lab's networks"), "{}", said.text);
}
