//! How long to wait before something is tried again: longer each time, never all at once, and never shorter than asked.

use std::time::Duration;

use crate::clock::Ids;

/// Where a platform does not let us in at all, it is asked again after this only: it will say the same until somebody has
/// acted, and too many tries cost the token.
pub(super) const SHUT_OUT: Duration = Duration::from_secs(3_600);

/// The first wait.
const FIRST: Duration = Duration::from_secs(1);

/// A wait that grows.
#[derive(Debug)]
pub(super) struct Backoff {
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Waits that grow from a second to `longest`.
    pub(super) fn new(longest: Duration) -> Self {
        Self { longest, next: FIRST.min(longest) }
    }

    /// It worked: the next wait is short again.
    pub(super) fn worked(&mut self) {
        self.next = FIRST.min(self.longest);
    }

    /// How long to wait now, when the other side asked for `asked`.
    pub(super) fn wait(&mut self, asked: Option<Duration>, ids: &Ids) -> Duration {
        let wait = jittered(self.next, ids);
        self.next = self.next.saturating_mul(2).min(self.longest);
        match asked {
            Some(asked) => asked.saturating_add(jittered(Duration::from_millis(500), ids)),
            None => wait,
        }
    }
}

/// When a failure may be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passes {
    /// The platform says so.
    After(Duration),
    /// Nobody knows; perhaps soon.
    Sometime,
}

/// A failure that may only last for a moment.
pub(super) trait Passing {
    /// When it may be over; never when it says that the call itself is wrong.
    fn passes(&self) -> Option<Passes>;
}

/// Somebody waits for an answer: nobody is kept waiting longer than this for one more try.
const LONGEST_PATIENCE: Duration = Duration::from_secs(15);

/// Tries again what may only be in trouble for a moment.
pub(super) async fn patiently<T, E, F>(mut call: impl FnMut() -> F) -> Result<T, E>
where
    E: Passing,
    F: Future<Output = Result<T, E>>,
{
    let mut wait = Duration::from_millis(300);
    for _ in 0..3 {
        let trouble = match call().await {
            Ok(done) => return Ok(done),
            Err(trouble) => trouble,
        };
        match trouble.passes() {
            Some(Passes::After(after)) if after <= LONGEST_PATIENCE => tokio::time::sleep(after).await,
            Some(Passes::Sometime) => tokio::time::sleep(wait).await,
            Some(Passes::After(_)) | None => return Err(trouble),
        }
        wait = wait.saturating_mul(3);
    }
    call().await
}

/// Between half of a time and all of it.
pub(super) fn jittered(time: Duration, ids: &Ids) -> Duration {
    let part = u32::try_from(ids.next().as_u128() % 1_000).unwrap_or(0);
    let half = time / 2;
    half.saturating_add(half.saturating_mul(part) / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_are_never_shorter_than_asked() {
        let ids = Ids::Random;
        let mut backoff = Backoff::new(Duration::from_secs(30));
        let first = backoff.wait(None, &ids);
        assert!((Duration::from_millis(500)..=Duration::from_secs(1)).contains(&first), "{first:?}");
        let second = backoff.wait(None, &ids);
        assert!((Duration::from_secs(1)..=Duration::from_secs(2)).contains(&second), "{second:?}");
        assert!(backoff.wait(Some(Duration::from_secs(90)), &ids) >= Duration::from_secs(90));
        for _ in 0..20 {
            assert!(backoff.wait(None, &ids) <= Duration::from_secs(30));
        }
        backoff.worked();
        assert!(backoff.wait(None, &ids) <= Duration::from_secs(1));
    }
}
