//! Chat under load: a burst of a thousand things at once with rate limits, cut connections and a restart in the middle,
//! and completions among 100,000 servers; through the libraries that patchbot uses, against Slack and Discord on loopback.
//!
//! `cargo bench --bench chat`, or `… -- --people 20 --rows 5000` for less. It ends with an error when anything was lost, done
//! twice, or not completed in the time that the platforms give. The seconds are this machine's.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measurement says its numbers, and ends where something breaks"
)]

#[path = "../tests/it/chat/rush.rs"]
mod rush;
#[path = "../tests/it/chat/rushing.rs"]
mod rushing;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use patchbot::app::App;
use patchbot::chat::discord;
use patchbot::clock::Clock;
use patchbot::config::secret::Secret;
use patchbot::domain::calendar::plan_at;
use patchbot::domain::ids::{PersonId, WindowId};
use patchbot::domain::person::{Address, Identity, Person, Role};
use patchbot::domain::server::{Ownership, Rank, Server};
use patchbot::domain::window::Window;
use patchbot::store::Store;
use patchbot::store::records::Medium;
use patchbot_standins::discord::{Discord, GUILD, Member, TOKEN};
use tokio_util::sync::CancellationToken;

use rush::{Outcome, Size, app_on, rush, server_called, utc};

/// Both platforms wait so long for what is typed to be completed.
const COMPLETED_WITHIN: Duration = Duration::from_secs(3);
/// So many completions are measured.
const TYPED: usize = 100;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |option: &str, usual: usize| {
        let at = arguments.iter().position(|argument| argument == option);
        at.map_or(usual, |at| arguments[at + 1].parse().unwrap())
    };
    let (people, rows) = (number("--people", 100), number("--rows", 100_000));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut lost = 0;
    for medium in [Medium::Slack, Medium::Discord] {
        let outcome = runtime.block_on(rush(medium, Size { people, servers_each: 10 }));
        tell(medium, &outcome);
        lost += outcome.losses.len();
    }
    lost += runtime.block_on(completions(rows));
    if lost == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tell(medium: Medium, outcome: &Outcome) {
    println!(
        "\n{} things at once in {}: {} tries, {} calls limited (429), {} connections cut, {} restart",
        outcome.wanted,
        medium.as_str(),
        outcome.acts,
        outcome.limited,
        outcome.cut,
        outcome.restarts
    );
    println!("  {}  acknowledged", spread(&outcome.acknowledged));
    println!("  {}  answered, from the first try", spread(&outcome.answered));
    println!("  {} lost or done twice", outcome.losses.len());
    outcome.losses.iter().take(10).for_each(|loss| println!("    {loss}"));
}

/// Percentiles.
fn spread(times: &[Duration]) -> String {
    let mut times = times.to_vec();
    times.sort_unstable();
    let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)));
    let named = [("p50", 50), ("p90", 90), ("p99", 99), ("most", 100)];
    let named = named.map(|(name, percent)| {
        let time = at(percent).copied().unwrap_or_default();
        format!("{name} {:.3} s", time.as_secs_f64())
    });
    named.join("  ")
}

/// So many owners share the servers, and so many host groups.
const OWNERS: usize = 500;
const GROUPS: usize = 40;

/// Completes names and times among many servers that are all planned, over the wire, for an owner and for an operator; how
/// many were wrong.
async fn completions(rows: usize) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::sqlite(&folder.path().join("patchbot.db")).await.unwrap();
    store.migrate().await.unwrap();
    let app = app_on(store, Clock::manual(utc("2026-11-25T09:00:00Z")));
    let begun = Instant::now();
    let people = fills(&app, rows).await;
    println!(
        "\n{rows} servers with their owners and windows, written in {:.1} s",
        begun.elapsed().as_secs_f64()
    );

    let standin = Discord::start().await.unwrap();
    let place = standin.channel("ops");
    let mut settings = discord::Settings::new(Secret::new(TOKEN), GUILD);
    settings.api_url = standin.api_url();
    let chat = discord::Discord::new(settings, app.clone()).unwrap();
    let stop = CancellationToken::new();
    let listening = tokio::spawn({
        let stop = stop.clone();
        async move { chat.run(stop).await }
    });
    standin.wait_for_session(1).await.unwrap();
    let mut wrong = 0;
    for (who, person, every) in [("an owner", people[7], OWNERS), ("an operator", people[OWNERS], 1)] {
        let member = standin.member(who);
        links(&app, person, &member).await;
        let (mut names, mut times) = (Vec::new(), Vec::new());
        for turn in 0..TYPED {
            // One of the servers that the person may see, by the middle of its name.
            let row = (7 + turn * 499 * every) % rows / every * every + 7 % every;
            let name = format!("srv{:06}", row.min(rows - 1));
            let typed = ("servers", name.trim_start_matches("srv"));
            let begun = Instant::now();
            let found = member.types(&place, "approve", &[], typed).await.unwrap();
            names.push(begun.elapsed());
            let is_there = found.iter().any(|(_, value)| *value == name);
            wrong += usize::from(!is_there || found.len() > 25 || begun.elapsed() > COMPLETED_WITHIN);
            let begun = Instant::now();
            let found =
                member.types(&place, "move", &[("servers", name.as_str())], ("time", "dec")).await.unwrap();
            times.push(begun.elapsed());
            wrong += usize::from(found.is_empty() || begun.elapsed() > COMPLETED_WITHIN);
        }
        println!("{TYPED} completions among {rows} servers for {who}");
        println!("  {}  of a name\n  {}  of a free time", spread(&names), spread(&times));
    }
    println!("  {wrong} wrong or too late");
    stop.cancel();
    listening.await.unwrap();
    wrong
}

/// Writes the servers, each with an owner and a window, and an operator behind the owners.
async fn fills(app: &App, rows: usize) -> Vec<PersonId> {
    let mut people = Vec::new();
    let mut tx = app.store.begin().await.unwrap();
    for number in 0..=OWNERS {
        let role = if number < OWNERS { Role::Owner } else { Role::Operator };
        let mail = Address::parse(&format!("person{number:03}@owners.test")).unwrap();
        let person = Person {
            id: PersonId(app.ids.next()),
            name: mail.to_string(),
            mail: Some(mail),
            zone: None,
            role,
        };
        tx.insert_person(&person, app.now()).await.unwrap();
        people.push(person.id);
    }
    let servers: Vec<Server> = (0..rows)
        .map(|row| Server {
            host_group: Some(format!("group{}", row % GROUPS)),
            ..server_called(app, &format!("srv{row:06}"))
        })
        .collect();
    tx.insert_servers(&servers.iter().collect::<Vec<_>>(), app.now()).await.unwrap();
    let owned = servers
        .iter()
        .enumerate()
        .map(|(row, server)| (server.id, Ownership { person: people[row % OWNERS], rank: Rank::Primary }));
    tx.insert_ownerships(&owned.collect::<Vec<_>>()).await.unwrap();
    for (row, server) in servers.iter().enumerate() {
        // Eight weeks of evenings, as a plan spreads them.
        let hours = i64::try_from(row % (8 * 4)).unwrap();
        let start =
            utc("2026-12-03T19:00:00Z") + TimeDelta::weeks(hours / 4) + TimeDelta::minutes(30 * (hours % 4));
        let window = Window::unscheduled(WindowId(app.ids.next()), server.id, "2027-Q1".parse().unwrap())
            .with_plan(plan_at(start, server.zone, TimeDelta::hours(2)));
        tx.insert_window(&window).await.unwrap();
    }
    tx.commit().await.unwrap();
    people
}

async fn links(app: &App, person: PersonId, member: &Member) {
    let mut tx = app.store.begin().await.unwrap();
    let identity = Identity::Discord { user: member.id().to_owned() };
    tx.link_identity(&identity, person, app.now()).await.unwrap();
    tx.commit().await.unwrap();
}
