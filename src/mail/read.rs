//! A raw message becomes what a person typed, or the name of the machine that sent it. Pure; nothing here trusts.
//!
//! What is read is not yet believed: [`super::auth`] says whether the sender is who he claims to be.

pub(crate) mod headers;
pub(crate) mod html;

mod bodies;
mod flowed;
mod machine;
mod mime;
mod style;

use std::collections::BTreeSet;
use std::panic::catch_unwind;

use chrono::{DateTime, Utc};
use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;

use self::bodies::Bodies;
use self::headers::{BadHeaders, Section};
use self::machine::Class;
use self::mime::Walk;
use super::calendar::{CalendarAnswer, read_answer};
use super::ours::Ours;
use crate::domain::person::Address;

pub use self::headers::BadHeaders as HeaderProblem;
pub use self::machine::{AutoReply, Delivery, Machine};

/// Larger messages are not even fetched.
pub const LARGEST: usize = 1024 * 1024;
/// The fields that say which notice a message answers; the first to third are read by their names, the others for addresses.
pub const LEADS: [&str; 10] = [
    "Subject", "In-Reply-To", "References", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To",
    "To", "Cc", "Resent-To",
];
/// More headers than this are no honest mail's.
const LARGEST_HEADERS: usize = 64 * 1024;

/// A message that is not acted on because it cannot be read without doubt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is too large.
    #[error("the message is larger than 1 MB; answer without attachments")]
    TooLarge,
    /// Its headers are too large.
    #[error("the headers of the message are larger than 64 KB; answer with a new mail")]
    HeadersTooLarge,
    /// Its parts are nested too deeply.
    #[error("the parts of the message are nested more than 20 deep; answer with plain text")]
    TooDeep,
    /// It has too many parts.
    #[error("the message has more than 100 parts; answer with plain text")]
    TooManyParts,
    /// Its headers are missing, doubled or disguised.
    #[error("the message is not answered, because {0}; if you wrote it, answer with another mail program")]
    BadHeaders(#[from] BadHeaders),
    /// Reading it broke.
    #[error("the message could not be read because of a fault in this program; report it with the message")]
    Fault,
}

/// Why a message must be asked about before anything of it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// Its text and its HTML say different things.
    Disagree,
    /// There are words that its writer did not see.
    Hidden,
    /// There are words that are struck out.
    Struck,
    /// There are several texts.
    SeveralTexts,
    /// Some of it could not be made out: an unknown charset, broken encoding.
    Damaged,
    /// Its parts do not fill it: there is text around them, or a border in the wrong place.
    Loose,
    /// It is encrypted.
    Encrypted,
    /// What its writer saw is in Outlook's own container, which is not opened.
    Winmail,
    /// A calendar program wrote it: accepted, declined, another time proposed.
    Calendar,
    /// Words stand between the lines of the quote.
    Interleaved,
    /// It is longer than anybody's answer; the end of it was not read.
    TooLong,
    /// A line below the mark of the signature, or in a cut off footer, is a command.
    BelowSignature,
}

impl Flag {
    /// Why it is asked back, as a sentence.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Disagree => "The plain text and the formatted text of your mail say different things.",
            Self::Hidden => "Your mail holds words that are not visible.",
            Self::Struck => "Some words of your mail are struck out.",
            Self::SeveralTexts => "Your mail holds more than one text.",
            Self::Damaged => "Some letters of your mail could not be read.",
            Self::Loose => "The parts of your mail do not fit together.",
            Self::Encrypted => {
                "Your mail is encrypted, or its text is inside a signature that I cannot open."
            }
            Self::Winmail => {
                "Outlook packed your mail into a file \"winmail.dat\", which I cannot open; send it as plain text or HTML."
            }
            Self::Calendar => "It is an answer of your calendar, and only words count.",
            Self::Interleaved => "Your words stand between the lines of the notice.",
            Self::TooLong => "Your mail is too long.",
            Self::BelowSignature => "There is an answer below your signature.",
        }
    }
}

/// What a person sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundMail {
    /// Whom it claims to be from.
    pub from: Address,
    /// The subject, decoded, on one line.
    pub subject: String,
    /// To whom it went: To, Cc, Delivered-To, X-Original-To and the like, in lower case.
    pub recipients: Vec<String>,
    /// Its id, without the brackets.
    pub message_id: String,
    /// What it answers: In-Reply-To, then References from the newest to the oldest, without brackets.
    pub answers: Vec<String>,
    /// When it says it was sent.
    pub sent: Option<DateTime<Utc>>,
    /// Its plain text, with everything quoted and signed still in it.
    pub plain: Option<String>,
    /// Its HTML as a person sees it.
    pub html: Option<String>,
    /// What its sender's calendar says.
    pub calendar: Option<CalendarAnswer>,
    /// Why it must be asked about.
    pub flags: BTreeSet<Flag>,
}

/// A message that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inbound {
    /// No person typed it.
    Machine(Machine),
    /// A person typed it.
    Human(Box<InboundMail>),
}

/// The domains that signed a message, each with its key's name; whether the signatures hold is not looked at.
#[must_use]
pub fn signers(raw: &[u8]) -> Vec<(String, String)> {
    const MOST: usize = 8;
    let section = Section::cut(raw);
    let tag = |value: &str, wanted: &str| {
        let found =
            value.split(';').filter_map(|tag| tag.split_once('=')).find(|(name, _)| name.trim() == wanted);
        found.map(|(_, value)| value.split_whitespace().collect::<String>())
    };
    section
        .all("DKIM-Signature")
        .take(MOST)
        .filter_map(|value| {
            let value = String::from_utf8_lossy(value).into_owned();
            Some((tag(&value, "d")?, tag(&value, "s")?))
        })
        .collect()
}

/// Reads a raw message.
///
/// # Errors
/// When it is too large or could be read in two ways.
pub fn read(raw: &[u8], ours: &Ours) -> Result<Inbound, Unreadable> {
    // The parsers of the libraries promise not to panic; whoever writes to us may try whether that is true.
    catch_unwind(|| read_message(raw, ours)).unwrap_or(Err(Unreadable::Fault))
}

fn read_message(raw: &[u8], ours: &Ours) -> Result<Inbound, Unreadable> {
    if raw.len() > LARGEST {
        return Err(Unreadable::TooLarge);
    }
    let section = Section::cut(raw);
    if section.size > LARGEST_HEADERS {
        return Err(Unreadable::HeadersTooLarge);
    }
    let recipients = recipients(&section);
    let machine = match machine::classify(&section, ours) {
        Class::Own => Machine::Own,
        Class::Receipt => Machine::Receipt,
        Class::List => Machine::List,
        Class::Bounce => {
            let part = Walk::default().message(section.clone()).ok();
            Machine::Delivery(Box::new(machine::delivery(&section, part.as_ref(), ours, &recipients)))
        }
        Class::AutoReply { away } => Machine::AutoReply(Box::new(auto_reply(&section, away))),
        Class::Human => return read_human(section, recipients),
    };
    Ok(Inbound::Machine(machine))
}

fn read_human(section: Section<'_>, recipients: Vec<String>) -> Result<Inbound, Unreadable> {
    let from = section.gate()?;
    let answers = answers(&section);
    let mut walk = Walk::default();
    let mut mail = InboundMail {
        from,
        subject: section.text("Subject").unwrap_or_default(),
        recipients,
        message_id: section.ids("Message-ID").into_iter().next().unwrap_or_default(),
        answers,
        sent: section.all("Date").next().and_then(sent),
        plain: None,
        html: None,
        calendar: None,
        flags: BTreeSet::new(),
    };
    let part = walk.message(section)?;
    let bodies = Bodies::gather(&part);
    mail.flags.extend(bodies.flags);
    if walk.loose {
        mail.flags.insert(Flag::Loose);
    }
    mail.calendar = bodies.calendar.as_deref().and_then(read_answer);
    if mail.calendar.is_some() {
        mail.flags.insert(Flag::Calendar);
    }
    mail.plain = bodies.plain;
    mail.html = bodies.html;
    Ok(Inbound::Human(Box::new(mail)))
}

/// What says which notice a message answers.
pub(super) struct Leads {
    pub(super) subject: String,
    pub(super) recipients: Vec<String>,
    pub(super) answers: Vec<String>,
}

impl Leads {
    /// Reads them from the fields of these names alone.
    pub(super) fn of(raw: &[u8], names: &[&str]) -> Self {
        let mut section = Section::cut(raw);
        section
            .fields
            .retain(|field| names.iter().any(|name| field.name.eq_ignore_ascii_case(name.as_bytes())));
        Self {
            subject: section.text("Subject").unwrap_or_default(),
            recipients: recipients(&section),
            answers: answers(&section),
        }
    }
}

/// What a message answers: In-Reply-To, then References from the newest to the oldest.
fn answers(section: &Section<'_>) -> Vec<String> {
    let mut answers = section.ids("In-Reply-To");
    answers.extend(section.ids("References").into_iter().rev());
    answers
}

fn recipients(section: &Section<'_>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in LEADS.into_iter().skip(3) {
        for address in section.addresses(name) {
            if !found.contains(&address) && found.len() < 200 {
                found.push(address);
            }
        }
    }
    found
}

pub(crate) fn sent(value: &[u8]) -> Option<DateTime<Utc>> {
    let value = headers::terminated(value);
    match MessageStream::new(&value).parse_date() {
        HeaderValue::DateTime(date) if date.is_valid() => DateTime::from_timestamp(date.to_timestamp(), 0),
        _ => None,
    }
}

fn auto_reply(section: &Section<'_>, away: bool) -> AutoReply {
    const MOST_LETTERS: usize = 1000;
    let part = Walk::default().message(section.clone()).ok();
    let bodies = part.as_ref().map(Bodies::gather).unwrap_or_default();
    let text = bodies.plain.or(bodies.html).unwrap_or_default();
    AutoReply {
        away,
        from: section.sender(),
        subject: section.text("Subject").unwrap_or_default(),
        text: text.trim().chars().take(MOST_LETTERS).collect(),
        answers: answers(section),
        sent: section.all("Date").next().and_then(sent),
    }
}
