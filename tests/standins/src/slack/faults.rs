//! Faults that a test arms: rate limits, errors, lost connections, slow answers.

use super::Slack;
use super::state::State;
use std::time::Duration;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    RateLimited(Duration),
    Status(u16),
    Error(String),
    Drop,
    LoseAnswer,
    Slow(Duration),
    Stuck(Duration),
}

impl FaultKind {
    /// Says in words what happens, for the log of calls.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::RateLimited(wait) => format!("429, retry after {} s", wait.as_secs()),
            Self::Status(status) => format!("HTTP {status}"),
            Self::Error(error) => format!("error {error}"),
            Self::Drop => "connection dropped before the call was done".to_owned(),
            Self::LoseAnswer => "done, and the answer lost".to_owned(),
            Self::Slow(wait) => format!("answered {wait:?} late"),
            Self::Stuck(wait) => format!("begun {wait:?} late"),
        }
    }
}

/// An armed fault.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    method: String,
    pub(crate) kind: FaultKind,
    left: Option<u32>,
}

impl Fault {
    /// Tells what was armed and has not happened, if it was to happen a certain number of times.
    pub(crate) fn unused(&self) -> Option<String> {
        let left = self.left.filter(|left| *left > 0)?;
        Some(format!(
            "a fault on {} was armed and never met ({}, {left} times)",
            self.method,
            self.kind.words()
        ))
    }
}

/// Takes the fault that the next call of a method meets.
pub(crate) fn take(state: &mut State, method: &str) -> Option<FaultKind> {
    let fault = state
        .faults
        .iter_mut()
        .find(|fault| (fault.method == method || fault.method == "*") && fault.left != Some(0))?;
    if let Some(left) = &mut fault.left {
        *left -= 1;
    }
    Some(fault.kind.clone())
}

/// Says what shall go wrong with the next calls of one method.
#[must_use = "a fault does nothing until it is said what happens"]
pub struct Trouble<'a> {
    slack: &'a Slack,
    method: String,
    left: Option<u32>,
}

impl<'a> Trouble<'a> {
    pub(crate) fn new(slack: &'a Slack, method: &str, left: Option<u32>) -> Self {
        Self { slack, method: method.to_owned(), left }
    }

    /// Lets it happen several times in a row.
    pub fn times(mut self, count: u32) -> Self {
        self.left = Some(count);
        self
    }

    /// Answers 429 with a `Retry-After`.
    pub fn is_rate_limited(self, retry_after: Duration) {
        self.arm(FaultKind::RateLimited(retry_after));
    }

    /// Answers with an HTTP status and no JSON, as an overloaded edge does.
    pub fn answers_status(self, status: u16) {
        self.arm(FaultKind::Status(status));
    }

    /// Answers `ok: false` with an error.
    pub fn answers_error(self, error: &str) {
        self.arm(FaultKind::Error(error.to_owned()));
    }

    /// Resets the connection before anything was done.
    pub fn drops_the_connection(self) {
        self.arm(FaultKind::Drop);
    }

    /// Does what was asked and then resets the connection: the app cannot know.
    pub fn loses_the_answer(self) {
        self.arm(FaultKind::LoseAnswer);
    }

    /// Does what was asked and answers late.
    pub fn takes(self, wait: Duration) {
        self.arm(FaultKind::Slow(wait));
    }

    /// Does nothing for a while, and nothing at all when the app is gone by then.
    pub fn is_stuck(self, wait: Duration) {
        self.arm(FaultKind::Stuck(wait));
    }

    fn arm(self, kind: FaultKind) {
        let fault = Fault { method: self.method, kind, left: self.left };
        self.slack.shared().change(|state| state.faults.push(fault));
    }
}
