//! The header section of a raw message, cut without mercy: whatever two programs could read differently is refused.

use std::borrow::Cow;

use mail_parser::parsers::MessageStream;
use mail_parser::{Addr, Address as Addresses, HeaderValue};
use memchr::{memchr, memchr2};

use crate::domain::person::Address;

/// One header field: its name as written, and its raw value with the folds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) value: &'a [u8],
}

/// Something in a header section that no honest mail program writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadHeaders {
    /// There is a line that is neither a field nor a continuation of one.
    #[error("line {0} of its headers is no header field")]
    NoField(usize),
    /// A field's name has blanks or control characters in it.
    #[error("line {0} of its headers has blanks or control characters in the field's name")]
    BadName(usize),
    /// A zero byte or a carriage return on its own.
    #[error("line {0} of its headers has a control character that ends lines in some programs only")]
    Control(usize),
    /// A field that must be there once is there several times.
    #[error("it has more than one {0} field")]
    Twice(&'static str),
    /// A field that must be there is missing.
    #[error("it has no {0} field")]
    Missing(&'static str),
    /// The From field does not name exactly one address.
    #[error("its From field does not name exactly one address")]
    From,
    /// The Message-ID field does not hold one id.
    #[error("its Message-ID field does not hold one id")]
    MessageId,
}

/// The header section and what follows it.
#[derive(Debug, Clone)]
pub(crate) struct Section<'a> {
    pub(crate) fields: Vec<Field<'a>>,
    pub(crate) body: &'a [u8],
    /// The size of the section in bytes.
    pub(crate) size: usize,
    /// The first thing that is wrong with it.
    pub(crate) oddity: Option<BadHeaders>,
}

impl<'a> Section<'a> {
    /// Cuts a message or a part of one; never fails, but notes what is odd.
    pub(crate) fn cut(raw: &'a [u8]) -> Self {
        let mut section = Self { fields: Vec::new(), body: &[], size: 0, oddity: None };
        // Where the value of the field being read begins.
        let mut begins = None;
        let mut number: usize = 0;
        let mut rest = raw;
        while !rest.is_empty() {
            number = number.saturating_add(1);
            let (line, after) = split_line(rest);
            let start = section.size;
            section.size = start.saturating_add(line.len());
            rest = after;
            let content = trim_line_end(line);
            if content.is_empty() {
                section.body = after;
                break;
            }
            if memchr2(0, b'\r', content).is_some() {
                section.note(BadHeaders::Control(number));
            }
            if matches!(content.first(), Some(b' ' | b'\t')) {
                match (section.fields.last_mut(), begins.and_then(|begins| raw.get(begins..section.size))) {
                    (Some(field), Some(value)) => field.value = value,
                    _ => section.note(BadHeaders::NoField(number)),
                }
                continue;
            }
            begins =
                section.take_field(line, number).map(|colon| start.saturating_add(colon).saturating_add(1));
        }
        section
    }

    /// Takes the first line of a field; the place of its colon, when it is one.
    fn take_field(&mut self, line: &'a [u8], number: usize) -> Option<usize> {
        let Some(colon) = memchr(b':', trim_line_end(line)).filter(|colon| *colon > 0) else {
            self.note(BadHeaders::NoField(number));
            return None;
        };
        let (name, value) = line.split_at(colon);
        if !name.iter().all(u8::is_ascii_graphic) {
            self.note(BadHeaders::BadName(number));
        }
        self.fields.push(Field { name, value: value.get(1..).unwrap_or_default() });
        Some(colon)
    }

    fn note(&mut self, oddity: BadHeaders) {
        self.oddity.get_or_insert(oddity);
    }

    /// The fields of a name, from the top.
    pub(crate) fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'a [u8]> + 's {
        self.fields
            .iter()
            .filter(|field| field.name.eq_ignore_ascii_case(name.as_bytes()))
            .map(|field| field.value)
    }

    /// The first field of a name as text: unfolded, encoded words decoded.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.all(name).next().map(decoded)
    }

    /// The first field of a name, unfolded and in lower case, for fields that hold keywords.
    pub(crate) fn keyword(&self, name: &str) -> Option<String> {
        self.all(name).next().map(|value| String::from_utf8_lossy(value).trim().to_ascii_lowercase())
    }

    /// All addresses in the fields of a name, in lower case.
    pub(crate) fn addresses(&self, name: &str) -> Vec<String> {
        self.all(name).flat_map(addresses).collect()
    }

    /// All ids in the fields of a name, without their brackets.
    pub(crate) fn ids(&self, name: &str) -> Vec<String> {
        self.all(name).flat_map(ids).collect()
    }

    /// Refuses what must not be acted on: fields that are missing, doubled, or written to be read in two ways.
    pub(crate) fn gate(&self) -> Result<Address, BadHeaders> {
        if let Some(oddity) = &self.oddity {
            return Err(oddity.clone());
        }
        for name in ["From", "Subject", "Message-ID", "Date"] {
            match self.all(name).count() {
                0 => return Err(BadHeaders::Missing(name)),
                1 => {}
                _ => return Err(BadHeaders::Twice(name)),
            }
        }
        for name in [
            "Content-Type", "Content-Transfer-Encoding", "MIME-Version", "Sender", "Reply-To", "To", "Cc",
            "In-Reply-To", "References",
        ] {
            if self.all(name).count() > 1 {
                return Err(BadHeaders::Twice(name));
            }
        }
        match self.ids("Message-ID").as_slice() {
            [id] if !id.is_empty() => {}
            _ => return Err(BadHeaders::MessageId),
        }
        self.sender().ok_or(BadHeaders::From)
    }

    /// The one address of the one From field, when two different readings of it agree.
    pub(crate) fn sender(&self) -> Option<Address> {
        let mut froms = self.all("From");
        let (from, None) = (froms.next()?, froms.next()) else { return None };
        let terminated = terminated(from);
        let parsed = MessageStream::new(&terminated).parse_address();
        let HeaderValue::Address(Addresses::List(list)) = &parsed else { return None };
        let [Addr { address: Some(address), .. }] = list.as_slice() else { return None };
        // Quoted parts and comments may hold anything; what is left must hold this address and no other.
        let bare = without_quotes(&String::from_utf8_lossy(from));
        let written = match bare.split_once('<') {
            Some((_, tail)) => tail.split_once('>').filter(|(_, after)| after.trim().is_empty())?.0,
            None => &bare,
        };
        let address = Address::parse(address).ok()?;
        (Address::parse(written).ok()? == address).then_some(address)
    }
}

/// A value without quoted strings and comments.
fn without_quotes(value: &str) -> String {
    let (mut bare, mut quoted, mut depth, mut escaped) = (String::new(), false, 0_u32, false);
    for c in value.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted || depth > 0 => escaped = true,
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted => depth = depth.saturating_add(1),
            ')' if !quoted && depth > 0 => depth = depth.saturating_sub(1),
            _ if quoted || depth > 0 => {}
            _ => bare.push(c),
        }
    }
    bare
}

/// The first line with its end, and what follows.
pub(crate) fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr(b'\n', bytes).map_or(bytes.len(), |at| at.saturating_add(1));
    bytes.split_at(end)
}

/// A line without `\n` or `\r\n`.
pub(crate) fn trim_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The library's field parsers need the line end, which only the last line of a message can lack.
pub(super) fn terminated(value: &[u8]) -> Cow<'_, [u8]> {
    if value.ends_with(b"\n") { Cow::Borrowed(value) } else { Cow::Owned([value, b"\r\n"].concat()) }
}

pub(crate) fn decoded(value: &[u8]) -> String {
    let value = terminated(value);
    match MessageStream::new(&value).parse_unstructured() {
        HeaderValue::Text(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}

fn addresses(value: &[u8]) -> Vec<String> {
    let value = terminated(value);
    let list = match MessageStream::new(&value).parse_address() {
        HeaderValue::Address(Addresses::List(list)) => list,
        HeaderValue::Address(Addresses::Group(groups)) => {
            groups.into_iter().flat_map(|group| group.addresses).collect()
        }
        _ => Vec::new(),
    };
    list.into_iter()
        .filter_map(|entry| entry.address)
        .map(|address| address.trim().to_ascii_lowercase())
        .collect()
}

fn ids(value: &[u8]) -> Vec<String> {
    let value = terminated(value);
    match MessageStream::new(&value).parse_id() {
        HeaderValue::Text(id) => vec![id.into_owned()],
        HeaderValue::TextList(ids) => ids.into_iter().map(Cow::into_owned).collect(),
        _ => Vec::new(),
    }
}

/// The value of a Content-Type or Content-Disposition field.
pub(crate) fn content_type(value: &[u8]) -> Option<mail_parser::ContentType<'static>> {
    let value = terminated(value);
    match MessageStream::new(&value).parse_content_type().into_owned() {
        HeaderValue::ContentType(parsed) => Some(parsed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "From: Ada <ada@owners.test>\r\nSubject: Re: x\r\nDate: Thu, 3 Dec 2026 10:00:00 +0100\r\n\
                        Message-ID: <1@owners.test>\r\nContent-Type: text/plain;\r\n\tcharset=utf-8\r\n\r\nbody\r\n";

    fn gate(raw: &str) -> Result<String, BadHeaders> {
        Section::cut(raw.as_bytes()).gate().map(|address| address.to_string())
    }

    #[test]
    fn an_ordinary_message_passes_with_lines_of_either_kind() {
        assert_eq!(gate(GOOD), Ok("ada@owners.test".to_owned()));
        assert_eq!(gate(&GOOD.replace("\r\n", "\n")), Ok("ada@owners.test".to_owned()));
        let section = Section::cut(GOOD.as_bytes());
        assert_eq!(section.body, b"body\r\n");
        assert_eq!(
            content_type(section.all("content-type").next().unwrap()).unwrap().attribute("charset"),
            Some("utf-8")
        );
    }

    #[test]
    fn doubled_missing_and_disguised_fields_are_refused() {
        for (from, to, why) in [
            ("Subject: Re: x\r\n", "", BadHeaders::Missing("Subject")),
            ("Subject: Re: x\r\n", "Subject: Re: x\r\nsubject: y\r\n", BadHeaders::Twice("Subject")),
            ("Subject:", "From: eve@evil.test\r\nSubject:", BadHeaders::Twice("From")),
            ("Subject:", "Fr\tom: eve@evil.test\r\nSubject:", BadHeaders::BadName(2)),
            ("Subject:", "From : eve@evil.test\r\nSubject:", BadHeaders::BadName(2)),
            ("Subject:", "Fr\u{f6}m: eve@evil.test\r\nSubject:", BadHeaders::BadName(2)),
            ("Subject:", "no field at all\r\nSubject:", BadHeaders::NoField(2)),
            ("Subject:", ": nameless\r\nSubject:", BadHeaders::NoField(2)),
            ("Subject: Re: x", "Subject: Re: x\rFrom: eve@evil.test", BadHeaders::Control(2)),
            ("Subject: Re: x", "Subject: Re: \0x", BadHeaders::Control(2)),
            ("From: Ada", " From: eve@evil.test\r\nFrom: Ada", BadHeaders::NoField(1)),
            ("\r\n\r\n", "\r\nContent-Type: text/html\r\n\r\n", BadHeaders::Twice("Content-Type")),
            ("<1@owners.test>", "<1@owners.test> <2@owners.test>", BadHeaders::MessageId),
            ("<1@owners.test>", "", BadHeaders::MessageId),
        ] {
            assert_eq!(gate(&GOOD.replacen(from, to, 1)), Err(why), "{to}");
        }
    }

    #[test]
    fn a_from_field_names_exactly_one_address() {
        for (from, address) in [
            ("ada@owners.test", Some("ada@owners.test")),
            ("\"Ada, of the owners (yes)\" <Ada@Owners.test>", Some("ada@owners.test")),
            ("\"boss@corp.test\" <ada@owners.test>", Some("ada@owners.test")),
            ("=?utf-8?q?Ad=C3=A4_=3Cboss=40corp=2Etest=3E?= <ada@owners.test>", Some("ada@owners.test")),
            ("ada@owners.test (Ada <boss@corp.test>)", Some("ada@owners.test")),
            ("Ada\r\n <ada@owners.test>", Some("ada@owners.test")),
            ("ada@owners.test, eve@evil.test", None),
            ("<ada@owners.test> <eve@evil.test>", None),
            ("boss@corp.test <ada@owners.test", None),
            ("owners: ada@owners.test, eve@evil.test;", None),
            ("owners: ada@owners.test;", None),
            ("ada@owners.test@evil.test", None),
            ("<@relay.test:ada@owners.test>", None),
            ("ada", None),
            ("<>", None),
            ("", None),
        ] {
            let raw = GOOD.replacen("Ada <ada@owners.test>", from, 1);
            assert_eq!(gate(&raw).ok().as_deref(), address, "{from}");
        }
    }

    #[test]
    fn encoded_subjects_are_decoded_and_unfolded() {
        let raw = b"Subject: =?UTF-8?Q?Re:_2027-Q1:_f=C3=BCr_web01_?=\r\n =?UTF-8?B?WyNBQkNE?=\r\n =?UTF-8?B?RV0=?=\r\n\r\n";
        assert_eq!(Section::cut(raw).text("subject").unwrap(), "Re: 2027-Q1: für web01 [#ABCDE]");
        let raw = b"Subject: Re: web01\r\n\t[#ABC]\r\nTo: a@b.test, X <C@D.test>\r\nReferences: <1@x> <2@y>\r\n\t<3@z>\r\n\r\n";
        let section = Section::cut(raw);
        assert_eq!(section.text("Subject").unwrap(), "Re: web01 [#ABC]");
        assert_eq!(section.addresses("To"), ["a@b.test", "c@d.test"]);
        assert_eq!(section.ids("References"), ["1@x", "2@y", "3@z"]);
    }
}
