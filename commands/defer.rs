//! `defer`: the same slot some days or weeks later.

use std::fmt;

use crate::approve::{REASON, SERVERS};
use crate::grammar::error::ParseError;
use crate::grammar::lex::Words;
use crate::grammar::reason::Reason;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::grammar::target::Target;
use crate::grammar::when::Days;
use crate::{Arg, ArgKind, Effect, Say, Spec};

/// Puts windows off by whole days, at the same time of day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defer {
    /// Which windows.
    pub target: Target,
    /// By how many days, 1 to 90.
    pub days: u16,
    /// Why, if said.
    pub reason: Option<Reason>,
}

impl Say for Defer {
    const SPEC: Spec = Spec {
        name: "defer",
        aliases: &["postpone"],
        usage: "defer [servers] by N days|weeks [because \"…\"]",
        about: "Puts the servers off by whole days or weeks, at the same time of day. The new time waits for an approval.",
        args: &[SERVERS, Arg { name: "by", kind: ArgKind::Words(&["1 day", "1 week", "2 weeks", "4 weeks"]), before: "by", about: "3 days, 2 weeks", required: true }, REASON],
        examples: &[
            Example { line: "defer web01 by 2 weeks", means: "the same weekday and time, two weeks later" },
            Example { line: "postpone by a week", means: "everything this notice or card shows" },
            Example { line: "defer all by 3 days because \"holiday\"", means: "with the reason" },
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
            Target::take(words, |word| word.is("by"))?
        };
        let _ = words.take("by");
        Ok(Self { target, days: Days::take(words)?.count(), reason: Reason::take(words)? })
    }
}

impl fmt::Display for Defer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} by {}", Self::SPEC.name, self.target, Days::of(self.days))?;
        self.reason.iter().try_for_each(|reason| write!(f, " because {reason}"))
    }
}
