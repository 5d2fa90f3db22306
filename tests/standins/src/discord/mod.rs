//! Discord as a server on loopback: one guild, one application, and people who use it.
//!
//! [`Discord::start`] opens a guild. The bot under test is pointed at [`Discord::api_url`] and talks to it over real
//! HTTP and a real websocket; the test plays the people. What Discord would refuse is refused and remembered, and
//! [`Discord::finish`] fails when anything was, or when anybody was left without an answer.

mod gateway;
mod message;
mod people;
mod rest;
mod rules;
mod state;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::Router;
use axum::routing::{any, get};
use tokio::net::TcpListener;

pub use message::Seen;
pub use people::{Exchange, Member, Modal};
pub use state::Cut;
use state::{Shared, State};

/// The token of the bot.
pub const TOKEN: &str = "stand-in.discord.token";
/// The bot's own user.
pub const BOT: &str = "100000000000000001";
/// The application.
pub const APPLICATION: &str = "100000000000000002";
/// The guild.
pub const GUILD: &str = "100000000000000003";
/// So long does Discord wait for the first answer to something that a person did.
pub(crate) const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(3);
/// So long is waited for what should happen; longer than any machine needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A guild. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Discord {
    pub(crate) shared: Arc<Shared>,
    address: std::net::SocketAddr,
}

impl Discord {
    /// Opens a guild.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(format!("ws://{address}/gateway")));
        let routes = Router::new()
            .route("/gateway", get(gateway::open))
            .route("/gateway/", get(gateway::open))
            .route("/api/v10/{*path}", any(rest::call))
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move {
            let _ended = axum::serve(listener, routes).await;
        });
        Ok(Self { shared, address })
    }

    /// The base of the Web API.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes a channel, and gives its id.
    #[must_use]
    pub fn channel(&self, name: &str) -> String {
        self.shared.with(|state| {
            let id = state.next_id();
            state.channels.insert(id.clone(), state::Channel { name: name.to_owned(), ..Default::default() });
            id
        })
    }

    /// Takes permissions away from the bot in a channel.
    pub fn denies(&self, channel: &str, bits: u64) {
        self.shared.with(|state| {
            if let Some(channel) = state.channels.get_mut(channel) {
                channel.denied |= bits;
            }
        });
    }

    /// A member of the guild.
    #[must_use]
    pub fn member(&self, name: &str) -> Member {
        self.person(name, true)
    }

    /// Somebody who is no member.
    #[must_use]
    pub fn stranger(&self, name: &str) -> Member {
        self.person(name, false)
    }

    fn person(&self, name: &str, is_member: bool) -> Member {
        let id = self.shared.with(|state| {
            let id = state.next_id();
            if is_member {
                state.members.insert(id.clone(), name.to_owned());
            }
            id
        });
        Member { discord: self.clone(), id, name: name.to_owned(), is_member }
    }

    /// What is in a channel, the oldest first.
    #[must_use]
    pub fn messages(&self, channel: &str) -> Vec<Seen> {
        self.shared.look(|state| {
            let ids = state.channels.get(channel).map(|channel| channel.messages.clone()).unwrap_or_default();
            ids.iter().filter_map(|id| state.messages.get(id).cloned()).collect()
        })
    }

    /// A message by its id, as it is now.
    #[must_use]
    pub fn message(&self, id: &str) -> Option<Seen> {
        self.shared.look(|state| state.messages.get(id).cloned())
    }

    /// What was registered as commands.
    #[must_use]
    pub fn commands(&self) -> serde_json::Value {
        self.shared.look(|state| state.commands.clone())
    }

    /// The next messages to a channel are refused for a while: 429.
    pub fn limits(&self, channel: &str, times: u32, after: Duration) {
        self.shared.with(|state| {
            state.limits.insert(channel.to_owned(), (times, after));
        });
    }

    /// From now on each so-many-th call of the Web API, whatever it is, is refused for a while: 429; none of them for 0.
    pub fn limits_every(&self, number: usize, after: Duration) {
        self.shared.with(|state| state.crowded = (number > 0).then_some((number, after)));
    }

    /// The next calls of the Web API fail with a status.
    pub fn breaks(&self, times: u32, status: u16) {
        self.shared.with(|state| state.broken = Some((times, status)));
    }

    /// Calls whose path holds a word are held up until [`Discord::lets_go`]; one whose caller is gone by then has not
    /// happened.
    pub fn holds(&self, word: &str) {
        self.shared.with(|state| {
            state.held.push(word.to_owned());
            state.holding = 0;
        });
    }

    /// Waits until a call is held up.
    ///
    /// # Errors
    /// When none is made.
    pub async fn wait_for_a_held_call(&self) -> anyhow::Result<()> {
        self.wait(|state| state.holding > 0).await.context("nothing was to be held up")
    }

    /// Nothing is held up any more.
    pub fn lets_go(&self) {
        self.shared.with(|state| state.held.clear());
    }

    /// Nobody is there any more: calls fail, connections break, and none is opened.
    pub fn goes_down(&self) {
        self.shared.with(|state| state.is_down = true);
        self.cuts(Cut::Drop);
    }

    /// It is there again.
    pub fn comes_back(&self) {
        self.shared.with(|state| state.is_down = false);
    }

    /// Whoever identifies himself from now on is sent away with a code.
    pub fn refuses(&self, code: u16) {
        self.shared.with(|state| state.refuses = Some(code));
    }

    /// How often somebody tried to identify himself, whatever came of it.
    #[must_use]
    pub fn tries(&self) -> usize {
        self.shared.look(|state| state.tried)
    }

    /// From the next connection on the bot shows that it is there so often.
    pub fn beats_every(&self, interval: Duration) {
        let interval = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        self.shared.with(|state| state.heartbeat = Some(interval));
    }

    /// Ends the connections of the gateway in some way.
    pub fn cuts(&self, cut: Cut) {
        let _nobody = self.shared.cuts.send(cut);
    }

    /// Waits until the bot is connected, for the so-many-th time.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn wait_for_session(&self, number: usize) -> anyhow::Result<()> {
        self.wait(|state| state.identified.saturating_add(state.resumed) >= number)
            .await
            .with_context(|| format!("the bot did not connect {number} times"))
    }

    /// How often the bot has identified itself anew, and how often it went on where it was.
    #[must_use]
    pub fn sessions(&self) -> (usize, usize) {
        self.shared.look(|state| (state.identified, state.resumed))
    }

    /// Waits until a channel holds a message that fits.
    ///
    /// # Errors
    /// When none comes.
    pub async fn wait_for(&self, channel: &str, fits: impl Fn(&Seen) -> bool) -> anyhow::Result<Seen> {
        let find = |state: &State| {
            let ids = &state.channels.get(channel)?.messages;
            ids.iter().filter_map(|id| state.messages.get(id)).find(|seen| fits(seen)).cloned()
        };
        self.wait(|state| find(state).is_some()).await.context("no such message came")?;
        self.shared.look(|state| find(state)).context("the message is gone again")
    }

    pub(crate) async fn wait(&self, until: impl Fn(&State) -> bool) -> anyhow::Result<()> {
        let mut changes = self.shared.changes.subscribe();
        let wait = async {
            loop {
                changes.borrow_and_update();
                if self.shared.look(&until) {
                    return;
                }
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.map_err(|_| anyhow::anyhow!("it did not happen"))
    }

    /// Sends an event that no library knows how to read, or that a newer one would.
    pub fn dispatches(&self, kind: &str, data: &serde_json::Value) {
        self.shared.dispatch(kind, data);
    }

    /// Ends the story: everybody was answered, and nothing was done that Discord would refuse.
    ///
    /// # Errors
    /// With everything that was wrong.
    pub async fn finish(&self) -> anyhow::Result<()> {
        let waited =
            self.wait(|state| state.interactions.values().all(state::Interaction::is_answered)).await;
        let wrong = self.shared.look(|state| {
            let mut wrong = state.wrong.clone();
            if waited.is_err() {
                wrong.extend(
                    state
                        .interactions
                        .values()
                        .filter(|interaction| !interaction.is_answered())
                        .map(|interaction| format!("{} was left without an answer", interaction.what)),
                );
            }
            wrong
        });
        if !wrong.is_empty() {
            bail!("{}", wrong.join("\n"));
        }
        Ok(())
    }

    /// How many calls of the Web API were refused because there were too many.
    #[must_use]
    pub fn limited(&self) -> usize {
        self.shared.look(|state| state.limited)
    }

    /// What Discord would have refused so far, and forgets it.
    #[must_use]
    pub fn take_wrong(&self) -> Vec<String> {
        self.shared.with(|state| std::mem::take(&mut state.wrong))
    }
}
