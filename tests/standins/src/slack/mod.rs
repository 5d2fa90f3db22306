//! Slack as a server on loopback: one workspace, one installed app, and people who use it.
//!
//! [`Slack::start`] opens a workspace. The app under test is pointed at [`Slack::api_url`] and talks to it over
//! real HTTP and real websockets; the test plays the people:
//!
//! ```no_run
//! # async fn story() -> anyhow::Result<()> {
//! use patchbot_standins::slack::Slack;
//!
//! let slack = Slack::start().await?;
//! let ada = slack.person("ada").mail("ada@owners.test").zone("Europe/Berlin")?;
//! // … start the app with slack.api_url(), slack.bot_token() and slack.app_token() …
//! slack.wait_for_sockets(1).await?;
//! let status = ada.slash("/patch", "status web01").await?;
//! assert_eq!(status.answer().await?.as_text(), "web01: nothing planned");
//! slack.finish().await?;
//! # Ok(())
//! # }
//! ```

mod api;
mod builder;
mod calls;
mod channel;
mod clock;
mod faults;
mod finish;
mod manifest;
mod message;
mod people;
mod render;
mod rows;
mod rules;
mod settings;
mod socket;
mod state;
mod wire;
mod workspace;

pub use builder::SlackBuilder;
pub use calls::{Call, Envelope, Outcome, TokenKind};
pub use channel::Channel;
pub use faults::Trouble;
pub use message::{Button, File, Message};
pub use people::{Choice, Exchange, Filling, Form, Input, Person, Screen, Suggestions};
pub use socket::{Disconnect, Socket};
pub use workspace::Slack;
