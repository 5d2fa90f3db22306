//! The letters of a replay that are about many windows at once: the first of the month, and Mondays.

use chrono::{DateTime, Utc};

use super::replay::{Happening, Replay};
use super::stage::Seat;
use crate::domain::mondays::{is_requested, is_this_week, still_waits, was_asked_lately};
use crate::domain::timeline::next_for_owner;
use crate::domain::window::Window;

impl Replay<'_> {
    /// The open windows of the servers that are an owner's first.
    fn windows_for(&self, owner: usize) -> Vec<usize> {
        let first = self.reader(owner).map_or(&[][..], |reader| reader.first_of.as_slice());
        let open = |server: &usize| self.window(*server).is_some_and(|window| !window.state.is_settled());
        first.iter().copied().filter(open).collect()
    }

    fn settle_owner(&mut self, owner: usize) {
        let Some(reader) = self.reader(owner) else { return };
        let scene = &self.stage.scene;
        let next = next_for_owner(scene.quarters, scene.quarter, reader.zone, self.now);
        self.queue.extend(next.map(|due| (due.at, Happening::Owner(due.event, owner))));
    }

    pub(super) fn monthly_notice(&mut self, owner: usize) {
        let windows = self.windows_for(owner);
        self.digest(owner, &windows);
        self.settle_owner(owner);
    }

    /// A Monday: what is to be approved, what still waits, and what is patched this week.
    pub(super) fn monday(&mut self, owner: usize) {
        let Some(reader) = self.reader(owner) else { return };
        let now = self.now;
        let with = |server: &usize, test: &dyn Fn(&Window, &Seat<'_>) -> bool| {
            self.window(*server).zip(self.seat(*server)).is_some_and(|(window, seat)| test(window, seat))
        };
        let (requested, others): (Vec<usize>, Vec<usize>) =
            self.windows_for(owner).into_iter().partition(|server| {
                with(server, &|it, seat| is_requested(it, seat.policy, seat.entry.server.zone, now))
            });
        let waiting: Vec<usize> = if was_asked_lately(reader.zone, now) {
            Vec::new()
        } else {
            others.iter().copied().filter(|server| with(server, &|it, _| still_waits(it))).collect()
        };
        let has_week = others
            .iter()
            .any(|server| with(server, &|it, seat| is_this_week(it, seat.entry.server.zone, now)));
        self.digest(owner, &requested);
        self.digest(owner, &waiting);
        if has_week {
            self.mail(owner);
        }
        self.settle_owner(owner);
    }

    /// One mail about many windows; who is away has the other owners asked as well.
    fn digest(&mut self, owner: usize, windows: &[usize]) {
        if windows.is_empty() {
            return;
        }
        let away = self.away_until(owner).is_some();
        if away {
            let mut others: Vec<(usize, Vec<usize>)> = Vec::new();
            for server in windows {
                let readers = self.seat(*server).map_or(&[][..], |seat| seat.readers.as_slice());
                for other in readers.iter().filter(|other| **other != owner) {
                    match others.iter_mut().find(|(known, _)| known == other) {
                        Some((_, theirs)) => theirs.push(*server),
                        None => others.push((*other, vec![*server])),
                    }
                }
            }
            for (other, theirs) in others {
                self.mail(other);
                self.ask(other, &theirs);
            }
        }
        self.mail(owner);
        self.ask(owner, windows);
    }

    /// Until when an owner is away, as things are now.
    pub(super) fn away_until(&self, owner: usize) -> Option<DateTime<Utc>> {
        let until = self.stage.scene.away.get(&self.reader(owner)?.person.id)?;
        Some(*until).filter(|until| *until > self.now)
    }
}
