//! `decline`: the owner says no.

use std::fmt;

use crate::approve::{REASON, SERVERS, print};
use crate::grammar::error::ParseError;
use crate::grammar::lex::Words;
use crate::grammar::reason::Reason;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::grammar::target::Target;
use crate::{Effect, Say, Spec};

/// Refuses the windows' present plans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decline {
    /// Which windows.
    pub target: Target,
    /// Why, if said.
    pub reason: Option<Reason>,
}

impl Say for Decline {
    const SPEC: Spec = Spec {
        name: "decline",
        aliases: &["declined", "reject"],
        usage: "decline [servers] [because \"…\"]",
        about: "Says no: the servers are not patched in this window. Possible until the run starts.",
        args: &[SERVERS, REASON],
        examples: &[
            Example { line: "decline", means: "everything this notice or card shows" },
            Example { line: "decline db01 because \"quarter-end closing\"", means: "one server, with the reason" },
            Example { line: "decline all", means: "all of the notice; in chat all of your own" },
        ],
        surfaces: EVERYWHERE,
        effect: Effect::Decide,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        words.refuse_question()?;
        Ok(Self { target: Target::take(words, |_| false)?, reason: Reason::take(words)? })
    }
}

impl fmt::Display for Decline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, Self::SPEC.name, &self.target, self.reason.as_ref())
    }
}
