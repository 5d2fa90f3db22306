//! Gives each running lab a number of its own on this machine, and clears what a killed owner left under it.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process::run_now;

/// How many labs can run on one machine at the same time.
pub(crate) const SLOTS: u8 = 32;

const FOLDER: &str = "/run/patchbot-lab";

/// The script that keeps a lab and sweeps up after it.
pub(crate) const KEEPER: &str = include_str!("scripts/keeper.sh");

/// A number that no other lab on this machine has while the lock is held.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) number: u8,
    pub(crate) lock: File,
}

impl Slot {
    /// Takes the wanted slot, or the first free one; waits when all are taken.
    pub(crate) fn take(wanted: Option<u8>) -> Result<Self> {
        std::fs::create_dir_all(FOLDER).with_context(|| format!("cannot create {FOLDER}"))?;
        let numbers = match wanted {
            Some(number) if number < SLOTS => number..=number,
            Some(number) => bail!("there is no slot {number}; slots are 0 to {}", SLOTS - 1),
            None => 0..=SLOTS - 1,
        };
        let patience = Instant::now() + Duration::from_secs(120);
        while Instant::now() < patience {
            for number in numbers.clone() {
                if let Some(mut slot) = Self::try_take(number)? {
                    slot.clear()?;
                    return Ok(slot);
                }
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("all {} slots of the lab were taken for two minutes; {FOLDER} says by whom", numbers.count())
    }

    fn try_take(number: u8) -> Result<Option<Self>> {
        let path = Path::new(FOLDER).join(number.to_string());
        let lock = File::options().create(true).truncate(false).read(true).write(true).open(path)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { number, lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(why)) => Err(why.into()),
        }
    }

    /// Removes what an earlier lab in this slot left behind because both its owner and its keeper were killed.
    fn clear(&mut self) -> Result<()> {
        let mut record = String::new();
        self.lock.read_to_string(&mut record)?;
        let bridge = Path::new("/sys/class/net").join(format!("pblab{}", self.number));
        if record.is_empty() && !bridge.exists() {
            return Ok(());
        }
        let folder = record.lines().find_map(|line| line.strip_prefix("folder ")).unwrap_or("/nonexistent");
        sweep(self.number, Path::new(folder))?;
        self.rewrite("")
    }

    /// Writes down the folder, so that it can be removed when this process is killed.
    pub(crate) fn record(&mut self, folder: &Path) -> Result<()> {
        self.rewrite(&format!("owner {}\nfolder {}\n", std::process::id(), folder.display()))
    }

    /// Writes down who keeps the lab, for people who look.
    pub(crate) fn record_processes(&mut self, keeper: u32, init: u32, folder: &Path) -> Result<()> {
        let owner = std::process::id();
        self.rewrite(&format!("owner {owner}\nkeeper {keeper}\ninit {init}\nfolder {}\n", folder.display()))
    }

    fn rewrite(&mut self, record: &str) -> Result<()> {
        self.lock.set_len(0)?;
        self.lock.rewind()?;
        self.lock.write_all(record.as_bytes())?;
        Ok(())
    }
}

/// A call of the keeper's script in a mount namespace of its own.
pub(crate) fn keeper_command(script: &Path, act: &str, slot: u8, folder: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "bash"]).arg(script);
    command.arg(act).arg(slot.to_string()).arg(folder).env_remove("LD_PRELOAD");
    command
}

/// Ends and removes whatever a lab in this slot may have left.
pub(crate) fn sweep(slot: u8, folder: &Path) -> Result<()> {
    let script: PathBuf = tempfile::NamedTempFile::new()?.into_temp_path().keep()?;
    std::fs::write(&script, KEEPER)?;
    let swept = run_now(&mut keeper_command(&script, "sweep", slot, folder));
    std::fs::remove_file(&script)?;
    swept.map(drop)
}
