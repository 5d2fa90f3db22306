//! Who somebody is in Slack, as far as that decides whether to listen: asked from Slack, and remembered for a while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::api::{Api, Trouble};
use crate::domain::person::Address;

/// A guest, or somebody who left, is told apart at the latest after this.
const REMEMBERED_FOR: Duration = Duration::from_secs(600);
/// So many people are remembered.
const MOST: usize = 2_000;

/// Whether somebody is listened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// A full member of the workspace, with the address that Slack has confirmed.
    Member(Option<Address>),
    /// Somebody from another workspace.
    Elsewhere,
    /// A guest, who was let in for something else.
    Guest,
    /// An account that was taken away.
    Deactivated,
    /// A program.
    Bot,
}

/// What is remembered of people.
#[derive(Debug, Default)]
pub(super) struct People(Mutex<HashMap<String, (Instant, Standing)>>);

#[derive(Deserialize)]
struct Info {
    user: User,
}

/// The fields of a user that decide; what is missing counts as no.
#[derive(Deserialize)]
struct User {
    team_id: Option<String>,
    #[serde(default)]
    deleted: bool,
    #[serde(default)]
    is_bot: bool,
    #[serde(default)]
    is_workflow_bot: bool,
    #[serde(default)]
    is_restricted: bool,
    #[serde(default)]
    is_ultra_restricted: bool,
    #[serde(default)]
    is_stranger: bool,
    #[serde(default)]
    is_email_confirmed: bool,
    enterprise_user: Option<Enterprise>,
    profile: Option<Profile>,
}

#[derive(Deserialize)]
struct Enterprise {
    #[serde(default)]
    teams: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    email: Option<String>,
}

impl User {
    fn standing(&self, team: &str) -> Standing {
        // In an organisation of several workspaces a person belongs to all that are named.
        let organised =
            self.enterprise_user.as_ref().is_some_and(|user| user.teams.iter().any(|one| one == team));
        if self.is_stranger || (self.team_id.as_deref() != Some(team) && !organised) {
            Standing::Elsewhere
        } else if self.deleted {
            Standing::Deactivated
        } else if self.is_bot || self.is_workflow_bot {
            Standing::Bot
        } else if self.is_restricted || self.is_ultra_restricted {
            Standing::Guest
        } else {
            let mail = self.profile.as_ref().and_then(|profile| profile.email.as_deref());
            Standing::Member(
                mail.filter(|_| self.is_email_confirmed).and_then(|mail| Address::parse(mail).ok()),
            )
        }
    }
}

impl People {
    /// Who somebody is in this workspace.
    pub(super) async fn standing(&self, api: &Api, team: &str, user: &str) -> Result<Standing, Trouble> {
        if let Some(standing) = self.remembered(user) {
            return Ok(standing);
        }
        let info: Info = api.get("users.info", &[("user", user)]).await?;
        let standing = info.user.standing(team);
        self.remember(user, standing.clone());
        Ok(standing)
    }

    fn remembered(&self, user: &str) -> Option<Standing> {
        let people = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        people.get(user).filter(|(at, _)| at.elapsed() < REMEMBERED_FOR).map(|(_, standing)| standing.clone())
    }

    fn remember(&self, user: &str, standing: Standing) {
        let mut people = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if people.len() >= MOST {
            people.retain(|_, (at, _)| at.elapsed() < REMEMBERED_FOR);
        }
        if people.len() >= MOST {
            people.clear();
        }
        people.insert(user.to_owned(), (Instant::now(), standing));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(user: serde_json::Value) -> Standing {
        serde_json::from_value::<User>(user).unwrap().standing("T1")
    }

    #[test]
    fn only_full_members_are_listened_to_and_only_confirmed_addresses_count() {
        use serde_json::json;
        let mail = json!({"email": "Ada@owners.test"});
        let ada = Standing::Member(Some(Address::parse("ada@owners.test").unwrap()));
        assert_eq!(standing(json!({"team_id": "T1", "is_email_confirmed": true, "profile": mail})), ada);
        let unconfirmed = json!({"team_id": "T1", "is_email_confirmed": false, "profile": mail});
        assert_eq!(standing(unconfirmed), Standing::Member(None));
        assert_eq!(standing(json!({"team_id": "T1", "profile": mail})), Standing::Member(None), "not said");
        assert_eq!(standing(json!({"team_id": "T1"})), Standing::Member(None));
        assert_eq!(standing(json!({"team_id": "T2"})), Standing::Elsewhere);
        assert_eq!(standing(json!({})), Standing::Elsewhere);
        assert_eq!(standing(json!({"team_id": "T1", "is_stranger": true})), Standing::Elsewhere);
        assert_eq!(standing(json!({"team_id": "T1", "deleted": true})), Standing::Deactivated);
        assert_eq!(standing(json!({"team_id": "T1", "is_bot": true})), Standing::Bot);
        assert_eq!(standing(json!({"team_id": "T1", "is_restricted": true})), Standing::Guest);
        assert_eq!(standing(json!({"team_id": "T1", "is_ultra_restricted": true})), Standing::Guest);
        let organised = json!({"team_id": "E1", "enterprise_user": {"teams": ["T1", "T3"]}});
        assert_eq!(standing(organised), Standing::Member(None));
    }
}
