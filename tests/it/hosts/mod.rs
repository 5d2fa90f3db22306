//! Real hosts: what the helper tells and does, how SSH holds up when something breaks, what the zone probe says.

mod apply;
mod arguments;
mod connections;
mod enroll;
mod facts;
mod reboot;
mod snmp;
mod zones;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use patchbot::domain::facts::{BootId, Facts};
use patchbot::domain::ids::RunId;
use patchbot::patch::{self, Applied, Apply, Command, Rebooted, RunStatus, Selection, ServiceName, Status};
use patchbot::ssh::{Connection, Hop, HostKey, Limits, LoginKey, Output, Remote, Settings, Target, Trust};
use patchbot_lab::{Host, HostBuilder, Lab, Sudo, Suite};
use uuid::Uuid;

/// A host that was enrolled: the helper and its sudoers file, and nothing else that root would do for patchbot.
pub(crate) struct Site {
    pub(crate) lab: Lab,
    pub(crate) host: Host,
}

/// Puts the helper onto a host before it starts.
pub(crate) fn with_helper(described: HostBuilder) -> HostBuilder {
    described
        .sudo(Sudo::None)
        .program(patch::HELPER_PATH, patch::HELPER)
        .file("/etc/sudoers.d/patchbot", patch::SUDOERS)
}

pub(crate) fn run(number: u128) -> RunId {
    RunId(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0000 + number))
}

pub(crate) fn remote() -> Remote {
    Remote::new(Settings { lab_only: true, ..Settings::default() })
}

/// The way in for the account patchbot uses, with the host's key pinned.
pub(crate) fn target(lab: &Lab, host: &Host) -> Result<Target> {
    Ok(Target { name: host.name().to_owned(), hop: hop(lab, host)?, jump: None })
}

pub(crate) fn hop(lab: &Lab, host: &Host) -> Result<Hop> {
    Ok(Hop {
        address: host.address().to_string(),
        port: host.ssh_address().port(),
        user: Host::USER.to_owned(),
        key: LoginKey::read(&lab.ssh_key(), None)?,
        trust: Trust::Pinned(HostKey::parse(&host.host_key()?)?),
    })
}

impl Site {
    /// A host without systemd.
    pub(crate) async fn light<'a>(installed: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let lab = Lab::start().await?;
        let host = with_helper(lab.host("web01").light().installed(installed)).start().await?;
        Ok(Self { lab, host })
    }

    /// A host with systemd.
    pub(crate) async fn full<'a>(installed: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let lab = Lab::start().await?;
        let host = with_helper(lab.host("web01").installed(installed)).start().await?;
        Ok(Self { lab, host })
    }

    pub(crate) async fn connect(&self) -> Result<Connection> {
        Ok(remote().connect(&target(&self.lab, &self.host)?).await?)
    }

    /// Runs a command over a connection of its own.
    pub(crate) async fn runs(&self, command: &Command) -> Result<Output> {
        let connection = self.connect().await?;
        let output = connection.run(&command.line(), None, &Limits::default()).await?;
        connection.close().await;
        Ok(output)
    }

    pub(crate) async fn facts(&self) -> Result<Facts> {
        self.facts_with(&[]).await
    }

    pub(crate) async fn facts_with(&self, services: &[&str]) -> Result<Facts> {
        let services: Vec<ServiceName> =
            services.iter().map(|name| ServiceName::parse(name)).collect::<Result<_, _>>()?;
        let output = self.runs(&Command::facts(&services)).await?;
        patch::facts(&output.stdout).with_context(|| output.complaint())
    }

    /// The host's own clock.
    pub(crate) async fn clock(&self) -> Result<DateTime<Utc>> {
        Ok(patch::hello(&self.runs(&Command::hello()).await?.stdout)?.clock)
    }

    /// Everything there is, within five minutes.
    pub(crate) async fn everything(&self, run: RunId) -> Result<Apply> {
        let not_after = self.clock().await? + TimeDelta::minutes(5);
        Ok(Apply {
            run,
            not_after,
            selection: Selection::All,
            exclude: Vec::new(),
            server: None,
            lock_wait: 60,
        })
    }

    pub(crate) async fn asks(&self, apply: &Apply) -> Result<Applied> {
        Ok(patch::applied(apply.run, &self.runs(&Command::apply(apply)).await?.stdout)?)
    }

    /// Publishes lab-slow 1.1, whose installation goes on until [`Site::releases_lab_slow`].
    pub(crate) async fn holds_lab_slow(&self) -> Result<()> {
        self.lab.repository().publish(Suite::Main, "lab-slow").await?;
        self.host
            .exec("mkdir -p /etc/lab-slow; echo 0 >/etc/lab-slow/seconds; touch /etc/lab-slow/hold")
            .await?
            .ok()?;
        Ok(())
    }

    pub(crate) async fn releases_lab_slow(&self) -> Result<()> {
        self.host.exec("rm /etc/lab-slow/hold").await?.ok()?;
        Ok(())
    }

    /// Starts a run with everything there is.
    pub(crate) async fn starts(&self, run: RunId) -> Result<()> {
        let answer = self.asks(&self.everything(run).await?).await?;
        if answer == Applied::Started { Ok(()) } else { bail!("it was not started: {answer:?}") }
    }

    pub(crate) async fn status(&self, run: RunId) -> Result<Status> {
        Ok(patch::status(run, &self.runs(&Command::status(run, 200)).await?.stdout)?)
    }

    /// Waits until a run is no longer at work.
    pub(crate) async fn ended(&self, run: RunId) -> Result<Status> {
        self.becomes(run, |status| !matches!(status.run, RunStatus::Running { .. })).await
    }

    /// Asks for the status of a run until it is as wanted.
    pub(crate) async fn becomes(&self, run: RunId, wanted: impl Fn(&Status) -> bool) -> Result<Status> {
        let connection = self.connect().await?;
        for _ in 0..600 {
            let output = connection.run(&Command::status(run, 200).line(), None, &Limits::default()).await?;
            let status = patch::status(run, &output.stdout)?;
            if wanted(&status) {
                return Ok(status);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("the run never became what was wanted: {:?}", self.status(run).await?)
    }

    pub(crate) async fn reboots(
        &self,
        run: RunId,
        boot: BootId,
        not_after: DateTime<Utc>,
    ) -> Result<Rebooted> {
        Ok(patch::rebooted(&self.runs(&Command::reboot(run, boot, not_after)).await?.stdout)?)
    }

    pub(crate) fn boot(&self) -> Result<BootId> {
        Ok(BootId(self.host.boot_id()?.parse()?))
    }

    pub(crate) async fn version(&self, package: &str) -> Result<String> {
        Ok(self.host.package_version(package).await?.unwrap_or_default())
    }

    /// How often apt has changed packages since the host was made.
    pub(crate) async fn upgrades(&self) -> Result<usize> {
        let log = self.host.exec("cat /var/log/apt/history.log 2>/dev/null").await?;
        Ok(log.stdout.lines().filter(|line| line.starts_with("Upgrade:")).count())
    }
}
