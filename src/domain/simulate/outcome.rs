//! What becomes of a server, and how often: as it usually is, and in the best and the worst of the replays.

use serde::Serialize;

use super::tally::Tally;

/// What becomes of a server in a quarter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is patched.
    Patched,
    /// Its run fails.
    Failed,
    /// Its run stops where a person must look.
    NeedsPerson,
    /// Nobody approves it in time.
    NotApproved,
    /// A rule stands against its start.
    NotStarted,
    /// An owner says no.
    Declined,
    /// It has no time.
    NoTime,
    /// It is put off, cancelled, or under way already.
    LeftAlone,
}

impl Outcome {
    /// All of them, the best first.
    pub const ALL: [Self; 8] = [
        Self::Patched,
        Self::Failed,
        Self::NeedsPerson,
        Self::NotApproved,
        Self::NotStarted,
        Self::Declined,
        Self::NoTime,
        Self::LeftAlone,
    ];

    /// In a few words.
    #[must_use]
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Patched => "patched",
            Self::Failed => "failed",
            Self::NeedsPerson => "needs a person",
            Self::NotApproved => "not approved in time",
            Self::NotStarted => "not started, by a rule",
            Self::Declined => "declined",
            Self::NoTime => "without a time",
            Self::LeftAlone => "put off, cancelled or under way already",
        }
    }
}

/// A number over all replays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
pub struct Range {
    /// The smallest.
    pub fewest: u32,
    /// Half of the replays have no more (median).
    pub usually: u32,
    /// The greatest.
    pub most: u32,
}

impl Range {
    pub(super) fn of(tallies: &[Tally], count: impl Fn(&Tally) -> u32) -> Self {
        Self::over(tallies.iter().map(count).collect())
    }

    pub(super) fn over(mut all: Vec<u32>) -> Self {
        all.sort_unstable();
        let at = |index: usize| all.get(index).copied().unwrap_or(0);
        let last = all.len().saturating_sub(1);
        Self { fewest: at(0), usually: at(last / 2), most: at(last) }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.fewest == self.most {
            return write!(f, "{}", self.usually);
        }
        write!(f, "{} ({} to {})", self.usually, self.fewest, self.most)
    }
}
