//! A person: her profile, and what she can read.

use super::form::Form;
use crate::slack::message::Message;
use crate::slack::render::Reader;
use crate::slack::rows::{Author, Membership, MessageRow, PersonRow};
use crate::slack::state::{Shared, State};
use crate::slack::{Channel, Slack};
use anyhow::Context;
use std::sync::Arc;

/// Somebody with an account, and where she is looking.
///
/// Her profile can be changed at any time; her id never changes.
#[derive(Clone)]
pub struct Person {
    pub(crate) slack: Slack,
    pub(crate) id: String,
    pub(crate) place: Option<String>,
}

impl Person {
    /// Gives the id, which stays the same whatever she is called.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Gives the text that mentions her.
    #[must_use]
    pub fn mention(&self) -> String {
        format!("<@{}>", self.id)
    }

    /// Gives the handle she has now.
    #[must_use]
    pub fn handle(&self) -> String {
        self.row(|row| row.handle.clone())
    }

    /// Gives her an e-mail address.
    pub fn mail(&self, address: &str) -> Self {
        self.with(|row| row.mail = Some(address.to_owned()))
    }

    /// Gives her a real name.
    pub fn real_name(&self, name: &str) -> Self {
        self.with(|row| name.clone_into(&mut row.real_name))
    }

    /// Lets her live in a zone of the IANA database.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn zone(&self, name: &str) -> anyhow::Result<Self> {
        let zone = name.parse().ok().with_context(|| format!("{name} is not a zone of the IANA database"))?;
        Ok(self.with(|row| row.zone = zone))
    }

    /// Makes her a guest, who sees only the channels she was invited to.
    pub fn guest(&self) -> Self {
        self.with(|row| row.membership = Membership::MultiChannelGuest)
    }

    /// Makes her a guest of one channel.
    pub fn single_channel_guest(&self) -> Self {
        self.with(|row| row.membership = Membership::SingleChannelGuest)
    }

    /// Makes her an administrator of the workspace.
    pub fn administrator(&self) -> Self {
        self.with(|row| row.administrator = true)
    }

    /// Lets her belong to another workspace, from where she reaches shared channels.
    pub fn from_workspace(&self, team: &str) -> Self {
        self.with(|row| {
            team.clone_into(&mut row.team);
            row.membership = Membership::MultiChannelGuest;
        })
    }

    /// Takes her account away.
    pub fn deactivated(&self) -> Self {
        self.with(|row| row.deactivated = true)
    }

    /// Gives her another handle and display name. Somebody else may take the old one.
    pub fn renamed(&self, handle: &str) -> Self {
        self.with(|row| handle.clone_into(&mut row.handle))
    }

    /// Lets her look into a channel, so that what she types is typed there. She joins it.
    #[must_use]
    pub fn at(&self, channel: &Channel) -> Self {
        let channel = channel.with([self]);
        Self { place: Some(channel.id().to_owned()), ..self.clone() }
    }

    /// Gives the conversation between her and the app.
    #[must_use]
    pub fn dm(&self) -> Channel {
        let shared = self.shared();
        let id = shared.change(|state| state.dm(&self.id, &shared.clock));
        Channel::new(self.slack.clone(), id)
    }

    /// Reads the conversation with the app, in her own zone.
    #[must_use]
    pub fn reads_dm(&self) -> Vec<Message> {
        self.reads(&self.dm())
    }

    /// Reads a channel, with the ephemeral messages that are for her, in her own zone.
    #[must_use]
    pub fn reads(&self, channel: &Channel) -> Vec<Message> {
        self.shared().read(|state| self.messages(state, |row| row.channel == channel.id()))
    }

    /// Looks at a message again, as it is now.
    ///
    /// # Errors
    /// When she cannot see it (any more).
    pub fn sees(&self, message: &Message) -> anyhow::Result<Message> {
        let same = |row: &MessageRow| row.channel == message.channel() && row.ts == message.ts();
        let found = self.shared().read(|state| self.messages(state, same).pop());
        found.with_context(|| {
            format!("{} does not see the message {} (any more)", self.handle(), message.ts())
        })
    }

    /// Waits for a message from the app that she can see.
    ///
    /// # Errors
    /// When none comes in time.
    pub async fn wait_for_message(&self, fits: impl Fn(&Message) -> bool) -> anyhow::Result<Message> {
        let what = format!("a message that {} can see", self.handle());
        let from_app = |row: &MessageRow| matches!(row.author, Author::App { .. });
        self.shared().wait(&what, |state| self.messages(state, from_app).into_iter().rev().find(&fits)).await
    }

    /// Gives the form on her screen.
    #[must_use]
    pub fn form(&self) -> Option<Form> {
        self.shared().read(|state| {
            let top = state.people.get(&self.id)?.modals.last()?;
            Form::of(self, state, top)
        })
    }

    /// Waits until there is a form on her screen.
    ///
    /// # Errors
    /// When none opens in time.
    pub async fn sees_form(&self) -> anyhow::Result<Form> {
        let what = format!("a form on the screen of {}", self.handle());
        self.shared()
            .wait(&what, |state| {
                let top = state.people.get(&self.id)?.modals.last()?;
                Form::of(self, state, top)
            })
            .await
    }

    /// Waits until the form on her screen is as wanted: it may be rewritten after it was sent.
    ///
    /// # Errors
    /// When none is in time.
    pub async fn sees_form_that(&self, fits: impl Fn(&Form) -> bool) -> anyhow::Result<Form> {
        let what = format!("a form of its kind on the screen of {}", self.handle());
        self.shared()
            .wait(&what, |state| {
                let top = state.people.get(&self.id)?.modals.last()?;
                Form::of(self, state, top).filter(&fits)
            })
            .await
    }

    /// Waits until the app's home tab shows what is wanted.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn sees_home_that(&self, fits: impl Fn(&Form) -> bool) -> anyhow::Result<Form> {
        let what = format!("the home of {}", self.handle());
        self.shared()
            .wait(&what, |state| {
                let home = state.people.get(&self.id)?.home.as_ref()?;
                Form::of(self, state, home).filter(&fits)
            })
            .await
    }

    /// Gives the app's home tab as it shows it to her.
    #[must_use]
    pub fn home(&self) -> Option<Form> {
        self.shared().read(|state| {
            let home = state.people.get(&self.id)?.home.as_ref()?;
            Form::of(self, state, home)
        })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        self.slack.shared()
    }

    pub(crate) fn row<T>(&self, look: impl FnOnce(&PersonRow) -> T) -> T
    where
        T: Default,
    {
        self.shared().read(|state| state.people.get(&self.id).map(look).unwrap_or_default())
    }

    fn with(&self, act: impl FnOnce(&mut PersonRow)) -> Self {
        self.shared().change(|state| {
            if let Some(row) = state.people.get_mut(&self.id) {
                act(row);
            }
        });
        self.clone()
    }

    /// Gives the messages she can see and that are wanted, oldest first.
    pub(crate) fn messages(&self, state: &State, wanted: impl Fn(&MessageRow) -> bool) -> Vec<Message> {
        let reader = Arc::new(self.reader(state));
        let mut rows: Vec<&MessageRow> = state
            .channels
            .values()
            .flat_map(|channel| &channel.posts)
            .filter(|row| wanted(row) && state.can_see(&self.id, row))
            .collect();
        rows.sort_by(|one, other| one.ts.cmp(&other.ts));
        rows.into_iter().map(|row| Message { row: row.clone(), reader: Arc::clone(&reader) }).collect()
    }

    pub(crate) fn reader(&self, state: &State) -> Reader {
        let zone = state.people.get(&self.id).map(|row| row.zone);
        Reader { zone, ..names(self.shared(), state) }
    }
}

/// Gives the names by which ids are shown.
pub(crate) fn names(shared: &Shared, state: &State) -> Reader {
    let people = state.people.values().map(|row| (row.id.clone(), format!("@{}", row.handle)));
    let channels = state.channels.values().map(|row| (row.id.clone(), format!("#{}", row.name)));
    let bot = (shared.settings.bot_user.clone(), format!("@{}", shared.settings.app_name));
    Reader { names: people.chain(channels).chain([bot]).collect(), zone: None }
}
