//! The windows that a file's dates make: each in the quarter it belongs to, and never against a decision.

use std::collections::hash_map::Entry::Vacant;
use std::collections::{HashMap, HashSet};

use chrono::{Datelike, NaiveDate};

use super::read::{Entry, FileStatus, QuarterCell};
use super::{Preview, Problem};
use crate::app::export::file_status;
use crate::app::{App, Failure};
use crate::domain::answer::Channel;
use crate::domain::calendar::{instant, plan_at};
use crate::domain::ids::ServerId;
use crate::domain::quarter::Quarter;
use crate::domain::server::Server;
use crate::domain::window::{Approval, Approver, Plan, Window, WindowState};
use crate::store::Tx;

/// Windows are looked for in the quarters of so many years before and after the present one.
const YEARS: i32 = 2;

/// The windows that there are in the quarters of a file's dates.
#[derive(Default)]
pub(super) struct Known {
    windows: HashMap<Quarter, HashMap<ServerId, Window>>,
    /// The quarter of each date: an inventory has few of them, many times over.
    quarters: HashMap<NaiveDate, Quarter>,
}

impl Known {
    fn of(&self, server: ServerId, quarter: Quarter) -> Option<&Window> {
        self.windows.get(&quarter)?.get(&server)
    }

    /// Whether the database has a window with a time in the quarter of a file's date.
    pub(super) fn stands_for(&self, server: &Server, entry: &Entry, of: usize) -> bool {
        let date = entry.quarters.get(of).and_then(|cell| cell.date);
        date.and_then(|date| self.quarters.get(&date)).is_some_and(|quarter| {
            usize::from(quarter.number()) == of.saturating_add(1)
                && self.of(server.id, *quarter).is_some_and(|window| window.plan.is_some())
        })
    }
}

impl App {
    pub(super) async fn known_windows(&self, tx: &mut Tx, entries: &[Entry]) -> Result<Known, Failure> {
        let this_year = self.now().year();
        let near = |date: &NaiveDate| date.year().abs_diff(this_year) <= YEARS.unsigned_abs();
        let mut known = Known::default();
        let dates: HashSet<NaiveDate> =
            entries.iter().flat_map(|entry| entry.quarters).filter_map(|cell| cell.date).collect();
        known.quarters = dates.iter().map(|date| (*date, self.quarters.of(*date))).collect();
        for date in dates.iter().filter(|date| near(date)) {
            let quarter = self.quarters.of(*date);
            if let Vacant(place) = known.windows.entry(quarter) {
                let windows = tx.windows_of_quarter(quarter).await?;
                place.insert(windows.into_iter().map(|window| (window.server, window)).collect());
            }
        }
        Ok(known)
    }

    /// The windows that a file's dates make: of quarters that are not over, and only where no decision stands against
    /// it. Each comes with whether it is new.
    pub(super) fn windows_from(
        &self,
        entry: &Entry,
        server: &Server,
        known: &Known,
        preview: &mut Preview,
    ) -> Vec<(Window, bool)> {
        let mut windows = Vec::new();
        let today = self.now().with_timezone(&server.zone).date_naive();
        for (cell, number) in entry.quarters.iter().zip(1_u8..) {
            let Some(date) = cell.date else { continue };
            let mut odd = |what: &str, sentence: String| {
                let column = Some(format!("q{number}_{what}"));
                preview.warnings.push(Problem { line: entry.line, column, sentence });
            };
            let Some(quarter) = known.quarters.get(&date).copied() else { continue };
            if quarter.number() != number {
                odd(
                    "patch_date",
                    format!(
                        "{date} lies in {quarter}, not in a Q{number}; it is kept as text and plans nothing"
                    ),
                );
                continue;
            }
            if date < today {
                continue;
            }
            if !known.windows.contains_key(&quarter) {
                odd(
                    "patch_date",
                    format!("{date} is more than {YEARS} years ahead; it is kept as text and plans nothing"),
                );
                continue;
            }
            let Some(time) = cell.time else {
                odd("patch_time", format!("{date} has no time; it is kept as text and plans nothing"));
                continue;
            };
            if let Some(status @ (FileStatus::Completed | FileStatus::Failed | FileStatus::Cancelled)) =
                cell.approval
                && known.of(server.id, quarter).is_none()
            {
                odd(
                    "approval_status",
                    format!("{} in the future: it is kept as text and plans nothing", status.as_str()),
                );
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
            let present = known.of(server.id, quarter).cloned();
            let is_new = present.is_none();
            if let Some(window) = self.window_from(cell, plan, quarter, server, present, preview) {
                let time = plan.local.format("%Y-%m-%d %H:%M");
                preview.windows.push(format!("{} {quarter} {time}", server.name));
                windows.push((window, is_new));
            }
        }
        windows
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
        match present {
            Some(window) if window.state != WindowState::Unscheduled => {
                preview.conflicts.extend(conflict(cell, plan, quarter, server, &window));
                None
            }
            present => {
                let window =
                    present.unwrap_or_else(|| Window::unscheduled(self.window_id(), server.id, quarter));
                let window = window.with_plan(plan);
                if !matches!(cell.approval, Some(FileStatus::Approved | FileStatus::AutoApproved)) {
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
}

/// Where a file stands against a window that was proposed or decided about here.
fn conflict(
    cell: &QuarterCell,
    plan: Plan,
    quarter: Quarter,
    server: &Server,
    window: &Window,
) -> Option<String> {
    let time = |plan: Plan| plan.local.format("%Y-%m-%d %H:%M").to_string();
    let same_time = window.plan.is_some_and(|old| old.starts_at == plan.starts_at);
    let says = match cell.approval {
        Some(status) if !status.agrees(file_status(&window.state)) => {
            let at = if same_time { String::new() } else { format!("{} and ", time(plan)) };
            format!("{at}{}", status.as_str())
        }
        _ if same_time => return None,
        _ => time(plan),
    };
    let has = if same_time { String::new() } else { format!("{} ", time(window.plan.unwrap_or(plan))) };
    let phrase = window.state.phrase();
    let phrase = if same_time { format!("\"{phrase}\"") } else { format!("({phrase})") };
    Some(format!(
        "{} {quarter}: the file says {says}, patchbot has {has}{phrase}; patchbot's stays",
        server.name
    ))
}
