//! The people of a burst, and the platform that they are on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use patchbot::domain::person::Identity;
use patchbot::store::records::Medium;
use patchbot_standins::discord::{self, Cut, Discord, Member};
use patchbot_standins::slack::{self, Slack};
use tokio_util::sync::CancellationToken;

/// Answers are looked for so often.
const LOOK: Duration = Duration::from_millis(25);
/// So long is waited for the last answer.
const PATIENCE: Duration = Duration::from_secs(300);
/// Whoever was told that it failed, by the platform or by patchbot, tries again after so long.
const AGAIN: Duration = Duration::from_millis(500);
/// What patchbot says when it did not get to something: who reads it, and nothing more for a while, does again what was
/// not answered.
const NOTHING_DONE: &str = "so nothing was done. Please try again in a minute.";
/// So long is waited for more of it.
const QUIET: Duration = Duration::from_secs(2);

/// The platform, and the channel of the cards.
#[derive(Clone)]
pub(crate) enum Standin {
    Slack(Slack, slack::Channel),
    Discord(Discord, String),
}

/// A card on somebody's screen.
#[expect(clippy::large_enum_variant, reason = "a burst has some hundred of them, all of one kind")]
#[derive(Clone)]
pub(crate) enum Card {
    Slack(slack::Message),
    Discord(discord::Seen),
}

/// Somebody.
enum Somebody {
    Slack(slack::Person),
    Discord(Member),
}

/// Something that is waited for.
enum Said {
    Slack(slack::Exchange),
    Discord(discord::Exchange),
}

/// One thing that somebody does.
pub(crate) struct Act {
    who: usize,
    pub(crate) server: String,
    pub(crate) card: Card,
    how: How,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Click,
    Approve,
    Decline,
    Why,
}

/// How often something was tried, and how long its acknowledgements took.
pub(crate) struct Acted {
    pub(crate) tries: usize,
    pub(crate) acknowledged: Vec<Duration>,
}

/// Everybody.
#[derive(Default)]
pub(crate) struct Crowd {
    people: Vec<Somebody>,
    pub(crate) acts: Vec<Act>,
    /// What was said so far about each server.
    said: Mutex<BTreeMap<String, (Instant, Vec<Said>)>>,
    /// When the answer about a server was first seen.
    seen: Mutex<BTreeMap<String, Duration>>,
    /// How often patchbot told somebody that it did nothing, and when she last read something new.
    told: Mutex<BTreeMap<usize, (usize, Instant)>>,
}

impl Standin {
    pub(crate) async fn start(medium: Medium) -> Self {
        if medium == Medium::Discord {
            let standin = Discord::start().await.unwrap();
            let windows = standin.channel("windows");
            return Self::Discord(standin, windows);
        }
        let standin = Slack::builder().patience(PATIENCE).start().await.unwrap();
        let windows = standin.channel("windows");
        Self::Slack(standin, windows)
    }

    pub(crate) fn windows(&self) -> &str {
        match self {
            Self::Slack(_, windows) => windows.id(),
            Self::Discord(_, windows) => windows,
        }
    }

    /// Ends when patchbot has connected itself once more.
    pub(crate) fn next_connection(&self) -> impl Future<Output = ()> + use<> {
        let standin = self.clone();
        let slacks = match self {
            Self::Slack(standin, _) => standin.sockets(),
            Self::Discord(..) => Vec::new(),
        };
        let discords = match self {
            Self::Discord(standin, _) => standin.sessions().0,
            Self::Slack(..) => 0,
        };
        async move {
            match standin {
                Self::Slack(standin, _) => {
                    standin.wait_for_a_new_socket(&slacks).await.unwrap();
                }
                Self::Discord(standin, _) => {
                    while standin.sessions().0 <= discords {
                        tokio::time::sleep(LOOK).await;
                    }
                }
            }
        }
    }

    /// Refuses some of the next calls.
    pub(crate) fn limits_the_rate(&self, after: Duration) {
        match self {
            Self::Slack(standin, _) => {
                standin.heals();
                for method in ["response_url", "chat.update"] {
                    standin.next(method).is_rate_limited(after);
                }
            }
            Self::Discord(standin, _) => standin.limits_every(7, after),
        }
    }

    /// Breaks the connection.
    pub(crate) fn cuts(&self) -> usize {
        match self {
            Self::Slack(standin, _) => {
                let broken = standin.sockets().first().map(slack::Socket::drops);
                usize::from(broken.is_some())
            }
            Self::Discord(standin, _) => {
                standin.cuts(Cut::Drop);
                1
            }
        }
    }

    pub(crate) fn calms_down(&self) {
        match self {
            Self::Slack(standin, _) => standin.heals(),
            Self::Discord(standin, _) => standin.limits_every(0, Duration::ZERO),
        }
    }

    /// How many calls were refused.
    pub(crate) fn limited(&self) -> usize {
        match self {
            Self::Slack(standin, _) => {
                standin.calls().iter().filter(|call| format!("{call:?}").contains("429")).count()
            }
            Self::Discord(standin, _) => standin.limited(),
        }
    }

    /// The cards as they are now, each by the platform's name of it.
    pub(crate) fn cards(&self) -> BTreeMap<String, Card> {
        match self {
            Self::Slack(_, windows) => {
                windows.messages().into_iter().map(|seen| (seen.ts().to_owned(), Card::Slack(seen))).collect()
            }
            Self::Discord(standin, windows) => {
                let all = standin.messages(windows).into_iter();
                all.map(|seen| (seen.id().to_owned(), Card::Discord(seen))).collect()
            }
        }
    }

    pub(crate) async fn finish(&self) -> anyhow::Result<()> {
        match self {
            Self::Slack(standin, _) => standin.finish().await,
            Self::Discord(standin, _) => standin.finish().await,
        }
    }
}

impl Card {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Slack(card) => card.as_text(),
            Self::Discord(card) => card.as_text(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Slack(card) => card.ts(),
            Self::Discord(card) => card.id(),
        }
    }
}

impl Act {
    /// What is done about a server: most things are clicks.
    pub(crate) fn about(who: usize, server: String, card: Card) -> Self {
        let number: usize = server.trim_start_matches("srv").parse().unwrap();
        let how = match number % 10 {
            0..=5 => How::Click,
            6 | 7 => How::Approve,
            8 => How::Decline,
            _ => How::Why,
        };
        Self { who, server, card, how }
    }

    pub(crate) fn decides(&self) -> bool {
        self.how != How::Why
    }

    async fn once(&self, crowd: &Crowd) -> Said {
        match (&crowd.people[self.who], &self.card) {
            (Somebody::Slack(who), Card::Slack(card)) => Said::Slack(match self.how {
                How::Click => who.clicks(card, "Approve").await.unwrap(),
                How::Approve => who.slash("/patch", &format!("approve {}", self.server)).await.unwrap(),
                How::Decline => {
                    who.slash("/patch", &format!("decline {} because it is busy", self.server)).await.unwrap()
                }
                How::Why => who.slash("/patch", &format!("why {}", self.server)).await.unwrap(),
            }),
            (Somebody::Discord(who), Card::Discord(card)) => {
                let (place, server) = (card.channel(), self.server.as_str());
                Said::Discord(match self.how {
                    How::Click => who.clicks_on(card, &card.custom_id("Approve").unwrap()),
                    How::Approve => who.patch(place, "approve", &[("servers", server)]).unwrap(),
                    How::Decline => {
                        who.patch(place, "decline", &[("servers", server), ("reason", "it is busy")]).unwrap()
                    }
                    How::Why => who.patch(place, "why", &[("server", server)]).unwrap(),
                })
            }
            _ => unreachable!("a card of the other platform"),
        }
    }
}

impl Said {
    /// Whether the platform heard an acknowledgement in time; else it has told the person that it failed.
    async fn is_heard(&self) -> bool {
        match self {
            Self::Slack(said) => said.failure().is_none(),
            Self::Discord(said) => said.is_heard().await,
        }
    }

    fn acked_in(&self) -> Option<Duration> {
        match self {
            Self::Slack(said) => said.acked_in(),
            Self::Discord(said) => said.acked_in(),
        }
    }

    /// The answers that the person sees, all of hers since then on Slack.
    fn answers(&self) -> Vec<String> {
        match self {
            Self::Slack(said) => {
                let seen = said.seen().into_iter().filter(slack::Message::is_ephemeral);
                seen.map(|seen| seen.as_text()).collect()
            }
            Self::Discord(said) => {
                said.answers().unwrap_or_default().iter().map(discord::Seen::as_text).collect()
            }
        }
    }
}

impl Crowd {
    /// Somebody comes in.
    pub(crate) fn joins(&mut self, standin: &Standin, number: usize) -> Identity {
        let name = format!("owner{number}");
        match standin {
            Standin::Slack(standin, windows) => {
                let who = standin.person(&name);
                windows.with([&who]);
                let identity = Identity::Slack { team: standin.team().to_owned(), user: who.id().to_owned() };
                self.people.push(Somebody::Slack(who));
                identity
            }
            Standin::Discord(standin, _) => {
                let who = standin.member(&name);
                let identity = Identity::Discord { user: who.id().to_owned() };
                self.people.push(Somebody::Discord(who));
                identity
            }
        }
    }

    /// Does one thing, again for as long as she is told that it failed.
    pub(crate) async fn does(&self, act: &Act) -> Acted {
        let begun = Instant::now();
        let mut acted = Acted { tries: 0, acknowledged: Vec::new() };
        while begun.elapsed() < PATIENCE {
            acted.tries += 1;
            let said = act.once(self).await;
            let heard = said.is_heard().await;
            acted.acknowledged.extend(said.acked_in().filter(|_| heard));
            let told = self.told.lock().unwrap().get(&act.who).map_or(0, |(told, _)| *told);
            self.keeps(&act.server, begun, said);
            if heard && self.is_answered(act, told, begun).await {
                break;
            }
            tokio::time::sleep(AGAIN).await;
        }
        acted
    }

    /// Waits for an answer; `false` when she was told that nothing was done, and nothing more came.
    async fn is_answered(&self, act: &Act, told: usize, begun: Instant) -> bool {
        while begun.elapsed() < PATIENCE {
            if self.seen.lock().unwrap().contains_key(&act.server) {
                return true;
            }
            let now = self.told.lock().unwrap().get(&act.who).copied();
            if now.is_some_and(|(now, at)| now > told && at.elapsed() > QUIET) {
                return false;
            }
            tokio::time::sleep(LOOK).await;
        }
        false
    }

    fn keeps(&self, server: &str, begun: Instant, said: Said) {
        let mut all = self.said.lock().unwrap();
        all.entry(server.to_owned()).or_insert_with(|| (begun, Vec::new())).1.push(said);
    }

    /// The answers about a server.
    fn answers(&self, server: &str) -> Vec<String> {
        let all = self.said.lock().unwrap();
        let Some((_, said)) = all.get(server) else { return Vec::new() };
        let about = |answers: Vec<String>| answers.into_iter().filter(|answer| answer.contains(server));
        match said.first() {
            // On Slack the first one sees what came after it as well.
            Some(first @ Said::Slack(_)) => about(first.answers()).collect(),
            _ => said.iter().flat_map(|said| about(said.answers())).collect(),
        }
    }

    /// Reads until it is over: how long each answer took, from the first try.
    pub(crate) async fn reads(self: Arc<Self>, over: CancellationToken) -> Vec<Duration> {
        let mut read = vec![(0, 0); self.people.len()];
        let mut ended = false;
        while !ended {
            ended = over.is_cancelled();
            for (who, read) in read.iter_mut().enumerate() {
                self.looks(who, read);
            }
            tokio::time::sleep(LOOK).await;
        }
        self.seen.lock().unwrap().values().copied().collect()
    }

    /// One person looks whether there is something new; `read` is how many messages and how many open things there were
    /// when she last did.
    fn looks(&self, who: usize, read: &mut (usize, usize)) {
        let mut seen = self.seen.lock().unwrap();
        let said = self.said.lock().unwrap();
        let open = self.acts.iter().filter(|act| act.who == who && !seen.contains_key(&act.server));
        let open: Vec<(&Act, &(Instant, Vec<Said>))> =
            open.filter_map(|act| Some((act, said.get(&act.server)?))).collect();
        let Some((_, (_, first))) = open.first() else { return };
        let hers = match first.first() {
            // On Slack the first one sees what came after it as well.
            Some(Said::Slack(first)) => {
                let all = first.seen();
                let now = (all.len(), open.len());
                if std::mem::replace(read, now) == now {
                    return;
                }
                all.iter().filter(|seen| seen.is_ephemeral()).map(slack::Message::as_text).collect()
            }
            _ => {
                open.iter().flat_map(|(_, (_, said))| said.iter().flat_map(Said::answers)).collect::<Vec<_>>()
            }
        };
        let refused = hers.iter().filter(|answer| answer.contains(NOTHING_DONE)).count();
        let mut told = self.told.lock().unwrap();
        let known = told.entry(who).or_insert((0, Instant::now()));
        if refused > known.0 {
            *known = (refused, Instant::now());
        }
        for (act, (begun, _)) in open {
            if hers.iter().any(|answer| answer.contains(&act.server)) {
                seen.insert(act.server.clone(), begun.elapsed());
                known.1 = Instant::now();
            }
        }
    }

    /// Waits until everybody has an answer, or for long enough.
    pub(crate) async fn wait_for_answers(&self, rush: &super::rush::Rush) {
        let begun = Instant::now();
        while self.seen.lock().unwrap().len() < self.acts.len() && begun.elapsed() < PATIENCE {
            rush.now();
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Who has no answer, or more than one for each time that he acted.
    pub(crate) fn losses(&self) -> Vec<String> {
        let mut losses = Vec::new();
        for act in &self.acts {
            let answers = self.answers(&act.server);
            let tries = self.said.lock().unwrap().get(&act.server).map_or(0, |(_, said)| said.len());
            if answers.is_empty() {
                losses.push(format!("{}: no answer to {tries} tries", act.server));
            }
            if answers.len() > tries {
                losses.push(format!(
                    "{}: {} answers to {tries} tries: {answers:?}",
                    act.server,
                    answers.len()
                ));
            }
        }
        losses
    }
}
