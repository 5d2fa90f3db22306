//! Dangerous acts: asked for with a reason, confirmed by who asked, and by a second person where the rules want one.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::answer::Channel;
use super::calendar::plan_at;
use super::check::Finding;
use super::decision::{Case, Change, Decided};
use super::ids::{PersonId, RequestId, Revision, WindowId};
use super::permit::Permit;
use super::policy::Policy;
use super::refusal::Refusal;
use super::shown::line;
use super::window::{Approval, Approver, Plan, Window, WindowState};

/// Who asked has so long to confirm it.
pub const CONFIRM_WITHIN: TimeDelta = TimeDelta::minutes(15);
/// A second person has so long.
pub const SECOND_WITHIN: TimeDelta = TimeDelta::hours(2);

/// What is dangerous enough to be confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Patch at once, whatever the calendar says.
    Now,
    /// Let the coming run pass a blocking pre-check.
    Override,
    /// Begin nothing more in a run that is under way.
    Abort,
    /// Leave the server out of this quarter.
    Skip,
    /// Patch once more inside the window.
    Retry,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Now, Self::Override, Self::Abort, Self::Skip, Self::Retry];

    /// The word that is said for it, which is also its name in the database and the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Override => "override",
            Self::Abort => "abort",
            Self::Skip => "skip",
            Self::Retry => "retry",
        }
    }

    /// Reads a word back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == name)
    }

    /// The act as it stands in a sentence: "Olga wants to **patch web01 now**".
    #[must_use]
    pub fn phrase(self, server: &str) -> String {
        match self {
            Self::Now => format!("patch {server} now"),
            Self::Override => format!("let {server} pass its blocking pre-check"),
            Self::Abort => format!("stop the run of {server}"),
            Self::Skip => format!("leave {server} out of this quarter"),
            Self::Retry => format!("patch {server} once more"),
        }
    }
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Who asked has not confirmed it yet.
    Asked,
    /// Who asked has confirmed it; a second person is waited for.
    Confirmed,
    /// It was done.
    Done,
    /// Somebody said no.
    Cancelled,
}

impl Stage {
    const ALL: [Self; 4] = [Self::Asked, Self::Confirmed, Self::Done, Self::Cancelled];

    /// The stage's name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Confirmed => "confirmed",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == name)
    }
}

/// A dangerous act that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its id.
    pub id: RequestId,
    /// The code under which it is confirmed. No secret: whoever says it must be allowed to.
    pub code: String,
    /// What.
    pub verb: Verb,
    /// About which window.
    pub window: WindowId,
    /// The revision that was looked at.
    pub revision: Revision,
    /// Who asked.
    pub asked_by: PersonId,
    /// The name then.
    pub asked_name: String,
    /// Through which channel.
    pub channel: Channel,
    /// Why.
    pub reason: String,
    /// Where it stands.
    pub stage: Stage,
    /// Who ended it, when it is ended.
    pub ended_by: Option<String>,
    /// When it was asked for.
    pub asked_at: DateTime<Utc>,
    /// After this nobody can confirm it.
    pub expires_at: DateTime<Utc>,
    /// Counts the changes of this row.
    pub version: i64,
    /// For an override, the names of the checks that blocked when it was asked for, as [`Finding::name`] has them: it
    /// lets these pass and no others.
    pub checks: Vec<String>,
}

/// What a confirmation leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// A second person is asked now.
    AskSecond,
    /// It is done now.
    Go,
}

impl Request {
    /// Whether it can still be confirmed.
    ///
    /// # Errors
    /// The refusal that tells how it ended.
    pub fn is_open(&self, now: DateTime<Utc>) -> Result<(), Refusal> {
        let how = match self.stage {
            Stage::Done => "was done already",
            Stage::Cancelled => "was cancelled",
            Stage::Asked | Stage::Confirmed if self.expires_at <= now => "was not confirmed in time",
            Stage::Asked | Stage::Confirmed => return Ok(()),
        };
        let by = self.ended_by.as_ref().map(|by| format!(", by {by}")).unwrap_or_default();
        Err(Refusal::RequestOver { code: self.code.clone(), how: format!("{how}{by}") })
    }

    /// What follows when somebody who may decide about the server says yes.
    ///
    /// # Errors
    /// When it is over, or when the second person is the first.
    pub fn consent(&self, permit: &Permit, policy: &Policy, now: DateTime<Utc>) -> Result<Consent, Refusal> {
        self.is_open(now)?;
        let second = policy.second_person.contains(&self.verb);
        match (self.stage, self.asked_by == permit.person()) {
            (Stage::Asked, true) if second => Ok(Consent::AskSecond),
            (Stage::Asked, true) => Ok(Consent::Go),
            (Stage::Asked, false) => {
                Err(Refusal::NotYourRequest { code: self.code.clone(), by: self.asked_name.clone() })
            }
            (_, true) => Err(Refusal::OwnRequest { code: self.code.clone() }),
            (_, false) => Ok(Consent::Go),
        }
    }
}

/// What is known of a window when something dangerous is asked about it.
#[derive(Debug, Clone, Copy)]
pub struct Danger<'a> {
    /// The window with the bounds of its calendar.
    pub case: Case<'a>,
    /// What blocks its coming run, as the last look at it found.
    pub blocking: &'a [Finding],
    /// Whether its host's key is known.
    pub enrolled: bool,
}

impl Danger<'_> {
    /// The names of the checks that an override would let pass.
    #[must_use]
    pub fn checks(&self, verb: Verb) -> Vec<String> {
        match verb {
            Verb::Override => self.blocking.iter().map(Finding::name).collect(),
            Verb::Now | Verb::Retry | Verb::Skip | Verb::Abort => Vec::new(),
        }
    }

    fn cannot(&self, why: impl Into<String>) -> Refusal {
        Refusal::CannotNow { server: self.case.server.to_owned(), why: why.into() }
    }

    fn started(&self) -> Refusal {
        Refusal::AlreadyStarted { server: self.case.server.to_owned() }
    }

    /// The last moment at which a run can still begin inside the present window.
    fn last_begin(&self) -> Option<DateTime<Utc>> {
        let plan = self.case.window.plan?;
        plan.ends_at.checked_sub_signed(self.case.bounds.policy.reboot_wait)
    }

    /// Refuses what makes no sense as the window stands.
    ///
    /// # Errors
    /// The refusal that tells why not.
    pub fn allows(&self, verb: Verb) -> Result<(), Refusal> {
        self.fits(verb)?;
        if self.enrolled || !matches!(verb, Verb::Now | Verb::Retry) {
            return Ok(());
        }
        // It would give its time up for a run that cannot begin.
        let server = self.case.server;
        Err(self.cannot(format!(
            "its host key is not known, so nothing can be installed there; an administrator enrols it with \"patchbot enroll {server}\""
        )))
    }

    /// Whether the window is in a state for it.
    fn fits(&self, verb: Verb) -> Result<(), Refusal> {
        let state = &self.case.window.state;
        match verb {
            Verb::Now => match state {
                WindowState::Unscheduled
                | WindowState::Proposed
                | WindowState::Approved(_)
                | WindowState::Locked(_)
                | WindowState::Failed { .. }
                | WindowState::Missed { .. }
                | WindowState::NeedsHuman { .. } => Ok(()),
                WindowState::Declined(refused) => Err(Refusal::Contradiction {
                    server: self.case.server.to_owned(),
                    by: refused.name.clone(),
                }),
                WindowState::Running { .. } => Err(self.started()),
                WindowState::Completed | WindowState::Deferred { .. } | WindowState::Cancelled { .. } => {
                    Err(self.over())
                }
            },
            Verb::Override => match state {
                WindowState::Proposed | WindowState::Approved(_) | WindowState::Locked(_)
                    if self.blocking.is_empty() =>
                {
                    Err(self.cannot("no pre-check blocks it, so there is nothing to override"))
                }
                WindowState::Proposed | WindowState::Approved(_) | WindowState::Locked(_) => Ok(()),
                WindowState::Running { .. } => Err(self.started()),
                other => Err(self.cannot(format!("there is no run to come ({})", other.phrase()))),
            },
            Verb::Abort => match state {
                WindowState::Running { .. } => Ok(()),
                other => Err(self.cannot(format!("no run is under way ({})", other.phrase()))),
            },
            Verb::Skip => match state {
                WindowState::Running { .. } => Err(self.started()),
                WindowState::Completed
                | WindowState::Cancelled { .. }
                | WindowState::Declined(_)
                | WindowState::Deferred { .. } => Err(self.over()),
                WindowState::Unscheduled
                | WindowState::Proposed
                | WindowState::Approved(_)
                | WindowState::Locked(_)
                | WindowState::Failed { .. }
                | WindowState::Missed { .. }
                | WindowState::NeedsHuman { .. } => Ok(()),
            },
            Verb::Retry => match state {
                WindowState::Failed { .. } | WindowState::Missed { .. } | WindowState::NeedsHuman { .. } => {
                    match self.last_begin() {
                        Some(last) if self.case.bounds.now < last => Ok(()),
                        _ => Err(self.cannot(
                            "too little is left of its window: a run, with a reboot, could not end inside it",
                        )),
                    }
                }
                WindowState::Running { .. } => Err(self.started()),
                other => Err(self.cannot(format!("it did not fail ({})", other.phrase()))),
            },
        }
    }

    fn over(&self) -> Refusal {
        Refusal::Over { server: self.case.server.to_owned(), state: self.case.window.state.phrase() }
    }

    /// What will happen, one sentence each: repeated before it is confirmed.
    #[must_use]
    pub fn consequences(&self, verb: Verb) -> Vec<String> {
        let (server, policy) = (self.case.server, self.case.bounds.policy);
        match verb {
            Verb::Now => {
                let mut lines = vec![format!(
                    "{server} is patched at once, outside its calendar: pre-checks, installation, a reboot by its rule, validation."
                )];
                lines.extend(self.case.window.plan.filter(|plan| plan.starts_at > self.case.bounds.now).map(
                    |plan| format!("Its window {} is given up.", line(plan.starts_at, self.case.bounds.zone)),
                ));
                lines.push(format!(
                    "Nothing begins and nothing reboots later than {} hours from now.",
                    policy.window_length.num_hours()
                ));
                lines
            }
            Verb::Override => {
                let mut lines = vec![format!("The coming run of {server} begins although this was found:")];
                lines.extend(self.blocking.iter().map(Finding::sentence));
                lines.push("Whatever else blocks it at its start still ends it.".to_owned());
                lines
            }
            Verb::Abort => vec![
                format!(
                    "What is being installed on {server} now goes to its end: cutting it off would break packages."
                ),
                "After that nothing more is begun: no reboot, no validation. Then a person must look."
                    .to_owned(),
            ],
            Verb::Skip => vec![
                format!("{server} is not patched in {}.", self.case.window.quarter),
                "Its owners are told, with your name and reason.".to_owned(),
            ],
            Verb::Retry => {
                let until =
                    self.case.window.plan.map(|plan| line(plan.ends_at, plan.zone)).unwrap_or_default();
                vec![
                    format!("{server} is patched again at once, as a new run with its own pre-checks."),
                    format!("It stays inside the window that was approved, which ends {until}."),
                ]
            }
        }
    }

    /// The change of the window; none for what only concerns its run.
    ///
    /// # Errors
    /// When the window does not allow it any more.
    pub fn change(
        &self,
        request: &Request,
        agreed: &Permit,
        via: Channel,
    ) -> Result<Option<Change>, Refusal> {
        self.allows(request.verb)?;
        let (window, bounds) = (self.case.window, &self.case.bounds);
        let server = self.case.server;
        let (decided, after, sentence) = match request.verb {
            Verb::Override | Verb::Abort => return Ok(None),
            Verb::Skip => {
                let reason = format!("left out by {} because \"{}\"", request.asked_name, request.reason);
                let after = Window { state: WindowState::Cancelled { reason }, ..window.clone() };
                let sentence = format!("{server} is left out: it is not patched in {}.", window.quarter);
                (Decided::Skipped, after, sentence)
            }
            Verb::Now => {
                let plan = plan_at(bounds.now, bounds.zone, bounds.policy.window_length);
                let after = self.approved_at(plan, agreed, via);
                (Decided::Hastened, after, format!("The run of {server} starts now."))
            }
            Verb::Retry => {
                let ends_at = window.plan.map_or(bounds.now, |plan| plan.ends_at);
                let plan = Plan { ends_at, ..plan_at(bounds.now, bounds.zone, TimeDelta::zero()) };
                let after = self.approved_at(plan, agreed, via);
                (Decided::Retried, after, format!("{server} is patched once more, inside its window."))
            }
        };
        Ok(Some(Change { decided, window: after, before: window.plan, sentence }))
    }

    fn approved_at(&self, plan: Plan, agreed: &Permit, channel: Channel) -> Window {
        let mut after = self.case.window.clone().with_plan(plan);
        after.state = WindowState::Approved(Approval {
            by: Approver::Person { id: agreed.person(), name: agreed.name().to_owned() },
            channel,
            revision: after.revision,
            at: self.case.bounds.now,
            with: Vec::new(),
        });
        after
    }
}

#[cfg(test)]
pub(super) mod tests;
