//! Delivers what is in the outbox: mails with a fresh reply token, chat cards drawn from the present state, alerts.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::Instant;

use super::Ticked;
use super::pace::{Minute, Pace, Queue, domain_of};
use super::retry::backoff;
use crate::app::outdated::Timeliness;
use crate::app::{App, Failure};
use crate::chat::{Chat, Undelivered};
use crate::domain::message::{Answerable, Message};
use crate::domain::notice::{LinkCode, Notice};
use crate::domain::person::Address;
use crate::mail::calendar;
use crate::mail::compose::{Composed, Letter, compose};
use crate::mail::dkim::Signer;
use crate::mail::ours::Ours;
use crate::mail::send::{Mailer, SendError};
use crate::mail::token::Token;
use crate::render::{Footing, Renderer, ReplyTo};
use crate::store::error::StoreError;
use crate::store::records::{Claim, Delivery, Lease, Medium, Notification, ReplyToken};

/// A claim on a message holds so long: longer than any delivery may take.
const LEASE: TimeDelta = TimeDelta::minutes(5);
/// The first wait after a delivery that can be tried again.
const FIRST_WAIT: TimeDelta = TimeDelta::seconds(15);
/// A message that could not be delivered so many times is given up.
const MOST_ATTEMPTS: i64 = 40;

/// What every mail of this installation has in common.
#[derive(Debug, Clone)]
pub struct Postman {
    /// How mail leaves.
    pub mailer: Mailer,
    /// The templates.
    pub renderer: Arc<Renderer>,
    /// Our address.
    pub ours: Ours,
    /// The name beside it.
    pub name: String,
    /// Whom to ask.
    pub contact: String,
    /// Who signs the mails; none leaves that to the server.
    pub signer: Option<Arc<Signer>>,
}

/// Delivers one medium's messages.
#[derive(Debug, Clone)]
pub struct Outbox {
    app: App,
    way: Way,
    owner: String,
    pace: Pace,
    minute: Minute,
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
        Self { app, way: Way::Mail(postman), owner, pace, minute: Minute::default() }
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
        Self { app, way: Way::Chat(chat), owner, pace, minute: Minute::default() }
    }

    fn medium(&self) -> Medium {
        match &self.way {
            Way::Mail(_) => Medium::Mail,
            Way::Chat(chat) => chat.medium(),
        }
    }

    /// Delivers what waits.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tick(&self) -> Result<Ticked, Failure> {
        let now = self.app.now();
        let most = self.pace.at_once.saturating_mul(8).min(self.minute.left(&self.pace, Instant::now()));
        if most == 0 {
            return Ok(Ticked(0));
        }
        let most = i64::try_from(most).unwrap_or(8);
        let claim = Claim { owner: &self.owner, now, until: now + LEASE, most };
        let mut tx = self.app.store.begin().await?;
        let claimed = tx.claim_notifications(&claim, self.medium()).await?;
        tx.commit().await?;
        let count = claimed.len();
        let claimed = claimed.into_iter().map(|(message, lease)| (self.place_of(&message), (message, lease)));
        let mut queue = Queue::new(claimed, self.pace);
        let mut left_alone: HashMap<String, DateTime<Utc>> = HashMap::new();
        let mut under_way = FuturesUnordered::new();
        loop {
            while let Some((place, (message, lease))) = queue.next() {
                self.minute.count(&self.pace, Instant::now());
                let until = left_alone.get(&place).copied();
                under_way.push(async move { (place, self.deliver_or_wait(message, lease, until).await) });
            }
            let Some((place, done)) = under_way.next().await else { break };
            queue.done(&place);
            if let Some(until) = done? {
                left_alone.insert(place, until);
            }
        }
        Ok(Ticked(count))
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
        message: Notification,
        lease: Lease,
        until: Option<DateTime<Utc>>,
    ) -> Result<Option<DateTime<Utc>>, Failure> {
        match until {
            Some(until) => {
                self.end(&message, &lease, Delivery::Waits { until }).await?;
                Ok(Some(until))
            }
            None => self.deliver(message, lease).await,
        }
    }

    /// Delivers one message. When its place is to be left alone, this says until when.
    async fn deliver(&self, message: Notification, lease: Lease) -> Result<Option<DateTime<Utc>>, Failure> {
        let outcome = match &self.way {
            Way::Mail(postman) => self.send_mail(postman, &message).await?,
            Way::Chat(chat) => self.post(chat, &message).await?,
        };
        let delivery = match outcome {
            Delivery::Later { why, .. } if message.attempts >= MOST_ATTEMPTS => Delivery::Parked { why },
            other => other,
        };
        let left_alone = match &delivery {
            Delivery::Waits { until } => Some(*until),
            Delivery::Sent { .. }
            | Delivery::Later { .. }
            | Delivery::Parked { .. }
            | Delivery::Superseded { .. } => None,
        };
        self.end(&message, &lease, delivery).await?;
        Ok(left_alone)
    }

    /// Writes how a delivery ended, and tells operators of a message that nobody will get.
    async fn end(&self, message: &Notification, lease: &Lease, delivery: Delivery) -> Result<(), Failure> {
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
        let mut tx = self.app.store.begin().await?;
        match tx.end_delivery(message.id, lease, &delivery, self.app.now()).await {
            Ok(()) => {}
            // Somebody else delivers it, because our claim ran out.
            Err(StoreError::Stale(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        if let (Delivery::Parked { why }, Medium::Mail) = (&delivery, message.medium) {
            self.app.undeliverable(&mut tx, message, why).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    fn later(&self, message: &Notification, why: String) -> Delivery {
        let wait = backoff(message.attempts, FIRST_WAIT, self.app.ids.next());
        Delivery::Later { at: self.app.now() + wait, why }
    }

    async fn send_mail(&self, postman: &Postman, message: &Notification) -> Result<Delivery, Failure> {
        let Message::Mail { notice, answerable, in_reply_to } = &message.message else {
            return Ok(Delivery::Parked { why: "it is no mail".to_owned() });
        };
        let mut tx = self.app.store.read().await?;
        let timeliness = self.app.timeliness(&mut tx, message).await?;
        drop(tx);
        let (notice, answerable) = match &timeliness {
            Timeliness::AsWritten => (notice, answerable.as_ref()),
            Timeliness::Less { notice, answerable } => (notice, answerable.as_ref()),
            Timeliness::Superseded(why) => return Ok(Delivery::Superseded { why: why.clone() }),
        };
        let mail = match self.compose(postman, message, notice, answerable, in_reply_to.as_deref()).await? {
            Ok(mail) => mail,
            Err(why) => return Ok(Delivery::Parked { why }),
        };
        Ok(match postman.mailer.send(&mail).await {
            Ok(_) => Delivery::Sent { message_id: Some(mail.message_id) },
            Err(SendError::Permanent(why)) => Delivery::Parked { why },
            // With the same Message-ID: a mail that did arrive is seen as the same one.
            Err(error @ SendError::Ambiguous(_)) => self.later(message, error.to_string()),
            Err(SendError::Transient(why)) => self.later(message, why),
        })
    }

    /// Renders a mail; the token it can be answered with is kept before it leaves.
    async fn compose(
        &self,
        postman: &Postman,
        message: &Notification,
        notice: &Notice,
        answerable: Option<&Answerable>,
        in_reply_to: Option<&str>,
    ) -> Result<Result<Composed, String>, Failure> {
        let Ok(to) = Address::parse(&message.recipient) else {
            return Ok(Err(format!("\"{}\" is not a mail address", message.recipient)));
        };
        let token = match (answerable, message.person) {
            (Some(answerable), Some(person)) if answerable.until > self.app.now() => {
                let random =
                    self.app.ids.secret().map_err(|error| Failure::Bug(format!("no randomness: {error}")))?;
                let token = Token::new(random);
                let mut tx = self.app.store.begin().await?;
                tx.insert_token(&ReplyToken {
                    hash: token.hash().as_str().to_owned(),
                    person,
                    notification: message.id,
                    windows: answerable.windows.clone(),
                    expires_at: answerable.until,
                    used_at: None,
                    confirms: answerable.confirms.clone(),
                })
                .await?;
                tx.commit().await?;
                Some(token)
            }
            _ => None,
        };
        let coded = self.with_code(message, notice).await?;
        let notice = coded.as_ref().unwrap_or(notice);
        let footing = Footing {
            sender: postman.name.clone(),
            contact: postman.contact.clone(),
            reply: token
                .as_ref()
                .map(|token| ReplyTo { address: postman.ours.reply_address(token), tag: token.tag() }),
        };
        let rendered = match postman.renderer.render(notice, &footing) {
            Ok(rendered) => rendered,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let entries = calendar::entries(notice, &postman.ours, &to, message.created_at);
        let letter = Letter {
            id: message.id,
            notice,
            rendered: &rendered,
            to: &to,
            to_name: None,
            token: token.as_ref(),
            in_reply_to,
            entries: &entries,
            signer: postman.signer.as_deref(),
            at: message.created_at,
        };
        Ok(compose(&letter, &postman.ours, &postman.name).map_err(|error| error.to_string()))
    }

    /// A notice that carries a code gets it now, and only its hash is kept.
    async fn with_code(&self, message: &Notification, notice: &Notice) -> Result<Option<Notice>, Failure> {
        let Notice::LinkCode(link) = notice else { return Ok(None) };
        let code = self.app.seal_code(message.id).await?;
        Ok(Some(Notice::LinkCode(LinkCode { code, ..link.clone() })))
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
