//! The Web API: who may call what, and how answers and errors look.

mod args;
mod chat;
mod conversations;
mod files;
mod hooks;
mod methods;
mod users;
mod views;

pub(crate) use args::{Args, Carrier};
pub(crate) use chat::{Draft, draft, message_json, post};
pub(crate) use files::{download, upload};
pub(crate) use hooks::respond;
pub(crate) use views::{place_view, rewrite_view, view_json};

use super::calls::{Call, Outcome, TokenKind};
use super::faults::{self, FaultKind};
use super::state::{Shared, State};
use super::wire::Switch;
use axum::body::to_bytes;
use axum::extract::{ConnectInfo, Path, Request, State as Given};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use methods::{Method, TokenNeeded};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// More than this no call may send.
pub(crate) const BODY_LIMIT: usize = 32 * 1024 * 1024;

/// Why a call was refused.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) error: String,
    more: Map<String, Value>,
}

impl Refusal {
    /// Refuses with an error code and nothing else.
    pub(crate) fn of(error: &str) -> Self {
        Self { error: error.to_owned(), more: Map::new() }
    }

    /// Refuses arguments, saying which and why.
    pub(crate) fn invalid_arguments(problems: &[String]) -> Self {
        Self::with_problems("invalid_arguments", problems)
    }

    /// Refuses with the list of problems that Slack puts into `response_metadata`.
    pub(crate) fn with_problems(error: &str, problems: &[String]) -> Self {
        let mut refusal = Self::of(error);
        let messages: Vec<String> = problems.iter().map(|problem| format!("[ERROR] {problem}")).collect();
        refusal.more.insert("errors".to_owned(), json!(problems));
        refusal.more.insert("response_metadata".to_owned(), json!({"messages": messages}));
        refusal
    }

    /// Gives the body of the answer.
    pub(crate) fn body(&self) -> Value {
        let mut body = self.more.clone();
        body.insert("ok".to_owned(), Value::Bool(false));
        body.insert("error".to_owned(), Value::String(self.error.clone()));
        Value::Object(body)
    }
}

/// What a method gives back: the fields beside `ok`.
pub(crate) type Answer = Result<Value, Refusal>;

/// What a method works with.
pub(crate) struct Desk<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) state: &'a mut State,
    pub(crate) args: &'a Args,
}

/// Answers a call of the Web API.
pub(crate) async fn call(
    Given(shared): Given<Arc<Shared>>,
    ConnectInfo(switch): ConnectInfo<Switch>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let args = match Args::read(&parts, body).await {
        Ok(args) => args,
        Err(refusal) => {
            shared.change(|state| {
                state.complain(format!("{name} was called with a body that is {}", refusal.error));
            });
            return in_json(StatusCode::OK, &refusal.body());
        }
    };
    let token = token_kind(&shared, args.token.as_deref());
    let fault = shared.change(|state| faults::take(state, &name));
    let work = || answer(&shared, &name, token, &args);
    let log = |outcome: Outcome| {
        shared.change(|state| {
            state.calls.push(Call {
                method: name.clone(),
                token,
                channel: args.text("channel").or_else(|| args.text("channel_id")).map(str::to_owned),
                arguments: args.all(),
                at: shared.clock.running(),
                outcome,
            });
        });
    };
    with_fault(fault, &switch, work, log).await
}

/// Lets an armed fault happen around the work of a call, and logs the call.
pub(crate) async fn with_fault(
    fault: Option<FaultKind>,
    switch: &Switch,
    work: impl FnOnce() -> Answer,
    log: impl FnOnce(Outcome),
) -> Response {
    let words = fault.as_ref().map(FaultKind::words);
    let note = |answer: &Answer| match (&words, answer) {
        (Some(words), _) => Outcome::Fault(words.clone()),
        (None, Ok(_)) => Outcome::Done,
        (None, Err(refusal)) => Outcome::Refused(refusal.error.clone()),
    };
    match fault {
        Some(FaultKind::RateLimited(wait)) => {
            log(note(&Err(Refusal::of("ratelimited"))));
            rate_limited(wait.as_secs())
        }
        Some(FaultKind::Status(status)) => {
            log(note(&Err(Refusal::of("status"))));
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], "<html>upstream</html>")
                .into_response()
        }
        Some(FaultKind::Error(error)) => {
            let refusal = Refusal::of(&error);
            log(note(&Err(refusal.clone())));
            in_json(StatusCode::OK, &refusal.body())
        }
        Some(FaultKind::Drop) => {
            log(note(&Err(Refusal::of("dropped"))));
            switch.cut();
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Some(FaultKind::LoseAnswer) => {
            let answer = work();
            log(note(&answer));
            switch.cut();
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Some(FaultKind::Slow(wait)) => {
            let answer = work();
            log(note(&answer));
            tokio::time::sleep(wait).await;
            written(answer)
        }
        Some(FaultKind::Stuck(wait)) => {
            tokio::time::sleep(wait).await;
            let answer = work();
            log(note(&answer));
            written(answer)
        }
        None => {
            let answer = work();
            log(note(&answer));
            written(answer)
        }
    }
}

/// Writes an answer the way Slack does: 200 with `ok`, except for a rate limit.
pub(crate) fn written(answer: Answer) -> Response {
    match answer {
        Ok(Value::Object(mut fields)) => {
            fields.insert("ok".to_owned(), Value::Bool(true));
            in_json(StatusCode::OK, &Value::Object(fields))
        }
        Ok(_) => in_json(StatusCode::OK, &json!({"ok": true})),
        Err(refusal) if refusal.error == "ratelimited" => rate_limited(1),
        Err(refusal) => in_json(StatusCode::OK, &refusal.body()),
    }
}

fn rate_limited(seconds: u64) -> Response {
    let mut response = in_json(StatusCode::TOO_MANY_REQUESTS, &json!({"ok": false, "error": "ratelimited"}));
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    response
}

/// Writes JSON with the content type that Slack sends.
pub(crate) fn in_json(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], body.to_string()).into_response()
}

fn token_kind(shared: &Shared, token: Option<&str>) -> TokenKind {
    match token {
        None => TokenKind::Missing,
        Some(token) if token == shared.settings.bot_token => TokenKind::Bot,
        Some(token) if token == shared.settings.app_token => TokenKind::App,
        Some(_) => TokenKind::Unknown,
    }
}

fn answer(shared: &Shared, name: &str, token: TokenKind, args: &Args) -> Answer {
    let Some(method) = methods::find(name) else {
        shared.change(|state| state.complain(format!("the method {name} was called, which is not modelled")));
        return Err(Refusal::of("unknown_method"));
    };
    admit(shared, method, token)?;
    if args.carrier == Carrier::Json && !method.takes_json {
        shared.change(|state| state.complain(format!("{name} was called with JSON; it takes forms only")));
        return Err(Refusal::invalid_arguments(&["the arguments must be form-encoded".to_owned()]));
    }
    if args.carrier == Carrier::Other {
        shared.change(|state| {
            state.complain(format!("{name} was called with a content type that it does not take"));
        });
        return Err(Refusal::of("invalid_post_type"));
    }
    shared.change(|state| (method.run)(&mut Desk { shared, state, args }))
}

fn admit(shared: &Shared, method: &Method, token: TokenKind) -> Result<(), Refusal> {
    match (token, method.token) {
        (TokenKind::Missing, _) => Err(Refusal::of("not_authed")),
        (TokenKind::Unknown, _) => Err(Refusal::of("invalid_auth")),
        (TokenKind::Bot, TokenNeeded::App) | (TokenKind::App, TokenNeeded::Bot) => {
            Err(Refusal::of("not_allowed_token_type"))
        }
        (TokenKind::Bot, TokenNeeded::Bot) => scoped(shared, method.scopes),
        (TokenKind::App, TokenNeeded::App) => Ok(()),
    }
}

/// Refuses when the app has none of the scopes of which one is needed.
pub(crate) fn scoped(shared: &Shared, any_of: &[&str]) -> Result<(), Refusal> {
    let granted = &shared.settings.scopes;
    if any_of.is_empty() || any_of.iter().any(|scope| granted.contains(*scope)) {
        return Ok(());
    }
    let mut refusal = Refusal::of("missing_scope");
    let provided: Vec<&str> = granted.iter().map(String::as_str).collect();
    refusal.more.insert("needed".to_owned(), json!(any_of.join(",")));
    refusal.more.insert("provided".to_owned(), json!(provided.join(",")));
    Err(refusal)
}
