//! What is registered at Discord, made from the catalogue of commands, and how typed options become a line again.
//!
//! Discord takes at most 25 options of a command, and there are more commands than that. So what operators do stands in
//! the group `ops`, what somebody does about himself in the group `me`; `/patch say` takes any line as it is.

use patchbot_commands::{Arg, ArgKind, CATALOG, Effect, Spec, Surface};
use serde_json::{Value, json};

use crate::chat::form::Filled;

/// The command's name.
pub const COMMAND: &str = "patch";
/// The word for a line as it is.
const SAY: &str = "say";
/// So many characters may a description have.
const MOST_ABOUT: usize = 100;
const SUBCOMMAND: u8 = 1;
const GROUP: u8 = 2;
const STRING: u8 = 3;
const BOOLEAN: u8 = 5;

/// The group that a command stands in.
fn group_of(spec: &Spec) -> Option<&'static str> {
    match spec.effect {
        Effect::Operate => Some("ops"),
        Effect::Oneself => Some("me"),
        Effect::Read | Effect::Decide | Effect::Administer => None,
    }
}

fn in_chat() -> impl Iterator<Item = &'static Spec> {
    CATALOG.iter().copied().filter(|spec| spec.surfaces.contains(&Surface::Chat))
}

/// A text no longer than a description, cut at a word.
fn short(text: &str) -> String {
    if text.chars().count() <= MOST_ABOUT {
        return text.to_owned();
    }
    let mut kept = String::new();
    for word in text.split(' ') {
        if kept.chars().count().saturating_add(word.chars().count()) > MOST_ABOUT.saturating_sub(2) {
            break;
        }
        if !kept.is_empty() {
            kept.push(' ');
        }
        kept.push_str(word);
    }
    format!("{}…", kept.trim_end_matches([',', ';', ':', '.']))
}

/// The registration: what `PUT /applications/…/commands` takes.
#[must_use]
pub fn registration() -> Value {
    let mut options: Vec<Value> = in_chat().filter(|spec| group_of(spec).is_none()).map(subcommand).collect();
    for (group, about) in [("me", "What concerns yourself"), ("ops", "What operators do")] {
        let of_group: Vec<Value> =
            in_chat().filter(|spec| group_of(spec) == Some(group)).map(subcommand).collect();
        options.push(json!({"type": GROUP, "name": group, "description": about, "options": of_group}));
    }
    options.push(json!({
        "type": SUBCOMMAND, "name": SAY, "description": "Any line, word by word as in a mail",
        "options": [{"type": STRING, "name": "words", "description": "approve web01 web02, for example",
            "required": true, "max_length": patchbot_commands::MAX_LINE}],
    }));
    json!([{
        "name": COMMAND, "type": 1, "description": "Patching of your servers: look, decide, ask why",
        "contexts": [0, 1], "integration_types": [0], "options": options,
    }])
}

fn subcommand(spec: &Spec) -> Value {
    // What is needed has to stand first.
    let mut args: Vec<&Arg> = spec.args.iter().collect();
    args.sort_by_key(|arg| !arg.required);
    let options: Vec<Value> = args.into_iter().map(option).collect();
    json!({"type": SUBCOMMAND, "name": spec.name, "description": short(spec.about), "options": options})
}

fn option(arg: &Arg) -> Value {
    let mut option = json!({"name": arg.name, "description": short(arg.about), "required": arg.required});
    let more = match arg.kind {
        ArgKind::Flag => json!({"type": BOOLEAN}),
        ArgKind::Reason => json!({"type": STRING, "max_length": 300}),
        ArgKind::Servers
        | ArgKind::Server
        | ArgKind::Time
        | ArgKind::Quarter
        | ArgKind::Command
        | ArgKind::Zone => json!({"type": STRING, "autocomplete": true}),
        ArgKind::Words([]) => json!({"type": STRING}),
        ArgKind::Words(_) => json!({"type": STRING, "autocomplete": true}),
    };
    if let (Some(option), Value::Object(more)) = (option.as_object_mut(), more) {
        option.extend(more);
    }
    option
}

/// A line as it is typed in Discord: `/patch ops now web01 …` for `now web01 …`.
pub(super) fn typed(words: &str) -> String {
    let name = words.split(' ').next().unwrap_or_default();
    let group = patchbot_commands::spec_of(name).and_then(group_of);
    match group {
        Some(group) => format!("/{COMMAND} {group} {words}"),
        None => format!("/{COMMAND} {words}"),
    }
}

/// The subcommand of an interaction: its name and what stands in its options.
fn chosen(data: &Value) -> Option<(&str, &[Value])> {
    let mut option = data.get("options")?.get(0)?;
    if option.get("type")?.as_u64()? == u64::from(GROUP) {
        option = option.get("options")?.get(0)?;
    }
    let options = option.get("options").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    Some((option.get("name")?.as_str()?, options))
}

fn value_of(option: &Value) -> Option<String> {
    match option.get("value")? {
        Value::String(text) => Some(text.clone()),
        Value::Bool(true) => Some("yes".to_owned()),
        _ => None,
    }
}

/// The line that typed options say; nothing when another version has registered the command.
pub(super) fn line_of(data: &Value) -> Option<String> {
    let (name, options) = chosen(data)?;
    let filled: Vec<(&str, String)> = options
        .iter()
        .filter_map(|option| Some((option.get("name")?.as_str()?, value_of(option)?)))
        .collect();
    let value = |name: &str| filled.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str());
    if name == SAY {
        return Some(value("words").unwrap_or_default().to_owned());
    }
    let spec = in_chat().find(|spec| spec.name == name)?;
    Some(spec.line(value))
}

/// What is typed into the option that has to be completed, and what is in the others.
pub(super) fn wanted(data: &Value) -> Option<(ArgKind, String, Filled)> {
    let (name, options) = chosen(data)?;
    let spec = in_chat().find(|spec| spec.name == name)?;
    let focused =
        options.iter().find(|option| option.get("focused").and_then(Value::as_bool) == Some(true))?;
    let field = focused.get("name")?.as_str()?;
    let kind = spec.args.iter().find(|arg| arg.name == field)?.kind;
    let mut filled = Filled::default();
    for option in options {
        if let (Some(name), Some(value)) = (option.get("name").and_then(Value::as_str), value_of(option))
            && name != field
        {
            filled.put(name, vec![value]);
        }
    }
    Some((kind, value_of(focused).unwrap_or_default(), filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_name(options: &Value, name: &str) -> Value {
        let found = options.as_array().unwrap().iter().find(|option| option["name"] == name);
        found.unwrap_or_else(|| panic!("no option {name}")).clone()
    }

    #[test]
    fn everything_that_can_be_said_in_chat_is_registered_within_discords_limits() {
        let registration = registration();
        let command = &registration[0];
        let names = |options: &Value| -> Vec<String> {
            options.as_array().unwrap().iter().map(|o| o["name"].as_str().unwrap().to_owned()).collect()
        };
        for options in [
            &command["options"],
            &of_name(&command["options"], "me")["options"],
            &of_name(&command["options"], "ops")["options"],
        ] {
            assert!(options.as_array().unwrap().len() <= 25, "{}", options.as_array().unwrap().len());
        }
        let mut all = names(&command["options"]);
        all.extend(names(&of_name(&command["options"], "me")["options"]));
        all.extend(names(&of_name(&command["options"], "ops")["options"]));
        for spec in in_chat() {
            assert!(all.iter().any(|name| name == spec.name), "{}", spec.name);
        }
        // Discord counts the names, descriptions and values of a command: 8,000 at most.
        fn letters(value: &Value) -> usize {
            match value {
                Value::Object(map) => map
                    .iter()
                    .map(|(key, value)| match value {
                        Value::String(text) if key == "name" || key == "description" => text.chars().count(),
                        other => letters(other),
                    })
                    .sum(),
                Value::Array(all) => all.iter().map(letters).sum(),
                _ => 0,
            }
        }
        assert!(letters(command) <= 8_000, "{}", letters(command));
    }

    #[test]
    fn the_registration_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/discord-commands.json");
        let wanted = format!("{}\n", serde_json::to_string_pretty(&registration()).unwrap());
        if std::fs::read_to_string(path).unwrap_or_default() != wanted {
            std::fs::write(path, wanted).unwrap();
            panic!(
                "deploy/discord-commands.json was out of date and has been written anew; look at it and commit it"
            );
        }
    }

    #[test]
    fn typed_options_become_the_line_that_every_other_channel_understands() {
        let line = |options: Value| line_of(&json!({"name": "patch", "options": [options]})).unwrap();
        let moved = json!({"type": 1, "name": "move", "options": [
            {"type": 3, "name": "time", "value": "2026-12-10 20:00 UTC"},
            {"type": 3, "name": "servers", "value": "web01"},
            {"type": 3, "name": "reason", "value": "the \"big\" release"}]});
        let said = line(moved);
        assert!(patchbot_commands::parse(&said).is_ok(), "{said}");
        insta::assert_snapshot!(said, @r#"move web01 to 2026-12-10 20:00 UTC because "the \"big\" release""#);
        let now = json!({"type": 2, "name": "ops", "options": [{"type": 1, "name": "now", "options": [
            {"type": 3, "name": "server", "value": "web01"}, {"type": 3, "name": "reason", "value": "a hole"}]}]});
        insta::assert_snapshot!(line(now), @r#"now web01 because "a hole""#);
        let said = json!({"type": 1, "name": "say", "options": [{"type": 3, "name": "words", "value": "status all"}]});
        assert_eq!(line(said), "status all");
        assert_eq!(line(json!({"type": 1, "name": "help", "options": []})), "help");
        assert_eq!(line_of(&json!({"options": [{"type": 1, "name": "levitate"}]})), None);
        assert_eq!(typed("now web01"), "/patch ops now web01");
        assert_eq!(typed("approve web01"), "/patch approve web01");
    }
}
