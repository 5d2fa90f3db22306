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

use patchbot::app::App;
use patchbot::app::import::Apply;
use patchbot::chat::discord;
use patchbot::clock::Clock;
use patchbot::config::secret::Secret;
use patchbot::domain::answer::Channel;
use patchbot::domain::event::Actor;
use patchbot::domain::person::{Address, Identity, Role};
use patchbot::store::Store;
use patchbot::store::records::Medium;
use patchbot_standins::discord::{Discord, GUILD, Member, TOKEN};
use tokio_util::sync::CancellationToken;

use rush::{Outcome, Size, app_on, rush, utc};

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

/// Completes names among many servers, over the wire, for an owner and for an operator; how many were wrong.
async fn completions(rows: usize) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::sqlite(&folder.path().join("patchbot.db")).await.unwrap();
    store.migrate().await.unwrap();
    let app = app_on(store, Clock::manual(utc("2026-11-25T09:00:00Z")));
    let mut sheet = "server_name,primary_owner,server_timezone,host_group\n".to_owned();
    for row in 0..rows {
        sheet.push_str(&format!(
            "srv{row:06},owner{:03}@owners.test,Europe/Berlin,group{}\n",
            row % 500,
            row % 40
        ));
    }
    app.import(sheet.as_bytes(), Apply::Now, &Actor::outside("root", Channel::Terminal)).await.unwrap();
    let operator = (Address::parse("olga@patchbot.test").unwrap(), Role::Operator);
    app.give_roles(&[operator]).await.unwrap();

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
    for (mail, sees) in [("owner007@owners.test", 500), ("olga@patchbot.test", 1)] {
        let member = standin.member(mail);
        links(&app, mail, &member).await;
        let mut times = Vec::new();
        for turn in 0..TYPED {
            // One of the servers that the person may see, by the middle of its name.
            let row = (7 + turn * 499 * sees) % rows / sees * sees + if sees == 500 { 7 } else { 0 };
            let name = format!("srv{:06}", row.min(rows - 1));
            let begun = Instant::now();
            let found = member
                .types(&place, "approve", &[], ("servers", name.trim_start_matches("srv")))
                .await
                .unwrap();
            times.push(begun.elapsed());
            let is_there = found.iter().any(|(_, value)| *value == name);
            wrong += usize::from(!is_there || found.len() > 25 || begun.elapsed() > COMPLETED_WITHIN);
        }
        println!("\n{TYPED} completions among {rows} servers for {mail}\n  {}", spread(&times));
    }
    println!("  {wrong} wrong or too late");
    stop.cancel();
    listening.await.unwrap();
    wrong
}

async fn links(app: &App, mail: &str, member: &Member) {
    let mut tx = app.store.begin().await.unwrap();
    let person = tx.person_by_mail(&Address::parse(mail).unwrap()).await.unwrap().unwrap();
    let identity = Identity::Discord { user: member.id().to_owned() };
    tx.link_identity(&identity, person.id, app.now()).await.unwrap();
    tx.commit().await.unwrap();
}
