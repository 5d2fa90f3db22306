//! What differs between the facts before a run and after it: the heart of the completion notice.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::some_of;
use crate::domain::facts::{Facts, Mount, Port, Units};
use crate::domain::notice::PackageLine;

/// One package that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageChange {
    /// Its name.
    pub name: String,
    /// The version before; absent when it is new.
    pub before: Option<String>,
    /// The version after; absent when it is gone.
    pub after: Option<String>,
}

impl From<&PackageChange> for PackageLine {
    fn from(change: &PackageChange) -> Self {
        Self { name: change.name.clone(), before: change.before.clone(), after: change.after.clone() }
    }
}

/// What differs between two moments of a host. A part that was not told at one of them shows no difference.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Differences {
    /// Packages that changed, came or went.
    pub packages: Vec<PackageChange>,
    /// Whether the host was restarted in between.
    pub rebooted: bool,
    /// The running kernel before and after.
    pub kernel: (String, String),
    /// Services that ran before and do not run any more.
    pub services_gone: Vec<String>,
    /// Services that run now and did not before.
    pub services_new: Vec<String>,
    /// Units that have failed since.
    pub units_failed: Vec<String>,
    /// Sockets that listened before and do not any more.
    pub ports_gone: Vec<Port>,
    /// Sockets that listen now and did not before.
    pub ports_new: Vec<Port>,
    /// What was mounted before and is not any more.
    pub mounts_gone: Vec<Mount>,
    /// What is mounted now and was not before.
    pub mounts_new: Vec<Mount>,
}

impl Differences {
    /// The kernel before and after: `6.1.0-29 -> 6.1.0-30`, or one version when it did not change.
    #[must_use]
    pub fn kernel_text(&self) -> String {
        let (before, after) = &self.kernel;
        if before == after { after.clone() } else { format!("{before} -> {after}") }
    }

    /// Everything but packages and kernel, one line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = |what: &str, names: Vec<String>| {
            if !names.is_empty() {
                lines.push(format!("{what}: {}", some_of(names)));
            }
        };
        let ports = |ports: &[Port]| ports.iter().map(ToString::to_string).collect();
        let mounts = |mounts: &[Mount]| mounts.iter().map(|mount| mount.point.clone()).collect();
        line("no longer running", self.services_gone.clone());
        line("newly running", self.services_new.clone());
        line("failed since", self.units_failed.clone());
        line("no longer listening", ports(&self.ports_gone));
        line("newly listening", ports(&self.ports_new));
        line("no longer mounted", mounts(&self.mounts_gone));
        line("newly mounted", mounts(&self.mounts_new));
        lines
    }

    /// The packages in one phrase: `12 packages changed`.
    #[must_use]
    pub fn packages_text(&self) -> String {
        match self.packages.len() {
            0 => "no package changed".to_owned(),
            1 => "1 package changed".to_owned(),
            count => format!("{count} packages changed"),
        }
    }
}

/// Compares the facts before a run with those after it.
#[must_use]
pub fn compare(before: &Facts, after: &Facts) -> Differences {
    let kernel =
        |facts: &Facts| facts.kernel.as_ref().map(|kernel| kernel.running.clone()).unwrap_or_default();
    let (running_before, failed_before) = units(before);
    let (running_after, failed_after) = units(after);
    // Where one side is missing, nothing can be said; an empty set would say that everything came or went.
    let services = running_before.zip(running_after);
    let failed = failed_before.zip(failed_after);
    let ports = listening(before).zip(listening(after));
    let mounts = before.mounts.as_ref().zip(after.mounts.as_ref());
    Differences {
        packages: before
            .packages
            .as_ref()
            .zip(after.packages.as_ref())
            .map(package_changes)
            .unwrap_or_default(),
        rebooted: before.host.boot_id != after.host.boot_id,
        kernel: (kernel(before), kernel(after)),
        services_gone: services.map(|(old, new)| missing(old, new)).unwrap_or_default(),
        services_new: services.map(|(old, new)| missing(new, old)).unwrap_or_default(),
        units_failed: failed.map(|(old, new)| missing(new, old)).unwrap_or_default(),
        ports_gone: ports.as_ref().map(|(old, new)| missing(old, new)).unwrap_or_default(),
        ports_new: ports.as_ref().map(|(old, new)| missing(new, old)).unwrap_or_default(),
        mounts_gone: mounts.map(|(old, new)| missing(old, new)).unwrap_or_default(),
        mounts_new: mounts.map(|(old, new)| missing(new, old)).unwrap_or_default(),
    }
}

fn package_changes(both: (&BTreeMap<String, String>, &BTreeMap<String, String>)) -> Vec<PackageChange> {
    let (before, after) = both;
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| PackageChange {
            name: name.clone(),
            before: before.get(name).cloned(),
            after: after.get(name).cloned(),
        })
        .collect()
}

type Names<'a> = Option<&'a BTreeSet<String>>;

fn units(facts: &Facts) -> (Names<'_>, Names<'_>) {
    match &facts.units {
        Some(Units::Systemd { running, failed }) => (Some(running), Some(failed)),
        Some(Units::NoSystemd) | None => (None, None),
    }
}

/// The sockets that prove something: those with a number that was chosen.
fn listening(facts: &Facts) -> Option<BTreeSet<Port>> {
    facts.ports.as_ref().map(|ports| {
        ports.listening.keys().filter(|port| port.number < ports.ephemeral_from).cloned().collect()
    })
}

/// What is in `one` and not in `other`.
fn missing<T: Ord + Clone>(one: &BTreeSet<T>, other: &BTreeSet<T>) -> Vec<T> {
    one.difference(other).cloned().collect()
}
