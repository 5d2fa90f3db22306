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
}

#[path = "sql/mod.rs"]
pub(super) mod sql;

/// What is locked by who writes; any number that nobody else locks in this database (`patchbot` in ASCII).
const WRITING: i64 = 0x7061_7463_6862_6f74;

/// The connections: one that writes, so that who waits for the lock keeps no others from reading.
#[derive(Debug, Clone)]
pub struct Pools {
    pub(super) write: sqlx::PgPool,
    pub(super) read: sqlx::PgPool,
}

impl Pools {
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        // The URL can hold a password, so no error repeats it.
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| {
                StoreError::Place(
                    "the database URL is not understood; write it as postgres://user@host/database"
                        .to_owned(),
                )
            })?
            .options([("statement_timeout", "30s")]);
        let pool =
            |most: u32| PgPoolOptions::new().max_connections(most).acquire_timeout(Duration::from_secs(30));
        let write = pool(1).connect_with(options.clone()).await.map_err(|error| {
            StoreError::Place(format!(
                "PostgreSQL cannot be reached: {error}; check [database] in the configuration"
            ))
        })?;
        Ok(Self { write, read: pool(8).connect_lazy_with(options) })
    }

    /// The lock is taken before anything is read, and kept until the end of the transaction.
    pub(super) async fn begin(&self) -> Result<sqlx::Transaction<'static, sqlx::Postgres>, StoreError> {
        let mut tx = self.write.begin_with("BEGIN").await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(WRITING).execute(&mut *tx).await?;
        Ok(tx)
    }
}
