//! What comes by itself: follow-ups, the week ahead, several decisions in one mail, and the operators' reports.

use crate::world::World;

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";

#[tokio::test]
async fn on_mondays_owners_hear_what_waits_what_is_needed_and_what_comes_this_week() {
    let mut world =
        World::new(TUESDAY).await.server("web01", "ada").server("web02", "ada").server("db01", "ada");
    world.plan().await;
    let notice = world.mail_to("ada");
    world
        .replies("ada", &notice, "1 move 2026-12-03 20:00; 2 move 2026-12-10 20:00; 3 move 2026-12-17 20:00")
        .await;
    let moved = world.mail_to("ada");
    world.replies("ada", &moved, "approve 1").await;
    world.mails();
    world.sleep_until("2026-11-30 08:59 Europe/Berlin").await;
    world.done();
    world.sleep_until("2026-11-30 09:01 Europe/Berlin").await;
    let mails = world.unread();
    world.mails();
    let mut shown: Vec<String> = mails.iter().map(crate::world::Mail::shown).collect();
    shown.sort();
    insta::assert_snapshot!(shown.join("\n\n==========\n\n"));
}

#[tokio::test]
async fn several_decisions_at_once_are_told_to_the_other_owner_in_one_mail() {
    let mut world = World::new(TUESDAY).await;
    for number in 1..=10 {
        world = world.server_in(&format!("web{number:02}"), "ada", "bob", "Europe/Berlin");
    }
    world.plan().await;
    let notice = world.mail_to("ada");
    assert_eq!(
        world.replies("ada", &notice, "1-8 ok; 9 no: release; 10 move 2026-12-17 21:00").await,
        "accepted"
    );
    let told = world.mail_to("bob");
    insta::assert_snapshot!(told.shown());
    // He can take one of them back by its number.
    assert_eq!(world.replies("bob", &told, "2 no: not during the fair").await, "accepted");
    assert_eq!(world.state("web05").await, "declined by bob@owners.test by mail (\"not during the fair\")");
    world.mails();
}

#[tokio::test]
async fn operators_are_told_each_morning_each_monday_and_each_month() {
    let mut world = World::new(TUESDAY).await.server("web01", "ada").server("db01", "bob").reporting();
    world.plan().await;
    world.mails();
    world.says("ada", "approve web01").await;
    world.mails();
    world.sleep_until("2026-11-25 08:01 Europe/Berlin").await;
    insta::assert_snapshot!(world.mail_to("olga").shown());
    world.sleep_until("2026-12-02 07:00 Europe/Berlin").await;
    let reports: Vec<String> = world.mails().into_iter().filter(|mail| mail.starts_with("olga")).collect();
    insta::assert_snapshot!(reports.join("\n"));
    // A program that was started anew reports nothing twice.
    let mut world = world.restarted().reporting();
    world.settle().await;
    world.done();
}
