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
        /// The other windows on the same card, in their order; none on a card of one.
        #[serde(default)]
        more: Vec<WindowId>,
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
    /// What can be done about it with a click.
    #[serde(default)]
    pub offers: Vec<Offer>,
}

/// Something that a click says, as if it had been typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// What is written on it.
    pub label: String,
    /// The words: all of a command, or only its first word where it is about a window.
    pub words: String,
    /// The window it is about, with the revision that was shown.
    #[serde(default)]
    pub about: Option<ShownWindow>,
}

impl Offer {
    /// Offers words that say everything.
    #[must_use]
    pub fn words(label: &str, words: impl Into<String>) -> Self {
        Self { label: label.to_owned(), words: words.into(), about: None }
    }

    /// Offers a command about a window.
    #[must_use]
    pub fn about(label: &str, word: &str, window: WindowId, revision: Revision) -> Self {
        let about = Some(ShownWindow { line: 1, window, revision });
        Self { label: label.to_owned(), words: word.to_owned(), about }
    }
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
