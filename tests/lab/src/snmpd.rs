//! One SNMP agent that answers under many addresses, for questions to a whole fleet.

use std::fs;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::cage::Cage;
use crate::daemon::Daemon;
use crate::host::SNMP_USERS;
use crate::process::{self, until};

/// A running agent with the users and the community of the lab's hosts.
#[derive(Debug)]
pub struct Snmpd {
    addresses: Vec<Ipv4Addr>,
    daemon: Daemon,
}

impl Snmpd {
    /// Starts an agent in `zone` that answers under `count` addresses; `lines` are added to its configuration.
    pub(crate) async fn launch(cage: &Arc<Cage>, zone: &str, count: usize, lines: &str) -> Result<Self> {
        let third = cage.slot() * 8 + 4;
        let all = (third..third + 4).flat_map(|c| (1..=254).map(move |d| Ipv4Addr::new(198, 19, c, d)));
        let addresses: Vec<Ipv4Addr> = all.take(count).collect();
        if addresses.len() < count || count == 0 {
            bail!("one agent answers under 1 to 1,016 addresses");
        }
        let folder = cage.folder().join("snmpd");
        if folder.exists() {
            bail!("this lab has an SNMP agent already");
        }
        fs::create_dir_all(folder.join("state"))?;
        let conf = folder.join("snmpd.conf");
        fs::write(&conf, format!("{SNMP_USERS}{lines}\n"))?;
        // The whole range is the machine's own while the bridge exists.
        let bridge = format!("pblab{}", cage.slot());
        let range = format!("198.19.{third}.0/22");
        cage.run("ip", &["route", "replace", "local", &range, "dev", &bridge]).await?.ok()?;
        let mut words: Vec<String> =
            ["snmpd", "-f", "-C", "-I", "-smux,mteTrigger,mteTriggerConf", "-Lo", "-c"]
                .map(str::to_owned)
                .to_vec();
        words.push(conf.display().to_string());
        words.extend(addresses.iter().map(|address| format!("udp:{address}:161")));
        let state = folder.join("state").display().to_string();
        let variables = [("TZ", zone.to_owned()), ("SNMP_PERSISTENT_DIR", state)];
        let daemon = Daemon::launch(cage, &folder, "snmpd", &words, &variables).await?;
        let agent = Self { addresses, daemon };
        until(Duration::from_secs(20), "the SNMP agent to answer", || async {
            agent.daemon.check()?;
            let last = agent.addresses.last().context("an agent has an address")?;
            Ok(agent.ask(*last).await?.succeeded().then_some(()))
        })
        .await?;
        Ok(agent)
    }

    /// The addresses the agent answers under, all on port 161.
    #[must_use]
    pub fn addresses(&self) -> &[Ipv4Addr] {
        &self.addresses
    }

    /// Stops the agent: every address keeps silent.
    ///
    /// # Errors
    /// When it cannot be told to.
    pub async fn stop(&self) -> Result<()> {
        self.daemon.stop("TERM").await
    }

    async fn ask(&self, address: Ipv4Addr) -> Result<process::Output> {
        let mut get = tokio::process::Command::new("snmpget");
        get.args(["-v2c", "-c", "labpub", "-t", "0.5", "-r", "0", "-On", &address.to_string()]);
        get.arg(".1.3.6.1.2.1.1.3.0");
        process::run(get, b"").await
    }
}
