//! Looks whether the rules or the inventory are others than those the windows were last compared with.

use super::Ticked;
use crate::app::{App, Failure};

/// The re-evaluation of one installation.
#[derive(Debug, Clone)]
pub struct Recheck {
    app: App,
}

impl Recheck {
    /// Compares with the rules of this one.
    #[must_use]
    pub fn new(app: App) -> Self {
        Self { app }
    }

    /// Compares all windows to come when something they depend on has changed; else it costs two small questions to the
    /// database.
    ///
    /// # Errors
    /// When the database does not answer; then nothing was changed, and the next tick does it.
    pub async fn tick(&self) -> Result<Ticked, Failure> {
        let Some(compared) = self.app.recheck_after_changes().await? else { return Ok(Ticked(0)) };
        for quarter in compared {
            tracing::info!("{}", quarter.sentence());
        }
        Ok(Ticked(1))
    }
}
