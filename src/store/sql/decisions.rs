//! Decisions about windows, never changed after they were taken.

use chrono::{DateTime, Utc};
use const_format::concatcp;
use serde_json::Value;
use sqlx::Row as _;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Conn, Row, word};
use crate::domain::answer::Channel;
use crate::domain::decision::Decided;
use crate::domain::ids::{DecisionId, PersonId, Revision, WindowId};
use crate::domain::quarter::Quarter;
use crate::domain::undo::Before;
use crate::store::error::StoreError;
use crate::store::records::DecisionRow;

const COLS: &str = "id, window_id, revision, person_id, decided_by, channel, decided, request, words, reason, sentence, decided_at, before, \
    version";

statements! {
    COUNT_SINCE = "SELECT decided, COUNT(*) AS decisions FROM decisions WHERE decided_at > $1 GROUP BY decided ORDER BY decided";
    INSERT = concatcp!("INSERT INTO decisions (", COLS, ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)");
    BY_REQUEST = "SELECT COUNT(*) AS decisions FROM decisions WHERE window_id = $1 AND request = $2";
    OF_QUARTER = concatcp!("SELECT ", COLS, " FROM decisions WHERE window_id IN (SELECT w.id FROM windows w WHERE w.quarter = $1) \
        ORDER BY decided_at, id");
    OF_WINDOW = concatcp!("SELECT ", COLS, " FROM decisions WHERE window_id = $1 ORDER BY decided_at, id");
}

fn before(row: &Row) -> Result<Option<Before>, StoreError> {
    let value: Option<Json<Value>> = row.try_get("before")?;
    value
        .map(|Json(value)| {
            serde_json::from_value(value)
                .map_err(|error| StoreError::corrupt("decisions", "before", error.to_string()))
        })
        .transpose()
}

fn decision(row: &Row) -> Result<DecisionRow, StoreError> {
    const T: &str = "decisions";
    Ok(DecisionRow {
        id: DecisionId(row.try_get("id")?),
        window: WindowId(row.try_get("window_id")?),
        revision: Revision(row.try_get("revision")?),
        person: row.try_get::<Option<Uuid>, _>("person_id")?.map(PersonId),
        decided_by: row.try_get("decided_by")?,
        channel: word(row, T, "channel", Channel::from_name)?,
        decided: word(row, T, "decided", Decided::from_name)?,
        request: row.try_get("request")?,
        words: row.try_get("words")?,
        reason: row.try_get("reason")?,
        sentence: row.try_get("sentence")?,
        decided_at: row.try_get("decided_at")?,
        before: before(row)?,
        version: row.try_get("version")?,
    })
}

pub(in crate::store) async fn insert_decision(
    conn: &mut Conn,
    decision: &DecisionRow,
) -> Result<(), StoreError> {
    sqlx::query(INSERT)
        .bind(decision.id.0)
        .bind(decision.window.0)
        .bind(decision.revision.0)
        .bind(decision.person.map(|person| person.0))
        .bind(&decision.decided_by)
        .bind(decision.channel.as_str())
        .bind(decision.decided.as_str())
        .bind(&decision.request)
        .bind(&decision.words)
        .bind(&decision.reason)
        .bind(&decision.sentence)
        .bind(decision.decided_at)
        .bind(decision.before.as_ref().map(Json))
        .bind(decision.version)
        .execute(conn)
        .await?;
    Ok(())
}

pub(in crate::store) async fn decisions_of(
    conn: &mut Conn,
    window: WindowId,
) -> Result<Vec<DecisionRow>, StoreError> {
    sqlx::query(OF_WINDOW).bind(window.0).fetch_all(conn).await?.iter().map(decision).collect()
}

pub(in crate::store) async fn was_decided_by(
    conn: &mut Conn,
    window: WindowId,
    request: &str,
) -> Result<bool, StoreError> {
    let decisions: i64 =
        sqlx::query(BY_REQUEST).bind(window.0).bind(request).fetch_one(conn).await?.try_get("decisions")?;
    Ok(decisions > 0)
}

pub(in crate::store) async fn count_decisions_since(
    conn: &mut Conn,
    since: DateTime<Utc>,
) -> Result<Vec<(String, i64)>, StoreError> {
    let rows = sqlx::query(COUNT_SINCE).bind(since).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((row.try_get("decided")?, row.try_get("decisions")?))).collect()
}

pub(in crate::store) async fn decisions_of_quarter(
    conn: &mut Conn,
    quarter: Quarter,
) -> Result<Vec<DecisionRow>, StoreError> {
    sqlx::query(OF_QUARTER).bind(quarter.to_string()).fetch_all(conn).await?.iter().map(decision).collect()
}
