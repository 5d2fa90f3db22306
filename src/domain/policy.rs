//! The rules of a host group: slots, limits, deadlines, what silence means, how hosts are checked and patched.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{NaiveTime, TimeDelta, Weekday};
use serde::{Deserialize, Serialize};

use super::blackout::Blackout;
use super::check::{CheckLevels, ValidationRules};
use super::days::{Days, Hours};
use super::person::Address;
use super::request::Verb;

/// What happens to a window whose owner does not answer before the deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Silence {
    /// The window is approved.
    Approve,
    /// The window is not patched until somebody answers.
    Hold,
    /// The window moves a week on, and is asked about again.
    Slip,
    /// The second owner is asked, then the operators.
    Escalate,
}

impl Silence {
    /// The rule's name in the configuration and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Hold => "hold",
            Self::Slip => "slip",
            Self::Escalate => "escalate",
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
            Self::Slip => "If you do not answer by then, I move these servers a week on and ask you again.",
            Self::Escalate => {
                "If you do not answer by then, I ask the second owner, and after that the operators; without their answer I do not patch these servers."
            }
        }
    }
}

/// What happens to a window that a change of rules, zones, blackouts or owners has made illegal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// It moves to the nearest legal time, before or after.
    Nearest,
    /// It moves to the next legal time after its own.
    Next,
    /// It is cancelled.
    Cancel,
    /// It has no time any more, and the owner is asked for one.
    Ask,
}

impl Strategy {
    /// The strategy's name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Next => "next",
            Self::Cancel => "cancel",
            Self::Ask => "ask",
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

/// A decision for which a host group can want a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reasoned {
    /// A no.
    Decline,
    /// Another time.
    Move,
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
    /// The days of proposed windows, in the server's zone.
    pub patch_day: Days,
    /// The proposed times of day.
    pub slots: SlotHours,
    /// When windows of the group may be; without any, whenever.
    pub allowed: Vec<Hours>,
    /// So long before the end of the allowed hours nothing starts any more.
    pub cutoff: TimeDelta,
    /// When nothing runs.
    pub blackouts: Arc<[Blackout]>,
    /// Proposed starts are spread over so much time behind their slot.
    pub spread: TimeDelta,
    /// How many servers may start at the same time, all groups together; no limit when absent.
    pub per_slot: Option<u32>,
    /// How many servers may start in one hour, all groups together.
    pub per_slot_hour: u32,
    /// How many of the group may be patched at the same time; no limit when absent.
    pub max_concurrent: Option<u32>,
    /// Whether the group keeps apart from other critical groups.
    pub critical: bool,
    /// How far apart the starts of critical groups are.
    pub gap: TimeDelta,
    /// Groups with a higher one choose their times first.
    pub priority: i64,
    /// The roles inside a service, in the order in which they are patched.
    pub role_order: Vec<String>,
    /// How many members of a service must be healthy at any time; 0 for no rule.
    pub quorum: u32,
    /// The environments whose servers go before the others of the group.
    pub canaries: Vec<String>,
    /// The host groups, folded, that go before this one.
    pub after: Vec<String>,
    /// How long canaries, and groups that go before, are watched until the others follow.
    pub soak: TimeDelta,
    /// The groups that go after this one, with their soak time; made from their `after`.
    pub followers: Vec<(String, TimeDelta)>,
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
    /// So long before the start the pre-checks are made for trial, each time once.
    pub rehearsals: Vec<TimeDelta>,
    /// A window rehearses up to so much earlier, each at a minute of its own.
    pub rehearsal_spread: TimeDelta,
    /// So long before the start owners are reminded, each time once.
    pub reminders: Vec<TimeDelta>,
    /// So long after a decision who took it can undo it by himself.
    pub undo_for: TimeDelta,
    /// The days an owner has to answer the monthly notice.
    pub answer_days: u32,
    /// What happens without an answer.
    pub silence: Silence,
    /// How long the second owner, and then the operators, have to answer when silence escalates.
    pub escalate_for: TimeDelta,
    /// How many people must approve.
    pub approvals: u32,
    /// Who may approve besides operators, owners or not; all owners when empty.
    pub approvers: Vec<Address>,
    /// How often owners may move a window.
    pub moves: u32,
    /// So many days before the quarter's end owners cannot put a window off any more.
    pub deadline_days: u32,
    /// How many days a window may be put off beyond its quarter.
    pub exception_days: u32,
    /// What happens to a window that a changed rule has made illegal.
    pub when_illegal: Strategy,
    /// Whether an answer by mail is confirmed by a second one before it counts.
    pub confirm_by_mail: bool,
    /// Whether to reboot, unless the server has its own rule.
    pub reboot: RebootRule,
    /// How long a reboot may take until the host answers again.
    pub reboot_wait: TimeDelta,
    /// Which updates are applied.
    pub scope: Scope,
    /// Packages that are never touched.
    pub exclude: Vec<String>,
    /// What only happens when a second person agrees.
    pub second_person: BTreeSet<Verb>,
    /// Decisions that need a reason.
    pub reason_for: BTreeSet<Reasoned>,
    /// What each pre-check's finding means.
    pub checks: CheckLevels,
    /// What each difference after a run means.
    pub validation: ValidationRules,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            patch_day: Days::Weekly(Weekday::Thu),
            slots: SlotHours {
                from: NaiveTime::from_hms_opt(20, 0, 0).unwrap_or(NaiveTime::MIN),
                count: 8,
                minutes: 30,
            },
            allowed: Vec::new(),
            cutoff: TimeDelta::zero(),
            blackouts: Arc::default(),
            spread: TimeDelta::zero(),
            per_slot: None,
            per_slot_hour: 5,
            max_concurrent: None,
            critical: false,
            gap: TimeDelta::minutes(60),
            priority: 0,
            role_order: vec!["standby".to_owned(), "replica".to_owned(), "primary".to_owned()],
            quorum: 0,
            canaries: vec!["canary".to_owned()],
            after: Vec::new(),
            soak: TimeDelta::hours(72),
            followers: Vec::new(),
            window_length: TimeDelta::hours(2),
            start_grace: TimeDelta::minutes(15),
            freeze_from: Weekday::Thu,
            freeze_to: Weekday::Tue,
            lock_before: TimeDelta::hours(3),
            precheck_before: TimeDelta::hours(5),
            rehearsals: vec![TimeDelta::days(30), TimeDelta::days(7), TimeDelta::days(1)],
            rehearsal_spread: TimeDelta::hours(4),
            reminders: vec![TimeDelta::hours(24)],
            undo_for: super::undo::USUAL,
            answer_days: 14,
            silence: Silence::Hold,
            escalate_for: TimeDelta::hours(24),
            approvals: 1,
            approvers: Vec::new(),
            moves: 3,
            deadline_days: 0,
            exception_days: 90,
            when_illegal: Strategy::Ask,
            confirm_by_mail: false,
            reboot: RebootRule::Needed,
            reboot_wait: TimeDelta::minutes(10),
            scope: Scope::All,
            exclude: Vec::new(),
            second_person: BTreeSet::from([Verb::Now, Verb::Override]),
            reason_for: BTreeSet::new(),
            checks: CheckLevels::default(),
            validation: ValidationRules::default(),
        }
    }
}

impl Policy {
    /// Who can say yes, to begin a sentence: `An owner or an operator`.
    #[must_use]
    pub fn who_approves(&self) -> String {
        if self.approvers.is_empty() {
            return "An owner or an operator".to_owned();
        }
        let names: Vec<&str> = self.approvers.iter().map(Address::as_str).collect();
        format!("{} or an operator", names.join(", "))
    }

    /// Whether servers of an environment go before the others of the group.
    #[must_use]
    pub fn is_canary(&self, environment: &str) -> bool {
        self.canaries.iter().any(|name| name.eq_ignore_ascii_case(environment.trim()))
    }

    /// The weekday on which the patch week begins.
    #[must_use]
    pub fn patch_weekday(&self) -> Weekday {
        self.patch_day.weekday().unwrap_or(Weekday::Thu)
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

    /// Everybody whom the rules of any group name to approve; some of them several times.
    pub fn approvers(&self) -> impl Iterator<Item = &Address> {
        std::iter::once(&self.default).chain(self.groups.values()).flat_map(|policy| &policy.approvers)
    }

    /// Tells each group which groups wait for it; to be called once all are known.
    #[must_use]
    pub fn knowing_each_other(mut self) -> Self {
        let waiting: Vec<(String, String, TimeDelta)> = self
            .groups
            .iter()
            .flat_map(|(name, policy)| {
                policy.after.iter().map(move |earlier| (earlier.clone(), name.clone(), policy.soak))
            })
            .collect();
        for (earlier, later, soak) in waiting {
            // A group without rules of its own that others wait for has the default's, and its own followers.
            let default = self.default.clone();
            self.groups.entry(earlier).or_insert(default).followers.push((later, soak));
        }
        self
    }
}
