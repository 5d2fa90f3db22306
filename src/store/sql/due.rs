//! What the scheduler waits for, and who is working on it.

use chrono::{DateTime, Utc};
use const_format::concatcp;
use sqlx::Row as _;
use uuid::Uuid;

use super::{Conn, Row, dialect, parsed, rows, word, write_all};
use crate::domain::ids::{PersonId, WindowId};
use crate::domain::quarter::Quarter;
use crate::domain::timeline::{Due, Event};
use crate::store::error::{StoreError, one};
use crate::store::records::{Claim, Claimed, Lease, Subject, Waiting};

statements! {
    RELEASE = "UPDATE due SET lease_owner = NULL, lease_until = NULL WHERE lease_owner IS NOT NULL";
    PUT = "INSERT INTO due (subject, id, quarter, event, due_at, event_at, lease_epoch) VALUES ($1, $2, $3, $4, $5, $6, $7) \
        ON CONFLICT (subject, id, quarter) DO UPDATE SET event = excluded.event, due_at = excluded.due_at, \
        event_at = excluded.event_at, lease_owner = NULL, lease_until = NULL, lease_epoch = due.lease_epoch + 1";
    PUT_MANY = concatcp!("INSERT INTO due (subject, id, quarter, event, due_at, event_at, lease_epoch) VALUES ", rows::OF_7, " \
        ON CONFLICT (subject, id, quarter) DO UPDATE SET event = excluded.event, due_at = excluded.due_at, \
        event_at = excluded.event_at, lease_owner = NULL, lease_until = NULL, lease_epoch = due.lease_epoch + 1");
    CLAIM = concatcp!("UPDATE due SET lease_owner = $1, lease_until = $2, lease_epoch = lease_epoch + 1 \
        WHERE (subject, id, quarter) IN (SELECT subject, id, quarter FROM due WHERE due_at <= $3 \
        AND (lease_until IS NULL OR lease_until <= $3) ORDER BY due_at LIMIT $4 ", dialect::SKIP_LOCKED, ") \
        RETURNING subject, id, quarter, event, event_at, lease_epoch");
    RENEW = "UPDATE due SET lease_until = $1 WHERE subject = $2 AND id = $3 AND quarter = $4 AND lease_owner = $5 AND lease_epoch = $6";
    SETTLE = "UPDATE due SET event = $1, due_at = $2, event_at = $2, lease_owner = NULL, lease_until = NULL \
        WHERE subject = $3 AND id = $4 AND quarter = $5 AND lease_owner = $6 AND lease_epoch = $7";
    POSTPONE = "UPDATE due SET due_at = $1, lease_owner = NULL, lease_until = NULL \
        WHERE subject = $2 AND id = $3 AND quarter = $4 AND lease_owner = $5 AND lease_epoch = $6";
    WAITING = "SELECT event, due_at FROM due WHERE subject = $1 AND id = $2 AND quarter = $3 AND due_at IS NOT NULL";
}

fn claimed(row: &Row, claim: &Claim<'_>) -> Result<Claimed, StoreError> {
    const T: &str = "due";
    let id: Uuid = row.try_get("id")?;
    let subject = word(row, T, "subject", |text| match text {
        "window" => Some(Subject::Window(WindowId(id))),
        "owner" => Some(Subject::Owner(PersonId(id))),
        _ => None,
    })?;
    Ok(Claimed {
        subject,
        quarter: parsed(row, T, "quarter")?,
        due: Due { at: row.try_get("event_at")?, event: word(row, T, "event", Event::from_name)? },
        lease: Lease {
            owner: claim.owner.to_owned(),
            epoch: row.try_get("lease_epoch")?,
            until: claim.until,
        },
    })
}

pub(in crate::store) async fn put_due(
    conn: &mut Conn,
    subject: Subject,
    quarter: Quarter,
    due: Option<Due>,
) -> Result<(), StoreError> {
    put_many_due(conn, quarter, &[(subject, due)]).await
}

pub(in crate::store) async fn put_many_due(
    conn: &mut Conn,
    quarter: Quarter,
    all: &[(Subject, Option<Due>)],
) -> Result<(), StoreError> {
    write_all(conn, all, [PUT, PUT_MANY], |query, (subject, due)| {
        let (kind, id) = subject.parts();
        let at = due.map(|due| due.at);
        query
            .bind(kind)
            .bind(id)
            .bind(quarter.to_string())
            .bind(due.map(|due| due.event.as_str()))
            .bind(at)
            .bind(at)
            .bind(1_i64)
    })
    .await
}

pub(in crate::store) async fn claim_due(
    conn: &mut Conn,
    claim: &Claim<'_>,
) -> Result<Vec<Claimed>, StoreError> {
    let rows = sqlx::query(CLAIM)
        .bind(claim.owner)
        .bind(claim.until)
        .bind(claim.now)
        .bind(claim.most)
        .fetch_all(conn)
        .await?;
    let mut all = rows.iter().map(|row| claimed(row, claim)).collect::<Result<Vec<_>, _>>()?;
    all.sort_by_key(|claimed| claimed.due);
    Ok(all)
}

pub(in crate::store) async fn renew(
    conn: &mut Conn,
    claimed: &Claimed,
    until: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (kind, id) = claimed.subject.parts();
    let done = sqlx::query(RENEW)
        .bind(until)
        .bind(kind)
        .bind(id)
        .bind(claimed.quarter.to_string())
        .bind(&claimed.lease.owner)
        .bind(claimed.lease.epoch)
        .execute(conn)
        .await?;
    one(done.rows_affected(), "the due work")
}

pub(in crate::store) async fn settle(
    conn: &mut Conn,
    claimed: &Claimed,
    next: Option<Due>,
) -> Result<(), StoreError> {
    let (kind, id) = claimed.subject.parts();
    let done = sqlx::query(SETTLE)
        .bind(next.map(|due| due.event.as_str()))
        .bind(next.map(|due| due.at))
        .bind(kind)
        .bind(id)
        .bind(claimed.quarter.to_string())
        .bind(&claimed.lease.owner)
        .bind(claimed.lease.epoch)
        .execute(conn)
        .await?;
    one(done.rows_affected(), "the due work")
}

pub(in crate::store) async fn postpone(
    conn: &mut Conn,
    claimed: &Claimed,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (kind, id) = claimed.subject.parts();
    let done = sqlx::query(POSTPONE)
        .bind(at)
        .bind(kind)
        .bind(id)
        .bind(claimed.quarter.to_string())
        .bind(&claimed.lease.owner)
        .bind(claimed.lease.epoch)
        .execute(conn)
        .await?;
    one(done.rows_affected(), "the due work")
}

pub(in crate::store) async fn waiting(
    conn: &mut Conn,
    subject: Subject,
    quarter: Quarter,
) -> Result<Option<Waiting>, StoreError> {
    let (kind, id) = subject.parts();
    let row = sqlx::query(WAITING).bind(kind).bind(id).bind(quarter.to_string()).fetch_optional(conn).await?;
    row.map(|row| {
        Ok(Waiting { event: word(&row, "due", "event", Event::from_name)?, at: row.try_get("due_at")? })
    })
    .transpose()
}

pub(in crate::store) async fn release_due(conn: &mut Conn) -> Result<u64, StoreError> {
    Ok(sqlx::query(RELEASE).execute(conn).await?.rows_affected())
}
