//! A mail system of the lab's own: Postfix and Dovecot, reached as anybody reaches such servers.

mod clients;
mod keys;
mod letter;
mod mailbox;
mod settings;
mod smtp;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

pub use clients::{Client, calendars};
pub(crate) use keys::signing_keys;
pub use letter::{Algorithm, Letter, Signature};
pub use mailbox::{Mailbox, Message};

use crate::cage::{Cage, tail};
use crate::daemon::Daemon;
use crate::dns::Dns;
use crate::process::{self, Output, blocking, until};
use letter::domain_of;

/// The domains whose mail ends up here: patchbot's own, its owners', somebody else's, and one that never signs.
pub const DOMAINS: &[&str] = &["patchbot.test", "owners.test", "stranger.test", UNSIGNED];

/// The domain without DKIM keys.
pub(crate) const UNSIGNED: &str = "nodkim.test";

/// The password of every mailbox; its user name is the full address.
pub const PASSWORD: &str = "secret";

/// The last byte of the mail server's loopback address.
pub(crate) const LAST: u8 = 25;

const PATIENCE: Duration = Duration::from_secs(30);

/// What happens to `+suffix` in a recipient's address; the letter lands in the mailbox without it either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plus {
    /// The suffix is still in the `Delivered-To` header.
    Kept,
    /// The server removes it from the envelope, as some do; only the sender's own `To` header may tell.
    Stripped,
}

/// A running mail system.
#[derive(Debug)]
pub struct Mail {
    cage: Arc<Cage>,
    folder: PathBuf,
    tls: PathBuf,
    keys: keys::SigningKeys,
    address: Ipv4Addr,
    refused: BTreeMap<String, String>,
    bounced: BTreeMap<String, String>,
    postfix: Option<Daemon>,
    dovecot: Option<Daemon>,
    signer: Option<Daemon>,
}

impl Mail {
    pub(crate) async fn launch(cage: &Arc<Cage>) -> Result<Self> {
        let folder = cage.folder().join("mail");
        let address = cage.loopback(LAST);
        let made = folder.clone();
        let (keys, tls) = blocking(move || {
            let (keys, tls) = (signing_keys()?, keys::tls()?);
            prepare(&made, &tls, address)?;
            Ok((keys, tls))
        })
        .await?;
        let mut mail = Self {
            cage: Arc::clone(cage),
            folder,
            tls,
            keys,
            address,
            refused: BTreeMap::new(),
            bounced: BTreeMap::new(),
            postfix: None,
            dovecot: None,
            signer: None,
        };
        mail.start_dovecot().await?;
        mail.start_postfix().await?;
        Ok(mail)
    }

    /// Where the world delivers mail for the lab's domains (the MX).
    #[must_use]
    pub fn mx(&self) -> SocketAddr {
        SocketAddr::from((self.address, 25))
    }

    /// Where patchbot submits its mail: STARTTLS, then a mailbox's address and [`PASSWORD`].
    #[must_use]
    pub fn submission(&self) -> SocketAddr {
        SocketAddr::from((self.address, 587))
    }

    /// Where anybody may submit mail to anybody, without password and TLS.
    #[must_use]
    pub fn relay(&self) -> SocketAddr {
        SocketAddr::from((self.address, 2525))
    }

    /// Where the owners' mail programs hand their mail to: their server signs it with OpenDKIM, at this machine's time.
    /// It is started when it is first asked for.
    ///
    /// # Errors
    /// When OpenDKIM does not come up.
    pub async fn outgoing(&mut self) -> Result<SocketAddr> {
        if self.signer.is_none() {
            let folder = self.folder.join("signer");
            fs::create_dir_all(&folder)?;
            let (mut keys, mut signing) = (String::new(), String::new());
            for domain in DOMAINS.iter().filter(|domain| **domain != UNSIGNED) {
                let key = self.keys.private(domain, keys::RSA);
                writeln!(keys, "{domain} {domain}:{}:{}", keys::RSA, key.display())?;
                writeln!(signing, "*@{domain} {domain}")?;
            }
            fs::write(folder.join("keytable"), keys)?;
            fs::write(folder.join("signingtable"), signing)?;
            fs::write(folder.join("insiders"), "127.0.0.0/8\n")?;
            let settings = folder.join("opendkim.conf");
            fs::write(&settings, settings::opendkim(&folder, self.address))?;
            let words = ["opendkim", "-f", "-x"].map(str::to_owned);
            let words: Vec<String> = words.into_iter().chain([settings.display().to_string()]).collect();
            let daemon = Daemon::launch(&self.cage, &folder, "opendkim", &words, &[]).await?;
            let milter = SocketAddr::from((self.address, settings::SIGNER_PORT));
            until(PATIENCE, "OpenDKIM to listen", || async {
                daemon.check()?;
                Ok(TcpStream::connect(milter).await.is_ok().then_some(()))
            })
            .await?;
            self.signer = Some(daemon);
        }
        Ok(SocketAddr::from((self.address, 2526)))
    }

    /// IMAP with STARTTLS.
    #[must_use]
    pub fn imap(&self) -> SocketAddr {
        SocketAddr::from((self.address, 143))
    }

    /// IMAP inside TLS.
    #[must_use]
    pub fn imaps(&self) -> SocketAddr {
        SocketAddr::from((self.address, 993))
    }

    /// The certificate authority (PEM) that vouches for the server, by name `mail.<domain>` and by address.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.tls.join("ca.pem")
    }

    /// The mailbox of an address, which need not have received anything yet.
    #[must_use]
    pub fn mailbox(&self, address: &str) -> Mailbox {
        let (local, domain) = address.split_once('@').unwrap_or((address, ""));
        let local = local.split('+').next().unwrap_or(local).to_lowercase();
        let folder = self.folder.join("boxes").join(domain.to_lowercase()).join(local).join("Maildir");
        Mailbox { address: address.to_owned(), folder }
    }

    /// Whether Postfix holds no letter: what it handed over is also known to it as handed over.
    ///
    /// # Errors
    /// When its folders cannot be read.
    pub fn is_queue_empty(&self) -> Result<bool> {
        let mut folders: Vec<PathBuf> =
            ["incoming", "active", "deferred"].map(|name| self.folder.join("queue").join(name)).into();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                // Between the listing and the look a letter may have moved on.
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                    _ => return Ok(false),
                }
            }
        }
        Ok(true)
    }

    /// The end of Postfix's log.
    #[must_use]
    pub fn postfix_says(&self) -> String {
        tail(&self.folder.join("postfix.log"))
    }

    /// Waits until an address has received `count` letters and gives them.
    ///
    /// # Errors
    /// When they do not come in time; the error holds the end of Postfix's log.
    pub async fn wait_for(&self, address: &str, count: usize, patience: Duration) -> Result<Vec<Message>> {
        let messages = self.mailbox(address).wait_for(count, patience).await;
        messages.with_context(|| tail(&self.folder.join("postfix.log")))
    }

    /// Signs a letter as its signatures say and gives it as it would leave the sender's server.
    ///
    /// # Errors
    /// When the signer refuses.
    pub async fn sign(&self, letter: &Letter) -> Result<Vec<u8>> {
        let mut raw = letter.bytes();
        for signature in &letter.signatures {
            let mut signer = dkimpy(signature.at.unwrap_or(letter.at), "sign");
            signer.arg(self.keys.private(&signature.key.0, &signature.key.1));
            signer.args([&signature.domain, &signature.selector, signature.algorithm.name()]);
            signer.args([&signature.canonicalization, &signature.headers.join(":")]).args(&signature.tags);
            raw = process::run_raw(signer, &raw).await.context("the signer refuses")?;
        }
        Ok(raw)
    }

    /// Signs a letter and delivers it to the MX, as the sender's server would; gives the bytes that were sent.
    ///
    /// # Errors
    /// When the server does not take it; the error holds its words.
    pub async fn send(&self, letter: &Letter) -> Result<Vec<u8>> {
        let raw = self.sign(letter).await?;
        self.deliver(&letter.envelope_from, &letter.envelope_to, &raw).await?;
        Ok(raw)
    }

    /// Delivers bytes to the MX as they are, for letters that were changed on their way.
    ///
    /// # Errors
    /// When the server does not take them.
    pub async fn deliver(&self, from: &str, to: &[String], raw: &[u8]) -> Result<()> {
        let hello = format!("mail.{}", domain_of(from));
        smtp::deliver(self.mx(), if from.is_empty() { "lab.test" } else { &hello }, from, to, raw).await
    }

    /// Refuses a recipient from now on with a reply such as `550 5.1.1 nobody here` or `450 4.2.0 try later`.
    ///
    /// # Errors
    /// When Postfix does not take it over.
    pub async fn refuse(&mut self, address: &str, reply: &str) -> Result<()> {
        self.refused.insert(address.to_owned(), reply.to_owned());
        let code = reply.get(..3).unwrap_or_default().parse().context("a reply begins with its code")?;
        self.reload(address, code).await
    }

    /// Accepts a recipient again.
    ///
    /// # Errors
    /// When Postfix does not take it over.
    pub async fn accept(&mut self, address: &str) -> Result<()> {
        self.refused.remove(address);
        self.bounced.remove(address);
        self.reload(address, 250).await
    }

    /// Takes mail for a recipient and returns it to its envelope sender as undeliverable.
    ///
    /// # Errors
    /// When Postfix does not take it over.
    pub async fn bounce(&mut self, address: &str, reason: &str) -> Result<()> {
        self.bounced.insert(address.to_owned(), format!("error:{reason}"));
        self.reload(address, 250).await
    }

    /// Sets what happens to `+suffix`; at the start it is kept.
    ///
    /// # Errors
    /// When Postfix does not come back.
    pub async fn set_plus(&mut self, plus: Plus) -> Result<()> {
        write_old(&self.folder.join("recipients"), settings::recipients(plus))?;
        // A restart rather than a reload: cleanup keeps its tables for as long as it runs.
        self.stop_postfix().await?;
        self.start_postfix().await
    }

    /// Starts Postfix; it is running at first.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_postfix(&mut self) -> Result<()> {
        let words = ["/usr/lib/postfix/sbin/master", "-s", "-c"].map(str::to_owned);
        let etc = self.folder.join("etc").display().to_string();
        let words: Vec<String> = words.into_iter().chain([etc.clone()]).collect();
        let daemon =
            Daemon::launch(&self.cage, &self.folder, "postfix", &words, &[("MAIL_CONFIG", etc)]).await?;
        self.greets(&daemon, &[self.mx(), self.submission(), self.relay()], "postfix.log").await?;
        self.postfix = Some(daemon);
        Ok(())
    }

    /// Stops Postfix: patchbot cannot send, the world cannot deliver.
    ///
    /// # Errors
    /// When it cannot be told to.
    pub async fn stop_postfix(&mut self) -> Result<()> {
        let Some(daemon) = self.postfix.take() else { bail!("Postfix does not run") };
        daemon.stop("TERM").await
    }

    /// Kills Postfix with all its processes, whatever they are doing.
    ///
    /// # Errors
    /// When they do not end.
    pub async fn kill_postfix(&mut self) -> Result<()> {
        let Some(daemon) = self.postfix.take() else { bail!("Postfix does not run") };
        daemon.kill().await
    }

    /// Starts Dovecot; it is running at first.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_dovecot(&mut self) -> Result<()> {
        let conf = self.folder.join("dovecot.conf").display().to_string();
        let words = ["dovecot", "-F", "-c", &conf].map(str::to_owned);
        let daemon = Daemon::launch(&self.cage, &self.folder, "dovecot", &words, &[]).await?;
        self.greets(&daemon, &[self.imap()], "dovecot.log").await?;
        self.dovecot = Some(daemon);
        Ok(())
    }

    /// Stops Dovecot: IMAP connections end, letters wait in Postfix's queue.
    ///
    /// # Errors
    /// When it cannot be told to.
    pub async fn stop_dovecot(&mut self) -> Result<()> {
        let Some(daemon) = self.dovecot.take() else { bail!("Dovecot does not run") };
        daemon.stop("TERM").await
    }

    /// Kills Dovecot with all its processes, whatever they are doing.
    ///
    /// # Errors
    /// When they do not end.
    pub async fn kill_dovecot(&mut self) -> Result<()> {
        let Some(daemon) = self.dovecot.take() else { bail!("Dovecot does not run") };
        daemon.kill().await
    }

    /// Asks dkimpy, which is neither patchbot nor its library, about each signature of a letter at a moment of
    /// lab time: `good`, `bad` or `bad: why`, from top to bottom.
    ///
    /// # Errors
    /// When the verifier cannot be started.
    pub async fn verify(&self, dns: &Dns, at: DateTime<Utc>, raw: &[u8]) -> Result<Vec<String>> {
        let mut verifier = dkimpy(at, "verify");
        verifier.arg(dns.address().ip().to_string());
        let output: Output = process::run(verifier, raw).await?;
        Ok(output.ok()?.lines().map(str::to_owned).collect())
    }

    /// Writes the tables and waits until port 25 answers to `address` as they say.
    async fn reload(&self, address: &str, code: u16) -> Result<()> {
        write_table(&self.folder.join("refused"), &self.refused)?;
        write_table(&self.folder.join("transport"), &self.bounced)?;
        let Some(daemon) = &self.postfix else { return Ok(()) };
        daemon.signal("HUP").await?;
        let mx = self.mx();
        let what = format!("Postfix to say {code} to {address}");
        until(PATIENCE, &what, || async { Ok((smtp::ask(mx, address).await? == code).then_some(())) }).await
    }

    /// Waits until the servers at these addresses have said their first words.
    async fn greets(&self, daemon: &Daemon, addresses: &[SocketAddr], log: &str) -> Result<()> {
        for address in addresses {
            until(PATIENCE, &format!("a greeting from {address}"), || async {
                daemon.check()?;
                let greeting = async { TcpStream::connect(address).await?.read_u8().await };
                Ok(greeting.await.is_ok().then_some(()))
            })
            .await
            .with_context(|| tail(&self.folder.join(log)))?;
        }
        Ok(())
    }
}

/// A call of the signing script under a clock that shows `at`.
fn dkimpy(at: DateTime<Utc>, act: &str) -> tokio::process::Command {
    let mut command = tokio::process::Command::new("faketime");
    let at = at.format("@%Y-%m-%d %H:%M:%S").to_string();
    command.env("TZ", "UTC").args(["-f", &at, "/usr/bin/python3", "-c", keys::SIGN, act]);
    command
}

/// Lays out the folders and writes all configuration.
fn prepare(folder: &Path, tls: &Path, address: Ipv4Addr) -> Result<()> {
    let postfix = id_of("/etc/passwd", "postfix")?;
    let postdrop = id_of("/etc/group", "postdrop")?;
    for name in ["etc", "boxes", "queue", "queue/pid", "dovecot", "dovecot-state", "postfix-data"] {
        fs::create_dir_all(folder.join(name))?;
    }
    chown(folder.join("boxes"), Some(settings::OWNER), Some(settings::OWNER))?;
    chown(folder.join("postfix-data"), Some(postfix), None)?;
    // The queue as Postfix's own install script would lay it out, in a fraction of its time.
    let queues =
        "active bounce corrupt defer deferred flush hold incoming private saved trace".split_whitespace();
    for (name, mode, group) in queues
        .map(|name| (name, 0o700, None))
        .chain([("maildrop", 0o730, Some(postdrop)), ("public", 0o710, Some(postdrop))])
    {
        let path = folder.join("queue").join(name);
        fs::create_dir_all(&path)?;
        chown(&path, Some(postfix), group)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    }
    for (name, content) in [
        ("dovecot.conf", settings::dovecot(folder, tls, address)),
        ("etc/main.cf", settings::main_cf(folder, tls)),
        ("etc/master.cf", settings::master_cf(address)),
        ("recipients", settings::recipients(Plus::Kept).to_owned()),
    ] {
        write_old(&folder.join(name), &content)?;
    }
    write_table(&folder.join("refused"), &BTreeMap::new())?;
    write_table(&folder.join("transport"), &BTreeMap::new())
}

/// The numeric id of a user or group that Debian's postfix package made.
fn id_of(file: &str, name: &str) -> Result<u32> {
    let text = fs::read_to_string(file)?;
    let line = text.lines().find(|line| line.split(':').next() == Some(name));
    let id = line.and_then(|line| line.split(':').nth(2)).and_then(|id| id.parse().ok());
    id.with_context(|| format!("{file} has no {name}; run tests/lab/setup as root, it installs postfix"))
}

fn write_table(file: &Path, entries: &BTreeMap<String, String>) -> Result<()> {
    let mut lines = String::new();
    for (key, value) in entries {
        writeln!(lines, "{key} {value}")?;
    }
    write_old(file, &lines)
}

/// Writes a file that looks as if it had been there for years: Postfix reads a table that was just written again
/// and again, until two seconds have passed.
fn write_old(file: &Path, content: &str) -> Result<()> {
    fs::write(file, content)?;
    fs::File::options().write(true).open(file)?.set_modified(SystemTime::UNIX_EPOCH)?;
    Ok(())
}
