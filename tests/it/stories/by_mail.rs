//! A whole quarter by a mail program alone: its buttons, its limits, a second consent, a change of mind.

use patchbot::domain::policy::Policy;
use patchbot::mail::read::LARGEST;

use crate::world::World;
use crate::world::mails::{Letter, Mail};

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";

/// What is behind the buttons of a mail: the finished answers, as a mail program opens them.
fn buttons(mail: &Mail) -> Vec<Letter> {
    let parsed = mail_parser::MessageParser::new().parse(&mail.raw).unwrap();
    let html = parsed.body_html(0).unwrap().into_owned();
    let links = html.split("href=\"mailto:").skip(1).map(|rest| rest.split('"').next().unwrap());
    links
        .filter(|link| link.contains("body="))
        .map(|link| {
            let link = link.replace("&amp;", "&");
            let (to, query) = link.split_once('?').unwrap();
            let field = |name: &str| {
                let found = query.split('&').find_map(|pair| pair.strip_prefix(name)).unwrap();
                decoded(found)
            };
            Letter {
                from: mail.to.clone(),
                subject: field("subject="),
                to: decoded(to),
                answers: None,
                headers: Vec::new(),
                body: format!("{}\r\n\r\nSent from my phone\r\n", field("body=")),
            }
        })
        .collect()
}

/// `%20` becomes a blank.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (byte, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(byte, 16).unwrap());
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn each_button_opens_a_finished_answer_that_does_what_it_says() {
    let first = |letter: &Letter| letter.body.lines().next().unwrap_or_default().to_owned();
    let mut world = World::new(TUESDAY).await.server("web01", "ada");
    world.plan().await;
    let notice = world.mail_to("ada");
    let offered: Vec<String> = buttons(&notice).iter().map(first).collect();
    insta::assert_debug_snapshot!(offered);
    let later = buttons(&notice).into_iter().find(|letter| letter.body.starts_with("defer")).unwrap();
    assert_eq!(world.receives(&later).await, "accepted");
    // The answer to the answer has buttons too, for the new time.
    let moved = world.mail_to("ada");
    let yes = buttons(&moved).into_iter().find(|letter| letter.body.starts_with("approve")).unwrap();
    assert_eq!(world.receives(&yes).await, "accepted");
    assert_eq!(world.state("web01").await, "approved by ada@owners.test by mail");
    // A change of mind, by a button as well.
    let approved = world.mail_to("ada");
    let withdraw = buttons(&approved).into_iter().find(|letter| letter.body.starts_with("withdraw")).unwrap();
    assert_eq!(world.receives(&withdraw).await, "accepted");
    assert_eq!(world.state("web01").await, "waits for approval");
}

#[tokio::test]
async fn where_two_must_agree_one_yes_is_not_enough_and_the_same_one_twice_neither() {
    let policy = Policy { approvals: 2, ..Policy::default() };
    let mut world = World::with(TUESDAY, policy).await.server_in("web01", "ada", "bob", "Europe/Berlin");
    world.plan().await;
    let notice = world.mail_to("ada");
    assert_eq!(world.replies("ada", &notice, "approve").await, "accepted");
    insta::assert_snapshot!(world.state("web01").await);
    let mails = world.unread();
    let hers = mails.iter().find(|mail| mail.to.starts_with("ada")).unwrap().clone();
    let his = mails.iter().find(|mail| mail.to.starts_with("bob")).unwrap().clone();
    world.mails();
    world.replies("ada", &hers, "approve").await;
    assert_ne!(world.state("web01").await, "approved by ada@owners.test by mail");
    world.mails();
    assert_eq!(world.replies("bob", &his, "approve").await, "accepted");
    insta::assert_snapshot!(world.state("web01").await);
    world.mails();
}

#[tokio::test]
async fn a_reader_elsewhere_reads_his_own_time_beside_the_servers_and_utc() {
    let mut world = World::new(TUESDAY).await.server_in("web01", "ada", "", "America/New_York");
    world.lives_in("ada", "Asia/Tokyo").await;
    world.plan().await;
    let notice = world.mail_to("ada");
    let times: Vec<&str> = notice.text.lines().filter(|line| line.contains(" 2026, ")).collect();
    insta::assert_snapshot!(times.join("\n"));
}

#[tokio::test]
async fn a_novel_is_not_searched_for_a_yes() {
    let mut world = World::new(TUESDAY).await.server("web01", "ada");
    world.plan().await;
    let notice = world.mail_to("ada");
    let mut novel: String = (0..400).map(|line| format!("It was a dark night, number {line}.\r\n")).collect();
    novel.push_str("approve\r\n");
    assert_eq!(world.replies("ada", &notice, &novel).await, "clarify");
    let answer = world.mail_to("ada");
    assert!(answer.text.lines().count() < 60, "{}", answer.text);
    insta::assert_snapshot!(answer.shown());
    // Whoever answers with his holiday's pictures gets no answer at all: nobody knows whether it is he.
    let mut pictures = Letter::answering(&notice, "ada", "approve").raw(1);
    pictures.extend(b"JPEG JPEG JPEG\r\n".repeat(LARGEST / 16 + 1));
    assert_eq!(world.receives_raw(&pictures).await, "quarantined");
    assert_eq!(world.state("web01").await, "waits for approval");
    world.done();
}

#[tokio::test]
async fn what_stands_below_a_signature_or_a_stop_word_is_not_scanned() {
    let mut world = World::new(TUESDAY).await.server("web01", "ada").server("web02", "ada");
    world.plan().await;
    let notice = world.mail_to("ada");
    let words = "approve web01\r\n\r\nThanks\r\nAda\r\n-- \r\nAda Example, Head of Web\r\n";
    assert_eq!(world.replies("ada", &notice, words).await, "accepted");
    assert_eq!(world.state("web01").await, "approved by ada@owners.test by mail");
    assert_eq!(world.state("web02").await, "waits for approval");
    let transcript = world.mail_to("ada");
    let below = "approve web02\r\n-- \r\ndecline web02\r\n";
    assert_eq!(world.replies("ada", &transcript, below).await, "clarify");
    assert_eq!(world.state("web02").await, "waits for approval");
    world.mails();
}
