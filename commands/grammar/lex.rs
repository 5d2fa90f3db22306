//! Cuts a line into words with their places, and hands them out one by one.

use super::error::{ParseError, Problem};

/// The longest line that is read at all, in bytes. Longer than any sentence of the grammar.
pub const MAX_LINE: usize = 4000;

/// A place in a line, in bytes from its start; always on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// One word of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// The word with typographic dashes made plain, without its quotes.
    pub(crate) text: String,
    pub(crate) span: Span,
    /// Whether it stood in quotes: a quoted word is never a keyword.
    pub(crate) quoted: bool,
}

impl Word {
    pub(crate) fn folded(&self) -> String {
        self.text.to_lowercase()
    }

    pub(crate) fn is(&self, keyword: &str) -> bool {
        !self.quoted && self.folded() == keyword
    }
}

/// The words of one line, handed out from left to right.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    line: String,
    words: Vec<Word>,
    at: usize,
    usage: Option<&'static str>,
    /// What was cut off the end by [`Words::drop_closing_mark`].
    closing: Option<(char, Span)>,
}

/// Mail clients and telephones replace these on their own; they mean the plain character.
fn plain(c: char) -> char {
    match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => '-',
        '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2032}' => '\'',
        '\u{ff1a}' => ':',
        '\u{ff0c}' => ',',
        '\u{ff1b}' => ';',
        '\u{ff1f}' => '?',
        '\u{ff01}' => '!',
        other => other,
    }
}

/// Blanks of any width, and the invisible marks that some clients leave between words.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
}

fn closing_quote(c: char) -> Option<&'static [char]> {
    match c {
        '"' => Some(&['"', '”', '“']),
        '“' | '„' | '”' => Some(&['”', '“', '"']),
        '«' => Some(&['»']),
        '»' => Some(&['«']),
        _ => None,
    }
}

/// Characters that change how text is displayed without being seen: never part of a word.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}')
}

impl Words {
    /// Cuts `line` into words. Commas and semicolons are words of their own.
    pub(crate) fn read(line: &str) -> Result<Self, ParseError> {
        let mut this = Self { line: line.to_owned(), words: Vec::new(), at: 0, usage: None, closing: None };
        if line.len() > MAX_LINE {
            this.line = line.chars().take(60).collect();
            return Err(this.error_at(Span { start: 0, end: 0 }, Problem::TooLong));
        }
        let mut chars = line.char_indices().peekable();
        while let Some(&(start, first)) = chars.peek() {
            if is_blank(first) {
                chars.next();
            } else if is_hidden(first) {
                let span = Span { start, end: start + first.len_utf8() };
                return Err(this.error_at(span, Problem::HiddenCharacter(first)));
            } else if let Some(closing) = closing_quote(first) {
                chars.next();
                let word = this.read_quoted(&mut chars, start, closing)?;
                this.words.push(word);
            } else if matches!(plain(first), ',' | ';') {
                chars.next();
                let span = Span { start, end: start + first.len_utf8() };
                this.words.push(Word { text: plain(first).to_string(), span, quoted: false });
            } else {
                let word = this.read_bare(&mut chars, start)?;
                this.words.push(word);
            }
        }
        Ok(this)
    }

    fn read_quoted(
        &self,
        chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>,
        start: usize,
        closing: &[char],
    ) -> Result<Word, ParseError> {
        let mut text = String::new();
        while let Some((at, c)) = chars.next() {
            let end = at + c.len_utf8();
            if closing.contains(&c) {
                return Ok(Word { text, span: Span { start, end }, quoted: true });
            }
            if is_hidden(c) && c != '\t' {
                return Err(self.error_at(Span { start: at, end }, Problem::HiddenCharacter(c)));
            }
            match (c, chars.peek()) {
                ('\\', Some(&(_, next))) if next == '"' || next == '\\' => {
                    text.push(next);
                    chars.next();
                }
                _ => text.push(c),
            }
        }
        Err(self.error_at(Span { start, end: self.line.len() }, Problem::UnclosedQuote))
    }

    fn read_bare(
        &self,
        chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>,
        start: usize,
    ) -> Result<Word, ParseError> {
        let mut text = String::new();
        let mut end = start;
        while let Some(&(at, c)) = chars.peek() {
            if is_blank(c) || matches!(plain(c), ',' | ';') || closing_quote(c).is_some() {
                break;
            }
            if is_hidden(c) {
                return Err(
                    self.error_at(Span { start: at, end: at + c.len_utf8() }, Problem::HiddenCharacter(c))
                );
            }
            text.push(plain(c));
            end = at + c.len_utf8();
            chars.next();
        }
        Ok(Word { text, span: Span { start, end }, quoted: false })
    }

    /// Takes a full stop, an exclamation or question mark off the end of the last bare word.
    pub(crate) fn drop_closing_mark(&mut self) {
        let Some(last) = self.words.last_mut().filter(|word| !word.quoted) else { return };
        let Some(mark) = last.text.chars().last().filter(|c| matches!(c, '.' | '!' | '?')) else { return };
        last.text = last.text.trim_end_matches(['.', '!', '?']).to_owned();
        self.closing = Some((mark, last.span));
        if last.text.is_empty() {
            self.words.pop();
        }
    }

    /// Says which usage an error from here on shows.
    pub(crate) fn usage(&mut self, usage: &'static str) {
        self.usage = Some(usage);
    }

    pub(crate) fn peek(&self) -> Option<&Word> {
        self.words.get(self.at)
    }

    pub(crate) fn next(&mut self) -> Option<Word> {
        let word = self.words.get(self.at).cloned();
        if word.is_some() {
            self.at += 1;
        }
        word
    }

    /// Takes the next word when it is this keyword.
    pub(crate) fn take(&mut self, keyword: &str) -> bool {
        let found = self.peek().is_some_and(|word| word.is(keyword));
        if found {
            self.at += 1;
        }
        found
    }

    /// A decision must not end with a question mark.
    pub(crate) fn refuse_question(&self) -> Result<(), ParseError> {
        match self.closing {
            Some(('?', span)) => Err(self.error_at(span, Problem::Question)),
            _ => Ok(()),
        }
    }

    /// Nothing may be left: a word that nobody read could have changed the meaning.
    pub(crate) fn finish(&self) -> Result<(), ParseError> {
        match self.peek() {
            None => Ok(()),
            Some(word) => Err(self.error_at(word.span, Problem::Leftover { word: word.text.clone() })),
        }
    }

    /// All words that are left, joined by blanks.
    pub(crate) fn rest(&mut self) -> String {
        let rest: Vec<String> = self.words.iter().skip(self.at).map(|word| word.text.clone()).collect();
        self.at = self.words.len();
        rest.join(" ")
    }

    /// All that is left as it was written, quotes and commas included; only what mail clients and telephones put for plain
    /// characters is made plain again, and the mark that closes the sentence is gone.
    pub(crate) fn rest_as_written(&mut self) -> String {
        let from = self.peek().map_or(self.line.len(), |word| word.span.start);
        self.at = self.words.len();
        let rest = self.line.get(from..).unwrap_or_default().trim_end();
        let rest = match self.closing {
            Some(_) => rest.trim_end_matches(['.', '!', '?']),
            None => rest,
        };
        let quote = |c: char| if closing_quote(c).is_some() { '"' } else { plain(c) };
        rest.chars().map(|c| if is_blank(c) { ' ' } else { quote(c) }).collect::<String>().trim().to_owned()
    }

    pub(crate) fn error_here(&self, problem: Problem) -> ParseError {
        let end = self.line.len();
        let span = self.peek().map_or(Span { start: end, end }, |word| word.span);
        self.error_at(span, problem)
    }

    pub(crate) fn error_at(&self, span: Span, problem: Problem) -> ParseError {
        ParseError { problem, span, line: self.line.clone(), usage: self.usage }
    }

    /// The words not yet handed out, for the reply grammar's phrases.
    pub(crate) fn remaining(&self) -> &[Word] {
        self.words.get(self.at..).unwrap_or_default()
    }
}
