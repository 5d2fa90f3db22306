//! What filters mean, what is refused, and that nothing breaks the parser.

use proptest::prelude::*;

use super::*;
use crate::domain::ids::{PersonId, ServerId};
use crate::domain::person::Role;
use crate::domain::server::Reach;

fn server() -> Server {
    Server {
        id: ServerId(uuid::Uuid::from_u128(1)),
        name: "db01.example.org".to_owned(),
        zone: chrono_tz::Tz::Europe__Berlin,
        host_group: Some("DB".to_owned()),
        environment: Some("prod".to_owned()),
        operating_system: Some("Debian 12".to_owned()),
        reach: Reach { port: Some(2222), ..Reach::default() },
        host_key: None,
        reboot: None,
        attributes: [
            ("Cost Center", "4711"),
            ("bought", "2024-05-01"),
            ("Application", "billing"),
            ("role", "standby"),
        ]
        .into_iter()
        .collect(),
        active: true,
        version: 0,
    }
}

fn headings() -> Vec<String> {
    ["Cost Center", "bought", "rack", "In"].map(str::to_owned).to_vec()
}

fn read(text: &str) -> Filter {
    Filter::parse(text, &headings()).unwrap()
}

fn refused(text: &str) -> String {
    Filter::parse(text, &headings()).unwrap_err().to_string()
}

fn person(name: &str) -> Person {
    Person {
        id: PersonId(uuid::Uuid::from_u128(2)),
        name: name.to_owned(),
        mail: Some(Address::parse(&format!("{}@owners.test", name.to_lowercase())).unwrap()),
        zone: None,
        role: Role::Viewer,
    }
}

fn takes(text: &str) -> bool {
    let owners = [(Rank::Primary, person("Ada")), (Rank::Secondary, person("Bob"))];
    read(text).fits(Subject { server: &server(), window: None, owners: &owners })
}

#[test]
fn conditions_are_about_columns_and_read_as_they_are_said() {
    for fitting in [
        "group=db", "env=prod and group=db", "name=db*", "name=*.example.org", "name=db01", "os=debian*",
        "os=\"Debian 12\"", "os~bian", "state=none", "owner=ada@*", "owner=Ada", "service=billing",
        "role=standby", "secondary_owner=bob@owners.test", "cost_center=4711", "\"Cost Center\"=4711",
        "group=web or env=prod", "state!=approved", "rack=\"\"", "enrolled=no",
        "group=web and env=test or owner=ada*", "not group=web", "not (group=web or env=test)",
        "group in (web, db)", "group not in (web, app)", "cost_center>=4711", "cost_center<5000",
        "bought<2024-06-01", "port>1024", "GROUP = DB AND (env = prod)", "zone=europe/berlin", "group==db",
        "os!~suse", "NOT not group=db", "primary in (\"ada@owners.test\")",
    ] {
        assert!(takes(fitting), "{fitting}");
    }
    for other in [
        "group=web", "group=db and env=test", "name=db", "rack!=\"\"", "owner=eve*", "name=*db02",
        "primary=bob@owners.test", "cost_center>4711", "bought>2024-06-01", "group not in (db)", "rack>1",
        "not (group=db and env=prod)", "os~suse",
    ] {
        assert!(!takes(other), "{other}");
    }
}

#[test]
fn and_binds_more_tightly_than_or() {
    assert_eq!(read("group=a or group=b and env=c").to_string(), "group=a or (group=b and env=c)");
    assert_eq!(read("(group=a or group=b) and env=c").to_string(), "(group=a or group=b) and env=c");
    assert_eq!(read("not group=a and env=c").to_string(), "not group=a and env=c");
}

#[test]
fn what_is_no_filter_is_told_how_to_write_it() {
    let told: Vec<String> = [
        "", "group", "group db", "group=", "group=db and", "group=db env=prod", "os=Debian 12", "(group=db",
        "group=db)", "group in db", "group in (db web)", "group in (db", "os=\"Debian 12", "gruop=db",
        "cost_centre=1", "weight=3", "state!=aproved", "state=done", "enrolled=maybe", "name>web01",
        "date<tomorrow", "cost_center>many", "=db", "and", "group!db", "in=1",
    ]
    .into_iter()
    .map(|text| format!("{text:<20} {}", refused(text)))
    .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
                         the filter is empty; write it as group=db and env=prod
    group                the end stands where =, !=, ~, <, > or "in" behind a column's name is expected; write it as group=db and env=prod
    group db             "db" stands where =, !=, ~, <, > or "in" behind a column's name is expected; write it as group=db and env=prod
    group=               the end stands where a value ("" for an empty cell) is expected; write it as group=db and env=prod
    group=db and         the end stands where a condition is expected; write it as group=db and env=prod
    group=db env=prod    "env" stands behind group=db; put a value with blanks in quotes, or write "and" between two conditions
    os=Debian 12         "12" stands behind os=Debian; put a value with blanks in quotes, or write "and" between two conditions
    (group=db            the end stands where ")" is expected; write it as group=db and env=prod
    group=db)            ")" stands where "and", "or" or the end is expected; write it as group=db and env=prod
    group in db          "db" stands where a list such as (db, web) is expected; write it as group=db and env=prod
    group in (db web)    "web" stands where "," or ")" is expected; write it as group=db and env=prod
    group in (db         the end stands where ")" is expected; write it as group=db and env=prod
    os="Debian 12        the quote "Debian 12 is not closed; write it as os="Debian 12"
    gruop=db             there is no column "gruop"; did you mean group?
    cost_centre=1        there is no column "cost_centre"; did you mean Cost Center?
    weight=3             there is no column "weight"; there are name, owner, primary, secondary, zone, group, env, os, address, port, user, jump, reboot, service, role, enrolled, state, date, time, quarter, Cost Center, bought, rack, In
    state!=aproved       state is never "aproved"; did you mean approved? Its words are none, unscheduled, proposed, approved, auto_approved, locked, running, completed, failed, missed, needs_human, declined, deferred, cancelled
    state=done           state is never "done"; did you mean none? Its words are none, unscheduled, proposed, approved, auto_approved, locked, running, completed, failed, missed, needs_human, declined, deferred, cancelled
    enrolled=maybe       enrolled is never "maybe"; use yes, no
    name>web01           name>web01 cannot be compared: only date, time, port and columns with numbers or dates have an order
    date<tomorrow        date<tomorrow cannot be compared: a date is written as 2026-12-03
    cost_center>many     Cost_Center>many cannot be compared: write a number, or a date as 2026-12-03
    =db                  "=" stands where a condition is expected; write it as group=db and env=prod
    and                  "and" stands where a condition is expected; write it as group=db and env=prod
    group!db             "!d" stands where != or !~ is expected; write it as group=db and env=prod
    in=1                 "in" stands where a condition is expected; write it as group=db and env=prod
    "#);
    assert_eq!(
        refused("group=db\u{7}"),
        "the character U+0007 stands where a condition is expected; write it as group=db and env=prod"
    );
    assert!(Filter::parse("\"in\"=1", &headings()).is_ok());
}

#[test]
fn a_filter_that_takes_nothing_says_what_there_is() {
    let (one, owners) = (server(), [(Rank::Primary, person("Ada"))]);
    let subjects = [Subject { server: &one, window: None, owners: &owners }];
    let misses = |text: &str| read(text).misses(&subjects.iter().copied()).join("\n");
    insta::assert_snapshot!(misses("env=production and group=db"), @"nothing fits env=production; there are prod (1)");
    insta::assert_snapshot!(misses("rack=7"), @"nothing fits rack=7: no server has anything in that column");
}

/// Filters as trees, so that every shape is printed.
fn filters() -> impl Strategy<Value = Filter> {
    let column = prop_oneof![
        prop::sample::select(FIELDS).prop_map(|(_, field)| Column::Known(field)),
        prop::sample::select(headings()).prop_map(Column::Attribute),
    ];
    let text = "[a-zA-Z0-9 *\"'(),=!~<>äß.@:-]{0,8}";
    let compare =
        prop::sample::select(vec![Compare::Is, Compare::IsNot, Compare::Contains, Compare::ContainsNot]);
    let several = prop::sample::select(vec![Compare::In, Compare::NotIn]);
    let condition = prop_oneof![
        (column.clone(), compare, text).prop_map(|(column, compare, value)| (column, compare, vec![value])),
        (column, several, prop::collection::vec(text, 1..4)),
    ]
    .prop_filter(
        "words that a column has",
        |(column, _, _)| !matches!(column, Column::Known(field) if !words_of(*field).is_empty()),
    )
    .prop_map(|(column, compare, values)| Filter::If(Condition { column, compare, values }));
    condition.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|filter| Filter::Not(Box::new(filter))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::All),
            prop::collection::vec(inner, 2..4).prop_map(Filter::Any),
        ]
    })
}

proptest! {
    #[test]
    fn a_filter_that_is_printed_is_read_back(filter in filters()) {
        let printed = filter.to_string();
        prop_assert_eq!(Filter::parse(&printed, &headings()), Ok(filter), "{}", printed);
    }

    #[test]
    fn no_text_breaks_the_parser(text in "\\PC{0,80}") {
        if let Err(error) = Filter::parse(&text, &headings()) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn nor_does_a_text_of_the_languages_own_parts(parts in prop::collection::vec(
        prop::sample::select(vec!["group", "=", "!=", "~", "(", ")", ",", "and", "or", "not", "in", "\"", "'", "db", "state", "<", " "]), 0..60)) {
        let text = parts.concat();
        if let Ok(filter) = Filter::parse(&text, &headings()) {
            prop_assert_eq!(Filter::parse(&filter.to_string(), &headings()), Ok(filter));
        }
    }

    #[test]
    fn not_turns_the_answer_round(filter in filters()) {
        let one = server();
        let subject = Subject { server: &one, window: None, owners: &[] };
        prop_assert_ne!(filter.fits(subject), Filter::Not(Box::new(filter.clone())).fits(subject));
    }

    #[test]
    fn a_pattern_without_stars_fits_itself_only(pattern in "[a-z]{1,6}", text in "[a-z]{1,6}") {
        prop_assert_eq!(text::fits(&pattern, &text), pattern == text);
        let everything = format!("*{pattern}*");
        prop_assert_eq!(text::fits(&everything, &text), text.contains(&pattern));
    }
}
