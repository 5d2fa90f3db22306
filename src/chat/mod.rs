//! Chat: the same words and cards on every platform. Slack is here; Discord will stand beside it in [`Chat`].
//!
//! [`card`] makes a window's card from [`facts`], [`text`] holds what is said before it is anybody's markup, and the
//! platform's folder renders both, listens, and delivers.

pub mod card;
pub mod facts;
pub mod slack;
pub mod text;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::ids::WindowId;
use crate::domain::message::Alert;
use crate::store::records::CardRow;

/// A chat platform that messages are delivered to and people speak on.
#[derive(Debug, Clone)]
pub enum Chat {
    /// Slack, in Socket Mode.
    Slack(slack::Slack),
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
pub const LOG_CAPS: &[&str] =
    &["slack_morphism=info", "tungstenite=info", "tokio_tungstenite=info", "h2=info", "hyper_util=info"];

impl Chat {
    /// Draws a window's card as it is now and puts it into a place: rewritten where it stands, posted where it does
    /// not. The row that is returned says where it stands; keep it together with the end of the delivery.
    ///
    /// # Errors
    /// What to do about it is told by the error's kind; never [`Undelivered::Gone`].
    pub async fn deliver_card(
        &self,
        app: &App,
        window: WindowId,
        place: &str,
    ) -> Result<CardRow, Undelivered> {
        match self {
            Self::Slack(slack) => slack.deliver_card(app, window, place).await,
        }
    }

    /// Says something to operators. What is returned identifies the message on the platform.
    ///
    /// # Errors
    /// What to do about it is told by the error's kind; never [`Undelivered::Gone`].
    pub async fn deliver_alert(&self, place: &str, alert: &Alert) -> Result<String, Undelivered> {
        match self {
            Self::Slack(slack) => slack.post_alert(place, alert).await.map(|message| message.to_string()),
        }
    }

    /// How the connection stands.
    #[must_use]
    pub fn health(&self) -> Health {
        match self {
            Self::Slack(slack) => slack.health(),
        }
    }

    /// Looks whether tokens, scopes and reachability are as they should be.
    pub async fn check(&self) -> Checked {
        match self {
            Self::Slack(slack) => slack.check().await,
        }
    }

    /// Listens to people until it is told to stop; what was accepted by then is answered.
    pub async fn run(&self, stop: CancellationToken) {
        match self {
            Self::Slack(slack) => slack.run(stop).await,
        }
    }
}
