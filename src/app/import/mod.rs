//! Importing an inventory: a preview against the database, and all of it or nothing.

pub(crate) mod read;

use std::collections::BTreeMap;

use chrono::NaiveDateTime;

use super::{App, Failure};
use crate::domain::answer::Channel;
use crate::domain::calendar::{instant, plan_at};
use crate::domain::chain::sha256;
use crate::domain::event::{Actor, AuditEvent, What};
use crate::domain::person::Address;
use crate::domain::quarter::Quarter;
use crate::domain::server::{Ownership, Rank, Reach, Server};
use crate::domain::timeline::next_for_window;
use crate::domain::window::{Approval, Approver, Plan, Window, WindowState};
use crate::store::Tx;
use crate::store::records::Subject;
pub use read::Problem;
use read::{Entry, FileStatus, QuarterCell};

/// What a file would change, and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    /// Servers that are not in the database yet.
    pub new: Vec<String>,
    /// Servers that would change, with each change as `zone: UTC → Europe/Berlin`.
    pub changed: Vec<(String, Vec<String>)>,
    /// How many servers stay as they are.
    pub unchanged: usize,
    /// Active servers of the database that the file does not have; they stay.
    pub absent: Vec<String>,
    /// Windows that the file gives a time, as `web01 2027-Q1 2026-12-03 20:00`.
    pub windows: Vec<String>,
    /// Where a decision that was taken in patchbot stands against the file; the decision stays.
    pub conflicts: Vec<String>,
    /// What is wrong; with any of it nothing is applied.
    pub errors: Vec<Problem>,
    /// What is odd, and does no harm.
    pub warnings: Vec<Problem>,
}

/// What is to happen with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apply {
    /// Show what it would change.
    Preview,
    /// Change it, when there is no error.
    Now,
}

impl App {
    /// Compares a file with the database, and applies it when asked to and nothing is wrong with it.
    ///
    /// # Errors
    /// When the database does not answer; then nothing was changed.
    pub async fn import(&self, file: &[u8], apply: Apply, actor: &Actor) -> Result<Preview, Failure> {
        let sheet = read::read(file);
        let mut preview = Preview { errors: sheet.errors, warnings: sheet.warnings, ..Preview::default() };
        let mut tx = if apply == Apply::Now { self.store.begin().await? } else { self.store.read().await? };
        let known: BTreeMap<String, Server> =
            tx.all_servers().await?.into_iter().map(|server| (server.name.clone(), server)).collect();
        let mut owners: BTreeMap<_, Vec<(Rank, String)>> = BTreeMap::new();
        let people: BTreeMap<_, String> = tx
            .all_people()
            .await?
            .into_iter()
            .filter_map(|person| Some((person.id, person.mail?.to_string())))
            .collect();
        for (server, ownership) in tx.all_ownerships().await? {
            let mail = people.get(&ownership.person).cloned().unwrap_or_default();
            owners.entry(server).or_default().push((ownership.rank, mail));
        }
        let mut planned = Vec::new();
        for entry in sheet.entries {
            let old = known.get(&entry.name);
            let old_owners = old.and_then(|server| owners.get(&server.id)).map_or(&[][..], Vec::as_slice);
            let server = self.server_from(&entry, old);
            let changes = old.map(|old| differences(old, &server, old_owners, &entry)).unwrap_or_default();
            match (old, changes.is_empty()) {
                (None, _) => preview.new.push(entry.name.clone()),
                (Some(_), true) => preview.unchanged = preview.unchanged.saturating_add(1),
                (Some(_), false) => preview.changed.push((entry.name.clone(), changes.clone())),
            }
            let touched = old.is_none() || !changes.is_empty();
            let windows = self.windows_from(&mut tx, &entry, &server, old.is_some(), &mut preview).await?;
            planned.push((entry, server, touched, windows));
        }
        let named: Vec<&str> = planned.iter().map(|(entry, ..)| entry.name.as_str()).collect();
        let mut absent: Vec<String> =
            known.values().filter(|server| server.active).map(|server| server.name.clone()).collect();
        absent.retain(|name| named.binary_search(&name.as_str()).is_err() && !named.contains(&name.as_str()));
        preview.absent = absent;
        if apply == Apply::Preview || !preview.errors.is_empty() {
            return Ok(preview);
        }
        for (entry, server, touched, windows) in planned {
            if touched {
                self.keep_server(&mut tx, &entry, &server, known.contains_key(&entry.name)).await?;
            }
            for (window, is_new) in windows {
                self.keep_window(&mut tx, &server, window, is_new).await?;
            }
        }
        self.audit_import(&mut tx, file, &preview, actor).await?;
        tx.commit().await?;
        Ok(preview)
    }

    fn server_from(&self, entry: &Entry, old: Option<&Server>) -> Server {
        Server {
            id: old.map_or_else(|| self.server_id(), |old| old.id),
            name: entry.name.clone(),
            zone: entry.zone,
            host_group: entry.group.clone(),
            environment: entry.environment.clone(),
            operating_system: entry.system.clone(),
            reach: Reach {
                address: entry.address.clone(),
                port: entry.port,
                user: entry.user.clone(),
                jump: entry.jump.clone(),
            },
            host_key: old.and_then(|old| old.host_key.clone()),
            reboot: entry.reboot,
            attributes: entry.attributes.clone(),
            active: true,
            version: old.map_or(0, |old| old.version),
        }
    }

    async fn keep_server(
        &self,
        tx: &mut Tx,
        entry: &Entry,
        server: &Server,
        known: bool,
    ) -> Result<(), Failure> {
        if known {
            tx.update_server(server, self.now()).await?;
        } else {
            tx.insert_server(server, self.now()).await?;
        }
        let mut owners: Vec<Ownership> = Vec::new();
        for (rank, mail) in [(Rank::Primary, &entry.primary), (Rank::Secondary, &entry.secondary)] {
            if let Some(mail) = mail {
                let person = self.person_for(tx, mail).await?.id;
                owners.push(Ownership { person, rank });
            }
        }
        // Who patches a server is written to when its pre-checks fail, and decides nothing.
        if let Some(patcher) = patcher(server) {
            self.person_for(tx, &patcher).await?;
        }
        Ok(tx.set_owners(server.id, &owners).await?)
    }

    /// The windows that a file's dates make: of quarters that are not over, and only where no decision stands against it.
    async fn windows_from(
        &self,
        tx: &mut Tx,
        entry: &Entry,
        server: &Server,
        known: bool,
        preview: &mut Preview,
    ) -> Result<Vec<(Window, bool)>, Failure> {
        let mut windows = Vec::new();
        let today = self.now().with_timezone(&server.zone).date_naive();
        for (cell, number) in entry.quarters.iter().zip(1_u8..) {
            let (Some(date), Some(time)) = (cell.date, cell.time) else { continue };
            let quarter = self.quarters.of(date);
            if quarter.number() != number {
                preview.warnings.push(Problem {
                    line: entry.line,
                    column: Some(format!("q{number}_patch_date")),
                    sentence: format!(
                        "{date} lies in {quarter}, not in a Q{number}; it is kept as text and plans nothing"
                    ),
                });
                continue;
            }
            if date < today {
                continue;
            }
            let plan = match instant(server.zone, date.and_time(time)) {
                Ok(at) => plan_at(at, server.zone, self.policy(server).window_length),
                Err(refusal) => {
                    preview.errors.push(Problem {
                        line: entry.line,
                        column: Some(format!("q{number}_patch_time")),
                        sentence: format!("{refusal} {}", refusal.next().join(" ")),
                    });
                    continue;
                }
            };
            if plan.starts_at <= self.now() {
                continue;
            }
            let present = if known { tx.window_of(server.id, quarter).await? } else { None };
            if let Some(window) = self.window_from(cell, plan, quarter, server, present.clone(), preview) {
                preview.windows.push(format!(
                    "{} {quarter} {}",
                    server.name,
                    plan.local.format("%Y-%m-%d %H:%M")
                ));
                windows.push((window, present.is_none()));
            }
        }
        Ok(windows)
    }

    fn window_from(
        &self,
        cell: &QuarterCell,
        plan: Plan,
        quarter: Quarter,
        server: &Server,
        present: Option<Window>,
        preview: &mut Preview,
    ) -> Option<Window> {
        let same_time = |window: &Window| window.plan.is_some_and(|old| old.starts_at == plan.starts_at);
        match present {
            Some(window) if same_time(&window) => None,
            Some(window) if window.state != WindowState::Unscheduled => {
                let now: NaiveDateTime = window.plan.map_or(plan.local, |plan| plan.local);
                preview.conflicts.push(format!(
                    "{} {quarter}: the file says {}, patchbot has {} ({}); patchbot's stays",
                    server.name,
                    plan.local.format("%Y-%m-%d %H:%M"),
                    now.format("%Y-%m-%d %H:%M"),
                    window.state.phrase(),
                ));
                None
            }
            present => {
                let window =
                    present.unwrap_or_else(|| Window::unscheduled(self.window_id(), server.id, quarter));
                let window = window.with_plan(plan);
                let approved = matches!(cell.approval, Some(FileStatus::Approved | FileStatus::AutoApproved));
                if !approved {
                    return Some(window);
                }
                let approval = Approval {
                    by: Approver::File,
                    channel: Channel::Import,
                    revision: window.revision,
                    at: self.now(),
                    with: Vec::new(),
                };
                window.approve(approval).ok()
            }
        }
    }

    async fn keep_window(
        &self,
        tx: &mut Tx,
        server: &Server,
        window: Window,
        is_new: bool,
    ) -> Result<(), Failure> {
        if is_new {
            tx.insert_window(&window).await?;
        } else {
            tx.update_window(&window).await?;
        }
        let due = next_for_window(&window, self.policy(server), None, self.now());
        Ok(tx.put_due(Subject::Window(window.id), window.quarter, due).await?)
    }

    async fn audit_import(
        &self,
        tx: &mut Tx,
        file: &[u8],
        preview: &Preview,
        actor: &Actor,
    ) -> Result<(), Failure> {
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
            words: Some(format!("sha256 {}", sha256(file))),
            before: None,
            after: None,
        })
        .await?;
        Ok(())
    }
}

/// Who patches a server, when the inventory says so.
pub(crate) fn patcher(server: &Server) -> Option<Address> {
    server.attributes.get("patcher_email").and_then(|mail| Address::parse(mail).ok())
}

fn differences(old: &Server, new: &Server, owners: &[(Rank, String)], entry: &Entry) -> Vec<String> {
    let mut changes = Vec::new();
    let mut compare = |what: &str, before: Option<String>, after: Option<String>| {
        if before != after {
            let shown = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
            changes.push(format!("{what}: {} → {}", shown(before), shown(after)));
        }
    };
    let owner = |rank: Rank| owners.iter().find(|(of, _)| *of == rank).map(|(_, mail)| mail.clone());
    compare("zone", Some(old.zone.name().to_owned()), Some(new.zone.name().to_owned()));
    compare("primary owner", owner(Rank::Primary), entry.primary.as_ref().map(ToString::to_string));
    compare("secondary owner", owner(Rank::Secondary), entry.secondary.as_ref().map(ToString::to_string));
    compare("host group", old.host_group.clone(), new.host_group.clone());
    compare("environment", old.environment.clone(), new.environment.clone());
    compare("operating system", old.operating_system.clone(), new.operating_system.clone());
    compare("address", old.reach.address.clone(), new.reach.address.clone());
    compare(
        "SSH port",
        old.reach.port.map(|port| port.to_string()),
        new.reach.port.map(|port| port.to_string()),
    );
    compare("SSH user", old.reach.user.clone(), new.reach.user.clone());
    compare("jump host", old.reach.jump.clone(), new.reach.jump.clone());
    compare(
        "reboot rule",
        old.reboot.map(|rule| rule.as_str().to_owned()),
        new.reboot.map(|rule| rule.as_str().to_owned()),
    );
    compare("in the inventory", Some(yes_no(old.active)), Some(yes_no(new.active)));
    let keys: std::collections::BTreeSet<&String> =
        old.attributes.keys().chain(new.attributes.keys()).collect();
    for key in keys {
        compare(key, old.attributes.get(key).cloned(), new.attributes.get(key).cloned());
    }
    changes
}

fn yes_no(value: bool) -> String {
    if value { "yes".to_owned() } else { "no".to_owned() }
}
