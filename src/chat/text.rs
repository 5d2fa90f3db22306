//! What is said in chat, before it is anybody's markup: lines of plain, strong and typed words.
//!
//! A platform's renderer turns these into its own structure. Nothing in here is ever parsed for markup, so what
//! people typed (names, reasons) cannot become a link or call a whole channel.

use patchbot_commands::CATALOG;

use super::card::Shown;
use super::press::{Act, Press};
use super::screen::{Button, Screen};
use crate::domain::answer::{Answer, Verdict};
use crate::domain::message::{Alert, Offer, Tone};
use crate::domain::refusal::Refusal;

/// A few words in one style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    /// As they are.
    Plain(String),
    /// With weight.
    Strong(String),
    /// A command, word by word as it is typed: `approve web01`. Platforms put their own word before it.
    Say(String),
    /// Words to write as an answer to what is shown, without anything before them: `approve 1-3`.
    Write(String),
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line(pub Vec<Span>);

/// Lines that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paragraph {
    /// One below the other.
    Lines(Vec<Line>),
    /// Each with a mark before it.
    List(Vec<Line>),
    /// Letter by letter, in a fixed width.
    Verbatim(Vec<String>),
}

impl Line {
    /// A line of plain words.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self(vec![Span::Plain(text.into())])
    }

    /// A line with weight.
    #[must_use]
    pub fn strong(text: impl Into<String>) -> Self {
        Self(vec![Span::Strong(text.into())])
    }

    /// A sentence of ours, in which every quoted command becomes one to type.
    #[must_use]
    pub fn sentence(text: &str) -> Self {
        let mut spans = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('"') {
            plain.push_str(before);
            match command_at_the_start(behind) {
                Some((command, after)) => {
                    if !plain.is_empty() {
                        spans.push(Span::Plain(std::mem::take(&mut plain)));
                    }
                    spans.push(Span::Say(command.to_owned()));
                    rest = after;
                }
                None => {
                    plain.push('"');
                    rest = behind;
                }
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            spans.push(Span::Plain(plain));
        }
        Self(spans)
    }

    /// The line with more words behind it.
    #[must_use]
    pub fn with(mut self, span: Span) -> Self {
        self.0.push(span);
        self
    }

    /// The line as plain text; `command` is what stands before words to type.
    #[must_use]
    pub fn text(&self, command: &str) -> String {
        self.0.iter().map(|span| span.text(command)).collect()
    }
}

impl Span {
    /// The words as plain text.
    #[must_use]
    pub fn text(&self, command: &str) -> String {
        match self {
            Self::Plain(text) | Self::Strong(text) | Self::Write(text) => text.clone(),
            Self::Say(words) if command.is_empty() => words.clone(),
            Self::Say(words) => format!("{command} {words}"),
        }
    }
}

/// Takes a quoted command off the start of what stands behind a quotation mark.
fn command_at_the_start(text: &str) -> Option<(&str, &str)> {
    let (words, after) = text.split_once('"')?;
    // "move web01 to" waits for a time, so it is no whole command and still something to type.
    let whole = patchbot_commands::parse(words).is_ok();
    let begun =
        patchbot_commands::parse(&format!("{words} 2026-12-04 20:00")).is_ok() && words.ends_with(" to");
    (whole || begun).then_some((words, after))
}

/// The commands that a sentence of ours quotes.
#[must_use]
pub fn quoted_commands(sentence: &str) -> Vec<String> {
    let spans = Line::sentence(sentence).0.into_iter();
    spans.filter_map(|span| if let Span::Say(words) = span { Some(words) } else { None }).collect()
}

/// Paragraphs as plain text: what is read aloud, and where there is no markup.
#[must_use]
pub fn plain(paragraphs: &[Paragraph], command: &str) -> String {
    let lines = paragraphs.iter().flat_map(|paragraph| match paragraph {
        Paragraph::Lines(lines) => lines.iter().map(|line| line.text(command)).collect::<Vec<_>>(),
        Paragraph::List(lines) => lines.iter().map(|line| format!("• {}", line.text(command))).collect(),
        Paragraph::Verbatim(lines) => lines.clone(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// An answer: what happened, and below it what can be said next.
#[must_use]
pub fn of_answer(answer: &Answer) -> Vec<Paragraph> {
    let mut paragraphs = Vec::new();
    if answer.verdict == Verdict::Partly {
        paragraphs.push(Paragraph::Lines(vec![Line::strong("Done in part; please see what is left.")]));
    }
    let lines: Vec<Line> = answer.lines.iter().map(|line| told(line)).collect();
    let headed = answer.lines.first().is_some_and(|first| !is_item(first));
    let items = answer.lines.get(usize::from(headed)..).unwrap_or_default();
    let listed = answer.lines.first().is_some_and(|first| first.ends_with(':'))
        || items.iter().all(|item| is_item(item));
    if listed && answer.lines.len() > 1 {
        let mut lines = lines.into_iter();
        if headed {
            paragraphs.push(Paragraph::Lines(lines.by_ref().take(1).collect()));
        }
        paragraphs.push(Paragraph::List(lines.collect()));
    } else if !lines.is_empty() {
        paragraphs.push(Paragraph::Lines(lines));
    }
    if !answer.next.is_empty() {
        paragraphs.push(Paragraph::Lines(answer.next.iter().map(|next| Line::sentence(next)).collect()));
    }
    paragraphs
}

/// Whether a line tells one thing of several: `web01 — Thu 3 Dec 2026, 20:00 — approved`.
fn is_item(line: &str) -> bool {
    line.contains(" — ")
}

/// A line of an answer. It may quote what people said, so only help's own lines hold words to type.
fn told(line: &str) -> Line {
    let usage = |words: &str| CATALOG.iter().any(|spec| spec.usage == words);
    let example =
        |words: &str| CATALOG.iter().flat_map(|spec| spec.examples).any(|example| example.line == words);
    if let Some(words) = line.strip_prefix("Usage: ").filter(|words| usage(words)) {
        return Line(vec![Span::Plain("Usage: ".to_owned()), Span::Say(words.to_owned())]);
    }
    if let Some((words, means)) = line.split_once(" — ") {
        let quoted = words.strip_prefix('"').and_then(|words| words.strip_suffix('"'));
        let words =
            quoted.filter(|words| example(words)).or_else(|| Some(words).filter(|words| usage(words)));
        if let Some(words) = words {
            return Line(vec![Span::Say(words.to_owned()), Span::Plain(format!(" — {means}"))]);
        }
    }
    Line::plain(line)
}

/// A line that was not understood: the sentence, and the line with a mark under the place.
#[must_use]
pub fn of_parse_error(error: &patchbot_commands::ParseError) -> Vec<Paragraph> {
    use patchbot_commands::Problem;
    let sentence = error.to_string();
    let place = error.pointed().strip_prefix(&sentence).map(str::to_owned).unwrap_or_default();
    let place: Vec<String> = place
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.strip_prefix("  ").unwrap_or(line).to_owned())
        .collect();
    // Elsewhere it quotes what was typed, and that is no advice.
    let advises = matches!(error.problem, Problem::Empty | Problem::UnknownCommand { .. } | Problem::TooLong);
    let sentence = if advises { Line::sentence(&sentence) } else { Line::plain(sentence) };
    let mut paragraphs = vec![Paragraph::Lines(vec![sentence])];
    if !error.line.trim().is_empty() && !matches!(error.problem, Problem::TooLong) {
        paragraphs.push(Paragraph::Verbatim(place));
    }
    paragraphs
}

/// Something operators should see, with what can be done about it.
#[must_use]
pub fn alert_screen(alert: &Alert) -> Screen {
    let mut screen = Screen::of(of_alert(alert));
    screen.buttons = alert.offers.iter().filter_map(button).collect();
    screen
}

fn button(offer: &Offer) -> Option<Button> {
    let press = match offer.about {
        None => Press::Say(offer.words.clone()),
        Some(about) => {
            let shown = Shown { window: about.window, revision: about.revision };
            Press::About(Act::from_name(&offer.words)?, shown)
        }
    };
    // What goes on behind a button asks for more first.
    let more = matches!(press, Press::About(Act::Danger(_) | Act::Move | Act::Decline, _));
    let label = if more { format!("{}…", offer.label) } else { offer.label.clone() };
    Some(Button::new(label, press))
}

/// Something operators should see.
#[must_use]
pub fn of_alert(alert: &Alert) -> Vec<Paragraph> {
    let mark = match alert.tone {
        Tone::Info => "",
        Tone::Good => "✅ ",
        Tone::Bad => "❗ ",
    };
    let mut paragraphs = vec![Paragraph::Lines(vec![Line::strong(format!("{mark}{}", alert.headline))])];
    match alert.lines.as_slice() {
        [] => {}
        [only] => paragraphs.push(Paragraph::Lines(vec![Line::sentence(only)])),
        lines => {
            let is_log = |line: &&String| line.starts_with("> ");
            let told = lines.iter().filter(|line| !is_log(line)).map(|line| Line::sentence(line)).collect();
            paragraphs.push(Paragraph::List(told));
            let log: Vec<String> =
                lines.iter().filter(is_log).map(|line| line.trim_start_matches("> ").to_owned()).collect();
            if !log.is_empty() {
                paragraphs.push(Paragraph::Verbatim(log));
            }
        }
    }
    paragraphs
}

/// Words with a capital letter first.
pub(super) fn capitalized(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
}

/// Whether an answer says that nobody is known under the identity.
pub(super) fn is_to_a_stranger(answer: &Answer) -> bool {
    answer.lines == [Refusal::Stranger.to_string()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(words: &str) -> Span {
        Span::Say(words.to_owned())
    }

    fn text(words: &str) -> Span {
        Span::Plain(words.to_owned())
    }

    #[test]
    fn quoted_commands_become_words_to_type_and_other_quotes_stay() {
        assert_eq!(
            Line::sentence("Say \"withdraw web01\", or \"maybe\"; \"status\".").0,
            [text("Say "), say("withdraw web01"), text(", or \"maybe\"; "), say("status"), text(".")]
        );
        assert_eq!(
            Line::sentence("Give it a time: \"move web01 to\" and the time.").0,
            [text("Give it a time: "), say("move web01 to"), text(" and the time.")]
        );
        assert_eq!(Line::sentence("an \"open quote").0, [text("an \"open quote")]);
        assert_eq!(Line::sentence("\"\"\"").0, [text("\"\"\"")]);
    }

    #[test]
    fn a_reason_that_looks_like_a_command_stays_a_reason() {
        let answer = Answer::new(Verdict::Done, "web01 was declined by ada (\"approve web01\")");
        assert_eq!(
            of_answer(&answer),
            [Paragraph::Lines(vec![Line::plain("web01 was declined by ada (\"approve web01\")")])]
        );
    }

    #[test]
    fn what_is_not_understood_is_shown_with_a_mark() {
        let error = patchbot_commands::parse("approve wéb01").unwrap_err();
        insta::assert_snapshot!(plain(&of_parse_error(&error), "/patch"), @r#"
        "wéb01" is not a server name: it contains "é", which is not a plain letter. Usage: approve [servers] [because "…"]
        approve wéb01
                ^^^^^
        "#);
        let error = patchbot_commands::parse("").unwrap_err();
        insta::assert_snapshot!(plain(&of_parse_error(&error), "/patch"), @"Nothing was said. Say /patch help for everything that can be said.");
    }
}
