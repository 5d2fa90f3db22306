//! Who else is patched when: the starts, groups, services and canaries that a new start has to get along with.

use std::collections::BTreeMap;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use super::ids::ServerId;
use super::policy::Policy;
use super::server::Server;
use super::window::{Window, WindowState};

/// How many start at an instant, or hold something until it.
type Count = BTreeMap<DateTime<Utc>, u32>;

/// The hour an instant lies in.
#[must_use]
pub fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at)
}

/// Longer than any window.
pub const LONGEST: TimeDelta = TimeDelta::hours(48);

/// What a server is to the rules: its group, its service and its part in both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The host group, folded; empty when it has none.
    pub group: String,
    /// The service.
    pub service: Option<String>,
    /// Its role in the service, as the inventory writes it.
    pub role: Option<String>,
    /// The role's place in the group's order; those without one are patched whenever.
    pub turn: Option<usize>,
    /// Whether it goes before the others of its group.
    pub canary: bool,
}

impl Place {
    /// The place of a server under its group's rules.
    #[must_use]
    pub fn of(server: &Server, policy: &Policy) -> Self {
        let role = server.role();
        let turn =
            role.and_then(|role| policy.role_order.iter().position(|other| other.eq_ignore_ascii_case(role)));
        let canary = server.environment.as_deref().is_some_and(|environment| policy.is_canary(environment));
        Self {
            group: server.group_key(),
            service: server.service().map(str::to_owned),
            role: role.map(str::to_owned),
            turn,
            canary,
        }
    }
}

/// Why a server does not count as a healthy member of its service.
#[must_use]
pub fn why_down(window: Option<&Window>, waits_for_reboot: bool) -> Option<String> {
    let state = window.map(|window| match &window.state {
        WindowState::Failed { .. } => Some("failed"),
        WindowState::NeedsHuman { .. } => Some("waits for a person"),
        WindowState::Running { .. } => Some("being patched now"),
        _ => None,
    });
    state.flatten().or(waits_for_reboot.then_some("waits for a reboot")).map(str::to_owned)
}

/// A member of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its role, when it has one.
    pub role: Option<String>,
    /// Its role's place in the order.
    pub turn: Option<usize>,
    /// When its window is.
    pub span: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Why it does not count as healthy, when it does not: `failed`, `waits for a reboot`.
    pub down: Option<String>,
}

impl Member {
    /// Whether it is down at an instant: as it is now, or because it is patched then.
    #[must_use]
    pub fn is_down_at(&self, instant: DateTime<Utc>) -> bool {
        self.down.is_some() || self.span.is_some_and(|(from, to)| from <= instant && instant < to)
    }
}

#[derive(Debug, Clone, Default)]
struct Service {
    members: BTreeMap<ServerId, Member>,
    floor: u32,
}

#[derive(Debug, Clone, Default)]
struct Group {
    /// By start: the ends, and how many have each.
    spans: BTreeMap<DateTime<Utc>, Count>,
    ends: Count,
    canary_ends: Count,
    others_start: Count,
    without_time: BTreeMap<String, bool>,
}

/// Who else is patched when.
#[derive(Debug, Clone, Default)]
pub struct Occupancy {
    hours: Count,
    starts: Count,
    groups: BTreeMap<String, Group>,
    /// Starts of critical groups: which group, how many, and how far apart it wants to be.
    critical: BTreeMap<DateTime<Utc>, BTreeMap<String, (u32, TimeDelta)>>,
    services: BTreeMap<String, Service>,
}

fn more(count: &mut Count, at: DateTime<Utc>, by: u32) {
    let entry = count.entry(at).or_default();
    *entry = entry.saturating_add(by);
}

fn less(count: &mut Count, at: DateTime<Utc>) {
    if let Some(entry) = count.get_mut(&at) {
        *entry = entry.saturating_sub(1);
        if *entry == 0 {
            count.remove(&at);
        }
    }
}

impl Occupancy {
    /// Adds starts, whoever they are.
    pub fn add_starts(&mut self, at: DateTime<Utc>, count: u32) {
        more(&mut self.hours, hour_of(at), count);
        more(&mut self.starts, at, count);
    }

    /// Adds windows of a group.
    pub fn add_spans(
        &mut self,
        place: &Place,
        policy: &Policy,
        span: (DateTime<Utc>, DateTime<Utc>),
        count: u32,
    ) {
        let (from, to) = span;
        let group = self.groups.entry(place.group.clone()).or_default();
        more(group.spans.entry(from).or_default(), to, count);
        more(&mut group.ends, to, count);
        if place.canary {
            more(&mut group.canary_ends, to, count);
        } else {
            more(&mut group.others_start, from, count);
        }
        if policy.critical {
            let here = self.critical.entry(from).or_default();
            let entry = here.entry(place.group.clone()).or_insert((0, policy.gap));
            entry.0 = entry.0.saturating_add(count);
        }
    }

    /// Adds one window, in every respect.
    pub fn add(
        &mut self,
        server: ServerId,
        place: &Place,
        policy: &Policy,
        span: (DateTime<Utc>, DateTime<Utc>),
    ) {
        self.add_starts(span.0, 1);
        self.add_spans(place, policy, span, 1);
        if let Some(member) = self.member(place, server) {
            member.span = Some(span);
        }
    }

    /// Takes one window out again, as if it were not there.
    pub fn remove(&mut self, server: ServerId, place: &Place, span: (DateTime<Utc>, DateTime<Utc>)) {
        let (from, to) = span;
        less(&mut self.hours, hour_of(from));
        less(&mut self.starts, from);
        if let Some(group) = self.groups.get_mut(&place.group) {
            if let Some(ends) = group.spans.get_mut(&from) {
                less(ends, to);
                if ends.is_empty() {
                    group.spans.remove(&from);
                }
            }
            less(&mut group.ends, to);
            less(
                if place.canary { &mut group.canary_ends } else { &mut group.others_start },
                if place.canary { to } else { from },
            );
        }
        if let Some(here) = self.critical.get_mut(&from)
            && let Some(entry) = here.get_mut(&place.group)
        {
            entry.0 = entry.0.saturating_sub(1);
            if entry.0 == 0 {
                here.remove(&place.group);
            }
        }
        if let Some(member) = self.member(place, server) {
            member.span = None;
        }
    }

    fn member(&mut self, place: &Place, server: ServerId) -> Option<&mut Member> {
        self.services.get_mut(place.service.as_deref()?)?.members.get_mut(&server)
    }

    /// Makes a server known as a member of its service, whether it has a window or not.
    pub fn enlist(
        &mut self,
        server: ServerId,
        name: &str,
        place: &Place,
        policy: &Policy,
        down: Option<String>,
    ) {
        let Some(service) = &place.service else { return };
        let service = self.services.entry(service.clone()).or_default();
        service.floor = service.floor.max(policy.quorum);
        let member =
            Member { name: name.to_owned(), role: place.role.clone(), turn: place.turn, span: None, down };
        service.members.insert(server, member);
    }

    /// Says why a known member of a service is down, or that it is not any more.
    pub fn set_down(&mut self, server: ServerId, place: &Place, down: Option<String>) {
        if let Some(member) = self.member(place, server) {
            member.down = down;
        }
    }

    /// Says that a server that goes before others has no time.
    pub fn has_no_time(&mut self, name: &str, place: &Place) {
        let group = self.groups.entry(place.group.clone()).or_default();
        group.without_time.insert(name.to_owned(), place.canary);
    }

    /// Takes that back: it is being given one.
    pub fn has_time(&mut self, name: &str, place: &Place) {
        if let Some(group) = self.groups.get_mut(&place.group) {
            group.without_time.remove(name);
        }
    }

    /// Says when a known member of a service is patched.
    pub fn set_span(&mut self, server: ServerId, place: &Place, span: (DateTime<Utc>, DateTime<Utc>)) {
        if let Some(member) = self.member(place, server) {
            member.span = Some(span);
        }
    }

    /// How many start in the hour of an instant.
    #[must_use]
    pub fn in_hour(&self, at: DateTime<Utc>) -> u32 {
        self.hours.get(&hour_of(at)).copied().unwrap_or(0)
    }

    /// How many start at an instant.
    #[must_use]
    pub fn at(&self, at: DateTime<Utc>) -> u32 {
        self.starts.get(&at).copied().unwrap_or(0)
    }

    /// All hours in which something starts, with how many.
    pub fn hours(&self) -> impl Iterator<Item = (DateTime<Utc>, u32)> {
        self.hours.iter().map(|(hour, count)| (*hour, *count))
    }

    /// How many windows of a group are open at the busiest instant of a span. Those that follow each other in it are not open
    /// at once: what is counted must not depend on the order in which windows were added.
    #[must_use]
    pub fn of_group_at_once(&self, group: &str, from: DateTime<Utc>, to: DateTime<Utc>) -> u32 {
        let Some(group) = self.groups.get(group) else { return 0 };
        let early = from.checked_sub_signed(LONGEST).unwrap_or(from);
        let mut open = Count::new();
        let (mut now, mut most) = (0_u32, 0);
        for (start, ends) in group.spans.range(early..to) {
            while let Some(ended) = open.first_entry().filter(|ended| ended.key() <= start) {
                now = now.saturating_sub(ended.remove());
            }
            for (end, count) in ends.iter().filter(|(end, _)| **end > from) {
                more(&mut open, *end, *count);
                now = now.saturating_add(*count);
            }
            most = most.max(now);
        }
        most
    }

    /// A start of another critical group that is nearer than either wants.
    #[must_use]
    pub fn critical_near(
        &self,
        group: &str,
        gap: TimeDelta,
        at: DateTime<Utc>,
    ) -> Option<(String, DateTime<Utc>, TimeDelta)> {
        let day = TimeDelta::days(1);
        let range = at.checked_sub_signed(day)?..at.checked_add_signed(day)?;
        self.critical.range(range).find_map(|(start, groups)| {
            let apart = start.signed_duration_since(at).abs();
            groups
                .iter()
                .filter(|(other, _)| other.as_str() != group)
                .map(|(other, (_, theirs))| (other, gap.max(*theirs)))
                .find(|(_, gap)| apart < *gap)
                .map(|(other, gap)| (other.clone(), *start, gap))
        })
    }

    /// The latest end of a group's canaries.
    #[must_use]
    pub fn canaries_end(&self, group: &str) -> Option<DateTime<Utc>> {
        self.groups.get(group)?.canary_ends.last_key_value().map(|(at, _)| *at)
    }

    /// The latest end of a group's windows.
    #[must_use]
    pub fn group_ends(&self, group: &str) -> Option<DateTime<Utc>> {
        self.groups.get(group)?.ends.last_key_value().map(|(at, _)| *at)
    }

    /// The earliest start in a group of those that follow its canaries.
    #[must_use]
    pub fn others_start(&self, group: &str) -> Option<DateTime<Utc>> {
        self.groups.get(group)?.others_start.first_key_value().map(|(at, _)| *at)
    }

    /// The earliest start in a group.
    #[must_use]
    pub fn group_starts(&self, group: &str) -> Option<DateTime<Utc>> {
        self.groups.get(group)?.spans.first_key_value().map(|(at, _)| *at)
    }

    /// A server of a group that has no time: any, or a canary.
    #[must_use]
    pub fn without_time(&self, group: &str, canaries_only: bool) -> Option<&str> {
        let mut names = self.groups.get(group)?.without_time.iter();
        names.find(|(_, canary)| **canary || !canaries_only).map(|(name, _)| name.as_str())
    }

    /// The members of a service but one, and how many must be healthy.
    #[must_use]
    pub fn others_of(
        &self,
        service: &str,
        server: ServerId,
    ) -> Option<(impl Iterator<Item = &Member> + Clone, u32)> {
        let service = self.services.get(service)?;
        let others = service.members.iter().filter(move |(id, _)| **id != server).map(|(_, member)| member);
        Some((others, service.floor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn at(hours: i64) -> DateTime<Utc> {
        "2026-11-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::hours(hours)
    }

    proptest! {
        #[test]
        fn what_is_added_and_removed_leaves_no_trace(spans in prop::collection::vec((0..200_i64, 1..5_i64, 0..3_usize, any::<bool>()), 1..20)) {
            let policy = Policy { critical: true, ..Policy::default() };
            let mut occupancy = Occupancy::default();
            let place = |group: usize, canary: bool| Place { group: format!("g{group}"), canary, ..Place::default() };
            let id = |index: usize| ServerId(Uuid::from_u128(index as u128));
            for (index, (from, length, group, canary)) in spans.iter().enumerate() {
                occupancy.add(id(index), &place(*group, *canary), &policy, (at(*from), at(from + length)));
            }
            for group in 0..3 {
                let open = |hour: i64| spans.iter().filter(|(from, length, of, _)| *of == group && *from <= hour && hour < from + length).count();
                let counted = (100..110).map(open).max().unwrap();
                prop_assert_eq!(occupancy.of_group_at_once(&format!("g{group}"), at(100), at(110)), u32::try_from(counted).unwrap());
            }
            for (index, (from, length, group, canary)) in spans.iter().enumerate() {
                occupancy.remove(id(index), &place(*group, *canary), (at(*from), at(from + length)));
            }
            prop_assert_eq!(occupancy.hours().count(), 0);
            let gone = |group: usize| {
                let name = format!("g{group}");
                occupancy.group_ends(&name).is_none() && occupancy.others_start(&name).is_none()
            };
            prop_assert!((0..3).all(gone));
            prop_assert_eq!(occupancy.critical_near("x", TimeDelta::hours(400), at(100)), None);
        }
    }
}
