//! What owners do in a replay: they think about a mail, and then say what they want, through the same door as in earnest.

use std::collections::BTreeMap;

use patchbot_commands::Effect;

use super::assume::Wish;
use super::replay::{Happening, Replay, after};
use crate::domain::answer::Channel;
use crate::domain::decision::{Act, Case, Decided, Via, decide};
use crate::domain::ids::Revision;
use crate::domain::permit::{Deciders, authorize};
use crate::domain::window::WindowState;

/// A mail that somebody thinks about.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    owner: usize,
    /// The windows that it shows, as they were then.
    shown: Vec<(usize, Revision)>,
}

/// How many times an owner looks at who wants another one.
const LOOKED_AT: usize = 6;

impl Replay<'_> {
    /// Asks every owner of a server.
    pub(super) fn ask_readers(&mut self, server: usize) {
        for owner in self.seat(server).map_or(&[][..], |seat| seat.readers.as_slice()) {
            self.ask(*owner, &[server]);
        }
    }

    /// An owner has been asked about windows: who answers at all does so after a while.
    pub(super) fn ask(&mut self, owner: usize, about: &[usize]) {
        let Some(reader) = self.stage.readers.get(owner) else { return };
        let name = reader.person.mail.as_ref().map_or(reader.person.name.as_str(), |mail| mail.as_str());
        if !self.lots.answers(name) {
            return;
        }
        let shown: Vec<(usize, Revision)> = about
            .iter()
            .filter(|server| self.waits_for(**server, owner))
            .filter_map(|server| Some((*server, self.window(*server)?.revision)))
            .collect();
        if shown.is_empty() {
            return;
        }
        let from = self.away_until(owner).unwrap_or(self.now);
        let at = after(from, self.lots.thinks(name, self.asked.len()));
        self.queue.insert((at, Happening::Answer(self.asked.len())));
        self.asked.push(Asked { owner, shown });
    }

    /// Whether a window waits for this owner's answer.
    fn waits_for(&self, server: usize, owner: usize) -> bool {
        let Some((window, reader)) = self.window(server).zip(self.stage.readers.get(owner)) else {
            return false;
        };
        window.state == WindowState::Proposed
            && !window.consents.iter().any(|consent| consent.by == reader.person.id)
    }

    pub(super) fn answer(&mut self, asked: usize) {
        let Some(Asked { owner, shown }) = self.asked.get(asked).cloned() else { return };
        let mut told: Vec<(usize, Decided)> = Vec::new();
        for (server, revision) in shown {
            // What was decided meanwhile needs no word; what is over, an owner learns by being refused.
            let over = self.window(server).is_some_and(|window| window.state.is_settled());
            if !over && !self.waits_for(server, owner) {
                continue;
            }
            let wish = self.wish(server);
            let done = match wish {
                Wish::Approve => self.act(server, owner, Act::Approve, Some(revision)),
                Wish::Decline => self.act(server, owner, Act::Decline, Some(revision)),
                Wish::Move => self.move_away(server, owner, revision),
            };
            told.extend(done.map(|decided| (server, decided)));
        }
        self.tell(owner, &told);
    }

    fn wish(&self, server: usize) -> Wish {
        let Some((seat, standing)) = self.seat(server).zip(self.standings.get(server)) else {
            return Wish::Approve;
        };
        if standing.moved { Wish::Approve } else { self.lots.wish(&seat.entry.server.name) }
    }

    /// Moves a window to one of the times that are offered, and approves that; declines where none is.
    fn move_away(&mut self, server: usize, owner: usize, revision: Revision) -> Option<Decided> {
        let seat = self.seat(server)?;
        let choices = self.with_bounds(server, |_, bounds| bounds.choices(LOOKED_AT))?;
        let number = self.lots.choice(&seat.entry.server.name, choices.len());
        let Some(at) = choices.get(number) else {
            self.tally.found_no_time();
            return self.act(server, owner, Act::Decline, Some(revision));
        };
        if let Some(standing) = self.standings.get_mut(server) {
            standing.moved = true;
        }
        let moved = self.act(server, owner, Act::Move(*at), Some(revision))?;
        let revision = self.window(server).map(|window| window.revision);
        Some(self.act(server, owner, Act::Approve, revision).unwrap_or(moved))
    }

    /// One act of one owner: what came of it, when it was not refused.
    pub(super) fn act(
        &mut self,
        server: usize,
        owner: usize,
        act: Act,
        shown: Option<Revision>,
    ) -> Option<Decided> {
        let seat = self.seat(server)?;
        let (name, person) = (&seat.entry.server.name, self.stage.readers.get(owner)?.person);
        let via = Via { channel: Channel::Mail, shown };
        let deciders = Deciders { owners: &seat.ownerships, ..Deciders::default() };
        let decided = authorize(person, Effect::Decide, name, deciders).and_then(|permit| {
            self.with_bounds(server, |window, bounds| {
                let case = Case { window, server: name, bounds: *bounds };
                decide(&case, act, Some("simulated"), &permit, via)
            })
            .transpose()
        });
        match decided {
            Ok(change) => {
                let change = change?;
                if seat.entry.counted {
                    self.tally.decided(change.decided);
                }
                self.keep(server, change.window, None);
                Some(change.decided)
            }
            Err(refusal) => {
                if seat.entry.counted {
                    self.tally.refused(refusal.rule());
                }
                None
            }
        }
    }

    /// Tells the other owners of what was decided, each in one mail, and asks those whose consent is needed too.
    fn tell(&mut self, by: usize, done: &[(usize, Decided)]) {
        let mut told: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (server, decided) in done {
            for other in self.seat(*server).map_or(&[][..], |seat| seat.readers.as_slice()) {
                if *other != by {
                    let asks = told.entry(*other).or_default();
                    asks.extend((*decided == Decided::Consented).then_some(*server));
                }
            }
        }
        for (other, asks) in told {
            self.mail(other);
            self.ask(other, &asks);
        }
    }
}
