//! A reply to a notice mail: from the token to the decision to the transcript, in one transaction.
//!
//! [`App::judge`] takes a reply through all stages inside a transaction and says what comes of it. Committed, it was
//! done; dropped, it was a rehearsal: the two cannot differ.

mod calendar;
mod transcript;

use std::collections::HashSet;

use chrono::TimeDelta;
use patchbot_commands::{AskBack, Command, Effect, NotUnderstood, Target};

use super::decide::Done;
use super::handle::Said;
use super::{App, Failure, Stop};
use crate::domain::answer::{Answer, Channel, Verdict};
use crate::domain::event::{Actor, AuditEvent, What};
use crate::domain::ids::{InboxId, NoticeId, WindowId};
use crate::domain::inbound::{CalendarWord, Limits, Outcome, Stage};
use crate::domain::message::Tone;
use crate::domain::moves::a_week_later;
use crate::domain::notice::EntryAct;
use crate::domain::person::{Address, Person};
use crate::domain::refusal::Refusal;
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
    /// Whether the sender's proof covers what leads to the notice, so that nobody on the way can have added it.
    pub notice_proven: bool,
    /// The words that were typed, without quotes and signature.
    pub text: String,
    /// The lines of signatures and footers that were cut off.
    pub set_aside: Vec<String>,
    /// What they mean.
    pub commands: Result<Vec<Command>, NotUnderstood>,
    /// Whether they say nothing but that what was asked is meant.
    pub confirms: bool,
    /// What its sender's calendar says.
    pub calendar: Option<CalendarWord>,
    /// Why the text must not be acted on although it may parse; a full sentence.
    pub doubt: Option<String>,
    /// What the same mail is known again by, however it comes a second time.
    pub fingerprint: Option<String>,
    /// SHA-256 of the raw mail, in hex.
    pub hash: String,
}

/// A mail that is not acted on and not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unheeded {
    /// `Ignored` for machines' mail, `Rejected` for what could be a forgery, `Quarantined` for what cannot be read.
    pub outcome: Outcome,
    /// The stage that it did not pass.
    pub stage: Stage,
    /// Why, in a sentence.
    pub reason: String,
    /// The address in From, when there is one.
    pub sender: Option<String>,
    /// The person, when it is proven to be a known one.
    pub person: Option<Person>,
}

/// What comes of a reply.
#[derive(Debug)]
pub struct Judged {
    /// How it ends.
    pub outcome: Outcome,
    /// At which stage.
    pub stage: Stage,
    /// Why, in sentences.
    pub reason: String,
    /// The commands it says, in their exact words.
    pub commands: Vec<String>,
    /// The servers they are about.
    pub servers: Vec<String>,
    /// The stages it passed, each with what was found there.
    pub passed: Vec<(Stage, String)>,
    person: Option<Person>,
    /// What its writer is answered; nobody is answered without.
    spoken: Option<Spoken>,
}

/// What a reply is answered.
#[derive(Debug)]
struct Spoken {
    answer: Answer,
    /// The windows that the answer shows, by their line in the notice that was answered.
    windows: Vec<(u16, WindowId)>,
    /// What is to be confirmed.
    confirms: Vec<String>,
    /// What changes in the writer's calendar.
    entries: Vec<(WindowId, EntryAct)>,
}

impl Judged {
    fn unanswered(outcome: Outcome, stage: Stage, reason: impl Into<String>) -> Self {
        Self {
            outcome,
            stage,
            reason: reason.into(),
            commands: Vec::new(),
            servers: Vec::new(),
            passed: Vec::new(),
            person: None,
            spoken: None,
        }
    }

    fn spoken(stage: Stage, spoken: Spoken) -> Self {
        let outcome = match spoken.answer.verdict {
            Verdict::Done | Verdict::Partly => Outcome::Accepted,
            Verdict::Confirm => Outcome::Confirm,
            Verdict::NotUnderstood => Outcome::Clarify,
            Verdict::Refused | Verdict::Broken => Outcome::Rejected,
        };
        let reason = spoken.answer.lines.join(" ");
        Self { spoken: Some(spoken), ..Self::unanswered(outcome, stage, reason) }
    }
}

impl Spoken {
    fn of(answer: Answer, token: Option<&ReplyToken>) -> Self {
        let shown = token.map(|token| token.windows.as_slice()).unwrap_or_default();
        let windows = shown.iter().map(|shown| (shown.line, shown.window)).collect();
        Self { answer, windows, confirms: Vec::new(), entries: Vec::new() }
    }
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

    pub(crate) async fn close_unheeded(
        &self,
        tx: &mut Tx,
        mail: &InboxMail,
        unheeded: &Unheeded,
    ) -> Result<(), Failure> {
        let outcome = MailOutcome {
            outcome: unheeded.outcome,
            stage: unheeded.stage,
            reason: unheeded.reason.clone(),
            sender: unheeded.sender.clone(),
            person: unheeded.person.as_ref().map(|person| person.id),
        };
        tx.close_mail(mail.id, &mail.lease, &outcome, self.now()).await?;
        tx.append_audit(&AuditEvent {
            at: self.now(),
            actor: Actor {
                person: unheeded.person.as_ref().map(|person| person.id),
                name: unheeded.sender.clone().unwrap_or_else(|| "an unknown sender".to_owned()),
                channel: Channel::Mail,
                input: Some(format!("sha256 {}", mail.hash)),
            },
            what: What::MailIgnored,
            subject: "mail".to_owned(),
            sentence: unheeded.reason.clone(),
            words: None,
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
    pub async fn handle_reply(
        &self,
        mail: &InboxMail,
        reply: &Reply,
        limits: &Limits,
    ) -> Result<Outcome, Failure> {
        for _ in 0..3 {
            match self.try_reply(mail, reply, limits).await {
                Err(Failure::Store(StoreError::Stale("the window" | "the reply token"))) => {}
                other => return other,
            }
        }
        Err(Failure::Store(StoreError::Stale("the window")))
    }

    async fn try_reply(&self, mail: &InboxMail, reply: &Reply, limits: &Limits) -> Result<Outcome, Failure> {
        let mut tx = self.store.begin().await?;
        let judged = self.judge(&mut tx, mail.id, reply, limits).await?;
        let outcome = judged.outcome;
        let came_before = judged.stage == Stage::Replay;
        if let Some(fingerprint) =
            reply.fingerprint.as_ref().filter(|_| judged.person.is_some() && !came_before)
        {
            tx.recognise_mail(mail.id, fingerprint).await?;
        }
        if let Some(person) = &judged.person {
            self.heard_from(&mut tx, person, came_before).await?;
        }
        let Judged { stage, reason, person, spoken, .. } = judged;
        let sender = Some(reply.from.to_string());
        match (spoken, person) {
            (Some(spoken), Some(person)) => {
                self.mail_transcript(&mut tx, mail, reply, &person, spoken).await?;
                let closed = MailOutcome { outcome, stage, reason, sender, person: Some(person.id) };
                tx.close_mail(mail.id, &mail.lease, &closed, self.now()).await?;
            }
            (_, person) => {
                let unheeded = Unheeded { outcome, stage, reason, sender, person };
                self.close_unheeded(&mut tx, mail, &unheeded).await?;
                self.watch(&mut tx, stage, outcome, reply, limits).await?;
            }
        }
        tx.commit().await?;
        Ok(outcome)
    }

    /// Takes a reply through the stages behind the sender's proof, inside a transaction: what it decides is written
    /// there, and is done when the caller commits.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn judge(
        &self,
        tx: &mut Tx,
        mail: InboxId,
        reply: &Reply,
        limits: &Limits,
    ) -> Result<Judged, Failure> {
        let token = self.token_of(tx, reply).await?;
        let person = match self.writer(tx, reply, token.as_ref()).await? {
            Ok(person) => person,
            Err(reason) => return Ok(Judged::unanswered(Outcome::Rejected, Stage::Token, reason)),
        };
        let mut passed = vec![(Stage::Token, token_sentence(reply, token.as_ref(), &person))];
        if let Some(fingerprint) = &reply.fingerprint
            && tx.came_before(mail, fingerprint).await?
        {
            let reason = "The same mail came before; it is neither acted on nor answered again.";
            let judged = Judged::unanswered(Outcome::Ignored, Stage::Replay, reason);
            return Ok(Judged { person: Some(person), passed, ..judged });
        }
        passed.push((Stage::Replay, "It did not come before.".to_owned()));
        let since = self.now() - TimeDelta::hours(1);
        let written = tx.mails_of_person_since(person.id, since).await?;
        if written >= limits.per_person {
            let reason = format!(
                "{} wrote more than {} mails in an hour; this one is kept and not read.",
                person.name, limits.per_person
            );
            let judged = Judged::unanswered(Outcome::Quarantined, Stage::Limit, reason);
            return Ok(Judged { person: Some(person), passed, ..judged });
        }
        passed.push((Stage::Limit, format!("{written} mails of {} in the last hour.", person.name)));
        let mut judged = self.read_words(tx, mail, reply, &person, token.as_ref()).await?;
        for (stage, found) in [
            (Stage::Text, format!("{:?}", reply.text.trim_end())),
            (Stage::Words, judged.commands.join("; ")),
        ] {
            if stage < judged.stage {
                passed.push((stage, found));
            }
        }
        judged.person = Some(person);
        judged.passed = passed;
        Ok(judged)
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

    async fn read_words(
        &self,
        tx: &mut Tx,
        mail: InboxId,
        reply: &Reply,
        person: &Person,
        token: Option<&ReplyToken>,
    ) -> Result<Judged, Failure> {
        if let Some(word) = &reply.calendar {
            return self.calendar_word(tx, person, word).await;
        }
        let Some(token) = token else {
            return Ok(Judged::spoken(Stage::Token, Spoken::of(no_token(reply), None)));
        };
        let says = |stage, answer| Ok(Judged::spoken(stage, Spoken::of(answer, Some(token))));
        if token.expires_at <= self.now() {
            return says(Stage::Token, Refusal::TokenExpired.answer());
        }
        if let Some(doubt) = &reply.doubt {
            // Words that are not understood are the better thing to tell.
            let answer = match &reply.commands {
                Err(not_understood) if !reply.confirms => self.asked_back(not_understood),
                _ => Answer::new(Verdict::NotUnderstood, doubt.clone())
                    .then("Please answer again, with your words alone above everything else."),
            };
            return says(Stage::Text, answer);
        }
        let meant = confirmed(reply, token);
        // Once the question is answered, a later no is about what was done.
        let waits = !token.confirms.is_empty() && token.used_at.is_none();
        let (commands, confirmed) = match (&meant, &reply.commands) {
            (Some(commands), _) => (commands.as_slice(), true),
            (None, Ok(commands)) if waits && commands.iter().any(names_nothing) => {
                let server = match token.windows.first() {
                    Some(shown) => {
                        let window = tx.window_by_id(shown.window).await?;
                        tx.server_by_id(window.server).await?.name
                    }
                    None => "web01".to_owned(),
                };
                return Ok(not_confirmed(reply, token, commands, &server));
            }
            (None, Ok(commands)) => (commands.as_slice(), false),
            (None, Err(_)) if reply.confirms => return says(Stage::Words, nothing_to_confirm()),
            (None, Err(not_understood)) => return says(Stage::Words, self.asked_back(not_understood)),
        };
        // What somebody changes about himself is no decision about a window, and uses no notice up.
        let decides = commands.iter().any(|command| command.spec().effect == Effect::Decide);
        let exact: Vec<String> = commands.iter().map(ToString::to_string).collect();
        if decides && token.used_at.is_some() {
            let judged = Judged::spoken(Stage::Token, Spoken::of(Refusal::TokenUsed.answer(), Some(token)));
            return Ok(Judged { commands: exact, ..judged });
        }
        if decides && let Some(server) = named_aside(tx, reply, token).await? {
            let answer = Answer::new(
                Verdict::NotUnderstood,
                format!(
                    "{server} is named below your signature, and I cannot be sure what that says. So nothing was decided."
                ),
            );
            let again = "Please answer again, with your words alone above everything else.";
            return says(Stage::Text, answer.then(again));
        }
        if self.contradict(tx, (person, token), commands).await? {
            let whole = NotUnderstood { line: String::new(), why: AskBack::Contradiction };
            return says(Stage::Words, self.asked_back(&whole));
        }
        let changes = commands.iter().any(|command| command.spec().effect != Effect::Read);
        if changes && !reply.notice_proven {
            let spoken = self.ask_which_notice(tx, reply, (person, token), commands).await?;
            return Ok(Judged { commands: exact, ..Judged::spoken(Stage::Decision, spoken) });
        }
        let (spoken, servers) = self.answer_all(tx, reply, (person, token), commands, confirmed).await?;
        if decides && matches!(spoken.answer.verdict, Verdict::Done | Verdict::Partly) {
            tx.use_tokens_of(token.notification, mail, self.now()).await?;
        }
        Ok(Judged { commands: exact, servers, ..Judged::spoken(Stage::Decision, spoken) })
    }

    /// Asks back where somebody on the way may have led an honest mail to this notice.
    async fn ask_which_notice(
        &self,
        tx: &mut Tx,
        reply: &Reply,
        (person, token): (&Person, &ReplyToken),
        commands: &[Command],
    ) -> Result<Spoken, Failure> {
        let why = "I cannot be sure to which notice you answered.".to_owned();
        // A day in words may be another one when it is confirmed.
        if commands.iter().any(|command| matches!(command, Command::Reschedule(it) if !it.when.is_exact())) {
            let answer = Answer::new(Verdict::NotUnderstood, format!("{why} So nothing was decided."))
                .then("If it was this one, answer this mail with the same words.");
            return Ok(Spoken::of(answer, Some(token)));
        }
        let confirms: Vec<String> = commands.iter().map(ToString::to_string).collect();
        let refusal = Refusal::Confirm { why, commands: confirms.clone() };
        let actor = Actor {
            person: Some(person.id),
            name: person.name.clone(),
            channel: Channel::Mail,
            input: Some(format!("sha256 {}", reply.hash)),
        };
        self.audit_refusal(tx, actor, &person.name, &refusal, &confirms.join("; ")).await?;
        let answer = refusal.answer();
        Ok(Spoken { confirms, ..Spoken::of(answer, Some(token)) })
    }

    /// Whether two commands of a reply decide otherwise about the same window: words alone do not show that a line's number
    /// and a name, or a short name and a full one, are the same server.
    async fn contradict(
        &self,
        tx: &mut Tx,
        (person, token): (&Person, &ReplyToken),
        commands: &[Command],
    ) -> Result<bool, Failure> {
        if commands.len() < 2 {
            return Ok(false);
        }
        let mut decided: Vec<(WindowId, Command)> = Vec::new();
        for command in commands {
            let Some((target, _)) = command.decided_about() else { continue };
            let aims = match self.aims(tx, person, command.spec().effect, target, &token.windows).await {
                Ok(aims) => aims,
                Err(Stop::Failed(failure)) => return Err(failure),
                // It will be refused in its turn, and then decides about nothing.
                Err(Stop::Refused(_)) => continue,
            };
            let act = without_target(command);
            let before = decided.len();
            for aim in aims {
                let window = aim.window.id;
                if decided.iter().take(before).any(|(other, said)| *other == window && *said != act) {
                    return Ok(true);
                }
                decided.push((window, act.clone()));
            }
        }
        Ok(false)
    }

    /// Answers each command of a reply. A refused command changed nothing, so the others stand. The other owners are
    /// told of everything at once.
    async fn answer_all(
        &self,
        tx: &mut Tx,
        reply: &Reply,
        (person, token): (&Person, &ReplyToken),
        commands: &[Command],
        confirmed: bool,
    ) -> Result<(Spoken, Vec<String>), Failure> {
        let mut answers = Vec::with_capacity(commands.len());
        let mut all: Vec<Done> = Vec::new();
        let mut named: Vec<String> = Vec::new();
        let mut pending: (Vec<String>, Vec<WindowId>) = Default::default();
        let said = |command: &Command| Said {
            person,
            channel: Channel::Mail,
            words: command.to_string(),
            shown: &token.windows,
            request: None,
            input: Some(format!("sha256 {}", reply.hash)),
            confirmed,
        };
        for command in commands {
            let said = said(command);
            let answered = if command.spec().effect == Effect::Decide {
                self.deal(tx, &said, command).await.map(|dealt| {
                    all.extend(dealt.done);
                    named.extend(dealt.servers);
                    let (commands, windows) = dealt.pending.unwrap_or_default();
                    pending.0.extend(commands);
                    pending.1.extend(windows);
                    dealt.answer
                })
            } else {
                self.answer(tx, &said, command).await
            };
            match answered {
                Ok(answer) => answers.push(answer),
                Err(Stop::Failed(failure)) => return Err(failure),
                Err(Stop::Refused(refusal)) => {
                    self.audit_refusal(tx, said.actor(), &person.name, &refusal, &said.words).await?;
                    answers.push(refusal.answer());
                }
            }
        }
        if let Some(first) = commands.first() {
            self.tell_decisions(tx, &said(first), &all).await?;
        }
        let mut spoken = Spoken::of(joined(answers), Some(token));
        let (confirms, about) = pending;
        if !confirms.is_empty() {
            // A bare "approve" to the question must not reach further than the question.
            spoken.windows.retain(|(_, window)| about.contains(window));
        }
        spoken.confirms = confirms;
        spoken.entries = all.iter().map(|done| (done.change.window.id, calendar::act_of(done))).collect();
        Ok((spoken, named))
    }

    /// Tells the operators when somebody guesses tokens, or writes more than anybody does.
    pub(crate) async fn watch(
        &self,
        tx: &mut Tx,
        stage: Stage,
        outcome: Outcome,
        reply: &Reply,
        limits: &Limits,
    ) -> Result<(), Failure> {
        let hour = self.now().format("%Y-%m-%d %H");
        if stage == Stage::Limit {
            let headline = format!("{} writes more than {} mails an hour.", reply.from, limits.per_person);
            let next = vec!["The rest is kept and not read: see \"patchbot inbox\".".to_owned()];
            return self.alert(tx, Tone::Bad, headline, next, &format!("flood/{}/{hour}", reply.from)).await;
        }
        if (stage, outcome) == (Stage::Token, Outcome::Rejected) && reply.token.is_some() {
            self.watch_guesses(tx, limits).await?;
        }
        Ok(())
    }

    /// Tells the operators that more mail is answered than people write; the rest waits.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tell_flood(&self, tx: &mut Tx, per_hour: u32) -> Result<(), Failure> {
        let headline = format!("More than {per_hour} mails were answered in an hour; the others wait.");
        let next = vec!["Look at who writes so much: \"patchbot inbox\". Nothing is lost.".to_owned()];
        self.alert(tx, Tone::Bad, headline, next, &format!("flood/{}", self.now().format("%Y-%m-%d %H")))
            .await
    }

    fn asked_back(&self, why: &NotUnderstood) -> Answer {
        let time = a_week_later(None, self.now(), self.zone);
        Answer::new(Verdict::NotUnderstood, why.to_string())
            .then("To approve, reply \"approve\"; for some of the servers \"approve\" and their names or numbers.")
            .then(format!("For another time, reply \"move\", the server, \"to\" and the time, as \"move web01 to {time}\"."))
            .then("To say no, reply \"decline\". To see where they stand, reply \"status\".")
    }

    /// Counts the mails with tokens that are not their sender's, and tells when there are many.
    pub(crate) async fn watch_guesses(&self, tx: &mut Tx, limits: &Limits) -> Result<(), Failure> {
        let since = self.now() - TimeDelta::hours(1);
        let guesses = tx.mails_ended_since(Stage::Token, Outcome::Rejected, since).await?;
        if guesses < limits.guesses {
            return Ok(());
        }
        let headline = format!("{guesses} mails in an hour had a reply token that was not their sender's.");
        let next = vec![
            "Somebody may be guessing or passing notices on; nothing was done: see \"patchbot inbox\"."
                .to_owned(),
        ];
        let key = format!("guesses/{}", self.now().format("%Y-%m-%d %H"));
        self.alert(tx, Tone::Bad, headline, next, &key).await
    }
}

/// The commands that a reply confirms, when it answers a question and says yes to it.
fn confirmed(reply: &Reply, token: &ReplyToken) -> Option<Vec<Command>> {
    if token.confirms.is_empty() {
        return None;
    }
    let meant = patchbot_commands::parse_reply(&token.confirms.join("\n")).ok()?;
    if reply.confirms {
        return Some(meant);
    }
    let said = reply.commands.as_ref().ok()?;
    let same = *said == meant;
    // "approve" to a question about nothing but approving: the question shows no other windows.
    let plainly = matches!(
        said.as_slice(),
        [Command::Approve(said)] if said.target == Target::These && said.reason.is_none()
    ) && meant.iter().all(|command| matches!(command, Command::Approve(_)));
    (same || plainly).then_some(meant)
}

/// The server of a notice that is named in what was cut off as signature or footer, where it may be an afterthought:
/// "PS oracle has to wait". Ways to reach somebody and legal notices speak of mail and the web as well.
async fn named_aside(tx: &mut Tx, reply: &Reply, token: &ReplyToken) -> Result<Option<String>, Failure> {
    const LONGEST: usize = 80;
    const SAID_ANYWHERE: [&str; 4] = ["mail", "email", "web", "www"];
    let reaches =
        |line: &str| line.contains(['@', ':']) || line.matches(|c: char| c.is_ascii_digit()).count() >= 5;
    let lines = reply.set_aside.iter().filter(|line| line.len() <= LONGEST && !reaches(line));
    let said: HashSet<String> = lines
        .flat_map(|line| line.split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))))
        .map(|word| word.trim_matches(['.', '-']).to_lowercase())
        .filter(|word| !SAID_ANYWHERE.contains(&word.as_str()))
        .collect();
    if said.is_empty() {
        return Ok(None);
    }
    for shown in &token.windows {
        let window = tx.window_by_id(shown.window).await?;
        let server = tx.server_by_id(window.server).await?.name;
        let short = server.split('.').next().unwrap_or_default();
        if said.contains(&server) || said.contains(short) {
            return Ok(Some(server));
        }
    }
    Ok(None)
}

/// Whether a command does not say which servers it means: as an answer to a question it may be about the question, and
/// not about the windows that stand below it.
fn names_nothing(command: &Command) -> bool {
    match (command, command.decided_about()) {
        // "Approve all" agrees as readily as "approve" does.
        (Command::Approve(_), Some((Target::All { .. } | Target::Group { .. }, _))) => true,
        (_, about) => about.is_some_and(|(target, _)| *target == Target::These),
    }
}

/// Whether a reply is a plain no, which is a no to the question; "decline" may be about the server.
fn is_plain_no(reply: &Reply, commands: &[Command]) -> bool {
    let [Command::Decline(no)] = commands else { return false };
    let declines = |word: &str| patchbot_commands::spec_of(word).is_some_and(|spec| spec.name == "decline");
    no.reason.is_none() && !reply.text.split(|c: char| !c.is_alphanumeric()).any(declines)
}

/// The answer to words that are not the question's and name no server: neither what was asked is done, nor anything else.
fn not_confirmed(reply: &Reply, token: &ReplyToken, commands: &[Command], server: &str) -> Judged {
    let exact: Vec<String> = commands.iter().map(ToString::to_string).collect();
    let spoken = if is_plain_no(reply, commands) {
        let dropped = "I take that as a no to what I asked: it is dropped, and nothing was changed.";
        let answer = Answer::new(Verdict::NotUnderstood, dropped)
            .then(format!("To say no to the patching itself, reply \"decline {server}\"."));
        Spoken::of(answer, Some(token))
    } else {
        let unclear =
            "That is not what I asked, and it names no server, so it could mean either; nothing was changed.";
        let asked = token.confirms.join("; ");
        let answer = Answer::new(Verdict::NotUnderstood, unclear)
            .then(format!("If you mean what I asked, answer \"confirm\"; that was: \"{asked}\""))
            .then(format!(
                "For something else, reply with all of it and the server's name, as \"decline {server}\"."
            ));
        // This answer asks the same once more, so that a word to it is enough as well.
        Spoken { confirms: token.confirms.clone(), ..Spoken::of(answer, Some(token)) }
    };
    Judged { commands: exact, ..Judged::spoken(Stage::Words, spoken) }
}

/// What a command does, whichever windows it does it to.
fn without_target(command: &Command) -> Command {
    let mut act = command.clone();
    match &mut act {
        Command::Approve(it) => it.target = Target::These,
        Command::Decline(it) => it.target = Target::These,
        Command::Withdraw(it) => it.target = Target::These,
        Command::Reschedule(it) => it.target = Target::These,
        Command::Defer(it) => it.target = Target::These,
        Command::Undo(it) => it.target = Target::These,
        _ => {}
    }
    act
}

fn token_sentence(reply: &Reply, token: Option<&ReplyToken>, person: &Person) -> String {
    match (token, &reply.token) {
        (Some(token), Some(_)) => {
            format!("The token is {}'s, for {} windows.", person.name, token.windows.len())
        }
        (Some(token), None) => format!(
            "There is no token; the mail answers a notice to {}, with {} windows.",
            person.name,
            token.windows.len()
        ),
        (None, _) => format!("There is no token; {} is known.", person.name),
    }
}

fn no_token(reply: &Reply) -> Answer {
    // It may have two.
    let why = reply.doubt.clone().unwrap_or_else(|| {
        "Your mail does not answer one of my notices: its subject has no code in brackets, so nothing was decided."
            .to_owned()
    });
    let next = "Open the newest notice about your servers and reply to that one; leave its subject as it is.";
    Answer::new(Verdict::NotUnderstood, why).then(next)
}

fn nothing_to_confirm() -> Answer {
    Answer::new(
        Verdict::NotUnderstood,
        "The notice that you answered asks for no confirmation, so nothing was decided.",
    )
    .then("To approve, reply \"approve\"; to say no, reply \"decline\".")
}

/// Several answers as one: done as far as anything was done.
fn joined(answers: Vec<Answer>) -> Answer {
    let any = |wanted: &[Verdict]| answers.iter().any(|answer| wanted.contains(&answer.verdict));
    let left = any(&[Verdict::Refused, Verdict::Partly, Verdict::Confirm]);
    let verdict = match (any(&[Verdict::Done, Verdict::Partly]), left) {
        (true, true) => Verdict::Partly,
        (true, false) => Verdict::Done,
        (false, _) if any(&[Verdict::Confirm]) => Verdict::Confirm,
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
