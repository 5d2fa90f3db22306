//! Re-evaluation: what becomes of a future window whose time breaks a rule that did not hold when it was chosen.

use chrono::{DateTime, NaiveDate, Utc};

use super::bounds::Bounds;
use super::calendar::instant;
use super::decision::{Case, Change, Decided};
use super::policy::Strategy;
use super::refusal::Refusal;
use super::rule::Broken;
use super::shown::line;
use super::window::{Plan, Window, WindowState};

/// What a window is that cannot keep its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rechecked {
    /// It is changed by its group's strategy; `why` is the rule as a sentence.
    Changed {
        /// The change, to be committed with its audit event and its messages.
        change: Box<Change>,
        /// The rule that its time breaks, or why its clock reads another time.
        why: String,
    },
    /// It starts so soon that only a person changes it; the rule holds it back at its start.
    TooLate {
        /// The rule that its time breaks.
        why: String,
    },
}

impl Bounds<'_> {
    /// The rules that a start breaks as they are now. That it is near, or its hour crowded, is none; neither is what
    /// an operator crossed.
    #[must_use]
    pub fn broken_rules(&self, at: DateTime<Utc>, crossed: bool) -> Vec<Broken> {
        let plan = self.plan(at);
        let room = match self.by_room(at, &plan) {
            Err(Refusal::Rule(broken)) => Some(broken),
            Ok(()) | Err(_) => None,
        };
        let mut all: Vec<Broken> = Vec::new();
        for broken in [self.by_rules(at).err(), room, self.by_service(at, &plan).err()].into_iter().flatten()
        {
            let is_crossed = crossed && broken.can_be_crossed();
            if !is_crossed && !all.contains(&broken) {
                all.push(broken);
            }
        }
        all
    }

    /// The rule that a window loses its time by, when there is one.
    pub(super) fn lost_by(&self, at: DateTime<Utc>, crossed: bool) -> Option<Broken> {
        // Who follows a canary without a time waits for that one's; taking the times of all the others would not help.
        // And how long runs take is learnt, not changed by anybody.
        let by_none = |broken: &Broken| matches!(broken, Broken::NoCanaryYet { .. } | Broken::TooLong { .. });
        self.broken_rules(at, crossed).into_iter().find(|broken| !by_none(broken))
    }
}

/// Looks at a window that waits for its start. Nothing when it can stay as it is.
///
/// A window is a time on its server's own clock: when the zone was wrong, or its clock changes are others than were
/// known, it stays at that time of the clock, which is another instant. Where that is not legal, and where a rule is
/// broken, the group's strategy decides. Whatever moves waits for approval again.
#[must_use]
pub fn recheck(case: &Case<'_>) -> Option<Rechecked> {
    let (window, bounds) = (case.window, &case.bounds);
    let plan = window.plan.filter(|plan| plan.starts_at > bounds.now)?;
    if !matches!(window.state, WindowState::Proposed | WindowState::Approved(_) | WindowState::Locked(_)) {
        return None;
    }
    let by_clock = same_clock(bounds, &plan);
    let broken = bounds.lost_by(plan.starts_at, window.crossed_by.is_some());
    let why = match (&by_clock, &broken) {
        (None, None) => return None,
        (Some(clock), _) => clock.why(bounds, &plan),
        (None, Some(broken)) => broken.to_string(),
    };
    let last_call = plan.starts_at.checked_sub_signed(bounds.policy.lock_before).unwrap_or(plan.starts_at);
    if matches!(window.state, WindowState::Locked(_)) || bounds.now >= last_call {
        return Some(Rechecked::TooLate { why });
    }
    let stays = by_clock.and_then(|clock| bounds.check(clock.at?).ok());
    let change = match stays {
        Some(new) => moved(case, new, &why),
        None => by_strategy(case, &plan, &why),
    };
    Some(Rechecked::Changed { change: Box::new(change), why })
}

/// A time on the server's clock that is another instant than was planned; none where the clocks skip or repeat it.
struct Clock {
    at: Option<DateTime<Utc>>,
}

fn same_clock(bounds: &Bounds<'_>, plan: &Plan) -> Option<Clock> {
    let at = instant(bounds.zone, plan.local).ok();
    (at != Some(plan.starts_at)).then_some(Clock { at })
}

impl Clock {
    fn why(&self, bounds: &Bounds<'_>, plan: &Plan) -> String {
        let (zone, local) = (bounds.zone.name(), plan.local.format("%a %-d %b %Y, %H:%M"));
        match self.at {
            _ if plan.zone != bounds.zone => {
                format!(
                    "When {local} was chosen, its zone was thought to be {}; it is {zone}.",
                    plan.zone.name()
                )
            }
            Some(_) => format!(
                "The clocks of {zone} are changed on other days than was known when {local} was chosen."
            ),
            None => format!(
                "The clocks of {zone} skip or repeat {local}, which was not known when it was chosen."
            ),
        }
    }
}

fn by_strategy(case: &Case<'_>, plan: &Plan, why: &str) -> Change {
    // What it has to leave does not bind it: neither its hour nor the freeze of its week.
    let bounds = Bounds { present: None, ..case.bounds };
    let apart = |at: &DateTime<Utc>| at.signed_duration_since(plan.starts_at).abs();
    let days = bounds.patch_days(NaiveDate::MIN);
    let legal = days.flat_map(|day| bounds.legal_on(day).collect::<Vec<_>>());
    let chosen = match bounds.policy.when_illegal {
        Strategy::Nearest => legal.min_by_key(|at| (apart(at), *at)),
        Strategy::Next => legal.filter(|at| *at > plan.starts_at).min(),
        Strategy::Ask => None,
        Strategy::Cancel => return cancelled(case, why),
    };
    match chosen.and_then(|at| bounds.check(at).ok()) {
        Some(new) => moved(case, new, why),
        None => without_time(case, why),
    }
}

fn moved(case: &Case<'_>, new: Plan, why: &str) -> Change {
    let to = line(new.starts_at, case.bounds.zone);
    let sentence = format!("{} moves to {to}, and waits for approval. {why}", case.server);
    Change {
        decided: Decided::Replanned,
        before: case.window.plan,
        window: case.window.clone().with_plan(new),
        sentence,
    }
}

fn without_time(case: &Case<'_>, why: &str) -> Change {
    let sentence = format!("{} has no time any more, and needs another one. {why}", case.server);
    Change {
        decided: Decided::Unplanned,
        before: case.window.plan,
        window: case.window.clone().without_plan(),
        sentence,
    }
}

fn cancelled(case: &Case<'_>, why: &str) -> Change {
    let quarter = case.window.quarter;
    let sentence = format!("{} is not patched in {quarter}. {why}", case.server);
    let window = Window {
        state: WindowState::Cancelled { reason: why.trim_end_matches('.').to_owned() },
        consents: Vec::new(),
        ..case.window.clone()
    };
    Change { decided: Decided::Cancelled, before: case.window.plan, window, sentence }
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDateTime, TimeDelta};
    use chrono_tz::Tz;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::answer::Channel;
    use crate::domain::blackout::Blackout;
    use crate::domain::calendar::tests::ZONES;
    use crate::domain::days::Hours;
    use crate::domain::ids::{ServerId, WindowId};
    use crate::domain::occupancy::{Occupancy, Place};
    use crate::domain::policy::Policy;
    use crate::domain::quarter::Quarters;
    use crate::domain::window::{Approval, Approver};

    fn local(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
    }

    fn approved(window: Window) -> Window {
        let approval = Approval {
            by: Approver::Silence,
            channel: Channel::Clock,
            revision: window.revision,
            at: DateTime::UNIX_EPOCH,
            with: Vec::new(),
        };
        window.approve(approval).unwrap()
    }

    fn policies() -> impl Choice<Value = Policy> {
        let strategy = prop::sample::select(
            &[super::Strategy::Nearest, super::Strategy::Next, super::Strategy::Cancel, super::Strategy::Ask]
                [..],
        );
        (strategy, 0..90_i64, 0..20_i64, any::<bool>()).prop_map(|(when_illegal, first, days, hours)| {
            let from = local("2026-11-01 00:00") + TimeDelta::days(first);
            let blackout = Blackout::new("closing", vec![(from, from + TimeDelta::days(days))], vec![]);
            let allowed: &[&str] = if hours { &["Thu 20:00-24:00", "Sat 10:00-14:00"] } else { &[] };
            let allowed: Vec<Hours> = allowed.iter().map(|text| text.parse().unwrap()).collect();
            Policy { when_illegal, blackouts: vec![blackout].into(), allowed, ..Policy::default() }
        })
    }

    use proptest::strategy::Strategy as Choice;

    proptest! {
        /// Whatever the rules become: what stays breaks none, what moves goes where it may be, and nobody's consent goes
        /// over to another time.
        #[test]
        fn what_stays_is_legal_and_what_moves_becomes_legal_and_waits_for_approval(
            policy in policies(),
            day in 0..91_i64,
            minutes in 0..96_i64,
            zone in prop::sample::select(&ZONES[..]),
            planned in prop::sample::select(&ZONES[..]),
            same_zone in any::<bool>(),
            is_approved in any::<bool>(),
            now in 0..91_i64,
        ) {
            let planned: Tz = if same_zone { zone } else { planned };
            let wall = local("2026-11-01 00:00") + TimeDelta::days(day) + TimeDelta::minutes(minutes * 15);
            let Ok(at) = instant(planned, wall) else { return Ok(()) };
            let plan = Plan::new(wall, planned, at, policy.window_length);
            let server = ServerId(Uuid::from_u128(1));
            let mut window =
                Window::unscheduled(WindowId(Uuid::from_u128(2)), server, "2027-Q1".parse().unwrap()).with_plan(plan);
            if is_approved {
                window = approved(window);
            }
            let (quarters, place, taken) = (Quarters::default(), Place::default(), Occupancy::default());
            let bounds = Bounds {
                policy: &policy, quarters: &quarters, quarter: window.quarter, server, place: &place, zone,
                present: window.plan.as_ref(), taken: &taken, usual: None,
                now: local("2026-11-01 12:00").and_utc() + TimeDelta::days(now),
            };
            let case = Case { window: &window, server: "web01", bounds };
            let same = instant(zone, wall) == Ok(at);
            match recheck(&case) {
                None => prop_assert!(at <= bounds.now || (same && bounds.broken_rules(at, false).is_empty())),
                Some(Rechecked::TooLate { .. }) => prop_assert!(at - bounds.now <= policy.lock_before),
                Some(Rechecked::Changed { change, why }) => {
                    prop_assert!(at - bounds.now > policy.lock_before);
                    prop_assert!(change.sentence.ends_with(&why), "everybody is told the rule");
                    let after = &change.window;
                    prop_assert_eq!(after.approval(), None);
                    match (change.decided, after.plan) {
                        (Decided::Replanned, Some(new)) => {
                            prop_assert!(after.revision > window.revision && after.state == WindowState::Proposed);
                            let alone = Bounds { present: None, ..bounds };
                            prop_assert_eq!(alone.check(new.starts_at), Ok(new));
                            prop_assert!(bounds.broken_rules(new.starts_at, false).is_empty());
                        }
                        (Decided::Unplanned, None) => {
                            prop_assert!(after.revision > window.revision && after.state == WindowState::Unscheduled);
                        }
                        (Decided::Cancelled, _) => prop_assert!(after.state.is_settled()),
                        other => prop_assert!(false, "{other:?}"),
                    }
                    // What was changed once is not changed again.
                    let again = Case { window: after, bounds: Bounds { present: after.plan.as_ref(), ..bounds }, ..case };
                    prop_assert_eq!(recheck(&again), None);
                }
            }
        }
    }
}
