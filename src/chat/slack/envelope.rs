//! What comes in over the websocket: envelopes become what a person did, with as little of Slack's JSON as that needs.
//!
//! A click carries the whole message it was made on. None of that is read: a kind of block that Slack invents must not
//! cost somebody's click.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::MessageRef;

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
        heard: Heard,
    },
    /// Something that is not understood; acknowledged all the same, for it would never be understood better.
    Strange {
        /// The envelope's id, when it has one.
        id: Option<String>,
        /// What was not understood, without a word of what it says.
        why: String,
    },
}

/// What somebody did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// Words were said.
    Words {
        /// Who.
        who: Who,
        /// The words, as they were typed.
        text: String,
        /// Where the answer goes.
        way: Way,
        /// What tells this from every other: the same again is a redelivery.
        key: String,
    },
    /// A button was clicked.
    Click {
        /// Who.
        who: Who,
        /// The button's `action_id`.
        action: String,
        /// The button's `value`.
        value: String,
        /// The message it is on.
        on: Option<MessageRef>,
        /// Where the answer goes.
        way: Way,
        /// What tells this from every other: the same again is a redelivery.
        key: String,
    },
    /// Nothing that asks for an answer.
    Nothing,
}

/// Somebody in Slack.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Who {
    /// The workspace, when Slack says it.
    pub(super) team: Option<String>,
    /// The user's id.
    pub(super) user: String,
}

/// Where an answer goes so that only the one who asked sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// To the address that came with a command or a click; should that fail, into the channel.
    Address {
        /// The address: a secret.
        url: String,
        /// The channel.
        channel: Option<String>,
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
struct Actions {
    user: User,
    team: Option<Id>,
    actions: Vec<Action>,
    channel: Option<Id>,
    container: Option<Container>,
    response_url: Option<String>,
    trigger_id: String,
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
    #[serde(default)]
    value: String,
    #[serde(default)]
    action_ts: String,
}

#[derive(Deserialize)]
struct Container {
    channel_id: Option<String>,
    message_ts: Option<String>,
    #[serde(default)]
    is_ephemeral: bool,
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
        Ok(heard) => Frame::Envelope { id, heard },
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
        way: Way::Address { url: command.response_url, channel: command.channel_id },
        key: format!("trigger {}", command.trigger_id),
    })
}

fn interaction(payload: Value) -> Result<Heard, String> {
    if payload.get("type").and_then(Value::as_str) != Some("block_actions") {
        return Ok(Heard::Nothing);
    }
    let click: Actions = typed(payload, "a click")?;
    let Some(action) = click.actions.into_iter().next() else { return Ok(Heard::Nothing) };
    let container = click.container.filter(|container| !container.is_ephemeral);
    let channel = click.channel.map(|channel| channel.id);
    let on = container.and_then(|container| {
        let channel = container.channel_id.or_else(|| channel.clone())?;
        Some(MessageRef { channel, ts: container.message_ts? })
    });
    let who = Who { team: click.user.team_id.or(click.team.map(|team| team.id)), user: click.user.id };
    let way = match (click.response_url, channel) {
        (Some(url), channel) => Way::Address { url, channel },
        (None, Some(channel)) => Way::Channel { channel, thread: None },
        (None, None) => return Err("a click has neither an address for the answer nor a channel".to_owned()),
    };
    let key = format!("trigger {} {}", click.trigger_id, action.action_ts);
    Ok(Heard::Click { who, action: action.action_id, value: action.value, on, way, key })
}

fn event(payload: Value, bot: &str) -> Result<Heard, String> {
    let Event { event_id, event } = typed(payload, "an event")?;
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
    let way = match (event.kind.as_str(), event.channel_type.as_deref()) {
        ("app_mention", _) => Way::Channel { channel, thread: event.thread_ts },
        ("message", Some("im")) => Way::Direct { channel, thread: event.thread_ts },
        _ => return Ok(Heard::Nothing),
    };
    Ok(Heard::Words {
        who: Who { team: event.user_team.or(event.source_team).or(event.team), user },
        text,
        way,
        key: format!("event {event_id}"),
    })
}

#[cfg(test)]
mod tests;
