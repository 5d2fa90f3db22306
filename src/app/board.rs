//! The board of the present night, read from the database.

use std::collections::BTreeMap;

use super::{App, Failure};
use crate::domain::board::{Board, Trouble, UnderWay, Wave, night_of};
use crate::domain::occupancy::hour_of;
use crate::domain::sheet::{Counts, Standing};
use crate::domain::window::{Window, WindowState};
use crate::store::Tx;

/// So long before its first start a night is shown: when its pre-checks begin.
const AHEAD: chrono::TimeDelta = chrono::TimeDelta::hours(6);

impl App {
    /// The board of the present night; nothing when nothing is patched in it, or not for hours.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn board(&self) -> Result<Option<Board>, Failure> {
        let now = self.now();
        let (evening, from, to) = night_of(now, self.zone);
        let mut tx = self.store.read().await?;
        let mut windows = tx.windows_starting(from, to).await?;
        // Who was left out before is no part of the night.
        windows.retain(|window| Standing::of_state(window.state.as_str()) != Standing::Out);
        let first = windows.iter().filter_map(|window| window.plan.map(|plan| plan.starts_at)).min();
        if first.is_none_or(|first| first - AHEAD > now) {
            return Ok(None);
        }
        let mut board =
            Board { evening, zone: self.zone, trouble: Vec::new(), under_way: Vec::new(), waves: Vec::new() };
        let mut waves: BTreeMap<_, Counts> = BTreeMap::new();
        for window in &windows {
            if let Some(plan) = window.plan {
                let standing = Standing::of_state(window.state.as_str());
                waves.entry(hour_of(plan.starts_at)).or_default().add(standing, 1);
            }
            self.put_on(&mut tx, &mut board, window).await?;
        }
        board.waves = waves.into_iter().map(|(hour, counts)| Wave { hour, counts }).collect();
        Ok(Some(board))
    }

    async fn put_on(&self, tx: &mut Tx, board: &mut Board, window: &Window) -> Result<(), Failure> {
        match &window.state {
            WindowState::Running { run } => {
                let server = tx.server_by_id(window.server).await?.name;
                let run = tx.run_by_id(*run).await?;
                let steps = tx.steps_of(run.plan.run).await?;
                let last = steps.last();
                let held_by = last_consent(tx, window).await?;
                board.under_way.push(UnderWay {
                    server,
                    step: last.map(|step| step.step),
                    since: last.map_or(run.started_at, |step| step.started_at),
                    held_by,
                });
            }
            WindowState::Failed { .. } | WindowState::NeedsHuman { .. } | WindowState::Missed { .. } => {
                let server = tx.server_by_id(window.server).await?.name;
                board.trouble.push(Trouble {
                    what: window.state.phrase(),
                    next: format!(
                        "\"why {server}\" tells more; \"retry {server}\" or \"skip {server}\" is next."
                    ),
                    server,
                });
            }
            WindowState::Unscheduled
            | WindowState::Proposed
            | WindowState::Approved(_)
            | WindowState::Locked(_)
            | WindowState::Completed
            | WindowState::Declined(_)
            | WindowState::Deferred { .. }
            | WindowState::Cancelled { .. } => {}
        }
        Ok(())
    }
}

/// Who said yes to what is under way.
async fn last_consent(tx: &mut Tx, window: &Window) -> Result<String, Failure> {
    let decisions = tx.decisions_of(window.id).await?;
    let last = decisions.iter().rev().find(|decision| decision.revision == window.revision);
    Ok(last.map_or_else(
        || "the imported inventory".to_owned(),
        |decision| format!("{} {}", decision.decided_by, decision.channel.phrase()),
    ))
}
