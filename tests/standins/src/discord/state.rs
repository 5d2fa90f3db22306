//! What the guild remembers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::{broadcast, watch};

use super::message::Seen;

/// How a connection is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The bot is asked to come again (opcode 7).
    Reconnect,
    /// The session is over (opcode 9).
    Invalid,
    /// The websocket is closed with a code.
    Close(u16),
    /// The connection breaks without a word.
    Drop,
    /// The connection stays open, and nothing comes over it any more.
    Freeze,
}

/// A channel, a thread or a conversation.
#[derive(Debug, Default, Clone)]
pub(crate) struct Channel {
    pub(crate) name: String,
    pub(crate) messages: Vec<String>,
    /// Permissions that the bot does not have here.
    pub(crate) denied: u64,
    /// With whom, for a conversation.
    pub(crate) with: Option<String>,
}

/// Something somebody did that wants an answer.
#[derive(Debug, Clone)]
pub(crate) struct Interaction {
    pub(crate) token: String,
    pub(crate) what: String,
    pub(crate) channel: String,
    /// The message that was clicked on.
    pub(crate) message: Option<String>,
    pub(crate) begun: Instant,
    /// The type of the first answer, and how long it took.
    pub(crate) first: Option<(u64, Duration)>,
    /// Discord has given up on it, and the person was told so.
    pub(crate) given_up: bool,
    /// Whether what was put off was brought.
    pub(crate) brought: bool,
    /// What the person sees: messages of his own.
    pub(crate) answers: Vec<Seen>,
    pub(crate) modal: Option<Value>,
    pub(crate) choices: Option<Value>,
}

impl Interaction {
    pub(crate) fn is_answered(&self) -> bool {
        match self.first {
            Some((5 | 6, _)) => self.brought,
            Some(_) => true,
            None => self.given_up,
        }
    }
}

/// Everything.
#[derive(Debug, Default)]
pub(crate) struct State {
    last_id: u64,
    pub(crate) members: BTreeMap<String, String>,
    /// Members who have not yet accepted the rules of the guild.
    pub(crate) pending: BTreeSet<String>,
    /// Whether nobody is there: calls fail, and no connection is opened.
    pub(crate) is_down: bool,
    /// Calls whose path holds one of these wait.
    pub(crate) held: Vec<String>,
    /// How many calls wait.
    pub(crate) holding: usize,
    /// With this code every connection is closed that identifies itself.
    pub(crate) refuses: Option<u16>,
    /// How often somebody tried to identify himself.
    pub(crate) tried: usize,
    pub(crate) channels: BTreeMap<String, Channel>,
    pub(crate) messages: BTreeMap<String, Seen>,
    pub(crate) nonces: HashMap<String, String>,
    pub(crate) commands: Value,
    pub(crate) interactions: BTreeMap<String, Interaction>,
    pub(crate) limits: HashMap<String, (u32, Duration)>,
    pub(crate) broken: Option<(u32, u16)>,
    pub(crate) crowded: Option<(usize, Duration)>,
    /// How many calls there were.
    pub(crate) calls: usize,
    /// How many calls were refused because there were too many.
    pub(crate) limited: usize,
    /// Events so far, for a bot that comes again.
    pub(crate) events: Vec<Value>,
    /// The number of the event that the session began with.
    pub(crate) session_from: u64,
    /// How often the bot is asked to show that it is there, in milliseconds, when a story wants another time.
    pub(crate) heartbeat: Option<u64>,
    pub(crate) identified: usize,
    pub(crate) resumed: usize,
    pub(crate) wrong: Vec<String>,
}

impl State {
    /// A number that no event so far is above.
    pub(crate) fn next_number(&self) -> u64 {
        u64::try_from(self.events.len()).unwrap_or_default().saturating_add(1)
    }

    pub(crate) fn next_id(&mut self) -> String {
        self.last_id = self.last_id.saturating_add(1);
        (200_000_000_000_000_000_u64.saturating_add(self.last_id)).to_string()
    }
}

/// The state, and who waits for it to change.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) gateway: String,
    pub(crate) changes: watch::Sender<u64>,
    pub(crate) events: broadcast::Sender<Value>,
    pub(crate) cuts: broadcast::Sender<Cut>,
}

impl Shared {
    pub(crate) fn new(gateway: String) -> Self {
        Self {
            state: Mutex::default(),
            gateway,
            changes: watch::channel(0).0,
            events: broadcast::channel(4_096).0,
            cuts: broadcast::channel(16).0,
        }
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        let found = look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changes.send_modify(|number| *number = number.wrapping_add(1));
        found
    }

    /// Waits for as long as a call is held up.
    pub(crate) async fn waits(&self, path: &str) {
        let is_held = |state: &State| state.held.iter().any(|held| path.contains(held.as_str()));
        if !self.look(is_held) {
            return;
        }
        let mut changes = self.changes.subscribe();
        self.with(|state| state.holding = state.holding.saturating_add(1));
        while self.look(is_held) && changes.changed().await.is_ok() {}
        self.with(|state| state.holding = state.holding.saturating_sub(1));
    }

    /// Sends an event to the bot.
    pub(crate) fn dispatch(&self, kind: &str, data: &Value) {
        let event = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let number = state.events.len().saturating_add(2);
            let event = json!({"op": 0, "t": kind, "s": number, "d": data});
            state.events.push(event.clone());
            // Inside, so that nobody overtakes.
            let _nobody = self.events.send(event.clone());
            event
        };
        drop(event);
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
