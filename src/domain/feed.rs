//! Calendar feeds: whose windows one shows, and the signature without which nobody gets it.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::person::Address;

/// Whose windows a calendar shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feed {
    /// Those of one owner's servers.
    Owner(Address),
    /// Those of one host group.
    Group(String),
    /// All of them.
    Operations,
}

impl fmt::Display for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(address) => write!(f, "owner:{address}"),
            Self::Group(name) => write!(f, "group:{name}"),
            Self::Operations => f.write_str("operations"),
        }
    }
}

/// A text that names no feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("that is no calendar; there are owner:ADDRESS, group:NAME and operations")]
pub struct NoFeed;

impl FromStr for Feed {
    type Err = NoFeed;

    fn from_str(text: &str) -> Result<Self, NoFeed> {
        match text.split_once(':') {
            Some(("owner", address)) => Address::parse(address).map(Self::Owner).map_err(|_| NoFeed),
            Some(("group", name)) if !name.is_empty() => Ok(Self::Group(name.to_owned())),
            None if text == "operations" => Ok(Self::Operations),
            _ => Err(NoFeed),
        }
    }
}

/// The secret that this installation signs its links with. Whoever has it can make a link to any calendar.
#[derive(Clone)]
pub struct FeedKey([u8; 20]);

impl fmt::Debug for FeedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FeedKey(…)")
    }
}

impl FeedKey {
    /// A key of random bytes.
    #[must_use]
    pub fn new(random: [u8; 20]) -> Self {
        Self(random)
    }

    /// Reads a key as [`FeedKey::kept`] writes it.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }

    /// The key as the database keeps it.
    #[must_use]
    pub fn kept(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }

    /// HMAC-SHA-256 (RFC 2104) over the feed's name.
    fn code(&self, feed: &Feed) -> Option<Hmac<Sha256>> {
        let mut code = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        code.update(feed.to_string().as_bytes());
        Some(code)
    }

    /// Where a feed is, below the address of the pages: `/calendar/owner:ada@example.org/SIGNATURE.ics`, fit for a URL.
    #[must_use]
    pub fn path(&self, feed: &Feed) -> String {
        let signature = self.code(feed).map(|code| code.finalize().into_bytes()).unwrap_or_default();
        let name: String = feed
            .to_string()
            .bytes()
            .map(|byte| match byte {
                // What RFC 3986 lets stand in a path.
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'@' | b'+' => {
                    char::from(byte).to_string()
                }
                other => format!("%{other:02X}"),
            })
            .collect();
        format!("/calendar/{name}/{}.ics", data_encoding::BASE32_NOPAD.encode(&signature).to_lowercase())
    }

    /// Whether a link's last part is the signature of this feed; compared in a time that tells nothing.
    #[must_use]
    pub fn is_signed(&self, feed: &Feed, file: &str) -> bool {
        let given = file
            .strip_suffix(".ics")
            .and_then(|text| data_encoding::BASE32_NOPAD.decode(text.to_uppercase().as_bytes()).ok());
        match (self.code(feed), given) {
            (Some(code), Some(given)) => code.verify_slice(&given).is_ok(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(text: &str) -> Feed {
        text.parse().unwrap()
    }

    #[test]
    fn a_feed_is_called_as_it_is_written() {
        for text in ["owner:ada@owners.test", "group:web servers/1", "operations"] {
            assert_eq!(feed(text).to_string(), text);
        }
        for text in ["", "owner", "owner:", "owner:ada", "group:", "everything", "operations:"] {
            assert_eq!(text.parse::<Feed>(), Err(NoFeed), "{text}");
        }
    }

    #[test]
    fn a_link_opens_its_own_feed_and_no_other() {
        let key = FeedKey::new([7; 20]);
        let path = key.path(&feed("owner:ada@owners.test"));
        assert_eq!(path, key.path(&feed("owner:ada@owners.test")));
        let file = path.rsplit_once('/').unwrap().1;
        assert!(key.is_signed(&feed("owner:ada@owners.test"), file));
        assert!(!key.is_signed(&feed("owner:bob@owners.test"), file));
        assert!(!key.is_signed(&feed("operations"), file));
        assert!(!FeedKey::new([8; 20]).is_signed(&feed("owner:ada@owners.test"), file));
        for wrong in ["", ".ics", "aaaa.ics", file.trim_end_matches(".ics")] {
            assert!(!key.is_signed(&feed("owner:ada@owners.test"), wrong), "{wrong}");
        }
    }

    #[test]
    fn a_link_is_fit_for_a_url() {
        let path = FeedKey::new([7; 20]).path(&feed("group:web servers/1 ü"));
        assert!(path.starts_with("/calendar/group:web%20servers%2F1%20%C3%BC/"), "{path}");
    }

    #[test]
    fn a_key_is_kept_and_never_shown() {
        let key = FeedKey::new([7; 20]);
        assert_eq!(FeedKey::read(&key.kept()).unwrap().kept(), key.kept());
        assert!(FeedKey::read("07").is_none());
        assert_eq!(format!("{key:?}"), "FeedKey(…)");
    }
}
