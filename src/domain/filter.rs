//! Filters on lists: `group=db and env=prod and state!=approved`.

use std::fmt;

use super::server::Server;
use super::window::Window;

/// What a condition looks at, besides the server's columns: things that the caller knows.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The server.
    pub server: &'a Server,
    /// Its window in the quarter, when it has one.
    pub window: Option<&'a Window>,
    /// The names and addresses of its owners.
    pub owners: &'a [String],
}

/// A condition, or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// A column and the values it may have, with `*` for anything.
    Is {
        /// The column's name, folded.
        column: String,
        /// The value, folded.
        value: String,
        /// Whether it must be so, or must not.
        wanted: bool,
    },
    /// All of them.
    And(Vec<Filter>),
    /// Any of them.
    Or(Vec<Filter>),
}

/// A text that is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAFilter {
    /// A condition is not understood.
    #[error("\"{0}\" is no condition; write column=value or column!=value, as in group=db and env=prod")]
    Condition(String),
    /// A condition is missing before or behind a word.
    #[error("something is missing beside \"{0}\"; write it as group=db and env=prod")]
    Missing(String),
}

fn folded(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether a text fits a pattern in which `*` stands for anything; both are folded.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part).and_then(|at| rest.get(at.saturating_add(part.len())..)) {
            Some(behind) => rest = behind,
            None => return false,
        }
    }
    true
}

impl Filter {
    /// Reads a filter: conditions with `and` and `or`; `and` binds more tightly.
    ///
    /// # Errors
    /// When a condition is not understood.
    pub fn parse(text: &str) -> Result<Self, NotAFilter> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let alternatives = words.split(|word| word.eq_ignore_ascii_case("or"));
        let mut any = Vec::new();
        for alternative in alternatives {
            let mut all = Vec::new();
            for condition in alternative.split(|word| word.eq_ignore_ascii_case("and")) {
                if condition.is_empty() {
                    return Err(NotAFilter::Missing(text.to_owned()));
                }
                all.push(Self::condition(&condition.join(" "))?);
            }
            any.push(if let [_] = all.as_slice() { all.remove(0) } else { Self::And(all) });
        }
        Ok(if let [_] = any.as_slice() { any.remove(0) } else { Self::Or(any) })
    }

    fn condition(text: &str) -> Result<Self, NotAFilter> {
        let wrong = || NotAFilter::Condition(text.to_owned());
        let (column, value) = text.split_once('=').ok_or_else(wrong)?;
        let (column, wanted) = match column.strip_suffix('!') {
            Some(column) => (column, false),
            None => (column, true),
        };
        let column = folded(column);
        if column.is_empty() {
            return Err(wrong());
        }
        let value = value.replace('"', " ").to_lowercase();
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(Self::Is { column, value, wanted })
    }

    /// Whether something fits.
    #[must_use]
    pub fn fits(&self, subject: Subject<'_>) -> bool {
        match self {
            Self::And(all) => all.iter().all(|filter| filter.fits(subject)),
            Self::Or(any) => any.iter().any(|filter| filter.fits(subject)),
            Self::Is { column, value, wanted } => {
                let there = values(column, subject);
                let found = if there.is_empty() {
                    value.is_empty()
                } else {
                    there.iter().any(|text| fits(value, &text.to_lowercase()))
                };
                found == *wanted
            }
        }
    }
}

/// What stands in a column; several for the owners.
fn values(column: &str, subject: Subject<'_>) -> Vec<String> {
    let Subject { server, window, owners } = subject;
    let one = |value: Option<&str>| value.map(str::to_owned).into_iter().collect();
    match column {
        "name" | "server" | "servername" => vec![server.name.clone()],
        "group" | "hostgroup" => one(server.host_group.as_deref()),
        "env" | "environment" => one(server.environment.as_deref()),
        "os" | "system" | "operatingsystem" => one(server.operating_system.as_deref()),
        "zone" | "timezone" | "servertimezone" => vec![server.zone.name().to_owned()],
        "service" => one(server.service()),
        "role" => one(server.role()),
        "owner" => owners.to_vec(),
        "enrolled" => vec![if server.host_key.is_some() { "yes" } else { "no" }.to_owned()],
        "state" => vec![window.map_or("none", |window| window.state.as_str()).to_owned()],
        "date" => {
            one(window.and_then(|window| window.plan).map(|plan| plan.local.date().to_string()).as_deref())
        }
        "quarter" => one(window.map(|window| window.quarter.to_string()).as_deref()),
        other => {
            let mut columns = server.attributes.iter();
            one(columns.find(|(heading, _)| folded(heading) == other).map(|(_, value)| value.as_str()))
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |f: &mut fmt::Formatter<'_>, all: &[Self], word: &str| {
            all.iter().enumerate().try_for_each(|(index, filter)| {
                if index > 0 {
                    write!(f, " {word} ")?;
                }
                filter.fmt(f)
            })
        };
        match self {
            Self::Is { column, value, wanted } => {
                write!(f, "{column}{}{value}", if *wanted { "=" } else { "!=" })
            }
            Self::And(all) => join(f, all, "and"),
            Self::Or(any) => join(f, any, "or"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::ServerId;
    use crate::domain::server::Reach;
    use proptest::prelude::*;

    fn server() -> Server {
        Server {
            id: ServerId(uuid::Uuid::from_u128(1)),
            name: "db01.example.org".to_owned(),
            zone: chrono_tz::Tz::Europe__Berlin,
            host_group: Some("DB".to_owned()),
            environment: Some("prod".to_owned()),
            operating_system: Some("Debian 12".to_owned()),
            reach: Reach::default(),
            host_key: None,
            reboot: None,
            attributes: [("Cost Center".to_owned(), "4711".to_owned())].into(),
            active: true,
            version: 0,
        }
    }

    fn fits_filter(text: &str) -> bool {
        let owners = ["ada@owners.test".to_owned()];
        Filter::parse(text).unwrap().fits(Subject { server: &server(), window: None, owners: &owners })
    }

    #[test]
    fn conditions_are_about_columns_and_read_as_they_are_said() {
        for fitting in [
            "group=db", "env=prod and group=db", "name=db*", "name=*.example.org", "os=debian*",
            "os=Debian 12", "state=none", "owner=ada@*", "cost_center=4711", "group=web or env=prod",
            "state!=approved", "rack=", "enrolled=no", "group=web and env=test or owner=ada*",
        ] {
            assert!(fits_filter(fitting), "{fitting}");
        }
        for other in ["group=web", "group=db and env=test", "name=db", "rack!=", "owner=bob*", "name=*db01"] {
            assert!(!fits_filter(other), "{other}");
        }
    }

    #[test]
    fn what_is_no_condition_is_told_how_to_write() {
        insta::assert_snapshot!(Filter::parse("group db").unwrap_err(), @r#""group db" is no condition; write column=value or column!=value, as in group=db and env=prod"#);
        insta::assert_snapshot!(Filter::parse("group=db and").unwrap_err(), @r#"something is missing beside "group=db and"; write it as group=db and env=prod"#);
    }

    proptest! {
        #[test]
        fn a_filter_that_is_printed_is_read_back(text in "[a-z=!* \"and or]{0,40}") {
            if let Ok(filter) = Filter::parse(&text) {
                let printed = filter.to_string();
                prop_assert_eq!(Filter::parse(&printed).map(|again| again.to_string()), Ok(printed));
            }
        }

        #[test]
        fn a_pattern_without_stars_fits_itself_only(pattern in "[a-z]{1,6}", text in "[a-z]{1,6}") {
            prop_assert_eq!(fits(&pattern, &text), pattern == text);
            let everything = format!("*{pattern}*");
            prop_assert_eq!(fits(&everything, &text), text.contains(&pattern));
        }
    }
}
