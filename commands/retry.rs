//! `retry`: a failed or missed server once more, inside its window.

use std::fmt;

use crate::approve::REASON;
use crate::grammar::error::ParseError;
use crate::grammar::lex::Words;
use crate::grammar::reason::Reason;
use crate::grammar::spec::{Example, WHERE_SOMEBODY_IS};
use crate::grammar::target::Target;
use crate::now::{ONE, print, take};
use crate::{Effect, Say, Spec};

/// Patches a server again inside its window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// The server; what the card shows when none is named.
    pub target: Target,
    /// Why.
    pub reason: Option<Reason>,
}

impl Say for Retry {
    const SPEC: Spec = Spec {
        name: "retry",
        aliases: &["rerun"],
        usage: "retry [server] because \"…\"",
        about: "Patches a server again after it failed or was missed, inside the same window that was approved.",
        args: &[ONE, REASON],
        examples: &[
            Example { line: "retry web01 because \"the mirror answers again\"", means: "asks to confirm it first" },
            Example { line: "retry because \"the mirror answers again\"", means: "what the card shows" },
        ],
        surfaces: WHERE_SOMEBODY_IS,
        effect: Effect::Operate,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        take(words).map(|(target, reason)| Self { target, reason })
    }
}

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, Self::SPEC.name, &self.target, self.reason.as_ref())
    }
}
