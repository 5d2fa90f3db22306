//! What a person has before her, and how she finds a button or a select on it.

use super::form::Form;
use crate::slack::message::Message;
use crate::slack::rules::{Interactive, interactive_elements};
use anyhow::bail;
use serde_json::Value;

/// Something with buttons and selects on it.
#[derive(Clone, Copy)]
pub enum Screen<'a> {
    /// A message.
    Message(&'a Message),
    /// A modal or the home tab.
    Form(&'a Form),
}

impl<'a> From<&'a Message> for Screen<'a> {
    fn from(message: &'a Message) -> Self {
        Self::Message(message)
    }
}

impl<'a> From<&'a Form> for Screen<'a> {
    fn from(form: &'a Form) -> Self {
        Self::Form(form)
    }
}

/// One option that a select offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What a person reads.
    pub label: String,
    /// What the app gets when she takes it.
    pub value: String,
}

/// What a select offered after a person typed into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestions {
    /// The options, in order.
    pub choices: Vec<Choice>,
    /// The error she saw instead, if there was one.
    pub failure: Option<String>,
}

impl Suggestions {
    /// Gives what a person reads.
    #[must_use]
    pub fn labels(&self) -> Vec<&str> {
        self.choices.iter().map(|choice| choice.label.as_str()).collect()
    }
}

impl<'a> Screen<'a> {
    pub(super) fn blocks(self) -> &'a [Value] {
        match self {
            Self::Message(message) => message.blocks(),
            Self::Form(form) => form.blocks(),
        }
    }

    /// Finds a button by label, `action_id` or `value`; failing that by the beginning of one of the ids.
    pub(super) fn button(self, name: &str) -> anyhow::Result<Interactive<'a>> {
        let found: Vec<Interactive<'a>> = interactive_elements(self.blocks())
            .into_iter()
            .filter(|found| found.kind().ends_with("button"))
            .collect();
        let value =
            |found: &Interactive<'a>| found.element.get("value").and_then(Value::as_str).unwrap_or_default();
        let exactly =
            |found: &&Interactive<'a>| [found.label(), found.action_id(), value(found)].contains(&name);
        let begins =
            |found: &&Interactive<'a>| found.action_id().starts_with(name) || value(found).starts_with(name);
        let mut hits: Vec<&Interactive<'a>> = found.iter().filter(exactly).collect();
        if hits.is_empty() {
            hits = found.iter().filter(begins).collect();
        }
        match hits.as_slice() {
            [hit] => Ok(**hit),
            [] => {
                let labels: Vec<&str> = found.iter().map(Interactive::label).collect();
                bail!("there is no button {name:?}; there are {labels:?}")
            }
            several => bail!("{} buttons are called {name:?}: name the one by its value", several.len()),
        }
    }

    /// Finds a select, picker or input by label, `action_id` or `block_id`.
    pub(super) fn field(self, name: &str) -> anyhow::Result<Interactive<'a>> {
        let found = interactive_elements(self.blocks());
        let names = |found: &Interactive<'a>| [found.label(), found.action_id(), found.block_id()];
        let hits: Vec<&Interactive<'a>> = found.iter().filter(|found| names(found).contains(&name)).collect();
        match hits.as_slice() {
            [hit] => Ok(**hit),
            [] => {
                let ids: Vec<&str> = found.iter().map(Interactive::action_id).collect();
                bail!("there is no field {name:?}; there are {ids:?}")
            }
            several => bail!("{} fields are called {name:?}", several.len()),
        }
    }
}
