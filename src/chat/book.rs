//! The book: what is heard is written down before the platform is told that it was, so that a process which is killed
//! loses none of it. The next one takes up what is not crossed out.
//!
//! One task writes for everybody: what comes in at the same moment shares a transaction. Where the database does not take
//! it in time it is acknowledged all the same, as the platform waits for three seconds only, and written down later.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::app::App;
use crate::domain::answer::Answer;
use crate::store::error::StoreError;
use crate::store::records::{Claim, HeardRow, Medium, NewHeard};

/// So long an acknowledgement waits for the database, of the three seconds that the platform gives.
const PATIENCE: Duration = Duration::from_secs(1);
/// What is written down is held for so long, and longer for as long as the process lives.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// How often that is said.
const HOLD_EVERY: Duration = Duration::from_secs(10);
/// What is answered is known again for so long.
const REMEMBERED: TimeDelta = TimeDelta::days(1);
/// How often what is older is forgotten, in rounds of holding.
const FORGET_EVERY: u32 = 360;
/// So much is written at a time.
const MOST: usize = 256;
/// At the end the book gets so long to be closed.
const LAST_LINES: Duration = Duration::from_secs(1);

/// What became of writing something down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// It is in the book.
    Down,
    /// It was there already: somebody else has it, or had it.
    Before,
    /// It is not in the book, or not yet.
    Not,
}

/// What is to be written.
#[derive(Debug)]
enum Note {
    Heard(Entry),
    Acknowledged(Uuid),
    Answered(Uuid, Option<oneshot::Sender<bool>>),
}

/// Something heard, as it is written down.
#[derive(Debug)]
struct Entry {
    id: Uuid,
    key: String,
    account: String,
    said: crate::config::secret::Secret,
    acknowledged: bool,
    written: watch::Sender<Option<Written>>,
}

/// Where something is in the book; nowhere for what needs no answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Slip(Option<Place>);

#[derive(Debug, Clone)]
struct Place {
    id: Uuid,
    written: watch::Receiver<Option<Written>>,
    /// Ends when the platform was told.
    acknowledged: CancellationToken,
}

/// The book of one platform.
#[derive(Debug)]
pub(super) struct Book {
    clerk: Arc<Clerk>,
    notes: Mutex<Option<mpsc::UnboundedSender<Note>>>,
    tasks: TaskTracker,
}

/// Who writes.
#[derive(Debug)]
struct Clerk {
    app: App,
    platform: Medium,
    /// A name that no other process has.
    owner: String,
    /// Whether the database was too slow for the last one who waited.
    is_slow: AtomicBool,
}

impl Book {
    /// Opens the book.
    pub(super) fn open(app: App, platform: Medium) -> Self {
        let owner = app.ids.next().simple().to_string();
        let clerk = Arc::new(Clerk { app, platform, owner, is_slow: AtomicBool::new(false) });
        let (notes, to_write) = mpsc::unbounded_channel();
        let tasks = TaskTracker::new();
        tasks.spawn(Arc::clone(&clerk).writes(to_write));
        Self { clerk, notes: Mutex::new(Some(notes)), tasks }
    }

    fn note(&self, note: Note) {
        if let Some(notes) = &*self.notes.lock().unwrap_or_else(PoisonError::into_inner) {
            let _noted = notes.send(note);
        }
    }

    /// Has something written down; the slip says when it is.
    pub(super) fn enters(&self, key: &str, account: &str, said: String, acknowledged: bool) -> Slip {
        let id = self.clerk.app.ids.next();
        let (written, seen) = watch::channel(None);
        let said = crate::config::secret::Secret::new(said);
        let (key, account) = (key.to_owned(), account.to_owned());
        self.note(Note::Heard(Entry { id, key, account, said, acknowledged, written }));
        Slip(Some(Place { id, written: seen, acknowledged: CancellationToken::new() }))
    }

    /// What became of writing something down, as far as it is worth waiting for.
    pub(super) async fn written(&self, slip: &Slip) -> Written {
        let Slip(Some(place)) = slip else { return Written::Not };
        let mut seen = place.written.clone();
        if let Some(written) = *seen.borrow() {
            return written;
        }
        if self.clerk.is_slow.load(Ordering::Relaxed) {
            return Written::Not;
        }
        match tokio::time::timeout(PATIENCE, seen.wait_for(Option::is_some)).await {
            Ok(Ok(written)) => written.unwrap_or(Written::Not),
            Ok(Err(_)) => Written::Not,
            Err(_) => {
                self.clerk.is_slow.store(true, Ordering::Relaxed);
                tracing::warn!(
                    "the database is slow: what is said is acknowledged before it is written down"
                );
                Written::Not
            }
        }
    }

    /// The platform was told.
    pub(super) fn acknowledged(&self, slip: &Slip) {
        if let Slip(Some(place)) = slip {
            place.acknowledged.cancel();
            self.note(Note::Acknowledged(place.id));
        }
    }

    /// Waits until the platform was told, as far as it is worth waiting for.
    pub(super) async fn is_acknowledged(&self, slip: &Slip) {
        if let Slip(Some(place)) = slip {
            let _in_time = tokio::time::timeout(PATIENCE, place.acknowledged.cancelled()).await;
        }
    }

    /// Its answer is out.
    pub(super) fn answered(&self, slip: &Slip) {
        if let Slip(Some(place)) = slip {
            self.note(Note::Answered(place.id, None));
        }
    }

    /// Crosses something out before somebody is told that it will not be done; `false` when the next process does it.
    pub(super) async fn gives_up(&self, slip: &Slip) -> bool {
        let Slip(Some(place)) = slip else { return true };
        let (done, crossed_out) = oneshot::channel();
        self.note(Note::Answered(place.id, Some(done)));
        let crossed_out = tokio::time::timeout(PATIENCE, crossed_out).await;
        matches!(crossed_out, Ok(Ok(true))) || *place.written.borrow() == Some(Written::Not)
    }

    /// Takes up what nobody holds any more, each with its place in the book.
    pub(super) async fn left_over(&self) -> Result<Vec<(HeardRow, Slip)>, StoreError> {
        let clerk = &self.clerk;
        let now = clerk.app.now();
        let most = i64::try_from(MOST).unwrap_or(i64::MAX);
        let mut tx = clerk.app.store.begin().await?;
        let rows = tx
            .claim_heard(&Claim { owner: &clerk.owner, now, until: now + LEASE, most }, clerk.platform)
            .await?;
        tx.commit().await?;
        let (_, written) = watch::channel(Some(Written::Down));
        let acknowledged = CancellationToken::new();
        acknowledged.cancel();
        Ok(rows
            .into_iter()
            .map(|row| {
                let (written, acknowledged) = (written.clone(), acknowledged.clone());
                let slip = Slip(Some(Place { id: row.id, written, acknowledged }));
                (row, slip)
            })
            .collect())
    }

    /// What was already done of something that was heard: the answers to its commands.
    pub(super) async fn answers(
        &self,
        names: impl Iterator<Item = String>,
    ) -> Result<Vec<Answer>, StoreError> {
        let mut tx = self.clerk.app.store.read().await?;
        let mut answers = Vec::new();
        for name in names {
            answers.extend(tx.answer_to(&name).await?);
        }
        Ok(answers)
    }

    /// Closes the book: what was noted is still written.
    pub(super) async fn close(&self) {
        drop(self.notes.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.tasks.close();
        if tokio::time::timeout(LAST_LINES, self.tasks.wait()).await.is_err() {
            tracing::warn!(
                "the book of what was said could not be closed; the next start tells some answers again"
            );
        }
    }
}

impl Clerk {
    /// Writes what is noted, until nobody notes anything any more.
    async fn writes(self: Arc<Self>, mut notes: mpsc::UnboundedReceiver<Note>) {
        let mut hold = tokio::time::interval(HOLD_EVERY);
        hold.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut rounds = 0_u32;
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                noted = notes.recv_many(&mut batch, MOST) => if noted == 0 { break },
                _ = hold.tick() => {
                    if let Err(error) = self.holds(rounds.is_multiple_of(FORGET_EVERY)).await {
                        tracing::warn!(%error, "what is not answered could not be held");
                    }
                    rounds = rounds.wrapping_add(1);
                }
            }
            while let Err(error) = self.write(&mut batch).await {
                tracing::error!(%error, "what was said in chat could not be written down");
                batch.retain_mut(|note| match note {
                    // Whoever waits for it must not wait for the database.
                    Note::Heard(entry) => {
                        entry.written.send_replace(Some(Written::Not));
                        false
                    }
                    Note::Acknowledged(_) | Note::Answered(..) => true,
                });
                tokio::time::sleep(PATIENCE).await;
            }
        }
    }

    /// Writes everything that was noted, all of it or nothing.
    async fn write(&self, batch: &mut Vec<Note>) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let now = self.app.now();
        let mut tx = self.app.store.begin().await?;
        let mut outcomes = Vec::with_capacity(batch.len());
        for note in batch.iter() {
            outcomes.push(match note {
                Note::Heard(entry) => {
                    tx.write_down(&NewHeard {
                        id: entry.id,
                        platform: self.platform,
                        key: &entry.key,
                        account: &entry.account,
                        said: entry.said.expose(),
                        heard_at: now,
                        acknowledged: entry.acknowledged,
                        owner: &self.owner,
                        until: now + LEASE,
                    })
                    .await?
                }
                Note::Acknowledged(id) => {
                    tx.heard_acknowledged(*id).await?;
                    true
                }
                Note::Answered(id, _) => tx.heard_answered(*id, &self.owner, now).await?,
            });
        }
        tx.commit().await?;
        self.is_slow.store(false, Ordering::Relaxed);
        for (note, done) in batch.drain(..).zip(outcomes) {
            match note {
                Note::Heard(entry) => {
                    entry.written.send_replace(Some(if done { Written::Down } else { Written::Before }));
                }
                Note::Answered(_, Some(waiting)) => {
                    let _heard = waiting.send(done);
                }
                Note::Acknowledged(_) | Note::Answered(_, None) => {}
            }
        }
        Ok(())
    }

    async fn holds(&self, forgets: bool) -> Result<(), StoreError> {
        let now = self.app.now();
        let mut tx = self.app.store.begin().await?;
        tx.hold_heard(&self.owner, now + LEASE).await?;
        if forgets {
            tx.forget_heard(now - REMEMBERED).await?;
        }
        tx.commit().await
    }
}
