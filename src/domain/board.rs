//! The board of a night: how far it is, what is under way since when, and what went wrong with its next step.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;

use super::run::Step;
use super::sheet::{Counts, Standing, servers};
use super::shown::wall as wall_text;
use super::timeline::wall;

/// A night begins and ends at noon.
fn noon() -> NaiveTime {
    NaiveTime::from_hms_opt(12, 0, 0).unwrap_or(NaiveTime::MIN)
}

/// The day in whose evening the night of an instant begins, with the night's first and last moment.
#[must_use]
pub fn night_of(now: DateTime<Utc>, zone: Tz) -> (NaiveDate, DateTime<Utc>, DateTime<Utc>) {
    let here = now.with_timezone(&zone).naive_local();
    let before_noon = here.time() < noon();
    let evening = if before_noon {
        here.date().checked_sub_days(Days::new(1)).unwrap_or(here.date())
    } else {
        here.date()
    };
    let morning = evening.checked_add_days(Days::new(1)).unwrap_or(evening);
    (evening, wall(evening, noon(), zone), wall(morning, noon(), zone))
}

/// A server that is being patched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderWay {
    /// The server.
    pub server: String,
    /// The step it is in; none before its first one.
    pub step: Option<Step>,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Who approved it, as `ada@example.org by mail`.
    pub held_by: String,
}

/// A server with which something went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The server.
    pub server: String,
    /// What, as its state says: `failed: installation (…)`.
    pub what: String,
    /// What to do now.
    pub next: String,
}

/// Servers that start in the same hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wave {
    /// The hour.
    pub hour: DateTime<Utc>,
    /// How they stand.
    pub counts: Counts,
}

/// A night.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Board {
    /// The day in whose evening it begins.
    pub evening: NaiveDate,
    /// The zone of the operators.
    pub zone: Tz,
    /// What went wrong, on top.
    pub trouble: Vec<Trouble>,
    /// What is under way.
    pub under_way: Vec<UnderWay>,
    /// Hour by hour.
    pub waves: Vec<Wave>,
}

/// So many of a kind are named; the others are counted.
const MOST_NAMED: usize = 12;
/// So wide is a bar.
const BAR: u32 = 12;

impl Board {
    /// Everything of the night together.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut all = Counts::default();
        for wave in &self.waves {
            for standing in Standing::ALL {
                all.add(standing, wave.counts.of(standing));
            }
        }
        all
    }

    /// Whether nothing of it is left to be done.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let counts = self.counts();
        [Standing::Running, Standing::Approved, Standing::Waiting, Standing::Unplanned]
            .into_iter()
            .all(|standing| counts.of(standing) == 0)
    }

    /// The headline.
    #[must_use]
    pub fn title(&self) -> String {
        let counts = self.counts();
        let mark = match (self.trouble.is_empty(), self.is_over()) {
            (false, _) => "❗",
            (true, true) => "✅",
            (true, false) => "🌙",
        };
        format!("{mark} Night of {}: {}", self.evening.format("%a %-d %b %Y"), servers(counts.all()))
    }

    /// What went wrong, one line each.
    #[must_use]
    pub fn trouble_lines(&self) -> Vec<String> {
        named(&self.trouble, |trouble| format!("{} — {}. {}", trouble.server, trouble.what, trouble.next))
    }

    /// What is under way, one line each.
    #[must_use]
    pub fn under_way_lines(&self) -> Vec<String> {
        named(&self.under_way, |one| {
            let step = one.step.map_or("starting", Step::phrase);
            let since = wall_text(one.since, self.zone);
            let since = since.rsplit(", ").next().unwrap_or_default();
            format!("{} — {step} since {since}; approved by {}", one.server, one.held_by)
        })
    }

    /// A bar for each hour: `20:00 ██████░░░░░░ 6 of 12 done`.
    #[must_use]
    pub fn bars(&self) -> Vec<String> {
        self.waves
            .iter()
            .map(|wave| {
                let counts = &wave.counts;
                let all = counts.all();
                let parts = |of: u32| of.saturating_mul(BAR).checked_div(all).unwrap_or(0);
                let done = parts(counts.of(Standing::Patched));
                let bad =
                    parts(counts.of(Standing::Trouble)).max(u32::from(counts.of(Standing::Trouble) > 0));
                let now =
                    parts(counts.of(Standing::Running)).max(u32::from(counts.of(Standing::Running) > 0));
                let rest = BAR.saturating_sub(done).saturating_sub(bad).saturating_sub(now);
                let bar = |letter: &str, times: u32| letter.repeat(usize::try_from(times).unwrap_or(0));
                format!(
                    "{} {}{}{}{} {}",
                    wave.hour.with_timezone(&self.zone).format("%H:%M"),
                    bar("█", done),
                    bar("▒", now),
                    bar("✗", bad),
                    bar("░", rest),
                    counts.phrase()
                )
            })
            .collect()
    }
}

fn named<T>(all: &[T], line: impl Fn(&T) -> String) -> Vec<String> {
    let mut lines: Vec<String> = all.iter().take(MOST_NAMED).map(line).collect();
    if all.len() > MOST_NAMED {
        lines.push(format!("… and {} more", all.len().saturating_sub(MOST_NAMED)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_night_is_one_from_noon_to_noon_of_the_operators() {
        let evening = |text: &str| night_of(utc(text), Tz::Europe__Berlin).0.to_string();
        assert_eq!(evening("2026-12-03T10:59:00Z"), "2026-12-02");
        assert_eq!(evening("2026-12-03T11:00:00Z"), "2026-12-03");
        assert_eq!(evening("2026-12-04T02:00:00Z"), "2026-12-03");
    }

    #[test]
    fn the_board_tells_trouble_first_then_what_is_under_way_then_the_hours() {
        let counts = |of: &[(Standing, u32)]| {
            let mut counts = Counts::default();
            of.iter().for_each(|(standing, windows)| counts.add(*standing, *windows));
            counts
        };
        let board = Board {
            evening: "2026-12-03".parse().unwrap(),
            zone: Tz::Europe__Berlin,
            trouble: vec![Trouble {
                server: "db01".to_owned(),
                what: "failed: installation (dpkg ended with 100)".to_owned(),
                next: "Mend the package, then \"retry db01\".".to_owned(),
            }],
            under_way: vec![UnderWay {
                server: "web03".to_owned(),
                step: Some(Step::Reboot),
                since: utc("2026-12-03T19:12:00Z"),
                held_by: "ada@owners.test by mail".to_owned(),
            }],
            waves: vec![
                Wave {
                    hour: utc("2026-12-03T19:00:00Z"),
                    counts: counts(&[(Standing::Patched, 8), (Standing::Running, 1), (Standing::Trouble, 1)]),
                },
                Wave { hour: utc("2026-12-03T20:00:00Z"), counts: counts(&[(Standing::Approved, 4)]) },
            ],
        };
        let told =
            [vec![board.title()], board.trouble_lines(), board.under_way_lines(), board.bars()].concat();
        insta::assert_snapshot!(told.join("\n"), @r#"
        ❗ Night of Thu 3 Dec 2026: 14 servers
        db01 — failed: installation (dpkg ended with 100). Mend the package, then "retry db01".
        web03 — reboot since 20:12; approved by ada@owners.test by mail
        20:00 █████████▒✗░ 8 patched, 1 being patched, 1 in trouble
        21:00 ░░░░░░░░░░░░ 4 approved
        "#);
        assert!(!board.is_over());
    }
}
