//! `why` and `slots`: what stands between a window and its run, and which other times there are at what cost.

use std::collections::HashSet;

use patchbot_commands::ServerName;

use super::handle::Said;
use super::prechecks::{findings_sentence, look_sentence};
use super::questions::done;
use super::{App, Failure, Stop};
use crate::domain::answer::{Answer, Verdict};
use crate::domain::bounds::Offer;
use crate::domain::gate::{Before, Gate, Looked};
use crate::domain::occupancy::LONGEST;
use crate::domain::person::Role;
use crate::domain::refusal::Refusal;
use crate::domain::server::Server;
use crate::domain::shown::{line, typed};
use crate::domain::window::{Plan, Window, WindowState};
use crate::store::Tx;

/// How many free times `slots` shows.
const SLOTS_SHOWN: usize = 8;

impl App {
    pub(crate) async fn slots(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        name: &ServerName,
    ) -> Result<Answer, Stop> {
        let (server, window) = self.server_and_window(tx, said, name).await?;
        let Some(window) = window else {
            let quarter = self.quarters.current(self.now(), server.zone);
            return Err(Refusal::NoWindow { server: server.name, quarter }.into());
        };
        let calendar = self.calendar(tx, &server, &window).await?;
        let bounds = self.bounds(&server, &window, &calendar);
        let siblings = self.siblings(tx, &server, &window).await?;
        let offers = bounds.offers(SLOTS_SHOWN, &siblings);
        let Some(first) = offers.first() else {
            let mut lines = vec![format!(
                "{} has no free regular time left in {}.",
                server.name,
                self.quarters.describe(window.quarter)
            )];
            lines.extend(bounds.why_none_sentences());
            return Ok(done(lines).then("An operator can choose a time outside the regular slots."));
        };
        let mut lines = vec![format!("The next free times for {}:", server.name)];
        lines.extend(offers.iter().map(|offer| format!("{}{}", line(offer.at, server.zone), cost(offer))));
        let left = self.moves_left(&server, &window);
        lines.push(left.sentence());
        if left.count == 0 && said.person.role < Role::Operator {
            return Ok(done(lines).then("Ask an operator for one of them."));
        }
        Ok(done(lines).then(format!(
            "Say for example \"move {} to {}\".",
            server.name,
            typed(first.at, server.zone)
        )))
    }

    /// The other windows of a server's owners in the quarter that have a time still to come.
    pub(crate) async fn siblings(
        &self,
        tx: &mut Tx,
        server: &Server,
        window: &Window,
    ) -> Result<Vec<(String, Plan)>, Failure> {
        // What began before clashes with nothing that is to come.
        let from = self.now() - LONGEST;
        let mut seen = HashSet::from([server.id]);
        let mut siblings = Vec::new();
        for owner in tx.owners_of(server.id).await? {
            for row in tx.feed_of_owner(from, owner.person).await? {
                let other = row.window;
                let counts = other.quarter == window.quarter && !other.state.is_settled();
                if let Some(plan) = other.plan.filter(|_| counts && seen.insert(other.server)) {
                    siblings.push((row.server, plan));
                }
            }
        }
        Ok(siblings)
    }

    pub(crate) async fn why(&self, tx: &mut Tx, said: &Said<'_>, name: &ServerName) -> Result<Answer, Stop> {
        let (server, window) = self.server_and_window(tx, said, name).await?;
        let Some(window) = window else {
            return Ok(done(vec![format!(
                "{} is not going to be patched: no window is planned.",
                server.name
            )])
            .then("An operator can plan one: patchbot plan."));
        };
        let gates = self.gates(tx, &server, &window).await?;
        let held = gates.iter().find(|gate| gate.holds);
        let headline = match (&window.state, held, window.plan) {
            (state, _, _) if state.is_settled() => format!("{}: {}.", server.name, state.phrase()),
            (WindowState::Running { .. }, _, _) => format!("{} is being patched now.", server.name),
            (_, Some(gate), _) => {
                format!("{} would not be patched as things stand: {}.", server.name, gate.sentence)
            }
            (_, None, Some(plan)) => {
                format!("{} will be patched {}.", server.name, line(plan.starts_at, plan.zone))
            }
            (_, None, None) => format!("{} has no time yet.", server.name),
        };
        let mut lines = vec![headline];
        lines.extend(gates.iter().map(Gate::line));
        let mut next: Vec<String> = Vec::new();
        if let Some((sentence, words)) = self.wish_sentence(tx, &server, &window).await? {
            lines.push(sentence);
            next.push(words);
        }
        for gate in gates.iter().filter(|gate| gate.holds || gate.by_itself.is_some()) {
            let words: Vec<String> = gate.lift.iter().chain(&gate.by_itself).cloned().collect();
            if !words.is_empty() {
                next.push(words.join(" "));
            }
        }
        Ok(Answer { verdict: Verdict::Done, lines, next })
    }

    /// What stands between a window and its run, in the order in which it is passed.
    pub(crate) async fn gates(
        &self,
        tx: &mut Tx,
        server: &Server,
        window: &Window,
    ) -> Result<Vec<Gate>, Failure> {
        let calendar = self.calendar(tx, server, window).await?;
        let check = tx.latest_precheck(server.id).await?.filter(|check| check.window == Some(window.id));
        let looked = check.map(|check| Looked {
            blocked: check.blocked,
            taken_at: check.taken_at,
            sentence: findings_sentence(&check),
            rehearsed: look_sentence(&check, server.zone, self.now()),
        });
        let canaries = self.canaries_not_done(tx, server, window).await?;
        let put_off = self.put_off_until(tx, server, window).await?;
        let before = Before {
            window,
            server: &server.name,
            enrolled: server.host_key.is_some(),
            bounds: self.bounds(server, window, &calendar),
            looked: looked.as_ref(),
            canaries: canaries.as_deref(),
            // What comes after it is not held by it.
            put_off: put_off.filter(|until| window.plan.is_none_or(|plan| plan.local.date() <= *until)),
        };
        Ok(before.gates())
    }
}

/// What taking an offered time costs, behind a dash.
fn cost(offer: &Offer) -> String {
    let costs = costs(offer);
    if costs.is_empty() { String::new() } else { format!(" — {}", costs.join("; ")) }
}

/// What taking an offered time costs, one phrase each.
pub(crate) fn costs(offer: &Offer) -> Vec<String> {
    let mut costs = Vec::new();
    match offer.days_later {
        0 => {}
        1 => costs.push("1 day more unpatched".to_owned()),
        -1 => costs.push("1 day earlier".to_owned()),
        days if days < 0 => costs.push(format!("{} days earlier", days.saturating_neg())),
        days => costs.push(format!("{days} days more unpatched")),
    }
    if !offer.clashes.is_empty() {
        let shown = offer.clashes.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        let more = offer.clashes.len().saturating_sub(3);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        costs.push(format!("at the same time as {shown}{more}"));
    }
    if offer.last {
        costs.push("the last day in this quarter".to_owned());
    }
    costs
}
