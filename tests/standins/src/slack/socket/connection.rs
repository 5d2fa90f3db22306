//! One websocket from its ticket to its end.

use super::{Order, SocketRow, delivery};
use crate::slack::calls::{Call, Outcome, TokenKind};
use crate::slack::faults::{self, FaultKind};
use crate::slack::state::Shared;
use crate::slack::wire::Switch;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, Query, State as Given};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;

/// How long a ticket can be used.
const TICKET_LIFE_MICROS: i64 = 30_000_000;

/// Lets a websocket in that shows a fresh ticket.
pub(crate) async fn accept(
    Given(shared): Given<Arc<Shared>>,
    ConnectInfo(switch): ConnectInfo<Switch>,
    Query(query): Query<BTreeMap<String, String>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let fault = shared.change(|state| faults::take(state, "websocket"));
    let ticket = query.get("ticket").cloned().unwrap_or_default();
    let admitted = fault.is_none() && use_ticket(&shared, &ticket);
    let outcome = match (&fault, admitted) {
        (Some(fault), _) => Outcome::Fault(fault.words()),
        (None, true) => Outcome::Done,
        (None, false) => Outcome::Refused("bad_ticket".to_owned()),
    };
    shared.change(|state| {
        state.calls.push(Call {
            method: "websocket".to_owned(),
            token: TokenKind::Missing,
            channel: None,
            arguments: json!(query),
            at: shared.clock.running(),
            outcome,
        });
    });
    match fault {
        Some(FaultKind::Status(status)) => {
            return StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE).into_response();
        }
        Some(FaultKind::Slow(wait) | FaultKind::Stuck(wait)) => tokio::time::sleep(wait).await,
        Some(FaultKind::RateLimited(_) | FaultKind::Error(_)) => {
            return StatusCode::TOO_MANY_REQUESTS.into_response();
        }
        Some(FaultKind::Drop | FaultKind::LoseAnswer) => {
            switch.cut();
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        None if !admitted => return StatusCode::FORBIDDEN.into_response(),
        None => {}
    }
    upgrade.on_upgrade(move |socket| run(shared, socket, switch))
}

fn use_ticket(shared: &Shared, ticket: &str) -> bool {
    let now = shared.clock.micros();
    shared.change(|state| {
        let good = state.tickets.get_mut(ticket).is_some_and(|row| {
            let fresh = !row.used && now - row.issued <= TICKET_LIFE_MICROS;
            row.used = true;
            fresh
        });
        if !good {
            state.complain(format!(
                "a websocket was opened with the ticket {ticket:?}, which is not good (any more)"
            ));
        }
        good
    })
}

async fn run(shared: Arc<Shared>, mut socket: WebSocket, switch: Switch) {
    let (orders, mut inbox) = mpsc::unbounded_channel();
    let hello = {
        let count = shared.read(|state| state.sockets.len() + 1);
        json!({
            "type": "hello",
            "num_connections": count,
            "debug_info": {"host": "applink-standin", "started": "2026-01-01 00:00:00.000", "build_number": 1,
                "approximate_connection_time": 18060},
            "connection_info": {"app_id": shared.settings.app},
        })
    };
    if socket.send(Message::Text(hello.to_string().into())).await.is_err() {
        return;
    }
    // Only now: nothing may overtake the hello.
    let id = shared.change(|state| {
        let id = state.number();
        state.sockets.push(SocketRow { id, orders, switch, leaving: false });
        id
    });
    loop {
        tokio::select! {
            // Only this task reads and writes: while it waits for orders it also answers pings.
            frame = socket.recv() => match frame {
                Some(Ok(frame)) => if !take(&shared, id, &frame) { break },
                Some(Err(_)) | None => break,
            },
            order = inbox.recv() => match order {
                Some(Order::Send(text)) => if socket.send(Message::Text(text.into())).await.is_err() { break },
                Some(Order::Close) => {
                    let frame = CloseFrame { code: 1000, reason: "refresh".into() };
                    let _gone = socket.send(Message::Close(Some(frame))).await;
                    remove(&shared, id);
                }
                None => break,
            },
        }
    }
    remove(&shared, id);
}

fn remove(shared: &Shared, id: u64) {
    shared.change(|state| state.sockets.retain(|row| row.id != id));
}

/// Takes one frame; tells whether the connection goes on.
fn take(shared: &Shared, id: u64, frame: &Message) -> bool {
    match frame {
        Message::Text(text) => {
            match serde_json::from_str::<Value>(text) {
                Ok(value) => delivery::acknowledge(shared, id, &value),
                Err(_) => shared
                    .change(|state| state.complain(format!("a websocket sent what is not JSON: {text}"))),
            }
            true
        }
        Message::Binary(_) => {
            shared.change(|state| state.complain("a websocket sent a binary frame"));
            true
        }
        Message::Ping(_) | Message::Pong(_) => true,
        Message::Close(_) => false,
    }
}
