//! The one door: whoever says something, and wherever, comes in here and gets the same answer.

use patchbot_commands::{Command, Effect};

use super::targets::Shown;
use super::{App, Failure, Stop};
use crate::domain::answer::{Answer, Channel, Verdict};
use crate::domain::event::{Actor, AuditEvent, What};
use crate::domain::ids::PersonId;
use crate::domain::message::ShownWindow;
use crate::domain::person::{Address, Identity, Person, Role};
use crate::domain::refusal::Refusal;
use crate::domain::request::Verb;
use crate::store::Tx;
use crate::store::error::StoreError;

/// Something said to patchbot, by somebody, somewhere.
#[derive(Debug, Clone)]
pub struct Request {
    /// Who says it.
    pub identity: Identity,
    /// A mail address that the platform vouches for, where the configuration lets it stand for the person.
    pub vouched: Option<Address>,
    /// Through which channel.
    pub channel: Channel,
    /// What was understood.
    pub command: Command,
    /// What the card or notice shows that is answered; nothing in a free line.
    pub shown: Vec<ShownWindow>,
    /// Whose fingers typed it, where that can be another one than who is spoken for: the login on this machine.
    pub typed_by: Option<String>,
    /// The platform's name for this request, where it may deliver it twice: the second one changes nothing and is given
    /// the answer to the first.
    pub name: Option<String>,
}

impl App {
    /// Answers a request, whoever makes it. What it changes is committed before this returns.
    pub async fn handle(&self, request: &Request) -> Answer {
        // Two who decide at the same moment: the second sees what the first decided.
        for _ in 0..3 {
            match self.try_handle(request).await {
                Err(Failure::Store(StoreError::Stale(_))) => {}
                Ok(answer) => return answer,
                Err(failure) => return self.broken(&failure),
            }
        }
        self.broken(&Failure::Store(StoreError::Stale("the window")))
    }

    async fn try_handle(&self, request: &Request) -> Result<Answer, Failure> {
        // A question takes no write lock: it must not wait for a decision, nor make one wait.
        let reads = request.command.spec().effect == Effect::Read;
        let mut tx = if reads { self.store.read().await? } else { self.store.begin().await? };
        if let Some(name) = request.name.as_ref().filter(|_| !reads)
            && let Some(answer) = tx.answer_to(name).await?
        {
            return Ok(answer);
        }
        if let Command::Link(_) | Command::Unlink(_) = request.command {
            return self.introduce(tx, request).await;
        }
        let Some(person) = self.person_of(&mut tx, request).await? else {
            drop(tx);
            let name = format!("{} {}", request.identity.kind(), request.identity.key());
            let actor = Actor::outside(name, request.channel).because_of(request.name.clone());
            return self.refuse(actor, &Refusal::Stranger, &request.command.to_string()).await;
        };
        let typed = request.typed_by.as_ref().map(|login| format!(" [typed by {login}]")).unwrap_or_default();
        let words = format!("{}{typed}", request.command);
        let said = Said {
            person: &person,
            channel: request.channel,
            words,
            shown: &request.shown,
            request: request.name.as_deref(),
            input: request.name.clone(),
            confirmed: false,
        };
        match self.answer(&mut tx, &said, &request.command).await {
            Ok(answer) => {
                if let Some(name) = request.name.as_ref().filter(|_| !reads) {
                    tx.keep_answer(name, &answer, self.now()).await?;
                }
                tx.commit().await?;
                Ok(answer)
            }
            Err(Stop::Refused(refusal)) => {
                drop(tx);
                self.refuse(said.actor(), &refusal, &said.words).await
            }
            Err(Stop::Failed(failure)) => Err(failure),
        }
    }

    /// Answers a question of whoever is logged in on this machine: he can read the database anyway.
    pub async fn answer_locally(&self, command: &Command, login: &str) -> Answer {
        let person = Person {
            id: PersonId(uuid::Uuid::nil()),
            name: login.to_owned(),
            mail: None,
            zone: None,
            role: Role::Viewer,
        };
        let said = Said {
            person: &person,
            channel: Channel::Terminal,
            words: command.to_string(),
            shown: &[],
            request: None,
            input: None,
            confirmed: false,
        };
        let answered = async {
            let mut tx = self.store.read().await?;
            self.answer(&mut tx, &said, command).await
        };
        match answered.await {
            Ok(answer) => answer,
            Err(Stop::Refused(refusal)) => refusal.answer(),
            Err(Stop::Failed(failure)) => self.broken(&failure),
        }
    }

    /// Audits a refusal of a whole request, which changed nothing, and answers it.
    pub(crate) async fn refuse(
        &self,
        actor: Actor,
        refusal: &Refusal,
        words: &str,
    ) -> Result<Answer, Failure> {
        let mut tx = self.store.begin().await?;
        let subject = actor.name.clone();
        self.audit_refusal(&mut tx, actor, &subject, refusal, words).await?;
        tx.commit().await?;
        Ok(refusal.answer())
    }

    /// Exactly one person, or nobody.
    pub(crate) async fn person_of(&self, tx: &mut Tx, request: &Request) -> Result<Option<Person>, Failure> {
        who(tx, &request.identity, request.vouched.as_ref()).await
    }

    /// Who is known under an identity, or by an address that the platform vouches for: exactly one person, or nobody.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn who(
        &self,
        identity: &Identity,
        vouched: Option<&Address>,
    ) -> Result<Option<Person>, Failure> {
        who(&mut self.store.read().await?, identity, vouched).await
    }

    /// Keeps in the audit that an account is not listened to, whatever was said from it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn turned_away(&self, identity: &Identity, why: &str) -> Result<(), Failure> {
        let channel = match identity {
            Identity::Discord { .. } => Channel::Discord,
            _ => Channel::Slack,
        };
        let name = format!("{} {}", identity.kind(), identity.key());
        let mut tx = self.store.begin().await?;
        tx.append_audit(&AuditEvent::new(
            self.now(),
            Actor::outside(name.clone(), channel),
            What::Refused,
            name,
            why,
        ))
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Answers what a known person said, inside the caller's transaction, which is to be dropped after a refusal.
    pub(crate) async fn answer(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        command: &Command,
    ) -> Result<Answer, Stop> {
        match command {
            Command::Approve(_)
            | Command::Decline(_)
            | Command::Withdraw(_)
            | Command::Reschedule(_)
            | Command::Defer(_)
            | Command::Undo(_)
            | Command::Swap(_)
            | Command::Delegate(_)
            | Command::Away(_)
            | Command::Back(_) => self.decide(tx, said, command).await,
            Command::Status(it) => self.status(tx, said, &it.target).await,
            Command::List(it) => self.list(tx, said, it).await,
            Command::Show(it) => self.show(tx, said, &it.server).await,
            Command::Slots(it) => self.slots(tx, said, &it.server).await,
            Command::Why(it) => self.why(tx, said, &it.server).await,
            Command::History(it) => self.history(tx, said, &it.server).await,
            Command::Whoami(_) => self.whoami(tx, said).await,
            Command::Subscribe(_) => self.calendar_link(tx, said).await,
            Command::Mine(it) => self.mine(tx, said, it.page).await,
            Command::Calendar(it) => self.show_calendar(tx, said, it.quarter).await,
            Command::Report(it) => self.show_progress(tx, said, it.quarter).await,
            Command::Zone(it) => self.read_in_zone(tx, said, it).await,
            Command::Quiet(it) => self.keep_quiet(tx, said, it).await,
            Command::Link(_) | Command::Unlink(_) => {
                Err(Refusal::NotHere { command: command.spec().name }.into())
            }
            Command::Now(it) => self.ask_danger(tx, said, Verb::Now, &it.target, it.reason.as_ref()).await,
            Command::Override(it) => {
                self.ask_danger(tx, said, Verb::Override, &it.target, it.reason.as_ref()).await
            }
            Command::Abort(it) => {
                self.ask_danger(tx, said, Verb::Abort, &it.target, it.reason.as_ref()).await
            }
            Command::Skip(it) => self.ask_danger(tx, said, Verb::Skip, &it.target, it.reason.as_ref()).await,
            Command::Retry(it) => {
                self.ask_danger(tx, said, Verb::Retry, &it.target, it.reason.as_ref()).await
            }
            Command::Rollback(it) => self.way_back(tx, said, &it.target).await,
            Command::Confirm(it) => self.confirm(tx, said, &it.code).await,
            Command::Cancel(it) => self.cancel(tx, said, &it.code).await,
            Command::Help(it) => Ok(super::questions::help(said, it.command)),
        }
    }

    pub(crate) async fn audit_refusal(
        &self,
        tx: &mut Tx,
        actor: Actor,
        subject: &str,
        refusal: &Refusal,
        words: &str,
    ) -> Result<(), Failure> {
        tx.append_audit(&AuditEvent {
            at: self.now(),
            actor,
            what: What::Refused,
            subject: subject.to_owned(),
            sentence: refusal.to_string(),
            words: Some(words.to_owned()),
            before: None,
            after: None,
        })
        .await?;
        Ok(())
    }

    /// Tells a failure once, to the log with its cause and to the person with a reference.
    pub(crate) fn broken(&self, failure: &Failure) -> Answer {
        let id = self.ids.next().simple().to_string();
        let reference: String = id.chars().rev().take(6).collect::<String>().to_uppercase();
        tracing::error!(reference, error = %failure, "request failed, reference {reference}");
        Answer::new(
            Verdict::Broken,
            format!("Something broke on our side; nothing was changed. Reference {reference}."),
        )
        .then("Try again in a few minutes; if it stays, give the reference to an operator.")
    }
}

async fn who(tx: &mut Tx, identity: &Identity, vouched: Option<&Address>) -> Result<Option<Person>, Failure> {
    if let Some(person) = tx.person_by_identity(identity).await? {
        return Ok(Some(person));
    }
    Ok(match vouched {
        Some(address) => tx.person_by_mail(address).await?,
        None => None,
    })
}

/// What a known person said, and where.
#[derive(Debug, Clone)]
pub(crate) struct Said<'a> {
    pub(crate) person: &'a Person,
    pub(crate) channel: Channel,
    /// The command in its canonical words.
    pub(crate) words: String,
    pub(crate) shown: Shown<'a>,
    /// The platform's name for the request.
    pub(crate) request: Option<&'a str>,
    /// What it came from: `sha256 …` of a raw mail, or the platform's name for the request.
    pub(crate) input: Option<String>,
    /// It was asked whether this is meant, and this says so.
    pub(crate) confirmed: bool,
}

impl Said<'_> {
    pub(crate) fn actor(&self) -> Actor {
        Actor {
            person: Some(self.person.id),
            name: self.person.name.clone(),
            channel: self.channel,
            input: self.input.clone(),
        }
    }
}
