//! The zone probe against real agents.

use anyhow::{Context as _, Result};
use chrono::{FixedOffset, TimeDelta, Utc};
use patchbot::clock::Clock;
use patchbot::config::secret::Secret;
use patchbot::domain::zone::{Confirmation, confirms};
use patchbot::snmp::{Access, Agent, Cipher, Digest, HostTime, Probe, SnmpError, User};
use patchbot_lab::Lab;

fn agent(address: &impl ToString) -> Agent {
    Agent { name: "web01".to_owned(), address: address.to_string(), port: 161 }
}

fn quick() -> Probe {
    Probe { timeout: std::time::Duration::from_millis(300), retries: 1, lab_only: true }
}

fn access() -> Access {
    Access::V2c(Secret::new("labpub"))
}

#[tokio::test]
async fn an_agent_tells_its_time_with_the_offset_of_its_zone() -> Result<()> {
    let lab = Lab::start().await?;
    let tokyo = lab.snmpd("Asia/Tokyo", 1, "").await?;
    let time = Probe { lab_only: true, ..Probe::default() }
        .host_time(&agent(&tokyo.addresses()[0]), &access())
        .await?;
    let offset = time.offset.unwrap();
    assert_eq!(offset, FixedOffset::east_opt(9 * 3600).unwrap());
    let now = Clock::System.now();
    let told = time.local.and_local_timezone(offset).unwrap().with_timezone(&Utc);
    assert!((told - now).abs() < TimeDelta::seconds(5), "{told} {now}");
    assert_eq!(confirms(chrono_tz::Asia::Tokyo, offset, now), Confirmation::Confirmed);
    assert!(matches!(confirms(chrono_tz::Europe::Berlin, offset, now), Confirmation::Contradicted { .. }));
    Ok(())
}

#[tokio::test]
async fn eight_bytes_garbage_and_a_closed_view_are_told_apart() -> Result<()> {
    let date = "override .1.3.6.1.2.1.25.1.2.0";
    let time = ask(&format!("{date} octet_str 0x07ea0b1714060000"), "labpub").await??;
    assert_eq!((time.local.to_string().as_str(), time.offset), ("2026-11-23 20:06:00", None));
    let error = ask(&format!("{date} octet_str 0x0102"), "labpub").await?.unwrap_err();
    assert!(error.to_string().contains("is no date (2 bytes, and a date has 8 or 11)"), "{error}");
    let error = ask(&format!("{date} integer 5"), "labpub").await?.unwrap_err();
    assert!(matches!(error, SnmpError::Garbage { .. }), "{error}");
    let narrow = "view only included .1.3.6.1.2.1.1\nrocommunity narrow default -V only";
    let error = ask(narrow, "narrow").await?.unwrap_err();
    assert!(matches!(error, SnmpError::NoSuchObject { .. }), "{error}");
    Ok(())
}

/// Asks an agent that was configured with these lines.
async fn ask(lines: &str, community: &str) -> Result<Result<HostTime, SnmpError>> {
    let lab = Lab::start().await?;
    let snmpd = lab.snmpd("UTC", 1, lines).await?;
    let address = snmpd.addresses().first().context("no address")?;
    Ok(quick().host_time(&agent(address), &Access::V2c(Secret::new(community))).await)
}

fn user(name: &str, digest: Digest, cipher: Option<Cipher>) -> User {
    User {
        name: name.to_owned(),
        authentication: Some((digest, Secret::new("authpass12"))),
        privacy: cipher.map(|cipher| (cipher, Secret::new("privpass12"))),
    }
}

#[tokio::test]
async fn users_of_v3_are_let_in_by_their_passwords_only() -> Result<()> {
    let lab = Lab::start().await?;
    let host = lab.host("web01").light().zone("Asia/Tokyo").start().await?;
    // sshd is up first.
    while quick().host_time(&agent(&host.address()), &access()).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let patient = Probe { timeout: std::time::Duration::from_secs(3), ..quick() };
    for user in [
        user("labsha", Digest::Sha, Some(Cipher::Aes)),
        user("labsha512", Digest::Sha512, Some(Cipher::Aes)),
        user("labmd5", Digest::Md5, Some(Cipher::Des)),
        user("labauth", Digest::Sha, None),
    ] {
        let name = user.name.clone();
        let time = patient.host_time(&agent(&host.address()), &Access::V3(user)).await;
        assert_eq!(
            time.map_err(|error| format!("{name}: {error}")).unwrap().offset,
            FixedOffset::east_opt(9 * 3600)
        );
    }
    let mut wrong = user("labsha", Digest::Sha, Some(Cipher::Aes));
    wrong.authentication = Some((Digest::Sha, Secret::new("wrong-password")));
    for user in [user("nobody", Digest::Sha, Some(Cipher::Aes)), wrong] {
        let error = quick().host_time(&agent(&host.address()), &Access::V3(user)).await.unwrap_err();
        assert!(matches!(error, SnmpError::LoginRefused { .. }), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn silence_costs_its_timeouts_and_a_missing_agent_nothing() -> Result<()> {
    let lab = Lab::start().await?;
    let agent_of = lab.snmpd("UTC", 1, "").await?;
    let wrong = Access::V2c(Secret::new("wrong"));
    let error = quick().host_time(&agent(&agent_of.addresses()[0]), &wrong).await.unwrap_err();
    assert!(matches!(error, SnmpError::NoAnswer { asked: 2, .. }), "{error}");
    let nobody = Agent { port: 9, ..agent(&"127.0.0.1") };
    let error = quick().host_time(&nobody, &access()).await.unwrap_err();
    assert!(matches!(error, SnmpError::NoAgent { .. }), "{error}");
    let error = quick().host_time(&agent(&"192.0.2.1"), &access()).await.unwrap_err();
    assert!(matches!(error, SnmpError::OutsideLab { .. }), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_fleet_is_asked_in_a_users_name_over_one_socket() -> Result<()> {
    let lab = Lab::start().await?;
    let tokyo = lab.snmpd("Asia/Tokyo", 40, "").await?;
    let mut agents: Vec<Agent> = tokyo.addresses().iter().map(agent).collect();
    // Nobody answers at the one, and the other is outside the lab.
    let [a, b, c, _] = tokyo.addresses()[0].octets();
    agents.insert(20, agent(&format!("{a}.{b}.{c}.250")));
    agents.push(agent(&"192.0.2.1"));
    let probe = Probe { timeout: std::time::Duration::from_secs(2), ..quick() };
    for user in [
        user("labsha", Digest::Sha, Some(Cipher::Aes)),
        user("labmd5", Digest::Md5, Some(Cipher::Des)),
        user("labauth", Digest::Sha, None),
    ] {
        let name = user.name.clone();
        let settled = std::sync::atomic::AtomicUsize::new(0);
        let count = |more| {
            settled.fetch_add(more, std::sync::atomic::Ordering::Relaxed);
        };
        let mut times = probe.host_times(&agents, &Access::V3(user), count).await;
        assert_eq!(settled.into_inner(), agents.len(), "{name}");
        let outside = times.pop().context("no answer")?.unwrap_err();
        assert!(matches!(outside, SnmpError::OutsideLab { .. }), "{outside}");
        let silent = times.remove(20).unwrap_err();
        assert!(matches!(silent, SnmpError::NoAnswer { asked: 2, .. }), "{silent}");
        for time in times {
            let heard = time.map_err(|error| format!("{name}: {error}")).unwrap();
            assert_eq!(heard.time.offset, FixedOffset::east_opt(9 * 3600), "{name}");
        }
    }
    let mut wrong = user("labsha", Digest::Sha, Some(Cipher::Aes));
    wrong.authentication = Some((Digest::Sha, Secret::new("wrong-password")));
    for user in [user("nobody", Digest::Sha, Some(Cipher::Aes)), wrong] {
        let some = agents.get(..3).context("no agents")?;
        for time in probe.host_times(some, &Access::V3(user), |_| {}).await {
            let error = time.unwrap_err();
            assert!(matches!(error, SnmpError::LoginRefused { .. }), "{error}");
        }
    }
    Ok(())
}
