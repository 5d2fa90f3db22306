//! Who approves without owning: the people whom the rules name are asked about what waits for them.

use std::collections::{BTreeSet, HashSet};

use super::{App, Failure};
use crate::domain::ids::{ServerId, WindowId};
use crate::domain::permit::is_named;
use crate::domain::person::{Address, Person};
use crate::domain::server::Server;
use crate::domain::window::{Window, WindowState};
use crate::store::Tx;
use crate::store::records::Medium;

/// Why somebody who owns none of the servers gets a notice about them.
pub(crate) const NAMED: &str = "You get this because the rules name you as one who approves these servers. \
    Their owners choose the times; you say yes or no.";

impl App {
    /// Adds the people whom any rules name, and has them asked in this quarter and the next.
    pub(crate) async fn know_approvers(&self, tx: &mut Tx) -> Result<(), Failure> {
        let named: BTreeSet<&Address> = self.policies.approvers().collect();
        let current = self.quarters.current(self.now(), self.zone);
        for mail in named {
            let person = self.person_for(tx, mail).await?;
            for quarter in [current, self.quarters.after(current)] {
                self.write_to(tx, &person, quarter).await?;
            }
        }
        Ok(())
    }

    /// The people whom the rules of a server name to approve and who are not among its readers.
    pub(crate) async fn approvers_beside(
        &self,
        tx: &mut Tx,
        server: &Server,
        readers: &[Person],
    ) -> Result<Vec<Person>, Failure> {
        let mut people = Vec::new();
        for mail in &self.policy(server).approvers {
            if let Some(person) = tx.person_by_mail(mail).await?
                && !readers.iter().any(|reader| reader.id == person.id)
            {
                people.push(person);
            }
        }
        Ok(people)
    }

    /// The windows to come that wait for the approval of somebody whom the rules name and who does not own them.
    ///
    /// It goes through the windows to come, but only for people who are named at all.
    pub(crate) async fn to_approve(
        &self,
        tx: &mut Tx,
        person: &Person,
    ) -> Result<Vec<(Server, Window)>, Failure> {
        if !self.policies.approvers().any(|mail| person.mail.as_ref() == Some(mail)) {
            return Ok(Vec::new());
        }
        let own: HashSet<ServerId> =
            tx.servers_of(person.id).await?.into_iter().map(|server| server.id).collect();
        let mut windows = Vec::new();
        for row in tx.feed_of_all(self.now()).await? {
            let policy = self.policies.of(row.host_group.as_deref());
            let waits = row.window.state == WindowState::Proposed && is_named(person, &policy.approvers);
            if waits && !own.contains(&row.window.server) {
                windows.push((tx.server_by_id(row.window.server).await?, row.window));
            }
        }
        Ok(windows)
    }

    /// What owners are told when others than they approve some of their servers.
    pub(crate) fn others_approve(&self, reader: &Person, windows: &[(Server, Window)]) -> Option<String> {
        let mut sentences: Vec<String> = Vec::new();
        for (server, _) in windows {
            let policy = self.policy(server);
            if !self.is_approved_by_others(reader, server) {
                continue;
            }
            let all = windows.iter().filter(|(other, _)| self.policy(other).approvers == policy.approvers);
            let names: Vec<&str> = all.map(|(other, _)| other.name.as_str()).collect();
            let sentence = format!(
                "{} approves {}; you choose the {}, and can decline.",
                policy.who_approves(),
                names.join(", "),
                if names.len() == 1 { "time" } else { "times" }
            );
            if !sentences.contains(&sentence) {
                sentences.push(sentence);
            }
        }
        (!sentences.is_empty()).then(|| sentences.join(" "))
    }

    /// Whether the rules of a server name others than this person to approve it.
    pub(crate) fn is_approved_by_others(&self, reader: &Person, server: &Server) -> bool {
        let approvers = &self.policy(server).approvers;
        !approvers.is_empty() && !is_named(reader, approvers)
    }

    /// Shows somebody the windows that he is named to approve on cards, unless he has them.
    pub(crate) async fn post_cards_to_approve(
        &self,
        tx: &mut Tx,
        reader: &Person,
        windows: &[(Server, Window)],
    ) -> Result<(), Failure> {
        let places = self.places_of(tx, reader.id).await?;
        let mut new: Vec<WindowId> = Vec::new();
        for (_, window) in windows {
            let cards = tx.cards_of(window.id).await?;
            let has_it = |(medium, place): &(Medium, String)| {
                cards.iter().any(|card| card.platform == *medium && card.channel == *place)
            };
            if !places.iter().any(has_it) {
                new.push(window.id);
            }
        }
        self.post_many(tx, reader.id, &new).await?;
        Ok(())
    }
}
