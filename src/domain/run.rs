//! The run of a window as a state machine: each state says what to do next, each outcome says which state follows.
//!
//! A state is written to the database before its effect is carried out, and every effect can be carried out again:
//! the host starts a run's work once and reboots for it once, whoever asks how often. So after a crash the run goes
//! on from the state that was written.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::check::{CheckLevels, ValidationRules};
use super::facts::BootId;
use super::ids::{Revision, RunId, ServerId, WindowId};
use super::policy::{Policy, RebootRule, Scope};
use super::server::Server;
use super::window::{Plan, Window, WindowState};

/// The part of a run that something happened in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The checks right before the installation.
    Precheck,
    /// The installation of updates.
    Apply,
    /// The reboot.
    Reboot,
    /// The comparison with the facts from before.
    Validate,
}

impl Step {
    /// The step's name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Precheck => "precheck",
            Self::Apply => "apply",
            Self::Reboot => "reboot",
            Self::Validate => "validate",
        }
    }

    /// The step as people read it: `pre-check`, `installation`.
    #[must_use]
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Precheck => "pre-check",
            Self::Apply => "installation",
            Self::Reboot => "reboot",
            Self::Validate => "validation",
        }
    }
}

/// What became of the reboot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reboot {
    /// None was needed.
    NotNeeded,
    /// The host came back with another boot id.
    Done,
    /// One is needed, and the server's rule is never.
    LeftToOwner,
    /// One is needed, and it could not have ended inside the window.
    Withheld,
}

/// Where a run stands. What is written here is all that a restart needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RunState {
    /// Facts are taken and judged; nothing on the host has been touched.
    Prechecking,
    /// The host works, or will be asked to.
    Applying {
        /// When the bot first meant to start it.
        since: DateTime<Utc>,
        /// When the host was first seen to have taken the run on. A host that does not know it any more after that was put
        /// back to an older state, and is not asked again.
        #[serde(default)]
        taken_on: Option<DateTime<Utc>>,
    },
    /// The host will be, or was, asked to reboot.
    Rebooting {
        /// The boot id that has to change.
        boot_id: BootId,
        /// When the bot first meant to ask.
        since: DateTime<Utc>,
    },
    /// Facts are taken again and compared.
    Validating {
        /// What became of the reboot.
        reboot: Reboot,
    },
    /// The run ended well.
    Succeeded {
        /// What became of the reboot.
        reboot: Reboot,
    },
    /// The run ended badly, in a known state.
    Failed {
        /// Where.
        step: Step,
        /// Why, one sentence each.
        reasons: Vec<String>,
    },
    /// The run was never begun on the host: the window was over first.
    Missed {
        /// Why, in a sentence.
        reason: String,
    },
    /// The run stopped where only a person can tell what is right.
    NeedsHuman {
        /// Where.
        step: Step,
        /// Why, one sentence each.
        reasons: Vec<String>,
    },
}

impl RunState {
    /// The state's name in the database.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Prechecking => "prechecking",
            Self::Applying { .. } => "applying",
            Self::Rebooting { .. } => "rebooting",
            Self::Validating { .. } => "validating",
            Self::Succeeded { .. } => "succeeded",
            Self::Failed { .. } => "failed",
            Self::Missed { .. } => "missed",
            Self::NeedsHuman { .. } => "needs_human",
        }
    }

    /// The step that this state carries out; none when the run has ended.
    #[must_use]
    pub fn step(&self) -> Option<Step> {
        match self {
            Self::Prechecking => Some(Step::Precheck),
            Self::Applying { .. } => Some(Step::Apply),
            Self::Rebooting { .. } => Some(Step::Reboot),
            Self::Validating { .. } => Some(Step::Validate),
            Self::Succeeded { .. } | Self::Failed { .. } | Self::Missed { .. } | Self::NeedsHuman { .. } => {
                None
            }
        }
    }

    /// How a window stands whose run has ended so; nothing while it goes on.
    #[must_use]
    pub fn end(&self) -> Option<WindowState> {
        match self {
            Self::Succeeded { .. } => Some(WindowState::Completed),
            Self::Failed { step, reasons } => Some(WindowState::Failed { reason: headline(*step, reasons) }),
            Self::NeedsHuman { step, reasons } => {
                Some(WindowState::NeedsHuman { reason: headline(*step, reasons) })
            }
            Self::Missed { reason } => Some(WindowState::Missed { reason: reason.clone() }),
            Self::Prechecking | Self::Applying { .. } | Self::Rebooting { .. } | Self::Validating { .. } => {
                None
            }
        }
    }

    fn failed(step: Step, reason: impl Into<String>) -> Self {
        Self::Failed { step, reasons: vec![reason.into()] }
    }

    fn needs_human(step: Step, reason: impl Into<String>) -> Self {
        Self::NeedsHuman { step, reasons: vec![reason.into()] }
    }
}

/// A run's end in a phrase: the step, and the first of its reasons.
#[must_use]
pub fn headline(step: Step, reasons: &[String]) -> String {
    match reasons.first() {
        Some(reason) => format!("{} ({})", step.phrase(), reason.trim_end_matches('.')),
        None => step.phrase().to_owned(),
    }
}

/// The plan and the rules as they were when the run began; later edits do not reach a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunPlan {
    /// The run.
    pub run: RunId,
    /// Its window.
    pub window: WindowId,
    /// The revision that was approved.
    pub revision: Revision,
    /// The server.
    pub server: ServerId,
    /// The server's name.
    pub server_name: String,
    /// The window's start.
    pub starts_at: DateTime<Utc>,
    /// The window's end.
    pub ends_at: DateTime<Utc>,
    /// Which updates.
    pub scope: Scope,
    /// Packages that are not touched.
    pub exclude: Vec<String>,
    /// Whether to reboot.
    pub reboot: RebootRule,
    /// How long a reboot may take, in seconds.
    pub reboot_wait_seconds: i64,
    /// What the pre-checks' findings mean.
    pub checks: CheckLevels,
    /// What each difference after the run means.
    pub validation: ValidationRules,
    /// The names of the pre-checks that may block and do not end this run, as [`super::check::Finding::name`] has them: two
    /// people, or as many as the rules ask for, have agreed to exactly these.
    #[serde(default)]
    pub passes: Vec<String>,
}

impl RunPlan {
    /// The plan of a window's run under the rules as they are now.
    #[must_use]
    pub fn of(
        run: RunId,
        window: &Window,
        plan: &Plan,
        server: &Server,
        policy: &Policy,
        passes: Vec<String>,
    ) -> Self {
        Self {
            run,
            window: window.id,
            revision: window.revision,
            server: server.id,
            server_name: server.name.clone(),
            starts_at: plan.starts_at,
            ends_at: plan.ends_at,
            scope: policy.scope.clone(),
            exclude: policy.exclude.clone(),
            reboot: server.reboot.unwrap_or(policy.reboot),
            reboot_wait_seconds: policy.reboot_wait.num_seconds(),
            checks: policy.checks.clone(),
            validation: policy.validation.clone(),
            passes,
        }
    }

    /// The last moment at which a reboot may be asked for, so that the host is back before the window ends.
    #[must_use]
    pub fn last_reboot(&self) -> DateTime<Utc> {
        self.ends_at.checked_sub_signed(self.reboot_wait()).unwrap_or(self.ends_at)
    }

    /// The last moment at which the installation may begin: a reboot after it must still fit into the window.
    #[must_use]
    pub fn last_begin(&self) -> DateTime<Utc> {
        match self.reboot {
            RebootRule::Never => self.ends_at,
            RebootRule::Always | RebootRule::Needed => self.last_reboot(),
        }
    }

    /// How long a reboot may take.
    #[must_use]
    pub fn reboot_wait(&self) -> TimeDelta {
        TimeDelta::seconds(self.reboot_wait_seconds)
    }

    /// Until when the host is waited for: work that has begun may end after the window, but not be forgotten.
    #[must_use]
    pub fn patience_ends(&self) -> DateTime<Utc> {
        let length = self.ends_at.signed_duration_since(self.starts_at);
        self.ends_at.checked_add_signed(length).unwrap_or(self.ends_at)
    }
}

/// What came of a state's effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The checks are made; each reason blocks the run.
    Prechecked {
        /// Findings that block, one sentence each.
        blocking: Vec<String>,
    },
    /// The host has done the work.
    Applied {
        /// What went wrong, one sentence each; empty when all went well.
        problems: Vec<String>,
        /// Whether the host now says that it needs a reboot.
        reboot_needed: bool,
        /// The boot id it has now.
        boot_id: BootId,
    },
    /// The host was asked after the window's end and started nothing.
    NotApplied {
        /// Why, in a sentence.
        reason: String,
    },
    /// The host began and was cut off in the middle.
    Interrupted {
        /// What is known, one sentence each.
        reasons: Vec<String>,
    },
    /// The host has another boot id.
    Rebooted {
        /// What went wrong afterwards, in a sentence.
        problem: Option<String>,
    },
    /// The host was asked to reboot too late, and did not.
    NotRebooted,
    /// Facts were compared; each problem fails the validation.
    Validated {
        /// Findings that matter, one sentence each.
        problems: Vec<String>,
    },
    /// The host could not be reached, or did not finish, as long as patience lasted.
    GaveUp {
        /// What is known, in a sentence.
        reason: String,
    },
}

/// The state that follows; `None` when the outcome does not belong to the state, which is an error of the program.
#[must_use]
pub fn next(state: &RunState, outcome: Outcome, plan: &RunPlan, now: DateTime<Utc>) -> Option<RunState> {
    match (state, outcome) {
        (RunState::Prechecking, Outcome::Prechecked { blocking }) if blocking.is_empty() => {
            Some(if now < plan.last_begin() {
                RunState::Applying { since: now, taken_on: None }
            } else {
                RunState::Missed {
                    reason: "the window was over, or nearly, before the pre-checks were done".to_owned(),
                }
            })
        }
        (RunState::Prechecking, Outcome::Prechecked { blocking }) => {
            Some(RunState::Failed { step: Step::Precheck, reasons: blocking })
        }
        (RunState::Prechecking, Outcome::GaveUp { reason }) => Some(RunState::failed(Step::Precheck, reason)),

        (RunState::Applying { .. }, Outcome::Applied { problems, .. }) if !problems.is_empty() => {
            Some(RunState::Failed { step: Step::Apply, reasons: problems })
        }
        (RunState::Applying { .. }, Outcome::Applied { reboot_needed, boot_id, .. }) => {
            Some(after_apply(plan, reboot_needed, boot_id, now))
        }
        (RunState::Applying { .. }, Outcome::NotApplied { reason }) => Some(RunState::Missed { reason }),
        (RunState::Applying { .. }, Outcome::Interrupted { reasons }) => {
            Some(RunState::NeedsHuman { step: Step::Apply, reasons })
        }
        (RunState::Applying { .. }, Outcome::GaveUp { reason }) => {
            Some(RunState::needs_human(Step::Apply, reason))
        }

        (RunState::Rebooting { .. }, Outcome::Rebooted { problem: None }) => {
            Some(RunState::Validating { reboot: Reboot::Done })
        }
        (RunState::Rebooting { .. }, Outcome::Rebooted { problem: Some(problem) }) => {
            Some(RunState::failed(Step::Reboot, problem))
        }
        (RunState::Rebooting { .. }, Outcome::NotRebooted) => {
            Some(RunState::Validating { reboot: Reboot::Withheld })
        }
        (RunState::Rebooting { .. }, Outcome::GaveUp { reason }) => {
            Some(RunState::needs_human(Step::Reboot, reason))
        }

        (RunState::Validating { .. }, Outcome::Validated { problems }) if !problems.is_empty() => {
            Some(RunState::Failed { step: Step::Validate, reasons: problems })
        }
        (RunState::Validating { reboot: Reboot::Withheld }, Outcome::Validated { .. }) => {
            Some(RunState::needs_human(
                Step::Reboot,
                "The updates are installed and a reboot is due, but it could not have ended inside the window, so it was not made.",
            ))
        }
        (RunState::Validating { reboot }, Outcome::Validated { .. }) => {
            Some(RunState::Succeeded { reboot: reboot.clone() })
        }
        (RunState::Validating { .. }, Outcome::GaveUp { reason }) => {
            Some(RunState::needs_human(Step::Validate, reason))
        }
        _ => None,
    }
}

/// The state that follows when somebody ordered the run to begin nothing more: what has ended stays, and nothing new
/// is begun. `done` is the step that has just ended, `order` the sentence that tells who ordered it and why.
#[must_use]
pub fn stopped(after: RunState, done: Step, order: &str) -> RunState {
    let Some(begun_no_more) = after.step() else { return after };
    match done {
        Step::Precheck => RunState::Failed { step: done, reasons: vec![order.to_owned()] },
        Step::Apply | Step::Reboot | Step::Validate => RunState::NeedsHuman {
            step: done,
            reasons: vec![order.to_owned(), format!("The {} was not begun.", begun_no_more.phrase())],
        },
    }
}

fn after_apply(plan: &RunPlan, reboot_needed: bool, boot_id: BootId, now: DateTime<Utc>) -> RunState {
    let reboot = match (plan.reboot, reboot_needed) {
        (RebootRule::Never, true) => Reboot::LeftToOwner,
        (RebootRule::Never | RebootRule::Needed, false) => Reboot::NotNeeded,
        (RebootRule::Always, _) | (RebootRule::Needed, true) if now <= plan.last_reboot() => {
            return RunState::Rebooting { boot_id, since: now };
        }
        (RebootRule::Always, _) | (RebootRule::Needed, true) => Reboot::Withheld,
    };
    RunState::Validating { reboot }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn plan(reboot: RebootRule) -> RunPlan {
        RunPlan {
            run: RunId(Uuid::from_u128(1)),
            window: WindowId(Uuid::from_u128(2)),
            revision: Revision::FIRST,
            server: ServerId(Uuid::from_u128(3)),
            server_name: "web01".to_owned(),
            starts_at: utc("2026-12-03T19:00:00Z"),
            ends_at: utc("2026-12-03T21:00:00Z"),
            scope: Scope::All,
            exclude: Vec::new(),
            reboot,
            reboot_wait_seconds: 600,
            checks: CheckLevels::default(),
            validation: ValidationRules::default(),
            passes: Vec::new(),
        }
    }

    fn applied(reboot_needed: bool) -> Outcome {
        Outcome::Applied { problems: Vec::new(), reboot_needed, boot_id: BootId(Uuid::from_u128(7)) }
    }

    fn applying() -> RunState {
        RunState::Applying { since: utc("2026-12-03T19:01:00Z"), taken_on: None }
    }

    #[test]
    fn a_blocking_finding_ends_the_run_before_anything_is_touched() {
        let blocking = vec!["/var is 96 % full, 85 % are allowed.".to_owned()];
        let end = next(
            &RunState::Prechecking,
            Outcome::Prechecked { blocking: blocking.clone() },
            &plan(RebootRule::Needed),
            utc("2026-12-03T19:01:00Z"),
        );
        assert_eq!(end, Some(RunState::Failed { step: Step::Precheck, reasons: blocking }));
    }

    #[test]
    fn a_stopped_run_begins_nothing_more_and_says_what_it_left_out() {
        let order = "Olga stopped the run because \"the cluster lost its quorum\".";
        let reboot =
            RunState::Rebooting { boot_id: BootId(Uuid::from_u128(7)), since: utc("2026-12-03T19:30:00Z") };
        let RunState::NeedsHuman { step, reasons } = stopped(reboot, Step::Apply, order) else { panic!() };
        assert_eq!((step, reasons.join(" ")), (Step::Apply, format!("{order} The reboot was not begun.")));
        assert!(matches!(stopped(applying(), Step::Precheck, order), RunState::Failed { .. }));
        let end = RunState::Succeeded { reboot: Reboot::Done };
        assert_eq!(stopped(end.clone(), Step::Validate, order), end, "what has ended is not ended again");
    }

    #[test]
    fn the_rule_decides_about_the_reboot() {
        let now = utc("2026-12-03T19:20:00Z");
        let after = |rule, needed| next(&applying(), applied(needed), &plan(rule), now).unwrap();
        assert!(matches!(after(RebootRule::Always, false), RunState::Rebooting { .. }));
        assert!(matches!(after(RebootRule::Needed, true), RunState::Rebooting { .. }));
        assert_eq!(after(RebootRule::Needed, false), RunState::Validating { reboot: Reboot::NotNeeded });
        assert_eq!(after(RebootRule::Never, true), RunState::Validating { reboot: Reboot::LeftToOwner });
    }

    #[test]
    fn a_reboot_that_could_not_end_inside_the_window_is_withheld_and_told() {
        let late = utc("2026-12-03T20:55:00Z");
        let state = next(&applying(), applied(true), &plan(RebootRule::Needed), late).unwrap();
        assert_eq!(state, RunState::Validating { reboot: Reboot::Withheld });
        let end = next(&state, Outcome::Validated { problems: Vec::new() }, &plan(RebootRule::Needed), late)
            .unwrap();
        assert!(matches!(end, RunState::NeedsHuman { step: Step::Reboot, .. }));
    }

    #[test]
    fn after_the_window_nothing_begins() {
        let late = utc("2026-12-03T21:00:00Z");
        let end = next(
            &RunState::Prechecking,
            Outcome::Prechecked { blocking: Vec::new() },
            &plan(RebootRule::Needed),
            late,
        );
        assert!(matches!(end, Some(RunState::Missed { .. })));
    }

    proptest! {
        #[test]
        fn a_reboot_is_never_begun_later_than_it_can_end(minutes in 0..300_i64, needed in any::<bool>(), rule in 0..3_usize) {
            let rule = [RebootRule::Always, RebootRule::Needed, RebootRule::Never][rule];
            let plan = plan(rule);
            let now = plan.starts_at + TimeDelta::minutes(minutes);
            if let Some(RunState::Rebooting { .. }) = next(&applying(), applied(needed), &plan, now) {
                prop_assert!(now + plan.reboot_wait() <= plan.ends_at);
            }
        }
    }
}
