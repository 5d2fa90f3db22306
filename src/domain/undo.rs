//! Undo: the last decision about a window is made as if it had not been taken, until a stated time.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::decision::{Case, Change, Decided};
use super::exception;
use super::ids::PersonId;
use super::permit::Permit;
use super::policy::Policy;
use super::refusal::Refusal;
use super::shown::line;
use super::window::{Approval, Approver, Consent, Plan, Window, WindowState};

/// What a window was before a decision; kept beside the decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Its plan.
    pub plan: Option<Plan>,
    /// Its state.
    pub state: WindowState,
    /// The consents it had, while more were needed.
    #[serde(default)]
    pub consents: Vec<Consent>,
    /// How often owners had moved it.
    pub moves: i64,
    /// Who had moved it across a freeze.
    pub crossed_by: Option<PersonId>,
}

impl Before {
    /// What is kept of a window.
    #[must_use]
    pub fn of(window: &Window) -> Self {
        Self {
            plan: window.plan,
            state: window.state.clone(),
            consents: window.consents.clone(),
            moves: window.moves,
            crossed_by: window.crossed_by,
        }
    }
}

/// The last decision about a window, as far as undoing needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Last {
    /// Who took it; nobody when it was patchbot itself.
    pub by: Option<PersonId>,
    /// The name then.
    pub name: String,
    /// What was decided.
    pub decided: Decided,
    /// When.
    pub at: DateTime<Utc>,
    /// The window before it.
    pub before: Before,
    /// The window's version after it.
    pub version: i64,
}

/// Until when who decided can undo it by himself: for the policy's time, and never after the schedule of the plan
/// before or after it is locked. Nothing when that has passed already.
#[must_use]
pub fn undo_until(
    policy: &Policy,
    decided_at: DateTime<Utc>,
    before: Option<Plan>,
    after: Option<Plan>,
) -> Option<DateTime<Utc>> {
    let locks = before
        .into_iter()
        .chain(after)
        .filter_map(|plan| plan.starts_at.checked_sub_signed(policy.lock_before));
    let until = decided_at.checked_add_signed(policy.undo_for)?;
    locks.chain([until]).min().filter(|until| *until > decided_at)
}

/// What was decided, as a noun: `the move`.
fn noun(decided: Decided) -> &'static str {
    match decided {
        Decided::Approved | Decided::AutoApproved | Decided::Consented => "the approval",
        Decided::Declined => "the no",
        Decided::Withdrawn => "the withdrawal",
        Decided::Moved => "the move",
        Decided::Deferred => "the deferral",
        Decided::Excepted => "the exception",
        Decided::Swapped => "the swap",
        Decided::Slipped => "the week's delay",
        Decided::Replanned => "the new plan",
        Decided::Unplanned => "the loss of its time",
        Decided::Reopened => "the new question",
        Decided::Cancelled => "the cancellation",
        Decided::Undone => "the undoing",
        Decided::Hastened => "the order",
        Decided::Retried => "the new try",
        Decided::Skipped => "the leaving out",
        Decided::Overridden => "the override",
        Decided::Stopped => "the stop",
    }
}

/// Undoes the last decision about a window.
///
/// # Errors
/// The refusal that tells why nothing changes.
pub fn undo(case: &Case<'_>, last: Option<&Last>, permit: &Permit) -> Result<Change, Refusal> {
    let server = || case.server.to_owned();
    let Some(last) = last.filter(|last| last.by.is_some() && last.decided != Decided::Undone) else {
        return Err(Refusal::NothingToUndo { server: server() });
    };
    // One half of a trade cannot be taken back: two servers have to change again.
    if last.decided == Decided::Swapped {
        return Err(Refusal::SwapNotUndone { server: server() });
    }
    if last.by != Some(permit.person()) && !permit.is_operator() {
        return Err(Refusal::NotYourDecision { server: server(), by: last.name.clone() });
    }
    if matches!(case.window.state, WindowState::Running { .. }) {
        return Err(Refusal::AlreadyStarted { server: server() });
    }
    if case.window.version != last.version {
        return Err(Refusal::ChangedSince { server: server(), what: noun(last.decided) });
    }
    let (bounds, now) = (&case.bounds, case.bounds.now);
    if !permit.is_operator() {
        let until = undo_until(bounds.policy, last.at, last.before.plan, case.window.plan).unwrap_or(last.at);
        if now >= until {
            return Err(Refusal::UndoOver {
                server: server(),
                what: noun(last.decided),
                until,
                zone: bounds.zone,
            });
        }
    }
    if let Some(change) = exception::ended_by(case) {
        return Ok(change);
    }
    let before = &last.before;
    let moved = before.plan != case.window.plan;
    if let Some(plan) = before.plan {
        if plan.starts_at <= now {
            return Err(Refusal::Past { at: plan.starts_at, zone: bounds.zone });
        }
        // Somebody else can have taken the old time meanwhile.
        if moved && permit.is_operator() {
            bounds.check(plan.starts_at)?;
        } else if moved {
            bounds.check_for_owner(plan.starts_at)?;
        }
    }
    let mut window = Window {
        plan: before.plan,
        state: before.state.clone(),
        consents: before.consents.clone(),
        moves: before.moves,
        crossed_by: before.crossed_by,
        ..case.window.clone()
    };
    if moved {
        window.revision = window.revision.next();
        window.state = state_of_moved_back(&window, permit, now);
        window.consents.clear();
    }
    // A place that was given up can be somebody else's by now.
    let takes_back = !moved && window.state.holds_slot();
    let lost = takes_back.then(|| case.taken_back()).filter(|(kept, _)| *kept != window.plan);
    let sentence = if let Some((_, why)) = lost {
        window = window.without_plan();
        let why = why.unwrap_or_default();
        format!("{}: {} is undone, and it waits for a time again. {why}", case.server, noun(last.decided))
    } else {
        sentence(case, last, &window)
    };
    Ok(Change { decided: Decided::Undone, window, before: case.window.plan, sentence })
}

/// A consent is bound to its revision. Who undoes a move consents once more to his own yes, and to nobody else's.
fn state_of_moved_back(window: &Window, permit: &Permit, now: DateTime<Utc>) -> WindowState {
    match &window.state {
        WindowState::Approved(approval) | WindowState::Locked(approval) => {
            let own = matches!(&approval.by, Approver::Person { id, .. } if *id == permit.person());
            let own = own && approval.with.is_empty();
            if own {
                WindowState::Approved(Approval { revision: window.revision, at: now, ..approval.clone() })
            } else {
                WindowState::Proposed
            }
        }
        other => other.clone(),
    }
}

fn sentence(case: &Case<'_>, last: &Last, window: &Window) -> String {
    let start = match window.plan {
        Some(plan) => format!("{}, ", line(plan.starts_at, case.bounds.zone)),
        None => String::new(),
    };
    format!(
        "{}: {} is undone. It is as before: {start}{}.",
        case.server,
        noun(last.decided),
        window.state.phrase()
    )
}

/// The time that is stated with a decision when the policy says nothing else.
pub const USUAL: TimeDelta = TimeDelta::minutes(30);
