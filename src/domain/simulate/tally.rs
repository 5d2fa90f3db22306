//! What is counted in one replay.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use super::outcome::Outcome;
use super::replay::Standing;
use super::stage::Stage;
use crate::domain::decision::Decided;
use crate::domain::occupancy::hour_of;
use crate::domain::window::WindowState;

/// Why a window was not started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// Nobody approved it.
    Approval,
    /// A rule.
    Rule(&'static str),
}

/// What silence came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Silenced {
    Approved,
    Slipped,
    SecondOwner,
    Operators,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// What became of each server, by its number.
    pub(super) outcomes: Vec<Outcome>,
    /// The windows that were not started, by the rule.
    pub(super) missed: BTreeMap<&'static str, u32>,
    /// How many were to start in an hour, and how many may.
    pub(super) hours: BTreeMap<DateTime<Utc>, (u32, u32)>,
    /// The runs that began: whose and when.
    pub(super) starts: Vec<(usize, DateTime<Utc>)>,
    /// Mails of each owner by the Monday of their week.
    pub(super) mails: Vec<BTreeMap<NaiveDate, u32>>,
    /// What operators have to look at, by night.
    pub(super) troubles: BTreeMap<NaiveDate, u32>,
    pub(super) peak: u32,
    pub(super) waited: u32,
    pub(super) silence: BTreeMap<Silenced, u32>,
    pub(super) decisions: BTreeMap<&'static str, u32>,
    pub(super) refusals: BTreeMap<&'static str, u32>,
    pub(super) no_time: u32,
    /// Servers that began before their canaries had been watched for long enough.
    pub(super) unsoaked: u32,
    canaries: BTreeMap<String, DateTime<Utc>>,
}

fn one_more<K: Ord>(counts: &mut BTreeMap<K, u32>, key: K) {
    let count = counts.entry(key).or_default();
    *count = count.saturating_add(1);
}

/// The evening that a night belongs to.
pub(super) fn night_of(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    at.checked_sub_signed(TimeDelta::hours(12)).unwrap_or(at).with_timezone(&zone).date_naive()
}

impl Tally {
    pub(super) fn new(stage: &Stage<'_>) -> Self {
        Self { mails: vec![BTreeMap::new(); stage.readers.len()], ..Self::default() }
    }

    pub(super) fn mail(&mut self, owner: usize, zone: Tz, at: DateTime<Utc>) {
        let day = at.with_timezone(&zone).date_naive();
        let back = Days::new(u64::from(day.weekday().num_days_from_monday()));
        if let Some(weeks) = self.mails.get_mut(owner) {
            one_more(weeks, day.checked_sub_days(back).unwrap_or(day));
        }
    }

    pub(super) fn planned(&mut self, at: DateTime<Utc>, limit: u32) {
        let hour = self.hours.entry(hour_of(at)).or_default();
        *hour = (hour.0.saturating_add(1), hour.1.max(limit));
    }

    pub(super) fn begins(&mut self, server: usize, at: DateTime<Utc>, busy: usize) {
        self.starts.push((server, at));
        self.peak = self.peak.max(u32::try_from(busy).unwrap_or(u32::MAX));
    }

    pub(super) fn waited_for_place(&mut self) {
        self.waited = self.waited.saturating_add(1);
    }

    pub(super) fn trouble(&mut self, zone: Tz, at: DateTime<Utc>) {
        one_more(&mut self.troubles, night_of(at, zone));
    }

    pub(super) fn silenced(&mut self, what: Silenced) {
        one_more(&mut self.silence, what);
    }

    pub(super) fn decided(&mut self, decided: Decided) {
        one_more(&mut self.decisions, decided.as_str());
    }

    /// A refusal, by its rule; what is about states has none.
    pub(super) fn refused(&mut self, rule: Option<&'static str>) {
        one_more(&mut self.refusals, rule.unwrap_or("over or changed meanwhile"));
    }

    pub(super) fn found_no_time(&mut self) {
        self.no_time = self.no_time.saturating_add(1);
    }

    pub(super) fn canary_done(&mut self, group: &str, at: DateTime<Utc>) {
        let end = self.canaries.entry(group.to_owned()).or_insert(at);
        *end = at.max(*end);
    }

    pub(super) fn canaries_ended(&self, group: &str) -> Option<DateTime<Utc>> {
        self.canaries.get(group).copied()
    }

    pub(super) fn begins_unsoaked(&mut self) {
        self.unsoaked = self.unsoaked.saturating_add(1);
    }

    /// The end: what became of each server.
    pub(super) fn close(&mut self, stage: &Stage<'_>, standings: &[Standing]) {
        for (seat, standing) in stage.seats.iter().zip(standings) {
            let outcome = outcome(standing);
            if let (Outcome::NotStarted, Some(Missing::Rule(rule)), true) =
                (outcome, standing.missing, seat.entry.counted)
            {
                one_more(&mut self.missed, rule);
            }
            self.outcomes.push(outcome);
        }
    }
}

fn outcome(standing: &Standing) -> Outcome {
    let Some(window) = &standing.window else { return Outcome::NoTime };
    match (&window.state, standing.missing) {
        (WindowState::Completed, _) => Outcome::Patched,
        (WindowState::Failed { .. }, _) => Outcome::Failed,
        (WindowState::NeedsHuman { .. }, _) => Outcome::NeedsPerson,
        (WindowState::Missed { .. }, Some(Missing::Approval)) => Outcome::NotApproved,
        (WindowState::Missed { .. }, _) => Outcome::NotStarted,
        (WindowState::Declined(_), _) => Outcome::Declined,
        (WindowState::Unscheduled, _) => Outcome::NoTime,
        (
            WindowState::Deferred { .. }
            | WindowState::Cancelled { .. }
            | WindowState::Running { .. }
            | WindowState::Proposed
            | WindowState::Approved(_)
            | WindowState::Locked(_),
            _,
        ) => Outcome::LeftAlone,
    }
}
