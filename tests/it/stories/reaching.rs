//! People who cannot be reached: bounces and absences have others asked, decide nothing, and are never answered.

use crate::world::World;
use crate::world::mails::{Letter, Mail};

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";

async fn noticed() -> (World, Mail) {
    let mut world = World::new(TUESDAY)
        .await
        .server_in("web01", "ada", "bob", "Europe/Berlin")
        .server_in("web02", "ada", "bob", "Europe/Berlin")
        .server("db01", "ada");
    world.plan().await;
    let notice = world.mail_to("ada");
    (world, notice)
}

fn bounce(notice: &Mail, action: &str, status: &str) -> Vec<u8> {
    let id = notice.message_id.trim_matches(['<', '>']).split('@').next().unwrap().replace('-', "");
    format!(
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.owners.test\r\nTo: patchbot-bounce+{id}@patchbot.test\r\n\
         Subject: Undelivered Mail Returned to Sender\r\nDate: Tue, 24 Nov 2026 09:00:05 +0100\r\n\
         Message-ID: <{status}.{action}@mx.owners.test>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nSorry.\r\n--b\r\n\
         Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.owners.test\r\n\r\n\
         Final-Recipient: rfc822; ada@owners.test\r\nAction: {action}\r\nStatus: {status}\r\n\
         Diagnostic-Code: smtp; 550 5.1.1 User unknown\r\n--b--\r\n"
    )
    .into_bytes()
}

fn away(notice: &Mail, text: &str) -> Letter {
    let mut letter = Letter::answering(notice, "ada", "");
    letter.subject = format!("Automatic reply: {}", notice.subject);
    letter.headers.push("Auto-Submitted: auto-replied".to_owned());
    letter.body = text.to_owned();
    letter
}

#[tokio::test]
async fn a_notice_that_bounces_goes_to_the_second_owner_and_the_operators_are_told() {
    let (mut world, notice) = noticed().await;
    assert_eq!(world.receives_raw(&bounce(&notice, "failed", "5.1.1")).await, "ignored");
    let asked = world.mail_to("bob");
    insta::assert_snapshot!(asked.shown());
    insta::assert_snapshot!(world.alerts().await.join("\n"), @"A mail to ada@owners.test cannot be delivered.");
    // He can answer it for his servers, and only for them.
    assert_eq!(world.replies("bob", &asked, "approve all").await, "accepted");
    assert_eq!(world.state("web01").await, "approved by bob@owners.test by mail");
    assert_eq!(world.state("db01").await, "waits for approval");
    world.mails();
    // The next notices go to both from the start.
    world.sleep_until("2026-11-30 12:00 Europe/Berlin").await;
    insta::assert_snapshot!(world.mails().join("\n"), @"ada@owners.test: 2027-Q1: db01 still waits for your answer");
}

#[tokio::test]
async fn a_late_notice_is_no_lost_one() {
    let (mut world, notice) = noticed().await;
    assert_eq!(world.receives_raw(&bounce(&notice, "delayed", "4.4.1")).await, "ignored");
    assert_eq!(world.why().await, "machine: A notice to ada@owners.test is delayed (4.4.1).");
    assert_eq!(world.alerts().await, Vec::<String>::new());
    world.done();
}

#[tokio::test]
async fn that_a_notice_was_read_or_deleted_decides_nothing_and_is_told_to_nobody() {
    let (mut world, notice) = noticed().await;
    for disposition in ["displayed", "deleted"] {
        let mut receipt = Letter::answering(&notice, "ada", "");
        receipt.subject = format!("Read: {}", notice.subject);
        receipt.headers.push(
            "Content-Type: multipart/report; report-type=disposition-notification; boundary=b".to_owned(),
        );
        receipt.body = format!(
            "--b\r\nContent-Type: text/plain\r\n\r\napprove\r\n--b\r\nContent-Type: message/disposition-notification\r\n\r\n\
             Final-Recipient: rfc822; ada@owners.test\r\nOriginal-Message-ID: {}\r\n\
             Disposition: manual-action/MDN-sent-manually; {disposition}\r\n--b--\r\n",
            notice.message_id
        );
        assert_eq!(world.receives(&receipt).await, "ignored", "{disposition}");
    }
    insta::assert_snapshot!(world.why().await, @"machine: It is a receipt.");
    assert_eq!(world.state("web01").await, "waits for approval");
    assert_eq!(world.alerts().await, Vec::<String>::new());
    world.done();
}

#[tokio::test]
async fn an_absence_has_the_second_owner_asked_as_well_until_it_ends() {
    let (mut world, notice) = noticed().await;
    assert_eq!(world.receives(&away(&notice, "I am away until 7 December.\r\n")).await, "ignored");
    let asked = world.mail_to("bob");
    assert!(
        asked.text.contains("ada@owners.test is away until Tue 8 Dec 2026, 00:00 Europe/Berlin"),
        "{}",
        asked.text
    );
    insta::assert_snapshot!(world.alerts().await.join("\n"), @"ada@owners.test is away until Tue 8 Dec 2026, 00:00 Europe/Berlin (Mon 7 Dec, 23:00 UTC).");
    assert_eq!(world.state("web01").await, "waits for approval");
    // The same answer to the same notice tells nobody twice.
    world.receives(&away(&notice, "I am away until 7 December.\r\n")).await;
    world.done();
    world.sleep_until("2026-12-01 12:00 Europe/Berlin").await;
    insta::assert_snapshot!(world.mails().join("\n"), @"
    ada@owners.test: 2027-Q1: 3 servers are to be patched, do the times suit you?
    ada@owners.test: 2027-Q1: 3 servers still wait for your answer
    bob@owners.test: 2027-Q1: 2 servers are to be patched, do the times suit you?
    bob@owners.test: 2027-Q1: 2 servers still wait for your answer
    ");
    world.sleep_until("2026-12-14 12:00 Europe/Berlin").await;
    let later: Vec<String> = world.mails().into_iter().filter(|mail| mail.starts_with("bob")).collect();
    insta::assert_snapshot!(later.join("\n"), @"
    bob@owners.test: 2027-Q1: 2 servers need your approval for the coming week
    bob@owners.test: 2027-Q1: web01 cannot be patched as it is now
    bob@owners.test: 2027-Q1: web01 was not patched
    bob@owners.test: 2027-Q1: web01 will be patched on Thu 10 Dec 2026, 21:00 Europe/Berlin
    bob@owners.test: 2027-Q1: web02 cannot be patched as it is now
    bob@owners.test: 2027-Q1: web02 was not patched
    bob@owners.test: 2027-Q1: web02 will be patched on Thu 10 Dec 2026, 22:00 Europe/Berlin
    ");
}

#[tokio::test]
async fn who_answers_is_not_away_any_more() {
    let (mut world, notice) = noticed().await;
    world.receives(&away(&notice, "I am away until 20 December.\r\n")).await;
    world.mails();
    assert_eq!(world.replies("ada", &notice, "status").await, "accepted");
    world.mails();
    world.sleep_until("2026-12-01 12:00 Europe/Berlin").await;
    assert!(world.mails().iter().all(|mail| mail.starts_with("ada")), "bob is left alone");
}

#[tokio::test]
async fn an_absence_that_answers_no_notice_of_its_sender_is_nobodys_absence() {
    let (mut world, notice) = noticed().await;
    let mut letter = away(&notice, "I am away until 7 December.\r\n");
    letter.from = "bob@owners.test".to_owned();
    assert_eq!(world.receives(&letter).await, "ignored");
    letter.from = "ada@owners.test".to_owned();
    letter.answers = None;
    assert_eq!(world.receives(&letter).await, "ignored");
    assert_eq!(world.alerts().await, Vec::<String>::new());
    world.done();
}

#[tokio::test]
async fn without_a_second_owner_the_operators_are_told_so() {
    let mut world = World::new(TUESDAY).await.server("db01", "ada");
    world.plan().await;
    let notice = world.mail_to("ada");
    world.receives_raw(&bounce(&notice, "failed", "5.1.1")).await;
    insta::assert_snapshot!(world.alert_lines().await.join("\n"), @"
    A mail to ada@owners.test cannot be delivered.
    550 5.1.1 User unknown.
    There is no second owner to ask.
    Reach the owner another way, or correct the address in the inventory.
    ");
    world.done();
}
