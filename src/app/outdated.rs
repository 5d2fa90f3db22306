//! Requests and reminders that waited until they were not true any more: what has changed is taken out, or nothing is sent.
//!
//! A mail server that was away for a night gives nobody the right to ask for a time that is not planned any more. Whoever
//! changed it has caused a notice of its own, so nobody misses anything.

use chrono::{DateTime, Utc};

use super::{App, Failure};
use crate::domain::message::{Answerable, Message};
use crate::domain::notice::{Notice, WindowLine};
use crate::domain::window::Window;
use crate::store::Tx;
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
    /// Compares the windows that a request or a reminder shows with what they are now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn timeliness(&self, tx: &mut Tx, message: &Notification) -> Result<Timeliness, Failure> {
        let Message::Mail { notice, answerable, .. } = &message.message else {
            return Ok(Timeliness::AsWritten);
        };
        if !notice.grows_old() {
            return Ok(Timeliness::AsWritten);
        }
        let mut gone = Vec::new();
        for line in notice.windows() {
            if let Some(why) =
                self.outdated(tx, notice, answerable.as_ref(), line, message.created_at).await?
            {
                gone.push((line.number, why));
            }
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

    /// Why a line is not true any more; nothing when it is.
    async fn outdated(
        &self,
        tx: &mut Tx,
        notice: &Notice,
        answerable: Option<&Answerable>,
        line: &WindowLine,
        written: DateTime<Utc>,
    ) -> Result<Option<String>, Failure> {
        let Some(window) = shown_window(tx, answerable, line).await? else { return Ok(None) };
        let server = &line.server;
        if window.revision.0 != line.revision {
            return Ok(Some(format!("The plan of {server} was changed after this was written.")));
        }
        let phrase = window.state.phrase();
        let asks_to_decide = matches!(
            notice,
            Notice::MonthlyNotice(_) | Notice::ApprovalRequest(_) | Notice::WeeklyFollowup(_)
        );
        if phrase != line.state && (asks_to_decide || window.state.is_settled()) {
            return Ok(Some(format!("{server} is {phrase} since this was written.")));
        }
        let to_come = line.start.at > written;
        if to_come && line.start.at <= self.now() {
            return Ok(Some(format!("The window of {server} began before this could be delivered.")));
        }
        Ok(None)
    }
}

/// The window of a line, by its id where the notice keeps it, else by server and quarter.
async fn shown_window(
    tx: &mut Tx,
    answerable: Option<&Answerable>,
    line: &WindowLine,
) -> Result<Option<Window>, Failure> {
    let kept = answerable
        .into_iter()
        .flat_map(|shown| &shown.windows)
        .find(|shown| usize::from(shown.line) == line.number);
    if let Some(kept) = kept {
        return Ok(Some(tx.window_by_id(kept.window).await?));
    }
    let Ok(quarter) = line.quarter.parse() else { return Ok(None) };
    match tx.servers_called(&line.server).await?.as_slice() {
        [server] => Ok(tx.window_of(server.id, quarter).await?),
        _ => Ok(None),
    }
}
