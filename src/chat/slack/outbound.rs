//! Writing: cards are posted and rewritten, operators are told things, a night's board is kept.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::{Nothing, Trouble};
use super::render::{self, Content};
use super::{Inner, MessageRef, Slack};
use crate::app::App;
use crate::chat::deliver::{Drawing, Place, Posted, Writer, Written};
use crate::chat::screen::Screen;
use crate::chat::{Undelivered, text};
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
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) reply_broadcast: bool,
    /// Nothing is fetched and shown below it.
    pub(super) unfurl_links: bool,
    pub(super) unfurl_media: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<Value>,
}

#[derive(Debug, Serialize)]
struct Update<'a> {
    channel: &'a str,
    ts: &'a str,
    #[serde(flatten)]
    content: &'a Content,
}

#[derive(Debug, Deserialize)]
struct Answered {
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

#[derive(Debug, Deserialize)]
struct History {
    #[serde(default)]
    messages: Vec<Earlier>,
}

#[derive(Debug, Deserialize)]
struct Earlier {
    ts: String,
    metadata: Option<Value>,
}

/// What a message of ours is known by, when the confirmation that it was posted is lost.
const MARK: &str = "patchbot_message";
/// So far back such a message is looked for.
const LOOK_BACK: &str = "30";

impl Slack {
    /// Says something in a channel.
    ///
    /// # Errors
    /// What to do about it is told by the error's kind.
    pub async fn post_alert(&self, place: &str, alert: &Alert) -> Result<MessageRef, Undelivered> {
        let channel = self.0.channel_of(place).await?;
        let screen = text::alert_screen(alert);
        let written = self.0.say(&channel, &screen, Written::default()).await;
        let posted = written.map_err(|trouble| trouble.undelivered(place))?;
        posted.parse().map_err(|_| Undelivered::Permanent("Slack gave no message".to_owned()))
    }
}

impl Writer for Inner {
    const MEDIUM: Medium = Medium::Slack;

    fn app(&self) -> &App {
        &self.app
    }

    fn drawings(&self) -> &Drawing {
        &self.drawing
    }

    async fn reader(&self, place: &str) -> Option<Identity> {
        let user = place.strip_prefix('@')?.to_owned();
        let team = self.us().await.ok()?.team_id.clone();
        Some(Identity::Slack { team, user })
    }

    async fn zone_of(&self, place: &str) -> Option<chrono_tz::Tz> {
        let user = place.strip_prefix('@')?;
        self.people.zone_of(&self.api, user).await
    }

    async fn post(&self, at: &Place<'_>, screen: &Screen) -> Result<Posted, Undelivered> {
        let channel = self.channel_of(at.place).await?;
        if at.again
            && let Some(found) = self.posted_before(&channel, at.mark).await
        {
            tracing::info!(message = found, "a message whose confirmation was lost is there");
            return Ok(Posted { message: format!("{channel}/{found}"), thread: None });
        }
        let thread = at.below.and_then(|message| message.split_once('/')).map(|(_, ts)| ts);
        let written = Written { thread, loud: at.loud, mark: Some(at.mark) };
        let message =
            self.say(&channel, screen, written).await.map_err(|trouble| trouble.undelivered(at.place))?;
        Ok(Posted { message, thread: None })
    }

    async fn rewrite(&self, message: &str, screen: &Screen) -> Result<(), Undelivered> {
        let Ok(message) = message.parse::<MessageRef>() else { return Err(Undelivered::Gone) };
        self.rewrite_message(&message, &render::one(screen, &self.settings.command)).await
    }
}

impl Inner {
    /// The channel of a place: the conversation with a person for `@` and an id.
    async fn channel_of(&self, place: &str) -> Result<String, Undelivered> {
        match place.strip_prefix('@') {
            Some(user) => self.conversation_with(user).await,
            None => Ok(place.to_owned()),
        }
    }

    /// Draws the card on a message anew. Whoever clicked on it has seen that it was old.
    pub(super) async fn redraw(&self, message: &MessageRef, windows: &[WindowId]) -> Result<(), Undelivered> {
        let known = cards_on(&self.app, message).await?;
        let place = known.first().map(|card| card.channel.clone()).unwrap_or_default();
        crate::chat::deliver::redraw(self, &message.to_string(), &place, &known, windows).await
    }

    /// Says a screen in a channel, in as many messages as it needs; gives the first.
    async fn say(&self, channel: &str, screen: &Screen, written: Written<'_>) -> Result<String, Trouble> {
        let one_message = !screen.buttons.is_empty() || !screen.footer.is_empty();
        let mut pages = if one_message {
            vec![render::one(screen, &self.settings.command)]
        } else {
            render::pages(screen, &self.settings.command)
        }
        .into_iter();
        let Some(first) = pages.next() else {
            let code = "there is nothing to say".to_owned();
            return Err(Trouble::Refused { code, needed: None, provided: None });
        };
        let message = self.post_marked(channel, &first, written).await?;
        for page in pages {
            let unmarked = Written { mark: None, loud: false, ..written };
            // What is told first is out; to say it again would be worse than to lose the end.
            if let Err(trouble) = self.post_marked(channel, &page, unmarked).await {
                tracing::warn!(why = trouble.why(), "the rest of a long message is lost");
                break;
            }
        }
        Ok(message.to_string())
    }

    async fn post_marked(
        &self,
        channel: &str,
        content: &Content,
        written: Written<'_>,
    ) -> Result<MessageRef, Trouble> {
        let metadata = written.mark.map(|mark| json!({"event_type": MARK, "event_payload": {"id": mark}}));
        let post = Post {
            channel,
            content,
            thread_ts: written.thread,
            reply_broadcast: written.loud && written.thread.is_some(),
            unfurl_links: false,
            unfurl_media: false,
            metadata,
        };
        let Answered { channel, ts } = self.api.post("chat.postMessage", &post).await?;
        Ok(MessageRef { channel, ts })
    }

    pub(super) async fn post_into(
        &self,
        channel: &str,
        thread: Option<&str>,
        content: &Content,
    ) -> Result<MessageRef, Trouble> {
        self.post_marked(channel, content, Written { thread, ..Written::default() }).await
    }

    /// Looks for a message of ours whose confirmation was lost. Where the app may not look, nothing is found.
    async fn posted_before(&self, channel: &str, mark: &str) -> Option<String> {
        let arguments = [("channel", channel), ("limit", LOOK_BACK), ("include_all_metadata", "true")];
        let history: Result<History, Trouble> = self.api.get("conversations.history", &arguments).await;
        let history = match history {
            Ok(history) => history,
            Err(trouble) => {
                tracing::debug!(why = trouble.why(), "earlier messages cannot be looked at");
                return None;
            }
        };
        let ours = |earlier: &Earlier| {
            let metadata = earlier.metadata.as_ref();
            metadata
                .and_then(|metadata| metadata.get("event_payload")?.get("id")?.as_str().map(|id| id == mark))
                == Some(true)
        };
        history.messages.into_iter().find(ours).map(|earlier| earlier.ts)
    }

    /// The conversation with a person.
    pub(super) async fn conversation_with(&self, user: &str) -> Result<String, Undelivered> {
        if let Some(known) = self.people.conversation(user) {
            return Ok(known);
        }
        let opened: Result<Opened, _> = self.api.post("conversations.open", &json!({ "users": user })).await;
        let channel = opened.map_err(|trouble| trouble.undelivered(&format!("@{user}")))?.channel.id;
        self.people.remember_conversation(user, &channel);
        Ok(channel)
    }

    async fn rewrite_message(&self, message: &MessageRef, content: &Content) -> Result<(), Undelivered> {
        let update = Update { channel: &message.channel, ts: &message.ts, content };
        match self.api.post::<Nothing>("chat.update", &update).await {
            Ok(Nothing {}) => Ok(()),
            // A channel that is gone took the message along.
            Err(Trouble::Refused { code, .. }) if code == "channel_not_found" => Err(Undelivered::Gone),
            Err(trouble) => Err(trouble.undelivered(&message.channel)),
        }
    }
}

/// The windows that a message shows.
pub(super) async fn cards_on(app: &App, message: &MessageRef) -> Result<Vec<CardRow>, Undelivered> {
    let read = async { app.store.read().await?.cards_on(Medium::Slack, &message.to_string()).await };
    read.await.map_err(|error| Undelivered::Transient(format!("the database: {error}")))
}
