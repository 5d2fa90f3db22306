//! Several people decide about one server: one no stops, who was first is named, and nobody decides for others.

use crate::world::World;

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";

async fn world() -> World {
    let mut world =
        World::new(TUESDAY).await.server_in("web01", "ada", "bob", "Europe/Berlin").server("db01", "bob");
    world.plan().await;
    world.mails();
    world
}

#[tokio::test]
async fn every_owner_is_told_of_a_decision_wherever_it_was_taken() {
    let mut world = world().await;
    insta::assert_snapshot!(world.says("ada", "approve web01").await, @r#"
    web01 is approved for Thu 10 Dec 2026, 21:00 Europe/Berlin (20:00 UTC).
    Until the start you can take it back: "withdraw web01".
    A mistake? Say "undo web01" until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).
    "#);
    insta::assert_snapshot!(world.mails().join("\n"), @"
    ada@owners.test: 2027-Q1: web01 was approved by ada@owners.test
    bob@owners.test: 2027-Q1: web01 was approved by ada@owners.test
    ");
    insta::assert_snapshot!(world.says("bob", "approve web01").await, @r#"
    web01 is already approved by ada@owners.test in Slack, since Tue 24 Nov 2026, 09:00 Europe/Berlin (08:00 UTC).
    To take it back, say "withdraw web01".
    "#);
    world.done();
}

#[tokio::test]
async fn a_no_is_a_conflict_that_stops() {
    let mut world = world().await;
    world.says("ada", "approve web01").await;
    insta::assert_snapshot!(world.says("bob", "decline web01 because \"backup runs\"").await, @r#"
    web01 is declined: it is not patched in this window.
    You can take it back until the time comes: "withdraw web01".
    A mistake? Say "undo web01" until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).
    "#);
    insta::assert_snapshot!(world.says("ada", "approve web01").await, @r#"
    bob@owners.test declined web01; a no stands until it is taken back.
    bob@owners.test or an operator can say "withdraw web01"; after that it can be approved.
    "#);
    insta::assert_snapshot!(world.alerts().await.join("\n"), @r#"web01 was declined by bob@owners.test in Slack because "backup runs"."#);
    insta::assert_snapshot!(world.mails().join("\n"), @"
    ada@owners.test: 2027-Q1: web01 was approved by ada@owners.test
    ada@owners.test: 2027-Q1: web01 was declined by bob@owners.test
    bob@owners.test: 2027-Q1: web01 was approved by ada@owners.test
    bob@owners.test: 2027-Q1: web01 was declined by bob@owners.test
    ");
}

#[tokio::test]
async fn somebody_elses_server_is_not_even_known_to_a_stranger() {
    let mut world = world().await;
    insta::assert_snapshot!(world.says("ada", "approve db01").await, @r#"
    I know no server of yours called "db01".
    Did you mean web01?
    "#);
    insta::assert_snapshot!(world.says("eve", "approve web01").await, @"
    I do not know you yet, so I cannot tell which servers are yours.
    Ask an operator to link your account to your mail address, or answer a notice mail.
    ");
    assert_eq!(world.state("db01").await, "waits for approval");
    assert_eq!(world.state("web01").await, "waits for approval");
}

#[tokio::test]
async fn two_who_decide_at_the_same_moment_make_one_decision() {
    let world = world().await;
    let (app_one, app_two) = (world.app.clone(), world.app.clone());
    let request = |app: patchbot::app::App, who: &'static str| async move {
        let request = patchbot::app::handle::Request {
            identity: patchbot::domain::person::Identity::Slack {
                team: "T1".to_owned(),
                user: who.to_owned(),
            },
            vouched: Some(patchbot::domain::person::Address::parse(&crate::world::mail_of(who)).unwrap()),
            channel: patchbot::domain::answer::Channel::Slack,
            command: patchbot_commands::parse("approve web01").unwrap(),
            shown: Vec::new(),
            typed_by: None,
            name: None,
        };
        app.handle(&request).await.text()
    };
    let (one, two) = tokio::join!(request(app_one, "ada"), request(app_two, "bob"));
    let done = [&one, &two].into_iter().filter(|answer| answer.starts_with("web01 is approved for")).count();
    let late = [&one, &two].into_iter().filter(|answer| answer.contains("is already approved by")).count();
    assert_eq!((done, late), (1, 1), "{one}\n{two}");
    let decisions = {
        let window = world.window("web01").await;
        world.app.store.read().await.unwrap().decisions_of(window.id).await.unwrap()
    };
    assert_eq!(decisions.len(), 1);
}

#[tokio::test]
async fn an_operator_crosses_the_freeze_with_a_reason_and_a_second_person() {
    let mut world = world().await;
    insta::assert_snapshot!(world.says("olga", "move web01 to 2026-11-25 20:00").await, @r#"
    That crosses the freeze of the current patch week, which needs a reason.
    Say it again with because "…"; then somebody else must approve the new time.
    "#);
    insta::assert_snapshot!(world.says("olga", "move web01 to 2026-11-25 20:00 because \"zero day\"").await, @r#"
    web01 moves to Wed 25 Nov 2026, 20:00 Europe/Berlin (19:00 UTC). It waits for approval.
    It crosses the freeze, so somebody else must say "approve web01".
    A mistake? Say "undo web01" until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).
    "#);
    insta::assert_snapshot!(world.says("olga", "approve web01").await, @r#"
    You moved web01 across the freeze yourself; somebody else must approve it.
    Ask an owner or another operator to say "approve web01".
    "#);
    insta::assert_snapshot!(world.says("ada", "approve web01").await, @r#"
    web01 is approved for Wed 25 Nov 2026, 20:00 Europe/Berlin (19:00 UTC).
    Until the start you can take it back: "withdraw web01".
    A mistake? Say "undo web01" until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).
    "#);
}

#[tokio::test]
async fn a_request_that_the_platform_delivers_twice_decides_once() {
    let world = world().await;
    let request = patchbot::app::handle::Request {
        identity: patchbot::domain::person::Identity::Slack { team: "T1".to_owned(), user: "U1".to_owned() },
        vouched: Some(patchbot::domain::person::Address::parse("ada@owners.test").unwrap()),
        channel: patchbot::domain::answer::Channel::Slack,
        command: patchbot_commands::parse("defer web01 by 1 week").unwrap(),
        shown: Vec::new(),
        typed_by: None,
        name: Some("slack trigger 17.4 1".to_owned()),
    };
    world.app.handle(&request).await;
    // Also by a program that was started anew.
    let world = world.restarted();
    insta::assert_snapshot!(world.app.handle(&request).await.text(), @r#"
    web01 moves to Thu 17 Dec 2026, 21:00 Europe/Berlin (20:00 UTC). It waits for approval.
    It can be moved twice more, to Sun 31 Jan 2027 at the latest.
    If that suits you, say "approve web01".
    A mistake? Say "undo web01" until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).
    "#);
    assert_eq!(world.window("web01").await.plan.unwrap().local.to_string(), "2026-12-17 21:00:00");
}
