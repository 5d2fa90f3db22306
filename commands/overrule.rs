//! `override`: a blocking pre-check does not hold the run.

use std::fmt;

use crate::approve::REASON;
use crate::grammar::error::ParseError;
use crate::grammar::lex::Words;
use crate::grammar::reason::Reason;
use crate::grammar::spec::{Example, WHERE_SOMEBODY_IS};
use crate::grammar::target::Target;
use crate::now::{ONE, print, take};
use crate::{Effect, Say, Spec};

/// Lets a run pass its blocking pre-checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The server; what the card shows when none is named.
    pub target: Target,
    /// Why.
    pub reason: Option<Reason>,
}

impl Say for Override {
    const SPEC: Spec = Spec {
        name: "override",
        aliases: &["overrule"],
        usage: "override [server] because \"…\"",
        about: "Lets the coming run of a server begin although a pre-check blocks it. Needs a reason and, by the rules of its host group, a second person.",
        args: &[ONE, REASON],
        examples: &[
            Example { line: "override web01 because \"the full disk is /srv, which the updates do not touch\"", means: "asks to confirm it first" },
            Example { line: "override because \"the full disk is /srv, which the updates do not touch\"", means: "what the card shows" },
        ],
        surfaces: WHERE_SOMEBODY_IS,
        effect: Effect::Operate,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        take(words).map(|(target, reason)| Self { target, reason })
    }
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, Self::SPEC.name, &self.target, self.reason.as_ref())
    }
}
