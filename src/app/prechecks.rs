//! Pre-checks and their rehearsals: what was found on a host is kept, and told when it would block the run.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use super::notices::{About, OpsNote};
use super::{App, Failure};
use crate::domain::check::{Finding, Level, blocks};
use crate::domain::event::{Actor, AuditEvent, What};
use crate::domain::facts::Facts;
use crate::domain::ids::RunId;
use crate::domain::message::{Offer, Tone};
use crate::domain::notice::{FindingLine, Notice, PrecheckAlert};
use crate::domain::person::Person;
use crate::domain::server::Server;
use crate::domain::shown::line;
use crate::domain::timeline::next_for_window;
use crate::domain::window::Window;
use crate::store::Tx;
use crate::store::records::{Claimed, PrecheckRow, Purpose};

/// What was seen of a host, and what was found in it.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The facts; absent when the host told none.
    pub facts: Option<Facts>,
    /// The findings.
    pub findings: Vec<Finding>,
}

impl Checked {
    /// Whether a finding blocks.
    #[must_use]
    pub fn blocked(&self) -> bool {
        blocks(&self.findings)
    }

    /// The findings that block, one sentence each.
    #[must_use]
    pub fn blocking(&self) -> Vec<String> {
        self.findings.iter().filter(|finding| finding.level == Level::Block).map(Finding::sentence).collect()
    }
}

/// Findings as a notice shows them: what blocks first, and nothing that is fine.
pub(crate) fn finding_lines(findings: &[Finding]) -> Vec<FindingLine> {
    let mut shown: Vec<&Finding> = findings.iter().filter(|finding| finding.level != Level::Ok).collect();
    shown.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    shown
        .into_iter()
        .map(|finding| FindingLine {
            level: finding.level.as_str().to_owned(),
            check: finding.name(),
            found: finding.found.clone(),
            remedy: finding.remedy.clone(),
        })
        .collect()
}

/// A kept pre-check in one phrase, for `why`.
pub(crate) fn findings_sentence(row: &PrecheckRow) -> String {
    let findings: Vec<Finding> = serde_json::from_value(row.findings.clone()).unwrap_or_default();
    let found = |level: Level| {
        let names: Vec<String> = findings
            .iter()
            .filter(|finding| finding.level == level)
            .map(|finding| format!("{}: {}", finding.name(), finding.found))
            .collect();
        names.join("; ")
    };
    match (found(Level::Block), found(Level::Warn)) {
        (block, _) if !block.is_empty() => block,
        (_, warn) if !warn.is_empty() => format!("passed, with remarks ({warn})"),
        _ => "passed".to_owned(),
    }
}

/// What blocks, as it was kept.
pub(crate) fn blocking(row: &PrecheckRow) -> Vec<Finding> {
    let mut findings: Vec<Finding> = serde_json::from_value(row.findings.clone()).unwrap_or_default();
    findings.retain(|finding| finding.level == Level::Block);
    findings
}

/// What was found longer ago says nothing about today.
pub(crate) const OLDEST_LOOK: TimeDelta = TimeDelta::days(35);

/// A kept pre-check as a sentence about today, or about its day in a zone.
pub(crate) fn look_sentence(row: &PrecheckRow, zone: Tz, now: DateTime<Utc>) -> String {
    let day = row.taken_at.with_timezone(&zone).format("%a %-d %b");
    let found = findings_sentence(row);
    let found = found.trim_end_matches('.');
    let today = now.signed_duration_since(row.taken_at) < TimeDelta::days(1);
    match (row.blocked, today) {
        (true, true) => format!("Today this would be blocked: {found}."),
        (true, false) => format!("On {day} this would have been blocked: {found}."),
        (false, true) => format!("Today its checks {found}."),
        (false, false) => format!("On {day} its checks {found}."),
    }
}

impl App {
    /// Keeps what was seen of a host.
    pub(crate) async fn keep_check(
        &self,
        tx: &mut Tx,
        server: &Server,
        window: Option<&Window>,
        run: Option<RunId>,
        purpose: Purpose,
        checked: &Checked,
    ) -> Result<(), Failure> {
        let json =
            |value: Result<Value, serde_json::Error>| value.map_err(|error| Failure::Bug(error.to_string()));
        let facts = checked.facts.as_ref().map(|facts| json(serde_json::to_value(facts))).transpose()?;
        tx.insert_precheck(&PrecheckRow {
            id: self.ids.next(),
            server: server.id,
            window: window.map(|window| window.id),
            run,
            purpose,
            taken_at: self.now(),
            blocked: checked.blocked(),
            findings: json(serde_json::to_value(&checked.findings))?,
            facts,
            load_milli: checked.facts.as_ref().and_then(|facts| facts.load).map(|load| load.milli_per_cpu()),
            reboot_pending: checked
                .facts
                .as_ref()
                .and_then(|facts| facts.reboot.as_ref())
                .map(|reboot| reboot.required),
        })
        .await?;
        Ok(())
    }

    /// Keeps the facts of a probe that somebody asked for.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn keep_probe(&self, server: &Server, checked: &Checked) -> Result<(), Failure> {
        let mut tx = self.store.begin().await?;
        self.keep_check(&mut tx, server, None, None, Purpose::Probe, checked).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Ends the pre-checks of a window: keeps them, tells what would block, and waits for what comes next.
    ///
    /// # Errors
    /// `Stale` when the window changed while the checks were made: they are about a plan that is no more.
    pub async fn end_prechecks(
        &self,
        claimed: &Claimed,
        server: &Server,
        checked: &Checked,
    ) -> Result<(), Failure> {
        let mut tx = self.store.begin().await?;
        let Some(window) = tx.window_of(server.id, claimed.quarter).await? else {
            return Err(Failure::Bug("pre-checks without a window".to_owned()));
        };
        self.keep_check(&mut tx, server, Some(&window), None, Purpose::Precheck, checked).await?;
        let sentence = match checked.blocking().as_slice() {
            [] => format!("The pre-checks of {} passed.", server.name),
            blocking => {
                format!("The pre-checks of {} would block its run: {}", server.name, blocking.join(" "))
            }
        };
        tx.append_audit(&AuditEvent::new(
            self.now(),
            Actor::clock(),
            What::Prechecked,
            server.name.clone(),
            sentence.clone(),
        ))
        .await?;
        if checked.blocked() {
            self.tell_prechecks(&mut tx, server, &window, checked).await?;
        }
        self.rewrite_cards(&mut tx, &window).await?;
        let next = next_for_window(&window, self.policy(server), Some(claimed.due), self.now());
        tx.settle(claimed, next).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Ends a rehearsal: keeps what was found for the notices and for "why", and tells nobody by itself.
    ///
    /// # Errors
    /// `Stale` when the window changed meanwhile: its next rehearsal comes with its new time.
    pub async fn end_rehearsal(
        &self,
        claimed: &Claimed,
        server: &Server,
        checked: Option<&Checked>,
    ) -> Result<(), Failure> {
        let mut tx = self.store.begin().await?;
        let Some(window) = tx.window_of(server.id, claimed.quarter).await? else {
            return Err(Failure::Bug("a rehearsal without a window".to_owned()));
        };
        if let Some(checked) = checked {
            let before = tx.latest_precheck(server.id).await?.is_some_and(|row| row.blocked);
            self.keep_check(&mut tx, server, Some(&window), None, Purpose::Precheck, checked).await?;
            if before || checked.blocked() {
                self.rewrite_cards(&mut tx, &window).await?;
            }
        }
        let next = next_for_window(&window, self.policy(server), Some(claimed.due), self.now());
        tx.settle(claimed, next).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn tell_prechecks(
        &self,
        tx: &mut Tx,
        server: &Server,
        window: &Window,
        checked: &Checked,
    ) -> Result<(), Failure> {
        let start = window.plan.map_or_else(String::new, |plan| line(plan.starts_at, plan.zone));
        for reader in self.watchers_of(tx, server).await? {
            let about = About { server, window, occasion: "precheck".to_owned() };
            let notice = Notice::PrecheckAlert(PrecheckAlert {
                reader: reader.name.clone(),
                window: self.window_line(1, server, window, reader.zone),
                blocked: true,
                findings: finding_lines(&checked.findings),
                next: vec![
                    format!("Mend what stops it before {start}: the checks are made again at the start."),
                    "If it is not mended by then, nothing is installed, and you are told so.".to_owned(),
                ],
            });
            self.mail_about(tx, &about, &reader, notice).await?;
        }
        let (about, revision) = (window.id, window.revision);
        let note = OpsNote {
            tone: Tone::Bad,
            headline: format!("{} would be blocked at its start {start}.", server.name),
            lines: checked.blocking(),
            key: format!("precheck/{about}/r{revision}"),
            about: Some(about),
            offers: vec![
                Offer::about("Override", "override", about, revision),
                Offer::about("Skip", "skip", about, revision),
                Offer::about("Why?", "why", about, revision),
            ],
        };
        self.tell_ops(tx, note).await
    }

    /// The owners of a server and who patches it.
    pub(crate) async fn watchers_of(&self, tx: &mut Tx, server: &Server) -> Result<Vec<Person>, Failure> {
        let mut people = self.readers_of(tx, server).await?;
        if let Some(mail) = super::import::patcher(server)
            && let Some(patcher) = tx.person_by_mail(&mail).await?
            && !people.iter().any(|person| person.id == patcher.id)
        {
            people.push(patcher);
        }
        Ok(people)
    }
}
