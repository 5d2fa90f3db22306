//! Times as people read them: with weekday, date and zone, and UTC beside it.

use chrono::{DateTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::notice::ShownTime;

/// `Thu 3 Dec 2026, 20:00`: the form the command language reads back.
const FORM: &str = "%a %-d %b %Y, %H:%M";

/// An instant on a zone's wall clocks: `Thu 3 Dec 2026, 20:00`.
#[must_use]
pub fn wall(at: DateTime<Utc>, zone: Tz) -> String {
    zone.from_utc_datetime(&at.naive_utc()).format(FORM).to_string()
}

/// An instant in the server's zone, in the reader's when it differs, and in UTC.
#[must_use]
pub fn shown(at: DateTime<Utc>, server: Tz, reader: Option<Tz>) -> ShownTime {
    // A zone of another name with the same wall time would only repeat the line.
    let differs = reader.filter(|reader| *reader != server && wall(at, *reader) != wall(at, server));
    ShownTime {
        server: wall(at, server),
        server_zone: server.name().to_owned(),
        reader: differs.map(|zone| wall(at, zone)),
        reader_zone: differs.map(|zone| zone.name().to_owned()),
        utc: at.format(FORM).to_string(),
        at,
    }
}

/// One line: `Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC)`; the UTC date is added when it is another day.
#[must_use]
pub fn line(at: DateTime<Utc>, zone: Tz) -> String {
    let here = zone.from_utc_datetime(&at.naive_utc());
    if zone == Tz::UTC {
        return format!("{} UTC", wall(at, zone));
    }
    let utc =
        if here.date_naive() == at.date_naive() { at.format("%H:%M") } else { at.format("%a %-d %b, %H:%M") };
    format!("{} {} ({utc} UTC)", wall(at, zone), zone.name())
}

/// The exact words that name a time in a command: `2026-12-03 20:00`.
#[must_use]
pub fn typed(at: DateTime<Utc>, zone: Tz) -> String {
    zone.from_utc_datetime(&at.naive_utc()).format("%Y-%m-%d %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_reader_and_utc_are_three_different_walls() {
        let at = "2026-12-04T01:00:00Z".parse().unwrap();
        let time = shown(at, Tz::America__New_York, Some(Tz::Asia__Tokyo));
        assert_eq!(time.server, "Thu 3 Dec 2026, 20:00");
        assert_eq!(time.reader.as_deref(), Some("Fri 4 Dec 2026, 10:00"));
        assert_eq!(time.utc, "Fri 4 Dec 2026, 01:00");
        assert_eq!(
            line(at, Tz::America__New_York),
            "Thu 3 Dec 2026, 20:00 America/New_York (Fri 4 Dec, 01:00 UTC)"
        );
        assert_eq!(line(at, Tz::Europe__Berlin), "Fri 4 Dec 2026, 02:00 Europe/Berlin (01:00 UTC)");
    }
}
