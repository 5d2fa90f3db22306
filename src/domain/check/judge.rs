//! The pre-checks: a finding for everything that is looked at, with what to do about it.

use chrono::{DateTime, FixedOffset, Utc};
use chrono_tz::Tz;

use super::{Check, CheckLevels, Finding, Level, Severity, size, some_of};
use crate::domain::facts::{Disk, Facts, Part, ServiceState, Units, UserClass};
use crate::domain::zone::{Confirmation, confirms, offset_text, parse_zone};

/// What there is to judge.
#[derive(Debug, Clone, Copy)]
pub enum Seen<'a> {
    /// The host told its facts.
    Facts(&'a Facts),
    /// It did not.
    Nothing(&'a NoFacts),
}

/// Why a host told no facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoFacts {
    /// Which check that fails: [`Check::Ssh`], [`Check::HostKey`], [`Check::Sudo`] or [`Check::Helper`].
    pub check: Check,
    /// What happened, as the error said it, without its next step.
    pub found: String,
    /// The next step.
    pub remedy: String,
}

impl NoFacts {
    /// Takes an error's sentence apart: what happened, and, after its last `; `, the next step.
    #[must_use]
    pub fn told(check: Check, sentence: &str) -> Self {
        let (found, step) = sentence.rsplit_once("; ").unwrap_or((sentence, ""));
        let mut letters = step.chars();
        let remedy = letters.next().map(|first| format!("{}{}.", first.to_uppercase(), letters.as_str()));
        Self { check, found: found.to_owned(), remedy: remedy.unwrap_or_default() }
    }
}

/// What the facts are compared with.
#[derive(Debug, Clone)]
pub struct Context {
    /// This machine's own clock when the facts were asked for, never a shifted one: the host looks at its clock first,
    /// and may then take a while over the rest.
    pub machine: DateTime<Utc>,
    /// The zone the inventory declares.
    pub zone: Tz,
    /// The offset the host told by SNMP, when it was asked.
    pub snmp_offset: Option<FixedOffset>,
    /// The helper that should be on the host, when that matters.
    pub helper: Option<ExpectedHelper>,
}

/// The helper that should be on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedHelper {
    /// Its version.
    pub version: String,
    /// The hash of its file.
    pub sha256: String,
}

/// Judges what was seen of a host. Checks that are off leave no finding; all others leave at least one.
#[must_use]
pub fn judge(seen: Seen<'_>, levels: &CheckLevels, context: &Context) -> Vec<Finding> {
    let facts = match seen {
        Seen::Facts(facts) => facts,
        Seen::Nothing(nothing) => {
            let level = levels.of(nothing.check).level();
            let finding =
                |level| Finding::new(nothing.check, "", level, &nothing.found).remedy(&nothing.remedy);
            return level.map(finding).into_iter().collect();
        }
    };
    let mut judge = Judge { facts, levels, findings: Vec::new() };
    judge.reached(context);
    judge.zone(context);
    judge.clock(context);
    judge.disks();
    judge.load();
    judge.memory();
    judge.package_lock();
    judge.repositories();
    judge.updates();
    judge.packages();
    judge.reboot_pending();
    judge.services();
    judge.failed_units();
    judge.users();
    judge.boot_order();
    judge.site_checks();
    judge.findings
}

struct Judge<'a> {
    facts: &'a Facts,
    levels: &'a CheckLevels,
    findings: Vec<Finding>,
}

impl Judge<'_> {
    /// Adds a finding that is not as it should be, at the level of its check.
    fn bad(&mut self, check: Check, subject: &str, found: impl Into<String>, remedy: impl Into<String>) {
        if let Some(level) = self.levels.of(check).level() {
            self.findings.push(Finding::new(check, subject, level, found).remedy(remedy));
        }
    }

    /// Adds a finding that is only worth seeing, whatever the check's level, unless it is off.
    fn seen(&mut self, check: Check, subject: &str, found: impl Into<String>, remedy: impl Into<String>) {
        if self.levels.of(check) != Severity::Off {
            self.findings.push(Finding::new(check, subject, Level::Warn, found).remedy(remedy));
        }
    }

    fn good(&mut self, check: Check, subject: &str, found: impl Into<String>) {
        if self.levels.of(check) != Severity::Off {
            self.findings.push(Finding::ok(check, subject, found));
        }
    }

    /// What cannot be told is not taken for good.
    fn untold(&mut self, check: Check, part: Part) {
        let why = self.facts.problem(part).unwrap_or("the host did not say why").trim().to_owned();
        let remedy = "Look at the host: sudo patchbot-host facts shows what is wrong.";
        self.bad(check, "", format!("could not be told ({why})"), remedy);
    }

    fn reached(&mut self, context: &Context) {
        self.good(Check::Ssh, "", "the host lets patchbot in");
        self.good(Check::HostKey, "", "the host's key is the known one");
        self.good(Check::Sudo, "", "sudo allows the helper");
        let helper = &self.facts.helper;
        match &context.helper {
            Some(expected) if expected.sha256 != helper.sha256 => self.bad(
                Check::Helper,
                "",
                format!(
                    "the file on the host (version {}) is not the one that belongs there (version {})",
                    helper.version, expected.version
                ),
                "Install the helper again with \"patchbot enroll\".",
            ),
            _ => self.good(Check::Helper, "", format!("version {}", helper.version)),
        }
    }

    fn zone(&mut self, context: &Context) {
        if let Some(offset) = context.snmp_offset {
            self.offset("by SNMP", offset, context);
        }
        let Some(zone) = &self.facts.zone else {
            return self.untold(Check::Zone, Part::Zone);
        };
        let Some(offset) = zone.fixed_offset() else {
            let found = format!("the host's offset of {} seconds is none that exists", zone.offset);
            return self.bad(Check::Zone, "", found, "Look at the host's clock and zone.");
        };
        match zone.name().map(parse_zone) {
            Some(Ok(named)) if named == context.zone => {
                self.good(Check::Zone, "", format!("{named}, as declared"));
            }
            // Another name with the same clock is another name only: Europe/Vienna for Europe/Berlin.
            _ => self.offset(zone.name().unwrap_or(&zone.abbreviation), offset, context),
        }
    }

    fn offset(&mut self, source: &str, offset: FixedOffset, context: &Context) {
        match confirms(context.zone, offset, context.machine) {
            Confirmation::Confirmed => {
                let text = offset_text(offset.local_minus_utc());
                self.good(Check::Zone, "", format!("{text} ({source}) fits {}", context.zone));
            }
            Confirmation::Contradicted { declared_offset, seen_offset } => self.bad(
                Check::Zone,
                "",
                format!(
                    "the host is at {} ({source}), declared is {}, which is at {} now",
                    offset_text(seen_offset),
                    context.zone,
                    offset_text(declared_offset)
                ),
                "Correct the server's zone in the inventory, or set the host's zone with timedatectl.",
            ),
        }
    }

    fn clock(&mut self, context: &Context) {
        let skew = self.facts.host.clock.signed_duration_since(context.machine).num_seconds();
        let allowed = i64::from(self.levels.limits.clock_seconds);
        let side = if skew < 0 { "behind" } else { "ahead" };
        let found =
            if skew == 0 { "right to the second".to_owned() } else { format!("{} s {side}", skew.abs()) };
        if skew.abs() > allowed {
            self.bad(
                Check::Clock,
                "",
                format!("{found}, {allowed} s allowed"),
                "Set the host's clock, and look why its time service (chrony, systemd-timesyncd) did not.",
            );
        } else {
            self.good(Check::Clock, "", found);
        }
    }

    fn disks(&mut self) {
        let facts = self.facts;
        let Some(disks) = &facts.disks else {
            self.untold(Check::Disk, Part::Disks);
            return self.untold(Check::Inodes, Part::Disks);
        };
        let limits = self.levels.limits;
        for disk in disks {
            let (space, inodes, allowed) = match disk.mount.as_str() {
                "/" => (Check::Disk, Check::Inodes, limits.root_percent),
                "/boot" => (Check::Disk, Check::Inodes, limits.boot_percent),
                "/var" => (Check::Disk, Check::Inodes, limits.var_percent),
                _ => (Check::DiskOther, Check::InodesOther, limits.other_percent),
            };
            let mount = &disk.mount;
            if disk.used_percent > allowed {
                let found = format!("{} % used, {allowed} % allowed", disk.used_percent);
                self.bad(space, mount, found, free_space(mount));
            } else {
                self.good(space, mount, format!("{} % used, {allowed} % allowed", disk.used_percent));
            }
            match disk.inodes_percent {
                Some(used) if used > allowed => self.bad(
                    inodes,
                    mount,
                    format!("{used} % used, {allowed} % allowed"),
                    format!("Remove files from {mount}: many small ones use up the inodes."),
                ),
                Some(used) => self.good(inodes, mount, format!("{used} % used, {allowed} % allowed")),
                None => {}
            }
        }
        self.download_space(disks);
    }

    fn download_space(&mut self, disks: &[Disk]) {
        let Some(updates) = &self.facts.updates else {
            return; // the updates themselves are told as missing
        };
        let Some(disk) = holding("/var/cache/apt/archives", disks) else {
            return;
        };
        let needed = updates.download_kb.saturating_mul(u64::from(self.levels.limits.download_factor));
        let found = format!(
            "{} to fetch, which takes {} with what it unpacks to; {} are free on {}",
            size(updates.download_kb),
            size(needed),
            size(disk.free_kb),
            disk.mount
        );
        if needed > disk.free_kb {
            self.bad(Check::DownloadSpace, "", found, free_space(&disk.mount));
        } else {
            self.good(Check::DownloadSpace, "", found);
        }
    }

    fn load(&mut self) {
        let Some(load) = self.facts.load else {
            return self.untold(Check::Load, Part::Load);
        };
        let allowed = self.levels.limits.load_per_cpu.saturating_mul(load.cpus.max(1));
        let found = format!("{:.1} over five minutes, {allowed} allowed", load.five);
        if load.five > f64::from(allowed) {
            let remedy = "See with \"top\" what keeps the host busy, and wait for it or stop it.";
            self.bad(Check::Load, "", found, remedy);
        } else {
            self.good(Check::Load, "", found);
        }
    }

    fn memory(&mut self) {
        let Some(memory) = self.facts.memory else {
            return self.untold(Check::Memory, Part::Memory);
        };
        let (used, allowed) = (memory.used_percent(), u64::from(self.levels.limits.memory_percent));
        let found = format!("{used} % used, {allowed} % allowed");
        if used > allowed {
            let remedy = "See with \"top\" what uses the memory, and stop or restart it.";
            self.bad(Check::Memory, "", found, remedy);
        } else {
            self.good(Check::Memory, "", found);
        }
    }

    fn package_lock(&mut self) {
        let Some(packager) = &self.facts.packager else {
            return self.untold(Check::PackageLock, Part::Packager);
        };
        match &packager.locked_by {
            Some(holder) => {
                let found =
                    format!("process {} ({}) works with the package manager", holder.pid, holder.name);
                let remedy =
                    format!("Wait for it to end; if it hangs, look at it with \"ps -fp {}\".", holder.pid);
                self.bad(Check::PackageLock, "", found, remedy);
            }
            None => self.good(Check::PackageLock, "", "nobody works with the package manager"),
        }
    }

    fn repositories(&mut self) {
        let Some(repositories) = &self.facts.repositories else {
            return self.untold(Check::Repositories, Part::Repositories);
        };
        if repositories.reachable {
            self.good(Check::Repositories, "", "all of them answer");
        } else {
            let first =
                repositories.failures.first().map_or("the package manager did not say which", String::as_str);
            let more = repositories.failures.len().saturating_sub(1);
            let found = if more == 0 { first.to_owned() } else { format!("{first}, and {more} more") };
            let remedy =
                "Mend or remove the source; \"apt-get update\" on the host shows whether it is mended.";
            self.bad(Check::Repositories, "", found, remedy);
        }
    }

    fn updates(&mut self) {
        let Some(updates) = &self.facts.updates else {
            return self.untold(Check::Updates, Part::Updates);
        };
        let found = match (updates.count, updates.security) {
            (0, _) => "nothing is waiting to be installed".to_owned(),
            (count, 0) => format!("{count} waiting, none of them for security"),
            (count, security) => format!("{count} waiting, {security} of them for security"),
        };
        let kernel = if updates.kernel { ", with a new kernel" } else { "" };
        self.good(Check::Updates, "", format!("{found}{kernel}"));
    }

    fn packages(&mut self) {
        let facts = self.facts;
        match &facts.held {
            None => self.untold(Check::Held, Part::Held),
            Some(held) if held.is_empty() => self.good(Check::Held, "", "none"),
            Some(held) => self.bad(
                Check::Held,
                "",
                format!("{} will not be updated", some_of(held)),
                "Nothing is to be done if that is meant; \"apt-mark unhold\" ends it.",
            ),
        }
        match &facts.broken {
            None => self.untold(Check::Broken, Part::Broken),
            Some(broken) if broken.is_empty() => self.good(Check::Broken, "", "none"),
            Some(broken) => self.bad(
                Check::Broken,
                "",
                some_of(broken.iter().map(|package| format!("{} ({})", package.name, package.state))),
                "Repair them with \"dpkg --configure -a\" and \"apt-get -f install\".",
            ),
        }
    }

    fn reboot_pending(&mut self) {
        let facts = self.facts;
        let Some(reboot) = &facts.reboot else {
            return self.untold(Check::RebootPending, Part::Reboot);
        };
        let newer = facts.kernel.as_ref().filter(|kernel| kernel.newer_installed());
        let found = match (reboot.required, reboot.packages.is_empty(), newer) {
            (true, false, _) => format!("asked for by {}", some_of(&reboot.packages)),
            (true, true, _) => "the host asks for a reboot".to_owned(),
            (false, _, Some(kernel)) => format!(
                "kernel {} is installed, {} runs",
                kernel.newest.as_deref().unwrap_or_default(),
                kernel.running
            ),
            (false, _, None) => return self.good(Check::RebootPending, "", "none"),
        };
        let remedy =
            "An earlier update waits for it; reboot the host before the window, or let this run do it.";
        self.bad(Check::RebootPending, "", found, remedy);
    }

    fn services(&mut self) {
        let facts = self.facts;
        for name in &self.levels.critical_services {
            let Some(states) = &facts.services else {
                return self.untold(Check::CriticalServices, Part::Services);
            };
            let look = format!("Start it, or see with \"systemctl status {name}\" why it does not run.");
            match states.get(name) {
                Some(ServiceState::Active) => self.good(Check::CriticalServices, name, "runs"),
                Some(ServiceState::Inactive) => self.bad(Check::CriticalServices, name, "does not run", look),
                Some(ServiceState::Failed) => self.bad(Check::CriticalServices, name, "has failed", look),
                Some(ServiceState::Absent) => self.bad(
                    Check::CriticalServices,
                    name,
                    "is not known on this host",
                    "Install it, or take it from the critical services of the host group.",
                ),
                Some(ServiceState::Unknown) => self.bad(
                    Check::CriticalServices,
                    name,
                    "cannot be told: no systemd runs on this host and no process has that name",
                    "Name the process as it is called on the host, or write a check of the site's own.",
                ),
                None => self.bad(Check::CriticalServices, name, "was not asked for", "Take the facts again."),
            }
        }
    }

    fn failed_units(&mut self) {
        match &self.facts.units {
            None => self.untold(Check::FailedUnits, Part::Units),
            Some(Units::NoSystemd) => self.good(Check::FailedUnits, "", "no systemd runs on this host"),
            Some(Units::Systemd { failed, .. }) if failed.is_empty() => {
                self.good(Check::FailedUnits, "", "none");
            }
            Some(Units::Systemd { failed, .. }) => self.bad(
                Check::FailedUnits,
                "",
                some_of(failed),
                "See with \"systemctl --failed\" what is wrong; \"systemctl reset-failed\" forgets it.",
            ),
        }
    }

    fn users(&mut self) {
        let facts = self.facts;
        let Some(users) = &facts.users else {
            return self.untold(Check::Users, Part::Users);
        };
        let of = |class| -> Vec<String> {
            let mut names: Vec<String> =
                users.iter().filter(|user| user.class == class).map(|user| user.name.clone()).collect();
            names.sort();
            names.dedup();
            names
        };
        let (persons, services) = (of(UserClass::Person), of(UserClass::Service));
        if !persons.is_empty() {
            self.bad(
                Check::Users,
                "",
                format!("{} logged in", some_of(&persons)),
                "Ask them to log out before the window; a reboot ends their sessions.",
            );
        }
        // A display manager's session never ends; it must not keep a server from being patched.
        if !services.is_empty() {
            self.seen(Check::Users, "", format!("the system's own sessions: {}", some_of(&services)), "");
        }
        if persons.is_empty() && services.is_empty() {
            self.good(Check::Users, "", "nobody is logged in");
        }
    }

    fn boot_order(&mut self) {
        match (&self.facts.boot_order, self.facts.problem(Part::BootOrder)) {
            (Some(order), _) if order.network_first => self.bad(
                Check::BootOrder,
                "",
                format!("the network comes first: {}", order.order),
                "Put the disk first with racadm; after a reboot this server would not come back from its disk.",
            ),
            (Some(order), _) => self.good(Check::BootOrder, "", order.order.clone()),
            (None, Some(_)) => self.untold(Check::BootOrder, Part::BootOrder),
            (None, None) => {}
        }
    }

    fn site_checks(&mut self) {
        let facts = self.facts;
        let Some(checks) = &facts.site_checks else {
            return self.untold(Check::SiteChecks, Part::SiteChecks);
        };
        for check in checks {
            let text = check.text.lines().next().unwrap_or_default().trim();
            let said = if text.is_empty() { String::new() } else { format!(": {text}") };
            match check.rc {
                Some(0) => self.good(Check::SiteChecks, &check.name, format!("passed{said}")),
                Some(rc) => self.bad(
                    Check::SiteChecks,
                    &check.name,
                    format!("ended with {rc}{said}"),
                    format!("Run /etc/patching/checks.d/{} on the host to see what it wants.", check.name),
                ),
                None => self.bad(
                    Check::SiteChecks,
                    &check.name,
                    format!("gave no answer{said}"),
                    format!("Look at /etc/patching/checks.d/{} on the host.", check.name),
                ),
            }
        }
    }
}

/// The filesystem a folder lies on: the one mounted nearest above it.
fn holding<'a>(folder: &str, disks: &'a [Disk]) -> Option<&'a Disk> {
    disks
        .iter()
        .filter(|disk| {
            let below = folder.strip_prefix(disk.mount.trim_end_matches('/'));
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
        .max_by_key(|disk| disk.mount.len())
}

fn free_space(mount: &str) -> String {
    match mount {
        "/boot" => "Remove old kernels from /boot: \"apt-get autoremove --purge\" does it.".to_owned(),
        "/" | "/var" => {
            format!(
                "Free space on {mount}: \"apt-get clean\" empties the package cache, \"journalctl --vacuum-time=7d\" the journal."
            )
        }
        _ => format!("Free space on {mount}."),
    }
}
