//! The vocabulary of the audit: what happened, to what, by whom, through which channel, with the state before and after.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::answer::Channel;
use super::ids::PersonId;

/// What an audit event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// An inventory file was applied.
    InventoryImported,
    /// A quarter was planned.
    QuarterPlanned,
    /// A decision about a window was taken.
    Decided,
    /// A request was understood and refused.
    Refused,
    /// The schedule of a window was locked.
    Locked,
    /// A window was not started.
    Missed,
    /// Pre-checks were made.
    Prechecked,
    /// A run began.
    RunStarted,
    /// A run took a step.
    RunStepped,
    /// A run ended.
    RunEnded,
    /// A mail came in and was not acted on.
    MailIgnored,
    /// A host was enrolled, its key pinned.
    Enrolled,
    /// An account was linked to a person, or a role given.
    IdentityLinked,
    /// All links to calendars ended.
    LinksRenewed,
    /// Somebody is away, or lets somebody else decide, or is back.
    StoodIn,
    /// A trade of two times was offered.
    SwapOffered,
    /// A quarter's windows were compared with the rules as they are.
    QuarterRechecked,
    /// A quarter turned a step further.
    QuarterTurned,
    /// It was asked to put a window off beyond its quarter.
    ExceptionAsked,
    /// That wish was taken back or refused.
    ExceptionDropped,
    /// A window was put off until now: its server is planned again.
    ExceptionEnded,
}

impl What {
    const ALL: [Self; 21] = [
        Self::InventoryImported,
        Self::QuarterPlanned,
        Self::Decided,
        Self::Refused,
        Self::Locked,
        Self::Missed,
        Self::Prechecked,
        Self::RunStarted,
        Self::RunStepped,
        Self::RunEnded,
        Self::MailIgnored,
        Self::Enrolled,
        Self::IdentityLinked,
        Self::LinksRenewed,
        Self::StoodIn,
        Self::SwapOffered,
        Self::QuarterRechecked,
        Self::QuarterTurned,
        Self::ExceptionAsked,
        Self::ExceptionDropped,
        Self::ExceptionEnded,
    ];

    /// The name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InventoryImported => "inventory_imported",
            Self::QuarterPlanned => "quarter_planned",
            Self::Decided => "decided",
            Self::Refused => "refused",
            Self::Locked => "locked",
            Self::Missed => "missed",
            Self::Prechecked => "prechecked",
            Self::RunStarted => "run_started",
            Self::RunStepped => "run_stepped",
            Self::RunEnded => "run_ended",
            Self::MailIgnored => "mail_ignored",
            Self::Enrolled => "enrolled",
            Self::IdentityLinked => "identity_linked",
            Self::LinksRenewed => "links_renewed",
            Self::StoodIn => "stood_in",
            Self::SwapOffered => "swap_offered",
            Self::QuarterRechecked => "quarter_rechecked",
            Self::QuarterTurned => "quarter_turned",
            Self::ExceptionAsked => "exception_asked",
            Self::ExceptionDropped => "exception_dropped",
            Self::ExceptionEnded => "exception_ended",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.as_str() == name)
    }
}

/// Who caused an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The person; absent when patchbot acted by itself, or nobody is known under the identity.
    pub person: Option<PersonId>,
    /// The name as it stood then: a person's, an address, `patchbot`.
    pub name: String,
    /// Through which channel.
    pub channel: Channel,
    /// What it came from, so that it can be looked up there: `sha256 …` of the raw mail or file, or a platform's name for
    /// the request; nothing for what was typed on this machine, whose words are all there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
}

impl Actor {
    /// Somebody who is no person in the database.
    #[must_use]
    pub fn outside(name: impl Into<String>, channel: Channel) -> Self {
        Self { person: None, name: name.into(), channel, input: None }
    }

    /// The same, because of this input.
    #[must_use]
    pub fn because_of(self, input: Option<String>) -> Self {
        Self { input, ..self }
    }

    /// patchbot itself, because a time had come.
    #[must_use]
    pub fn clock() -> Self {
        Self::outside("patchbot", Channel::Clock)
    }
}

/// One line of the audit. It is written in the transaction of the change it tells about, and never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: Actor,
    /// What.
    pub what: What,
    /// The server's name, or another subject.
    pub subject: String,
    /// The sentence for people.
    pub sentence: String,
    /// The words as they were said, or the raw input's hash.
    pub words: Option<String>,
    /// The state before, when there was one.
    pub before: Option<Value>,
    /// The state after.
    pub after: Option<Value>,
}

impl AuditEvent {
    /// Something that nobody said in words and that has no state before and after.
    #[must_use]
    pub fn new(
        at: DateTime<Utc>,
        actor: Actor,
        what: What,
        subject: impl Into<String>,
        sentence: impl Into<String>,
    ) -> Self {
        let (subject, sentence) = (subject.into(), sentence.into());
        Self { at, actor, what, subject, sentence, words: None, before: None, after: None }
    }

    /// What is sealed of this event as number `seq` behind the event with the hash `last`: everything it says, as one
    /// line of JSON with sorted keys.
    #[must_use]
    pub fn content(&self, seq: i64, last: &str) -> String {
        let mut content = json!({
            "seq": seq, "last": last, "at": self.at, "person": self.actor.person, "actor": self.actor.name,
            "channel": self.actor.channel, "what": self.what, "subject": self.subject, "sentence": self.sentence,
            "words": self.words, "before": self.before, "after": self.after,
        });
        // Lines that were sealed before inputs were kept say nothing of them.
        if let (Some(input), Some(content)) = (&self.actor.input, content.as_object_mut()) {
            content.insert("input".to_owned(), json!(input));
        }
        sorted(content).to_string()
    }
}

/// The same JSON with the keys of every object in order, whatever the database made of them.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> =
                map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(entries.into_iter().collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}
