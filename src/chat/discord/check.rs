//! Whether Discord can be used: the token, the server, the channels and the permissions in them, each fault by name.

use serde_json::Value;

use super::api::Trouble;
use super::{Inner, PERMISSIONS};
use crate::chat::Checked;
use crate::store::records::Medium;

/// Whoever may this may everything.
const ADMINISTRATOR: u64 = 1 << 3;

pub(super) async fn check(inner: &Inner) -> Checked {
    let mut checked = Checked::default();
    let us = match inner.us().await {
        Ok(us) => us,
        Err(Trouble::Refused { status: 401, .. }) => {
            checked.wrong.push("Discord: the bot's token is not accepted; reset it on the page \"Bot\" of the application, and put the new one into the file of discord.token.".to_owned());
            return checked;
        }
        Err(trouble) => {
            checked.wrong.push(format!(
                "Discord: {} cannot be reached ({}); look at DNS, the firewall and the trust store of this machine. HTTP proxies are not used.",
                inner.api.base(),
                trouble.why()
            ));
            return checked;
        }
    };
    checked
        .fine
        .push(format!("Discord: the token is good; I am {} (application {}).", us.name, us.application));
    let guild = &inner.settings.guild;
    let found = async {
        let server = inner.api.get(&format!("/guilds/{guild}")).await?;
        let roles = inner.api.get(&format!("/guilds/{guild}/roles")).await?;
        let member = inner.api.get(&format!("/guilds/{guild}/members/{}", us.user)).await?;
        Ok::<_, Trouble>((server, roles, member))
    };
    let (server, roles, member) = match found.await {
        Ok(found) => found,
        Err(trouble) => {
            checked.wrong.push(format!(
                "Discord: the bot is not in the server {guild} ({}); invite it with the address that deploy/chat.md shows, or correct discord.guild.",
                trouble.why()
            ));
            return checked;
        }
    };
    let name = server.get("name").and_then(Value::as_str).unwrap_or("without a name");
    checked.fine.push(format!("Discord: I am in the server {name}."));
    let rights = Rights { guild, user: &us.user, roles: &roles, member: &member };
    let places = [
        (
            "ops_channel",
            inner.app.chat.ops().find(|(medium, _)| *medium == Medium::Discord).map(|(_, place)| place),
        ),
        ("windows_channel", inner.app.chat.windows(Medium::Discord)),
    ];
    for (key, place) in places {
        let Some(place) = place.filter(|place| !place.is_empty()) else { continue };
        check_channel(inner, &rights, key, place, &mut checked).await;
    }
    checked
}

async fn check_channel(inner: &Inner, rights: &Rights<'_>, key: &str, place: &str, checked: &mut Checked) {
    let channel = match inner.api.get(&format!("/channels/{place}")).await {
        Ok(channel) => channel,
        Err(Trouble::Refused { code: 50_001, .. }) => {
            checked.wrong.push(format!(
                "Discord: discord.{key} ({place}) lacks the permission View Channels for the bot ({}); add it to the channel.",
                PERMISSIONS.first().map_or("", |(_, _, why)| why)
            ));
            return;
        }
        Err(trouble) => {
            checked.wrong.push(format!(
                "Discord: discord.{key} ({place}) cannot be looked at ({}); it is the channel's id, which \"Copy Channel ID\" in Discord's developer mode gives.",
                trouble.why()
            ));
            return;
        }
    };
    let name = channel.get("name").and_then(Value::as_str).unwrap_or(place);
    let granted = rights.in_channel(&channel);
    let missing: Vec<String> = PERMISSIONS
        .iter()
        .filter(|(_, bit, _)| granted & (1 << bit) == 0)
        .map(|(permission, _, why)| format!("{permission} ({why})"))
        .collect();
    if missing.is_empty() {
        checked.fine.push(format!("Discord: every permission is there in #{name}."));
    } else {
        checked.wrong.push(format!(
            "Discord: in #{name} the bot lacks the permission {}; add it to the bot's role or to the channel.",
            missing.join(", ")
        ));
    }
}

/// What the bot may do, by its roles.
struct Rights<'a> {
    guild: &'a str,
    user: &'a str,
    roles: &'a Value,
    member: &'a Value,
}

fn bits(value: Option<&Value>) -> u64 {
    value.and_then(|bits| bits.as_str()?.parse().ok()).unwrap_or_default()
}

impl Rights<'_> {
    fn has_role(&self, id: &str) -> bool {
        let own = self.member.get("roles").and_then(Value::as_array);
        own.is_some_and(|own| own.iter().any(|role| role.as_str() == Some(id)))
    }

    /// The permissions in a channel: of everybody, of the roles, then what the channel changes.
    fn in_channel(&self, channel: &Value) -> u64 {
        let id = |value: &Value| value.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let all = self.roles.as_array().into_iter().flatten();
        // The role of everybody has the id of the server.
        let base = all
            .filter(|role| id(role) == self.guild || self.has_role(&id(role)))
            .fold(0, |sum, role| sum | bits(role.get("permissions")));
        if base & ADMINISTRATOR != 0 {
            return u64::MAX;
        }
        let changes: Vec<&Value> =
            channel.get("permission_overwrites").and_then(Value::as_array).into_iter().flatten().collect();
        let apply = |granted: u64, of: &[&Value]| {
            let deny = of.iter().fold(0, |sum, change| sum | bits(change.get("deny")));
            let allow = of.iter().fold(0, |sum, change| sum | bits(change.get("allow")));
            (granted & !deny) | allow
        };
        let of = |wanted: &dyn Fn(&str) -> bool| -> Vec<&Value> {
            changes.iter().copied().filter(|change| wanted(&id(change))).collect()
        };
        let granted = apply(base, &of(&|id| id == self.guild));
        let granted = apply(granted, &of(&|id| id != self.guild && self.has_role(id)));
        apply(granted, &of(&|id| id == self.user))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn permissions_are_those_of_everybody_of_the_roles_and_of_the_channel() {
        let roles = json!([{"id": "9", "permissions": "1024"}, {"id": "5", "permissions": "2048"},
            {"id": "6", "permissions": "8"}]);
        let member = json!({"roles": ["5"]});
        let rights = Rights { guild: "9", user: "1", roles: &roles, member: &member };
        assert_eq!(rights.in_channel(&json!({})), 1024 | 2048);
        let closed = json!({"permission_overwrites": [{"id": "9", "deny": "1024", "allow": "0"},
            {"id": "1", "deny": "0", "allow": "32768"}]});
        assert_eq!(rights.in_channel(&closed), 2048 | 32_768);
        let member = json!({"roles": ["6"]});
        let all = Rights { guild: "9", user: "1", roles: &roles, member: &member };
        assert_eq!(all.in_channel(&closed), u64::MAX);
    }
}
