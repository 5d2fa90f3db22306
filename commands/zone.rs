//! `zone`: the zone in which somebody reads times.

use std::fmt;

use crate::grammar::error::{ParseError, Problem};
use crate::grammar::lex::Words;
use crate::grammar::spec::{EVERYWHERE, Example};
use crate::grammar::when::ZoneWord;
use crate::{Arg, ArgKind, Effect, Say, Spec};

/// Says in which zone one reads times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// The zone; each server's own when absent.
    pub zone: Option<ZoneWord>,
}

impl Say for Zone {
    const SPEC: Spec = Spec {
        name: "zone",
        aliases: &["timezone"],
        usage: "zone Area/City | zone off",
        about: "Says in which zone you read times, beside each server's own and UTC.",
        args: &[Arg { name: "zone", kind: ArgKind::Zone, before: "", about: "Europe/Berlin, UTC, or off", required: true }],
        examples: &[
            Example { line: "zone Europe/Berlin", means: "times are shown in this zone as well" },
            Example { line: "zone off", means: "only each server's own zone and UTC" },
        ],
        surfaces: EVERYWHERE,
        effect: Effect::Oneself,
    };

    fn parse(words: &mut Words) -> Result<Self, ParseError> {
        if words.take("off") {
            return Ok(Self { zone: None });
        }
        let at = words.clone();
        match (ZoneWord::take(words)?, words.peek()) {
            (Some(zone), _) => Ok(Self { zone: Some(zone) }),
            (None, Some(word)) => Err(at.error_at(word.span, Problem::NotAZone { word: word.text.clone() })),
            (None, None) => Err(at.error_here(Problem::Missing("The zone (as Europe/Berlin)"))),
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.zone {
            Some(zone) => write!(f, "{} {}", Self::SPEC.name, zone.as_str()),
            None => write!(f, "{} off", Self::SPEC.name),
        }
    }
}
