//! Two instances on one PostgreSQL database: each thing is done and told once, and when one of them dies in the night the
//! other finishes what it began.

use std::time::Duration;

use patchbot_lab::Installation;
use tokio::time::sleep;

use super::forgeries::Notice;
use super::{Night, Plan, utc};

/// Two instances, of which the first serves.
async fn two(plan: Plan) -> (Night, Installation) {
    let mut night = Night::new(Plan { postgres: true, ..plan }).await;
    let other = night.bot.another(&night.lab, &night.folder.path().join("other")).unwrap();
    night.bot.serve().unwrap();
    (night, other)
}

impl Night {
    /// The subjects of what ada was mailed, without the tokens; nothing came twice.
    async fn mailed(&self, count: usize) -> Vec<String> {
        let mails = self.mail.wait_for("ada@owners.test", count, Duration::from_secs(60)).await.unwrap();
        let ids: std::collections::BTreeSet<String> =
            mails.iter().map(|mail| mail.header("Message-ID").unwrap()).collect();
        assert_eq!(ids.len(), mails.len(), "no mail came twice");
        let subjects = mails.iter().map(|mail| mail.header("Subject").unwrap());
        subjects.map(|subject| subject.split(" [#").next().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn two_instances_patch_once_and_tell_each_thing_once() {
    let (mut night, mut other) = two(Plan::default()).await;
    other.serve().unwrap();
    let booted = night.host.boots().unwrap();
    let mails = night.mail.wait_for("ada@owners.test", 1, Duration::from_secs(60)).await.unwrap();
    // Both read the mailbox.
    let notice = Notice::of(&mails[0]);
    let (outcome, reason) =
        night.receives(&notice.answer(&night, "ada@owners.test", "approve").signed()).await;
    assert_eq!(outcome, "accepted", "{reason}");
    night.mailed(2).await;
    for moment in ["2026-12-09T19:00:30Z", "2026-12-10T14:00:30Z", "2026-12-10T16:00:30Z"] {
        night.bot.move_clock(utc(moment)).unwrap();
        sleep(Duration::from_secs(2)).await;
    }
    night.bot.wait_until(&["show", "web01"], |said| said.contains("next: the start")).await.unwrap();
    night.start();
    assert_eq!(night.until_over().await, "state: patched");
    let (upgrades, runs, boots) = night.marks_on_the_host("lab-reboot").await;
    assert_eq!((upgrades, runs, boots), (1, 1, booted + 1), "upgrades, runs, boots");
    sleep(Duration::from_secs(2)).await;
    let mut subjects = night.mailed(6).await;
    subjects.sort();
    insta::assert_snapshot!(subjects.join("\n"));
    night.bot.stop().await.unwrap();
    other.stop().await.unwrap();
    assert!(night.bot.ok(&["audit", "verify"]).await.unwrap().contains("The audit is whole"));
}

#[tokio::test]
async fn when_one_instance_dies_in_the_night_the_other_finishes_what_it_began() {
    let (mut night, mut other) = two(Plan { package: "lab-slow", ..Plan::default() }).await;
    night.host.exec("mkdir -p /etc/lab-slow && touch /etc/lab-slow/hold").await.unwrap();
    night.bot.ok(&["say", "approve web01", "--as", "ada@owners.test"]).await.unwrap();
    night.bot.move_clock(utc("2026-12-10T18:59:00Z")).unwrap();
    night.bot.wait_until(&["show", "web01"], |said| said.contains("next: the start")).await.unwrap();
    night.start();
    night.until_run_is("applying").await;
    // The first one runs it; now there are two, and the first one dies.
    other.serve().unwrap();
    while night.marks_on_the_host("lab-slow").await.1 == 0 {
        sleep(Duration::from_millis(100)).await;
    }
    night.bot.kill().await.unwrap();
    night.host.exec("rm /etc/lab-slow/hold").await.unwrap();
    // What it had claimed is free again two minutes after it was last seen.
    night.bot.move_clock(utc("2026-12-10T19:05:00Z")).unwrap();
    assert_eq!(night.until_over().await, "state: patched");
    let (upgrades, runs, _) = night.marks_on_the_host("lab-slow").await;
    assert_eq!((upgrades, runs), (1, 1));
    let subjects = night.mailed(5).await;
    assert_eq!(subjects.iter().filter(|subject| subject.ends_with("is patched")).count(), 1, "{subjects:?}");
    other.stop().await.unwrap();
    assert!(other.ok(&["audit", "verify"]).await.unwrap().contains("The audit is whole"));
}
