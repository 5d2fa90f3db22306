//! HTML becomes the text that a person sees, in one pass over it. What is hidden or struck out is left away and noted.

use std::borrow::Cow;
use std::collections::HashMap;

use mail_parser::decoders::html::add_html_token;
use memchr::{memchr, memchr2, memmem};

use super::style::{Hidden, Styles, lower};

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
    page.seen.text.reserve(html.len() / 4);
    let mut rest = html;
    while let Some((before, tagged)) = memchr(b'<', rest.as_bytes()).and_then(|at| rest.split_at_checked(at))
    {
        page.words(before);
        let Some(after) = page.markup(tagged) else { return page.finish() };
        rest = after;
    }
    page.words(rest);
    page.finish()
}

/// What a name does to the text in its elements; looked up once for each name on a page.
#[derive(Debug, Default)]
struct Name<'a> {
    name: Cow<'a, str>,
    /// How many elements of the name are open, so that a stray end tag costs nothing.
    open: usize,
    kind: Kind,
    block: bool,
    empty: bool,
    raw: bool,
    hides: bool,
    strikes: bool,
}

/// The elements that are more than a block or a line of text.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[default]
    Other,
    LineEnd,
    Rule,
    Cell,
    Head,
    Quote,
    Preformatted,
    Numbered,
    Bulleted,
    Item,
}

impl<'a> Name<'a> {
    fn new(name: Cow<'a, str>) -> Self {
        let kind = match &*name {
            "br" => Kind::LineEnd,
            "hr" => Kind::Rule,
            "td" | "th" => Kind::Cell,
            "head" => Kind::Head,
            "blockquote" => Kind::Quote,
            "pre" => Kind::Preformatted,
            "ol" => Kind::Numbered,
            "ul" => Kind::Bulleted,
            "li" => Kind::Item,
            _ => Kind::Other,
        };
        Self {
            open: 0,
            kind,
            block: BLOCKS.contains(&&*name),
            empty: VOID.contains(&&*name),
            raw: RAW.contains(&&*name),
            hides: UNSEEN.contains(&&*name),
            strikes: STRUCK.contains(&&*name),
            name,
        }
    }
}

/// An element that is open, and what it does to the text in it.
#[derive(Debug)]
struct Open {
    /// Its name's place in [`Page::names`].
    name: usize,
    kind: Kind,
    hides: bool,
    strikes: bool,
    /// The next number of an ordered list; none where its marks are no numbers that count up.
    next: Option<u32>,
}

#[derive(Debug, Default)]
struct Page<'a> {
    styles: Styles,
    seen: Seen,
    open: Vec<Open>,
    names: Vec<Name<'a>>,
    /// Where a name stands among them.
    places: HashMap<Cow<'a, str>, usize>,
    hiding: usize,
    striking: usize,
    quoting: usize,
    keeping: usize,
    heading: usize,
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
const STRUCK: &[&str] = &["s", "strike", "del"];
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
        let inside = tagged.strip_prefix('<')?;
        match inside.as_bytes().first() {
            Some(b'!') if inside.starts_with("!--") => {
                inside.get(3..)?.split_once("-->").map(|(_, after)| after)
            }
            Some(b'!' | b'?') => inside.split_once('>').map(|(_, after)| after),
            Some(b'/') => {
                let (name, after) = inside.split_once('>')?;
                self.closes(name_of(name.trim_start_matches('/')));
                Some(after)
            }
            Some(byte) if byte.is_ascii_alphabetic() => {
                let (tag, after) = tag_end(inside)?;
                let name = name_of(tag);
                let place = self.place(name.clone());
                if self.names.get(place)?.raw {
                    return after_raw(after, &name);
                }
                self.opens(place, &name, tag);
                Some(after)
            }
            _ => {
                // A bare "<" is a letter as any other.
                self.words("<");
                Some(inside)
            }
        }
    }

    /// Where a name stands among those of the page.
    fn place(&mut self, name: Cow<'a, str>) -> usize {
        // Most end tags end what was begun last.
        let last = self.open.last().map(|open| open.name);
        if let Some(last) = last.filter(|last| self.names.get(*last).is_some_and(|known| known.name == name))
        {
            return last;
        }
        if let Some(place) = self.places.get(&name) {
            return *place;
        }
        let place = self.names.len();
        self.names.push(Name::new(name.clone()));
        self.places.insert(name, place);
        place
    }

    fn opens(&mut self, place: usize, name: &str, tag: &str) {
        let Some(known) = self.names.get(place) else { return };
        let kind = if known.kind == Kind::Quote && is_indent(tag) { Kind::Other } else { known.kind };
        let empty = known.empty;
        let next = if kind == Kind::Numbered { first_number(tag) } else { None };
        let mut open = Open { name: place, kind, hides: known.hides, strikes: known.strikes, next };
        match kind {
            Kind::LineEnd => return self.line_ends(),
            Kind::Cell => self.blank = true,
            _ if known.block => self.line_breaks(),
            _ => {}
        }
        // "<s/>" opens as "<s>" does, whatever it looks like.
        if empty {
            return;
        }
        let mut hidden = self.styles.of_name(name);
        let mut begins_quote = false;
        for (key, value) in Attributes::of(tag) {
            hidden = hidden.max(self.styles.of(key, &value));
            begins_quote |= key == Key::Id && QUOTE_BEGINS.iter().any(|id| value.eq_ignore_ascii_case(id));
        }
        if begins_quote {
            self.line_breaks();
            self.words("-----Original Message-----");
            self.line_breaks();
        }
        open.hides |= hidden == Hidden::Unseen;
        open.strikes |= hidden == Hidden::Struck;
        if kind == Kind::Item {
            self.list_item(attribute(tag, "value"));
        }
        if self.open.len() >= DEEPEST {
            // Nobody can say what is seen of that.
            self.seen.hidden = true;
            return;
        }
        self.count(&open, 1);
        self.open.push(open);
    }

    /// Begins an item, with the number that is seen before it: an answer is about the line of that number.
    fn list_item(&mut self, value: Option<Cow<'_, str>>) {
        let is_list = |open: &&mut Open| matches!(open.kind, Kind::Numbered | Kind::Bulleted);
        let mark = match self.open.iter_mut().rev().take(8).find(is_list) {
            Some(Open { next, .. }) if next.is_some() => {
                if let Some(value) = value {
                    *next = value.trim().parse().ok();
                }
                let mark = next.map(|number| format!("{number}. "));
                *next = next.map(|number| number.saturating_add(1));
                mark.map(Cow::Owned)
            }
            _ => None,
        };
        self.words(&mark.unwrap_or(Cow::Borrowed("* ")));
    }

    fn closes(&mut self, name: Cow<'a, str>) {
        let place = self.place(name);
        let Some(known) = self.names.get(place) else { return };
        let is_open = known.open > 0;
        if known.block {
            self.line_breaks();
        }
        if !is_open {
            return;
        }
        while let Some(open) = self.open.pop() {
            self.count(&open, -1);
            if open.name == place {
                break;
            }
        }
    }

    fn count(&mut self, open: &Open, by: isize) {
        for (does, counter) in [
            (open.hides, &mut self.hiding),
            (open.strikes, &mut self.striking),
            (open.kind == Kind::Quote, &mut self.quoting),
            (open.kind == Kind::Preformatted, &mut self.keeping),
            (open.kind == Kind::Head, &mut self.heading),
        ] {
            if does {
                *counter = counter.saturating_add_signed(by);
            }
        }
        if let Some(name) = self.names.get_mut(open.name) {
            name.open = name.open.saturating_add_signed(by);
        }
    }

    fn words(&mut self, raw: &str) {
        if raw.is_empty() {
            return;
        }
        let text = entities(raw);
        if self.hiding > 0 || self.striking > 0 {
            let says = self.quoting == 0 && self.heading == 0 && text.chars().any(char::is_alphanumeric);
            self.seen.hidden |= says && self.hiding > 0;
            self.seen.struck |= says && self.hiding == 0;
            return;
        }
        let mut rest = &*text;
        loop {
            // The first byte of the characters that are more than letters; others begin with 0xc2 too.
            let special = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0xc2);
            let bytes = rest.as_bytes();
            let ends = |(at, byte): (usize, &u8)| {
                // One blank between two words is seen as it is.
                let next = bytes.get(at.saturating_add(1));
                special(*byte) && !(*byte == b' ' && at > 0 && next.is_some_and(|next| !special(*next)))
            };
            let run = bytes.iter().enumerate().position(ends).unwrap_or(rest.len());
            let Some((letters, tail)) = rest.split_at_checked(run) else { return };
            if !letters.is_empty() {
                self.letters(letters);
            }
            let mut chars = tail.chars();
            match chars.next() {
                None => return,
                Some('\n') if self.keeping > 0 => self.line_ends(),
                Some('\r' | '\u{ad}') => {}
                Some(' ' | '\t' | '\n') if self.keeping == 0 => self.blank = true,
                Some('\u{a0}') => self.letters(" "),
                Some(c) => self.letters(c.encode_utf8(&mut [0; 4])),
            }
            rest = chars.as_str();
        }
    }

    fn letters(&mut self, letters: &str) {
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
        self.seen.text.push_str(letters);
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
    lower(tag.get(..end.min(40)).unwrap_or_default())
}

/// Splits at the `>` that ends a tag; one in a quoted attribute does not.
fn tag_end<'t>(inside: &'t str) -> Option<(&'t str, &'t str)> {
    let mut rest = inside;
    loop {
        let found = memchr2(b'>', b'=', rest.as_bytes()).and_then(|at| rest.get(at..));
        // A quote that never ends: browsers go to the first ">" then, and so do we.
        let Some(tail) = found else { return inside.split_once('>') };
        if tail.starts_with('>') {
            let end = inside.len().saturating_sub(tail.len());
            return Some((inside.get(..end)?, tail.get(1..)?));
        }
        // Only behind "=" and blanks does a quotation mark open anything.
        let value = |text: &'t str| text.trim_start_matches(|c: char| c == '=' || c.is_whitespace());
        rest = value(tail.get(1..)?);
        while let Some(quote @ ('"' | '\'')) = rest.chars().next() {
            rest = rest.get(1..)?.split_once(quote).map_or("", |(_, after)| value(after));
        }
    }
}

/// Behind the end tag of an element whose content is no HTML.
fn after_raw<'a>(content: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = content;
    loop {
        let at = memmem::find(rest.as_bytes(), b"</")?;
        let tail = rest.get(at.saturating_add(2)..)?;
        let candidate = tail.get(..name.len()).unwrap_or_default();
        if candidate.eq_ignore_ascii_case(name) {
            return tail.split_once('>').map(|(_, after)| after);
        }
        rest = tail;
    }
}

/// Whether a blockquote only moves its text to the right: mail programs' buttons for that make one without a border, and
/// none of them quotes so.
fn is_indent(tag: &str) -> bool {
    let has = |name: &str| attribute(tag, name).is_some();
    let style =
        attribute(tag, "style").map(|style| style.replace(char::is_whitespace, "").to_ascii_lowercase());
    style.is_some_and(|style| style.contains("border:none")) && !has("type") && !has("cite") && !has("class")
}

/// The number that an ordered list begins with; none where it counts in letters or backwards.
fn first_number(tag: &str) -> Option<u32> {
    let counts_otherwise = attribute(tag, "type").is_some_and(|kind| kind.trim() != "1")
        || attribute(tag, "reversed").is_some()
        || attribute(tag, "style").is_some_and(|style| style.to_ascii_lowercase().contains("list-style"));
    if counts_otherwise {
        return None;
    }
    attribute(tag, "start").map_or(Some(1), |start| start.trim().parse().ok())
}

/// An attribute of a tag, entities decoded; empty when it has no value.
fn attribute<'t>(tag: &'t str, wanted: &str) -> Option<Cow<'t, str>> {
    let mut attributes = Attributes::of(tag);
    while let Some((name, value)) = attributes.pair() {
        if name.eq_ignore_ascii_case(wanted) {
            return Some(entities(value));
        }
    }
    None
}

/// The attributes that can change what is seen of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Hidden,
    Style,
    Class,
    Id,
}

impl Key {
    fn of(name: &str) -> Option<Self> {
        let keys =
            [("hidden", Self::Hidden), ("style", Self::Style), ("class", Self::Class), ("id", Self::Id)];
        keys.into_iter().find(|(key, _)| name.eq_ignore_ascii_case(key)).map(|(_, key)| key)
    }
}

/// The attributes of a tag that can change what is seen of it, entities in values decoded.
struct Attributes<'t> {
    rest: &'t str,
    number: usize,
}

impl<'t> Attributes<'t> {
    fn of(tag: &'t str) -> Self {
        Self { rest: tag.split_once(char::is_whitespace).map_or("", |(_, rest)| rest), number: 0 }
    }
}

impl<'t> Attributes<'t> {
    /// The next name with its raw value.
    fn pair(&mut self) -> Option<(&'t str, &'t str)> {
        const MOST: usize = 40;
        if self.number >= MOST {
            return None;
        }
        let rest = self.rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(rest.len());
        let (name, tail) = rest.split_at_checked(end)?;
        let tail = tail.trim_start();
        let (value, after) = match tail.strip_prefix('=').map(str::trim_start) {
            None => ("", tail),
            Some(tail) => match tail.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    let tail = tail.get(1..).unwrap_or_default();
                    tail.split_once(quote).unwrap_or((tail, ""))
                }
                _ => tail.split_at_checked(tail.find(char::is_whitespace).unwrap_or(tail.len()))?,
            },
        };
        if name.is_empty() && after.len() == rest.len() {
            return None;
        }
        self.number += 1;
        self.rest = after;
        Some((name, value))
    }
}

impl<'t> Iterator for Attributes<'t> {
    type Item = (Key, Cow<'t, str>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (name, value) = self.pair()?;
            if let Some(key) = Key::of(name) {
                return Some((key, entities(value)));
            }
        }
    }
}

/// Decodes `&amp;` and its kind.
fn entities(raw: &str) -> Cow<'_, str> {
    const LONGEST: usize = 12;
    if !raw.contains('&') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, entity)) = rest.find('&').and_then(|at| rest.split_at_checked(at)) {
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
    fn the_items_of_a_list_have_the_numbers_that_are_seen() {
        for (html, seen) in [
            ("<ol><li>ok</li><li>no</li></ol>", "1. ok\n2. no\n"),
            ("<ol start=3><li>ok</li><li>no</li></ol>", "3. ok\n4. no\n"),
            ("<ol start='3'><li>ok</li></ol>", "3. ok\n"),
            ("<ol><li value=5>ok</li><li>no</li></ol>", "5. ok\n6. no\n"),
            ("<ol reversed><li>ok</li><li>no</li></ol>", "* ok\n* no\n"),
            ("<ol type=a><li>ok</li></ol>", "* ok\n"),
            ("<ol style='list-style-type: lower-alpha'><li>ok</li></ol>", "* ok\n"),
            ("<ol start=x><li>ok</li></ol>", "* ok\n"),
            ("<ul><li value=5>ok</li></ul>", "* ok\n"),
        ] {
            assert_eq!(text(html), seen, "{html}");
        }
    }

    #[test]
    fn words_that_are_only_moved_to_the_right_are_no_quote() {
        let indented = "<div>approve all</div><blockquote style=\"margin:0 0 0 40px; border: none;padding:0\">but not mail</blockquote>";
        assert_eq!(text(indented), "approve all\nbut not mail\n");
        for quoted in [
            "<blockquote>a</blockquote>",
            "<blockquote type=cite style='border:none'>a</blockquote>",
            "<blockquote class=gmail_quote style='border:none'>a</blockquote>",
        ] {
            assert_eq!(text(quoted), "> a\n", "{quoted}");
        }
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
