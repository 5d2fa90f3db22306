//! A channel as a test holds it.

use super::message::Message;
use super::people::Person;
use super::people::names;
use super::rows::{ChannelRow, Kind, MessageRow};
use super::state::State;
use super::workspace::Slack;
use std::borrow::Borrow;
use std::sync::Arc;

/// A channel, or somebody's conversation with the app.
#[derive(Clone)]
pub struct Channel {
    slack: Slack,
    id: String,
}

impl Channel {
    pub(crate) fn new(slack: Slack, id: String) -> Self {
        Self { slack, id }
    }

    /// Gives the id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Gives the name.
    #[must_use]
    pub fn name(&self) -> String {
        self.slack
            .shared()
            .read(|state| state.channels.get(&self.id).map(|row| row.name.clone()))
            .unwrap_or_default()
    }

    /// Lets people join.
    pub fn with<P: Borrow<Person>>(&self, people: impl IntoIterator<Item = P>) -> Self {
        self.change(|row| {
            row.members.extend(people.into_iter().map(|person| person.borrow().id().to_owned()));
        })
    }

    /// Makes it private: only members know that it exists.
    pub fn private(&self) -> Self {
        self.change(|row| row.kind = Kind::Private)
    }

    /// Takes the app out of it.
    pub fn without_app(&self) -> Self {
        self.change(|row| row.has_app = false)
    }

    /// Archives it: nothing can be written there any more.
    pub fn archived(&self) -> Self {
        self.change(|row| row.archived = true)
    }

    /// Gives what everybody in it sees, oldest first, without threads and without ephemeral messages.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        let top = |message: &Message| message.thread().is_none_or(|thread| thread == message.ts());
        self.look(|message| top(message) && !message.is_ephemeral() && !message.is_deleted())
    }

    /// Gives the replies in the thread of a message, oldest first.
    #[must_use]
    pub fn thread(&self, parent: &Message) -> Vec<Message> {
        let in_thread =
            |message: &Message| message.thread() == Some(parent.ts()) && message.ts() != parent.ts();
        self.look(|message| in_thread(message) && !message.is_ephemeral() && !message.is_deleted())
    }

    /// Gives every message there ever was, threads, ephemeral and deleted ones too.
    #[must_use]
    pub fn everything(&self) -> Vec<Message> {
        self.look(|_| true)
    }

    /// Looks at a message again, as it is now.
    #[must_use]
    pub fn again(&self, message: &Message) -> Option<Message> {
        self.look(|found| found.ts() == message.ts()).pop()
    }

    /// Waits for a message that everybody in it sees, in threads too.
    ///
    /// # Errors
    /// When none comes in time.
    pub async fn wait_for_message(&self, fits: impl Fn(&Message) -> bool) -> anyhow::Result<Message> {
        let what = format!("a message in {}", self.name());
        let seen = |message: &Message| !message.is_ephemeral() && !message.is_deleted() && fits(message);
        self.slack
            .shared()
            .wait(&what, |state| self.all(state).into_iter().rev().find(|message| seen(message)))
            .await
    }

    /// Waits until a message has changed into something that fits.
    ///
    /// # Errors
    /// When it does not change so in time.
    pub async fn wait_until(
        &self,
        message: &Message,
        fits: impl Fn(&Message) -> bool,
    ) -> anyhow::Result<Message> {
        let what = format!("a change of the message {} in {}", message.ts(), self.name());
        let same = |found: &Message| found.ts() == message.ts() && fits(found);
        self.slack.shared().wait(&what, |state| self.all(state).into_iter().find(|found| same(found))).await
    }

    /// Writes what everybody in it sees.
    #[must_use]
    pub fn as_text(&self) -> String {
        self.messages().iter().map(Message::as_text).collect::<Vec<_>>().join("\n\n")
    }

    fn look(&self, wanted: impl Fn(&Message) -> bool) -> Vec<Message> {
        let all = self.slack.shared().read(|state| self.all(state));
        all.into_iter().filter(wanted).collect()
    }

    pub(crate) fn all(&self, state: &State) -> Vec<Message> {
        let reader = Arc::new(names(self.slack.shared(), state));
        let posts: &[MessageRow] =
            state.channels.get(&self.id).map(|row| row.posts.as_slice()).unwrap_or_default();
        posts.iter().map(|row| Message { row: row.clone(), reader: Arc::clone(&reader) }).collect()
    }

    fn change(&self, act: impl FnOnce(&mut ChannelRow)) -> Self {
        self.slack.shared().change(|state| {
            if let Some(row) = state.channels.get_mut(&self.id) {
                act(row);
            }
        });
        self.clone()
    }
}
