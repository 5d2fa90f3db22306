//! Blackouts: times in which nothing runs, as walls' times of each server or as instants.

use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::shown::wall;

/// Times in which nothing runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blackout {
    /// What it is called: `year-end close`.
    pub name: String,
    /// From and to (excluded) on every server's own walls, in order and apart from each other.
    walls: Vec<(NaiveDateTime, NaiveDateTime)>,
    /// From and to (excluded) as instants, in order and apart from each other.
    instants: Vec<(DateTime<Utc>, DateTime<Utc>)>,
}

/// The part of a blackout that a window touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touched {
    /// On the server's walls.
    Walls(NaiveDateTime, NaiveDateTime),
    /// As instants.
    Instants(DateTime<Utc>, DateTime<Utc>),
}

impl Touched {
    /// From when to when, as people read it in a zone: `Thu 24 Dec 2026, 00:00 to Sun 27 Dec 2026, 00:00`.
    #[must_use]
    pub fn phrase(self, zone: Tz) -> String {
        let form = |local: NaiveDateTime| local.format("%a %-d %b %Y, %H:%M").to_string();
        match self {
            Self::Walls(from, to) => format!("{} to {}", form(from), form(to)),
            Self::Instants(from, to) => format!("{} to {}", wall(from, zone), wall(to, zone)),
        }
    }
}

fn in_order<T: Ord + Copy>(mut spans: Vec<(T, T)>) -> Vec<(T, T)> {
    spans.retain(|(from, to)| from < to);
    spans.sort_unstable();
    let mut apart: Vec<(T, T)> = Vec::with_capacity(spans.len());
    for (from, to) in spans {
        match apart.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => apart.push((from, to)),
        }
    }
    apart
}

/// The first span that overlaps `from..to`.
fn touched<T: Ord + Copy>(spans: &[(T, T)], from: T, to: T) -> Option<(T, T)> {
    let first = spans.partition_point(|(_, end)| *end <= from);
    spans.get(first).copied().filter(|(begin, _)| *begin < to)
}

impl Blackout {
    /// A blackout of these spans.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        walls: Vec<(NaiveDateTime, NaiveDateTime)>,
        instants: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    ) -> Self {
        Self { name: name.into(), walls: in_order(walls), instants: in_order(instants) }
    }

    /// Whether a window from one instant to another touches it, and which part.
    #[must_use]
    pub fn touches(&self, starts_at: DateTime<Utc>, ends_at: DateTime<Utc>, zone: Tz) -> Option<Touched> {
        let here = |at: DateTime<Utc>| zone.from_utc_datetime(&at.naive_utc()).naive_local();
        let (local_start, local_end) = (here(starts_at), here(ends_at));
        // Where the clocks go back in the window, its end can be earlier on the wall than its start.
        let (from, to) = (local_start.min(local_end), local_end.max(local_start));
        touched(&self.walls, from, to).map(|(from, to)| Touched::Walls(from, to)).or_else(|| {
            touched(&self.instants, starts_at, ends_at).map(|(from, to)| Touched::Instants(from, to))
        })
    }

    /// Whether it has no time at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.walls.is_empty() && self.instants.is_empty()
    }

    /// Whether it lasts through the whole of a wall-clock time.
    #[must_use]
    pub fn covers(&self, from: NaiveDateTime, to: NaiveDateTime) -> bool {
        touched(&self.walls, from, to).is_some_and(|(begin, end)| begin <= from && to <= end)
    }

    /// Whether any of it lies between two wall-clock times (instants are taken as UTC's walls, a day to each side).
    #[must_use]
    pub fn is_within(&self, from: NaiveDateTime, to: NaiveDateTime) -> bool {
        let day = chrono::TimeDelta::days(1);
        let wide = (from.checked_sub_signed(day).unwrap_or(from), to.checked_add_signed(day).unwrap_or(to));
        touched(&self.walls, from, to).is_some()
            || touched(&self.instants, wide.0.and_utc(), wide.1.and_utc()).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn local(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
    }

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_wall_blackout_is_each_servers_own_and_an_instant_is_everybodys() {
        let walls =
            Blackout::new("close", vec![(local("2026-12-31 00:00"), local("2027-01-01 00:00"))], vec![]);
        let evening = (utc("2026-12-31T22:00:00Z"), utc("2026-12-31T23:00:00Z"));
        assert!(walls.touches(evening.0, evening.1, Tz::Europe__London).is_some());
        assert!(walls.touches(evening.0, evening.1, Tz::Asia__Tokyo).is_none(), "there it is 2027 already");
        let instants =
            Blackout::new("launch", vec![], vec![(utc("2026-12-31T22:30:00Z"), utc("2027-01-01T04:00:00Z"))]);
        let found = instants.touches(evening.0, evening.1, Tz::Asia__Tokyo).unwrap();
        assert_eq!(found.phrase(Tz::Asia__Tokyo), "Fri 1 Jan 2027, 07:30 to Fri 1 Jan 2027, 13:00");
        assert!(
            instants.touches(utc("2026-12-31T20:30:00Z"), utc("2026-12-31T22:30:00Z"), Tz::UTC).is_none(),
            "it ends before"
        );
    }

    proptest! {
        #[test]
        fn a_window_touches_exactly_when_a_span_overlaps(spans in prop::collection::vec((0..500_i64, 1..30_i64), 0..12), start in 0..500_i64, length in 1..20_i64) {
            let at = |hours: i64| utc("2026-11-01T00:00:00Z") + chrono::TimeDelta::hours(hours);
            let instants: Vec<_> = spans.iter().map(|(from, length)| (at(*from), at(from + length))).collect();
            let blackout = Blackout::new("x", vec![], instants.clone());
            let (from, to) = (at(start), at(start + length));
            let overlaps = instants.iter().any(|(begin, end)| *begin < to && from < *end);
            prop_assert_eq!(blackout.touches(from, to, Tz::Europe__Berlin).is_some(), overlaps);
        }
    }
}
