//! `rollback`: the way back from what a run changed.

use std::fmt;

use crate::approve::REASON;
use crate::grammar::error::ParseError;
use crate::grammar::lex::Words;
use crate::grammar::reason::Reason;
use crate::grammar::spec::{Example, WHERE_SOMEBODY_IS};
use crate::grammar::target::Target;
use crate::now::{ONE, print, take};
use crate::{Effect, Say, Spec};

/// Asks for the way back from the last run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollback {
    /// The server; what the card shows when none is named.
    pub target: Target,
    /// Why.
    pub reason: Option<Reason>,
}

impl Say for Rollback {
    const SPEC: Spec = Spec {
        name: "rollback",
        aliases: &[],
        usage: "rollback [server] because \"…\"",
        about: "Shows what the last run of a server changed, and the exact way back.",
        args: &[ONE, REASON],
        examples: &[
            Example { line: "rollback web01 because \"the application does not start\"", means: "asks to confirm it first" },
            Example { line: "rollback because \"the application does not start\"", means: "what the card shows" },
        ],
        surfaces: WHERE_SOMEBODY_IS,
        effect: Effect::Operate,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        take(words).map(|(target, reason)| Self { target, reason })
    }
}

impl fmt::Display for Rollback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, Self::SPEC.name, &self.target, self.reason.as_ref())
    }
}
