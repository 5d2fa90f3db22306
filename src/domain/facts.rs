//! What is known about a host at one moment: the pre-checks judge it, and before and after a run it is compared.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Names one start of a host: the kernel draws it anew at each boot. A host with another boot id has been restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BootId(pub Uuid);

impl std::fmt::Display for BootId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// All facts of one round trip. A part is `None` when the host could not tell it; [`Facts::problems`] then says why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Which host answered, and when by its own clock.
    pub host: HostFacts,
    /// The helper that answered.
    pub helper: HelperFacts,
    /// The running kernel and the newest one installed.
    pub kernel: Option<Kernel>,
    /// The distribution.
    pub os: Option<Os>,
    /// The time zone, as each source tells it.
    pub zone: Option<ZoneFacts>,
    /// The filesystems on disks.
    pub disks: Option<Vec<Disk>>,
    /// The load averages.
    pub load: Option<Load>,
    /// The memory.
    pub memory: Option<Memory>,
    /// The package manager and who has it locked.
    pub packager: Option<Packager>,
    /// Whether the repositories answer.
    pub repositories: Option<Repositories>,
    /// The updates that are waiting.
    pub updates: Option<Updates>,
    /// All installed packages with their versions.
    pub packages: Option<BTreeMap<String, String>>,
    /// Packages that are held back.
    pub held: Option<Vec<String>>,
    /// Packages in no good state.
    pub broken: Option<Vec<BrokenPackage>>,
    /// Whether the host asks for a reboot.
    pub reboot: Option<RebootPending>,
    /// The units of systemd.
    pub units: Option<Units>,
    /// The services that were asked for by name.
    pub services: Option<BTreeMap<String, ServiceState>>,
    /// What listens.
    pub ports: Option<Ports>,
    /// What is mounted.
    pub mounts: Option<BTreeSet<Mount>>,
    /// Who is logged in, without patchbot's own account.
    pub users: Option<Vec<User>>,
    /// Where the hardware boots from; absent when it cannot be asked.
    pub boot_order: Option<BootOrder>,
    /// The site's own checks.
    pub site_checks: Option<Vec<SiteCheck>>,
    /// The parts that could not be told.
    pub problems: Vec<Problem>,
}

impl Facts {
    /// Why a part is missing.
    #[must_use]
    pub fn problem(&self, part: Part) -> Option<&str> {
        self.problems.iter().find(|problem| problem.part == part).map(|problem| problem.text.as_str())
    }

    /// Whether the host needs a restart: it says so, or a newer kernel than the running one is installed.
    #[must_use]
    pub fn reboot_needed(&self) -> bool {
        self.reboot.as_ref().is_some_and(|reboot| reboot.required)
            || self.kernel.as_ref().is_some_and(Kernel::newer_installed)
    }
}

/// Which host answered, and when by its own clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    /// The host's own name.
    pub name: String,
    /// The present boot.
    pub boot_id: BootId,
    /// The host's clock when it answered.
    pub clock: DateTime<Utc>,
    /// Seconds since the boot.
    pub uptime: u64,
    /// The processor: `x86_64`.
    pub arch: String,
}

/// The helper that answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelperFacts {
    /// Its version.
    pub version: String,
    /// The protocol it speaks.
    pub protocol: u32,
    /// The hash of its file.
    pub sha256: String,
}

/// The running kernel and the newest one installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// The running one.
    pub running: String,
    /// The newest in /boot; absent where /boot has none (containers).
    pub newest: Option<String>,
}

impl Kernel {
    /// Whether another kernel than the running one would be booted.
    #[must_use]
    pub fn newer_installed(&self) -> bool {
        self.newest.as_ref().is_some_and(|newest| *newest != self.running)
    }
}

/// The distribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Os {
    /// `debian`.
    pub id: String,
    /// `12`.
    pub version: String,
    /// `Debian GNU/Linux 12 (bookworm)`.
    pub name: String,
}

/// Where a zone's name was found, in the order of trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZoneSource {
    /// `timedatectl`.
    Timedatectl,
    /// `/etc/timezone`.
    EtcTimezone,
    /// The link `/etc/localtime`.
    LocaltimeLink,
}

/// The time zone, as each source tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneFacts {
    /// Names, by source.
    pub named: BTreeMap<ZoneSource, String>,
    /// What `date` calls it: `CET`.
    pub abbreviation: String,
    /// Seconds east of UTC at the host's present time.
    pub offset: i32,
}

impl ZoneFacts {
    /// The name of the source that is trusted most.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.named.values().next().map(String::as_str)
    }

    /// The offset as chrono has it.
    #[must_use]
    pub fn fixed_offset(&self) -> Option<FixedOffset> {
        FixedOffset::east_opt(self.offset)
    }
}

/// A filesystem on a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// Where it is mounted.
    pub mount: String,
    /// Its type: `ext4`.
    pub filesystem: String,
    /// Its size.
    pub size_kb: u64,
    /// What is free for use.
    pub free_kb: u64,
    /// What is used of that, rounded up as `df` does.
    pub used_percent: u32,
    /// The inodes used; absent where the filesystem has no fixed number.
    pub inodes_percent: Option<u32>,
}

/// The load averages.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Over one minute.
    pub one: f64,
    /// Over five minutes.
    pub five: f64,
    /// Over a quarter of an hour.
    pub fifteen: f64,
    /// The processors.
    pub cpus: u32,
}

impl Load {
    /// The load of the last five minutes in thousandths per processor, for comparing hours.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a load is far below the limits, and the cast saturates"
    )]
    pub fn milli_per_cpu(&self) -> i64 {
        (self.five * 1000.0 / f64::from(self.cpus.max(1))) as i64
    }
}

/// The memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// All of it.
    pub total_kb: u64,
    /// What could be had without swapping.
    pub available_kb: u64,
}

impl Memory {
    /// What is used, in percent, rounded up.
    #[must_use]
    pub fn used_percent(self) -> u64 {
        let used = self.total_kb.saturating_sub(self.available_kb);
        if self.total_kb == 0 { 0 } else { used.saturating_mul(100).div_ceil(self.total_kb) }
    }
}

/// The kinds of package managers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PackagerKind {
    /// Debian, Ubuntu.
    Apt,
    /// RHEL 8 and later, Fedora.
    Dnf,
    /// RHEL 7.
    Yum,
    /// SLES, openSUSE.
    Zypper,
    /// None that is known.
    None,
}

/// The package manager and who has it locked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packager {
    /// Which one it is.
    pub kind: PackagerKind,
    /// Who works with it now.
    pub locked_by: Option<LockHolder>,
}

/// A process that has the package manager locked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// Its process id.
    pub pid: u32,
    /// Its name.
    pub name: String,
}

/// Whether the repositories answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repositories {
    /// Whether all of them did.
    pub reachable: bool,
    /// What the package manager said about those that did not.
    pub failures: Vec<String>,
}

/// The updates that are waiting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Updates {
    /// How many.
    pub count: u32,
    /// How many of them come from a security origin.
    pub security: u32,
    /// Whether a kernel is among them.
    pub kernel: bool,
    /// What has to be fetched.
    pub download_kb: u64,
    /// Each of them.
    pub packages: Vec<Update>,
}

/// One update that is waiting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// The package.
    pub name: String,
    /// The installed version; absent when the package is new.
    pub before: Option<String>,
    /// The version that would be installed.
    pub after: String,
    /// Whether it comes from a security origin.
    pub security: bool,
}

/// A package in no good state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenPackage {
    /// The package.
    pub name: String,
    /// Its state in words.
    pub state: String,
}

/// Whether the host asks for a reboot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebootPending {
    /// Whether it does.
    pub required: bool,
    /// The packages that ask for it.
    pub packages: Vec<String>,
}

/// The units of systemd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Units {
    /// No systemd runs on this host.
    NoSystemd,
    /// What systemd tells.
    Systemd {
        /// The services that run.
        running: BTreeSet<String>,
        /// The units that failed.
        failed: BTreeSet<String>,
    },
}

/// The state of a service that was asked for by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceState {
    /// It runs.
    Active,
    /// It does not run.
    Inactive,
    /// It does not run because it failed.
    Failed,
    /// The host knows no such service.
    Absent,
    /// It cannot be told: no systemd, and no process of that name.
    Unknown,
}

/// What listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// From this number on, ports are handed out at random and prove nothing.
    pub ephemeral_from: u16,
    /// The listening sockets and the program behind each, where it is known.
    pub listening: BTreeMap<Port, Option<String>>,
}

/// A listening socket. In JSON it is a text, `tcp 0.0.0.0:22`, because it is the key of a map there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Port {
    /// `tcp` or `udp`.
    pub protocol: Protocol,
    /// The address it listens on.
    pub address: String,
    /// The number.
    pub number: u16,
}

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}:{}", self.protocol.as_str(), self.address, self.number)
    }
}

impl From<Port> for String {
    fn from(port: Port) -> Self {
        port.to_string()
    }
}

impl TryFrom<String> for Port {
    type Error = NotAPort;
    fn try_from(text: String) -> Result<Self, NotAPort> {
        let parts = text.split_once(' ').and_then(|(protocol, rest)| {
            let (address, number) = rest.rsplit_once(':')?;
            let protocol = [Protocol::Tcp, Protocol::Udp].into_iter().find(|one| one.as_str() == protocol)?;
            Some(Self { protocol, address: address.to_owned(), number: number.parse().ok()? })
        });
        parts.ok_or(NotAPort(text))
    }
}

/// A text that is no listening socket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no port; it is written as tcp 0.0.0.0:22")]
pub struct NotAPort(pub String);

/// The protocols that have ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// Its name in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// Something mounted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mount {
    /// Where.
    pub point: String,
    /// What.
    pub device: String,
    /// Its type.
    pub filesystem: String,
}

/// Somebody who is logged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The account.
    pub name: String,
    /// A person, or an account of the system whose session may stay for ever.
    pub class: UserClass,
    /// The terminal, when there is one.
    pub terminal: Option<String>,
}

/// Whose session it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserClass {
    /// An account of a person.
    Person,
    /// An account of the system, such as a display manager's.
    Service,
}

/// Where the hardware boots from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootOrder {
    /// Whether the network comes first.
    pub network_first: bool,
    /// The order as the hardware tells it.
    pub order: String,
}

/// One of the site's own checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteCheck {
    /// The name of its file.
    pub name: String,
    /// Its exit code; absent when it was not run or did not end.
    pub rc: Option<i32>,
    /// What it said.
    pub text: String,
}

/// A part that could not be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Which part.
    pub part: Part,
    /// Why.
    pub text: String,
}

/// The parts of a host's facts. Each is either told or a [`Problem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// [`Facts::helper`].
    Helper,
    /// [`Facts::host`].
    Host,
    /// [`Facts::kernel`].
    Kernel,
    /// [`Facts::os`].
    Os,
    /// [`Facts::zone`].
    Zone,
    /// [`Facts::disks`].
    Disks,
    /// [`Facts::load`].
    Load,
    /// [`Facts::memory`].
    Memory,
    /// [`Facts::packager`].
    Packager,
    /// [`Facts::repositories`].
    Repositories,
    /// [`Facts::updates`].
    Updates,
    /// [`Facts::packages`].
    Packages,
    /// [`Facts::held`].
    Held,
    /// [`Facts::broken`].
    Broken,
    /// [`Facts::reboot`].
    Reboot,
    /// [`Facts::units`].
    Units,
    /// [`Facts::services`].
    Services,
    /// [`Facts::ports`].
    Ports,
    /// [`Facts::mounts`].
    Mounts,
    /// [`Facts::users`].
    Users,
    /// [`Facts::boot_order`].
    BootOrder,
    /// [`Facts::site_checks`].
    SiteChecks,
}

impl Part {
    /// All parts, in the order the helper tells them.
    pub const ALL: [Self; 22] = [
        Self::Helper,
        Self::Host,
        Self::Kernel,
        Self::Os,
        Self::Zone,
        Self::Disks,
        Self::Load,
        Self::Memory,
        Self::Packager,
        Self::Packages,
        Self::Held,
        Self::Broken,
        Self::Reboot,
        Self::Units,
        Self::Services,
        Self::Ports,
        Self::Mounts,
        Self::Users,
        Self::BootOrder,
        Self::SiteChecks,
        Self::Repositories,
        Self::Updates,
    ];

    /// The part's name in the helper's protocol.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Helper => "helper",
            Self::Host => "host",
            Self::Kernel => "kernel",
            Self::Os => "os",
            Self::Zone => "zone",
            Self::Disks => "disks",
            Self::Load => "load",
            Self::Memory => "memory",
            Self::Packager => "packager",
            Self::Repositories => "repositories",
            Self::Updates => "updates",
            Self::Packages => "packages",
            Self::Held => "held",
            Self::Broken => "broken",
            Self::Reboot => "reboot",
            Self::Units => "units",
            Self::Services => "services",
            Self::Ports => "ports",
            Self::Mounts => "mounts",
            Self::Users => "users",
            Self::BootOrder => "boot_order",
            Self::SiteChecks => "site_checks",
        }
    }
}
