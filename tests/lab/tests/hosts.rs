//! Hosts are real: they boot, let one in, take packages, fail, reboot and lose power.

use anyhow::Result;
use patchbot_lab::{Host, Lab, Suite};

/// What patchbot would run over ssh, in the shape a person would type it.
const UPDATE: &str = "sudo -n apt-get -qq update";
const UPGRADE: &str = "sudo -n DEBIAN_FRONTEND=noninteractive apt-get -y upgrade";

async fn patch(host: &Host) -> Result<patchbot_lab::Output> {
    host.ssh(UPDATE).await?.ok()?;
    host.ssh(UPGRADE).await
}

#[tokio::test]
async fn a_full_host_is_patched_over_ssh_and_reboots_with_a_new_boot_id() -> Result<()> {
    let lab = Lab::start().await?;
    let host = lab.host("web01").zone("Asia/Tokyo").installed(["lab-app", "lab-reboot"]).start().await?;
    assert_eq!(host.package_version("lab-app").await?.as_deref(), Some("1.0"));
    assert_eq!(host.ssh("systemctl is-system-running --wait").await?.ok()?, "running");

    lab.repository().publish(Suite::Main, "lab-app").await?;
    lab.repository().publish(Suite::Main, "lab-reboot").await?;
    patch(&host).await?.ok()?;

    assert_eq!(host.package_version("lab-app").await?.as_deref(), Some("1.1"));
    assert_eq!(host.ssh("cat /var/run/reboot-required.pkgs").await?.ok()?, "lab-reboot");
    assert_eq!(host.ssh("timedatectl show -p Timezone --value").await?.ok()?, "Asia/Tokyo");

    let before = host.boot_id()?;
    host.ssh("sudo -n shutdown -r now").await?;
    host.wait_until_up(2).await?;
    assert_ne!(host.boot_id()?, before);
    assert_eq!(host.ssh("test -e /var/run/reboot-required; echo $?").await?.ok()?, "1");
    let uptime = host.ssh("cut -d. -f1 /proc/uptime").await?.ok()?;
    assert!(uptime.parse::<u32>()? < 30, "uptime {uptime}");
    Ok(())
}

#[tokio::test]
async fn a_light_host_is_patched_over_ssh_and_reboots_with_a_new_boot_id() -> Result<()> {
    let lab = Lab::start().await?;
    let host =
        lab.host("web01").light().zone("Asia/Tokyo").installed(["lab-app", "lab-reboot"]).start().await?;
    assert_eq!(host.package_version("lab-app").await?.as_deref(), Some("1.0"));
    lab.repository().publish(Suite::Main, "lab-app").await?;
    lab.repository().publish(Suite::Main, "lab-reboot").await?;
    patch(&host).await?.ok()?;
    assert_eq!(host.package_version("lab-app").await?.as_deref(), Some("1.1"));
    assert_eq!(host.ssh("cat /var/run/reboot-required.pkgs").await?.ok()?, "lab-reboot");

    let before = host.boot_id()?;
    host.ssh("sudo -n shutdown -r now").await?;
    host.wait_until_up(2).await?;
    assert_ne!(host.boot_id()?, before);
    assert_eq!(host.ssh("test -e /var/run/reboot-required; echo $?").await?.ok()?, "1");
    let uptime = host.ssh("cut -d. -f1 /proc/uptime").await?.ok()?;
    assert!(uptime.parse::<u32>()? < 30, "uptime {uptime}");
    Ok(())
}
