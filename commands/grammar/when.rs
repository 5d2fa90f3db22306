//! Times as they are typed; they stay unresolved, because resolving needs a clock, a zone and its DST rules.

use std::fmt;

use super::error::{ParseError, Problem};
use super::lex::{Word, Words};

/// A calendar date that exists (proleptic Gregorian, years 1970 to 9998).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// The year.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to the month's last.
    pub day: u8,
}

/// A time of day on a wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime {
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Weekday {
    /// Monday
    Mon,
    /// Tuesday
    Tue,
    /// Wednesday
    Wed,
    /// Thursday
    Thu,
    /// Friday
    Fri,
    /// Saturday
    Sat,
    /// Sunday
    Sun,
}

/// A zone as it was typed: `Europe/Berlin`, `UTC`, or an abbreviation that the domain knows or refuses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ZoneWord(String);

impl ZoneWord {
    /// The zone as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A day that depends on today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Day {
    /// `today`
    Today,
    /// `tomorrow`
    Tomorrow,
    /// The next such day that is not today.
    Next(Weekday),
}

/// A time as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// `2026-12-04 20:00 [zone]`, perhaps with its weekday before it.
    Iso {
        /// Must fit the date.
        weekday: Option<Weekday>,
        /// The date.
        date: Date,
        /// The time of day.
        time: WallTime,
        /// The server's zone when absent.
        zone: Option<ZoneWord>,
    },
    /// `Fri 4 Dec 2026 20:00 [zone]`, as notices print it.
    Named {
        /// Must fit the date.
        weekday: Option<Weekday>,
        /// The date.
        date: Date,
        /// The time of day.
        time: WallTime,
        /// The server's zone when absent.
        zone: Option<ZoneWord>,
    },
    /// `Friday 20:00`, `tomorrow 20:00`.
    Relative {
        /// Which day.
        day: Day,
        /// The time of day.
        time: WallTime,
        /// The server's zone when absent.
        zone: Option<ZoneWord>,
    },
    /// `in 3 days`: so many days later than now, at the window's own time of day.
    InDays(u16),
}

const MONTHS: [&str; 12] = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
];
const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Mon),
    ("tuesday", Weekday::Tue),
    ("wednesday", Weekday::Wed),
    ("thursday", Weekday::Thu),
    ("friday", Weekday::Fri),
    ("saturday", Weekday::Sat),
    ("sunday", Weekday::Sun),
];

/// Whether a folded word is a name or its beginning of at least three letters ("tues", "sept.").
fn abbreviates(word: &str, name: &str) -> bool {
    let word = word.trim_end_matches('.');
    word.len() >= 3 && name.starts_with(word)
}

fn weekday_of(word: &str) -> Option<Weekday> {
    let folded = word.to_lowercase();
    WEEKDAYS.iter().find(|(name, _)| abbreviates(&folded, name)).map(|(_, day)| *day)
}

fn month_of(word: &str) -> Option<u8> {
    let folded = word.to_lowercase();
    (1..).zip(MONTHS).find(|(_, name)| abbreviates(&folded, name)).map(|(number, _)| number)
}

/// Whether a word begins a time, so that the servers before it end.
pub(super) fn starts_a_time(word: &str) -> bool {
    let shaped_like_a_date = word.len() >= 8
        && word.chars().filter(|c| matches!(c, '-' | '/' | '.')).count() == 2
        && word.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '/' | '.'));
    let shaped_like_a_time = word.contains(':') && word.starts_with(|c: char| c.is_ascii_digit());
    shaped_like_a_date
        || shaped_like_a_time
        || weekday_of(word).is_some()
        || matches!(word.to_lowercase().as_str(), "today" | "tomorrow" | "tonight" | "next")
}

impl Date {
    /// A date, when it exists.
    #[must_use]
    pub fn new(year: i32, month: u8, day: u8) -> Option<Self> {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let last = match month {
            2 => 28 + u8::from(leap),
            4 | 6 | 9 | 11 => 30,
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            _ => return None,
        };
        ((1970..=9998).contains(&year) && (1..=last).contains(&day)).then_some(Self { year, month, day })
    }

    pub(crate) fn read(words: &Words, word: &Word) -> Result<Self, ParseError> {
        let wrong = |hint: &str| {
            words.error_at(word.span, Problem::NotADate { word: word.text.clone(), hint: hint.to_owned() })
        };
        let parts: Vec<&str> = word.text.split('-').collect();
        let numbers: Option<Vec<i32>> = parts.iter().map(|part| part.parse().ok()).collect();
        let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        match (numbers.as_deref(), lengths.as_slice()) {
            (Some(&[year, month, day]), [4, 1..=2, 1..=2]) => u8::try_from(month)
                .ok()
                .zip(u8::try_from(day).ok())
                .and_then(|(month, day)| Self::new(year, month, day))
                .ok_or_else(|| wrong("there is no such day; write it as 2026-12-04")),
            _ => Err(wrong(&Self::hint(&word.text))),
        }
    }

    /// Offers the one or two days that a date in another notation could be.
    fn hint(text: &str) -> String {
        let parts: Vec<i32> = text.split(['.', '/', '-']).filter_map(|part| part.parse().ok()).collect();
        let mut days = Vec::new();
        if let [first, second, year] = *parts.as_slice() {
            let year = if year < 100 { year + 2000 } else { year };
            for (month, day) in [(second, first), (first, second)] {
                let date = u8::try_from(month)
                    .ok()
                    .zip(u8::try_from(day).ok())
                    .and_then(|(m, d)| Self::new(year, m, d));
                days.extend(date.map(|date| date.to_string()).filter(|date| !days.contains(date)));
            }
        }
        if days.is_empty() {
            "write it as 2026-12-04".to_owned()
        } else {
            format!("write it as {}", days.join(" or "))
        }
    }
}

impl WallTime {
    /// A time of day, when it exists.
    #[must_use]
    pub fn new(hour: u8, minute: u8) -> Option<Self> {
        (hour < 24 && minute < 60).then_some(Self { hour, minute })
    }

    pub(crate) fn take(words: &mut Words) -> Result<Self, ParseError> {
        let _ = words.take(",") || words.take("at");
        let Some(word) = words.next() else {
            return Err(words.error_here(Problem::Missing("The time of day (as 20:00)")));
        };
        Self::read(&word.text)
            .ok_or_else(|| words.error_at(word.span, Problem::NotATime { word: word.text.clone() }))
    }

    /// Reads `20:00`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let digits = |part: &str, most: usize| {
            let fine = (1..=most).contains(&part.len()) && part.chars().all(|c| c.is_ascii_digit());
            fine.then(|| part.parse().ok()).flatten()
        };
        text.split_once(':')
            .filter(|(_, minute)| minute.len() == 2)
            .and_then(|(hour, minute)| Self::new(digits(hour, 2)?, digits(minute, 2)?))
    }
}

impl ZoneWord {
    /// Takes the next word when it looks like a zone.
    pub(crate) fn take(words: &mut Words) -> Result<Option<Self>, ParseError> {
        let Some(word) = words.peek().filter(|word| !word.quoted).cloned() else { return Ok(None) };
        let shaped = word.text.contains('/')
            || word.is("utc")
            || word.is("gmt")
            || ((2..=5).contains(&word.text.len()) && word.text.chars().all(|c| c.is_ascii_uppercase()));
        if !shaped {
            return Ok(None);
        }
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+');
        if word.text.len() > 60 || !word.text.chars().all(fine) {
            return Err(words.error_at(word.span, Problem::NotAZone { word: word.text }));
        }
        words.next();
        Ok(Some(Self(word.text)))
    }
}

impl When {
    /// Whether a word begins a time, or the "to" before it.
    pub(crate) fn begins(word: &Word) -> bool {
        word.is("to") || starts_a_time(&word.text) || word.is("in")
    }

    /// Whether the typed words name one calendar day by digits, so that nothing is left to interpret.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        matches!(self, Self::Iso { .. })
    }

    pub(crate) fn take(words: &mut Words) -> Result<Self, ParseError> {
        let _ = words.take("to");
        let Some(first) = words.peek().cloned() else {
            return Err(words.error_here(Problem::Missing("The new time (as 2026-12-04 20:00)")));
        };
        let ask = |hint: &str| Problem::NotADate { word: first.text.clone(), hint: hint.to_owned() };
        if words.take("in") {
            return Self::take_days(words);
        }
        if words.take("today") || words.take("tomorrow") {
            let day = if first.is("today") { Day::Today } else { Day::Tomorrow };
            return Ok(Self::Relative { day, time: WallTime::take(words)?, zone: ZoneWord::take(words)? });
        }
        if first.is("next") || first.is("tonight") || first.is("midnight") {
            return Err(
                words.error_at(first.span, ask("it can mean two days; write the date, as 2026-12-04"))
            );
        }
        let weekday = weekday_of(&first.text);
        if let Some(day) = weekday {
            words.next();
            let _ = words.take(",");
            if words.peek().is_some_and(|word| word.text.contains(':') || word.is("at")) {
                let day = Day::Next(day);
                return Ok(Self::Relative {
                    day,
                    time: WallTime::take(words)?,
                    zone: ZoneWord::take(words)?,
                });
            }
        }
        let Some(word) = words.next() else {
            return Err(words.error_here(Problem::Missing("The time of day (as 20:00)")));
        };
        let is_day_number = word.text.len() <= 2 && word.text.chars().all(|c| c.is_ascii_digit());
        if is_day_number {
            let date = Self::take_named_date(words, &word)?;
            return Ok(Self::Named {
                weekday,
                date,
                time: WallTime::take(words)?,
                zone: ZoneWord::take(words)?,
            });
        }
        if word.text.contains(':') {
            let hint = "the date is missing before it; write 2026-12-04 20:00";
            return Err(words
                .error_at(word.span, Problem::NotADate { word: word.text.clone(), hint: hint.to_owned() }));
        }
        let date = Date::read(words, &word)?;
        Ok(Self::Iso { weekday, date, time: WallTime::take(words)?, zone: ZoneWord::take(words)? })
    }

    fn take_named_date(words: &mut Words, day: &Word) -> Result<Date, ParseError> {
        let wrong = |words: &Words, word: &Word, hint: &str| {
            words.error_at(word.span, Problem::NotADate { word: word.text.clone(), hint: hint.to_owned() })
        };
        let month = words.next().ok_or_else(|| wrong(words, day, "write it as 2026-12-04"))?;
        let number = month_of(&month.text).ok_or_else(|| wrong(words, &month, "write it as 2026-12-04"))?;
        let year = words
            .peek()
            .cloned()
            .filter(|word| word.text.len() == 4 && word.text.chars().all(|c| c.is_ascii_digit()));
        let Some(year) = year else {
            return Err(wrong(words, &month, "the year is missing; write it as 2026-12-04"));
        };
        words.next();
        year.text
            .parse()
            .ok()
            .zip(day.text.parse().ok())
            .and_then(|(year, day)| Date::new(year, number, day))
            .ok_or_else(|| wrong(words, day, "there is no such day; write it as 2026-12-04"))
    }

    fn take_days(words: &mut Words) -> Result<Self, ParseError> {
        Days::take(words).map(|days| Self::InDays(days.count()))
    }
}

/// A number of days or weeks, from a day to 90 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Days(u16);

impl Days {
    pub(crate) fn of(days: u16) -> Self {
        Self(days)
    }

    pub(crate) fn count(self) -> u16 {
        self.0
    }

    /// Reads `3 days`, `2 weeks`, `a week`, `one day`.
    pub(crate) fn take(words: &mut Words) -> Result<Self, ParseError> {
        const WANTED: &str = "a number of days or weeks, from 1 day to 90 days";
        let Some(number) = words.next() else {
            return Err(words.error_here(Problem::Missing("The number of days or weeks")));
        };
        let wrong = |words: &Words, word: &Word| {
            words.error_at(word.span, Problem::NotANumber { word: word.text.clone(), wanted: WANTED })
        };
        let count: u16 = match number.folded().as_str() {
            "a" | "one" => 1,
            "two" => 2,
            "three" => 3,
            "four" => 4,
            text if text.chars().all(|c| c.is_ascii_digit()) => {
                text.parse().map_err(|_| wrong(words, &number))?
            }
            _ => return Err(wrong(words, &number)),
        };
        let Some(unit) = words.next() else {
            return Err(words.error_here(Problem::Missing("The unit (days or weeks)")));
        };
        let days = match unit.folded().as_str() {
            "day" | "days" => count,
            "week" | "weeks" => count.saturating_mul(7),
            _ => return Err(wrong(words, &unit)),
        };
        if (1..=90).contains(&days) { Ok(Self(days)) } else { Err(wrong(words, &number)) }
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1 day"),
            7 => f.write_str("1 week"),
            days if days % 7 == 0 => write!(f, "{} weeks", days / 7),
            days => write!(f, "{days} days"),
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

impl fmt::Display for Weekday {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Debug is the three-letter name by construction of the enum.
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = match self {
            Self::Iso { weekday, date, time, zone } => {
                weekday.iter().try_for_each(|day| write!(f, "{day} "))?;
                write!(f, "{date} {time}")?;
                zone
            }
            Self::Named { weekday, date, time, zone } => {
                weekday.iter().try_for_each(|day| write!(f, "{day} "))?;
                let month: String = MONTHS
                    .get(usize::from(date.month).saturating_sub(1))
                    .map(|name| name.chars().take(3).collect())
                    .unwrap_or_default();
                write!(f, "{} {month} {} {time}", date.day, date.year)?;
                zone
            }
            Self::Relative { day, time, zone } => {
                match day {
                    Day::Today => f.write_str("today")?,
                    Day::Tomorrow => f.write_str("tomorrow")?,
                    Day::Next(weekday) => weekday.fmt(f)?,
                }
                write!(f, " {time}")?;
                zone
            }
            Self::InDays(days) => return write!(f, "in {}", Days(*days)),
        };
        zone.iter().try_for_each(|zone| write!(f, " {}", zone.0))
    }
}
