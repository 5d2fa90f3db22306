//! `undo`: the last decision is taken back as if it had not been taken.

use std::fmt;

use crate::approve::{REASON, SERVERS, print};
use crate::grammar::error::ParseError;
use crate::grammar::lex::Words;
use crate::grammar::reason::Reason;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::grammar::target::Target;
use crate::{Effect, Say, Spec};

/// Undoes one's last decision about windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    /// Which windows.
    pub target: Target,
    /// Why, if said.
    pub reason: Option<Reason>,
}

impl Say for Undo {
    const SPEC: Spec = Spec {
        name: "undo",
        aliases: &["revert"],
        usage: "undo [servers] [because \"…\"]",
        about: "Makes your last decision undone, until the time that was said with it. Later it becomes a request to the operators.",
        args: &[SERVERS, REASON],
        examples: &[
            Example { line: "undo web01", means: "the last decision about web01 is undone" },
            Example { line: "undo", means: "the last decisions about everything this card or answer shows" },
        ],
        surfaces: EVERYWHERE,
        effect: Effect::Decide,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        words.refuse_question()?;
        Ok(Self { target: Target::take(words, |_| false)?, reason: Reason::take(words)? })
    }
}

impl fmt::Display for Undo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, Self::SPEC.name, &self.target, self.reason.as_ref())
    }
}
