//! What the state is made of.

use chrono_tz::Tz;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How far a person belongs to the workspace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Membership {
    #[default]
    Full,
    MultiChannelGuest,
    SingleChannelGuest,
}

/// A user.
#[derive(Clone, Debug)]
pub(crate) struct PersonRow {
    pub(crate) id: String,
    pub(crate) handle: String,
    pub(crate) real_name: String,
    pub(crate) mail: Option<String>,
    pub(crate) zone: Tz,
    pub(crate) team: String,
    pub(crate) membership: Membership,
    pub(crate) administrator: bool,
    pub(crate) deactivated: bool,
    pub(crate) dm: Option<String>,
    /// The stack of modals on her screen, the visible one last.
    pub(crate) modals: Vec<String>,
    pub(crate) home: Option<String>,
    /// What a select with external options last offered her, by block and action id.
    pub(crate) offered: BTreeMap<(String, String), Vec<Value>>,
}

/// Who sees a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Public,
    Private,
    Dm(String),
}

/// A conversation.
#[derive(Clone, Debug)]
pub(crate) struct ChannelRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) members: BTreeSet<String>,
    pub(crate) has_app: bool,
    pub(crate) archived: bool,
    pub(crate) created: i64,
    pub(crate) posts: Vec<MessageRow>,
}

impl ChannelRow {
    pub(crate) fn named(id: &str, name: &str, created: i64) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            kind: Kind::Public,
            members: BTreeSet::new(),
            has_app: true,
            archived: false,
            created,
            posts: Vec::new(),
        }
    }

    pub(crate) fn dm(id: &str, person: &str, created: i64) -> Self {
        let mut row = Self::named(id, "directmessage", created);
        row.kind = Kind::Dm(person.to_owned());
        row.members.insert(person.to_owned());
        row
    }

    pub(crate) fn is_dm(&self) -> bool {
        matches!(self.kind, Kind::Dm(_))
    }

    /// Anyone who is a full member may look into a public channel without joining it.
    pub(crate) fn is_open_to(&self, person: Option<&PersonRow>) -> bool {
        self.kind == Kind::Public && person.is_some_and(|row| row.membership == Membership::Full)
    }

    /// The name that payloads carry: Slack does not tell the names of private conversations.
    pub(crate) fn told_name(&self) -> &str {
        match self.kind {
            Kind::Public => &self.name,
            Kind::Private => "privategroup",
            Kind::Dm(_) => "directmessage",
        }
    }
}

/// Who wrote a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    App { username: Option<String> },
    Person(String),
}

/// What a message said at one time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Saying {
    pub(crate) text: String,
    pub(crate) blocks: Vec<Value>,
    pub(crate) attachments: Vec<Value>,
}

/// A message.
#[derive(Clone, Debug)]
pub(crate) struct MessageRow {
    pub(crate) ts: String,
    pub(crate) channel: String,
    pub(crate) author: Author,
    pub(crate) thread: Option<String>,
    pub(crate) only_for: Option<String>,
    pub(crate) saying: Saying,
    pub(crate) metadata: Option<Value>,
    pub(crate) files: Vec<FileRow>,
    pub(crate) earlier: Vec<Saying>,
    pub(crate) edited: Option<String>,
    pub(crate) deleted: bool,
    pub(crate) touched: u64,
}

/// How far an upload has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Upload {
    Promised { secret: String, length: usize },
    Received,
    Complete,
}

/// A file.
#[derive(Clone, Debug)]
pub(crate) struct FileRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) alt: Option<String>,
    pub(crate) mime: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) upload: Upload,
    pub(crate) created: i64,
    pub(crate) shared_in: Vec<String>,
}

/// A modal or a home tab.
#[derive(Clone, Debug)]
pub(crate) struct ViewRow {
    pub(crate) id: String,
    pub(crate) person: String,
    pub(crate) definition: Value,
    /// block id → action id → value, as `state.values` has it.
    pub(crate) values: Map<String, Value>,
    pub(crate) hash: String,
    pub(crate) root: String,
    pub(crate) previous: Option<String>,
    pub(crate) errors: BTreeMap<String, String>,
    pub(crate) touched: u64,
}

/// A trigger id that was handed out.
#[derive(Clone, Debug)]
pub(crate) struct Trigger {
    pub(crate) person: String,
    pub(crate) issued: i64,
    pub(crate) exchanged: bool,
}

/// Where a response URL came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HookKind {
    Command,
    Action { message: String },
}

/// A response URL.
#[derive(Clone, Debug)]
pub(crate) struct Hook {
    pub(crate) kind: HookKind,
    pub(crate) channel: String,
    pub(crate) person: String,
    pub(crate) thread: Option<String>,
    pub(crate) issued: i64,
    pub(crate) uses: u32,
}

/// A websocket ticket.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) issued: i64,
    pub(crate) used: bool,
}

/// When and with what an envelope was acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Ack {
    pub(crate) after: Duration,
    pub(crate) payload: Option<Value>,
}

/// An envelope on its way.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) kind: &'static str,
    pub(crate) label: String,
    pub(crate) event: Option<String>,
    pub(crate) takes_payload: bool,
    pub(crate) socket: u64,
    pub(crate) attempt: u32,
    pub(crate) sent: Instant,
    pub(crate) ack: Option<Ack>,
    pub(crate) overdue: bool,
    pub(crate) excused: bool,
    pub(crate) waiter: Option<oneshot::Sender<Ack>>,
}

/// Something a person did that deserves an answer she can see.
#[derive(Clone, Debug)]
pub(crate) struct Interaction {
    pub(crate) label: String,
    pub(crate) person: String,
    pub(crate) place: String,
    pub(crate) since: u64,
    pub(crate) excused: bool,
}
