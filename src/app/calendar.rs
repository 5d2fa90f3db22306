//! What the calendar of one window is made of: who else is patched when, and how long its runs usually take.

use chrono::{NaiveTime, TimeDelta};

use super::{App, Failure};
use crate::domain::bounds::Bounds;
use crate::domain::history::{FEW_RUNS, History, Usual};
use crate::domain::occupancy::{Occupancy, Place, why_down};
use crate::domain::policy::Policy;
use crate::domain::quarter::Quarter;
use crate::domain::server::Server;
use crate::domain::start::{First, Standing};
use crate::domain::timeline::wall;
use crate::domain::window::{Plan, Window};
use crate::store::Tx;
use crate::store::records::SpanRow;

/// Loads and pending reboots older than this say nothing about today.
pub(crate) const REMEMBERED: TimeDelta = TimeDelta::days(400);

/// What a window's start has to get along with.
#[derive(Debug, Clone)]
pub(crate) struct Calendar {
    place: Place,
    taken: Occupancy,
    usual: Option<Usual>,
}

impl Calendar {
    /// The same with another window at another time.
    pub(crate) fn with_moved(mut self, server: &Server, policy: &Policy, from: &Plan, to: &Plan) -> Self {
        let place = Place::of(server, policy);
        self.taken.remove(server.id, &place, (from.starts_at, from.ends_at));
        self.taken.add(server.id, &place, policy, (to.starts_at, to.ends_at));
        self
    }
}

impl App {
    /// Loads what a window's start has to get along with: as much as its group's rules ask for, and no more.
    pub(crate) async fn calendar(
        &self,
        tx: &mut Tx,
        server: &Server,
        window: &Window,
    ) -> Result<Calendar, Failure> {
        let policy = self.policy(server);
        let place = Place::of(server, policy);
        let mut taken = Occupancy::default();
        let day = |date: chrono::NaiveDate| wall(date, NaiveTime::MIN, server.zone);
        let first = day(self.quarters.first_day(window.quarter)).max(self.now() - TimeDelta::days(1));
        let last = day(self.quarters.last_day(window.quarter)) + TimeDelta::days(2);
        for (at, count) in tx.starts(first, last).await? {
            taken.add_starts(at, count);
        }
        self.take_groups(tx, &mut taken, &place, policy, window.quarter).await?;
        self.take_service(tx, &mut taken, server, &place, policy, window.quarter).await?;
        if let Some(plan) = window.plan.filter(|_| window.state.holds_slot()) {
            taken.remove(server.id, &place, (plan.starts_at, plan.ends_at));
        }
        taken.has_time(&server.name, &place);
        let usual = self.usual(tx, server).await?;
        Ok(Calendar { place, taken, usual })
    }

    async fn take_groups(
        &self,
        tx: &mut Tx,
        taken: &mut Occupancy,
        place: &Place,
        policy: &Policy,
        quarter: Quarter,
    ) -> Result<(), Failure> {
        // A canary has to know when the others start; the others only when the canaries end.
        if policy.max_concurrent.is_some() || place.canary {
            let spans = tx.spans_of_group(&place.group, quarter).await?;
            take_spans(taken, &place.group, policy, &spans);
        }
        if !place.canary {
            for environment in &policy.canaries {
                let spans = tx.spans_of_environment(&place.group, environment, quarter).await?;
                // With all windows of the group those with a time are there already.
                let known = policy.max_concurrent.is_some();
                let new: Vec<SpanRow> =
                    spans.into_iter().filter(|row| row.span.is_none() || !known).collect();
                take_spans(taken, &place.group, policy, &new);
            }
        }
        let mut others: Vec<&String> = policy.after.iter().collect();
        others.extend(policy.followers.iter().map(|(group, _)| group));
        if policy.critical {
            others.extend(
                self.policies.groups.iter().filter(|(_, other)| other.critical).map(|(name, _)| name),
            );
        }
        others.sort_unstable();
        others.dedup();
        for group in others.into_iter().filter(|group| **group != place.group) {
            let spans = tx.spans_of_group(group, quarter).await?;
            take_spans(taken, group, self.policies.of(Some(group)), &spans);
        }
        Ok(())
    }

    async fn take_service(
        &self,
        tx: &mut Tx,
        taken: &mut Occupancy,
        server: &Server,
        place: &Place,
        policy: &Policy,
        quarter: Quarter,
    ) -> Result<(), Failure> {
        let Some(service) = place.service.as_deref().filter(|_| policy.quorum > 0 || place.turn.is_some())
        else {
            return Ok(());
        };
        let pending = tx.members_waiting_for_reboot(service).await?;
        for member in tx.members_of(service, quarter).await? {
            let rules = self.policy(&member.server);
            let theirs = Place::of(&member.server, rules);
            let down = why_down(member.window.as_ref(), pending.contains(&member.server.id));
            taken.enlist(member.server.id, &member.server.name, &theirs, rules, down);
            let plan =
                member.window.filter(|window| window.state.holds_slot()).and_then(|window| window.plan);
            if let Some(plan) = plan.filter(|_| member.server.id != server.id) {
                taken.set_span(member.server.id, &theirs, (plan.starts_at, plan.ends_at));
            }
        }
        Ok(())
    }

    /// How long a server's runs usually take.
    async fn usual(&self, tx: &mut Tx, server: &Server) -> Result<Option<Usual>, Failure> {
        let mut history = History::default();
        let own = tx.took_by(server.id).await?;
        let system = server.operating_system.as_deref();
        let few = own.len() < FEW_RUNS;
        for took in own {
            history.ran(server.id, None, took.time);
        }
        if let Some(system) = system.filter(|_| few) {
            for took in tx.took_on(system).await? {
                history.ran(took.server, Some(system), took.time);
            }
        }
        Ok(history.usual(server.id, system))
    }

    /// What says which starts are legal for a window.
    pub(crate) fn bounds<'a>(
        &'a self,
        server: &'a Server,
        window: &'a Window,
        calendar: &'a Calendar,
    ) -> Bounds<'a> {
        Bounds {
            policy: self.policy(server),
            quarters: &self.quarters,
            quarter: window.quarter,
            server: server.id,
            place: &calendar.place,
            zone: server.zone,
            present: window.plan.as_ref(),
            taken: &calendar.taken,
            usual: calendar.usual,
            now: self.now(),
        }
    }
}

fn take_spans(taken: &mut Occupancy, group: &str, policy: &Policy, rows: &[SpanRow]) {
    for row in rows {
        let canary = row.environment.as_deref().is_some_and(|environment| policy.is_canary(environment));
        let place = Place { group: group.to_owned(), canary, ..Place::default() };
        match row.span {
            Some(span) => taken.add_spans(&place, policy, span, row.count),
            None => taken.has_no_time(&row.name, &place),
        }
    }
}

impl App {
    /// What of a window's canaries, or of the groups before its own, is not patched yet, in a phrase.
    pub(crate) async fn canaries_not_done(
        &self,
        tx: &mut Tx,
        server: &Server,
        window: &Window,
    ) -> Result<Option<String>, Failure> {
        let policy = self.policy(server);
        for first in First::before(window, &Place::of(server, policy), policy) {
            let rows = tx.states_of_group(&first.group, first.environment.as_deref(), window.quarter).await?;
            let standing: Vec<Standing<'_>> = rows
                .iter()
                .map(|row| Standing { state: &row.state, name: &row.name, ends_at: row.ends_at })
                .collect();
            let why = first.not_done(&standing, self.now());
            if why.is_some() {
                return Ok(why);
            }
        }
        Ok(None)
    }
}
