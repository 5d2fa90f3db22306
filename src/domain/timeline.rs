//! What comes next for a window and for an owner: the events that the scheduler waits for, and their instants.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::ids::WindowId;
use super::policy::{Policy, Silence};
use super::quarter::{Quarter, Quarters};
use super::window::{Plan, Window, WindowState};

/// Something that falls due for a window or for an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// An owner's monthly notice for a quarter.
    MonthlyNotice,
    /// An owner's request for approval for the windows of the coming week.
    ApprovalRequest,
    /// The deadline for an answer has passed.
    Silence,
    /// The pre-checks are made for trial, weeks before the window.
    Rehearsal,
    /// A day before the window.
    Reminder,
    /// The pre-checks before the window.
    Precheck,
    /// The schedule is locked.
    Lock,
    /// An exception ends: the window was put off beyond its quarter until now.
    ExceptionEnds,
    /// The second owner, or the operators, have not answered either.
    Escalation,
    /// The window starts; while its run lasts, this event is held by whoever drives the run.
    Start,
}

impl Event {
    const ALL: [Self; 10] = [
        Self::MonthlyNotice,
        Self::ApprovalRequest,
        Self::Silence,
        Self::Rehearsal,
        Self::Reminder,
        Self::Precheck,
        Self::Lock,
        Self::ExceptionEnds,
        Self::Escalation,
        Self::Start,
    ];

    /// The event's name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MonthlyNotice => "monthly_notice",
            Self::ApprovalRequest => "approval_request",
            Self::Silence => "silence",
            Self::Rehearsal => "rehearsal",
            Self::Reminder => "reminder",
            Self::Precheck => "precheck",
            Self::Lock => "lock",
            Self::ExceptionEnds => "exception_ends",
            Self::Escalation => "escalation",
            Self::Start => "start",
        }
    }

    /// Reads an event's name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == name)
    }
}

/// An event and its instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// When it falls due.
    pub at: DateTime<Utc>,
    /// What.
    pub event: Event,
}

/// How often operators get a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Every {
    /// Each day at 08:00.
    Daily,
    /// Each Monday at 09:00.
    Weekly,
    /// On the first of each month at 10:00.
    Monthly,
}

impl Every {
    /// The report's name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }

    /// The last instant before or at `now` that this report was due, and the one before that.
    #[must_use]
    pub fn last_due(self, zone: Tz, now: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
        let today = now.with_timezone(&zone).date_naive();
        let is_due = |day: &NaiveDate| match self {
            Self::Daily => true,
            Self::Weekly => day.weekday() == Weekday::Mon,
            Self::Monthly => day.day() == 1,
        };
        let hour = match self {
            Self::Daily => 8,
            Self::Weekly => 9,
            Self::Monthly => 10,
        };
        let time = NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or(NaiveTime::MIN);
        let mut due = (0..70_u64)
            .filter_map(|back| today.checked_sub_days(Days::new(back)))
            .filter(is_due)
            .map(|day| wall(day, time, zone))
            .filter(|at| *at <= now);
        let last = due.next().unwrap_or(now);
        (last, due.next().unwrap_or(last))
    }

    /// The next instant after `now` that this report is due.
    #[must_use]
    pub fn next_due(self, zone: Tz, now: DateTime<Utc>) -> DateTime<Utc> {
        let ahead = |days: i64| now.checked_add_signed(TimeDelta::days(days)).unwrap_or(now);
        (1..=33)
            .map(ahead)
            .map(|later| self.last_due(zone, later).0)
            .find(|at| *at > now)
            .unwrap_or(ahead(33))
    }
}

/// The last moment to answer about a window: the end of the Tuesday before it, in its zone, and never after the lock.
#[must_use]
pub fn answer_by(plan: &Plan, policy: &Policy) -> DateTime<Utc> {
    let date = plan.local.date();
    // The Tuesday before the window's day, its end being the midnight after it.
    let back = match date.weekday().days_since(Weekday::Tue) {
        0 => 7,
        days => u64::from(days),
    };
    let midnight = date
        .checked_sub_days(Days::new(back))
        .and_then(|tuesday| tuesday.succ_opt())
        .map_or(plan.starts_at, |wednesday| wall(wednesday, NaiveTime::MIN, plan.zone));
    let lock = plan.starts_at.checked_sub_signed(policy.lock_before).unwrap_or(plan.starts_at);
    midnight.min(lock)
}

/// The instant of a wall-clock time for a notice; where the clocks skip it, the first instant behind the gap.
#[must_use]
pub fn wall(date: NaiveDate, time: NaiveTime, zone: Tz) -> DateTime<Utc> {
    let local = date.and_time(time);
    (0..=96)
        .filter_map(|quarters| local.checked_add_signed(TimeDelta::minutes(quarters * 15)))
        .find_map(|local| zone.from_local_datetime(&local).earliest())
        .map_or_else(|| local.and_utc(), |at| at.with_timezone(&Utc))
}

/// A rehearsal that is later than this is left out: what it finds would be told too late, or the next one is near.
const REHEARSAL_GRACE: TimeDelta = TimeDelta::hours(6);

/// Whether a rehearsal was slept through for so long that it is left out.
#[must_use]
pub fn is_rehearsal_past(due: Due, now: DateTime<Utc>) -> bool {
    due.event == Event::Rehearsal && now.signed_duration_since(due.at) > REHEARSAL_GRACE
}

/// How much earlier than others a window rehearses, so that the servers of one evening are not all asked at once.
fn rehearses_earlier(window: WindowId, spread: TimeDelta) -> TimeDelta {
    let minutes = u128::try_from(spread.num_minutes()).unwrap_or(0).saturating_add(1);
    let minute = window.0.as_u128().checked_rem(minutes).unwrap_or(0);
    TimeDelta::minutes(i64::try_from(minute).unwrap_or(0))
}

/// A window's events in their order.
fn events(window: WindowId, plan: &Plan, policy: &Policy) -> Vec<Due> {
    let before = |time: TimeDelta| plan.starts_at.checked_sub_signed(time).unwrap_or(plan.starts_at);
    let mut all = vec![
        Due { at: answer_by(plan, policy), event: Event::Silence },
        Due { at: before(policy.precheck_before), event: Event::Precheck },
        Due { at: before(policy.lock_before), event: Event::Lock },
        Due { at: plan.starts_at, event: Event::Start },
    ];
    let earlier = rehearses_earlier(window, policy.rehearsal_spread);
    let rehearsals = policy.rehearsals.iter().map(|time| before(time.checked_add(&earlier).unwrap_or(*time)));
    all.extend(rehearsals.map(|at| Due { at, event: Event::Rehearsal }));
    if policy.silence == Silence::Escalate {
        let answer_by = answer_by(plan, policy);
        let asked = answer_by.checked_add_signed(policy.escalate_for).unwrap_or(answer_by);
        // Operators get their turn before the schedule is locked, even where that leaves the second owner less time.
        let at = asked.min(before(policy.lock_before)).max(answer_by);
        all.push(Due { at, event: Event::Escalation });
    }
    all.extend(policy.reminders.iter().map(|time| Due { at: before(*time), event: Event::Reminder }));
    all.sort();
    all
}

/// What comes next for a window after `done`; nothing once it is settled, runs, or has no time.
///
/// `done` is the event that was just handled. Without one, events that lie before `now` are skipped: a window that
/// is moved to tomorrow gets no reminder that should have gone out today.
#[must_use]
pub fn next_for_window(
    window: &Window,
    policy: &Policy,
    done: Option<Due>,
    now: DateTime<Utc>,
) -> Option<Due> {
    let waits = match window.state {
        WindowState::Proposed | WindowState::Approved(_) | WindowState::Locked(_) => true,
        WindowState::Unscheduled
        | WindowState::Running { .. }
        | WindowState::Completed
        | WindowState::Failed { .. }
        | WindowState::Missed { .. }
        | WindowState::NeedsHuman { .. }
        | WindowState::Declined(_)
        | WindowState::Deferred { .. }
        | WindowState::Cancelled { .. } => false,
    };
    if let WindowState::Deferred { until, .. } = window.state {
        return Some(exception_ends(window, until))
            .filter(|due| done.is_none_or(|done| done.event != due.event));
    }
    let plan = window.plan.filter(|_| waits)?;
    let comes = |due: &Due| match done {
        Some(done) => *due > done,
        // The start itself is never skipped: a start in the past is handled as missed.
        None => due.at > now || due.event == Event::Start,
    };
    events(window.id, &plan, policy).into_iter().find(comes)
}

/// When an exception ends: on the morning after its last day.
fn exception_ends(window: &Window, until: NaiveDate) -> Due {
    let zone = window.plan.map_or(Tz::UTC, |plan| plan.zone);
    let day = until.succ_opt().unwrap_or(until);
    let nine = NaiveTime::from_hms_opt(9, 0, 0).unwrap_or(NaiveTime::MIN);
    Due { at: wall(day, nine, zone), event: Event::ExceptionEnds }
}

/// What comes next for an owner in a quarter: monthly notices at 09:00 of the first day of each of the quarter's
/// months, requests for approval on Mondays at 09:00, in the owner's zone.
#[must_use]
pub fn next_for_owner(quarters: &Quarters, quarter: Quarter, zone: Tz, after: DateTime<Utc>) -> Option<Due> {
    let nine = NaiveTime::from_hms_opt(9, 0, 0).unwrap_or(NaiveTime::MIN);
    let monthly = quarters
        .firsts_of_months(quarter)
        .map(|day| Due { at: wall(day, nine, zone), event: Event::MonthlyNotice })
        .find(|due| due.at > after);
    let today = after.with_timezone(&zone).date_naive().max(quarters.first_day(quarter));
    let to_monday = u64::from(Weekday::Mon.days_since(today.weekday()));
    let weekly = (0..3_u64)
        .filter_map(|week| {
            today.checked_add_days(Days::new(to_monday.saturating_add(week.saturating_mul(7))))
        })
        .filter(|day| *day <= quarters.last_day(quarter))
        .map(|day| Due { at: wall(day, nine, zone), event: Event::ApprovalRequest })
        .find(|due| due.at > after);
    monthly.into_iter().chain(weekly).min()
}

/// The coming patch week of a Monday's request: from the next patch day, seven days.
#[must_use]
pub fn coming_week(policy: &Policy, zone: Tz, now: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
    let today = now.with_timezone(&zone).date_naive();
    let days = match policy.patch_weekday().days_since(today.weekday()) {
        0 => 7,
        days => u64::from(days),
    };
    let from = today.checked_add_days(Days::new(days)).unwrap_or(today);
    let to = from.checked_add_days(Days::new(7)).unwrap_or(from);
    (wall(from, NaiveTime::MIN, zone), wall(to, NaiveTime::MIN, zone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::plan_at;
    use crate::domain::ids::{ServerId, WindowId};
    use uuid::Uuid;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn window() -> Window {
        let plan = plan_at(utc("2026-12-03T19:00:00Z"), Tz::Europe__Berlin, TimeDelta::hours(2));
        let (window, server) = (WindowId(Uuid::from_u128(1)), ServerId(Uuid::from_u128(2)));
        Window::unscheduled(window, server, "2027-Q1".parse().unwrap()).with_plan(plan)
    }

    #[test]
    fn a_window_waits_for_its_deadline_reminder_pre_check_lock_and_start() {
        let policy = Policy::default();
        let mut told = Vec::new();
        let mut due = next_for_window(&window(), &policy, None, utc("2026-11-24T00:00:00Z"));
        while let Some(next) = due {
            told.push(format!("{} {}", next.at.format("%a %d %H:%M"), next.event.as_str()));
            due = next_for_window(&window(), &policy, Some(next), next.at);
        }
        assert_eq!(
            told,
            [
                "Thu 26 18:59 rehearsal", "Tue 01 23:00 silence", "Wed 02 18:59 rehearsal",
                "Wed 02 19:00 reminder", "Thu 03 14:00 precheck", "Thu 03 16:00 lock", "Thu 03 19:00 start"
            ]
        );
    }

    #[test]
    fn reports_are_due_in_the_morning_on_mondays_and_on_the_first() {
        let due = |every: Every, now| {
            let (last, before) = every.last_due(Tz::Europe__Berlin, utc(now));
            let next = every.next_due(Tz::Europe__Berlin, utc(now));
            [before, last, next].map(|at| at.format("%a %d %b %H:%M").to_string()).join(", ")
        };
        let now = "2026-12-01T08:30:00Z";
        assert_eq!(due(Every::Daily, now), "Mon 30 Nov 07:00, Tue 01 Dec 07:00, Wed 02 Dec 07:00");
        assert_eq!(due(Every::Weekly, now), "Mon 23 Nov 08:00, Mon 30 Nov 08:00, Mon 07 Dec 08:00");
        assert_eq!(due(Every::Monthly, now), "Thu 01 Oct 08:00, Sun 01 Nov 09:00, Tue 01 Dec 09:00");
    }

    #[test]
    fn a_plan_made_late_skips_what_should_have_been_before_and_never_the_start() {
        let policy = Policy::default();
        let due = |now| next_for_window(&window(), &policy, None, utc(now)).unwrap().event;
        assert_eq!(due("2026-12-03T15:00:00Z"), Event::Lock);
        assert_eq!(due("2026-12-03T20:00:00Z"), Event::Start);
    }

    #[test]
    fn an_owner_is_written_to_on_the_first_of_the_months_and_on_mondays_in_his_zone() {
        let quarters = Quarters::default();
        let mut after = utc("2026-10-20T00:00:00Z");
        let mut told = Vec::new();
        for _ in 0..7 {
            let due =
                next_for_owner(&quarters, "2027-Q1".parse().unwrap(), Tz::America__New_York, after).unwrap();
            told.push(format!("{} {}", due.at.format("%a %d %b %H:%M"), due.event.as_str()));
            after = due.at;
        }
        assert_eq!(
            told,
            [
                "Sun 01 Nov 14:00 monthly_notice", "Mon 02 Nov 14:00 approval_request",
                "Mon 09 Nov 14:00 approval_request", "Mon 16 Nov 14:00 approval_request",
                "Mon 23 Nov 14:00 approval_request", "Mon 30 Nov 14:00 approval_request",
                "Tue 01 Dec 14:00 monthly_notice",
            ]
        );
    }
}
