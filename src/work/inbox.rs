//! Reads the mails that came in: pure reading, the sender's proof, then the one door; nothing unproven is answered.

use std::sync::Arc;

use chrono::TimeDelta;

use super::Ticked;
use super::retry::backoff;
use crate::app::reply::{Reply, Unheeded};
use crate::app::{App, Failure};
use crate::domain::chain::sha256;
use crate::mail::auth::{Authenticator, Trust};
use crate::mail::fetch::{Arrived, Content, Cursor};
use crate::mail::ours::Ours;
use crate::mail::read::Flag;
use crate::mail::reading::{Dropped, Reading, Typed, reading};
use crate::store::error::StoreError;
use crate::store::records::{Claim, InboxMail, NewMail};

/// A mail whose sender's name server does not answer is given up after so long.
const PATIENCE: TimeDelta = TimeDelta::hours(24);
/// A claim on a mail holds so long.
const LEASE: TimeDelta = TimeDelta::minutes(2);
const MOST: i64 = 20;

/// The reader of one instance's inbox.
#[derive(Debug, Clone)]
pub struct InboxReader {
    app: App,
    ours: Ours,
    authenticator: Arc<Authenticator>,
    owner: String,
}

impl InboxReader {
    /// A reader for mails to `ours`.
    #[must_use]
    pub fn new(app: App, ours: Ours, authenticator: Authenticator, owner: String) -> Self {
        Self { app, ours, authenticator: Arc::new(authenticator), owner }
    }

    /// Reads the mails that wait.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tick(&self) -> Result<Ticked, Failure> {
        let now = self.app.now();
        let mut tx = self.app.store.begin().await?;
        let mails = tx.claim_mail(&Claim { owner: &self.owner, now, until: now + LEASE, most: MOST }).await?;
        tx.commit().await?;
        let count = mails.len();
        for mail in mails {
            match self.read(&mail).await {
                Ok(outcome) => {
                    metrics::counter!("patchbot_mails_read_total", "outcome" => outcome).increment(1);
                    tracing::info!(mail = %mail.id, outcome, "mail {} was read: {outcome}", mail.id);
                }
                Err(Failure::Store(StoreError::Stale(_))) => {}
                Err(error) => {
                    tracing::error!(mail = %mail.id, %error, "mail {} could not be read and is read again", mail.id);
                    self.put_off(&mail, &error.to_string()).await?;
                }
            }
        }
        Ok(Ticked(count))
    }

    async fn read(&self, mail: &InboxMail) -> Result<&'static str, Failure> {
        let typed = match reading(&mail.raw, &self.ours) {
            Reading::Typed(typed) => typed,
            Reading::Dropped(dropped) => {
                let unheeded = dropped_because(&dropped);
                let outcome = unheeded.outcome;
                self.app.leave_unheeded(mail, &unheeded).await?;
                return Ok(outcome);
            }
        };
        match self.authenticator.check(&mail.raw, self.app.now()).await {
            Trust::Authenticated { content_type_signed, .. } => {
                self.app.handle_reply(mail, &reply(*typed, content_type_signed)).await
            }
            Trust::Unauthenticated(reason) => self.reject(mail, &typed, reason).await,
            Trust::TryLater(reason) if self.app.now() - mail.received_at < PATIENCE => {
                self.put_off(mail, &reason).await?;
                Ok("put_off")
            }
            Trust::TryLater(reason) => {
                self.reject(
                    mail,
                    &typed,
                    format!("{reason} This has been so for a day; the mail is given up."),
                )
                .await
            }
        }
    }

    async fn reject(&self, mail: &InboxMail, typed: &Typed, reason: String) -> Result<&'static str, Failure> {
        let unheeded = Unheeded { outcome: "rejected", reason, sender: Some(typed.from.to_string()) };
        self.app.leave_unheeded(mail, &unheeded).await?;
        Ok("rejected")
    }

    async fn put_off(&self, mail: &InboxMail, why: &str) -> Result<(), Failure> {
        let wait = backoff(mail.attempts, TimeDelta::seconds(30), self.app.ids.next());
        let mut tx = self.app.store.begin().await?;
        tx.postpone_mail(mail.id, &mail.lease, self.app.now() + wait, why).await?;
        tx.commit().await?;
        Ok(())
    }
}

fn reply(mut typed: Typed, content_type_signed: bool) -> Reply {
    // Text outside of the parts harms only where nobody has signed the border between them.
    if content_type_signed {
        typed.flags.remove(&Flag::Loose);
    }
    let doubt = typed.doubt().map(|doubt| format!("{doubt} So nothing was decided."));
    let token = typed.token.ok().flatten().map(|token| token.hash().as_str().to_owned());
    Reply {
        from: typed.from,
        token,
        notices: typed.notices,
        text: typed.text,
        commands: typed.commands,
        doubt,
    }
}

fn dropped_because(dropped: &Dropped) -> Unheeded {
    let ignored = |reason: String| Unheeded { outcome: "ignored", reason, sender: None };
    match dropped {
        Dropped::OwnMail => ignored("It is a mail of patchbot's own that came back.".to_owned()),
        Dropped::AutoReply(reply) => {
            let what = if reply.away { "says that its sender is away" } else { "is an automatic answer" };
            Unheeded {
                sender: reply.from.as_ref().map(ToString::to_string),
                ..ignored(format!("It {what}: \"{}\".", reply.subject))
            }
        }
        Dropped::Bounce(delivery) => {
            let whom = delivery.recipient.as_deref().unwrap_or("somebody");
            let how = if delivery.failed { "could not be delivered" } else { "is delayed" };
            let status = delivery.status.as_ref().map(|status| format!(" ({status})")).unwrap_or_default();
            ignored(format!("A notice to {whom} {how}{status}."))
        }
        Dropped::Receipt => ignored("It is a receipt.".to_owned()),
        Dropped::List => ignored("It came through a list or in bulk.".to_owned()),
        Dropped::Unreadable(why) => Unheeded {
            outcome: "quarantined",
            reason: format!("It cannot be read without doubt ({}): {why}.", dropped.name()),
            sender: None,
        },
    }
}

/// Where reading a folder ended is remembered under this key.
fn cursor_key(folder: &str) -> String {
    format!("imap.cursor/{folder}")
}

/// Where reading a folder ended the last time.
///
/// # Errors
/// When the database does not answer.
pub async fn cursor(app: &App, folder: &str) -> Result<Option<Cursor>, Failure> {
    let kept = app.store.read().await?.get_configuration(&cursor_key(folder)).await?;
    let number = |value: &serde_json::Value, name: &str| u32::try_from(value.get(name)?.as_u64()?).ok();
    Ok(kept.and_then(|value| {
        Some(Cursor { validity: number(&value, "validity")?, last: number(&value, "last")? })
    }))
}

/// Keeps a mail that came in, raw, and remembers how far the folder was read; only then may it be marked in the mailbox.
///
/// # Errors
/// When the database does not take it.
pub async fn accept(app: &App, folder: &str, arrived: Arrived) -> Result<(), Failure> {
    let id = app.inbox_id();
    let (raw, note) = match &arrived.content {
        Content::Whole(raw) => (raw.as_slice(), None),
        Content::TooLarge { size, head } => {
            (head.as_slice(), Some(format!("It is too large to be a reply: {size} bytes.")))
        }
        Content::Unfetchable { why } => {
            (&[][..], Some(format!("It could not be fetched: {why}. Look at it in the mailbox.")))
        }
    };
    // What could not be fetched has no content of its own to be told by.
    let place = format!("{folder}/{}/{}", arrived.validity, arrived.uid);
    let hash = sha256(if raw.is_empty() { place.as_bytes() } else { raw });
    let headers = mail_parser::MessageParser::new().parse_headers(raw);
    let message_id = headers.as_ref().and_then(mail_parser::Message::message_id).map(|id| format!("<{id}>"));
    let now = app.now();
    let mut tx = app.store.begin().await?;
    let new = tx
        .accept_mail(&NewMail {
            id,
            mailbox: folder,
            uidvalidity: i64::from(arrived.validity),
            uid: i64::from(arrived.uid),
            message_id: message_id.as_deref(),
            hash: &hash,
            raw,
            received_at: now,
            set_aside: note.as_deref(),
        })
        .await?;
    let last = serde_json::json!({ "validity": arrived.validity, "last": arrived.uid });
    tx.put_configuration(&cursor_key(folder), &last, now).await?;
    tx.commit().await?;
    if !new {
        tracing::info!(folder, uid = arrived.uid, "a mail came a second time and is not read again");
    }
    if let (true, Some(reason)) = (new, note) {
        tracing::warn!(mail = %id, "mail {id} is quarantined: {reason}");
    }
    Ok(())
}
