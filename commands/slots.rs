//! `slots`: the next legal times.

use std::fmt;

use crate::grammar::error::{ParseError, Problem};
use crate::grammar::lex::Words;
use crate::grammar::name::ServerName;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::grammar::target::take_name;
use crate::show::SERVER;
use crate::{Effect, Say, Spec};

/// Asks for the times a window could move to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slots {
    /// The server.
    pub server: ServerName,
}

impl Say for Slots {
    const SPEC: Spec = Spec {
        name: "slots",
        aliases: &["free"],
        usage: "slots server",
        about: "Lists the next times the server could be patched, or says why there is none.",
        args: &[SERVER],
        examples: &[
            Example { line: "slots web01", means: "the next times that can be taken" },
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

impl fmt::Display for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Self::SPEC.name, self.server)
    }
}
