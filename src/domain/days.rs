//! Which days and which times of day: weekdays, the nth of a month, days after an anchor, windows over midnight.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, Days as DayCount, NaiveDate, NaiveDateTime, NaiveTime, Weekday};

/// Which one in its month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nth {
    /// The first to the fifth.
    Nth(u8),
    /// The last.
    Last,
}

/// Which days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Days {
    /// Every day.
    Daily,
    /// Every week on this weekday.
    Weekly(Weekday),
    /// Once a month: so many days after (or before) the nth weekday.
    Monthly {
        /// Which one.
        nth: Nth,
        /// Of which weekday.
        weekday: Weekday,
        /// Days from there; negative for before.
        offset: i64,
    },
}

/// A text that names no days.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" names no days; write \"Thu\", \"2nd Tue\", \"last Fri\", \"2nd Tue +9\" (nine days after the second Tuesday) or \"daily\""
)]
pub struct NoDays(pub String);

fn shifted(date: NaiveDate, days: i64) -> Option<NaiveDate> {
    let count = DayCount::new(days.unsigned_abs());
    if days < 0 { date.checked_sub_days(count) } else { date.checked_add_days(count) }
}

impl Days {
    /// Whether a date is one of them.
    #[must_use]
    pub fn contains(self, date: NaiveDate) -> bool {
        match self {
            Self::Daily => true,
            Self::Weekly(weekday) => date.weekday() == weekday,
            Self::Monthly { nth, weekday, offset } => {
                let Some(anchor) = shifted(date, offset.saturating_neg()) else { return false };
                let which = match nth {
                    Nth::Nth(number) => {
                        anchor.day0().checked_div(7) == Some(u32::from(number).saturating_sub(1))
                    }
                    Nth::Last => shifted(anchor, 7).is_none_or(|next| next.month() != anchor.month()),
                };
                anchor.weekday() == weekday && which
            }
        }
    }

    /// The weekday all of them fall on; none for every day.
    #[must_use]
    pub fn weekday(self) -> Option<Weekday> {
        match self {
            Self::Daily => None,
            Self::Weekly(weekday) => Some(weekday),
            Self::Monthly { weekday, offset, .. } => {
                let steps = u8::try_from(offset.rem_euclid(7)).unwrap_or(0);
                Some((0..steps).fold(weekday, |day, _| day.succ()))
            }
        }
    }

    /// The days from one date to another, both counted.
    pub fn between(self, first: NaiveDate, last: NaiveDate) -> impl Iterator<Item = NaiveDate> {
        first.iter_days().take_while(move |date| *date <= last).filter(move |date| self.contains(*date))
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Daily => f.write_str("daily"),
            Self::Weekly(weekday) => weekday.fmt(f),
            Self::Monthly { nth, weekday, offset } => {
                match nth {
                    Nth::Nth(1) => f.write_str("1st")?,
                    Nth::Nth(2) => f.write_str("2nd")?,
                    Nth::Nth(3) => f.write_str("3rd")?,
                    Nth::Nth(number) => write!(f, "{number}th")?,
                    Nth::Last => f.write_str("last")?,
                }
                write!(f, " {weekday}")?;
                if *offset == 0 { Ok(()) } else { write!(f, " {offset:+}") }
            }
        }
    }
}

fn nth(word: &str) -> Option<Nth> {
    Some(match word.to_lowercase().as_str() {
        "1st" | "first" => Nth::Nth(1),
        "2nd" | "second" => Nth::Nth(2),
        "3rd" | "third" => Nth::Nth(3),
        "4th" | "fourth" => Nth::Nth(4),
        "5th" | "fifth" => Nth::Nth(5),
        "last" => Nth::Last,
        _ => return None,
    })
}

impl FromStr for Days {
    type Err = NoDays;

    fn from_str(text: &str) -> Result<Self, NoDays> {
        let no = || NoDays(text.to_owned());
        let words: Vec<&str> = text.split_whitespace().collect();
        let weekday = |word: &str| word.parse::<Weekday>().map_err(|_| no());
        match words.as_slice() {
            [word] if word.eq_ignore_ascii_case("daily") => Ok(Self::Daily),
            [day] => weekday(day).map(Self::Weekly),
            [which, day] => {
                Ok(Self::Monthly { nth: nth(which).ok_or_else(no)?, weekday: weekday(day)?, offset: 0 })
            }
            [which, day, offset] => {
                let offset: i64 = offset.parse().map_err(|_| no())?;
                if !(-27..=27).contains(&offset) {
                    return Err(no());
                }
                Ok(Self::Monthly { nth: nth(which).ok_or_else(no)?, weekday: weekday(day)?, offset })
            }
            _ => Err(no()),
        }
    }
}

/// Times of day on certain days: `Thu 20:00-24:00`, `Sat 22:00-04:00` (until Sunday).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// On which days it begins.
    pub days: Days,
    /// When it begins.
    pub from: NaiveTime,
    /// When it ends; not after `from` means on the next day.
    pub to: NaiveTime,
}

/// A text that names no times of day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoHours {
    /// The days are not understood.
    #[error(transparent)]
    Days(#[from] NoDays),
    /// The times are not understood.
    #[error(
        "\"{0}\" has no times of day; write \"Thu 20:00-24:00\", or \"Sat 22:00-04:00\" for a night that ends on Sunday"
    )]
    Times(String),
}

impl Hours {
    /// When the hours that a wall-clock time lies in end.
    #[must_use]
    pub fn end_at(&self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        let today = local.date();
        let over_midnight = self.to <= self.from;
        let began = |date: NaiveDate| {
            let end = if over_midnight { date.succ_opt()? } else { date }.and_time(self.to);
            (self.days.contains(date) && date.and_time(self.from) <= local && local < end).then_some(end)
        };
        began(today).into_iter().chain(today.pred_opt().filter(|_| over_midnight).and_then(began)).max()
    }

    /// When the hours end that a time lies in, where several follow each other without a gap.
    #[must_use]
    pub fn end_of(all: &[Self], local: NaiveDateTime) -> Option<NaiveDateTime> {
        let end_at = |local| all.iter().filter_map(|hours| hours.end_at(local)).max();
        let mut end = end_at(local)?;
        // A week of hours that touch each other is as good as for ever.
        for _ in 0..14 {
            match end_at(end) {
                Some(later) => end = later,
                None => break,
            }
        }
        Some(end)
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to =
            if self.to == NaiveTime::MIN { "24:00".to_owned() } else { self.to.format("%H:%M").to_string() };
        write!(f, "{} {}-{to}", self.days, self.from.format("%H:%M"))
    }
}

impl FromStr for Hours {
    type Err = NoHours;

    fn from_str(text: &str) -> Result<Self, NoHours> {
        let no = || NoHours::Times(text.to_owned());
        let (days, times) = text.trim().rsplit_once(char::is_whitespace).ok_or_else(no)?;
        let (from, to) = times.split_once(['-', '–']).ok_or_else(no)?;
        let time = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").map_err(|_| no());
        let to = if to == "24:00" { NaiveTime::MIN } else { time(to)? };
        Ok(Self { days: days.parse()?, from: time(from)?, to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn local(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
    }

    fn in_november(text: &str) -> Vec<u32> {
        let days: Days = text.parse().unwrap();
        assert_eq!(days.to_string().parse(), Ok(days));
        days.between(date("2026-11-01"), date("2026-11-30")).map(|day| day.day()).collect()
    }

    #[test]
    fn days_are_weekdays_the_nth_of_a_month_or_so_many_after_it() {
        assert_eq!(in_november("Thu"), [5, 12, 19, 26]);
        assert_eq!(in_november("2nd Tue"), [10]);
        assert_eq!(in_november("last monday"), [30]);
        assert_eq!(in_november("2nd Tue +9"), [19]);
        assert_eq!(in_november("1st Sun -1"), Vec::<u32>::new(), "the first Sunday is the 1st");
        assert_eq!(
            "1st Sun -1".parse::<Days>().unwrap().between(date("2026-10-31"), date("2026-10-31")).count(),
            1
        );
        assert_eq!(in_november("5th Mon"), [30]);
        assert_eq!(in_november("daily").len(), 30);
        assert_eq!("2nd Tue +9".parse::<Days>().unwrap().weekday(), Some(Weekday::Thu));
        assert!("second".parse::<Days>().is_err() && "2nd Tue +99".parse::<Days>().is_err());
    }

    #[test]
    fn hours_over_midnight_belong_to_the_day_they_begin_on() {
        let hours: Hours = "Sat 22:00-04:00".parse().unwrap();
        assert_eq!(hours.end_at(local("2026-11-28 23:00")), Some(local("2026-11-29 04:00")));
        assert_eq!(hours.end_at(local("2026-11-29 03:59")), Some(local("2026-11-29 04:00")));
        assert_eq!(hours.end_at(local("2026-11-29 04:00")), None);
        assert_eq!(hours.end_at(local("2026-11-29 23:00")), None);
        assert_eq!(hours.to_string(), "Sat 22:00-04:00");
    }

    #[test]
    fn hours_that_touch_are_one() {
        let all: Vec<Hours> = ["Thu 20:00-24:00", "Fri 00:00-03:00"].map(|text| text.parse().unwrap()).into();
        assert_eq!(Hours::end_of(&all, local("2026-11-26 21:00")), Some(local("2026-11-27 03:00")));
    }

    #[test]
    fn what_is_not_understood_is_told_how_to_write() {
        insta::assert_snapshot!("Thu".parse::<Hours>().unwrap_err(), @r#""Thu" has no times of day; write "Thu 20:00-24:00", or "Sat 22:00-04:00" for a night that ends on Sunday"#);
        insta::assert_snapshot!("Thursdy 20:00-22:00".parse::<Hours>().unwrap_err(), @r#""Thursdy" names no days; write "Thu", "2nd Tue", "last Fri", "2nd Tue +9" (nine days after the second Tuesday) or "daily""#);
    }

    proptest! {
        #[test]
        fn the_nth_weekday_comes_at_most_once_a_month(number in 1..=5_u8, weekday in 0..7_u8, offset in -27..=27_i64, month in 0..48_u32) {
            let days = Days::Monthly { nth: Nth::Nth(number), weekday: Weekday::try_from(weekday).unwrap(), offset: 0 };
            let first = date("2025-01-01").checked_add_months(chrono::Months::new(month)).unwrap();
            let last = first.checked_add_months(chrono::Months::new(1)).unwrap() - TimeDelta::days(1);
            let found: Vec<NaiveDate> = days.between(first, last).collect();
            prop_assert!(found.len() <= 1 && (number == 5 || found.len() == 1));
            let after = Days::Monthly { nth: Nth::Nth(number), weekday: Weekday::try_from(weekday).unwrap(), offset };
            for day in found {
                let there = shifted(day, offset).unwrap();
                prop_assert!(after.contains(there));
                prop_assert_eq!(after.weekday(), Some(there.weekday()));
            }
        }

        #[test]
        fn any_text_is_hours_or_an_error(text in ".{0,40}") {
            if let Ok(hours) = text.parse::<Hours>() {
                prop_assert_eq!(hours.to_string().parse::<Hours>(), Ok(hours));
            }
        }
    }
}
