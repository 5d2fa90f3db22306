//! People, the identities they are known by, and the roles they have.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::ids::PersonId;

/// A mail address, folded to lower case, with exactly one `@`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(Arc<str>);

/// Why a text is no mail address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a mail address; write it as name@example.org")]
pub struct NotAnAddress(pub String);

impl Address {
    /// Reads an address; surrounding blanks are ignored, letters are folded to lower case.
    ///
    /// # Errors
    /// When there is not exactly one `@` with something on both sides, or when blanks, control characters,
    /// brackets, commas or non-ASCII characters occur.
    pub fn parse(text: &str) -> Result<Self, NotAnAddress> {
        let folded = text.trim().to_ascii_lowercase();
        let fine = |c: char| c.is_ascii_graphic() && !"<>()[],;:\\\"".contains(c);
        match folded.split_once('@') {
            Some((local, domain))
                if !local.is_empty()
                    && domain.contains(|c: char| c.is_ascii_alphanumeric())
                    && !domain.contains('@')
                    && folded.len() <= 254
                    && folded.chars().all(fine) =>
            {
                Ok(Self(folded.into()))
            }
            _ => Err(NotAnAddress(text.to_owned())),
        }
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands after the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }
}

impl TryFrom<String> for Address {
    type Error = NotAnAddress;
    fn try_from(text: String) -> Result<Self, NotAnAddress> {
        Self::parse(&text)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0.as_ref().to_owned()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a person is recognised on one channel. Only ids that never change: no handles, no display names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Identity {
    /// An authenticated mail address.
    Mail(Address),
    /// Slack's team id and user id.
    Slack {
        /// For example `T0123`.
        team: String,
        /// For example `U0456`.
        user: String,
    },
    /// Discord's user id.
    Discord {
        /// A snowflake in decimal.
        user: String,
    },
    /// A login name on the machine patchbot runs on, or the address given with `--as`.
    Terminal {
        /// The login name.
        login: String,
    },
}

impl Identity {
    /// The channel's name in the database and in the audit.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Mail(_) => "mail",
            Self::Slack { .. } => "slack",
            Self::Discord { .. } => "discord",
            Self::Terminal { .. } => "terminal",
        }
    }

    /// The key inside its kind: the address, `team/user`, the user id, the login.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Mail(address) => address.to_string(),
            Self::Slack { team, user } => format!("{team}/{user}"),
            Self::Discord { user } => user.clone(),
            Self::Terminal { login } => login.clone(),
        }
    }

    /// Puts an identity together again from what the database keeps; `None` when the two do not fit.
    #[must_use]
    pub fn from_parts(kind: &str, key: &str) -> Option<Self> {
        match kind {
            "mail" => Address::parse(key).ok().map(Self::Mail),
            "slack" => key
                .split_once('/')
                .map(|(team, user)| Self::Slack { team: team.to_owned(), user: user.to_owned() }),
            "discord" => Some(Self::Discord { user: key.to_owned() }),
            "terminal" => Some(Self::Terminal { login: key.to_owned() }),
            _ => None,
        }
    }
}

/// What somebody may do beyond his own servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees everything, decides nothing.
    Viewer,
    /// Decides about his own servers only. Everybody who owns a server has it.
    Owner,
    /// Plans, watches, handles failures.
    Operator,
    /// Inventory, identities, policy.
    Administrator,
}

impl Role {
    /// The role's name in the database and the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Owner => "owner",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        }
    }
}

/// A role's name that is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a role; use viewer, owner, operator or administrator")]
pub struct NotARole(pub String);

impl FromStr for Role {
    type Err = NotARole;
    fn from_str(text: &str) -> Result<Self, NotARole> {
        match text {
            "viewer" => Ok(Self::Viewer),
            "owner" => Ok(Self::Owner),
            "operator" => Ok(Self::Operator),
            "administrator" => Ok(Self::Administrator),
            _ => Err(NotARole(text.to_owned())),
        }
    }
}

/// Somebody patchbot knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The person's id.
    pub id: PersonId,
    /// How the person is named in notices and in the audit: a name, or the mail address.
    pub name: String,
    /// Where notices go.
    pub mail: Option<Address>,
    /// The zone the person reads times in; the server's zone when unknown.
    pub zone: Option<Tz>,
    /// The role beyond owning servers.
    pub role: Role,
}
