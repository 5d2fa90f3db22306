//! What lies in somebody's mailbox.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};

use super::settings::OWNER;
use crate::process::until;

/// Letters put into mailboxes by this process, so that their names differ.
static COUNT: AtomicU32 = AtomicU32::new(1);

/// The inbox of one address, read from the disk: looking does not change what IMAP shows.
#[derive(Debug, Clone)]
pub struct Mailbox {
    pub(crate) address: String,
    pub(crate) folder: PathBuf,
}

impl Mailbox {
    /// All letters in the order of their arrival.
    ///
    /// # Errors
    /// When the mailbox cannot be read.
    pub fn messages(&self) -> Result<Vec<Message>> {
        let mut found: Vec<(Vec<u64>, PathBuf)> = Vec::new();
        for part in ["new", "cur"] {
            let Ok(entries) = fs::read_dir(self.folder.join(part)) else { continue };
            for entry in entries {
                let path = entry?.path();
                found.push((arrival(&path), path));
            }
        }
        found.sort();
        // A letter that IMAP moves from new to cur while we look is read from its second place.
        let read = |path: &PathBuf| fs::read(path).or_else(|_| fs::read(seen(path)));
        found.iter().map(|(_, path)| Ok(Message { raw: read(path)? })).collect()
    }

    /// Gives all letters new numbers and the folder a new UIDVALIDITY, as a restored backup does. Dovecot must not run.
    ///
    /// # Errors
    /// When the mailbox cannot be changed.
    pub fn renumber(&self) -> Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with("dovecot") {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// Puts a letter into the mailbox without asking any server, for what no server would let pass.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, raw: &[u8]) -> Result<()> {
        let Some(home) = self.folder.parent() else { bail!("a mailbox has no folder") };
        let parts = ["cur", "new", "tmp"].map(|part| self.folder.join(part));
        for part in &parts {
            fs::create_dir_all(part)?;
        }
        for folder in
            home.parent().into_iter().chain([home, &self.folder]).chain(parts.iter().map(PathBuf::as_path))
        {
            chown(folder, Some(OWNER), Some(OWNER))?;
        }
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // Sorted behind whatever a server delivers.
        let name = format!("4000000000.M{number}P{}.lab", std::process::id());
        let temporary = self.folder.join("tmp").join(&name);
        fs::write(&temporary, raw)?;
        chown(&temporary, Some(OWNER), Some(OWNER))?;
        fs::rename(temporary, self.folder.join("new").join(name))?;
        Ok(())
    }

    /// Waits until there are at least `count` letters and gives all.
    ///
    /// # Errors
    /// When they do not come in time.
    pub async fn wait_for(&self, count: usize, patience: Duration) -> Result<Vec<Message>> {
        let what = format!("{count} letters to {}", self.address);
        until(patience, &what, || async {
            let messages = self.messages()?;
            Ok((messages.len() >= count).then_some(messages))
        })
        .await
    }
}

/// Seconds, microseconds and the number within them, from a Maildir name such as `1764000000.M12P3V4.host,S=5`.
fn arrival(path: &Path) -> Vec<u64> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut fields = name.split('.');
    let seconds = fields.next().and_then(|field| field.parse().ok());
    let unique = fields.next().unwrap_or_default().trim_start_matches('M');
    let digits = unique.split(|c: char| !c.is_ascii_digit()).next().and_then(|field| field.parse().ok());
    seconds.into_iter().chain(digits).collect()
}

/// Where IMAP puts a letter it has shown as recent.
fn seen(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let inbox = path.parent().and_then(Path::parent).unwrap_or(path);
    inbox.join("cur").join(format!("{name}:2,"))
}

/// One letter as it arrived, with the headers the servers added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The letter byte for byte.
    pub raw: Vec<u8>,
}

impl Message {
    /// The first header of a name, unfolded.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers(name).into_iter().next()
    }

    /// All headers of a name, unfolded, from top to bottom.
    #[must_use]
    pub fn headers(&self, name: &str) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.raw);
        let mut found: Vec<String> = Vec::new();
        let mut ours = false;
        for line in text.lines().take_while(|line| !line.is_empty()) {
            if line.starts_with([' ', '\t']) {
                if let (true, Some(last)) = (ours, found.last_mut()) {
                    last.push(' ');
                    last.push_str(line.trim());
                }
                continue;
            }
            let (known, value) = line.split_once(':').unwrap_or_default();
            ours = known.eq_ignore_ascii_case(name);
            if ours {
                found.push(value.trim().to_owned());
            }
        }
        found
    }

    /// Everything behind the headers, as text and not decoded.
    #[must_use]
    pub fn body(&self) -> String {
        let text = String::from_utf8_lossy(&self.raw);
        let lines = text.lines().skip_while(|line| !line.is_empty()).skip(1);
        lines.collect::<Vec<_>>().join("\n")
    }
}
