//! Talks to servers through their helper: facts, work, reboots; judges what is seen, and keeps no state.

use std::time::Duration;

use chrono::{DateTime, FixedOffset, Utc};

use crate::app::prechecks::Checked;
use crate::clock::Clock;
use crate::domain::chain::sha256;
use crate::domain::check::{Check, CheckLevels, Context, ExpectedHelper, NoFacts, Seen, judge};
use crate::domain::facts::{BootId, Facts};
use crate::domain::ids::RunId;
use crate::domain::run::RunPlan;
use crate::domain::server::{Reach, Server};
use crate::domain::zone::Confirmation;
use crate::patch::{
    self, Applied, Apply, Command, HELPER, HELPER_VERSION, Hello, Hooked, PackagePattern, Rebooted,
    Selection, ServiceName, Status,
};
use crate::snmp::{Access, Agent, Probe};
use crate::ssh::{
    ConnectError, Connection, ExecError, Hop, HostKey, Limits, LoginKey, Remote, Target, Trust,
};

/// How servers are reached when the inventory says nothing else.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// The login.
    pub user: String,
    /// The port.
    pub port: u16,
    /// The key.
    pub key: LoginKey,
}

/// SNMP, when it is on.
#[derive(Debug, Clone)]
pub struct Snmp {
    /// How the agents let one ask.
    pub access: Access,
    /// The port.
    pub port: u16,
    /// How long and how often.
    pub probe: Probe,
}

impl Snmp {
    /// The agent of a server.
    #[must_use]
    pub fn agent(&self, server: &Server) -> Agent {
        let address = server.reach.address.clone().unwrap_or_else(|| server.name.clone());
        Agent { name: server.name.clone(), address, port: self.port }
    }
}

/// Times of the work on hosts.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// For the facts of one server.
    pub facts: Duration,
    /// Between two looks at a server that works or restarts.
    pub poll: Duration,
    /// So long a server may be out of reach in the middle of its run.
    pub patience: Duration,
    /// So long after a run a server may take until everything runs again.
    pub settle: Duration,
}

/// Facts, and this machine's own time when they were asked for: the host reads its clock first.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The facts.
    pub facts: Facts,
    /// When they were asked for.
    pub asked: DateTime<Utc>,
}

/// The way to the servers.
#[derive(Debug, Clone)]
pub struct Hosts {
    remote: Remote,
    defaults: Defaults,
    snmp: Option<Snmp>,
    /// The times of the work.
    pub times: Times,
    clock: Clock,
    helper: ExpectedHelper,
}

/// Why a server did not answer, or not as it should.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Nobody enrolled it.
    #[error("{0} is not enrolled: its host key is not known; enroll it with \"patchbot enroll {0}\"")]
    NotEnrolled(String),
    /// The pinned key in the database is none.
    #[error("the pinned host key of {0} is not readable; enroll it again with \"patchbot enroll {0}\"")]
    BadPin(String),
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// No result.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// sudo or the helper said no.
    #[error(
        "{server} does not run the helper ({complaint}); enroll it again with \"patchbot enroll {server}\""
    )]
    Helper {
        /// The server.
        server: String,
        /// What it said.
        complaint: String,
    },
    /// The helper's answer cannot be used.
    #[error("{server}: {why}")]
    Answer {
        /// The server.
        server: String,
        /// Why.
        why: patch::AnswerError,
    },
    /// Something in the rules cannot be put into a command.
    #[error("{0}; correct it in the configuration")]
    Rule(#[from] patch::ArgumentError),
}

impl HostError {
    /// Whether trying again may help: the server may be on its way down or up.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Connect(error) => error.may_pass(),
            Self::Exec(_) | Self::Answer { .. } => true,
            Self::NotEnrolled(_) | Self::BadPin(_) | Self::Helper { .. } | Self::Rule(_) => false,
        }
    }

    /// The check that fails with this error.
    fn check(&self) -> Check {
        match self {
            Self::NotEnrolled(_) | Self::BadPin(_) => Check::HostKey,
            Self::Connect(error) if error.is_about_the_host_key() => Check::HostKey,
            Self::Connect(_) | Self::Exec(_) => Check::Ssh,
            Self::Helper { .. } => Check::Sudo,
            Self::Answer { .. } | Self::Rule(_) => Check::Helper,
        }
    }

    /// What happened and the next step, apart.
    fn no_facts(&self) -> NoFacts {
        NoFacts::told(self.check(), &self.to_string())
    }
}

impl Hosts {
    /// Makes the way to the servers.
    #[must_use]
    pub fn new(remote: Remote, defaults: Defaults, snmp: Option<Snmp>, times: Times, clock: Clock) -> Self {
        let sha256 = sha256(HELPER.as_bytes());
        let helper = ExpectedHelper { version: HELPER_VERSION.to_owned(), sha256 };
        Self { remote, defaults, snmp, times, clock, helper }
    }

    /// The connections' maker, for enrolling.
    #[must_use]
    pub fn remote(&self) -> &Remote {
        &self.remote
    }

    /// Where a server is and how to get in; `jump` is the server to go through, when it names one that is known.
    #[must_use]
    pub fn target(&self, server: &Server, jump: Option<&Server>, trust: Trust) -> Target {
        let hop = |name: &str, reach: &Reach, trust: Trust| Hop {
            address: reach.address.clone().unwrap_or_else(|| name.to_owned()),
            port: reach.port.unwrap_or(self.defaults.port),
            user: reach.user.clone().unwrap_or_else(|| self.defaults.user.clone()),
            key: self.defaults.key.clone(),
            trust,
        };
        let jump = jump.map(|jump| hop(&jump.name, &jump.reach, pinned(jump).unwrap_or(Trust::Unknown)));
        Target { name: server.name.clone(), hop: hop(&server.name, &server.reach, trust), jump }
    }

    /// Connects to an enrolled server.
    ///
    /// # Errors
    /// When it is not enrolled or cannot be reached.
    pub async fn connect(&self, server: &Server, jump: Option<&Server>) -> Result<Connection, HostError> {
        let trust = pinned(server)?;
        Ok(self.remote.connect(&self.target(server, jump, trust)).await?)
    }

    async fn ask(
        &self,
        connection: &Connection,
        command: &Command,
        limit: Duration,
    ) -> Result<Vec<u8>, HostError> {
        let limits = Limits { total: limit, silence: limit, ..Limits::default() };
        let output = connection.run(&command.line(), None, &limits).await?;
        if output.stdout.is_empty() && !output.success() {
            let server = connection.place().name.clone();
            return Err(HostError::Helper { server, complaint: output.complaint() });
        }
        Ok(output.stdout)
    }

    fn answer(connection: &Connection) -> impl Fn(patch::AnswerError) -> HostError + use<> {
        let server = connection.place().name.clone();
        move |why| HostError::Answer { server: server.clone(), why }
    }

    /// Asks who answers, and what time it is there.
    ///
    /// # Errors
    /// When the helper does not answer as it should.
    pub async fn hello(&self, connection: &Connection) -> Result<Hello, HostError> {
        let output = self.ask(connection, &Command::hello(), Duration::from_secs(30)).await?;
        patch::hello(&output).map_err(Self::answer(connection))
    }

    /// Takes all facts in one round trip.
    ///
    /// # Errors
    /// When the helper does not answer as it should.
    pub async fn facts(&self, connection: &Connection, services: &[String]) -> Result<Taken, HostError> {
        let names = services.iter().map(|name| ServiceName::parse(name)).collect::<Result<Vec<_>, _>>()?;
        let asked = self.clock.machine();
        let output = self.ask(connection, &Command::facts(&names), self.times.facts).await?;
        let facts = patch::facts(&output).map_err(Self::answer(connection))?;
        Ok(Taken { facts, asked })
    }

    /// Asks what became of a run.
    ///
    /// # Errors
    /// When the helper does not answer as it should.
    pub async fn status(&self, connection: &Connection, run: RunId) -> Result<Status, HostError> {
        let output = self.ask(connection, &Command::status(run, 40), Duration::from_secs(60)).await?;
        patch::status(run, &output).map_err(Self::answer(connection))
    }

    /// Has the host start a run's work, if it can begin before `not_after` on the host's own clock.
    ///
    /// # Errors
    /// When the answer is not known; then the status tells.
    pub async fn apply(
        &self,
        connection: &Connection,
        plan: &RunPlan,
        not_after: DateTime<Utc>,
    ) -> Result<Applied, HostError> {
        let apply = Apply {
            run: plan.run,
            not_after,
            selection: Selection::try_from(&plan.scope)?,
            exclude: plan.exclude.iter().map(|name| PackagePattern::parse(name)).collect::<Result<_, _>>()?,
            server: patch::ServerName::parse(&plan.server_name).ok(),
            lock_wait: 300,
        };
        let output = self.ask(connection, &Command::apply(&apply), Duration::from_secs(60)).await?;
        patch::applied(plan.run, &output).map_err(Self::answer(connection))
    }

    /// Has the host restart, if it still is the boot `boot` and not later than `not_after` on its own clock.
    ///
    /// # Errors
    /// When the answer is not known; then the boot id tells.
    pub async fn reboot(
        &self,
        connection: &Connection,
        run: RunId,
        boot: BootId,
        not_after: DateTime<Utc>,
    ) -> Result<Rebooted, HostError> {
        let output =
            self.ask(connection, &Command::reboot(run, boot, not_after), Duration::from_secs(60)).await?;
        patch::rebooted(&output).map_err(Self::answer(connection))
    }

    /// Runs the site's hooks after a reboot, once per run.
    ///
    /// # Errors
    /// When the helper does not answer as it should.
    pub async fn after_reboot(&self, connection: &Connection, run: RunId) -> Result<Hooked, HostError> {
        let output = self.ask(connection, &Command::after_reboot(run), self.times.facts).await?;
        patch::hooked(run, &output).map_err(Self::answer(connection))
    }

    /// Makes the pre-checks of a server.
    pub async fn check(&self, server: &Server, jump: Option<&Server>, levels: &CheckLevels) -> Checked {
        let seen = match self.connect(server, jump).await {
            Ok(connection) => {
                let facts = self.facts(&connection, &levels.critical_services).await;
                connection.close().await;
                facts
            }
            Err(error) => Err(error),
        };
        let snmp_offset = self.snmp_offset(server).await;
        self.judged(server, levels, seen, snmp_offset)
    }

    /// Judges facts, or their absence.
    #[must_use]
    pub fn judged(
        &self,
        server: &Server,
        levels: &CheckLevels,
        seen: Result<Taken, HostError>,
        snmp_offset: Option<FixedOffset>,
    ) -> Checked {
        let context = Context {
            machine: seen.as_ref().map_or_else(|_| self.clock.machine(), |taken| taken.asked),
            zone: server.zone,
            snmp_offset,
            helper: Some(self.helper.clone()),
        };
        match seen {
            Ok(Taken { facts, .. }) => {
                let findings = judge(Seen::Facts(&facts), levels, &context);
                Checked { facts: Some(facts), findings }
            }
            Err(error) => {
                tracing::warn!(server = %server.name, %error, "{} did not tell its facts", server.name);
                Checked { facts: None, findings: judge(Seen::Nothing(&error.no_facts()), levels, &context) }
            }
        }
    }

    /// How SNMP is asked, when it is.
    #[must_use]
    pub fn snmp(&self) -> Option<&Snmp> {
        self.snmp.as_ref()
    }

    /// The clock that hosts' clocks are compared with.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The offset that a server tells by SNMP; nothing when SNMP is off or the server does not answer.
    pub async fn snmp_offset(&self, server: &Server) -> Option<FixedOffset> {
        let snmp = self.snmp.as_ref()?;
        let agent = snmp.agent(server);
        match snmp.probe.host_time(&agent, &snmp.access).await {
            Ok(time) => time.offset,
            Err(error) => {
                tracing::info!(server = %server.name, %error, "no zone of {} by SNMP", server.name);
                None
            }
        }
    }

    /// What SNMP says about a server's declared zone, in a sentence; nothing when SNMP is off.
    pub async fn zone_by_snmp(&self, server: &Server) -> Option<String> {
        let snmp = self.snmp.as_ref()?;
        let agent = snmp.agent(server);
        Some(match snmp.probe.host_time(&agent, &snmp.access).await {
            Err(error) => format!("SNMP: {error}."),
            Ok(time) => match time.offset {
                None => format!(
                    "SNMP: {} tells {} and no offset, which says nothing about its zone.",
                    server.name, time.local
                ),
                Some(offset) => {
                    match crate::domain::zone::confirms(server.zone, offset, self.clock.machine()) {
                        Confirmation::Confirmed => {
                            format!("SNMP: the offset {offset} confirms {}.", server.zone.name())
                        }
                        Confirmation::Contradicted { .. } => {
                            format!(
                                "SNMP: the offset {offset} contradicts the declared zone {}.",
                                server.zone.name()
                            )
                        }
                    }
                }
            },
        })
    }
}

/// What a server must show: its pinned key.
fn pinned(server: &Server) -> Result<Trust, HostError> {
    let line = server.host_key.as_deref().ok_or_else(|| HostError::NotEnrolled(server.name.clone()))?;
    HostKey::parse(line).map(Trust::Pinned).map_err(|_| HostError::BadPin(server.name.clone()))
}
