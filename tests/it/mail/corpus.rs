//! Every message of `tests/data/mail` is read as the file beside it says, whatever its line ends.

use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Format, Toml};
use patchbot::domain::person::Address;
use patchbot::mail::ours::Ours;
use patchbot::mail::reading::{Reading, reading};
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

#[test]
fn every_message_is_read_as_the_file_beside_it_says() {
    let mut messages: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
        .collect();
    messages.sort();
    assert!(messages.len() >= 60, "only {} messages", messages.len());
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
