//! Facts taken from hosts, and what was found in them.

use chrono::{DateTime, Utc};
use const_format::concatcp;
use serde_json::Value;
use sqlx::Row as _;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Conn, Row, all, json, word};
use crate::domain::ids::{PersonId, RunId, ServerId, WindowId};
use crate::store::error::StoreError;
use crate::store::records::{PrecheckRow, Purpose};

const COLS: &str = "id, server_id, window_id, run_id, purpose, taken_at, blocked, findings, facts, load_milli, reboot_pending";

statements! {
    INSERT = concatcp!("INSERT INTO precheck_results (", COLS, ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)");
    LATEST = concatcp!("SELECT ", COLS, " FROM precheck_results WHERE server_id = $1 ORDER BY taken_at DESC, id DESC LIMIT 1");
    LOADS = "SELECT server_id, taken_at, load_milli FROM precheck_results WHERE taken_at >= $1 AND load_milli IS NOT NULL";
    LOADS_OF = "SELECT server_id, taken_at, load_milli FROM precheck_results WHERE server_id = $1 AND taken_at >= $2 \
        AND load_milli IS NOT NULL";
    SEEN = "SELECT DISTINCT server_id FROM precheck_results WHERE taken_at >= $1 AND facts IS NOT NULL";
    PENDING = "SELECT p.server_id FROM precheck_results p WHERE p.taken_at >= $1 AND p.reboot_pending = $2 AND NOT EXISTS \
        (SELECT 1 FROM precheck_results l WHERE l.server_id = p.server_id AND l.taken_at > p.taken_at AND l.reboot_pending IS NOT NULL)";
    MEMBERS_PENDING = "SELECT p.server_id FROM servers s JOIN precheck_results p ON p.server_id = s.id \
        WHERE s.service = $1 AND p.reboot_pending = $2 AND NOT EXISTS \
        (SELECT 1 FROM precheck_results l WHERE l.server_id = p.server_id AND (l.taken_at > p.taken_at OR \
        (l.taken_at = p.taken_at AND l.id > p.id)))";
    BLOCKED = concatcp!("SELECT ", COLS, " FROM precheck_results p WHERE p.taken_at >= $1 AND p.blocked = $2 AND NOT EXISTS \
        (SELECT 1 FROM precheck_results l WHERE l.server_id = p.server_id AND l.taken_at > p.taken_at)");
    LATEST_OF = concatcp!("SELECT ", COLS, " FROM precheck_results p WHERE p.server_id IN \
        (SELECT o.server_id FROM ownerships o WHERE o.person_id = $1) AND p.taken_at >= $2 AND NOT EXISTS \
        (SELECT 1 FROM precheck_results l WHERE l.server_id = p.server_id AND (l.taken_at > p.taken_at OR \
        (l.taken_at = p.taken_at AND l.id > p.id)))");
    OF_RUN = concatcp!("SELECT ", COLS, " FROM precheck_results WHERE run_id = $1 AND purpose = $2 \
        ORDER BY taken_at DESC, id DESC LIMIT 1");
}

fn precheck(row: &Row) -> Result<PrecheckRow, StoreError> {
    const T: &str = "precheck_results";
    let all = [Purpose::Precheck, Purpose::Before, Purpose::After, Purpose::Probe];
    let facts: Option<Json<Value>> = row.try_get("facts")?;
    Ok(PrecheckRow {
        id: row.try_get("id")?,
        server: ServerId(row.try_get("server_id")?),
        window: row.try_get::<Option<Uuid>, _>("window_id")?.map(WindowId),
        run: row.try_get::<Option<Uuid>, _>("run_id")?.map(RunId),
        purpose: word(row, T, "purpose", |text| all.into_iter().find(|purpose| purpose.as_str() == text))?,
        taken_at: row.try_get("taken_at")?,
        blocked: row.try_get("blocked")?,
        findings: json(row, T, "findings")?,
        facts: facts.map(|Json(value)| value),
        load_milli: row.try_get("load_milli")?,
        reboot_pending: row.try_get("reboot_pending")?,
    })
}

pub(in crate::store) async fn insert_precheck(conn: &mut Conn, row: &PrecheckRow) -> Result<(), StoreError> {
    sqlx::query(INSERT)
        .bind(row.id)
        .bind(row.server.0)
        .bind(row.window.map(|window| window.0))
        .bind(row.run.map(|run| run.0))
        .bind(row.purpose.as_str())
        .bind(row.taken_at)
        .bind(row.blocked)
        .bind(Json(&row.findings))
        .bind(row.facts.as_ref().map(Json))
        .bind(row.load_milli)
        .bind(row.reboot_pending)
        .execute(conn)
        .await?;
    Ok(())
}

pub(in crate::store) async fn latest_precheck(
    conn: &mut Conn,
    server: ServerId,
) -> Result<Option<PrecheckRow>, StoreError> {
    sqlx::query(LATEST).bind(server.0).fetch_optional(conn).await?.as_ref().map(precheck).transpose()
}

pub(in crate::store) async fn latest_prechecks_of(
    conn: &mut Conn,
    owner: PersonId,
    since: DateTime<Utc>,
) -> Result<Vec<PrecheckRow>, StoreError> {
    all(conn, sqlx::query(LATEST_OF).bind(owner.0).bind(since), precheck).await
}

pub(in crate::store) async fn blocked_since(
    conn: &mut Conn,
    since: DateTime<Utc>,
) -> Result<Vec<PrecheckRow>, StoreError> {
    sqlx::query(BLOCKED).bind(since).bind(true).fetch_all(conn).await?.iter().map(precheck).collect()
}

pub(in crate::store) async fn precheck_of_run(
    conn: &mut Conn,
    run: RunId,
    purpose: Purpose,
) -> Result<Option<PrecheckRow>, StoreError> {
    let row = sqlx::query(OF_RUN).bind(run.0).bind(purpose.as_str()).fetch_optional(conn).await?;
    row.as_ref().map(precheck).transpose()
}

fn load(row: &Row) -> Result<(ServerId, DateTime<Utc>, i64), StoreError> {
    Ok((ServerId(row.try_get("server_id")?), row.try_get("taken_at")?, row.try_get("load_milli")?))
}

pub(in crate::store) async fn loads_since(
    conn: &mut Conn,
    since: DateTime<Utc>,
) -> Result<Vec<(ServerId, DateTime<Utc>, i64)>, StoreError> {
    sqlx::query(LOADS).bind(since).fetch_all(conn).await?.iter().map(load).collect()
}

pub(in crate::store) async fn loads_of(
    conn: &mut Conn,
    server: ServerId,
    since: DateTime<Utc>,
) -> Result<Vec<(ServerId, DateTime<Utc>, i64)>, StoreError> {
    sqlx::query(LOADS_OF).bind(server.0).bind(since).fetch_all(conn).await?.iter().map(load).collect()
}

pub(in crate::store) async fn waiting_for_reboot(
    conn: &mut Conn,
    since: DateTime<Utc>,
) -> Result<Vec<ServerId>, StoreError> {
    let rows = sqlx::query(PENDING).bind(since).bind(true).fetch_all(conn).await?;
    rows.iter().map(|row| Ok(ServerId(row.try_get("server_id")?))).collect()
}

pub(in crate::store) async fn members_waiting_for_reboot(
    conn: &mut Conn,
    service: &str,
) -> Result<Vec<ServerId>, StoreError> {
    let read = |row: &Row| Ok(ServerId(row.try_get("server_id")?));
    all(conn, sqlx::query(MEMBERS_PENDING).bind(service).bind(true), read).await
}

pub(in crate::store) async fn seen_since(
    conn: &mut Conn,
    since: DateTime<Utc>,
) -> Result<Vec<ServerId>, StoreError> {
    let rows = sqlx::query(SEEN).bind(since).fetch_all(conn).await?;
    rows.iter().map(|row| Ok(ServerId(row.try_get("server_id")?))).collect()
}
