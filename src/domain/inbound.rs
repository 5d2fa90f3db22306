//! What becomes of a mail that came in: how reading it ended, and at which stage.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::person::Address;
use super::quarter::Quarter;

/// How reading a mail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// What it says was done, or its question answered.
    Accepted,
    /// What it says was understood and is asked to be confirmed; nothing was done yet.
    Confirm,
    /// It was not understood without doubt; its writer was asked back.
    Clarify,
    /// It was refused; the reason says why, and whether its writer was told.
    Rejected,
    /// No person wrote it, or it says nothing new; nobody was answered.
    Ignored,
    /// It could not be read, or there was too much of it; a person should look at it.
    Quarantined,
}

impl Outcome {
    const ALL: [Self; 6] =
        [Self::Accepted, Self::Confirm, Self::Clarify, Self::Rejected, Self::Ignored, Self::Quarantined];

    /// The outcome's name in the database and in lists.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Confirm => "confirm",
            Self::Clarify => "clarify",
            Self::Rejected => "rejected",
            Self::Ignored => "ignored",
            Self::Quarantined => "quarantined",
        }
    }

    /// Reads an outcome's name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == name)
    }

    /// What reading the mail comes to, as one word of a rehearsal.
    #[must_use]
    pub fn end(self) -> &'static str {
        match self {
            Self::Accepted => "execute",
            Self::Confirm => "confirm",
            Self::Clarify => "clarify",
            Self::Rejected | Self::Quarantined => "reject",
            Self::Ignored => "ignore",
        }
    }
}

/// The stages that a mail passes, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It is fetched: its size, and whether it can be fetched at all.
    Fetch,
    /// A machine's mail is told from a person's.
    Machine,
    /// Its headers and parts can be read in one way only.
    Headers,
    /// Its sender is proven.
    Sender,
    /// Its token belongs to its sender, and to windows that are not over.
    Token,
    /// It did not come before.
    Replay,
    /// Its sender does not write too much.
    Limit,
    /// What was typed can be told from what was quoted.
    Text,
    /// What was typed is understood as a whole.
    Words,
    /// The rules allow what it says.
    Decision,
}

impl Stage {
    /// All of them, in their order.
    pub const ALL: [Self; 10] = [
        Self::Fetch,
        Self::Machine,
        Self::Headers,
        Self::Sender,
        Self::Token,
        Self::Replay,
        Self::Limit,
        Self::Text,
        Self::Words,
        Self::Decision,
    ];

    /// The stage's name in the database and in lists.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Machine => "machine",
            Self::Headers => "headers",
            Self::Sender => "sender",
            Self::Token => "token",
            Self::Replay => "replay",
            Self::Limit => "limit",
            Self::Text => "text",
            Self::Words => "words",
            Self::Decision => "decision",
        }
    }

    /// Reads a stage's name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == name)
    }
}

/// What a raw mail says in From, in lower case: in each such field, because a mail that could not be read may have several.
#[must_use]
pub fn claimed_senders(raw: &[u8]) -> String {
    let (mut claimed, mut in_from) = (String::new(), false);
    let text = String::from_utf8_lossy(raw);
    for line in text.lines().take_while(|line| !line.is_empty()) {
        let folded = line.to_ascii_lowercase();
        // A line that begins with a blank goes on with the field before it.
        if !line.starts_with([' ', '\t']) {
            in_from = folded.split_once(':').is_some_and(|(name, _)| name.trim() == "from");
        }
        if in_from {
            claimed.push_str(&folded);
            claimed.push('\n');
        }
    }
    claimed
}

/// Whether a mail says that it is from an address; it proves nothing.
#[must_use]
pub fn claims_to_be_from(claimed: &str, address: &Address) -> bool {
    let borders = |c: char| c.is_whitespace() || "<>()[],;:\"".contains(c);
    claimed.split(borders).any(|word| word.eq_ignore_ascii_case(address.as_str()))
}

/// How much mail is read, so that nobody can drown the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Mails of one person that are answered in an hour.
    pub per_person: u32,
    /// Mails that are answered in an hour, of everybody together.
    pub per_hour: u32,
    /// Mails with unknown tokens in an hour before the operators are told that somebody guesses.
    pub guesses: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { per_person: 60, per_hour: 3000, guesses: 5 }
    }
}

/// What a calendar program says about the entry of a window. Never a decision by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarWord {
    /// The server of the entry, as its id names it.
    pub server: String,
    /// The quarter of the entry.
    pub quarter: Quarter,
    /// The revision it answers, when it says so.
    pub revision: Option<i64>,
    /// What it says.
    pub says: CalendarSays,
}

/// What a calendar program can say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CalendarSays {
    /// The invitation was accepted.
    Accepted,
    /// Accepted with reservation.
    Tentative,
    /// Declined.
    Declined,
    /// Another time is proposed; none when it is not clear which.
    Counter(Option<DateTime<Utc>>),
    /// Something else.
    Other(String),
}

/// An absence that an automatic answer tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Absence {
    /// Until when, as far as it says so.
    pub until: Option<chrono::NaiveDate>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_a_raw_mail_says_it_is_from_is_found_whatever_else_is_in_it() {
        let ada = Address::parse("ada@owners.test").unwrap();
        let from = |raw: &str| claims_to_be_from(&claimed_senders(raw.as_bytes()), &ada);
        for raw in [
            "From: Ada <ada@owners.test>\r\nTo: bot@patchbot.test\r\n\r\nno\r\n",
            "Subject: x\nFROM : ADA@Owners.Test\n\nno\n",
            "From: \"Example, Ada\"\r\n\t<ada@owners.test>\r\n\r\nno\r\n",
            "From: eve@stranger.test\r\nFrom: ada@owners.test\r\n\r\nno\r\n",
        ] {
            assert!(from(raw), "{raw:?}");
        }
        for raw in [
            "",
            "From: bada@owners.test\r\n\r\nno\r\n",
            "From: eve@stranger.test\r\nTo: ada@owners.test\r\n\r\nno\r\n",
            "Subject: x\r\n\r\nFrom: ada@owners.test\r\n",
        ] {
            assert!(!from(raw), "{raw:?}");
        }
        assert!(claims_to_be_from("ada@owners.test", &ada), "as it is kept of a mail that was read");
    }

    #[test]
    fn names_read_back() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::from_name(outcome.as_str()), Some(outcome));
        }
        for stage in Stage::ALL {
            assert_eq!(Stage::from_name(stage.as_str()), Some(stage));
        }
    }
}
