//! What a file says of a server beside what the database has. Pure.

use std::collections::{BTreeSet, HashMap};

use super::columns::{Column, column_of};
use super::read::{Entry, Sheet};
use super::windows::Known;
use crate::domain::attributes::Attributes;
use crate::domain::ids::ServerId;
use crate::domain::person::Address;
use crate::domain::policy::RebootRule;
use crate::domain::server::{Rank, Reach, Server};
use crate::domain::window::Window;

/// The quarters (0 to 3) whose cells a window of the database stands for.
pub(super) type Represented = [bool; 4];

/// What the headings of attributes mean: an inventory has few, and each of its servers has them all.
#[derive(Default)]
pub(super) struct Meanings(HashMap<String, Option<Column>>);

impl Meanings {
    fn of(&mut self, heading: &str) -> Option<Column> {
        if let Some(known) = self.0.get(heading) {
            return *known;
        }
        let column = column_of(heading);
        self.0.insert(heading.to_owned(), column);
        column
    }
}

/// The server as it will be. What the file has no column for stays as it is.
pub(super) fn server(
    sheet: &Sheet,
    entry: &Entry,
    old: Option<&Server>,
    id: ServerId,
    windows: &Known,
    meanings: &mut Meanings,
) -> (Server, Represented) {
    let told = |column: Column| old.is_none() || sheet.tells(column);
    let text = |column: Column, before: fn(&Server) -> &Option<String>| {
        if told(column) {
            sheet.cell(entry, column).map(str::to_owned)
        } else {
            old.and_then(|old| before(old).clone())
        }
    };
    let address = if told(Column::Address) {
        entry.address.clone()
    } else {
        old.and_then(|old| old.reach.address.clone())
    };
    let represented = [0, 1, 2, 3].map(|of| old.is_some_and(|old| windows.stands_for(old, entry, of)));
    let server = Server {
        id,
        name: entry.name.clone(),
        zone: entry.zone,
        host_group: text(Column::Group, |server| &server.host_group),
        environment: text(Column::Environment, |server| &server.environment),
        operating_system: text(Column::System, |server| &server.operating_system),
        reach: Reach {
            address,
            port: if told(Column::Port) { entry.port } else { old.and_then(|old| old.reach.port) },
            user: text(Column::User, |server| &server.reach.user),
            jump: text(Column::Jump, |server| &server.reach.jump),
        },
        host_key: old.and_then(|old| old.host_key.clone()),
        reboot: if told(Column::Reboot) { entry.reboot } else { old.and_then(|old| old.reboot) },
        attributes: attributes(sheet, entry, old, represented, meanings),
        active: true,
        version: old.map_or(0, |old| old.version),
    };
    (server, represented)
}

/// The other columns: those of the file, and those of the database that the file does not have.
fn attributes(
    sheet: &Sheet,
    entry: &Entry,
    old: Option<&Server>,
    represented: Represented,
    meanings: &mut Meanings,
) -> Attributes {
    let before = old.into_iter().flat_map(|old| old.attributes.iter());
    let staying = before.filter(|(heading, _)| match meanings.of(heading) {
        // Of a quarter that patchbot has a window for, what an earlier file said does not matter any more.
        Some(column) => !sheet.tells(column) || is_represented(column, represented),
        None => !sheet.others.iter().any(|other| other == heading),
    });
    let kept = sheet.kept(entry).filter(|(_, _, column)| match column {
        Some(column) => !is_represented(*column, represented),
        None => true,
    });
    kept.map(|(heading, cell, _)| (heading, cell)).chain(staying).collect()
}

fn is_represented(column: Column, represented: Represented) -> bool {
    column.quarter().and_then(|of| represented.get(of)).copied().unwrap_or(false)
}

/// A quarter that becomes a window here is not kept as text as well.
pub(super) fn keep_unplanned(server: &mut Server, sheet: &Sheet, entry: &Entry, windows: &[(Window, bool)]) {
    if windows.is_empty() {
        return;
    }
    let is_planned = |column: Column| {
        windows.iter().any(|(window, _)| {
            Some(usize::from(window.quarter.number()).saturating_sub(1)) == column.quarter()
        })
    };
    let planned: Vec<&str> = sheet
        .kept(entry)
        .filter(|(_, _, column)| column.is_some_and(is_planned))
        .map(|(heading, ..)| heading)
        .collect();
    server.attributes = server.attributes.iter().filter(|(heading, _)| !planned.contains(heading)).collect();
}

/// Each change as `zone: UTC → Europe/Berlin`.
pub(super) fn differences(
    sheet: &Sheet,
    old: &Server,
    new: &Server,
    owners: &[(Rank, Address)],
    entry: &Entry,
    represented: Represented,
    meanings: &mut Meanings,
) -> Vec<String> {
    let mut changes = Vec::new();
    let mut compare = |what: &str, before: Option<&str>, after: Option<&str>| {
        if before != after {
            let shown = |value: Option<&str>| value.unwrap_or("nothing").to_owned();
            changes.push(format!("{what}: {} → {}", shown(before), shown(after)));
        }
    };
    let owner = |rank: Rank| owners.iter().find(|(of, _)| *of == rank).map(|(_, mail)| mail.as_str());
    compare("zone", Some(old.zone.name()), Some(new.zone.name()));
    for (what, rank, column, mail) in [
        ("primary owner", Rank::Primary, Column::PrimaryOwner, &entry.primary),
        ("secondary owner", Rank::Secondary, Column::SecondaryOwner, &entry.secondary),
    ] {
        if sheet.tells(column) {
            compare(what, owner(rank), mail.as_ref().map(Address::as_str));
        }
    }
    compare("host group", old.host_group.as_deref(), new.host_group.as_deref());
    compare("environment", old.environment.as_deref(), new.environment.as_deref());
    compare("operating system", old.operating_system.as_deref(), new.operating_system.as_deref());
    compare("address", old.reach.address.as_deref(), new.reach.address.as_deref());
    if old.reach.port != new.reach.port {
        let port = |server: &Server| server.reach.port.map(|port| port.to_string());
        compare("SSH port", port(old).as_deref(), port(new).as_deref());
    }
    compare("SSH user", old.reach.user.as_deref(), new.reach.user.as_deref());
    compare("jump host", old.reach.jump.as_deref(), new.reach.jump.as_deref());
    compare("reboot rule", old.reboot.map(RebootRule::as_str), new.reboot.map(RebootRule::as_str));
    let yes_no = |server: &Server| if server.active { "yes" } else { "no" };
    compare("in the inventory", Some(yes_no(old)), Some(yes_no(new)));
    if old.attributes != new.attributes {
        let both = old.attributes.iter().chain(new.attributes.iter());
        let headings: BTreeSet<&str> = both.map(|(heading, _)| heading).collect();
        for heading in headings {
            let of_window = meanings.of(heading).is_some_and(|column| is_represented(column, represented));
            if !of_window {
                compare(heading, old.attributes.get(heading), new.attributes.get(heading));
            }
        }
    }
    changes
}
