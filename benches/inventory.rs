//! An inventory of 100,000 servers beside the way of keeping a schedule in a CSV file that each step reads and rewrites.
//!
//! `cargo bench --bench inventory`, or `… -- --rows 10000 --runs 3`. With PATCHBOT_TEST_POSTGRES, as `lab postgres --` sets it,
//! PostgreSQL is measured too; its own CPU and memory are not counted. Ratios hold on other machines, seconds do not.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a measurement says its numbers, ends where something breaks, and is told its database as the tests are"
)]

mod measure;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use patchbot::app::App;
use patchbot::app::handle::Request;
use patchbot::app::import::{Apply, Preview};
use patchbot::app::plan::{Keep, Order};
use patchbot::app::selection::Among;
use patchbot::app::simulate::{Question, Simulated};
use patchbot::clock::Clock;
use patchbot::domain::answer::{Channel, Verdict};
use patchbot::domain::person::{Address, Identity};
use patchbot::domain::policy::{Policies, Policy};
use patchbot::domain::quarter::Quarter;
use patchbot::domain::simulate::Assumptions;
use patchbot::domain::timeline::{Due, Event};
use patchbot::store::Store;
use patchbot::store::records::Subject;
use sqlx::{Connection, Executor};

use measure::{Cost, Costs, app, cost, cpu_seconds, megabytes, root, scheduler};

/// What is measured, in this order, each on the database that the one before has left.
const ACTS: [(&str, &str); 11] = [
    ("preview", "import, preview of a new inventory"),
    ("apply", "import, applied"),
    ("again", "import of the same once more, applied"),
    ("plan", "plan of a quarter, written"),
    ("idle", "tick, nothing due"),
    ("due", "ticks, 100 owners' monthly notices due"),
    ("slots", "slots, said by an owner"),
    ("why", "why, said by an owner"),
    ("complete", "completion of a server's name, for an owner"),
    ("mine", "list, said by an owner"),
    ("list", "list of the terminal, with a filter that two of three fit"),
];
/// The same file, whose servers bring a date of the coming quarter.
const DATED: &str = "import, applied, each server with a date to come";
/// A part of the same servers, from a file of their own.
const SIMULATED: &str = "simulation of a quarter, with 10,000 of them at the most";
const LOAD: &str = "Python: csv.reader, read";
const STEP: &str = "Python: csv.DictReader, read and written, as each step does";
const QUARTER: &str = "2027-Q1";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).map(String::as_str) == Some("do") {
        let done = act(&arguments[2], &arguments[3], Path::new(&arguments[4]));
        let cost = tokio::runtime::Runtime::new().unwrap().block_on(done);
        println!("{} {} {}", cost[0], cost[1], cost[2]);
        return;
    }
    let number = |option: &str, usual: usize| {
        let at = arguments.iter().position(|argument| argument == option);
        at.map_or(usual, |at| arguments[at + 1].parse().unwrap())
    };
    compare(number("--rows", 100_000), number("--runs", 5));
}

fn compare(rows: usize, runs: usize) {
    let work = tempfile::tempdir().unwrap();
    let [file, dated, few] = ["servers.csv", "dated.csv", "few.csv"].map(|name| work.path().join(name));
    std::fs::write(&file, inventory(rows, false)).unwrap();
    std::fs::write(&dated, inventory(rows, true)).unwrap();
    std::fs::write(&few, inventory(rows.min(10_000), false)).unwrap();
    let admin = std::env::var("PATCHBOT_TEST_POSTGRES").ok();
    if admin.is_none() {
        println!(
            "Without PATCHBOT_TEST_POSTGRES only SQLite is measured: target/debug/lab postgres -- cargo bench --bench inventory"
        );
    }
    let engines: Vec<&str> = ["SQLite"].into_iter().chain(admin.as_ref().map(|_| "PostgreSQL")).collect();
    let mut costs = Costs::default();
    for run in 0..runs {
        for (name, how) in [(LOAD, "load"), ("Python: csv.DictReader, read", "records"), (STEP, "step")] {
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/inventory.py");
            costs.add(name, cost(Command::new("python3").arg(script).arg(how).arg(&file)));
        }
        for engine in &engines {
            let database = |name: &str| match &admin {
                Some(admin) if *engine == "PostgreSQL" => {
                    empty_postgres(admin, &format!("bench_{name}_{run}"))
                }
                _ => format!("sqlite:{}", work.path().join(format!("{name}-{run}.db")).display()),
            };
            let measured = |act: &str, database: &str, file: &Path| {
                cost(Command::new(std::env::current_exe().unwrap()).args(["do", act, database]).arg(file))
            };
            let kept = database("kept");
            for (act, told) in ACTS {
                costs.add(&format!("{engine}: {told}"), measured(act, &kept, &file));
            }
            costs.add(&format!("{engine}: {DATED}"), measured("apply", &database("dated"), &dated));
            costs.add(&format!("{engine}: {SIMULATED}"), measured("simulate", &database("simulated"), &few));
        }
    }
    costs.table(&format!("{rows} servers, beside reading the file"), LOAD);
    costs.table(&format!("{rows} servers, beside a step of the schedule"), STEP);
}

/// One act in a process of its own, which says what it cost.
async fn act(what: &str, database: &str, file: &Path) -> Cost {
    let store = match database.strip_prefix("sqlite:") {
        Some(path) => Store::sqlite(Path::new(path)).await.unwrap(),
        None => Store::postgres(database).await.unwrap(),
    };
    store.migrate().await.unwrap();
    let sheet = std::fs::read(file).unwrap();
    let rows = sheet.iter().filter(|byte| **byte == b'\n').count() - 1;
    let now: DateTime<Utc> = "2026-10-20T08:00:00Z".parse().unwrap();
    let clock = Clock::manual(now);
    let app = app(store, &clock, rules(rows));
    let quarter: Quarter = QUARTER.parse().unwrap();
    let mut measured = Measured::begin();
    match what {
        "preview" | "apply" | "again" => {
            let apply = if what == "preview" { Apply::Preview } else { Apply::Now };
            let preview = app.import(&sheet, apply, &root()).await.unwrap();
            check(&preview, what, rows);
        }
        "plan" => {
            let report = app.plan(&Order::whole(quarter, Keep::Yes), &root()).await.unwrap();
            assert_eq!((report.proposed.len(), report.wrong), (rows, Vec::new()));
        }
        "simulate" => {
            let assumed = Assumptions::default();
            let inventory = Some(sheet.as_slice());
            let question = Question { quarter, only: None, inventory, places: 8, assumed: &assumed };
            assert!(matches!(app.simulate(question).await.unwrap(), Simulated::Report(_)));
        }
        "idle" => {
            let scheduler = scheduler(&app);
            measured.many(500);
            for _ in 0..500 {
                assert!(scheduler.tick().await.unwrap().is_idle());
            }
        }
        "due" => {
            let scheduler = scheduler(&app);
            make_due(&app, quarter, rows).await;
            measured = Measured::begin();
            while !scheduler.tick().await.unwrap().is_idle() {}
        }
        "slots" | "why" | "complete" | "mine" => {
            measured.many(20);
            for number in 0..20 {
                ask(&app, what, number * (rows / 20), rows).await;
            }
        }
        _ => {
            let filter = app.read_filter("env = production and group != db_servers").await.unwrap().unwrap();
            let listed = app.select(Some(&filter), quarter, Among::ActiveOrPlanned).await.unwrap();
            assert!(listed.servers.len() > rows / 3);
        }
    }
    let cost = measured.end();
    app.store.close().await;
    cost
}

/// A stretch of time in which one thing was done, or the same thing several times.
struct Measured {
    begin: Instant,
    cpu: f64,
    times: f64,
}

impl Measured {
    fn begin() -> Self {
        Self { begin: Instant::now(), cpu: cpu_seconds(), times: 1.0 }
    }

    fn many(&mut self, times: u32) {
        *self = Self { times: f64::from(times), ..Self::begin() };
    }

    fn end(self) -> Cost {
        let seconds = self.begin.elapsed().as_secs_f64();
        [seconds / self.times, (cpu_seconds() - self.cpu) / self.times, megabytes()]
    }
}

fn check(preview: &Preview, what: &str, rows: usize) {
    assert_eq!((&preview.errors[..], &preview.warnings[..]), (&[][..], &[][..]));
    let (new, unchanged) = if what == "again" { (0, rows) } else { (rows, 0) };
    assert_eq!((preview.new.len(), preview.unchanged), (new, unchanged));
}

/// The monthly notices of 100 owners are due now.
async fn make_due(app: &App, quarter: Quarter, rows: usize) {
    let mut tx = app.store.begin().await.unwrap();
    let mut due = Vec::new();
    for owner in 0..owners(rows).min(100) {
        let person = tx.person_by_mail(&address(owner)).await.unwrap().unwrap();
        let event = Due { at: app.now() - TimeDelta::minutes(1), event: Event::MonthlyNotice };
        due.push((Subject::Owner(person.id), Some(event)));
    }
    tx.put_many_due(quarter, &due).await.unwrap();
    tx.commit().await.unwrap();
}

/// What an owner of a server asks about it.
async fn ask(app: &App, what: &str, server: usize, rows: usize) {
    let (owner, name) = (address(server % owners(rows)), name(server));
    if what == "complete" {
        let person = app.store.read().await.unwrap().person_by_mail(&owner).await.unwrap().unwrap();
        let short = name.split('.').next().unwrap();
        assert!(!app.find_servers(&person, short, 25).await.unwrap().is_empty());
        return;
    }
    let line = if what == "mine" { format!("list {QUARTER}") } else { format!("{what} {name}") };
    let request = Request {
        identity: Identity::Mail(owner),
        vouched: None,
        channel: Channel::Slack,
        command: patchbot_commands::parse(&line).unwrap(),
        shown: Vec::new(),
        typed_by: None,
        name: None,
    };
    let answer = app.handle(&request).await;
    assert_eq!(answer.verdict, Verdict::Done, "{line}: {}", answer.lines.join(" "));
}

/// An empty database, and its URL.
fn empty_postgres(admin: &str, name: &str) -> String {
    let made = async {
        let mut connection = sqlx::PgConnection::connect(admin).await.unwrap();
        for sql in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")] {
            connection.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
        }
    };
    tokio::runtime::Runtime::new().unwrap().block_on(made);
    format!("{}/{name}", admin.rsplit_once('/').unwrap().0)
}

/// Rules under which so many find a time in 13 weeks: a group that is patched a part at a time, one that follows it, one whose
/// services keep half of their members.
fn rules(rows: usize) -> Policies {
    let number = |count: usize| u32::try_from(count.max(5)).unwrap();
    let default = Policy { per_slot_hour: number(rows / 25), ..Policy::default() };
    let groups = [
        ("db_servers", Policy { max_concurrent: Some(number(rows / 60)), priority: 10, ..default.clone() }),
        ("app_servers", Policy { after: vec!["cache_servers".to_owned()], ..default.clone() }),
        ("web_servers", Policy { quorum: 5, ..default.clone() }),
    ];
    let groups = groups.into_iter().map(|(name, policy)| (name.to_owned(), policy)).collect();
    Policies { default, groups }
}

/// So many people own servers, 100 each, and as many again in the second place.
fn owners(rows: usize) -> usize {
    rows.div_ceil(100)
}

fn address(owner: usize) -> Address {
    Address::parse(&format!("owner.{owner:04}@owners.example.org")).unwrap()
}

fn name(server: usize) -> String {
    let site = ["ber", "chi", "lon", "nyc", "sin"][server / 7 % 5];
    format!("srv{server:06}.{site}.example.org")
}

/// A file with the columns that such files have, the past quarters' dates among them.
fn inventory(rows: usize, dated: bool) -> String {
    let mut file = "server_name,primary_owner,secondary_owner,server_timezone,q1_patch_date,q1_patch_time,q2_patch_date,\
        q2_patch_time,q3_patch_date,q3_patch_time,q4_patch_date,q4_patch_time,current_quarter_status,primary_linux_user,\
        secondary_linux_user,host_group,engr_domain,location,incident_ticket,patcher_email,last_sync_date,sync_status,\
        operating_system,environment,q1_approval_status,q2_approval_status,q3_approval_status,q4_approval_status,ip_address,service\n"
        .to_owned();
    let zones =
        ["Europe/Berlin", "America/New_York", "America/Chicago", "Europe/London", "Asia/Singapore", "UTC"];
    for server in 0..rows {
        let (group, place) = (server % 5, server / 5 % 100);
        let groups = ["web_servers", "db_servers", "app_servers", "cache_servers", "batch_servers"];
        let environment = match place {
            0..65 => "Production",
            65..85 => "Staging",
            85..99 => "Test",
            _ => "canary",
        };
        let second = owners(rows) - 1 - server % owners(rows);
        let second = if server % 5 == 0 { String::new() } else { address(second).to_string() };
        let (first, status) = if dated { ("2026-12-03", "Pending") } else { ("2025-11-13", "Completed") };
        writeln!(
            file,
            "{},{},{second},{},{first},20:00,2026-02-12,20:30,2026-05-14,21:00,2026-08-13,22:00,Completed,admin{group},backup{group},\
            {},engineering,\"Rack {}, room {place}\",INC{server:07},patcher{group}@example.org,2026-10-19 07:30:00,synced,{},\
            {environment},{status},Completed,Completed,Completed,10.{}.{}.{},svc-{group}-{}",
            name(server),
            address(server % owners(rows)),
            zones[server / 11 % zones.len()],
            groups[group],
            server % 40,
            ["RHEL 8", "RHEL 9", "Debian 12", "Ubuntu 22.04", "SLES 15"][server / 3 % 5],
            server / 62_500,
            server / 250 % 250,
            server % 250,
            server / 50
        )
        .unwrap();
    }
    file
}
