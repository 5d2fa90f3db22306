//! Secrets: read from a file or the environment, never shown, never logged.

use std::fmt;
use std::path::PathBuf;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

/// A password or token. Its `Debug` says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret that was read.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one call that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where a secret lies: `{ file = "/etc/patching/smtp.password" }` or `{ env = "PATCHBOT_SMTP_PASSWORD" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A file whose content, without the newline at its end, is the secret.
    File(PathBuf),
    /// The name of an environment variable.
    Env(String),
}

/// What is said of a secret that stands in the configuration itself, without repeating it.
const IN_THE_OPEN: &str = "a secret does not stand in the configuration itself; put it into a file that the service user alone \
                           can read, and write { file = \"/etc/patching/…\" }, or { env = \"NAME\" } for a variable of the service";

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase", deny_unknown_fields)]
        enum Named {
            File(PathBuf),
            Env(String),
        }
        /// Whatever is no table could be the secret, and errors of the library would repeat it.
        struct Table;
        impl<'de> Visitor<'de> for Table {
            type Value = SecretSource;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("{ file = \"/etc/patching/…\" } or { env = \"NAME\" }")
            }
            fn visit_str<E: de::Error>(self, _: &str) -> Result<SecretSource, E> {
                Err(E::custom(IN_THE_OPEN))
            }
            fn visit_i64<E: de::Error>(self, _: i64) -> Result<SecretSource, E> {
                Err(E::custom(IN_THE_OPEN))
            }
            fn visit_u64<E: de::Error>(self, _: u64) -> Result<SecretSource, E> {
                Err(E::custom(IN_THE_OPEN))
            }
            fn visit_f64<E: de::Error>(self, _: f64) -> Result<SecretSource, E> {
                Err(E::custom(IN_THE_OPEN))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<SecretSource, A::Error> {
                Ok(match Named::deserialize(de::value::MapAccessDeserializer::new(map))? {
                    Named::File(path) => SecretSource::File(path),
                    Named::Env(name) => SecretSource::Env(name),
                })
            }
        }
        deserializer.deserialize_any(Table)
    }
}

/// A secret that cannot be read, with the way out.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("the secret file {path} cannot be read ({why}); create it, readable by the service user only", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// The variable is not set.
    #[error("the environment variable {0} is not set; set it for the service, or use {{ file = … }}")]
    Env(String),
    /// It is there, and empty.
    #[error("the secret from {0} is empty; write the secret into it")]
    Empty(String),
}

impl SecretSource {
    /// Reads the secret.
    ///
    /// # Errors
    /// When the file or variable is missing or empty.
    #[expect(
        clippy::disallowed_methods,
        reason = "configuration is the one place that reads the environment"
    )]
    pub fn read(&self) -> Result<Secret, SecretError> {
        let (text, place) = match self {
            Self::File(path) => (
                std::fs::read_to_string(path).map_err(|why| SecretError::File { path: path.clone(), why })?,
                path.display().to_string(),
            ),
            Self::Env(name) => {
                (std::env::var(name).map_err(|_| SecretError::Env(name.clone()))?, name.clone())
            }
        };
        let secret = text.trim_end_matches(['\r', '\n']);
        if secret.is_empty() { Err(SecretError::Empty(place)) } else { Ok(Secret::new(secret)) }
    }
}
