//! Planning a quarter: every server without a time gets a proposal, or a sentence that says why there is none.

use chrono::{DateTime, Days, NaiveTime, Utc};

use super::{App, Failure};
use crate::domain::calendar::{Bounds, Load, hour_of, plan_at};
use crate::domain::event::{Actor, AuditEvent, What};
use crate::domain::quarter::Quarter;
use crate::domain::server::Server;
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

/// What planning a quarter came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlanReport {
    /// Servers with a new proposal: name and time.
    pub proposed: Vec<(String, String)>,
    /// Servers that had a window already.
    pub kept: usize,
    /// Servers without a legal slot: name and reason.
    pub without: Vec<(String, String)>,
    /// Servers that nobody owns; their windows can only be approved by operators.
    pub ownerless: Vec<String>,
}

impl App {
    /// Proposes a window for every active server that has none in the quarter.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn plan(&self, quarter: Quarter, actor: &Actor, keep: Keep) -> Result<PlanReport, Failure> {
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let mut report = PlanReport::default();
        let mut load = tx
            .load(now, wall(self.quarters.last_day(quarter), NaiveTime::MIN, self.zone) + Days::new(2))
            .await?;
        let mut owners = std::collections::BTreeMap::new();
        for (server, ownership) in tx.all_ownerships().await? {
            owners.entry(server).or_insert_with(Vec::new).push(ownership);
        }
        let mut written_to = std::collections::BTreeSet::new();
        for server in tx.all_servers().await?.into_iter().filter(|server| server.active) {
            let present = tx.window_of(server.id, quarter).await?;
            if present.as_ref().is_some_and(|window| window.state != WindowState::Unscheduled) {
                report.kept = report.kept.saturating_add(1);
                continue;
            }
            let Some(people) = owners.get(&server.id) else {
                report.ownerless.push(server.name.clone());
                self.propose(&mut tx, &server, quarter, present, &mut load, &mut report).await?;
                continue;
            };
            if self.propose(&mut tx, &server, quarter, present, &mut load, &mut report).await? {
                written_to.extend(people.iter().map(|owner| owner.person));
            }
        }
        for person in written_to {
            let zone = tx.person_by_id(person).await?.zone.unwrap_or(self.zone);
            let first = wall(self.quarters.first_day(quarter), nine(), zone).max(now);
            tx.put_due(Subject::Owner(person), quarter, Some(Due { at: first, event: Event::MonthlyNotice }))
                .await?;
        }
        if keep == Keep::No {
            return Ok(report);
        }
        let sentence = format!(
            "{quarter} was planned: {} proposed, {} kept, {} without a slot.",
            report.proposed.len(),
            report.kept,
            report.without.len()
        );
        let event = AuditEvent {
            at: now,
            actor: actor.clone(),
            what: What::QuarterPlanned,
            subject: quarter.to_string(),
            sentence,
            words: None,
            before: None,
            after: None,
        };
        tx.append_audit(&event).await?;
        tx.commit().await?;
        Ok(report)
    }

    /// Gives one server a proposal; whether it has one now.
    async fn propose(
        &self,
        tx: &mut Tx,
        server: &Server,
        quarter: Quarter,
        present: Option<Window>,
        load: &mut Load,
        report: &mut PlanReport,
    ) -> Result<bool, Failure> {
        let is_new = present.is_none();
        let window = present.unwrap_or_else(|| Window::unscheduled(self.window_id(), server.id, quarter));
        let Some(at) = self.proposed_start(server, &window, load) else {
            let why = format!("no regular slot is free in {}", self.quarters.describe(quarter));
            report.without.push((server.name.clone(), why));
            if is_new {
                tx.insert_window(&window).await?;
            }
            return Ok(false);
        };
        let policy = self.policy(server);
        let window = window.with_plan(plan_at(at, server.zone, policy.window_length));
        if is_new {
            tx.insert_window(&window).await?;
        } else {
            tx.update_window(&window).await?;
        }
        let due = next_for_window(&window, policy, None, self.now());
        tx.put_due(Subject::Window(window.id), quarter, due).await?;
        let taken = load.entry(hour_of(at)).or_default();
        *taken = taken.saturating_add(1);
        report.proposed.push((server.name.clone(), line(at, server.zone)));
        Ok(true)
    }

    fn proposed_start(&self, server: &Server, window: &Window, load: &Load) -> Option<DateTime<Utc>> {
        let policy = self.policy(server);
        let today = self.now().with_timezone(&server.zone).date_naive();
        let bounds = Bounds {
            policy,
            quarters: &self.quarters,
            quarter: window.quarter,
            zone: server.zone,
            present: None,
            load,
            now: self.now(),
        };
        // Owners get their days to answer; when the quarter is too far gone for that, the next free day is proposed.
        let fair = today.checked_add_days(Days::new(u64::from(policy.answer_days))).unwrap_or(today);
        let first = self.quarters.first_day(window.quarter);
        bounds.propose(fair.max(first)).or_else(|| bounds.propose(today.max(first)))
    }
}

/// 09:00, when notices go out.
pub(crate) fn nine() -> NaiveTime {
    NaiveTime::from_hms_opt(9, 0, 0).unwrap_or(NaiveTime::MIN)
}
