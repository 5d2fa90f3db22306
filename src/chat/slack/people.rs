//! Who somebody is in Slack, as far as that decides whether to listen: asked from Slack, and remembered for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::api::{Api, Trouble};
use super::envelope::Who;
use crate::chat::retry::patiently;
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
pub(super) struct People {
    users: Mutex<HashMap<String, (Instant, Arc<User>)>>,
    conversations: Mutex<HashMap<String, String>>,
}

#[derive(Deserialize)]
struct Info {
    user: User,
}

/// The fields of a user that decide; what is missing counts as no.
#[derive(Debug, Deserialize)]
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
    tz: Option<String>,
    enterprise_user: Option<Enterprise>,
    profile: Option<Profile>,
}

#[derive(Debug, Deserialize)]
struct Enterprise {
    enterprise_id: Option<String>,
    #[serde(default)]
    teams: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Profile {
    email: Option<String>,
}

impl User {
    /// Who this is to our workspace `team`, when Slack says that the person came by way of workspace `from`.
    ///
    /// A user's id means something only together with its workspace: the same id elsewhere can be somebody else. Only
    /// inside one organisation of several workspaces is an id the same person everywhere.
    fn standing(&self, team: &str, from: Option<&str>) -> Standing {
        let ours = self.team_id.as_deref() == Some(team) || self.organisation_has(team);
        let same = from
            .is_none_or(|from| from == team || (self.organisation_has(team) && self.organisation_has(from)));
        if self.is_stranger || !ours || !same {
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

    fn organisation_has(&self, team: &str) -> bool {
        self.enterprise_user.as_ref().is_some_and(|enterprise| {
            enterprise.enterprise_id.as_deref() == Some(team)
                || enterprise.teams.iter().any(|one| one == team)
        })
    }
}

impl People {
    /// Who somebody is to our workspace `team`.
    pub(super) async fn standing(&self, api: &Api, team: &str, who: &Who) -> Result<Standing, Trouble> {
        match self.user(api, &who.user).await? {
            Some(user) => Ok(user.standing(team, who.team.as_deref())),
            None => Ok(Standing::Elsewhere),
        }
    }

    /// The zone that somebody has set in Slack; nothing when it is not known.
    pub(super) async fn zone_of(&self, api: &Api, user: &str) -> Option<chrono_tz::Tz> {
        self.user(api, user).await.ok()??.tz.as_ref()?.parse().ok()
    }

    /// Somebody, as Slack or the memory knows; nothing when there is nobody.
    async fn user(&self, api: &Api, id: &str) -> Result<Option<Arc<User>>, Trouble> {
        if let Some(user) = self.remembered(id) {
            return Ok(Some(user));
        }
        // A crowd that comes at once meets a limit that is over in a moment.
        let asked = [("user", id)];
        let user = match patiently(|| api.get::<Info>("users.info", &asked)).await {
            Ok(info) => Arc::new(info.user),
            Err(Trouble::Refused { code, .. }) if code == "user_not_found" || code == "user_not_visible" => {
                return Ok(None);
            }
            Err(trouble) => return Err(trouble),
        };
        self.remember(id, Arc::clone(&user));
        Ok(Some(user))
    }

    /// The conversation with somebody, which never changes.
    pub(super) fn conversation(&self, user: &str) -> Option<String> {
        self.conversations.lock().unwrap_or_else(PoisonError::into_inner).get(user).cloned()
    }

    pub(super) fn remember_conversation(&self, user: &str, channel: &str) {
        let mut known = self.conversations.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(user.to_owned(), channel.to_owned());
    }

    fn remembered(&self, user: &str) -> Option<Arc<User>> {
        let people = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        people.get(user).filter(|(at, _)| at.elapsed() < REMEMBERED_FOR).map(|(_, user)| Arc::clone(user))
    }

    fn remember(&self, id: &str, user: Arc<User>) {
        let mut people = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if people.len() >= MOST {
            people.retain(|_, (at, _)| at.elapsed() < REMEMBERED_FOR);
        }
        if people.len() >= MOST {
            people.clear();
        }
        people.insert(id.to_owned(), (Instant::now(), user));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(user: serde_json::Value) -> Standing {
        from(user, None)
    }

    fn from(user: serde_json::Value, team: Option<&str>) -> Standing {
        serde_json::from_value::<User>(user).unwrap().standing("T1", team)
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
    }

    #[test]
    fn the_same_id_from_another_workspace_is_somebody_else_unless_it_is_one_organisation() {
        use serde_json::json;
        let alone = json!({"team_id": "T1"});
        assert_eq!(from(alone.clone(), Some("T1")), Standing::Member(None));
        assert_eq!(from(alone, Some("T2")), Standing::Elsewhere);
        let organised =
            json!({"team_id": "T3", "enterprise_user": {"enterprise_id": "E1", "teams": ["T1", "T3"]}});
        for (team, standing) in [
            ("T1", Standing::Member(None)),
            ("T3", Standing::Member(None)),
            ("E1", Standing::Member(None)),
            ("T9", Standing::Elsewhere),
        ] {
            assert_eq!(from(organised.clone(), Some(team)), standing, "{team}");
        }
        let not_here = json!({"team_id": "T3", "enterprise_user": {"enterprise_id": "E1", "teams": ["T3"]}});
        assert_eq!(from(not_here, Some("T3")), Standing::Elsewhere);
    }
}
