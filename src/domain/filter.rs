//! Filters on lists: `group=db and env=prod and state!=approved`; what they mean. How they are read is in `parse`.

mod parse;
mod text;

use std::collections::BTreeMap;
use std::fmt;

use chrono::{NaiveDate, NaiveTime};

use super::person::{Address, Person};
use super::server::{Rank, Server};
use super::window::{Window, WindowState};
pub use parse::NotAFilter;
pub(crate) use parse::{fold, same_heading};

/// What a filter looks at.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The server.
    pub server: &'a Server,
    /// Its window in the quarter that is asked about, when it has one.
    pub window: Option<&'a Window>,
    /// Its owners; found by name and by address.
    pub owners: &'a [(Rank, Person)],
}

/// What is looked at in a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    Name,
    Owner,
    Primary,
    Secondary,
    Zone,
    Group,
    Environment,
    System,
    Address,
    Port,
    User,
    Jump,
    Reboot,
    Service,
    Role,
    Enrolled,
    State,
    Date,
    Time,
    Quarter,
}

/// The names of the fields, folded; the first of each is the one that is shown.
pub(crate) const FIELDS: &[(&str, Field)] = &[
    ("name", Field::Name),
    ("server", Field::Name),
    ("servername", Field::Name),
    ("host", Field::Name),
    ("hostname", Field::Name),
    ("owner", Field::Owner),
    ("primary", Field::Primary),
    ("primaryowner", Field::Primary),
    ("secondary", Field::Secondary),
    ("secondaryowner", Field::Secondary),
    ("zone", Field::Zone),
    ("timezone", Field::Zone),
    ("servertimezone", Field::Zone),
    ("tz", Field::Zone),
    ("group", Field::Group),
    ("hostgroup", Field::Group),
    ("env", Field::Environment),
    ("environment", Field::Environment),
    ("os", Field::System),
    ("system", Field::System),
    ("operatingsystem", Field::System),
    ("address", Field::Address),
    ("ip", Field::Address),
    ("ipaddress", Field::Address),
    ("port", Field::Port),
    ("sshport", Field::Port),
    ("user", Field::User),
    ("sshuser", Field::User),
    ("jump", Field::Jump),
    ("jumphost", Field::Jump),
    ("reboot", Field::Reboot),
    ("rebootrule", Field::Reboot),
    ("service", Field::Service),
    ("role", Field::Role),
    ("servicerole", Field::Role),
    ("enrolled", Field::Enrolled),
    ("state", Field::State),
    ("status", Field::State),
    ("date", Field::Date),
    ("time", Field::Time),
    ("quarter", Field::Quarter),
];

/// The words that a field can have, when they are few. Another word is a slip of the finger, and with `!=` it would
/// take in everything.
fn words_of(field: Field) -> &'static [&'static str] {
    match field {
        Field::Reboot => &["always", "needed", "never"],
        Field::Enrolled => &["yes", "no"],
        Field::State => &[
            "none", "unscheduled", "proposed", "approved", "auto_approved", "locked", "running", "completed",
            "failed", "missed", "needs_human", "declined", "deferred", "cancelled",
        ],
        Field::Name
        | Field::Owner
        | Field::Primary
        | Field::Secondary
        | Field::Zone
        | Field::Group
        | Field::Environment
        | Field::System
        | Field::Address
        | Field::Port
        | Field::User
        | Field::Jump
        | Field::Service
        | Field::Role
        | Field::Date
        | Field::Time
        | Field::Quarter => &[],
    }
}

/// A column that a condition looks at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Column {
    /// One that patchbot understands.
    Known(Field),
    /// Another column of the inventory, by its heading.
    Attribute(String),
}

/// How a column is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compare {
    Is,
    IsNot,
    Contains,
    ContainsNot,
    In,
    NotIn,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Compare {
    fn sign(self) -> &'static str {
        match self {
            Self::Is => "=",
            Self::IsNot => "!=",
            Self::Contains => "~",
            Self::ContainsNot => "!~",
            Self::In => " in ",
            Self::NotIn => " not in ",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }

    fn negates(self) -> bool {
        matches!(self, Self::IsNot | Self::ContainsNot | Self::NotIn)
    }
}

/// One condition: a column, how it is compared, and with what (several with `in`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    column: Column,
    compare: Compare,
    /// As they were written.
    values: Vec<String>,
}

/// A filter that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// One condition.
    If(Condition),
    /// What does not fit another one.
    Not(Box<Filter>),
    /// All of them.
    All(Vec<Filter>),
    /// Any of them.
    Any(Vec<Filter>),
}

impl Filter {
    /// Whether something fits.
    #[must_use]
    pub fn fits(&self, subject: Subject<'_>) -> bool {
        match self {
            Self::If(condition) => condition.fits(subject),
            Self::Not(filter) => !filter.fits(subject),
            Self::All(all) => all.iter().all(|filter| filter.fits(subject)),
            Self::Any(any) => any.iter().any(|filter| filter.fits(subject)),
        }
    }

    fn conditions(&self) -> Vec<&Condition> {
        match self {
            Self::If(condition) => vec![condition],
            Self::Not(filter) => filter.conditions(),
            Self::All(filters) | Self::Any(filters) => filters.iter().flat_map(Self::conditions).collect(),
        }
    }

    /// Why nothing fits: each condition that nothing fulfils, with what stands in its column instead.
    pub fn misses<'a>(&self, subjects: &(impl Iterator<Item = Subject<'a>> + Clone)) -> Vec<String> {
        let wanting = self.conditions().into_iter().filter(|condition| !condition.compare.negates());
        wanting.filter_map(|condition| condition.miss(subjects.clone())).collect()
    }
}

impl Condition {
    fn fits(&self, subject: Subject<'_>) -> bool {
        let mut cells = Vec::new();
        cells_of(&self.column, subject, &mut cells);
        let is = |value: &String| {
            if cells.is_empty() { value.is_empty() } else { cells.iter().any(|cell| text::fits(value, cell)) }
        };
        let contains =
            |value: &String| cells.iter().any(|cell| text::folded(cell).contains(&text::folded(value)));
        let compared = |wanted: &[std::cmp::Ordering]| {
            let value = self.values.first().map_or("", String::as_str);
            cells.iter().any(|cell| text::order(cell, value).is_some_and(|order| wanted.contains(&order)))
        };
        use std::cmp::Ordering::{Equal, Greater, Less};
        match self.compare {
            Compare::Is | Compare::In => self.values.iter().any(is),
            Compare::IsNot | Compare::NotIn => !self.values.iter().any(is),
            Compare::Contains => self.values.iter().any(contains),
            Compare::ContainsNot => !self.values.iter().any(contains),
            Compare::Less => compared(&[Less]),
            Compare::AtMost => compared(&[Less, Equal]),
            Compare::More => compared(&[Greater]),
            Compare::AtLeast => compared(&[Greater, Equal]),
        }
    }

    fn miss<'a>(&self, mut subjects: impl Iterator<Item = Subject<'a>> + Clone) -> Option<String> {
        if subjects.clone().any(|subject| self.fits(subject)) {
            return None;
        }
        let mut there: BTreeMap<String, usize> = BTreeMap::new();
        subjects.by_ref().for_each(|subject| {
            let mut cells = Vec::new();
            cells_of(&self.column, subject, &mut cells);
            for cell in cells {
                let count = there.entry(cell).or_default();
                *count = count.saturating_add(1);
            }
        });
        let mut frequent: Vec<(String, usize)> = there.into_iter().collect();
        frequent.sort_by(|(a, many), (b, more)| more.cmp(many).then_with(|| a.cmp(b)));
        let others = frequent.len().saturating_sub(SHOWN);
        let shown: Vec<String> =
            frequent.iter().take(SHOWN).map(|(cell, count)| format!("{cell} ({count})")).collect();
        Some(match shown.as_slice() {
            [] => format!("nothing fits {self}: no server has anything in that column"),
            _ if others > 0 => {
                format!("nothing fits {self}; there are {} and {others} more", shown.join(", "))
            }
            _ => format!("nothing fits {self}; there are {}", shown.join(", ")),
        })
    }
}

/// How many of a column's values a sentence names.
const SHOWN: usize = 5;

/// What stands in a column: nothing, one thing, or several.
fn cells_of(column: &Column, subject: Subject<'_>, cells: &mut Vec<String>) {
    let Subject { server, window, owners } = subject;
    let plan = window.and_then(|window| window.plan);
    let mut add = |cell: Option<&str>| cells.extend(cell.map(str::to_owned));
    let Column::Known(field) = column else {
        if let Column::Attribute(heading) = column {
            add(server.attributes.get(heading));
        }
        return;
    };
    match field {
        Field::Name => {
            add(Some(&server.name));
            // "web01" means web01.example.org everywhere else too.
            add(server.name.split_once('.').map(|(short, _)| short));
        }
        Field::Owner => owners.iter().for_each(|(_, person)| called(person, &mut add)),
        Field::Primary | Field::Secondary => {
            let wanted = if *field == Field::Primary { Rank::Primary } else { Rank::Secondary };
            owners
                .iter()
                .filter(|(rank, _)| *rank == wanted)
                .for_each(|(_, person)| called(person, &mut add));
        }
        Field::Zone => add(Some(server.zone.name())),
        Field::Group => add(server.host_group.as_deref()),
        Field::Environment => add(server.environment.as_deref()),
        Field::System => add(server.operating_system.as_deref()),
        Field::Address => add(server.reach.address.as_deref()),
        Field::Port => add(server.reach.port.map(|port| port.to_string()).as_deref()),
        Field::User => add(server.reach.user.as_deref()),
        Field::Jump => add(server.reach.jump.as_deref()),
        Field::Reboot => add(server.reboot.map(super::policy::RebootRule::as_str)),
        Field::Service => add(server.service()),
        Field::Role => add(server.role()),
        Field::Enrolled => add(Some(if server.host_key.is_some() { "yes" } else { "no" })),
        Field::State => {
            add(Some(window.map_or("none", |window| window.state.as_str())));
            // Who asks for approved windows means those that silence approved as well.
            if window.is_some_and(|window| matches!(window.state, WindowState::Approved(_))) {
                add(Some("approved"));
            }
        }
        Field::Date => add(plan.map(|plan| plan.local.date().to_string()).as_deref()),
        Field::Time => add(plan.map(|plan| plan.local.format("%H:%M").to_string()).as_deref()),
        Field::Quarter => add(window.map(|window| window.quarter.to_string()).as_deref()),
    }
}

/// What a person is found by: the address, and the name when it is another text.
fn called(person: &Person, add: &mut impl FnMut(Option<&str>)) {
    add(person.mail.as_ref().map(Address::as_str));
    if person.mail.as_ref().is_none_or(|mail| mail.as_str() != person.name) {
        add(Some(&person.name));
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(field) => {
                f.write_str(FIELDS.iter().find(|(_, of)| of == field).map_or("", |(name, _)| *name))
            }
            Self::Attribute(heading) => text::write_word(f, heading, text::Word::Heading),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.column, self.compare.sign())?;
        let several = matches!(self.compare, Compare::In | Compare::NotIn);
        if several {
            f.write_str("(")?;
        }
        for (index, value) in self.values.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            text::write_word(f, value, text::Word::Value)?;
        }
        if several { f.write_str(")") } else { Ok(()) }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, filters: &[Self], word: &str| {
            filters.iter().enumerate().try_for_each(|(index, filter)| {
                if index > 0 {
                    write!(f, " {word} ")?;
                }
                match filter {
                    Self::Any(_) | Self::All(_) => write!(f, "({filter})"),
                    Self::If(_) | Self::Not(_) => filter.fmt(f),
                }
            })
        };
        match self {
            Self::If(condition) => condition.fmt(f),
            Self::Not(filter) => match filter.as_ref() {
                Self::If(_) => write!(f, "not {filter}"),
                Self::Not(_) | Self::All(_) | Self::Any(_) => write!(f, "not ({filter})"),
            },
            Self::All(all) => joined(f, all, "and"),
            Self::Any(any) => joined(f, any, "or"),
        }
    }
}

/// What a comparison such as `<` needs behind it in a field.
fn comparable(field: Field, value: &str) -> Result<(), &'static str> {
    match field {
        Field::Date => value.parse::<NaiveDate>().map(|_| ()).map_err(|_| "a date is written as 2026-12-03"),
        Field::Time => NaiveTime::parse_from_str(value, "%H:%M")
            .map(|_| ())
            .map_err(|_| "a time of day is written as 20:00"),
        Field::Port => value.parse::<u16>().map(|_| ()).map_err(|_| "a port is a number"),
        Field::Name
        | Field::Owner
        | Field::Primary
        | Field::Secondary
        | Field::Zone
        | Field::Group
        | Field::Environment
        | Field::System
        | Field::Address
        | Field::User
        | Field::Jump
        | Field::Service
        | Field::Role
        | Field::Reboot
        | Field::Enrolled
        | Field::State
        | Field::Quarter => Err("only date, time, port and columns with numbers or dates have an order"),
    }
}

#[cfg(test)]
mod tests;
