//! iCalendar files as blackouts: events, recurrences and their exceptions, on walls or as instants.
//!
//! A recurrence is expanded on its own zone's walls and each start resolved for itself, so that an event at 02:30 is at
//! 02:30 before and after the clocks change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use icalendar::parser::{Component, Property, read_calendar, unfold};
use rrule::RRuleSet;

use crate::domain::blackout::Blackout;
use crate::domain::timeline::wall;
use crate::domain::zone::parse_zone;

/// Recurrences are expanded up to this year.
const LAST_YEAR: i32 = 2050;
/// More occurrences than this in one event are no calendar of blackouts.
const MOST: usize = 50_000;

/// A calendar file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadCalendar {
    /// It cannot be read.
    #[error("the calendar {} cannot be read ({why})", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// It is no iCalendar file.
    #[error("{} is no iCalendar file; export the calendar as .ics again", .0.display())]
    NoCalendar(PathBuf),
    /// An event in it is not understood.
    #[error("the event \"{event}\" in {}: {sentence}", path.display())]
    Event {
        /// The file.
        path: PathBuf,
        /// What it is called.
        event: String,
        /// What is wrong.
        sentence: String,
    },
}

/// Reads a file's events as blackouts; each is called by its own summary, or as `reason` says.
///
/// # Errors
/// When the file cannot be read or something in it is not understood: a blackout is never left out in silence.
pub fn read(path: &Path, reason: Option<&str>) -> Result<Vec<Blackout>, BadCalendar> {
    let text = std::fs::read_to_string(path)
        .map_err(|why| BadCalendar::Unreadable { path: path.to_owned(), why })?;
    parse(&text, path, reason)
}

fn parse(text: &str, path: &Path, reason: Option<&str>) -> Result<Vec<Blackout>, BadCalendar> {
    let unfolded = unfold(text.trim_start_matches('\u{feff}'));
    let calendar = read_calendar(&unfolded).map_err(|_| BadCalendar::NoCalendar(path.to_owned()))?;
    let events: Vec<&Component<'_>> = calendar
        .components
        .iter()
        .filter(|component| component.name == "VEVENT")
        .filter(|event| {
            value(event, "STATUS") != Some("CANCELLED") || value(event, "RECURRENCE-ID").is_some()
        })
        .filter(|event| value(event, "TRANSP") != Some("TRANSPARENT"))
        .collect();
    if events.is_empty() && !unfolded.contains("BEGIN:VCALENDAR") {
        return Err(BadCalendar::NoCalendar(path.to_owned()));
    }
    let broken = |event: &Component<'_>, sentence: String| BadCalendar::Event {
        path: path.to_owned(),
        event: summary(event).unwrap_or("without a name").to_owned(),
        sentence,
    };
    // What stands in for single occurrences of a recurring event, by the event.
    let mut replaced: BTreeMap<&str, BTreeSet<NaiveDateTime>> = BTreeMap::new();
    for event in &events {
        if let Some(instead) = event.find_prop("RECURRENCE-ID") {
            let start = read_start(instead).map_err(|sentence| broken(event, sentence))?;
            replaced.entry(value(event, "UID").unwrap_or_default()).or_default().insert(start.local);
        }
    }
    let mut blackouts = Vec::new();
    for event in events.into_iter().filter(|event| value(event, "STATUS") != Some("CANCELLED")) {
        let name = reason.or_else(|| summary(event)).unwrap_or("a blackout").to_owned();
        let none = BTreeSet::new();
        let without = match value(event, "RECURRENCE-ID") {
            None => replaced.get(value(event, "UID").unwrap_or_default()).unwrap_or(&none),
            Some(_) => &none,
        };
        blackouts.push(blackout(event, name, without).map_err(|sentence| broken(event, sentence))?);
    }
    Ok(blackouts)
}

fn value<'a>(event: &'a Component<'_>, name: &str) -> Option<&'a str> {
    event.find_prop(name).map(|property| property.val.as_str())
}

fn summary<'a>(event: &'a Component<'_>) -> Option<&'a str> {
    value(event, "SUMMARY").filter(|summary| !summary.trim().is_empty())
}

/// When an event begins, on whose walls.
#[derive(Debug, Clone, Copy)]
struct Start {
    local: NaiveDateTime,
    /// None for every server's own walls.
    zone: Option<Tz>,
    is_day: bool,
}

impl Start {
    /// The instant of a time on the event's walls.
    fn instant(self, local: NaiveDateTime) -> DateTime<Utc> {
        wall(local.date(), local.time(), self.zone.unwrap_or(Tz::UTC))
    }
}

fn parameter<'a>(property: &'a Property<'_>, key: &str) -> Option<&'a str> {
    let found = property.params.iter().find(|parameter| parameter.key == key)?;
    found.val.as_ref().map(|value| value.as_str().trim_matches('"'))
}

fn read_start(property: &Property<'_>) -> Result<Start, String> {
    let zone = match parameter(property, "TZID") {
        None => None,
        Some(name) => Some(zone_of(name)?),
    };
    read_time(property.val.as_str(), zone)
}

fn zone_of(name: &str) -> Result<Tz, String> {
    // Some programs write /example.org/Europe/Berlin.
    let tail = name.trim_start_matches('/').split_once('/').map(|(_, tail)| tail);
    parse_zone(name)
        .or_else(|error| tail.filter(|_| name.starts_with('/')).map_or(Err(error), parse_zone))
        .map_err(|_| format!("its time zone \"{name}\" is not known; use an IANA name such as Europe/Berlin"))
}

fn read_time(text: &str, zone: Option<Tz>) -> Result<Start, String> {
    let wrong = || format!("\"{text}\" is no date of a calendar");
    let text_trimmed = text.trim();
    if let Ok(day) = NaiveDate::parse_from_str(text_trimmed, "%Y%m%d") {
        return Ok(Start { local: day.and_time(NaiveTime::MIN), zone: None, is_day: true });
    }
    let (bare, zone) = match text_trimmed.strip_suffix('Z') {
        Some(bare) => (bare, Some(Tz::UTC)),
        None => (text_trimmed, zone),
    };
    let local = NaiveDateTime::parse_from_str(bare, "%Y%m%dT%H%M%S").map_err(|_| wrong())?;
    Ok(Start { local, zone, is_day: false })
}

/// `P1DT2H`, `P2W`.
fn read_duration(text: &str) -> Option<TimeDelta> {
    let mut rest = text.trim().trim_start_matches('+').strip_prefix('P')?;
    let mut total = TimeDelta::zero();
    while !rest.is_empty() {
        if let Some(times) = rest.strip_prefix('T') {
            rest = times;
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest.get(..end)?.parse().ok()?;
        let unit = rest.get(end..)?.chars().next()?;
        let part = match unit {
            'W' => TimeDelta::try_weeks(number)?,
            'D' => TimeDelta::try_days(number)?,
            'H' => TimeDelta::try_hours(number)?,
            'M' => TimeDelta::try_minutes(number)?,
            'S' => TimeDelta::try_seconds(number)?,
            _ => return None,
        };
        total = total.checked_add(&part)?;
        rest = rest.get(end.checked_add(1)?..)?;
    }
    Some(total)
}

fn blackout(
    event: &Component<'_>,
    name: String,
    without: &BTreeSet<NaiveDateTime>,
) -> Result<Blackout, String> {
    let start = read_start(event.find_prop("DTSTART").ok_or("it has no DTSTART")?)?;
    let length = length(event, start)?;
    let starts = starts(event, start, without)?;
    let behind = |local: NaiveDateTime| local.checked_add_signed(length);
    Ok(match start.zone {
        None => Blackout::new(
            name,
            starts.into_iter().filter_map(|from| Some((from, behind(from)?))).collect(),
            Vec::new(),
        ),
        Some(_) => {
            let spans = starts.into_iter().filter_map(|local| {
                let from = start.instant(local);
                Some((from, from.checked_add_signed(length)?))
            });
            Blackout::new(name, Vec::new(), spans.collect())
        }
    })
}

fn length(event: &Component<'_>, start: Start) -> Result<TimeDelta, String> {
    if let Some(end) = event.find_prop("DTEND") {
        let end = read_start(end)?;
        let length = match (start.zone, end.zone) {
            (None, None) => end.local.signed_duration_since(start.local),
            _ => end.instant(end.local).signed_duration_since(start.instant(start.local)),
        };
        return if length > TimeDelta::zero() {
            Ok(length)
        } else {
            Err("it ends before it begins".to_owned())
        };
    }
    match value(event, "DURATION") {
        Some(text) => read_duration(text).ok_or_else(|| format!("its duration \"{text}\" is not understood")),
        None if start.is_day => Ok(TimeDelta::days(1)),
        None => Err("it has neither DTEND nor DURATION, so it has no length".to_owned()),
    }
}

/// The values of a list such as EXDATE, on the walls of the event.
fn listed(event: &Component<'_>, name: &str, start: Start) -> Result<BTreeSet<NaiveDateTime>, String> {
    let mut all = BTreeSet::new();
    for property in event.properties.iter().filter(|property| property.name == name) {
        let zone = parameter(property, "TZID").map(zone_of).transpose()?;
        for text in property.val.as_str().split(',') {
            let text = text.split('/').next().unwrap_or(text);
            let time = read_time(text, zone)?;
            // A bare date takes out that day's occurrence, whatever its time.
            let local = if time.is_day && !start.is_day {
                time.local.date().and_time(start.local.time())
            } else {
                on_walls_of(start, time)
            };
            all.insert(local);
        }
    }
    Ok(all)
}

/// A time as it stands on the walls of an event.
fn on_walls_of(start: Start, time: Start) -> NaiveDateTime {
    match (start.zone, time.zone) {
        (Some(zone), Some(_)) => time.instant(time.local).with_timezone(&zone).naive_local(),
        _ => time.local,
    }
}

fn starts(
    event: &Component<'_>,
    start: Start,
    without: &BTreeSet<NaiveDateTime>,
) -> Result<BTreeSet<NaiveDateTime>, String> {
    let mut all = BTreeSet::from([start.local]);
    for rule in event.properties.iter().filter(|property| property.name == "RRULE") {
        all.extend(recurring(rule.val.as_str(), start)?);
    }
    if value(event, "EXRULE").is_some() {
        return Err("it has an EXRULE, which is long out of use; write the exceptions as EXDATE".to_owned());
    }
    all.extend(listed(event, "RDATE", start)?);
    for gone in listed(event, "EXDATE", start)?.iter().chain(without) {
        all.remove(gone);
    }
    Ok(all)
}

/// A rule's occurrences on the event's walls.
fn recurring(rule: &str, start: Start) -> Result<Vec<NaiveDateTime>, String> {
    let mut parts = Vec::new();
    for part in rule.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let part = part.to_uppercase();
        if matches!(part.as_str(), "FREQ=HOURLY" | "FREQ=MINUTELY" | "FREQ=SECONDLY") {
            return Err(format!(
                "it recurs {}, which is no blackout; give it a beginning and an end",
                part.trim_start_matches("FREQ=").to_lowercase()
            ));
        }
        parts.push(match part.strip_prefix("UNTIL=") {
            None => part,
            Some(text) => {
                let until = read_time(text, start.zone)?;
                let last = if until.is_day {
                    until.local.date().and_hms_opt(23, 59, 59).unwrap_or(until.local)
                } else {
                    on_walls_of(start, until)
                };
                format!("UNTIL={}Z", last.format("%Y%m%dT%H%M%S"))
            }
        });
    }
    let text = format!("DTSTART:{}Z\nRRULE:{}", start.local.format("%Y%m%dT%H%M%S"), parts.join(";"));
    let set: RRuleSet = text
        .parse()
        .map_err(|error: rrule::RRuleError| format!("its rule \"{rule}\" is not understood ({error})"))?;
    let end = NaiveDate::from_ymd_opt(LAST_YEAR, 12, 31).unwrap_or(NaiveDate::MAX);
    let found: Vec<NaiveDateTime> = set
        .into_iter()
        .map(|at| at.naive_utc())
        .take_while(|local| local.date() <= end)
        .take(MOST.saturating_add(1))
        .collect();
    if found.len() > MOST {
        return Err(format!("its rule \"{rule}\" makes more than {MOST} events until {LAST_YEAR}"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn calendar(events: &str) -> Result<Vec<Blackout>, String> {
        let text = format!("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{events}\nEND:VCALENDAR\n")
            .replace('\n', "\r\n");
        parse(&text, Path::new("holidays.ics"), None).map_err(|error| error.to_string())
    }

    fn one(lines: &str) -> Blackout {
        calendar(&format!("BEGIN:VEVENT\nUID:1\nSUMMARY:backup\n{lines}\nEND:VEVENT")).unwrap().remove(0)
    }

    fn hits(blackout: &Blackout, at: &str, zone: Tz) -> bool {
        blackout.touches(utc(at), utc(at) + TimeDelta::minutes(1), zone).is_some()
    }

    #[test]
    fn a_day_is_a_day_on_every_servers_own_walls() {
        let christmas = one("DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261227");
        assert_eq!(christmas.name, "backup");
        assert!(hits(&christmas, "2026-12-23T23:00:00Z", Tz::Europe__Berlin), "00:00 in Berlin");
        assert!(!hits(&christmas, "2026-12-23T23:00:00Z", Tz::Europe__London));
        assert!(!hits(&christmas, "2026-12-26T23:00:00Z", Tz::Europe__Berlin), "the end is not part of it");
    }

    #[test]
    fn a_weekly_event_is_at_the_same_wall_time_before_and_after_the_clocks_change() {
        let backup =
            one("DTSTART;TZID=Europe/Berlin:20270320T020000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;BYDAY=SA,SU");
        assert!(hits(&backup, "2027-03-27T01:30:00Z", Tz::UTC), "02:30 in winter");
        assert!(!hits(&backup, "2027-03-27T02:00:00Z", Tz::UTC));
        assert!(
            hits(&backup, "2027-03-28T01:00:00Z", Tz::UTC),
            "02:00 does not exist that night; it is at 03:00"
        );
        assert!(hits(&backup, "2027-04-03T00:30:00Z", Tz::UTC), "02:30 in summer");
        assert!(!hits(&backup, "2027-04-03T01:30:00Z", Tz::UTC));
    }

    #[test]
    fn exceptions_replacements_and_ends_of_recurrences_count() {
        let all = calendar(
            "BEGIN:VEVENT\nUID:a\nSUMMARY:month end\nDTSTART;TZID=Europe/Berlin:20261130T180000\nDTEND;TZID=Europe/Berlin:20261130T230000\nRRULE:FREQ=MONTHLY;BYMONTHDAY=-1;UNTIL=20270228T170000Z\nEXDATE;TZID=Europe/Berlin:20261231T180000\nEND:VEVENT\n\
             BEGIN:VEVENT\nUID:a\nRECURRENCE-ID;TZID=Europe/Berlin:20270131T180000\nSUMMARY:month end, a day early\nDTSTART;TZID=Europe/Berlin:20270130T180000\nDTEND;TZID=Europe/Berlin:20270130T230000\nEND:VEVENT",
        )
        .unwrap();
        let hit = |at: &str| {
            all.iter().find(|blackout| hits(blackout, at, Tz::UTC)).map(|blackout| blackout.name.as_str())
        };
        assert_eq!(hit("2026-11-30T18:00:00Z"), Some("month end"));
        assert_eq!(hit("2026-12-31T18:00:00Z"), None, "an exception");
        assert_eq!(hit("2027-01-31T18:00:00Z"), None, "replaced");
        assert_eq!(hit("2027-01-30T18:00:00Z"), Some("month end, a day early"));
        assert_eq!(hit("2027-02-28T18:00:00Z"), Some("month end"), "the last one");
        assert_eq!(hit("2027-03-31T17:00:00Z"), None);
    }

    #[test]
    fn what_is_not_understood_is_an_error_and_never_left_out() {
        let error = |lines: &str| {
            calendar(&format!("BEGIN:VEVENT\nUID:1\nSUMMARY:x\n{lines}\nEND:VEVENT")).unwrap_err()
        };
        insta::assert_snapshot!(error("DTSTART;TZID=Mars/Base:20261224T100000\nDURATION:PT1H"), @r#"the event "x" in holidays.ics: its time zone "Mars/Base" is not known; use an IANA name such as Europe/Berlin"#);
        insta::assert_snapshot!(error("DTSTART:20261224T100000Z"), @r#"the event "x" in holidays.ics: it has neither DTEND nor DURATION, so it has no length"#);
        insta::assert_snapshot!(error("DTSTART:20261224T100000Z\nDURATION:PT1H\nRRULE:FREQ=SOMETIMES"), @r#"the event "x" in holidays.ics: its rule "FREQ=SOMETIMES" is not understood (RRule parsing error: `SOMETIMES` is not a valid frequency.)"#);
        insta::assert_snapshot!(error("DTSTART:20261224T100000Z\nDURATION:PT1H\nRRULE:FREQ=HOURLY"), @r#"the event "x" in holidays.ics: it recurs hourly, which is no blackout; give it a beginning and an end"#);
        insta::assert_snapshot!(error("DTSTART:20261224T100000Z\nDTEND:20261224T090000Z"), @r#"the event "x" in holidays.ics: it ends before it begins"#);
        insta::assert_snapshot!(parse("hello", Path::new("x.ics"), None).unwrap_err(), @"x.ics is no iCalendar file; export the calendar as .ics again");
    }

    #[test]
    fn cancelled_and_transparent_events_are_no_blackouts() {
        let all = calendar(
            "BEGIN:VEVENT\nUID:1\nSUMMARY:x\nSTATUS:CANCELLED\nDTSTART;VALUE=DATE:20261224\nEND:VEVENT\n\
             BEGIN:VEVENT\nUID:2\nSUMMARY:y\nTRANSP:TRANSPARENT\nDTSTART;VALUE=DATE:20261224\nEND:VEVENT",
        );
        assert_eq!(all, Ok(Vec::new()));
    }

    proptest! {
        /// Recurrences against plain arithmetic on walls, in zones with and without summer time.
        #[test]
        fn every_so_many_days_is_every_so_many_days_on_the_wall(every in 1..9_i64, hour in 0..24_u32, count in 1..60_i64, zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])) {
            let blackout = one(&format!("DTSTART;TZID={zone}:20270201T{hour:02}3000\nDURATION:PT20M\nRRULE:FREQ=DAILY;INTERVAL={every};COUNT={count}"));
            let tz: Tz = zone.parse().unwrap();
            for day in 0..100_i64 {
                let date = NaiveDate::from_ymd_opt(2027, 2, 1).unwrap() + TimeDelta::days(day);
                let at = wall(date, NaiveTime::from_hms_opt(hour, 30, 0).unwrap(), tz);
                let expected = day % every == 0 && day / every < count;
                prop_assert_eq!(blackout.touches(at, at + TimeDelta::minutes(1), Tz::UTC).is_some(), expected, "{} {}", day, at);
            }
        }

        #[test]
        fn any_text_is_a_calendar_or_an_error(text in ".{0,200}") {
            let _ = calendar(&format!("BEGIN:VEVENT\nDTSTART:{text}\nEND:VEVENT"));
            let _ = parse(&text, Path::new("x.ics"), None);
        }
    }
}
