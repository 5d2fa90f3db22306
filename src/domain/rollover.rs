//! The turn of a quarter: its steps in their order, what is remembered of them, and what makes an inventory doubtful.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::ids::ServerId;
use super::quarter::Quarter;
use super::server::Server;
use super::shown::line;
use super::window::{Window, WindowState};

/// Why a window ends with its quarter.
const REASONS: [&str; 3] = [
    "no time was chosen before the quarter ended",
    "no approval came before the quarter ended",
    "no run began before the quarter ended",
];

/// A sentence names at most so many servers.
const NAMED: usize = 10;

/// A step of the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Windows of the quarter that never ran get their end.
    Closed,
    /// What happened in the quarter is written into files.
    Archived,
    /// Every server gets a window in the new quarter.
    Opened,
    /// The inventory is looked through.
    Inventory,
    /// Every notice is rendered.
    Templates,
    /// Everything that patchbot needs is asked whether it answers.
    Health,
    /// The operators are told all of it.
    Reported,
}

impl Step {
    /// All of them, in their order.
    pub const ALL: [Self; 7] = [
        Self::Closed,
        Self::Archived,
        Self::Opened,
        Self::Inventory,
        Self::Templates,
        Self::Health,
        Self::Reported,
    ];

    /// The step's name, in the audit and on the terminal.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Archived => "archived",
            Self::Opened => "opened",
            Self::Inventory => "inventory",
            Self::Templates => "templates",
            Self::Health => "health",
            Self::Reported => "reported",
        }
    }

    /// The step as a heading of the report.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Closed => "The quarter that is over",
            Self::Archived => "Its archive",
            Self::Opened => "The quarter that begins",
            Self::Inventory => "The inventory",
            Self::Templates => "The notices",
            Self::Health => "What patchbot needs",
            Self::Reported => "The report",
        }
    }
}

/// A step that was taken, and what it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Which.
    pub step: Step,
    /// When.
    pub at: DateTime<Utc>,
    /// What came of it, in a sentence.
    pub sentence: String,
    /// What a person should look at, one sentence each.
    pub found: Vec<String>,
}

/// The turn of a quarter, as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// The quarter that is over.
    pub ended: Quarter,
    /// The quarter that is opened: the one that it was when the turn began.
    pub begins: Quarter,
    /// The steps that were taken.
    pub taken: Vec<Taken>,
}

impl Turn {
    /// A turn that has not begun.
    #[must_use]
    pub fn new(ended: Quarter, begins: Quarter) -> Self {
        Self { ended, begins, taken: Vec::new() }
    }

    /// Where it is kept in the database's configuration.
    #[must_use]
    pub fn key(ended: Quarter) -> String {
        format!("rollover.{ended}")
    }

    /// The step that comes next; nothing when all are taken.
    #[must_use]
    pub fn next(&self) -> Option<Step> {
        Step::ALL.into_iter().find(|step| self.of(*step).is_none())
    }

    /// What came of a step that was taken.
    #[must_use]
    pub fn of(&self, step: Step) -> Option<&Taken> {
        self.taken.iter().find(|taken| taken.step == step)
    }

    /// What a person should look at, of all steps.
    pub fn found(&self) -> impl Iterator<Item = &str> {
        self.taken.iter().flat_map(|taken| &taken.found).map(String::as_str)
    }
}

/// What becomes of a window when its quarter is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It has its end already.
    Over,
    /// It is left as it is, and why, in a phrase.
    Left(String),
    /// It never had its run, and why, in a phrase.
    Missed(&'static str),
}

/// What becomes of a window when its quarter is over; a start may be so late as `grace` says.
#[must_use]
pub fn end_of(window: &Window, grace: TimeDelta, now: DateTime<Utc>) -> End {
    match &window.state {
        WindowState::Running { .. } => {
            return End::Left("is being patched now, and is left alone".to_owned());
        }
        WindowState::NeedsHuman { .. } => return End::Left(format!("waits: {}", window.state.phrase())),
        state if state.is_settled() => return End::Over,
        _ => {}
    }
    // East of its servers a quarter is over before their last evening is.
    if let Some(plan) = window.plan
        && plan.starts_at.checked_add_signed(grace).is_none_or(|late| late > now)
    {
        return End::Left(format!("is still to come: {}", line(plan.starts_at, plan.zone)));
    }
    let [no_time, no_approval, no_run] = REASONS;
    End::Missed(match &window.state {
        WindowState::Unscheduled => no_time,
        WindowState::Proposed => no_approval,
        _ => no_run,
    })
}

/// Why a window was ended with its quarter; nothing when it ended otherwise.
#[must_use]
pub fn closed_because(window: &Window) -> Option<&'static str> {
    match &window.state {
        WindowState::Missed { reason } => REASONS.into_iter().find(|known| known == reason),
        _ => None,
    }
}

/// `a, b, c and 4 more`.
#[must_use]
pub fn some_names(names: &[&str]) -> String {
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// `1 server has`, `3 servers have`.
#[must_use]
pub fn servers(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 server {one}") } else { format!("{count} servers {many}") }
}

/// What is known of the active servers when a quarter turns.
#[derive(Debug, Clone, Copy)]
pub struct Inventory<'a> {
    /// The active servers, by name.
    pub servers: &'a [&'a Server],
    /// Those that somebody owns who can be written to.
    pub owned: &'a BTreeSet<ServerId>,
    /// Those that told something about themselves in the quarter that is over, or later.
    pub seen: &'a BTreeSet<ServerId>,
    /// What is wrong with zones and clocks, a sentence each.
    pub zones: &'a BTreeMap<ServerId, Vec<String>>,
}

impl Inventory<'_> {
    /// What makes it doubtful, one sentence each with its way out.
    #[must_use]
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        let mut doubt = |names: &[&str], one: &str, many: &str, next: &str| {
            if !names.is_empty() {
                let counted = servers(names.len(), one, many);
                doubts.push(format!("{counted}: {}. {next}", some_names(names)));
            }
        };
        let named = |fits: &dyn Fn(&Server) -> bool| -> Vec<&str> {
            self.servers.iter().filter(|server| fits(server)).map(|server| server.name.as_str()).collect()
        };
        doubt(
            &named(&|server| !self.owned.contains(&server.id)),
            "has no owner who can be written to",
            "have no owner who can be written to",
            "Only operators can approve them; name owners in the inventory.",
        );
        doubt(
            &named(&|server| server.host_key.is_none()),
            "is not enrolled",
            "are not enrolled",
            "Nothing can be installed there; enrol them with \"patchbot enroll\".",
        );
        doubt(
            &named(&|server| server.host_key.is_some() && !self.seen.contains(&server.id)),
            "was not seen since the quarter began",
            "were not seen since the quarter began",
            "See whether they still exist with \"patchbot probe\", or take them out of the inventory.",
        );
        doubts.extend(self.doubles());
        for server in self.servers {
            doubts.extend(self.zones.get(&server.id).into_iter().flatten().cloned());
        }
        doubts
    }

    /// Servers that are most likely one: it would be patched twice.
    fn doubles(&self) -> Vec<String> {
        let mut by_key: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut by_place: BTreeMap<(String, Option<u16>), Vec<&str>> = BTreeMap::new();
        for server in self.servers {
            if let Some(key) = &server.host_key {
                by_key.entry(key).or_default().push(&server.name);
            }
            if let Some(address) = &server.reach.address {
                let place = (address.to_lowercase(), server.reach.port);
                by_place.entry(place).or_default().push(&server.name);
            }
        }
        let same_key = by_key
            .into_values()
            .filter(|names| names.len() > 1)
            .map(|names| (format!("{} show the same host key", some_names(&names)), names));
        let same_key: Vec<(String, Vec<&str>)> = same_key.collect();
        let same_place = by_place
            .into_iter()
            // What has the same host key was named already.
            .filter(|(_, names)| names.len() > 1 && same_key.iter().all(|(_, known)| known != names))
            .map(|((address, _), names)| format!("{} have the same address {address}", some_names(&names)))
            .collect::<Vec<_>>();
        same_key
            .iter()
            .map(|(sentence, _)| sentence.clone())
            .chain(same_place)
            .map(|sentence| format!("{sentence}: is it one machine? Then take one out of the inventory."))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::attributes::Attributes;
    use crate::domain::server::Reach;
    use uuid::Uuid;

    fn server(number: u128, address: &str, key: Option<&str>) -> Server {
        Server {
            id: ServerId(Uuid::from_u128(number)),
            name: format!("web{number:02}"),
            zone: chrono_tz::Tz::Europe__Berlin,
            host_group: None,
            environment: None,
            operating_system: None,
            reach: Reach { address: Some(address.to_owned()), ..Reach::default() },
            host_key: key.map(str::to_owned),
            reboot: None,
            attributes: Attributes::default(),
            active: true,
            version: 0,
        }
    }

    #[test]
    fn the_steps_come_in_their_order_and_each_once() {
        let mut turn = Turn::new("2027-Q1".parse().unwrap(), "2027-Q2".parse().unwrap());
        let mut told = Vec::new();
        while let Some(step) = turn.next() {
            told.push(step.as_str());
            let at = "2027-02-01T00:00:00Z".parse().unwrap();
            turn.taken.push(Taken { step, at, sentence: String::new(), found: Vec::new() });
        }
        assert_eq!(told, ["closed", "archived", "opened", "inventory", "templates", "health", "reported"]);
        let kept = serde_json::to_value(&turn).unwrap();
        assert_eq!(serde_json::from_value::<Turn>(kept).unwrap(), turn);
    }

    #[test]
    fn a_doubtful_inventory_is_told_in_sentences() {
        let all = [
            server(1, "10.0.0.1", Some("ssh-ed25519 A")),
            server(2, "10.0.0.2", Some("ssh-ed25519 A")),
            server(3, "10.0.0.3", Some("ssh-ed25519 C")),
            server(4, "10.0.0.3", None),
            server(5, "10.0.0.5", Some("ssh-ed25519 E")),
        ];
        let servers: Vec<&Server> = all.iter().collect();
        let ids = |numbers: &[u128]| numbers.iter().map(|n| ServerId(Uuid::from_u128(*n))).collect();
        let (owned, seen): (BTreeSet<_>, BTreeSet<_>) = (ids(&[1, 2, 3, 5]), ids(&[1, 2, 3]));
        let zone = "web05: the host keeps Europe/London, the inventory says Europe/Berlin".to_owned();
        let zones = BTreeMap::from([(ServerId(Uuid::from_u128(5)), vec![zone])]);
        let inventory = Inventory { servers: &servers, owned: &owned, seen: &seen, zones: &zones };
        insta::assert_snapshot!(inventory.doubts().join("\n"), @r#"
        1 server has no owner who can be written to: web04. Only operators can approve them; name owners in the inventory.
        1 server is not enrolled: web04. Nothing can be installed there; enrol them with "patchbot enroll".
        1 server was not seen since the quarter began: web05. See whether they still exist with "patchbot probe", or take them out of the inventory.
        web01, web02 show the same host key: is it one machine? Then take one out of the inventory.
        web03, web04 have the same address 10.0.0.3: is it one machine? Then take one out of the inventory.
        web05: the host keeps Europe/London, the inventory says Europe/Berlin
        "#);
    }

    #[test]
    fn what_never_ran_is_missed_and_what_runs_or_comes_is_left_alone() {
        use crate::domain::calendar::plan_at;
        use crate::domain::ids::{RunId, WindowId};
        let window = |state: WindowState| {
            let at = "2027-01-28T19:00:00Z".parse().unwrap();
            let plan = plan_at(at, chrono_tz::Tz::Europe__Berlin, TimeDelta::hours(2));
            let ids = (WindowId(Uuid::from_u128(9)), ServerId(Uuid::from_u128(8)));
            let window = Window::unscheduled(ids.0, ids.1, "2027-Q1".parse().unwrap()).with_plan(plan);
            Window { state, ..window }
        };
        let end = |state, now: &str| end_of(&window(state), TimeDelta::minutes(15), now.parse().unwrap());
        let over = "2027-02-01T00:00:00Z";
        assert_eq!(end(WindowState::Completed, over), End::Over);
        assert_eq!(
            end(WindowState::Proposed, over),
            End::Missed("no approval came before the quarter ended")
        );
        let running = WindowState::Running { run: RunId(Uuid::from_u128(1)) };
        assert!(matches!(end(running, over), End::Left(_)));
        insta::assert_debug_snapshot!(end(WindowState::Proposed, "2027-01-28T19:10:00Z"), @r#"
        Left(
            "is still to come: Thu 28 Jan 2027, 20:00 Europe/Berlin (19:00 UTC)",
        )
        "#);
    }

    #[test]
    fn long_lists_end() {
        let names: Vec<String> = (1..=12).map(|number| format!("s{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(some_names(&names), "s1, s2, s3, s4, s5, s6, s7, s8, s9, s10 and 2 more");
    }
}
