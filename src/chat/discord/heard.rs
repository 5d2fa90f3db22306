//! What comes in over the gateway: interactions and messages become what a person did, with as little of Discord's JSON
//! as that needs. A click carries the whole message it was made on; none of that is read.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::commands;
use crate::chat::desk;
use crate::chat::press::{Act, Press};
use crate::config::secret::Secret;

/// The marks that tell lists and forms from buttons.
pub(super) const PICK: &str = "pick:";
pub(super) const FORM: &str = "form:";

/// Somebody in Discord.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Who {
    pub(super) user: String,
    /// The server it was done in; none in a direct message.
    pub(super) guild: Option<String>,
    pub(super) is_bot: bool,
    /// Whether somebody has not yet passed what the server asks of new members.
    pub(super) is_pending: bool,
}

/// What became of an acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ack {
    /// The answer comes later.
    Deferred,
    /// It was the answer.
    Answered,
    /// It did not get through.
    Lost,
}

/// Where an answer goes so that only the one who asked sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Way {
    /// As the answer to an interaction.
    Interaction {
        id: String,
        /// A secret: whoever has it can answer in our name.
        #[serde(serialize_with = "write_secret", deserialize_with = "read_secret")]
        token: Secret,
        /// Whether the answer takes the place of the message that was clicked on: nobody else sees that one.
        replaces: bool,
        #[serde(skip)]
        acked: Arc<OnceCell<Ack>>,
    },
    /// As an answer to a message.
    Message { channel: String, message: String, direct: bool },
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum What {
    /// Words were said.
    Words(String),
    /// A button was clicked.
    Press { name: String, value: String },
    /// Something was chosen from a list.
    Pick { name: String, about: String, value: String },
    /// A form was sent.
    Form { name: String, about: String, filled: Vec<(String, String)> },
    /// Something that another version of us has posted.
    Strange,
}

/// Something heard. It is written down until it is answered: a field that is added needs a default.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Heard {
    pub(super) who: Who,
    /// Discord's id of it.
    pub(super) key: String,
    pub(super) way: Way,
    pub(super) what: What,
    /// The message it was done on, or said below: `channel/message`.
    pub(super) on: Option<String>,
    /// The channel it was done in, which may be the thread of a card.
    pub(super) channel: Option<String>,
}

impl Heard {
    /// Whether the answer may be a form, which must be the first thing that is said.
    pub(super) fn may_open_a_form(&self) -> bool {
        let What::Press { name, value } = &self.what else { return false };
        match Press::from_wire(name, value) {
            Some(Press::About(act, _)) => matches!(act, Act::Other | Act::Decline | Act::Danger(_)),
            Some(Press::Fill(_)) => true,
            _ => false,
        }
    }
}

impl desk::Heard for Heard {
    fn person(&self) -> &str {
        &self.who.user
    }

    fn key(&self) -> &str {
        &self.key
    }

    fn kind(&self) -> &'static str {
        match self.what {
            What::Words(_) => "words",
            What::Press { .. } | What::Pick { .. } => "click",
            What::Form { .. } => "form",
            What::Strange => "strange",
        }
    }

    fn is_shown_acknowledged(&self) -> bool {
        false
    }

    fn is_pressing(&self) -> bool {
        self.may_open_a_form()
    }

    fn fails_unacknowledged(&self) -> bool {
        matches!(self.way, Way::Interaction { .. })
    }

    fn deed(&self) -> desk::Deed<'_> {
        match &self.what {
            What::Words(words) => desk::Deed::Said(words),
            What::Form { .. } => desk::Deed::Sent,
            What::Press { .. } | What::Pick { .. } | What::Strange => desk::Deed::Clicked,
        }
    }
}

/// In the book of what was heard, where it stays until the answer is out.
fn write_secret<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose())
}

fn read_secret<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    String::deserialize(from).map(Secret::new)
}

/// What came in.
#[derive(Debug)]
pub(super) enum Incoming {
    /// Something to be worked on.
    Heard(Box<Heard>),
    /// Something that is typed and has to be completed at once.
    Typing { who: Who, id: String, token: Secret, data: Value },
    /// Nothing that asks for an answer.
    Nothing,
    /// It cannot be read, and why, without a word of what it says.
    Unreadable(&'static str),
}

fn word(value: &Value, path: &[&str]) -> Option<String> {
    let found = path.iter().try_fold(value, |value, name| value.get(name))?;
    match found {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn truth(value: &Value, path: &[&str]) -> bool {
    path.iter().try_fold(value, |value, name| value.get(name)).and_then(Value::as_bool).unwrap_or(false)
}

/// Reads an interaction.
pub(super) fn interaction(value: &Value) -> Incoming {
    let Some(kind) = value.get("type").and_then(Value::as_u64) else {
        return Incoming::Unreadable("it has no type");
    };
    if kind == 1 {
        return Incoming::Nothing;
    }
    let in_guild = value.get("member").is_some_and(|member| !member.is_null());
    let at = |name: &'static str| if in_guild { vec!["member", "user", name] } else { vec!["user", name] };
    let (Some(id), Some(token), Some(user)) =
        (word(value, &["id"]), word(value, &["token"]), word(value, &at("id")))
    else {
        return Incoming::Unreadable("it does not say what it is or who did it");
    };
    let who = Who {
        user,
        guild: word(value, &["guild_id"]),
        is_bot: truth(value, &at("bot")),
        is_pending: truth(value, &["member", "pending"]),
    };
    let data = value.get("data").cloned().unwrap_or_default();
    let what = match kind {
        2 => commands::line_of(&data).map_or(What::Strange, What::Words),
        3 => component(&data),
        4 => return Incoming::Typing { who, id, token: Secret::new(token), data },
        5 => form(&data),
        _ => return Incoming::Unreadable("it is of a type that is not known"),
    };
    let message = word(value, &["message", "id"]);
    let channel = word(value, &["channel_id"]).or_else(|| word(value, &["channel", "id"]));
    let on = channel.as_ref().zip(message).map(|(channel, message)| format!("{channel}/{message}"));
    let ephemeral = value
        .get("message")
        .and_then(|message| message.get("flags")?.as_u64())
        .is_some_and(|flags| flags & 64 != 0);
    let way = Way::Interaction {
        id: id.clone(),
        token: Secret::new(token),
        replaces: ephemeral && kind == 3,
        acked: Arc::default(),
    };
    Incoming::Heard(Box::new(Heard {
        who,
        key: id,
        way,
        what,
        // What nobody else sees is no card.
        on: on.filter(|_| !ephemeral),
        channel,
    }))
}

/// The name and the value of a button, list or form: `approve#2|…`.
fn named(custom: &str) -> (&str, &str) {
    custom.split_once('|').unwrap_or((custom, ""))
}

fn component(data: &Value) -> What {
    let Some(custom) = data.get("custom_id").and_then(Value::as_str) else { return What::Strange };
    match custom.strip_prefix(PICK) {
        Some(list) => {
            let (name, about) = named(list);
            let chosen = data.get("values").and_then(|values| values.get(0)?.as_str());
            match chosen {
                Some(value) => What::Pick {
                    name: name.split('#').next().unwrap_or(name).to_owned(),
                    about: about.to_owned(),
                    value: value.to_owned(),
                },
                None => What::Strange,
            }
        }
        None => {
            let (name, value) = named(custom);
            What::Press { name: name.to_owned(), value: value.to_owned() }
        }
    }
}

fn form(data: &Value) -> What {
    let custom = data.get("custom_id").and_then(Value::as_str).unwrap_or_default();
    let Some(form) = custom.strip_prefix(FORM) else { return What::Strange };
    let (name, about) = named(form);
    let rows = data.get("components").and_then(Value::as_array).into_iter().flatten();
    let fields = rows.flat_map(|row| row.get("components").and_then(Value::as_array).into_iter().flatten());
    let filled = fields.filter_map(|field| Some((word(field, &["custom_id"])?, word(field, &["value"])?)));
    What::Form { name: name.to_owned(), about: about.to_owned(), filled: filled.collect() }
}

/// Reads a message; `bot` is our own user id. What does not mention us and is no direct message is nobody's business.
pub(super) fn message(value: &Value, bot: &str) -> Incoming {
    let (Some(id), Some(channel), Some(user)) =
        (word(value, &["id"]), word(value, &["channel_id"]), word(value, &["author", "id"]))
    else {
        return Incoming::Unreadable("it does not say what it is or who wrote it");
    };
    let is_bot = truth(value, &["author", "bot"]) || word(value, &["webhook_id"]).is_some();
    let guild = word(value, &["guild_id"]);
    let kind = value.get("type").and_then(Value::as_u64).unwrap_or_default();
    let text = word(value, &["content"]).unwrap_or_default();
    let mentions = [format!("<@{bot}>"), format!("<@!{bot}>")];
    let mentioned = mentions.iter().any(|mention| text.contains(mention.as_str()));
    // Messages and answers only: Discord tells of joined threads and pins in the same way.
    if is_bot || user == bot || !matches!(kind, 0 | 19) || (guild.is_some() && !mentioned) {
        return Incoming::Nothing;
    }
    let words = mentions.iter().fold(text, |text, mention| text.replace(mention.as_str(), " "));
    let below = word(value, &["message_reference", "message_id"]).map(|message| {
        format!(
            "{}/{message}",
            word(value, &["message_reference", "channel_id"]).unwrap_or_else(|| channel.clone())
        )
    });
    Incoming::Heard(Box::new(Heard {
        who: Who { user, guild: guild.clone(), is_bot, is_pending: truth(value, &["member", "pending"]) },
        key: id.clone(),
        way: Way::Message { channel: channel.clone(), message: id, direct: guild.is_none() },
        what: What::Words(words),
        on: below,
        channel: Some(channel),
    }))
}

/// The lines that were typed, without the marks of code around all of it.
pub(super) fn lines(text: &str) -> Vec<String> {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ':' | ',')).trim();
    let inside = |mark: &str| {
        let inside = text.strip_prefix(mark)?.strip_suffix(mark)?;
        (!inside.contains('`')).then_some(inside)
    };
    let text = inside("```").or_else(|| inside("`")).unwrap_or(text);
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| line.strip_prefix("/patch ").unwrap_or(line).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(value: &Value) -> Option<Heard> {
        match message(value, "1") {
            Incoming::Heard(heard) => Some(*heard),
            _ => None,
        }
    }

    #[test]
    fn a_mention_and_a_direct_message_are_heard_and_nothing_else_is() {
        let author = json!({"id": "7", "username": "ada"});
        let mention = json!({"id": "3", "channel_id": "2", "guild_id": "9", "author": author, "type": 0,
            "content": "<@1> status all"});
        let heard = said(&mention).unwrap();
        assert_eq!(heard.what, What::Words("  status all".to_owned()));
        assert_eq!(lines("  status all\n`why web01`\n"), ["status all", "`why web01`"]);
        assert_eq!(lines("```approve web01\napprove web02```"), ["approve web01", "approve web02"]);
        let chatter = json!({"id": "3", "channel_id": "2", "guild_id": "9", "author": author, "content": ""});
        assert!(said(&chatter).is_none());
        let direct = json!({"id": "3", "channel_id": "2", "author": author, "content": "help"});
        assert!(matches!(said(&direct).unwrap().way, Way::Message { direct: true, .. }));
        let bot =
            json!({"id": "3", "channel_id": "2", "author": {"id": "8", "bot": true}, "content": "help"});
        assert!(said(&bot).is_none());
        let joined = json!({"id": "3", "channel_id": "2", "author": author, "content": "help", "type": 7});
        assert!(said(&joined).is_none());
    }

    #[test]
    fn strange_interactions_are_told_apart_and_never_panic() {
        assert!(matches!(interaction(&json!({})), Incoming::Unreadable(_)));
        assert!(matches!(interaction(&json!({"type": 1})), Incoming::Nothing));
        let odd = json!({"type": 3, "id": "1", "token": "t", "user": {"id": "7"}, "data": {}});
        assert!(matches!(interaction(&odd), Incoming::Heard(heard) if heard.what == What::Strange));
        let unknown = json!({"type": 77, "id": "1", "token": "t", "user": {"id": "7"}});
        assert!(matches!(interaction(&unknown), Incoming::Unreadable(_)));
    }
}
