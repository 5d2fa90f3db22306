//! `link`: an account in chat is somebody whom patchbot knows by mail.

use std::fmt;

use crate::grammar::code::Code;
use crate::grammar::error::{ParseError, Problem};
use crate::grammar::lex::Words;
use crate::grammar::spec::{Example, IN_CHAT};
use crate::{Arg, ArgKind, Effect, Say, Spec};

/// Links the account it is said from to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// By which step.
    pub by: Introduction,
}

/// The two steps of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Introduction {
    /// "I am the one with this mail address": a code is mailed there.
    Mail(String),
    /// "And this is the code that was mailed."
    Code(Code),
}

impl Say for Link {
    const SPEC: Spec = Spec {
        name: "link",
        aliases: &[],
        usage: "link address | link code",
        about: "Links this account to you: I mail a code to your address, and you say it here.",
        args: &[Arg {
            name: "as",
            kind: ArgKind::Words(&[]),
            before: "",
            about: "your mail address; then the code I mailed to it",
            required: true,
        }],
        examples: &[
            Example { line: "link ada@example.org", means: "mails a code to that address, if I know it" },
            Example { line: "link 7F3K-9QMW", means: "this account is yours from now on" },
        ],
        surfaces: IN_CHAT,
        effect: Effect::Oneself,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        let Some(word) = words.next() else {
            return Err(words.error_here(Problem::Missing("Your mail address")));
        };
        let by = if word.text.contains('@') {
            let fine = word.text.len() <= 254 && word.text.chars().all(|c| c.is_ascii_graphic() && c != '"');
            fine.then(|| Introduction::Mail(word.text.to_ascii_lowercase()))
        } else {
            Code::parse(&word.text).map(Introduction::Code)
        };
        match by {
            Some(by) => Ok(Self { by }),
            None => Err(words.error_at(word.span, Problem::NotAnIntroduction { word: word.text })),
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.by {
            Introduction::Mail(address) => write!(f, "{} {address}", Self::SPEC.name),
            Introduction::Code(code) => write!(f, "{} {code}", Self::SPEC.name),
        }
    }
}
