//! What each check's finding means for a host group, and its limits.

use serde::{Deserialize, Serialize};

use super::{Check, Level};

/// What a finding that is not as it should be means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The run must not start.
    Block,
    /// It is shown and the run goes on.
    Warn,
    /// It is not looked at.
    Off,
}

impl Severity {
    /// The level of a finding; `None` when the check is off.
    #[must_use]
    pub fn level(self) -> Option<Level> {
        match self {
            Self::Block => Some(Level::Block),
            Self::Warn => Some(Level::Warn),
            Self::Off => None,
        }
    }
}

/// What each check means, its limits, and the services that must run. In the configuration every line may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckLevels {
    /// The host answers over SSH and lets patchbot in.
    pub ssh: Severity,
    /// The host's key is the known one.
    pub host_key: Severity,
    /// sudo allows the helper.
    pub sudo: Severity,
    /// The helper is installed and is the expected one.
    pub helper: Severity,
    /// The declared zone is the host's.
    pub zone: Severity,
    /// The host's clock is right.
    pub clock: Severity,
    /// Space on `/`, `/boot` and `/var`.
    pub disk: Severity,
    /// Space on any other filesystem.
    pub disk_other: Severity,
    /// Inodes on `/`, `/boot` and `/var`.
    pub inodes: Severity,
    /// Inodes on any other filesystem.
    pub inodes_other: Severity,
    /// The load.
    pub load: Severity,
    /// The memory.
    pub memory: Severity,
    /// Nobody else works with the package manager.
    pub package_lock: Severity,
    /// The repositories answer.
    pub repositories: Severity,
    /// The updates that are waiting; only their absence from the facts is a finding.
    pub updates: Severity,
    /// Packages that are held back.
    pub held: Severity,
    /// Packages in no good state.
    pub broken: Severity,
    /// A reboot that is due already.
    pub reboot_pending: Severity,
    /// The services that must run.
    pub services: Severity,
    /// Units that failed.
    pub failed_units: Severity,
    /// Who is logged in.
    pub users: Severity,
    /// Space for the download.
    pub download_space: Severity,
    /// What the hardware boots from.
    pub boot_order: Severity,
    /// The site's own checks.
    pub site_checks: Severity,
    /// The services that must run, by the names systemd knows them by.
    pub critical_services: Vec<String>,
    /// The limits.
    pub limits: Limits,
}

impl Default for CheckLevels {
    fn default() -> Self {
        Self {
            ssh: Severity::Block,
            host_key: Severity::Block,
            sudo: Severity::Block,
            helper: Severity::Block,
            zone: Severity::Warn,
            clock: Severity::Warn,
            disk: Severity::Block,
            disk_other: Severity::Warn,
            inodes: Severity::Block,
            inodes_other: Severity::Warn,
            load: Severity::Warn,
            memory: Severity::Warn,
            package_lock: Severity::Block,
            repositories: Severity::Block,
            updates: Severity::Warn,
            held: Severity::Warn,
            broken: Severity::Block,
            reboot_pending: Severity::Warn,
            services: Severity::Block,
            failed_units: Severity::Warn,
            users: Severity::Warn,
            download_space: Severity::Block,
            boot_order: Severity::Block,
            site_checks: Severity::Block,
            critical_services: Vec::new(),
            limits: Limits::default(),
        }
    }
}

impl CheckLevels {
    /// What a finding of `check` means. The checks after a run are ruled by [`super::ValidationRules`].
    #[must_use]
    pub fn of(&self, check: Check) -> Severity {
        match check {
            Check::Ssh => self.ssh,
            Check::HostKey => self.host_key,
            Check::Sudo => self.sudo,
            Check::Helper => self.helper,
            Check::Zone => self.zone,
            Check::Clock => self.clock,
            Check::Disk => self.disk,
            Check::DiskOther => self.disk_other,
            Check::Inodes => self.inodes,
            Check::InodesOther => self.inodes_other,
            Check::Load => self.load,
            Check::Memory => self.memory,
            Check::PackageLock => self.package_lock,
            Check::Repositories => self.repositories,
            Check::Updates => self.updates,
            Check::Held => self.held,
            Check::Broken => self.broken,
            Check::RebootPending => self.reboot_pending,
            Check::CriticalServices => self.services,
            Check::FailedUnits => self.failed_units,
            Check::Users => self.users,
            Check::DownloadSpace => self.download_space,
            Check::BootOrder => self.boot_order,
            Check::SiteChecks => self.site_checks,
            Check::ServicesAfter | Check::PortsAfter | Check::MountsAfter | Check::KernelAfter => {
                Severity::Off
            }
        }
    }
}

/// Up to where a host is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Percent used of `/`, space and inodes.
    pub root_percent: u32,
    /// Percent used of `/boot`.
    pub boot_percent: u32,
    /// Percent used of `/var`.
    pub var_percent: u32,
    /// Percent used of any other filesystem.
    pub other_percent: u32,
    /// The load over five minutes, per processor.
    pub load_per_cpu: u32,
    /// Percent of the memory used.
    pub memory_percent: u32,
    /// Seconds between the host's clock and this machine's.
    pub clock_seconds: u32,
    /// Free space on `/var`, as a multiple of the download: the packages and what they unpack to.
    pub download_factor: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            root_percent: 80,
            boot_percent: 70,
            var_percent: 85,
            other_percent: 90,
            load_per_cpu: 2,
            memory_percent: 90,
            clock_seconds: 60,
            download_factor: 3,
        }
    }
}
