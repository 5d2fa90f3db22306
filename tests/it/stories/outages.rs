//! Outages of the mail server: nothing is lost, nothing is said twice, and nothing is sent that is not true any more.

use crate::world::World;

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";

#[tokio::test]
async fn a_request_whose_server_was_decided_meanwhile_is_not_sent_and_the_others_are_still_asked_about() {
    let mut world = World::new(TUESDAY).await.server("web01", "ada").server("web02", "ada");
    world.mail_server(false).await;
    world.plan().await;
    assert!(world.mails().is_empty());
    world.says("ada", "approve web01").await;
    world.mail_server(true).await;
    let notices = world.unread();
    let notice = notices.iter().find(|mail| mail.text.contains("Please answer by")).unwrap();
    assert!(!notice.text.contains("web01") && notice.text.contains("web02"), "{}", notice.text);
    insta::assert_debug_snapshot!(world.mails());
    // The number that is shown still means the same server.
    assert_eq!(world.replies("ada", notice, "2 no: release").await, "accepted");
    assert_eq!(world.state("web01").await, "approved by ada@owners.test in Slack");
    assert!(world.state("web02").await.starts_with("declined"));
}

#[tokio::test]
async fn a_request_about_a_window_that_has_moved_is_dropped_and_the_outbox_says_why() {
    let mut world = World::new(TUESDAY).await.server("web01", "ada");
    world.mail_server(false).await;
    world.plan().await;
    world.says("ada", "move web01 to 2026-12-17 21:00").await;
    world.mail_server(true).await;
    insta::assert_debug_snapshot!(world.outbox(5).await);
    insta::assert_debug_snapshot!(world.mails());
    world.done();
}

#[tokio::test]
async fn a_reminder_of_yesterday_is_not_sent_today() {
    let mut world = World::new(TUESDAY).await.server("web01", "ada");
    world.plan().await;
    world.says("ada", "approve web01").await;
    world.mails();
    world.mail_server(false).await;
    world.sleep_until("2026-12-11 09:00 Europe/Berlin").await;
    world.mail_server(true).await;
    insta::assert_debug_snapshot!(world.mails());
}
