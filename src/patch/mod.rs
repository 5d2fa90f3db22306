//! What is asked of a host and what its answer means: the protocol of the host helper, as pure functions.
//!
//! [`Command`] makes the command lines, [`Answer`] reads what comes back, and [`facts`], [`hello`], [`applied`],
//! [`status`] and [`rebooted`] give it a meaning. Nothing a host says is trusted: lines, their number and their length
//! are limited, and an answer that was cut is never taken for a whole one. The protocol is described in
//! `deploy/host/README.md`.

mod answer;
mod command;
mod facts;
mod verbs;

pub use answer::{Answer, AnswerError, MAX_LINE, MAX_LINES, no_facts};
pub use command::{
    Apply, ArgumentError, Command, PackageName, PackagePattern, ScriptPath, Selection, ServerName,
    ServiceName,
};
pub use facts::facts;
pub use verbs::{
    Applied, Hello, Hooked, Phase, Rebooted, Refused, RunEnd, RunStatus, Status, Why, applied, hello, hooked,
    rebooted, status,
};

/// The protocol this program speaks; a helper that speaks another one is refused.
pub const PROTOCOL: u32 = 1;

/// The version of the helper that belongs to this program.
pub const HELPER_VERSION: &str = "0.1.0";

/// The helper itself, as it is installed on hosts.
pub const HELPER: &str = include_str!("../../deploy/host/patchbot-host");

/// The line of sudoers that allows the helper, with `patchadmin` as the account.
pub const SUDOERS: &str = include_str!("../../deploy/host/sudoers");

/// Where the helper lies on a host.
pub const HELPER_PATH: &str = "/usr/local/sbin/patchbot-host";

#[cfg(test)]
mod tests;
