//! Trades: two owners give each other the times of their servers, both windows in one transaction.

use chrono::{DateTime, TimeDelta, Utc};
use patchbot_commands::{Command, Effect, Reason, ServerName, Swap, Target};

use super::decide::{Dealt, Deed, Done, answer};
use super::handle::Said;
use super::notices::{Letter, answerable};
use super::targets::Aim;
use super::{App, Failure, Stop};
use crate::domain::answer::Channel;
use crate::domain::decision::{Act, Case, Change, Via, decide};
use crate::domain::event::{AuditEvent, What};
use crate::domain::notice::{Notice, WordNotice};
use crate::domain::permit::Permit;
use crate::domain::refusal::Refusal;
use crate::domain::server::Server;
use crate::domain::shown::line;
use crate::domain::window::{Plan, Window};
use crate::store::Tx;
use crate::store::records::SwapRow;

/// An offer can be accepted for so long, and never after one of the two is locked.
const OFFERED_FOR: TimeDelta = TimeDelta::days(7);

/// The other side of a trade.
struct Other {
    server: Server,
    window: Window,
    plan: Plan,
}

impl App {
    /// Trades at once where one person decides about both, accepts a waiting offer, or makes one.
    pub(crate) async fn swap(&self, tx: &mut Tx, said: &Said<'_>, it: &Swap) -> Result<Dealt, Stop> {
        let target = Target::Servers(vec![it.mine.clone()]);
        let aims = self.aims(tx, said.person, Effect::Decide, &target, said.shown).await?;
        let Some(mine) = aims.into_iter().next() else { return Err(Refusal::NothingOfYours.into()) };
        if let Some(stale) = mine.stale() {
            return Err(stale.into());
        }
        let Some(plan) = mine.window.plan else {
            return Err(Refusal::NoTimeYet { server: mine.server.name }.into());
        };
        let other = self.other_side(tx, &mine, &it.theirs).await?;
        let asks = [&mine.server, &other.server].into_iter().find(|it| self.policy(it).confirm_by_mail);
        if let Some(server) = asks.filter(|_| said.channel == Channel::Mail && !said.confirmed) {
            let exact = (Command::Swap(it.clone()).to_string(), vec![mine.window.id]);
            let servers = vec![mine.server.name.clone()];
            return self.ask_to_confirm(tx, said, server, exact, servers).await;
        }
        let reason = it.reason.as_ref().map(Reason::as_str);
        match self.permit(tx, said.person, Effect::Decide, &other.server).await {
            Ok(permit) => self.trade(tx, said, &mine, &other, &permit, reason).await,
            Err(Stop::Failed(failure)) => Err(failure.into()),
            Err(Stop::Refused(_)) => {
                let now = self.now();
                let offer = tx.offered_swap(other.window.id, mine.window.id, now).await?.filter(|offer| {
                    offer.mine.1 == other.window.revision && offer.theirs.1 == mine.window.revision
                });
                match offer {
                    Some(offer) => {
                        let asker = tx.person_by_id(offer.asked_by).await?;
                        // Who offered it may have lost the right to.
                        let permit = self.permit(tx, &asker, Effect::Decide, &other.server).await?;
                        self.trade(tx, said, &mine, &other, &permit, reason).await
                    }
                    None => self.offer(tx, said, &mine, &plan, &other, reason).await,
                }
            }
        }
    }

    async fn other_side(&self, tx: &mut Tx, mine: &Aim, name: &ServerName) -> Result<Other, Stop> {
        let no_such = || Refusal::NoSuchServer { name: name.as_str().to_owned() };
        let mut found = tx.servers_called(name.as_str()).await?;
        found.retain(|server| server.active);
        if let Some(exact) = found.iter().position(|server| server.name == name.as_str()) {
            found = vec![found.swap_remove(exact)];
        }
        if found.len() > 1 {
            let fits = found.into_iter().map(|server| server.name).take(10).collect();
            return Err(Refusal::SeveralServers { name: name.as_str().to_owned(), fits }.into());
        }
        let server = found.pop().ok_or_else(no_such)?;
        if server.id == mine.server.id {
            let why = format!("{} cannot be traded with itself.", server.name);
            return Err(Refusal::NoTrade { why }.into());
        }
        let Some(window) = tx.window_of(server.id, mine.window.quarter).await? else {
            return Err(Refusal::NoWindow { server: server.name, quarter: mine.window.quarter }.into());
        };
        let Some(plan) = window.plan else {
            return Err(Refusal::NoTimeYet { server: server.name }.into());
        };
        Ok(Other { server, window, plan })
    }

    /// What each of the two windows becomes when it takes the other's start.
    async fn traded(
        &self,
        tx: &mut Tx,
        (mine, permit): (&Aim, &Permit),
        (other, their_permit): (&Other, &Permit),
        via: Via,
        reason: Option<&str>,
    ) -> Result<[Change; 2], Stop> {
        let Some(plan) = mine.window.plan else {
            return Err(Refusal::NoTimeYet { server: mine.server.name.clone() }.into());
        };
        let sides = [
            ((&mine.server, &mine.window, permit), (&other.server, &other.plan, &plan)),
            ((&other.server, &other.window, their_permit), (&mine.server, &plan, &other.plan)),
        ];
        let mut changes = Vec::with_capacity(2);
        for ((server, window, permit), (gone, from, to)) in sides {
            let calendar =
                self.calendar(tx, server, window).await?.with_moved(gone, self.policy(gone), from, to);
            let bounds = self.bounds(server, window, &calendar);
            let case = Case { window, server: &server.name, bounds };
            changes.push(decide(&case, Act::Trade(from.starts_at), reason, permit, via)?);
        }
        changes.try_into().map_err(|_| Failure::Bug("a trade has two sides".to_owned()).into())
    }

    async fn trade(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        mine: &Aim,
        other: &Other,
        their_permit: &Permit,
        reason: Option<&str>,
    ) -> Result<Dealt, Stop> {
        let via = Via { channel: said.channel, shown: None };
        let [ours, theirs] =
            self.traded(tx, (mine, &mine.permit), (other, their_permit), via, reason).await?;
        let deed = |actor| Deed { actor, words: Some(&said.words), reason, request: said.request };
        let actor = said.actor();
        self.commit_change(tx, &mine.server, &mine.window, &ours, deed(&actor)).await?;
        self.commit_change(tx, &other.server, &other.window, &theirs, deed(&actor)).await?;
        tx.end_swaps(mine.window.id, other.window.id, self.now()).await?;
        let reason = reason.map(str::to_owned);
        let done = [(&mine.server, ours), (&other.server, theirs)].map(|(server, change)| Done {
            server: server.clone(),
            change,
            reason: reason.clone(),
            undo_until: None,
        });
        let mut answer = answer(&done, &[]);
        let names = format!("approve {}", mine.server.name);
        answer = answer.then(format!("If that suits you, say \"{names}\"; the other owner does the same."));
        let servers = vec![mine.server.name.clone(), other.server.name.clone()];
        Ok(Dealt { answer, done: done.to_vec(), servers, pending: None })
    }

    /// Asks the other owners; nothing changes until one of them says the same the other way round.
    async fn offer(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        mine: &Aim,
        plan: &Plan,
        other: &Other,
        reason: Option<&str>,
    ) -> Result<Dealt, Stop> {
        // What would be refused when it is accepted is not offered.
        let via = Via { channel: said.channel, shown: None };
        self.traded(tx, (mine, &mine.permit), (other, &mine.permit), via, reason).await?;
        let readers = self.readers_of(tx, &other.server).await?;
        if readers.is_empty() {
            let why =
                format!("Nobody who could accept owns {}; an operator can trade both.", other.server.name);
            return Err(Refusal::NoTrade { why }.into());
        }
        let now = self.now();
        let until = self.offer_ends(&mine.server, plan).min(self.offer_ends(&other.server, &other.plan));
        let id = self.ids.next();
        tx.offer_swap(&SwapRow {
            id,
            mine: (mine.window.id, mine.window.revision),
            theirs: (other.window.id, other.window.revision),
            asked_by: said.person.id,
            channel: said.channel,
            asked_at: now,
            expires_at: until,
        })
        .await?;
        let (name, ours, theirs) = (&said.person.name, &mine.server.name, &other.server.name);
        for reader in &readers {
            let because = reason.map(|reason| format!(" Reason: \"{reason}\".")).unwrap_or_default();
            let notice = Notice::Word(WordNotice {
                reader: reader.name.clone(),
                headline: format!("{name} offers you the time of {ours} for that of {theirs}"),
                sentences: vec![
                    format!("{name} would like to trade the times of {ours} and {theirs}.{because}"),
                    format!(
                        "{theirs} would be patched {} instead of {}.",
                        self.for_reader(plan.starts_at, reader),
                        self.for_reader(other.plan.starts_at, reader)
                    ),
                    format!(
                        "Nothing changes until you accept; the offer ends {}.",
                        self.for_reader(until, reader)
                    ),
                ],
                windows: vec![self.window_line(1, &other.server, &other.window, reader.zone)],
                next: vec![
                    format!("To accept, reply \"swap {theirs} with {ours}\"."),
                    "To leave everything as it is, you need not do anything.".to_owned(),
                ],
            });
            let answerable = answerable(&[(1, &other.window)], now);
            let key = format!("swap/{id}");
            let letter = Letter { notice, answerable, window: Some(other.window.id), key, in_reply_to: None };
            self.mail(tx, reader, letter).await?;
        }
        let asked: Vec<&str> = readers.iter().map(|reader| reader.name.as_str()).collect();
        let sentence = format!("{name} offers to trade the time of {ours} for that of {theirs}.");
        tx.append_audit(&AuditEvent {
            at: now,
            actor: said.actor(),
            what: What::SwapOffered,
            subject: ours.clone(),
            sentence,
            words: Some(said.words.clone()),
            before: None,
            after: None,
        })
        .await?;
        let lines = vec![
            format!(
                "{} is asked: {ours} for {theirs}, {} for {}.",
                asked.join(" and "),
                line(plan.starts_at, mine.server.zone),
                line(other.plan.starts_at, mine.server.zone)
            ),
            format!("Nothing changes until then; the offer ends {}.", line(until, mine.server.zone)),
        ];
        Ok(Dealt::said(lines, vec![ours.clone()]))
    }

    fn offer_ends(&self, server: &Server, plan: &Plan) -> DateTime<Utc> {
        (self.now() + OFFERED_FOR).min(plan.starts_at - self.policy(server).lock_before)
    }
}
