//! What comes in over the websocket: envelopes become what a person did, with as little of Slack's JSON as that needs.
//!
//! A click carries the whole message it was made on. None of that is read: a kind of block that Slack invents must not
//! cost somebody's click.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::MessageRef;
use crate::chat::desk::Deed;

/// A frame of the websocket.
#[derive(Debug, PartialEq)]
pub(super) enum Frame {
    /// The connection stands.
    Hello,
    /// The connection will end.
    Disconnect {
        /// Slack's word for why.
        reason: String,
    },
    /// Something that wants to be acknowledged.
    Envelope {
        /// Its id.
        id: String,
        /// What it holds.
        heard: Box<Heard>,
    },
    /// Something that is not understood; acknowledged all the same, for it would never be understood better.
    Strange {
        /// The envelope's id, when it has one.
        id: Option<String>,
        /// What was not understood, without a word of what it says.
        why: String,
    },
}

/// What somebody did. It is written down until it is answered: a field that is added needs a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Heard {
    /// Words were said.
    Words {
        /// Who.
        who: Who,
        /// The words, as they were typed.
        text: String,
        /// Where the answer goes.
        way: Way,
        /// The message that it was said below.
        below: Option<MessageRef>,
        /// What tells this from every other: the same again is a redelivery.
        key: String,
    },
    /// A button was clicked, or something chosen from a list on a message.
    Click {
        /// Who.
        who: Who,
        /// The button's or list's `action_id`.
        action: String,
        /// The button's `value`, or what was chosen.
        value: String,
        /// Whether it is a list.
        chosen: bool,
        /// The message it is on.
        on: Option<MessageRef>,
        /// With this a form can be opened, for three seconds.
        trigger: String,
        /// Where the answer goes.
        way: Way,
        /// What tells this from every other: the same again is a redelivery.
        key: String,
    },
    /// A form was sent, or something in it was chosen that changes the rest of it.
    Form {
        /// Who.
        who: Who,
        /// Whether it was sent.
        sent: bool,
        /// What the form is: its `private_metadata`.
        about: String,
        /// What was filled in, field by field.
        filled: Vec<(String, Vec<String>)>,
        /// Where the answer goes.
        way: Way,
        /// What tells this from every other: the same again is a redelivery.
        key: String,
    },
    /// The app's home was opened.
    Home {
        /// Who.
        who: Who,
        /// What tells this from every other: the same again is a redelivery.
        key: String,
    },
    /// Something is typed into a field that is completed.
    Typing {
        /// Who.
        who: Who,
        /// The field.
        field: String,
        /// What was typed.
        typed: String,
    },
    /// Nothing that asks for an answer.
    Nothing,
}

/// Somebody in Slack.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Who {
    /// The workspace, when Slack says it.
    pub(super) team: Option<String>,
    /// The user's id.
    pub(super) user: String,
}

/// Where an answer goes so that only the one who asked sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Way {
    /// To the address that came with a command or a click; should that fail, into the channel.
    Address {
        /// The address: a secret.
        url: String,
        /// The channel.
        channel: Option<String>,
        /// Whether the answer takes the place of the message that was clicked on: nobody else sees that one.
        replaces: bool,
    },
    /// Into a channel, visible to one person.
    Channel {
        /// The channel.
        channel: String,
        /// The thread, when it was said in one.
        thread: Option<String>,
    },
    /// Into the conversation with the app.
    Direct {
        /// The conversation.
        channel: String,
        /// The thread, when it was said in one.
        thread: Option<String>,
    },
    /// Into the form that was sent, which is still open.
    View {
        /// The form.
        view: String,
    },
    /// To somebody who looks at the app's home.
    Home {
        /// With this a form can be opened, for three seconds.
        trigger: String,
    },
}

#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "type")]
    kind: String,
    envelope_id: Option<String>,
    #[serde(default)]
    payload: Value,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Command {
    team_id: Option<String>,
    user_id: String,
    channel_id: Option<String>,
    #[serde(default)]
    text: String,
    response_url: String,
    trigger_id: String,
}

#[derive(Deserialize)]
struct Interaction {
    user: User,
    team: Option<Id>,
    #[serde(default)]
    actions: Vec<Value>,
    channel: Option<Id>,
    container: Option<Container>,
    response_url: Option<String>,
    trigger_id: Option<String>,
    view: Option<View>,
    /// Of a field that is completed.
    #[serde(default)]
    block_id: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct User {
    id: String,
    team_id: Option<String>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
struct Action {
    action_id: String,
    value: Option<String>,
    selected_option: Option<Chosen>,
    #[serde(default)]
    action_ts: String,
}

#[derive(Deserialize)]
struct Chosen {
    value: String,
}

#[derive(Deserialize)]
struct Container {
    channel_id: Option<String>,
    message_ts: Option<String>,
    #[serde(default)]
    is_ephemeral: bool,
}

#[derive(Deserialize)]
struct View {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    hash: String,
    #[serde(default)]
    private_metadata: String,
    #[serde(default)]
    state: Value,
}

#[derive(Deserialize)]
struct Event {
    event_id: String,
    event: Inner,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(rename = "type")]
    kind: String,
    subtype: Option<String>,
    channel: Option<Value>,
    channel_type: Option<String>,
    user: Option<Value>,
    bot_id: Option<String>,
    user_team: Option<String>,
    source_team: Option<String>,
    team: Option<String>,
    text: Option<String>,
    thread_ts: Option<String>,
    tab: Option<String>,
}

/// Reads a frame; `bot` is our own user id.
pub(super) fn read(frame: &str, bot: &str) -> Frame {
    let raw: Raw = match serde_json::from_str(frame) {
        Ok(raw) => raw,
        Err(error) => {
            let why = format!("it is no envelope ({:?} in column {})", error.classify(), error.column());
            // Slack waits for the id, wherever the rest went wrong.
            let id = serde_json::from_str::<Value>(frame)
                .ok()
                .and_then(|value| value.get("envelope_id")?.as_str().map(str::to_owned));
            return Frame::Strange { id, why };
        }
    };
    match raw.kind.as_str() {
        "hello" => return Frame::Hello,
        "disconnect" => return Frame::Disconnect { reason: raw.reason.unwrap_or_default() },
        _ => {}
    }
    let Some(id) = raw.envelope_id else {
        return Frame::Strange { id: None, why: "it has no envelope id".to_owned() };
    };
    let heard = match raw.kind.as_str() {
        "slash_commands" => command(raw.payload),
        "interactive" => interaction(raw.payload),
        "events_api" => event(raw.payload, bot),
        kind => Err(format!("it is of a kind that is not known: {}", word(kind))),
    };
    match heard {
        Ok(heard) => Frame::Envelope { id, heard: Box::new(heard) },
        Err(why) => Frame::Strange { id: Some(id), why },
    }
}

/// Reads a payload. The reader's own errors quote what they find, so only the field's name is told.
fn typed<T: DeserializeOwned>(payload: Value, what: &str) -> Result<T, String> {
    let fields: Vec<String> = payload.as_object().into_iter().flatten().map(|(name, _)| word(name)).collect();
    serde_json::from_value(payload).map_err(|error| {
        let error = error.to_string();
        let missing = error.strip_prefix("missing field ").map(|rest| format!(", {} is missing", word(rest)));
        let fields = if fields.is_empty() { "nothing".to_owned() } else { fields.join(", ") };
        format!("{what} is not as expected{}; it has {fields}", missing.unwrap_or_default())
    })
}

/// A name from outside, short and harmless, for the log.
fn word(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')).take(60).collect()
}

fn command(payload: Value) -> Result<Heard, String> {
    let command: Command = typed(payload, "a command")?;
    Ok(Heard::Words {
        who: Who { team: command.team_id, user: command.user_id },
        text: command.text,
        way: Way::Address { url: command.response_url, channel: command.channel_id, replaces: false },
        below: None,
        key: format!("trigger {}", command.trigger_id),
    })
}

fn interaction(payload: Value) -> Result<Heard, String> {
    let kind = payload.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    match kind.as_str() {
        "block_actions" => click(typed(payload, "a click")?),
        "view_submission" => {
            let sent: Interaction = typed(payload, "a form")?;
            let who = who(&sent);
            let trigger = sent.trigger_id.unwrap_or_default();
            let Some(view) = sent.view else { return Err("a form without a view".to_owned()) };
            let key = format!("view {} {} {trigger}", view.id, view.hash);
            Ok(form(who, view, true, key))
        }
        "block_suggestion" => {
            let typing: Interaction = typed(payload, "something typed")?;
            Ok(Heard::Typing { who: who(&typing), field: typing.block_id, typed: typing.value })
        }
        _ => Ok(Heard::Nothing),
    }
}

fn who(interaction: &Interaction) -> Who {
    let team = interaction.user.team_id.clone();
    let team = team.or_else(|| interaction.team.as_ref().map(|team| team.id.clone()));
    Who { team, user: interaction.user.id.clone() }
}

fn form(who: Who, view: View, sent: bool, key: String) -> Heard {
    let filled =
        view.state.get("values").and_then(Value::as_object).into_iter().flatten().map(|(block, actions)| {
            let values = actions.as_object().into_iter().flatten().flat_map(|(_, value)| values_of(value));
            (block.clone(), values.collect())
        });
    Heard::Form {
        who,
        sent,
        about: view.private_metadata,
        filled: filled.collect(),
        way: Way::View { view: view.id },
        key,
    }
}

/// What an element of a form holds.
fn values_of(element: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let option = |value: &Value| value.get("value").and_then(text);
    let get = |name: &str| element.get(name).filter(|value| !value.is_null());
    let one = get("value")
        .and_then(text)
        .or_else(|| get("selected_date").and_then(text))
        .or_else(|| get("selected_time").and_then(text))
        .or_else(|| get("selected_option").and_then(option));
    match one {
        Some(one) => vec![one],
        None => get("selected_options")
            .and_then(Value::as_array)
            .map(|options| options.iter().filter_map(option).collect())
            .unwrap_or_default(),
    }
}

fn click(click: Interaction) -> Result<Heard, String> {
    let who = who(&click);
    let trigger = click.trigger_id.unwrap_or_default();
    let Some(action) = click.actions.into_iter().next() else { return Ok(Heard::Nothing) };
    let action: Action = typed(action, "a click")?;
    let key = format!("trigger {trigger} {}", action.action_ts);
    if let Some(view) = click.view {
        if view.kind == "modal" {
            return Ok(form(who, view, false, key));
        }
        let (value, chosen) = pressed(&action);
        let way = Way::Home { trigger: trigger.clone() };
        return Ok(Heard::Click {
            who,
            action: action.action_id,
            value,
            chosen,
            on: None,
            trigger,
            way,
            key,
        });
    }
    let (value, chosen) = pressed(&action);
    let hidden = click.container.as_ref().is_some_and(|container| container.is_ephemeral);
    let channel = click.channel.map(|channel| channel.id);
    let on = click.container.filter(|container| !container.is_ephemeral).and_then(|container| {
        let channel = container.channel_id.or_else(|| channel.clone())?;
        Some(MessageRef { channel, ts: container.message_ts? })
    });
    let way = match (click.response_url, channel) {
        (Some(url), channel) => Way::Address { url, channel, replaces: hidden },
        (None, Some(channel)) => Way::Channel { channel, thread: None },
        (None, None) => return Err("a click has neither an address for the answer nor a channel".to_owned()),
    };
    Ok(Heard::Click { who, action: action.action_id, value, chosen, on, trigger, way, key })
}

/// What a button carries, or what was chosen from a list.
fn pressed(action: &Action) -> (String, bool) {
    match &action.selected_option {
        Some(chosen) => (chosen.value.clone(), true),
        None => (action.value.clone().unwrap_or_default(), false),
    }
}

fn event(payload: Value, bot: &str) -> Result<Heard, String> {
    let Event { event_id, event } = typed(payload, "an event")?;
    let key = format!("event {event_id}");
    let team = event.user_team.clone().or_else(|| event.source_team.clone()).or_else(|| event.team.clone());
    if event.kind == "app_home_opened" {
        return Ok(match event.user {
            Some(Value::String(user)) if event.tab.as_deref().is_none_or(|tab| tab == "home") => {
                Heard::Home { who: Who { team, user }, key }
            }
            _ => Heard::Nothing,
        });
    }
    // A file may come with words; every other subtype is an edit, a deletion or something a program did.
    let said = matches!(event.subtype.as_deref(), None | Some("file_share")) && event.bot_id.is_none();
    let (Some(Value::String(user)), Some(Value::String(channel)), Some(text)) =
        (event.user, event.channel, event.text)
    else {
        return Ok(Heard::Nothing);
    };
    if !said || user == bot {
        return Ok(Heard::Nothing);
    }
    let below = event.thread_ts.clone().map(|ts| MessageRef { channel: channel.clone(), ts });
    let way = match (event.kind.as_str(), event.channel_type.as_deref()) {
        ("app_mention", _) => Way::Channel { channel, thread: event.thread_ts },
        ("message", Some("im")) => Way::Direct { channel, thread: event.thread_ts },
        _ => return Ok(Heard::Nothing),
    };
    Ok(Heard::Words { who: Who { team, user }, text, way, below, key })
}

impl crate::chat::desk::Heard for Heard {
    fn person(&self) -> &str {
        match self {
            Self::Words { who, .. }
            | Self::Click { who, .. }
            | Self::Form { who, .. }
            | Self::Home { who, .. }
            | Self::Typing { who, .. } => &who.user,
            Self::Nothing => "",
        }
    }

    fn key(&self) -> &str {
        match self {
            Self::Words { key, .. }
            | Self::Click { key, .. }
            | Self::Form { key, .. }
            | Self::Home { key, .. } => key,
            Self::Typing { .. } | Self::Nothing => "",
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Words { .. } => "words",
            Self::Click { .. } => "click",
            Self::Form { .. } => "form",
            Self::Home { .. } => "home",
            Self::Typing { .. } => "typing",
            Self::Nothing => "nothing",
        }
    }

    /// A form that was sent says that it is worked on.
    fn is_shown_acknowledged(&self) -> bool {
        matches!(self, Self::Form { sent: true, .. })
    }

    /// A form can be opened for three seconds only; and what is chosen in one changes what is on the screen.
    fn is_pressing(&self) -> bool {
        match self {
            Self::Click { action, chosen: false, .. } => opens_a_form(action),
            Self::Form { sent, .. } => !sent,
            Self::Click { .. }
            | Self::Words { .. }
            | Self::Home { .. }
            | Self::Typing { .. }
            | Self::Nothing => false,
        }
    }

    /// An event comes again instead.
    fn fails_unacknowledged(&self) -> bool {
        match self {
            Self::Words { .. } => self.is_by_command(),
            Self::Click { .. } | Self::Form { .. } => true,
            Self::Home { .. } | Self::Typing { .. } | Self::Nothing => false,
        }
    }

    fn deed(&self) -> Deed<'_> {
        match self {
            Self::Words { text, .. } => Deed::Said(text),
            Self::Form { .. } => Deed::Sent,
            Self::Click { .. } | Self::Home { .. } | Self::Typing { .. } | Self::Nothing => Deed::Clicked,
        }
    }
}

impl Heard {
    /// Whether it was said with the slash command.
    pub(super) fn is_by_command(&self) -> bool {
        matches!(self, Self::Words { key, .. } if key.starts_with("trigger"))
    }
}

/// Whether a button of this name opens a form.
fn opens_a_form(action: &str) -> bool {
    let name = action.split_once('#').map_or(action, |(name, _)| name);
    matches!(name, "move" | "other" | "decline" | "choose" | "fill")
        || crate::domain::request::Verb::from_name(name).is_some()
}

#[cfg(test)]
mod tests;
