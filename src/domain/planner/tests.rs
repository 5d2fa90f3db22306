//! Plans: the order of the rules, the reasons, and the promise that no plan breaks a rule.

use chrono::{Datelike as _, NaiveDateTime, Weekday};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::days::Days;
use crate::domain::occupancy::hour_of;
use crate::domain::shown::typed;

const NOW: &str = "2026-11-24T12:00:00Z";

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn id(number: usize) -> ServerId {
    ServerId(Uuid::from_u128(number as u128 + 1))
}

fn place(group: &str, canary: bool) -> Place {
    Place { group: group.to_owned(), canary, ..Place::default() }
}

struct World {
    quarters: Quarters,
    policies: Policies,
    history: History,
    taken: Occupancy,
    seed: u64,
}

impl World {
    fn new(change: impl FnOnce(&mut Policies)) -> Self {
        let mut policies = Policies::default();
        change(&mut policies);
        let policies = policies.knowing_each_other();
        Self {
            quarters: Quarters::default(),
            policies,
            history: History::default(),
            taken: Occupancy::default(),
            seed: 0,
        }
    }

    /// Plans servers of these names and places in Berlin: what each got, in words.
    fn plan(&mut self, servers: &[(&str, Place)]) -> Vec<String> {
        let candidates: Vec<Candidate<'_>> = servers
            .iter()
            .enumerate()
            .map(|(number, (name, place))| Candidate {
                server: id(number),
                name,
                zone: Tz::Europe__Berlin,
                system: None,
                place: place.clone(),
                policy: self.policies.of(Some(&place.group)),
            })
            .collect();
        for candidate in &candidates {
            self.taken.enlist(candidate.server, candidate.name, &candidate.place, candidate.policy, None);
        }
        let planner = Planner {
            quarters: &self.quarters,
            quarter: "2027-Q1".parse().unwrap(),
            policies: &self.policies,
            history: &self.history,
            seed: self.seed,
            now: utc(NOW),
        };
        let results = planner.plan(&candidates, &mut self.taken);
        let told = candidates.iter().zip(results).map(|(candidate, result)| match result {
            Ok(assigned) => format!("{} {}", candidate.name, typed(assigned.plan.starts_at, candidate.zone)),
            Err(excluded) => {
                let rules: Vec<String> = excluded.iter().map(Excluded::phrase).collect();
                format!("{}: {}", candidate.name, rules.join(" | "))
            }
        });
        told.collect()
    }
}

fn two_a_day(policy: &mut Policy) {
    policy.slots.count = 2;
    policy.slots.minutes = 60;
    policy.per_slot_hour = 1;
    policy.answer_days = 0;
}

#[test]
fn the_first_patch_day_fills_evenly_and_then_the_next() {
    let mut world = World::new(|policies| two_a_day(&mut policies.default));
    insta::assert_snapshot!(world.plan(&[("a", place("", false)), ("b", place("", false)), ("c", place("", false))]).join("\n"), @"
    a 2026-11-26 20:00
    b 2026-11-26 21:00
    c 2026-12-03 20:00
    ");
}

#[test]
fn groups_with_a_higher_priority_choose_first() {
    let mut world = World::new(|policies| {
        two_a_day(&mut policies.default);
        let db = Policy { priority: 5, ..policies.default.clone() };
        policies.groups.insert("db".to_owned(), db);
    });
    insta::assert_snapshot!(world.plan(&[("a", place("web", false)), ("b", place("web", false)), ("z", place("db", false))]).join("\n"), @"
    a 2026-11-26 21:00
    b 2026-12-03 20:00
    z 2026-11-26 20:00
    ");
}

#[test]
fn canaries_are_planned_before_the_others_with_their_time_to_be_watched() {
    let mut world = World::new(|policies| two_a_day(&mut policies.default));
    insta::assert_snapshot!(world.plan(&[("a", place("web", false)), ("z", place("web", true))]).join("\n"), @"
    a 2026-12-03 20:00
    z 2026-11-26 20:00
    ");
}

#[test]
fn a_rule_set_whose_canaries_come_after_the_others_finds_no_time_for_the_others() {
    let mut world = World::new(|policies| {
        policies.default.patch_day = Days::Weekly(Weekday::Thu);
        let early = Policy { patch_day: "last Thu".parse().unwrap(), ..policies.default.clone() };
        policies.groups.insert("test".to_owned(), early);
        let late = Policy {
            patch_day: "1st Thu".parse().unwrap(),
            after: vec!["test".to_owned()],
            soak: TimeDelta::days(90),
            ..policies.default.clone()
        };
        policies.groups.insert("prod".to_owned(), late);
    });
    insta::assert_snapshot!(world.plan(&[("p", place("prod", false)), ("t", place("test", false))]).join("\n"), @"
    p: 16 regular times: It follows test, and first these are watched for a while: it can be patched from Wed 31 Mar 2027, 23:00 Europe/Berlin (21:00 UTC) on. (rule soak)
    t 2026-12-31 20:00
    ");
}

#[test]
fn a_plan_that_others_made_with_a_canary_after_the_others_is_no_plan() {
    let mut world = World::new(|_| {});
    let policy = world.policies.default.clone();
    let at = |text: &str| {
        let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap().and_utc();
        (local, local + TimeDelta::hours(2))
    };
    // The first Sunday of November comes before its first Tuesday.
    world.taken.add(id(1), &place("web", true), &policy, at("2026-11-08 20:00"));
    world.taken.add(id(2), &place("web", false), &policy, at("2026-11-03 20:00"));
    insta::assert_snapshot!(canaries_too_late(&world.taken, &world.policies, &["web".to_owned()]).join("\n"), @"The canaries of web end Sun 8 Nov 2026, 22:00 UTC, and its others begin Tue 3 Nov 2026, 20:00 UTC: they must be at least 72 hours later (rule soak)");
}

#[test]
fn without_its_canary_nothing_of_a_group_is_planned() {
    let mut world = World::new(|policies| {
        two_a_day(&mut policies.default);
        policies.default.max_concurrent = Some(1);
        policies.default.allowed = vec!["Mon 20:00-24:00".parse().unwrap()];
    });
    insta::assert_snapshot!(world.plan(&[("a", place("web", false)), ("z", place("web", true))]).join("\n"), @"
    a: 20 regular times: Its host group is patched Mon 20:00-24:00 only; the next such time is Mon 30 Nov 2026, 20:00 Europe/Berlin (19:00 UTC). (rule allowed)
    z: 20 regular times: Its host group is patched Mon 20:00-24:00 only; the next such time is Mon 30 Nov 2026, 20:00 Europe/Berlin (19:00 UTC). (rule allowed)
    ");
}

#[test]
fn standbys_go_before_primaries_and_enough_members_stay_healthy() {
    let mut world = World::new(|policies| {
        policies.default.answer_days = 0;
        policies.default.quorum = 1;
    });
    let member = |role: &str, turn: usize| Place {
        service: Some("shop".to_owned()),
        role: Some(role.to_owned()),
        turn: Some(turn),
        ..place("web", false)
    };
    insta::assert_snapshot!(world.plan(&[("a-primary", member("primary", 2)), ("b-standby", member("standby", 0))]).join("\n"), @"
    a-primary 2026-11-26 22:00
    b-standby 2026-11-26 20:00
    ");
}

#[test]
fn each_assignment_is_explained() {
    let mut world = World::new(|policies| policies.default.per_slot_hour = 2);
    for minutes in [20, 25, 30] {
        world.history.ran(id(0), None, TimeDelta::minutes(minutes));
    }
    for (hour, load) in [(20, 900), (21, 900), (22, 120), (23, 700), (20, 900), (22, 120)] {
        world.history.loaded(
            id(0),
            utc(&format!("2026-11-01T{:02}:30:00Z", hour - 1)),
            Tz::Europe__Berlin,
            load,
        );
    }
    let policy = world.policies.default.clone();
    let candidates = [0, 1].map(|number| Candidate {
        server: id(number),
        name: "web",
        zone: Tz::Europe__Berlin,
        system: None,
        place: place("", false),
        policy: &policy,
    });
    let planner = Planner {
        quarters: &world.quarters,
        quarter: "2027-Q1".parse().unwrap(),
        policies: &world.policies,
        history: &world.history,
        seed: 0,
        now: utc(NOW),
    };
    let told: Vec<String> = planner
        .plan(&candidates, &mut world.taken)
        .into_iter()
        .map(|found| {
            let found = found.unwrap();
            format!("{}: {}", typed(found.plan.starts_at, Tz::Europe__Berlin), found.why.sentence())
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    2026-12-10 22:00: the first patch day with room after 14 days to answer; its quietest free hour (load 0.12 per CPU), as number 1 of 2; it usually takes 25 minutes, and 30 at most in nine of ten runs (its own 3 runs)
    2026-12-10 20:00: the first patch day with room after 14 days to answer; the emptiest hour of that day, as number 1 of 2; too few probes to know its quiet hours; too few runs to say how long it takes
    ");
}

#[test]
fn the_same_seed_makes_the_same_plan_and_another_one_another() {
    let names: Vec<String> = (0..12).map(|number| format!("web{number:02}")).collect();
    let servers: Vec<(&str, Place)> = names.iter().map(|name| (name.as_str(), place("", false))).collect();
    let with_seed = |seed: u64| {
        let mut world = World::new(|policies| {
            two_a_day(&mut policies.default);
            policies.default.spread = TimeDelta::minutes(20);
        });
        world.seed = seed;
        world.plan(&servers)
    };
    assert_eq!(with_seed(7), with_seed(7));
    assert_ne!(with_seed(7), with_seed(8));
    let minutes: std::collections::BTreeSet<String> =
        with_seed(7).iter().map(|line| line.chars().rev().take(2).collect()).collect();
    assert!(minutes.len() > 3, "starts are spread behind their slots: {minutes:?}");
}

/// A server of a made-up fleet: its group, whether it is a canary, its service, its turn in it.
type Made = (u8, bool, Option<u8>, Option<usize>);

fn any_fleet() -> impl Strategy<Value = Vec<Made>> {
    prop::collection::vec(
        (0..4_u8, prop::bool::weighted(0.15), prop::option::of(0..3_u8), prop::option::of(0..3_usize)),
        1..60,
    )
}

/// Rules of a made-up fleet.
#[derive(Debug, Clone)]
struct Rules {
    per_hour: u32,
    per_slot: Option<u32>,
    concurrent: Option<u32>,
    quorum: u32,
    critical: bool,
    soak: i64,
    after: bool,
    seed: u64,
}

prop_compose! {
    fn any_rules()(
        per_hour in 1..4_u32, per_slot in prop::option::of(1..3_u32), concurrent in prop::option::of(1..4_u32),
        quorum in 0..3_u32, critical in any::<bool>(), soak in 0..200_i64, after in any::<bool>(), seed in 0..5_u64,
    ) -> Rules {
        Rules { per_hour, per_slot, concurrent, quorum, critical, soak, after, seed }
    }
}

const ZONES: [Tz; 3] = [Tz::Europe__Berlin, Tz::America__New_York, Tz::Asia__Kolkata];

fn world_of(rules: &Rules) -> World {
    let mut world = World::new(|policies| {
        policies.default = Policy {
            per_slot_hour: rules.per_hour,
            per_slot: rules.per_slot,
            max_concurrent: rules.concurrent,
            quorum: rules.quorum,
            critical: rules.critical,
            soak: TimeDelta::hours(rules.soak),
            answer_days: 3,
            allowed: vec!["Thu 20:00-24:00".parse().unwrap()],
            ..Policy::default()
        };
        if rules.after {
            let later = Policy { after: vec!["g0".to_owned()], ..policies.default.clone() };
            policies.groups.insert("g1".to_owned(), later);
        }
    });
    world.seed = rules.seed;
    world
}

fn place_of((group, canary, service, turn): &Made) -> Place {
    Place {
        group: format!("g{group}"),
        canary: *canary,
        service: service.map(|service| format!("s{service}")),
        role: turn.map(|turn| format!("r{turn}")),
        turn: *turn,
    }
}

/// One window of a plan beside all the others, counted from scratch.
struct Counted<'a> {
    place: &'a Place,
    plan: Plan,
    others: Vec<(&'a Place, Plan)>,
}

impl Counted<'_> {
    /// How many of some others run at the busiest instant of this window.
    fn at_once(&self, which: impl Fn(&Place) -> bool) -> usize {
        let others: Vec<&Plan> =
            self.others.iter().filter(|(place, _)| which(place)).map(|(_, plan)| plan).collect();
        let running = |at: DateTime<Utc>| {
            others.iter().filter(|other| other.starts_at <= at && at < other.ends_at).count()
        };
        let begins = others.iter().map(|other| other.starts_at.max(self.plan.starts_at));
        begins.filter(|at| *at < self.plan.ends_at).map(running).max().unwrap_or(0)
    }

    fn keeps_its_hours(&self, zone: Tz) -> Result<(), TestCaseError> {
        let local = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local();
        let starts = local(self.plan.starts_at);
        let evening = chrono::NaiveTime::from_hms_opt(20, 0, 0).unwrap();
        prop_assert!(starts.date().weekday() == Weekday::Thu && starts.time() >= evening);
        let midnight = (starts.date() + TimeDelta::days(1)).and_hms_opt(0, 0, 0).unwrap();
        prop_assert!(local(self.plan.ends_at) <= midnight);
        Ok(())
    }

    fn keeps_room(&self, rules: &Rules, members: usize) -> Result<(), TestCaseError> {
        let starts = self.plan.starts_at;
        let count =
            |which: &dyn Fn(&Plan) -> bool| self.others.iter().filter(|(_, plan)| which(plan)).count();
        prop_assert!(count(&|other| hour_of(other.starts_at) == hour_of(starts)) < rules.per_hour as usize);
        if let Some(limit) = rules.per_slot {
            prop_assert!(count(&|other| other.starts_at == starts) < limit as usize);
        }
        if let Some(limit) = rules.concurrent {
            prop_assert!(self.at_once(|other| other.group == self.place.group) < limit as usize);
        }
        if self.place.service.is_some() && rules.quorum > 0 {
            let down = self.at_once(|other| other.service == self.place.service);
            prop_assert!(members - 1 - down >= rules.quorum as usize);
        }
        Ok(())
    }

    fn keeps_the_order(&self, rules: &Rules) -> Result<(), TestCaseError> {
        let (me, starts) = (self.place, self.plan.starts_at);
        for (place, other) in &self.others {
            if rules.critical && place.group != me.group {
                prop_assert!((other.starts_at - starts).abs() >= TimeDelta::minutes(60));
            }
            let soaked = other.ends_at + TimeDelta::hours(rules.soak);
            if place.canary && !me.canary && place.group == me.group {
                prop_assert!(starts >= soaked);
            }
            if rules.after && me.group == "g1" && place.group == "g0" {
                prop_assert!(starts >= soaked);
            }
            if let (Some(mine), Some(theirs)) = (me.turn, place.turn)
                && me.service.is_some()
                && me.service == place.service
                && theirs < mine
            {
                prop_assert!(starts >= other.ends_at);
            }
        }
        Ok(())
    }
}

/// Plans a fleet and counts from scratch whether every time that is given keeps every rule, and every server without a
/// time is told a rule.
fn keeps_every_rule(fleet: &[Made], rules: &Rules) -> Result<(), TestCaseError> {
    let mut world = world_of(rules);
    let places: Vec<Place> = fleet.iter().map(place_of).collect();
    let names: Vec<String> = (0..fleet.len()).map(|number| format!("host{number:03}")).collect();
    let candidates: Vec<Candidate<'_>> = (0..fleet.len())
        .map(|number| Candidate {
            server: id(number),
            name: &names[number],
            zone: ZONES[number % 3],
            system: None,
            place: places[number].clone(),
            policy: world.policies.of(Some(&places[number].group)),
        })
        .collect();
    for candidate in &candidates {
        world.taken.enlist(candidate.server, candidate.name, &candidate.place, candidate.policy, None);
    }
    let planner = Planner {
        quarters: &world.quarters,
        quarter: "2027-Q1".parse().unwrap(),
        policies: &world.policies,
        history: &world.history,
        seed: rules.seed,
        now: utc(NOW),
    };
    let results = planner.plan(&candidates, &mut world.taken);
    let got = || {
        results.iter().enumerate().filter_map(|(number, result)| Some((number, result.as_ref().ok()?.plan)))
    };
    for (number, plan) in got() {
        let others = got().filter(|(other, _)| *other != number).map(|(other, plan)| (&places[other], plan));
        let counted = Counted { place: &places[number], plan, others: others.collect() };
        counted.keeps_its_hours(ZONES[number % 3])?;
        counted.keeps_room(
            rules,
            places.iter().filter(|place| place.service == places[number].service).count(),
        )?;
        counted.keeps_the_order(rules)?;
    }
    for (number, result) in results.iter().enumerate() {
        let Err(excluded) = result else { continue };
        prop_assert!(!excluded.is_empty() && excluded.iter().all(|excluded| excluded.starts > 0));
        // A canary without a time holds its group back.
        let held = |place: &Place| place.group == places[number].group && !place.canary;
        prop_assert!(!places[number].canary || !got().any(|(other, _)| held(&places[other])));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the fleet and the rules.
    #[test]
    fn no_plan_ever_breaks_a_rule(fleet in any_fleet(), rules in any_rules()) {
        keeps_every_rule(&fleet, &rules)?;
    }
}

/// Of four members two may be down at once. One of them can overlap two others, as long as these do not overlap.
#[test]
fn members_that_are_patched_one_after_the_other_are_not_down_at_once() {
    let mut fleet: Vec<Made> = vec![(0, false, None, None); 22];
    for number in [0, 11, 18, 21] {
        fleet[number].2 = Some(0);
    }
    (fleet[3].2, fleet[15].2) = (Some(2), Some(1));
    for (number, group) in [(6, 3), (7, 1), (9, 3), (12, 3)] {
        fleet[number].0 = group;
    }
    fleet[9].1 = true;
    let rules = Rules {
        per_hour: 1,
        per_slot: None,
        concurrent: None,
        quorum: 2,
        critical: false,
        soak: 2,
        after: false,
        seed: 0,
    };
    keeps_every_rule(&fleet, &rules).unwrap();
}
