//! How often owners can still move a window, and to which day: told with each notice that asks, and after each move.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use super::policy::Policy;
use super::quarter::{Quarter, Quarters};
use super::window::{Plan, Window};

/// What is left to owners of moving a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MovesLeft {
    /// How often it can still be moved.
    pub count: i64,
    /// The last day it can be moved to.
    pub last: NaiveDate,
}

impl MovesLeft {
    /// What the rules of its host group leave of a window's moves.
    #[must_use]
    pub fn of(window: &Window, policy: &Policy, quarters: &Quarters) -> Self {
        Self {
            count: i64::from(policy.moves).saturating_sub(window.moves).max(0),
            last: last_day(quarters, window.quarter, policy),
        }
    }

    /// What stands behind `web01`.
    fn predicate(self) -> String {
        let often = match self.count {
            0 => return "can be moved by an operator only".to_owned(),
            1 => "once more".to_owned(),
            2 => "twice more".to_owned(),
            count => format!("{count} more times"),
        };
        format!("can be moved {often}, to {} at the latest", self.last.format("%a %-d %b %Y"))
    }

    /// `It can be moved twice more, to Sun 31 Jan 2027 at the latest.`
    #[must_use]
    pub fn sentence(self) -> String {
        format!("It {}.", self.predicate())
    }
}

/// The last day to which owners can put a quarter's windows off.
#[must_use]
pub fn last_day(quarters: &Quarters, quarter: Quarter, policy: &Policy) -> NaiveDate {
    let last = quarters.last_day(quarter);
    last.checked_sub_days(Days::new(u64::from(policy.deadline_days))).unwrap_or(last)
}

/// The same about several servers, in one sentence; none about none.
#[must_use]
pub fn moves_sentence(each: &[(&str, MovesLeft)]) -> Option<String> {
    let mut alike: Vec<(MovesLeft, Vec<&str>)> = Vec::new();
    for (server, left) in each {
        match alike.iter_mut().find(|(known, _)| known == left) {
            Some((_, servers)) => servers.push(server),
            None => alike.push((*left, vec![server])),
        }
    }
    match alike.as_slice() {
        [] => None,
        [(left, servers)] if servers.len() == 1 => Some(left.sentence()),
        [(left, _)] => Some(format!("Each of them {}.", left.predicate())),
        several => {
            let parts: Vec<String> = several
                .iter()
                .map(|(left, servers)| format!("{} {}", servers.join(", "), left.predicate()))
                .collect();
            Some(format!("{}.", parts.join("; ")))
        }
    }
}

/// A time as it is typed that somebody may put his own in place of: a window's hour, so many weeks on that it is to come.
#[must_use]
pub fn a_week_later(plan: Option<Plan>, now: DateTime<Utc>, zone: Tz) -> String {
    let Some(plan) = plan else {
        let week = now.checked_add_signed(TimeDelta::weeks(1)).unwrap_or(now);
        return format!("{} 20:00", week.with_timezone(&zone).format("%Y-%m-%d"));
    };
    let passed = now.signed_duration_since(plan.starts_at).num_weeks().max(0);
    let weeks = TimeDelta::try_weeks(passed.saturating_add(1)).unwrap_or_default();
    plan.local.checked_add_signed(weeks).unwrap_or(plan.local).format("%Y-%m-%d %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_with_the_same_limit_are_told_together() {
        let last = NaiveDate::from_ymd_opt(2027, 1, 31).unwrap();
        let left = |count| MovesLeft { count, last };
        for (each, wanted) in [
            (vec![], None),
            (
                vec![("web01", left(3))],
                Some("It can be moved 3 more times, to Sun 31 Jan 2027 at the latest."),
            ),
            (vec![("web01", left(1))], Some("It can be moved once more, to Sun 31 Jan 2027 at the latest.")),
            (vec![("web01", left(0))], Some("It can be moved by an operator only.")),
            (
                vec![("web01", left(2)), ("web02", left(2))],
                Some("Each of them can be moved twice more, to Sun 31 Jan 2027 at the latest."),
            ),
            (
                vec![("web01", left(0)), ("web02", left(3)), ("web03", left(0))],
                Some(
                    "web01, web03 can be moved by an operator only; web02 can be moved 3 more times, to Sun 31 Jan 2027 at the latest.",
                ),
            ),
        ] {
            assert_eq!(moves_sentence(&each).as_deref(), wanted);
        }
    }
}
