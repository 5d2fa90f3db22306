//! Reads an answer of the helper: start line, JSON lines, end line, all of them counted and limited.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::PROTOCOL;
use crate::domain::check::{Check, NoFacts};

/// The longest line that is read, in bytes. The helper cuts every text at 8,000 bytes; JSON escapes can sextuple it.
pub const MAX_LINE: usize = 64 * 1024;

/// The most lines that are read: every package of a large host, several times over.
pub const MAX_LINES: usize = 50_000;

/// How much of what was said before the start line is forgiven: the greetings of login scripts.
const MAX_GREETING: usize = 100;

/// An answer of the helper, complete as far as its end mark tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    lines: Vec<(usize, String)>,
}

/// Why an answer cannot be used. Every sentence names the line and the next step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Nothing came.
    #[error("the host said nothing; look at the host with ssh and \"sudo -n patchbot-host hello\"")]
    Nothing,
    /// What came does not come from the helper.
    #[error(
        "the answer does not come from patchbot-host, it begins with \"{begins}\"; install the helper with \"patchbot enroll\""
    )]
    NotTheHelper {
        /// Its first words.
        begins: String,
    },
    /// The helper speaks another protocol.
    #[error(
        "the host's helper {helper} speaks protocol {seen}, this program {PROTOCOL}; install the helper again with \"patchbot enroll\""
    )]
    Protocol {
        /// The helper's version.
        helper: String,
        /// What it speaks.
        seen: u32,
    },
    /// The answer belongs to another question.
    #[error("the host answered to \"{seen}\" and was asked for \"{asked}\"; ask again")]
    OtherVerb {
        /// What it answered to.
        seen: String,
        /// What it was asked.
        asked: String,
    },
    /// The end is missing.
    #[error("the answer ends after line {lines} without its end mark, so a part of it is lost; ask again")]
    Cut {
        /// The lines that came.
        lines: usize,
    },
    /// Lines are missing or too many.
    #[error(
        "the answer has {seen} lines and its end mark says {told}, so it was changed on the way; ask again"
    )]
    Miscounted {
        /// The lines that came.
        seen: usize,
        /// What the end mark says.
        told: usize,
    },
    /// Something comes after the end mark.
    #[error("the answer goes on after its end mark in line {line}; look at the login scripts of the account")]
    AfterTheEnd {
        /// Where.
        line: usize,
    },
    /// A line is too long.
    #[error(
        "line {line} of the answer is longer than {MAX_LINE} bytes; look at the host, something floods its answers"
    )]
    LineTooLong {
        /// Which.
        line: usize,
    },
    /// There are too many lines.
    #[error("the answer has more than {MAX_LINES} lines; look at the host, something floods its answers")]
    TooManyLines,
    /// A line is not what the protocol has there.
    #[error(
        "line {line} of the answer cannot be read ({why}): {text}; install the helper again with \"patchbot enroll\""
    )]
    Line {
        /// Which.
        line: usize,
        /// What is wrong with it.
        why: String,
        /// Its beginning.
        text: String,
    },
    /// A part of the facts is neither told nor explained.
    #[error(
        "the answer has nothing about \"{part}\", neither facts nor a problem; ask again, or install the helper again with \"patchbot enroll\""
    )]
    Missing {
        /// Which part.
        part: &'static str,
    },
    /// A part without which nothing can be judged could not be told.
    #[error(
        "the host could not tell its \"{part}\" ({why}); look at the host with \"sudo patchbot-host facts\""
    )]
    Untold {
        /// Which part.
        part: &'static str,
        /// Why.
        why: String,
    },
    /// The helper did not understand the command.
    #[error(
        "the host's helper did not understand the command ({text}); install the helper again with \"patchbot enroll\""
    )]
    Misused {
        /// What it said.
        text: String,
    },
}

/// Which check a host fails that gave no usable answer; `complaint` is the last line of the command's standard error.
#[must_use]
pub fn no_facts(error: &AnswerError, complaint: &str) -> NoFacts {
    let said = complaint.strip_prefix("sudo: ").map(shortened);
    match (error, said) {
        (AnswerError::Nothing, Some(said)) if said.contains("command not found") => NoFacts {
            check: Check::Helper,
            found: "the helper is not installed".to_owned(),
            remedy: "Install it with \"patchbot enroll\".".to_owned(),
        },
        (AnswerError::Nothing, Some(said)) => NoFacts {
            check: Check::Sudo,
            found: format!("sudo does not allow the helper ({said})"),
            remedy: "Install its line of sudoers with \"patchbot enroll\".".to_owned(),
        },
        _ => NoFacts::told(Check::Helper, &error.to_string()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    start: String,
    helper: String,
    protocol: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    end: String,
    lines: usize,
}

impl Answer {
    /// Reads the answer to `verb` from what the command wrote to its standard output.
    ///
    /// # Errors
    /// When the answer is not the helper's, not to this question, cut, changed or too large.
    pub fn read(verb: &str, output: &[u8]) -> Result<Self, AnswerError> {
        let mut start = None;
        let mut lines = Vec::new();
        let mut ended = false;
        for (index, raw) in output.split(|byte| *byte == b'\n').enumerate() {
            let number = index.saturating_add(1);
            if lines.len() >= MAX_LINES || number > MAX_LINES + MAX_GREETING {
                return Err(AnswerError::TooManyLines);
            }
            if raw.len() > MAX_LINE {
                return Err(AnswerError::LineTooLong { line: number });
            }
            let text = String::from_utf8_lossy(raw);
            let text = text.trim_end_matches('\r');
            if text.is_empty() {
                continue;
            }
            if ended {
                return Err(AnswerError::AfterTheEnd { line: number });
            }
            if start.is_none() {
                if let Ok(line) = serde_json::from_str::<Start>(text) {
                    start = Some(line);
                    lines.push((number, String::new()));
                } else if number > MAX_GREETING {
                    return Err(not_the_helper(output));
                }
            } else if let Ok(end) = serde_json::from_str::<End>(text) {
                if end.lines != lines.len() || start.as_ref().is_none_or(|start| start.start != end.end) {
                    return Err(AnswerError::Miscounted { seen: lines.len(), told: end.lines });
                }
                ended = true;
            } else {
                lines.push((number, text.to_owned()));
            }
        }
        let Some(start) = start else {
            return Err(not_the_helper(output));
        };
        if start.protocol != PROTOCOL {
            return Err(AnswerError::Protocol { helper: shortened(&start.helper), seen: start.protocol });
        }
        if !ended {
            return Err(AnswerError::Cut { lines: lines.len() });
        }
        let answer = Self { lines: lines.into_iter().skip(1).collect() };
        answer.not_misused()?;
        if start.start != verb {
            return Err(AnswerError::OtherVerb { seen: shortened(&start.start), asked: verb.to_owned() });
        }
        Ok(answer)
    }

    /// The lines between start and end with their numbers, each read as a `T`.
    ///
    /// # Errors
    /// At the first line that is no `T`.
    pub fn each<T: DeserializeOwned>(&self) -> impl Iterator<Item = Result<T, AnswerError>> + '_ {
        self.lines.iter().map(|(number, text)| {
            serde_json::from_str(text).map_err(|error| AnswerError::Line {
                line: *number,
                // serde tells its own line and column, which mean nothing here
                why: shortened(error.to_string().split(" at line ").next().unwrap_or_default()),
                text: shortened(text),
            })
        })
    }

    fn not_misused(&self) -> Result<(), AnswerError> {
        #[derive(Deserialize)]
        struct Misuse {
            answer: String,
            text: String,
        }
        match self.lines.first().and_then(|(_, text)| serde_json::from_str::<Misuse>(text).ok()) {
            Some(line) if line.answer == "misused" => {
                Err(AnswerError::Misused { text: shortened(&line.text) })
            }
            _ => Ok(()),
        }
    }
}

fn not_the_helper(output: &[u8]) -> AnswerError {
    let begin = output.get(..output.len().min(400)).unwrap_or_default();
    let text = String::from_utf8_lossy(begin);
    let text = text.trim();
    if text.is_empty() { AnswerError::Nothing } else { AnswerError::NotTheHelper { begins: shortened(text) } }
}

/// The beginning of a host's text, fit for a sentence: one line, no control characters.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 160;
    let plain: String = text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() { format!("{plain}…") } else { plain }
}
