//! Decisions of people: each window is decided by itself, and each change is committed with its audit and its messages.

use chrono::{DateTime, Utc};
use patchbot_commands::{Command, Defer, Later, Reason, Reschedule, Target};
use serde_json::json;

use super::handle::Said;
use super::targets::Aim;
use super::{App, Failure, Stop};
use crate::domain::answer::{Answer, Channel, Verdict};
use crate::domain::calendar::resolve;
use crate::domain::decision::{Act, Case, Change, Decided, Via, decide};
use crate::domain::event::{Actor, AuditEvent, What};
use crate::domain::ids::WindowId;
use crate::domain::message::Tone;
use crate::domain::moves::{MovesLeft, moves_sentence};
use crate::domain::refusal::Refusal;
use crate::domain::server::Server;
use crate::domain::shown::{line, typed};
use crate::domain::timeline::next_for_window;
use crate::domain::undo::{Before, Last, undo, undo_until};
use crate::domain::window::{Window, WindowState};
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

/// Why something is confirmed first, and the exact words it would be done by.
struct Doubt {
    why: String,
    commands: Vec<String>,
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

/// What a command came to, before anybody else is told.
#[derive(Debug)]
pub(crate) struct Dealt {
    pub(crate) answer: Answer,
    /// What was done.
    pub(crate) done: Vec<Done>,
    /// The servers it was about.
    pub(crate) servers: Vec<String>,
    /// What is to be confirmed first: the exact commands, and the windows they are about.
    pub(crate) pending: Option<(Vec<String>, Vec<WindowId>)>,
}

impl Dealt {
    /// What changed no window.
    pub(crate) fn said(lines: Vec<String>, servers: Vec<String>) -> Self {
        let answer = Answer { verdict: Verdict::Done, lines, next: Vec::new() };
        Self { answer, done: Vec::new(), servers, pending: None }
    }
}

impl App {
    pub(crate) async fn decide(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        command: &Command,
    ) -> Result<Answer, Stop> {
        let dealt = self.deal(tx, said, command).await?;
        self.tell_decisions(tx, said, &dealt.done).await?;
        Ok(dealt.answer)
    }

    /// Decides about each window that a command names; the caller tells the others.
    pub(crate) async fn deal(&self, tx: &mut Tx, said: &Said<'_>, command: &Command) -> Result<Dealt, Stop> {
        match command {
            Command::Swap(it) => return self.swap(tx, said, it).await,
            Command::Delegate(it) => return self.delegate(tx, said, it).await,
            Command::Away(it) => return self.go_away(tx, said, it).await,
            Command::Back(_) => return self.come_back(tx, said).await,
            Command::Defer(it) if matches!(it.later, Later::Until(_)) => {
                return self.put_off(tx, said, command, it).await;
            }
            _ => {}
        }
        let Some((target, reason)) = command.decided_about() else {
            return Err(Failure::Bug(format!("\"{command}\" is no decision")).into());
        };
        let aims = self.aims(tx, said.person, command.spec().effect, target, said.shown).await?;
        let servers: Vec<String> = aims.iter().map(|aim| aim.server.name.clone()).collect();
        if said.channel == Channel::Mail
            && !said.confirmed
            && let Some(doubt) = self.be_sure(said, command, &aims)?
            && self.is_possible(tx, said, command, &aims).await?
        {
            let refusal = Refusal::Confirm { why: doubt.why, commands: doubt.commands.clone() };
            self.audit_refusal(tx, said.actor(), &servers.join(" "), &refusal, &said.words).await?;
            let answer = refusal.answer();
            let windows = aims.iter().map(|aim| aim.window.id).collect();
            return Ok(Dealt { answer, done: Vec::new(), servers, pending: Some((doubt.commands, windows)) });
        }
        let mut done = Vec::new();
        let mut refused = Vec::new();
        let mut dropped = Vec::new();
        let mut moved = Vec::new();
        for aim in aims {
            let server = aim.server.clone();
            if matches!(command, Command::Undo(_))
                && let Some(sentence) = self.drop_wish(tx, said, &aim).await?
            {
                dropped.push(sentence);
                continue;
            }
            match self.decide_one(tx, said, command, &aim).await {
                Ok(change) => {
                    let plan = change.window.plan;
                    let undo_until = undo_until(self.policy(&server), self.now(), change.before, plan)
                        .filter(|_| change.decided != Decided::Undone);
                    let reason = reason.map(|reason| reason.as_str().to_owned());
                    if matches!(change.decided, Decided::Moved | Decided::Deferred)
                        && !aim.permit.is_operator()
                    {
                        moved.push((server.name.clone(), self.moves_left(&server, &change.window)));
                    }
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
        let mut answer = answer(&done, &refused);
        if !dropped.is_empty() && answer.verdict == Verdict::Refused {
            answer.verdict = Verdict::Partly;
        }
        answer.lines.splice(0..0, dropped);
        let moved: Vec<(&str, MovesLeft)> =
            moved.iter().map(|(server, left)| (server.as_str(), *left)).collect();
        answer.lines.extend(moves_sentence(&moved));
        Ok(Dealt { answer, done, servers, pending: None })
    }

    /// Has a decision by mail confirmed by its exact words, where the rules of a server's group want that.
    pub(crate) async fn ask_to_confirm(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        server: &Server,
        (command, windows): (String, Vec<WindowId>),
        servers: Vec<String>,
    ) -> Result<Dealt, Stop> {
        let group = server.host_group.as_deref().unwrap_or("these servers");
        let why = format!("Answers about {group} are confirmed before they count.");
        let commands = vec![command];
        let refusal = Refusal::Confirm { why, commands: commands.clone() };
        self.audit_refusal(tx, said.actor(), &servers.join(" "), &refusal, &said.words).await?;
        let answer = refusal.answer();
        Ok(Dealt { answer, done: Vec::new(), servers, pending: Some((commands, windows)) })
    }

    /// By mail, what could be misread or weighs much is confirmed by exact words first.
    fn be_sure(&self, said: &Said<'_>, command: &Command, aims: &[Aim]) -> Result<Option<Doubt>, Refusal> {
        let names: Vec<&str> = aims.iter().map(|aim| aim.server.name.as_str()).collect();
        let names = names.join(" ");
        let because = command.decided_about().and_then(|(_, reason)| reason);
        let because = because.map(|reason| format!(" because {reason}")).unwrap_or_default();
        let named = || vec![format!("{} {names}{because}", command.spec().name)];
        if let Command::Reschedule(it) = command
            && !it.when.is_exact()
        {
            let why = "By mail I want to be sure of the day.".to_owned();
            return Ok(Some(Doubt { why, commands: self.exact_moves(it, aims)? }));
        }
        if let Some((Target::All { except } | Target::Group { except, .. }, _)) = command.decided_about()
            && !except.is_empty()
        {
            let why = "By mail I want to be sure which servers remain.".to_owned();
            return Ok(Some(Doubt { why, commands: named() }));
        }
        let declined: Vec<&str> = aims
            .iter()
            .filter(|aim| matches!(&aim.window.state, WindowState::Declined(no) if no.by == said.person.id))
            .map(|aim| aim.server.name.as_str())
            .collect();
        if matches!(command, Command::Approve(_)) && !declined.is_empty() {
            let why = format!("You declined {} before.", declined.join(" and "));
            return Ok(Some(Doubt { why, commands: named() }));
        }
        // A no needs no second word: it stops, and can be taken back.
        let weighs = !matches!(command, Command::Decline(_) | Command::Withdraw(_));
        let asks = aims.iter().find(|aim| self.policy(&aim.server).confirm_by_mail);
        if let Some(aim) = asks.filter(|_| weighs) {
            let group = aim.server.host_group.as_deref().unwrap_or("these servers");
            let commands = match command {
                Command::Reschedule(it) => self.exact_moves(it, aims)?,
                Command::Defer(it) => vec![format!("defer {names} {}{because}", it.later)],
                _ => named(),
            };
            let why = format!("Answers about {group} are confirmed before they count.");
            return Ok(Some(Doubt { why, commands }));
        }
        Ok(None)
    }

    /// A move in words as the moves in digits that it stands for.
    fn exact_moves(&self, it: &Reschedule, aims: &[Aim]) -> Result<Vec<String>, Refusal> {
        let mut exact = Vec::new();
        for aim in aims {
            let (zone, name) = (aim.server.zone, &aim.server.name);
            let at = resolve(&it.when, zone, aim.window.plan.as_ref(), self.now(), name)?;
            let because = it.reason.as_ref().map(|reason| format!(" because {reason}")).unwrap_or_default();
            exact.push(format!("move {name} to {}{because}", typed(at, zone)));
        }
        Ok(exact)
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
        let taken_back;
        let aim = match self.take_back(tx, said, command, aim).await? {
            Some(after) => {
                taken_back = after;
                &taken_back
            }
            None => aim,
        };
        let change = self.change_of(tx, said, command, aim).await?;
        self.keep(tx, said, aim, change, command).await
    }

    /// Whether a command would do anything at all: what would be refused needs no confirmation.
    async fn is_possible(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        command: &Command,
        aims: &[Aim],
    ) -> Result<bool, Failure> {
        for aim in aims {
            let own_no = matches!(&aim.window.state, WindowState::Declined(no) if no.by == said.person.id);
            match self.change_of(tx, said, command, aim).await {
                Ok(_) => return Ok(true),
                Err(Stop::Failed(failure)) => return Err(failure),
                Err(Stop::Refused(_)) if own_no && matches!(command, Command::Approve(_)) => return Ok(true),
                Err(Stop::Refused(_)) => {}
            }
        }
        Ok(false)
    }

    /// What a command does to a window; nothing is written.
    async fn change_of(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        command: &Command,
        aim: &Aim,
    ) -> Result<Change, Stop> {
        let now = self.now();
        let calendar = self.calendar(tx, &aim.server, &aim.window).await?;
        let bounds = self.bounds(&aim.server, &aim.window, &calendar);
        let case = Case { window: &aim.window, server: &aim.server.name, bounds };
        let act = match command {
            Command::Undo(_) => {
                let last = self.last_decision(tx, &aim.window).await?;
                return Ok(undo(&case, last.as_ref(), &aim.permit)?);
            }
            Command::Approve(_) => Act::Approve,
            Command::Decline(_) => Act::Decline,
            Command::Withdraw(_) => Act::Withdraw,
            Command::Defer(Defer { later: Later::By(days), .. }) => Act::Defer(*days),
            Command::Reschedule(it) => Act::Move(resolve(
                &it.when,
                aim.server.zone,
                aim.window.plan.as_ref(),
                now,
                &aim.server.name,
            )?),
            other => return Err(Failure::Bug(format!("\"{other}\" is no decision")).into()),
        };
        let reason = command.decided_about().and_then(|(_, reason)| reason).map(Reason::as_str);
        let via = Via { channel: said.channel, shown: aim.shown };
        Ok(decide(&case, act, reason, &aim.permit, via)?)
    }

    async fn keep(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        aim: &Aim,
        change: Change,
        command: &Command,
    ) -> Result<Change, Stop> {
        let reason = command.decided_about().and_then(|(_, reason)| reason).map(Reason::as_str);
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

    /// A confirmed yes takes one's own earlier no back before it counts.
    async fn take_back(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        command: &Command,
        aim: &Aim,
    ) -> Result<Option<Aim>, Stop> {
        let own = matches!(&aim.window.state, WindowState::Declined(no) if no.by == said.person.id);
        if !(own && said.confirmed && matches!(command, Command::Approve(_))) {
            return Ok(None);
        }
        let calendar = self.calendar(tx, &aim.server, &aim.window).await?;
        let bounds = self.bounds(&aim.server, &aim.window, &calendar);
        let case = Case { window: &aim.window, server: &aim.server.name, bounds };
        let via = Via { channel: said.channel, shown: aim.shown };
        let change = decide(&case, Act::Withdraw, None, &aim.permit, via)?;
        let deed = Deed { actor: &said.actor(), words: Some(&said.words), reason: None, request: None };
        self.commit_change(tx, &aim.server, &aim.window, &change, deed).await?;
        let window = tx.window_by_id(aim.window.id).await?;
        Ok(Some(Aim { window, ..aim.clone() }))
    }

    /// Writes a change of a window: the window, what it waits for next, the decision, and the audit.
    pub(crate) async fn commit_change(
        &self,
        tx: &mut Tx,
        server: &Server,
        before: &Window,
        change: &Change,
        deed: Deed<'_>,
    ) -> Result<(), Failure> {
        let now = self.now();
        tx.update_window(&change.window).await?;
        let put_off = |window: &Window| matches!(window.state, WindowState::Deferred { .. });
        if put_off(before) && !put_off(&change.window) {
            tx.end_exceptions(before.id, now).await?;
        }
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
pub(crate) fn answer(done: &[Done], refused: &[(Refusal, Option<String>)]) -> Answer {
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
        Decided::Excepted => Some(format!(
            "An owner can take it back with \"withdraw {server}\". When it ends, {server} is planned again, and you are told."
        )),
        Decided::Withdrawn | Decided::Undone
            if done.change.window.plan.is_none() && !done.change.window.state.is_settled() =>
        {
            Some(format!("Choose one: \"slots {server}\" shows the free times."))
        }
        // Its exception ends: it gets its time, and who is concerned is told.
        Decided::Withdrawn if matches!(done.change.window.state, WindowState::Deferred { .. }) => None,
        Decided::Undone => None,
        Decided::Hastened
        | Decided::Retried
        | Decided::Skipped
        | Decided::Overridden
        | Decided::Stopped
        | Decided::Cancelled
        | Decided::Reopened
        | Decided::Unplanned => None,
        Decided::Moved
        | Decided::Deferred
        | Decided::Swapped
        | Decided::Slipped
        | Decided::Replanned
        | Decided::Withdrawn => Some(format!("If that suits you, say \"approve {server}\".")),
    }
}
