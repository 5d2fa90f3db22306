//! Quarters: a year cut into four, as the customer defines it.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Months, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// One quarter, with the year in which it ends: `2027-Q1` is November 2026 to January 2027 by default.
// Without an order: in a year that begins in May, 1994-Q2 is followed by 1995-Q3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Quarter {
    year: i32,
    number: u8,
}

/// A text that is no quarter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a quarter; write it as 2027-Q1, with the year in which it ends")]
pub struct NotAQuarter(pub String);

impl Quarter {
    /// The quarter `number` (1 to 4) that ends in `year`; `None` outside of that.
    #[must_use]
    pub fn new(year: i32, number: u8) -> Option<Self> {
        ((1..=4).contains(&number) && (1970..=9998).contains(&year)).then_some(Self { year, number })
    }

    /// The number from 1 to 4.
    #[must_use]
    pub fn number(self) -> u8 {
        self.number
    }
}

impl fmt::Display for Quarter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-Q{}", self.year, self.number)
    }
}

impl FromStr for Quarter {
    type Err = NotAQuarter;
    fn from_str(text: &str) -> Result<Self, NotAQuarter> {
        patchbot_commands::QuarterName::read(text.trim())
            .and_then(|name| Self::new(name.year, name.number))
            .ok_or_else(|| NotAQuarter(text.to_owned()))
    }
}

impl From<patchbot_commands::QuarterName> for Quarter {
    fn from(name: patchbot_commands::QuarterName) -> Self {
        Self { year: name.year, number: name.number }
    }
}

impl TryFrom<String> for Quarter {
    type Error = NotAQuarter;
    fn try_from(text: String) -> Result<Self, NotAQuarter> {
        text.parse()
    }
}

impl From<Quarter> for String {
    fn from(quarter: Quarter) -> Self {
        quarter.to_string()
    }
}

/// Which months each quarter has. Every month belongs to exactly one quarter, and a quarter's months follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarters {
    /// For Q1 to Q4: the first month (1 to 12) and how many.
    parts: [(u32, u32); 4],
}

/// A definition of quarters that leaves a month out, has one twice, or jumps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadQuarters {
    /// A number that is no month.
    #[error("quarter {quarter} names month {month}; months are 1 (January) to 12 (December)")]
    NoSuchMonth {
        /// The quarter's number.
        quarter: usize,
        /// The number given.
        month: u32,
    },
    /// A month in no quarter.
    #[error("{} is in no quarter; every month must be in exactly one", month_name(*.0))]
    Missing(u32),
    /// A month in two quarters.
    #[error("{} is in quarter {first} and again in quarter {second}; every month must be in exactly one", month_name(*.month))]
    Twice {
        /// The month.
        month: u32,
        /// The quarter that has it first.
        first: usize,
        /// The quarter that has it again.
        second: usize,
    },
    /// A quarter whose months do not follow each other.
    #[error("the months of quarter {quarter} do not follow each other: after {} comes {}", month_name(*.before), month_name(*.after))]
    Jump {
        /// The quarter's number.
        quarter: usize,
        /// A month.
        before: u32,
        /// What the definition has behind it.
        after: u32,
    },
    /// A quarter without months.
    #[error("quarter {0} has no months")]
    Empty(usize),
}

/// A month's English name; `?` outside 1 to 12.
#[must_use]
pub fn month_name(month: u32) -> &'static str {
    u8::try_from(month)
        .ok()
        .and_then(|month| chrono::Month::try_from(month).ok())
        .map_or("?", |month| month.name())
}

impl Default for Quarters {
    fn default() -> Self {
        Self { parts: [(11, 3), (2, 3), (5, 3), (8, 3)] }
    }
}

impl Quarters {
    /// Takes the months of Q1 to Q4 in their order.
    ///
    /// # Errors
    /// When a month is missing, doubled or out of order; the month is named.
    pub fn new(definition: &[Vec<u32>; 4]) -> Result<Self, BadQuarters> {
        let mut owner = [0_usize; 13];
        for (months, quarter) in definition.iter().zip(1..) {
            if months.is_empty() {
                return Err(BadQuarters::Empty(quarter));
            }
            for &month in months {
                match usize::try_from(month)
                    .ok()
                    .filter(|_| month >= 1)
                    .and_then(|index| owner.get_mut(index))
                {
                    None => return Err(BadQuarters::NoSuchMonth { quarter, month }),
                    Some(first) if *first != 0 => {
                        return Err(BadQuarters::Twice { month, first: *first, second: quarter });
                    }
                    Some(free) => *free = quarter,
                }
            }
            for pair in months.windows(2) {
                if let [before, after] = *pair
                    && before % 12 + 1 != after
                {
                    return Err(BadQuarters::Jump { quarter, before, after });
                }
            }
        }
        if let Some((month, _)) = (0..).zip(owner).skip(1).find(|(_, quarter)| *quarter == 0) {
            return Err(BadQuarters::Missing(month));
        }
        let part = |months: &Vec<u32>| {
            (months.first().copied().unwrap_or(1), u32::try_from(months.len()).unwrap_or(3))
        };
        let [q1, q2, q3, q4] = definition;
        Ok(Self { parts: [part(q1), part(q2), part(q3), part(q4)] })
    }

    fn part(&self, quarter: Quarter) -> (u32, u32) {
        self.parts.get(usize::from(quarter.number).saturating_sub(1)).copied().unwrap_or((1, 3))
    }

    /// The first day of a quarter.
    #[must_use]
    pub fn first_day(&self, quarter: Quarter) -> NaiveDate {
        let (first, length) = self.part(quarter);
        let begins_the_year_before = first.saturating_add(length) > 13;
        let year = quarter.year.saturating_sub(i32::from(begins_the_year_before));
        NaiveDate::from_ymd_opt(year, first, 1).unwrap_or(NaiveDate::MIN)
    }

    /// The last day of a quarter.
    #[must_use]
    pub fn last_day(&self, quarter: Quarter) -> NaiveDate {
        let (_, length) = self.part(quarter);
        self.first_day(quarter)
            .checked_add_months(Months::new(length))
            .and_then(|after| after.pred_opt())
            .unwrap_or(NaiveDate::MAX)
    }

    /// The first days of a quarter's months.
    pub fn firsts_of_months(&self, quarter: Quarter) -> impl Iterator<Item = NaiveDate> + use<> {
        let (_, length) = self.part(quarter);
        let first = self.first_day(quarter);
        (0..length).filter_map(move |month| first.checked_add_months(Months::new(month)))
    }

    /// The quarter a date lies in.
    #[must_use]
    pub fn of(&self, date: NaiveDate) -> Quarter {
        let candidates = (-1..=1).flat_map(|offset| {
            (1..=4).map(move |number| Quarter { year: date.year().saturating_add(offset), number })
        });
        let fallback = Quarter { year: date.year(), number: 1 };
        candidates.into_iter().find(|quarter| self.contains(*quarter, date)).unwrap_or(fallback)
    }

    /// The quarter after another.
    #[must_use]
    pub fn after(&self, quarter: Quarter) -> Quarter {
        self.of(self.last_day(quarter).succ_opt().unwrap_or(NaiveDate::MAX))
    }

    /// The quarter before another.
    #[must_use]
    pub fn before(&self, quarter: Quarter) -> Quarter {
        self.of(self.first_day(quarter).pred_opt().unwrap_or(NaiveDate::MIN))
    }

    /// Whether a date lies in a quarter.
    #[must_use]
    pub fn contains(&self, quarter: Quarter, date: NaiveDate) -> bool {
        (self.first_day(quarter)..=self.last_day(quarter)).contains(&date)
    }

    /// The quarter that is current at an instant in a zone. There is no current quarter without a zone.
    #[must_use]
    pub fn current(&self, now: DateTime<Utc>, zone: Tz) -> Quarter {
        self.of(now.with_timezone(&zone).date_naive())
    }

    /// A quarter in words: `2027-Q1 (1 Nov 2026 to 31 Jan 2027)`.
    #[must_use]
    pub fn describe(&self, quarter: Quarter) -> String {
        let day = |date: NaiveDate| date.format("%-d %b %Y").to_string();
        format!("{quarter} ({} to {})", day(self.first_day(quarter)), day(self.last_day(quarter)))
    }

    /// How many days of a quarter are left after a date, the date not counted.
    #[must_use]
    pub fn days_left(&self, quarter: Quarter, date: NaiveDate) -> i64 {
        self.last_day(quarter).signed_duration_since(date).max(TimeDelta::zero()).num_days()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quarter(text: &str) -> Quarter {
        text.parse().unwrap()
    }

    #[test]
    fn the_default_first_quarter_begins_in_november_of_the_year_before() {
        let quarters = Quarters::default();
        assert_eq!(quarters.describe(quarter("2027-Q1")), "2027-Q1 (1 Nov 2026 to 31 Jan 2027)");
        assert_eq!(quarters.describe(quarter("2027-Q2")), "2027-Q2 (1 Feb 2027 to 30 Apr 2027)");
        assert_eq!(quarters.describe(quarter("2027-Q4")), "2027-Q4 (1 Aug 2027 to 31 Oct 2027)");
        assert_eq!(quarters.after(quarter("2026-Q4")), quarter("2027-Q1"));
    }

    #[test]
    fn which_quarter_is_current_depends_on_the_zone() {
        let quarters = Quarters::default();
        let midnight = "2026-10-31T23:30:00Z".parse().unwrap();
        assert_eq!(quarters.current(midnight, Tz::Europe__Berlin), quarter("2027-Q1"));
        assert_eq!(quarters.current(midnight, Tz::America__New_York), quarter("2026-Q4"));
    }

    #[test]
    fn a_definition_that_misses_doubles_or_jumps_is_refused_with_the_month_named() {
        let sentence = |definition: [&[u32]; 4]| {
            Quarters::new(&definition.map(<[u32]>::to_vec)).unwrap_err().to_string()
        };
        insta::assert_snapshot!(sentence([&[1, 2, 3], &[4, 5, 6], &[7, 8], &[10, 11, 12]]),
            @"September is in no quarter; every month must be in exactly one");
        insta::assert_snapshot!(sentence([&[1, 2, 3], &[3, 4, 5, 6], &[7, 8, 9], &[10, 11, 12]]),
            @"March is in quarter 1 and again in quarter 2; every month must be in exactly one");
        insta::assert_snapshot!(sentence([&[1, 3, 2], &[4, 5, 6], &[7, 8, 9], &[10, 11, 12]]),
            @"the months of quarter 1 do not follow each other: after January comes March");
        insta::assert_snapshot!(sentence([&[1, 2, 13], &[4, 5, 6], &[7, 8, 9], &[10, 11, 12]]),
            @"quarter 1 names month 13; months are 1 (January) to 12 (December)");
        assert!(Quarters::new(&[vec![12, 1, 2], vec![3, 4, 5], vec![6, 7, 8], vec![9, 10, 11]]).is_ok());
    }

    proptest! {
        #[test]
        fn every_day_is_in_exactly_one_quarter(days in 0..40_000_i64, start in 1..=12_u32) {
            let months = |from: u32| (0..3).map(|i| (start - 1 + from + i) % 12 + 1).collect::<Vec<_>>();
            let quarters = Quarters::new(&[months(0), months(3), months(6), months(9)]).unwrap();
            let date = NaiveDate::from_ymd_opt(1990, 1, 1).unwrap() + TimeDelta::days(days);
            let found = quarters.of(date);
            prop_assert!(quarters.contains(found, date));
            let next = quarters.after(found);
            prop_assert!(!quarters.contains(next, date));
            prop_assert_eq!(quarters.first_day(next), quarters.last_day(found).succ_opt().unwrap());
            prop_assert_eq!(quarters.last_day(next).year(), next.year);
            prop_assert_eq!(quarters.before(next), found);
        }
    }
}
