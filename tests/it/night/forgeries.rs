//! Replies through a real mail server to the real program: forgeries change nothing, the owner's signed word does.

use std::time::Duration;

use patchbot_lab::{Letter, Message, Signature};

use super::{Night, Plan};

const BOT: &str = "patchbot@patchbot.test";

/// A notice as its reader's mail program answers it.
pub(super) struct Notice {
    subject: String,
    reply_to: String,
    id: String,
}

impl Notice {
    pub(super) fn of(mail: &Message) -> Self {
        let header = |name: &str| mail.header(name).unwrap();
        let reply_to = header("Reply-To");
        let reply_to = reply_to
            .rsplit_once('<')
            .map_or(reply_to.as_str(), |(_, rest)| rest.trim_end_matches('>'))
            .to_owned();
        Self { subject: header("Subject"), reply_to, id: header("Message-ID") }
    }

    pub(super) fn answer(&self, night: &Night, from: &str, words: &str) -> Letter {
        Letter::new(from, &self.reply_to, night.bot.now())
            .subject(&format!("Re: {}", self.subject))
            .answers(&self.id)
            .text(words)
    }
}

impl Night {
    /// Sends a letter and says what became of it: `rejected`, and the reason.
    pub(super) async fn receives(&self, letter: &Letter) -> (String, String) {
        let before = self.read_mails().await.len();
        self.mail.send(letter).await.unwrap();
        let all = self
            .bot
            .wait_until(&["--json", "inbox"], |said| {
                rows(said).iter().filter(|row| row["outcome"] != "new").count() > before
            })
            .await
            .unwrap();
        let newest = rows(&all).remove(0);
        (
            newest["outcome"].as_str().unwrap().to_owned(),
            newest["reason"].as_str().unwrap_or_default().to_owned(),
        )
    }

    async fn read_mails(&self) -> Vec<serde_json::Value> {
        rows(&self.bot.ok(&["--json", "inbox"]).await.unwrap())
    }

    async fn state(&self) -> String {
        let said = self.bot.ok(&["show", "web01"]).await.unwrap();
        said.lines().find(|line| line.starts_with("state: ")).unwrap().to_owned()
    }

    async fn mails_to_ada(&self, count: usize) -> Vec<Message> {
        self.mail.wait_for("ada@owners.test", count, Duration::from_secs(30)).await.unwrap()
    }
}

fn rows(said: &str) -> Vec<serde_json::Value> {
    serde_json::from_str(said).unwrap()
}

#[tokio::test]
async fn only_the_owners_signed_word_counts() {
    let mut night = Night::new(Plan::default()).await;
    night.bot.serve().unwrap();
    let notice = Notice::of(&night.mails_to_ada(1).await[0]);
    let ada = |words: &str| notice.answer(&night, "ada@owners.test", words);

    // Each forgery, and why it is one.
    let unsigned = ada("approve");
    let other_domain = ada("approve").signed_by(Signature::of("stranger.test"));
    let wrong_key = ada("approve").signed_by(Signature::of("owners.test").with_key_of("stranger.test"));
    let without_from =
        ada("approve").signed_by(Signature::of("owners.test").headers(["Subject", "Date", "To"]));
    let only_a_part = ada("approve").signed_by(Signature::of("owners.test").body_length());
    let long_ago = ada("approve")
        .signed_by(Signature::of("owners.test").at(night.bot.now() - chrono::TimeDelta::days(3)));
    let stranger = notice.answer(&night, "eve@stranger.test", "approve").signed();
    let two_senders = ada("approve").also_header("From", "eve@stranger.test").signed();
    let guessed = Letter::new("ada@owners.test", BOT, night.bot.now())
        .subject("Re: patching [#ABCDEFGHIJKLMNOPQRSTUVWXYZ234567]")
        .text("approve")
        .signed();
    for (letter, name) in [
        (unsigned, "no signature"),
        (other_domain, "another domain's signature"),
        (wrong_key, "another key"),
        (without_from, "a signature that leaves out From"),
        (only_a_part, "a signature over a part"),
        (long_ago, "an old signature"),
        (stranger, "somebody else"),
        (two_senders, "two senders"),
        (guessed, "a guessed token"),
    ] {
        let (outcome, reason) = night.receives(&letter).await;
        assert!(matches!(outcome.as_str(), "rejected" | "quarantined"), "{name}: {outcome}: {reason}");
        assert_eq!(night.state().await, "state: waits for approval", "{name}: {reason}");
    }
    for (header, value) in [("Auto-Submitted", "auto-replied"), ("X-Autoreply", "yes")] {
        let away = ada("approve").header(header, value).signed();
        assert_eq!(night.receives(&away).await.0, "ignored", "{header}");
    }
    assert_eq!(night.state().await, "state: waits for approval");
    // None of it was answered.
    assert_eq!(night.mails_to_ada(1).await.len(), 1);

    let only_quoted =
        ada("\nOn Tue, Nov 24, 2026 at 9:00 AM bob <bob@owners.test> wrote:\n> approve\n").signed();
    assert_eq!(night.receives(&only_quoted).await.0, "clarify");
    assert_eq!(night.state().await, "state: waits for approval");

    let genuine = ada("Approved.\n\nThanks,\nAda\n\nOn Tue, Nov 24, 2026 at 9:00 AM patchbot <patchbot@patchbot.test> wrote:\n> Hello").signed();
    assert_eq!(night.receives(&genuine).await.0, "accepted");
    assert_eq!(night.state().await, "state: approved by ada@owners.test by mail");
    // The transcript of the quoted one, and the transcript of the approval: one mail each.
    let mails = night.mails_to_ada(3).await;
    assert_eq!(mails.len(), 3);

    // The same token once more decides nothing, and says so.
    let again = ada("decline").signed();
    let (outcome, reason) = night.receives(&again).await;
    assert_eq!(outcome, "rejected", "{reason}");
    assert!(reason.contains("each notice can be answered once"), "{reason}");
    assert_eq!(night.state().await, "state: approved by ada@owners.test by mail");
    night.bot.stop().await.unwrap();
}

#[tokio::test]
async fn a_name_server_that_is_away_delays_a_reply_and_never_approves_it() {
    let mut night = Night::new(Plan::default()).await;
    night.bot.serve().unwrap();
    let notice = Notice::of(&night.mails_to_ada(1).await[0]);
    night.dns.fail("owners.test").await.unwrap();
    let letter = notice.answer(&night, "ada@owners.test", "approve").signed();
    night.mail.send(&letter).await.unwrap();
    night
        .bot
        .wait_until(&["--json", "inbox"], |said| {
            rows(said).first().is_some_and(|row| row["reason"].is_string())
        })
        .await
        .unwrap();
    assert_eq!(night.state().await, "state: waits for approval");
    night.dns.mend("owners.test").await.unwrap();
    let later = night.bot.now() + chrono::TimeDelta::minutes(2);
    night.bot.move_clock(later).unwrap();
    night
        .bot
        .wait_until(&["show", "web01"], |said| said.contains("state: approved by ada@owners.test by mail"))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_reply_that_was_fetched_before_a_kill_is_acted_on_once_after_it() {
    let mut night = Night::new(Plan::default()).await;
    night.bot.serve().unwrap();
    let notice = Notice::of(&night.mails_to_ada(1).await[0]);
    // Fetched and kept, and its sender not proven yet: killed in between.
    night.dns.silence("owners.test").await.unwrap();
    let letter = notice.answer(&night, "ada@owners.test", "approve").signed();
    night.mail.send(&letter).await.unwrap();
    night.bot.wait_until(&["--json", "inbox"], |said| !rows(said).is_empty()).await.unwrap();
    night.bot.kill().await.unwrap();
    night.dns.mend("owners.test").await.unwrap();
    night.bot.serve().unwrap();
    night.bot.move_clock(night.bot.now() + chrono::TimeDelta::minutes(5)).unwrap();
    night
        .bot
        .wait_until(&["show", "web01"], |said| said.contains("state: approved by ada@owners.test by mail"))
        .await
        .unwrap();
    assert_eq!(night.mails_to_ada(2).await.len(), 2, "the notice and one transcript");
    assert_eq!(night.read_mails().await.len(), 1);
}
