//! Listening: websockets that are opened, pinged and renewed here; what comes over them is handed to the desk.
//!
//! The library's own listener is not used. It reads clicks together with the whole message they were made on and loses
//! those it cannot read, stops hearing after a panic, acknowledges one envelope after the other, and tries a connection
//! that could not be opened again at fixed times, whatever Slack asks for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use patchbot_commands::ArgKind;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};
use tokio_util::sync::CancellationToken;

use super::Inner;
use super::api::Trouble;
use super::envelope::{Frame, Heard, Who, read};
use super::forms;
use super::front::Workspace;
use crate::chat::book::Slip;
use crate::chat::desk::{Accepted, BUSY, Desk};
use crate::chat::form::Filled;
use crate::chat::retry::{Backoff, SHUT_OUT, jittered};
use crate::chat::talk::Wanted;

/// After so many pings without an answer a connection counts as lost.
const UNANSWERED_PINGS: u32 = 2;
/// So long without a connection is told in the log, with the reason.
const PATIENCE: Duration = Duration::from_secs(60);
/// Slack waits three seconds for what is typed to be completed.
const TYPING: Duration = Duration::from_millis(2_500);
/// At the end of a connection what was heard over it is acknowledged for so long.
const LAST_WORDS: Duration = Duration::from_millis(1_500);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Listens until it is told to stop.
pub(super) async fn listen(inner: &Arc<Inner>, stop: CancellationToken) {
    let Some(desk) = open_desk(inner, &stop).await else { return };
    // Before anybody is heard: what was said before is done before.
    desk.takes_up(stop.clone()).await;
    let ears = Arc::new(Ears { inner: Arc::clone(inner), desk: Arc::clone(&desk), stop: stop.clone() });
    let mut sockets = tokio::task::JoinSet::new();
    for number in 0..inner.settings.connections.max(1) {
        let ears = Arc::clone(&ears);
        sockets.spawn(async move { ears.keep_open(number).await });
    }
    watch(inner, &stop).await;
    while sockets.join_next().await.is_some() {}
    desk.close().await;
}

/// Finds out who we are, as often as it takes; nothing when it is told to stop before.
async fn open_desk(inner: &Arc<Inner>, stop: &CancellationToken) -> Option<Arc<Desk<Workspace>>> {
    let mut backoff = Backoff::new(inner.settings.reconnect_after);
    loop {
        let trouble = match inner.us().await {
            Ok(us) => {
                tracing::info!(team = us.team_id, bot = us.user_id, "Slack knows us");
                return Some(Arc::new(Desk::new(Workspace::new(Arc::clone(inner), us.clone()))));
            }
            Err(trouble) => trouble,
        };
        let why = trouble.why();
        tracing::error!(why, "Slack cannot be used; patchbot doctor says more");
        inner.wire().why = Some(why);
        let wait = match inner.shut_out(&trouble, "bot").await {
            true => SHUT_OUT,
            false => backoff.wait(trouble.asked_to_wait(), &inner.app.ids),
        };
        tokio::select! {
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(wait) => {}
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
        let (silent_since, why) = {
            let wire = inner.wire();
            (wire.open.is_empty().then(|| wire.lost.map_or(begun, |(_, at)| at)), wire.why.clone())
        };
        let Some(since) = silent_since.filter(|since| since.elapsed() >= PATIENCE) else {
            told = None;
            continue;
        };
        if told.is_some_and(|told| told.elapsed() < PATIENCE.saturating_mul(5)) {
            continue;
        }
        told = Some(Instant::now());
        let why = why.unwrap_or_else(|| "nothing is known about why".to_owned());
        tracing::error!(why, seconds = since.elapsed().as_secs(), "no connection to Slack");
    }
}

/// Why a conversation over a websocket ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// We are told to stop.
    Stopped,
    /// Slack wants the connection to be renewed.
    Renew,
    /// Socket Mode is switched off for the app.
    SwitchedOff,
    /// It broke, or nobody answers on the other side.
    Lost,
}

/// What hears.
struct Ears {
    inner: Arc<Inner>,
    desk: Arc<Desk<Workspace>>,
    stop: CancellationToken,
}

impl Ears {
    /// Keeps one of the websockets open until it is told to stop.
    async fn keep_open(self: &Arc<Self>, number: u32) {
        let mut backoff = Backoff::new(self.inner.settings.reconnect_after);
        let mut opened = 0_u64;
        while !self.stop.is_cancelled() {
            let name = format!("{number}/{opened}");
            opened = opened.saturating_add(1);
            let wait = match self.open().await {
                Ok(socket) => {
                    backoff.worked();
                    let end = self.converse(&name, socket).await;
                    self.inner.closed(&name, (end == End::Lost).then_some("the connection broke"));
                    match end {
                        End::SwitchedOff => self.inner.settings.reconnect_after,
                        // All connections are renewed at the same time when Slack restarts: not all of us at once.
                        End::Stopped | End::Renew | End::Lost => {
                            jittered(Duration::from_millis(200), &self.inner.app.ids)
                        }
                    }
                }
                Err(trouble) => {
                    let why = trouble.why();
                    tracing::warn!(why, "no connection to Slack can be opened");
                    self.inner.wire().why = Some(why);
                    match self.inner.shut_out(&trouble, "app").await {
                        true => SHUT_OUT,
                        false => backoff.wait(trouble.asked_to_wait(), &self.inner.app.ids),
                    }
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn open(&self) -> Result<Socket, Trouble> {
        let address = self.inner.api.open_connection().await?.url;
        let connector = Connector::Rustls(Arc::clone(&self.inner.tls));
        let opening = connect_async_tls_with_config(address, None, false, Some(connector));
        // The library's errors quote the address, which is a secret.
        match timeout(self.inner.settings.timeout, opening).await {
            Ok(Ok((socket, _))) => Ok(socket),
            Ok(Err(_)) => Err(Trouble::Unreachable("the websocket was not opened".to_owned())),
            Err(_) => Err(Trouble::Unreachable("the websocket was not opened in time".to_owned())),
        }
    }

    /// Hears and acknowledges, until the connection ends.
    async fn converse(self: &Arc<Self>, name: &str, socket: Socket) -> End {
        let (mut writer, mut reader) = socket.split();
        let (say, mut to_say) = mpsc::unbounded_channel::<Word>();
        let mut ping = tokio::time::interval(self.inner.settings.ping_every);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.tick().await;
        let mut unanswered = 0_u32;
        let end = loop {
            tokio::select! {
                () = self.stop.cancelled() => break End::Stopped,
                frame = reader.next() => match frame {
                    Some(Ok(Message::Text(text))) => {
                        unanswered = 0;
                        if let Some(end) = self.heard(name, &text, &say) { break end; }
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break End::Lost,
                    // A pong, or a ping that the library answers.
                    Some(Ok(_)) => unanswered = 0,
                },
                words = to_say.recv() => {
                    let Some(words) = words else { break End::Lost };
                    if !self.says(&mut writer, words).await { break End::Lost; }
                }
                _ = ping.tick() => {
                    if unanswered >= UNANSWERED_PINGS {
                        tracing::warn!("a connection to Slack is half open: no ping was answered");
                        break End::Lost;
                    }
                    unanswered = unanswered.saturating_add(1);
                    if writer.send(Message::Ping(Vec::new().into())).await.is_err() { break End::Lost; }
                }
            }
        };
        // What was heard in this moment is still acknowledged, once it is written down.
        drop(say);
        let last = Instant::now() + LAST_WORDS;
        while let Ok(Some(words)) = tokio::time::timeout_at(last, to_say.recv()).await {
            if end == End::Lost || !self.says(&mut writer, words).await {
                break;
            }
        }
        let _closed = timeout(Duration::from_secs(1), writer.close()).await;
        end
    }

    /// Says something to Slack, and notes what was acknowledged with it.
    async fn says(&self, writer: &mut (impl futures::Sink<Message> + Unpin), word: Word) -> bool {
        let said = timeout(self.inner.settings.timeout, writer.send(Message::Text(word.text.into()))).await;
        let said = matches!(said, Ok(Ok(())));
        if said {
            self.desk.acknowledged(&word.about);
        }
        said
    }

    /// Takes a frame. Nothing in here waits, and a bug in here costs one envelope.
    fn heard(self: &Arc<Self>, name: &str, frame: &str, say: &mpsc::UnboundedSender<Word>) -> Option<End> {
        let reaction = catch_unwind(AssertUnwindSafe(|| self.hear(name, frame, say)));
        reaction.unwrap_or_else(|_| {
            tracing::error!("a bug: reading something from Slack panicked, and it is lost");
            None
        })
    }

    fn hear(self: &Arc<Self>, name: &str, frame: &str, say: &mpsc::UnboundedSender<Word>) -> Option<End> {
        match read(frame, &self.desk.front.us.user_id) {
            Frame::Hello => {
                self.inner.opened(name);
                None
            }
            Frame::Disconnect { reason } if reason == "warning" => {
                tracing::debug!("Slack will renew a connection in a moment");
                None
            }
            Frame::Disconnect { reason } => {
                if reason == "link_disabled" {
                    let why = "Socket Mode is switched off in the settings of the app in Slack";
                    tracing::error!("{why}");
                    self.inner.wire().why = Some(why.to_owned());
                    return Some(End::SwitchedOff);
                }
                Some(End::Renew)
            }
            Frame::Envelope { id, heard } => {
                match *heard {
                    Heard::Typing { who, field, typed } => self.complete(id, who, field, typed, say.clone()),
                    heard => self.take(id, heard, say.clone()),
                }
                None
            }
            Frame::Strange { id, why } => {
                let envelope = id.as_deref().unwrap_or("none");
                metrics::counter!("patchbot_chat_not_understood_total", "platform" => "slack").increment(1);
                tracing::error!(
                    envelope,
                    why,
                    "something from Slack was not understood and is lost, envelope {envelope}"
                );
                if let Some(id) = id {
                    let _sent = say.send(Word::alone(acknowledgement(&id)));
                }
                None
            }
        }
    }

    /// Hands something to the desk, and acknowledges it when it is written down.
    fn take(self: &Arc<Self>, id: String, heard: Heard, say: mpsc::UnboundedSender<Word>) {
        let by_command = heard.is_by_command();
        let sent_form = match &heard {
            Heard::Form { sent: true, about, .. } => Some(about.clone()),
            _ => None,
        };
        if heard == Heard::Nothing {
            let _sent = say.send(Word::alone(acknowledgement(&id)));
            return;
        }
        let slip = match self.desk.accept(&id, heard) {
            Accepted::Yes(slip) => slip,
            // Only the acknowledgement of a command can say something.
            Accepted::Busy if by_command => {
                let busy = acknowledged_with(&id, &json!({ "text": BUSY }));
                let _sent = say.send(Word::alone(busy));
                return;
            }
            Accepted::Again | Accepted::Busy => {
                let _sent = say.send(Word::alone(acknowledgement(&id)));
                return;
            }
        };
        let ears = Arc::clone(self);
        self.desk.spawn(async move {
            let is_new = ears.desk.may_acknowledge(&slip).await;
            let text = match sent_form.filter(|_| is_new) {
                Some(about) => acknowledged_with(&id, &forms::working(&about)),
                None => acknowledgement(&id),
            };
            let about = if is_new { slip } else { Slip::default() };
            let _sent = say.send(Word { text, about });
        });
    }

    /// Completes what is typed. The acknowledgement is the answer, so it waits for it, and nothing else does.
    fn complete(
        self: &Arc<Self>,
        id: String,
        who: Who,
        field: String,
        typed: String,
        say: mpsc::UnboundedSender<Word>,
    ) {
        let ears = Arc::clone(self);
        self.desk.spawn(async move {
            let options = timeout(TYPING, ears.options(&who, &field, typed)).await.unwrap_or_else(|_| {
                tracing::warn!("what was typed could not be completed in time");
                forms::options(&[])
            });
            let _sent = say.send(Word::alone(acknowledged_with(&id, &options)));
        });
    }

    async fn options(&self, who: &Who, field: &str, typed: String) -> Value {
        let kind = match field {
            "zone" => ArgKind::Zone,
            "server" => ArgKind::Server,
            "servers" => ArgKind::Servers,
            _ => return forms::options(&[]),
        };
        let wanted = Wanted { kind, typed, filled: Filled::default(), most: 50 };
        match self.desk.front.quiet_speaker(who).await {
            Some(speaker) => forms::options(&self.desk.front.talk.suggest(&speaker, &wanted).await),
            None => forms::options(&[]),
        }
    }
}

/// Something to be said to Slack, and what it acknowledges.
#[derive(Debug)]
struct Word {
    text: String,
    about: Slip,
}

impl Word {
    fn alone(text: String) -> Self {
        Self { text, about: Slip::default() }
    }
}

fn acknowledged_with(id: &str, payload: &Value) -> String {
    json!({ "envelope_id": id, "payload": payload }).to_string()
}

fn acknowledgement(id: &str) -> String {
    json!({ "envelope_id": id }).to_string()
}
