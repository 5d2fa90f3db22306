//! What is shown in chat before it is any platform's: words, buttons, something to choose from, a picture.

use super::press::{Pick, Press};
use super::text::{Line, Paragraph, plain};
use crate::domain::answer::Answer;

/// How a button looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// As any other.
    #[default]
    Plain,
    /// The usual thing to do.
    Primary,
    /// Not easily taken back.
    Danger,
}

/// A button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    /// What is written on it.
    pub label: String,
    /// What a click means.
    pub press: Press,
    /// How it looks.
    pub style: Style,
}

impl Button {
    /// A plain button.
    #[must_use]
    pub fn new(label: impl Into<String>, press: Press) -> Self {
        Self { label: label.into(), press, style: Style::Plain }
    }

    /// The same in another style.
    #[must_use]
    pub fn styled(mut self, style: Style) -> Self {
        self.style = style;
        self
    }
}

/// One thing that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What it stands for.
    pub value: String,
    /// What is shown.
    pub label: String,
    /// More about it, below.
    pub about: Option<String>,
    /// The heading it stands under.
    pub group: Option<String>,
}

impl Choice {
    /// A choice that is shown as it is.
    #[must_use]
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into(), about: None, group: None }
    }

    /// The same with more about it.
    #[must_use]
    pub fn with_about(mut self, about: impl Into<String>) -> Self {
        self.about = Some(about.into());
        self
    }
}

/// A list to choose one thing from, on a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    /// What choosing means.
    pub pick: Pick,
    /// What stands in it while nothing is chosen.
    pub hint: &'static str,
    /// What can be chosen.
    pub choices: Vec<Choice>,
}

/// A line with buttons of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line.
    pub line: Line,
    /// What can be clicked about it.
    pub buttons: Vec<Button>,
}

/// A picture, with the same in words.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// The PNG.
    pub png: Vec<u8>,
    /// The file's name.
    pub name: String,
    /// What it shows, for whoever cannot see it.
    pub alt: String,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Picture")
            .field("name", &self.name)
            .field("bytes", &self.png.len())
            .finish_non_exhaustive()
    }
}

/// One message, or as many as it needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Screen {
    /// What is said.
    pub body: Vec<Paragraph>,
    /// Lines with buttons.
    pub rows: Vec<Row>,
    /// Something to choose from.
    pub select: Option<Select>,
    /// What can be clicked.
    pub buttons: Vec<Button>,
    /// What can be said next.
    pub footer: Vec<Line>,
    /// A picture.
    pub picture: Option<Picture>,
}

impl Screen {
    /// A screen of words alone.
    #[must_use]
    pub fn of(body: Vec<Paragraph>) -> Self {
        Self { body, ..Self::default() }
    }

    /// One line.
    #[must_use]
    pub fn line(text: impl Into<String>) -> Self {
        Self::of(vec![Paragraph::Lines(vec![Line::plain(text)])])
    }

    /// An answer of the use cases.
    #[must_use]
    pub fn answer(answer: &Answer) -> Self {
        Self::of(super::text::of_answer(answer))
    }

    /// The same with a button more.
    #[must_use]
    pub fn with(mut self, button: Button) -> Self {
        self.buttons.push(button);
        self
    }

    /// As plain text, with what can be clicked in brackets; `command` is what stands before words to type.
    #[must_use]
    pub fn text(&self, command: &str) -> String {
        let labels = |buttons: &[Button]| -> String {
            let labels: Vec<String> = buttons.iter().map(|button| format!("[{}]", button.label)).collect();
            labels.join(" ")
        };
        let mut parts = vec![plain(&self.body, command)];
        for row in &self.rows {
            parts.push(row.line.text(command));
            parts.push(labels(&row.buttons));
        }
        if let Some(select) = &self.select {
            parts.push(format!("({})", select.hint));
            parts.extend(select.choices.iter().map(|choice| {
                let about = choice.about.as_ref().map(|about| format!(" — {about}")).unwrap_or_default();
                format!("( ) {}{about}", choice.label)
            }));
        }
        parts.push(labels(&self.buttons));
        parts.push(plain(&[Paragraph::Lines(self.footer.clone())], command));
        parts.extend(self.picture.as_ref().map(|picture| format!("[picture: {}]", picture.name)));
        parts.retain(|part| !part.is_empty());
        parts.join("\n")
    }
}
