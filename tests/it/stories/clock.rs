//! What happens by itself: reminders, deadlines, locks, and starts that cannot be made.

use patchbot::domain::policy::{Policy, Silence};

use crate::world::World;

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";

#[tokio::test]
async fn a_quarter_from_the_notice_to_the_start_tells_each_thing_once() {
    let mut world = World::new(TUESDAY).await.server("web01", "ada");
    world.plan().await;
    let notice = world.mail_to("ada");
    assert_eq!(world.window("web01").await.plan.unwrap().local.to_string(), "2026-12-10 20:00:00");
    world.sleep_until("2026-12-01 12:00 Europe/Berlin").await;
    insta::assert_snapshot!(world.mails().join("\n"), @"
    ada@owners.test: 2027-Q1: web01 is to be patched, does the time suit you?
    ada@owners.test: 2027-Q1: web01 still waits for your answer
    ");
    world.sleep_until("2026-12-07 12:00 Europe/Berlin").await;
    let request = world.mail_to("ada");
    insta::assert_snapshot!(request.shown());
    assert_eq!(world.replies("ada", &request, "yes, approved").await, "accepted");
    world.mails();
    world.sleep_until("2026-12-09 21:00 Europe/Berlin").await;
    insta::assert_snapshot!(world.mail_to("ada").shown());
    world.sleep_until("2026-12-10 15:30 Europe/Berlin").await;
    let alert = world.mail_to("ada");
    insta::assert_snapshot!(alert.shown());
    world.sleep_until("2026-12-10 17:30 Europe/Berlin").await;
    assert_eq!(world.state("web01").await, "locked, approved by ada@owners.test by mail");
    world.sleep_until("2026-12-10 20:00 Europe/Berlin").await;
    // The host is not enrolled: the run ends in its pre-check, with nothing touched.
    insta::assert_snapshot!(world.state("web01").await, @r#"failed: pre-check (host key: web01 is not enrolled: its host key is not known. Enroll it with "patchbot enroll web01")"#);
    insta::assert_snapshot!(world.mails().join("\n"), @"
    ada@owners.test: 2027-Q1: web01 could not be patched (pre-check)
    ada@owners.test: 2027-Q1: web01 is being patched now
    ");
    insta::assert_snapshot!(world.audit("web01").await.join("\n"), @r#"
    ada@owners.test by mail: web01 is approved for Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    patchbot by the schedule: The pre-checks of web01 would block its run: host key: web01 is not enrolled: its host key is not known. Enroll it with "patchbot enroll web01".
    patchbot by the schedule: The schedule of web01 is locked.
    patchbot by the schedule: The run of web01 has started.
    patchbot by the schedule: web01: The pre-checks block the run: host key: web01 is not enrolled: its host key is not known. Enroll it with "patchbot enroll web01".
    patchbot by the schedule: The run of web01 failed in the pre-check (host key: web01 is not enrolled: its host key is not known. Enroll it with "patchbot enroll web01").
    "#);
    let _ = notice;
    world.done();
}

#[tokio::test]
async fn without_an_answer_nothing_is_patched_and_everybody_is_told() {
    let mut world = World::new(TUESDAY).await.server("web01", "ada");
    world.plan().await;
    world.sleep_until("2026-12-10 20:00 Europe/Berlin").await;
    insta::assert_snapshot!(world.mails().join("\n"), @"
    ada@owners.test: 2027-Q1: web01 cannot be patched as it is now
    ada@owners.test: 2027-Q1: web01 is to be patched, does the time suit you?
    ada@owners.test: 2027-Q1: web01 is to be patched, does the time suit you?
    ada@owners.test: 2027-Q1: web01 needs your approval for the coming week
    ada@owners.test: 2027-Q1: web01 still waits for your answer
    ada@owners.test: 2027-Q1: web01 was not patched
    ada@owners.test: 2027-Q1: web01 will be patched on Thu 10 Dec 2026, 20:00 Europe/Berlin
    ");
    insta::assert_snapshot!(world.alerts().await.join("\n"), @"
    Nobody answered about web01 by the deadline; it is not patched unless somebody approves.
    web01 would be blocked at its start Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    web01 was not patched: nobody approved it in time.
    ");
    insta::assert_snapshot!(world.state("web01").await, @"missed: nobody approved it in time");
}

#[tokio::test]
async fn where_silence_counts_as_consent_it_is_logged_and_told() {
    let policy = Policy { silence: Silence::Approve, ..Policy::default() };
    let mut world = World::with(TUESDAY, policy).await.server("web01", "ada");
    world.plan().await;
    world.sleep_until("2026-12-09 00:30 Europe/Berlin").await;
    assert_eq!(world.state("web01").await, "approved by silence, by the rule of its host group");
    insta::assert_snapshot!(world.mails().join("\n"), @"
    ada@owners.test: 2027-Q1: web01 is to be patched, does the time suit you?
    ada@owners.test: 2027-Q1: web01 is to be patched, does the time suit you?
    ada@owners.test: 2027-Q1: web01 needs your approval for the coming week
    ada@owners.test: 2027-Q1: web01 still waits for your answer
    ada@owners.test: 2027-Q1: web01 was auto-approved by patchbot
    ");
    insta::assert_snapshot!(world.audit("web01").await.join("\n"), @"patchbot by the schedule: Nobody answered by the deadline: web01 counts as approved for Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).");
}

#[tokio::test]
async fn a_start_that_was_slept_through_is_missed_and_never_made_late() {
    let mut world = World::new(TUESDAY).await.server("web01", "ada");
    world.plan().await;
    world.says("ada", "approve web01").await;
    world.mails();
    world.sleep_until("2026-12-10 18:00 Europe/Berlin").await;
    world.mails();
    // The program stands still over the start.
    world.app.clock.set(crate::world::at("2026-12-10 20:16 Europe/Berlin"));
    let mut world = world.restarted();
    world.settle().await;
    insta::assert_snapshot!(world.state("web01").await, @"missed: it could not be started in time: 16 minutes had passed, 15 are allowed");
    insta::assert_snapshot!(world.mail_to("ada").shown());
    let mut tx = world.app.store.read().await.unwrap();
    let server = tx.servers_called("web01").await.unwrap().remove(0);
    assert_eq!(tx.runs_of_server(server.id).await.unwrap(), [], "there is no run");
}

#[tokio::test]
async fn a_stale_button_after_a_restart_still_resolves() {
    let mut world = World::new(TUESDAY).await.server("web01", "ada");
    world.plan().await;
    let mut world = world.restarted();
    insta::assert_snapshot!(world.says("ada", "approve web01").await, @r#"
    web01 is approved for Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    Until the start you can take it back: "withdraw web01".
    A mistake? Say "undo web01" until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).
    "#);
}
