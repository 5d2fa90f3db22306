//! The keys: the one patchbot logs in with, and those by which hosts are known.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey, decode_secret_key};

use super::error::KeyError;
use crate::config::secret::Secret;

/// The private key patchbot logs in with. Its `Debug` says only what kind it is.
#[derive(Clone)]
pub struct LoginKey(pub(super) Arc<PrivateKey>);

impl fmt::Debug for LoginKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoginKey({})", self.0.algorithm())
    }
}

impl LoginKey {
    /// Reads a key from a file, with its passphrase when it has one. This is slow for encrypted keys: once, at start.
    ///
    /// # Errors
    /// When the file cannot be read, is no private key, or the passphrase is missing or wrong.
    pub fn read(path: &Path, passphrase: Option<&Secret>) -> Result<Self, KeyError> {
        let place = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|why| KeyError::File { place: place.clone(), why })?;
        Self::parse(&text, passphrase, &place)
    }

    /// Reads a key from its text; `place` says in errors where it came from.
    ///
    /// # Errors
    /// When it is no private key, or the passphrase is missing or wrong.
    pub fn parse(text: &str, passphrase: Option<&Secret>, place: &str) -> Result<Self, KeyError> {
        let place = place.to_owned();
        match decode_secret_key(text, passphrase.map(Secret::expose)) {
            Ok(key) if key.is_encrypted() => Err(KeyError::Encrypted { place }),
            Ok(key) => match key.algorithm() {
                Algorithm::Ed25519 | Algorithm::Rsa { .. } | Algorithm::Ecdsa { .. } => {
                    Ok(Self(Arc::new(key)))
                }
                other => Err(KeyError::Kind { place, kind: other.to_string() }),
            },
            Err(russh::keys::Error::KeyIsEncrypted) => Err(KeyError::Encrypted { place }),
            // A wrong passphrase shows as a key that decrypts to nonsense.
            Err(_) if passphrase.is_some() => Err(KeyError::Passphrase { place }),
            Err(_) => Err(KeyError::NoKey { place }),
        }
    }

    /// The public half, as it stands in `authorized_keys`.
    #[must_use]
    pub fn public_line(&self) -> String {
        self.0.public_key().to_openssh().unwrap_or_default()
    }
}

/// The public key of a host.
#[derive(Clone, PartialEq, Eq)]
pub struct HostKey(pub(super) PublicKey);

impl HostKey {
    pub(super) fn of(key: &PublicKey) -> Self {
        Self(PublicKey::new(key.key_data().clone(), ""))
    }

    /// Reads a host's key as it stands in `ssh_host_ed25519_key.pub`: `ssh-ed25519 AAAA…`.
    ///
    /// # Errors
    /// When it is no public key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let key = PublicKey::from_openssh(text.trim());
        key.map(|key| Self::of(&key)).map_err(|_| KeyError::NoHostKey)
    }

    /// The key as a line, without a comment: what the database keeps.
    #[must_use]
    pub fn line(&self) -> String {
        self.0.to_openssh().unwrap_or_default().trim_end().to_owned()
    }

    /// The key's fingerprint, as `ssh-keygen -l` shows it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.0.fingerprint(HashAlg::Sha256).to_string())
    }

    /// The kinds of signature that prove this key.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        match self.0.algorithm() {
            Algorithm::Rsa { .. } => {
                [HashAlg::Sha512, HashAlg::Sha256].map(|hash| Algorithm::Rsa { hash: Some(hash) }).to_vec()
            }
            other => vec![other],
        }
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostKey({})", self.fingerprint())
    }
}

/// A fingerprint as people compare it: `SHA256:…`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Reads a fingerprint as `ssh-keygen -l` shows it.
    ///
    /// # Errors
    /// When it does not begin with `SHA256:` and 43 characters of base64.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let digest = text.strip_prefix("SHA256:").unwrap_or_default();
        if digest.len() == 43 && digest.chars().all(|c| c.is_ascii_alphanumeric() || "+/".contains(c)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(KeyError::NoFingerprint)
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which key a host may show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// This one and no other.
    Pinned(HostKey),
    /// The host is not known yet; only a key with this fingerprint, which a person compared, is accepted.
    Fingerprint(Fingerprint),
    /// The host is not known yet; a person decided to accept whatever it shows.
    FirstContact,
    /// The host is not known yet, and nobody decided: connecting tells the fingerprint as an error.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ root@web01";

    #[test]
    fn a_host_key_is_kept_without_its_comment() {
        let key = HostKey::parse(HOST).unwrap();
        assert_eq!(HostKey::parse(&key.line()).unwrap(), key);
        assert!(!key.line().contains("web01"));
        assert_eq!(Fingerprint::parse(&key.fingerprint().to_string()).unwrap(), key.fingerprint());
        assert!(HostKey::parse("ssh-ed25519 nonsense").is_err());
        assert!(Fingerprint::parse("MD5:00").is_err());
    }

    #[test]
    fn a_key_never_shows_itself() {
        let error = LoginKey::parse("no key at all", None, "/etc/patching/id").unwrap_err();
        assert_eq!(
            error.to_string(),
            "/etc/patching/id is no private key; make one with \"ssh-keygen -t ed25519\""
        );
    }
}
