//! Screens become Discord's messages, inside its limits.
//!
//! Discord reads markup in everything, so whatever is not ours is escaped: a name or a reason cannot become a link, a
//! format or a heading, and nobody is ever mentioned (`allowed_mentions` is empty).

use serde_json::{Value, json};

use super::commands::typed;
use super::heard::{FORM, PICK};
use crate::chat::form::{Field, FieldKind, Form};
use crate::chat::screen::{Button, Choice, Screen, Select, Style};
use crate::chat::text::{Line, Paragraph, Span};

/// So many characters go into the words of a message; Discord takes 2,000.
const MOST_IN_MESSAGE: usize = 1_900;
/// So many go into the text of an embed; Discord takes 4,096.
const MOST_IN_EMBED: usize = 4_000;
/// So many rows of buttons and lists a message has.
const MOST_ROWS: usize = 5;
/// So many choices a list has.
const MOST_CHOICES: usize = 25;
/// Only the one who asked sees it.
pub(super) const EPHEMERAL: u32 = 64;

/// Takes the meaning out of every sign that Discord would read as markup.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(8));
    let mut letters = text.chars().peekable();
    let mut begins = true;
    let mut digits = false;
    while let Some(letter) = letters.next() {
        if letter.is_control() {
            out.push(' ');
            continue;
        }
        let next = letters.peek().copied();
        let marks = match letter {
            '\\' | '*' | '_' | '~' | '`' | '|' | '<' | '>' | '[' | ']' => true,
            '@' => true,
            // A heading, small print or a list.
            '#' | '-' | '+' => begins,
            // A numbered list.
            '.' => digits && next == Some(' '),
            // An address that would become a link, or a picture's name.
            ':' => next.is_some_and(|next| next == '/' || next.is_alphabetic()),
            _ => false,
        };
        if marks {
            out.push('\\');
        }
        out.push(letter);
        digits = letter.is_ascii_digit() && (begins || digits);
        begins = begins && letter == ' ';
    }
    out
}

fn code(text: &str) -> String {
    text.replace('`', "'").replace(char::is_control, " ")
}

fn line(line: &Line) -> String {
    line.0
        .iter()
        .map(|span| match span {
            Span::Plain(text) => escaped(text),
            Span::Strong(text) if text.trim().is_empty() => String::new(),
            Span::Strong(text) => format!("**{}**", escaped(text.trim())),
            Span::Say(words) => format!("`{}`", code(&typed(words))),
            Span::Write(words) => format!("`{}`", code(words)),
        })
        .collect()
}

/// What is said, in pieces of which none is too long for a message.
fn pieces(paragraphs: &[Paragraph]) -> Vec<String> {
    let mut all = Vec::new();
    for paragraph in paragraphs {
        match paragraph {
            Paragraph::Lines(lines) => all.extend(lines.iter().map(line)),
            Paragraph::List(lines) => all.extend(lines.iter().map(|item| format!("- {}", line(item)))),
            Paragraph::Verbatim(lines) => {
                let mut block = String::new();
                for text in lines.iter().flat_map(|text| split(&code(text), MOST_IN_MESSAGE - 20)) {
                    if block.chars().count().saturating_add(text.chars().count()) > MOST_IN_MESSAGE - 20 {
                        all.push(format!("```\n{block}\n```"));
                        block.clear();
                    }
                    if !block.is_empty() {
                        block.push('\n');
                    }
                    block.push_str(&text);
                }
                if !block.is_empty() {
                    all.push(format!("```\n{block}\n```"));
                }
            }
        }
    }
    all.into_iter().flat_map(|piece| split(&piece, MOST_IN_MESSAGE)).collect()
}

/// A text in parts no longer than `most`, between words where there are any.
fn split(text: &str, most: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut length = 0_usize;
    for word in text.split_inclusive(' ') {
        let letters: Vec<char> = word.chars().collect();
        for chunk in letters.chunks(most.max(1)) {
            if length.saturating_add(chunk.len()) > most {
                parts.push(std::mem::take(&mut part));
                length = 0;
            }
            part.extend(chunk);
            length = length.saturating_add(chunk.len());
        }
    }
    if !part.is_empty() || parts.is_empty() {
        parts.push(part);
    }
    parts
}

fn body(screen: &Screen) -> Vec<String> {
    let mut all = pieces(&screen.body);
    all.extend(screen.rows.iter().map(|row| format!("- {}", line(&row.line))));
    // Small print.
    all.extend(screen.footer.iter().map(|footer| format!("-# {}", line(footer))));
    all
}

fn message(content: &str, components: &[Value]) -> Value {
    json!({"content": content, "embeds": [], "components": components, "allowed_mentions": {"parse": []}})
}

/// A screen as one message or several, none of them too long. What can be clicked is below the last one.
pub(super) fn pages(screen: &Screen) -> Vec<Value> {
    let mut pages: Vec<String> = Vec::new();
    for piece in body(screen) {
        match pages.last_mut() {
            Some(page) if page.chars().count().saturating_add(piece.chars().count()) < MOST_IN_MESSAGE => {
                page.push('\n');
                page.push_str(&piece);
            }
            _ => pages.push(piece),
        }
    }
    let components = components(screen);
    if pages.is_empty() {
        pages.push("…".to_owned());
    }
    let last = pages.len().saturating_sub(1);
    pages
        .iter()
        .enumerate()
        .map(|(number, page)| message(page, if number == last { &components } else { &[] }))
        .collect()
}

/// A screen as one message: what does not fit is left out line by line, and said to be.
pub(super) fn one(screen: &Screen) -> Value {
    let pieces = body(screen);
    let whole = pieces.join("\n");
    let components = components(screen);
    if whole.chars().count() <= MOST_IN_MESSAGE {
        return message(&whole, &components);
    }
    let mut text = String::new();
    let mut rest = pieces.iter();
    let head = rest.next().cloned().unwrap_or_default();
    for piece in rest {
        let more = "There is more than fits here; the mail to the owners tells all of it.";
        if text.chars().count().saturating_add(piece.chars().count()) > MOST_IN_EMBED - more.len() - 2 {
            text.push('\n');
            text.push_str(more);
            break;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(piece);
    }
    let mut message = message(&head, &components);
    if let Some(message) = message.as_object_mut() {
        message.insert("embeds".to_owned(), json!([{"description": text}]));
    }
    message
}

fn components(screen: &Screen) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut number = 0_usize;
    let room_for_buttons = screen.buttons.len().div_ceil(5);
    if let Some(select) = &screen.select {
        let room = MOST_ROWS.saturating_sub(room_for_buttons).max(1);
        for choices in select.choices.chunks(MOST_CHOICES).take(room) {
            number = number.saturating_add(1);
            rows.push(json!({"type": 1, "components": [list(select, choices, number)]}));
        }
    }
    for five in screen.buttons.chunks(5).take(MOST_ROWS.saturating_sub(rows.len())) {
        let buttons: Vec<Value> = five
            .iter()
            .map(|button| {
                number = number.saturating_add(1);
                clickable(button, number)
            })
            .collect();
        rows.push(json!({"type": 1, "components": buttons}));
    }
    rows
}

fn clickable(button: &Button, number: usize) -> Value {
    let (name, value) = button.press.wire();
    let style = match button.style {
        Style::Primary => 1,
        Style::Plain => 2,
        Style::Danger => 4,
    };
    json!({"type": 2, "style": style, "label": fitting(&button.label, 80),
        "custom_id": format!("{name}#{number}|{value}")})
}

fn list(select: &Select, choices: &[Choice], number: usize) -> Value {
    let (name, about) = select.pick.wire();
    let hint = match (choices.first(), choices.last()) {
        (Some(first), Some(last)) if select.choices.len() > MOST_CHOICES => {
            format!("{} … {}", first.label, last.label)
        }
        _ => select.hint.to_owned(),
    };
    let options: Vec<Value> = choices
        .iter()
        .map(|choice| {
            let mut option = json!({"label": fitting(&choice.label, 100), "value": choice.value});
            if let (Some(about), Some(option)) = (&choice.about, option.as_object_mut()) {
                option.insert("description".to_owned(), json!(fitting(about, 100)));
            }
            option
        })
        .collect();
    json!({"type": 3, "custom_id": format!("{PICK}{name}#{number}|{about}"),
        "placeholder": fitting(&hint, 150), "options": options})
}

/// What fits what was typed, as Discord completes it: the value is what is sent.
pub(super) fn suggestions(choices: &[Choice]) -> Value {
    let choices: Vec<Value> = choices
        .iter()
        .filter(|choice| choice.value.chars().count() <= 100)
        .take(MOST_CHOICES)
        .map(|choice| {
            let name = match &choice.about {
                Some(about) => format!("{} — {about}", choice.label),
                None => choice.label.clone(),
            };
            json!({"name": fitting(&name, 100), "value": choice.value})
        })
        .collect();
    json!({"type": 8, "data": {"choices": choices}})
}

/// A form: text fields only, for Discord's forms have no others.
pub(super) fn modal(form: &Form) -> Value {
    let (name, about) = form.id.wire();
    let fields: Vec<Value> = form.fields.iter().take(5).map(field).collect();
    json!({"type": 9, "data": {"custom_id": format!("{FORM}{name}|{about}"),
        "title": fitting(form.title, 45), "components": fields}})
}

fn field(field: &Field) -> Value {
    let most = match field.kind {
        FieldKind::Text(most) => u32::from(most).clamp(1, 4_000),
        FieldKind::Date | FieldKind::Time => 20,
        FieldKind::Zone => 60,
        FieldKind::One(_) | FieldKind::Several(_) | FieldKind::Server | FieldKind::Servers => 400,
    };
    let long = most > 100;
    let mut input = json!({"type": 4, "custom_id": field.name, "label": fitting(field.label, 45),
        "style": if long { 2 } else { 1 }, "required": field.needed, "max_length": most});
    if let Some(input) = input.as_object_mut() {
        if let Some(hint) = &field.hint {
            input.insert("placeholder".to_owned(), json!(fitting(hint, 100)));
        }
        if let Some(filled) = field.filled.as_ref().filter(|filled| !filled.is_empty()) {
            let most = usize::try_from(most).unwrap_or(100);
            input.insert("value".to_owned(), json!(filled.chars().take(most).collect::<String>()));
        }
    }
    json!({"type": 1, "components": [input]})
}

/// A label that fits, with a mark where it was cut.
fn fitting(text: &str, most: usize) -> String {
    let clean: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    if clean.chars().count() <= most {
        return clean;
    }
    let kept: String = clean.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chat::press::Press;

    #[test]
    fn what_people_typed_is_never_markup() {
        insta::assert_snapshot!(escaped("@everyone <@123> **bold** [x](https://evil.test) # no"), @r"\@everyone \<\@123\> \*\*bold\*\* \[x\](https\://evil.test) # no");
        insta::assert_snapshot!(escaped("# heading"), @r"\# heading");
        insta::assert_snapshot!(escaped("1. one 2. two"), @r"1\. one 2. two");
        insta::assert_snapshot!(escaped("- 20:00–22:00 Europe/Berlin"), @r"\- 20:00–22:00 Europe/Berlin");
        insta::assert_snapshot!(escaped(":skull: a|b `c`\nd"), @r"\:skull: a\|b \`c\` d");
    }

    #[test]
    fn a_screen_is_words_buttons_and_small_print() {
        let mut screen = Screen::of(vec![
            Paragraph::Lines(vec![Line::strong("web01 *waits*")]),
            Paragraph::List(vec![Line::plain("When: Thu 3 Dec 2026, 20:00")]),
            Paragraph::Verbatim(vec!["E: ```broken```".to_owned()]),
        ]);
        screen.footer = vec![Line::sentence("Say \"retry web01\".")];
        let screen = screen.with(Button::new("Report", Press::Say("report".to_owned())));
        let page = one(&screen);
        insta::assert_snapshot!(page["content"].as_str().unwrap(), @r"
        **web01 \*waits\***
        - When: Thu 3 Dec 2026, 20:00
        ```
        E: '''broken'''
        ```
        -# Say `/patch ops retry web01`.
        ");
        insta::assert_snapshot!(page["components"].to_string(), @r#"[{"components":[{"custom_id":"say#1|report","label":"Report","style":2,"type":2}],"type":1}]"#);
    }

    proptest! {
        #[test]
        fn no_page_is_too_long_and_no_line_is_lost(lines in prop::collection::vec("[a-z*_ ]{0,2500}", 1..30)) {
            let screen = Screen::of(vec![Paragraph::Lines(lines.iter().map(|text| Line::plain(text.as_str())).collect())]);
            let pages = pages(&screen);
            let mut letters = 0;
            for page in &pages {
                let content = page["content"].as_str().unwrap();
                prop_assert!(content.chars().count() <= 2_000);
                letters += content.chars().filter(char::is_ascii_lowercase).count();
            }
            let wanted: usize = lines.iter().map(|text| text.chars().filter(char::is_ascii_lowercase).count()).sum();
            prop_assert_eq!(letters, wanted);
            let single = one(&screen);
            prop_assert!(single["content"].as_str().unwrap().chars().count() <= 2_000);
            let embed = single["embeds"][0]["description"].as_str().unwrap_or_default();
            prop_assert!(embed.chars().count() <= 4_096, "{}", embed.chars().count());
        }
    }
}
