//! Accounts in chat become people: by a code that is mailed to the address, and said from the account.

use patchbot_commands::{Command, Introduction as Step, Link, Quiet as SaidQuiet, Zone};

use super::handle::{Request, Said};
use super::notices::Letter;
use super::{App, Failure, Stop};
use crate::domain::answer::{Answer, Verdict};
use crate::domain::event::Actor;
use crate::domain::ids::NoticeId;
use crate::domain::introduction::{GOOD_FOR, Introduction, MOST_CODES, MOST_TRIES, PER, code, hash_of};
use crate::domain::notice::{LinkCode, Notice};
use crate::domain::person::{Address, Identity, Person};
use crate::domain::quiet::Quiet;
use crate::domain::refusal::Refusal;
use crate::domain::zone::parse_zone;
use crate::store::Tx;
use crate::store::records::{Medium, NewNotification};

impl App {
    /// Links or unlinks the account that says so. Whoever says it need not be known yet.
    pub(crate) async fn introduce(&self, mut tx: Tx, request: &Request) -> Result<Answer, Failure> {
        let known = self.person_of(&mut tx, request).await?;
        let name = known.as_ref().map_or_else(
            || format!("{} {}", request.identity.kind(), request.identity.key()),
            |person| person.name.clone(),
        );
        let person = known.map(|person| person.id);
        let actor =
            Actor { person, ..Actor::outside(name, request.channel).because_of(request.name.clone()) };
        let in_chat = matches!(request.identity, Identity::Slack { .. } | Identity::Discord { .. });
        let outcome = match &request.command {
            Command::Link(link) if in_chat => self.link_step(&mut tx, &request.identity, &actor, link).await,
            Command::Unlink(_) if in_chat => self.unlink(&mut tx, &request.identity, &actor).await,
            other => Err(Refusal::NotHere { command: other.spec().name }.into()),
        };
        match outcome {
            Ok(answer) => {
                if let Some(name) = &request.name {
                    tx.keep_answer(name, &answer, self.now()).await?;
                }
                tx.commit().await?;
                Ok(answer)
            }
            // A wrong code is counted, so it is not rolled back.
            Err(Stop::Refused(refusal @ (Refusal::WrongCode | Refusal::TooManyCodes))) => {
                // The code itself does not belong into the audit.
                self.audit_refusal(&mut tx, actor.clone(), &actor.name, &refusal, "link").await?;
                tx.commit().await?;
                Ok(refusal.answer())
            }
            Err(Stop::Refused(refusal)) => {
                drop(tx);
                self.refuse(actor, &refusal, request.command.spec().name).await
            }
            Err(Stop::Failed(failure)) => Err(failure),
        }
    }

    async fn link_step(
        &self,
        tx: &mut Tx,
        identity: &Identity,
        actor: &Actor,
        link: &Link,
    ) -> Result<Answer, Stop> {
        match &link.by {
            Step::Mail(text) => match Address::parse(text) {
                Ok(address) => self.mail_code(tx, identity, &address).await,
                Err(error) => Ok(Answer::new(Verdict::NotUnderstood, format!("{error}."))),
            },
            Step::Code(code) => self.take_code(tx, identity, actor, code.as_str()).await,
        }
    }

    async fn mail_code(&self, tx: &mut Tx, identity: &Identity, address: &Address) -> Result<Answer, Stop> {
        let now = self.now();
        let person = tx.person_by_mail(address).await?;
        let since = now - PER;
        let asked = tx.count_introductions(person.as_ref().map(|person| person.id), identity, since).await?;
        let tried = tx.wrong_codes(identity, since).await?;
        if asked >= MOST_CODES || tried >= MOST_TRIES {
            return Err(Refusal::TooManyCodes.into());
        }
        let id = self.notice_id();
        tx.insert_introduction(&Introduction {
            id,
            identity: identity.clone(),
            person: person.as_ref().map(|person| person.id),
            made_at: now,
            tries: tried,
        })
        .await?;
        if let Some(person) = &person {
            self.mail_link_code(tx, id, identity, person, address).await?;
        }
        // Whether the address is known is told to its owner only.
        Ok(Answer::new(
            Verdict::Done,
            format!(
                "If I know {address}, a code is on its way there. It is good for {} minutes.",
                GOOD_FOR.num_minutes()
            ),
        )
        .then("Say \"link\" and the code here, from this account."))
    }

    async fn mail_link_code(
        &self,
        tx: &mut Tx,
        id: NoticeId,
        identity: &Identity,
        person: &Person,
        address: &Address,
    ) -> Result<(), Failure> {
        let (platform, account) = match identity {
            Identity::Slack { user, .. } => ("Slack", user.clone()),
            Identity::Discord { user } => ("Discord", user.clone()),
            Identity::Mail(_) | Identity::Terminal { .. } => return Ok(()),
        };
        let notice = Notice::LinkCode(LinkCode {
            reader: person.name.clone(),
            platform: platform.to_owned(),
            account,
            code: String::new(),
            minutes: GOOD_FOR.num_minutes(),
        });
        let Letter { notice, answerable, window, key, in_reply_to } =
            Letter { notice, answerable: None, window: None, key: id.to_string(), in_reply_to: None };
        tx.add_notification(&NewNotification {
            id,
            medium: Medium::Mail,
            recipient: address.to_string(),
            kind: notice.name(),
            person: Some(person.id),
            window,
            dedupe_key: format!("mail/link_code/{key}"),
            message: crate::domain::message::Message::Mail {
                notice: Box::new(notice),
                answerable,
                in_reply_to,
            },
            created_at: self.now(),
        })
        .await?;
        Ok(())
    }

    /// Makes the code of a mail that is about to leave, keeps its hash, and gives it as it is written.
    ///
    /// # Errors
    /// When the database does not answer, or there is no randomness.
    pub async fn seal_code(&self, mail: NoticeId) -> Result<String, Failure> {
        let random = self.ids.secret().map_err(|error| Failure::Bug(format!("no randomness: {error}")))?;
        let mut tx = self.store.begin().await?;
        let Some(introduction) = tx.introduction_of(mail).await? else {
            return Err(Failure::Bug("a code for nobody".to_owned()));
        };
        let code = code(&random);
        tx.seal_introduction(mail, &hash_of(&code, &introduction.identity)).await?;
        tx.commit().await?;
        Ok(patchbot_commands::Code::parse(&code).map_or(code, |code| code.to_string()))
    }

    async fn take_code(
        &self,
        tx: &mut Tx,
        identity: &Identity,
        actor: &Actor,
        code: &str,
    ) -> Result<Answer, Stop> {
        let now = self.now();
        if tx.wrong_codes(identity, now - PER).await? >= MOST_TRIES {
            return Err(Refusal::TooManyCodes.into());
        }
        let found = tx.introduction_by_hash(&hash_of(code, identity)).await?;
        let person =
            found.filter(|one| one.is_good(now) && one.identity == *identity).and_then(|one| one.person);
        let Some(person) = person else {
            tx.wrong_code(identity, now - PER).await?;
            return Err(Refusal::WrongCode.into());
        };
        let person = tx.person_by_id(person).await?;
        tx.drop_introductions(identity, now - PER).await?;
        tx.link_identity(identity, person.id, now).await?;
        let sentence = format!(
            "The {} account {} is {} now: the code that was mailed to them was said there.",
            identity.kind(),
            identity.key(),
            person.name
        );
        let actor = Actor { person: Some(person.id), name: person.name.clone(), ..actor.clone() };
        self.audit_person(tx, actor, &person, sentence).await?;
        Ok(Answer::new(Verdict::Done, format!("This account is yours now: you are {}.", person.name))
            .then("Say \"mine\" for your servers, or \"help\" for what you can say."))
    }

    async fn unlink(&self, tx: &mut Tx, identity: &Identity, actor: &Actor) -> Result<Answer, Stop> {
        let Some(person) = tx.person_by_identity(identity).await? else {
            return Err(Refusal::NotLinked.into());
        };
        tx.unlink_identity(identity).await?;
        let sentence =
            format!("The {} account {} is {}'s no more.", identity.kind(), identity.key(), person.name);
        self.audit_person(tx, actor.clone(), &person, sentence).await?;
        Ok(Answer::new(Verdict::Done, format!("This account is not linked to {} any more.", person.name))
            .then("Notices still go to your mail address, and can be answered there."))
    }

    /// Keeps the zone in which somebody reads times.
    pub(crate) async fn read_in_zone(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        zone: &Zone,
    ) -> Result<Answer, Stop> {
        let mut person = said.person.clone();
        person.zone = match &zone.zone {
            Some(word) => {
                Some(parse_zone(word.as_str()).map_err(|error| Refusal::UnknownZone(format!("{error}.")))?)
            }
            None => None,
        };
        tx.update_person(&person).await?;
        let told = match person.zone {
            Some(zone) => format!("From now on you see times in {} as well.", zone.name()),
            None => "From now on you see times in each server's zone and in UTC only.".to_owned(),
        };
        self.audit_person(tx, said.actor(), &person, format!("{}: {told}", person.name)).await?;
        Ok(Answer::new(Verdict::Done, told))
    }

    /// Keeps the hours in which somebody is not written to in chat.
    pub(crate) async fn keep_quiet(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        quiet: &SaidQuiet,
    ) -> Result<Answer, Stop> {
        let time = |time: patchbot_commands::WallTime| {
            chrono::NaiveTime::from_hms_opt(time.hour.into(), time.minute.into(), 0).unwrap_or_default()
        };
        let hours = quiet.hours.map(|(from, to)| Quiet { from: time(from), to: time(to) });
        tx.put_quiet(said.person.id, hours).await?;
        let told = match hours {
            Some(hours) => {
                // What the platform's profile says is known where it is written to, and counts where nothing else does.
                let zone = said.person.zone.map_or_else(
                    || format!("in the zone of your profile there, else in {}", self.zone.name()),
                    |zone| format!("in {}", zone.name()),
                );
                format!("From {hours}, {zone}, I do not write to you in chat, unless it is urgent.")
            }
            None => "I write to you in chat at any hour.".to_owned(),
        };
        self.audit_person(tx, said.actor(), said.person, format!("{}: {told}", said.person.name)).await?;
        let answer = Answer::new(Verdict::Done, told);
        Ok(if hours.is_some() && said.person.zone.is_none() {
            answer.then("To name your zone, say \"zone\" and yours, as \"zone Europe/Berlin\".")
        } else {
            answer
        })
    }
}
