//! The rules of a host group: slots, limits, deadlines, what silence means, how hosts are checked and patched.

use chrono::{NaiveTime, TimeDelta, Weekday};
use serde::{Deserialize, Serialize};

use super::check::{CheckLevels, ValidationRules};

/// What happens to a window whose owner does not answer before the deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Silence {
    /// The window is approved.
    Approve,
    /// The window is not patched until somebody answers.
    Hold,
}

impl Silence {
    /// The rule's name in the configuration and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Hold => "hold",
        }
    }

    /// What silence means, as a full sentence for a notice.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Approve => {
                "If you do not answer by then, I take it as approved and patch at the times shown."
            }
            Self::Hold => {
                "If you do not answer by then, I do not patch these servers, and I tell the operators."
            }
        }
    }
}

/// Whether a server is rebooted after patching.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RebootRule {
    /// After every run, also when a reboot was made just before.
    Always,
    /// When the host says that one is needed.
    Needed,
    /// Never; a needed one is told instead.
    Never,
}

impl RebootRule {
    /// The rule's name in the inventory and the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Needed => "needed",
            Self::Never => "never",
        }
    }
}

/// Which updates are applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything that is newer.
    All,
    /// Only what comes from a security origin.
    Security,
    /// Only these packages.
    Packages(Vec<String>),
    /// Whatever the site's own script does; it must lie in /opt/scripts or /etc/patching/scripts.
    Script(String),
}

/// The times of day that are proposed to owners, on the patch day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotHours {
    /// The first slot: 20:00.
    pub from: NaiveTime,
    /// How many slots follow each other: 8 to midnight.
    pub count: u32,
    /// Minutes from one slot to the next: 30.
    pub minutes: u32,
}

/// The rules of one host group. Durations are on the clock of instants, not of walls.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// The weekday of proposed windows, in the server's zone.
    pub patch_day: Weekday,
    /// The proposed times of day.
    pub slots: SlotHours,
    /// How many servers may start in one hour, all groups together.
    pub per_slot_hour: u32,
    /// From its start a window lasts so long; nothing begins and no reboot is asked for after its end.
    pub window_length: TimeDelta,
    /// How late a start may be before the window counts as missed.
    pub start_grace: TimeDelta,
    /// From this weekday to `freeze_to` owners cannot change windows before the coming patch day.
    pub freeze_from: Weekday,
    /// The last weekday of the freeze.
    pub freeze_to: Weekday,
    /// So long before the start the schedule is locked: the last moment for owners' changes.
    pub lock_before: TimeDelta,
    /// So long before the start the pre-checks run.
    pub precheck_before: TimeDelta,
    /// So long before the start the daily reminder goes out.
    pub reminder_before: TimeDelta,
    /// So long after a decision who took it can undo it by himself.
    pub undo_for: TimeDelta,
    /// The days an owner has to answer the monthly notice.
    pub answer_days: u32,
    /// What happens without an answer.
    pub silence: Silence,
    /// Whether to reboot, unless the server has its own rule.
    pub reboot: RebootRule,
    /// How long a reboot may take until the host answers again.
    pub reboot_wait: TimeDelta,
    /// Which updates are applied.
    pub scope: Scope,
    /// Packages that are never touched.
    pub exclude: Vec<String>,
    /// What each pre-check's finding means.
    pub checks: CheckLevels,
    /// What each difference after a run means.
    pub validation: ValidationRules,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            patch_day: Weekday::Thu,
            slots: SlotHours {
                from: NaiveTime::from_hms_opt(20, 0, 0).unwrap_or(NaiveTime::MIN),
                count: 8,
                minutes: 30,
            },
            per_slot_hour: 5,
            window_length: TimeDelta::hours(2),
            start_grace: TimeDelta::minutes(15),
            freeze_from: Weekday::Thu,
            freeze_to: Weekday::Tue,
            lock_before: TimeDelta::hours(3),
            precheck_before: TimeDelta::hours(5),
            reminder_before: TimeDelta::hours(24),
            undo_for: super::undo::USUAL,
            answer_days: 14,
            silence: Silence::Hold,
            reboot: RebootRule::Needed,
            reboot_wait: TimeDelta::minutes(10),
            scope: Scope::All,
            exclude: Vec::new(),
            checks: CheckLevels::default(),
            validation: ValidationRules::default(),
        }
    }
}

/// The rules of all host groups; a group without its own has the default.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Policies {
    /// For servers without a group of their own rules.
    pub default: Policy,
    /// By host group, folded to lower case.
    pub groups: std::collections::BTreeMap<String, Policy>,
}

impl Policies {
    /// The rules for a host group.
    #[must_use]
    pub fn of(&self, group: Option<&str>) -> &Policy {
        group.and_then(|group| self.groups.get(&group.to_lowercase())).unwrap_or(&self.default)
    }
}
