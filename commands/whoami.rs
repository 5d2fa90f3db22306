//! `whoami`: who patchbot takes one for.

use std::fmt;

use crate::grammar::error::ParseError;
use crate::grammar::lex::Words;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::{Effect, Say, Spec};

/// Asks who one is to patchbot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whoami;

impl Say for Whoami {
    const SPEC: Spec = Spec {
        name: "whoami",
        aliases: &["me"],
        usage: "whoami",
        about: "Says who I take you for, your role, your zone and your servers.",
        args: &[],
        examples: &[Example { line: "whoami", means: "your name, role and servers" }],
        surfaces: EVERYWHERE,
        effect: Effect::Read,
    };

    fn parse(_: &mut Words) -> Result<Self, ParseError> {
        Ok(Self)
    }
}

impl fmt::Display for Whoami {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::SPEC.name)
    }
}
