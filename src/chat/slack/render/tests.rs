//! Blocks stay inside Slack's limits, and nothing that people typed becomes markup.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::chat::card::{Card, Shown};
use crate::chat::press::{Act, Press};
use crate::domain::answer::{Answer, Verdict};
use crate::domain::ids::{Revision, WindowId};

fn written(content: &Content) -> Value {
    serde_json::to_value(content).unwrap()
}

/// All letters inside the blocks, as Slack counts them.
fn weight(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| match value {
                Value::String(text) if name == "text" => text.chars().count(),
                other => weight(other),
            })
            .sum(),
        _ => 0,
    }
}

fn words_of(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| words_of(item, out)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "text" => {
                        out.push_str(text);
                        out.push(' ');
                    }
                    other => words_of(other, out),
                }
            }
        }
        _ => {}
    }
}

fn card_of(title: &str, reason: &str) -> Card {
    let shown = Shown { window: WindowId(uuid::Uuid::from_u128(7)), revision: Revision(3) };
    Card {
        shown,
        title: title.to_owned(),
        facts: vec![crate::chat::card::Fact { label: "Last decision", text: reason.to_owned() }],
        lists: Vec::new(),
        buttons: vec![
            Button::new("Approve all", Press::All),
            Button::new("Decline…", Press::About(Act::Decline, shown)).styled(Style::Danger),
        ],
        footer: vec![Line::plain("Say ").with(Span::Say("why web01".to_owned()))],
    }
}

#[test]
fn a_card_is_rich_text_and_buttons() {
    let content = one(&card_of("web01 is approved", "approved by Ada").screen(), "/patch");
    assert_eq!(
        written(&content),
        json!({
            "text": "web01 is approved\nLast decision: approved by Ada\n[Approve all] [Decline…]\nSay /patch why web01",
            "blocks": [
                {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
                    {"type": "text", "text": "web01 is approved", "style": {"bold": true}}]}]},
                {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
                    {"type": "text", "text": "Last decision:", "style": {"bold": true}},
                    {"type": "text", "text": " approved by Ada"}]}]},
                {"type": "actions", "elements": [
                    {"type": "button", "action_id": "all#1", "value": "all",
                        "text": {"type": "plain_text", "text": "Approve all"},
                        "confirm": {"title": {"type": "plain_text", "text": "Are you sure?"},
                            "text": {"type": "plain_text", "text": "Approve everything on this card that waits for an approval?"},
                            "confirm": {"type": "plain_text", "text": "Approve all"},
                            "deny": {"type": "plain_text", "text": "Cancel"}}},
                    {"type": "button", "action_id": "decline#2", "style": "danger",
                        "text": {"type": "plain_text", "text": "Decline…"},
                        "value": "00000000000000000000000000000007/3"}]},
                {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
                    {"type": "text", "text": "Say "},
                    {"type": "text", "text": "/patch why web01", "style": {"code": true}}]}]}
            ]
        })
    );
}

#[test]
fn what_people_typed_is_never_markup() {
    let hostile = "<!channel> <@U1> *bold* `code` <http://evil.test|web01> & :boom:\n# \u{202e}10bew\u{200b}";
    let content = one(&card_of(hostile, hostile).screen(), "/patch");
    // Beside the blocks there is no bracket that opens anything.
    assert!(!content.text.contains('<') && !content.text.contains('>'), "{}", content.text);
    assert!(content.text.contains("&lt;!channel&gt;"), "{}", content.text);
    // Inside them everything is a run of text, letter by letter.
    let blocks = written(&content).pointer("/blocks").cloned().unwrap().to_string();
    for kind in ["mrkdwn", "\"link\"", "\"broadcast\"", "\"user\"", "\"emoji\""] {
        assert!(!blocks.contains(kind), "{kind}: {blocks}");
    }
    assert!(blocks.contains("<!channel> <@U1> *bold* `code`"), "{blocks}");
    assert!(!blocks.contains('\u{202e}') && !blocks.contains('\u{200b}'), "{blocks}");
}

#[test]
fn long_answers_become_several_messages_and_no_word_is_cut() {
    let line = |number: usize| format!("server{number:04}.example.org — {}", "patched and well ".repeat(12));
    let answer = Answer {
        verdict: Verdict::Done,
        lines: (0..200).map(line).collect(),
        next: vec!["Say \"status\".".to_owned()],
    };
    let pages = pages(&Screen::answer(&answer), "/patch");
    assert!(pages.len() > 3, "{}", pages.len());
    let mut seen = String::new();
    for page in &pages {
        let page = written(page);
        assert!(weight(page.pointer("/blocks").unwrap()) <= 10_000);
        words_of(page.pointer("/blocks").unwrap(), &mut seen);
    }
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let told: String = answer.lines.join(" ") + " Say /patch status .";
    assert_eq!(words(&seen), words(&told));
}

#[test]
fn one_endless_word_is_cut_and_nothing_of_it_is_lost() {
    let word = "x".repeat(30_000);
    let pages = pages(&Screen::of(vec![Paragraph::Lines(vec![Line::plain(&word)])]), "");
    let mut seen = String::new();
    pages.iter().for_each(|page| words_of(written(page).pointer("/blocks").unwrap(), &mut seen));
    assert_eq!(seen.chars().filter(|c| *c == 'x').count(), 30_000);
}

#[test]
fn a_card_that_is_too_long_says_so_and_keeps_its_buttons() {
    let mut long = card_of("web01", "ok");
    let lines = (0..900).map(|number| Line::plain(format!("line {number} of a very long list"))).collect();
    long.lists.push(("All of it:".to_owned(), Paragraph::List(lines)));
    let content = written(&one(&long.screen(), "/patch"));
    let blocks = content.pointer("/blocks").unwrap();
    assert!(blocks.as_array().unwrap().len() <= 50);
    assert!(weight(blocks) <= 12_000);
    assert!(content.pointer("/text").unwrap().as_str().unwrap().chars().count() <= 4_000);
    let text = blocks.to_string();
    assert!(text.contains("There is more than fits here") && text.contains("decline"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_is_said_fits(lines in prop::collection::vec(any::<String>(), 0..40), long in "[a-z<>&* ]{0,9000}") {
        let lines = lines.into_iter().chain([long]).map(Line::plain).collect();
        for page in pages(&Screen::of(vec![Paragraph::List(lines)]), "/patch") {
            let page = written(&page);
            prop_assert!(page.pointer("/text").and_then(Value::as_str).unwrap().chars().count() < 4_000);
            prop_assert!(weight(page.pointer("/blocks").unwrap()) < 13_000);
        }
    }

    #[test]
    fn pieces_are_the_text(text in any::<String>(), most in 2_usize..50) {
        let pieces = words_within(&text, most);
        prop_assert_eq!(pieces.concat(), text);
        prop_assert!(pieces.iter().all(|piece| piece.chars().count() <= most));
    }
}
