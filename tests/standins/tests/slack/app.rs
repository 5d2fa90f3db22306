//! A small app on top of slack-morphism, wired the way patchbot wires it.

use anyhow::Context;
use futures::future::BoxFuture;
use patchbot_standins::slack::Slack;
use serde_json::Value;
use slack_morphism::errors::SlackClientError;
use slack_morphism::prelude::*;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

/// What the app hears.
#[expect(clippy::large_enum_variant, reason = "the events are as large as the client makes them")]
pub(crate) enum Heard {
    Command(SlackCommandEvent),
    Interaction(SlackInteractionEvent),
    Event(SlackPushEventCallback),
}

/// What the app acknowledges with.
pub(crate) enum Reply {
    /// Nothing at all: the envelope stays unacknowledged.
    Silence,
    /// A bare acknowledgement.
    Ack,
    /// A text that only the person sees.
    Text(&'static str),
    /// A message.
    Message(SlackMessageContent),
    /// What a form or a select is answered with.
    Interaction(SlackInteractionResponse),
}

/// The Web API with the bot token.
#[derive(Clone)]
pub(crate) struct Bot {
    pub(crate) client: Arc<SlackHyperClient>,
    pub(crate) token: SlackApiToken,
}

impl Bot {
    /// Points the client at the stand-in.
    pub(crate) fn of(slack: &Slack) -> anyhow::Result<Self> {
        Self::with_token(slack, slack.bot_token())
    }

    pub(crate) fn with_token(slack: &Slack, token: &str) -> anyhow::Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_native_roots()?
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .build();
        let connector = SlackClientHyperConnector::with_connector(https).with_slack_api_url(&slack.api_url());
        Ok(Self { client: Arc::new(SlackClient::new(connector)), token: SlackApiToken::new(token.into()) })
    }

    pub(crate) fn session(&self) -> SlackClientSession<'_, SlackClientHyperHttpsConnector> {
        self.client.open_session(&self.token)
    }

    /// Posts blocks into a channel.
    pub(crate) async fn posts(
        &self,
        channel: &str,
        blocks: Value,
    ) -> Result<SlackApiChatPostMessageResponse, SlackClientError> {
        let request = SlackApiChatPostMessageRequest::new(channel.into(), says(blocks));
        self.session().chat_post_message(&request).await
    }
}

/// Makes a message of blocks.
pub(crate) fn says(blocks: Value) -> SlackMessageContent {
    let blocks: Vec<SlackBlock> = serde_json::from_value(blocks).unwrap_or_default();
    SlackMessageContent::new().with_text("fallback".into()).with_blocks(blocks)
}

/// Makes a view.
pub(crate) fn view(definition: Value) -> anyhow::Result<SlackView> {
    serde_json::from_value(definition).context("the view does not parse")
}

/// Names the error that the API answered with.
pub(crate) fn error_of<T: std::fmt::Debug>(result: Result<T, SlackClientError>) -> String {
    match result {
        Ok(value) => format!("no error, but {value:?}"),
        Err(SlackClientError::ApiError(error)) => error.code,
        Err(SlackClientError::RateLimitError(error)) => format!("429 {:?}", error.retry_after),
        Err(SlackClientError::HttpError(error)) => format!("HTTP {}", error.status_code.as_u16()),
        Err(other) => format!("{other:?}"),
    }
}

type Handler = Arc<dyn Fn(Heard, Bot) -> BoxFuture<'static, Reply> + Send + Sync>;

/// A running app.
pub(crate) struct App {
    listener: SlackClientSocketModeListener<SlackClientHyperHttpsConnector>,
    errors: Errors,
}

/// What the client's error handler was told.
#[derive(Clone, Default)]
pub(crate) struct Errors(Arc<Mutex<Vec<String>>>);

impl Errors {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl App {
    /// Connects with one websocket and waits until it is there.
    pub(crate) async fn connect<F>(
        slack: &Slack,
        handler: impl Fn(Heard, Bot) -> F + Send + Sync + 'static,
    ) -> anyhow::Result<Self>
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        Self::configured(slack, &SlackClientSocketModeConfig::new().with_max_connections_count(1), handler)
            .await
    }

    /// Connects with other settings.
    pub(crate) async fn configured<F>(
        slack: &Slack,
        config: &SlackClientSocketModeConfig,
        handler: impl Fn(Heard, Bot) -> F + Send + Sync + 'static,
    ) -> anyhow::Result<Self>
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        let app = Self::begin(slack, config, handler).await?;
        slack.wait_for_sockets(1).await?;
        Ok(app)
    }

    /// Starts to connect and does not wait.
    pub(crate) async fn begin<F>(
        slack: &Slack,
        config: &SlackClientSocketModeConfig,
        handler: impl Fn(Heard, Bot) -> F + Send + Sync + 'static,
    ) -> anyhow::Result<Self>
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        let bot = Bot::of(slack)?;
        let errors = Errors::default();
        let handler: Handler = Arc::new(move |heard, bot| Box::pin(handler(heard, bot)));
        let environment = SlackClientEventsListenerEnvironment::new(Arc::clone(&bot.client))
            .with_error_handler(refuse)
            .with_user_state(errors.clone());
        let listener =
            SlackClientSocketModeListener::new(config, Arc::new(environment), callbacks(&handler, &bot));
        listener.listen_for(&SlackApiToken::new(slack.app_token().into())).await?;
        listener.start().await;
        Ok(Self { listener, errors })
    }

    pub(crate) fn errors(&self) -> Vec<String> {
        self.errors.all()
    }

    pub(crate) async fn stops(self) {
        self.listener.shutdown().await;
    }
}

fn callbacks(
    handler: &Handler,
    bot: &Bot,
) -> SlackSocketModeListenerCallbacks<SlackClientHyperHttpsConnector> {
    let mut callbacks = SlackSocketModeListenerCallbacks::new();
    let (handle, with) = (Arc::clone(handler), bot.clone());
    callbacks.command_callback =
        Box::new(move |event: SlackCommandEvent, _: Arc<SlackHyperClient>, _: SlackClientEventsUserState| {
            let reply = handle(Heard::Command(event), with.clone());
            async move {
                match reply.await {
                    Reply::Silence => Err("silence".into()),
                    Reply::Text(text) => {
                        Ok(SlackCommandEventResponse::new(SlackMessageContent::new().with_text(text.into())))
                    }
                    Reply::Message(content) => Ok(SlackCommandEventResponse::new(content)),
                    Reply::Ack | Reply::Interaction(_) => {
                        Ok(SlackCommandEventResponse::new(SlackMessageContent::new()))
                    }
                }
            }
        });
    let (handle, with) = (Arc::clone(handler), bot.clone());
    callbacks.interaction_callback = Box::new(
        move |event: SlackInteractionEvent, _: Arc<SlackHyperClient>, _: SlackClientEventsUserState| {
            let reply = handle(Heard::Interaction(event), with.clone());
            async move {
                match reply.await {
                    Reply::Silence => Err("silence".into()),
                    Reply::Interaction(response) => Ok(response),
                    Reply::Ack | Reply::Text(_) | Reply::Message(_) => Ok(SlackInteractionResponse::Empty),
                }
            }
        },
    );
    let (handle, with) = (Arc::clone(handler), bot.clone());
    callbacks.push_events_callback = Box::new(
        move |event: SlackPushEventCallback, _: Arc<SlackHyperClient>, _: SlackClientEventsUserState| {
            let reply = handle(Heard::Event(event), with.clone());
            async move {
                match reply.await {
                    Reply::Silence => Err("silence".into()),
                    _ => Ok(()),
                }
            }
        },
    );
    callbacks
}

/// Keeps the error and leaves the envelope unacknowledged.
#[expect(clippy::needless_pass_by_value, reason = "the client fixes the type of its error handler")]
fn refuse(
    error: Box<dyn std::error::Error + Send + Sync>,
    _: Arc<SlackHyperClient>,
    state: SlackClientEventsUserState,
) -> HttpStatusCode {
    let state = futures::executor::block_on(state.read());
    if let Some(errors) = state.get_user_state::<Errors>() {
        errors.0.lock().unwrap_or_else(PoisonError::into_inner).push(error.to_string());
    }
    HttpStatusCode::BAD_REQUEST
}
