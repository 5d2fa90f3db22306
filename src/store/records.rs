//! Rows that are not domain types: leases, due work, outbox, inbox, tokens, runs as they are kept.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::domain::answer::Channel;
use crate::domain::decision::Decided;
use crate::domain::ids::{DecisionId, InboxId, NoticeId, PersonId, Revision, RunId, ServerId, WindowId};
use crate::domain::inbound::{Outcome, Stage};
use crate::domain::message::{Message, ShownWindow};
use crate::domain::quarter::Quarter;
use crate::domain::run::{RunPlan, RunState, Step};
use crate::domain::timeline::{Due, Event};
use crate::domain::undo::Before;
use crate::domain::zone_check::ZoneCheck;

/// What a due row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A window.
    Window(WindowId),
    /// An owner in a quarter.
    Owner(PersonId),
}

impl Subject {
    pub(super) fn parts(self) -> (&'static str, Uuid) {
        match self {
            Self::Window(id) => ("window", id.0),
            Self::Owner(id) => ("owner", id.0),
        }
    }
}

/// The right to work on a row until a time. Only the store makes one, by claiming; a write under a lease that was
/// taken over is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub(super) owner: String,
    pub(super) epoch: i64,
    /// Until when.
    pub until: DateTime<Utc>,
}

/// Due work that was claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// What it is about.
    pub subject: Subject,
    /// In which quarter.
    pub quarter: Quarter,
    /// What fell due, and when it was meant to be.
    pub due: Due,
    /// The right to do it.
    pub lease: Lease,
}

/// How a claim is made: by whom, when, until when, how many.
#[derive(Debug, Clone)]
pub struct Claim<'a> {
    /// The claiming instance's name.
    pub owner: &'a str,
    /// The present instant.
    pub now: DateTime<Utc>,
    /// Until when the lease holds.
    pub until: DateTime<Utc>,
    /// At most so many rows.
    pub most: i64,
}

/// A decision as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRow {
    /// Its id.
    pub id: DecisionId,
    /// About which window.
    pub window: WindowId,
    /// Of which revision after it.
    pub revision: Revision,
    /// Who, if a person.
    pub person: Option<PersonId>,
    /// The name as it stood then.
    pub decided_by: String,
    /// Through which channel.
    pub channel: Channel,
    /// What.
    pub decided: Decided,
    /// The platform's name for the request that led to it.
    pub request: Option<String>,
    /// The words.
    pub words: Option<String>,
    /// The reason given.
    pub reason: Option<String>,
    /// The sentence.
    pub sentence: String,
    /// When.
    pub decided_at: DateTime<Utc>,
    /// The window before it; absent for decisions that were taken before this was kept.
    pub before: Option<Before>,
    /// The window's version after it.
    pub version: Option<i64>,
}

/// A run as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// The plan and policy as they were when it began.
    pub plan: RunPlan,
    /// Where it stands.
    pub state: RunState,
    /// What is told at its end: packages, kernel, differences.
    pub report: Option<Value>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// A step of a run as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRow {
    /// The run.
    pub run: RunId,
    /// From 1.
    pub number: i64,
    /// Which step.
    pub step: Step,
    /// Written before its effect.
    pub started_at: DateTime<Utc>,
    /// Written after its effect.
    pub ended_at: Option<DateTime<Utc>>,
    /// What came of it, in a sentence.
    pub outcome: Option<String>,
}

/// Why facts were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Before the window: weeks and days as a rehearsal, then hours.
    Precheck,
    /// In the run, before the installation: the baseline.
    Before,
    /// In the run, at its end.
    After,
    /// Because somebody asked.
    Probe,
}

impl Purpose {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Precheck => "precheck",
            Self::Before => "before",
            Self::After => "after",
            Self::Probe => "probe",
        }
    }
}

/// Facts taken from a host, and what was found in them. Findings and facts are kept as JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct PrecheckRow {
    /// Its id.
    pub id: Uuid,
    /// The server.
    pub server: ServerId,
    /// The window, when one was near.
    pub window: Option<WindowId>,
    /// The run, when it was in one.
    pub run: Option<RunId>,
    /// Why.
    pub purpose: Purpose,
    /// When.
    pub taken_at: DateTime<Utc>,
    /// Whether a finding blocks.
    pub blocked: bool,
    /// The findings.
    pub findings: Value,
    /// The facts; absent when the host did not answer.
    pub facts: Option<Value>,
    /// The load of the last five minutes, in thousandths per CPU.
    pub load_milli: Option<i64>,
    /// Whether the host waited for a reboot.
    pub reboot_pending: Option<bool>,
}

/// How long a run that ended well took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Took {
    /// The server.
    pub server: ServerId,
    /// Its operating system then, folded.
    pub system: Option<String>,
    /// From its start to its end.
    pub time: chrono::TimeDelta,
}

/// A member of a service, with its window in a quarter.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberRow {
    /// The server.
    pub server: crate::domain::server::Server,
    /// Its window, when it has one.
    pub window: Option<crate::domain::window::Window>,
}

/// Windows of a group that are at the same time in the same environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanRow {
    /// The environment, folded.
    pub environment: Option<String>,
    /// From when to when; absent for those without a time.
    pub span: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// How many.
    pub count: u32,
    /// The name of one of them.
    pub name: String,
}

/// The windows of a group that are in one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRow {
    /// The state.
    pub state: String,
    /// The name of one of them.
    pub name: String,
    /// The latest end.
    pub ends_at: Option<DateTime<Utc>>,
}

/// Who decides for whom, or is away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandInRow {
    /// Its id.
    pub id: Uuid,
    /// The owner.
    pub person: PersonId,
    /// Who decides in the owner's place; nobody when the owner is only away.
    pub by: Option<PersonId>,
    /// About one server only.
    pub server: Option<ServerId>,
    /// Whether the owner is away.
    pub away: bool,
    /// From when.
    pub starts_at: DateTime<Utc>,
    /// Until when.
    pub ends_at: DateTime<Utc>,
    /// Why.
    pub reason: Option<String>,
}

/// An offer to trade two slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwapRow {
    /// Its id.
    pub id: Uuid,
    /// The window of who asks, and the revision then.
    pub mine: (WindowId, Revision),
    /// The window asked for, and the revision then.
    pub theirs: (WindowId, Revision),
    /// Who asks.
    pub asked_by: PersonId,
    /// Through which channel.
    pub channel: Channel,
    /// When.
    pub asked_at: DateTime<Utc>,
    /// Until when it can be accepted.
    pub expires_at: DateTime<Utc>,
}

/// A window that is asked to be put off beyond its quarter, or is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceptionRow {
    /// Its id.
    pub id: Uuid,
    /// The window.
    pub window: WindowId,
    /// The last day of the exception.
    pub ends_on: chrono::NaiveDate,
    /// Why.
    pub reason: String,
    /// Who asked.
    pub asked_by: PersonId,
    /// When.
    pub asked_at: DateTime<Utc>,
    /// Who granted it.
    pub granted_by: Option<PersonId>,
    /// When.
    pub granted_at: Option<DateTime<Utc>>,
}

/// A message that is put into the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct NewNotification {
    /// Its id, which is also in the mail's Message-ID.
    pub id: NoticeId,
    /// `mail` or a chat platform.
    pub medium: Medium,
    /// An address, or a chat channel.
    pub recipient: String,
    /// The notice's or message's name.
    pub kind: &'static str,
    /// The person it is for.
    pub person: Option<PersonId>,
    /// The window it is about, when it is one.
    pub window: Option<WindowId>,
    /// The same key is never sent twice.
    pub dedupe_key: String,
    /// What it says.
    pub message: Message,
    /// When it was put there.
    pub created_at: DateTime<Utc>,
}

/// Through what a message is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Medium {
    /// SMTP.
    Mail,
    /// Slack.
    Slack,
    /// Discord.
    Discord,
}

impl Medium {
    /// The name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Slack => "slack",
            Self::Discord => "discord",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Mail, Self::Slack, Self::Discord].into_iter().find(|medium| medium.as_str() == name)
    }
}

/// A message of the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// Its id.
    pub id: NoticeId,
    /// Through what it is delivered.
    pub medium: Medium,
    /// To whom.
    pub recipient: String,
    /// The person it is for.
    pub person: Option<PersonId>,
    /// The window it is about.
    pub window: Option<WindowId>,
    /// What it says.
    pub message: Message,
    /// How often delivery was tried before.
    pub attempts: i64,
    /// When it was put there.
    pub created_at: DateTime<Utc>,
}

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// It is out.
    Sent {
        /// The Message-ID, or the chat message.
        message_id: Option<String>,
    },
    /// Not now, and not because anything failed: the platform, or the reader, wants to be left alone until then.
    Waits {
        /// Until when.
        until: DateTime<Utc>,
    },
    /// To be tried again.
    Later {
        /// Not before.
        at: DateTime<Utc>,
        /// Why.
        why: String,
    },
    /// Not sent, because what it says is not true any more.
    Superseded {
        /// Why.
        why: String,
    },
    /// Given up; an operator has to look.
    Parked {
        /// Why.
        why: String,
    },
}

/// A line of the outbox as a person sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// Through what.
    pub medium: String,
    /// To whom.
    pub recipient: String,
    /// Which notice.
    pub kind: String,
    /// `waiting`, `sent`, `parked`.
    pub state: String,
    /// When it was put there.
    pub created_at: DateTime<Utc>,
    /// When it went out.
    pub sent_at: Option<DateTime<Utc>>,
    /// The last failure.
    pub last_error: Option<String>,
}

/// What a reply token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyToken {
    /// SHA-256 of the token, in hex.
    pub hash: String,
    /// The person it was mailed to.
    pub person: PersonId,
    /// The mail it was in.
    pub notification: NoticeId,
    /// The windows that the mail showed.
    pub windows: Vec<ShownWindow>,
    /// After this it decides nothing.
    pub expires_at: DateTime<Utc>,
    /// When a decision was taken with it, or with another token of the same mail.
    pub used_at: Option<DateTime<Utc>>,
    /// The commands that the mail asks to be confirmed, in their exact words.
    pub confirms: Vec<String>,
}

/// A mail as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMail<'a> {
    /// Its id.
    pub id: InboxId,
    /// The mailbox it was fetched from.
    pub mailbox: &'a str,
    /// The mailbox's UIDVALIDITY.
    pub uidvalidity: i64,
    /// Its UID.
    pub uid: i64,
    /// Its Message-ID, when it has one.
    pub message_id: Option<&'a str>,
    /// SHA-256 of the raw message, in hex.
    pub hash: &'a str,
    /// The raw message.
    pub raw: &'a [u8],
    /// When it was fetched.
    pub received_at: DateTime<Utc>,
    /// Why it is set aside at once and never read, in a sentence.
    pub set_aside: Option<&'a str>,
}

/// A mail that waits to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxMail {
    /// Its id.
    pub id: InboxId,
    /// The raw message.
    pub raw: Vec<u8>,
    /// Its hash.
    pub hash: String,
    /// Its Message-ID, when it has one.
    pub message_id: Option<String>,
    /// How often reading was tried before.
    pub attempts: i64,
    /// When it was fetched.
    pub received_at: DateTime<Utc>,
    /// The right to read it.
    pub lease: Lease,
}

/// How the reading of a mail ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailOutcome {
    /// How.
    pub outcome: Outcome,
    /// At which stage.
    pub stage: Stage,
    /// Why, in a sentence.
    pub reason: String,
    /// The address in From, when there is one.
    pub sender: Option<String>,
    /// The person, when it is a known one.
    pub person: Option<PersonId>,
}

/// A line of the inbox as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its id.
    pub id: InboxId,
    /// When it was fetched.
    pub received_at: DateTime<Utc>,
    /// The address in From.
    pub sender: Option<String>,
    /// How reading it ended; `new` before.
    pub outcome: String,
    /// The stage it ended at.
    pub stage: Option<Stage>,
    /// Why.
    pub reason: Option<String>,
}

/// What a host told of its zone and clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneCheckRow {
    /// The server.
    pub server: ServerId,
    /// When it was asked.
    pub checked_at: DateTime<Utc>,
    /// The zone that the inventory declared then.
    pub declared: chrono_tz::Tz,
    /// What came of it.
    pub check: ZoneCheck,
}

/// What is known about reaching a person by mail.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reachability {
    /// Since when mail to the person comes back.
    pub unreachable_since: Option<DateTime<Utc>>,
    /// What the last mail came back with.
    pub unreachable_why: Option<String>,
    /// Until when the person is away.
    pub away_until: Option<DateTime<Utc>>,
}

impl Reachability {
    /// Whether others should be told as well, and why: the end of a sentence that begins with the person's name.
    #[must_use]
    pub fn absent(&self, now: DateTime<Utc>) -> bool {
        self.unreachable_since.is_some() || self.away_until.is_some_and(|until| until > now)
    }
}

/// A chat message that shows a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardRow {
    /// The platform.
    pub platform: Medium,
    /// The channel.
    pub channel: String,
    /// The window.
    pub window: WindowId,
    /// The platform's id of the message.
    pub message: String,
    /// Which line of it, when it shows several windows.
    pub line: Option<u16>,
    /// The revision of the plan that was drawn.
    pub revision: Option<Revision>,
    /// Where the window's story is told, when that has an id of its own.
    pub thread: Option<String>,
}

/// The message that tells a night.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardRow {
    /// The platform.
    pub platform: Medium,
    /// The channel.
    pub channel: String,
    /// The day in whose evening the night begins: `2026-12-03`.
    pub night: String,
    /// The platform's id of the message.
    pub message: String,
    /// What it shows, in short: a message that would say the same is not written again.
    pub shows: String,
}

/// Something that was said in chat, to be written down.
#[derive(Clone)]
pub struct NewHeard<'a> {
    /// Its id; ids are time-ordered.
    pub id: Uuid,
    /// The platform.
    pub platform: Medium,
    /// The platform's name for it.
    pub key: &'a str,
    /// The platform's id of who said it.
    pub account: &'a str,
    /// All that is needed to answer it, as JSON, with the address for the answer.
    pub said: &'a str,
    /// When it was heard.
    pub heard_at: DateTime<Utc>,
    /// Whether nothing waits for an acknowledgement, or it was given.
    pub acknowledged: bool,
    /// Who holds it.
    pub owner: &'a str,
    /// Until when, unless it is held longer.
    pub until: DateTime<Utc>,
}

/// Something that was said in chat and not answered by who heard it.
#[derive(Clone)]
pub struct HeardRow {
    /// Its id.
    pub id: Uuid,
    /// The platform's id of who said it.
    pub account: String,
    /// All that is needed to answer it, as JSON.
    pub said: String,
    /// When it was heard.
    pub heard_at: DateTime<Utc>,
    /// Whether the platform was told so.
    pub acknowledged: bool,
    /// How often it was taken up again, this time included.
    pub attempts: i64,
}

// What was said holds the address for its answer, which is a secret.
impl std::fmt::Debug for NewHeard<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewHeard").field("id", &self.id).field("key", &self.key).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for HeardRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeardRow").field("id", &self.id).finish_non_exhaustive()
    }
}

/// How many windows of a quarter start in an hour and are in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowCount {
    /// The hour; none for windows without a time.
    pub hour: Option<DateTime<Utc>>,
    /// The state's name in the database.
    pub state: String,
    /// How many.
    pub windows: u32,
}

/// A line of the audit as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRow {
    /// Its number, from 1, without gaps.
    pub seq: i64,
    /// What happened.
    pub event: crate::domain::event::AuditEvent,
    /// The hash over this line and the one before.
    pub hash: String,
}

/// A window as a calendar shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedRow {
    /// The window.
    pub window: crate::domain::window::Window,
    /// Its server's name.
    pub server: String,
    /// Its server's host group.
    pub host_group: Option<String>,
}

/// What a due row says, for `why` and `show`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// What comes next.
    pub event: Event,
    /// When.
    pub at: DateTime<Utc>,
}
