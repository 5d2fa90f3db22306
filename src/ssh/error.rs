//! What goes wrong between here and a host. Each sentence says where, what, and what to do.

use std::fmt;
use std::time::Duration;

use super::keys::Fingerprint;
use crate::domain::check::{Check, NoFacts};

/// A key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("the key file {place} cannot be read ({why}); create it, readable by the service user only")]
    File {
        /// The file.
        place: String,
        /// What the system said.
        why: std::io::Error,
    },
    /// It is no private key.
    #[error("{place} is no private key; make one with \"ssh-keygen -t ed25519\"")]
    NoKey {
        /// The file.
        place: String,
    },
    /// It is encrypted and no passphrase is known.
    #[error("the key {place} is encrypted; tell its passphrase in the configuration")]
    Encrypted {
        /// The file.
        place: String,
    },
    /// The passphrase is wrong.
    #[error("the passphrase does not open the key {place}; correct it in the configuration")]
    Passphrase {
        /// The file.
        place: String,
    },
    /// A kind of key that is not used.
    #[error(
        "the key {place} is of the kind {kind}, which is not supported; make one with \"ssh-keygen -t ed25519\""
    )]
    Kind {
        /// The file.
        place: String,
        /// What kind.
        kind: String,
    },
    /// No host key.
    #[error("this is no host key; write it as it stands in /etc/ssh/ssh_host_ed25519_key.pub of the host")]
    NoHostKey,
    /// No fingerprint.
    #[error("this is no fingerprint; write it as \"ssh-keygen -lf\" shows it: SHA256:…")]
    NoFingerprint,
}

/// Where something happened: the server's name and the address that was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The server's name.
    pub name: String,
    /// Address and port.
    pub address: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.address)
    }
}

/// Why there is no connection to a host. Nothing was run on it.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A test clock may not touch real hosts.
    #[error(
        "{place} is outside the lab's networks 127.0.0.0/8 and 198.18.0.0/15, and this process runs on a shifted clock; start it without the shifted clock"
    )]
    OutsideLab {
        /// Where.
        place: Place,
    },
    /// The name has no address.
    #[error("{place} has no address ({why}); correct the address in the inventory or the name server")]
    NoAddress {
        /// Where.
        place: Place,
        /// What the resolver said.
        why: String,
    },
    /// Nothing answers.
    #[error("{place} does not answer within {} s; look whether the host runs and the network lets SSH through", limit.as_secs())]
    NoAnswer {
        /// Where.
        place: Place,
        /// How long was waited.
        limit: Duration,
    },
    /// The connection was refused or broke while it was set up.
    #[error("{place} cannot be reached ({why}); look whether sshd runs there")]
    Unreachable {
        /// Where.
        place: Place,
        /// What was said.
        why: String,
    },
    /// The jump host does not lead there.
    #[error(
        "{place} cannot be reached through its jump host ({why}); look whether the jump host may open connections to it"
    )]
    Jump {
        /// Where.
        place: Place,
        /// What the jump host said.
        why: String,
    },
    /// Another key than the pinned one.
    #[error(
        "{place} shows the key {seen} and the pinned one is {pinned}; if the host was installed anew, compare the fingerprint on its console and enroll it again, otherwise somebody may stand in between"
    )]
    HostKeyChanged {
        /// Where.
        place: Place,
        /// The key it shows.
        seen: Fingerprint,
        /// The key it should show.
        pinned: Fingerprint,
    },
    /// The host does not show the kind of key that is pinned.
    #[error(
        "{place} no longer has a key of the pinned kind, whose fingerprint is {pinned}; if the host was installed anew, enroll it again, otherwise somebody may stand in between"
    )]
    HostKeyGone {
        /// Where.
        place: Place,
        /// The key it should show.
        pinned: Fingerprint,
    },
    /// Nobody has accepted this host's key yet.
    #[error(
        "{place} is not known yet; it shows the key {seen}: compare it on the host's console with \"ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\" and enroll the host with it"
    )]
    HostKeyUnknown {
        /// Where.
        place: Place,
        /// The key it shows.
        seen: Fingerprint,
    },
    /// The host does not let patchbot in.
    #[error(
        "{place} refuses the key of {user}; put patchbot's public key into ~{user}/.ssh/authorized_keys there"
    )]
    LoginRefused {
        /// Where.
        place: Place,
        /// The account.
        user: String,
    },
    /// No algorithm both sides know.
    #[error(
        "{place} and this program have no {kind} in common; allow a present one in the host's sshd_config"
    )]
    NoAlgorithm {
        /// Where.
        place: Place,
        /// Of what kind.
        kind: String,
    },
}

impl ConnectError {
    /// Whether the host's identity is in question: never to be tried again without a person.
    #[must_use]
    pub fn is_about_the_host_key(&self) -> bool {
        match self {
            Self::HostKeyChanged { .. } | Self::HostKeyGone { .. } | Self::HostKeyUnknown { .. } => true,
            Self::OutsideLab { .. }
            | Self::NoAddress { .. }
            | Self::NoAnswer { .. }
            | Self::Unreachable { .. }
            | Self::Jump { .. }
            | Self::LoginRefused { .. }
            | Self::NoAlgorithm { .. } => false,
        }
    }

    /// Whether trying again later may help: the host may be on its way down or up.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::NoAnswer { .. } | Self::Unreachable { .. } | Self::Jump { .. } => true,
            Self::OutsideLab { .. }
            | Self::NoAddress { .. }
            | Self::HostKeyChanged { .. }
            | Self::HostKeyGone { .. }
            | Self::HostKeyUnknown { .. }
            | Self::LoginRefused { .. }
            | Self::NoAlgorithm { .. } => false,
        }
    }
}

impl From<&ConnectError> for NoFacts {
    fn from(error: &ConnectError) -> Self {
        let check = if error.is_about_the_host_key() { Check::HostKey } else { Check::Ssh };
        Self::told(check, &error.to_string())
    }
}

impl From<&ExecError> for NoFacts {
    fn from(error: &ExecError) -> Self {
        Self::told(Check::Ssh, &error.to_string())
    }
}

/// Why a command has no result. None of these says that the command failed: it may have done its work.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The connection ended first.
    #[error(
        "the connection to {place} was lost before the command ended; connect again and ask what became of it"
    )]
    Lost {
        /// Where.
        place: Place,
    },
    /// It took too long.
    #[error("the command on {place} did not end within {} s; it may still run there: ask what became of it", limit.as_secs())]
    TimedOut {
        /// Where.
        place: Place,
        /// How long was waited.
        limit: Duration,
    },
    /// It said nothing for too long.
    #[error("the command on {place} said nothing for {} s; it may still run there: ask what became of it", limit.as_secs())]
    Silent {
        /// Where.
        place: Place,
        /// How long was waited.
        limit: Duration,
    },
    /// It said too much.
    #[error(
        "the command on {place} wrote more than {limit} bytes; something floods its output: look at the host"
    )]
    TooMuchOutput {
        /// Where.
        place: Place,
        /// The cap.
        limit: usize,
    },
    /// The host does not run it. It was not started.
    #[error(
        "{place} does not run the command; look at the account's shell and at ForceCommand in sshd_config"
    )]
    Refused {
        /// Where.
        place: Place,
    },
}

/// Why a host could not be enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A command without a result.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// The account's name is none.
    #[error("\"{account}\" is no name of an account; it consists of lower-case letters, digits, - and _")]
    Account {
        /// As it was given.
        account: String,
    },
    /// The key is none.
    #[error(
        "the public key for the account is none; it is one line that begins with its kind, such as ssh-ed25519"
    )]
    PublicKey,
    /// sudo does not accept the login.
    #[error(
        "{place}: {user} may not become root with sudo ({why}); use an account that may, or its right password"
    )]
    Sudo {
        /// Where.
        place: Place,
        /// The account.
        user: String,
        /// What sudo said.
        why: String,
    },
    /// The installation stopped. What was there before is still there.
    #[error("{place}: the helper was not installed ({why}); nothing was changed in its place")]
    Install {
        /// Where.
        place: Place,
        /// What the host said.
        why: String,
    },
    /// It was installed and does not answer as it should.
    #[error(
        "{place}: the helper is installed, and asked through sudo it does not answer as it should ({why}); look at /etc/sudoers.d on the host"
    )]
    Verify {
        /// Where.
        place: Place,
        /// What is wrong.
        why: String,
    },
}
