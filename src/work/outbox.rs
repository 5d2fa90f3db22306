//! Delivers what is in the outbox: mails with a fresh reply token, chat cards drawn from the present state, alerts.

use std::sync::Arc;

use chrono::TimeDelta;
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::Ticked;
use super::retry::backoff;
use crate::app::{App, Failure};
use crate::chat::{Chat, Undelivered};
use crate::domain::message::{Alert, Answerable, Message, Tone};
use crate::domain::notice::Notice;
use crate::domain::person::Address;
use crate::mail::calendar;
use crate::mail::compose::{Composed, Letter, compose};
use crate::mail::ours::Ours;
use crate::mail::send::{Mailer, SendError};
use crate::mail::token::Token;
use crate::render::{Footing, Renderer, ReplyTo};
use crate::store::error::StoreError;
use crate::store::records::{Claim, Delivery, Lease, Medium, NewNotification, Notification, ReplyToken};

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
}

/// Delivers one medium's messages.
#[derive(Debug, Clone)]
pub struct Outbox {
    app: App,
    way: Way,
    owner: String,
    at_once: usize,
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
        Self { app, way: Way::Mail(postman), owner, at_once }
    }

    /// Delivers cards and alerts to chat.
    #[must_use]
    pub fn chat(app: App, chat: Chat, owner: String) -> Self {
        Self { app, way: Way::Chat(chat), owner, at_once: 1 }
    }

    fn medium(&self) -> Medium {
        match &self.way {
            Way::Mail(_) => Medium::Mail,
            Way::Chat(_) => Medium::Slack,
        }
    }

    /// Delivers what waits.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tick(&self) -> Result<Ticked, Failure> {
        let now = self.app.now();
        let most = i64::try_from(self.at_once.saturating_mul(8)).unwrap_or(8);
        let claim = Claim { owner: &self.owner, now, until: now + LEASE, most };
        let mut tx = self.app.store.begin().await?;
        let claimed = tx.claim_notifications(&claim, self.medium()).await?;
        tx.commit().await?;
        let count = claimed.len();
        let mut waiting = claimed.into_iter();
        let mut under_way: FuturesUnordered<_> = waiting
            .by_ref()
            .take(self.at_once)
            .map(|(message, lease)| self.deliver(message, lease))
            .collect();
        while let Some(done) = under_way.next().await {
            done?;
            under_way.extend(waiting.next().map(|(message, lease)| self.deliver(message, lease)));
        }
        Ok(Ticked(count))
    }

    async fn deliver(&self, message: Notification, lease: Lease) -> Result<(), Failure> {
        let outcome = match &self.way {
            Way::Mail(postman) => self.send_mail(postman, &message).await?,
            Way::Chat(chat) => self.post(chat, &message).await?,
        };
        let delivery = match outcome {
            Delivery::Later { why, .. } if message.attempts >= MOST_ATTEMPTS => Delivery::Parked { why },
            other => other,
        };
        let medium = self.medium().as_str();
        let word = match &delivery {
            Delivery::Sent { .. } => "sent",
            Delivery::Later { why, .. } => {
                tracing::warn!(notice = %message.id, medium, why, "message {} is tried again later", message.id);
                "later"
            }
            Delivery::Parked { why } => {
                tracing::error!(notice = %message.id, medium, why, "message {} is given up", message.id);
                "parked"
            }
        };
        metrics::counter!("patchbot_deliveries_total", "medium" => medium, "outcome" => word).increment(1);
        let mut tx = self.app.store.begin().await?;
        match tx.end_delivery(message.id, &lease, &delivery, self.app.now()).await {
            Ok(()) => {}
            // Somebody else delivers it, because our claim ran out.
            Err(StoreError::Stale(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        if let Delivery::Parked { why } = &delivery {
            self.tell_parked(&mut tx, &message, why).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Operators are told of a message that nobody will get. An alert that could not be posted alerts nobody again.
    async fn tell_parked(
        &self,
        tx: &mut crate::store::Tx,
        message: &Notification,
        why: &str,
    ) -> Result<(), Failure> {
        let (Some(channel), Medium::Mail) = (&self.app.chat.slack_ops, message.medium) else { return Ok(()) };
        tx.add_notification(&NewNotification {
            id: crate::domain::ids::NoticeId(self.app.ids.next()),
            medium: Medium::Slack,
            recipient: channel.clone(),
            kind: "alert",
            person: None,
            window: message.window,
            dedupe_key: format!("parked/{}", message.id),
            message: Message::Alert(Alert {
                tone: Tone::Bad,
                headline: format!("A mail to {} cannot be delivered.", message.recipient),
                lines: vec![
                    format!("{why}."),
                    "Reach the owner another way, or correct the address in the inventory.".to_owned(),
                ],
            }),
            created_at: self.app.now(),
        })
        .await?;
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
        let mail = match self
            .compose(postman, message, notice, answerable.as_ref(), in_reply_to.as_deref())
            .await?
        {
            Ok(mail) => mail,
            Err(why) => return Ok(Delivery::Parked { why }),
        };
        Ok(match postman.mailer.send(&mail).await {
            Ok(_) => Delivery::Sent { message_id: Some(mail.message_id) },
            Err(SendError::Permanent(why)) => Delivery::Parked { why },
            // With the same Message-ID: a mail that did arrive is seen as the same one.
            Err(SendError::Transient(why) | SendError::Ambiguous(why)) => self.later(message, why),
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
                })
                .await?;
                tx.commit().await?;
                Some(token)
            }
            _ => None,
        };
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
        let entry = calendar::entry(notice, &postman.ours, &to, message.created_at);
        let letter = Letter {
            id: message.id,
            notice,
            rendered: &rendered,
            to: &to,
            to_name: None,
            token: token.as_ref(),
            in_reply_to,
            entry: entry.as_ref(),
            at: message.created_at,
        };
        Ok(compose(&letter, &postman.ours, &postman.name).map_err(|error| error.to_string()))
    }

    async fn post(&self, chat: &Chat, message: &Notification) -> Result<Delivery, Failure> {
        let posted = match &message.message {
            Message::Alert(alert) => chat.deliver_alert(&message.recipient, alert).await,
            Message::Card { window } => match chat.deliver_card(&self.app, *window, &message.recipient).await
            {
                Ok(card) => {
                    // Before the delivery is ended: a card that is posted and not remembered would be posted again.
                    let mut tx = self.app.store.begin().await?;
                    tx.put_card(&card, self.app.now()).await?;
                    tx.commit().await?;
                    Ok(card.message)
                }
                Err(error) => Err(error),
            },
            Message::Mail { .. } => Err(Undelivered::Permanent("it is a mail".to_owned())),
        };
        Ok(match posted {
            Ok(message_id) => Delivery::Sent { message_id: Some(message_id) },
            Err(Undelivered::RateLimited { after }) => Delivery::Later {
                at: self.app.now() + TimeDelta::from_std(after).unwrap_or(TimeDelta::MAX),
                why: "the platform asked to wait".to_owned(),
            },
            Err(Undelivered::Transient(why)) => self.later(message, why),
            Err(error @ Undelivered::Gone) => self.later(message, error.to_string()),
            Err(Undelivered::Permanent(why)) => Delivery::Parked { why },
        })
    }
}
