//! The scheduler: claims what is due by one indexed query, and does it.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Ticked;
use super::hosts::Hosts;
use super::runner::{Runner, heartbeat};
use crate::app::prechecks::Checked;
use crate::app::run::{LEASE, Start};
use crate::app::{App, Failure};
use crate::domain::ids::WindowId;
use crate::domain::server::Server;
use crate::domain::timeline::{Event, is_rehearsal_past};
use crate::store::error::StoreError;
use crate::store::records::{Claim, Claimed, Subject};

/// How many events one tick claims.
const MOST: i64 = 50;
/// An event that failed is tried again after so many seconds.
const AGAIN_AFTER: i64 = 60;
/// An event that found no free place is tried again after so many seconds.
const NO_PLACE: i64 = 5;

/// The scheduler of one instance.
#[derive(Debug, Clone)]
pub struct Scheduler {
    app: App,
    hosts: Hosts,
    owner: String,
    places: Arc<Semaphore>,
    /// Rehearsals have places of their own, so that they never keep a start waiting.
    rehearsing: Arc<Semaphore>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Scheduler {
    /// A scheduler that works on at most `concurrency` hosts at the same time, and rehearses on a quarter as many.
    #[must_use]
    pub fn new(app: App, hosts: Hosts, owner: String, concurrency: usize) -> Self {
        Self {
            app,
            hosts,
            owner,
            places: Arc::new(Semaphore::new(concurrency)),
            rehearsing: Arc::new(Semaphore::new(concurrency.div_ceil(4))),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }

    /// The work on hosts that is under way.
    #[must_use]
    pub fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Lets go of all work on hosts and gives its claims back: the hosts go on, and the next start finds them.
    pub async fn halt(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Does what is due. Work on hosts goes on after this returns.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tick(&self) -> Result<Ticked, Failure> {
        let now = self.app.now();
        let mut tx = self.app.store.begin().await?;
        let claim = Claim { owner: &self.owner, now, until: now + LEASE, most: MOST };
        let claimed = tx.claim_due(&claim).await?;
        tx.commit().await?;
        let count = claimed.len();
        for claimed in claimed {
            self.begin(claimed).await;
        }
        Ok(Ticked(count))
    }

    async fn begin(&self, claimed: Claimed) {
        let done = match (claimed.due.event, claimed.subject) {
            (event @ (Event::Rehearsal | Event::Precheck | Event::Start), Subject::Window(window)) => {
                let places = if event == Event::Rehearsal { &self.rehearsing } else { &self.places };
                match Arc::clone(places).try_acquire_owned() {
                    Ok(place) => {
                        let task = Task {
                            app: self.app.clone(),
                            hosts: self.hosts.clone(),
                            place,
                            stop: self.stop.clone(),
                        };
                        self.tasks.spawn(task.work(claimed, window));
                        return;
                    }
                    Err(_) => self.app.postpone(&claimed, NO_PLACE).await,
                }
            }
            _ => self.app.do_event(&claimed).await,
        };
        settled(&self.app, &claimed, done).await;
    }
}

struct Task {
    app: App,
    hosts: Hosts,
    /// Held as long as the task lives.
    place: OwnedSemaphorePermit,
    stop: CancellationToken,
}

impl Task {
    async fn work(self, claimed: Claimed, window: WindowId) {
        let work = async {
            match claimed.due.event {
                Event::Rehearsal => Box::pin(self.rehearse(&claimed, window)).await,
                Event::Precheck => Box::pin(self.precheck(&claimed, window)).await,
                _ => Box::pin(self.run(&claimed, window)).await,
            }
        };
        let done = tokio::select! {
            done = work => done,
            () = self.stop.cancelled() => self.app.postpone(&claimed, 0).await,
        };
        settled(&self.app, &claimed, done).await;
        drop(self.place);
    }

    async fn rehearse(&self, claimed: &Claimed, window: WindowId) -> Result<(), Failure> {
        let (server, jump) = self.server_of(window).await?;
        let checked = if is_rehearsal_past(claimed.due, self.app.now()) {
            None
        } else {
            Some(self.look_at(claimed, &server, jump.as_ref()).await?)
        };
        self.app.end_rehearsal(claimed, &server, checked.as_ref()).await
    }

    async fn precheck(&self, claimed: &Claimed, window: WindowId) -> Result<(), Failure> {
        let (server, jump) = self.server_of(window).await?;
        let checked = self.look_at(claimed, &server, jump.as_ref()).await?;
        self.app.end_prechecks(claimed, &server, &checked).await
    }

    /// Makes the pre-checks, for as long as the event is ours.
    async fn look_at(
        &self,
        claimed: &Claimed,
        server: &Server,
        jump: Option<&Server>,
    ) -> Result<Checked, Failure> {
        let levels = &self.app.policy(server).checks;
        tokio::select! {
            checked = Box::pin(self.hosts.check(server, jump, levels)) => Ok(checked),
            lost = heartbeat(&self.app, claimed) => Err(lost),
        }
    }

    async fn run(&self, claimed: &Claimed, window: WindowId) -> Result<(), Failure> {
        match self.app.start(claimed, window).await? {
            Start::Nothing => Ok(()),
            Start::Run(run, server) => {
                let (_, jump) = self.server_of(window).await?;
                Box::pin(Runner::new(&self.app, &self.hosts, &server, jump).drive(claimed, *run)).await
            }
        }
    }

    async fn server_of(&self, window: WindowId) -> Result<(Server, Option<Server>), Failure> {
        let mut tx = self.app.store.read().await?;
        let window = tx.window_by_id(window).await?;
        let server = tx.server_by_id(window.server).await?;
        let jump = match &server.reach.jump {
            Some(name) => tx.servers_called(name).await?.into_iter().next(),
            None => None,
        };
        Ok((server, jump))
    }
}

/// An event that failed is told once and tried again; one that somebody else changed or took over is his.
async fn settled(app: &App, claimed: &Claimed, done: Result<(), Failure>) {
    match done {
        Ok(()) => {}
        Err(Failure::Store(StoreError::Stale(what))) => {
            tracing::info!(
                event = claimed.due.event.as_str(),
                "an event was overtaken: {what} changed in the meantime"
            );
        }
        Err(error) => {
            tracing::error!(event = claimed.due.event.as_str(), subject = ?claimed.subject, %error, "an event failed");
            if let Err(error) = app.postpone(claimed, AGAIN_AFTER).await {
                tracing::warn!(%error, "a failed event waits until its claim runs out");
            }
        }
    }
}
