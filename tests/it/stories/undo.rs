//! Undo: every decision says until when it can be undone; afterwards undoing is a request to the operators.

use crate::world::World;

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";

async fn world() -> World {
    let mut world =
        World::new(TUESDAY).await.server_in("web01", "ada", "bob", "Europe/Berlin").server("web02", "ada");
    world.plan().await;
    world.mails();
    world
}

#[tokio::test]
async fn a_decision_is_undone_as_if_it_had_not_been_taken() {
    let mut world = world().await;
    world.says("ada", "approve web01").await;
    insta::assert_snapshot!(world.says("ada", "decline web01").await, @r#"
    web01 is declined: it is not patched in this window.
    You can take it back until the time comes: "withdraw web01".
    A mistake? Say "undo web01" until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).
    "#);
    insta::assert_snapshot!(world.says("ada", "undo web01").await, @"web01: the no is undone. It is as before: Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC), approved by ada@owners.test in Slack.");
    assert_eq!(world.state("web01").await, "approved by ada@owners.test in Slack");
    insta::assert_snapshot!(world.says("ada", "undo web01").await, @r#"
    There is no decision about web01 that could be undone.
    Say "show web01" for where it stands.
    "#);
    world.mails();
}

#[tokio::test]
async fn a_move_undone_has_its_old_time_and_ones_own_consent_and_nobody_elses() {
    let mut world = world().await;
    world.says("ada", "approve web01").await;
    world.says("ada", "move web01 to 2026-12-17 21:00").await;
    insta::assert_snapshot!(world.says("ada", "undo web01").await, @"web01: the move is undone. It is as before: Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC), approved by ada@owners.test in Slack.");
    let window = world.window("web01").await;
    assert_eq!((window.moves, window.revision.0), (0, 3));
    world.says("bob", "move web01 to 2026-12-17 21:00").await;
    insta::assert_snapshot!(world.says("bob", "undo web01").await, @"web01: the move is undone. It is as before: Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC), waits for approval.");
    world.mails();
}

#[tokio::test]
async fn nobody_undoes_what_somebody_else_decided_but_an_operator() {
    let mut world = world().await;
    world.says("ada", "decline web01").await;
    insta::assert_snapshot!(world.says("bob", "undo web01").await, @r#"
    The last decision about web01 was taken by ada@owners.test; only ada@owners.test or an operator can undo it.
    Ask them, or an operator, to say "undo web01".
    "#);
    insta::assert_snapshot!(world.says("olga", "undo web01").await, @"web01: the no is undone. It is as before: Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC), waits for approval.");
    world.mails();
}

#[tokio::test]
async fn after_its_time_an_undo_becomes_a_request_to_the_operators() {
    let mut world = world().await;
    world.says("ada", "decline web01").await;
    world.sleep_until("2026-11-24 09:30 Europe/Berlin").await;
    insta::assert_snapshot!(world.says("ada", "undo web01").await, @r#"
    For web01, the no could be undone until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC). I have passed your wish on to the operators.
    You need not wait: "withdraw web01", "move web01 to …" and "decline web01" are still yours to say.
    "#);
    assert!(world.state("web01").await.starts_with("declined by ada@owners.test"));
    insta::assert_snapshot!(world.alerts().await.join("\n"), @"
    web01 was declined by ada@owners.test in Slack.
    ada@owners.test asks to undo the no of web01.
    ");
    insta::assert_snapshot!(world.says("olga", "undo web01").await, @"web01: the no is undone. It is as before: Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC), waits for approval.");
    world.mails();
}

#[tokio::test]
async fn the_old_time_can_be_somebody_elses_meanwhile() {
    let policy = patchbot::domain::policy::Policy { per_slot_hour: 1, ..Default::default() };
    let mut world = World::with(TUESDAY, policy).await.server("web01", "ada").server("db01", "bob");
    world.plan().await;
    world.says("ada", "move web01 to 2026-12-17 21:00").await;
    world.says("bob", "move db01 to 2026-12-10 21:00").await;
    insta::assert_snapshot!(world.says("ada", "undo web01").await, @r#"
    The hour from Thu 10 Dec 2026, 21:00 Europe/Berlin (20:00 UTC) is full: at most one server starts in one hour.
    The next free times for web01: Thu 26 Nov 2026, 20:00 Europe/Berlin (19:00 UTC); Thu 26 Nov 2026, 21:00 Europe/Berlin (20:00 UTC); Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC). Say for example "move web01 to 2026-11-26 20:00".
    "#);
    assert_eq!(world.window("web01").await.plan.unwrap().local.to_string(), "2026-12-17 21:00:00");
    world.mails();
}

#[tokio::test]
async fn the_answer_to_a_reply_can_itself_be_answered_with_undo() {
    let mut world = World::new(TUESDAY).await.server("web01", "ada").server("web02", "ada");
    world.plan().await;
    let notice = world.mail_to("ada");
    assert_eq!(world.replies("ada", &notice, "approve all").await, "accepted");
    let transcript = world.mail_to("ada");
    assert_eq!(world.replies("ada", &transcript, "undo").await, "accepted");
    insta::assert_snapshot!(world.mail_to("ada").shown());
    assert_eq!(world.state("web02").await, "waits for approval");
}

#[tokio::test]
async fn what_the_clock_did_is_not_undone() {
    let policy = patchbot::domain::policy::Policy {
        silence: patchbot::domain::policy::Silence::Approve,
        ..Default::default()
    };
    let mut world = World::with(TUESDAY, policy).await.server("web01", "ada");
    world.plan().await;
    world.sleep_until("2026-12-09 00:30 Europe/Berlin").await;
    insta::assert_snapshot!(world.says("ada", "undo web01").await, @r#"
    There is no decision about web01 that could be undone.
    Say "show web01" for where it stands.
    "#);
    world.mails();
}

#[tokio::test]
async fn a_no_that_is_taken_back_does_not_take_the_place_that_somebody_else_got_meanwhile() {
    let policy = patchbot::domain::policy::Policy { per_slot_hour: 1, ..Default::default() };
    let mut world = World::with(TUESDAY, policy).await.server("web01", "ada").server("db01", "bob");
    world.plan().await;
    world.says("ada", "decline web01 because \"the shop's sale\"").await;
    world.says("bob", "move db01 to 2026-12-10 21:00").await;
    insta::assert_snapshot!(world.says("ada", "undo web01").await, @r#"
    web01: the no is undone, and it waits for a time again. Its old time, Thu 10 Dec 2026, 21:00, is gone. The hour from Thu 10 Dec 2026, 21:00 Europe/Berlin (20:00 UTC) is full: at most one server starts in one hour.
    Choose one: "slots web01" shows the free times.
    "#);
    insta::assert_snapshot!(world.state("web01").await, @"no time yet");
    world.says("ada", "move web01 to 2026-12-17 21:00").await;
    world.says("ada", "decline web01 because \"the shop's sale\"").await;
    world.says("bob", "move db01 to 2026-12-17 21:00").await;
    insta::assert_snapshot!(world.says("ada", "withdraw web01").await, @r#"
    web01 waits for a time again. Its old time, Thu 17 Dec 2026, 21:00, is gone. The hour from Thu 17 Dec 2026, 21:00 Europe/Berlin (20:00 UTC) is full: at most one server starts in one hour.
    Choose one: "slots web01" shows the free times.
    A mistake? Say "undo web01" until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).
    "#);
    insta::assert_snapshot!(world.says("ada", "move web01 to 2026-12-10 21:00").await, @r#"
    web01 moves to Thu 10 Dec 2026, 21:00 Europe/Berlin (20:00 UTC). It waits for approval.
    It can be moved once more, to Sun 31 Jan 2027 at the latest.
    If that suits you, say "approve web01".
    A mistake? Say "undo web01" until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).
    "#);
    world.mails();
}
