//! Choosing what the workspace and the app are like before they start.

use super::settings::Settings;
use super::state::Shared;
use super::wire::{Door, Switch, Switchboard};
use super::workspace::Slack;
use super::{api, socket};
use anyhow::Context;
use axum::Router;
use axum::extract::{Request, State as Given};
use axum::http::StatusCode;
use axum::routing::{any, get, post};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Chooses the properties of a workspace.
#[derive(Clone, Debug)]
pub struct SlackBuilder {
    address: String,
    settings: Settings,
}

impl Default for SlackBuilder {
    fn default() -> Self {
        Self { address: "127.0.0.1:0".to_owned(), settings: Settings::default() }
    }
}

impl SlackBuilder {
    /// Listens on an address of the caller's choice, such as `127.0.7.1:8099`.
    #[must_use]
    pub fn address(mut self, address: &str) -> Self {
        address.clone_into(&mut self.address);
        self
    }

    /// Installs the app as its manifest says: its scopes, slash commands and events, and no others.
    ///
    /// # Errors
    /// With everything that Slack would refuse, each with its place.
    pub fn installed(mut self, manifest: &str) -> anyhow::Result<Self> {
        let app = super::manifest::read(manifest)?;
        self.settings.app_name = app.name;
        self.settings.scopes = app.scopes;
        self.settings.commands = app.commands;
        self.settings.events = app.events;
        Ok(self)
    }

    /// Grants the app these scopes and no others.
    #[must_use]
    pub fn scopes<'a>(mut self, scopes: impl IntoIterator<Item = &'a str>) -> Self {
        self.settings.scopes = scopes.into_iter().map(str::to_owned).collect();
        self
    }

    /// Grants the app one more scope.
    #[must_use]
    pub fn scope(mut self, scope: &str) -> Self {
        self.settings.scopes.insert(scope.to_owned());
        self
    }

    /// Takes a scope away from the app.
    #[must_use]
    pub fn without_scope(mut self, scope: &str) -> Self {
        self.settings.scopes.remove(scope);
        self
    }

    /// Registers these slash commands and no others. The default is `/patch`.
    #[must_use]
    pub fn commands<'a>(mut self, commands: impl IntoIterator<Item = &'a str>) -> Self {
        self.settings.commands = commands.into_iter().map(str::to_owned).collect();
        self
    }

    /// Subscribes the app to these events and no others. The default is `app_home_opened`, `app_mention` and
    /// `message.im`; `message.channels` and `message.groups` are known too.
    #[must_use]
    pub fn events<'a>(mut self, events: impl IntoIterator<Item = &'a str>) -> Self {
        self.settings.events = events.into_iter().map(str::to_owned).collect();
        self
    }

    /// Uses these tokens, for the bot (`xoxb-…`) and for Socket Mode (`xapp-…`).
    #[must_use]
    pub fn tokens(mut self, bot: &str, app: &str) -> Self {
        bot.clone_into(&mut self.settings.bot_token);
        app.clone_into(&mut self.settings.app_token);
        self
    }

    /// Gives up on an acknowledgement after another time than Slack's three seconds.
    #[must_use]
    pub fn ack_limit(mut self, limit: Duration) -> Self {
        self.settings.ack_limit = limit;
        self
    }

    /// Lets trigger ids live for another time than Slack's three seconds.
    #[must_use]
    pub fn trigger_life(mut self, life: Duration) -> Self {
        self.settings.trigger_life = life;
        self
    }

    /// Delivers an unacknowledged event again after these waits. Slack's are none, a minute and five minutes.
    #[must_use]
    pub fn redelivery(mut self, waits: impl IntoIterator<Item = Duration>) -> Self {
        self.settings.redelivery = waits.into_iter().collect();
        self
    }

    /// Lets tests wait this long for something to happen. The default is five seconds.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.settings.patience = patience;
        self
    }

    /// Starts the workspace's clock at a second since 1970 instead of the machine's time.
    #[must_use]
    pub fn now(mut self, seconds: i64) -> Self {
        self.settings.now = Some(seconds);
        self
    }

    /// Enforces Slack's rate of about one message per second and channel.
    #[must_use]
    pub fn limits_posting(mut self) -> Self {
        self.settings.posting_rate = true;
        self
    }

    /// Opens the workspace.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(self) -> anyhow::Result<Slack> {
        let listener = TcpListener::bind(&self.address)
            .await
            .with_context(|| format!("cannot listen on {}", self.address))?;
        let address = listener.local_addr().context("the listening address is not known")?;
        let board = Arc::new(Switchboard::default());
        let shared = Arc::new(Shared::new(self.settings, format!("http://{address}"), Arc::clone(&board)));
        let app = router(Arc::clone(&shared)).into_make_service_with_connect_info::<Switch>();
        let serving = axum::serve(Door::new(listener, board), app);
        let server = tokio::spawn(async move {
            let _never_ends = serving.await;
        });
        Ok(Slack::new(shared, server))
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/api/{method}", any(api::call))
        .route("/upload/v1/{id}/{secret}", post(api::upload))
        .route("/files-pri/{id}/{name}", get(api::download))
        .route("/commands/{team}/{id}", post(api::respond))
        .route("/actions/{team}/{id}", post(api::respond))
        .route("/link/", get(socket::accept))
        .fallback(unknown)
        .with_state(shared)
}

async fn unknown(Given(shared): Given<Arc<Shared>>, request: Request) -> StatusCode {
    let what = format!("{} {} was asked for, which does not exist", request.method(), request.uri().path());
    shared.change(|state| state.complain(what));
    StatusCode::NOT_FOUND
}
