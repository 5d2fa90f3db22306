//! The world of the stories about Slack: a workspace, a fleet of a few servers, and patchbot between them.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use patchbot::app::handle::Request;
use patchbot::app::{App, ChatPlaces};
use patchbot::chat::slack::{MessageRef, Settings, Slack};
use patchbot::chat::{Delivered, Undelivered};
use patchbot::clock::{Clock, Ids};
use patchbot::config::secret::Secret;
use patchbot::domain::answer::{Answer, Channel};
use patchbot::domain::calendar::plan_at;
use patchbot::domain::ids::{NoticeId, PersonId, WindowId};
use patchbot::domain::message::Message as Outgoing;
use patchbot::domain::person::{Address, Identity, Person, Role};
use patchbot::domain::policy::Policies;
use patchbot::domain::quarter::Quarters;
use patchbot::domain::server::{Ownership, Rank, Server};
use patchbot::domain::window::Window;
use patchbot::store::Store;
use patchbot::store::records::{Claim, Delivery, Medium, Notification};
use patchbot_standins::slack as standin;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::rush::server_called;

/// A Wednesday, on which owners may choose freely.
pub(crate) const NOW: &str = "2026-11-25T09:00:00Z";
/// A Thursday at 20:00 in Berlin.
pub(crate) const START: &str = "2026-12-03T19:00:00Z";

pub(crate) fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Everything together.
pub(crate) struct World {
    pub(crate) slack: standin::Slack,
    pub(crate) app: App,
    pub(crate) settings: Settings,
    /// For writing; it is the one that listens.
    pub(crate) chat: Slack,
    listening: Option<(CancellationToken, JoinHandle<()>)>,
    folder: Arc<tempfile::TempDir>,
}

/// A server's window, as it was planned.
pub(crate) struct Planned {
    pub(crate) window: Window,
}

impl World {
    /// A workspace as it usually is, with patchbot listening.
    pub(crate) async fn new() -> Self {
        let installed = standin::Slack::builder().installed(super::apps::MANIFEST).unwrap();
        Self::on(installed.start().await.unwrap()).await
    }

    /// patchbot listening to a workspace that was made for the story.
    pub(crate) async fn on(slack: standin::Slack) -> Self {
        Self::with(slack, |_| ()).await
    }

    /// The same with other settings.
    pub(crate) async fn with(slack: standin::Slack, change: impl FnOnce(&mut Settings)) -> Self {
        let mut world = Self::silent(slack, change).await;
        world.listens().await;
        world
    }

    /// patchbot, not listening yet.
    pub(crate) async fn silent(slack: standin::Slack, change: impl FnOnce(&mut Settings)) -> Self {
        let _ops = slack.channel("ops");
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let app = app_on(&folder).await;
        app.store.migrate().await.unwrap();
        let token = |text: &str| Secret::new(text);
        let mut settings = Settings::new(token(slack.app_token()), token(slack.bot_token()));
        settings.api_url = slack.api_url();
        settings.connections = 1;
        settings.reconnect_after = Duration::from_secs(1);
        settings.timeout = Duration::from_secs(2);
        change(&mut settings);
        let chat = Slack::new(settings.clone(), app.clone()).unwrap();
        Self { slack, app, settings, chat, listening: None, folder }
    }

    /// Begins to listen, and waits until Slack is connected.
    pub(crate) async fn listens(&mut self) {
        self.begins_to_listen();
        self.slack.wait_for_sockets(1).await.unwrap();
    }

    pub(crate) fn begins_to_listen(&mut self) {
        let (stop, chat) = (CancellationToken::new(), self.chat.clone());
        let task = tokio::spawn({
            let stop = stop.clone();
            async move { chat.run(stop).await }
        });
        self.listening = Some((stop, task));
    }

    /// Stops listening, as at the end of the program.
    pub(crate) async fn stops(&mut self) {
        let (stop, task) = self.listening.take().unwrap();
        stop.cancel();
        task.await.unwrap();
    }

    /// Ends the program and starts it again on the same database.
    pub(crate) async fn restarts(mut self) -> Self {
        self.stops().await;
        self.app.store.close().await;
        let app = app_on(&self.folder).await;
        let chat = Slack::new(self.settings.clone(), app.clone()).unwrap();
        let mut again = Self { app, chat, ..self };
        let before = again.slack.sockets();
        again.begins_to_listen();
        again.slack.wait_for_a_new_socket(&before).await.unwrap();
        again
    }

    /// Ends the story: everybody was answered, and everything was understood.
    pub(crate) async fn ends(mut self) {
        self.slack.finish().await.unwrap();
        self.stops().await;
    }

    /// Somebody patchbot knows by mail.
    pub(crate) async fn knows(&self, mail: &str, role: Role) -> Person {
        let mut letters = mail.split('@').next().unwrap().chars();
        let name = letters.next().unwrap().to_uppercase().chain(letters).collect();
        let person = Person {
            id: PersonId(self.app.ids.next()),
            name,
            mail: Some(Address::parse(mail).unwrap()),
            zone: None,
            role,
        };
        let mut tx = self.app.store.begin().await.unwrap();
        tx.insert_person(&person, self.app.now()).await.unwrap();
        tx.link_identity(&Identity::Mail(Address::parse(mail).unwrap()), person.id, self.app.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        person
    }

    /// An owner in Slack who is linked to a person.
    pub(crate) async fn owner(&self, handle: &str) -> (standin::Person, Person) {
        let mail = format!("{handle}@owners.test");
        let person = self.knows(&mail, Role::Owner).await;
        let member = self.slack.person(handle).mail(&mail);
        self.links(&member, &person).await;
        (member, person)
    }

    pub(crate) fn identity(&self, member: &standin::Person) -> Identity {
        Identity::Slack { team: self.slack.team().to_owned(), user: member.id().to_owned() }
    }

    pub(crate) async fn links(&self, member: &standin::Person, person: &Person) {
        let mut tx = self.app.store.begin().await.unwrap();
        tx.link_identity(&self.identity(member), person.id, self.app.now()).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// A server of these owners, with a window that waits for an answer.
    pub(crate) async fn server(&self, name: &str, owners: &[&Person]) -> Planned {
        self.server_at(name, owners, utc(START)).await
    }

    pub(crate) async fn server_at(&self, name: &str, owners: &[&Person], start: DateTime<Utc>) -> Planned {
        let server = Server { environment: Some("production".to_owned()), ..server_called(&self.app, name) };
        let window =
            Window::unscheduled(WindowId(self.app.ids.next()), server.id, "2027-Q1".parse().unwrap())
                .with_plan(plan_at(start, server.zone, TimeDelta::hours(2)));
        let ranks = [Rank::Primary, Rank::Secondary];
        let owners: Vec<Ownership> =
            owners.iter().zip(ranks).map(|(owner, rank)| Ownership { person: owner.id, rank }).collect();
        let mut tx = self.app.store.begin().await.unwrap();
        tx.insert_server(&server, self.app.now()).await.unwrap();
        tx.set_owners(server.id, &owners).await.unwrap();
        tx.insert_window(&window).await.unwrap();
        tx.commit().await.unwrap();
        Planned { window }
    }

    /// The window as it is now.
    pub(crate) async fn window(&self, planned: &Planned) -> Window {
        self.app.store.read().await.unwrap().window_by_id(planned.window.id).await.unwrap()
    }

    /// How many decisions there are about a window.
    pub(crate) async fn decisions(&self, planned: &Planned) -> usize {
        self.app.store.read().await.unwrap().decisions_of(planned.window.id).await.unwrap().len()
    }

    /// Posts a card, as the outbox does, and remembers it.
    pub(crate) async fn posts_card(&self, planned: &Planned, place: &str) -> standin::Message {
        let message = self.draws_card(planned, place).await.unwrap();
        let message: MessageRef = message.parse().unwrap();
        self.slack.wait_for_message(|seen| seen.ts() == message.ts).await.unwrap()
    }

    /// Draws a card as the outbox does, and remembers it; the message it is.
    pub(crate) async fn draws_card(&self, planned: &Planned, place: &str) -> Result<String, Undelivered> {
        let message = Outgoing::Card { window: planned.window.id, more: Vec::new() };
        let delivered =
            self.chat.deliver(&self.notification(place, Some(planned.window.id), message)).await?;
        self.keeps(&delivered).await;
        Ok(delivered.message)
    }

    /// A message of the outbox.
    pub(crate) fn notification(
        &self,
        place: &str,
        window: Option<WindowId>,
        message: Outgoing,
    ) -> Notification {
        Notification {
            id: NoticeId(self.app.ids.next()),
            medium: Medium::Slack,
            recipient: place.to_owned(),
            person: None,
            window,
            message,
            attempts: 0,
            created_at: self.app.now(),
        }
    }

    async fn keeps(&self, delivered: &Delivered) {
        let mut tx = self.app.store.begin().await.unwrap();
        for card in &delivered.cards {
            tx.put_card(card, self.app.now()).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// Delivers what waits in the outbox for Slack, as the outbox does. Tells how many messages that were.
    pub(crate) async fn delivers(&self) -> usize {
        let mut tx = self.app.store.begin().await.unwrap();
        let until = self.app.now() + TimeDelta::minutes(1);
        let claim = Claim { owner: "test", now: self.app.now(), until, most: 100 };
        let waiting = tx.claim_notifications(&claim, Medium::Slack).await.unwrap();
        tx.commit().await.unwrap();
        for (message, lease) in &waiting {
            let delivered = self.chat.deliver(message).await.unwrap();
            self.keeps(&delivered).await;
            let mut tx = self.app.store.begin().await.unwrap();
            let sent = Delivery::Sent { message_id: Some(delivered.message) };
            tx.end_delivery(message.id, lease, &sent, self.app.now()).await.unwrap();
            tx.commit().await.unwrap();
        }
        waiting.len()
    }

    /// Somebody says something by mail, with the words that were understood.
    pub(crate) async fn by_mail(&self, mail: &str, words: &str) -> Answer {
        let request = Request {
            identity: Identity::Mail(Address::parse(mail).unwrap()),
            vouched: None,
            channel: Channel::Mail,
            command: patchbot_commands::parse(words).unwrap(),
            shown: Vec::new(),
            typed_by: None,
            name: None,
        };
        self.app.handle(&request).await
    }
}

pub(crate) async fn app_on(folder: &tempfile::TempDir) -> App {
    App {
        public_url: Some("https://patchbot.test".into()),
        store: Store::sqlite(&folder.path().join("patchbot.db")).await.unwrap(),
        clock: Clock::manual(utc(NOW)),
        ids: Ids::Random,
        policies: Arc::new(Policies::default()),
        quarters: Arc::new(Quarters::default()),
        zone: Tz::Europe__Berlin,
        chat: Arc::new(ChatPlaces {
            slack_ops: Some("#ops".to_owned()),
            slack_windows: Some("#windows".to_owned()),
            ..ChatPlaces::default()
        }),
    }
}
