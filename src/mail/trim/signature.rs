//! Signatures, footers, banners and legal notices. A line that could be an answer is never taken for one of them.

use super::words::{
    goes_on, is_banner, is_contact, is_disclaimer, is_footer, is_harmless, is_legal, is_sign_off,
};

/// Longer signatures are none.
const MOST_LINES: usize = 15;

/// Where a block of lines stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Above the quote, or there is none.
    Top,
    /// Below a quoted line.
    Below,
}

/// A block of unquoted lines, taken apart.
#[derive(Debug, Default)]
pub(super) struct Parts<'a> {
    /// What was typed.
    pub(super) typed: Vec<&'a str>,
    /// What was cut, whatever it is.
    pub(super) cut: Vec<String>,
    /// A line that was cut goes on with the answer.
    pub(super) goes_on: bool,
}

/// Cuts a block of unquoted lines into what was typed and what was put around it.
pub(super) fn cut<'a>(mut lines: Vec<&'a str>, place: Place) -> Parts<'a> {
    let mut parts = Parts::default();
    take_banner(&mut lines, &mut parts.cut);
    lines.retain(|line| {
        let stays = !is_footer(line);
        if !stays {
            parts.cut.push((*line).to_owned());
        }
        stays
    });
    let marked = mark(&lines);
    if let Some(at) = marked {
        let gone: Vec<&str> = lines.drain(at..).collect();
        // Below its mark a signature may hold anything, also what was meant as an answer.
        parts.goes_on = gone.iter().skip(1).take_while(|line| !is_disclaimer(line)).any(|line| goes_on(line));
        parts.cut.extend(gone.into_iter().map(str::to_owned));
    }
    if let Some(at) = legal(&lines, place) {
        parts.cut.extend(lines.drain(at..).map(str::to_owned));
    }
    if let Some(at) = [sign_off(&lines), contact(&lines)].into_iter().flatten().min() {
        parts.cut.extend(lines.drain(at..).map(str::to_owned));
    }
    parts.cut.retain(|line| !line.is_empty());
    // Rules say nothing.
    let is_rule = |line: &str| {
        line.chars().all(|c| matches!(c, '-' | '_' | '=' | '*' | '~' | '—' | '–' | '•' | '#' | ' '))
    };
    lines.retain(|line| line.is_empty() || !is_rule(line));
    parts.typed = lines;
    parts
}

/// The lines from `at` to the next blank one, as one.
fn paragraph(lines: &[&str], at: usize) -> String {
    lines
        .iter()
        .skip(at)
        .take_while(|line| !line.is_empty())
        .take(MOST_LINES)
        .copied()
        .collect::<Vec<_>>()
        .join(" ")
}

/// A warning of the mail gateway in the first paragraph.
fn take_banner(lines: &mut Vec<&str>, gone: &mut Vec<String>) {
    let Some(first) = lines.iter().position(|line| !line.is_empty()) else { return };
    let paragraph: Vec<&str> =
        lines.iter().skip(first).take_while(|line| !line.is_empty()).copied().collect();
    if paragraph.len() <= 4 && is_banner(&paragraph.join(" ")) {
        gone.extend(paragraph.iter().map(|line| (*line).to_owned()));
        lines.drain(..first.saturating_add(paragraph.len()));
    }
}

/// The line "-- ", which has marked signatures since Usenet.
fn mark(lines: &[&str]) -> Option<usize> {
    let at = lines.iter().position(|line| matches!(*line, "--" | "—" | "–" | "---"))?;
    let below = lines.iter().skip(at).filter(|line| !line.is_empty()).count();
    (below <= MOST_LINES.saturating_add(1)).then_some(at)
}

/// A legal notice; not as the first words of a reply, where nobody puts one, and only with its like below it.
fn legal(lines: &[&str], place: Place) -> Option<usize> {
    let first = lines.iter().position(|line| !line.is_empty())?;
    let earliest = if place == Place::Below { first } else { first.saturating_add(1) };
    let begins = |at: usize| {
        at.checked_sub(1)
            .and_then(|before| lines.get(before))
            .is_none_or(|before| !before.chars().any(char::is_alphanumeric))
    };
    let at = (earliest..lines.len()).find(|at| begins(*at) && is_disclaimer(&paragraph(lines, *at)))?;
    let fine = |from: usize| {
        let text = paragraph(lines, from);
        is_legal(&text)
            || lines.iter().skip(from).take_while(|line| !line.is_empty()).all(|line| is_harmless(line))
    };
    let paragraphs = (at..lines.len()).filter(|from| {
        let after_blank =
            from.checked_sub(1).and_then(|before| lines.get(before)).is_none_or(|line| line.is_empty());
        after_blank && lines.get(*from).is_some_and(|line| !line.is_empty())
    });
    paragraphs.take(MOST_LINES).all(fine).then_some(at)
}

/// "Kind regards" and what stands below it, when that is nothing but a signature.
fn sign_off(lines: &[&str]) -> Option<usize> {
    // "Thanks" alone is all that was said.
    let first = lines.iter().position(|line| !line.is_empty())?;
    let at = (first.saturating_add(1)..lines.len())
        .find(|at| lines.get(*at).is_some_and(|line| is_sign_off(line)))?;
    is_signature(lines, at.saturating_add(1)).then_some(at)
}

/// A paragraph that begins with a name and tells how to reach it, when nothing but a signature follows; never the
/// first one of a reply.
fn contact(lines: &[&str]) -> Option<usize> {
    let first = lines.iter().position(|line| !line.is_empty())?;
    let mut found = None;
    let mut reaches = false;
    // From the end, so that each line is looked at once.
    for at in (0..lines.len()).rev().take(MOST_LINES.saturating_mul(2)) {
        let line = lines.get(at)?;
        if line.is_empty() {
            reaches = false;
            continue;
        }
        if !is_harmless(line) {
            break;
        }
        let begins =
            at.checked_sub(1).and_then(|before| lines.get(before)).is_some_and(|before| before.is_empty());
        let is_name = !line.contains(|c: char| c.is_ascii_digit()) && !is_contact(line);
        if at > first && begins && is_name && reaches {
            found = Some(at);
        }
        reaches |= is_contact(line);
    }
    found
}

/// Whether all lines from `at` on are harmless, and there are not too many.
fn is_signature(lines: &[&str], at: usize) -> bool {
    let below: Vec<&str> = lines.iter().skip(at).filter(|line| !line.is_empty()).copied().collect();
    below.len() <= MOST_LINES && below.iter().all(|line| is_harmless(line) || is_sign_off(line))
}
