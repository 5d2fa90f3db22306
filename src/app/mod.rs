//! Use cases: load, let the domain decide, commit the change with its audit event and its messages in one transaction.
//!
//! The edges (mail, chat, terminal) come in by [`App::handle`] and [`App::handle_reply`]; the clock's work comes in by
//! [`clockwork`] and [`run`]. Nothing here sends anything: messages go into the outbox.

pub(crate) mod approvers;
pub mod archive;
pub mod board;
pub(crate) mod calendar;
pub mod clockwork;
pub mod decide;
pub mod dropped;
pub(crate) mod exception;
pub mod export;
pub mod feeds;
pub mod forms;
pub mod handle;
pub mod import;
pub mod introduce;
pub mod notices;
pub mod outdated;
pub mod people;
pub mod plan;
pub mod prechecks;
pub mod questions;
pub mod reach;
pub mod recheck;
pub mod reply;
pub mod reports;
pub mod request;
pub mod rollover;
pub mod run;
pub mod selection;
pub mod sheet;
pub(crate) mod silence;
pub mod simulate;
pub mod stand_ins;
pub mod targets;
pub mod trade;
pub mod weekly;
pub(crate) mod why;
pub mod zones;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::clock::{Clock, Ids};
use crate::domain::ids::{DecisionId, InboxId, NoticeId, PersonId, RequestId, RunId, ServerId, WindowId};
use crate::domain::moves::MovesLeft;
use crate::domain::policy::{Policies, Policy};
use crate::domain::quarter::Quarters;
use crate::domain::refusal::Refusal;
use crate::domain::server::Server;
use crate::domain::window::Window;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::records::Medium;

/// Where chat messages go, and whether there is chat at all.
#[derive(Debug, Clone, Default)]
pub struct ChatPlaces {
    /// The operators' channel in Slack.
    pub slack_ops: Option<String>,
    /// A channel for the cards of windows whose owners have no linked Slack account.
    pub slack_windows: Option<String>,
    /// The operators' channel in Discord.
    pub discord_ops: Option<String>,
    /// A channel for the cards of windows whose owners have no linked Discord account.
    pub discord_windows: Option<String>,
}

impl ChatPlaces {
    /// The operators' channels, one for each platform that is on.
    pub fn ops(&self) -> impl Iterator<Item = (Medium, &str)> {
        [(Medium::Slack, &self.slack_ops), (Medium::Discord, &self.discord_ops)]
            .into_iter()
            .filter_map(|(medium, place)| Some((medium, place.as_deref()?)))
    }

    /// The channel for cards of owners without an account, per platform that is on.
    pub fn windows(&self, medium: Medium) -> Option<&str> {
        match medium {
            Medium::Slack => self.slack_windows.as_deref(),
            Medium::Discord => self.discord_windows.as_deref(),
            Medium::Mail => None,
        }
    }

    /// Whether there is any platform to show something on.
    #[must_use]
    pub fn is_any_on(&self) -> bool {
        [Medium::Slack, Medium::Discord].into_iter().any(|medium| self.is_on(medium))
    }

    /// Whether a platform is on.
    #[must_use]
    pub fn is_on(&self, medium: Medium) -> bool {
        self.ops().any(|(on, _)| on == medium) || self.windows(medium).is_some()
    }
}

/// Everything a use case needs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    /// The database.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// New ids and random bytes.
    pub ids: Ids,
    /// The host groups' rules.
    pub policies: Arc<Policies>,
    /// The year's quarters.
    pub quarters: Arc<Quarters>,
    /// The zone of the operators: for what belongs to no server, and for people without a zone of their own.
    pub zone: Tz,
    /// Where chat messages go.
    pub chat: Arc<ChatPlaces>,
    /// Where the pages are reached from outside: `https://patchbot.example.org`; nothing when they are not.
    pub public_url: Option<Arc<str>>,
}

/// Something broke on our side; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A state that the program should not have reached.
    #[error("a bug: {0}")]
    Bug(String),
}

/// Why a use case stopped: a no with its sentence, or a failure.
#[derive(Debug)]
pub(crate) enum Stop {
    Refused(Refusal),
    Failed(Failure),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl App {
    /// The present instant.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The rules for a server.
    #[must_use]
    pub fn policy(&self, server: &Server) -> &Policy {
        self.policies.of(server.host_group.as_deref())
    }

    /// How often a window can still be moved by its owners, and until when.
    pub(crate) fn moves_left(&self, server: &Server, window: &Window) -> MovesLeft {
        MovesLeft::of(window, self.policy(server), &self.quarters)
    }

    pub(crate) fn server_id(&self) -> ServerId {
        ServerId(self.ids.next())
    }

    pub(crate) fn window_id(&self) -> WindowId {
        WindowId(self.ids.next())
    }

    pub(crate) fn person_id(&self) -> PersonId {
        PersonId(self.ids.next())
    }

    pub(crate) fn decision_id(&self) -> DecisionId {
        DecisionId(self.ids.next())
    }

    pub(crate) fn notice_id(&self) -> NoticeId {
        NoticeId(self.ids.next())
    }

    pub(crate) fn request_id(&self) -> RequestId {
        RequestId(self.ids.next())
    }

    pub(crate) fn run_id(&self) -> RunId {
        RunId(self.ids.next())
    }

    /// A new id for a mail that came in.
    #[must_use]
    pub fn inbox_id(&self) -> InboxId {
        InboxId(self.ids.next())
    }
}
