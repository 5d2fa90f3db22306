//! Chat: quiet hours, channels to leave alone for a while, and the boards of nights.

use chrono::{DateTime, NaiveTime, Utc};
use sqlx::Row as _;

use super::Conn;
use crate::domain::ids::PersonId;
use crate::domain::quiet::Quiet;
use crate::store::error::StoreError;
use crate::store::records::{BoardRow, Medium};

statements! {
    PUT_QUIET = "INSERT INTO habits (person_id, quiet_from, quiet_to) VALUES ($1, $2, $3) \
        ON CONFLICT (person_id) DO UPDATE SET quiet_from = excluded.quiet_from, quiet_to = excluded.quiet_to";
    QUIET_OF = "SELECT quiet_from, quiet_to FROM habits WHERE person_id = $1";
    PUT_WAIT = "INSERT INTO chat_waits (platform, channel, until) VALUES ($1, $2, $3) \
        ON CONFLICT (platform, channel) DO UPDATE SET until = excluded.until";
    PUT_BOARD = "INSERT INTO boards (platform, channel, night, message, shows, updated_at) VALUES ($1, $2, $3, $4, $5, $6) \
        ON CONFLICT (platform, channel, night) DO UPDATE SET message = excluded.message, shows = excluded.shows, \
        updated_at = excluded.updated_at";
    CLAIM_BOARD = "INSERT INTO boards (platform, channel, night, message, shows, updated_at) VALUES ($1, $2, $3, '', '', $4) \
        ON CONFLICT (platform, channel, night) DO UPDATE SET updated_at = excluded.updated_at \
        WHERE boards.message = '' AND boards.updated_at < $5";
    BOARD = "SELECT platform, channel, night, message, shows FROM boards WHERE platform = $1 AND channel = $2 AND night = $3 AND message <> ''";
}

fn time(text: Option<String>, column: &'static str) -> Result<Option<NaiveTime>, StoreError> {
    text.map(|text| {
        NaiveTime::parse_from_str(&text, "%H:%M").map_err(|_| StoreError::corrupt("habits", column, text))
    })
    .transpose()
}

pub(in crate::store) async fn put_quiet(
    conn: &mut Conn,
    person: PersonId,
    quiet: Option<Quiet>,
) -> Result<(), StoreError> {
    let text = |time: NaiveTime| time.format("%H:%M").to_string();
    sqlx::query(PUT_QUIET)
        .bind(person.0)
        .bind(quiet.map(|quiet| text(quiet.from)))
        .bind(quiet.map(|quiet| text(quiet.to)))
        .execute(conn)
        .await?;
    Ok(())
}

pub(in crate::store) async fn quiet_of(
    conn: &mut Conn,
    person: PersonId,
) -> Result<Option<Quiet>, StoreError> {
    let Some(row) = sqlx::query(QUIET_OF).bind(person.0).fetch_optional(conn).await? else { return Ok(None) };
    let from = time(row.try_get("quiet_from")?, "quiet_from")?;
    let to = time(row.try_get("quiet_to")?, "quiet_to")?;
    Ok(from.zip(to).map(|(from, to)| Quiet { from, to }))
}

pub(in crate::store) async fn leave_alone(
    conn: &mut Conn,
    platform: Medium,
    channel: &str,
    until: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(PUT_WAIT).bind(platform.as_str()).bind(channel).bind(until).execute(conn).await?;
    Ok(())
}

pub(in crate::store) async fn put_board(
    conn: &mut Conn,
    board: &BoardRow,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(PUT_BOARD)
        .bind(board.platform.as_str())
        .bind(&board.channel)
        .bind(&board.night)
        .bind(&board.message)
        .bind(&board.shows)
        .bind(now)
        .execute(conn)
        .await?;
    Ok(())
}

/// Of several instances one posts a night's board; whoever claimed it before `stale` and did not post it is taken for dead.
pub(in crate::store) async fn claim_board(
    conn: &mut Conn,
    platform: Medium,
    channel: &str,
    night: &str,
    now: DateTime<Utc>,
    stale: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let claim =
        sqlx::query(CLAIM_BOARD).bind(platform.as_str()).bind(channel).bind(night).bind(now).bind(stale);
    Ok(claim.execute(conn).await?.rows_affected() == 1)
}

/// A board that was posted.
pub(in crate::store) async fn board_of(
    conn: &mut Conn,
    platform: Medium,
    channel: &str,
    night: &str,
) -> Result<Option<BoardRow>, StoreError> {
    let row =
        sqlx::query(BOARD).bind(platform.as_str()).bind(channel).bind(night).fetch_optional(conn).await?;
    row.map(|row| {
        Ok(BoardRow {
            platform,
            channel: row.try_get("channel")?,
            night: row.try_get("night")?,
            message: row.try_get("message")?,
            shows: row.try_get("shows")?,
        })
    })
    .transpose()
}
