//! Chat: the same words and cards on every platform.
//!
//! [`card`] makes a window's card from [`facts`]; [`text`], [`screen`], [`press`] and [`form`] hold what is said, shown,
//! clicked and filled in before it is anybody's markup; `talk` answers it, `desk` sees that each of it is answered, by the
//! next process if need be, and [`deliver`] puts into places what the outbox has. A platform's folder renders, listens, and
//! writes.

mod board;
mod book;
pub mod card;
pub mod deliver;
mod desk;
pub mod discord;
pub mod facts;
pub mod form;
pub mod picture;
pub mod press;
mod retry;
pub mod screen;
pub mod slack;
mod talk;
pub mod text;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::board::Board;
use crate::domain::ids::WindowId;
use crate::domain::message::Message;
use crate::store::records::{Medium, Notification};

pub use deliver::Delivered;

/// A chat platform that messages are delivered to and people speak on.
#[derive(Debug, Clone)]
pub enum Chat {
    /// Slack, in Socket Mode.
    Slack(slack::Slack),
    /// Discord, over its gateway.
    Discord(discord::Discord),
}

/// Why a message did not go out, told apart by what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// The platform wants us to wait.
    #[error("the platform takes no more messages for {} s", .after.as_secs())]
    RateLimited {
        /// How long.
        after: Duration,
    },
    /// The one reader wants to be left alone until then.
    #[error("its reader wants to be left alone until {until}")]
    Quiet {
        /// Until when.
        until: chrono::DateTime<chrono::Utc>,
    },
    /// It may work later.
    #[error("{0}")]
    Transient(String),
    /// It will not work, however often it is tried.
    #[error("{0}")]
    Permanent(String),
    /// The message that was to be rewritten is not there any more: post it anew.
    #[error("the message is gone")]
    Gone,
}

/// How the connection to a platform stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Nothing is connected yet.
    Connecting {
        /// Why not, when that is known.
        why: Option<String>,
    },
    /// People can be heard.
    Connected,
    /// People cannot be heard.
    Disconnected {
        /// Since when.
        since: chrono::DateTime<chrono::Utc>,
        /// Why, when that is known.
        why: Option<String>,
    },
}

impl Health {
    /// Whether people can be heard.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        *self == Self::Connected
    }
}

impl std::fmt::Display for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let because = |why: &Option<String>| why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        match self {
            Self::Connecting { why } => write!(f, "not connected yet{}", because(why)),
            Self::Connected => f.write_str("connected"),
            Self::Disconnected { since, why } => {
                write!(f, "not connected since {}{}", since.format("%Y-%m-%d %H:%M UTC"), because(why))
            }
        }
    }
}

/// What a look at the platform found, in sentences.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// What is as it should be.
    pub fine: Vec<String>,
    /// What is not, each with what to do about it.
    pub wrong: Vec<String>,
}

/// Where the platforms' libraries log what people wrote, or tickets: caps for the log filter.
pub const LOG_CAPS: &[&str] = &[
    "slack_morphism=info", "serenity=warn", "tungstenite=info", "tokio_tungstenite=info", "h2=info",
    "hyper_util=info", "reqwest=info",
];

impl Chat {
    /// Which platform it is.
    #[must_use]
    pub fn medium(&self) -> Medium {
        match self {
            Self::Slack(_) => Medium::Slack,
            Self::Discord(_) => Medium::Discord,
        }
    }

    /// Delivers a message of the outbox: a card is rewritten where it stands and posted where it does not. The cards
    /// that are returned say where they stand; keep them together with the end of the delivery.
    ///
    /// # Errors
    /// What to do about it is told by the error's kind.
    pub async fn deliver(&self, message: &Notification) -> Result<Delivered, Undelivered> {
        match self {
            Self::Slack(slack) => slack.deliver(message).await,
            Self::Discord(discord) => discord.deliver(message).await,
        }
    }

    /// Keeps the message that tells a night in a channel; `false` when it tells so already.
    ///
    /// # Errors
    /// What to do about it is told by the error's kind.
    pub async fn show_board(&self, place: &str, board: &Board) -> Result<bool, Undelivered> {
        match self {
            Self::Slack(slack) => slack.show_board(place, board).await,
            Self::Discord(discord) => discord.show_board(place, board).await,
        }
    }

    /// How the connection stands.
    #[must_use]
    pub fn health(&self) -> Health {
        match self {
            Self::Slack(slack) => slack.health(),
            Self::Discord(discord) => discord.health(),
        }
    }

    /// Looks whether tokens, scopes and reachability are as they should be.
    pub async fn check(&self) -> Checked {
        match self {
            Self::Slack(slack) => slack.check().await,
            Self::Discord(discord) => discord.check().await,
        }
    }

    /// Listens to people until it is told to stop; what was accepted by then is answered.
    pub async fn run(&self, stop: CancellationToken) {
        match self {
            Self::Slack(slack) => slack.run(stop).await,
            Self::Discord(discord) => discord.run(stop).await,
        }
    }
}

/// Tells operators, where they can still be reached, that a platform does not let us in.
async fn tell_shut_out(app: &App, platform: Medium, why: &str, next: &str) {
    if let Err(failure) = app.tell_shut_out(platform, why, next).await {
        tracing::error!(error = %failure, "operators could not be told that a platform is shut");
    }
}

/// Delivers a message of the outbox through a platform.
async fn deliver_through<W: deliver::Writer>(
    writer: &W,
    message: &Notification,
) -> Result<Delivered, Undelivered> {
    match &message.message {
        Message::Alert(alert) => deliver::alert(writer, message, alert).await,
        Message::Card { window, more } => {
            let windows: Vec<WindowId> = std::iter::once(*window).chain(more.iter().copied()).collect();
            deliver::card(writer, message, &windows).await
        }
        Message::Mail { .. } => Err(Undelivered::Permanent("it is a mail".to_owned())),
    }
}
