//! People: they type commands, click, choose, fill in forms, and read what comes back.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::message::Seen;
use super::state::{Channel, Interaction};
use super::{ACKNOWLEDGED_WITHIN, APPLICATION, BOT, Discord, GUILD};

/// Somebody with an account.
#[derive(Debug, Clone)]
pub struct Member {
    pub(crate) discord: Discord,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) is_member: bool,
}

/// Something done that wants an answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    discord: Discord,
    id: String,
    member: Member,
}

/// A form that was opened.
#[derive(Debug, Clone)]
pub struct Modal {
    data: Value,
    exchange: Exchange,
}

impl Member {
    /// The account's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The same account under another name.
    #[must_use]
    pub fn renamed(&self, name: &str) -> Self {
        self.discord.shared.with(|state| {
            if let Some(known) = state.members.get_mut(&self.id) {
                name.clone_into(known);
            }
        });
        Self { name: name.to_owned(), ..self.clone() }
    }

    /// The same before he has accepted the rules of the guild.
    #[must_use]
    pub fn before_the_rules(self) -> Self {
        self.discord.shared.with(|state| state.pending.insert(self.id.clone()));
        self
    }

    /// He accepts the rules of the guild.
    pub fn accepts_the_rules(&self) {
        self.discord.shared.with(|state| state.pending.remove(&self.id));
    }

    fn user(&self) -> Value {
        json!({"id": self.id, "username": self.name, "discriminator": "0", "avatar": null, "global_name": null})
    }

    fn interacts(
        &self,
        kind: u64,
        what: &str,
        channel: &str,
        data: &Value,
        message: Option<&Seen>,
    ) -> Exchange {
        let pending = self.discord.shared.look(|state| state.pending.contains(&self.id));
        let (id, token) = self.discord.shared.with(|state| {
            let id = state.next_id();
            let token = format!("token-of-{id}");
            let interaction = Interaction {
                token: token.clone(),
                what: format!("{what} by {}", self.name),
                channel: channel.to_owned(),
                message: message.map(|seen| seen.id.clone()),
                begun: Instant::now(),
                first: None,
                given_up: false,
                brought: false,
                answers: Vec::new(),
                modal: None,
                choices: None,
            };
            state.interactions.insert(id.clone(), interaction);
            (id, token)
        });
        let mut event = json!({
            "id": id, "application_id": APPLICATION, "type": kind, "token": token, "version": 1,
            "channel_id": channel, "data": data, "locale": "en-GB", "app_permissions": "0",
            "entitlements": [], "attachment_size_limit": 10_485_760, "authorizing_integration_owners": {},
        });
        if let Some(event) = event.as_object_mut() {
            if self.is_member {
                event.insert("guild_id".to_owned(), json!(GUILD));
                event.insert(
                    "member".to_owned(),
                    json!({"user": self.user(), "roles": [], "joined_at": "2026-01-01T00:00:00Z", "deaf": false,
                        "mute": false, "flags": 0, "pending": pending, "permissions": "0", "nick": null,
                        "avatar": null, "premium_since": null, "communication_disabled_until": null}),
                );
            } else {
                event.insert("user".to_owned(), self.user());
            }
            if let Some(seen) = message {
                event.insert("message".to_owned(), written(seen));
            }
        }
        self.discord.shared.dispatch("INTERACTION_CREATE", &event);
        Exchange { discord: self.discord.clone(), id, member: self.clone() }
    }

    /// Chooses a subcommand of `/patch` and fills in its options.
    ///
    /// # Errors
    /// When it, or an option, is not registered.
    pub fn patch(&self, channel: &str, name: &str, options: &[(&str, &str)]) -> anyhow::Result<Exchange> {
        let data = self.data(name, options, None)?;
        Ok(self.interacts(2, &format!("/patch {name}"), channel, &data, None))
    }

    /// Types into an option, and reads what is suggested: what is shown, and what it stands for.
    ///
    /// # Errors
    /// When it is not registered, or nothing comes back.
    pub async fn types(
        &self,
        channel: &str,
        name: &str,
        options: &[(&str, &str)],
        typed: (&str, &str),
    ) -> anyhow::Result<Vec<(String, String)>> {
        let mut all = options.to_vec();
        all.push(typed);
        let data = self.data(name, &all, Some(typed.0))?;
        let exchange = self.interacts(4, &format!("typing {name}"), channel, &data, None);
        exchange.wait(|known| known.choices.is_some()).await?;
        let choices = exchange.look(|known| known.choices.clone())?.unwrap_or_default();
        let word =
            |one: &Value, name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(choices
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| (word(one, "name"), word(one, "value")))
            .collect())
    }

    fn data(&self, name: &str, options: &[(&str, &str)], focused: Option<&str>) -> anyhow::Result<Value> {
        let commands = self.discord.commands();
        let named = |all: &Value, name: &str| -> Option<Value> {
            all.get("options")?
                .as_array()?
                .iter()
                .find(|one| one.get("name").and_then(Value::as_str) == Some(name))
                .cloned()
        };
        let command = commands.get(0).context("no command is registered")?;
        let direct = named(command, name).map(|found| (found, None));
        let in_group = || {
            ["me", "ops"].iter().find_map(|group| Some((named(&named(command, group)?, name)?, Some(*group))))
        };
        let (sub, group) = direct.or_else(in_group).with_context(|| format!("{name} is not registered"))?;
        let mut filled = Vec::new();
        for (option, value) in options {
            let registered = named(&sub, option).with_context(|| format!("{name} has no option {option}"))?;
            let kind = registered.get("type").and_then(Value::as_u64).unwrap_or_default();
            let value = if kind == 5 { json!(*value == "true") } else { json!(value) };
            let mut option = json!({"name": option, "type": kind, "value": value});
            if focused == option.get("name").and_then(Value::as_str)
                && let Some(option) = option.as_object_mut()
            {
                option.insert("focused".to_owned(), json!(true));
            }
            filled.push(option);
        }
        let mut inner = json!({"type": 1, "name": name, "options": filled});
        if let Some(group) = group {
            inner = json!({"type": 2, "name": group, "options": [inner]});
        }
        Ok(json!({"id": "100000000000000009", "name": "patch", "type": 1, "options": [inner]}))
    }

    /// Clicks a button.
    ///
    /// # Errors
    /// When there is no such button.
    pub fn clicks(&self, on: &Seen, label: &str) -> anyhow::Result<Exchange> {
        let on = self.discord.message(&on.id).unwrap_or_else(|| on.clone());
        let button =
            on.components().into_iter().find(|one| one.get("label").and_then(Value::as_str) == Some(label));
        let custom = button.and_then(|button| button.get("custom_id")?.as_str());
        let custom = custom.with_context(|| format!("no button {label} on: {}", on.as_text()))?.to_owned();
        Ok(self.clicks_on(&on, &custom))
    }

    /// Clicks what a message held once, whatever it holds now.
    #[must_use]
    pub fn clicks_on(&self, on: &Seen, custom: &str) -> Exchange {
        let data = json!({"component_type": 2, "custom_id": custom});
        self.interacts(3, &format!("a click on {custom}"), &on.channel, &data, Some(on))
    }

    /// Chooses from a list.
    ///
    /// # Errors
    /// When nothing in a list is called so.
    pub fn chooses(&self, on: &Seen, label: &str) -> anyhow::Result<Exchange> {
        let found = on.components().into_iter().find_map(|list| {
            let options = list.get("options")?.as_array()?;
            let option =
                options.iter().find(|one| one.get("label").and_then(Value::as_str) == Some(label))?;
            Some((list.get("custom_id")?.clone(), option.get("value")?.clone()))
        });
        let (custom, value) = found.with_context(|| format!("no choice {label} on: {}", on.as_text()))?;
        let data = json!({"component_type": 3, "custom_id": custom, "values": [value]});
        Ok(self.interacts(3, &format!("a choice of {label}"), &on.channel, &data, Some(on)))
    }

    /// The conversation with the bot.
    #[must_use]
    pub fn conversation(&self) -> String {
        self.discord.shared.with(|state| {
            let known = state.channels.iter().find(|(_, channel)| channel.with.as_ref() == Some(&self.id));
            if let Some((id, _)) = known {
                return id.clone();
            }
            let id = state.next_id();
            let channel = Channel {
                name: format!("@{}", self.name),
                with: Some(self.id.clone()),
                ..Channel::default()
            };
            state.channels.insert(id.clone(), channel);
            id
        })
    }

    /// Writes a message; in a channel only what mentions the bot arrives with its words.
    #[must_use]
    pub fn writes(&self, channel: &str, text: &str, below: Option<&Seen>) -> String {
        let direct = self
            .discord
            .shared
            .with(|state| state.channels.get(channel).is_some_and(|channel| channel.with.is_some()));
        let mentioned = text.contains(&format!("<@{BOT}>"));
        let content = if direct || mentioned { text } else { "" };
        let id = self.discord.shared.with(super::state::State::next_id);
        let mut event = json!({
            "id": id, "channel_id": channel, "author": self.user(), "content": content, "type": 0,
            "timestamp": "2026-11-25T09:00:00Z", "edited_timestamp": null, "tts": false, "mention_everyone": false,
            "mentions": [], "mention_roles": [], "attachments": [], "embeds": [], "pinned": false, "components": [],
        });
        if let Some(event) = event.as_object_mut() {
            if !direct {
                event.insert("guild_id".to_owned(), json!(GUILD));
            }
            if let Some(below) = below {
                event.insert("type".to_owned(), json!(19));
                event.insert(
                    "message_reference".to_owned(),
                    json!({"message_id": below.id, "channel_id": below.channel}),
                );
            }
        }
        self.discord.shared.dispatch("MESSAGE_CREATE", &event);
        id
    }
}

/// A message as it comes with a click.
fn written(seen: &Seen) -> Value {
    let part = |name: &str| seen.body.get(name).cloned().unwrap_or_else(|| json!([]));
    json!({
        "id": seen.id, "channel_id": seen.channel, "type": 0, "content": seen.body.get("content"),
        "author": {"id": BOT, "username": "patchbot", "discriminator": "0", "bot": true, "avatar": null},
        "timestamp": "2026-11-25T09:00:00Z", "edited_timestamp": null, "tts": false, "mention_everyone": false,
        "mentions": [], "mention_roles": [], "attachments": [], "embeds": [], "pinned": false,
        "components": part("components"), "flags": if seen.only_one { 64 } else { 0 },
    })
}

impl Exchange {
    async fn wait(&self, until: impl Fn(&Interaction) -> bool) -> anyhow::Result<()> {
        let waited = self.discord.wait(|state| state.interactions.get(&self.id).is_some_and(&until)).await;
        waited.with_context(|| format!("{} was not answered", self.what()))
    }

    fn look<T>(&self, look: impl FnOnce(&Interaction) -> T) -> anyhow::Result<T> {
        self.discord
            .shared
            .look(|state| state.interactions.get(&self.id).map(look))
            .context("it is not there")
    }

    fn what(&self) -> String {
        self.look(|known| known.what.clone()).unwrap_or_default()
    }

    /// The answer, as the one who asked sees it.
    ///
    /// # Errors
    /// When none comes.
    pub async fn answer(&self) -> anyhow::Result<Seen> {
        self.wait(|known| !known.answers.is_empty()).await?;
        self.look(|known| known.answers.first().cloned())?.context("the answer is gone")
    }

    /// Everything that was answered so far.
    ///
    /// # Errors
    /// When the exchange is not known.
    pub fn answers(&self) -> anyhow::Result<Vec<Seen>> {
        self.look(|known| known.answers.clone())
    }

    /// Waits for a picture.
    ///
    /// # Errors
    /// When none comes.
    pub async fn picture(&self) -> anyhow::Result<Seen> {
        self.wait(|known| known.answers.iter().any(|answer| !answer.files.is_empty())).await?;
        let picture = self.look(|known| known.answers.iter().find(|one| !one.files.is_empty()).cloned())?;
        picture.context("the picture is gone")
    }

    /// The form that is opened.
    ///
    /// # Errors
    /// When something else comes, or nothing.
    pub async fn form(&self) -> anyhow::Result<Modal> {
        self.wait(Interaction::is_answered).await?;
        match self.look(|known| known.modal.clone())? {
            Some(data) => Ok(Modal { data, exchange: self.clone() }),
            None => {
                bail!("no form, but: {:?}", self.answers()?.iter().map(Seen::as_text).collect::<Vec<_>>())
            }
        }
    }

    /// Waits until it is acknowledged; `false` when that takes longer than Discord waits. Then the person sees an error
    /// of Discord's, and the bot owes nothing any more.
    pub async fn is_heard(&self) -> bool {
        let begun = self.look(|known| known.begun).unwrap_or_else(|_| Instant::now());
        let left = ACKNOWLEDGED_WITHIN.saturating_sub(begun.elapsed());
        let _heard = tokio::time::timeout(left, self.wait(|known| known.first.is_some())).await;
        self.discord.shared.with(|state| {
            state.interactions.get_mut(&self.id).is_some_and(|known| {
                known.given_up = known.first.is_none();
                !known.given_up
            })
        })
    }

    /// How long it took to be acknowledged.
    #[must_use]
    pub fn acked_in(&self) -> Option<Duration> {
        self.look(|known| known.first.map(|(_, took)| took)).ok().flatten()
    }

    /// Discord hands it over once more.
    pub fn comes_again(&self) {
        let again = self.discord.shared.look(|state| {
            let is_it =
                |event: &&Value| event.pointer("/d/id").and_then(Value::as_str) == Some(self.id.as_str());
            state.events.iter().find(is_it).and_then(|event| event.get("d").cloned())
        });
        if let Some(again) = again {
            self.discord.shared.dispatch("INTERACTION_CREATE", &again);
        }
    }
}

impl Modal {
    /// What stands on it: the title, the fields with what they hint at.
    #[must_use]
    pub fn as_text(&self) -> String {
        let word = |value: &Value, name: &str| {
            value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let mut lines = vec![word(&self.data, "title")];
        for field in self.fields() {
            let needed = field.get("required").and_then(Value::as_bool) == Some(true);
            let mut line = format!("{}{}", word(field, "label"), if needed { " *" } else { "" });
            for (name, mark) in [("placeholder", "…"), ("value", "=")] {
                let held = word(field, name);
                if !held.is_empty() {
                    line.push_str(&format!(" {mark} {held}"));
                }
            }
            lines.push(line);
        }
        lines.join("\n")
    }

    fn fields(&self) -> Vec<&Value> {
        let rows = self.data.get("components").and_then(Value::as_array).into_iter().flatten();
        rows.filter_map(|row| row.pointer("/components/0")).collect()
    }

    /// Fills in and sends.
    ///
    /// # Errors
    /// When there is no such field.
    pub fn sends(&self, filled: &[(&str, &str)]) -> anyhow::Result<Exchange> {
        for (label, _) in filled {
            let known =
                self.fields().iter().any(|field| field.get("label").and_then(Value::as_str) == Some(label));
            if !known {
                bail!("no field {label} in: {}", self.as_text());
            }
        }
        let rows: Vec<Value> = self
            .fields()
            .into_iter()
            .map(|field| {
                let label = field.get("label").and_then(Value::as_str).unwrap_or_default();
                let typed = filled.iter().find(|(other, _)| *other == label).map(|(_, value)| *value);
                let held = field.get("value").and_then(Value::as_str);
                let value = typed.or(held).unwrap_or_default();
                json!({"type": 1, "components": [{"type": 4, "custom_id": field.get("custom_id"), "value": value}]})
            })
            .collect();
        let data = json!({"custom_id": self.data.get("custom_id"), "components": rows});
        let exchange = &self.exchange;
        let (channel, message) = exchange.look(|known| (known.channel.clone(), known.message.clone()))?;
        let seen = message.and_then(|id| exchange.discord.message(&id));
        Ok(exchange.member.interacts(5, "a form", &channel, &data, seen.as_ref()))
    }
}
