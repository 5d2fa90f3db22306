//! `abort`: a run under way begins nothing more.

use std::fmt;

use crate::approve::REASON;
use crate::grammar::error::ParseError;
use crate::grammar::lex::Words;
use crate::grammar::reason::Reason;
use crate::grammar::spec::{Example, WHERE_SOMEBODY_IS};
use crate::grammar::target::Target;
use crate::now::{ONE, print, take};
use crate::{Effect, Say, Spec};

/// Ends a run under way at its next safe point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abort {
    /// The server; what the card shows when none is named.
    pub target: Target,
    /// Why.
    pub reason: Option<Reason>,
}

impl Say for Abort {
    const SPEC: Spec = Spec {
        name: "abort",
        aliases: &[],
        usage: "abort [server] because \"…\"",
        about: "Ends a run that is under way at its next safe point: what is being installed goes to its end, and nothing after that is begun, no reboot either.",
        args: &[ONE, REASON],
        examples: &[
            Example { line: "abort web01 because \"the database cluster lost its quorum\"", means: "asks to confirm it first" },
            Example { line: "abort because \"the database cluster lost its quorum\"", means: "what the card shows" },
        ],
        surfaces: WHERE_SOMEBODY_IS,
        effect: Effect::Operate,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        take(words).map(|(target, reason)| Self { target, reason })
    }
}

impl fmt::Display for Abort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, Self::SPEC.name, &self.target, self.reason.as_ref())
    }
}
