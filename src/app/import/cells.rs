//! Dates, times of day and statuses as files write them. Pure.

use chrono::{NaiveDate, NaiveTime};

use crate::domain::filter::fold;

/// The statuses that such files use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileStatus {
    Pending,
    Approved,
    AutoApproved,
    Scheduled,
    Completed,
    Failed,
    Cancelled,
}

impl FileStatus {
    const ALL: [Self; 7] = [
        Self::Pending,
        Self::Approved,
        Self::AutoApproved,
        Self::Scheduled,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The status as files write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Approved => "Approved",
            Self::AutoApproved => "Auto-Approved",
            Self::Scheduled => "Scheduled",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }

    /// Whether two statuses say the same about consent: an approved window is scheduled later, by itself.
    pub(crate) fn agrees(self, other: Self) -> bool {
        let consented = |status| matches!(status, Self::Approved | Self::AutoApproved | Self::Scheduled);
        self == other || (consented(self) && consented(other))
    }
}

/// The ways of writing a date that mean one day only.
const DATES: [&str; 9] = [
    "%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d %B %Y", "%d-%B-%Y", "%d/%B/%Y", "%B %d, %Y", "%B %d %Y",
    "%Y-%m-%d %H:%M:%S",
];

/// Reads a date. What could mean two days is refused, and both are named.
pub(super) fn date(cell: &str) -> Result<NaiveDate, String> {
    // Weekdays are decoration: "Thu 3 Dec 2026".
    let bare = match cell.split_once([' ', ',']) {
        Some((word, rest)) if word.len() >= 3 && word.parse::<chrono::Weekday>().is_ok() => {
            rest.trim_start_matches([',', ' '])
        }
        _ => cell,
    };
    let year = |date: &NaiveDate| (1970..=9999).contains(&chrono::Datelike::year(date));
    if let Some(date) =
        DATES.iter().find_map(|format| NaiveDate::parse_from_str(bare, format).ok()).filter(year)
    {
        return Ok(date);
    }
    let both: Vec<NaiveDate> = ["%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y"]
        .iter()
        .filter_map(|format| NaiveDate::parse_from_str(bare, format).ok().filter(year))
        .collect();
    match both.as_slice() {
        [date] => Ok(*date),
        [one, other, ..] if one == other => Ok(*one),
        [one, other, ..] => Err(format!("\"{cell}\" can mean {one} or {other}; write the one that is meant")),
        [] => Err(format!("\"{cell}\" is not a date; write it as 2026-12-03")),
    }
}

/// Reads a time of day.
pub(super) fn time(cell: &str) -> Result<NaiveTime, String> {
    let upper = cell.to_uppercase();
    // chrono wants minutes before AM and PM.
    let full = match upper.strip_suffix("AM").or_else(|| upper.strip_suffix("PM")) {
        Some(hours) if !hours.contains(':') => {
            let half = upper.get(hours.len()..).unwrap_or_default();
            format!("{}:00 {half}", hours.trim())
        }
        _ => upper,
    };
    ["%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M%p", "%I:%M:%S %p"]
        .iter()
        .find_map(|format| NaiveTime::parse_from_str(&full, format).ok())
        .ok_or_else(|| format!("\"{cell}\" is not a time of day; write it as 20:00"))
}

/// Reads a status.
pub(super) fn status(cell: &str) -> Result<FileStatus, String> {
    let folded = fold(cell);
    // American and British.
    let folded = if folded == "canceled" { "cancelled".to_owned() } else { folded };
    FileStatus::ALL.into_iter().find(|status| fold(status.as_str()) == folded).ok_or_else(|| {
        let known: Vec<&str> = FileStatus::ALL.into_iter().map(FileStatus::as_str).collect();
        format!("\"{cell}\" is not a status; use {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_date_is_read_in_every_way_of_writing_it_that_means_one_day() {
        for cell in [
            "2026-12-03", "2026/12/03", "3.12.2026", "03.12.2026", "3 Dec 2026", "03-Dec-2026",
            "December 3, 2026", "Thu 3 Dec 2026", "Thursday, 3 December 2026", "2026-12-03 00:00:00",
        ] {
            assert_eq!(date(cell).map(|date| date.to_string()).as_deref(), Ok("2026-12-03"), "{cell}");
        }
        assert_eq!(date("25/12/2026").map(|date| date.to_string()).as_deref(), Ok("2026-12-25"));
        assert_eq!(date("11/11/2026").map(|date| date.to_string()).as_deref(), Ok("2026-11-11"));
        insta::assert_snapshot!(
            [date("03/12/2026"), date("31.02.2026"), date("soon"), date("03.12.26")].map(|wrong| wrong.unwrap_err()).join("\n"), @r#"
        "03/12/2026" can mean 2026-12-03 or 2026-03-12; write the one that is meant
        "31.02.2026" is not a date; write it as 2026-12-03
        "soon" is not a date; write it as 2026-12-03
        "03.12.26" is not a date; write it as 2026-12-03
        "#);
    }

    #[test]
    fn a_time_of_day_is_read_with_and_without_am_and_pm() {
        for cell in ["20:00", "20:00:00", "8pm", "8 PM", "8:00 pm", "08:00PM"] {
            assert_eq!(time(cell).map(|time| time.to_string()).as_deref(), Ok("20:00:00"), "{cell}");
        }
        for cell in ["24:00", "8", "2000", "13pm", "", "noon"] {
            assert!(time(cell).is_err(), "{cell}");
        }
    }

    proptest! {
        #[test]
        fn no_cell_panics(cell in "\\PC{0,30}") {
            for sentence in [date(&cell).err(), time(&cell).err(), status(&cell).err()].into_iter().flatten() {
                prop_assert!(!sentence.is_empty());
            }
        }

        #[test]
        fn a_date_that_is_written_as_it_should_be_is_read_back(days in 0..60_000_i64) {
            let day = NaiveDate::from_ymd_opt(1990, 1, 1).unwrap() + chrono::TimeDelta::days(days);
            prop_assert_eq!(date(&day.to_string()), Ok(day));
        }
    }
}
