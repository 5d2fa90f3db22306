//! The rules of host groups that a start can break: each one by its key in the configuration, as a sentence.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use super::shown::{line, wall};

/// A rule that a start would break, with what is needed to say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// The group is not patched at that time of day or on that day.
    NotAllowed {
        /// The hours that are allowed: `Thu 20:00-24:00`.
        allowed: Vec<String>,
        /// The next time that is inside them, when there is one in the quarter.
        next: Option<DateTime<Utc>>,
        /// The server's zone.
        zone: Tz,
    },
    /// Too near the end of the allowed hours.
    Cutoff {
        /// So many minutes before their end nothing starts any more.
        minutes: i64,
        /// Their end.
        end: DateTime<Utc>,
        /// The server's zone.
        zone: Tz,
    },
    /// It would probably not be done before the end.
    TooLong {
        /// How long nine of ten runs take, with the reboot.
        minutes: i64,
        /// The window's end.
        end: DateTime<Utc>,
        /// The server's zone.
        zone: Tz,
    },
    /// Nothing runs in that time.
    Blackout {
        /// What it is called.
        name: String,
        /// From when to when.
        span: String,
    },
    /// Owners cannot put it off so far.
    Deadline {
        /// The last day for owners.
        last: NaiveDate,
    },
    /// So many start at that very time already.
    SlotTaken {
        /// The time.
        at: DateTime<Utc>,
        /// How many may.
        limit: u32,
        /// The server's zone.
        zone: Tz,
    },
    /// So many of the group run at that time already.
    Concurrent {
        /// The host group.
        group: String,
        /// How many may.
        limit: u32,
    },
    /// A window of another critical group is too near.
    Gap {
        /// The other group.
        group: String,
        /// Its start.
        at: DateTime<Utc>,
        /// How far apart they must be.
        minutes: i64,
        /// The server's zone.
        zone: Tz,
    },
    /// Another member of the service comes first, or after.
    Order {
        /// The service.
        service: String,
        /// The other member.
        member: String,
        /// The other member's role.
        role: String,
        /// Whether the other one must be done before this one starts, or the other way round.
        first: bool,
        /// The other's end, or its start.
        at: DateTime<Utc>,
        /// The server's zone.
        zone: Tz,
    },
    /// Too few healthy members of the service would be left.
    Quorum {
        /// The service.
        service: String,
        /// How many must be healthy at once.
        floor: u32,
        /// How many it has.
        members: usize,
        /// Who else is down then, and why.
        down: Vec<String>,
    },
    /// Canaries come first, and their soak time has to pass.
    Canary {
        /// The group whose canaries, or members, come first.
        group: String,
        /// From when on it is possible, for what comes after; until when it must be done, for a canary.
        limit: DateTime<Utc>,
        /// Whether this server is what comes first.
        is_canary: bool,
        /// The server's zone.
        zone: Tz,
    },
    /// What must be patched before has no time yet.
    NoCanaryYet {
        /// The group.
        group: String,
        /// The server without a time.
        server: String,
    },
}

impl Broken {
    /// The rule's key in the configuration.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::NotAllowed { .. } => "allowed",
            Self::Cutoff { .. } => "cutoff",
            Self::TooLong { .. } => "window",
            Self::Blackout { .. } => "blackouts",
            Self::Deadline { .. } => "deadline_days",
            Self::SlotTaken { .. } => "per_slot",
            Self::Concurrent { .. } => "max_concurrent",
            Self::Gap { .. } => "gap",
            Self::Order { .. } => "role_order",
            Self::Quorum { .. } => "quorum",
            Self::Canary { .. } | Self::NoCanaryYet { .. } => "soak",
        }
    }

    /// Whether an operator may cross it, with a reason and a second person. Nobody crosses what keeps a service alive
    /// or a host free.
    #[must_use]
    pub fn can_be_crossed(&self) -> bool {
        match self {
            Self::NotAllowed { .. }
            | Self::Cutoff { .. }
            | Self::Blackout { .. }
            | Self::Deadline { .. }
            | Self::Gap { .. }
            | Self::Canary { .. }
            | Self::NoCanaryYet { .. } => true,
            Self::TooLong { .. }
            | Self::SlotTaken { .. }
            | Self::Concurrent { .. }
            | Self::Order { .. }
            | Self::Quorum { .. } => false,
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAllowed { allowed, next, zone } => {
                write!(f, "Its host group is patched {} only", allowed.join(" or "))?;
                match next {
                    Some(next) => write!(f, "; the next such time is {}.", line(*next, *zone)),
                    None => f.write_str("."),
                }
            }
            Self::Cutoff { minutes, end, zone } => write!(
                f,
                "In the last {minutes} minutes of its allowed hours, which end {}, nothing is started.",
                wall(*end, *zone)
            ),
            Self::TooLong { minutes, end, zone } => write!(
                f,
                "It would probably not be done in time: nine of ten runs take up to {minutes} minutes with the reboot, and the window ends {}.",
                wall(*end, *zone)
            ),
            Self::Blackout { name, span } => write!(f, "Nothing runs from {span}: {name}."),
            Self::Deadline { last } => {
                write!(f, "Owners can put it off until {} at the latest.", last.format("%a %-d %b %Y"))
            }
            Self::SlotTaken { at, limit: 1, zone } => {
                write!(f, "Another server starts at {}; at most one may.", line(*at, *zone))
            }
            Self::SlotTaken { at, limit, zone } => {
                write!(f, "{limit} servers start at {}; no more may.", line(*at, *zone))
            }
            Self::Concurrent { group, limit: 1 } => {
                write!(f, "Another server of {group} is patched at that time; at most one may be.")
            }
            Self::Concurrent { group, limit } => {
                write!(f, "{limit} servers of {group} are patched at that time; no more may be.")
            }
            Self::Gap { group, at, minutes, zone } => write!(
                f,
                "{group} starts {}, and critical groups start at least {minutes} minutes apart.",
                line(*at, *zone)
            ),
            Self::Order { service, member, role, first: true, at, zone } => {
                write!(f, "In {service}, {member} ({role}) is patched first, until {}.", line(*at, *zone))
            }
            Self::Order { service, member, role, first: false, at, zone } => write!(
                f,
                "In {service}, {member} ({role}) comes after it and starts {}; this one must be done by then.",
                line(*at, *zone)
            ),
            Self::Quorum { service, floor, members, down } => {
                write!(f, "{service} needs {floor} healthy of its {members} members at any time")?;
                if down.is_empty() {
                    f.write_str(".")
                } else {
                    write!(f, ", and then these are down too: {}.", down.join(", "))
                }
            }
            Self::Canary { group, limit, is_canary: false, zone } => write!(
                f,
                "It follows {group}, and first these are watched for a while: it can be patched from {} on.",
                line(*limit, *zone)
            ),
            Self::Canary { group, limit, is_canary: true, zone } => write!(
                f,
                "It goes before {group} and is watched for a while; it must be done by {}.",
                line(*limit, *zone)
            ),
            Self::NoCanaryYet { group, server } => {
                write!(f, "It follows {group}, and {server} of these has no time.")
            }
        }
    }
}
