//! Simulating a quarter: the inventory and its windows as they are, or as they would be planned, replayed in memory.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::import::Problem;
use super::plan::{Fleet, Keep, Order};
use super::{App, Failure};
use crate::domain::filter::{Filter, Subject};
use crate::domain::ids::{PersonId, ServerId, WindowId};
use crate::domain::quarter::Quarter;
use crate::domain::simulate::{Assumptions, Entry, Report, Scene, simulate};
use crate::domain::timeline::wall;
use crate::domain::window::Window;

/// What is simulated.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The quarter.
    pub quarter: Quarter,
    /// Only these servers; the others keep the times they have.
    pub only: Option<&'a Filter>,
    /// A file that stands for the inventory.
    pub inventory: Option<&'a [u8]>,
    /// How many hosts are worked on at the same time.
    pub places: usize,
    /// What is assumed.
    pub assumed: &'a Assumptions,
}

/// What a simulation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Simulated {
    /// The report.
    Report(Box<Report>),
    /// What is wrong with the file that stands for the inventory.
    WrongFile(Vec<Problem>),
    /// There is no server that it could be about: why, one sentence each.
    Nobody(Vec<String>),
}

impl App {
    /// Replays a quarter in memory; nothing is written.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn simulate(&self, question: Question<'_>) -> Result<Simulated, Failure> {
        let quarter = question.quarter;
        let mut tx = self.store.read().await?;
        let mut fleet = self.fleet(&mut tx, quarter).await?;
        if let Some(file) = question.inventory {
            let errors = self.as_imported(&mut tx, file, &mut fleet, quarter).await?;
            if !errors.is_empty() {
                return Ok(Simulated::WrongFile(errors));
            }
        }
        if !fleet.servers.iter().any(|server| fleet.fits(server, question.only)) {
            return Ok(Simulated::Nobody(misses(&fleet, question.only)));
        }
        // Who cannot be reached does not come back in the quarter.
        let last = self.quarters.last_day(quarter);
        let never = wall(last, chrono::NaiveTime::MIN, self.zone) + TimeDelta::days(2);
        let absent = tx.absent_people(self.now()).await?.into_iter().filter_map(|(person, known)| {
            let until = if known.unreachable_since.is_some() { Some(never) } else { known.away_until };
            Some((person, until?))
        });
        let away: BTreeMap<PersonId, DateTime<Utc>> = absent.collect();
        Ok(Simulated::Report(Box::new(self.replayed(&fleet, question, &away))))
    }

    fn replayed(
        &self,
        fleet: &Fleet,
        question: Question<'_>,
        away: &BTreeMap<PersonId, DateTime<Utc>>,
    ) -> Report {
        let Question { quarter, only, assumed, .. } = question;
        let order = Order { quarter, only, seed: 0, keep: Keep::No };
        let (_, chosen) = self.proposals(fleet, &order);
        let mut chosen: BTreeMap<ServerId, _> =
            chosen.into_iter().map(|(server, chosen)| (server.id, chosen)).collect();
        let planned = chosen.values().any(Result::is_ok);
        let entries: Vec<Entry<'_>> = fleet
            .servers
            .iter()
            .map(|server| {
                let present = fleet.windows.get(&server.id).cloned();
                let (window, excluded) = match chosen.remove(&server.id) {
                    None => (present, Vec::new()),
                    Some(Err(excluded)) => (present, excluded),
                    Some(Ok(assigned)) => {
                        let id = WindowId(server.id.0);
                        let window = present.unwrap_or_else(|| Window::unscheduled(id, server.id, quarter));
                        (Some(window.with_plan(assigned.plan)), Vec::new())
                    }
                };
                Entry {
                    server,
                    owners: fleet.owners.get(&server.id).map_or(&[][..], Vec::as_slice),
                    window,
                    excluded,
                    usual: fleet.history.usual(server.id, server.operating_system.as_deref()),
                    waits_for_reboot: fleet.waiting_for_reboot.contains(&server.id),
                    counted: fleet.fits(server, only),
                }
            })
            .collect();
        let scene = Scene {
            entries: &entries,
            away,
            policies: &self.policies,
            quarters: &self.quarters,
            quarter,
            zone: self.zone,
            places: question.places,
            planned,
            now: self.now(),
        };
        simulate(scene, assumed)
    }
}

/// Why no server fits.
fn misses(fleet: &Fleet, only: Option<&Filter>) -> Vec<String> {
    let subjects = fleet.servers.iter().map(|server| Subject {
        server,
        window: fleet.windows.get(&server.id),
        owners: fleet.owners.get(&server.id).map_or(&[][..], Vec::as_slice),
    });
    match only {
        Some(filter) if !fleet.servers.is_empty() => filter.misses(&subjects),
        _ => vec!["there is no server; import an inventory, or name one with --inventory".to_owned()],
    }
}
