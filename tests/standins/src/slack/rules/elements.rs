//! The rules of each kind of element: buttons, selects, pickers, inputs.

use super::Surface;
use super::check::{Check, Markup};
use serde_json::Value;

/// Which kind of block an element stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Section,
    Actions,
    Input,
}

const IN_ACTIONS: &[&str] = &[
    "button", "overflow", "datepicker", "timepicker", "datetimepicker", "radio_buttons", "checkboxes",
    "static_select", "external_select", "users_select", "conversations_select", "channels_select",
    "workflow_button",
];
const IN_SECTION: &[&str] = &[
    "image", "button", "overflow", "datepicker", "timepicker", "radio_buttons", "checkboxes",
    "static_select", "external_select", "users_select", "conversations_select", "channels_select",
    "multi_static_select", "multi_external_select", "multi_users_select", "multi_conversations_select",
    "multi_channels_select", "workflow_button",
];
const IN_INPUT: &[&str] = &[
    "datepicker", "timepicker", "datetimepicker", "radio_buttons", "checkboxes", "static_select",
    "external_select", "users_select", "conversations_select", "channels_select", "multi_static_select",
    "multi_external_select", "multi_users_select", "multi_conversations_select", "multi_channels_select",
    "plain_text_input", "number_input", "email_text_input", "url_text_input", "rich_text_input",
    "file_input",
];

/// What a menu may be given.
const MENU: &[&str] = &["type", "action_id", "placeholder", "confirm", "focus_on_load"];

/// Checks an element in its place.
pub(super) fn one(check: &mut Check, element: &Value, at: &str, place: Place, surface: Surface) {
    let Some(kind) = element.get("type").and_then(Value::as_str) else {
        return check.problem(at, "missing required field: type");
    };
    let allowed = match place {
        Place::Section => IN_SECTION,
        Place::Actions => IN_ACTIONS,
        Place::Input => IN_INPUT,
    };
    if !allowed.contains(&kind) || (kind == "file_input" && surface != Surface::Modal) {
        return check.problem(at, &format!("unsupported element type here: {kind}"));
    }
    match kind {
        "image" => image(check, element, at),
        "button" => button(check, element, at),
        "overflow" => {
            check.fields(element, at, &["type", "action_id", "options", "confirm"], &["options"]);
            options(check, element, "options", at, (1, 5, Markup::Plain));
        }
        "static_select" | "multi_static_select" => static_select(check, element, at),
        "external_select" | "multi_external_select" => {
            let more = ["min_query_length", "initial_option", "initial_options", "max_selected_items"];
            check.fields(element, at, &[MENU, &more].concat(), &[]);
            options(check, element, "initial_options", at, (1, 100, Markup::Plain));
        }
        "radio_buttons" | "checkboxes" => choices(check, element, at),
        "datepicker" => picker(check, element, at, "initial_date", is_date),
        "timepicker" => picker(check, element, at, "initial_time", is_time),
        "datetimepicker" => date_time_picker(check, element, at),
        "plain_text_input" | "number_input" | "email_text_input" | "url_text_input" => {
            typed(check, element, at, kind);
        }
        _ => {}
    }
    check.filled_word(element, "action_id", at, 255);
    check.plain(element, "placeholder", at, 150);
    if let Some(question) = element.get("confirm") {
        confirm(check, question, &format!("{at}/confirm"));
    }
    if element.get("focus_on_load").and_then(Value::as_bool) == Some(true) {
        check.focused += 1;
    }
}

/// Checks a picture inside another block.
pub(super) fn image(check: &mut Check, element: &Value, at: &str) {
    check.fields(element, at, &["type", "image_url", "slack_file", "alt_text"], &["alt_text"]);
    check.filled_word(element, "image_url", at, 3000);
}

fn button(check: &mut Check, element: &Value, at: &str) {
    let known = ["type", "action_id", "text", "url", "value", "style", "confirm", "accessibility_label"];
    check.fields(element, at, &known, &["text"]);
    check.plain(element, "text", at, 75);
    check.word(element, "value", at, 2000);
    check.word(element, "url", at, 3000);
    check.word(element, "accessibility_label", at, 75);
    match element.get("style").map(Value::as_str) {
        None | Some(Some("primary" | "danger")) => {}
        Some(_) => check.problem(&format!("{at}/style"), "must be primary or danger"),
    }
}

fn confirm(check: &mut Check, question: &Value, at: &str) {
    let needed = ["title", "text", "confirm", "deny"];
    check.fields(question, at, &["title", "text", "confirm", "deny", "style"], &needed);
    check.plain(question, "title", at, 100);
    check.markup(question, "text", at, 300);
    check.plain(question, "confirm", at, 30);
    check.plain(question, "deny", at, 30);
}

fn static_select(check: &mut Check, element: &Value, at: &str) {
    let more = ["options", "option_groups", "initial_option", "initial_options", "max_selected_items"];
    check.fields(element, at, &[MENU, &more].concat(), &[]);
    if element.get("options").is_some() == element.get("option_groups").is_some() {
        check.problem(at, "exactly one of options and option_groups is needed");
    }
    options(check, element, "options", at, (1, 100, Markup::Plain));
    if let Some(groups) = element.get("option_groups") {
        let at = format!("{at}/option_groups");
        for (number, group) in check.items(groups, &at, 1, 100).iter().enumerate() {
            let at = format!("{at}/{number}");
            check.fields(group, &at, &["label", "options"], &["label", "options"]);
            check.plain(group, "label", &at, 75);
            options(check, group, "options", &at, (1, 100, Markup::Plain));
        }
    }
    initial_is_offered(check, element, at);
}

fn choices(check: &mut Check, element: &Value, at: &str) {
    let known =
        ["type", "action_id", "options", "initial_option", "initial_options", "confirm", "focus_on_load"];
    check.fields(element, at, &known, &["options"]);
    options(check, element, "options", at, (1, 10, Markup::Any));
    initial_is_offered(check, element, at);
}

fn initial_is_offered(check: &mut Check, element: &Value, at: &str) {
    let offered = super::state::options_of(element);
    let many =
        element.get("initial_options").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for initial in element.get("initial_option").into_iter().chain(many) {
        if !offered.contains(&initial) {
            check.problem(&format!("{at}/initial_option"), "must be one of the options, word for word");
        }
    }
}

fn options(
    check: &mut Check,
    element: &Value,
    name: &str,
    at: &str,
    (least, most, markup): (usize, usize, Markup),
) {
    let Some(found) = element.get(name) else { return };
    let at = format!("{at}/{name}");
    for (number, option) in check.items(found, &at, least, most).iter().enumerate() {
        one_option(check, option, &format!("{at}/{number}"), markup);
    }
}

/// Checks one option of a menu.
pub(super) fn one_option(check: &mut Check, option: &Value, at: &str, markup: Markup) {
    check.fields(option, at, &["text", "value", "description", "url"], &["text", "value"]);
    if let Some(text) = option.get("text") {
        check.text(text, &format!("{at}/text"), markup, 75);
    }
    check.filled_word(option, "value", at, 150);
    if let Some(text) = option.get("description") {
        check.text(text, &format!("{at}/description"), markup, 75);
    }
}

fn picker(check: &mut Check, element: &Value, at: &str, initial: &str, fits: fn(&str) -> bool) {
    check.fields(element, at, &[MENU, &[initial, "timezone"]].concat(), &[]);
    match element.get(initial).map(Value::as_str) {
        None => {}
        Some(Some(text)) if fits(text) => {}
        Some(_) => check.problem(&format!("{at}/{initial}"), "does not have the right format"),
    }
    if let Some(zone) = element.get("timezone").and_then(Value::as_str)
        && zone.parse::<chrono_tz::Tz>().is_err()
    {
        check.problem(&format!("{at}/timezone"), "must be a time zone of the IANA database");
    }
}

fn date_time_picker(check: &mut Check, element: &Value, at: &str) {
    let known = ["type", "action_id", "initial_date_time", "confirm", "focus_on_load"];
    check.fields(element, at, &known, &[]);
    let right =
        |value: &Value| value.as_i64().is_some_and(|at| (1_000_000_000..10_000_000_000).contains(&at));
    if element.get("initial_date_time").is_some_and(|value| !right(value)) {
        check.problem(&format!("{at}/initial_date_time"), "must be a time of ten digits");
    }
}

fn typed(check: &mut Check, element: &Value, at: &str, kind: &str) {
    let known = [
        "type", "action_id", "placeholder", "initial_value", "multiline", "min_length", "max_length",
        "focus_on_load", "dispatch_action_config", "is_decimal_allowed", "min_value", "max_value",
    ];
    let needed: &[&str] = if kind == "number_input" { &["is_decimal_allowed"] } else { &[] };
    check.fields(element, at, &known, needed);
    check.word(element, "initial_value", at, 3000);
    for name in ["min_length", "max_length"] {
        if element.get(name).is_some_and(|value| value.as_u64().is_none_or(|length| length > 3000)) {
            check.problem(&format!("{at}/{name}"), "must be a number up to 3000");
        }
    }
}

/// Tells whether a text is a date as pickers write it.
pub(crate) fn is_date(text: &str) -> bool {
    text.len() == 10 && chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

/// Tells whether a text is a time as pickers write it.
pub(crate) fn is_time(text: &str) -> bool {
    text.len() == 5 && chrono::NaiveTime::parse_from_str(text, "%H:%M").is_ok()
}
