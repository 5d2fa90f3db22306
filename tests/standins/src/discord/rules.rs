//! What Discord refuses: bodies of messages, answers, forms and commands that are too long, empty or unknown.

use std::collections::HashSet;

use serde_json::Value;

fn letters(value: Option<&Value>) -> usize {
    value.and_then(Value::as_str).map_or(0, |text| text.chars().count())
}

fn known(value: &Value, fields: &[&str], what: &str, wrong: &mut Vec<String>) {
    for name in value.as_object().into_iter().flatten().map(|(name, _)| name) {
        if !fields.contains(&name.as_str()) {
            wrong.push(format!("{what} has no field {name}"));
        }
    }
}

/// What is wrong with a message.
pub(crate) fn message(body: &Value, has_file: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    known(
        body,
        &[
            "content", "embeds", "components", "allowed_mentions", "flags", "nonce", "enforce_nonce",
            "message_reference", "attachments",
        ],
        "a message",
        &mut wrong,
    );
    if letters(body.get("content")) > 2_000 {
        wrong.push("content is longer than 2000 characters".to_owned());
    }
    let embeds = body.get("embeds").and_then(Value::as_array).cloned().unwrap_or_default();
    for embed in &embeds {
        if !(1..=4_096).contains(&letters(embed.get("description"))) {
            wrong.push("an embed's description has 1 to 4096 characters".to_owned());
        }
    }
    let rows = body.get("components").and_then(Value::as_array).cloned().unwrap_or_default();
    if rows.len() > 5 {
        wrong.push("a message has at most 5 rows".to_owned());
    }
    if letters(body.get("content")) == 0 && embeds.is_empty() && !has_file {
        wrong.push("a message cannot be empty".to_owned());
    }
    if body.pointer("/allowed_mentions/parse").and_then(Value::as_array).is_none_or(|all| !all.is_empty()) {
        wrong.push("a message of this bot must not mention anybody".to_owned());
    }
    if letters(body.get("nonce")) > 25 {
        wrong.push("a nonce has at most 25 characters".to_owned());
    }
    let mut names = HashSet::new();
    for row in &rows {
        let inside = row.get("components").and_then(Value::as_array).cloned().unwrap_or_default();
        if row.get("type").and_then(Value::as_u64) != Some(1) || !(1..=5).contains(&inside.len()) {
            wrong.push("a row has type 1 and 1 to 5 components".to_owned());
        }
        let lists = inside.iter().filter(|one| one.get("type").and_then(Value::as_u64) == Some(3)).count();
        if lists > 1 || (lists == 1 && inside.len() > 1) {
            wrong.push("a list stands alone in its row".to_owned());
        }
        for one in &inside {
            component(one, &mut names, &mut wrong);
        }
    }
    wrong
}

fn component(one: &Value, names: &mut HashSet<String>, wrong: &mut Vec<String>) {
    let custom = one.get("custom_id").and_then(Value::as_str).unwrap_or_default();
    if !(1..=100).contains(&custom.chars().count()) {
        wrong.push(format!("custom_id \"{custom}\" has 1 to 100 characters"));
    }
    if !names.insert(custom.to_owned()) {
        wrong.push(format!("custom_id \"{custom}\" is there twice"));
    }
    match one.get("type").and_then(Value::as_u64) {
        Some(2) => {
            known(one, &["type", "style", "label", "custom_id", "disabled", "emoji"], "a button", wrong);
            if !(1..=80).contains(&letters(one.get("label"))) {
                wrong.push("a button's label has 1 to 80 characters".to_owned());
            }
        }
        Some(3) => {
            known(
                one,
                &["type", "custom_id", "placeholder", "options", "min_values", "max_values"],
                "a list",
                wrong,
            );
            if letters(one.get("placeholder")) > 150 {
                wrong.push("a list's placeholder has at most 150 characters".to_owned());
            }
            let options = one.get("options").and_then(Value::as_array).cloned().unwrap_or_default();
            if !(1..=25).contains(&options.len()) {
                wrong.push("a list has 1 to 25 options".to_owned());
            }
            let mut values = HashSet::new();
            for option in &options {
                known(option, &["label", "value", "description"], "an option", wrong);
                let value = option.get("value").and_then(Value::as_str).unwrap_or_default();
                if !values.insert(value.to_owned()) {
                    wrong.push(format!("the value \"{value}\" is there twice"));
                }
                if !(1..=100).contains(&value.chars().count())
                    || !(1..=100).contains(&letters(option.get("label")))
                    || letters(option.get("description")) > 100
                {
                    wrong.push(
                        "an option's label, value and description have at most 100 characters".to_owned(),
                    );
                }
            }
        }
        other => wrong.push(format!("there is no component of type {other:?} in a message")),
    }
}

/// What is wrong with a form.
pub(crate) fn modal(data: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    known(data, &["custom_id", "title", "components"], "a form", &mut wrong);
    if !(1..=45).contains(&letters(data.get("title"))) || !(1..=100).contains(&letters(data.get("custom_id")))
    {
        wrong.push("a form's title has 1 to 45 characters, its custom_id 1 to 100".to_owned());
    }
    let rows = data.get("components").and_then(Value::as_array).cloned().unwrap_or_default();
    if !(1..=5).contains(&rows.len()) {
        wrong.push("a form has 1 to 5 fields".to_owned());
    }
    for row in &rows {
        let Some(field) = row.pointer("/components/0") else { continue };
        known(
            field,
            &[
                "type", "custom_id", "label", "style", "required", "max_length", "min_length", "placeholder",
                "value",
            ],
            "a field",
            &mut wrong,
        );
        let most = field.get("max_length").and_then(Value::as_u64).unwrap_or(4_000);
        if field.get("type").and_then(Value::as_u64) != Some(4)
            || !(1..=45).contains(&letters(field.get("label")))
            || letters(field.get("placeholder")) > 100
            || !(1..=4_000).contains(&most)
            || u64::try_from(letters(field.get("value"))).unwrap_or(u64::MAX) > most
        {
            wrong.push(format!("a field is not as Discord takes it: {field}"));
        }
    }
    wrong
}

/// What is wrong with suggestions.
pub(crate) fn choices(choices: &Value) -> Vec<String> {
    let all = choices.as_array().cloned().unwrap_or_default();
    let mut wrong = Vec::new();
    if all.len() > 25 {
        wrong.push("there are at most 25 suggestions".to_owned());
    }
    for one in &all {
        known(one, &["name", "value"], "a suggestion", &mut wrong);
        if !(1..=100).contains(&letters(one.get("name"))) || !(1..=100).contains(&letters(one.get("value"))) {
            wrong.push("a suggestion's name and value have 1 to 100 characters".to_owned());
        }
    }
    wrong
}

/// What is wrong with a registration of commands.
pub(crate) fn commands(commands: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for command in commands.as_array().into_iter().flatten() {
        known(
            command,
            &[
                "name", "type", "description", "options", "contexts", "integration_types",
                "default_member_permissions",
            ],
            "a command",
            &mut wrong,
        );
        named(command, &mut wrong);
        options(command, 0, &mut wrong);
    }
    wrong
}

fn named(value: &Value, wrong: &mut Vec<String>) {
    let name = value.get("name").and_then(Value::as_str).unwrap_or_default();
    let fits = |letter: char| letter.is_lowercase() || letter.is_numeric() || matches!(letter, '-' | '_');
    if !(1..=32).contains(&name.chars().count()) || !name.chars().all(fits) {
        wrong.push(format!("\"{name}\" is no name of a command or option"));
    }
    if !(1..=100).contains(&letters(value.get("description"))) {
        wrong.push(format!("the description of \"{name}\" has 1 to 100 characters"));
    }
}

fn options(value: &Value, depth: u8, wrong: &mut Vec<String>) {
    let all = value.get("options").and_then(Value::as_array).cloned().unwrap_or_default();
    if all.len() > 25 {
        wrong.push(format!("{} options, and there are at most 25", all.len()));
    }
    let mut optional = false;
    let mut names = HashSet::new();
    for option in &all {
        named(option, wrong);
        if !names.insert(option.get("name").cloned().unwrap_or_default().to_string()) {
            wrong.push(format!("an option is there twice: {option}"));
        }
        match option.get("type").and_then(Value::as_u64) {
            Some(1) if depth < 2 => options(option, depth.saturating_add(1), wrong),
            Some(2) if depth == 0 => options(option, 1, wrong),
            Some(3 | 5) => {
                let fields = [
                    "type", "name", "description", "required", "autocomplete", "max_length", "min_length",
                    "choices",
                ];
                known(option, &fields, "an option", wrong);
                let required = option.get("required").and_then(Value::as_bool).unwrap_or(false);
                if required && optional {
                    wrong.push(format!("what is required stands before what is not: {option}"));
                }
                optional |= !required;
            }
            other => wrong.push(format!("there is no option of type {other:?} here")),
        }
    }
}
