//! Dangerous acts that were asked for, and what came of them: overrides and stops.

use const_format::concatcp;
use sqlx::Row as _;

use super::{Conn, Row, word};
use crate::domain::answer::Channel;
use crate::domain::ids::{PersonId, RequestId, Revision, RunId, WindowId};
use crate::domain::request::{Request, Stage, Verb};
use crate::store::error::{StoreError, one};

const COLS: &str = "r.id, r.code, r.verb, r.window_id, r.revision, r.asked_by, r.asked_name, r.channel, r.reason, r.stage, \
    r.ended_by, r.asked_at, r.expires_at, r.version, r.checks";

statements! {
    INSERT = "INSERT INTO requests (id, code, verb, window_id, revision, asked_by, asked_name, channel, reason, stage, ended_by, \
        asked_at, expires_at, version, checks) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
        ON CONFLICT (code) DO NOTHING";
    UPDATE = "UPDATE requests SET stage = $2, ended_by = $3, expires_at = $4, version = version + 1 WHERE id = $1 AND version = $5";
    BY_CODE = concatcp!("SELECT ", COLS, " FROM requests r WHERE r.code = $1");
    // The later one names everything that blocked when it was asked for.
    ADD_OVERRIDE = "INSERT INTO overrides (window_id, revision, request_id) VALUES ($1, $2, $3) \
        ON CONFLICT (window_id, revision) DO UPDATE SET request_id = excluded.request_id";
    OVERRIDE_OF = concatcp!("SELECT ", COLS, " FROM overrides o JOIN requests r ON r.id = o.request_id \
        WHERE o.window_id = $1 AND o.revision = $2");
    ADD_STOP = "INSERT INTO run_stops (run_id, request_id) VALUES ($1, $2) ON CONFLICT (run_id) DO NOTHING";
    STOP_OF = concatcp!("SELECT ", COLS, " FROM run_stops s JOIN requests r ON r.id = s.request_id WHERE s.run_id = $1");
}

fn request(row: &Row) -> Result<Request, StoreError> {
    const T: &str = "requests";
    Ok(Request {
        id: RequestId(row.try_get("id")?),
        code: row.try_get("code")?,
        verb: word(row, T, "verb", Verb::from_name)?,
        window: WindowId(row.try_get("window_id")?),
        revision: Revision(row.try_get("revision")?),
        asked_by: PersonId(row.try_get("asked_by")?),
        asked_name: row.try_get("asked_name")?,
        channel: word(row, T, "channel", Channel::from_name)?,
        reason: row.try_get("reason")?,
        stage: word(row, T, "stage", Stage::from_name)?,
        ended_by: row.try_get("ended_by")?,
        asked_at: row.try_get("asked_at")?,
        expires_at: row.try_get("expires_at")?,
        version: row.try_get("version")?,
        checks: row.try_get::<String, _>("checks")?.lines().map(str::to_owned).collect(),
    })
}

pub(in crate::store) async fn insert_request(conn: &mut Conn, new: &Request) -> Result<bool, StoreError> {
    let done = sqlx::query(INSERT)
        .bind(new.id.0)
        .bind(&new.code)
        .bind(new.verb.as_str())
        .bind(new.window.0)
        .bind(new.revision.0)
        .bind(new.asked_by.0)
        .bind(&new.asked_name)
        .bind(new.channel.as_str())
        .bind(&new.reason)
        .bind(new.stage.as_str())
        .bind(&new.ended_by)
        .bind(new.asked_at)
        .bind(new.expires_at)
        .bind(new.version)
        .bind(new.checks.join("\n"))
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub(in crate::store) async fn update_request(conn: &mut Conn, request: &Request) -> Result<(), StoreError> {
    let done = sqlx::query(UPDATE)
        .bind(request.id.0)
        .bind(request.stage.as_str())
        .bind(&request.ended_by)
        .bind(request.expires_at)
        .bind(request.version)
        .execute(conn)
        .await?;
    one(done.rows_affected(), "the request")
}

pub(in crate::store) async fn request_by_code(
    conn: &mut Conn,
    code: &str,
) -> Result<Option<Request>, StoreError> {
    sqlx::query(BY_CODE).bind(code).fetch_optional(conn).await?.as_ref().map(request).transpose()
}

pub(in crate::store) async fn add_override(conn: &mut Conn, by: &Request) -> Result<(), StoreError> {
    sqlx::query(ADD_OVERRIDE).bind(by.window.0).bind(by.revision.0).bind(by.id.0).execute(conn).await?;
    Ok(())
}

pub(in crate::store) async fn override_of(
    conn: &mut Conn,
    window: WindowId,
    revision: Revision,
) -> Result<Option<Request>, StoreError> {
    let row = sqlx::query(OVERRIDE_OF).bind(window.0).bind(revision.0).fetch_optional(conn).await?;
    row.as_ref().map(request).transpose()
}

pub(in crate::store) async fn add_stop(conn: &mut Conn, run: RunId, by: &Request) -> Result<(), StoreError> {
    sqlx::query(ADD_STOP).bind(run.0).bind(by.id.0).execute(conn).await?;
    Ok(())
}

pub(in crate::store) async fn stop_of(conn: &mut Conn, run: RunId) -> Result<Option<Request>, StoreError> {
    sqlx::query(STOP_OF).bind(run.0).fetch_optional(conn).await?.as_ref().map(request).transpose()
}
