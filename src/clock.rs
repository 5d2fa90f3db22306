//! The only place that asks for the time, makes ids or draws random bytes; everything else gets them as arguments.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use uuid::Uuid;

/// Where "now" comes from. Instants are in UTC, cut to whole microseconds (what PostgreSQL keeps).
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// The machine's clock plus an offset that can be changed: for demonstrations and tests on lab hosts only;
    /// a shifted clock is refused for any host outside the lab's networks.
    Shifted(Arc<AtomicI64>),
    /// A clock that stands still until it is set: for tests in one process.
    Manual(Arc<Mutex<DateTime<Utc>>>),
}

impl Clock {
    /// A clock that stands at `at` until it is set.
    #[must_use]
    pub fn manual(at: DateTime<Utc>) -> Self {
        Self::Manual(Arc::new(Mutex::new(at)))
    }

    /// A clock that runs `offset` ahead of the machine's.
    #[must_use]
    pub fn shifted(offset: TimeDelta) -> Self {
        Self::Shifted(Arc::new(AtomicI64::new(offset.num_microseconds().unwrap_or(0))))
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        let now = match self {
            Self::System => self.machine(),
            Self::Shifted(offset) => {
                let offset = TimeDelta::microseconds(offset.load(Ordering::Relaxed));
                self.machine().checked_add_signed(offset).unwrap_or(DateTime::<Utc>::MAX_UTC)
            }
            Self::Manual(at) => *at.lock().unwrap_or_else(PoisonError::into_inner),
        };
        now.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(now)
    }

    /// The machine's own clock, whatever the offset: what a host's clock is compared with.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that asks for the time")]
    pub fn machine(&self) -> DateTime<Utc> {
        Utc::now()
    }

    /// Whether this is the machine's own time; only that is fit for hosts outside a lab.
    #[must_use]
    pub fn is_system(&self) -> bool {
        matches!(self, Self::System)
    }

    /// Sets a manual clock, or changes a shifted clock's offset so that it shows `at` now. The system clock stays.
    pub fn set(&self, at: DateTime<Utc>) {
        match self {
            Self::System => {}
            Self::Shifted(_) => self.shift(at.signed_duration_since(self.machine())),
            Self::Manual(now) => *now.lock().unwrap_or_else(PoisonError::into_inner) = at,
        }
    }

    /// Changes how far a shifted clock is ahead of the machine's. Other clocks stay.
    pub fn shift(&self, ahead: TimeDelta) {
        if let Self::Shifted(offset) = self {
            offset.store(ahead.num_microseconds().unwrap_or(0), Ordering::Relaxed);
        }
    }
}

/// Where ids come from.
#[derive(Debug, Clone)]
pub enum Ids {
    /// Time-ordered random ids.
    Random,
    /// 1, 2, 3 …: for tests that read ids.
    Sequence(Arc<AtomicI64>),
}

impl Ids {
    /// Ids that count from 1.
    #[must_use]
    pub fn sequence() -> Self {
        Self::Sequence(Arc::new(AtomicI64::new(0)))
    }

    /// A new id.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that makes ids")]
    pub fn next(&self) -> Uuid {
        match self {
            Self::Random => Uuid::now_v7(),
            Self::Sequence(last) => {
                let number = last.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                Uuid::from_u128(u128::from(number.unsigned_abs()))
            }
        }
    }

    /// 160 random bits from the operating system, for a reply token.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn secret(&self) -> Result<[u8; 20], getrandom::Error> {
        let mut bytes = [0_u8; 20];
        match self {
            Self::Random => getrandom::fill(&mut bytes)?,
            Self::Sequence(_) => {
                for (byte, id) in bytes.iter_mut().rev().zip(self.next().into_bytes().into_iter().rev()) {
                    *byte = id;
                }
            }
        }
        Ok(bytes)
    }
}
