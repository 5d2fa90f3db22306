//! The outbox, the inbox and the reply tokens: nothing twice, nothing lost.

use chrono::TimeDelta;
use patchbot::clock::Ids;
use patchbot::domain::ids::{InboxId, NoticeId, Revision, WindowId};
use patchbot::domain::inbound::{Outcome, Stage};
use patchbot::domain::message::{Alert, Message, ShownWindow, Tone};
use patchbot::store::error::StoreError;
use patchbot::store::records::{Claim, Delivery, MailOutcome, Medium, NewMail, NewNotification, ReplyToken};

use super::{Fresh, on_both, person, utc};

on_both!(
    the_same_message_is_put_out_once,
    a_delivery_is_ended_by_its_holder_only,
    the_same_mail_is_accepted_once,
    a_mail_that_was_put_off_comes_again_and_a_closed_one_does_not,
    a_mail_that_was_not_heard_is_found_by_whom_it_says_it_is_from,
    a_notice_is_answered_once_whichever_of_its_tokens_is_used,
);

const NOON: &str = "2026-12-03T12:00:00Z";

fn alert(key: &str) -> NewNotification {
    NewNotification {
        id: NoticeId(Ids::Random.next()),
        medium: Medium::Slack,
        recipient: "C1".to_owned(),
        kind: "alert",
        person: None,
        window: None,
        dedupe_key: key.to_owned(),
        message: Message::Alert(Alert {
            tone: Tone::Bad,
            headline: "web01 failed.".to_owned(),
            lines: vec![],
            offers: vec![],
        }),
        created_at: utc(NOON),
    }
}

fn claim(owner: &str) -> Claim<'_> {
    Claim { owner, now: utc(NOON), until: utc(NOON) + TimeDelta::minutes(2), most: 10 }
}

async fn the_same_message_is_put_out_once(fresh: Fresh) {
    let mut tx = fresh.store.begin().await.unwrap();
    assert!(tx.add_notification(&alert("one")).await.unwrap());
    assert!(!tx.add_notification(&alert("one")).await.unwrap());
    assert!(tx.add_notification(&alert("two")).await.unwrap());
    assert_eq!(tx.count_notifications().await.unwrap(), (2, 0));
    assert_eq!(tx.claim_notifications(&claim("a"), Medium::Mail).await.unwrap().len(), 0);
    assert_eq!(tx.claim_notifications(&claim("a"), Medium::Slack).await.unwrap().len(), 2);
    assert_eq!(tx.claim_notifications(&claim("b"), Medium::Slack).await.unwrap().len(), 0);
}

async fn a_delivery_is_ended_by_its_holder_only(fresh: Fresh) {
    let mut tx = fresh.store.begin().await.unwrap();
    tx.add_notification(&alert("one")).await.unwrap();
    let (message, old) = tx.claim_notifications(&claim("a"), Medium::Slack).await.unwrap().remove(0);
    assert_eq!((message.attempts, &message.message), (0, &alert("one").message));
    let late = Claim { now: utc("2026-12-03T12:03:00Z"), ..claim("b") };
    let (message, lease) = tx.claim_notifications(&late, Medium::Slack).await.unwrap().remove(0);
    assert_eq!(message.attempts, 1);
    let sent = Delivery::Sent { message_id: Some("1.2".to_owned()) };
    assert!(matches!(tx.end_delivery(message.id, &old, &sent, utc(NOON)).await, Err(StoreError::Stale(_))));
    let later = Delivery::Later { at: utc("2026-12-03T13:00:00Z"), why: "the server is away".to_owned() };
    tx.end_delivery(message.id, &lease, &later, utc(NOON)).await.unwrap();
    assert_eq!(tx.claim_notifications(&late, Medium::Slack).await.unwrap().len(), 0);
    let then = Claim { now: utc("2026-12-03T13:00:00Z"), ..claim("b") };
    let (message, lease) = tx.claim_notifications(&then, Medium::Slack).await.unwrap().remove(0);
    tx.end_delivery(message.id, &lease, &sent, utc("2026-12-03T13:00:01Z")).await.unwrap();
    assert!(matches!(tx.end_delivery(message.id, &lease, &sent, utc(NOON)).await, Err(StoreError::Stale(_))));
    let row = tx.latest_notifications(5).await.unwrap().remove(0);
    assert_eq!(
        (row.state.as_str(), row.sent_at, row.last_error),
        ("sent", Some(utc("2026-12-03T13:00:01Z")), None)
    );
}

fn mail(uid: i64, hash: &str) -> NewMail<'_> {
    NewMail {
        id: InboxId(Ids::Random.next()),
        mailbox: "INBOX",
        uidvalidity: 7,
        uid,
        message_id: Some("<a@owners.test>"),
        hash,
        raw: b"Subject: yes\r\n\r\napprove\r\n",
        received_at: utc(NOON),
        set_aside: None,
    }
}

async fn the_same_mail_is_accepted_once(fresh: Fresh) {
    let mut tx = fresh.store.begin().await.unwrap();
    assert!(tx.accept_mail(&mail(1, "h1")).await.unwrap());
    assert!(!tx.accept_mail(&mail(1, "h2")).await.unwrap(), "the same UID");
    assert!(!tx.accept_mail(&mail(2, "h1")).await.unwrap(), "the same content");
    assert!(tx.accept_mail(&mail(2, "h2")).await.unwrap());
    let aside = NewMail { set_aside: Some("It is too large."), ..mail(3, "h3") };
    assert!(tx.accept_mail(&aside).await.unwrap());
    assert_eq!(tx.claim_mail(&claim("a")).await.unwrap().len(), 2);
}

async fn a_mail_that_was_put_off_comes_again_and_a_closed_one_does_not(fresh: Fresh) {
    let mut tx = fresh.store.begin().await.unwrap();
    tx.accept_mail(&mail(1, "h1")).await.unwrap();
    let first = tx.claim_mail(&claim("a")).await.unwrap().remove(0);
    assert_eq!(first.raw, b"Subject: yes\r\n\r\napprove\r\n");
    tx.postpone_mail(first.id, &first.lease, utc("2026-12-03T12:10:00Z"), "the name server is away")
        .await
        .unwrap();
    assert_eq!(tx.claim_mail(&claim("a")).await.unwrap().len(), 0);
    let later = Claim { now: utc("2026-12-03T12:10:00Z"), ..claim("a") };
    let again = tx.claim_mail(&later).await.unwrap().remove(0);
    assert_eq!(again.attempts, 1);
    let outcome = MailOutcome {
        outcome: Outcome::Ignored,
        stage: Stage::Machine,
        reason: "It is a machine's mail.".to_owned(),
        sender: None,
        person: None,
    };
    assert!(matches!(
        tx.close_mail(first.id, &first.lease, &outcome, utc(NOON)).await,
        Err(StoreError::Stale(_))
    ));
    tx.close_mail(again.id, &again.lease, &outcome, utc(NOON)).await.unwrap();
    let much_later = Claim { now: utc("2026-12-04T12:10:00Z"), ..claim("a") };
    assert_eq!(tx.claim_mail(&much_later).await.unwrap().len(), 0);
    let row = tx.latest_mail(5).await.unwrap().remove(0);
    assert_eq!((row.outcome.as_str(), row.reason.as_deref()), ("ignored", Some("It is a machine's mail.")));
}

async fn a_mail_that_was_not_heard_is_found_by_whom_it_says_it_is_from(fresh: Fresh) {
    let mut tx = fresh.store.begin().await.unwrap();
    let raw = b"From: Ada <ada@owners.test>\r\nSubject: no\r\n\r\ndecline\r\n";
    for (uid, hash) in [(1, "h1"), (2, "h2"), (3, "h3")] {
        tx.accept_mail(&NewMail { raw, ..mail(uid, hash) }).await.unwrap();
    }
    let aside = NewMail { raw, set_aside: Some("It is too large."), ..mail(4, "h4") };
    tx.accept_mail(&aside).await.unwrap();
    let claimed = "from: ada <ada@owners.test>\n";
    assert_eq!(tx.unheard_senders(utc(NOON)).await.unwrap(), [claimed; 4]);
    let closed = |outcome, stage| MailOutcome {
        outcome,
        stage,
        reason: "Because.".to_owned(),
        sender: Some("bob@owners.test".to_owned()),
        person: None,
    };
    let mails = tx.claim_mail(&claim("a")).await.unwrap();
    for (mail, outcome) in mails.iter().zip([
        closed(Outcome::Rejected, Stage::Sender),
        closed(Outcome::Ignored, Stage::Machine),
        closed(Outcome::Clarify, Stage::Words),
    ]) {
        tx.close_mail(mail.id, &mail.lease, &outcome, utc(NOON)).await.unwrap();
    }
    let mut left = tx.unheard_senders(utc(NOON)).await.unwrap();
    left.sort();
    assert_eq!(left, ["bob@owners.test", claimed]);
    assert_eq!(tx.unheard_senders(utc("2026-12-03T12:00:01Z")).await.unwrap(), Vec::<String>::new());
}

async fn a_notice_is_answered_once_whichever_of_its_tokens_is_used(fresh: Fresh) {
    let mut tx = fresh.store.begin().await.unwrap();
    let ada = person("ada@owners.test");
    tx.insert_person(&ada, utc(NOON)).await.unwrap();
    let notice = alert("one");
    tx.add_notification(&notice).await.unwrap();
    let token = |hash: &str| ReplyToken {
        hash: hash.to_owned(),
        person: ada.id,
        notification: notice.id,
        windows: vec![ShownWindow {
            line: 1,
            window: WindowId(Ids::Random.next()),
            revision: Revision::FIRST,
        }],
        expires_at: utc("2026-12-04T00:00:00Z"),
        used_at: None,
        confirms: Vec::new(),
    };
    let (first, second) = (token("t1"), token("t2"));
    tx.insert_token(&first).await.unwrap();
    tx.insert_token(&second).await.unwrap();
    assert_eq!(tx.token_by_hash("t1").await.unwrap(), Some(first));
    assert_eq!(tx.token_by_hash("t3").await.unwrap(), None);
    let reply = InboxId(Ids::Random.next());
    tx.use_tokens_of(notice.id, reply, utc(NOON)).await.unwrap();
    assert_eq!(tx.token_by_hash("t2").await.unwrap().unwrap().used_at, Some(utc(NOON)));
    assert!(matches!(tx.use_tokens_of(notice.id, reply, utc(NOON)).await, Err(StoreError::Stale(_))));
    // The mail left once more, because nobody knew whether it had arrived.
    let third = token("t0");
    tx.insert_token(&third).await.unwrap();
    assert_eq!(tx.token_by_hash("t0").await.unwrap().unwrap().used_at, Some(utc(NOON)));
    assert_eq!(tx.token_of_notification(notice.id).await.unwrap().unwrap().used_at, Some(utc(NOON)));
}
