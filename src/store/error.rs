//! What can go wrong with the database, told apart by what to do about it.

use sqlx::error::ErrorKind;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The row was changed or taken over by somebody else since it was read; nothing was written.
    #[error("{0} was changed by somebody else in the meantime; nothing was written")]
    Stale(&'static str),
    /// A row that has to be there is not.
    #[error("there is no such row in {0}")]
    Missing(&'static str),
    /// The same row is already there.
    #[error("the same row is already there ({0})")]
    Duplicate(String),
    /// A row whose content the program does not understand. It was written by another version, or by hand.
    #[error(
        "the database holds something unexpected in {table}.{column}: {found}; restore a backup or ask for help, and do not edit it by hand"
    )]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// What is there.
        found: String,
    },
    /// The schema is not the one this program needs.
    #[error(
        "the database schema cannot be brought up to date: {0}; restore the last backup, or start the version of patchbot that wrote it"
    )]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The configured place is not usable.
    #[error("{0}")]
    Place(String),
    /// The file is damaged, or is something else.
    #[error(
        "{0} is damaged, or no database of patchbot's; restore the last backup with \"patchbot restore FILE\""
    )]
    Damaged(String),
    /// Anything else from the database.
    #[error("the database does not answer as it should: {0}")]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => Self::Missing("the table asked"),
            sqlx::Error::Database(database) if database.kind() == ErrorKind::UniqueViolation => {
                Self::Duplicate(database.message().to_owned())
            }
            _ => Self::Database(error),
        }
    }
}

impl StoreError {
    pub(super) fn corrupt(table: &'static str, column: &'static str, found: impl Into<String>) -> Self {
        Self::Corrupt { table, column, found: found.into() }
    }
}

/// One row must have been changed: none means that somebody else was faster.
pub(super) fn one(rows: u64, what: &'static str) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::Stale(what)) }
}
