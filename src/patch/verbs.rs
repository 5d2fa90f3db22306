//! The answers to `hello`, `apply`, `status` and `reboot`, as types.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::answer::{Answer, AnswerError};
use crate::domain::check::PackageChange;
use crate::domain::facts::{BootId, BrokenPackage};
use crate::domain::ids::RunId;

/// Who answers, and what time it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The helper's version.
    pub helper: String,
    /// The hash of its file.
    pub sha256: String,
    /// The host's clock when it answered.
    pub clock: DateTime<Utc>,
    /// The present boot.
    pub boot_id: BootId,
    /// The host's own name.
    pub name: String,
}

/// A "no" of the host. Nothing was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Why, for the program to decide by.
    pub why: Why,
    /// Why, as a sentence.
    pub text: String,
}

/// Why a host refused something, or why a run failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The command came after its last moment.
    Late,
    /// Another run, or another command, is at work.
    Busy,
    /// A reboot has been ordered.
    Reboot,
    /// The package manager is in use by another program.
    Locked,
    /// The host has been restarted since.
    OtherBoot,
    /// The host was restarted between acceptance and beginning.
    Boot,
    /// The site's script is not as it must be.
    Script,
    /// The package manager is not supported.
    Unsupported,
    /// What has to be written cannot be written.
    State,
    /// The worker could not be started.
    Launch,
    /// A hook said no.
    Hook,
    /// The package lists could not be refreshed.
    Repositories,
    /// The packages could not be worked out.
    Packages,
    /// The installation failed.
    Install,
}

impl Why {
    /// Whether asking again later in the same window may help.
    #[must_use]
    pub fn passes(self) -> bool {
        match self {
            Self::Busy | Self::Locked => true,
            Self::Late
            | Self::Reboot
            | Self::OtherBoot
            | Self::Boot
            | Self::Script
            | Self::Unsupported
            | Self::State
            | Self::Launch
            | Self::Hook
            | Self::Repositories
            | Self::Packages
            | Self::Install => false,
        }
    }
}

/// The answer to [`super::Command::apply`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// The run was started now.
    Started,
    /// It had been accepted before; nothing was started now.
    Exists,
    /// It was not accepted, and the host keeps nothing of it: it may be asked again.
    Refused(Refused),
}

/// The answer to [`super::Command::reboot`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rebooted {
    /// The host restarts now.
    Ordered,
    /// This reboot had been ordered before; it was not ordered again.
    Already,
    /// The host does not restart.
    Refused(Refused),
}

/// The answer to [`super::Command::after_reboot`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hooked {
    /// All hooks ended well, or there are none.
    Done,
    /// One failed, as the sentence says; those after it were not run.
    Failed(String),
    /// They were run before, and not again.
    Exists,
    /// They were not run.
    Refused(Refused),
}

/// How far a run came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Accepted, not begun.
    Accepted,
    /// The site's hooks before.
    BeforeHooks,
    /// It waits for another package manager to end.
    WaitingForLock,
    /// The package lists are refreshed.
    Refreshing,
    /// From here on the host is changed.
    Installing,
    /// The site's hooks after the installation.
    AfterInstallHooks,
    /// The site's hooks that always run.
    EndHooks,
    /// All done.
    Finished,
    /// The disk was too full to write it down.
    #[serde(rename = "")]
    Unwritten,
}

impl Phase {
    /// Whether packages may have been changed by then.
    #[must_use]
    pub fn may_have_changed(self) -> bool {
        match self {
            Self::Accepted | Self::BeforeHooks | Self::WaitingForLock | Self::Refreshing => false,
            Self::Installing
            | Self::AfterInstallHooks
            | Self::EndHooks
            | Self::Finished
            | Self::Unwritten => true,
        }
    }

    /// The phase as people read it.
    #[must_use]
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::BeforeHooks => "running the hooks before",
            Self::WaitingForLock => "waiting for the package manager",
            Self::Refreshing => "refreshing the package lists",
            Self::Installing => "installing",
            Self::AfterInstallHooks => "running the hooks after the installation",
            Self::EndHooks => "running the last hooks",
            Self::Finished => "finished",
            Self::Unwritten => "unknown, the disk is full",
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEnd {
    /// The exit code of the package manager or the script; absent when it did not come to that.
    pub rc: Option<i32>,
    /// What happened, as a sentence.
    pub text: String,
    /// When it began, by the host's clock.
    pub started: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended: Option<DateTime<Utc>>,
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunStatus {
    /// The host knows no such run: it was never accepted.
    Absent,
    /// The run began and found a reason to touch nothing.
    Refused(Refused, RunEnd),
    /// It is at work.
    Running {
        /// When it began; absent while it is about to.
        started: Option<DateTime<Utc>>,
    },
    /// Everything was installed.
    Installed(RunEnd),
    /// Something failed; parts may be installed.
    Failed(Why, RunEnd),
    /// It began, did not end, and nothing of it is at work any more: a power cut, a killed worker.
    Interrupted {
        /// When it began; absent when it never did.
        started: Option<DateTime<Utc>>,
    },
}

/// The answer to [`super::Command::status`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// What became of the run.
    pub run: RunStatus,
    /// How far it came; absent when the host knows no such run.
    pub phase: Option<Phase>,
    /// The host's clock and present boot; absent when the host knows no such run.
    pub host: Option<(DateTime<Utc>, BootId)>,
    /// The packages that changed. For an interrupted run: up to now.
    pub changed: Vec<PackageChange>,
    /// The packages in no good state.
    pub failed: Vec<BrokenPackage>,
    /// The last lines of the run's log.
    pub log: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HelloLine {
    #[serde(rename = "answer")]
    _answer: String,
    helper: String,
    #[serde(rename = "protocol")]
    _protocol: u32,
    sha256: String,
    epoch: i64,
    boot_id: BootId,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApplyLine {
    #[serde(rename = "answer")]
    _answer: String,
    run: RunId,
    state: ApplyState,
    why: Option<Why>,
    text: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ApplyState {
    Started,
    Exists,
    Refused,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HookLine {
    #[serde(rename = "answer")]
    _answer: String,
    run: RunId,
    state: HookState,
    why: Option<Why>,
    text: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum HookState {
    Done,
    Failed,
    Exists,
    Refused,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RebootLine {
    #[serde(rename = "answer")]
    _answer: String,
    state: RebootState,
    why: Option<Why>,
    text: String,
    #[serde(rename = "boot_id")]
    _boot_id: BootId,
    #[serde(rename = "epoch")]
    _epoch: i64,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RebootState {
    Ordered,
    Already,
    Refused,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum RunState {
    Absent,
    Refused,
    Running,
    Installed,
    Failed,
    Interrupted,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum StatusLine {
    Run {
        #[serde(rename = "answer")]
        _answer: String,
        run: RunId,
        state: RunState,
        why: Option<Why>,
        text: String,
        rc: Option<i32>,
        started: Option<i64>,
        ended: Option<i64>,
    },
    Changed {
        changed: String,
        before: Option<String>,
        after: Option<String>,
    },
    Failed {
        failed: String,
        state: String,
    },
    Phase {
        phase: Phase,
        epoch: i64,
        boot_id: BootId,
    },
    Log {
        log: String,
    },
}

fn moment(epoch: i64) -> Option<DateTime<Utc>> {
    DateTime::<Utc>::from_timestamp(epoch, 0)
}

/// The one line of an answer that has only one.
fn only<T: serde::de::DeserializeOwned>(answer: &Answer) -> Result<T, AnswerError> {
    let mut lines = answer.each::<T>();
    let first = lines.next().ok_or(AnswerError::Missing { part: "answer" })??;
    match lines.next() {
        None => Ok(first),
        Some(_) => {
            Err(AnswerError::Line { line: 3, why: "one line too many".to_owned(), text: String::new() })
        }
    }
}

fn refused(why: Option<Why>, text: String) -> Result<Refused, AnswerError> {
    let why = why.ok_or(AnswerError::Missing { part: "why" })?;
    Ok(Refused { why, text })
}

/// An answer about a run must be about the run that was asked for.
fn about(asked: RunId, told: RunId) -> Result<(), AnswerError> {
    if asked == told {
        Ok(())
    } else {
        Err(AnswerError::OtherVerb { seen: format!("run {told}"), asked: format!("run {asked}") })
    }
}

/// Reads the answer to [`super::Command::hello`].
///
/// # Errors
/// When the answer cannot be read.
pub fn hello(output: &[u8]) -> Result<Hello, AnswerError> {
    let line: HelloLine = only(&Answer::read("hello", output)?)?;
    let clock = moment(line.epoch).ok_or(AnswerError::Missing { part: "clock" })?;
    Ok(Hello { helper: line.helper, sha256: line.sha256, clock, boot_id: line.boot_id, name: line.name })
}

/// Reads the answer to [`super::Command::apply`] for `run`.
///
/// # Errors
/// When the answer cannot be read or is about another run. Then it is not known whether the run was started: ask for
/// its status.
pub fn applied(run: RunId, output: &[u8]) -> Result<Applied, AnswerError> {
    let line: ApplyLine = only(&Answer::read("apply", output)?)?;
    about(run, line.run)?;
    Ok(match line.state {
        ApplyState::Started => Applied::Started,
        ApplyState::Exists => Applied::Exists,
        ApplyState::Refused => Applied::Refused(refused(line.why, line.text)?),
    })
}

/// Reads the answer to [`super::Command::reboot`].
///
/// # Errors
/// When the answer cannot be read. Then it is not known whether the host restarts: look at its boot id.
pub fn rebooted(output: &[u8]) -> Result<Rebooted, AnswerError> {
    let line: RebootLine = only(&Answer::read("reboot", output)?)?;
    Ok(match line.state {
        RebootState::Ordered => Rebooted::Ordered,
        RebootState::Already => Rebooted::Already,
        RebootState::Refused => Rebooted::Refused(refused(line.why, line.text)?),
    })
}

/// Reads the answer to [`super::Command::after_reboot`] for `run`.
///
/// # Errors
/// When the answer cannot be read or is about another run. Asking again never runs a hook twice.
pub fn hooked(run: RunId, output: &[u8]) -> Result<Hooked, AnswerError> {
    let line: HookLine = only(&Answer::read("after-reboot", output)?)?;
    about(run, line.run)?;
    Ok(match line.state {
        HookState::Done => Hooked::Done,
        HookState::Failed => Hooked::Failed(line.text),
        HookState::Exists => Hooked::Exists,
        HookState::Refused => Hooked::Refused(refused(line.why, line.text)?),
    })
}

/// Reads the answer to [`super::Command::status`] for `run`.
///
/// # Errors
/// When the answer cannot be read or is about another run.
pub fn status(run: RunId, output: &[u8]) -> Result<Status, AnswerError> {
    let answer = Answer::read("status", output)?;
    let (mut state, mut phase, mut host) = (None, None, None);
    let (mut changed, mut failed, mut log) = (Vec::new(), Vec::new(), Vec::new());
    for line in answer.each::<StatusLine>() {
        match line? {
            StatusLine::Run { run: told, state: word, why, text, rc, started, ended, .. } => {
                about(run, told)?;
                let started = started.and_then(moment);
                let end = RunEnd { rc, text, started, ended: ended.and_then(moment) };
                state = Some(match word {
                    RunState::Absent => RunStatus::Absent,
                    RunState::Running => RunStatus::Running { started },
                    RunState::Interrupted => RunStatus::Interrupted { started },
                    RunState::Installed => RunStatus::Installed(end),
                    RunState::Refused => RunStatus::Refused(refused(why, end.text.clone())?, end),
                    RunState::Failed => {
                        RunStatus::Failed(why.ok_or(AnswerError::Missing { part: "why" })?, end)
                    }
                });
            }
            StatusLine::Changed { changed: name, before, after } => {
                changed.push(PackageChange { name, before, after });
            }
            StatusLine::Failed { failed: name, state } => failed.push(BrokenPackage { name, state }),
            StatusLine::Phase { phase: told, epoch, boot_id } => {
                phase = Some(told);
                host = moment(epoch).map(|clock| (clock, boot_id));
            }
            StatusLine::Log { log: line } => log.push(line),
        }
    }
    let run = state.ok_or(AnswerError::Missing { part: "state" })?;
    if phase.is_none() && run != RunStatus::Absent {
        return Err(AnswerError::Missing { part: "phase" });
    }
    Ok(Status { run, phase, host, changed, failed, log })
}
