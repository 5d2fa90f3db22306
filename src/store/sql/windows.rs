//! Windows: one server's patch slot in one quarter.

use chrono::{DateTime, NaiveDateTime, Utc};
use const_format::concatcp;
use sqlx::Row as _;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Conn, Query, Row, all, json, parsed, rows, write_all};
use crate::domain::ids::{PersonId, Revision, ServerId, WindowId};
use crate::domain::occupancy::hour_of;
use crate::domain::quarter::Quarter;
use crate::domain::window::{Consent, Plan, Window};
use crate::store::error::{StoreError, one};
use crate::store::records::{FeedRow, WindowCount};

pub(super) const COLS: &str = "w.id, w.server_id, w.quarter, w.revision, w.local_time, w.zone, w.starts_at, w.ends_at, w.state_data, \
    w.moves, w.crossed_by, w.version, w.consents";

const FEED: &str = concatcp!(
    "SELECT ",
    COLS,
    ", s.name, s.host_group FROM windows w JOIN servers s ON s.id = w.server_id WHERE w.starts_at >= $1"
);

statements! {
    INSERT = "INSERT INTO windows (id, server_id, quarter, revision, local_time, zone, starts_at, ends_at, slot_hour, state, \
        state_data, moves, crossed_by, version, consents) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    INSERT_MANY = concatcp!("INSERT INTO windows (id, server_id, quarter, revision, local_time, zone, starts_at, ends_at, slot_hour, state, \
        state_data, moves, crossed_by, version, consents) VALUES ", rows::OF_15);
    UPDATE = "UPDATE windows SET server_id = $2, quarter = $3, revision = $4, local_time = $5, zone = $6, starts_at = $7, \
        ends_at = $8, slot_hour = $9, state = $10, state_data = $11, moves = $12, crossed_by = $13, consents = $15, version = version + 1 \
        WHERE id = $1 AND version = $14";
    BY_ID = concatcp!("SELECT ", COLS, " FROM windows w WHERE w.id = $1");
    BY_IDS = concatcp!("SELECT ", COLS, " FROM windows w WHERE w.id IN ", rows::ANY_OF);
    OF_SERVER_IN = concatcp!("SELECT ", COLS, " FROM windows w WHERE w.server_id = $1 AND w.quarter = $2");
    OF_SERVER = concatcp!("SELECT ", COLS, " FROM windows w WHERE w.server_id = $1 ORDER BY w.quarter DESC");
    EVERY = concatcp!("SELECT ", COLS, " FROM windows w ORDER BY w.quarter");
    OF_QUARTER = concatcp!("SELECT ", COLS, " FROM windows w WHERE w.quarter = $1 ORDER BY w.starts_at, w.id");
    PUT_OFF = concatcp!("SELECT ", COLS, " FROM windows w WHERE w.state = 'deferred' ORDER BY w.quarter, w.id");
    PUT_OFF_OF = concatcp!("SELECT ", COLS, " FROM windows w WHERE w.server_id = $1 AND w.state = 'deferred'");
    // CROSS JOIN keeps SQLite to this order: one person's servers first, not a quarter's windows.
    OF_OWNER = concatcp!("SELECT ", COLS, " FROM (SELECT DISTINCT o.server_id FROM ownerships o WHERE o.person_id = $1) o \
        CROSS JOIN windows w WHERE w.server_id = o.server_id AND w.quarter = $2 ORDER BY w.starts_at, w.id");
    FEED_OF_ALL = concatcp!(FEED, " ORDER BY w.starts_at, w.id");
    FEED_OF_GROUP = concatcp!(FEED, " AND s.host_group = $2 ORDER BY w.starts_at, w.id");
    FEED_OF_OWNER = concatcp!(FEED, " AND w.server_id IN (SELECT o.server_id FROM ownerships o WHERE o.person_id = $2) \
        ORDER BY w.starts_at, w.id");
    // Counted by state first, which the index has in order: asking each window for its state takes longer.
    STARTS = "WITH counted AS MATERIALIZED (SELECT starts_at, state, COUNT(*) AS windows FROM windows \
        WHERE starts_at >= $1 AND starts_at < $2 GROUP BY starts_at, state) \
        SELECT starts_at, CAST(SUM(windows) AS BIGINT) AS windows FROM counted \
        WHERE state NOT IN ('declined', 'deferred', 'cancelled', 'missed') GROUP BY starts_at";
    COUNTS = "SELECT slot_hour, state, COUNT(*) AS windows FROM windows WHERE quarter = $1 GROUP BY slot_hour, state";
    STARTING = concatcp!("SELECT ", COLS, " FROM windows w WHERE w.slot_hour >= $1 AND w.slot_hour < $2 \
        AND w.state <> 'unscheduled' ORDER BY w.starts_at, w.id");
}

pub(super) fn window(row: &Row) -> Result<Window, StoreError> {
    const T: &str = "windows";
    let local: Option<NaiveDateTime> = row.try_get("local_time")?;
    let plan = match local {
        None => None,
        Some(local) => Some(Plan {
            local,
            zone: parsed(row, T, "zone")?,
            starts_at: row.try_get("starts_at")?,
            ends_at: row.try_get("ends_at")?,
        }),
    };
    Ok(Window {
        id: WindowId(row.try_get("id")?),
        server: ServerId(row.try_get("server_id")?),
        quarter: parsed(row, T, "quarter")?,
        revision: Revision(row.try_get("revision")?),
        plan,
        state: json(row, T, "state_data")?,
        moves: row.try_get("moves")?,
        crossed_by: row.try_get::<Option<Uuid>, _>("crossed_by")?.map(PersonId),
        consents: consents(row)?,
        version: row.try_get("version")?,
    })
}

fn consents(row: &Row) -> Result<Vec<Consent>, StoreError> {
    let value: Option<Json<serde_json::Value>> = row.try_get("consents")?;
    let Some(Json(value)) = value else { return Ok(Vec::new()) };
    serde_json::from_value(value)
        .map_err(|error| StoreError::corrupt("windows", "consents", error.to_string()))
}

fn bind<'q>(query: Query<'q>, window: &'q Window) -> Query<'q> {
    let plan = window.plan.as_ref();
    query
        .bind(window.id.0)
        .bind(window.server.0)
        .bind(window.quarter.to_string())
        .bind(window.revision.0)
        .bind(plan.map(|plan| plan.local))
        .bind(plan.map(|plan| plan.zone.name()))
        .bind(plan.map(|plan| plan.starts_at))
        .bind(plan.map(|plan| plan.ends_at))
        .bind(plan.map(|plan| hour_of(plan.starts_at)))
        .bind(window.state.as_str())
        .bind(Json(&window.state))
        .bind(window.moves)
        .bind(window.crossed_by.map(|person| person.0))
        .bind(window.version)
        .bind(Some(&window.consents).filter(|consents| !consents.is_empty()).map(Json))
}

async fn write(conn: &mut Conn, sql: &'static str, window: &Window) -> Result<u64, StoreError> {
    let done = bind(sqlx::query(sql), window).execute(conn).await?;
    Ok(done.rows_affected())
}

pub(in crate::store) async fn insert_window(conn: &mut Conn, window: &Window) -> Result<(), StoreError> {
    write(conn, INSERT, window).await.map(|_| ())
}

pub(in crate::store) async fn update_window(conn: &mut Conn, window: &Window) -> Result<(), StoreError> {
    one(write(conn, UPDATE, window).await?, "the window")
}

pub(in crate::store) async fn window_by_id(conn: &mut Conn, id: WindowId) -> Result<Window, StoreError> {
    window(&sqlx::query(BY_ID).bind(id.0).fetch_one(conn).await?)
}

pub(in crate::store) async fn windows_by_ids(
    conn: &mut Conn,
    ids: &[WindowId],
) -> Result<Vec<Window>, StoreError> {
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(rows::LOOKED_FOR) {
        // The places that are left over ask for a window that nobody has.
        let asked = chunk.iter().map(|id| id.0).chain(std::iter::repeat(Uuid::nil())).take(rows::LOOKED_FOR);
        let query = asked.fold(sqlx::query(BY_IDS), Query::bind);
        found.extend(all(&mut *conn, query, window).await?);
    }
    Ok(found)
}

pub(in crate::store) async fn window_of(
    conn: &mut Conn,
    server: ServerId,
    quarter: Quarter,
) -> Result<Option<Window>, StoreError> {
    let row = sqlx::query(OF_SERVER_IN).bind(server.0).bind(quarter.to_string()).fetch_optional(conn).await?;
    row.as_ref().map(window).transpose()
}

pub(in crate::store) async fn windows_of_server(
    conn: &mut Conn,
    server: ServerId,
) -> Result<Vec<Window>, StoreError> {
    sqlx::query(OF_SERVER).bind(server.0).fetch_all(conn).await?.iter().map(window).collect()
}

pub(in crate::store) async fn all_windows(conn: &mut Conn) -> Result<Vec<Window>, StoreError> {
    all(conn, sqlx::query(EVERY), window).await
}

pub(in crate::store) async fn windows_of_quarter(
    conn: &mut Conn,
    quarter: Quarter,
) -> Result<Vec<Window>, StoreError> {
    all(conn, sqlx::query(OF_QUARTER).bind(quarter.to_string()), window).await
}

pub(in crate::store) async fn windows_of_owner(
    conn: &mut Conn,
    person: PersonId,
    quarter: Quarter,
) -> Result<Vec<Window>, StoreError> {
    let rows = sqlx::query(OF_OWNER).bind(person.0).bind(quarter.to_string()).fetch_all(conn).await?;
    rows.iter().map(window).collect()
}

pub(in crate::store) async fn insert_windows(conn: &mut Conn, windows: &[Window]) -> Result<(), StoreError> {
    write_all(conn, windows, [INSERT, INSERT_MANY], bind).await
}

pub(in crate::store) async fn windows_starting(
    conn: &mut Conn,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<Window>, StoreError> {
    sqlx::query(STARTING).bind(from).bind(to).fetch_all(conn).await?.iter().map(window).collect()
}

pub(in crate::store) async fn count_windows(
    conn: &mut Conn,
    quarter: Quarter,
) -> Result<Vec<WindowCount>, StoreError> {
    let rows = sqlx::query(COUNTS).bind(quarter.to_string()).fetch_all(conn).await?;
    rows.iter()
        .map(|row| {
            Ok(WindowCount {
                hour: row.try_get("slot_hour")?,
                state: row.try_get("state")?,
                windows: count(row)?,
            })
        })
        .collect()
}

pub(in crate::store) async fn starts(
    conn: &mut Conn,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<(DateTime<Utc>, u32)>, StoreError> {
    let rows = sqlx::query(STARTS).bind(from).bind(to).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((row.try_get("starts_at")?, count(row)?))).collect()
}

fn count(row: &Row) -> Result<u32, StoreError> {
    let windows: i64 = row.try_get("windows")?;
    Ok(u32::try_from(windows).unwrap_or(u32::MAX))
}

fn feed_row(row: &Row) -> Result<FeedRow, StoreError> {
    Ok(FeedRow { window: window(row)?, server: row.try_get("name")?, host_group: row.try_get("host_group")? })
}

pub(in crate::store) async fn feed_of_all(
    conn: &mut Conn,
    from: DateTime<Utc>,
) -> Result<Vec<FeedRow>, StoreError> {
    sqlx::query(FEED_OF_ALL).bind(from).fetch_all(conn).await?.iter().map(feed_row).collect()
}

pub(in crate::store) async fn feed_of_group(
    conn: &mut Conn,
    from: DateTime<Utc>,
    group: &str,
) -> Result<Vec<FeedRow>, StoreError> {
    sqlx::query(FEED_OF_GROUP).bind(from).bind(group).fetch_all(conn).await?.iter().map(feed_row).collect()
}

pub(in crate::store) async fn feed_of_owner(
    conn: &mut Conn,
    from: DateTime<Utc>,
    person: PersonId,
) -> Result<Vec<FeedRow>, StoreError> {
    sqlx::query(FEED_OF_OWNER).bind(from).bind(person.0).fetch_all(conn).await?.iter().map(feed_row).collect()
}

pub(in crate::store) async fn windows_put_off(conn: &mut Conn) -> Result<Vec<Window>, StoreError> {
    sqlx::query(PUT_OFF).fetch_all(conn).await?.iter().map(window).collect()
}

pub(in crate::store) async fn windows_put_off_of(
    conn: &mut Conn,
    server: ServerId,
) -> Result<Vec<Window>, StoreError> {
    sqlx::query(PUT_OFF_OF).bind(server.0).fetch_all(conn).await?.iter().map(window).collect()
}
