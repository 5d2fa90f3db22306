//! What all replays of a quarter begin with: who reads what, who goes first, and who is patched when.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::{Entry, Scene};
use crate::domain::ids::PersonId;
use crate::domain::occupancy::{Occupancy, Place, why_down};
use crate::domain::person::Person;
use crate::domain::policy::Policy;
use crate::domain::server::{Ownership, Rank};
use crate::domain::start::First;
use crate::domain::window::Window;

/// A server with all that does not change in a replay.
#[derive(Debug)]
pub(super) struct Seat<'a> {
    pub(super) entry: &'a Entry<'a>,
    pub(super) place: Place,
    pub(super) policy: &'a Policy,
    pub(super) ownerships: Vec<Ownership>,
    /// The numbers of the owners who can be written to.
    pub(super) readers: Vec<usize>,
}

/// An owner who can be written to.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) person: &'a Person,
    /// The zone that notices to him go by.
    pub(super) zone: Tz,
    /// The numbers of the servers that are his first, as his notices list them.
    pub(super) first_of: Vec<usize>,
    /// Whether the report is about servers of his.
    pub(super) counted: bool,
    /// Whether windows of his were planned just now.
    pub(super) is_new: bool,
}

#[derive(Debug)]
pub(super) struct Stage<'a> {
    pub(super) scene: Scene<'a>,
    pub(super) seats: Vec<Seat<'a>>,
    pub(super) readers: Vec<Reader<'a>>,
    /// Whom others wait for.
    pub(super) firsts: BTreeMap<First, Vec<usize>>,
    pub(super) taken: Occupancy,
}

/// From when to when a window takes its slot.
pub(super) fn span(
    window: &Window,
) -> Option<(chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>)> {
    let plan = window.plan.filter(|_| window.state.holds_slot())?;
    Some((plan.starts_at, plan.ends_at))
}

impl<'a> Stage<'a> {
    pub(super) fn new(scene: Scene<'a>) -> Self {
        let mut numbers: BTreeMap<PersonId, usize> = BTreeMap::new();
        let mut readers: Vec<Reader<'a>> = Vec::new();
        let mut seats = Vec::with_capacity(scene.entries.len());
        let mut taken = Occupancy::default();
        for (number, entry) in scene.entries.iter().enumerate() {
            let policy = scene.policies.of(entry.server.host_group.as_deref());
            let place = Place::of(entry.server, policy);
            let mut mine = Vec::new();
            for (rank, person) in entry.owners.iter().filter(|(_, person)| person.mail.is_some()) {
                let reader = *numbers.entry(person.id).or_insert_with(|| {
                    let zone = person.zone.unwrap_or(scene.zone);
                    readers.push(Reader {
                        person,
                        zone,
                        first_of: Vec::new(),
                        counted: false,
                        is_new: false,
                    });
                    readers.len().saturating_sub(1)
                });
                if let Some(reader) = readers.get_mut(reader) {
                    reader.counted |= entry.counted;
                    reader.is_new |= scene.planned && entry.window.is_some();
                    if *rank == Rank::Primary {
                        reader.first_of.push(number);
                    }
                }
                if !mine.contains(&reader) {
                    mine.push(reader);
                }
            }
            let window = entry.window.as_ref();
            let down = why_down(window, entry.waits_for_reboot);
            taken.enlist(entry.server.id, &entry.server.name, &place, policy, down);
            match window.and_then(span) {
                Some(span) => taken.add(entry.server.id, &place, policy, span),
                None if is_waited_for(&place, policy)
                    && window.is_none_or(|window| window.plan.is_none()) =>
                {
                    taken.has_no_time(&entry.server.name, &place);
                }
                None => {}
            }
            let ownerships =
                entry.owners.iter().map(|(rank, person)| Ownership { person: person.id, rank: *rank });
            seats.push(Seat { entry, place, policy, ownerships: ownerships.collect(), readers: mine });
        }
        let firsts = firsts(&seats);
        Self { scene, seats, readers, firsts, taken }
    }
}

/// Whether others come after this one.
pub(super) fn is_waited_for(place: &Place, policy: &Policy) -> bool {
    place.canary || !policy.followers.is_empty()
}

/// The servers that go before others, by whom the others wait for.
fn firsts(seats: &[Seat<'_>]) -> BTreeMap<First, Vec<usize>> {
    let mut firsts: BTreeMap<First, Vec<usize>> = BTreeMap::new();
    for (number, seat) in seats.iter().enumerate().filter(|(_, seat)| seat.entry.window.is_some()) {
        let mut stands_for = |environment: Option<String>| {
            let first = First { group: seat.place.group.clone(), environment };
            firsts.entry(first).or_default().push(number);
        };
        if seat.place.canary
            && let Some(environment) = &seat.entry.server.environment
        {
            let named =
                seat.policy.canaries.iter().find(|name| name.eq_ignore_ascii_case(environment.trim()));
            stands_for(named.cloned());
        }
        if !seat.policy.followers.is_empty() {
            stands_for(None);
        }
    }
    firsts
}
