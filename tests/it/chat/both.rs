//! A quarter that is told on two platforms at once: one installation, a Slack and a Discord, people who are on both.

use std::time::Duration;

use patchbot::app::ChatPlaces;
use patchbot::chat::{Chat, discord, slack};
use patchbot::config::secret::Secret;
use patchbot::domain::ids::NoticeId;
use patchbot::domain::message::Message as Outgoing;
use patchbot::domain::person::{Address, Identity};
use patchbot::domain::policy::Policy;
use patchbot::store::records::Notification;
use patchbot::work::board::Boards;
use patchbot::work::outbox::Outbox;
use patchbot_standins::discord::{BOT, Discord, GUILD, Member, Seen, TOKEN};
use patchbot_standins::slack::{Channel, Message, Person, Slack};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::world::{World, mail_of};

pub(crate) const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";

/// Where something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Slack,
    Discord,
}

/// Somebody who is on both platforms.
pub(crate) struct Someone {
    pub(crate) slack: Person,
    pub(crate) discord: Member,
}

/// A place where messages stand.
#[derive(Clone, Copy)]
pub(crate) enum At<'a> {
    Ops,
    Windows,
    With(&'a Someone),
}

/// A message on a screen.
#[expect(clippy::large_enum_variant, reason = "a story holds a few of them")]
#[derive(Clone)]
pub(crate) enum Shown {
    Slack(Message),
    Discord(Seen),
}

impl Shown {
    /// What stands there. Slack has buttons before the small print, Discord behind it; here they come last.
    pub(crate) fn text(&self) -> String {
        let text = match self {
            Self::Slack(message) => message.as_text(),
            Self::Discord(seen) => seen.as_text(),
        };
        let (buttons, words): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with('['));
        words.into_iter().chain(buttons).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn buttons(&self) -> Vec<String> {
        match self {
            Self::Slack(message) => message.button_labels(),
            Self::Discord(seen) => seen.button_labels(),
        }
    }
}

/// Everything together.
pub(crate) struct Both {
    pub(crate) world: World,
    pub(crate) slack: Slack,
    pub(crate) discord: Discord,
    chats: Vec<Chat>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    slack_ops: Channel,
    slack_windows: Channel,
    discord_ops: String,
    discord_windows: String,
}

impl Both {
    /// An installation on a Tuesday, with the default rules.
    pub(crate) async fn new() -> Self {
        Self::with(Policy::default()).await
    }

    pub(crate) async fn with(policy: Policy) -> Self {
        // The app has what its manifest asks for, and nothing else.
        let installed = Slack::builder().installed(super::apps::MANIFEST).unwrap();
        let (slack, discord) = (installed.start().await.unwrap(), Discord::start().await.unwrap());
        let (slack_ops, slack_windows) = (slack.channel("ops"), slack.channel("windows"));
        let (discord_ops, discord_windows) = (discord.channel("ops"), discord.channel("windows"));
        let places = ChatPlaces {
            slack_ops: Some(slack_ops.id().to_owned()),
            slack_windows: Some(slack_windows.id().to_owned()),
            discord_ops: Some(discord_ops.clone()),
            discord_windows: Some(discord_windows.clone()),
        };
        let world = World::in_places(TUESDAY, policy, places).await;
        let mut settings =
            slack::Settings::new(Secret::new(slack.app_token()), Secret::new(slack.bot_token()));
        settings.api_url = slack.api_url();
        settings.connections = 1;
        settings.reconnect_after = Duration::from_secs(1);
        settings.timeout = Duration::from_secs(2);
        let on_slack = Chat::Slack(slack::Slack::new(settings, world.app.clone()).unwrap());
        let mut settings = discord::Settings::new(Secret::new(TOKEN), GUILD);
        settings.api_url = discord.api_url();
        settings.timeout = Duration::from_secs(2);
        let on_discord = Chat::Discord(discord::Discord::new(settings, world.app.clone()).unwrap());
        let stop = CancellationToken::new();
        let chats = vec![on_slack, on_discord];
        let tasks = chats.iter().map(|chat| {
            let (chat, stop) = (chat.clone(), stop.clone());
            tokio::spawn(async move { chat.run(stop).await })
        });
        let tasks = tasks.collect();
        slack.wait_for_sockets(1).await.unwrap();
        discord.wait_for_session(1).await.unwrap();
        Self {
            world,
            slack,
            discord,
            chats,
            stop,
            tasks,
            slack_ops,
            slack_windows,
            discord_ops,
            discord_windows,
        }
    }

    /// Plans the quarter with these servers, each with its owners, whose accounts are known; everybody is told.
    pub(crate) async fn plans(&mut self, servers: &[(&str, &str, &str)]) {
        if !servers.is_empty() {
            self.imports(servers).await;
        }
        self.world.plan_quarter("2027-Q1").await;
        self.settle().await;
    }

    /// Imports these servers, each with its owners, and asks nobody yet.
    pub(crate) async fn imports(&mut self, servers: &[(&str, &str, &str)]) {
        let mut sheet =
            "server_name,primary_owner,secondary_owner,server_timezone,host_group,ip_address\n".to_owned();
        for (name, owner, second) in servers {
            let second = if second.is_empty() { String::new() } else { mail_of(second) };
            sheet.push_str(&format!("{name},{},{second},Europe/Berlin,web,127.0.0.9\n", mail_of(owner)));
        }
        self.world.imports(&sheet).await;
        self.world.gives_roles(&["olga", "otto"]).await;
        self.settle().await;
    }

    /// Somebody who is on both platforms and known there.
    pub(crate) async fn knows(&self, name: &'static str) -> Someone {
        let someone = self.stranger(name);
        let app = &self.world.app;
        let mail = Address::parse(&mail_of(name)).unwrap();
        let mut tx = app.store.begin().await.unwrap();
        let person = tx.person_by_mail(&mail).await.unwrap().unwrap();
        for identity in [self.identity(&someone, On::Slack), self.identity(&someone, On::Discord)] {
            tx.link_identity(&identity, person.id, app.now()).await.unwrap();
        }
        tx.commit().await.unwrap();
        someone
    }

    /// Somebody who is on both platforms, whom nobody knows.
    pub(crate) fn stranger(&self, name: &'static str) -> Someone {
        let slack = self.slack.person(name).zone("Europe/Berlin").unwrap();
        let someone = Someone { slack, discord: self.discord.member(name) };
        self.slack_ops.with([&someone.slack]);
        self.slack_windows.with([&someone.slack]);
        someone
    }

    pub(crate) fn identity(&self, who: &Someone, on: On) -> Identity {
        match on {
            On::Slack => {
                Identity::Slack { team: self.slack.team().to_owned(), user: who.slack.id().to_owned() }
            }
            On::Discord => Identity::Discord { user: who.discord.id().to_owned() },
        }
    }

    /// Everything that is due is done, and everything that waits goes out, by mail and on both platforms.
    pub(crate) async fn settle(&mut self) {
        loop {
            self.world.settle().await;
            let mut sent = 0;
            for chat in &self.chats {
                let outbox = Outbox::chat(self.world.app.clone(), chat.clone(), "both".to_owned());
                sent += outbox.tick().await.unwrap().0;
            }
            if sent == 0 {
                return;
            }
        }
    }

    /// A platform is away.
    pub(crate) fn goes_down(&self, on: On) {
        match on {
            On::Slack => self.slack.goes_down(),
            On::Discord => self.discord.goes_down(),
        }
    }

    /// It is there again, and patchbot has found it.
    pub(crate) async fn comes_back(&self, on: On) {
        match on {
            On::Slack => {
                let before = self.slack.sockets();
                self.slack.comes_back();
                self.slack.wait_for_a_new_socket(&before).await.unwrap();
            }
            On::Discord => {
                let (identified, resumed) = self.discord.sessions();
                self.discord.comes_back();
                self.discord.wait_for_session(identified + resumed + 1).await.unwrap();
            }
        }
    }

    /// Draws the board of the night where the operators are.
    pub(crate) async fn draws_the_board(&self) {
        for (chat, place) in self.chats.iter().zip([self.slack_ops.id(), &self.discord_ops]) {
            let boards = Boards::new(self.world.app.clone(), chat.clone(), place.to_owned());
            boards.tick().await.unwrap();
        }
    }

    pub(crate) async fn sleep_until(&mut self, time: &str) {
        self.world.sleep_until(time).await;
        self.settle().await;
    }

    /// Somebody says something to patchbot; what is answered to him alone.
    pub(crate) async fn says(&mut self, who: &Someone, on: On, words: &str) -> String {
        let text = self.hears(who, on, words).await;
        self.settle().await;
        text
    }

    /// The same, and nothing that follows from it happens yet.
    pub(crate) async fn hears(&self, who: &Someone, on: On, words: &str) -> String {
        match on {
            On::Slack => {
                let said = who.slack.slash("/patch", words).await.unwrap();
                said.wait_for(Message::is_ephemeral).await.unwrap().as_text()
            }
            On::Discord => {
                let place = who.discord.conversation();
                let said = who.discord.patch(&place, "say", &[("words", words)]).unwrap();
                said.answer().await.unwrap().as_text()
            }
        }
    }

    /// Somebody asks for something long; all of its pages.
    pub(crate) async fn says_in_pages(&mut self, who: &Someone, on: On, words: &str) -> String {
        let whole = |pages: &[String]| pages.iter().any(|page| page.contains("-38.datacentre"));
        match on {
            On::Slack => {
                let said = who.slack.slash("/patch", words).await.unwrap();
                said.wait_for(|seen| whole(&[seen.as_text()])).await.unwrap();
                said.seen().iter().map(Message::as_text).collect::<Vec<_>>().join("\n")
            }
            On::Discord => {
                let place = who.discord.conversation();
                let said = who.discord.patch(&place, "say", &[("words", words)]).unwrap();
                loop {
                    let pages: Vec<String> = said.answers().unwrap().iter().map(Seen::as_text).collect();
                    if whole(&pages) {
                        return pages.join("\n");
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
    }

    /// patchbot tells a place something; what stands there then that was not there before.
    pub(crate) async fn tells(&self, on: On, at: At<'_>, message: Outgoing) -> Vec<String> {
        let before = self.reads(on, at).len();
        let (chat, place) = match on {
            On::Slack => (&self.chats[0], self.slack_ops.id()),
            On::Discord => (&self.chats[1], self.discord_ops.as_str()),
        };
        let told = Notification {
            id: NoticeId(self.world.app.ids.next()),
            medium: chat.medium(),
            recipient: place.to_owned(),
            person: None,
            window: None,
            message,
            attempts: 0,
            created_at: self.world.app.now(),
        };
        chat.deliver(&told).await.unwrap();
        self.reads(on, at).iter().skip(before).map(Shown::text).collect()
    }

    /// Somebody clicks; what is answered to him alone.
    pub(crate) async fn clicks(&mut self, who: &Someone, on: &Shown, label: &str) -> String {
        let text = match on {
            Shown::Slack(message) => {
                let clicked = who.slack.clicks(message, label).await.unwrap();
                clicked.wait_for(Message::is_ephemeral).await.unwrap().as_text()
            }
            Shown::Discord(seen) => {
                who.discord.clicks(seen, label).unwrap().answer().await.unwrap().as_text()
            }
        };
        self.settle().await;
        text
    }

    /// Somebody mentions patchbot in the thread below a card; what is answered to him alone.
    pub(crate) async fn writes_in_the_thread(&mut self, who: &Someone, below: &Shown, words: &str) -> String {
        let text = match below {
            Shown::Slack(message) => {
                let text = format!("<@{}> {words}", self.slack.bot_user());
                let said = who.slack.replies_to(message, &text).await.unwrap();
                said.wait_for(Message::is_ephemeral).await.unwrap().as_text()
            }
            Shown::Discord(seen) => {
                let direct = who.discord.conversation();
                let before = self.discord.messages(&direct);
                let _said = who.discord.writes(seen.id(), &format!("<@{BOT}> {words}"), None);
                let new = |seen: &Seen| before.iter().all(|known| known.id() != seen.id());
                self.discord.wait_for(&direct, new).await.unwrap().as_text()
            }
        };
        self.settle().await;
        text
    }

    /// Somebody asks for something that is drawn: the words, what stands for the picture, and its bytes.
    pub(crate) async fn asks_for_a_picture(
        &mut self,
        who: &Someone,
        on: On,
        words: &str,
        name: &str,
    ) -> (String, String, Vec<u8>) {
        match on {
            On::Slack => {
                let said = self.says(who, on, words).await;
                let shown = |seen: &Message| seen.files().iter().any(|file| file.name == name);
                let shown = who.slack.wait_for_message(shown).await.unwrap();
                let file = shown.files().remove(0);
                assert_eq!(shown.channel(), who.slack.dm().id(), "a file is seen by all who are where it is");
                (said, file.alt.unwrap(), file.bytes)
            }
            On::Discord => {
                let place = who.discord.conversation();
                let said = who.discord.patch(&place, "say", &[("words", words)]).unwrap();
                let shown = said.picture().await.unwrap();
                let (found, alt, bytes) = shown.files()[0].clone();
                assert_eq!((found.as_str(), shown.is_ephemeral()), (name, true));
                (said.answer().await.unwrap().as_text(), alt, bytes)
            }
        }
    }

    /// Everything that stands in a place, threads left out.
    pub(crate) fn reads(&self, on: On, at: At<'_>) -> Vec<Shown> {
        match on {
            On::Slack => {
                let channel = match at {
                    At::Ops => self.slack_ops.clone(),
                    At::Windows => self.slack_windows.clone(),
                    At::With(who) => who.slack.dm(),
                };
                channel.messages().into_iter().map(Shown::Slack).collect()
            }
            On::Discord => {
                let channel = match at {
                    At::Ops => self.discord_ops.clone(),
                    At::Windows => self.discord_windows.clone(),
                    At::With(who) => who.discord.conversation(),
                };
                self.discord.messages(&channel).into_iter().map(Shown::Discord).collect()
            }
        }
    }

    /// Everything that stands in a place, and then what stands in its threads.
    pub(crate) fn reads_threads_too(&self, on: On, at: At<'_>) -> Vec<Shown> {
        let mut all = self.reads(on, at);
        let threads: Vec<Shown> = all.iter().flat_map(|seen| self.thread(seen, at)).collect();
        all.extend(threads);
        all
    }

    /// The last message of a place, or of a thread there, that holds these words.
    pub(crate) fn finds(&self, on: On, at: At<'_>, words: &str) -> Shown {
        let all = self.reads_threads_too(on, at);
        let texts: Vec<String> = all.iter().map(Shown::text).collect();
        let found = all.into_iter().rfind(|seen| seen.text().contains(words));
        found.unwrap_or_else(|| panic!("nothing says {words:?} on {on:?}: {texts:#?}"))
    }

    /// What stands in the thread below a message.
    pub(crate) fn thread(&self, below: &Shown, at: At<'_>) -> Vec<Shown> {
        match below {
            Shown::Slack(message) => {
                let channel = match at {
                    At::Ops => &self.slack_ops,
                    At::Windows => &self.slack_windows,
                    At::With(who) => &who.slack.dm(),
                };
                channel.thread(message).into_iter().map(Shown::Slack).collect()
            }
            Shown::Discord(seen) => {
                self.discord.messages(seen.id()).into_iter().map(Shown::Discord).collect()
            }
        }
    }

    /// Keeps what stands on the screens as the platforms got it, for a person who wants to look at it as people see it:
    /// `PATCHBOT_SCREENS=/tmp/screens cargo nextest run chat::alike`.
    fn keeps_its_screens(&self) {
        let Ok(folder) = std::env::var("PATCHBOT_SCREENS") else { return };
        let screens: Vec<serde_json::Value> = [On::Slack, On::Discord]
            .into_iter()
            .flat_map(|on| [At::Ops, At::Windows].map(|at| (on, at)))
            .flat_map(|(on, at)| self.reads(on, at))
            .map(|shown| match shown {
                Shown::Slack(message) => serde_json::json!({"slack": message.blocks()}),
                Shown::Discord(seen) => serde_json::json!({"discord": seen.body()}),
            })
            .collect();
        let name = std::thread::current().name().unwrap_or("story").replace("::", "-");
        let file = std::path::Path::new(&folder).join(format!("{name}.json"));
        std::fs::write(file, serde_json::to_vec_pretty(&screens).unwrap()).unwrap();
    }

    /// Ends the story: everybody was answered, nothing was refused, no mail is left unread.
    pub(crate) async fn ends(mut self) {
        self.settle().await;
        self.keeps_its_screens();
        self.slack.finish().await.unwrap();
        self.discord.finish().await.unwrap();
        self.stop.cancel();
        for task in self.tasks.drain(..) {
            task.await.unwrap();
        }
    }
}

/// The same story on each platform, told alike; what was read.
pub(crate) async fn alike<F>(story: F) -> String
where
    F: AsyncFn(Both, On) -> Vec<String>,
{
    let on_slack = Box::pin(story(Both::new().await, On::Slack)).await.join("\n\n");
    let on_discord = Box::pin(story(Both::new().await, On::Discord)).await.join("\n\n");
    let (on_slack, on_discord) = (plain(&on_slack), plain(&on_discord));
    assert!(on_slack == on_discord, "In Slack:\n{on_slack}\n\nIn Discord:\n{on_discord}");
    on_slack
}

/// Words without what belongs to a platform: Discord's groups of commands, its name, random codes.
pub(crate) fn plain(text: &str) -> String {
    let text = text.replace("/patch ops ", "/patch ").replace("/patch me ", "/patch ");
    let text = text.replace("in Slack", "in chat").replace("in Discord", "in chat");
    let mut out = Vec::new();
    for line in text.lines() {
        let mut words: Vec<&str> = line.split(' ').collect();
        for at in 1..words.len() {
            let code = words[at].trim_end_matches(['.', ',', ';', '"']);
            let is_code =
                code.len() >= 4 && code.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
            let before = words[at - 1].trim_start_matches('"');
            if is_code && ["confirm", "cancel", "link", "for", "under"].contains(&before) {
                words[at] = match words[at].strip_prefix(code) {
                    Some(".") => "CODE.",
                    Some(";") => "CODE;",
                    Some(",") => "CODE,",
                    _ => "CODE",
                };
            }
        }
        out.push(words.join(" "));
    }
    out.join("\n")
}

/// The code that is asked for.
pub(crate) fn code_in(text: &str) -> String {
    let (_, behind) = text.split_once("confirm ").unwrap_or_else(|| panic!("no code in: {text}"));
    behind.chars().take_while(char::is_ascii_alphanumeric).collect()
}
