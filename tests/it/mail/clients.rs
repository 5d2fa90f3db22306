//! Mail programs that are not ours answer notices, their owners' server signs, and the answer is proven and understood.

use std::time::Duration;

use chrono::Utc;
use patchbot::domain::person::Address;
use patchbot::mail::auth::{AuthSettings, Authenticator, Proof, Trust};
use patchbot::mail::ours::Ours;
use patchbot::mail::reading::{Reading, reading};
use patchbot::mail::send::Smtp;
use patchbot::mail::token::Token;
use patchbot_lab::{Client, Lab, calendars};

use super::smtp::{notice, plain_to};

const PATIENCE: Duration = Duration::from_secs(20);
const BOT: &str = "bot@patchbot.test";

#[tokio::test]
async fn swaks_mutt_and_s_nail_answer_a_notice_and_are_understood() {
    let lab = Lab::start().await.unwrap();
    let (dns, mut mail) = tokio::try_join!(lab.dns(), lab.mail()).unwrap();
    let token = Token::new(*b"twenty random bytes!");
    let smtp = Smtp::new(plain_to(mail.relay())).unwrap();
    smtp.send(&notice("approval_request", 9, &token)).await.unwrap();
    let received = mail.wait_for("ada@owners.test", 1, PATIENCE).await.unwrap().remove(0);
    let authenticator = Authenticator::new(AuthSettings {
        resolver: Some(dns.address()),
        timeout: Duration::from_secs(2),
        authserv_ids: Vec::new(),
        trusted_domains: Vec::new(),
    })
    .unwrap();
    let ours = Ours::new(Address::parse(BOT).unwrap());
    for (number, client) in [Client::Swaks, Client::Mutt, Client::SNail].into_iter().enumerate() {
        mail.answer_with(client, "ada@owners.test", &received, "1 ok; 2 no: release").await.unwrap();
        let answer = mail.wait_for(BOT, number + 1, PATIENCE).await.unwrap().pop().unwrap();
        let shown = String::from_utf8_lossy(&answer.raw).into_owned();
        let trust = authenticator.check(&answer.raw, Utc::now()).await;
        assert!(
            matches!(&trust, Trust::Authenticated { by: Proof::Signature { domain, .. }, .. } if domain == "owners.test"),
            "{client:?}: {trust:?}\n{shown}"
        );
        let Reading::Typed(typed) = reading(&answer.raw, &ours) else { panic!("{client:?}\n{shown}") };
        assert_eq!(typed.token, Ok(Some(token.clone())), "{client:?}\n{shown}");
        assert_eq!(typed.notices.len(), 1, "{client:?} names what it answers\n{shown}");
        assert_eq!(typed.doubt(), None, "{client:?}\n{shown}");
        let commands: Vec<String> = typed.commands.unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(commands, ["approve 1", "decline 2 because \"release\""], "{client:?}\n{shown}");
    }
}

#[tokio::test]
async fn calendar_programs_read_the_entry_of_a_notice_as_it_was_meant() {
    let lab = Lab::start().await.unwrap();
    let mail = lab.mail().await.unwrap();
    let smtp = Smtp::new(plain_to(mail.relay())).unwrap();
    let token = Token::new(*b"twenty random bytes!");
    let samples =
        ["daily_reminder", "decision-moved", "decisions", "decision-declined", "transcript-counter"];
    for (id, sample) in (1..).zip(samples) {
        smtp.send(&notice(sample, id, &token)).await.unwrap();
    }
    let received = mail.wait_for("ada@owners.test", samples.len(), PATIENCE).await.unwrap();
    let mut read = Vec::new();
    for message in &received {
        read.extend(calendars(message).await.unwrap());
    }
    insta::assert_snapshot!(read.join("\n"));
}
