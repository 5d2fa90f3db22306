//! Notices are signed with a key of our own (RFC 6376), so that other servers can tell them from forgeries.

use std::fmt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use data_encoding::BASE64;
use mail_auth::common::crypto::{Algorithm, Ed25519Key, RsaKey, SigningKey};
use mail_auth::common::headers::{Writable, Writer};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use super::read::headers::Section;

/// What a signature covers. From and Subject are named twice, so that no second one can be added on the way.
const SIGNED: &[&str] = &[
    "From", "From", "To", "Subject", "Subject", "Date", "Message-ID", "Reply-To", "In-Reply-To",
    "References", "MIME-Version", "Content-Type", "Auto-Submitted", "List-Id", "Feedback-ID",
];

/// A key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadKey {
    /// It cannot be read.
    #[error("the DKIM key {path} cannot be read ({why}); put a private key in PEM form there, readable by the service user only", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// It is none.
    #[error("{path} holds no key that DKIM can use ({why}); make one with \"openssl genrsa 2048\" or \"openssl genpkey -algorithm ed25519\"", path = .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

enum Key {
    Rsa(RsaKey<mail_auth::common::crypto::Sha256>),
    Ed25519(Ed25519Key),
}

/// Signs for one domain with one key.
pub struct Signer {
    domain: String,
    selector: String,
    key: Key,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, {})", self.domain, self.selector)
    }
}

/// Bytes that are hashed and signed as they are.
struct Plain<'a>(&'a [u8]);

impl Writable for Plain<'_> {
    fn write(self, writer: &mut impl Writer) {
        writer.write(self.0);
    }
}

impl Signer {
    /// Reads a private key: RSA or Ed25519, in PEM form.
    ///
    /// # Errors
    /// When there is none in the file, or none that DKIM knows.
    pub fn read(path: &Path, domain: &str, selector: &str) -> Result<Self, BadKey> {
        let unreadable = |why: String| BadKey::Unreadable { path: path.to_owned(), why };
        let unusable = |why: String| BadKey::Unusable { path: path.to_owned(), why };
        let pem = std::fs::read(path).map_err(|why| unreadable(why.to_string()))?;
        let der = PrivateKeyDer::from_pem_slice(&pem).map_err(|why| unusable(why.to_string()))?;
        let key = match &der {
            PrivateKeyDer::Pkcs8(pkcs8) => {
                Ed25519Key::from_pkcs8_maybe_unchecked_der(pkcs8.secret_pkcs8_der())
                    .map(Key::Ed25519)
                    .or_else(|_| {
                        RsaKey::from_key_der(der.clone_key())
                            .map(Key::Rsa)
                            .map_err(|why| unusable(why.to_string()))
                    })?
            }
            _ => RsaKey::from_key_der(der.clone_key())
                .map(Key::Rsa)
                .map_err(|why| unusable(why.to_string()))?,
        };
        Ok(Self { domain: domain.to_owned(), selector: selector.to_owned(), key })
    }

    /// The name server's record for this key, and where it belongs.
    #[must_use]
    pub fn record(&self) -> (String, String) {
        let (kind, public) = match &self.key {
            Key::Rsa(key) => ("rsa", rsa_public(&key.public_key())),
            Key::Ed25519(key) => ("ed25519", key.public_key()),
        };
        let place = format!("{}._domainkey.{}", self.selector, self.domain);
        (place, format!("v=DKIM1; k={kind}; p={}", BASE64.encode(&public)))
    }

    /// The message with a signature on top; the same for the same message and time.
    ///
    /// # Errors
    /// When the key refuses.
    pub fn sign(&self, raw: &[u8], at: DateTime<Utc>) -> Result<Vec<u8>, String> {
        let section = Section::cut(raw);
        let algorithm = match self.key {
            Key::Rsa(_) => "rsa-sha256",
            Key::Ed25519(_) => "ed25519-sha256",
        };
        let body = relaxed_body(section.body);
        let (names, mut covered) = covered(&section);
        let bare = format!(
            "v=1; a={algorithm}; c=relaxed/relaxed; d={}; s={};\r\n\tt={}; h={};\r\n\tbh={};\r\n\tb=",
            self.domain,
            self.selector,
            at.timestamp(),
            names.join(":"),
            BASE64.encode(self.hash(&body).as_ref()),
        );
        covered.extend_from_slice(b"dkim-signature:");
        covered.extend_from_slice(&relaxed_value(bare.as_bytes()));
        let signature = match &self.key {
            Key::Rsa(key) => key.sign(Plain(&covered)),
            Key::Ed25519(key) => key.sign(Plain(&covered)),
        };
        let signature = BASE64.encode(&signature.map_err(|why| why.to_string())?);
        let mut signed = format!("DKIM-Signature: {bare}").into_bytes();
        for (number, piece) in signature.as_bytes().chunks(70).enumerate() {
            if number > 0 {
                signed.extend_from_slice(b"\r\n\t ");
            }
            signed.extend_from_slice(piece);
        }
        signed.extend_from_slice(b"\r\n");
        signed.extend_from_slice(raw);
        Ok(signed)
    }

    fn hash(&self, bytes: &[u8]) -> impl AsRef<[u8]> {
        debug_assert!(matches!(self.algorithm(), Algorithm::RsaSha256 | Algorithm::Ed25519Sha256));
        use sha2::Digest as _;
        sha2::Sha256::digest(bytes)
    }

    fn algorithm(&self) -> Algorithm {
        match self.key {
            Key::Rsa(_) => Algorithm::RsaSha256,
            Key::Ed25519(_) => Algorithm::Ed25519Sha256,
        }
    }
}

/// The names that are signed, and their fields in relaxed form; of several fields the lowest comes first.
fn covered(section: &Section<'_>) -> (Vec<&'static str>, Vec<u8>) {
    let mut covered = Vec::new();
    let mut names = Vec::new();
    for name in SIGNED {
        let taken = names.iter().filter(|known| *known == name).count();
        let fields: Vec<&[u8]> = section.all(name).collect();
        let field = fields.len().checked_sub(taken.saturating_add(1)).and_then(|at| fields.get(at));
        // A name that is signed without a field says that there is none.
        if field.is_none() && !matches!(*name, "From" | "Subject") {
            continue;
        }
        names.push(*name);
        if let Some(value) = field {
            covered.extend_from_slice(name.to_ascii_lowercase().as_bytes());
            covered.push(b':');
            covered.extend_from_slice(&relaxed_value(value));
            covered.extend_from_slice(b"\r\n");
        }
    }
    (names, covered)
}

/// A field's value unfolded, with single blanks and none at its ends.
fn relaxed_value(value: &[u8]) -> Vec<u8> {
    let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(&b' ')
}

/// A body with single blanks, none at the ends of lines, and no empty lines at its end.
fn relaxed_body(body: &[u8]) -> Vec<u8> {
    let mut relaxed = Vec::with_capacity(body.len());
    let mut empty = 0_usize;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line).trim_ascii_end();
        if line.is_empty() {
            empty = empty.saturating_add(1);
            continue;
        }
        for _ in 0..std::mem::take(&mut empty) {
            relaxed.extend_from_slice(b"\r\n");
        }
        let mut blank = false;
        for byte in line {
            match byte {
                b' ' | b'\t' if blank => {}
                b' ' | b'\t' => {
                    blank = true;
                    relaxed.push(b' ');
                }
                other => {
                    blank = false;
                    relaxed.push(*other);
                }
            }
        }
        relaxed.extend_from_slice(b"\r\n");
    }
    relaxed
}

/// An RSA public key as name servers keep it (SubjectPublicKeyInfo), from the bare key.
fn rsa_public(bare: &[u8]) -> Vec<u8> {
    const ALGORITHM: &[u8] =
        &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let wrapped = |tag: u8, content: &[u8]| {
        let mut out = vec![tag];
        let length = content.len();
        match u8::try_from(length) {
            Ok(short) if short < 0x80 => out.push(short),
            Ok(byte) => out.extend_from_slice(&[0x81, byte]),
            Err(_) => {
                out.push(0x82);
                out.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
            }
        }
        out.extend_from_slice(content);
        out
    };
    let bits = wrapped(0x03, &[&[0_u8], bare].concat());
    wrapped(0x30, &[ALGORITHM, &bits].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_and_values_are_relaxed_as_the_standard_says() {
        assert_eq!(relaxed_body(b" C \r\nD \t E\r\n\r\n\r\n"), b" C\r\nD E\r\n");
        assert_eq!(relaxed_body(b"\r\n\r\n"), b"");
        assert_eq!(relaxed_body(b"a\n\nb"), b"a\r\n\r\nb\r\n");
        assert_eq!(relaxed_value(b" X\r\n\t Y  \r\n"), b"X Y");
    }

    #[test]
    fn what_is_no_key_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let read = || Signer::read(&path, "patch.test", "s1").unwrap_err().to_string();
        assert!(read().contains("cannot be read"), "{}", read());
        std::fs::write(&path, "nothing").unwrap();
        assert!(read().contains("holds no key that DKIM can use"), "{}", read());
    }
}
