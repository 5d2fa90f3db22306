//! A rendered notice becomes a message: one recipient, an id that never changes, marks that stop loops.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use lettre::address::AddressError;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::{Address as MailAddress, Message};

use super::calendar::Entry;
use super::dkim::Signer;
use super::ours::Ours;
use super::token::Token;
use crate::domain::ids::NoticeId;
use crate::domain::notice::Notice;
use crate::domain::person::Address;
use crate::render::Rendered;

/// What one mail is made of.
#[derive(Debug, Clone)]
pub struct Letter<'a> {
    /// The row of the outbox; it makes the Message-ID, the envelope sender and the loop mark.
    pub id: NoticeId,
    /// The notice.
    pub notice: &'a Notice,
    /// The notice in words.
    pub rendered: &'a Rendered,
    /// The one recipient.
    pub to: &'a Address,
    /// How the recipient is called.
    pub to_name: Option<&'a str>,
    /// The token, when the notice can be answered.
    pub token: Option<&'a Token>,
    /// The Message-ID that is answered, with brackets or without.
    pub in_reply_to: Option<&'a str>,
    /// The calendar entries that go along.
    pub entries: &'a [Entry],
    /// Who signs it.
    pub signer: Option<&'a Signer>,
    /// When it was written: the same at every attempt to deliver it.
    pub at: DateTime<Utc>,
}

/// A message ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Composed {
    /// The notice.
    pub id: NoticeId,
    /// The envelope sender, to which bounces go.
    pub from: String,
    /// The envelope recipient.
    pub to: String,
    /// The Message-ID, with its brackets.
    pub message_id: String,
    /// The message, byte by byte the same at every attempt.
    pub raw: Vec<u8>,
}

impl std::fmt::Debug for Composed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The message carries a reply token.
        f.debug_struct("Composed")
            .field("id", &self.id)
            .field("bytes", &self.raw.len())
            .finish_non_exhaustive()
    }
}

/// A message that cannot be composed.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// An address that mail cannot be sent to.
    #[error("no mail can be addressed to {address} ({why}); correct the address in the inventory")]
    Address {
        /// The address.
        address: String,
        /// Why not.
        why: AddressError,
    },
    /// A part that the message cannot hold.
    #[error("the notice {id} cannot be put into a message ({why}); report it with the notice's id")]
    Message {
        /// The notice.
        id: NoticeId,
        /// Why not.
        why: String,
    },
}

/// Composes a message.
///
/// # Errors
/// When the recipient's address is none that mail can be sent to.
pub fn compose(letter: &Letter<'_>, ours: &Ours, our_name: &str) -> Result<Composed, ComposeError> {
    let id = letter.id;
    let message_id = ours.message_id(id);
    let broken = |why: &dyn std::fmt::Display| ComposeError::Message { id, why: why.to_string() };
    let mut message = Message::builder()
        .from(Mailbox::new(plain_name(our_name), address(ours.address().as_str())?))
        .to(Mailbox::new(letter.to_name.and_then(plain_name), address(letter.to.as_str())?))
        .subject(one_line(&letter.rendered.subject))
        .message_id(Some(message_id.clone()))
        .date(SystemTime::UNIX_EPOCH + Duration::from_secs(letter.at.timestamp().try_into().unwrap_or(0)));
    if let Some(token) = letter.token {
        message = message.reply_to(Mailbox::new(plain_name(our_name), address(&ours.reply_address(token))?));
    }
    if let Some(answered) = letter.in_reply_to.and_then(thread_id) {
        message = message.in_reply_to(answered.clone()).references(answered);
    }
    let submitted = match letter.notice {
        Notice::Transcript(_) => "auto-replied",
        _ => "auto-generated",
    };
    // That its reader is away is worth knowing where an answer is waited for; all else is noise.
    let suppressed = if letter.notice.asks() { "DR, RN, NRN, AutoReply" } else { "All" };
    let (domain, kind) = (ours.domain(), letter.notice.name());
    for (name, value) in [
        ("Auto-Submitted", submitted.to_owned()),
        ("X-Auto-Response-Suppress", suppressed.to_owned()),
        ("List-Id", format!("<notices.{}.{domain}>", ours.mailbox())),
        ("Feedback-ID", format!("{kind}:{}:patchbot:{domain}", quarter_of(letter.notice))),
        ("X-Patchbot-Notice", id.to_string()),
    ] {
        let name = HeaderName::new_from_ascii(name.to_owned()).map_err(|why| broken(&why))?;
        message = message.raw_header(HeaderValue::new(name, value));
    }
    let border = |name: &str| format!("=_{}_{name}", id.0.simple());
    let mut parts = MultiPart::alternative()
        .boundary(border("a"))
        .singlepart(SinglePart::plain(with_crlf(&letter.rendered.text)))
        .singlepart(SinglePart::html(with_crlf(&letter.rendered.html)));
    let calendar = |entry: &Entry| {
        let kind = format!("text/calendar; charset=utf-8; method={}", entry.method.as_str());
        ContentType::parse(&kind).map_err(|why| broken(&why))
    };
    let message = match letter.entries {
        [only] => {
            let part = SinglePart::builder().header(calendar(only)?).body(only.text.clone());
            parts = parts.singlepart(part);
            message.multipart(parts)
        }
        [] => message.multipart(parts),
        // A mail program takes one invitation from a mail; the others are files that open in the calendar.
        several => {
            let mut all = MultiPart::mixed().boundary(border("m")).multipart(parts);
            for entry in several {
                let name = format!("{}.ics", entry.server);
                all = all.singlepart(Attachment::new(name).body(entry.text.clone(), calendar(entry)?));
            }
            message.multipart(all)
        }
    };
    let raw = message.map_err(|why| broken(&why))?.formatted();
    let raw = match letter.signer {
        Some(signer) => signer.sign(&raw, letter.at).map_err(|why| broken(&why))?,
        None => raw,
    };
    Ok(Composed { id, from: ours.bounce_address(id), to: letter.to.to_string(), message_id, raw })
}

/// Line ends as mails have them. The library would put each carriage return in by moving the rest of the text.
fn with_crlf(text: &str) -> String {
    let mut crlf = String::with_capacity(text.len().saturating_add(text.len() / 16));
    for line in text.lines() {
        crlf.push_str(line);
        crlf.push_str("\r\n");
    }
    crlf
}

/// The quarter that a notice is about; a word where it is about none.
fn quarter_of(notice: &Notice) -> &str {
    notice.windows().first().map_or("all", |window| window.quarter.as_str())
}

fn address(text: &str) -> Result<MailAddress, ComposeError> {
    text.parse().map_err(|why| ComposeError::Address { address: text.to_owned(), why })
}

/// A name that is nothing but a name, or none.
fn plain_name(name: &str) -> Option<String> {
    let name = one_line(name);
    (!name.is_empty()).then_some(name)
}

/// Text that stays in its header, whatever was put into it.
fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A Message-ID that somebody else made, when it is safe to repeat.
fn thread_id(text: &str) -> Option<String> {
    const LONGEST: usize = 250;
    let id = text.trim().trim_start_matches('<').trim_end_matches('>');
    let fine = id.contains('@')
        && id.len() <= LONGEST
        && id.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>'));
    fine.then(|| format!("<{id}>"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::calendar::entries;
    use crate::mail::read::headers::Section;
    use crate::mail::read::{Inbound, Machine, read};
    use crate::render::{Renderer, samples};
    use proptest::prelude::*;
    use uuid::Uuid;

    fn ours() -> Ours {
        Ours::new(Address::parse("patchbot@patch.test").unwrap())
    }

    /// What a test changes about a letter.
    struct Change {
        name: String,
        answers: Option<String>,
        rendered: Option<Rendered>,
        token: Option<Token>,
    }

    fn usual() -> Change {
        let token = Some(Token::new(*b"abcdefghijklmnopqrst"));
        Change { name: "Ada Example".to_owned(), answers: None, rendered: None, token }
    }

    fn composed(sample: &str, change: &Change) -> Composed {
        let sample = samples().into_iter().find(|known| known.name == sample).unwrap();
        let rendered = Renderer::new(None).unwrap().render(&sample.notice, &sample.footing).unwrap();
        let to = Address::parse("ada@owners.test").unwrap();
        let at = "2026-11-30T08:00:00Z".parse().unwrap();
        let entries = entries(&sample.notice, &ours(), &to, at);
        let letter = Letter {
            id: NoticeId(Uuid::from_u128(7)),
            notice: &sample.notice,
            rendered: change.rendered.as_ref().unwrap_or(&rendered),
            to: &to,
            to_name: Some(&change.name),
            token: change.token.as_ref(),
            in_reply_to: change.answers.as_deref(),
            entries: &entries,
            signer: None,
            at,
        };
        compose(&letter, &ours(), "patchbot").unwrap()
    }

    fn header(composed: &Composed, name: &str) -> Option<String> {
        Section::cut(&composed.raw).text(name)
    }

    #[test]
    fn a_notice_has_every_mark_it_needs() {
        let mail = composed("daily_reminder", &usual());
        assert_eq!(mail.from, "patchbot-bounce+00000000000000000000000000000007@patch.test");
        assert_eq!(mail.to, "ada@owners.test");
        for (name, value) in [
            ("From", "patchbot <patchbot@patch.test>"),
            ("To", "\"Ada Example\" <ada@owners.test>"),
            ("Reply-To", "patchbot <patchbot+mfrggzdfmztwq2lknnwg23tpobyxe43u@patch.test>"),
            ("Message-ID", "<00000000-0000-0000-0000-000000000007@patch.test>"),
            ("Auto-Submitted", "auto-generated"),
            ("X-Auto-Response-Suppress", "DR, RN, NRN, AutoReply"),
            ("List-Id", "<notices.patchbot.patch.test>"),
            ("Feedback-ID", "daily_reminder:2027-Q1:patchbot:patch.test"),
            ("X-Patchbot-Notice", "00000000-0000-0000-0000-000000000007"),
            ("Date", "Mon, 30 Nov 2026 08:00:00 +0000"),
        ] {
            assert_eq!(header(&mail, name).as_deref(), Some(value), "{name}");
        }
        let subject = header(&mail, "Subject").unwrap();
        assert!(subject.ends_with("[#MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U]"), "{subject}");
        let raw = String::from_utf8(mail.raw.clone()).unwrap();
        assert!(
            raw.contains("text/calendar; charset=utf-8; method=REQUEST")
                && raw.contains("multipart/alternative")
        );
        assert!(raw.is_ascii() && raw.lines().all(|line| line.len() <= 998));
        assert_eq!(mail, composed("daily_reminder", &usual()), "every attempt sends the same bytes");
        assert!(!format!("{mail:?}").to_lowercase().contains("mfrggzdf"));
    }

    #[test]
    fn a_transcript_answers_in_the_thread_and_can_be_told_from_a_notice() {
        let mail = composed(
            "transcript-done",
            &Change { answers: Some("reply-1@owners.test".to_owned()), ..usual() },
        );
        assert_eq!(header(&mail, "In-Reply-To").as_deref(), Some("<reply-1@owners.test>"));
        assert_eq!(header(&mail, "References").as_deref(), Some("<reply-1@owners.test>"));
        assert_eq!(header(&mail, "Auto-Submitted").as_deref(), Some("auto-replied"));
        let last = composed("transcript-refused", &Change { token: None, ..usual() });
        assert_eq!(header(&last, "Reply-To"), None);
    }

    #[test]
    fn our_own_mail_is_recognised_when_it_comes_back() {
        for sample in ["daily_reminder", "transcript-done", "completion_notice"] {
            assert_eq!(read(&composed(sample, &usual()).raw, &ours()), Ok(Inbound::Machine(Machine::Own)));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn nothing_that_is_put_in_makes_a_header(name in any::<String>(), id in any::<String>(), subject in any::<String>()) {
            let evil = |text: &str| format!("{text}\r\nBcc: eve@evil.test\n\n{text}\rX-Evil: 1");
            let (name, id, subject) = (evil(&name), evil(&id), evil(&subject));
            let rendered = Rendered { subject, text: "x\n".to_owned(), html: "<p>x</p>".to_owned() };
            let mail = composed("missed", &Change { name, answers: Some(id), rendered: Some(rendered), ..usual() });
            let section = Section::cut(&mail.raw);
            prop_assert_eq!(section.oddity, None);
            let mut names: Vec<String> =
                section.fields.iter().map(|field| String::from_utf8_lossy(field.name).to_lowercase()).collect();
            names.sort_unstable();
            prop_assert_eq!(names, [
                "auto-submitted", "content-type", "date", "feedback-id", "from", "list-id", "message-id", "mime-version", "reply-to", "subject", "to",
                "x-auto-response-suppress", "x-patchbot-notice",
            ]);
        }
    }
}
