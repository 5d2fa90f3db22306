//! Exporting the inventory with the headings that its files have, so that a spreadsheet round-trips.

use std::collections::HashMap;

use super::import::columns::{Column, column_of};
use super::import::read::FileStatus;
use super::selection::{headings, owners};
use super::{App, Failure};
use crate::domain::filter::{Filter, Subject};
use crate::domain::ids::ServerId;
use crate::domain::person::{Address, Person};
use crate::domain::quarter::Quarter;
use crate::domain::server::{Rank, Server};
use crate::domain::window::{Window, WindowState};

/// A heading of the file that is written, and what stands under it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Under {
    Known(Column),
    Attribute,
}

/// An inventory that was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// As CSV.
    pub csv: String,
    /// How many servers are in it.
    pub servers: usize,
}

impl App {
    /// The active servers as CSV, or those among them that fit a filter with their windows of a quarter.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn export(&self, filter: Option<(&Filter, Quarter)>) -> Result<Exported, Failure> {
        let mut tx = self.store.read().await?;
        let headings = headings(&mut tx).await?;
        let mut owners = owners(&mut tx).await?;
        let mut windows: HashMap<ServerId, Vec<Window>> = HashMap::new();
        for window in tx.all_windows().await? {
            windows.entry(window.server).or_default().push(window);
        }
        let mut rows = Vec::new();
        for server in tx.all_servers().await? {
            let windows = windows.remove(&server.id).unwrap_or_default();
            let owners = owners.remove(&server.id).unwrap_or_default();
            let fits = filter.is_none_or(|(filter, quarter)| {
                let window = windows.iter().find(|window| window.quarter == quarter);
                filter.fits(Subject { server: &server, window, owners: &owners })
            });
            if server.active && fits {
                rows.push(Row::new(server, &owners, &windows));
            }
        }
        let csv = written(&headings.all, &rows);
        Ok(Exported { csv, servers: rows.len() })
    }
}

struct Row {
    server: Server,
    primary: Option<Address>,
    secondary: Option<Address>,
    /// The cells of the four quarters: date, time, approval.
    quarters: [[Option<String>; 3]; 4],
}

impl Row {
    fn new(server: Server, owners: &[(Rank, Person)], windows: &[Window]) -> Self {
        let owner = |rank: Rank| {
            owners.iter().find(|(of, _)| *of == rank).and_then(|(_, person)| person.mail.clone())
        };
        let mut quarters = <[[Option<String>; 3]; 4]>::default();
        for (heading, cell) in server.attributes.iter() {
            if let Some((of, which)) = column_of(heading).and_then(place)
                && let Some(place) = quarters.get_mut(of).and_then(|cells| cells.get_mut(which))
            {
                *place = Some(cell.to_owned());
            }
        }
        // What patchbot knows of a window stands over what a file said of its quarter.
        for window in windows {
            let of = usize::from(window.quarter.number()).saturating_sub(1);
            if let (Some(plan), Some(cells)) = (&window.plan, quarters.get_mut(of)) {
                *cells = [
                    Some(plan.local.format("%Y-%m-%d").to_string()),
                    Some(plan.local.format("%H:%M").to_string()),
                    Some(file_status(&window.state).as_str().to_owned()),
                ];
            }
        }
        Self { primary: owner(Rank::Primary), secondary: owner(Rank::Secondary), server, quarters }
    }

    fn cell(&self, heading: &str, under: &Under) -> Option<std::borrow::Cow<'_, str>> {
        let server = &self.server;
        let text = |text: &'_ Option<String>| text.clone().map(Into::into);
        let Under::Known(column) = under else {
            return server.attributes.get(heading).map(Into::into);
        };
        match column {
            Column::Name => Some(server.name.as_str().into()),
            Column::PrimaryOwner => self.primary.as_ref().map(|mail| mail.as_str().into()),
            Column::SecondaryOwner => self.secondary.as_ref().map(|mail| mail.as_str().into()),
            Column::Zone => Some(server.zone.name().into()),
            Column::Group => text(&server.host_group),
            Column::Environment => text(&server.environment),
            Column::System => text(&server.operating_system),
            Column::Address => text(&server.reach.address),
            Column::Port => server.reach.port.map(|port| port.to_string().into()),
            Column::User => text(&server.reach.user),
            Column::Jump => text(&server.reach.jump),
            Column::Reboot => server.reboot.map(|rule| rule.as_str().into()),
            Column::Date(_) | Column::Time(_) | Column::Approval(_) => {
                let (of, which) = place(*column)?;
                self.quarters.get(of)?.get(which)?.as_deref().map(Into::into)
            }
        }
    }
}

/// The quarter (0 to 3) and the place among its cells.
fn place(column: Column) -> Option<(usize, usize)> {
    match column {
        Column::Date(of) => Some((of, 0)),
        Column::Time(of) => Some((of, 1)),
        Column::Approval(of) => Some((of, 2)),
        Column::Name
        | Column::PrimaryOwner
        | Column::SecondaryOwner
        | Column::Zone
        | Column::Group
        | Column::Environment
        | Column::System
        | Column::Address
        | Column::Port
        | Column::User
        | Column::Jump
        | Column::Reboot => None,
    }
}

/// The status that files use for a window's state.
pub(super) fn file_status(state: &WindowState) -> FileStatus {
    match state {
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
    }
}

/// The headings: those of the files, in their order; then what the files had no column for, and any other attribute.
fn columns(headings: &[String], rows: &[Row]) -> Vec<(String, Under)> {
    let under = |heading: &str| column_of(heading).map_or(Under::Attribute, Under::Known);
    let mut columns: Vec<(String, Under)> =
        headings.iter().map(|heading| (heading.clone(), under(heading))).collect();
    for column in Column::all() {
        let (heading, under) = (column.heading(), Under::Known(column));
        let is_needed = matches!(column, Column::Name | Column::Zone)
            || rows.iter().any(|row| row.cell(heading, &under).is_some());
        if is_needed && columns.iter().all(|(_, other)| *other != under) {
            columns.push((heading.to_owned(), under));
        }
    }
    let attributes = rows.iter().flat_map(|row| row.server.attributes.iter());
    let mut others: Vec<&str> = attributes.map(|(heading, _)| heading).collect();
    others.sort_unstable();
    others.dedup();
    for heading in others {
        if column_of(heading).is_none() && columns.iter().all(|(other, _)| other != heading) {
            columns.push((heading.to_owned(), Under::Attribute));
        }
    }
    columns
}

fn written(headings: &[String], rows: &[Row]) -> String {
    let columns = columns(headings, rows);
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing into memory cannot fail.
    let _ = writer.write_record(columns.iter().map(|(heading, _)| heading));
    for row in rows {
        let cells = columns.iter().map(|(heading, under)| row.cell(heading, under).unwrap_or_default());
        let _ = writer.write_record(cells.map(std::borrow::Cow::into_owned));
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}
