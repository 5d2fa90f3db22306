//! The loops: each has a `tick` that does what can be done now, called again and again by the supervisor or by a test.

pub mod board;
pub mod dropped;
pub mod due;
pub mod hosts;
pub mod inbox;
pub mod outbox;
pub mod pace;
pub mod recheck;
pub mod reports;
pub mod retry;
pub mod rollover;
pub mod runner;
pub mod zones;

/// How many things a tick did; a loop that did none sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ticked(pub usize);

impl Ticked {
    /// Whether there was nothing to do.
    #[must_use]
    pub fn is_idle(self) -> bool {
        self.0 == 0
    }
}
