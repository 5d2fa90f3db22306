//! Working on what was heard: who it is, what is meant, the answer, and the way back to the one who asked.
//!
//! What is accepted is worked on after its envelope was acknowledged. What one person says is worked on in its order,
//! what different people say at the same time; there is a limit to both, and whoever meets it is told.

use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use patchbot_commands::{Approve, Command, Decline, ServerName, Target, Why, parse};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use super::api::{Nothing, Trouble};
use super::envelope::{Heard, Way, Who};
use super::people::{People, Standing};
use super::render::{self, Content, shown_of};
use super::{Inner, MessageRef, Us, typed};
use crate::app::handle::Request;
use crate::chat::card::{Act, Shown};
use crate::chat::facts::Facts;
use crate::chat::text::{self, Line, Paragraph};
use crate::domain::answer::{Answer, Channel, Verdict};
use crate::domain::message::ShownWindow;
use crate::domain::person::{Address, Identity};

/// So much may wait and be worked on, all people together.
const MOST_ACCEPTED: usize = 500;
/// So much of one person.
const MOST_OF_ONE: usize = 20;
/// So many people are worked for at the same time.
const AT_ONCE: usize = 32;
/// So many things that were heard are remembered, to know them again.
const REMEMBERED: usize = 8_192;
/// So many commands are taken in one message.
const MOST_LINES: usize = 20;
/// An address for answers works five times.
const MOST_PAGES: usize = 5;
/// What was accepted may take so long after the end was asked for.
const LAST_WORDS: Duration = Duration::from_secs(30);

/// What is said when no more can be accepted.
pub(super) const BUSY: &str =
    "I have more to do than I can take right now, so nothing was done. Please try again in a minute.";

/// What became of something that was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepted {
    /// It is worked on.
    Yes,
    /// It was heard before.
    Again,
    /// There is too much already.
    Busy,
}

/// Where everything that was heard is worked on.
#[derive(Debug)]
pub(super) struct Desk {
    inner: Arc<Inner>,
    us: Us,
    people: People,
    pile: Mutex<Pile>,
    working: Semaphore,
    refusing: Arc<Semaphore>,
    tasks: TaskTracker,
}

/// What waits.
#[derive(Debug, Default)]
struct Pile {
    accepted: usize,
    of_person: HashMap<String, VecDeque<Heard>>,
    seen: HashSet<String>,
    seen_in_order: VecDeque<String>,
}

impl Pile {
    /// Remembers what was heard; `false` when it was heard before.
    fn is_new(&mut self, keys: &[String]) -> bool {
        if keys.iter().any(|key| self.seen.contains(key)) {
            return false;
        }
        for key in keys {
            self.seen.insert(key.clone());
            self.seen_in_order.push_back(key.clone());
        }
        while self.seen_in_order.len() > REMEMBERED {
            if let Some(oldest) = self.seen_in_order.pop_front() {
                self.seen.remove(&oldest);
            }
        }
        true
    }
}

#[derive(Debug, Serialize)]
struct Response<'a> {
    #[serde(flatten)]
    content: &'a Content,
    response_type: &'static str,
    replace_original: bool,
}

#[derive(Debug, Serialize)]
struct Whisper<'a> {
    channel: &'a str,
    user: &'a str,
    #[serde(flatten)]
    content: &'a Content,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_ts: Option<&'a str>,
}

impl Desk {
    pub(super) fn new(inner: Arc<Inner>, us: Us) -> Self {
        Self {
            inner,
            us,
            people: People::default(),
            pile: Mutex::default(),
            working: Semaphore::new(AT_ONCE),
            refusing: Arc::new(Semaphore::new(AT_ONCE)),
            tasks: TaskTracker::new(),
        }
    }

    /// Our own user id.
    pub(super) fn bot(&self) -> &str {
        &self.us.user_id
    }

    /// Takes what was heard, without waiting.
    pub(super) fn accept(self: &Arc<Self>, envelope: &str, heard: Heard) -> Accepted {
        let (user, key, kind) = match &heard {
            Heard::Words { who, key, .. } => (who.user.clone(), key.clone(), "words"),
            Heard::Click { who, key, .. } => (who.user.clone(), key.clone(), "click"),
            Heard::Nothing => return Accepted::Yes,
        };
        metrics::counter!("patchbot_slack_heard_total", "kind" => kind).increment(1);
        let mut pile = self.pile.lock().unwrap_or_else(PoisonError::into_inner);
        if !pile.is_new(&[format!("envelope {envelope}"), key]) {
            tracing::info!(envelope, user, "heard again, envelope {envelope}");
            return Accepted::Again;
        }
        let waiting = pile.of_person.get(&user).map_or(0, VecDeque::len);
        if pile.accepted >= MOST_ACCEPTED || waiting >= MOST_OF_ONE {
            drop(pile);
            metrics::counter!("patchbot_slack_too_busy_total").increment(1);
            tracing::warn!(envelope, user, "too much to do, envelope {envelope} is refused");
            self.refuse_later(heard);
            return Accepted::Busy;
        }
        pile.accepted = pile.accepted.saturating_add(1);
        match pile.of_person.get_mut(&user) {
            Some(queue) => queue.push_back(heard),
            None => {
                pile.of_person.insert(user.clone(), VecDeque::from([heard]));
                let desk = Arc::clone(self);
                self.tasks.spawn(async move { desk.work_for(user).await });
            }
        }
        Accepted::Yes
    }

    /// Tells somebody whose click or message cannot be accepted; a command was told by its acknowledgement.
    fn refuse_later(self: &Arc<Self>, heard: Heard) {
        let (who, way) = match heard {
            Heard::Click { who, way, .. } => (who, way),
            Heard::Words { who, way: way @ (Way::Channel { .. } | Way::Direct { .. }), .. } => (who, way),
            Heard::Words { .. } | Heard::Nothing => return,
        };
        let Ok(permit) = Arc::clone(&self.refusing).try_acquire_owned() else { return };
        let desk = Arc::clone(self);
        self.tasks.spawn(async move {
            desk.tell(&who.user, &way, &[Paragraph::Lines(vec![Line::plain(BUSY)])]).await;
            drop(permit);
        });
    }

    /// Works on what one person said, one after the other, until nothing is left.
    async fn work_for(self: Arc<Self>, user: String) {
        while let Some(heard) = self.next_of(&user) {
            let span = tracing::info_span!("slack", user, key = key_of(&heard));
            async {
                let _turn = self.working.acquire().await;
                self.work(heard).await;
            }
            .instrument(span)
            .await;
            let mut pile = self.pile.lock().unwrap_or_else(PoisonError::into_inner);
            pile.accepted = pile.accepted.saturating_sub(1);
        }
    }

    fn next_of(&self, user: &str) -> Option<Heard> {
        let mut pile = self.pile.lock().unwrap_or_else(PoisonError::into_inner);
        let next = pile.of_person.get_mut(user).and_then(VecDeque::pop_front);
        if next.is_none() {
            pile.of_person.remove(user);
        }
        next
    }

    /// Ends: nothing new comes in any more, and what was accepted is answered.
    pub(super) async fn close(&self) {
        self.tasks.close();
        if tokio::time::timeout(LAST_WORDS, self.tasks.wait()).await.is_err() {
            tracing::error!("some of what was said in Slack could not be answered before the end");
        }
    }

    async fn work(&self, heard: Heard) {
        let (who, way) = match &heard {
            Heard::Words { who, way, .. } | Heard::Click { who, way, .. } => (who, way),
            Heard::Nothing => return,
        };
        if let Some(answer) =
            unharmed(self.answer(&heard)).await.unwrap_or_else(|| Some(of_answer(&broken())))
        {
            self.tell(&who.user, way, &answer).await;
        }
    }

    /// The answer to what was heard; none for programs, with which no conversation is begun.
    async fn answer(&self, heard: &Heard) -> Option<Vec<Paragraph>> {
        let who = match heard {
            Heard::Words { who, .. } | Heard::Click { who, .. } => who,
            Heard::Nothing => return None,
        };
        let vouched = match self.admit(who).await {
            Ok(vouched) => vouched,
            Err(refused) => return refused.map(|answer| of_answer(&answer)),
        };
        Some(match heard {
            Heard::Words { text, .. } => self.words(who, vouched, text).await,
            Heard::Click { action, value, on, .. } => {
                of_answer(&self.click(who, vouched, action, value, on.as_ref()).await)
            }
            Heard::Nothing => return None,
        })
    }

    /// Whether somebody is listened to, and the address that may stand for the person.
    async fn admit(&self, who: &Who) -> Result<Option<Address>, Option<Answer>> {
        let elsewhere = who.team.as_ref().is_some_and(|team| *team != self.us.team_id);
        let standing = if elsewhere {
            Ok(Standing::Elsewhere)
        } else {
            self.people.standing(&self.inner.api, &self.us.team_id, &who.user).await
        };
        let why = match standing {
            Ok(Standing::Member(mail)) => return Ok(mail.filter(|_| self.inner.settings.match_mail)),
            Ok(Standing::Bot) => return Err(None),
            Ok(Standing::Elsewhere) => {
                "You belong to another Slack workspace, so I do not act on what you say here. Nothing was done."
            }
            Ok(Standing::Guest) => {
                "You are a guest in this Slack workspace, so I do not act on what you say here. Nothing was done."
            }
            Ok(Standing::Deactivated) => "Your Slack account is deactivated, so nothing was done.",
            Err(trouble) => {
                tracing::warn!(why = trouble.why(), "Slack does not say who this is");
                let answer = Answer::new(
                    Verdict::Broken,
                    "I could not ask Slack who you are just now, so nothing was done.",
                );
                return Err(Some(answer.then("Please try again in a minute.")));
            }
        };
        tracing::warn!(standing = ?standing.ok(), "somebody who is not listened to");
        let answer = Answer::new(Verdict::Refused, why);
        Err(Some(answer.then("If servers here are yours, answer the notice mail, or ask an operator.")))
    }

    /// Answers words. In several lines, all are understood or none is acted on.
    async fn words(&self, who: &Who, vouched: Option<Address>, text: &str) -> Vec<Paragraph> {
        let mut lines = typed::lines(text, self.bot());
        if lines.is_empty() {
            lines.push("help".to_owned());
        }
        if lines.len() > MOST_LINES {
            return of_answer(&Answer::new(
                Verdict::NotUnderstood,
                format!("I take at most {MOST_LINES} lines at a time, so nothing was done."),
            ));
        }
        let mut commands = Vec::new();
        for line in &lines {
            match parse(line) {
                Ok(command) => commands.push(command),
                Err(error) => {
                    let mut answer = text::of_parse_error(&error);
                    if lines.len() > 1 {
                        let none = "I do all of your lines or none, so nothing was done.";
                        answer.push(Paragraph::Lines(vec![Line::plain(none)]));
                    }
                    return answer;
                }
            }
        }
        let mut told = Vec::new();
        for command in commands {
            told.extend(of_answer(&self.ask(who, vouched.clone(), command, Vec::new()).await));
        }
        told
    }

    /// Answers a click.
    async fn click(
        &self,
        who: &Who,
        vouched: Option<Address>,
        action: &str,
        value: &str,
        on: Option<&MessageRef>,
    ) -> Answer {
        let (Some(act), Some(shown)) = (Act::from_name(action), shown_of(value)) else {
            return Answer::new(
                Verdict::NotUnderstood,
                "That button was made by another version of patchbot, so nothing was done.",
            )
            .then("Say \"status\" for where your windows stand.");
        };
        let facts = match Box::pin(Facts::load(&self.inner.app, shown.window, None)).await {
            Ok(Some(facts)) => facts,
            Ok(None) => {
                return Answer::new(
                    Verdict::Refused,
                    "The window of that card is not there any more, so nothing was done.",
                )
                .then("Say \"status\" for where your windows stand.");
            }
            Err(failure) => return self.inner.app.broken(&failure),
        };
        let command = match act {
            Act::Approve => Command::Approve(Approve { target: Target::These, reason: None }),
            Act::Decline => Command::Decline(Decline { target: Target::These, reason: None }),
            Act::Why => match ServerName::parse(&facts.server.name) {
                Ok(server) => Command::Why(Why { server }),
                Err(why) => {
                    return Answer::new(
                        Verdict::Refused,
                        format!("\"{}\" cannot be asked about: {why}.", facts.server.name),
                    )
                    .then("An operator can give the server a name that can be typed.");
                }
            },
        };
        let line = ShownWindow { line: 1, window: shown.window, revision: shown.revision };
        let answer = self.ask(who, vouched, command, vec![line]).await;
        if act != Act::Why
            && let Some(on) = on
        {
            self.bring_up_to_date(on, shown, answer.verdict).await;
        }
        answer
    }

    async fn ask(
        &self,
        who: &Who,
        vouched: Option<Address>,
        command: Command,
        shown: Vec<ShownWindow>,
    ) -> Answer {
        let identity = Identity::Slack { team: self.us.team_id.clone(), user: who.user.clone() };
        let key = identity.key();
        let request = Request { identity, vouched, channel: Channel::Slack, command, shown, typed_by: None };
        let answer = Box::pin(self.inner.app.handle(&request)).await;
        tracing::info!(verdict = ?answer.verdict, command = request.command.spec().name, "answered");
        if text::is_to_a_stranger(&answer) {
            answer.then(format!("The operator needs to know that your Slack account is {key}."))
        } else {
            answer
        }
    }

    /// Rewrites the card that was clicked when nobody else will: it showed something old, or is not known any more.
    async fn bring_up_to_date(&self, on: &MessageRef, shown: Shown, verdict: Verdict) {
        let known = match super::outbound::cards_of(&self.inner.app, shown.window).await {
            Ok(cards) => cards.iter().any(|card| card.message == on.to_string()),
            Err(_) => false,
        };
        if (verdict == Verdict::Done && known) || verdict == Verdict::Broken {
            return;
        }
        if let Err(error) = Box::pin(self.inner.redraw(on, shown.window)).await {
            tracing::info!(%error, "the card that was clicked could not be rewritten");
        }
    }

    /// Brings an answer to the one who asked, by another way when the first is closed.
    async fn tell(&self, user: &str, way: &Way, paragraphs: &[Paragraph]) {
        let mut pages = render::pages(paragraphs, &self.inner.settings.command);
        if pages.len() > MOST_PAGES {
            pages.truncate(MOST_PAGES.saturating_sub(1));
            let more = Line::plain("There is more than fits here; ask about fewer servers.");
            pages.extend(render::pages(&[Paragraph::Lines(vec![more])], ""));
        }
        for page in pages {
            if let Err(why) = self.tell_page(user, way, &page).await {
                tracing::error!(why, "an answer could not be brought to {user}");
                metrics::counter!("patchbot_slack_answers_lost_total").increment(1);
                return;
            }
        }
    }

    async fn tell_page(&self, user: &str, way: &Way, page: &Content) -> Result<(), String> {
        let first = match way {
            Way::Address { url, .. } => {
                let answer = Response { content: page, response_type: "ephemeral", replace_original: false };
                patiently(|| self.inner.api.respond(url, &answer)).await.map(|Nothing {}| ())
            }
            Way::Channel { channel, thread } => {
                patiently(|| self.whisper(channel, user, thread.as_deref(), page)).await
            }
            Way::Direct { channel, thread } => {
                return patiently(|| self.inner.post_into(channel, thread.as_deref(), page))
                    .await
                    .map(|_| ())
                    .map_err(|trouble| trouble.why());
            }
        };
        let Err(trouble) = first else { return Ok(()) };
        tracing::warn!(why = trouble.why(), "the first way for an answer is closed");
        if let Way::Address { channel: Some(channel), .. } = way
            && self.whisper(channel, user, None, page).await.is_ok()
        {
            return Ok(());
        }
        let direct = self.inner.conversation_with(user).await.map_err(|error| error.to_string())?;
        self.inner.post_into(&direct, None, page).await.map(|_| ()).map_err(|trouble| trouble.why())
    }

    /// Writes into a channel, visible to one person.
    async fn whisper(
        &self,
        channel: &str,
        user: &str,
        thread_ts: Option<&str>,
        content: &Content,
    ) -> Result<(), Trouble> {
        let whisper = Whisper { channel, user, content, thread_ts };
        self.inner.api.post::<Nothing>("chat.postEphemeral", &whisper).await.map(|Nothing {}| ())
    }
}

/// Lets a panic cost an answer its content, and nobody else anything; nothing comes back after one.
async fn unharmed<T>(work: impl Future<Output = T>) -> Option<T> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    if done.is_err() {
        tracing::error!("a bug: the work on something from Slack panicked");
    }
    done.ok()
}

/// Tries again what may only be in trouble for a moment.
async fn patiently<T, F>(mut call: impl FnMut() -> F) -> Result<T, Trouble>
where
    F: Future<Output = Result<T, Trouble>>,
{
    let mut wait = Duration::from_millis(300);
    for _ in 0..3 {
        let trouble = match call().await {
            Ok(done) => return Ok(done),
            Err(trouble) => trouble,
        };
        match trouble {
            Trouble::RateLimited(after) if after <= Duration::from_secs(15) => {
                tokio::time::sleep(after).await;
            }
            Trouble::Unreachable(_) => tokio::time::sleep(wait).await,
            Trouble::RateLimited(_) | Trouble::Refused { .. } | Trouble::UsedUp => return Err(trouble),
        }
        wait = wait.saturating_mul(3);
    }
    call().await
}

fn key_of(heard: &Heard) -> &str {
    match heard {
        Heard::Words { key, .. } | Heard::Click { key, .. } => key,
        Heard::Nothing => "",
    }
}

fn of_answer(answer: &Answer) -> Vec<Paragraph> {
    text::of_answer(answer)
}

fn broken() -> Answer {
    Answer::new(Verdict::Broken, "Something broke on our side while I worked on that; it may be done or not.")
        .then("Say \"status\" to see, and tell an operator.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_costs_one_answer_its_content() {
        assert_eq!(unharmed(async { 7 }).await, Some(7));
        assert_eq!(unharmed(async { panic!("a bug") }).await, None::<u8>);
    }

    #[tokio::test]
    async fn what_is_in_trouble_for_a_moment_is_tried_again_and_what_is_refused_is_not() {
        let tries = std::cell::Cell::new(0_u32);
        let after = |fails: u32, trouble: fn() -> Trouble| {
            tries.set(0);
            let tries = &tries;
            patiently(move || async move {
                tries.set(tries.get().saturating_add(1));
                if tries.get() > fails { Ok(()) } else { Err(trouble()) }
            })
        };
        let limited = || Trouble::RateLimited(Duration::from_millis(1));
        assert!(after(3, limited).await.is_ok());
        assert!(after(4, limited).await.is_err());
        assert_eq!(tries.get(), 4);
        assert!(after(1, || Trouble::Unreachable("broken".to_owned())).await.is_ok());
        assert!(after(1, || Trouble::RateLimited(Duration::from_secs(60))).await.is_err());
        assert!(after(1, || Trouble::UsedUp).await.is_err());
        assert_eq!(tries.get(), 1);
    }

    #[test]
    fn what_was_heard_is_known_again_and_not_for_ever() {
        let mut pile = Pile::default();
        let keys = |number: usize| [format!("envelope {number}"), format!("event {number}")];
        assert!(pile.is_new(&keys(1)));
        assert!(!pile.is_new(&keys(1)));
        assert!(
            !pile.is_new(&["envelope 2".to_owned(), "event 1".to_owned()]),
            "the same under another envelope"
        );
        for number in 2..REMEMBERED {
            pile.is_new(&keys(number));
        }
        assert_eq!((pile.seen.len(), pile.seen_in_order.len()), (REMEMBERED, REMEMBERED));
        assert!(pile.is_new(&keys(1)), "too long ago");
    }
}
