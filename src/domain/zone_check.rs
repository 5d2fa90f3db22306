//! What a host tells of its zone and clock, beside what the inventory declares.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, FixedOffset, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use super::facts::ZoneSource;
use super::zone::{Confirmation, confirms, offset_text, parse_zone};

/// A clock that is further off is told.
pub const SKEW: TimeDelta = TimeDelta::seconds(60);

/// Who told it, in the order in which they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Witness {
    /// hrSystemDate: an offset and a clock.
    Snmp,
    /// `timedatectl`: a name.
    Timedatectl,
    /// `/etc/timezone`: a name.
    EtcTimezone,
    /// The link `/etc/localtime`: a name.
    LocaltimeLink,
    /// `date`: an offset.
    Date,
}

impl Witness {
    const ALL: [Self; 5] =
        [Self::Snmp, Self::Timedatectl, Self::EtcTimezone, Self::LocaltimeLink, Self::Date];

    /// The name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Snmp => "snmp",
            Self::Timedatectl => "timedatectl",
            Self::EtcTimezone => "etc_timezone",
            Self::LocaltimeLink => "localtime_link",
            Self::Date => "date",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|witness| witness.as_str() == name)
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Snmp => "SNMP",
            Self::Timedatectl => "timedatectl",
            Self::EtcTimezone => "/etc/timezone",
            Self::LocaltimeLink => "/etc/localtime",
            Self::Date => "date",
        })
    }
}

impl From<ZoneSource> for Witness {
    fn from(source: ZoneSource) -> Self {
        match source {
            ZoneSource::Timedatectl => Self::Timedatectl,
            ZoneSource::EtcTimezone => Self::EtcTimezone,
            ZoneSource::LocaltimeLink => Self::LocaltimeLink,
        }
    }
}

/// What a host told, over SNMP or over SSH.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// Names of zones, by who told them.
    pub named: BTreeMap<ZoneSource, String>,
    /// The distance from UTC, and who told it.
    pub offset: Option<(Witness, FixedOffset)>,
    /// The host's clock.
    pub clock: Option<DateTime<Utc>>,
}

/// What became of one server's declared zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ZoneVerdict {
    /// The host keeps the declared zone's time.
    Confirmed,
    /// The host keeps another time. It blocks nothing.
    Contradicted,
    /// The host tells nothing.
    Unknown,
}

impl ZoneVerdict {
    /// The name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Contradicted => "contradicted",
            Self::Unknown => "unknown",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Confirmed, Self::Contradicted, Self::Unknown]
            .into_iter()
            .find(|verdict| verdict.as_str() == name)
    }
}

/// A server's zone, looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneCheck {
    /// What became of it.
    pub verdict: ZoneVerdict,
    /// Who told it.
    pub witness: Option<Witness>,
    /// How far the host's clock is ahead, in seconds, when it was told.
    pub skew: Option<i64>,
    /// What was found, as a sentence without the server's name.
    pub sentence: String,
}

impl ZoneCheck {
    /// Whether the clock is further off than it should be.
    #[must_use]
    pub fn is_skewed(&self) -> bool {
        self.skew.is_some_and(|skew| skew.unsigned_abs() > SKEW.num_seconds().unsigned_abs())
    }

    /// The skew in words: `125 s ahead`.
    #[must_use]
    pub fn skew_phrase(&self) -> Option<String> {
        let skew = self.skew?;
        Some(format!("{} s {}", skew.unsigned_abs(), if skew < 0 { "behind" } else { "ahead" }))
    }
}

/// Compares what a host told with its declared zone. An offset confirms or contradicts; it never becomes a zone.
#[must_use]
pub fn compare(declared: Tz, told: &Told, machine: DateTime<Utc>) -> ZoneCheck {
    let skew = told.clock.map(|clock| clock.signed_duration_since(machine).num_seconds());
    let check = |verdict, witness, sentence| ZoneCheck { verdict, witness: Some(witness), skew, sentence };
    let named = told.named.iter().find_map(|(source, name)| Some((*source, parse_zone(name).ok()?)));
    if let Some((source, zone)) = named {
        let witness = Witness::from(source);
        if zone == declared {
            return check(ZoneVerdict::Confirmed, witness, format!("{zone} ({witness})"));
        }
        return match differs_from(declared, zone, machine) {
            None => check(
                ZoneVerdict::Confirmed,
                witness,
                format!("{zone} ({witness}) keeps the same time as {declared}"),
            ),
            Some(at) => {
                let offset = |zone: Tz| {
                    offset_text(zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc())
                };
                let since = if at <= machine {
                    String::new()
                } else {
                    format!(" from {} on", at.with_timezone(&declared).format("%-d %b %Y"))
                };
                let sentence = format!(
                    "the host has {zone} ({}{since}, by {witness}), declared is {declared} ({})",
                    offset(zone),
                    offset(declared)
                );
                check(ZoneVerdict::Contradicted, witness, sentence)
            }
        };
    }
    let Some((witness, offset)) = told.offset else {
        let sentence = "the host tells neither zone nor offset".to_owned();
        return ZoneCheck { verdict: ZoneVerdict::Unknown, witness: None, skew, sentence };
    };
    let seen = offset_text(offset.local_minus_utc());
    match confirms(declared, offset, machine) {
        Confirmation::Confirmed => {
            check(ZoneVerdict::Confirmed, witness, format!("{seen} ({witness}) fits {declared}"))
        }
        Confirmation::Contradicted { declared_offset, .. } => {
            let declared_offset = offset_text(declared_offset);
            let sentence =
                format!("the host has {seen} ({witness}), declared is {declared} ({declared_offset})");
            check(ZoneVerdict::Contradicted, witness, sentence)
        }
    }
}

/// The first moment of the coming year at which two zones keep different times.
fn differs_from(one: Tz, other: Tz, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let offset = |zone: Tz, at: &DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    (0..=366).map(|days| from + TimeDelta::days(days)).find(|at| offset(one, at) != offset(other, at))
}

/// The questions that are asked over SSH, in one round trip. They change nothing and need no rights.
pub const QUESTIONS: &str = r#"echo "epoch $(date +%s)"
if command -v timedatectl >/dev/null 2>&1; then
  z=$(timeout 5 timedatectl show -p Timezone --value 2>/dev/null) || z=
  [ -n "$z" ] || z=$(timeout 5 timedatectl 2>/dev/null | sed -n 's/.*Time zone: \([^ ]*\).*/\1/p')
  [ -z "$z" ] || echo "timedatectl $z"
fi
if [ -r /etc/timezone ] && read -r z </etc/timezone; then echo "etc_timezone $z"; fi
z=$(readlink /etc/localtime 2>/dev/null)
case $z in *zoneinfo/?*) echo "localtime_link ${z##*zoneinfo/}" ;; esac
echo "date $(date '+%Z %z')""#;

/// Reads the answers to [`QUESTIONS`]; what is not understood is passed over.
#[must_use]
pub fn answers(text: &str) -> Told {
    let mut told = Told::default();
    for line in text.lines() {
        let Some((key, value)) = line.trim().split_once(' ') else { continue };
        let value = value.trim();
        let mut name = |source| {
            if !value.is_empty() {
                told.named.insert(source, value.chars().take(80).collect());
            }
        };
        match key {
            "epoch" => told.clock = value.parse().ok().and_then(|epoch| DateTime::from_timestamp(epoch, 0)),
            "timedatectl" => name(ZoneSource::Timedatectl),
            "etc_timezone" => name(ZoneSource::EtcTimezone),
            "localtime_link" => name(ZoneSource::LocaltimeLink),
            "date" => {
                let offset = value.rsplit(' ').next().and_then(|text| text.parse().ok());
                told.offset = offset.map(|offset| (Witness::Date, offset));
            }
            _ => {}
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BERLIN: Tz = Tz::Europe__Berlin;

    fn machine() -> DateTime<Utc> {
        "2026-11-24T12:00:00Z".parse().unwrap()
    }

    fn seen(text: &str) -> String {
        let check = compare(BERLIN, &answers(text), machine());
        let skew = check.skew_phrase().map(|skew| format!(", clock {skew}")).unwrap_or_default();
        format!("{}: {}{skew}", check.verdict.as_str(), check.sentence)
    }

    #[test]
    fn the_first_witness_with_a_name_that_is_a_zone_counts_and_an_offset_only_without_one() {
        let told = [
            "epoch 1795521600\ntimedatectl Europe/Berlin\netc_timezone Asia/Tokyo\ndate CET +0100",
            "timedatectl n/a\netc_timezone Europe/Vienna\ndate CET +0100",
            "localtime_link Africa/Lagos\ndate WAT +0100",
            "timedatectl America/New_York\ndate EST -0500",
            "epoch 1795521730\ndate CET +0100",
            "date UTC +0000",
            "epoch 1795521000\n",
            "",
        ];
        insta::assert_snapshot!(told.map(seen).join("\n"), @"
        confirmed: Europe/Berlin (timedatectl), clock 0 s ahead
        confirmed: Europe/Vienna (/etc/timezone) keeps the same time as Europe/Berlin
        contradicted: the host has Africa/Lagos (UTC+01:00 from 28 Mar 2027 on, by /etc/localtime), declared is Europe/Berlin (UTC+02:00)
        contradicted: the host has America/New_York (UTC-05:00, by timedatectl), declared is Europe/Berlin (UTC+01:00)
        confirmed: UTC+01:00 (date) fits Europe/Berlin, clock 130 s ahead
        contradicted: the host has UTC+00:00 (date), declared is Europe/Berlin (UTC+01:00)
        unknown: the host tells neither zone nor offset, clock 600 s behind
        unknown: the host tells neither zone nor offset
        ");
    }

    #[test]
    fn a_clock_is_off_from_a_minute_on() {
        let skewed = |seconds: i64| {
            let clock = Some(machine() + TimeDelta::seconds(seconds));
            compare(BERLIN, &Told { clock, ..Told::default() }, machine()).is_skewed()
        };
        assert_eq!([-61, -60, 0, 60, 61].map(skewed), [true, false, false, false, true]);
    }

    proptest! {
        #[test]
        fn no_answer_panics(text in "\\PC{0,200}") {
            prop_assert!(!compare(BERLIN, &answers(&text), machine()).sentence.is_empty());
        }

        #[test]
        fn an_offset_of_the_declared_zone_confirms_it(hours in 0_i64..9000, zone in prop::sample::select(&chrono_tz::TZ_VARIANTS[..])) {
            let at = machine() + TimeDelta::hours(hours);
            let offset = zone.offset_from_utc_datetime(&at.naive_utc()).fix();
            let told = Told { offset: Some((Witness::Snmp, offset)), ..Told::default() };
            prop_assert_eq!(compare(zone, &told, at).verdict, ZoneVerdict::Confirmed);
        }
    }
}
