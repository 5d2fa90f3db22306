//! PostgreSQL crashes and comes back, names change and fail, connections break, an agent answers for a fleet.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use patchbot_lab::{Dns, Lab, TcpProxy, Traffic};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn a_committed_row_survives_a_crash_of_postgresql() -> Result<()> {
    let lab = Lab::start().await?;
    let mut server = lab.postgres().await?;
    server.create_database("plans").await?;
    server.query("plans", "CREATE TABLE t (n int); INSERT INTO t VALUES (7)").await?;
    server.crash().await?;
    assert!(server.query("plans", "SELECT 1").await.is_err());
    server.start().await?;
    assert_eq!(server.query("plans", "SELECT n FROM t").await?, "7");
    server.create_database_from("plans", "copy").await?;
    assert_eq!(server.query("copy", "SELECT n FROM t").await?, "7");
    server.stop().await?;
    server.start().await?;
    assert_eq!(server.query("copy", "SELECT n FROM t").await?, "7");
    Ok(())
}

/// What dig says about a name: the status and the answers.
async fn dig(dns: &Dns, name: &str, kind: &str) -> Result<String> {
    let server = format!("@{}", dns.address().ip());
    let output = tokio::process::Command::new("dig")
        .args([&server, "+noall", "+comments", "+answer", "+tries=1", "+time=1", name, kind])
        .output()
        .await?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test]
async fn names_have_records_that_change_fail_and_fall_silent() -> Result<()> {
    let lab = Lab::start().await?;
    let mut dns = lab.dns().await?;
    let key = "lab._domainkey.owners.test";
    assert!(dig(&dns, key, "TXT").await?.contains("v=DKIM1; k=rsa; p=MII"));
    assert!(dig(&dns, "_dmarc.owners.test", "TXT").await?.contains("p=reject"));
    assert!(dig(&dns, "lab._domainkey.nodkim.test", "TXT").await?.contains("NXDOMAIN"));
    assert!(dig(&dns, "owners.test", "MX").await?.contains("10 mail.owners.test."));
    assert!(dig(&dns, "mail.owners.test", "A").await?.contains(&lab.loopback(25).to_string()));

    dns.set_text("_dmarc.owners.test", "v=DMARC1; p=none, or \"so\"").await?;
    assert!(dig(&dns, "_dmarc.owners.test", "TXT").await?.contains(r#"p=none, or \"so\""#));
    dns.remove_text("_dmarc.owners.test").await?;
    assert!(!dig(&dns, "_dmarc.owners.test", "TXT").await?.contains("DMARC1"));

    dns.fail("owners.test").await?;
    assert!(dig(&dns, key, "TXT").await?.contains("SERVFAIL"));
    assert!(dig(&dns, "lab._domainkey.patchbot.test", "TXT").await?.contains("v=DKIM1"));
    dns.mend("owners.test").await?;
    dns.silence("_domainkey.owners.test").await?;
    assert!(dig(&dns, key, "TXT").await?.contains("timed out"));
    assert!(dig(&dns, "owners.test", "TXT").await?.contains("v=spf1"));
    dns.mend("_domainkey.owners.test").await?;
    assert!(dig(&dns, key, "TXT").await?.contains("v=DKIM1"));

    dns.stop().await?;
    assert!(!dig(&dns, key, "TXT").await?.contains("status:"));
    dns.reload().await?;
    assert!(dig(&dns, key, "TXT").await?.contains("v=DKIM1"));
    Ok(())
}

/// A server that sends back what it is sent.
async fn echo() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    Ok(address)
}

/// Says something and gives what comes back within a moment.
async fn says(stream: &mut TcpStream, words: &str) -> Result<String> {
    stream.write_all(words.as_bytes()).await?;
    hears(stream).await
}

async fn hears(stream: &mut TcpStream) -> Result<String> {
    let mut heard = [0; 64];
    match tokio::time::timeout(Duration::from_millis(300), stream.read(&mut heard)).await {
        Ok(length) => Ok(String::from_utf8_lossy(heard.get(..length?).unwrap_or_default()).into_owned()),
        Err(_) => Ok("silence".to_owned()),
    }
}

#[tokio::test]
async fn a_proxy_passes_holds_slows_and_cuts() -> Result<()> {
    let proxy = TcpProxy::start("127.0.0.1".parse()?, echo().await?)?;
    let mut stream = TcpStream::connect(proxy.address()).await?;
    assert_eq!(says(&mut stream, "one").await?, "one");
    assert_eq!((proxy.made(), proxy.open()), (1, 1));

    proxy.set(Traffic::Hold);
    assert_eq!(says(&mut stream, "two").await?, "silence");
    proxy.set(Traffic::HoldReplies);
    assert_eq!(hears(&mut stream).await?, "silence");
    proxy.set(Traffic::Pass);
    assert_eq!(hears(&mut stream).await?, "two");

    proxy.set(Traffic::Slow(Duration::from_millis(60)));
    let begin = Instant::now();
    assert_eq!(says(&mut stream, "three").await?, "three");
    assert!(begin.elapsed() >= Duration::from_millis(120));

    proxy.set(Traffic::CutAfter(8));
    stream.write_all(b"12345").await?;
    assert_eq!(hears(&mut stream).await?, "123");
    assert!(hears(&mut stream).await.is_err(), "a cut is a reset");
    assert_eq!(proxy.traffic(), Traffic::Cut);
    let refused = async { hears(&mut TcpStream::connect(proxy.address()).await?).await };
    assert!(refused.await.is_err(), "a new connection lives");
    assert_eq!(proxy.made(), 2);

    proxy.set(Traffic::Pass);
    let mut stream = TcpStream::connect(proxy.address()).await?;
    assert_eq!(says(&mut stream, "four").await?, "four");
    drop(stream);
    let address = proxy.address();
    drop(proxy);
    assert!(TcpStream::connect(address).await.is_err());
    Ok(())
}

#[tokio::test]
async fn one_agent_answers_under_many_addresses_with_the_offset_of_its_zone() -> Result<()> {
    let lab = Lab::start().await?;
    let agent = lab.snmpd("Asia/Kolkata", 300, "").await?;
    assert_eq!(agent.addresses().len(), 300);
    let last = agent.addresses().last().context("no address")?.to_string();
    let date = ".1.3.6.1.2.1.25.1.2.0";
    let version2 = ["-v2c", "-c", "labpub"];
    let version3 = [
        "-v3", "-l", "authPriv", "-u", "labsha512", "-a", "SHA-512", "-A", "authpass12", "-x", "AES", "-X",
        "privpass12",
    ];
    for login in [&version2[..], &version3[..]] {
        let output =
            tokio::process::Command::new("snmpget").args(login).args(["-Ovx", &last, date]).output().await?;
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.trim().ends_with("2B 05 1E"), "Kolkata is at +05:30, not {said}");
    }
    agent.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_lab_can_be_used_by_tasks_that_move_between_threads() -> Result<()> {
    let story = tokio::spawn(async {
        let lab = Lab::start().await?;
        let (mut dns, mut mail, mut server, host) =
            tokio::try_join!(lab.dns(), lab.mail(), lab.postgres(), lab.host("web01").light().start())?;
        dns.set_text("x.test", "y").await?;
        mail.refuse("ada@owners.test", "550 5.1.1 no").await?;
        server.crash().await?;
        host.reboot().await?;
        host.down().await
    });
    story.await?
}
