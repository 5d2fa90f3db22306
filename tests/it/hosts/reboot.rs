//! The reboot of a host: of the boot that was meant, in time, and never twice.

use anyhow::Result;
use chrono::TimeDelta;
use patchbot::domain::facts::BootId;
use patchbot::patch::{Applied, Phase, Rebooted, RunStatus, Why};
use uuid::Uuid;

use super::{Site, run};

fn refused(answer: &Rebooted) -> Option<Why> {
    match answer {
        Rebooted::Refused(refused) => Some(refused.why),
        Rebooted::Ordered | Rebooted::Already => None,
    }
}

async fn reboots_once(site: &Site) -> Result<()> {
    let before = site.boot()?;
    let not_after = site.clock().await? + TimeDelta::minutes(5);
    let (one, other) =
        tokio::join!(site.reboots(run(1), before, not_after), site.reboots(run(1), before, not_after));
    let answers = [one?, other?];
    assert!(answers.contains(&Rebooted::Ordered) && answers.contains(&Rebooted::Already), "{answers:?}");
    // Between order and reboot nothing may be started.
    if let Ok(answer) = site.asks(&site.everything(run(2)).await?).await {
        assert!(matches!(&answer, Applied::Refused(no) if no.why == Why::Reboot), "{answer:?}");
    }
    site.host.wait_until_up(2).await?;
    assert_ne!(site.boot()?, before);
    let again = site.reboots(run(1), before, not_after).await?;
    assert_eq!(again, Rebooted::Already);
    let other = site.reboots(run(2), before, not_after).await?;
    assert_eq!(refused(&other), Some(Why::OtherBoot), "{other:?}");
    // A second reboot of the same run is another boot's: lesson 16.
    let second = site.boot()?;
    assert_eq!(site.reboots(run(1), second, not_after).await?, Rebooted::Ordered);
    site.host.wait_until_up(3).await?;
    assert_ne!(site.boot()?, second);
    assert_eq!(site.host.boots()?, 3);
    Ok(())
}

#[tokio::test]
async fn a_host_with_systemd_reboots_once_however_often_it_is_asked() -> Result<()> {
    Box::pin(reboots_once(&Site::full([]).await?)).await
}

#[tokio::test]
async fn a_host_without_systemd_reboots_once_however_often_it_is_asked() -> Result<()> {
    Box::pin(reboots_once(&Site::light([]).await?)).await
}

#[tokio::test]
async fn a_reboot_that_is_late_or_meant_for_another_boot_does_not_happen() -> Result<()> {
    let site = Site::light([]).await?;
    let boot = site.boot()?;
    let late = site.reboots(run(1), boot, site.clock().await? - TimeDelta::seconds(1)).await?;
    assert_eq!(refused(&late), Some(Why::Late), "{late:?}");
    let not_after = site.clock().await? + TimeDelta::minutes(5);
    let other = site.reboots(run(1), BootId(Uuid::from_u128(5)), not_after).await?;
    assert_eq!(refused(&other), Some(Why::OtherBoot), "{other:?}");
    site.host.exec("sleep 60 8>/var/lib/dpkg/lock-frontend >/dev/null 2>&1 &").await?;
    let locked = site.reboots(run(1), boot, not_after).await?;
    assert_eq!(refused(&locked), Some(Why::Locked), "{locked:?}");
    assert_eq!(site.host.boots()?, 1);
    assert_eq!(site.boot()?, boot);
    Ok(())
}

#[tokio::test]
async fn no_reboot_happens_while_a_run_is_at_work() -> Result<()> {
    let site = Site::full(["lab-slow"]).await?;
    site.holds_lab_slow().await?;
    site.starts(run(1)).await?;
    site.becomes(run(1), |status| status.phase == Some(Phase::Installing)).await?;
    let not_after = site.clock().await? + TimeDelta::minutes(5);
    let answer = site.reboots(run(1), site.boot()?, not_after).await?;
    assert_eq!(refused(&answer), Some(Why::Busy), "{answer:?}");
    site.releases_lab_slow().await?;
    assert!(matches!(site.ended(run(1)).await?.run, RunStatus::Installed(_)));
    assert_eq!(site.reboots(run(1), site.boot()?, not_after).await?, Rebooted::Ordered);
    site.host.wait_until_up(2).await?;
    Ok(())
}
