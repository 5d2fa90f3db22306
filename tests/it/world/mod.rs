//! The world of the stories: the real use cases, store, templates and reading of mails; time stands still until it is moved.
//!
//! `PATCHBOT_STORIES_ON=postgres` tells every story on PostgreSQL, `PATCHBOT_STORIES_MAIL=lab` by real mail.

pub(crate) mod mails;
pub(crate) mod post;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use patchbot::app::handle::Request;
use patchbot::app::plan::{Keep, Order};
use patchbot::app::recheck::Compared;
use patchbot::app::{App, ChatPlaces};
use patchbot::clock::{Clock, Ids};
use patchbot::domain::answer::Channel;
use patchbot::domain::event::Actor;
use patchbot::domain::ids::PersonId;
use patchbot::domain::inbound::Limits;
use patchbot::domain::person::{Address, Identity, Person, Role};
use patchbot::domain::policy::{Policies, Policy};
use patchbot::domain::quarter::{Quarter, Quarters};
use patchbot::domain::timeline::Every;
use patchbot::domain::window::Window;
use patchbot::mail::auth::{AuthSettings, Authenticator};
use patchbot::mail::ours::Ours;
use patchbot::mail::send::Mailer;
use patchbot::render::Renderer;
use patchbot::ssh::{LoginKey, Remote, Settings};
use patchbot::work::Ticked;
use patchbot::work::due::Scheduler;
use patchbot::work::hosts::{Defaults, Hosts, Times};
use patchbot::work::inbox::InboxReader;
use patchbot::work::outbox::{Outbox, Postman};
use patchbot::work::reports::Reporter;

pub(crate) use mails::Mail;
use post::Post;

use crate::contract::Fresh;

pub(crate) const BOT: &str = "patchbot@patchbot.test";
const QUARTER: &str = "2027-Q1";

/// A throwaway key; no host lets it in.
const KEY: &str = include_str!("../../data/stranger.key");

/// One installation in one database.
pub(crate) struct World {
    pub(crate) app: App,
    outbox: Outbox,
    reporter: Option<Reporter>,
    reader: InboxReader,
    /// The UID of the last mail that came in.
    uid: u32,
    scheduler: Scheduler,
    sent: Arc<Mutex<Vec<patchbot::mail::compose::Composed>>>,
    /// How many of the sent mails have been looked at.
    read: usize,
    sheet: String,
    /// Mails wait, because nobody takes them.
    mail_is_away: bool,
    /// Real servers, when the stories are told by real mail.
    post: Option<Post>,
    _fresh: Fresh,
}

/// `2026-11-24 09:00 Europe/Berlin`.
pub(crate) fn at(text: &str) -> DateTime<Utc> {
    let (time, zone) = text.rsplit_once(' ').unwrap();
    let local = NaiveDateTime::parse_from_str(time, "%Y-%m-%d %H:%M").unwrap();
    zone.parse::<Tz>().unwrap().from_local_datetime(&local).unwrap().with_timezone(&Utc)
}

impl World {
    /// A world at a time, with the default rules.
    pub(crate) async fn new(time: &str) -> Self {
        Self::with(time, Policy::default()).await
    }

    /// A world at a time, with these rules. Nothing is rehearsed: nobody listens where its servers are said to be.
    pub(crate) async fn with(time: &str, policy: Policy) -> Self {
        Self::ruled(time, Policies { default: policy, groups: BTreeMap::new() }).await
    }

    /// The same with rules of its own for each host group.
    pub(crate) async fn ruled(time: &str, mut policies: Policies) -> Self {
        for policy in std::iter::once(&mut policies.default).chain(policies.groups.values_mut()) {
            policy.rehearsals.clear();
        }
        Self::living(time, policies).await
    }

    /// A world that rehearses the pre-checks, and finds none of its servers.
    pub(crate) async fn rehearsing(time: &str, policy: Policy) -> Self {
        Self::living(time, Policies { default: policy, groups: BTreeMap::new() }).await
    }

    async fn living(time: &str, policies: Policies) -> Self {
        let fresh = match std::env::var("PATCHBOT_STORIES_ON").as_deref() {
            Ok("postgres") => crate::contract::postgres().await,
            _ => crate::contract::sqlite().await,
        };
        Self::on(fresh, Post::wanted().await, time, policies)
    }

    /// A world that is always told by real mail, whose servers come and go, with the default rules.
    pub(crate) async fn by_real_mail(time: &str) -> Self {
        let policies = Policies { default: Policy::default(), groups: BTreeMap::new() };
        let mut post = Post::start().await;
        post.restless = true;
        Self::on(crate::contract::sqlite().await, Some(post), time, policies)
    }

    /// A world whose operators and cards are in these places of chat.
    pub(crate) async fn in_places(time: &str, policy: Policy, places: ChatPlaces) -> Self {
        let mut policies = Policies { default: policy, groups: BTreeMap::new() };
        policies.default.rehearsals.clear();
        Self::placed(crate::contract::sqlite().await, None, time, policies, places)
    }

    /// A world without real servers, whose mail server says whose signature holds; nobody is believed without one.
    pub(crate) async fn checked(time: &str) -> Self {
        let mut policies = Policies { default: Policy::default(), groups: BTreeMap::new() };
        policies.default.rehearsals.clear();
        let mut world = Self::on(crate::contract::sqlite().await, None, time, policies);
        let settings = AuthSettings {
            resolver: Some("127.0.0.1:9".parse().unwrap()),
            timeout: Duration::from_millis(100),
            authserv_ids: vec!["mx.patchbot.test".to_owned()],
            trusted_domains: Vec::new(),
        };
        let ours = Ours::new(Address::parse(BOT).unwrap());
        let authenticator = Authenticator::new(settings).unwrap();
        world.reader =
            InboxReader::new(world.app.clone(), ours, authenticator, Limits::default(), "world".to_owned());
        world
    }

    fn on(fresh: Fresh, post: Option<Post>, time: &str, policies: Policies) -> Self {
        let places = ChatPlaces { slack_ops: Some("C0OPS".to_owned()), ..ChatPlaces::default() };
        Self::placed(fresh, post, time, policies, places)
    }

    fn placed(fresh: Fresh, post: Option<Post>, time: &str, policies: Policies, places: ChatPlaces) -> Self {
        let clock = Clock::manual(at(time));
        let app = App {
            public_url: Some("https://patchbot.test".into()),
            store: fresh.store.clone(),
            clock: clock.clone(),
            ids: Ids::Random,
            policies: Arc::new(policies.knowing_each_other()),
            quarters: Arc::new(Quarters::default()),
            zone: Tz::Europe__Berlin,
            chat: Arc::new(places),
        };
        let sent = Arc::default();
        let postman = Postman {
            mailer: match &post {
                Some(post) => post.mailer(),
                None => Mailer::Fake(Arc::clone(&sent)),
            },
            renderer: Arc::new(Renderer::new(None).unwrap()),
            ours: Ours::new(Address::parse(BOT).unwrap()),
            name: "patchbot".to_owned(),
            contact: "olga@patchbot.test".to_owned(),
            signer: None,
        };
        let outbox = Outbox::mail(app.clone(), postman, "world".to_owned(), 2);
        let times = Times {
            facts: Duration::from_secs(5),
            poll: Duration::from_millis(10),
            patience: Duration::from_millis(100),
            settle: Duration::from_millis(100),
        };
        let key = LoginKey::parse(KEY, None, "the stories' key").unwrap();
        let defaults = Defaults { user: "patchadmin".to_owned(), port: 9, key };
        let remote = Remote::new(Settings { lab_only: true, ..Settings::default() });
        let hosts = Hosts::new(remote, defaults, None, times, clock);
        let scheduler = Scheduler::new(app.clone(), hosts, "world".to_owned(), 8);
        let sheet =
            "server_name,primary_owner,secondary_owner,server_timezone,host_group,ip_address\n".to_owned();
        let reader = reader(&app, post.as_ref());
        Self {
            app,
            outbox,
            reporter: None,
            reader,
            uid: 0,
            scheduler,
            sent,
            read: 0,
            sheet,
            mail_is_away: false,
            post,
            _fresh: fresh,
        }
    }

    /// The same database under a program that was started anew.
    pub(crate) fn restarted(self) -> Self {
        let policies = Policies::clone(&self.app.policies);
        self.restarted_under(policies)
    }

    /// The same database under a program that was started anew with these rules.
    pub(crate) fn restarted_under(self, policies: Policies) -> Self {
        let Self { app, sheet, sent, read, uid, post, _fresh, .. } = self;
        let time = app.now().with_timezone(&Tz::UTC).format("%Y-%m-%d %H:%M UTC").to_string();
        let mut world = Self::on(_fresh, post, &time, policies);
        world.sheet = sheet;
        world.uid = uid;
        let earlier = std::mem::take(&mut *sent.lock().unwrap());
        world.sent.lock().unwrap().extend(earlier);
        world.read = read;
        world
    }

    /// The operators get their reports in this story.
    pub(crate) fn reporting(mut self) -> Self {
        self.reporter =
            Some(Reporter::new(self.app.clone(), vec![Every::Daily, Every::Weekly, Every::Monthly]));
        self
    }

    /// From now on nobody takes our mails, or somebody does again.
    pub(crate) async fn mail_server(&mut self, answers: bool) {
        self.mail_is_away = !answers;
        self.settle().await;
    }

    /// The last lines of the outbox, newest first: `monthly_notice to ada@owners.test: sent`.
    pub(crate) async fn outbox(&self, most: i64) -> Vec<String> {
        let rows = self.app.store.read().await.unwrap().latest_notifications(most).await.unwrap();
        let mails = rows.into_iter().filter(|row| row.medium == "mail");
        mails
            .map(|row| {
                let why = row.last_error.map(|why| format!(" ({why})")).unwrap_or_default();
                format!("{} to {}: {}{why}", row.kind, row.recipient, row.state)
            })
            .collect()
    }

    /// Adds a server in Berlin to the sheet that [`World::plan`] imports.
    pub(crate) fn server(self, name: &str, owner: &str) -> Self {
        self.server_in(name, owner, "", "Europe/Berlin")
    }

    /// Adds a server with two owners and a zone.
    pub(crate) fn server_in(mut self, name: &str, owner: &str, second: &str, zone: &str) -> Self {
        let mail = |who: &str| if who.is_empty() { String::new() } else { format!("{who}@owners.test") };
        // Nobody listens at this address.
        self.sheet.push_str(&format!("{name},{},{},{zone},web,127.0.0.9\n", mail(owner), mail(second)));
        self
    }

    /// Has this sheet imported instead.
    pub(crate) fn sheet(mut self, sheet: &str) -> Self {
        sheet.clone_into(&mut self.sheet);
        self
    }

    /// Somebody lives in another zone than the servers.
    pub(crate) async fn lives_in(&mut self, who: &str, zone: &str) {
        let mail = Address::parse(&mail_of(who)).unwrap();
        let mut tx = self.app.store.begin().await.unwrap();
        let known = tx.person_by_mail(&mail).await.unwrap();
        let id = known.as_ref().map_or_else(|| PersonId(self.app.ids.next()), |person| person.id);
        let person = Person {
            id,
            name: mail.to_string(),
            mail: Some(mail),
            zone: zone.parse().ok(),
            role: Role::Owner,
        };
        if known.is_some() {
            tx.update_person(&person).await.unwrap();
        } else {
            tx.insert_person(&person, self.app.now()).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// Imports the sheet and plans the quarter; olga is an operator.
    pub(crate) async fn plan(&mut self) {
        let preview =
            self.app.import(self.sheet.as_bytes(), patchbot::app::import::Apply::Now, &root()).await.unwrap();
        assert_eq!(preview.errors, []);
        self.gives_roles(&["olga"]).await;
        self.plan_quarter(QUARTER).await;
    }

    /// These become operators.
    pub(crate) async fn gives_roles(&self, operators: &[&str]) {
        let mail = |who: &&str| (Address::parse(&mail_of(who)).unwrap(), Role::Operator);
        let roles: Vec<_> = operators.iter().map(mail).collect();
        self.app.give_roles(&roles).await.unwrap();
    }

    /// Plans a quarter.
    pub(crate) async fn plan_quarter(&mut self, quarter: &str) {
        let order = Order::whole(quarter.parse().unwrap(), Keep::Yes);
        let report = self.app.plan(&order, &root()).await.unwrap();
        assert_eq!(report.wrong, Vec::<String>::new());
        self.settle().await;
    }

    /// Looks whether rules or inventory have changed, as the program does all the time: what it came to, or `nothing new`.
    pub(crate) async fn rechecks(&mut self) -> String {
        let compared = self.app.recheck_after_changes().await.unwrap();
        self.settle().await;
        let sentences =
            |all: Vec<Compared>| all.iter().map(Compared::sentence).collect::<Vec<_>>().join("\n");
        compared.map_or_else(|| "nothing new".to_owned(), sentences)
    }

    /// Pins a server's host key, as an administrator does; no host answers to it.
    pub(crate) async fn enrols(&self, name: &str) {
        let called = self.app.store.read().await.unwrap().servers_called(name).await.unwrap();
        self.app.enrolled(&called[0], "ssh-ed25519 AAAA", "SHA256:AAAA", root()).await.unwrap();
    }

    /// Imports a sheet, as an administrator does.
    pub(crate) async fn imports(&mut self, sheet: &str) {
        let preview =
            self.app.import(sheet.as_bytes(), patchbot::app::import::Apply::Now, &root()).await.unwrap();
        assert_eq!(preview.errors, []);
        self.settle().await;
    }

    /// Does everything that is due, and delivers everything that waits, until nothing is left.
    pub(crate) async fn settle(&mut self) {
        loop {
            let due = self.scheduler.tick().await.unwrap();
            self.scheduler.tasks().close();
            self.scheduler.tasks().wait().await;
            self.scheduler.tasks().reopen();
            let reported = match &self.reporter {
                Some(reporter) => reporter.tick().await.unwrap(),
                None => Ticked::default(),
            };
            let sent = if self.mail_is_away { Ticked::default() } else { self.outbox.tick().await.unwrap() };
            if due.is_idle() && reported.is_idle() && sent.is_idle() {
                break;
            }
        }
        self.look_into_mailboxes().await;
    }

    /// Takes what real servers have delivered to people.
    async fn look_into_mailboxes(&mut self) {
        let Some(post) = &mut self.post else { return };
        let mut tx = self.app.store.read().await.unwrap();
        let sent = tx.latest_notifications(100_000).await.unwrap();
        let mut people: Vec<String> = Vec::new();
        let mut count = 0;
        for row in sent.into_iter().filter(|row| row.medium == "mail" && row.state == "sent") {
            count += 1;
            if !people.contains(&row.recipient) {
                people.push(row.recipient);
            }
        }
        let new = post.delivered(&people, count).await;
        self.sent.lock().unwrap().extend(new);
    }

    /// Moves the clock on to a time, stopping at every event on the way.
    pub(crate) async fn sleep_until(&mut self, time: &str) {
        let end = at(time);
        assert!(end >= self.app.now(), "the clock only goes forward");
        self.settle().await;
        while let Some(next) = self.next_due().await.filter(|next| *next <= end) {
            self.app.clock.set(next);
            self.settle().await;
        }
        self.app.clock.set(end);
        self.settle().await;
    }

    async fn next_due(&self) -> Option<DateTime<Utc>> {
        let mut tx = self.app.store.read().await.unwrap();
        let mut earliest: Option<DateTime<Utc>> = None;
        let mut quarters: Vec<Quarter> = Vec::new();
        for window in tx.all_windows().await.unwrap() {
            let subject = patchbot::store::records::Subject::Window(window.id);
            let waiting = tx.waiting(subject, window.quarter).await.unwrap();
            earliest = earliest.into_iter().chain(waiting.map(|waiting| waiting.at)).min();
            if !quarters.contains(&window.quarter) {
                quarters.push(window.quarter);
            }
        }
        for person in tx.all_people().await.unwrap() {
            for quarter in &quarters {
                let subject = patchbot::store::records::Subject::Owner(person.id);
                let waiting = tx.waiting(subject, *quarter).await.unwrap();
                earliest = earliest.into_iter().chain(waiting.map(|waiting| waiting.at)).min();
            }
        }
        let report = self.reporter.as_ref().and_then(Reporter::next_due);
        earliest = earliest.into_iter().chain(report).min();
        earliest.map(|at| at.max(self.app.now() + TimeDelta::microseconds(1)))
    }

    /// Somebody says something in Slack; the whole answer.
    pub(crate) async fn says(&mut self, who: &str, words: &str) -> String {
        let mail = Address::parse(&mail_of(who)).unwrap();
        let request = Request {
            identity: Identity::Slack { team: "T1".to_owned(), user: format!("U-{who}") },
            vouched: Some(mail),
            channel: Channel::Slack,
            command: patchbot_commands::parse(words).unwrap(),
            shown: Vec::new(),
            typed_by: None,
            name: None,
        };
        let answer = self.app.handle(&request).await;
        self.settle().await;
        answer.text()
    }

    /// A server's window as the database has it.
    pub(crate) async fn window(&self, server: &str) -> Window {
        self.window_in(server, QUARTER).await.unwrap()
    }

    /// A server's window in a quarter.
    pub(crate) async fn window_in(&self, server: &str, quarter: &str) -> Option<Window> {
        let mut tx = self.app.store.read().await.unwrap();
        let server = tx.servers_called(server).await.unwrap().remove(0);
        tx.window_of(server.id, quarter.parse().unwrap()).await.unwrap()
    }

    /// Where a window stands: `approved by ada@owners.test by mail`.
    pub(crate) async fn state(&self, server: &str) -> String {
        self.window(server).await.state.phrase()
    }

    /// The sentences of the operators' channel so far.
    pub(crate) async fn alerts(&self) -> Vec<String> {
        self.all_alerts().await.into_iter().map(|alert| alert.headline).collect()
    }

    /// The same with all their lines.
    pub(crate) async fn alert_lines(&self) -> Vec<String> {
        let alerts = self.all_alerts().await.into_iter();
        alerts.flat_map(|alert| std::iter::once(alert.headline).chain(alert.lines)).collect()
    }

    async fn all_alerts(&self) -> Vec<patchbot::domain::message::Alert> {
        let now = self.app.now();
        let claim = patchbot::store::records::Claim { owner: "reader", now, until: now, most: 1000 };
        let mut tx = self.app.store.begin().await.unwrap();
        let messages = tx.claim_notifications(&claim, patchbot::store::records::Medium::Slack).await.unwrap();
        messages
            .into_iter()
            .filter_map(|(message, _)| match message.message {
                patchbot::domain::message::Message::Alert(alert) => Some(alert),
                _ => None,
            })
            .collect()
    }

    /// The audit of one subject, oldest first: `ada@owners.test by mail: web01 is approved …`.
    pub(crate) async fn audit(&self, subject: &str) -> Vec<String> {
        let mut rows = self.app.store.read().await.unwrap().audit_of(subject, 100).await.unwrap();
        rows.reverse();
        rows.into_iter()
            .map(|row| {
                let event = row.event;
                format!("{} {}: {}", event.actor.name, event.actor.channel.phrase(), event.sentence)
            })
            .collect()
    }

    /// The end of a story: every mail was looked at.
    pub(crate) fn done(&mut self) {
        let unread: Vec<String> = self.unread().iter().map(Mail::headline).collect();
        assert!(unread.is_empty(), "mails that the story did not look at: {unread:#?}");
    }
}

/// Reads mails. Without real servers nobody else can send from owners.test to this mailbox, so its senders are proven.
fn reader(app: &App, post: Option<&Post>) -> InboxReader {
    let authenticator = match post {
        Some(post) => post.authenticator(),
        None => believing(),
    };
    let ours = Ours::new(Address::parse(BOT).unwrap());
    InboxReader::new(app.clone(), ours, authenticator, Limits::default(), "world".to_owned())
}

fn believing() -> Authenticator {
    let settings = AuthSettings {
        resolver: Some("127.0.0.1:9".parse().unwrap()),
        timeout: Duration::from_millis(100),
        authserv_ids: Vec::new(),
        trusted_domains: vec!["owners.test".to_owned(), "patchbot.test".to_owned()],
    };
    Authenticator::new(settings).unwrap()
}

pub(crate) fn mail_of(who: &str) -> String {
    let domain = if who == "olga" { "patchbot.test" } else { "owners.test" };
    format!("{who}@{domain}")
}

pub(crate) fn root() -> Actor {
    Actor::outside("root", Channel::Terminal)
}
