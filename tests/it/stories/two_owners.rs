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
    insta::assert_snapshot!(world.says("ada", "approve web01").await, @"");
    insta::assert_snapshot!(world.mails().join("\n"), @"");
    insta::assert_snapshot!(world.says("bob", "approve web01").await, @"");
    world.done();
}

#[tokio::test]
async fn a_no_is_a_conflict_that_stops() {
    let mut world = world().await;
    world.says("ada", "approve web01").await;
    insta::assert_snapshot!(world.says("bob", "decline web01 because \"backup runs\"").await, @"");
    insta::assert_snapshot!(world.says("ada", "approve web01").await, @"");
    insta::assert_snapshot!(world.alerts().await.join("\n"), @"");
    insta::assert_snapshot!(world.mails().join("\n"), @"");
}

#[tokio::test]
async fn somebody_elses_server_is_not_even_known_to_a_stranger() {
    let mut world = world().await;
    insta::assert_snapshot!(world.says("ada", "approve db01").await, @"");
    insta::assert_snapshot!(world.says("eve", "approve web01").await, @"");
    assert_eq!(world.state("db01").await, "waits for approval");
    assert_eq!(world.state("web01").await, "waits for approval");
}

#[tokio::test]
async fn two_who_decide_at_the_same_moment_make_one_decision() {
    let world = world().await;
    let (app_one, app_two) = (world.app.clone(), world.app.clone());
    let request = |app: patchbot::app::App, who: &'static str| async move {
        let request = patchbot::app::handle::Request {
            identity: patchbot::domain::person::Identity::Slack { team: "T1".to_owned(), user: who.to_owned() },
            vouched: Some(patchbot::domain::person::Address::parse(&crate::world::mail_of(who)).unwrap()),
            channel: patchbot::domain::answer::Channel::Slack,
            command: patchbot_commands::parse("approve web01").unwrap(),
            shown: Vec::new(),
            typed_by: None,
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
    insta::assert_snapshot!(world.says("olga", "move web01 to 2026-11-25 20:00").await, @"");
    insta::assert_snapshot!(world.says("olga", "move web01 to 2026-11-25 20:00 because \"zero day\"").await, @"");
    insta::assert_snapshot!(world.says("olga", "approve web01").await, @"");
    insta::assert_snapshot!(world.says("ada", "approve web01").await, @"");
}
