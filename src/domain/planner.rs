//! The planner: every server without a time gets the best legal one, or the rules that exclude it. Deterministic: the
//! same servers, rules, history and seed make the same plan.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, Days as DayCount, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use sha2::{Digest, Sha256};

use super::bounds::{Bounds, Excluded};
use super::history::{History, Usual};
use super::ids::ServerId;
use super::occupancy::{Occupancy, Place};
use super::policy::{Policies, Policy};
use super::quarter::{Quarter, Quarters};
use super::refusal::Refusal;
use super::rule::Broken;
use super::window::Plan;

/// A server that wants a time.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// Which.
    pub server: ServerId,
    /// Its name.
    pub name: &'a str,
    /// Its zone.
    pub zone: Tz,
    /// Its operating system.
    pub system: Option<&'a str>,
    /// Its group and service.
    pub place: Place,
    /// Its group's rules.
    pub policy: &'a Policy,
}

/// Why a server got the time it got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Why {
    /// Whether the days to answer are over by then; the quarter was too far gone otherwise.
    fair: bool,
    answer_days: u32,
    /// How many of how many start in that hour, this one included.
    hour: (u32, u32),
    usual: Option<Usual>,
    /// The mean load at that hour, in thousandths per CPU.
    load: Option<u64>,
    canary: bool,
    soaked: bool,
}

impl Why {
    /// The reasons, as one sentence without a full stop.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut text = if self.fair {
            format!("the first patch day with room after {} days to answer", self.answer_days)
        } else {
            "the first patch day with room; the quarter is too far gone for all the days to answer".to_owned()
        };
        if self.canary {
            text.push_str(", as a canary before the others of its group");
        } else if self.soaked {
            text.push_str(", after its group's canaries and the time to watch them");
        }
        let (number, limit) = self.hour;
        text.push_str(&match self.load {
            Some(load) => format!(
                "; its quietest free hour (load {}.{:02} per CPU), as number {number} of {limit}",
                load / 1000,
                load % 1000 / 10
            ),
            None => format!("; the emptiest hour of that day, as number {number} of {limit}; too few probes to know its quiet hours"),
        });
        text.push_str("; ");
        text.push_str(&match self.usual {
            Some(usual) => usual.phrase(),
            None => "too few runs to say how long it takes".to_owned(),
        });
        text
    }
}

/// A time that a server got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assigned {
    /// When.
    pub plan: Plan,
    /// Why then.
    pub why: Why,
}

/// What a plan is made from, besides the servers.
#[derive(Debug, Clone, Copy)]
pub struct Planner<'a> {
    /// The year's quarters.
    pub quarters: &'a Quarters,
    /// The quarter that is planned.
    pub quarter: Quarter,
    /// All groups' rules.
    pub policies: &'a Policies,
    /// What is known from before.
    pub history: &'a History,
    /// Another seed shuffles servers that are equal to the rules; 0 keeps them in the order of their names.
    pub seed: u64,
    /// The present instant.
    pub now: DateTime<Utc>,
}

/// The regular starts of a group in a zone that the calendar allows, by day.
#[derive(Debug, Default)]
struct Regular {
    days: Vec<Day>,
    /// Why nobody of this group and zone finds a time any more.
    none: Option<Vec<Excluded>>,
}

/// What makes one start better than another: its quietness, the room in its hour, its earliness.
type Rank = (u64, u32, DateTime<Utc>);

#[derive(Debug)]
struct Day {
    date: NaiveDate,
    /// Those that are not taken for everybody yet.
    starts: Vec<(DateTime<Utc>, Plan)>,
}

/// Whether a start stays refused for a whole group while a plan is made: what is taken only grows meanwhile.
fn is_for_everybody(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::SlotFull { .. }
            | Refusal::Rule(Broken::SlotTaken { .. } | Broken::Concurrent { .. } | Broken::Gap { .. })
    )
}

/// A number that a seed makes of a name, the same in every version of the program.
pub(super) fn scattered(seed: u64, name: &str) -> u64 {
    let digest = Sha256::new().chain_update(seed.to_be_bytes()).chain_update(name).finalize();
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl Planner<'_> {
    /// How many groups have to go before a group, at the longest.
    fn depth(&self, group: &str, below: usize) -> usize {
        // A circle is refused with the configuration; here it must only end.
        if below > 20 {
            return 0;
        }
        let after = &self.policies.of(Some(group)).after;
        after
            .iter()
            .map(|earlier| self.depth(earlier, below.saturating_add(1)).saturating_add(1))
            .max()
            .unwrap_or(0)
    }

    /// Gives each candidate a time, in the order of the rules, and adds it to what is taken.
    ///
    /// The answers are in the order of the candidates as they were given.
    pub fn plan(
        &self,
        candidates: &[Candidate<'_>],
        taken: &mut Occupancy,
    ) -> Vec<Result<Assigned, Vec<Excluded>>> {
        let mut depths: BTreeMap<&str, usize> = BTreeMap::new();
        for candidate in candidates {
            let group = candidate.place.group.as_str();
            depths.entry(group).or_insert_with(|| self.depth(group, 0));
        }
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        order.sort_by_cached_key(|index| {
            candidates.get(*index).map(|candidate| {
                let scatter = if self.seed == 0 { 0 } else { scattered(self.seed, candidate.name) };
                (
                    depths.get(candidate.place.group.as_str()).copied().unwrap_or(0),
                    Reverse(candidate.policy.priority),
                    !candidate.place.canary,
                    candidate.place.turn.unwrap_or(usize::MAX),
                    scatter,
                    candidate.name.to_owned(),
                )
            })
        });
        let mut results: Vec<Option<Result<Assigned, Vec<Excluded>>>> = vec![None; candidates.len()];
        let mut calendars: BTreeMap<(String, &'static str), Regular> = BTreeMap::new();
        for index in order {
            let (Some(candidate), Some(result)) = (candidates.get(index), results.get_mut(index)) else {
                continue;
            };
            let key = (candidate.place.group.clone(), candidate.zone.name());
            let regular = calendars.entry(key).or_insert_with(|| self.regular(candidate, taken));
            let found = self.assign(candidate, taken, regular);
            if let Ok(assigned) = &found {
                let span = (assigned.plan.starts_at, assigned.plan.ends_at);
                taken.add(candidate.server, &candidate.place, candidate.policy, span);
            } else if self.is_waited_for(candidate) {
                taken.has_no_time(candidate.name, &candidate.place);
            }
            *result = Some(found);
        }
        results.into_iter().map(|result| result.unwrap_or(Err(Vec::new()))).collect()
    }

    /// Whether others come after this one.
    fn is_waited_for(&self, candidate: &Candidate<'_>) -> bool {
        candidate.place.canary || !candidate.policy.followers.is_empty()
    }

    fn bounds<'a>(
        &'a self,
        candidate: &'a Candidate<'_>,
        taken: &'a Occupancy,
        usual: Option<Usual>,
    ) -> Bounds<'a> {
        Bounds {
            policy: candidate.policy,
            quarters: self.quarters,
            quarter: self.quarter,
            server: candidate.server,
            place: &candidate.place,
            zone: candidate.zone,
            present: None,
            taken,
            usual,
            now: self.now,
        }
    }

    fn regular(&self, candidate: &Candidate<'_>, taken: &Occupancy) -> Regular {
        let bounds = self.bounds(candidate, taken, None);
        let days = bounds.patch_days(NaiveDate::MIN).map(|date| {
            let starts = bounds.starts_of(date).filter_map(|at| Some((at, bounds.by_calendar(at).ok()?)));
            Day { date, starts: starts.collect() }
        });
        Regular { days: days.filter(|day| !day.starts.is_empty()).collect(), none: None }
    }

    fn assign(
        &self,
        candidate: &Candidate<'_>,
        taken: &Occupancy,
        regular: &mut Regular,
    ) -> Result<Assigned, Vec<Excluded>> {
        let usual = self.history.usual(candidate.server, candidate.system);
        let bounds = self.bounds(candidate, taken, usual);
        let today = self.now.with_timezone(&candidate.zone).date_naive();
        let days = u64::from(candidate.policy.answer_days);
        let fair = today.checked_add_days(DayCount::new(days)).unwrap_or(today);
        let found = self
            .best(candidate, &bounds, regular, fair)
            .or_else(|| self.best(candidate, &bounds, regular, today));
        if let Some(assigned) = found {
            return Ok(Assigned {
                why: Why { fair: assigned.plan.local.date() >= fair, ..assigned.why },
                ..assigned
            });
        }
        // What excludes one server without a service or a history excludes the next one like it.
        let alike = candidate.place.service.is_none() && usual.is_none();
        match &regular.none {
            Some(none) if alike => Err(none.clone()),
            _ => {
                let none = bounds.why_none();
                regular.none = alike.then(|| none.clone());
                Err(none)
            }
        }
    }

    /// The best start of the first day from `from` that has one.
    fn best(
        &self,
        candidate: &Candidate<'_>,
        bounds: &Bounds<'_>,
        regular: &mut Regular,
        from: NaiveDate,
    ) -> Option<Assigned> {
        let (policy, taken) = (candidate.policy, bounds.taken);
        for day in regular.days.iter_mut().filter(|day| day.date >= from) {
            let mut best: Option<(Rank, Plan)> = None;
            day.starts.retain(|(at, plan)| {
                let room = bounds
                    .by_history(*at, plan)
                    .map_err(Refusal::Rule)
                    .and_then(|()| bounds.by_room(*at, plan));
                match room {
                    Ok(()) => {
                        let load = self.history.load_at(candidate.server, *at, candidate.zone);
                        // Differences of a tenth are no reason to crowd an hour.
                        let key = (load.unwrap_or(0) / 100, taken.in_hour(*at), *at);
                        if best.as_ref().is_none_or(|(other, _)| key < *other) {
                            best = Some((key, *plan));
                        }
                        true
                    }
                    Err(refusal) => !is_for_everybody(&refusal),
                }
            });
            if let Some((_, plan)) = best {
                let plan = self.spread(candidate, bounds, plan);
                let why = Why {
                    fair: true,
                    answer_days: policy.answer_days,
                    hour: (taken.in_hour(plan.starts_at).saturating_add(1), policy.per_slot_hour),
                    usual: bounds.usual,
                    load: self.history.load_at(candidate.server, plan.starts_at, candidate.zone),
                    canary: candidate.place.canary,
                    soaked: taken.canaries_end(&candidate.place.group).is_some(),
                };
                return Some(Assigned { plan, why });
            }
        }
        None
    }

    /// Moves a start by minutes within the group's spread, where that is legal too.
    fn spread(&self, candidate: &Candidate<'_>, bounds: &Bounds<'_>, plan: Plan) -> Plan {
        let minutes = u64::try_from(candidate.policy.spread.num_minutes()).unwrap_or(0);
        if minutes == 0 {
            return plan;
        }
        let by = scattered(self.seed, candidate.name).checked_rem(minutes.saturating_add(1)).unwrap_or(0);
        let by = TimeDelta::minutes(i64::try_from(by).unwrap_or(0));
        plan.starts_at.checked_add_signed(by).and_then(|at| bounds.check(at).ok()).unwrap_or(plan)
    }
}

/// Canaries that are patched after what they should protect, one sentence each: such a plan is no plan.
#[must_use]
pub fn canaries_too_late(taken: &Occupancy, policies: &Policies, groups: &[String]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut late = |first: &str,
                    end: Option<DateTime<Utc>>,
                    second: &str,
                    start: Option<DateTime<Utc>>,
                    soak: TimeDelta| {
        let (Some(end), Some(start)) = (end, start) else { return };
        if end.checked_add_signed(soak).is_none_or(|free| start < free) {
            wrong.push(format!(
                "{first} end {}, and {second} begin {}: they must be at least {} hours later (rule soak)",
                super::shown::line(end, Tz::UTC),
                super::shown::line(start, Tz::UTC),
                soak.num_hours()
            ));
        }
    };
    for group in groups {
        let policy = policies.of(Some(group).filter(|group| !group.is_empty()).map(String::as_str));
        let name = if group.is_empty() { "the servers without a group" } else { group.as_str() };
        late(
            &format!("The canaries of {name}"),
            taken.canaries_end(group),
            "its others",
            taken.others_start(group),
            policy.soak,
        );
        for earlier in &policy.after {
            late(
                &format!("The servers of {earlier}"),
                taken.group_ends(earlier),
                &format!("those of {name}"),
                taken.group_starts(group),
                policy.soak,
            );
        }
    }
    wrong
}

#[cfg(test)]
mod tests;
