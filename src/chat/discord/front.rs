//! Who is listened to in Discord, what is meant, and how the answer is brought to the one who asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::api::{ACKNOWLEDGED_BEFORE, CLOSED_TO_US, Trouble};
use super::heard::{Ack, Heard, Way, What, Who, lines};
use super::render::{self, EPHEMERAL};
use super::{Inner, Us};
use crate::app::App;
use crate::chat::desk::Front;
use crate::chat::form::{Filled, Form};
use crate::chat::press::{FormId, Pick, Press};
use crate::chat::retry::patiently;
use crate::chat::screen::{Picture, Screen};
use crate::chat::talk::{Answered, Reply, Speaker, Talk, unreadable};
use crate::config::secret::Secret;
use crate::domain::answer::{Answer, Verdict};
use crate::domain::ids::WindowId;
use crate::domain::person::Identity;
use crate::store::records::Medium;

/// Somebody who left the server is told apart at the latest after this.
const REMEMBERED_FOR: Duration = Duration::from_secs(600);
/// So many people are remembered.
const MOST: usize = 2_000;

/// Who is a member of our server, as far as it was asked.
#[derive(Debug, Default)]
pub(super) struct Members(Mutex<HashMap<String, (Instant, Standing)>>);

/// Whether somebody is listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Member,
    Elsewhere,
    Pending,
    Bot,
}

/// One server of Discord, as the desk uses it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) inner: Arc<Inner>,
    pub(super) us: Us,
    pub(super) talk: Talk,
}

impl Server {
    pub(super) fn new(inner: Arc<Inner>, us: Us) -> Self {
        let talk = Talk { app: inner.app.clone() };
        Self { inner, us, talk }
    }

    async fn standing(&self, who: &Who) -> Result<Standing, Trouble> {
        if who.is_bot {
            return Ok(Standing::Bot);
        }
        match who.guild.as_deref() {
            Some(guild) if guild != self.inner.settings.guild => return Ok(Standing::Elsewhere),
            Some(_) if who.is_pending => return Ok(Standing::Pending),
            Some(_) => return Ok(Standing::Member),
            // In a direct message Discord does not say whose server somebody is in.
            None => {}
        }
        let members = || self.inner.members.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = members().get(&who.user).copied();
        if let Some((_, standing)) = known.filter(|(at, _)| at.elapsed() < REMEMBERED_FOR) {
            return Ok(standing);
        }
        let path = format!("/guilds/{}/members/{}", self.inner.settings.guild, who.user);
        let standing = match patiently(|| self.inner.api.get(&path)).await {
            Ok(member) if member.get("pending").and_then(Value::as_bool) == Some(true) => Standing::Pending,
            Ok(_) => Standing::Member,
            Err(Trouble::Refused { status: 404, .. }) => Standing::Elsewhere,
            Err(trouble) => return Err(trouble),
        };
        // Whoever accepts the rules does so because I asked, and says it again at once.
        if standing == Standing::Pending {
            return Ok(standing);
        }
        let mut members = members();
        if members.len() >= MOST {
            members.clear();
        }
        members.insert(who.user.clone(), (Instant::now(), standing));
        Ok(standing)
    }

    /// Whether somebody is listened to; else what is said to him.
    async fn admit(&self, who: &Who) -> Result<(), Option<Answer>> {
        let standing = self.standing(who).await;
        let why = match standing {
            Ok(Standing::Member) => return Ok(()),
            Ok(Standing::Bot) => return Err(None),
            Ok(Standing::Elsewhere) => {
                "You are no member of the Discord server that I work for, so I do not act on what you say. Nothing was done."
            }
            Ok(Standing::Pending) => {
                "You have not yet accepted the rules of this Discord server, so I do not act on what you say here. Nothing was done."
            }
            Err(trouble) => {
                tracing::warn!(why = trouble.why(), "Discord does not say who this is");
                let answer = Answer::new(
                    Verdict::Broken,
                    "I could not ask Discord who you are just now, so nothing was done.",
                );
                return Err(Some(answer.then("Please try again in a minute.")));
            }
        };
        tracing::warn!(guild = ?who.guild, standing = ?standing.ok(), "somebody who is not listened to");
        self.talk.turned_away(&Identity::Discord { user: who.user.clone() }, why).await;
        let answer = Answer::new(Verdict::Refused, why);
        Err(Some(answer.then("If servers here are yours, answer the notice mail, or ask an operator.")))
    }

    fn speaker(&self, heard: &Heard) -> Speaker {
        Speaker {
            identity: Identity::Discord { user: heard.who.user.clone() },
            vouched: None,
            key: heard.key.clone(),
            message: heard.on.clone(),
            thread: heard.channel.clone(),
            lists_in_forms: false,
        }
    }

    /// Who speaks, when somebody is to be listened to who only types.
    pub(super) async fn quiet_speaker(&self, who: &Who) -> Option<Speaker> {
        self.admit(who).await.ok()?;
        Some(Speaker {
            identity: Identity::Discord { user: who.user.clone() },
            vouched: None,
            key: String::new(),
            message: None,
            thread: None,
            lists_in_forms: false,
        })
    }

    /// Says that the answer comes later; once, whoever comes first. `false` when Discord was not told.
    pub(super) async fn acknowledge(&self, heard: &Heard) -> bool {
        match &heard.way {
            Way::Interaction { id, token, replaces, acked } => {
                self.deferred(id, token, *replaces, acked).await != Ack::Lost
            }
            Way::Message { .. } => true,
        }
    }

    async fn deferred(&self, id: &str, token: &Secret, replaces: bool, acked: &OnceCell<Ack>) -> Ack {
        let later =
            if replaces { json!({"type": 6}) } else { json!({"type": 5, "data": {"flags": EPHEMERAL}}) };
        let defer = || async {
            match self.respond(id, token, &later).await {
                Ok(()) => Ack::Deferred,
                // Another process of ours was faster, and the answer can still be brought.
                Err(trouble) if trouble.code() == ACKNOWLEDGED_BEFORE => Ack::Deferred,
                Err(trouble) => {
                    tracing::warn!(why = trouble.why(), "an interaction could not be acknowledged");
                    Ack::Lost
                }
            }
        };
        *acked.get_or_init(defer).await
    }

    /// The first answer to an interaction, for which Discord waits three seconds.
    pub(super) async fn respond(&self, id: &str, token: &Secret, answer: &Value) -> Result<(), Trouble> {
        let path = format!("/interactions/{id}/{}/callback", token.expose());
        let mut last = Trouble::Unreachable("it was not tried".to_owned());
        for wait in [Duration::ZERO, Duration::from_millis(200), Duration::from_millis(600)] {
            tokio::time::sleep(wait).await;
            match self.inner.api.post(&path, answer).await {
                Ok(_) => return Ok(()),
                Err(trouble @ Trouble::Refused { .. }) => return Err(trouble),
                Err(trouble) => {
                    if let Some(after) = trouble.asked_to_wait() {
                        tokio::time::sleep(after.min(Duration::from_secs(1))).await;
                    }
                    last = trouble;
                }
            }
        }
        Err(last)
    }

    /// Opens a form, when nothing was said yet.
    async fn opens(&self, way: &Way, form: &Form) -> bool {
        let Way::Interaction { id, token, acked, .. } = way else { return false };
        let modal = render::modal(form);
        let mut ours = false;
        let open = async {
            ours = true;
            match self.respond(id, token, &modal).await {
                Ok(()) => Ack::Answered,
                Err(trouble) => {
                    tracing::warn!(why = trouble.why(), "a form could not be opened");
                    Ack::Lost
                }
            }
        };
        let ack = *acked.get_or_init(|| open).await;
        ours && ack == Ack::Answered
    }

    /// Brings an answer to the one who asked, by another way when the first is closed.
    async fn tell_screen(&self, heard: &Heard, screen: &Screen) {
        let pages = render::pages(screen);
        let told = match &heard.way {
            Way::Interaction { id, token, replaces, acked } => {
                match self.deferred(id, token, *replaces, acked).await {
                    Ack::Deferred => self.tell_interaction(token, &pages, screen.picture.as_ref()).await,
                    Ack::Answered | Ack::Lost => Err("it could not be acknowledged in time".to_owned()),
                }
            }
            Way::Message { channel, message, direct: true } => {
                self.tell_channel(channel, Some(message), &pages, screen.picture.as_ref()).await
            }
            Way::Message { channel, message, direct: false } => {
                match self.tell_directly(&heard.who.user, &pages, screen.picture.as_ref()).await {
                    Ok(()) => Ok(()),
                    Err(why) => {
                        tracing::info!(why, "an answer could not be written to its person directly");
                        let closed = Screen::line(
                            "I cannot write to you directly, and my answer is for you alone: allow direct messages from this server, or use /patch.",
                        );
                        return self.say_it(channel, message, &render::pages(&closed)).await;
                    }
                }
            }
        };
        let Err(why) = told else { return };
        tracing::warn!(why, "the first way for an answer is closed");
        if let Err(why) = self.tell_directly(&heard.who.user, &pages, screen.picture.as_ref()).await {
            tracing::error!(why, "an answer could not be brought to {}", heard.who.user);
            metrics::counter!("patchbot_chat_answers_lost_total", "platform" => "discord").increment(1);
        }
    }

    async fn say_it(&self, channel: &str, message: &str, pages: &[Value]) {
        if let Err(why) = self.tell_channel(channel, Some(message), pages, None).await {
            tracing::error!(why, "an answer could not be brought into its channel");
            metrics::counter!("patchbot_chat_answers_lost_total", "platform" => "discord").increment(1);
        }
    }

    async fn tell_interaction(
        &self,
        token: &Secret,
        pages: &[Value],
        picture: Option<&Picture>,
    ) -> Result<(), String> {
        let hook = format!("/webhooks/{}/{}", self.us.application, token.expose());
        let mut pages = pages.iter();
        if let Some(first) = pages.next() {
            let path = format!("{hook}/messages/@original");
            patiently(|| self.inner.api.patch(&path, first)).await.map_err(|trouble| trouble.why())?;
        }
        for page in pages {
            let page = with(page, "flags", json!(EPHEMERAL));
            patiently(|| self.inner.api.post(&hook, &page)).await.map_err(|trouble| trouble.why())?;
        }
        if let Some(picture) = picture {
            let body = with(&pictured(picture), "flags", json!(EPHEMERAL));
            shown(patiently(|| self.inner.api.post_picture(&hook, &body, picture)).await);
        }
        Ok(())
    }

    async fn tell_channel(
        &self,
        channel: &str,
        answers: Option<&str>,
        pages: &[Value],
        picture: Option<&Picture>,
    ) -> Result<(), String> {
        let path = format!("/channels/{channel}/messages");
        for page in pages {
            let page = match answers {
                Some(message) => with(
                    page,
                    "message_reference",
                    json!({"message_id": message, "fail_if_not_exists": false}),
                ),
                None => page.clone(),
            };
            patiently(|| self.inner.api.post(&path, &page)).await.map_err(|trouble| {
                if trouble.code() == CLOSED_TO_US {
                    "direct messages are closed".to_owned()
                } else {
                    trouble.why()
                }
            })?;
        }
        if let Some(picture) = picture {
            let body = pictured(picture);
            shown(patiently(|| self.inner.api.post_picture(&path, &body, picture)).await);
        }
        Ok(())
    }

    async fn tell_directly(
        &self,
        user: &str,
        pages: &[Value],
        picture: Option<&Picture>,
    ) -> Result<(), String> {
        let channel = self.inner.conversation_with(user).await.map_err(|error| error.to_string())?;
        self.tell_channel(&channel, None, pages, picture).await
    }

    /// Rewrites the card that was clicked when nobody else will: it showed something old, or is not known any more.
    async fn bring_up_to_date(&self, on: &str, windows: &[WindowId], verdict: Option<Verdict>) {
        let read = async { self.inner.app.store.read().await?.cards_on(Medium::Discord, on).await };
        let known = read.await.unwrap_or_default();
        if (verdict == Some(Verdict::Done) && !known.is_empty()) || verdict == Some(Verdict::Broken) {
            return;
        }
        let place = known.first().map(|card| card.channel.clone()).unwrap_or_default();
        let redrawn = crate::chat::deliver::redraw(&*self.inner, on, &place, &known, windows);
        if let Err(error) = Box::pin(redrawn).await {
            tracing::info!(%error, "the card that was clicked could not be rewritten");
        }
    }
}

fn with(body: &Value, name: &str, value: Value) -> Value {
    let mut body = body.clone();
    if let Some(body) = body.as_object_mut() {
        body.insert(name.to_owned(), value);
    }
    body
}

/// The message around a picture; whoever cannot see it is told the same in words.
fn pictured(picture: &Picture) -> Value {
    let alt: String = picture.alt.chars().take(1_024).collect();
    json!({"content": "", "allowed_mentions": {"parse": []},
        "attachments": [{"id": 0, "filename": picture.name, "description": alt}]})
}

fn shown(posted: Result<Value, Trouble>) {
    if let Err(trouble) = posted {
        tracing::warn!(why = trouble.why(), "a picture could not be shown; the same was said in words");
    }
}

impl Front for Server {
    type Heard = Heard;
    const MEDIUM: Medium = Medium::Discord;

    fn app(&self) -> &App {
        &self.inner.app
    }

    async fn answer(&self, heard: &Heard) -> Option<Answered> {
        if let Err(refused) = self.admit(&heard.who).await {
            return refused.map(|answer| Answered::said(Screen::answer(&answer)));
        }
        let speaker = self.speaker(heard);
        Some(match &heard.what {
            What::Words(text) => Answered::said(self.talk.words(&speaker, &lines(text)).await),
            What::Press { name, value } => match Press::from_wire(name, value) {
                Some(press) => self.talk.press(&speaker, &press).await,
                None => Answered::said(unreadable()),
            },
            What::Pick { name, about, value } => match Pick::from_wire(name, about) {
                Some(pick) => self.talk.chosen(&speaker, pick, value).await,
                None => Answered::said(unreadable()),
            },
            What::Form { name, about, filled } => match FormId::from_wire(name, about) {
                Some(id) => {
                    let mut taken = Filled::default();
                    for (field, value) in filled {
                        taken.put(field.clone(), vec![value.clone()]);
                    }
                    self.talk.filled(&speaker, &id, &taken).await
                }
                None => Answered::said(unreadable()),
            },
            What::Strange => Answered::said(unreadable()),
        })
    }

    async fn tell(&self, heard: &Heard, answered: Answered) {
        let Answered { reply, outdated, verdict } = answered;
        let screen = match reply {
            Reply::Form(form) if self.opens(&heard.way, &form).await => None,
            reply => Some(reply.into_screen()),
        };
        if let Some(screen) = screen {
            self.tell_screen(heard, &screen).await;
        }
        if let Some(on) = heard.on.as_ref().filter(|_| !outdated.is_empty()) {
            self.bring_up_to_date(on, &outdated, verdict).await;
        }
    }

    async fn tell_account(&self, account: &str, screen: &Screen) {
        if let Err(why) = self.tell_directly(account, &render::pages(screen), None).await {
            tracing::error!(why, "an answer could not be brought to {account}");
        }
    }

    fn is_owed_a_refusal(&self, heard: &Heard) -> bool {
        !heard.who.is_bot
    }
}
