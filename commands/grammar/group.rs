//! Names of host groups, as they can be typed.

use std::fmt;

use super::error::{ParseError, Problem};
use super::lex::Words;

/// A host group's name: what the inventory calls it, in any letters; with blanks it stands in quotes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GroupName(String);

/// Longer than anybody names a group.
const LONGEST: usize = 80;

impl GroupName {
    /// Reads a name; nothing when it is empty or too long.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let fits = !joined.is_empty() && joined.chars().count() <= LONGEST;
        let plain = !joined.contains(['"', '“', '”', '„', '«', '»', '\\']);
        (fits && plain).then_some(Self(joined))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the inventory's name is this one; the case of letters does not count.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.0.to_lowercase() == name.to_lowercase()
    }

    pub(crate) fn take(words: &mut Words) -> Result<Self, ParseError> {
        let missing = || Problem::Missing("The host group's name");
        let at = words.clone();
        let word = words.next().filter(|word| word.quoted || !word.is("because"));
        word.and_then(|word| Self::parse(&word.text)).ok_or_else(|| at.error_here(missing()))
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = self.0.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if bare && self.0.to_lowercase() != "because" {
            f.write_str(&self.0)
        } else {
            write!(f, "\"{}\"", self.0)
        }
    }
}
