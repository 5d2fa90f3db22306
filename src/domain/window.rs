//! A window: one server's patch slot in one quarter, its revisions and its states.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::answer::Channel;
use super::ids::{PersonId, Revision, RunId, ServerId, WindowId};
use super::quarter::Quarter;

/// When a window starts and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The wall-clock time of the start, in the server's zone.
    pub local: NaiveDateTime,
    /// The server's zone when the plan was made.
    pub zone: Tz,
    /// The start as an instant.
    pub starts_at: DateTime<Utc>,
    /// The end: nothing begins after it, and no reboot is asked for that could end after it.
    pub ends_at: DateTime<Utc>,
}

/// Who consented.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Approver {
    /// A person, with the name as it stood then.
    Person {
        /// Who.
        id: PersonId,
        /// The name then.
        name: String,
    },
    /// Nobody answered before the deadline, and the host group's rule takes that as consent.
    Silence,
    /// The inventory file said so when the window was made from it.
    File,
}

/// A consent, bound to the revision it was given for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who consented.
    pub by: Approver,
    /// Through which channel.
    pub channel: Channel,
    /// To which revision of the plan.
    pub revision: Revision,
    /// When.
    pub at: DateTime<Utc>,
    /// Who had consented before, where more than one must: `bob@example.org in Slack`.
    #[serde(default)]
    pub with: Vec<String>,
}

/// A consent where more than one is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Who.
    pub by: PersonId,
    /// The name then.
    pub name: String,
    /// Through which channel.
    pub channel: Channel,
    /// When.
    pub at: DateTime<Utc>,
}

impl Consent {
    /// `ada@example.org by mail`.
    #[must_use]
    pub fn phrase(&self) -> String {
        format!("{} {}", self.name, self.channel.phrase())
    }
}

impl Approval {
    /// `ada@example.org by mail`, or `silence`.
    #[must_use]
    pub fn phrase(&self) -> String {
        match &self.by {
            Approver::Person { name, .. } => {
                let mut people = self.with.clone();
                people.push(format!("{name} {}", self.channel.phrase()));
                people.join(" and ")
            }
            Approver::Silence => "silence, by the rule of its host group".to_owned(),
            Approver::File => "the imported inventory".to_owned(),
        }
    }
}

/// A person's no, or an end without a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Who said no.
    pub by: PersonId,
    /// The name then.
    pub name: String,
    /// Through which channel.
    pub channel: Channel,
    /// When.
    pub at: DateTime<Utc>,
    /// Why, if said.
    pub reason: Option<String>,
}

/// Where a window stands. Each state carries what belongs to it, so that impossible combinations cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum WindowState {
    /// It has no time yet.
    Unscheduled,
    /// It has a time and waits for an answer.
    Proposed,
    /// Somebody, or silence, consented.
    Approved(Approval),
    /// Approved, and closed for owners' changes.
    Locked(Approval),
    /// Its run is under way.
    Running {
        /// The run.
        run: RunId,
    },
    /// Its run ended well.
    Completed,
    /// Its run failed.
    Failed {
        /// What failed, in a sentence.
        reason: String,
    },
    /// It was not started in time, or not approved in time.
    Missed {
        /// Why, in a sentence.
        reason: String,
    },
    /// Its run stopped at a point where a person must look.
    NeedsHuman {
        /// Why, in a sentence.
        reason: String,
    },
    /// An owner or operator said no.
    Declined(Refused),
    /// It is put off beyond its quarter.
    Deferred {
        /// The last day of the exception.
        until: NaiveDate,
        /// Who wanted it.
        by: String,
        /// Who granted it.
        granted_by: String,
        /// Why.
        reason: String,
    },
    /// It ended without a run: the server left the inventory, or an operator cancelled it.
    Cancelled {
        /// Why, in a sentence.
        reason: String,
    },
}

impl WindowState {
    /// The state's name in the database.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Unscheduled => "unscheduled",
            Self::Proposed => "proposed",
            Self::Approved(Approval { by: Approver::Silence, .. }) => "auto_approved",
            Self::Approved(_) => "approved",
            Self::Locked(_) => "locked",
            Self::Running { .. } => "running",
            Self::Completed => "completed",
            Self::Failed { .. } => "failed",
            Self::Missed { .. } => "missed",
            Self::NeedsHuman { .. } => "needs_human",
            Self::Declined(_) => "declined",
            Self::Deferred { .. } => "deferred",
            Self::Cancelled { .. } => "cancelled",
        }
    }

    /// The state in a word or two, for lists: `needs a person`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::NeedsHuman { .. } => "needs a person",
            Self::Approved(Approval { by: Approver::Silence, .. }) => "auto-approved",
            other => other.as_str(),
        }
    }

    /// The state as it stands in notices: `approved by ada@example.org by mail`.
    #[must_use]
    pub fn phrase(&self) -> String {
        match self {
            Self::Unscheduled => "no time yet".to_owned(),
            Self::Proposed => "waits for approval".to_owned(),
            Self::Approved(approval) => format!("approved by {}", approval.phrase()),
            Self::Locked(approval) => format!("locked, approved by {}", approval.phrase()),
            Self::Running { .. } => "being patched now".to_owned(),
            Self::Completed => "patched".to_owned(),
            Self::Failed { reason } => format!("failed: {reason}"),
            Self::Missed { reason } => format!("missed: {reason}"),
            Self::NeedsHuman { reason } => format!("a person must look: {reason}"),
            Self::Declined(refused) => {
                let because = refused.reason.as_ref().map(|why| format!(" (\"{why}\")")).unwrap_or_default();
                format!("declined by {} {}{because}", refused.name, refused.channel.phrase())
            }
            Self::Deferred { until, by, granted_by, reason } => {
                let granted =
                    if by == granted_by { String::new() } else { format!(", granted by {granted_by}") };
                format!("put off until {} for {by}{granted} (\"{reason}\")", until.format("%a %-d %b %Y"))
            }
            Self::Cancelled { reason } => format!("cancelled: {reason}"),
        }
    }

    /// Whether its slot stays taken.
    #[must_use]
    pub fn holds_slot(&self) -> bool {
        match self {
            Self::Declined(_) | Self::Deferred { .. } | Self::Cancelled { .. } | Self::Missed { .. } => false,
            Self::Unscheduled
            | Self::Proposed
            | Self::Approved(_)
            | Self::Locked(_)
            | Self::Running { .. }
            | Self::Completed
            | Self::Failed { .. }
            | Self::NeedsHuman { .. } => true,
        }
    }

    /// Whether nothing more happens to it by itself.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        match self {
            Self::Unscheduled
            | Self::Proposed
            | Self::Approved(_)
            | Self::Locked(_)
            | Self::Running { .. } => false,
            Self::Completed
            | Self::Failed { .. }
            | Self::Missed { .. }
            | Self::NeedsHuman { .. }
            | Self::Declined(_)
            | Self::Deferred { .. }
            | Self::Cancelled { .. } => true,
        }
    }
}

/// One server's patch slot in one quarter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Its id.
    pub id: WindowId,
    /// The server.
    pub server: ServerId,
    /// The quarter.
    pub quarter: Quarter,
    /// Counts the changes of time and scope.
    pub revision: Revision,
    /// When; absent while unscheduled.
    pub plan: Option<Plan>,
    /// Where it stands.
    pub state: WindowState,
    /// The consents to the present revision, while more are needed.
    pub consents: Vec<Consent>,
    /// How often owners have moved it.
    pub moves: i64,
    /// The operator who moved it across a freeze; somebody else must approve.
    pub crossed_by: Option<PersonId>,
    /// Counts the changes of this row.
    pub version: i64,
}

/// A change that the window's state does not allow; an error of the program, not of a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a window that is {from} cannot become {to}")]
pub struct BadTransition {
    /// The state it is in.
    pub from: &'static str,
    /// The state that was asked for.
    pub to: &'static str,
}

impl Window {
    /// A new window without a time.
    #[must_use]
    pub fn unscheduled(id: WindowId, server: ServerId, quarter: Quarter) -> Self {
        let state = WindowState::Unscheduled;
        Self {
            id,
            server,
            quarter,
            revision: Revision::FIRST,
            plan: None,
            state,
            consents: Vec::new(),
            moves: 0,
            crossed_by: None,
            version: 0,
        }
    }

    /// The consent that still holds: given for the present revision.
    #[must_use]
    pub fn approval(&self) -> Option<&Approval> {
        match &self.state {
            WindowState::Approved(approval) | WindowState::Locked(approval) => {
                Some(approval).filter(|approval| approval.revision == self.revision)
            }
            WindowState::Unscheduled
            | WindowState::Proposed
            | WindowState::Running { .. }
            | WindowState::Completed
            | WindowState::Failed { .. }
            | WindowState::Missed { .. }
            | WindowState::NeedsHuman { .. }
            | WindowState::Declined(_)
            | WindowState::Deferred { .. }
            | WindowState::Cancelled { .. } => None,
        }
    }

    /// Gives the window a new plan: a new revision, which voids any consent to the old one.
    #[must_use]
    pub fn with_plan(mut self, plan: Plan) -> Self {
        if self.plan.is_some() {
            self.revision = self.revision.next();
        }
        self.plan = Some(plan);
        self.state = WindowState::Proposed;
        self.consents.clear();
        self.crossed_by = None;
        self
    }

    /// Takes the window's time away: a new revision, which voids any consent to the old one.
    #[must_use]
    pub fn without_plan(mut self) -> Self {
        if self.plan.take().is_some() {
            self.revision = self.revision.next();
        }
        self.state = WindowState::Unscheduled;
        self.consents.clear();
        self.crossed_by = None;
        self
    }

    /// Asks again about the same time: a new revision, which voids any consent to the one before.
    ///
    /// # Errors
    /// When nobody has consented to it, or it is under way or over.
    pub fn reopen(mut self) -> Result<Self, BadTransition> {
        let asked = self.state == WindowState::Proposed && !self.consents.is_empty();
        let allowed = asked || matches!(self.state, WindowState::Approved(_) | WindowState::Locked(_));
        self.consents.clear();
        self.revision = self.revision.next();
        self.change(WindowState::Proposed, allowed)
    }

    fn change(mut self, state: WindowState, allowed: bool) -> Result<Self, BadTransition> {
        if !allowed {
            return Err(BadTransition { from: self.state.as_str(), to: state.as_str() });
        }
        self.state = state;
        Ok(self)
    }

    /// Records a consent to the present revision.
    ///
    /// # Errors
    /// When the window does not wait for an answer.
    pub fn approve(self, approval: Approval) -> Result<Self, BadTransition> {
        let allowed = self.state == WindowState::Proposed && approval.revision == self.revision;
        self.change(WindowState::Approved(approval), allowed)
            .map(|window| Self { consents: Vec::new(), ..window })
    }

    /// Whether it can end without a run: it is neither over nor running.
    #[must_use]
    pub fn can_be_cancelled(&self) -> bool {
        !self.state.is_settled() && !matches!(self.state, WindowState::Running { .. })
    }

    /// Ends it without a run.
    ///
    /// # Errors
    /// When it runs, or is over.
    pub fn cancel(self, reason: impl Into<String>) -> Result<Self, BadTransition> {
        let allowed = self.can_be_cancelled();
        self.change(WindowState::Cancelled { reason: reason.into() }, allowed)
    }

    /// Closes an approved window for owners' changes.
    ///
    /// # Errors
    /// When it is not approved.
    pub fn lock(self) -> Result<Self, BadTransition> {
        match self.state.clone() {
            WindowState::Approved(approval) if approval.revision == self.revision => {
                self.change(WindowState::Locked(approval), true)
            }
            state => Err(BadTransition { from: state.as_str(), to: "locked" }),
        }
    }

    /// Starts the window's run.
    ///
    /// # Errors
    /// When it is not approved for its present revision.
    pub fn start(self, run: RunId) -> Result<Self, BadTransition> {
        let allowed = self.approval().is_some();
        self.change(WindowState::Running { run }, allowed)
    }

    /// Records that the window was not started.
    ///
    /// # Errors
    /// When it was started or has ended.
    pub fn miss(self, reason: impl Into<String>) -> Result<Self, BadTransition> {
        let allowed = !self.state.is_settled() && !matches!(self.state, WindowState::Running { .. });
        self.change(WindowState::Missed { reason: reason.into() }, allowed)
    }

    /// Records how the window's run ended.
    ///
    /// # Errors
    /// When this run is not under way.
    pub fn finish(self, run: RunId, end: WindowState) -> Result<Self, BadTransition> {
        let allowed = self.state == (WindowState::Running { run });
        self.change(end, allowed)
    }
}

impl Plan {
    /// Makes a plan from a start that is known as wall time and as instant.
    #[must_use]
    pub fn new(local: NaiveDateTime, zone: Tz, starts_at: DateTime<Utc>, length: TimeDelta) -> Self {
        let ends_at = starts_at.checked_add_signed(length).unwrap_or(starts_at);
        Self { local, zone, starts_at, ends_at }
    }
}
