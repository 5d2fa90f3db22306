//! Reports for operators: each is written once for its instant, whoever asks and however often.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::notices::Letter;
use super::prechecks::{OLDEST_LOOK, findings_sentence};
use super::run::end_phrase;
use super::{App, Failure};
use crate::domain::ids::ServerId;
use crate::domain::mondays::still_waits;
use crate::domain::notice::{Notice, Report, Section, Tally};
use crate::domain::run::RunState;
use crate::domain::server::{Rank, Server};
use crate::domain::shown::line;
use crate::domain::timeline::Every;
use crate::domain::window::{Window, WindowState};
use crate::store::Tx;
use crate::store::records::PrecheckRow;

/// A list in a report ends after so many lines.
const MOST_LINES: usize = 25;

/// The windows of a quarter with their servers.
pub(super) struct Stand {
    pub(super) servers: BTreeMap<ServerId, Server>,
    pub(super) windows: Vec<Window>,
}

impl App {
    /// Mails a report when its instant has come since the last one; whether it did.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn report(&self, every: Every) -> Result<bool, Failure> {
        let (due, before) = every.last_due(self.zone, self.now());
        let key = format!("report.{}", every.as_str());
        let last = self.store.read().await?.get_configuration(&key).await?;
        if last.as_ref().and_then(|value| value.as_str()).is_some_and(|last| last == due.to_rfc3339()) {
            return Ok(false);
        }
        let mut tx = self.store.begin().await?;
        tx.put_configuration(&key, &json!(due.to_rfc3339()), self.now()).await?;
        // An installation that has just begun has nothing to report about.
        if last.is_some() {
            self.mail_report(&mut tx, every, (before, due)).await?;
        }
        tx.commit().await?;
        Ok(last.is_some())
    }

    async fn mail_report(
        &self,
        tx: &mut Tx,
        every: Every,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<(), Failure> {
        let quarter = self.quarters.current(self.now(), self.zone);
        let servers = tx.all_servers().await?.into_iter().map(|server| (server.id, server)).collect();
        let stand = Stand { servers, windows: tx.windows_of_quarter(quarter).await? };
        let tallies = stand.tallies();
        let mut sections = vec![self.needs_a_person(tx, &stand, from).await?];
        sections.extend(self.happened(tx, from).await?);
        let ahead = match every {
            Every::Daily => ("The next 24 hours", TimeDelta::days(1)),
            Every::Weekly => ("The next 7 days", TimeDelta::days(7)),
            Every::Monthly => ("The next 31 days", TimeDelta::days(31)),
        };
        sections.push(self.ahead(&stand, ahead));
        sections.push(self.would_be_blocked(tx, &stand, ahead.1).await?);
        sections.push(self.put_off_now(tx, &stand).await?);
        if every != Every::Daily {
            sections.push(self.silent(tx, &stand).await?);
        }
        sections.retain(|section| !section.lines.is_empty());
        let summary = summary(every, tallies.first(), &sections);
        for reader in self.operators(tx).await? {
            let report = Report {
                reader: reader.name.clone(),
                quarter: quarter.to_string(),
                span: format!("{} to {}", line(from, self.zone), line(to, self.zone)),
                summary: summary.clone(),
                tallies: tallies.clone(),
                sections: sections.clone(),
            };
            let notice = match every {
                Every::Daily => Notice::DailyReport(report),
                Every::Weekly => Notice::WeeklyReport(report),
                Every::Monthly => Notice::MonthlyReport(report),
            };
            let key = to.to_rfc3339();
            let letter = Letter { notice, answerable: None, window: None, key, in_reply_to: None };
            self.mail(tx, &reader, letter).await?;
        }
        Ok(())
    }

    /// What waits for somebody: failures, mail that does not arrive or could not be read, people who are not there.
    async fn needs_a_person(
        &self,
        tx: &mut Tx,
        stand: &Stand,
        from: DateTime<Utc>,
    ) -> Result<Section, Failure> {
        let mut lines: Vec<String> = Vec::new();
        for window in &stand.windows {
            if matches!(
                window.state,
                WindowState::Failed { .. } | WindowState::NeedsHuman { .. } | WindowState::Missed { .. }
            ) {
                lines.push(format!("{}: {}", stand.name(window), window.state.phrase()));
            }
        }
        for wish in tx.wishes().await? {
            let window = tx.window_by_id(wish.window).await?;
            let server = tx.server_by_id(window.server).await?;
            if let Some((sentence, _)) = self.wish_sentence(tx, &server, &window).await? {
                lines.push(format!("{}: {sentence}", server.name));
            }
        }
        let (_, parked) = tx.count_notifications().await?;
        if parked > 0 {
            lines.push(format!("{parked} messages could not be delivered: see \"patchbot outbox\"."));
        }
        for (person, known) in tx.absent_people(self.now()).await? {
            let name = tx.person_by_id(person).await?.name;
            lines.push(match (known.unreachable_since, known.away_until) {
                (Some(since), _) => format!(
                    "Mail to {name} comes back since {} ({}).",
                    line(since, self.zone),
                    known.unreachable_why.unwrap_or_default()
                ),
                (None, Some(until)) => format!("{name} is away until {}.", line(until, self.zone)),
                (None, None) => continue,
            });
        }
        for (outcome, mails) in tx.count_mails_since(from).await? {
            if matches!(outcome.as_str(), "quarantined" | "rejected") {
                let were = if mails == 1 { "mail was" } else { "mails were" };
                lines.push(format!("{mails} {were} {outcome}: see \"patchbot inbox\"."));
            }
        }
        Ok(section("Needs a person", true, lines))
    }

    async fn happened(&self, tx: &mut Tx, from: DateTime<Utc>) -> Result<Vec<Section>, Failure> {
        let (mut patched, mut failed) = (Vec::new(), Vec::new());
        for run in tx.runs_ended_since(from).await? {
            let told = format!("{}: {}", run.plan.server_name, end_phrase(&run.state));
            match run.state {
                RunState::Succeeded { .. } => patched.push(told),
                _ => failed.push(told),
            }
        }
        let decided = tx.count_decisions_since(from).await?;
        let decided = decided.into_iter().map(|(what, count)| match count {
            1 => format!("1 window was {what}"),
            count => format!("{count} windows were {what}"),
        });
        Ok(vec![
            section("Failed", true, failed),
            section("Patched", false, patched),
            section("Decided", false, decided.collect()),
        ])
    }

    fn ahead(&self, stand: &Stand, (title, span): (&str, TimeDelta)) -> Section {
        let (now, end) = (self.now(), self.now() + span);
        let coming = stand.windows.iter().filter_map(|window| {
            let plan = window.plan.filter(|plan| plan.starts_at >= now && plan.starts_at < end)?;
            let when = line(plan.starts_at, plan.zone);
            (!window.state.is_settled())
                .then(|| format!("{}: {when}, {}", stand.name(window), window.state.phrase()))
        });
        section(title, false, coming.collect())
    }

    /// What the last look at the servers that come next found, where it would stop them.
    async fn would_be_blocked(
        &self,
        tx: &mut Tx,
        stand: &Stand,
        span: TimeDelta,
    ) -> Result<Section, Failure> {
        // Whoever is told a week before can still mend it.
        let (now, end) = (self.now(), self.now() + span.max(TimeDelta::days(7)));
        let found = tx.blocked_since(now - OLDEST_LOOK).await?;
        let found: BTreeMap<ServerId, &PrecheckRow> = found.iter().map(|row| (row.server, row)).collect();
        let mut coming: Vec<(DateTime<Utc>, String)> = Vec::new();
        for window in stand.windows.iter().filter(|window| !window.state.is_settled()) {
            let plan = window.plan.filter(|plan| plan.starts_at >= now && plan.starts_at < end);
            if let (Some(plan), Some(row)) = (plan, found.get(&window.server)) {
                let when = line(plan.starts_at, plan.zone);
                coming.push((
                    plan.starts_at,
                    format!("{}, {when}: {}", stand.name(window), findings_sentence(row)),
                ));
            }
        }
        coming.sort();
        Ok(section("Would be blocked as they are", true, coming.into_iter().map(|(_, line)| line).collect()))
    }

    /// What is put off beyond its quarter, and until when.
    async fn put_off_now(&self, tx: &mut Tx, stand: &Stand) -> Result<Section, Failure> {
        let today = self.now().with_timezone(&self.zone).date_naive();
        let windows = tx.windows_put_off().await?;
        let lines = windows.iter().filter_map(|window| match window.state {
            WindowState::Deferred { until, .. } if until >= today => {
                Some(format!("{}: {}", stand.name(window), window.state.phrase()))
            }
            _ => None,
        });
        Ok(section("Put off beyond the quarter", false, lines.collect()))
    }

    /// The owners whose servers wait for an answer, the most first.
    async fn silent(&self, tx: &mut Tx, stand: &Stand) -> Result<Section, Failure> {
        let mut waiting: BTreeMap<String, u32> = BTreeMap::new();
        for window in stand.windows.iter().filter(|window| still_waits(window)) {
            for owner in tx.owners_of(window.server).await? {
                if owner.rank == Rank::Primary {
                    let name = tx.person_by_id(owner.person).await?.name;
                    let count = waiting.entry(name).or_default();
                    *count = count.saturating_add(1);
                }
            }
        }
        let mut waiting: Vec<(String, u32)> = waiting.into_iter().collect();
        waiting.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), name.clone()));
        let lines = waiting.into_iter().map(|(name, count)| match count {
            1 => format!("{name}: 1 server waits for an answer"),
            count => format!("{name}: {count} servers wait for an answer"),
        });
        Ok(section("Not answered yet", false, lines.collect()))
    }
}

impl Stand {
    fn name(&self, window: &Window) -> &str {
        self.servers.get(&window.server).map_or("a server", |server| server.name.as_str())
    }

    /// The quarter in numbers: all of it, then by host group.
    pub(super) fn tallies(&self) -> Vec<Tally> {
        let mut all = tally("all");
        let mut groups: BTreeMap<String, Tally> = BTreeMap::new();
        for window in &self.windows {
            let group = self.servers.get(&window.server).and_then(|server| server.host_group.clone());
            let group = group.unwrap_or_else(|| "without a group".to_owned());
            count(&mut all, &window.state);
            count(groups.entry(group.clone()).or_insert_with(|| tally(&group)), &window.state);
        }
        std::iter::once(all).chain(groups.into_values()).collect()
    }
}

fn tally(what: &str) -> Tally {
    Tally { what: what.to_owned(), all: 0, patched: 0, approved: 0, waiting: 0, declined: 0, failed: 0 }
}

fn count(tally: &mut Tally, state: &WindowState) {
    let part = match state {
        WindowState::Unscheduled | WindowState::Proposed => &mut tally.waiting,
        WindowState::Approved(_) | WindowState::Locked(_) | WindowState::Running { .. } => {
            &mut tally.approved
        }
        WindowState::Completed => &mut tally.patched,
        WindowState::Declined(_) | WindowState::Deferred { .. } | WindowState::Cancelled { .. } => {
            &mut tally.declined
        }
        WindowState::Failed { .. } | WindowState::Missed { .. } | WindowState::NeedsHuman { .. } => {
            &mut tally.failed
        }
    };
    *part = part.saturating_add(1);
    tally.all = tally.all.saturating_add(1);
}

/// A paragraph of a report; a long list is cut.
pub(super) fn section(title: &str, urgent: bool, mut lines: Vec<String>) -> Section {
    let more = lines.len().saturating_sub(MOST_LINES);
    if more > 0 {
        lines.truncate(MOST_LINES);
        lines.push(format!("and {more} more"));
    }
    Section { title: title.to_owned(), urgent, lines }
}

/// The whole in one sentence.
fn summary(every: Every, all: Option<&Tally>, sections: &[Section]) -> String {
    let lines = |title: &str| sections.iter().find(|it| it.title == title).map_or(0, |it| it.lines.len());
    let (patched, failed) = (lines("Patched"), lines("Failed"));
    match (every, all) {
        (Every::Monthly, Some(all)) => format!("{} of {} servers are patched.", all.patched, all.all),
        _ if patched == 0 && failed == 0 => "Nothing was patched.".to_owned(),
        _ if failed == 0 => format!("{patched} were patched, none failed."),
        _ => format!("{patched} were patched, {failed} failed."),
    }
}
