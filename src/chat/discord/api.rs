//! The calls of Discord's Web API: each with a timeout, each failure told apart by what to do about it.

use std::time::Duration;

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::Value;

use super::{NotUsable, Settings};
use crate::chat::Undelivered;
use crate::chat::retry::{Passes, Passing};
use crate::chat::screen::Picture;
use crate::config::secret::Secret;

/// How long to wait when Discord limits the rate and does not say for how long.
const UNSAID_WAIT: Duration = Duration::from_secs(30);
/// The interaction was acknowledged before.
pub(super) const ACKNOWLEDGED_BEFORE: i64 = 40_060;
/// The person takes no direct messages from the app.
pub(super) const CLOSED_TO_US: i64 = 50_007;

/// The Web API with the bot's token.
pub(super) struct Api {
    client: reqwest::Client,
    token: Secret,
    timeout: Duration,
    /// `https://discord.com`, without a slash behind it.
    base: String,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("base", &self.base).finish_non_exhaustive()
    }
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Discord refused it.
    Refused {
        /// The HTTP status.
        status: u16,
        /// Discord's own code; 0 when there is none.
        code: i64,
        /// Discord's sentence.
        message: String,
    },
    /// Discord limits the rate.
    RateLimited(Duration),
    /// No answer that could be read came back.
    Unreachable(String),
}

impl Api {
    pub(super) fn new(settings: &Settings) -> Result<Self, NotUsable> {
        let base = settings.api_url.trim_end_matches('/').to_owned();
        if reqwest::Url::parse(&base).is_err() || !base.starts_with("http") {
            return Err(NotUsable::Url(settings.api_url.clone()));
        }
        let client = reqwest::Client::builder()
            .user_agent(concat!("DiscordBot (patchbot, ", env!("CARGO_PKG_VERSION"), ")"))
            .timeout(settings.timeout)
            .build()
            .map_err(|error| NotUsable::TrustStore(error.to_string()))?;
        Ok(Self { client, token: settings.token.clone(), timeout: settings.timeout, base })
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Trouble> {
        self.call(Method::GET, path, None, None).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Trouble> {
        self.call(Method::POST, path, Some(body), None).await
    }

    pub(super) async fn patch(&self, path: &str, body: &Value) -> Result<Value, Trouble> {
        self.call(Method::PATCH, path, Some(body), None).await
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> Result<Value, Trouble> {
        self.call(Method::PUT, path, Some(body), None).await
    }

    /// Posts a message with a picture.
    pub(super) async fn post_picture(
        &self,
        path: &str,
        body: &Value,
        picture: &Picture,
    ) -> Result<Value, Trouble> {
        self.call(Method::POST, path, Some(body), Some(picture)).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        picture: Option<&Picture>,
    ) -> Result<Value, Trouble> {
        let mut request = self
            .client
            .request(method, format!("{}/api/v10{path}", self.base))
            .header("Authorization", format!("Bot {}", self.token.expose()));
        request = match (body, picture) {
            (Some(body), Some(picture)) => {
                let file = Part::bytes(picture.png.clone())
                    .file_name(picture.name.clone())
                    .mime_str("image/png")
                    .map_err(|error| Trouble::Unreachable(error.to_string()))?;
                request.multipart(Form::new().text("payload_json", body.to_string()).part("files[0]", file))
            }
            (Some(body), None) => request.json(body),
            (None, _) => request,
        };
        let answer = request.send().await.map_err(|error| self.unreachable(error))?;
        let status = answer.status().as_u16();
        let after =
            answer.headers().get("retry-after").and_then(|after| after.to_str().ok()?.parse::<f64>().ok());
        let text = answer.text().await.map_err(|error| self.unreachable(error))?;
        let read: Value = serde_json::from_str(&text).unwrap_or_default();
        match status {
            200..=299 => Ok(read),
            429 => {
                let after = read.get("retry_after").and_then(Value::as_f64).or(after);
                let after = after.and_then(|after| Duration::try_from_secs_f64(after).ok());
                Err(Trouble::RateLimited(after.unwrap_or(UNSAID_WAIT)))
            }
            500..=599 => Err(Trouble::Unreachable(format!("HTTP status {status}"))),
            _ => Err(Trouble::Refused {
                status,
                code: read.get("code").and_then(Value::as_i64).unwrap_or_default(),
                message: read.get("message").and_then(Value::as_str).unwrap_or("no reason given").to_owned(),
            }),
        }
    }

    /// The library's words name the address, and that of an answer is a secret.
    fn unreachable(&self, error: reqwest::Error) -> Trouble {
        if error.is_timeout() {
            return Trouble::Unreachable(format!("no answer within {} s", self.timeout.as_secs_f32()));
        }
        let error = error.without_url();
        let mut cause: &dyn std::error::Error = &error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        Trouble::Unreachable(cause.to_string())
    }
}

impl Trouble {
    /// What the outbox has to know; `place` is where the message was to go.
    pub(super) fn undelivered(self, place: &str) -> Undelivered {
        match self {
            Self::RateLimited(after) => Undelivered::RateLimited { after },
            Self::Unreachable(why) => Undelivered::Transient(format!("Discord could not be reached: {why}")),
            // Whoever mends the token wants to see what was held up meanwhile.
            Self::Refused { status: 401, .. } => {
                Undelivered::Transient("Discord does not accept the bot's token".to_owned())
            }
            Self::Refused { code: 10_008 | 10_003, .. } if place.is_empty() => Undelivered::Gone,
            Self::Refused { code: 10_008, .. } => Undelivered::Gone,
            Self::Refused { code: 10_003, .. } => Undelivered::Permanent(format!(
                "Discord knows no channel {place}: check its id in the configuration"
            )),
            Self::Refused { code: 50_001 | 50_013, .. } => Undelivered::Permanent(format!(
                "the bot may not write to the channel {place}; patchbot doctor names the permission that is missing"
            )),
            Self::Refused { code: CLOSED_TO_US, .. } => {
                Undelivered::Permanent(format!("{place} takes no direct messages from the bot"))
            }
            Self::Refused { code, message, .. } => {
                Undelivered::Permanent(format!("Discord refused the message for {place} ({code}: {message})"))
            }
        }
    }

    /// How long Discord asked to be left alone, when it did.
    pub(super) fn asked_to_wait(&self) -> Option<Duration> {
        match self {
            Self::RateLimited(after) => Some(*after),
            Self::Refused { .. } | Self::Unreachable(_) => None,
        }
    }

    /// Discord's own code.
    pub(super) fn code(&self) -> i64 {
        match self {
            Self::Refused { code, .. } => *code,
            Self::RateLimited(_) | Self::Unreachable(_) => 0,
        }
    }

    /// In a few words, for sentences and the log.
    pub(super) fn why(&self) -> String {
        match self {
            Self::Refused { status, code: 0, message } => format!("HTTP status {status}: {message}"),
            Self::Refused { code, message, .. } => format!("{code}: {message}"),
            Self::RateLimited(after) => format!("rate limited for {} s", after.as_secs()),
            Self::Unreachable(why) => why.clone(),
        }
    }
}

impl Passing for Trouble {
    fn passes(&self) -> Option<Passes> {
        match self {
            Self::RateLimited(after) => Some(Passes::After(*after)),
            Self::Unreachable(_) => Some(Passes::Sometime),
            Self::Refused { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_apart_by_what_to_do_about_them() {
        let told = |status, code| {
            Trouble::Refused { status, code, message: "No".to_owned() }.undelivered("123").to_string()
        };
        insta::assert_snapshot!(told(401, 0), @"Discord does not accept the bot's token");
        insta::assert_snapshot!(told(404, 10_003), @"Discord knows no channel 123: check its id in the configuration");
        insta::assert_snapshot!(told(404, 10_008), @"the message is gone");
        insta::assert_snapshot!(told(403, 50_013), @"the bot may not write to the channel 123; patchbot doctor names the permission that is missing");
        insta::assert_snapshot!(told(400, 50_035), @"Discord refused the message for 123 (50035: No)");
        let limited = Trouble::RateLimited(Duration::from_millis(1_500)).undelivered("123");
        assert_eq!(limited, Undelivered::RateLimited { after: Duration::from_millis(1_500) });
    }
}
