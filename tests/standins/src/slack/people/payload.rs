//! What Slack tells the app about what a person did.

use super::person::Person;
use super::screen::Screen;
use crate::slack::api::{message_json, view_json};
use crate::slack::rows::{Hook, HookKind, Trigger};
use crate::slack::rules::{Interactive, initial_values};
use crate::slack::state::{Shared, State};
use serde_json::{Map, Value, json};

/// What every payload calls the token that nobody uses any more.
const VERIFICATION: &str = "standin-verification";

/// Hands out a trigger id.
pub(super) fn trigger(shared: &Shared, state: &mut State, person: &str) -> String {
    let issued = shared.clock.micros();
    let number = state.number();
    let id = format!("{issued}.{number}.{number:032x}");
    state.triggers.insert(id.clone(), Trigger { person: person.to_owned(), issued, exchanged: false });
    id
}

/// Hands out a response URL.
pub(super) fn response_url(shared: &Shared, state: &mut State, hook: Hook) -> String {
    let path = match hook.kind {
        HookKind::Command => "commands",
        HookKind::Action { .. } => "actions",
    };
    let number = state.number();
    let id = format!("{number}-{number:016x}");
    state.hooks.insert(id.clone(), hook);
    format!("{}/{path}/{}/{id}", shared.base, shared.settings.team)
}

/// Describes a person as interactive payloads do.
pub(super) fn user(state: &State, person: &str) -> Value {
    let row = state.people.get(person);
    let handle = row.map(|row| row.handle.as_str()).unwrap_or_default();
    let team = row.map(|row| row.team.as_str()).unwrap_or_default();
    json!({"id": person, "username": handle, "name": handle, "team_id": team})
}

/// Writes the payload of a slash command.
pub(super) fn slash(person: &Person, state: &mut State, place: &str, command: &str, text: &str) -> Value {
    let shared = person.shared();
    let hook = Hook {
        kind: HookKind::Command,
        channel: place.to_owned(),
        person: person.id.clone(),
        thread: None,
        issued: shared.clock.micros(),
        uses: 0,
    };
    let response_url = response_url(shared, state, hook);
    let trigger_id = trigger(shared, state, &person.id);
    let row = state.people.get(&person.id);
    let name = state.channels.get(place).map(|row| row.told_name().to_owned()).unwrap_or_default();
    json!({
        "token": VERIFICATION,
        "team_id": row.map(|row| row.team.clone()),
        "team_domain": shared.settings.domain,
        "channel_id": place,
        "channel_name": name,
        "user_id": person.id,
        "user_name": row.map(|row| row.handle.clone()),
        "command": command,
        "text": text,
        "api_app_id": shared.settings.app,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": trigger_id,
    })
}

/// Writes what all interactive payloads have in common.
fn envelope(person: &Person, state: &State, kind: &str) -> Map<String, Value> {
    let shared = person.shared();
    let fields = json!({
        "type": kind,
        "team": shared.team(),
        "user": user(state, &person.id),
        "api_app_id": shared.settings.app,
        "token": VERIFICATION,
        "enterprise": null,
        "is_enterprise_install": false,
    });
    fields.as_object().cloned().unwrap_or_default()
}

/// Adds where something was used: the message or the view, and what surrounds it.
fn surroundings(person: &Person, state: &State, screen: Screen<'_>, fields: &mut Map<String, Value>) {
    let shared = person.shared();
    match screen {
        Screen::Message(message) => {
            let ephemeral = message.is_ephemeral();
            let container = json!({"type": "message", "message_ts": message.ts(), "channel_id": message.channel(),
                "is_ephemeral": ephemeral});
            fields.insert("container".to_owned(), container);
            let name = state.channels.get(message.channel()).map(super::super::rows::ChannelRow::told_name);
            fields.insert("channel".to_owned(), json!({"id": message.channel(), "name": name}));
            // Slack does not keep ephemeral messages, so it cannot send them along.
            if let Some(row) = state.message(message.channel(), message.ts()).filter(|_| !ephemeral) {
                fields.insert("message".to_owned(), message_json(shared, row));
            }
        }
        Screen::Form(form) => {
            fields.insert("container".to_owned(), json!({"type": "view", "view_id": form.id()}));
            if let Some(row) = state.views.get(form.id()) {
                fields.insert("view".to_owned(), view_json(shared, row));
            }
        }
    }
}

/// Writes the payload of a click or a choice. `change` holds what the element was set to.
pub(super) fn block_actions(
    person: &Person,
    state: &mut State,
    screen: Screen<'_>,
    used: &Interactive<'_>,
    change: &Map<String, Value>,
) -> Value {
    let shared = person.shared();
    let mut fields = envelope(person, state, "block_actions");
    surroundings(person, state, screen, &mut fields);
    fields.insert("trigger_id".to_owned(), json!(trigger(shared, state, &person.id)));
    let values = match screen {
        Screen::Message(message) => {
            let hook = Hook {
                kind: HookKind::Action { message: message.ts().to_owned() },
                channel: message.channel().to_owned(),
                person: person.id.clone(),
                thread: message.thread().map(str::to_owned),
                issued: shared.clock.micros(),
                uses: 0,
            };
            fields.insert("response_url".to_owned(), json!(response_url(shared, state, hook)));
            let mut values = initial_values(message.blocks(), &Map::new());
            if let Some(block) = values.get_mut(used.block_id()).and_then(Value::as_object_mut) {
                let mut value = change.clone();
                value.insert("type".to_owned(), json!(used.kind()));
                block.insert(used.action_id().to_owned(), Value::Object(value));
            }
            values
        }
        Screen::Form(form) => state.views.get(form.id()).map(|row| row.values.clone()).unwrap_or_default(),
    };
    fields.insert("state".to_owned(), json!({"values": values}));
    let mut action = change.clone();
    for name in ["type", "action_id", "text", "value", "style"] {
        if let Some(value) = used.element.get(name) {
            action.insert(name.to_owned(), value.clone());
        }
    }
    action.insert("block_id".to_owned(), json!(used.block_id()));
    action.insert("action_ts".to_owned(), json!(state.ts(&shared.clock)));
    fields.insert("actions".to_owned(), json!([action]));
    Value::Object(fields)
}

/// Writes the payload that asks for the options of a select.
pub(super) fn block_suggestion(
    person: &Person,
    state: &State,
    screen: Screen<'_>,
    used: &Interactive<'_>,
    typed: &str,
) -> Value {
    let mut fields = envelope(person, state, "block_suggestion");
    surroundings(person, state, screen, &mut fields);
    fields.insert("action_id".to_owned(), json!(used.action_id()));
    fields.insert("block_id".to_owned(), json!(used.block_id()));
    fields.insert("value".to_owned(), json!(typed));
    Value::Object(fields)
}

/// Writes the payload of a form that was sent or closed.
pub(super) fn view_event(person: &Person, state: &mut State, kind: &str, view: &str) -> Value {
    let shared = person.shared();
    let mut fields = envelope(person, state, kind);
    if let Some(row) = state.views.get(view) {
        fields.insert("view".to_owned(), view_json(shared, row));
    }
    if kind == "view_submission" {
        fields.insert("trigger_id".to_owned(), json!(trigger(shared, state, &person.id)));
        fields.insert("response_urls".to_owned(), json!([]));
    } else {
        fields.insert("is_cleared".to_owned(), json!(false));
    }
    Value::Object(fields)
}

/// Wraps an event of the Events API. Gives its id too.
pub(super) fn event(shared: &Shared, state: &mut State, event: &Value) -> (String, Value) {
    let settings = &shared.settings;
    let id = format!("Ev{:08}", state.number());
    let payload = json!({
        "token": VERIFICATION,
        "team_id": settings.team,
        "context_team_id": settings.team,
        "api_app_id": settings.app,
        "event": event,
        "type": "event_callback",
        "event_id": id,
        "event_time": shared.clock.seconds(),
        "authorizations": [{"enterprise_id": null, "team_id": settings.team, "user_id": settings.bot_user,
            "is_bot": true, "is_enterprise_install": false}],
        "is_ext_shared_channel": false,
        "event_context": format!("4-{id}"),
    });
    (id, payload)
}
