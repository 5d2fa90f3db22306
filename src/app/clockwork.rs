//! What patchbot does because a time has come: notices, deadlines, reminders, the lock.
//!
//! Each function does one event that was claimed, writes it together with what comes next, and is refused as `Stale`
//! when a person was faster.

use std::collections::{HashMap, HashSet};

use crate::domain::event::{Actor, AuditEvent, What};
use crate::domain::ids::{PersonId, ServerId, WindowId};
use crate::domain::mondays::{is_requested, is_this_week, still_waits, was_asked_lately};
use crate::domain::moves::{MovesLeft, moves_sentence};
use crate::domain::notice::{Asked, Digest, Notice};
use crate::domain::person::Person;
use crate::domain::quarter::Quarter;
use crate::domain::server::Server;
use crate::domain::timeline::{Event, answer_by, next_for_owner, next_for_window};
use crate::domain::window::{Window, WindowState};
use crate::store::Tx;
use crate::store::records::{Claimed, Subject};

use super::approvers::NAMED;
use super::decide::window_json;
use super::notices::{About, Letter, answerable};
use super::{App, Failure};

/// An owner with more windows than this gets them on one card.
const SINGLE_CARDS: usize = 4;
/// So many windows are on one card: the platforms' limits for what can be chosen from are near.
const ON_ONE_CARD: usize = 25;

/// In which capacity somebody reads a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum As {
    /// As an owner.
    Owner,
    /// As one whom the rules name to approve.
    Named,
}

impl As {
    /// The owner, when it is one who reads.
    fn own(self, reader: &Person) -> Option<&Person> {
        (self == Self::Owner).then_some(reader)
    }
}

impl App {
    /// Does an event that needs no host: everything but rehearsals, pre-checks and starts.
    ///
    /// # Errors
    /// `Stale` when somebody else changed the subject; the event is then no more, or comes again.
    pub async fn do_event(&self, claimed: &Claimed) -> Result<(), Failure> {
        match (claimed.subject, claimed.due.event) {
            (Subject::Owner(person), Event::MonthlyNotice) => self.monthly_notice(claimed, person).await,
            (Subject::Owner(person), Event::ApprovalRequest) => self.approval_request(claimed, person).await,
            (Subject::Window(window), Event::Silence) => self.silence(claimed, window).await,
            (Subject::Window(window), Event::ExceptionEnds) => self.exception_ends(claimed, window).await,
            (Subject::Window(window), Event::Escalation) => self.escalation(claimed, window).await,
            (Subject::Window(window), Event::Reminder) => self.reminder(claimed, window).await,
            (Subject::Window(window), Event::Lock) => self.lock(claimed, window).await,
            (subject, event) => Err(Failure::Bug(format!("{event:?} cannot fall due for {subject:?}"))),
        }
    }

    /// The windows of the servers that are a person's first, with their servers.
    async fn windows_for(
        &self,
        tx: &mut Tx,
        claimed: &Claimed,
        person: PersonId,
    ) -> Result<Vec<(Server, Window)>, Failure> {
        let mut servers: HashMap<ServerId, Server> =
            tx.servers_led_by(person).await?.into_iter().map(|server| (server.id, server)).collect();
        let open = tx.windows_of_owner(person, claimed.quarter).await?.into_iter();
        let mut windows: Vec<(Server, Window)> = open
            .filter(|window| !window.state.is_settled())
            .filter_map(|window| Some((servers.remove(&window.server)?, window)))
            .collect();
        in_lines(&mut windows);
        Ok(windows)
    }

    async fn settle_owner(&self, tx: &mut Tx, claimed: &Claimed, reader: &Person) -> Result<(), Failure> {
        let zone = reader.zone.unwrap_or(self.zone);
        // What was missed while the program stood still is not made up for one by one.
        let after = claimed.due.at.max(self.now());
        Ok(tx.settle(claimed, next_for_owner(&self.quarters, claimed.quarter, zone, after)).await?)
    }

    /// Gives an owner his notices of a quarter, unless he gets them already.
    pub(crate) async fn write_to(
        &self,
        tx: &mut Tx,
        owner: &Person,
        quarter: Quarter,
    ) -> Result<(), Failure> {
        let subject = Subject::Owner(owner.id);
        if tx.waiting(subject, quarter).await?.is_some() {
            return Ok(());
        }
        let zone = owner.zone.unwrap_or(self.zone);
        let next = next_for_owner(&self.quarters, quarter, zone, self.now());
        Ok(tx.put_due(subject, quarter, next).await?)
    }

    async fn monthly_notice(&self, claimed: &Claimed, person: PersonId) -> Result<(), Failure> {
        let mut tx = self.store.begin().await?;
        let reader = tx.person_by_id(person).await?;
        let windows = self.windows_for(&mut tx, claimed, person).await?;
        // To the minute: who gets windows by a second plan on the same day is told about them as well.
        let key = format!("{}/{}", claimed.quarter, claimed.due.at.format("%Y-%m-%dT%H:%M"));
        if !windows.is_empty() {
            let digest = self.proposals_for(&mut tx, claimed, (&reader, As::Owner), &windows).await?;
            self.mail_digest(&mut tx, &reader, Notice::MonthlyNotice(digest), &windows, &key).await?;
            self.post_cards_of(&mut tx, &reader, claimed.quarter, &windows).await?;
        }
        let named = self.named_for(&mut tx, claimed, &reader).await?;
        if !named.is_empty() {
            let digest = self.proposals_for(&mut tx, claimed, (&reader, As::Named), &named).await?;
            let key = format!("approver/{key}");
            self.mail_digest(&mut tx, &reader, Notice::MonthlyNotice(digest), &named, &key).await?;
            self.post_cards_to_approve(&mut tx, &reader, &named).await?;
        }
        self.settle_owner(&mut tx, claimed, &reader).await?;
        tx.commit().await?;
        Ok(())
    }

    /// What somebody is named to approve in the quarter, in the order of numbered lines.
    async fn named_for(
        &self,
        tx: &mut Tx,
        claimed: &Claimed,
        reader: &Person,
    ) -> Result<Vec<(Server, Window)>, Failure> {
        let mut named = self.to_approve(tx, reader).await?;
        named.retain(|(_, window)| window.quarter == claimed.quarter);
        in_lines(&mut named);
        Ok(named)
    }

    /// The times that are proposed, with the deadline of a monthly notice.
    async fn proposals_for(
        &self,
        tx: &mut Tx,
        claimed: &Claimed,
        (reader, reads): (&Person, As),
        windows: &[(Server, Window)],
    ) -> Result<Digest, Failure> {
        let days =
            windows.iter().map(|(server, _)| self.policy(server).answer_days).min().map_or(0, i64::from);
        let deadline = self.for_reader(self.now() + chrono::TimeDelta::days(days), reader);
        let silence = self.silence_sentence(windows);
        let silence = if windows.iter().all(|(_, window)| window.plan.is_none()) {
            silence
        } else {
            format!(
                "Servers without an answer are asked about once more, on the Monday before their time, with the end of that Tuesday as the last deadline. {silence}"
            )
        };
        let mut digest = self.digest((reader, reads), claimed, windows, deadline, silence);
        self.look_back(tx, reads.own(reader), &mut digest.windows, windows).await?;
        Ok(digest)
    }

    /// Posts the cards of windows that have none yet: each by itself, or many as one card.
    async fn post_cards_of(
        &self,
        tx: &mut Tx,
        reader: &Person,
        quarter: Quarter,
        windows: &[(Server, Window)],
    ) -> Result<(), Failure> {
        if !self.chat.is_any_on() {
            return Ok(());
        }
        let shown: HashSet<WindowId> = tx.windows_on_cards(reader.id, quarter).await?.into_iter().collect();
        let new: Vec<&(Server, Window)> =
            windows.iter().filter(|(_, window)| !shown.contains(&window.id)).collect();
        let ids: Vec<WindowId> = new.iter().map(|(_, window)| window.id).collect();
        if ids.len() <= SINGLE_CARDS || !self.post_many(tx, reader.id, &ids).await? {
            for (server, window) in new {
                self.post_cards(tx, server, window).await?;
            }
        }
        Ok(())
    }

    /// Posts windows to a person on as few cards as the platforms allow; `false` when he has no account there.
    pub(crate) async fn post_many(
        &self,
        tx: &mut Tx,
        person: PersonId,
        windows: &[WindowId],
    ) -> Result<bool, Failure> {
        let mut posted = false;
        for part in windows.chunks(ON_ONE_CARD) {
            posted |= self.post_bulk_card(tx, person, part).await?;
        }
        Ok(posted)
    }

    async fn approval_request(&self, claimed: &Claimed, person: PersonId) -> Result<(), Failure> {
        let mut tx = self.store.begin().await?;
        let reader = tx.person_by_id(person).await?;
        let all = self.windows_for(&mut tx, claimed, person).await?;
        let key = format!("{}/{}", claimed.quarter, claimed.due.at.format("%Y-%m-%d"));
        let others = self.request_approval(&mut tx, claimed, &reader, all, (&key, As::Owner)).await?;
        self.followup(&mut tx, claimed, &reader, &others, (&key, As::Owner)).await?;
        let named = self.named_for(&mut tx, claimed, &reader).await?;
        let as_named = format!("approver/{key}");
        let why = (as_named.as_str(), As::Named);
        let waiting = self.request_approval(&mut tx, claimed, &reader, named, why).await?;
        self.followup(&mut tx, claimed, &reader, &waiting, why).await?;
        let now = self.now();
        let week: Vec<(Server, Window)> =
            others.into_iter().filter(|(server, window)| is_this_week(window, server.zone, now)).collect();
        self.mail_week(&mut tx, &reader, &week, &key).await?;
        self.settle_owner(&mut tx, claimed, &reader).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Asks about what begins in the coming week; gives back the others.
    async fn request_approval(
        &self,
        tx: &mut Tx,
        claimed: &Claimed,
        reader: &Person,
        all: Vec<(Server, Window)>,
        (key, reads): (&str, As),
    ) -> Result<Vec<(Server, Window)>, Failure> {
        let (windows, others): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|(server, window)| is_requested(window, self.policy(server), server.zone, self.now()));
        let deadline = windows
            .iter()
            .filter_map(|(server, window)| window.plan.map(|plan| answer_by(&plan, self.policy(server))))
            .min();
        if let Some(deadline) = deadline {
            let silence = self.silence_sentence(&windows);
            let deadline = self.for_reader(deadline, reader);
            let mut digest = self.digest((reader, reads), claimed, &windows, deadline, silence);
            self.look_back(tx, reads.own(reader), &mut digest.windows, &windows).await?;
            self.mail_digest(tx, reader, Notice::ApprovalRequest(digest), &windows, key).await?;
        }
        Ok(others)
    }

    /// Asks again about what still waits for a time or an answer, unless it was asked about a few days ago.
    async fn followup(
        &self,
        tx: &mut Tx,
        claimed: &Claimed,
        reader: &Person,
        others: &[(Server, Window)],
        (key, reads): (&str, As),
    ) -> Result<(), Failure> {
        let waiting: Vec<(Server, Window)> =
            others.iter().filter(|(_, window)| still_waits(window)).cloned().collect();
        let zone = reader.zone.unwrap_or(self.zone);
        if waiting.is_empty() || was_asked_lately(zone, self.now()) {
            return Ok(());
        }
        let first = waiting
            .iter()
            .filter_map(|(server, window)| window.plan.map(|plan| answer_by(&plan, self.policy(server))))
            .min();
        let deadline = self.for_reader(first.unwrap_or(self.now() + chrono::TimeDelta::days(7)), reader);
        let silence = self.silence_sentence(&waiting);
        let mut digest = self.digest((reader, reads), claimed, &waiting, deadline, silence);
        self.look_back(tx, reads.own(reader), &mut digest.windows, &waiting).await?;
        self.mail_digest(tx, reader, Notice::WeeklyFollowup(digest), &waiting, key).await
    }

    fn digest(
        &self,
        (reader, reads): (&Person, As),
        claimed: &Claimed,
        windows: &[(Server, Window)],
        deadline: String,
        silence: String,
    ) -> Digest {
        let lines = windows
            .iter()
            .zip(1..)
            .map(|((server, window), number)| self.window_line(number, server, window, reader.zone));
        let digest = Digest {
            reader: reader.name.clone(),
            quarter: claimed.quarter.to_string(),
            windows: lines.collect(),
            deadline,
            silence,
            moves: None,
            note: None,
            asked: Asked::YesOrNo,
        };
        if reads == As::Named {
            return Digest { note: Some(NAMED.to_owned()), ..digest };
        }
        let only_time = windows.iter().all(|(server, _)| self.is_approved_by_others(reader, server));
        Digest {
            silence: match self.others_approve(reader, windows) {
                Some(others) => format!("{others} {}", digest.silence),
                None => digest.silence,
            },
            moves: self.moves_sentence(windows),
            asked: if only_time { Asked::Time } else { Asked::Decision },
            ..digest
        }
    }

    /// How often these windows can still be moved by their owners, and until when.
    fn moves_sentence(&self, windows: &[(Server, Window)]) -> Option<String> {
        let movable = windows.iter().filter(|(_, window)| {
            matches!(
                window.state,
                WindowState::Unscheduled | WindowState::Proposed | WindowState::Approved(_)
            )
        });
        let each: Vec<(&str, MovesLeft)> =
            movable.map(|(server, window)| (server.name.as_str(), self.moves_left(server, window))).collect();
        moves_sentence(&each)
    }

    async fn mail_digest(
        &self,
        tx: &mut Tx,
        reader: &Person,
        notice: Notice,
        windows: &[(Server, Window)],
        key: &str,
    ) -> Result<(), Failure> {
        let numbered: Vec<(usize, &Window)> = (1..).zip(windows.iter().map(|(_, window)| window)).collect();
        let answerable = answerable(&numbered, self.now());
        let plain: Vec<Window> = windows.iter().map(|(_, window)| window.clone()).collect();
        self.ask_others_when_absent(tx, reader, &notice, &plain, key).await?;
        let letter = Letter { notice, answerable, window: None, key: key.to_owned(), in_reply_to: None };
        self.mail(tx, reader, letter).await
    }

    async fn reminder(&self, claimed: &Claimed, id: WindowId) -> Result<(), Failure> {
        let mut tx = self.store.begin().await?;
        let window = tx.window_by_id(id).await?;
        let server = tx.server_by_id(window.server).await?;
        let policy = self.policy(&server);
        let sentences = match (&window.state, policy.reboot) {
            (WindowState::Proposed, _) => vec![
                "It is not approved yet.".to_owned(),
                "Without an approval nothing is installed.".to_owned(),
            ],
            _ => vec![
                "Its updates are installed then, without any work of yours.".to_owned(),
                reboot_sentence(server.reboot.unwrap_or(policy.reboot)).to_owned(),
                "Five hours before I check whether it is ready, and tell you if it is not.".to_owned(),
            ],
        };
        let today = self.last_look(&mut tx, &server).await?;
        for reader in self.readers_of(&mut tx, &server).await? {
            let about = About { server: &server, window: &window, occasion: "reminder".to_owned() };
            let next = self.next_steps(&window, &server);
            let mut told = self.window_notice(&about, &reader, sentences.clone(), next);
            told.window.today.clone_from(&today);
            let notice = Notice::DailyReminder(told);
            self.mail_about(&mut tx, &about, &reader, notice).await?;
        }
        tx.settle(claimed, next_for_window(&window, policy, Some(claimed.due), self.now())).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn lock(&self, claimed: &Claimed, id: WindowId) -> Result<(), Failure> {
        let mut tx = self.store.begin().await?;
        let window = tx.window_by_id(id).await?;
        let server = tx.server_by_id(window.server).await?;
        let mut after = window.clone();
        if let Ok(locked) = window.clone().lock() {
            tx.update_window(&locked).await?;
            let sentence = format!("The schedule of {} is locked.", server.name);
            self.audit_clock(&mut tx, &server, What::Locked, sentence, Some(&window), Some(&locked)).await?;
            self.rewrite_cards(&mut tx, &locked).await?;
            after = locked;
        }
        self.remind_of_wish(&mut tx, &server, &after).await?;
        tx.settle(claimed, next_for_window(&after, self.policy(&server), Some(claimed.due), self.now()))
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Audits what patchbot did because a time had come.
    pub(crate) async fn audit_clock(
        &self,
        tx: &mut Tx,
        server: &Server,
        what: What,
        sentence: String,
        before: Option<&Window>,
        after: Option<&Window>,
    ) -> Result<(), Failure> {
        tx.append_audit(&AuditEvent {
            at: self.now(),
            actor: Actor::clock(),
            what,
            subject: server.name.clone(),
            sentence,
            words: None,
            before: before.map(window_json),
            after: after.map(window_json),
        })
        .await?;
        Ok(())
    }

    /// Puts an event off, because the host or a place to work is not free.
    ///
    /// # Errors
    /// `Stale` when the lease was taken over.
    pub async fn postpone(&self, claimed: &Claimed, seconds: i64) -> Result<(), Failure> {
        let mut tx = self.store.begin().await?;
        tx.postpone(claimed, self.now() + chrono::TimeDelta::seconds(seconds)).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Numbered lines stand by host group, and in it by time.
fn in_lines(windows: &mut [(Server, Window)]) {
    windows.sort_by_key(|(server, window)| {
        let group = server.host_group.clone().map_or((1, String::new()), |group| (0, group));
        (group, window.plan.map(|plan| plan.starts_at), server.name.clone())
    });
}

/// Whether the server will be rebooted, in a sentence.
pub(crate) fn reboot_sentence(rule: crate::domain::policy::RebootRule) -> &'static str {
    use crate::domain::policy::RebootRule;
    match rule {
        RebootRule::Always => "It is rebooted after that.",
        RebootRule::Needed => "It is rebooted after that if the updates need it.",
        RebootRule::Never => "It is not rebooted.",
    }
}
