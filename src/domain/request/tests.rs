//! Dangerous acts as tables: what is possible in which state, who must agree, and what comes of it.

use std::collections::BTreeSet;

use chrono_tz::Tz;
use patchbot_commands::Effect;
use uuid::Uuid;

use super::*;
use crate::domain::bounds::Bounds;
use crate::domain::calendar::plan_at;
use crate::domain::check::{Check, Level};
use crate::domain::ids::{RunId, ServerId};
use crate::domain::occupancy::{Occupancy, Place};
use crate::domain::permit::{Deciders, authorize};
use crate::domain::person::{Person, Role};
use crate::domain::quarter::Quarters;
use crate::domain::server::{Ownership, Rank};
use crate::domain::window::Refused;

const START: &str = "2026-12-03T19:00:00Z";

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn permit(number: u128, name: &str, role: Role) -> Permit {
    let person =
        Person { id: PersonId(Uuid::from_u128(number)), name: name.to_owned(), mail: None, zone: None, role };
    let owners = [Ownership { person: PersonId(Uuid::from_u128(1)), rank: Rank::Primary }];
    authorize(&person, Effect::Decide, "web01", Deciders { owners: &owners, ..Deciders::default() }).unwrap()
}

/// A window in Berlin, Thu 3 Dec 2026, 20:00, in 2027-Q1.
pub(in crate::domain) fn window(state: WindowState) -> Window {
    let plan = plan_at(utc(START), Tz::Europe__Berlin, TimeDelta::hours(2));
    let ids = (WindowId(Uuid::from_u128(9)), ServerId(Uuid::from_u128(8)));
    Window { state, ..Window::unscheduled(ids.0, ids.1, "2027-Q1".parse().unwrap()).with_plan(plan) }
}

fn full() -> Finding {
    Finding {
        check: Check::Disk,
        subject: "/srv".to_owned(),
        level: Level::Block,
        found: "96 % used, 90 % allowed".to_owned(),
        remedy: "Free space on /srv.".to_owned(),
    }
}

/// Looks at a window of web01 at a time, under the usual rules and with nobody else in the calendar.
pub(in crate::domain) fn with_case<T>(window: &Window, now: &str, look: impl FnOnce(&Case<'_>) -> T) -> T {
    let (policy, quarters) = (Policy::default(), Quarters::default());
    let (place, taken) = (Place::default(), Occupancy::default());
    let bounds = Bounds {
        policy: &policy,
        quarters: &quarters,
        quarter: window.quarter,
        zone: Tz::Europe__Berlin,
        present: window.plan.as_ref(),
        server: window.server,
        place: &place,
        taken: &taken,
        usual: None,
        now: utc(now),
    };
    look(&Case { window, server: "web01", bounds })
}

/// The same with what blocks it.
fn with_danger<T>(
    window: &Window,
    now: &str,
    blocking: &[Finding],
    look: impl FnOnce(&Danger<'_>) -> T,
) -> T {
    with_case(window, now, |case| look(&Danger { case: *case, blocking, enrolled: true }))
}

fn request(verb: Verb, stage: Stage) -> Request {
    Request {
        id: RequestId(Uuid::from_u128(5)),
        code: "7F3K".to_owned(),
        verb,
        window: WindowId(Uuid::from_u128(9)),
        revision: Revision::FIRST,
        asked_by: PersonId(Uuid::from_u128(3)),
        asked_name: "Olga".to_owned(),
        channel: Channel::Slack,
        reason: "CVE-2026-1234 is exploited".to_owned(),
        stage,
        ended_by: None,
        asked_at: utc("2026-12-01T09:00:00Z"),
        expires_at: utc("2026-12-01T09:15:00Z"),
        version: 0,
        checks: Vec::new(),
    }
}

fn states() -> Vec<WindowState> {
    let approval = Approval {
        by: Approver::Silence,
        channel: Channel::Clock,
        revision: Revision::FIRST,
        at: utc("2026-11-30T09:00:00Z"),
        with: Vec::new(),
    };
    let refused = Refused {
        by: PersonId(Uuid::from_u128(1)),
        name: "Ada".to_owned(),
        channel: Channel::Mail,
        at: utc("2026-11-30T09:00:00Z"),
        reason: None,
    };
    let reason = || "the disk".to_owned();
    vec![
        WindowState::Proposed,
        WindowState::Approved(approval.clone()),
        WindowState::Locked(approval),
        WindowState::Running { run: RunId(Uuid::from_u128(6)) },
        WindowState::Completed,
        WindowState::Failed { reason: reason() },
        WindowState::Missed { reason: reason() },
        WindowState::NeedsHuman { reason: reason() },
        WindowState::Declined(refused),
        WindowState::Cancelled { reason: reason() },
    ]
}

#[test]
fn each_act_is_possible_where_it_makes_sense() {
    let blocking = [full()];
    let mut table = String::new();
    for state in states() {
        let window = window(state);
        let possible: Vec<&str> = Verb::ALL
            .into_iter()
            .filter(|verb| {
                with_danger(&window, "2026-12-03T19:30:00Z", &blocking, |danger| danger.allows(*verb)).is_ok()
            })
            .map(Verb::as_str)
            .collect();
        table.push_str(&format!("{}: {}\n", window.state.as_str(), possible.join(" ")));
    }
    insta::assert_snapshot!(table, @r"
    proposed: now override skip
    auto_approved: now override skip
    locked: now override skip
    running: abort
    completed: 
    failed: now skip retry
    missed: now skip retry
    needs_human: now skip retry
    declined: 
    cancelled:
    ");
}

#[test]
fn an_override_needs_something_that_blocks_and_a_retry_time_that_is_left() {
    let waiting = window(WindowState::Proposed);
    let why = with_danger(&waiting, "2026-12-03T14:30:00Z", &[], |danger| danger.allows(Verb::Override));
    insta::assert_snapshot!(why.unwrap_err().to_string(), @"That cannot be done with web01: no pre-check blocks it, so there is nothing to override.");
    let failed = window(WindowState::Failed { reason: "x".to_owned() });
    let unknown = with_case(&waiting, "2026-12-03T14:30:00Z", |case| {
        Danger { case: *case, blocking: &[], enrolled: false }.allows(Verb::Now)
    });
    insta::assert_snapshot!(unknown.unwrap_err().to_string(), @r#"That cannot be done with web01: its host key is not known, so nothing can be installed there; an administrator enrols it with "patchbot enroll web01"."#);
    let late = with_danger(&failed, "2026-12-03T20:51:00Z", &[], |danger| danger.allows(Verb::Retry));
    insta::assert_snapshot!(late.unwrap_err().to_string(), @"That cannot be done with web01: too little is left of its window: a run, with a reboot, could not end inside it.");
    assert!(with_danger(&failed, "2026-12-03T20:49:00Z", &[], |danger| danger.allows(Verb::Retry)).is_ok());
}

#[test]
fn who_asked_confirms_first_and_somebody_else_second() {
    let policy = Policy::default();
    let now = utc("2026-12-01T09:05:00Z");
    let (ada, olga, otto) =
        (permit(1, "Ada", Role::Owner), permit(3, "Olga", Role::Operator), permit(4, "Otto", Role::Operator));
    let asked = request(Verb::Now, Stage::Asked);
    assert_eq!(asked.consent(&olga, &policy, now), Ok(Consent::AskSecond));
    assert!(matches!(asked.consent(&otto, &policy, now), Err(Refusal::NotYourRequest { .. })));
    let confirmed = request(Verb::Now, Stage::Confirmed);
    assert!(matches!(confirmed.consent(&olga, &policy, now), Err(Refusal::OwnRequest { .. })));
    assert_eq!(confirmed.consent(&otto, &policy, now), Ok(Consent::Go));
    assert_eq!(confirmed.consent(&ada, &policy, now), Ok(Consent::Go), "an owner agrees for his own server");
    assert_eq!(request(Verb::Skip, Stage::Asked).consent(&olga, &policy, now), Ok(Consent::Go));
    let nobody = Policy { second_person: BTreeSet::new(), ..Policy::default() };
    assert_eq!(asked.consent(&olga, &nobody, now), Ok(Consent::Go));
    let late = utc("2026-12-01T09:15:00Z");
    insta::assert_snapshot!(asked.consent(&olga, &policy, late).unwrap_err().to_string(), @"What was asked for under 7F3K was not confirmed in time.");
    insta::assert_snapshot!(request(Verb::Now, Stage::Done).consent(&otto, &policy, now).unwrap_err().to_string(), @"What was asked for under 7F3K was done already.");
}

#[test]
fn what_will_happen_is_said_before() {
    let blocking = [full()];
    let window = window(WindowState::Proposed);
    let mut told = String::new();
    for verb in Verb::ALL {
        let lines =
            with_danger(&window, "2026-12-01T09:00:00Z", &blocking, |danger| danger.consequences(verb));
        told.push_str(&format!("{}\n  {}\n", verb.phrase("web01"), lines.join("\n  ")));
    }
    insta::assert_snapshot!(told, @"
    patch web01 now
      web01 is patched at once, outside its calendar: pre-checks, installation, a reboot by its rule, validation.
      Its window Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC) is given up.
      Nothing begins and nothing reboots later than 2 hours from now.
    let web01 pass its blocking pre-check
      The coming run of web01 begins although this was found:
      disk /srv: 96 % used, 90 % allowed. Free space on /srv.
      Whatever else blocks it at its start still ends it.
    stop the run of web01
      What is being installed on web01 now goes to its end: cutting it off would break packages.
      After that nothing more is begun: no reboot, no validation. Then a person must look.
    leave web01 out of this quarter
      web01 is not patched in 2027-Q1.
      Its owners are told, with your name and reason.
    patch web01 once more
      web01 is patched again at once, as a new run with its own pre-checks.
      It stays inside the window that was approved, which ends Thu 3 Dec 2026, 22:00 Europe/Berlin (21:00 UTC).
    ");
}

#[test]
fn an_emergency_is_a_new_plan_from_now_on_and_a_retry_stays_inside_the_old_one() {
    let olga = permit(3, "Olga", Role::Operator);
    let waiting = window(WindowState::Proposed);
    let change = with_danger(&waiting, "2026-12-01T09:00:00Z", &[], |danger| {
        danger.change(&request(Verb::Now, Stage::Confirmed), &olga, Channel::Slack).unwrap().unwrap()
    });
    let plan = change.window.plan.unwrap();
    assert_eq!((plan.starts_at, plan.ends_at), (utc("2026-12-01T09:00:00Z"), utc("2026-12-01T11:00:00Z")));
    assert_eq!(change.window.revision, Revision(2));
    assert!(change.window.approval().is_some(), "the second yes is its approval");

    let failed = window(WindowState::Failed { reason: "x".to_owned() });
    let change = with_danger(&failed, "2026-12-03T20:10:00Z", &[], |danger| {
        danger.change(&request(Verb::Retry, Stage::Asked), &olga, Channel::Slack).unwrap().unwrap()
    });
    let plan = change.window.plan.unwrap();
    assert_eq!((plan.starts_at, plan.ends_at), (utc("2026-12-03T20:10:00Z"), utc("2026-12-03T21:00:00Z")));

    let change = with_danger(&waiting, "2026-12-01T09:00:00Z", &[], |danger| {
        danger.change(&request(Verb::Skip, Stage::Asked), &olga, Channel::Slack).unwrap().unwrap()
    });
    insta::assert_snapshot!(change.window.state.phrase(), @r#"cancelled: left out by Olga because "CVE-2026-1234 is exploited""#);
}
