//! `status`: where one's windows stand.

use std::fmt;

use crate::approve::SERVERS;
use crate::grammar::error::ParseError;
use crate::grammar::lex::Words;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::grammar::target::Target;
use crate::{Effect, Say, Spec};

/// Asks where windows stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Which windows; [`Target::These`] is the notice's, elsewhere all of one's own.
    pub target: Target,
}

impl Say for Status {
    const SPEC: Spec = Spec {
        name: "status",
        aliases: &[],
        usage: "status [servers]",
        about: "Says where your windows stand: state, time, what is awaited.",
        args: &[SERVERS],
        examples: &[
            Example { line: "status", means: "all of your windows, or those of the notice" },
            Example { line: "status web01", means: "one server" },
        ],
        surfaces: EVERYWHERE,
        effect: Effect::Read,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        Ok(Self { target: Target::take(words, |_| false)? })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::SPEC.name, self.target)
    }
}
