//! Outages of the mail server: nothing is lost, nothing is said twice, and nothing is sent that is not true any more.

use std::time::Duration;

use chrono::TimeDelta;
use patchbot::store::{Store, Tx};

use crate::world::World;
use crate::world::mails::Letter;

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

async fn has_database(store: &Store, sql: &'static str) {
    let mut tx = store.begin().await.unwrap();
    let Tx::Sqlite(conn) = &mut tx else { panic!("SQLite is asked for") };
    sqlx::query(sql).execute(&mut **conn).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_mail_whose_sending_cannot_be_written_down_at_once_is_not_sent_a_second_time() {
    let mut world = World::new(TUESDAY).await.server("web01", "ada");
    let store = world.app.store.clone();
    if matches!(store, Store::Postgres(_)) {
        return;
    }
    world.mail_server(false).await;
    world.plan().await;
    has_database(
        &store,
        "CREATE TRIGGER full_disk BEFORE UPDATE ON notifications WHEN NEW.state = 'sent' \
         BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
    )
    .await;
    let mended = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        has_database(&store, "DROP TRIGGER full_disk").await;
    };
    tokio::join!(world.mail_server(true), mended);
    assert_eq!(world.mails().len(), 1);
    // The claim on it would have run out by now.
    world.sleep_until("2026-11-24 10:00 Europe/Berlin").await;
    assert_eq!(world.mails(), Vec::<String>::new());
    assert_eq!(world.outbox(1).await, ["monthly_notice to ada@owners.test: sent"]);
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

#[tokio::test]
async fn in_a_day_of_mail_servers_that_come_and_go_nothing_is_lost_and_nothing_said_twice() {
    const PEOPLE: [&str; 3] = ["ada@owners.test", "bob@owners.test", "carl@owners.test"];
    let mut world = World::by_real_mail(TUESDAY)
        .await
        .server_in("web01", "ada", "bob", "Europe/Berlin")
        .server_in("web02", "bob", "carl", "America/New_York")
        .server("db01", "carl");
    world.plan().await;
    world.calms_down().await;
    let notice = world.mail_to("ada");
    world.gets_restless();
    // What the owners' servers could not hand over yet.
    let mut kept: Vec<(Letter, usize)> = Vec::new();
    let mut written = 0;
    let mut taken = 0;
    for hour in 0..24 {
        match hour % 6 {
            1 => {
                // What Postfix and Dovecot do to each other when one goes in the middle is not what is looked at here.
                all_arrived(&mut world, taken).await;
                world.servers().stop_postfix().await.unwrap();
            }
            2 => {
                world.servers().start_postfix().await.unwrap();
                all_arrived(&mut world, taken).await;
                world.servers().stop_dovecot().await.unwrap();
            }
            4 => world.servers().start_dovecot().await.unwrap(),
            _ => {}
        }
        written += 1;
        kept.push((Letter::answering(&notice, "ada", "status"), written));
        // Chat has its own way, and tells the other owners by mail.
        let words = if hour % 2 == 0 { "approve web01" } else { "withdraw web01" };
        world.says("ada", words).await;
        let mut still_kept = Vec::new();
        for (letter, number) in std::mem::take(&mut kept) {
            if world.is_handed_in(&letter, number).await {
                taken += 1;
            } else {
                still_kept.push((letter, number));
            }
        }
        kept = still_kept;
        for _ in 0..3 {
            world.reads_its_mail().await;
            let later = world.app.now() + TimeDelta::minutes(20);
            world.app.clock.set(later);
        }
    }
    assert!(kept.is_empty(), "both servers answer at the end");
    all_arrived(&mut world, written).await;
    let outcomes = world.outcomes().await;
    assert_eq!(outcomes.len(), written, "each answer came once");
    assert!(outcomes.iter().all(|outcome| outcome == "accepted"), "{outcomes:?}");
    let unsent: Vec<String> =
        world.outbox(1000).await.into_iter().filter(|line| !line.ends_with(": sent")).collect();
    assert_eq!(unsent, Vec::<String>::new());
    let transcripts =
        world.mails().into_iter().filter(|mail| mail.starts_with("ada") && mail.contains("answer")).count();
    assert_eq!(transcripts, written, "each answer was answered once");
    assert_eq!(world.doubled(&PEOPLE), Vec::<String>::new());
}

/// Waits until everything that a server took has come to where it goes: `answers` to us, all notices to people.
async fn all_arrived(world: &mut World, answers: usize) {
    // A mail that lies in a queue is tried again within two seconds.
    let patience = std::time::Instant::now();
    while world.outcomes().await.len() < answers && patience.elapsed().as_secs() < 60 {
        world.reads_its_mail().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.calms_down().await;
    world.gets_restless();
    // A letter that lies in a mailbox is delivered once more when Postfix does not hear that it was taken.
    while !world.servers().is_queue_empty().unwrap() && patience.elapsed().as_secs() < 60 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
