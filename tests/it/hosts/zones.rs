//! The zones of whole fleets: over SNMP from one socket, over SSH whoever does not say it there, and what the report says.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use patchbot_lab::{Host, Installation, Lab};

/// An installation with these servers, that asks over SNMP when `snmp` says how.
async fn installation(lab: &Lab, folder: &Path, sheet: &str, snmp: &str) -> Result<Installation> {
    let program = Path::new(env!("CARGO_BIN_EXE_patchbot"));
    let bot = Installation::new(program, folder, "2026-11-24T08:00:00Z".parse()?)?;
    std::fs::write(folder.join("community"), "labpub\n")?;
    std::fs::write(folder.join("auth"), "authpass12\n")?;
    std::fs::write(folder.join("privacy"), "privpass12\n")?;
    bot.configure(lab, &snmp.replace("FOLDER", folder.to_str().unwrap()))?;
    std::fs::write(
        folder.join("servers.csv"),
        format!("server_name,server_timezone,ip_address,ssh_port,host_group\n{sheet}"),
    )?;
    bot.ok(&["import", folder.join("servers.csv").to_str().unwrap(), "--apply"]).await?;
    Ok(bot)
}

const V2C: &str = "[snmp]\ncommunity = { file = \"FOLDER/community\" }\ntimeout = \"1s\"\nretries = 2\n";
const V3: &str = "[snmp]\nuser = \"labsha\"\npassword = { file = \"FOLDER/auth\" }\nprivacy_password = { file = \"FOLDER/privacy\" }\ntimeout = \"5s\"\n";

#[tokio::test]
async fn a_thousand_servers_are_asked_over_one_socket_and_the_silent_cost_their_timeouts_once() -> Result<()>
{
    let lab = Lab::start().await?;
    let crowd = lab.snmpd("Asia/Tokyo", 1000, "").await?;
    let folder = tempfile::tempdir()?;
    let mut sheet = String::new();
    for (number, address) in crowd.addresses().iter().enumerate() {
        // Neither place puts its clocks forward.
        let zone = if number < 3 { "Africa/Lagos" } else { "Asia/Tokyo" };
        writeln!(sheet, "web{number:04},{zone},{address},22,{}", if number < 500 { "one" } else { "two" })?;
    }
    for number in 0..20 {
        writeln!(sheet, "silent{number:02},Asia/Tokyo,127.0.0.{},22,one", 201 + number)?;
    }
    let bot = installation(&lab, folder.path(), &sheet, V2C).await?;
    let said = bot.run(&["zones"]).await?;
    assert_eq!(said.code, Some(4), "{}", said.text);
    let lines: Vec<&str> = said.text.lines().collect();
    insta::assert_snapshot!(lines.first().unwrap(), @"web0000: the host has UTC+09:00 (SNMP), declared is Africa/Lagos (UTC+01:00)");
    insta::assert_snapshot!(lines[lines.len() - 2..].join("\n"), @"
    1020 servers: 997 confirmed (997 by SNMP, 0 over SSH), 3 contradicted, 0 with a clock that is off, 20 not known.
    → Nothing is blocked by it. Correct the zone in the inventory, or on the host: timedatectl set-timezone ZONE.
    ");
    assert!(
        said.text.contains(
            "silent00: not known: silent00 (127.0.0.201:161) does not answer over SNMP, asked 3 times"
        ),
        "{}",
        said.text
    );
    assert_eq!(lines.len(), 3 + 20 + 2, "{}", said.text);
    let last = bot.run(&["zones", "--last", "--filter", "group=one and zone=Africa/*"]).await?;
    insta::assert_snapshot!(last.text.lines().skip(1).collect::<Vec<_>>().join("\n"), @"
    web0000: the host has UTC+09:00 (SNMP), declared is Africa/Lagos (UTC+01:00)
    web0001: the host has UTC+09:00 (SNMP), declared is Africa/Lagos (UTC+01:00)
    web0002: the host has UTC+09:00 (SNMP), declared is Africa/Lagos (UTC+01:00)
    3 servers: 0 confirmed (0 by SNMP, 0 over SSH), 3 contradicted, 0 with a clock that is off, 0 not known.
    → Nothing is blocked by it. Correct the zone in the inventory, or on the host: timedatectl set-timezone ZONE.
    ");
    Ok(())
}

#[tokio::test]
async fn who_does_not_say_it_over_snmp_is_asked_over_ssh_by_name() -> Result<()> {
    let lab = Lab::start().await?;
    let mut sheet = String::new();
    let mut hosts = Vec::new();
    for (name, declared) in [("web01", "Asia/Tokyo"), ("web02", "Africa/Lagos"), ("web03", "Japan")] {
        let host = lab.host(name).light().without_snmp().zone("Asia/Tokyo").start().await?;
        writeln!(sheet, "{name},{declared},{},{},web", host.address(), host.ssh_address().port())?;
        hosts.push(host);
    }
    let folder = tempfile::tempdir()?;
    let bot = installation(&lab, folder.path(), &sheet, V2C).await?;
    let unknown = bot.run(&["zones", "web01"]).await?;
    assert!(unknown.text.contains("; web01 is not enrolled"), "{}", unknown.text);
    let enrolled = bot
        .ok(&["enroll", "--filter", "group=web and enrolled=no", "--login", Host::USER, "--accept-new"])
        .await?;
    assert!(enrolled.ends_with("3 of 3 servers are enrolled.\n"), "{enrolled}");
    let said = bot.run(&["zones"]).await?;
    insta::assert_snapshot!(said.text, @"
    web02: the host has Asia/Tokyo (UTC+09:00, by /etc/timezone), declared is Africa/Lagos (UTC+01:00)
    3 servers: 2 confirmed (0 by SNMP, 2 over SSH), 1 contradicted, 0 with a clock that is off, 0 not known.
    → Nothing is blocked by it. Correct the zone in the inventory, or on the host: timedatectl set-timezone ZONE.
    ");
    Ok(())
}

#[tokio::test]
async fn a_user_of_v3_asks_as_well_and_the_doctor_says_whether_snmp_answers() -> Result<()> {
    let lab = Lab::start().await?;
    let crowd = lab.snmpd("Asia/Tokyo", 40, "").await?;
    let folder = tempfile::tempdir()?;
    let mut sheet = String::new();
    for (number, address) in crowd.addresses().iter().enumerate() {
        writeln!(sheet, "web{number:04},Asia/Tokyo,{address},22,web")?;
    }
    let bot = installation(&lab, folder.path(), &sheet, V3).await?;
    let said = bot.ok(&["zones"]).await?;
    insta::assert_snapshot!(said, @"40 servers: 40 confirmed (40 by SNMP, 0 over SSH), 0 contradicted, 0 with a clock that is off, 0 not known.");
    let doctor = bot.run(&["doctor"]).await?.text;
    insta::assert_snapshot!(doctor.lines().find(|line| line.contains("SNMP")).unwrap(), @"✓ SNMP: 5 of 5 servers that were asked tell their time.");
    crowd.stop().await?;
    let doctor = bot.run(&["doctor"]).await?.text;
    let line = doctor.lines().find(|line| line.contains("SNMP")).unwrap();
    assert!(line.starts_with("✗ SNMP: 0 of 5 servers that were asked tell their time; web00"), "{line}");
    Ok(())
}
