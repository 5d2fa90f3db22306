//! Mails in the outbox: looked at once more, given a token, rendered, composed and handed over.

use std::sync::{Arc, PoisonError};

use super::{MOST_IN_DOUBT, Outbox, Outgoing};
use crate::app::Failure;
use crate::app::outdated::Timeliness;
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
use crate::store::records::{Delivery, Lease, Notification, ReplyToken};

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

impl Outgoing {
    /// What a reply to it may decide about.
    fn answerable(&self) -> Option<&Answerable> {
        match (&self.message.message, &self.timeliness) {
            (Message::Mail { answerable, .. }, Timeliness::AsWritten) => answerable.as_ref(),
            (_, Timeliness::Less { answerable, .. }) => answerable.as_ref(),
            _ => None,
        }
    }
}

impl Outbox {
    /// Looks up what is still true of claimed mails, and keeps the tokens that they can be answered with: none leaves before.
    pub(super) async fn looked_up(
        &self,
        claimed: Vec<(Notification, Lease)>,
    ) -> Result<Vec<Outgoing>, Failure> {
        let mut tx = self.app.store.read().await?;
        let timeliness = self.app.timeliness(&mut tx, claimed.iter().map(|(message, _)| message)).await?;
        drop(tx);
        let (mut all, mut tokens) = (Vec::with_capacity(claimed.len()), Vec::new());
        for (claimed, timeliness) in claimed.into_iter().zip(timeliness) {
            let mut outgoing = Outgoing { timeliness, ..Outgoing::from(claimed) };
            if let Some((token, kept)) = self.token_for(&outgoing)? {
                outgoing.token = Some(token);
                tokens.push(kept);
            }
            all.push(outgoing);
        }
        if !tokens.is_empty() {
            let mut tx = self.app.store.begin().await?;
            tx.insert_tokens(&tokens).await?;
            tx.commit().await?;
        }
        Ok(all)
    }

    /// A new token for a mail that can still be answered, and what is kept of it.
    fn token_for(&self, outgoing: &Outgoing) -> Result<Option<(Token, ReplyToken)>, Failure> {
        let message = &outgoing.message;
        let (Some(shown), Some(person)) = (outgoing.answerable(), message.person) else { return Ok(None) };
        if shown.until <= self.app.now() {
            return Ok(None);
        }
        let random =
            self.app.ids.secret().map_err(|error| Failure::Bug(format!("no randomness: {error}")))?;
        let token = Token::new(random);
        let kept = ReplyToken {
            hash: token.hash().as_str().to_owned(),
            person,
            notification: message.id,
            windows: shown.windows.clone(),
            expires_at: shown.until,
            used_at: None,
            confirms: shown.confirms.clone(),
        };
        Ok(Some((token, kept)))
    }

    pub(super) async fn send_mail(
        &self,
        postman: &Postman,
        outgoing: &Outgoing,
    ) -> Result<Delivery, Failure> {
        let message = &outgoing.message;
        let Message::Mail { notice, in_reply_to, .. } = &message.message else {
            return Ok(Delivery::Parked { why: "it is no mail".to_owned() });
        };
        let notice = match &outgoing.timeliness {
            Timeliness::AsWritten => notice,
            Timeliness::Less { notice, .. } => notice,
            Timeliness::Superseded(why) => return Ok(Delivery::Superseded { why: why.clone() }),
        };
        let mail = match self.compose(postman, outgoing, notice, in_reply_to.as_deref()).await? {
            Ok(mail) => mail,
            Err(why) => return Ok(Delivery::Parked { why }),
        };
        Ok(match postman.mailer.send(&mail).await {
            Ok(_) => Delivery::Sent { message_id: Some(mail.message_id) },
            Err(SendError::Permanent(why)) => Delivery::Parked { why },
            // With the same Message-ID: a mail that did arrive is seen as the same one.
            Err(error @ SendError::Ambiguous(_)) => self.in_doubt(message, &error),
            Err(SendError::Transient(why)) => self.later(message, why),
        })
    }

    /// What comes of a mail that was handed over and not confirmed. Times when it certainly did not leave are not counted.
    fn in_doubt(&self, message: &Notification, error: &SendError) -> Delivery {
        let mut doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        let times = doubts.remove(&message.id).unwrap_or(0).saturating_add(1);
        if times >= MOST_IN_DOUBT {
            let why =
                format!("{error}; that was so {times} times, it may have arrived, and it is not sent again");
            return Delivery::Parked { why };
        }
        doubts.insert(message.id, times);
        self.later(message, error.to_string())
    }

    async fn compose(
        &self,
        postman: &Postman,
        outgoing: &Outgoing,
        notice: &Notice,
        in_reply_to: Option<&str>,
    ) -> Result<Result<Composed, String>, Failure> {
        let (message, token) = (&outgoing.message, outgoing.token.as_ref());
        let Ok(to) = Address::parse(&message.recipient) else {
            return Ok(Err(format!("\"{}\" is not a mail address", message.recipient)));
        };
        let coded = self.with_code(message, notice).await?;
        let notice = coded.as_ref().unwrap_or(notice);
        let footing = Footing {
            sender: postman.name.clone(),
            contact: postman.contact.clone(),
            reply: token
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
            token,
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
}
