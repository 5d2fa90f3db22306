//! Exporting the inventory with the columns that files have, so that a spreadsheet round-trips.

use std::collections::{BTreeMap, BTreeSet};

use super::{App, Failure};
use crate::domain::server::{Rank, Server};
use crate::domain::window::{Window, WindowState};

/// The columns that patchbot keeps itself, in the order of typical files.
const COLUMNS: [&str; 12] = [
    "server_name", "primary_owner", "secondary_owner", "server_timezone", "host_group", "environment",
    "operating_system", "ip_address", "ssh_port", "ssh_user", "jump_host", "reboot_rule",
];

impl App {
    /// The active servers as CSV.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn export(&self) -> Result<String, Failure> {
        let mut tx = self.store.read().await?;
        let people: BTreeMap<_, String> = tx
            .all_people()
            .await?
            .into_iter()
            .filter_map(|person| Some((person.id, person.mail?.to_string())))
            .collect();
        let mut owners: BTreeMap<_, BTreeMap<Rank, String>> = BTreeMap::new();
        for (server, ownership) in tx.all_ownerships().await? {
            if let Some(mail) = people.get(&ownership.person) {
                owners.entry(server).or_default().insert(ownership.rank, mail.clone());
            }
        }
        let mut servers: Vec<Server> = tx.all_servers().await?;
        servers.retain(|server| server.active);
        let mut rows = Vec::with_capacity(servers.len());
        for server in servers {
            let mut cells = attributes(&server);
            for window in tx.windows_of_server(server.id).await?.into_iter().rev() {
                overlay(&mut cells, &window);
            }
            let mut known = |name: &str, value: Option<String>| {
                if let Some(value) = value {
                    cells.insert(name.to_owned(), value);
                }
            };
            let owner = |rank: Rank| owners.get(&server.id).and_then(|ranks| ranks.get(&rank)).cloned();
            known("server_name", Some(server.name.clone()));
            known("primary_owner", owner(Rank::Primary));
            known("secondary_owner", owner(Rank::Secondary));
            known("server_timezone", Some(server.zone.name().to_owned()));
            known("host_group", server.host_group.clone());
            known("environment", server.environment.clone());
            known("operating_system", server.operating_system.clone());
            known("ip_address", server.reach.address.clone());
            known("ssh_port", server.reach.port.map(|port| port.to_string()));
            known("ssh_user", server.reach.user.clone());
            known("jump_host", server.reach.jump.clone());
            known("reboot_rule", server.reboot.map(|rule| rule.as_str().to_owned()));
            rows.push(cells);
        }
        Ok(written(&rows))
    }
}

/// The other columns of the inventory; a quarter's cells under their usual headings.
fn attributes(server: &Server) -> BTreeMap<String, String> {
    server
        .attributes
        .iter()
        .map(|(heading, cell)| {
            let folded = heading.trim().to_lowercase().replace([' ', '-'], "_");
            let usual =
                folded.starts_with('q') && folded.contains("_patch_") || folded.ends_with("_approval_status");
            (if usual { folded } else { heading.clone() }, cell.clone())
        })
        .collect()
}

/// Puts what patchbot knows of a window over what the file said of its quarter.
fn overlay(cells: &mut BTreeMap<String, String>, window: &Window) {
    let Some(plan) = &window.plan else { return };
    let number = window.quarter.number();
    cells.insert(format!("q{number}_patch_date"), plan.local.format("%Y-%m-%d").to_string());
    cells.insert(format!("q{number}_patch_time"), plan.local.format("%H:%M").to_string());
    cells.insert(format!("q{number}_approval_status"), file_status(&window.state).to_owned());
}

fn file_status(state: &WindowState) -> &'static str {
    use super::import::read::FileStatus;
    let status = match state {
        WindowState::Unscheduled | WindowState::Proposed => FileStatus::Pending,
        WindowState::Approved(_) if state.as_str() == "auto_approved" => FileStatus::AutoApproved,
        WindowState::Approved(_) => FileStatus::Approved,
        WindowState::Locked(_) | WindowState::Running { .. } => FileStatus::Scheduled,
        WindowState::Completed => FileStatus::Completed,
        WindowState::Failed { .. } | WindowState::Missed { .. } | WindowState::NeedsHuman { .. } => {
            FileStatus::Failed
        }
        WindowState::Declined(_) | WindowState::Deferred { .. } | WindowState::Cancelled { .. } => {
            FileStatus::Cancelled
        }
    };
    status.as_str()
}

fn written(rows: &[BTreeMap<String, String>]) -> String {
    let mut headings: Vec<&str> =
        COLUMNS.into_iter().filter(|column| rows.iter().any(|cells| cells.contains_key(*column))).collect();
    let quarters: Vec<String> = (1..=4)
        .flat_map(|number| {
            ["patch_date", "patch_time", "approval_status"].map(|what| format!("q{number}_{what}"))
        })
        .collect();
    headings.extend(
        quarters
            .iter()
            .map(String::as_str)
            .filter(|column| rows.iter().any(|cells| cells.contains_key(*column))),
    );
    let others: BTreeSet<&str> = rows.iter().flat_map(BTreeMap::keys).map(String::as_str).collect();
    let others: Vec<&str> = others.into_iter().filter(|column| !headings.contains(column)).collect();
    headings.extend(others);
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing into memory cannot fail.
    let _ = writer.write_record(&headings);
    for cells in rows {
        let _ = writer
            .write_record(headings.iter().map(|heading| cells.get(*heading).map_or("", String::as_str)));
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}
