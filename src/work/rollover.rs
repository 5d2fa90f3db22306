//! Turns quarters: after the last day of one its steps are taken, one per tick, by whichever instance comes first.

use std::fmt;
use std::fs::{DirBuilder, File};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use futures::future::BoxFuture;

use super::Ticked;
use crate::app::archive::ArchiveFile;
use crate::app::rollover::{Filed, Outside};
use crate::app::{App, Failure};
use crate::domain::chain::sha256;
use crate::domain::event::Actor;
use crate::domain::look::Look;
use crate::domain::rollover::{Step, Turn};
use crate::domain::timeline::wall;
use crate::render::Renderer;
use crate::store::error::StoreError;

/// A step that could not be taken is tried again after so long.
const AGAIN: TimeDelta = TimeDelta::minutes(10);

/// What looks whether everything answers that patchbot needs.
pub type Health = Arc<dyn Fn(App) -> BoxFuture<'static, Vec<Look>> + Send + Sync>;

/// What turning a quarter needs besides the database.
#[derive(Clone)]
pub struct Turning {
    /// The folder of the archive.
    pub archive: PathBuf,
    /// The folder that replaces templates, when there is one.
    pub templates: Option<PathBuf>,
    /// The health check.
    pub health: Health,
}

impl fmt::Debug for Turning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turning").field("archive", &self.archive).finish_non_exhaustive()
    }
}

/// A step that was not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// The archive cannot be written.
    #[error("the archive cannot be kept: {path}: {why}; give the service the right to write there, or name another folder as operations.archive", path = .path.display())]
    Archive {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// Something broke.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Turns the quarters of one installation.
#[derive(Debug, Clone)]
pub struct Turner {
    app: App,
    turning: Turning,
    /// Nothing is due before; unknown at the start.
    next: Arc<Mutex<Option<DateTime<Utc>>>>,
}

impl Turner {
    /// Turns quarters with this.
    #[must_use]
    pub fn new(app: App, turning: Turning) -> Self {
        Self { app, turning, next: Arc::default() }
    }

    /// Takes the next step of the turn that is due. One that cannot be taken is told once, and tried again later.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tick(&self) -> Result<Ticked, Failure> {
        let next = *self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.is_some_and(|next| self.app.now() < next) {
            return Ok(Ticked(0));
        }
        let due = self.app.turn_due().await?;
        let Some((turn, step)) = due.and_then(|turn| turn.next().map(|step| (turn, step))) else {
            self.rest_until(self.next_turn());
            return Ok(Ticked(0));
        };
        match self.step(&turn, step, &Actor::clock()).await {
            Ok(turn) => {
                tracing::info!(quarter = %turn.ended, step = step.as_str(), "the quarter turned a step further");
                Ok(Ticked(1))
            }
            Err(NotTaken::Failed(failure)) => Err(failure),
            Err(why @ NotTaken::Archive { .. }) => {
                tracing::error!(quarter = %turn.ended, step = step.as_str(), error = %why, "the quarter does not turn");
                self.app.tell_stuck(&turn, step, &why.to_string()).await?;
                self.rest_until(self.app.now() + AGAIN);
                Ok(Ticked(0))
            }
        }
    }

    fn rest_until(&self, at: DateTime<Utc>) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// When the present quarter is over.
    fn next_turn(&self) -> DateTime<Utc> {
        let current = self.app.quarters.current(self.app.now(), self.app.zone);
        let after = self.app.quarters.after(current);
        wall(self.app.quarters.first_day(after), NaiveTime::MIN, self.app.zone)
    }

    /// Takes one step of a turn: first what it needs from outside, then one transaction. The turn after it.
    ///
    /// # Errors
    /// When it cannot be taken; then nothing of it is remembered.
    pub async fn step(&self, turn: &Turn, step: Step, actor: &Actor) -> Result<Turn, NotTaken> {
        let outside = match step {
            Step::Archived => Outside::Filed(self.keep_archive(turn).await?),
            Step::Templates => Outside::Looked(vec![look_at_templates(self.turning.templates.as_deref())]),
            Step::Health => Outside::Looked((self.turning.health)(self.app.clone()).await),
            Step::Closed | Step::Opened | Step::Inventory | Step::Reported => Outside::Nothing,
        };
        // Who decides while a window is being closed was faster; the step looks again.
        for _ in 0..3 {
            match self.app.turn_step(turn, step, outside.clone(), actor).await {
                Err(Failure::Store(StoreError::Stale(_))) => {}
                done => return Ok(done?),
            }
        }
        Ok(self.app.turn_step(turn, step, outside, actor).await?)
    }

    async fn keep_archive(&self, turn: &Turn) -> Result<Vec<Filed>, NotTaken> {
        let files = self.app.archive(turn.ended).await?;
        let (folder, name) = (self.turning.archive.clone(), turn.ended.to_string());
        tokio::task::spawn_blocking(move || keep(&folder, &name, &files))
            .await
            .map_err(|error| NotTaken::Failed(Failure::Bug(format!("the archive: {error}"))))?
    }
}

/// Whether every notice can be rendered.
#[must_use]
pub fn look_at_templates(replacements: Option<&Path>) -> Look {
    match Renderer::new(replacements) {
        Ok(_) => Look::fine("templates", "every notice can be rendered"),
        Err(error) => Look::wrong("templates", error),
    }
}

/// Writes the files of an archive, and their checksums as `sha256sum --check` reads them. Each is there as a whole or
/// not at all, and what was there before with other contents is kept beside it.
fn keep(folder: &Path, name: &str, files: &[ArchiveFile]) -> Result<Vec<Filed>, NotTaken> {
    let cannot = |path: &Path| {
        let path = path.to_owned();
        move |why| NotTaken::Archive { path, why }
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(cannot(folder))?;
    let mut filed = Vec::new();
    let mut sums = String::new();
    for file in files {
        let path = folder.join(&file.name);
        put(&path, &file.bytes).map_err(cannot(&path))?;
        let checksum = sha256(&file.bytes);
        sums.push_str(&format!("{checksum}  {}\n", file.name));
        filed.push(Filed { path: path.display().to_string(), checksum });
    }
    let path = folder.join(format!("{name}.sha256"));
    put(&path, sums.as_bytes()).map_err(cannot(&path))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(cannot(folder))?;
    Ok(filed)
}

fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let part = beside(path, ".part");
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    if let Ok(earlier) = std::fs::read(path)
        && earlier != bytes
    {
        let short: String = sha256(&earlier).chars().take(8).collect();
        std::fs::rename(path, beside(path, &format!(".{short}")))?;
    }
    std::fs::rename(&part, path)
}

/// The file with something behind its name.
fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
