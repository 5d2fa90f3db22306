//! The statements compiled for SQLite: the default, one file beside the program.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::error::StoreError;

pub(super) type Conn = sqlx::SqliteConnection;
pub(super) type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, <sqlx::Sqlite as sqlx::Database>::Arguments>;
pub(super) type Row = sqlx::sqlite::SqliteRow;

/// Words that differ between the engines.
pub(super) mod dialect {
    /// One writer at a time: nothing to skip.
    pub(in crate::store) const SKIP_LOCKED: &str = "";
    /// Placeholders of many rows are told apart by their order alone.
    pub(in crate::store) const NUMBERED: bool = false;
}

#[path = "sql/mod.rs"]
pub(super) mod sql;

/// How long somebody waits for who writes now: a whole inventory, in another process.
const WAIT: Duration = Duration::from_secs(30);

/// One connection that writes, several that read.
#[derive(Debug, Clone)]
pub struct Pools {
    pub(super) write: sqlx::SqlitePool,
    pub(super) read: sqlx::SqlitePool,
}

impl Pools {
    pub(super) async fn open(path: &Path) -> Result<Self, StoreError> {
        let place = |why: String| {
            StoreError::Place(format!(
                "the database {} cannot be opened: {why}; check that its folder exists and belongs to the service user",
                path.display()
            ))
        };
        // Mails and decisions are nobody else's business; SQLite gives its log the same mode.
        match File::options().write(true).create_new(true).mode(0o600).open(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(place(error.to_string())),
            _ => {}
        }
        let options = SqliteConnectOptions::from_str("sqlite:")
            .map_err(|error| place(error.to_string()))?
            .filename(path)
            // A server's row is about a kilobyte; only a new file takes the size of its pages from here.
            .page_size(8192)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(WAIT);
        let pool = |most: u32| SqlitePoolOptions::new().max_connections(most).acquire_timeout(WAIT);
        // What a whole inventory changes is to be written once, not page by page while it is being changed. So much memory is
        // only taken by who has that much in his database.
        let writing = options.clone().pragma("cache_size", "-262144");
        let write = pool(1).connect_with(writing).await.map_err(|error| {
            if is_damage(&error) {
                StoreError::Damaged(path.display().to_string())
            } else {
                place(error.to_string())
            }
        })?;
        let read = pool(4).connect_lazy_with(options);
        Ok(Self { write, read })
    }

    /// The write lock is taken at once, so that no read-then-write fails half-way.
    pub(super) async fn begin(&self) -> Result<sqlx::Transaction<'static, sqlx::Sqlite>, StoreError> {
        Ok(self.write.begin_with("BEGIN IMMEDIATE").await?)
    }

    pub(super) async fn copy_to(&self, file: &Path) -> Result<(), StoreError> {
        let place = |why: &str| {
            StoreError::Place(format!("the database cannot be copied to {}: {why}", file.display()))
        };
        let name = file.to_str().ok_or_else(|| place("its name is not UTF-8"))?;
        // The copy is whole in itself: no log beside it (https://sqlite.org/lang_vacuum.html#vacuuminto).
        sqlx::query("VACUUM INTO ?1").bind(name).execute(&self.read).await?;
        Ok(())
    }

    pub(super) async fn look_for_damage(&self) -> Result<(), StoreError> {
        let found: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&self.read).await?;
        if found == "ok" {
            Ok(())
        } else {
            Err(StoreError::Place(format!("the database is damaged: {found}")))
        }
    }
}

/// Whether SQLite says that a file is malformed (11, SQLITE_CORRUPT) or no database (26, SQLITE_NOTADB);
/// <https://sqlite.org/rescode.html>.
fn is_damage(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| matches!(code.as_ref(), "11" | "26"))
}
