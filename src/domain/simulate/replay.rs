//! One replay: a queue of what falls due, and what each event does, as the scheduler would do it.

use std::collections::{BTreeSet, VecDeque};

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};

use super::answers::Asked;
use super::assume::{Lots, Trouble};
use super::stage::{Reader, Seat, Stage, is_waited_for, span};
use super::tally::{Missing, Silenced, Tally};
use crate::domain::bounds::Bounds;
use crate::domain::decision::Case;
use crate::domain::ids::Revision;
use crate::domain::occupancy::{Occupancy, why_down};
use crate::domain::policy::Silence;
use crate::domain::run::RunState;
use crate::domain::server::{Ownership, Rank};
use crate::domain::silence::{approved_by_silence, slipped};
use crate::domain::timeline::{Due, Event, next_for_owner, next_for_window, wall};
use crate::domain::window::{Window, WindowState};

/// What falls due. At the same instant it is done in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Happening {
    /// A server's run ends.
    RunEnds(usize),
    /// An event of an owner.
    Owner(Event, usize),
    /// An event of a server's window.
    Window(Event, usize),
    /// Somebody answers a mail.
    Answer(usize),
}

/// A server as it stands in a replay.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    pub(super) window: Option<Window>,
    /// What its window waits for, and where that stands in the queue.
    waits: Option<(Due, DateTime<Utc>)>,
    /// How its run will end.
    pub(super) ends: Option<RunState>,
    /// Whether an owner has had his way with it.
    pub(super) moved: bool,
    /// The plan about whose silence the operators were told; they are told once.
    told: Option<Revision>,
    /// Whether its start has come.
    pub(super) begun: bool,
    pub(super) missing: Option<Missing>,
}

pub(super) struct Replay<'a> {
    pub(super) stage: &'a Stage<'a>,
    pub(super) lots: Lots<'a>,
    pub(super) now: DateTime<Utc>,
    pub(super) queue: BTreeSet<(DateTime<Utc>, Happening)>,
    pub(super) standings: Vec<Standing>,
    pub(super) taken: Occupancy,
    pub(super) asked: Vec<Asked>,
    /// How many hosts are worked on.
    pub(super) busy: usize,
    /// Starts that wait for a free place.
    pub(super) queued: VecDeque<usize>,
    pub(super) tally: Tally,
}

/// The quarter once, from now to its end.
pub(super) fn replay(stage: &Stage<'_>, lots: Lots<'_>) -> Tally {
    Replay::new(stage, lots).played().tally
}

impl<'a> Replay<'a> {
    pub(super) fn new(stage: &'a Stage<'a>, lots: Lots<'a>) -> Self {
        let standings = stage
            .seats
            .iter()
            .map(|seat| Standing { window: seat.entry.window.clone(), ..Standing::default() })
            .collect();
        let mut replay = Self {
            stage,
            lots,
            now: stage.scene.now,
            queue: BTreeSet::new(),
            standings,
            taken: stage.taken.clone(),
            asked: Vec::new(),
            busy: 0,
            queued: VecDeque::new(),
            tally: Tally::new(stage),
        };
        replay.open();
        replay
    }

    /// Does what falls due until nothing is left.
    pub(super) fn played(mut self) -> Self {
        while let Some((at, happening)) = self.queue.pop_first() {
            self.now = at.max(self.now);
            match happening {
                Happening::RunEnds(server) => self.run_ends(server),
                Happening::Owner(Event::MonthlyNotice, owner) => self.monthly_notice(owner),
                Happening::Owner(_, owner) => self.monday(owner),
                Happening::Window(event, server) => self.window_event(event, server),
                Happening::Answer(asked) => self.answer(asked),
            }
        }
        self.tally.close(self.stage, &self.standings);
        self
    }

    pub(super) fn seat(&self, server: usize) -> Option<&'a Seat<'a>> {
        self.stage.seats.get(server)
    }

    pub(super) fn window(&self, server: usize) -> Option<&Window> {
        self.standings.get(server)?.window.as_ref()
    }

    pub(super) fn reader(&self, owner: usize) -> Option<&'a Reader<'a>> {
        self.stage.readers.get(owner)
    }

    fn is_counted(&self, server: usize) -> bool {
        self.seat(server).is_some_and(|seat| seat.entry.counted)
    }

    /// What everybody waits for at first.
    fn open(&mut self) {
        let scene = &self.stage.scene;
        let first_day = scene.quarters.first_day(scene.quarter);
        let nine = NaiveTime::from_hms_opt(9, 0, 0).unwrap_or(NaiveTime::MIN);
        for (number, reader) in self.stage.readers.iter().enumerate() {
            let due = if reader.is_new {
                let at = wall(first_day, nine, reader.zone).max(self.now);
                Some(Due { at, event: Event::MonthlyNotice })
            } else {
                next_for_owner(scene.quarters, scene.quarter, reader.zone, self.now)
            };
            self.queue.extend(due.map(|due| (due.at, Happening::Owner(due.event, number))));
        }
        for number in 0..self.standings.len() {
            self.wait_for_next(number, None);
        }
    }

    /// Puts into the queue what comes next for a window, in the place of what it waited for.
    pub(super) fn wait_for_next(&mut self, server: usize, done: Option<Due>) {
        let Some(seat) = self.seat(server) else { return };
        let next =
            self.window(server).and_then(|window| next_for_window(window, seat.policy, done, self.now));
        self.wait_for(server, next.map(|due| (due, due.at.max(self.now))));
    }

    pub(super) fn wait_for(&mut self, server: usize, waits: Option<(Due, DateTime<Utc>)>) {
        let Some(standing) = self.standings.get_mut(server) else { return };
        if let Some((due, at)) = std::mem::replace(&mut standing.waits, waits) {
            self.queue.remove(&(at, Happening::Window(due.event, server)));
        }
        self.queue.extend(waits.map(|(due, at)| (at, Happening::Window(due.event, server))));
    }

    /// Keeps a changed window: its slot, its part in its service, and what it waits for.
    pub(super) fn keep(&mut self, server: usize, window: Window, done: Option<Due>) {
        let Some(seat) = self.seat(server) else { return };
        let (id, place) = (seat.entry.server.id, &seat.place);
        let (before, after) = (self.window(server).and_then(span), span(&window));
        if before != after {
            if let Some(span) = before {
                self.taken.remove(id, place, span);
            }
            if let Some(span) = after {
                self.taken.has_time(&seat.entry.server.name, place);
                self.taken.add(id, place, seat.policy, span);
            }
        }
        self.taken.set_down(id, place, why_down(Some(&window), seat.entry.waits_for_reboot));
        if let Some(standing) = self.standings.get_mut(server) {
            standing.window = Some(window);
        }
        self.wait_for_next(server, done);
    }

    /// Asks something about a window and its calendar, in which it is not itself.
    pub(super) fn with_bounds<T>(
        &mut self,
        server: usize,
        ask: impl FnOnce(&Window, &Bounds<'_>) -> T,
    ) -> Option<T> {
        let seat = self.seat(server)?;
        let window = self.standings.get_mut(server)?.window.take()?;
        let (id, place) = (seat.entry.server.id, &seat.place);
        let own = span(&window);
        if let Some(span) = own {
            self.taken.remove(id, place, span);
        }
        let scene = &self.stage.scene;
        let has_none = window.plan.is_none() && is_waited_for(place, seat.policy);
        if has_none {
            self.taken.has_time(&seat.entry.server.name, place);
        }
        let bounds = Bounds {
            policy: seat.policy,
            quarters: scene.quarters,
            quarter: window.quarter,
            server: id,
            place,
            zone: seat.entry.server.zone,
            present: window.plan.as_ref(),
            taken: &self.taken,
            usual: seat.entry.usual,
            now: self.now,
        };
        let answer = ask(&window, &bounds);
        if let Some(span) = own {
            self.taken.add(id, place, seat.policy, span);
        }
        if has_none {
            self.taken.has_no_time(&seat.entry.server.name, place);
        }
        if let Some(standing) = self.standings.get_mut(server) {
            standing.window = Some(window);
        }
        Some(answer)
    }

    pub(super) fn mail(&mut self, owner: usize) {
        let Some(reader) = self.reader(owner) else { return };
        self.tally.mail(owner, reader.zone, self.now);
    }

    /// Mails every owner of a server who can be written to.
    pub(super) fn mail_readers(&mut self, server: usize) {
        for reader in self.seat(server).map_or(&[][..], |seat| seat.readers.as_slice()) {
            self.mail(*reader);
        }
    }

    fn window_event(&mut self, event: Event, server: usize) {
        let Some(standing) = self.standings.get_mut(server) else { return };
        let Some((due, _)) = standing.waits.take() else { return };
        match event {
            Event::Silence => return self.silence(server, due),
            Event::Escalation => {
                if self.window(server).is_some_and(|window| window.state == WindowState::Proposed) {
                    self.silenced(server, Silenced::Operators);
                }
            }
            Event::Reminder => {
                self.mail_readers(server);
                if self.window(server).is_some_and(|window| window.state == WindowState::Proposed) {
                    self.ask_readers(server);
                }
            }
            Event::Precheck => {
                let name = self.seat(server).map_or("", |seat| seat.entry.server.name.as_str());
                if self.lots.trouble(name) == Some(Trouble::Precheck) {
                    self.mail_readers(server);
                    self.trouble();
                }
            }
            Event::Lock => {
                if let Some(Ok(locked)) = self.window(server).cloned().map(Window::lock) {
                    return self.keep(server, locked, Some(due));
                }
            }
            Event::Start => return self.start_due(server, due),
            Event::Rehearsal | Event::ExceptionEnds | Event::MonthlyNotice | Event::ApprovalRequest => {}
        }
        self.wait_for_next(server, Some(due));
    }

    /// Something that an operator has to look at.
    pub(super) fn trouble(&mut self) {
        self.tally.trouble(self.stage.scene.zone, self.now);
    }

    fn silenced(&mut self, server: usize, what: Silenced) {
        let revision = self.window(server).map(|window| window.revision);
        let again = what == Silenced::Operators
            && self
                .standings
                .get_mut(server)
                .is_some_and(|standing| std::mem::replace(&mut standing.told, revision) == revision);
        if self.is_counted(server) && !again {
            self.tally.silenced(what);
        }
    }

    /// Nobody has answered by the deadline.
    fn silence(&mut self, server: usize, due: Due) {
        let Some((seat, window)) = self.seat(server).zip(self.window(server).cloned()) else { return };
        if window.state != WindowState::Proposed {
            return self.wait_for_next(server, Some(due));
        }
        let name = &seat.entry.server.name;
        let change = match seat.policy.silence {
            Silence::Approve => approved_by_silence(&window, name, self.now),
            Silence::Slip => self
                .with_bounds(server, |window, bounds| {
                    slipped(&Case { window, server: name, bounds: *bounds })
                })
                .flatten(),
            Silence::Hold | Silence::Escalate => None,
        };
        match change {
            Some(change) => {
                let slips = seat.policy.silence == Silence::Slip;
                self.silenced(server, if slips { Silenced::Slipped } else { Silenced::Approved });
                // A new time has a deadline of its own.
                let done = Some(due).filter(|_| change.window.revision == window.revision);
                self.keep(server, change.window, done);
                self.mail_readers(server);
                if slips {
                    self.ask_readers(server);
                }
            }
            None => {
                if seat.policy.silence == Silence::Escalate {
                    self.ask_second_owners(server);
                } else {
                    self.silenced(server, Silenced::Operators);
                }
                self.wait_for_next(server, Some(due));
            }
        }
    }

    /// Asks those who are not the first owner; the operators at once where there is nobody.
    fn ask_second_owners(&mut self, server: usize) {
        let Some(seat) = self.seat(server) else { return };
        let is_second = |owner: &usize| {
            self.reader(*owner).is_some_and(|reader| {
                let first = |it: &Ownership| it.person == reader.person.id && it.rank == Rank::Primary;
                !seat.ownerships.iter().any(first)
            })
        };
        let second: Vec<usize> = seat.readers.iter().copied().filter(is_second).collect();
        if second.is_empty() {
            return self.silenced(server, Silenced::Operators);
        }
        self.silenced(server, Silenced::SecondOwner);
        for owner in second {
            self.mail(owner);
            self.ask(owner, &[server]);
        }
    }
}

/// So much later.
pub(super) fn after(at: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    at.checked_add_signed(by).unwrap_or(at)
}
