//! A sample or two of every notice: for the check at the start, for previews and for tests.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::{Footing, ReplyTo};
use crate::domain::answer::Verdict;
use crate::domain::notice::{
    AlertNotice, Asked, CompletionNotice, DecidedLine, DecisionNotice, DecisionsNotice, Digest, EntryAct,
    EntryChange, FailureNotice, FindingLine, LinkCode, Notice, PackageLine, PrecheckAlert, Report, Section,
    ShownTime, Tally, Transcript, WeekAhead, WindowLine, WindowNotice, WordNotice,
};
use crate::domain::shown::{line, shown};

/// A notice as it could be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The notice's name, with what is special about this sample: `monthly_notice-one`.
    pub name: &'static str,
    /// The notice.
    pub notice: Notice,
    /// What its mail has in common with others.
    pub footing: Footing,
}

const NEW_YORK: Tz = Tz::America__New_York;
const SLIPS: &str = "Without an answer by then, the time slips by one week, and I ask you again.";
const TIMELESS: &str = "Without a time nothing is patched.";
const AUTOMATIC: &str =
    "Without an answer by then, these servers are approved automatically: that is the rule of the group web.";
const BERLIN: Tz = Tz::Europe__Berlin;

/// Samples of every notice.
#[must_use]
pub fn samples() -> Vec<Sample> {
    let answerable = |name, notice| Sample { name, notice, footing: footing(true) };
    let final_word = |name, notice| Sample { name, notice, footing: footing(false) };
    vec![
        answerable(
            "monthly_notice",
            Notice::MonthlyNotice(digest(&[web01("waits for approval"), web02(), db01()], SLIPS)),
        ),
        answerable("monthly_notice-one", Notice::MonthlyNotice(digest(&[db01()], SLIPS))),
        answerable("monthly_notice-many", Notice::MonthlyNotice(digest(&rack(14), SLIPS))),
        answerable("monthly_notice-no_time", Notice::MonthlyNotice(digest(&[no_time()], TIMELESS))),
        answerable(
            "monthly_notice-no_times",
            Notice::MonthlyNotice(digest(&[no_time(), other_without_time()], TIMELESS)),
        ),
        answerable(
            "approval_request",
            Notice::ApprovalRequest(digest(&[web01("waits for approval"), web02()], AUTOMATIC)),
        ),
        answerable("weekly_followup", Notice::WeeklyFollowup(followup())),
        answerable("weekly_reminder", Notice::WeeklyReminder(week())),
        answerable("daily_reminder", Notice::DailyReminder(reminder())),
        answerable("starting", Notice::Starting(starting())),
        answerable("missed", Notice::Missed(missed())),
        answerable("decision-approved", Notice::Decision(approved())),
        answerable("decision-moved", Notice::Decision(moved())),
        answerable("decision-declined", Notice::Decision(declined())),
        answerable("decisions", Notice::Decisions(decisions())),
        answerable("precheck_alert", Notice::PrecheckAlert(alert())),
        final_word("completion_notice", Notice::CompletionNotice(completion())),
        final_word("failure_notice", Notice::FailureNotice(failure())),
        answerable("transcript-done", Notice::Transcript(partly())),
        answerable("transcript-not_understood", Notice::Transcript(not_understood())),
        answerable("transcript-confirm", Notice::Transcript(confirm())),
        answerable("transcript-counter", Notice::Transcript(counter())),
        final_word("transcript-refused", Notice::Transcript(refused())),
        final_word("daily_report", Notice::DailyReport(report("4 servers were patched, 1 failed."))),
        final_word("weekly_report", Notice::WeeklyReport(report("31 servers were patched, 2 failed."))),
        final_word("monthly_report", Notice::MonthlyReport(report("112 of 240 servers are patched."))),
        final_word("quarter_report", Notice::QuarterReport(quarter_report())),
        final_word("operator_alert", Notice::OperatorAlert(operator_alert())),
        final_word("link_code", Notice::LinkCode(link_code())),
        answerable("word", Notice::Word(word())),
    ]
}

fn link_code() -> LinkCode {
    LinkCode {
        reader: "Ada".to_owned(),
        platform: "Slack".to_owned(),
        account: "U0123ABCD".to_owned(),
        code: "7F3K-9QMW".to_owned(),
        minutes: 15,
    }
}

fn word() -> WordNotice {
    WordNotice {
        reader: "Bob".to_owned(),
        headline: "ada@owners.test offers you the time of web02.owners.test for that of db01.owners.test".to_owned(),
        sentences: vec![
            "ada@owners.test would like to trade: db01.owners.test would be patched when web02.owners.test is, and web02.owners.test when db01.owners.test is."
                .to_owned(),
            "Nothing changes until you accept.".to_owned(),
        ],
        windows: vec![WindowLine { number: 1, ..db01() }],
        next: vec!["To accept, reply \"swap db01.owners.test with web02.owners.test\".".to_owned()],
    }
}

fn footing(answerable: bool) -> Footing {
    let reply = ReplyTo {
        address: "patchbot+mfrggzdfmztwq2lknnwg23tpobyxe43u@patch.test".to_owned(),
        tag: "[#MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U]".to_owned(),
    };
    Footing {
        sender: "patchbot".to_owned(),
        contact: "ops@patch.test".to_owned(),
        reply: answerable.then_some(reply),
    }
}

/// Hours after Thursday, 3 December 2026, 20:00 in New York.
fn hours(after: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_796_346_000, 0)
        .unwrap_or_default()
        .checked_add_signed(TimeDelta::hours(after))
        .unwrap_or_default()
}

fn time(at: DateTime<Utc>, server: Tz) -> ShownTime {
    shown(at, server, Some(BERLIN))
}

fn window(number: usize, server: &str, zone: Tz, after: i64, state: &str) -> WindowLine {
    WindowLine {
        number,
        server: server.to_owned(),
        host_group: Some(if server.starts_with("db") { "databases" } else { "web" }.to_owned()),
        quarter: "2027-Q1".to_owned(),
        revision: 2,
        state: state.to_owned(),
        start: time(hours(after), zone),
        end: time(hours(after.saturating_add(3)), zone),
        today: None,
    }
}

fn web01(state: &str) -> WindowLine {
    window(1, "web01.owners.test", NEW_YORK, 0, state)
}

fn web02() -> WindowLine {
    window(2, "web02.owners.test", NEW_YORK, 1, "waits for approval")
}

fn db01() -> WindowLine {
    WindowLine { host_group: None, ..window(3, "db01.owners.test", BERLIN, 163, "waits for approval") }
}

/// So many servers, two in an hour.
fn rack(servers: i64) -> Vec<WindowLine> {
    (1..=servers)
        .map(|number| {
            window(1, &format!("web{number:02}.owners.test"), BERLIN, number / 2, "waits for approval")
        })
        .collect()
}

/// A window before the quarter is planned.
fn no_time() -> WindowLine {
    let unknown = ShownTime {
        server: "no time yet".to_owned(),
        server_zone: String::new(),
        reader: None,
        reader_zone: None,
        utc: String::new(),
        at: DateTime::UNIX_EPOCH,
    };
    WindowLine {
        start: unknown.clone(),
        end: unknown,
        ..window(1, "mail.owners.test", BERLIN, 0, "no time yet")
    }
}

fn other_without_time() -> WindowLine {
    WindowLine { server: "proxy.owners.test".to_owned(), ..no_time() }
}

fn digest(windows: &[WindowLine], silence: &str) -> Digest {
    let who = if windows.len() == 1 { "It" } else { "Each of them" };
    let numbered = windows.iter().zip(1..).map(|(window, number)| WindowLine { number, ..window.clone() });
    Digest {
        reader: "Ada".to_owned(),
        quarter: "2027-Q1".to_owned(),
        windows: numbered.collect(),
        deadline: line(hours(-226), BERLIN),
        silence: silence.to_owned(),
        moves: Some(format!("{who} can be moved twice more, to Sun 31 Jan 2027 at the latest.")),
        note: None,
        asked: Asked::Decision,
    }
}

/// Two groups, one server that would be blocked, handed on to the second owner.
fn followup() -> Digest {
    let blocked =
        "Today this would be blocked: disk /var: 96 % used, 85 % allowed; held packages: 2 (nginx, php).";
    let db01 = WindowLine {
        host_group: Some("databases".to_owned()),
        today: Some(blocked.to_owned()),
        ..window(1, "db01.owners.test", BERLIN, 163, "waits for approval")
    };
    let web02 = WindowLine { today: Some("On Mon 23 Nov its checks passed.".to_owned()), ..web02() };
    let note = "ada@owners.test is away until Mon 7 Dec 2026, 00:00 Europe/Berlin, so you are asked as well.";
    Digest { note: Some(note.to_owned()), ..digest(&[db01, web01("waits for approval"), web02], SLIPS) }
}

fn week() -> WeekAhead {
    WeekAhead {
        reader: "Ada".to_owned(),
        quarter: "2027-Q1".to_owned(),
        windows: vec![
            web01("approved by ada@owners.test by mail"),
            WindowLine { state: "approved, because nobody answered".to_owned(), ..web02() },
        ],
        sentences: vec![
            "Nothing is left to do for you. A day before each of them I remind you once more.".to_owned(),
        ],
        next: vec!["To take one back, reply \"withdraw 1\"; for its state, reply \"status\".".to_owned()],
    }
}

fn decisions() -> DecisionsNotice {
    let line = |window: WindowLine, what: &str| DecidedLine {
        window,
        what: what.to_owned(),
        reason: None,
        before: None,
    };
    let moved = DecidedLine {
        reason: Some("release on Thursday night".to_owned()),
        before: Some(time(hours(0), NEW_YORK)),
        ..line(window(2, "web02.owners.test", NEW_YORK, 168, "waits for approval"), "moved")
    };
    let decided = vec![line(web01("approved by bob@owners.test by mail"), "approved"), moved];
    DecisionsNotice {
        reader: "Ada".to_owned(),
        quarter: "2027-Q1".to_owned(),
        by: "bob@owners.test".to_owned(),
        channel: "by mail".to_owned(),
        decided_at: time(hours(-100), BERLIN),
        windows: decided.iter().map(|line| line.window.clone()).collect(),
        decided,
        next: vec![
            "To change one, reply with its number, for example \"decline 1\" or \"withdraw 1\".".to_owned(),
        ],
    }
}

fn tally(what: &str, numbers: [u32; 6]) -> Tally {
    let [all, patched, approved, waiting, declined, failed] = numbers;
    Tally { what: what.to_owned(), all, patched, approved, waiting, declined, failed }
}

fn report(summary: &str) -> Report {
    let section = |title: &str, urgent, lines: &[&str]| Section {
        title: title.to_owned(),
        urgent,
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
    };
    Report {
        reader: "Olga".to_owned(),
        quarter: "2027-Q1".to_owned(),
        span: "Thu 3 Dec 2026, 08:00 to Fri 4 Dec 2026, 08:00 Europe/Berlin".to_owned(),
        summary: summary.to_owned(),
        tallies: vec![
            tally("all", [240, 112, 60, 58, 6, 4]),
            tally("web", [200, 100, 50, 44, 4, 2]),
            tally("databases", [40, 12, 10, 14, 2, 2]),
        ],
        sections: vec![
            section(
                "Needs a person",
                true,
                &["web07.owners.test failed in the install (openssl could not be configured)."],
            ),
            section("Patched", false, &["web01.owners.test, after a reboot", "web02.owners.test"]),
            section(
                "Tonight",
                false,
                &[
                    "db01.owners.test: Fri 4 Dec 2026, 21:00 Europe/Berlin (20:00 UTC), approved by ada@owners.test by mail",
                ],
            ),
        ],
    }
}

fn quarter_report() -> Report {
    let section = |title: &str, urgent, lines: &[&str]| Section {
        title: title.to_owned(),
        urgent,
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
    };
    Report {
        span: "1 Nov 2026 to 31 Jan 2027".to_owned(),
        summary: "230 of 240 servers were patched.".to_owned(),
        tallies: vec![
            tally("all", [240, 230, 0, 0, 6, 4]),
            tally("web", [200, 196, 0, 0, 2, 2]),
            tally("databases", [40, 34, 0, 0, 4, 2]),
        ],
        sections: vec![
            section(
                "The quarter that is over",
                true,
                &[
                    "2 windows ended without a run.",
                    "2 servers were not patched, because nobody had approved them: db07.owners.test, db09.owners.test.",
                ],
            ),
            section(
                "The quarter that begins",
                false,
                &["240 servers have a window in 2027-Q2, 240 of them without a time."],
            ),
            section(
                "The inventory",
                true,
                &[
                    "1 server is not enrolled: web17.owners.test. Nothing can be installed there; enrol it with \"patchbot enroll\".",
                ],
            ),
        ],
        ..report("")
    }
}

fn operator_alert() -> AlertNotice {
    AlertNotice {
        reader: "Olga".to_owned(),
        headline: "A mail to ada@owners.test cannot be delivered.".to_owned(),
        lines: vec!["550 5.1.1 User unknown.".to_owned(), "bob@owners.test was asked as well.".to_owned()],
    }
}

/// The time that a calendar proposed is not free.
fn counter() -> Transcript {
    let why = "Fri 4 Dec 2026, 03:00 lies outside of the hours of the group web (20:00 to 24:00).";
    let window = web01("waits for approval");
    Transcript {
        verdict: Verdict::Refused,
        said: Vec::new(),
        lines: vec![why.to_owned()],
        next: vec![
            "Reply \"move 1 to 2026-12-10 21:00\", or with another time between 20:00 and 24:00.".to_owned(),
        ],
        windows: vec![window.clone()],
        entries: vec![EntryChange { window, act: EntryAct::CounterDeclined(why.to_owned()) }],
        ..partly()
    }
}

fn confirm() -> Transcript {
    Transcript {
        verdict: Verdict::Confirm,
        said: vec!["approve all except web02".to_owned()],
        lines: vec!["By mail I want to be sure which servers remain. It waits for your word.".to_owned()],
        next: vec!["If this is what you mean, answer \"confirm\", or with exactly this: \"approve web01.owners.test\"".to_owned()],
        windows: vec![web01("waits for approval")],
        confirms: vec!["approve web01.owners.test".to_owned()],
        ..partly()
    }
}

fn reminder() -> WindowNotice {
    WindowNotice {
        reader: "Ada".to_owned(),
        window: web01("approved by ada@owners.test by mail"),
        sentences: vec![
            "All pending updates are installed, and the server is rebooted if one of them needs it."
                .to_owned(),
            "Three hours before the start the schedule is locked.".to_owned(),
        ],
        next: vec![
            "Reply \"move to 2026-12-10 20:00\" with your date and time to move it.".to_owned(),
            "Reply \"withdraw\" to take the approval back.".to_owned(),
        ],
        answerable: true,
    }
}

fn starting() -> WindowNotice {
    WindowNotice {
        sentences: vec!["The pre-checks are good.".to_owned(), "A reboot may follow.".to_owned()],
        next: vec!["Reply \"status\" to see how it stands.".to_owned()],
        window: web01("being patched now"),
        ..reminder()
    }
}

fn missed() -> WindowNotice {
    WindowNotice {
        window: web01("missed: nobody approved it in time"),
        sentences: vec![
            "Nobody approved it before the start.".to_owned(),
            "Nothing was changed on the server.".to_owned(),
        ],
        next: vec!["Reply \"move to 2026-12-10 20:00\" with your date and time for a new window.".to_owned()],
        ..reminder()
    }
}

fn approved() -> DecisionNotice {
    DecisionNotice {
        reader: "Ada".to_owned(),
        window: web01("approved by ada@owners.test by mail"),
        what: "approved".to_owned(),
        by: "ada@owners.test".to_owned(),
        channel: "by mail".to_owned(),
        decided_at: time(hours(-100), NEW_YORK),
        reason: None,
        before: None,
        next: vec!["Reply \"withdraw\" to take it back; that is possible until the run starts.".to_owned()],
    }
}

fn declined() -> DecisionNotice {
    let reason = "the quarter is closed that night";
    DecisionNotice {
        window: web01(&format!("declined by charles@owners.test because \"{reason}\"")),
        what: "declined".to_owned(),
        by: "charles@owners.test".to_owned(),
        reason: Some(reason.to_owned()),
        next: vec!["To take that back, reply \"withdraw\".".to_owned()],
        ..approved()
    }
}

fn moved() -> DecisionNotice {
    DecisionNotice {
        window: window(1, "web01.owners.test", NEW_YORK, 168, "waits for approval"),
        what: "moved".to_owned(),
        by: "charles@owners.test".to_owned(),
        channel: "in Slack".to_owned(),
        reason: Some("release on Thursday night".to_owned()),
        before: Some(time(hours(0), NEW_YORK)),
        next: vec![
            "The earlier approval is void, because the time is another one.".to_owned(),
            "Reply \"approve\" if the new time suits you, or \"decline\" if it does not.".to_owned(),
        ],
        ..approved()
    }
}

fn finding(level: &str, check: &str, found: &str, remedy: &str) -> FindingLine {
    FindingLine {
        level: level.to_owned(),
        check: check.to_owned(),
        found: found.to_owned(),
        remedy: remedy.to_owned(),
    }
}

fn alert() -> PrecheckAlert {
    PrecheckAlert {
        reader: "Ada".to_owned(),
        window: web01("approved by ada@owners.test by mail"),
        blocked: true,
        findings: vec![
            finding(
                "block",
                "disk /var",
                "96 % used, 85 % allowed",
                "Free at least 2 GB in /var, old logs for example.",
            ),
            finding("warn", "logged-in users", "2 (root, deploy)", "Tell them that the server will reboot."),
            finding("ok", "package manager", "not locked, 34 updates wait", ""),
        ],
        next: vec![
            "I look again one hour before the start.".to_owned(),
            "Reply \"move to 2026-12-10 20:00\" with your date and time if you need longer.".to_owned(),
        ],
    }
}

fn package(name: &str, before: Option<&str>, after: Option<&str>) -> PackageLine {
    PackageLine { name: name.to_owned(), before: before.map(str::to_owned), after: after.map(str::to_owned) }
}

fn completion() -> CompletionNotice {
    CompletionNotice {
        reader: "Ada".to_owned(),
        window: web01("patched"),
        started: time(hours(0), NEW_YORK),
        ended: time(hours(1), NEW_YORK),
        packages: vec![
            package("linux-image-amd64", Some("6.1.119-1"), Some("6.1.128-1")),
            package("linux-image-6.1.0-30-amd64", None, Some("6.1.128-1")),
            package("openssl", Some("3.0.15-1~deb12u1"), Some("3.0.16-1~deb12u1")),
            package("libfoo1", Some("1.2-3"), None),
        ],
        rebooted: true,
        kernel: "6.1.0-28 -> 6.1.0-30".to_owned(),
        differences: vec!["port 8125/udp is no longer open".to_owned()],
    }
}

fn failure() -> FailureNotice {
    FailureNotice {
        reader: "Ada".to_owned(),
        window: web01("failed: openssl could not be configured"),
        step: "install".to_owned(),
        reasons: vec!["The package openssl could not be configured.".to_owned()],
        state: vec![
            "12 of 13 packages are installed; the server was not rebooted.".to_owned(),
            "All services that ran before are running.".to_owned(),
        ],
        log: vec![
            "Setting up openssl (3.0.16-1~deb12u1) ...".to_owned(),
            "dpkg: error processing package openssl (--configure):".to_owned(),
            " subprocess returned error exit status 1".to_owned(),
        ],
        next: vec![
            "The operators are told and look at it; nothing is tried again before they say so.".to_owned(),
        ],
    }
}

fn partly() -> Transcript {
    Transcript {
        reader: "Ada".to_owned(),
        verdict: Verdict::Partly,
        said: vec!["approve 1".to_owned(), "move 2 to 2026-12-04 03:00".to_owned()],
        lines: vec![
            "web01.owners.test is approved for Thu 3 Dec 2026, 20:00 America/New_York (Fri 4 Dec, 01:00 UTC).".to_owned(),
            "web02.owners.test stays where it is: 03:00 lies outside of the hours of the group web (20:00 to 24:00).".to_owned(),
        ],
        next: vec!["Reply \"move web02.owners.test to 2026-12-10 21:00\", or with another time between 20:00 and 24:00.".to_owned()],
        windows: vec![web01("approved by ada@owners.test by mail"), web02()],
        confirms: Vec::new(),
        entries: Vec::new(),
    }
}

fn not_understood() -> Transcript {
    Transcript {
        verdict: Verdict::NotUnderstood,
        said: vec!["approved but only after the release".to_owned()],
        lines: vec![
            "\"approved but only after the release\": That sets a condition, and I cannot watch over conditions, so \
             nothing was decided."
                .to_owned(),
        ],
        next: vec!["Reply \"approve all\", or \"move 1 to 2026-12-10 20:00\" with your date and time.".to_owned()],
        ..partly()
    }
}

fn refused() -> Transcript {
    Transcript {
        verdict: Verdict::Refused,
        said: vec!["approve".to_owned()],
        lines: vec![
            "The run of web01.owners.test has already started, so there is nothing left to approve."
                .to_owned(),
        ],
        next: vec!["Ask the operators if something is wrong with the server.".to_owned()],
        windows: Vec::new(),
        ..partly()
    }
}
