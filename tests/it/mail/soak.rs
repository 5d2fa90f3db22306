//! A day of notices and replies while the mail servers are stopped or killed at any moment, and patchbot is killed as well:
//! nothing is lost, and nothing is doubled but what nobody could know about.
//!
//! The day passes in `PATCHBOT_SOAK_SECONDS` (40), and is another one with another `PATCHBOT_SOAK_SEED`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use patchbot::app::App;
use patchbot::app::handle::Request;
use patchbot::config::secret::Secret;
use patchbot::domain::answer::Channel;
use patchbot::domain::ids::NoticeId;
use patchbot::domain::inbound::Limits;
use patchbot::domain::person::{Address, Identity};
use patchbot::mail::auth::{AuthSettings, Authenticator};
use patchbot::mail::compose::Composed;
use patchbot::mail::fetch::{After, ImapSettings, Mailbox, RENEW};
use patchbot::mail::ours::Ours;
use patchbot::mail::send::{Mailer, SendError, Smtp, SmtpSettings};
use patchbot::render::Renderer;
use patchbot::work::inbox::{InboxReader, accept};
use patchbot::work::outbox::{Outbox, Postman};
use patchbot_lab::{Dns, Lab, Letter, Mail, PASSWORD};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::smtp::plain_to;
use crate::world::post::place;
use crate::world::{BOT, World};

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";
const OWNERS: [&str; 6] = ["ada", "bob", "carl", "dora", "emil", "fred"];
/// How long may be waited for what lies in a queue once the servers stay.
const PATIENCE: Duration = Duration::from_secs(120);

/// The same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % most
    }

    async fn wait(&mut self, from: u64, to: u64) {
        tokio::time::sleep(Duration::from_millis(from + self.below(to - from))).await;
    }
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

/// What the program logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// How often each notice was given away without anybody saying that it arrived: only those may arrive twice.
    fn doubtful(&self) -> BTreeMap<String, usize> {
        let log = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let mut found = BTreeMap::new();
        for line in log.lines().filter(|line| line.contains("handed over and not confirmed")) {
            let notice = line.split("notice=").nth(1).unwrap().split(' ').next().unwrap();
            *found.entry(notice.to_owned()).or_default() += 1;
        }
        found
    }
}

/// Mails that patchbot hands over at the same time.
const AT_ONCE: usize = 4;

/// What a process of patchbot holds in its memory.
struct Loops {
    outbox: Outbox,
    reader: InboxReader,
}

impl Loops {
    fn new(app: &App, submission: SmtpSettings, dns: SocketAddr) -> Self {
        let ours = Ours::new(Address::parse(BOT).unwrap());
        let postman = Postman {
            mailer: Mailer::Smtp(Arc::new(Smtp::new(submission).unwrap())),
            renderer: Arc::new(Renderer::new(None).unwrap()),
            ours: ours.clone(),
            name: "patchbot".to_owned(),
            contact: "olga@patchbot.test".to_owned(),
            signer: None,
        };
        let authenticator = Authenticator::new(AuthSettings {
            resolver: Some(dns),
            timeout: Duration::from_secs(5),
            authserv_ids: Vec::new(),
            trusted_domains: Vec::new(),
        });
        let limits = Limits { per_person: 1_000_000, per_hour: 1_000_000, guesses: 5 };
        Self {
            outbox: Outbox::mail(app.clone(), postman, "soak".to_owned(), AT_ONCE),
            reader: InboxReader::new(app.clone(), ours, authenticator.unwrap(), limits, "soak".to_owned()),
        }
    }

    async fn tick(&self) {
        self.outbox.tick().await.unwrap();
        self.reader.tick().await.unwrap();
    }
}

/// patchbot's loops, with the clock in hand.
struct Day {
    app: App,
    submission: SmtpSettings,
    dns: SocketAddr,
    loops: Loops,
    kills: usize,
    /// The owners' servers, and what they could not hand over yet.
    theirs: Smtp,
    waiting: Vec<Composed>,
    letters: Vec<Composed>,
    written: usize,
    ambiguous: usize,
    decisions: u64,
}

impl Day {
    fn new(app: &App, mail: &Mail, dns: &Dns, letters: Vec<Composed>) -> Self {
        Self {
            app: app.clone(),
            submission: submission(mail),
            dns: dns.address(),
            loops: Loops::new(app, submission(mail), dns.address()),
            kills: 0,
            theirs: Smtp::new(plain_to(mail.mx())).unwrap(),
            waiting: Vec::new(),
            letters,
            written: 0,
            ambiguous: 0,
            decisions: 0,
        }
    }

    /// The whole day, in so many seconds.
    async fn passes(&mut self, seconds: u64, mut dice: Dice) {
        let begin = Instant::now();
        let mut passed = Duration::ZERO;
        while passed < Duration::from_secs(seconds) {
            self.step(&mut dice).await;
            dice.wait(10, 60).await;
            let now = begin.elapsed();
            let ahead = TimeDelta::days(1).num_milliseconds() as u128 * (now - passed).as_millis();
            let ahead = TimeDelta::milliseconds((ahead / (u128::from(seconds) * 1000)) as i64);
            self.app.clock.set(self.app.now() + ahead);
            passed = now;
        }
    }

    /// Owners and patchbot say something, everything that waits is tried.
    async fn step(&mut self, dice: &mut Dice) {
        if dice.below(3) == 0 {
            let owner = dice.below(OWNERS.len() as u64);
            let words = ["approve", "withdraw"][(self.decisions % 2) as usize];
            self.says(OWNERS[owner as usize], &format!("{words} srv{owner}")).await;
            self.decisions += u64::from(dice.below(2) == 0);
        }
        if dice.below(2) == 0
            && let Some(letter) = self.letters.pop()
        {
            self.written += 1;
            self.waiting.push(letter);
        }
        self.hand_over().await;
        // One step in four ends in its midst, wherever that is.
        let patience = if dice.below(4) == 0 { dice.below(40) } else { u64::MAX };
        if timeout(Duration::from_millis(patience), self.loops.tick()).await.is_err() {
            self.is_killed().await;
        }
    }

    /// patchbot is gone with all that it had not written down, and comes back alone.
    async fn is_killed(&mut self) {
        self.kills += 1;
        self.loops = Loops::new(&self.app, self.submission.clone(), self.dns);
        let mut tx = self.app.store.begin().await.unwrap();
        tx.release_outbox().await.unwrap();
        tx.release_inbox().await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The owners' server hands over what they wrote.
    async fn hand_over(&mut self) {
        let mut kept = Vec::new();
        for letter in std::mem::take(&mut self.waiting) {
            match self.theirs.send(&letter).await {
                Ok(_) => {}
                Err(SendError::Transient(_)) => kept.push(letter),
                Err(SendError::Ambiguous(_)) => {
                    self.ambiguous += 1;
                    kept.push(letter);
                }
                Err(SendError::Permanent(why)) => panic!("{why}"),
            }
        }
        self.waiting = kept;
    }

    async fn says(&self, who: &str, words: &str) {
        let request = Request {
            identity: Identity::Slack { team: "T1".to_owned(), user: format!("U-{who}") },
            vouched: Some(Address::parse(&format!("{who}@owners.test")).unwrap()),
            channel: Channel::Slack,
            command: patchbot_commands::parse(words).unwrap(),
            shown: Vec::new(),
            typed_by: None,
            name: None,
        };
        self.app.handle(&request).await;
    }

    /// Mails that wait or were given up, and those that left.
    async fn mails(&self) -> (Vec<String>, usize) {
        let rows = self.app.store.read().await.unwrap().latest_notifications(1_000_000).await.unwrap();
        let mails: Vec<_> = rows.into_iter().filter(|row| row.medium == "mail").collect();
        let open = mails.iter().filter(|row| row.state != "sent" && row.state != "superseded");
        let open = open.map(|row| format!("{} to {}: {}", row.kind, row.recipient, row.state)).collect();
        (open, mails.iter().filter(|row| row.state == "sent").count())
    }

    /// Mails that came in, by their outcome.
    async fn outcomes(&self) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        for mail in self.app.store.read().await.unwrap().latest_mail(1_000_000).await.unwrap() {
            *found.entry(mail.outcome).or_default() += 1;
        }
        found
    }
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "what was counted, for who lets it run for long")]
async fn a_day_in_which_everything_stops_at_any_moment_loses_and_doubles_nothing() {
    let (seconds, seed) = (number("PATCHBOT_SOAK_SECONDS", 40), number("PATCHBOT_SOAK_SEED", 20_261_128));
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let lab = Lab::start().await.unwrap();
    let (dns, mail) = tokio::try_join!(lab.dns(), lab.mail()).unwrap();
    let mut world = World::new(TUESDAY).await;
    for (at, owner) in OWNERS.iter().enumerate() {
        let second = OWNERS[(at + 1) % OWNERS.len()];
        world = world.server_in(&format!("srv{at}"), owner, second, "Europe/Berlin");
    }
    world.plan().await;
    let letters = letters(&mut world, &mail, seconds).await;
    let app = world.app.clone();
    let before = app.store.read().await.unwrap().latest_notifications(1000).await.unwrap().len();
    let mut day = Day::new(&app, &mail, &dns, letters);
    let end = CancellationToken::new();
    let fetching = tokio::spawn(fetch(app.clone(), inbox(&mail), end.clone()));
    let sinks: Vec<_> = OWNERS.iter().map(|owner| mail.mailbox(&format!("{owner}@owners.test"))).collect();
    let over = CancellationToken::new();
    let passing = async {
        day.passes(seconds, Dice(seed)).await;
        over.cancel();
    };
    let ((), (mail, stops)) = tokio::join!(passing, restarts(mail, Dice(seed ^ 1), over.clone()));

    // The servers stay now; whatever lies in a queue comes.
    let begin = Instant::now();
    let arrived = loop {
        day.hand_over().await;
        day.loops.tick().await;
        app.clock.set(app.now() + TimeDelta::minutes(1));
        let arrived = arrived(&sinks);
        let (open, sent) = day.mails().await;
        let accepted = day.outcomes().await.get("accepted").copied().unwrap_or(0);
        let all_read = accepted == day.written && day.waiting.is_empty();
        if all_read && open.is_empty() && arrived.len() == sent - before && mail.is_queue_empty().unwrap() {
            break arrived;
        }
        assert!(
            begin.elapsed() < PATIENCE,
            "seed {seed}: {accepted} of {} answers, {} of {} mails, open: {open:?}\n{}",
            day.written,
            arrived.len(),
            sent - before,
            mail.postfix_says()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    end.cancel();
    fetching.await.unwrap();
    check(&day, &arrived, &log.doubtful(), seed).await;
    let outcomes = day.outcomes().await;
    let copies: usize = arrived.values().map(BTreeSet::len).sum();
    println!(
        "seed {seed}, {seconds} s: {stops} stops, patchbot killed {} times; {} notices, {copies} handed in, {} in doubt; {} answers, {} in doubt, {outcomes:?}",
        day.kills,
        arrived.len(),
        log.doubtful().len(),
        day.written,
        day.ambiguous
    );
}

/// Each notice was handed in once, and once more at the most for each time that nobody said whether it had arrived; when
/// patchbot is killed, that is so for the mails it was handing over. Each answer was acted on and answered once.
async fn check(
    day: &Day,
    arrived: &BTreeMap<String, BTreeSet<String>>,
    doubtful: &BTreeMap<String, usize>,
    seed: u64,
) {
    let mut unsaid = 0;
    for (notice, copies) in arrived {
        let doubts = doubtful.get(notice).copied().unwrap_or(0);
        let more = copies.len().saturating_sub(1 + doubts);
        assert!(more <= day.kills, "seed {seed}: {notice} was handed in as {copies:?}");
        unsaid += more;
    }
    assert!(unsaid <= day.kills * AT_ONCE, "seed {seed}: {} kills, {unsaid} copies: {arrived:?}", day.kills);
    let outcomes = day.outcomes().await;
    assert_eq!(outcomes.get("accepted").copied().unwrap_or(0), day.written, "seed {seed}: {outcomes:?}");
    let others: Vec<&String> =
        outcomes.keys().filter(|outcome| !["accepted", "ignored"].contains(&outcome.as_str())).collect();
    assert_eq!(others, Vec::<&String>::new(), "seed {seed}: {outcomes:?}");
    let rows = day.app.store.read().await.unwrap().latest_notifications(1_000_000).await.unwrap();
    let answers = rows.iter().filter(|row| row.kind == "transcript").count();
    assert_eq!(answers, day.written, "seed {seed}: each answer is answered once");
}

/// What lies in people's mailboxes, by Message-ID: each notice with the names that Postfix gave it when it was handed in.
fn arrived(sinks: &[patchbot_lab::Mailbox]) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for message in sinks.iter().flat_map(|sink| sink.messages().unwrap()) {
        let id = message.header("Message-ID").unwrap();
        let notice = id.trim_start_matches('<').split('@').next().unwrap().to_owned();
        assert_eq!(message.header("X-Patchbot-Notice").as_ref(), Some(&notice));
        let received =
            message.headers("Received").into_iter().find(|line| line.contains("with ESMTPSA")).unwrap();
        let name = received.split(" id ").nth(1).unwrap().split([' ', ';']).next().unwrap().to_owned();
        found.entry(notice).or_default().insert(name);
    }
    found
}

/// Ends one server or both at any moment, in good order or not, for a moment or longer, until the day is over; how often.
async fn restarts(mut mail: Mail, mut dice: Dice, over: CancellationToken) -> (Mail, usize) {
    let mut stops = 0;
    while !over.is_cancelled() {
        dice.wait(200, 3000).await;
        let which = dice.below(3);
        if which != 1 {
            let ended =
                if dice.below(2) == 0 { mail.stop_postfix().await } else { mail.kill_postfix().await };
            ended.unwrap();
        }
        if which != 0 {
            let ended =
                if dice.below(2) == 0 { mail.stop_dovecot().await } else { mail.kill_dovecot().await };
            ended.unwrap();
        }
        stops += 1;
        dice.wait(1, 1500).await;
        if which != 0 {
            mail.start_dovecot().await.unwrap();
        }
        if which != 1 {
            mail.start_postfix().await.unwrap();
        }
    }
    (mail, stops)
}

/// What the owners will write: each letter is another one, and signed by their server.
async fn letters(world: &mut World, mail: &Mail, seconds: u64) -> Vec<Composed> {
    let notices = world.unread();
    let count = seconds.clamp(40, 400);
    let mut letters = Vec::new();
    for number in 0..count {
        let owner = OWNERS[(number % OWNERS.len() as u64) as usize];
        let address = format!("{owner}@owners.test");
        let notice = notices.iter().find(|notice| notice.to == address).unwrap();
        let mut quoted = String::new();
        for line in notice.text.lines() {
            writeln!(quoted, "> {line}").unwrap();
        }
        let letter = Letter::new(&address, BOT, world.app.now())
            .subject(&format!("Re: {}", notice.subject))
            .header("In-Reply-To", &notice.message_id)
            .text(&format!("status\n\nOn Tue, Nov 24, 2026 patchbot <{BOT}> wrote:\n{quoted}"));
        letters.push(Composed {
            id: NoticeId(Uuid::from_u128(number.into())),
            from: address,
            to: BOT.to_owned(),
            message_id: format!("<{number}@owners.test>"),
            raw: mail.sign(&letter.signed()).await.unwrap(),
        });
    }
    world.mails();
    letters
}

/// The loop that fetches answers, over a new connection whenever one breaks.
async fn fetch(app: App, settings: ImapSettings, end: CancellationToken) {
    let mut mailbox = Mailbox::new(settings, None).unwrap();
    let keep = |came| {
        let app = app.clone();
        async move { accept(&app, "INBOX", came).await.map_err(|error| error.to_string()) }
    };
    mailbox.run(keep, || 0.0, end).await;
}

fn submission(mail: &Mail) -> SmtpSettings {
    SmtpSettings {
        place: place(mail.submission(), mail, Duration::from_secs(10)),
        login: Some((BOT.to_owned(), Secret::new(PASSWORD))),
        hello: "patchbot.test".to_owned(),
        connections: AT_ONCE,
        timeout: Duration::from_secs(20),
    }
}

fn inbox(mail: &Mail) -> ImapSettings {
    ImapSettings {
        place: place(mail.imap(), mail, Duration::from_secs(10)),
        user: BOT.to_owned(),
        password: Secret::new(PASSWORD),
        folder: "INBOX".to_owned(),
        after: After::MarkSeen,
        poll: Duration::from_secs(2),
        renew: RENEW,
        timeout: Duration::from_secs(10),
    }
}
