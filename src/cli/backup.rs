//! `backup` and `restore`: a copy of the SQLite database, taken while patchbot works, and the way back.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};

use super::serve::Alone;
use super::{Ended, Screen, audit, setup};
use crate::config::Config;
use crate::store::Store;
use crate::store::error::StoreError;

/// A file that was not there before, for its owner's eyes only.
pub(super) fn new_file(path: &Path) -> std::io::Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

pub(super) async fn backup(config: &Config, screen: &mut Screen, file: &Path) -> anyhow::Result<Ended> {
    let store = setup::store(config).await?;
    let copy = new_file(file).with_context(|| {
        format!("{} cannot be written; name a new file in a folder of yours", file.display())
    })?;
    if let Err(error) = store.copy_to(file).await {
        std::fs::remove_file(file)?;
        return Err(error.into());
    }
    copy.sync_all()?;
    store.close().await;
    screen.line(&format!("{} holds the database as it was just now.", file.display()));
    Ok(Ended::Well)
}

/// The file beside `database` whose name has this behind it.
fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// SQLite's own files: the database, its log, its index of the log. They belong together: a log of another database
/// beside a file ruins it.
const PARTS: [&str; 3] = ["", "-wal", "-shm"];

pub(super) async fn restore(config: &Config, screen: &mut Screen, file: &Path) -> anyhow::Result<Ended> {
    if config.database.postgres.is_some() {
        bail!("a PostgreSQL database is restored by pg_restore; see deploy/README.md");
    }
    let database = &config.database.sqlite;
    let _alone = Alone::on(database)?;
    let fresh = beside(database, ".restoring");
    remove(&fresh)?;
    let entries = match examined(file, &fresh).await {
        Ok(entries) => entries,
        Err(error) => {
            remove(&fresh)?;
            return Err(error.context(format!("{} is not restored, nothing was changed", file.display())));
        }
    };
    let kept = set_aside(database, setup::clock(config)?.now()).await?;
    std::fs::rename(&fresh, database)?;
    if let Some(folder) = database.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    screen.line(&format!("{} is in place; its audit is whole and has {entries} entries.", file.display()));
    if let Some(kept) = kept {
        screen.line(&format!("→ The database before it is kept as {}.", kept.display()));
    }
    screen.line("→ What was decided since the backup is not in it. Mails that are still in the mailbox are read again; compare the rest with the audit of the other file.");
    Ok(Ended::Well)
}

/// Removes a database that nobody needs.
fn remove(database: &Path) -> std::io::Result<()> {
    for part in PARTS {
        let part = beside(database, part);
        if part.exists() {
            std::fs::remove_file(part)?;
        }
    }
    Ok(())
}

/// Copies a backup, with its log when it has one; opens the copy as `serve` would; says how many audit entries it has.
async fn examined(file: &Path, copy: &Path) -> anyhow::Result<i64> {
    for part in ["", "-wal"] {
        let (from, to) = (beside(file, part), beside(copy, part));
        if part.is_empty() || from.exists() {
            let mut reader =
                File::open(&from).with_context(|| format!("{} cannot be read", from.display()))?;
            let mut writer = new_file(&to).with_context(|| format!("{} cannot be written", to.display()))?;
            std::io::copy(&mut reader, &mut writer)?;
        }
    }
    let examined = async {
        let store = Store::sqlite(copy).await?;
        store.look_for_damage().await?;
        store.migrate().await?;
        let chain = audit::follow(&mut store.read().await?, |_, _| Ok(())).await??;
        store.close().await;
        anyhow::Ok(chain.length())
    };
    let entries = examined.await.map_err(|error| match error.downcast_ref() {
        Some(StoreError::Damaged(_)) => anyhow::anyhow!("it is damaged, or no database of patchbot's"),
        _ => error,
    })?;
    File::open(copy)?.sync_all()?;
    Ok(entries)
}

/// Gives the present database another name, whole: what is in its log is brought into its file first.
async fn set_aside(database: &Path, now: DateTime<Utc>) -> anyhow::Result<Option<PathBuf>> {
    if !database.exists() {
        return Ok(None);
    }
    match Store::sqlite(database).await {
        Ok(store) => store.close().await,
        // It is damaged; that may be why a backup is restored.
        Err(StoreError::Damaged(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let kept = beside(database, &format!(".before-{}", now.format("%Y%m%dT%H%M%S%3fZ")));
    // The log first: were it to be left behind, it would be taken for the restored database's.
    for part in PARTS.into_iter().rev() {
        let present = beside(database, part);
        if present.exists() {
            std::fs::rename(present, beside(&kept, part))?;
        }
    }
    Ok(Some(kept))
}
