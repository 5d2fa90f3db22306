//! People who cannot be reached: mail that comes back, and absences. It decides nothing; others are told as well.

use chrono::{Days, NaiveTime, TimeDelta};

use super::notices::{Letter, answerable};
use super::reply::Unheeded;
use super::{App, Failure};
use crate::domain::ids::{NoticeId, PersonId};
use crate::domain::inbound::{Absence, Outcome, Stage};
use crate::domain::message::{Alert, Message, Tone};
use crate::domain::notice::{AlertNotice, Notice, WindowLine};
use crate::domain::person::{Address, Person, Role};
use crate::domain::shown::line;
use crate::domain::timeline::wall;
use crate::domain::window::Window;
use crate::store::Tx;
use crate::store::records::{InboxMail, Medium, Notification, Reachability};

/// An absence that does not say until when is believed for so long.
const UNKNOWN_ABSENCE: TimeDelta = TimeDelta::days(7);
/// Nobody is away for longer without saying so again.
const LONGEST_ABSENCE: TimeDelta = TimeDelta::days(60);

/// What a mail server says about a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounce {
    /// The notice, when it can be told.
    pub notice: Option<NoticeId>,
    /// Whether it will not arrive; else it is only late.
    pub failed: bool,
    /// What the other server said, for people: `5.1.1 User unknown`.
    pub why: String,
}

impl App {
    /// A notice came back, or is late. Who cannot be reached is noted, and others are asked.
    ///
    /// # Errors
    /// `Stale` when another instance reads the mail.
    pub async fn note_bounce(
        &self,
        mail: &InboxMail,
        bounce: &Bounce,
        reason: String,
    ) -> Result<Outcome, Failure> {
        let mut tx = self.store.begin().await?;
        if let Some(notice) = bounce.notice.filter(|_| bounce.failed)
            && let Some(message) = tx.notification_by_id(notice).await?
        {
            self.undeliverable(&mut tx, &message, &bounce.why).await?;
        }
        let unheeded = unheeded(reason, None);
        self.close_unheeded(&mut tx, mail, &unheeded).await?;
        tx.commit().await?;
        Ok(unheeded.outcome)
    }

    /// Somebody's mail program says that he is away. Only an answer to a notice that was sent to him is believed.
    ///
    /// # Errors
    /// `Stale` when another instance reads the mail.
    pub async fn note_absence(
        &self,
        mail: &InboxMail,
        from: Option<&Address>,
        notices: &[NoticeId],
        absence: Absence,
        reason: String,
    ) -> Result<Outcome, Failure> {
        let mut tx = self.store.begin().await?;
        if let Some(message) = self.answered(&mut tx, from, notices).await?
            && let Some(id) = message.person
        {
            let person = tx.person_by_id(id).await?;
            self.away(&mut tx, &person, &message, absence).await?;
        }
        let unheeded = unheeded(reason, from.map(ToString::to_string));
        self.close_unheeded(&mut tx, mail, &unheeded).await?;
        tx.commit().await?;
        Ok(unheeded.outcome)
    }

    /// The notice that an automatic answer belongs to, when it was sent to the address the answer comes from.
    async fn answered(
        &self,
        tx: &mut Tx,
        from: Option<&Address>,
        notices: &[NoticeId],
    ) -> Result<Option<Notification>, Failure> {
        for notice in notices {
            let message = tx.notification_by_id(*notice).await?;
            if let Some(message) = message.filter(|it| from.is_some_and(|from| it.recipient == from.as_str()))
            {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    async fn away(
        &self,
        tx: &mut Tx,
        person: &Person,
        message: &Notification,
        absence: Absence,
    ) -> Result<(), Failure> {
        let (now, zone) = (self.now(), person.zone.unwrap_or(self.zone));
        // The day that is named is the last one away; the morning after it he is back.
        let named = absence
            .until
            .and_then(|day| day.checked_add_days(Days::new(1)))
            .map(|day| wall(day, NaiveTime::MIN, zone))
            .filter(|until| *until > now);
        let until = named.unwrap_or(now + UNKNOWN_ABSENCE).min(now + LONGEST_ABSENCE);
        let known = tx.reachability_of(person.id).await?;
        let news = known.away_until.is_none_or(|before| before <= now);
        let known = Reachability { away_until: Some(until), ..known };
        tx.put_reachability(person.id, &known, now).await?;
        let why = format!("{} is away until {}, so you are asked as well.", person.name, line(until, zone));
        let others = self.hand_on(tx, person.id, message, &why).await?;
        if !news {
            return Ok(());
        }
        let headline = format!("{} is away until {}.", person.name, line(until, zone));
        let key = format!("away/{}/{}", person.id, until.format("%Y-%m-%d"));
        self.alert(tx, Tone::Info, headline, vec![told(&others)], &key).await
    }

    /// A notice that will not arrive: its reader is unreachable, others are asked, and the operators are told.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn undeliverable(&self, tx: &mut Tx, message: &Notification, why: &str) -> Result<(), Failure> {
        let why = why.trim_end_matches('.');
        // Telling by mail that mail does not arrive would never end.
        if matches!(&message.message, Message::Mail { notice, .. } if matches!(**notice, Notice::OperatorAlert(_)))
        {
            tracing::error!(notice = %message.id, why, "an alert to {} cannot be delivered", message.recipient);
            return Ok(());
        }
        let mut lines = vec![format!("{why}.")];
        if let Some(id) = message.person {
            let person = tx.person_by_id(id).await?;
            let known = tx.reachability_of(id).await?;
            let since = known.unreachable_since.or(Some(self.now()));
            let known =
                Reachability { unreachable_since: since, unreachable_why: Some(why.to_owned()), ..known };
            tx.put_reachability(id, &known, self.now()).await?;
            let note = format!("Mail to {} comes back, so you are asked instead.", person.name);
            let others = self.hand_on(tx, id, message, &note).await?;
            if matches!(&message.message, Message::Mail { notice, .. } if notice.asks()) {
                lines.push(told(&others));
            }
        }
        lines.push("Reach the owner another way, or correct the address in the inventory.".to_owned());
        let headline = format!("A mail to {} cannot be delivered.", message.recipient);
        self.alert(tx, Tone::Bad, headline, lines, &format!("parked/{}", message.id)).await
    }

    /// Gives a notice that asks for an answer to the other owners of its servers; their names.
    async fn hand_on(
        &self,
        tx: &mut Tx,
        from: PersonId,
        message: &Notification,
        why: &str,
    ) -> Result<Vec<String>, Failure> {
        let Message::Mail { notice, answerable: Some(shown), .. } = &message.message else {
            return Ok(Vec::new());
        };
        if !notice.asks() || shown.until <= self.now() {
            return Ok(Vec::new());
        }
        let mut windows = Vec::new();
        for shown in &shown.windows {
            let window = tx.window_by_id(shown.window).await?;
            if !window.state.is_settled() {
                windows.push(window);
            }
        }
        self.ask_others(tx, from, notice, &windows, (&format!("handed-on/{}", message.id), why)).await
    }

    /// Sends a notice about these windows to their owners other than one; their names.
    pub(crate) async fn ask_others(
        &self,
        tx: &mut Tx,
        instead_of: PersonId,
        notice: &Notice,
        windows: &[Window],
        (key, why): (&str, &str),
    ) -> Result<Vec<String>, Failure> {
        let mut readers: Vec<(Person, Vec<Window>)> = Vec::new();
        for window in windows {
            let server = tx.server_by_id(window.server).await?;
            for reader in self.readers_of(tx, &server).await? {
                match readers.iter_mut().find(|(known, _)| known.id == reader.id) {
                    Some((_, theirs)) => theirs.push(window.clone()),
                    None if reader.id == instead_of => {}
                    None => readers.push((reader, vec![window.clone()])),
                }
            }
        }
        self.hand_out(tx, notice, readers, (key, why)).await
    }

    /// Sends a notice to others, to each about some of its windows; their names.
    async fn hand_out(
        &self,
        tx: &mut Tx,
        notice: &Notice,
        readers: Vec<(Person, Vec<Window>)>,
        (key, why): (&str, &str),
    ) -> Result<Vec<String>, Failure> {
        let mut names = Vec::new();
        for (reader, theirs) in readers {
            let mut lines: Vec<WindowLine> = Vec::new();
            for (number, window) in (1..).zip(&theirs) {
                let server = tx.server_by_id(window.server).await?;
                lines.push(self.window_line(number, &server, window, reader.zone));
            }
            let numbered: Vec<(usize, &Window)> = (1..).zip(&theirs).collect();
            let answerable = answerable(&numbered, self.now());
            let notice = notice.handed_on(&reader.name, lines, why);
            let key = key.to_owned();
            let letter = Letter { notice, answerable, window: None, key, in_reply_to: None };
            self.mail(tx, &reader, letter).await?;
            names.push(reader.name);
        }
        Ok(names)
    }

    /// Asks the other owners as well when a reader cannot be reached or is away.
    pub(crate) async fn ask_others_when_absent(
        &self,
        tx: &mut Tx,
        reader: &Person,
        notice: &Notice,
        windows: &[Window],
        key: &str,
    ) -> Result<(), Failure> {
        let known = tx.reachability_of(reader.id).await?;
        let why = match (known.unreachable_since, known.away_until) {
            (Some(_), _) => format!("Mail to {} comes back, so you are asked instead.", reader.name),
            (None, Some(until)) if until > self.now() => {
                let until = line(until, reader.zone.unwrap_or(self.zone));
                format!("{} is away until {until}, so you are asked as well.", reader.name)
            }
            _ => return self.ask_stand_ins(tx, reader, notice, windows, key).await,
        };
        self.ask_others(tx, reader.id, notice, windows, (&format!("absent/{key}"), &why)).await?;
        Ok(())
    }

    /// Asks who decides in a reader's place as well.
    async fn ask_stand_ins(
        &self,
        tx: &mut Tx,
        reader: &Person,
        notice: &Notice,
        windows: &[Window],
        key: &str,
    ) -> Result<(), Failure> {
        let mut readers: Vec<(Person, Vec<Window>)> = Vec::new();
        for row in tx.stand_ins_of(reader.id, self.now()).await? {
            let Some(by) = row.by.filter(|_| row.starts_at <= self.now()) else { continue };
            let theirs = windows.iter().filter(|window| row.server.is_none_or(|it| it == window.server));
            for window in theirs {
                match readers.iter_mut().find(|(known, _)| known.id == by) {
                    Some((_, windows)) if windows.iter().any(|other| other.id == window.id) => {}
                    Some((_, windows)) => windows.push(window.clone()),
                    None => readers.push((tx.person_by_id(by).await?, vec![window.clone()])),
                }
            }
        }
        let why = format!("{} has asked you to decide as well.", reader.name);
        self.hand_out(tx, notice, readers, (&format!("stand-in/{key}"), &why)).await?;
        Ok(())
    }

    /// A person has answered: he can be reached, and is not away, unless he has said so himself.
    pub(crate) async fn heard_from(
        &self,
        tx: &mut Tx,
        person: &Person,
        came_before: bool,
    ) -> Result<(), Failure> {
        if came_before {
            return Ok(());
        }
        let known = tx.reachability_of(person.id).await?;
        if known.absent(self.now()) {
            let said_so = tx.stand_ins_of(person.id, self.now()).await?.iter().any(|row| row.away);
            let away_until = known.away_until.filter(|_| said_so);
            let known = Reachability { away_until, ..Reachability::default() };
            tx.put_reachability(person.id, &known, self.now()).await?;
        }
        Ok(())
    }

    /// Mails an alert to the operators, where there is no chat to post it in.
    pub(crate) async fn mail_alert(
        &self,
        tx: &mut Tx,
        headline: &str,
        lines: &[String],
        key: &str,
    ) -> Result<(), Failure> {
        for reader in self.operators(tx).await? {
            let notice = Notice::OperatorAlert(AlertNotice {
                reader: reader.name.clone(),
                headline: headline.to_owned(),
                lines: lines.to_vec(),
            });
            let key = key.to_owned();
            let letter = Letter { notice, answerable: None, window: None, key, in_reply_to: None };
            self.mail(tx, &reader, letter).await?;
        }
        Ok(())
    }

    /// Tells operators that a platform does not let us in until somebody acts: by mail and on the other platform, once a
    /// day.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tell_shut_out(&self, platform: Medium, why: &str, next: &str) -> Result<(), Failure> {
        let name = if platform == Medium::Slack { "Slack" } else { "Discord" };
        let headline = format!("{name} does not let me in: {why}. Nobody is heard or told anything there.");
        let lines = vec![
            next.to_owned(),
            "Until then mail and the other channels go on; nothing is lost.".to_owned(),
        ];
        let key = format!("shut-out/{}/{}", platform.as_str(), self.now().format("%Y-%m-%d"));
        let mut tx = self.store.begin().await?;
        self.mail_alert(&mut tx, &headline, &lines, &key).await?;
        let alert = Alert { tone: Tone::Bad, headline, lines, offers: Vec::new() };
        for place in self.chat.ops().filter(|(medium, _)| *medium != platform) {
            self.put_alert(&mut tx, place, &alert, &key, None).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The operators; the administrators where there are none.
    pub(crate) async fn operators(&self, tx: &mut Tx) -> Result<Vec<Person>, Failure> {
        let people = tx.all_people().await?;
        let with = |role: Role| people.iter().filter(move |it| it.role == role && it.mail.is_some()).cloned();
        let operators: Vec<Person> = with(Role::Operator).collect();
        Ok(if operators.is_empty() { with(Role::Administrator).collect() } else { operators })
    }
}

fn unheeded(reason: String, sender: Option<String>) -> Unheeded {
    Unheeded { outcome: Outcome::Ignored, stage: Stage::Machine, reason, sender, person: None }
}

/// Who was asked instead, as a sentence.
fn told(others: &[String]) -> String {
    match others {
        [] => "There is no second owner to ask.".to_owned(),
        some => format!("{} was asked as well.", some.join(" and ")),
    }
}
