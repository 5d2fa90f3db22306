//! The calls of Slack's Web API: each with a timeout, each failure told apart by what to do about it.
//!
//! Answers are read into types of our own that hold only what is needed: a field that Slack adds or changes elsewhere
//! must not turn a message that was posted into one that seems not to have been.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use slack_morphism::api::SlackApiFilesUploadViaUrlRequest;
use slack_morphism::errors::SlackClientError;
use slack_morphism::hyper_tokio::{SlackClientHyperConnector, SlackHyperClient};
use slack_morphism::{
    ClientResult, SlackApiToken, SlackClient, SlackClientApiCallContext, SlackClientHttpConnector as _,
};

use super::{NotUsable, Settings};
use crate::chat::Undelivered;
use crate::chat::retry::{Passes, Passing};

/// How long to wait when Slack limits the rate and does not say for how long.
const UNSAID_WAIT: Duration = Duration::from_secs(30);

/// The Web API with both tokens.
pub(super) struct Api {
    client: std::sync::Arc<SlackHyperClient>,
    bot: SlackApiToken,
    app: SlackApiToken,
    timeout: Duration,
    /// For sentences.
    url: String,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("url", &self.url).finish_non_exhaustive()
    }
}

/// A call that failed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Slack answered with an error code.
    Refused {
        /// The code.
        code: String,
        /// The scope that is missing, when that is it.
        needed: Option<String>,
        /// The scopes that are there, when Slack says so.
        provided: Option<String>,
    },
    /// Slack limits the rate.
    RateLimited(Duration),
    /// The address that was handed out for an answer is used up.
    UsedUp,
    /// No answer that could be read came back.
    Unreachable(String),
}

/// Slack's words for a token that it does not take any more, or not this one.
const SHUT: &[&str] = &[
    "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive",
    "not_allowed_token_type", "org_login_required", "ekm_access_denied",
];

/// Where to listen.
#[derive(Deserialize)]
pub(super) struct Listening {
    pub(super) url: String,
}

/// What an answer need not hold.
#[derive(Debug, Deserialize)]
pub(super) struct Nothing {}

impl Api {
    pub(super) fn new(settings: &Settings) -> Result<Self, NotUsable> {
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| NotUsable::TrustStore(error.to_string()))?
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .build();
        let url = settings.api_url.trim_end_matches('/').to_owned();
        let connector = SlackClientHyperConnector::with_connector(https).with_slack_api_url(&url);
        if connector.create_method_uri_path("auth.test").is_err() || !url.starts_with("http") {
            return Err(NotUsable::Url(settings.api_url.clone()));
        }
        Ok(Self {
            client: std::sync::Arc::new(SlackClient::new(connector)),
            bot: SlackApiToken::new(settings.bot_token.expose().into()),
            app: SlackApiToken::new(settings.app_token.expose().into()),
            timeout: settings.timeout,
            url,
        })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Calls a method that takes JSON.
    pub(super) async fn post<RS>(
        &self,
        method: &'static str,
        request: &(impl Serialize + Send + Sync),
    ) -> Result<RS, Trouble>
    where
        RS: for<'de> Deserialize<'de> + Send,
    {
        let session = self.client.open_session(&self.bot);
        self.within(session.http_session_api.http_post(method, request, None)).await
    }

    /// Uploads a file's bytes to the address that was handed out for them.
    pub(super) async fn upload(&self, address: &str, name: &str, bytes: &[u8]) -> Result<(), Trouble> {
        let Ok(address) = address.parse() else { return Err(Trouble::UsedUp) };
        let request = SlackApiFilesUploadViaUrlRequest::new(
            slack_morphism::SlackFileUploadUrl(address),
            bytes.to_vec(),
            if name.ends_with(".png") { "image/png" } else { "application/octet-stream" }.to_owned(),
        );
        let session = self.client.open_session(&self.bot);
        self.within(session.files_upload_via_url(&request)).await.map(|_| ())
    }

    /// Calls a method that takes its arguments in the address.
    pub(super) async fn get<RS>(
        &self,
        method: &'static str,
        arguments: &[(&'static str, &str)],
    ) -> Result<RS, Trouble>
    where
        RS: for<'de> Deserialize<'de> + Send,
    {
        let arguments: Vec<(&str, Option<&str>)> =
            arguments.iter().map(|(name, value)| (*name, Some(*value))).collect();
        let session = self.client.open_session(&self.bot);
        self.within(session.http_session_api.http_get(method, &arguments, None)).await
    }

    /// Asks for an address to listen at. It is a secret of its own: whoever has it hears everything.
    pub(super) async fn open_connection(&self) -> Result<Listening, Trouble> {
        let session = self.client.open_session(&self.app);
        self.within(session.http_session_api.http_post("apps.connections.open", &serde_json::json!({}), None))
            .await
    }

    /// Answers at the address that was handed out with a command or a click.
    pub(super) async fn respond(
        &self,
        address: &str,
        answer: &(impl Serialize + Send + Sync),
    ) -> Result<Nothing, Trouble> {
        let address = address.parse().map_err(|_| Trouble::UsedUp)?;
        let span = tracing::Span::none();
        // The address is a secret of its own: whoever has it can write.
        let context = SlackClientApiCallContext {
            rate_control_params: None,
            token: None,
            tracing_span: &span,
            is_sensitive_url: true,
        };
        self.within(self.client.http_api.connector.http_post_uri(address, answer, context)).await
    }

    async fn within<RS>(&self, call: impl Future<Output = ClientResult<RS>>) -> Result<RS, Trouble> {
        match tokio::time::timeout(self.timeout, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Trouble::from(error)),
            Err(_) => Err(Trouble::Unreachable(format!("no answer within {} s", self.timeout.as_secs_f32()))),
        }
    }
}

impl From<SlackClientError> for Trouble {
    fn from(error: SlackClientError) -> Self {
        // The library's own words quote whole answers, so none of them are used.
        match error {
            SlackClientError::ApiError(error) => {
                let body: Value = error
                    .http_response_body
                    .as_deref()
                    .and_then(|body| serde_json::from_str(body).ok())
                    .unwrap_or_default();
                let word = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
                if matches!(error.code.as_str(), "ratelimited" | "rate_limited") {
                    return Self::RateLimited(UNSAID_WAIT);
                }
                Self::Refused { code: error.code, needed: word("needed"), provided: word("provided") }
            }
            SlackClientError::RateLimitError(error) => {
                Self::RateLimited(error.retry_after.unwrap_or(UNSAID_WAIT))
            }
            SlackClientError::HttpError(error) if error.status_code.as_u16() == 404 => Self::UsedUp,
            SlackClientError::HttpError(error) => {
                Self::Unreachable(format!("HTTP status {}", error.status_code.as_u16()))
            }
            SlackClientError::ProtocolError(_) => {
                Self::Unreachable("the answer is not what Slack answers".to_owned())
            }
            SlackClientError::HttpProtocolError(error) => {
                Self::Unreachable(innermost(error.cause.as_deref().map(|cause| cause as _)))
            }
            SlackClientError::SystemError(error) => {
                Self::Unreachable(innermost(error.cause.as_deref().map(|cause| cause as _)))
            }
            SlackClientError::EndOfStream(_) | SlackClientError::SocketModeProtocolError(_) => {
                Self::Unreachable("the connection broke".to_owned())
            }
        }
    }
}

/// The cause at the bottom of an error, which says most: `Connection refused`.
fn innermost(error: Option<&(dyn std::error::Error + 'static)>) -> String {
    let Some(mut error) = error else { return "the connection broke".to_owned() };
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}

impl Trouble {
    /// What the outbox has to know; `place` is where the message was to go.
    pub(super) fn undelivered(self, place: &str) -> Undelivered {
        match self {
            Self::RateLimited(after) => Undelivered::RateLimited { after },
            Self::Unreachable(why) => Undelivered::Transient(format!("Slack could not be reached: {why}")),
            Self::UsedUp => Undelivered::Transient("Slack could not be reached: HTTP status 404".to_owned()),
            Self::Refused { code, needed, .. } => refused(&code, needed.as_deref(), place),
        }
    }

    /// How long Slack asked to be left alone, when it did.
    pub(super) fn asked_to_wait(&self) -> Option<Duration> {
        match self {
            Self::RateLimited(after) => Some(*after),
            Self::Refused { .. } | Self::UsedUp | Self::Unreachable(_) => None,
        }
    }

    /// Whether Slack does not let us in, however often we ask.
    pub(super) fn shuts_out(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if SHUT.contains(&code.as_str()))
    }

    /// In a few words, for sentences and the log.
    pub(super) fn why(&self) -> String {
        match self {
            Self::Refused { code, needed: Some(needed), .. } => format!("{code}: {needed}"),
            Self::Refused { code, .. } => code.clone(),
            Self::RateLimited(after) => format!("rate limited for {} s", after.as_secs()),
            Self::UsedUp => "HTTP status 404".to_owned(),
            Self::Unreachable(why) => why.clone(),
        }
    }
}

impl Passing for Trouble {
    fn passes(&self) -> Option<Passes> {
        match self {
            Self::RateLimited(after) => Some(Passes::After(*after)),
            Self::Unreachable(_) => Some(Passes::Sometime),
            Self::Refused { .. } | Self::UsedUp => None,
        }
    }
}

fn refused(code: &str, needed: Option<&str>, place: &str) -> Undelivered {
    match code {
        "message_not_found" | "cant_update_message" | "edit_window_closed" => Undelivered::Gone,
        "internal_error"
        | "fatal_error"
        | "service_unavailable"
        | "request_timeout"
        | "accesslimited"
        | "team_added_to_org" => Undelivered::Transient(format!("Slack is in trouble ({code})")),
        // Whoever mends the app or its token wants to see what was held up meanwhile.
        "missing_scope" => Undelivered::Transient(format!(
            "the app lacks the scope {}; add it and reinstall the app",
            needed.unwrap_or("that this needs")
        )),
        code if SHUT.contains(&code) => {
            Undelivered::Transient(format!("Slack does not accept the bot token ({code})"))
        }
        "channel_not_found" => Undelivered::Permanent(format!(
            "Slack knows no channel {place}, or the app is not in it: check the name, and invite the app there"
        )),
        "not_in_channel" => {
            Undelivered::Permanent(format!("the app is not in the channel {place}: invite it there"))
        }
        "is_archived" => Undelivered::Permanent(format!("the channel {place} is archived: name another one")),
        "user_not_found" | "user_disabled" | "user_not_visible" | "cannot_dm_bot" | "users_not_found" => {
            Undelivered::Permanent(format!("{place} cannot be written to in Slack ({code})"))
        }
        other => Undelivered::Permanent(format!("Slack refused the message for {place} ({other})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::retry::patiently;

    fn told(code: &str) -> Undelivered {
        Trouble::Refused { code: code.to_owned(), needed: None, provided: None }.undelivered("#ops")
    }

    #[test]
    fn failures_are_told_apart_by_what_to_do_about_them() {
        assert_eq!(told("message_not_found"), Undelivered::Gone);
        assert!(matches!(told("internal_error"), Undelivered::Transient(_)));
        assert!(matches!(told("invalid_auth"), Undelivered::Transient(_)));
        assert!(matches!(told("invalid_blocks"), Undelivered::Permanent(_)));
        insta::assert_snapshot!(told("channel_not_found"), @"Slack knows no channel #ops, or the app is not in it: check the name, and invite the app there");
        insta::assert_snapshot!(told("not_in_channel"), @"the app is not in the channel #ops: invite it there");
        let scope = Trouble::Refused {
            code: "missing_scope".to_owned(),
            needed: Some("chat:write".to_owned()),
            provided: None,
        };
        insta::assert_snapshot!(scope.undelivered("#ops"), @"the app lacks the scope chat:write; add it and reinstall the app");
        let limited = Trouble::RateLimited(Duration::from_secs(7)).undelivered("#ops");
        assert_eq!(limited, Undelivered::RateLimited { after: Duration::from_secs(7) });
    }

    #[tokio::test]
    async fn what_is_in_trouble_for_a_moment_is_tried_again_and_what_is_refused_is_not() {
        let tries = std::cell::Cell::new(0_u32);
        let after = |fails: u32, trouble: fn() -> Trouble| {
            tries.set(0);
            let tries = &tries;
            patiently(move || async move {
                tries.set(tries.get().saturating_add(1));
                if tries.get() > fails { Ok(()) } else { Err(trouble()) }
            })
        };
        let limited = || Trouble::RateLimited(Duration::from_millis(1));
        assert!(after(3, limited).await.is_ok());
        assert!(after(4, limited).await.is_err());
        assert_eq!(tries.get(), 4);
        assert!(after(1, || Trouble::Unreachable("broken".to_owned())).await.is_ok());
        assert!(after(1, || Trouble::RateLimited(Duration::from_secs(60))).await.is_err());
        assert!(after(1, || Trouble::UsedUp).await.is_err());
        assert_eq!(tries.get(), 1);
    }
}
