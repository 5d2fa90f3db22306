//! Simulated quarters: what each rule comes to, and the promises that no replay breaks.

use chrono::{NaiveDate, TimeDelta, Weekday};
use proptest::prelude::*;
use uuid::Uuid;

use super::assume::Lots;
use super::replay::Replay;
use super::*;
use crate::domain::attributes::Attributes;
use crate::domain::bounds::Bounds;
use crate::domain::days::Days;
use crate::domain::decision::Act;
use crate::domain::history::History;
use crate::domain::ids::{Revision, ServerId, WindowId};
use crate::domain::occupancy::{Occupancy, Place};
use crate::domain::person::{Address, Role};
use crate::domain::planner::{Candidate, Planner};
use crate::domain::policy::{Policy, Silence};
use crate::domain::server::Reach;
use crate::domain::window::WindowState;

const NOW: &str = "2026-10-20T12:00:00Z";

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn person(name: &str) -> Person {
    let mail = Address::parse(&format!("{name}@owners.test")).unwrap();
    let number = name.bytes().fold(0_u128, |number, byte| number << 8 | u128::from(byte));
    Person {
        id: PersonId(Uuid::from_u128(number)),
        name: mail.to_string(),
        mail: Some(mail),
        zone: None,
        role: Role::Owner,
    }
}

fn server(number: usize, group: &str, environment: &str, zone: Tz) -> Server {
    Server {
        id: ServerId(Uuid::from_u128(number as u128 + 1)),
        name: format!("{group}{number:02}"),
        zone,
        host_group: Some(group.to_owned()),
        environment: Some(environment.to_owned()),
        operating_system: None,
        reach: Reach::default(),
        host_key: None,
        reboot: None,
        attributes: Attributes::default(),
        active: true,
        version: 0,
    }
}

/// Servers with their owners, planned under rules.
#[derive(Debug)]
struct World {
    servers: Vec<Server>,
    owners: Vec<Vec<(Rank, Person)>>,
    policies: Policies,
    quarters: Quarters,
    quarter: Quarter,
    away: BTreeMap<PersonId, DateTime<Utc>>,
    places: usize,
}

impl World {
    /// So many servers in Berlin that ada owns.
    fn new(count: usize, policy: Policy) -> Self {
        let servers: Vec<Server> =
            (0..count).map(|number| server(number, "web", "prod", Tz::Europe__Berlin)).collect();
        Self {
            owners: vec![vec![(Rank::Primary, person("ada"))]; servers.len()],
            servers,
            policies: Policies { default: policy, groups: BTreeMap::new() },
            quarters: Quarters::default(),
            quarter: "2027-Q1".parse().unwrap(),
            away: BTreeMap::new(),
            places: 1000,
        }
    }

    fn with_second_owner(mut self) -> Self {
        self.owners.iter_mut().for_each(|owners| owners.push((Rank::Secondary, person("bob"))));
        self
    }

    fn entries(&self) -> Vec<Entry<'_>> {
        let candidates: Vec<Candidate<'_>> = self
            .servers
            .iter()
            .map(|server| {
                let policy = self.policies.of(server.host_group.as_deref());
                let place = Place::of(server, policy);
                Candidate {
                    server: server.id,
                    name: &server.name,
                    zone: server.zone,
                    system: None,
                    place,
                    policy,
                }
            })
            .collect();
        let (history, mut taken) = (History::default(), Occupancy::default());
        let planner = Planner {
            quarters: &self.quarters,
            quarter: self.quarter,
            policies: &self.policies,
            history: &history,
            seed: 0,
            now: utc(NOW),
        };
        let planned = planner.plan(&candidates, &mut taken);
        let all = self.servers.iter().zip(&self.owners).zip(planned);
        all.map(|((server, owners), planned)| {
            let window = Window::unscheduled(WindowId(server.id.0), server.id, self.quarter);
            let (window, excluded) = match planned {
                Ok(assigned) => (Some(window.with_plan(assigned.plan)), Vec::new()),
                Err(excluded) => (None, excluded),
            };
            Entry { server, owners, window, excluded, usual: None, waits_for_reboot: false, counted: true }
        })
        .collect()
    }

    fn scene<'a>(&'a self, entries: &'a [Entry<'a>]) -> Scene<'a> {
        Scene {
            entries,
            away: &self.away,
            policies: &self.policies,
            quarters: &self.quarters,
            quarter: self.quarter,
            zone: Tz::Europe__Berlin,
            places: self.places,
            planned: true,
            now: utc(NOW),
        }
    }

    fn simulated(&self, assumed: &Assumptions) -> Report {
        simulate(self.scene(&self.entries()), assumed)
    }

    /// What becomes of the servers when all of these shares are all or nothing: `patched 3, declined 1`.
    fn told(&self, assumed: &Assumptions) -> String {
        let report = self.simulated(&Assumptions { times: 1, ..*assumed });
        let outcomes = report.outcomes.iter().filter(|(_, range)| range.most > 0);
        let outcomes = outcomes.map(|(outcome, range)| format!("{} {range}", outcome.phrase()));
        let silence = report.silence.iter().map(|(what, range)| format!("{what} {range}"));
        let missed = report.missed.iter().map(|(rule, range)| format!("{rule} {range}"));
        outcomes.chain(silence).chain(missed).collect::<Vec<_>>().join(", ")
    }
}

/// Everybody answers and consents, and every run ends well.
fn all_well() -> Assumptions {
    let none = Share::percent(0);
    Assumptions {
        answering: Share::percent(100),
        moving: none,
        declining: none,
        failing: none,
        ..Assumptions::default()
    }
}

fn nobody_answers() -> Assumptions {
    Assumptions { answering: Share::percent(0), ..all_well() }
}

#[test]
fn without_an_answer_each_rule_of_silence_does_what_it_says() {
    let told = |silence: Silence, assumed: &Assumptions| {
        let world = World::new(2, Policy { silence, ..Policy::default() });
        (world.told(assumed), world.with_second_owner().told(assumed))
    };
    let both = |text: &str| (text.to_owned(), text.to_owned());
    assert_eq!(told(Silence::Hold, &all_well()), both("patched 2"));
    assert_eq!(told(Silence::Approve, &nobody_answers()), both("patched 2, approved 2"));
    assert_eq!(told(Silence::Hold, &nobody_answers()), both("not approved in time 2, left to operators 2"));
    assert_eq!(
        told(Silence::Slip, &nobody_answers()),
        both("not approved in time 2, left to operators 2, slipped 24"),
        "it slips to the end of the quarter"
    );
    assert_eq!(
        told(Silence::Escalate, &nobody_answers()),
        (
            "not approved in time 2, left to operators 2".to_owned(),
            "not approved in time 2, asked of second owners 2, left to operators 2".to_owned()
        )
    );
}

#[test]
fn two_people_are_needed_where_the_rules_say_so_and_an_absent_ones_colleague_is_asked() {
    let two = Policy { approvals: 2, ..Policy::default() };
    assert_eq!(World::new(1, two.clone()).told(&all_well()), "not approved in time 1, left to operators 1");
    assert_eq!(World::new(1, two).with_second_owner().told(&all_well()), "patched 1");
    let mut away = World::new(1, Policy::default());
    away.away.insert(person("ada").id, utc("2027-02-10T00:00:00Z"));
    assert_eq!(away.told(&all_well()), "not approved in time 1, left to operators 1");
    assert_eq!(away.with_second_owner().told(&all_well()), "patched 1");
}

#[test]
fn who_follows_a_canary_that_failed_is_not_started() {
    let mut world = World::new(4, Policy::default());
    world.servers[0].environment = Some("canary".to_owned());
    assert_eq!(world.told(&all_well()), "patched 4");
    let failing = Assumptions { failing: Share::percent(100), ..all_well() };
    assert_eq!(world.told(&failing), "failed 1, not started, by a rule 3, soak 3");
    let report = world.simulated(&all_well());
    let risks: Vec<String> =
        report.risks.iter().map(|risk| format!("{}: {}", risk.why, risk.servers.join(" "))).collect();
    insta::assert_snapshot!(risks.join("\n"), @"if one of these canaries fails, no other time is left for it before those that follow: web00");
    assert_eq!(report.canaries, Vec::<String>::new());
}

#[test]
fn starts_wait_for_a_free_place_and_are_missed_when_it_comes_too_late() {
    let slots = crate::domain::policy::SlotHours { count: 1, ..Policy::default().slots };
    let policy = Policy { slots, per_slot_hour: 30, ..Policy::default() };
    let world = World { places: 2, ..World::new(20, policy) };
    let report = world.simulated(&Assumptions { times: 1, ..all_well() });
    assert_eq!((report.at_once.most, report.waited.most, report.full_hours.most), (2, 18, 0));
    let patched = report.outcomes[&Outcome::Patched].most;
    assert!((2..20).contains(&patched), "{patched} of 20");
    assert_eq!(report.missed["start_grace"].most + patched, 20);
}

#[test]
fn a_quarter_in_which_the_clocks_change_has_a_night_of_its_own() {
    let policy = Policy {
        patch_day: Days::Weekly(Weekday::Sun),
        slots: crate::domain::policy::SlotHours { from: "01:00:00".parse().unwrap(), count: 4, minutes: 30 },
        per_slot_hour: 2,
        silence: Silence::Approve,
        ..Policy::default()
    };
    let mut world = World::new(60, policy);
    world.quarter = "2027-Q2".parse().unwrap();
    let entries = world.entries();
    let report = simulate(world.scene(&entries), &Assumptions { times: 2, ..all_well() });
    let that_night = report.risks.iter().find(|risk| risk.why.starts_with("the clocks change")).unwrap();
    let of_night: Vec<&Entry<'_>> =
        entries.iter().filter(|entry| that_night.servers.contains(&entry.server.name)).collect();
    let day = NaiveDate::from_ymd_opt(2027, 3, 28).unwrap();
    let starts: Vec<String> = of_night
        .iter()
        .filter_map(|entry| entry.window.as_ref()?.plan)
        .map(|plan| {
            assert_eq!(plan.local.date(), day);
            plan.local.format("%H:%M").to_string()
        })
        .collect();
    // 02:00 and 02:30 are skipped on that Sunday.
    assert_eq!(starts, ["01:00", "01:00"]);
    assert_eq!(report.outcomes[&Outcome::Patched].fewest, report.servers - report.without.len() as u32);
}

#[test]
fn a_refused_act_changes_nothing() {
    let world = World::new(3, Policy::default());
    let entries = world.entries();
    let stage = Stage::new(world.scene(&entries));
    let assumed = all_well();
    let mut replay = Replay::new(&stage, Lots { assumed: &assumed, time: 0 });
    let stands =
        |replay: &Replay<'_>| format!("{:?} {:?} {:?}", replay.standings, replay.queue, replay.taken);
    let before = stands(&replay);
    let start = entries[1].window.as_ref().unwrap().plan.unwrap().starts_at;
    for (act, shown) in [
        (Act::Move(utc("2026-10-01T20:00:00Z")), None),
        (Act::Move(utc("2027-03-04T20:00:00Z")), None),
        (Act::Approve, Some(Revision(7))),
        (Act::Withdraw, None),
        (Act::Move(start), None),
    ] {
        if act == Act::Move(start) {
            replay.now = start - TimeDelta::minutes(1);
        }
        assert_eq!(replay.act(1, 0, act, shown), None);
        assert_eq!(stands(&replay), before, "{act:?}");
    }
    assert_eq!(replay.tally.refusals.values().sum::<u32>(), 5);
    assert!(replay.tally.decisions.is_empty());
}

/// Worlds as they come: groups, canaries, silence, zones, hours, blackouts.
fn worlds() -> impl Strategy<Value = World> {
    let silence =
        prop::sample::select(&[Silence::Approve, Silence::Hold, Silence::Slip, Silence::Escalate][..]);
    let zone = prop::sample::select(&[Tz::Europe__Berlin, Tz::America__New_York, Tz::Asia__Kolkata][..]);
    let servers = prop::collection::vec((0..2_usize, any::<bool>(), zone, any::<bool>()), 1..14);
    (servers, silence, any::<bool>(), 1..4_u32, 1..6_usize, any::<bool>()).prop_map(
        |(servers, silence, narrow, per_hour, places, after)| {
            let allowed = if narrow { vec!["Thu 20:00-24:00".parse().unwrap()] } else { Vec::new() };
            let default = Policy { silence, allowed, per_slot_hour: per_hour, ..Policy::default() };
            let db = Policy {
                silence: Silence::Hold,
                after: if after { vec!["web".to_owned()] } else { Vec::new() },
                quorum: 1,
                ..default.clone()
            };
            let groups = BTreeMap::from([("db".to_owned(), db)]);
            let mut world = World::new(0, default.clone());
            world.policies = Policies { default, groups }.knowing_each_other();
            world.places = places;
            for (number, (group, canary, zone, second)) in servers.into_iter().enumerate() {
                let environment = if canary { "canary" } else { "prod" };
                let mut server = server(number, ["web", "db"][group], environment, zone);
                if group == 1 {
                    let service = format!("shop{}", number % 2);
                    server.attributes = [("service", service.as_str())].into_iter().collect();
                }
                world.servers.push(server);
                let mut owners = vec![(Rank::Primary, person(["ada", "eve", "joe"][number % 3]))];
                owners.extend(second.then(|| (Rank::Secondary, person("bob"))));
                world.owners.push(owners);
            }
            world
        },
    )
}

fn assumed() -> impl Strategy<Value = Assumptions> {
    let share = || (0..=100_u32).prop_map(Share::percent);
    (share(), 0..50_u32, 0..30_u32, share(), any::<u64>()).prop_map(
        |(answering, moving, declining, failing, seed)| Assumptions {
            answering,
            moving: Share::percent(moving),
            declining: Share::percent(declining),
            failing,
            seed,
            times: 2,
            ..Assumptions::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_same_seed_makes_the_same_report_and_the_outcomes_are_all_servers(world in worlds(), assumed in assumed()) {
        let report = world.simulated(&assumed);
        prop_assert_eq!(&report, &world.simulated(&assumed));
        let once = world.simulated(&Assumptions { times: 1, ..assumed });
        let sum: u32 = once.outcomes.values().map(|range| range.usually).sum();
        prop_assert_eq!(sum as usize, world.servers.len());
        let groups: u32 = once.groups.iter().map(|group| group.servers).sum();
        prop_assert_eq!(groups as usize, world.servers.len());
        prop_assert_eq!(once.patched.values().sum::<u32>(), once.outcomes[&Outcome::Patched].usually);
        prop_assert_eq!(once.missed.values().map(|range| range.usually).sum::<u32>(), once.outcomes[&Outcome::NotStarted].usually);
    }

    #[test]
    fn no_simulated_run_begins_outside_its_window_or_what_the_rules_allow(world in worlds(), assumed in assumed()) {
        let entries = world.entries();
        let stage = Stage::new(world.scene(&entries));
        let replay = Replay::new(&stage, Lots { assumed: &assumed, time: 0 }).played();
        prop_assert!(replay.queued.is_empty() && replay.busy == 0);
        let mut began: Vec<usize> = replay.tally.starts.iter().map(|(server, _)| *server).collect();
        for (number, at) in &replay.tally.starts {
            let (seat, window) = (&stage.seats[*number], replay.standings[*number].window.as_ref().unwrap());
            let plan = window.plan.unwrap();
            prop_assert!(plan.starts_at <= *at && *at <= plan.starts_at + seat.policy.start_grace);
            prop_assert!(world.quarters.contains(world.quarter, plan.local.date()));
            let bounds = Bounds {
                policy: seat.policy,
                quarters: &world.quarters,
                quarter: world.quarter,
                server: seat.entry.server.id,
                place: &seat.place,
                zone: seat.entry.server.zone,
                present: None,
                taken: &replay.taken,
                usual: None,
                now: *at,
            };
            prop_assert!(bounds.by_hours(plan.starts_at).is_ok());
            prop_assert!(matches!(window.state, WindowState::Completed | WindowState::Failed { .. } | WindowState::NeedsHuman { .. } | WindowState::Missed { .. }), "{:?}", window.state);
        }
        began.sort_unstable();
        began.dedup();
        prop_assert_eq!(began.len(), replay.tally.starts.len(), "nothing is run twice");
        prop_assert!(replay.tally.peak as usize <= world.places);
    }

    #[test]
    fn without_an_answer_only_a_rule_of_silence_lets_anything_start(world in worlds(), assumed in assumed()) {
        let silent = Assumptions { answering: Share::percent(0), ..assumed };
        let entries = world.entries();
        let stage = Stage::new(world.scene(&entries));
        let replay = Replay::new(&stage, Lots { assumed: &silent, time: 0 }).played();
        let allowed = |number: &usize| stage.seats[*number].policy.silence == Silence::Approve;
        prop_assert!(replay.tally.starts.iter().all(|(number, _)| allowed(number)));
        prop_assert!(replay.tally.decisions.is_empty());
    }

    #[test]
    fn more_failures_never_mean_more_patched_servers(world in worlds(), assumed in assumed(), more in 0..=100_u32) {
        // Where nobody moves, and no start waits for another one to end.
        let mut world = World { places: 1000, ..world };
        world.servers.iter_mut().for_each(|server| server.attributes = Attributes::default());
        let still = Assumptions { moving: Share::percent(0), ..assumed };
        let worse = Assumptions { failing: still.failing.max(Share::percent(more)), ..still };
        let patched = |assumed: &Assumptions| world.simulated(assumed).patched;
        let (few, many) = (patched(&still), patched(&worse));
        prop_assert!(few.iter().all(|(server, times)| many[server] <= *times), "{few:?} {many:?}");
    }
}
