//! The validation after a run: what ran must run, what listened must listen, what was mounted must be mounted.

use serde::{Deserialize, Serialize};

use super::{Check, Differences, Finding, Severity, compare, some_of};
use crate::domain::facts::{Facts, Part, ServiceState};

/// What each difference means, and which ones mean nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ValidationRules {
    /// Services that ran and do not run any more.
    pub services: Severity,
    /// Sockets that listened and do not any more.
    pub ports: Severity,
    /// What was mounted and is not any more.
    pub mounts: Severity,
    /// Units that have failed since.
    pub failed_units: Severity,
    /// Packages in no good state.
    pub broken: Severity,
    /// An older kernel than the newest one runs, although the host was restarted.
    pub kernel: Severity,
    /// Services whose end means nothing: names with `*` as wildcard.
    pub ignored_services: Vec<String>,
}

impl Default for ValidationRules {
    fn default() -> Self {
        Self {
            services: Severity::Block,
            ports: Severity::Block,
            mounts: Severity::Block,
            failed_units: Severity::Warn,
            broken: Severity::Block,
            kernel: Severity::Warn,
            ignored_services: IGNORED_SERVICES.iter().map(|name| (*name).to_owned()).collect(),
        }
    }
}

/// Services that come and go by themselves: with a login, a connection, a question over D-Bus, a timer.
const IGNORED_SERVICES: &[&str] = &[
    "apt-daily*.service", "dnf-makecache.service", "fwupd*.service", "man-db.service", "packagekit.service",
    "patchbot-*.service", "polkit.service", "ssh@*.service", "sshd@*.service", "systemd-hostnamed.service",
    "systemd-localed.service", "systemd-machined.service", "systemd-timedated.service",
    "systemd-tmpfiles-clean.service", "udisks2.service", "upower.service", "user@*.service",
];

/// Judges the facts after a run by those before it. Everything that is looked at leaves a finding.
#[must_use]
pub fn validate(before: &Facts, after: &Facts, rules: &ValidationRules) -> Vec<Finding> {
    let differences = compare(before, after);
    let mut findings = Vec::new();
    let mut add = |check, severity: Severity, bad: Vec<String>, what: &str, fine: &str, remedy: &str| {
        let Some(level) = severity.level() else { return };
        findings.push(if bad.is_empty() {
            Finding::ok(check, "", fine)
        } else {
            Finding::new(check, "", level, format!("{}: {what}", some_of(bad))).remedy(remedy)
        });
    };
    add(
        Check::ServicesAfter,
        rules.services,
        gone_services(before, after, &differences, rules),
        "ran before and does not run now",
        "all that ran before run",
        "See with \"systemctl status\" why, and start what is missing.",
    );
    add(
        Check::PortsAfter,
        rules.ports,
        differences.ports_gone.iter().map(ToString::to_string).collect(),
        "answered before and does not now",
        "all that answered before answer",
        "See with \"ss -tulnp\" what listens, and start what is missing.",
    );
    add(
        Check::MountsAfter,
        rules.mounts,
        differences.mounts_gone.iter().map(|mount| mount.point.clone()).collect(),
        "was mounted before and is not now",
        "all that was mounted before is mounted",
        "Mount it again with \"mount -a\"; what is missing in /etc/fstab does not come back by itself.",
    );
    add(
        Check::FailedUnits,
        rules.failed_units,
        differences.units_failed.iter().filter(|name| !ignored(name, rules)).cloned().collect(),
        "failed since",
        "none failed since",
        "See with \"systemctl --failed\" what is wrong.",
    );
    let broken = after.broken.as_deref().unwrap_or_default();
    add(
        Check::Broken,
        rules.broken,
        broken.iter().map(|package| package.name.clone()).collect(),
        "in no good state",
        "none",
        "Repair them with \"dpkg --configure -a\" and \"apt-get -f install\".",
    );
    findings.extend(kernel(&differences, after, rules));
    findings.extend(untold(before, after, rules));
    findings
}

/// Services that do not run any more: those systemd knows, and those that were asked for by name.
fn gone_services(
    before: &Facts,
    after: &Facts,
    differences: &Differences,
    rules: &ValidationRules,
) -> Vec<String> {
    let active = |facts: &Facts| -> Vec<String> {
        let states = facts.services.iter().flatten();
        states.filter(|(_, state)| **state == ServiceState::Active).map(|(name, _)| name.clone()).collect()
    };
    let still = active(after);
    let mut gone: Vec<String> =
        differences.services_gone.iter().filter(|name| !ignored(name, rules)).cloned().collect();
    for name in active(before).into_iter().filter(|name| !still.contains(name)) {
        // systemd tells it as name.service already
        if !gone.iter().any(|unit| *unit == name || unit.strip_suffix(".service") == Some(&name)) {
            gone.push(name);
        }
    }
    gone
}

fn kernel(differences: &Differences, after: &Facts, rules: &ValidationRules) -> Option<Finding> {
    let level = rules.kernel.level()?;
    let kernel = after.kernel.as_ref()?;
    Some(if differences.rebooted && kernel.newer_installed() {
        let newest = kernel.newest.as_deref().unwrap_or_default();
        let found = format!("{} runs after the reboot, {newest} is installed", kernel.running);
        let remedy = "Look at the boot loader's default entry.";
        Finding::new(Check::KernelAfter, "", level, found).remedy(remedy)
    } else {
        Finding::ok(Check::KernelAfter, "", differences.kernel_text())
    })
}

/// What was told before and is not told now cannot be compared: that is no proof that all is well.
fn untold(before: &Facts, after: &Facts, rules: &ValidationRules) -> Vec<Finding> {
    [
        (Check::ServicesAfter, rules.services, Part::Units, before.units.is_some(), after.units.is_some()),
        (Check::PortsAfter, rules.ports, Part::Ports, before.ports.is_some(), after.ports.is_some()),
        (Check::MountsAfter, rules.mounts, Part::Mounts, before.mounts.is_some(), after.mounts.is_some()),
        (Check::Broken, rules.broken, Part::Broken, true, after.broken.is_some()),
    ]
    .into_iter()
    .filter(|(_, _, _, told, tells)| *told && !tells)
    .filter_map(|(check, severity, part, _, _)| {
        let why = after.problem(part).unwrap_or("the host did not say why").trim();
        let finding = Finding::new(check, "", severity.level()?, format!("could not be told ({why})"));
        Some(finding.remedy("Look at the host: sudo patchbot-host facts shows what is wrong."))
    })
    .collect()
}

/// Whether a unit's coming and going means nothing.
fn ignored(name: &str, rules: &ValidationRules) -> bool {
    rules.ignored_services.iter().any(|pattern| fits(name, pattern))
}

/// Whether a name fits a pattern in which `*` stands for anything.
fn fits(name: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_with_stars_fit_whole_names() {
        assert!(fits("user@1000.service", "user@*.service"));
        assert!(fits("ssh.service", "ssh.service"));
        assert!(!fits("ssh.service", "ssh@*.service"));
        assert!(!fits("ssh.service.d", "ssh.service"));
        assert!(fits("a-b-c", "a*b*c"));
        assert!(!fits("a-b", "a*b*c"));
        assert!(fits("anything", "*"));
    }
}
