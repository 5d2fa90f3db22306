//! Forms: what is asked, what was filled in, and what that says.

use super::press::FormId;
use super::screen::Choice;
use super::text::Paragraph;

/// What a field takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldKind {
    /// One of these.
    One(Vec<Choice>),
    /// Several of these.
    Several(Vec<Choice>),
    /// A date.
    Date,
    /// A time of day.
    Time,
    /// A time zone's name, found by typing.
    Zone,
    /// One server's name, found by typing.
    Server,
    /// Servers' names, found by typing.
    Servers,
    /// A line of text, at most so many characters long.
    Text(u16),
}

/// A field of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What stands above it.
    pub label: &'static str,
    /// What stands below or in it.
    pub hint: Option<String>,
    /// Whether it has to be filled in.
    pub needed: bool,
    /// What it takes.
    pub kind: FieldKind,
    /// What is filled in already.
    pub filled: Option<String>,
}

impl Field {
    /// A field that may stay empty.
    #[must_use]
    pub fn new(name: &'static str, label: &'static str, kind: FieldKind) -> Self {
        Self { name, label, hint: None, needed: false, kind, filled: None }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, and it has to be filled in.
    #[must_use]
    pub fn needed(mut self, needed: bool) -> Self {
        self.needed = needed;
        self
    }

    /// The same, filled in already.
    #[must_use]
    pub fn filled(mut self, value: Option<String>) -> Self {
        self.filled = value;
        self
    }
}

/// A form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Which, and about what.
    pub id: FormId,
    /// Its title: short, for platforms cut it.
    pub title: &'static str,
    /// What is said above the fields.
    pub intro: Vec<Paragraph>,
    /// The fields.
    pub fields: Vec<Field>,
    /// What is written on the button that sends it.
    pub submit: &'static str,
}

/// What was filled in: the names of fields with their values, several for a field of several.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filled(Vec<(String, Vec<String>)>);

impl Filled {
    /// Adds what is in a field; what is empty is not filled in.
    pub fn put(&mut self, name: impl Into<String>, values: Vec<String>) {
        let values: Vec<String> = values
            .into_iter()
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
            .collect();
        if !values.is_empty() {
            self.0.push((name.into(), values));
        }
    }

    /// The values of a field.
    #[must_use]
    pub fn all(&self, name: &str) -> &[String] {
        self.0
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, values)| values.as_slice())
            .unwrap_or_default()
    }

    /// The one value of a field.
    #[must_use]
    pub fn one(&self, name: &str) -> Option<&str> {
        self.all(name).first().map(String::as_str)
    }
}

impl Form {
    /// The form once more, with what was filled in still there, and why it was not taken above it.
    #[must_use]
    pub fn again(mut self, filled: &Filled, why: Vec<Paragraph>) -> Self {
        for field in &mut self.fields {
            match filled.all(field.name) {
                [] => {}
                values => field.filled = Some(values.join("\n")),
            }
        }
        self.intro = why.into_iter().chain(self.intro).collect();
        self
    }
}
