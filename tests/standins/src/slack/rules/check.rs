//! Collects problems and words them as Slack does, with a pointer to the place.

use serde_json::Value;

/// The problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Check {
    pub(crate) problems: Vec<String>,
    pub(crate) focused: usize,
}

/// Which kind of text object a place takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Markup {
    Plain,
    Any,
}

impl Check {
    /// Notes a problem.
    pub(crate) fn problem(&mut self, at: &str, what: &str) {
        self.problems.push(format!("{what} [json-pointer:{at}]"));
    }

    /// Checks that an object has what it must and nothing that is unknown.
    pub(crate) fn fields(&mut self, value: &Value, at: &str, known: &[&str], needed: &[&str]) {
        let Some(fields) = value.as_object() else {
            self.problem(at, "must be an object");
            return;
        };
        for name in needed {
            if fields.get(*name).is_none_or(Value::is_null) {
                self.problem(at, &format!("missing required field: {name}"));
            }
        }
        for name in fields.keys() {
            if !known.contains(&name.as_str()) {
                self.problem(at, &format!("invalid additional property: {name}"));
            }
        }
    }

    /// Checks the length of a string that may be absent.
    pub(crate) fn word(&mut self, value: &Value, name: &str, at: &str, most: usize) {
        let Some(found) = value.get(name) else { return };
        let at = format!("{at}/{name}");
        match found.as_str() {
            Some(text) => self.length(text, &at, most),
            None => self.problem(&at, "must be a string"),
        }
    }

    /// Checks the length of a string that must not be empty.
    pub(crate) fn filled_word(&mut self, value: &Value, name: &str, at: &str, most: usize) {
        self.word(value, name, at, most);
        if value.get(name).and_then(Value::as_str) == Some("") {
            self.problem(&format!("{at}/{name}"), "must be more than 0 characters");
        }
    }

    /// Checks a text object that takes no markup.
    pub(crate) fn plain(&mut self, value: &Value, name: &str, at: &str, most: usize) {
        if let Some(found) = value.get(name) {
            self.text(found, &format!("{at}/{name}"), Markup::Plain, most);
        }
    }

    /// Checks a text object of either kind.
    pub(crate) fn markup(&mut self, value: &Value, name: &str, at: &str, most: usize) {
        if let Some(found) = value.get(name) {
            self.text(found, &format!("{at}/{name}"), Markup::Any, most);
        }
    }

    /// Checks a text object.
    pub(crate) fn text(&mut self, value: &Value, at: &str, markup: Markup, most: usize) {
        match value.get("type").and_then(Value::as_str) {
            Some("plain_text") => self.fields(value, at, &["type", "text", "emoji"], &["text"]),
            Some("mrkdwn") if markup == Markup::Any => {
                self.fields(value, at, &["type", "text", "verbatim"], &["text"]);
            }
            Some(other) => {
                return self.problem(&format!("{at}/type"), &format!("unsupported text type: {other}"));
            }
            None => return self.problem(at, "missing required field: type"),
        }
        self.filled_word(value, "text", at, most);
    }

    /// Gives the items of an array, checking how many there are.
    pub(crate) fn items<'v>(&mut self, value: &'v Value, at: &str, least: usize, most: usize) -> &'v [Value] {
        let Some(items) = value.as_array() else {
            self.problem(at, "must be an array");
            return &[];
        };
        if items.len() > most {
            self.problem(at, &format!("no more than {most} items allowed"));
        }
        if items.len() < least {
            self.problem(at, &format!("no fewer than {least} items allowed"));
        }
        items
    }

    fn length(&mut self, text: &str, at: &str, most: usize) {
        if text.chars().count() > most {
            self.problem(at, &format!("must be less than {} characters", most + 1));
        }
    }
}
