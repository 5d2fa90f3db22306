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
mod fleet;
mod users;

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use snmp::v3::{self, Auth, AuthProtocol, Security};
use snmp::{AsyncSession, Oid, Pdu, Value};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

pub use date::{HostTime, NoDate, parse};
pub use fleet::Heard;

pub use crate::config::hosts::{Cipher, Digest};
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
    /// SNMP v3 with this user.
    V3(User),
}

/// A user of SNMP v3. Without a password the agent is asked in the clear, which few allow.
#[derive(Debug, Clone)]
pub struct User {
    /// The name.
    pub name: String,
    /// How the user proves himself, and the password.
    pub authentication: Option<(Digest, Secret)>,
    /// How what is said is hidden, and the password; only together with `authentication`.
    pub privacy: Option<(Cipher, Secret)>,
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
    /// The agent does not know the user or his password.
    #[error(
        "{agent} refuses the SNMP user {user}; compare name, passwords and algorithms with createUser in its snmpd.conf"
    )]
    LoginRefused {
        /// Who.
        agent: Agent,
        /// The user.
        user: String,
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

fn next_question() -> i32 {
    NEXT_QUESTION.fetch_add(1, Ordering::Relaxed) & i32::MAX
}

impl Probe {
    /// Asks a host for its date and time.
    ///
    /// # Errors
    /// When it does not answer, does not show it, or shows something else.
    pub async fn host_time(&self, agent: &Agent, access: &Access) -> Result<HostTime, SnmpError> {
        let address = self.address(agent).await?;
        let asked = self.retries.saturating_add(1);
        for _ in 0..asked {
            match self.once(address, agent, access).await {
                Ok(time) => return Ok(time),
                Err(Failed::For(error)) => return Err(error),
                Err(Failed::Stray) => {}
            }
        }
        Err(SnmpError::NoAnswer { agent: agent.clone(), asked })
    }

    async fn once(&self, address: SocketAddr, agent: &Agent, access: &Access) -> Result<HostTime, Failed> {
        let limit = self.timeout;
        match access {
            Access::V2c(_) => timeout(limit, ask(address, agent, access)).await.unwrap_or(Err(Failed::Stray)),
            // The keys of v3 are made from the passwords by hashing a megabyte: not on a thread that others wait for.
            Access::V3(_) => {
                let (agent, access, runtime) = (agent.clone(), access.clone(), Handle::current());
                let work = spawn_blocking(move || {
                    runtime.block_on(async { timeout(limit, ask(address, &agent, &access)).await })
                });
                work.await.map_or(Err(Failed::Stray), |asked| asked.unwrap_or(Err(Failed::Stray)))
            }
        }
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
    let number = next_question();
    let no_agent = || Failed::For(SnmpError::NoAgent { agent: agent.clone() });
    let garbage = |why: String| Failed::For(SnmpError::Garbage { agent: agent.clone(), why });
    let refused =
        |user: &User| Failed::For(SnmpError::LoginRefused { agent: agent.clone(), user: user.name.clone() });
    let failed = |error: snmp::Error| match (error, access) {
        // An ICMP message: nobody listens, or there is no way.
        (snmp::Error::Send | snmp::Error::Receive, _) => no_agent(),
        (snmp::Error::RequestIdMismatch | snmp::Error::CommunityMismatch, _) => Failed::Stray,
        (snmp::Error::AuthFailure(_), Access::V3(user)) => refused(user),
        (other, _) => garbage(other.to_string()),
    };
    let mut session = match access {
        Access::V2c(community) => AsyncSession::new_v2c(address, community.expose().as_bytes(), number).await,
        Access::V3(user) => AsyncSession::new_v3(address, number, user.security()).await,
    }
    .map_err(|_| no_agent())?;
    session.init().await.map_err(failed)?;
    let question = Oid::from(SYSTEM_DATE).map_err(|_| garbage("the question itself".to_owned()))?;
    let mut answer = session.get(&question).await.map(|answer| told(&answer, &question));
    // The agent's clock differs from what it told at first: asked once more with the right one.
    if matches!(answer, Err(snmp::Error::AuthUpdated)) {
        answer = session.get(&question).await.map(|answer| told(&answer, &question));
    }
    match (answer.map_err(failed)?, access) {
        (Told::Date(bytes), _) => parse(&bytes).map_err(|why| garbage(why.to_string())),
        (Told::NoSuchObject, _) => Err(Failed::For(SnmpError::NoSuchObject { agent: agent.clone() })),
        (Told::Else, Access::V2c(_)) => Err(garbage("it is of another type".to_owned())),
        // A report in place of an answer is about the user.
        (Told::Else, Access::V3(user)) => Err(refused(user)),
    }
}

/// What an answer holds.
enum Told {
    Date(Vec<u8>),
    NoSuchObject,
    Else,
}

fn told(answer: &Pdu<'_>, question: &Oid<'_>) -> Told {
    match answer.varbinds.clone().next() {
        Some((name, Value::OctetString(bytes))) if name == *question => Told::Date(bytes.to_vec()),
        Some((name, Value::NoSuchObject | Value::NoSuchInstance | Value::EndOfMibView))
            if name == *question =>
        {
            Told::NoSuchObject
        }
        _ => Told::Else,
    }
}

impl User {
    fn security(&self) -> Security {
        let password = self.authentication.as_ref().map_or("", |(_, password)| password.expose());
        let security = Security::new(self.name.as_bytes(), password.as_bytes());
        let Some((digest, _)) = &self.authentication else {
            return security.with_auth(Auth::NoAuthNoPriv);
        };
        let security = security.with_auth_protocol(match digest {
            Digest::Md5 => AuthProtocol::Md5,
            Digest::Sha => AuthProtocol::Sha1,
            Digest::Sha224 => AuthProtocol::Sha224,
            Digest::Sha256 => AuthProtocol::Sha256,
            Digest::Sha384 => AuthProtocol::Sha384,
            Digest::Sha512 => AuthProtocol::Sha512,
        });
        security.with_auth(match &self.privacy {
            None => Auth::AuthNoPriv,
            Some((cipher, password)) => Auth::AuthPriv {
                cipher: match cipher {
                    Cipher::Des => v3::Cipher::Des,
                    Cipher::Aes => v3::Cipher::Aes128,
                },
                privacy_password: password.expose().as_bytes().to_vec(),
            },
        })
    }
}
