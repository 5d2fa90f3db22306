//! A message as a person sees it.

use serde_json::Value;

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub(crate) id: String,
    pub(crate) channel: String,
    pub(crate) body: Value,
    /// Whether only one person sees it.
    pub(crate) only_one: bool,
    /// How often it was rewritten.
    pub(crate) rewritten: usize,
    /// Pictures: the name, the words beside it, the bytes.
    pub(crate) files: Vec<(String, String, Vec<u8>)>,
}

impl Seen {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The channel it is in.
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// Whether only the one who asked sees it.
    #[must_use]
    pub fn is_ephemeral(&self) -> bool {
        self.only_one
    }

    /// How often it was rewritten.
    #[must_use]
    pub fn rewritten(&self) -> usize {
        self.rewritten
    }

    /// The pictures: the name, the words beside it, the bytes.
    #[must_use]
    pub fn files(&self) -> &[(String, String, Vec<u8>)] {
        &self.files
    }

    /// The message as Discord got it.
    #[must_use]
    pub fn body(&self) -> &Value {
        &self.body
    }

    /// What a click on a button carries.
    #[must_use]
    pub fn custom_id(&self, label: &str) -> Option<String> {
        let button = self
            .components()
            .into_iter()
            .find(|one| one.get("label").and_then(Value::as_str) == Some(label))?;
        Some(button.get("custom_id")?.as_str()?.to_owned())
    }

    /// The same message as a later version of Discord would hand it over with a click.
    #[must_use]
    pub fn with_a_strange_component(&self) -> Self {
        let mut strange = self.clone();
        let rows = strange.body.get_mut("components").and_then(Value::as_array_mut);
        if let Some(rows) = rows {
            rows.push(
                serde_json::json!({"type": 1, "components": [{"type": 99, "novelty": {"of": "2031"}}]}),
            );
        }
        strange
    }

    pub(crate) fn components(&self) -> Vec<&Value> {
        let rows = self.body.get("components").and_then(Value::as_array).into_iter().flatten();
        rows.flat_map(|row| row.get("components").and_then(Value::as_array).into_iter().flatten()).collect()
    }

    /// What is written on its buttons.
    #[must_use]
    pub fn button_labels(&self) -> Vec<String> {
        self.components().into_iter().filter_map(|one| Some(one.get("label")?.as_str()?.to_owned())).collect()
    }

    /// What stands there, as it is read: markup taken off, buttons in brackets.
    #[must_use]
    pub fn as_text(&self) -> String {
        let mut parts = Vec::new();
        let content = self.body.get("content").and_then(Value::as_str).unwrap_or_default();
        parts.push(read(content));
        for embed in self.body.get("embeds").and_then(Value::as_array).into_iter().flatten() {
            parts.extend(embed.get("description").and_then(Value::as_str).map(read));
        }
        for file in &self.files {
            parts.push(format!("(picture: {})", file.0));
        }
        for row in self.body.get("components").and_then(Value::as_array).into_iter().flatten() {
            let mut line = Vec::new();
            for one in row.get("components").and_then(Value::as_array).into_iter().flatten() {
                if let Some(label) = one.get("label").and_then(Value::as_str) {
                    line.push(format!("[{label}]"));
                } else if let Some(hint) = one.get("placeholder").and_then(Value::as_str) {
                    line.push(format!("({hint})"));
                    for option in one.get("options").and_then(Value::as_array).into_iter().flatten() {
                        let label = option.get("label").and_then(Value::as_str).unwrap_or_default();
                        let about = option.get("description").and_then(Value::as_str);
                        let about = about.map(|about| format!(" — {about}")).unwrap_or_default();
                        line.push(format!("\n( ) {label}{about}"));
                    }
                }
            }
            parts.push(line.join(" ").replace(" \n", "\n"));
        }
        parts.retain(|part| !part.is_empty());
        parts.join("\n")
    }
}

/// Takes Discord's markup off: what a person reads.
fn read(text: &str) -> String {
    let mut out = String::new();
    let mut in_code = false;
    for line in text.lines() {
        if line == "```" {
            in_code = !in_code;
            continue;
        }
        if !out.is_empty() {
            out.push('\n');
        }
        if in_code {
            out.push_str(line);
            continue;
        }
        let line = match line.strip_prefix("- ") {
            Some(item) => {
                out.push_str("• ");
                item
            }
            None => line.strip_prefix("-# ").unwrap_or(line),
        };
        let mut letters = line.chars().peekable();
        let mut in_mono = false;
        while let Some(letter) = letters.next() {
            match letter {
                '`' => in_mono = !in_mono,
                '\\' if !in_mono => out.extend(letters.next()),
                '*' if !in_mono && letters.peek() == Some(&'*') => {
                    letters.next();
                }
                other => out.push(other),
            }
        }
    }
    out
}
