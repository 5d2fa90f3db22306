//! Putting a server off beyond its quarter: a wish with a reason, an operator's grant or refusal, and its end.

mod told;

use chrono::NaiveDate;
use patchbot_commands::{Command, Defer, Later, Reason};

use super::decide::{Dealt, Deed, Done, answer};
use super::handle::Said;
use super::plan::{Keep, Order};
use super::stand_ins::day_of;
use super::targets::Aim;
use super::{App, Failure, Stop};
use crate::domain::answer::{Channel, Verdict};
use crate::domain::decision::Case;
use crate::domain::event::{Actor, AuditEvent, What};
use crate::domain::exception::{Grant, day_name, excused, may_be_put_off, put_off, takes_away, without_time};
use crate::domain::filter::Filter;
use crate::domain::ids::WindowId;
use crate::domain::message::Tone;
use crate::domain::person::Role;
use crate::domain::refusal::Refusal;
use crate::domain::server::Server;
use crate::domain::shown::line;
use crate::domain::undo::undo_until;
use crate::domain::window::{Window, WindowState};
use crate::store::Tx;
use crate::store::records::{Claimed, ExceptionRow, Subject};

/// What became of one window of a command.
enum Put {
    Asked(ExceptionRow),
    Granted(Box<Done>),
}

impl App {
    /// Asks to put windows off beyond their quarter; who may grant what somebody else has asked for grants it.
    pub(crate) async fn put_off(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        command: &Command,
        it: &Defer,
    ) -> Result<Dealt, Stop> {
        let Later::Until(day) = &it.later else {
            return Err(Failure::Bug(format!("\"{command}\" says no day")).into());
        };
        let until = day_of(day);
        let aims = self.aims(tx, said.person, command.spec().effect, &it.target, said.shown).await?;
        let servers: Vec<String> = aims.iter().map(|aim| aim.server.name.clone()).collect();
        let mut grants = Vec::new();
        for aim in &aims {
            if self.wish_to_grant(tx, said, &aim.window).await?.is_some() {
                grants.push(aim);
            }
        }
        if let Some(aim) = grants.iter().find(|aim| self.policy(&aim.server).confirm_by_mail)
            && said.channel == Channel::Mail
            && !said.confirmed
        {
            let because = it.reason.as_ref().map(|reason| format!(" because {reason}")).unwrap_or_default();
            let exact = format!("defer {} {}{because}", servers.join(" "), it.later);
            let windows = aims.iter().map(|aim| aim.window.id).collect();
            return self.ask_to_confirm(tx, said, &aim.server, (exact, windows), servers).await;
        }
        let (mut done, mut asked, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for aim in aims {
            match self.put_one_off(tx, said, it, until, &aim).await {
                Ok(Put::Granted(granted)) => done.push(*granted),
                Ok(Put::Asked(wish)) => asked.push((aim, wish)),
                Err(Stop::Refused(refusal)) => {
                    self.audit_refusal(tx, said.actor(), &aim.server.name, &refusal, &said.words).await?;
                    refused.push((refusal, None));
                }
                Err(failed) => return Err(failed),
            }
        }
        self.tell_wishes(tx, said, &asked, until).await?;
        self.tell_granted(tx, said, &done).await?;
        let mut answer = answer(&done, &refused);
        let names: Vec<&str> = asked.iter().map(|(aim, _)| aim.server.name.as_str()).collect();
        if !names.is_empty() {
            answer.verdict = if refused.is_empty() { Verdict::Done } else { Verdict::Partly };
            let names = names.join(" ");
            answer.lines.insert(
                0,
                format!(
                    "You have asked to put {names} off until {}. Nothing changes until an operator grants it.",
                    day_name(until)
                ),
            );
            answer.next.push(format!("To take the wish back, say \"undo {names}\"."));
        }
        Ok(Dealt { answer, done, servers, pending: None })
    }

    /// Somebody else's wish about a window that this person may grant.
    async fn wish_to_grant(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        window: &Window,
    ) -> Result<Option<ExceptionRow>, Failure> {
        let wish = self.wish_about(tx, window.id).await?;
        let may = said.person.role >= Role::Operator;
        Ok(wish.filter(|wish| may && wish.asked_by != said.person.id))
    }

    /// A wish about a window that waits for an operator.
    pub(crate) async fn wish_about(
        &self,
        tx: &mut Tx,
        window: WindowId,
    ) -> Result<Option<ExceptionRow>, Failure> {
        Ok(tx.exception_of(window).await?.filter(|row| row.granted_by.is_none()))
    }

    async fn put_one_off(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        it: &Defer,
        until: NaiveDate,
        aim: &Aim,
    ) -> Result<Put, Stop> {
        if let Some(stale) = aim.stale() {
            return Err(stale.into());
        }
        if let Some(request) = said.request
            && tx.was_decided_by(aim.window.id, request).await?
        {
            return Err(Refusal::Repeated { server: aim.server.name.clone() }.into());
        }
        let calendar = self.calendar(tx, &aim.server, &aim.window).await?;
        let bounds = self.bounds(&aim.server, &aim.window, &calendar);
        let case = Case { window: &aim.window, server: &aim.server.name, bounds };
        may_be_put_off(&case, until, &aim.permit)?;
        if let Some(wish) = self.wish_to_grant(tx, said, &aim.window).await? {
            return self.grant(tx, said, aim, &case, ExceptionRow { ends_on: until, ..wish }).await;
        }
        if let Some(wish) = self.wish_about(tx, aim.window.id).await?
            && (wish.asked_by != said.person.id || wish.ends_on == until)
        {
            let by = tx.person_by_id(wish.asked_by).await?.name;
            let server = aim.server.name.clone();
            return Err(Refusal::AskedAlready { server, by, until: wish.ends_on }.into());
        }
        let reason = it.reason.as_ref().map(Reason::as_str).ok_or_else(|| Refusal::ReasonNeeded {
            what: format!("To put {} off beyond its quarter", aim.server.name),
        })?;
        // Who asks again means the new day.
        let now = self.now();
        tx.end_exceptions(aim.window.id, now).await?;
        let wish = ExceptionRow {
            id: self.ids.next(),
            window: aim.window.id,
            ends_on: until,
            reason: reason.to_owned(),
            asked_by: said.person.id,
            asked_at: now,
            granted_by: None,
            granted_at: None,
        };
        tx.ask_exception(&wish).await?;
        let sentence = format!(
            "{} asks to put {} off until {}, because \"{reason}\".",
            said.person.name,
            aim.server.name,
            day_name(until)
        );
        self.audit_exception(tx, said.actor(), What::ExceptionAsked, &aim.server, sentence, &said.words)
            .await?;
        Ok(Put::Asked(wish))
    }

    async fn grant(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        aim: &Aim,
        case: &Case<'_>,
        wish: ExceptionRow,
    ) -> Result<Put, Stop> {
        let now = self.now();
        let asker = tx.person_by_id(wish.asked_by).await?;
        let grant = Grant {
            until: wish.ends_on,
            asked_by: &asker.name,
            granted_by: &said.person.name,
            reason: &wish.reason,
        };
        let mut change = put_off(case, grant);
        tx.grant_exception(&ExceptionRow {
            granted_by: Some(said.person.id),
            granted_at: Some(now),
            ..wish.clone()
        })
        .await?;
        for other in tx.windows_of_server(aim.server.id).await? {
            if takes_away(&other, &aim.window, wish.ends_on) {
                let lost = self.take_time(tx, said, &aim.server, &other).await?;
                change.sentence = format!("{} {lost}", change.sentence);
            }
        }
        let actor = said.actor();
        let deed = Deed {
            actor: &actor,
            words: Some(&said.words),
            reason: Some(&wish.reason),
            request: said.request,
        };
        self.commit_change(tx, &aim.server, &aim.window, &change, deed).await?;
        let undo_until = undo_until(self.policy(&aim.server), now, change.before, change.window.plan);
        let server = aim.server.clone();
        Ok(Put::Granted(Box::new(Done { server, change, reason: Some(wish.reason), undo_until })))
    }

    /// A time in another quarter that would be inside the exception is given up.
    async fn take_time(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        server: &Server,
        window: &Window,
    ) -> Result<String, Failure> {
        let after = without_time(window);
        tx.update_window(&after).await?;
        tx.put_due(Subject::Window(window.id), window.quarter, None).await?;
        let start = window.plan.map(|plan| line(plan.starts_at, plan.zone)).unwrap_or_default();
        let sentence = format!("Its time in {}, {start}, is given up.", window.quarter);
        tx.append_audit(&AuditEvent {
            words: Some(said.words.clone()),
            before: Some(super::decide::window_json(window)),
            after: Some(super::decide::window_json(&after)),
            ..AuditEvent::new(self.now(), said.actor(), What::Decided, server.name.clone(), sentence.clone())
        })
        .await?;
        self.rewrite_cards(tx, &after).await?;
        Ok(sentence)
    }

    async fn audit_exception(
        &self,
        tx: &mut Tx,
        actor: Actor,
        what: What,
        server: &Server,
        sentence: String,
        words: &str,
    ) -> Result<(), Failure> {
        let event = AuditEvent::new(self.now(), actor, what, server.name.clone(), sentence);
        tx.append_audit(&AuditEvent { words: Some(words.to_owned()), ..event }).await?;
        Ok(())
    }

    /// Takes a wish back, or refuses it: what "undo" is about when nothing was decided since. What to answer.
    pub(crate) async fn drop_wish(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        aim: &Aim,
    ) -> Result<Option<String>, Stop> {
        let Some(wish) = self.wish_about(tx, aim.window.id).await? else { return Ok(None) };
        let last = tx.decisions_of(aim.window.id).await?.pop();
        let own = wish.asked_by == said.person.id;
        if last.is_some_and(|last| last.decided_at > wish.asked_at)
            || !(own || said.person.role >= Role::Operator)
        {
            return Ok(None);
        }
        tx.end_exceptions(aim.window.id, self.now()).await?;
        let server = &aim.server.name;
        let asker = tx.person_by_id(wish.asked_by).await?;
        let (who, until) = (&said.person.name, day_name(wish.ends_on));
        let sentence = if own {
            format!("{who} does not ask any more to put {server} off until {until}.")
        } else {
            format!("{who} does not grant that {server} is put off until {until}, as {} asked.", asker.name)
        };
        self.audit_exception(
            tx,
            said.actor(),
            What::ExceptionDropped,
            &aim.server,
            sentence.clone(),
            &said.words,
        )
        .await?;
        if !own {
            let headline = format!("{server} is not put off");
            self.tell_asker(tx, &asker, &aim.server, &aim.window, (headline, sentence.clone()), &wish)
                .await?;
        }
        let stands = format!("It is as before: {}.", aim.window.state.phrase());
        let lines = vec![stands.clone()];
        let key = format!("exception/{}/dropped", wish.id);
        self.alert(tx, Tone::Info, sentence, lines, &key).await?;
        Ok(Some(format!("{server} is not put off. {stands}")))
    }

    /// A wish that nobody has granted ends with the start of the run, or with the quarter.
    pub(crate) async fn lapse_wish(
        &self,
        tx: &mut Tx,
        server: &Server,
        window: &Window,
    ) -> Result<bool, Failure> {
        let Some(wish) = self.wish_about(tx, window.id).await? else { return Ok(false) };
        tx.end_exceptions(window.id, self.now()).await?;
        let asker = tx.person_by_id(wish.asked_by).await?.name;
        let sentence = format!(
            "Nobody granted that {} is put off until {}, as {asker} asked.",
            server.name,
            day_name(wish.ends_on)
        );
        self.audit_clock(tx, server, What::ExceptionDropped, sentence, None, None).await?;
        Ok(true)
    }

    /// A wish that waits, as a sentence, and who can do what about it.
    pub(crate) async fn wish_sentence(
        &self,
        tx: &mut Tx,
        server: &Server,
        window: &Window,
    ) -> Result<Option<(String, String)>, Failure> {
        let Some(wish) = self.wish_about(tx, window.id).await? else { return Ok(None) };
        let asker = tx.person_by_id(wish.asked_by).await?.name;
        let name = &server.name;
        let sentence = format!(
            "{asker} asks to put it off until {}, because \"{}\"; that is not granted.",
            day_name(wish.ends_on),
            wish.reason
        );
        let day = wish.ends_on.format("%Y-%m-%d");
        let next = format!(
            "An operator other than {asker} grants that with \"defer {name} until {day}\", or refuses it with \"undo {name}\"."
        );
        Ok(Some((sentence, next)))
    }

    /// Until when a server is put off by a window of another quarter.
    pub(crate) async fn put_off_until(
        &self,
        tx: &mut Tx,
        server: &Server,
        window: &Window,
    ) -> Result<Option<NaiveDate>, Failure> {
        let today = self.now().with_timezone(&server.zone).date_naive();
        let put_off = tx.windows_put_off_of(server.id).await?;
        Ok(excused(&put_off, window.quarter, &self.quarters, today).remove(&server.id))
    }

    /// An exception ends: the server is planned in the quarter that it is, and everybody concerned is told.
    pub(crate) async fn exception_ends(&self, claimed: &Claimed, id: WindowId) -> Result<(), Failure> {
        let mut tx = self.store.begin().await?;
        let window = tx.window_by_id(id).await?;
        let server = tx.server_by_id(window.server).await?;
        if !matches!(window.state, WindowState::Deferred { .. }) || !server.active {
            tx.settle(claimed, None).await?;
            tx.commit().await?;
            return Ok(());
        }
        tx.end_exceptions(window.id, self.now()).await?;
        let quarter = self.quarters.current(self.now(), server.zone);
        let fleet = self.fleet(&mut tx, quarter).await?;
        let only = Filter::parse(&format!("name={}", server.name), &[])
            .map_err(|error| Failure::Bug(format!("a server's name is no filter: {error}")))?;
        let order = Order { quarter, only: Some(&only), seed: 0, keep: Keep::Yes };
        let (_, mut chosen) = self.proposals(&fleet, &order);
        // A short name fits others as well.
        chosen.retain(|(other, _)| other.id == server.id);
        self.write_windows(&mut tx, &fleet, quarter, &chosen).await?;
        let new = tx
            .window_of(server.id, quarter)
            .await?
            .ok_or_else(|| Failure::Bug(format!("{} was planned and has no window", server.name)))?;
        let sentence = format!("{} is not put off any longer.", server.name);
        self.audit_clock(&mut tx, &server, What::ExceptionEnded, sentence, Some(&window), Some(&new)).await?;
        self.tell_exception_ended(&mut tx, &server, &new).await?;
        tx.settle(claimed, None).await?;
        tx.commit().await?;
        Ok(())
    }
}
