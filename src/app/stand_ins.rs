//! Who decides in whose place: delegations, absences that somebody announces, and their end.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use patchbot_commands::{Away, Date, Delegate, Effect, PersonAddress, Reason, Target};

use super::decide::Dealt;
use super::handle::Said;
use super::notices::{Letter, answerable};
use super::{App, Failure, Stop};
use crate::domain::event::{AuditEvent, What};
use crate::domain::message::Tone;
use crate::domain::notice::{Notice, WordNotice};
use crate::domain::person::{Address, Person};
use crate::domain::refusal::Refusal;
use crate::domain::server::Server;
use crate::domain::shown::line;
use crate::domain::timeline::wall;
use crate::domain::window::Window;
use crate::store::Tx;
use crate::store::records::{Reachability, StandInRow};

impl App {
    /// Lets somebody else decide about servers of one's own, until a day.
    pub(crate) async fn delegate(&self, tx: &mut Tx, said: &Said<'_>, it: &Delegate) -> Result<Dealt, Stop> {
        let by = self.known_person(tx, said, &it.to).await?;
        let own = tx.servers_of(said.person.id).await?;
        let aims = self.aims(tx, said.person, Effect::Decide, &it.target, said.shown).await?;
        let mut servers: Vec<Server> = Vec::new();
        let mut last: Option<NaiveDate> = None;
        for aim in aims {
            // An operator's right is his office, which he cannot hand on.
            if !own.iter().any(|server| server.id == aim.server.id) {
                return Err(Refusal::NotYours { server: aim.server.name }.into());
            }
            last = last.max(Some(self.quarters.last_day(aim.window.quarter)));
            servers.push(aim.server);
        }
        let day = match &it.until {
            Some(date) => day_of(date),
            None => last.unwrap_or_default(),
        };
        let until = self.end_of(said.person, day)?;
        let everything =
            matches!(&it.target, Target::All { except } if except.is_empty() && said.shown.is_empty());
        let reason = it.reason.as_ref().map(Reason::as_str);
        let about: Vec<Option<&Server>> =
            if everything { vec![None] } else { servers.iter().map(Some).collect() };
        for server in about {
            let row = self.stand_in(said.person, Some(&by), until, reason);
            tx.insert_stand_in(&StandInRow { server: server.map(|it| it.id), ..row }, self.now()).await?;
        }
        let zone = said.person.zone.unwrap_or(self.zone);
        let names: Vec<&str> = servers.iter().map(|server| server.name.as_str()).collect();
        let what = if everything { "all servers".to_owned() } else { names.join(", ") };
        let sentence = format!(
            "{} decides about {what} of {} as well, until {}.",
            by.name,
            said.person.name,
            line(until, zone)
        );
        self.audit_stand_in(tx, said, &sentence).await?;
        let headline = format!("{} asks you to decide about {what}", said.person.name);
        self.tell_stand_in(tx, said, &by, (&headline, until), &servers).await?;
        let lines = vec![format!(
            "{} decides about {what} as well, until {}. You still can.",
            by.name,
            line(until, zone)
        )];
        let mut dealt = Dealt::said(lines, names.into_iter().map(str::to_owned).collect());
        dealt.answer = dealt.answer.then("To end it, say \"back\".");
        Ok(dealt)
    }

    /// Says that one is away until a day, and who decides meanwhile.
    pub(crate) async fn go_away(&self, tx: &mut Tx, said: &Said<'_>, it: &Away) -> Result<Dealt, Stop> {
        let by = match &it.to {
            Some(address) => Some(self.known_person(tx, said, address).await?),
            None => None,
        };
        let until = self.end_of(said.person, day_of(&it.until))?;
        let now = self.now();
        // Who says it again means the new day.
        tx.end_stand_ins(said.person.id, now).await?;
        let reason = it.reason.as_ref().map(Reason::as_str);
        let row = self.stand_in(said.person, by.as_ref(), until, reason);
        tx.insert_stand_in(&StandInRow { away: true, ..row }, now).await?;
        let known = tx.reachability_of(said.person.id).await?;
        let known = Reachability { away_until: Some(until), ..known };
        tx.put_reachability(said.person.id, &known, now).await?;
        let zone = said.person.zone.unwrap_or(self.zone);
        let servers = tx.servers_of(said.person.id).await?;
        let mut lines = vec![format!("You are away until {}.", line(until, zone))];
        let told = if let Some(by) = &by {
            let headline = format!("{} is away and asks you to decide meanwhile", said.person.name);
            self.tell_stand_in(tx, said, by, (&headline, until), &servers).await?;
            lines.push(format!("{} decides in your place until then.", by.name));
            format!("{} decides meanwhile.", by.name)
        } else {
            let alone = self.without_second_owner(tx, said.person, &servers).await?;
            lines.push("Your notices also go to the second owners until then.".to_owned());
            if !alone.is_empty() {
                lines.push(format!(
                    "These have no second owner, so nobody is asked in your place: {}.",
                    alone.join(", ")
                ));
            }
            "The second owners are asked as well.".to_owned()
        };
        let sentence = format!("{} is away until {}.", said.person.name, line(until, zone));
        self.audit_stand_in(tx, said, &sentence).await?;
        let key = format!("away/{}/{}", said.person.id, until.format("%Y-%m-%d"));
        self.alert(tx, Tone::Info, sentence, vec![told], &key).await?;
        let mut dealt = Dealt::said(lines, Vec::new());
        dealt.answer = dealt.answer.then("When you are back before that, say \"back\".");
        Ok(dealt)
    }

    /// Ends everything that one has said about deciding in one's place.
    pub(crate) async fn come_back(&self, tx: &mut Tx, said: &Said<'_>) -> Result<Dealt, Stop> {
        let now = self.now();
        let ended = tx.end_stand_ins(said.person.id, now).await?;
        let known = tx.reachability_of(said.person.id).await?;
        let was_away = known.away_until.is_some_and(|until| until > now);
        if ended == 0 && !was_away {
            return Ok(Dealt::said(
                vec!["Nobody decides in your place, and you are not away.".to_owned()],
                Vec::new(),
            ));
        }
        tx.put_reachability(said.person.id, &Reachability { away_until: None, ..known }, now).await?;
        self.audit_stand_in(tx, said, &format!("{} decides alone again.", said.person.name)).await?;
        let lines = vec!["Welcome back. Nobody decides in your place any more.".to_owned()];
        let mut dealt = Dealt::said(lines, Vec::new());
        dealt.answer = dealt.answer.then("\"status\" tells where your windows stand.");
        Ok(dealt)
    }

    /// Somebody who is known here; nobody else can be given a say.
    async fn known_person(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        address: &PersonAddress,
    ) -> Result<Person, Stop> {
        let unknown = || Refusal::UnknownPerson { address: address.to_string() };
        let mail = Address::parse(address.as_str()).map_err(|_| unknown())?;
        let person = tx.person_by_mail(&mail).await?.ok_or_else(unknown)?;
        if person.id == said.person.id {
            return Err(Refusal::Yourself.into());
        }
        Ok(person)
    }

    /// The end of a day for a person.
    fn end_of(&self, person: &Person, day: NaiveDate) -> Result<DateTime<Utc>, Refusal> {
        let zone = person.zone.unwrap_or(self.zone);
        let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
        let end = wall(next, NaiveTime::MIN, zone);
        if end <= self.now() { Err(Refusal::DayOver { day }) } else { Ok(end) }
    }

    fn stand_in(
        &self,
        person: &Person,
        by: Option<&Person>,
        until: DateTime<Utc>,
        reason: Option<&str>,
    ) -> StandInRow {
        StandInRow {
            id: self.ids.next(),
            person: person.id,
            by: by.map(|by| by.id),
            server: None,
            away: false,
            starts_at: self.now(),
            ends_at: until,
            reason: reason.map(str::to_owned),
        }
    }

    async fn audit_stand_in(&self, tx: &mut Tx, said: &Said<'_>, sentence: &str) -> Result<(), Failure> {
        tx.append_audit(&AuditEvent {
            at: self.now(),
            actor: said.actor(),
            what: What::StoodIn,
            subject: said.person.name.clone(),
            sentence: sentence.to_owned(),
            words: Some(said.words.clone()),
            before: None,
            after: None,
        })
        .await?;
        Ok(())
    }

    /// Tells somebody that he decides in an owner's place, with what waits for an answer.
    async fn tell_stand_in(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        by: &Person,
        (headline, until): (&str, DateTime<Utc>),
        servers: &[Server],
    ) -> Result<(), Failure> {
        let mut open: Vec<(&Server, Window)> = Vec::new();
        for server in servers {
            if let Some(window) = self.present_window(tx, server).await?
                && !window.state.is_settled()
            {
                open.push((server, window));
            }
        }
        let lines = open
            .iter()
            .zip(1..)
            .map(|((server, window), number)| self.window_line(number, server, window, by.zone));
        let mut sentences = vec![format!(
            "Until {} you decide in the place of {}, who still can as well.",
            self.for_reader(until, by),
            said.person.name
        )];
        sentences.push(if open.is_empty() {
            "Nothing waits for a decision now.".to_owned()
        } else {
            "This is how it stands:".to_owned()
        });
        let notice = Notice::Word(WordNotice {
            reader: by.name.clone(),
            headline: headline.to_owned(),
            sentences,
            windows: lines.collect(),
            next: if open.is_empty() {
                Vec::new()
            } else {
                vec!["You can reply \"approve 1\", \"decline 1\", or \"status\" at any time.".to_owned()]
            },
        });
        let numbered: Vec<(usize, &Window)> = (1..).zip(open.iter().map(|(_, window)| window)).collect();
        let answerable = answerable(&numbered, self.now());
        let key = format!("stand-in/{}/{}", said.person.id, self.now().timestamp_micros());
        self.mail(tx, by, Letter { notice, answerable, window: None, key, in_reply_to: None }).await
    }

    async fn without_second_owner(
        &self,
        tx: &mut Tx,
        person: &Person,
        servers: &[Server],
    ) -> Result<Vec<String>, Failure> {
        let mut alone = Vec::new();
        for server in servers {
            if tx.owners_of(server.id).await?.iter().all(|owner| owner.person == person.id) {
                alone.push(server.name.clone());
            }
        }
        Ok(alone)
    }
}

pub(super) fn day_of(date: &Date) -> NaiveDate {
    NaiveDate::from_ymd_opt(date.year, u32::from(date.month), u32::from(date.day)).unwrap_or_default()
}
