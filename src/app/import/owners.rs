//! Servers that an import hands over to other owners: what the former ones approved is asked again, and the new ones
//! get their notices.

use std::collections::HashMap;

use super::Taken;
use crate::app::decide::{Deed, Done};
use crate::app::{App, Failure};
use crate::domain::decision::{Change, Decided};
use crate::domain::event::Actor;
use crate::domain::ids::{PersonId, ServerId};
use crate::domain::person::{Address, Role};
use crate::domain::quarter::Quarter;
use crate::domain::server::Rank;
use crate::domain::window::{Approver, Window, WindowState};
use crate::store::Tx;

/// A server with other owners than before.
pub(super) struct HandedOver<'a> {
    one: &'a Taken,
    former: Vec<Address>,
    /// What the former owners approved: the window, and who, as `ada@example.org`.
    approved: Vec<(Window, String)>,
    /// The quarters in which its new owners have something to decide.
    open: Vec<Quarter>,
}

impl HandedOver<'_> {
    /// `web01 2027-Q1: ada@example.org approved it, and does not own it any more`.
    pub(super) fn told(&self) -> impl Iterator<Item = String> {
        self.approved.iter().map(|(window, who)| {
            let (server, quarter) = (&self.one.server.name, window.quarter);
            format!("{server} {quarter}: {who} approved it, and does not own it any more")
        })
    }
}

impl App {
    /// The servers of a file that change hands. An operator's approval stays: he gave it as operator.
    pub(super) async fn handed_over<'a>(
        &self,
        tx: &mut Tx,
        owners: &HashMap<ServerId, Vec<(Rank, Address)>>,
        taken: &'a [Taken],
    ) -> Result<Vec<HandedOver<'a>>, Failure> {
        let mut all = Vec::new();
        for one in taken.iter().filter(|one| one.known && one.is_touched()) {
            let before = owners.get(&one.server.id).map_or(&[][..], Vec::as_slice);
            let after = &one.owners;
            let keeps = |mail: &Address| after.iter().any(|(_, kept)| kept == mail);
            let former: Vec<Address> =
                before.iter().map(|(_, mail)| mail).filter(|mail| !keeps(mail)).cloned().collect();
            let is_new = after.iter().any(|(_, mail)| !before.iter().any(|(_, old)| old == mail));
            if former.is_empty() && !is_new {
                continue;
            }
            let mut handed = HandedOver { one, former, approved: Vec::new(), open: Vec::new() };
            for window in tx.windows_of_server(one.server.id).await? {
                if window.state.is_settled() {
                    continue;
                }
                handed.open.push(window.quarter);
                if let Some(who) = self.former_approver(tx, &window, &handed).await? {
                    handed.approved.push((window, who));
                }
            }
            all.push(handed);
        }
        Ok(all)
    }

    /// Who of the former owners consented to a window.
    async fn former_approver(
        &self,
        tx: &mut Tx,
        window: &Window,
        handed: &HandedOver<'_>,
    ) -> Result<Option<String>, Failure> {
        let consented: Vec<PersonId> = match &window.state {
            WindowState::Approved(approval) | WindowState::Locked(approval) => match &approval.by {
                Approver::Person { id, .. } => vec![*id],
                Approver::Silence | Approver::File => Vec::new(),
            },
            WindowState::Proposed => window.consents.iter().map(|consent| consent.by).collect(),
            _ => Vec::new(),
        };
        let policy = self.policy(&handed.one.server);
        for id in consented {
            let person = tx.person_by_id(id).await?;
            let Some(mail) = person.mail.filter(|mail| handed.former.contains(mail)) else { continue };
            if person.role < Role::Operator && !policy.approvers.contains(&mail) {
                return Ok(Some(person.name));
            }
        }
        Ok(None)
    }

    /// Asks the new owners about what the former ones approved, and has them written to like all owners.
    pub(super) async fn ask_new_owners(
        &self,
        tx: &mut Tx,
        handed: Vec<HandedOver<'_>>,
        actor: &Actor,
    ) -> Result<(), Failure> {
        let mut done = Vec::new();
        for HandedOver { one, approved, open, .. } in handed {
            let server = &one.server;
            for owner in tx.owners_of(server.id).await? {
                let owner = tx.person_by_id(owner.person).await?;
                for quarter in &open {
                    self.write_to(tx, &owner, *quarter).await?;
                }
            }
            for (window, who) in approved {
                let sentence = format!(
                    "{} waits for approval again: {who}, who had approved it, does not own it any more.",
                    server.name
                );
                let reopened = window
                    .clone()
                    .reopen()
                    .map_err(|error| Failure::Bug(format!("{}: {error}", server.name)))?;
                let change =
                    Change { decided: Decided::Reopened, before: window.plan, window: reopened, sentence };
                let reason = format!("{who} approved it, and does not own it any more");
                let deed = Deed { actor, words: None, reason: Some(&reason), request: None };
                self.commit_change(tx, server, &window, &change, deed).await?;
                done.push(Done { server: server.clone(), change, reason: Some(reason), undo_until: None });
            }
        }
        self.tell_together(tx, &done, (&actor.name, actor.channel), None).await
    }
}
