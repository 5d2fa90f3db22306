//! A quarter as it is drawn: day by day, and how far it is. Both can be told in words as well.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;

use super::quarter::Quarter;

/// What became of windows, as far as a chart tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Patched.
    Patched,
    /// Being patched.
    Running,
    /// Approved, by a person or by silence.
    Approved,
    /// Waits for an approval.
    Waiting,
    /// Has no time yet.
    Unplanned,
    /// Failed, was missed, or needs a person.
    Trouble,
    /// Declined, cancelled or put off.
    Out,
}

impl Standing {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::Patched,
        Self::Running,
        Self::Approved,
        Self::Waiting,
        Self::Unplanned,
        Self::Trouble,
        Self::Out,
    ];

    /// What a state's name in the database counts as.
    #[must_use]
    pub fn of_state(name: &str) -> Self {
        match name {
            "completed" => Self::Patched,
            "running" => Self::Running,
            "approved" | "auto_approved" | "locked" => Self::Approved,
            "proposed" => Self::Waiting,
            "unscheduled" => Self::Unplanned,
            "declined" | "cancelled" | "deferred" => Self::Out,
            _ => Self::Trouble,
        }
    }

    /// In a word or two.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Patched => "patched",
            Self::Running => "being patched",
            Self::Approved => "approved",
            Self::Waiting => "waiting for approval",
            Self::Unplanned => "without a time",
            Self::Trouble => "in trouble",
            Self::Out => "left out",
        }
    }
}

/// How many windows stand how.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts(BTreeMap<Standing, u32>);

impl Counts {
    /// Adds some.
    pub fn add(&mut self, standing: Standing, windows: u32) {
        let count = self.0.entry(standing).or_default();
        *count = count.saturating_add(windows);
    }

    /// How many stand so.
    #[must_use]
    pub fn of(&self, standing: Standing) -> u32 {
        self.0.get(&standing).copied().unwrap_or(0)
    }

    /// All together.
    #[must_use]
    pub fn all(&self) -> u32 {
        self.0.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// What there is of it, in the order in which it is shown: `40 patched, 2 in trouble`.
    #[must_use]
    pub fn phrase(&self) -> String {
        let parts: Vec<String> = Standing::ALL
            .into_iter()
            .filter(|standing| self.of(*standing) > 0)
            .map(|standing| format!("{} {}", self.of(standing), standing.word()))
            .collect();
        parts.join(", ")
    }
}

/// One day of a quarter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    /// The date, in the sheet's zone.
    pub date: NaiveDate,
    /// The windows that start on it.
    pub counts: Counts,
    /// The reader's own servers on it, with their time of day: `web01 20:00`.
    pub own: Vec<String>,
    /// Whether owners cannot choose it now.
    pub frozen: bool,
    /// Why nothing is patched on it, when it is closed.
    pub closed: Option<String>,
}

/// A quarter, day by day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// The quarter in words: `2027-Q1 (1 Nov 2026 to 31 Jan 2027)`.
    pub title: String,
    /// Its name.
    pub quarter: Quarter,
    /// The zone of the dates.
    pub zone: Tz,
    /// The date of the present instant.
    pub today: NaiveDate,
    /// Every day of the quarter.
    pub days: Vec<Day>,
}

/// How far a quarter is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The quarter in words.
    pub title: String,
    /// Its name.
    pub quarter: Quarter,
    /// The date of the present instant.
    pub today: NaiveDate,
    /// All of the quarter.
    pub counts: Counts,
    /// By the Mondays of its weeks.
    pub weeks: Vec<(NaiveDate, Counts)>,
}

/// The Monday of a day's week.
#[must_use]
pub fn monday(date: NaiveDate) -> NaiveDate {
    date.week(Weekday::Mon).first_day()
}

/// `1 server`, `3 servers`.
#[must_use]
pub fn servers(count: u32) -> String {
    if count == 1 { "1 server".to_owned() } else { format!("{count} servers") }
}

impl Calendar {
    /// Counts windows by the days on which they start.
    ///
    /// `starts` are hours with a state's name and a number of windows.
    #[must_use]
    pub fn of_days(
        first: NaiveDate,
        last: NaiveDate,
        zone: Tz,
        starts: &[(DateTime<Utc>, Standing, u32)],
    ) -> Vec<Day> {
        let mut days: Vec<Day> = first
            .iter_days()
            .take_while(|date| *date <= last)
            .map(|date| Day { date, counts: Counts::default(), own: Vec::new(), frozen: false, closed: None })
            .collect();
        for (hour, standing, windows) in starts {
            // An hour that another zone's day begins in belongs to the day most of it lies in.
            let middle = hour.checked_add_signed(TimeDelta::minutes(30)).unwrap_or(*hour);
            let date = middle.with_timezone(&zone).date_naive();
            let index = usize::try_from(date.signed_duration_since(first).num_days()).unwrap_or(usize::MAX);
            if let Some(day) = days.get_mut(index) {
                day.counts.add(*standing, *windows);
            }
        }
        days
    }

    /// The calendar in words: one line for each day on which something is patched.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{}, dates in {}:", self.title, self.zone.name())];
        for day in self.days.iter().filter(|day| day.counts.all() > 0 || day.closed.is_some()) {
            let mut line = format!("{} — {}", day.date.format("%a %-d %b"), servers(day.counts.all()));
            if day.counts.all() > 0 {
                line.push_str(&format!(": {}", day.counts.phrase()));
            }
            if !day.own.is_empty() {
                line.push_str(&format!("; yours: {}", day.own.join(", ")));
            }
            if day.frozen {
                line.push_str("; frozen now");
            }
            if let Some(why) = &day.closed {
                line.push_str(&format!("; closed: {why}"));
            }
            lines.push(line);
        }
        if lines.len() == 1 {
            lines.push("Nothing is planned in it yet.".to_owned());
        }
        lines
    }

    /// How many days the weeks of the quarter begin before its first day.
    #[must_use]
    pub fn blank_days(&self) -> u32 {
        self.days.first().map_or(0, |day| day.date.weekday().num_days_from_monday())
    }
}

impl Progress {
    /// The part that is patched, in percent of what is not left out.
    #[must_use]
    pub fn percent(&self) -> u32 {
        let all = self.counts.all().saturating_sub(self.counts.of(Standing::Out));
        self.counts.of(Standing::Patched).saturating_mul(100).checked_div(all).unwrap_or(0)
    }

    /// The progress in words.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let all = self.counts.all();
        let mut lines = vec![format!("{}: {}, {} % patched.", self.title, servers(all), self.percent())];
        if all == 0 {
            return lines;
        }
        lines.push(format!("{}.", self.counts.phrase()));
        let weeks = self.weeks.iter().filter(|(_, counts)| counts.all() > 0);
        lines.extend(weeks.map(|(monday, counts)| {
            let now = if *monday == self::monday(self.today) { " (this week)" } else { "" };
            format!("week of {}{now} — {}", monday.format("%a %-d %b"), counts.phrase())
        }));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn windows_are_counted_on_the_day_their_reader_has_then() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let starts = [
            (at("2026-12-03T23:00:00Z"), Standing::Approved, 2),
            (at("2026-12-03T19:00:00Z"), Standing::Patched, 3),
        ];
        let counts = |zone| {
            Calendar::of_days(date("2026-12-03"), date("2026-12-04"), zone, &starts)
                .iter()
                .map(|day| day.counts.all())
                .collect::<Vec<_>>()
        };
        assert_eq!(counts(Tz::UTC), [5, 0]);
        assert_eq!(counts(Tz::Europe__Berlin), [3, 2]);
        assert_eq!(counts(Tz::America__New_York), [5, 0]);
    }

    #[test]
    fn what_is_left_out_does_not_count_against_the_progress() {
        let mut counts = Counts::default();
        counts.add(Standing::Patched, 3);
        counts.add(Standing::Waiting, 1);
        counts.add(Standing::Out, 6);
        let progress = Progress {
            title: "2027-Q1".to_owned(),
            quarter: "2027-Q1".parse().unwrap(),
            today: date("2026-12-03"),
            weeks: vec![(date("2026-11-30"), counts.clone())],
            counts,
        };
        insta::assert_snapshot!(progress.lines().join("\n"), @r"
        2027-Q1: 10 servers, 75 % patched.
        3 patched, 1 waiting for approval, 6 left out.
        week of Mon 30 Nov (this week) — 3 patched, 1 waiting for approval, 6 left out
        ");
    }
}
