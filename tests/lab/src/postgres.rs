//! A PostgreSQL server of the lab's own, on loopback, that can crash and come back.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use crate::cache;
use crate::cage::{Cage, tail};
use crate::daemon::Daemon;
use crate::process::{self, blocking, run_now, until};

const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

/// The last byte of the server's loopback address.
const LAST: u8 = 54;

/// Becomes the user PostgreSQL insists on.
const AS_POSTGRES: &[&str] =
    &["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "env", "-i", "LC_ALL=C.UTF-8"];

/// Quick rather than safe from a power cut of the machine; a crash of the server loses nothing all the same.
const SETTINGS: &str = "fsync = off\nfull_page_writes = off\nwal_level = minimal\nmax_wal_senders = 0\n\
    max_connections = 300\nshared_buffers = 64MB\njit = off\nlogging_collector = off\nlog_line_prefix = '%m '\n";

/// A running server; anybody on this machine may connect as `postgres`.
#[derive(Debug)]
pub struct Postgres {
    cage: Arc<Cage>,
    folder: PathBuf,
    address: Ipv4Addr,
    daemon: Option<Daemon>,
}

impl Postgres {
    pub(crate) async fn launch(cage: &Arc<Cage>) -> Result<Self> {
        let folder = cage.folder().join("postgres");
        let address = cage.loopback(LAST);
        let made = folder.clone();
        blocking(move || prepare(&made, address)).await?;
        let mut server = Self { cage: Arc::clone(cage), folder, address, daemon: None };
        server.start().await?;
        Ok(server)
    }

    /// The address of the server; its port is PostgreSQL's own, 5432.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The URL of a database, whether it exists or not.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@{}:5432/{database}", self.address)
    }

    /// The URL of the database from which others are created.
    #[must_use]
    pub fn admin_url(&self) -> String {
        self.url("postgres")
    }

    /// Creates an empty database and gives its URL.
    ///
    /// # Errors
    /// When it exists already or the server does not run.
    pub async fn create_database(&self, name: &str) -> Result<String> {
        self.create_database_from("template0", name).await
    }

    /// Creates a database as a copy of another one to which nobody is connected, and gives its URL.
    ///
    /// # Errors
    /// When it exists already, the template is in use or the server does not run.
    pub async fn create_database_from(&self, template: &str, name: &str) -> Result<String> {
        self.query(
            "postgres",
            &format!("CREATE DATABASE \"{name}\" TEMPLATE \"{template}\" STRATEGY FILE_COPY"),
        )
        .await?;
        Ok(self.url(name))
    }

    /// Runs one statement with psql and gives the rows, one a line, columns separated by `|`.
    ///
    /// # Errors
    /// When the server does not run or refuses the statement.
    pub async fn query(&self, database: &str, statement: &str) -> Result<String> {
        let mut psql = tokio::process::Command::new(format!("{PROGRAMS}/psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement]).arg(self.url(database));
        process::run(psql, b"").await?.ok().with_context(|| statement.to_owned())
    }

    /// Starts the server again after [`Self::crash`] or [`Self::stop`].
    ///
    /// # Errors
    /// When it does not come up; the error holds the end of its log.
    pub async fn start(&mut self) -> Result<()> {
        let data = self.data();
        let words: Vec<String> = AS_POSTGRES
            .iter()
            .map(|word| (*word).to_owned())
            .chain([format!("{PROGRAMS}/postgres"), "-D".to_owned(), data.display().to_string()])
            .collect();
        let daemon = Daemon::launch(&self.cage, &self.folder, "server", &words, &[]).await?;
        until(Duration::from_secs(60), "PostgreSQL to be ready", || async {
            daemon.check()?;
            let state = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
            Ok(state.lines().nth(7).is_some_and(|line| line.trim() == "ready").then_some(()))
        })
        .await
        .with_context(|| tail(&self.folder.join("server.out")))?;
        self.daemon = Some(daemon);
        Ok(())
    }

    /// Stops the server in order; open connections are cut.
    ///
    /// # Errors
    /// When it cannot be told to.
    pub async fn stop(&mut self) -> Result<()> {
        self.end("INT").await
    }

    /// Ends the server without any order, as a crash would; the next start replays its log.
    ///
    /// # Errors
    /// When it cannot be told to.
    pub async fn crash(&mut self) -> Result<()> {
        self.end("QUIT").await
    }

    async fn end(&mut self, signal: &str) -> Result<()> {
        let daemon = self.daemon.take().ok_or_else(|| anyhow!("PostgreSQL does not run"))?;
        daemon.stop(signal).await
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

/// Copies the cached fresh cluster and points it to the lab's address.
fn prepare(folder: &Path, address: Ipv4Addr) -> Result<()> {
    let fresh = cache::once("postgres-15-1", |work| {
        give_to_postgres(work)?;
        let data = work.join("data").display().to_string();
        let mut initdb = Command::new("setpriv");
        initdb.args(AS_POSTGRES.iter().skip(1)).arg(format!("{PROGRAMS}/initdb"));
        initdb.args(["-D", &data, "-A", "trust", "-U", "postgres", "-E", "UTF8"]);
        run_now(initdb.args(["--locale=C.UTF-8", "--no-sync"]))?;
        Ok(())
    })?;
    fs::create_dir_all(folder)?;
    give_to_postgres(folder)?;
    run_now(Command::new("cp").args(["-a", "--reflink=auto"]).arg(fresh.join("data")).arg(folder))?;
    let file = folder.join("data/postgresql.conf");
    let settings = format!(
        "{}\nlisten_addresses = '{address}'\nport = 5432\nunix_socket_directories = '{}'\n{SETTINGS}",
        fs::read_to_string(&file)?,
        folder.display()
    );
    fs::write(&file, settings)?;
    Ok(())
}

fn give_to_postgres(folder: &Path) -> Result<()> {
    // The package's own folder knows who "postgres" is on this machine.
    let home = fs::metadata("/var/lib/postgresql").context("Debian's postgresql-15 is not installed")?;
    chown(folder, Some(home.uid()), Some(home.gid()))?;
    Ok(())
}
