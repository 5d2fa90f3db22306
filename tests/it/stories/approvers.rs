//! Who approves without owning: the rules name somebody, he is asked, and he says yes or no; the owners choose the times.

use patchbot::domain::person::{Address, Identity};
use patchbot::domain::policy::{Policy, Silence};

use crate::world::{World, root};

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";

/// web01 is ada's and db01 is bob's; lena, who owns nothing, approves.
async fn world(silence: Silence) -> World {
    let lena = Address::parse("lena@owners.test").unwrap();
    let policy = Policy { approvers: vec![lena], silence, ..Policy::default() };
    let mut world = World::with(TUESDAY, policy).await.server("web01", "ada").server("db01", "bob");
    world.plan().await;
    world
}

#[tokio::test]
async fn who_is_named_to_approve_is_asked_and_owners_read_who_that_is() {
    let mut world = world(Silence::Hold).await;
    let notices = world.unread();
    let to = |who: &str| notices.iter().find(|mail| mail.to.starts_with(who)).unwrap().clone();
    insta::assert_snapshot!(to("lena").shown());
    insta::assert_snapshot!(to("ada").shown());
    // The owner's yes is none, and says whose it is.
    world.mails();
    assert_eq!(world.replies("ada", &to("ada"), "approve").await, "rejected");
    insta::assert_snapshot!(world.mail_to("ada").shown());
    assert_eq!(world.state("web01").await, "waits for approval");
    // Hers decides about both, and both owners hear of it.
    assert_eq!(world.replies("lena", &to("lena"), "approve all").await, "accepted");
    assert_eq!(world.state("web01").await, "approved by lena@owners.test by mail");
    assert_eq!(world.state("db01").await, "approved by lena@owners.test by mail");
    insta::assert_snapshot!(world.mails().join("\n"));
    world.done();
}

#[tokio::test]
async fn she_says_yes_or_no_and_the_owners_choose_the_time() {
    let mut world = world(Silence::Hold).await;
    world.mails();
    insta::assert_snapshot!(world.says("lena", "move web01 to 2026-12-17 21:00").await);
    insta::assert_snapshot!(world.says("lena", "defer web01 until 2027-04-15 because \"no time\"").await);
    insta::assert_snapshot!(world.says("lena", "status").await);
    insta::assert_snapshot!(world.says("lena", "decline web01 because \"the fair is on\"").await);
    // The owner, who was told, does not talk over her no.
    insta::assert_snapshot!(world.says("ada", "move web01 to 2026-12-17 21:00").await);
    world.says("lena", "withdraw web01").await;
    world.mails();
    insta::assert_snapshot!(world.says("ada", "move web01 to 2026-12-17 21:00").await);
    // What waits for her again is told to her as well.
    insta::assert_snapshot!(world.mails().join("\n"));
    insta::assert_snapshot!(world.says("lena", "approve all").await);
    // Somebody whom no rule names is still a stranger.
    insta::assert_snapshot!(world.says("bob", "approve web01").await);
    world.mails();
    world.done();
}

#[tokio::test]
async fn all_is_what_waits_in_this_quarter_and_not_what_is_planned_behind_it() {
    let mut world = world(Silence::Hold).await;
    world.plan_quarter("2027-Q2").await;
    world.mails();
    world.says("lena", "approve all").await;
    world.mails();
    assert_eq!(world.state("web01").await, "approved by lena@owners.test in Slack");
    let later = world.window_in("web01", "2027-Q2").await.unwrap();
    assert_eq!(later.state.phrase(), "waits for approval");
}

#[tokio::test]
async fn who_stands_in_for_an_owner_as_well_is_told_once() {
    let mut world = world(Silence::Hold).await;
    world.says("ada", "delegate web01 to lena@owners.test until 2026-12-20").await;
    world.mails();
    world.says("ada", "move web01 to 2026-12-17 21:00").await;
    let told = world.mail_to("lena");
    assert_eq!(told.headline(), "lena@owners.test: 2027-Q1: web01 was moved by ada@owners.test");
}

#[tokio::test]
async fn who_reads_in_slack_gets_cards_to_press_once() {
    let mut world = world(Silence::Hold).await;
    let hers = Identity::Slack { team: "T1".to_owned(), user: "U0LENA".to_owned() };
    world.app.link(&Address::parse("lena@owners.test").unwrap(), &hers, root()).await.unwrap();
    let cards = async |world: &World| {
        let rows = world.app.store.read().await.unwrap().latest_notifications(99).await.unwrap();
        rows.iter().filter(|row| row.kind == "card" && row.recipient == "@U0LENA").count()
    };
    assert_eq!(cards(&world).await, 0);
    // The next monthly notice brings them: both on one.
    world.sleep_until("2026-12-01 10:00 Europe/Berlin").await;
    assert_eq!(cards(&world).await, 1);
    world.mails();
    world.done();
}

#[tokio::test]
async fn silence_goes_to_her_before_it_goes_to_the_operators() {
    let mut world = world(Silence::Escalate).await;
    world.says("lena", "approve db01").await;
    world.mails();
    world.sleep_until("2026-12-07 10:00 Europe/Berlin").await;
    insta::assert_snapshot!(world.mails().join("\n"));
    world.sleep_until("2026-12-09 10:00 Europe/Berlin").await;
    let asked = world.unread();
    let hers = asked.iter().find(|mail| mail.to.starts_with("lena")).unwrap().clone();
    insta::assert_snapshot!(hers.shown());
    assert_eq!(world.replies("lena", &hers, "approve").await, "accepted");
    assert_eq!(world.state("web01").await, "approved by lena@owners.test by mail");
    world.mails();
    insta::assert_snapshot!(world.alerts().await.join("\n"));
    world.done();
}
