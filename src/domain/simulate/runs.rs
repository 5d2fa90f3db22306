//! Starts and runs in a replay: the same questions before a start, the same states of a run, and hosts that take as long as
//! they usually do.

use chrono::{DateTime, TimeDelta, Utc};

use super::assume::Trouble;
use super::replay::{Happening, Replay, after};
use super::stage::Seat;
use super::tally::Missing;
use crate::domain::facts::BootId;
use crate::domain::ids::RunId;
use crate::domain::run::{Outcome, RunPlan, RunState, Step, next};
use crate::domain::start::{Against, First, Opening, Standing, forbidden, opening, unready};
use crate::domain::timeline::{Due, Event};
use crate::domain::window::{Plan, Window, WindowState};

/// Facts are taken and judged in about so much time.
const LOOKS: TimeDelta = TimeDelta::minutes(1);
/// A reboot takes so long, where it may.
const REBOOTS: TimeDelta = TimeDelta::minutes(3);

impl Replay<'_> {
    /// A start has come; it needs a free place.
    pub(super) fn start_due(&mut self, server: usize, due: Due) {
        let Some(seat) = self.seat(server) else { return };
        let first_time =
            self.standings.get_mut(server).is_some_and(|it| !std::mem::replace(&mut it.begun, true));
        if let Some(plan) = self.window(server).and_then(|window| window.plan).filter(|_| first_time) {
            self.tally.planned(plan.starts_at, seat.policy.per_slot_hour);
        }
        if self.busy >= self.stage.scene.places {
            self.tally.waited_for_place();
            self.queued.push_back(server);
        } else {
            self.start(server, due);
        }
    }

    fn start(&mut self, server: usize, due: Due) {
        let Some((seat, window)) = self.seat(server).zip(self.window(server).cloned()) else { return };
        let is_due = |plan: &Plan| !window.state.is_settled() && plan.starts_at <= self.now;
        let Some(plan) = window.plan.filter(is_due) else { return };
        let against = match unready(&window, &plan, seat.policy, self.now) {
            None => self.stands_against(server, seat, &plan),
            unready => unready,
        };
        match opening(against, &plan, seat.policy, self.now) {
            Opening::Start => self.begin(server, &window, &plan),
            Opening::Wait(until, _) => self.wait_for(server, Some((due, until))),
            Opening::Missed(against) => {
                let missing = match against.rule {
                    None => Missing::Approval,
                    Some(rule) => Missing::Rule(rule),
                };
                self.missed(server, window, &against.why, missing);
            }
        }
    }

    fn stands_against(&mut self, server: usize, seat: &Seat<'_>, plan: &Plan) -> Option<Against> {
        let forbidden = self.with_bounds(server, |window, bounds| forbidden(window, plan, bounds)).flatten();
        if forbidden.is_some() {
            return forbidden;
        }
        let why = First::before(self.window(server)?, &seat.place, seat.policy)
            .into_iter()
            .find_map(|first| first.not_done(&self.standing(&first), self.now))?;
        Some(Against::waits_for_first(&why))
    }

    /// How everybody stands who goes first.
    fn standing(&self, first: &First) -> Vec<Standing<'_>> {
        let servers = self.stage.firsts.get(first).map_or(&[][..], Vec::as_slice);
        servers
            .iter()
            .filter_map(|server| {
                let (window, seat) = self.window(*server).zip(self.stage.seats.get(*server))?;
                let ends_at = window.plan.map(|plan| plan.ends_at);
                Some(Standing { state: window.state.as_str(), name: &seat.entry.server.name, ends_at })
            })
            .collect()
    }

    fn missed(&mut self, server: usize, window: Window, why: &str, missing: Missing) {
        let Ok(missed) = window.miss(why) else { return };
        if let Some(standing) = self.standings.get_mut(server) {
            standing.missing = Some(missing);
        }
        self.keep(server, missed, None);
        self.mail_readers(server);
        self.trouble();
    }

    fn begin(&mut self, server: usize, window: &Window, plan: &Plan) {
        let Some(seat) = self.seat(server) else { return };
        let run = RunId(window.id.0);
        let Ok(running) = window.clone().start(run) else { return };
        let of_run = RunPlan::of(run, window, plan, seat.entry.server, seat.policy, Vec::new());
        let (state, ends_at) = self.course(seat, &of_run);
        let soaking = !seat.place.canary
            && self
                .tally
                .canaries_ended(&seat.place.group)
                .is_some_and(|end| self.now < after(end, seat.policy.soak));
        if soaking && window.crossed_by.is_none() {
            self.tally.begins_unsoaked();
        }
        if let Some(standing) = self.standings.get_mut(server) {
            standing.ends = Some(state);
        }
        self.keep(server, running, None);
        self.busy = self.busy.saturating_add(1);
        self.tally.begins(server, self.now, self.busy);
        self.queue.insert((ends_at, Happening::RunEnds(server)));
        self.mail_readers(server);
    }

    /// How a run goes and when it ends.
    fn course(&self, seat: &Seat<'_>, plan: &RunPlan) -> (RunState, DateTime<Utc>) {
        let name = &seat.entry.server.name;
        let trouble = self.lots.trouble(name);
        let fails = |at: Trouble| {
            if trouble == Some(at) { vec!["as assumed".to_owned()] } else { Vec::new() }
        };
        let (mut state, mut at) = (RunState::Prechecking, self.now);
        while let Some(step) = state.step() {
            let (takes, outcome) = match step {
                Step::Precheck => (LOOKS, Outcome::Prechecked { blocking: fails(Trouble::Precheck) }),
                Step::Apply => {
                    let takes = self.lots.takes(name, seat.entry.usual);
                    let problems = fails(Trouble::Apply);
                    (takes, Outcome::Applied { problems, reboot_needed: true, boot_id: BootId(plan.run.0) })
                }
                Step::Reboot => (REBOOTS.min(plan.reboot_wait()), Outcome::Rebooted { problem: None }),
                Step::Validate => (LOOKS, Outcome::Validated { problems: fails(Trouble::Validate) }),
            };
            let ends = after(at, takes);
            let waited_for = step != Step::Apply || ends <= plan.patience_ends();
            let outcome =
                if waited_for { outcome } else { Outcome::GaveUp { reason: "it did not finish".to_owned() } };
            at = if waited_for { ends } else { plan.patience_ends() };
            match next(&state, outcome, plan, at) {
                Some(next) => state = next,
                None => break,
            }
        }
        (state, at)
    }

    pub(super) fn run_ends(&mut self, server: usize) {
        let Some((seat, window)) = self.seat(server).zip(self.window(server).cloned()) else { return };
        let end = self.standings.get_mut(server).and_then(|standing| standing.ends.take());
        if let Some(ended) = end.and_then(|end| end.end()).and_then(|end| {
            let run = RunId(window.id.0);
            window.finish(run, end).ok()
        }) {
            let well = ended.state == WindowState::Completed;
            if well && seat.place.canary {
                self.tally.canary_done(&seat.place.group, self.now);
            }
            if !well {
                self.trouble();
            }
            if matches!(ended.state, WindowState::Missed { .. })
                && let Some(standing) = self.standings.get_mut(server)
            {
                standing.missing = Some(Missing::Rule("window"));
            }
            self.keep(server, ended, None);
            self.mail_readers(server);
        }
        self.busy = self.busy.saturating_sub(1);
        while self.busy < self.stage.scene.places
            && let Some(next) = self.queued.pop_front()
        {
            if let Some(plan) = self.window(next).and_then(|window| window.plan) {
                self.start(next, Due { at: plan.starts_at, event: Event::Start });
            }
        }
    }
}
