//! Views: modals that a trigger opens, and the home tab.

use super::{Answer, Desk, Refusal};
use crate::slack::rows::ViewRow;
use crate::slack::rules::{self, Surface};
use crate::slack::state::{Shared, State};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many modals may lie upon each other.
const DEEPEST: usize = 3;
/// The biggest view.
const BIGGEST: usize = 250_000;

pub(super) fn open(desk: &mut Desk<'_>) -> Answer {
    let definition = definition(desk, Surface::Modal)?;
    let person = exchange_trigger(desk)?;
    let id = place_view(desk.shared, desk.state, &person, definition, None)?;
    if let Some(row) = desk.state.people.get_mut(&person) {
        row.modals = vec![id.clone()];
    }
    answer_with(desk, &id)
}

pub(super) fn push(desk: &mut Desk<'_>) -> Answer {
    let definition = definition(desk, Surface::Modal)?;
    let person = exchange_trigger(desk)?;
    let stack = desk.state.people.get(&person).map(|row| row.modals.clone()).unwrap_or_default();
    let Some(top) = stack.last().cloned() else { return Err(Refusal::of("not_found")) };
    if stack.len() >= DEEPEST {
        return Err(Refusal::of("push_limit_reached"));
    }
    let id = place_view(desk.shared, desk.state, &person, definition, Some(&top))?;
    if let Some(row) = desk.state.people.get_mut(&person) {
        row.modals.push(id.clone());
    }
    answer_with(desk, &id)
}

pub(super) fn update(desk: &mut Desk<'_>) -> Answer {
    let definition = definition(desk, Surface::Modal)?;
    let row = match (desk.args.text("view_id"), desk.args.text("external_id")) {
        (Some(id), _) => desk.state.views.get(id),
        (None, Some(external)) => desk.state.views.values().find(|row| row.external() == Some(external)),
        (None, None) => {
            return Err(Refusal::invalid_arguments(&["one of view_id and external_id is needed".to_owned()]));
        }
    };
    // A view that was closed or submitted is gone.
    let on_screen = |row: &&ViewRow| {
        desk.state.people.get(&row.person).is_some_and(|person| person.modals.contains(&row.id))
    };
    let row = row.filter(on_screen).ok_or_else(|| Refusal::of("not_found"))?;
    let id = row.id.clone();
    hash_agrees(desk, row)?;
    rewrite_view(desk.shared, desk.state, &id, definition)?;
    answer_with(desk, &id)
}

pub(super) fn publish(desk: &mut Desk<'_>) -> Answer {
    let definition = definition(desk, Surface::Home)?;
    let user = desk.args.needed("user_id")?.to_owned();
    let home = match desk.state.people.get(&user) {
        Some(person) if person.team == desk.shared.settings.team => person.home.clone(),
        Some(_) | None => return Err(Refusal::invalid_arguments(&["user_id: no such user".to_owned()])),
    };
    let id = match home {
        Some(id) => {
            if let Some(row) = desk.state.views.get(&id) {
                hash_agrees(desk, row)?;
            }
            rewrite_view(desk.shared, desk.state, &id, definition)?;
            id
        }
        None => place_view(desk.shared, desk.state, &user, definition, None)?,
    };
    if let Some(person) = desk.state.people.get_mut(&user) {
        person.home = Some(id.clone());
    }
    answer_with(desk, &id)
}

fn answer_with(desk: &Desk<'_>, id: &str) -> Answer {
    let row = desk.state.views.get(id).ok_or_else(|| Refusal::of("not_found"))?;
    Ok(json!({"view": view_json(desk.shared, row)}))
}

fn hash_agrees(desk: &Desk<'_>, row: &ViewRow) -> Result<(), Refusal> {
    match desk.args.text("hash") {
        Some(hash) if hash != row.hash => Err(Refusal::of("hash_conflict")),
        _ => Ok(()),
    }
}

fn definition(desk: &Desk<'_>, surface: Surface) -> Result<Value, Refusal> {
    let missing =
        || Refusal::invalid_arguments(&["missing required field: view [json-pointer:/view]".to_owned()]);
    let view = desk.args.structure("view").map_err(|()| missing())?.ok_or_else(missing)?;
    if view.to_string().len() > BIGGEST {
        return Err(Refusal::of("view_too_large"));
    }
    let problems = rules::view(&view, surface);
    if problems.is_empty() { Ok(view) } else { Err(Refusal::invalid_arguments(&problems)) }
}

fn exchange_trigger(desk: &mut Desk<'_>) -> Result<String, Refusal> {
    let id = desk.args.needed("trigger_id")?;
    let life = micros(desk.shared.settings.trigger_life);
    let now = desk.shared.clock.micros();
    let trigger = desk.state.triggers.get_mut(id).ok_or_else(|| Refusal::of("invalid_trigger_id"))?;
    if trigger.exchanged {
        return Err(Refusal::of("exchanged_trigger_id"));
    }
    if now - trigger.issued > life {
        return Err(Refusal::of("expired_trigger_id"));
    }
    trigger.exchanged = true;
    Ok(trigger.person.clone())
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// Puts a new view before a person; the caller decides where in her stack it lies.
pub(crate) fn place_view(
    shared: &Shared,
    state: &mut State,
    person: &str,
    definition: Value,
    previous: Option<&str>,
) -> Result<String, Refusal> {
    let id = state.id('V');
    unique_external_id(state, &id, &definition)?;
    let root = previous
        .and_then(|previous| state.views.get(previous))
        .map_or_else(|| id.clone(), |row| row.root.clone());
    let mut row = ViewRow {
        id: id.clone(),
        person: person.to_owned(),
        definition: named(state, definition),
        values: Map::new(),
        hash: hash(shared, state),
        root,
        previous: previous.map(str::to_owned),
        errors: BTreeMap::new(),
        touched: state.seq,
    };
    row.values = rules::initial_values(row.blocks(), &row.values);
    state.views.insert(id.clone(), row);
    Ok(id)
}

/// Changes what a view shows; what was typed into fields of the same name stays.
pub(crate) fn rewrite_view(
    shared: &Shared,
    state: &mut State,
    id: &str,
    definition: Value,
) -> Result<(), Refusal> {
    unique_external_id(state, id, &definition)?;
    let (definition, hash, seq) = (named(state, definition), hash(shared, state), state.seq);
    let row = state.views.get_mut(id).ok_or_else(|| Refusal::of("not_found"))?;
    row.definition = definition;
    row.hash = hash;
    row.touched = seq;
    row.errors.clear();
    row.values = rules::initial_values(row.blocks(), &row.values);
    Ok(())
}

fn unique_external_id(state: &State, id: &str, definition: &Value) -> Result<(), Refusal> {
    let external =
        definition.get("external_id").and_then(Value::as_str).filter(|external| !external.is_empty());
    match external {
        Some(external)
            if state.views.values().any(|row| row.id != id && row.external() == Some(external)) =>
        {
            Err(Refusal::of("duplicate_external_id"))
        }
        _ => Ok(()),
    }
}

fn named(state: &mut State, mut definition: Value) -> Value {
    if let Some(blocks) = definition.get_mut("blocks").and_then(Value::as_array_mut) {
        rules::name_everything(blocks, || format!("b{:04}", state.number()));
    }
    definition
}

fn hash(shared: &Shared, state: &mut State) -> String {
    format!("{}.{:08x}", shared.clock.seconds(), state.number())
}

impl ViewRow {
    /// The blocks it shows.
    pub(crate) fn blocks(&self) -> &[Value] {
        self.definition.get("blocks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    fn external(&self) -> Option<&str> {
        self.definition.get("external_id").and_then(Value::as_str).filter(|external| !external.is_empty())
    }
}

/// Writes a view the way payloads and answers carry it.
pub(crate) fn view_json(shared: &Shared, row: &ViewRow) -> Value {
    let settings = &shared.settings;
    let mut view = row.definition.clone();
    if let Some(fields) = view.as_object_mut() {
        for name in ["private_metadata", "callback_id", "external_id"] {
            fields.entry(name).or_insert_with(|| json!(""));
        }
        for name in ["clear_on_close", "notify_on_close"] {
            fields.entry(name).or_insert_with(|| json!(false));
        }
        fields.insert("id".to_owned(), json!(row.id));
        fields.insert("team_id".to_owned(), json!(settings.team));
        fields.insert("state".to_owned(), json!({"values": row.values}));
        fields.insert("hash".to_owned(), json!(row.hash));
        fields.insert("root_view_id".to_owned(), json!(row.root));
        fields.insert("previous_view_id".to_owned(), json!(row.previous));
        fields.insert("app_id".to_owned(), json!(settings.app));
        fields.insert("bot_id".to_owned(), json!(settings.bot));
        fields.insert("app_installed_team_id".to_owned(), json!(settings.team));
    }
    view
}
