//! The heart: what a person wants done to a window becomes a change of it, or a refusal.

use chrono::{DateTime, TimeDelta, Utc};

use super::answer::Channel;
use super::bounds::Bounds;
use super::calendar::{instant, thawed};
use super::exception;
use super::ids::Revision;
use super::permit::Permit;
use super::policy::Reasoned;
use super::refusal::Refusal;
use super::rule::Broken;
use super::shown::line;
use super::window::{Approval, Approver, Consent, Plan, Refused, Window, WindowState};

/// What a person wants done to one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Consent to the present plan.
    Approve,
    /// No patching in this window.
    Decline,
    /// Take the present consent or refusal back.
    Withdraw,
    /// Another start.
    Move(DateTime<Utc>),
    /// The same wall-clock time, so many days later.
    Defer(u16),
    /// The start of another window, which gets this one's.
    Trade(DateTime<Utc>),
}

/// What was decided; the word stands in the database, in the audit and in notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// A person consented, and more people must.
    Consented,
    /// A person consented, and nobody else has to.
    Approved,
    /// Silence counted as consent.
    AutoApproved,
    /// A person said no.
    Declined,
    /// A consent or refusal was taken back.
    Withdrawn,
    /// Another time was chosen.
    Moved,
    /// Put off by days.
    Deferred,
    /// Put off beyond its quarter, which an operator granted.
    Excepted,
    /// Two owners traded their times.
    Swapped,
    /// Silence moved it a week on.
    Slipped,
    /// Changed rules made its time illegal, and it got another one.
    Replanned,
    /// Changed rules made its time illegal, and a person must choose another one.
    Unplanned,
    /// Who had approved it does not own it any more, and the new owners are asked.
    Reopened,
    /// Changed rules made its time illegal, and it is not patched in its quarter.
    Cancelled,
    /// The decision before was undone.
    Undone,
    /// Patched at once, outside the calendar.
    Hastened,
    /// Patched once more inside the window.
    Retried,
    /// Left out of the quarter by an operator.
    Skipped,
    /// A blocking pre-check was overridden for the coming run.
    Overridden,
    /// A run was asked to begin nothing more.
    Stopped,
}

impl Decided {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Consented => "consented",
            Self::Approved => "approved",
            Self::AutoApproved => "auto-approved",
            Self::Declined => "declined",
            Self::Withdrawn => "withdrawn",
            Self::Moved => "moved",
            Self::Deferred => "deferred",
            Self::Excepted => "put off beyond the quarter",
            Self::Swapped => "swapped",
            Self::Slipped => "put off a week",
            Self::Replanned => "planned anew",
            Self::Unplanned => "left without a time",
            Self::Reopened => "opened for approval again",
            Self::Cancelled => "cancelled",
            Self::Undone => "undone",
            Self::Hastened => "ordered for now",
            Self::Retried => "ordered once more",
            Self::Skipped => "left out",
            Self::Overridden => "let past its pre-check",
            Self::Stopped => "stopped",
        }
    }

    /// Reads a word back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Consented,
            Self::Approved,
            Self::AutoApproved,
            Self::Declined,
            Self::Withdrawn,
            Self::Moved,
            Self::Deferred,
            Self::Excepted,
            Self::Swapped,
            Self::Slipped,
            Self::Replanned,
            Self::Unplanned,
            Self::Reopened,
            Self::Cancelled,
            Self::Undone,
            Self::Hastened,
            Self::Retried,
            Self::Skipped,
            Self::Overridden,
            Self::Stopped,
        ]
        .into_iter()
        .find(|decided| decided.as_str() == name)
    }
}

/// How a request reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via {
    /// The channel.
    pub channel: Channel,
    /// The revision that the person was shown, when the channel knows it.
    pub shown: Option<Revision>,
}

/// A window, its server's name, and the bounds of its calendar.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The window as it is.
    pub window: &'a Window,
    /// The server's name, for sentences.
    pub server: &'a str,
    /// Which starts are legal. Its `now` is the present instant.
    pub bounds: Bounds<'a>,
}

/// A decision that holds, to be committed together with its audit event and its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What was decided.
    pub decided: Decided,
    /// The window after it.
    pub window: Window,
    /// The plan before it.
    pub before: Option<Plan>,
    /// The sentence that tells it.
    pub sentence: String,
}

/// Decides what an act does to a window.
///
/// # Errors
/// The refusal that tells why nothing changes.
pub fn decide(
    case: &Case<'_>,
    act: Act,
    reason: Option<&str>,
    permit: &Permit,
    via: Via,
) -> Result<Change, Refusal> {
    if let Some(stale) = Refusal::of_stale(via.shown, case.window, case.server, case.bounds.zone) {
        return Err(stale);
    }
    reasoned(case, act, reason)?;
    if permit.only_approves() && !matches!(act, Act::Approve | Act::Decline | Act::Withdraw) {
        return Err(Refusal::OnlyApproves { server: case.name() });
    }
    match act {
        Act::Approve => approve(case, permit, via),
        Act::Decline => decline(case, reason, permit, via),
        Act::Withdraw => withdraw(case, permit),
        Act::Move(at) => reschedule(case, at, reason, permit, Decided::Moved),
        Act::Trade(at) => {
            case.plan()?;
            case.has_begun()?;
            // Who has given up his time has none to give.
            if !case.window.state.holds_slot() {
                let why = format!("{} has no time to trade ({}).", case.server, case.window.state.phrase());
                return Err(Refusal::NoTrade { why });
            }
            reschedule(case, at, reason, permit, Decided::Swapped)
        }
        Act::Defer(days) => {
            let plan = case.plan()?;
            let days = TimeDelta::days(i64::from(days));
            let local = plan.local.checked_add_signed(days).unwrap_or(plan.local);
            reschedule(case, instant(case.bounds.zone, local)?, reason, permit, Decided::Deferred)
        }
    }
}

/// Some host groups want to know why.
fn reasoned(case: &Case<'_>, act: Act, reason: Option<&str>) -> Result<(), Refusal> {
    let (wants, what) = match act {
        Act::Decline => (Reasoned::Decline, "To decline"),
        Act::Move(_) | Act::Defer(_) | Act::Trade(_) => (Reasoned::Move, "To move"),
        Act::Approve | Act::Withdraw => return Ok(()),
    };
    if reason.is_none() && case.bounds.policy.reason_for.contains(&wants) {
        return Err(Refusal::ReasonNeeded { what: format!("{what} {}", case.server) });
    }
    Ok(())
}

impl Case<'_> {
    pub(super) fn name(&self) -> String {
        self.server.to_owned()
    }

    fn plan(&self) -> Result<Plan, Refusal> {
        self.window.plan.ok_or_else(|| Refusal::NoTimeYet { server: self.name() })
    }

    /// The time of a window that is to wait for it again, or none, and why: one that did not hold its place has none when it
    /// has passed, or when it could not be chosen now, because others have taken its place.
    pub(super) fn taken_back(&self) -> (Option<Plan>, Option<String>) {
        let (window, bounds) = (self.window, Bounds { present: None, ..self.bounds });
        let Some(plan) = window.plan.filter(|_| !window.state.holds_slot()) else {
            return (window.plan, None);
        };
        if plan.starts_at <= bounds.now {
            return (None, None);
        }
        let crossed = window.crossed_by.is_some();
        let full = bounds
            .by_room(plan.starts_at, &plan)
            .err()
            .filter(|room| !crossed && matches!(room, Refusal::SlotFull { .. }));
        let broken = bounds.lost_by(plan.starts_at, crossed).map(Refusal::Rule);
        match broken.or(full) {
            None => (Some(plan), None),
            Some(why) => {
                let time = plan.local.format("%a %-d %b %Y, %H:%M");
                (None, Some(format!("Its old time, {time}, is gone. {why}")))
            }
        }
    }

    pub(super) fn over(&self) -> Refusal {
        Refusal::Over { server: self.name(), state: self.window.state.phrase() }
    }

    fn already(&self, state: &str, at: DateTime<Utc>) -> Refusal {
        Refusal::AlreadyDecided { server: self.name(), state: state.to_owned(), at, zone: self.bounds.zone }
    }

    fn is_locked(&self) -> Result<(), Refusal> {
        let Some(plan) = self.window.plan else { return Ok(()) };
        let closes =
            plan.starts_at.checked_sub_signed(self.bounds.policy.lock_before).unwrap_or(plan.starts_at);
        if self.bounds.now >= closes && self.bounds.now < plan.starts_at {
            return Err(Refusal::Locked {
                server: self.name(),
                starts_at: plan.starts_at,
                zone: self.bounds.zone,
            });
        }
        Ok(())
    }

    /// After its start a window that did not run is over, whether the clock's work has got to it or not.
    pub(super) fn has_begun(&self) -> Result<(), Refusal> {
        match self.window.plan {
            Some(plan) if plan.starts_at <= self.bounds.now => {
                Err(Refusal::Past { at: plan.starts_at, zone: self.bounds.zone })
            }
            _ => Ok(()),
        }
    }
}

fn approve(case: &Case<'_>, permit: &Permit, via: Via) -> Result<Change, Refusal> {
    let window = case.window;
    match &window.state {
        WindowState::Proposed => {}
        WindowState::Unscheduled => return Err(Refusal::NoTimeYet { server: case.name() }),
        WindowState::Approved(approval) | WindowState::Locked(approval) => {
            return Err(case.already(&format!("approved by {}", approval.phrase()), approval.at));
        }
        WindowState::Declined(refused) => {
            return Err(Refusal::Contradiction { server: case.name(), by: refused.name.clone() });
        }
        WindowState::Running { .. } => return Err(Refusal::AlreadyStarted { server: case.name() }),
        WindowState::Completed
        | WindowState::Failed { .. }
        | WindowState::Missed { .. }
        | WindowState::NeedsHuman { .. }
        | WindowState::Deferred { .. }
        | WindowState::Cancelled { .. } => return Err(case.over()),
    }
    let plan = case.plan()?;
    case.has_begun()?;
    if !permit.is_operator() {
        case.is_locked()?;
    }
    if window.crossed_by == Some(permit.person()) {
        return Err(Refusal::SecondPerson { server: case.name() });
    }
    may_approve(case, permit)?;
    // What has become illegal since it was proposed is not consented to.
    if window.crossed_by.is_none() {
        case.bounds.by_rules(plan.starts_at).map_err(Refusal::Rule)?;
    }
    let start = line(plan.starts_at, case.bounds.zone);
    let needed = usize::try_from(case.bounds.policy.approvals).unwrap_or(1).max(1);
    let left = |consents: usize| u32::try_from(needed.saturating_sub(consents)).unwrap_or(u32::MAX);
    if window.consents.iter().any(|consent| consent.by == permit.person()) {
        return Err(Refusal::ConsentedAlready { server: case.name(), more: left(window.consents.len()) });
    }
    let consent = Consent {
        by: permit.person(),
        name: permit.name().to_owned(),
        channel: via.channel,
        at: case.bounds.now,
    };
    let more = left(window.consents.len().saturating_add(1));
    if more > 0 {
        let mut window = window.clone();
        window.consents.push(consent);
        let more = if more == 1 { "One more person".to_owned() } else { format!("{more} more people") };
        let sentence = format!(
            "{} has the consent of {} for {start}. {more} must approve it.",
            case.server,
            permit.name()
        );
        return Ok(Change { decided: Decided::Consented, window, before: Some(plan), sentence });
    }
    let approval = Approval {
        by: Approver::Person { id: permit.person(), name: permit.name().to_owned() },
        channel: via.channel,
        revision: window.revision,
        at: case.bounds.now,
        with: window.consents.iter().map(Consent::phrase).collect(),
    };
    let sentence = format!("{} is approved for {start}.", case.server);
    let window = window.clone().approve(approval).map_err(|_| case.over())?;
    Ok(Change { decided: Decided::Approved, window, before: Some(plan), sentence })
}

/// Who may approve: the owners, or the people whom the group names; operators always.
fn may_approve(case: &Case<'_>, permit: &Permit) -> Result<(), Refusal> {
    let approvers = &case.bounds.policy.approvers;
    let named = permit.mail().is_some_and(|mail| approvers.contains(mail));
    if approvers.is_empty() || named || permit.is_operator() {
        return Ok(());
    }
    let approvers = approvers.iter().map(ToString::to_string).collect();
    Err(Refusal::NotAnApprover { server: case.name(), approvers })
}

fn decline(case: &Case<'_>, reason: Option<&str>, permit: &Permit, via: Via) -> Result<Change, Refusal> {
    match &case.window.state {
        WindowState::Unscheduled
        | WindowState::Proposed
        | WindowState::Approved(_)
        | WindowState::Locked(_) => {}
        WindowState::Declined(refused) => {
            let state = format!("declined by {} {}", refused.name, refused.channel.phrase());
            return Err(case.already(&state, refused.at));
        }
        WindowState::Running { .. } => return Err(Refusal::AlreadyStarted { server: case.name() }),
        WindowState::Completed
        | WindowState::Failed { .. }
        | WindowState::Missed { .. }
        | WindowState::NeedsHuman { .. }
        | WindowState::Deferred { .. }
        | WindowState::Cancelled { .. } => return Err(case.over()),
    }
    let refused = Refused {
        by: permit.person(),
        name: permit.name().to_owned(),
        channel: via.channel,
        at: case.bounds.now,
        reason: reason.map(str::to_owned),
    };
    let sentence = format!("{} is declined: it is not patched in this window.", case.server);
    let window = Window { state: WindowState::Declined(refused), ..case.window.clone() };
    Ok(Change { decided: Decided::Declined, window, before: case.window.plan, sentence })
}

fn withdraw(case: &Case<'_>, permit: &Permit) -> Result<Change, Refusal> {
    match &case.window.state {
        WindowState::Deferred { .. } if permit.only_approves() => {
            return Err(Refusal::OnlyApproves { server: case.name() });
        }
        WindowState::Approved(_) | WindowState::Locked(_) | WindowState::Deferred { .. } => {}
        WindowState::Declined(refused) if refused.by == permit.person() || permit.is_operator() => {}
        WindowState::Declined(refused) => {
            return Err(Refusal::NotYourDecline { server: case.name(), by: refused.name.clone() });
        }
        WindowState::Unscheduled | WindowState::Proposed => {
            return Err(Refusal::NothingToWithdraw {
                server: case.name(),
                state: case.window.state.phrase(),
            });
        }
        WindowState::Running { .. } => return Err(Refusal::AlreadyStarted { server: case.name() }),
        WindowState::Completed
        | WindowState::Failed { .. }
        | WindowState::Missed { .. }
        | WindowState::NeedsHuman { .. }
        | WindowState::Cancelled { .. } => return Err(case.over()),
    }
    if let Some(change) = exception::ended_by(case) {
        return Ok(change);
    }
    let (plan, lost) = case.taken_back();
    let window = case.window.clone();
    let (window, sentence) = match plan {
        Some(plan) => (
            Window { state: WindowState::Proposed, consents: Vec::new(), ..window },
            format!(
                "{} waits for approval again; its time is still {}.",
                case.server,
                line(plan.starts_at, case.bounds.zone)
            ),
        ),
        None => {
            let why = lost.map(|why| format!(" {why}")).unwrap_or_default();
            (window.without_plan(), format!("{} waits for a time again.{why}", case.server))
        }
    };
    Ok(Change { decided: Decided::Withdrawn, window, before: case.window.plan, sentence })
}

fn reschedule(
    case: &Case<'_>,
    at: DateTime<Utc>,
    reason: Option<&str>,
    permit: &Permit,
    decided: Decided,
) -> Result<Change, Refusal> {
    let window = case.window;
    let bounds = &case.bounds;
    match &window.state {
        WindowState::Unscheduled
        | WindowState::Proposed
        | WindowState::Approved(_)
        | WindowState::Missed { .. } => {}
        WindowState::Locked(_) if permit.is_operator() => {}
        WindowState::Locked(_) => case.is_locked()?,
        WindowState::Failed { .. } | WindowState::NeedsHuman { .. } if permit.is_operator() => {}
        WindowState::Failed { .. } | WindowState::NeedsHuman { .. } => {
            return Err(Refusal::OperatorFirst { server: case.name(), state: window.state.phrase() });
        }
        WindowState::Declined(refused) if refused.by == permit.person() || permit.is_operator() => {}
        WindowState::Declined(refused) => {
            return Err(Refusal::Contradiction { server: case.name(), by: refused.name.clone() });
        }
        WindowState::Running { .. } => return Err(Refusal::AlreadyStarted { server: case.name() }),
        WindowState::Deferred { .. } if permit.is_operator() => {}
        WindowState::Completed | WindowState::Deferred { .. } | WindowState::Cancelled { .. } => {
            return Err(case.over());
        }
    }
    if window.plan.is_some_and(|plan| plan.starts_at == at) && !window.state.is_settled() {
        return Err(Refusal::SameTime { server: case.name() });
    }
    if !permit.is_operator() && window.moves >= i64::from(bounds.policy.moves) {
        return Err(Refusal::NoMovesLeft { server: case.name(), allowed: bounds.policy.moves });
    }
    let present = window.plan.filter(|_| !window.state.is_settled());
    let crossed_by = if permit.is_operator() {
        let thawed = thawed(bounds.policy, present.as_ref(), at, bounds.zone, bounds.now);
        crossing(bounds.broken(at), thawed.and_then(|()| case.is_locked()).err(), reason)?
            .then(|| permit.person())
    } else {
        bounds.check_for_owner(at)?;
        case.is_locked()?;
        None
    };
    let plan = bounds.plan(at);
    let mut moved = window.clone().with_plan(plan);
    moved.crossed_by = crossed_by;
    if !permit.is_operator() {
        moved.moves = moved.moves.saturating_add(1);
    }
    let voided = if window.approval().is_some() { "The approval it had is void; it" } else { "It" };
    let sentence =
        format!("{} moves to {}. {voided} waits for approval.", case.server, line(at, bounds.zone));
    Ok(Change { decided, window: moved, before: window.plan, sentence })
}

/// Whether an operator crosses rules with a start: only those that can be crossed, and only with a reason.
fn crossing(broken: Vec<Refusal>, closed: Option<Refusal>, reason: Option<&str>) -> Result<bool, Refusal> {
    let mut crossed: Option<Broken> = None;
    for refusal in broken {
        match refusal {
            Refusal::Rule(rule) if rule.can_be_crossed() => crossed = crossed.or(Some(rule)),
            other => return Err(other),
        }
    }
    match (crossed, closed, reason) {
        (None, None, _) => Ok(false),
        (None, Some(_), None) => Err(Refusal::FreezeNeedsReason),
        (Some(rule), _, None) => Err(Refusal::CrossingNeedsReason { rule }),
        (_, _, Some(_)) => Ok(true),
    }
}

/// What silence does to a window whose deadline has passed: an approval, or nothing.
#[must_use]
pub fn approve_by_silence(window: &Window, at: DateTime<Utc>) -> Option<Window> {
    // Who crossed a freeze needs a second person, and silence is none.
    if window.crossed_by.is_some() {
        return None;
    }
    let approval = Approval {
        by: Approver::Silence,
        channel: Channel::Clock,
        revision: window.revision,
        at,
        with: Vec::new(),
    };
    window.clone().approve(approval).ok()
}

#[cfg(test)]
mod tests;
