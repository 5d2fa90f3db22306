//! Who is told of an exception: the operators of a wish, who asked of what became of it, and everybody of its end.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use crate::app::decide::Done;
use crate::app::handle::Said;
use crate::app::notices::{Letter, OpsNote, answerable};
use crate::app::targets::Aim;
use crate::app::{App, Failure};
use crate::domain::exception::day_name;
use crate::domain::message::{Answerable, Offer, ShownWindow, Tone};
use crate::domain::notice::{Notice, WindowLine, WordNotice};
use crate::domain::person::Person;
use crate::domain::server::Server;
use crate::domain::shown::line;
use crate::domain::timeline::wall;
use crate::domain::window::{Window, WindowState};
use crate::store::Tx;
use crate::store::records::ExceptionRow;

impl App {
    /// The operators are asked: by mail, to answer it, and in their channel.
    pub(super) async fn tell_wishes(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        asked: &[(Aim, ExceptionRow)],
        until: NaiveDate,
    ) -> Result<(), Failure> {
        let Some((first, wish)) = asked.first() else { return Ok(()) };
        let names: Vec<&str> = asked.iter().map(|(aim, _)| aim.server.name.as_str()).collect();
        let what = match names.as_slice() {
            [only] => (*only).to_owned(),
            many => format!("{} servers", many.len()),
        };
        let (asker, day) = (&said.person.name, day_name(until));
        let shown = (1..).zip(asked).map(|(line, (aim, _))| ShownWindow {
            line,
            window: aim.window.id,
            revision: aim.window.revision,
        });
        let until_then = asked.iter().map(|(aim, _)| self.wish_ends(&aim.window)).max();
        let answerable =
            until_then.map(|until| Answerable { windows: shown.collect(), until, confirms: Vec::new() });
        for reader in self.operators(tx).await?.iter().filter(|reader| reader.id != said.person.id) {
            let windows: Vec<WindowLine> = (1..)
                .zip(asked)
                .map(|(number, (aim, _))| self.window_line(number, &aim.server, &aim.window, reader.zone))
                .collect();
            let notice = Notice::Word(WordNotice {
                reader: reader.name.clone(),
                headline: format!("{asker} asks to put {what} off until {day}"),
                sentences: vec![
                    format!("The reason: \"{}\".", wish.reason),
                    format!(
                        "That is beyond {}. Until you or another operator grants it, everything stays as it is: what has a time and an approval is patched then.",
                        first.window.quarter
                    ),
                ],
                windows,
                next: vec![
                    format!("To grant it, reply \"defer until {}\".", until.format("%Y-%m-%d")),
                    "To refuse it, reply \"undo\".".to_owned(),
                ],
            });
            let key = format!("exception/{}", wish.id);
            let answerable = answerable.clone();
            self.mail(tx, reader, Letter { notice, answerable, window: None, key, in_reply_to: None })
                .await?;
        }
        let names = names.join(" ");
        let note = OpsNote {
            tone: Tone::Info,
            headline: format!("{asker} asks to put {names} off until {day}, because \"{}\".", wish.reason),
            lines: vec![
                format!("An operator other than {asker} can grant or refuse it."),
                "Without an answer nothing changes.".to_owned(),
            ],
            key: format!("exception/{}", wish.id),
            about: None,
            offers: vec![
                Offer::words("Grant", format!("defer {names} until {}", until.format("%Y-%m-%d"))),
                Offer::words("Refuse", format!("undo {names}")),
            ],
        };
        self.tell_ops(tx, note).await
    }

    /// A wish about a window can be granted until it starts, or until its quarter is over.
    pub(super) fn wish_ends(&self, window: &Window) -> DateTime<Utc> {
        let day = self.quarters.last_day(window.quarter).succ_opt().unwrap_or(NaiveDate::MAX);
        let zone = window.plan.map_or(self.zone, |plan| plan.zone);
        let over = wall(day, NaiveTime::MIN, zone);
        let starts = window.plan.filter(|_| !window.state.is_settled()).map(|plan| plan.starts_at);
        starts.map_or(over, |starts| starts.min(over))
    }

    pub(super) async fn tell_granted(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        done: &[Done],
    ) -> Result<(), Failure> {
        for one in done {
            let WindowState::Deferred { by, reason, .. } = &one.change.window.state else { continue };
            let note = OpsNote {
                tone: Tone::Info,
                headline: one.change.sentence.clone(),
                lines: vec![format!(
                    "{by} asked for it, because \"{reason}\"; {} granted it.",
                    said.person.name
                )],
                key: format!("granted/{}/{}", one.change.window.id, one.change.window.version),
                about: None,
                offers: Vec::new(),
            };
            self.tell_ops(tx, note).await?;
        }
        Ok(())
    }

    /// Tells who asked what became of it, with what can be done now.
    pub(super) async fn tell_asker(
        &self,
        tx: &mut Tx,
        asker: &Person,
        server: &Server,
        window: &Window,
        (headline, sentence): (String, String),
        wish: &ExceptionRow,
    ) -> Result<(), Failure> {
        let notice = Notice::Word(WordNotice {
            reader: asker.name.clone(),
            headline,
            sentences: vec![
                sentence,
                match window.approval() {
                    Some(_) => "It is patched at its time.".to_owned(),
                    None => "Everything stays as it was.".to_owned(),
                },
            ],
            windows: vec![self.window_line(1, server, window, asker.zone)],
            next: self.next_steps(window, server),
        });
        let key = format!("exception/{}/{}", wish.id, window.version);
        let answerable = answerable(&[(1, window)], self.now());
        let letter = Letter { notice, answerable, window: Some(window.id), key, in_reply_to: None };
        self.mail(tx, asker, letter).await
    }

    /// Says, when the schedule is locked, that nobody has granted a wish: it is patched then, unless somebody still does.
    pub(crate) async fn remind_of_wish(
        &self,
        tx: &mut Tx,
        server: &Server,
        window: &Window,
    ) -> Result<(), Failure> {
        let Some(wish) = self.wish_about(tx, window.id).await? else { return Ok(()) };
        let asker = tx.person_by_id(wish.asked_by).await?;
        let name = &server.name;
        let headline = format!("Nobody has granted that {name} is put off");
        let sentence = format!(
            "{} asked to put {name} off until {}, and no operator has answered; until the start one still can.",
            asker.name,
            day_name(wish.ends_on)
        );
        self.tell_asker(tx, &asker, server, window, (headline.clone(), sentence.clone()), &wish).await?;
        let day = wish.ends_on.format("%Y-%m-%d");
        let note = OpsNote {
            tone: Tone::Bad,
            headline: format!("{headline}, and it starts soon."),
            lines: vec![sentence, "Without an answer nothing changes.".to_owned()],
            key: format!("exception/{}/lock", wish.id),
            about: None,
            offers: vec![
                Offer::words("Grant", format!("defer {name} until {day}")),
                Offer::words("Refuse", format!("undo {name}")),
            ],
        };
        self.tell_ops(tx, note).await
    }

    pub(super) async fn tell_exception_ended(
        &self,
        tx: &mut Tx,
        server: &Server,
        new: &Window,
    ) -> Result<(), Failure> {
        let name = &server.name;
        let time = match new.plan {
            Some(plan) => format!("Its time in {} is {}.", new.quarter, line(plan.starts_at, plan.zone)),
            None => format!("It has no time in {} yet.", new.quarter),
        };
        for reader in self.readers_of(tx, server).await? {
            let notice = Notice::Word(WordNotice {
                reader: reader.name.clone(),
                headline: format!("{name} is not put off any longer"),
                sentences: vec![
                    format!("The time for which {name} was put off is over, so it is planned again."),
                    time.clone(),
                ],
                windows: vec![self.window_line(1, server, new, reader.zone)],
                next: self.next_steps(new, server),
            });
            let answerable = answerable(&[(1, new)], self.now());
            let key = format!("exception/ended/{}", new.id);
            let letter = Letter { notice, answerable, window: Some(new.id), key, in_reply_to: None };
            self.mail(tx, &reader, letter).await?;
            self.write_to(tx, &reader, new.quarter).await?;
        }
        self.post_cards(tx, server, new).await?;
        let next = match new.state {
            WindowState::Unscheduled => format!("Give it one: \"slots {name}\" shows the free times."),
            _ => "Its owners are asked.".to_owned(),
        };
        let note = OpsNote {
            tone: if new.state == WindowState::Unscheduled { Tone::Bad } else { Tone::Info },
            headline: format!("{name} is not put off any longer. {time}"),
            lines: vec![next],
            key: format!("exception/ended/{}", new.id),
            about: None,
            offers: Vec::new(),
        };
        self.tell_ops(tx, note).await
    }
}
