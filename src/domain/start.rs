//! What stands against a start when its moment has come: it is not approved, too late, against the rules as they are then,
//! or before what goes first was patched.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::bounds::Bounds;
use super::exception::day_name;
use super::occupancy::Place;
use super::policy::Policy;
use super::rule::Broken;
use super::window::{Plan, Window};

/// How long a start waits that something stands against which can pass.
const AGAIN: TimeDelta = TimeDelta::minutes(1);

/// What stands against a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Against {
    /// What, as a phrase.
    pub why: String,
    /// The rule's key, when it is one.
    pub rule: Option<&'static str>,
    /// Whether it can pass in a minute; else it holds for this window.
    pub passes: bool,
}

/// What becomes of a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// It is made.
    Start,
    /// It waits until then.
    Wait(DateTime<Utc>, Against),
    /// The window was missed.
    Missed(Against),
}

impl Against {
    fn broken(broken: &Broken, passes: bool) -> Self {
        let rule = broken.rule();
        let why = format!("{} (rule {rule})", broken.to_string().trim_end_matches('.'));
        Self { why, rule: Some(rule), passes }
    }

    /// Its server is put off by a window of another quarter.
    #[must_use]
    pub fn put_off(until: NaiveDate) -> Self {
        Self { why: format!("it is put off until {}", day_name(until)), rule: None, passes: false }
    }

    /// What goes first is not done.
    #[must_use]
    pub fn waits_for_first(why: &str) -> Self {
        Self { why: format!("{why} (rule soak)"), rule: Some("soak"), passes: false }
    }
}

/// What the window itself says against its start, whatever else is: no approval, or too much time that has passed.
#[must_use]
pub fn unready(window: &Window, plan: &Plan, policy: &Policy, now: DateTime<Utc>) -> Option<Against> {
    if window.approval().is_none() {
        let why = "nobody approved it in time".to_owned();
        return Some(Against { why, rule: None, passes: false });
    }
    if now <= latest(plan, policy) {
        return None;
    }
    let minutes = now.signed_duration_since(plan.starts_at).num_minutes();
    let why = format!(
        "it could not be started in time: {minutes} minutes had passed, {} are allowed",
        policy.start_grace.num_minutes()
    );
    Some(Against { why, rule: Some("start_grace"), passes: false })
}

fn latest(plan: &Plan, policy: &Policy) -> DateTime<Utc> {
    plan.starts_at.checked_add_signed(policy.start_grace).unwrap_or(plan.starts_at)
}

/// What the rules say against a start at this moment: they can have changed since it was approved, and a service can have
/// lost members.
#[must_use]
pub fn forbidden(window: &Window, plan: &Plan, bounds: &Bounds<'_>) -> Option<Against> {
    if let Err(broken) = bounds.quorum_now() {
        return Some(Against::broken(&broken, true));
    }
    // A start within its grace is as legal as the minute it was planned for.
    let hours = bounds.by_hours(plan.starts_at).err().filter(|_| window.crossed_by.is_none());
    hours.map(|broken| Against::broken(&broken, false))
}

/// What becomes of a start. What can pass in a minute is waited for, as long as the start may be late.
#[must_use]
pub fn opening(against: Option<Against>, plan: &Plan, policy: &Policy, now: DateTime<Utc>) -> Opening {
    let again = now.checked_add_signed(AGAIN).unwrap_or(now);
    match against {
        None => Opening::Start,
        Some(against) if against.passes && again <= latest(plan, policy) => Opening::Wait(again, against),
        Some(against) => Opening::Missed(against),
    }
}

/// Whom a window waits for: all of a host group, or those of it that are in one environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct First {
    /// The host group, folded.
    pub group: String,
    /// The environment of its canaries.
    pub environment: Option<String>,
}

impl First {
    /// Everybody whom a server's window waits for.
    #[must_use]
    pub fn before(window: &Window, place: &Place, policy: &Policy) -> Vec<Self> {
        if window.crossed_by.is_some() || window.state.is_settled() {
            return Vec::new();
        }
        let group = place.group.clone();
        let canaries = policy.canaries.iter().filter(|_| !place.canary);
        let canaries = canaries.map(|name| Self { group: group.clone(), environment: Some(name.clone()) });
        let earlier = policy.after.iter().map(|group| Self { group: group.clone(), environment: None });
        canaries.chain(earlier).collect()
    }

    /// What of them is not patched yet, in a phrase: nothing follows them before they have shown that it works.
    #[must_use]
    pub fn not_done(&self, standing: &[Standing<'_>], now: DateTime<Utc>) -> Option<String> {
        let named = |wanted: &str| standing.iter().find(|row| row.state == wanted);
        for (state, word) in
            [("failed", "failed"), ("needs_human", "waits for a person"), ("running", "is being patched now")]
        {
            if let Some(row) = named(state) {
                return Some(format!("{} goes first, and it {word}", row.name));
            }
        }
        let waiting = |row: &Standing<'_>| row.ends_at.is_some_and(|end| end > now);
        if standing.is_empty() || named("completed").is_some() || standing.iter().any(waiting) {
            return None;
        }
        let first = match self.environment {
            Some(_) => format!("the canaries of {}", self.group),
            None => self.group.clone(),
        };
        Some(format!("{first} go first, and none of them was patched"))
    }
}

/// How one or several windows that go first stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing<'a> {
    /// The state, as it is named in the database.
    pub state: &'a str,
    /// The name of one of the servers.
    pub name: &'a str,
    /// The latest end.
    pub ends_at: Option<DateTime<Utc>>,
}
