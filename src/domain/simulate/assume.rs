//! What a simulation assumes about people and hosts, and the lots that are drawn for them: the same seed, the same lots.

use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;
use serde::{Serialize, Serializer};

use crate::domain::history::Usual;
use crate::domain::planner::scattered;

/// A share, in hundredths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

/// All of it.
const WHOLE: u32 = 10_000;

/// A text that is no share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a share; write it as 70%, from 0% to 100%")]
pub struct NotAShare(pub String);

impl Share {
    /// So many percent.
    #[must_use]
    pub const fn percent(percent: u32) -> Self {
        Self(if percent < 100 { percent.saturating_mul(100) } else { WHOLE })
    }
}

impl FromStr for Share {
    type Err = NotAShare;
    fn from_str(text: &str) -> Result<Self, NotAShare> {
        let wrong = || NotAShare(text.to_owned());
        let number = text.trim().trim_end_matches('%').trim_end();
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 2 {
            return Err(wrong());
        }
        let hundredths: u32 = format!("{part:0<2}").parse().map_err(|_| wrong())?;
        let whole: u32 = whole.parse().map_err(|_| wrong())?;
        let all = whole.checked_mul(100).and_then(|whole| whole.checked_add(hundredths));
        all.filter(|all| *all <= WHOLE).map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole}%"),
            (whole, part) if part % 10 == 0 => write!(f, "{whole}.{}%", part / 10),
            (whole, part) => write!(f, "{whole}.{part:02}%"),
        }
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What is assumed where nobody can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Assumptions {
    /// How many of the owners answer at all.
    pub answering: Share,
    /// How many of the windows that are answered about are moved, once.
    pub moving: Share,
    /// How many of them are declined.
    pub declining: Share,
    /// How many runs fail, half of them in their pre-checks.
    pub failing: Share,
    /// Another number draws other lots.
    pub seed: u64,
    /// How often the quarter is replayed, each time with lots of its own.
    pub times: u32,
    /// More mails than this in one week are too many for one person.
    pub many_mails: u32,
}

impl Default for Assumptions {
    fn default() -> Self {
        Self {
            answering: Share::percent(70),
            moving: Share::percent(10),
            declining: Share::percent(2),
            failing: Share::percent(3),
            seed: 0,
            times: 20,
            many_mails: 20,
        }
    }
}

/// What an owner wants of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Approve,
    Move,
    Decline,
}

/// Where a run fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    Precheck,
    Apply,
    Validate,
}

/// A run of a server about which nothing is known takes so long.
const HALF: TimeDelta = TimeDelta::minutes(15);
/// Nine of ten of them take no longer.
const MOST: TimeDelta = TimeDelta::minutes(40);

/// The lots of one replay.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lots<'a> {
    pub(super) assumed: &'a Assumptions,
    /// Which replay it is.
    pub(super) time: u32,
}

impl Lots<'_> {
    /// A number below a limit that belongs to a name in this replay.
    fn draw(&self, what: &str, name: &str, below: u64) -> u64 {
        let number = scattered(self.assumed.seed, &format!("{}/{what}/{name}", self.time));
        number.checked_rem(below).unwrap_or(0)
    }

    fn share(&self, what: &str, name: &str) -> u32 {
        u32::try_from(self.draw(what, name, u64::from(WHOLE))).unwrap_or(0)
    }

    pub(super) fn answers(&self, person: &str) -> bool {
        self.share("answers", person) < self.assumed.answering.0
    }

    /// How long a person thinks about a mail: half of the answers come within a day, nine of ten within four.
    pub(super) fn thinks(&self, person: &str, mail: usize) -> TimeDelta {
        let name = format!("{person}/{mail}");
        let (from, to): (u64, u64) = match self.share("thinks", &name) {
            0..5_000 => (5, 24 * 60),
            5_000..9_000 => (24 * 60, 4 * 24 * 60),
            _ => (4 * 24 * 60, 10 * 24 * 60),
        };
        let minutes = from.saturating_add(self.draw("minutes", &name, to.saturating_sub(from)));
        TimeDelta::minutes(i64::try_from(minutes).unwrap_or(0))
    }

    pub(super) fn wish(&self, server: &str) -> Wish {
        let lot = self.share("wish", server);
        let Assumptions { declining, moving, .. } = self.assumed;
        if lot < declining.0 {
            Wish::Decline
        } else if lot < declining.0.saturating_add(moving.0) {
            Wish::Move
        } else {
            Wish::Approve
        }
    }

    /// One of so many.
    pub(super) fn choice(&self, server: &str, of: usize) -> usize {
        let of = u64::try_from(of).unwrap_or(u64::MAX);
        usize::try_from(self.draw("choice", server, of)).unwrap_or(0)
    }

    /// Where a server's run fails; whoever fails at a low rate fails at a higher one too.
    pub(super) fn trouble(&self, server: &str) -> Option<Trouble> {
        (self.share("fails", server) < self.assumed.failing.0).then(|| match self.draw("where", server, 20) {
            0..10 => Trouble::Precheck,
            10..17 => Trouble::Apply,
            _ => Trouble::Validate,
        })
    }

    /// How long a server's installation takes, spread as its history says.
    pub(super) fn takes(&self, server: &str, usual: Option<Usual>) -> TimeDelta {
        let (half, most) = usual.map_or((HALF, MOST), |usual| (usual.half, usual.most));
        let (from, to) = match self.share("takes", server) {
            0..5_000 => (half.checked_div(2).unwrap_or(half), half),
            5_000..9_000 => (half, most),
            _ => (most, most.checked_mul(3).and_then(|it| it.checked_div(2)).unwrap_or(most)),
        };
        let spread = u64::try_from(to.num_seconds().saturating_sub(from.num_seconds())).unwrap_or(0);
        let seconds = self.draw("seconds", server, spread.max(1));
        let more = TimeDelta::seconds(i64::try_from(seconds).unwrap_or(0));
        from.checked_add(&more).unwrap_or(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_read_as_people_write_it_and_nothing_else_is_one() {
        let shown = |text: &str| text.parse::<Share>().map(|share| share.to_string());
        assert_eq!(shown("70%").as_deref(), Ok("70%"));
        assert_eq!(shown(" 70 ").as_deref(), Ok("70%"));
        assert_eq!(shown("2.5%").as_deref(), Ok("2.5%"));
        assert_eq!(shown("0.25%").as_deref(), Ok("0.25%"));
        assert_eq!(shown("100%").as_deref(), Ok("100%"));
        for wrong in
            ["", "%", "101%", "100.01%", "-1%", "0.7.1", "half", "1e2", "7,5%", "0.125%", "99999999999%"]
        {
            let sentence = shown(wrong).unwrap_err().to_string();
            assert_eq!(sentence, format!("\"{wrong}\" is not a share; write it as 70%, from 0% to 100%"));
        }
    }

    #[test]
    fn lots_are_about_as_frequent_as_assumed_and_who_fails_seldom_fails_often_too() {
        let fails = |percent: u32, name: &str| {
            let assumed = Assumptions { failing: Share::percent(percent), ..Assumptions::default() };
            Lots { assumed: &assumed, time: 1 }.trouble(name).is_some()
        };
        let names: Vec<String> = (0..2000).map(|number| format!("web{number}")).collect();
        let few = names.iter().filter(|name| fails(10, name)).count();
        assert!((140..260).contains(&few), "{few} of 2000 at 10%");
        assert!(names.iter().all(|name| !fails(10, name) || fails(30, name)));
        assert!(names.iter().all(|name| fails(100, name) && !fails(0, name)));
    }
}
