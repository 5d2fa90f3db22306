//! Offers to trade slots, and windows that are put off beyond their quarter.

use chrono::{DateTime, Utc};
use const_format::concatcp;
use sqlx::Row as _;
use uuid::Uuid;

use super::{Conn, Row, word};
use crate::domain::answer::Channel;
use crate::domain::ids::{PersonId, Revision, WindowId};
use crate::store::error::{StoreError, one};
use crate::store::records::{ExceptionRow, SwapRow};

const EXCEPTION: &str = "id, window_id, ends_on, reason, asked_by, asked_at, granted_by, granted_at";

statements! {
    OFFER = "INSERT INTO swaps (id, window_a, revision_a, window_b, revision_b, asked_by, channel, asked_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    OFFERED = "SELECT id, window_a, revision_a, window_b, revision_b, asked_by, channel, asked_at, expires_at FROM swaps \
        WHERE window_a = $1 AND window_b = $2 AND ended_at IS NULL AND expires_at > $3 ORDER BY asked_at DESC, id DESC LIMIT 1";
    END_SWAPS = "UPDATE swaps SET ended_at = $3 WHERE ended_at IS NULL AND (window_a IN ($1, $2) OR window_b IN ($1, $2))";
    ASK = concatcp!("INSERT INTO exceptions (", EXCEPTION, ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
    GRANT = "UPDATE exceptions SET granted_by = $2, granted_at = $3, ends_on = $4 WHERE id = $1 AND granted_at IS NULL";
    LATEST = concatcp!("SELECT ", EXCEPTION, " FROM exceptions WHERE window_id = $1 AND ended_at IS NULL \
        ORDER BY asked_at DESC, id DESC LIMIT 1");
    WISHES = concatcp!("SELECT ", EXCEPTION, " FROM exceptions WHERE ended_at IS NULL AND granted_at IS NULL ORDER BY asked_at, id");
    END_EXCEPTIONS = "UPDATE exceptions SET ended_at = $2 WHERE window_id = $1 AND ended_at IS NULL";
}

pub(in crate::store) async fn offer_swap(conn: &mut Conn, swap: &SwapRow) -> Result<(), StoreError> {
    sqlx::query(OFFER)
        .bind(swap.id)
        .bind(swap.mine.0.0)
        .bind(swap.mine.1.0)
        .bind(swap.theirs.0.0)
        .bind(swap.theirs.1.0)
        .bind(swap.asked_by.0)
        .bind(swap.channel.as_str())
        .bind(swap.asked_at)
        .bind(swap.expires_at)
        .execute(conn)
        .await?;
    Ok(())
}

pub(in crate::store) async fn offered_swap(
    conn: &mut Conn,
    mine: WindowId,
    theirs: WindowId,
    now: DateTime<Utc>,
) -> Result<Option<SwapRow>, StoreError> {
    let row = sqlx::query(OFFERED).bind(mine.0).bind(theirs.0).bind(now).fetch_optional(conn).await?;
    row.map(|row| {
        Ok(SwapRow {
            id: row.try_get("id")?,
            mine: (WindowId(row.try_get("window_a")?), Revision(row.try_get("revision_a")?)),
            theirs: (WindowId(row.try_get("window_b")?), Revision(row.try_get("revision_b")?)),
            asked_by: PersonId(row.try_get("asked_by")?),
            channel: word(&row, "swaps", "channel", Channel::from_name)?,
            asked_at: row.try_get("asked_at")?,
            expires_at: row.try_get("expires_at")?,
        })
    })
    .transpose()
}

pub(in crate::store) async fn end_swaps(
    conn: &mut Conn,
    one: WindowId,
    other: WindowId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(END_SWAPS).bind(one.0).bind(other.0).bind(now).execute(conn).await?;
    Ok(())
}

fn exception(row: &Row) -> Result<ExceptionRow, StoreError> {
    Ok(ExceptionRow {
        id: row.try_get("id")?,
        window: WindowId(row.try_get("window_id")?),
        ends_on: row.try_get("ends_on")?,
        reason: row.try_get("reason")?,
        asked_by: PersonId(row.try_get("asked_by")?),
        asked_at: row.try_get("asked_at")?,
        granted_by: row.try_get::<Option<Uuid>, _>("granted_by")?.map(PersonId),
        granted_at: row.try_get("granted_at")?,
    })
}

pub(in crate::store) async fn ask_exception(conn: &mut Conn, row: &ExceptionRow) -> Result<(), StoreError> {
    sqlx::query(ASK)
        .bind(row.id)
        .bind(row.window.0)
        .bind(row.ends_on)
        .bind(&row.reason)
        .bind(row.asked_by.0)
        .bind(row.asked_at)
        .bind(row.granted_by.map(|person| person.0))
        .bind(row.granted_at)
        .execute(conn)
        .await?;
    Ok(())
}

pub(in crate::store) async fn grant_exception(conn: &mut Conn, row: &ExceptionRow) -> Result<(), StoreError> {
    let query = sqlx::query(GRANT).bind(row.id).bind(row.granted_by.map(|person| person.0));
    let done = query.bind(row.granted_at).bind(row.ends_on).execute(conn).await?;
    one(done.rows_affected(), "the exception")
}

pub(in crate::store) async fn exception_of(
    conn: &mut Conn,
    window: WindowId,
) -> Result<Option<ExceptionRow>, StoreError> {
    sqlx::query(LATEST).bind(window.0).fetch_optional(conn).await?.as_ref().map(exception).transpose()
}

pub(in crate::store) async fn end_exceptions(
    conn: &mut Conn,
    window: WindowId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(END_EXCEPTIONS).bind(window.0).bind(now).execute(conn).await?;
    Ok(())
}

pub(in crate::store) async fn wishes(conn: &mut Conn) -> Result<Vec<ExceptionRow>, StoreError> {
    sqlx::query(WISHES).fetch_all(conn).await?.iter().map(exception).collect()
}
