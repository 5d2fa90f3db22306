//! Mail is real: signed by a sender's server, delivered over SMTP, read over IMAP, judged by its DNS records.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Result, bail};
use chrono::{DateTime, Utc};
use patchbot_lab::{Algorithm, Dns, Lab, Letter, Plus, Signature};

const PATIENCE: Duration = Duration::from_secs(20);
const BOT: &str = "bot@patchbot.test";
const ADA: &str = "ada@owners.test";

/// A moment of patchbot's shifted test clock, far from this machine's.
fn lab_time() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_424_400, 0).unwrap_or_default()
}

async fn dig(dns: &Dns, name: &str, kind: &str) -> Result<String> {
    let server = format!("@{}", dns.address().ip());
    let output = tokio::process::Command::new("dig")
        .args([&server, "+noall", "+comments", "+answer", "+tries=1", "+time=1", name, kind])
        .output()
        .await?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test]
async fn a_signed_letter_reaches_the_mailbox_and_its_signature_holds_in_lab_time() -> Result<()> {
    let lab = Lab::start().await?;
    let (dns, mail) = tokio::try_join!(lab.dns(), lab.mail())?;
    let IpAddr::V4(resolver) = dns.address().ip() else { bail!("no IPv4 address") };
    let letter =
        Letter::new(ADA, "bot+TOKEN@patchbot.test", lab_time()).subject("Re: [CHG-1]").text("approve");
    mail.send(&letter.clone().signed()).await?;
    let ed25519 = Signature::of("owners.test").algorithm(Algorithm::Ed25519Sha256);
    mail.send(&letter.signed_by(ed25519)).await?;

    for message in mail.wait_for(BOT, 2, PATIENCE).await? {
        assert_eq!(message.header("Delivered-To").as_deref(), Some("bot+TOKEN@patchbot.test"));
        assert_eq!(message.body(), "approve");
        assert!(message.header("DKIM-Signature").is_some_and(|header| header.contains("t=1795424400")));
        assert_eq!(mail.verify(resolver, &message.raw).await?, ["good"]);
    }
    Ok(())
}
