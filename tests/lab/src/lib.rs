//! Real throwaway hosts, mail, DNS and PostgreSQL for patchbot's tests and demo.
//!
//! A [`Lab`] takes a number of its own on this machine and everything it starts lives in namespaces, addresses and
//! a folder derived from it, so that several labs run side by side. Everything ends when the lab is dropped, also
//! by a panic, and even when its process is killed. Hosts live in `198.18.<n>.0/24` (RFC 2544: addresses that
//! nobody can reach by accident), services on `127.40.<n>.x` with their standard ports.
//!
//! The README beside this crate has the vocabulary, `tests/` has an example for each part.

mod cache;
mod cage;
mod check;
mod daemon;
mod dns;
mod host;
mod installation;
mod keys;
mod mail;
mod package;
mod postgres;
mod process;
mod proxy;
mod repository;
mod servfail;
mod slot;
mod snmpd;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use anyhow::Result;

use cage::Cage;
pub use check::missing;
pub use dns::Dns;
pub use host::{Host, HostBuilder, Sudo};
pub use installation::{Installation, Said};
pub use mail::{
    Algorithm, Client, DOMAINS, Letter, Mail, Mailbox, Message, PASSWORD, Plus, Signature, calendars,
};
pub use package::Package;
pub use postgres::Postgres;
pub use process::Output;
pub use proxy::{TcpProxy, Traffic};
pub use repository::{Repository, Suite};
pub use snmpd::Snmpd;

/// One lab: its number, its folder and whatever it has started.
#[derive(Debug)]
pub struct Lab {
    cage: Arc<Cage>,
    keys: PathBuf,
    repository: Repository,
    next_host: AtomicU8,
}

impl Lab {
    /// Starts an empty lab in the first free slot.
    ///
    /// # Errors
    /// When the machine lacks something; the sentence says what, and that `tests/lab/setup` gets it.
    pub async fn start() -> Result<Self> {
        Self::start_in(None).await
    }

    /// Starts an empty lab in a given slot, waiting until it is free.
    ///
    /// # Errors
    /// As [`Self::start`], or when there is no such slot.
    pub async fn in_slot(slot: u8) -> Result<Self> {
        Self::start_in(Some(slot)).await
    }

    async fn start_in(slot: Option<u8>) -> Result<Self> {
        let (cage, keys) = process::blocking(move || Ok((Cage::start(slot)?, keys::login_keys()?))).await?;
        let repository = Repository::create(cage.folder().join("repository")).await?;
        Ok(Self { cage: Arc::new(cage), keys, repository, next_host: AtomicU8::new(10) })
    }

    /// The number that all names and addresses of this lab are derived from.
    #[must_use]
    pub fn slot(&self) -> u8 {
        self.cage.slot()
    }

    /// The folder that holds the lab's whole state; it is gone when the lab has ended.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.cage.folder()
    }

    /// The lab's own address in the subnet of its hosts; a proxy in front of a host listens here.
    #[must_use]
    pub fn gateway(&self) -> Ipv4Addr {
        self.cage.subnet(1)
    }

    /// A loopback address of this lab for a service a test starts itself; the lab's own use 10 to 99.
    #[must_use]
    pub fn loopback(&self, last: u8) -> Ipv4Addr {
        self.cage.loopback(last)
    }

    /// The private ed25519 key that the hosts' user `patchadmin` lets in.
    #[must_use]
    pub fn ssh_key(&self) -> PathBuf {
        self.keys.join("id_ed25519")
    }

    /// The private RSA key that `patchadmin` lets in as well.
    #[must_use]
    pub fn ssh_key_rsa(&self) -> PathBuf {
        self.keys.join("id_rsa")
    }

    /// A private key that no host knows.
    #[must_use]
    pub fn stranger_key(&self) -> PathBuf {
        self.keys.join("stranger")
    }

    /// The repository that hosts use unless they are told to use another one.
    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Makes another repository, again with everything at 1.0.
    ///
    /// # Errors
    /// When its packages cannot be built.
    pub async fn another_repository(&self, name: &str) -> Result<Repository> {
        Repository::create(self.folder().join(format!("repository-{name}"))).await
    }

    /// Describes a host; it exists once the description has been started.
    pub fn host(&self, name: &str) -> HostBuilder {
        let last = self.next_host.fetch_add(1, Ordering::Relaxed);
        HostBuilder::new(&self.cage, name, last, self.repository.clone(), self.keys.clone())
    }

    /// Starts the lab's mail system.
    ///
    /// # Errors
    /// When Postfix or Dovecot does not come up.
    pub async fn mail(&self) -> Result<Mail> {
        Mail::launch(&self.cage).await
    }

    /// Starts the lab's name server.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn dns(&self) -> Result<Dns> {
        Dns::launch(&self.cage).await
    }

    /// Starts the lab's PostgreSQL.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn postgres(&self) -> Result<Postgres> {
        Postgres::launch(&self.cage).await
    }

    /// Starts one SNMP agent in `zone` under `count` addresses of its own, 1,016 at most; `lines` are added to
    /// its configuration.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn snmpd(&self, zone: &str, count: usize, lines: &str) -> Result<Snmpd> {
        Snmpd::launch(&self.cage, zone, count, lines).await
    }

    /// Puts a proxy in front of a server; it listens on a free port of [`Self::gateway`].
    ///
    /// # Errors
    /// When it cannot listen there.
    pub fn proxy(&self, target: SocketAddr) -> Result<TcpProxy> {
        TcpProxy::start(self.gateway(), target)
    }

    /// Ends the lab now, blocking until nothing of it is left. Dropping does the same.
    pub fn down(self) {
        drop(self);
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.cage.end();
    }
}
