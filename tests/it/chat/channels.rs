//! One language everywhere: the same words have the same result in Slack, in Discord, by mail and in the terminal.

use patchbot::app::handle::Request;
use patchbot::domain::answer::Channel;
use patchbot::domain::person::{Address, Identity};

use super::both::{Both, On, plain};
use crate::world::mail_of;
use crate::world::mails::Mail;

/// What ada says one after the other, and what it is for.
const SAID: &[&str] = &[
    "status",
    "list",
    "show web01",
    "approve web01",
    "approve web01",
    "why web01",
    "withdraw web01",
    "move web01 to 2026-12-17 20:00 because \"a release\"",
    "undo web01",
    "move web01 to 2027-03-28 02:30",
    "move web01 to 2026-11-25 20:00",
    "defer web01 by 1 week",
    "decline web02 because \"holidays\"",
    "withdraw web02",
    "approve db01",
    "approve web77",
    "slots web02",
    "delegate web02 to bob@owners.test until 2026-12-05",
    "back",
    "zone Asia/Tokyo",
    "zone off",
    "quiet 22:00-07:00",
    "history web01",
    "help approve",
];

/// How a line is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Slack,
    Discord,
    Mail,
    Terminal,
}

/// Everything that ada reads, line by line, when she says it all in one way.
async fn told(by: By) -> Vec<String> {
    let mut both = Both::new().await;
    both.plans(&[("web01", "ada", ""), ("web02", "ada", ""), ("db01", "bob", "")]).await;
    let ada = both.knows("ada").await;
    let mut letter = both.world.mail_to("ada");
    let mut all = Vec::new();
    for words in SAID {
        let answer = match by {
            By::Slack => both.says(&ada, On::Slack, words).await,
            By::Discord => both.says(&ada, On::Discord, words).await,
            By::Mail => {
                both.world.replies("ada", &letter, words).await;
                let answers = both.world.unread();
                both.world.mails();
                // Whoever decides also gets the notice of it that all owners get.
                let answer = answers.into_iter().find(|mail| mail.subject.contains("your answer"));
                letter = answer.unwrap_or_else(|| panic!("no answer to {words:?}"));
                answered(&letter)
            }
            By::Terminal => {
                let mail = mail_of("ada");
                let request = Request {
                    identity: Identity::Terminal { login: mail.clone() },
                    vouched: Some(Address::parse(&mail).unwrap()),
                    channel: Channel::Terminal,
                    command: patchbot_commands::parse(words).unwrap(),
                    shown: Vec::new(),
                    typed_by: Some("root".to_owned()),
                    name: None,
                };
                both.world.app.handle(&request).await.text()
            }
        };
        both.settle().await;
        both.world.mails();
        all.push(without_markup(&answer));
    }
    both.ends().await;
    all
}

/// The answer's own sentences in a mail: between the greeting, with what became of it in a word, and how it stands.
fn answered(mail: &Mail) -> String {
    let behind = mail.text.split_once("\nyour answer").map_or("", |(_, behind)| behind);
    let lines = behind.lines().skip(1).take_while(|line| !line.starts_with("This is how it stands"));
    let lines: Vec<&str> = lines.take_while(|line| !line.starts_with("Questions?")).collect();
    lines.join("\n")
}

/// Without quotation marks, buttons, bullets and the channel's name.
fn without_markup(text: &str) -> String {
    let text = plain(text).replace("/patch ", "").replace(['"', '•'], "");
    let text = text.replace("by mail", "in chat").replace("in the terminal", "in chat");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('['));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_same_words_have_the_same_result_everywhere() {
    let on_slack = told(By::Slack).await;
    let mut differences = Vec::new();
    for by in [By::Discord, By::Mail, By::Terminal] {
        for ((words, expected), found) in SAID.iter().zip(&on_slack).zip(told(by).await) {
            if *expected != found {
                differences.push(format!("{words} — {by:?}:\n{found}\n--- Slack:\n{expected}"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    let read: Vec<String> =
        SAID.iter().zip(on_slack).map(|(words, told)| format!("> {words}\n{told}")).collect();
    insta::assert_snapshot!(read.join("\n\n"));
}
