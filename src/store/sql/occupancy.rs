//! Who else is patched when: groups, services, and the rows that decisions must not pass each other on.

use std::collections::HashMap;

use const_format::concatcp;
use sqlx::Row as _;

use super::servers;
use super::windows;
use super::{Conn, Row, all};
use crate::domain::ids::ServerId;
use crate::domain::quarter::Quarter;
use crate::domain::server::Server;
use crate::domain::window::Window;
use crate::store::error::StoreError;
use crate::store::records::{MemberRow, SpanRow, StateRow};

/// A server whose exception lasts: nobody waits until it has a time.
const PUT_OFF: &str = "(SELECT 1 FROM exceptions e JOIN windows d ON d.id = e.window_id WHERE d.server_id = s.id \
    AND e.granted_at IS NOT NULL AND e.ended_at IS NULL)";

/// States that hold no slot.
const GONE: &str = "('declined', 'deferred', 'cancelled', 'missed')";

statements! {
    GROUP_SPANS = concatcp!("SELECT LOWER(s.environment) AS environment, w.starts_at, w.ends_at, COUNT(*) AS windows, MIN(s.name) AS name \
        FROM servers s JOIN windows w ON w.server_id = s.id AND w.quarter = $2 WHERE s.group_key = $1 AND s.active = $3 \
        AND w.state NOT IN ", GONE, " GROUP BY LOWER(s.environment), w.starts_at, w.ends_at");
    ENVIRONMENT_SPANS = concatcp!("SELECT LOWER(s.environment) AS environment, w.starts_at, w.ends_at, COUNT(*) AS windows, \
        MIN(s.name) AS name FROM servers s LEFT JOIN windows w ON w.server_id = s.id AND w.quarter = $2 \
        WHERE s.group_key = $1 AND LOWER(s.environment) = $4 AND s.active = $3 AND (w.state IS NULL OR w.state NOT IN ", GONE, ") \
        AND (w.starts_at IS NOT NULL OR NOT EXISTS ", PUT_OFF, ") GROUP BY LOWER(s.environment), w.starts_at, w.ends_at");
    STATES = "SELECT w.state, MIN(s.name) AS name, MAX(w.ends_at) AS ends_at FROM servers s \
        JOIN windows w ON w.server_id = s.id AND w.quarter = $2 \
        WHERE s.group_key = $1 AND s.active = $3 GROUP BY w.state";
    STATES_IN = "SELECT w.state, MIN(s.name) AS name, MAX(w.ends_at) AS ends_at FROM servers s \
        JOIN windows w ON w.server_id = s.id AND w.quarter = $2 \
        WHERE s.group_key = $1 AND s.active = $3 AND LOWER(s.environment) = $4 GROUP BY w.state";
    MEMBERS = concatcp!("SELECT ", servers::COLS, " FROM servers s WHERE s.service = $1 AND s.active = $2 ORDER BY s.name");
    WINDOWS_OF_MEMBERS = concatcp!("SELECT ", windows::COLS, " FROM servers s CROSS JOIN windows w \
        WHERE s.service = $1 AND s.active = $2 AND w.server_id = s.id AND w.quarter = $3");
}

fn span(row: &Row) -> Result<SpanRow, StoreError> {
    let (from, to) = (row.try_get("starts_at")?, row.try_get("ends_at")?);
    let windows: i64 = row.try_get("windows")?;
    Ok(SpanRow {
        environment: row.try_get("environment")?,
        span: Option::zip(from, to),
        count: u32::try_from(windows).unwrap_or(u32::MAX),
        name: row.try_get("name")?,
    })
}

pub(in crate::store) async fn spans_of_group(
    conn: &mut Conn,
    group: &str,
    quarter: Quarter,
) -> Result<Vec<SpanRow>, StoreError> {
    let rows =
        sqlx::query(GROUP_SPANS).bind(group).bind(quarter.to_string()).bind(true).fetch_all(conn).await?;
    rows.iter().map(span).collect()
}

pub(in crate::store) async fn spans_of_environment(
    conn: &mut Conn,
    group: &str,
    environment: &str,
    quarter: Quarter,
) -> Result<Vec<SpanRow>, StoreError> {
    let query = sqlx::query(ENVIRONMENT_SPANS).bind(group).bind(quarter.to_string()).bind(true);
    let rows = query.bind(environment.to_lowercase()).fetch_all(conn).await?;
    rows.iter().map(span).collect()
}

pub(in crate::store) async fn states_of_group(
    conn: &mut Conn,
    group: &str,
    environment: Option<&str>,
    quarter: Quarter,
) -> Result<Vec<StateRow>, StoreError> {
    let query = sqlx::query(if environment.is_some() { STATES_IN } else { STATES });
    let query = query.bind(group).bind(quarter.to_string()).bind(true);
    let query = match environment {
        Some(environment) => query.bind(environment.to_lowercase()),
        None => query,
    };
    let rows = query.fetch_all(conn).await?;
    rows.iter()
        .map(|row| {
            Ok(StateRow {
                state: row.try_get("state")?,
                name: row.try_get("name")?,
                ends_at: row.try_get("ends_at")?,
            })
        })
        .collect()
}

pub(in crate::store) async fn members_of(
    conn: &mut Conn,
    service: &str,
    quarter: Quarter,
) -> Result<Vec<MemberRow>, StoreError> {
    let servers = all(&mut *conn, sqlx::query(MEMBERS).bind(service).bind(true), servers::server).await?;
    let query = sqlx::query(WINDOWS_OF_MEMBERS).bind(service).bind(true).bind(quarter.to_string());
    let windows = all(conn, query, windows::window).await?;
    let mut windows: HashMap<ServerId, Window> =
        windows.into_iter().map(|window| (window.server, window)).collect();
    let with_window = |server: Server| MemberRow { window: windows.remove(&server.id), server };
    Ok(servers.into_iter().map(with_window).collect())
}
