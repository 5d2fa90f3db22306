//! The outbox: the table `notifications`.

use chrono::{DateTime, Utc};
use const_format::concatcp;
use sqlx::Row as _;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Conn, Row, dialect, json, word};
use crate::domain::ids::{NoticeId, PersonId, WindowId};
use crate::store::error::{StoreError, one};
use crate::store::records::{Claim, Delivery, Lease, Medium, NewNotification, Notification, Sent};

statements! {
    RELEASE = "UPDATE notifications SET lease_owner = NULL, lease_until = NULL WHERE lease_owner IS NOT NULL";
    ADD = "INSERT INTO notifications (id, medium, recipient, kind, person_id, window_id, dedupe_key, payload, state, created_at, \
        not_before, attempts, lease_epoch) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting', $9, $9, 0, 0) \
        ON CONFLICT (dedupe_key) DO NOTHING";
    CLAIM = concatcp!("UPDATE notifications SET lease_owner = $1, lease_until = $2, lease_epoch = lease_epoch + 1, \
        attempts = attempts + 1 WHERE id IN (SELECT id FROM notifications WHERE state = 'waiting' AND medium = $3 \
        AND not_before <= $4 AND (lease_until IS NULL OR lease_until <= $4) AND NOT EXISTS (SELECT 1 FROM chat_waits c \
        WHERE c.platform = notifications.medium AND c.channel = notifications.recipient AND c.until > $4) ORDER BY not_before, id LIMIT $5 ",
        dialect::SKIP_LOCKED, ") RETURNING id, medium, recipient, person_id, window_id, payload, attempts, created_at, lease_epoch");
    SENT = "UPDATE notifications SET state = 'sent', sent_at = $4, message_id = $5, last_error = NULL, lease_owner = NULL, \
        lease_until = NULL WHERE id = $1 AND lease_owner = $2 AND lease_epoch = $3 AND state = 'waiting'";
    LATER = "UPDATE notifications SET not_before = $4, last_error = $5, lease_owner = NULL, lease_until = NULL \
        WHERE id = $1 AND lease_owner = $2 AND lease_epoch = $3 AND state = 'waiting'";
    WAITS = "UPDATE notifications SET not_before = $4, attempts = attempts - 1, lease_owner = NULL, lease_until = NULL \
        WHERE id = $1 AND lease_owner = $2 AND lease_epoch = $3 AND state = 'waiting'";
    PARKED = "UPDATE notifications SET state = 'parked', last_error = $4, lease_owner = NULL, lease_until = NULL \
        WHERE id = $1 AND lease_owner = $2 AND lease_epoch = $3 AND state = 'waiting'";
    SUPERSEDED = "UPDATE notifications SET state = 'superseded', last_error = $4, lease_owner = NULL, lease_until = NULL \
        WHERE id = $1 AND lease_owner = $2 AND lease_epoch = $3 AND state = 'waiting'";
    BY_ID = "SELECT id, medium, recipient, person_id, window_id, payload, attempts, created_at FROM notifications WHERE id = $1";
    CARDS = "SELECT COUNT(*) AS cards FROM notifications WHERE window_id = $1 AND kind = 'card' AND state = 'sent'";
    SENT_SINCE = "SELECT COUNT(*) AS messages FROM notifications WHERE state = 'sent' AND medium = 'mail' AND sent_at > $1";
    LATEST = "SELECT medium, recipient, kind, state, created_at, sent_at, last_error FROM notifications \
        ORDER BY created_at DESC, id DESC LIMIT $1";
    COUNT = "SELECT state, COUNT(*) AS messages FROM notifications WHERE state IN ('waiting', 'parked') GROUP BY state";
}

fn message(row: &Row) -> Result<Notification, StoreError> {
    const T: &str = "notifications";
    let attempts: i64 = row.try_get("attempts")?;
    Ok(Notification {
        id: NoticeId(row.try_get("id")?),
        medium: word(row, T, "medium", Medium::from_name)?,
        recipient: row.try_get("recipient")?,
        person: row.try_get::<Option<Uuid>, _>("person_id")?.map(PersonId),
        window: row.try_get::<Option<Uuid>, _>("window_id")?.map(WindowId),
        message: json(row, T, "payload")?,
        attempts: attempts.saturating_sub(1),
        created_at: row.try_get("created_at")?,
    })
}

fn notification(row: &Row, claim: &Claim<'_>) -> Result<(Notification, Lease), StoreError> {
    let lease =
        Lease { owner: claim.owner.to_owned(), epoch: row.try_get("lease_epoch")?, until: claim.until };
    Ok((message(row)?, lease))
}

pub(in crate::store) async fn notification_by_id(
    conn: &mut Conn,
    id: NoticeId,
) -> Result<Option<Notification>, StoreError> {
    sqlx::query(BY_ID).bind(id.0).fetch_optional(conn).await?.as_ref().map(message).transpose()
}

pub(in crate::store) async fn add_notification(
    conn: &mut Conn,
    new: &NewNotification,
) -> Result<bool, StoreError> {
    let done = sqlx::query(ADD)
        .bind(new.id.0)
        .bind(new.medium.as_str())
        .bind(&new.recipient)
        .bind(new.kind)
        .bind(new.person.map(|person| person.0))
        .bind(new.window.map(|window| window.0))
        .bind(&new.dedupe_key)
        .bind(Json(&new.message))
        .bind(new.created_at)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub(in crate::store) async fn claim_notifications(
    conn: &mut Conn,
    claim: &Claim<'_>,
    medium: Medium,
) -> Result<Vec<(Notification, Lease)>, StoreError> {
    let rows = sqlx::query(CLAIM)
        .bind(claim.owner)
        .bind(claim.until)
        .bind(medium.as_str())
        .bind(claim.now)
        .bind(claim.most)
        .fetch_all(conn)
        .await?;
    let mut all = rows.iter().map(|row| notification(row, claim)).collect::<Result<Vec<_>, _>>()?;
    // Ids are time-ordered: what was said first is delivered first.
    all.sort_by_key(|(notification, _)| notification.id);
    Ok(all)
}

pub(in crate::store) async fn end_delivery(
    conn: &mut Conn,
    id: NoticeId,
    lease: &Lease,
    delivery: &Delivery,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let held = |sql: &'static str| sqlx::query(sql).bind(id.0).bind(lease.owner.clone()).bind(lease.epoch);
    let done = match delivery {
        Delivery::Sent { message_id } => held(SENT).bind(now).bind(message_id).execute(conn).await?,
        Delivery::Waits { until } => held(WAITS).bind(*until).execute(conn).await?,
        Delivery::Later { at, why } => held(LATER).bind(*at).bind(why).execute(conn).await?,
        Delivery::Superseded { why } => held(SUPERSEDED).bind(why).execute(conn).await?,
        Delivery::Parked { why } => held(PARKED).bind(why).execute(conn).await?,
    };
    one(done.rows_affected(), "the message")
}

pub(in crate::store) async fn latest_notifications(
    conn: &mut Conn,
    most: i64,
) -> Result<Vec<Sent>, StoreError> {
    let rows = sqlx::query(LATEST).bind(most).fetch_all(conn).await?;
    rows.iter()
        .map(|row| {
            Ok(Sent {
                medium: row.try_get("medium")?,
                recipient: row.try_get("recipient")?,
                kind: row.try_get("kind")?,
                state: row.try_get("state")?,
                created_at: row.try_get("created_at")?,
                sent_at: row.try_get("sent_at")?,
                last_error: row.try_get("last_error")?,
            })
        })
        .collect()
}

pub(in crate::store) async fn count_notifications(conn: &mut Conn) -> Result<(i64, i64), StoreError> {
    let mut counts = (0, 0);
    for row in sqlx::query(COUNT).fetch_all(conn).await? {
        let messages: i64 = row.try_get("messages")?;
        match row.try_get::<String, _>("state")?.as_str() {
            "waiting" => counts.0 = messages,
            _ => counts.1 = messages,
        }
    }
    Ok(counts)
}

pub(in crate::store) async fn release_outbox(conn: &mut Conn) -> Result<u64, StoreError> {
    Ok(sqlx::query(RELEASE).execute(conn).await?.rows_affected())
}

pub(in crate::store) async fn has_card(conn: &mut Conn, window: WindowId) -> Result<bool, StoreError> {
    let row = sqlx::query(CARDS).bind(window.0).fetch_one(conn).await?;
    Ok(row.try_get::<i64, _>("cards")? > 0)
}

pub(in crate::store) async fn mails_sent_since(
    conn: &mut Conn,
    since: DateTime<Utc>,
) -> Result<i64, StoreError> {
    Ok(sqlx::query(SENT_SINCE).bind(since).fetch_one(conn).await?.try_get("messages")?)
}
