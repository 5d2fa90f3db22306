//! The real program on real hosts through a night: killed where it hurts, lied to by mail, and what is left afterwards.

mod forgeries;
mod instances;
mod killed;
mod windows;

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use patchbot_lab::{Dns, Host, Installation, Lab, Mail, TcpProxy};
use sqlx::{Connection, Row};
use tokio::time::{Instant, sleep};

const QUARTER: &str = "2027-Q1";

pub(crate) fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// One installation with its hosts, mail and name server.
pub(crate) struct Night {
    lab: Lab,
    pub(crate) mail: Mail,
    pub(crate) dns: Dns,
    pub(crate) bot: Installation,
    pub(crate) host: Host,
    /// Between the program and its host.
    pub(crate) proxy: TcpProxy,
    /// The URL of its database, where that is no file.
    postgres: Option<String>,
    folder: tempfile::TempDir,
}

/// What the night is about.
pub(crate) struct Plan {
    /// The package on the host that gets a new version.
    pub(crate) package: &'static str,
    /// Whether the host has systemd.
    pub(crate) systemd: bool,
    /// Whether its database is PostgreSQL's.
    pub(crate) postgres: bool,
    /// More of the configuration.
    pub(crate) tables: &'static str,
}

impl Default for Plan {
    fn default() -> Self {
        Self { package: "lab-reboot", systemd: false, postgres: false, tables: "" }
    }
}

impl Night {
    /// web01 of ada's, enrolled and planned for Thursday 10 December 2026, 20:00 in Berlin; it is 24 November.
    pub(crate) async fn new(plan: Plan) -> Self {
        let lab = Lab::start().await.unwrap();
        let (mail, dns) = (lab.mail().await.unwrap(), lab.dns().await.unwrap());
        let host = lab.host("web01").zone("Europe/Berlin").installed([plan.package]);
        let host = if plan.systemd { host } else { host.light() };
        let host = host.start().await.unwrap();
        let proxy = lab.proxy(host.ssh_address()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_patchbot"));
        let mut bot =
            Installation::new(program, &folder.path().join("one"), utc("2026-11-24T08:00:00Z")).unwrap();
        let postgres = if plan.postgres { Some(crate::contract::empty_postgres().await) } else { None };
        if let Some(url) = &postgres {
            bot.use_postgres(url).unwrap();
        }
        let tables = bot.mail_tables(&mail, &dns).unwrap();
        bot.configure(&lab, &format!("{tables}\n{}", plan.tables)).unwrap();
        let sheet = format!(
            "server_name,primary_owner,server_timezone,ip_address,ssh_port\nweb01,ada@owners.test,Europe/Berlin,{},{}\n",
            proxy.address().ip(),
            proxy.address().port()
        );
        let file = folder.path().join("servers.csv");
        std::fs::write(&file, sheet).unwrap();
        bot.ok(&["import", file.to_str().unwrap(), "--apply"]).await.unwrap();
        bot.ok(&["enroll", "web01", "--login", Host::USER, "--accept-new"]).await.unwrap();
        bot.ok(&["plan", QUARTER]).await.unwrap();
        lab.repository().publish_updates().await.unwrap();
        Self { lab, mail, dns, bot, host, proxy, postgres, folder }
    }

    /// The same, approved by its owner, with the clock shortly before the start.
    pub(crate) async fn before_the_start(plan: Plan) -> Self {
        let mut night = Self::new(plan).await;
        night.bot.ok(&["say", "approve web01", "--as", "ada@owners.test"]).await.unwrap();
        night.bot.move_clock(utc("2026-12-10T18:59:00Z")).unwrap();
        night.bot.serve().unwrap();
        // Reminder, pre-checks and lock were slept through; they are made up for before the start.
        night.bot.wait_until(&["show", "web01"], |said| said.contains("next: the start")).await.unwrap();
        night
    }

    /// Lets the start come.
    pub(crate) fn start(&mut self) {
        self.bot.move_clock(utc("2026-12-10T19:00:00Z")).unwrap();
    }

    /// A single value of the program's database, read from beside it.
    pub(crate) async fn asks(&self, question: &'static str) -> Option<String> {
        if let Some(url) = &self.postgres {
            let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
            let row = sqlx::query(question).fetch_optional(&mut connection).await.unwrap();
            return row.map(|row| row.try_get::<String, _>(0).unwrap());
        }
        let path = self.bot.folder().join("patchbot.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).read_only(true);
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        let row = sqlx::query(question).fetch_optional(&mut connection).await.unwrap();
        row.map(|row| row.try_get::<String, _>(0).unwrap())
    }

    /// The state of the one run, when there is one.
    pub(crate) async fn run_state(&self) -> Option<String> {
        self.asks("SELECT state FROM patch_history").await
    }

    /// Waits until the run is in a state; looks often, because some states are short.
    pub(crate) async fn until_run_is(&self, wanted: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let state = self.run_state().await;
            if state.as_deref() == Some(wanted) {
                return;
            }
            assert!(Instant::now() < deadline, "the run is {state:?}, not {wanted}");
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until the window has ended, one way or the other.
    pub(crate) async fn until_over(&self) -> String {
        let over = ["state: patched", "state: failed", "state: missed", "state: a person must look"];
        let said = self
            .bot
            .wait_until(&["show", "web01"], |said| over.iter().any(|end| said.contains(end)))
            .await
            .unwrap();
        said.lines().find(|line| line.starts_with("state: ")).unwrap().to_owned()
    }

    /// What the host itself knows: how often the package was upgraded, how many runs it has seen, how often it was booted.
    pub(crate) async fn marks_on_the_host(&self, package: &str) -> (usize, usize, u32) {
        let upgrades = self
            .host
            .exec(&format!("grep -c ' upgrade {package}:' /var/log/dpkg.log || true"))
            .await
            .unwrap();
        let runs = self.host.exec("ls /var/lib/patchbot/runs | wc -l").await.unwrap();
        let number = |output: patchbot_lab::Output| output.ok().unwrap().trim().parse::<usize>().unwrap();
        (number(upgrades), number(runs), self.host.boots().unwrap())
    }
}
