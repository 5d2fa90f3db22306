//! Lines become Slack's blocks, inside its limits.
//!
//! Everything is written as rich text, which is structure and never parsed: a name or reason cannot become a link, a
//! format or a mention, commands keep their straight quotes, and nothing is turned into a link behind our back. Only
//! the text beside the blocks, which notifications and screen readers use, is markup, and there the three characters
//! that matter are escaped.

use serde::Serialize;
use serde_json::{Value, json};
use slack_morphism::blocks::{
    SlackActionBlockElement, SlackActionsBlock, SlackBlock, SlackBlockButtonElement, SlackBlockButtonStyle,
    SlackBlockConfirmItem, SlackBlockPlainTextOnly, SlackRichTextBlock, SlackRichTextElement,
    SlackRichTextInlineElement, SlackRichTextList, SlackRichTextListStyle, SlackRichTextPreformatted,
    SlackRichTextSection, SlackRichTextText,
};

use super::forms::option;
use crate::chat::screen::{Button, Screen, Style};
use crate::chat::text::{Line, Paragraph, Span, plain};

/// So many characters go into one block.
const MOST_IN_BLOCK: usize = 2_500;
/// So many characters go into one message. Slack refuses more than about 13,000.
const MOST_IN_MESSAGE: usize = 9_000;
/// So many blocks go into one message; Slack allows 50.
const MOST_BLOCKS: usize = 40;
/// So many blocks Slack takes in a message, and in a view.
const MOST_ALL: usize = 50;
const MOST_IN_VIEW: usize = 100;
/// So much text goes beside the blocks. Slack takes 4,000 characters when a message is rewritten.
const MOST_BESIDE: usize = 3_000;
/// Slack's limit for the question of a button.
const MOST_IN_QUESTION: usize = 300;

/// What a message says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Content {
    /// For notifications, screen readers, and wherever blocks are not shown.
    pub(super) text: String,
    /// What is shown.
    pub(super) blocks: Vec<Value>,
}

/// A screen as one message or several, none of them too long for Slack. What can be clicked is below the last one.
pub(super) fn pages(screen: &Screen, command: &str) -> Vec<Content> {
    let mut pages: Vec<Vec<Paragraph>> = Vec::new();
    let mut length = 0_usize;
    for part in screen.body.iter().flat_map(|paragraph| parts(paragraph, command)) {
        let more = measure(&part, command);
        let fits = |page: &Vec<Paragraph>| {
            page.len() < MOST_BLOCKS && length.saturating_add(more) <= MOST_IN_MESSAGE
        };
        match pages.last_mut().filter(|page| fits(page)) {
            Some(page) => {
                page.push(part);
                length = length.saturating_add(more);
            }
            None => {
                pages.push(vec![part]);
                length = more;
            }
        }
    }
    let mut contents: Vec<Content> = pages.iter().map(|page| content(page, command)).collect();
    let below = below(screen, command);
    match contents.last_mut() {
        Some(last) => {
            let room = MOST_ALL.saturating_sub(last.blocks.len());
            last.blocks.extend(below.into_iter().take(room));
        }
        None if !below.is_empty() => {
            contents.push(Content { text: beside(&screen.text(command)), blocks: below });
        }
        None => {}
    }
    contents
}

fn content(paragraphs: &[Paragraph], command: &str) -> Content {
    Content { text: beside(&plain(paragraphs, command)), blocks: blocks(paragraphs, command) }
}

/// A screen as one message: what does not fit is left out and said to be.
pub(super) fn one(screen: &Screen, command: &str) -> Content {
    let words = Screen::of(screen.body.clone());
    let mut pages = pages(&words, command).into_iter();
    let mut all = pages.next().map(|page| page.blocks).unwrap_or_default();
    if pages.next().is_some() {
        let more = Line::plain("There is more than fits here; the mail to the owners tells all of it.");
        all.push(json_of(&block(&Paragraph::Lines(vec![more]), command)));
    }
    let room = MOST_ALL.saturating_sub(all.len());
    all.extend(below(screen, command).into_iter().take(room));
    Content { text: beside(&screen.text(command)), blocks: all }
}

/// A screen as blocks of a view, which takes more of them than a message.
pub(super) fn screen_blocks(screen: &Screen, command: &str) -> Vec<Value> {
    let mut all: Vec<Value> = screen
        .body
        .iter()
        .flat_map(|paragraph| parts(paragraph, command))
        .map(|part| json_of(&block(&part, command)))
        .collect();
    all.extend(below(screen, command));
    all.truncate(MOST_IN_VIEW);
    all
}

/// Paragraphs as blocks.
pub(super) fn blocks(paragraphs: &[Paragraph], command: &str) -> Vec<Value> {
    paragraphs.iter().map(|part| json_of(&block(part, command))).collect()
}

fn json_of(block: &SlackBlock) -> Value {
    serde_json::to_value(block).unwrap_or_default()
}

/// What stands below the words: lines with buttons, a list, buttons, and what can be said.
fn below(screen: &Screen, command: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut number = 0_usize;
    for row in &screen.rows {
        all.push(json_of(&block(&Paragraph::Lines(vec![row.line.clone()]), command)));
        if !row.buttons.is_empty() {
            all.push(actions(&row.buttons, &mut number));
        }
    }
    if let Some(select) = &screen.select {
        let (name, about) = select.pick.wire();
        all.push(json!({"type": "actions", "elements": [{
            "type": "static_select", "action_id": format!("{name}|{about}"),
            "placeholder": {"type": "plain_text", "text": select.hint},
            "options": select.choices.iter().take(100).map(option).collect::<Vec<_>>(),
        }]}));
    }
    if !screen.buttons.is_empty() {
        all.push(actions(&screen.buttons, &mut number));
    }
    if !screen.footer.is_empty() {
        all.push(json_of(&block(&Paragraph::Lines(screen.footer.clone()), command)));
    }
    all
}

/// Buttons beside each other. Their names are numbered, because Slack wants each only once in a message.
fn actions(buttons: &[Button], number: &mut usize) -> Value {
    let elements = buttons.iter().map(|button| {
        *number = number.saturating_add(1);
        let (name, value) = button.press.wire();
        let mut element = SlackBlockButtonElement::new(label(&button.label))
            .with_action_id(format!("{name}#{number}").into())
            .with_value(value);
        element.style = match button.style {
            Style::Primary => Some(SlackBlockButtonStyle::Primary),
            Style::Danger => Some(SlackBlockButtonStyle::Danger),
            Style::Plain => None,
        };
        element.confirm = button.press.question().map(|question| SlackBlockConfirmItem {
            title: label("Are you sure?"),
            text: label(&fitting(&clean(question), MOST_IN_QUESTION)).into(),
            confirm: label(&button.label),
            deny: label("Cancel"),
            style: None,
        });
        SlackActionBlockElement::from(element)
    });
    json_of(&SlackActionsBlock::new(elements.collect()).into())
}

fn label(text: &str) -> SlackBlockPlainTextOnly {
    SlackBlockPlainTextOnly::from(text)
}

fn block(paragraph: &Paragraph, command: &str) -> SlackBlock {
    // Slack refuses what is empty.
    let filled = |elements: Vec<SlackRichTextInlineElement>| {
        if elements.is_empty() { vec![" ".into()] } else { elements }
    };
    let section = |line: &Line| SlackRichTextSection::new(filled(inline(line, command)));
    let element: SlackRichTextElement = match paragraph {
        Paragraph::Lines(lines) => {
            let mut elements = Vec::new();
            for (number, line) in lines.iter().enumerate() {
                if number > 0 {
                    elements.push("\n".into());
                }
                elements.extend(inline(line, command));
            }
            SlackRichTextSection::new(filled(elements)).into()
        }
        Paragraph::List(lines) => {
            let items = lines.iter().map(|line| section(line).into()).collect();
            SlackRichTextList::new(SlackRichTextListStyle::Bullet, items).into()
        }
        Paragraph::Verbatim(lines) => {
            let text = lines.iter().map(|line| clean(line)).collect::<Vec<_>>().join("\n");
            SlackRichTextPreformatted::new(vec![if text.is_empty() { " ".into() } else { text.into() }])
                .into()
        }
    };
    SlackRichTextBlock::new(vec![element]).into()
}

fn inline(line: &Line, command: &str) -> Vec<SlackRichTextInlineElement> {
    let spans = line.0.iter().map(|span| {
        let text = SlackRichTextText::new(clean(&span.text(command)));
        match span {
            Span::Plain(_) => text,
            Span::Strong(_) => text.bold(),
            Span::Say(_) | Span::Write(_) => text.code(),
        }
    });
    spans.filter(|text| !text.text.is_empty()).map(Into::into).collect()
}

/// Makes a paragraph fit into blocks, cutting between lines, else between words.
fn parts(paragraph: &Paragraph, command: &str) -> Vec<Paragraph> {
    match paragraph {
        Paragraph::Lines(lines) => {
            grouped(lines.iter().flat_map(|line| short_lines(line, command)), |line| {
                line.text(command).chars().count()
            })
            .into_iter()
            .map(Paragraph::Lines)
            .collect()
        }
        Paragraph::List(lines) => grouped(lines.iter().flat_map(|line| short_lines(line, command)), |line| {
            line.text(command).chars().count()
        })
        .into_iter()
        .map(Paragraph::List)
        .collect(),
        Paragraph::Verbatim(lines) => {
            grouped(lines.iter().flat_map(|line| words_within(line, MOST_IN_BLOCK)), |line| {
                line.chars().count()
            })
            .into_iter()
            .map(Paragraph::Verbatim)
            .collect()
        }
    }
}

/// Puts lines into groups of at most a block's length.
fn grouped<T>(lines: impl Iterator<Item = T>, measure: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut groups: Vec<Vec<T>> = Vec::new();
    let mut length = 0_usize;
    for line in lines {
        let more = measure(&line).saturating_add(1);
        match groups.last_mut() {
            Some(group) if length.saturating_add(more) <= MOST_IN_BLOCK => {
                group.push(line);
                length = length.saturating_add(more);
            }
            _ => {
                groups.push(vec![line]);
                length = more;
            }
        }
    }
    groups
}

/// A line as several that each fit into a block. Only lines that nobody should have to read are that long.
fn short_lines(line: &Line, command: &str) -> Vec<Line> {
    if line.text(command).chars().count() < MOST_IN_BLOCK {
        return vec![line.clone()];
    }
    words_within(&line.text(command), MOST_IN_BLOCK).into_iter().map(Line::plain).collect()
}

/// Cuts text at its blanks into pieces shorter than `most`; a single word that is longer is cut where it must be.
fn words_within(text: &str, most: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut length = 0_usize;
    for word in text.split_inclusive(' ') {
        let letters = word.chars().count();
        if length.saturating_add(letters) >= most && !piece.is_empty() {
            pieces.push(std::mem::take(&mut piece));
            length = 0;
        }
        if letters < most {
            piece.push_str(word);
            length = length.saturating_add(letters);
            continue;
        }
        for letter in word.chars() {
            if length.saturating_add(1) >= most {
                pieces.push(std::mem::take(&mut piece));
                length = 0;
            }
            piece.push(letter);
            length = length.saturating_add(1);
        }
    }
    pieces.push(piece);
    pieces
}

fn measure(paragraph: &Paragraph, command: &str) -> usize {
    plain(std::slice::from_ref(paragraph), command).chars().count()
}

/// The beginning of a text, as many whole words as fit.
fn fitting(text: &str, most: usize) -> String {
    let mut pieces = words_within(text, most.saturating_sub(1)).into_iter();
    let first = pieces.next().unwrap_or_default();
    if pieces.next().is_some() { format!("{}…", first.trim_end()) } else { first }
}

/// Text for where nothing but text goes: cleaned, and cut to so many letters.
pub(super) fn beside_plain(text: &str, most: usize) -> String {
    let clean = clean(text);
    if clean.chars().count() <= most { clean } else { fitting(&clean, most) }
}

/// Text for beside the blocks: whole lines as far as they fit, escaped.
fn beside(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let line = escaped(&clean(line));
        if out.chars().count().saturating_add(line.chars().count()) >= MOST_BESIDE {
            if out.is_empty() {
                out = escaped(&fitting(&clean(text), MOST_BESIDE / 6));
            } else {
                out.push_str("\n…");
            }
            break;
        }
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&line);
    }
    out
}

/// Escapes what Slack's markup gives a meaning; without the bracket there is no mention, link or date.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Takes out what would disguise a text: control characters, and marks that turn its direction or cannot be seen.
fn clean(text: &str) -> String {
    let hidden = |c: char| matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    text.chars()
        .map(|c| match c {
            c if c.is_control() => ' ',
            c if hidden(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests;
