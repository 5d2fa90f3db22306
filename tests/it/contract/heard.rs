//! What is said in chat: written down once, answered by who holds it, taken up by the next when nobody does.

use chrono::{DateTime, TimeDelta, Utc};
use patchbot::clock::Ids;
use patchbot::domain::answer::{Answer, Verdict};
use patchbot::store::error::StoreError;
use patchbot::store::records::{Claim, Medium, NewHeard};
use patchbot::store::{Store, Tx};
use uuid::Uuid;

use super::{Fresh, on_both, utc};

on_both!(
    the_same_is_written_down_once,
    what_nobody_holds_is_taken_up_in_its_order,
    an_answer_is_kept_once_and_forgotten_after_its_time,
);

const NOON: &str = "2026-12-03T12:00:00Z";

async fn hears(tx: &mut Tx, key: &str, owner: &str) -> (Uuid, bool) {
    let id = Ids::Random.next();
    let new = NewHeard {
        id,
        platform: Medium::Slack,
        key,
        account: "U1",
        said: "{\"words\":\"approve web01\"}",
        heard_at: utc(NOON),
        acknowledged: false,
        owner,
        until: utc(NOON) + TimeDelta::seconds(30),
    };
    (id, tx.write_down(&new).await.unwrap())
}

fn claim(owner: &str, now: DateTime<Utc>) -> Claim<'_> {
    Claim { owner, now, until: now + TimeDelta::seconds(30), most: 10 }
}

async fn the_same_is_written_down_once(fresh: Fresh) {
    let mut tx = fresh.store.begin().await.unwrap();
    let (first, new) = hears(&mut tx, "one", "a").await;
    assert!(new);
    assert!(!hears(&mut tx, "one", "b").await.1);
    assert!(tx.heard_answered(first, "a", utc(NOON)).await.unwrap());
    assert!(!tx.heard_answered(first, "a", utc(NOON)).await.unwrap(), "once");
    assert!(!hears(&mut tx, "one", "b").await.1, "it is known for a while");
    tx.forget_heard(utc(NOON) + TimeDelta::seconds(1)).await.unwrap();
    assert!(hears(&mut tx, "one", "b").await.1);
}

async fn what_nobody_holds_is_taken_up_in_its_order(fresh: Fresh) {
    let later = utc(NOON) + TimeDelta::minutes(1);
    let mut tx = fresh.store.begin().await.unwrap();
    let (first, _) = hears(&mut tx, "one", "a").await;
    let (second, _) = hears(&mut tx, "two", "a").await;
    tx.heard_acknowledged(second).await.unwrap();
    assert!(tx.claim_heard(&claim("b", utc(NOON)), Medium::Slack).await.unwrap().is_empty(), "a holds it");
    tx.hold_heard("a", later + TimeDelta::minutes(1)).await.unwrap();
    assert!(tx.claim_heard(&claim("b", later), Medium::Slack).await.unwrap().is_empty(), "a still does");
    assert_eq!(tx.release_heard().await.unwrap(), 2);
    assert!(tx.claim_heard(&claim("b", later), Medium::Discord).await.unwrap().is_empty());
    let taken = tx.claim_heard(&claim("b", later), Medium::Slack).await.unwrap();
    let told: Vec<_> = taken.iter().map(|row| (row.id, row.acknowledged, row.attempts)).collect();
    assert_eq!(told, [(first, false, 1), (second, true, 1)]);
    assert_eq!((taken[0].account.as_str(), taken[0].said.contains("approve web01")), ("U1", true));
    assert!(!tx.heard_answered(first, "a", later).await.unwrap(), "a has lost it");
    assert!(tx.heard_answered(first, "b", later).await.unwrap());
}

async fn an_answer_is_kept_once_and_forgotten_after_its_time(fresh: Fresh) {
    let answer = Answer::new(Verdict::Done, "web01 is approved.");
    let keeps = async |store: &Store| {
        let mut tx = store.begin().await.unwrap();
        let kept = tx.keep_answer("slack trigger 1 1", &answer, utc(NOON)).await;
        tx.commit().await.unwrap();
        kept
    };
    keeps(&fresh.store).await.unwrap();
    assert!(matches!(keeps(&fresh.store).await, Err(StoreError::Stale(_))), "somebody else has answered it");
    let mut tx = fresh.store.begin().await.unwrap();
    assert_eq!(tx.answer_to("slack trigger 1 1").await.unwrap(), Some(answer));
    assert_eq!(tx.answer_to("slack trigger 1 2").await.unwrap(), None);
    tx.forget_heard(utc(NOON) + TimeDelta::seconds(1)).await.unwrap();
    assert_eq!(tx.answer_to("slack trigger 1 1").await.unwrap(), None);
}
