//! What the terminal shows: sentences, tables, JSON, progress; plain lines when it is no terminal.

use std::io::{IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::domain::answer::Answer;

/// The terminal, or whatever stands in for it.
pub struct Screen {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    json: bool,
    terminal: bool,
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screen")
            .field("json", &self.json)
            .field("terminal", &self.terminal)
            .finish_non_exhaustive()
    }
}

impl Screen {
    /// Standard output and standard error.
    #[must_use]
    pub fn standard(json: bool) -> Self {
        let terminal = std::io::stdout().is_terminal();
        Self { out: Box::new(std::io::stdout()), err: Box::new(std::io::stderr()), json, terminal }
    }

    /// Whether JSON was asked for.
    #[must_use]
    pub fn wants_json(&self) -> bool {
        self.json
    }

    /// One line. A reader that has gone away is no error of ours.
    pub fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{text}");
    }

    /// One line of what went wrong.
    pub fn complain(&mut self, text: &str) {
        let _ = writeln!(self.err, "patchbot: {text}");
    }

    /// A value as JSON.
    pub fn json(&mut self, value: &impl Serialize) {
        match serde_json::to_string_pretty(value) {
            Ok(text) => self.line(&text),
            Err(error) => self.complain(&format!("this cannot be written as JSON: {error}")),
        }
    }

    /// Rows under headings: a table in a terminal, tabulators between the cells elsewhere.
    pub fn table<const N: usize>(&mut self, headings: [&str; N], rows: &[[String; N]]) {
        if !self.terminal {
            self.line(&headings.join("\t"));
            for row in rows {
                self.line(&row.join("\t"));
            }
            return;
        }
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(headings);
        table.add_rows(rows.iter().map(|row| row.iter().cloned().collect::<Vec<_>>()));
        self.line(&table.to_string());
    }

    /// An answer: its lines, then what can be said or done next.
    pub fn answer(&mut self, answer: &Answer) {
        if self.json {
            self.json(answer);
            return;
        }
        for line in &answer.lines {
            self.line(line);
        }
        for next in &answer.next {
            self.line(&format!("→ {next}"));
        }
    }

    /// A bar for `length` pieces of long work; without a terminal it says nothing.
    #[must_use]
    pub fn progress(&self, length: usize, what: &str) -> ProgressBar {
        if !std::io::stderr().is_terminal() || self.json {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX));
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}") {
            bar.set_style(style);
        }
        bar.with_message(what.to_owned())
    }
}
