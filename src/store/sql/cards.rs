//! The chat messages that show windows, so that they can be rewritten.

use chrono::{DateTime, Utc};
use const_format::concatcp;
use sqlx::Row as _;

use super::{Conn, Row, all, word};
use crate::domain::ids::{PersonId, Revision, WindowId};
use crate::domain::quarter::Quarter;
use crate::store::error::StoreError;
use crate::store::records::{CardRow, Medium};

const COLS: &str = "platform, channel, window_id, message, line, revision, thread";

statements! {
    PUT = concatcp!("INSERT INTO cards (", COLS, ", updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
        ON CONFLICT (platform, channel, window_id) DO UPDATE SET message = excluded.message, line = excluded.line, \
        revision = excluded.revision, thread = excluded.thread, updated_at = excluded.updated_at");
    OF_WINDOW = concatcp!("SELECT ", COLS, " FROM cards WHERE window_id = $1 ORDER BY platform, channel");
    // CROSS JOIN keeps SQLite to this order: one person's servers first.
    SHOWN_OF = "SELECT DISTINCT c.window_id FROM ownerships o CROSS JOIN windows w CROSS JOIN cards c \
        WHERE o.person_id = $1 AND w.server_id = o.server_id AND w.quarter = $2 AND c.window_id = w.id";
    ON_MESSAGE = concatcp!("SELECT ", COLS, " FROM cards WHERE platform = $1 AND message = $2 ORDER BY line, window_id");
    IN_THREAD = concatcp!("SELECT ", COLS, " FROM cards WHERE platform = $1 AND thread = $2 ORDER BY line, window_id");
}

fn card(row: &Row) -> Result<CardRow, StoreError> {
    let line: Option<i64> = row.try_get("line")?;
    Ok(CardRow {
        platform: word(row, "cards", "platform", Medium::from_name)?,
        channel: row.try_get("channel")?,
        window: WindowId(row.try_get("window_id")?),
        message: row.try_get("message")?,
        line: line.and_then(|line| u16::try_from(line).ok()),
        revision: row.try_get::<Option<i64>, _>("revision")?.map(Revision),
        thread: row.try_get("thread")?,
    })
}

pub(in crate::store) async fn put_card(
    conn: &mut Conn,
    card: &CardRow,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(PUT)
        .bind(card.platform.as_str())
        .bind(&card.channel)
        .bind(card.window.0)
        .bind(&card.message)
        .bind(card.line.map(i64::from))
        .bind(card.revision.map(|revision| revision.0))
        .bind(&card.thread)
        .bind(now)
        .execute(conn)
        .await?;
    Ok(())
}

pub(in crate::store) async fn cards_of(
    conn: &mut Conn,
    window: WindowId,
) -> Result<Vec<CardRow>, StoreError> {
    sqlx::query(OF_WINDOW).bind(window.0).fetch_all(conn).await?.iter().map(card).collect()
}

pub(in crate::store) async fn windows_on_cards(
    conn: &mut Conn,
    owner: PersonId,
    quarter: Quarter,
) -> Result<Vec<WindowId>, StoreError> {
    let read = |row: &Row| Ok(WindowId(row.try_get("window_id")?));
    all(conn, sqlx::query(SHOWN_OF).bind(owner.0).bind(quarter.to_string()), read).await
}

pub(in crate::store) async fn cards_on(
    conn: &mut Conn,
    platform: Medium,
    message: &str,
) -> Result<Vec<CardRow>, StoreError> {
    let rows = sqlx::query(ON_MESSAGE).bind(platform.as_str()).bind(message).fetch_all(conn).await?;
    rows.iter().map(card).collect()
}

pub(in crate::store) async fn cards_in_thread(
    conn: &mut Conn,
    platform: Medium,
    thread: &str,
) -> Result<Vec<CardRow>, StoreError> {
    let rows = sqlx::query(IN_THREAD).bind(platform.as_str()).bind(thread).fetch_all(conn).await?;
    rows.iter().map(card).collect()
}
