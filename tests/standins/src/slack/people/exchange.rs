//! What became of something that a person did.

use super::form::Form;
use super::person::Person;
use crate::slack::message::Message;
use crate::slack::rows::{Author, Interaction, MessageRow};
use crate::slack::socket::Outcome;
use crate::slack::state::State;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a person did, how it was acknowledged, and what she saw of it.
#[derive(Clone)]
pub struct Exchange {
    pub(crate) person: Person,
    pub(crate) place: String,
    pub(crate) since: u64,
    pub(crate) envelope: Option<String>,
    pub(crate) interaction: Option<usize>,
    pub(crate) payload: Option<Value>,
    pub(crate) failure: Option<String>,
    pub(crate) errors: BTreeMap<String, String>,
}

impl Exchange {
    /// Tells how long the acknowledgement took; `None` as long as there is none.
    ///
    /// An acknowledgement after Slack's limit counts here and is a [failure](Self::failure) all the same.
    #[must_use]
    pub fn acked_in(&self) -> Option<Duration> {
        let envelope = self.envelope.as_ref()?;
        self.person.shared().read(|state| Some(state.deliveries.get(envelope)?.ack.as_ref()?.after))
    }

    /// Gives what the acknowledgement carried.
    #[must_use]
    pub fn ack_payload(&self) -> Option<&Value> {
        self.payload.as_ref()
    }

    /// Gives the error that she saw from Slack itself: `operation_timeout` when the app did not acknowledge
    /// in time, `dispatch_failed` when no app was connected.
    ///
    /// A test that asks knows of the failure: [`finish`](crate::slack::Slack::finish) will not complain about it.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        let failure = self.failure.as_deref()?;
        self.person.shared().change(|state| {
            if let Some(row) = self.envelope.as_ref().and_then(|id| state.deliveries.get_mut(id)) {
                row.excused = true;
            }
            if let Some(row) = self.interaction.and_then(|number| state.interactions.get_mut(number)) {
                row.excused = true;
            }
        });
        Some(failure)
    }

    /// Gives what the app found wrong with a form, by block id.
    #[must_use]
    pub fn errors(&self) -> &BTreeMap<String, String> {
        &self.errors
    }

    /// Gives every message from the app that she sees since then, as it is now: ephemeral ones wherever they are,
    /// and others in the place where she was and in her DM.
    #[must_use]
    pub fn seen(&self) -> Vec<Message> {
        self.person.shared().read(|state| self.visible(state))
    }

    /// Waits for the first message that she sees.
    ///
    /// # Errors
    /// When none comes in time.
    pub async fn answer(&self) -> anyhow::Result<Message> {
        self.wait_for(|_| true).await
    }

    /// Waits for a message that she sees and that fits.
    ///
    /// # Errors
    /// When none comes in time.
    pub async fn wait_for(&self, fits: impl Fn(&Message) -> bool) -> anyhow::Result<Message> {
        let what = format!("an answer to {}", self.person.handle());
        self.person.shared().wait(&what, |state| self.visible(state).into_iter().find(&fits)).await
    }

    /// Waits until a form is on her screen.
    ///
    /// # Errors
    /// When none opens in time.
    pub async fn form(&self) -> anyhow::Result<Form> {
        self.person.sees_form().await
    }

    /// Writes everything she sees since then, and the error if there was one.
    #[must_use]
    pub fn as_text(&self) -> String {
        let failure = self.failure.iter().map(|failure| format!("! {failure}"));
        let seen = self.seen().into_iter().map(|message| {
            let mark = if message.is_ephemeral() { "(only you) " } else { "" };
            format!("{mark}{}", message.as_text())
        });
        failure.chain(seen).collect::<Vec<_>>().join("\n\n")
    }

    fn visible(&self, state: &State) -> Vec<Message> {
        let dm = state.people.get(&self.person.id).and_then(|row| row.dm.clone());
        let wanted = |row: &MessageRow| {
            row.touched > self.since
                && matches!(row.author, Author::App { .. })
                && (row.only_for.is_some() || row.channel == self.place || Some(&row.channel) == dm.as_ref())
        };
        self.person.messages(state, wanted)
    }

    /// Takes over what became of the envelope.
    pub(crate) fn settle(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Acked(ack) => self.payload = ack.payload,
            Outcome::Overdue => self.failure = Some("operation_timeout".to_owned()),
            Outcome::Unreachable => self.failure = Some("dispatch_failed".to_owned()),
        }
    }
}

/// Tells whether a person has seen anything since she did something.
pub(crate) fn is_answered(state: &State, interaction: &Interaction) -> bool {
    let person = interaction.person.as_str();
    let dm = state.people.get(person).and_then(|row| row.dm.as_deref());
    let near = |row: &MessageRow| {
        row.only_for.as_deref().map_or_else(
            || row.channel == interaction.place || Some(row.channel.as_str()) == dm,
            |only| only == person,
        )
    };
    let mut posts = state.channels.values().flat_map(|channel| &channel.posts);
    // A message that went away is an answer too, so this does not ask whether it can be seen now.
    let told = posts
        .any(|row| row.touched > interaction.since && matches!(row.author, Author::App { .. }) && near(row));
    told || state.views.values().any(|view| view.person == person && view.touched > interaction.since)
}
