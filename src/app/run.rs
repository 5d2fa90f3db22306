//! Runs: opened once per approved revision, written before each effect and after it, closed with the truth.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::clockwork::reboot_sentence;
use super::notices::{About, Letter, OpsNote};
use super::prechecks::Checked;
use super::{App, Failure};
use crate::domain::check::Differences;
use crate::domain::event::What;
use crate::domain::facts::Facts;
use crate::domain::ids::WindowId;
use crate::domain::message::{Offer, Tone};
use crate::domain::moves::a_week_later;
use crate::domain::notice::{CompletionNotice, FailureNotice, Notice, PackageLine, WordNotice};
use crate::domain::run::{Outcome, Reboot, RunPlan, RunState, Step, headline, next, stopped};
use crate::domain::server::Server;
use crate::domain::shown::{line, shown};
use crate::domain::start::{Against, Opening, forbidden, opening, unready};
use crate::domain::window::{Plan, Window, WindowState};
use crate::store::Tx;
use crate::store::records::{Claimed, Purpose, RunRow};

/// What is wrong is said near the end of a log; more of it is on the host.
const MOST_LOG_LINES: usize = 15;

/// A claim on what is due holds so long, and whoever works on it renews it.
pub const LEASE: TimeDelta = TimeDelta::minutes(2);

/// What is told at the end of a run; grows with its steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// The packages that changed.
    pub packages: Vec<PackageLine>,
    /// The kernel before and after.
    pub kernel: String,
    /// What else differs, one line each.
    pub differences: Vec<String>,
    /// The last lines of the host's log.
    pub log: Vec<String>,
    /// The state the host is in, one sentence each.
    pub state: Vec<String>,
}

/// What a start came to.
#[derive(Debug)]
pub enum Start {
    /// A run is under way, new or resumed, on this server.
    Run(Box<RunRow>, Box<Server>),
    /// There is nothing to run: the window was missed, or is over.
    Nothing,
}

/// What came of a step, and what is to be kept of it.
#[derive(Debug)]
pub struct Stepped {
    /// What came of it.
    pub outcome: Outcome,
    /// In a sentence, for the history.
    pub sentence: String,
    /// Facts and findings to keep.
    pub checked: Option<(Purpose, Checked)>,
    /// What is told at the end, as far as it is known.
    pub report: Report,
}

impl App {
    /// Opens the run of a window whose start has come, or finds the one that is under way.
    ///
    /// # Errors
    /// `Stale` when the claim was taken over.
    pub async fn start(&self, claimed: &Claimed, id: WindowId) -> Result<Start, Failure> {
        let mut tx = self.store.begin().await?;
        tx.renew(claimed, self.now() + LEASE).await?;
        let window = tx.window_by_id(id).await?;
        let server = tx.server_by_id(window.server).await?;
        if let WindowState::Running { run } = window.state {
            let run = tx.run_by_id(run).await?;
            return Ok(Start::Run(Box::new(run), Box::new(server)));
        }
        let Some(plan) = window.plan.filter(|_| !window.state.is_settled()) else {
            tx.settle(claimed, None).await?;
            tx.commit().await?;
            return Ok(Start::Nothing);
        };
        let policy = self.policy(&server);
        let now = self.now();
        let against = match unready(&window, &plan, policy, now) {
            None => self.what_stands_against(&mut tx, &server, &window, &plan).await?,
            unready => unready,
        };
        match opening(against, &plan, policy, now) {
            Opening::Start => {}
            Opening::Wait(until, against) => {
                tracing::info!(server = server.name, "a start waits: {}", against.why);
                tx.postpone(claimed, until).await?;
                tx.commit().await?;
                return Ok(Start::Nothing);
            }
            Opening::Missed(against) => {
                self.miss(&mut tx, claimed, &server, &window, &against.why).await?;
                tx.commit().await?;
                return Ok(Start::Nothing);
            }
        }
        let passes = tx.override_of(window.id, window.revision).await?.map(|request| request.checks);
        let run = RunRow {
            plan: RunPlan::of(self.run_id(), &window, &plan, &server, policy, passes.unwrap_or_default()),
            state: RunState::Prechecking,
            report: None,
            started_at: now,
            ended_at: None,
        };
        tx.insert_run(&run).await?;
        let running = window.clone().start(run.plan.run).map_err(|error| Failure::Bug(error.to_string()))?;
        tx.update_window(&running).await?;
        let sentence = format!("The run of {} has started.", server.name);
        self.audit_clock(&mut tx, &server, What::RunStarted, sentence, Some(&window), Some(&running)).await?;
        self.lapse_wish(&mut tx, &server, &running).await?;
        self.tell_start(&mut tx, &server, &running, &run.plan).await?;
        tx.commit().await?;
        Ok(Start::Run(Box::new(run), Box::new(server)))
    }

    /// What the rules say against a start at this moment: they can have changed since it was approved, a canary can have
    /// failed, and a service can have lost members.
    async fn what_stands_against(
        &self,
        tx: &mut Tx,
        server: &Server,
        window: &Window,
        plan: &Plan,
    ) -> Result<Option<Against>, Failure> {
        if let Some(until) = self.put_off_until(tx, server, window).await? {
            return Ok(Some(Against::put_off(until)));
        }
        let calendar = self.calendar(tx, server, window).await?;
        let forbidden = forbidden(window, plan, &self.bounds(server, window, &calendar));
        if forbidden.is_some() {
            return Ok(forbidden);
        }
        Ok(self.canaries_not_done(tx, server, window).await?.map(|why| Against::waits_for_first(&why)))
    }

    async fn tell_start(
        &self,
        tx: &mut Tx,
        server: &Server,
        window: &Window,
        plan: &RunPlan,
    ) -> Result<(), Failure> {
        let sentences =
            vec!["Its updates are being installed now.".to_owned(), reboot_sentence(plan.reboot).to_owned()];
        for reader in self.readers_of(tx, server).await? {
            let about = About { server, window, occasion: "starting".to_owned() };
            let next = vec!["You get a mail when it is done.".to_owned()];
            let notice = Notice::Starting(self.window_notice(&about, &reader, sentences.clone(), next));
            self.mail_about(tx, &about, &reader, notice).await?;
        }
        self.rewrite_cards(tx, window).await?;
        let note = OpsNote {
            tone: Tone::Info,
            headline: format!("{} is being patched now.", server.name),
            lines: Vec::new(),
            key: format!("started/{}", plan.run),
            about: Some(window.id),
            offers: Vec::new(),
        };
        self.tell_ops(tx, note).await
    }

    /// Records and tells that a window was not started.
    async fn miss(
        &self,
        tx: &mut Tx,
        claimed: &Claimed,
        server: &Server,
        window: &Window,
        reason: &str,
    ) -> Result<(), Failure> {
        let missed = window.clone().miss(reason).map_err(|error| Failure::Bug(error.to_string()))?;
        tx.update_window(&missed).await?;
        tx.settle(claimed, None).await?;
        let sentence = format!("{} was not patched: {reason}.", server.name);
        self.audit_clock(tx, server, What::Missed, sentence, Some(window), Some(&missed)).await?;
        self.tell_missed(tx, server, &missed, reason).await
    }

    async fn tell_missed(
        &self,
        tx: &mut Tx,
        server: &Server,
        window: &Window,
        reason: &str,
    ) -> Result<(), Failure> {
        let again = a_week_later(window.plan, self.now(), server.zone);
        for reader in self.readers_of(tx, server).await? {
            let about = About { server, window, occasion: "missed".to_owned() };
            let sentences = vec![
                format!("It was not patched: {reason}."),
                "Nothing on the server was changed.".to_owned(),
            ];
            let next = vec![format!(
                "To give it another time, reply for example \"move {} to {again}\".",
                server.name
            )];
            let mut notice = self.window_notice(&about, &reader, sentences, next);
            notice.answerable = window.plan.is_some();
            let answerable = super::notices::answerable_about_missed(window, self.now());
            let key = format!("missed/{}/r{}", window.id, window.revision);
            let notice = Notice::Missed(notice);
            let letter = Letter { notice, answerable, window: Some(window.id), key, in_reply_to: None };
            self.mail(tx, &reader, letter).await?;
        }
        self.rewrite_cards(tx, window).await?;
        let note = OpsNote {
            tone: Tone::Bad,
            headline: format!("{} was not patched: {reason}.", server.name),
            lines: vec![format!("Give it another time, as \"move {} to {again}\".", server.name)],
            key: format!("missed/{}/r{}", window.id, window.revision),
            about: Some(window.id),
            offers: offers_after_trouble(window, None),
        };
        self.tell_ops(tx, note).await
    }

    /// Writes that a step of a run begins, before its effect; the claim is renewed with it.
    ///
    /// # Errors
    /// `Stale` when the claim was taken over: then somebody else drives the run.
    pub async fn begin_step(&self, claimed: &Claimed, run: &RunRow, step: Step) -> Result<i64, Failure> {
        let mut tx = self.store.begin().await?;
        tx.renew(claimed, self.now() + LEASE).await?;
        let number = tx.begin_step(run.plan.run, step, self.now()).await?;
        tx.commit().await?;
        Ok(number)
    }

    /// Prolongs the claim on a run.
    ///
    /// # Errors
    /// `Stale` when the claim was taken over.
    pub async fn renew(&self, claimed: &Claimed) -> Result<(), Failure> {
        let mut tx = self.store.begin().await?;
        tx.renew(claimed, self.now() + LEASE).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Writes that the host has taken on the installation of a run.
    ///
    /// # Errors
    /// `Stale` when the claim was taken over: then somebody else drives the run.
    pub async fn taken_on(&self, claimed: &Claimed, run: &RunRow) -> Result<(), Failure> {
        let RunState::Applying { since, .. } = run.state else {
            return Err(Failure::Bug(format!("a host that installs while a run is {}", run.state.as_str())));
        };
        let mut tx = self.store.begin().await?;
        tx.renew(claimed, self.now() + LEASE).await?;
        let state = RunState::Applying { since, taken_on: Some(self.now()) };
        tx.update_run(run.plan.run, &state, None).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The facts that were taken before a run's installation.
    ///
    /// # Errors
    /// When the database does not answer or holds something unexpected.
    pub async fn facts_before(&self, run: &RunRow) -> Result<Option<Facts>, Failure> {
        let mut tx = self.store.read().await?;
        let row = tx.precheck_of_run(run.plan.run, Purpose::Before).await?;
        row.and_then(|row| row.facts)
            .map(|facts| {
                serde_json::from_value(facts)
                    .map_err(|error| Failure::Bug(format!("facts of a run: {error}")))
            })
            .transpose()
    }

    /// Writes what came of a step and the state that follows; a state that ends the run closes it with all its notices.
    ///
    /// # Errors
    /// `Stale` when the claim was taken over: then nothing was written, and somebody else drives the run.
    pub async fn end_step(
        &self,
        claimed: &Claimed,
        run: &RunRow,
        number: i64,
        stepped: Stepped,
    ) -> Result<RunRow, Failure> {
        let now = self.now();
        let Some(state) = next(&run.state, stepped.outcome, &run.plan, now) else {
            return Err(Failure::Bug(format!("an outcome that does not belong to {}", run.state.as_str())));
        };
        let mut tx = self.store.begin().await?;
        tx.renew(claimed, self.now() + LEASE).await?;
        let state = match (run.state.step(), tx.stop_of(run.plan.run).await?) {
            (Some(done), Some(stop)) => {
                let order = format!("{} stopped the run because \"{}\".", stop.asked_name, stop.reason);
                stopped(state, done, &order)
            }
            _ => state,
        };
        tx.end_step(run.plan.run, number, &stepped.sentence, now).await?;
        let ended_at = state.step().is_none().then_some(now);
        tx.update_run(run.plan.run, &state, ended_at).await?;
        let report =
            serde_json::to_value(&stepped.report).map_err(|error| Failure::Bug(error.to_string()))?;
        tx.set_report(run.plan.run, &report).await?;
        let server = tx.server_by_id(run.plan.server).await?;
        let window = tx.window_by_id(run.plan.window).await?;
        if let Some((purpose, checked)) = &stepped.checked {
            self.keep_check(&mut tx, &server, Some(&window), Some(run.plan.run), *purpose, checked).await?;
        }
        let sentence = format!("{}: {}", server.name, stepped.sentence);
        self.audit_clock(&mut tx, &server, What::RunStepped, sentence.clone(), None, None).await?;
        if state.step().is_some() {
            let note = OpsNote {
                tone: Tone::Info,
                headline: sentence,
                lines: Vec::new(),
                key: format!("step/{}/{number}", run.plan.run),
                about: Some(window.id),
                offers: Vec::new(),
            };
            self.tell_ops(&mut tx, note).await?;
        }
        let after = RunRow { state, report: Some(report), ended_at, ..run.clone() };
        if ended_at.is_some() {
            self.close(&mut tx, claimed, &server, &window, &after).await?;
        }
        tx.commit().await?;
        Ok(after)
    }

    /// Tells, once for each run, that it goes on behind the end of its window.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tell_overrun(&self, run: &RunRow) -> Result<(), Failure> {
        let mut tx = self.store.begin().await?;
        let window = tx.window_by_id(run.plan.window).await?;
        let server = tx.server_by_id(run.plan.server).await?;
        let headline =
            |end: String| format!("{} is still being patched at the end of its window, {end}.", server.name);
        let finishes =
            "What has begun is left to finish; nothing new is begun, and no reboot either.".to_owned();
        for reader in self.watchers_of(&mut tx, &server).await? {
            let notice = Notice::Word(WordNotice {
                reader: reader.name.clone(),
                headline: format!("{} takes longer than its window", server.name),
                sentences: vec![headline(self.for_reader(run.plan.ends_at, &reader)), finishes.clone()],
                windows: vec![self.window_line(1, &server, &window, reader.zone)],
                next: vec!["You get a mail when it is over.".to_owned()],
            });
            let about =
                About { server: &server, window: &window, occasion: format!("overrun/{}", run.plan.run) };
            self.mail_about(&mut tx, &about, &reader, notice).await?;
        }
        let note = OpsNote {
            tone: Tone::Bad,
            headline: headline(line(run.plan.ends_at, server.zone)),
            lines: vec![
                finishes,
                format!("To end it after the present step, say \"abort {} because …\".", server.name),
            ],
            key: format!("overrun/{}", run.plan.run),
            about: Some(window.id),
            offers: Vec::new(),
        };
        self.tell_ops(&mut tx, note).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn close(
        &self,
        tx: &mut Tx,
        claimed: &Claimed,
        server: &Server,
        window: &Window,
        run: &RunRow,
    ) -> Result<(), Failure> {
        let Some(end) = run.state.end() else {
            return Err(Failure::Bug("a run that goes on was to be closed".to_owned()));
        };
        let ended =
            window.clone().finish(run.plan.run, end).map_err(|error| Failure::Bug(error.to_string()))?;
        tx.update_window(&ended).await?;
        tx.settle(claimed, None).await?;
        let sentence = format!("The run of {} {}.", server.name, end_phrase(&run.state));
        self.audit_clock(tx, server, What::RunEnded, sentence, Some(window), Some(&ended)).await?;
        match &run.state {
            RunState::Succeeded { reboot } => self.tell_completion(tx, server, &ended, run, reboot).await,
            RunState::Failed { step, reasons } | RunState::NeedsHuman { step, reasons } => {
                self.tell_failure(tx, server, &ended, run, *step, reasons).await
            }
            RunState::Missed { reason } => self.tell_missed(tx, server, &ended, reason).await,
            RunState::Prechecking
            | RunState::Applying { .. }
            | RunState::Rebooting { .. }
            | RunState::Validating { .. } => Ok(()),
        }
    }

    async fn tell_completion(
        &self,
        tx: &mut Tx,
        server: &Server,
        window: &Window,
        run: &RunRow,
        reboot: &Reboot,
    ) -> Result<(), Failure> {
        let report = Report::of(run.report.as_ref());
        let ended = run.ended_at.unwrap_or(run.started_at);
        let mut differences = report.differences.clone();
        if *reboot == Reboot::LeftToOwner {
            differences.push(
                "A reboot is needed; this server's rule is \"never\", so it was left to you.".to_owned(),
            );
        }
        for reader in self.readers_of(tx, server).await? {
            let about = About { server, window, occasion: format!("done/{}", run.plan.run) };
            let notice = Notice::CompletionNotice(CompletionNotice {
                reader: reader.name.clone(),
                window: self.window_line(1, server, window, reader.zone),
                started: shown(run.started_at, server.zone, reader.zone),
                ended: shown(ended, server.zone, reader.zone),
                packages: report.packages.clone(),
                rebooted: *reboot == Reboot::Done,
                kernel: report.kernel.clone(),
                differences: differences.clone(),
            });
            self.mail_about(tx, &about, &reader, notice).await?;
        }
        self.rewrite_cards(tx, window).await?;
        let changed = format!("{} changed", packages(report.packages.len()));
        let rebooted = if *reboot == Reboot::Done { ", rebooted" } else { "" };
        let note = OpsNote {
            tone: Tone::Good,
            headline: format!("{} is patched: {changed}{rebooted}, validated.", server.name),
            lines: differences,
            key: format!("done/{}", run.plan.run),
            about: Some(window.id),
            offers: Vec::new(),
        };
        self.tell_ops(tx, note).await
    }

    async fn tell_failure(
        &self,
        tx: &mut Tx,
        server: &Server,
        window: &Window,
        run: &RunRow,
        step: Step,
        reasons: &[String],
    ) -> Result<(), Failure> {
        let report = Report::of(run.report.as_ref());
        let state =
            if report.state.is_empty() { vec![state_after(step).to_owned()] } else { report.state.clone() };
        let again = a_week_later(window.plan, self.now(), server.zone);
        let next = next_after_failure(&server.name, step, &run.state, &again);
        for reader in self.watchers_of(tx, server).await? {
            let about = About { server, window, occasion: format!("failed/{}", run.plan.run) };
            let notice = Notice::FailureNotice(FailureNotice {
                reader: reader.name.clone(),
                window: self.window_line(1, server, window, reader.zone),
                step: step.phrase().to_owned(),
                reasons: reasons.to_vec(),
                state: state.clone(),
                log: report
                    .log
                    .iter()
                    .skip(report.log.len().saturating_sub(MOST_LOG_LINES))
                    .cloned()
                    .collect(),
                next: next.clone(),
            });
            self.mail_about(tx, &about, &reader, notice).await?;
        }
        self.rewrite_cards(tx, window).await?;
        let word = if matches!(run.state, RunState::NeedsHuman { .. }) { "needs a person" } else { "failed" };
        let mut lines: Vec<String> = reasons.iter().chain(&state).cloned().collect();
        lines.extend(report.log.iter().rev().take(5).rev().map(|line| format!("> {line}")));
        lines.extend(next);
        let note = OpsNote {
            tone: Tone::Bad,
            headline: format!("{} {word} in the {}.", server.name, step.phrase()),
            lines,
            key: format!("failed/{}", run.plan.run),
            about: Some(window.id),
            offers: offers_after_trouble(window, Some(step)),
        };
        self.tell_ops(tx, note).await
    }
}

/// The packages, kernel and differences of a comparison, for the report.
impl Report {
    /// Takes what a comparison of facts tells.
    pub fn take(&mut self, differences: &Differences) {
        self.packages = differences
            .packages
            .iter()
            .map(|package| PackageLine {
                name: package.name.clone(),
                before: package.before.clone(),
                after: package.after.clone(),
            })
            .collect();
        self.kernel = differences.kernel_text();
        self.differences = differences.lines();
    }

    /// Reads what was kept with a run.
    #[must_use]
    pub fn of(kept: Option<&Value>) -> Self {
        kept.and_then(|value| serde_json::from_value(value.clone()).ok()).unwrap_or_default()
    }
}

/// How a run ended, as the end of a sentence.
pub(crate) fn end_phrase(state: &RunState) -> String {
    match state {
        RunState::Succeeded { reboot: Reboot::Done } => "ended well, after a reboot".to_owned(),
        RunState::Succeeded { .. } => "ended well".to_owned(),
        RunState::Failed { step, reasons } => format!("failed in the {}", headline(*step, reasons)),
        RunState::NeedsHuman { step, reasons } => {
            format!("needs a person after the {}", headline(*step, reasons))
        }
        RunState::Missed { reason } => format!("did not begin: {reason}"),
        RunState::Prechecking
        | RunState::Applying { .. }
        | RunState::Rebooting { .. }
        | RunState::Validating { .. } => {
            format!("is {} now", state.as_str())
        }
    }
}

/// `1 package`, `3 packages`.
pub(crate) fn packages(count: usize) -> String {
    if count == 1 { "1 package".to_owned() } else { format!("{count} packages") }
}

/// What operators can do with a click after something went wrong.
fn offers_after_trouble(window: &Window, step: Option<Step>) -> Vec<Offer> {
    let offer = |label: &str, word: &str| Offer::about(label, word, window.id, window.revision);
    let mut offers = vec![offer("Retry", "retry"), offer("Skip", "skip")];
    // Before the installation there is nothing to roll back.
    if step.is_some_and(|step| step != Step::Precheck) {
        offers.push(offer("Roll back", "rollback"));
    }
    offers.push(offer("Why?", "why"));
    offers
}

/// The state a host is in after a failure of a step, where the step itself did not tell more.
pub(crate) fn state_after(step: Step) -> &'static str {
    match step {
        Step::Precheck => "Nothing on the server was changed.",
        Step::Apply => "The server was not rebooted. Some updates may be installed, others not.",
        Step::Reboot => "The updates are installed.",
        Step::Validate => "The updates are installed. Something that ran before does not run now.",
    }
}

/// What to do after a failure, one sentence each; `again` is another time as it is typed.
pub(crate) fn next_after_failure(server: &str, step: Step, state: &RunState, again: &str) -> Vec<String> {
    let look = match (step, state) {
        (Step::Precheck, _) => "Mend what is named above.".to_owned(),
        (Step::Apply, RunState::NeedsHuman { .. }) => {
            format!(
                "Look at {server} before anything else touches its packages: \"dpkg --configure -a\" ends an installation that was cut off."
            )
        }
        (Step::Apply, _) => {
            format!("Look at the log on {server}, mend the package, and run \"dpkg --configure -a\" there.")
        }
        (Step::Reboot, _) => format!(
            "Reach {server} over its console or reboot it by hand, inside a time its owner agrees to."
        ),
        (Step::Validate, _) => {
            format!("Look at the services named above on {server} and start them, or roll the package back.")
        }
    };
    vec![
        look,
        format!(
            "Nothing more happens to {server} by itself. When it is mended, an operator gives it another time, as \"move {server} to {again}\"."
        ),
        format!("\"history {server}\" tells what was done and when."),
    ]
}

/// A run's times on one line, for lists.
#[must_use]
pub fn run_line(run: &RunRow, server: &Server) -> String {
    format!("{} — {}", line(run.started_at, server.zone), end_phrase(&run.state))
}
