//! Many people who decide at the same moment about the same servers and the same room: nobody is lost, nothing breaks, and
//! what comes of it keeps every rule.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use futures::future::join_all;
use patchbot::app::App;
use patchbot::app::handle::Request;
use patchbot::app::plan::Keep;
use patchbot::domain::answer::{Answer, Channel, Verdict};
use patchbot::domain::chain::Chain;
use patchbot::domain::person::{Address, Identity};
use patchbot::domain::policy::{Policies, Policy};
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

use crate::world::{World, mail_of, root};

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";
const OWNERS: [&str; 6] = ["ada", "bob", "cleo", "dan", "eva", "fritz"];
const SERVERS: usize = 24;
/// Few and wanted by all.
const TIMES: [&str; 5] =
    ["2026-12-10 20:00", "2026-12-10 21:00", "2026-12-10 22:00", "2026-12-17 20:00", "2026-12-17 21:00"];

async fn world() -> World {
    let policy = Policy {
        per_slot_hour: 3,
        max_concurrent: Some(4),
        moves: 100,
        gap: TimeDelta::minutes(5),
        ..Policy::default()
    };
    let mut world = World::ruled(TUESDAY, Policies { default: policy, groups: BTreeMap::new() }).await;
    for server in 0..SERVERS {
        let (owner, second) = (OWNERS[server % OWNERS.len()], OWNERS[(server / 2 + 1) % OWNERS.len()]);
        let second = if second == owner { "" } else { second };
        world = world.server_in(&format!("web{server:02}"), owner, second, "Europe/Berlin");
    }
    world.plan().await;
    world.mails();
    world
}

/// What somebody says who cannot make up his mind.
fn words(draw: &mut TestRng) -> String {
    let mut one_of = |many: usize| usize::try_from(draw.next_u64() % u64::try_from(many).unwrap()).unwrap();
    let (server, other, time) = (one_of(SERVERS), one_of(SERVERS), TIMES[one_of(TIMES.len())]);
    match one_of(9) {
        0 | 1 => format!("move web{server:02} to {time}"),
        2 => format!("approve web{server:02}"),
        3 => "approve all".to_owned(),
        4 => format!("defer web{server:02} by 1 week"),
        5 => format!("decline web{server:02} because \"the quarter's closing\""),
        6 => format!("withdraw web{server:02}"),
        7 => format!("undo web{server:02}"),
        _ => format!("swap web{server:02} with web{other:02}"),
    }
}

async fn says(app: &App, who: &str, words: &str) -> Answer {
    let request = Request {
        identity: Identity::Slack { team: "T1".to_owned(), user: format!("U-{who}") },
        vouched: Some(Address::parse(&mail_of(who)).unwrap()),
        channel: Channel::Slack,
        command: patchbot_commands::parse(words).unwrap(),
        shown: Vec::new(),
        typed_by: None,
        name: None,
    };
    app.handle(&request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_decides_at_the_same_moment_no_rule_is_broken_and_nothing_is_lost() {
    let world = world().await;
    // Each speaks for himself; olga, an operator, twice, as if she had two windows open.
    let speakers = OWNERS.iter().chain(["olga", "olga"].iter()).enumerate();
    let told = join_all(speakers.map(|(number, who)| {
        let (app, who) = (world.app.clone(), (*who).to_owned());
        tokio::spawn(async move {
            let mut draw = TestRng::from_seed(RngAlgorithm::ChaCha, &[u8::try_from(number).unwrap(); 32]);
            let mut told = Vec::new();
            for _ in 0..30 {
                let words = words(&mut draw);
                told.push((who.clone(), words.clone(), says(&app, &who, &words).await));
            }
            told
        })
    }))
    .await;
    let told: Vec<(String, String, Answer)> = told.into_iter().flat_map(Result::unwrap).collect();
    for (who, words, answer) in &told {
        assert_ne!(answer.verdict, Verdict::Broken, "{who}: {words}: {}", answer.text());
    }
    let compared = world.app.recheck(Keep::No, &root()).await.unwrap();
    let broken: Vec<String> = compared
        .iter()
        .flat_map(|all| &all.changed)
        .map(|(server, _, rule)| format!("{server}: {rule}"))
        .collect();
    assert_eq!(broken, Vec::<String>::new());

    let mut tx = world.app.store.read().await.unwrap();
    let mut chain = Chain::default();
    for row in tx.audit_from(1, i64::MAX).await.unwrap() {
        chain.follow(&row.event.content(row.seq, chain.last()), &row.hash).unwrap();
    }
    // What was answered with "done" about one server is among its decisions.
    let mut decisions = 0;
    for window in tx.all_windows().await.unwrap() {
        decisions += tx.decisions_of(window.id).await.unwrap().len();
    }
    let of_one = told.iter().filter(|(_, words, _)| !words.ends_with("all") && !words.starts_with("swap"));
    let done = of_one.filter(|(_, _, answer)| answer.verdict == Verdict::Done).count();
    assert!(done > 20 && decisions >= done, "{done} were done, {decisions} are kept");
}
