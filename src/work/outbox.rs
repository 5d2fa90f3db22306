//! Delivers what is in the outbox: mails with a fresh reply token, chat cards drawn from the present state, alerts.

mod mail;

use std::collections::HashMap;
use std::iter;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Ticked;
use super::pace::{Minute, Pace, Queue, domain_of};
use super::retry::backoff;
use crate::app::outdated::Timeliness;
use crate::app::{App, Failure};
use crate::chat::{Chat, Undelivered};
use crate::domain::ids::NoticeId;
use crate::mail::token::Token;
use crate::store::Tx;
use crate::store::error::StoreError;
use crate::store::records::{Claim, Delivery, Lease, Medium, Notification};

pub use mail::Postman;

/// A claim on a message holds so long: more than twice as long as any delivery may take.
const LEASE: TimeDelta = TimeDelta::minutes(5);
/// A tick claims no more after this time, so that the loop can be asked to stop.
const A_WHILE: Duration = Duration::from_secs(2);
/// The first wait after a delivery that can be tried again.
const FIRST_WAIT: TimeDelta = TimeDelta::seconds(15);
/// A message that could not be delivered so many times is given up.
const MOST_ATTEMPTS: i64 = 40;
/// A mail that was handed over and not confirmed so many times is given up: each time could be one more copy for its reader.
const MOST_IN_DOUBT: u32 = 3;
/// How deliveries ended is tried to be written down so many times before a round fails.
const MOST_WRITES: u32 = 3;
/// The wait between them.
const WRITE_WAIT: Duration = Duration::from_millis(500);

/// Delivers one medium's messages.
#[derive(Debug, Clone)]
pub struct Outbox {
    app: App,
    way: Way,
    owner: String,
    pace: Pace,
    minute: Minute,
    doubts: Doubts,
}

/// How often each mail was handed over and not confirmed, since the program began: a few, that are not worth a table.
type Doubts = Arc<Mutex<HashMap<NoticeId, u32>>>;

/// A claimed message, and what was looked up for it before its turn came.
#[derive(Debug)]
struct Outgoing {
    message: Notification,
    lease: Lease,
    /// What is still true of it.
    timeliness: Timeliness,
    /// What it can be answered with.
    token: Option<Token>,
}

/// What a tick waits for.
enum Done {
    Claiming(Result<Vec<Outgoing>, Failure>),
    Delivering { place: String, outgoing: Box<Outgoing>, delivery: Result<Delivery, Failure> },
}

/// What a tick has before it, and how far it has come.
struct Round {
    queue: Queue<Outgoing>,
    /// Places that want no message before a moment.
    left_alone: HashMap<String, DateTime<Utc>>,
    /// Deliveries whose end is not written down yet.
    ended: Vec<(Outgoing, Delivery)>,
    claiming: bool,
    /// Nothing is claimed any more.
    all_claimed: bool,
    count: usize,
    failure: Option<Failure>,
}

impl Round {
    fn new(pace: Pace) -> Self {
        Self {
            queue: Queue::new(pace),
            left_alone: HashMap::new(),
            ended: Vec::new(),
            claiming: false,
            all_claimed: false,
            count: 0,
            failure: None,
        }
    }

    /// Whether more is to be claimed, so long after the tick began.
    fn wants_more(&mut self, elapsed: Duration) -> bool {
        self.all_claimed |= self.count > 0 && elapsed > A_WHILE;
        !self.all_claimed && !self.claiming && self.queue.runs_low()
    }

    /// The next message whose turn it is; none after a failure.
    fn next(&mut self) -> Option<(String, Outgoing)> {
        if self.failure.is_some() { None } else { self.queue.next() }
    }

    fn takes(&mut self, done: Done, place_of: impl Fn(&Notification) -> String) {
        match done {
            Done::Claiming(Ok(claimed)) => {
                self.claiming = false;
                self.all_claimed |= claimed.is_empty();
                self.count = self.count.saturating_add(claimed.len());
                for outgoing in claimed {
                    self.queue.add(place_of(&outgoing.message), outgoing);
                }
            }
            Done::Delivering { place, outgoing, delivery: Ok(delivery) } => {
                self.queue.done(&place);
                if let Delivery::Waits { until } = &delivery {
                    self.left_alone.insert(place, *until);
                }
                self.ended.push((*outgoing, delivery));
            }
            Done::Claiming(Err(error)) | Done::Delivering { delivery: Err(error), .. } => self.fails(error),
        }
    }

    fn fails(&mut self, error: Failure) {
        self.all_claimed = true;
        self.failure.get_or_insert(error);
    }
}

/// Whether nobody will get a message.
fn is_parked((_, delivery): &(Outgoing, Delivery)) -> bool {
    matches!(delivery, Delivery::Parked { .. })
}

impl From<(Notification, Lease)> for Outgoing {
    fn from((message, lease): (Notification, Lease)) -> Self {
        Self { message, lease, timeliness: Timeliness::AsWritten, token: None }
    }
}

#[derive(Debug, Clone)]
enum Way {
    Mail(Postman),
    Chat(Chat),
}

impl Outbox {
    /// Delivers mails, `at_once` at the same time.
    #[must_use]
    pub fn mail(app: App, postman: Postman, owner: String, at_once: usize) -> Self {
        let pace = Pace { at_once, per_domain: 0, per_minute: 0 };
        Self {
            app,
            way: Way::Mail(postman),
            owner,
            pace,
            minute: Minute::default(),
            doubts: Doubts::default(),
        }
    }

    /// Delivers no faster than the mail server's keepers allow.
    #[must_use]
    pub fn paced(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Delivers cards and alerts to chat.
    #[must_use]
    pub fn chat(app: App, chat: Chat, owner: String) -> Self {
        // One after the other to each place: what stands below another message must not overtake it.
        let pace = Pace { at_once: 8, per_domain: 1, per_minute: 0 };
        Self { app, way: Way::Chat(chat), owner, pace, minute: Minute::default(), doubts: Doubts::default() }
    }

    fn medium(&self) -> Medium {
        match &self.way {
            Way::Mail(_) => Medium::Mail,
            Way::Chat(chat) => chat.medium(),
        }
    }

    /// Delivers what waits, for a while.
    ///
    /// # Errors
    /// When the database does not answer; what was being delivered then is ended first.
    pub async fn tick(&self) -> Result<Ticked, Failure> {
        let begin = Instant::now();
        let this = Arc::new(self.clone());
        let (mut round, mut under_way) = (Round::new(self.pace), JoinSet::new());
        loop {
            // While others are on their way, so that no connection waits for the database.
            if round.wants_more(begin.elapsed()) {
                round.claiming = true;
                let (this, before) = (Arc::clone(&this), round.queue.waiting());
                under_way.spawn(async move { Done::Claiming(this.claim(before).await) });
            }
            while let Some((place, outgoing)) = round.next() {
                self.minute.count(&self.pace, Instant::now());
                let until = round.left_alone.get(&place).copied().filter(|until| *until > self.app.now());
                let this = Arc::clone(&this);
                under_way.spawn(async move {
                    let delivery = this.deliver_or_wait(&outgoing, until).await;
                    Done::Delivering { place, outgoing: Box::new(outgoing), delivery }
                });
            }
            // All that ended meanwhile is written down together, while the next ones are on their way.
            if let Err(error) = self.end_surely(&mut round.ended).await {
                round.fails(error);
            }
            let Some(first) = under_way.join_next().await else { break };
            for one in iter::once(first).chain(iter::from_fn(|| under_way.try_join_next())) {
                match one {
                    Ok(done) => round.takes(done, |message| self.place_of(message)),
                    Err(error) => round.fails(Failure::Bug(format!("a delivery broke off: {error}"))),
                }
            }
        }
        round.failure.map_or(Ok(Ticked(round.count)), Err)
    }

    /// Claims of what waits as much as may leave soon, behind so many that are claimed already.
    async fn claim(&self, before: usize) -> Result<Vec<Outgoing>, Failure> {
        let now = self.app.now();
        let left = self.minute.left(&self.pace, Instant::now()).saturating_sub(before);
        let most = self.pace.at_once.saturating_mul(8).min(left);
        if most == 0 {
            return Ok(Vec::new());
        }
        let most = i64::try_from(most).unwrap_or(8);
        let claim = Claim { owner: &self.owner, now, until: now + LEASE, most };
        let mut tx = self.app.store.begin().await?;
        let claimed = tx.claim_notifications(&claim, self.medium()).await?;
        tx.commit().await?;
        match &self.way {
            Way::Mail(_) => self.looked_up(claimed).await,
            Way::Chat(_) => Ok(claimed.into_iter().map(Outgoing::from).collect()),
        }
    }

    /// What waits for what: mails to the same domain, in chat all that goes to the same place.
    fn place_of(&self, message: &Notification) -> String {
        match self.way {
            Way::Mail(_) => domain_of(&message.recipient),
            Way::Chat(_) => message.recipient.clone(),
        }
    }

    /// Delivers one message, or puts it off when its place is to be left alone until a moment.
    async fn deliver_or_wait(
        &self,
        outgoing: &Outgoing,
        until: Option<DateTime<Utc>>,
    ) -> Result<Delivery, Failure> {
        let now = self.app.now();
        // What waited for its turn for so long could be claimed by somebody else while it is being delivered.
        let late = outgoing.lease.until - LEASE / 2 <= now;
        if let Some(until) = until.or(late.then_some(now)) {
            return Ok(Delivery::Waits { until });
        }
        let outcome = match &self.way {
            Way::Mail(postman) => self.send_mail(postman, outgoing).await?,
            Way::Chat(chat) => self.post(chat, &outgoing.message).await?,
        };
        Ok(match outcome {
            Delivery::Later { why, .. } if outgoing.message.attempts >= MOST_ATTEMPTS => {
                Delivery::Parked { why }
            }
            other => other,
        })
    }

    /// Writes how deliveries ended, and tries that again for a moment: a mail that was sent and is not known to be sent goes
    /// out once more when the claim on it runs out.
    async fn end_surely(&self, ended: &mut Vec<(Outgoing, Delivery)>) -> Result<(), Failure> {
        for _ in 1..MOST_WRITES {
            match self.end(ended).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    let medium = self.medium().as_str();
                    tracing::warn!(medium, %error, "how deliveries ended cannot be written down and is tried again");
                    tokio::time::sleep(WRITE_WAIT).await;
                }
            }
        }
        self.end(ended).await
    }

    /// Writes how deliveries ended, and tells operators of the messages that nobody will get; what is written leaves the list.
    async fn end(&self, ended: &mut Vec<(Outgoing, Delivery)>) -> Result<(), Failure> {
        if !ended.iter().all(is_parked) {
            let mut tx = self.app.store.begin().await?;
            for one in &*ended {
                if !is_parked(one) {
                    self.write_end(&mut tx, &one.0, &one.1).await?;
                }
            }
            tx.commit().await?;
            ended.retain(is_parked);
        }
        // What follows from a parked one must not hold up that others are known to be sent.
        while let Some((outgoing, delivery)) = ended.first() {
            let mut tx = self.app.store.begin().await?;
            let held = self.write_end(&mut tx, outgoing, delivery).await?;
            if let (true, Delivery::Parked { why }, Medium::Mail) = (held, delivery, outgoing.message.medium)
            {
                self.app.undeliverable(&mut tx, &outgoing.message, why).await?;
            }
            tx.commit().await?;
            ended.remove(0);
        }
        Ok(())
    }

    /// Writes how a delivery ended; `false` when somebody else delivers the message, because our claim ran out.
    async fn write_end(
        &self,
        tx: &mut Tx,
        outgoing: &Outgoing,
        delivery: &Delivery,
    ) -> Result<bool, Failure> {
        let Outgoing { message, lease, .. } = outgoing;
        let medium = self.medium().as_str();
        let word = match &delivery {
            Delivery::Sent { .. } => "sent",
            Delivery::Waits { until } => {
                tracing::debug!(notice = %message.id, medium, %until, "message {} waits", message.id);
                "waits"
            }
            Delivery::Later { why, .. } => {
                tracing::warn!(notice = %message.id, medium, why, "message {} is tried again later", message.id);
                "later"
            }
            Delivery::Superseded { why } => {
                tracing::info!(notice = %message.id, medium, why, "message {} is not sent any more", message.id);
                "superseded"
            }
            Delivery::Parked { why } => {
                tracing::error!(notice = %message.id, medium, why, "message {} is given up", message.id);
                "parked"
            }
        };
        metrics::counter!("patchbot_deliveries_total", "medium" => medium, "outcome" => word).increment(1);
        match tx.end_delivery(message.id, lease, delivery, self.app.now()).await {
            Ok(()) => Ok(true),
            Err(StoreError::Stale(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn later(&self, message: &Notification, why: String) -> Delivery {
        let wait = backoff(message.attempts, FIRST_WAIT, self.app.ids.next());
        Delivery::Later { at: self.app.now() + wait, why }
    }

    async fn post(&self, chat: &Chat, message: &Notification) -> Result<Delivery, Failure> {
        Ok(match chat.deliver(message).await {
            Ok(delivered) => {
                // Before the delivery is ended: a card that is posted and not remembered would be posted again.
                let mut tx = self.app.store.begin().await?;
                for card in &delivered.cards {
                    tx.put_card(card, self.app.now()).await?;
                }
                tx.commit().await?;
                Delivery::Sent { message_id: Some(delivered.message) }
            }
            Err(Undelivered::RateLimited { after }) => {
                let until = self.app.now() + TimeDelta::from_std(after).unwrap_or(TimeDelta::MAX);
                // Everything for this place waits, in its order, also after a restart; other places go on.
                let mut tx = self.app.store.begin().await?;
                tx.leave_alone(message.medium, &message.recipient, until).await?;
                tx.commit().await?;
                Delivery::Waits { until }
            }
            Err(Undelivered::Quiet { until }) => Delivery::Waits { until },
            Err(Undelivered::Transient(why)) => self.later(message, why),
            Err(error @ Undelivered::Gone) => self.later(message, error.to_string()),
            Err(Undelivered::Permanent(why)) => Delivery::Parked { why },
        })
    }
}
