//! Taking in what was heard, and seeing that each of it is worked on and answered.
//!
//! What is accepted is worked on after its envelope was acknowledged. What one person says is worked on in its order,
//! what different people say at the same time; there is a limit to both, and whoever meets it is told.

use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use super::envelope::{Heard, Way};
use super::people::People;
use super::{Inner, Us};
use crate::chat::text::{self, Line, Paragraph};
use crate::domain::answer::{Answer, Verdict};

/// So much may wait and be worked on, all people together.
const MOST_ACCEPTED: usize = 500;
/// So much of one person.
const MOST_OF_ONE: usize = 20;
/// So many people are worked for at the same time.
const AT_ONCE: usize = 32;
/// So many things that were heard are remembered, to know them again.
const REMEMBERED: usize = 8_192;
/// What takes longer than this is given up.
const LONGEST: Duration = Duration::from_secs(120);
/// What was accepted may take so long after the end was asked for.
const LAST_WORDS: Duration = Duration::from_secs(30);

/// What is said when no more can be accepted.
pub(super) const BUSY: &str =
    "I have more to do than I can take right now, so nothing was done. Please try again in a minute.";

/// What became of something that was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepted {
    /// It is worked on.
    Yes,
    /// It was heard before.
    Again,
    /// There is too much already.
    Busy,
}

/// Where everything that was heard is worked on.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) inner: Arc<Inner>,
    pub(super) us: Us,
    pub(super) people: People,
    pile: Mutex<Pile>,
    working: Semaphore,
    refusing: Arc<Semaphore>,
    tasks: TaskTracker,
}

/// What waits.
#[derive(Debug, Default)]
struct Pile {
    accepted: usize,
    of_person: HashMap<String, VecDeque<Heard>>,
    seen: HashSet<String>,
    seen_in_order: VecDeque<String>,
}

impl Pile {
    /// Remembers what was heard; `false` when it was heard before.
    fn is_new(&mut self, keys: &[String]) -> bool {
        if keys.iter().any(|key| self.seen.contains(key)) {
            return false;
        }
        for key in keys {
            self.seen.insert(key.clone());
            self.seen_in_order.push_back(key.clone());
        }
        while self.seen_in_order.len() > REMEMBERED {
            if let Some(oldest) = self.seen_in_order.pop_front() {
                self.seen.remove(&oldest);
            }
        }
        true
    }
}

impl Desk {
    pub(super) fn new(inner: Arc<Inner>, us: Us) -> Self {
        Self {
            inner,
            us,
            people: People::default(),
            pile: Mutex::default(),
            working: Semaphore::new(AT_ONCE),
            refusing: Arc::new(Semaphore::new(AT_ONCE)),
            tasks: TaskTracker::new(),
        }
    }

    /// Our own user id.
    pub(super) fn bot(&self) -> &str {
        &self.us.user_id
    }

    /// Takes what was heard, without waiting.
    pub(super) fn accept(self: &Arc<Self>, envelope: &str, heard: Heard) -> Accepted {
        let (user, key, kind) = match &heard {
            Heard::Words { who, key, .. } => (who.user.clone(), key.clone(), "words"),
            Heard::Click { who, key, .. } => (who.user.clone(), key.clone(), "click"),
            Heard::Nothing => return Accepted::Yes,
        };
        metrics::counter!("patchbot_slack_heard_total", "kind" => kind).increment(1);
        let mut pile = self.pile.lock().unwrap_or_else(PoisonError::into_inner);
        if !pile.is_new(&[format!("envelope {envelope}"), key]) {
            tracing::info!(envelope, user, "heard again, envelope {envelope}");
            return Accepted::Again;
        }
        let waiting = pile.of_person.get(&user).map_or(0, VecDeque::len);
        if pile.accepted >= MOST_ACCEPTED || waiting >= MOST_OF_ONE {
            drop(pile);
            metrics::counter!("patchbot_slack_too_busy_total").increment(1);
            tracing::warn!(envelope, user, "too much to do, envelope {envelope} is refused");
            self.refuse_later(heard);
            return Accepted::Busy;
        }
        pile.accepted = pile.accepted.saturating_add(1);
        match pile.of_person.get_mut(&user) {
            Some(queue) => queue.push_back(heard),
            None => {
                pile.of_person.insert(user.clone(), VecDeque::from([heard]));
                let desk = Arc::clone(self);
                self.tasks.spawn(async move { desk.work_for(user).await });
            }
        }
        Accepted::Yes
    }

    /// Tells somebody whose click or message cannot be accepted; a command was told by its acknowledgement.
    fn refuse_later(self: &Arc<Self>, heard: Heard) {
        let (who, way) = match heard {
            Heard::Click { who, way, .. } => (who, way),
            Heard::Words { who, way: way @ (Way::Channel { .. } | Way::Direct { .. }), .. } => (who, way),
            Heard::Words { .. } | Heard::Nothing => return,
        };
        let Ok(permit) = Arc::clone(&self.refusing).try_acquire_owned() else {
            tracing::error!(
                user = who.user,
                "{} could not even be told that there is too much to do",
                who.user
            );
            return;
        };
        let desk = Arc::clone(self);
        self.tasks.spawn(async move {
            desk.tell(&who.user, &way, &[Paragraph::Lines(vec![Line::plain(BUSY)])]).await;
            drop(permit);
        });
    }

    /// Works on what one person said, one after the other, until nothing is left.
    async fn work_for(self: Arc<Self>, user: String) {
        while let Some(heard) = self.next_of(&user) {
            let span = tracing::info_span!("slack", user, key = key_of(&heard));
            async {
                let _turn = self.working.acquire().await;
                unharmed(Box::pin(self.work(heard))).await;
            }
            .instrument(span)
            .await;
            let mut pile = self.pile.lock().unwrap_or_else(PoisonError::into_inner);
            pile.accepted = pile.accepted.saturating_sub(1);
        }
    }

    fn next_of(&self, user: &str) -> Option<Heard> {
        let mut pile = self.pile.lock().unwrap_or_else(PoisonError::into_inner);
        let next = pile.of_person.get_mut(user).and_then(VecDeque::pop_front);
        if next.is_none() {
            pile.of_person.remove(user);
        }
        next
    }

    /// Ends: nothing new comes in any more, and what was accepted is answered.
    pub(super) async fn close(&self) {
        self.tasks.close();
        if tokio::time::timeout(LAST_WORDS, self.tasks.wait()).await.is_err() {
            tracing::error!("some of what was said in Slack could not be answered before the end");
        }
    }

    async fn work(&self, heard: Heard) {
        let (who, way) = match &heard {
            Heard::Words { who, way, .. } | Heard::Click { who, way, .. } => (who, way),
            Heard::Nothing => return,
        };
        // What is given up here is rolled back, unless it was just being committed.
        let answer = tokio::time::timeout(LONGEST, Box::pin(self.answer(&heard)));
        let answer = match unharmed(answer).await {
            Some(Ok(answer)) => answer,
            Some(Err(_)) | None => Some(text::of_answer(&broken())),
        };
        if let Some(answer) = answer {
            self.tell(&who.user, way, &answer).await;
        }
    }
}

/// Lets a panic cost an answer its content, and nobody else anything; nothing comes back after one.
async fn unharmed<T>(work: impl Future<Output = T>) -> Option<T> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    if done.is_err() {
        tracing::error!("a bug: the work on something from Slack panicked");
    }
    done.ok()
}

fn broken() -> Answer {
    Answer::new(Verdict::Broken, "Something broke on our side while I worked on that; it may be done or not.")
        .then("Say \"status\" to see, and tell an operator.")
}

fn key_of(heard: &Heard) -> &str {
    match heard {
        Heard::Words { key, .. } | Heard::Click { key, .. } => key,
        Heard::Nothing => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_costs_one_answer_its_content() {
        assert_eq!(unharmed(async { 7 }).await, Some(7));
        assert_eq!(unharmed(async { panic!("a bug") }).await, None::<u8>);
    }

    #[test]
    fn what_was_heard_is_known_again_and_not_for_ever() {
        let mut pile = Pile::default();
        let keys = |number: usize| [format!("envelope {number}"), format!("event {number}")];
        assert!(pile.is_new(&keys(1)));
        assert!(!pile.is_new(&keys(1)));
        assert!(
            !pile.is_new(&["envelope 2".to_owned(), "event 1".to_owned()]),
            "the same under another envelope"
        );
        for number in 2..REMEMBERED {
            pile.is_new(&keys(number));
        }
        assert_eq!((pile.seen.len(), pile.seen_in_order.len()), (REMEMBERED, REMEMBERED));
        assert!(pile.is_new(&keys(1)), "too long ago");
    }
}
