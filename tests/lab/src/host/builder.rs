//! Describes a host before it is started.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Result, bail};
use sha2::{Digest, Sha256};

use super::Host;
use super::files::{Disk, load_line};
use crate::cache;
use crate::cage::Cage;
use crate::keys;
use crate::package::{Built, hex, standard};
use crate::process::{blocking, run_now};
use crate::repository::Repository;

/// Megabytes of a disk that nobody limited: more than a host ever writes.
const ROOMY: u32 = 2048;

/// What the host is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Real systemd as pid 1.
    Full,
    /// Namespaces and real daemons, no systemd.
    Light,
}

/// What `patchadmin` may do as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sudo {
    /// Everything, without a password: what an administrator starts an enrolment from.
    Full,
    /// Nothing.
    None,
}

/// Whether the host answers SNMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Snmp {
    On,
    Off,
}

/// A host that is being described; [`Self::start`] makes it real.
#[derive(Debug)]
#[must_use = "a host exists only after start()"]
pub struct HostBuilder {
    pub(crate) cage: Arc<Cage>,
    pub(crate) name: String,
    pub(crate) last: u8,
    pub(crate) kind: Kind,
    pub(crate) repository: Repository,
    pub(crate) keys: PathBuf,
    pub(crate) zone: String,
    pub(crate) installed: Vec<String>,
    pub(crate) disk_megabytes: u32,
    pub(crate) snmp: Snmp,
    pub(crate) snmp_lines: String,
    pub(crate) load: String,
    pub(crate) sudo: Sudo,
    pub(crate) crowd: Option<String>,
    pub(crate) files: Vec<(String, String, u32)>,
}

impl HostBuilder {
    pub(crate) fn new(cage: &Arc<Cage>, name: &str, last: u8, repository: Repository, keys: PathBuf) -> Self {
        Self {
            cage: Arc::clone(cage),
            name: name.to_owned(),
            last,
            kind: Kind::Full,
            repository,
            keys,
            zone: "UTC".to_owned(),
            installed: Vec::new(),
            disk_megabytes: ROOMY,
            snmp: Snmp::On,
            snmp_lines: String::new(),
            load: load_line(0.08, 0.03, 0.01),
            sudo: Sudo::Full,
            crowd: None,
            files: Vec::new(),
        }
    }

    /// Makes it a light host: real daemons in namespaces, but no systemd. Quicker, and for fallbacks.
    pub fn light(mut self) -> Self {
        self.kind = Kind::Light;
        self
    }

    /// Sets the host's time zone, such as `Asia/Tokyo`.
    pub fn zone(mut self, zone: &str) -> Self {
        zone.clone_into(&mut self.zone);
        self
    }

    /// Has these standard packages installed at 1.0.
    pub fn installed<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.installed.extend(names.into_iter().map(str::to_owned));
        self
    }

    /// Gives the host a disk of so many megabytes for all it writes.
    pub fn disk(mut self, megabytes: u32) -> Self {
        self.disk_megabytes = megabytes;
        self
    }

    /// Starts the host without an SNMP agent.
    pub fn without_snmp(mut self) -> Self {
        self.snmp = Snmp::Off;
        self
    }

    /// Adds lines to `snmpd.conf`, such as an `override` of hrSystemDate.
    pub fn snmp_lines(mut self, lines: &str) -> Self {
        self.snmp_lines.push_str(lines);
        self.snmp_lines.push('\n');
        self
    }

    /// Shows these load averages in `/proc/loadavg`; without it the host looks idle, whatever the machine does.
    pub fn load(mut self, one: f32, five: f32, fifteen: f32) -> Self {
        self.load = load_line(one, five, fifteen);
        self
    }

    /// Uses another repository than the lab's own.
    pub fn repository(mut self, repository: &Repository) -> Self {
        self.repository = repository.clone();
        self
    }

    /// Sets what `patchadmin` may do as root; without it, everything.
    pub fn sudo(mut self, sudo: Sudo) -> Self {
        self.sudo = sudo;
        self
    }

    /// Puts a file onto the host before it starts.
    pub fn file(mut self, path: &str, content: &str) -> Self {
        self.files.push((path.to_owned(), content.to_owned(), 0o644));
        self
    }

    /// Puts a program onto the host before it starts.
    pub fn program(mut self, path: &str, content: &str) -> Self {
        self.files.push((path.to_owned(), content.to_owned(), 0o755));
        self
    }

    /// Lets the one host answer under 1,024 addresses: see [`Host::crowd`].
    pub fn crowd(mut self) -> Self {
        self.crowd = Some(format!("198.19.{}.0/22", self.cage.slot() * 8));
        self
    }

    /// Starts the host and waits until one can log in.
    ///
    /// # Errors
    /// When the description cannot be met; the error holds the end of the host's console.
    pub async fn start(self) -> Result<Host> {
        if self.last < 10 || self.last == u8::MAX {
            bail!("a lab has room for 245 hosts");
        }
        if self.name.is_empty() || !self.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            bail!("\"{}\" is no host name; use letters, digits and dashes", self.name);
        }
        let folder = self.cage.folder().join("hosts").join(&self.name);
        if folder.exists() {
            bail!("there is a host {} already", self.name);
        }
        let base = cache::base()?;
        let disk = Disk { folder: folder.join("disk"), base: base.clone() };
        fs::create_dir_all(folder.join("root"))?;
        fs::create_dir_all(&disk.folder)?;
        self.mount_disk(&disk.folder).await?;
        let cage = Arc::clone(&self.cage);
        let outside = disk.seen_from_outside(&cage);
        let prepared = blocking(move || {
            keys::host_key(&folder.join("ssh_host_ed25519_key"))?;
            fs::create_dir_all(outside.folder.join("upper"))?;
            if let Some(layer) = self.layer(&base)? {
                // Copied rather than stacked: on a full disk, dpkg restores only what it can rename.
                run_now(Command::new("cp").arg("-a").arg(layer.join(".")).arg(outside.folder.join("upper")))?;
            }
            self.fill(&outside, &folder)?;
            self.write_settings(&folder, &base)?;
            Ok((self, folder))
        });
        let (described, folder) = prepared.await?;
        Host::boot(cage, &described, folder).await
    }

    /// A disk is memory, mounted where only the lab sees it: how full this machine is plays no part on a host.
    async fn mount_disk(&self, folder: &Path) -> Result<()> {
        let folder = folder.display().to_string();
        let size = format!("size={}m,mode=755", self.disk_megabytes);
        self.cage.run("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", &folder]).await?.ok()?;
        Ok(())
    }

    fn write_settings(&self, folder: &Path, base: &Path) -> Result<()> {
        let kind = match self.kind {
            Kind::Full => "full",
            Kind::Light => "light",
        };
        let slot = self.cage.slot();
        let settings = format!(
            "kind={kind}\nname={}\nslot={slot}\nlink=pblab{slot}.{}\naddress={}\ncrowd={}\nlower={}\nrepository={}\n",
            self.name,
            self.last,
            self.cage.subnet(self.last),
            self.crowd.as_deref().unwrap_or_default(),
            base.display(),
            self.repository.folder().display(),
        );
        fs::write(folder.join("settings"), settings)?;
        Ok(())
    }

    /// The cached layer that has the wanted packages installed at 1.0.
    fn layer(&self, base: &Path) -> Result<Option<PathBuf>> {
        if self.installed.is_empty() {
            return Ok(None);
        }
        let mut names = self.installed.clone();
        names.sort();
        names.dedup();
        let built: Vec<Built> =
            names.iter().map(|name| standard(name, "1.0")?.build()).collect::<Result<_>>()?;
        let mut recipe = Sha256::new();
        recipe.update(base.as_os_str().as_encoded_bytes());
        for package in &built {
            recipe.update(package.deb.as_os_str().as_encoded_bytes());
        }
        let name = format!("layer-{}", hex(recipe.finalize().get(..8).unwrap_or_default()));
        let script = self.cage.folder().join("layer.sh");
        fs::write(&script, include_str!("../scripts/layer.sh"))?;
        let layer = cache::once(&name, |folder| {
            let mut command = Command::new("unshare");
            command.args(["--mount", "--propagation", "private", "bash"]).arg(&script).arg(base).arg(folder);
            run_now(command.args(built.iter().map(|package| &package.deb)))?;
            Ok(())
        })?;
        Ok(Some(layer.join("layer")))
    }
}
