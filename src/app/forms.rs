//! What forms offer: the legal times of a window with what each costs, and names that are found by typing.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use patchbot_commands::Effect;

use super::why::costs;
use super::{App, Failure, Stop};
use crate::domain::answer::Answer;
use crate::domain::ids::{Revision, WindowId};
use crate::domain::permit::sees_everything;
use crate::domain::person::Person;
use crate::domain::policy::Reasoned;
use crate::domain::refusal::Refusal;
use crate::domain::server::Server;
use crate::domain::window::{Plan, Window};
use crate::store::Tx;

/// A time that a window can move to, and what that costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The start.
    pub at: DateTime<Utc>,
    /// What it costs, one phrase each: `7 days later`, `2 of 5 in that hour`.
    pub costs: Vec<String>,
}

/// Everything that a form for another time offers.
#[derive(Debug, Clone, PartialEq)]
pub struct MoveSheet {
    /// The server.
    pub server: Server,
    /// The revision that is moved.
    pub revision: Revision,
    /// Its present plan.
    pub plan: Option<Plan>,
    /// The legal times, the earliest first.
    pub slots: Vec<Slot>,
    /// How often it was moved before.
    pub moves: i64,
    /// Whether its host group wants a reason.
    pub wants_reason: bool,
}

/// A server as it is found by typing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// When its window starts, and its zone.
    pub starts: Option<(DateTime<Utc>, Tz)>,
    /// Where its window stands, in a word or two.
    pub state: &'static str,
}

impl App {
    /// The times that somebody can move a window to; else the answer that says why not.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn move_sheet(
        &self,
        person: &Person,
        id: WindowId,
        most: usize,
    ) -> Result<Result<MoveSheet, Answer>, Failure> {
        let mut tx = self.store.read().await?;
        match self.sheet_of(&mut tx, person, id, most).await {
            Ok(sheet) => Ok(Ok(sheet)),
            Err(Stop::Refused(refusal)) => Ok(Err(refusal.answer())),
            Err(Stop::Failed(failure)) => Err(failure),
        }
    }

    async fn sheet_of(
        &self,
        tx: &mut Tx,
        person: &Person,
        id: WindowId,
        most: usize,
    ) -> Result<MoveSheet, Stop> {
        let window = tx.window_by_id(id).await?;
        let server = tx.server_by_id(window.server).await?;
        self.permit(tx, person, Effect::Decide, &server).await?;
        if window.state.is_settled() && !self.can_be_planned_again(&window) {
            return Err(Refusal::Over { server: server.name, state: window.state.phrase() }.into());
        }
        let calendar = self.calendar(tx, &server, &window).await?;
        let bounds = self.bounds(&server, &window, &calendar);
        let siblings = self.siblings(tx, &server, &window).await?;
        let offers = bounds.priced(bounds.next_slots(most), &siblings);
        let slots = offers.iter().map(|offer| Slot { at: offer.at, costs: costs(offer) }).collect();
        Ok(MoveSheet {
            slots,
            revision: window.revision,
            plan: window.plan,
            moves: window.moves,
            wants_reason: self.policy(&server).reason_for.contains(&Reasoned::Move),
            server,
        })
    }

    fn can_be_planned_again(&self, window: &Window) -> bool {
        use crate::domain::window::WindowState;
        matches!(
            window.state,
            WindowState::Missed { .. }
                | WindowState::Failed { .. }
                | WindowState::NeedsHuman { .. }
                | WindowState::Declined(_)
        )
    }

    /// A window as it is now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn window(&self, id: WindowId) -> Result<Window, Failure> {
        Ok(self.store.read().await?.window_by_id(id).await?)
    }

    /// A window with its server, for somebody who may decide about it; else the answer that says why not.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn window_for(
        &self,
        person: &Person,
        effect: Effect,
        id: WindowId,
    ) -> Result<Result<(Server, Window), Answer>, Failure> {
        let mut tx = self.store.read().await?;
        let window = tx.window_by_id(id).await?;
        let server = tx.server_by_id(window.server).await?;
        match self.permit(&mut tx, person, effect, &server).await {
            Ok(_) => Ok(Ok((server, window))),
            Err(Stop::Refused(refusal)) => Ok(Err(refusal.answer())),
            Err(Stop::Failed(failure)) => Err(failure),
        }
    }

    /// Servers whose names contain what was typed, that somebody may see; those that begin with it first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_servers(
        &self,
        person: &Person,
        typed: &str,
        most: usize,
    ) -> Result<Vec<Found>, Failure> {
        let mut tx = self.store.read().await?;
        let owner = (!sees_everything(person)).then_some(person.id);
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut found = Vec::new();
        for server in tx.servers_like(typed, owner, most).await? {
            let window = self.present_window(&mut tx, &server).await?;
            found.push(Found {
                starts: window
                    .as_ref()
                    .and_then(|window| window.plan)
                    .map(|plan| (plan.starts_at, plan.zone)),
                state: window.as_ref().map_or("no window", |window| window.state.word()),
                name: server.name,
            });
        }
        Ok(found)
    }

    /// The host groups of somebody's own servers.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn groups_of(&self, person: &Person) -> Result<Vec<String>, Failure> {
        let servers = self.store.read().await?.servers_of(person.id).await?;
        let mut groups: Vec<String> = servers.into_iter().filter_map(|server| server.host_group).collect();
        groups.sort_unstable();
        groups.dedup();
        Ok(groups)
    }

    /// The legal times of the one server that a name means, for somebody who may see it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_slots(
        &self,
        person: &Person,
        name: &str,
        most: usize,
    ) -> Result<Option<MoveSheet>, Failure> {
        let Ok(name) = patchbot_commands::ServerName::parse(name) else { return Ok(None) };
        let mut tx = self.store.read().await?;
        let server = match self.visible_server(&mut tx, person, &name).await {
            Ok(server) => server,
            Err(Stop::Refused(_)) => return Ok(None),
            Err(Stop::Failed(failure)) => return Err(failure),
        };
        let Some(window) = self.present_window(&mut tx, &server).await? else { return Ok(None) };
        match self.sheet_of(&mut tx, person, window.id, most).await {
            Ok(sheet) => Ok(Some(sheet)),
            Err(Stop::Refused(_)) => Ok(None),
            Err(Stop::Failed(failure)) => Err(failure),
        }
    }
}
