//! Commands on hosts over SSH: pinned host keys, time limits, capped output.
//!
//! ```no_run
//! # async fn example(key: patchbot::ssh::LoginKey, pinned: patchbot::ssh::HostKey) -> anyhow::Result<()> {
//! use patchbot::patch::{self, Command};
//! use patchbot::ssh::{Hop, Limits, Remote, Settings, Target, Trust};
//!
//! let remote = Remote::new(Settings::default());
//! let target = Target {
//!     name: "web01".to_owned(),
//!     hop: Hop { address: "10.0.0.1".to_owned(), port: 22, user: "patchadmin".to_owned(), key, trust: Trust::Pinned(pinned) },
//!     jump: None,
//! };
//! let connection = remote.connect(&target).await?;
//! let output = connection.run(&Command::facts(&[]).line(), None, &Limits::default()).await?;
//! let facts = patch::facts(&output.stdout)?;
//! # Ok(())
//! # }
//! ```
//!
//! One connection serves a whole window: key exchange is what a connection costs.

mod connect;
mod enroll;
mod error;
mod exec;
mod keys;

pub(crate) use connect::in_lab;
pub use connect::{Connection, Hop, Remote, Settings, Target};
pub use enroll::{Enrolled, Enrollment, Sudo, enroll};
pub use error::{ConnectError, EnrollError, ExecError, KeyError, Place};
pub use exec::{Ended, Limits, Output};
pub use keys::{Fingerprint, HostKey, LoginKey, Trust};
