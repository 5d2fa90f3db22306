//! Reads the mails that came in: pure reading, the sender's proof, then the one door; nothing unproven is answered.

use std::sync::Arc;

use chrono::TimeDelta;

use super::Ticked;
use super::retry::backoff;
use crate::app::reach::Bounce;
use crate::app::reply::{Reply, Unheeded};
use crate::app::{App, Failure};
use crate::domain::chain::sha256;
use crate::domain::inbound::{Limits, Outcome, Stage};
use crate::mail::absence::absence;
use crate::mail::auth::{Authenticator, Trust};
use crate::mail::fetch::{Arrived, Content, Cursor};
use crate::mail::ours::Ours;
use crate::mail::read::Flag;
use crate::mail::reading::{Dropped, Reading, Typed, is_led_by, notices, reading};
use crate::store::Tx;
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
    limits: Limits,
    owner: String,
}

/// What a mail would come to, stage by stage.
#[derive(Debug)]
pub struct Rehearsed {
    /// The stages it passes, each with what is found there; the last one is where it ends.
    pub stages: Vec<(Stage, String)>,
    /// How it ends.
    pub outcome: Outcome,
    /// The commands it says, in their exact words.
    pub commands: Vec<String>,
    /// The servers they are about.
    pub servers: Vec<String>,
}

impl InboxReader {
    /// A reader for mails to `ours`.
    #[must_use]
    pub fn new(app: App, ours: Ours, authenticator: Authenticator, limits: Limits, owner: String) -> Self {
        Self { app, ours, authenticator: Arc::new(authenticator), limits, owner }
    }

    /// Reads the mails that wait.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tick(&self) -> Result<Ticked, Failure> {
        let now = self.app.now();
        let mut tx = self.app.store.begin().await?;
        if self.is_flooded(&mut tx).await? {
            tx.commit().await?;
            return Ok(Ticked(0));
        }
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

    /// Whether more was answered in the last hour than people write; then the rest waits, and operators are told.
    async fn is_flooded(&self, tx: &mut Tx) -> Result<bool, Failure> {
        if tx.mails_waiting().await? == 0 {
            return Ok(false);
        }
        let answered = tx.mails_of_people_since(self.app.now() - TimeDelta::hours(1)).await?;
        if answered < self.limits.per_hour {
            return Ok(false);
        }
        self.app.tell_flood(tx, self.limits.per_hour).await?;
        Ok(true)
    }

    async fn read(&self, mail: &InboxMail) -> Result<&'static str, Failure> {
        let outcome = match reading(&mail.raw, &self.ours) {
            Reading::Typed(typed) => match self.sender(mail, &typed).await? {
                Trust::Authenticated { content_type_signed, signed_leads, fingerprint, .. } => {
                    let marks = Marks { fingerprint, hash: mail.hash.clone() };
                    let notice_proven = is_led_by(&signed_leads, &mail.raw, &typed, &self.ours);
                    let reply = reply(*typed, content_type_signed, notice_proven, marks, &self.ours);
                    self.app.handle_reply(mail, &reply, &self.limits).await?
                }
                Trust::TryLater(reason) if self.app.now() - mail.received_at < PATIENCE => {
                    self.put_off(mail, &reason).await?;
                    return Ok("put_off");
                }
                Trust::TryLater(reason) => {
                    let reason = format!("{reason} This has been so for a day; the mail is given up.");
                    self.reject(mail, &typed, reason).await?
                }
                Trust::Unauthenticated(reason) => self.reject(mail, &typed, reason).await?,
            },
            Reading::Dropped(dropped) => self.drop(mail, &dropped).await?,
        };
        Ok(outcome.as_str())
    }

    /// What the sender's address is worth.
    async fn sender(&self, mail: &InboxMail, typed: &Typed) -> Result<Trust, Failure> {
        // Whoever writes from elsewhere is rejected in any case; his name server, which may be slow on purpose, would keep the
        // mails behind this one waiting.
        let domain = typed.from.domain();
        if !self.app.store.read().await?.is_anybody_at(domain).await? {
            return Ok(Trust::Unauthenticated(format!("Nobody at {domain} is known.")));
        }
        // A reply does not grow old while it waits here, for a name server or behind other mail.
        Ok(self.authenticator.check(&mail.raw, mail.received_at).await)
    }

    async fn drop(&self, mail: &InboxMail, dropped: &Dropped) -> Result<Outcome, Failure> {
        let unheeded = dropped_because(dropped);
        match dropped {
            Dropped::Bounce(delivery) => {
                let bounce =
                    Bounce { notice: delivery.notice, failed: delivery.failed, why: bounced_with(delivery) };
                self.app.note_bounce(mail, &bounce, unheeded.reason).await
            }
            Dropped::AutoReply(reply) if reply.away => {
                let day = reply.sent.unwrap_or(mail.received_at).date_naive();
                let absence = absence(&format!("{}\n{}", reply.subject, reply.text), day);
                let notices = notices(&reply.answers, &self.ours);
                self.app.note_absence(mail, reply.from.as_ref(), &notices, absence, unheeded.reason).await
            }
            _ => {
                let outcome = unheeded.outcome;
                self.app.leave_unheeded(mail, &unheeded).await?;
                Ok(outcome)
            }
        }
    }

    async fn reject(&self, mail: &InboxMail, typed: &Typed, reason: String) -> Result<Outcome, Failure> {
        let sender = Some(typed.from.to_string());
        let unheeded =
            Unheeded { outcome: Outcome::Rejected, stage: Stage::Sender, reason, sender, person: None };
        self.app.leave_unheeded(mail, &unheeded).await?;
        Ok(unheeded.outcome)
    }

    async fn put_off(&self, mail: &InboxMail, why: &str) -> Result<(), Failure> {
        let wait = backoff(mail.attempts, TimeDelta::seconds(30), self.app.ids.next());
        let mut tx = self.app.store.begin().await?;
        tx.postpone_mail(mail.id, &mail.lease, self.app.now() + wait, why).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Says what a mail would come to, by doing it in a transaction that is thrown away.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn rehearse(&self, raw: &[u8]) -> Result<Rehearsed, Failure> {
        let mut stages = vec![(Stage::Fetch, format!("{} bytes.", raw.len()))];
        let end = |stages: Vec<(Stage, String)>, outcome| Rehearsed {
            stages,
            outcome,
            commands: Vec::new(),
            servers: Vec::new(),
        };
        let typed = match reading(raw, &self.ours) {
            Reading::Typed(typed) => typed,
            Reading::Dropped(dropped) => {
                let unheeded = dropped_because(&dropped);
                if unheeded.stage > Stage::Machine {
                    stages.push((Stage::Machine, "A person wrote it, as far as its headers say.".to_owned()));
                }
                stages.push((unheeded.stage, unheeded.reason));
                return Ok(end(stages, unheeded.outcome));
            }
        };
        stages.push((Stage::Machine, "A person wrote it, as far as its headers say.".to_owned()));
        stages.push((Stage::Headers, format!("It says it is from {}: \"{}\".", typed.from, typed.subject)));
        let reply = match self.authenticator.check(raw, self.app.now()).await {
            Trust::Authenticated { by, content_type_signed, signed_leads, fingerprint } => {
                stages.push((Stage::Sender, format!("Proven: {by}.")));
                let marks = Marks { fingerprint, hash: sha256(raw) };
                let notice_proven = is_led_by(&signed_leads, raw, &typed, &self.ours);
                reply(*typed, content_type_signed, notice_proven, marks, &self.ours)
            }
            Trust::Unauthenticated(reason) => {
                stages.push((Stage::Sender, reason));
                return Ok(end(stages, Outcome::Rejected));
            }
            Trust::TryLater(reason) => {
                stages.push((Stage::Sender, format!("{reason} It would be tried again later.")));
                return Ok(end(stages, Outcome::Rejected));
            }
        };
        let mut tx = self.app.store.begin().await?;
        // The mail itself may be kept already; then it did not come before, it is the one that came.
        let kept = tx.mail_by_hash(&sha256(raw)).await?.unwrap_or_else(|| self.app.inbox_id());
        let judged = self.app.judge(&mut tx, kept, &reply, &self.limits).await?;
        drop(tx);
        stages.extend(judged.passed);
        stages.push((judged.stage, judged.reason));
        Ok(Rehearsed { stages, outcome: judged.outcome, commands: judged.commands, servers: judged.servers })
    }
}

/// What one mail is told from all others by.
#[derive(Debug, Clone)]
pub struct Marks {
    /// What the same mail is known again by, however it comes a second time.
    pub fingerprint: String,
    /// SHA-256 of the raw mail, in hex.
    pub hash: String,
}

/// What is kept of a typed mail for the decision.
#[must_use]
pub fn reply(
    mut typed: Typed,
    content_type_signed: bool,
    notice_proven: bool,
    marks: Marks,
    ours: &Ours,
) -> Reply {
    // Text outside of the parts harms only where nobody has signed the border between them.
    if content_type_signed {
        typed.flags.remove(&Flag::Loose);
    }
    let calendar = typed.calendar.as_ref().and_then(|answer| answer.word(ours));
    let doubt = typed.doubt().map(|doubt| format!("{doubt} So nothing was decided."));
    let token = typed.token.ok().flatten().map(|token| token.hash().as_str().to_owned());
    Reply {
        from: typed.from,
        token,
        notices: typed.notices,
        notice_proven,
        text: typed.text,
        set_aside: typed.set_aside,
        commands: typed.commands,
        confirms: typed.confirms,
        calendar,
        doubt,
        fingerprint: Some(marks.fingerprint),
        hash: marks.hash,
    }
}

fn bounced_with(delivery: &crate::mail::read::Delivery) -> String {
    let said = delivery.diagnostic.clone().or_else(|| delivery.status.clone());
    let said = said.unwrap_or_else(|| "the other server did not say why".to_owned());
    said.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect()
}

fn dropped_because(dropped: &Dropped) -> Unheeded {
    let ignored = |reason: String| Unheeded {
        outcome: Outcome::Ignored,
        stage: Stage::Machine,
        reason,
        sender: None,
        person: None,
    };
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
            outcome: Outcome::Quarantined,
            stage: Stage::Headers,
            reason: format!("It cannot be read without doubt ({}): {why}.", dropped.name()),
            sender: None,
            person: None,
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
