//! Spans of time as a card shows them.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

/// A window's times: `Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)`.
pub(super) fn times(start: DateTime<Utc>, end: DateTime<Utc>, zone: Tz) -> String {
    let here = pair(start, end, zone, None);
    if zone == Tz::UTC {
        return format!("{here} UTC");
    }
    let date = start.with_timezone(&zone).date_naive();
    format!("{here} {} ({} UTC)", zone.name(), pair(start, end, Tz::UTC, Some(date)))
}

/// Two instants on one zone's walls; dates that are `known` already are left out.
pub(super) fn pair(start: DateTime<Utc>, end: DateTime<Utc>, zone: Tz, known: Option<NaiveDate>) -> String {
    let (start, end) = (start.with_timezone(&zone), end.with_timezone(&zone));
    let first = match known {
        None => "%a %-d %b %Y, %H:%M",
        Some(date) if date == start.date_naive() => "%H:%M",
        Some(_) => "%a %-d %b, %H:%M",
    };
    let last = if start.date_naive() == end.date_naive() { "–%H:%M" } else { " to %a %-d %b, %H:%M" };
    format!("{}{}", start.format(first), end.format(last))
}

/// A length of time in words: `5 hours`, `90 minutes`.
pub(super) fn span(length: TimeDelta) -> String {
    let minutes = length.num_minutes();
    let (count, unit) = if minutes % 60 == 0 { (length.num_hours(), "hour") } else { (minutes, "minute") };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}
