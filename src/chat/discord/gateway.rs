//! Listening: the gateway is opened and kept by the library; what comes over it is handed to the desk.
//!
//! An event that the library cannot read is read by ourselves, from its JSON: a field that Discord adds must not cost
//! somebody's click.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use serenity::all::{
    ClientBuilder, Context, Event, EventHandler, GatewayIntents, HttpBuilder, Interaction, RawEventHandler,
    ShardStageUpdateEvent,
};
use serenity::gateway::ConnectionStage;
use tokio_util::sync::CancellationToken;

use super::api::Trouble;
use super::commands;
use super::front::Server;
use super::heard::{Incoming, Who, interaction, message};
use super::render;
use super::{Inner, Us};
use crate::chat::book::Slip;
use crate::chat::desk::{Accepted, Desk};
use crate::chat::retry::{Backoff, SHUT_OUT};
use crate::chat::talk::Wanted;
use crate::chat::tell_shut_out;
use crate::config::secret::Secret;
use crate::store::records::Medium;

/// Discord waits three seconds for what is typed to be completed, and for the first answer to a click.
const TYPING: Duration = Duration::from_millis(2_500);
/// What may open a form has to be answered at once; what takes longer than this is answered in words.
const FORM: Duration = Duration::from_millis(2_000);
/// Discord shows so many suggestions.
const MOST_SUGGESTIONS: usize = 25;

/// Discord takes the token no more, and what to do then.
const NO_TOKEN: &str = "the bot's token is not accepted";
const NEW_TOKEN: &str = "Reset it on the page \"Bot\" of the application in Discord, put the new one into the file of discord.token, and restart patchbot; \"patchbot doctor\" says more.";
/// What to do when Discord does not grant what we want to hear.
const INTENTS: &str = "patchbot needs no privileged intent: look on the page \"Bot\" of the application whether Discord has restricted it, and restart patchbot; deploy/chat.md names the intents.";

/// Listens until it is told to stop.
pub(super) async fn listen(inner: &Arc<Inner>, stop: CancellationToken) {
    let Some(us) = introduce(inner, &stop).await else { return };
    let desk = Arc::new(Desk::new(Server::new(Arc::clone(inner), us)));
    // Before anybody is heard: what was said before is done before.
    desk.takes_up(stop.clone()).await;
    let mut backoff = Backoff::new(inner.settings.reconnect_after);
    while !stop.is_cancelled() {
        let ended = connected(inner, &desk, &stop).await;
        if stop.is_cancelled() {
            break;
        }
        tracing::error!(why = ended.why, "no connection to Discord; patchbot doctor says more");
        inner.closed(Some(ended.why.clone()));
        let wait = match ended.next {
            // Discord takes a token away that identifies itself in a loop.
            Some(next) => {
                tell_shut_out(&inner.app, Medium::Discord, &ended.why, next).await;
                SHUT_OUT
            }
            None => backoff.wait(None, &inner.app.ids),
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(wait) => {}
        }
    }
    inner.closed(None);
    desk.close().await;
}

/// Finds out who we are and registers the commands, as often as it takes; nothing when it is told to stop before.
async fn introduce(inner: &Arc<Inner>, stop: &CancellationToken) -> Option<Us> {
    let mut backoff = Backoff::new(inner.settings.reconnect_after);
    loop {
        let done: Result<Us, Trouble> = async {
            let us = inner.us().await?.clone();
            let path = format!("/applications/{}/commands", us.application);
            inner.api.put(&path, &commands::registration()).await?;
            Ok(us)
        }
        .await;
        let trouble = match done {
            Ok(us) => {
                tracing::info!(bot = us.user, "Discord knows us, and the commands are registered");
                return Some(us);
            }
            Err(trouble) => trouble,
        };
        let why = trouble.why();
        tracing::error!(why, "Discord cannot be used; patchbot doctor says more");
        inner.closed(Some(why));
        let wait = if matches!(trouble, Trouble::Refused { status: 401, .. }) {
            tell_shut_out(&inner.app, Medium::Discord, NO_TOKEN, NEW_TOKEN).await;
            SHUT_OUT
        } else {
            backoff.wait(trouble.asked_to_wait(), &inner.app.ids)
        };
        tokio::select! {
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Why the gateway could not be kept.
struct Ended {
    why: String,
    /// What somebody has to do before it can be opened again.
    next: Option<&'static str>,
}

/// Keeps the gateway open until it cannot be kept, or we are told to stop.
async fn connected(inner: &Arc<Inner>, desk: &Arc<Desk<Server>>, stop: &CancellationToken) -> Ended {
    // Only the gateway's address is asked through this; with our base it never goes anywhere else.
    let http = HttpBuilder::new(inner.settings.token.expose())
        .proxy(inner.api.base())
        .ratelimiter_disabled(true)
        .build();
    let ears = Arc::new(Ears { inner: Arc::clone(inner), desk: Arc::clone(desk) });
    let intents = GatewayIntents::GUILD_MESSAGES | GatewayIntents::DIRECT_MESSAGES;
    let client = ClientBuilder::new_with_http(http, intents)
        .event_handler_arc(Arc::clone(&ears))
        .raw_event_handler(Ear(ears))
        .await;
    let mut client = match client {
        Ok(client) => client,
        Err(error) => return Ended::by(&error),
    };
    let shards = Arc::clone(&client.shard_manager);
    tokio::select! {
        () = stop.cancelled() => {
            shards.shutdown_all().await;
            Ended { why: "we are told to stop".to_owned(), next: None }
        }
        ended = client.start() => match ended {
            Ok(()) => Ended { why: "the connection ended".to_owned(), next: None },
            Err(error) => Ended::by(&error),
        },
    }
}

impl Ended {
    fn by(error: &serenity::Error) -> Self {
        use serenity::gateway::GatewayError;
        let (why, next) = match error {
            serenity::Error::Gateway(GatewayError::InvalidAuthentication) => {
                (NO_TOKEN.to_owned(), Some(NEW_TOKEN))
            }
            serenity::Error::Gateway(GatewayError::DisallowedGatewayIntents) => {
                ("it does not grant the intents that I ask for".to_owned(), Some(INTENTS))
            }
            serenity::Error::Gateway(GatewayError::InvalidGatewayIntents) => {
                ("it does not know the intents that I ask for".to_owned(), Some(INTENTS))
            }
            other => (other.to_string(), None),
        };
        Self { why, next }
    }
}

/// What hears.
struct Ears {
    inner: Arc<Inner>,
    desk: Arc<Desk<Server>>,
}

/// The same for events as they come.
struct Ear(Arc<Ears>);

#[serenity::async_trait]
impl EventHandler for Ears {
    async fn shard_stage_update(&self, _: Context, update: ShardStageUpdateEvent) {
        tracing::info!(stage = %update.new, "the gateway of Discord");
        if update.new == ConnectionStage::Connected {
            self.inner.opened();
        } else if update.old == ConnectionStage::Connected {
            self.inner.closed(Some("the connection is renewed".to_owned()));
        }
    }
}

#[serenity::async_trait]
impl RawEventHandler for Ear {
    async fn raw_event(&self, _: Context, event: Event) {
        let ears = &self.0;
        let bot = &ears.desk.front.us.user;
        let unreadable = Incoming::Unreadable("the library cannot write it down again");
        let incoming = match event {
            Event::Ready(_) | Event::Resumed(_) => {
                ears.inner.opened();
                return;
            }
            Event::InteractionCreate(event) => {
                written_down(&event.interaction).map_or(unreadable, |value| interaction(&value))
            }
            Event::MessageCreate(event) => {
                serde_json::to_value(&event.message).map_or(unreadable, |value| message(&value, bot))
            }
            Event::Unknown(event) => {
                let value = json_of(&event.value);
                match event.kind.as_str() {
                    "INTERACTION_CREATE" => interaction(&value),
                    "MESSAGE_CREATE" => message(&value, bot),
                    _ => return,
                }
            }
            _ => return,
        };
        ears.take(incoming);
    }
}

/// An interaction as Discord wrote it; the library leaves out which kind it is.
fn written_down(interaction: &Interaction) -> Option<Value> {
    let mut value = serde_json::to_value(interaction).ok()?;
    let kind = u8::from(interaction.kind());
    value.as_object_mut()?.insert("type".to_owned(), json!(kind));
    Some(value)
}

fn json_of(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

impl Ears {
    /// Takes what came in. Nothing in here waits.
    fn take(&self, incoming: Incoming) {
        let heard = match incoming {
            Incoming::Nothing => return,
            Incoming::Unreadable(why) => {
                metrics::counter!("patchbot_chat_unreadable_total", "platform" => "discord").increment(1);
                tracing::error!(why, "something that Discord sent cannot be read, so nobody is answered");
                return;
            }
            Incoming::Typing { who, id, token, data } => {
                let desk = Arc::clone(&self.desk);
                self.desk.spawn(async move { complete(&desk.front, &who, &id, &token, &data).await });
                return;
            }
            Incoming::Heard(heard) => heard,
        };
        let opens = heard.may_open_a_form();
        let (copy, desk) = ((*heard).clone(), Arc::clone(&self.desk));
        let slip = match self.desk.accept(&heard.key.clone(), *heard) {
            Accepted::Yes(slip) => slip,
            Accepted::Busy => Slip::default(),
            Accepted::Again => return,
        };
        self.desk.spawn(async move {
            let begun = tokio::time::Instant::now();
            if !desk.may_acknowledge(&slip).await {
                return;
            }
            if opens {
                tokio::time::sleep_until(begun + FORM).await;
            }
            if desk.front.acknowledge(&copy).await {
                desk.acknowledged(&slip);
            }
        });
    }
}

/// Completes what is typed, in time or not at all.
async fn complete(server: &Server, who: &Who, id: &str, token: &Secret, data: &Value) {
    let found = async {
        let (kind, typed, filled) = commands::wanted(data)?;
        let speaker = server.quiet_speaker(who).await?;
        let wanted = Wanted { kind, typed, filled, most: MOST_SUGGESTIONS };
        Some(server.talk.suggest(&speaker, &wanted).await)
    };
    let found = tokio::time::timeout(TYPING, found).await.ok().flatten();
    let answer = found
        .map_or_else(|| json!({"type": 8, "data": {"choices": []}}), |choices| render::suggestions(&choices));
    if let Err(trouble) = server.respond(id, token, &answer).await {
        tracing::debug!(why = trouble.why(), "what was typed could not be completed");
    }
}
