//! The arguments of a call, whether they came as JSON, as a form or in the address.

use super::Refusal;
use axum::Form;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Query};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Request};
use serde_json::{Map, Value};

/// How the arguments came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Address,
    Form,
    Json,
    /// A body that no method takes.
    Other,
}

/// The arguments.
#[derive(Clone, Debug)]
pub(crate) struct Args {
    pub(crate) carrier: Carrier,
    pub(crate) token: Option<String>,
    values: Map<String, Value>,
}

impl Args {
    /// Reads address, headers and body.
    pub(crate) async fn read(parts: &Parts, body: Bytes) -> Result<Self, Refusal> {
        let mut values = Map::new();
        if let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri) {
            values.extend(pairs.into_iter().map(|(name, value)| (name, Value::String(value))));
        }
        let kind = content_type(&parts.headers);
        let carrier = match kind.as_str() {
            _ if body.is_empty() => Carrier::Address,
            "application/json" => {
                match serde_json::from_slice(&body) {
                    Ok(Value::Object(object)) => values.extend(object),
                    Ok(_) => return Err(Refusal::of("json_not_object")),
                    Err(_) => return Err(Refusal::of("invalid_json")),
                }
                Carrier::Json
            }
            "application/x-www-form-urlencoded" => {
                let request = Request::builder()
                    .method("POST")
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(Body::from(body))
                    .map_err(|_| Refusal::of("invalid_form_data"))?;
                let Form(pairs) = Form::<Vec<(String, String)>>::from_request(request, &())
                    .await
                    .map_err(|_| Refusal::of("invalid_form_data"))?;
                values.extend(pairs.into_iter().map(|(name, value)| (name, Value::String(value))));
                Carrier::Form
            }
            _ => Carrier::Other,
        };
        // A token inside a JSON body is not looked at; only forms may carry one.
        let in_form = values.remove("token").filter(|_| carrier != Carrier::Json);
        let token =
            bearer(&parts.headers).or_else(|| in_form.and_then(|token| token.as_str().map(str::to_owned)));
        Ok(Self { carrier, token, values })
    }

    /// Gives an argument that is a word; empty counts as missing.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// Gives an argument that must be there.
    pub(crate) fn needed(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| {
            Refusal::invalid_arguments(&[format!("missing required field: {name} [json-pointer:/{name}]")])
        })
    }

    /// Tells whether an argument is there at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|value| !value.is_null())
    }

    /// Gives a yes-or-no argument.
    pub(crate) fn flag(&self, name: &str) -> bool {
        match self.values.get(name) {
            Some(Value::Bool(yes)) => *yes,
            Some(Value::String(text)) => matches!(text.as_str(), "true" | "1"),
            Some(Value::Number(number)) => number.as_i64() == Some(1),
            _ => false,
        }
    }

    /// Gives a number.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        match self.values.get(name)? {
            Value::Number(number) => number.as_u64().and_then(|number| usize::try_from(number).ok()),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Gives a list of words: an array, or one string with commas.
    pub(crate) fn words(&self, name: &str) -> Vec<String> {
        match self.values.get(name) {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(text)) => {
                text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Gives an argument with structure: an object or array, or the same written as a JSON string.
    pub(crate) fn structure(&self, name: &str) -> Result<Option<Value>, ()> {
        match self.values.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => serde_json::from_str(text).map(Some).map_err(|_| ()),
            Some(value) => Ok(Some(value.clone())),
        }
    }

    /// Gives everything, for the log.
    pub(crate) fn all(&self) -> Value {
        Value::Object(self.values.clone())
    }

    /// Gives a message from outside the Web API the same treatment as arguments.
    pub(crate) fn of(values: Map<String, Value>) -> Self {
        Self { carrier: Carrier::Json, token: None, values }
    }
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ").map(|token| token.trim().to_owned())
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
