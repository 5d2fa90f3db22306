//! How fast messages leave: not too many to one domain at the same time, not too many in a minute.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What the mail server's keepers allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Messages at the same time.
    pub at_once: usize,
    /// Messages to one domain at the same time; 0 is no limit of its own.
    pub per_domain: usize,
    /// Messages in a minute; 0 is no limit.
    pub per_minute: usize,
}

/// When the last messages left.
#[derive(Debug, Clone, Default)]
pub(super) struct Minute(Arc<Mutex<VecDeque<Instant>>>);

impl Minute {
    /// How many more may leave now.
    pub(super) fn left(&self, pace: &Pace, now: Instant) -> usize {
        if pace.per_minute == 0 {
            return usize::MAX;
        }
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = Duration::from_secs(60);
        while sent.front().is_some_and(|at| now.duration_since(*at) >= minute) {
            sent.pop_front();
        }
        pace.per_minute.saturating_sub(sent.len())
    }

    /// One has left, or was tried.
    pub(super) fn count(&self, pace: &Pace, now: Instant) {
        if pace.per_minute > 0 {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(now);
        }
    }
}

/// Messages that wait for their turn, the oldest first, none to a domain that is busy.
#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: VecDeque<(String, T)>,
    busy: HashMap<String, usize>,
    pace: Pace,
    under_way: usize,
}

impl<T> Queue<T> {
    pub(super) fn new(pace: Pace) -> Self {
        Self { waiting: VecDeque::new(), busy: HashMap::new(), pace, under_way: 0 }
    }

    /// Puts a message behind those that wait.
    pub(super) fn add(&mut self, domain: String, message: T) {
        self.waiting.push_back((domain, message));
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether no more wait than may leave at once.
    pub(super) fn runs_low(&self) -> bool {
        self.waiting.len() <= self.pace.at_once
    }

    /// The next message whose turn it is, with its domain; none when nobody's is.
    pub(super) fn next(&mut self) -> Option<(String, T)> {
        if self.under_way >= self.pace.at_once.max(1) {
            return None;
        }
        let free = |domain: &String| {
            self.pace.per_domain == 0 || self.busy.get(domain).copied().unwrap_or(0) < self.pace.per_domain
        };
        let at = self.waiting.iter().position(|(domain, _)| free(domain))?;
        let (domain, message) = self.waiting.remove(at)?;
        let busy = self.busy.entry(domain.clone()).or_default();
        *busy = busy.saturating_add(1);
        self.under_way = self.under_way.saturating_add(1);
        Some((domain, message))
    }

    /// A message to a domain is done with.
    pub(super) fn done(&mut self, domain: &str) {
        self.under_way = self.under_way.saturating_sub(1);
        if let Some(busy) = self.busy.get_mut(domain) {
            *busy = busy.saturating_sub(1);
        }
    }
}

/// What stands behind the last `@`, in lower case.
pub(super) fn domain_of(recipient: &str) -> String {
    recipient.rsplit_once('@').map_or("", |(_, domain)| domain).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_domain_keeps_nobody_else_waiting() {
        let pace = Pace { at_once: 3, per_domain: 1, per_minute: 0 };
        let mails = ["slow", "slow", "slow", "fast", "other", "fast"];
        let mut queue = Queue::new(pace);
        for domain in mails {
            queue.add(domain.to_owned(), ());
        }
        let mut order = Vec::new();
        while let Some((domain, ())) = queue.next() {
            order.push(domain);
        }
        assert_eq!(order, ["slow", "fast", "other"]);
        queue.done("fast");
        assert_eq!(queue.next().unwrap().0, "fast");
        assert!(queue.next().is_none(), "three are under way");
        queue.done("other");
        assert!(queue.next().is_none(), "only the slow one is left, and it is busy");
        queue.done("slow");
        assert_eq!(queue.next().unwrap().0, "slow");
    }

    #[test]
    fn a_minute_has_its_limit() {
        let pace = Pace { at_once: 1, per_domain: 0, per_minute: 2 };
        let minute = Minute::default();
        let begin = Instant::now();
        minute.count(&pace, begin);
        minute.count(&pace, begin + Duration::from_secs(30));
        assert_eq!(minute.left(&pace, begin + Duration::from_secs(31)), 0);
        assert_eq!(minute.left(&pace, begin + Duration::from_secs(61)), 1);
        assert_eq!(minute.left(&Pace { per_minute: 0, ..pace }, begin), usize::MAX);
    }
}
