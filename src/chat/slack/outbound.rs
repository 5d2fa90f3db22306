//! Writing: cards are posted and rewritten, operators are told things.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::api::Nothing;
use super::render::{self, Content};
use super::{Inner, MessageRef, Slack};
use crate::app::App;
use crate::chat::card::{Card, window_card};
use crate::chat::facts::Facts;
use crate::chat::text;
use crate::chat::{Undelivered, text::Paragraph};
use crate::domain::ids::WindowId;
use crate::domain::message::Alert;
use crate::domain::person::Identity;
use crate::store::records::{CardRow, Medium};

/// A message to post.
#[derive(Debug, Serialize)]
pub(super) struct Post<'a> {
    pub(super) channel: &'a str,
    #[serde(flatten)]
    pub(super) content: &'a Content,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thread_ts: Option<&'a str>,
    /// Nothing is fetched and shown below it.
    pub(super) unfurl_links: bool,
    pub(super) unfurl_media: bool,
}

#[derive(Debug, Serialize)]
struct Update<'a> {
    channel: &'a str,
    ts: &'a str,
    #[serde(flatten)]
    content: &'a Content,
}

#[derive(Debug, Deserialize)]
struct Posted {
    channel: String,
    ts: String,
}

#[derive(Debug, Deserialize)]
struct Opened {
    channel: OpenedChannel,
}

#[derive(Debug, Deserialize)]
struct OpenedChannel {
    id: String,
}

impl Slack {
    /// Posts a card. A place is a channel's id or name, or `@` and a user's id for the conversation with that person.
    ///
    /// # Errors
    /// What to do about it is told by the error's kind.
    pub async fn post_card(&self, place: &str, card: &Card) -> Result<MessageRef, Undelivered> {
        self.0.post(place, &render::card(card, &self.0.settings.command)).await
    }

    /// Rewrites a card where it stands.
    ///
    /// # Errors
    /// [`Undelivered::Gone`] when the message is not there any more; else what to do about it is told by the kind.
    pub async fn update_card(&self, message: &MessageRef, card: &Card) -> Result<(), Undelivered> {
        self.0.rewrite(message, &render::card(card, &self.0.settings.command)).await
    }

    /// Says something in a channel.
    ///
    /// # Errors
    /// What to do about it is told by the error's kind.
    pub async fn post_alert(&self, place: &str, alert: &Alert) -> Result<MessageRef, Undelivered> {
        self.0.say(place, &text::of_alert(alert)).await
    }

    /// Draws a window's card as it is now and puts it into a place: rewritten where it stands, else posted.
    ///
    /// # Errors
    /// What to do about it is told by the error's kind; never [`Undelivered::Gone`].
    pub async fn deliver_card(
        &self,
        app: &App,
        window: WindowId,
        place: &str,
    ) -> Result<CardRow, Undelivered> {
        let _one_at_a_time = self.0.drawing(window).lock().await;
        let card = self.0.draw(app, window, place).await?;
        let row = |message: &MessageRef| CardRow {
            platform: Medium::Slack,
            channel: place.to_owned(),
            window,
            message: message.to_string(),
        };
        let standing = cards_of(app, window).await?.into_iter().find(|card| card.channel == place);
        if let Some(message) = standing.and_then(|card| card.message.parse::<MessageRef>().ok()) {
            match self.update_card(&message, &card).await {
                Err(Undelivered::Gone) => {}
                other => return other.map(|()| row(&message)),
            }
        }
        self.post_card(place, &card).await.map(|message| row(&message))
    }
}

impl Inner {
    fn drawing(&self, window: WindowId) -> &tokio::sync::Mutex<()> {
        let mut hasher = DefaultHasher::new();
        window.hash(&mut hasher);
        let count = u64::try_from(self.drawing.len()).unwrap_or(1);
        let place = usize::try_from(hasher.finish() % count).unwrap_or_default();
        self.drawing.get(place).unwrap_or(&self.drawing[0])
    }

    async fn draw(&self, app: &App, window: WindowId, place: &str) -> Result<Card, Undelivered> {
        let reader = self.reader(place).await;
        let facts = Facts::load(app, window, reader.as_ref())
            .await
            .map_err(|failure| Undelivered::Transient(format!("the card could not be drawn: {failure}")))?;
        match facts {
            Some(facts) => Ok(window_card(&facts)),
            None => Err(Undelivered::Permanent("there is no such window".to_owned())),
        }
    }

    /// Who reads a place, when it is one person's.
    async fn reader(&self, place: &str) -> Option<Identity> {
        let user = place.strip_prefix('@')?.to_owned();
        let team = self.us().await.ok()?.team_id.clone();
        Some(Identity::Slack { team, user })
    }

    /// Draws the card on a message anew. Whoever clicked on it has seen that it was old.
    pub(super) async fn redraw(&self, message: &MessageRef, window: WindowId) -> Result<(), Undelivered> {
        let _one_at_a_time = self.drawing(window).lock().await;
        let known = cards_of(&self.app, window).await?;
        let place = known.into_iter().find(|card| card.message == message.to_string());
        let place = place.map(|card| card.channel).unwrap_or_default();
        let card = self.draw(&self.app, window, &place).await?;
        self.rewrite(message, &render::card(&card, &self.settings.command)).await
    }

    /// Says paragraphs in a place, in as many messages as they need.
    async fn say(&self, place: &str, paragraphs: &[Paragraph]) -> Result<MessageRef, Undelivered> {
        let mut pages = render::pages(paragraphs, &self.settings.command).into_iter();
        let Some(first) = pages.next() else {
            return Err(Undelivered::Permanent("there is nothing to say".to_owned()));
        };
        let message = self.post(place, &first).await?;
        for page in pages {
            // What is told first is out; to say it again would be worse than to lose the end.
            if let Err(error) = self.post(place, &page).await {
                tracing::warn!(%error, "the rest of a long message is lost");
                break;
            }
        }
        Ok(message)
    }

    async fn post(&self, place: &str, content: &Content) -> Result<MessageRef, Undelivered> {
        let channel = match place.strip_prefix('@') {
            Some(user) => self.conversation_with(user).await?,
            None => place.to_owned(),
        };
        self.post_into(&channel, None, content).await.map_err(|trouble| trouble.undelivered(place))
    }

    /// The conversation with a person.
    pub(super) async fn conversation_with(&self, user: &str) -> Result<String, Undelivered> {
        let opened: Result<Opened, _> = self.api.post("conversations.open", &json!({ "users": user })).await;
        opened.map(|opened| opened.channel.id).map_err(|trouble| trouble.undelivered(&format!("@{user}")))
    }

    pub(super) async fn post_into(
        &self,
        channel: &str,
        thread_ts: Option<&str>,
        content: &Content,
    ) -> Result<MessageRef, super::api::Trouble> {
        let post = Post { channel, content, thread_ts, unfurl_links: false, unfurl_media: false };
        let Posted { channel, ts } = self.api.post("chat.postMessage", &post).await?;
        Ok(MessageRef { channel, ts })
    }

    async fn rewrite(&self, message: &MessageRef, content: &Content) -> Result<(), Undelivered> {
        let update = Update { channel: &message.channel, ts: &message.ts, content };
        match self.api.post::<Nothing>("chat.update", &update).await {
            Ok(Nothing {}) => Ok(()),
            // A channel that is gone took the message along.
            Err(super::api::Trouble::Refused { code, .. }) if code == "channel_not_found" => {
                Err(Undelivered::Gone)
            }
            Err(trouble) => Err(trouble.undelivered(&message.channel)),
        }
    }
}

pub(super) async fn cards_of(app: &App, window: WindowId) -> Result<Vec<CardRow>, Undelivered> {
    let read = async { app.store.read().await?.cards_of(window).await };
    let cards = read.await;
    let cards = cards.map_err(|error| Undelivered::Transient(format!("the database: {error}")))?;
    Ok(cards.into_iter().filter(|card| card.platform == Medium::Slack).collect())
}
