//! Answers recorded on real hosts, answers that were cut or changed, and answers of hosts that mean harm.

use insta::{assert_debug_snapshot, assert_snapshot};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::check::{Check, NoFacts};
use crate::domain::facts::{Facts, Part, Units};
use crate::domain::ids::RunId;

macro_rules! recorded {
    ($name:literal) => {
        include_bytes!(concat!("../../tests/data/facts/debian12/", $name, ".txt")).as_slice()
    };
}

fn run(number: u128) -> RunId {
    RunId(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0000 + number))
}

/// Facts with their packages cut down to what a reader can take in.
fn brief(output: &[u8]) -> Facts {
    let mut facts = facts(output).unwrap();
    facts.packages = facts
        .packages
        .map(|packages| packages.into_iter().filter(|(name, _)| name.starts_with("lab")).collect());
    facts
}

#[test]
fn the_facts_of_a_host_with_systemd_are_read() {
    assert_debug_snapshot!(brief(recorded!("facts_systemd")));
}

#[test]
fn the_facts_of_a_host_without_systemd_are_read() {
    let facts = facts(recorded!("facts_light")).unwrap();
    assert_eq!(facts.units, Some(Units::NoSystemd));
    assert_eq!(facts.problems, []);
}

#[test]
fn what_a_host_could_not_tell_is_absent_with_a_reason() {
    let facts = facts(recorded!("facts_problems")).unwrap();
    assert_eq!(facts.disks, None);
    assert_eq!(facts.ports, None);
    assert_eq!(facts.problem(Part::Ports), Some("the program \"ss\" is missing; install iproute2"));
    assert!(facts.problem(Part::Disks).is_some_and(|text| text.contains("df")));
    assert!(facts.mounts.is_some());
}

#[test]
fn the_difference_a_run_made_is_told() {
    let (before, after) =
        (facts(recorded!("facts_systemd")).unwrap(), facts(recorded!("facts_after")).unwrap());
    let differences = crate::domain::check::compare(&before, &after);
    let changed: Vec<String> = differences
        .packages
        .iter()
        .map(|package| format!("{} {:?} {:?}", package.name, package.before, package.after))
        .collect();
    assert_snapshot!(changed.join("\n"), @r#"
    lab-app Some("1.0") Some("1.1")
    lab-postfail Some("1.0") Some("1.1")
    lab-reboot Some("1.0") Some("1.1")
    lab-service Some("1.0") Some("1.1")
    lab-slow Some("1.0") Some("1.1")
    "#);
    assert_eq!(differences.lines(), Vec::<String>::new());
    assert!(!before.reboot_needed() && after.reboot_needed());
}

#[test]
fn the_answers_to_the_other_verbs_are_read() {
    let hello = hello(recorded!("hello")).unwrap();
    assert_eq!((hello.helper.as_str(), hello.name.as_str()), ("0.1.0", "web01"));
    assert_eq!(applied(run(1), recorded!("apply_started")), Ok(Applied::Started));
    assert_eq!(applied(run(1), recorded!("apply_exists")), Ok(Applied::Exists));
    let refused = |answer| match answer {
        Ok(Applied::Refused(refused)) => refused.why,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(applied(run(2), recorded!("apply_refused"))), Why::Busy);
    assert_eq!(refused(applied(run(2), recorded!("apply_late"))), Why::Late);
    assert_eq!(rebooted(recorded!("reboot_ordered")), Ok(Rebooted::Ordered));
    assert!(
        matches!(rebooted(recorded!("reboot_refused")), Ok(Rebooted::Refused(no)) if no.why == Why::Busy)
    );
    assert!(Why::Busy.passes() && !Why::Late.passes());
}

#[test]
fn every_status_is_read() {
    assert_debug_snapshot!([
        status(run(1), recorded!("status_absent")),
        status(run(1), recorded!("status_running")),
        status(run(1), recorded!("status_installed")),
        status(run(1), recorded!("status_failed")),
        status(run(3), recorded!("status_refused")),
        status(run(4), recorded!("status_interrupted")),
    ]);
}

#[test]
fn an_answer_about_another_run_or_verb_is_refused() {
    assert_snapshot!(applied(run(9), recorded!("apply_started")).unwrap_err(), @r#"the host answered to "run 01920000-0000-7000-8000-000000000001" and was asked for "run 01920000-0000-7000-8000-000000000009"; ask again"#);
    assert_snapshot!(status(run(9), recorded!("status_running")).unwrap_err(), @r#"the host answered to "run 01920000-0000-7000-8000-000000000001" and was asked for "run 01920000-0000-7000-8000-000000000009"; ask again"#);
    assert_snapshot!(hello(recorded!("apply_started")).unwrap_err(), @r#"the host answered to "apply" and was asked for "hello"; ask again"#);
    assert_snapshot!(applied(run(1), recorded!("misused")).unwrap_err(), @r#"the host's helper did not understand the command (apply: the first argument is the id of the run, a lower-case UUID); install the helper again with "patchbot enroll""#);
}

fn told(error: Result<Facts, AnswerError>) -> String {
    error.unwrap_err().to_string()
}

fn lines_of(output: &[u8]) -> Vec<&str> {
    std::str::from_utf8(output).unwrap().lines().collect()
}

#[test]
fn an_answer_that_was_cut_anywhere_is_never_taken_for_a_whole_one() {
    let whole = recorded!("facts_light");
    for end in (0..whole.len() - 1).step_by(13) {
        assert!(facts(&whole[..end]).is_err(), "cut at {end}");
    }
    let lines = lines_of(whole);
    for index in 1..lines.len() - 1 {
        let mut fewer = lines.clone();
        fewer.remove(index);
        assert!(matches!(facts(fewer.join("\n").as_bytes()), Err(AnswerError::Miscounted { .. })));
    }
    let cut = lines[..7].join("\n");
    assert_snapshot!(told(facts(cut.as_bytes())), @"the answer ends after line 7 without its end mark, so a part of it is lost; ask again");
}

/// The recorded facts with one line replaced.
fn with_line(old: &str, new: &str) -> Vec<u8> {
    let mut found = false;
    let lines: Vec<&str> = lines_of(recorded!("facts_light"))
        .into_iter()
        .map(|line| {
            if line.contains(old) && !found {
                found = true;
                new
            } else {
                line
            }
        })
        .collect();
    assert!(found, "{old}");
    lines.join("\n").into_bytes()
}

#[test]
fn errors_name_the_line_and_the_next_step() {
    let sentences = [
        told(facts(b"")),
        told(facts(b"  \n")),
        told(facts(b"-sh: sudo: not found\n")),
        told(facts(
            b"{\"start\":\"facts\",\"helper\":\"9.0.0\",\"protocol\":2}\n{\"end\":\"facts\",\"lines\":1}",
        )),
        told(facts(&with_line("\"fact\":\"load\"", "{\"fact\":\"load\",\"one\":\"high\"}"))),
        told(facts(&with_line("\"fact\":\"load\"", "{\"fact\":\"weather\",\"rain\":true}"))),
        told(facts(&with_line("\"fact\":\"load\"", "no json"))),
        told(facts(&with_line("\"fact\":\"load\"", "{\"fact\":\"held\",\"name\":\"x\"}"))),
        told(facts(&with_line("\"part\":\"disks\"", "{\"fact\":\"held\",\"name\":\"x\"}"))),
        told(facts(&with_line(
            "\"part\":\"host\"",
            "{\"fact\":\"problem\",\"part\":\"host\",\"text\":\"no\\nclock\"}",
        ))),
        told(facts(&[recorded!("facts_light"), b"and more\n"].concat())),
    ];
    assert_snapshot!(sentences.join("\n"));
}

#[test]
fn a_host_without_facts_is_a_finding_of_the_check_that_failed() {
    let sudo = no_facts(&facts(b"").unwrap_err(), "sudo: a password is required");
    assert_eq!(sudo.check, Check::Sudo);
    assert_eq!(sudo.found, "sudo does not allow the helper (a password is required)");
    let missing =
        no_facts(&facts(b"").unwrap_err(), "sudo: /usr/local/sbin/patchbot-host: command not found");
    assert_eq!(
        (missing.check, missing.remedy.as_str()),
        (Check::Helper, "Install it with \"patchbot enroll\".")
    );
    let cut =
        no_facts(&facts(b"{\"start\":\"facts\",\"helper\":\"0.1.0\",\"protocol\":1}\n").unwrap_err(), "");
    assert_eq!(
        cut,
        NoFacts {
            check: Check::Helper,
            found: "the answer ends after line 1 without its end mark, so a part of it is lost".to_owned(),
            remedy: "Ask again.".to_owned()
        }
    );
}

#[test]
fn greetings_of_login_scripts_are_overlooked() {
    let greeted =
        [b"Welcome to web01\r\n\r\n* all activity is logged *\n".as_slice(), recorded!("hello")].concat();
    assert!(hello(&greeted).is_ok());
}

#[test]
fn a_flood_is_stopped_at_its_caps() {
    let start = b"{\"start\":\"facts\",\"helper\":\"0.1.0\",\"protocol\":1}\n".to_vec();
    let mut long = start.clone();
    long.extend(vec![b'x'; MAX_LINE + 1]);
    assert_eq!(facts(&long), Err(AnswerError::LineTooLong { line: 2 }));
    let mut many = start;
    many.extend(b"{\"fact\":\"held\",\"name\":\"x\"}\n".repeat(MAX_LINES + 1));
    assert_eq!(facts(&many), Err(AnswerError::TooManyLines));
    assert!(matches!(facts(&b"{}\n".repeat(200)), Err(AnswerError::NotTheHelper { .. })));
}

/// Every reader of answers, on the same bytes.
fn read_all(bytes: &[u8]) {
    let sentences = [
        hello(bytes).err().map(|error| error.to_string()),
        facts(bytes).err().map(|error| error.to_string()),
        applied(run(1), bytes).err().map(|error| error.to_string()),
        status(run(1), bytes).err().map(|error| error.to_string()),
        rebooted(bytes).err().map(|error| error.to_string()),
        hooked(run(1), bytes).err().map(|error| error.to_string()),
    ];
    for sentence in sentences.into_iter().flatten() {
        assert!(sentence.len() < 1_500, "{sentence}");
        assert!(!sentence.chars().any(char::is_control), "{sentence:?}");
    }
}

#[test]
fn a_damaged_name_of_a_field_is_told_without_its_control_characters() {
    let mut bytes = recorded!("hello").to_vec();
    for at in 0..bytes.len() {
        let was = std::mem::replace(&mut bytes[at], 0x7f);
        read_all(&bytes);
        bytes[at] = was;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        read_all(&bytes);
    }

    #[test]
    fn recorded_answers_with_changed_bytes_never_panic(
        which in 0_usize..6,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let recorded = [
            recorded!("facts_problems"), recorded!("hello"), recorded!("apply_refused"),
            recorded!("status_failed"), recorded!("status_interrupted"), recorded!("reboot_refused"),
        ];
        let mut bytes = recorded[which].to_vec();
        for (place, byte) in changes {
            let index = place.index(bytes.len());
            bytes[index] = byte;
        }
        read_all(&bytes);
    }
}
