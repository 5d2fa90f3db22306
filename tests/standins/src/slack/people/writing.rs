//! What people write, and the events that the app hears of it.

use super::exchange::Exchange;
use super::payload;
use super::person::Person;
use crate::slack::Channel;
use crate::slack::api::view_json;
use crate::slack::message::Message;
use crate::slack::rows::{Author, MessageRow, Saying};
use crate::slack::socket::{Outcome, publish};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;

impl Person {
    /// Writes to the app in her conversation with it.
    ///
    /// # Errors
    /// When she has no account any more.
    pub async fn writes_dm(&self, text: &str) -> anyhow::Result<Exchange> {
        let dm = self.dm();
        self.writes_in(&dm, text, None).await
    }

    /// Writes into a channel. The app hears of it only if it subscribed to such messages, or is mentioned.
    ///
    /// # Errors
    /// When she cannot write there.
    pub async fn writes(&self, channel: &Channel, text: &str) -> anyhow::Result<Exchange> {
        self.writes_in(channel, text, None).await
    }

    /// Mentions the app [where she is](Person::at).
    ///
    /// # Errors
    /// When she cannot write there.
    pub async fn mentions_bot(&self, text: &str) -> anyhow::Result<Exchange> {
        let channel = Channel::new(self.slack.clone(), self.here());
        let mention = format!("<@{}> {text}", self.shared().settings.bot_user);
        self.writes_in(&channel, &mention, None).await
    }

    /// Replies in the thread of a message.
    ///
    /// # Errors
    /// When she cannot write there.
    pub async fn replies_to(&self, message: &Message, text: &str) -> anyhow::Result<Exchange> {
        let channel = Channel::new(self.slack.clone(), message.channel().to_owned());
        let parent = message.thread().unwrap_or(message.ts());
        self.writes_in(&channel, text, Some(parent)).await
    }

    /// Opens the app's home tab.
    ///
    /// # Errors
    /// When she has no account any more.
    pub async fn opens_home(&self) -> anyhow::Result<Exchange> {
        self.is_here()?;
        let channel = self.dm();
        let event = self.shared().change(|state| {
            let mut event = json!({"type": "app_home_opened", "user": self.id, "channel": channel.id(), "tab": "home",
                "event_ts": state.ts(&self.shared().clock)});
            let home = state.people.get(&self.id).and_then(|row| row.home.clone());
            let view = home.and_then(|home| state.views.get(&home)).map(|row| view_json(self.shared(), row));
            if let (Some(fields), Some(view)) = (event.as_object_mut(), view) {
                fields.insert("view".to_owned(), view);
            }
            event
        });
        let label = format!("{} opened the home tab", self.handle());
        let asked = self.shared().settings.events.contains("app_home_opened");
        Ok(self.is_heard(channel.id(), &label, asked.then_some(event).into_iter().collect()).await)
    }

    async fn writes_in(
        &self,
        channel: &Channel,
        text: &str,
        parent: Option<&str>,
    ) -> anyhow::Result<Exchange> {
        self.is_here()?;
        let kind = self.shared().read(|state| {
            let row = state.channels.get(channel.id())?;
            (row.members.contains(&self.id) && !row.archived)
                .then(|| Self::is_private(state, channel.id()))?
        });
        let kind = kind.with_context(|| format!("{} cannot write into {}", self.handle(), channel.name()))?;
        if let Some(parent) = parent {
            let there = self.shared().read(|state| state.message(channel.id(), parent).is_some());
            ensure!(there, "there is no message to reply to");
        }
        let ts = self.posts(channel.id(), text, parent);
        let mut event = json!({"type": "message", "channel": channel.id(), "channel_type": kind, "user": self.id,
            "text": text, "ts": ts, "event_ts": ts, "team": self.row(|row| row.team.clone())});
        if let (Some(fields), Some(parent)) = (event.as_object_mut(), parent) {
            fields.insert("thread_ts".to_owned(), json!(parent));
        }
        let heard = self.heard_as(channel.id(), kind, text, event);
        let label = format!("{} wrote {text:?}", self.handle());
        Ok(self.is_heard(channel.id(), &label, heard).await)
    }

    fn posts(&self, channel: &str, text: &str, parent: Option<&str>) -> String {
        self.shared().change(|state| {
            let ts = state.ts(&self.shared().clock);
            let row = MessageRow {
                ts: ts.clone(),
                channel: channel.to_owned(),
                author: Author::Person(self.id.clone()),
                thread: parent.map(str::to_owned),
                only_for: None,
                saying: Saying { text: text.to_owned(), blocks: Vec::new(), attachments: Vec::new() },
                metadata: None,
                files: Vec::new(),
                earlier: Vec::new(),
                edited: None,
                deleted: false,
                touched: state.seq,
            };
            if let Some(channel) = state.channels.get_mut(channel) {
                channel.posts.push(row);
            }
            ts
        })
    }

    /// Lists the events that a message causes, as far as the app is there, asked for them and may have them.
    fn heard_as(&self, channel: &str, kind: &str, text: &str, message: Value) -> Vec<Value> {
        let settings = &self.shared().settings;
        if !self.shared().read(|state| state.channels.get(channel).is_some_and(|row| row.has_app)) {
            return Vec::new();
        }
        let asked =
            |event: &str, scope: &str| settings.events.contains(event) && settings.scopes.contains(scope);
        let mut heard = Vec::new();
        let mentioned = text.contains(&format!("<@{}>", settings.bot_user));
        if mentioned && kind != "im" && asked("app_mention", "app_mentions:read") {
            let mut mention = message.clone();
            if let Some(fields) = mention.as_object_mut() {
                fields.insert("type".to_owned(), json!("app_mention"));
                fields.remove("channel_type");
            }
            heard.push(mention);
        }
        let (event, scope) = match kind {
            "im" => ("message.im", "im:history"),
            "group" => ("message.groups", "groups:history"),
            _ => ("message.channels", "channels:history"),
        };
        if asked(event, scope) {
            heard.push(message);
        }
        heard
    }

    /// Delivers events, one after the other.
    async fn is_heard(&self, place: &str, label: &str, events: Vec<Value>) -> Exchange {
        let since = self.shared().read(|state| state.seq);
        let mut exchange = Exchange {
            person: self.clone(),
            place: place.to_owned(),
            since,
            envelope: None,
            interaction: None,
            payload: None,
            failure: None,
            errors: BTreeMap::new(),
        };
        for event in events {
            let (id, wrapped) = self.shared().change(|state| payload::event(self.shared(), state, &event));
            let outcome = publish(self.shared(), label, &id, wrapped).await;
            exchange.envelope = self.shared().read(|state| {
                let same = state.deliveries.iter().filter(|(_, row)| row.event.as_deref() == Some(&id));
                same.map(|(envelope, _)| envelope.clone()).next()
            });
            if let Outcome::Acked(ack) = outcome {
                exchange.payload = ack.payload;
            }
        }
        exchange
    }
}
