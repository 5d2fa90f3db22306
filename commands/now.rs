//! `now`: an emergency, which cannot wait for its window.

use std::fmt;

use crate::approve::REASON;
use crate::grammar::error::{ParseError, Problem};
use crate::grammar::lex::Words;
use crate::grammar::reason::Reason;
use crate::grammar::spec::{Example, WHERE_SOMEBODY_IS};
use crate::grammar::target::{Target, take_name};
use crate::{Arg, ArgKind, Effect, Say, Spec};

/// Patches a server at once, whatever its calendar says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Now {
    /// The server; what the card shows when none is named.
    pub target: Target,
    /// Why.
    pub reason: Option<Reason>,
}

impl Say for Now {
    const SPEC: Spec = Spec {
        name: "now",
        aliases: &["emergency"],
        usage: "now [server] because \"…\"",
        about: "Patches a server at once. It crosses the calendar, not the consent: it needs a reason and, by the rules of its host group, a second person.",
        args: &[ONE, REASON],
        examples: &[
            Example { line: "now web01 because \"CVE-2026-1234 is exploited\"", means: "asks to confirm it first" },
            Example { line: "now because \"CVE-2026-1234 is exploited\"", means: "what the card shows" },
        ],
        surfaces: WHERE_SOMEBODY_IS,
        effect: Effect::Operate,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        take(words).map(|(target, reason)| Self { target, reason })
    }
}

impl fmt::Display for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, Self::SPEC.name, &self.target, self.reason.as_ref())
    }
}

/// The one server of a dangerous act, for forms.
pub(crate) const ONE: Arg = Arg { name: "server", kind: ArgKind::Server, before: "", about: "the server's name", required: true };

/// Takes the one server of a dangerous act, or none, and the reason: these acts are done one by one.
pub(crate) fn take(words: &mut Words) -> Result<(Target, Option<Reason>), ParseError> {
    words.refuse_question()?;
    let named = words.peek().is_some_and(|word| !word.is("because"));
    let target = match if named { take_name(words)? } else { None } {
        Some(name) => Target::Servers(vec![name]),
        None => Target::These,
    };
    if let Some(word) = words.peek().filter(|word| !word.is("because")).cloned() {
        return Err(words.error_at(word.span, Problem::OneServer { word: word.text }));
    }
    Ok((target, Reason::take(words)?))
}

pub(crate) use crate::approve::print;
