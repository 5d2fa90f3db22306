//! Forms: modals and the home tab, filled in and sent by a person.

use super::exchange::Exchange;
use super::person::Person;
use super::screen::Screen;
use crate::slack::message::{Button, buttons};
use crate::slack::render::{Reader, view_transcript};
use crate::slack::rows::ViewRow;
use crate::slack::rules::{self, Interactive, stateful_element};
use crate::slack::state::State;
use anyhow::{Context, bail, ensure};
use chrono::{NaiveDateTime, TimeZone};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// A modal or the home tab as it stood when the test looked at it.
#[derive(Clone, Debug)]
pub struct Form {
    row: ViewRow,
    reader: Arc<Reader>,
}

impl Form {
    pub(super) fn of(person: &Person, state: &State, id: &str) -> Option<Self> {
        let row = state.views.get(id)?.clone();
        Some(Self { row, reader: Arc::new(person.reader(state)) })
    }

    /// Gives the id of the view.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.row.id
    }

    /// Gives what stands above it.
    #[must_use]
    pub fn title(&self) -> &str {
        self.row.definition.pointer("/title/text").and_then(Value::as_str).unwrap_or_default()
    }

    /// Gives the `callback_id`.
    #[must_use]
    pub fn callback_id(&self) -> &str {
        self.row.definition.get("callback_id").and_then(Value::as_str).unwrap_or_default()
    }

    /// Gives what the app hid in it.
    #[must_use]
    pub fn private_metadata(&self) -> &str {
        self.row.definition.get("private_metadata").and_then(Value::as_str).unwrap_or_default()
    }

    /// Gives its blocks.
    #[must_use]
    pub fn blocks(&self) -> &[Value] {
        self.row.blocks()
    }

    /// Gives its buttons.
    #[must_use]
    pub fn buttons(&self) -> Vec<Button> {
        buttons(self.blocks())
    }

    /// Gives what a select offers, as it reads.
    ///
    /// # Errors
    /// When there is no such field.
    pub fn options(&self, field: &str) -> anyhow::Result<Vec<String>> {
        let field = Screen::Form(self).field(field)?;
        let texts =
            rules::options_of(field.element).into_iter().filter_map(|option| option.pointer("/text/text"));
        Ok(texts.filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// Writes what a person sees, with what is filled in and what was found wrong.
    #[must_use]
    pub fn as_text(&self) -> String {
        view_transcript(&self.row.definition, &self.row.values, &self.row.errors, &self.reader)
    }
}

/// What a person puts into a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A text, a date, a time, or the name of an option.
    One(String),
    /// The names of several options.
    Many(Vec<String>),
    /// Nothing: the field is emptied.
    Nothing,
}

impl From<&str> for Input {
    fn from(text: &str) -> Self {
        Self::One(text.to_owned())
    }
}

impl From<String> for Input {
    fn from(text: String) -> Self {
        Self::One(text)
    }
}

impl<const N: usize> From<[&str; N]> for Input {
    fn from(texts: [&str; N]) -> Self {
        Self::Many(texts.iter().map(|text| (*text).to_owned()).collect())
    }
}

/// A form with something filled in, about to be sent.
#[must_use = "a form that is not sent does nothing"]
pub struct Filling {
    person: Person,
    view: String,
}

impl Filling {
    /// Sends the form.
    ///
    /// # Errors
    /// When Slack would not let it be sent: a required field is empty, or the form is not on the screen any more.
    pub async fn submits(self) -> anyhow::Result<Exchange> {
        self.person.submits(&self.view).await
    }
}

impl Person {
    /// Fills fields of a form, named by label, `action_id` or `block_id`.
    ///
    /// Options are named by what they read or by their value; dates are written `2026-11-27`, times `20:00`,
    /// and both together `2026-11-27 20:00` in the person's zone.
    ///
    /// # Errors
    /// When there is no such field, or it cannot hold what is put into it.
    pub fn fills<N, I>(
        &self,
        form: &Form,
        values: impl IntoIterator<Item = (N, I)>,
    ) -> anyhow::Result<Filling>
    where
        N: AsRef<str>,
        I: Into<Input>,
    {
        for (name, input) in values {
            let name = name.as_ref();
            let field = Screen::Form(form).field(name)?;
            let held = self.held(&field, &input.into()).with_context(|| format!("the field {name:?}"))?;
            self.holds(form.id(), &field, held);
        }
        Ok(Filling { person: self.clone(), view: form.id().to_owned() })
    }

    /// Lets a field of a view hold a value.
    pub(super) fn holds(&self, view: &str, field: &Interactive<'_>, held: Map<String, Value>) {
        self.shared().change(|state| {
            let Some(row) = state.views.get_mut(view) else { return };
            let block = row.values.entry(field.block_id()).or_insert_with(|| json!({}));
            if let Some(block) = block.as_object_mut() {
                block.insert(field.action_id().to_owned(), Value::Object(held));
            }
        });
    }

    /// Gives the value that a field holds after a person put something into it.
    pub(super) fn held(&self, field: &Interactive<'_>, input: &Input) -> anyhow::Result<Map<String, Value>> {
        let kind = field.kind();
        let name = stateful_element(kind).with_context(|| format!("a {kind} holds nothing"))?;
        let value = match (name, input) {
            ("selected_options", Input::Nothing) => json!([]),
            (_, Input::Nothing) => Value::Null,
            ("value", Input::One(text)) => json!(typed(field.element, kind, text)?),
            ("selected_date", Input::One(text)) if rules::is_date(text) => json!(text),
            ("selected_time", Input::One(text)) if rules::is_time(text) => json!(text),
            ("selected_date" | "selected_time", Input::One(text)) => {
                bail!("{text:?} cannot be picked in a {kind}")
            }
            ("selected_date_time", Input::One(text)) => json!(self.instant(text)?),
            ("selected_option", Input::One(text)) => self.option(field, text)?,
            ("selected_options", Input::One(text)) => json!([self.option(field, text)?]),
            ("selected_options", Input::Many(texts)) => {
                let options: anyhow::Result<Vec<Value>> =
                    texts.iter().map(|text| self.option(field, text)).collect();
                json!(options?)
            }
            ("selected_user", Input::One(text)) => json!(self.somebody(text)?),
            ("selected_channel" | "selected_conversation", Input::One(text)) => json!(self.somewhere(text)?),
            (_, input) => bail!("a {kind} cannot hold {input:?}"),
        };
        let mut held = Map::new();
        held.insert("type".to_owned(), json!(kind));
        held.insert(name.to_owned(), value);
        Ok(held)
    }

    fn option(&self, field: &Interactive<'_>, name: &str) -> anyhow::Result<Value> {
        let place = (field.block_id().to_owned(), field.action_id().to_owned());
        let offered = self.row(|row| row.offered.get(&place).cloned().unwrap_or_default());
        let fixed = rules::options_of(field.element);
        let all: Vec<&Value> =
            if field.kind().contains("external") { offered.iter().collect() } else { fixed };
        let texts = |option: &Value| [option.pointer("/text/text").cloned(), option.get("value").cloned()];
        let hit = all.iter().find(|option| texts(option).into_iter().flatten().any(|text| text == *name));
        let hit = hit.with_context(|| format!("{name:?} is not offered; offered is {all:?}"))?;
        Ok((*hit).clone())
    }

    fn instant(&self, text: &str) -> anyhow::Result<i64> {
        let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M");
        let local = local.with_context(|| format!("{text:?} is not written like 2026-11-27 20:00"))?;
        let zone = self.row(|row| Some(row.zone)).context("nobody is there")?;
        let at = zone.from_local_datetime(&local).earliest();
        Ok(at.with_context(|| format!("{text} does not exist in {zone}"))?.timestamp())
    }

    fn somebody(&self, name: &str) -> anyhow::Result<String> {
        let found = self.shared().read(|state| {
            let row = state.people.get(name).or_else(|| state.person_named(name.trim_start_matches('@')));
            row.map(|row| row.id.clone())
        });
        found.with_context(|| format!("there is nobody called {name}"))
    }

    fn somewhere(&self, name: &str) -> anyhow::Result<String> {
        let found = self.shared().read(|state| {
            let row = state.channels.get(name).or_else(|| state.channel_named(name.trim_start_matches('#')));
            row.map(|row| row.id.clone())
        });
        found.with_context(|| format!("there is no channel {name}"))
    }
}

/// Checks a typed text the way the Slack client does before it lets a form be sent.
fn typed(element: &Value, kind: &str, text: &str) -> anyhow::Result<String> {
    let length = text.chars().count();
    let limit =
        |name: &str| element.get(name).and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
    ensure!(limit("min_length").is_none_or(|least| length >= least), "{text:?} is too short");
    ensure!(length <= limit("max_length").unwrap_or(3000), "a text of {length} characters is too long");
    match kind {
        "number_input" => {
            let whole = element.get("is_decimal_allowed").and_then(Value::as_bool) != Some(true);
            ensure!(
                text.parse::<f64>().is_ok() && !(whole && text.contains('.')),
                "{text:?} is not such a number"
            );
        }
        "email_text_input" => ensure!(text.contains('@'), "{text:?} is not an address"),
        "url_text_input" => ensure!(text.contains("://"), "{text:?} is not a URL"),
        _ => {}
    }
    Ok(text.to_owned())
}
