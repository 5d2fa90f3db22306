//! Keeps the board of the night in an operators' channel: drawn from the database, written when it would say something else.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::Ticked;
use crate::app::{App, Failure};
use crate::chat::{Chat, Undelivered};

/// After something went wrong, the board is left alone for so long.
const AFTER_TROUBLE: TimeDelta = TimeDelta::seconds(30);

/// The board of one platform.
#[derive(Debug, Clone)]
pub struct Boards {
    app: App,
    chat: Chat,
    place: String,
    not_before: Arc<Mutex<Option<DateTime<Utc>>>>,
}

impl Boards {
    /// Keeps the board in this channel.
    #[must_use]
    pub fn new(app: App, chat: Chat, place: String) -> Self {
        Self { app, chat, place, not_before: Arc::default() }
    }

    /// Draws the board when there is one to draw.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tick(&self) -> Result<Ticked, Failure> {
        let now = self.app.clock.machine();
        if self.not_before.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|at| now < at) {
            return Ok(Ticked(0));
        }
        let Some(board) = self.app.board().await? else { return Ok(Ticked(0)) };
        let wait = match self.chat.show_board(&self.place, &board).await {
            Ok(_) => return Ok(Ticked(0)),
            Err(Undelivered::RateLimited { after }) => TimeDelta::from_std(after).unwrap_or(AFTER_TROUBLE),
            Err(error) => {
                let medium = self.chat.medium().as_str();
                tracing::warn!(medium, %error, "the board of the night could not be shown");
                AFTER_TROUBLE
            }
        };
        *self.not_before.lock().unwrap_or_else(PoisonError::into_inner) = Some(now + wait);
        Ok(Ticked(0))
    }
}
