//! Sending envelopes and waiting for their acknowledgements.

use super::Order;
use crate::slack::rows::{Ack, Delivery};
use crate::slack::state::{Shared, State};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

/// What became of an envelope that a person waits for.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Acked(Ack),
    /// No acknowledgement within the limit.
    Overdue,
    /// No websocket was there to take it.
    Unreachable,
}

/// An envelope to send.
pub(crate) struct Letter<'a> {
    pub(crate) kind: &'static str,
    pub(crate) label: &'a str,
    pub(crate) payload: &'a Value,
    pub(crate) takes_payload: bool,
    event: Option<&'a str>,
    attempt: u32,
}

impl<'a> Letter<'a> {
    /// Writes what a person did.
    pub(crate) fn of(kind: &'static str, label: &'a str, payload: &'a Value) -> Self {
        Self { kind, label, payload, takes_payload: true, event: None, attempt: 0 }
    }
}

/// Sends what a person did and waits as long as Slack does. Gives the id of the envelope, if one was sent.
pub(crate) async fn ask(
    shared: &Shared,
    kind: &'static str,
    label: &str,
    payload: &Value,
) -> (Option<String>, Outcome) {
    match shared.change(|state| send(state, &Letter::of(kind, label, payload))) {
        Some((id, answer)) => {
            let outcome = within_limit(shared, &id, answer, shared.settings.ack_limit).await;
            (Some(id), outcome)
        }
        None => (None, Outcome::Unreachable),
    }
}

/// Sends an event and, in the background, sends it again as long as it is not acknowledged.
/// Gives the outcome of the first attempt.
pub(crate) async fn publish(shared: &Arc<Shared>, label: &str, event_id: &str, payload: Value) -> Outcome {
    let (first, told) = oneshot::channel();
    let (shared, label, event_id) = (Arc::clone(shared), label.to_owned(), event_id.to_owned());
    tokio::spawn(async move {
        let mut first = Some(first);
        let waits = std::iter::once(Duration::ZERO).chain(shared.settings.redelivery.clone());
        for (attempt, wait) in (0u32..).zip(waits) {
            tokio::time::sleep(wait).await;
            let letter = Letter {
                kind: "events_api",
                label: &label,
                payload: &payload,
                takes_payload: false,
                event: Some(&event_id),
                attempt,
            };
            let outcome = match shared.change(|state| send(state, &letter)) {
                Some((id, answer)) => within_limit(&shared, &id, answer, shared.settings.ack_limit).await,
                None => Outcome::Unreachable,
            };
            let done = matches!(outcome, Outcome::Acked(_));
            if let Some(first) = first.take() {
                let _listening = first.send(outcome);
            }
            if done {
                return;
            }
        }
        shared.change(|state| state.complain(format!("{label}: no attempt to deliver it was acknowledged")));
    });
    told.await.unwrap_or(Outcome::Unreachable)
}

async fn within_limit(shared: &Shared, id: &str, answer: oneshot::Receiver<Ack>, limit: Duration) -> Outcome {
    match timeout(limit, answer).await {
        Ok(Ok(ack)) => Outcome::Acked(ack),
        Ok(Err(_)) | Err(_) => {
            shared.change(|state| {
                if let Some(row) = state.deliveries.get_mut(id) {
                    row.overdue = true;
                }
            });
            Outcome::Overdue
        }
    }
}

/// Hands an envelope to one of the websockets, each in turn.
fn send(state: &mut State, letter: &Letter<'_>) -> Option<(String, oneshot::Receiver<Ack>)> {
    let number = state.number();
    let id = format!("00000000-0000-4000-8000-{number:012}");
    let mut envelope = json!({
        "envelope_id": id,
        "type": letter.kind,
        "payload": letter.payload,
        "accepts_response_payload": letter.takes_payload,
    });
    if letter.event.is_some()
        && let Some(fields) = envelope.as_object_mut()
    {
        fields.insert("retry_attempt".to_owned(), json!(letter.attempt));
        fields.insert("retry_reason".to_owned(), json!(if letter.attempt == 0 { "" } else { "timeout" }));
    }
    let text = envelope.to_string();
    let socket = pick(state, &text)?;
    let (waiter, answer) = oneshot::channel();
    let row = Delivery {
        kind: letter.kind,
        label: letter.label.to_owned(),
        event: letter.event.map(str::to_owned),
        takes_payload: letter.takes_payload,
        socket,
        attempt: letter.attempt,
        sent: Instant::now(),
        ack: None,
        overdue: false,
        excused: false,
        waiter: Some(waiter),
    };
    state.deliveries.insert(id.clone(), row);
    Some((id, answer))
}

fn pick(state: &mut State, text: &str) -> Option<u64> {
    let count = state.sockets.len();
    for step in 0..count {
        let place = (state.next_socket + step) % count;
        let Some(row) = state.sockets.get(place).filter(|row| !row.leaving) else { continue };
        if row.orders.send(Order::Send(text.to_owned())).is_ok() {
            let id = row.id;
            state.next_socket = place + 1;
            return Some(id);
        }
    }
    None
}

/// Takes what an app sent over a websocket: it can only be an acknowledgement.
pub(super) fn acknowledge(shared: &Shared, socket: u64, value: &Value) {
    let id = value.get("envelope_id").and_then(Value::as_str).unwrap_or_default();
    shared.change(|state| {
        let Some(row) = state.deliveries.get_mut(id) else {
            return state.complain(format!("a websocket sent what acknowledges nothing: {value}"));
        };
        let label = row.label.clone();
        if row.ack.is_some() {
            return state.complain(format!("{label}: acknowledged twice"));
        }
        let payload = value.get("payload").filter(|payload| !payload.is_null()).cloned();
        let ack = Ack { after: row.sent.elapsed(), payload };
        row.ack = Some(ack.clone());
        let (own_socket, takes_payload) = (row.socket, row.takes_payload);
        if let Some(waiter) = row.waiter.take() {
            let _waiting = waiter.send(ack.clone());
        }
        if own_socket != socket {
            state.complain(format!("{label}: acknowledged over another websocket than it came"));
        }
        if !takes_payload && ack.payload.is_some() {
            state.complain(format!("{label}: acknowledged with a payload, though it takes none"));
        }
    });
}
