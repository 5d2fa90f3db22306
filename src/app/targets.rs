//! Which windows a command is about: names, lines of a notice, "all", or what is shown.

use std::collections::HashSet;

use patchbot_commands::{Effect, LineRange, ServerName, Target};

use super::{App, Failure, Stop};
use crate::domain::ids::Revision;
use crate::domain::message::ShownWindow;
use crate::domain::permit::{Deciders, Permit, authorize, is_named, sees_everything};
use crate::domain::person::Person;
use crate::domain::refusal::Refusal;
use crate::domain::server::Server;
use crate::domain::window::{Window, WindowState};
use crate::store::Tx;

/// One window that a command is about, with the right to act on it.
#[derive(Debug, Clone)]
pub(crate) struct Aim {
    pub(crate) server: Server,
    pub(crate) window: Window,
    /// The revision that was shown in the notice or card that is answered.
    pub(crate) shown: Option<Revision>,
    pub(crate) permit: Permit,
}

impl Aim {
    /// The no to an answer about what is not any more as it was shown.
    pub(crate) fn stale(&self) -> Option<Refusal> {
        Refusal::of_stale(self.shown, &self.window, &self.server.name, self.server.zone)
    }
}

/// What is shown where a command is said: the windows of a notice or a card; nothing in a free line.
pub(crate) type Shown<'a> = &'a [ShownWindow];

impl App {
    /// The right of a person to have an effect on a server, as owner, in an owner's place, or by role.
    pub(crate) async fn permit(
        &self,
        tx: &mut Tx,
        person: &Person,
        effect: Effect,
        server: &Server,
    ) -> Result<Permit, Stop> {
        let owners = tx.owners_of(server.id).await?;
        let stand_ins = if owners.iter().any(|owner| owner.person == person.id) {
            Vec::new()
        } else {
            tx.stand_ins_for(server.id, self.now()).await?
        };
        let approvers = &self.policy(server).approvers;
        let deciders = Deciders { owners: &owners, stand_ins: &stand_ins, approvers };
        Ok(authorize(person, effect, &server.name, deciders)?)
    }

    /// Finds the windows that `target` names, in the order they were named or shown.
    pub(crate) async fn aims(
        &self,
        tx: &mut Tx,
        person: &Person,
        effect: Effect,
        target: &Target,
        shown: Shown<'_>,
    ) -> Result<Vec<Aim>, Stop> {
        match target {
            Target::These if shown.is_empty() => Err(Refusal::WhichServer.into()),
            Target::These => self.shown_aims(tx, person, effect, shown).await,
            Target::Lines(lines) => {
                let wanted = shown_lines(lines, shown)?;
                self.shown_aims(tx, person, effect, &wanted).await
            }
            Target::All { except } => {
                let all = if shown.is_empty() {
                    self.own_aims(tx, person, effect).await?
                } else {
                    self.shown_aims(tx, person, effect, shown).await?
                };
                without(all, except)
            }
            Target::Group { group, except } => {
                let mut all = if shown.is_empty() {
                    self.own_aims(tx, person, effect).await?
                } else {
                    self.shown_aims(tx, person, effect, shown).await?
                };
                all.retain(|aim| aim.server.host_group.as_deref().is_some_and(|name| group.is(name)));
                if all.is_empty() {
                    return Err(Refusal::NothingInGroup { group: group.as_str().to_owned() }.into());
                }
                without(all, except)
            }
            Target::Servers(names) => {
                let mut aims: Vec<Aim> = Vec::with_capacity(names.len());
                for name in names {
                    let aim = self.named_aim(tx, person, effect, name, shown).await?;
                    if !aims.iter().any(|other| other.window.id == aim.window.id) {
                        aims.push(aim);
                    }
                }
                Ok(aims)
            }
        }
    }

    async fn shown_aims(
        &self,
        tx: &mut Tx,
        person: &Person,
        effect: Effect,
        shown: Shown<'_>,
    ) -> Result<Vec<Aim>, Stop> {
        let mut aims = Vec::with_capacity(shown.len());
        for line in shown {
            let window = tx.window_by_id(line.window).await?;
            let server = tx.server_by_id(window.server).await?;
            let permit = self.permit(tx, person, effect, &server).await?;
            aims.push(Aim { server, window, shown: Some(line.revision), permit });
        }
        Ok(aims)
    }

    /// All windows of one's own that are not over.
    async fn own_aims(&self, tx: &mut Tx, person: &Person, effect: Effect) -> Result<Vec<Aim>, Stop> {
        let mut aims = Vec::new();
        let mut servers = tx.servers_of(person.id).await?;
        // "All" of a decision are one's own; a question is also about those one decides about for others.
        if effect == Effect::Read {
            servers.extend(tx.servers_stood_in_for(person.id, self.now()).await?);
        }
        // Who is only named to approve has nothing else: "all" is what waits for him.
        if servers.is_empty() || effect == Effect::Read {
            servers.extend(self.to_approve(tx, person).await?.into_iter().map(|(server, _)| server));
        }
        let mut known = HashSet::new();
        servers.retain(|server| known.insert(server.id));
        for server in servers {
            let Some(window) = self.present_window(tx, &server).await? else { continue };
            if window.state.is_settled() && !matches!(window.state, WindowState::Declined(_)) {
                continue;
            }
            let permit = self.permit(tx, person, effect, &server).await?;
            aims.push(Aim { server, window, shown: None, permit });
        }
        if aims.is_empty() { Err(Refusal::NothingOfYours.into()) } else { Ok(aims) }
    }

    async fn named_aim(
        &self,
        tx: &mut Tx,
        person: &Person,
        effect: Effect,
        name: &ServerName,
        shown: Shown<'_>,
    ) -> Result<Aim, Stop> {
        let server = self.visible_server(tx, person, name).await?;
        let permit = self.permit(tx, person, effect, &server).await?;
        for line in shown {
            let window = tx.window_by_id(line.window).await?;
            if window.server == server.id {
                return Ok(Aim { server, window, shown: Some(line.revision), permit });
            }
        }
        // What a notice does not show, an answer to it cannot decide about.
        if !shown.is_empty() && effect != Effect::Read {
            return Err(Refusal::NotInNotice { server: server.name }.into());
        }
        match self.present_window(tx, &server).await? {
            Some(window) => Ok(Aim { server, window, shown: None, permit }),
            None => {
                let quarter = self.quarters.current(self.now(), server.zone);
                Err(Refusal::NoWindow { server: server.name, quarter }.into())
            }
        }
    }

    /// The server of this name, or of this name as the part before the first dot, that the person may see.
    pub(crate) async fn visible_server(
        &self,
        tx: &mut Tx,
        person: &Person,
        name: &ServerName,
    ) -> Result<Server, Stop> {
        let mut found = tx.servers_called(name.as_str()).await?;
        if let Some(exact) = found.iter().position(|server| server.name == name.as_str()) {
            found = vec![found.swap_remove(exact)];
        }
        if !sees_everything(person) {
            let mut seen = Vec::with_capacity(found.len());
            for server in found {
                let owners = tx.owners_of(server.id).await?;
                if is_named(person, &self.policy(&server).approvers)
                    || owners.iter().any(|owner| owner.person == person.id)
                    || tx.stand_ins_for(server.id, self.now()).await?.contains(&person.id)
                {
                    seen.push(server);
                }
            }
            found = seen;
        }
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (Some(server), None) => Ok(server),
            (Some(first), Some(second)) => {
                let fits =
                    [first, second].into_iter().chain(found).map(|server| server.name).take(10).collect();
                Err(Refusal::SeveralServers { name: name.as_str().to_owned(), fits }.into())
            }
            (None, _) => {
                let mut own = tx.servers_of(person.id).await?;
                if !sees_everything(person) {
                    own.extend(tx.servers_stood_in_for(person.id, self.now()).await?);
                }
                let near = nearest(name.as_str(), own.iter().map(|server| server.name.as_str()));
                Err(Refusal::UnknownServer { name: name.as_str().to_owned(), near }.into())
            }
        }
    }

    /// A server's window that matters now: the earliest one not over, else the latest.
    pub(crate) async fn present_window(
        &self,
        tx: &mut Tx,
        server: &Server,
    ) -> Result<Option<Window>, Failure> {
        let mut windows = tx.windows_of_server(server.id).await?;
        windows.sort_by_key(|window| self.quarters.first_day(window.quarter));
        let current = self.quarters.first_day(self.quarters.current(self.now(), server.zone));
        let open = windows.iter().position(|window| {
            !window.state.is_settled() && self.quarters.first_day(window.quarter) >= current
        });
        let present = windows.iter().rposition(|window| self.quarters.first_day(window.quarter) <= current);
        // What is put off matters more than a window of a later quarter that waits for that to end.
        let today = self.now().with_timezone(&server.zone).date_naive();
        let put_off = windows.iter().rposition(
            |window| matches!(window.state, WindowState::Deferred { until, .. } if until >= today),
        );
        let waits = |index: &usize| windows.get(*index).is_some_and(|window| window.plan.is_none());
        let open = if put_off.is_some() { open.filter(|index| !waits(index)).or(put_off) } else { open };
        Ok(open.or(present).or(windows.len().checked_sub(1)).map(|index| windows.swap_remove(index)))
    }
}

fn shown_lines(lines: &[LineRange], shown: Shown<'_>) -> Result<Vec<ShownWindow>, Refusal> {
    let none = |line| Refusal::NoSuchLine { line, of: shown.iter().map(|shown| shown.line).collect() };
    let mut wanted: Vec<ShownWindow> = Vec::new();
    for line in lines.iter().flat_map(|range| range.first..=range.last) {
        let found = shown.iter().find(|shown| shown.line == line).ok_or_else(|| none(line))?;
        if !wanted.iter().any(|other| other.window == found.window) {
            wanted.push(*found);
        }
    }
    Ok(wanted)
}

fn without(mut aims: Vec<Aim>, except: &[ServerName]) -> Result<Vec<Aim>, Stop> {
    for name in except {
        let fits = |aim: &Aim| {
            aim.server.name == name.as_str() || aim.server.name.split('.').next() == Some(name.as_str())
        };
        if !aims.iter().any(fits) {
            let near = nearest(name.as_str(), aims.iter().map(|aim| aim.server.name.as_str()));
            return Err(Refusal::UnknownServer { name: name.as_str().to_owned(), near }.into());
        }
        aims.retain(|aim| !fits(aim));
    }
    if aims.is_empty() { Err(Refusal::NothingOfYours.into()) } else { Ok(aims) }
}

/// Up to three names that resemble a mistyped one, compared also without their domains.
fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Vec<String> {
    let short = |full: &'a str| full.split('.').next().unwrap_or(full);
    let mut near: Vec<(usize, &str)> = candidates
        .map(|full| (strsim::osa_distance(name, full).min(strsim::osa_distance(name, short(full))), full))
        .filter(|(distance, _)| *distance <= 2)
        .collect();
    near.sort_unstable();
    near.into_iter().map(|(_, full)| full.to_owned()).take(3).collect()
}
