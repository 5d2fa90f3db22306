//! Exceptions: a server that is not patched in its quarter, nor before the end of a day beyond it, because an operator
//! granted that.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use super::decision::{Case, Change, Decided};
use super::ids::ServerId;
use super::permit::Permit;
use super::quarter::{Quarter, Quarters};
use super::refusal::Refusal;
use super::window::{Window, WindowState};

/// `Fri 12 Mar 2027`.
#[must_use]
pub fn day_name(day: NaiveDate) -> String {
    day.format("%a %-d %b %Y").to_string()
}

/// What is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant<'a> {
    /// The last day without patching.
    pub until: NaiveDate,
    /// Who asked.
    pub asked_by: &'a str,
    /// Who grants it.
    pub granted_by: &'a str,
    /// Why.
    pub reason: &'a str,
}

/// Whether a window may be put off until the end of a day.
///
/// # Errors
/// When the day is not beyond its quarter or too far, or the window is over, runs, or has begun.
pub fn may_be_put_off(case: &Case<'_>, until: NaiveDate, permit: &Permit) -> Result<(), Refusal> {
    if permit.only_approves() {
        return Err(Refusal::OnlyApproves { server: case.name() });
    }
    match &case.window.state {
        WindowState::Unscheduled
        | WindowState::Proposed
        | WindowState::Approved(_)
        | WindowState::Locked(_) => case.has_begun()?,
        WindowState::Missed { .. } => {}
        WindowState::Declined(refused) if refused.by == permit.person() || permit.is_operator() => {}
        WindowState::Declined(refused) => {
            return Err(Refusal::Contradiction { server: case.name(), by: refused.name.clone() });
        }
        WindowState::Failed { .. } | WindowState::NeedsHuman { .. } if permit.is_operator() => {}
        WindowState::Failed { .. } | WindowState::NeedsHuman { .. } => {
            return Err(Refusal::OperatorFirst { server: case.name(), state: case.window.state.phrase() });
        }
        WindowState::Running { .. } => return Err(Refusal::AlreadyStarted { server: case.name() }),
        WindowState::Completed | WindowState::Deferred { .. } | WindowState::Cancelled { .. } => {
            return Err(case.over());
        }
    }
    let bounds = &case.bounds;
    let after = |day: NaiveDate, days: u64| day.checked_add_days(Days::new(days)).unwrap_or(day);
    let today = bounds.now.with_timezone(&bounds.zone).date_naive();
    let ends = bounds.quarters.last_day(case.window.quarter);
    let first = after(ends.max(today), 1);
    if until < first {
        let quarter = bounds.quarters.describe(case.window.quarter);
        return Err(Refusal::NotBeyond { server: case.name(), until, quarter, first });
    }
    let last = after(ends, u64::from(bounds.policy.exception_days));
    if until > last {
        return Err(Refusal::TooFar { server: case.name(), until, last });
    }
    Ok(())
}

/// Puts a window off.
#[must_use]
pub fn put_off(case: &Case<'_>, grant: Grant<'_>) -> Change {
    let state = WindowState::Deferred {
        until: grant.until,
        by: grant.asked_by.to_owned(),
        granted_by: grant.granted_by.to_owned(),
        reason: grant.reason.to_owned(),
    };
    let sentence = format!(
        "{} is put off until {}: it is not patched in {}, and is planned again when that ends.",
        case.server,
        day_name(grant.until),
        case.window.quarter
    );
    let window = Window { state, consents: Vec::new(), ..case.window.clone() };
    Change { decided: Decided::Excepted, window, before: case.window.plan, sentence }
}

/// When the quarter of a window that is put off is over, its exception cannot be taken back: it ends at once instead,
/// and the server is planned in the quarter that it is. Nothing for any other window.
#[must_use]
pub fn ended_by(case: &Case<'_>) -> Option<Change> {
    let WindowState::Deferred { by, granted_by, reason, .. } = &case.window.state else { return None };
    let today = case.bounds.now.with_timezone(&case.bounds.zone).date_naive();
    if case.bounds.quarters.last_day(case.window.quarter) >= today {
        return None;
    }
    let state = WindowState::Deferred {
        until: today.pred_opt().unwrap_or(today),
        by: by.clone(),
        granted_by: granted_by.clone(),
        reason: reason.clone(),
    };
    let sentence = format!("{} is not put off any longer: it is planned again today.", case.server);
    let window = Window { state, ..case.window.clone() };
    Some(Change { decided: Decided::Withdrawn, window, before: case.window.plan, sentence })
}

/// Until when a window that is put off keeps its server from being patched in another quarter; nothing when that is
/// over, or ends before the quarter begins.
#[must_use]
pub fn excuses(
    window: &Window,
    quarter: Quarter,
    quarters: &Quarters,
    today: NaiveDate,
) -> Option<NaiveDate> {
    match window.state {
        WindowState::Deferred { until, .. }
            if window.quarter != quarter && until >= today && until >= quarters.first_day(quarter) =>
        {
            Some(until)
        }
        _ => None,
    }
}

/// The servers that are put off into a quarter, and until when.
#[must_use]
pub fn excused(
    put_off: &[Window],
    quarter: Quarter,
    quarters: &Quarters,
    today: NaiveDate,
) -> BTreeMap<ServerId, NaiveDate> {
    let excuses =
        put_off.iter().filter_map(|window| Some((window.server, excuses(window, quarter, quarters, today)?)));
    let mut excused: BTreeMap<ServerId, NaiveDate> = BTreeMap::new();
    for (server, until) in excuses {
        let longest = excused.entry(server).or_insert(until);
        *longest = until.max(*longest);
    }
    excused
}

/// Whether a window of another quarter loses its time to an exception: it would be in it.
#[must_use]
pub fn takes_away(window: &Window, put_off: &Window, until: NaiveDate) -> bool {
    window.id != put_off.id
        && window.can_be_cancelled()
        && window.plan.is_some_and(|plan| plan.local.date() <= until)
}

/// A window without its time: a new revision, which voids any consent.
#[must_use]
pub fn without_time(window: &Window) -> Window {
    Window {
        plan: None,
        revision: window.revision.next(),
        state: WindowState::Unscheduled,
        consents: Vec::new(),
        crossed_by: None,
        ..window.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{PersonId, RunId};
    use crate::domain::permit::{Deciders, authorize};
    use crate::domain::person::{Person, Role};
    use crate::domain::request::tests::{window, with_case};
    use crate::domain::server::{Ownership, Rank};
    use patchbot_commands::Effect;
    use uuid::Uuid;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn ada() -> Permit {
        let id = PersonId(Uuid::from_u128(1));
        let person = Person { id, name: "Ada".to_owned(), mail: None, zone: None, role: Role::Owner };
        let owners = [Ownership { person: id, rank: Rank::Primary }];
        authorize(&person, Effect::Decide, "web01", Deciders { owners: &owners, ..Deciders::default() })
            .unwrap()
    }

    fn put_off_until(until: &str) -> WindowState {
        let reason = "the vendor".to_owned();
        WindowState::Deferred {
            until: day(until),
            by: "Ada".to_owned(),
            granted_by: "Olga".to_owned(),
            reason,
        }
    }

    #[test]
    fn an_exception_ends_beyond_the_quarter_and_not_too_far() {
        let may = |until: &str, now: &str| {
            let window = window(WindowState::Proposed);
            with_case(&window, now, |case| may_be_put_off(case, day(until), &ada()))
        };
        let now = "2026-11-24T08:00:00Z";
        assert!(matches!(may("2027-01-31", now), Err(Refusal::NotBeyond { .. })));
        assert_eq!(may("2027-02-01", now), Ok(()));
        assert_eq!(may("2027-05-01", now), Ok(()));
        assert!(matches!(may("2027-05-02", now), Err(Refusal::TooFar { .. })));
        assert!(matches!(may("2027-02-01", "2026-12-03T19:00:00Z"), Err(Refusal::Past { .. })));
    }

    #[test]
    fn what_is_over_or_runs_is_not_put_off() {
        let run = RunId(Uuid::from_u128(6));
        for (state, is_possible) in [
            (WindowState::Unscheduled, true),
            (WindowState::Missed { reason: String::new() }, true),
            (WindowState::Running { run }, false),
            (WindowState::Completed, false),
            (WindowState::Failed { reason: String::new() }, false),
            (put_off_until("2027-03-12"), false),
        ] {
            let window = window(state);
            let may = with_case(&window, "2026-11-24T08:00:00Z", |case| {
                may_be_put_off(case, day("2027-03-12"), &ada())
            });
            assert_eq!(may.is_ok(), is_possible, "{}", window.state.as_str());
        }
    }

    #[test]
    fn it_excuses_from_the_quarters_it_reaches_into_as_long_as_it_lasts() {
        let (window, quarters) = (window(put_off_until("2027-03-12")), Quarters::default());
        let excused = |quarter: &str, today: &str| {
            excuses(&window, quarter.parse().unwrap(), &quarters, day(today)).is_some()
        };
        assert!(!excused("2027-Q1", "2027-01-10"), "its own quarter has its window");
        assert!(excused("2027-Q2", "2027-01-10") && excused("2027-Q2", "2027-03-12"));
        assert!(!excused("2027-Q2", "2027-03-13") && !excused("2027-Q3", "2027-01-10"));
    }

    #[test]
    fn in_its_quarter_it_is_taken_back_and_after_it_it_ends() {
        let window = window(put_off_until("2027-03-12"));
        assert!(with_case(&window, "2027-01-31T22:00:00Z", ended_by).is_none());
        let change = with_case(&window, "2027-02-10T08:00:00Z", ended_by).unwrap();
        assert!(
            matches!(change.window.state, WindowState::Deferred { until, .. } if until == day("2027-02-09"))
        );
    }
}
