//! Everybody at once: a burst of clicks and commands while the platform limits the rate, connections break and patchbot
//! is started anew, and what became of each of them. Told as a test in small, measured by `benches/chat.rs` in full.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use futures::future::join_all;
use patchbot::app::{App, ChatPlaces};
use patchbot::chat::{Chat, discord, slack};
use patchbot::clock::{Clock, Ids};
use patchbot::config::secret::Secret;
use patchbot::domain::calendar::plan_at;
use patchbot::domain::ids::{NoticeId, PersonId, ServerId, WindowId};
use patchbot::domain::message::Message;
use patchbot::domain::person::{Identity, Person, Role};
use patchbot::domain::policy::Policies;
use patchbot::domain::quarter::Quarters;
use patchbot::domain::server::{Ownership, Rank, Reach, Server};
use patchbot::domain::window::Window;
use patchbot::store::Store;
use patchbot::store::records::{CardRow, Medium, Notification};
use patchbot::work::outbox::Outbox;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::rushing::{Act, Crowd, Standin};

/// A Wednesday, on which owners may choose freely.
const NOW: &str = "2026-11-25T09:00:00Z";
/// A Thursday at 20:00 in Berlin.
const START: &str = "2026-12-03T19:00:00Z";
/// The waits that the platform asks for.
const LEFT_ALONE: Duration = Duration::from_secs(1);

/// How big a burst is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// So many people.
    pub(crate) people: usize,
    /// So many servers of each; one thing is done about each of them.
    pub(crate) servers_each: usize,
}

/// What became of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// So many things were to be done, once each.
    pub(crate) wanted: usize,
    /// So many times something was done, also again after the platform itself had told the person that it failed.
    pub(crate) acts: usize,
    /// So many calls of the Web API were refused with a `Retry-After`.
    pub(crate) limited: usize,
    /// So many times the connection was cut.
    pub(crate) cut: usize,
    /// So many times patchbot was started anew in the middle.
    pub(crate) restarts: usize,
    /// How long each acknowledgement took.
    pub(crate) acknowledged: Vec<Duration>,
    /// How long it took from the first try until the answer was seen.
    pub(crate) answered: Vec<Duration>,
    /// What was lost or done twice, in words; nothing may be in here.
    pub(crate) losses: Vec<String>,
}

/// patchbot while it runs.
struct Running {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    app: App,
}

/// One database, one platform, many people.
pub(crate) struct Rush {
    standin: Standin,
    folder: tempfile::TempDir,
    clock: Clock,
    begun: Instant,
}

/// Plays a burst on a platform.
pub(crate) async fn rush(medium: Medium, size: Size) -> Outcome {
    let rush = Rush {
        standin: Standin::start(medium).await,
        folder: tempfile::tempdir().unwrap(),
        clock: Clock::manual(utc(NOW)),
        begun: Instant::now(),
    };
    let (crowd, windows) = rush.prepare(size).await;
    let mut running = rush.runs().await;
    let half = Arc::new(Notify::new());
    let done = Arc::new(AtomicUsize::new(0));
    let over = CancellationToken::new();
    let weather = tokio::spawn(weather(rush.standin.clone(), over.clone()));
    let people = {
        let (crowd, half, done) = (Arc::clone(&crowd), Arc::clone(&half), Arc::clone(&done));
        tokio::spawn(async move {
            let acts = crowd.acts.iter().map(|act| async {
                let acted = crowd.does(act).await;
                if done.fetch_add(1, Ordering::Relaxed) + 1 == crowd.acts.len() / 2 {
                    half.notify_one();
                }
                acted
            });
            join_all(acts).await
        })
    };
    let reader = tokio::spawn(Arc::clone(&crowd).reads(over.clone()));
    tokio::select! { () = half.notified() => {}, () = rush.passes() => {} }
    running.ends().await;
    running = rush.runs().await;
    tokio::pin!(people);
    let acted = tokio::select! { acted = &mut people => acted.unwrap(), () = rush.passes() => Vec::new() };
    let mut outcome = Outcome { wanted: crowd.acts.len(), restarts: 1, ..Outcome::default() };
    for acted in acted {
        outcome.acts += acted.tries;
        outcome.acknowledged.extend(acted.acknowledged);
    }
    crowd.wait_for_answers(&rush).await;
    over.cancel();
    (outcome.limited, outcome.cut) = weather.await.unwrap();
    outcome.answered = reader.await.unwrap();
    rush.empties_the_outbox(&running.app).await;
    outcome.losses = rush.losses(&running.app, &crowd, &windows).await;
    running.ends().await;
    outcome
}

/// What goes wrong meanwhile, all the time: calls are refused, and the connection breaks.
async fn weather(standin: Standin, over: CancellationToken) -> (usize, usize) {
    let (mut turn, mut cut) = (0_u32, 0);
    while !over.is_cancelled() {
        standin.limits_the_rate(LEFT_ALONE);
        turn += 1;
        if turn.is_multiple_of(5) {
            cut += standin.cuts();
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    standin.calms_down();
    (standin.limited(), cut)
}

pub(crate) fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

impl Running {
    /// Ends the program as the system does: what was accepted is answered, nothing new is.
    async fn ends(&mut self) {
        self.stop.cancel();
        for task in self.tasks.drain(..) {
            task.await.unwrap();
        }
        self.app.store.close().await;
    }
}

impl Rush {
    async fn app(&self) -> App {
        let store = Store::sqlite(&self.folder.path().join("patchbot.db")).await.unwrap();
        app_on(store, self.clock.clone())
    }

    fn chat(&self, app: &App) -> Chat {
        match &self.standin {
            Standin::Slack(standin, _) => {
                let (app_token, bot_token) =
                    (Secret::new(standin.app_token()), Secret::new(standin.bot_token()));
                let mut settings = slack::Settings::new(app_token, bot_token);
                settings.api_url = standin.api_url();
                settings.reconnect_after = Duration::from_secs(1);
                Chat::Slack(slack::Slack::new(settings, app.clone()).unwrap())
            }
            Standin::Discord(standin, _) => {
                let token = Secret::new(patchbot_standins::discord::TOKEN);
                let mut settings = discord::Settings::new(token, patchbot_standins::discord::GUILD);
                settings.api_url = standin.api_url();
                settings.reconnect_after = Duration::from_secs(1);
                Chat::Discord(discord::Discord::new(settings, app.clone()).unwrap())
            }
        }
    }

    /// Starts patchbot, and waits until it is connected.
    async fn runs(&self) -> Running {
        let app = self.app().await;
        let chat = self.chat(&app);
        let stop = CancellationToken::new();
        let connects = self.standin.next_connection();
        let listening = {
            let (chat, stop) = (chat.clone(), stop.clone());
            tokio::spawn(async move { chat.run(stop).await })
        };
        let delivering = {
            let (outbox, stop) = (Outbox::chat(app.clone(), chat, "rush".to_owned()), stop.clone());
            tokio::spawn(async move {
                while !stop.is_cancelled() {
                    outbox.tick().await.unwrap();
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            })
        };
        connects.await;
        Running { stop, tasks: vec![listening, delivering], app }
    }

    /// Time passes for patchbot as it does for everybody.
    pub(crate) async fn passes(&self) {
        loop {
            self.now();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) fn now(&self) {
        let passed = TimeDelta::from_std(self.begun.elapsed()).unwrap();
        self.clock.set(utc(NOW) + passed);
    }

    /// People, their servers, a card for each, and what is to be done about it.
    async fn prepare(&self, size: Size) -> (Arc<Crowd>, BTreeMap<String, WindowId>) {
        let app = self.app().await;
        app.store.migrate().await.unwrap();
        let chat = self.chat(&app);
        let (mut crowd, mut windows, mut posted) = (Crowd::default(), BTreeMap::new(), Vec::new());
        for number in 0..size.people {
            let identity = crowd.joins(&self.standin, number);
            let owner = keep_person(&app, number, &identity).await;
            for each in 0..size.servers_each {
                let name = format!("srv{:05}", number * size.servers_each + each);
                let window = keep_server(&app, &name, owner).await;
                windows.insert(name.clone(), window);
                posted.push((number, name, self.posts(&app, &chat, window).await));
            }
        }
        let cards = self.standin.cards();
        crowd.acts.extend(posted.into_iter().map(|(number, name, message)| {
            let (_, id) = message.split_once('/').unwrap();
            Act::about(number, name, cards[id].clone())
        }));
        app.store.close().await;
        (Arc::new(crowd), windows)
    }

    async fn posts(&self, app: &App, chat: &Chat, window: WindowId) -> String {
        let message = Notification {
            id: NoticeId(app.ids.next()),
            medium: chat.medium(),
            recipient: self.standin.windows().to_owned(),
            person: None,
            window: Some(window),
            message: Message::Card { window, more: Vec::new() },
            attempts: 0,
            created_at: app.now(),
        };
        let delivered = chat.deliver(&message).await.unwrap();
        let mut tx = app.store.begin().await.unwrap();
        for card in &delivered.cards {
            let card: &CardRow = card;
            tx.put_card(card, app.now()).await.unwrap();
        }
        tx.commit().await.unwrap();
        delivered.message
    }

    /// Lets everything go out that waits, however long the platform wants to be left alone.
    async fn empties_the_outbox(&self, app: &App) {
        // To one place one message goes out after the other.
        for _ in 0..3_000 {
            self.clock.set(self.clock.now() + TimeDelta::seconds(30));
            let rows = app.store.read().await.unwrap().latest_notifications(100_000).await.unwrap();
            if rows.iter().all(|row| row.state == "sent") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Everything that is not as it should be.
    async fn losses(&self, app: &App, crowd: &Crowd, windows: &BTreeMap<String, WindowId>) -> Vec<String> {
        let mut losses = crowd.losses();
        let cards = self.standin.cards();
        let mut tx = app.store.read().await.unwrap();
        for act in &crowd.acts {
            let decisions = tx.decisions_of(windows[&act.server]).await.unwrap().len();
            if decisions != usize::from(act.decides()) {
                losses.push(format!("{}: {decisions} decisions", act.server));
            }
            let shown = cards[act.card.name()].text();
            if act.decides() && !shown.contains("Last decision") {
                losses.push(format!("{}: its card does not show the decision: {shown}", act.server));
            }
        }
        let undelivered = tx.latest_notifications(100_000).await.unwrap();
        let undelivered: BTreeSet<String> = undelivered
            .into_iter()
            .filter(|row| row.state != "sent")
            .map(|row| format!("a {} is {}: {}", row.kind, row.state, row.last_error.unwrap_or_default()))
            .collect();
        losses.extend(undelivered);
        if let Err(error) = self.standin.finish().await {
            losses.push(error.to_string());
        }
        losses
    }
}

/// The use cases on a database.
pub(crate) fn app_on(store: Store, clock: Clock) -> App {
    App {
        public_url: None,
        store,
        clock,
        ids: Ids::Random,
        policies: Arc::new(Policies::default()),
        quarters: Arc::new(Quarters::default()),
        zone: Tz::Europe__Berlin,
        chat: Arc::new(ChatPlaces::default()),
    }
}

async fn keep_person(app: &App, number: usize, identity: &Identity) -> PersonId {
    let id = PersonId(app.ids.next());
    let person = Person { id, name: format!("Owner {number}"), mail: None, zone: None, role: Role::Owner };
    let mut tx = app.store.begin().await.unwrap();
    tx.insert_person(&person, app.now()).await.unwrap();
    tx.link_identity(identity, id, app.now()).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// A server in Berlin that is enrolled, as chat's stories have them.
pub(crate) fn server_called(app: &App, name: &str) -> Server {
    Server {
        id: ServerId(app.ids.next()),
        name: name.to_owned(),
        zone: Tz::Europe__Berlin,
        host_group: Some("Web".to_owned()),
        environment: None,
        operating_system: None,
        reach: Reach::default(),
        host_key: Some("ssh-ed25519 AAAA".to_owned()),
        reboot: None,
        attributes: patchbot::domain::attributes::Attributes::default(),
        active: true,
        version: 0,
    }
}

async fn keep_server(app: &App, name: &str, owner: PersonId) -> WindowId {
    let server = server_called(app, name);
    let plan = plan_at(utc(START), server.zone, TimeDelta::hours(2));
    let window = Window::unscheduled(WindowId(app.ids.next()), server.id, "2027-Q1".parse().unwrap());
    let window = window.with_plan(plan);
    let mut tx = app.store.begin().await.unwrap();
    tx.insert_server(&server, app.now()).await.unwrap();
    tx.set_owners(server.id, &[Ownership { person: owner, rank: Rank::Primary }]).await.unwrap();
    tx.insert_window(&window).await.unwrap();
    tx.commit().await.unwrap();
    window.id
}
