//! Why a line was not understood: one sentence, the usage, and a mark under the word.

use std::fmt;

use super::lex::Span;
use super::meaning::is_negation;
use super::suggest::nearest;

/// A line that was not understood. `Display` is the sentence for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// What was wrong.
    pub problem: Problem,
    /// Where.
    pub span: Span,
    /// The line as it was typed.
    pub line: String,
    /// How the command is used, when it was recognised.
    pub usage: Option<&'static str>,
}

/// What can be wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// Nothing was said.
    Empty,
    /// The first word is no command.
    UnknownCommand {
        /// The word.
        word: String,
    },
    /// Something needed is not there.
    Missing(&'static str),
    /// A word is left that nobody understood.
    Leftover {
        /// The first such word.
        word: String,
    },
    /// A word cannot be a server's name.
    NotAServer {
        /// The word.
        word: String,
        /// Why not, as the end of a sentence.
        why: String,
    },
    /// A date that is not understood or could mean two days.
    NotADate {
        /// The word.
        word: String,
        /// What to write instead.
        hint: String,
    },
    /// A time of day that is not understood.
    NotATime {
        /// The word.
        word: String,
    },
    /// A word that is no time zone's name.
    NotAZone {
        /// The word.
        word: String,
    },
    /// A number that is not understood or out of range.
    NotANumber {
        /// The word.
        word: String,
        /// What was expected: `a number of days or weeks from 1 to 90`.
        wanted: &'static str,
    },
    /// A word that is no mail address.
    NotAnAddress {
        /// The word.
        word: String,
    },
    /// A word that is no quarter.
    NotAQuarter {
        /// The word.
        word: String,
    },
    /// A second server where one at a time is acted on.
    OneServer {
        /// The word that is one too many.
        word: String,
    },
    /// A word that is no code.
    NotACode {
        /// The word.
        word: String,
    },
    /// Quiet hours that are not two times of day.
    NotHours {
        /// The words.
        word: String,
    },
    /// Neither a mail address nor a code.
    NotAnIntroduction {
        /// The word.
        word: String,
    },
    /// A quote was opened and never closed.
    UnclosedQuote,
    /// The reason is empty or too long.
    BadReason(&'static str),
    /// An invisible character that can disguise a name.
    HiddenCharacter(char),
    /// A decision was put as a question.
    Question,
    /// Longer than any command.
    TooLong,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.trim();
        match &self.problem {
            Problem::Empty => {
                f.write_str("Nothing was said. Say \"help\" for everything that can be said.")?;
            }
            Problem::UnknownCommand { word } => {
                write!(f, "I do not know \"{word}\".")?;
                // Looked for when somebody reads it: most lines that are no command are nobody's mistake.
                let known = crate::CATALOG.iter().flat_map(|spec| spec.words());
                let word = word.to_lowercase();
                // "No problem" does not mean "now".
                let suggestion = nearest(&word, known).filter(|_| !is_negation(&word));
                if let Some(suggestion) = suggestion {
                    write!(f, " Did you mean \"{suggestion}\"?")?;
                }
                f.write_str(" Say \"help\" for everything that can be said.")?;
            }
            Problem::Missing(what) => write!(f, "{what} is missing in \"{line}\".")?,
            Problem::Leftover { word } => write!(f, "I do not understand \"{word}\" in \"{line}\".")?,
            Problem::NotAServer { word, why } => write!(f, "\"{word}\" is not a server name: {why}.")?,
            Problem::NotADate { word, hint } => {
                write!(f, "\"{word}\" is not a date I can be sure of: {hint}.")?;
            }
            Problem::NotATime { word } => {
                write!(
                    f,
                    "\"{word}\" is not a time of day: write it with two digits and a colon, as 08:30 or 20:00."
                )?;
            }
            Problem::NotAZone { word } => {
                write!(
                    f,
                    "\"{word}\" is not a time zone's name: write it as Europe/Berlin, America/New_York or UTC."
                )?;
            }
            Problem::NotANumber { word, wanted } => write!(f, "\"{word}\" is not {wanted}.")?,
            Problem::NotAnAddress { word } => {
                write!(f, "\"{word}\" is not a mail address: write it as name@example.org.")?;
            }
            Problem::NotAQuarter { word } => {
                write!(
                    f,
                    "\"{word}\" is not a quarter: write it as 2027-Q1, with the year in which it ends."
                )?;
            }
            Problem::OneServer { word } => {
                write!(
                    f,
                    "This is done for one server at a time, and with a reason: \"{word}\" is one word too many."
                )?;
            }
            Problem::NotACode { word } => {
                write!(f, "\"{word}\" is not a code: it has letters and digits only, as 7F3K-9QMW.")?;
            }
            Problem::NotHours { word } => {
                write!(f, "\"{word}\" is not a span of hours: write it as 22:00-07:00, or \"off\".")?;
            }
            Problem::NotAnIntroduction { word } => {
                write!(
                    f,
                    "\"{word}\" is neither a mail address, as ada@example.org, nor a code that I mailed."
                )?;
            }
            Problem::UnclosedQuote => write!(f, "A quotation mark is opened and not closed in \"{line}\".")?,
            Problem::BadReason(why) => f.write_str(why)?,
            Problem::HiddenCharacter(c) => write!(
                f,
                "There is an invisible character (U+{:04X}) in the line, which could disguise a name. Type the line anew.",
                u32::from(*c)
            )?,
            Problem::Question => {
                write!(f, "A decision cannot be a question: leave out the \"?\" in \"{line}\".")?;
            }
            Problem::TooLong => f.write_str(
                "That is too long to be a command. Say \"help\" for everything that can be said.",
            )?,
        }
        match self.usage {
            Some(usage) => write!(f, " Usage: {usage}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ParseError {}

impl ParseError {
    /// The sentence, the line, and a mark under the place; for a terminal or a code block.
    #[must_use]
    pub fn pointed(&self) -> String {
        let shown: String = self.line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let before = self.line.char_indices().filter(|(at, _)| *at < self.span.start).count();
        let inside =
            self.line.char_indices().filter(|(at, _)| (self.span.start..self.span.end).contains(at)).count();
        format!("{self}\n  {shown}\n  {}{}", " ".repeat(before), "^".repeat(inside.max(1)))
    }
}
