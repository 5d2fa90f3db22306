//! Looks whether the rules or the inventory are others than those the windows were last compared with.

use std::sync::{Arc, Mutex, PoisonError};

use super::Ticked;
use crate::app::{App, Failure};

/// The re-evaluation of one installation.
#[derive(Debug, Clone)]
pub struct Recheck {
    app: App,
    /// The inventory that was applied when this program last looked; nothing before its first look.
    seen: Arc<Mutex<Option<Inventory>>>,
}

/// What names an applied inventory; nothing where none was.
type Inventory = Option<serde_json::Value>;

impl Recheck {
    /// Compares with the rules of this one.
    #[must_use]
    pub fn new(app: App) -> Self {
        Self { app, seen: Arc::default() }
    }

    /// Compares all windows to come, at the first tick and whenever an inventory was applied, when something they depend on
    /// has changed; else it costs one small question to the database.
    ///
    /// A program's rules do not change while it runs. Two that run with different rules, as in the middle of an upgrade,
    /// each compare once: they must not undo each other's changes again and again.
    ///
    /// # Errors
    /// When the database does not answer; then nothing was changed, and the next tick does it.
    pub async fn tick(&self) -> Result<Ticked, Failure> {
        let inventory = self.app.inventory_applied().await?;
        if self.seen.lock().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(&inventory) {
            return Ok(Ticked(0));
        }
        let compared = self.app.recheck_after_changes().await?;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(inventory);
        let Some(compared) = compared else { return Ok(Ticked(0)) };
        for quarter in compared {
            tracing::info!("{}", quarter.sentence());
        }
        Ok(Ticked(1))
    }
}
