//! What waits in the outbox: a mail to one address, a card or a line in chat.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::ids::{Revision, WindowId};
use super::notice::Notice;

/// A window as it was shown in a line of a notice: an answer is about this revision and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownWindow {
    /// The line's number in the notice.
    pub line: u16,
    /// The window.
    pub window: WindowId,
    /// The revision that was shown.
    pub revision: Revision,
}

/// What a reply to a mail may decide about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answerable {
    /// The windows in the notice.
    pub windows: Vec<ShownWindow>,
    /// After this a reply decides nothing: the last window has started.
    pub until: DateTime<Utc>,
    /// The commands that this mail asks to be confirmed, in their exact words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confirms: Vec<String>,
}

/// One message to one recipient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum Message {
    /// A mail.
    Mail {
        /// What it says.
        notice: Box<Notice>,
        /// What a reply to it may decide about; nothing when absent.
        answerable: Option<Answerable>,
        /// The Message-ID that it answers, so that mail programs keep the thread together.
        in_reply_to: Option<String>,
    },
    /// A window's card, drawn from the window's state at the time of delivery: posted, or rewritten where it stands.
    Card {
        /// The window.
        window: WindowId,
    },
    /// A line in the operators' channel.
    Alert(Alert),
}

/// Something operators should see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// How loud.
    pub tone: Tone,
    /// The headline, in a sentence.
    pub headline: String,
    /// More sentences, one line each.
    pub lines: Vec<String>,
}

/// How loud an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// Good to know.
    Info,
    /// Done well.
    Good,
    /// Somebody must act.
    Bad,
}
