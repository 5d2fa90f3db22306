//! Says which prerequisites of the lab are missing, and how to get them.

use std::path::Path;

use anyhow::{Result, bail};

use crate::cache;

/// A program the lab starts, and the Debian package that brings it.
const PROGRAMS: &[(&str, &str)] = &[
    ("/usr/bin/unshare", "util-linux"),
    ("/usr/bin/nsenter", "util-linux"),
    ("/usr/bin/setsid", "util-linux"),
    ("/usr/bin/setpriv", "util-linux"),
    ("/usr/sbin/ip", "iproute2"),
    ("/usr/bin/dpkg-deb", "dpkg"),
    ("/usr/bin/ssh", "openssh-client"),
    ("/usr/bin/ssh-keygen", "openssh-client"),
    ("/usr/bin/openssl", "openssl"),
    ("/usr/bin/systemd-nspawn", "systemd-container"),
    ("/usr/sbin/snmpd", "snmpd"),
    ("/usr/bin/snmpget", "snmp"),
    ("/usr/sbin/dnsmasq", "dnsmasq-base"),
    ("/usr/sbin/postfix", "postfix"),
    ("/usr/sbin/dovecot", "dovecot-imapd"),
    ("/usr/lib/dovecot/lmtp", "dovecot-lmtpd"),
    ("/usr/bin/faketime", "faketime"),
    ("/usr/lib/python3/dist-packages/dkim/__init__.py", "python3-dkim"),
    ("/usr/sbin/opendkim", "opendkim"),
    ("/usr/sbin/opendkim-testmsg", "opendkim-tools"),
    ("/usr/bin/swaks", "swaks"),
    ("/usr/bin/mutt", "mutt"),
    ("/usr/bin/s-nail", "s-nail"),
    ("/usr/lib/python3/dist-packages/icalendar/__init__.py", "python3-icalendar"),
    ("/usr/lib/python3/dist-packages/vobject/__init__.py", "python3-vobject"),
    ("/usr/lib/postgresql/15/bin/postgres", "postgresql-15"),
];

/// Lists what is missing on this machine, one sentence each; an empty list means that the lab can start.
#[must_use]
pub fn missing() -> Vec<String> {
    let mut found = Vec::new();
    if !is_root() {
        found.push("the lab makes namespaces, bridges and mounts; run it as root".to_owned());
    }
    for (program, package) in PROGRAMS {
        if !Path::new(program).exists() {
            found.push(format!("{program} is missing (Debian package {package})"));
        }
    }
    if let Err(why) = cache::base() {
        found.push(why.to_string());
    }
    found
}

/// Fails with everything that is missing, so that a test says it once and clearly.
pub(crate) fn demand() -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    bail!(
        "the lab cannot start on this machine:\n  {}\nRun tests/lab/setup as root; it gets what is missing.",
        missing.join("\n  ")
    )
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}
