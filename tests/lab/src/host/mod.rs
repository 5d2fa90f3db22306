//! A running host, and everything that can happen to one.

mod builder;
mod files;

use std::fmt;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::AsyncReadExt;

use builder::Kind;
pub use builder::{HostBuilder, Sudo};
pub(crate) use files::SNMP_USERS;

use crate::cage::{Cage, tail};
use crate::process::{self, Output, until};

/// How long a host may take until one can log in; a busy machine is slow, a broken host never comes.
const BOOT: Duration = Duration::from_secs(60);

const ENVIRONMENT: &[&str] = &[
    "env",
    "-i",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "LANG=C.UTF-8",
    "DEBIAN_FRONTEND=noninteractive",
];

/// A host of a lab. It runs until [`Host::down`] or the end of the lab.
pub struct Host {
    cage: Arc<Cage>,
    name: String,
    kind: Kind,
    link: String,
    folder: PathBuf,
    keys: PathBuf,
    address: Ipv4Addr,
    crowd: bool,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.address)
    }
}

impl Host {
    /// The port of the host's sshd.
    pub const SSH_PORT: u16 = 22;

    /// The user that lets the lab's keys in.
    pub const USER: &'static str = "patchadmin";

    pub(crate) async fn boot(cage: Arc<Cage>, described: &HostBuilder, folder: PathBuf) -> Result<Self> {
        let address = cage.subnet(described.last);
        let host = Self {
            name: described.name.clone(),
            kind: described.kind,
            link: format!("pblab{}.{}", cage.slot(), described.last),
            folder,
            keys: described.keys.clone(),
            address,
            crowd: described.crowd.is_some(),
            cage,
        };
        let console = fs::File::create(host.folder.join("console.log"))?;
        let mut command = host.cage.command("setsid");
        command
            .args(["--fork", "unshare", "--net", "--mount", "--propagation", "private", "bash"])
            .arg(host.cage.folder().join("host.sh"))
            .arg(&host.folder);
        command.stdin(Stdio::null()).stdout(console.try_clone()?).stderr(console);
        command.status().await?;
        host.wait_until_up(1).await?;
        Ok(host)
    }

    /// The host's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The host's address.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Where the host's sshd listens.
    #[must_use]
    pub fn ssh_address(&self) -> SocketAddr {
        SocketAddr::from((self.address, Self::SSH_PORT))
    }

    /// The addresses a host built with [`HostBuilder::crowd`] answers under, 1,020 of them; else just its own.
    #[must_use]
    pub fn crowd(&self) -> Vec<Ipv4Addr> {
        if !self.crowd {
            return vec![self.address];
        }
        let third = self.cage.slot() * 8;
        (third..third + 4).flat_map(|c| (1..=255).map(move |d| Ipv4Addr::new(198, 19, c, d))).collect()
    }

    /// The host's current public key, as `ssh-ed25519 AAAA…`.
    ///
    /// # Errors
    /// When the host is not running.
    pub fn host_key(&self) -> Result<String> {
        let line = self.read("/etc/ssh/ssh_host_ed25519_key.pub")?;
        Ok(line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
    }

    /// Runs a shell command as root, from outside of the sandbox: no ssh, no sudo, no network.
    ///
    /// # Errors
    /// When the host is not running; what the command itself returns is in the output.
    pub async fn exec(&self, command: &str) -> Result<Output> {
        self.exec_with(command, b"").await
    }

    /// As [`Self::exec`], with bytes on standard input.
    ///
    /// # Errors
    /// When the host is not running.
    pub async fn exec_with(&self, command: &str, input: &[u8]) -> Result<Output> {
        let leader = self.leader().with_context(|| format!("{} is not running", self.name))?;
        let mut outer = self.cage.command("nsenter");
        outer.arg(format!("--target={leader}")).args(["--all", "--root", "--wd", "--"]);
        outer.args(ENVIRONMENT).args(["timeout", "--kill-after=1", "110", "sh", "-c", command]);
        process::run(outer, input).await
    }

    /// Logs in as `patchadmin` with the OpenSSH client and the lab's key, and runs a command.
    ///
    /// # Errors
    /// When ssh cannot be started; a failed login is an output with code 255.
    pub async fn ssh(&self, command: &str) -> Result<Output> {
        self.ssh_with("id_ed25519", command).await
    }

    /// As [`Self::ssh`], with another of the lab's keys: `id_rsa`, or `stranger`.
    ///
    /// # Errors
    /// When ssh cannot be started.
    pub async fn ssh_with(&self, key: &str, command: &str) -> Result<Output> {
        let mut ssh = tokio::process::Command::new("ssh");
        ssh.arg("-i").arg(self.keys.join(key)).args(["-F", "/dev/null", "-l", Self::USER]);
        for option in [
            "BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR",
            "IdentitiesOnly=yes", "ConnectTimeout=10",
        ] {
            ssh.args(["-o", option]);
        }
        ssh.arg(self.address.to_string()).arg(command);
        process::run(ssh, b"").await
    }

    /// The path under which the host's files can be read from outside while it runs.
    ///
    /// # Errors
    /// When the host is not running.
    pub fn root(&self) -> Result<PathBuf> {
        let leader = self.leader().with_context(|| format!("{} is not running", self.name))?;
        Ok(self.cage.root_of(leader))
    }

    /// Reads a file of the host.
    ///
    /// # Errors
    /// When the host is not running or has no such file.
    pub fn read(&self, path: &str) -> Result<String> {
        let place = self.root()?.join(path.trim_start_matches('/'));
        fs::read_to_string(&place).with_context(|| format!("{} has no {path}", self.name))
    }

    /// Writes a file on the host, in place and owned by root.
    ///
    /// # Errors
    /// When the host is not running or the disk is full.
    pub async fn write_file(&self, path: &str, content: &str) -> Result<()> {
        let quoted = path.replace('\'', r"'\''");
        let command = format!("mkdir -p \"$(dirname '{quoted}')\" && cat >'{quoted}'");
        self.exec_with(&command, content.as_bytes()).await?.ok()?;
        Ok(())
    }

    /// The id of the current boot, new after each reboot.
    ///
    /// # Errors
    /// When the host is not running.
    pub fn boot_id(&self) -> Result<String> {
        Ok(self.read("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
    }

    /// How often the host has been started.
    ///
    /// # Errors
    /// When the host was never started.
    pub fn boots(&self) -> Result<u32> {
        let text = fs::read_to_string(self.folder.join("boots"))?;
        text.trim().parse().context("the count of boots is no number")
    }

    /// The installed version of a package, with the state dpkg knows it in when that is not "installed".
    ///
    /// # Errors
    /// When the host is not running; an unknown package is `None`.
    pub async fn package_version(&self, package: &str) -> Result<Option<String>> {
        let asked = format!("dpkg-query -W -f '${{db:Status-Abbrev}} ${{Version}}' {package}");
        let output = self.exec(&asked).await?;
        if !output.succeeded() {
            return Ok(None);
        }
        let (state, version) = output.stdout.trim().split_once(' ').unwrap_or_default();
        let version = version.trim();
        Ok(Some(if state == "ii" { version.to_owned() } else { format!("{version} ({state})") }))
    }

    /// Changes what `patchadmin` may do as root.
    ///
    /// # Errors
    /// When the host is not running.
    pub async fn set_sudo(&self, sudo: Sudo) -> Result<()> {
        self.write_file("/etc/sudoers.d/patchadmin", files::sudoers(sudo)).await
    }

    /// Changes the load averages the host shows.
    ///
    /// # Errors
    /// When the host is not running.
    pub async fn set_load(&self, one: f32, five: f32, fifteen: f32) -> Result<()> {
        self.write_file("/etc/lab-loadavg", &files::load_line(one, five, fifteen)).await
    }

    /// Gives the host a new key, as a reinstalled or a foreign machine would have; returns the public part.
    ///
    /// # Errors
    /// When the host is not running.
    pub async fn change_host_key(&self) -> Result<String> {
        let reload = match self.kind {
            Kind::Full => "systemctl reload ssh",
            Kind::Light => "kill -HUP \"$(cat /run/sshd.pid)\"",
        };
        let command = format!(
            "rm -f /etc/ssh/ssh_host_ed25519_key* && \
             ssh-keygen -q -N '' -t ed25519 -f /etc/ssh/ssh_host_ed25519_key && {reload}"
        );
        self.exec(&command).await?.ok()?;
        let key = self.host_key()?;
        // sshd takes the new key when it restarts itself, a moment after it was told to.
        until(BOOT, "the new host key", || async { Ok((self.offered_key().await? == key).then_some(())) })
            .await?;
        Ok(key)
    }

    /// The key the host offers to callers right now.
    async fn offered_key(&self) -> Result<String> {
        let mut scan = tokio::process::Command::new("ssh-keyscan");
        scan.args(["-t", "ed25519", &self.address.to_string()]);
        let line = process::run(scan, b"").await?.stdout;
        Ok(line.split_whitespace().skip(1).take(2).collect::<Vec<_>>().join(" "))
    }

    /// Reboots the host from inside, as an administrator would, and waits until one can log in again.
    ///
    /// # Errors
    /// When it does not come back.
    pub async fn reboot(&self) -> Result<()> {
        let before = self.boots()?;
        let command = match self.kind {
            Kind::Full => "systemctl reboot",
            Kind::Light => "reboot",
        };
        // The host may be gone before the command has answered.
        let _ = self.exec(command).await;
        self.wait_until_up(before + 1).await
    }

    /// Waits until the host has been started at least `boots` times in all and one can log in.
    ///
    /// # Errors
    /// When it does not come; the error holds the end of its console.
    pub async fn wait_until_up(&self, boots: u32) -> Result<()> {
        let what = format!("{} to be up for the {boots}. time", self.name);
        until(BOOT, &what, || async {
            if self.folder.join("off").exists() {
                bail!("{} is switched off", self.name);
            }
            let up = self.boots().is_ok_and(|count| count >= boots) && self.lets_in().await;
            Ok(up.then_some(()))
        })
        .await
        .with_context(|| tail(&self.folder.join("console.log")))
    }

    /// Cuts the power: everything on the host ends at once without a last word to anybody, and it stays dark until
    /// [`Self::power_on`].
    ///
    /// # Errors
    /// When the host was dark already.
    pub async fn power_cut(&self) -> Result<()> {
        let leader = self.leader().with_context(|| format!("{} is not running", self.name))?;
        // First the cable: a killed process would still say goodbye to whoever is connected.
        self.network_down().await?;
        fs::write(self.folder.join("off"), "")?;
        self.cage.run("kill", &["-s", "KILL", &leader.to_string()]).await?.ok()?;
        let pid = self.folder.join("pid");
        until(BOOT, "the power cut", || async { Ok((!pid.exists()).then_some(())) }).await
    }

    /// Switches a dark host on again, its cable plugged in, and waits until one can log in.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn power_on(&self) -> Result<()> {
        let before = self.boots()?;
        fs::remove_file(self.folder.join("off")).with_context(|| format!("{} is not dark", self.name))?;
        self.network_up().await?;
        self.wait_until_up(before + 1).await
    }

    /// Pulls the network cable: packets go nowhere, open connections stay open and silent.
    ///
    /// # Errors
    /// When the host has no link any more.
    pub async fn network_down(&self) -> Result<()> {
        self.cage.run("ip", &["link", "set", &self.link, "down"]).await?.ok()?;
        Ok(())
    }

    /// Plugs the network cable in again.
    ///
    /// # Errors
    /// When the host has no link any more.
    pub async fn network_up(&self) -> Result<()> {
        self.cage.run("ip", &["link", "set", &self.link, "up"]).await?.ok()?;
        Ok(())
    }

    /// Switches the host off and removes it.
    ///
    /// # Errors
    /// When its files cannot be removed.
    pub async fn down(self) -> Result<()> {
        let script = self.folder.join("supervisor");
        let supervisor = fs::read_to_string(script)?;
        if self.leader().is_some() {
            self.power_cut().await?;
        }
        self.cage.run("kill", &["-s", "KILL", supervisor.trim()]).await?.ok()?;
        let root = self.cage.root_of(supervisor.trim().parse()?);
        until(BOOT, "the host's end", || async { Ok(root.symlink_metadata().is_err().then_some(())) })
            .await?;
        self.cage.run("ip", &["link", "delete", &self.link]).await?;
        let disk = self.folder.join("disk").display().to_string();
        self.cage.run("umount", &["-q", &disk]).await?;
        let folder = self.folder.display().to_string();
        self.cage.run("rm", &["-rf", "--one-file-system", &folder]).await?.ok()?;
        Ok(())
    }

    /// The host's pid 1 as the lab sees it, while it runs.
    fn leader(&self) -> Option<u32> {
        let pid = fs::read_to_string(self.folder.join("pid")).ok()?.trim().parse().ok()?;
        self.cage.root_of(pid).symlink_metadata().is_ok().then_some(pid)
    }

    /// Tells whether one could log in right now.
    async fn lets_in(&self) -> bool {
        // While systemd starts or stops a host, only root may log in, and this file says so.
        let closed = match self.root() {
            Ok(root) => root.join("run/nologin").symlink_metadata(),
            Err(_) => return false,
        };
        if !closed.is_err_and(|why| why.kind() == io::ErrorKind::NotFound) {
            return false;
        }
        tokio::time::timeout(Duration::from_millis(300), greets(self.ssh_address())).await.unwrap_or(false)
    }
}

/// Tells whether an sshd greets at this address.
async fn greets(address: SocketAddr) -> bool {
    let Ok(mut stream) = tokio::net::TcpStream::connect(address).await else { return false };
    let mut greeting = [0; 4];
    stream.read_exact(&mut greeting).await.is_ok() && greeting == *b"SSH-"
}
