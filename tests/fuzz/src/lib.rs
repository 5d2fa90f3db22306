//! What must hold for any mail, whatever is in it. The tests assert it over real mails, libFuzzer over anything it can think of.
//!
//! Each promise ends the process when it is broken; that nothing panics and nothing takes long is promised as well.

use patchbot::domain::person::Address;
use patchbot::mail::ours::Ours;
use patchbot::mail::read::{Inbound, Unreadable, read};
use patchbot::mail::reading::{Dropped, Reading, reading};
use patchbot::mail::trim::trim;
use patchbot_commands::{Approve, Command, Target, is_understood, parse, parse_reply};

/// A server that nobody types: where it turns up, a quote was taken for an answer.
const QUOTED: &str = "zz9-only-quoted";
/// Nobody can keep such a promise, so nothing of a reply that says it may be done.
const CONDITION: &str = "unless the release slips";

/// A message is read without a fault, and what counts as typed stands in it.
///
/// # Panics
/// When a promise is broken.
pub fn message(raw: &[u8]) {
    let Some(ours) = ours() else { return };
    match reading(raw, &ours) {
        Reading::Dropped(Dropped::Unreadable(why)) => {
            assert_ne!(why, Unreadable::Fault, "reading broke");
        }
        Reading::Dropped(_) => {}
        Reading::Typed(typed) => {
            let Ok(Inbound::Human(mail)) = read(raw, &ours) else { return };
            let in_one =
                [&mail.plain, &mail.html].into_iter().flatten().any(|whole| is_cut_from(&typed.text, whole));
            assert!(in_one || typed.text.is_empty(), "{:?} was not written", typed.text);
            if let Some(commands) = typed.plain_commands() {
                assert_eq!(parse_reply(&typed.text).as_deref(), Ok(commands));
            }
        }
    }
}

/// What is left of a text stands in it in that order, and nothing that a mail program quotes below it is left.
///
/// # Panics
/// When a promise is broken.
pub fn reply(text: &str) {
    let trimmed = trim(text);
    assert!(is_cut_from(&trimmed.text, text), "{:?} was not typed", trimmed.text);
    assert!(trimmed.text.lines().all(|line| !line.starts_with('>')), "{:?}", trimmed.text);
    if text.contains(QUOTED) {
        return;
    }
    for quote in [
        format!("> approve {QUOTED}"),
        format!(
            "On Tue, Nov 24, 2026 at 9:00 AM patchbot <patchbot@patch.test> wrote:\n\n> approve {QUOTED}\n>"
        ),
        format!(
            "-----Original Message-----\nFrom: patchbot <patchbot@patch.test>\nSent: Tuesday, November 24, 2026 9:00 AM\n\
             To: Ada <ada@owners.test>\nSubject: 2027-Q1: web01 is to be patched\n\napprove {QUOTED}"
        ),
        format!(
            "Von: patchbot <patchbot@patch.test>\nGesendet: Dienstag, 24. November 2026 09:00\n\
             An: Ada <ada@owners.test>\nBetreff: 2027-Q1: web01 is to be patched\n\napprove {QUOTED}"
        ),
    ] {
        let left = trim(&format!("{text}\n\n{quote}\n")).text;
        assert!(!left.contains(QUOTED), "a quote is taken for an answer: {left:?}");
    }
    let Some(ours) = ours() else { return };
    // The same as HTML, as Gmail and Apple Mail quote.
    let escaped =
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\n', "<br>\n");
    let html = format!(
        "From: a@owners.test\nSubject: x\nDate: Thu, 3 Dec 2026 10:00:00 +0000\nMessage-ID: <1@owners.test>\n\
         Content-Type: text/html; charset=utf-8\n\n<div>{escaped}</div><br><div class=\"gmail_quote\">\
         <blockquote>approve {QUOTED}</blockquote></div>\n"
    );
    if let Reading::Typed(typed) = reading(html.as_bytes(), &ours) {
        assert!(!typed.text.contains(QUOTED), "a quote is taken for an answer: {:?}", typed.text);
    }
}

/// Words are understood as a whole or not at all.
///
/// # Panics
/// When a promise is broken.
pub fn words(text: &str) {
    let commands = match parse_reply(text) {
        Ok(commands) => commands,
        Err(why) => return assert!(!why.to_string().is_empty()),
    };
    assert!(is_understood(text), "{text:?} is dismissed by its first word");
    for command in &commands {
        let said = command.to_string();
        // Typographic quotes in a reason become plain ones, once.
        let again = parse(&said).map(|again| again.to_string());
        assert_eq!(again.as_ref(), Ok(&said), "{said:?} is said back and not understood");
    }
    if text.contains(['?', '\u{ff1f}']) {
        assert!(commands.iter().all(|command| matches!(command, Command::Status(_))), "a question decides");
    }
    if commands.iter().all(is_whole_yes) {
        assert!(!folded(text).any(|word| negates(&word)), "a negation approves");
    }
    // One line more that nobody understands, wherever it stands, and nothing of it is done.
    let lines: Vec<&str> = text.lines().collect();
    for at in 0..=lines.len().min(8) {
        let (above, below) = lines.split_at_checked(at).unwrap_or_default();
        let more = [above, &[CONDITION], below].concat().join("\n");
        assert!(parse_reply(&more).is_err(), "a part of {more:?} is acted on");
    }
}

/// A mail that is nothing but the same again and again takes no longer than any other of its size: libFuzzer's own
/// limit of time tells.
pub fn growth(piece: &[u8]) {
    const SIZE: usize = 400_000;
    let (Some(ours), Some((kind, piece))) = (ours(), piece.split_first()) else { return };
    if piece.is_empty() || piece.len() > 200 {
        return;
    }
    let kind = match kind % 5 {
        0 => "text/plain; charset=utf-8",
        1 => "text/plain; charset=utf-8; format=flowed; delsp=yes",
        2 => "text/html; charset=utf-8",
        3 => "multipart/mixed; boundary=b",
        _ => "text/calendar; charset=utf-8; method=REPLY",
    };
    let mut raw = format!(
        "From: a@owners.test\nSubject: x\nDate: Thu, 3 Dec 2026 10:00:00 +0000\nMessage-ID: <1@owners.test>\nContent-Type: {kind}\n\n"
    )
    .into_bytes();
    raw.extend(piece.repeat(SIZE / piece.len()));
    std::hint::black_box(reading(&raw, &ours));
    let headers = [b"X-A: ", piece, b"\n"].concat().repeat(60_000 / piece.len().max(10));
    std::hint::black_box(reading(&[&headers[..], &raw].concat(), &ours));
    let words = String::from_utf8_lossy(piece).replace('\n', " ").repeat(20_000 / piece.len());
    std::hint::black_box(parse_reply(&words).is_ok());
}

fn ours() -> Option<Ours> {
    Address::parse("patchbot@patch.test").ok().map(Ours::new)
}

/// Whether each line stands in a line of the whole, in the same order. Outlook's links behind words are left out.
fn is_cut_from(left: &str, whole: &str) -> bool {
    let mut lines = whole.lines();
    left.lines().filter(|line| !line.is_empty()).all(|line| {
        lines.any(|whole| whole.contains(line) || whole.contains('<') && is_subsequence(line, whole))
    })
}

fn is_subsequence(part: &str, whole: &str) -> bool {
    let mut whole = whole.chars();
    part.chars().all(|wanted| whole.any(|c| c == wanted))
}

/// Whether a command says yes without leaving anything out.
fn is_whole_yes(command: &Command) -> bool {
    let Command::Approve(Approve { target, .. }) = command else { return false };
    match target {
        Target::All { except } | Target::Group { except, .. } => except.is_empty(),
        _ => true,
    }
}

fn folded(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';'))
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).replace('\u{2019}', "'").to_lowercase())
}

fn negates(word: &str) -> bool {
    matches!(word, "no" | "not" | "never" | "cannot" | "without" | "don't" | "dont" | "reject" | "declined")
}
