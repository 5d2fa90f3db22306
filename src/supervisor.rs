//! Starts the loops, watches them, and stops them in order: one that ends by itself ends the program.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// A loop that has not done its round for so long is not well.
const WELL_WITHIN: Duration = Duration::from_secs(120);
/// The loops get so long to finish what they are doing.
const FAREWELL: Duration = Duration::from_secs(20);

/// When each loop last did its round.
#[derive(Debug, Default)]
pub struct Pulse(Mutex<BTreeMap<&'static str, Instant>>);

impl Pulse {
    /// A loop has done its round.
    pub fn beat(&self, name: &'static str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name, Instant::now());
    }

    /// Each loop, and whether it has done its round lately.
    #[must_use]
    pub fn beats(&self) -> Vec<(String, bool)> {
        let beats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        beats.iter().map(|(name, at)| ((*name).to_owned(), at.elapsed() < WELL_WITHIN)).collect()
    }
}

/// The loops of one process.
#[derive(Debug)]
pub struct Supervisor {
    loops: JoinSet<(&'static str, anyhow::Result<()>)>,
    stop: CancellationToken,
    pulse: Arc<Pulse>,
}

impl Default for Supervisor {
    fn default() -> Self {
        Self { loops: JoinSet::new(), stop: CancellationToken::new(), pulse: Arc::default() }
    }
}

impl Supervisor {
    /// Cancelled when the loops are to stop.
    #[must_use]
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// When each loop last did its round.
    #[must_use]
    pub fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }

    /// Starts something that runs until it is told to stop.
    pub fn run(
        &mut self,
        name: &'static str,
        work: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.loops.spawn(async move { (name, work.await) });
    }

    /// Starts a loop that ticks, and rests when there was nothing to do. A failed tick is told and tried again.
    pub fn tick<F, Fut>(&mut self, name: &'static str, rest: Duration, mut tick: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<crate::work::Ticked>> + Send,
    {
        let (stop, pulse) = (self.stop.clone(), self.pulse());
        self.run(name, async move {
            while !stop.is_cancelled() {
                let idle = match tick().await {
                    Ok(ticked) => {
                        pulse.beat(name);
                        ticked.is_idle()
                    }
                    Err(error) => {
                        tracing::error!(name, error = %format!("{error:#}"), "the {name} loop failed and goes on");
                        true
                    }
                };
                if idle {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = sleep(rest) => {}
                    }
                }
            }
            Ok(())
        });
    }

    /// Waits until a signal or the end of a loop, then stops all of them.
    ///
    /// # Errors
    /// When a loop ended by itself: the program must not go on without it.
    pub async fn wait(mut self) -> anyhow::Result<()> {
        let ended = tokio::select! {
            ended = self.loops.join_next() => Some(ended),
            () = asked_to_stop() => None,
        };
        let result = match ended {
            None => {
                tracing::info!("asked to stop");
                Ok(())
            }
            Some(Some(Ok((name, Ok(()))))) => Err(anyhow::anyhow!("the {name} loop ended by itself")),
            Some(Some(Ok((name, Err(error))))) => Err(error.context(format!("the {name} loop ended"))),
            Some(Some(Err(panic))) => Err(anyhow::anyhow!("a loop broke: {panic}")),
            Some(None) => Err(anyhow::anyhow!("there are no loops")),
        };
        self.stop.cancel();
        let farewell = timeout(FAREWELL, async { while self.loops.join_next().await.is_some() {} });
        tokio::select! {
            ended = farewell => {
                if ended.is_err() {
                    tracing::warn!("some loops did not end in time and are cut off");
                }
            }
            () = asked_to_stop() => tracing::warn!("asked to stop a second time"),
        }
        self.loops.abort_all();
        result
    }
}

/// SIGTERM or SIGINT.
async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
