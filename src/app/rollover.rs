//! The turn of a quarter: each step ends in one transaction that also remembers it, so that a turn goes on where it stopped,
//! whoever takes the next step, and no step is taken twice.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveTime;

use super::notices::{Letter, OpsNote};
use super::plan::first_notice;
use super::reports::{Stand, section};
use super::selection::owners;
use super::zones::told;
use super::{App, Failure};
use crate::domain::event::{Actor, AuditEvent, What};
use crate::domain::ids::{PersonId, ServerId, WindowId};
use crate::domain::look::Look;
use crate::domain::message::Tone;
use crate::domain::notice::{Notice, Report, Section, WindowLine, WordNotice};
use crate::domain::person::Person;
use crate::domain::quarter::Quarter;
use crate::domain::rollover::{
    End, Inventory, Step, Taken, Turn, closed_because, end_of, servers, some_names,
};
use crate::domain::server::Server;
use crate::domain::timeline::{Due, wall};
use crate::domain::window::{Window, WindowState};
use crate::domain::zone_check::ZoneVerdict;
use crate::store::Tx;
use crate::store::records::Subject;

/// The operators' channel shows so many lines; the mail has all of them.
const LINES_IN_CHAT: usize = 8;

/// So many windows are ended in one transaction.
const CLOSED_AT_ONCE: usize = 1000;

/// What came of a step: a sentence, and what a person should look at.
type Outcome = (String, Vec<String>);

/// An owner, and what is told about his servers.
type Theirs<'a> = (&'a Person, Vec<(&'a Server, &'a Window)>);

/// A file of the archive that is in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filed {
    /// Its path.
    pub path: String,
    /// The SHA-256 of what is in it.
    pub checksum: String,
}

/// What a step needs that is not in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outside {
    /// Nothing.
    Nothing,
    /// The archive is in its place.
    Filed(Vec<Filed>),
    /// This was looked at.
    Looked(Vec<Look>),
}

/// What became of the windows of a quarter that is over.
#[derive(Default)]
struct Closing {
    /// The servers that were not patched, by the reason.
    missed: BTreeMap<&'static str, Vec<String>>,
    /// What was left as it is, a sentence each.
    left: Vec<String>,
}

impl Closing {
    fn ended(&self) -> String {
        match self.missed.values().map(Vec::len).sum() {
            0 => "No window ended without a run".to_owned(),
            1 => "1 window ended without a run".to_owned(),
            many => format!("{many} windows ended without a run"),
        }
    }

    fn found(self) -> Vec<String> {
        let missed = self.missed.iter().map(|(why, names)| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let counted = servers(names.len(), "was not patched", "were not patched");
            format!("{counted}: {} ({why}).", some_names(&names))
        });
        missed.chain(self.left.iter().cloned()).collect()
    }
}

impl App {
    /// The turn that is due: of the quarter that ended last in the operators' zone, when there was anything in it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn turn_due(&self) -> Result<Option<Turn>, Failure> {
        let ended = self.quarters.before(self.quarters.current(self.now(), self.zone));
        let mut tx = self.store.read().await?;
        let turn = self.kept_turn(&mut tx, ended).await?;
        let is_new = turn.taken.is_empty();
        if turn.next().is_none() || (is_new && tx.count_windows(ended).await?.is_empty()) {
            return Ok(None);
        }
        Ok(Some(turn))
    }

    /// The turn of a quarter as far as it has come; nothing when it is not over in the operators' zone.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn turn_of(&self, ended: Quarter) -> Result<Option<Turn>, Failure> {
        let today = self.now().with_timezone(&self.zone).date_naive();
        if self.quarters.last_day(ended) >= today {
            return Ok(None);
        }
        Ok(Some(self.kept_turn(&mut self.store.read().await?, ended).await?))
    }

    async fn kept_turn(&self, tx: &mut Tx, ended: Quarter) -> Result<Turn, Failure> {
        let key = Turn::key(ended);
        match tx.get_configuration(&key).await? {
            Some(value) => {
                serde_json::from_value(value).map_err(|error| Failure::Bug(format!("{key}: {error}")))
            }
            None => Ok(Turn::new(ended, self.quarters.current(self.now(), self.zone))),
        }
    }

    /// Takes the next step of a turn, with what it needs from outside; a step that somebody else has taken meanwhile is
    /// not taken again. The turn after it.
    ///
    /// # Errors
    /// `Stale` when a window was changed meanwhile: the step is then to be taken again.
    pub async fn turn_step(
        &self,
        turn: &Turn,
        step: Step,
        outside: Outside,
        actor: &Actor,
    ) -> Result<Turn, Failure> {
        if step == Step::Closed {
            while self.close_some(turn).await? > 0 {}
        }
        let mut tx = self.store.begin().await?;
        let mut turn = self.kept_turn(&mut tx, turn.ended).await?;
        if turn.next() != Some(step) {
            return Ok(turn);
        }
        let (sentence, found) = match (step, outside) {
            (Step::Closed, _) => self.sum_up(&mut tx, &turn).await?,
            (Step::Opened, _) => self.open_windows(&mut tx, &turn).await?,
            (Step::Inventory, _) => self.verify_inventory(&mut tx, &turn).await?,
            (Step::Archived, Outside::Filed(files)) => archived(&files),
            (Step::Templates | Step::Health, Outside::Looked(looks)) => looked(&looks),
            (Step::Reported, _) => self.report_turn(&mut tx, &turn).await?,
            (step, outside) => {
                return Err(Failure::Bug(format!("the step {} cannot do with {outside:?}", step.as_str())));
            }
        };
        turn.taken.push(Taken { step, at: self.now(), sentence, found });
        let kept = serde_json::to_value(&turn).map_err(|error| Failure::Bug(format!("the turn: {error}")))?;
        tx.put_configuration(&Turn::key(turn.ended), &kept, self.now()).await?;
        if let Some(taken) = turn.of(step) {
            let found = taken.found.iter().map(|line| format!(" {line}")).collect::<String>();
            let sentence = format!("{}: {}{found}", step.as_str(), taken.sentence);
            let subject = turn.ended.to_string();
            tx.append_audit(&AuditEvent::new(
                self.now(),
                actor.clone(),
                What::QuarterTurned,
                subject,
                sentence,
            ))
            .await?;
        }
        tx.commit().await?;
        Ok(turn)
    }

    /// Windows that never ran get their end, some of them in one transaction, so that nobody waits long for the database;
    /// how many.
    async fn close_some(&self, turn: &Turn) -> Result<usize, Failure> {
        let mut tx = self.store.begin().await?;
        let turn = self.kept_turn(&mut tx, turn.ended).await?;
        if turn.next() != Some(Step::Closed) {
            return Ok(0);
        }
        let all = servers_by_id(&mut tx).await?;
        let mut closed = 0_usize;
        for window in tx.windows_of_quarter(turn.ended).await? {
            let Some(server) = all.get(&window.server).filter(|_| closed < CLOSED_AT_ONCE) else { continue };
            if let End::Missed(why) = end_of(&window, self.policy(server).start_grace, self.now()) {
                self.close_window(&mut tx, server, &window, why).await?;
                closed = closed.saturating_add(1);
            }
        }
        tx.commit().await?;
        Ok(closed)
    }

    /// Sums up how the quarter ended, and writes each owner one mail about all of his that never ran.
    async fn sum_up(&self, tx: &mut Tx, turn: &Turn) -> Result<Outcome, Failure> {
        let all = servers_by_id(tx).await?;
        let owners = owners(tx).await?;
        let windows = tx.windows_of_quarter(turn.ended).await?;
        let wishes: BTreeSet<WindowId> = tx.wishes().await?.into_iter().map(|wish| wish.window).collect();
        let mut closing = Closing::default();
        let mut told: BTreeMap<PersonId, Theirs<'_>> = BTreeMap::new();
        for window in &windows {
            let Some(server) = all.get(&window.server) else { continue };
            if wishes.contains(&window.id) && self.lapse_wish(tx, server, window).await? {
                closing.left.push(format!(
                    "{}: nobody answered the wish to put it off beyond the quarter.",
                    server.name
                ));
            }
            if let End::Left(why) = end_of(window, self.policy(server).start_grace, self.now()) {
                closing.left.push(format!("{} {why}.", server.name));
            }
            let Some(why) = closed_because(window) else { continue };
            closing.missed.entry(why).or_default().push(server.name.clone());
            for (_, reader) in owners.get(&server.id).into_iter().flatten() {
                told.entry(reader.id).or_insert_with(|| (reader, Vec::new())).1.push((server, window));
            }
        }
        for (reader, about) in told.into_values() {
            self.mail_missed(tx, turn, reader, &about).await?;
        }
        let patched = windows.iter().filter(|window| window.state == WindowState::Completed).count();
        let of = servers(windows.len(), "was", "were");
        let sentence = format!("{}; {patched} of {of} patched in {}.", closing.ended(), turn.ended);
        Ok((sentence, closing.found()))
    }

    async fn close_window(
        &self,
        tx: &mut Tx,
        server: &Server,
        window: &Window,
        why: &str,
    ) -> Result<(), Failure> {
        let after = window.clone().miss(why).map_err(|error| Failure::Bug(error.to_string()))?;
        tx.update_window(&after).await?;
        tx.put_due(Subject::Window(window.id), window.quarter, None).await?;
        let sentence = format!("{} was not patched in {}: {why}.", server.name, window.quarter);
        self.audit_clock(tx, server, What::Missed, sentence, Some(window), Some(&after)).await?;
        self.rewrite_cards(tx, &after).await
    }

    async fn mail_missed(
        &self,
        tx: &mut Tx,
        turn: &Turn,
        reader: &Person,
        about: &[(&Server, &Window)],
    ) -> Result<(), Failure> {
        let Some((first, _)) = about.first() else { return Ok(()) };
        let lines: Vec<WindowLine> = (1..)
            .zip(about)
            .map(|(number, (server, window))| self.window_line(number, server, window, reader.zone))
            .collect();
        let headline = match about.len() {
            1 => format!("{} was not patched in this quarter, which is over", first.name),
            many => format!("{many} servers were not patched in this quarter, which is over"),
        };
        let notice = Notice::Word(WordNotice {
            reader: reader.name.clone(),
            headline,
            sentences: vec![
                "The quarter is over. What stands here never had its turn, and nothing on it was changed."
                    .to_owned(),
                format!("In {} it is planned again, and you are asked about the time as always.", turn.begins),
            ],
            windows: lines,
            next: vec![
                "If something must not wait for that, write to the operators: they can patch a server at once."
                    .to_owned(),
            ],
        });
        let key = format!("closed/{}", turn.ended);
        self.mail(tx, reader, Letter { notice, answerable: None, window: None, key, in_reply_to: None }).await
    }

    /// Every active server gets a window in the new quarter, and its owners are written to on its first day.
    async fn open_windows(&self, tx: &mut Tx, turn: &Turn) -> Result<Outcome, Failure> {
        let quarter = turn.begins;
        let present = tx.windows_of_quarter(quarter).await?;
        let has_one: BTreeSet<ServerId> = present.iter().map(|window| window.server).collect();
        let owners = owners(tx).await?;
        let excused = self.excused(tx, quarter).await?;
        let mut new = Vec::new();
        let mut readers: BTreeMap<PersonId, Option<chrono_tz::Tz>> = BTreeMap::new();
        for server in tx.all_servers().await?.into_iter().filter(|server| server.active) {
            if has_one.contains(&server.id) || excused.contains_key(&server.id) {
                continue;
            }
            new.push(Window::unscheduled(self.window_id(), server.id, quarter));
            let of_it = owners.get(&server.id).into_iter().flatten();
            readers.extend(of_it.map(|(_, person)| (person.id, person.zone)));
        }
        tx.insert_windows(&new).await?;
        let mut due: Vec<(Subject, Option<Due>)> = Vec::new();
        for (person, zone) in readers {
            let subject = Subject::Owner(person);
            // Who waits for a notice of this quarter already gets that one.
            if tx.waiting(subject, quarter).await?.is_none() {
                let first = first_notice(&self.quarters, quarter, zone.unwrap_or(self.zone), self.now());
                due.push((subject, Some(first)));
            }
        }
        tx.put_many_due(quarter, &due).await?;
        let timeless = present.iter().filter(|window| window.state == WindowState::Unscheduled).count();
        let timeless = timeless.saturating_add(new.len());
        let all = present.len().saturating_add(new.len());
        let sentence = format!(
            "{} a window in {}; {} new.",
            servers(all, "has", "have"),
            self.quarters.describe(quarter),
            if new.len() == 1 { "1 of them is".to_owned() } else { format!("{} of them are", new.len()) }
        );
        let put_off = match excused.len() {
            0 => String::new(),
            many => format!(" {} put off into it, and planned when that ends.", servers(many, "is", "are")),
        };
        let sentence = format!("{sentence}{put_off}");
        let first = self.quarters.first_day(quarter).format("%a %-d %b %Y");
        let found = (timeless > 0).then(|| {
            format!(
                "{} no time yet: \"patchbot plan {quarter}\" proposes one for each. The owners' notices go out on {first}, 09:00 in their zones, or at once when that is past.",
                servers(timeless, "has", "have")
            )
        });
        Ok((sentence, found.into_iter().collect()))
    }

    async fn verify_inventory(&self, tx: &mut Tx, turn: &Turn) -> Result<Outcome, Failure> {
        let all = tx.all_servers().await?;
        let active: Vec<&Server> = all.iter().filter(|server| server.active).collect();
        let began = wall(self.quarters.first_day(turn.ended), NaiveTime::MIN, self.zone);
        let mut seen: BTreeSet<ServerId> = tx.seen_since(began).await?.into_iter().collect();
        let mut zones: BTreeMap<ServerId, Vec<String>> = BTreeMap::new();
        let names: BTreeMap<ServerId, &Server> = active.iter().map(|server| (server.id, *server)).collect();
        for row in tx.all_zone_checks().await? {
            if row.checked_at >= began && row.check.verdict != ZoneVerdict::Unknown {
                seen.insert(row.server);
            }
            // What was told against another declared zone says nothing about this one.
            if let Some(server) = names.get(&row.server).filter(|server| server.zone == row.declared) {
                let wrong = told(&server.name, &row.check).into_iter().map(|line| format!("{line}."));
                zones.insert(row.server, wrong.collect());
            }
        }
        let owned = owners(tx)
            .await?
            .into_iter()
            .filter(|(_, owners)| owners.iter().any(|(_, person)| person.mail.is_some()))
            .map(|(server, _)| server)
            .collect();
        let inventory = Inventory { servers: &active, owned: &owned, seen: &seen, zones: &zones };
        let doubts = inventory.doubts();
        let sentence = if doubts.is_empty() {
            format!("{}; nothing about them is doubtful.", servers(active.len(), "is in it", "are in it"))
        } else {
            format!("{}.", servers(active.len(), "is in it", "are in it"))
        };
        Ok((sentence, doubts))
    }

    /// The operators are told the whole turn, by mail and in their channel.
    async fn report_turn(&self, tx: &mut Tx, turn: &Turn) -> Result<Outcome, Failure> {
        let stand =
            Stand { servers: servers_by_id(tx).await?, windows: tx.windows_of_quarter(turn.ended).await? };
        let tallies = stand.tallies();
        let (patched, all) = tallies.first().map_or((0, 0), |all| (all.patched, all.all));
        let summary = format!("{patched} of {all} servers were patched.");
        let sections: Vec<Section> = turn
            .taken
            .iter()
            .map(|taken| {
                let lines = std::iter::once(&taken.sentence).chain(&taken.found).cloned().collect();
                section(taken.step.title(), !taken.found.is_empty(), lines)
            })
            .collect();
        let day = |day: chrono::NaiveDate| day.format("%-d %b %Y").to_string();
        let readers = self.operators(tx).await?;
        for reader in &readers {
            let notice = Notice::QuarterReport(Report {
                reader: reader.name.clone(),
                quarter: turn.ended.to_string(),
                span: format!(
                    "{} to {}",
                    day(self.quarters.first_day(turn.ended)),
                    day(self.quarters.last_day(turn.ended))
                ),
                summary: summary.clone(),
                tallies: tallies.clone(),
                sections: sections.clone(),
            });
            let key = turn.ended.to_string();
            self.mail(tx, reader, Letter { notice, answerable: None, window: None, key, in_reply_to: None })
                .await?;
        }
        let mut lines: Vec<String> = turn.found().map(str::to_owned).collect();
        let more = lines.len().saturating_sub(LINES_IN_CHAT);
        lines.truncate(LINES_IN_CHAT);
        if more > 0 {
            lines.push(format!("… and {more} more: patchbot rollover {}", turn.ended));
        }
        let note = OpsNote {
            // Who has no chat gets the mail, and no second one about the same.
            tone: Tone::Info,
            headline: format!("{} is over: {summary} {} has begun.", turn.ended, turn.begins),
            lines,
            key: format!("rollover/{}", turn.ended),
            about: None,
            offers: Vec::new(),
        };
        self.tell_ops(tx, note).await?;
        let names: Vec<&str> = readers.iter().map(|reader| reader.name.as_str()).collect();
        let told = if names.is_empty() { "nobody by mail".to_owned() } else { some_names(&names) };
        let found = names
            .is_empty()
            .then(|| "There is no operator to write to: name operators in [operations].".to_owned());
        Ok((format!("Told: {told}."), found.into_iter().collect()))
    }

    /// Tells the operators once that a step cannot be taken; it is tried again.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tell_stuck(&self, turn: &Turn, step: Step, why: &str) -> Result<(), Failure> {
        let mut tx = self.store.begin().await?;
        let headline = format!("The turn of {} is stuck at the step \"{}\"", turn.ended, step.as_str());
        let lines = vec![
            format!("{}.", why.trim_end_matches('.')),
            format!(
                "It is tried again every ten minutes; at once with \"patchbot rollover {}\".",
                turn.ended
            ),
        ];
        let key = format!("rollover/{}/stuck/{}", turn.ended, step.as_str());
        self.alert(&mut tx, Tone::Bad, headline, lines, &key).await?;
        tx.commit().await?;
        Ok(())
    }
}

async fn servers_by_id(tx: &mut Tx) -> Result<BTreeMap<ServerId, Server>, Failure> {
    Ok(tx.all_servers().await?.into_iter().map(|server| (server.id, server)).collect())
}

fn archived(files: &[Filed]) -> Outcome {
    let all = files.iter().map(|file| format!("{} (SHA-256 {})", file.path, file.checksum));
    (format!("It is kept in {}.", all.collect::<Vec<_>>().join(" and ")), Vec::new())
}

fn looked(looks: &[Look]) -> Outcome {
    let fine = looks.iter().filter(|look| look.fine).count();
    let sentence = match (looks, fine) {
        ([only], 1) => format!("{}.", capital(only.sentence.trim_end_matches('.'))),
        (_, fine) if fine == looks.len() => format!("All {fine} things that were looked at are fine."),
        (_, fine) => format!("{fine} of {} things that were looked at are fine.", looks.len()),
    };
    (sentence, looks.iter().filter(|look| !look.fine).map(Look::line).collect())
}

fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
