//! Names of servers, as they can be typed.

use std::fmt;

use super::meaning;

/// A server's name: plain letters, digits, dots, dashes and underscores, folded to lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerName(String);

/// Words of the grammar, which must be quoted when a server is really called so.
const KEYWORDS: &[&str] = &[
    "all", "and", "at", "because", "by", "group", "in", "mine", "my", "please", "server", "servers", "the",
    "to", "today", "tomorrow", "with",
];

impl ServerName {
    /// Reads a name.
    ///
    /// # Errors
    /// The end of a sentence that says why the text is no name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let folded = text.trim().trim_end_matches('.').to_ascii_lowercase();
        if folded.is_empty() {
            return Err("it is empty".to_owned());
        }
        if folded.contains(['*', '%', '?']) {
            return Err("wildcards are not taken; name each server, or say \"all\"".to_owned());
        }
        if let Some(strange) =
            folded.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_'))
        {
            return Err(match strange {
                c if c.is_alphanumeric() => format!("it contains \"{c}\", which is not a plain letter"),
                c => format!("it contains \"{c}\""),
            });
        }
        if !folded.starts_with(|c: char| c.is_ascii_alphanumeric()) || folded.contains("..") {
            return Err(
                "it must start with a letter or a digit, and have something between its dots".to_owned()
            );
        }
        // RFC 1035, section 2.3.4: a host name has at most 253 visible characters.
        if folded.len() > 253 {
            return Err("it is longer than a host name can be".to_owned());
        }
        Ok(Self(folded))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a bare word means something in the grammar or in English, so that it is not taken for a name.
    pub(super) fn is_keyword(folded: &str) -> bool {
        KEYWORDS.contains(&folded) || meaning::is_condition(folded) || meaning::is_negation(folded)
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let looks_like_line_numbers = self.0.chars().all(|c| c.is_ascii_digit() || c == '-');
        let looks_like_a_time = super::when::starts_a_time(&self.0);
        let looks_like_a_quarter = super::quarter::QuarterName::read(&self.0).is_some();
        if Self::is_keyword(&self.0) || looks_like_line_numbers || looks_like_a_time || looks_like_a_quarter {
            write!(f, "\"{}\"", self.0)
        } else {
            f.write_str(&self.0)
        }
    }
}
