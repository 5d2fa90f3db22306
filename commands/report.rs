//! `report`: how far the quarter is.

use std::fmt;

use crate::grammar::error::ParseError;
use crate::grammar::lex::Words;
use crate::grammar::quarter::QuarterName;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::list::QUARTER;
use crate::{Effect, Say, Spec};

/// Asks how far a quarter is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The quarter; the current one when absent.
    pub quarter: Option<QuarterName>,
}

impl Say for Report {
    const SPEC: Spec = Spec {
        name: "report",
        aliases: &["progress"],
        usage: "report [quarter]",
        about: "Shows how far the quarter is: how many servers are patched, approved, waiting, and what went wrong; in chat as a picture.",
        args: &[QUARTER],
        examples: &[
            Example { line: "report", means: "the current quarter" },
            Example { line: "report 2027-Q1", means: "that quarter" },
        ],
        surfaces: EVERYWHERE,
        effect: Effect::Read,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        Ok(Self { quarter: QuarterName::take(words)? })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::SPEC.name)?;
        self.quarter.iter().try_for_each(|quarter| write!(f, " {quarter}"))
    }
}
