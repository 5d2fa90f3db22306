//! Each rule by an example, then the promises that hold for all of them.

use std::sync::Arc;

use chrono::NaiveDateTime;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::blackout::Blackout;
use crate::domain::calendar::tests::ZONES;
use crate::domain::days::Days;
use crate::domain::history::Whose;
use crate::domain::shown::typed;

const NOW: &str = "2026-11-24T12:00:00Z";
const BERLIN: Tz = Tz::Europe__Berlin;

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    instant(BERLIN, local).unwrap()
}

fn id(number: u128) -> ServerId {
    ServerId(Uuid::from_u128(number))
}

/// A server web01 of the group web in Berlin, in 2027-Q1, and who else is patched when.
struct World {
    policy: Policy,
    quarters: Quarters,
    place: Place,
    taken: Occupancy,
    usual: Option<Usual>,
    now: DateTime<Utc>,
}

impl World {
    fn new(change: impl FnOnce(&mut Policy)) -> Self {
        let mut policy = Policy::default();
        change(&mut policy);
        let place = Place { group: "web".to_owned(), ..Place::default() };
        Self {
            policy,
            quarters: Quarters::default(),
            place,
            taken: Occupancy::default(),
            usual: None,
            now: utc(NOW),
        }
    }

    fn bounds(&self) -> Bounds<'_> {
        Bounds {
            policy: &self.policy,
            quarters: &self.quarters,
            quarter: "2027-Q1".parse().unwrap(),
            server: id(1),
            place: &self.place,
            zone: BERLIN,
            present: None,
            taken: &self.taken,
            usual: self.usual,
            now: self.now,
        }
    }

    fn other(&mut self, number: u128, place: &Place, from: &str, to: &str) {
        self.taken.add(id(number), place, &self.policy, (at(from), at(to)));
    }

    fn says(&self, start: &str) -> String {
        match self.bounds().check_for_owner(at(start)) {
            Ok(plan) => format!("until {}", typed(plan.ends_at, BERLIN)),
            Err(refusal) => format!("{refusal} (rule {})", refusal.rule().unwrap()),
        }
    }
}

fn hours(texts: &[&str]) -> Vec<Hours> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn allowed_hours_over_midnight_bound_the_start_the_end_and_the_cutoff() {
    let mut world = World::new(|policy| {
        policy.allowed = hours(&["Thu 22:00-02:00"]);
        policy.cutoff = TimeDelta::minutes(45);
    });
    insta::assert_snapshot!(world.says("2026-12-03 22:00"), @"until 2026-12-04 00:00");
    insta::assert_snapshot!(world.says("2026-12-04 00:30"), @"until 2026-12-04 02:00");
    insta::assert_snapshot!(world.says("2026-12-04 01:30"), @"In the last 45 minutes of its allowed hours, which end Fri 4 Dec 2026, 02:00, nothing is started. (rule cutoff)");
    insta::assert_snapshot!(world.says("2026-12-04 22:00"), @"Its host group is patched Thu 22:00-02:00 only; the next such time is Thu 10 Dec 2026, 22:00 Europe/Berlin (21:00 UTC). (rule allowed)");
    world.policy.allowed = hours(&["2nd Tue +2 20:00-24:00", "last Sat 20:00-24:00"]);
    insta::assert_snapshot!(world.says("2026-12-09 20:00"), @"Its host group is patched 2nd Tue +2 20:00-24:00 or last Sat 20:00-24:00 only; the next such time is Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC). (rule allowed)");
    insta::assert_snapshot!(world.says("2026-12-10 20:00"), @"until 2026-12-10 22:00");
}

#[test]
fn a_blackout_is_named_with_its_time() {
    let world = World::new(|policy| {
        let local = |text: &str| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
        let span = (local("2026-12-21 00:00"), local("2027-01-07 00:00"));
        policy.blackouts = Arc::new([Blackout::new("year-end close", vec![span], Vec::new())]);
    });
    insta::assert_snapshot!(world.says("2026-12-24 20:00"), @"Nothing runs from Mon 21 Dec 2026, 00:00 to Thu 7 Jan 2027, 00:00: year-end close. (rule blackouts)");
    insta::assert_snapshot!(world.says("2026-12-20 23:00"), @"Nothing runs from Mon 21 Dec 2026, 00:00 to Thu 7 Jan 2027, 00:00: year-end close. (rule blackouts)");
    insta::assert_snapshot!(world.says("2027-01-07 20:00"), @"until 2027-01-07 22:00");
}

#[test]
fn the_usual_run_must_fit_before_the_end() {
    let mut world = World::new(|policy| policy.allowed = hours(&["Thu 20:00-22:00"]));
    let usual =
        Usual { half: TimeDelta::minutes(30), most: TimeDelta::minutes(55), runs: 9, whose: Whose::Its };
    world.usual = Some(usual);
    insta::assert_snapshot!(world.says("2026-12-03 20:30"), @"until 2026-12-03 22:00");
    insta::assert_snapshot!(world.says("2026-12-03 21:00"), @"It would probably not be done in time: nine of ten runs take up to 65 minutes with the reboot, and the window ends Thu 3 Dec 2026, 22:00. (rule window)");
}

#[test]
fn slots_hours_groups_and_critical_groups_have_room_for_so_many() {
    let mut world = World::new(|policy| {
        policy.per_slot = Some(1);
        policy.per_slot_hour = 2;
        policy.max_concurrent = Some(1);
        policy.critical = true;
    });
    let db = Place { group: "db".to_owned(), ..Place::default() };
    let web = Place { group: "web".to_owned(), ..Place::default() };
    world.other(2, &db, "2026-12-03 20:00", "2026-12-03 22:00");
    insta::assert_snapshot!(world.says("2026-12-03 20:00"), @"Another server starts at Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC); at most one may. (rule per_slot)");
    insta::assert_snapshot!(world.says("2026-12-03 20:30"), @"db starts Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC), and critical groups start at least 60 minutes apart. (rule gap)");
    insta::assert_snapshot!(world.says("2026-12-03 21:00"), @"until 2026-12-03 23:00");
    world.other(3, &web, "2026-12-03 22:00", "2026-12-04 00:00");
    insta::assert_snapshot!(world.says("2026-12-03 21:00"), @"Another server of web is patched at that time; at most one may be. (rule max_concurrent)");
    world.other(4, &Place::default(), "2026-12-03 20:30", "2026-12-03 22:30");
    insta::assert_snapshot!(world.says("2026-12-03 20:45"), @"The hour from Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC) is full: at most 2 servers start in one hour. (rule per_slot_hour)");
}

#[test]
fn in_a_service_standbys_go_first_and_enough_stay_healthy() {
    let mut world = World::new(|policy| policy.quorum = 1);
    let member = |turn: usize, role: &str| Place {
        group: "web".to_owned(),
        service: Some("shop".to_owned()),
        role: Some(role.to_owned()),
        turn: Some(turn),
        canary: false,
    };
    world.place = member(2, "primary");
    let standby = member(0, "standby");
    world.taken.enlist(id(1), "web01", &world.place, &world.policy, None);
    world.taken.enlist(id(2), "web02", &standby, &world.policy, None);
    world.other(2, &standby, "2026-12-03 20:00", "2026-12-03 22:00");
    insta::assert_snapshot!(world.says("2026-12-03 21:00"), @"In shop, web02 (standby) is patched first, until Thu 3 Dec 2026, 22:00 Europe/Berlin (21:00 UTC). (rule role_order)");
    insta::assert_snapshot!(world.says("2026-12-03 22:00"), @"until 2026-12-04 00:00");
    world.taken.enlist(id(2), "web02", &standby, &world.policy, Some("waits for a reboot".to_owned()));
    insta::assert_snapshot!(world.says("2026-12-10 22:00"), @"shop needs 1 healthy of its 2 members at any time, and then these are down too: web02 (waits for a reboot). (rule quorum)");
    world.taken.enlist(id(3), "web03", &standby, &world.policy, None);
    insta::assert_snapshot!(world.says("2026-12-10 22:00"), @"until 2026-12-11 00:00");
}

#[test]
fn members_that_are_patched_one_after_the_other_are_not_down_at_once() {
    let mut world = World::new(|policy| policy.quorum = 1);
    let member = Place { service: Some("shop".to_owned()), ..Place::default() };
    world.place = member.clone();
    for (number, name) in [(1, "web01"), (2, "web02"), (3, "web03")] {
        world.taken.enlist(id(number), name, &member, &world.policy, None);
    }
    world.other(2, &member, "2026-12-03 19:00", "2026-12-03 21:00");
    world.other(3, &member, "2026-12-03 21:00", "2026-12-03 23:00");
    insta::assert_snapshot!(world.says("2026-12-03 20:00"), @"until 2026-12-03 22:00");
    world.other(3, &member, "2026-12-03 20:30", "2026-12-03 22:30");
    insta::assert_snapshot!(world.says("2026-12-03 20:00"), @"shop needs 1 healthy of its 3 members at any time, and then these are down too: web02 (patched then), web03 (patched then). (rule quorum)");
}

#[test]
fn canaries_go_first_and_are_watched() {
    let mut world = World::new(|policy| {
        policy.after = vec!["lab".to_owned()];
        policy.followers = vec![("db".to_owned(), TimeDelta::hours(24))];
    });
    let canary = Place { group: "web".to_owned(), canary: true, ..Place::default() };
    world.other(2, &canary, "2026-12-03 20:00", "2026-12-03 22:00");
    insta::assert_snapshot!(world.says("2026-12-05 20:00"), @"It follows the canaries of web, and first these are watched for a while: it can be patched from Sun 6 Dec 2026, 22:00 Europe/Berlin (21:00 UTC) on. (rule soak)");
    insta::assert_snapshot!(world.says("2026-12-06 22:00"), @"until 2026-12-07 00:00");
    world.other(
        3,
        &Place { group: "lab".to_owned(), ..Place::default() },
        "2026-12-10 20:00",
        "2026-12-10 22:00",
    );
    insta::assert_snapshot!(world.says("2026-12-10 20:00"), @"It follows lab, and first these are watched for a while: it can be patched from Sun 13 Dec 2026, 22:00 Europe/Berlin (21:00 UTC) on. (rule soak)");
    world.other(
        4,
        &Place { group: "db".to_owned(), ..Place::default() },
        "2026-12-17 20:00",
        "2026-12-17 22:00",
    );
    insta::assert_snapshot!(world.says("2026-12-16 20:00"), @"It goes before db and is watched for a while; it must be done by Wed 16 Dec 2026, 20:00 Europe/Berlin (19:00 UTC). (rule soak)");
    world.place.canary = true;
    world.other(
        5,
        &Place { group: "web".to_owned(), ..Place::default() },
        "2026-12-16 01:00",
        "2026-12-16 03:00",
    );
    insta::assert_snapshot!(world.says("2026-12-14 20:00"), @"It goes before the rest of web and is watched for a while; it must be done by Sun 13 Dec 2026, 01:00 Europe/Berlin (00:00 UTC). (rule soak)");
    world.place.canary = false;
    world.taken.has_no_time("web09", &canary);
    insta::assert_snapshot!(world.says("2026-12-14 20:00"), @"It follows the canaries of web, and web09 of these has no time. (rule soak)");
}

#[test]
fn owners_have_a_last_day() {
    let world = World::new(|policy| policy.deadline_days = 14);
    insta::assert_snapshot!(world.says("2027-01-17 20:00"), @"until 2027-01-17 22:00");
    insta::assert_snapshot!(world.says("2027-01-18 20:00"), @"Owners can put it off until Sun 17 Jan 2027 at the latest. (rule deadline_days)");
    assert!(world.bounds().check(at("2027-01-18 20:00")).is_ok(), "it binds owners only");
}

#[test]
fn offers_tell_their_cost() {
    let mut world = World::new(|policy| policy.slots.count = 1);
    world.now = utc("2027-01-05T12:00:00Z");
    let sibling = world.bounds().plan(at("2027-01-14 21:00"));
    let present = world.bounds().plan(at("2027-01-08 20:00"));
    let bounds = Bounds { present: Some(&present), ..world.bounds() };
    let told: Vec<String> = bounds
        .offers(8, &[("db01".to_owned(), sibling)])
        .into_iter()
        .map(|offer| {
            format!("{} {:+} {:?} {}", typed(offer.at, BERLIN), offer.days_later, offer.clashes, offer.last)
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    2027-01-07 20:00 -1 [] false
    2027-01-14 20:00 +6 ["db01"] false
    2027-01-21 20:00 +13 [] false
    2027-01-28 20:00 +20 [] true
    "#);
}

#[test]
fn where_there_is_no_time_each_rule_says_how_many_it_excludes() {
    let mut world = World::new(|policy| {
        policy.slots.count = 2;
        policy.slots.minutes = 60;
        policy.per_slot_hour = 1;
        let local = |text: &str| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
        let span = (local("2026-12-10 00:00"), local("2027-02-01 00:00"));
        policy.blackouts = Arc::new([Blackout::new("year-end close", vec![span], Vec::new())]);
    });
    world.other(2, &Place::default(), "2026-12-03 20:00", "2026-12-03 22:00");
    world.other(3, &Place::default(), "2026-12-03 21:00", "2026-12-03 23:00");
    world.other(4, &Place::default(), "2026-11-26 20:00", "2026-11-26 22:00");
    world.other(5, &Place::default(), "2026-11-26 21:00", "2026-11-26 23:00");
    insta::assert_snapshot!(world.bounds().why_none_sentences().join("\n"), @"
    16 regular times: Nothing runs from Thu 10 Dec 2026, 00:00 to Mon 1 Feb 2027, 00:00: year-end close. (rule blackouts)
    4 regular times: The hour from Thu 26 Nov 2026, 20:00 Europe/Berlin (19:00 UTC) is full: at most one server starts in one hour. (rule per_slot_hour)
    ");
    world.policy.patch_day = "2nd Tue -1".parse().unwrap();
    world.now = utc("2027-01-20T12:00:00Z");
    insta::assert_snapshot!(world.bounds().why_none_sentences().join("\n"), @"No patch day (2nd Tue -1) is left in 2027-Q1 (1 Nov 2026 to 31 Jan 2027) (rule patch_day).");
}

fn any_rules() -> impl Strategy<Value = Policy> {
    let allowed = prop::sample::subsequence(
        vec![
            "Thu 20:00-24:00", "Sat 22:00-04:00", "daily 01:00-05:00", "2nd Tue +2 19:00-23:00",
            "Sun 00:00-06:00",
        ],
        0..=3,
    );
    (
        allowed,
        0..90_i64,
        1..4_u32,
        prop::option::of(1..3_u32),
        prop::option::of(1..3_u32),
        any::<bool>(),
        0..20_u32,
    )
        .prop_map(|(allowed, cutoff, hour, slot, concurrent, critical, deadline)| {
            let local = |text: &str| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
            let span = (local("2026-12-21 00:00"), local("2027-01-02 00:00"));
            Policy {
                allowed: hours(&allowed),
                cutoff: TimeDelta::minutes(cutoff),
                blackouts: Arc::new([Blackout::new("close", vec![span], Vec::new())]),
                per_slot_hour: hour,
                per_slot: slot,
                max_concurrent: concurrent,
                critical,
                deadline_days: deadline,
                patch_day: Days::Daily,
                ..Policy::default()
            }
        })
}

proptest! {
    /// What is offered can be taken; what is refused names its rule; a plan stays inside its hours, whatever the zone
    /// does to its clocks.
    #[test]
    fn a_slot_that_is_offered_is_accepted_and_every_refusal_names_a_rule(
        policy in any_rules(),
        zone in prop::sample::select(&ZONES[..]),
        minutes in 0..130_000_i64,
        others in prop::collection::vec((0..2200_i64, 0..3_usize), 0..60),
        asked in 0..130_000_i64,
    ) {
        let now = utc("2026-11-01T00:00:00Z") + TimeDelta::minutes(minutes);
        let mut world = World::new(|rules| *rules = policy);
        world.now = now;
        for (index, (hours, group)) in others.iter().enumerate() {
            let from = hour_of(now) + TimeDelta::hours(*hours);
            let place = Place { group: ["web", "db", ""][*group].to_owned(), ..Place::default() };
            world.taken.add(id(index as u128 + 10), &place, &world.policy, (from, from + TimeDelta::hours(2)));
        }
        let bounds = Bounds { zone, ..world.bounds() };
        for at in bounds.next_slots(4).into_iter().chain(bounds.choices(4)) {
            let plan = bounds.check_for_owner(at).unwrap();
            prop_assert!(plan.ends_at > plan.starts_at && plan.starts_at == at);
            prop_assert_eq!(at.with_timezone(&zone).naive_local(), plan.local);
            if !world.policy.allowed.is_empty() {
                // Independently of the code: the start lies in one of the hours, counted by walls.
                let inside = |hours: &Hours| [0, 1].into_iter().any(|back| {
                    let day = plan.local.date() - TimeDelta::days(back);
                    let length = if hours.to > hours.from { hours.to - hours.from } else { TimeDelta::days(1) - (hours.from - hours.to) };
                    let (from, to) = (day.and_time(hours.from), day.and_time(hours.from) + length);
                    hours.days.contains(day) && from <= plan.local && plan.local < to
                });
                prop_assert!(world.policy.allowed.iter().any(inside));
            }
        }
        let at = utc("2026-10-25T00:00:00Z") + TimeDelta::minutes(asked);
        if let Err(refusal) = bounds.check_for_owner(at) {
            prop_assert!(refusal.rule().is_some(), "{refusal}");
            prop_assert!(!refusal.to_string().is_empty());
        }
        for refusal in bounds.broken(at) {
            prop_assert!(refusal.rule().is_some());
        }
    }

    /// On the nights on which clocks change, regular starts exist once, lie on the right wall and never after each other
    /// backwards.
    #[test]
    fn the_nights_of_clock_changes_behave(zone in prop::sample::select(&ZONES[..]), days in 0..730_i64, from in 0..24_u32) {
        let mut world = World::new(|policy| {
            policy.slots.from = chrono::NaiveTime::from_hms_opt(from, 0, 0).unwrap();
            policy.patch_day = Days::Daily;
        });
        world.now = utc("2026-01-01T00:00:00Z");
        let bounds = Bounds { zone, ..world.bounds() };
        let day = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + TimeDelta::days(days);
        let starts: Vec<DateTime<Utc>> = bounds.starts_of(day).collect();
        prop_assert!(starts.len() >= 3, "no clock change takes more than the evening's half");
        prop_assert!(starts.is_sorted());
        for at in starts {
            let local = at.with_timezone(&zone).naive_local();
            prop_assert_eq!(instant(zone, local), Ok(at));
            prop_assert!(local >= day.and_hms_opt(from, 0, 0).unwrap());
        }
    }
}
