//! The exact words that answer a notice: printed in its text, and behind its buttons as finished replies.

use chrono::TimeDelta;
use chrono_tz::Tz;
use serde::Serialize;

use crate::domain::notice::{Asked, Digest, Notice, Transcript, WindowLine};

/// One way to answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Way {
    /// What is answered, word by word: `approve all`.
    pub words: String,
    /// What it means, as the end of a sentence that begins with the words: `if all of these times suit you`.
    pub means: String,
    /// What the button says. Never a command itself, for it may be quoted as a line of its own.
    pub label: String,
}

/// How a notice can be answered, the usual answer first.
#[must_use]
pub fn ways(notice: &Notice) -> Vec<Way> {
    match notice {
        Notice::MonthlyNotice(digest) | Notice::ApprovalRequest(digest) | Notice::WeeklyFollowup(digest) => {
            let mut ways = digest_ways(digest);
            let begins = |way: &Way, words: &[&str]| words.iter().any(|word| way.words.starts_with(word));
            match digest.asked {
                Asked::Decision => {}
                Asked::Time => ways.retain(|way| !begins(way, &["approve"])),
                Asked::YesOrNo => ways.retain(|way| !begins(way, &["move", "defer", "slots"])),
            }
            ways
        }
        Notice::WeeklyReminder(week) => quoted_ways(&week.next),
        Notice::DailyReminder(one) | Notice::Starting(one) | Notice::Missed(one) => quoted_ways(&one.next),
        Notice::Decision(decision) => quoted_ways(&decision.next),
        Notice::Decisions(decisions) => quoted_ways(&decisions.next),
        Notice::PrecheckAlert(alert) => quoted_ways(&alert.next),
        Notice::Word(word) => quoted_ways(&word.next),
        Notice::FailureNotice(failure) => quoted_ways(&failure.next),
        Notice::Transcript(transcript) if !transcript.confirms.is_empty() => confirming(transcript),
        Notice::Transcript(transcript) => quoted_ways(&transcript.next),
        Notice::CompletionNotice(_)
        | Notice::DailyReport(_)
        | Notice::WeeklyReport(_)
        | Notice::MonthlyReport(_)
        | Notice::QuarterReport(_)
        | Notice::OperatorAlert(_)
        | Notice::LinkCode(_) => Vec::new(),
    }
}

/// The finished answer to a question comes first.
fn confirming(transcript: &Transcript) -> Vec<Way> {
    let words = transcript.confirms.join("; ");
    let mut ways =
        vec![Way { words: words.clone(), means: String::new(), label: "Yes, do exactly this".to_owned() }];
    ways.extend(quoted_ways(&transcript.next).into_iter().filter(|way| way.words != words));
    ways
}

fn digest_ways(digest: &Digest) -> Vec<Way> {
    let way = |words: String, means: &str, label: String| Way { words, means: means.to_owned(), label };
    // The examples are about the last line that has a time; approving the others is the usual answer.
    let timed = digest.windows.iter().rfind(|window| !window.start.server_zone.is_empty());
    let (Some(first), Some(last)) = (digest.windows.first(), timed.or(digest.windows.last())) else {
        return Vec::new();
    };
    let number = last.number;
    if timed.is_none() {
        return vec![
            way(
                format!("slots {}", first.server),
                "to see the next times that can be taken",
                "Which times are free?".to_owned(),
            ),
            way(
                format!("decline {number} because of …"),
                "if it must not be patched in this quarter",
                "No, not in this quarter …".to_owned(),
            ),
        ];
    }
    if digest.windows.len() == 1 {
        return vec![
            way("approve".to_owned(), "if this time suits you", format!("Yes, patch {} then", last.server)),
            way(
                format!("move to {}", a_week_later(last)),
                "for another time, with your date and time",
                "Choose another time …".to_owned(),
            ),
            way(
                "defer by 1 week".to_owned(),
                "for the same time one week later",
                "One week later, please".to_owned(),
            ),
            way(
                "decline because of …".to_owned(),
                "if it must not be patched in this quarter",
                format!("No, do not patch {}", last.server),
            ),
        ];
    }
    let some = match number.saturating_sub(1) {
        before if before > first.number => format!("approve {}-{before}", first.number),
        _ => format!("approve {}", first.number),
    };
    vec![
        way(
            "approve all".to_owned(),
            "if all of these times suit you",
            if digest.windows.len() == 2 {
                "Yes, both times suit me".to_owned()
            } else {
                format!("Yes, all {} times suit me", digest.windows.len())
            },
        ),
        way(some, "for some of them, by their numbers", "Only some of them …".to_owned()),
        way(
            format!("move {number} to {}", a_week_later(last)),
            "for another time, with your date and time",
            "Choose another time …".to_owned(),
        ),
        way(
            format!("defer {number} by 1 week"),
            "for the same time one week later",
            "One week later …".to_owned(),
        ),
        way(
            format!("decline {number} because of …"),
            "if it must not be patched in this quarter",
            "No, not in this quarter …".to_owned(),
        ),
    ]
}

/// The same time of day a week later in the server's zone, as it is typed.
fn a_week_later(window: &WindowLine) -> String {
    let zone = window.start.server_zone.parse().unwrap_or(Tz::UTC);
    let here = window.start.at.with_timezone(&zone).naive_local();
    here.checked_add_signed(TimeDelta::weeks(1)).unwrap_or(here).format("%Y-%m-%d %H:%M").to_string()
}

/// The commands that sentences hold in quotes: `Reply "withdraw" to take it back.`
fn quoted_ways(sentences: &[String]) -> Vec<Way> {
    let mut found: Vec<Way> = Vec::new();
    for sentence in sentences {
        for words in sentence.split('"').skip(1).step_by(2) {
            if patchbot_commands::parse_reply(words).is_ok() && !found.iter().any(|way| way.words == words) {
                found.push(Way {
                    words: words.to_owned(),
                    means: String::new(),
                    label: format!("Reply “{words}”"),
                });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples;

    #[test]
    fn every_way_is_understood_and_no_button_is_a_command() {
        for sample in samples() {
            for way in ways(&sample.notice) {
                assert!(
                    patchbot_commands::parse_reply(&way.words).is_ok(),
                    "{}: {}",
                    sample.notice.name(),
                    way.words
                );
                assert!(
                    patchbot_commands::parse_reply(&way.label).is_err(),
                    "{}: {}",
                    sample.notice.name(),
                    way.label
                );
            }
        }
    }

    #[test]
    fn sentences_lend_their_quoted_words() {
        let sentences =
            ["Reply \"withdraw web01\" or \"maybe\".".to_owned(), "Or \"status\"; \"status\".".to_owned()];
        let words: Vec<String> = quoted_ways(&sentences).into_iter().map(|way| way.words).collect();
        assert_eq!(words, ["withdraw web01", "status"]);
    }
}
