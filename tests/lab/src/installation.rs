//! The real program in a folder of its own: configured, served, killed, asked; with a clock that can be moved.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::{Dns, Lab, Mail, PASSWORD};

/// One installation of patchbot.
#[derive(Debug)]
pub struct Installation {
    program: PathBuf,
    folder: PathBuf,
    /// What the configuration says of the database.
    database: String,
    serving: Option<Child>,
    ahead: TimeDelta,
}

/// What a command of patchbot's said and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The exit code.
    pub code: Option<i32>,
    /// Standard output, then standard error.
    pub text: String,
}

/// Longer than any command takes on a busy machine.
const ENDS_WITHIN: Duration = Duration::from_secs(120);

/// What each thread of a process waits for in the kernel.
fn waits_of(id: u32) -> String {
    let tasks = std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let of = |task: &Path, name: &str| std::fs::read_to_string(task.join(name)).unwrap_or_default();
    let waits = tasks.map(|task| {
        let task = task.path();
        format!("{} in {}", of(&task, "comm").trim(), of(&task, "wchan").trim())
    });
    waits.collect::<Vec<_>>().join(", ")
}

#[expect(clippy::disallowed_methods, reason = "a lab's clock is the machine's with an offset")]
fn machine_now() -> DateTime<Utc> {
    Utc::now()
}

impl Installation {
    /// An installation in a folder that exists; its clock shows `now`.
    ///
    /// # Errors
    /// When the program is not built or the folder cannot be written to.
    pub fn new(program: &Path, folder: &Path, now: DateTime<Utc>) -> Result<Self> {
        let program =
            program.canonicalize().with_context(|| format!("{} is not built", program.display()))?;
        std::fs::create_dir_all(folder)?;
        let folder = folder.canonicalize()?;
        let database = format!("sqlite = \"{}/patchbot.db\"", folder.display());
        let mut this = Self { program, folder, database, serving: None, ahead: TimeDelta::zero() };
        this.move_clock(now)?;
        Ok(this)
    }

    /// With the PostgreSQL database behind this URL, from the next configuration on.
    ///
    /// # Errors
    /// When the URL's file cannot be written.
    pub fn use_postgres(&mut self, url: &str) -> Result<()> {
        self.database = format!("postgres = {}", self.secret("database.url", url)?);
        Ok(())
    }

    /// Another instance of what is configured here: the same database, mailbox, rules and clock, and pages of its own.
    ///
    /// # Errors
    /// When nothing is configured yet, or the folder cannot be written to.
    pub fn another(&self, lab: &Lab, folder: &Path) -> Result<Self> {
        let another = Self::new(&self.program, folder, self.now())?;
        let pages = Self::pages(lab);
        let other = SocketAddr::from((pages.ip(), pages.port() + 1));
        let text = std::fs::read_to_string(self.folder.join("patching.conf"))?
            .replace(&format!("listen = \"{pages}\""), &format!("listen = \"{other}\""));
        std::fs::write(another.folder.join("patching.conf"), text)?;
        Ok(another)
    }

    /// Where everything lies.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Keeps a secret in a file, and returns what the configuration says of it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn secret(&self, name: &str, text: &str) -> Result<String> {
        let path = self.folder.join(name);
        std::fs::write(&path, text)?;
        Ok(format!("{{ file = \"{}\" }}", path.display()))
    }

    /// Writes the configuration: the database, the lab's key and clock, and the tables that are given.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn configure(&self, lab: &Lab, tables: &str) -> Result<()> {
        let folder = self.folder.display();
        let text = format!(
            r#"[database]
{database}

[ssh]
key = "{key}"
poll = "200ms"
settle = "20s"

[http]
listen = "{pages}"
public_url = "http://{pages}"

[lab]
clock = "{folder}/ahead"

{tables}
"#,
            database = self.database,
            key = lab.ssh_key().display(),
            pages = Self::pages(lab),
        );
        Ok(std::fs::write(self.folder.join("patching.conf"), text)?)
    }

    /// Where it serves its pages.
    #[must_use]
    pub fn pages(lab: &Lab) -> SocketAddr {
        SocketAddr::from((lab.loopback(9), 9117))
    }

    /// The tables for the lab's mail and name server.
    ///
    /// # Errors
    /// When the password's file cannot be written.
    pub fn mail_tables(&self, mail: &Mail, dns: &Dns) -> Result<String> {
        let password = self.secret("mail.password", PASSWORD)?;
        let (submission, imaps) = (mail.submission(), mail.imaps());
        let authority = mail.authority();
        let authority = authority.display();
        Ok(format!(
            r#"[mail]
address = "patchbot@patchbot.test"

[smtp]
host = "{}"
port = {}
security = "starttls"
user = "patchbot@patchbot.test"
password = {password}
ca_file = "{authority}"

[imap]
host = "{}"
port = {}
user = "patchbot@patchbot.test"
password = {password}
ca_file = "{authority}"

[authentication]
resolver = "{}"
"#,
            submission.ip(),
            submission.port(),
            imaps.ip(),
            imaps.port(),
            dns.address(),
        ))
    }

    /// The time that the installation's clock shows.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        machine_now() + self.ahead
    }

    /// Moves the clock: when this returns, `at` has come.
    ///
    /// # Errors
    /// When the clock's file cannot be written.
    pub fn move_clock(&mut self, at: DateTime<Utc>) -> Result<()> {
        let seconds = (at - machine_now()).num_seconds() + 1;
        self.ahead = TimeDelta::seconds(seconds);
        let (path, new) = (self.folder.join("ahead"), self.folder.join("ahead.new"));
        std::fs::write(&new, seconds.to_string())?;
        Ok(std::fs::rename(new, path)?)
    }

    /// Runs a command of patchbot's.
    ///
    /// # Errors
    /// When it cannot be started, or does not end; the error tells what its threads wait for.
    pub async fn run(&self, words: &[&str]) -> Result<Said> {
        let command = self
            .command()
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let id = command.id().context("it ended before it was waited for")?;
        // Held until the error is written: dropping it would end the process that the error is about.
        let mut ending = std::pin::pin!(command.wait_with_output());
        let Ok(output) = timeout(ENDS_WITHIN, ending.as_mut()).await else {
            bail!("patchbot {} does not end; its threads wait: {}", words.join(" "), waits_of(id));
        };
        let output = output?;
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Ok(Said { code: output.status.code(), text })
    }

    /// Runs a command that must end well, and returns what it said.
    ///
    /// # Errors
    /// When it does not end with 0.
    pub async fn ok(&self, words: &[&str]) -> Result<String> {
        let said = self.run(words).await?;
        ensure!(
            said.code == Some(0),
            "patchbot {} ended with {:?}: {}",
            words.join(" "),
            said.code,
            said.text
        );
        Ok(said.text)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(self.folder.join("patching.conf"));
        command
    }

    /// Starts serving; what it logs is appended to `serve.log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn serve(&mut self) -> Result<()> {
        ensure!(self.serving.is_none(), "it serves already");
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(self.folder.join("serve.log"))?;
        let serving = self
            .command()
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        self.serving = Some(serving);
        Ok(())
    }

    /// Kills the serving process with SIGKILL, in the middle of whatever it does.
    ///
    /// # Errors
    /// When it does not serve.
    pub async fn kill(&mut self) -> Result<()> {
        let mut serving = self.serving.take().context("it does not serve")?;
        if let Some(status) = serving.try_wait()? {
            bail!("it had ended by itself with {status}; see {}/serve.log", self.folder.display());
        }
        Ok(serving.kill().await?)
    }

    /// Asks the serving process to stop, and waits for it.
    ///
    /// # Errors
    /// When it does not stop in time, or not well.
    pub async fn stop(&mut self) -> Result<()> {
        let mut serving = self.serving.take().context("it does not serve")?;
        let id = serving.id().context("it had ended by itself")?;
        Command::new("kill").arg(id.to_string()).status().await?;
        let status = timeout(Duration::from_secs(40), serving.wait()).await.context("it does not stop")??;
        ensure!(status.success(), "it ended with {status}; see {}/serve.log", self.folder.display());
        Ok(())
    }

    /// Waits until a command of patchbot's says what is wanted.
    ///
    /// # Errors
    /// When it does not within a minute.
    pub async fn wait_until(&self, words: &[&str], wanted: impl Fn(&str) -> bool) -> Result<String> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let said = self.run(words).await?.text;
            if wanted(&said) {
                return Ok(said);
            }
            ensure!(
                Instant::now() < deadline,
                "patchbot {} does not say what is wanted; see {}/serve.log; it says: {said}",
                words.join(" "),
                self.folder.display()
            );
            sleep(Duration::from_millis(100)).await;
        }
    }
}
