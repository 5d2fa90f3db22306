//! `delegate`: somebody else decides in one's place for a time.

use std::fmt;

use crate::approve::{REASON, SERVERS};
use crate::grammar::address::PersonAddress;
use crate::grammar::error::{ParseError, Problem};
use crate::grammar::lex::Words;
use crate::grammar::reason::Reason;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::grammar::target::Target;
use crate::{Arg, ArgKind, Date, Effect, Say, Spec};

/// Lets somebody else decide about servers until a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegate {
    /// Which servers.
    pub target: Target,
    /// To whom.
    pub to: PersonAddress,
    /// The last day; the end of the quarter when it is left out.
    pub until: Option<Date>,
    /// Why, if said.
    pub reason: Option<Reason>,
}

pub(crate) const UNTIL: Arg = Arg { name: "until", kind: ArgKind::Words(&[]), before: "until", about: "the last day, as 2026-12-20", required: false };

/// `until 2026-12-20`.
pub(crate) fn take_until(words: &mut Words) -> Result<Option<Date>, ParseError> {
    if !words.take("until") && !words.take("till") {
        return Ok(None);
    }
    match words.next() {
        Some(word) => Date::read(words, &word).map(Some),
        None => Err(words.error_here(Problem::Missing("The last day (as 2026-12-20)"))),
    }
}

impl Say for Delegate {
    const SPEC: Spec = Spec {
        name: "delegate",
        aliases: &["handover"],
        usage: "delegate [servers] to person@example.org [until YYYY-MM-DD] [because \"…\"]",
        about: "Lets somebody else decide in your place about these servers; you still can. Say \"back\" to end it.",
        args: &[
            SERVERS,
            Arg { name: "to", kind: ArgKind::Words(&[]), before: "to", about: "the person's mail address", required: true },
            UNTIL,
            REASON,
        ],
        examples: &[
            Example { line: "delegate web01 to bob@example.org", means: "for one server, until the end of its quarter" },
            Example { line: "delegate all to bob@example.org until 2026-12-20 because \"holiday\"", means: "everything of yours, until the end of that day" },
        ],
        surfaces: EVERYWHERE,
        effect: Effect::Decide,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        words.refuse_question()?;
        let target = Target::take(words, |word| word.is("to"))?;
        if !words.take("to") {
            return Err(words.error_here(Problem::Missing("\"to\" and the person's mail address")));
        }
        let to = PersonAddress::take(words)?;
        Ok(Self { target, to, until: take_until(words)?, reason: Reason::take(words)? })
    }
}

impl fmt::Display for Delegate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} to {}", Self::SPEC.name, self.target, self.to)?;
        self.until.iter().try_for_each(|date| write!(f, " until {date}"))?;
        self.reason.iter().try_for_each(|reason| write!(f, " because {reason}"))
    }
}
