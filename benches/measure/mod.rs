//! What every measurement needs: an installation, this process's CPU time and memory, a peer's numbers, a table of medians.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use patchbot::app::{App, ChatPlaces};
use patchbot::clock::{Clock, Ids};
use patchbot::domain::answer::Channel;
use patchbot::domain::event::Actor;
use patchbot::domain::policy::Policies;
use patchbot::domain::quarter::Quarters;
use patchbot::ssh::{LoginKey, Remote, Settings};
use patchbot::store::Store;
use patchbot::work::due::Scheduler;
use patchbot::work::hosts::{Defaults, Hosts, Times};

/// Seconds, CPU seconds, megabytes at the most.
pub(crate) type Cost = [f64; 3];

/// What each of those that are compared has cost in each run, in the order in which they were measured first.
#[derive(Default)]
pub(crate) struct Costs(Vec<(String, Vec<Cost>)>);

impl Costs {
    /// Adds a run.
    pub(crate) fn add(&mut self, name: &str, cost: Cost) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, runs)) => runs.push(cost),
            None => self.0.push((name.to_owned(), vec![cost])),
        }
    }

    /// The medians, and each one's seconds and CPU seconds as multiples of those of `one`.
    pub(crate) fn table(&self, title: &str, one: &str) {
        let runs = self.0.first().map_or(0, |(_, runs)| runs.len());
        println!("\n{title}, medians of {runs} alternating runs");
        println!("  {:>10} {:>10} {:>8} {:>10} {:>10}", "seconds", "CPU s", "MB", "ratio", "CPU ratio");
        let (_, base) = self.0.iter().find(|(name, _)| name == one).unwrap();
        for (name, runs) in &self.0 {
            let [seconds, cpu, megabytes] = [0, 1, 2].map(|column| median(runs, column));
            let [wall, cpu_ratio] = [0, 1].map(|column| ratio(median(runs, column), median(base, column)));
            println!("  {seconds:>10.5} {cpu:>10.5} {megabytes:>8.1} {wall:>10} {cpu_ratio:>10}  {name}");
        }
    }
}

fn ratio(of: f64, to: f64) -> String {
    let ratio = of / to;
    if ratio < 0.01 { format!("1/{:.0}", 1.0 / ratio) } else { format!("{ratio:.2}x") }
}

fn median(runs: &[Cost], column: usize) -> f64 {
    let mut values: Vec<f64> = runs.iter().map(|run| run[column]).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs a command that prints numbers.
pub(crate) fn numbers(command: &mut Command) -> Vec<f64> {
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{command:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .split_whitespace()
        .map(|number| number.parse().unwrap())
        .collect()
}

/// The cost that a command prints of itself.
pub(crate) fn cost(command: &mut Command) -> Cost {
    let numbers = numbers(command);
    [numbers[0], numbers[1], numbers[2]]
}

/// This process's CPU time.
pub(crate) fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

/// This process's highest memory.
pub(crate) fn megabytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
}

/// The use cases on a database.
pub(crate) fn app(store: Store, clock: &Clock, policies: Policies) -> App {
    App {
        public_url: None,
        store,
        clock: clock.clone(),
        ids: Ids::Random,
        policies: Arc::new(policies.knowing_each_other()),
        quarters: Arc::new(Quarters::default()),
        zone: Tz::Europe__Berlin,
        chat: Arc::new(ChatPlaces::default()),
    }
}

/// A scheduler whose hosts let nobody in.
pub(crate) fn scheduler(app: &App) -> Scheduler {
    let key = include_str!("../../tests/data/stranger.key");
    let defaults = Defaults {
        user: "patchadmin".to_owned(),
        port: 9,
        key: LoginKey::parse(key, None, "the bench's key").unwrap(),
    };
    let second = Duration::from_secs(1);
    let times = Times { facts: second, poll: second, patience: second, settle: second };
    let remote = Remote::new(Settings { lab_only: true, ..Settings::default() });
    let hosts = Hosts::new(remote, defaults, None, times, app.clock.clone());
    Scheduler::new(app.clone(), hosts, "bench".to_owned(), 8)
}

/// Whoever runs the terminal.
pub(crate) fn root() -> Actor {
    Actor::outside("root", Channel::Terminal)
}
