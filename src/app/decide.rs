//! Decisions of people: each window is decided by itself, and each change is committed with its audit and its messages.

use chrono::{DateTime, Utc};
use patchbot_commands::{Command, Reason, Target};
use serde_json::json;

use super::handle::Said;
use super::targets::Aim;
use super::{App, Failure, Stop};
use crate::domain::answer::{Answer, Channel, Verdict};
use crate::domain::calendar::resolve;
use crate::domain::decision::{Act, Case, Change, Decided, Via, decide};
use crate::domain::event::{Actor, AuditEvent, What};
use crate::domain::message::Tone;
use crate::domain::refusal::Refusal;
use crate::domain::server::Server;
use crate::domain::shown::{line, typed};
use crate::domain::timeline::next_for_window;
use crate::domain::undo::{Before, Last, undo, undo_until};
use crate::domain::window::Window;
use crate::store::Tx;
use crate::store::records::{DecisionRow, Subject};

/// How many legal slots a refusal about a time offers.
const SLOTS_OFFERED: usize = 3;

/// Who changes a window, in which words, and why.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deed<'a> {
    pub(crate) actor: &'a Actor,
    pub(crate) words: Option<&'a str>,
    pub(crate) reason: Option<&'a str>,
    /// The platform's name for the request.
    pub(crate) request: Option<&'a str>,
}

/// A change that was committed, with what messages need of it.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(crate) server: Server,
    pub(crate) change: Change,
    pub(crate) reason: Option<String>,
    /// Until when who decided can undo it.
    pub(crate) undo_until: Option<DateTime<Utc>>,
}

impl App {
    pub(crate) async fn decide(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        command: &Command,
    ) -> Result<Answer, Stop> {
        let Some((target, reason)) = decided_about(command) else {
            return Err(Failure::Bug(format!("\"{command}\" is no decision")).into());
        };
        let aims = self.aims(tx, said.person, command.spec().effect, target, said.shown).await?;
        if said.channel == Channel::Mail {
            self.be_sure(command, &aims)?;
        }
        let mut done = Vec::new();
        let mut refused = Vec::new();
        for aim in aims {
            let server = aim.server.clone();
            match self.decide_one(tx, said, command, &aim).await {
                Ok(change) => {
                    let plan = change.window.plan;
                    let undo_until = undo_until(self.policy(&server), self.now(), change.before, plan)
                        .filter(|_| change.decided != Decided::Undone);
                    let reason = reason.map(|reason| reason.as_str().to_owned());
                    done.push(Done { server, change, reason, undo_until });
                }
                Err(Stop::Refused(refusal)) => {
                    self.audit_refusal(tx, said.actor(), &server.name, &refusal, &said.words).await?;
                    self.pass_on(tx, said, &aim, &refusal).await?;
                    let slots = self.slots_after(tx, &refusal, &aim).await?;
                    refused.push((refusal, slots));
                }
                Err(failed) => return Err(failed),
            }
        }
        self.tell_decisions(tx, said, &done).await?;
        Ok(answer(&done, &refused))
    }

    /// By mail, what could be misread is confirmed by exact words first.
    fn be_sure(&self, command: &Command, aims: &[Aim]) -> Result<(), Refusal> {
        if let Command::Reschedule(it) = command
            && !it.when.is_exact()
        {
            let mut instead = Vec::new();
            for aim in aims {
                let at = resolve(
                    &it.when,
                    aim.server.zone,
                    aim.window.plan.as_ref(),
                    self.now(),
                    &aim.server.name,
                )?;
                instead.push(format!("move {} to {}", aim.server.name, typed(at, aim.server.zone)));
            }
            return Err(Refusal::WriteTheDate { instead });
        }
        if let Some((Target::All { except }, _)) = decided_about(command)
            && !except.is_empty()
        {
            let names: Vec<&str> = aims.iter().map(|aim| aim.server.name.as_str()).collect();
            return Err(Refusal::NameThem {
                instead: format!("{} {}", command.spec().name, names.join(" ")),
            });
        }
        Ok(())
    }

    async fn decide_one(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        command: &Command,
        aim: &Aim,
    ) -> Result<Change, Stop> {
        if let Some(request) = said.request
            && tx.was_decided_by(aim.window.id, request).await?
        {
            return Err(Refusal::Repeated { server: aim.server.name.clone() }.into());
        }
        let now = self.now();
        let calendar = self.calendar(tx, &aim.server, &aim.window).await?;
        let bounds = self.bounds(&aim.server, &aim.window, &calendar);
        let case = Case { window: &aim.window, server: &aim.server.name, bounds };
        let act = match command {
            Command::Undo(_) => {
                let change = undo(&case, self.last_decision(tx, &aim.window).await?.as_ref(), &aim.permit)?;
                return self.keep(tx, said, aim, change, command).await;
            }
            Command::Approve(_) => Act::Approve,
            Command::Decline(_) => Act::Decline,
            Command::Withdraw(_) => Act::Withdraw,
            Command::Defer(it) => Act::Defer(it.days),
            Command::Reschedule(it) => Act::Move(resolve(
                &it.when,
                aim.server.zone,
                aim.window.plan.as_ref(),
                now,
                &aim.server.name,
            )?),
            other => return Err(Failure::Bug(format!("\"{other}\" is no decision")).into()),
        };
        let reason = decided_about(command).and_then(|(_, reason)| reason).map(Reason::as_str);
        let via = Via { channel: said.channel, shown: aim.shown };
        let change = decide(&case, act, reason, &aim.permit, via)?;
        self.keep(tx, said, aim, change, command).await
    }

    async fn keep(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        aim: &Aim,
        change: Change,
        command: &Command,
    ) -> Result<Change, Stop> {
        let reason = decided_about(command).and_then(|(_, reason)| reason).map(Reason::as_str);
        let deed = Deed { actor: &said.actor(), words: Some(&said.words), reason, request: said.request };
        self.commit_change(tx, &aim.server, &aim.window, &change, deed).await?;
        Ok(change)
    }

    /// The last decision about a window, when enough of it is kept to undo it.
    async fn last_decision(&self, tx: &mut Tx, window: &Window) -> Result<Option<Last>, Failure> {
        let last = tx.decisions_of(window.id).await?.pop();
        Ok(last.and_then(|row| {
            Some(Last {
                by: row.person,
                name: row.decided_by,
                decided: row.decided,
                at: row.decided_at,
                before: row.before?,
                version: row.version?,
            })
        }))
    }

    /// A wish that came too late to be granted at once becomes a request to the operators.
    async fn pass_on(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        aim: &Aim,
        refusal: &Refusal,
    ) -> Result<(), Failure> {
        let Refusal::UndoOver { server, what, .. } = refusal else { return Ok(()) };
        let headline = format!("{} asks to undo {what} of {server}.", said.person.name);
        let next = vec![format!("An operator can say \"undo {server}\", or leave it as it is.")];
        let key = format!("undo/{}/{}/{}", aim.window.id, aim.window.version, said.person.id);
        self.alert(tx, Tone::Info, headline, next, &key).await
    }

    /// Writes a change of a window: the window, what it waits for next, the decision, and the audit.
    async fn commit_change(
        &self,
        tx: &mut Tx,
        server: &Server,
        before: &Window,
        change: &Change,
        deed: Deed<'_>,
    ) -> Result<(), Failure> {
        let now = self.now();
        tx.update_window(&change.window).await?;
        let due = next_for_window(&change.window, self.policy(server), None, now);
        tx.put_due(Subject::Window(change.window.id), change.window.quarter, due).await?;
        self.record(tx, server, before, change, deed).await
    }

    /// Writes the decision and its audit event.
    pub(crate) async fn record(
        &self,
        tx: &mut Tx,
        server: &Server,
        before: &Window,
        change: &Change,
        deed: Deed<'_>,
    ) -> Result<(), Failure> {
        let now = self.now();
        let Deed { actor, words, reason, request } = deed;
        tx.insert_decision(&DecisionRow {
            id: self.decision_id(),
            window: change.window.id,
            revision: change.window.revision,
            person: actor.person,
            decided_by: actor.name.clone(),
            channel: actor.channel,
            decided: change.decided,
            request: request.map(str::to_owned),
            words: words.map(str::to_owned),
            reason: reason.map(str::to_owned),
            sentence: change.sentence.clone(),
            decided_at: now,
            before: Some(Before::of(before)),
            version: Some(change.window.version.saturating_add(1)),
        })
        .await?;
        tx.append_audit(&AuditEvent {
            at: now,
            actor: actor.clone(),
            what: What::Decided,
            subject: server.name.clone(),
            sentence: change.sentence.clone(),
            words: words.map(str::to_owned),
            before: Some(window_json(before)),
            after: Some(window_json(&change.window)),
        })
        .await?;
        Ok(())
    }

    async fn slots_after(&self, tx: &mut Tx, refusal: &Refusal, aim: &Aim) -> Result<Option<String>, Stop> {
        if !refusal.is_about_time() {
            return Ok(None);
        }
        let calendar = self.calendar(tx, &aim.server, &aim.window).await?;
        let slots = self.bounds(&aim.server, &aim.window, &calendar).choices(SLOTS_OFFERED);
        if slots.is_empty() {
            return Ok(Some(format!(
                "There is no free regular time left for {} in {}.",
                aim.server.name, aim.window.quarter
            )));
        }
        let times: Vec<String> = slots.iter().map(|at| line(*at, aim.server.zone)).collect();
        let first = slots.first().map(|at| typed(*at, aim.server.zone)).unwrap_or_default();
        Ok(Some(format!(
            "The next free times for {}: {}. Say for example \"move {} to {first}\".",
            aim.server.name,
            times.join("; "),
            aim.server.name
        )))
    }
}

/// A decision's target and reason.
fn decided_about(command: &Command) -> Option<(&Target, Option<&Reason>)> {
    match command {
        Command::Approve(it) => Some((&it.target, it.reason.as_ref())),
        Command::Decline(it) => Some((&it.target, it.reason.as_ref())),
        Command::Withdraw(it) => Some((&it.target, it.reason.as_ref())),
        Command::Reschedule(it) => Some((&it.target, it.reason.as_ref())),
        Command::Defer(it) => Some((&it.target, it.reason.as_ref())),
        Command::Undo(it) => Some((&it.target, it.reason.as_ref())),
        _ => None,
    }
}

/// A window as the audit keeps it.
pub(crate) fn window_json(window: &Window) -> serde_json::Value {
    json!({
        "quarter": window.quarter,
        "revision": window.revision,
        "starts_at": window.plan.map(|plan| plan.starts_at),
        "local": window.plan.map(|plan| plan.local.format("%Y-%m-%d %H:%M").to_string()),
        "zone": window.plan.map(|plan| plan.zone.name()),
        "state": window.state,
    })
}

/// One answer for all windows of a command: what was done, then what was not and why.
fn answer(done: &[Done], refused: &[(Refusal, Option<String>)]) -> Answer {
    let verdict = match (done.is_empty(), refused.is_empty()) {
        (_, true) => Verdict::Done,
        (true, false) => Verdict::Refused,
        (false, false) => Verdict::Partly,
    };
    let mut lines: Vec<String> = done.iter().map(|done| done.change.sentence.clone()).collect();
    let mut next: Vec<String> = Vec::new();
    for (refusal, slots) in refused {
        lines.push(refusal.to_string());
        for step in refusal.next().into_iter().chain(slots.clone()) {
            if !next.contains(&step) {
                next.push(step);
            }
        }
    }
    if let [only] = done {
        next.extend(after(only));
    }
    next.extend(undo_offered(done));
    Answer { verdict, lines, next }
}

/// How to undo what was just done, and until when.
fn undo_offered(done: &[Done]) -> Option<String> {
    let first = done.first()?;
    let until = done.iter().filter_map(|done| done.undo_until).min()?;
    let names: Vec<&str> = done.iter().map(|done| done.server.name.as_str()).collect();
    if names.len() > 5 {
        let until = line(until, first.server.zone);
        return Some(format!("A mistake? Say \"undo\" and their names until {until}."));
    }
    Some(format!("A mistake? Say \"undo {}\" until {}.", names.join(" "), line(until, first.server.zone)))
}

/// What can be said after a decision.
fn after(done: &Done) -> Option<String> {
    let server = &done.server.name;
    match done.change.decided {
        Decided::Consented => None,
        Decided::Approved | Decided::AutoApproved => {
            Some(format!("Until the start you can take it back: \"withdraw {server}\"."))
        }
        Decided::Declined => {
            Some(format!("You can take it back until the time comes: \"withdraw {server}\"."))
        }
        Decided::Moved | Decided::Deferred if done.change.window.crossed_by.is_some() => {
            Some(format!("It crosses the freeze, so somebody else must say \"approve {server}\"."))
        }
        Decided::Undone => None,
        Decided::Moved | Decided::Deferred | Decided::Withdrawn => {
            Some(format!("If that suits you, say \"approve {server}\"."))
        }
    }
}
