//! Writing: cards are posted and rewritten, operators are told things, a night's board is kept.

use std::sync::PoisonError;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Inner;
use super::api::Trouble;
use super::render;
use crate::app::App;
use crate::chat::Undelivered;
use crate::chat::deliver::{Drawing, Place, Posted, Writer};
use crate::chat::screen::Screen;
use crate::domain::person::Identity;
use crate::store::records::Medium;

/// There is a thread below the message already.
const THREAD_IS_THERE: i64 = 160_004;
const NO_CHANNEL: i64 = 10_003;
/// So many characters has the name of a thread.
const MOST_IN_NAME: usize = 100;

/// What Discord knows a message again by, should we have to post it twice: at most 25 signs.
fn nonce(mark: &str) -> String {
    let digest = Sha256::digest(mark.as_bytes());
    data_encoding::HEXLOWER.encode(&digest).chars().take(24).collect()
}

impl Writer for Inner {
    const MEDIUM: Medium = Medium::Discord;

    fn app(&self) -> &App {
        &self.app
    }

    fn drawings(&self) -> &Drawing {
        &self.drawing
    }

    async fn reader(&self, place: &str) -> Option<Identity> {
        Some(Identity::Discord { user: place.strip_prefix('@')?.to_owned() })
    }

    /// Discord does not tell anybody's zone.
    async fn zone_of(&self, _: &str) -> Option<chrono_tz::Tz> {
        None
    }

    async fn post(&self, at: &Place<'_>, screen: &Screen) -> Result<Posted, Undelivered> {
        let channel = self.channel_of(at.place).await?;
        let Some(root) = at.below.and_then(|below| below.split_once('/')).map(|(_, message)| message) else {
            let message = self.say(&channel, screen, at.mark, None).await;
            let message = message.map_err(|trouble| trouble.undelivered(at.place))?;
            return Ok(Posted { message, thread: None });
        };
        // There are no threads in a conversation between two.
        if at.place.starts_with('@') {
            let message = self.say(&channel, screen, at.mark, Some(root)).await;
            let message = message.map_err(|trouble| trouble.undelivered(at.place))?;
            return Ok(Posted { message, thread: None });
        }
        let message = self.say_below(&channel, root, screen, at.mark).await?;
        if at.loud {
            // What is bad is told in the channel as well, as an answer to the card.
            let mark = format!("{}/loud", at.mark);
            if let Err(trouble) = self.say(&channel, screen, &mark, Some(root)).await {
                tracing::warn!(
                    why = trouble.why(),
                    "what is told in a thread could not be told in its channel"
                );
            }
        }
        Ok(Posted { message, thread: Some(root.to_owned()) })
    }

    async fn rewrite(&self, message: &str, screen: &Screen) -> Result<(), Undelivered> {
        let Some((channel, id)) = message.split_once('/') else { return Err(Undelivered::Gone) };
        let path = format!("/channels/{channel}/messages/{id}");
        match self.api.patch(&path, &render::one(screen)).await {
            Ok(_) => Ok(()),
            // A channel that is gone took the message along.
            Err(trouble) if trouble.code() == NO_CHANNEL => Err(Undelivered::Gone),
            Err(trouble) => Err(trouble.undelivered(channel)),
        }
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

    /// The conversation with a person.
    pub(super) async fn conversation_with(&self, user: &str) -> Result<String, Undelivered> {
        let conversations = || self.conversations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = conversations().get(user) {
            return Ok(known.clone());
        }
        let opened = self.api.post("/users/@me/channels", &json!({"recipient_id": user})).await;
        let opened = opened.map_err(|trouble| trouble.undelivered(&format!("@{user}")))?;
        let channel = id_of(&opened).map_err(|trouble| trouble.undelivered(&format!("@{user}")))?;
        conversations().insert(user.to_owned(), channel.clone());
        Ok(channel)
    }

    /// Says a screen below a card, in its thread, which is opened when it is not there.
    async fn say_below(
        &self,
        channel: &str,
        root: &str,
        screen: &Screen,
        mark: &str,
    ) -> Result<String, Undelivered> {
        // A thread has the id of the message that it hangs below.
        match self.say(root, screen, mark, None).await {
            Ok(message) => return Ok(message),
            Err(trouble) if trouble.code() == NO_CHANNEL => {}
            Err(trouble) => return Err(trouble.undelivered(channel)),
        }
        let path = format!("/channels/{channel}/messages/{root}/threads");
        let name = self.name_of(channel, root).await;
        match self.api.post(&path, &json!({"name": name, "auto_archive_duration": 10_080})).await {
            Ok(_) => {}
            Err(trouble) if trouble.code() == THREAD_IS_THERE => {}
            Err(trouble) => return Err(trouble.undelivered(channel)),
        }
        self.say(root, screen, mark, None).await.map_err(|trouble| trouble.undelivered(channel))
    }

    /// The name of a card's thread: the server it is about.
    async fn name_of(&self, channel: &str, root: &str) -> String {
        let message = format!("{channel}/{root}");
        let read = async {
            let mut tx = self.app.store.read().await?;
            let cards = tx.cards_on(Medium::Discord, &message).await?;
            match cards.as_slice() {
                [card] => {
                    let window = tx.window_by_id(card.window).await?;
                    Ok(Some(tx.server_by_id(window.server).await?.name))
                }
                _ => Ok::<_, crate::store::error::StoreError>(None),
            }
        };
        let name = read.await.ok().flatten().unwrap_or_else(|| "What happened".to_owned());
        name.chars().take(MOST_IN_NAME).collect()
    }

    /// Says a screen in a channel, in as many messages as it needs; gives the first.
    async fn say(
        &self,
        channel: &str,
        screen: &Screen,
        mark: &str,
        answers: Option<&str>,
    ) -> Result<String, Trouble> {
        let one_message = !screen.buttons.is_empty() || !screen.footer.is_empty();
        let pages = if one_message { vec![render::one(screen)] } else { render::pages(screen) };
        let path = format!("/channels/{channel}/messages");
        let mut first = None;
        for (number, mut page) in pages.into_iter().enumerate() {
            if let Some(page) = page.as_object_mut() {
                page.insert("nonce".to_owned(), json!(nonce(&format!("{mark}/{number}"))));
                page.insert("enforce_nonce".to_owned(), json!(true));
                if let Some(answers) = answers {
                    let reference = json!({"message_id": answers, "fail_if_not_exists": false});
                    page.insert("message_reference".to_owned(), reference);
                }
            }
            match self.api.post(&path, &page).await {
                Ok(posted) => {
                    let id = id_of(&posted)?;
                    first.get_or_insert(format!("{channel}/{id}"));
                }
                Err(trouble) if first.is_some() => {
                    // What is told first is out; to say it again would be worse than to lose the end.
                    tracing::warn!(why = trouble.why(), "the rest of a long message is lost");
                    break;
                }
                Err(trouble) => return Err(trouble),
            }
        }
        first.ok_or_else(|| Trouble::Unreachable("there is nothing to say".to_owned()))
    }
}

fn id_of(value: &Value) -> Result<String, Trouble> {
    let id = value.get("id").and_then(Value::as_str).map(str::to_owned);
    id.ok_or_else(|| Trouble::Unreachable("the answer is not what Discord answers".to_owned()))
}
