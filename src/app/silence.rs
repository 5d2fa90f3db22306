//! What silence does when the deadline for an answer is over: it approves, slips a week, asks others, or holds.

use std::collections::BTreeMap;

use chrono::{NaiveTime, TimeDelta};

use super::decide::{Deed, Done};
use super::notices::{Letter, OpsNote, answerable};
use super::{App, Failure};
use crate::domain::answer::Channel;
use crate::domain::decision::{Case, Change};
use crate::domain::event::{Actor, What};
use crate::domain::ids::WindowId;
use crate::domain::inbound::claims_to_be_from;
use crate::domain::message::{Offer, Tone};
use crate::domain::notice::{Notice, WordNotice};
use crate::domain::person::{Address, Person};
use crate::domain::policy::Silence;
use crate::domain::server::{Rank, Server};
use crate::domain::silence::{approved_by_silence, slipped};
use crate::domain::timeline::{next_for_window, wall};
use crate::domain::window::{Window, WindowState};
use crate::store::Tx;
use crate::store::records::Claimed;

/// Why silence is not taken for a yes, for the operators.
struct Doubt {
    sentence: String,
    next: Vec<String>,
}

/// Whether a notice that shows a window as it is now has left for one of these people, or a card of it was posted.
async fn was_asked(tx: &mut Tx, window: &Window, people: &[Person]) -> Result<bool, Failure> {
    for person in people {
        let shown = tx.windows_shown_to(person.id).await?;
        if shown.iter().any(|it| it.window == window.id && it.revision == window.revision) {
            return Ok(true);
        }
    }
    Ok(tx.has_card(window.id).await?)
}

impl App {
    /// Nobody has answered by the deadline.
    pub(crate) async fn silence(&self, claimed: &Claimed, id: WindowId) -> Result<(), Failure> {
        let mut tx = self.store.begin().await?;
        let window = tx.window_by_id(id).await?;
        let server = tx.server_by_id(window.server).await?;
        let policy = self.policy(&server);
        let mut after = window.clone();
        if window.state == WindowState::Proposed {
            let doubt = match policy.silence {
                Silence::Approve => self.doubt(&mut tx, &server, &window).await?,
                _ => None,
            };
            let change = match policy.silence {
                Silence::Approve if doubt.is_none() => approved_by_silence(&window, &server.name, self.now()),
                Silence::Slip => self.slipped(&mut tx, &server, &window).await?,
                Silence::Approve | Silence::Hold | Silence::Escalate => None,
            };
            match change {
                Some(change) => {
                    tx.update_window(&change.window).await?;
                    let deed = Deed { actor: &Actor::clock(), words: None, reason: None, request: None };
                    self.record(&mut tx, &server, &window, &change, deed).await?;
                    after = change.window.clone();
                    let done = Done { server: server.clone(), change, reason: None, undo_until: None };
                    self.tell_decision(&mut tx, &done, "patchbot", Channel::Clock, None).await?;
                }
                None if policy.silence == Silence::Escalate => {
                    self.ask_second_owners(&mut tx, &server, &window).await?;
                }
                None => match doubt {
                    Some(Doubt { sentence, next }) => {
                        self.tell_held(&mut tx, &server, &window, sentence, next).await?;
                    }
                    None => self.tell_silence(&mut tx, &server, &window).await?,
                },
            }
        }
        // A new time has a deadline of its own.
        let done = Some(claimed.due).filter(|_| after.revision == window.revision);
        tx.settle(claimed, next_for_window(&after, policy, done, self.now())).await?;
        tx.commit().await?;
        Ok(())
    }

    /// A week later.
    async fn slipped(
        &self,
        tx: &mut Tx,
        server: &Server,
        window: &Window,
    ) -> Result<Option<Change>, Failure> {
        let calendar = self.calendar(tx, server, window).await?;
        let bounds = self.bounds(server, window, &calendar);
        Ok(slipped(&Case { window, server: &server.name, bounds }))
    }

    /// Asks those who are not the first owner; the operators at once where there is nobody.
    async fn ask_second_owners(&self, tx: &mut Tx, server: &Server, window: &Window) -> Result<(), Failure> {
        let owners = tx.owners_of(server.id).await?;
        let is_first =
            |person: &Person| owners.iter().any(|it| it.person == person.id && it.rank == Rank::Primary);
        let mut readers = self.readers_of(tx, server).await?;
        let named = self.approvers_beside(tx, server, &readers).await?;
        readers.extend(named.iter().cloned());
        let first: Vec<String> = readers.iter().filter(|it| is_first(it)).map(|it| it.name.clone()).collect();
        readers.retain(|person| !is_first(person));
        if readers.is_empty() {
            return self.tell_silence(tx, server, window).await;
        }
        for reader in &readers {
            let notice = Notice::Word(WordNotice {
                reader: reader.name.clone(),
                headline: format!("{} needs your answer now", server.name),
                sentences: vec![
                    if self.policy(server).approvers.is_empty() {
                        format!("{} has not answered about {} by the deadline.", first.join(" and "), server.name)
                    } else {
                        format!("Nobody has approved {} by the deadline.", server.name)
                    },
                    "Please decide instead; after you the operators are asked, and without an answer it is not patched."
                        .to_owned(),
                ],
                windows: vec![self.window_line(1, server, window, reader.zone)],
                next: vec![
                    "If the time suits you, reply \"approve\".".to_owned(),
                    if named.iter().any(|it| it.id == reader.id) {
                        "Else reply \"decline\".".to_owned()
                    } else {
                        "Else reply \"decline\", or \"move to\" with another date and time.".to_owned()
                    },
                ],
            });
            let answerable = answerable(&[(1, window)], self.now());
            let key = format!("escalation/{}/r{}", window.id, window.revision);
            let letter = Letter { notice, answerable, window: Some(window.id), key, in_reply_to: None };
            self.mail(tx, reader, letter).await?;
        }
        let names: Vec<&str> = readers.iter().map(|reader| reader.name.as_str()).collect();
        let sentence = format!(
            "Nobody answered about {} by the deadline; {} is asked now.",
            server.name,
            names.join(" and ")
        );
        self.audit_clock(tx, server, What::Missed, sentence.clone(), None, None).await?;
        let key = format!("escalation/{}/r{}", window.id, window.revision);
        self.alert(tx, Tone::Info, sentence, Vec::new(), &key).await
    }

    /// The second owners have not answered either: the operators are asked.
    pub(crate) async fn escalation(&self, claimed: &Claimed, id: WindowId) -> Result<(), Failure> {
        let mut tx = self.store.begin().await?;
        let window = tx.window_by_id(id).await?;
        let server = tx.server_by_id(window.server).await?;
        if window.state == WindowState::Proposed {
            self.tell_silence(&mut tx, &server, &window).await?;
        }
        let next = next_for_window(&window, self.policy(&server), Some(claimed.due), self.now());
        tx.settle(claimed, next).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Why silence about a window is no yes: nobody was asked, or somebody who may decide has written and was not heard.
    async fn doubt(&self, tx: &mut Tx, server: &Server, window: &Window) -> Result<Option<Doubt>, Failure> {
        let name = &server.name;
        let mut people = self.readers_of(tx, server).await?;
        let named = self.approvers_beside(tx, server, &people).await?;
        people.extend(named);
        if !was_asked(tx, window, &people).await? {
            let who = self.policy(server).who_approves();
            return Ok(Some(Doubt {
                sentence: format!(
                    "Nobody was asked about {name}: no notice about its present time has left, so silence is no yes; it is not patched unless somebody approves."
                ),
                next: vec![
                    "\"patchbot outbox\" shows what waits and why.".to_owned(),
                    format!("{who} can still say \"approve {name}\"."),
                ],
            }));
        }
        let first_day = wall(self.quarters.first_day(window.quarter), NaiveTime::MIN, server.zone);
        // No notice about a quarter leaves before its first day, which begins earlier where its reader may live.
        let senders = tx.unheard_senders(first_day - TimeDelta::days(1)).await?;
        let mut unheard: Vec<Address> = people.into_iter().filter_map(|person| person.mail).collect();
        unheard.retain(|address| senders.iter().any(|claimed| claims_to_be_from(claimed, address)));
        if unheard.is_empty() {
            return Ok(None);
        }
        let from: Vec<&str> = unheard.iter().map(Address::as_str).collect();
        let from = from.join(" and ");
        Ok(Some(Doubt {
            sentence: format!(
                "A mail that says it is from {from} was not heard, so silence about {name} is no yes; it is not patched unless somebody approves."
            ),
            next: vec![format!(
                "\"patchbot inbox\" shows it; ask {from}, or say \"approve {name}\" yourself."
            )],
        }))
    }

    async fn tell_silence(&self, tx: &mut Tx, server: &Server, window: &Window) -> Result<(), Failure> {
        let sentence = format!(
            "Nobody answered about {} by the deadline; it is not patched unless somebody approves.",
            server.name
        );
        let who = self.policy(server).who_approves();
        let next = vec![format!("{who} can still say \"approve {}\".", server.name)];
        self.tell_held(tx, server, window, sentence, next).await
    }

    /// Audits that a window is held, and tells the operators.
    async fn tell_held(
        &self,
        tx: &mut Tx,
        server: &Server,
        window: &Window,
        sentence: String,
        next: Vec<String>,
    ) -> Result<(), Failure> {
        self.audit_clock(tx, server, What::Missed, sentence.clone(), None, None).await?;
        let key = format!("silence/{}/r{}", window.id, window.revision);
        let (about, revision) = (window.id, window.revision);
        let offers = vec![
            Offer::about("Approve", "approve", about, revision),
            Offer::about("Skip", "skip", about, revision),
        ];
        let note =
            OpsNote { tone: Tone::Bad, headline: sentence, lines: next, key, about: Some(about), offers };
        self.tell_ops(tx, note).await
    }

    /// What silence means for these windows, in one or two sentences.
    pub(crate) fn silence_sentence(&self, windows: &[(Server, Window)]) -> String {
        let (timed, timeless): (Vec<_>, Vec<_>) =
            windows.iter().partition(|(_, window)| window.plan.is_some());
        if timed.is_empty() {
            return "Without a time nothing is patched.".to_owned();
        }
        let about_times = self.silence_about_times(&timed);
        let names: Vec<&str> = timeless.iter().map(|(server, _)| server.name.as_str()).collect();
        match names.as_slice() {
            [] => about_times,
            [name] => format!("{about_times} {name} is not patched without a time."),
            _ => format!("{about_times} {} are not patched without a time.", names.join(", ")),
        }
    }

    /// What silence means where there is a time that can be agreed to.
    fn silence_about_times(&self, windows: &[&(Server, Window)]) -> String {
        let mut by_rule: BTreeMap<&'static str, (Silence, Vec<&str>)> = BTreeMap::new();
        for (server, _) in windows {
            let rule = self.policy(server).silence;
            by_rule.entry(rule.as_str()).or_insert((rule, Vec::new())).1.push(&server.name);
        }
        let mut rules = by_rule.into_values();
        match (rules.next(), rules.next()) {
            (None, _) => Silence::Hold.sentence().to_owned(),
            (Some((rule, _)), None) => rule.sentence().to_owned(),
            (Some((Silence::Approve, names)), Some((Silence::Hold, _))) if rules.len() == 0 => format!(
                "If you do not answer by then, I take it as approved for {}; the others are not patched, and I tell the operators.",
                names.join(", ")
            ),
            (Some(first), Some(second)) => {
                let each = [first, second].into_iter().chain(rules).map(|(rule, names)| {
                    let names = names.join(", ");
                    match rule {
                        Silence::Approve => format!("I take it as approved for {names}"),
                        Silence::Hold => format!("I do not patch {names}, and tell the operators"),
                        Silence::Slip => format!("I move {names} a week on and ask again"),
                        Silence::Escalate => {
                            format!("I ask the second owner, and then the operators, about {names}")
                        }
                    }
                });
                format!("If you do not answer by then: {}.", each.collect::<Vec<_>>().join("; "))
            }
        }
    }
}
