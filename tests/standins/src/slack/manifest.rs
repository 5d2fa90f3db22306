//! An app's manifest as Slack takes it: its fields, their lengths, and what needs what.

use std::collections::BTreeSet;

use anyhow::{Context as _, bail};
use serde_json::Value;

/// What an app is, by its manifest.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) name: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) commands: BTreeSet<String>,
    pub(crate) events: BTreeSet<String>,
}

/// What a field holds.
#[derive(Clone, Copy)]
enum Kind {
    /// Text of at most so many characters.
    Text(usize),
    Truth,
    /// A list of at most so many.
    List(usize),
    Table,
}

/// Every field that there may be, and whether it must be: `*` stands for each entry of a list.
const FIELDS: &[(&str, Kind, bool)] = &[
    ("/_metadata", Kind::Table, false),
    ("/_metadata/major_version", Kind::Text(10), false),
    ("/_metadata/minor_version", Kind::Text(10), false),
    ("/display_information", Kind::Table, true),
    ("/display_information/name", Kind::Text(35), true),
    ("/display_information/description", Kind::Text(140), false),
    ("/display_information/long_description", Kind::Text(4_000), false),
    ("/display_information/background_color", Kind::Text(7), false),
    ("/features", Kind::Table, false),
    ("/features/app_home", Kind::Table, false),
    ("/features/app_home/home_tab_enabled", Kind::Truth, false),
    ("/features/app_home/messages_tab_enabled", Kind::Truth, false),
    ("/features/app_home/messages_tab_read_only_enabled", Kind::Truth, false),
    ("/features/bot_user", Kind::Table, false),
    ("/features/bot_user/display_name", Kind::Text(80), true),
    ("/features/bot_user/always_online", Kind::Truth, false),
    ("/features/slash_commands", Kind::List(50), false),
    ("/features/slash_commands/*", Kind::Table, false),
    ("/features/slash_commands/*/command", Kind::Text(32), true),
    ("/features/slash_commands/*/description", Kind::Text(2_000), true),
    ("/features/slash_commands/*/usage_hint", Kind::Text(1_000), false),
    ("/features/slash_commands/*/should_escape", Kind::Truth, false),
    ("/features/slash_commands/*/url", Kind::Text(3_000), false),
    ("/oauth_config", Kind::Table, false),
    ("/oauth_config/scopes", Kind::Table, false),
    ("/oauth_config/scopes/bot", Kind::List(255), false),
    ("/oauth_config/scopes/bot/*", Kind::Text(100), false),
    ("/settings", Kind::Table, false),
    ("/settings/event_subscriptions", Kind::Table, false),
    ("/settings/event_subscriptions/request_url", Kind::Text(3_000), false),
    ("/settings/event_subscriptions/bot_events", Kind::List(100), false),
    ("/settings/event_subscriptions/bot_events/*", Kind::Text(100), false),
    ("/settings/interactivity", Kind::Table, false),
    ("/settings/interactivity/is_enabled", Kind::Truth, true),
    ("/settings/interactivity/request_url", Kind::Text(3_000), false),
    ("/settings/org_deploy_enabled", Kind::Truth, false),
    ("/settings/socket_mode_enabled", Kind::Truth, false),
    ("/settings/token_rotation_enabled", Kind::Truth, false),
];

/// The scopes of bots, as far as an app like this one could want them.
const SCOPES: &[&str] = &[
    "app_mentions:read", "channels:history", "channels:join", "channels:manage", "channels:read",
    "chat:write", "chat:write.customize", "chat:write.public", "commands", "files:read", "files:write",
    "groups:history", "groups:read", "groups:write", "im:history", "im:read", "im:write", "mpim:history",
    "mpim:read", "mpim:write", "pins:read", "pins:write", "reactions:read", "reactions:write", "team:read",
    "usergroups:read", "users.profile:read", "users:read", "users:read.email", "users:write",
];

/// Events, each with the scope without which Slack does not take the subscription.
const EVENTS: &[(&str, Option<&str>)] = &[
    ("app_home_opened", None),
    ("app_mention", Some("app_mentions:read")),
    ("message.channels", Some("channels:history")),
    ("message.groups", Some("groups:history")),
    ("message.im", Some("im:history")),
    ("message.mpim", Some("mpim:history")),
    ("team_join", Some("users:read")),
    ("user_change", Some("users:read")),
];

/// Reads a manifest.
///
/// # Errors
/// With everything that is wrong with it, each with its place.
pub(crate) fn read(text: &str) -> anyhow::Result<App> {
    let manifest: Value = serde_saphyr::from_str(text).context("the manifest is no YAML")?;
    let mut wrong = Vec::new();
    known(&manifest, "", "", &mut wrong);
    required(&manifest, &mut wrong);
    let app = App {
        name: manifest.pointer("/display_information/name").and_then(Value::as_str).unwrap_or("").to_owned(),
        scopes: words(&manifest, "/oauth_config/scopes/bot"),
        commands: commands(&manifest, &mut wrong),
        events: words(&manifest, "/settings/event_subscriptions/bot_events"),
    };
    needed(&manifest, &app, &mut wrong);
    if wrong.is_empty() {
        return Ok(app);
    }
    bail!("Slack does not take this manifest:\n{}", wrong.join("\n"))
}

fn words(manifest: &Value, at: &str) -> BTreeSet<String> {
    let all = manifest.pointer(at).and_then(Value::as_array).into_iter().flatten();
    all.filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

/// Whether every field that is there may be there, and holds what it may hold.
fn known(value: &Value, place: &str, kind: &str, wrong: &mut Vec<String>) {
    let rule = FIELDS.iter().find(|(name, _, _)| *name == kind).map(|(_, kind, _)| *kind);
    match (rule, value) {
        (None, _) if !kind.is_empty() => return wrong.push(format!("{place}: there is no such field")),
        (Some(Kind::Text(most)), Value::String(text)) => {
            let letters = text.chars().count();
            if letters == 0 || letters > most {
                wrong.push(format!("{place}: has {letters} characters, and 1 to {most} are taken"));
            }
        }
        (Some(Kind::List(most)), Value::Array(all)) => {
            if all.len() > most {
                wrong.push(format!("{place}: holds {} entries, and at most {most} are taken", all.len()));
            }
        }
        (Some(Kind::Truth), Value::Bool(_)) | (Some(Kind::Table) | None, Value::Object(_)) => {}
        _ => wrong.push(format!("{place}: holds something else than it should")),
    }
    match value {
        Value::Object(fields) => {
            for (name, inside) in fields {
                known(inside, &format!("{place}/{name}"), &format!("{kind}/{name}"), wrong);
            }
        }
        Value::Array(all) => {
            for (number, inside) in all.iter().enumerate() {
                known(inside, &format!("{place}/{number}"), &format!("{kind}/*"), wrong);
            }
        }
        _ => {}
    }
}

/// Whether what must be there is there, wherever the table around it is.
fn required(manifest: &Value, wrong: &mut Vec<String>) {
    for (name, _, _) in FIELDS.iter().filter(|(name, _, must)| *must && !name.contains('*')) {
        let around = name.rsplit_once('/').map_or("", |(around, _)| around);
        if manifest.pointer(around).is_some() && manifest.pointer(name).is_none() {
            wrong.push(format!("{name}: is missing"));
        }
    }
}

fn commands(manifest: &Value, wrong: &mut Vec<String>) -> BTreeSet<String> {
    let all = manifest.pointer("/features/slash_commands").and_then(Value::as_array).into_iter().flatten();
    let mut names = BTreeSet::new();
    for command in all {
        let name = command.get("command").and_then(Value::as_str).unwrap_or_default();
        if !name.starts_with('/') || name.contains(' ') || name.chars().any(char::is_uppercase) {
            wrong.push(format!("/features/slash_commands: \"{name}\" is no name of a command"));
        }
        if command.get("description").is_none() {
            wrong.push(format!("/features/slash_commands: {name} has no description"));
        }
        if !names.insert(name.to_owned()) {
            wrong.push(format!("/features/slash_commands: {name} is there twice"));
        }
    }
    names
}

/// Whether what is wanted goes together.
fn needed(manifest: &Value, app: &App, wrong: &mut Vec<String>) {
    let is = |at: &str| manifest.pointer(at).and_then(Value::as_bool) == Some(true);
    for scope in app.scopes.iter().filter(|scope| !SCOPES.contains(&scope.as_str())) {
        wrong.push(format!("/oauth_config/scopes/bot: there is no scope {scope}"));
    }
    if !app.scopes.is_empty() && manifest.pointer("/features/bot_user").is_none() {
        wrong.push("/features/bot_user: is missing, and scopes of a bot are asked for".to_owned());
    }
    if !app.commands.is_empty() && !app.scopes.contains("commands") {
        wrong.push("/features/slash_commands: need the scope commands".to_owned());
    }
    for event in &app.events {
        match EVENTS.iter().find(|(name, _)| name == event) {
            None => wrong.push(format!("/settings/event_subscriptions: there is no event {event}")),
            Some((_, Some(scope))) if !app.scopes.contains(*scope) => {
                wrong.push(format!("/settings/event_subscriptions: {event} needs the scope {scope}"));
            }
            Some(_) => {}
        }
    }
    if is("/settings/socket_mode_enabled") {
        return;
    }
    if !app.events.is_empty() && manifest.pointer("/settings/event_subscriptions/request_url").is_none() {
        wrong.push("/settings/event_subscriptions/request_url: is missing without Socket Mode".to_owned());
    }
    if is("/settings/interactivity/is_enabled")
        && manifest.pointer("/settings/interactivity/request_url").is_none()
    {
        wrong.push("/settings/interactivity/request_url: is missing without Socket Mode".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
display_information: {name: patchbot}
features:
  bot_user: {display_name: patchbot}
  slash_commands: [{command: /patch, description: Patching}]
oauth_config: {scopes: {bot: [commands, im:history]}}
settings:
  event_subscriptions: {bot_events: [message.im]}
  socket_mode_enabled: true
";

    #[test]
    fn a_good_one_is_taken() {
        let app = read(GOOD).unwrap();
        assert_eq!(app.commands, BTreeSet::from(["/patch".to_owned()]));
    }

    #[test]
    fn what_slack_refuses_is_refused_with_its_place() {
        let refused = |from: &str, to: &str| read(&GOOD.replace(from, to)).unwrap_err().to_string();
        let lines = [
            refused("name: patchbot", "name: patchbot, colour: red"),
            refused("{name: patchbot}", "{description: Patches}"),
            refused("{name: patchbot}", &format!("{{name: {}}}", "x".repeat(36))),
            refused("command: /patch", "command: Patch"),
            refused("im:history", "im:hearsay"),
            refused("commands, ", ""),
            refused("[message.im]", "[message.channels, message.carrier_pigeon]"),
            refused("socket_mode_enabled: true", "socket_mode_enabled: false"),
            refused("  bot_user: {display_name: patchbot}\n", ""),
        ];
        let lines: Vec<String> =
            lines.iter().map(|told| told.lines().skip(1).collect::<Vec<_>>().join("\n")).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
