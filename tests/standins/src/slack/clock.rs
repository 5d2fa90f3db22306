//! The stand-in's own time: it runs with the machine's clock, and a test can move it forward.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Tells the time of the workspace, in microseconds since 1970.
#[derive(Debug)]
pub(crate) struct Clock {
    origin: AtomicI64,
    started: Instant,
}

impl Clock {
    /// Starts at a given second, or at the machine's time.
    pub(crate) fn starting(at: Option<i64>) -> Self {
        let origin = at.map_or_else(machine_micros, |seconds| seconds.saturating_mul(1_000_000));
        Self { origin: AtomicI64::new(origin), started: Instant::now() }
    }

    /// Reads the clock.
    pub(crate) fn micros(&self) -> i64 {
        let run = i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX);
        self.origin.load(Ordering::Relaxed).saturating_add(run)
    }

    /// Reads the clock in whole seconds.
    pub(crate) fn seconds(&self) -> i64 {
        self.micros() / 1_000_000
    }

    /// Tells how long the workspace has been running, in real time.
    pub(crate) fn running(&self) -> Duration {
        self.started.elapsed()
    }

    /// Lets time pass without waiting.
    pub(crate) fn skip(&self, span: Duration) {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        self.origin.fetch_add(micros, Ordering::Relaxed);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a stand-in for a real service stamps its messages with real time"
)]
fn machine_micros() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
