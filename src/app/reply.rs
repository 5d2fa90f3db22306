//! A reply to a notice mail: from the token to the decision to the transcript, in one transaction.

use patchbot_commands::{Command, NotUnderstood};

use super::handle::Said;
use super::notices::{Letter, answerable};
use super::{App, Failure, Stop};
use crate::domain::answer::{Answer, Channel, Verdict};
use crate::domain::event::{Actor, AuditEvent, What};
use crate::domain::ids::NoticeId;
use crate::domain::message::ShownWindow;
use crate::domain::person::{Address, Person};
use crate::domain::refusal::Refusal;
use crate::domain::window::Window;
use crate::store::Tx;
use crate::store::error::StoreError;
use crate::store::records::{InboxMail, MailOutcome, ReplyToken};

/// A mail that a person wrote and whose sender is proven.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The proven sender.
    pub from: Address,
    /// The hash of the token it carries; absent when it carries none.
    pub token: Option<String>,
    /// The notices that it answers by their Message-ID, the newest first: what counts when it carries no token.
    pub notices: Vec<NoticeId>,
    /// The words that were typed, without quotes and signature.
    pub text: String,
    /// What they mean.
    pub commands: Result<Vec<Command>, NotUnderstood>,
    /// Why the text must not be acted on although it may parse; a full sentence.
    pub doubt: Option<String>,
}

/// A mail that is not acted on and not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unheeded {
    /// `ignored` for machines' mail, `rejected` for what could be a forgery, `quarantined` for what cannot be read.
    pub outcome: &'static str,
    /// Why, in a sentence.
    pub reason: String,
    /// The address in From, when there is one.
    pub sender: Option<String>,
}

impl App {
    /// Closes a mail that is neither acted on nor answered.
    ///
    /// # Errors
    /// `Stale` when another instance reads the mail.
    pub async fn leave_unheeded(&self, mail: &InboxMail, unheeded: &Unheeded) -> Result<(), Failure> {
        let mut tx = self.store.begin().await?;
        self.close_unheeded(&mut tx, mail, unheeded).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn close_unheeded(
        &self,
        tx: &mut Tx,
        mail: &InboxMail,
        unheeded: &Unheeded,
    ) -> Result<(), Failure> {
        let outcome = MailOutcome {
            outcome: unheeded.outcome,
            reason: unheeded.reason.clone(),
            sender: unheeded.sender.clone(),
            person: None,
        };
        tx.close_mail(mail.id, &mail.lease, &outcome, self.now()).await?;
        tx.append_audit(&AuditEvent {
            at: self.now(),
            actor: Actor {
                person: None,
                name: unheeded.sender.clone().unwrap_or_else(|| "an unknown sender".to_owned()),
                channel: Channel::Mail,
            },
            what: What::MailIgnored,
            subject: "mail".to_owned(),
            sentence: unheeded.reason.clone(),
            words: Some(format!("sha256 {}", mail.hash)),
            before: None,
            after: None,
        })
        .await?;
        Ok(())
    }

    /// Acts on a reply whose sender is proven, and answers it with exactly one mail.
    ///
    /// # Errors
    /// When the database does not answer; then nothing was done, and the mail is read again.
    pub async fn handle_reply(&self, mail: &InboxMail, reply: &Reply) -> Result<&'static str, Failure> {
        for _ in 0..3 {
            match self.try_reply(mail, reply).await {
                Err(Failure::Store(StoreError::Stale("the window" | "the reply token"))) => {}
                other => return other,
            }
        }
        Err(Failure::Store(StoreError::Stale("the window")))
    }

    async fn try_reply(&self, mail: &InboxMail, reply: &Reply) -> Result<&'static str, Failure> {
        let mut tx = self.store.begin().await?;
        let token = self.token_of(&mut tx, reply).await?;
        let person = match self.writer(&mut tx, reply, token.as_ref()).await? {
            Ok(person) => person,
            Err(reason) => {
                let unheeded = Unheeded { outcome: "rejected", reason, sender: Some(reply.from.to_string()) };
                self.close_unheeded(&mut tx, mail, &unheeded).await?;
                tx.commit().await?;
                return Ok("rejected");
            }
        };
        let answer = match &token {
            None => no_token(),
            Some(token) => self.answer_reply(&mut tx, mail, reply, &person, token).await?,
        };
        let outcome = match answer.verdict {
            Verdict::Done | Verdict::Partly => "executed",
            Verdict::Refused | Verdict::Broken => "refused",
            Verdict::NotUnderstood => "asked_back",
        };
        self.mail_transcript(&mut tx, mail, reply, &person, token.as_ref(), &answer).await?;
        let closed = MailOutcome {
            outcome,
            reason: answer.lines.join(" "),
            sender: Some(reply.from.to_string()),
            person: Some(person.id),
        };
        tx.close_mail(mail.id, &mail.lease, &closed, self.now()).await?;
        tx.commit().await?;
        Ok(outcome)
    }

    /// The token that a reply carries, or that of the notice it answers.
    async fn token_of(&self, tx: &mut Tx, reply: &Reply) -> Result<Option<ReplyToken>, Failure> {
        if let Some(hash) = &reply.token {
            return Ok(tx.token_by_hash(hash).await?);
        }
        for notice in &reply.notices {
            if let Some(token) = tx.token_of_notification(*notice).await? {
                return Ok(Some(token));
            }
        }
        Ok(None)
    }

    /// The person a reply is from: the token's owner, writing from the registered address; or why it is rejected.
    async fn writer(
        &self,
        tx: &mut Tx,
        reply: &Reply,
        token: Option<&ReplyToken>,
    ) -> Result<Result<Person, String>, Failure> {
        let sender = tx.person_by_mail(&reply.from).await?;
        Ok(match (token, sender) {
            (Some(token), Some(person)) if token.person == person.id => Ok(person),
            (Some(_), _) => Err(format!(
                "The reply token belongs to somebody else than {}; nothing was done and nothing was answered.",
                reply.from
            )),
            (None, _) if reply.token.is_some() => Err(format!(
                "{} wrote with a reply token that is not known; nothing was done and nothing was answered.",
                reply.from
            )),
            (None, Some(person)) => Ok(person),
            (None, None) => Err(format!(
                "{} is not known, and the mail has no reply token; nothing was answered.",
                reply.from
            )),
        })
    }

    async fn answer_reply(
        &self,
        tx: &mut Tx,
        mail: &InboxMail,
        reply: &Reply,
        person: &Person,
        token: &ReplyToken,
    ) -> Result<Answer, Failure> {
        if token.expires_at <= self.now() {
            return Ok(Refusal::TokenExpired.answer());
        }
        let commands = match (&reply.doubt, &reply.commands) {
            (_, Err(not_understood)) => return Ok(asked_back(not_understood)),
            (Some(doubt), Ok(_)) => {
                return Ok(Answer::new(Verdict::NotUnderstood, doubt.clone())
                    .then("Please answer again, with your words alone above everything else."));
            }
            (None, Ok(commands)) => commands,
        };
        let decides = commands.iter().any(|command| command.spec().effect != patchbot_commands::Effect::Read);
        if decides && token.used_at.is_some() {
            return Ok(Refusal::TokenUsed.answer());
        }
        let answer = self.answer_all(tx, person, &token.windows, commands).await?;
        if decides && matches!(answer.verdict, Verdict::Done | Verdict::Partly) {
            tx.use_tokens_of(token.notification, mail.id, self.now()).await?;
        }
        Ok(answer)
    }

    /// Answers each command of a reply. A refused command changed nothing, so the others stand.
    async fn answer_all(
        &self,
        tx: &mut Tx,
        person: &Person,
        windows: &[ShownWindow],
        commands: &[Command],
    ) -> Result<Answer, Failure> {
        let mut answers = Vec::with_capacity(commands.len());
        for command in commands {
            let said = Said {
                person,
                channel: Channel::Mail,
                words: command.to_string(),
                shown: windows,
                request: None,
            };
            match self.answer(tx, &said, command).await {
                Ok(answer) => answers.push(answer),
                Err(Stop::Failed(failure)) => return Err(failure),
                Err(Stop::Refused(refusal)) => {
                    self.audit_refusal(tx, said.actor(), &person.name, &refusal, &said.words).await?;
                    answers.push(refusal.answer());
                }
            }
        }
        Ok(joined(answers))
    }

    async fn mail_transcript(
        &self,
        tx: &mut Tx,
        mail: &InboxMail,
        reply: &Reply,
        person: &Person,
        token: Option<&ReplyToken>,
        answer: &Answer,
    ) -> Result<(), Failure> {
        let mut lines = Vec::new();
        let mut windows: Vec<(usize, Window)> = Vec::new();
        for shown in token.map(|token| token.windows.as_slice()).unwrap_or_default() {
            let window = tx.window_by_id(shown.window).await?;
            let server = tx.server_by_id(window.server).await?;
            let number = usize::from(shown.line);
            lines.push(self.window_line(number, &server, &window, person.zone));
            windows.push((number, window));
        }
        let shown: Vec<(usize, &Window)> = windows.iter().map(|(number, window)| (*number, window)).collect();
        let answerable = answerable(&shown, self.now());
        let notice = self.transcript(person, &reply.text, answer, lines);
        let (key, in_reply_to) = (mail.id.to_string(), mail.message_id.clone());
        self.mail(tx, person, Letter { notice, answerable, window: None, key, in_reply_to }).await
    }
}

fn no_token() -> Answer {
    Answer::new(
        Verdict::NotUnderstood,
        "Your mail does not answer one of my notices: its subject has no code in brackets, so nothing was decided.",
    )
    .then("Open the newest notice about your servers and reply to that one; leave its subject as it is.")
}

fn asked_back(why: &NotUnderstood) -> Answer {
    Answer::new(Verdict::NotUnderstood, why.to_string())
        .then("To approve, reply \"approve\"; for some of the servers \"approve\" and their names or numbers.")
        .then("For another time, reply \"move\", the server, \"to\" and the time, as \"move web01 to 2026-12-04 20:00\".")
        .then("To say no, reply \"decline\". To see where they stand, reply \"status\".")
}

/// Several answers as one: done as far as anything was done.
fn joined(answers: Vec<Answer>) -> Answer {
    let any = |wanted: &[Verdict]| answers.iter().any(|answer| wanted.contains(&answer.verdict));
    let verdict = match (any(&[Verdict::Done, Verdict::Partly]), any(&[Verdict::Refused, Verdict::Partly])) {
        (true, true) => Verdict::Partly,
        (true, false) => Verdict::Done,
        (false, _) => Verdict::Refused,
    };
    let mut lines = Vec::new();
    let mut next: Vec<String> = Vec::new();
    for answer in answers {
        lines.extend(answer.lines);
        for step in answer.next {
            if !next.contains(&step) {
                next.push(step);
            }
        }
    }
    Answer { verdict, lines, next }
}
