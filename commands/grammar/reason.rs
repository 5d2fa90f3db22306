//! The reason given with a decision: `because "…"`, or `because` and the rest of the line.

use std::fmt;

use super::error::{ParseError, Problem};
use super::lex::{Words, is_hidden};

/// Why somebody decides so; between 1 and 500 characters, one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

const LONGEST: usize = 500;

impl Reason {
    /// Takes a reason from text that came from a form.
    ///
    /// # Errors
    /// A sentence, when it is empty, too long, or not what it seems.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if joined.is_empty() {
            return Err("The reason is empty: write it behind \"because\".");
        }
        if joined.chars().any(is_hidden) {
            return Err("The reason holds a character that cannot be seen: type it again.");
        }
        if joined.chars().count() > LONGEST {
            return Err("The reason is longer than 500 characters: say it shorter.");
        }
        Ok(Self(joined))
    }

    /// The reason as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes `because …` when it stands here.
    pub(crate) fn take(words: &mut Words) -> Result<Option<Self>, ParseError> {
        if !words.take("because") {
            return Ok(None);
        }
        let at = words.clone();
        let text = match words.peek().filter(|word| word.quoted) {
            Some(_) => words.next().map(|word| word.text).unwrap_or_default(),
            None => words.rest(),
        };
        Self::new(&text).map(Some).map_err(|why| at.error_here(Problem::BadReason(why)))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Only straight quotes close a straight quote here; curly ones inside would close it too.
        let safe = self.0.replace('\\', "\\\\").replace('"', "\\\"").replace(['“', '”'], "'");
        write!(f, "\"{safe}\"")
    }
}
