//! Response URLs: five answers within half an hour, visible to one person or to all.

use super::{Answer, Args, BODY_LIMIT, Draft, Refusal, draft, in_json, post, with_fault};
use crate::slack::calls::{Call, Outcome, TokenKind};
use crate::slack::faults;
use crate::slack::rows::{Hook, HookKind};
use crate::slack::state::{Shared, State};
use crate::slack::wire::Switch;
use axum::body::to_bytes;
use axum::extract::{ConnectInfo, Path, Request, State as Given};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::sync::Arc;

/// How often a response URL can be used.
const USES: u32 = 5;
/// How long a response URL lives.
const LIFE_MICROS: i64 = 30 * 60 * 1_000_000;

/// Takes what the app posts to a response URL.
pub(crate) async fn respond(
    Given(shared): Given<Arc<Shared>>,
    ConnectInfo(switch): ConnectInfo<Switch>,
    Path((_team, id)): Path<(String, String)>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let args = match Args::read(&parts, body).await {
        Ok(args) => args,
        Err(refusal) => {
            shared.change(|state| state.complain(format!("a response URL was given {}", refusal.error)));
            return (StatusCode::BAD_REQUEST, "invalid_payload").into_response();
        }
    };
    let fault = shared.change(|state| faults::take(state, "response_url"));
    let work = || shared.change(|state| answer(&shared, state, &id, &args));
    let mut gone = None;
    let log = |outcome: Outcome| {
        gone = match &outcome {
            Outcome::Refused(error) if error == "used_url" || error == "expired_url" => Some(error.clone()),
            _ => None,
        };
        shared.change(|state| {
            state.calls.push(Call {
                method: "response_url".to_owned(),
                token: TokenKind::Missing,
                channel: state.hooks.get(&id).map(|hook| hook.channel.clone()),
                arguments: args.all(),
                at: shared.clock.running(),
                outcome,
            });
        });
    };
    let answer = with_fault(fault, &switch, work, log).await;
    match gone {
        Some(error) => in_json(StatusCode::NOT_FOUND, &json!({"ok": false, "error": error})),
        None => answer,
    }
}

fn answer(shared: &Shared, state: &mut State, id: &str, args: &Args) -> Answer {
    let now = shared.clock.micros();
    let Some(hook) = state.hooks.get_mut(id) else {
        state.complain("something was posted to a response URL that was never handed out");
        return Err(Refusal::of("used_url"));
    };
    if now - hook.issued > LIFE_MICROS {
        return Err(Refusal::of("expired_url"));
    }
    if hook.uses >= USES {
        return Err(Refusal::of("used_url"));
    }
    hook.uses += 1;
    let hook = hook.clone();
    if let HookKind::Action { message } = &hook.kind {
        if args.flag("delete_original") {
            return take_away(state, &hook, message);
        }
        if args.flag("replace_original") {
            return replace(shared, state, &hook, message, args);
        }
        if !args.has("replace_original") && !args.has("response_type") {
            state.complain(
                "a click was answered through its response URL with neither replace_original nor response_type: \
                 whether that replaces the message is not documented",
            );
        }
    }
    let mut draft = draft(shared, state, args)?;
    draft.thread = args.text("thread_ts").map(str::to_owned).or_else(|| hook.thread.clone());
    draft.only_for = (args.text("response_type") != Some("in_channel")).then(|| hook.person.clone());
    post(shared, state, &hook.channel, draft)?;
    Ok(json!({}))
}

fn take_away(state: &mut State, hook: &Hook, message: &str) -> Answer {
    let seq = state.seq;
    match state.message_mut(&hook.channel, message).filter(|row| !row.deleted) {
        Some(row) => row.delete(seq),
        None => return Err(Refusal::of("message_not_found")),
    }
    Ok(json!({}))
}

fn replace(shared: &Shared, state: &mut State, hook: &Hook, message: &str, args: &Args) -> Answer {
    let Draft { saying, metadata, .. } = draft(shared, state, args)?;
    if saying.text.is_empty() && saying.blocks.is_empty() && saying.attachments.is_empty() {
        return Err(Refusal::of("no_text"));
    }
    let seq = state.seq;
    match state.message_mut(&hook.channel, message).filter(|row| !row.deleted) {
        Some(row) => {
            row.rewrite(saying, seq);
            row.metadata = metadata.or_else(|| row.metadata.take());
        }
        None => return Err(Refusal::of("message_not_found")),
    }
    Ok(json!({}))
}
