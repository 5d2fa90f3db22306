//! `mine`: one's own servers, page by page.

use std::fmt;

use crate::grammar::error::{ParseError, Problem};
use crate::grammar::lex::Words;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::{Arg, ArgKind, Effect, Say, Spec};

/// Asks for one's own servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mine {
    /// The page, from 1.
    pub page: u16,
}

impl Say for Mine {
    const SPEC: Spec = Spec {
        name: "mine",
        aliases: &[],
        usage: "mine [page]",
        about: "Shows your own servers and where they stand; in chat with buttons.",
        args: &[Arg { name: "page", kind: ArgKind::Words(&[]), before: "", about: "the page, from 1", required: false }],
        examples: &[
            Example { line: "mine", means: "the first page" },
            Example { line: "mine 2", means: "the second page" },
        ],
        surfaces: EVERYWHERE,
        effect: Effect::Read,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        let Some(word) = words.next() else { return Ok(Self { page: 1 }) };
        match word.text.parse() {
            Ok(page @ 1..=9999) => Ok(Self { page }),
            _ => {
                let wanted = "the number of a page, from 1";
                Err(words.error_at(word.span, Problem::NotANumber { word: word.text, wanted }))
            }
        }
    }
}

impl fmt::Display for Mine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.page {
            1 => f.write_str(Self::SPEC.name),
            page => write!(f, "{} {page}", Self::SPEC.name),
        }
    }
}
