//! The host groups' rules as they stand in the configuration: a group inherits what it does not say.

use std::time::Duration;

use chrono::{NaiveTime, TimeDelta, Weekday};
use serde::Deserialize;

use super::Time;
use super::section::section;
use crate::domain::check::{CheckLevels, ValidationRules};
use crate::domain::policy::{Policy, RebootRule, Scope, Silence, SlotHours};

/// A time of day, `20:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TimeOfDay(pub NaiveTime);

impl TryFrom<String> for TimeOfDay {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        NaiveTime::parse_from_str(&text, "%H:%M")
            .map(Self)
            .map_err(|_| format!("\"{text}\" is not a time of day; write it as 20:00"))
    }
}

section! {
    /// The rules for all servers. A table [groups.NAME] with the same keys holds for one host group; what it does not
    /// say, it has from here.
    pub struct PolicySection in "policy" {
        /// The weekday of proposed windows, in each server's zone.
        patch_day: Weekday = Weekday::Thu, "\"Thu\"";
        /// The first proposed time of day.
        first_slot: TimeOfDay = TimeOfDay(NaiveTime::from_hms_opt(20, 0, 0).unwrap_or(NaiveTime::MIN)), "\"20:00\"";
        /// How many proposed times follow each other.
        slots: u32 = 8, "8";
        /// Minutes from one to the next.
        slot_minutes: u32 = 30, "30";
        /// How many servers may start in one hour, all groups together.
        per_slot_hour: u32 = 5, "5";
        /// How long a window lasts: nothing begins and no reboot is asked for that could end after it.
        window: Time = Duration::from_secs(2 * 3600).into(), "\"2h\"";
        /// How late a start may be before the window counts as missed.
        start_grace: Time = Duration::from_secs(15 * 60).into(), "\"15m\"";
        /// From this weekday …
        freeze_from: Weekday = Weekday::Thu, "\"Thu\"";
        /// … to this one owners cannot change windows before the coming patch day.
        freeze_to: Weekday = Weekday::Tue, "\"Tue\"";
        /// So long before the start the schedule is locked.
        lock_before: Time = Duration::from_secs(3 * 3600).into(), "\"3h\"";
        /// So long before the start the pre-checks are made.
        precheck_before: Time = Duration::from_secs(5 * 3600).into(), "\"5h\"";
        /// So long before the start owners are reminded.
        reminder_before: Time = Duration::from_secs(24 * 3600).into(), "\"24h\"";
        /// So long after a decision who took it can undo it; later, undoing is a request to the operators.
        undo_for: Time = Duration::from_secs(30 * 60).into(), "\"30m\"";
        /// How many days owners have to answer the monthly notice.
        answer_days: u32 = 14, "14";
        /// What happens without an answer: "hold" (nothing is patched) or "approve".
        silence: Silence = Silence::Hold, "\"hold\"";
        /// Whether to reboot: "needed", "always" or "never"; the inventory can say otherwise for a server.
        reboot: RebootRule = RebootRule::Needed, "\"needed\"";
        /// How long a reboot may take.
        reboot_wait: Time = Duration::from_secs(600).into(), "\"10m\"";
        /// Which updates: "all", "security", or { packages = ["openssl"] }.
        scope: Scope = Scope::All, "\"all\"";
        /// Packages that are never touched.
        exclude: Vec<String> = Vec::new(), "[]";
        /// What each pre-check's finding means: "block", "warn" or "off".
        checks: CheckLevels = CheckLevels::default(), "# { disk = \"block\", critical_services = [\"nginx\"] }";
        /// What each difference after a run means.
        validation: ValidationRules = ValidationRules::default(), "# { ports = \"warn\" }";
    }
}

/// Rules that contradict themselves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadPolicy(String);

impl PolicySection {
    /// The rules, when they are consistent.
    ///
    /// # Errors
    /// A sentence that names the two keys that contradict each other.
    pub fn policy(&self) -> Result<Policy, BadPolicy> {
        let policy = Policy {
            patch_day: self.patch_day,
            slots: SlotHours { from: self.first_slot.0, count: self.slots, minutes: self.slot_minutes },
            per_slot_hour: self.per_slot_hour,
            window_length: delta(self.window),
            start_grace: delta(self.start_grace),
            freeze_from: self.freeze_from,
            freeze_to: self.freeze_to,
            lock_before: delta(self.lock_before),
            precheck_before: delta(self.precheck_before),
            reminder_before: delta(self.reminder_before),
            undo_for: delta(self.undo_for),
            answer_days: self.answer_days,
            silence: self.silence,
            reboot: self.reboot,
            reboot_wait: delta(self.reboot_wait),
            scope: self.scope.clone(),
            exclude: self.exclude.clone(),
            checks: self.checks.clone(),
            validation: self.validation.clone(),
        };
        let wrong = |text: &str| Err(BadPolicy(text.to_owned()));
        if policy.precheck_before < policy.lock_before {
            return wrong(
                "precheck_before is shorter than lock_before: the pre-checks must come before the lock, so that an owner can still act on them",
            );
        }
        if policy.reminder_before < policy.precheck_before {
            return wrong(
                "reminder_before is shorter than precheck_before: remind owners before the pre-checks",
            );
        }
        if policy.window_length <= policy.reboot_wait {
            return wrong(
                "window is not longer than reboot_wait: no reboot could ever end inside it; lengthen window",
            );
        }
        if policy.start_grace >= policy.window_length {
            return wrong(
                "start_grace is as long as window: a run could start when its window is over; shorten start_grace",
            );
        }
        if self.slots == 0 || self.slot_minutes == 0 {
            return wrong("slots and slot_minutes must be at least 1");
        }
        if self.slots.saturating_mul(self.slot_minutes) > 24 * 60 {
            return wrong("the slots of one evening are longer than a day; lower slots or slot_minutes");
        }
        if self.per_slot_hour == 0 {
            return wrong("per_slot_hour is 0: no server could ever be planned; use at least 1");
        }
        Ok(policy)
    }
}

fn delta(time: Time) -> TimeDelta {
    TimeDelta::from_std(*time).unwrap_or(TimeDelta::MAX)
}
