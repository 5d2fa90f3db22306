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

#[tokio::test]
async fn how_often_a_time_can_still_be_moved_and_until_when_is_told_each_time() {
    let policy = Policy { moves: 2, deadline_days: 14, ..Policy::default() };
    let mut world = World::with(TUESDAY, policy).await.server("web01", "ada");
    world.plan().await;
    let told = |mail: &Mail| {
        let lines = mail.text.lines().filter(|line| line.contains("be moved") || line.contains("was moved"));
        lines.map(str::trim).collect::<Vec<_>>().join("\n")
    };
    let notice = world.mail_to("ada");
    insta::assert_snapshot!(told(&notice), @"It can be moved twice more, to Sun 17 Jan 2027 at the latest.");
    assert_eq!(world.replies("ada", &notice, "move to 2027-01-21 20:00").await, "rejected");
    let late = world.mail_to("ada");
    insta::assert_snapshot!(late.shown(), @r#"
    Subject: 2027-Q1: web01, your answer was refused

    ~~~ Please write your answer above this line ~~~

    Hello ada@owners.test,

    your answer was understood and cannot be done. Nothing was changed.

    Owners can put it off until Sun 17 Jan 2027 at the latest.

    An operator can cross that rule with a reason; somebody else must approve it then.
    The next free times for web01: Thu 26 Nov 2026, 20:00 Europe/Berlin (19:00 UTC); Thu 26 Nov 2026, 21:00 Europe/Berlin (20:00 UTC); Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC). Say for example "move web01 to 2026-11-26 20:00".

    This is how it stands:

     1. web01 (web, waits for approval)
        Thu 10 Dec 2026, 20:00–22:00 Europe/Berlin
        Thu 10 Dec 2026, 19:00–21:00 UTC

    This is what I read in your answer:
        you wrote: "move to 2027-01-21 20:00"

    Questions? Write to olga@patchbot.test, a person reads it.
    patchbot
    "#);
    assert_eq!(world.replies("ada", &late, "move to 2026-12-17 21:00").await, "accepted");
    let once = world.mail_to("ada");
    insta::assert_snapshot!(told(&once), @"It can be moved once more, to Sun 17 Jan 2027 at the latest.");
    assert_eq!(world.replies("ada", &once, "defer by 1 week").await, "accepted");
    let twice = world.mail_to("ada");
    insta::assert_snapshot!(told(&twice), @"It can be moved by an operator only.");
    assert_eq!(world.replies("ada", &twice, "move to 2027-01-07 21:00").await, "rejected");
    let refused = world.mail_to("ada");
    insta::assert_snapshot!(told(&refused), @"web01 was moved 2 times already, as often as owners may.");
    assert_eq!(world.window("web01").await.plan.unwrap().local.to_string(), "2026-12-24 21:00:00");
    // The request for the coming week says it too.
    world.sleep_until("2026-12-21 12:00 Europe/Berlin").await;
    let request =
        world.unread().into_iter().find(|mail| mail.subject.contains("needs your approval")).unwrap();
    insta::assert_snapshot!(told(&request), @"It can be moved by an operator only.");
    world.mails();
}

#[tokio::test]
async fn a_colleague_is_named_and_relieved_by_mail() {
    let mut world = World::new(TUESDAY).await.server("web01", "ada").server("db01", "bob");
    world.plan().await;
    let notices = world.unread();
    world.mails();
    let hers = notices.iter().find(|mail| mail.to.starts_with("ada")).unwrap();
    let words = "delegate web01 to bob@owners.test until 2026-12-05 because I am on a course";
    assert_eq!(world.replies("ada", hers, words).await, "accepted");
    let mails = world.unread();
    world.mails();
    let asked = mails.iter().find(|mail| mail.to.starts_with("bob")).unwrap();
    let transcript = mails.iter().find(|mail| mail.to.starts_with("ada")).unwrap();
    assert!(transcript.text.contains("bob@owners.test decides about web01 as well"), "{}", transcript.text);
    assert_eq!(world.replies("bob", asked, "approve 1").await, "accepted");
    assert_eq!(world.state("web01").await, "approved by bob@owners.test by mail");
    let told = world.unread();
    world.mails();
    let hers = told.iter().find(|mail| mail.to.starts_with("ada")).unwrap();
    let his = told.iter().find(|mail| mail.to.starts_with("bob")).unwrap();
    assert_eq!(world.replies("ada", hers, "back").await, "accepted");
    assert_eq!(world.replies("bob", his, "withdraw web01").await, "rejected");
    assert_eq!(world.state("web01").await, "approved by bob@owners.test by mail");
    world.mails();
}

#[tokio::test]
async fn an_emergency_crosses_the_calendar_and_not_the_consent() {
    let mut world = World::new(TUESDAY).await.sheet(
        "server_name,primary_owner,server_timezone,host_group\n\
         web01,ada@owners.test,Europe/Berlin,web\n\
         ops01,olga@patchbot.test,Europe/Berlin,ops\n",
    );
    world.plan().await;
    let notices = world.unread();
    world.mails();
    let hers = notices.iter().find(|mail| mail.to.starts_with("olga")).unwrap().clone();
    // What cannot wait for anybody is no matter for a mail, which may be read in an hour.
    assert_eq!(world.replies("olga", &hers, "now web01 because CVE-2026-1234 is exploited").await, "clarify");
    let how = world.mail_to("olga");
    insta::assert_snapshot!(how.shown(), @r#"
    Subject: 2027-Q1: ops01, your answer was not understood

    ~~~ Please write your answer above this line ~~~

    Hello olga@patchbot.test,

    I could not be sure what your answer means. Nothing was changed.

    "now web01 because CVE-2026-1234 is exploited": "now" cannot be said by mail, so nothing was decided; say it in chat or in the terminal.

    To approve, reply "approve"; for some of the servers "approve" and their names or numbers.
    For another time, reply "move", the server, "to" and the time, as "move web01 to 2026-12-01 20:00".
    To say no, reply "decline". To see where they stand, reply "status".

    This is how it stands:

     1. ops01 (ops, waits for approval)
        Thu 10 Dec 2026, 20:00–22:00 Europe/Berlin
        Thu 10 Dec 2026, 19:00–21:00 UTC

    This is what I read in your answer:
        you wrote: "now web01 because CVE-2026-1234 is exploited"

    Questions? Write to olga@patchbot.test, a person reads it.
    patchbot
    "#);
    // Tonight, across the freeze: with a reason, and never without somebody else.
    let words = "move web01 to 2026-11-24 21:00 because \"CVE-2026-1234 is exploited\"";
    insta::assert_snapshot!(world.says("olga", words).await, @r#"
    web01 moves to Tue 24 Nov 2026, 21:00 Europe/Berlin (20:00 UTC). It waits for approval.
    It crosses the freeze, so somebody else must say "approve web01".
    A mistake? Say "undo web01" until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).
    "#);
    let asked = &world.mail_to("ada");
    insta::assert_snapshot!(asked.shown(), @r#"
    Subject: 2027-Q1: web01 was moved by olga@patchbot.test

    ~~~ Please write your answer above this line ~~~

    Hello ada@owners.test,

    web01 was moved by olga@patchbot.test, in Slack,
    on Tue 24 Nov 2026, 09:00 Europe/Berlin (Tue 24 Nov 2026, 08:00 UTC).
    The reason given: "CVE-2026-1234 is exploited"
    The time before was Thu 10 Dec 2026, 21:00 Europe/Berlin (Thu 10 Dec 2026, 20:00 UTC).

    This is how it stands now:

     1. web01 (web, waits for approval)
        Tue 24 Nov 2026, 21:00–23:00 Europe/Berlin
        Tue 24 Nov 2026, 20:00–22:00 UTC

    To approve, reply "approve".
    For another time, reply for example "move to 2026-12-01 21:00". It can be moved 3 more times, to Sun 31 Jan 2027 at the latest.
    To say no, reply "decline".

    Questions? Write to olga@patchbot.test, a person reads it.
    patchbot
    "#);
    insta::assert_snapshot!(world.says("olga", "approve web01").await, @r#"
    You moved web01 across the freeze yourself; somebody else must approve it.
    Ask an owner or another operator to say "approve web01".
    "#);
    assert_eq!(world.state("web01").await, "waits for approval");
    assert_eq!(world.replies("ada", asked, "approve").await, "accepted");
    assert_eq!(world.state("web01").await, "approved by ada@owners.test by mail");
    world.mails();
}

#[tokio::test]
async fn the_zone_that_somebody_reads_is_set_by_mail() {
    let mut world = World::new(TUESDAY).await.server("web01", "ada");
    world.plan().await;
    let notice = world.mail_to("ada");
    assert_eq!(world.replies("ada", &notice, "zone Asia/Tokyo").await, "accepted");
    let answer = world.mail_to("ada");
    assert_eq!(world.replies("ada", &answer, "approve").await, "accepted");
    let approved = world.mail_to("ada");
    let times: Vec<&str> = approved.text.lines().filter(|line| line.contains(" 2026, ")).collect();
    insta::assert_snapshot!(times.join("\n"), @r#"
    web01 is approved for Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    A mistake? Say "undo web01" until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).
        Thu 10 Dec 2026, 20:00–22:00 Europe/Berlin
        Fri 11 Dec 2026, 04:00–06:00 Asia/Tokyo, your time
        Thu 10 Dec 2026, 19:00–21:00 UTC
    "#);
}

#[tokio::test]
async fn one_owners_no_stops_anothers_yes_and_its_reason_is_told() {
    let mut world = World::new(TUESDAY).await.server_in("web01", "ada", "bob", "Europe/Berlin");
    world.plan().await;
    let notice = world.mail_to("ada");
    assert_eq!(world.replies("ada", &notice, "yes, approved").await, "accepted");
    let mails = world.unread();
    world.mails();
    let his = mails.iter().find(|mail| mail.to.starts_with("bob")).unwrap();
    let hers = mails.iter().find(|mail| mail.to.starts_with("ada")).unwrap();
    assert_eq!(world.replies("bob", his, "decline because the backup runs that night").await, "accepted");
    insta::assert_snapshot!(world.state("web01").await, @r#"declined by bob@owners.test by mail ("the backup runs that night")"#);
    let told = world.unread().into_iter().find(|mail| mail.to.starts_with("ada")).unwrap();
    assert!(told.text.contains("the backup runs that night"), "{}", told.text);
    world.mails();
    assert_eq!(world.replies("ada", hers, "approve").await, "rejected");
    let refused = world.mail_to("ada");
    assert!(refused.text.contains("bob@owners.test declined web01"), "{}", refused.text);
}
