//! Quiet hours: when somebody is not written to in chat, unless it is urgent.

use chrono::{DateTime, Days, NaiveTime, Utc};
use chrono_tz::Tz;

use super::timeline::wall;

/// From when to when, on the walls of the person's zone; over midnight when it ends before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    /// The first moment of silence.
    pub from: NaiveTime,
    /// The first moment after it.
    pub to: NaiveTime,
}

impl Quiet {
    /// When the silence that holds at `now` ends; nothing when none holds.
    #[must_use]
    pub fn holds_until(&self, now: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let here = now.with_timezone(&zone).naive_local();
        let (date, time) = (here.date(), here.time());
        let over_midnight = self.to <= self.from;
        let holds = if over_midnight {
            time >= self.from || time < self.to
        } else {
            (self.from..self.to).contains(&time)
        };
        let ends_tomorrow = over_midnight && time >= self.from;
        let day = if ends_tomorrow { date.checked_add_days(Days::new(1)).unwrap_or(date) } else { date };
        // Where the clocks jump over the end, the first moment behind it is the end.
        holds.then(|| wall(day, self.to, zone))
    }
}

impl std::fmt::Display for Quiet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}–{}", self.from.format("%H:%M"), self.to.format("%H:%M"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> NaiveTime {
        text.parse().unwrap()
    }

    #[test]
    fn the_night_is_quiet_and_ends_on_the_persons_own_morning() {
        let night = Quiet { from: time("22:00:00"), to: time("07:00:00") };
        let until = |now: &str, zone| {
            night.holds_until(now.parse().unwrap(), zone).map(|at| at.format("%a %H:%M").to_string())
        };
        assert_eq!(until("2026-12-03T20:59:00Z", Tz::Europe__Berlin), None);
        assert_eq!(until("2026-12-03T21:00:00Z", Tz::Europe__Berlin).as_deref(), Some("Fri 06:00"));
        assert_eq!(until("2026-12-04T05:59:00Z", Tz::Europe__Berlin).as_deref(), Some("Fri 06:00"));
        assert_eq!(until("2026-12-04T06:00:00Z", Tz::Europe__Berlin), None);
        assert_eq!(until("2026-12-04T06:00:00Z", Tz::America__New_York).as_deref(), Some("Fri 12:00"));
    }

    #[test]
    fn hours_inside_one_day_work_too_and_an_end_that_the_clocks_skip_comes_right_behind_the_gap() {
        let noon = Quiet { from: time("12:00:00"), to: time("13:00:00") };
        assert!(noon.holds_until("2026-12-03T11:30:00Z".parse().unwrap(), Tz::Europe__Berlin).is_some());
        assert!(noon.holds_until("2026-12-03T12:30:00Z".parse().unwrap(), Tz::Europe__Berlin).is_none());
        let short = Quiet { from: time("01:00:00"), to: time("02:30:00") };
        let end = short.holds_until("2027-03-28T00:30:00Z".parse().unwrap(), Tz::Europe__Berlin).unwrap();
        assert_eq!(end.to_rfc3339(), "2027-03-28T01:00:00+00:00");
    }
}
