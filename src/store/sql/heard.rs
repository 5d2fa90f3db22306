//! What was said in chat and is to be answered, and the answers to requests that changed something.

use chrono::{DateTime, Utc};
use const_format::concatcp;
use sqlx::Row as _;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Conn, dialect, json};
use crate::domain::answer::Answer;
use crate::store::error::{StoreError, one};
use crate::store::records::{Claim, HeardRow, Medium, NewHeard};

statements! {
    WRITE_DOWN = "INSERT INTO heard (id, platform, key, account, said, heard_at, acknowledged, attempts, lease_owner, lease_until) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9) ON CONFLICT (platform, key) DO NOTHING";
    ACKNOWLEDGED = "UPDATE heard SET acknowledged = $2 WHERE id = $1";
    ANSWERED = "UPDATE heard SET said = NULL, answered_at = $3, lease_owner = NULL, lease_until = NULL \
        WHERE id = $1 AND lease_owner = $2 AND answered_at IS NULL";
    HOLD = "UPDATE heard SET lease_until = $2 WHERE lease_owner = $1 AND answered_at IS NULL";
    CLAIM = concatcp!("UPDATE heard SET lease_owner = $1, lease_until = $2, attempts = attempts + 1 WHERE id IN (SELECT id FROM heard \
        WHERE platform = $3 AND answered_at IS NULL AND (lease_until IS NULL OR lease_until <= $4) ORDER BY heard_at, id LIMIT $5 ",
        dialect::SKIP_LOCKED, ") RETURNING id, account, said, heard_at, acknowledged, attempts");
    RELEASE = "UPDATE heard SET lease_owner = NULL, lease_until = NULL WHERE lease_owner IS NOT NULL";
    FORGET = "DELETE FROM heard WHERE answered_at < $1";
    KEEP_ANSWER = "INSERT INTO answers (request, answer, answered_at) VALUES ($1, $2, $3) ON CONFLICT (request) DO NOTHING";
    ANSWER_TO = "SELECT answer FROM answers WHERE request = $1";
    FORGET_ANSWERS = "DELETE FROM answers WHERE answered_at < $1";
}

pub(in crate::store) async fn write_down(conn: &mut Conn, new: &NewHeard<'_>) -> Result<bool, StoreError> {
    let done = sqlx::query(WRITE_DOWN)
        .bind(new.id)
        .bind(new.platform.as_str())
        .bind(new.key)
        .bind(new.account)
        .bind(new.said)
        .bind(new.heard_at)
        .bind(new.acknowledged)
        .bind(new.owner)
        .bind(new.until)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub(in crate::store) async fn heard_acknowledged(conn: &mut Conn, id: Uuid) -> Result<(), StoreError> {
    sqlx::query(ACKNOWLEDGED).bind(id).bind(true).execute(conn).await?;
    Ok(())
}

pub(in crate::store) async fn heard_answered(
    conn: &mut Conn,
    id: Uuid,
    owner: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    Ok(sqlx::query(ANSWERED).bind(id).bind(owner).bind(now).execute(conn).await?.rows_affected() == 1)
}

pub(in crate::store) async fn hold_heard(
    conn: &mut Conn,
    owner: &str,
    until: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(HOLD).bind(owner).bind(until).execute(conn).await?;
    Ok(())
}

pub(in crate::store) async fn claim_heard(
    conn: &mut Conn,
    claim: &Claim<'_>,
    platform: Medium,
) -> Result<Vec<HeardRow>, StoreError> {
    let rows = sqlx::query(CLAIM)
        .bind(claim.owner)
        .bind(claim.until)
        .bind(platform.as_str())
        .bind(claim.now)
        .bind(claim.most)
        .fetch_all(conn)
        .await?;
    let mut all = Vec::with_capacity(rows.len());
    for row in &rows {
        all.push(HeardRow {
            id: row.try_get("id")?,
            account: row.try_get("account")?,
            said: row.try_get::<Option<String>, _>("said")?.unwrap_or_default(),
            heard_at: row.try_get("heard_at")?,
            acknowledged: row.try_get("acknowledged")?,
            attempts: row.try_get("attempts")?,
        });
    }
    // Ids are time-ordered: what was said first is answered first.
    all.sort_by_key(|row| row.id);
    Ok(all)
}

pub(in crate::store) async fn release_heard(conn: &mut Conn) -> Result<u64, StoreError> {
    Ok(sqlx::query(RELEASE).execute(conn).await?.rows_affected())
}

pub(in crate::store) async fn forget_heard(conn: &mut Conn, before: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query(FORGET).bind(before).execute(&mut *conn).await?;
    sqlx::query(FORGET_ANSWERS).bind(before).execute(conn).await?;
    Ok(())
}

pub(in crate::store) async fn keep_answer(
    conn: &mut Conn,
    request: &str,
    answer: &Answer,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let done = sqlx::query(KEEP_ANSWER).bind(request).bind(Json(answer)).bind(now).execute(conn).await?;
    one(done.rows_affected(), "the answer")
}

pub(in crate::store) async fn answer_to(
    conn: &mut Conn,
    request: &str,
) -> Result<Option<Answer>, StoreError> {
    let row = sqlx::query(ANSWER_TO).bind(request).fetch_optional(conn).await?;
    row.map(|row| json(&row, "answers", "answer")).transpose()
}
