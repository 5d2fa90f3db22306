//! The Web API, as far as a bot like this one uses it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State as Extracted};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::message::Seen;
use super::rules;
use super::state::{Channel, Shared, State};
use super::{ACKNOWLEDGED_WITHIN, APPLICATION, BOT, GUILD, TOKEN};

/// What is answered.
struct Answer(u16, Value);

impl From<Answer> for Response {
    fn from(Answer(status, body): Answer) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status == StatusCode::NO_CONTENT {
            return status.into_response();
        }
        let after = body.get("retry_after").and_then(Value::as_f64);
        let mut answer = (status, axum::Json(body)).into_response();
        if let Some(after) = after.and_then(|after| after.to_string().parse().ok()) {
            answer.headers_mut().insert("retry-after", after);
        }
        answer
    }
}

fn refuse(status: u16, code: u64, message: &str) -> Answer {
    Answer(status, json!({"code": code, "message": message}))
}

/// Any call.
pub(crate) async fn call(
    Extracted(shared): Extracted<Arc<Shared>>,
    method: Method,
    Path(path): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    if shared.look(|state| state.is_down) {
        return refuse(503, 0, "Service Unavailable").into();
    }
    shared.waits(&path).await;
    if path == "gateway" {
        return Answer(200, json!({"url": shared.gateway})).into();
    }
    let token = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if token != format!("Bot {TOKEN}") {
        return refuse(401, 0, "401: Unauthorized").into();
    }
    let kind = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (body, file) = if kind.starts_with("multipart/form-data") {
        parts(kind, &bytes)
    } else {
        (serde_json::from_slice(&bytes).unwrap_or_default(), None)
    };
    let path: Vec<&str> = path.split('/').collect();
    shared.with(|state| answer(state, &method, &path, &body, file)).into()
}

/// The JSON and the file of a form.
fn parts(kind: &str, bytes: &[u8]) -> (Value, Option<Vec<u8>>) {
    let boundary = kind.split("boundary=").nth(1).unwrap_or_default().trim_matches('"');
    let mark = format!("--{boundary}").into_bytes();
    let mut starts = Vec::new();
    for at in 0..bytes.len() {
        if bytes.get(at..).is_some_and(|rest| rest.starts_with(&mark)) {
            starts.push(at);
        }
    }
    let (mut body, mut file) = (Value::Null, None);
    for pair in starts.windows(2) {
        let &[from, to] = pair else { continue };
        let part = bytes.get(from..to).unwrap_or_default();
        let Some(gap) = part.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(part.get(..gap).unwrap_or_default()).into_owned();
        let inside = part.get(gap.saturating_add(4)..part.len().saturating_sub(2)).unwrap_or_default();
        if head.contains("name=\"payload_json\"") {
            body = serde_json::from_slice(inside).unwrap_or_default();
        } else if head.contains("name=\"files[0]\"") {
            file = Some(inside.to_vec());
        }
    }
    (body, file)
}

fn answer(state: &mut State, method: &Method, path: &[&str], body: &Value, file: Option<Vec<u8>>) -> Answer {
    if let Some((times, status)) = state.broken.filter(|(times, _)| *times > 0) {
        state.broken = Some((times.saturating_sub(1), status));
        return refuse(status, 0, "broken for the story");
    }
    state.calls = state.calls.saturating_add(1);
    if let Some((_, after)) = state.crowded.filter(|(number, _)| state.calls.is_multiple_of(*number)) {
        return too_many(state, after);
    }
    match (method.as_str(), path) {
        ("GET", ["users", "@me"]) => Answer(200, json!({"id": BOT, "username": "patchbot", "bot": true})),
        ("GET", ["applications", "@me"]) => Answer(200, json!({"id": APPLICATION, "name": "patchbot"})),
        ("GET", ["guilds", GUILD]) => Answer(200, json!({"id": GUILD, "name": "Example"})),
        ("GET", ["guilds", GUILD, "roles"]) => {
            let all = (1_u64 << 10) | (1 << 11) | (1 << 14) | (1 << 15) | (1 << 16) | (1 << 35) | (1 << 38);
            Answer(200, json!([{"id": GUILD, "permissions": all.to_string()}]))
        }
        ("GET", ["guilds", GUILD, "members", user]) => match state.members.get(*user) {
            Some(name) => {
                let pending = state.pending.contains(*user);
                Answer(200, json!({"user": {"id": user, "username": name}, "roles": [], "pending": pending}))
            }
            None if *user == BOT => Answer(200, json!({"user": {"id": BOT}, "roles": []})),
            None => refuse(404, 10_007, "Unknown Member"),
        },
        ("GET", ["guilds", ..]) => refuse(404, 10_004, "Unknown Guild"),
        ("GET", ["channels", id]) => match state.channels.get(*id) {
            Some(channel) => Answer(
                200,
                json!({"id": id, "name": channel.name, "permission_overwrites":
                    [{"id": GUILD, "type": 0, "allow": "0", "deny": channel.denied.to_string()}]}),
            ),
            None => refuse(404, 10_003, "Unknown Channel"),
        },
        ("PUT", ["applications", APPLICATION, "commands"]) => {
            let wrong = rules::commands(body);
            if wrong.is_empty() {
                state.commands = body.clone();
                Answer(200, body.clone())
            } else {
                invalid(state, wrong)
            }
        }
        ("POST", ["users", "@me", "channels"]) => conversation(state, body),
        ("POST", ["channels", channel, "messages"]) => post(state, channel, body, file),
        ("PATCH", ["channels", channel, "messages", id]) => rewrite(state, channel, id, body),
        ("POST", ["channels", channel, "messages", id, "threads"]) => thread(state, channel, id, body),
        ("POST", ["interactions", id, token, "callback"]) => callback(state, id, token, body),
        ("PATCH", ["webhooks", APPLICATION, token, "messages", "@original"]) => original(state, token, body),
        ("POST", ["webhooks", APPLICATION, token]) => follow_up(state, token, body, file),
        _ => {
            state.wrong.push(format!("there is no {method} /{}", path.join("/")));
            refuse(404, 0, "404: Not Found")
        }
    }
}

fn invalid(state: &mut State, wrong: Vec<String>) -> Answer {
    let told = wrong.join("; ");
    state.wrong.extend(wrong);
    refuse(400, 50_035, &format!("Invalid Form Body: {told}"))
}

fn conversation(state: &mut State, body: &Value) -> Answer {
    let Some(user) = body.get("recipient_id").and_then(Value::as_str).map(str::to_owned) else {
        return refuse(400, 50_035, "Invalid Form Body");
    };
    let known = state.channels.iter().find(|(_, channel)| channel.with.as_ref() == Some(&user));
    let id = match known {
        Some((id, _)) => id.clone(),
        None => {
            let id = state.next_id();
            let channel = Channel { name: format!("@{user}"), with: Some(user), ..Channel::default() };
            state.channels.insert(id.clone(), channel);
            id
        }
    };
    Answer(200, json!({"id": id, "type": 1}))
}

fn limited(state: &mut State, place: &str) -> Option<Answer> {
    let (times, after) = state.limits.get_mut(place)?;
    if *times == 0 {
        return None;
    }
    *times = times.saturating_sub(1);
    let after = *after;
    Some(too_many(state, after))
}

fn too_many(state: &mut State, after: Duration) -> Answer {
    state.limited = state.limited.saturating_add(1);
    let after = after.as_secs_f64();
    Answer(429, json!({"message": "You are being rate limited.", "retry_after": after, "global": false}))
}

fn seen(state: &mut State, channel: &str, body: &Value, file: Option<Vec<u8>>, only_one: bool) -> Seen {
    let attachment = body.pointer("/attachments/0");
    let word = |name: &str| attachment.and_then(|one| one.get(name)?.as_str()).unwrap_or_default().to_owned();
    let files = file.map(|bytes| (word("filename"), word("description"), bytes)).into_iter().collect();
    let id = state.next_id();
    Seen { id, channel: channel.to_owned(), body: body.clone(), only_one, rewritten: 0, files }
}

fn post(state: &mut State, channel: &str, body: &Value, file: Option<Vec<u8>>) -> Answer {
    if let Some(limited) = limited(state, channel) {
        return limited;
    }
    match state.channels.get(channel) {
        None => return refuse(404, 10_003, "Unknown Channel"),
        Some(found) if found.denied & ((1 << 10) | (1 << 11)) != 0 => {
            return refuse(403, 50_013, "Missing Permissions");
        }
        Some(_) => {}
    }
    let wrong = rules::message(body, file.is_some());
    if !wrong.is_empty() {
        return invalid(state, wrong);
    }
    // The same nonce again is the same message.
    let nonce = body.get("nonce").and_then(Value::as_str).map(|nonce| format!("{channel}/{nonce}"));
    if let Some(known) = nonce.as_ref().and_then(|nonce| state.nonces.get(nonce)) {
        return Answer(200, json!({"id": known, "channel_id": channel}));
    }
    let seen = seen(state, channel, body, file, false);
    let id = seen.id.clone();
    if let Some(nonce) = nonce {
        state.nonces.insert(nonce, id.clone());
    }
    state.messages.insert(id.clone(), seen);
    if let Some(channel) = state.channels.get_mut(channel) {
        channel.messages.push(id.clone());
    }
    Answer(200, json!({"id": id, "channel_id": channel}))
}

fn rewrite(state: &mut State, channel: &str, id: &str, body: &Value) -> Answer {
    if let Some(limited) = limited(state, channel) {
        return limited;
    }
    let wrong = rules::message(body, false);
    if !wrong.is_empty() {
        return invalid(state, wrong);
    }
    match state.messages.get_mut(id) {
        Some(seen) if seen.channel == channel => {
            seen.body = body.clone();
            seen.rewritten = seen.rewritten.saturating_add(1);
            Answer(200, json!({"id": id}))
        }
        _ => refuse(404, 10_008, "Unknown Message"),
    }
}

fn thread(state: &mut State, channel: &str, id: &str, body: &Value) -> Answer {
    if state.messages.get(id).is_none_or(|seen| seen.channel != channel) {
        return refuse(404, 10_008, "Unknown Message");
    }
    if state.channels.contains_key(id) {
        return refuse(400, 160_004, "A thread has already been created for this message");
    }
    let name = body.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    if !(1..=100).contains(&name.chars().count()) {
        return invalid(state, vec!["a thread's name has 1 to 100 characters".to_owned()]);
    }
    state.channels.insert(id.to_owned(), Channel { name, ..Channel::default() });
    Answer(201, json!({"id": id}))
}

fn callback(state: &mut State, id: &str, token: &str, body: &Value) -> Answer {
    let Some(known) = state.interactions.get(id).filter(|known| known.token == token).cloned() else {
        return refuse(404, 10_062, "Unknown interaction");
    };
    let took = known.begun.elapsed();
    if known.first.is_some() {
        return refuse(400, 40_060, "Interaction has already been acknowledged.");
    }
    if took > ACKNOWLEDGED_WITHIN {
        if !known.given_up {
            state.wrong.push(format!("{} was acknowledged after {} s", known.what, took.as_secs_f32()));
        }
        return refuse(404, 10_062, "Unknown interaction");
    }
    let kind = body.get("type").and_then(Value::as_u64).unwrap_or_default();
    let data = body.get("data").cloned().unwrap_or_default();
    let wrong = match kind {
        4 | 7 => rules::message(&data, false),
        5 | 6 => Vec::new(),
        8 => rules::choices(data.get("choices").unwrap_or(&Value::Null)),
        9 => rules::modal(&data),
        _ => vec![format!("there is no answer of type {kind}")],
    };
    if !wrong.is_empty() {
        return invalid(state, wrong);
    }
    if let Some(interaction) = state.interactions.get_mut(id) {
        interaction.first = Some((kind, took));
        match kind {
            8 => interaction.choices = data.get("choices").cloned(),
            9 => interaction.modal = Some(data),
            _ => {}
        }
    }
    Answer(204, Value::Null)
}

fn of_token(state: &State, token: &str) -> Option<String> {
    state.interactions.iter().find(|(_, known)| known.token == token).map(|(id, _)| id.clone())
}

fn original(state: &mut State, token: &str, body: &Value) -> Answer {
    let found = of_token(state, token)
        .and_then(|id| Some((id.clone(), state.interactions.get(&id)?.clone())))
        .filter(|(_, known)| matches!(known.first, Some((5 | 6, _))));
    let Some((id, known)) = found else { return refuse(404, 10_008, "Unknown Message") };
    let wrong = rules::message(body, false);
    if !wrong.is_empty() {
        return invalid(state, wrong);
    }
    let answer = seen(state, &known.channel, body, None, true);
    // What was clicked on is rewritten in place.
    if let (Some((6, _)), Some(message)) = (known.first, &known.message) {
        if let Some(seen) = state.messages.get_mut(message) {
            seen.body = body.clone();
            seen.rewritten = seen.rewritten.saturating_add(1);
        }
    } else {
        state.messages.insert(answer.id.clone(), answer.clone());
    }
    if let Some(interaction) = state.interactions.get_mut(&id) {
        interaction.brought = true;
        interaction.answers.push(answer.clone());
    }
    Answer(200, json!({"id": answer.id}))
}

fn follow_up(state: &mut State, token: &str, body: &Value, file: Option<Vec<u8>>) -> Answer {
    let Some(id) = of_token(state, token) else { return refuse(404, 10_015, "Unknown Webhook") };
    let wrong = rules::message(body, file.is_some());
    if !wrong.is_empty() {
        return invalid(state, wrong);
    }
    let only_one = body.get("flags").and_then(Value::as_u64).is_some_and(|flags| flags & 64 != 0);
    if !only_one {
        state.wrong.push("an answer is seen by everybody".to_owned());
    }
    let channel = state.interactions.get(&id).map(|known| known.channel.clone()).unwrap_or_default();
    let answer = seen(state, &channel, body, file, only_one);
    state.messages.insert(answer.id.clone(), answer.clone());
    if let Some(interaction) = state.interactions.get_mut(&id) {
        interaction.answers.push(answer.clone());
    }
    Answer(200, json!({"id": answer.id}))
}
