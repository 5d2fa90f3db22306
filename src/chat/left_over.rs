//! What is said to whom something was promised by a process that ended before it kept it.

use chrono::TimeDelta;

use super::desk::Deed;
use super::screen::Screen;
use super::talk::{MOST_LINES, request_name};
use crate::domain::answer::{Answer, Verdict};

/// The names of all requests that something heard can have led to.
pub(super) fn names(platform: &str, key: &str) -> impl Iterator<Item = String> {
    (1..=MOST_LINES).map(move |number| request_name(platform, key, number))
}

/// What became of it: what was done, or that nothing was.
pub(super) fn told(deed: &Deed<'_>, since: TimeDelta, done: &[Answer]) -> Screen {
    let what = match deed {
        Deed::Said(words) => format!("\"{}\", which you said {}", words.trim(), ago(since)),
        Deed::Clicked => format!("your click {}", ago(since)),
        Deed::Sent => format!("the form that you sent {}", ago(since)),
    };
    if done.is_empty() {
        let again = match deed {
            Deed::Said(_) => "say it again",
            Deed::Clicked => "click again",
            Deed::Sent => "fill it in again",
        };
        let answer =
            Answer::new(Verdict::Refused, format!("I was stopped before I got to {what}. Nothing was done."));
        return Screen::answer(&answer.then(format!("If you still want it, {again}.")));
    }
    let mut screen = Screen::line(format!("I was stopped before I could answer {what}. This was done:"));
    for answer in done {
        screen.body.extend(Screen::answer(answer).body);
    }
    screen
}

/// What is said about something that another version has written down.
pub(super) fn unreadable(since: TimeDelta) -> Screen {
    let answer = Answer::new(
        Verdict::Broken,
        format!(
            "I was stopped before I answered what you said or clicked {}; it may be done or not.",
            ago(since)
        ),
    );
    Screen::answer(&answer.then("Say \"status\" to see where your windows stand."))
}

fn ago(since: TimeDelta) -> String {
    let counted = |count: i64, one: &str, many: &str| match count {
        1 => format!("{one} ago"),
        count => format!("{count} {many} ago"),
    };
    match since.num_minutes() {
        ..1 => "a moment ago".to_owned(),
        minutes @ 1..60 => counted(minutes, "a minute", "minutes"),
        minutes @ 60..2_880 => counted(minutes / 60, "an hour", "hours"),
        minutes => counted(minutes / 1_440, "a day", "days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_done_is_said_plainly_and_what_was_done_as_well() {
        let command = "";
        let said = told(&Deed::Said("approve web01"), TimeDelta::minutes(12), &[]);
        insta::assert_snapshot!(said.text(command), @r#"
        I was stopped before I got to "approve web01", which you said 12 minutes ago. Nothing was done.
        If you still want it, say it again.
        "#);
        let clicked = told(&Deed::Clicked, TimeDelta::seconds(4), &[]);
        insta::assert_snapshot!(clicked.text(command), @"
        I was stopped before I got to your click a moment ago. Nothing was done.
        If you still want it, click again.
        ");
        let done = [Answer::new(Verdict::Done, "web01 is approved.")];
        let sent = told(&Deed::Sent, TimeDelta::hours(1), &done);
        insta::assert_snapshot!(sent.text(command), @"
        I was stopped before I could answer the form that you sent an hour ago. This was done:
        web01 is approved.
        ");
        insta::assert_snapshot!(unreadable(TimeDelta::days(3)).text(command), @"
        I was stopped before I answered what you said or clicked 3 days ago; it may be done or not.
        Say status to see where your windows stand.
        ");
    }
}
