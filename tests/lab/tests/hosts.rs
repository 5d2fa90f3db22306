//! Hosts are real: they boot, let one in, take packages, fail, reboot and lose power.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use patchbot_lab::{Host, HostBuilder, Lab, Output, Package, Sudo, Suite};

/// hrSystemDate, the question patchbot asks to learn a host's zone.
const SYSTEM_DATE: &str = ".1.3.6.1.2.1.25.1.2.0";

/// What patchbot would run over ssh, in the shape a person would type it.
async fn patch(host: &Host) -> Result<Output> {
    host.ssh("sudo -n apt-get -qq update").await?.ok()?;
    host.ssh("sudo -n DEBIAN_FRONTEND=noninteractive apt-get -y upgrade").await
}

async fn snmp_date(address: Ipv4Addr, login: &[&str]) -> Result<String> {
    let output = tokio::process::Command::new("snmpget")
        .args(login)
        .args(["-Ovx", &address.to_string(), SYSTEM_DATE])
        .output()
        .await?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

async fn connects(address: std::net::SocketAddr) -> bool {
    let connect = tokio::net::TcpStream::connect(address);
    matches!(tokio::time::timeout(Duration::from_millis(500), connect).await, Ok(Ok(_)))
}

/// Boots, is patched 1.0 → 1.1 over ssh, asks for a reboot, reboots.
async fn is_patched_and_rebooted(lab: &Lab, described: HostBuilder) -> Result<Host> {
    let host = described.zone("Asia/Tokyo").installed(["lab-app", "lab-reboot"]).start().await?;
    assert_eq!(host.package_version("lab-app").await?.as_deref(), Some("1.0"));
    assert_eq!(host.ssh_with("id_rsa", "id -un").await?.ok()?, Host::USER);
    assert_eq!(host.ssh_with("stranger", "true").await?.code, 255);

    lab.repository().publish(Suite::Main, "lab-app").await?;
    lab.repository().publish(Suite::Security, "lab-reboot").await?;
    patch(&host).await?.ok()?;
    assert_eq!(host.package_version("lab-app").await?.as_deref(), Some("1.1"));
    assert_eq!(host.ssh("cat /var/run/reboot-required.pkgs").await?.ok()?, "lab-reboot");
    assert_eq!(host.ssh("date +%Z").await?.ok()?, "JST");

    let before = host.boot_id()?;
    assert_eq!(host.ssh("cat /proc/sys/kernel/random/boot_id").await?.ok()?, before);
    host.ssh("sudo -n shutdown -r now").await?;
    host.wait_until_up(2).await?;
    assert_ne!(host.ssh("cat /proc/sys/kernel/random/boot_id").await?.ok()?, before);
    assert_eq!(host.ssh("test -e /var/run/reboot-required").await?.code, 1);
    let uptime = host.ssh("cut -d. -f1 /proc/uptime").await?.ok()?;
    assert!(uptime.parse::<u32>()? < 30, "uptime {uptime}");
    Ok(host)
}

#[tokio::test]
async fn a_full_host_is_patched_over_ssh_and_reboots_with_a_new_boot_id() -> Result<()> {
    let lab = Lab::start().await?;
    let host = is_patched_and_rebooted(&lab, lab.host("web01")).await?;
    assert_eq!(host.ssh("systemctl is-system-running --wait").await?.ok()?, "running");
    assert_eq!(host.ssh("timedatectl show -p Timezone --value").await?.ok()?, "Asia/Tokyo");
    let machine = host.read("/etc/machine-id")?;
    assert_eq!(machine.trim().len(), 32, "{machine}");
    assert_eq!(host.ssh("sudo -n systemd-run --wait --pipe -q echo ran").await?.ok()?, "ran");
    host.reboot().await?;
    assert_eq!(host.boots()?, 3);
    assert_eq!(host.read("/etc/machine-id")?, machine);
    Ok(())
}

#[tokio::test]
async fn a_light_host_is_patched_over_ssh_and_reboots_with_a_new_boot_id() -> Result<()> {
    let lab = Lab::start().await?;
    let host = is_patched_and_rebooted(&lab, lab.host("web01").light()).await?;
    assert_eq!(host.ssh("test -d /run/systemd/system").await?.code, 1);
    // Each would change nothing if it did reach the machine.
    for beyond in ["date -s \"$(date)\"", "cat /proc/sys/kernel/pid_max >/proc/sys/kernel/pid_max"] {
        let output = host.ssh(&format!("sudo -n sh -c '{beyond}'")).await?;
        assert!(!output.succeeded(), "{beyond} reaches beyond the host: {output:?}");
    }
    host.reboot().await?;
    assert_eq!(host.boots()?, 3);
    Ok(())
}

#[tokio::test]
async fn a_failing_postinst_leaves_its_package_half_configured_and_the_others_upgraded() -> Result<()> {
    let lab = Lab::start().await?;
    let host = lab.host("web01").light().installed(["lab-app", "lab-postfail"]).start().await?;
    lab.repository().publish(Suite::Main, "lab-app").await?;
    lab.repository().publish(Suite::Main, "lab-postfail").await?;
    let output = patch(&host).await?;
    assert_eq!(output.code, 100);
    assert!(output.stdout.contains("lab-postfail: simulated failure"), "{output:?}");
    assert_eq!(host.package_version("lab-app").await?.as_deref(), Some("1.1"));
    assert_eq!(host.package_version("lab-postfail").await?.as_deref(), Some("1.1 (iF)"));
    Ok(())
}

#[tokio::test]
async fn a_full_disk_stops_an_upgrade_and_a_second_try_with_room_finishes_it() -> Result<()> {
    let lab = Lab::start().await?;
    let host = lab.host("web01").light().disk(64).installed(["lab-app", "lab-big"]).start().await?;
    host.exec("head -c 30M /dev/zero >/var/tmp/filler").await?.ok()?;
    lab.repository().publish(Suite::Main, "lab-app").await?;
    lab.repository().publish(Suite::Main, "lab-big").await?;
    let output = patch(&host).await?;
    assert_eq!(output.code, 100, "{}{}", output.stdout, output.stderr);
    assert!(output.stdout.contains("No space left on device"), "{output:?}");
    assert!(!output.stdout.contains("Stale file handle"), "no real disk says that: {output:?}");
    assert_ne!(host.package_version("lab-big").await?.as_deref(), Some("1.1"));

    host.exec("rm /var/tmp/filler").await?.ok()?;
    patch(&host).await?.ok()?;
    assert_eq!(host.package_version("lab-big").await?.as_deref(), Some("1.1"));
    Ok(())
}

#[tokio::test]
async fn power_lost_in_the_middle_of_an_upgrade_is_repaired_by_dpkg() -> Result<()> {
    let lab = Lab::start().await?;
    let host =
        lab.host("web01").light().installed(["lab-slow"]).file("/etc/lab-slow/hold", "").start().await?;
    lab.repository().publish(Suite::Main, "lab-slow").await?;
    let watch = async {
        while !host.exec("pgrep -f [l]ab-slow.postinst").await?.succeeded() {}
        host.power_cut().await
    };
    tokio::select! {
        output = patch(&host) => bail!("a dark host says goodbye to nobody: {output:?}"),
        cut = watch => cut?,
    }
    assert!(!connects(host.ssh_address()).await, "a dark host answers");

    host.power_on().await?;
    assert_eq!(host.package_version("lab-slow").await?.as_deref(), Some("1.1 (iF)"));
    host.exec("rm /etc/lab-slow/hold; echo 0 >/etc/lab-slow/seconds").await?.ok()?;
    host.ssh("sudo -n dpkg --configure -a").await?.ok()?;
    assert_eq!(host.package_version("lab-slow").await?.as_deref(), Some("1.1"));
    Ok(())
}

#[tokio::test]
async fn a_service_that_does_not_survive_its_upgrade_shows_in_units_and_ports() -> Result<()> {
    let lab = Lab::start().await?;
    let host = lab.host("web01").installed(["lab-service", "lab-badservice"]).start().await?;
    let active = "systemctl is-active lab-service lab-badservice";
    let listening = "ss -Hltn | awk '{print $4}' | grep -o '808[01]$' | sort | xargs";
    assert_eq!(host.ssh("systemctl is-system-running --wait").await?.ok()?, "running");
    assert_eq!(host.ssh(active).await?.stdout, "active\nactive\n");
    assert_eq!(host.ssh(listening).await?.ok()?, "8080 8081");

    lab.repository().publish_updates().await?;
    patch(&host).await?.ok()?;
    while host.ssh(active).await?.stdout != "active\nfailed\n" {}
    assert_eq!(host.ssh(listening).await?.ok()?, "8080");
    Ok(())
}

#[tokio::test]
async fn updates_say_which_of_them_are_for_security() -> Result<()> {
    let lab = Lab::start().await?;
    let host = lab.host("web01").light().installed(["lab-app", "lab-reboot", "lab-newdep"]).start().await?;
    lab.repository().publish(Suite::Main, "lab-app").await?;
    lab.repository().publish(Suite::Security, "lab-reboot").await?;
    lab.repository().publish(Suite::Main, "lab-newdep").await?;
    host.ssh("sudo -n apt-get -qq update").await?.ok()?;
    let said = host.ssh("apt-get -s upgrade").await?.ok()?;
    assert!(said.contains("Inst lab-app [1.0] (1.1 Debian:12.11/stable [all])"), "{said}");
    assert!(said.contains("Inst lab-reboot [1.0] (1.1 Debian-Security:12/stable-security [all])"), "{said}");
    assert!(!said.contains("Inst lab-newdep"), "an upgrade brings no new packages: {said}");

    lab.repository().take_offline()?;
    assert_eq!(host.ssh("sudo -n apt-get update").await?.code, 100);
    lab.repository().bring_back()?;
    let odd =
        Package::new("lab-odd", "3.14").field("Depends", "lab-app (>= 1.1)").file("/etc/odd.conf", "odd\n");
    lab.repository().add(Suite::Main, vec![odd]).await?;
    host.ssh("sudo -n apt-get -qq update && sudo -n apt-get -y install lab-odd").await?.ok()?;
    assert_eq!(host.package_version("lab-odd").await?.as_deref(), Some("3.14"));
    assert_eq!(host.package_version("lab-none").await?, None);
    Ok(())
}

#[tokio::test]
async fn snmp_gives_the_date_with_the_offset_of_the_hosts_zone() -> Result<()> {
    let lab = Lab::start().await?;
    let forged = "override .1.3.6.1.2.1.25.1.2.0 octet_str 0x07ea0b1714060000";
    let (full, light, odd, silent) = tokio::try_join!(
        lab.host("full").zone("America/Caracas").start(),
        lab.host("light").light().zone("Asia/Kathmandu").start(),
        lab.host("odd").light().snmp_lines(forged).start(),
        lab.host("silent").light().without_snmp().start(),
    )?;
    let public = ["-v2c", "-c", "labpub", "-r", "1"];
    let date = snmp_date(full.address(), &public).await?;
    assert!(date.ends_with("2D 04 00"), "Caracas is at -04:00, not {date}");
    let date = snmp_date(light.address(), &public).await?;
    assert!(date.ends_with("2B 05 2D"), "Kathmandu is at +05:45, not {date}");
    assert_eq!(snmp_date(odd.address(), &public).await?, "Hex-STRING: 07 EA 0B 17 14 06 00 00");
    assert_eq!(snmp_date(silent.address(), &public).await?, "");

    let version3 =
        ["-v3", "-l", "authPriv", "-a", "SHA", "-A", "authpass12", "-x", "AES", "-X", "privpass12"];
    let login = [&version3[..], &["-u", "labsha"]].concat();
    assert!(snmp_date(full.address(), &login).await?.ends_with("2D 04 00"));
    let login = [&version3[..], &["-u", "nobody"]].concat();
    assert_eq!(snmp_date(light.address(), &login).await?, "");
    Ok(())
}

#[tokio::test]
async fn what_a_host_shows_and_allows_can_be_changed_while_it_runs() -> Result<()> {
    let lab = Lab::start().await?;
    let full = lab.host("full").load(4.5, 2.0, 1.0).sudo(Sudo::None).file("/etc/motd", "keep out\n").start();
    let (full, light) = tokio::try_join!(full, lab.host("light").light().start())?;

    assert!(full.ssh("cat /proc/loadavg").await?.ok()?.starts_with("4.50 2.00 1.00 "));
    full.set_load(0.2, 0.1, 0.0).await?;
    assert!(full.ssh("uptime").await?.ok()?.ends_with("load average: 0.20, 0.10, 0.00"));
    assert_eq!(full.read("/etc/motd")?, "keep out\n");

    let refused = full.ssh("sudo -n true").await?;
    assert_eq!(refused.code, 1, "{refused:?}");
    full.set_sudo(Sudo::Full).await?;
    full.ssh("sudo -n true").await?.ok()?;

    assert_ne!(full.host_key()?, light.host_key()?);
    for host in [&full, &light] {
        let before = host.host_key()?;
        assert!(before.starts_with("ssh-ed25519 "), "{before}");
        assert_ne!(host.change_host_key().await?, before);
        host.ssh("true").await?.ok()?;

        host.network_down().await?;
        assert!(!connects(host.ssh_address()).await);
        host.network_up().await?;
        host.wait_until_up(1).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_host_that_is_taken_down_is_gone_and_its_name_is_free_again() -> Result<()> {
    let lab = Lab::start().await?;
    let host = lab.host("web01").light().disk(32).start().await?;
    let address = host.ssh_address();
    let again = lab.host("web01").light().start().await.err().context("two hosts of one name")?;
    assert_eq!(again.to_string(), "there is a host web01 already");
    host.down().await?;
    assert!(!connects(address).await);
    let host = lab.host("web01").start().await?;
    host.exec("poweroff").await?;
    let off = host.wait_until_up(2).await.err().context("a host came back that was switched off")?;
    assert!(format!("{off:#}").contains("switched off"), "{off:#}");
    host.power_on().await?;
    Ok(())
}

#[tokio::test]
async fn a_crowd_is_one_host_under_a_thousand_addresses() -> Result<()> {
    let lab = Lab::start().await?;
    let host = lab.host("crowd").light().crowd().start().await?;
    let crowd = host.crowd();
    assert_eq!(crowd.len(), 1020);
    for address in [crowd.first(), crowd.get(500), crowd.last()].into_iter().flatten() {
        assert!(connects((*address, Host::SSH_PORT).into()).await, "{address} does not answer");
        let date = snmp_date(*address, &["-v2c", "-c", "labpub"]).await?;
        assert!(date.ends_with("2B 00 00"), "{address} says {date}");
    }
    Ok(())
}
