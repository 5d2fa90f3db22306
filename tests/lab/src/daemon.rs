//! Starts a long-running program inside of a lab, and stops exactly that one.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::cage::{Cage, tail};
use crate::process::until;

/// A running program; it ends with the lab, or earlier when it is told to.
#[derive(Debug)]
pub(crate) struct Daemon {
    cage: Arc<Cage>,
    pid_file: PathBuf,
    log: PathBuf,
}

/// Joins the lab's control group, leaves its pid and becomes the program.
const START: &str = r#"group=$1 pid_file=$2; shift 2; echo 0 >"$group"; echo $$ >"$pid_file"; exec "$@""#;

impl Daemon {
    /// Starts `words` (program and arguments) with its state under `folder` as `name`.
    pub(crate) async fn launch(
        cage: &Arc<Cage>,
        folder: &Path,
        name: &str,
        words: &[String],
        variables: &[(&str, String)],
    ) -> Result<Self> {
        let pid_file = folder.join(format!("{name}.pid"));
        let log = folder.join(format!("{name}.out"));
        let _ = std::fs::remove_file(&pid_file);
        let output = std::fs::File::options().create(true).append(true).open(&log)?;
        let group = format!("/sys/fs/cgroup/patchbot-lab-{}/services/cgroup.procs", cage.slot());
        let mut command = cage.command("setsid");
        command.args(["--fork", "sh", "-c", START, "lab", &group]).arg(&pid_file).args(words);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let status = command.status().await.with_context(|| format!("cannot start {name}"))?;
        if !status.success() {
            bail!("cannot start {name}: {status}; {}", tail(&log));
        }
        let daemon = Self { cage: Arc::clone(cage), pid_file, log };
        until(Duration::from_secs(10), "the program's pid", || async { Ok(daemon.pid()) }).await?;
        Ok(daemon)
    }

    /// The program's pid as the lab sees it.
    pub(crate) fn pid(&self) -> Option<u32> {
        std::fs::read_to_string(&self.pid_file).ok()?.trim().parse().ok()
    }

    /// Tells whether the program still runs.
    pub(crate) fn runs(&self) -> bool {
        self.pid().is_some_and(|pid| self.cage.root_of(pid).symlink_metadata().is_ok())
    }

    /// Fails when the program has ended, with the last lines it wrote.
    pub(crate) fn check(&self) -> Result<()> {
        if self.runs() {
            return Ok(());
        }
        bail!("the program ended; {}", tail(&self.log))
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) async fn signal(&self, signal: &str) -> Result<()> {
        let pid = self.pid().context("the program was never started")?;
        self.cage.run("kill", &["-s", signal, &pid.to_string()]).await?.ok()?;
        Ok(())
    }

    /// Kills the program with all that it started, none of which can put anything in order, and waits for their end.
    pub(crate) async fn kill(&self) -> Result<()> {
        let pid = self.pid().context("the program was never started")?;
        // It leads a group of its own, into which its children are born.
        let group = pid.to_string();
        self.cage.run("pkill", &["-KILL", "-g", &group]).await?.ok()?;
        let gone =
            || async { Ok((!self.cage.run("pgrep", &["-g", &group]).await?.succeeded()).then_some(())) };
        until(Duration::from_secs(10), "the end of the program and its children", gone).await
    }

    /// Sends a signal and waits for the end; what does not end within ten seconds is killed.
    pub(crate) async fn stop(&self, signal: &str) -> Result<()> {
        if !self.runs() {
            return Ok(());
        }
        self.signal(signal).await?;
        let gone = || async { Ok((!self.runs()).then_some(())) };
        if until(Duration::from_secs(10), "the program's end", gone).await.is_err() {
            self.signal("KILL").await?;
            until(Duration::from_secs(10), "the program's end", gone).await?;
        }
        Ok(())
    }
}
