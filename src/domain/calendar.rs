//! Typed times become instants: zones, DST gaps and overlaps, freezes, and the slots that are legal.

use chrono::{
    DateTime, Datelike, Days, DurationRound, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta,
    TimeZone, Utc, Weekday,
};
use chrono_tz::{OffsetName, Tz};
use patchbot_commands as said;

use super::policy::Policy;
use super::refusal::{Frozen, Refusal};
use super::window::Plan;
use super::zone::parse_zone;

/// The instant of a wall-clock time.
///
/// # Errors
/// When the clocks skip or repeat that time, with the nearest half hours that exist once.
pub fn instant(zone: Tz, local: NaiveDateTime) -> Result<DateTime<Utc>, Refusal> {
    let asked = || local.format("%Y-%m-%d %H:%M").to_string();
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(at) => Ok(at.with_timezone(&Utc)),
        MappedLocalTime::Ambiguous(..) => {
            Err(Refusal::TwiceThatNight { asked: asked(), zone, instead: unambiguous_around(zone, local) })
        }
        MappedLocalTime::None => {
            Err(Refusal::NoSuchLocalTime { asked: asked(), zone, instead: unambiguous_around(zone, local) })
        }
    }
}

/// The nearest half hours before and after a wall-clock time that exist exactly once.
fn unambiguous_around(zone: Tz, local: NaiveDateTime) -> Vec<DateTime<Utc>> {
    let half_hour = TimeDelta::minutes(30);
    let rounded = local.duration_trunc(half_hour).unwrap_or(local);
    let single =
        |local: NaiveDateTime| zone.from_local_datetime(&local).single().map(|at| at.with_timezone(&Utc));
    let step = |steps: i32| half_hour.checked_mul(steps).and_then(|by| rounded.checked_add_signed(by));
    // No zone has ever changed its clocks by more than a day.
    let before = (0..=48).filter_map(|steps| step(-steps)).find_map(single);
    let after = (1..=48).filter_map(step).find_map(single);
    before.into_iter().chain(after).collect()
}

fn date_of(date: said::Date) -> NaiveDate {
    NaiveDate::from_ymd_opt(date.year, date.month.into(), date.day.into()).unwrap_or(NaiveDate::MIN)
}

fn time_of(time: said::WallTime) -> NaiveTime {
    NaiveTime::from_hms_opt(time.hour.into(), time.minute.into(), 0).unwrap_or(NaiveTime::MIN)
}

fn weekday_of(day: said::Weekday) -> Weekday {
    match day {
        said::Weekday::Mon => Weekday::Mon,
        said::Weekday::Tue => Weekday::Tue,
        said::Weekday::Wed => Weekday::Wed,
        said::Weekday::Thu => Weekday::Thu,
        said::Weekday::Fri => Weekday::Fri,
        said::Weekday::Sat => Weekday::Sat,
        said::Weekday::Sun => Weekday::Sun,
    }
}

/// Makes a typed time a start: a wall-clock time in the server's zone, and its instant.
///
/// # Errors
/// When the time does not exist, exists twice, cannot be told from another, or names an unknown zone.
pub fn resolve(
    when: &said::When,
    server: Tz,
    present: Option<&Plan>,
    now: DateTime<Utc>,
    name: &str,
) -> Result<DateTime<Utc>, Refusal> {
    let word = match when {
        said::When::Iso { zone, .. } | said::When::Named { zone, .. } | said::When::Relative { zone, .. } => {
            zone.as_ref()
        }
        said::When::InDays(_) => None,
    };
    let zone = match word {
        Some(word) => parse_zone(word.as_str()).map_err(|error| Refusal::UnknownZone(format!("{error}.")))?,
        None => server,
    };
    let today = now.with_timezone(&zone).date_naive();
    let local = match when {
        said::When::Iso { weekday, date, time, .. } | said::When::Named { weekday, date, time, .. } => {
            let date = date_of(*date);
            if let Some(said) = weekday.filter(|said| weekday_of(*said) != date.weekday()) {
                return Err(Refusal::WeekdayMismatch { said: said.to_string(), date });
            }
            date.and_time(time_of(*time))
        }
        said::When::Relative { day, time, .. } => relative_day(*day, today)?.and_time(time_of(*time)),
        said::When::InDays(days) => {
            let plan = present.ok_or_else(|| Refusal::NoTimeYet { server: name.to_owned() })?;
            let date = today.checked_add_days(Days::new(u64::from(*days))).unwrap_or(today);
            date.and_time(plan.local.time())
        }
    };
    let at = instant(zone, local)?;
    if let Some(doubt) = word.and_then(|word| doubtful(word.as_str(), zone, at)) {
        return Err(Refusal::UnknownZone(doubt));
    }
    // A time typed in another zone must exist once on the server's own walls too.
    instant(server, at.with_timezone(&server).naive_local())
}

/// Why a zone that was typed does not say which hour is meant; nothing when it does.
fn doubtful(word: &str, zone: Tz, at: DateTime<Utc>) -> Option<String> {
    if zone.name().starts_with("Etc/GMT") && zone.name().contains(['+', '-']) {
        let sign = "counts the other way round than it reads";
        return Some(format!("\"{word}\" {sign}; write a place such as Europe/Berlin, or UTC."));
    }
    let typed = match word.to_ascii_uppercase().as_str() {
        "MEZ" => "CET".to_owned(),
        "MESZ" => "CEST".to_owned(),
        other => other.to_owned(),
    };
    let shown = |at: DateTime<Utc>| {
        at.with_timezone(&zone).offset().abbreviation().map(ToOwned::to_owned).unwrap_or_default()
    };
    // Half a year away the clocks show the other time, where there are two.
    let half_a_year = TimeDelta::days(182);
    let others = [at.checked_add_signed(half_a_year), at.checked_sub_signed(half_a_year)];
    let now = shown(at);
    (typed != now && others.into_iter().flatten().any(|other| shown(other) == typed)).then(|| {
        format!("The clocks of {zone} show {now} then, not {typed}; write {zone} for the time on the clocks there.")
    })
}

fn relative_day(day: said::Day, today: NaiveDate) -> Result<NaiveDate, Refusal> {
    let after = |days: u64| today.checked_add_days(Days::new(days)).unwrap_or(today);
    match day {
        said::Day::Today => Ok(today),
        said::Day::Tomorrow => Ok(after(1)),
        said::Day::Next(weekday) => match days_until(today.weekday(), weekday_of(weekday)) {
            0 => Err(Refusal::WhichDay { today, next: after(7) }),
            days => Ok(after(days)),
        },
    }
}

/// Days from one weekday to the next occurrence of another; 0 for the same day.
fn days_until(from: Weekday, to: Weekday) -> u64 {
    u64::from(to.days_since(from))
}

/// The plan of a window that starts at an instant.
#[must_use]
pub fn plan_at(at: DateTime<Utc>, zone: Tz, length: TimeDelta) -> Plan {
    Plan::new(at.with_timezone(&zone).naive_local(), zone, at, length)
}

/// While the freeze holds: the coming patch day, before which owners change nothing. `None` on the open days.
#[must_use]
pub fn frozen_before(policy: &Policy, zone: Tz, now: DateTime<Utc>) -> Option<NaiveDate> {
    let today = now.with_timezone(&zone).date_naive();
    let since_freeze = days_until(policy.freeze_from, today.weekday());
    let freeze_length = days_until(policy.freeze_from, policy.freeze_to);
    if since_freeze > freeze_length {
        return None;
    }
    // The freeze begins on a patch day, whose windows belong to the week that is closed.
    let to_patch_day = match days_until(today.weekday(), policy.patch_weekday()) {
        0 => 7,
        days => days,
    };
    today.checked_add_days(Days::new(to_patch_day))
}

/// Refuses when the window's present time or the new one lies in the patch week that is closed.
///
/// # Errors
/// [`Refusal::Frozen`], with the day from which changes are possible.
pub fn thawed(
    policy: &Policy,
    present: Option<&Plan>,
    at: DateTime<Utc>,
    zone: Tz,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    let Some(until) = frozen_before(policy, zone, now) else { return Ok(()) };
    let before = |date: NaiveDate| date < until;
    if present.is_some_and(|plan| plan.starts_at > now && before(plan.local.date())) {
        return Err(Refusal::Frozen { until, which: Frozen::Old });
    }
    if before(at.with_timezone(&zone).date_naive()) {
        return Err(Refusal::Frozen { until, which: Frozen::New });
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn local(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
    }

    fn typed(words: &str) -> said::When {
        match said::parse(&format!("move web01 to {words}")).unwrap() {
            said::Command::Reschedule(it) => it.when,
            other => panic!("{other}"),
        }
    }

    fn read(words: &str, zone: Tz, now: &str) -> String {
        match resolve(&typed(words), zone, None, utc(now), "web01") {
            Ok(at) => super::super::shown::line(at, zone),
            Err(refusal) => refusal.answer().text().replace('\n', " "),
        }
    }

    const NOW: &str = "2026-11-24T12:00:00Z";

    #[test]
    fn typed_times_are_the_servers_unless_a_zone_is_named() {
        insta::assert_snapshot!(read("2026-12-04 20:00", Tz::America__New_York, NOW), @"Fri 4 Dec 2026, 20:00 America/New_York (Sat 5 Dec, 01:00 UTC)");
        insta::assert_snapshot!(read("2026-12-04 20:00 UTC", Tz::America__New_York, NOW), @"Fri 4 Dec 2026, 15:00 America/New_York (20:00 UTC)");
        insta::assert_snapshot!(read("Fri 4 Dec 2026, 20:00 Europe/Berlin", Tz::Asia__Kolkata, NOW), @"Sat 5 Dec 2026, 00:30 Asia/Kolkata (Fri 4 Dec, 19:00 UTC)");
        insta::assert_snapshot!(read("Friday 20:00", Tz::Europe__Berlin, NOW), @"Fri 27 Nov 2026, 20:00 Europe/Berlin (19:00 UTC)");
        insta::assert_snapshot!(read("tomorrow 20:00", Tz::Asia__Tokyo, "2026-11-24T23:00:00Z"), @"Thu 26 Nov 2026, 20:00 Asia/Tokyo (11:00 UTC)");
    }

    #[test]
    fn a_zone_that_is_not_on_the_clocks_then_is_asked_back() {
        insta::assert_snapshot!(read("2026-12-18 20:00 EST", Tz::America__New_York, NOW), @"Fri 18 Dec 2026, 20:00 America/New_York (Sat 19 Dec, 01:00 UTC)");
        insta::assert_snapshot!(read("2026-12-18 20:00 ET", Tz::America__New_York, NOW), @"Fri 18 Dec 2026, 20:00 America/New_York (Sat 19 Dec, 01:00 UTC)");
        insta::assert_snapshot!(read("2026-12-18 20:00 EDT", Tz::America__New_York, NOW), @"The clocks of America/New_York show EST then, not EDT; write America/New_York for the time on the clocks there. Leave the zone out for the server's own, or write it as Europe/Berlin or UTC.");
        insta::assert_snapshot!(read("2026-12-18 20:00 MESZ", Tz::Europe__Berlin, NOW), @"The clocks of Europe/Berlin show CET then, not CEST; write Europe/Berlin for the time on the clocks there. Leave the zone out for the server's own, or write it as Europe/Berlin or UTC.");
        insta::assert_snapshot!(read("2026-12-18 20:00 Etc/GMT+1", Tz::Europe__Berlin, NOW), @r#""Etc/GMT+1" counts the other way round than it reads; write a place such as Europe/Berlin, or UTC. Leave the zone out for the server's own, or write it as Europe/Berlin or UTC."#);
    }

    #[test]
    fn what_could_be_two_days_is_asked_back() {
        insta::assert_snapshot!(read("Tuesday 20:00", Tz::Europe__Berlin, NOW), @"Today is a Tuesday, so that could be today or in a week. Say 2026-11-24 or 2026-12-01, with the time behind it.");
        insta::assert_snapshot!(read("Fri 2026-12-03 20:00", Tz::Europe__Berlin, NOW), @"2026-12-03 is a Thursday, not a Fri. Say it again with the right date, without the weekday if you like.");
    }

    #[test]
    fn a_time_that_the_clocks_skip_or_repeat_is_refused_with_its_neighbours() {
        insta::assert_snapshot!(read("2027-03-28 02:30", Tz::Europe__Berlin, NOW), @"There is no 2027-03-28 02:30 in Europe/Berlin: the clocks are put forward over it that night. These exist once: 2027-03-28 01:30, 2027-03-28 03:00.");
        insta::assert_snapshot!(read("2027-10-31 02:30", Tz::Europe__Berlin, NOW), @"2027-10-31 02:30 comes twice in Europe/Berlin: the clocks are put back that night. These exist once: 2027-10-31 01:30, 2027-10-31 03:00.");
        insta::assert_snapshot!(read("2027-10-31 00:30 UTC", Tz::Europe__Berlin, NOW), @"2027-10-31 02:30 comes twice in Europe/Berlin: the clocks are put back that night. These exist once: 2027-10-31 01:30, 2027-10-31 03:00.");
    }

    #[test]
    fn from_thursday_to_tuesday_nothing_before_the_coming_thursday_moves() {
        let policy = Policy::default();
        let limit =
            |now: &str| frozen_before(&policy, Tz::Europe__Berlin, utc(now)).map(|date| date.to_string());
        assert_eq!(limit("2026-11-25T12:00:00Z"), None, "Wednesday is open");
        assert_eq!(
            limit("2026-11-26T12:00:00Z").as_deref(),
            Some("2026-12-03"),
            "tonight's windows are closed on Thursday"
        );
        assert_eq!(limit("2026-11-28T12:00:00Z").as_deref(), Some("2026-12-03"));
        assert_eq!(limit("2026-12-01T22:30:00Z").as_deref(), Some("2026-12-03"), "Tuesday evening");
        assert_eq!(limit("2026-12-01T23:30:00Z"), None, "already Wednesday in Berlin");
    }

    #[test]
    fn neither_the_old_nor_the_new_time_may_lie_in_the_closed_week() {
        let policy = Policy::default();
        let zone = Tz::Europe__Berlin;
        let now = utc("2026-11-28T12:00:00Z");
        let plan = |text| plan_at(instant(zone, local(text)).unwrap(), zone, TimeDelta::hours(2));
        let sunday = plan("2026-11-29 20:00");
        let later = plan("2026-12-10 20:00");
        let which = |present: &Plan, new: &Plan| {
            thawed(&policy, Some(present), new.starts_at, zone, now).map_err(|refusal| match refusal {
                Refusal::Frozen { which, .. } => which,
                other => panic!("{other}"),
            })
        };
        assert_eq!(which(&sunday, &later), Err(Frozen::Old));
        assert_eq!(which(&later, &sunday), Err(Frozen::New));
        assert_eq!(which(&later, &plan("2026-12-03 20:00")), Ok(()));
    }

    /// Both hemispheres, half hours, quarters of an hour, a Ramadan rule.
    pub(in crate::domain) const ZONES: [Tz; 12] = [
        Tz::Europe__Berlin,
        Tz::Europe__London,
        Tz::America__New_York,
        Tz::America__Los_Angeles,
        Tz::America__Sao_Paulo,
        Tz::Asia__Kolkata,
        Tz::Asia__Tokyo,
        Tz::Asia__Tehran,
        Tz::Australia__Sydney,
        Tz::Australia__Lord_Howe,
        Tz::Pacific__Chatham,
        Tz::Africa__Casablanca,
    ];

    proptest! {
        #[test]
        fn an_accepted_time_is_exactly_the_wall_clock_that_was_typed(minutes in 0..2_000_000_i64, zone in prop::sample::select(&ZONES[..])) {
            let wanted = local("2026-01-01 00:00") + TimeDelta::minutes(minutes);
            match instant(zone, wanted) {
                Ok(at) => prop_assert_eq!(at.with_timezone(&zone).naive_local(), wanted),
                Err(refusal) => prop_assert!(!refusal.next().is_empty()),
            }
        }
    }
}
