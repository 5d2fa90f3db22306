//! Keeps what is costly to make between runs: the base image, keys, packages, a fresh database.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The folder that `tests/lab/setup` fills, and where the lab adds what it made itself.
#[expect(clippy::disallowed_methods, reason = "the lab is no part of patchbot and has no config/ of its own")]
pub(crate) fn folder() -> PathBuf {
    std::env::var("PATCHBOT_LAB_CACHE").unwrap_or_else(|_| "/var/cache/patchbot-lab".to_owned()).into()
}

/// The unpacked Debian that all hosts stand on.
pub(crate) fn base() -> Result<PathBuf> {
    let link = folder().join("base");
    match fs::canonicalize(&link) {
        Ok(base) if base.join(".complete").exists() => Ok(base),
        _ => bail!(
            "there is no base image for the lab's hosts in {}; run tests/lab/setup as root, it makes one",
            link.display()
        ),
    }
}

/// Gives the folder `name` of the cache; the first caller on this machine fills it with `make`.
///
/// Whoever changes what is made changes the name, most simply by its number at the end.
/// A maker that fails or is killed leaves nothing that a later caller could take for complete.
pub(crate) fn once(name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let done = folder().join(name);
    if done.exists() {
        return Ok(done);
    }
    fs::create_dir_all(folder()).with_context(|| format!("cannot create {}", folder().display()))?;
    let lock = fs::File::create(folder().join(format!("{name}.lock")))?;
    lock.lock()?;
    if done.exists() {
        return Ok(done);
    }
    let work = folder().join(format!("{name}.new"));
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir(&work)?;
    make(&work).with_context(|| format!("cannot make {}", done.display()))?;
    fs::rename(&work, &done)?;
    fs::remove_file(folder().join(format!("{name}.lock")))?;
    Ok(done)
}
