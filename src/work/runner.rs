//! Drives one run: writes the step, carries out its effect on the host, writes what came of it, until the run ends.
//!
//! Every effect can be repeated: the host starts a run's work once and restarts for it once, so a runner that takes a
//! run over begins with the state that was written and finds on the host what has been done.

use std::convert::Infallible;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::sleep;

use super::hosts::{HostError, Hosts, Taken};
use crate::app::prechecks::Checked;
use crate::app::run::{Report, Stepped, packages};
use crate::app::{App, Failure};
use crate::domain::check::{Finding, Level, against, compare, validate};
use crate::domain::facts::{BootId, Facts};
use crate::domain::notice::PackageLine;
use crate::domain::run::{Outcome, Reboot, RunState};
use crate::domain::server::Server;
use crate::patch::{Applied, Hooked, Phase, Rebooted, RunStatus, Status};
use crate::ssh::Connection;
use crate::store::error::StoreError;
use crate::store::records::{Claimed, Purpose, RunRow};

/// Drives one run of one server.
#[derive(Debug)]
pub struct Runner<'a> {
    app: &'a App,
    hosts: &'a Hosts,
    server: &'a Server,
    jump: Option<Server>,
    connection: Option<Connection>,
}

impl<'a> Runner<'a> {
    /// A runner without a connection yet.
    #[must_use]
    pub fn new(app: &'a App, hosts: &'a Hosts, server: &'a Server, jump: Option<Server>) -> Self {
        Self { app, hosts, server, jump, connection: None }
    }

    /// Drives the run to its end.
    ///
    /// # Errors
    /// `Stale` when somebody else has taken the run over: he finishes it. Otherwise when the database does not answer;
    /// the run goes on when its claim has run out.
    pub async fn drive(&mut self, claimed: &Claimed, mut run: RunRow) -> Result<(), Failure> {
        while let Some(step) = run.state.step() {
            let number = self.app.begin_step(claimed, &run, step).await?;
            tracing::info!(run = %run.plan.run, server = %self.server.name, step = step.as_str(), "{}: {}", self.server.name, step.phrase());
            let stepped = {
                let heart = heartbeat(self.app, claimed);
                let late = tell_overrun(self.app, &run, self.hosts.times.poll);
                tokio::select! {
                    stepped = self.effect(claimed, &run) => stepped?,
                    lost = heart => return Err(lost),
                    never = late => match never {},
                }
            };
            run = self.app.end_step(claimed, &run, number, stepped).await?;
        }
        if let Some(connection) = self.connection.take() {
            connection.close().await;
        }
        Ok(())
    }

    async fn effect(&mut self, claimed: &Claimed, run: &RunRow) -> Result<Stepped, Failure> {
        match &run.state {
            RunState::Prechecking => Ok(self.precheck(run).await),
            RunState::Applying { taken_on, .. } => self.apply(claimed, run, taken_on.is_some()).await,
            RunState::Rebooting { boot_id, since } => Ok(self.reboot(run, *boot_id, *since).await),
            RunState::Validating { reboot } => self.validate(run, reboot).await,
            RunState::Succeeded { .. }
            | RunState::Failed { .. }
            | RunState::Missed { .. }
            | RunState::NeedsHuman { .. } => {
                Err(Failure::Bug("a run that has ended has no effect".to_owned()))
            }
        }
    }

    /// The connection that is kept through the run, or a new one.
    async fn connection(&mut self) -> Result<&Connection, HostError> {
        let lost = self.connection.as_ref().is_none_or(Connection::is_closed);
        if lost {
            self.connection = Some(self.hosts.connect(self.server, self.jump.as_ref()).await?);
        }
        self.connection.as_ref().ok_or_else(|| HostError::NotEnrolled(self.server.name.clone()))
    }

    async fn facts(&mut self, run: &RunRow) -> Result<Taken, HostError> {
        let (hosts, services) = (self.hosts, run.plan.checks.critical_services.clone());
        let connection = self.connection().await?;
        let facts = hosts.facts(connection, &services).await;
        if facts.is_err() {
            self.connection = None;
        }
        facts
    }

    async fn precheck(&mut self, run: &RunRow) -> Stepped {
        let mut seen = self.facts(run).await;
        // One slip of the network is no finding.
        if seen.as_ref().is_err_and(HostError::may_pass) {
            sleep(self.hosts.times.poll).await;
            seen = self.facts(run).await;
        }
        let snmp = self.hosts.snmp_offset(self.server).await;
        let checked = self.hosts.judged(self.server, &run.plan.checks, seen, snmp);
        let (passed, blocking) = against(&checked.findings, checked.facts.is_some(), &run.plan.passes);
        let [passed, mut blocking] =
            [passed, blocking].map(|some| some.into_iter().map(Finding::sentence).collect::<Vec<_>>());
        if checked.facts.is_none() && blocking.is_empty() {
            // Whatever is switched off: without facts there is nothing to compare with afterwards.
            blocking.push("The host told nothing about itself.".to_owned());
        }
        let warnings = checked.findings.iter().filter(|finding| finding.level == Level::Warn).count();
        let mut sentence = match (blocking.as_slice(), warnings) {
            ([], 0) => "The pre-checks passed.".to_owned(),
            ([], warnings) => format!("The pre-checks passed, with {warnings} remarks."),
            (found, _) => format!("The pre-checks block the run: {}", found.join(" ")),
        };
        if !passed.is_empty() {
            sentence.push_str(&format!(" Overridden: {}", passed.join(" ")));
        }
        let report = Report::default();
        let outcome = Outcome::Prechecked { blocking };
        Stepped { outcome, sentence, checked: Some((Purpose::Before, checked)), report }
    }

    /// Has the host do the work, and waits for its end. `taken_on` is whether the host is known to have the run already.
    async fn apply(
        &mut self,
        claimed: &Claimed,
        run: &RunRow,
        mut taken_on: bool,
    ) -> Result<Stepped, Failure> {
        let mut silent_since: Option<DateTime<Utc>> = None;
        loop {
            let looked = self.look_at_work(run, taken_on).await;
            let now = self.app.now();
            match looked {
                Ok(Work::Ended(stepped)) => return Ok(*stepped),
                Ok(Work::NotBegun) => silent_since = None,
                Ok(Work::GoesOn) => {
                    silent_since = None;
                    if !taken_on {
                        self.app.taken_on(claimed, run).await?;
                        taken_on = true;
                    }
                }
                Err(error) => {
                    self.connection = None;
                    let since = *silent_since.get_or_insert(now);
                    let patience = TimeDelta::from_std(self.hosts.times.patience).unwrap_or(TimeDelta::MAX);
                    if !error.may_pass() || now.signed_duration_since(since) >= patience {
                        let reason = format!("It is not known whether the updates are installed: {error}.");
                        return Ok(gave_up(reason));
                    }
                }
            }
            if now >= run.plan.patience_ends() {
                return Ok(gave_up(format!(
                    "The installation has not ended long after the window; it may still be at work on {}.",
                    self.server.name
                )));
            }
            sleep(self.hosts.times.poll).await;
        }
    }

    /// One look at the host's work: starts it when the host does not know it and never did.
    async fn look_at_work(&mut self, run: &RunRow, taken_on: bool) -> Result<Work, HostError> {
        let (hosts, now, server) = (self.hosts, self.app.now(), self.server);
        let connection = self.connection().await?;
        let status = hosts.status(connection, run.plan.run).await?;
        if status.run != RunStatus::Absent {
            let boot = match status.host {
                Some((_, boot)) => boot,
                None => hosts.hello(connection).await?.boot_id,
            };
            // Whether it needs a restart, only the host can tell.
            let reboot_needed = match &status.run {
                RunStatus::Installed(_) => hosts.facts(connection, &[]).await?.facts.reboot_needed(),
                _ => false,
            };
            let ended = ended(&status, boot, reboot_needed);
            return Ok(ended.map_or(Work::GoesOn, |stepped| Work::Ended(Box::new(stepped))));
        }
        if taken_on {
            return Ok(Work::Ended(Box::new(gave_up(format!(
                "{} had begun the installation and does not know of it any more: it was put back to an older state, or its \
                 folder /var/lib/patchbot was emptied. It was not asked again.",
                server.name
            )))));
        }
        if now >= run.plan.last_begin() {
            return Ok(Work::Ended(Box::new(not_applied(
                "the window was over, or nearly, before the installation could begin",
            ))));
        }
        let hello = hosts.hello(connection).await?;
        // The last moment on the host's own clock, whatever that clock shows.
        let not_after = hello.clock + run.plan.last_begin().signed_duration_since(now);
        match hosts.apply(connection, &run.plan, not_after).await? {
            Applied::Started => {
                tracing::info!(run = %run.plan.run, server = %server.name, "{}: the installation has begun", server.name);
                Ok(Work::GoesOn)
            }
            Applied::Exists => Ok(Work::GoesOn),
            Applied::Refused(refused) if refused.why.passes() => Ok(Work::NotBegun),
            Applied::Refused(refused) => {
                let text = refused.text.trim_end_matches('.');
                Ok(Work::Ended(Box::new(Stepped {
                    outcome: Outcome::Applied {
                        problems: vec![format!("The host did not start the installation: {text}.")],
                        reboot_needed: false,
                        boot_id: hello.boot_id,
                    },
                    sentence: format!("The host did not start the installation: {text}."),
                    checked: None,
                    report: Report {
                        state: vec!["Nothing on the server was changed.".to_owned()],
                        ..Report::default()
                    },
                })))
            }
        }
    }

    async fn reboot(&mut self, run: &RunRow, boot: BootId, since: DateTime<Utc>) -> Stepped {
        let report = Report::of(run.report.as_ref());
        let stepped = |outcome, sentence: &str, report| Stepped {
            outcome,
            sentence: sentence.to_owned(),
            checked: None,
            report,
        };
        let mut asked = false;
        loop {
            let looked = self.look_at_boot(run, boot).await;
            let now = self.app.now();
            match looked {
                Ok(Booted::Again) => {
                    return match self.after_reboot(run).await {
                        Ok(None) => {
                            stepped(Outcome::Rebooted { problem: None }, "The server was rebooted.", report)
                        }
                        Ok(Some(problem)) => {
                            let sentence = format!("The server was rebooted. {problem}");
                            stepped(Outcome::Rebooted { problem: Some(problem) }, &sentence, report)
                        }
                        Err(error) => {
                            let reason = format!(
                                "The server was rebooted, and the hooks after it could not be run: {error}."
                            );
                            stepped(Outcome::GaveUp { reason: reason.clone() }, &reason, report)
                        }
                    };
                }
                Ok(Booted::Refused(why)) => {
                    let sentence = format!("The reboot was not made: {why}.");
                    return stepped(Outcome::NotRebooted, &sentence, report);
                }
                Ok(Booted::NotYet) => asked = true,
                Err(error) => {
                    self.connection = None;
                    tracing::info!(server = %self.server.name, %error, "{} does not answer while it restarts", self.server.name);
                }
            }
            if now.signed_duration_since(since) >= run.plan.reboot_wait() {
                let minutes = run.plan.reboot_wait().num_minutes();
                let reason = if asked {
                    format!(
                        "{} was asked to reboot and did not come back within {minutes} minutes.",
                        self.server.name
                    )
                } else {
                    format!(
                        "{} could not be reached for its reboot within {minutes} minutes; it is not known whether it was rebooted.",
                        self.server.name
                    )
                };
                return Stepped {
                    sentence: reason.clone(),
                    outcome: Outcome::GaveUp { reason },
                    checked: None,
                    report,
                };
            }
            sleep(self.hosts.times.poll.min(Duration::from_secs(5))).await;
        }
    }

    /// Runs the site's hooks after the reboot; the problem with them, when there is one.
    async fn after_reboot(&mut self, run: &RunRow) -> Result<Option<String>, HostError> {
        let mut tried = 0;
        loop {
            let hosts = self.hosts;
            let hooked = match self.connection().await {
                Ok(connection) => hosts.after_reboot(connection, run.plan.run).await,
                Err(error) => Err(error),
            };
            match hooked {
                Ok(Hooked::Done | Hooked::Exists) => return Ok(None),
                Ok(Hooked::Failed(text)) => {
                    return Ok(Some(format!(
                        "A hook after the reboot failed: {}.",
                        text.trim_end_matches('.')
                    )));
                }
                Ok(Hooked::Refused(refused)) => {
                    return Ok(Some(format!(
                        "The hooks after the reboot were not run: {}.",
                        refused.text.trim_end_matches('.')
                    )));
                }
                Err(error) if tried >= 5 || !error.may_pass() => return Err(error),
                Err(_) => {
                    self.connection = None;
                    tried += 1;
                    sleep(self.hosts.times.poll.min(Duration::from_secs(5))).await;
                }
            }
        }
    }

    async fn look_at_boot(&mut self, run: &RunRow, boot: BootId) -> Result<Booted, HostError> {
        let (hosts, now) = (self.hosts, self.app.now());
        let connection = self.connection().await?;
        let hello = hosts.hello(connection).await?;
        if hello.boot_id != boot {
            return Ok(Booted::Again);
        }
        let not_after = hello.clock + run.plan.last_reboot().signed_duration_since(now);
        match hosts.reboot(connection, run.plan.run, boot, not_after).await? {
            Rebooted::Ordered | Rebooted::Already => {
                // The connection dies with the host; the next look opens a new one.
                self.connection = None;
                Ok(Booted::NotYet)
            }
            Rebooted::Refused(refused) if refused.why.passes() => Ok(Booted::NotYet),
            Rebooted::Refused(refused) if refused.why == crate::patch::Why::OtherBoot => Ok(Booted::Again),
            Rebooted::Refused(refused) => Ok(Booted::Refused(refused.text.trim_end_matches('.').to_owned())),
        }
    }

    async fn validate(&mut self, run: &RunRow, reboot: &Reboot) -> Result<Stepped, Failure> {
        let before = self
            .app
            .facts_before(run)
            .await?
            .ok_or_else(|| Failure::Bug("a run without facts from before".to_owned()))?;
        let started = self.app.now();
        let settle = TimeDelta::from_std(self.hosts.times.settle).unwrap_or(TimeDelta::MAX);
        loop {
            let seen = self.facts(run).await;
            let settled = self.app.now().signed_duration_since(started) >= settle;
            match seen {
                Ok(Taken { facts: after, .. }) => {
                    let findings = validate(&before, &after, &run.plan.validation);
                    let checked = Checked { findings, facts: Some(after.clone()) };
                    let problems = checked.blocking();
                    // A service may need a while after a reboot.
                    if problems.is_empty() || settled {
                        return Ok(validated(run, &before, &after, checked, problems, reboot));
                    }
                }
                Err(error) if settled || !error.may_pass() => {
                    let mut stepped = gave_up(format!(
                        "The updates are installed, and {} could not be looked at afterwards: {error}.",
                        self.server.name
                    ));
                    stepped.report = Report::of(run.report.as_ref());
                    return Ok(stepped);
                }
                Err(_) => {}
            }
            sleep(self.hosts.times.poll.min(Duration::from_secs(5))).await;
        }
    }
}

/// What a look at the host's work came to.
enum Work {
    /// The host did not take it on; it is asked again.
    NotBegun,
    /// The host has it and is not done.
    GoesOn,
    /// It is over.
    Ended(Box<Stepped>),
}

enum Booted {
    Again,
    NotYet,
    Refused(String),
}

/// Keeps a claim alive, renewed several times while it holds; ends only when it is lost.
pub(super) async fn heartbeat(app: &App, claimed: &Claimed) -> Failure {
    loop {
        sleep(Duration::from_secs(20)).await;
        match app.renew(claimed).await {
            Ok(()) => {}
            Err(Failure::Store(StoreError::Stale(what))) => return Failure::Store(StoreError::Stale(what)),
            // The database may be back before the claim runs out.
            Err(error) => tracing::warn!(%error, "a claim could not be renewed"),
        }
    }
}

/// Waits for the end of a run's window, and tells that the run goes on behind it.
async fn tell_overrun(app: &App, run: &RunRow, poll: Duration) -> Infallible {
    while app.now() < run.plan.ends_at {
        sleep(poll).await;
    }
    while let Err(error) = app.tell_overrun(run).await {
        tracing::warn!(%error, "that a run takes longer than its window could not be told yet");
        sleep(poll).await;
    }
    std::future::pending().await
}

/// What a host says, as a sentence of its own.
fn sentence_of(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

fn gave_up(reason: String) -> Stepped {
    Stepped {
        sentence: reason.clone(),
        outcome: Outcome::GaveUp { reason },
        checked: None,
        report: Report::default(),
    }
}

fn not_applied(reason: &str) -> Stepped {
    Stepped {
        outcome: Outcome::NotApplied { reason: reason.to_owned() },
        sentence: format!("Nothing was installed: {reason}."),
        checked: None,
        report: Report::default(),
    }
}

/// What a status says about the end of the host's work; nothing while it goes on.
fn ended(status: &Status, boot_id: BootId, reboot_needed: bool) -> Option<Stepped> {
    let report = Report {
        packages: status
            .changed
            .iter()
            .map(|package| PackageLine {
                name: package.name.clone(),
                before: package.before.clone(),
                after: package.after.clone(),
            })
            .collect(),
        log: status.log.clone(),
        ..Report::default()
    };
    let outcome = |problems| Outcome::Applied { problems, reboot_needed, boot_id };
    match &status.run {
        RunStatus::Absent | RunStatus::Running { .. } => None,
        RunStatus::Installed(_) => Some(Stepped {
            outcome: outcome(Vec::new()),
            sentence: format!("The updates are installed: {} changed.", packages(status.changed.len())),
            checked: None,
            report,
        }),
        RunStatus::Refused(refused, _) if refused.why == crate::patch::Why::Late => {
            Some(Stepped { report, ..not_applied("the window was over before the installation could begin") })
        }
        RunStatus::Refused(refused, _) => {
            let problem =
                format!("The host found a reason to touch nothing: {}.", refused.text.trim_end_matches('.'));
            let report = Report { state: vec!["Nothing on the server was changed.".to_owned()], ..report };
            Some(Stepped {
                sentence: problem.clone(),
                outcome: outcome(vec![problem]),
                checked: None,
                report,
            })
        }
        RunStatus::Failed(_, end) => {
            let mut problems = vec![sentence_of(&end.text)];
            problems.extend(
                status
                    .failed
                    .iter()
                    .map(|package| format!("The package {}: {}.", package.name, package.state)),
            );
            let state = vec![format!(
                "{} changed, {} in no good state. The server was not rebooted.",
                packages(status.changed.len()),
                packages(status.failed.len())
            )];
            let sentence = format!("The installation failed: {}", problems.join(" "));
            Some(Stepped {
                outcome: outcome(problems),
                sentence,
                checked: None,
                report: Report { state, ..report },
            })
        }
        RunStatus::Interrupted { .. } => {
            let phase = status.phase.unwrap_or(Phase::Accepted);
            let mut reasons = vec![format!(
                "The installation was cut off while {}; nothing of it is at work any more.",
                phase.phrase()
            )];
            if !phase.may_have_changed() {
                reasons.push("No package had been touched by then.".to_owned());
            }
            let state = vec![format!("{} changed before it was cut off.", packages(status.changed.len()))];
            let sentence = reasons.join(" ");
            Some(Stepped {
                outcome: Outcome::Interrupted { reasons },
                sentence,
                checked: None,
                report: Report { state, ..report },
            })
        }
    }
}

fn validated(
    run: &RunRow,
    before: &Facts,
    after: &Facts,
    checked: Checked,
    problems: Vec<String>,
    reboot: &Reboot,
) -> Stepped {
    let mut report = Report::of(run.report.as_ref());
    report.take(&compare(before, after));
    let mut sentence = match problems.len() {
        0 => "Everything that ran before runs again.".to_owned(),
        _ => format!("Not everything is as before: {}", problems.join(" ")),
    };
    if *reboot == Reboot::Withheld {
        sentence.push_str(" The reboot that is due was not made.");
    }
    Stepped {
        outcome: Outcome::Validated { problems },
        sentence,
        checked: Some((Purpose::After, checked)),
        report,
    }
}
