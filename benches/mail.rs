//! Mail beside its peers, in one run: sending notices against smtplib, reading replies against the Python strippers.
//!
//! `cargo bench --bench mail`. The peers come from PyPI into a folder below the target directory, once. Ratios hold on other
//! machines, seconds do not; nothing here is a test. `cargo bench --bench mail -- read FOLDER ROUNDS` only reads the mails
//! (`*.eml`) of a folder, so many times, and prints seconds, CPU seconds and megabytes, as each peer does in its own process.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measurement says its numbers, and ends where something breaks"
)]

mod measure;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use patchbot::app::App;
use patchbot::app::import::Apply;
use patchbot::app::plan::{Keep, Order};
use patchbot::clock::Clock;
use patchbot::domain::person::Address;
use patchbot::domain::policy::{Policies, Policy};
use patchbot::mail::connect::{Place, Security};
use patchbot::mail::ours::Ours;
use patchbot::mail::reading::{Reading, reading};
use patchbot::mail::send::{Mailer, Smtp, SmtpSettings};
use patchbot::render::Renderer;
use patchbot::store::Store;
use patchbot::work::outbox::{Outbox, Postman};

use measure::{Cost, Costs, app, cost, cpu_seconds, megabytes, numbers, root, scheduler};

const RUNS: usize = 5;
const MAILS: usize = 1000;
const CONNECTIONS: usize = 8;
const OURS_SENDS: &str = "patchbot, 8 connections, from the database";
const PEERS_THAT_READ: &[(&str, &str, &str)] = &[
    ("Python's email, then email_reply_parser", "email_reply_parser", "mail"),
    ("email_reply_parser, of decoded text only", "email_reply_parser", "text"),
    ("mail-parser-reply, of decoded text only", "mail-parser-reply", "text"),
];
const OURS_READS: &str = "patchbot: gate, MIME, text and HTML, strip, grammar";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).map(String::as_str) == Some("sink") {
        sink();
    } else if arguments.get(1).map(String::as_str) == Some("send") {
        let address = arguments[2].parse().unwrap();
        let cost = tokio::runtime::Runtime::new().unwrap().block_on(send(address, Path::new(&arguments[3])));
        println!("{} {} {}", cost[0], cost[1], cost[2]);
    } else if arguments.get(1).map(String::as_str) == Some("read") {
        let cost = read(Path::new(&arguments[2]), arguments[3].parse().unwrap());
        println!("{} {} {}", cost[0], cost[1], cost[2]);
    } else {
        compare();
    }
}

fn compare() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::current_exe().unwrap().parent().unwrap().join("peers");
    let installed = Command::new(here.join("benches/peers/setup")).arg(&target).status().unwrap();
    assert!(installed.success(), "the peers cannot be installed");
    let python = target.join("bin/python");
    let work = tempfile::tempdir().unwrap();
    sending(here, &python, work.path());
    replies(here, &python, work.path());
    large();
}

fn sending(here: &Path, python: &Path, work: &Path) {
    let ours = std::env::current_exe().unwrap();
    let mut sink = Command::new(&ours).arg("sink").stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(sink.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address: SocketAddr = line.trim().parse().unwrap();
    let folder = work.join("mails");
    std::fs::create_dir_all(&folder).unwrap();
    // The first run writes what was sent, for the peers to send the same.
    let mut costs = Costs::default();
    for run in 0..=RUNS {
        let mut send = Command::new(&ours);
        send.args(["send", &address.to_string()]).arg(&folder);
        let mut all = vec![(OURS_SENDS, send)];
        for (name, how) in [
            ("smtplib, one connection per mail", "each"),
            ("smtplib, one connection", "1"),
            ("smtplib, 8 connections", "8"),
        ] {
            let mut peer = Command::new(python);
            peer.arg(here.join("benches/peers/send.py"));
            peer.args([&address.ip().to_string(), &address.port().to_string()]).arg(&folder).arg(how);
            all.push((name, peer));
        }
        for (name, mut command) in all {
            let cost = cost(&mut command);
            if run > 0 {
                costs.add(name, cost);
            }
        }
    }
    sink.kill().unwrap();
    sink.wait().unwrap();
    costs.table(&format!("Sending {MAILS} notices"), OURS_SENDS);
}

/// Everything that is done for a notice: claimed, looked at again, its token kept, rendered, sent, and its end written down.
async fn send(address: SocketAddr, folder: &Path) -> Cost {
    let work = tempfile::tempdir().unwrap();
    let app = world(&work.path().join("patchbot.db")).await;
    let place = Place {
        host: address.ip().to_string(),
        port: address.port(),
        security: Security::None,
        ca_file: None,
        timeout: Duration::from_secs(10),
    };
    let settings = SmtpSettings {
        place,
        login: None,
        hello: "patchbot.test".to_owned(),
        connections: CONNECTIONS,
        timeout: Duration::from_secs(10),
    };
    let mailer = Mailer::Smtp(Arc::new(Smtp::new(settings).unwrap()));
    if folder.read_dir().unwrap().next().is_none() {
        // Nothing to be measured: the same notices go into the folder.
        let outbox = Outbox::mail(app, postman(Mailer::Folder(folder.to_owned())), "bench".to_owned(), 1);
        while !outbox.tick().await.unwrap().is_idle() {}
        return [0.0; 3];
    }
    let outbox = Outbox::mail(app, postman(mailer), "bench".to_owned(), CONNECTIONS);
    let (begin, cpu) = (Instant::now(), cpu_seconds());
    while !outbox.tick().await.unwrap().is_idle() {}
    [begin.elapsed().as_secs_f64(), cpu_seconds() - cpu, megabytes()]
}

fn postman(mailer: Mailer) -> Postman {
    Postman {
        mailer,
        renderer: Arc::new(Renderer::new(None).unwrap()),
        ours: Ours::new(Address::parse("bot@patchbot.test").unwrap()),
        name: "patchbot".to_owned(),
        contact: "olga@patchbot.test".to_owned(),
        signer: None,
    }
}

/// A thousand owners, each with three servers, planned; their notices wait.
async fn world(path: &Path) -> App {
    let store = Store::sqlite(path).await.unwrap();
    store.migrate().await.unwrap();
    let now: DateTime<Utc> = "2026-11-24T08:00:00Z".parse().unwrap();
    let policy = Policy { per_slot_hour: 100_000, ..Policy::default() };
    let app = app(store, &Clock::manual(now), Policies { default: policy, groups: BTreeMap::new() });
    let mut sheet = "server_name,primary_owner,server_timezone,host_group,ip_address\n".to_owned();
    for owner in 0..MAILS {
        for server in 0..3 {
            sheet.push_str(&format!(
                "srv{owner}-{server},owner{owner}@owners.test,Europe/Berlin,web,127.0.0.9\n"
            ));
        }
    }
    let root = root();
    app.import(sheet.as_bytes(), Apply::Now, &root).await.unwrap();
    app.plan(&Order::whole("2027-Q1".parse().unwrap(), Keep::Yes), &root).await.unwrap();
    let scheduler = scheduler(&app);
    loop {
        let ticked = scheduler.tick().await.unwrap();
        scheduler.tasks().close();
        scheduler.tasks().wait().await;
        scheduler.tasks().reopen();
        if ticked.is_idle() {
            return app;
        }
    }
}

/// The mails of a folder, in the order of their names.
fn mails(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut paths: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "eml"));
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Everything that is done to know what a mail says, for each mail of a folder, so many times.
fn read(folder: &Path, rounds: usize) -> Cost {
    let ours = Ours::new(Address::parse("patchbot@patch.test").unwrap());
    let mails = mails(folder);
    let (begin, cpu) = (Instant::now(), cpu_seconds());
    for _ in 0..rounds {
        for (_, raw) in &mails {
            std::hint::black_box(reading(raw, &ours));
        }
    }
    [begin.elapsed().as_secs_f64(), cpu_seconds() - cpu, megabytes()]
}

/// The replies of the corpus that say one thing, as raw mails for us and as decoded text for the peers.
fn replies(here: &Path, python: &Path, work: &Path) {
    // Our clock would not have ticked yet when the peers are done.
    const TIMES: usize = 20;
    let ours = Ours::new(Address::parse("patchbot@patch.test").unwrap());
    let texts = work.join("texts");
    std::fs::create_dir_all(&texts).unwrap();
    let mut count = 0;
    for (path, raw) in mails(&here.join("tests/data/mail")) {
        let Reading::Typed(typed) = reading(&raw, &ours) else { continue };
        let parsed = mail_parser::MessageParser::new().parse(&raw).unwrap();
        let Some(text) = parsed.body_text(0).filter(|_| typed.commands.is_ok()) else { continue };
        let file = texts.join(path.file_name().unwrap());
        std::fs::write(file.with_extension("txt.said"), &typed.text).unwrap();
        std::fs::write(file.with_extension("txt"), text.as_bytes()).unwrap();
        std::fs::write(file, &raw).unwrap();
        count += 1;
    }
    let rounds = MAILS.div_ceil(count);
    let mut costs = Costs::default();
    let mut right: BTreeMap<&str, f64> = BTreeMap::new();
    for _ in 0..RUNS {
        let mut ours = Command::new(std::env::current_exe().unwrap());
        ours.arg("read").arg(&texts).arg((rounds * TIMES).to_string());
        let [seconds, cpu, megabytes] = cost(&mut ours);
        costs.add(OURS_READS, [seconds / TIMES as f64, cpu / TIMES as f64, megabytes]);
        for (name, which, of) in PEERS_THAT_READ {
            let mut peer = Command::new(python);
            peer.arg(here.join("benches/peers/strip.py")).arg(&texts).args([
                &rounds.to_string(),
                *which,
                *of,
            ]);
            let cost = numbers(&mut peer);
            costs.add(name, [cost[0], cost[1], cost[2]]);
            right.insert(name, cost[3]);
        }
    }
    costs.table(&format!("Reading {} replies", rounds * count), OURS_READS);
    for (name, right) in right {
        println!("  {name}: exactly the answer is left of {right} of {count} mails");
    }
}

/// The worst mails of nearly 1 MB.
fn large() {
    let ours = Ours::new(Address::parse("patchbot@patch.test").unwrap());
    let head = "From: a@b.test\nSubject: x\nDate: Thu, 3 Dec 2026 10:00:00 +0000\nMessage-ID: <1@b.test>\n";
    println!("\nMails of 1 MB, and of half of it, in milliseconds");
    for (kind, piece) in [
        ("text/plain", "Ada said so\n"),
        ("text/plain", "> quoted\n"),
        ("text/plain", "From: x\n"),
        ("text/plain", "a:\n"),
        ("text/plain; format=flowed", "x \n"),
        ("text/html", "<b>"),
        ("text/html", "<blockquote>"),
        ("text/html", "<p>words and words</p>"),
        ("multipart/mixed; boundary=b", "--b\n"),
    ] {
        let time = |size: usize| {
            let raw =
                format!("{head}Content-Type: {kind}\n\n{}", piece.repeat(size / piece.len())).into_bytes();
            let mut times: Vec<f64> = (0..RUNS)
                .map(|_| {
                    let begin = Instant::now();
                    std::hint::black_box(reading(&raw, &ours));
                    begin.elapsed().as_secs_f64() * 1000.0
                })
                .collect();
            times.sort_by(f64::total_cmp);
            times[RUNS / 2]
        };
        println!("  {:>7.1} {:>7.1}  {kind} {piece:?}", time(1_000_000), time(500_000));
    }
}

/// A server that takes every mail, in a process of its own; says its address.
fn sink() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap());
    std::io::stdout().flush().unwrap();
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || {
            let _ = take(stream);
        });
    }
}

fn take(stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut say = stream.try_clone()?;
    let mut lines = BufReader::new(stream);
    let mut line = Vec::new();
    say.write_all(b"220 sink\r\n")?;
    let mut data = false;
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if data {
            if line == b".\r\n" {
                data = false;
                say.write_all(b"250 2.0.0 taken\r\n")?;
            }
            continue;
        }
        let answer: &[u8] = match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_slice() {
            // What most servers offer.
            b"EHLO" => b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
            b"DATA" => {
                data = true;
                b"354 go on\r\n"
            }
            b"QUIT" => {
                say.write_all(b"221 bye\r\n")?;
                return Ok(());
            }
            _ => b"250 2.0.0 fine\r\n",
        };
        say.write_all(answer)?;
    }
}
