//! The host groups' rules as they stand in the configuration: a group inherits what it does not say.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Weekday};
use serde::Deserialize;

use super::Time;
use super::calendar;
use super::section::section;
use crate::domain::blackout::Blackout;
use crate::domain::check::{CheckLevels, ValidationRules};
use crate::domain::days::{Days, Hours};
use crate::domain::person::Address;
use crate::domain::policy::{Policy, Reasoned, RebootRule, Scope, Silence, SlotHours, Strategy};
use crate::domain::request::Verb;

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

/// The days of a rule, `Thu` or `2nd Tue +9`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct DaysRule(pub Days);

impl TryFrom<String> for DaysRule {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error: crate::domain::days::NoDays| error.to_string())
    }
}

/// The hours of a rule, `Thu 20:00-24:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HoursRule(pub Hours);

impl TryFrom<String> for HoursRule {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error: crate::domain::days::NoHours| error.to_string())
    }
}

/// A date, or a date and a time of day: `2026-12-24`, `2026-12-24 18:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Moment {
    /// The whole day.
    Day(NaiveDate),
    /// The minute.
    Minute(NaiveDateTime),
}

impl TryFrom<String> for Moment {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let day = NaiveDate::parse_from_str(&text, "%Y-%m-%d").map(Self::Day);
        day.or_else(|_| NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M").map(Self::Minute))
            .map_err(|_| format!("\"{text}\" is no date; write it as 2026-12-24 or 2026-12-24 18:00"))
    }
}

impl Moment {
    /// When it begins.
    fn begin(self) -> NaiveDateTime {
        match self {
            Self::Day(day) => day.and_time(NaiveTime::MIN),
            Self::Minute(minute) => minute,
        }
    }

    /// When it is over: a day at its end, a minute at once.
    fn end(self) -> NaiveDateTime {
        match self {
            Self::Day(day) => day.succ_opt().unwrap_or(day).and_time(NaiveTime::MIN),
            Self::Minute(minute) => minute,
        }
    }
}

/// A blackout as it is written: one day, from a day to a day, or a calendar file.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub struct WrittenBlackout {
    /// One day.
    pub on: Option<Moment>,
    /// The first day or moment.
    pub from: Option<Moment>,
    /// The last day, or the moment of its end.
    pub to: Option<Moment>,
    /// An iCalendar file; each of its events is a blackout.
    pub calendar: Option<std::path::PathBuf>,
    /// What it is called.
    pub reason: Option<String>,
}

impl WrittenBlackout {
    fn read(&self) -> Result<Vec<Blackout>, BadPolicy> {
        let wrong = |text: &str| BadPolicy(format!("blackouts: {text}"));
        let name = || self.reason.clone().unwrap_or_else(|| "a blackout".to_owned());
        let span = |from: Moment, to: Moment| {
            let (from, to) = (from.begin(), to.end());
            if from >= to {
                return Err(wrong(&format!("{to} is not after {from}; give the later one as to")));
            }
            Ok(vec![Blackout::new(name(), vec![(from, to)], Vec::new())])
        };
        match (self.on, self.from, self.to, &self.calendar) {
            (Some(day), None, None, None) => span(day, day),
            (None, Some(from), Some(to), None) => span(from, to),
            (None, None, None, Some(path)) => {
                calendar::read(path, self.reason.as_deref()).map_err(|error| wrong(&error.to_string()))
            }
            _ => Err(wrong(
                "write { on = \"2026-12-24\" }, { from = \"2026-12-20\", to = \"2027-01-06\" } or { calendar = \"/etc/patching/holidays.ics\" }, each with a reason if you like",
            )),
        }
    }
}

section! {
    /// The rules for all servers. A table [groups.NAME] with the same keys holds for one host group; what it does not
    /// say, it has from here.
    pub struct PolicySection in "policy" {
        /// The days of proposed windows, in each server's zone: "Thu", "2nd Tue", "last Fri", "2nd Tue +9" (nine days
        /// after the second Tuesday of the month) or "daily".
        patch_day: DaysRule = DaysRule(Days::Weekly(Weekday::Thu)), "\"Thu\"";
        /// The first proposed time of day.
        first_slot: TimeOfDay = TimeOfDay(NaiveTime::from_hms_opt(20, 0, 0).unwrap_or(NaiveTime::MIN)), "\"20:00\"";
        /// How many proposed times follow each other.
        slots: u32 = 8, "8";
        /// Minutes from one to the next.
        slot_minutes: u32 = 30, "30";
        /// When windows may be, also over midnight: ["Thu 20:00-24:00", "Sat 22:00-04:00", "2nd Tue +2 20:00-02:00"].
        /// Without any, whenever. A window ends when its hours end.
        allowed: Vec<HoursRule> = Vec::new(), "[]";
        /// So long before the end of the allowed hours nothing starts any more.
        cutoff: Time = Duration::ZERO.into(), "\"0s\"";
        /// When nothing runs: { on = "2026-12-24" }, { from = "2026-12-20", to = "2027-01-06", reason = "year-end close" },
        /// { calendar = "/etc/patching/holidays.ics" }. Those of a group come on top of these.
        blackouts: Vec<WrittenBlackout> = Vec::new(), "[]";
        /// Proposed starts are spread over so much time behind their slot.
        spread: Time = Duration::ZERO.into(), "\"0s\"";
        /// How many servers may start at the same time, all groups together; no limit when it is left out.
        per_slot: Option<u32> = None, "# 2";
        /// How many servers may start in one hour, all groups together.
        per_slot_hour: u32 = 5, "5";
        /// How many of a host group may be patched at the same time; no limit when it is left out.
        max_concurrent: Option<u32> = None, "# 1";
        /// Whether the group keeps apart from other critical groups …
        critical: bool = false, "false";
        /// … by so much time from start to start.
        gap: Time = Duration::from_secs(3600).into(), "\"1h\"";
        /// Groups with a higher priority choose their times first.
        priority: i64 = 0, "0";
        /// The roles inside a service (the inventory's columns service and role), in the order in which they are patched.
        role_order: Vec<String> = ["standby", "replica", "primary"].map(str::to_owned).to_vec(), "[\"standby\", \"replica\", \"primary\"]";
        /// How many members of a service must be healthy at any time; failed ones and ones that wait for a reboot do not
        /// count. 0 for no rule.
        quorum: u32 = 0, "0";
        /// The environments whose servers go before the others of their group.
        canaries: Vec<String> = vec!["canary".to_owned()], "[\"canary\"]";
        /// Host groups that go before this one.
        after: Vec<String> = Vec::new(), "[]";
        /// How long canaries and groups that go before are watched until the others follow.
        soak: Time = Duration::from_secs(72 * 3600).into(), "\"3d\"";
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
        /// So long before the start the pre-checks are made for trial, each time once; notices and "why" tell what they found.
        rehearsals: Vec<Time> = [30, 7, 1].map(|days| Duration::from_secs(days * 24 * 3600).into()).to_vec(), "[\"30d\", \"7d\", \"1d\"]";
        /// A server rehearses up to so much earlier, each at a minute of its own, so that they are not all asked at once.
        rehearsal_spread: Time = Duration::from_secs(4 * 3600).into(), "\"4h\"";
        /// So long before the start owners are reminded, each time once.
        reminders: Vec<Time> = vec![Duration::from_secs(24 * 3600).into()], "[\"24h\"]";
        /// So long after a decision who took it can undo it; later, undoing is a request to the operators.
        undo_for: Time = Duration::from_secs(30 * 60).into(), "\"30m\"";
        /// How many days owners have to answer the monthly notice.
        answer_days: u32 = 14, "14";
        /// What happens without an answer: "hold" (nothing is patched), "approve", "slip" (a week on, then asked again) or
        /// "escalate" (the second owner is asked, then the operators). Silence is no yes where
        /// no notice about the time has left, or a mail that says it is from somebody who may decide was not heard: the
        /// operators are told instead.
        silence: Silence = Silence::Hold, "\"hold\"";
        /// How long the second owner, and then the operators, have to answer when silence escalates.
        escalate_for: Time = Duration::from_secs(24 * 3600).into(), "\"24h\"";
        /// How many people must approve: 2 for the two-person rule.
        approvals: u32 = 1, "1";
        /// Who may approve besides operators, by mail address: owners, or people who own nothing and are asked to say yes
        /// or no. All owners when it is empty.
        approvers: Vec<Address> = Vec::new(), "[]";
        /// How often owners may move a window.
        moves: u32 = 3, "3";
        /// So many days before the quarter's end owners cannot put a window off any more.
        deadline_days: u32 = 0, "0";
        /// How many days a window may be put off beyond its quarter, as an exception that an operator grants.
        exception_days: u32 = 90, "90";
        /// What happens to a window that a changed rule, zone, blackout or owner has made illegal: "ask" (the owner
        /// chooses), "nearest", "next" or "cancel".
        when_illegal: Strategy = Strategy::Ask, "\"ask\"";
        /// Whether an approval or another time by mail is asked to be confirmed by a second mail before it counts.
        confirm_by_mail: bool = false, "false";
        /// Whether to reboot: "needed", "always" or "never"; the inventory can say otherwise for a server.
        reboot: RebootRule = RebootRule::Needed, "\"needed\"";
        /// How long a reboot may take.
        reboot_wait: Time = Duration::from_secs(600).into(), "\"10m\"";
        /// Which updates: "all", "security", or { packages = ["openssl"] }.
        scope: Scope = Scope::All, "\"all\"";
        /// Packages that are never touched.
        exclude: Vec<String> = Vec::new(), "[]";
        /// What only happens when a second person agrees: "now", "override", "abort", "skip", "retry".
        second_person: BTreeSet<Verb> = BTreeSet::from([Verb::Now, Verb::Override]), "[\"now\", \"override\"]";
        /// Owners' decisions that need a reason: "decline", "move".
        reason_for: BTreeSet<Reasoned> = BTreeSet::new(), "[]";
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
    fn blackouts(&self) -> Result<Vec<Blackout>, BadPolicy> {
        let mut all = Vec::new();
        for written in &self.blackouts {
            all.extend(written.read()?);
        }
        Ok(all)
    }

    /// The rules, when they are consistent.
    ///
    /// # Errors
    /// A sentence that names the two keys that contradict each other.
    pub fn policy(&self) -> Result<Policy, BadPolicy> {
        let policy = Policy {
            patch_day: self.patch_day.0,
            slots: SlotHours { from: self.first_slot.0, count: self.slots, minutes: self.slot_minutes },
            allowed: self.allowed.iter().map(|hours| hours.0).collect(),
            cutoff: delta(self.cutoff),
            blackouts: self.blackouts()?.into(),
            spread: delta(self.spread),
            per_slot: self.per_slot,
            per_slot_hour: self.per_slot_hour,
            max_concurrent: self.max_concurrent,
            critical: self.critical,
            gap: delta(self.gap),
            priority: self.priority,
            role_order: self.role_order.clone(),
            quorum: self.quorum,
            canaries: self.canaries.clone(),
            after: self.after.iter().map(|group| group.trim().to_lowercase()).collect(),
            soak: delta(self.soak),
            followers: Vec::new(),
            window_length: delta(self.window),
            start_grace: delta(self.start_grace),
            freeze_from: self.freeze_from,
            freeze_to: self.freeze_to,
            lock_before: delta(self.lock_before),
            precheck_before: delta(self.precheck_before),
            rehearsals: self.rehearsals.iter().map(|time| delta(*time)).collect(),
            rehearsal_spread: delta(self.rehearsal_spread),
            reminders: self.reminders.iter().map(|time| delta(*time)).collect(),
            undo_for: delta(self.undo_for),
            answer_days: self.answer_days,
            silence: self.silence,
            escalate_for: delta(self.escalate_for),
            approvals: self.approvals,
            approvers: self.approvers.clone(),
            moves: self.moves,
            deadline_days: self.deadline_days,
            exception_days: self.exception_days,
            when_illegal: self.when_illegal,
            confirm_by_mail: self.confirm_by_mail,
            reboot: self.reboot,
            reboot_wait: delta(self.reboot_wait),
            scope: self.scope.clone(),
            exclude: self.exclude.clone(),
            second_person: self.second_person.clone(),
            reason_for: self.reason_for.clone(),
            checks: self.checks.clone(),
            validation: self.validation.clone(),
        };
        self.check(&policy)?;
        Ok(policy)
    }

    fn check(&self, policy: &Policy) -> Result<(), BadPolicy> {
        let wrong = |text: &str| Err(BadPolicy(text.to_owned()));
        if policy.precheck_before < policy.lock_before {
            return wrong(
                "precheck_before is shorter than lock_before: the pre-checks must come before the lock, so that an owner can still act on them",
            );
        }
        if policy.reminders.iter().any(|time| *time < policy.precheck_before) {
            return wrong("reminders are shorter than precheck_before: remind owners before the pre-checks");
        }
        if policy.rehearsals.iter().any(|time| *time <= policy.precheck_before) {
            return wrong(
                "rehearsals are not longer than precheck_before: rehearse before the pre-checks, or leave rehearsals empty",
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
        if self.per_slot == Some(0) || self.max_concurrent == Some(0) {
            return wrong("per_slot or max_concurrent is 0: no server could ever be planned; use at least 1");
        }
        if self.approvals == 0 {
            return wrong(
                "approvals is 0: somebody must approve; use silence = \"approve\" where nobody has to",
            );
        }
        if self.approvals > 1 && policy.silence == Silence::Approve {
            return wrong(
                "approvals is more than 1 and silence is \"approve\": silence is no second person; use hold, slip or escalate",
            );
        }
        if !policy.approvers.is_empty()
            && usize::try_from(self.approvals)
                .is_ok_and(|needed| needed > policy.approvers.len().saturating_add(1))
        {
            return wrong(
                "approvals is more than the approvers and one operator: nobody could ever complete it; name more approvers",
            );
        }
        if self.per_slot_hour == 0 {
            return wrong("per_slot_hour is 0: no server could ever be planned; use at least 1");
        }
        Ok(())
    }
}

fn delta(time: Time) -> TimeDelta {
    TimeDelta::from_std(*time).unwrap_or(TimeDelta::MAX)
}
