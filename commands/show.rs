//! `show`: everything about one server.

use std::fmt;

use crate::grammar::error::{ParseError, Problem};
use crate::grammar::lex::Words;
use crate::grammar::name::ServerName;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::grammar::target::take_name;
use crate::{Arg, ArgKind, Effect, Say, Spec};

/// Asks for everything about one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Show {
    /// The server.
    pub server: ServerName,
}

impl Say for Show {
    const SPEC: Spec = Spec {
        name: "show",
        aliases: &["info"],
        usage: "show server",
        about: "Shows one server: its owners, zone, window, approval, last pre-check and last run.",
        args: &[SERVER],
        examples: &[
            Example { line: "show web01", means: "the server and its window" },
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

impl fmt::Display for Show {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Self::SPEC.name, self.server)
    }
}

/// The one server of a question, for forms.
pub(crate) const SERVER: Arg = Arg { name: "server", kind: ArgKind::Server, before: "", about: "the server's name", required: true };
