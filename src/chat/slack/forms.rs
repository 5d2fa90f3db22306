//! Forms as Slack's views: fields become input blocks, and what is typed into some of them is completed.

use serde_json::{Map, Value, json};

use super::MessageRef;
use super::render::{beside_plain, blocks};
use crate::chat::form::{Field, FieldKind, Form};
use crate::chat::press::FormId;
use crate::chat::screen::{Choice, Screen};

/// Slack's limits.
const MOST_TITLE: usize = 24;
const MOST_OPTION: usize = 75;
const MOST_OPTIONS: usize = 100;
const MOST_HINT: usize = 150;

/// What a form carries, to be known again: its name, what it is about, and the message it was opened from.
fn about(form: &Form, origin: Option<&MessageRef>) -> String {
    let (name, value) = form.id.wire();
    let origin = origin.map(ToString::to_string).unwrap_or_default();
    format!("{name}\n{value}\n{origin}")
}

/// Which form it is.
pub(super) fn id_of(about: &str) -> Option<FormId> {
    let mut parts = about.split('\n');
    FormId::from_wire(parts.next()?, parts.next()?)
}

/// The message that a form was opened from.
pub(super) fn origin_of(about: &str) -> Option<MessageRef> {
    about.split('\n').nth(2)?.parse().ok()
}

fn label(text: &str, most: usize) -> Value {
    json!({"type": "plain_text", "text": beside_plain(text, most), "emoji": true})
}

/// A form as a view.
pub(super) fn view(form: &Form, origin: Option<&MessageRef>, command: &str) -> Value {
    let rebuilds =
        matches!(form.id, FormId::Command(_)) && form.fields.iter().any(|field| field.name == "time");
    let mut all: Vec<Value> = blocks(&form.intro, command);
    all.extend(form.fields.iter().map(|field| input(field, rebuilds)));
    json!({
        "type": "modal", "title": label(form.title, MOST_TITLE), "submit": label(form.submit, MOST_TITLE),
        "close": label("Close", MOST_TITLE), "private_metadata": about(form, origin), "blocks": all,
    })
}

/// What stands in a form while it is worked on, or when it is answered.
pub(super) fn told(title: &str, screen: &Screen, command: &str) -> Value {
    let mut all = super::render::screen_blocks(screen, command);
    if all.is_empty() {
        all = blocks(&Screen::line("Done.").body, command);
    }
    all.truncate(MOST_OPTIONS);
    json!({
        "type": "modal", "title": label(title, MOST_TITLE), "close": label("Close", MOST_TITLE), "blocks": all,
    })
}

/// What acknowledges a form that was sent: it is worked on.
pub(super) fn working(about: &str) -> Value {
    let screen = Screen::line("One moment…");
    let mut view = told("patchbot", &screen, "");
    if let Some(view) = view.as_object_mut() {
        view.insert("private_metadata".to_owned(), Value::String(about.to_owned()));
    }
    json!({"response_action": "update", "view": view})
}

fn input(field: &Field, rebuilds: bool) -> Value {
    let mut block = Map::new();
    block.insert("type".to_owned(), json!("input"));
    block.insert("block_id".to_owned(), json!(field.name));
    block.insert("label".to_owned(), label(field.label, 2_000));
    block.insert("optional".to_owned(), json!(!field.needed));
    if let Some(hint) = &field.hint {
        block.insert("hint".to_owned(), label(hint, 2_000));
    }
    if rebuilds && matches!(field.kind, FieldKind::Server | FieldKind::Servers) {
        block.insert("dispatch_action".to_owned(), json!(true));
    }
    block.insert("element".to_owned(), element(field));
    Value::Object(block)
}

fn element(field: &Field) -> Value {
    let mut element = Map::new();
    let mut put = |name: &str, value: Value| element.insert(name.to_owned(), value);
    put("action_id", json!(field.name));
    let filled = field.filled.as_deref().filter(|value| !value.is_empty());
    match &field.kind {
        FieldKind::One(choices) => {
            put("type", json!("static_select"));
            put_options(&mut put, choices);
            if let Some(choice) = filled.and_then(|value| choices.iter().find(|choice| choice.value == value))
            {
                put("initial_option", option(choice));
            }
        }
        FieldKind::Several(choices) => {
            put("type", json!("multi_static_select"));
            put_options(&mut put, choices);
            let chosen: Vec<Value> = filled
                .into_iter()
                .flat_map(str::lines)
                .filter_map(|value| choices.iter().find(|choice| choice.value == value))
                .map(option)
                .collect();
            if !chosen.is_empty() {
                put("initial_options", Value::Array(chosen));
            }
        }
        FieldKind::Date => {
            put("type", json!("datepicker"));
            if let Some(date) = filled.filter(|date| date.len() == 10) {
                put("initial_date", json!(date));
            }
        }
        FieldKind::Time => {
            put("type", json!("timepicker"));
            if let Some(time) = filled.filter(|time| time.len() == 5) {
                put("initial_time", json!(time));
            }
        }
        FieldKind::Zone | FieldKind::Server => {
            put("type", json!("external_select"));
            put("min_query_length", json!(u8::from(field.kind == FieldKind::Zone)));
            put("placeholder", label("Type to find it", MOST_HINT));
            if let Some(value) = filled {
                put("initial_option", option(&Choice::new(value, value)));
            }
        }
        FieldKind::Servers => {
            put("type", json!("multi_external_select"));
            put("min_query_length", json!(0));
            put("placeholder", label("Type to find them", MOST_HINT));
            let chosen: Vec<Value> = filled
                .into_iter()
                .flat_map(str::lines)
                .map(|value| option(&Choice::new(value, value)))
                .collect();
            if !chosen.is_empty() {
                put("initial_options", Value::Array(chosen));
            }
        }
        FieldKind::Text(most) => {
            put("type", json!("plain_text_input"));
            put("max_length", json!(most));
            if let Some(text) = filled {
                put("initial_value", json!(text));
            }
        }
    }
    Value::Object(element)
}

fn put_options(put: &mut impl FnMut(&str, Value) -> Option<Value>, choices: &[Choice]) {
    let grouped = choices.iter().all(|choice| choice.group.is_some()) && !choices.is_empty();
    if !grouped {
        put("options", Value::Array(choices.iter().take(MOST_OPTIONS).map(option).collect()));
        return;
    }
    let mut groups: Vec<(&str, Vec<Value>)> = Vec::new();
    for choice in choices.iter().take(MOST_OPTIONS) {
        let name = choice.group.as_deref().unwrap_or_default();
        match groups.last_mut().filter(|(last, _)| *last == name) {
            Some((_, options)) => options.push(option(choice)),
            None => groups.push((name, vec![option(choice)])),
        }
    }
    let groups = groups
        .into_iter()
        .map(|(name, options)| json!({"label": label(name, MOST_OPTION), "options": options}));
    put("option_groups", Value::Array(groups.collect()));
}

/// A choice as an option of a list.
pub(super) fn option(choice: &Choice) -> Value {
    let mut option = Map::new();
    option.insert("text".to_owned(), label(&choice.label, MOST_OPTION));
    option.insert("value".to_owned(), json!(choice.value));
    if let Some(about) = choice.about.as_ref().filter(|about| !about.is_empty()) {
        option.insert("description".to_owned(), label(about, MOST_OPTION));
    }
    Value::Object(option)
}

/// Choices as the answer to something typed.
pub(super) fn options(choices: &[Choice]) -> Value {
    let options: Vec<Value> =
        choices.iter().filter(|choice| choice.value.len() <= 150).take(MOST_OPTIONS).map(option).collect();
    json!({ "options": options })
}
