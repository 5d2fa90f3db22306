//! What somebody's calendar answers to a window's entry: a question back, never a decision by itself.

use patchbot_commands::{Effect, ServerName, Target};

use super::{Judged, Spoken};
use crate::app::decide::Done;
use crate::app::targets::Aim;
use crate::app::{App, Failure, Stop};
use crate::domain::answer::Channel;
use crate::domain::decision::{Act, Case, Decided, Via, decide};
use crate::domain::ids::{Revision, WindowId};
use crate::domain::inbound::{CalendarSays, CalendarWord, Outcome, Stage};
use crate::domain::notice::EntryAct;
use crate::domain::person::Person;
use crate::domain::refusal::Refusal;
use crate::domain::shown::{line, typed};
use crate::domain::window::WindowState;
use crate::store::Tx;

/// What a decision does to the window's entry in the calendar of who took it.
pub(super) fn act_of(done: &Done) -> EntryAct {
    match &done.change.window.state {
        WindowState::Approved(_) | WindowState::Locked(_) => EntryAct::Settled,
        WindowState::Declined(_) => EntryAct::TakenOut,
        _ if done.change.decided == Decided::Declined => EntryAct::TakenOut,
        _ => EntryAct::Proposed,
    }
}

impl App {
    /// Judges a calendar's answer.
    pub(super) async fn calendar_word(
        &self,
        tx: &mut Tx,
        person: &Person,
        word: &CalendarWord,
    ) -> Result<Judged, Failure> {
        let aim = match self.entry_aim(tx, person, word).await {
            Ok(aim) => aim,
            Err(Stop::Failed(failure)) => return Err(failure),
            Err(Stop::Refused(refusal)) => {
                let reason = format!("A calendar answers an entry that is not its sender's. {refusal}");
                return Ok(Judged::unanswered(Outcome::Rejected, Stage::Decision, reason));
            }
        };
        let name = &aim.server.name;
        let ignored = |reason: String| Ok(Judged::unanswered(Outcome::Ignored, Stage::Decision, reason));
        let shown = word.revision.map(Revision);
        if let Some(refusal) = Refusal::of_stale(shown, &aim.window, name, aim.server.zone) {
            let counters = matches!(word.says, CalendarSays::Counter(_));
            return if counters {
                self.decline_counter(tx, &aim, &refusal).await
            } else {
                ignored(format!("A calendar answered an older entry of {name}. {refusal}"))
            };
        }
        match (&word.says, &aim.window.state) {
            (CalendarSays::Counter(at), _) => self.counter(tx, &aim, *at).await,
            (CalendarSays::Accepted, WindowState::Proposed) => Ok(ask(
                &aim,
                &format!("Your calendar accepted the entry of {name}."),
                format!("approve {name}"),
            )),
            (
                CalendarSays::Declined,
                WindowState::Unscheduled
                | WindowState::Proposed
                | WindowState::Approved(_)
                | WindowState::Locked(_),
            ) => Ok(ask(
                &aim,
                &format!("Your calendar declined the entry of {name}."),
                format!("decline {name}"),
            )),
            (CalendarSays::Accepted | CalendarSays::Declined, state) => ignored(format!(
                "A calendar answered the entry of {name}, which is {} already.",
                state.phrase()
            )),
            (CalendarSays::Tentative, _) => ignored(format!("A calendar answered \"perhaps\" to {name}.")),
            (CalendarSays::Other(what), _) => ignored(format!("A calendar sent a {what} about {name}.")),
        }
    }

    /// The window of an entry, which must be its sender's own.
    async fn entry_aim(&self, tx: &mut Tx, person: &Person, word: &CalendarWord) -> Result<Aim, Stop> {
        let unknown = || Refusal::UnknownServer { name: word.server.clone(), near: Vec::new() };
        let name = ServerName::parse(&word.server).map_err(|_| unknown())?;
        let mut aims = self.aims(tx, person, Effect::Decide, &Target::Servers(vec![name]), &[]).await?;
        let aim = aims.pop().ok_or_else(unknown)?;
        if aim.server.name != word.server {
            return Err(unknown().into());
        }
        let window = tx.window_of(aim.server.id, word.quarter).await?;
        let window =
            window.ok_or(Refusal::NoWindow { server: word.server.clone(), quarter: word.quarter })?;
        Ok(Aim { window, ..aim })
    }

    async fn counter(
        &self,
        tx: &mut Tx,
        aim: &Aim,
        at: Option<chrono::DateTime<chrono::Utc>>,
    ) -> Result<Judged, Failure> {
        let name = &aim.server.name;
        let Some(at) = at else {
            let refusal = Refusal::UnknownZone(
                "Your calendar proposed a time in a zone that I do not know, so I cannot tell which time is meant."
                    .to_owned(),
            );
            return self.decline_counter(tx, aim, &refusal).await;
        };
        let calendar = self.calendar(tx, &aim.server, &aim.window).await?;
        let case = Case {
            window: &aim.window,
            server: name,
            bounds: self.bounds(&aim.server, &aim.window, &calendar),
        };
        let via = Via { channel: Channel::Mail, shown: None };
        match decide(&case, Act::Move(at), None, &aim.permit, via) {
            Ok(_) => {
                let why = format!(
                    "Your calendar proposes {} for {name}, and that time is free.",
                    line(at, aim.server.zone)
                );
                Ok(ask(aim, &why, format!("move {name} to {}", typed(at, aim.server.zone))))
            }
            Err(refusal) => self.decline_counter(tx, aim, &refusal).await,
        }
    }

    /// Declines a proposed time, with the next ones that are free.
    async fn decline_counter(&self, tx: &mut Tx, aim: &Aim, refusal: &Refusal) -> Result<Judged, Failure> {
        let calendar = self.calendar(tx, &aim.server, &aim.window).await?;
        let slots = self.bounds(&aim.server, &aim.window, &calendar).choices(3);
        let name = &aim.server.name;
        let mut answer = refusal.answer();
        answer.next = slots
            .iter()
            .map(|at| {
                format!(
                    "Free is {}: reply \"move {name} to {}\".",
                    line(*at, aim.server.zone),
                    typed(*at, aim.server.zone)
                )
            })
            .collect();
        if slots.is_empty() {
            answer.next.push(format!("There is no free time left for {name} in {}.", aim.window.quarter));
        }
        let comment = answer.text();
        let spoken = Spoken {
            answer,
            windows: vec![(1, aim.window.id)],
            confirms: Vec::new(),
            entries: vec![(aim.window.id, EntryAct::CounterDeclined(comment))],
        };
        Ok(Judged { servers: vec![name.clone()], ..Judged::spoken(Stage::Decision, spoken) })
    }
}

/// Asks whether what a calendar says is meant.
fn ask(aim: &Aim, why: &str, command: String) -> Judged {
    let why = format!("{why} Only words count.");
    let refusal = Refusal::Confirm { why, commands: vec![command.clone()] };
    let answer = refusal.answer();
    let windows: Vec<(u16, WindowId)> = vec![(1, aim.window.id)];
    let spoken = Spoken { answer, windows, confirms: vec![command.clone()], entries: Vec::new() };
    let judged = Judged::spoken(Stage::Decision, spoken);
    Judged { commands: vec![command], servers: vec![aim.server.name.clone()], ..judged }
}
