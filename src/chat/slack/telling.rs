//! Bringing an answer to the one who asked, and to nobody else.

use std::time::Duration;

use serde::Serialize;

use super::api::{Nothing, Trouble};
use super::desk::Desk;
use super::envelope::Way;
use super::render::{self, Content};
use crate::chat::text::{Line, Paragraph};

/// An address for answers works five times.
const MOST_PAGES: usize = 5;

#[derive(Debug, Serialize)]
struct Response<'a> {
    #[serde(flatten)]
    content: &'a Content,
    response_type: &'static str,
    replace_original: bool,
}

#[derive(Debug, Serialize)]
struct Whisper<'a> {
    channel: &'a str,
    user: &'a str,
    #[serde(flatten)]
    content: &'a Content,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_ts: Option<&'a str>,
}

impl Desk {
    /// Brings an answer to the one who asked, by another way when the first is closed.
    pub(super) async fn tell(&self, user: &str, way: &Way, paragraphs: &[Paragraph]) {
        let mut pages = render::pages(paragraphs, &self.inner.settings.command);
        if pages.len() > MOST_PAGES {
            pages.truncate(MOST_PAGES.saturating_sub(1));
            let more = Line::plain("There is more than fits here; ask about fewer servers.");
            pages.extend(render::pages(&[Paragraph::Lines(vec![more])], ""));
        }
        for page in pages {
            if let Err(why) = self.tell_page(user, way, &page).await {
                tracing::error!(why, "an answer could not be brought to {user}");
                metrics::counter!("patchbot_slack_answers_lost_total").increment(1);
                return;
            }
        }
    }

    async fn tell_page(&self, user: &str, way: &Way, page: &Content) -> Result<(), String> {
        let first = match way {
            Way::Address { url, .. } => {
                let answer = Response { content: page, response_type: "ephemeral", replace_original: false };
                patiently(|| self.inner.api.respond(url, &answer)).await.map(|Nothing {}| ())
            }
            Way::Channel { channel, thread } => {
                patiently(|| self.whisper(channel, user, thread.as_deref(), page)).await
            }
            Way::Direct { channel, thread } => {
                return patiently(|| self.inner.post_into(channel, thread.as_deref(), page))
                    .await
                    .map(|_| ())
                    .map_err(|trouble| trouble.why());
            }
        };
        let Err(trouble) = first else { return Ok(()) };
        tracing::warn!(why = trouble.why(), "the first way for an answer is closed");
        if let Way::Address { channel: Some(channel), .. } = way
            && self.whisper(channel, user, None, page).await.is_ok()
        {
            return Ok(());
        }
        let direct = self.inner.conversation_with(user).await.map_err(|error| error.to_string())?;
        self.inner.post_into(&direct, None, page).await.map(|_| ()).map_err(|trouble| trouble.why())
    }

    /// Writes into a channel, visible to one person.
    async fn whisper(
        &self,
        channel: &str,
        user: &str,
        thread_ts: Option<&str>,
        content: &Content,
    ) -> Result<(), Trouble> {
        let whisper = Whisper { channel, user, content, thread_ts };
        self.inner.api.post::<Nothing>("chat.postEphemeral", &whisper).await.map(|Nothing {}| ())
    }
}

/// Tries again what may only be in trouble for a moment.
async fn patiently<T, F>(mut call: impl FnMut() -> F) -> Result<T, Trouble>
where
    F: Future<Output = Result<T, Trouble>>,
{
    let mut wait = Duration::from_millis(300);
    for _ in 0..3 {
        let trouble = match call().await {
            Ok(done) => return Ok(done),
            Err(trouble) => trouble,
        };
        match trouble {
            Trouble::RateLimited(after) if after <= Duration::from_secs(15) => {
                tokio::time::sleep(after).await;
            }
            Trouble::Unreachable(_) => tokio::time::sleep(wait).await,
            Trouble::RateLimited(_) | Trouble::Refused { .. } | Trouble::UsedUp => return Err(trouble),
        }
        wait = wait.saturating_mul(3);
    }
    call().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_in_trouble_for_a_moment_is_tried_again_and_what_is_refused_is_not() {
        let tries = std::cell::Cell::new(0_u32);
        let after = |fails: u32, trouble: fn() -> Trouble| {
            tries.set(0);
            let tries = &tries;
            patiently(move || async move {
                tries.set(tries.get().saturating_add(1));
                if tries.get() > fails { Ok(()) } else { Err(trouble()) }
            })
        };
        let limited = || Trouble::RateLimited(Duration::from_millis(1));
        assert!(after(3, limited).await.is_ok());
        assert!(after(4, limited).await.is_err());
        assert_eq!(tries.get(), 4);
        assert!(after(1, || Trouble::Unreachable("broken".to_owned())).await.is_ok());
        assert!(after(1, || Trouble::RateLimited(Duration::from_secs(60))).await.is_err());
        assert!(after(1, || Trouble::UsedUp).await.is_err());
        assert_eq!(tries.get(), 1);
    }
}
