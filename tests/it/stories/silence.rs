//! What silence does: it slips a week, or asks others, by the rule of the host group.

use patchbot::domain::policy::{Policies, Policy, Silence};

use crate::world::World;

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";

#[tokio::test]
async fn without_an_answer_the_time_slips_a_week_and_is_asked_about_again() {
    let policy = Policy { silence: Silence::Slip, ..Policy::default() };
    let mut world = World::with(TUESDAY, policy).await.server("web01", "ada");
    world.plan().await;
    world.sleep_until("2026-12-09 00:30 Europe/Berlin").await;
    let told = world.unread().into_iter().find(|mail| mail.subject.contains("put off a week")).unwrap();
    insta::assert_snapshot!(told.shown(), @r#"
    Subject: 2027-Q1: web01 was put off a week by patchbot

    ~~~ Please write your answer above this line ~~~

    Hello ada@owners.test,

    web01 was put off a week by patchbot, by the schedule,
    on Wed 9 Dec 2026, 00:00 Europe/Berlin (Tue 8 Dec 2026, 23:00 UTC).
    The time before was Thu 10 Dec 2026, 20:00 Europe/Berlin (Thu 10 Dec 2026, 19:00 UTC).

    This is how it stands now:

     1. web01 (web, waits for approval)
        Thu 17 Dec 2026, 20:00–22:00 Europe/Berlin
        Thu 17 Dec 2026, 19:00–21:00 UTC

    To approve, reply "approve".
    For another time, reply for example "move to 2026-12-24 20:00". It can be moved 3 more times, to Sun 31 Jan 2027 at the latest.
    To say no, reply "decline".

    Questions? Write to olga@patchbot.test, a person reads it.
    patchbot
    "#);
    assert_eq!(world.window("web01").await.plan.unwrap().local.to_string(), "2026-12-17 20:00:00");
    world.mails();
    world.sleep_until("2026-12-16 00:30 Europe/Berlin").await;
    insta::assert_snapshot!(world.mails().join("\n"), @"
    ada@owners.test: 2027-Q1: web01 needs your approval for the coming week
    ada@owners.test: 2027-Q1: web01 was put off a week by patchbot
    ");
    insta::assert_snapshot!(world.audit("web01").await.join("\n"), @"
    patchbot by the schedule: Nobody answered about web01 by the deadline: it slips to Thu 17 Dec 2026, 20:00 Europe/Berlin (19:00 UTC), and waits for approval.
    patchbot by the schedule: Nobody answered about web01 by the deadline: it slips to Thu 24 Dec 2026, 20:00 Europe/Berlin (19:00 UTC), and waits for approval.
    ");
    world.sleep_until("2027-01-31 20:00 Europe/Berlin").await;
    insta::assert_snapshot!(world.state("web01").await, @"missed: nobody approved it in time");
}

#[tokio::test]
async fn where_silence_is_a_yes_a_mail_that_was_not_heard_is_no_silence() {
    let policy = Policy { silence: Silence::Approve, ..Policy::default() };
    let mut world = World::with(TUESDAY, policy)
        .await
        .server_in("web01", "ada", "bob", "Europe/Berlin")
        .server("web02", "ada");
    world.plan().await;
    let notice = world.mail_to("ada");
    // Ada has passed her notice on, and Bob answers it: nobody hears his no.
    assert_eq!(world.replies("bob", &notice, "decline web01").await, "rejected");
    world.sleep_until("2026-12-09 00:30 Europe/Berlin").await;
    assert_eq!(world.state("web01").await, "waits for approval");
    assert_eq!(world.state("web02").await, "approved by silence, by the rule of its host group");
    insta::assert_snapshot!(world.audit("web01").await.join("\n"), @"patchbot by the schedule: A mail that says it is from bob@owners.test was not heard, so silence about web01 is no yes; it is not patched unless somebody approves.");
    let told = world.alert_lines().await.join("\n");
    let next = "\"patchbot inbox\" shows it; ask bob@owners.test, or say \"approve web01\" yourself.";
    assert!(told.contains(next), "{told}");
    // Somebody can still say it.
    world.says("olga", "approve web01").await;
    assert_eq!(world.state("web01").await, "approved by olga@patchbot.test in Slack");
}

#[tokio::test]
async fn where_silence_is_a_yes_it_is_none_while_nobody_could_be_asked() {
    let policy = Policy { silence: Silence::Approve, ..Policy::default() };
    let mut world = World::with(TUESDAY, policy).await.server("web01", "ada");
    world.mail_server(false).await;
    world.plan().await;
    world.sleep_until("2026-12-09 00:30 Europe/Berlin").await;
    assert_eq!(world.state("web01").await, "waits for approval");
    insta::assert_snapshot!(world.audit("web01").await.join("\n"), @"patchbot by the schedule: Nobody was asked about web01: no notice about its present time has left, so silence is no yes; it is not patched unless somebody approves.");
    world.says("olga", "approve web01").await;
    assert_eq!(world.state("web01").await, "approved by olga@patchbot.test in Slack");
}

#[tokio::test]
async fn where_silence_is_a_yes_an_answer_that_was_refused_and_told_so_stays_silence() {
    let policy = Policy { silence: Silence::Approve, ..Policy::default() };
    let mut world = World::with(TUESDAY, policy).await.server("web01", "ada");
    world.plan().await;
    let notice = world.mail_to("ada");
    assert_eq!(world.replies("ada", &notice, "move to 2026-11-23 20:00").await, "rejected");
    world.sleep_until("2026-12-09 00:30 Europe/Berlin").await;
    assert_eq!(world.state("web01").await, "approved by silence, by the rule of its host group");
}

#[tokio::test]
async fn without_an_answer_the_second_owner_is_asked_and_then_the_operators() {
    let policy = Policy { silence: Silence::Escalate, ..Policy::default() };
    let mut world = World::with(TUESDAY, policy)
        .await
        .server_in("web01", "ada", "bob", "Europe/Berlin")
        .server("web02", "ada");
    world.plan().await;
    world.sleep_until("2026-12-08 23:00 Europe/Berlin").await;
    world.mails();
    world.sleep_until("2026-12-09 00:30 Europe/Berlin").await;
    let asked = world.mail_to("bob");
    insta::assert_snapshot!(asked.shown(), @r#"
    Subject: 2027-Q1: web01 needs your answer now

    ~~~ Please write your answer above this line ~~~

    Hello bob@owners.test,

    ada@owners.test has not answered about web01 by the deadline.
    Please decide instead; after you the operators are asked, and without an answer it is not patched.

     1. web01 (web, waits for approval)
        Thu 10 Dec 2026, 20:00–22:00 Europe/Berlin
        Thu 10 Dec 2026, 19:00–21:00 UTC

    If the time suits you, reply "approve".
    Else reply "decline", or "move to" with another date and time.

    Questions? Write to olga@patchbot.test, a person reads it.
    patchbot
    "#);
    insta::assert_snapshot!(world.alerts().await.join("\n"), @"
    Nobody answered about web01 by the deadline; bob@owners.test is asked now.
    Nobody answered about web02 by the deadline; it is not patched unless somebody approves.
    ");
    world.sleep_until("2026-12-10 00:30 Europe/Berlin").await;
    insta::assert_snapshot!(world.alerts().await.join("\n"), @"
    Nobody answered about web01 by the deadline; bob@owners.test is asked now.
    Nobody answered about web02 by the deadline; it is not patched unless somebody approves.
    Nobody answered about web01 by the deadline; it is not patched unless somebody approves.
    ");
    assert_eq!(world.replies("bob", &asked, "approve").await, "accepted");
    assert_eq!(world.state("web01").await, "approved by bob@owners.test by mail");
}

#[tokio::test]
async fn a_notice_says_what_silence_means_for_each_of_its_servers() {
    let policies = Policies {
        default: Policy::default(),
        groups: [("web", Silence::Slip), ("db", Silence::Approve)]
            .map(|(name, silence)| (name.to_owned(), Policy { silence, ..Policy::default() }))
            .into(),
    };
    let mut world = World::ruled(TUESDAY, policies).await.sheet(
        "server_name,primary_owner,server_timezone,host_group\n\
         web01,ada@owners.test,Europe/Berlin,web\n\
         db01,ada@owners.test,Europe/Berlin,db\n\
         app01,ada@owners.test,Europe/Berlin,\n",
    );
    world.plan().await;
    let notice = world.mail_to("ada").text;
    let line = notice.lines().find(|line| line.contains("If you do not answer")).unwrap();
    insta::assert_snapshot!(line, @"Servers without an answer are asked about once more, on the Monday before their time, with the end of that Tuesday as the last deadline. If you do not answer by then: I take it as approved for db01; I do not patch app01, and tell the operators; I move web01 a week on and ask again.");
}
