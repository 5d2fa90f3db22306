//! Which lines of a reply are quoted from what is answered, whatever way the mail program quotes.

use std::borrow::Cow;

use patchbot_commands::folded;

use super::words::{Label, is_original, label, opens_attribution, says_wrote};
use crate::render::ANSWER_ABOVE;

/// A line of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// It belongs to the quote.
    Quoted,
    /// It was typed, or stands below what was typed.
    Typed(Cow<'a, str>),
}

impl Line<'_> {
    pub(super) fn typed(&self) -> Option<&str> {
        match self {
            Self::Quoted => None,
            Self::Typed(text) => Some(text),
        }
    }
}

/// A header block is recognised by three of its fields.
const FIELDS_OF_A_BLOCK: usize = 3;
/// It is looked for in this many lines.
const LINES_OF_A_BLOCK: usize = 14;
/// The line that introduces a quote is wrapped to this many at most.
const LINES_OF_AN_ATTRIBUTION: usize = 4;
const LETTERS_OF_AN_ATTRIBUTION: usize = 500;

/// Marks each line. What lies below the beginning of an unmarked quote is not returned at all.
pub(super) fn mark(text: &str) -> Vec<Line<'_>> {
    let mut lines: Vec<Cow<'_, str>> = Vec::with_capacity(64);
    let mut below = false;
    for line in text.lines().map(clean) {
        below = is_answer_above(&line);
        if below {
            break;
        }
        // Several blank lines separate as one does.
        if !line.is_empty() || lines.last().is_none_or(|before| !before.is_empty()) {
            lines.push(line);
        }
    }
    let labels: Vec<Option<Label>> =
        lines.iter().map(|line| if line.starts_with('>') { None } else { label(line) }).collect();
    let end = (0..lines.len()).find(|at| unmarked_quote_begins(&lines, &labels, *at)).unwrap_or(lines.len());
    let below = below || end < lines.len();
    let lines = lines.get(..end).unwrap_or_default();
    let mut marked: Vec<Line<'_>> = Vec::with_capacity(lines.len());
    for (at, line) in lines.iter().enumerate() {
        if line.starts_with('>') {
            marked.push(Line::Quoted);
            continue;
        }
        marked.push(Line::Typed(line.clone()));
        if !line.ends_with([':', '：']) {
            continue;
        }
        let next = lines.iter().skip(at.saturating_add(1)).find(|line| !line.is_empty());
        let follows = match next {
            Some(next) if next.starts_with('>') => Follows::Mark,
            None if below => Follows::Mark,
            _ => Follows::Other,
        };
        let Some(begins) = attribution(lines, at, follows) else { continue };
        if follows == Follows::Other {
            marked.truncate(begins);
            marked.push(Line::Quoted);
            return drop_separators(marked);
        }
        for line in marked.iter_mut().skip(begins) {
            *line = Line::Quoted;
        }
    }
    if below {
        marked.push(Line::Quoted);
        return drop_separators(marked);
    }
    marked
}

/// The line without blanks and invisible marks at its ends, and without the links that Outlook puts behind names.
fn clean(line: &str) -> Cow<'_, str> {
    let unseen = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '\u{200b}'..='\u{200f}'
                    | '\u{202a}'..='\u{202c}'
                    | '\u{2060}'..='\u{2063}'
                    | '\u{2066}'..='\u{2069}'
                    | '\u{feff}'
            )
    };
    without_links(line.trim_matches(unseen))
}

/// `web01.example.org<http://web01.example.org/>` becomes `web01.example.org`.
fn without_links(line: &str) -> Cow<'_, str> {
    let links = || line.contains("<http") || line.contains("<mailto:");
    if line.starts_with('>') || !line.contains('<') || !links() {
        return Cow::Borrowed(line);
    }
    let mut bare = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('<') {
        let (before, tail) = rest.split_at(at);
        bare.push_str(before);
        let link = tail.find('>').and_then(|end| tail.split_at_checked(end.saturating_add(1)));
        match link {
            Some((link, after)) if is_echo(&bare, link) => {
                bare.truncate(bare.trim_end().len());
                rest = after;
            }
            _ => {
                bare.push('<');
                rest = tail.get(1..).unwrap_or_default();
            }
        }
    }
    bare.push_str(rest);
    Cow::Owned(bare)
}

/// Whether a link only repeats the word before it.
fn is_echo(before: &str, link: &str) -> bool {
    let inside = link.trim_matches(['<', '>']);
    let is_link = ["http://", "https://", "mailto:"].iter().any(|scheme| inside.starts_with(scheme));
    let word = before.trim_end().rsplit(char::is_whitespace).next().unwrap_or_default();
    let word = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    is_link
        && !inside.contains(char::is_whitespace)
        && !word.is_empty()
        && inside.to_lowercase().contains(&word)
}

/// Our own line above which answers go, when it is not marked as quoted.
fn is_answer_above(line: &str) -> bool {
    let bare = |c: &char| c.is_alphanumeric();
    !line.starts_with('>')
        && line.len() <= ANSWER_ABOVE.len().saturating_mul(2)
        && line.chars().filter(bare).eq(ANSWER_ABOVE.chars().filter(bare))
        && line.contains("above")
}

/// Whether everything from here on is a quote without marks.
fn unmarked_quote_begins(lines: &[Cow<'_, str>], labels: &[Option<Label>], at: usize) -> bool {
    let Some(line) = lines.get(at) else { return false };
    if line.is_empty() || line.starts_with('>') {
        return false;
    }
    is_original_line(line) || is_notes_line(line) || is_header_block(labels.get(at..).unwrap_or_default())
}

/// `-----Original Message-----`, `________ Von: …` and what other languages make of it.
fn is_original_line(line: &str) -> bool {
    let is_rule = |c: char| {
        c.is_whitespace() || matches!(c, '-' | '_' | '=' | '*' | '—' | '–' | ':' | '>' | '<' | '：')
    };
    let ruled = line.starts_with(['-', '_', '=', '*', '—', '–']);
    if !ruled && !line.ends_with([':', '：']) {
        return false;
    }
    let inner = line.trim_matches(is_rule);
    (3..=100).contains(&inner.len()) && is_original(&folded(inner))
}

/// `patchbot ---03.12.2026 09:00:00---Hello Ada,` (Notes).
fn is_notes_line(line: &str) -> bool {
    let Some((date, _)) = line.split_once("---").and_then(|(_, tail)| tail.split_once("---")) else {
        return false;
    };
    date.len() <= 40 && date.chars().filter(char::is_ascii_digit).count() >= 8 && !date.starts_with('-')
}

/// Whether a block of `From:`, `Sent:`, `To:`, `Subject:` begins here.
fn is_header_block(labels: &[Option<Label>]) -> bool {
    if labels.first().copied().flatten().is_none() {
        return false;
    }
    let mut found: Vec<Label> = Vec::new();
    let mut unlabelled = 0;
    for label in labels.iter().take(LINES_OF_A_BLOCK) {
        match label {
            Some(label) => {
                if !found.contains(label) {
                    found.push(*label);
                }
                unlabelled = 0;
            }
            // A long list of recipients is wrapped, and some programs put blank lines between the fields.
            None if unlabelled < 3 => unlabelled += 1,
            None => break,
        }
    }
    // "Date:", "From:" and "To:" alone may well be typed; nobody types a subject in the text.
    found.len() >= FIELDS_OF_A_BLOCK
        && found.contains(&Label::Subject)
        && (found.contains(&Label::From) || found.contains(&Label::Sent))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follows {
    /// A line with the mark of a quote.
    Mark,
    /// Something else, or nothing.
    Other,
}

/// Where the lines begin that introduce a quote and end at `last`: "On … patchbot wrote:".
fn attribution(lines: &[Cow<'_, str>], last: usize, follows: Follows) -> Option<usize> {
    let mut joined = Cow::Borrowed("");
    let mut begins = last;
    for back in 0..LINES_OF_AN_ATTRIBUTION {
        let at = last.checked_sub(back)?;
        let line = lines.get(at)?;
        if line.is_empty()
            || line.starts_with('>')
            || joined.len().saturating_add(line.len()) > LETTERS_OF_AN_ATTRIBUTION
        {
            return None;
        }
        joined = if back == 0 { Cow::Borrowed(&**line) } else { Cow::Owned(format!("{line} {joined}")) };
        begins = at;
        if introduces(&joined, follows) {
            break;
        }
        if back.saturating_add(1) == LINES_OF_AN_ATTRIBUTION {
            return None;
        }
    }
    // The address may have been torn from its name, and the name from the date.
    while last.saturating_sub(begins) < LINES_OF_AN_ATTRIBUTION {
        let Some(before) = begins.checked_sub(1).and_then(|at| lines.get(at)).filter(|line| !line.is_empty())
        else {
            break;
        };
        if before.starts_with('>') || before.ends_with([':', '.', '!']) {
            break;
        }
        let is_torn =
            || joined.find('>').is_some_and(|close| joined.find('<').is_none_or(|open| close < open));
        let opens = || opens_attribution(before) && !opens_attribution(&joined) && has_date(before);
        if !(before.contains('<') && is_torn() || opens()) {
            break;
        }
        joined = Cow::Owned(format!("{before} {joined}"));
        begins = begins.saturating_sub(1);
    }
    Some(begins)
}

fn introduces(joined: &str, follows: Follows) -> bool {
    let (address, digits) = (joined.contains('@'), has_date(joined));
    if !digits && !address {
        return false;
    }
    let date = digits && (!address || has_date_beside_addresses(joined));
    let wrote = || says_wrote(joined);
    let so = match follows {
        Follows::Mark => date && address || (date || address) && wrote(),
        Follows::Other => date && (address || opens_attribution(joined)) && wrote(),
    };
    so && !patchbot_commands::is_understood(joined)
}

const DIGITS_OF_A_DATE: usize = 4;

/// Enough digits for a date.
fn has_date(text: &str) -> bool {
    text.bytes().filter(u8::is_ascii_digit).count() >= DIGITS_OF_A_DATE
}

/// Enough digits for a date, none of them from an address.
fn has_date_beside_addresses(text: &str) -> bool {
    let words = text.split(char::is_whitespace).filter(|word| !word.contains('@'));
    words.flat_map(str::bytes).filter(u8::is_ascii_digit).count() >= DIGITS_OF_A_DATE
}

/// Drops blank lines and rules right above an unmarked quote.
fn drop_separators(mut marked: Vec<Line<'_>>) -> Vec<Line<'_>> {
    let quoted = marked.pop();
    let is_rule = |line: &Line<'_>| {
        line.typed().is_some_and(|text| {
            text.chars().all(|c| c.is_whitespace() || matches!(c, '-' | '_' | '=' | '*' | '—' | '–'))
        })
    };
    while marked.last().is_some_and(is_rule) {
        marked.pop();
    }
    marked.extend(quoted);
    marked
}
