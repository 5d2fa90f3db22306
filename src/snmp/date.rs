//! DateAndTime of RFC 2579: what hrSystemDate holds, as bytes.

use chrono::{FixedOffset, NaiveDate, NaiveDateTime};

/// A host's own date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostTime {
    /// On its own clock and calendar.
    pub local: NaiveDateTime,
    /// Its distance from UTC, when it told it.
    pub offset: Option<FixedOffset>,
}

/// Bytes that are no date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoDate {
    /// Neither 8 nor 11 bytes.
    #[error("{0} bytes, and a date has 8 or 11")]
    Length(usize),
    /// A day or time that does not exist.
    #[error("there is no such date or time")]
    Date,
    /// An offset that does not exist.
    #[error("there is no such offset from UTC")]
    Offset,
}

/// Reads the 8 or 11 bytes of a DateAndTime.
///
/// # Errors
/// When they are no date, time or offset.
pub fn parse(bytes: &[u8]) -> Result<HostTime, NoDate> {
    match *bytes {
        [y1, y2, month, day, hour, minute, second, tenth] => {
            let local = local([y1, y2], [month, day], [hour, minute, second, tenth])?;
            Ok(HostTime { local, offset: None })
        }
        [y1, y2, month, day, hour, minute, second, tenth, sign, hours, minutes] => {
            let local = local([y1, y2], [month, day], [hour, minute, second, tenth])?;
            Ok(HostTime { local, offset: Some(offset(sign, hours, minutes)?) })
        }
        _ => Err(NoDate::Length(bytes.len())),
    }
}

fn local(
    year: [u8; 2],
    [month, day]: [u8; 2],
    [hour, minute, second, tenth]: [u8; 4],
) -> Result<NaiveDateTime, NoDate> {
    let date = NaiveDate::from_ymd_opt(i32::from(u16::from_be_bytes(year)), u32::from(month), u32::from(day));
    // 60 is a leap second; no clock of ours knows them.
    let second = if second == 60 { 59 } else { second };
    if tenth > 9 {
        return Err(NoDate::Date);
    }
    date.and_then(|date| {
        let milli = u32::from(tenth).saturating_mul(100);
        date.and_hms_milli_opt(u32::from(hour), u32::from(minute), u32::from(second), milli)
    })
    .ok_or(NoDate::Date)
}

fn offset(sign: u8, hours: u8, minutes: u8) -> Result<FixedOffset, NoDate> {
    // RFC 2579 ends at 13 hours; Kiribati is at 14.
    if hours > 14 || minutes > 59 {
        return Err(NoDate::Offset);
    }
    let seconds = i32::from(hours).saturating_mul(3600).saturating_add(i32::from(minutes).saturating_mul(60));
    match sign {
        b'+' => FixedOffset::east_opt(seconds),
        b'-' => FixedOffset::west_opt(seconds),
        _ => None,
    }
    .ok_or(NoDate::Offset)
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, Timelike};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn eight_bytes_have_no_offset_and_eleven_have_one() {
        let short = parse(&[0x07, 0xea, 0x0b, 0x17, 0x14, 0x06, 0x00, 0x00]).unwrap();
        assert_eq!(short.local.to_string(), "2026-11-23 20:06:00");
        assert_eq!(short.offset, None);
        let long = parse(&[0x07, 0xea, 12, 3, 20, 0, 59, 5, b'-', 3, 30]).unwrap();
        assert_eq!(long.local.to_string(), "2026-12-03 20:00:59.500");
        assert_eq!(long.offset, FixedOffset::west_opt(12_600));
    }

    #[test]
    fn what_is_no_date_says_why() {
        assert_eq!(parse(b"").unwrap_err().to_string(), "0 bytes, and a date has 8 or 11");
        assert_eq!(parse(&[7, 0xea, 2, 30, 0, 0, 0, 0]), Err(NoDate::Date));
        assert_eq!(parse(&[7, 0xea, 2, 3, 24, 0, 0, 0]), Err(NoDate::Date));
        assert_eq!(parse(&[7, 0xea, 2, 3, 4, 0, 0, 0, b'?', 1, 0]), Err(NoDate::Offset));
        assert_eq!(parse(&[7, 0xea, 2, 3, 4, 0, 0, 0, b'+', 15, 0]), Err(NoDate::Offset));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_a_date_that_reads_back_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..13)) {
            if let Ok(time) = parse(&bytes) {
                prop_assert!(bytes.len() == 8 || bytes.len() == 11);
                prop_assert_eq!(time.offset.is_some(), bytes.len() == 11);
                let year = u16::from_be_bytes([bytes[0], bytes[1]]);
                prop_assert_eq!(time.local.year(), i32::from(year));
                prop_assert_eq!(time.local.month(), u32::from(bytes[2]));
                prop_assert_eq!(time.local.hour(), u32::from(bytes[4]));
            }
        }

        #[test]
        fn every_date_is_read(seconds in 0_i64..4_000_000_000, quarter in -56_i32..=56) {
            let offset = FixedOffset::east_opt(quarter * 900).unwrap();
            let local = chrono::DateTime::from_timestamp(seconds, 0).unwrap().naive_utc();
            let year = u16::try_from(local.year()).unwrap().to_be_bytes();
            let small = |number: u32| u8::try_from(number).unwrap();
            let minutes = (quarter * 15).unsigned_abs();
            let bytes = [
                year[0], year[1], small(local.month()), small(local.day()),
                small(local.hour()), small(local.minute()), small(local.second()), 0,
                if quarter < 0 { b'-' } else { b'+' }, small(minutes / 60), small(minutes % 60),
            ];
            prop_assert_eq!(parse(&bytes), Ok(HostTime { local, offset: Some(offset) }));
        }
    }
}
