//! Who is told what: decisions, reminders and runs become notices in the outbox.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::decide::Done;
use super::handle::Said;
use super::{App, Failure};
use crate::domain::answer::Channel;
use crate::domain::decision::Decided;
use crate::domain::ids::{PersonId, WindowId};
use crate::domain::message::{Alert, Answerable, Message, Offer, ShownWindow, Tone};
use crate::domain::moves::{MovesLeft, a_week_later};
use crate::domain::notice::{
    DecidedLine, DecisionNotice, DecisionsNotice, Notice, ShownTime, WindowLine, WindowNotice,
};
use crate::domain::person::{Identity, Person};
use crate::domain::server::Server;
use crate::domain::shown::{line, shown};
use crate::domain::timeline::wall;
use crate::domain::window::{Plan, Window, WindowState};
use crate::store::Tx;
use crate::store::records::{Medium, NewNotification};

/// A mail before it is addressed.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) notice: Notice,
    /// What a reply may decide about.
    pub(crate) answerable: Option<Answerable>,
    /// The window it is about, when it is one.
    pub(crate) window: Option<WindowId>,
    /// The same key is never mailed twice to the same person.
    pub(crate) key: String,
    /// The Message-ID that it answers.
    pub(crate) in_reply_to: Option<String>,
}

/// Something that the operators' channels are told.
#[derive(Debug, Clone)]
pub(crate) struct OpsNote {
    pub(crate) tone: Tone,
    pub(crate) headline: String,
    pub(crate) lines: Vec<String>,
    /// The same key is never told twice on the same platform.
    pub(crate) key: String,
    /// The window it is about.
    pub(crate) about: Option<WindowId>,
    pub(crate) offers: Vec<Offer>,
}

/// A notice that is about one window, before it is addressed.
pub(crate) struct About<'a> {
    pub(crate) server: &'a Server,
    pub(crate) window: &'a Window,
    /// What makes this notice different from others about the same window: an event's name, a run.
    pub(crate) occasion: String,
}

impl App {
    /// A window as a numbered line of a notice.
    pub(crate) fn window_line(
        &self,
        number: usize,
        server: &Server,
        window: &Window,
        reader: Option<Tz>,
    ) -> WindowLine {
        let (start, end) = match &window.plan {
            Some(plan) => (shown(plan.starts_at, plan.zone, reader), shown(plan.ends_at, plan.zone, reader)),
            None => (unknown_time(), unknown_time()),
        };
        WindowLine {
            number,
            server: server.name.clone(),
            host_group: server.host_group.clone(),
            quarter: window.quarter.to_string(),
            revision: window.revision.0,
            state: window.state.phrase(),
            start,
            end,
            today: None,
        }
    }

    /// The owners of a server who can be written to, the primary first, and who decides in their place.
    pub(crate) async fn readers_of(&self, tx: &mut Tx, server: &Server) -> Result<Vec<Person>, Failure> {
        let mut people = Vec::new();
        for owner in tx.owners_of(server.id).await? {
            let person = tx.person_by_id(owner.person).await?;
            if person.mail.is_some() && !people.iter().any(|other: &Person| other.id == person.id) {
                people.push(person);
            }
        }
        for id in tx.stand_ins_for(server.id, self.now()).await? {
            if !people.iter().any(|other: &Person| other.id == id) {
                people.push(tx.person_by_id(id).await?);
            }
        }
        people.retain(|person| person.mail.is_some());
        Ok(people)
    }

    /// Tells every owner of each changed server, rewrites the cards, and tells the operators of a no.
    ///
    /// Who answered by mail gets the transcript and no second mail; who is told of several windows gets one mail.
    pub(crate) async fn tell_decisions(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        done: &[Done],
    ) -> Result<(), Failure> {
        let skip = (said.channel == Channel::Mail).then_some(said.person.id);
        self.tell_together(tx, done, (&said.person.name, said.channel), skip).await
    }

    /// Tells one decision.
    pub(crate) async fn tell_decision(
        &self,
        tx: &mut Tx,
        done: &Done,
        by: &str,
        channel: Channel,
        skip: Option<PersonId>,
    ) -> Result<(), Failure> {
        self.tell_together(tx, std::slice::from_ref(done), (by, channel), skip).await
    }

    /// Tells decisions that were taken at once.
    pub(crate) async fn tell_together(
        &self,
        tx: &mut Tx,
        done: &[Done],
        by: (&str, Channel),
        skip: Option<PersonId>,
    ) -> Result<(), Failure> {
        let mut told: Vec<(Person, Vec<&Done>)> = Vec::new();
        for one in done {
            let mut readers = self.readers_of(tx, &one.server).await?;
            // Whoever must approve hears of what waits for him again.
            if one.change.window.state == WindowState::Proposed {
                let more = self.approvers_beside(tx, &one.server, &readers).await?;
                readers.extend(more);
            }
            for reader in readers {
                match told.iter_mut().find(|(known, _)| known.id == reader.id) {
                    Some((_, about)) => about.push(one),
                    None if Some(reader.id) == skip => {}
                    None => told.push((reader, vec![one])),
                }
            }
        }
        for (reader, about) in told {
            match about.as_slice() {
                [] => {}
                [only] => self.mail_decision(tx, only, &reader, by).await?,
                several => self.mail_decisions(tx, several, &reader, by).await?,
            }
        }
        for one in done {
            self.show_decision(tx, one, by).await?;
        }
        Ok(())
    }

    async fn mail_decision(
        &self,
        tx: &mut Tx,
        done: &Done,
        reader: &Person,
        (by, channel): (&str, Channel),
    ) -> Result<(), Failure> {
        let window = &done.change.window;
        let notice = Notice::Decision(DecisionNotice {
            reader: reader.name.clone(),
            window: self.window_line(1, &done.server, window, reader.zone),
            what: done.change.decided.as_str().to_owned(),
            by: by.to_owned(),
            channel: channel.phrase().to_owned(),
            decided_at: shown(self.now(), done.server.zone, reader.zone),
            reason: done.reason.clone(),
            before: moved_from(done).map(|plan| shown(plan.starts_at, plan.zone, reader.zone)),
            next: self.next_steps(window, &done.server),
        });
        // The version makes each decision a message of its own, whatever was decided before.
        let occasion = format!("decision/{}", window.version.saturating_add(1));
        let about = About { server: &done.server, window, occasion };
        self.mail_about(tx, &about, reader, notice).await
    }

    async fn mail_decisions(
        &self,
        tx: &mut Tx,
        done: &[&Done],
        reader: &Person,
        (by, channel): (&str, Channel),
    ) -> Result<(), Failure> {
        let decided: Vec<DecidedLine> = done
            .iter()
            .zip(1..)
            .map(|(done, number)| DecidedLine {
                window: self.window_line(number, &done.server, &done.change.window, reader.zone),
                what: done.change.decided.as_str().to_owned(),
                reason: done.reason.clone(),
                before: moved_from(done).map(|plan| shown(plan.starts_at, plan.zone, reader.zone)),
            })
            .collect();
        let (Some(first), Some(line)) = (done.first(), decided.first()) else { return Ok(()) };
        let window = &first.change.window;
        let key = format!("{}/{}/{}", window.id, window.version.saturating_add(1), done.len());
        let numbered: Vec<(usize, &Window)> =
            (1..).zip(done.iter().map(|done| &done.change.window)).collect();
        let answerable = answerable(&numbered, self.now());
        let notice = Notice::Decisions(DecisionsNotice {
            reader: reader.name.clone(),
            quarter: line.window.quarter.clone(),
            by: by.to_owned(),
            channel: channel.phrase().to_owned(),
            decided_at: shown(self.now(), reader.zone.unwrap_or(self.zone), None),
            windows: decided.iter().map(|line| line.window.clone()).collect(),
            decided,
            next: next_steps_of(&numbered),
        });
        self.mail(tx, reader, Letter { notice, answerable, window: None, key, in_reply_to: None }).await
    }

    /// Shows a decision in chat.
    async fn show_decision(
        &self,
        tx: &mut Tx,
        done: &Done,
        (by, channel): (&str, Channel),
    ) -> Result<(), Failure> {
        let window = &done.change.window;
        self.rewrite_cards(tx, window).await?;
        if done.change.decided == Decided::Declined {
            let because =
                done.reason.as_ref().map(|reason| format!(" because \"{reason}\"")).unwrap_or_default();
            let note = OpsNote {
                tone: Tone::Info,
                headline: format!("{} was declined by {by} {}{because}.", done.server.name, channel.phrase()),
                lines: vec![format!(
                    "It is not patched in {}, unless somebody gives it a time again.",
                    window.quarter
                )],
                key: format!("declined/{}/{}", window.id, window.version),
                about: Some(window.id),
                offers: Vec::new(),
            };
            self.tell_ops(tx, note).await?;
        }
        Ok(())
    }

    /// What an owner can say about a window as it is now, one sentence each.
    pub(crate) fn next_steps(&self, window: &Window, server: &Server) -> Vec<String> {
        let again = a_week_later(window.plan, self.now(), server.zone);
        next_steps(window, &server.name, self.moves_left(server, window), &again)
    }

    /// Puts a mail about one window into the outbox.
    pub(crate) async fn mail_about(
        &self,
        tx: &mut Tx,
        about: &About<'_>,
        reader: &Person,
        notice: Notice,
    ) -> Result<(), Failure> {
        let answerable = answerable(&[(1, about.window)], self.now());
        let key = format!("{}/{}/r{}", about.occasion, about.window.id, about.window.revision);
        let letter = Letter { notice, answerable, window: Some(about.window.id), key, in_reply_to: None };
        self.mail(tx, reader, letter).await
    }

    /// Puts a mail into the outbox.
    pub(crate) async fn mail(&self, tx: &mut Tx, reader: &Person, letter: Letter) -> Result<(), Failure> {
        let Some(address) = &reader.mail else { return Ok(()) };
        let Letter { notice, answerable, window, key, in_reply_to } = letter;
        let kind = notice.name();
        tx.add_notification(&NewNotification {
            id: self.notice_id(),
            medium: Medium::Mail,
            recipient: address.to_string(),
            kind,
            person: Some(reader.id),
            window,
            dedupe_key: format!("mail/{kind}/{key}/{}", reader.id),
            message: Message::Mail { notice: Box::new(notice), answerable, in_reply_to },
            created_at: self.now(),
        })
        .await?;
        Ok(())
    }

    /// Puts a line for the operators' channel into the outbox.
    pub(crate) async fn alert(
        &self,
        tx: &mut Tx,
        tone: Tone,
        headline: String,
        lines: Vec<String>,
        key: &str,
    ) -> Result<(), Failure> {
        let key = key.to_owned();
        self.tell_ops(tx, OpsNote { tone, headline, lines, key, about: None, offers: Vec::new() }).await
    }

    /// Tells the operators' channels something. What is about a window is told in the thread of its card there, and
    /// what is bad in the channel as well.
    pub(crate) async fn tell_ops(&self, tx: &mut Tx, note: OpsNote) -> Result<(), Failure> {
        let OpsNote { tone, headline, lines, key, about, offers } = note;
        let places: Vec<_> = self.chat.ops().collect();
        if places.is_empty() && tone == Tone::Bad {
            // Without a chat only what somebody must act on is mailed; the rest stands in the morning's report.
            return self.mail_alert(tx, &headline, &lines, &key).await;
        }
        let alert = Alert { tone, headline, lines, offers };
        for place in places {
            self.put_alert(tx, place, &alert, &key, about).await?;
        }
        Ok(())
    }

    /// Tells one channel of the operators something.
    pub(crate) async fn put_alert(
        &self,
        tx: &mut Tx,
        (medium, place): (Medium, &str),
        alert: &Alert,
        key: &str,
        about: Option<WindowId>,
    ) -> Result<(), Failure> {
        tx.add_notification(&NewNotification {
            id: self.notice_id(),
            medium,
            recipient: place.to_owned(),
            kind: "alert",
            person: None,
            window: about,
            dedupe_key: format!("alert/{}/{key}", medium.as_str()),
            message: Message::Alert(alert.clone()),
            created_at: self.now(),
        })
        .await?;
        Ok(())
    }

    /// Where a person is written to in chat, on the platforms that are on.
    pub(crate) async fn places_of(
        &self,
        tx: &mut Tx,
        person: PersonId,
    ) -> Result<Vec<(Medium, String)>, Failure> {
        let places = tx.identities_of(person).await?.into_iter().filter_map(|identity| match identity {
            Identity::Slack { user, .. } => Some((Medium::Slack, format!("@{user}"))),
            Identity::Discord { user } => Some((Medium::Discord, format!("@{user}"))),
            Identity::Mail(_) | Identity::Terminal { .. } => None,
        });
        Ok(places.filter(|(medium, _)| self.chat.is_on(*medium)).collect())
    }

    /// Posts a window's card to each owner who has a linked account, else to the windows' channel; on each platform.
    pub(crate) async fn post_cards(
        &self,
        tx: &mut Tx,
        server: &Server,
        window: &Window,
    ) -> Result<(), Failure> {
        let mut places = Vec::new();
        for owner in tx.owners_of(server.id).await? {
            places.extend(self.places_of(tx, owner.person).await?);
        }
        for medium in [Medium::Slack, Medium::Discord] {
            if !places.iter().any(|(other, _)| *other == medium) {
                places.extend(self.chat.windows(medium).map(|place| (medium, place.to_owned())));
            }
        }
        for (medium, place) in places {
            self.card(tx, &[window.id], medium, &place).await?;
        }
        Ok(())
    }

    /// Posts one card that shows several windows.
    pub(crate) async fn post_bulk_card(
        &self,
        tx: &mut Tx,
        owner: PersonId,
        windows: &[WindowId],
    ) -> Result<bool, Failure> {
        let places = self.places_of(tx, owner).await?;
        for (medium, place) in &places {
            self.card(tx, windows, *medium, place).await?;
        }
        Ok(!places.is_empty())
    }

    /// Has every card of a window drawn anew, wherever it was posted.
    pub(crate) async fn rewrite_cards(&self, tx: &mut Tx, window: &Window) -> Result<(), Failure> {
        for card in tx.cards_of(window.id).await? {
            self.card(tx, &[window.id], card.platform, &card.channel).await?;
        }
        Ok(())
    }

    async fn card(
        &self,
        tx: &mut Tx,
        windows: &[WindowId],
        medium: Medium,
        place: &str,
    ) -> Result<(), Failure> {
        let id = self.notice_id();
        let [window, more @ ..] = windows else { return Ok(()) };
        tx.add_notification(&NewNotification {
            id,
            medium,
            recipient: place.to_owned(),
            kind: "card",
            person: None,
            window: Some(*window),
            // A card shows the state at its delivery, so drawing it once too often does no harm.
            dedupe_key: format!("card/{}/{place}/{window}/{id}", medium.as_str()),
            message: Message::Card { window: *window, more: more.to_vec() },
            created_at: self.now(),
        })
        .await?;
        Ok(())
    }

    /// A notice about one window in plain sentences.
    pub(crate) fn window_notice(
        &self,
        about: &About<'_>,
        reader: &Person,
        sentences: Vec<String>,
        next: Vec<String>,
    ) -> WindowNotice {
        WindowNotice {
            reader: reader.name.clone(),
            window: self.window_line(1, about.server, about.window, reader.zone),
            sentences,
            next,
            answerable: !about.window.state.is_settled(),
        }
    }

    /// An instant as a reader reads it, on one line.
    pub(crate) fn for_reader(&self, at: DateTime<Utc>, reader: &Person) -> String {
        line(at, reader.zone.unwrap_or(self.zone))
    }
}

/// A server without a time can be given one by a reply for so long; the next monthly notice asks again.
const ASKED_FOR_A_TIME: TimeDelta = TimeDelta::days(31);

/// What a reply to a mail with these windows may decide about; nothing once all of them have started or ended.
pub(crate) fn answerable(windows: &[(usize, &Window)], now: DateTime<Utc>) -> Option<Answerable> {
    let open: Vec<(usize, &Window, DateTime<Utc>)> = windows
        .iter()
        .filter_map(|(line, window)| Some((*line, *window, answerable_until(window, now)?)))
        .filter(|(_, _, until)| *until > now)
        .collect();
    let until = open.iter().map(|(_, _, until)| *until).max()?;
    let windows = open
        .iter()
        .map(|(line, window, _)| ShownWindow {
            line: u16::try_from(*line).unwrap_or(u16::MAX),
            window: window.id,
            revision: window.revision,
        })
        .collect();
    Some(Answerable { windows, until, confirms: Vec::new() })
}

/// Until when an answer about a window decides something: until it starts, and while it is put off.
fn answerable_until(window: &Window, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match &window.state {
        WindowState::Deferred { until, .. } => {
            let zone = window.plan.map_or(Tz::UTC, |plan| plan.zone);
            Some(wall(until.succ_opt().unwrap_or(*until), chrono::NaiveTime::MIN, zone))
        }
        state if state.is_settled() && !matches!(state, WindowState::Declined(_)) => None,
        _ => Some(window.plan.map_or(now + ASKED_FOR_A_TIME, |plan| plan.starts_at)),
    }
}

/// A missed window can be given another time by a reply, as long as a week later.
pub(crate) fn answerable_about_missed(window: &Window, now: DateTime<Utc>) -> Option<Answerable> {
    let shown = ShownWindow { line: 1, window: window.id, revision: window.revision };
    Some(Answerable { windows: vec![shown], until: now + TimeDelta::days(7), confirms: Vec::new() })
}

fn unknown_time() -> ShownTime {
    ShownTime {
        server: "no time yet".to_owned(),
        server_zone: String::new(),
        reader: None,
        reader_zone: None,
        utc: String::new(),
        at: DateTime::UNIX_EPOCH,
    }
}

fn moved_from(done: &Done) -> Option<Plan> {
    match done.change.decided {
        Decided::Moved
        | Decided::Deferred
        | Decided::Swapped
        | Decided::Slipped
        | Decided::Replanned
        | Decided::Unplanned => done.change.before,
        Decided::Undone => done.change.before.filter(|before| done.change.window.plan != Some(*before)),
        Decided::Hastened => done.change.before,
        Decided::Approved
        | Decided::AutoApproved
        | Decided::Consented
        | Decided::Declined
        | Decided::Excepted
        | Decided::Withdrawn
        | Decided::Retried
        | Decided::Skipped
        | Decided::Overridden
        | Decided::Stopped
        | Decided::Reopened
        | Decided::Cancelled => None,
    }
}

/// What an owner can say about a window as it is now, one sentence each.
fn next_steps(window: &Window, server: &str, left: MovesLeft, again: &str) -> Vec<String> {
    let say = |text: &str| text.to_owned();
    match &window.state {
        WindowState::Unscheduled => {
            vec![format!(
                "To see its free times, reply \"slots {server}\"; to take one, \"move {server} to\" with its date and time."
            )]
        }
        WindowState::Proposed => vec![
            say("To approve, reply \"approve\"."),
            another_time(left, again),
            say("To say no, reply \"decline\"."),
        ],
        WindowState::Approved(_) => {
            vec![say("To take it back, reply \"withdraw\"."), another_time(left, again)]
        }
        WindowState::Locked(_) => vec![say("Until the start you can still say no: reply \"decline\".")],
        WindowState::Declined(_) | WindowState::Deferred { .. } => {
            vec![say("To take that back, reply \"withdraw\".")]
        }
        WindowState::Running { .. }
        | WindowState::Completed
        | WindowState::Failed { .. }
        | WindowState::Missed { .. }
        | WindowState::NeedsHuman { .. }
        | WindowState::Cancelled { .. } => Vec::new(),
    }
}

/// The same about several windows, by their numbers.
fn next_steps_of(windows: &[(usize, &Window)]) -> Vec<String> {
    let numbers = |wanted: fn(&WindowState) -> bool| -> Vec<String> {
        let some = windows.iter().filter(|(_, window)| wanted(&window.state));
        some.map(|(number, _)| number.to_string()).collect()
    };
    let waiting = numbers(|state| *state == WindowState::Proposed);
    let mut next = Vec::new();
    if !waiting.is_empty() {
        next.push(format!("To approve what waits for you, reply \"approve {}\".", waiting.join(", ")));
    }
    if let Some(number) = numbers(|state| *state == WindowState::Unscheduled).first() {
        next.push(format!(
            "To give one a time, reply for example \"move {number} to\" with a date and a time; \"slots\" and its name shows the free ones."
        ));
    }
    next.push("To see where they stand, reply \"status\".".to_owned());
    next.push(
        "To change one, reply with its number, for example \"decline 1\" or \"withdraw 1\".".to_owned(),
    );
    next
}

/// How another time is asked for, with an example that makes sense: the same hour a week later.
fn another_time(left: MovesLeft, again: &str) -> String {
    if left.count == 0 {
        return left.sentence();
    }
    format!("For another time, reply for example \"move to {again}\". {}", left.sentence())
}
