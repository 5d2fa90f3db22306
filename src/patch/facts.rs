//! Puts the facts together from the helper's lines, and checks that no part is missing.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::answer::{Answer, AnswerError};
use crate::domain::facts::{
    BootId, BootOrder, BrokenPackage, Disk, Facts, HelperFacts, HostFacts, Kernel, Load, LockHolder, Memory,
    Mount, Os, Packager, PackagerKind, Part, Port, Ports, Problem, Protocol, RebootPending, Repositories,
    ServiceState, SiteCheck, Units, Update, Updates, User, UserClass, ZoneFacts, ZoneSource,
};

/// One line of facts as the helper writes it.
#[derive(Debug, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Helper {
        version: String,
        protocol: u32,
        sha256: String,
    },
    Host {
        name: String,
        boot_id: BootId,
        epoch: i64,
        uptime: u64,
        arch: String,
    },
    Kernel {
        running: String,
        newest: Option<String>,
    },
    Os {
        id: String,
        version: String,
        name: String,
    },
    Zone {
        source: ZoneSource,
        zone: String,
    },
    Offset {
        abbreviation: String,
        seconds: i32,
    },
    Disk {
        mount: String,
        filesystem: String,
        size_kb: u64,
        free_kb: u64,
        used_percent: u32,
        inodes_percent: Option<u32>,
    },
    Load {
        one: f64,
        five: f64,
        fifteen: f64,
        cpus: u32,
    },
    Memory {
        total_kb: u64,
        available_kb: u64,
    },
    Packager {
        kind: PackagerKind,
        holder_pid: Option<u32>,
        holder: Option<String>,
    },
    Repositories {
        reachable: bool,
        failures: Vec<String>,
    },
    Updates {
        count: u32,
        security: u32,
        kernel: bool,
        download_kb: u64,
    },
    Update {
        name: String,
        before: Option<String>,
        after: String,
        security: bool,
    },
    Package {
        name: String,
        version: String,
    },
    Held {
        name: String,
    },
    Broken {
        name: String,
        state: String,
    },
    Reboot {
        required: bool,
        packages: Vec<String>,
    },
    Systemd {
        running: bool,
    },
    Unit {
        name: String,
        state: UnitState,
    },
    Service {
        name: String,
        state: ServiceState,
    },
    Ephemeral {
        from: u16,
    },
    Port {
        protocol: Protocol,
        address: String,
        port: u16,
        process: Option<String>,
    },
    Mount {
        point: String,
        device: String,
        filesystem: String,
    },
    User {
        name: String,
        class: UserClass,
        terminal: Option<String>,
    },
    BootOrder {
        network_first: bool,
        order: String,
    },
    SiteCheck {
        name: String,
        rc: Option<i32>,
        text: String,
    },
    Part {
        part: Part,
    },
    Problem {
        part: Part,
        text: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum UnitState {
    Running,
    Failed,
}

/// Everything that was told, before it is known which parts are whole.
#[derive(Default)]
struct Told {
    helper: Option<HelperFacts>,
    host: Option<HostFacts>,
    kernel: Option<Kernel>,
    os: Option<Os>,
    named: BTreeMap<ZoneSource, String>,
    offset: Option<(String, i32)>,
    disks: Vec<Disk>,
    load: Option<Load>,
    memory: Option<Memory>,
    packager: Option<Packager>,
    repositories: Option<Repositories>,
    updates: Option<Updates>,
    waiting: Vec<Update>,
    packages: BTreeMap<String, String>,
    held: Vec<String>,
    broken: Vec<BrokenPackage>,
    reboot: Option<RebootPending>,
    systemd: Option<bool>,
    running: BTreeSet<String>,
    failed: BTreeSet<String>,
    services: BTreeMap<String, ServiceState>,
    ephemeral_from: Option<u16>,
    listening: BTreeMap<Port, Option<String>>,
    mounts: BTreeSet<Mount>,
    users: Vec<User>,
    boot_order: Option<BootOrder>,
    site_checks: Vec<SiteCheck>,
    whole: BTreeSet<Part>,
    problems: Vec<Problem>,
}

/// Reads the answer to [`super::Command::facts`].
///
/// # Errors
/// When the answer cannot be read, or when a part is neither told nor explained.
pub fn facts(output: &[u8]) -> Result<Facts, AnswerError> {
    let answer = Answer::read("facts", output)?;
    let mut told = Told::default();
    for line in answer.each::<Line>() {
        told.take(line?);
    }
    told.facts()
}

impl Told {
    fn take(&mut self, line: Line) {
        match line {
            Line::Helper { version, protocol, sha256 } => {
                self.helper = Some(HelperFacts { version, protocol, sha256 });
            }
            Line::Host { name, boot_id, epoch, uptime, arch } => {
                let clock = DateTime::<Utc>::from_timestamp(epoch, 0).unwrap_or_default();
                self.host = Some(HostFacts { name, boot_id, clock, uptime, arch });
            }
            Line::Kernel { running, newest } => self.kernel = Some(Kernel { running, newest }),
            Line::Os { id, version, name } => self.os = Some(Os { id, version, name }),
            Line::Zone { source, zone } => {
                self.named.insert(source, zone);
            }
            Line::Offset { abbreviation, seconds } => self.offset = Some((abbreviation, seconds)),
            Line::Disk { mount, filesystem, size_kb, free_kb, used_percent, inodes_percent } => {
                self.disks.push(Disk { mount, filesystem, size_kb, free_kb, used_percent, inodes_percent });
            }
            Line::Load { one, five, fifteen, cpus } => self.load = Some(Load { one, five, fifteen, cpus }),
            Line::Memory { total_kb, available_kb } => self.memory = Some(Memory { total_kb, available_kb }),
            Line::Packager { kind, holder_pid, holder } => {
                let locked_by = holder_pid.map(|pid| LockHolder { pid, name: holder.unwrap_or_default() });
                self.packager = Some(Packager { kind, locked_by });
            }
            Line::Repositories { reachable, failures } => {
                self.repositories = Some(Repositories { reachable, failures });
            }
            Line::Updates { count, security, kernel, download_kb } => {
                self.updates = Some(Updates { count, security, kernel, download_kb, packages: Vec::new() });
            }
            Line::Update { name, before, after, security } => {
                self.waiting.push(Update { name, before, after, security });
            }
            Line::Package { name, version } => {
                self.packages.insert(name, version);
            }
            Line::Held { name } => self.held.push(name),
            Line::Broken { name, state } => self.broken.push(BrokenPackage { name, state }),
            Line::Reboot { required, packages } => self.reboot = Some(RebootPending { required, packages }),
            Line::Systemd { running } => self.systemd = Some(running),
            Line::Unit { name, state: UnitState::Running } => {
                self.running.insert(name);
            }
            Line::Unit { name, state: UnitState::Failed } => {
                self.failed.insert(name);
            }
            Line::Service { name, state } => {
                self.services.insert(name, state);
            }
            Line::Ephemeral { from } => self.ephemeral_from = Some(from),
            Line::Port { protocol, address, port, process } => {
                self.listening.insert(Port { protocol, address, number: port }, process);
            }
            Line::Mount { point, device, filesystem } => {
                self.mounts.insert(Mount { point, device, filesystem });
            }
            Line::User { name, class, terminal } => self.users.push(User { name, class, terminal }),
            Line::BootOrder { network_first, order } => {
                self.boot_order = Some(BootOrder { network_first, order });
            }
            Line::SiteCheck { name, rc, text } => self.site_checks.push(SiteCheck { name, rc, text }),
            Line::Part { part } => {
                self.whole.insert(part);
            }
            Line::Problem { part, text } => self.problems.push(Problem { part, text }),
        }
    }

    fn facts(self) -> Result<Facts, AnswerError> {
        for part in Part::ALL {
            if !self.whole.contains(&part) && self.problems.iter().all(|problem| problem.part != part) {
                return Err(AnswerError::Missing { part: part.as_str() });
            }
        }
        let helper = self.needed(Part::Helper, self.helper.clone())?;
        let host = self.needed(Part::Host, self.host.clone())?;
        // A part counts when it is told to be whole: what came of a part with a problem is dropped.
        let whole = self.whole;
        let is = |part| whole.contains(&part);
        let alone = |part: Part, told: bool| match (is(part), told) {
            (true, false) => Err(AnswerError::Missing { part: part.as_str() }),
            _ => Ok(()),
        };
        alone(Part::Kernel, self.kernel.is_some())?;
        alone(Part::Os, self.os.is_some())?;
        alone(Part::Zone, self.offset.is_some())?;
        alone(Part::Load, self.load.is_some())?;
        alone(Part::Memory, self.memory.is_some())?;
        alone(Part::Packager, self.packager.is_some())?;
        alone(Part::Repositories, self.repositories.is_some())?;
        alone(Part::Updates, self.updates.is_some())?;
        alone(Part::Reboot, self.reboot.is_some())?;
        alone(Part::Units, self.systemd.is_some())?;
        alone(Part::Ports, self.ephemeral_from.is_some())?;
        let named = self.named;
        let waiting = self.waiting;
        Ok(Facts {
            host,
            helper,
            kernel: self.kernel.filter(|_| is(Part::Kernel)),
            os: self.os.filter(|_| is(Part::Os)),
            zone: self.offset.filter(|_| is(Part::Zone)).map(|(abbreviation, offset)| ZoneFacts {
                named,
                abbreviation,
                offset,
            }),
            disks: is(Part::Disks).then_some(self.disks),
            load: self.load.filter(|_| is(Part::Load)),
            memory: self.memory.filter(|_| is(Part::Memory)),
            packager: self.packager.filter(|_| is(Part::Packager)),
            repositories: self.repositories.filter(|_| is(Part::Repositories)),
            updates: self
                .updates
                .filter(|_| is(Part::Updates))
                .map(|updates| Updates { packages: waiting, ..updates }),
            packages: is(Part::Packages).then_some(self.packages),
            held: is(Part::Held).then_some(self.held),
            broken: is(Part::Broken).then_some(self.broken),
            reboot: self.reboot.filter(|_| is(Part::Reboot)),
            units: self.systemd.filter(|_| is(Part::Units)).map(|running| match running {
                true => Units::Systemd { running: self.running, failed: self.failed },
                false => Units::NoSystemd,
            }),
            services: is(Part::Services).then_some(self.services),
            ports: self
                .ephemeral_from
                .filter(|_| is(Part::Ports))
                .map(|ephemeral_from| Ports { ephemeral_from, listening: self.listening }),
            mounts: is(Part::Mounts).then_some(self.mounts),
            users: is(Part::Users).then_some(self.users),
            boot_order: self.boot_order.filter(|_| is(Part::BootOrder)),
            site_checks: is(Part::SiteChecks).then_some(self.site_checks),
            problems: self.problems,
        })
    }

    /// A part without which nothing can be judged.
    fn needed<T>(&self, part: Part, told: Option<T>) -> Result<T, AnswerError> {
        if let Some(problem) = self.problems.iter().find(|problem| problem.part == part) {
            let why = super::answer::shortened(&problem.text);
            return Err(AnswerError::Untold { part: part.as_str(), why });
        }
        told.ok_or(AnswerError::Missing { part: part.as_str() })
    }
}
