//! The exact sentences of the checks, and what blocks.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use chrono_tz::Tz;
use insta::assert_snapshot;

use super::*;
use crate::domain::facts::*;

fn at() -> DateTime<Utc> {
    "2026-12-03T19:00:00Z".parse().unwrap()
}

fn context() -> Context {
    Context { machine: at(), zone: Tz::Europe__Berlin, snmp_offset: None, helper: None }
}

fn disk(mount: &str, used_percent: u32) -> Disk {
    Disk {
        mount: mount.to_owned(),
        filesystem: "ext4".to_owned(),
        size_kb: 40_000_000,
        free_kb: 400_000 * u64::from(100 - used_percent),
        used_percent,
        inodes_percent: Some(3),
    }
}

fn port(protocol: Protocol, number: u16) -> Port {
    Port { protocol, address: "0.0.0.0".to_owned(), number }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A host that is as it should be.
fn facts() -> Facts {
    Facts {
        host: HostFacts {
            name: "web01".to_owned(),
            boot_id: BootId(uuid::Uuid::from_u128(1)),
            clock: at(),
            uptime: 86_400,
            arch: "x86_64".to_owned(),
        },
        helper: HelperFacts { version: "0.1.0".to_owned(), protocol: 1, sha256: "ab".to_owned() },
        kernel: Some(Kernel {
            running: "6.1.0-29-amd64".to_owned(),
            newest: Some("6.1.0-29-amd64".to_owned()),
        }),
        os: Some(Os { id: "debian".to_owned(), version: "12".to_owned(), name: "Debian".to_owned() }),
        zone: Some(ZoneFacts {
            named: BTreeMap::from([(ZoneSource::Timedatectl, "Europe/Berlin".to_owned())]),
            abbreviation: "CET".to_owned(),
            offset: 3600,
        }),
        disks: Some(vec![disk("/", 41), disk("/var", 60)]),
        load: Some(Load { one: 0.5, five: 0.4, fifteen: 0.3, cpus: 2 }),
        memory: Some(Memory { total_kb: 8_000_000, available_kb: 6_000_000 }),
        packager: Some(Packager { kind: PackagerKind::Apt, locked_by: None }),
        repositories: Some(Repositories { reachable: true, failures: Vec::new() }),
        updates: Some(Updates {
            count: 12,
            security: 3,
            kernel: true,
            download_kb: 80_000,
            packages: Vec::new(),
        }),
        packages: Some(BTreeMap::from([("openssl".to_owned(), "3.0.15-1".to_owned())])),
        held: Some(Vec::new()),
        broken: Some(Vec::new()),
        reboot: Some(RebootPending { required: false, packages: Vec::new() }),
        units: Some(Units::Systemd { running: names(&["nginx.service", "ssh.service"]), failed: names(&[]) }),
        services: Some(BTreeMap::from([("nginx".to_owned(), ServiceState::Active)])),
        ports: Some(Ports {
            ephemeral_from: 32768,
            listening: BTreeMap::from([
                (port(Protocol::Tcp, 22), Some("sshd".to_owned())),
                (port(Protocol::Tcp, 443), Some("nginx".to_owned())),
                (port(Protocol::Udp, 40_000), None),
            ]),
        }),
        mounts: Some(BTreeSet::from([Mount {
            point: "/srv".to_owned(),
            device: "nfs:/srv".to_owned(),
            filesystem: "nfs4".to_owned(),
        }])),
        users: Some(Vec::new()),
        boot_order: None,
        site_checks: Some(Vec::new()),
        problems: Vec::new(),
    }
}

fn told(findings: &[Finding]) -> String {
    findings
        .iter()
        .map(|finding| format!("{:5} {}", finding.level.as_str(), finding.sentence()))
        .collect::<Vec<_>>()
        .join("\n")
}

fn wrong(findings: &[Finding]) -> String {
    let bad: Vec<Finding> = findings.iter().filter(|finding| finding.level != Level::Ok).cloned().collect();
    told(&bad)
}

#[test]
fn a_host_that_is_as_it_should_be_has_only_good_findings() {
    let levels = CheckLevels { critical_services: vec!["nginx".to_owned()], ..CheckLevels::default() };
    assert_snapshot!(told(&judge(Seen::Facts(&facts()), &levels, &context())), @r"
    ok    SSH: the host lets patchbot in.
    ok    host key: the host's key is the known one.
    ok    sudo: sudo allows the helper.
    ok    helper: version 0.1.0.
    ok    time zone: Europe/Berlin, as declared.
    ok    clock: right to the second.
    ok    disk /: 41 % used, 80 % allowed.
    ok    inodes /: 3 % used, 80 % allowed.
    ok    disk /var: 60 % used, 85 % allowed.
    ok    inodes /var: 3 % used, 85 % allowed.
    ok    space for the download: 80 MB to fetch, which takes 240 MB with what it unpacks to; 16 GB are free on /var.
    ok    load: 0.4 over five minutes, 4 allowed.
    ok    memory: 25 % used, 90 % allowed.
    ok    package lock: nobody works with the package manager.
    ok    repositories: all of them answer.
    ok    updates: 12 waiting, 3 of them for security, with a new kernel.
    ok    held packages: none.
    ok    broken packages: none.
    ok    pending reboot: none.
    ok    service nginx: runs.
    ok    failed units: none.
    ok    users: nobody is logged in.
    ");
}

#[test]
fn whatever_is_wrong_is_told_with_what_to_do() {
    let mut bad = facts();
    bad.disks = Some(vec![
        disk("/", 81),
        disk("/boot", 71),
        Disk { inodes_percent: Some(99), free_kb: 100_000, ..disk("/var", 96) },
        disk("/data", 91),
        Disk { inodes_percent: None, ..disk("/home", 90) },
    ]);
    bad.zone = Some(ZoneFacts { named: BTreeMap::new(), abbreviation: "EST".to_owned(), offset: -18000 });
    bad.host.clock = at() - TimeDelta::seconds(61);
    bad.load = Some(Load { one: 9.0, five: 4.1, fifteen: 2.0, cpus: 2 });
    bad.memory = Some(Memory { total_kb: 1000, available_kb: 99 });
    bad.packager = Some(Packager {
        kind: PackagerKind::Apt,
        locked_by: Some(LockHolder { pid: 812, name: "apt-get".to_owned() }),
    });
    bad.repositories = Some(Repositories {
        reachable: false,
        failures: vec!["Failed to fetch http://repo/InRelease".to_owned(), "another".to_owned()],
    });
    bad.held = Some(vec!["docker-ce".to_owned()]);
    bad.broken =
        Some(vec![BrokenPackage { name: "mysql".to_owned(), state: "its configuration failed".to_owned() }]);
    bad.reboot =
        Some(RebootPending { required: true, packages: vec!["libc6".to_owned(), "dbus".to_owned()] });
    bad.units =
        Some(Units::Systemd { running: names(&[]), failed: names(&["a", "b", "c", "d", "e", "f", "g"]) });
    bad.services = Some(BTreeMap::from([
        ("nginx".to_owned(), ServiceState::Failed),
        ("mysql".to_owned(), ServiceState::Absent),
    ]));
    bad.users = Some(vec![
        User { name: "gdm".to_owned(), class: UserClass::Service, terminal: None },
        User { name: "ada".to_owned(), class: UserClass::Person, terminal: Some("pts/0".to_owned()) },
        User { name: "ada".to_owned(), class: UserClass::Person, terminal: Some("pts/1".to_owned()) },
    ]);
    bad.boot_order =
        Some(BootOrder { network_first: true, order: "NIC.Integrated.1-1-1,HardDisk.List.1-1".to_owned() });
    bad.site_checks = Some(vec![
        SiteCheck {
            name: "backup".to_owned(),
            rc: Some(2),
            text: "the last backup is 3 days old\n".to_owned(),
        },
        SiteCheck { name: "slow".to_owned(), rc: None, text: "stopped after 30 seconds".to_owned() },
    ]);
    bad.helper.sha256 = "cd".to_owned();
    let levels = CheckLevels {
        critical_services: vec!["nginx".to_owned(), "mysql".to_owned(), "redis".to_owned()],
        ..CheckLevels::default()
    };
    let context = Context {
        snmp_offset: FixedOffset::east_opt(-18000),
        helper: Some(ExpectedHelper { version: "0.1.0".to_owned(), sha256: "ab".to_owned() }),
        ..context()
    };
    assert_snapshot!(wrong(&judge(Seen::Facts(&bad), &levels, &context)));
}

#[test]
fn what_the_host_could_not_tell_is_not_taken_for_good() {
    let mut silent = facts();
    silent.disks = None;
    silent.broken = None;
    silent.users = None;
    silent.problems = vec![
        Problem { part: Part::Disks, text: "df did not answer within 10 seconds\n".to_owned() },
        Problem { part: Part::BootOrder, text: "racadm is there, and told no boot order".to_owned() },
    ];
    let findings = judge(Seen::Facts(&silent), &CheckLevels::default(), &context());
    assert!(blocks(&findings));
    assert_snapshot!(wrong(&findings), @r"
    block disk: could not be told (df did not answer within 10 seconds). Look at the host: sudo patchbot-host facts shows what is wrong.
    block inodes: could not be told (df did not answer within 10 seconds). Look at the host: sudo patchbot-host facts shows what is wrong.
    block broken packages: could not be told (the host did not say why). Look at the host: sudo patchbot-host facts shows what is wrong.
    warn  users: could not be told (the host did not say why). Look at the host: sudo patchbot-host facts shows what is wrong.
    block boot order: could not be told (racadm is there, and told no boot order). Look at the host: sudo patchbot-host facts shows what is wrong.
    ");
}

#[test]
fn a_stuck_session_of_a_service_never_blocks() {
    let mut stuck = facts();
    stuck.users = Some(vec![User { name: "gdm".to_owned(), class: UserClass::Service, terminal: None }]);
    let levels = CheckLevels { users: Severity::Block, ..CheckLevels::default() };
    let findings = judge(Seen::Facts(&stuck), &levels, &context());
    assert!(!blocks(&findings));
    assert_eq!(wrong(&findings), "warn  users: the system's own sessions: gdm.");
}

#[test]
fn a_host_that_cannot_be_reached_blocks_by_the_check_that_failed() {
    let nothing = NoFacts {
        check: Check::Ssh,
        found: "web01 does not answer on 10.0.0.1:22 within 10 s".to_owned(),
        remedy: "Look whether it runs.".to_owned(),
    };
    let findings = judge(Seen::Nothing(&nothing), &CheckLevels::default(), &context());
    assert_eq!(
        told(&findings),
        "block SSH: web01 does not answer on 10.0.0.1:22 within 10 s. Look whether it runs."
    );
}

#[test]
fn checks_that_are_off_leave_no_finding() {
    let mut full = facts();
    full.disks = Some(vec![disk("/", 99)]);
    let levels: CheckLevels = figment_like(
        "disk = \"off\"\nload = \"block\"\ncritical_services = [\"nginx\"]\n[limits]\nroot_percent = 95",
    );
    let findings = judge(Seen::Facts(&full), &levels, &context());
    assert!(findings.iter().all(|finding| finding.check != Check::Disk));
    assert_eq!(levels.limits.root_percent, 95);
    assert_eq!(levels.limits.var_percent, 85);
}

/// Reads TOML the way the configuration does.
fn figment_like(text: &str) -> CheckLevels {
    use figment::providers::{Format, Toml};
    figment::Figment::from(Toml::string(text)).extract().unwrap()
}

#[test]
fn unknown_words_in_the_levels_are_refused() {
    use figment::providers::{Format, Toml};
    for text in ["disc = \"block\"", "disk = \"blocked\"", "[limits]\nroot = 80"] {
        let read: Result<CheckLevels, _> = figment::Figment::from(Toml::string(text)).extract();
        assert!(read.is_err(), "{text}");
    }
}

fn after_the_run() -> Facts {
    let mut after = facts();
    after.host.boot_id = BootId(uuid::Uuid::from_u128(2));
    after.kernel =
        Some(Kernel { running: "6.1.0-30-amd64".to_owned(), newest: Some("6.1.0-30-amd64".to_owned()) });
    after.packages = Some(BTreeMap::from([
        ("openssl".to_owned(), "3.0.16-1".to_owned()),
        ("linux-image-6.1.0-30-amd64".to_owned(), "6.1.124-1".to_owned()),
    ]));
    after.ports = after.ports.map(|ports| Ports {
        listening: ports.listening.into_iter().filter(|(port, _)| port.number < 40_000).collect(),
        ..ports
    });
    after
}

#[test]
fn a_good_run_differs_in_packages_and_kernel_only() {
    let (before, after) = (facts(), after_the_run());
    let differences = compare(&before, &after);
    assert!(differences.rebooted);
    assert_eq!(differences.kernel_text(), "6.1.0-29-amd64 -> 6.1.0-30-amd64");
    assert_eq!(differences.lines(), Vec::<String>::new());
    assert_eq!(differences.packages_text(), "2 packages changed");
    assert_eq!(differences.packages[1].before.as_deref(), Some("3.0.15-1"));
    assert_snapshot!(told(&validate(&before, &after, &ValidationRules::default())), @r"
    ok    services after the run: all that ran before run.
    ok    ports after the run: all that answered before answer.
    ok    mounts after the run: all that was mounted before is mounted.
    ok    failed units: none failed since.
    ok    broken packages: none.
    ok    kernel after the run: 6.1.0-29-amd64 -> 6.1.0-30-amd64.
    ");
}

#[test]
fn what_does_not_come_back_fails_the_validation() {
    let (mut before, mut after) = (facts(), after_the_run());
    before.units = Some(Units::Systemd {
        running: names(&["nginx.service", "ssh.service", "user@1000.service"]),
        failed: names(&[]),
    });
    after.units =
        Some(Units::Systemd { running: names(&["ssh.service"]), failed: names(&["nginx.service"]) });
    after.services = Some(BTreeMap::from([("nginx".to_owned(), ServiceState::Failed)]));
    after.ports = Some(Ports {
        ephemeral_from: 32768,
        listening: BTreeMap::from([(port(Protocol::Tcp, 22), None), (port(Protocol::Tcp, 8080), None)]),
    });
    after.mounts = Some(BTreeSet::new());
    after.kernel =
        Some(Kernel { running: "6.1.0-29-amd64".to_owned(), newest: Some("6.1.0-30-amd64".to_owned()) });
    after.broken = None;
    let findings = validate(&before, &after, &ValidationRules::default());
    assert!(blocks(&findings));
    assert_snapshot!(wrong(&findings), @r#"
    block services after the run: nginx.service: ran before and does not run now. See with "systemctl status" why, and start what is missing.
    block ports after the run: tcp 0.0.0.0:443: answered before and does not now. See with "ss -tulnp" what listens, and start what is missing.
    block mounts after the run: /srv: was mounted before and is not now. Mount it again with "mount -a"; what is missing in /etc/fstab does not come back by itself.
    warn  failed units: nginx.service: failed since. See with "systemctl --failed" what is wrong.
    warn  kernel after the run: 6.1.0-29-amd64 runs after the reboot, 6.1.0-30-amd64 is installed. Look at the boot loader's default entry.
    block broken packages: could not be told (the host did not say why). Look at the host: sudo patchbot-host facts shows what is wrong.
    "#);
    assert_eq!(
        compare(&before, &after).lines(),
        [
            "no longer running: nginx.service and user@1000.service",
            "failed since: nginx.service",
            "no longer listening: tcp 0.0.0.0:443",
            "newly listening: tcp 0.0.0.0:8080",
            "no longer mounted: /srv"
        ]
    );
}

#[test]
fn facts_survive_the_database() {
    let facts = facts();
    let text = serde_json::to_string(&facts).unwrap();
    assert_eq!(serde_json::from_str::<Facts>(&text).unwrap(), facts);
}

#[test]
fn an_override_lets_pass_what_was_seen_and_nothing_that_came_later() {
    let full = |subject: &str| Finding {
        check: Check::Disk,
        subject: subject.to_owned(),
        level: Level::Block,
        found: "96 % used, 85 % allowed".to_owned(),
        remedy: String::new(),
    };
    let findings = [full("/srv"), full("/var")];
    let passes = ["disk /srv".to_owned()];
    let (passed, ends) = against(&findings, true, &passes);
    assert_eq!((passed, ends), (vec![&findings[0]], vec![&findings[1]]));
    let (passed, ends) = against(&findings[..1], false, &passes);
    assert_eq!((passed.len(), ends.len()), (0, 1), "nobody overrides that a host tells nothing");
}
