//! What stands against a start when its moment has come: it is not approved, too late, against the rules as they are then,
//! or before what goes first was patched.

use chrono::{DateTime, TimeDelta, Utc};

use super::bounds::Bounds;
use super::occupancy::Place;
use super::policy::Policy;
use super::rule::Broken;
use super::window::{Plan, Window};

/// How long a start waits that something stands against which can pass.
const AGAIN: TimeDelta = TimeDelta::minutes(1);

/// What stands against a start, as a phrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Against {
    /// It can pass in a minute.
    Now(String),
    /// It holds for this window.
    Ever(String),
}

/// What becomes of a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// It is made.
    Start,
    /// It waits: until when, and why.
    Wait(DateTime<Utc>, String),
    /// The window was missed, and why.
    Missed(String),
}

fn phrase(broken: &Broken) -> String {
    format!("{} (rule {})", broken.to_string().trim_end_matches('.'), broken.rule())
}

/// What the window itself says against its start, whatever else is: no approval, or too much time that has passed.
#[must_use]
pub fn unready(window: &Window, plan: &Plan, policy: &Policy, now: DateTime<Utc>) -> Option<Against> {
    if window.approval().is_none() {
        return Some(Against::Ever("nobody approved it in time".to_owned()));
    }
    if now <= latest(plan, policy) {
        return None;
    }
    let minutes = now.signed_duration_since(plan.starts_at).num_minutes();
    Some(Against::Ever(format!(
        "it could not be started in time: {minutes} minutes had passed, {} are allowed",
        policy.start_grace.num_minutes()
    )))
}

fn latest(plan: &Plan, policy: &Policy) -> DateTime<Utc> {
    plan.starts_at.checked_add_signed(policy.start_grace).unwrap_or(plan.starts_at)
}

/// What the rules say against a start at this moment: they can have changed since it was approved, and a service can have
/// lost members.
#[must_use]
pub fn forbidden(window: &Window, plan: &Plan, bounds: &Bounds<'_>) -> Option<Against> {
    if let Err(broken) = bounds.quorum_now() {
        return Some(Against::Now(phrase(&broken)));
    }
    // A start within its grace is as legal as the minute it was planned for.
    let hours = bounds.by_hours(plan.starts_at).err().filter(|_| window.crossed_by.is_none());
    hours.map(|broken| Against::Ever(phrase(&broken)))
}

/// What becomes of a start. What can pass in a minute is waited for, as long as the start may be late.
#[must_use]
pub fn opening(against: Option<Against>, plan: &Plan, policy: &Policy, now: DateTime<Utc>) -> Opening {
    let again = now.checked_add_signed(AGAIN).unwrap_or(now);
    match against {
        None => Opening::Start,
        Some(Against::Now(reason)) if again <= latest(plan, policy) => Opening::Wait(again, reason),
        Some(Against::Now(reason) | Against::Ever(reason)) => Opening::Missed(reason),
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

/// Why a start waits for canaries, as the rule that it is.
#[must_use]
pub fn waits_for_first(why: &str) -> Against {
    Against::Ever(format!("{why} (rule soak)"))
}
