//! The gateway: HELLO, IDENTIFY, heartbeats, RESUME, and every way in which a connection ends.

use std::sync::Arc;

use axum::extract::State as Extracted;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::state::{Cut, Shared, State};
use super::{APPLICATION, BOT, GUILD, TOKEN};

/// Opens a connection.
pub(crate) async fn open(Extracted(shared): Extracted<Arc<Shared>>, upgrade: WebSocketUpgrade) -> Response {
    if shared.look(|state| state.is_down) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    upgrade.on_upgrade(move |socket| async move {
        let _ended = talk(&shared, socket).await;
    })
}

async fn send(socket: &mut WebSocket, value: &Value) -> Option<()> {
    socket.send(Message::Text(value.to_string().into())).await.ok()
}

fn event(kind: &str, number: u64, data: &Value) -> Value {
    json!({"op": 0, "t": kind, "s": number, "d": data})
}

async fn talk(shared: &Shared, mut socket: WebSocket) -> Option<()> {
    let mut events = shared.events.subscribe();
    let mut cuts = shared.cuts.subscribe();
    let interval = shared.look(|state| state.heartbeat.unwrap_or(41_250));
    send(&mut socket, &json!({"op": 10, "d": {"heartbeat_interval": interval}})).await?;
    let mut known = false;
    let mut frozen = false;
    loop {
        tokio::select! {
            heard = socket.recv() => {
                let text = match heard?.ok()? {
                    Message::Text(text) => text.to_string(),
                    Message::Close(_) => return None,
                    Message::Binary(_) | Message::Ping(_) | Message::Pong(_) => continue,
                };
                let frame: Value = serde_json::from_str(&text).ok()?;
                match frame.get("op").and_then(Value::as_u64) {
                    _ if frozen => {}
                    Some(1) => send(&mut socket, &json!({"op": 11})).await?,
                    Some(2) => {
                        identify(shared, &mut socket, &frame).await?;
                        known = true;
                    }
                    Some(6) => {
                        // What comes from now on is heard in order, what came before is sent again.
                        events = shared.events.subscribe();
                        resume(shared, &mut socket, &frame).await?;
                        known = true;
                    }
                    _ => {}
                }
            }
            event = events.recv(), if known && !frozen => send(&mut socket, &event.ok()?).await?,
            cut = cuts.recv() => match cut.ok()? {
                Cut::Reconnect => send(&mut socket, &json!({"op": 7, "d": null})).await?,
                Cut::Invalid => send(&mut socket, &json!({"op": 9, "d": false})).await?,
                Cut::Close(code) => {
                    let frame = CloseFrame { code, reason: "for the story".into() };
                    let _closed = socket.send(Message::Close(Some(frame))).await;
                    return None;
                }
                Cut::Drop => return None,
                Cut::Freeze => frozen = true,
            },
        }
    }
}

async fn identify(shared: &Shared, socket: &mut WebSocket, frame: &Value) -> Option<()> {
    let refuses = shared.with(|state| {
        state.tried = state.tried.saturating_add(1);
        state.refuses
    });
    if let Some(code) = refuses {
        let frame = CloseFrame { code, reason: "for the story".into() };
        let _closed = socket.send(Message::Close(Some(frame))).await;
        return None;
    }
    let token = frame.pointer("/d/token").and_then(Value::as_str).unwrap_or_default();
    if token.trim_start_matches("Bot ") != TOKEN {
        let frame = CloseFrame { code: 4004, reason: "Authentication failed.".into() };
        let _closed = socket.send(Message::Close(Some(frame))).await;
        return None;
    }
    let intents = frame.pointer("/d/intents").and_then(Value::as_u64).unwrap_or_default();
    // Members, presences and the words of every message have to be granted by Discord.
    if intents & ((1 << 1) | (1 << 8) | (1 << 15)) != 0 {
        shared.with(|state| state.wrong.push(format!("intents {intents} hold a privileged one")));
    }
    let ready = json!({
        "v": 10, "user": {"id": BOT, "username": "patchbot", "discriminator": "0", "bot": true, "verified": true,
            "mfa_enabled": false, "flags": 0, "avatar": null, "email": null, "global_name": null},
        "guilds": [{"id": GUILD, "unavailable": true}], "session_id": "stand-in",
        "resume_gateway_url": shared.gateway, "application": {"id": APPLICATION, "flags": 0},
    });
    // What came before belongs to another session and never comes again.
    let number = shared.with(|state| {
        state.session_from = state.next_number();
        state.session_from
    });
    send(socket, &event("READY", number, &ready)).await?;
    shared.with(|state| state.identified = state.identified.saturating_add(1));
    Some(())
}

async fn resume(shared: &Shared, socket: &mut WebSocket, frame: &Value) -> Option<()> {
    let last = frame.pointer("/d/seq").and_then(Value::as_u64).unwrap_or_default();
    let missed: Vec<Value> = shared.look(|state| {
        let last = last.max(state.session_from);
        let missed =
            |event: &&Value| event.get("s").and_then(Value::as_u64).is_some_and(|number| number > last);
        state.events.iter().filter(missed).cloned().collect()
    });
    for event in &missed {
        send(socket, event).await?;
    }
    let number = shared.look(State::next_number);
    send(socket, &event("RESUMED", number, &json!({}))).await?;
    shared.with(|state| state.resumed = state.resumed.saturating_add(1));
    Some(())
}
