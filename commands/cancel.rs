//! `cancel`: what waits to be confirmed is not done.

use std::fmt;

use crate::confirm::CODE;
use crate::grammar::code::Code;
use crate::grammar::error::ParseError;
use crate::grammar::lex::Words;
use crate::grammar::spec::{Example, WHERE_SOMEBODY_IS};
use crate::{Effect, Say, Spec};

/// Drops a dangerous act that waits to be confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancel {
    /// The code of what waits.
    pub code: Code,
}

impl Say for Cancel {
    const SPEC: Spec = Spec {
        name: "cancel",
        aliases: &[],
        usage: "cancel code",
        about: "Drops something dangerous that waits to be confirmed. One no is enough.",
        args: &[CODE],
        examples: &[Example { line: "cancel 7F3K", means: "what was asked for under this code is not done" }],
        surfaces: WHERE_SOMEBODY_IS,
        effect: Effect::Decide,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        words.refuse_question()?;
        Ok(Self { code: Code::take(words)? })
    }
}

impl fmt::Display for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Self::SPEC.name, self.code)
    }
}
