//! Every statement of the program, one file per aggregate, written in the subset that both engines understand.

use std::str::FromStr;

use futures::TryStreamExt as _;
use serde::de::DeserializeOwned;
use sqlx::types::Json;
use sqlx::{Executor, Row as _, SqlSafeStr as _};

use super::{Conn, Query, Row, dialect};
use crate::store::error::StoreError;

/// Names the statements of a file, so that a test can prepare all of them on both engines.
macro_rules! statements {
    ($($name:ident = $sql:expr;)+) => {
        $(const $name: &str = $sql;)+
        pub(super) const ALL: &[(&str, &str)] = &[$((concat!(module_path!(), "::", stringify!($name)), $name)),+];
    };
}

pub(in crate::store) mod audit;
pub(in crate::store) mod cards;
pub(in crate::store) mod chat;
pub(in crate::store) mod configuration;
pub(in crate::store) mod decisions;
pub(in crate::store) mod due;
pub(in crate::store) mod heard;
pub(in crate::store) mod inbox;
pub(in crate::store) mod introductions;
pub(in crate::store) mod occupancy;
pub(in crate::store) mod outbox;
pub(in crate::store) mod people;
pub(in crate::store) mod prechecks;
pub(in crate::store) mod reachability;
pub(in crate::store) mod requests;
mod rows;
pub(in crate::store) mod runs;
pub(in crate::store) mod servers;
pub(in crate::store) mod stand_ins;
pub(in crate::store) mod swaps;
pub(in crate::store) mod tokens;
pub(in crate::store) mod windows;
pub(in crate::store) mod zone_checks;

/// Prepares every statement and names those that the engine refuses.
pub(in crate::store) async fn unfit(conn: &mut Conn) -> Result<Vec<String>, StoreError> {
    let files = [
        audit::ALL,
        cards::ALL,
        chat::ALL,
        configuration::ALL,
        decisions::ALL,
        due::ALL,
        heard::ALL,
        inbox::ALL,
        introductions::ALL,
        occupancy::ALL,
        outbox::ALL,
        people::ALL,
        prechecks::ALL,
        reachability::ALL,
        requests::ALL,
        runs::ALL,
        servers::ALL,
        stand_ins::ALL,
        swaps::ALL,
        tokens::ALL,
        windows::ALL,
        zone_checks::ALL,
    ];
    let mut unfit = Vec::new();
    for (name, sql) in files.into_iter().flatten().copied() {
        if let Err(error) = (&mut *conn).prepare(sql.into_sql_str()).await {
            unfit.push(format!("{name}: {error}"));
        }
    }
    Ok(unfit)
}

/// Reads a text column that only certain words may stand in.
fn word<T>(
    row: &Row,
    table: &'static str,
    column: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, StoreError> {
    let text: String = row.try_get(column)?;
    read(&text).ok_or_else(|| StoreError::corrupt(table, column, text))
}

/// Reads a text column through its type's `FromStr`.
fn parsed<T: FromStr>(row: &Row, table: &'static str, column: &'static str) -> Result<T, StoreError> {
    word(row, table, column, |text| text.parse().ok())
}

/// Reads a JSON column.
fn json<T: DeserializeOwned>(row: &Row, table: &'static str, column: &'static str) -> Result<T, StoreError> {
    match row.try_get::<Json<T>, _>(column) {
        Ok(Json(value)) => Ok(value),
        Err(sqlx::Error::ColumnDecode { source, .. }) => {
            Err(StoreError::corrupt(table, column, source.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Reads rows as they come: those of a whole inventory are not kept twice.
async fn all<T>(
    conn: &mut Conn,
    query: Query<'_>,
    read: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut rows = query.fetch(conn);
    let mut all = Vec::new();
    while let Some(row) = rows.try_next().await? {
        all.push(read(&row)?);
    }
    Ok(all)
}

/// Writes many rows with the statement of as many as it takes, and the rest with that of one; `bind` adds a row's values.
/// While the database works at one statement, the next is bound.
async fn write_all<'q, T>(
    conn: &mut Conn,
    all: &'q [T],
    [of_one, of_many]: [&'static str; 2],
    bind: impl Fn(Query<'q>, &'q T) -> Query<'q>,
) -> Result<(), StoreError> {
    let full = all.chunks_exact(rows::AT_ONCE);
    let rest = full.remainder().chunks(1).map(|row| (of_one, row));
    let all = full.map(|rows| (of_many, rows)).chain(rest);
    let mut queries = all.map(|(sql, rows)| rows.iter().fold(sqlx::query(sql), &bind));
    let mut next = queries.next();
    while let Some(query) = next {
        let (done, bound) = futures::join!(query.execute(&mut *conn), async { queries.next() });
        done?;
        next = bound;
    }
    Ok(())
}
