//! A file in the place of the inventory, in memory: what would be if it had been imported.

use std::collections::HashMap;

use super::{Preview, Problem, Taken, known, read};
use crate::app::plan::Fleet;
use crate::app::selection::headings;
use crate::app::{App, Failure};
use crate::domain::ids::PersonId;
use crate::domain::person::{Person, Role};
use crate::domain::quarter::Quarter;
use crate::domain::server::Ownership;
use crate::store::Tx;

impl App {
    /// Puts a file in the place of a fleet's servers, as if it had been imported and nothing else were in the inventory.
    /// Nothing is written.
    pub(crate) async fn as_imported(
        &self,
        tx: &mut Tx,
        file: &[u8],
        fleet: &mut Fleet,
        quarter: Quarter,
    ) -> Result<Vec<Problem>, Failure> {
        let spelt = headings(tx).await?;
        let mut sheet = read::read(file, &spelt.others);
        let mut known = known(tx).await?;
        let mut preview = Preview { errors: std::mem::take(&mut sheet.errors), ..Preview::default() };
        let taken = self.compared(tx, &mut sheet, &mut known, &mut preview).await?;
        let mut people: HashMap<PersonId, Person> =
            tx.all_people().await?.into_iter().map(|person| (person.id, person)).collect();
        let mut ids = known.people;
        for mail in taken.iter().flat_map(Taken::people) {
            if !ids.contains_key(mail) {
                let (id, name) = (self.person_id(), mail.to_string());
                let mail = mail.clone();
                ids.insert(mail.clone(), id);
                people.insert(id, Person { id, name, mail: Some(mail), zone: None, role: Role::Owner });
            }
        }
        let named = |owner: Ownership| Some((owner.rank, people.get(&owner.person)?.clone()));
        fleet.owners = taken
            .iter()
            .map(|one| (one.server.id, one.owners(&ids)))
            .map(|(server, owners)| (server, owners.into_iter().filter_map(named).collect::<Vec<_>>()))
            .filter(|(_, owners)| !owners.is_empty())
            .collect();
        for one in &taken {
            let of_quarter = one.windows.iter().filter(|(window, _)| window.quarter == quarter);
            fleet.windows.extend(of_quarter.map(|(window, _)| (one.server.id, window.clone())));
        }
        fleet.servers = taken.into_iter().map(|one| one.server).collect();
        Ok(preview.errors)
    }
}
