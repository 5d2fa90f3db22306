//! Which windows a command is about.

use std::fmt;

use super::error::{ParseError, Problem};
use super::group::GroupName;
use super::lex::{Word, Words};
use super::name::ServerName;

/// Lines of a notice, from `first` to `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineRange {
    /// The first line, from 1.
    pub first: u16,
    /// The last line, not before the first.
    pub last: u16,
}

impl fmt::Display for LineRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// Which windows a command is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Nothing was named: what the notice, card or thread shows.
    These,
    /// All of the notice that is answered; elsewhere all of one's own.
    All {
        /// The servers left out.
        except: Vec<ServerName>,
    },
    /// All of a host group: of the notice that is answered, elsewhere of one's own.
    Group {
        /// The host group.
        group: GroupName,
        /// The servers left out.
        except: Vec<ServerName>,
    },
    /// Servers by name.
    Servers(Vec<ServerName>),
    /// Lines of the notice that is answered.
    Lines(Vec<LineRange>),
}

/// More than anybody types; a longer list is a mistake or an attack.
const MOST: usize = 500;

impl Target {
    /// Takes servers as long as `ends` does not recognise the next word.
    pub(crate) fn take(words: &mut Words, ends: impl Fn(&Word) -> bool) -> Result<Self, ParseError> {
        let stop = |word: &Word| !word.quoted && (word.is("because") || ends(word));
        match words.peek() {
            None => return Ok(Self::These),
            Some(word) if stop(word) => return Ok(Self::These),
            Some(word) if word.is("all") => {
                words.next();
                return Self::take_all(words, stop);
            }
            Some(word) if word.is("group") => {
                words.next();
                let group = GroupName::take(words)?;
                return Ok(Self::Group { group, except: take_except(words, stop)? });
            }
            Some(word) if word.is("my") || word.is("mine") => {
                return Err(words.error_at(
                    word.span,
                    Problem::NotAServer {
                        word: word.text.clone(),
                        why: "say \"all\" for all of yours".to_owned(),
                    },
                ));
            }
            Some(_) => {}
        }
        if let Some(lines) = Self::take_lines(words, &stop)? {
            return Ok(Self::Lines(lines));
        }
        Ok(Self::Servers(take_names(words, stop)?))
    }

    fn take_all(words: &mut Words, stop: impl Fn(&Word) -> bool) -> Result<Self, ParseError> {
        // "all", "all mine", "all my servers", "all servers": the same.
        let _ = words.take("my") || words.take("mine");
        let _ = words.take("servers");
        Ok(Self::All { except: take_except(words, stop)? })
    }

    /// Line numbers and ranges, when the first word is one.
    fn take_lines(
        words: &mut Words,
        stop: &impl Fn(&Word) -> bool,
    ) -> Result<Option<Vec<LineRange>>, ParseError> {
        let numeric = |word: &Word| {
            !word.quoted
                && word.text.starts_with(|c: char| c.is_ascii_digit())
                && word.text.chars().all(|c| c.is_ascii_digit() || c == '-')
        };
        if !words.peek().is_some_and(numeric) {
            return Ok(None);
        }
        let mut lines = Vec::new();
        while let Some(word) = words.peek().filter(|word| !stop(word)).cloned() {
            if word.is(",") || word.is("and") {
                words.next();
                continue;
            }
            if !numeric(&word) {
                break;
            }
            let (first, last) = word.text.split_once('-').unwrap_or((&word.text, &word.text));
            match (first.parse::<u16>(), last.parse::<u16>()) {
                (Ok(first), Ok(last)) if first >= 1 && first <= last && lines.len() < MOST => {
                    lines.push(LineRange { first, last });
                }
                _ => {
                    let wanted = "a line's number, or a range as 1-4";
                    return Err(words.error_at(word.span, Problem::NotANumber { word: word.text, wanted }));
                }
            }
            words.next();
        }
        Ok(Some(lines))
    }
}

/// `except db01` or `but not db01`.
fn take_except(words: &mut Words, stop: impl Fn(&Word) -> bool) -> Result<Vec<ServerName>, ParseError> {
    let excluded = if words.take("but") { words.take("not") } else { words.take("except") };
    if excluded { take_names(words, stop) } else { Ok(Vec::new()) }
}

/// One server's name, for the questions that are about one.
pub(crate) fn take_name(words: &mut Words) -> Result<Option<ServerName>, ParseError> {
    let Some(word) = words.next() else { return Ok(None) };
    read_name(words, &word).map(Some)
}

fn read_name(words: &Words, word: &Word) -> Result<ServerName, ParseError> {
    ServerName::parse(&word.text)
        .map_err(|why| words.error_at(word.span, Problem::NotAServer { word: word.text.clone(), why }))
}

fn take_names(words: &mut Words, stop: impl Fn(&Word) -> bool) -> Result<Vec<ServerName>, ParseError> {
    let mut names = Vec::new();
    // A comma or "and" stands between two names, never before the first or behind the last.
    let mut wants_name = true;
    while let Some(word) = words.peek().cloned() {
        let separator = word.is(",") || word.is("and");
        if stop(&word) || (!separator && !word.quoted && ServerName::is_keyword(&word.folded())) {
            break;
        }
        if separator {
            if wants_name && !word.is("and") {
                break;
            }
            wants_name = true;
        } else {
            let name = read_name(words, &word)?;
            if names.len() >= MOST {
                return Err(words.error_at(word.span, Problem::TooLong));
            }
            if !names.contains(&name) {
                names.push(name);
            }
            wants_name = false;
        }
        words.next();
    }
    if wants_name { Err(words.error_here(Problem::Missing("A server's name"))) } else { Ok(names) }
}

fn print_except(f: &mut fmt::Formatter<'_>, except: &[ServerName]) -> fmt::Result {
    if !except.is_empty() {
        f.write_str(" except")?;
    }
    except.iter().try_for_each(|name| write!(f, " {name}"))
}

impl fmt::Display for Target {
    /// Prints with a blank before it, or nothing for [`Target::These`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::These => Ok(()),
            Self::All { except } => {
                f.write_str(" all")?;
                print_except(f, except)
            }
            Self::Group { group, except } => {
                write!(f, " group {group}")?;
                print_except(f, except)
            }
            Self::Servers(names) => names.iter().try_for_each(|name| write!(f, " {name}")),
            Self::Lines(lines) => lines.iter().try_for_each(|line| write!(f, " {line}")),
        }
    }
}
