//! Reads a filter: as a whole or not at all, and with the nearest word when one was misspelt.

use super::text::{self, is_keyword, is_plain};
use super::{Column, Compare, Condition, FIELDS, Field, Filter, comparable, words_of};

/// Longer filters are not read.
const LONGEST: usize = 4000;
/// Parentheses in parentheses, and `not` before `not`, go no deeper than this.
const DEEPEST: usize = 40;

/// A text that is no filter: what is wrong with it, and what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAFilter {
    /// Nothing was written.
    #[error("the filter is empty; write it as group=db and env=prod")]
    Empty,
    /// Much was written.
    #[error(
        "the filter is longer than {LONGEST} characters, or nested more than {DEEPEST} deep; write a shorter one"
    )]
    TooLong,
    /// A quote without its end.
    #[error("the quote {0} is not closed; write it as os=\"Debian 12\"")]
    Unclosed(String),
    /// Something else was expected.
    #[error("{found} stands where {expected} is expected; write it as group=db and env=prod")]
    Unexpected {
        /// What is there.
        found: String,
        /// What should be there.
        expected: &'static str,
    },
    /// A value in several words.
    #[error(
        "\"{found}\" stands behind {condition}; put a value with blanks in quotes, or write \"and\" between two conditions"
    )]
    Leftover {
        /// What is there.
        found: String,
        /// The condition before it.
        condition: String,
    },
    /// A column that no server has.
    #[error("there is no column \"{column}\"{}", did_you_mean(.near))]
    Column {
        /// As it was written.
        column: String,
        /// The nearest, else those that there are.
        near: Vec<String>,
    },
    /// A word that a column never has.
    #[error("{column} is never \"{value}\"; {}", choice(*.near, .words))]
    Value {
        /// The column.
        column: String,
        /// As it was written.
        value: String,
        /// The nearest word.
        near: Option<&'static str>,
        /// All of them.
        words: &'static [&'static str],
    },
    /// An order where there is none.
    #[error("{condition} cannot be compared: {why}")]
    NoOrder {
        /// The condition.
        condition: String,
        /// Why.
        why: &'static str,
    },
}

fn did_you_mean(near: &[String]) -> String {
    match near {
        [] => String::new(),
        [one] => format!("; did you mean {one}?"),
        several => format!("; there are {}", several.join(", ")),
    }
}

fn choice(near: Option<&'static str>, words: &[&str]) -> String {
    match near {
        Some(word) => format!("did you mean {word}? Its words are {}", words.join(", ")),
        None => format!("use {}", words.join(", ")),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// Without quotes.
    Word(String),
    /// In quotes.
    Quoted(String),
    Sign(Compare),
    Open,
    Close,
    Comma,
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Self::Word(word) => format!("\"{word}\""),
            Self::Quoted(text) => format!("\"{text}\" in quotes"),
            Self::Sign(sign) => format!("\"{}\"", sign.sign()),
            Self::Open => "\"(\"".to_owned(),
            Self::Close => "\")\"".to_owned(),
            Self::Comma => "\",\"".to_owned(),
        }
    }

    fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, NotAFilter> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let token = match c {
            c if c.is_whitespace() => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            ',' => Token::Comma,
            '"' | '\'' => Token::Quoted(quoted(c, &mut rest)?),
            '=' => {
                // "==" is what programmers type.
                rest.next_if_eq(&'=');
                Token::Sign(Compare::Is)
            }
            '~' => Token::Sign(Compare::Contains),
            '!' => match rest.next() {
                Some('=') => Token::Sign(Compare::IsNot),
                Some('~') => Token::Sign(Compare::ContainsNot),
                found => {
                    let found = found.map_or_else(|| "\"!\"".to_owned(), |c| format!("\"!{c}\""));
                    return Err(NotAFilter::Unexpected { found, expected: "!= or !~" });
                }
            },
            '<' if rest.next_if_eq(&'=').is_some() => Token::Sign(Compare::AtMost),
            '<' => Token::Sign(Compare::Less),
            '>' if rest.next_if_eq(&'=').is_some() => Token::Sign(Compare::AtLeast),
            '>' => Token::Sign(Compare::More),
            c if is_plain(c) => {
                let mut word = String::from(c);
                while let Some(c) = rest.next_if(|c| is_plain(*c)) {
                    word.push(c);
                }
                Token::Word(word)
            }
            c => {
                let found = format!("the character U+{:04X}", u32::from(c));
                return Err(NotAFilter::Unexpected { found, expected: "a condition" });
            }
        };
        tokens.push(token);
    }
    Ok(tokens)
}

/// A text in quotes; two quotes in it stand for one.
fn quoted(quote: char, rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, NotAFilter> {
    let mut text = String::new();
    loop {
        match rest.next() {
            None => return Err(NotAFilter::Unclosed(format!("{quote}{text}"))),
            Some(c) if c == quote && rest.next_if_eq(&quote).is_none() => return Ok(text),
            Some(c) => text.push(c),
        }
    }
}

struct Parser<'a> {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    /// The headings of the inventory's other columns.
    headings: &'a [String],
    depth: usize,
}

impl Filter {
    /// Reads a filter. `headings` are those of the inventory's other columns, which it may name as well.
    ///
    /// # Errors
    /// When it is not understood as a whole; the error says what to write.
    pub fn parse(text: &str, headings: &[String]) -> Result<Self, NotAFilter> {
        if text.chars().count() > LONGEST {
            return Err(NotAFilter::TooLong);
        }
        let tokens = tokens(text)?;
        if tokens.is_empty() {
            return Err(NotAFilter::Empty);
        }
        let mut parser = Parser { tokens: tokens.into_iter().peekable(), headings, depth: 0 };
        let filter = parser.any()?;
        match parser.tokens.next() {
            None => Ok(filter),
            Some(token) => Err(leftover(&token, &filter)),
        }
    }
}

fn leftover(token: &Token, filter: &Filter) -> NotAFilter {
    match (token, filter.conditions().last()) {
        (Token::Word(found) | Token::Quoted(found), Some(condition)) => {
            NotAFilter::Leftover { found: found.clone(), condition: condition.to_string() }
        }
        _ => NotAFilter::Unexpected { found: token.shown(), expected: "\"and\", \"or\" or the end" },
    }
}

impl Parser<'_> {
    fn take(&mut self, keyword: &str) -> bool {
        self.tokens.next_if(|token| token.is(keyword)).is_some()
    }

    fn expected<T>(&mut self, expected: &'static str) -> Result<T, NotAFilter> {
        let found = self.tokens.next().map_or_else(|| "the end".to_owned(), |token| token.shown());
        Err(NotAFilter::Unexpected { found, expected })
    }

    fn any(&mut self) -> Result<Filter, NotAFilter> {
        let mut filters = vec![self.all()?];
        while self.take("or") {
            filters.push(self.all()?);
        }
        Ok(if let [_] = filters.as_slice() { filters.remove(0) } else { Filter::Any(filters) })
    }

    fn all(&mut self) -> Result<Filter, NotAFilter> {
        let mut filters = vec![self.one()?];
        while self.take("and") {
            filters.push(self.one()?);
        }
        Ok(if let [_] = filters.as_slice() { filters.remove(0) } else { Filter::All(filters) })
    }

    fn one(&mut self) -> Result<Filter, NotAFilter> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > DEEPEST {
            return Err(NotAFilter::TooLong);
        }
        let filter = if self.take("not") {
            Filter::Not(Box::new(self.one()?))
        } else if self.tokens.next_if_eq(&Token::Open).is_some() {
            let filter = self.any()?;
            match self.tokens.next() {
                Some(Token::Close) => filter,
                Some(token) => return Err(leftover(&token, &filter)),
                None => {
                    let found = "the end".to_owned();
                    return Err(NotAFilter::Unexpected { found, expected: "\")\"" });
                }
            }
        } else {
            Filter::If(self.condition()?)
        };
        self.depth = self.depth.saturating_sub(1);
        Ok(filter)
    }

    fn condition(&mut self) -> Result<Condition, NotAFilter> {
        let column = match self.tokens.next_if(|token| matches!(token, Token::Word(_) | Token::Quoted(_))) {
            Some(Token::Quoted(name)) => name,
            Some(Token::Word(name)) if !is_keyword(&name) => name,
            Some(other) => {
                return Err(NotAFilter::Unexpected { found: other.shown(), expected: "a condition" });
            }
            None => return self.expected("a condition"),
        };
        let compare = if self.take("in") {
            Compare::In
        } else if self.take("not") {
            if !self.take("in") {
                return self.expected("\"in\"");
            }
            Compare::NotIn
        } else if let Some(Token::Sign(sign)) = self.tokens.next_if(|token| matches!(token, Token::Sign(_))) {
            sign
        } else {
            let found = self.tokens.next().map_or_else(|| "the end".to_owned(), |token| token.shown());
            let expected = "=, !=, ~, <, > or \"in\" behind a column's name";
            return Err(NotAFilter::Unexpected { found, expected });
        };
        let column = self.column(column)?;
        let values = match compare {
            Compare::In | Compare::NotIn => self.values()?,
            _ => vec![self.value()?],
        };
        checked(Condition { column, compare, values })
    }

    fn values(&mut self) -> Result<Vec<String>, NotAFilter> {
        if self.tokens.next_if_eq(&Token::Open).is_none() {
            return self.expected("a list such as (db, web)");
        }
        let mut values = vec![self.value()?];
        while self.tokens.next_if_eq(&Token::Comma).is_some() {
            values.push(self.value()?);
        }
        match self.tokens.next() {
            Some(Token::Close) => Ok(values),
            Some(token) => Err(NotAFilter::Unexpected { found: token.shown(), expected: "\",\" or \")\"" }),
            None => Err(NotAFilter::Unexpected { found: "the end".to_owned(), expected: "\")\"" }),
        }
    }

    fn value(&mut self) -> Result<String, NotAFilter> {
        match self.tokens.next() {
            Some(Token::Quoted(text)) => Ok(text),
            Some(Token::Word(word)) if !is_keyword(&word) => Ok(word),
            found => {
                let found = found.map_or_else(|| "the end".to_owned(), |token| token.shown());
                Err(NotAFilter::Unexpected { found, expected: "a value (\"\" for an empty cell)" })
            }
        }
    }

    fn column(&self, written: String) -> Result<Column, NotAFilter> {
        let wanted = fold(&written);
        if let Some((_, field)) = FIELDS.iter().find(|(name, _)| *name == wanted) {
            return Ok(Column::Known(*field));
        }
        if let Some(heading) = self.headings.iter().find(|heading| fold(heading) == wanted) {
            return Ok(Column::Attribute(heading.clone()));
        }
        let fields = FIELDS.iter().map(|(name, _)| (*name).to_owned());
        let known: Vec<String> = fields.chain(self.headings.iter().cloned()).collect();
        let nearest = known
            .iter()
            .map(|name| (strsim::osa_distance(&wanted, &fold(name)), name))
            .filter(|(distance, name)| *distance <= if name.len() <= 3 { 1 } else { 2 })
            .min_by_key(|(distance, _)| *distance);
        let near = match nearest {
            Some((_, name)) => vec![name.clone()],
            None => shown_names(self.headings),
        };
        Err(NotAFilter::Column { column: written, near })
    }
}

/// The columns that there are, each by one name.
fn shown_names(headings: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut last: Option<Field> = None;
    for (name, field) in FIELDS {
        if last != Some(*field) {
            names.push((*name).to_owned());
        }
        last = Some(*field);
    }
    names.extend(headings.iter().take(30).cloned());
    names
}

/// Letters and digits only, in lower case: "Cost Center" and "cost_center" are the same.
pub(crate) fn fold(heading: &str) -> String {
    folded(heading).collect()
}

/// Whether two headings are the same but for case, blanks and signs.
pub(crate) fn same_heading(one: &str, other: &str) -> bool {
    // Most differ in the first letter already, and that is seen without folding.
    let first = |heading: &str| heading.bytes().find(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
    match (first(one), first(other)) {
        (Some(one), Some(other))
            if one.is_ascii() && other.is_ascii() && !one.eq_ignore_ascii_case(&other) =>
        {
            false
        }
        _ => folded(one).eq(folded(other)),
    }
}

fn folded(heading: &str) -> impl Iterator<Item = char> {
    heading.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase)
}

/// Refuses words that a column never has, and an order where there is none.
fn checked(mut condition: Condition) -> Result<Condition, NotAFilter> {
    let shown = condition.to_string();
    let ordered =
        matches!(condition.compare, Compare::Less | Compare::AtMost | Compare::More | Compare::AtLeast);
    let Column::Known(field) = condition.column else {
        return if ordered && !condition.values.iter().all(|value| text::has_order(value)) {
            let why = "write a number, or a date as 2026-12-03";
            Err(NotAFilter::NoOrder { condition: shown, why })
        } else {
            Ok(condition)
        };
    };
    if ordered && let Some(why) = condition.values.iter().find_map(|value| comparable(field, value).err()) {
        return Err(NotAFilter::NoOrder { condition: shown, why });
    }
    let words = words_of(field);
    let exact = matches!(condition.compare, Compare::Is | Compare::IsNot | Compare::In | Compare::NotIn);
    if words.is_empty() || !exact {
        return Ok(condition);
    }
    let column = condition.column.to_string();
    for value in &mut condition.values {
        let wanted = fold(value);
        if value.is_empty() || value.contains('*') {
            continue;
        }
        // "auto-approved" and "needs human" are the words as people read them.
        match words.iter().find(|word| fold(word) == wanted) {
            Some(word) => (*word).clone_into(value),
            None => {
                let near = words
                    .iter()
                    .map(|word| (strsim::osa_distance(&wanted, word), *word))
                    .filter(|(distance, _)| *distance <= 2)
                    .min()
                    .map(|(_, word)| word);
                return Err(NotAFilter::Value { column, value: value.clone(), near, words });
            }
        }
    }
    Ok(condition)
}
