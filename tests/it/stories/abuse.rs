//! Mail that wants to do harm: replayed, guessed, too much of it, disguised; it is counted, told, and never answered.

use crate::world::World;
use crate::world::mails::{Letter, Mail};

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";

async fn noticed() -> (World, Mail) {
    let mut world = World::new(TUESDAY).await.server("web01", "ada").server("db01", "ada");
    world.plan().await;
    let notice = world.mail_to("ada");
    (world, notice)
}

#[tokio::test]
async fn the_same_mail_over_another_way_is_neither_acted_on_nor_answered_again() {
    let (mut world, notice) = noticed().await;
    let letter = Letter::answering(&notice, "ada", "status").raw(7);
    assert_eq!(world.receives_raw(&letter).await, "accepted");
    world.mails();
    let over_another_way = [b"Received: from mx2.owners.test\r\n".as_slice(), &letter].concat();
    assert_eq!(world.receives_raw(&over_another_way).await, "ignored");
    assert_eq!(
        world.why().await,
        "replay: The same mail came before; it is neither acted on nor answered again."
    );
    world.done();
}

#[tokio::test]
async fn whoever_guesses_tokens_gets_no_answer_and_the_operators_are_told() {
    let (mut world, notice) = noticed().await;
    for guess in 0..5 {
        let mut letter = Letter::answering(&notice, "ada", "approve");
        letter.to = "patchbot@patchbot.test".to_owned();
        let token = data_encoding::BASE32_NOPAD.encode(&[guess; 20]);
        letter.subject = format!("Re: web01 [#{token}]");
        assert_eq!(world.receives(&letter).await, "rejected");
    }
    assert_eq!(world.why().await.split(':').next(), Some("token"));
    assert_eq!(world.alerts().await, ["5 mails in an hour had a reply token that was not their sender's."]);
    assert_eq!(world.state("web01").await, "waits for approval");
    world.done();
}

#[tokio::test]
async fn who_writes_too_much_is_not_answered_any_more_and_harms_nobody_else() {
    let (mut world, notice) = noticed().await;
    for _ in 0..60 {
        assert_eq!(world.replies("ada", &notice, "status").await, "accepted");
    }
    world.mails();
    assert_eq!(world.replies("ada", &notice, "approve").await, "quarantined");
    assert_eq!(world.alerts().await, ["ada@owners.test writes more than 60 mails an hour."]);
    assert_eq!(world.state("web01").await, "waits for approval");
    world.done();
    // Mail that only claims to be hers counts for nothing: an hour later she is heard again.
    world.sleep_until("2026-11-24 10:01 Europe/Berlin").await;
    assert_eq!(world.replies("ada", &notice, "approve").await, "accepted");
}

#[tokio::test]
async fn a_forger_cannot_use_up_anybodys_limit() {
    let (mut world, notice) = noticed().await;
    for _ in 0..70 {
        let mut forged = Letter::answering(&notice, "eve", "status");
        forged.from = "ada@elsewhere.test".to_owned();
        assert_eq!(world.receives(&forged).await, "rejected");
    }
    // Where nobody is known, no name server is asked either, which could be slow on purpose.
    assert_eq!(world.why().await, "sender: Nobody at elsewhere.test is known.");
    assert_eq!(world.replies("ada", &notice, "approve").await, "accepted");
}

#[tokio::test]
async fn names_that_only_look_like_a_servers_are_asked_back() {
    let (mut world, notice) = noticed().await;
    for words in [
        "approve wеb01", "approve \u{202e}10bew", "approve web0l", "approve ｗｅｂ01",
        "approve web\u{200b}01x",
    ] {
        assert_ne!(world.replies("ada", &notice, words).await, "accepted", "{words}");
        assert_eq!(world.state("web01").await, "waits for approval");
    }
    world.mails();
}

#[tokio::test]
async fn an_honest_mail_that_was_led_to_a_notice_on_the_way_is_asked_about_first() {
    let mut world = World::checked(TUESDAY).await.server("web01", "ada").server("db01", "ada");
    world.plan().await;
    let notice = world.mail_to("ada");
    let there = Letter::answering(&notice, "ada", "").to;
    let covers = "From:Subject:Date:To:Message-ID";
    // Ada wrote "Approved." to somebody else, about something else.
    let mut honest = Letter::answering(&notice, "ada", "Approved.");
    honest.subject = "Re: the menu".to_owned();
    honest.to = "cook@owners.test".to_owned();
    honest.answers = None;
    let added = [
        format!("In-Reply-To: {}", notice.message_id),
        format!("References: {}", notice.message_id),
        format!("Cc: {there}"),
        format!("Delivered-To: {there}"),
        format!("Resent-To: {there}"),
    ];
    for (number, line) in added.iter().enumerate() {
        let led = Letter { headers: vec![line.clone()], ..honest.clone() };
        let raw = led.checked(&world, covers, number);
        assert_eq!(world.receives_raw(&raw).await, "confirm", "{line}");
        let asked = world.mail_to("ada").text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(asked.contains("I cannot be sure to which notice you answered."), "{asked}");
        assert_eq!(world.state("web01").await, "waits for approval", "{line}");
    }
    // A day in words is not kept until it is confirmed.
    let mut led = Letter { headers: vec![format!("Cc: {there}")], ..honest };
    led.body = "move web01 to Friday 20:00\r\n".to_owned();
    let raw = led.checked(&world, covers, 20);
    assert_eq!(world.receives_raw(&raw).await, "clarify");
    world.mails();
    // Whoever meant it says so.
    led.body = "Approved.\r\n".to_owned();
    let raw = led.checked(&world, covers, 21);
    assert_eq!(world.receives_raw(&raw).await, "confirm");
    let question = world.mail_to("ada");
    let yes = Letter::answering(&question, "ada", "confirm").checked(&world, covers, 22);
    assert_eq!(world.receives_raw(&yes).await, "accepted");
    assert_eq!(world.state("web01").await, "approved by ada@owners.test by mail");
    assert_eq!(world.state("db01").await, "approved by ada@owners.test by mail");
}

#[tokio::test]
async fn a_reply_grows_old_on_its_way_and_not_while_it_waits_to_be_read() {
    let mut world = World::checked(TUESDAY).await.server("web01", "ada").server("db01", "ada");
    world.plan().await;
    let notice = world.mail_to("ada");
    let kept = Letter::answering(&notice, "ada", "approve web01").checked(&world, "From:Subject:Date", 1);
    let late = Letter::answering(&notice, "ada", "approve db01").checked(&world, "From:Subject:Date", 2);
    world.arrives(&kept).await;
    world.sleep_until("2026-11-26 12:00 Europe/Berlin").await;
    world.receives_raw(&late).await;
    assert_eq!(world.outcomes().await, ["rejected", "accepted"], "the latest first");
    assert_eq!(world.state("web01").await, "approved by ada@owners.test by mail");
    assert_eq!(world.state("db01").await, "waits for approval");
}

/// What an approval of a fresh notice comes to, changed in some way and with these fields signed.
async fn approval(change: impl FnOnce(&mut Letter), covers: &str) -> String {
    let mut world = World::checked(TUESDAY).await.server("web01", "ada");
    world.plan().await;
    let notice = world.mail_to("ada");
    let mut letter = Letter::answering(&notice, "ada", "approve");
    letter.headers.push(format!("Delivered-To: {}", letter.to));
    change(&mut letter);
    let raw = letter.checked(&world, covers, 1);
    world.receives_raw(&raw).await
}

#[tokio::test]
async fn any_one_signed_field_that_names_the_notice_is_enough() {
    let without_tag = |letter: &mut Letter| letter.subject = "Re: patching".to_owned();
    let without_token = |letter: &mut Letter| {
        letter.subject = "Re: patching".to_owned();
        letter.to = "patchbot@patchbot.test".to_owned();
        letter.headers.clear();
    };
    // Some large providers leave To unsigned.
    assert_eq!(approval(|_| {}, "From:Subject:Date").await, "accepted");
    assert_eq!(approval(without_tag, "From:Subject:Date:To").await, "accepted");
    assert_eq!(approval(without_tag, "From:Subject:Date").await, "confirm");
    assert_eq!(approval(without_token, "From:Subject:Date:References").await, "accepted");
    assert_eq!(approval(without_token, "From:Subject:Date").await, "confirm");
}
