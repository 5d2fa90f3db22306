//! What a process that ended has left over: it is done, as if nothing had been, or who waits is told plainly that it is not.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use super::{Deed, Desk, Front, Heard as _};
use crate::chat::book::Slip;
use crate::chat::screen::Screen;
use crate::chat::talk::{Answered, MOST_LINES, request_name};
use crate::domain::answer::{Answer, Verdict};
use crate::store::records::HeardRow;

/// What was said longer ago than this is not done any more after a restart: who said it has long done something else.
const TAKEN_UP_WITHIN: TimeDelta = TimeDelta::minutes(10);
/// What was taken up so often without an answer is what ends the process.
const MOST_TAKEN_UP: i64 = 3;
/// How often it is looked for what another process has left over.
const TAKE_UP_EVERY: Duration = Duration::from_secs(15);

impl<F: Front> Desk<F> {
    /// Takes up what a process that ended has left over, now and for as long as it runs.
    pub(in crate::chat) async fn takes_up(self: &Arc<Self>, stop: CancellationToken) {
        self.take_up().await;
        let desk = Arc::clone(self);
        self.spawn(async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(TAKE_UP_EVERY) => desk.take_up().await,
                }
            }
        });
    }

    async fn take_up(self: &Arc<Self>) {
        let rows = match self.book.left_over().await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::error!(%error, "what was left over could not be taken up");
                return;
            }
        };
        if !rows.is_empty() {
            tracing::info!(
                platform = F::MEDIUM.as_str(),
                "{} things that nobody answered are taken up",
                rows.len()
            );
        }
        for (row, slip) in rows {
            let Ok(heard) = serde_json::from_str::<F::Heard>(&row.said) else {
                let since = self.front.app().now() - row.heard_at;
                let desk = Arc::clone(self);
                self.spawn(async move {
                    desk.front.tell_account(&row.account, &unreadable(since)).await;
                    desk.book.answered(&slip);
                });
                continue;
            };
            let mut pile = self.pile.lock().unwrap_or_else(PoisonError::into_inner);
            pile.is_new(&[heard.key().to_owned()]);
            if self.is_still_meant(&row, &heard) {
                self.queue(&mut pile, heard, slip);
            } else {
                drop(pile);
                let desk = Arc::clone(self);
                self.spawn(async move { desk.tell_left_over(&row, &heard, &slip).await });
            }
        }
    }

    /// Whether something left over is to be done. What the platform has told the person to have failed may have been
    /// done again since; a form can only be opened at once.
    fn is_still_meant(&self, row: &HeardRow, heard: &F::Heard) -> bool {
        let since = self.front.app().now() - row.heard_at;
        row.acknowledged && !heard.is_pressing() && since <= TAKEN_UP_WITHIN && row.attempts <= MOST_TAKEN_UP
    }

    /// Says plainly what became of something that is not done any more: what was done of it, or that nothing was.
    async fn tell_left_over(&self, row: &HeardRow, heard: &F::Heard, slip: &Slip) {
        let done = match self.book.answers(names(F::MEDIUM.as_str(), heard.key())).await {
            Ok(done) => done,
            // Held until the lease ends, and looked at again.
            Err(error) => {
                tracing::error!(%error, "it could not be looked up what was done");
                return;
            }
        };
        let since = self.front.app().now() - row.heard_at;
        let screen = told(&heard.deed(), since, &done);
        self.front.tell(heard, Answered::said(screen)).await;
        self.book.answered(slip);
    }
}

/// The names of all requests that something heard can have led to.
fn names(platform: &str, key: &str) -> impl Iterator<Item = String> {
    (1..=MOST_LINES).map(move |number| request_name(platform, key, number))
}

/// What became of it: what was done, or that nothing was.
fn told(deed: &Deed<'_>, since: TimeDelta, done: &[Answer]) -> Screen {
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
fn unreadable(since: TimeDelta) -> Screen {
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
