//! Requests and reminders that waited until they were not true any more: what has changed is taken out, or nothing is sent.
//!
//! A mail server that was away for a night gives nobody the right to ask for a time that is not planned any more. Whoever
//! changed it has caused a notice of its own, so nobody misses anything.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::{App, Failure};
use crate::domain::ids::WindowId;
use crate::domain::message::{Answerable, Message};
use crate::domain::notice::{Notice, WindowLine};
use crate::domain::window::Window;
use crate::store::Tx;
use crate::store::error::StoreError;
use crate::store::records::Notification;

/// What is still true of a mail when its turn to be delivered has come.
#[derive(Debug, Clone, PartialEq)]
pub enum Timeliness {
    /// All of it.
    AsWritten,
    /// It is about these windows only.
    Less {
        /// The notice without the lines that have changed.
        notice: Box<Notice>,
        /// What a reply to it may decide about.
        answerable: Option<Answerable>,
    },
    /// None of it; why, as a sentence.
    Superseded(String),
}

impl App {
    /// Compares the windows that requests and reminders show with what they are now; one answer for each message.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn timeliness(
        &self,
        tx: &mut Tx,
        messages: impl Iterator<Item = &Notification> + Clone + Send,
    ) -> Result<Vec<Timeliness>, Failure> {
        let shown: Vec<WindowId> = messages.clone().flat_map(shown_windows).collect();
        let shown = tx.windows_by_ids(&shown).await?;
        let shown: HashMap<WindowId, Window> = shown.into_iter().map(|window| (window.id, window)).collect();
        let mut all = Vec::new();
        for message in messages {
            all.push(self.timeliness_of(tx, &shown, message).await?);
        }
        Ok(all)
    }

    async fn timeliness_of(
        &self,
        tx: &mut Tx,
        shown: &HashMap<WindowId, Window>,
        message: &Notification,
    ) -> Result<Timeliness, Failure> {
        let Message::Mail { notice, answerable, .. } = &message.message else {
            return Ok(Timeliness::AsWritten);
        };
        if !notice.grows_old() {
            return Ok(Timeliness::AsWritten);
        }
        let mut gone = Vec::new();
        for line in notice.windows() {
            let called;
            let window = match kept(answerable.as_ref(), line) {
                Some(id) => Some(shown.get(&id).ok_or(StoreError::Missing("windows"))?),
                None => {
                    called = window_called(tx, line).await?;
                    called.as_ref()
                }
            };
            let why = window.and_then(|window| self.outdated(notice, window, line, message.created_at));
            gone.extend(why.map(|why| (line.number, why)));
        }
        let Some((_, why)) = gone.first() else { return Ok(Timeliness::AsWritten) };
        let left = notice.without(|line| gone.iter().any(|(number, _)| *number == line.number));
        let Some(notice) = left else { return Ok(Timeliness::Superseded(why.clone())) };
        let answerable = answerable.as_ref().map(|shown| {
            let kept = |line: u16| !gone.iter().any(|(number, _)| *number == usize::from(line));
            let windows = shown.windows.iter().filter(|shown| kept(shown.line)).copied().collect();
            Answerable { windows, ..shown.clone() }
        });
        Ok(Timeliness::Less {
            notice: Box::new(notice),
            answerable: answerable.filter(|shown| !shown.windows.is_empty()),
        })
    }

    /// Why a line about a window is not true any more; nothing when it is.
    fn outdated(
        &self,
        notice: &Notice,
        window: &Window,
        line: &WindowLine,
        written: DateTime<Utc>,
    ) -> Option<String> {
        let server = &line.server;
        if window.revision.0 != line.revision {
            return Some(format!("The plan of {server} was changed after this was written."));
        }
        let phrase = window.state.phrase();
        let asks_to_decide = matches!(
            notice,
            Notice::MonthlyNotice(_) | Notice::ApprovalRequest(_) | Notice::WeeklyFollowup(_)
        );
        if phrase != line.state && (asks_to_decide || window.state.is_settled()) {
            return Some(format!("{server} is {phrase} since this was written."));
        }
        let to_come = line.start.at > written;
        if to_come && line.start.at <= self.now() {
            return Some(format!("The window of {server} began before this could be delivered."));
        }
        None
    }
}

/// The windows that a message keeps by their ids, when it may be true no more.
fn shown_windows(message: &Notification) -> Vec<WindowId> {
    match &message.message {
        Message::Mail { notice, answerable: Some(shown), .. } if notice.grows_old() => {
            shown.windows.iter().map(|shown| shown.window).collect()
        }
        _ => Vec::new(),
    }
}

/// The window of a line, where the notice keeps its id.
fn kept(answerable: Option<&Answerable>, line: &WindowLine) -> Option<WindowId> {
    let mut shown = answerable.into_iter().flat_map(|shown| &shown.windows);
    shown.find(|shown| usize::from(shown.line) == line.number).map(|shown| shown.window)
}

/// The window of a line by its server and quarter.
async fn window_called(tx: &mut Tx, line: &WindowLine) -> Result<Option<Window>, Failure> {
    let Ok(quarter) = line.quarter.parse() else { return Ok(None) };
    match tx.servers_called(&line.server).await?.as_slice() {
        [server] => Ok(tx.window_of(server.id, quarter).await?),
        _ => Ok(None),
    }
}
