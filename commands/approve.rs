//! `approve`: the owner consents to the plan that was shown.

use std::fmt;

use crate::grammar::error::ParseError;
use crate::grammar::lex::Words;
use crate::grammar::reason::Reason;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::grammar::target::Target;
use crate::{Arg, ArgKind, Effect, Say, Spec};

/// Consents to the windows' present plans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approve {
    /// Which windows.
    pub target: Target,
    /// Why, if said.
    pub reason: Option<Reason>,
}

impl Say for Approve {
    const SPEC: Spec = Spec {
        name: "approve",
        aliases: &["approved"],
        usage: "approve [servers] [because \"…\"]",
        about: "Consents to patching at the time that was shown. A later change of the time makes the consent void.",
        args: &[SERVERS, REASON],
        examples: &[
            Example { line: "approve", means: "everything this notice or card shows" },
            Example { line: "approve web01 web02", means: "these two servers" },
            Example { line: "approve web01, web02 and db01.example.org", means: "the same with commas" },
            Example { line: "approve all", means: "all of the notice; in chat all of your own" },
            Example { line: "approve all except db01", means: "all but one" },
            Example { line: "approve group web", means: "all of your own in this host group" },
            Example { line: "approve 1-4, 7", means: "these numbered lines of the notice that is answered" },
        ],
        surfaces: EVERYWHERE,
        effect: Effect::Decide,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        words.refuse_question()?;
        Ok(Self { target: Target::take(words, |_| false)?, reason: Reason::take(words)? })
    }
}

impl fmt::Display for Approve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, Self::SPEC.name, &self.target, self.reason.as_ref())
    }
}

/// The servers of a decision, for forms.
pub(crate) const SERVERS: Arg = Arg { name: "servers", kind: ArgKind::Servers, before: "", about: "names, \"all\", \"group\" and its name, or line numbers of the notice", required: false };
/// The reason of a decision, for forms.
pub(crate) const REASON: Arg = Arg { name: "reason", kind: ArgKind::Reason, before: "because", about: "why, in one line", required: false };

/// Prints a decision without further words: `approve web01 because "…"`.
pub(crate) fn print(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    target: &Target,
    reason: Option<&Reason>,
) -> fmt::Result {
    write!(f, "{name}{target}")?;
    reason.iter().try_for_each(|reason| write!(f, " because {reason}"))
}
