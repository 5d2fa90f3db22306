//! Signatures, footers, banners and legal notices. A line that could be an answer is never taken for one of them.

use super::words::{is_banner, is_contact, is_disclaimer, is_footer, is_harmless, is_sign_off};

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

/// Cuts a block of unquoted lines into what was typed and what was put around it.
pub(super) fn cut(block: &[&str], place: Place) -> (Vec<String>, Vec<String>) {
    let mut lines: Vec<&str> = block.to_vec();
    let mut gone: Vec<String> = Vec::new();
    take_banner(&mut lines, &mut gone);
    lines.retain(|line| {
        let stays = !is_footer(&line.to_lowercase());
        if !stays {
            gone.push((*line).to_owned());
        }
        stays
    });
    let cuts = [mark(&lines), legal(&lines, place), sign_off(&lines), contact(&lines)];
    if let Some(at) = cuts.into_iter().flatten().min() {
        gone.extend(lines.drain(at..).map(str::to_owned));
    }
    // Rules say nothing.
    lines.retain(|line| {
        line.is_empty()
            || !line.chars().all(|c| matches!(c, '-' | '_' | '=' | '*' | '~' | '—' | '–' | '•' | '#' | ' '))
    });
    (
        lines.into_iter().map(str::to_owned).collect(),
        gone.into_iter().filter(|line| !line.is_empty()).collect(),
    )
}

/// A warning of the mail gateway in the first paragraph.
fn take_banner(lines: &mut Vec<&str>, gone: &mut Vec<String>) {
    let Some(first) = lines.iter().position(|line| !line.is_empty()) else { return };
    let paragraph: Vec<&str> =
        lines.iter().skip(first).take_while(|line| !line.is_empty()).copied().collect();
    if paragraph.len() <= 4 && is_banner(&paragraph.join(" ").to_lowercase()) {
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

/// A legal notice; not as the first words of a reply, where nobody puts one.
fn legal(lines: &[&str], place: Place) -> Option<usize> {
    let first = lines.iter().position(|line| !line.is_empty())?;
    let begins = |at: &usize| {
        let paragraph = at
            .checked_sub(1)
            .and_then(|before| lines.get(before))
            .is_none_or(|before| before.is_empty() || before.chars().all(|c| !c.is_alphanumeric()));
        paragraph && lines.get(*at).is_some_and(|line| is_disclaimer(&line.to_lowercase()))
    };
    (0..lines.len()).filter(|at| *at > first || place == Place::Below).find(begins)
}

/// "Kind regards" and what stands below it, when that is nothing but a signature.
fn sign_off(lines: &[&str]) -> Option<usize> {
    // "Thanks" alone is all that was said.
    let first = lines.iter().position(|line| !line.is_empty())?;
    let at = (first.saturating_add(1)..lines.len())
        .find(|at| lines.get(*at).is_some_and(|line| is_sign_off(&line.to_lowercase())))?;
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
        if !is_harmless(line) && !is_disclaimer(&line.to_lowercase()) {
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

/// Whether all lines from `at` on are harmless, until a legal notice begins, and there are not too many.
fn is_signature(lines: &[&str], at: usize) -> bool {
    let mut count = 0;
    for (index, line) in lines.iter().enumerate().skip(at) {
        let folded = line.to_lowercase();
        let paragraph =
            index.checked_sub(1).and_then(|before| lines.get(before)).is_none_or(|line| line.is_empty());
        if paragraph && is_disclaimer(&folded) {
            return true;
        }
        if line.is_empty() {
            continue;
        }
        count += 1;
        if count > MOST_LINES || !(is_harmless(line) || is_sign_off(&folded)) {
            return false;
        }
    }
    true
}
