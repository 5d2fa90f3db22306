//! Bringing an answer to the one who asked, and to nobody else.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::{Nothing, Trouble};
use super::envelope::{Way, Who};
use super::front::Workspace;
use super::render::{self, Content};
use super::{MessageRef, forms};
use crate::chat::retry::patiently;
use crate::chat::screen::{Picture, Screen};
use crate::chat::talk::Reply;
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

#[derive(Debug, Deserialize)]
struct UploadPlace {
    upload_url: String,
    file_id: String,
}

impl Workspace {
    /// Brings an answer to the one who asked, by another way when the first is closed.
    pub(super) async fn tell_screen(&self, user: &str, way: &Way, screen: &Screen) {
        let command = &self.inner.settings.command;
        let mut pages = render::pages(screen, command);
        if pages.len() > MOST_PAGES {
            pages.truncate(MOST_PAGES.saturating_sub(1));
            let more = Line::plain("There is more than fits here; ask about fewer servers.");
            pages.extend(render::pages(&Screen::of(vec![Paragraph::Lines(vec![more])]), ""));
        }
        for (number, page) in pages.iter().enumerate() {
            if let Err(why) = self.tell_page(user, way, page, number == 0).await {
                tracing::error!(why, "an answer could not be brought to {user}");
                metrics::counter!("patchbot_chat_answers_lost_total", "platform" => "slack").increment(1);
                return;
            }
        }
        if let Some(picture) = &screen.picture
            && let Err(why) = self.show_picture(user, way, picture).await
        {
            tracing::warn!(why, "a picture could not be shown; the same was said in words");
        }
    }

    async fn tell_page(&self, user: &str, way: &Way, page: &Content, first_page: bool) -> Result<(), String> {
        let first = match way {
            Way::Address { url, replaces, .. } => {
                let replace_original = *replaces && first_page;
                let answer = Response { content: page, response_type: "ephemeral", replace_original };
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
            Way::View { .. } | Way::Home { .. } => return self.tell_directly(user, page).await,
        };
        let Err(trouble) = first else { return Ok(()) };
        tracing::warn!(why = trouble.why(), "the first way for an answer is closed");
        if let Way::Address { channel: Some(channel), .. } = way
            && self.whisper(channel, user, None, page).await.is_ok()
        {
            return Ok(());
        }
        self.tell_directly(user, page).await
    }

    /// Writes into the conversation with the person.
    async fn tell_directly(&self, user: &str, page: &Content) -> Result<(), String> {
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

    /// Puts a picture where only the one who asked sees it: into the conversation with the app. Slack shows a file to
    /// everybody who is where it is put.
    async fn show_picture(&self, user: &str, way: &Way, picture: &Picture) -> Result<(), String> {
        let channel = match way {
            Way::Direct { channel, .. } => channel.clone(),
            _ => self.inner.conversation_with(user).await.map_err(|error| error.to_string())?,
        };
        let length = picture.png.len().to_string();
        // Slack takes at most a thousand letters for whoever cannot see.
        let alt: String = picture.alt.chars().take(1_000).collect();
        let arguments =
            [("filename", picture.name.as_str()), ("length", length.as_str()), ("alt_txt", alt.as_str())];
        let place: UploadPlace = patiently(|| self.inner.api.get("files.getUploadURLExternal", &arguments))
            .await
            .map_err(|t| t.why())?;
        patiently(|| self.inner.api.upload(&place.upload_url, &picture.name, &picture.png))
            .await
            .map_err(|trouble| trouble.why())?;
        let done = json!({"files": [{"id": place.file_id, "title": picture.name}], "channel_id": channel});
        patiently(|| self.inner.api.post::<Nothing>("files.completeUploadExternal", &done))
            .await
            .map(|Nothing {}| ())
            .map_err(|trouble| trouble.why())
    }

    /// Answers a click: a form is opened, anything else is said.
    pub(super) async fn tell_click(
        &self,
        user: &str,
        way: &Way,
        trigger: &str,
        on: Option<&MessageRef>,
        reply: Reply,
    ) {
        let command = &self.inner.settings.command;
        let view = match (&reply, way) {
            (Reply::Form(form), _) => forms::view(form, on, command),
            (Reply::Screen(screen), Way::Home { .. }) => forms::told("patchbot", screen, command),
            (Reply::Screen(screen), _) => return self.tell_screen(user, way, screen).await,
        };
        let opening = json!({"trigger_id": trigger, "view": view});
        let opened: Result<Value, Trouble> = self.inner.api.post("views.open", &opening).await;
        if let Err(trouble) = opened {
            tracing::warn!(why = trouble.why(), "a form could not be opened");
            self.tell_screen(user, way, &reply.into_screen()).await;
        }
    }

    /// Shows an answer in the form that was sent.
    pub(super) async fn show_in_form(&self, user: &str, view: &str, about: &str, reply: Reply, sent: bool) {
        let command = &self.inner.settings.command;
        let origin = forms::origin_of(about);
        let drawn = match &reply {
            Reply::Form(form) => forms::view(form, origin.as_ref(), command),
            Reply::Screen(screen) => forms::told("patchbot", screen, command),
        };
        let update = json!({"view_id": view, "view": drawn});
        let updated: Result<Value, Trouble> =
            patiently(|| self.inner.api.post("views.update", &update)).await;
        if let Err(trouble) = updated {
            // Whoever has closed the form still wants to know what came of it.
            tracing::info!(why = trouble.why(), "a form could not be rewritten");
            if sent {
                let way = Way::View { view: view.to_owned() };
                self.tell_screen(user, &way, &reply.into_screen()).await;
            }
        }
    }

    /// Shows somebody's servers on the app's home.
    pub(super) async fn show_home(&self, user: &str, screen: &Screen) {
        let blocks = render::screen_blocks(screen, &self.inner.settings.command);
        let publish = json!({"user_id": user, "view": {"type": "home", "blocks": blocks}});
        let published: Result<Value, Trouble> =
            patiently(|| self.inner.api.post("views.publish", &publish)).await;
        if let Err(trouble) = published {
            tracing::warn!(why = trouble.why(), "the home of {user} could not be shown");
        }
    }

    /// Shows the home anew after something on it was clicked.
    pub(super) async fn refresh_home(&self, who: &Who) {
        let Some(speaker) = self.quiet_speaker(who).await else { return };
        match self.talk.mine(&speaker, 1).await {
            Ok(screen) => self.show_home(&who.user, &screen).await,
            Err(failure) => tracing::error!(error = %failure, "a home could not be drawn"),
        }
    }
}
