//! `move`: another time for a window.

use std::fmt;

use crate::approve::{REASON, SERVERS};
use crate::grammar::error::ParseError;
use crate::grammar::lex::Words;
use crate::grammar::reason::Reason;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::grammar::target::Target;
use crate::{Arg, ArgKind, Effect, Say, Spec, When};

/// Gives windows another time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reschedule {
    /// Which windows.
    pub target: Target,
    /// The new time, unresolved.
    pub when: When,
    /// Why, if said.
    pub reason: Option<Reason>,
}

impl Say for Reschedule {
    const SPEC: Spec = Spec {
        name: "move",
        aliases: &["reschedule"],
        usage: "move [servers] to YYYY-MM-DD HH:MM [zone] [because \"…\"]",
        about: "Gives the servers another time, in their own zone unless one is named. The new time waits for an approval.",
        args: &[
            SERVERS,
            Arg { name: "time", kind: ArgKind::Time, before: "to", about: "2026-12-04 20:00, in the server's zone unless one is named", required: true },
            REASON,
        ],
        examples: &[
            Example { line: "move web01 to 2026-12-04 20:00", means: "in the server's zone" },
            Example { line: "move web01 2026-12-04 20:00 UTC", means: "in UTC" },
            Example { line: "move web01 to Friday 20:00", means: "the next Friday; by mail I ask back with its date" },
            Example { line: "move web01 to Fri 4 Dec 2026, 20:00 Europe/Berlin", means: "as notices print a time" },
            Example { line: "move 5 to 2026-12-14 22:00", means: "line 5 of the notice that is answered" },
            Example { line: "move to tomorrow 21:30 because \"release tonight\"", means: "what the card shows, with the reason" },
            Example { line: "move web01 in 3 days", means: "three days from today at the window's own time of day" },
        ],
        surfaces: EVERYWHERE,
        effect: Effect::Decide,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        words.refuse_question()?;
        let target = Target::take(words, When::begins)?;
        Ok(Self { target, when: When::take(words)?, reason: Reason::take(words)? })
    }
}

impl fmt::Display for Reschedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = if matches!(self.when, When::InDays(_)) { "" } else { "to " };
        write!(f, "{}{} {to}{}", Self::SPEC.name, self.target, self.when)?;
        self.reason.iter().try_for_each(|reason| write!(f, " because {reason}"))
    }
}
