//! Writes messages and views as plain text, the way a person reads them.

use super::rows::{FileRow, Saying};
use super::rules::{Interactive, interactive_elements, stateful_element};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Who reads: names for ids, and a zone for dates.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reader {
    pub(crate) names: BTreeMap<String, String>,
    pub(crate) zone: Option<Tz>,
}

/// Writes a message.
pub(crate) fn transcript(saying: &Saying, files: &[FileRow], reader: &Reader) -> String {
    let mut lines = Vec::new();
    if saying.blocks.is_empty() {
        if !saying.text.is_empty() {
            lines.push(reader.prose(&saying.text));
        }
    } else {
        lines.extend(saying.blocks.iter().map(|block| reader.block(block, &Map::new())));
    }
    for attachment in &saying.attachments {
        let text = attachment.get("text").or_else(|| attachment.get("fallback")).and_then(Value::as_str);
        lines.extend(text.map(|text| format!("| {}", reader.prose(text))));
        let blocks = attachment.get("blocks").and_then(Value::as_array).into_iter().flatten();
        lines.extend(blocks.map(|block| format!("| {}", reader.block(block, &Map::new()))));
    }
    lines.extend(
        files.iter().map(|file| format!("[file {}: {}, {} bytes]", file.name, file.title, file.bytes.len())),
    );
    lines.join("\n")
}

/// Writes a view with what was filled in so far.
pub(crate) fn view_transcript(
    definition: &Value,
    values: &Map<String, Value>,
    errors: &BTreeMap<String, String>,
    reader: &Reader,
) -> String {
    let mut lines = Vec::new();
    if let Some(title) = text_at(definition, "/title/text") {
        lines.push(format!("== {title} =="));
    }
    for block in definition.get("blocks").and_then(Value::as_array).into_iter().flatten() {
        lines.push(reader.block(block, values));
        let error = block.get("block_id").and_then(Value::as_str).and_then(|id| errors.get(id));
        lines.extend(error.map(|error| format!("  ! {error}")));
    }
    let ends = ["/close/text", "/submit/text"].iter().filter_map(|at| text_at(definition, at));
    let ends: Vec<String> = ends.map(|label| format!("[{label}]")).collect();
    if !ends.is_empty() {
        lines.push(ends.join(" "));
    }
    lines.join("\n")
}

fn text_at<'v>(value: &'v Value, at: &str) -> Option<&'v str> {
    value.pointer(at).and_then(Value::as_str)
}

impl Reader {
    fn block(&self, block: &Value, values: &Map<String, Value>) -> String {
        let text = || text_at(block, "/text/text").map(|text| self.prose(text));
        match text_at(block, "/type").unwrap_or_default() {
            "header" => format!("# {}", text().unwrap_or_default()),
            "divider" => "---".to_owned(),
            "section" => self.section(block, text(), values),
            "context" => {
                let elements = block.get("elements").and_then(Value::as_array).into_iter().flatten();
                let parts: Vec<String> = elements.map(|element| self.context_part(element)).collect();
                format!("> {}", parts.join(" · "))
            }
            "actions" => {
                let found = interactive_elements(std::slice::from_ref(block));
                let parts: Vec<String> = found.iter().map(|found| self.element(found, values)).collect();
                parts.join(" ")
            }
            "input" => self.input(block, values),
            "image" => format!("[image: {}]", text_at(block, "/alt_text").unwrap_or_default()),
            "video" => format!("[video: {}]", text_at(block, "/alt_text").unwrap_or_default()),
            "markdown" => text_at(block, "/text").unwrap_or_default().to_owned(),
            "rich_text" => self.rich(block),
            "table" => self.table(block),
            other => format!("[{other}]"),
        }
    }

    fn section(&self, block: &Value, text: Option<String>, values: &Map<String, Value>) -> String {
        let mut lines: Vec<String> = text.into_iter().collect();
        for field in block.get("fields").and_then(Value::as_array).into_iter().flatten() {
            let field = text_at(field, "/text").map(|text| self.prose(text)).unwrap_or_default();
            lines.push(format!("- {}", field.replace('\n', " ")));
        }
        match block.get("accessory") {
            Some(picture) if text_at(picture, "/type") == Some("image") => {
                lines.push(format!("[image: {}]", text_at(picture, "/alt_text").unwrap_or_default()));
            }
            Some(element) => lines.push(self.element(&Interactive { block, element }, values)),
            None => {}
        }
        lines.join("\n")
    }

    fn context_part(&self, element: &Value) -> String {
        match text_at(element, "/text") {
            Some(text) => self.prose(text),
            None => format!("[image: {}]", text_at(element, "/alt_text").unwrap_or_default()),
        }
    }

    fn input(&self, block: &Value, values: &Map<String, Value>) -> String {
        let Some(element) = block.get("element") else { return String::new() };
        let found = Interactive { block, element };
        let hint = text_at(block, "/hint/text").map(|hint| format!(" ({hint})")).unwrap_or_default();
        let optional = if found.is_required() { "" } else { " (optional)" };
        format!("{}{optional}: {}{hint}", found.label(), self.element(&found, values))
    }

    fn element(&self, found: &Interactive<'_>, values: &Map<String, Value>) -> String {
        let Some(name) = stateful_element(found.kind()) else {
            return match found.kind() {
                "overflow" => "[⋯]".to_owned(),
                _ => format!("[{}]", found.label()),
            };
        };
        let value = values.get(found.block_id()).and_then(|block| block.get(found.action_id()));
        let initial = super::rules::initial_values(std::slice::from_ref(found.block), &Map::new());
        let initial = initial.get(found.block_id()).and_then(|block| block.get(found.action_id()));
        let held = value.or(initial).and_then(|value| value.get(name)).unwrap_or(&Value::Null);
        match found.kind() {
            "radio_buttons" | "checkboxes" => self.choices(found.element, held),
            _ => match self.held(held) {
                Some(held) => format!("[{held}]"),
                None => format!("[{}…]", text_at(found.element, "/placeholder/text").unwrap_or_default()),
            },
        }
    }

    fn choices(&self, element: &Value, held: &Value) -> String {
        let chosen =
            |option: &Value| held == option || held.as_array().is_some_and(|held| held.contains(option));
        let options = element.get("options").and_then(Value::as_array).into_iter().flatten();
        let marked = options.map(|option| {
            let mark = if chosen(option) { "(x)" } else { "( )" };
            format!(
                "{mark} {}",
                text_at(option, "/text/text").map(|text| self.prose(text)).unwrap_or_default()
            )
        });
        marked.collect::<Vec<String>>().join("  ")
    }

    fn held(&self, held: &Value) -> Option<String> {
        match held {
            Value::String(text) => Some(self.names.get(text).cloned().unwrap_or_else(|| text.clone())),
            Value::Number(at) => at.as_i64().and_then(|at| self.date(at, "{date_num} {time}")),
            Value::Object(_) => text_at(held, "/text/text").map(str::to_owned),
            Value::Array(items) if !items.is_empty() => {
                Some(items.iter().filter_map(|item| self.held(item)).collect::<Vec<_>>().join(", "))
            }
            _ => None,
        }
    }

    fn rich(&self, value: &Value) -> String {
        let elements = value.get("elements").and_then(Value::as_array).into_iter().flatten();
        let parts = elements.map(|element| match text_at(element, "/type").unwrap_or_default() {
            "rich_text_list" => {
                let items = element.get("elements").and_then(Value::as_array).into_iter().flatten();
                items.map(|item| format!("• {}\n", self.rich(item))).collect()
            }
            "user" => self.name_of(text_at(element, "/user_id").unwrap_or_default(), "@"),
            "channel" => self.name_of(text_at(element, "/channel_id").unwrap_or_default(), "#"),
            "emoji" => format!(":{}:", text_at(element, "/name").unwrap_or_default()),
            "link" => {
                text_at(element, "/text").or_else(|| text_at(element, "/url")).unwrap_or_default().to_owned()
            }
            "text" => text_at(element, "/text").unwrap_or_default().to_owned(),
            _ => self.rich(element),
        });
        parts.collect::<String>().trim_end().to_owned()
    }

    fn table(&self, block: &Value) -> String {
        let cell = |cell: &Value| match text_at(cell, "/text") {
            Some(text) => text.to_owned(),
            None => self.rich(cell),
        };
        let rows =
            block.get("rows").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_array);
        let lines = rows.map(|row| row.iter().map(cell).collect::<Vec<String>>().join(" | "));
        lines.collect::<Vec<String>>().join("\n")
    }

    fn name_of(&self, id: &str, mark: &str) -> String {
        let name = self.names.get(id).map_or(id, String::as_str);
        if name.starts_with(mark) { name.to_owned() } else { format!("{mark}{name}") }
    }

    /// Resolves what stands in angle brackets, and the three escaped characters.
    pub(crate) fn prose(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('<') {
            out.push_str(before);
            match after.split_once('>') {
                Some((inside, behind)) => {
                    out.push_str(&self.reference(inside));
                    rest = behind;
                }
                None => {
                    out.push('<');
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        out.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    }

    fn reference(&self, inside: &str) -> String {
        let (target, label) =
            inside.split_once('|').map_or((inside, None), |(target, label)| (target, Some(label)));
        if let Some(id) = target.strip_prefix('@') {
            return self.name_of(id, "@");
        }
        if let Some(id) = target.strip_prefix('#') {
            return self.name_of(id, "#");
        }
        if let Some(date) = target.strip_prefix("!date^") {
            let mut parts = date.split('^');
            let at = parts.next().and_then(|at| at.parse().ok());
            let shown = at.zip(parts.next()).and_then(|(at, form)| self.date(at, form));
            return shown.or_else(|| label.map(str::to_owned)).unwrap_or_else(|| inside.to_owned());
        }
        if let Some(word) = target.strip_prefix('!') {
            return label.map_or_else(|| format!("@{word}"), str::to_owned);
        }
        label.map_or_else(|| target.to_owned(), |label| format!("{label} ({target})"))
    }

    /// Writes an instant in the reader's zone. `None` lets the text that was sent as fallback stand.
    fn date(&self, at: i64, form: &str) -> Option<String> {
        let at: DateTime<Utc> = DateTime::from_timestamp(at, 0)?;
        let at = at.with_timezone(&self.zone.unwrap_or(Tz::UTC));
        let forms = [
            ("{date_num}", "%Y-%m-%d"),
            ("{date_long_pretty}", "%A, %B %-d, %Y"),
            ("{date_short_pretty}", "%b %-d, %Y"),
            ("{date_pretty}", "%B %-d, %Y"),
            ("{date_short}", "%b %-d, %Y"),
            ("{date_long}", "%A, %B %-d, %Y"),
            ("{date}", "%B %-d, %Y"),
            ("{time_secs}", "%H:%M:%S"),
            ("{time}", "%H:%M"),
        ];
        let mut shown = form.to_owned();
        for (token, format) in forms {
            if shown.contains(token) {
                shown = shown.replace(token, &at.format(format).to_string());
            }
        }
        (!shown.contains('{')).then_some(shown)
    }
}
