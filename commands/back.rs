//! `back`: one decides for oneself again.

use std::fmt;

use crate::grammar::error::ParseError;
use crate::grammar::lex::Words;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::{Effect, Say, Spec};

/// Ends everything one has said by `away` and `delegate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Back;

impl Say for Back {
    const SPEC: Spec = Spec {
        name: "back",
        aliases: &["undelegate"],
        usage: "back",
        about: "Says that you are back: nobody decides in your place any more.",
        args: &[],
        examples: &[Example { line: "back", means: "ends what \"away\" and \"delegate\" began" }],
        surfaces: EVERYWHERE,
        effect: Effect::Oneself,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        words.refuse_question()?;
        Ok(Self)
    }
}

impl fmt::Display for Back {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::SPEC.name)
    }
}
