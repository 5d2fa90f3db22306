//! Re-evaluation: when a rule, a zone, a blackout or the inventory has changed, every window that is still to come is
//! looked at again, and everybody concerned is told once.

use std::cmp::Reverse;

use chrono_tz::IANA_TZDB_VERSION;
use serde_json::json;

use super::decide::{Deed, Done};
use super::plan::{Fleet, Keep};
use super::{App, Failure};
use crate::domain::bounds::Bounds;
use crate::domain::chain::sha256;
use crate::domain::decision::{Case, Change, Decided};
use crate::domain::event::{Actor, AuditEvent, What};
use crate::domain::message::Tone;
use crate::domain::occupancy::{Occupancy, Place};
use crate::domain::quarter::Quarter;
use crate::domain::recheck::{Rechecked, recheck};
use crate::domain::server::Server;
use crate::domain::window::{Window, WindowState};
use crate::store::Tx;

/// The rules and the inventory that the windows were last compared with.
const COMPARED: &str = "windows.compared_with";
/// Changes whenever an inventory is applied.
pub(crate) const INVENTORY: &str = "inventory.applied";
/// So many servers stand in an alert; the audit has them all.
const SERVERS_TOLD: usize = 10;

/// A window that changes: its server, the window as it was, the change, and the rule in a sentence.
type Found<'f> = (&'f Server, &'f Window, Change, String);

/// What looking again at a quarter's windows came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// The quarter.
    pub quarter: Quarter,
    /// How many windows are still to come.
    pub looked_at: usize,
    /// Servers whose windows are changed by their groups' strategies: what was decided, in a sentence.
    pub changed: Vec<(String, Decided, String)>,
    /// Servers whose windows break a rule and begin too soon to be changed without a person: the rule.
    pub too_late: Vec<(String, String)>,
}

impl Compared {
    /// `2027-Q1: of 120 windows to come, 2 get another time, 1 has none any more.`
    #[must_use]
    pub fn sentence(&self) -> String {
        let count =
            |wanted: Decided| self.changed.iter().filter(|(_, decided, _)| *decided == wanted).count();
        let windows = match self.looked_at {
            1 => "1 window to come".to_owned(),
            many => format!("{many} windows to come"),
        };
        let said = |many: usize, one: &str, more: &str| match many {
            0 => None,
            1 => Some(format!("1 {one}")),
            many => Some(format!("{many} {more}")),
        };
        let came: Vec<String> = [
            said(count(Decided::Replanned), "gets another time", "get another time"),
            said(count(Decided::Unplanned), "has none any more", "have none any more"),
            said(count(Decided::Cancelled), "is cancelled", "are cancelled"),
            said(self.too_late.len(), "starts too soon to be changed", "start too soon to be changed"),
        ]
        .into_iter()
        .flatten()
        .collect();
        if came.is_empty() {
            return format!("{}: {windows}; all keep the rules.", self.quarter);
        }
        format!("{}: of {windows}, {}.", self.quarter, came.join(", "))
    }
}

impl App {
    /// Looks again at all windows when anything they depend on is not what it was the last time. What it came to; nothing
    /// when nothing had changed.
    ///
    /// # Errors
    /// When the database does not answer; then nothing was changed.
    pub async fn recheck_after_changes(&self) -> Result<Option<Vec<Compared>>, Failure> {
        let mut tx = self.store.read().await?;
        if tx.get_configuration(COMPARED).await? == Some(json!(self.compared_with(&mut tx).await?)) {
            return Ok(None);
        }
        drop(tx);
        self.recheck(Keep::Yes, &Actor::clock()).await.map(Some)
    }

    /// Another value after every inventory that was applied; nothing before the first one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn inventory_applied(&self) -> Result<Option<serde_json::Value>, Failure> {
        Ok(self.store.read().await?.get_configuration(INVENTORY).await?)
    }

    /// A name for all that windows are compared with; another one after every change of it.
    async fn compared_with(&self, tx: &mut Tx) -> Result<String, Failure> {
        let inventory = tx.get_configuration(INVENTORY).await?;
        let all = format!("{IANA_TZDB_VERSION}\n{:?}\n{:?}\n{inventory:?}", self.policies, self.quarters);
        Ok(sha256(all.as_bytes()))
    }

    /// Compares the windows to come of the present quarter and of the next one with the rules as they are. With
    /// [`Keep::Yes`] each that breaks one is changed by its group's strategy, in one transaction.
    ///
    /// # Errors
    /// When the database does not answer; then nothing was changed.
    pub async fn recheck(&self, keep: Keep, actor: &Actor) -> Result<Vec<Compared>, Failure> {
        let mut tx = match keep {
            Keep::Yes => self.store.begin().await?,
            Keep::No => self.store.read().await?,
        };
        let present = self.quarters.current(self.now(), self.zone);
        let compared_with = self.compared_with(&mut tx).await?;
        let mut all = Vec::new();
        for quarter in [present, self.quarters.after(present)] {
            let fleet = self.fleet(&mut tx, quarter).await?;
            let (compared, changes) = self.compare(&fleet, quarter);
            if compared.looked_at == 0 {
                continue;
            }
            if keep == Keep::Yes {
                self.keep_rechecked(&mut tx, &compared, changes, (actor, &compared_with)).await?;
            }
            all.push(compared);
        }
        if keep == Keep::Yes {
            tx.put_configuration(COMPARED, &json!(compared_with), self.now()).await?;
            tx.commit().await?;
        }
        Ok(all)
    }

    /// One window after the other: canaries before those that follow them, and what nobody has approved yet before what
    /// somebody has, because where there is room for some of them only, those that come first give way.
    fn compare<'f>(&self, fleet: &'f Fleet, quarter: Quarter) -> (Compared, Vec<Found<'f>>) {
        let mut taken = fleet.taken(&self.policies);
        let mut to_come: Vec<(&Server, &Window, Place)> = fleet
            .servers
            .iter()
            .filter_map(|server| Some((server, fleet.windows.get(&server.id)?)))
            .filter(|(_, window)| window.plan.is_some_and(|plan| plan.starts_at > self.now()))
            .filter(|(_, window)| window.state.holds_slot() && !window.state.is_settled())
            .map(|(server, window)| (server, window, Place::of(server, self.policy(server))))
            .collect();
        to_come.sort_by(|(a, x, here), (b, y, there)| {
            let turn = |window: &Window, place: &Place| {
                (Reverse(place.canary), window.state != WindowState::Proposed)
            };
            turn(x, here).cmp(&turn(y, there)).then_with(|| a.name.cmp(&b.name))
        });
        let mut compared =
            Compared { quarter, looked_at: to_come.len(), changed: Vec::new(), too_late: Vec::new() };
        let mut changes: Vec<Found<'_>> = Vec::new();
        for (server, window, place) in to_come {
            match self.compare_one(fleet, &mut taken, (server, window, &place)) {
                None => {}
                Some(Rechecked::TooLate { why }) => compared.too_late.push((server.name.clone(), why)),
                Some(Rechecked::Changed { change, why }) => changes.push((server, window, *change, why)),
            }
        }
        // Whoever reads them looks for a name.
        changes.sort_by(|(a, ..), (b, ..)| a.name.cmp(&b.name));
        compared.too_late.sort();
        compared.changed = changes
            .iter()
            .map(|(server, _, change, _)| (server.name.clone(), change.decided, change.sentence.clone()))
            .collect();
        (compared, changes)
    }

    fn compare_one(
        &self,
        fleet: &Fleet,
        taken: &mut Occupancy,
        (server, window, place): (&Server, &Window, &Place),
    ) -> Option<Rechecked> {
        let policy = self.policy(server);
        let plan = window.plan?;
        taken.remove(server.id, place, (plan.starts_at, plan.ends_at));
        let bounds = Bounds {
            policy,
            quarters: &self.quarters,
            quarter: window.quarter,
            server: server.id,
            place,
            zone: server.zone,
            present: Some(&plan),
            taken,
            usual: fleet.usual(server),
            now: self.now(),
        };
        let found = recheck(&Case { window, server: &server.name, bounds });
        let stays = match &found {
            None | Some(Rechecked::TooLate { .. }) => Some(plan),
            Some(Rechecked::Changed { change, .. }) => {
                change.window.plan.filter(|_| !change.window.state.is_settled())
            }
        };
        match stays {
            Some(plan) => taken.add(server.id, place, policy, (plan.starts_at, plan.ends_at)),
            None => taken.has_no_time(&server.name, place),
        }
        found
    }

    /// Writes the changes and tells them: each owner in one mail, the operators in one line.
    async fn keep_rechecked(
        &self,
        tx: &mut Tx,
        compared: &Compared,
        changes: Vec<Found<'_>>,
        (actor, key): (&Actor, &str),
    ) -> Result<(), Failure> {
        let mut done = Vec::with_capacity(changes.len());
        for (server, before, change, why) in changes {
            // A cancelled window's state tells the reason.
            let why = why.trim_end_matches('.').to_owned();
            let reason = Some(why).filter(|_| change.decided != Decided::Cancelled);
            let deed = Deed { actor, words: None, reason: reason.as_deref(), request: None };
            self.commit_change(tx, server, before, &change, deed).await?;
            done.push(Done { server: server.clone(), change, reason, undo_until: None });
        }
        self.tell_together(tx, &done, (&actor.name, actor.channel), None).await?;
        let subject = compared.quarter.to_string();
        let event =
            AuditEvent::new(self.now(), actor.clone(), What::QuarterRechecked, subject, compared.sentence());
        tx.append_audit(&event).await?;
        if done.is_empty() && compared.too_late.is_empty() {
            return Ok(());
        }
        let changed = compared.changed.iter().map(|(_, _, sentence)| sentence.clone());
        let too_late = compared.too_late.iter().map(|(server, why)| {
            format!("{server} starts too soon to be changed, and will be held at its start. {why}")
        });
        // What somebody must do something about at once comes first.
        let mut lines: Vec<String> = too_late.chain(changed).collect();
        if lines.len() > SERVERS_TOLD {
            let more = lines.len().saturating_sub(SERVERS_TOLD);
            lines.truncate(SERVERS_TOLD);
            lines.push(format!("… and {more} more: patchbot list {}", compared.quarter));
        }
        let headline = format!("The rules or the inventory changed. {}", compared.sentence());
        let key = format!("recheck/{}/{key}", compared.quarter);
        self.alert(tx, Tone::Bad, headline, lines, &key).await
    }
}
