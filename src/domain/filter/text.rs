//! Texts of filters: patterns with `*`, what is before what, and how a word is written so that it is read back.

use std::cmp::Ordering;
use std::fmt;

use chrono::NaiveDate;

/// The character for "anything" in a pattern.
const ANYTHING: char = '*';

/// A text as it is compared: lower case, blanks at the ends ignored.
pub(super) fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

/// Whether a cell fits a pattern in which `*` stands for anything; capital letters do not matter.
pub(super) fn fits(pattern: &str, cell: &str) -> bool {
    let (pattern, cell) = (folded(pattern), folded(cell));
    let mut parts = pattern.split(ANYTHING);
    let Some(mut rest) = parts.next().and_then(|first| cell.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    true
}

/// Which of two is before the other: as dates, as times of day, or as numbers; nothing when they are neither.
pub(super) fn order(cell: &str, value: &str) -> Option<Ordering> {
    fn both<T: PartialOrd>(cell: &str, value: &str, read: impl Fn(&str) -> Option<T>) -> Option<Ordering> {
        read(cell.trim())?.partial_cmp(&read(value.trim())?)
    }
    both(cell, value, |text| text.parse::<NaiveDate>().ok())
        .or_else(|| both(cell, value, |text| chrono::NaiveTime::parse_from_str(text, "%H:%M").ok()))
        .or_else(|| both(cell, value, |text| text.parse::<f64>().ok().filter(|number| number.is_finite())))
}

/// Whether a value can be put in an order.
pub(super) fn has_order(value: &str) -> bool {
    order(value, value).is_some()
}

/// Where a word stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Heading,
    Value,
}

/// Whether a character can stand in a word without quotes.
pub(super) fn is_plain(c: char) -> bool {
    !c.is_whitespace()
        && !c.is_control()
        && !matches!(c, '(' | ')' | ',' | '"' | '\'' | '=' | '!' | '~' | '<' | '>')
}

/// The words of the language; as names or values they need quotes.
pub(super) fn is_keyword(word: &str) -> bool {
    ["and", "or", "not", "in"].iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}

/// Writes a word as it is read back: in quotes when it needs them.
pub(super) fn write_word(f: &mut fmt::Formatter<'_>, word: &str, place: Word) -> fmt::Result {
    // A heading is found by its letters and digits, so the shorter way of writing it will do.
    let blanks = |c: char| place == Word::Heading && c == ' ';
    let plain = !word.is_empty() && word.chars().all(|c| is_plain(c) || blanks(c)) && !is_keyword(word);
    if plain {
        return f.write_str(&word.replace(' ', "_"));
    }
    f.write_str("\"")?;
    for c in word.chars() {
        if c == '"' {
            f.write_str("\"\"")?;
        } else {
            write!(f, "{c}")?;
        }
    }
    f.write_str("\"")
}
