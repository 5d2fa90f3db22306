//! What silence does to a window when the deadline for an answer is over: it approves, or slips a week.

use chrono::{DateTime, TimeDelta, Utc};

use super::calendar::instant;
use super::decision::{Case, Change, Decided, approve_by_silence};
use super::shown::line;
use super::window::Window;

/// Silence counts as consent; nothing where somebody has to consent in person.
#[must_use]
pub fn approved_by_silence(window: &Window, server: &str, now: DateTime<Utc>) -> Option<Change> {
    let approved = approve_by_silence(window, now)?;
    let start = approved.plan.map_or_else(String::new, |plan| line(plan.starts_at, plan.zone));
    let sentence = format!("Nobody answered by the deadline: {server} counts as approved for {start}.");
    Some(Change { decided: Decided::AutoApproved, before: window.plan, window: approved, sentence })
}

/// The same time a week later where the rules allow it, else the next time after that; nothing when there is none.
#[must_use]
pub fn slipped(case: &Case<'_>) -> Option<Change> {
    let (window, bounds) = (case.window, &case.bounds);
    let plan = window.plan?;
    let week = TimeDelta::weeks(1);
    let same_time = plan.local.checked_add_signed(week).and_then(|it| instant(bounds.zone, it).ok());
    let later = plan.starts_at.checked_add_signed(TimeDelta::days(1)).unwrap_or(plan.starts_at);
    let regular = bounds
        .patch_days(later.with_timezone(&bounds.zone).date_naive())
        .flat_map(|day| bounds.starts_of(day).collect::<Vec<_>>());
    let new = same_time.into_iter().chain(regular).find_map(|at| bounds.check(at).ok())?;
    let sentence = format!(
        "Nobody answered about {} by the deadline: it slips to {}, and waits for approval.",
        case.server,
        line(new.starts_at, bounds.zone)
    );
    let moved = window.clone().with_plan(new);
    Some(Change { decided: Decided::Slipped, before: window.plan, window: moved, sentence })
}
