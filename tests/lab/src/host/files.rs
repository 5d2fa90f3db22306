//! The files that make a bare Debian a host of the lab.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::builder::{HostBuilder, Kind, Snmp, Sudo};
use crate::cage::Cage;
use crate::repository::Repository;

/// Units that only cost time on a host that lives for seconds, or that want what a sandbox has not.
const MASKED: &[&str] = &[
    "getty.target", "console-getty.service", "apt-daily.timer", "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer", "systemd-timesyncd.service",
    "systemd-networkd.service",
];

/// The SNMP users of every lab host; all passwords are `authpass12` and `privpass12`.
pub(crate) const SNMP_USERS: &str = "rocommunity labpub\n\
    createUser labsha SHA \"authpass12\" AES \"privpass12\"\nrouser labsha authpriv\n\
    createUser labsha512 SHA-512 \"authpass12\" AES \"privpass12\"\nrouser labsha512 authpriv\n\
    createUser labmd5 MD5 \"authpass12\" DES \"privpass12\"\nrouser labmd5 authpriv\n\
    createUser labauth SHA \"authpass12\"\nrouser labauth auth\n";

/// Shows the load averages of [`HostBuilder::load`] as the kernel's own.
const LOAD_UNIT: &str = "[Unit]\nDescription=Load averages of the lab\nDefaultDependencies=no\n\
    Before=sysinit.target\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\n\
    ExecStart=/bin/mount --bind /etc/lab-loadavg /proc/loadavg\n\n[Install]\nWantedBy=sysinit.target\n";

/// Starts the SNMP agent of a host without systemd as Debian's unit does.
const LIGHT_SNMPD: &str =
    "#!/bin/sh\nexec /usr/sbin/snmpd -f -LS0-4d -I -smux,mteTrigger,mteTriggerConf -p /run/snmpd.pid\n";

/// The `/etc/sudoers.d/patchadmin` of a host.
pub(crate) fn sudoers(sudo: Sudo) -> &'static str {
    match sudo {
        Sudo::Full => "patchadmin ALL=(ALL:ALL) NOPASSWD: ALL\n",
        Sudo::None => "# patchadmin may do nothing as root\n",
    }
}

/// A line of `/proc/loadavg`.
pub(crate) fn load_line(one: f32, five: f32, fifteen: f32) -> String {
    format!("{one:.2} {five:.2} {fifteen:.2} 1/64 999\n")
}

/// What a host writes to: the upper folder of its overlay, over the base image.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) folder: PathBuf,
    pub(crate) base: PathBuf,
}

impl Disk {
    /// The same disk by the path under which the lab's owner can write to it, mounts included.
    pub(crate) fn seen_from_outside(&self, cage: &Cage) -> Self {
        let inside = self.folder.strip_prefix("/").unwrap_or(&self.folder);
        Self { folder: cage.root().join(inside), base: self.base.clone() }
    }

    /// Puts a file onto the disk; folders above it get the owner and mode they have in the base image.
    pub(crate) fn put(&self, path: &str, content: &str, mode: u32) -> Result<()> {
        let place = self.place(path)?;
        fs::write(&place, content).with_context(|| format!("cannot write {path}"))?;
        fs::set_permissions(&place, fs::Permissions::from_mode(mode))?;
        Ok(())
    }

    fn link(&self, path: &str, target: &str) -> Result<()> {
        symlink(target, self.place(path)?).with_context(|| format!("cannot link {path}"))
    }

    fn place(&self, path: &str) -> Result<PathBuf> {
        let Some(relative) = path.strip_prefix('/') else { bail!("{path} does not begin with /") };
        let mut folder = PathBuf::new();
        for part in Path::new(relative).parent().into_iter().flat_map(Path::components) {
            folder.push(part);
            let made = self.folder.join("upper").join(&folder);
            if made.is_dir() {
                continue;
            }
            fs::create_dir_all(&made)?;
            if let Ok(original) = fs::metadata(self.base.join(&folder)) {
                fs::set_permissions(&made, original.permissions())?;
                chown(&made, Some(original.uid()), Some(original.gid()))?;
            }
        }
        Ok(self.folder.join("upper").join(relative))
    }
}

impl HostBuilder {
    /// Fills the host's disk before its first start.
    pub(crate) fn fill(&self, disk: &Disk, folder: &Path) -> Result<()> {
        let name = &self.name;
        disk.put("/etc/hostname", &format!("{name}\n"), 0o644)?;
        disk.put("/etc/hosts", &format!("127.0.0.1 localhost\n127.0.1.1 {name}\n"), 0o644)?;
        disk.put("/etc/timezone", &format!("{}\n", self.zone), 0o644)?;
        if !disk.base.join("usr/share/zoneinfo").join(&self.zone).exists() {
            bail!("the hosts' Debian knows no zone {}", self.zone);
        }
        disk.link("/etc/localtime", &format!("/usr/share/zoneinfo/{}", self.zone))?;
        disk.put("/etc/apt/sources.list", &Repository::sources(), 0o644)?;
        // Nothing of a throwaway host needs to reach the platter.
        disk.put("/etc/dpkg/dpkg.cfg.d/lab", "force-unsafe-io\n", 0o644)?;
        disk.put("/etc/sudoers.d/patchadmin", sudoers(self.sudo), 0o440)?;
        disk.put("/etc/lab-loadavg", &self.load, 0o644)?;
        self.fill_ssh(disk, folder)?;
        self.fill_snmp(disk)?;
        match self.kind {
            Kind::Full => self.fill_full(disk)?,
            Kind::Light => self.fill_light(disk)?,
        }
        for (path, content, mode) in &self.files {
            disk.put(path, content, *mode)?;
        }
        Ok(())
    }

    fn fill_ssh(&self, disk: &Disk, folder: &Path) -> Result<()> {
        for (suffix, mode) in [("", 0o600), (".pub", 0o644)] {
            let key = fs::read_to_string(folder.join(format!("ssh_host_ed25519_key{suffix}")))?;
            disk.put(&format!("/etc/ssh/ssh_host_ed25519_key{suffix}"), &key, mode)?;
        }
        // The crowd's addresses are all the same sshd; Debian's limit is made for one host.
        let startups = if self.crowd.is_some() { "MaxStartups 4000:30:8000\nUsePAM no\n" } else { "" };
        disk.put(
            "/etc/ssh/sshd_config.d/lab.conf",
            &format!("HostKey /etc/ssh/ssh_host_ed25519_key\nPasswordAuthentication no\n{startups}"),
            0o644,
        )?;
        let mut authorized = String::new();
        for key in ["id_ed25519.pub", "id_rsa.pub"] {
            authorized.push_str(&fs::read_to_string(self.keys.join(key))?);
        }
        disk.put("/home/patchadmin/.ssh/authorized_keys", &authorized, 0o600)?;
        let home = fs::metadata(disk.base.join("home/patchadmin"))?;
        for path in ["home/patchadmin/.ssh", "home/patchadmin/.ssh/authorized_keys"] {
            chown(disk.folder.join("upper").join(path), Some(home.uid()), Some(home.gid()))?;
        }
        fs::set_permissions(
            disk.folder.join("upper/home/patchadmin/.ssh"),
            fs::Permissions::from_mode(0o700),
        )?;
        Ok(())
    }

    fn fill_snmp(&self, disk: &Disk) -> Result<()> {
        let lines = &self.snmp_lines;
        disk.put(
            "/etc/snmp/snmpd.conf",
            &format!("agentaddress udp:161\nsysLocation lab\n{SNMP_USERS}{lines}"),
            0o600,
        )
    }

    fn fill_full(&self, disk: &Disk) -> Result<()> {
        let off = if self.snmp == Snmp::Off { Some(&"snmpd.service") } else { None };
        for unit in MASKED.iter().chain(off) {
            disk.link(&format!("/etc/systemd/system/{unit}"), "/dev/null")?;
        }
        disk.put("/etc/systemd/system/lab-load.service", LOAD_UNIT, 0o644)?;
        disk.link(
            "/etc/systemd/system/sysinit.target.wants/lab-load.service",
            "/etc/systemd/system/lab-load.service",
        )
    }

    fn fill_light(&self, disk: &Disk) -> Result<()> {
        disk.put("/usr/sbin/lab-init", include_str!("../scripts/light-init.sh"), 0o755)?;
        if self.snmp == Snmp::On {
            disk.put("/usr/lib/lab-boot/snmpd", LIGHT_SNMPD, 0o755)?;
        }
        // In the base image these are links to systemctl, which has nobody to talk to here.
        for name in ["reboot", "shutdown"] {
            disk.put(&format!("/usr/sbin/{name}"), include_str!("../scripts/light-reboot.sh"), 0o755)?;
        }
        Ok(())
    }
}
