//! The facts of one round trip, on hosts with and without systemd.

use anyhow::{Context as _, Result};
use chrono_tz::Tz;
use patchbot::domain::check::{CheckLevels, Context, Finding, Level, Seen, judge};
use patchbot::domain::facts::*;
use patchbot_lab::{Host, Lab, Package, Suite};

use super::{Site, with_helper};

/// What is the same on every host of the lab.
fn are_whole(facts: &Facts, host: &Host) -> Result<()> {
    assert_eq!(facts.problems, []);
    assert_eq!(facts.host.boot_id.to_string(), host.boot_id()?);
    assert_eq!(facts.host.name, "web01");
    assert!(facts.host.uptime < 600);
    assert!((chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_000)) < facts.host.clock);
    assert_eq!(facts.os.as_ref().map(|os| (os.id.as_str(), os.version.as_str())), Some(("debian", "12")));
    assert!(facts.disks.as_ref().is_some_and(|disks| disks.iter().any(|disk| disk.mount == "/")));
    assert!(facts.memory.is_some_and(|memory| memory.total_kb > memory.available_kb));
    let packages = facts.packages.as_ref().context("no packages")?;
    assert_eq!(packages.get("lab-app").map(String::as_str), Some("1.0"));
    assert!(packages.len() > 50 && packages.contains_key("openssh-server"));
    let ports = facts.ports.as_ref().context("no ports")?;
    let sshd = ports.listening.iter().find(|(port, _)| port.protocol == Protocol::Tcp && port.number == 22);
    assert_eq!(sshd.and_then(|(_, process)| process.as_deref()), Some("sshd"));
    assert!(
        facts.mounts.as_ref().is_some_and(|mounts| mounts.iter().any(|mount| mount.point == "/srv/repo"))
    );
    assert_eq!(facts.boot_order, None);
    Ok(())
}

#[tokio::test]
async fn a_host_with_systemd_tells_everything_in_one_round_trip() -> Result<()> {
    let lab = Lab::start().await?;
    let described = lab.host("web01").zone("America/New_York").installed(["lab-app", "lab-service"]);
    let host = with_helper(described).start().await?;
    lab.repository().publish(Suite::Main, "lab-app").await?;
    lab.repository().publish(Suite::Security, "lab-service").await?;
    host.exec("systemctl reset-failed; systemd-run --unit=broken false").await?;
    let site = Site { lab, host };
    let facts = site.facts_with(&["ssh", "lab-service", "nothing", "broken"]).await?;
    are_whole(&facts, &site.host)?;

    let zone = facts.zone.as_ref().unwrap();
    assert_eq!(zone.name(), Some("America/New_York"));
    assert_eq!(zone.named.len(), 3, "timedatectl, /etc/timezone and the link all tell it");
    assert!([-18000, -14400].contains(&zone.offset));
    let Some(Units::Systemd { running, failed }) = &facts.units else { panic!("no units") };
    assert!(running.contains("ssh.service"));
    assert_eq!(failed.iter().collect::<Vec<_>>(), ["broken.service"]);
    let services = facts.services.as_ref().unwrap();
    assert_eq!(services["ssh"], ServiceState::Active);
    assert_eq!(services["lab-service"], ServiceState::Active);
    assert_eq!(services["nothing"], ServiceState::Absent);
    assert_eq!(services["broken"], ServiceState::Failed);
    let updates = facts.updates.as_ref().unwrap();
    assert_eq!((updates.count, updates.security, updates.kernel), (2, 1, false));
    assert!(updates.download_kb > 0);
    let app = updates.packages.iter().find(|update| update.name == "lab-app").unwrap();
    assert_eq!((app.before.as_deref(), app.after.as_str(), app.security), (Some("1.0"), "1.1", false));
    assert_eq!(facts.repositories, Some(Repositories { reachable: true, failures: Vec::new() }));

    // Taking facts changes nothing: apt still knows of no update, and no list was written.
    let lists = site.host.exec("find /var/lib/apt/lists /var/cache/apt -newer /etc/hostname -type f").await?;
    assert_eq!(lists.stdout.trim(), "");
    Ok(())
}

#[tokio::test]
async fn a_host_without_systemd_tells_the_same_and_says_that_it_has_none() -> Result<()> {
    let site = Site::light(["lab-app"]).await?;
    let facts = site.facts_with(&["sshd", "nginx"]).await?;
    are_whole(&facts, &site.host)?;
    assert_eq!(facts.units, Some(Units::NoSystemd));
    let zone = facts.zone.as_ref().unwrap();
    assert!(zone.name().is_some() && !zone.named.contains_key(&ZoneSource::Timedatectl), "{zone:?}");
    let services = facts.services.as_ref().unwrap();
    assert_eq!(services["sshd"], ServiceState::Active);
    assert_eq!(services["nginx"], ServiceState::Unknown);

    let context = Context { machine: facts.host.clock, zone: Tz::UTC, snmp_offset: None, helper: None };
    let findings = judge(Seen::Facts(&facts), &CheckLevels::default(), &context);
    let bad: Vec<String> =
        findings.iter().filter(|finding| finding.level == Level::Block).map(Finding::sentence).collect();
    assert_eq!(bad, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn whatever_is_wrong_with_a_host_is_in_its_facts() -> Result<()> {
    let lab = Lab::start().await?;
    let described =
        with_helper(lab.host("web01").light().installed(["lab-app", "lab-postfail", "lab-reboot"]));
    let host = described
        .program("/etc/patching/checks.d/backup", "#!/bin/sh\necho 'the last \"backup\"\\is old'; exit 2\n")
        .program("/etc/patching/checks.d/fine", "#!/bin/sh\nexit 0\n")
        .program("/etc/patching/checks.d/loose", "#!/bin/sh\ntouch /loose-ran\n")
        .program(
            "/usr/local/bin/racadm",
            "#!/bin/sh\n[ \"$2\" = BIOS.BiosBootSettings.BootSeq ] || exit 1\nprintf '[Key=BIOS]\\r\\nBootSeq=NIC.1-1,HardDisk.List.1-1\\r\\n'\n",
        )
        .start()
        .await?;
    for name in ["lab-app", "lab-postfail", "lab-reboot"] {
        lab.repository().publish(Suite::Main, name).await?;
    }
    host.exec(
        "chmod 777 /etc/patching/checks.d/loose; apt-get update; apt-get -y upgrade; apt-mark hold lab-app",
    )
    .await?;
    lab.repository().add(Suite::Main, vec![Package::new("lab-app", "1.2")]).await?;
    lab.repository().take_offline()?;
    host.exec("sleep 60 8>/var/lib/dpkg/lock-frontend >/dev/null 2>&1 &").await?;
    let site = Site { lab, host };
    let facts = site.facts().await?;
    assert_eq!(facts.problems, []);
    assert_eq!(facts.held, Some(vec!["lab-app".to_owned()]));
    let broken = facts.broken.unwrap();
    assert_eq!(
        broken,
        [BrokenPackage { name: "lab-postfail".into(), state: "its configuration failed".into() }]
    );
    assert_eq!(facts.reboot, Some(RebootPending { required: true, packages: vec!["lab-reboot".to_owned()] }));
    let repositories = facts.repositories.unwrap();
    assert!(!repositories.reachable && !repositories.failures.is_empty(), "{repositories:?}");
    let locked_by = facts.packager.unwrap().locked_by.unwrap();
    assert_eq!(locked_by.name, "sleep");
    let order = facts.boot_order.unwrap();
    assert!(order.network_first);
    assert_eq!(order.order, "NIC.1-1,HardDisk.List.1-1");
    let checks: Vec<(String, Option<i32>)> =
        facts.site_checks.iter().flatten().map(|check| (check.name.clone(), check.rc)).collect();
    assert_eq!(
        checks,
        [("backup".to_owned(), Some(2)), ("fine".to_owned(), Some(0)), ("loose".to_owned(), None)]
    );
    assert!(
        facts.site_checks.iter().flatten().any(|check| check.text.contains(r#"the last "backup"\is old"#))
    );
    assert_eq!(site.host.exec("ls /loose-ran").await?.code, 2, "a check that others can write is not run");
    Ok(())
}

#[tokio::test]
async fn names_no_json_likes_come_through_whole() -> Result<()> {
    let site = Site::light([]).await?;
    let odd = "/mnt/a \"b\\c\té\u{1}";
    site.host.exec(&format!("mkdir -p '{odd}' && mount -t tmpfs tmpfs /mnt && mkdir -p '{odd}' && mount --bind /srv/repo '{odd}'")).await?.ok()?;
    site.host
        .exec("mkdir /mnt/$(printf 'bad\\377') && mount --bind /srv/repo /mnt/$(printf 'bad\\377')")
        .await?
        .ok()?;
    let facts = site.facts().await?;
    let points: Vec<&str> = facts.mounts.iter().flatten().map(|mount| mount.point.as_str()).collect();
    assert!(points.contains(&odd), "{points:?}");
    assert!(points.contains(&"/mnt/bad\u{fffd}"), "{points:?}");
    Ok(())
}

#[tokio::test]
async fn a_full_disk_keeps_no_facts_back() -> Result<()> {
    let lab = Lab::start().await?;
    let host = with_helper(lab.host("web01").light().installed(["lab-app"]).disk(32)).start().await?;
    host.exec("cat /dev/zero >/var/tmp/ballast 2>/dev/null").await?;
    let site = Site { lab, host };
    let facts = site.facts().await?;
    let root = facts.disks.iter().flatten().find(|disk| disk.mount == "/").unwrap();
    assert_eq!((root.used_percent, root.free_kb), (100, 0));
    assert!(facts.packages.is_some() && facts.units.is_some());
    Ok(())
}
