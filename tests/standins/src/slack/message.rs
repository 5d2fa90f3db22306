//! A message as a test holds it: what it says, what it said before, and what can be clicked.

use super::render::{Reader, transcript};
use super::rows::{Author, FileRow, MessageRow};
use super::rules::{Interactive, interactive_elements};
use serde_json::Value;
use std::sync::Arc;

/// A message as it stood when the test looked at it.
///
/// It does not change by itself: whoever clicks on it clicks on what she had on her screen.
#[derive(Clone, Debug)]
pub struct Message {
    pub(crate) row: MessageRow,
    pub(crate) reader: Arc<Reader>,
}

/// A button on a message or view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// What is written on it.
    pub label: String,
    /// Its `action_id`.
    pub action_id: String,
    /// Its `value`.
    pub value: String,
    /// The question that is asked before the click counts.
    pub confirm: Option<String>,
}

/// A file on a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What a person who cannot see it is told.
    pub alt: Option<String>,
    /// Its media type.
    pub mime: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl Message {
    /// Gives the timestamp that identifies it within its channel.
    #[must_use]
    pub fn ts(&self) -> &str {
        &self.row.ts
    }

    /// Gives the id of its channel.
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.row.channel
    }

    /// Gives the timestamp of the message whose thread it is in.
    #[must_use]
    pub fn thread(&self) -> Option<&str> {
        self.row.thread.as_deref()
    }

    /// Tells whether the app wrote it.
    #[must_use]
    pub fn is_from_app(&self) -> bool {
        matches!(self.row.author, Author::App { .. })
    }

    /// Tells whether only one person sees it.
    #[must_use]
    pub fn is_ephemeral(&self) -> bool {
        self.row.only_for.is_some()
    }

    /// Tells whether it was deleted.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.row.deleted
    }

    /// Gives the text beside the blocks, which notifications show.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.row.saying.text
    }

    /// Gives the blocks as they were sent, with the ids that Slack added.
    #[must_use]
    pub fn blocks(&self) -> &[Value] {
        &self.row.saying.blocks
    }

    /// Gives the metadata.
    #[must_use]
    pub fn metadata(&self) -> Option<&Value> {
        self.row.metadata.as_ref()
    }

    /// Gives the files.
    #[must_use]
    pub fn files(&self) -> Vec<File> {
        self.row.files.iter().map(File::from).collect()
    }

    /// Gives the buttons.
    #[must_use]
    pub fn buttons(&self) -> Vec<Button> {
        buttons(self.blocks())
    }

    /// Gives what is written on the buttons.
    #[must_use]
    pub fn button_labels(&self) -> Vec<String> {
        self.buttons().into_iter().map(|button| button.label).collect()
    }

    /// Writes what a person sees, with buttons in brackets; dates are in UTC.
    #[must_use]
    pub fn as_text(&self) -> String {
        transcript(&self.row.saying, &self.row.files, &self.reader)
    }

    /// Writes what it said before each rewriting, oldest first.
    #[must_use]
    pub fn earlier(&self) -> Vec<String> {
        self.row.earlier.iter().map(|saying| transcript(saying, &[], &self.reader)).collect()
    }

    /// Counts how often it was rewritten.
    #[must_use]
    pub fn rewritten(&self) -> usize {
        self.row.earlier.len()
    }
}

/// Lists the buttons among blocks.
pub(crate) fn buttons(blocks: &[Value]) -> Vec<Button> {
    let pressable = |found: &Interactive<'_>| found.kind() == "button" || found.kind() == "workflow_button";
    let found = interactive_elements(blocks).into_iter().filter(pressable);
    found
        .map(|found| Button {
            label: found.label().to_owned(),
            action_id: found.action_id().to_owned(),
            value: found.element.get("value").and_then(Value::as_str).unwrap_or_default().to_owned(),
            confirm: found.element.pointer("/confirm/text/text").and_then(Value::as_str).map(str::to_owned),
        })
        .collect()
}

impl From<&FileRow> for File {
    fn from(row: &FileRow) -> Self {
        Self {
            id: row.id.clone(),
            name: row.name.clone(),
            title: row.title.clone(),
            alt: row.alt.clone(),
            mime: row.mime.clone(),
            bytes: row.bytes.clone(),
        }
    }
}
