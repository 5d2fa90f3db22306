//! The audit as a chain: each line seals the one before it, in a form that is checked without this program.

use serde::Deserialize;
use sha2::{Digest, Sha256};

/// SHA-256 in hex.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

/// One line of an exported audit: `HASH  CONTENT`, as `sha256sum` writes it. The content is one line of JSON with sorted
/// keys, the hash is the SHA-256 of its bytes, and the content's `last` is the hash of the line before ("" at first).
#[must_use]
pub fn exported(content: &str, hash: &str) -> String {
    format!("{hash}  {content}")
}

/// Where a chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the audit was changed at number {at}: {what}")]
pub struct Broken {
    /// The number of the line that should be there, from 1.
    pub at: i64,
    /// What is wrong with it.
    pub what: &'static str,
}

/// How far a chain has been followed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chain {
    length: i64,
    last: String,
}

/// What the chain needs of a line's content.
#[derive(Deserialize)]
struct Link {
    seq: i64,
    last: String,
}

impl Chain {
    /// How many lines hold together, from the first one on.
    #[must_use]
    pub fn length(&self) -> i64 {
        self.length
    }

    /// The hash of the last of them; empty at the beginning.
    #[must_use]
    pub fn last(&self) -> &str {
        &self.last
    }

    /// Follows the chain to the next line.
    ///
    /// # Errors
    /// When a line was changed, taken out, put in or moved.
    pub fn follow(&mut self, content: &str, hash: &str) -> Result<(), Broken> {
        let at = self.length.saturating_add(1);
        let broken = |what| Broken { at, what };
        let link: Link =
            serde_json::from_str(content).map_err(|_| broken("what stands there is no line of an audit"))?;
        if link.seq != at {
            return Err(broken("another number stands there; lines were taken out, put in or moved"));
        }
        if link.last != self.last {
            return Err(broken("it does not follow the line that stands before it"));
        }
        if sha256(content.as_bytes()) != hash {
            return Err(broken("what stands there is not what was sealed"));
        }
        self.length = at;
        hash.clone_into(&mut self.last);
        Ok(())
    }

    /// Follows the chain to the next line of an exported audit.
    ///
    /// # Errors
    /// As [`Chain::follow`], and when the line is not of this form.
    pub fn follow_exported(&mut self, line: &str) -> Result<(), Broken> {
        let Some((hash, content)) = line.split_once("  ") else {
            return Err(Broken { at: self.length.saturating_add(1), what: "the line has no hash" });
        };
        self.follow(content, hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(sentences: &[&str]) -> Vec<String> {
        let mut last = String::new();
        (1..)
            .zip(sentences)
            .map(|(seq, sentence)| {
                let content = format!(r#"{{"last":"{last}","sentence":"{sentence}","seq":{seq}}}"#);
                last = sha256(content.as_bytes());
                exported(&content, &last)
            })
            .collect()
    }

    fn followed(lines: &[String]) -> Result<Chain, Broken> {
        let mut chain = Chain::default();
        for line in lines {
            chain.follow_exported(line)?;
        }
        Ok(chain)
    }

    #[test]
    fn a_whole_chain_is_followed_to_its_end() {
        let lines = chain(&["one", "two", "three"]);
        let followed = followed(&lines).unwrap();
        assert_eq!(followed.length(), 3);
        assert!(lines.last().unwrap().starts_with(followed.last()));
    }

    #[test]
    fn whatever_is_changed_is_found_where_it_was_changed() {
        let lines = chain(&["one", "two", "three"]);
        let at = |lines: &[String]| followed(lines).unwrap_err();
        let mut edited = lines.clone();
        edited[1] = edited[1].replace("two", "2");
        assert_eq!(
            at(&edited).to_string(),
            "the audit was changed at number 2: what stands there is not what was sealed"
        );
        let content = edited[1].split_once("  ").unwrap().1.to_owned();
        edited[1] = exported(&content, &sha256(content.as_bytes()));
        assert_eq!(
            at(&edited).to_string(),
            "the audit was changed at number 3: it does not follow the line that stands before it"
        );
        assert_eq!(
            at(&[lines[0].clone(), lines[2].clone()]).to_string(),
            "the audit was changed at number 2: another number stands there; lines were taken out, put in or moved"
        );
        assert_eq!(
            at(&["".to_owned()]).to_string(),
            "the audit was changed at number 1: the line has no hash"
        );
        assert_eq!(
            at(&[exported("nonsense", "0")]).to_string(),
            "the audit was changed at number 1: what stands there is no line of an audit"
        );
    }
}
