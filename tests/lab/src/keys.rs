//! Key pairs of the lab: made once per machine, worth nothing outside of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::cache;
use crate::process::run_now;

/// The pairs people and patchbot log in with: `id_ed25519`, `id_rsa` and a `stranger` no host knows.
pub(crate) fn login_keys() -> Result<PathBuf> {
    cache::once("ssh-keys-1", |folder| {
        ssh_keygen(&folder.join("id_ed25519"), &["-t", "ed25519"])?;
        ssh_keygen(&folder.join("id_rsa"), &["-t", "rsa", "-b", "3072"])?;
        ssh_keygen(&folder.join("stranger"), &["-t", "ed25519"])
    })
}

/// Makes a fresh ed25519 host key at `path` (and `path.pub`).
pub(crate) fn host_key(path: &Path) -> Result<()> {
    ssh_keygen(path, &["-t", "ed25519"])
}

fn ssh_keygen(path: &Path, kind: &[&str]) -> Result<()> {
    run_now(Command::new("ssh-keygen").args(["-q", "-N", "", "-C", "lab"]).args(kind).arg("-f").arg(path))?;
    Ok(())
}
