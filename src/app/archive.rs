//! What is kept of a quarter outside of the database: its windows with all that was decided and run, and the inventory.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::decide::window_json;
use super::selection::owners;
use super::{App, Failure};
use crate::domain::ids::{RunId, ServerId, WindowId};
use crate::domain::quarter::Quarter;
use crate::domain::server::Server;
use crate::store::records::{DecisionRow, RunRow, StepRow};

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveFile {
    /// Its name, without a folder: `2027-Q1-history.json`.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl App {
    /// The archive of a quarter. The same database makes the same bytes, whenever it is asked.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn archive(&self, quarter: Quarter) -> Result<Vec<ArchiveFile>, Failure> {
        let history = serde_json::to_vec_pretty(&self.history_of(quarter).await?)
            .map_err(|error| Failure::Bug(format!("the archive: {error}")))?;
        let inventory = self.export(None).await?.csv.into_bytes();
        Ok(vec![
            ArchiveFile { name: format!("{quarter}-history.json"), bytes: history },
            ArchiveFile { name: format!("{quarter}-servers.csv"), bytes: inventory },
        ])
    }

    async fn history_of(&self, quarter: Quarter) -> Result<Value, Failure> {
        let mut tx = self.store.read().await?;
        let servers: HashMap<ServerId, Server> =
            tx.all_servers().await?.into_iter().map(|server| (server.id, server)).collect();
        let owners = owners(&mut tx).await?;
        let mut steps: HashMap<RunId, Vec<StepRow>> = HashMap::new();
        for step in tx.steps_of_quarter(quarter).await? {
            steps.entry(step.run).or_default().push(step);
        }
        let mut runs: HashMap<WindowId, Vec<Value>> = HashMap::new();
        for run in tx.runs_of_quarter(quarter).await? {
            let steps = steps.remove(&run.plan.run).unwrap_or_default();
            runs.entry(run.plan.window).or_default().push(run_json(&run, &steps));
        }
        let mut decisions: HashMap<WindowId, Vec<Value>> = HashMap::new();
        for decision in tx.decisions_of_quarter(quarter).await? {
            decisions.entry(decision.window).or_default().push(decision_json(&decision));
        }
        let mut windows = Vec::new();
        for window in tx.windows_of_quarter(quarter).await? {
            let server = servers.get(&window.server);
            let owners = owners.get(&window.server).into_iter().flatten();
            windows.push(json!({
                "server": server.map(|server| &server.name),
                "host_group": server.and_then(|server| server.host_group.as_ref()),
                "environment": server.and_then(|server| server.environment.as_ref()),
                "owners": owners.map(|(rank, person)| json!({ "name": person.name, "rank": rank })).collect::<Vec<_>>(),
                "window": window.id,
                "moves": window.moves,
                "plan": window_json(&window),
                "decisions": decisions.remove(&window.id).unwrap_or_default(),
                "runs": runs.remove(&window.id).unwrap_or_default(),
            }));
        }
        Ok(json!({
            "quarter": quarter,
            "first_day": self.quarters.first_day(quarter),
            "last_day": self.quarters.last_day(quarter),
            "windows": windows,
        }))
    }
}

fn decision_json(row: &DecisionRow) -> Value {
    json!({
        "at": row.decided_at,
        "decided": row.decided.as_str(),
        "by": row.decided_by,
        "channel": row.channel,
        "revision": row.revision,
        "words": row.words,
        "reason": row.reason,
        "sentence": row.sentence,
    })
}

fn run_json(run: &RunRow, steps: &[StepRow]) -> Value {
    let steps = steps.iter().map(|step| {
        json!({
            "step": step.step.as_str(),
            "started_at": step.started_at,
            "ended_at": step.ended_at,
            "outcome": step.outcome,
        })
    });
    json!({
        "run": run.plan.run,
        "revision": run.plan.revision,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "state": run.state,
        "report": run.report,
        "steps": steps.collect::<Vec<_>>(),
    })
}
