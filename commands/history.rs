//! `history`: what happened to one server.

use std::fmt;

use crate::grammar::error::{ParseError, Problem};
use crate::grammar::lex::Words;
use crate::grammar::name::ServerName;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::grammar::target::take_name;
use crate::show::SERVER;
use crate::{Effect, Say, Spec};

/// Asks for a server's past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The server.
    pub server: ServerName,
}

impl Say for History {
    const SPEC: Spec = Spec {
        name: "history",
        aliases: &["log"],
        usage: "history server",
        about: "Tells what was decided and done: who, when, through which channel, and the runs.",
        args: &[SERVER],
        examples: &[
            Example { line: "history web01", means: "its decisions and runs" },
        ],
        surfaces: EVERYWHERE,
        effect: Effect::Read,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        match take_name(words)? {
            Some(server) => Ok(Self { server }),
            None => Err(words.error_here(Problem::Missing("The server's name"))),
        }
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Self::SPEC.name, self.server)
    }
}
