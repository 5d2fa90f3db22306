//! `away`: somebody is not there until a day.

use std::fmt;

use crate::approve::REASON;
use crate::delegate::take_until;
use crate::grammar::address::PersonAddress;
use crate::grammar::error::{ParseError, Problem};
use crate::grammar::lex::Words;
use crate::grammar::reason::Reason;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::{Arg, ArgKind, Date, Effect, Say, Spec};

/// Says that one is away, and who decides meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Away {
    /// The last day away.
    pub until: Date,
    /// Who decides in one's place; the second owner is asked when nobody is named.
    pub to: Option<PersonAddress>,
    /// Why, if said.
    pub reason: Option<Reason>,
}

impl Say for Away {
    const SPEC: Spec = Spec {
        name: "away",
        aliases: &["ooo"],
        usage: "away until YYYY-MM-DD [to person@example.org] [because \"…\"]",
        about: "Says that you are away: until the end of that day your notices also go to the one you name, who decides in your place, or else to the second owner.",
        args: &[
            Arg { name: "until", kind: ArgKind::Words(&[]), before: "until", about: "the last day, as 2026-12-20", required: true },
            Arg { name: "to", kind: ArgKind::Words(&[]), before: "to", about: "who decides meanwhile, by mail address", required: false },
            REASON,
        ],
        examples: &[
            Example { line: "away until 2026-12-20", means: "the second owners are asked as well" },
            Example { line: "away until 2026-12-20 to bob@example.org", means: "bob decides in your place" },
        ],
        surfaces: EVERYWHERE,
        effect: Effect::Oneself,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        words.refuse_question()?;
        let missing = "\"until\" and the last day (as 2026-12-20)";
        let until = take_until(words)?.ok_or_else(|| words.error_here(Problem::Missing(missing)))?;
        let to = if words.take("to") { Some(PersonAddress::take(words)?) } else { None };
        Ok(Self { until, to, reason: Reason::take(words)? })
    }
}

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} until {}", Self::SPEC.name, self.until)?;
        self.to.iter().try_for_each(|to| write!(f, " to {to}"))?;
        self.reason.iter().try_for_each(|reason| write!(f, " because {reason}"))
    }
}
