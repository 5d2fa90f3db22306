//! What earlier runs and probes say: how long a server usually takes, and at which hours it is quiet.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;

use super::ids::ServerId;

/// Fewer runs than this say nothing about the next one.
pub const FEW_RUNS: usize = 3;
/// Fewer samples of the load than this say nothing about quiet hours.
pub const FEW_SAMPLES: u32 = 6;

/// Whose runs a duration is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The server's own.
    Its,
    /// Those of all servers with its operating system.
    Systems,
}

/// How long a run usually takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usual {
    /// Half of the runs take no longer (P50).
    pub half: TimeDelta,
    /// Nine of ten runs take no longer (P90).
    pub most: TimeDelta,
    /// How many runs that is taken from.
    pub runs: usize,
    /// Whose runs.
    pub whose: Whose,
}

impl Usual {
    /// `it usually takes 12 minutes, 31 at most in nine of ten runs (of its own 8 runs)`.
    #[must_use]
    pub fn phrase(&self) -> String {
        let whose = match self.whose {
            Whose::Its => format!("its own {} runs", self.runs),
            Whose::Systems => format!("{} runs of its operating system", self.runs),
        };
        format!(
            "it usually takes {} minutes, and {} at most in nine of ten runs ({whose})",
            self.half.num_minutes(),
            self.most.num_minutes()
        )
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Hour {
    sum: u64,
    samples: u32,
}

/// Everything that is known from before.
#[derive(Debug, Clone, Default)]
pub struct History {
    own: BTreeMap<ServerId, Vec<TimeDelta>>,
    systems: BTreeMap<String, Vec<TimeDelta>>,
    loads: BTreeMap<ServerId, [Hour; 24]>,
}

/// The value that `percent` of the sorted values do not exceed (nearest rank).
fn percentile(sorted: &[TimeDelta], percent: usize) -> Option<TimeDelta> {
    let rank = sorted.len().checked_mul(percent)?.checked_add(99)?.checked_div(100)?;
    sorted.get(rank.saturating_sub(1)).copied()
}

fn usual(runs: &[TimeDelta], whose: Whose) -> Option<Usual> {
    if runs.len() < FEW_RUNS {
        return None;
    }
    let mut sorted = runs.to_vec();
    sorted.sort_unstable();
    Some(Usual { half: percentile(&sorted, 50)?, most: percentile(&sorted, 90)?, runs: runs.len(), whose })
}

impl History {
    /// Adds a run that ended well.
    pub fn ran(&mut self, server: ServerId, system: Option<&str>, took: TimeDelta) {
        self.own.entry(server).or_default().push(took);
        if let Some(system) = system {
            self.systems.entry(system.to_lowercase()).or_default().push(took);
        }
    }

    /// Adds a sample of the load, in thousandths per CPU.
    pub fn loaded(&mut self, server: ServerId, at: DateTime<Utc>, zone: Tz, load: u32) {
        let hour = usize::try_from(at.with_timezone(&zone).hour()).unwrap_or(0);
        if let Some(hour) = self.loads.entry(server).or_default().get_mut(hour) {
            hour.sum = hour.sum.saturating_add(u64::from(load));
            hour.samples = hour.samples.saturating_add(1);
        }
    }

    /// How long a server's run usually takes: by its own runs, else by those of its operating system, else unknown.
    #[must_use]
    pub fn usual(&self, server: ServerId, system: Option<&str>) -> Option<Usual> {
        self.own.get(&server).and_then(|runs| usual(runs, Whose::Its)).or_else(|| {
            let runs = self.systems.get(&system?.to_lowercase())?;
            usual(runs, Whose::Systems)
        })
    }

    /// Whether there are enough samples to know a server's quiet hours.
    #[must_use]
    pub fn knows_hours(&self, server: ServerId) -> bool {
        self.loads.get(&server).is_some_and(|hours| {
            hours.iter().map(|hour| hour.samples).sum::<u32>() >= FEW_SAMPLES
                && hours.iter().filter(|hour| hour.samples > 0).count() > 1
        })
    }

    /// The mean load at an hour of a server's day, in thousandths per CPU; nothing when it is not known.
    #[must_use]
    pub fn load_at(&self, server: ServerId, at: DateTime<Utc>, zone: Tz) -> Option<u64> {
        if !self.knows_hours(server) {
            return None;
        }
        let hour = usize::try_from(at.with_timezone(&zone).hour()).ok()?;
        let hour = self.loads.get(&server)?.get(hour)?;
        hour.sum.checked_div(u64::from(hour.samples))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn id(number: u128) -> ServerId {
        ServerId(Uuid::from_u128(number))
    }

    #[test]
    fn ones_own_runs_count_first_then_those_of_the_system_and_few_say_nothing() {
        let mut history = History::default();
        for minutes in [10, 12, 14, 40] {
            history.ran(id(1), Some("Debian 12"), TimeDelta::minutes(minutes));
        }
        insta::assert_snapshot!(history.usual(id(1), Some("debian 12")).unwrap().phrase(), @"it usually takes 12 minutes, and 40 at most in nine of ten runs (its own 4 runs)");
        insta::assert_snapshot!(history.usual(id(2), Some("DEBIAN 12")).unwrap().phrase(), @"it usually takes 12 minutes, and 40 at most in nine of ten runs (4 runs of its operating system)");
        assert_eq!(history.usual(id(2), Some("RHEL 9")), None);
        history.ran(id(3), Some("RHEL 9"), TimeDelta::minutes(5));
        assert_eq!(history.usual(id(3), Some("RHEL 9")), None, "one run says nothing");
    }

    #[test]
    fn quiet_hours_are_known_from_enough_samples_at_several_hours() {
        let mut history = History::default();
        let at = |hour: u32| format!("2026-11-24T{hour:02}:30:00Z").parse::<DateTime<Utc>>().unwrap();
        for _ in 0..5 {
            history.loaded(id(1), at(19), Tz::Europe__Berlin, 900);
        }
        assert_eq!(history.load_at(id(1), at(19), Tz::Europe__Berlin), None, "one hour only");
        history.loaded(id(1), at(22), Tz::Europe__Berlin, 100);
        assert_eq!(history.load_at(id(1), at(19), Tz::Europe__Berlin), Some(900));
        assert_eq!(history.load_at(id(1), at(22), Tz::Europe__Berlin), Some(100));
        assert_eq!(history.load_at(id(1), at(3), Tz::Europe__Berlin), None);
    }
}
