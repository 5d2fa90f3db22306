//! The name of a quarter, `2027-Q1`.

use std::fmt;

use super::error::{ParseError, Problem};
use super::lex::Words;

/// A quarter as it is written: the year in which it ends and its number from 1 to 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuarterName {
    /// The year in which the quarter ends.
    pub year: i32,
    /// From 1 to 4.
    pub number: u8,
}

impl QuarterName {
    /// Reads `2027-Q1` or `2027q1`; `None` when the text is no quarter.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let folded = text.to_ascii_lowercase();
        let (year, number) = folded.split_once('q')?;
        let year = year.strip_suffix('-').unwrap_or(year);
        if year.len() != 4 || number.len() != 1 || !year.chars().all(|c| c.is_ascii_digit()) {
            return None;
        }
        match (year.parse(), number.parse()) {
            (Ok(year), Ok(number @ 1..=4)) if (1970..=9998).contains(&year) => Some(Self { year, number }),
            _ => None,
        }
    }

    /// Takes the next word when it is a quarter.
    pub(crate) fn take(words: &mut Words) -> Result<Option<Self>, ParseError> {
        let Some(word) = words.peek().filter(|word| !word.quoted).cloned() else { return Ok(None) };
        if let Some(quarter) = Self::read(&word.text) {
            words.next();
            return Ok(Some(quarter));
        }
        let meant_one = word.text.len() <= 8
            && word.text.chars().any(|c| c.eq_ignore_ascii_case(&'q'))
            && word.text.chars().all(|c| c.is_ascii_digit() || matches!(c, 'q' | 'Q' | '-'));
        if meant_one {
            return Err(words.error_at(word.span, Problem::NotAQuarter { word: word.text }));
        }
        Ok(None)
    }
}

impl fmt::Display for QuarterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-Q{}", self.year, self.number)
    }
}
