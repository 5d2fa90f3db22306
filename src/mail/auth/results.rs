//! Authentication-Results (RFC 8601): only the topmost of our own mail server, and only a full "pass".

use data_encoding::BASE64;
use mail_auth::common::headers::Header;
use mail_auth::common::verify::VerifySignature as _;
use mail_auth::dkim::Signature;

use super::{Moment, Proof, Trust, fingerprint, signed_leads, signs};
use crate::mail::read::headers::Section;

/// One method's result: `dkim=pass header.d=owners.test`.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    method: String,
    result: String,
    properties: Vec<(String, String)>,
}

impl Outcome {
    fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Trust by the word of our own mail server; nothing when it says nothing that helps.
pub(super) fn vouched(
    section: &Section<'_>,
    domain: &str,
    authserv_ids: &[String],
    signatures: &[Header<'_, Signature>],
    moment: &Moment,
) -> Option<Trust> {
    if authserv_ids.is_empty() {
        return None;
    }
    // Only the topmost is the server's own; those below may have come with the mail.
    let (authserv_id, outcomes) = section.all("Authentication-Results").find_map(|value| {
        let (id, outcomes) = parse(&String::from_utf8_lossy(value));
        authserv_ids
            .iter()
            .find(|known| known.eq_ignore_ascii_case(&id))
            .map(|known| (known.clone(), outcomes))
    })?;
    let passed = |outcome: &&Outcome| outcome.result == "pass";
    let policy = outcomes.iter().filter(|outcome| outcome.method == "dmarc").find(passed)?;
    if policy.property("header.from").is_some_and(|from| !from.eq_ignore_ascii_case(domain)) {
        return None;
    }
    let of_domain = |d: &str| d.eq_ignore_ascii_case(domain);
    let checks: Vec<&Outcome> = outcomes
        .iter()
        .filter(|outcome| outcome.method == "dkim" && outcome.property("header.d").is_none_or(of_domain))
        .collect();
    // A result names no header for certain (`header.b` is short, and can be made up), so somebody could put a signature of
    // his own beside the one that passed: the result counts only where there is no other that it could be about. One that
    // the library cannot read may be anybody's.
    let of_others = signatures.iter().filter(|header| !of_domain(header.header.domain())).count();
    let one = section.all("DKIM-Signature").count().saturating_sub(of_others) == 1;
    if !one || !checks.iter().all(passed) {
        return None;
    }
    let header = signatures.iter().find(|header| of_domain(header.header.domain()))?;
    let signature = &header.header;
    let written = BASE64.encode(signature.signature());
    let selected = |proof: &&Outcome| {
        let same_key =
            proof.property("header.s").is_none_or(|s| s.eq_ignore_ascii_case(signature.selector()));
        let named = proof.property("header.d").is_some();
        named && same_key && proof.property("header.b").is_none_or(|b| written.starts_with(b))
    };
    // What the server checked must still be worth something to us: fresh, and with the fields that we read.
    if !checks.iter().any(selected) || moment.flaw(header).is_some() {
        return None;
    }
    let content_type_signed = signs(signature, "content-type");
    let fingerprint = fingerprint(signature);
    let signed_leads = signed_leads(signature, section);
    let by = Proof::Results { authserv_id };
    Some(Trust::Authenticated { by, content_type_signed, signed_leads, fingerprint })
}

/// The authserv-id and the results of a header, comments left out.
fn parse(value: &str) -> (String, Vec<Outcome>) {
    let mut pieces = split(value).into_iter();
    let id = pieces.next().and_then(|piece| piece.into_iter().next()).unwrap_or_default();
    let outcomes = pieces.filter_map(|piece| {
        let mut words = piece.iter().filter_map(|word| word.split_once('='));
        let (method, result) = words.next()?;
        // "dkim/1" is method and version.
        let method = method.split('/').next().unwrap_or_default().to_ascii_lowercase();
        let properties = words.map(|(key, value)| (key.to_ascii_lowercase(), value.to_owned())).collect();
        Some(Outcome { method, result: result.to_ascii_lowercase(), properties })
    });
    (id, outcomes.collect())
}

/// Cuts at `;` into words; comments go, quotes hold their content together.
fn split(value: &str) -> Vec<Vec<String>> {
    let mut pieces = vec![Vec::new()];
    let mut word = String::new();
    let (mut quoted, mut depth, mut escaped) = (false, 0_u32, false);
    // Blanks around "=" belong to it.
    let mut tidy = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            _ if escaped => {
                escaped = false;
                if depth == 0 {
                    tidy.push(if quoted && (c.is_whitespace() || c == ';' || c == '=') { '_' } else { c });
                }
            }
            '\\' if quoted || depth > 0 => escaped = true,
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted => depth = depth.saturating_add(1),
            ')' if !quoted && depth > 0 => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            c if quoted && (c.is_whitespace() || c == ';' || c == '=') => tidy.push('_'),
            c if c.is_whitespace() => {
                if !tidy.ends_with([' ', '=']) {
                    tidy.push(' ');
                }
            }
            '=' => {
                tidy.truncate(tidy.trim_end().len());
                tidy.push('=');
            }
            c => tidy.push(c),
        }
    }
    for c in tidy.chars().chain(std::iter::once(';')) {
        if !matches!(c, ' ' | ';') {
            word.push(c);
            continue;
        }
        if let Some(piece) = pieces.last_mut().filter(|_| !word.is_empty()) {
            piece.push(std::mem::take(&mut word));
        }
        if c == ';' {
            pieces.push(Vec::new());
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn results_are_read_without_their_comments_and_quotes() {
        let (id, outcomes) = parse(
            " mx.patch.test 1 (our own);\r\n\tdkim=pass (good; dkim=fail) header.d=owners.test header.s = s1\r\n\t header.b=\"AbC/+=x\";\r\n\t\
             spf=none smtp.mailfrom=\"a;dmarc=pass\"; DMARC/1 = Pass (p=none) header.from=owners.test",
        );
        assert_eq!(id, "mx.patch.test");
        assert_eq!(outcomes.len(), 3, "{outcomes:?}");
        assert_eq!(outcomes[0].property("header.s"), Some("s1"));
        assert_eq!((outcomes[1].method.as_str(), outcomes[1].result.as_str()), ("spf", "none"));
        assert_eq!((outcomes[2].method.as_str(), outcomes[2].result.as_str()), ("dmarc", "pass"));
        assert_eq!(parse(" none"), ("none".to_owned(), Vec::new()));
    }

    proptest! {
        #[test]
        fn nothing_panics(value in any::<String>()) {
            let _ = parse(&value);
        }
    }
}
