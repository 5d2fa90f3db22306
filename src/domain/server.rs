//! Servers of the inventory, and who owns them.

use std::fmt;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::attributes::Attributes;
use super::filter::same_heading;
use super::ids::{PersonId, ServerId};
use super::policy::RebootRule;

/// What an owner is to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rank {
    /// Gets the notices and answers them.
    Primary,
    /// Stands in.
    Secondary,
}

impl Rank {
    /// The rank's name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        }
    }

    /// Reads a rank's name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Primary, Self::Secondary].into_iter().find(|rank| rank.as_str() == name)
    }
}

/// One owner of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ownership {
    /// The owner.
    pub person: PersonId,
    /// First or second.
    pub rank: Rank,
}

/// How a server is reached by SSH.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reach {
    /// An address or name to connect to; the server's name when absent.
    pub address: Option<String>,
    /// The port, when it is not the configured one.
    pub port: Option<u16>,
    /// The login, when it is not the configured one.
    pub user: Option<String>,
    /// The server to jump through.
    pub jump: Option<String>,
}

/// A server of the inventory.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// Its id.
    pub id: ServerId,
    /// Its name, folded to lower case, as owners type it.
    pub name: String,
    /// Its declared zone, in which windows are walls' times.
    pub zone: Tz,
    /// Its host group, as the inventory writes it.
    pub host_group: Option<String>,
    /// Development, production …
    pub environment: Option<String>,
    /// As the inventory writes it.
    pub operating_system: Option<String>,
    /// How it is reached.
    pub reach: Reach,
    /// The public host key pinned when it was enrolled, in OpenSSH's one-line form.
    pub host_key: Option<String>,
    /// Its own reboot rule, when it has one.
    pub reboot: Option<RebootRule>,
    /// Every other column of the inventory, by its heading as first seen.
    pub attributes: Attributes,
    /// Whether it is still in the inventory.
    pub active: bool,
    /// Counts the changes of this row.
    pub version: i64,
}

impl Server {
    /// The value of a column that the inventory has besides the known ones, by any of its headings.
    fn attribute(&self, names: &[&str]) -> Option<&str> {
        let named = |heading: &str| names.iter().any(|name| same_heading(heading, name));
        let mut all = self.attributes.iter();
        all.find(|(heading, value)| named(heading) && !value.trim().is_empty()).map(|(_, value)| value.trim())
    }

    /// The service it is a member of: the inventory's column `service`, `application` or `cluster`.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.attribute(&["service", "servicename", "application", "cluster"])
    }

    /// Its role in the service: the inventory's column `role` or `service_role`.
    #[must_use]
    pub fn role(&self) -> Option<&str> {
        self.attribute(&["role", "servicerole"])
    }

    /// The host group as the rules name it; empty when it has none.
    #[must_use]
    pub fn group_key(&self) -> String {
        self.host_group.as_deref().unwrap_or_default().trim().to_lowercase()
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
