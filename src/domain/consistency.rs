//! Whether the rules of all host groups make sense together: what contradicts itself, and what never triggers.

use std::collections::BTreeSet;

use chrono::{Days as DayCount, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use super::check::Severity;
use super::days::Hours;
use super::policy::{Policies, Policy, Silence};
use super::quarter::Quarters;

/// What was found in the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where: `policy`, `groups.db`.
    pub place: String,
    /// The rule's key; empty when it is about the whole place.
    pub rule: &'static str,
    /// Whether no plan can be made with it; otherwise it only never triggers.
    pub wrong: bool,
    /// What, in a sentence.
    pub sentence: String,
}

struct Looking<'a> {
    place: String,
    policy: &'a Policy,
    found: Vec<Finding>,
}

impl Looking<'_> {
    fn wrong(&mut self, rule: &'static str, sentence: impl Into<String>) {
        self.found.push(Finding { place: self.place.clone(), rule, wrong: true, sentence: sentence.into() });
    }

    fn never(&mut self, rule: &'static str, sentence: impl Into<String>) {
        self.found.push(Finding { place: self.place.clone(), rule, wrong: false, sentence: sentence.into() });
    }
}

/// The first host group that waits for itself through `after`, with the way round.
#[must_use]
pub fn circle(policies: &Policies) -> Option<Vec<String>> {
    for start in policies.groups.keys() {
        let mut way = vec![start.clone()];
        let mut seen: BTreeSet<&String> = BTreeSet::new();
        let mut next: Vec<(&String, usize)> =
            policies.of(Some(start)).after.iter().map(|group| (group, 1)).collect();
        while let Some((group, depth)) = next.pop() {
            way.truncate(depth);
            way.push(group.clone());
            if group == start {
                return Some(way);
            }
            if seen.insert(group) {
                let after = &policies.of(Some(group)).after;
                next.extend(after.iter().map(|group| (group, depth.saturating_add(1))));
            }
        }
    }
    None
}

/// Looks at all rules, for two years from a day.
#[must_use]
pub fn findings(policies: &Policies, quarters: &Quarters, today: NaiveDate) -> Vec<Finding> {
    let all = std::iter::once(("policy".to_owned(), &policies.default))
        .chain(policies.groups.iter().map(|(name, policy)| (format!("groups.{name}"), policy)));
    let critical =
        std::iter::once(&policies.default).chain(policies.groups.values()).filter(|policy| policy.critical);
    let critical = critical.count();
    let mut found = Vec::new();
    for (place, policy) in all {
        // A group repeats the default's findings only where it says something of its own.
        let mut looking = Looking { place, policy, found: Vec::new() };
        looking.hours(quarters, today);
        looking.blackouts(today);
        looking.room(critical);
        looking.people();
        looking.checks();
        looking.order(policies, quarters, today);
        let known: Vec<(&str, &str)> = found
            .iter()
            .filter(|finding: &&Finding| finding.place == "policy")
            .map(|finding| (finding.rule, finding.sentence.as_str()))
            .collect();
        looking.found.retain(|finding| !known.contains(&(finding.rule, finding.sentence.as_str())));
        let new = looking.found;
        found.extend(new);
    }
    found
}

impl Looking<'_> {
    /// The regular wall-clock times of two years.
    fn regular(&self, today: NaiveDate) -> Vec<NaiveDateTime> {
        let slots = &self.policy.slots;
        let last = today.checked_add_days(DayCount::new(730)).unwrap_or(today);
        let starts = |day: NaiveDate| {
            (0..slots.count).filter_map(move |number| {
                let minutes = TimeDelta::minutes(i64::from(number).saturating_mul(i64::from(slots.minutes)));
                day.and_time(slots.from).checked_add_signed(minutes)
            })
        };
        self.policy.patch_day.between(today, last).flat_map(starts).collect()
    }

    fn hours(&mut self, quarters: &Quarters, today: NaiveDate) {
        let policy = self.policy;
        let regular = self.regular(today);
        let allowed = |local: &NaiveDateTime| {
            policy.allowed.is_empty()
                || Hours::end_of(&policy.allowed, *local)
                    .and_then(|end| end.checked_sub_signed(policy.cutoff))
                    .is_some_and(|last| *local <= last)
        };
        let (legal, barred): (Vec<NaiveDateTime>, Vec<NaiveDateTime>) =
            regular.iter().copied().partition(allowed);
        if legal.is_empty() {
            let hours: Vec<String> = policy.allowed.iter().map(ToString::to_string).collect();
            self.wrong(
                "allowed",
                format!(
                    "no proposed time ({}, from {}) is ever inside allowed = {hours:?}, the cutoff taken off: no server could be planned; change patch_day, first_slot or allowed",
                    policy.patch_day,
                    policy.slots.from.format("%H:%M")
                ),
            );
            return;
        }
        for hours in &policy.allowed {
            if !regular.iter().any(|local| hours.end_at(*local).is_some()) {
                self.never(
                    "allowed",
                    format!("no proposed time is inside \"{hours}\"; only people can choose it"),
                );
            }
        }
        if !barred.is_empty() && policy.cutoff > TimeDelta::zero() {
            let times: BTreeSet<String> =
                barred.iter().map(|local| local.format("%H:%M").to_string()).collect();
            let times: Vec<String> = times.into_iter().collect();
            self.never("slots", format!("the proposed times {} are never used: they lie outside the allowed hours or behind the cutoff", times.join(", ")));
        }
        if policy.allowed.is_empty() && policy.cutoff > TimeDelta::zero() {
            self.never("cutoff", "it counts from the end of the allowed hours, and allowed is empty");
        }
        // Every quarter needs a patch day.
        let mut quarter = quarters.after(quarters.of(today));
        for _ in 0..4 {
            let days = (quarters.first_day(quarter), quarters.last_day(quarter));
            let within = |local: &&NaiveDateTime| days.0 <= local.date() && local.date() <= days.1;
            if !legal.iter().any(|local| within(&local)) {
                self.wrong(
                    "patch_day",
                    format!("{} has no patch day ({})", quarters.describe(quarter), policy.patch_day),
                );
                break;
            }
            quarter = quarters.after(quarter);
        }
    }

    fn blackouts(&mut self, today: NaiveDate) {
        let policy = self.policy;
        let from = today.and_time(NaiveTime::MIN);
        let last = today.checked_add_days(DayCount::new(730)).unwrap_or(today).and_time(NaiveTime::MIN);
        let regular = self.regular(today);
        for blackout in policy.blackouts.iter() {
            if !blackout.is_within(from, NaiveDateTime::MAX) {
                self.never("blackouts", format!("\"{}\" is over", blackout.name));
            } else if blackout.is_within(from, last)
                && !regular.iter().any(|local| {
                    let end = local.checked_add_signed(policy.window_length).unwrap_or(*local);
                    blackout.is_within(*local, end)
                })
            {
                self.never(
                    "blackouts",
                    format!("\"{}\" touches no proposed time; it only binds people's moves", blackout.name),
                );
            }
        }
        // A year without any open patch day is no year.
        let open = regular.iter().filter(|local| {
            let end = local.checked_add_signed(policy.window_length).unwrap_or(**local);
            !policy.blackouts.iter().any(|blackout| blackout.covers(**local, end))
        });
        if !regular.is_empty() && open.count() == 0 {
            self.wrong("blackouts", "every proposed time of the next two years lies in a blackout");
        }
    }

    fn room(&mut self, critical: usize) {
        let policy = self.policy;
        if policy.per_slot.is_some_and(|limit| limit > policy.per_slot_hour) {
            self.never("per_slot", format!("per_slot_hour = {} is reached first", policy.per_slot_hour));
        }
        if policy.critical && critical < 2 {
            self.never("gap", "no other host group is critical");
        }
        if i64::from(policy.slots.minutes) <= policy.spread.num_minutes() {
            self.wrong(
                "spread",
                format!(
                    "it is not shorter than slot_minutes = {}: starts would run into the next slot",
                    policy.slots.minutes
                ),
            );
        }
    }

    /// What no run can do without.
    fn checks(&mut self) {
        let policy = self.policy;
        let levels = &policy.checks;
        for (name, level) in [
            ("ssh", levels.ssh),
            ("host_key", levels.host_key),
            ("sudo", levels.sudo),
            ("helper", levels.helper),
        ] {
            if level == Severity::Off {
                let why = format!("{name} cannot be off: without it nothing can be installed; leave it out");
                self.wrong("checks", why);
            }
        }
    }

    fn people(&mut self) {
        let policy = self.policy;
        let days = policy.freeze_to.days_since(policy.freeze_from);
        if days >= 6 {
            self.wrong(
                "freeze_from",
                format!(
                    "the freeze from {} to {} is the whole week: owners could never change anything",
                    policy.freeze_from, policy.freeze_to
                ),
            );
        }
        if policy.silence == Silence::Escalate {
            // The answer is due on Tuesday's end; a Thursday evening is at most so far away.
            let left = TimeDelta::hours(48).checked_sub(&policy.lock_before).unwrap_or_default();
            if policy.escalate_for >= left.checked_add(&TimeDelta::hours(20)).unwrap_or(left) {
                self.never(
                    "escalate_for",
                    "the operators are never asked before the schedule is locked; shorten it",
                );
            }
        }
        if policy.moves == 0 && policy.deadline_days > 0 {
            self.never("deadline_days", "owners may not move at all: moves is 0");
        }
        if policy.approvers.is_empty() && policy.approvals > 3 {
            self.wrong(
                "approvals",
                "a server has two owners at most; with one operator that makes three people",
            );
        }
    }

    fn order(&mut self, policies: &Policies, quarters: &Quarters, today: NaiveDate) {
        let policy = self.policy;
        let quarter = quarters.of(today);
        let length = quarters.last_day(quarter).signed_duration_since(quarters.first_day(quarter));
        if policy.soak >= length {
            self.wrong("soak", "it is longer than a quarter: nothing that follows could be planned");
        }
        if i64::from(policy.deadline_days) >= length.num_days() {
            self.wrong("deadline_days", "it is longer than a quarter: owners could choose no day");
        }
        for group in &policy.after {
            if !policies.groups.contains_key(group) {
                self.never(
                    "after",
                    format!("\"{group}\" has no rules of its own here; look whether the name is right"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::blackout::Blackout;

    fn told(change: impl FnOnce(&mut Policies)) -> String {
        let mut policies = Policies::default();
        change(&mut policies);
        let today = "2026-11-24".parse().unwrap();
        let found = findings(&policies, &Quarters::default(), today);
        let line = |finding: Finding| {
            format!(
                "{} {}.{}: {}",
                if finding.wrong { "✗" } else { "·" },
                finding.place,
                finding.rule,
                finding.sentence
            )
        };
        found.into_iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_defaults_are_consistent_and_every_rule_of_them_triggers() {
        assert_eq!(told(|_| {}), "");
    }

    #[test]
    fn what_no_run_can_do_without_cannot_be_switched_off() {
        let told = told(|policies| policies.default.checks.host_key = Severity::Off);
        assert_eq!(
            told,
            "✗ policy.checks: host_key cannot be off: without it nothing can be installed; leave it out"
        );
    }

    #[test]
    fn hours_in_which_nothing_is_ever_proposed_are_named() {
        insta::assert_snapshot!(told(|policies| policies.default.allowed = vec!["Sat 20:00-24:00".parse().unwrap()]), @r#"✗ policy.allowed: no proposed time (Thu, from 20:00) is ever inside allowed = ["Sat 20:00-24:00"], the cutoff taken off: no server could be planned; change patch_day, first_slot or allowed"#);
        insta::assert_snapshot!(told(|policies| {
            policies.default.allowed = vec!["Thu 20:00-24:00".parse().unwrap(), "Sun 02:00-06:00".parse().unwrap()];
            policies.default.cutoff = TimeDelta::minutes(60);
        }), @r#"
        · policy.allowed: no proposed time is inside "Sun 02:00-06:00"; only people can choose it
        · policy.slots: the proposed times 23:30 are never used: they lie outside the allowed hours or behind the cutoff
        "#);
        insta::assert_snapshot!(told(|policies| policies.default.cutoff = TimeDelta::minutes(60)), @"· policy.cutoff: it counts from the end of the allowed hours, and allowed is empty");
    }

    #[test]
    fn a_rule_that_never_triggers_is_named_with_the_reason() {
        insta::assert_snapshot!(told(|policies| {
            let local = |text: &str| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
            let old = Blackout::new("year-end close", vec![(local("2025-12-20 00:00"), local("2026-01-06 00:00"))], vec![]);
            let mornings = Blackout::new("stocktaking", vec![(local("2026-12-30 06:00"), local("2026-12-30 12:00"))], vec![]);
            let always = Blackout::new("for ever", vec![(local("2026-01-01 00:00"), local("2040-01-01 00:00"))], vec![]);
            policies.default.blackouts = vec![old, mornings].into();
            let db = Policy { critical: true, per_slot: Some(9), after: vec!["wbe".to_owned()], blackouts: vec![always].into(), ..policies.default.clone() };
            policies.groups.insert("db".to_owned(), db);
        }), @r#"
        · policy.blackouts: "year-end close" is over
        · policy.blackouts: "stocktaking" touches no proposed time; it only binds people's moves
        ✗ groups.db.blackouts: every proposed time of the next two years lies in a blackout
        · groups.db.per_slot: per_slot_hour = 5 is reached first
        · groups.db.gap: no other host group is critical
        · groups.db.after: "wbe" has no rules of its own here; look whether the name is right
        "#);
    }

    #[test]
    fn what_contradicts_itself_is_wrong() {
        insta::assert_snapshot!(told(|policies| {
            policies.default.freeze_from = chrono::Weekday::Thu;
            policies.default.freeze_to = chrono::Weekday::Wed;
            policies.default.spread = TimeDelta::minutes(45);
            policies.default.soak = TimeDelta::days(100);
            policies.default.silence = Silence::Escalate;
            policies.default.escalate_for = TimeDelta::hours(72);
        }), @"
        ✗ policy.spread: it is not shorter than slot_minutes = 30: starts would run into the next slot
        ✗ policy.freeze_from: the freeze from Thu to Wed is the whole week: owners could never change anything
        · policy.escalate_for: the operators are never asked before the schedule is locked; shorten it
        ✗ policy.soak: it is longer than a quarter: nothing that follows could be planned
        ");
    }

    #[test]
    fn groups_that_wait_for_each_other_are_a_circle() {
        let mut policies = Policies::default();
        for (name, after) in [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")] {
            policies
                .groups
                .insert(name.to_owned(), Policy { after: vec![after.to_owned()], ..Policy::default() });
        }
        assert_eq!(circle(&policies).unwrap(), ["a", "b", "c", "a"]);
        policies.groups.remove("c");
        assert_eq!(circle(&policies), None);
    }
}
