//! Judges a host's facts before a run, and compares them before and after it.

mod compare;
mod judge;
mod levels;
mod validate;

use serde::{Deserialize, Serialize};

use super::notice::FindingLine;

pub use compare::{Differences, PackageChange, compare};
pub use judge::{Context, ExpectedHelper, NoFacts, Seen, judge};
pub use levels::{CheckLevels, Limits, Severity};
pub use validate::{ValidationRules, validate};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// To be seen, and no obstacle.
    Warn,
    /// The run must not go on.
    Block,
}

impl Level {
    /// Its name: `ok`, `warn`, `block`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Block => "block",
        }
    }
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The host answers over SSH and lets patchbot in.
    Ssh,
    /// The host's key is the known one.
    HostKey,
    /// sudo allows the helper.
    Sudo,
    /// The helper is installed and is the expected one.
    Helper,
    /// The declared zone is the host's.
    Zone,
    /// The host's clock is right.
    Clock,
    /// Space on `/`, `/boot` and `/var`.
    Disk,
    /// Space on any other filesystem.
    DiskOther,
    /// Inodes on `/`, `/boot` and `/var`.
    Inodes,
    /// Inodes on any other filesystem.
    InodesOther,
    /// The load.
    Load,
    /// The memory.
    Memory,
    /// Nobody else works with the package manager.
    PackageLock,
    /// The repositories answer.
    Repositories,
    /// The updates that are waiting.
    Updates,
    /// Packages that are held back.
    Held,
    /// Packages in no good state.
    Broken,
    /// A reboot that is due already.
    RebootPending,
    /// The services that must run.
    CriticalServices,
    /// Units that failed.
    FailedUnits,
    /// Who is logged in.
    Users,
    /// Space for the download.
    DownloadSpace,
    /// What the hardware boots from.
    BootOrder,
    /// The site's own checks.
    SiteChecks,
    /// After a run: services that ran before.
    ServicesAfter,
    /// After a run: ports that answered before.
    PortsAfter,
    /// After a run: what was mounted before.
    MountsAfter,
    /// After a run: the kernel.
    KernelAfter,
}

impl Check {
    /// The check's name in findings: `disk`, `package lock`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ssh => "SSH",
            Self::HostKey => "host key",
            Self::Sudo => "sudo",
            Self::Helper => "helper",
            Self::Zone => "time zone",
            Self::Clock => "clock",
            Self::Disk | Self::DiskOther => "disk",
            Self::Inodes | Self::InodesOther => "inodes",
            Self::Load => "load",
            Self::Memory => "memory",
            Self::PackageLock => "package lock",
            Self::Repositories => "repositories",
            Self::Updates => "updates",
            Self::Held => "held packages",
            Self::Broken => "broken packages",
            Self::RebootPending => "pending reboot",
            Self::CriticalServices => "service",
            Self::FailedUnits => "failed units",
            Self::Users => "users",
            Self::DownloadSpace => "space for the download",
            Self::BootOrder => "boot order",
            Self::SiteChecks => "site check",
            Self::ServicesAfter => "services after the run",
            Self::PortsAfter => "ports after the run",
            Self::MountsAfter => "mounts after the run",
            Self::KernelAfter => "kernel after the run",
        }
    }
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// What exactly, where there are several: `/var`, `nginx`; empty otherwise.
    pub subject: String,
    /// How much it matters.
    pub level: Level,
    /// What was found: `96 % used, 85 % allowed`.
    pub found: String,
    /// What to do about it, as full sentences; empty when nothing is to be done.
    pub remedy: String,
}

impl Finding {
    /// The name of what was looked at: `disk /var`.
    #[must_use]
    pub fn name(&self) -> String {
        if self.subject.is_empty() {
            self.check.name().to_owned()
        } else {
            format!("{} {}", self.check.name(), self.subject)
        }
    }

    /// The finding as one sentence: `disk /var: 96 % used, 85 % allowed. Free space on /var.`
    #[must_use]
    pub fn sentence(&self) -> String {
        if self.remedy.is_empty() {
            format!("{}: {}.", self.name(), self.found)
        } else {
            format!("{}: {}. {}", self.name(), self.found, self.remedy)
        }
    }

    fn new(check: Check, subject: impl Into<String>, level: Level, found: impl Into<String>) -> Self {
        Self { check, subject: subject.into(), level, found: found.into(), remedy: String::new() }
    }

    fn ok(check: Check, subject: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(check, subject, Level::Ok, found)
    }

    fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }
}

impl From<&Finding> for FindingLine {
    fn from(finding: &Finding) -> Self {
        Self {
            level: finding.level.as_str().to_owned(),
            check: finding.name(),
            found: finding.found.clone(),
            remedy: finding.remedy.clone(),
        }
    }
}

/// Whether any finding forbids to go on.
#[must_use]
pub fn blocks(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.level == Level::Block)
}

/// Which findings block and are let pass, and which end a run whose override names `passes`. Whoever overrode a finding
/// has overridden that one, and not what came later. And nobody overrides that a host told no facts: then there is
/// nothing to compare with afterwards, whatever the levels say.
#[must_use]
pub fn against<'a>(
    findings: &'a [Finding],
    told_facts: bool,
    passes: &[String],
) -> (Vec<&'a Finding>, Vec<&'a Finding>) {
    let blocking = findings.iter().filter(|finding| finding.level == Level::Block);
    match (told_facts, blocks(findings)) {
        (true, _) => blocking.partition(|finding| passes.contains(&finding.name())),
        (false, true) => (Vec::new(), blocking.collect()),
        (false, false) => (Vec::new(), findings.iter().collect()),
    }
}

/// `a, b and 3 more`: names in a sentence, at most five of them.
fn some_of<I>(names: I) -> String
where
    I: IntoIterator,
    I::Item: Into<String>,
{
    const SHOWN: usize = 5;
    let names: Vec<String> = names.into_iter().map(Into::into).collect();
    let hidden = names.len().saturating_sub(SHOWN);
    let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    match shown.split_last() {
        None => "none".to_owned(),
        Some(_) if hidden > 0 => format!("{} and {hidden} more", shown.join(", ")),
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

/// A size as people read it: `640 MB`.
fn size(kb: u64) -> String {
    match kb {
        0..=9_999 => format!("{kb} kB"),
        10_000..=9_999_999 => format!("{} MB", kb / 1_000),
        _ => format!("{} GB", kb / 1_000_000),
    }
}

#[cfg(test)]
mod tests;
