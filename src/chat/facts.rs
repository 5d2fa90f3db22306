//! What a window's card tells, read from the database at the moment it is drawn.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::app::{App, Failure};
use crate::domain::answer::Channel;
use crate::domain::decision::Decided;
use crate::domain::event::What;
use crate::domain::ids::WindowId;
use crate::domain::occupancy::hour_of;
use crate::domain::person::Identity;
use crate::domain::policy::Policy;
use crate::domain::server::Server;
use crate::domain::window::Window;
use crate::store::Tx;
use crate::store::error::StoreError;
use crate::store::records::{PrecheckRow, RunRow};

/// The last decision about a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastDecision {
    /// What was decided.
    pub what: Decided,
    /// By whom.
    pub by: String,
    /// Through which channel.
    pub channel: Channel,
    /// When.
    pub at: DateTime<Utc>,
    /// The reason given.
    pub reason: Option<String>,
    /// When it was moved: the start before.
    pub before: Option<DateTime<Utc>>,
}

/// What else is patched in the hour in which a window starts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Beside {
    /// Servers of the same host group, by name.
    pub group: Vec<String>,
    /// How many other servers in all.
    pub all: usize,
}

/// So many servers of an hour are looked at one by one; more are only counted.
const MOST_LOOKED_AT: usize = 30;

/// Everything that a card tells about a window.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The server.
    pub server: Server,
    /// The window.
    pub window: Window,
    /// The rules of its host group.
    pub policy: Policy,
    /// The quarter in words: `2027-Q1 (1 Nov 2026 to 31 Jan 2027)`.
    pub quarter: String,
    /// Who may answer, the primary owner first.
    pub owners: Vec<String>,
    /// The last decision, when there is one.
    pub decision: Option<LastDecision>,
    /// The operator who moved it across a freeze, and must not approve it.
    pub crossed_by: Option<String>,
    /// The last look at the server before the window.
    pub check: Option<PrecheckRow>,
    /// The window's last run.
    pub run: Option<RunRow>,
    /// What else is patched in the hour in which it starts.
    pub beside: Beside,
    /// The zone of the one reader, when it is known.
    pub reader: Option<Tz>,
    /// The present instant.
    pub now: DateTime<Utc>,
}

impl Facts {
    /// Reads a window with all that belongs to it; nothing when there is no such window.
    ///
    /// # Errors
    /// When the database does not answer or holds something unexpected.
    pub async fn load(
        app: &App,
        window: WindowId,
        reader: Option<&Identity>,
    ) -> Result<Option<Self>, Failure> {
        let mut tx = app.store.read().await?;
        let window = match tx.window_by_id(window).await {
            Ok(window) => window,
            Err(StoreError::Missing(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let server = tx.server_by_id(window.server).await?;
        let mut owners = Vec::new();
        for owner in tx.owners_of(server.id).await? {
            owners.push(tx.person_by_id(owner.person).await?.name);
        }
        let crossed_by = match window.crossed_by {
            Some(person) => Some(tx.person_by_id(person).await?.name),
            None => None,
        };
        let reader = match reader {
            Some(identity) => tx.person_by_identity(identity).await?.and_then(|person| person.zone),
            None => None,
        };
        let runs = tx.runs_of_server(server.id).await?;
        Ok(Some(Self {
            policy: app.policy(&server).clone(),
            quarter: app.quarters.describe(window.quarter),
            decision: last_decision(&mut tx, &server, &window).await?,
            beside: beside(&mut tx, &server, &window).await?,
            check: tx.latest_precheck(server.id).await?.filter(|check| check.window == Some(window.id)),
            run: runs.into_iter().find(|run| run.plan.window == window.id),
            server,
            window,
            owners,
            crossed_by,
            reader,
            now: app.now(),
        }))
    }
}

async fn beside(tx: &mut Tx, server: &Server, window: &Window) -> Result<Beside, Failure> {
    let Some(plan) = window.plan.filter(|_| !window.state.is_settled()) else { return Ok(Beside::default()) };
    let hour = hour_of(plan.starts_at);
    let mut others = tx.windows_starting(hour, hour + chrono::TimeDelta::hours(1)).await?;
    others.retain(|other| other.id != window.id && !other.state.is_settled());
    let mut group = Vec::new();
    for other in others.iter().take(MOST_LOOKED_AT) {
        let other = tx.server_by_id(other.server).await?;
        if other.host_group.is_some() && other.host_group == server.host_group {
            group.push(other.name);
        }
    }
    Ok(Beside { group, all: others.len() })
}

async fn last_decision(
    tx: &mut Tx,
    server: &Server,
    window: &Window,
) -> Result<Option<LastDecision>, Failure> {
    let Some(row) = tx.decisions_of(window.id).await?.pop() else { return Ok(None) };
    let moved = matches!(
        row.decided,
        Decided::Moved
            | Decided::Deferred
            | Decided::Swapped
            | Decided::Slipped
            | Decided::Replanned
            | Decided::Unplanned
    );
    // Only the audit knows what was before.
    let audited = if moved { tx.audit_of(&server.name, 50).await? } else { Vec::new() };
    let before = audited
        .into_iter()
        .find(|line| line.event.what == What::Decided && line.event.at == row.decided_at)
        .and_then(|line| line.event.before?.get("starts_at")?.as_str()?.parse().ok());
    Ok(Some(LastDecision {
        what: row.decided,
        by: row.decided_by,
        channel: row.channel,
        at: row.decided_at,
        reason: row.reason,
        before,
    }))
}
