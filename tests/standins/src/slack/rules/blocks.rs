//! The rules of each kind of block.

use super::Surface;
use super::check::{Check, Markup};
use super::elements::{self, Place};
use serde_json::Value;
use std::collections::BTreeSet;

/// Checks all blocks of a message or view.
pub(super) fn all(check: &mut Check, value: &Value, at: &str, surface: Surface) {
    let mut seen = BTreeSet::new();
    for (number, block) in check.items(value, at, 0, surface.most_blocks()).iter().enumerate() {
        let at = format!("{at}/{number}");
        one(check, block, &at, surface);
        check.filled_word(block, "block_id", &at, 255);
        if let Some(id) = block.get("block_id").and_then(Value::as_str)
            && !seen.insert(id)
        {
            check.problem(&format!("{at}/block_id"), &format!("duplicate block_id: {id}"));
        }
    }
    if check.focused > 1 {
        check.problem(at, "only one element may have focus_on_load");
    }
}

fn one(check: &mut Check, block: &Value, at: &str, surface: Surface) {
    let Some(kind) = block.get("type").and_then(Value::as_str) else {
        return check.problem(at, "missing required field: type");
    };
    match kind {
        "section" => section(check, block, at, surface),
        "header" => {
            check.fields(block, at, &["type", "block_id", "text", "level"], &["text"]);
            check.plain(block, "text", at, 150);
        }
        "divider" => check.fields(block, at, &["type", "block_id"], &[]),
        "image" => image(check, block, at),
        "actions" => actions(check, block, at, surface),
        "context" => context(check, block, at),
        "input" => input(check, block, at, surface),
        "markdown" if surface == Surface::Message => {
            check.fields(block, at, &["type", "block_id", "text"], &["text"]);
            check.filled_word(block, "text", at, 12_000);
        }
        "rich_text" => {
            check.fields(block, at, &["type", "block_id", "elements"], &["elements"]);
            check.items(block.get("elements").unwrap_or(&Value::Null), &format!("{at}/elements"), 1, 1000);
        }
        "table" if surface == Surface::Message => table(check, block, at),
        "video" => {
            let needed = ["alt_text", "title", "thumbnail_url", "video_url"];
            let known = [
                "type", "block_id", "alt_text", "author_name", "description", "provider_icon_url",
                "provider_name", "title", "title_url", "thumbnail_url", "video_url",
            ];
            check.fields(block, at, &known, &needed);
            check.plain(block, "title", at, 200);
        }
        other => check.problem(at, &format!("unsupported block type here: {other}")),
    }
}

fn section(check: &mut Check, block: &Value, at: &str, surface: Surface) {
    check.fields(block, at, &["type", "block_id", "text", "fields", "accessory", "expand"], &[]);
    if block.get("text").is_none() && block.get("fields").is_none() {
        check.problem(at, "missing required field: text or fields");
    }
    check.markup(block, "text", at, 3000);
    if let Some(fields) = block.get("fields") {
        let at = format!("{at}/fields");
        for (number, field) in check.items(fields, &at, 1, 10).iter().enumerate() {
            check.text(field, &format!("{at}/{number}"), Markup::Any, 2000);
        }
    }
    if let Some(accessory) = block.get("accessory") {
        elements::one(check, accessory, &format!("{at}/accessory"), Place::Section, surface);
    }
}

fn image(check: &mut Check, block: &Value, at: &str) {
    check.fields(
        block,
        at,
        &["type", "block_id", "image_url", "slack_file", "alt_text", "title"],
        &["alt_text"],
    );
    if block.get("image_url").is_some() == block.get("slack_file").is_some() {
        check.problem(at, "exactly one of image_url and slack_file is needed");
    }
    check.filled_word(block, "image_url", at, 3000);
    check.word(block, "alt_text", at, 2000);
    check.plain(block, "title", at, 2000);
}

fn actions(check: &mut Check, block: &Value, at: &str, surface: Surface) {
    check.fields(block, at, &["type", "block_id", "elements"], &["elements"]);
    let Some(found) = block.get("elements") else { return };
    let at = format!("{at}/elements");
    let mut seen = BTreeSet::new();
    for (number, element) in check.items(found, &at, 1, 25).iter().enumerate() {
        let at = format!("{at}/{number}");
        elements::one(check, element, &at, Place::Actions, surface);
        if let Some(id) = element.get("action_id").and_then(Value::as_str)
            && !seen.insert(id)
        {
            check.problem(&format!("{at}/action_id"), &format!("duplicate action_id in one block: {id}"));
        }
    }
}

fn context(check: &mut Check, block: &Value, at: &str) {
    check.fields(block, at, &["type", "block_id", "elements"], &["elements"]);
    let Some(found) = block.get("elements") else { return };
    let at = format!("{at}/elements");
    for (number, element) in check.items(found, &at, 1, 10).iter().enumerate() {
        let at = format!("{at}/{number}");
        if element.get("type").and_then(Value::as_str) == Some("image") {
            elements::image(check, element, &at);
        } else {
            check.text(element, &at, Markup::Any, 3000);
        }
    }
}

fn input(check: &mut Check, block: &Value, at: &str, surface: Surface) {
    let known = ["type", "block_id", "label", "element", "hint", "optional", "dispatch_action"];
    check.fields(block, at, &known, &["label", "element"]);
    check.plain(block, "label", at, 2000);
    check.plain(block, "hint", at, 2000);
    if let Some(element) = block.get("element") {
        elements::one(check, element, &format!("{at}/element"), Place::Input, surface);
    }
}

fn table(check: &mut Check, block: &Value, at: &str) {
    check.fields(block, at, &["type", "block_id", "rows", "column_settings"], &["rows"]);
    let Some(rows) = block.get("rows") else { return };
    let at = format!("{at}/rows");
    for (number, row) in check.items(rows, &at, 1, 100).iter().enumerate() {
        check.items(row, &format!("{at}/{number}"), 1, 20);
    }
}
