//! The statements compiled for PostgreSQL: for several instances.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::error::StoreError;

pub(super) type Conn = sqlx::PgConnection;
pub(super) type Query<'q> =
    sqlx::query::Query<'q, sqlx::Postgres, <sqlx::Postgres as sqlx::Database>::Arguments>;
pub(super) type Row = sqlx::postgres::PgRow;

/// Words that differ between the engines.
pub(super) mod dialect {
    /// Claimers pass each other without waiting.
    pub(in crate::store) const SKIP_LOCKED: &str = "FOR UPDATE SKIP LOCKED";
    /// Placeholders of many rows are numbered through.
    pub(in crate::store) const NUMBERED: bool = true;
    /// What opens a write transaction.
    pub(in crate::store) const BEGIN: &str = "BEGIN";
}

#[path = "sql/mod.rs"]
pub(super) mod sql;

pub(super) async fn open(url: &str) -> Result<sqlx::PgPool, StoreError> {
    // The URL can hold a password, so no error repeats it.
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| {
            StoreError::Place(
                "the database URL is not understood; write it as postgres://user@host/database".to_owned(),
            )
        })?
        .options([("statement_timeout", "30s")]);
    PgPoolOptions::new()
        .max_connections(10)
        .acquire_timeout(Duration::from_secs(30))
        .connect_with(options)
        .await
        .map_err(|error| {
            StoreError::Place(format!(
                "PostgreSQL cannot be reached: {error}; check [database] in the configuration"
            ))
        })
}
