//! Slack, in Socket Mode: people are heard over websockets that we open, so that no port has to be open to the world.
//!
//! * [`Slack::run`] listens: `/patch …`, clicks on cards, words written to the app or mentioning it. Each envelope is
//!   acknowledged at once and worked on in a task of its own, in the order in which a person said things.
//! * [`Slack::deliver`] and [`Slack::show_board`] write, for the outbox and for the night.
//! * [`Slack::check`] looks whether tokens and scopes are right, for `patchbot doctor`.
//!
//! TLS trusts what the machine trusts (`SSL_CERT_FILE` is honoured). Neither the Web API nor the websockets go through
//! an HTTP proxy: the machine must reach `slack.com` and `wss-primary.slack.com` itself.

mod api;
mod check;
mod envelope;
mod forms;
mod front;
pub mod manifest;
mod outbound;
mod people;
mod render;
mod socket;
mod telling;
mod typed;

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::deliver::Drawing;
use super::{Delivered, Health, Undelivered};
use crate::app::App;
use crate::config::secret::Secret;
use crate::domain::board::Board;
use crate::store::records::{Medium, Notification};
use api::{Api, Trouble};
use people::People;

/// The scopes that the app needs, with what for.
pub const SCOPES: &[(&str, &str)] = &[
    ("chat:write", "to post cards and answers"),
    ("commands", "for the slash command"),
    ("im:write", "to write to owners directly"),
    ("im:history", "to hear what is written to the app"),
    ("app_mentions:read", "to hear where the app is mentioned"),
    ("users:read", "to tell members from guests, and to know their time zones"),
    ("files:write", "to show the calendar and the progress as pictures"),
];

/// Scopes that make something better and are not needed, with what for.
pub const USEFUL_SCOPES: &[(&str, &str)] = &[
    (
        "channels:history",
        "to find a message in a public channel whose confirmation was lost, instead of posting it twice",
    ),
    ("groups:history", "the same in private channels"),
];

/// The scope that is needed when addresses in Slack may stand for people.
pub const MAIL_SCOPE: (&str, &str) = ("users:read.email", "to know people by their mail address");

/// The events that the app subscribes to.
pub const EVENTS: &[&str] = &["app_home_opened", "app_mention", "message.im"];

/// How Slack is reached, and what is believed of it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The base of the Web API: `https://slack.com/api`.
    pub api_url: String,
    /// The app-level token for Socket Mode: `xapp-…`.
    pub app_token: Secret,
    /// The bot token for everything else: `xoxb-…`.
    pub bot_token: Secret,
    /// The slash command as it is registered: `/patch`.
    pub command: String,
    /// Whether the address that Slack has confirmed for somebody stands for the person with that address.
    pub match_mail: bool,
    /// How long a call of the Web API may take.
    pub timeout: Duration,
    /// How many websockets are open at a time; with two, one can be renewed while the other hears.
    pub connections: u32,
    /// A connection that could not be opened is tried again after a second, and then longer each time, up to this.
    pub reconnect_after: Duration,
    /// How often a websocket is asked whether it is still there; after two times without an answer it is renewed.
    pub ping_every: Duration,
}

impl Settings {
    /// The usual settings, with these tokens.
    #[must_use]
    pub fn new(app_token: Secret, bot_token: Secret) -> Self {
        Self {
            api_url: "https://slack.com/api".to_owned(),
            app_token,
            bot_token,
            command: "/patch".to_owned(),
            match_mail: false,
            timeout: Duration::from_secs(10),
            connections: 2,
            reconnect_after: Duration::from_secs(30),
            ping_every: Duration::from_secs(15),
        }
    }
}

/// Settings that cannot be used, with the way out.
#[derive(Debug, thiserror::Error)]
pub enum NotUsable {
    /// No certificate authorities are installed.
    #[error("the machine's trust store cannot be read: {0}; install ca-certificates, or set SSL_CERT_FILE")]
    TrustStore(String),
    /// The base is no address.
    #[error("\"{0}\" is no address of a Web API; leave it out, or write it as https://slack.com/api")]
    Url(String),
}

/// A message in Slack: its channel's id and its timestamp, written `C0123/1795806000.000100`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MessageRef {
    /// The channel's id.
    pub channel: String,
    /// The message's timestamp, which identifies it in its channel.
    pub ts: String,
}

impl fmt::Display for MessageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.channel, self.ts)
    }
}

/// A text that names no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" names no message in Slack")]
pub struct NoMessage(String);

impl FromStr for MessageRef {
    type Err = NoMessage;
    fn from_str(text: &str) -> Result<Self, NoMessage> {
        match text.split_once('/') {
            Some((channel, ts)) if !channel.is_empty() && !ts.is_empty() => {
                Ok(Self { channel: channel.to_owned(), ts: ts.to_owned() })
            }
            _ => Err(NoMessage(text.to_owned())),
        }
    }
}

/// Who we are in Slack.
#[derive(Debug, Clone, Deserialize)]
struct Us {
    team_id: String,
    user_id: String,
    team: String,
    user: Option<String>,
}

/// One workspace of Slack. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Slack(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    api: Api,
    app: App,
    us: OnceCell<Us>,
    people: People,
    line: Mutex<Wire>,
    drawing: Drawing,
    tls: Arc<rustls::ClientConfig>,
}

/// How the websockets stand.
#[derive(Debug, Default)]
struct Wire {
    open: HashSet<String>,
    was_open: bool,
    lost: Option<(DateTime<Utc>, tokio::time::Instant)>,
    why: Option<String>,
}

impl Slack {
    /// Makes ready to talk to Slack, and does not talk yet: whether Slack is reachable must not decide whether patchbot
    /// starts.
    ///
    /// # Errors
    /// When the machine has no trust store, or the address is none.
    pub fn new(settings: Settings, app: App) -> Result<Self, NotUsable> {
        let api = Api::new(&settings)?;
        Ok(Self(Arc::new(Inner {
            settings,
            api,
            app,
            us: OnceCell::new(),
            people: People::default(),
            line: Mutex::default(),
            drawing: Drawing::default(),
            tls: tls()?,
        })))
    }

    /// Listens until it is told to stop; what was accepted by then is answered.
    pub async fn run(&self, stop: CancellationToken) {
        socket::listen(&self.0, stop).await;
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
        let line = self.0.wire();
        match (line.open.is_empty(), line.lost) {
            (false, _) => Health::Connected,
            (true, Some((since, _))) => Health::Disconnected { since, why: line.why.clone() },
            (true, None) => Health::Connecting { why: line.why.clone() },
        }
    }

    /// Looks whether tokens, scopes and reachability are as they should be.
    pub async fn check(&self) -> super::Checked {
        check::check(&self.0).await
    }
}

impl Inner {
    fn wire(&self) -> std::sync::MutexGuard<'_, Wire> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who we are; asked once.
    async fn us(&self) -> Result<&Us, Trouble> {
        self.us.get_or_try_init(|| self.api.get("auth.test", &[])).await
    }

    /// Whether Slack does not let us in, however often we ask; then operators are told.
    async fn shut_out(&self, trouble: &Trouble, token: &str) -> bool {
        if trouble.shuts_out() {
            let why = format!("the {token} token is not accepted ({})", trouble.why());
            let next = format!(
                "Look whether the app is still installed in Slack, put its {token} token into the file of slack.{token}_token, and restart patchbot; \"patchbot doctor\" says more."
            );
            super::tell_shut_out(&self.app, Medium::Slack, &why, &next).await;
        }
        trouble.shuts_out()
    }

    /// A websocket stands.
    fn opened(&self, socket: &str) {
        let mut wire = self.wire();
        wire.open.insert(socket.to_owned());
        wire.was_open = true;
        wire.lost = None;
        wire.why = None;
        metrics::gauge!("patchbot_slack_sockets").set(count(wire.open.len()));
        tracing::info!(sockets = wire.open.len(), "connected to Slack");
    }

    /// A websocket is no more.
    fn closed(&self, socket: &str, why: Option<&str>) {
        let now = self.app.now();
        let mut wire = self.wire();
        if wire.open.remove(socket) && wire.open.is_empty() {
            wire.lost = Some((now, tokio::time::Instant::now()));
        }
        if let Some(why) = why {
            wire.why = Some(why.to_owned());
        }
        metrics::gauge!("patchbot_slack_sockets").set(count(wire.open.len()));
    }
}

/// What websockets are encrypted with: what the machine trusts, like every other call.
fn tls() -> Result<Arc<rustls::ClientConfig>, NotUsable> {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = found.errors.first().map_or_else(|| "it is empty".to_owned(), ToString::to_string);
        return Err(NotUsable::TrustStore(why));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| NotUsable::TrustStore(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn count(sockets: usize) -> f64 {
    f64::from(u32::try_from(sockets).unwrap_or(u32::MAX))
}
