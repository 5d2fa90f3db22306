//! A simulated quarter beside the quarter itself: the same windows end the same way, and each owner gets as many mails.

use std::collections::BTreeMap;

use patchbot::app::simulate::{Question, Simulated};
use patchbot::domain::policy::{Policy, Silence};
use patchbot::domain::simulate::{Assumptions, Outcome, Report, Share};

use crate::world::World;

const OPENS: &str = "2026-10-26 09:00 Europe/Berlin";
const OVER: &str = "2027-02-03 09:00 Europe/Berlin";

/// Four servers of ada's, two of which bob owns as well, and one of eve's overseas.
async fn planned(silence: Silence) -> World {
    let mut world = World::with(OPENS, Policy { silence, ..Policy::default() })
        .await
        .server("web01", "ada")
        .server("web02", "ada")
        .server_in("web03", "ada", "bob", "Europe/Berlin")
        .server_in("web04", "ada", "bob", "Asia/Kolkata")
        .server_in("db01", "eve", "", "America/New_York");
    world.plan().await;
    world
}

async fn simulated(world: &World, assumed: &Assumptions) -> Report {
    let quarter = "2027-Q1".parse().unwrap();
    let question = Question { quarter, only: None, inventory: None, places: 8, assumed };
    match world.app.simulate(question).await.unwrap() {
        Simulated::Report(report) => *report,
        other => panic!("{other:?}"),
    }
}

fn nobody_answers() -> Assumptions {
    let none = Share::percent(0);
    Assumptions { answering: none, failing: none, ..Assumptions::default() }
}

/// How many mails each owner got. What is told of hosts that nobody finds depends on the hosts.
async fn mails(world: &World) -> BTreeMap<String, u32> {
    let mut mails = BTreeMap::new();
    for line in world.outbox(10_000).await {
        let (kind, rest) = line.split_once(" to ").unwrap();
        let (reader, state) = rest.split_once(": ").unwrap();
        assert_eq!(state, "sent", "{line}");
        if kind != "precheck_alert" && reader.ends_with("@owners.test") {
            *mails.entry(reader.to_owned()).or_default() += 1;
        }
    }
    mails
}

async fn quarter_is_as_simulated(silence: Silence) {
    let mut world = planned(silence).await;
    let report = simulated(&world, &nobody_answers()).await;
    world.sleep_until(OVER).await;
    let expected: BTreeMap<String, u32> =
        report.mails.iter().map(|line| (line.owner.clone(), line.in_all.usually)).collect();
    assert_eq!(mails(&world).await, expected);
    let mut began = 0;
    for server in ["web01", "web02", "web03", "web04", "db01"] {
        // Nobody listens where these servers are said to be, so what was begun has failed.
        let state = world.window(server).await.state;
        began += u32::from(state.as_str() == "failed");
        assert!(["failed", "missed"].contains(&state.as_str()), "{server}: {}", state.phrase());
    }
    assert_eq!(report.outcomes[&Outcome::Patched].usually, began);
    assert_eq!(report.outcomes[&Outcome::NotApproved].usually, 5 - began);
}

#[tokio::test]
async fn where_silence_holds() {
    quarter_is_as_simulated(Silence::Hold).await;
}

#[tokio::test]
async fn where_silence_approves() {
    quarter_is_as_simulated(Silence::Approve).await;
}

#[tokio::test]
async fn where_silence_puts_off() {
    quarter_is_as_simulated(Silence::Slip).await;
}

#[tokio::test]
async fn where_silence_asks_others() {
    quarter_is_as_simulated(Silence::Escalate).await;
}

#[tokio::test]
async fn what_is_decided_already_is_where_a_simulation_begins_and_nothing_is_kept() {
    let mut world = planned(Silence::Hold).await;
    world.sleep_until("2026-11-02 12:00 Europe/Berlin").await;
    world.says("ada", "approve web01 web02").await;
    world.says("ada", "decline web03 because it is replaced").await;
    let stands = (world.outbox(1000).await, world.audit("web01").await, world.state("web04").await);
    let report = simulated(&world, &nobody_answers()).await;
    let counts: Vec<String> = report
        .outcomes
        .iter()
        .filter(|(_, range)| range.most > 0)
        .map(|(outcome, range)| format!("{}: {range}", outcome.phrase()))
        .collect();
    assert_eq!(counts, ["patched: 2", "not approved in time: 2", "declined: 1"]);
    assert_eq!((world.outbox(1000).await, world.audit("web01").await, world.state("web04").await), stands);
}
