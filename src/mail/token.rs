//! Reply tokens: 160 random bits that bind an answer to one notice of one owner.
//!
//! A token travels in the subject, which all large providers sign, and in the plus address. Only its hash is kept,
//! so a stolen database answers nothing, and looking a hash up needs no constant-time comparison: whoever can choose
//! what is compared would have to find a preimage first.

use std::fmt;

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};

/// How many letters a written token has: 20 bytes, five bits a letter.
const LETTERS: usize = 32;
/// A token in brackets may have been torn by folding; more blanks than this and it is something else.
const MOST_BETWEEN_BRACKETS: usize = 2 * LETTERS;

/// A reply token. Its `Debug` says nothing, for whoever reads a log must not be able to answer a notice.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token([u8; 20]);

/// What is kept of a token: SHA-256 in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenHash(String);

/// Tokens that cannot be acted on: somebody put two conversations into one mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenProblem {
    /// More than one token in the subject.
    #[error(
        "the subject carries two different tokens, so it is not clear which notice is answered; answer one notice per mail"
    )]
    TwoInSubject,
    /// More than one token in the addresses.
    #[error(
        "the mail goes to the reply addresses of two notices, so it is not clear which one is answered; answer one notice per mail"
    )]
    TwoInAddresses,
    /// Subject and address carry different ones.
    #[error(
        "the token in the subject and the one in the address belong to different notices; answer with the reply button of your mail program and leave the subject as it is"
    )]
    Disagree,
}

impl Token {
    /// A token from fresh random bytes.
    #[must_use]
    pub fn new(random: [u8; 20]) -> Self {
        Self(random)
    }

    /// Reads 32 letters of base32, in capitals or not.
    #[must_use]
    pub fn parse(letters: &str) -> Option<Self> {
        if letters.len() != LETTERS {
            return None;
        }
        let bytes = BASE32_NOPAD.decode(letters.to_ascii_uppercase().as_bytes()).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// The token as it stands in a subject: `[#ABCD…]`.
    #[must_use]
    pub fn tag(&self) -> String {
        format!("[#{}]", BASE32_NOPAD.encode(&self.0))
    }

    /// The address that answers go to: `patchbot+abcd…@example.org`.
    #[must_use]
    pub fn address(&self, mailbox: &str, domain: &str) -> String {
        format!("{mailbox}+{}@{domain}", BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
    }

    /// What the database keeps and what is looked up.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash(HEXLOWER.encode(&Sha256::digest(self.0)))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl TokenHash {
    /// The hash as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Finds the token of a reply in its subject (already decoded) and in the addresses it was sent to.
///
/// The two must agree when both are there; mail servers that strip `+…` leave the one in the subject.
///
/// # Errors
/// When more than one token is found.
pub fn find<'a>(
    subject: &str,
    recipients: impl IntoIterator<Item = &'a str>,
    mailbox: &str,
) -> Result<Option<Token>, TokenProblem> {
    let in_subject = one(in_subject(subject), TokenProblem::TwoInSubject)?;
    let in_addresses = one(
        recipients.into_iter().filter_map(|address| in_address(address, mailbox)),
        TokenProblem::TwoInAddresses,
    )?;
    match (in_subject, in_addresses) {
        (Some(subject), Some(address)) if subject != address => Err(TokenProblem::Disagree),
        (subject, address) => Ok(subject.or(address)),
    }
}

fn one(
    mut tokens: impl Iterator<Item = Token>,
    several: TokenProblem,
) -> Result<Option<Token>, TokenProblem> {
    let first = tokens.next();
    if tokens.all(|token| Some(&token) == first.as_ref()) { Ok(first) } else { Err(several) }
}

/// Every `[#…]` of a subject that is a token; ticket numbers of other systems are not.
fn in_subject(subject: &str) -> impl Iterator<Item = Token> {
    subject.split("[#").skip(1).filter_map(|tail| {
        let inside = tail.chars().take(MOST_BETWEEN_BRACKETS).take_while(|c| *c != ']');
        let mut letters = String::with_capacity(MOST_BETWEEN_BRACKETS);
        letters.extend(inside.filter(|c| !c.is_whitespace()));
        Token::parse(&letters)
    })
}

/// The token of `mailbox+token@…`, whatever the domain: a forwarding server may have rewritten it.
fn in_address(address: &str, mailbox: &str) -> Option<Token> {
    let (local, _) = address.rsplit_once('@')?;
    let (name, letters) = local.split_once('+')?;
    name.eq_ignore_ascii_case(mailbox).then(|| Token::parse(letters)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(byte: u8) -> Token {
        Token::new([byte; 20])
    }

    #[test]
    fn a_token_is_read_back_from_subject_and_address_in_any_case() {
        let token = token(0x5a);
        assert_eq!(token.tag(), "[#LJNFUWS2LJNFUWS2LJNFUWS2LJNFUWS2]");
        assert_eq!(
            token.address("patchbot", "patch.test"),
            "patchbot+ljnfuws2ljnfuws2ljnfuws2ljnfuws2@patch.test"
        );
        for subject in [
            format!("Re: 2027-Q1: web01 on Thu 3 Dec {}", token.tag()),
            format!("AW: WG: Re: RE: Antw: {} 2027-Q1", token.tag().to_lowercase()),
            format!("Re: [EXTERNAL] [#4711] something {} {}", token.tag(), token.tag()),
            "Re: x [#LJNFUWS2LJNFUWS2\r\n LJNFUWS2LJNFUWS2]".to_owned(),
        ] {
            assert_eq!(find(&subject, [], "patchbot"), Ok(Some(token.clone())), "{subject}");
        }
        let folded = "PatchBot+LJNFUWS2ljnfuws2LJNFUWS2LJNFUWS2@PATCH.test";
        assert_eq!(find("Re: x", ["ada@owners.test", folded], "patchbot"), Ok(Some(token)));
    }

    #[test]
    fn two_tokens_are_refused_and_none_is_none() {
        let (a, b) = (token(1), token(2));
        let (to_a, to_b) = (a.address("patchbot", "patch.test"), b.address("patchbot", "patch.test"));
        let subject = format!("Re: {} {}", a.tag(), b.tag());
        assert_eq!(find(&subject, [], "patchbot"), Err(TokenProblem::TwoInSubject));
        assert_eq!(find("x", [&*to_a, &*to_b], "patchbot"), Err(TokenProblem::TwoInAddresses));
        assert_eq!(find(&a.tag(), [&*to_b], "patchbot"), Err(TokenProblem::Disagree));
        assert_eq!(find(&a.tag(), [&*to_a], "patchbot"), Ok(Some(a)));
        assert_eq!(find("Re: [#123] [#] [#ABC", ["patchbot@patch.test", "+@", "x"], "patchbot"), Ok(None));
    }

    #[test]
    fn nothing_of_a_token_is_shown_by_debug_and_its_hash_is_sha256() {
        assert_eq!(format!("{:?}", token(7)), "Token(…)");
        let hash = token(0).hash();
        assert_eq!(hash.as_str(), "de47c9b27eb8d300dbb5f2c353e632c393262cf06340c4fa7f1b40c4cbd36f90");
    }

    proptest! {
        #[test]
        fn any_token_survives_any_subject_around_it(
            bytes in any::<[u8; 20]>(),
            before in "[^\\[]{0,40}",
            after in "[^\\[]{0,40}",
        ) {
            let token = Token::new(bytes);
            prop_assert_eq!(find(&format!("{before}{}{after}", token.tag()), [], "patchbot"), Ok(Some(token)));
        }

        #[test]
        fn nothing_in_a_subject_or_address_panics(subject in any::<String>(), address in any::<String>()) {
            let _ = find(&subject, [&*address], "patchbot");
        }
    }
}
