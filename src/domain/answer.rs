//! What goes in and out of the one door: who asks, from where, and the answer in sentences.

use serde::{Deserialize, Serialize};

/// The channel something was said through; it is written into every decision and audit event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// A reply to a notice mail.
    Mail,
    /// A slash command or a button in Slack.
    Slack,
    /// A slash command or a button in Discord.
    Discord,
    /// `patchbot say` and the other commands of the terminal.
    Terminal,
    /// An imported inventory file.
    Import,
    /// patchbot itself, because a time had come.
    Clock,
}

impl Channel {
    /// The channel's name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Slack => "slack",
            Self::Discord => "discord",
            Self::Terminal => "terminal",
            Self::Import => "import",
            Self::Clock => "clock",
        }
    }

    /// Reads a channel's name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Mail, Self::Slack, Self::Discord, Self::Terminal, Self::Import, Self::Clock]
            .into_iter()
            .find(|channel| channel.as_str() == name)
    }

    /// The channel as it stands in a sentence: "approved by ada **by mail**".
    #[must_use]
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Mail => "by mail",
            Self::Slack => "in Slack",
            Self::Discord => "in Discord",
            Self::Terminal => "in the terminal",
            Self::Import => "by import",
            Self::Clock => "by the schedule",
        }
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A decision was taken, or a question answered.
    Done,
    /// Some of several lines were done, others refused.
    Partly,
    /// Understood, and refused; nothing changed.
    Refused,
    /// Understood, and asked to be confirmed first; nothing changed.
    Confirm,
    /// Not understood; nothing changed.
    NotUnderstood,
    /// Something broke on our side; nothing changed.
    Broken,
}

/// The answer to one request, in sentences, the same on every channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// How it ended.
    pub verdict: Verdict,
    /// What happened, one sentence or table line each.
    pub lines: Vec<String>,
    /// What can be said or done next, one sentence each; never empty for a refusal.
    pub next: Vec<String>,
}

impl Answer {
    /// An answer of one sentence.
    #[must_use]
    pub fn new(verdict: Verdict, line: impl Into<String>) -> Self {
        Self { verdict, lines: vec![line.into()], next: Vec::new() }
    }

    /// The same answer with a next step.
    #[must_use]
    pub fn then(mut self, next: impl Into<String>) -> Self {
        self.next.push(next.into());
        self
    }

    /// The whole answer as plain text.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.iter().chain(&self.next).cloned().collect::<Vec<_>>().join("\n")
    }
}
