//! Mails as people read and answer them: the real composition, the real reading; the proof of the sender is told apart.

use patchbot::mail::compose::Composed;
use patchbot::mail::fetch::{Arrived, Content};
use patchbot::work::inbox::accept;

use super::{BOT, World, mail_of};

/// A mail that somebody got.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) raw: Vec<u8>,
    reply_to: String,
    pub(crate) message_id: String,
}

impl Mail {
    fn of(composed: &Composed) -> Self {
        let parsed = mail_parser::MessageParser::new().parse(&composed.raw).unwrap();
        let reply_to = parsed.reply_to().and_then(|list| list.first()).and_then(|address| address.address());
        Self {
            to: composed.to.clone(),
            subject: parsed.subject().unwrap().to_owned(),
            text: parsed.body_text(0).unwrap().replace("\r\n", "\n").trim().to_owned(),
            raw: composed.raw.clone(),
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

    /// The same as our own mail server hands it on: it has found a signature, made now, over these fields.
    pub(crate) fn checked(&self, world: &World, covers: &str, number: usize) -> Vec<u8> {
        let signed = format!(
            "Authentication-Results: mx.patchbot.test; dkim=pass header.d=owners.test; dmarc=pass\r\n\
             DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=owners.test; s=s1; t={}; h={covers}; bh=AAAA; b={number:08}\r\n",
            world.app.now().timestamp()
        );
        [signed.as_bytes(), &self.raw(number)].concat()
    }

    pub(crate) fn raw(&self, number: usize) -> Vec<u8> {
        let answers = self
            .answers
            .as_ref()
            .map(|id| format!("In-Reply-To: {id}\r\nReferences: {id}\r\n"))
            .unwrap_or_default();
        let more: String = self.headers.iter().map(|header| format!("{header}\r\n")).collect();
        let kind = "Content-Type: text/plain; charset=utf-8\r\n";
        let kind = if more.contains("Content-Type: ") { "" } else { kind };
        format!(
            "From: {}\r\nTo: {}\r\nSubject: {}\r\nDate: Tue, 24 Nov 2026 09:00:00 +0100\r\nMessage-ID: <{number}@owners.test>\r\n\
             MIME-Version: 1.0\r\n{kind}Content-Transfer-Encoding: 8bit\r\n{answers}{more}\r\n{}",
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
    pub(crate) async fn replies(&mut self, who: &str, mail: &Mail, words: &str) -> String {
        self.receives(&Letter::answering(mail, who, words)).await
    }

    /// A mail comes in; senders of owners.test are proven. What became of it.
    pub(crate) async fn receives(&mut self, letter: &Letter) -> String {
        let number = self.app.ids.next().as_u128() as usize;
        self.receives_raw(&letter.raw(number)).await
    }

    /// A mail comes in as it is. What became of it.
    pub(crate) async fn receives_raw(&mut self, raw: &[u8]) -> String {
        self.arrives(raw).await;
        self.reader.tick().await.unwrap();
        let mails = self.app.store.read().await.unwrap().latest_mail(1).await.unwrap();
        self.settle().await;
        mails.into_iter().next().unwrap().outcome
    }

    /// Somebody hands a mail in, and his server keeps it when ours does not take it; whether it was taken.
    pub(crate) async fn is_handed_in(&mut self, letter: &Letter, number: usize) -> bool {
        let raw = letter.raw(number);
        self.post.as_mut().unwrap().hand_in(&self.app, &raw).await.is_ok()
    }

    /// Fetches and reads what has arrived; how many mails came.
    pub(crate) async fn reads_its_mail(&mut self) -> usize {
        let came = self.post.as_mut().unwrap().fetch(&self.app).await;
        self.reader.tick().await.unwrap();
        self.settle().await;
        came
    }

    /// The mail servers of a world by real mail.
    pub(crate) fn servers(&mut self) -> &mut patchbot_lab::Mail {
        &mut self.post.as_mut().unwrap().mail
    }

    /// From now on servers come and go.
    pub(crate) fn gets_restless(&mut self) {
        self.post.as_mut().unwrap().restless = true;
    }

    /// From now on the servers stay, and whatever lies in a queue is waited for.
    pub(crate) async fn calms_down(&mut self) {
        self.post.as_mut().unwrap().restless = false;
        self.settle().await;
    }

    /// Mails that somebody got twice.
    pub(crate) fn doubled(&self, people: &[&str]) -> Vec<String> {
        self.post.as_ref().unwrap().doubled(people)
    }

    /// How every mail that came in ended, the newest first.
    pub(crate) async fn outcomes(&self) -> Vec<String> {
        let mails = self.app.store.read().await.unwrap().latest_mail(10_000).await.unwrap();
        mails.into_iter().map(|mail| mail.outcome).collect()
    }

    /// A mail comes in and is kept; it is not read yet.
    pub(crate) async fn arrives(&mut self, raw: &[u8]) {
        if let Some(post) = &mut self.post {
            return post.send(&self.app, raw).await;
        }
        self.uid += 1;
        let arrived = Arrived { validity: 1, uid: self.uid, content: Content::Whole(raw.to_vec()) };
        accept(&self.app, "INBOX", arrived).await.unwrap();
    }

    /// Why the last mail ended as it did.
    pub(crate) async fn why(&self) -> String {
        let mails = self.app.store.read().await.unwrap().latest_mail(1).await.unwrap();
        let last = mails.into_iter().next().unwrap();
        format!("{}: {}", last.stage.unwrap().as_str(), last.reason.unwrap())
    }
}
