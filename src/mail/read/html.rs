//! HTML becomes the text that a person sees, in one pass over it. What is hidden or struck out is left away and noted.

use std::borrow::Cow;
use std::collections::HashMap;

use mail_parser::decoders::html::add_html_token;

use super::style::{Hidden, Styles};

/// HTML as text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// What is seen; quoted blocks carry `> `.
    pub(crate) text: String,
    /// There were words that are not seen.
    pub(crate) hidden: bool,
    /// There were words that are struck out.
    pub(crate) struck: bool,
}

/// Reads HTML as a person would see it.
pub(crate) fn seen(html: &str) -> Seen {
    let mut page = Page { styles: Styles::gather(html), ..Page::default() };
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (before, tagged) = rest.split_at(at);
        page.words(before);
        let Some(after) = page.markup(tagged) else { break };
        rest = after;
    }
    if !rest.contains('<') {
        page.words(rest);
    }
    page.finish()
}

/// An element that is open, and what it does to the text in it.
#[derive(Debug, Default)]
struct Open<'a> {
    name: Cow<'a, str>,
    hides: bool,
    strikes: bool,
    quotes: bool,
    keeps_blanks: bool,
    /// The next number of an ordered list.
    counts: Option<u32>,
}

#[derive(Debug, Default)]
struct Page<'a> {
    styles: Styles,
    seen: Seen,
    open: Vec<Open<'a>>,
    /// How many elements of a name are open, so that a stray end tag costs nothing.
    names: HashMap<Cow<'a, str>, usize>,
    hiding: usize,
    striking: usize,
    quoting: usize,
    keeping: usize,
    /// The line being written has something in it.
    begun: bool,
    /// A blank is due before the next word.
    blank: bool,
}

/// Browsers follow elements no deeper than this either.
const DEEPEST: usize = 512;
const VOID: &[&str] =
    &["br", "hr", "img", "input", "meta", "link", "area", "base", "col", "embed", "source", "track", "wbr"];
const BLOCKS: &[&str] = &[
    "p", "div", "table", "tr", "ul", "ol", "li", "dl", "dt", "dd", "h1", "h2", "h3", "h4", "h5", "h6", "pre",
    "blockquote", "section", "article", "header", "footer", "main", "aside", "nav", "address", "center",
    "form", "fieldset", "figure", "tbody", "thead", "tfoot", "caption", "body", "html", "hr", "details",
    "summary",
];
/// Elements whose content is never text on the page.
const UNSEEN: &[&str] =
    &["head", "noscript", "template", "datalist", "object", "select", "iframe", "svg", "math"];
/// Elements whose content is not even HTML.
const RAW: &[&str] = &["script", "style", "title", "textarea", "xmp"];
/// Where mail programs that do not quote with a mark put what is answered.
const QUOTE_BEGINS: &[&str] = &[
    "divrplyfwdmsg",
    "appendonsend",
    "mail-editor-reference-message-container",
    "olk_src_body_section",
    "ms-outlook-mobile-reference-message",
];

impl<'a> Page<'a> {
    /// Handles what begins with `<`; what follows it, or nothing when it never ends.
    fn markup(&mut self, tagged: &'a str) -> Option<&'a str> {
        if let Some(comment) = tagged.strip_prefix("<!--") {
            return comment.split_once("-->").map(|(_, after)| after);
        }
        let inside = tagged.strip_prefix('<')?;
        match inside.chars().next() {
            Some('!' | '?') => inside.split_once('>').map(|(_, after)| after),
            Some('/') => {
                let (name, after) = inside.split_once('>')?;
                self.closes(&name_of(name.trim_start_matches('/')));
                Some(after)
            }
            Some(c) if c.is_ascii_alphabetic() => {
                let (tag, after) = tag_end(inside)?;
                let name = name_of(tag);
                if RAW.contains(&name.as_ref()) {
                    return after_raw(after, &name);
                }
                self.opens(name, tag);
                Some(after)
            }
            _ => {
                // A bare "<" is a letter as any other.
                self.words("<");
                Some(inside)
            }
        }
    }

    fn opens(&mut self, name: Cow<'a, str>, tag: &str) {
        match name.as_ref() {
            "br" => return self.line_ends(),
            "hr" => return self.line_breaks(),
            "td" | "th" => self.blank = true,
            name if BLOCKS.contains(&name) => self.line_breaks(),
            _ => {}
        }
        // "<s/>" opens as "<s>" does, whatever it looks like.
        if VOID.contains(&name.as_ref()) {
            return;
        }
        let attributes = attributes(tag);
        let hidden = self.styles.of(&name, &attributes);
        let named = |value: &str| QUOTE_BEGINS.contains(&value.to_ascii_lowercase().as_str());
        if attributes.iter().any(|(key, value)| key == "id" && named(value)) {
            self.line_breaks();
            self.words("-----Original Message-----");
            self.line_breaks();
        }
        let open = Open {
            hides: UNSEEN.contains(&name.as_ref()) || hidden == Hidden::Unseen,
            strikes: matches!(name.as_ref(), "s" | "strike" | "del") || hidden == Hidden::Struck,
            quotes: name == "blockquote",
            keeps_blanks: name == "pre",
            counts: (name == "ol").then_some(1),
            name,
        };
        if open.name == "li" {
            self.list_item();
        }
        if self.open.len() >= DEEPEST {
            // Nobody can say what is seen of that.
            self.seen.hidden = true;
            return;
        }
        self.count(&open, 1);
        *self.names.entry(open.name.clone()).or_default() += 1;
        self.open.push(open);
    }

    fn list_item(&mut self) {
        let list = self.open.iter_mut().rev().take(8).find(|open| matches!(open.name.as_ref(), "ol" | "ul"));
        let mark = match list.and_then(|list| list.counts.as_mut()) {
            Some(next) => {
                let mark = format!("{next}. ");
                *next = next.saturating_add(1);
                mark
            }
            None => "* ".to_owned(),
        };
        self.words(&mark);
    }

    fn closes(&mut self, name: &str) {
        if BLOCKS.contains(&name) {
            self.line_breaks();
        }
        if self.names.get(name).is_none_or(|open| *open == 0) {
            return;
        }
        while let Some(open) = self.open.pop() {
            if let Some(count) = self.names.get_mut(&open.name) {
                *count = count.saturating_sub(1);
            }
            self.count(&open, -1);
            if open.name == name {
                break;
            }
        }
    }

    fn count(&mut self, open: &Open<'_>, by: isize) {
        for (does, counter) in [
            (open.hides, &mut self.hiding),
            (open.strikes, &mut self.striking),
            (open.quotes, &mut self.quoting),
            (open.keeps_blanks, &mut self.keeping),
        ] {
            if does {
                *counter = counter.saturating_add_signed(by);
            }
        }
    }

    fn words(&mut self, raw: &str) {
        if raw.is_empty() {
            return;
        }
        let text = entities(raw);
        if self.hiding > 0 || self.striking > 0 {
            let says = self.quoting == 0 && !self.in_head() && text.chars().any(char::is_alphanumeric);
            self.seen.hidden |= says && self.hiding > 0;
            self.seen.struck |= says && self.hiding == 0;
            return;
        }
        for c in text.chars() {
            match c {
                '\n' if self.keeping > 0 => self.line_ends(),
                '\r' | '\u{ad}' => {}
                ' ' | '\t' | '\n' if self.keeping == 0 => self.blank = true,
                c => self.letter(c),
            }
        }
    }

    fn in_head(&self) -> bool {
        self.names.get("head").is_some_and(|open| *open > 0)
    }

    fn letter(&mut self, c: char) {
        if !self.begun {
            for _ in 0..self.quoting.min(20) {
                self.seen.text.push('>');
            }
            if self.quoting > 0 {
                self.seen.text.push(' ');
            }
            self.begun = true;
        } else if self.blank {
            self.seen.text.push(' ');
        }
        self.blank = false;
        self.seen.text.push(if c == '\u{a0}' { ' ' } else { c });
    }

    /// Ends the line, also an empty one.
    fn line_ends(&mut self) {
        if !self.begun && self.quoting > 0 {
            self.seen.text.push('>');
        }
        self.seen.text.push('\n');
        self.begun = false;
        self.blank = false;
    }

    /// Ends the line when there is something in it.
    fn line_breaks(&mut self) {
        if self.begun {
            self.line_ends();
        }
        self.blank = false;
    }

    fn finish(mut self) -> Seen {
        self.line_breaks();
        self.seen
    }
}

fn name_of(tag: &str) -> Cow<'_, str> {
    let end = tag.find(|c: char| c.is_whitespace() || matches!(c, '/' | '>')).unwrap_or(tag.len());
    folded(tag.get(..end.min(40)).unwrap_or_default())
}

/// ASCII letters in lower case, as most of them are already.
fn folded(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// Splits at the `>` that ends a tag; one in a quoted attribute does not.
fn tag_end(inside: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    let mut value = false;
    for (at, c) in inside.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if value => quote = Some(c),
            (None, '>') => return Some((inside.get(..at)?, inside.get(at.saturating_add(1)..)?)),
            (None, '=') => value = true,
            (None, c) if !c.is_whitespace() => value = false,
            (None, _) => {}
        }
    }
    // A quote that never ends: browsers go to the first ">" then, and so do we.
    inside.split_once('>')
}

/// Behind the end tag of an element whose content is no HTML.
fn after_raw<'a>(content: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = content;
    loop {
        let (_, tail) = rest.split_once("</")?;
        let candidate = tail.get(..name.len()).unwrap_or_default();
        if candidate.eq_ignore_ascii_case(name) {
            return tail.split_once('>').map(|(_, after)| after);
        }
        rest = tail;
    }
}

/// The attributes of a tag that can change what is seen of it, names in lower case, entities in values decoded.
fn attributes(tag: &str) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    const MOST: usize = 40;
    let mut found = Vec::new();
    let mut number = 0;
    let mut rest = tag.split_once(char::is_whitespace).map_or("", |(_, rest)| rest);
    while number < MOST {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() {
            break;
        }
        let end = rest.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(rest.len());
        let (name, tail) = rest.split_at(end);
        let tail = tail.trim_start();
        let (value, after) = match tail.strip_prefix('=').map(str::trim_start) {
            None => ("", tail),
            Some(tail) => match tail.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    let tail = tail.get(1..).unwrap_or_default();
                    tail.split_once(quote).unwrap_or((tail, ""))
                }
                _ => tail.split_at(tail.find(char::is_whitespace).unwrap_or(tail.len())),
            },
        };
        if name.is_empty() && after.len() == rest.len() {
            break;
        }
        let name = folded(name);
        if matches!(name.as_ref(), "hidden" | "style" | "class" | "id") {
            found.push((name, entities(value)));
        }
        number += 1;
        rest = after;
    }
    found
}

/// Decodes `&amp;` and its kind.
fn entities(raw: &str) -> Cow<'_, str> {
    const LONGEST: usize = 12;
    if !raw.contains('&') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('&') {
        let (before, entity) = rest.split_at(at);
        text.push_str(before);
        let end = entity
            .char_indices()
            .take(LONGEST)
            .find(|(_, c)| *c == ';')
            .map(|(end, _)| end.saturating_add(1));
        let (entity, after) = match end.and_then(|end| entity.split_at_checked(end)) {
            Some((entity, after)) if entity.is_ascii() => (entity, after),
            _ => entity.split_at_checked(1).unwrap_or((entity, "")),
        };
        add_html_token(&mut text, entity.as_bytes(), false);
        rest = after;
    }
    text.push_str(rest);
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(html: &str) -> String {
        seen(html).text
    }

    #[test]
    fn blocks_become_lines_and_quotes_are_marked() {
        let html = "<html><head><title>x</title><style>p {color: red}</style></head><body><div>approve&nbsp;all</div>\
                    <div><br></div><div>Thanks,<br>Ada &amp; Co</div><blockquote type=\"cite\"><p>Hello\n Ada,</p>\
                    <blockquote>deep</blockquote><br>end</blockquote>below</body></html>";
        assert_eq!(text(html), "approve all\n\nThanks,\nAda & Co\n> Hello Ada,\n>> deep\n>\n> end\nbelow\n");
    }

    #[test]
    fn lists_tables_and_preformatted_text_keep_their_shape() {
        assert_eq!(text("<ol><li>ok</li><li>no</li></ol><ul><li>x</ul>"), "1. ok\n2. no\n* x\n");
        assert_eq!(text("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>"), "a b\nc\n");
        assert_eq!(text("<pre>one\n  two</pre>three"), "one\n  two\nthree\n");
        assert_eq!(text("a<b>b</b>c <i>d</i>"), "abc d\n");
    }

    #[test]
    fn hidden_and_struck_words_are_left_away_and_noted() {
        for html in [
            "<p style=\"display:none\">approve</p>ok",
            "<p style='DISPLAY : NONE !important'>approve</p>ok",
            "<span hidden>approve</span>ok",
            "<span style=\"font-size:0px\">approve</span>ok",
            "<span style=\"font-size: 1px\">approve</span>ok",
            "<span style=\"opacity:0\">approve</span>ok",
            "<span style=\"mso-hide:all\">approve</span>ok",
            "<span style=\"visibility:hidden\">approve</span>ok",
            "<div style=\"max-height:0;overflow:hidden\">approve</div>ok",
            "<span style=\"color:transparent\">approve</span>ok",
            "<style>.x, .y { display: none }</style><p class=\"z x\">approve</p>ok",
            "<style>@media screen { #q { visibility:hidden } }</style><p id=q>approve</p>ok",
            "<template>approve</template>ok",
        ] {
            assert_eq!(seen(html), Seen { text: "ok\n".to_owned(), hidden: true, struck: false }, "{html}");
        }
        for html in [
            "<s>approve</s>ok",
            "<del>approve</del>ok",
            "<span style=\"text-decoration:line-through\">approve</span>ok",
            "<strike><b>approve</b></strike>ok",
        ] {
            assert_eq!(seen(html), Seen { text: "ok\n".to_owned(), hidden: false, struck: true }, "{html}");
        }
        let quoted = "ok<blockquote><s>old</s><p style=\"display:none\">preview</p></blockquote>";
        assert_eq!(seen(quoted), Seen { text: "ok\n".to_owned(), ..Seen::default() });
        for fine in [
            "<p style=\"font-size:10pt; opacity:0.9; max-height:0.5em\">ok</p>",
            "<p style=\"display:none\"> &nbsp;</p>ok",
        ] {
            assert_eq!(seen(fine), Seen { text: "ok\n".to_owned(), ..Seen::default() }, "{fine}");
        }
    }

    #[test]
    fn markup_that_is_not_well_formed_is_survived() {
        for (html, wanted) in [
            ("a < b", "a < b\n"),
            ("a <b", "a\n"),
            ("a <b x=\"1>2\">c", "a c\n"),
            ("a <b x=\"1>2 c", "a 2 c\n"),
            ("</p></div>a</b>", "a\n"),
            ("<p>a<p>b", "a\nb\n"),
            ("<!-- hidden <p>no</p> -->a<!-- open", "a\n"),
            ("<!--[if mso]><p>no</p><![endif]-->a", "a\n"),
            ("<script>if (a</b) document.write('approve')</SCRIPT >a", "a\n"),
            ("&lt;b&gt; &#65;&#x42; &nosuch; &", "<b> AB &nosuch; &\n"),
            ("<div id=\"divRplyFwdMsg\">From: x</div>", "-----Original Message-----\nFrom: x\n"),
        ] {
            assert_eq!(text(html), wanted, "{html}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(html in "(<[a-z/!]{0,4}[ =\"'a-z>]{0,8}|&[a-z#0-9;]{0,6}|[^<]{0,6}|<style>|[{};.:]){0,30}") {
            let _ = seen(&html);
        }
    }

    #[test]
    fn the_work_grows_with_the_size_only() {
        for piece in [
            "<b>", "</i>", "<", "<!--", "&", "<style>", "<script></", "<a b=\"", "<p style=\"", "<li>",
            "<blockquote>",
        ] {
            let _ = seen(&piece.repeat(100_000));
        }
    }
}
