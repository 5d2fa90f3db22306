//! Windows that are at risk before anything has happened, by the reason.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Offset, TimeDelta, Utc};
use chrono_tz::Tz;

use super::replay::after;
use super::report::RiskLine;
use super::stage::{Seat, Stage};
use crate::domain::bounds::Bounds;
use crate::domain::window::{Plan, Window};

/// A change of the clocks so near a window makes its night one of a kind.
const THAT_NIGHT: TimeDelta = TimeDelta::hours(6);

/// Why a window is at risk; the order is that of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    Illegal,
    Canary,
    LastDay,
    NoMove,
    Clocks,
}

impl Reason {
    fn sentence(self) -> &'static str {
        match self {
            Self::Illegal => "their time breaks a rule as it is now (\"patchbot why\" names it)",
            Self::Canary => {
                "if one of these canaries fails, no other time is left for it before those that follow"
            }
            Self::LastDay => "they are on the last patch day of the quarter, so there is no second chance",
            Self::NoMove => "their owners have no move left",
            Self::Clocks => "the clocks change in that night",
        }
    }
}

/// All risks, each with the names of its servers.
pub(super) fn risks(stage: &Stage<'_>) -> Vec<RiskLine> {
    let mut risks: BTreeMap<Reason, Vec<String>> = BTreeMap::new();
    let mut last_days: BTreeMap<(&str, &'static str), Option<NaiveDate>> = BTreeMap::new();
    for seat in stage.seats.iter().filter(|seat| seat.entry.counted) {
        let Some(window) = seat.entry.window.as_ref().filter(|window| !window.state.is_settled()) else {
            continue;
        };
        let Some(plan) = window.plan.filter(|plan| plan.starts_at > stage.scene.now) else { continue };
        let bounds = bounds(stage, seat, window);
        let last = *last_days
            .entry((&seat.place.group, seat.entry.server.zone.name()))
            .or_insert_with(|| bounds.patch_days(NaiveDate::MIN).last());
        let found = [
            (Reason::Illegal, window.crossed_by.is_none() && bounds.by_rules(plan.starts_at).is_err()),
            (Reason::Canary, seat.place.canary && !has_second_chance(stage, seat, &bounds, &plan)),
            (Reason::LastDay, last.is_some_and(|last| plan.local.date() >= last)),
            (Reason::NoMove, window.moves >= i64::from(seat.policy.moves)),
            (Reason::Clocks, clocks_change(&plan)),
        ];
        for (reason, _) in found.into_iter().filter(|(_, is_so)| *is_so) {
            risks.entry(reason).or_default().push(seat.entry.server.name.clone());
        }
    }
    let line = |(reason, servers): (Reason, Vec<String>)| RiskLine { why: reason.sentence(), servers };
    risks.into_iter().map(line).collect()
}

fn bounds<'a>(stage: &'a Stage<'_>, seat: &'a Seat<'_>, window: &'a Window) -> Bounds<'a> {
    Bounds {
        policy: seat.policy,
        quarters: stage.scene.quarters,
        quarter: window.quarter,
        server: seat.entry.server.id,
        place: &seat.place,
        zone: seat.entry.server.zone,
        present: window.plan.as_ref(),
        taken: &stage.taken,
        usual: seat.entry.usual,
        now: stage.scene.now,
    }
}

/// Whether a canary that fails could be patched again, and be watched, before the others follow.
fn has_second_chance(stage: &Stage<'_>, seat: &Seat<'_>, bounds: &Bounds<'_>, plan: &Plan) -> bool {
    let Some(others) = stage.taken.others_start(&seat.place.group) else { return true };
    let later = Bounds { now: plan.ends_at, ..*bounds };
    later
        .patch_days(NaiveDate::MIN)
        .flat_map(|day| later.starts_of(day).collect::<Vec<_>>())
        .take_while(|at| *at < others)
        .any(|at| after(at, seat.policy.soak) <= others && later.check(at).is_ok())
}

/// Whether the clocks are changed in the night of a window.
fn clocks_change(plan: &Plan) -> bool {
    let before = plan.starts_at.checked_sub_signed(THAT_NIGHT).unwrap_or(plan.starts_at);
    offset(before, plan.zone) != offset(after(plan.ends_at, THAT_NIGHT), plan.zone)
}

fn offset(at: DateTime<Utc>, zone: Tz) -> i32 {
    at.with_timezone(&zone).offset().fix().local_minus_utc()
}
