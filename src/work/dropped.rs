//! Looks for an inventory that another system drops into a folder: checksum, quarantine, and the operators told once.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::Ticked;
use crate::app::dropped::Dropped;
use crate::app::{App, Failure};
use crate::domain::chain::sha256;

/// A checksum that does not fit, or is not there, is waited for so long: the other system may still be writing.
const PATIENCE: TimeDelta = TimeDelta::minutes(10);

/// Where the file is dropped, and what may be taken over without a person.
#[derive(Debug, Clone)]
pub struct Drop {
    /// The file.
    pub file: PathBuf,
    /// Whether a file `….sha256` must be beside it.
    pub checksum: bool,
    /// Nothing is looked at more often.
    pub every: TimeDelta,
    /// Of a hundred servers so many may change.
    pub most_changed: usize,
}

/// The dropped inventories of one installation.
#[derive(Debug, Clone)]
pub struct DroppedInventory {
    app: App,
    drop: Drop,
    /// Nothing is looked at before.
    next: Arc<Mutex<Option<DateTime<Utc>>>>,
}

/// A dropped file that can be read.
struct Found {
    bytes: Vec<u8>,
    changed_at: DateTime<Utc>,
}

impl DroppedInventory {
    /// Looks at this file.
    #[must_use]
    pub fn new(app: App, drop: Drop) -> Self {
        Self { app, drop, next: Arc::default() }
    }

    /// Looks whether a file was dropped, and deals with it.
    ///
    /// # Errors
    /// When the database does not answer; then the file is looked at again.
    pub async fn tick(&self) -> Result<Ticked, Failure> {
        let now = self.app.clock.machine();
        {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            if next.is_some_and(|next| now < next) {
                return Ok(Ticked(0));
            }
            *next = Some(now + self.drop.every);
        }
        let Some(found) = self.look().await else { return Ok(Ticked(0)) };
        let waits = now - found.changed_at < PATIENCE;
        if let Err(why) = self.checksum(&found.bytes).await {
            if waits {
                return Ok(Ticked(0));
            }
            self.put_aside(&found.bytes, "refused", why, Vec::new()).await?;
            return Ok(Ticked(1));
        }
        match self.app.take_dropped(&self.shown(), &found.bytes, self.drop.most_changed).await? {
            Dropped::Taken(preview) => {
                tracing::info!(
                    file = %self.shown(),
                    new = preview.new.len(),
                    changed = preview.changed.len(),
                    "the dropped inventory was taken over"
                );
                // Told before it is moved: whoever stops in between looks at the file again, and tells nobody twice.
                if !preview.conflicts.is_empty() {
                    let headline = format!("{} was taken over; what was decided here stays", self.shown());
                    self.app.tell_dropped(&found.bytes, headline, &preview.conflicts).await?;
                }
                self.move_to(&beside(&self.drop.file, ".taken")).await;
            }
            Dropped::Held { why, preview } => {
                let changes =
                    preview.changed.iter().map(|(name, what)| format!("{name}: {}", what.join("; ")));
                let new = preview.new.iter().map(|name| format!("{name} is new"));
                let absent = preview.absent.iter().map(|name| format!("{name} is missing"));
                let lines = changes.chain(new).chain(absent).collect();
                self.put_aside(&found.bytes, "held", why, lines).await?;
            }
            Dropped::Wrong(lines) => {
                let why = match lines.len() {
                    1 => "it has an error".to_owned(),
                    many => format!("it has {many} errors"),
                };
                self.put_aside(&found.bytes, "refused", why, lines).await?;
            }
        }
        Ok(Ticked(1))
    }

    fn shown(&self) -> String {
        self.drop.file.display().to_string()
    }

    async fn look(&self) -> Option<Found> {
        let changed_at = tokio::fs::metadata(&self.drop.file).await.ok()?.modified().ok()?.into();
        let bytes = tokio::fs::read(&self.drop.file).await.ok()?;
        Some(Found { bytes, changed_at })
    }

    /// Whether the file is what the other system wrote, all of it.
    async fn checksum(&self, bytes: &[u8]) -> Result<(), String> {
        if !self.drop.checksum {
            return Ok(());
        }
        let file = beside(&self.drop.file, ".sha256");
        let text = tokio::fs::read_to_string(&file)
            .await
            .map_err(|_| format!("there is no checksum {} beside it", file.display()))?;
        let wanted = text.split_whitespace().next().unwrap_or_default().to_lowercase();
        if wanted == sha256(bytes) {
            Ok(())
        } else {
            Err(format!(
                "it does not fit its checksum {}: it is damaged or was not written to its end",
                file.display()
            ))
        }
    }

    /// Tells the operators, and moves the file out of the way with the reasons beside it; in this order, so that nobody
    /// goes untold when the program is stopped in between.
    async fn put_aside(
        &self,
        bytes: &[u8],
        how: &str,
        why: String,
        lines: Vec<String>,
    ) -> Result<(), Failure> {
        let short: String = sha256(bytes).chars().take(8).collect();
        let place = beside(&self.drop.file, &format!(".{how}-{short}"));
        let headline = match how {
            "held" => format!("The inventory {} waits for a person: {why}", self.shown()),
            _ => format!("The inventory {} was not taken over: {why}", self.shown()),
        };
        let reasons = std::iter::once(&why).chain(&lines).map(|line| format!("{line}\n")).collect::<String>();
        if let Err(error) = tokio::fs::write(beside(&place, ".why"), reasons).await {
            tracing::warn!(%error, file = %place.display(), "the reasons cannot be written beside the dropped file");
        }
        let next = match how {
            "held" => format!(
                "→ patchbot import {0} shows all of it; patchbot import {0} --apply takes it over.",
                place.display()
            ),
            _ => format!(
                "→ Nothing was changed. The file is {0}, the reasons are in {0}.why.",
                place.display()
            ),
        };
        let mut told: Vec<String> = lines.into_iter().take(4).collect();
        told.push(next);
        self.app.tell_dropped(bytes, headline, &told).await?;
        self.move_to(&place).await;
        Ok(())
    }

    async fn move_to(&self, place: &Path) {
        if let Err(error) = tokio::fs::rename(&self.drop.file, place).await {
            tracing::warn!(%error, file = %self.shown(), "the dropped file cannot be moved; give the service the right to write into its folder");
        }
        let _ = tokio::fs::remove_file(beside(&self.drop.file, ".sha256")).await;
    }
}

/// The file with something behind its name.
fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
