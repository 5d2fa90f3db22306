//! The zone probe by SNMP: a host's date and offset confirm or contradict its declared zone.
//!
//! ```no_run
//! # async fn example() -> Result<(), patchbot::snmp::SnmpError> {
//! use patchbot::config::secret::Secret;
//! use patchbot::snmp::{Access, Agent, Probe};
//!
//! let agent = Agent { name: "web01".to_owned(), address: "10.0.0.1".to_owned(), port: 161 };
//! let time = Probe::default().host_time(&agent, &Access::V2c(Secret::new("public"))).await?;
//! println!("{} {:?}", time.local, time.offset);
//! # Ok(())
//! # }
//! ```

mod date;

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use snmp::{AsyncSession, Oid, Value};
use tokio::time::timeout;

pub use date::{HostTime, NoDate, parse};

use crate::config::secret::Secret;

/// hrSystemDate.0 of HOST-RESOURCES-MIB.
const SYSTEM_DATE: &[u64] = &[1, 3, 6, 1, 2, 1, 25, 1, 2, 0];

/// An SNMP agent on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// The server's name, for sentences.
    pub name: String,
    /// A name or an IP address.
    pub address: String,
    /// The port, 161 as a rule.
    pub port: u16,
}

impl fmt::Display for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}:{})", self.name, self.address, self.port)
    }
}

/// How the agent lets one ask.
#[derive(Debug, Clone)]
pub enum Access {
    /// SNMP v2c with this community.
    V2c(Secret),
}

/// How long and how often is asked.
#[derive(Debug, Clone)]
pub struct Probe {
    /// For one question.
    pub timeout: Duration,
    /// How often the question is asked again.
    pub retries: u32,
    /// Refuses every address outside the lab's networks: set whenever the clock is not the machine's own.
    pub lab_only: bool,
}

impl Default for Probe {
    fn default() -> Self {
        Self { timeout: Duration::from_millis(1500), retries: 2, lab_only: false }
    }
}

/// Why a host's time is not known by SNMP.
#[derive(Debug, thiserror::Error)]
pub enum SnmpError {
    /// A test clock may not touch real hosts.
    #[error(
        "{agent} is outside the lab's networks 127.0.0.0/8 and 198.18.0.0/15, and this process runs on a shifted clock; start it without the shifted clock"
    )]
    OutsideLab {
        /// Who.
        agent: Agent,
    },
    /// The name has no address.
    #[error("{agent} has no address ({why}); correct the address in the inventory or the name server")]
    NoAddress {
        /// Who.
        agent: Agent,
        /// What the resolver said.
        why: String,
    },
    /// Nothing answers. A wrong community looks just the same.
    #[error(
        "{agent} does not answer over SNMP, asked {asked} times; look whether snmpd runs there and whether the community is right"
    )]
    NoAnswer {
        /// Who.
        agent: Agent,
        /// How often.
        asked: u32,
    },
    /// The host says that nobody listens there.
    #[error("{agent} has no SNMP agent on that port; start snmpd there, or leave SNMP out for this host")]
    NoAgent {
        /// Who.
        agent: Agent,
    },
    /// The agent does not show the date.
    #[error(
        "{agent} answers over SNMP and does not show hrSystemDate; allow .1.3.6.1.2.1.25.1 in a view of its snmpd.conf"
    )]
    NoSuchObject {
        /// Who.
        agent: Agent,
    },
    /// The agent shows something else.
    #[error("{agent} answers over SNMP and its hrSystemDate is no date ({why}); look at snmpd on the host")]
    Garbage {
        /// Who.
        agent: Agent,
        /// What is wrong.
        why: String,
    },
}

/// Numbers the questions of this process, so that a late answer is not taken for another one's.
static NEXT_QUESTION: AtomicI32 = AtomicI32::new(1);

impl Probe {
    /// Asks a host for its date and time.
    ///
    /// # Errors
    /// When it does not answer, does not show it, or shows something else.
    pub async fn host_time(&self, agent: &Agent, access: &Access) -> Result<HostTime, SnmpError> {
        let address = self.address(agent).await?;
        let asked = self.retries.saturating_add(1);
        for _ in 0..asked {
            match timeout(self.timeout, ask(address, agent, access)).await {
                Ok(Ok(time)) => return Ok(time),
                Ok(Err(Failed::For(error))) => return Err(error),
                Ok(Err(Failed::Stray)) | Err(_) => {}
            }
        }
        Err(SnmpError::NoAnswer { agent: agent.clone(), asked })
    }

    async fn address(&self, agent: &Agent) -> Result<SocketAddr, SnmpError> {
        let no_address = |why: String| SnmpError::NoAddress { agent: agent.clone(), why };
        let found =
            timeout(self.timeout, tokio::net::lookup_host((agent.address.as_str(), agent.port))).await;
        let address = match found {
            Err(_) => return Err(no_address("the name server does not answer".to_owned())),
            Ok(Err(why)) => return Err(no_address(why.to_string())),
            Ok(Ok(mut addresses)) => {
                addresses.next().ok_or_else(|| no_address("the name is known and has none".to_owned()))?
            }
        };
        if self.lab_only && !crate::ssh::in_lab(address.ip()) {
            return Err(SnmpError::OutsideLab { agent: agent.clone() });
        }
        Ok(address)
    }
}

enum Failed {
    /// Asking again does not help.
    For(SnmpError),
    /// Something came that answers no question of ours.
    Stray,
}

/// One question on a socket of its own: an answer that comes too late meets a closed one.
async fn ask(address: SocketAddr, agent: &Agent, access: &Access) -> Result<HostTime, Failed> {
    let Access::V2c(community) = access;
    let number = NEXT_QUESTION.fetch_add(1, Ordering::Relaxed) & i32::MAX;
    let session = AsyncSession::new_v2c(address, community.expose().as_bytes(), number).await;
    let no_agent = || Failed::For(SnmpError::NoAgent { agent: agent.clone() });
    let garbage = |why: String| Failed::For(SnmpError::Garbage { agent: agent.clone(), why });
    let mut session = session.map_err(|_| no_agent())?;
    let question = Oid::from(SYSTEM_DATE).map_err(|_| garbage("the question itself".to_owned()))?;
    let answer = session.get(&question).await.map_err(|error| match error {
        // An ICMP message: nobody listens, or there is no way.
        snmp::Error::Send | snmp::Error::Receive => no_agent(),
        snmp::Error::RequestIdMismatch | snmp::Error::CommunityMismatch => Failed::Stray,
        other => garbage(other.to_string()),
    })?;
    let (name, value) =
        answer.varbinds.clone().next().ok_or_else(|| garbage("an empty answer".to_owned()))?;
    if name != question {
        return Err(Failed::Stray);
    }
    match value {
        Value::OctetString(bytes) => parse(bytes).map_err(|why| garbage(why.to_string())),
        Value::NoSuchObject | Value::NoSuchInstance | Value::EndOfMibView => {
            Err(Failed::For(SnmpError::NoSuchObject { agent: agent.clone() }))
        }
        _ => Err(garbage("it is of another type".to_owned())),
    }
}
