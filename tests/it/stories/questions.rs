//! Questions get the same plain answers everywhere.

use crate::world::World;

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";

async fn world() -> World {
    let mut world = World::new(TUESDAY)
        .await
        .server_in("web01.example.org", "ada", "bob", "America/New_York")
        .server("web02.example.org", "ada");
    world.plan().await;
    world.mails();
    world
}

#[tokio::test]
async fn status_list_and_show_tell_where_things_stand() {
    let mut world = world().await;
    world.says("ada", "approve web02").await;
    insta::assert_snapshot!(world.says("ada", "status").await, @"");
    insta::assert_snapshot!(world.says("ada", "list").await, @"");
    insta::assert_snapshot!(world.says("bob", "list all").await, @"");
    insta::assert_snapshot!(world.says("ada", "show web02").await, @"");
}

#[tokio::test]
async fn why_names_the_gate_that_holds_and_who_lifts_it() {
    let mut world = world().await;
    insta::assert_snapshot!(world.says("ada", "why web01").await, @"");
    world.says("ada", "decline web01").await;
    insta::assert_snapshot!(world.says("ada", "why web01").await, @"");
}

#[tokio::test]
async fn slots_are_offered_and_taken() {
    let mut world = world().await;
    let offered = world.says("ada", "slots web01").await;
    insta::assert_snapshot!(offered, @"");
    insta::assert_snapshot!(world.says("ada", "move web01 to 2026-12-10 20:30").await, @"");
}

#[tokio::test]
async fn history_tells_who_decided_what_through_which_channel() {
    let mut world = world().await;
    world.says("ada", "approve web01").await;
    world.says("bob", "decline web01 because \"backup runs\"").await;
    insta::assert_snapshot!(world.says("ada", "history web01").await, @"");
}

#[tokio::test]
async fn a_mistyped_server_gets_the_nearest_of_ones_own() {
    let mut world = world().await;
    insta::assert_snapshot!(world.says("ada", "approve wbe01").await, @"");
    insta::assert_snapshot!(world.says("ada", "approve").await, @"");
    insta::assert_snapshot!(world.says("ada", "approve 1-2").await, @"");
}

#[tokio::test]
async fn whoami_and_help_are_about_the_one_who_asks() {
    let mut world = world().await;
    insta::assert_snapshot!(world.says("ada", "whoami").await, @"");
    insta::assert_snapshot!(world.says("olga", "whoami").await, @"");
    insta::assert_snapshot!(world.says("ada", "help").await, @"");
    insta::assert_snapshot!(world.says("ada", "help move").await, @"");
}
