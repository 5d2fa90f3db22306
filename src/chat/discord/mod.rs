//! Discord, over its gateway: people are heard over a websocket that we open, so that no port has to be open to the world.
//!
//! * [`Discord::run`] listens: `/patch …` with typed options, clicks, forms, words written to the bot or mentioning it.
//!   Everything is acknowledged at once and worked on in a task of its own, in the order in which a person said things.
//! * [`Discord::deliver`] and [`Discord::show_board`] write, for the outbox and for the night.
//! * [`Discord::check`] looks whether the token and the permissions are right, for `patchbot doctor`.
//!
//! The Web API trusts what the machine trusts; the gateway's websocket trusts the web's usual authorities only. Neither
//! goes through an HTTP proxy: the machine must reach `discord.com` and `gateway.discord.gg` itself.

mod api;
mod check;
pub mod commands;
mod front;
mod gateway;
mod heard;
mod render;
mod writing;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::deliver::Drawing;
use super::{Delivered, Health, Undelivered};
use crate::app::App;
use crate::config::secret::Secret;
use crate::domain::board::Board;
use crate::store::records::Notification;
use api::{Api, Trouble};
use front::Members;

/// The permissions that the bot needs in its channels: the name, the bit, and what for.
pub const PERMISSIONS: &[(&str, u32, &str)] = &[
    ("View Channels", 10, "to be in the channel at all"),
    ("Send Messages", 11, "to post cards and alerts"),
    ("Embed Links", 14, "for cards that are longer than a message"),
    ("Attach Files", 15, "to show the calendar and the progress as pictures"),
    ("Read Message History", 16, "to answer below a card"),
    ("Create Public Threads", 35, "to tell a window's story below its card"),
    ("Send Messages in Threads", 38, "for the same"),
];

/// The gateway intents that the bot asks for, with what for. None of them has to be granted by Discord.
pub const INTENTS: &[(&str, &str)] = &[
    (
        "GUILD_MESSAGES",
        "to hear where the bot is mentioned; what does not mention it arrives without its words",
    ),
    ("DIRECT_MESSAGES", "to hear what is written to the bot"),
];

/// How Discord is reached, and whom it may hear.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The base of the Web API: `https://discord.com`.
    pub api_url: String,
    /// The bot's token.
    pub token: Secret,
    /// The id of the server in Discord, whose members are listened to.
    pub guild: String,
    /// How long a call of the Web API may take.
    pub timeout: Duration,
    /// A connection that could not be opened is tried again after a second, and then longer each time, up to this.
    pub reconnect_after: Duration,
}

impl Settings {
    /// The usual settings.
    #[must_use]
    pub fn new(token: Secret, guild: impl Into<String>) -> Self {
        Self {
            api_url: "https://discord.com".to_owned(),
            token,
            guild: guild.into(),
            timeout: Duration::from_secs(10),
            reconnect_after: Duration::from_secs(60),
        }
    }
}

/// Settings that cannot be used, with the way out.
#[derive(Debug, thiserror::Error)]
pub enum NotUsable {
    /// No client for HTTP can be made.
    #[error("the machine's trust store cannot be read: {0}; install ca-certificates, or set SSL_CERT_FILE")]
    TrustStore(String),
    /// The base is no address.
    #[error("\"{0}\" is no address of a Web API; leave it out, or write it as https://discord.com")]
    Url(String),
}

/// Who we are in Discord.
#[derive(Debug, Clone)]
struct Us {
    /// The bot's user.
    user: String,
    name: String,
    /// The application.
    application: String,
}

/// One server of Discord. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Discord(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    api: Api,
    app: App,
    us: OnceCell<Us>,
    members: Members,
    conversations: Mutex<HashMap<String, String>>,
    wire: Mutex<Wire>,
    drawing: Drawing,
}

/// How the gateway stands.
#[derive(Debug, Default)]
struct Wire {
    connected: bool,
    lost: Option<DateTime<Utc>>,
    why: Option<String>,
}

impl Discord {
    /// Makes ready to talk to Discord, and does not talk yet: whether Discord is reachable must not decide whether
    /// patchbot starts.
    ///
    /// # Errors
    /// When the machine has no trust store, or the address is none.
    pub fn new(settings: Settings, app: App) -> Result<Self, NotUsable> {
        Ok(Self(Arc::new(Inner {
            api: Api::new(&settings)?,
            settings,
            app,
            us: OnceCell::new(),
            members: Members::default(),
            conversations: Mutex::default(),
            wire: Mutex::default(),
            drawing: Drawing::default(),
        })))
    }

    /// Listens until it is told to stop; what was accepted by then is answered.
    pub async fn run(&self, stop: CancellationToken) {
        gateway::listen(&self.0, stop).await;
    }

    /// Delivers a message of the outbox.
    ///
    /// # Errors
    /// What to do about it is told by the error's kind.
    pub async fn deliver(&self, message: &Notification) -> Result<Delivered, Undelivered> {
        super::deliver_through(&*self.0, message).await
    }

    /// Keeps the message that tells a night in a channel; `false` when it tells so already.
    ///
    /// # Errors
    /// What to do about it is told by the error's kind.
    pub async fn show_board(&self, place: &str, board: &Board) -> Result<bool, Undelivered> {
        super::deliver::board(&*self.0, place, board).await
    }

    /// Whether people can be heard.
    #[must_use]
    pub fn health(&self) -> Health {
        let wire = self.0.wire();
        match (wire.connected, wire.lost) {
            (true, _) => Health::Connected,
            (false, Some(since)) => Health::Disconnected { since, why: wire.why.clone() },
            (false, None) => Health::Connecting { why: wire.why.clone() },
        }
    }

    /// Looks whether the token and the permissions are as they should be.
    pub async fn check(&self) -> super::Checked {
        check::check(&self.0).await
    }
}

impl Inner {
    fn wire(&self) -> std::sync::MutexGuard<'_, Wire> {
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who we are; asked once.
    async fn us(&self) -> Result<&Us, Trouble> {
        let ask = || async {
            let user = self.api.get("/users/@me").await?;
            let application = self.api.get("/applications/@me").await?;
            let word = |value: &serde_json::Value, name: &str| {
                value.get(name).and_then(serde_json::Value::as_str).map(str::to_owned)
            };
            let missing = || Trouble::Unreachable("the answer is not what Discord answers".to_owned());
            Ok(Us {
                user: word(&user, "id").ok_or_else(missing)?,
                name: word(&user, "username").unwrap_or_default(),
                application: word(&application, "id").ok_or_else(missing)?,
            })
        };
        self.us.get_or_try_init(ask).await
    }

    /// People can be heard.
    fn opened(&self) {
        let mut wire = self.wire();
        *wire = Wire { connected: true, ..Wire::default() };
        metrics::gauge!("patchbot_discord_connected").set(1.0);
    }

    /// People cannot be heard, or not yet.
    fn closed(&self, why: Option<String>) {
        let now = self.app.now();
        let mut wire = self.wire();
        if wire.connected {
            wire.lost = Some(now);
        }
        wire.connected = false;
        wire.why = why.or_else(|| wire.why.take());
        metrics::gauge!("patchbot_discord_connected").set(0.0);
    }
}
