//! The quarter before it happens: every event of it in its order, through the same functions that decide in earnest, with
//! people and hosts that behave as assumed. Nothing is sent, nothing is written; the same seed makes the same quarter.

mod answers;
mod assume;
mod letters;
mod outcome;
mod replay;
mod report;
mod risk;
mod runs;
mod stage;
mod tally;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::bounds::Excluded;
use super::history::Usual;
use super::ids::PersonId;
use super::person::Person;
use super::policy::Policies;
use super::quarter::{Quarter, Quarters};
use super::server::{Rank, Server};
use super::side_by_side::side_by_side;
use super::window::Window;
pub use assume::{Assumptions, NotAShare, Share};
pub use outcome::{Outcome, Range};
pub use report::{GroupLine, MailLine, NightLine, Report, RiskLine, Without};
use stage::Stage;

/// A server in the quarter that is replayed.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// The server.
    pub server: &'a Server,
    /// Its owners, the primary first.
    pub owners: &'a [(Rank, Person)],
    /// Its window as it is, or as it would be planned; nothing where there is none.
    pub window: Option<Window>,
    /// Where it has no time: the rules that exclude it.
    pub excluded: Vec<Excluded>,
    /// How long its runs usually take, where enough is known.
    pub usual: Option<Usual>,
    /// Whether its host waits for a reboot.
    pub waits_for_reboot: bool,
    /// Whether the report is about it; the others only take their places.
    pub counted: bool,
}

/// What is replayed: the servers of a quarter, and the rules they are under.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// All servers.
    pub entries: &'a [Entry<'a>],
    /// Until when owners have said to be away.
    pub away: &'a BTreeMap<PersonId, DateTime<Utc>>,
    /// The rules.
    pub policies: &'a Policies,
    /// The year's quarters.
    pub quarters: &'a Quarters,
    /// The quarter.
    pub quarter: Quarter,
    /// The operators' zone.
    pub zone: Tz,
    /// How many hosts are worked on at the same time.
    pub places: usize,
    /// Whether windows among these were planned just now, so that their owners get a notice as soon as the quarter is there.
    pub planned: bool,
    /// From when on.
    pub now: DateTime<Utc>,
}

/// Replays a quarter as often as assumed, and tells what it came to.
#[must_use]
pub fn simulate(scene: Scene<'_>, assumed: &Assumptions) -> Report {
    let stage = Stage::new(scene);
    // Replays know nothing of each other.
    let tallies =
        side_by_side(0..assumed.times.max(1), |time| replay::replay(&stage, assume::Lots { assumed, time }));
    report::report(&stage, assumed, &tallies)
}

#[cfg(test)]
mod tests;
