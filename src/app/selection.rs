//! Lists of servers: all of them, or those that fit a filter, with their windows and owners, in a handful of queries.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::import::columns::column_of;
use super::{App, Failure};
use crate::domain::filter::{Filter, NotAFilter, Subject, fold};
use crate::domain::ids::ServerId;
use crate::domain::person::Person;
use crate::domain::quarter::Quarter;
use crate::domain::server::{Rank, Server};
use crate::domain::window::Window;
use crate::store::Tx;

/// Where the headings of the inventory's files are kept in the database's configuration.
pub(crate) const HEADINGS: &str = "inventory.headings";

/// The headings of the inventory's files, in the order and spelling of the file that had them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Headings {
    pub(crate) all: Vec<String>,
    /// Those among them that patchbot does not understand and keeps as they are.
    pub(crate) others: Vec<String>,
}

impl Headings {
    /// With those of another file: its order, and behind it what it does not have.
    pub(crate) fn with(self, all: &[String], others: &[String]) -> Self {
        let join = |new: &[String], old: Vec<String>, same: fn(&str, &str) -> bool| {
            let mut joined = new.to_vec();
            joined.extend(old.into_iter().filter(|heading| !new.iter().any(|other| same(other, heading))));
            joined
        };
        let means_the_same = |one: &str, other: &str| match column_of(other) {
            Some(column) => column_of(one) == Some(column),
            None => fold(one) == fold(other),
        };
        let named: Vec<String> = all.iter().filter(|heading| !heading.is_empty()).cloned().collect();
        Self {
            all: join(&named, self.all, means_the_same),
            others: join(others, self.others, |one, other| fold(one) == fold(other)),
        }
    }
}

/// A server, and what lists show of it.
#[derive(Debug, Clone)]
pub struct Selected {
    /// The server.
    pub server: Server,
    /// Its window in the quarter that is asked about.
    pub window: Option<Window>,
    /// Its owners, the primary first.
    pub owners: Vec<(Rank, Person)>,
}

impl Selected {
    /// What a filter looks at.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        Subject { server: &self.server, window: self.window.as_ref(), owners: &self.owners }
    }
}

/// The servers that were asked for, by name.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// The servers.
    pub servers: Vec<Selected>,
    /// When there are none: why, one sentence each.
    pub misses: Vec<String>,
}

/// Which servers a list is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among {
    /// Those in the inventory.
    Active,
    /// Those in the inventory, and those that have left it and have a window in the quarter.
    ActiveOrPlanned,
}

impl App {
    /// Reads a filter against the columns of this inventory.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn read_filter(&self, text: &str) -> Result<Result<Filter, NotAFilter>, Failure> {
        let mut tx = self.store.read().await?;
        Ok(Filter::parse(text, &headings(&mut tx).await?.others))
    }

    /// The servers that fit a filter, or all, with their windows in a quarter.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn select(
        &self,
        filter: Option<&Filter>,
        quarter: Quarter,
        among: Among,
    ) -> Result<Selection, Failure> {
        self.select_in(&mut self.store.read().await?, filter, quarter, among).await
    }

    /// The same in a transaction that is open.
    pub(crate) async fn select_in(
        &self,
        tx: &mut Tx,
        filter: Option<&Filter>,
        quarter: Quarter,
        among: Among,
    ) -> Result<Selection, Failure> {
        let mut windows: HashMap<ServerId, Window> =
            tx.windows_of_quarter(quarter).await?.into_iter().map(|window| (window.server, window)).collect();
        let mut owners = owners(tx).await?;
        let mut all = Vec::new();
        for server in tx.all_servers().await? {
            let window = windows.remove(&server.id);
            let owners = owners.remove(&server.id).unwrap_or_default();
            if server.active || (among == Among::ActiveOrPlanned && window.is_some()) {
                all.push(Selected { server, window, owners });
            }
        }
        let Some(filter) = filter else { return Ok(Selection { servers: all, misses: Vec::new() }) };
        let fits: Vec<bool> = all.iter().map(|one| filter.fits(one.subject())).collect();
        let misses =
            if fits.contains(&true) { Vec::new() } else { filter.misses(&all.iter().map(Selected::subject)) };
        let servers = all.into_iter().zip(fits).filter(|(_, fits)| *fits).map(|(one, _)| one).collect();
        Ok(Selection { servers, misses })
    }
}

/// The owners of all servers, the primary first.
pub(crate) async fn owners(tx: &mut Tx) -> Result<HashMap<ServerId, Vec<(Rank, Person)>>, Failure> {
    let people: HashMap<_, Person> =
        tx.all_people().await?.into_iter().map(|person| (person.id, person)).collect();
    let mut owners: HashMap<ServerId, Vec<(Rank, Person)>> = HashMap::new();
    for (server, ownership) in tx.all_ownerships().await? {
        if let Some(person) = people.get(&ownership.person) {
            owners.entry(server).or_default().push((ownership.rank, person.clone()));
        }
    }
    for of_one in owners.values_mut() {
        of_one.sort_by_key(|(rank, _)| *rank);
    }
    Ok(owners)
}

/// The headings as the last imports had them; of a database that is older than that, the attributes' own.
pub(crate) async fn headings(tx: &mut Tx) -> Result<Headings, Failure> {
    if let Some(value) = tx.get_configuration(HEADINGS).await? {
        return serde_json::from_value(value).map_err(|error| Failure::Bug(format!("{HEADINGS}: {error}")));
    }
    let servers = tx.all_servers().await?;
    let headings = servers.iter().flat_map(|server| server.attributes.iter().map(|(heading, _)| heading));
    let others: BTreeSet<&str> = headings.collect();
    let others = others.into_iter().filter(|heading| column_of(heading).is_none()).map(str::to_owned);
    Ok(Headings { all: Vec::new(), others: others.collect() })
}
