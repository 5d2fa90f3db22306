//! Every message of `tests/data/mail` is read as the file beside it says, whatever its line ends.

use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Format, Toml};
use patchbot::domain::person::Address;
use patchbot::mail::ours::Ours;
use patchbot::mail::read::Unreadable;
use patchbot::mail::reading::{Dropped, Reading, reading};
use proptest::prelude::*;
use serde::Deserialize;

/// What a message is to come to.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// `typed`, or why it is dropped.
    outcome: String,
    /// What was typed, line by line, without blank lines.
    #[serde(default)]
    text: Vec<String>,
    /// What it means: the commands, or `asks back` with the beginning of the reason.
    #[serde(default)]
    means: String,
    /// Why it must be asked about.
    #[serde(default)]
    flags: Vec<String>,
    /// `found`, `none` or what is wrong with it.
    #[serde(default)]
    token: String,
    /// What the calendar says.
    #[serde(default)]
    calendar: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/mail")
}

fn ours() -> Ours {
    Ours::new(Address::parse("patchbot@patch.test").unwrap())
}

fn read(raw: &[u8]) -> Expected {
    let typed = match reading(raw, &ours()) {
        Reading::Dropped(dropped) => {
            let outcome = dropped.name().to_owned();
            return Expected {
                outcome,
                text: Vec::new(),
                means: String::new(),
                flags: Vec::new(),
                token: String::new(),
                calendar: String::new(),
            };
        }
        Reading::Typed(typed) => typed,
    };
    let means = match &typed.commands {
        Ok(commands) => commands.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        Err(error) => {
            let kind = format!("{:?}", error.why);
            format!("asks back: {}", kind.split('(').next().unwrap())
        }
    };
    let token = match &typed.token {
        Ok(Some(_)) => "found".to_owned(),
        Ok(None) => "none".to_owned(),
        Err(problem) => format!("{problem:?}"),
    };
    Expected {
        outcome: "typed".to_owned(),
        text: typed.text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect(),
        means,
        flags: typed.flags.iter().map(|flag| format!("{flag:?}")).collect(),
        token,
        calendar: typed.calendar.as_ref().map(|answer| format!("{:?}", answer.says)).unwrap_or_default(),
    }
}

fn with_line_ends(raw: &[u8], end: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + raw.len() / 20);
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(line) => {
                out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
                out.extend_from_slice(end);
            }
            None => out.extend_from_slice(line),
        }
    }
    out
}

fn messages() -> Vec<PathBuf> {
    let mut messages: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
        .collect();
    messages.sort();
    messages
}

#[test]
fn every_message_is_read_as_the_file_beside_it_says() {
    let messages = messages();
    assert!(messages.len() >= 150, "only {} messages", messages.len());
    let mut wrong = Vec::new();
    for path in &messages {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let expected: Expected = Figment::from(Toml::file_exact(path.with_extension("toml")))
            .extract()
            .unwrap_or_else(|why| panic!("{name}.toml: {why}"));
        let raw = std::fs::read(path).unwrap();
        for end in [&b"\r\n"[..], b"\n"] {
            let read = read(&with_line_ends(&raw, end));
            if read != expected {
                wrong.push(format!("{name} ({end:?})\n  expected {expected:?}\n  read     {read:?}"));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), messages.len(), wrong.join("\n"));
}

fn dropped(name: &str) -> Dropped {
    match reading(&std::fs::read(folder().join(format!("{name}.eml"))).unwrap(), &ours()) {
        Reading::Dropped(dropped) => dropped,
        Reading::Typed(typed) => panic!("{typed:?}"),
    }
}

#[test]
fn bounces_name_the_notice_and_absences_say_who_is_away() {
    let Dropped::Bounce(delivery) = dropped("bounce-postfix") else { panic!() };
    assert_eq!(delivery.notice.unwrap().to_string(), "01935c2a-0000-7000-8000-000000000001");
    assert_eq!((delivery.failed, delivery.status.as_deref()), (true, Some("5.1.1")));
    assert_eq!(delivery.recipient.as_deref(), Some("ada@owners.test"));
    assert_eq!(delivery.diagnostic.as_deref(), Some("550 5.1.1 User unknown"));
    let Dropped::Bounce(delivery) = dropped("bounce-exchange") else { panic!() };
    assert_eq!(delivery.notice.unwrap().to_string(), "01935c2a-0000-7000-8000-000000000001", "by its thread");
    let Dropped::AutoReply(reply) = dropped("ooo-exchange") else { panic!() };
    assert!(reply.away && reply.text.starts_with("I am away until 7 December."));
    assert_eq!(reply.from.unwrap().as_str(), "ada@owners.test");
    let Dropped::AutoReply(reply) = dropped("vacation-gmail") else { panic!() };
    assert!(!reply.away);
}

fn is_fault(raw: &[u8]) -> bool {
    matches!(reading(raw, &ours()), Reading::Dropped(Dropped::Unreadable(Unreadable::Fault)))
}

/// A change that a bad line, a bad program or a bad person makes to a message.
#[derive(Debug, Clone)]
enum Damage {
    Cut(prop::sample::Index),
    Drop(prop::sample::Index, usize),
    Insert(prop::sample::Index, Vec<u8>),
    Repeat(prop::sample::Index, prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..8),
        prop::sample::select(vec![
            "\r\n", "\n\n", "=?", "?=", "=?utf-8?b?", "\"", "<", ">", "&#x", "--", "=\r\n", "\0",
            "Content-Type: ", "Content-Transfer-Encoding: base64\r\n", "multipart/mixed; boundary=",
            "message/rfc822", "charset=utf-7", ";", ":", "charset*0*=", "\u{202e}", "<style>", "<!--",
            "From: x@y.test\r\n", "BEGIN:VCALENDAR",
        ])
        .prop_map(|piece| piece.as_bytes().to_vec()),
    ];
    prop_oneof![
        any::<prop::sample::Index>().prop_map(Damage::Cut),
        (any::<prop::sample::Index>(), 1_usize..40).prop_map(|(at, count)| Damage::Drop(at, count)),
        (any::<prop::sample::Index>(), piece).prop_map(|(at, piece)| Damage::Insert(at, piece)),
        (any::<prop::sample::Index>(), any::<prop::sample::Index>())
            .prop_map(|(from, to)| Damage::Repeat(from, to)),
    ]
}

fn damaged(mut raw: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        let size = raw.len().max(1);
        match damage {
            Damage::Cut(at) => raw.truncate(at.index(size)),
            Damage::Drop(at, count) => {
                let at = at.index(size).min(raw.len());
                raw.drain(at..raw.len().min(at + count));
            }
            Damage::Insert(at, piece) => {
                let at = at.index(size).min(raw.len());
                raw.splice(at..at, piece.iter().copied());
            }
            Damage::Repeat(from, to) => {
                let (from, to) = (from.index(size).min(raw.len()), to.index(size).min(raw.len()));
                let piece = raw[from.min(to)..from.max(to)].to_vec();
                raw.splice(to..to, piece);
            }
        }
    }
    raw
}

#[test]
fn what_holds_for_any_mail_holds_for_those_of_real_clients() {
    for path in messages() {
        let raw = std::fs::read(&path).unwrap();
        patchbot_fuzz::message(&raw);
        patchbot_fuzz::reply(&String::from_utf8_lossy(&raw));
        if let Reading::Typed(typed) = reading(&raw, &ours()) {
            patchbot_fuzz::words(&typed.text);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(400), ..ProptestConfig::default() })]

    #[test]
    fn no_damage_to_a_message_breaks_the_reading(
        which in any::<prop::sample::Index>(),
        damages in prop::collection::vec(damage(), 1..6),
    ) {
        let messages = messages();
        let raw = std::fs::read(&messages[which.index(messages.len())]).unwrap();
        let raw = damaged(raw, &damages);
        patchbot_fuzz::message(&raw);
        patchbot_fuzz::reply(&String::from_utf8_lossy(&raw));
    }

    #[test]
    fn no_bytes_at_all_break_the_reading(raw in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(!is_fault(&raw));
        let body = [b"From: a@b.test\nSubject: x\nDate: Thu, 3 Dec 2026 10:00:00 +0000\nMessage-ID: <1@b.test>\n", &raw[..]].concat();
        prop_assert!(!is_fault(&body));
    }
}

#[test]
fn hostile_sizes_are_refused_or_read_in_time() {
    let head = "From: a@b.test\nSubject: x\nDate: Thu, 3 Dec 2026 10:00:00 +0000\nMessage-ID: <1@b.test>\n";
    for (kind, piece) in [
        ("text/plain", "a:\n"),
        ("text/plain", "> "),
        ("text/plain", "From: x\n"),
        ("text/plain", "\n"),
        ("text/plain; format=flowed", "x \n"),
        ("text/html", "<b>"),
        ("text/html", "<"),
        ("text/html", "&"),
        ("text/html", "<blockquote>"),
        ("text/html", "<style>.a{display:none}</style>"),
        ("text/html", "</p>"),
        ("text/calendar", "BEGIN:VCALENDAR\n"),
        ("multipart/mixed; boundary=b", "--b\n"),
        ("multipart/mixed; boundary=b", "--b\nContent-Type: message/rfc822\n\n"),
        ("message/rfc822", "Content-Type: message/rfc822\n\n"),
    ] {
        let raw = format!("{head}Content-Type: {kind}\n\n{}", piece.repeat(1_000_000 / piece.len()));
        assert!(!is_fault(raw.as_bytes()), "{kind} {piece:?}");
    }
    let many = format!("{head}{}\n", "X-A: b\n".repeat(20_000));
    assert!(
        matches!(reading(many.as_bytes(), &ours()), Reading::Dropped(dropped) if dropped.name() == "too_large")
    );
    let large = vec![b'x'; 1_100_000];
    assert!(matches!(reading(&large, &ours()), Reading::Dropped(dropped) if dropped.name() == "too_large"));
}
