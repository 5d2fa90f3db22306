//! Time zones as people write them: IANA names, one table of abbreviations, and what an offset says about a zone.

use std::fmt;

use chrono::{DateTime, FixedOffset, Offset, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use serde::{Deserialize, Serialize};

/// What an abbreviation stands for. The table is the only place where an abbreviation becomes a zone.
///
/// An abbreviation is listed with one zone when people who write it mean the wall clock of that place all year
/// (`EST` in July means New York), and with several when the places keep different clocks: then it is an error that
/// names them. `MST` is such a case (Phoenix has no summer time), and so are `AEST` and `ACST`.
pub const ABBREVIATIONS: &[(&str, &[Tz])] = &[
    // the world
    ("UTC", &[Tz::UTC]),
    ("Z", &[Tz::UTC]),
    ("GMT", &[Tz::GMT]),
    // North America
    ("ET", &[Tz::America__New_York]),
    ("EST", &[Tz::America__New_York]),
    ("EDT", &[Tz::America__New_York]),
    ("CT", &[Tz::America__Chicago]),
    ("CST", &[Tz::America__Chicago, Tz::Asia__Shanghai, Tz::America__Havana]),
    ("CDT", &[Tz::America__Chicago]),
    ("MT", &[Tz::America__Denver]),
    ("MST", &[Tz::America__Denver, Tz::America__Phoenix]),
    ("MDT", &[Tz::America__Denver]),
    ("PT", &[Tz::America__Los_Angeles]),
    ("PST", &[Tz::America__Los_Angeles]),
    ("PDT", &[Tz::America__Los_Angeles]),
    ("AKST", &[Tz::America__Anchorage]),
    ("AKDT", &[Tz::America__Anchorage]),
    ("HST", &[Tz::Pacific__Honolulu]),
    ("AST", &[Tz::America__Halifax, Tz::Asia__Riyadh]),
    ("ADT", &[Tz::America__Halifax]),
    ("NST", &[Tz::America__St_Johns]),
    ("NDT", &[Tz::America__St_Johns]),
    // South America
    ("ART", &[Tz::America__Argentina__Buenos_Aires]),
    ("BRT", &[Tz::America__Sao_Paulo]),
    ("CLT", &[Tz::America__Santiago]),
    ("CLST", &[Tz::America__Santiago]),
    ("COT", &[Tz::America__Bogota]),
    ("PET", &[Tz::America__Lima]),
    // Europe; the IANA database has these names for the same places
    ("WET", &[Tz::Europe__Lisbon]),
    ("WEST", &[Tz::Europe__Lisbon]),
    ("BST", &[Tz::Europe__London, Tz::Asia__Dhaka]),
    ("IST", &[Tz::Asia__Kolkata, Tz::Europe__Dublin, Tz::Asia__Jerusalem]),
    ("CET", &[Tz::Europe__Brussels]),
    ("CEST", &[Tz::Europe__Brussels]),
    ("MET", &[Tz::Europe__Brussels]),
    ("MEZ", &[Tz::Europe__Berlin]),
    ("MESZ", &[Tz::Europe__Berlin]),
    ("EET", &[Tz::Europe__Athens]),
    ("EEST", &[Tz::Europe__Athens]),
    ("MSK", &[Tz::Europe__Moscow]),
    ("TRT", &[Tz::Europe__Istanbul]),
    // Africa
    ("WAT", &[Tz::Africa__Lagos]),
    ("CAT", &[Tz::Africa__Maputo]),
    ("EAT", &[Tz::Africa__Nairobi]),
    ("SAST", &[Tz::Africa__Johannesburg]),
    // Asia
    ("GST", &[Tz::Asia__Dubai]),
    ("PKT", &[Tz::Asia__Karachi]),
    ("NPT", &[Tz::Asia__Kathmandu]),
    ("ICT", &[Tz::Asia__Bangkok]),
    ("WIB", &[Tz::Asia__Jakarta]),
    ("SGT", &[Tz::Asia__Singapore]),
    ("SST", &[Tz::Pacific__Pago_Pago, Tz::Asia__Singapore]),
    ("HKT", &[Tz::Asia__Hong_Kong]),
    ("JST", &[Tz::Asia__Tokyo]),
    ("KST", &[Tz::Asia__Seoul]),
    // Australia and New Zealand
    ("AWST", &[Tz::Australia__Perth]),
    ("ACST", &[Tz::Australia__Adelaide, Tz::Australia__Darwin]),
    ("ACDT", &[Tz::Australia__Adelaide]),
    ("AEST", &[Tz::Australia__Sydney, Tz::Australia__Brisbane]),
    ("AEDT", &[Tz::Australia__Sydney]),
    ("NZST", &[Tz::Pacific__Auckland]),
    ("NZDT", &[Tz::Pacific__Auckland]),
];

/// Why a text is no zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ZoneError {
    /// Nothing was written.
    Empty,
    /// An abbreviation that stands for several zones.
    Ambiguous {
        /// As it was written.
        text: String,
        /// What it can mean.
        candidates: Vec<Tz>,
    },
    /// An offset: it tells no summer time and no place.
    Offset {
        /// As it was written.
        text: String,
    },
    /// Nothing known by that name.
    Unknown {
        /// As it was written.
        text: String,
        /// The nearest names.
        near: Vec<Tz>,
    },
}

impl std::error::Error for ZoneError {}

impl fmt::Display for ZoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there is no time zone; write one such as Europe/Berlin"),
            Self::Ambiguous { text, candidates } => {
                write!(f, "\"{text}\" can mean {}; write the one that is meant", listed(candidates))
            }
            Self::Offset { text } => {
                write!(f, "\"{text}\" is an offset, not a time zone; write a zone such as Europe/Berlin")
            }
            Self::Unknown { text, near } if near.is_empty() => {
                write!(f, "\"{text}\" is no known time zone; write one such as Europe/Berlin")
            }
            Self::Unknown { text, near } => {
                write!(f, "\"{text}\" is no known time zone; did you mean {}?", listed(near))
            }
        }
    }
}

/// `A`, `A or B`, `A, B or C`.
fn listed(zones: &[Tz]) -> String {
    match zones.split_last() {
        None => String::new(),
        Some((last, [])) => last.name().to_owned(),
        Some((last, others)) => {
            let others: Vec<&str> = others.iter().map(|zone| zone.name()).collect();
            format!("{} or {}", others.join(", "), last.name())
        }
    }
}

/// Reads a zone: an IANA name in any case (blanks may stand for underscores), or an abbreviation of the table.
///
/// # Errors
/// When the text is empty, an offset, an ambiguous abbreviation, or nothing known; the error names the way out.
pub fn parse_zone(text: &str) -> Result<Tz, ZoneError> {
    let written = text.trim();
    if written.is_empty() {
        return Err(ZoneError::Empty);
    }
    // Longest name of the database: 32 characters. What is much longer is not worth comparing.
    let shown: String = written.chars().take(60).collect();
    if let Some((_, zones)) = ABBREVIATIONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(written)) {
        return match zones {
            [zone] => Ok(*zone),
            several => Err(ZoneError::Ambiguous { text: shown, candidates: several.to_vec() }),
        };
    }
    let name: String = written.split_whitespace().collect::<Vec<_>>().join("_");
    if let Some(zone) = TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(&name)) {
        return Ok(*zone);
    }
    if is_offset(&name) {
        return Err(ZoneError::Offset { text: shown });
    }
    let near = if shown.len() == written.len() { nearest(&name) } else { Vec::new() };
    Err(ZoneError::Unknown { text: shown, near })
}

/// `+02:00`, `UTC+2`, `GMT-0530`.
fn is_offset(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let rest = upper.trim_start_matches("UTC").trim_start_matches("GMT");
    let digits = rest.trim_start_matches(['+', '-']);
    digits.len() < rest.len()
        && !digits.is_empty()
        && digits.chars().all(|c| c.is_ascii_digit() || c == ':' || c == '.')
}

/// Up to three names that are alike, or whose last part is.
fn nearest(name: &str) -> Vec<Tz> {
    let wanted = name.to_ascii_lowercase();
    let mut alike: Vec<(usize, Tz)> = TZ_VARIANTS
        .iter()
        .filter_map(|zone| {
            let whole = zone.name().to_ascii_lowercase();
            let city = whole.rsplit('/').next().unwrap_or(&whole);
            let distance =
                strsim::damerau_levenshtein(&wanted, &whole).min(strsim::damerau_levenshtein(&wanted, city));
            (distance <= 2 && distance < wanted.chars().count() / 2).then_some((distance, *zone))
        })
        .collect();
    alike.sort_by_key(|(distance, zone)| (*distance, zone.name()));
    let best = alike.first().map_or(0, |(distance, _)| *distance);
    alike.into_iter().filter(|(distance, _)| *distance == best).map(|(_, zone)| zone).take(3).collect()
}

/// What an offset that was seen on a host says about its declared zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirmation {
    /// The declared zone has this offset at that instant.
    Confirmed,
    /// It has another one.
    Contradicted {
        /// The declared zone's offset at that instant, in seconds east of UTC.
        declared_offset: i32,
        /// The offset that was seen, in seconds east of UTC.
        seen_offset: i32,
    },
}

/// Compares an offset with a declared zone at an instant. An offset never becomes a zone: many zones share it.
#[must_use]
pub fn confirms(declared: Tz, offset: FixedOffset, at: DateTime<Utc>) -> Confirmation {
    let declared_offset = declared.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc();
    let seen_offset = offset.local_minus_utc();
    if declared_offset == seen_offset {
        Confirmation::Confirmed
    } else {
        Confirmation::Contradicted { declared_offset, seen_offset }
    }
}

/// An offset as people write it: `UTC+05:30`.
#[must_use]
pub fn offset_text(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.unsigned_abs() / 60;
    format!("UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn iana_names_are_read_in_any_case() {
        assert_eq!(parse_zone("europe/berlin"), Ok(Tz::Europe__Berlin));
        assert_eq!(parse_zone(" America/New York "), Ok(Tz::America__New_York));
        assert_eq!(parse_zone("AMERICA/ARGENTINA/BUENOS_AIRES"), Ok(Tz::America__Argentina__Buenos_Aires));
        assert_eq!(parse_zone("utc"), Ok(Tz::UTC));
    }

    #[test]
    fn every_iana_name_reads_back_as_itself_unless_the_table_says_otherwise() {
        for zone in TZ_VARIANTS {
            if ABBREVIATIONS.iter().all(|(name, _)| *name != zone.name()) {
                assert_eq!(parse_zone(zone.name()), Ok(zone));
            }
        }
    }

    #[test]
    fn unambiguous_abbreviations_map_and_ambiguous_ones_name_their_candidates() {
        assert_eq!(parse_zone("EST"), Ok(Tz::America__New_York));
        assert_eq!(parse_zone("jst"), Ok(Tz::Asia__Tokyo));
        assert_eq!(
            parse_zone("CST").unwrap_err().to_string(),
            "\"CST\" can mean America/Chicago, Asia/Shanghai or America/Havana; write the one that is meant"
        );
        assert_eq!(
            parse_zone("IST").unwrap_err().to_string(),
            "\"IST\" can mean Asia/Kolkata, Europe/Dublin or Asia/Jerusalem; write the one that is meant"
        );
        assert!(parse_zone("MST").is_err());
    }

    #[test]
    fn no_abbreviation_is_listed_twice_and_ambiguous_ones_differ_in_their_clocks() {
        let winter = at("2027-01-15T12:00:00Z").naive_utc();
        let summer = at("2027-07-15T12:00:00Z").naive_utc();
        for (index, (name, zones)) in ABBREVIATIONS.iter().enumerate() {
            assert!(!zones.is_empty());
            assert!(
                ABBREVIATIONS.iter().skip(index + 1).all(|(other, _)| other != name),
                "{name} is there twice"
            );
            for (i, one) in zones.iter().enumerate() {
                for other in zones.iter().skip(i + 1) {
                    let clocks = |zone: &Tz| {
                        [winter, summer].map(|t| zone.offset_from_utc_datetime(&t).fix().local_minus_utc())
                    };
                    assert_ne!(clocks(one), clocks(other), "{name}: {one} and {other} keep the same time");
                }
            }
        }
    }

    #[test]
    fn what_is_not_known_gets_a_proposal() {
        assert_eq!(
            parse_zone("Europe/Berlim").unwrap_err().to_string(),
            "\"Europe/Berlim\" is no known time zone; did you mean Europe/Berlin?"
        );
        assert_eq!(
            parse_zone("tokyo").unwrap_err().to_string(),
            "\"tokyo\" is no known time zone; did you mean Asia/Tokyo?"
        );
        assert_eq!(
            parse_zone("UTC+2").unwrap_err().to_string(),
            "\"UTC+2\" is an offset, not a time zone; write a zone such as Europe/Berlin"
        );
        assert_eq!(
            parse_zone("the moon").unwrap_err().to_string(),
            "\"the moon\" is no known time zone; write one such as Europe/Berlin"
        );
        assert_eq!(
            parse_zone("  ").unwrap_err().to_string(),
            "there is no time zone; write one such as Europe/Berlin"
        );
    }

    #[test]
    fn an_offset_confirms_or_contradicts_at_that_instant() {
        let hour = |h: i32| FixedOffset::east_opt(h * 3600).unwrap();
        let winter = at("2026-12-03T19:00:00Z");
        let summer = at("2026-07-03T19:00:00Z");
        assert_eq!(confirms(Tz::Europe__Berlin, hour(1), winter), Confirmation::Confirmed);
        assert_eq!(confirms(Tz::Europe__Berlin, hour(2), summer), Confirmation::Confirmed);
        assert_eq!(
            confirms(Tz::Europe__Berlin, hour(-5), winter),
            Confirmation::Contradicted { declared_offset: 3600, seen_offset: -18000 }
        );
        assert_eq!(offset_text(19800), "UTC+05:30");
        assert_eq!(offset_text(-18000), "UTC-05:00");
    }

    proptest! {
        #[test]
        fn reading_a_zone_never_panics(text in "\\PC{0,40}") {
            if let Err(error) = parse_zone(&text) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
