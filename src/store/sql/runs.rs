//! Runs and their steps: the table `patch_history`.

use chrono::{DateTime, Utc};
use const_format::concatcp;
use serde_json::Value;
use sqlx::Row as _;
use sqlx::types::Json;

use super::{Conn, Row, json, word};
use crate::domain::ids::{RunId, ServerId};
use crate::domain::quarter::Quarter;
use crate::domain::run::{RunState, Step};
use crate::store::error::{StoreError, one};
use crate::store::records::{RunRow, StepRow, Took};

const COLS: &str = "id, plan, state_data, report, started_at, ended_at";

statements! {
    INSERT = "INSERT INTO patch_history (id, window_id, server_id, revision, plan, state, state_data, started_at, operating_system) \
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, LOWER(s.operating_system) FROM servers s WHERE s.id = $3";
    TOOK = "SELECT h.server_id, h.operating_system, h.started_at, h.ended_at FROM patch_history h \
        WHERE h.state = 'succeeded' AND h.started_at >= $1 AND h.ended_at IS NOT NULL";
    TOOK_ON = "SELECT h.server_id, h.operating_system, h.started_at, h.ended_at FROM patch_history h \
        WHERE h.operating_system = $1 AND h.state = 'succeeded' AND h.ended_at IS NOT NULL ORDER BY h.started_at DESC LIMIT 200";
    TOOK_BY = "SELECT h.server_id, h.operating_system, h.started_at, h.ended_at FROM patch_history h \
        WHERE h.server_id = $1 AND h.state = 'succeeded' AND h.ended_at IS NOT NULL ORDER BY h.started_at DESC LIMIT 20";
    UPDATE = "UPDATE patch_history SET state = $2, state_data = $3, ended_at = $4 WHERE id = $1 AND ended_at IS NULL";
    REPORT = "UPDATE patch_history SET report = $2 WHERE id = $1";
    BY_ID = concatcp!("SELECT ", COLS, " FROM patch_history WHERE id = $1");
    OF_SERVER = concatcp!("SELECT ", COLS, " FROM patch_history WHERE server_id = $1 ORDER BY started_at DESC, id DESC");
    OF_QUARTER = concatcp!("SELECT ", COLS, " FROM patch_history WHERE window_id IN (SELECT w.id FROM windows w WHERE w.quarter = $1) \
        ORDER BY started_at, id");
    STEPS_OF_QUARTER = "SELECT s.run_id, s.number, s.step, s.started_at, s.ended_at, s.outcome FROM run_steps s \
        JOIN patch_history h ON h.id = s.run_id JOIN windows w ON w.id = h.window_id WHERE w.quarter = $1 ORDER BY s.run_id, s.number";
    ENDED_SINCE = concatcp!("SELECT ", COLS, " FROM patch_history WHERE ended_at > $1 ORDER BY ended_at, id");
    BEGIN_STEP = "INSERT INTO run_steps (run_id, number, step, started_at) \
        SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3 FROM run_steps WHERE run_id = $1 RETURNING number";
    END_STEP = "UPDATE run_steps SET ended_at = $3, outcome = $4 WHERE run_id = $1 AND number = $2 AND ended_at IS NULL";
    STEPS = "SELECT run_id, number, step, started_at, ended_at, outcome FROM run_steps WHERE run_id = $1 ORDER BY number";
}

fn run(row: &Row) -> Result<RunRow, StoreError> {
    const T: &str = "patch_history";
    let report: Option<Json<Value>> = row.try_get("report")?;
    Ok(RunRow {
        plan: json(row, T, "plan")?,
        state: json(row, T, "state_data")?,
        report: report.map(|Json(value)| value),
        started_at: row.try_get("started_at")?,
        ended_at: row.try_get("ended_at")?,
    })
}

fn step_of(text: &str) -> Option<Step> {
    [Step::Precheck, Step::Apply, Step::Reboot, Step::Validate].into_iter().find(|step| step.as_str() == text)
}

pub(in crate::store) async fn insert_run(conn: &mut Conn, run: &RunRow) -> Result<(), StoreError> {
    sqlx::query(INSERT)
        .bind(run.plan.run.0)
        .bind(run.plan.window.0)
        .bind(run.plan.server.0)
        .bind(run.plan.revision.0)
        .bind(Json(&run.plan))
        .bind(run.state.as_str())
        .bind(Json(&run.state))
        .bind(run.started_at)
        .execute(conn)
        .await?;
    Ok(())
}

pub(in crate::store) async fn update_run(
    conn: &mut Conn,
    run: RunId,
    state: &RunState,
    ended_at: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    let done = sqlx::query(UPDATE)
        .bind(run.0)
        .bind(state.as_str())
        .bind(Json(state))
        .bind(ended_at)
        .execute(conn)
        .await?;
    one(done.rows_affected(), "the run")
}

pub(in crate::store) async fn set_report(
    conn: &mut Conn,
    run: RunId,
    report: &Value,
) -> Result<(), StoreError> {
    one(sqlx::query(REPORT).bind(run.0).bind(Json(report)).execute(conn).await?.rows_affected(), "the run")
}

pub(in crate::store) async fn run_by_id(conn: &mut Conn, id: RunId) -> Result<RunRow, StoreError> {
    run(&sqlx::query(BY_ID).bind(id.0).fetch_one(conn).await?)
}

pub(in crate::store) async fn runs_of_server(
    conn: &mut Conn,
    server: ServerId,
) -> Result<Vec<RunRow>, StoreError> {
    sqlx::query(OF_SERVER).bind(server.0).fetch_all(conn).await?.iter().map(run).collect()
}

pub(in crate::store) async fn begin_step(
    conn: &mut Conn,
    run: RunId,
    step: Step,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let row = sqlx::query(BEGIN_STEP).bind(run.0).bind(step.as_str()).bind(now).fetch_one(conn).await?;
    Ok(row.try_get("number")?)
}

pub(in crate::store) async fn end_step(
    conn: &mut Conn,
    run: RunId,
    number: i64,
    outcome: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(END_STEP).bind(run.0).bind(number).bind(now).bind(outcome).execute(conn).await?;
    Ok(())
}

pub(in crate::store) async fn steps_of(conn: &mut Conn, run: RunId) -> Result<Vec<StepRow>, StoreError> {
    sqlx::query(STEPS).bind(run.0).fetch_all(conn).await?.iter().map(step).collect()
}

fn step(row: &Row) -> Result<StepRow, StoreError> {
    Ok(StepRow {
        run: RunId(row.try_get("run_id")?),
        number: row.try_get("number")?,
        step: word(row, "run_steps", "step", step_of)?,
        started_at: row.try_get("started_at")?,
        ended_at: row.try_get("ended_at")?,
        outcome: row.try_get("outcome")?,
    })
}

pub(in crate::store) async fn runs_of_quarter(
    conn: &mut Conn,
    quarter: Quarter,
) -> Result<Vec<RunRow>, StoreError> {
    sqlx::query(OF_QUARTER).bind(quarter.to_string()).fetch_all(conn).await?.iter().map(run).collect()
}

pub(in crate::store) async fn steps_of_quarter(
    conn: &mut Conn,
    quarter: Quarter,
) -> Result<Vec<StepRow>, StoreError> {
    sqlx::query(STEPS_OF_QUARTER).bind(quarter.to_string()).fetch_all(conn).await?.iter().map(step).collect()
}

fn took(row: &Row) -> Result<Took, StoreError> {
    let (from, to): (DateTime<Utc>, DateTime<Utc>) = (row.try_get("started_at")?, row.try_get("ended_at")?);
    Ok(Took {
        server: ServerId(row.try_get("server_id")?),
        system: row.try_get("operating_system")?,
        time: to.signed_duration_since(from),
    })
}

pub(in crate::store) async fn took_since(
    conn: &mut Conn,
    since: DateTime<Utc>,
) -> Result<Vec<Took>, StoreError> {
    sqlx::query(TOOK).bind(since).fetch_all(conn).await?.iter().map(took).collect()
}

pub(in crate::store) async fn took_by(conn: &mut Conn, server: ServerId) -> Result<Vec<Took>, StoreError> {
    sqlx::query(TOOK_BY).bind(server.0).fetch_all(conn).await?.iter().map(took).collect()
}

pub(in crate::store) async fn took_on(conn: &mut Conn, system: &str) -> Result<Vec<Took>, StoreError> {
    sqlx::query(TOOK_ON).bind(system.to_lowercase()).fetch_all(conn).await?.iter().map(took).collect()
}

pub(in crate::store) async fn runs_ended_since(
    conn: &mut Conn,
    since: DateTime<Utc>,
) -> Result<Vec<RunRow>, StoreError> {
    sqlx::query(ENDED_SINCE).bind(since).fetch_all(conn).await?.iter().map(run).collect()
}
