//! `quiet`: the hours in which somebody is not written to in chat.

use std::fmt;

use crate::grammar::error::{ParseError, Problem};
use crate::grammar::lex::Words;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::grammar::when::WallTime;
use crate::{Arg, ArgKind, Effect, Say, Spec};

/// Says in which hours one is not written to, unless it is urgent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quiet {
    /// From when to when, on the walls of one's own zone; none when absent.
    pub hours: Option<(WallTime, WallTime)>,
}

impl Say for Quiet {
    const SPEC: Spec = Spec {
        name: "quiet",
        aliases: &[],
        usage: "quiet HH:MM-HH:MM | quiet off",
        about: "Sets the hours in which I do not write to you in chat. What is urgent still comes; the rest waits. Mail is not held back.",
        args: &[Arg {
            name: "hours",
            kind: ArgKind::Words(&["22:00-07:00", "20:00-08:00", "off"]),
            before: "",
            about: "22:00-07:00 in your zone, or off",
            required: true,
        }],
        examples: &[
            Example { line: "quiet 22:00-07:00", means: "from ten in the evening to seven in the morning" },
            Example { line: "quiet 22:00 to 07:00", means: "the same" },
            Example { line: "quiet off", means: "at any hour" },
        ],
        surfaces: EVERYWHERE,
        effect: Effect::Oneself,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        if words.take("off") {
            return Ok(Self { hours: None });
        }
        let Some(first) = words.next() else {
            return Err(words.error_here(Problem::Missing("The hours (as 22:00-07:00)")));
        };
        let wrong = |words: &Words| words.error_at(first.span, Problem::NotHours { word: first.text.clone() });
        let (from, to) = match first.text.split_once('-') {
            Some((from, to)) => (from.to_owned(), to.to_owned()),
            None => {
                let _ = words.take("to") || words.take("-");
                match words.next() {
                    Some(second) => (first.text.clone(), second.text),
                    None => return Err(wrong(words)),
                }
            }
        };
        match (WallTime::read(&from), WallTime::read(&to)) {
            (Some(from), Some(to)) if from != to => Ok(Self { hours: Some((from, to)) }),
            _ => Err(wrong(words)),
        }
    }
}

impl fmt::Display for Quiet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hours {
            Some((from, to)) => write!(f, "{} {from}-{to}", Self::SPEC.name),
            None => write!(f, "{} off", Self::SPEC.name),
        }
    }
}
