//! `unlink`: an account in chat is nobody's any more.

use std::fmt;

use crate::grammar::error::ParseError;
use crate::grammar::lex::Words;
use crate::grammar::spec::{Example, IN_CHAT};
use crate::{Effect, Say, Spec};

/// Takes the link of the account it is said from away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlink;

impl Say for Unlink {
    const SPEC: Spec = Spec {
        name: "unlink",
        aliases: &[],
        usage: "unlink",
        about: "Takes the link between this account and you away; decisions are then possible by mail only.",
        args: &[],
        examples: &[Example { line: "unlink", means: "this account is nobody's any more" }],
        surfaces: IN_CHAT,
        effect: Effect::Oneself,
    };

    fn parse(_: &mut Words) -> Result<Self, ParseError> {
        Ok(Self)
    }
}

impl fmt::Display for Unlink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::SPEC.name)
    }
}
