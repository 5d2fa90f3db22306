//! What people do with commands, buttons, selects and forms.

use super::exchange::Exchange;
use super::form::Input;
use super::payload;
use super::person::Person;
use super::screen::{Choice, Screen, Suggestions};
use crate::slack::api::{Args, draft, post};
use crate::slack::rows::{Ack, Interaction, Kind};
use crate::slack::rules::{self, Interactive};
use crate::slack::socket::{Outcome, ask};
use crate::slack::state::State;
use anyhow::{bail, ensure};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

impl Person {
    /// Types a slash command, in her conversation with the app or [where she is](Person::at).
    ///
    /// Returns when the command was acknowledged or when Slack gave up waiting.
    ///
    /// # Errors
    /// When the workspace does not have the command.
    pub async fn slash(&self, command: &str, text: &str) -> anyhow::Result<Exchange> {
        let settings = &self.shared().settings;
        ensure!(settings.commands.contains(command), "{command} is not a command of the app");
        ensure!(
            settings.scopes.contains("commands"),
            "the app lacks the scope commands, so it has no {command}"
        );
        self.is_here()?;
        let place = self.here();
        let label = format!("{} typed {command} {text}", self.handle());
        let mut exchange = self.begin(&label, &place);
        let payload = self.shared().change(|state| payload::slash(self, state, &place, command, text));
        let (envelope, outcome) = ask(self.shared(), "slash_commands", &label, &payload).await;
        exchange.envelope = envelope;
        if let Outcome::Acked(Ack { payload: Some(answer), .. }) = &outcome {
            self.shows(answer, &place, &label, &mut exchange);
        }
        exchange.settle(outcome);
        Ok(exchange)
    }

    /// Shows what a slash command was acknowledged with.
    fn shows(&self, answer: &Value, place: &str, label: &str, exchange: &mut Exchange) {
        let Some(fields) = answer.as_object() else { return };
        if fields.is_empty() {
            return;
        }
        let shared = self.shared();
        let posted = shared.change(|state| {
            let args = Args::of(fields.clone());
            let mut draft = draft(shared, state, &args)?;
            draft.only_for = (args.text("response_type") != Some("in_channel")).then(|| self.id.clone());
            post(shared, state, place, draft)
        });
        if let Err(refusal) = posted {
            shared.change(|state| {
                state.complain(format!("{label}: acknowledged with a message that is {}", refusal.error));
            });
            exchange.failure = Some(refusal.error);
        }
    }

    /// Clicks a button, named by its label, `action_id` or `value`. A question that it asks is answered with yes.
    ///
    /// # Errors
    /// When there is no such button before her, or several.
    pub async fn clicks<'a>(&self, on: impl Into<Screen<'a>>, button: &str) -> anyhow::Result<Exchange> {
        let on = on.into();
        let used = on.button(button)?;
        self.uses(on, used, Map::new(), &format!("clicked {button}")).await
    }

    /// Clicks twice before anything can have happened.
    ///
    /// # Errors
    /// When there is no such button before her, or several.
    pub async fn double_clicks<'a>(
        &self,
        on: impl Into<Screen<'a>>,
        button: &str,
    ) -> anyhow::Result<(Exchange, Exchange)> {
        let on = on.into();
        let used = on.button(button)?;
        let label = format!("clicked {button}");
        let first = Box::pin(self.uses(on, used, Map::new(), &label));
        let second = Box::pin(self.uses(on, used, Map::new(), &label));
        tokio::try_join!(first, second)
    }

    /// Chooses something in a select, picker or set of boxes that reports each choice at once.
    ///
    /// # Errors
    /// When there is no such field, or it does not offer that.
    pub async fn chooses<'a>(
        &self,
        on: impl Into<Screen<'a>>,
        field: &str,
        choice: impl Into<Input>,
    ) -> anyhow::Result<Exchange> {
        let on = on.into();
        let choice = choice.into();
        let used = on.field(field)?;
        let change = if used.kind() == "overflow" {
            let Input::One(name) = &choice else { bail!("a menu takes one choice") };
            overflow(&used, name)?
        } else {
            self.held(&used, &choice)?
        };
        if let Screen::Form(form) = on {
            self.holds(form.id(), &used, change.clone());
            let dispatches = used.block.get("dispatch_action").and_then(Value::as_bool) == Some(true);
            ensure!(
                !used.is_input() || dispatches,
                "the field {field:?} tells the app only when the form is sent"
            );
        }
        self.uses(on, used, change, &format!("chose {choice:?}")).await
    }

    async fn uses(
        &self,
        on: Screen<'_>,
        used: Interactive<'_>,
        change: Map<String, Value>,
        label: &str,
    ) -> anyhow::Result<Exchange> {
        self.is_here()?;
        self.has_before_her(on)?;
        let place = match on {
            Screen::Message(message) => message.channel().to_owned(),
            Screen::Form(_) => self.here(),
        };
        let label = format!("{} {label}", self.handle());
        let mut exchange = self.begin(&label, &place);
        if !deserves_an_answer(&used) {
            self.owes_nothing(&mut exchange);
        }
        let payload = self.shared().change(|state| payload::block_actions(self, state, on, &used, &change));
        let (envelope, outcome) = ask(self.shared(), "interactive", &label, &payload).await;
        exchange.envelope = envelope;
        if let Outcome::Acked(Ack { payload: Some(answer), .. }) = &outcome {
            self.shared().change(|state| {
                state.complain(format!("{label}: acknowledged with {answer}, which Slack ignores"));
            });
        }
        exchange.settle(outcome);
        Ok(exchange)
    }

    /// Types into a select that asks the app for its options.
    ///
    /// # Errors
    /// When there is no such select, or it does not ask after so few letters.
    pub async fn types_in_select<'a>(
        &self,
        on: impl Into<Screen<'a>>,
        field: &str,
        typed: &str,
    ) -> anyhow::Result<Suggestions> {
        let on = on.into();
        self.is_here()?;
        self.has_before_her(on)?;
        let used = on.field(field)?;
        ensure!(used.kind().contains("external"), "the field {field:?} has its options already");
        let least = used.element.get("min_query_length").and_then(Value::as_u64).unwrap_or(3);
        let letters = u64::try_from(typed.chars().count()).unwrap_or(u64::MAX);
        ensure!(letters >= least, "the field {field:?} asks the app only after {least} letters");
        let label = format!("{} typed {typed:?} into {field}", self.handle());
        let payload = self.shared().read(|state| payload::block_suggestion(self, state, on, &used, typed));
        let (_, outcome) = ask(self.shared(), "interactive", &label, &payload).await;
        let failure = match outcome {
            Outcome::Acked(ack) => match self.offers(&used, ack.payload.as_ref()) {
                Ok(choices) => return Ok(Suggestions { choices, failure: None }),
                Err(problems) => {
                    let problems = problems.join("; ");
                    self.shared().change(|state| state.complain(format!("{label}: {problems}")));
                    problems
                }
            },
            Outcome::Overdue => "operation_timeout".to_owned(),
            Outcome::Unreachable => "dispatch_failed".to_owned(),
        };
        Ok(Suggestions { choices: Vec::new(), failure: Some(failure) })
    }

    fn offers(&self, used: &Interactive<'_>, answer: Option<&Value>) -> Result<Vec<Choice>, Vec<String>> {
        let answer = answer.cloned().unwrap_or_default();
        if answer.get("options").is_none() && answer.get("option_groups").is_none() {
            return Err(vec!["acknowledged without options".to_owned()]);
        }
        let problems = rules::suggestions(&answer);
        if !problems.is_empty() {
            return Err(problems);
        }
        let options: Vec<Value> = rules::options_of(&answer).into_iter().cloned().collect();
        let word = |option: &Value, at: &str| {
            option.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let choices = options
            .iter()
            .map(|option| Choice { label: word(option, "/text/text"), value: word(option, "/value") })
            .collect();
        let place = (used.block_id().to_owned(), used.action_id().to_owned());
        self.shared()
            .change(|state| state.people.get_mut(&self.id).map(|row| row.offered.insert(place, options)));
        Ok(choices)
    }

    /// Begins something that deserves an answer.
    fn begin(&self, label: &str, place: &str) -> Exchange {
        let (since, number) = self.shared().change(|state| {
            let interaction = Interaction {
                label: label.to_owned(),
                person: self.id.clone(),
                place: place.to_owned(),
                since: state.seq,
                excused: false,
            };
            state.interactions.push(interaction);
            (state.seq, state.interactions.len() - 1)
        });
        Exchange {
            person: self.clone(),
            place: place.to_owned(),
            since,
            envelope: None,
            interaction: Some(number),
            payload: None,
            failure: None,
            errors: BTreeMap::new(),
        }
    }

    /// Lets an acknowledgement suffice.
    fn owes_nothing(&self, exchange: &mut Exchange) {
        let Some(number) = exchange.interaction.take() else { return };
        self.shared().change(|state| {
            if let Some(row) = state.interactions.get_mut(number) {
                row.excused = true;
            }
        });
    }

    /// Gives the channel she is in: her conversation with the app, if nothing else was said.
    pub(super) fn here(&self) -> String {
        self.place.clone().unwrap_or_else(|| self.dm().id().to_owned())
    }

    pub(super) fn is_here(&self) -> anyhow::Result<()> {
        ensure!(!self.row(|row| row.deactivated), "{} has no account any more", self.handle());
        Ok(())
    }

    pub(super) fn has_before_her(&self, screen: Screen<'_>) -> anyhow::Result<()> {
        match screen {
            Screen::Message(message) => {
                let sees = self.shared().read(|state| {
                    let row = state.message(message.channel(), message.ts());
                    row.is_some_and(|row| state.can_see(&self.id, row))
                });
                ensure!(sees, "{} does not see that message", self.handle());
            }
            Screen::Form(form) => {
                let id = form.id();
                let shown = self.row(|row| {
                    row.modals.last().is_some_and(|top| top == id) || row.home.as_deref() == Some(id)
                });
                ensure!(shown, "that form is not on the screen of {}", self.handle());
            }
        }
        Ok(())
    }

    /// Tells whether the app can hear what she writes in a channel.
    pub(super) fn is_private(state: &State, channel: &str) -> Option<&'static str> {
        Some(match state.channels.get(channel)?.kind {
            Kind::Public => "channel",
            Kind::Private => "group",
            Kind::Dm(_) => "im",
        })
    }
}

/// Tells whether a person expects to see something after using an element. Links lead elsewhere, and what was
/// picked in a menu or calendar is on her screen already.
fn deserves_an_answer(used: &Interactive<'_>) -> bool {
    rules::stateful_element(used.kind()).is_none() && used.element.get("url").is_none()
}

fn overflow(used: &Interactive<'_>, name: &str) -> anyhow::Result<Map<String, Value>> {
    let hit = rules::options_of(used.element).into_iter().find(|option| {
        let label = option.pointer("/text/text").and_then(Value::as_str);
        label == Some(name) || option.get("value").and_then(Value::as_str) == Some(name)
    });
    match hit {
        Some(option) => Ok(Map::from_iter([("selected_option".to_owned(), option.clone())])),
        None => bail!("the menu does not offer {name:?}"),
    }
}
