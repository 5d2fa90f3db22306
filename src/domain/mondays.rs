//! Which windows an owner's Monday is about: those to be approved now, those that still wait, those of this week.

use chrono::{DateTime, Datelike, Days, NaiveTime, Utc, Weekday};
use chrono_tz::Tz;

use super::policy::Policy;
use super::timeline::{coming_week, wall};
use super::window::{Window, WindowState};

/// So many days after a monthly notice nobody is asked the same again.
const ASKED_LATELY: u32 = 6;

/// Whether an owner was asked about everything in the last days, by the notice of the first of the month.
#[must_use]
pub fn was_asked_lately(reader: Tz, now: DateTime<Utc>) -> bool {
    now.with_timezone(&reader).date_naive().day() <= ASKED_LATELY
}

/// Whether a window's approval is requested now: it waits, and lies in the coming patch week.
#[must_use]
pub fn is_requested(window: &Window, policy: &Policy, zone: Tz, now: DateTime<Utc>) -> bool {
    let (from, to) = coming_week(policy, zone, now);
    window.state == WindowState::Proposed
        && window.plan.is_some_and(|plan| plan.starts_at >= from && plan.starts_at < to)
}

/// Whether a window still waits for a time or an answer.
#[must_use]
pub fn still_waits(window: &Window) -> bool {
    matches!(window.state, WindowState::Unscheduled | WindowState::Proposed)
}

/// Whether a window starts between this Monday and the next, and is settled as far as its owners go.
#[must_use]
pub fn is_this_week(window: &Window, zone: Tz, now: DateTime<Utc>) -> bool {
    let today = now.with_timezone(&zone).date_naive();
    let back = u64::from(today.weekday().days_since(Weekday::Mon));
    let monday = today.checked_sub_days(Days::new(back)).unwrap_or(today);
    let next = monday.checked_add_days(Days::new(7)).unwrap_or(monday);
    let to = wall(next, NaiveTime::MIN, zone);
    window.approval().is_some()
        && !window.state.is_settled()
        && window.plan.is_some_and(|plan| plan.starts_at >= now && plan.starts_at < to)
}
