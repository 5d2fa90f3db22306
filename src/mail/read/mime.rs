//! The parts of a message: walked with limits, and with a note of everything that stands where no text belongs.
//!
//! The walk is ours and not the parsing library's, because a library that follows every nested message can be made to
//! nest until the stack is gone, and because an unsigned Content-Type could move the borders between the parts.

use std::borrow::Cow;

use mail_parser::ContentType;
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;

use super::Unreadable;
use super::headers::{Section, content_type, split_line, trim_line_end};

/// Deeper than any mail program nests.
const DEEPEST: usize = 20;
/// More parts than any reply has.
const MOST_PARTS: usize = 100;

/// A part that holds no further parts.
#[derive(Debug)]
pub(super) struct Leaf<'a> {
    /// `text/plain`, in lower case.
    pub(super) kind: String,
    pub(super) section: Section<'a>,
    content_type: Option<ContentType<'static>>,
    /// Whether it is to be saved rather than read.
    pub(super) attached: bool,
}

#[derive(Debug)]
pub(super) enum Part<'a> {
    Leaf(Leaf<'a>),
    Several {
        /// `alternative`, `mixed`, …
        subtype: String,
        parts: Vec<Part<'a>>,
    },
}

/// What the walk found besides the parts.
#[derive(Debug, Default)]
pub(super) struct Walk {
    parts: usize,
    /// There is text before the first or behind the last part, a border in the wrong place, or no border at all.
    pub(super) loose: bool,
}

impl Walk {
    /// Walks a message whose header section has been cut already.
    pub(super) fn message<'a>(&mut self, section: Section<'a>) -> Result<Part<'a>, Unreadable> {
        self.part(section, "text/plain", 0)
    }

    fn part<'a>(
        &mut self,
        section: Section<'a>,
        default: &str,
        depth: usize,
    ) -> Result<Part<'a>, Unreadable> {
        self.parts = self.parts.saturating_add(1);
        if self.parts > MOST_PARTS {
            return Err(Unreadable::TooManyParts);
        }
        if depth > DEEPEST {
            return Err(Unreadable::TooDeep);
        }
        let given = section.all("Content-Type").next();
        let content_type = given.and_then(content_type);
        if given.is_some() != content_type.is_some() || section.all("Content-Type").count() > 1 {
            self.loose = true;
        }
        let kind = content_type.as_ref().map_or_else(
            || default.to_owned(),
            |parsed| {
                format!("{}/{}", parsed.ctype(), parsed.subtype().unwrap_or_default()).to_ascii_lowercase()
            },
        );
        let boundary =
            content_type.as_ref().and_then(|parsed| parsed.attribute("boundary")).map(str::to_owned);
        match (kind.strip_prefix("multipart/"), boundary) {
            (Some(subtype), Some(boundary)) if !boundary.is_empty() => {
                let default = if subtype == "digest" { "message/rfc822" } else { "text/plain" };
                let mut parts = Vec::new();
                for raw in self.split(section.body, boundary.as_bytes()) {
                    parts.push(self.part(Section::cut(raw), default, depth.saturating_add(1))?);
                }
                Ok(Part::Several { subtype: subtype.to_owned(), parts })
            }
            (Some(_), _) => {
                self.loose = true;
                Ok(Part::Leaf(Leaf {
                    kind: "application/octet-stream".to_owned(),
                    section,
                    content_type,
                    attached: true,
                }))
            }
            (None, _) => {
                let disposition = section.all("Content-Disposition").next().and_then(self::content_type);
                let attached = disposition.is_some_and(|parsed| !parsed.is_inline());
                Ok(Part::Leaf(Leaf { kind, section, content_type, attached }))
            }
        }
    }

    /// Cuts a body at its border lines. Only whole lines are borders.
    fn split<'a>(&mut self, body: &'a [u8], boundary: &[u8]) -> Vec<&'a [u8]> {
        let mut parts = Vec::new();
        let mut begins = None;
        let mut closed = false;
        let (mut at, mut rest) = (0_usize, body);
        let mut outside: Vec<u8> = Vec::new();
        while !rest.is_empty() {
            let (line, after) = split_line(rest);
            let next = at.saturating_add(line.len());
            match border(line, boundary) {
                Some(last) => {
                    self.loose |= closed;
                    if let Some(begins) = begins.take() {
                        // The line end before a border belongs to the border.
                        parts.push(trim_line_end(body.get(begins..at).unwrap_or_default()));
                    }
                    closed |= last;
                    begins = (!last && !closed).then_some(next);
                }
                None if begins.is_none() => outside.extend_from_slice(line),
                None => {}
            }
            at = next;
            rest = after;
        }
        if let Some(begins) = begins {
            self.loose = true;
            parts.push(body.get(begins..).unwrap_or_default());
        }
        self.loose |= parts.is_empty() || !is_harmless(&outside);
        parts
    }
}

/// Whether a line is a border, and if so, whether it is the last one.
fn border(line: &[u8], boundary: &[u8]) -> Option<bool> {
    let tail = line.strip_prefix(b"--")?.strip_prefix(boundary)?;
    match tail.trim_ascii() {
        b"" => Some(false),
        b"--" => Some(true),
        _ => None,
    }
}

/// Whether the text outside of the parts is nothing, or one of the sentences that mail programs put there.
fn is_harmless(outside: &[u8]) -> bool {
    let said = String::from_utf8_lossy(outside);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    matches!(
        said.trim_end_matches('.'),
        "" | "this is a multi-part message in mime format"
            | "this is a multipart message in mime format"
            | "this is a message in mime format"
            | "this is a mime-formatted message"
            | "this is an openpgp/mime signed message (rfc 4880 and 3156)"
            | "this is an openpgp/mime signed message (rfc 2440 and 3156)"
            | "this is a cryptographically signed message in mime format"
            | "this is an s/mime signed message"
    )
}

/// A text part in letters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) text: String,
    /// Some of it could not be made out.
    pub(super) damaged: bool,
}

impl Leaf<'_> {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.content_type.as_ref()?.attribute(name)
    }

    /// A parameter of its Content-Type in lower case.
    pub(super) fn keyword(&self, name: &str) -> String {
        self.parameter(name).unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Its content in letters, with `\n` at the end of each line.
    pub(super) fn text(&self) -> Text {
        let encoding = self.section.keyword("Content-Transfer-Encoding").unwrap_or_default();
        let bytes = match encoding.as_str() {
            "base64" => base64_decode(self.section.body),
            "quoted-printable" => quoted_printable_decode(self.section.body),
            _ => None,
        };
        let known =
            matches!(encoding.as_str(), "" | "7bit" | "8bit" | "binary" | "base64" | "quoted-printable");
        let undone = !known || bytes.is_none() && matches!(encoding.as_str(), "base64" | "quoted-printable");
        let bytes = bytes.map_or(Cow::Borrowed(self.section.body), Cow::Owned);
        let charset = self.keyword("charset");
        let decoder = match charset.as_str() {
            "" | "us-ascii" | "ascii" | "utf-8" | "utf8" => None,
            other => charset_decoder(other.as_bytes()),
        };
        let foreign =
            decoder.is_none() && !matches!(charset.as_str(), "" | "us-ascii" | "ascii" | "utf-8" | "utf8");
        let damaged = undone || foreign && !bytes.is_ascii();
        let text = match decoder {
            Some(decode) => Cow::Owned(decode(&bytes)),
            None => letters(bytes),
        };
        let lost = text.contains('\u{fffd}') || text.contains('\0');
        Text { text: plain_ends(text), damaged: damaged || lost }
    }
}

/// UTF-8 as letters, copied only where some of it is none.
fn letters(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => Cow::Owned(
            String::from_utf8(bytes)
                .unwrap_or_else(|wrong| String::from_utf8_lossy(wrong.as_bytes()).into_owned()),
        ),
    }
}

/// Every line end, `\r\n` and `\r`, as `\n`.
fn plain_ends(text: Cow<'_, str>) -> String {
    if !text.contains('\r') {
        return text.into_owned();
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some((line, after)) = rest.split_once('\r') {
        plain.push_str(line);
        plain.push('\n');
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(raw: &str) -> Result<(String, bool), Unreadable> {
        let mut walk = Walk::default();
        let part = walk.message(Section::cut(raw.as_bytes()))?;
        Ok((outline(&part), walk.loose))
    }

    fn outline(part: &Part<'_>) -> String {
        match part {
            Part::Leaf(leaf) => format!("{}={:?}", leaf.kind, leaf.text().text),
            Part::Several { subtype, parts, .. } => {
                format!("{subtype}({})", parts.iter().map(outline).collect::<Vec<_>>().join(", "))
            }
        }
    }

    const TWO: &str = "Content-Type: multipart/alternative; boundary=\"b\"\n\n--b\n\nplain\n--b\n\
                       Content-Type: text/html\n\n<p>html</p>\n--b--\n";

    #[test]
    fn parts_are_cut_at_whole_border_lines() {
        let two = "alternative(text/plain=\"plain\", text/html=\"<p>html</p>\")";
        assert_eq!(walk(TWO), Ok((two.to_owned(), false)));
        assert_eq!(walk(&TWO.replace('\n', "\r\n")), Ok((two.to_owned(), false)));
        let close = TWO.replace("plain\n", "plain\n--bb\nx --b\n");
        assert_eq!(walk(&close).unwrap().0, two.replace("plain\"", "plain\\n--bb\\nx --b\""));
    }

    #[test]
    fn text_outside_of_the_parts_and_borders_out_of_place_are_noted() {
        for (from, to) in [
            ("\n\n--b\n\n", "\n\napprove\n--b\n\n"),
            ("--b--\n", "--b--\napprove\n"),
            ("--b--\n", "--b--\n--b\n\nmore\n--b--\n"),
            ("--b--\n", ""),
            ("boundary=\"b\"", "boundary=\"c\""),
            ("; boundary=\"b\"", ""),
        ] {
            assert!(walk(&TWO.replacen(from, to, 1)).unwrap().1, "{to:?}");
        }
        let usual = TWO.replacen("\n\n--b", "\n\nThis is a multi-part message in MIME format.\n--b", 1);
        assert!(!walk(&usual).unwrap().1);
    }

    #[test]
    fn nesting_and_numbers_have_limits() {
        let nest = |levels: usize| {
            let open =
                (0..levels).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}.\n\n--b{n}.\n"));
            format!("{}\n\nx\n", open.collect::<String>())
        };
        assert!(walk(&nest(20)).is_ok());
        assert_eq!(walk(&nest(21)), Err(Unreadable::TooDeep));
        let many =
            format!("Content-Type: multipart/mixed; boundary=b\n\n{}--b--\n", "--b\n\nx\n".repeat(100));
        assert_eq!(walk(&many), Err(Unreadable::TooManyParts));
    }

    #[test]
    fn text_is_decoded_from_its_encoding_and_charset() {
        for (headers, body, text) in [
            ("Content-Type: text/plain; charset=iso-8859-1", &b"Gr\xfc\xdfe"[..], "Grüße"),
            (
                "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64",
                b"w7xiZXI=",
                "über",
            ),
            (
                "Content-Type: text/plain\nContent-Transfer-Encoding: Quoted-Printable",
                b"a=C3=BC=\r\nb \r\nc",
                "aüb\nc",
            ),
            ("Content-Type: text/plain; charset=iso-2022-jp", b"\x1b$B%3%s\x1b(B", "コン"),
            ("Content-Type: text/plain; charset=\"gb2312\"", b"\xd6\xd0", "中"),
            ("Content-Type: text/plain; charset=KOI8-R", b"\xd0\xc9\xdb\xc5\xd4", "пишет"),
            ("Content-Type: text/plain; charset=unheard-of", b"plain", "plain"),
        ] {
            let raw = [headers.as_bytes(), b"\n\n", body].concat();
            let Part::Leaf(leaf) = Walk::default().message(Section::cut(&raw)).unwrap() else { panic!() };
            assert_eq!(leaf.text(), Text { text: text.to_owned(), damaged: false }, "{headers}");
        }
        for (headers, body) in [
            ("Content-Type: text/plain; charset=utf-8", &b"Gr\xfc\xdfe"[..]),
            ("Content-Type: text/plain; charset=unheard-of", b"Gr\xfc\xdfe"),
            ("Content-Type: text/plain\nContent-Transfer-Encoding: base64", b"%%%"),
            ("Content-Type: text/plain\nContent-Transfer-Encoding: x-own", b"a"),
        ] {
            let raw = [headers.as_bytes(), b"\n\n", body].concat();
            let Part::Leaf(leaf) = Walk::default().message(Section::cut(&raw)).unwrap() else { panic!() };
            assert!(leaf.text().damaged, "{headers}");
        }
    }
}
