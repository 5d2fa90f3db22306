//! Replies are fetched from a real Dovecot: kept first, marked then, whatever breaks in between.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use patchbot::config::secret::Secret;
use patchbot::mail::connect::{Place, Security};
use patchbot::mail::fetch::{After, Arrived, Content, Cursor, FetchError, ImapSettings, Mailbox, RENEW};
use patchbot_lab::{Lab, Mail, PASSWORD};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(20);
const BOT: &str = "bot@patchbot.test";

fn settings(address: SocketAddr, security: Security) -> ImapSettings {
    ImapSettings {
        place: Place {
            host: address.ip().to_string(),
            port: address.port(),
            security,
            ca_file: None,
            timeout: Duration::from_secs(5),
        },
        user: BOT.to_owned(),
        password: Secret::new(PASSWORD),
        folder: "INBOX".to_owned(),
        after: After::MarkSeen,
        poll: Duration::from_millis(200),
        renew: RENEW,
        timeout: Duration::from_secs(5),
    }
}

fn dovecot(mail: &Mail) -> ImapSettings {
    let mut settings = settings(mail.imap(), Security::Starttls);
    settings.place.ca_file = Some(mail.authority());
    settings
}

fn letter(subject: &str, size: usize) -> Vec<u8> {
    let body = "x".repeat(70) + "\r\n";
    format!(
        "From: ada@owners.test\r\nTo: {BOT}\r\nSubject: {subject}\r\nDate: Thu, 3 Dec 2026 10:00:00 +0000\r\n\
         Message-ID: <{subject}@owners.test>\r\n\r\n{}",
        body.repeat(size.div_ceil(body.len()).max(1))
    )
    .into_bytes()
}

/// Keeps what arrives; says no as long as it is told to.
#[derive(Clone, Default)]
struct Keeper {
    kept: Arc<Mutex<Vec<Arrived>>>,
    refuses: Arc<Mutex<bool>>,
}

impl Keeper {
    fn sink(&self) -> impl FnMut(Arrived) -> std::future::Ready<Result<(), String>> + use<> {
        let this = self.clone();
        move |arrived| {
            if *this.refuses.lock().unwrap() {
                return std::future::ready(Err("the database is away".to_owned()));
            }
            this.kept.lock().unwrap().push(arrived);
            std::future::ready(Ok(()))
        }
    }

    fn subjects(&self) -> Vec<String> {
        let subject = |arrived: &Arrived| {
            let raw = match &arrived.content {
                Content::Whole(raw) => raw,
                Content::TooLarge { head, .. } => head,
                Content::Unfetchable { why } => return why.clone(),
            };
            let text = String::from_utf8_lossy(raw).into_owned();
            text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default().to_owned()
        };
        self.kept.lock().unwrap().iter().map(subject).collect()
    }
}

#[tokio::test]
async fn new_messages_come_in_order_and_are_marked_only_when_they_are_kept() {
    let lab = Lab::start().await.unwrap();
    let mail = lab.mail().await.unwrap();
    let inbox = mail.mailbox(BOT);
    inbox.put(&letter("one", 10)).unwrap();
    inbox.put(&letter("two", 100_000)).unwrap();
    let mut mailbox = Mailbox::new(dovecot(&mail), None).unwrap();
    let said = mailbox.check().await.unwrap();
    assert!(said.contains("INBOX holds 2 messages") && said.contains("tells of new mail"), "{said}");

    let keeper = Keeper::default();
    *keeper.refuses.lock().unwrap() = true;
    let mut session = mailbox.connect().await.unwrap();
    let refused = mailbox.fetch_new(&mut session, keeper.sink()).await.unwrap_err();
    assert!(matches!(&refused, FetchError::NotKept { uid: 1, .. }), "{refused}");
    assert_eq!(mailbox.cursor(), None);

    *keeper.refuses.lock().unwrap() = false;
    let mut session = mailbox.connect().await.unwrap();
    assert_eq!(mailbox.fetch_new(&mut session, keeper.sink()).await.unwrap(), 2);
    assert_eq!(keeper.subjects(), ["one", "two"]);
    assert_eq!(mailbox.fetch_new(&mut session, keeper.sink()).await.unwrap(), 0);

    // What somebody looks at with another program is fetched all the same, and what is too large is reported.
    inbox.put(&letter("three", 1_200_000)).unwrap();
    inbox.put(&letter("four", 10)).unwrap();
    assert_eq!(mailbox.fetch_new(&mut session, keeper.sink()).await.unwrap(), 2);
    assert_eq!(keeper.subjects(), ["one", "two", "three", "four"]);
    let third = keeper.kept.lock().unwrap()[2].content.clone();
    assert!(matches!(third, Content::TooLarge { size, .. } if size > 1_200_000), "{third:?}");

    // After a restart reading goes on where it ended, and a mailbox that was seen by hand is no reason to start over.
    let mut again = Mailbox::new(dovecot(&mail), mailbox.cursor()).unwrap();
    let mut session = again.connect().await.unwrap();
    assert_eq!(again.fetch_new(&mut session, keeper.sink()).await.unwrap(), 0);
    let mut fresh = Mailbox::new(dovecot(&mail), None).unwrap();
    let mut session = fresh.connect().await.unwrap();
    assert_eq!(fresh.fetch_new(&mut session, keeper.sink()).await.unwrap(), 0, "all of them are seen");
    // Numbers of another folder mean nothing: everything is handed over once more.
    let cursor = Cursor { validity: again.cursor().unwrap().validity.wrapping_add(1), last: 99 };
    let mut renumbered = Mailbox::new(dovecot(&mail), Some(cursor)).unwrap();
    let mut session = renumbered.connect().await.unwrap();
    assert_eq!(renumbered.fetch_new(&mut session, keeper.sink()).await.unwrap(), 4);
}

#[tokio::test]
async fn a_message_is_moved_after_it_is_kept() {
    let lab = Lab::start().await.unwrap();
    let mail = lab.mail().await.unwrap();
    mail.mailbox(BOT).put(&letter("one", 10)).unwrap();
    let mut settings = dovecot(&mail);
    settings.after = After::MoveTo("Handled".to_owned());
    let keeper = Keeper::default();
    let mut mailbox = Mailbox::new(settings.clone(), None).unwrap();
    let mut session = mailbox.connect().await.unwrap();
    assert_eq!(mailbox.fetch_new(&mut session, keeper.sink()).await.unwrap(), 1);
    let mut handled =
        Mailbox::new(ImapSettings { folder: "Handled".to_owned(), ..settings.clone() }, None).unwrap();
    assert!(handled.check().await.unwrap().contains("Handled holds 1 messages"));
    assert!(mailbox.check().await.unwrap().contains("INBOX holds 0 messages"));
    settings.folder = "Nowhere".to_owned();
    handled = Mailbox::new(settings, None).unwrap();
    assert!(handled.check().await.unwrap_err().to_string().contains("the folder Nowhere cannot be opened"));
}

#[tokio::test]
async fn mail_is_told_of_at_once_and_reading_survives_a_restart_of_the_server() {
    let lab = Lab::start().await.unwrap();
    let mut mail = lab.mail().await.unwrap();
    let (kept, mut arriving) = mpsc::unbounded_channel();
    let end = CancellationToken::new();
    let mut mailbox = Mailbox::new(dovecot(&mail), None).unwrap();
    let reading = tokio::spawn({
        let end = end.clone();
        async move {
            let sink = move |arrived: Arrived| {
                let kept = kept.clone();
                async move { kept.send(arrived).map_err(|why| why.to_string()) }
            };
            mailbox.run(sink, || 0.0, end).await;
            mailbox
        }
    });
    let mut next = async || {
        let arrived = tokio::time::timeout(PATIENCE, arriving.recv()).await.unwrap().unwrap();
        let Content::Whole(raw) = arrived.content else { panic!() };
        String::from_utf8_lossy(&raw).lines().find(|line| line.starts_with("Subject")).unwrap().to_owned()
    };
    for subject in ["one", "two", "three"] {
        let to = [BOT.to_owned()];
        let sent = std::time::Instant::now();
        mail.deliver("ada@owners.test", &to, &letter(subject, 10)).await.unwrap();
        assert_eq!(next().await, format!("Subject: {subject}"));
        if subject != "one" {
            assert!(sent.elapsed() < Duration::from_secs(5), "the server tells, nobody asks");
        }
    }
    mail.stop_dovecot().await.unwrap();
    mail.mailbox(BOT).put(&letter("four", 10)).unwrap();
    mail.start_dovecot().await.unwrap();
    assert_eq!(next().await, "Subject: four");
    end.cancel();
    let mailbox = tokio::time::timeout(PATIENCE, reading).await.unwrap().unwrap();
    assert_eq!(mailbox.cursor().unwrap().last, 4);
}

#[tokio::test]
async fn what_keeps_one_out_is_said_in_a_sentence() {
    let lab = Lab::start().await.unwrap();
    let mail = lab.mail().await.unwrap();
    let check = async |settings: ImapSettings| Mailbox::new(settings, None).unwrap().check().await;
    let mut tls = settings(mail.imaps(), Security::Tls);
    tls.place.ca_file = Some(mail.authority());
    check(tls).await.unwrap();
    let mut wrong = dovecot(&mail);
    wrong.password = Secret::new("wrong");
    let said = check(wrong).await.unwrap_err().to_string();
    assert!(said.contains("does not let bot@patchbot.test in") && !said.contains("\"wrong\""), "{said}");
    let mut strange = dovecot(&mail);
    strange.place.ca_file = None;
    assert!(check(strange).await.unwrap_err().to_string().contains("could not prove who it is"));
    let mut elsewhere = dovecot(&mail);
    elsewhere.place.port = 1;
    assert!(check(elsewhere).await.unwrap_err().to_string().contains("cannot be reached"));
    let mut missing = dovecot(&mail);
    missing.place.ca_file = Some("/nonexistent/ca.pem".into());
    assert!(
        Mailbox::new(missing, None).unwrap_err().to_string().contains("/nonexistent/ca.pem cannot be used")
    );
}

#[tokio::test]
async fn a_backlog_of_ten_thousand_is_worked_off_in_order_whatever_breaks_on_the_way() {
    const MANY: u32 = 10_000;
    let lab = Lab::start().await.unwrap();
    let mail = lab.mail().await.unwrap();
    let inbox = mail.mailbox(BOT);
    for number in 0..MANY {
        inbox.put(&letter(&format!("m{number}"), 10)).unwrap();
    }
    let keeper = Keeper::default();
    let mut mailbox = Mailbox::new(dovecot(&mail), None).unwrap();
    let mut session = mailbox.connect().await.unwrap();
    // The database is away after a third of them; a new connection goes on where it ended.
    let full = keeper.clone();
    let mut sink = keeper.sink();
    let mut left = MANY / 3;
    let breaking = |arrived| {
        left -= 1;
        *full.refuses.lock().unwrap() = left == 0;
        sink(arrived)
    };
    mailbox.fetch_new(&mut session, breaking).await.unwrap_err();
    *keeper.refuses.lock().unwrap() = false;
    let mut mailbox = Mailbox::new(dovecot(&mail), mailbox.cursor()).unwrap();
    let mut session = mailbox.connect().await.unwrap();
    mailbox.fetch_new(&mut session, keeper.sink()).await.unwrap();
    assert_eq!(mailbox.fetch_new(&mut session, keeper.sink()).await.unwrap(), 0);
    let uids: Vec<u32> = keeper.kept.lock().unwrap().iter().map(|arrived| arrived.uid).collect();
    assert_eq!(uids, (1..=MANY).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_folder_that_was_renumbered_is_read_from_the_beginning() {
    let lab = Lab::start().await.unwrap();
    let mut mail = lab.mail().await.unwrap();
    let inbox = mail.mailbox(BOT);
    inbox.put(&letter("one", 10)).unwrap();
    inbox.put(&letter("two", 10)).unwrap();
    let keeper = Keeper::default();
    let mut mailbox = Mailbox::new(dovecot(&mail), None).unwrap();
    let mut session = mailbox.connect().await.unwrap();
    mailbox.fetch_new(&mut session, keeper.sink()).await.unwrap();
    let before = mailbox.cursor().unwrap();
    mail.stop_dovecot().await.unwrap();
    // Two backups of different seconds differ in their UIDVALIDITY.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    inbox.renumber().unwrap();
    inbox.put(&letter("three", 10)).unwrap();
    mail.start_dovecot().await.unwrap();
    let mut session = mailbox.connect().await.unwrap();
    mailbox.fetch_new(&mut session, keeper.sink()).await.unwrap();
    assert_ne!(mailbox.cursor().unwrap().validity, before.validity);
    // What was kept before comes again, and is recognised by its content.
    let mut subjects = keeper.subjects();
    subjects.sort();
    assert_eq!(subjects, ["one", "one", "three", "two", "two"]);
}

#[tokio::test]
async fn where_the_server_cannot_move_a_message_is_copied_and_marked() {
    let fine = "* 1 FETCH (UID 1 BODY[]<0> {3}\r\nabc)\r\nTAG OK\r\n";
    for (offers, expunges) in [("", false), ("UIDPLUS", true)] {
        let heard = Arc::default();
        let mut here = settings(imitation_heard(offers, fine, Arc::clone(&heard)).await, Security::None);
        here.after = After::MoveTo("Handled".to_owned());
        let mut mailbox = Mailbox::new(here, None).unwrap();
        let mut session = mailbox.connect().await.unwrap();
        assert_eq!(mailbox.fetch_new(&mut session, Keeper::default().sink()).await.unwrap(), 2);
        let heard: Vec<String> = heard.lock().unwrap().clone();
        let said = |line: &str| heard.iter().any(|heard: &String| heard.starts_with(line));
        assert!(said("UID COPY 1 ") && said("UID STORE 1 +FLAGS.SILENT (\\SEEN \\DELETED)"), "{heard:?}");
        assert_eq!(said("UID EXPUNGE 1"), expunges);
        assert!(!said("EXPUNGE") && !said("UID MOVE"), "nobody else's deleted messages go: {heard:?}");
    }
}

/// A server that speaks IMAP as far as this test needs it: `fetch` is its answer to each FETCH of a body.
async fn imitation(capability: &'static str, fetch: &'static str) -> SocketAddr {
    imitation_heard(capability, fetch, Arc::default()).await
}

/// The same; what it hears is written down in capital letters.
async fn imitation_heard(
    capability: &'static str,
    fetch: &'static str,
    heard: Arc<Mutex<Vec<String>>>,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let heard = Arc::clone(&heard);
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                stream.write_all(b"* OK hello\r\n").await.unwrap();
                let mut line = String::new();
                while stream.read_line(&mut line).await.unwrap_or(0) > 0 {
                    let (tag, command) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
                    let said = command.to_uppercase();
                    heard.lock().unwrap().push(said.clone());
                    let answer = match said.as_str() {
                        "CAPABILITY" => format!("* CAPABILITY IMAP4rev1 {capability}\r\n{tag} OK\r\n"),
                        "IDLE" => {
                            stream.write_all(b"+ idling\r\n").await.unwrap();
                            // From here on it hears everything and says nothing.
                            let _ = stream.read_to_end(&mut Vec::new()).await;
                            return;
                        }
                        _ if said.starts_with("SELECT") => {
                            format!(
                                "* 2 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 3] x\r\n{tag} OK [READ-WRITE]\r\n"
                            )
                        }
                        _ if said.starts_with("UID SEARCH") => format!("* SEARCH 1 2\r\n{tag} OK\r\n"),
                        _ if said.contains("RFC822.SIZE") => {
                            let uids = said.split(' ').nth(2).unwrap().split(',');
                            let sizes: String = uids
                                .map(|uid| format!("* {uid} FETCH (UID {uid} RFC822.SIZE 10)\r\n"))
                                .collect();
                            format!("{sizes}{tag} OK\r\n")
                        }
                        _ if said.starts_with("UID FETCH 1 ") => fetch.replace("TAG", tag),
                        _ if said.starts_with("UID FETCH 2 ") => {
                            format!("* 2 FETCH (UID 2 BODY[]<0> {{3}}\r\nabc)\r\n{tag} OK\r\n")
                        }
                        _ => format!("{tag} OK\r\n"),
                    };
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                    line.clear();
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn a_message_that_breaks_the_connection_is_skipped_after_some_attempts_and_reported() {
    for poison in [
        "* 1 FETCH (UID 1 BODY[] GARBAGE)))\r\nTAG OK\r\n",
        "* 1 FETCH (UID 1 BODY[] {3000}\r\nshort",
        "TAG NO cannot read it\r\n",
    ] {
        let mut here = settings(imitation("", poison).await, Security::None);
        here.timeout = Duration::from_millis(200);
        let mut mailbox = Mailbox::new(here, None).unwrap();
        let keeper = Keeper::default();
        let mut attempts = 0;
        loop {
            let mut session = mailbox.connect().await.unwrap();
            attempts += 1;
            match mailbox.fetch_new(&mut session, keeper.sink()).await {
                Ok(handed) => break assert_eq!(handed, 2),
                Err(why) => assert!(attempts < 10, "{why}"),
            }
        }
        assert_eq!(attempts, 6, "{poison}");
        let kept = keeper.kept.lock().unwrap();
        assert!(matches!(&kept[0].content, Content::Unfetchable { .. }), "{kept:?}");
        assert_eq!(kept[1].content, Content::Whole(b"abc".to_vec()));
    }
}

#[tokio::test]
async fn a_server_that_falls_silent_is_found_out() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut here = settings(silent.local_addr().unwrap(), Security::None);
    here.timeout = Duration::from_millis(200);
    let said = Mailbox::new(here, None).unwrap().connect().await.unwrap_err().to_string();
    assert!(said.contains("did not answer to its greeting"), "{said}");

    let fine = "* 1 FETCH (UID 1 BODY[]<0> {3}\r\nabc)\r\nTAG OK\r\n";
    let mut here = settings(imitation("IDLE", fine).await, Security::None);
    here.timeout = Duration::from_millis(200);
    here.renew = Duration::from_millis(300);
    let mailbox = Mailbox::new(here, None).unwrap();
    let session = mailbox.connect().await.unwrap();
    let said = mailbox.wait(session).await.unwrap_err().to_string();
    assert!(said.contains("did not answer to DONE"), "{said}");
}

#[tokio::test]
async fn a_server_without_idle_is_asked() {
    let fine = "* 1 FETCH (UID 1 BODY[]<0> {3}\r\nabc)\r\nTAG OK\r\n";
    let here = settings(imitation("", fine).await, Security::None);
    let mut mailbox = Mailbox::new(here, None).unwrap();
    let mut session = mailbox.connect().await.unwrap();
    let keeper = Keeper::default();
    assert_eq!(mailbox.fetch_new(&mut session, keeper.sink()).await.unwrap(), 2);
    mailbox.wait(session).await.unwrap();
}
