//! A name server of the lab's own: dnsmasq with the records of the lab's mail domains, all changeable.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use crate::cage::Cage;
use crate::daemon::Daemon;
use crate::mail::{self, DOMAINS};
use crate::process::{self, until};
use crate::servfail::ServFail;

/// The last bytes of the addresses of the server, of one that fails and of one that keeps silent.
const LAST: u8 = 53;
const FAILING: u8 = 63;
const SILENT: u8 = 73;

/// How a domain answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    ServFail,
    Silence,
}

/// A running name server. It starts with MX, SPF, DKIM and DMARC records for each of the lab's domains; names
/// it was told nothing about do not exist.
#[derive(Debug)]
pub struct Dns {
    cage: Arc<Cage>,
    folder: PathBuf,
    address: Ipv4Addr,
    texts: BTreeMap<String, String>,
    troubles: BTreeMap<String, Trouble>,
    daemon: Option<Daemon>,
    _failing: ServFail,
}

impl Dns {
    pub(crate) async fn launch(cage: &Arc<Cage>) -> Result<Self> {
        let folder = cage.folder().join("dns");
        fs::create_dir_all(&folder)?;
        let keys = process::blocking(mail::signing_keys).await?;
        let failing = ServFail::start(cage.loopback(FAILING), cage.loopback(SILENT))?;
        let mut dns = Self {
            cage: Arc::clone(cage),
            folder,
            address: cage.loopback(LAST),
            texts: keys.records()?,
            troubles: BTreeMap::new(),
            daemon: None,
            _failing: failing,
        };
        dns.reload().await?;
        Ok(dns)
    }

    /// Where the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((self.address, 53))
    }

    /// The text of a name, if it has one.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// Sets the TXT record of a name, such as `_dmarc.owners.test`.
    ///
    /// # Errors
    /// When the server does not come back.
    pub async fn set_text(&mut self, name: &str, text: &str) -> Result<()> {
        self.texts.insert(name.to_owned(), text.to_owned());
        self.reload().await
    }

    /// Removes the TXT record of a name.
    ///
    /// # Errors
    /// When the server does not come back.
    pub async fn remove_text(&mut self, name: &str) -> Result<()> {
        self.texts.remove(name);
        self.reload().await
    }

    /// Answers SERVFAIL to every question about a domain and the names below it.
    ///
    /// # Errors
    /// When the server does not come back.
    pub async fn fail(&mut self, domain: &str) -> Result<()> {
        self.troubles.insert(domain.to_owned(), Trouble::ServFail);
        self.reload().await
    }

    /// Answers nothing at all to questions about a domain and the names below it.
    ///
    /// # Errors
    /// When the server does not come back.
    pub async fn silence(&mut self, domain: &str) -> Result<()> {
        self.troubles.insert(domain.to_owned(), Trouble::Silence);
        self.reload().await
    }

    /// Ends [`Self::fail`] and [`Self::silence`] for a domain.
    ///
    /// # Errors
    /// When the server does not come back.
    pub async fn mend(&mut self, domain: &str) -> Result<()> {
        self.troubles.remove(domain);
        self.reload().await
    }

    /// Stops the server altogether: questions are refused by the machine.
    ///
    /// # Errors
    /// When it cannot be told to.
    pub async fn stop(&mut self) -> Result<()> {
        match self.daemon.take() {
            Some(daemon) => daemon.stop("TERM").await,
            None => Ok(()),
        }
    }

    /// Starts the server again; dnsmasq reads records only at its start.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn reload(&mut self) -> Result<()> {
        self.stop().await?;
        let file = self.folder.join("dnsmasq.conf");
        fs::write(&file, self.settings()?)?;
        let words = ["dnsmasq", "--keep-in-foreground", &format!("--conf-file={}", file.display())];
        let words = words.map(str::to_owned);
        let daemon = Daemon::launch(&self.cage, &self.folder, "dnsmasq", &words, &[]).await?;
        let address = self.address();
        until(Duration::from_secs(10), "dnsmasq to answer", || async {
            daemon.check()?;
            Ok(tokio::net::TcpStream::connect(address).await.is_ok().then_some(()))
        })
        .await?;
        self.daemon = Some(daemon);
        Ok(())
    }

    fn settings(&self) -> Result<String> {
        let mut lines = format!(
            "no-resolv\nno-hosts\nbind-interfaces\nlisten-address={}\nport=53\nlocal=/#/\nuser=root\n\
             pid-file=\nno-negcache\ncache-size=0\n",
            self.address
        );
        for (name, text) in &self.texts {
            if self.trouble_of(name).is_some() {
                continue;
            }
            // A character string of DNS holds 255 bytes; longer texts are several of them.
            let parts: Vec<String> = text
                .as_bytes()
                .chunks(200)
                .map(|part| format!("\"{}\"", String::from_utf8_lossy(part).replace('"', "\\\"")))
                .collect();
            writeln!(lines, "txt-record={name},{}", parts.join(","))?;
        }
        for domain in DOMAINS.iter().filter(|domain| self.trouble_of(domain).is_none()) {
            writeln!(lines, "mx-host={domain},mail.{domain},10")?;
            writeln!(lines, "address=/mail.{domain}/{}", self.cage.loopback(mail::LAST))?;
        }
        for (domain, trouble) in &self.troubles {
            let last = match trouble {
                Trouble::ServFail => FAILING,
                Trouble::Silence => SILENT,
            };
            writeln!(lines, "server=/{domain}/{}", self.cage.loopback(last))?;
        }
        Ok(lines)
    }

    fn trouble_of(&self, name: &str) -> Option<Trouble> {
        let below = |domain: &String| name == domain || name.ends_with(&format!(".{domain}"));
        self.troubles.iter().find(|(domain, _)| below(domain)).map(|(_, trouble)| *trouble)
    }
}
