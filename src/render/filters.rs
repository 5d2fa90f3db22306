//! The few filters that templates need beyond the built-in ones.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use minijinja::{Environment, Error, ErrorKind, Value};

use crate::domain::shown;

pub(super) fn add_to(templates: &mut Environment<'_>) {
    templates.add_filter("mailto", mailto);
    templates.add_filter("servers", servers);
    templates.add_filter("many", many);
    templates.add_filter("tone", tone);
    templates.add_filter("until", until);
    templates.add_filter("typed", typed);
}

/// A link that opens a finished reply: `{{ "approve all" | mailto(foot.reply.address, subject) }}`.
///
/// `+` is written out because some programs read it as a blank, and a blank as `%20` because none reads it as `+`.
fn mailto(words: &str, address: &str, subject: &str) -> String {
    format!(
        "mailto:{}?subject={}&body={}",
        encode(address, "@"),
        encode(&format!("Re: {subject}"), ""),
        encode(words, "")
    )
}

fn encode(text: &str, plain: &str) -> String {
    let mut encoded = String::with_capacity(text.len().saturating_mul(2));
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-._~".contains(c) || plain.contains(c) {
            encoded.push(c);
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// `1 server`, `3 servers`.
fn servers(count: usize) -> String {
    if count == 1 { "1 server".to_owned() } else { format!("{count} servers") }
}

/// Whether a list is so long that nobody would look for anything below it.
fn many(list: &Value) -> bool {
    const MANY: usize = 12;
    list.len().is_some_and(|count| count > MANY)
}

/// How a window's state is coloured: `good`, `warn`, `bad`, or `number` where it is only said.
fn tone(state: &str) -> &'static str {
    let begins = |words: &[&str]| words.iter().any(|word| state.starts_with(word));
    if begins(&["approved", "locked", "patched"]) {
        "good"
    } else if begins(&["failed", "missed", "declined", "a person"]) {
        "bad"
    } else if begins(&["waits", "no time"]) {
        "warn"
    } else {
        "number"
    }
}

/// Two shown times as one: `Thu 3 Dec 2026, 20:00–23:00`, with the second date only when it is another day.
fn until(start: &str, end: &str) -> String {
    match (start.rsplit_once(", "), end.rsplit_once(", ")) {
        (Some((first, _)), Some((last, time))) if first == last => format!("{start}–{time}"),
        _ => format!("{start} to {end}"),
    }
}

/// An instant as it is typed in a command, in a zone's own time: `2026-12-03 20:00`.
fn typed(at: &str, zone: &str) -> Result<String, Error> {
    let wrong =
        |what: &str| Error::new(ErrorKind::InvalidOperation, format!("\"{what}\" is no time or zone"));
    let instant: DateTime<Utc> = at.parse().map_err(|_| wrong(at))?;
    let zone: Tz = zone.parse().map_err(|_| wrong(zone))?;
    Ok(shown::typed(instant, zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_opens_a_reply_with_nothing_lost() {
        assert_eq!(
            mailto("approve 1, 2 & \"so on\"\r\nmöglich", "patchbot+abc@patch.test", "2027-Q1: 50 % [#AB]"),
            "mailto:patchbot%2Babc@patch.test?subject=Re%3A%202027-Q1%3A%2050%20%25%20%5B%23AB%5D\
             &body=approve%201%2C%202%20%26%20%22so%20on%22%0D%0Am%C3%B6glich"
        );
    }

    #[test]
    fn a_span_says_the_date_once() {
        assert_eq!(until("Thu 3 Dec 2026, 20:00", "Thu 3 Dec 2026, 23:00"), "Thu 3 Dec 2026, 20:00–23:00");
        assert_eq!(
            until("Thu 3 Dec 2026, 23:00", "Fri 4 Dec 2026, 02:00"),
            "Thu 3 Dec 2026, 23:00 to Fri 4 Dec 2026, 02:00"
        );
        assert_eq!(typed("2026-12-04T01:00:00Z", "America/New_York").unwrap(), "2026-12-03 20:00");
        assert!(typed("yesterday", "UTC").is_err());
    }
}
