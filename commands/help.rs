//! `help`: what can be said.

use std::fmt;

use crate::grammar::error::{ParseError, Problem};
use crate::grammar::lex::Words;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::{Arg, ArgKind, Effect, Say, Spec, spec_of};

/// Asks what can be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Help {
    /// The command that is asked about; all when absent.
    pub command: Option<&'static Spec>,
}

impl Say for Help {
    const SPEC: Spec = Spec {
        name: "help",
        aliases: &["commands"],
        usage: "help [command]",
        about: "Shows what you can say, here and now.",
        args: &[Arg { name: "command", kind: ArgKind::Command, before: "", about: "one command, in detail", required: false }],
        examples: &[
            Example { line: "help", means: "all commands that are yours" },
            Example { line: "help move", means: "one command, with examples" },
        ],
        surfaces: EVERYWHERE,
        effect: Effect::Read,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        let Some(word) = words.next() else { return Ok(Self { command: None }) };
        match spec_of(&word.text) {
            Some(spec) => Ok(Self { command: Some(spec) }),
            None => {
                Err(words.error_at(word.span, Problem::UnknownCommand { word: word.text }))
            }
        }
    }
}

impl fmt::Display for Help {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::SPEC.name)?;
        self.command.iter().try_for_each(|spec| write!(f, " {}", spec.name))
    }
}
