//! Planning a quarter: every server without a time gets a proposal and its reason, or the rules that exclude it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{NaiveDate, NaiveTime};

use super::calendar::REMEMBERED;
use super::selection::owners;
use super::{App, Failure};
use crate::domain::bounds::Excluded;
use crate::domain::event::{Actor, AuditEvent, What};
use crate::domain::exception::excused;
use crate::domain::filter::{Filter, Subject as Filtered};
use crate::domain::history::{History, Usual};
use crate::domain::ids::{PersonId, ServerId};
use crate::domain::occupancy::{Occupancy, Place, why_down};
use crate::domain::person::{Address, Person};
use crate::domain::planner::{Assigned, Candidate, Planner, canaries_too_late};
use crate::domain::policy::Policies;
use crate::domain::quarter::{Quarter, Quarters};
use crate::domain::server::{Rank, Server};
use crate::domain::shown::line;
use crate::domain::timeline::{Due, Event, next_for_window, wall};
use crate::domain::window::{Window, WindowState};
use crate::store::Tx;
use crate::store::records::Subject;

/// Whether a plan is only shown or also kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Show it.
    No,
    /// Write it.
    Yes,
}

/// What is planned, and how.
#[derive(Debug, Clone)]
pub struct Order<'a> {
    /// The quarter.
    pub quarter: Quarter,
    /// Only these servers; all when absent.
    pub only: Option<&'a Filter>,
    /// Another one shuffles servers that are equal to the rules.
    pub seed: u64,
    /// Whether it is written.
    pub keep: Keep,
}

impl Order<'_> {
    /// The whole quarter, in the order of the servers' names.
    #[must_use]
    pub fn whole(quarter: Quarter, keep: Keep) -> Self {
        Self { quarter, only: None, seed: 0, keep }
    }
}

/// A server with a new proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// Its name.
    pub server: String,
    /// Its time.
    pub time: String,
    /// Why then.
    pub why: String,
}

/// What planning a quarter came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlanReport {
    /// Servers with a new proposal.
    pub proposed: Vec<Proposed>,
    /// Servers that had a window already.
    pub kept: usize,
    /// Servers without a legal slot, and the sentences of the rules that exclude each.
    pub without: Vec<(String, Vec<String>)>,
    /// Servers that are put off until a day in or after the quarter; they are planned when that ends.
    pub excused: Vec<(String, NaiveDate)>,
    /// Servers that nobody owns; their windows can only be approved by operators.
    pub ownerless: Vec<String>,
    /// Why this is no plan, one sentence each: nothing was written.
    pub wrong: Vec<String>,
}

/// What a server got: a time, or the rules that exclude it.
pub(crate) type Chosen = Result<Assigned, Vec<Excluded>>;

/// The inventory and the quarter as they are, loaded at once.
pub(crate) struct Fleet {
    pub(crate) servers: Vec<Server>,
    pub(crate) windows: BTreeMap<ServerId, Window>,
    /// Who is put off into the quarter, and until when.
    pub(crate) excused: BTreeMap<ServerId, NaiveDate>,
    pub(crate) owners: HashMap<ServerId, Vec<(Rank, Person)>>,
    pub(crate) history: History,
    pub(crate) waiting_for_reboot: BTreeSet<ServerId>,
}

impl Fleet {
    /// Who is patched when, as it stands.
    pub(crate) fn taken(&self, policies: &Policies) -> Occupancy {
        let mut taken = Occupancy::default();
        for server in &self.servers {
            let policy = policies.of(server.host_group.as_deref());
            let place = Place::of(server, policy);
            let window = self.windows.get(&server.id);
            let down = why_down(window, self.waiting_for_reboot.contains(&server.id));
            taken.enlist(server.id, &server.name, &place, policy, down);
            if let Some(plan) =
                window.filter(|window| window.state.holds_slot()).and_then(|window| window.plan)
            {
                taken.add(server.id, &place, policy, (plan.starts_at, plan.ends_at));
            }
        }
        taken
    }

    pub(crate) fn groups(&self) -> Vec<String> {
        let groups: BTreeSet<String> = self.servers.iter().map(Server::group_key).collect();
        groups.into_iter().collect()
    }

    /// How long a server's runs usually take.
    pub(crate) fn usual(&self, server: &Server) -> Option<Usual> {
        self.history.usual(server.id, server.operating_system.as_deref())
    }

    pub(crate) fn fits(&self, server: &Server, filter: Option<&Filter>) -> bool {
        let Some(filter) = filter else { return true };
        let owners = self.owners.get(&server.id).map_or(&[][..], Vec::as_slice);
        filter.fits(Filtered { server, window: self.windows.get(&server.id), owners })
    }
}

impl App {
    /// Loads the active servers with everything that planning a quarter needs.
    pub(crate) async fn fleet(&self, tx: &mut Tx, quarter: Quarter) -> Result<Fleet, Failure> {
        let servers: Vec<Server> =
            tx.all_servers().await?.into_iter().filter(|server| server.active).collect();
        let windows =
            tx.windows_of_quarter(quarter).await?.into_iter().map(|window| (window.server, window)).collect();
        let owners = owners(tx).await?;
        let mut history = History::default();
        let since = self.now() - REMEMBERED;
        for took in tx.took_since(since).await? {
            history.ran(took.server, took.system.as_deref(), took.time);
        }
        let by_id: BTreeMap<ServerId, chrono_tz::Tz> =
            servers.iter().map(|server| (server.id, server.zone)).collect();
        for (server, at, load) in tx.loads_since(since).await? {
            if let Some(zone) = by_id.get(&server) {
                history.loaded(server, at, *zone, u32::try_from(load).unwrap_or(0));
            }
        }
        let waiting_for_reboot = tx.waiting_for_reboot(since).await?.into_iter().collect();
        let excused = self.excused(tx, quarter).await?;
        Ok(Fleet { servers, windows, excused, owners, history, waiting_for_reboot })
    }

    /// The servers that are put off into a quarter, and until when.
    pub(crate) async fn excused(
        &self,
        tx: &mut Tx,
        quarter: Quarter,
    ) -> Result<BTreeMap<ServerId, NaiveDate>, Failure> {
        let today = self.now().with_timezone(&self.zone).date_naive();
        Ok(excused(&tx.windows_put_off().await?, quarter, &self.quarters, today))
    }

    /// Proposes a window for every active server that has none in the quarter.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn plan(&self, order: &Order<'_>, actor: &Actor) -> Result<PlanReport, Failure> {
        let quarter = order.quarter;
        let mut tx = match order.keep {
            Keep::Yes => self.store.begin().await?,
            Keep::No => self.store.read().await?,
        };
        let fleet = self.fleet(&mut tx, quarter).await?;
        let (mut report, chosen) = self.proposals(&fleet, order);
        if order.keep == Keep::No || !report.wrong.is_empty() {
            return Ok(report);
        }
        self.write_plan(&mut tx, &fleet, quarter, &chosen).await?;
        let sentence = format!(
            "{quarter} was planned: {} proposed, {} kept, {} without a slot.",
            report.proposed.len(),
            report.kept,
            report.without.len()
        );
        let event = AuditEvent {
            at: self.now(),
            actor: actor.clone(),
            what: What::QuarterPlanned,
            subject: quarter.to_string(),
            sentence,
            words: order.only.map(|filter| format!("only {filter}")),
            before: None,
            after: None,
        };
        tx.append_audit(&event).await?;
        tx.commit().await?;
        report.wrong.clear();
        Ok(report)
    }

    /// Plans in memory: the report, and the servers that were planned for, with their times.
    pub(crate) fn proposals<'f>(
        &self,
        fleet: &'f Fleet,
        order: &Order<'_>,
    ) -> (PlanReport, Vec<(&'f Server, Chosen)>) {
        let mut report = PlanReport::default();
        let mut taken = fleet.taken(&self.policies);
        let mut wanting: Vec<&Server> = Vec::new();
        for server in &fleet.servers {
            let scheduled =
                fleet.windows.get(&server.id).is_some_and(|window| window.state != WindowState::Unscheduled);
            if !fleet.fits(server, order.only) {
                // Whoever waits for a canary that is not planned this time waits on.
                let place = Place::of(server, self.policy(server));
                if !scheduled && (place.canary || !self.policy(server).followers.is_empty()) {
                    taken.has_no_time(&server.name, &place);
                }
            } else if let (Some(until), false) = (fleet.excused.get(&server.id), scheduled) {
                report.excused.push((server.name.clone(), *until));
            } else if scheduled {
                report.kept = report.kept.saturating_add(1);
            } else {
                wanting.push(server);
            }
        }
        let candidates: Vec<Candidate<'_>> = wanting
            .iter()
            .map(|server| {
                let policy = self.policy(server);
                Candidate {
                    server: server.id,
                    name: &server.name,
                    zone: server.zone,
                    system: server.operating_system.as_deref(),
                    place: Place::of(server, policy),
                    policy,
                }
            })
            .collect();
        let planner = Planner {
            quarters: &self.quarters,
            quarter: order.quarter,
            policies: &self.policies,
            history: &fleet.history,
            seed: order.seed,
            now: self.now(),
        };
        let results = planner.plan(&candidates, &mut taken);
        let mut chosen = Vec::with_capacity(wanting.len());
        for (server, result) in wanting.into_iter().zip(results) {
            if !fleet.owners.contains_key(&server.id) {
                report.ownerless.push(server.name.clone());
            }
            match result {
                Ok(assigned) => {
                    report.proposed.push(Proposed {
                        server: server.name.clone(),
                        time: line(assigned.plan.starts_at, server.zone),
                        why: assigned.why.sentence(),
                    });
                    chosen.push((server, Ok(assigned)));
                }
                Err(excluded) => {
                    report
                        .without
                        .push((server.name.clone(), self.why_without(server, order.quarter, &excluded)));
                    chosen.push((server, Err(excluded)));
                }
            }
        }
        report.wrong = canaries_too_late(&taken, &self.policies, &fleet.groups());
        (report, chosen)
    }

    fn why_without(&self, server: &Server, quarter: Quarter, excluded: &[Excluded]) -> Vec<String> {
        if excluded.is_empty() {
            return vec![format!(
                "no patch day ({}) is left in {} (rule patch_day)",
                self.policy(server).patch_day,
                self.quarters.describe(quarter)
            )];
        }
        excluded.iter().map(Excluded::phrase).collect()
    }

    async fn write_plan(
        &self,
        tx: &mut Tx,
        fleet: &Fleet,
        quarter: Quarter,
        chosen: &[(&Server, Chosen)],
    ) -> Result<(), Failure> {
        let written_to = self.write_windows(tx, fleet, quarter, chosen).await?;
        let due: Vec<(Subject, Option<Due>)> = written_to
            .into_iter()
            .map(|(person, zone)| {
                let first = first_notice(&self.quarters, quarter, zone.unwrap_or(self.zone), self.now());
                (Subject::Owner(person), Some(first))
            })
            .collect();
        Ok(tx.put_many_due(quarter, &due).await?)
    }

    /// Writes the windows that were chosen, and what they wait for; whose owners are to hear of it.
    pub(crate) async fn write_windows(
        &self,
        tx: &mut Tx,
        fleet: &Fleet,
        quarter: Quarter,
        chosen: &[(&Server, Chosen)],
    ) -> Result<BTreeMap<PersonId, Option<chrono_tz::Tz>>, Failure> {
        let now = self.now();
        let mut new = Vec::new();
        let mut due: Vec<(Subject, Option<Due>)> = Vec::new();
        let mut written_to: BTreeMap<PersonId, Option<chrono_tz::Tz>> = BTreeMap::new();
        let mut approvers: BTreeSet<&Address> = BTreeSet::new();
        for (server, assigned) in chosen {
            let present = fleet.windows.get(&server.id).cloned();
            let is_new = present.is_none();
            let mut window =
                present.unwrap_or_else(|| Window::unscheduled(self.window_id(), server.id, quarter));
            if let Ok(assigned) = assigned {
                window = window.with_plan(assigned.plan);
                let next = next_for_window(&window, self.policy(server), None, now);
                due.push((Subject::Window(window.id), next));
                let owners = fleet.owners.get(&server.id).into_iter().flatten();
                written_to.extend(owners.map(|(_, person)| (person.id, person.zone)));
                approvers.extend(&self.policy(server).approvers);
            }
            if is_new {
                new.push(window);
            } else if assigned.is_ok() {
                tx.update_window(&window).await?;
            }
        }
        for mail in approvers {
            let person = self.person_for(tx, mail).await?;
            written_to.insert(person.id, person.zone);
        }
        tx.insert_windows(&new).await?;
        tx.put_many_due(quarter, &due).await?;
        Ok(written_to)
    }
}

/// When an owner is written to for the first time about a quarter: on its first day, or now when that is past.
pub(crate) fn first_notice(
    quarters: &Quarters,
    quarter: Quarter,
    zone: chrono_tz::Tz,
    now: chrono::DateTime<chrono::Utc>,
) -> Due {
    let at = wall(quarters.first_day(quarter), nine(), zone).max(now);
    Due { at, event: Event::MonthlyNotice }
}

/// 09:00, when notices go out.
pub(crate) fn nine() -> NaiveTime {
    NaiveTime::from_hms_opt(9, 0, 0).unwrap_or(NaiveTime::MIN)
}
