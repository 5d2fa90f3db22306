//! The workspace as a test holds it.

use super::builder::SlackBuilder;
use super::calls::{Call, Envelope};
use super::channel::Channel;
use super::faults::Trouble;
use super::finish;
use super::message::{File, Message};
use super::people::Person;
use super::rows::{ChannelRow, Delivery, Membership, PersonRow, Upload};
use super::socket::Socket;
use super::state::Shared;
use chrono_tz::Tz;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// A workspace with one installed app. Clones are the same workspace; it closes with the last of them.
#[derive(Clone)]
pub struct Slack(Arc<House>);

struct House {
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Drop for House {
    fn drop(&mut self) {
        self.server.abort();
        self.shared.board.set_shut(true);
    }
}

impl Slack {
    /// Opens a workspace on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> anyhow::Result<Self> {
        Self::builder().start().await
    }

    /// Chooses what the workspace is like before it opens.
    #[must_use]
    pub fn builder() -> SlackBuilder {
        SlackBuilder::default()
    }

    pub(crate) fn new(shared: Arc<Shared>, server: JoinHandle<()>) -> Self {
        Self(Arc::new(House { shared, server }))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// Gives the base of the Web API: what stands in place of `https://slack.com/api`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("{}/api", self.shared().base)
    }

    /// Gives the bot token.
    #[must_use]
    pub fn bot_token(&self) -> &str {
        &self.shared().settings.bot_token
    }

    /// Gives the app-level token of Socket Mode.
    #[must_use]
    pub fn app_token(&self) -> &str {
        &self.shared().settings.app_token
    }

    /// Gives the id of the workspace.
    #[must_use]
    pub fn team(&self) -> &str {
        &self.shared().settings.team
    }

    /// Gives the user id of the bot.
    #[must_use]
    pub fn bot_user(&self) -> &str {
        &self.shared().settings.bot_user
    }

    /// Gives the person who has a handle now, making her when there is none. She lives in UTC and has no mail
    /// address until something else is said.
    #[must_use]
    pub fn person(&self, handle: &str) -> Person {
        let id = self.shared().change(|state| {
            if let Some(row) = state.person_named(handle) {
                return row.id.clone();
            }
            let id = state.id('U');
            let row = PersonRow {
                id: id.clone(),
                handle: handle.to_owned(),
                real_name: handle.to_owned(),
                mail: None,
                zone: Tz::UTC,
                team: self.team().to_owned(),
                membership: Membership::Full,
                administrator: false,
                deactivated: false,
                dm: None,
                modals: Vec::new(),
                home: None,
                offered: BTreeMap::new(),
            };
            state.people.insert(id.clone(), row);
            id
        });
        Person { slack: self.clone(), id, place: None }
    }

    /// Gives the channel of a name, making a public one with the app in it when there is none.
    #[must_use]
    pub fn channel(&self, name: &str) -> Channel {
        let bare = name.strip_prefix('#').unwrap_or(name);
        let id = self.shared().change(|state| {
            if let Some(row) = state.channel_named(bare) {
                return row.id.clone();
            }
            let id = state.id('C');
            state.channels.insert(id.clone(), ChannelRow::named(&id, bare, self.shared().clock.seconds()));
            id
        });
        Channel::new(self.clone(), id)
    }

    /// Gives every file that was uploaded and shared, oldest first.
    #[must_use]
    pub fn files(&self) -> Vec<File> {
        self.shared().read(|state| {
            state.files.values().filter(|row| row.upload == Upload::Complete).map(File::from).collect()
        })
    }

    /// Waits for a message from the app anywhere, ephemeral ones too.
    ///
    /// # Errors
    /// When none comes in time.
    pub async fn wait_for_message(&self, fits: impl Fn(&Message) -> bool) -> anyhow::Result<Message> {
        self.shared()
            .wait("a message from the app", |state| {
                let all =
                    state.channels.keys().flat_map(|id| Channel::new(self.clone(), id.clone()).all(state));
                all.filter(Message::is_from_app).find(&fits)
            })
            .await
    }

    /// Gives every call of the Web API, the upload URLs, the response URLs and the websocket, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared().read(|state| state.calls.clone())
    }

    /// Gives the calls of one method. `upload`, `response_url` and `websocket` count as methods.
    #[must_use]
    pub fn calls_of(&self, method: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.method == method).collect()
    }

    /// Waits until a method was called a number of times.
    ///
    /// # Errors
    /// When it is not called so often in time.
    pub async fn wait_for_calls(&self, method: &str, count: usize) -> anyhow::Result<Vec<Call>> {
        let what = format!("{count} calls of {method}");
        self.shared()
            .wait(&what, |state| {
                let calls: Vec<Call> =
                    state.calls.iter().filter(|call| call.method == method).cloned().collect();
                (calls.len() >= count).then_some(calls)
            })
            .await
    }

    /// Lets something go wrong with the next call of a method; `*` is any method, and `upload`, `response_url`
    /// and `websocket` count as methods.
    pub fn next(&self, method: &str) -> Trouble<'_> {
        Trouble::new(self, method, Some(1))
    }

    /// Lets something go wrong with every call of a method until [`heals`](Self::heals).
    pub fn every(&self, method: &str) -> Trouble<'_> {
        Trouble::new(self, method, None)
    }

    /// Takes back every fault that is armed.
    pub fn heals(&self) {
        self.shared().change(|state| state.faults.clear());
    }

    /// Goes down: connections break and new ones are reset.
    pub fn goes_down(&self) {
        self.shared().board.set_shut(true);
        self.shared().change(|state| state.sockets.clear());
    }

    /// Comes back.
    pub fn comes_back(&self) {
        self.shared().board.set_shut(false);
    }

    /// Lets time pass: trigger ids and response URLs age, and new messages are stamped later.
    pub fn lets_pass(&self, span: Duration) {
        self.shared().clock.skip(span);
        self.shared().change(|_| ());
    }

    /// Gives the open websockets, oldest first.
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        let ids: Vec<u64> = self.shared().read(|state| state.sockets.iter().map(|row| row.id).collect());
        ids.into_iter().map(|id| Socket { slack: self.clone(), id }).collect()
    }

    /// Waits until at least so many websockets are open.
    ///
    /// # Errors
    /// When they do not open in time.
    pub async fn wait_for_sockets(&self, count: usize) -> anyhow::Result<Vec<Socket>> {
        let what = format!("{count} websockets");
        self.shared().wait(&what, |state| (state.sockets.len() >= count).then_some(())).await?;
        Ok(self.sockets())
    }

    /// Waits until a websocket is open that was not open before.
    ///
    /// # Errors
    /// When none opens in time.
    pub async fn wait_for_a_new_socket(&self, before: &[Socket]) -> anyhow::Result<Socket> {
        let known = |id: u64| before.iter().any(|socket| socket.number() == id);
        let id = self
            .shared()
            .wait("a new websocket", |state| state.sockets.iter().map(|row| row.id).find(|id| !known(*id)))
            .await?;
        Ok(Socket { slack: self.clone(), id })
    }

    /// Gives every envelope that went out over a websocket, oldest first.
    #[must_use]
    pub fn envelopes(&self) -> Vec<Envelope> {
        self.shared().read(|state| state.deliveries.values().map(Envelope::from).collect())
    }

    /// Gives what a correct app would not have done, so far.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        self.shared().read(|state| state.complaints.clone())
    }

    /// Takes the complaints, when a test meant to cause them.
    #[must_use]
    pub fn takes_complaints(&self) -> Vec<String> {
        self.shared().change(|state| std::mem::take(&mut state.complaints))
    }

    /// Ends the story: fails when something came that was not understood, when an interaction got no answer, or
    /// when an armed fault was never met. Answers that are still on their way are waited for.
    ///
    /// # Errors
    /// When any of that is so; the error lists all of it.
    pub async fn finish(&self) -> anyhow::Result<()> {
        finish::finish(self.shared()).await
    }
}

impl From<&Delivery> for Envelope {
    fn from(row: &Delivery) -> Self {
        Self {
            kind: row.kind.to_owned(),
            label: row.label.clone(),
            socket: row.socket,
            attempt: row.attempt,
            acked_in: row.ack.as_ref().map(|ack| ack.after),
            overdue: row.overdue,
        }
    }
}
