//! Slack's documented limits for messages, views and their blocks.

mod blocks;
mod check;
mod elements;
mod state;

pub(crate) use elements::{is_date, is_time};
pub(crate) use state::{Interactive, initial_values, interactive_elements, options_of, stateful_element};

use check::Check;
use serde_json::Value;

/// Where blocks are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    Message,
    Modal,
    Home,
}

impl Surface {
    fn most_blocks(self) -> usize {
        match self {
            Self::Message => 50,
            Self::Modal | Self::Home => 100,
        }
    }
}

/// Lists what is wrong with an array of blocks.
pub(crate) fn blocks(value: &Value, at: &str, surface: Surface) -> Vec<String> {
    let mut check = Check::default();
    blocks::all(&mut check, value, at, surface);
    check.problems
}

/// Lists what is wrong with a view.
pub(crate) fn view(value: &Value, surface: Surface) -> Vec<String> {
    let mut check = Check::default();
    let at = "/view";
    if !value.is_object() {
        check.problem(at, "must be an object");
        return check.problems;
    }
    let kind = value.get("type").and_then(Value::as_str);
    match (surface, kind) {
        (Surface::Modal, Some("modal")) => modal(&mut check, value, at),
        (Surface::Home, Some("home")) => {
            let names = ["type", "blocks", "private_metadata", "callback_id", "external_id"];
            check.fields(value, at, &names, &["blocks"]);
        }
        (_, other) => check.problem(&format!("{at}/type"), &format!("unsupported view type: {other:?}")),
    }
    check.word(value, "private_metadata", at, 3000);
    check.word(value, "callback_id", at, 255);
    check.word(value, "external_id", at, 255);
    if let Some(shown) = value.get("blocks") {
        blocks::all(&mut check, shown, &format!("{at}/blocks"), surface);
    }
    check.problems
}

fn modal(check: &mut Check, value: &Value, at: &str) {
    let names = [
        "type", "title", "blocks", "close", "submit", "private_metadata", "callback_id", "clear_on_close",
        "notify_on_close", "external_id", "submit_disabled",
    ];
    check.fields(value, at, &names, &["title", "blocks"]);
    for name in ["title", "close", "submit"] {
        check.plain(value, name, at, 24);
    }
    let shown = value.get("blocks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let asks = shown.iter().any(|block| block.get("type").and_then(Value::as_str) == Some("input"));
    if asks && value.get("submit").is_none() {
        check.problem(at, "a `submit` is required when there are input blocks");
    }
}

/// Says which error a message's metadata deserves.
pub(crate) fn metadata(value: &Value) -> Result<(), String> {
    let wrong = || Err("invalid_metadata_format".to_owned());
    let Some(fields) = value.as_object() else { return wrong() };
    if fields.is_empty() {
        return Ok(()); // an empty object takes metadata away
    }
    let event = fields.get("event_type").and_then(Value::as_str).unwrap_or_default();
    if event.is_empty()
        || event.len() > 255
        || !event.chars().all(|c| c.is_ascii_alphanumeric() || "_-.:".contains(c))
    {
        return wrong();
    }
    let Some(payload) = fields.get("event_payload").and_then(Value::as_object) else { return wrong() };
    // Slack takes numbers and booleans too, but the client cannot read them back:
    // it would lose every click on such a message.
    if payload.values().any(|value| !value.is_string()) {
        return wrong();
    }
    if value.to_string().len() > 16_000 {
        return Err("metadata_too_large".to_owned());
    }
    Ok(())
}

/// Counts the characters of all texts inside blocks.
pub(crate) fn weight(value: &Value) -> usize {
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

/// Gives every block a `block_id` and every element an `action_id`, as Slack does where the app gave none.
pub(crate) fn name_everything(blocks: &mut [Value], mut name: impl FnMut() -> String) {
    for block in blocks {
        let Some(fields) = block.as_object_mut() else { continue };
        fields.entry("block_id").or_insert_with(|| Value::String(name()));
        let in_actions = fields.get("type").and_then(Value::as_str) == Some("actions");
        for (key, value) in fields.iter_mut() {
            match (key.as_str(), value) {
                ("elements", Value::Array(items)) if in_actions => {
                    for item in items {
                        name_element(item, &mut name);
                    }
                }
                ("accessory" | "element", value) => name_element(value, &mut name),
                _ => {}
            }
        }
    }
}

fn name_element(element: &mut Value, name: &mut impl FnMut() -> String) {
    let Some(fields) = element.as_object_mut() else { return };
    if fields.get("type").and_then(Value::as_str) != Some("image") {
        fields.entry("action_id").or_insert_with(|| Value::String(name()));
    }
}

/// Lists what is wrong with the options that answer a select.
pub(crate) fn suggestions(answer: &Value) -> Vec<String> {
    let mut check = Check::default();
    let list = |check: &mut Check, value: &Value, at: &str| {
        for (number, option) in check.items(value, at, 0, 100).iter().enumerate() {
            elements::one_option(check, option, &format!("{at}/{number}"), check::Markup::Plain);
        }
    };
    if let Some(options) = answer.get("options") {
        list(&mut check, options, "/options");
    }
    if let Some(groups) = answer.get("option_groups") {
        for (number, group) in check.items(groups, "/option_groups", 0, 100).iter().enumerate() {
            let at = format!("/option_groups/{number}");
            check.plain(group, "label", &at, 75);
            list(&mut check, group.get("options").unwrap_or(&Value::Null), &format!("{at}/options"));
        }
    }
    check.problems
}
