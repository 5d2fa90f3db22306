//! `skip`: a server is left out this quarter.

use std::fmt;

use crate::approve::REASON;
use crate::grammar::error::ParseError;
use crate::grammar::lex::Words;
use crate::grammar::reason::Reason;
use crate::grammar::spec::{Example, WHERE_SOMEBODY_IS};
use crate::grammar::target::Target;
use crate::now::{ONE, print, take};
use crate::{Effect, Say, Spec};

/// Takes a server out of the quarter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// The server; what the card shows when none is named.
    pub target: Target,
    /// Why.
    pub reason: Option<Reason>,
}

impl Say for Skip {
    const SPEC: Spec = Spec {
        name: "skip",
        aliases: &[],
        usage: "skip [server] because \"…\"",
        about: "Takes a server out of this quarter: it is not patched in its window.",
        args: &[ONE, REASON],
        examples: &[
            Example { line: "skip web01 because \"it is replaced next week\"", means: "asks to confirm it first" },
            Example { line: "skip because \"it is replaced next week\"", means: "what the card shows" },
        ],
        surfaces: WHERE_SOMEBODY_IS,
        effect: Effect::Operate,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        take(words).map(|(target, reason)| Self { target, reason })
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, Self::SPEC.name, &self.target, self.reason.as_ref())
    }
}
