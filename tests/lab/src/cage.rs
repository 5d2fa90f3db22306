//! Holds everything one lab starts, so that it ends with the lab whatever happens to the lab's owner.
//!
//! All processes of a lab live in a pid namespace whose first process waits on a pipe that the owner holds.
//! When the owner lets go of the pipe (drop, panic, `kill -9`), that process ends, and the kernel ends all others
//! and unmounts what was mounted for them. What is left (a bridge, a control group, a folder) has names that are
//! derived from the lab's slot; the keeper outside of the namespace removes it, or whoever takes the slot next.

use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process::{self, Output};
use crate::slot::{self, Slot};

/// Where the lab's programs are found.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// The namespaces, the folder and the slot of one lab.
#[derive(Debug)]
pub(crate) struct Cage {
    slot: u8,
    folder: PathBuf,
    /// Pid 1 of the lab's namespaces, as the owner sees it.
    init: u32,
    keeper: Mutex<Option<Keeper>>,
}

/// The process that outlives the owner just long enough to clean up; closing its standard input lets it go.
#[derive(Debug)]
struct Keeper {
    child: Child,
    _slot: Slot,
}

impl Cage {
    /// Takes a slot and prepares the lab's namespaces, bridge and folder in it.
    pub(crate) fn start(wanted: Option<u8>) -> Result<Self> {
        crate::check::demand()?;
        let mut slot = Slot::take(wanted)?;
        let folder = tempfile::Builder::new()
            .prefix(&format!("pblab-{}-", slot.number))
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()?
            .keep();
        slot.record(&folder)?;
        for (name, script) in [("keeper.sh", slot::KEEPER), ("host.sh", include_str!("scripts/host.sh"))] {
            std::fs::write(folder.join(name), script)?;
        }
        let mut child = slot::keeper_command(&folder.join("keeper.sh"), "run", slot.number, &folder)
            .stdin(Stdio::piped())
            // The keeper shares the lock: the slot is free only after it has cleaned up.
            .stdout(Stdio::from(slot.lock.try_clone()?))
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("cannot start the lab's keeper")?;
        let init = read_init(&mut child)
            .with_context(|| format!("the lab in slot {} did not start", slot.number))?;
        slot.record_processes(child.id(), init, &folder)?;
        let number = slot.number;
        let keeper = Keeper { child, _slot: slot };
        Ok(Self { slot: number, folder, init, keeper: Mutex::new(Some(keeper)) })
    }

    /// The number that all names and addresses of this lab are derived from.
    pub(crate) fn slot(&self) -> u8 {
        self.slot
    }

    /// The folder that holds the lab's whole state.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A loopback address of this lab, for one of its services.
    pub(crate) fn loopback(&self, last: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, 40, self.slot, last)
    }

    /// An address in the lab's own subnet.
    pub(crate) fn subnet(&self, last: u8) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.slot, last)
    }

    /// The path under which the lab's owner sees what is mounted inside of the lab.
    pub(crate) fn root(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.init))
    }

    /// The path under which a process of the lab's namespaces shows its own root.
    pub(crate) fn root_of(&self, pid: u32) -> PathBuf {
        self.root().join(format!("proc/{pid}/root"))
    }

    /// A command that runs inside of the lab's namespaces.
    pub(crate) fn command(&self, program: &str) -> tokio::process::Command {
        let mut command = tokio::process::Command::new("nsenter");
        command
            .arg(format!("--target={}", self.init))
            .args(["--pid", "--mount", "--ipc", "--", program])
            .env_remove("LD_PRELOAD")
            // Not the developer's own, which may lack /usr/sbin or put wrappers first.
            .env("PATH", PATH);
        command
    }

    /// Runs a program inside of the lab's namespaces to its end, with nothing on standard input.
    pub(crate) async fn run(&self, program: &str, arguments: &[&str]) -> Result<Output> {
        let mut command = self.command(program);
        command.args(arguments);
        process::run(command, b"").await
    }

    /// Ends the lab: its processes at once, then everything that has a name. A second call does nothing.
    pub(crate) fn end(&self) {
        let taken = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut keeper) = taken else { return };
        drop(keeper.child.stdin.take());
        let patience = Instant::now() + Duration::from_secs(30);
        while Instant::now() < patience {
            match keeper.child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(2)),
                Ok(Some(status)) if status.success() => return,
                _ => break,
            }
        }
        // The keeper was killed or hangs: what it would have done is done here.
        let _ = keeper.child.kill();
        let _ = keeper.child.wait();
        let _ = slot::sweep(self.slot, &self.folder);
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits for the keeper to name pid 1 of the lab's namespaces; all else it says are complaints.
fn read_init(keeper: &mut Child) -> Result<u32> {
    let Some(stderr) = keeper.stderr.take() else { bail!("the keeper cannot be heard") };
    let mut complaints = String::new();
    for line in BufReader::new(stderr).lines() {
        let line = line?;
        if let Ok(init) = line.trim().parse() {
            return Ok(init);
        }
        complaints.push_str(&line);
        complaints.push('\n');
    }
    bail!("{}", complaints.trim_end())
}

/// The last lines of a log, for an error message.
pub(crate) fn tail(log: &Path) -> String {
    let text = std::fs::read(log).map(|raw| String::from_utf8_lossy(&raw).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.get(lines.len().saturating_sub(15)..).unwrap_or_default();
    format!("{} says:\n{}", log.display(), last.join("\n"))
}
