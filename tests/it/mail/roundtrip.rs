//! The whole way: a notice goes out, its owner answers it, the answer is fetched, proven and understood.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use patchbot::config::secret::Secret;
use patchbot::domain::person::Address;
use patchbot::mail::auth::{AuthSettings, Authenticator, Proof, Trust};
use patchbot::mail::connect::{Place, Security};
use patchbot::mail::fetch::{After, Arrived, Content, ImapSettings, Mailbox, RENEW};
use patchbot::mail::ours::Ours;
use patchbot::mail::reading::{Reading, Typed, reading};
use patchbot::mail::send::{Smtp, SmtpSettings};
use patchbot::mail::token::Token;
use patchbot_lab::{Lab, Letter, PASSWORD, Plus};

use super::smtp::notice;

const PATIENCE: Duration = Duration::from_secs(20);
const BOT: &str = "bot@patchbot.test";

fn at() -> DateTime<Utc> {
    "2026-12-03T10:00:00Z".parse().unwrap()
}

#[tokio::test]
async fn an_answer_to_a_notice_comes_back_proven_and_understood() {
    let lab = Lab::start().await.unwrap();
    let (dns, mut mail) = tokio::try_join!(lab.dns(), lab.mail()).unwrap();
    let place = |address: std::net::SocketAddr| Place {
        host: address.ip().to_string(),
        port: address.port(),
        security: Security::Starttls,
        ca_file: Some(mail.authority()),
        timeout: PATIENCE,
    };
    let login = (BOT.to_owned(), Secret::new(PASSWORD));
    let settings = SmtpSettings {
        place: place(mail.submission()),
        login: Some(login.clone()),
        hello: "patchbot.test".to_owned(),
        connections: 1,
        timeout: PATIENCE,
    };
    let inbox = ImapSettings {
        place: place(mail.imap()),
        user: login.0,
        password: login.1,
        folder: "INBOX".to_owned(),
        after: After::MarkSeen,
        poll: PATIENCE,
        renew: RENEW,
        timeout: PATIENCE,
    };
    let ours = Ours::new(Address::parse(BOT).unwrap());
    let token = Token::new(*b"twenty random bytes!");
    Smtp::new(settings).unwrap().send(&notice("approval_request", 9, &token)).await.unwrap();
    let received = mail.wait_for("ada@owners.test", 1, PATIENCE).await.unwrap().remove(0);
    let subject = received.header("Subject").unwrap();

    mail.set_plus(Plus::Stripped).await.unwrap();
    let answer = Letter::new("ada@owners.test", BOT, at())
        .subject(&format!("Re: {subject}"))
        .answers(&received.header("Message-ID").unwrap())
        .text("approve 1; 2 no: release\n\nOn Thu, Dec 3, 2026 at 9:00 AM patchbot <bot@patchbot.test> wrote:\n> Hello Ada,\n> approve all");
    mail.send(&answer.clone().signed()).await.unwrap();
    mail.send(
        &answer
            .envelope_from("eve@stranger.test")
            .subject("Re: forged")
            .header("Message-ID", "<2@owners.test>"),
    )
    .await
    .unwrap();

    let kept: Arc<Mutex<Vec<Arrived>>> = Arc::default();
    let mut mailbox = Mailbox::new(inbox, None).unwrap();
    let mut session = mailbox.connect().await.unwrap();
    while kept.lock().unwrap().len() < 2 {
        let keep = |arrived| {
            kept.lock().unwrap().push(arrived);
            std::future::ready(Ok(()))
        };
        mailbox.fetch_new(&mut session, keep).await.unwrap();
        if kept.lock().unwrap().len() < 2 {
            session = mailbox.wait(session).await.unwrap();
        }
    }
    let authenticator = Authenticator::new(AuthSettings {
        resolver: Some(dns.address()),
        timeout: Duration::from_secs(2),
        authserv_ids: Vec::new(),
        trusted_domains: Vec::new(),
    })
    .unwrap();
    let arrived = kept.lock().unwrap().clone();
    let mut outcomes: Vec<(Typed, Trust)> = Vec::new();
    for arrived in &arrived {
        let Content::Whole(raw) = &arrived.content else { panic!("{arrived:?}") };
        let Reading::Typed(typed) = reading(raw, &ours) else { panic!("{:?}", reading(raw, &ours)) };
        outcomes.push((*typed, authenticator.check(raw, at()).await));
    }
    // The two letters may overtake each other on their way.
    outcomes.sort_by_key(|(typed, _)| typed.subject == "Re: forged");
    let (genuine, trust) = &outcomes[0];
    assert!(
        matches!(trust, Trust::Authenticated { by: Proof::Signature { domain, .. }, .. } if domain == "owners.test"),
        "{trust:?}"
    );
    assert_eq!(genuine.token, Ok(Some(token)), "the subject carries it, whatever becomes of the address");
    assert_eq!(genuine.notices.len(), 1);
    let commands: Vec<String> = genuine.plain_commands().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(commands, ["approve 1", "decline 2 because \"release\""]);
    assert_eq!(genuine.doubt(), None);
    let (_, trust) = &outcomes[1];
    assert!(matches!(trust, Trust::Unauthenticated(_)), "{trust:?}");
}
