//! Names that cannot be mixed up: one type per kind of id.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

ids! {
    /// A server of the inventory.
    ServerId,
    /// One server's patch slot in one quarter.
    WindowId,
    /// One execution of a window; also the name of its run directory on the host.
    RunId,
    /// Somebody who owns, operates or administers.
    PersonId,
    /// One message to one recipient (a row of the outbox).
    NoticeId,
    /// One decision about one window.
    DecisionId,
    /// One mail that came in.
    InboxId,
    /// Something dangerous that was asked for.
    RequestId,
}

/// Counts the changes of a window's plan; an approval is bound to the revision it was given for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub i64);

impl Revision {
    /// The first plan of a window.
    pub const FIRST: Self = Self(1);

    /// The revision after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
