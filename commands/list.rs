//! `list`: the windows of a quarter.

use std::fmt;

use crate::grammar::error::{ParseError, Problem};
use crate::grammar::lex::Words;
use crate::grammar::quarter::QuarterName;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::{Arg, ArgKind, Effect, Say, Spec};

/// Asks for the windows of a quarter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// The quarter; the current one when absent.
    pub quarter: Option<QuarterName>,
    /// Everybody's, for those who may see them; otherwise one's own.
    pub everybody: bool,
    /// Conditions on the servers, as they were written: `group=db and state!=approved`.
    pub filter: Option<String>,
}

impl Say for List {
    const SPEC: Spec = Spec {
        name: "list",
        aliases: &["ls"],
        usage: "list [all] [quarter] [where <conditions>]",
        about: "Lists the windows of a quarter: your own, or with \"all\" everybody's that you may see.",
        args: &[
            Arg { name: "all", kind: ArgKind::Flag, before: "", about: "everybody's windows, not only your own", required: false },
            QUARTER,
            Arg { name: "where", kind: ArgKind::Words(&[]), before: "where", about: "conditions on the servers, as group=db and env=prod", required: false },
        ],
        examples: &[
            Example { line: "list", means: "your windows of the current quarter" },
            Example { line: "list 2027-Q1", means: "your windows of that quarter" },
            Example { line: "list all 2027-Q1", means: "everybody's that you may see" },
            Example { line: "list all where group=db and state!=approved", means: "those that fit all conditions" },
        ],
        surfaces: EVERYWHERE,
        effect: Effect::Read,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        let everybody = words.take("all");
        let quarter = QuarterName::take(words)?;
        let filter = if words.take("where") {
            let filter = words.rest_as_written();
            if filter.is_empty() {
                return Err(words.error_here(Problem::Missing("conditions, as group=db and env=prod")));
            }
            Some(filter)
        } else {
            None
        };
        Ok(Self { quarter, everybody, filter })
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::SPEC.name)?;
        if self.everybody {
            f.write_str(" all")?;
        }
        self.quarter.iter().try_for_each(|quarter| write!(f, " {quarter}"))?;
        self.filter.iter().try_for_each(|filter| write!(f, " where {filter}"))
    }
}

/// The quarter of a question, for forms.
pub(crate) const QUARTER: Arg = Arg { name: "quarter", kind: ArgKind::Quarter, before: "", about: "2027-Q1; the current quarter when left out", required: false };
