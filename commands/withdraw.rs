//! `withdraw`: an approval is taken back.

use std::fmt;

use crate::approve::{REASON, SERVERS, print};
use crate::grammar::error::ParseError;
use crate::grammar::lex::Words;
use crate::grammar::reason::Reason;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::grammar::target::Target;
use crate::{Effect, Say, Spec};

/// Takes approvals back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdraw {
    /// Which windows.
    pub target: Target,
    /// Why, if said.
    pub reason: Option<Reason>,
}

impl Say for Withdraw {
    const SPEC: Spec = Spec {
        name: "withdraw",
        aliases: &["unapprove"],
        usage: "withdraw [servers] [because \"…\"]",
        about: "Takes an approval back; the window waits for an answer again. Possible until the run starts.",
        args: &[SERVERS, REASON],
        examples: &[
            Example { line: "withdraw web01", means: "the approval of one server" },
            Example { line: "withdraw all because \"the release slipped\"", means: "all approvals of the notice, with the reason" },
        ],
        surfaces: EVERYWHERE,
        effect: Effect::Decide,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        words.refuse_question()?;
        Ok(Self { target: Target::take(words, |_| false)?, reason: Reason::take(words)? })
    }
}

impl fmt::Display for Withdraw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, Self::SPEC.name, &self.target, self.reason.as_ref())
    }
}
