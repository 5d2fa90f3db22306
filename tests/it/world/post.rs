//! The mail's way between patchbot and its people: handed over in memory, or through real servers.
//!
//! `PATCHBOT_STORIES_MAIL=lab` tells every story by real mail: notices leave by SMTP, with TLS and a login, people's mailboxes
//! are read on Dovecot, answers are signed with DKIM and come in by Postfix, IMAP and the name server's word about their sender.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use patchbot::app::App;
use patchbot::config::secret::Secret;
use patchbot::domain::person::Address;
use patchbot::mail::auth::{AuthSettings, Authenticator};
use patchbot::mail::compose::Composed;
use patchbot::mail::connect::{Place, Security};
use patchbot::mail::fetch::{After, ImapSettings, Mailbox, RENEW, Session};
use patchbot::mail::ours::Ours;
use patchbot::mail::send::{Mailer, Smtp, SmtpSettings};
use patchbot::work::inbox::accept;
use patchbot_lab::{DOMAINS, Dns, Lab, Letter, Mail, Message, PASSWORD, Signature};

use super::BOT;

const PATIENCE: Duration = Duration::from_secs(60);

/// Where bounces arrive: beside the mailbox that answers arrive in, as many servers have it.
const BOUNCES: &str = "patchbot-bounce@patchbot.test";

/// Real servers between patchbot and its people.
pub(crate) struct Post {
    pub(super) mail: Mail,
    dns: Dns,
    boxes: Vec<Postbox>,
    /// Servers come and go in this story: mails may lie in a queue, and the login that Dovecot checks may be away.
    pub(super) restless: bool,
    /// The mails that people have in their mailboxes, so far looked at.
    seen: HashSet<(String, String)>,
    /// Signatures made so far: who sends a mail twice sends the same bytes twice.
    signed: HashMap<Vec<u8>, Vec<u8>>,
    _lab: Lab,
}

/// One of our mailboxes, and the connection to it while it lasts.
struct Postbox {
    name: &'static str,
    mailbox: Mailbox,
    session: Option<Session>,
}

impl Post {
    /// Starts servers when the stories are to be told by real mail.
    pub(super) async fn wanted() -> Option<Self> {
        match std::env::var("PATCHBOT_STORIES_MAIL").as_deref() {
            Ok("lab") => Some(Self::start().await),
            _ => None,
        }
    }

    /// Starts servers.
    pub(super) async fn start() -> Self {
        let lab = Lab::start().await.unwrap();
        let (dns, mail) = tokio::try_join!(lab.dns(), lab.mail()).unwrap();
        let mut boxes = Vec::new();
        for (name, user) in [("INBOX", BOT), ("bounces/INBOX", BOUNCES)] {
            let settings = ImapSettings {
                place: place(mail.imap(), &mail, PATIENCE),
                user: user.to_owned(),
                password: Secret::new(PASSWORD),
                folder: "INBOX".to_owned(),
                after: After::MarkSeen,
                poll: PATIENCE,
                renew: RENEW,
                timeout: PATIENCE,
            };
            let mailbox = Mailbox::new(settings, None).unwrap();
            boxes.push(Postbox { name, mailbox, session: None });
        }
        Self { mail, dns, boxes, restless: false, seen: HashSet::new(), signed: HashMap::new(), _lab: lab }
    }

    /// How notices leave.
    pub(super) fn mailer(&self) -> Mailer {
        let (address, login) = match self.restless {
            true => (self.mail.relay(), None),
            false => (self.mail.submission(), Some((BOT.to_owned(), Secret::new(PASSWORD)))),
        };
        let settings = SmtpSettings {
            place: place(address, &self.mail, PATIENCE),
            login,
            hello: "patchbot.test".to_owned(),
            connections: 2,
            timeout: PATIENCE,
        };
        Mailer::Smtp(Arc::new(Smtp::new(settings).unwrap()))
    }

    /// Whom to ask about senders.
    pub(super) fn authenticator(&self) -> Authenticator {
        let settings = AuthSettings {
            resolver: Some(self.dns.address()),
            timeout: Duration::from_secs(2),
            authserv_ids: Vec::new(),
            trusted_domains: Vec::new(),
        };
        Authenticator::new(settings).unwrap()
    }

    /// The mails that have come into people's mailboxes since the last look; `sent` have left in all.
    pub(super) async fn delivered(&mut self, people: &[String], sent: usize) -> Vec<Composed> {
        let begin = Instant::now();
        let mut new = Vec::new();
        loop {
            for person in people {
                for message in self.mail.mailbox(person).messages().unwrap() {
                    let id = message.header("Message-ID").unwrap();
                    let ours = message.header("X-Patchbot-Notice").is_some();
                    if ours && self.seen.insert((person.clone(), id)) {
                        new.push(taken_out(person, &message));
                    }
                }
            }
            if self.seen.len() >= sent || self.restless {
                assert!(self.seen.len() <= sent, "more mails arrived than left");
                new.sort_by_key(|mail| mail.id);
                return new;
            }
            assert!(
                begin.elapsed() < PATIENCE,
                "{} of {sent} mails arrived; {}",
                self.seen.len(),
                self.mail.postfix_says()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Sends a mail as its sender's server would, and fetches it as patchbot does.
    pub(super) async fn send(&mut self, app: &App, raw: &[u8]) {
        self.hand_in(app, raw).await.unwrap();
        let begin = Instant::now();
        while self.fetch(app).await == 0 {
            assert!(begin.elapsed() < PATIENCE, "the mail did not arrive");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Sends a mail as its sender's server would; the error says that our server does not take it now.
    pub(super) async fn hand_in(&mut self, app: &App, raw: &[u8]) -> anyhow::Result<()> {
        let (envelope, signed) = self.as_sent(raw, app.now()).await;
        self.mail.deliver(&envelope, &[envelope_recipient(raw)], &signed).await
    }

    /// Fetches what has arrived, over a new connection where the old one is gone; how many mails came.
    pub(super) async fn fetch(&mut self, app: &App) -> usize {
        let mut count = 0;
        for postbox in &mut self.boxes {
            let session = match postbox.session.take() {
                Some(session) => Ok(session),
                None => postbox.mailbox.connect().await,
            };
            let Ok(mut session) = session else { continue };
            let name = postbox.name;
            let kept =
                |arrived| async move { accept(app, name, arrived).await.map_err(|error| error.to_string()) };
            if let Ok(came) = postbox.mailbox.fetch_new(&mut session, kept).await {
                count += came;
                postbox.session = Some(session);
            }
        }
        count
    }

    /// Mails in people's mailboxes that are there twice.
    pub(super) fn doubled(&self, people: &[&str]) -> Vec<String> {
        let mut ids: Vec<String> = people
            .iter()
            .flat_map(|person| self.mail.mailbox(person).messages().unwrap())
            .filter_map(|message| message.header("Message-ID"))
            .collect();
        ids.sort();
        let doubled = ids.windows(2).filter(|two| two[0] == two[1]).map(|two| two[0].clone());
        doubled.collect()
    }

    /// The envelope's sender, and the mail with its domain's signature where the domain signs.
    async fn as_sent(&mut self, raw: &[u8], at: DateTime<Utc>) -> (String, Vec<u8>) {
        // What a server on the way adds is not signed.
        let begins = |prefix: &[u8]| raw.starts_with(prefix);
        let first_line = raw.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let added = if begins(b"Received:") || begins(b"Return-Path:") { first_line } else { 0 };
        let (added, own) = raw.split_at(added);
        // A mail that must not be answered has no sender on its envelope; the receiving server writes that down.
        let bounces = String::from_utf8_lossy(raw).contains("Return-Path: <>\r\n");
        let parsed = mail_parser::MessageParser::new().parse(own);
        let from = parsed.as_ref().and_then(|mail| mail.from()).and_then(|from| from.first());
        let from = from.and_then(|from| from.address()).unwrap_or("nobody@stranger.test").to_owned();
        let domain = from.rsplit_once('@').map_or("", |(_, domain)| domain).to_owned();
        let envelope = if bounces { String::new() } else { from };
        if !DOMAINS.contains(&domain.as_str()) {
            return (envelope, raw.to_vec());
        }
        if !self.signed.contains_key(own) {
            let letter = Letter::new(&envelope, BOT, at).raw(own).signed_by(Signature::of(&domain));
            let signed = self.mail.sign(&letter).await.unwrap();
            self.signed.insert(own.to_vec(), signed);
        }
        (envelope, [added, self.signed[own].as_slice()].concat())
    }
}

/// Where a server of the lab's mail listens.
pub(crate) fn place(address: SocketAddr, mail: &Mail, timeout: Duration) -> Place {
    Place {
        host: address.ip().to_string(),
        port: address.port(),
        security: Security::Starttls,
        ca_file: Some(mail.authority()),
        timeout,
    }
}

/// The first recipient that is ours.
fn envelope_recipient(raw: &[u8]) -> String {
    let ours = Ours::new(Address::parse(BOT).unwrap());
    let parsed = mail_parser::MessageParser::new().parse(raw);
    let to = parsed
        .as_ref()
        .and_then(|mail| mail.to())
        .map(|to| to.iter().filter_map(|to| to.address()).find(|to| ours.is_ours(to)).map(str::to_owned));
    to.flatten().unwrap_or_else(|| BOT.to_owned())
}

/// A mail as it lies in somebody's mailbox.
fn taken_out(person: &str, message: &Message) -> Composed {
    Composed {
        id: patchbot::domain::ids::NoticeId(message.header("X-Patchbot-Notice").unwrap().parse().unwrap()),
        from: message.header("Return-Path").unwrap_or_default(),
        to: person.to_owned(),
        message_id: message.header("Message-ID").unwrap(),
        raw: message.raw.clone(),
    }
}
