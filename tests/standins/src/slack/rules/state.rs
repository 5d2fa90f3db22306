//! Which elements hold a value, and what their value looks like in `state.values`.

use serde_json::{Map, Value, json};

/// An element that a person can use, and the block it stands in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interactive<'v> {
    pub(crate) block: &'v Value,
    pub(crate) element: &'v Value,
}

impl<'v> Interactive<'v> {
    /// The id of the block.
    pub(crate) fn block_id(&self) -> &'v str {
        word(self.block, "block_id")
    }

    /// The id of the element.
    pub(crate) fn action_id(&self) -> &'v str {
        word(self.element, "action_id")
    }

    /// The kind of element.
    pub(crate) fn kind(&self) -> &'v str {
        word(self.element, "type")
    }

    /// What a person reads on or above it.
    pub(crate) fn label(&self) -> &'v str {
        let text = self.block.pointer("/label/text").or_else(|| self.element.pointer("/text/text"));
        let text = text.or_else(|| self.element.pointer("/placeholder/text"));
        text.and_then(Value::as_str).unwrap_or_default()
    }

    /// Tells whether it stands in an input block, whose value is sent with the form.
    pub(crate) fn is_input(&self) -> bool {
        word(self.block, "type") == "input"
    }

    /// Tells whether it must be filled before the form can be sent.
    pub(crate) fn is_required(&self) -> bool {
        self.is_input() && self.block.get("optional").and_then(Value::as_bool) != Some(true)
    }
}

fn word<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Lists the elements that a person can use, in reading order.
pub(crate) fn interactive_elements(blocks: &[Value]) -> Vec<Interactive<'_>> {
    let mut found = Vec::new();
    for block in blocks {
        let elements = match word(block, "type") {
            "actions" => {
                block.get("elements").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
            }
            _ => &[],
        };
        let single = block.get("accessory").or_else(|| block.get("element"));
        let usable = elements.iter().chain(single).filter(|element| word(element, "type") != "image");
        found.extend(usable.map(|element| Interactive { block, element }));
    }
    found
}

/// Lists the options of a menu, those in groups too.
pub(crate) fn options_of(element: &Value) -> Vec<&Value> {
    let plain = element.get("options").and_then(Value::as_array).into_iter().flatten();
    let groups = element.get("option_groups").and_then(Value::as_array).into_iter().flatten();
    plain.chain(groups.filter_map(|group| group.get("options")?.as_array()).flatten()).collect()
}

/// Gives the name under which the value of an element is told, if it holds one.
pub(crate) fn stateful_element(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "plain_text_input" | "number_input" | "email_text_input" | "url_text_input" => "value",
        "datepicker" => "selected_date",
        "timepicker" => "selected_time",
        "datetimepicker" => "selected_date_time",
        "static_select" | "external_select" | "radio_buttons" => "selected_option",
        "checkboxes" | "multi_static_select" | "multi_external_select" => "selected_options",
        "users_select" => "selected_user",
        "multi_users_select" => "selected_users",
        "conversations_select" => "selected_conversation",
        "multi_conversations_select" => "selected_conversations",
        "channels_select" => "selected_channel",
        "multi_channels_select" => "selected_channels",
        _ => return None,
    })
}

/// Tells what each element holds before a person touches it; earlier values of the same fields stay.
pub(crate) fn initial_values(blocks: &[Value], earlier: &Map<String, Value>) -> Map<String, Value> {
    let mut values = Map::new();
    for found in interactive_elements(blocks) {
        let Some(name) = stateful_element(found.kind()) else { continue };
        let kept = earlier.get(found.block_id()).and_then(|block| block.get(found.action_id()));
        let kept = kept.filter(|value| value.get("type").and_then(Value::as_str) == Some(found.kind()));
        let value = kept.cloned().unwrap_or_else(|| {
            let initial = initial(found.element, name);
            json!({"type": found.kind(), name: initial})
        });
        let block = values.entry(found.block_id()).or_insert_with(|| json!({}));
        if let Some(block) = block.as_object_mut() {
            block.insert(found.action_id().to_owned(), value);
        }
    }
    values
}

fn initial(element: &Value, name: &str) -> Value {
    let source = match name {
        "value" => "initial_value".to_owned(),
        selected => selected.replacen("selected", "initial", 1),
    };
    match element.get(&source) {
        Some(value) => value.clone(),
        None if name == "selected_options" => json!([]),
        None => Value::Null,
    }
}
