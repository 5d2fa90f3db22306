//! Calendars: the entry of a window follows every decision, and what calendars answer is asked about, never acted on.

use crate::world::World;
use crate::world::mails::{Letter, Mail};

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";

async fn noticed() -> (World, Mail) {
    let mut world = World::new(TUESDAY).await.server("web01", "ada");
    world.plan().await;
    let notice = world.mail_to("ada");
    (world, notice)
}

/// The calendar parts of a mail: method, sequence, status, start.
fn entries(mail: &Mail) -> Vec<String> {
    let parsed = mail_parser::MessageParser::new().parse(&mail.raw).unwrap();
    let calendars = parsed.parts.iter().filter(|part| {
        mail_parser::MimeHeaders::content_type(*part).is_some_and(|kind| kind.subtype() == Some("calendar"))
    });
    calendars
        .map(|part| {
            let text = part.text_contents().unwrap().replace("\r\n", "\n").replace("\n ", "");
            let wanted = ["METHOD:", "SEQUENCE:", "STATUS:", "DTSTART:", "COMMENT:"];
            let lines = text.lines().filter(|line| wanted.iter().any(|name| line.starts_with(name)));
            lines.collect::<Vec<_>>().join(" ")
        })
        .collect()
}

fn calendar(from: &str, method: &str, lines: &str) -> Letter {
    Letter {
        from: format!("{from}@owners.test"),
        subject: "Accepted: Patching of web01".to_owned(),
        to: "patchbot@patchbot.test".to_owned(),
        answers: None,
        headers: vec![format!("Content-Type: text/calendar; charset=utf-8; method={method}")],
        body: format!(
            "BEGIN:VCALENDAR\r\nMETHOD:{method}\r\nPRODID:-//x//EN\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\n\
             UID:2027-q1.web01@patchbot.test\r\n{lines}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        ),
    }
}

#[tokio::test]
async fn the_entry_follows_each_decision_with_the_next_sequence() {
    let (mut world, notice) = noticed().await;
    assert_eq!(entries(&notice), ["METHOD:REQUEST DTSTART:20261210T190000Z SEQUENCE:1 STATUS:TENTATIVE"]);
    world.replies("ada", &notice, "approve").await;
    let approved = world.mail_to("ada");
    assert_eq!(entries(&approved), ["METHOD:REQUEST DTSTART:20261210T190000Z SEQUENCE:1 STATUS:CONFIRMED"]);
    world.replies("ada", &approved, "move to 2026-12-17 21:00").await;
    let moved = world.mail_to("ada");
    assert_eq!(entries(&moved), ["METHOD:REQUEST DTSTART:20261217T200000Z SEQUENCE:2 STATUS:TENTATIVE"]);
    world.replies("ada", &moved, "decline").await;
    let declined = world.mail_to("ada");
    assert_eq!(entries(&declined), ["METHOD:CANCEL DTSTART:20261217T200000Z SEQUENCE:2 STATUS:CANCELLED"]);
}

#[tokio::test]
async fn an_accepted_invitation_is_no_approval_until_its_owner_says_so() {
    let (mut world, _) = noticed().await;
    let accepted =
        calendar("ada", "REPLY", "SEQUENCE:1\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:ada@owners.test");
    assert_eq!(world.receives(&accepted).await, "confirm");
    assert_eq!(world.state("web01").await, "waits for approval");
    let question = world.mail_to("ada");
    insta::assert_snapshot!(question.shown());
    assert_eq!(world.replies("ada", &question, "confirm").await, "accepted");
    assert_eq!(world.state("web01").await, "approved by ada@owners.test by mail");
    world.mails();
    // Once it is approved, clicking "accept" tells nothing new.
    let again =
        calendar("ada", "REPLY", "SEQUENCE:1\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:ada@owners.test\r\nX-A:1");
    assert_eq!(world.receives(&again).await, "ignored");
    world.done();
}

#[tokio::test]
async fn a_declined_invitation_is_no_no_and_neither_a_yes_until_its_owner_says_which() {
    let (mut world, _) = noticed().await;
    let declined =
        calendar("ada", "REPLY", "SEQUENCE:1\r\nATTENDEE;PARTSTAT=DECLINED:mailto:ada@owners.test");
    assert_eq!(world.receives(&declined).await, "confirm");
    let question = world.mail_to("ada");
    for words in ["Yes, approved", "no", "decline"] {
        assert_eq!(world.replies("ada", &question, words).await, "clarify", "{words}");
        assert_eq!(world.state("web01").await, "waits for approval", "{words}");
        world.mails();
    }
    assert_eq!(world.replies("ada", &question, "confirm").await, "accepted");
    assert_eq!(world.state("web01").await, "declined by ada@owners.test by mail");
}

#[tokio::test]
async fn a_proposed_time_that_is_free_moves_the_window_after_one_word() {
    let (mut world, _) = noticed().await;
    let counter =
        calendar("ada", "COUNTER", "SEQUENCE:1\r\nDTSTART;TZID=W. Europe Standard Time:20261217T210000");
    assert_eq!(world.receives(&counter).await, "confirm");
    let question = world.mail_to("ada");
    insta::assert_snapshot!(question.shown());
    assert_eq!(world.replies("ada", &question, "confirm").await, "accepted");
    assert_eq!(world.window("web01").await.plan.unwrap().local.to_string(), "2026-12-17 21:00:00");
    let moved = world.mail_to("ada");
    assert_eq!(entries(&moved), ["METHOD:REQUEST DTSTART:20261217T200000Z SEQUENCE:2 STATUS:TENTATIVE"]);
}

#[tokio::test]
async fn a_proposed_time_that_is_not_free_is_declined_with_three_that_are() {
    let (mut world, _) = noticed().await;
    for (number, start) in
        ["20261120T190000Z", "20261124T080000Z", "20270310T200000Z", "TZID=Customized:20261210T210000"]
            .into_iter()
            .enumerate()
    {
        let separator = if start.starts_with("TZID") { ';' } else { ':' };
        let lines = format!("SEQUENCE:1\r\nDTSTART{separator}{start}\r\nX-N:{number}");
        assert_eq!(world.receives(&calendar("ada", "COUNTER", &lines)).await, "rejected", "{start}");
        let answer = world.mail_to("ada");
        let entry = entries(&answer).pop().unwrap();
        assert!(entry.starts_with("METHOD:DECLINECOUNTER"), "{entry}");
        assert_eq!(answer.text.matches("Free is ").count(), 3, "{}", answer.text);
        if number == 0 {
            insta::assert_snapshot!(answer.shown());
            insta::assert_snapshot!(entry);
        }
    }
    assert_eq!(world.window("web01").await.plan.unwrap().local.to_string(), "2026-12-10 20:00:00");
}

#[tokio::test]
async fn an_answer_to_an_older_entry_or_to_somebody_elses_decides_nothing() {
    let (mut world, notice) = noticed().await;
    world.replies("ada", &notice, "move to 2026-12-17 21:00").await;
    world.mails();
    let old = calendar("ada", "REPLY", "SEQUENCE:1\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:ada@owners.test");
    assert_eq!(world.receives(&old).await, "ignored");
    let strangers =
        calendar("bob", "REPLY", "SEQUENCE:2\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:ada@owners.test");
    assert_eq!(world.receives(&strangers).await, "rejected");
    world.done();
    let counter = calendar("ada", "COUNTER", "SEQUENCE:1\r\nDTSTART:20261211T200000Z");
    assert_eq!(world.receives(&counter).await, "rejected");
    assert!(world.mail_to("ada").text.contains("The plan of web01 has changed"));
    assert_eq!(world.state("web01").await, "waits for approval");
}
