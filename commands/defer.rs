//! `defer`: the same slot some days or weeks later, or no patching before a day beyond the quarter.

use std::fmt;

use crate::approve::{REASON, SERVERS};
use crate::delegate::{UNTIL, take_until};
use crate::grammar::error::ParseError;
use crate::grammar::lex::Words;
use crate::grammar::reason::Reason;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::grammar::target::Target;
use crate::grammar::when::Days;
use crate::{Arg, ArgKind, Date, Effect, Say, Spec};

/// How long something is put off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Later {
    /// By so many whole days, 1 to 90, at the same time of day.
    By(u16),
    /// It is not patched until the end of this day.
    Until(Date),
}

/// Puts windows off: by whole days, or beyond their quarter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defer {
    /// Which windows.
    pub target: Target,
    /// How long.
    pub later: Later,
    /// Why, if said.
    pub reason: Option<Reason>,
}

impl Say for Defer {
    const SPEC: Spec = Spec {
        name: "defer",
        aliases: &["postpone"],
        usage: "defer [servers] by N days|weeks [because \"…\"], or defer [servers] until YYYY-MM-DD because \"…\"",
        about: "Puts the servers off by whole days or weeks, at the same time of day; the new time waits for an approval. With \"until\" they are not patched before the end of a day beyond the quarter: an operator must grant that.",
        args: &[SERVERS, Arg { name: "by", kind: ArgKind::Words(&["1 day", "1 week", "2 weeks", "4 weeks"]), before: "by", about: "3 days, 2 weeks", required: false }, Arg { about: "instead: the last day without patching, as 2027-03-12", ..UNTIL }, REASON],
        examples: &[
            Example { line: "defer web01 by 2 weeks", means: "the same weekday and time, two weeks later" },
            Example { line: "postpone by a week", means: "everything this notice or card shows" },
            Example { line: "defer all by 3 days because \"holiday\"", means: "with the reason" },
            Example { line: "defer web01 until 2027-03-12 because \"the vendor allows no changes\"", means: "not patched in this quarter, nor before the end of that day; an operator must grant it" },
        ],
        surfaces: EVERYWHERE,
        effect: Effect::Decide,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        words.refuse_question()?;
        // "defer 2 weeks": the number is no line of a notice when a unit stands behind it.
        let counts_days = |word: Option<&str>| matches!(word, Some("day" | "days" | "week" | "weeks"));
        let second = words.remaining().get(1).map(super::grammar::lex::Word::folded);
        let target = if counts_days(second.as_deref()) && !words.peek().is_some_and(|word| word.quoted) {
            Target::These
        } else {
            Target::take(words, |word| word.is("by") || word.is("until") || word.is("till"))?
        };
        let later = match take_until(words)? {
            Some(day) => Later::Until(day),
            None => {
                let _ = words.take("by");
                Later::By(Days::take(words)?.count())
            }
        };
        Ok(Self { target, later, reason: Reason::take(words)? })
    }
}

impl fmt::Display for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::By(days) => write!(f, "by {}", Days::of(*days)),
            Self::Until(day) => write!(f, "until {day}"),
        }
    }
}

impl fmt::Display for Defer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} {}", Self::SPEC.name, self.target, self.later)?;
        self.reason.iter().try_for_each(|reason| write!(f, " because {reason}"))
    }
}
