//! How an account in chat becomes a person's: a code is mailed to the address, and said from the account.

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use super::ids::{NoticeId, PersonId};
use super::person::Identity;

/// A code is good for so long.
pub const GOOD_FOR: TimeDelta = TimeDelta::minutes(15);
/// So many wrong codes may be said from one account before the right one is refused as well.
pub const MOST_TRIES: i64 = 5;
/// So many codes are mailed to one person, or for one account, in an hour.
pub const MOST_CODES: i64 = 3;
/// The hour of [`MOST_CODES`].
pub const PER: TimeDelta = TimeDelta::hours(1);

/// Letters and digits that are not taken for each other.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 8;

/// A code that waits to be said. Only its hash is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introduction {
    /// The mail that carries the code; the hash of the code is kept with it.
    pub id: NoticeId,
    /// The account.
    pub identity: Identity,
    /// Who it will be; nobody when the address is not known.
    pub person: Option<PersonId>,
    /// When the code was asked for.
    pub made_at: DateTime<Utc>,
    /// How many wrong codes were said from the account since.
    pub tries: i64,
}

/// Makes a code of random bytes: eight letters, forty bits.
#[must_use]
pub fn code(random: &[u8]) -> String {
    let letter = |byte: &u8| LETTERS.get(usize::from(byte % 32)).copied().map_or('0', char::from);
    random.iter().take(LENGTH).map(letter).collect()
}

/// What is kept of a code: it opens nothing from another account.
#[must_use]
pub fn hash_of(code: &str, identity: &Identity) -> String {
    // Letters that are read or typed for one another are the same one.
    let folded: String = code
        .to_ascii_uppercase()
        .chars()
        .map(|c| match c {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect();
    let sealed = format!("{folded} {} {}", identity.kind(), identity.key());
    data_encoding::HEXLOWER.encode(&Sha256::digest(sealed.as_bytes()))
}

impl Introduction {
    /// Whether the code can still be said.
    #[must_use]
    pub fn is_good(&self, now: DateTime<Utc>) -> bool {
        now.signed_duration_since(self.made_at) < GOOD_FOR && self.tries < MOST_TRIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_easy_to_read_and_bound_to_the_account_that_asked() {
        let code = code(&[0, 31, 32, 255, 10, 18, 20, 200, 7]);
        assert_eq!(code, "0Z0ZAJM8");
        let hers = Identity::Discord { user: "1".to_owned() };
        let his = Identity::Discord { user: "2".to_owned() };
        assert_eq!(hash_of("0z0zajm8", &hers), hash_of("OZOZAJM8", &hers));
        assert_ne!(hash_of(&code, &hers), hash_of(&code, &his));
    }
}
