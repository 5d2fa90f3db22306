//! Taking in what was heard, and seeing that each of it is worked on and answered: the same on every platform.
//!
//! What is accepted is worked on after the platform was told that it is. What one person says is worked on in its
//! order, what different people say at the same time; there is a limit to both, and whoever meets it is told. What has
//! to be answered at once, a form above all, does not wait behind it. What one process did not get to answer the next one
//! takes up (`left_over`).

mod left_over;

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use super::book::{Book, Slip, Written};
use super::screen::Screen;
use super::talk::Answered;
use crate::app::App;
use crate::domain::answer::{Answer, Verdict};
use crate::store::records::Medium;

/// So much may wait and be worked on, all people together.
const MOST_ACCEPTED: usize = 2_000;
/// So much of one person.
const MOST_OF_ONE: usize = 20;
/// So many people are worked for at the same time.
const AT_ONCE: usize = 32;
/// So many things that were heard are remembered, to know them again.
const REMEMBERED: usize = 16_384;
/// What takes longer than this is given up.
const LONGEST: Duration = Duration::from_secs(120);
/// What was accepted is worked on for so long after the end was asked for; the supervisor waits twenty seconds in all.
const LAST_WORK: Duration = Duration::from_secs(10);
/// Then whoever still waits is told that nothing was done, for so long.
const LAST_WORDS: Duration = Duration::from_secs(8);

/// What is said when no more can be accepted.
pub(super) const BUSY: &str =
    "I have more to do than I can take right now, so nothing was done. Please try again in a minute.";

/// What is said when the end comes before it could be worked on.
pub(super) const ENDING: &str =
    "I am being started anew and did not get to that, so nothing was done. Please try again in a minute.";

/// What became of something that was heard.
#[derive(Debug, Clone)]
pub(super) enum Accepted {
    /// It is worked on; the platform may be told so as soon as it is written down.
    Yes(Slip),
    /// It was heard before.
    Again,
    /// There is too much already.
    Busy,
}

/// What was done by who is to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed<'a> {
    /// Words were said.
    Said(&'a str),
    /// Something was clicked.
    Clicked,
    /// A form was sent.
    Sent,
}

/// Something heard, as far as the desk has to know it. It is written down as it is, with the way for its answer.
pub(super) trait Heard:
    std::fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// Who did it: his things are worked on in their order.
    fn person(&self) -> &str;
    /// What tells it from every other: the same again is a redelivery.
    fn key(&self) -> &str;
    /// What it is, in a word, for counting.
    fn kind(&self) -> &'static str;
    /// Whether it cannot wait behind what the person said before.
    fn is_pressing(&self) -> bool;
    /// Whether the platform itself tells the person that it failed, when it is not told that it was heard.
    fn fails_unacknowledged(&self) -> bool;
    /// Whether its acknowledgement shows something: the answer comes after it, or would be written over.
    fn is_shown_acknowledged(&self) -> bool;
    /// What was done.
    fn deed(&self) -> Deed<'_>;
}

/// A platform as the desk uses it.
pub(super) trait Front: std::fmt::Debug + Send + Sync + 'static {
    /// What is heard there.
    type Heard: Heard;
    /// The platform.
    const MEDIUM: Medium;
    /// The use cases.
    fn app(&self) -> &App;
    /// The answer; none for programs, with which no conversation is begun.
    fn answer(&self, heard: &Self::Heard) -> impl Future<Output = Option<Answered>> + Send;
    /// Brings an answer to the one who asked.
    fn tell(&self, heard: &Self::Heard, answered: Answered) -> impl Future<Output = ()> + Send;
    /// Tells somebody something in the conversation with him.
    fn tell_account(&self, account: &str, screen: &Screen) -> impl Future<Output = ()> + Send;
    /// Whether somebody whose things are not accepted still has to be told.
    fn is_owed_a_refusal(&self, heard: &Self::Heard) -> bool;
    /// Whether somebody waits for what comes of it, once it was accepted.
    fn is_owed_an_answer(&self, heard: &Self::Heard) -> bool {
        self.is_owed_a_refusal(heard)
    }
}

/// Where everything that was heard is worked on.
#[derive(Debug)]
pub(super) struct Desk<F: Front> {
    pub(super) front: F,
    book: Book,
    pile: Mutex<Pile<F::Heard>>,
    working: Semaphore,
    refusing: Arc<Semaphore>,
    ending: AtomicBool,
    tasks: TaskTracker,
}

/// What waits.
#[derive(Debug)]
struct Pile<H> {
    accepted: usize,
    of_person: HashMap<String, VecDeque<(H, Slip)>>,
    seen: HashSet<String>,
    seen_in_order: VecDeque<String>,
}

impl<H> Default for Pile<H> {
    fn default() -> Self {
        Self { accepted: 0, of_person: HashMap::new(), seen: HashSet::new(), seen_in_order: VecDeque::new() }
    }
}

impl<H> Pile<H> {
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

impl<F: Front> Desk<F> {
    pub(super) fn new(front: F) -> Self {
        Self {
            book: Book::open(front.app().clone(), F::MEDIUM),
            front,
            pile: Mutex::default(),
            working: Semaphore::new(AT_ONCE),
            refusing: Arc::new(Semaphore::new(AT_ONCE)),
            ending: AtomicBool::new(false),
            tasks: TaskTracker::new(),
        }
    }

    /// Takes what was heard, without waiting; `delivery` is the platform's name for this delivery of it.
    pub(super) fn accept(self: &Arc<Self>, delivery: &str, heard: F::Heard) -> Accepted {
        metrics::counter!("patchbot_chat_heard_total", "platform" => F::MEDIUM.as_str(), "kind" => heard.kind())
            .increment(1);
        let user = heard.person().to_owned();
        let mut pile = self.pile.lock().unwrap_or_else(PoisonError::into_inner);
        if !pile.is_new(&[format!("delivery {delivery}"), heard.key().to_owned()]) {
            tracing::info!(delivery, user, platform = F::MEDIUM.as_str(), "heard again, delivery {delivery}");
            return Accepted::Again;
        }
        let waiting = pile.of_person.get(&user).map_or(0, VecDeque::len);
        if pile.accepted >= MOST_ACCEPTED || waiting >= MOST_OF_ONE {
            drop(pile);
            metrics::counter!("patchbot_chat_too_busy_total", "platform" => F::MEDIUM.as_str()).increment(1);
            tracing::warn!(
                delivery,
                user,
                platform = F::MEDIUM.as_str(),
                "too much to do, delivery {delivery} is refused"
            );
            self.refuse_later(heard);
            return Accepted::Busy;
        }
        let slip = self.write_down(&heard);
        self.queue(&mut pile, heard, slip.clone());
        Accepted::Yes(slip)
    }

    /// Has something written down, when somebody waits for its answer.
    fn write_down(&self, heard: &F::Heard) -> Slip {
        if !self.front.is_owed_an_answer(heard) {
            return Slip::default();
        }
        match serde_json::to_string(heard) {
            Ok(said) => self.book.enters(heard.key(), heard.person(), said, !heard.fails_unacknowledged()),
            Err(error) => {
                tracing::error!(%error, "a bug: something heard cannot be written down");
                Slip::default()
            }
        }
    }

    /// Puts something where it is worked on.
    fn queue(self: &Arc<Self>, pile: &mut Pile<F::Heard>, heard: F::Heard, slip: Slip) {
        pile.accepted = pile.accepted.saturating_add(1);
        let desk = Arc::clone(self);
        if heard.is_pressing() {
            self.tasks.spawn(async move { desk.work_on(heard, slip).await });
            return;
        }
        let user = heard.person().to_owned();
        match pile.of_person.get_mut(&user) {
            Some(queue) => queue.push_back((heard, slip)),
            None => {
                pile.of_person.insert(user.clone(), VecDeque::from([(heard, slip)]));
                self.tasks.spawn(async move { desk.work_for(user).await });
            }
        }
    }

    /// Waits until something may be acknowledged: it is written down, or the platform waits no longer. `false` when it was
    /// heard before, by another process or this one.
    pub(super) async fn may_acknowledge(&self, slip: &Slip) -> bool {
        self.book.written(slip).await != Written::Before
    }

    /// The platform was told that it was heard.
    pub(super) fn acknowledged(&self, slip: &Slip) {
        self.book.acknowledged(slip);
    }

    /// Runs something that belongs to the platform and ends with the desk.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(async move {
            unharmed(work).await;
        });
    }

    /// Tells somebody whose click or message cannot be accepted.
    fn refuse_later(self: &Arc<Self>, heard: F::Heard) {
        if !self.front.is_owed_a_refusal(&heard) {
            return;
        }
        let Ok(permit) = Arc::clone(&self.refusing).try_acquire_owned() else {
            tracing::error!(
                user = heard.person(),
                "{} could not even be told that there is too much to do",
                heard.person()
            );
            return;
        };
        let desk = Arc::clone(self);
        self.tasks.spawn(async move {
            let busy = Answered::said(Screen::line(BUSY));
            desk.front.tell(&heard, busy).await;
            drop(permit);
        });
    }

    /// Works on what one person said, one after the other, until nothing is left.
    async fn work_for(self: Arc<Self>, user: String) {
        while let Some((heard, slip)) = self.next_of(&user) {
            if self.book.written(&slip).await == Written::Before {
                self.is_off_the_desk();
                continue;
            }
            if heard.is_shown_acknowledged() {
                self.book.is_acknowledged(&slip).await;
            }
            let _turn = self.working.acquire().await;
            self.work_on(heard, slip).await;
        }
    }

    fn next_of(&self, user: &str) -> Option<(F::Heard, Slip)> {
        let mut pile = self.pile.lock().unwrap_or_else(PoisonError::into_inner);
        let next = pile.of_person.get_mut(user).and_then(VecDeque::pop_front);
        if next.is_none() {
            pile.of_person.remove(user);
        }
        next
    }

    async fn work_on(&self, heard: F::Heard, slip: Slip) {
        let span = tracing::info_span!(
            "chat",
            platform = F::MEDIUM.as_str(),
            user = heard.person(),
            key = heard.key()
        );
        let began = tokio::time::Instant::now();
        let kind = heard.kind();
        unharmed(Box::pin(self.work(heard, &slip))).instrument(span).await;
        metrics::histogram!("patchbot_chat_answer_seconds", "platform" => F::MEDIUM.as_str(), "kind" => kind)
            .record(began.elapsed().as_secs_f64());
        self.is_off_the_desk();
    }

    fn is_off_the_desk(&self) {
        let mut pile = self.pile.lock().unwrap_or_else(PoisonError::into_inner);
        pile.accepted = pile.accepted.saturating_sub(1);
    }

    async fn work(&self, heard: F::Heard, slip: &Slip) {
        if self.ending.load(Ordering::Relaxed) {
            // What cannot be crossed out is done by the next process.
            if self.front.is_owed_an_answer(&heard) && self.book.gives_up(slip).await {
                self.front.tell(&heard, Answered::said(Screen::line(ENDING))).await;
            }
            return;
        }
        // What is given up here is rolled back, unless it was just being committed.
        let answer = tokio::time::timeout(LONGEST, Box::pin(self.front.answer(&heard)));
        let answer = match unharmed(answer).await {
            Some(Ok(answer)) => answer,
            Some(Err(_)) | None => Some(Answered::said(Screen::answer(&broken()))),
        };
        if let Some(answer) = answer {
            self.front.tell(&heard, answer).await;
        }
        self.book.answered(slip);
    }

    /// Ends: nothing new comes in any more, and what was accepted is answered; what would take too long with a refusal.
    pub(super) async fn close(&self) {
        self.tasks.close();
        if tokio::time::timeout(LAST_WORK, self.tasks.wait()).await.is_err() {
            self.ending.store(true, Ordering::Relaxed);
            if tokio::time::timeout(LAST_WORDS, self.tasks.wait()).await.is_err() {
                tracing::error!(
                    platform = F::MEDIUM.as_str(),
                    "some of what was said could not be answered before the end"
                );
            }
        }
        self.book.close().await;
    }
}

/// Lets a panic cost an answer its content, and nobody else anything; nothing comes back after one.
pub(super) async fn unharmed<T>(work: impl Future<Output = T>) -> Option<T> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    if done.is_err() {
        tracing::error!("a bug: the work on something from chat panicked");
    }
    done.ok()
}

fn broken() -> Answer {
    Answer::new(Verdict::Broken, "Something broke on our side while I worked on that; it may be done or not.")
        .then("Say \"status\" to see, and tell an operator.")
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
        let mut pile = Pile::<()>::default();
        let keys = |number: usize| [format!("delivery {number}"), format!("event {number}")];
        assert!(pile.is_new(&keys(1)));
        assert!(!pile.is_new(&keys(1)));
        assert!(
            !pile.is_new(&["delivery 2".to_owned(), "event 1".to_owned()]),
            "the same under another delivery"
        );
        for number in 2..REMEMBERED {
            pile.is_new(&keys(number));
        }
        assert_eq!((pile.seen.len(), pile.seen_in_order.len()), (REMEMBERED, REMEMBERED));
        assert!(pile.is_new(&keys(1)), "too long ago");
    }
}
