//! Importing an inventory: a preview against the database, and all of it or nothing.

mod cells;
pub(crate) mod columns;
mod compare;
mod excel;
mod instead;
mod owners;
pub(crate) mod read;
mod table;
mod windows;

use std::collections::{BTreeMap, HashMap};

use serde_json::json;

use super::decide::{Deed, Done};
use super::recheck::INVENTORY;
use super::selection::{HEADINGS, Headings, headings};
use super::{App, Failure};
use crate::domain::chain::sha256;
use crate::domain::decision::{Change, Decided};
use crate::domain::event::{Actor, AuditEvent, What};
use crate::domain::filter::same_heading;
use crate::domain::ids::{PersonId, ServerId};
use crate::domain::person::Address;
use crate::domain::quarter::Quarter;
use crate::domain::server::{Ownership, Rank, Server};
use crate::domain::side_by_side::{by_thousands, side_by_side};
use crate::domain::timeline::{Due, next_for_window};
use crate::domain::window::Window;
use crate::store::Tx;
use crate::store::records::Subject;
use columns::Column;
use compare::Meanings;
pub use read::Problem;
use read::{Entry, Sheet};

/// What a file would change, and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    /// Servers that are not in the database yet.
    pub new: Vec<String>,
    /// Servers that would change, with each change as `zone: UTC → Europe/Berlin`.
    pub changed: Vec<(String, Vec<String>)>,
    /// How many servers stay as they are.
    pub unchanged: usize,
    /// Active servers of the database that the file does not have; they stay, unless they are to be retired.
    pub absent: Vec<String>,
    /// Windows that the file gives a time, as `web01 2027-Q1 2026-12-03 20:00`.
    pub windows: Vec<String>,
    /// Windows whose approval ends because who gave it does not own the server any more, each in a phrase.
    pub handed_over: Vec<String>,
    /// Windows that end because their servers are retired.
    pub cancelled: Vec<String>,
    /// Where a decision that was taken in patchbot stands against the file; the decision stays.
    pub conflicts: Vec<String>,
    /// What is wrong; with any of it nothing is applied.
    pub errors: Vec<Problem>,
    /// What is odd, and does no harm.
    pub warnings: Vec<Problem>,
    /// How many servers the inventory had before.
    pub before: usize,
}

/// What is to happen with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apply {
    /// Show what it would change.
    Preview,
    /// Change it, when there is no error.
    Now,
}

/// What is to happen with servers that the file does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// They stay.
    Stay,
    /// They leave the inventory; their open windows are cancelled.
    Leave,
}

/// The inventory as it is.
struct Known {
    /// By name; those that a file has are taken out while it is compared.
    servers: BTreeMap<String, Server>,
    owners: HashMap<ServerId, Vec<(Rank, Address)>>,
    people: HashMap<Address, PersonId>,
}

/// A server of the file, with what is to be written of it.
struct Taken {
    server: Server,
    known: bool,
    changes: Vec<String>,
    /// The owners as they will be.
    owners: Vec<(Rank, Address)>,
    /// Who is written to when its pre-checks fail, and decides nothing.
    patcher: Option<Address>,
    windows: Vec<(Window, bool)>,
}

/// A server of the file beside what the database has of it.
struct Beside {
    entry: Entry,
    old: Option<Server>,
    id: ServerId,
}

impl App {
    /// Compares a file with the database, and applies it when asked to and nothing is wrong with it.
    ///
    /// # Errors
    /// When the database does not answer; then nothing was changed.
    pub async fn import(&self, file: &[u8], apply: Apply, actor: &Actor) -> Result<Preview, Failure> {
        self.import_with(file, apply, Absent::Stay, actor).await
    }

    /// The same, with a say about the servers that the file does not have.
    ///
    /// # Errors
    /// When the database does not answer; then nothing was changed.
    pub async fn import_with(
        &self,
        file: &[u8],
        apply: Apply,
        absent: Absent,
        actor: &Actor,
    ) -> Result<Preview, Failure> {
        let hash = sha256(file);
        let actor = &actor.clone().because_of(Some(format!("sha256 {hash}")));
        // Reading takes a while, and nobody else can write while a transaction that writes is open.
        let spelt = headings(&mut self.store.read().await?).await?;
        let mut sheet = read::read(file, &spelt.others);
        let mut tx = if apply == Apply::Now { self.store.begin().await? } else { self.store.read().await? };
        let mut known = known(&mut tx).await?;
        let mut preview = Preview {
            errors: std::mem::take(&mut sheet.errors),
            warnings: std::mem::take(&mut sheet.warnings),
            before: known.servers.values().filter(|server| server.active).count(),
            ..Preview::default()
        };
        let taken = self.compared(&mut tx, &mut sheet, &mut known, &mut preview).await?;
        let leaving = self.leaving(&mut tx, &mut known, absent, &mut preview).await?;
        let handed = self.handed_over(&mut tx, &known.owners, &taken).await?;
        preview.handed_over = handed.iter().flat_map(owners::HandedOver::told).collect();
        if apply == Apply::Preview || !preview.errors.is_empty() {
            return Ok(preview);
        }
        // Before there are servers: those of a database without headings of its own are looked through for them.
        let headings = headings(&mut tx).await?.with(&sheet.headings, &sheet.others);
        self.keep_taken(&mut tx, known, &taken, actor).await?;
        self.ask_new_owners(&mut tx, handed, actor).await?;
        let mut ended = Vec::new();
        for (server, windows) in leaving {
            ended.extend(self.retire(&mut tx, server, windows, actor).await?);
        }
        self.tell_together(&mut tx, &ended, (&actor.name, actor.channel), None).await?;
        self.audit_import(&mut tx, &hash, &headings, &preview, actor).await?;
        tx.commit().await?;
        Ok(preview)
    }

    /// Each server of a file beside what the database has, which is taken out of what is known.
    async fn compared(
        &self,
        tx: &mut Tx,
        sheet: &mut Sheet,
        known: &mut Known,
        preview: &mut Preview,
    ) -> Result<Vec<Taken>, Failure> {
        let entries = std::mem::take(&mut sheet.entries);
        let planned = self.known_windows(tx, &entries).await?;
        let Known { servers, owners, .. } = known;
        let mut taken = Vec::with_capacity(entries.len());
        // Ids are given in the order of the file: new rows then come to the end of the database's indexes.
        let beside = entries.into_iter().map(|entry| {
            let old = servers.remove(&entry.name);
            let id = old.as_ref().map_or_else(|| self.server_id(), |old| old.id);
            Beside { entry, old, id }
        });
        let parts = side_by_side(by_thousands(beside), |part| {
            let (mut preview, mut meanings) = (Preview::default(), Meanings::default());
            let taken: Vec<Taken> = part
                .into_iter()
                .map(|one| self.taken(one, sheet, owners, &planned, &mut meanings, &mut preview))
                .collect();
            (taken, preview)
        });
        for (more, part) in parts {
            taken.extend(more);
            preview.add(part);
        }
        Ok(taken)
    }

    fn taken(
        &self,
        one: Beside,
        sheet: &Sheet,
        owners: &HashMap<ServerId, Vec<(Rank, Address)>>,
        planned: &windows::Known,
        meanings: &mut Meanings,
        preview: &mut Preview,
    ) -> Taken {
        let Beside { entry, old, id } = one;
        let before = old.as_ref().and_then(|old| owners.get(&old.id)).map_or(&[][..], Vec::as_slice);
        let (mut server, represented) = compare::server(sheet, &entry, old.as_ref(), id, planned, meanings);
        let changes = match &old {
            Some(old) => compare::differences(sheet, old, &server, before, &entry, represented, meanings),
            None => Vec::new(),
        };
        match (&old, changes.is_empty()) {
            (None, _) => preview.new.push(entry.name.clone()),
            (Some(_), true) => preview.unchanged = preview.unchanged.saturating_add(1),
            (Some(_), false) => preview.changed.push((entry.name.clone(), changes.clone())),
        }
        let windows = self.windows_from(&entry, &server, planned, preview);
        compare::keep_unplanned(&mut server, sheet, &entry, &windows);
        let owners = owning(sheet, &entry, before);
        let patcher = patcher(&server);
        Taken { known: old.is_some(), server, changes, owners, patcher, windows }
    }

    /// Names the servers that the file does not have; the result is those that leave, with their open windows.
    async fn leaving(
        &self,
        tx: &mut Tx,
        known: &mut Known,
        absent: Absent,
        preview: &mut Preview,
    ) -> Result<Vec<(Server, Vec<Window>)>, Failure> {
        let mut leaving = Vec::new();
        let missing = std::mem::take(&mut known.servers).into_values();
        for server in missing.filter(|server| server.active) {
            preview.absent.push(server.name.clone());
            if absent == Absent::Stay {
                continue;
            }
            let mut windows = tx.windows_of_server(server.id).await?;
            windows.retain(|window| !window.state.is_settled());
            for window in &windows {
                if window.can_be_cancelled() {
                    preview.cancelled.push(format!(
                        "{} {}: {}",
                        server.name,
                        window.quarter,
                        window.state.phrase()
                    ));
                } else {
                    preview.errors.push(Problem {
                        line: 1,
                        column: None,
                        sentence: format!(
                            "{} is being patched now and cannot leave; wait until it is done",
                            server.name
                        ),
                    });
                }
            }
            leaving.push((server, windows));
        }
        Ok(leaving)
    }

    /// Takes a server out: its open windows end; what its owners are to be told of them.
    async fn retire(
        &self,
        tx: &mut Tx,
        mut server: Server,
        windows: Vec<Window>,
        actor: &Actor,
    ) -> Result<Vec<Done>, Failure> {
        let mut done = Vec::new();
        for window in windows {
            let ended = window
                .clone()
                .cancel("the server left the inventory")
                .map_err(|error| Failure::Bug(format!("{}: {error}", server.name)))?;
            let sentence = format!(
                "{}'s window of {} was cancelled: it left the inventory.",
                server.name, window.quarter
            );
            let change = Change { decided: Decided::Cancelled, before: window.plan, window: ended, sentence };
            let deed = Deed { actor, words: None, reason: None, request: None };
            self.commit_change(tx, &server, &window, &change, deed).await?;
            // Nobody waits for a window that has no time.
            if window.plan.is_some() {
                done.push(Done { server: server.clone(), change, reason: None, undo_until: None });
            }
        }
        server.active = false;
        tx.update_server(&server, self.now()).await?;
        let sentence = format!("{} left the inventory.", server.name);
        self.audit_server(tx, &server.name, sentence, None, actor).await?;
        Ok(done)
    }

    async fn audit_server(
        &self,
        tx: &mut Tx,
        name: &str,
        sentence: String,
        before: Option<serde_json::Value>,
        actor: &Actor,
    ) -> Result<(), Failure> {
        tx.append_audit(&AuditEvent {
            at: self.now(),
            actor: actor.clone(),
            what: What::InventoryImported,
            subject: name.to_owned(),
            sentence,
            words: None,
            before,
            after: None,
        })
        .await?;
        Ok(())
    }

    /// Writes the servers, their owners and their windows, many at once.
    async fn keep_taken(
        &self,
        tx: &mut Tx,
        known: Known,
        taken: &[Taken],
        actor: &Actor,
    ) -> Result<(), Failure> {
        let mut people = known.people;
        for mail in taken.iter().filter(|one| one.is_touched()).flat_map(Taken::people) {
            if !people.contains_key(mail) {
                people.insert(mail.clone(), self.person_for(tx, mail).await?.id);
            }
        }
        let new: Vec<&Server> = taken.iter().filter(|one| !one.known).map(|one| &one.server).collect();
        tx.insert_servers(&new, self.now()).await?;
        let mut ownerships = Vec::new();
        for one in taken.iter().filter(|one| one.is_touched()) {
            let owners = one.owners(&people);
            if one.known {
                tx.update_server(&one.server, self.now()).await?;
                tx.set_owners(one.server.id, &owners).await?;
                let sentence =
                    format!("{} was changed by the import: {}.", one.server.name, one.changes.join("; "));
                self.audit_server(tx, &one.server.name, sentence, None, actor).await?;
            } else {
                ownerships.extend(owners.into_iter().map(|owner| (one.server.id, owner)));
            }
        }
        tx.insert_ownerships(&ownerships).await?;
        let mut fresh = Vec::new();
        let mut due: HashMap<Quarter, Vec<(Subject, Option<Due>)>> = HashMap::new();
        for one in taken {
            for (window, is_new) in &one.windows {
                let next = next_for_window(window, self.policy(&one.server), None, self.now());
                due.entry(window.quarter).or_default().push((Subject::Window(window.id), next));
                if *is_new {
                    fresh.push(window.clone());
                } else {
                    tx.update_window(window).await?;
                }
            }
        }
        tx.insert_windows(&fresh).await?;
        for (quarter, due) in due {
            tx.put_many_due(quarter, &due).await?;
        }
        Ok(())
    }

    async fn audit_import(
        &self,
        tx: &mut Tx,
        hash: &str,
        headings: &Headings,
        preview: &Preview,
        actor: &Actor,
    ) -> Result<(), Failure> {
        let value =
            serde_json::to_value(headings).map_err(|error| Failure::Bug(format!("{HEADINGS}: {error}")))?;
        tx.put_configuration(HEADINGS, &value, self.now()).await?;
        tx.put_configuration(INVENTORY, &json!([self.now(), hash]), self.now()).await?;
        tx.append_audit(&AuditEvent {
            at: self.now(),
            actor: actor.clone(),
            what: What::InventoryImported,
            subject: "inventory".to_owned(),
            sentence: format!(
                "An inventory was imported: {} new, {} changed, {} unchanged, {} conflicts.",
                preview.new.len(),
                preview.changed.len(),
                preview.unchanged,
                preview.conflicts.len()
            ),
            words: None,
            before: None,
            after: Some(
                json!({ "new": preview.new, "windows": preview.windows, "conflicts": preview.conflicts }),
            ),
        })
        .await?;
        Ok(())
    }
}

impl Preview {
    /// Adds what the next part of a file would change.
    fn add(&mut self, part: Self) {
        self.new.extend(part.new);
        self.changed.extend(part.changed);
        self.unchanged = self.unchanged.saturating_add(part.unchanged);
        self.windows.extend(part.windows);
        self.conflicts.extend(part.conflicts);
        self.errors.extend(part.errors);
        self.warnings.extend(part.warnings);
    }
}

impl Taken {
    fn is_touched(&self) -> bool {
        !self.known || !self.changes.is_empty()
    }

    /// Everybody whom the file names.
    fn people(&self) -> impl Iterator<Item = &Address> {
        self.owners.iter().map(|(_, mail)| mail).chain(&self.patcher)
    }

    fn owners(&self, people: &HashMap<Address, PersonId>) -> Vec<Ownership> {
        let known =
            |(rank, mail): &(Rank, Address)| Some(Ownership { person: *people.get(mail)?, rank: *rank });
        self.owners.iter().filter_map(known).collect()
    }
}

/// The owners as they will be: those of the file, and those that stay because the file has no column for them.
fn owning(sheet: &Sheet, entry: &Entry, before: &[(Rank, Address)]) -> Vec<(Rank, Address)> {
    let of_file = [
        (Rank::Primary, Column::PrimaryOwner, &entry.primary),
        (Rank::Secondary, Column::SecondaryOwner, &entry.secondary),
    ];
    let present = |rank: Rank| before.iter().find(|(of, _)| *of == rank).map(|(_, mail)| mail);
    of_file
        .into_iter()
        .filter_map(|(rank, column, mail)| {
            let mail = if sheet.tells(column) { mail.as_ref() } else { present(rank) };
            Some((rank, mail?.clone()))
        })
        .collect()
}

async fn known(tx: &mut Tx) -> Result<Known, Failure> {
    let servers: BTreeMap<String, Server> =
        tx.all_servers().await?.into_iter().map(|server| (server.name.clone(), server)).collect();
    let mails: HashMap<PersonId, Address> =
        tx.all_people().await?.into_iter().filter_map(|person| Some((person.id, person.mail?))).collect();
    let mut owners: HashMap<ServerId, Vec<(Rank, Address)>> = HashMap::new();
    for (server, ownership) in tx.all_ownerships().await? {
        if let Some(mail) = mails.get(&ownership.person) {
            owners.entry(server).or_default().push((ownership.rank, mail.clone()));
        }
    }
    let people = mails.into_iter().map(|(person, mail)| (mail, person)).collect();
    Ok(Known { servers, owners, people })
}

/// Who patches a server, when the inventory says so.
pub(crate) fn patcher(server: &Server) -> Option<Address> {
    let mut cells = server.attributes.iter();
    let named = |heading: &str| {
        ["patcheremail", "patchermail", "patcher"].iter().any(|name| same_heading(heading, name))
    };
    let mail = cells.find(|(heading, _)| named(heading));
    mail.and_then(|(_, mail)| Address::parse(mail).ok())
}
