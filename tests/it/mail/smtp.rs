//! Notices leave over SMTP: through a real Postfix, and through servers that break at every place.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use patchbot::config::secret::Secret;
use patchbot::domain::ids::NoticeId;
use patchbot::domain::person::Address;
use patchbot::mail::calendar::entries;
use patchbot::mail::compose::{Composed, Letter, compose};
use patchbot::mail::connect::{Place, Security};
use patchbot::mail::ours::Ours;
use patchbot::mail::send::{Mailer, SendError, Smtp, SmtpSettings};
use patchbot::mail::token::Token;
use patchbot::render::{Footing, Renderer, ReplyTo, samples};
use patchbot::work::outbox::{Outbox, Postman};
use patchbot_lab::{Lab, PASSWORD};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(20);

fn at() -> DateTime<Utc> {
    "2026-11-30T08:00:00Z".parse().unwrap()
}

/// A sample's notice as a message from the lab's patchbot to Ada.
pub(super) fn notice(sample: &str, id: u128, token: &Token) -> Composed {
    let ours = Ours::new(Address::parse("bot@patchbot.test").unwrap());
    let sample = samples().into_iter().find(|known| known.name == sample).unwrap();
    let reply = ReplyTo { address: ours.reply_address(token), tag: token.tag() };
    let footing = Footing { reply: Some(reply), ..sample.footing };
    let rendered = Renderer::new(None).unwrap().render(&sample.notice, &footing).unwrap();
    let to = Address::parse("ada@owners.test").unwrap();
    let entries = entries(&sample.notice, &ours, &to, at());
    let letter = Letter {
        id: NoticeId(Uuid::from_u128(id)),
        notice: &sample.notice,
        rendered: &rendered,
        to: &to,
        to_name: Some("Ada Example"),
        token: Some(token),
        in_reply_to: None,
        entries: &entries,
        signer: None,
        at: at(),
    };
    compose(&letter, &ours, "patchbot").unwrap()
}

pub(super) fn plain_to(address: SocketAddr) -> SmtpSettings {
    let place = Place {
        host: address.ip().to_string(),
        port: address.port(),
        security: Security::None,
        ca_file: None,
        timeout: Duration::from_secs(6),
    };
    SmtpSettings {
        place,
        login: None,
        hello: "patchbot.test".to_owned(),
        connections: 2,
        timeout: Duration::from_secs(8),
    }
}

#[tokio::test]
async fn a_notice_goes_through_postfix_with_a_checked_certificate_and_a_login() {
    let lab = Lab::start().await.unwrap();
    let mut mail = lab.mail().await.unwrap();
    let submission = mail.submission();
    let mut settings = plain_to(submission);
    settings.place.security = Security::Starttls;
    settings.place.ca_file = Some(mail.authority());
    settings.login = Some(("bot@patchbot.test".to_owned(), Secret::new(PASSWORD)));
    settings.timeout = PATIENCE;
    let smtp = Smtp::new(settings.clone()).unwrap();
    assert!(smtp.check().await.unwrap().contains("mail."));

    let token = Token::new([7; 20]);
    let answer = smtp.send(&notice("daily_reminder", 1, &token)).await.unwrap().answer;
    assert!(answer.contains("queued"), "{answer}");
    smtp.send(&notice("monthly_notice", 2, &token)).await.unwrap();
    let messages = mail.wait_for("ada@owners.test", 2, PATIENCE).await.unwrap();
    let first = messages.first().unwrap();
    assert!(
        first
            .header("Return-Path")
            .unwrap()
            .contains("bot-bounce+00000000000000000000000000000001@patchbot.test")
    );
    assert!(String::from_utf8_lossy(&first.raw).contains("method=REQUEST"));

    let direct = Smtp::new(SmtpSettings { timeout: PATIENCE, ..plain_to(mail.mx()) }).unwrap();
    mail.refuse("ada@owners.test", "550 5.1.1 nobody here").await.unwrap();
    let refused = direct.send(&notice("missed", 3, &token)).await;
    assert!(matches!(&refused, Err(SendError::Permanent(why)) if why.contains("nobody here")), "{refused:?}");
    mail.refuse("ada@owners.test", "450 4.2.0 try later").await.unwrap();
    let refused = direct.send(&notice("missed", 3, &token)).await;
    assert!(matches!(&refused, Err(SendError::Transient(why)) if why.contains("try later")), "{refused:?}");
    mail.accept("ada@owners.test").await.unwrap();
    direct.send(&notice("missed", 3, &token)).await.unwrap();

    // A connection that waited is gone when the server was restarted; the mail goes all the same.
    mail.stop_postfix().await.unwrap();
    let gone = smtp.send(&notice("starting", 4, &token)).await;
    assert!(matches!(gone, Err(SendError::Transient(_))), "{gone:?}");
    mail.start_postfix().await.unwrap();
    smtp.send(&notice("starting", 4, &token)).await.unwrap();
    mail.wait_for("ada@owners.test", 4, PATIENCE).await.unwrap();

    settings.login = Some(("bot@patchbot.test".to_owned(), Secret::new("wrong")));
    let refused = Smtp::new(settings.clone()).unwrap().check().await.unwrap_err().to_string();
    assert!(refused.contains("does not let bot@patchbot.test in") && !refused.contains("wrong"), "{refused}");
    settings.place.ca_file = None;
    let strange = Smtp::new(settings.clone()).unwrap().check().await.unwrap_err().to_string();
    assert!(strange.contains("could not prove who it is"), "{strange}");
    settings.place.host = "192.0.2.1".to_owned();
    settings.place.security = Security::None;
    settings.place.timeout = Duration::from_millis(50);
    let nowhere = Smtp::new(settings).unwrap().check().await.unwrap_err().to_string();
    assert!(nowhere.contains("192.0.2.1"), "{nowhere}");
}

/// What a server answers to a command; `None` hangs up, an empty answer says nothing.
type Script = &'static [(&'static str, Option<&'static str>)];

/// A server that answers line by line from a script, and perhaps offers to be told several lines at once.
async fn scripted(script: Script, pipelining: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let mut expected = "greeting".to_owned();
                loop {
                    let found = script.iter().find(|(command, _)| expected.starts_with(command));
                    let fine = match expected.get(..4) {
                        Some("ehlo") if pipelining => "250-fine\r\n250 PIPELINING",
                        _ => "250 fine",
                    };
                    match found.map_or(Some(fine), |(_, answer)| *answer) {
                        None => return,
                        Some("") => {}
                        Some(answer) => {
                            if stream.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
                                return;
                            }
                        }
                    }
                    let content = expected.starts_with("data");
                    loop {
                        expected.clear();
                        if stream.read_line(&mut expected).await.unwrap_or(0) == 0 {
                            return;
                        }
                        if !content || expected == ".\r\n" {
                            break;
                        }
                    }
                    expected = if content { "content".to_owned() } else { expected.to_lowercase() };
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn what_breaks_is_told_apart_by_whether_the_mail_may_have_arrived() {
    let cases: &[(Script, &str)] = &[
        (&[("greeting", Some("220 hi")), ("data", Some("354 go"))], "accepted"),
        (&[("greeting", Some("220 hi")), ("rcpt", Some("550 5.1.1 nobody"))], "permanent"),
        (&[("greeting", Some("220 hi")), ("rcpt", Some("452 4.2.2 full"))], "transient"),
        (
            &[("greeting", Some("220 hi")), ("rcpt", Some("550 5.1.1 nobody")), ("data", Some("354 go"))],
            "permanent",
        ),
        (&[("greeting", Some("220 hi")), ("mail", Some("553 5.7.1 not you"))], "permanent"),
        (&[("greeting", Some("220 hi")), ("mail", None)], "transient"),
        (&[("greeting", Some("220 hi")), ("data", Some("451 4.3.0 later"))], "transient"),
        (
            &[("greeting", Some("220 hi")), ("data", Some("354 go")), ("content", Some("554 5.7.1 spam"))],
            "permanent",
        ),
        (
            &[("greeting", Some("220 hi")), ("data", Some("354 go")), ("content", Some("451 4.7.1 later"))],
            "transient",
        ),
        (&[("greeting", Some("220 hi")), ("data", Some("354 go")), ("content", None)], "ambiguous"),
        (&[("greeting", Some("220 hi")), ("data", Some("354 go")), ("content", Some(""))], "ambiguous"),
        (&[("greeting", Some("220 hi")), ("data", Some("354 go")), ("content", Some("hello?"))], "ambiguous"),
        (&[("greeting", Some(""))], "transient"),
        (&[("greeting", Some("554 go away"))], "transient"),
        (&[("greeting", None)], "transient"),
    ];
    // Made once and before: the time of an answer runs on while it is made.
    let mail = notice("missed", 1, &Token::new([1; 20]));
    let mut trying = Vec::new();
    for ((script, wanted), pipelining) in cases.iter().flat_map(|case| [(case, false), (case, true)]) {
        let mail = mail.clone();
        trying.push(tokio::spawn(async move {
            let smtp = Smtp::new(plain_to(scripted(script, pipelining).await)).unwrap();
            let outcome = match smtp.send(&mail).await {
                Ok(_) => "accepted".to_owned(),
                Err(SendError::Permanent(_)) => "permanent".to_owned(),
                Err(SendError::Transient(_)) => "transient".to_owned(),
                Err(SendError::Ambiguous(_)) => "ambiguous".to_owned(),
            };
            assert_eq!(outcome, *wanted, "{script:?}, pipelining: {pipelining}");
        }));
    }
    for try_ in trying {
        try_.await.unwrap();
    }
}

#[tokio::test]
async fn a_mail_that_is_never_confirmed_is_given_up_before_its_reader_has_many_copies() {
    let mut world = World::new("2026-11-24 09:00 Europe/Berlin").await.server("web01", "ada");
    world.mail_server(false).await;
    world.plan().await;
    let never: Script = &[("greeting", Some("220 hi")), ("data", Some("354 go")), ("content", None)];
    let postman = Postman {
        mailer: Mailer::Smtp(Arc::new(Smtp::new(plain_to(scripted(never, false).await)).unwrap())),
        renderer: Arc::new(Renderer::new(None).unwrap()),
        ours: Ours::new(Address::parse("patchbot@patchbot.test").unwrap()),
        name: "patchbot".to_owned(),
        contact: "olga@patchbot.test".to_owned(),
        signer: None,
    };
    let outbox = Outbox::mail(world.app.clone(), postman, "doubt".to_owned(), 1);
    for (time, state) in [(0, "waiting"), (1, "waiting"), (2, "parked")] {
        outbox.tick().await.unwrap();
        let mails = world.outbox(10).await;
        let mail = mails.iter().find(|mail| mail.contains("to ada@owners.test")).unwrap();
        assert!(mail.contains(&format!(": {state} (")), "attempt {time}: {mail}");
        assert_eq!(mail.contains("it may have arrived"), state == "parked", "{mail}");
        world.app.clock.set(world.app.now() + TimeDelta::hours(1));
    }
    let told = world.alert_lines().await.join("\n");
    assert!(told.contains("A mail to ada@owners.test cannot be delivered."), "{told}");
    assert!(told.contains("it may have arrived"), "{told}");
}

#[tokio::test]
async fn a_server_that_refuses_the_recipient_and_asks_for_the_message_is_told_nothing_more() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let smtp = Smtp::new(plain_to(listener.local_addr().unwrap())).unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut said = Vec::new();
        stream.write_all(b"220 hi\r\n").await.unwrap();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return said;
            }
            let answer = match line.get(..4).unwrap_or_default() {
                "EHLO" => "250-hi\r\n250 PIPELINING\r\n",
                "RCPT" => "550 5.1.1 nobody\r\n",
                "DATA" => "354 go\r\n",
                _ => "250 fine\r\n",
            };
            said.push(line.split([' ', '\r']).next().unwrap_or_default().to_owned());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let refused = smtp.send(&notice("missed", 1, &Token::new([1; 20]))).await;
    assert!(matches!(&refused, Err(SendError::Permanent(why)) if why.contains("nobody")), "{refused:?}");
    // Not even a farewell: it would be the message.
    assert_eq!(server.await.unwrap(), ["EHLO", "EHLO", "MAIL", "RCPT", "DATA"]);
}

#[tokio::test]
async fn words_smuggled_in_before_tls_are_found_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = plain_to(listener.local_addr().unwrap());
    settings.place.security = Security::Starttls;
    tokio::spawn(async move {
        for offer in ["250-hi\r\n250 STARTTLS\r\n", "250-hi\r\n250 8BITMIME\r\n"] {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            stream.write_all(b"220 hi\r\n").await.unwrap();
            stream.read_line(&mut line).await.unwrap();
            stream.write_all(offer.as_bytes()).await.unwrap();
            if stream.read_line(&mut line).await.unwrap_or(0) > 0 {
                let _ = stream.write_all(b"220 go\r\n250-smuggled\r\n250 AUTH PLAIN\r\n").await;
            }
        }
    });
    let smtp = Smtp::new(settings).unwrap();
    let injected = smtp.check().await.unwrap_err().to_string();
    assert!(injected.contains("answered before the connection was protected"), "{injected}");
    let offered = smtp.check().await.unwrap_err().to_string();
    assert!(offered.contains("does not offer STARTTLS"), "{offered}");
}

#[tokio::test]
async fn no_more_connections_are_open_than_allowed_and_each_is_used_again() {
    let lab = Lab::start().await.unwrap();
    let mail = lab.mail().await.unwrap();
    let mut settings = plain_to(mail.relay());
    settings.timeout = PATIENCE;
    let smtp = Arc::new(Smtp::new(settings).unwrap());
    let token = Token::new([7; 20]);
    let mut sending = Vec::new();
    for id in 1..=20 {
        let (smtp, notice) = (Arc::clone(&smtp), notice("missed", id, &token));
        sending.push(tokio::spawn(async move { smtp.send(&notice).await }));
    }
    for sent in sending {
        sent.await.unwrap().unwrap();
    }
    mail.wait_for("ada@owners.test", 20, PATIENCE).await.unwrap();
    let log = std::fs::read_to_string(lab.folder().join("mail/postfix.log")).unwrap();
    let connections =
        log.lines().filter(|line| line.contains("smtpd") && line.contains(": connect from")).count();
    // Postfix is greeted by the lab itself as well.
    assert!(connections <= 8, "{connections} connections\n{log}");
    smtp.close().await;
    assert!(matches!(smtp.send(&notice("missed", 1, &token)).await, Err(SendError::Transient(_))));
}
