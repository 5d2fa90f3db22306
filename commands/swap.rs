//! `swap`: two owners trade the slots of their servers.

use std::fmt;

use crate::grammar::error::{ParseError, Problem};
use crate::grammar::lex::Words;
use crate::grammar::name::ServerName;
use crate::grammar::reason::Reason;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::grammar::target::take_name;
use crate::{Arg, ArgKind, Effect, Say, Spec, approve::REASON};

/// Trades the times of two servers' windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swap {
    /// One's own server.
    pub mine: ServerName,
    /// The other one.
    pub theirs: ServerName,
    /// Why, if said.
    pub reason: Option<Reason>,
}

impl Say for Swap {
    const SPEC: Spec = Spec {
        name: "swap",
        aliases: &["trade"],
        usage: "swap server with server [because \"…\"]",
        about: "Offers to trade your server's time for another server's. Its owner accepts by saying the same the other way round; then both times change at once.",
        args: &[
            Arg { name: "mine", kind: ArgKind::Server, before: "", about: "your server", required: true },
            Arg { name: "theirs", kind: ArgKind::Words(&[]), before: "with", about: "the server whose time you want", required: true },
            REASON,
        ],
        examples: &[
            Example { line: "swap web01 with db01", means: "db01's owner is asked; by \"swap db01 with web01\" he accepts" },
            Example { line: "trade web01 with db01 because \"release night\"", means: "with the reason" },
        ],
        surfaces: EVERYWHERE,
        effect: Effect::Decide,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        words.refuse_question()?;
        let missing = |words: &Words, what| words.error_here(Problem::Missing(what));
        let mine = take_name(words)?.ok_or_else(|| missing(words, "Your server's name"))?;
        if !words.take("with") {
            let _ = words.take("for");
        }
        let theirs = take_name(words)?.ok_or_else(|| missing(words, "The other server's name"))?;
        Ok(Self { mine, theirs, reason: Reason::take(words)? })
    }
}

impl fmt::Display for Swap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} with {}", Self::SPEC.name, self.mine, self.theirs)?;
        self.reason.iter().try_for_each(|reason| write!(f, " because {reason}"))
    }
}
