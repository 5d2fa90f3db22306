//! `subscribe`: a link to subscribe to.

use std::fmt;

use crate::grammar::error::ParseError;
use crate::grammar::lex::Words;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::{Effect, Say, Spec};

/// Asks for the link to one's calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe;

impl Say for Subscribe {
    const SPEC: Spec = Spec {
        name: "subscribe",
        aliases: &["ical"],
        usage: "subscribe",
        about: "Gives you a link that your calendar can subscribe to; it shows the windows of your servers.",
        args: &[],
        examples: &[Example { line: "subscribe", means: "your own link; whoever has it sees your windows" }],
        surfaces: EVERYWHERE,
        effect: Effect::Oneself,
    };

    fn parse(_: &mut Words) -> Result<Self, ParseError> {
        Ok(Self)
    }
}

impl fmt::Display for Subscribe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::SPEC.name)
    }
}
