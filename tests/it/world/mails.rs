//! Mails as people read and answer them: the real composition, the real reading; the proof of the sender is told apart.

use patchbot::app::reply::{Reply, Unheeded};
use patchbot::domain::person::Address;
use patchbot::mail::compose::Composed;
use patchbot::mail::ours::Ours;
use patchbot::mail::reading::{Reading, reading};
use patchbot::store::records::{Claim, NewMail};

use super::{BOT, World, mail_of};

/// A mail that somebody got.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    reply_to: String,
    message_id: String,
}

impl Mail {
    fn of(composed: &Composed) -> Self {
        let parsed = mail_parser::MessageParser::new().parse(&composed.raw).unwrap();
        let reply_to = parsed.reply_to().and_then(|list| list.first()).and_then(|address| address.address());
        Self {
            to: composed.to.clone(),
            subject: parsed.subject().unwrap().to_owned(),
            text: parsed.body_text(0).unwrap().replace("\r\n", "\n").trim().to_owned(),
            reply_to: reply_to.unwrap_or(BOT).to_owned(),
            message_id: composed.message_id.clone(),
        }
    }

    /// `ada@owners.test: 2027-Q1: …`, without the token.
    pub(crate) fn headline(&self) -> String {
        format!("{}: {}", self.to, without_token(&self.subject))
    }

    /// What a person sees, without the token, which is another one each time.
    pub(crate) fn shown(&self) -> String {
        format!("Subject: {}\n\n{}", without_token(&self.subject), self.text)
    }
}

fn without_token(subject: &str) -> String {
    subject.split(" [#").next().unwrap().to_owned()
}

/// How a mail came to us.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) from: String,
    pub(crate) subject: String,
    pub(crate) to: String,
    pub(crate) answers: Option<String>,
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

impl Letter {
    /// An answer as mail programs make it: the words above the quoted notice.
    pub(crate) fn answering(mail: &Mail, from: &str, words: &str) -> Self {
        let quoted: String = mail.text.lines().map(|line| format!("> {line}\r\n")).collect();
        Self {
            from: mail_of(from),
            subject: format!("Re: {}", mail.subject),
            to: mail.reply_to.clone(),
            answers: Some(mail.message_id.clone()),
            headers: Vec::new(),
            body: format!(
                "{words}\r\n\r\nOn Tue, Nov 24, 2026 at 9:00 AM patchbot <{BOT}> wrote:\r\n\r\n{quoted}"
            ),
        }
    }

    fn raw(&self, number: usize) -> Vec<u8> {
        let answers = self
            .answers
            .as_ref()
            .map(|id| format!("In-Reply-To: {id}\r\nReferences: {id}\r\n"))
            .unwrap_or_default();
        let more: String = self.headers.iter().map(|header| format!("{header}\r\n")).collect();
        format!(
            "From: {}\r\nTo: {}\r\nSubject: {}\r\nDate: Tue, 24 Nov 2026 09:00:00 +0100\r\nMessage-ID: <{number}@owners.test>\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n{answers}{more}\r\n{}",
            self.from, self.to, self.subject, self.body
        )
        .into_bytes()
    }
}

impl World {
    /// Mails nobody has looked at yet.
    pub(crate) fn unread(&self) -> Vec<Mail> {
        self.sent.lock().unwrap().iter().skip(self.read).map(Mail::of).collect()
    }

    /// The headlines of all mails since the last look.
    pub(crate) fn mails(&mut self) -> Vec<String> {
        let mails = self.unread();
        self.read += mails.len();
        let mut lines: Vec<String> = mails.iter().map(Mail::headline).collect();
        // Two connections deliver at the same time.
        lines.sort();
        lines
    }

    /// The one mail to somebody since the last look, which must be there; mails to others count as looked at.
    pub(crate) fn mail_to(&mut self, who: &str) -> Mail {
        let mails = self.unread();
        self.read += mails.len();
        let mut mine = mails.iter().filter(|mail| mail.to == mail_of(who));
        let (Some(mail), None) = (mine.next(), mine.next()) else {
            panic!(
                "not exactly one mail to {who}: {:?}",
                mails.iter().map(Mail::headline).collect::<Vec<_>>()
            );
        };
        mail.clone()
    }

    /// Somebody answers a mail; the sender is proven. What became of it.
    pub(crate) async fn replies(&mut self, who: &str, mail: &Mail, words: &str) -> &'static str {
        self.receives(&Letter::answering(mail, who, words)).await
    }

    /// A mail comes in whose sender is proven. What became of it.
    pub(crate) async fn receives(&mut self, letter: &Letter) -> &'static str {
        let now = self.app.now();
        let number = self.app.ids.next().as_u128() as usize;
        let raw = letter.raw(number);
        let id = self.app.inbox_id();
        let mut tx = self.app.store.begin().await.unwrap();
        let hash = number.to_string();
        let message_id = format!("<{number}@owners.test>");
        let new = NewMail {
            id,
            mailbox: "INBOX",
            uidvalidity: 1,
            uid: i64::try_from(number % (1 << 40)).unwrap(),
            message_id: Some(&message_id),
            hash: &hash,
            raw: &raw,
            received_at: now,
            set_aside: None,
        };
        assert!(tx.accept_mail(&new).await.unwrap());
        let claim = Claim { owner: "world", now, until: now + chrono::TimeDelta::minutes(1), most: 1 };
        let kept = tx.claim_mail(&claim).await.unwrap().remove(0);
        tx.commit().await.unwrap();
        let outcome = match reading(&kept.raw, &Ours::new(Address::parse(BOT).unwrap())) {
            Reading::Dropped(dropped) => {
                let unheeded =
                    Unheeded { outcome: "ignored", reason: dropped.name().to_owned(), sender: None };
                self.app.leave_unheeded(&kept, &unheeded).await.unwrap();
                "ignored"
            }
            Reading::Typed(typed) => {
                let doubt = typed.flags.iter().next().map(|flag| flag.sentence().to_owned());
                let reply = Reply {
                    from: typed.from,
                    token: typed.token.unwrap().map(|token| token.hash().as_str().to_owned()),
                    notices: typed.notices,
                    text: typed.text,
                    commands: typed.commands,
                    doubt,
                };
                self.app.handle_reply(&kept, &reply).await.unwrap()
            }
        };
        self.settle().await;
        outcome
    }
}
