//! The logs: what the app asked of the Web API, and what went out to it over websockets.

use serde_json::Value;
use std::time::Duration;

/// Which token a call carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// None at all.
    Missing,
    /// The bot token.
    Bot,
    /// The app-level token of Socket Mode.
    App,
    /// One that the workspace does not know.
    Unknown,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// `ok: true`.
    Done,
    /// `ok: false` with this error.
    Refused(String),
    /// A fault that a test had armed, in words.
    Fault(String),
}

/// One call of a Web API method, an upload URL or a response URL.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method, `upload`, `response_url` or `websocket`.
    pub method: String,
    /// The token it carried.
    pub token: TokenKind,
    /// The channel it named, as it was named.
    pub channel: Option<String>,
    /// All arguments.
    pub arguments: Value,
    /// How long after the start of the workspace it came.
    pub at: Duration,
    /// What became of it.
    pub outcome: Outcome,
}

impl Call {
    /// Tells whether it was answered with `ok: true`.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.outcome == Outcome::Done
    }
}

/// One envelope that went out over a websocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// `slash_commands`, `interactive` or `events_api`.
    pub kind: String,
    /// What happened, in words.
    pub label: String,
    /// The number of the websocket.
    pub socket: u64,
    /// Which redelivery it was; 0 is the first attempt.
    pub attempt: u32,
    /// How long the acknowledgement took; `None` as long as there is none.
    pub acked_in: Option<Duration>,
    /// Whether Slack had given up by then.
    pub overdue: bool,
}
