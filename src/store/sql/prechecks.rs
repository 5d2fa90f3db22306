//! Facts taken from hosts, and what was found in them.

use const_format::concatcp;
use serde_json::Value;
use sqlx::Row as _;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Conn, Row, json, word};
use crate::domain::ids::{RunId, ServerId, WindowId};
use crate::store::error::StoreError;
use crate::store::records::{PrecheckRow, Purpose};

const COLS: &str = "id, server_id, window_id, run_id, purpose, taken_at, blocked, findings, facts";

statements! {
    INSERT = concatcp!("INSERT INTO precheck_results (", COLS, ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
    LATEST = concatcp!("SELECT ", COLS, " FROM precheck_results WHERE server_id = $1 ORDER BY taken_at DESC, id DESC LIMIT 1");
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

pub(in crate::store) async fn precheck_of_run(
    conn: &mut Conn,
    run: RunId,
    purpose: Purpose,
) -> Result<Option<PrecheckRow>, StoreError> {
    let row = sqlx::query(OF_RUN).bind(run.0).bind(purpose.as_str()).fetch_optional(conn).await?;
    row.as_ref().map(precheck).transpose()
}
