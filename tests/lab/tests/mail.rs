//! Mail is real: signed by a sender's server, delivered over SMTP, read over IMAP, judged by its DNS records.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use patchbot_lab::{Algorithm, Dns, Lab, Letter, Mail, PASSWORD, Plus, Signature};
use tokio::io::AsyncWriteExt;

const PATIENCE: Duration = Duration::from_secs(20);
const BOT: &str = "bot@patchbot.test";
const ADA: &str = "ada@owners.test";

/// A moment of patchbot's shifted test clock, in which letters are written and signed.
const LAB_TIME: i64 = 1_803_891_600;

fn lab_time() -> Result<DateTime<Utc>> {
    DateTime::from_timestamp(LAB_TIME, 0).context("no such moment")
}

/// A plain answer from Ada to a notice.
fn approval() -> Result<Letter> {
    Ok(Letter::new(ADA, BOT, lab_time()?).subject("Re: [CHG-1] web01").text("approve\n\n-- \nAda"))
}

/// Runs a program with a file of its own in place of `/etc/resolv.conf`, at lab time, and gives what it says.
async fn with_resolver(dns: &Dns, lab: &Lab, program: &str, input: &[u8]) -> Result<String> {
    let resolver = lab.folder().join("resolv.conf");
    std::fs::write(&resolver, format!("nameserver {}\n", dns.address().ip()))?;
    let at = lab_time()?.format("@%Y-%m-%d %H:%M:%S").to_string();
    let script = r#"mount --bind "$1" /etc/resolv.conf; shift; exec faketime -f "$@" 2>&1"#;
    let mut child = tokio::process::Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "lab"])
        .arg(&resolver)
        .args([&at, program])
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    child.stdin.take().context("no input")?.write_all(input).await?;
    let output = child.wait_with_output().await?;
    Ok(format!("{}{}", output.status, String::from_utf8_lossy(&output.stdout)))
}

/// Logs in over IMAP with TLS, as a mail program would, and gives the letters' bytes joined.
async fn read_over_imap(mail: &Mail, user: &str) -> Result<String> {
    const SCRIPT: &str = "import imaplib, ssl, sys\n\
        host, authority, user, password = sys.argv[1:]\n\
        box = imaplib.IMAP4(host)\n\
        box.starttls(ssl.create_default_context(cafile=authority))\n\
        box.login(user, password)\n\
        box.select()\n\
        for number in box.search(None, 'ALL')[1][0].split():\n    \
            sys.stdout.buffer.write(box.fetch(number, '(BODY.PEEK[])')[1][0][1])\n";
    let output = tokio::process::Command::new("/usr/bin/python3")
        .args(["-c", SCRIPT, &mail.imap().ip().to_string()])
        .arg(mail.authority())
        .args([user, PASSWORD])
        .output()
        .await?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test]
async fn a_signed_letter_reaches_the_mailbox_and_two_verifiers_say_that_its_signature_holds() -> Result<()> {
    let lab = Lab::start().await?;
    let (dns, mail) = tokio::try_join!(lab.dns(), lab.mail())?;
    mail.send(&approval()?.signed()).await?;
    let messages = mail.wait_for(BOT, 1, PATIENCE).await?;
    let message = messages.first().context("no letter")?;
    assert_eq!(message.body(), "approve\n\n-- \nAda");
    let signature = message.header("DKIM-Signature").context("no signature")?;
    assert!(signature.contains("d=owners.test;") && signature.contains("t=1803891600;"), "{signature}");
    assert!(signature.contains("h=from : to : subject : date : message-id"), "{signature}");

    // By the library that signed it, and by one that shares no line with it.
    assert_eq!(mail.verify(&dns, lab_time()?, &message.raw).await?, ["good"]);
    let said = with_resolver(&dns, &lab, "opendkim-testmsg", &message.raw).await?;
    assert!(said.starts_with("exit status: 0"), "{said}");
    let forged = String::from_utf8_lossy(&message.raw).replace("approve", "decline");
    let said = with_resolver(&dns, &lab, "opendkim-testmsg", forged.as_bytes()).await?;
    assert!(!said.starts_with("exit status: 0"), "{said}");

    let fetched = read_over_imap(&mail, BOT).await?;
    assert!(
        fetched.contains("Subject: Re: [CHG-1] web01\r\n") && fetched.contains("approve\r\n"),
        "{fetched}"
    );
    Ok(())
}

#[tokio::test]
async fn signatures_can_be_made_in_every_way_a_forger_would() -> Result<()> {
    let lab = Lab::start().await?;
    let (mut dns, mail) = tokio::try_join!(lab.dns(), lab.mail())?;
    let ours = || Signature::of("owners.test");
    let sign = async |dns: &Dns, signature: Signature| -> Result<(String, Vec<String>)> {
        let raw = mail.sign(&approval()?.signed_by(signature)).await?;
        let verdicts = mail.verify(dns, lab_time()?, &raw).await?;
        let text = String::from_utf8_lossy(&raw).replace("\r\n ", " ");
        Ok((text.lines().next().unwrap_or_default().to_owned(), verdicts))
    };

    let (header, verdicts) = sign(&dns, ours().algorithm(Algorithm::Ed25519Sha256)).await?;
    assert!(header.contains("a=ed25519-sha256") && header.contains("s=labed"), "{header}");
    assert_eq!(verdicts, ["good"]);
    let (header, verdicts) = sign(&dns, ours().algorithm(Algorithm::RsaSha1)).await?;
    assert!(header.contains("a=rsa-sha1"), "{header}");
    assert_eq!(verdicts, ["good"]);
    let (header, verdicts) =
        sign(&dns, ours().headers(["Subject", "Date"]).canonicalization("simple/simple")).await?;
    assert!(header.contains("h=subject : date") && header.contains("c=simple/simple"), "{header}");
    assert_eq!(verdicts, ["good"], "to insist on a signed From is the receiver's business");
    let (header, verdicts) = sign(&dns, ours().body_length().tag("x", "1903891600").tag("q", "")).await?;
    assert!(
        header.contains("l=20;") && header.contains("x=1903891600;") && !header.contains("; q="),
        "{header}"
    );
    assert_eq!(verdicts, ["good"]);
    let late = DateTime::from_timestamp(LAB_TIME + 86_400, 0).context("no such moment")?;
    assert!(sign(&dns, ours().at(late)).await?.0.contains("t=1803978000"));

    // What cannot hold: another domain's key, a selector without a key, a key that was changed meanwhile.
    assert_ne!(sign(&dns, ours().with_key_of("stranger.test")).await?.1, ["good"]);
    assert_ne!(sign(&dns, ours().selector("other")).await?.1, ["good"]);
    let stranger = dns.text("lab._domainkey.stranger.test").context("no key")?.to_owned();
    dns.set_text("lab._domainkey.owners.test", &stranger).await?;
    assert_ne!(sign(&dns, ours()).await?.1, ["good"]);
    Ok(())
}

#[tokio::test]
async fn a_forged_letter_arrives_byte_for_byte_as_it_was_forged() -> Result<()> {
    let lab = Lab::start().await?;
    let mail = lab.mail().await?;
    let long = "x".repeat(3000);
    let raw = format!(
        "From: ada@owners.test\r\nFrom: eve@stranger.test\r\nX-Big: {}\r\n\r\n\
         .leading dot\r\n{long}\r\n\u{e9}\r\n",
        "y".repeat(200_000)
    );
    let letter = Letter::new("eve@stranger.test", BOT, lab_time()?).raw(raw.clone()).envelope_from("");
    mail.send(&letter).await?;
    let messages = mail.wait_for(BOT, 1, PATIENCE).await?;
    let message = messages.first().context("no letter")?;
    let arrived = String::from_utf8_lossy(&message.raw).replace("\r\n", "\n");
    assert!(arrived.ends_with(&raw.replace("\r\n", "\n")), "{}", arrived.replace('y', ""));
    assert_eq!(message.headers("From"), ["ada@owners.test", "eve@stranger.test"]);
    assert_eq!(message.header("Return-Path").as_deref(), Some("<>"));

    // Postfix mends such lines or ends the headers there; another server might not.
    let worse = "From: ada@owners.test\r\nFr\tom: eve@stranger.test\r\nSubject : odd\r\n\r\napprove\r\n";
    mail.mailbox(BOT).put(worse.as_bytes())?;
    let messages = mail.mailbox(BOT).messages()?;
    assert_eq!(messages.last().context("no letter")?.raw, worse.as_bytes());
    assert!(read_over_imap(&mail, BOT).await?.ends_with(worse));
    Ok(())
}

#[tokio::test]
async fn a_suffix_behind_a_plus_is_kept_or_stripped_but_the_mailbox_is_the_same() -> Result<()> {
    let lab = Lab::start().await?;
    let mut mail = lab.mail().await?;
    let letter = Letter::new(ADA, "bot+k7f3@patchbot.test", lab_time()?).subject("token").text("approve");
    mail.send(&letter).await?;
    mail.wait_for(BOT, 1, PATIENCE).await?;
    mail.set_plus(Plus::Stripped).await?;
    mail.send(&letter).await?;
    let messages = mail.wait_for(BOT, 2, PATIENCE).await?;
    let delivered: Vec<_> = messages.iter().filter_map(|message| message.header("Delivered-To")).collect();
    assert_eq!(delivered, ["bot+k7f3@patchbot.test", "bot@patchbot.test"]);
    let addressed: Vec<_> = messages.iter().filter_map(|message| message.header("To")).collect();
    assert_eq!(addressed, ["bot+k7f3@patchbot.test", "bot+k7f3@patchbot.test"]);
    Ok(())
}

#[tokio::test]
async fn recipients_can_be_refused_put_off_and_bounced() -> Result<()> {
    let lab = Lab::start().await?;
    let mut mail = lab.mail().await?;
    let to =
        |recipient: &str| Ok::<_, anyhow::Error>(Letter::new(BOT, recipient, lab_time()?).subject("notice"));
    mail.refuse(ADA, "550 5.1.1 nobody here").await?;
    mail.refuse("bob@owners.test", "450 4.2.0 try later").await?;
    let refused = mail.send(&to(ADA)?).await.err().context("taken")?;
    assert!(format!("{refused:#}").contains("550 5.1.1"), "{refused:#}");
    let put_off = mail.send(&to("bob@owners.test")?).await.err().context("taken")?;
    assert!(format!("{put_off:#}").contains("450 4.2.0"), "{put_off:#}");
    mail.accept(ADA).await?;
    mail.send(&to(ADA)?).await?;
    mail.wait_for(ADA, 1, PATIENCE).await?;

    mail.bounce("carol@owners.test", "5.2.2 mailbox full").await?;
    mail.send(&to("carol@owners.test")?.envelope_from("bot+bounce-7@patchbot.test")).await?;
    let messages = mail.wait_for(BOT, 1, PATIENCE).await?;
    let bounce = messages.first().context("no bounce")?;
    assert_eq!(bounce.header("Delivered-To").as_deref(), Some("bot+bounce-7@patchbot.test"));
    assert_eq!(bounce.header("Return-Path").as_deref(), Some("<>"));
    assert!(bounce.header("Content-Type").is_some_and(|kind| kind.starts_with("multipart/report")));
    assert!(bounce.body().contains("Status: 5.2.2"), "{}", bounce.body());
    Ok(())
}

#[tokio::test]
async fn servers_can_be_stopped_and_started_and_no_letter_is_lost() -> Result<()> {
    let lab = Lab::start().await?;
    let mut mail = lab.mail().await?;
    mail.stop_dovecot().await?;
    assert!(tokio::net::TcpStream::connect(mail.imap()).await.is_err());
    mail.send(&approval()?).await?;
    assert_eq!(mail.mailbox(BOT).messages()?.len(), 0);
    mail.start_dovecot().await?;
    mail.wait_for(BOT, 1, PATIENCE).await?;
    mail.stop_postfix().await?;
    assert!(mail.send(&approval()?).await.is_err());
    mail.start_postfix().await?;
    mail.send(&approval()?).await?;
    mail.wait_for(BOT, 2, PATIENCE).await?;
    Ok(())
}

#[tokio::test]
async fn patchbot_submits_with_a_password_over_tls_and_not_without() -> Result<()> {
    let lab = Lab::start().await?;
    let mail = lab.mail().await?;
    let swaks = async |server: std::net::SocketAddr, options: &[&str]| -> Result<bool> {
        let status = tokio::process::Command::new("swaks")
            .args(["--server", &server.to_string(), "--from", BOT, "--to", ADA, "--silent", "3"])
            .args(options)
            .stdout(Stdio::null())
            .status()
            .await?;
        Ok(status.success())
    };
    let authority = mail.authority().display().to_string();
    let tls = ["--tls", "--tls-verify", "--tls-ca-path", &authority];
    let login = ["--auth", "PLAIN", "--auth-user", BOT, "--auth-password", PASSWORD];
    assert!(swaks(mail.submission(), &[&tls[..], &login[..]].concat()).await?);
    assert!(!swaks(mail.submission(), &tls).await?);
    assert!(!swaks(mail.submission(), &login).await?);
    assert!(swaks(mail.relay(), &[]).await?);
    mail.wait_for(ADA, 2, PATIENCE).await?;
    Ok(())
}
