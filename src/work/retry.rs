//! When something is tried again: later each time, and not all at the same moment.

use chrono::TimeDelta;
use uuid::Uuid;

/// The wait after `attempts` failed ones: from `first`, doubled each time, at most an hour, give or take a quarter.
#[must_use]
pub fn backoff(attempts: i64, first: TimeDelta, jitter: Uuid) -> TimeDelta {
    let doublings = u32::try_from(attempts.clamp(0, 16)).unwrap_or(0);
    let wait = first.num_milliseconds().saturating_mul(1_i64 << doublings).min(3_600_000);
    // The last bits of an id are random; a fixed sequence in tests gives a fixed wait.
    let share = i64::try_from(jitter.as_u128() % 501).unwrap_or(0);
    let spread = wait.saturating_mul(share.saturating_sub(250)) / 1000;
    TimeDelta::milliseconds(wait.saturating_add(spread))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_an_hour_and_spread_by_a_quarter() {
        let wait = |attempts, jitter| {
            backoff(attempts, TimeDelta::seconds(30), Uuid::from_u128(jitter)).num_seconds()
        };
        assert_eq!([0, 1, 2, 3].map(|attempts| wait(attempts, 250)), [30, 60, 120, 240]);
        assert_eq!((wait(40, 0), wait(40, 500)), (2700, 4500));
    }
}
