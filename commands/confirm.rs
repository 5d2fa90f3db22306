//! `confirm`: what waits for it may be done.

use std::fmt;

use crate::grammar::code::Code;
use crate::grammar::error::ParseError;
use crate::grammar::lex::Words;
use crate::grammar::spec::{Example, WHERE_SOMEBODY_IS};
use crate::{Arg, ArgKind, Effect, Say, Spec};

/// Confirms a dangerous act: by the one who asked for it, and by a second person where the rules want one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirm {
    /// The code of what waits.
    pub code: Code,
}

impl Say for Confirm {
    const SPEC: Spec = Spec {
        name: "confirm",
        aliases: &[],
        usage: "confirm code",
        about: "Confirms something dangerous that waits: your own, or somebody else's as the second person.",
        args: &[CODE],
        examples: &[Example { line: "confirm 7F3K", means: "what was asked for under this code" }],
        surfaces: WHERE_SOMEBODY_IS,
        effect: Effect::Decide,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        words.refuse_question()?;
        Ok(Self { code: Code::take(words)? })
    }
}

impl fmt::Display for Confirm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Self::SPEC.name, self.code)
    }
}

/// The code of what waits, for forms.
pub(crate) const CODE: Arg = Arg { name: "code", kind: ArgKind::Words(&[]), before: "", about: "the code under which it waits", required: true };
