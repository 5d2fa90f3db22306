//! Where the database is: a file by default, PostgreSQL for several instances.

use std::path::PathBuf;

use super::secret::SecretSource;
use super::section::section;

section! {
    /// The database. SQLite by default; PostgreSQL when several instances work together.
    pub struct Database in "database" {
        /// The SQLite file; its folder must exist and belong to the service user.
        sqlite: PathBuf = "/var/lib/patching/patchbot.db".into(), "\"/var/lib/patching/patchbot.db\"";
        /// PostgreSQL instead: where its URL is kept (postgres://user:password@host/database).
        postgres: Option<SecretSource> = None, "# { file = \"/etc/patching/database.url\" }";
    }
}
