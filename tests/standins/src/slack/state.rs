//! Everything the workspace knows, behind one lock, with a signal that tells when something changed.

use super::calls::Call;
use super::clock::Clock;
use super::faults::Fault;
use super::rows::{
    ChannelRow, Delivery, FileRow, Hook, Interaction, MessageRow, PersonRow, Ticket, Trigger, ViewRow,
};
use super::settings::Settings;
use super::socket::SocketRow;
use super::wire::Switchboard;
use anyhow::bail;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// The workspace.
#[derive(Default)]
pub(crate) struct State {
    /// Grows with each change; rows remember at which value they were touched.
    pub(crate) seq: u64,
    made: u64,
    last_ts: i64,
    pub(crate) people: BTreeMap<String, PersonRow>,
    pub(crate) channels: BTreeMap<String, ChannelRow>,
    pub(crate) views: BTreeMap<String, ViewRow>,
    pub(crate) triggers: BTreeMap<String, Trigger>,
    pub(crate) hooks: BTreeMap<String, Hook>,
    pub(crate) files: BTreeMap<String, FileRow>,
    pub(crate) tickets: BTreeMap<String, Ticket>,
    pub(crate) sockets: Vec<SocketRow>,
    pub(crate) next_socket: usize,
    pub(crate) deliveries: BTreeMap<String, Delivery>,
    pub(crate) interactions: Vec<Interaction>,
    pub(crate) calls: Vec<Call>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) complaints: Vec<String>,
}

impl State {
    /// Makes the next id: a letter and eight digits, as short as Slack's and the same in every run.
    pub(crate) fn id(&mut self, letter: char) -> String {
        self.made += 1;
        format!("{letter}{:08}", self.made)
    }

    /// Makes the next number for things whose ids have a form of their own.
    pub(crate) fn number(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    /// Makes the next message timestamp: unique and growing.
    pub(crate) fn ts(&mut self, clock: &Clock) -> String {
        let micros = clock.micros().max(self.last_ts + 1);
        self.last_ts = micros;
        format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
    }

    /// Remembers something that a correct app would not have done.
    pub(crate) fn complain(&mut self, what: impl Into<String>) {
        self.complaints.push(what.into());
    }

    /// Finds a person by handle.
    pub(crate) fn person_named(&self, handle: &str) -> Option<&PersonRow> {
        self.people.values().find(|person| person.handle == handle)
    }

    /// Finds a channel by name, without the `#`.
    pub(crate) fn channel_named(&self, name: &str) -> Option<&ChannelRow> {
        self.channels.values().find(|channel| channel.name == name && !channel.is_dm())
    }

    /// Finds a message.
    pub(crate) fn message(&self, channel: &str, ts: &str) -> Option<&MessageRow> {
        self.channels.get(channel)?.posts.iter().find(|post| post.ts == ts)
    }

    /// Finds a message to change it.
    pub(crate) fn message_mut(&mut self, channel: &str, ts: &str) -> Option<&mut MessageRow> {
        self.channels.get_mut(channel)?.posts.iter_mut().find(|post| post.ts == ts)
    }

    /// Gives the DM between a person and the app, opening it when there is none.
    pub(crate) fn dm(&mut self, person: &str, clock: &Clock) -> String {
        if let Some(id) = self.people.get(person).and_then(|row| row.dm.clone()) {
            return id;
        }
        let id = self.id('D');
        self.channels.insert(id.clone(), ChannelRow::dm(&id, person, clock.seconds()));
        if let Some(row) = self.people.get_mut(person) {
            row.dm = Some(id.clone());
        }
        id
    }

    /// Tells whether a person can look into a channel.
    pub(crate) fn can_read(&self, person: &str, channel: &str) -> bool {
        let Some(row) = self.channels.get(channel) else { return false };
        row.members.contains(person) || row.is_open_to(self.people.get(person))
    }

    /// Tells whether a person can see a message.
    pub(crate) fn can_see(&self, person: &str, message: &MessageRow) -> bool {
        !message.deleted
            && self.can_read(person, &message.channel)
            && message.only_for.as_deref().is_none_or(|only| only == person)
    }
}

/// What the server, the people and the test share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) base: String,
    pub(crate) board: Arc<Switchboard>,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

impl Shared {
    pub(crate) fn new(settings: Settings, base: String, board: Arc<Switchboard>) -> Self {
        let clock = Clock::starting(settings.now);
        Self { settings, clock, base, board, state: Mutex::default(), changed: watch::Sender::new(0) }
    }

    /// Looks at the state.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the state and wakes everyone who waits for a change.
    pub(crate) fn change<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let (result, seq) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.seq += 1;
            (act(&mut state), state.seq)
        };
        self.changed.send_replace(seq);
        result
    }

    /// Waits until a look at the state finds something, as long as the settings allow.
    pub(crate) async fn wait<T>(
        &self,
        what: &str,
        look: impl FnMut(&State) -> Option<T>,
    ) -> anyhow::Result<T> {
        self.wait_at_most(self.settings.patience, what, look).await
    }

    /// Waits until a look at the state finds something, at most for a given time.
    pub(crate) async fn wait_at_most<T>(
        &self,
        patience: std::time::Duration,
        what: &str,
        mut look: impl FnMut(&State) -> Option<T>,
    ) -> anyhow::Result<T> {
        let mut changes = self.changed.subscribe();
        let search = async {
            loop {
                if let Some(found) = self.read(&mut look) {
                    return Some(found);
                }
                changes.changed().await.ok()?;
            }
        };
        match tokio::time::timeout(patience, search).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) | Err(_) => bail!("waited {patience:?} in vain for {what}"),
        }
    }

    /// Describes the team as payloads do.
    pub(crate) fn team(&self) -> Value {
        json!({"id": self.settings.team, "domain": self.settings.domain})
    }
}
