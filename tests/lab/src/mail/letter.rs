//! A letter as a person's mail program and server would send it, or as a forger would.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};

use super::keys::{ED25519, RSA};

/// Letters of one process get different Message-IDs.
static COUNT: AtomicU64 = AtomicU64::new(1);

/// A letter to be sent; it is unsigned until [`Letter::signed`] or [`Letter::signed_by`] says otherwise.
#[derive(Debug, Clone)]
pub struct Letter {
    pub(crate) envelope_from: String,
    pub(crate) envelope_to: Vec<String>,
    pub(crate) signatures: Vec<Signature>,
    pub(crate) at: DateTime<Utc>,
    headers: Vec<(String, String)>,
    body: String,
    raw: Option<Vec<u8>>,
}

impl Letter {
    /// Begins a letter dated `at`, which is lab time: patchbot's test clock, not this machine's.
    #[must_use]
    pub fn new(from: &str, to: &str, at: DateTime<Utc>) -> Self {
        let domain = domain_of(from);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let id = format!("<{}.{}.{number}@{domain}>", at.timestamp(), std::process::id());
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Self {
            envelope_from: from.to_owned(),
            envelope_to: vec![to.to_owned()],
            signatures: Vec::new(),
            at,
            headers: vec![
                header("From", from),
                header("To", to),
                header("Date", &at.to_rfc2822()),
                header("Message-ID", &id),
                header("Subject", ""),
                header("MIME-Version", "1.0"),
                header("Content-Type", "text/plain; charset=utf-8"),
                header("Content-Transfer-Encoding", "8bit"),
            ],
            body: String::new(),
            raw: None,
        }
    }

    /// Sends these bytes as they are instead of headers and text; line ends should be CRLF.
    #[must_use]
    pub fn raw(mut self, raw: impl Into<Vec<u8>>) -> Self {
        self.raw = Some(raw.into());
        self
    }

    /// Sets the subject.
    #[must_use]
    pub fn subject(self, subject: &str) -> Self {
        self.header("Subject", subject)
    }

    /// Sets the text.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        text.clone_into(&mut self.body);
        self
    }

    /// Sets a header, replacing one of the same name.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match self.headers.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some(header) => value.clone_into(&mut header.1),
            None => self.headers.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Adds a header even when there is one of that name, after all others.
    #[must_use]
    pub fn also_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves a header out.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// Gives the envelope another sender than the From header; empty for a bounce.
    #[must_use]
    pub fn envelope_from(mut self, address: &str) -> Self {
        address.clone_into(&mut self.envelope_from);
        self
    }

    /// Delivers to these instead of the To header's address.
    #[must_use]
    pub fn envelope_to<'a>(mut self, addresses: impl IntoIterator<Item = &'a str>) -> Self {
        self.envelope_to = addresses.into_iter().map(str::to_owned).collect();
        self
    }

    /// Answers another letter: In-Reply-To and References.
    #[must_use]
    pub fn answers(self, message_id: &str) -> Self {
        self.header("In-Reply-To", message_id).header("References", message_id)
    }

    /// Signs with the sender's own domain, RSA key and the usual headers.
    #[must_use]
    pub fn signed(self) -> Self {
        let domain = domain_of(&self.envelope_from_or_header()).to_owned();
        self.signed_by(Signature::of(&domain))
    }

    /// Adds a signature; the last one added stands on top.
    #[must_use]
    pub fn signed_by(mut self, signature: Signature) -> Self {
        self.signatures.push(signature);
        self
    }

    /// The letter's own id.
    #[must_use]
    pub fn message_id(&self) -> Option<&str> {
        self.find("Message-ID")
    }

    /// The letter without its signatures, as bytes with CRLF line ends.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let mut text = String::new();
        for (name, value) in &self.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("\r\n");
        for line in self.body.lines() {
            text.push_str(line);
            text.push_str("\r\n");
        }
        text.into_bytes()
    }

    fn find(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    fn envelope_from_or_header(&self) -> String {
        let from = self.find("From").unwrap_or(&self.envelope_from);
        let inner = from.rsplit_once('<').map_or(from, |(_, rest)| rest.trim_end_matches('>'));
        inner.trim().to_owned()
    }
}

/// How a letter is signed; everything a forger might get wrong or do on purpose can be set.
#[derive(Debug, Clone)]
pub struct Signature {
    pub(crate) domain: String,
    pub(crate) selector: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) key: (String, String),
    pub(crate) headers: Vec<String>,
    pub(crate) canonicalization: String,
    pub(crate) tags: Vec<String>,
    pub(crate) at: Option<DateTime<Utc>>,
}

/// The algorithms of DKIM, the retired one included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// What everybody uses.
    RsaSha256,
    /// Retired since RFC 8301.
    RsaSha1,
    /// Small keys, RFC 8463.
    Ed25519Sha256,
}

impl Algorithm {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RsaSha256 => "rsa-sha256",
            Self::RsaSha1 => "rsa-sha1",
            Self::Ed25519Sha256 => "ed25519-sha256",
        }
    }
}

impl Signature {
    /// Signs for a domain with its RSA key, over the headers large providers sign, at the letter's own time.
    #[must_use]
    pub fn of(domain: &str) -> Self {
        let headers = [
            "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "MIME-Version",
            "Content-Type",
        ];
        Self {
            domain: domain.to_owned(),
            selector: RSA.to_owned(),
            algorithm: Algorithm::RsaSha256,
            key: (domain.to_owned(), RSA.to_owned()),
            headers: headers.map(str::to_owned).to_vec(),
            canonicalization: "relaxed/relaxed".to_owned(),
            tags: Vec::new(),
            at: None,
        }
    }

    /// Uses another algorithm, with the key that fits it.
    #[must_use]
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        let selector = if algorithm == Algorithm::Ed25519Sha256 { ED25519 } else { RSA };
        self.algorithm = algorithm;
        selector.clone_into(&mut self.selector);
        selector.clone_into(&mut self.key.1);
        self
    }

    /// Names another selector; the key stays.
    #[must_use]
    pub fn selector(mut self, selector: &str) -> Self {
        selector.clone_into(&mut self.selector);
        self
    }

    /// Signs with the key of another of the lab's domains: a forgery that cannot hold.
    #[must_use]
    pub fn with_key_of(mut self, domain: &str) -> Self {
        domain.clone_into(&mut self.key.0);
        self
    }

    /// Covers exactly these headers; a name given twice is signed twice.
    #[must_use]
    pub fn headers<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.headers = names.into_iter().map(str::to_owned).collect();
        self
    }

    /// Sets the canonicalization, such as `simple/simple`.
    #[must_use]
    pub fn canonicalization(mut self, name: &str) -> Self {
        name.clone_into(&mut self.canonicalization);
        self
    }

    /// Signs at another time than the letter's.
    #[must_use]
    pub fn at(mut self, at: DateTime<Utc>) -> Self {
        self.at = Some(at);
        self
    }

    /// Covers only the body's present length, so that more may be appended (l=).
    #[must_use]
    pub fn body_length(mut self) -> Self {
        self.tags.push("l=body".to_owned());
        self
    }

    /// Sets any tag, such as `("x", "1700000000")`; an empty value leaves the tag out.
    #[must_use]
    pub fn tag(mut self, name: &str, value: &str) -> Self {
        self.tags.push(format!("{name}={value}"));
        self
    }
}

/// What stands behind the last `@`.
pub(crate) fn domain_of(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain.trim_end_matches('>'))
}
