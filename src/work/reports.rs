//! Looks whether a report for operators is due; asks the database only when its time has come.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::Ticked;
use crate::app::{App, Failure};
use crate::domain::timeline::Every;

/// The reports of one installation.
#[derive(Debug, Clone)]
pub struct Reporter {
    app: App,
    reports: Vec<Every>,
    /// Nothing is due before; unknown at the start.
    next: Arc<Mutex<Option<DateTime<Utc>>>>,
}

impl Reporter {
    /// Writes these reports.
    #[must_use]
    pub fn new(app: App, reports: Vec<Every>) -> Self {
        Self { app, reports, next: Arc::default() }
    }

    /// When the next report is due.
    #[must_use]
    pub fn next_due(&self) -> Option<DateTime<Utc>> {
        self.reports.iter().map(|every| every.next_due(self.app.zone, self.app.now())).min()
    }

    /// Writes the reports whose time has come.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tick(&self) -> Result<Ticked, Failure> {
        let next = *self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.is_some_and(|next| self.app.now() < next) {
            return Ok(Ticked(0));
        }
        let mut written = 0;
        for every in &self.reports {
            if self.app.report(*every).await? {
                written += 1;
            }
        }
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = self.next_due();
        Ok(Ticked(written))
    }
}
