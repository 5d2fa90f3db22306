//! Socket Mode: websockets, the envelopes that go out over them, and their acknowledgements.

mod connection;
mod delivery;

pub(crate) use connection::accept;
pub(crate) use delivery::{Outcome, ask, publish};

use super::Slack;
use super::wire::Switch;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

/// What a connection is told to do.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    Send(String),
    Close,
}

/// An open websocket.
#[derive(Clone, Debug)]
pub(crate) struct SocketRow {
    pub(crate) id: u64,
    pub(crate) orders: UnboundedSender<Order>,
    pub(crate) switch: Switch,
    /// It was told to go and gets nothing more.
    pub(crate) leaving: bool,
}

/// Why Slack asks an app to connect anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disconnect {
    /// The connection will be refreshed in about ten seconds; envelopes still come.
    Warning,
    /// The connection is being refreshed: nothing more comes over it, and it is closed a moment later.
    RefreshRequested,
    /// Socket Mode was switched off in the app's settings.
    LinkDisabled,
}

impl Disconnect {
    fn word(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::RefreshRequested => "refresh_requested",
            Self::LinkDisabled => "link_disabled",
        }
    }
}

/// One websocket of the app, to play with.
#[derive(Clone)]
pub struct Socket {
    pub(crate) slack: Slack,
    pub(crate) id: u64,
}

impl Socket {
    /// Tells them apart: each connection has a number of its own.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.id
    }

    /// Tells whether it is still open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.slack.shared().read(|state| state.sockets.iter().any(|row| row.id == self.id))
    }

    /// Asks the app to connect anew.
    pub fn asks_to_reconnect(&self, why: Disconnect) {
        let text = disconnect(why.word()).to_string();
        self.act(|row| {
            let _sent = row.orders.send(Order::Send(text));
            if why != Disconnect::Warning {
                row.leaving = true;
                let _closing = row.orders.send(Order::Close);
            }
        });
    }

    /// Closes it with a close frame.
    pub fn closes(&self) {
        self.act(|row| {
            row.leaving = true;
            let _closing = row.orders.send(Order::Close);
        });
    }

    /// Breaks the TCP connection without a word.
    pub fn drops(&self) {
        self.act(|row| {
            row.leaving = true;
            row.switch.cut();
        });
    }

    /// Goes half-open: it stays connected, answers no ping and reads no acknowledgement.
    pub fn freezes(&self) {
        self.act(|row| row.switch.freeze());
    }

    /// Sends something that is no envelope, as a change of the protocol would.
    pub fn sends_raw(&self, text: &str) {
        let text = text.to_owned();
        self.act(|row| {
            let _sent = row.orders.send(Order::Send(text));
        });
    }

    fn act(&self, act: impl FnOnce(&mut SocketRow)) {
        self.slack.shared().change(|state| {
            if let Some(row) = state.sockets.iter_mut().find(|row| row.id == self.id) {
                act(row);
            }
        });
    }
}

fn disconnect(reason: &str) -> Value {
    json!({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-standin"}})
}
