//! The chat messages that show windows, so that they can be rewritten.

use chrono::{DateTime, Utc};
use sqlx::Row as _;

use super::{Conn, word};
use crate::domain::ids::WindowId;
use crate::store::error::StoreError;
use crate::store::records::{CardRow, Medium};

statements! {
    PUT = "INSERT INTO cards (platform, channel, window_id, message, updated_at) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (platform, channel, window_id) DO UPDATE SET message = excluded.message, updated_at = excluded.updated_at";
    OF_WINDOW = "SELECT platform, channel, window_id, message FROM cards WHERE window_id = $1 ORDER BY platform, channel";
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
        .bind(now)
        .execute(conn)
        .await?;
    Ok(())
}

pub(in crate::store) async fn cards_of(
    conn: &mut Conn,
    window: WindowId,
) -> Result<Vec<CardRow>, StoreError> {
    let rows = sqlx::query(OF_WINDOW).bind(window.0).fetch_all(conn).await?;
    rows.iter()
        .map(|row| {
            Ok(CardRow {
                platform: word(row, "cards", "platform", |text| (text == "slack").then_some(Medium::Slack))?,
                channel: row.try_get("channel")?,
                window: WindowId(row.try_get("window_id")?),
                message: row.try_get("message")?,
            })
        })
        .collect()
}
