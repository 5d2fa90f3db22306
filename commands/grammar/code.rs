//! Codes that stand for something that waits: a link to an account, a dangerous act.

use std::fmt;

use super::error::{ParseError, Problem};
use super::lex::Words;

/// A code as it is shown, `7F3K-9QMW`: letters and digits, folded to upper case, dashes wherever they are typed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Code(String);

impl Code {
    /// Reads a code of 4 to 16 letters and digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain: String = text.chars().filter(|c| *c != '-').collect::<String>().to_ascii_uppercase();
        let fits = (4..=16).contains(&plain.len()) && plain.chars().all(|c| c.is_ascii_alphanumeric());
        fits.then_some(Self(plain))
    }

    /// The letters and digits, without dashes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn take(words: &mut Words) -> Result<Self, ParseError> {
        let Some(word) = words.next() else { return Err(words.error_here(Problem::Missing("The code"))) };
        Self::parse(&word.text)
            .ok_or_else(|| words.error_at(word.span, Problem::NotACode { word: word.text.clone() }))
    }
}

impl fmt::Display for Code {
    /// In groups of four, as it is easiest to compare.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, letter) in self.0.chars().enumerate() {
            if index > 0 && index % 4 == 0 {
                f.write_str("-")?;
            }
            write!(f, "{letter}")?;
        }
        Ok(())
    }
}
