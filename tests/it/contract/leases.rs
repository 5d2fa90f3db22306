//! Claims: nobody works on what somebody else holds, and who was overtaken writes nothing.

use chrono::TimeDelta;
use patchbot::clock::Ids;
use patchbot::domain::ids::WindowId;
use patchbot::domain::timeline::{Due, Event};
use patchbot::store::error::StoreError;
use patchbot::store::records::{Claim, Claimed, Subject};
use patchbot::store::{Store, Tx};

use super::{Fresh, on_both, utc};

on_both!(
    eight_workers_claim_two_hundred_due_windows_once_each,
    work_that_is_not_due_or_held_is_not_claimed,
    a_claim_that_ran_out_is_taken_over_and_its_holder_writes_nothing,
    a_person_who_changes_a_window_overtakes_the_clock,
    what_is_rolled_back_did_not_happen,
);

const NOON: &str = "2026-12-03T12:00:00Z";

fn quarter() -> patchbot::domain::quarter::Quarter {
    "2027-Q1".parse().unwrap()
}

async fn put(tx: &mut Tx, at: &str) -> Subject {
    let subject = Subject::Window(WindowId(Ids::Random.next()));
    tx.put_due(subject, quarter(), Some(Due { at: utc(at), event: Event::Start })).await.unwrap();
    subject
}

async fn claim(store: &Store, owner: &str, now: &str, most: i64) -> Vec<Claimed> {
    let mut tx = store.begin().await.unwrap();
    let now = utc(now);
    let claim = Claim { owner, now, until: now + TimeDelta::minutes(2), most };
    let claimed = tx.claim_due(&claim).await.unwrap();
    tx.commit().await.unwrap();
    claimed
}

async fn eight_workers_claim_two_hundred_due_windows_once_each(fresh: Fresh) {
    let mut tx = fresh.store.begin().await.unwrap();
    for _ in 0..200 {
        put(&mut tx, "2026-12-03T11:00:00Z").await;
    }
    tx.commit().await.unwrap();
    let workers = (0..8).map(|worker| {
        let store = fresh.store.clone();
        tokio::spawn(async move {
            let name = format!("worker{worker}");
            let mut mine = Vec::new();
            loop {
                let claimed = claim(&store, &name, NOON, 5).await;
                if claimed.is_empty() {
                    return mine;
                }
                mine.extend(claimed.into_iter().map(|claimed| claimed.subject));
            }
        })
    });
    let mut all = std::collections::HashSet::new();
    for worker in workers.collect::<Vec<_>>() {
        for subject in worker.await.unwrap() {
            assert!(all.insert(subject), "claimed twice");
        }
    }
    assert_eq!(all.len(), 200);
}

async fn work_that_is_not_due_or_held_is_not_claimed(fresh: Fresh) {
    let mut tx = fresh.store.begin().await.unwrap();
    let due = put(&mut tx, "2026-12-03T11:59:59Z").await;
    put(&mut tx, "2026-12-03T12:00:01Z").await;
    let nothing = Subject::Window(WindowId(Ids::Random.next()));
    tx.put_due(nothing, quarter(), None).await.unwrap();
    tx.commit().await.unwrap();
    let first = claim(&fresh.store, "one", NOON, 10).await;
    assert_eq!(first.iter().map(|claimed| claimed.subject).collect::<Vec<_>>(), [due]);
    assert_eq!(claim(&fresh.store, "two", NOON, 10).await, []);
    let mut tx = fresh.store.begin().await.unwrap();
    tx.settle(&first[0], None).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claim(&fresh.store, "two", "2026-12-03T12:00:00.9Z", 10).await, []);
}

async fn a_claim_that_ran_out_is_taken_over_and_its_holder_writes_nothing(fresh: Fresh) {
    let mut tx = fresh.store.begin().await.unwrap();
    put(&mut tx, "2026-12-03T11:00:00Z").await;
    tx.commit().await.unwrap();
    let first = claim(&fresh.store, "one", NOON, 10).await.remove(0);
    let second = claim(&fresh.store, "two", "2026-12-03T12:02:00Z", 10).await.remove(0);
    assert_eq!(first.subject, second.subject);
    let mut tx = fresh.store.begin().await.unwrap();
    assert!(matches!(tx.renew(&first, utc("2026-12-03T13:00:00Z")).await, Err(StoreError::Stale(_))));
    assert!(matches!(tx.settle(&first, None).await, Err(StoreError::Stale(_))));
    assert!(matches!(tx.postpone(&first, utc(NOON)).await, Err(StoreError::Stale(_))));
    tx.renew(&second, utc("2026-12-03T13:00:00Z")).await.unwrap();
    tx.settle(&second, None).await.unwrap();
    tx.commit().await.unwrap();
}

async fn a_person_who_changes_a_window_overtakes_the_clock(fresh: Fresh) {
    let mut tx = fresh.store.begin().await.unwrap();
    let subject = put(&mut tx, "2026-12-03T11:00:00Z").await;
    tx.commit().await.unwrap();
    let held = claim(&fresh.store, "one", NOON, 10).await.remove(0);
    let later = Due { at: utc("2026-12-10T11:00:00Z"), event: Event::Reminder };
    let mut tx = fresh.store.begin().await.unwrap();
    tx.put_due(subject, quarter(), Some(later)).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = fresh.store.begin().await.unwrap();
    assert!(matches!(tx.settle(&held, None).await, Err(StoreError::Stale(_))));
    let waiting = tx.waiting(subject, quarter()).await.unwrap().unwrap();
    assert_eq!((waiting.event, waiting.at), (later.event, later.at));
}

async fn what_is_rolled_back_did_not_happen(fresh: Fresh) {
    let mut tx = fresh.store.begin().await.unwrap();
    put(&mut tx, "2026-12-03T11:00:00Z").await;
    drop(tx);
    assert_eq!(claim(&fresh.store, "one", NOON, 10).await, []);
}
