//! `calendar`: the quarter, day by day.

use std::fmt;

use crate::grammar::error::ParseError;
use crate::grammar::lex::Words;
use crate::grammar::quarter::QuarterName;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::list::QUARTER;
use crate::{Effect, Say, Spec};

/// Asks for the calendar of a quarter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// The quarter; the current one when absent.
    pub quarter: Option<QuarterName>,
}

impl Say for Calendar {
    const SPEC: Spec = Spec {
        name: "calendar",
        aliases: &["cal"],
        usage: "calendar [quarter]",
        about: "Shows the quarter day by day: how many servers are patched when, which days are closed, and which are yours; in chat as a picture.",
        args: &[QUARTER],
        examples: &[
            Example { line: "calendar", means: "the current quarter" },
            Example { line: "calendar 2027-Q1", means: "that quarter" },
        ],
        surfaces: EVERYWHERE,
        effect: Effect::Read,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        Ok(Self { quarter: QuarterName::take(words)? })
    }
}

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::SPEC.name)?;
        self.quarter.iter().try_for_each(|quarter| write!(f, " {quarter}"))
    }
}
