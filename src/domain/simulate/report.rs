//! What the replays came to: each number as it usually is, and in the best and the worst of them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use super::assume::Assumptions;
use super::outcome::{Outcome, Range};
use super::risk::risks;
use super::stage::Stage;
use super::tally::{Silenced, Tally, night_of};
use crate::domain::bounds::Excluded;
use crate::domain::history::Whose;
use crate::domain::planner::canaries_too_late;
use crate::domain::quarter::Quarter;

/// A server without a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Without {
    /// Its name.
    pub server: String,
    /// The rules that exclude it, one sentence each.
    pub why: Vec<String>,
    /// The rule that excludes most.
    pub rule: &'static str,
}

/// A host group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupLine {
    /// Its name; empty for the servers without one.
    pub group: String,
    /// How many servers.
    pub servers: u32,
    /// How many are patched.
    pub patched: Range,
    /// How many nobody approves in time.
    pub not_approved: Range,
    /// What silence means.
    pub silence: &'static str,
}

/// An owner's mails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MailLine {
    /// The owner.
    pub owner: String,
    /// Mails in the worst week.
    pub worst_week: Range,
    /// The Monday of that week, in the replay with most.
    pub week: Option<NaiveDate>,
    /// Mails in the whole quarter.
    pub in_all: Range,
}

/// A night.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NightLine {
    /// The evening's day, in the operators' zone.
    pub night: NaiveDate,
    /// How many runs begin.
    pub runs: Range,
    /// What operators have to look at.
    pub troubles: Range,
}

/// Windows that are at risk for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RiskLine {
    /// The reason, as a sentence about them.
    pub why: &'static str,
    /// Their servers.
    pub servers: Vec<String>,
}

/// What a simulated quarter came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The quarter.
    pub quarter: Quarter,
    /// From when on it was replayed.
    pub from: DateTime<Utc>,
    /// What was assumed.
    pub assumed: Assumptions,
    /// How many servers it is about.
    pub servers: u32,
    /// How many owners can be written to.
    pub owners: usize,
    /// What becomes of the servers; these add up to all of them in each replay.
    pub outcomes: BTreeMap<Outcome, Range>,
    /// What was not started, by the rule.
    pub missed: BTreeMap<&'static str, Range>,
    /// Servers without a time.
    pub without: Vec<Without>,
    /// By host group.
    pub groups: Vec<GroupLine>,
    /// Hours in which something starts.
    pub hours: Range,
    /// Hours in which as many start as may (`per_slot_hour`).
    pub full_hours: Range,
    /// Days with such hours, in the operators' zone.
    pub full_days: Range,
    /// Hours in which more start than may.
    pub hours_over: Range,
    /// How many hosts are worked on at once, at most.
    pub at_once: Range,
    /// How many may be (`ssh.concurrency`).
    pub places: usize,
    /// Starts that wait for one to be free.
    pub waited: Range,
    /// Mails of each owner, most in one week first.
    pub mails: Vec<MailLine>,
    /// The nights, in their order.
    pub nights: Vec<NightLine>,
    /// What silence came to: approved, slipped, second owner asked, operators asked.
    pub silence: BTreeMap<&'static str, Range>,
    /// What owners and silence decided.
    pub decisions: BTreeMap<&'static str, Range>,
    /// What was refused to owners, by the rule.
    pub refusals: BTreeMap<&'static str, Range>,
    /// Owners who wanted another time and found none.
    pub no_other_time: Range,
    /// Canaries, and groups that go first, that are planned too late, one sentence each.
    pub canaries: Vec<String>,
    /// Runs that begin before their canaries were watched for long enough.
    pub unsoaked: Range,
    /// Windows at risk, by the reason.
    pub risks: Vec<RiskLine>,
    /// Servers whose run times are known from their own runs, from those of their system, and not at all.
    pub known: [u32; 3],
    /// In how many of the replays each server is patched.
    pub patched: BTreeMap<String, u32>,
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// A range for each key that occurs in any replay.
fn by_key<K: Ord + Copy>(
    tallies: &[Tally],
    counts: impl Fn(&Tally) -> &BTreeMap<K, u32>,
) -> BTreeMap<K, Range> {
    let keys: BTreeSet<K> = tallies.iter().flat_map(|tally| counts(tally).keys().copied()).collect();
    keys.into_iter()
        .map(|key| (key, Range::of(tallies, |tally| counts(tally).get(&key).copied().unwrap_or(0))))
        .collect()
}

pub(super) fn report(stage: &Stage<'_>, assumed: &Assumptions, tallies: &[Tally]) -> Report {
    let scene = &stage.scene;
    let counted = |tally: &Tally, is: &dyn Fn(usize, Outcome) -> bool| {
        let all = stage.seats.iter().zip(&tally.outcomes).enumerate();
        number(all.filter(|(index, (seat, outcome))| seat.entry.counted && is(*index, **outcome)).count())
    };
    let outcomes =
        Outcome::ALL.map(|one| (one, Range::of(tallies, |tally| counted(tally, &|_, it| it == one))));
    let full = |hour: &(u32, u32)| hour.0 >= hour.1;
    let full_days = |tally: &Tally| {
        let days = tally.hours.iter().filter(|(_, hour)| full(hour));
        number(days.map(|(at, _)| at.with_timezone(&scene.zone).date_naive()).collect::<BTreeSet<_>>().len())
    };
    let silence = by_key(tallies, |tally| &tally.silence).into_iter().map(|(what, range)| {
        let name = match what {
            Silenced::Approved => "approved",
            Silenced::Slipped => "slipped",
            Silenced::SecondOwner => "asked of second owners",
            Silenced::Operators => "left to operators",
        };
        (name, range)
    });
    let groups: BTreeSet<String> = stage.seats.iter().map(|seat| seat.place.group.clone()).collect();
    let all: Vec<_> = stage.seats.iter().filter(|seat| seat.entry.counted).collect();
    let known = |whose: Option<Whose>| {
        number(all.iter().filter(|seat| seat.entry.usual.map(|usual| usual.whose) == whose).count())
    };
    let hours = |test: &dyn Fn(&(u32, u32)) -> bool| {
        Range::of(tallies, |tally| number(tally.hours.values().filter(|hour| test(hour)).count()))
    };
    Report {
        quarter: scene.quarter,
        from: scene.now,
        assumed: *assumed,
        servers: number(all.len()),
        owners: stage.readers.iter().filter(|reader| reader.counted).count(),
        outcomes: outcomes.into_iter().collect(),
        missed: by_key(tallies, |tally| &tally.missed),
        without: without(stage),
        groups: by_group(stage, tallies),
        hours: hours(&|_| true),
        full_hours: hours(&full),
        full_days: Range::of(tallies, full_days),
        hours_over: hours(&|hour| hour.0 > hour.1),
        at_once: Range::of(tallies, |tally| tally.peak),
        places: scene.places,
        waited: Range::of(tallies, |tally| tally.waited),
        mails: mails(stage, tallies),
        nights: nights(stage, tallies),
        silence: silence.collect(),
        decisions: by_key(tallies, |tally| &tally.decisions),
        refusals: by_key(tallies, |tally| &tally.refusals),
        no_other_time: Range::of(tallies, |tally| tally.no_time),
        canaries: canaries_too_late(&stage.taken, scene.policies, &groups.into_iter().collect::<Vec<_>>()),
        unsoaked: Range::of(tallies, |tally| tally.unsoaked),
        risks: risks(stage),
        known: [known(Some(Whose::Its)), known(Some(Whose::Systems)), known(None)],
        patched: patched(stage, tallies),
    }
}

fn without(stage: &Stage<'_>) -> Vec<Without> {
    let timeless = |entry: &&super::Entry<'_>| {
        entry.counted
            && entry.window.as_ref().is_none_or(|window| window.plan.is_none() && !window.state.is_settled())
    };
    let entries = stage.scene.entries.iter().filter(timeless);
    entries
        .map(|entry| Without {
            server: entry.server.name.clone(),
            why: entry.excluded.iter().map(Excluded::phrase).collect(),
            rule: entry.excluded.first().map_or("patch_day", |excluded| excluded.rule),
        })
        .collect()
}

fn by_group(stage: &Stage<'_>, tallies: &[Tally]) -> Vec<GroupLine> {
    let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (number, seat) in stage.seats.iter().enumerate().filter(|(_, seat)| seat.entry.counted) {
        members.entry(&seat.place.group).or_default().push(number);
    }
    let line = |(group, members): (&str, Vec<usize>)| {
        let count = |outcome: Outcome| {
            Range::of(tallies, |tally| {
                number(members.iter().filter(|member| tally.outcomes.get(**member) == Some(&outcome)).count())
            })
        };
        GroupLine {
            group: group.to_owned(),
            servers: number(members.len()),
            patched: count(Outcome::Patched),
            not_approved: count(Outcome::NotApproved),
            silence: stage.scene.policies.of(Some(group)).silence.as_str(),
        }
    };
    members.into_iter().map(line).collect()
}

fn mails(stage: &Stage<'_>, tallies: &[Tally]) -> Vec<MailLine> {
    let weeks = |tally: &Tally, owner: usize| tally.mails.get(owner).cloned().unwrap_or_default();
    let mut lines: Vec<MailLine> = stage
        .readers
        .iter()
        .enumerate()
        .filter(|(_, reader)| reader.counted)
        .map(|(owner, reader)| {
            let worst = tallies.iter().flat_map(|tally| weeks(tally, owner));
            let worst = worst.max_by_key(|(week, count)| (*count, std::cmp::Reverse(*week)));
            MailLine {
                owner: reader.person.name.clone(),
                worst_week: Range::of(tallies, |tally| {
                    weeks(tally, owner).values().copied().max().unwrap_or(0)
                }),
                week: worst.map(|(week, _)| week),
                in_all: Range::of(tallies, |tally| {
                    weeks(tally, owner).values().copied().fold(0, u32::saturating_add)
                }),
            }
        })
        .collect();
    lines.sort_by(|one, other| {
        (other.worst_week.usually, other.worst_week.most, &one.owner)
            .cmp(&(one.worst_week.usually, one.worst_week.most, &other.owner))
    });
    lines
}

fn nights(stage: &Stage<'_>, tallies: &[Tally]) -> Vec<NightLine> {
    let zone = stage.scene.zone;
    let runs: Vec<BTreeMap<NaiveDate, u32>> = tallies
        .iter()
        .map(|tally| {
            let mut runs: BTreeMap<NaiveDate, u32> = BTreeMap::new();
            for (_, at) in &tally.starts {
                let count = runs.entry(night_of(*at, zone)).or_default();
                *count = count.saturating_add(1);
            }
            runs
        })
        .collect();
    let troubles = tallies.iter().flat_map(|tally| tally.troubles.keys().copied());
    let nights: BTreeSet<NaiveDate> =
        runs.iter().flat_map(|runs| runs.keys().copied()).chain(troubles).collect();
    nights
        .into_iter()
        .map(|night| NightLine {
            night,
            runs: Range::over(runs.iter().map(|runs| runs.get(&night).copied().unwrap_or(0)).collect()),
            troubles: Range::of(tallies, |tally| tally.troubles.get(&night).copied().unwrap_or(0)),
        })
        .collect()
}

fn patched(stage: &Stage<'_>, tallies: &[Tally]) -> BTreeMap<String, u32> {
    let seats = stage.seats.iter().enumerate().filter(|(_, seat)| seat.entry.counted);
    seats
        .map(|(index, seat)| {
            let well = |tally: &&Tally| tally.outcomes.get(index) == Some(&Outcome::Patched);
            (seat.entry.server.name.clone(), number(tallies.iter().filter(well).count()))
        })
        .collect()
}
