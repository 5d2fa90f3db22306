//! Which starts are legal for one window, which are offered, and why there is none.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::calendar::{instant, thawed};
use super::days::Hours;
use super::history::Usual;
use super::ids::ServerId;
use super::moves::last_day;
use super::occupancy::{Member, Occupancy, Place, hour_of};
use super::policy::{Policy, RebootRule};
use super::quarter::{Quarter, Quarters};
use super::refusal::Refusal;
use super::rule::Broken;
use super::timeline::wall;
use super::window::Plan;

/// Everything that says which starts are legal for one window.
#[derive(Debug, Clone, Copy)]
pub struct Bounds<'a> {
    /// The host group's rules.
    pub policy: &'a Policy,
    /// The year's quarters.
    pub quarters: &'a Quarters,
    /// The window's quarter.
    pub quarter: Quarter,
    /// The server.
    pub server: ServerId,
    /// The server's group and service, and its part in them.
    pub place: &'a Place,
    /// The server's zone.
    pub zone: Tz,
    /// The window's present plan.
    pub present: Option<&'a Plan>,
    /// Who else is patched when; this window is not among them.
    pub taken: &'a Occupancy,
    /// How long its runs usually take.
    pub usual: Option<Usual>,
    /// The present instant.
    pub now: DateTime<Utc>,
}

/// A start that can be taken, with what taking it costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The start.
    pub at: DateTime<Utc>,
    /// How many days later than the present time it is, and the server stays unpatched; negative for earlier.
    pub days_later: i64,
    /// Other windows of the same owners that overlap it.
    pub clashes: Vec<String>,
    /// Whether it is on the last day of the quarter that has any.
    pub last: bool,
}

/// A rule that excludes starts, how many, and one of its sentences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excluded {
    /// The rule's key.
    pub rule: &'static str,
    /// How many of the regular starts it excludes.
    pub starts: usize,
    /// What it says about the first of them.
    pub sentence: String,
}

impl Excluded {
    /// `24 regular times: Nothing runs from … (rule blackouts)`.
    #[must_use]
    pub fn phrase(&self) -> String {
        let starts = if self.starts == 1 {
            "1 regular time".to_owned()
        } else {
            format!("{} regular times", self.starts)
        };
        format!("{starts}: {} (rule {})", self.sentence, self.rule)
    }
}

fn back(at: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    at.checked_sub_signed(by).unwrap_or(at)
}

fn on(at: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    at.checked_add_signed(by).unwrap_or(at)
}

impl Bounds<'_> {
    /// The end of the allowed hours that a start lies in; nothing when there are no hours given.
    fn hours_end(&self, at: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Broken> {
        let allowed = &self.policy.allowed;
        if allowed.is_empty() {
            return Ok(None);
        }
        let local = self.zone.from_utc_datetime(&at.naive_utc()).naive_local();
        match Hours::end_of(allowed, local) {
            Some(end) => Ok(Some(wall(end.date(), end.time(), self.zone))),
            None => Err(Broken::NotAllowed {
                allowed: allowed.iter().map(ToString::to_string).collect(),
                next: self.next_allowed(at),
                zone: self.zone,
            }),
        }
    }

    fn next_allowed(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let today = after.with_timezone(&self.zone).date_naive();
        let last = self.quarters.last_day(self.quarter);
        today.iter_days().take_while(|day| *day <= last).find_map(|day| {
            let begins = self.policy.allowed.iter().filter(|hours| hours.days.contains(day));
            begins.map(|hours| wall(day, hours.from, self.zone)).filter(|at| *at > after).min()
        })
    }

    /// The plan of a start: it ends after the window's length, and never after the allowed hours.
    #[must_use]
    pub fn plan(&self, at: DateTime<Utc>) -> Plan {
        let local = self.zone.from_utc_datetime(&at.naive_utc()).naive_local();
        let mut plan = Plan::new(local, self.zone, at, self.policy.window_length);
        if let Ok(Some(end)) = self.hours_end(at) {
            plan.ends_at = plan.ends_at.min(end);
        }
        plan
    }

    /// What depends on the calendar alone, not on who else is patched when.
    pub(super) fn by_calendar(&self, at: DateTime<Utc>) -> Result<Plan, Refusal> {
        if at <= self.now {
            return Err(Refusal::Past { at, zone: self.zone });
        }
        let date = at.with_timezone(&self.zone).date_naive();
        if !self.quarters.contains(self.quarter, date) {
            return Err(Refusal::OutsideQuarter { quarter: self.quarters.describe(self.quarter) });
        }
        let earliest = on(self.now, self.policy.lock_before);
        if at < earliest {
            return Err(Refusal::TooSoon { earliest, zone: self.zone });
        }
        self.by_rules(at).map_err(Refusal::Rule)
    }

    /// The group's own hours and blackouts, and whether the usual run fits.
    ///
    /// # Errors
    /// The rule that a run at that time would break.
    pub fn by_rules(&self, at: DateTime<Utc>) -> Result<Plan, Broken> {
        let plan = self.by_hours(at)?;
        self.by_history(at, &plan)?;
        Ok(plan)
    }

    /// The group's own hours and blackouts. These hold at the start of a run too.
    ///
    /// # Errors
    /// The rule that a run at that time would break.
    pub fn by_hours(&self, at: DateTime<Utc>) -> Result<Plan, Broken> {
        let end = self.hours_end(at)?;
        let plan = self.plan(at);
        if let Some(end) = end
            && at > back(end, self.policy.cutoff)
        {
            return Err(Broken::Cutoff { minutes: self.policy.cutoff.num_minutes(), end, zone: self.zone });
        }
        let hit = self.policy.blackouts.iter().find_map(|blackout| {
            blackout.touches(at, plan.ends_at, self.zone).map(|touched| (blackout, touched))
        });
        if let Some((blackout, touched)) = hit {
            return Err(Broken::Blackout { name: blackout.name.clone(), span: touched.phrase(self.zone) });
        }
        Ok(plan)
    }

    /// Whether the usual run fits before the window's end.
    pub(super) fn by_history(&self, at: DateTime<Utc>, plan: &Plan) -> Result<(), Broken> {
        let needs = self.usual.map(|usual| match self.policy.reboot {
            RebootRule::Never => usual.most,
            RebootRule::Always | RebootRule::Needed => {
                usual.most.checked_add(&self.policy.reboot_wait).unwrap_or(usual.most)
            }
        });
        if let Some(needs) = needs
            && on(at, needs) > plan.ends_at
        {
            return Err(Broken::TooLong { minutes: needs.num_minutes(), end: plan.ends_at, zone: self.zone });
        }
        Ok(())
    }

    /// Whether there is room beside all the others.
    pub(super) fn by_room(&self, at: DateTime<Utc>, plan: &Plan) -> Result<(), Refusal> {
        let (policy, taken, zone) = (self.policy, self.taken, self.zone);
        let hour = hour_of(at);
        let stays_in_its_hour = self.present.is_some_and(|plan| hour_of(plan.starts_at) == hour);
        if taken.in_hour(at) >= policy.per_slot_hour && !stays_in_its_hour {
            return Err(Refusal::SlotFull { hour, limit: policy.per_slot_hour, zone });
        }
        if let Some(limit) = policy.per_slot.filter(|limit| taken.at(at) >= *limit) {
            return Err(Broken::SlotTaken { at, limit, zone }.into());
        }
        if let Some(limit) = policy.max_concurrent
            && taken.of_group_at_once(&self.place.group, at, plan.ends_at) >= limit
        {
            return Err(Broken::Concurrent { group: self.group_name(), limit }.into());
        }
        if policy.critical
            && let Some((group, near, gap)) = taken.critical_near(&self.place.group, policy.gap, at)
        {
            return Err(Broken::Gap { group, at: near, minutes: gap.num_minutes(), zone }.into());
        }
        self.by_service(at, plan)?;
        Ok(self.by_canaries(at, plan)?)
    }

    fn group_name(&self) -> String {
        if self.place.group.is_empty() {
            "the servers without a group".to_owned()
        } else {
            self.place.group.clone()
        }
    }

    /// How many of the service are healthy now, beside this one. Nothing starts where too few would be left.
    ///
    /// # Errors
    /// [`Broken::Quorum`], with who is down.
    pub fn quorum_now(&self) -> Result<(), Broken> {
        let Some(service) = &self.place.service else { return Ok(()) };
        let Some((others, floor)) = self.taken.others_of(service, self.server) else { return Ok(()) };
        let down = || others.clone().filter_map(|other| Some((&other.name, other.down.as_ref()?)));
        let named = || down().map(|(name, why)| format!("{name} ({why})")).collect();
        self.healthy(service, others.clone().count(), floor, (down().count(), named))
    }

    /// Whether enough of a service are healthy when so many are down, whose names are only made when it is not so.
    fn healthy(
        &self,
        service: &str,
        others: usize,
        floor: u32,
        (down, named): (usize, impl FnOnce() -> Vec<String>),
    ) -> Result<(), Broken> {
        let floor = floor.max(self.policy.quorum);
        let healthy = u32::try_from(others.saturating_sub(down)).unwrap_or(u32::MAX);
        if floor == 0 || healthy >= floor {
            return Ok(());
        }
        let members = others.saturating_add(1);
        Err(Broken::Quorum { service: service.to_owned(), floor, members, down: named() })
    }

    /// The order in the service, and how many of it must be healthy.
    pub(super) fn by_service(&self, at: DateTime<Utc>, plan: &Plan) -> Result<(), Broken> {
        let Some(service) = &self.place.service else { return Ok(()) };
        let Some((others, floor)) = self.taken.others_of(service, self.server) else { return Ok(()) };
        if let Some(turn) = self.place.turn {
            for other in others.clone() {
                let (Some(theirs), Some((from, to))) = (other.turn, other.span) else { continue };
                let first = theirs < turn;
                // What is long over orders nothing any more.
                let wrong = if first {
                    to > at && to > self.now
                } else {
                    theirs > turn && from < plan.ends_at && from > self.now
                };
                if wrong {
                    return Err(Broken::Order {
                        service: service.clone(),
                        member: other.name.clone(),
                        role: other.role.clone().unwrap_or_default(),
                        first,
                        at: if first { to } else { from },
                        zone: self.zone,
                    });
                }
            }
        }
        if floor.max(self.policy.quorum) == 0 {
            return Ok(());
        }
        // Who overlaps this window at different times is not down at once: what counts is its worst instant.
        let begins = others.clone().filter_map(|other| other.span).map(|(from, _)| from);
        let within = begins.filter(|from| at < *from && *from < plan.ends_at);
        let down = |instant: DateTime<Utc>| others.clone().filter(move |other| other.is_down_at(instant));
        let worst = within.chain([at]).max_by_key(|instant| down(*instant).count()).unwrap_or(at);
        let named =
            |other: &Member| format!("{} ({})", other.name, other.down.as_deref().unwrap_or("patched then"));
        self.healthy(
            service,
            others.clone().count(),
            floor,
            (down(worst).count(), || down(worst).map(named).collect()),
        )
    }

    /// Canaries first, then a time to watch them, then the others.
    fn by_canaries(&self, at: DateTime<Utc>, plan: &Plan) -> Result<(), Broken> {
        let (policy, taken, group) = (self.policy, self.taken, &self.place.group);
        let zone = self.zone;
        let after = |name: &dyn Fn() -> String, end: Option<DateTime<Utc>>| match end
            .map(|end| on(end, policy.soak))
        {
            Some(limit) if at < limit => Err(Broken::Canary { group: name(), limit, is_canary: false, zone }),
            _ => Ok(()),
        };
        let before = |name: &dyn Fn() -> String, start: Option<DateTime<Utc>>, soak: TimeDelta| match start
            .map(|start| back(start, soak))
        {
            Some(limit) if plan.ends_at > limit => {
                Err(Broken::Canary { group: name(), limit, is_canary: true, zone })
            }
            _ => Ok(()),
        };
        if self.place.canary {
            let rest = || format!("the rest of {}", self.group_name());
            before(&rest, taken.others_start(group), policy.soak)?;
        } else {
            let canaries = || format!("the canaries of {}", self.group_name());
            if let Some(server) = taken.without_time(group, true) {
                return Err(Broken::NoCanaryYet { group: canaries(), server: server.to_owned() });
            }
            after(&canaries, taken.canaries_end(group))?;
        }
        for earlier in &policy.after {
            if let Some(server) = taken.without_time(earlier, false) {
                return Err(Broken::NoCanaryYet { group: earlier.clone(), server: server.to_owned() });
            }
            after(&|| earlier.clone(), taken.group_ends(earlier))?;
        }
        for (later, soak) in &policy.followers {
            before(&|| later.clone(), taken.group_starts(later), *soak)?;
        }
        Ok(())
    }

    /// The plan of a start, or the first rule it breaks that binds everybody.
    ///
    /// # Errors
    /// When it is past, too near, outside the quarter or the allowed hours, in a blackout, or there is no room.
    pub fn check(&self, at: DateTime<Utc>) -> Result<Plan, Refusal> {
        let plan = self.by_calendar(at)?;
        self.by_room(at, &plan)?;
        Ok(plan)
    }

    /// Everything a start breaks that binds everybody, one refusal per kind of rule.
    #[must_use]
    pub fn broken(&self, at: DateTime<Utc>) -> Vec<Refusal> {
        let calendar = self.by_calendar(at).err();
        let room = self.by_room(at, &self.plan(at)).err();
        let service = self.by_service(at, &self.plan(at)).err().map(Refusal::Rule);
        let mut all: Vec<Refusal> = calendar.into_iter().chain(room).collect();
        all.extend(service.filter(|service| !all.contains(service)).into_iter().collect::<Vec<_>>());
        all
    }

    /// The same for an owner, whom the freeze and the last day bind too.
    ///
    /// # Errors
    /// As [`Bounds::check`], and when the freeze holds or the last day for owners is over.
    pub fn check_for_owner(&self, at: DateTime<Utc>) -> Result<Plan, Refusal> {
        let plan = self.check(at)?;
        let last = self.last_for_owners();
        if at.with_timezone(&self.zone).date_naive() > last {
            return Err(Broken::Deadline { last }.into());
        }
        thawed(self.policy, self.present, at, self.zone, self.now)?;
        Ok(plan)
    }

    /// The last day to which owners can put the window off.
    #[must_use]
    pub fn last_for_owners(&self) -> NaiveDate {
        last_day(self.quarters, self.quarter, self.policy)
    }

    /// The regular starts of one day that exist once.
    pub fn starts_of(&self, date: NaiveDate) -> impl Iterator<Item = DateTime<Utc>> + use<'_> {
        let slots = &self.policy.slots;
        (0..slots.count).filter_map(move |number| {
            let minutes = TimeDelta::minutes(i64::from(number).saturating_mul(i64::from(slots.minutes)));
            let local = date.and_time(slots.from).checked_add_signed(minutes)?;
            instant(self.zone, local).ok()
        })
    }

    /// The patch days from a date, or the present day, to the end of the quarter.
    pub fn patch_days(&self, from: NaiveDate) -> impl Iterator<Item = NaiveDate> + use<'_> {
        let today = self.now.with_timezone(&self.zone).date_naive();
        let first = from.max(today).max(self.quarters.first_day(self.quarter));
        self.policy.patch_day.between(first, self.quarters.last_day(self.quarter))
    }

    fn regular(&self) -> impl Iterator<Item = DateTime<Utc>> + use<'_> {
        self.patch_days(NaiveDate::MIN)
            .flat_map(|day| self.starts_of(day).collect::<Vec<_>>())
            .filter(|at| self.present.is_none_or(|plan| plan.starts_at != *at))
    }

    /// The next legal starts for an owner among the regular ones, at most `most`.
    #[must_use]
    pub fn next_slots(&self, most: usize) -> Vec<DateTime<Utc>> {
        self.patch_days(NaiveDate::MIN)
            .flat_map(|day| self.legal_on(day).collect::<Vec<_>>())
            .take(most)
            .collect()
    }

    /// The next legal starts that are worth choosing from: of each patch day the two emptiest hours, at most `most`.
    #[must_use]
    pub fn choices(&self, most: usize) -> Vec<DateTime<Utc>> {
        let mut chosen: Vec<DateTime<Utc>> = Vec::new();
        for day in self.patch_days(NaiveDate::MIN) {
            if chosen.len() >= most {
                break;
            }
            let mut free: Vec<DateTime<Utc>> = self.legal_on(day).collect();
            free.sort_by_key(|at| (self.taken.in_hour(*at), *at));
            free.dedup_by_key(|at| hour_of(*at));
            let mut two: Vec<DateTime<Utc>> = free.into_iter().take(2).collect();
            two.sort_unstable();
            chosen.extend(two);
        }
        chosen.truncate(most);
        chosen
    }

    pub(super) fn legal_on(&self, day: NaiveDate) -> impl Iterator<Item = DateTime<Utc>> + use<'_> {
        self.starts_of(day)
            .filter(|at| self.present.is_none_or(|plan| plan.starts_at != *at))
            .filter(|at| self.check_for_owner(*at).is_ok())
    }

    /// The last legal regular start of the quarter.
    fn last_legal(&self) -> Option<DateTime<Utc>> {
        let days: Vec<NaiveDate> = self.patch_days(NaiveDate::MIN).collect();
        days.into_iter().rev().find_map(|day| self.legal_on(day).last())
    }

    /// The next legal starts with their cost. `siblings` are other windows of the same owners.
    #[must_use]
    pub fn offers(&self, most: usize, siblings: &[(String, Plan)]) -> Vec<Offer> {
        self.priced(self.choices(most), siblings)
    }

    /// Legal starts with their cost.
    #[must_use]
    pub fn priced(&self, legal: Vec<DateTime<Utc>>, siblings: &[(String, Plan)]) -> Vec<Offer> {
        let day = |at: DateTime<Utc>| at.with_timezone(&self.zone).date_naive();
        let base = self.present.map(|plan| plan.starts_at).or_else(|| legal.first().copied());
        let last_day = self.last_legal().map(day);
        legal
            .into_iter()
            .map(|at| {
                let plan = self.plan(at);
                let overlaps = |other: &Plan| other.starts_at < plan.ends_at && at < other.ends_at;
                let clashes =
                    siblings.iter().filter(|(_, other)| overlaps(other)).map(|(name, _)| name.clone());
                Offer {
                    at,
                    days_later: base.map_or(0, |base| day(at).signed_duration_since(day(base)).num_days()),
                    clashes: clashes.collect(),
                    last: last_day == Some(day(at)),
                }
            })
            .collect()
    }

    /// What excludes the regular starts that are left in the quarter, the rule that excludes most first.
    #[must_use]
    pub fn why_none(&self) -> Vec<Excluded> {
        let mut by_rule: BTreeMap<&'static str, Excluded> = BTreeMap::new();
        for at in self.regular() {
            let Err(refusal) = self.check_for_owner(at) else { continue };
            let rule = refusal.rule().unwrap_or("calendar");
            let excluded = by_rule.entry(rule).or_insert_with(|| Excluded {
                rule,
                starts: 0,
                sentence: refusal.to_string(),
            });
            excluded.starts = excluded.starts.saturating_add(1);
        }
        let mut all: Vec<Excluded> = by_rule.into_values().collect();
        all.sort_by_key(|excluded| std::cmp::Reverse(excluded.starts));
        all
    }

    /// Why there is no legal regular start, as one sentence per rule.
    #[must_use]
    pub fn why_none_sentences(&self) -> Vec<String> {
        let excluded = self.why_none();
        if excluded.is_empty() {
            return vec![format!(
                "No patch day ({}) is left in {} (rule patch_day).",
                self.policy.patch_day,
                self.quarters.describe(self.quarter)
            )];
        }
        excluded.iter().map(Excluded::phrase).collect()
    }
}

#[cfg(test)]
mod tests;
