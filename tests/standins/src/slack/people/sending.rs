//! Sending and closing forms, and doing what the acknowledgement says.

use super::exchange::Exchange;
use super::form::Form;
use super::payload;
use super::person::Person;
use super::screen::Screen;
use crate::slack::api::{place_view, rewrite_view};
use crate::slack::rules::{self, Interactive, Surface};
use crate::slack::socket::{Outcome, ask};
use crate::slack::state::State;
use anyhow::{bail, ensure};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

impl Person {
    /// Sends the form on her screen.
    pub(super) async fn submits(&self, view: &str) -> anyhow::Result<Exchange> {
        self.is_here()?;
        let top = self.row(|row| row.modals.last().cloned());
        ensure!(
            top.as_deref() == Some(view),
            "that form is not on the screen of {} (any more)",
            self.handle()
        );
        if let Some(field) = self.shared().read(|state| empty_field(state, view)) {
            bail!("the form cannot be sent: {field:?} is empty");
        }
        let label = format!("{} sent a form", self.handle());
        let since = self.shared().read(|state| state.seq);
        let payload = self.shared().change(|state| payload::view_event(self, state, "view_submission", view));
        let (envelope, outcome) = ask(self.shared(), "interactive", &label, &payload).await;
        let mut exchange = Exchange {
            person: self.clone(),
            place: self.here(),
            since,
            envelope,
            interaction: None,
            payload: None,
            failure: None,
            errors: BTreeMap::new(),
        };
        if let Outcome::Acked(ack) = &outcome
            && let Err(problem) =
                self.shared().change(|state| self.follows(state, view, ack.payload.as_ref()))
        {
            self.shared().change(|state| state.complain(format!("{label}: {problem}")));
            exchange.failure = Some(problem);
        }
        exchange.errors = self
            .shared()
            .read(|state| state.views.get(view).map(|row| row.errors.clone()))
            .unwrap_or_default();
        exchange.settle(outcome);
        Ok(exchange)
    }

    /// Does with a form what its acknowledgement says.
    fn follows(&self, state: &mut State, view: &str, answer: Option<&Value>) -> Result<(), String> {
        let shared = self.shared();
        let answer = answer.cloned().unwrap_or_else(|| json!({}));
        let given = answer.get("view").cloned().unwrap_or_default();
        let check = || match rules::view(&given, Surface::Modal) {
            problems if problems.is_empty() => Ok(()),
            problems => Err(problems.join("; ")),
        };
        let seq = state.seq;
        if let Some(row) = state.views.get_mut(view) {
            row.errors.clear();
            row.touched = seq;
        }
        match answer.get("response_action").and_then(Value::as_str) {
            None if answer.as_object().is_some_and(Map::is_empty) => self.leaves(state, view),
            Some("clear") => {
                if let Some(person) = state.people.get_mut(&self.id) {
                    person.modals.clear();
                }
            }
            Some("update") => {
                check()?;
                rewrite_view(shared, state, view, given).map_err(|refusal| refusal.error)?;
            }
            Some("push") => {
                check()?;
                let id = place_view(shared, state, &self.id, given, Some(view))
                    .map_err(|refusal| refusal.error)?;
                if let Some(person) = state.people.get_mut(&self.id) {
                    person.modals.push(id);
                }
            }
            Some("errors") => return self.is_told(state, view, &answer),
            _ => return Err(format!("acknowledged with {answer}, which is no answer to a form")),
        }
        Ok(())
    }

    fn is_told(&self, state: &mut State, view: &str, answer: &Value) -> Result<(), String> {
        let errors = answer.get("errors").and_then(Value::as_object).filter(|errors| !errors.is_empty());
        let errors = errors.ok_or("acknowledged with errors, and there are none")?;
        let Some(row) = state.views.get_mut(view) else { return Ok(()) };
        let inputs: Vec<String> = rules::interactive_elements(row.blocks())
            .iter()
            .filter(|found| found.is_input())
            .map(|found| found.block_id().to_owned())
            .collect();
        for (block, error) in errors {
            if !inputs.contains(block) {
                return Err(format!("an error belongs to the block {block}, which is no input of this form"));
            }
            row.errors.insert(block.clone(), error.as_str().unwrap_or_default().to_owned());
        }
        Ok(())
    }

    fn leaves(&self, state: &mut State, view: &str) {
        if let Some(person) = state.people.get_mut(&self.id) {
            person.modals.retain(|id| id != view);
        }
    }

    /// Closes a form without sending it. The app hears of it only if the form says so.
    ///
    /// # Errors
    /// When the form is not on her screen.
    pub async fn closes(&self, form: &Form) -> anyhow::Result<()> {
        self.has_before_her(Screen::Form(form))?;
        let asked = self.shared().read(|state| {
            let row = state.views.get(form.id());
            row.and_then(|row| row.definition.get("notify_on_close")?.as_bool()).unwrap_or_default()
        });
        let payload =
            self.shared().change(|state| payload::view_event(self, state, "view_closed", form.id()));
        self.shared().change(|state| self.leaves(state, form.id()));
        if asked {
            let label = format!("{} closed a form", self.handle());
            let _ = ask(self.shared(), "interactive", &label, &payload).await;
        }
        Ok(())
    }
}

fn empty_field(state: &State, view: &str) -> Option<String> {
    let row = state.views.get(view)?;
    let required = rules::interactive_elements(row.blocks()).into_iter().filter(Interactive::is_required);
    let empty = |found: &Interactive<'_>| {
        let name = rules::stateful_element(found.kind());
        let held =
            row.values.get(found.block_id()).and_then(|block| block.get(found.action_id())?.get(name?));
        match held {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.is_empty(),
            Some(Value::Array(items)) => items.is_empty(),
            Some(_) => false,
        }
    };
    required.into_iter().find(empty).map(|found| found.label().to_owned())
}
