//! Decisions as tables: who does what to a window in which state, and what comes of it.

use chrono_tz::Tz;
use patchbot_commands::Effect;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::calendar::plan_at;
use crate::domain::ids::{PersonId, RunId, ServerId, WindowId};
use crate::domain::occupancy::{Occupancy, Place};
use crate::domain::permit::{Deciders, authorize};
use crate::domain::person::{Person, Role};
use crate::domain::policy::Policy;
use crate::domain::quarter::Quarters;
use crate::domain::server::{Ownership, Rank};

const ZONE: Tz = Tz::Europe__Berlin;

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn person(number: u128, name: &str, role: Role) -> Person {
    Person { id: PersonId(Uuid::from_u128(number)), name: name.to_owned(), mail: None, zone: None, role }
}

fn ada() -> Person {
    person(1, "ada", Role::Owner)
}

fn bob() -> Person {
    person(2, "bob", Role::Owner)
}

fn olga() -> Person {
    person(3, "olga", Role::Operator)
}

fn permit(person: &Person) -> Permit {
    let owners = [
        Ownership { person: ada().id, rank: Rank::Primary },
        Ownership { person: bob().id, rank: Rank::Secondary },
    ];
    authorize(person, Effect::Decide, "web01", Deciders { owners: &owners, ..Deciders::default() }).unwrap()
}

/// The world of one window: web01 in Berlin, Thursday 3 December 20:00.
struct World {
    window: Window,
    now: DateTime<Utc>,
    taken: Occupancy,
    place: Place,
}

impl World {
    fn new(now: &str) -> Self {
        let plan = plan_at(utc("2026-12-03T19:00:00Z"), ZONE, TimeDelta::hours(2));
        let ids = (WindowId(Uuid::from_u128(9)), ServerId(Uuid::from_u128(8)));
        let window = Window::unscheduled(ids.0, ids.1, "2027-Q1".parse().unwrap()).with_plan(plan);
        Self { window, now: utc(now), taken: Occupancy::default(), place: Place::default() }
    }

    fn tries(
        &self,
        who: &Person,
        act: Act,
        reason: Option<&str>,
        shown: Option<i64>,
    ) -> Result<Change, Refusal> {
        let (policy, quarters) = (Policy::default(), Quarters::default());
        let bounds = Bounds {
            policy: &policy,
            quarters: &quarters,
            quarter: self.window.quarter,
            zone: ZONE,
            present: self.window.plan.as_ref(),
            server: self.window.server,
            place: &self.place,
            taken: &self.taken,
            usual: None,
            now: self.now,
        };
        let case = Case { window: &self.window, server: "web01", bounds };
        let via = Via { channel: Channel::Mail, shown: shown.map(Revision) };
        decide(&case, act, reason, &permit(who), via)
    }

    /// Does it, and says what came of it: the sentence, or the refusal with its next step.
    fn does(&mut self, who: &Person, act: Act) -> String {
        match self.tries(who, act, None, None) {
            Ok(change) => {
                self.window = change.window;
                change.sentence
            }
            Err(refusal) => refusal.answer().text().replace('\n', " "),
        }
    }
}

const MONDAY: &str = "2026-11-23T09:00:00Z";

#[test]
fn an_approval_names_the_time_and_a_second_one_says_who_was_first() {
    let mut world = World::new(MONDAY);
    insta::assert_snapshot!(world.does(&ada(), Act::Approve), @"web01 is approved for Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).");
    insta::assert_snapshot!(world.does(&bob(), Act::Approve), @r#"web01 is already approved by ada by mail, since Mon 23 Nov 2026, 10:00 Europe/Berlin (09:00 UTC). To take it back, say "withdraw web01"."#);
}

#[test]
fn moving_the_time_voids_the_earlier_approval() {
    let mut world = World::new(MONDAY);
    world.does(&ada(), Act::Approve);
    insta::assert_snapshot!(world.does(&ada(), Act::Move(utc("2026-12-10T19:00:00Z"))), @"web01 moves to Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC). The approval it had is void; it waits for approval.");
    assert_eq!(world.window.state, WindowState::Proposed);
    assert_eq!(world.window.revision, Revision(2));
    assert_eq!(world.window.approval(), None);
    assert_eq!(world.window.moves, 1);
}

#[test]
fn an_answer_to_an_old_plan_decides_nothing() {
    let mut world = World::new(MONDAY);
    world.does(&ada(), Act::Move(utc("2026-12-10T19:00:00Z")));
    let refusal = world.tries(&bob(), Act::Approve, None, Some(1)).unwrap_err();
    insta::assert_snapshot!(refusal.answer().text(), @r#"
    The plan of web01 has changed since that was shown (it was revision 1, now it is 2): the start is now Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    Look at the new plan ("show web01") and decide about that one.
    "#);
}

#[test]
fn one_no_stands_against_another_owners_yes_until_it_is_taken_back() {
    let mut world = World::new(MONDAY);
    world.does(&ada(), Act::Approve);
    insta::assert_snapshot!(world.does(&bob(), Act::Decline), @"web01 is declined: it is not patched in this window.");
    insta::assert_snapshot!(world.does(&ada(), Act::Approve), @r#"bob declined web01; a no stands until it is taken back. bob or an operator can say "withdraw web01"; after that it can be approved."#);
    insta::assert_snapshot!(world.does(&ada(), Act::Withdraw), @r#"bob declined web01; only bob or an operator can take that back. Ask them, or an operator, to say "withdraw web01"."#);
    insta::assert_snapshot!(world.does(&bob(), Act::Withdraw), @"web01 waits for approval again; its time is still Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).");
    insta::assert_snapshot!(world.does(&ada(), Act::Approve), @"web01 is approved for Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).");
}

#[test]
fn the_closed_week_binds_owners_and_costs_operators_a_reason_and_a_second_person() {
    let mut world = World::new("2026-11-28T09:00:00Z");
    let tonight = Act::Move(utc("2026-11-29T19:00:00Z"));
    insta::assert_snapshot!(world.does(&ada(), tonight), @"That time lies in the current patch week, which is closed for changes; from Thu 3 Dec 2026 on you can choose freely. An operator can cross the freeze with a reason. Until the start you can still decline.");
    insta::assert_snapshot!(world.does(&olga(), tonight), @r#"That crosses the freeze of the current patch week, which needs a reason. Say it again with because "…"; then somebody else must approve the new time."#);
    world.window = world.tries(&olga(), tonight, Some("zero day"), None).unwrap().window;
    insta::assert_snapshot!(world.does(&olga(), Act::Approve), @r#"You moved web01 across the freeze yourself; somebody else must approve it. Ask an owner or another operator to say "approve web01"."#);
    assert_eq!(approve_by_silence(&world.window, world.now), None);
    insta::assert_snapshot!(world.does(&ada(), Act::Approve), @"web01 is approved for Sun 29 Nov 2026, 20:00 Europe/Berlin (19:00 UTC).");
}

#[test]
fn after_the_lock_an_owner_can_only_say_no() {
    let mut world = World::new(MONDAY);
    world.does(&ada(), Act::Approve);
    world.window = world.window.lock().unwrap();
    world.now = utc("2026-12-03T17:00:00Z");
    insta::assert_snapshot!(world.does(&ada(), Act::Move(utc("2026-12-10T19:00:00Z"))), @r#"The schedule of web01 is locked: it starts Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC), and changes close before that. Until the start you can still say "decline web01"; an operator can do more."#);
    insta::assert_snapshot!(world.does(&ada(), Act::Decline), @"web01 is declined: it is not patched in this window.");
}

#[test]
fn once_the_run_has_begun_nothing_can_be_decided() {
    let mut world = World::new(MONDAY);
    world.does(&ada(), Act::Approve);
    world.window = world.window.start(RunId(Uuid::from_u128(5))).unwrap();
    for act in
        [Act::Approve, Act::Decline, Act::Withdraw, Act::Move(utc("2026-12-10T19:00:00Z")), Act::Defer(7)]
    {
        assert!(world.does(&ada(), act).starts_with("web01 is being patched now"), "{act:?}");
    }
}

#[test]
fn a_failed_window_is_kept_out_until_an_operator_gives_it_a_time() {
    let mut world = World::new("2026-11-25T09:00:00Z");
    world.window.state = WindowState::Failed { reason: "the installation failed".to_owned() };
    let next = Act::Move(utc("2026-12-10T19:00:00Z"));
    insta::assert_snapshot!(world.does(&ada(), next), @r#"web01 needs an operator first: failed: the installation failed. An operator looks at it and gives it a new time; "history web01" tells what happened."#);
    insta::assert_snapshot!(world.does(&olga(), next), @"web01 moves to Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC). It waits for approval.");
}

#[test]
fn a_time_that_breaks_a_rule_is_refused_by_that_rule() {
    let mut world = World::new("2026-11-25T09:00:00Z");
    world.taken.add_starts(utc("2026-12-10T19:00:00Z"), 5);
    insta::assert_snapshot!(world.does(&ada(), Act::Move(utc("2026-12-10T19:30:00Z"))), @"The hour from Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC) is full: at most 5 servers start in one hour.");
    insta::assert_snapshot!(world.does(&ada(), Act::Move(utc("2027-02-04T19:00:00Z"))), @"That is outside the window's quarter, 2027-Q1 (1 Nov 2026 to 31 Jan 2027).");
    insta::assert_snapshot!(world.does(&ada(), Act::Move(utc("2026-11-25T10:00:00Z"))), @"That is too soon: the checks before a run need time. The earliest is Wed 25 Nov 2026, 13:00 Europe/Berlin (12:00 UTC).");
    insta::assert_snapshot!(world.does(&ada(), Act::Move(utc("2026-11-24T19:00:00Z"))), @"Tue 24 Nov 2026, 20:00 Europe/Berlin (19:00 UTC) has passed.");
    insta::assert_snapshot!(world.does(&ada(), Act::Defer(90)), @"That is outside the window's quarter, 2027-Q1 (1 Nov 2026 to 31 Jan 2027).");
    insta::assert_snapshot!(world.does(&ada(), Act::Defer(14)), @"web01 moves to Thu 17 Dec 2026, 20:00 Europe/Berlin (19:00 UTC). It waits for approval.");
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        Just(Act::Approve),
        Just(Act::Decline),
        Just(Act::Withdraw),
        (0..4000_i64).prop_map(|hours| Act::Move(utc("2026-11-20T00:00:00Z") + TimeDelta::hours(hours))),
        (1..=90_u16).prop_map(Act::Defer),
    ]
}

proptest! {
    /// Whatever people do in whatever order: a consent holds only for the plan it was given for.
    #[test]
    fn no_sequence_of_decisions_leaves_an_approval_for_another_plan(
        acts in prop::collection::vec((any_act(), 0..3_usize, 0..72_i64, any::<bool>()), 1..12),
    ) {
        let mut world = World::new(MONDAY);
        let people = [ada(), bob(), olga()];
        for (act, who, hours, reasoned) in acts {
            world.now += TimeDelta::hours(hours);
            let reason = reasoned.then_some("because");
            match world.tries(&people[who], act, reason, None) {
                Ok(change) => {
                    let replanned = change.window.plan != world.window.plan;
                    // What had no time could not be approved: its first one needs no other revision.
                    let first = world.window.plan.is_none();
                    prop_assert!(!replanned || first || change.window.revision > world.window.revision);
                    prop_assert!(!replanned || change.window.approval().is_none());
                    if let Some(approval) = change.window.approval() {
                        prop_assert_eq!(approval.revision, change.window.revision);
                        prop_assert!(change.window.plan.unwrap().starts_at > world.now);
                    }
                    if let Act::Move(at) = act {
                        prop_assert_eq!(change.window.plan.unwrap().starts_at, at);
                    }
                    world.window = change.window;
                }
                Err(refusal) => prop_assert!(!refusal.to_string().is_empty()),
            }
        }
    }
}
