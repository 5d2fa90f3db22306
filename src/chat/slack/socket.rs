//! Listening: websockets that the library opens, pings and renews; what comes over them is handed to the desk.
//!
//! The library's own dispatcher is not used. It would read clicks together with the whole message they were made on
//! and lose those it cannot read, hide the ids of envelopes and the end of connections, stop hearing after a panic,
//! and close a connection when Slack merely warns that it will be renewed, with whatever is still on its way.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde_json::json;
use slack_morphism::clients_manager::{
    SlackSocketModeClientsManager, SlackSocketModeClientsManagerFactory as _,
};
use slack_morphism::listener::SlackClientEventsListenerEnvironment;
use slack_morphism::{
    SlackClientSocketModeConfig, SlackSocketModeClientListener, SlackSocketModeWssClientId,
};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::Inner;
use super::desk::{Accepted, Desk};
use super::envelope::{Frame, Heard, read};

/// After so many pings without an answer a connection counts as lost.
const UNANSWERED_PINGS: u64 = 2;
/// So long without a connection is told in the log, with the reason.
const PATIENCE: Duration = Duration::from_secs(60);

type Manager = dyn SlackSocketModeClientsManager + Send + Sync;

/// Listens until it is told to stop.
pub(super) async fn listen(inner: &Arc<Inner>, stop: CancellationToken) {
    let Some(desk) = open_desk(inner, &stop).await else { return };
    let environment = Arc::new(SlackClientEventsListenerEnvironment::new(Arc::clone(inner.api.client())));
    let manager = inner.api.client().http_api.connector.new_clients_manager(environment);
    let ears = Arc::new(Ears {
        inner: Arc::clone(inner),
        desk: Arc::clone(&desk),
        manager: Arc::downgrade(&manager),
        closing: AtomicBool::new(false),
    });
    let settings = &inner.settings;
    let config = SlackClientSocketModeConfig::new()
        .with_max_connections_count(settings.connections)
        .with_reconnect_timeout_in_seconds(settings.reconnect_after.as_secs().max(1))
        .with_ping_interval_in_seconds(settings.ping_every.as_secs().max(1))
        .with_ping_failure_threshold_times(UNANSWERED_PINGS);
    let registered = manager.register_new_token(&config, inner.api.app_token().clone(), ears.clone()).await;
    if let Err(error) = registered {
        tracing::error!(%error, "the websockets to Slack cannot be opened");
    }
    manager.start().await;
    watch(inner, &stop).await;
    ears.closing.store(true, Ordering::SeqCst);
    manager.shutdown().await;
    desk.close().await;
}

/// Finds out who we are, as often as it takes; nothing when it is told to stop before.
async fn open_desk(inner: &Arc<Inner>, stop: &CancellationToken) -> Option<Arc<Desk>> {
    loop {
        match inner.us().await {
            Ok(us) => {
                tracing::info!(team = us.team_id, bot = us.user_id, "Slack knows us");
                return Some(Arc::new(Desk::new(Arc::clone(inner), us.clone())));
            }
            Err(trouble) => {
                let why = trouble.why();
                tracing::error!(why, "Slack cannot be used; patchbot doctor says more");
                inner.wire().why = Some(why);
            }
        }
        tokio::select! {
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(inner.settings.reconnect_after) => {}
        }
    }
}

/// Waits for the end, and tells the log why nothing is connected, when nothing is for long.
async fn watch(inner: &Arc<Inner>, stop: &CancellationToken) {
    let begun = Instant::now();
    let mut told: Option<Instant> = None;
    let mut tick = tokio::time::interval(Duration::from_secs(10));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        let silent_since = {
            let wire = inner.wire();
            wire.open.is_empty().then(|| wire.lost.map_or(begun, |(_, at)| at))
        };
        let Some(since) = silent_since.filter(|since| since.elapsed() >= PATIENCE) else {
            told = None;
            continue;
        };
        // The library tries for ever; this asks why it does not succeed, and not too often.
        if told.is_some_and(|told| told.elapsed() < PATIENCE.saturating_mul(5)) {
            continue;
        }
        told = Some(Instant::now());
        let why = match inner.api.open_connection().await {
            Ok(_) => "Slack gives an address to listen at, and nothing can be opened there".to_owned(),
            Err(trouble) => trouble.why(),
        };
        tracing::error!(why, seconds = since.elapsed().as_secs(), "no connection to Slack");
        inner.wire().why = Some(why);
    }
}

/// What the library calls with every frame.
struct Ears {
    inner: Arc<Inner>,
    desk: Arc<Desk>,
    manager: Weak<Manager>,
    closing: AtomicBool,
}

impl Ears {
    /// Takes a frame and gives what acknowledges it. Nothing in here waits: the next envelope of this socket does.
    fn hear(&self, socket: &str, frame: &str) -> Option<Reaction> {
        if self.closing.load(Ordering::SeqCst) {
            // Not acknowledged, so that whoever it is from is told by Slack that nobody was there.
            return None;
        }
        match read(frame, self.desk.bot()) {
            Frame::Hello => {
                self.inner.opened(socket);
                None
            }
            Frame::Disconnect { reason } if reason == "warning" => {
                tracing::debug!("Slack will renew a connection in a moment");
                None
            }
            Frame::Disconnect { reason } => {
                let off = reason == "link_disabled";
                if off {
                    tracing::error!("Socket Mode was switched off in the settings of the app in Slack");
                }
                let why = off.then_some("Socket Mode is switched off in the settings of the app in Slack");
                self.inner.closed(socket, why);
                Some(Reaction::Renew)
            }
            Frame::Envelope { id, heard } => Some(Reaction::Say(self.take(&id, heard))),
            Frame::Strange { id, why } => {
                let envelope = id.as_deref().unwrap_or("none");
                metrics::counter!("patchbot_slack_not_understood_total").increment(1);
                tracing::error!(
                    envelope,
                    why,
                    "something from Slack was not understood and is lost, envelope {envelope}"
                );
                id.map(|id| Reaction::Say(acknowledgement(&id)))
            }
        }
    }

    fn take(&self, id: &str, heard: Heard) -> String {
        let by_command = matches!(&heard, Heard::Words { key, .. } if key.starts_with("trigger"));
        match self.desk.accept(id, heard) {
            // Only the acknowledgement of a command can say something.
            Accepted::Busy if by_command => {
                json!({ "envelope_id": id, "payload": { "text": super::desk::BUSY } }).to_string()
            }
            Accepted::Yes | Accepted::Again | Accepted::Busy => acknowledgement(id),
        }
    }

    async fn renew(&self, socket: &SlackSocketModeWssClientId) {
        if let Some(manager) = self.manager.upgrade() {
            manager.restart_client(socket).await;
        }
    }
}

/// What follows from a frame.
enum Reaction {
    Say(String),
    Renew,
}

fn acknowledgement(id: &str) -> String {
    json!({ "envelope_id": id }).to_string()
}

/// What the library's macro for its trait makes of `async fn`.
type Async<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl SlackSocketModeClientListener for Ears {
    fn on_message<'this, 'id, 'call>(
        &'this self,
        client_id: &'id SlackSocketModeWssClientId,
        message_body: String,
    ) -> Async<'call, Option<String>>
    where
        'this: 'call,
        'id: 'call,
        Self: 'call,
    {
        Box::pin(async move {
            // The library would stop reading after a panic, and nobody would hear of it.
            let socket = name_of(client_id);
            let heard = catch_unwind(AssertUnwindSafe(|| self.hear(&socket, &message_body)));
            match heard.unwrap_or_else(|_| {
                tracing::error!("a bug: reading something from Slack panicked, and it is lost");
                None
            }) {
                Some(Reaction::Say(words)) => Some(words),
                Some(Reaction::Renew) => {
                    self.renew(client_id).await;
                    None
                }
                None => None,
            }
        })
    }

    fn on_error<'this, 'call>(
        &'this self,
        error: Box<dyn std::error::Error + Send + Sync + 'static>,
    ) -> Async<'call, ()>
    where
        'this: 'call,
        Self: 'call,
    {
        Box::pin(async move {
            // Other errors quote what came in.
            let error = error.to_string();
            let cause = error.split_once("WSS error:").map_or("a frame that is not text", |(_, cause)| cause);
            tracing::warn!(cause = cause.trim(), "a connection to Slack broke");
        })
    }

    fn on_disconnect<'this, 'id, 'call>(
        &'this self,
        client_id: &'id SlackSocketModeWssClientId,
    ) -> Async<'call, ()>
    where
        'this: 'call,
        'id: 'call,
        Self: 'call,
    {
        Box::pin(async move {
            self.inner.closed(&name_of(client_id), None);
            self.renew(client_id).await;
        })
    }
}

fn name_of(id: &SlackSocketModeWssClientId) -> String {
    format!("{}/{}/{}", id.initial_index, id.token_index, id.reconnected)
}
