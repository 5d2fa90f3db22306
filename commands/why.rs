//! `why`: which gate holds.

use std::fmt;

use crate::grammar::error::{ParseError, Problem};
use crate::grammar::lex::Words;
use crate::grammar::name::ServerName;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::grammar::target::take_name;
use crate::show::SERVER;
use crate::{Effect, Say, Spec};

/// Asks why a server is or is not going to be patched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// The server.
    pub server: ServerName,
}

impl Say for Why {
    const SPEC: Spec = Spec {
        name: "why",
        aliases: &["explain"],
        usage: "why server",
        about: "Says what stands between the server and its patching: each gate, who can lift it, and when it lifts by itself.",
        args: &[SERVER],
        examples: &[
            Example { line: "why web01", means: "the gates in their order" },
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

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Self::SPEC.name, self.server)
    }
}
