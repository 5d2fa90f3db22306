//! People's mail addresses, as they can be typed.

use std::fmt;

use super::error::{ParseError, Problem};
use super::lex::Words;

/// A mail address, folded to lower case. Whether somebody is known by it is not the grammar's business.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonAddress(String);

impl PersonAddress {
    /// Reads an address; chat clients put `<mailto:a@b|a@b>` or angle brackets around it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bare = text.trim().trim_start_matches('<').trim_end_matches('>');
        let bare = bare.strip_prefix("mailto:").unwrap_or(bare);
        let bare = bare.split('|').next()?.to_ascii_lowercase();
        let (local, domain) = bare.split_once('@')?;
        let fine = |c: char| c.is_ascii_graphic() && !"<>()[],;:\\\"|".contains(c);
        let fits = !local.is_empty()
            && domain.contains(|c: char| c.is_ascii_alphanumeric())
            && !domain.contains('@')
            && bare.len() <= 254
            && bare.chars().all(fine);
        fits.then_some(Self(bare))
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn take(words: &mut Words) -> Result<Self, ParseError> {
        let Some(word) = words.next() else {
            return Err(words.error_here(Problem::Missing("The person's mail address")));
        };
        Self::parse(&word.text)
            .ok_or_else(|| words.error_at(word.span, Problem::NotAnAddress { word: word.text.clone() }))
    }
}

impl fmt::Display for PersonAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
