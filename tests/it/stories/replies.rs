//! An owner answers a notice mail: what is done, what is asked back, what is refused, and that nobody else can.

use patchbot::domain::event::What;

use crate::world::mails::Letter;
use crate::world::{Mail, World};

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";

async fn world() -> World {
    let mut world = World::new(TUESDAY)
        .await
        .server_in("web01", "ada", "bob", "Europe/Berlin")
        .server("web02", "ada")
        .server("db01", "ada");
    world.plan().await;
    world
}

async fn noticed() -> (World, Mail) {
    let mut world = world().await;
    let notice = world.mail_to("ada");
    (world, notice)
}

#[tokio::test]
async fn the_monthly_notice_says_what_when_and_what_silence_means() {
    let (mut world, notice) = noticed().await;
    insta::assert_snapshot!(notice.shown());
    world.done();
}

#[tokio::test]
async fn an_approval_by_mail_is_done_and_answered_with_exactly_one_mail() {
    let (mut world, notice) = noticed().await;
    assert_eq!(
        world.replies("ada", &notice, "Approved, thanks!\r\n\r\nBest regards\r\nAda").await,
        "accepted"
    );
    for server in ["web01", "web02", "db01"] {
        assert_eq!(world.state(server).await, "approved by ada@owners.test by mail");
    }
    // Ada gets her transcript and nothing else; Bob, the second owner of web01, is told.
    let mails = world.mails();
    insta::assert_snapshot!(mails.join("\n"), @"
    ada@owners.test: 2027-Q1: 3 servers, your answer is done
    bob@owners.test: 2027-Q1: web01 was approved by ada@owners.test
    ");
    world.done();
}

#[tokio::test]
async fn the_audit_names_the_raw_mail_that_a_decision_came_from() {
    let (mut world, notice) = noticed().await;
    world.replies("ada", &notice, "1 ok").await;
    let mut tx = world.app.store.read().await.unwrap();
    let inputs: Vec<String> = tx
        .audit_of("db01", 10)
        .await
        .unwrap()
        .into_iter()
        .filter(|row| row.event.what == What::Decided)
        .map(|row| row.event.actor.input.unwrap())
        .collect();
    let [input] = inputs.as_slice() else { panic!("not exactly one decision: {inputs:?}") };
    let kept = tx.mail_by_hash(input.strip_prefix("sha256 ").unwrap()).await.unwrap();
    assert!(kept.is_some(), "the raw mail is kept under the hash that the audit names");
}

#[tokio::test]
async fn numbered_lines_are_decided_one_by_one() {
    let (mut world, notice) = noticed().await;
    assert_eq!(
        world.replies("ada", &notice, "1 ok; 2 move 2026-12-17 21:00; 3 no: quarter-end").await,
        "accepted"
    );
    insta::assert_snapshot!(world.mail_to("ada").shown());
    let states = [world.state("db01").await, world.state("web01").await, world.state("web02").await];
    insta::assert_snapshot!(states.join("\n"), @r#"
    approved by ada@owners.test by mail
    waits for approval
    declined by ada@owners.test by mail ("quarter-end")
    "#);
}

#[tokio::test]
async fn two_words_about_the_same_server_by_its_number_and_its_name_are_both_not_done() {
    let (mut world, notice) = noticed().await;
    // The lines are db01, web01, web02.
    for words in ["approve web01; decline 2", "1 ok; 2 move 2026-12-17 21:00; decline web01"] {
        assert_eq!(world.replies("ada", &notice, words).await, "clarify", "{words}");
        let asked = world.mail_to("ada");
        assert!(asked.text.contains("says two things that may touch the same servers"), "{}", asked.text);
        for server in ["db01", "web01", "web02"] {
            assert_eq!(world.state(server).await, "waits for approval", "{words}: {server}");
        }
    }
    // Who says the same twice is not in doubt.
    assert_eq!(world.replies("ada", &notice, "approve web01; approve 2").await, "accepted");
    assert_eq!(world.state("web01").await, "approved by ada@owners.test by mail");
}

#[tokio::test]
async fn what_is_not_understood_changes_nothing_and_is_answered_with_what_can_be_said() {
    let (mut world, notice) = noticed().await;
    assert_eq!(world.replies("ada", &notice, "Approved, but only after the backup").await, "clarify");
    insta::assert_snapshot!(world.mail_to("ada").shown());
    assert_eq!(world.state("web01").await, "waits for approval");
    // The same notice can still be answered: nothing was decided with it.
    assert_eq!(world.replies("ada", &notice, "approve").await, "accepted");
}

#[tokio::test]
async fn a_time_in_words_is_confirmed_by_digits_first() {
    let (mut world, notice) = noticed().await;
    assert_eq!(world.replies("ada", &notice, "move web01 to Friday 20:00").await, "confirm");
    let asked = world.mail_to("ada");
    assert!(asked.text.contains("\"move web01 to 2026-11-27 20:00\""), "{}", asked.text);
    assert_eq!(world.state("web01").await, "waits for approval");
    let exactly = "move web01 to 2026-12-18 20:00";
    assert_eq!(world.replies("ada", &asked, exactly).await, "accepted");
    assert_eq!(world.window("web01").await.plan.unwrap().local.to_string(), "2026-12-18 20:00:00");
}

#[tokio::test]
async fn exclusions_are_confirmed_by_names_first() {
    let (mut world, notice) = noticed().await;
    assert_eq!(world.replies("ada", &notice, "approve all except db01").await, "confirm");
    let asked = world.mail_to("ada");
    assert!(asked.text.contains("\"approve web01 web02\""), "{}", asked.text);
    assert_eq!(world.state("web02").await, "waits for approval");
}

#[tokio::test]
async fn a_notice_is_answered_once_and_its_transcript_once_more() {
    let (mut world, notice) = noticed().await;
    world.replies("ada", &notice, "approve web01").await;
    let transcript = world.mail_to("ada");
    assert_eq!(world.replies("ada", &notice, "approve web02").await, "rejected");
    let refused = world.mail_to("ada");
    assert!(refused.text.contains("each notice can be answered once"), "{}", refused.text);
    assert_eq!(world.state("web02").await, "waits for approval");
    assert_eq!(world.replies("ada", &transcript, "approve web02").await, "accepted");
    assert_eq!(world.state("web02").await, "approved by ada@owners.test by mail");
}

#[tokio::test]
async fn what_somebody_changes_about_himself_leaves_the_notice_to_be_answered() {
    let (mut world, notice) = noticed().await;
    assert_eq!(world.replies("ada", &notice, "zone Europe/Berlin").await, "accepted");
    assert_eq!(world.replies("ada", &notice, "approve all").await, "accepted");
    assert_eq!(world.state("web01").await, "approved by ada@owners.test by mail");
    assert_eq!(world.replies("ada", &notice, "zone Asia/Tokyo").await, "accepted");
}

#[tokio::test]
async fn a_forwarded_notice_answered_by_a_stranger_is_refused_and_not_answered() {
    let (mut world, notice) = noticed().await;
    for stranger in ["bob", "eve"] {
        assert_eq!(world.replies(stranger, &notice, "approve").await, "rejected", "{stranger}");
    }
    assert_eq!(world.state("web01").await, "waits for approval");
    world.done();
}

#[tokio::test]
async fn a_subject_with_somebody_elses_token_is_refused() {
    let mut world = World::new(TUESDAY).await.server("web01", "ada").server("db01", "bob");
    world.plan().await;
    let mails = world.unread();
    world.mails();
    let of = |who: &str| mails.iter().find(|mail| mail.to.starts_with(who)).unwrap();
    let mut letter = Letter::answering(of("bob"), "bob", "approve");
    letter.subject = format!("Re: {}", of("ada").subject);
    letter.to = "patchbot@patchbot.test".to_owned();
    letter.answers = None;
    assert_eq!(world.receives(&letter).await, "rejected");
    assert_eq!(world.state("web01").await, "waits for approval");
    assert_eq!(world.state("db01").await, "waits for approval");
    world.done();
}

#[tokio::test]
async fn a_server_that_strips_the_plus_address_changes_nothing() {
    let (mut world, notice) = noticed().await;
    let mut letter = Letter::answering(&notice, "ada", "approve");
    letter.to = "patchbot@patchbot.test".to_owned();
    assert_eq!(world.receives(&letter).await, "accepted");
}

#[tokio::test]
async fn a_subject_that_was_rewritten_falls_back_to_what_the_mail_answers() {
    let (mut world, notice) = noticed().await;
    let mut letter = Letter::answering(&notice, "ada", "approve");
    letter.to = "patchbot@patchbot.test".to_owned();
    letter.subject = "RE: patching".to_owned();
    assert_eq!(world.receives(&letter).await, "accepted");
    assert_eq!(world.state("web01").await, "approved by ada@owners.test by mail");
}

#[tokio::test]
async fn out_of_office_and_bounces_decide_nothing_and_are_never_answered() {
    let (mut world, notice) = noticed().await;
    for header in [
        "Auto-Submitted: auto-replied", "Precedence: bulk", "X-Autoreply: yes", "Return-Path: <>",
        "List-Id: <all.owners.test>",
    ] {
        let mut letter = Letter::answering(&notice, "ada", "approve");
        letter.headers.push(header.to_owned());
        assert_eq!(world.receives(&letter).await, "ignored", "{header}");
    }
    let mut away = Letter::answering(&notice, "ada", "approve");
    away.subject = format!("Automatic reply: {}", notice.subject);
    assert_eq!(world.receives(&away).await, "ignored");
    assert_eq!(world.state("web01").await, "waits for approval");
    // Somebody else is asked as well; nobody answers the machine.
    assert_eq!(world.mails(), ["bob@owners.test: 2027-Q1: web01 is to be patched, does the time suit you?"]);
    world.done();
}

#[tokio::test]
async fn a_command_that_stands_only_in_the_quote_is_nobodys_word() {
    let (mut world, notice) = noticed().await;
    let mut letter = Letter::answering(&notice, "ada", "");
    letter.body = "\r\n\r\nOn Tue, Nov 24, 2026 at 9:00 AM bob <bob@owners.test> wrote:\r\n\r\n> approve\r\n"
        .to_owned();
    assert_eq!(world.receives(&letter).await, "clarify");
    assert_eq!(world.state("web01").await, "waits for approval");
    // Outlook quotes without a mark.
    let mut letter = Letter::answering(&notice, "ada", "");
    letter.body = "\r\n________________________________\r\nFrom: bob <bob@owners.test>\r\nSent: Tuesday, November 24, 2026 9:00 AM\r\nTo: Ada <ada@owners.test>\r\nSubject: x\r\n\r\napprove\r\n".to_owned();
    assert_eq!(world.receives(&letter).await, "clarify");
    assert_eq!(world.state("web01").await, "waits for approval");
}

#[tokio::test]
async fn an_answer_after_the_plan_changed_decides_nothing() {
    let (mut world, notice) = noticed().await;
    world.says("ada", "move web01 to 2026-12-17 21:00").await;
    world.mails();
    assert_eq!(world.replies("ada", &notice, "approve web01").await, "rejected");
    let refused = world.mail_to("ada");
    assert!(refused.text.contains("The plan of web01 has changed since that was shown"), "{}", refused.text);
    assert_eq!(world.state("web01").await, "waits for approval");
}

#[tokio::test]
async fn an_answer_after_the_window_decides_nothing() {
    let (mut world, notice) = noticed().await;
    world.sleep_until("2026-12-20 09:00 Europe/Berlin").await;
    world.mails();
    assert_eq!(world.replies("ada", &notice, "approve").await, "rejected");
    assert!(world.mail_to("ada").text.contains("The windows of that notice are over"));
}

#[tokio::test]
async fn a_known_person_without_a_token_is_told_how_and_an_unknown_one_nothing() {
    let (mut world, notice) = noticed().await;
    let mut letter = Letter::answering(&notice, "ada", "approve web01");
    letter.subject = "please patch".to_owned();
    letter.to = "patchbot@patchbot.test".to_owned();
    letter.answers = None;
    assert_eq!(world.receives(&letter).await, "clarify");
    assert!(world.mail_to("ada").text.contains("reply to that one"));
    letter.from = "eve@stranger.test".to_owned();
    assert_eq!(world.receives(&letter).await, "rejected");
    assert_eq!(world.state("web01").await, "waits for approval");
    world.done();
}
