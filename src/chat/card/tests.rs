//! Every state of a window, as it is read in chat.

use serde_json::json;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::times::{span, times};
use super::*;
use crate::chat::facts::LastDecision;
use crate::domain::answer::Channel;
use crate::domain::calendar::plan_at;
use crate::domain::decision::Decided;
use crate::domain::ids::{PersonId, RunId, ServerId};
use crate::domain::policy::{Policy, RebootRule, Scope, Silence};
use crate::domain::run::{Reboot, RunPlan, RunState, Step};
use crate::domain::server::{Reach, Server};
use crate::domain::window::{Approval, Refused, Window};
use crate::store::records::{PrecheckRow, Purpose, RunRow};

const START: &str = "2026-12-03T19:00:00Z";

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A window that waits for an answer, looked at on the Wednesday of the week before.
fn proposed() -> Facts {
    let server = Server {
        id: ServerId(uuid::Uuid::from_u128(1)),
        name: "web01.example.org".to_owned(),
        zone: Tz::Europe__Berlin,
        host_group: Some("Web".to_owned()),
        environment: None,
        operating_system: None,
        reach: Reach::default(),
        host_key: None,
        reboot: None,
        attributes: crate::domain::attributes::Attributes::default(),
        active: true,
        version: 0,
    };
    let id = WindowId(uuid::Uuid::from_u128(2));
    let plan = plan_at(utc(START), server.zone, TimeDelta::hours(2));
    let window = Window::unscheduled(id, server.id, "2027-Q1".parse().unwrap()).with_plan(plan);
    Facts {
        server,
        window,
        policy: Policy::default(),
        quarter: "2027-Q1 (1 Nov 2026 to 31 Jan 2027)".to_owned(),
        owners: vec!["Ada".to_owned(), "Bob".to_owned()],
        decision: None,
        crossed_by: None,
        check: None,
        run: None,
        beside: crate::chat::facts::Beside::default(),
        reader: None,
        now: utc("2026-11-25T09:00:00Z"),
    }
}

fn decision(what: Decided) -> LastDecision {
    LastDecision {
        what,
        by: "Ada".to_owned(),
        channel: Channel::Mail,
        at: utc("2026-11-24T14:30:00Z"),
        reason: None,
        before: None,
    }
}

fn approval() -> Approval {
    Approval {
        with: Vec::new(),
        by: Approver::Person { id: PersonId(uuid::Uuid::from_u128(3)), name: "Ada".to_owned() },
        channel: Channel::Mail,
        revision: Revision::FIRST,
        at: utc("2026-11-24T14:30:00Z"),
    }
}

fn approved() -> Facts {
    let mut facts = proposed();
    facts.window.state = WindowState::Approved(approval());
    facts.decision = Some(decision(Decided::Approved));
    facts
}

fn run(state: RunState, report: serde_json::Value) -> RunRow {
    let policy = Policy::default();
    RunRow {
        plan: RunPlan {
            run: RunId(uuid::Uuid::from_u128(4)),
            window: WindowId(uuid::Uuid::from_u128(2)),
            revision: Revision::FIRST,
            server: ServerId(uuid::Uuid::from_u128(1)),
            server_name: "web01.example.org".to_owned(),
            starts_at: utc(START),
            ends_at: utc("2026-12-03T21:00:00Z"),
            scope: Scope::Security,
            exclude: vec!["postgresql-*".to_owned()],
            reboot: RebootRule::Always,
            reboot_wait_seconds: 600,
            checks: policy.checks,
            validation: policy.validation,
            passes: Vec::new(),
        },
        state,
        report: Some(report),
        started_at: utc("2026-12-03T19:00:05Z"),
        ended_at: Some(utc("2026-12-03T19:31:00Z")),
    }
}

fn check(blocked: bool, findings: serde_json::Value) -> PrecheckRow {
    PrecheckRow {
        load_milli: None,
        reboot_pending: None,
        id: uuid::Uuid::from_u128(5),
        server: ServerId(uuid::Uuid::from_u128(1)),
        window: Some(WindowId(uuid::Uuid::from_u128(2))),
        run: None,
        purpose: Purpose::Precheck,
        taken_at: utc("2026-12-03T14:00:10Z"),
        blocked,
        findings,
        facts: None,
    }
}

fn text(facts: &Facts) -> String {
    window_card(facts).text("/patch")
}

#[test]
fn a_window_without_a_time() {
    let mut facts = proposed();
    facts.window.plan = None;
    facts.window.state = WindowState::Unscheduled;
    insta::assert_snapshot!(text(&facts), @"
    ⏳ web01.example.org has no time yet
    Without a time: it is not patched.
    What happens: Its updates are installed, without any work of yours. It is rebooted after that if the updates need it.
    Owners: Ada, Bob
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    [Move…] [Decline…] [Why?]
    Free times: /patch slots web01.example.org
    To give it a time: /patch move web01.example.org to 2026-12-02 20:00 (put your date and time)
    ");
}

#[test]
fn a_window_that_waits_for_an_answer() {
    insta::assert_snapshot!(text(&proposed()), @r#"
    ⏳ web01.example.org waits for approval
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Answer by: Wed 2 Dec 2026, 00:00 Europe/Berlin (Tue 1 Dec, 23:00 UTC). Without an answer by then it is not patched, and I tell the operators.
    What happens: Its updates are installed, without any work of yours. It is rebooted after that if the updates need it.
    Blast radius: no other server is patched in that hour.
    Owners: Ada, Bob
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    [Approve] [Move…] [Decline…] [Why?]
    Another time: /patch move web01.example.org to 2026-12-10 20:00 (put your date and time)
    The same time one week later: /patch defer web01.example.org by 1 week
    Free times: /patch slots web01.example.org
    A no with its reason: /patch decline web01.example.org because "…"
    "#);
}

#[test]
fn a_window_whose_group_takes_silence_as_consent_and_whose_reader_is_elsewhere() {
    let mut facts = proposed();
    facts.policy.silence = Silence::Approve;
    facts.policy.scope = Scope::Packages(vec!["openssl".to_owned(), "libc6".to_owned()]);
    facts.server.reboot = Some(RebootRule::Never);
    facts.reader = Some(Tz::Asia__Tokyo);
    facts.owners = vec!["Ada".to_owned()];
    insta::assert_snapshot!(text(&facts), @r#"
    ⏳ web01.example.org waits for approval
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Your time: Fri 4 Dec 2026, 04:00–06:00 Asia/Tokyo
    Answer by: Wed 2 Dec 2026, 00:00 Europe/Berlin (Tue 1 Dec, 23:00 UTC). Without an answer by then I take it as approved, and patch it at the time shown.
    What happens: These packages are updated: openssl, libc6. It is not rebooted.
    Blast radius: no other server is patched in that hour.
    Owner: Ada
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    [Approve] [Move…] [Decline…] [Why?]
    Another time: /patch move web01.example.org to 2026-12-10 20:00 (put your date and time)
    The same time one week later: /patch defer web01.example.org by 1 week
    Free times: /patch slots web01.example.org
    A no with its reason: /patch decline web01.example.org because "…"
    "#);
}

#[test]
fn a_window_that_was_moved_and_waits_again() {
    let mut facts = proposed();
    facts.window.revision = Revision(2);
    facts.decision = Some(LastDecision {
        channel: Channel::Slack,
        reason: Some("release tonight".to_owned()),
        before: Some(utc("2026-11-26T19:00:00Z")),
        ..decision(Decided::Moved)
    });
    insta::assert_snapshot!(text(&facts), @r#"
    ⏳ web01.example.org waits for approval
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Answer by: Wed 2 Dec 2026, 00:00 Europe/Berlin (Tue 1 Dec, 23:00 UTC). Without an answer by then it is not patched, and I tell the operators.
    Last decision: moved by Ada in Slack, Tue 24 Nov 2026, 15:30 Europe/Berlin (14:30 UTC), because "release tonight"; the time before was Thu 26 Nov 2026, 20:00 Europe/Berlin (19:00 UTC)
    What happens: Its updates are installed, without any work of yours. It is rebooted after that if the updates need it.
    Blast radius: no other server is patched in that hour.
    Owners: Ada, Bob
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    [Approve] [Move…] [Decline…] [Why?]
    Another time: /patch move web01.example.org to 2026-12-10 20:00 (put your date and time)
    The same time one week later: /patch defer web01.example.org by 1 week
    Free times: /patch slots web01.example.org
    A no with its reason: /patch decline web01.example.org because "…"
    "#);
}

#[test]
fn a_window_that_was_moved_across_the_freeze_needs_somebody_else() {
    let mut facts = proposed();
    facts.policy.silence = Silence::Approve;
    facts.crossed_by = Some("Olga".to_owned());
    let text = text(&facts);
    let lines: Vec<&str> =
        text.lines().filter(|line| line.starts_with("Second") || line.starts_with("Answer")).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    Answer by: Wed 2 Dec 2026, 00:00 Europe/Berlin (Tue 1 Dec, 23:00 UTC). Without an answer by then it is not patched, and I tell the operators.
    Second person: Olga moved it across the freeze of the patch week, so somebody else must approve it.
    ");
}

#[test]
fn a_window_whose_deadline_has_passed() {
    let mut facts = proposed();
    facts.now = utc("2026-12-02T09:00:00Z");
    insta::assert_snapshot!(text(&facts), @r#"
    ⏳ web01.example.org waits for approval
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Answer by: Wed 2 Dec 2026, 00:00 Europe/Berlin (Tue 1 Dec, 23:00 UTC). That has passed: it is not patched unless somebody approves before it starts.
    What happens: Its updates are installed, without any work of yours. It is rebooted after that if the updates need it.
    Blast radius: no other server is patched in that hour.
    Owners: Ada, Bob
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    [Approve] [Move…] [Decline…] [Why?]
    Another time: /patch move web01.example.org to 2026-12-10 20:00 (put your date and time)
    The same time one week later: /patch defer web01.example.org by 1 week
    Free times: /patch slots web01.example.org
    A no with its reason: /patch decline web01.example.org because "…"
    "#);
}

#[test]
fn a_window_whose_time_came_without_an_answer_has_no_approval_to_give() {
    let mut facts = proposed();
    facts.now = utc(START);
    insta::assert_snapshot!(text(&facts), @r"
    ⚠️ web01.example.org was not approved before its time came
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Without an approval: nothing was installed.
    Owners: Ada, Bob
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    [Why?]
    Another time: /patch move web01.example.org to 2026-12-10 20:00 (put your date and time)
    ");
}

#[test]
fn an_approved_window_says_who_when_and_how_and_cannot_be_approved_again() {
    insta::assert_snapshot!(text(&approved()), @r"
    👍 web01.example.org is approved
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Last decision: approved by Ada by mail, Tue 24 Nov 2026, 15:30 Europe/Berlin (14:30 UTC)
    What happens: Its updates are installed, without any work of yours. It is rebooted after that if the updates need it.
    Until then: 5 hours before the start I check whether it is ready. It is closed for changes from Thu 3 Dec 2026, 17:00 Europe/Berlin (16:00 UTC) on.
    Blast radius: no other server is patched in that hour.
    Owners: Ada, Bob
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    [Move…] [Decline…] [Why?]
    To take the approval back: /patch withdraw web01.example.org
    Another time, which needs a new approval: /patch move web01.example.org to 2026-12-10 20:00 (put your date and time)
    ");
}

#[test]
fn an_approved_window_whose_server_was_looked_at() {
    let mut facts = approved();
    facts.check = Some(check(false, json!([])));
    facts.now = utc("2026-12-03T14:00:20Z");
    insta::assert_snapshot!(text(&facts), @r"
    👍 web01.example.org is approved
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Last decision: approved by Ada by mail, Tue 24 Nov 2026, 15:30 Europe/Berlin (14:30 UTC)
    What happens: Its updates are installed, without any work of yours. It is rebooted after that if the updates need it.
    Until then: It is closed for changes from Thu 3 Dec 2026, 17:00 Europe/Berlin (16:00 UTC) on.
    Checked: Thu 3 Dec 2026, 15:00 Europe/Berlin (14:00 UTC): passed.
    Blast radius: no other server is patched in that hour.
    Owners: Ada, Bob
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    [Move…] [Decline…] [Why?]
    To take the approval back: /patch withdraw web01.example.org
    Another time, which needs a new approval: /patch move web01.example.org to 2026-12-10 20:00 (put your date and time)
    ");
}

#[test]
fn an_approved_window_that_was_rehearsed_days_before_still_waits_for_its_check() {
    let mut facts = approved();
    facts.check = Some(PrecheckRow { taken_at: utc("2026-11-26T14:00:00Z"), ..check(true, json!([])) });
    let told = text(&facts);
    let lines: Vec<&str> =
        told.lines().filter(|line| line.starts_with("Until then") || line.starts_with("Rehearsed")).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    Until then: 5 hours before the start I check whether it is ready. It is closed for changes from Thu 3 Dec 2026, 17:00 Europe/Berlin (16:00 UTC) on.
    Rehearsed: Thu 26 Nov 2026, 15:00 Europe/Berlin (14:00 UTC): as it is now, it could not be patched. There is time to mend that.
    ");
}

#[test]
fn a_window_that_silence_approved() {
    let mut facts = proposed();
    facts.window.state =
        WindowState::Approved(Approval { by: Approver::Silence, channel: Channel::Clock, ..approval() });
    facts.decision = Some(LastDecision {
        by: "patchbot".to_owned(),
        channel: Channel::Clock,
        ..decision(Decided::AutoApproved)
    });
    insta::assert_snapshot!(text(&facts), @r"
    👍 web01.example.org counts as approved
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Last decision: nobody answered by the deadline, so by the rule of its host group it is approved; Tue 24 Nov 2026, 15:30 Europe/Berlin (14:30 UTC)
    What happens: Its updates are installed, without any work of yours. It is rebooted after that if the updates need it.
    Until then: 5 hours before the start I check whether it is ready. It is closed for changes from Thu 3 Dec 2026, 17:00 Europe/Berlin (16:00 UTC) on.
    Blast radius: no other server is patched in that hour.
    Owners: Ada, Bob
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    [Move…] [Decline…] [Why?]
    To take the approval back: /patch withdraw web01.example.org
    Another time, which needs a new approval: /patch move web01.example.org to 2026-12-10 20:00 (put your date and time)
    ");
}

#[test]
fn a_window_that_the_inventory_approved() {
    let mut facts = proposed();
    facts.window.state =
        WindowState::Approved(Approval { by: Approver::File, channel: Channel::Import, ..approval() });
    let text = text(&facts);
    let last = text.lines().find(|line| line.starts_with("Last decision"));
    insta::assert_snapshot!(last.unwrap(), @"Last decision: approved by the imported inventory, Tue 24 Nov 2026, 15:30 Europe/Berlin (14:30 UTC)");
}

#[test]
fn a_locked_window_can_still_be_declined_and_shows_what_would_stop_it() {
    let mut facts = approved();
    facts.window.state = WindowState::Locked(approval());
    facts.now = utc("2026-12-03T16:00:00Z");
    facts.check = Some(check(
        true,
        json!([
            {"check": "disk", "subject": "/var", "level": "block", "found": "96 % used, 85 % allowed", "remedy": "Free some space."},
            {"check": "users", "subject": "", "level": "warn", "found": "ada is logged in", "remedy": ""}
        ]),
    ));
    insta::assert_snapshot!(text(&facts), @r#"
    🔒 web01.example.org is approved, and its schedule is locked
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Last decision: approved by Ada by mail, Tue 24 Nov 2026, 15:30 Europe/Berlin (14:30 UTC)
    What happens: Its updates are installed, without any work of yours. It is rebooted after that if the updates need it.
    Until then: Only a no is still possible, until the start.
    Checked: Thu 3 Dec 2026, 15:00 Europe/Berlin (14:00 UTC): it cannot be patched as it is. The check is made again at the start.
    Blast radius: no other server is patched in that hour.
    Owners: Ada, Bob
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    What the check found:
    • stops it — disk /var: 96 % used, 85 % allowed. Free some space.
    • remark — users: ada is logged in
    [Decline…] [Why?]
    A no with its reason: /patch decline web01.example.org because "…"
    "#);
}

#[test]
fn a_running_window() {
    let mut facts = approved();
    facts.window.state = WindowState::Running { run: RunId(uuid::Uuid::from_u128(4)) };
    facts.run = Some(run(RunState::Applying { since: utc(START), taken_on: None }, json!({})));
    facts.now = utc("2026-12-03T19:01:00Z");
    insta::assert_snapshot!(text(&facts), @r"
    🔧 web01.example.org is being patched now
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Started: Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC)
    What happens: Its security updates are installed, without any work of yours. Never touched: postgresql-*. It is rebooted after that.
    Last decision: approved by Ada by mail, Tue 24 Nov 2026, 15:30 Europe/Berlin (14:30 UTC)
    Owners: Ada, Bob
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    This card changes when it is done, and the owners get a mail.
    ");
}

#[test]
fn a_completed_window_tells_what_changed() {
    let mut facts = approved();
    facts.window.state = WindowState::Completed;
    facts.run = Some(run(
        RunState::Succeeded { reboot: Reboot::Done },
        json!({
            "packages": [
                {"name": "openssl", "before": "3.0.15-1", "after": "3.0.16-1"},
                {"name": "linux-image-6.1.0-30", "before": null, "after": "6.1.124-1"},
                {"name": "oldlib", "before": "1.0", "after": null}
            ],
            "kernel": "6.1.0-29 -> 6.1.0-30",
            "differences": ["nginx.service is new"]
        }),
    ));
    insta::assert_snapshot!(text(&facts), @r"
    ✅ web01.example.org is patched
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Started: Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC)
    Ended: Thu 3 Dec 2026, 20:31 Europe/Berlin (19:31 UTC)
    Rebooted: yes
    Kernel: 6.1.0-29 -> 6.1.0-30
    Last decision: approved by Ada by mail, Tue 24 Nov 2026, 15:30 Europe/Berlin (14:30 UTC)
    Owners: Ada, Bob
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    3 packages changed:
    • openssl 3.0.15-1 → 3.0.16-1
    • linux-image-6.1.0-30 6.1.124-1 (new)
    • oldlib 1.0 (removed)
    What else is different from before:
    • nginx.service is new
    What was done and when: /patch history web01.example.org
    ");
}

#[test]
fn a_completed_window_where_nothing_was_to_be_done() {
    let mut facts = approved();
    facts.window.state = WindowState::Completed;
    facts.run = Some(run(RunState::Succeeded { reboot: Reboot::NotNeeded }, json!({})));
    insta::assert_snapshot!(text(&facts), @r"
    ✅ web01.example.org is patched
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Started: Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC)
    Ended: Thu 3 Dec 2026, 20:31 Europe/Berlin (19:31 UTC)
    Rebooted: not needed, so not done
    Packages: none changed: everything was up to date.
    Services, ports, mounts: the same as before.
    Last decision: approved by Ada by mail, Tue 24 Nov 2026, 15:30 Europe/Berlin (14:30 UTC)
    Owners: Ada, Bob
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    What was done and when: /patch history web01.example.org
    ");
}

#[test]
fn a_long_list_of_packages_says_where_the_rest_is() {
    let mut facts = approved();
    facts.window.state = WindowState::Completed;
    let packages: Vec<_> =
        (1..=23).map(|n| json!({"name": format!("pkg{n}"), "before": "1", "after": "2"})).collect();
    let report = json!({ "packages": packages });
    facts.run = Some(run(RunState::Succeeded { reboot: Reboot::NotNeeded }, report));
    let text = text(&facts);
    assert!(text.contains("23 packages changed:"), "{text}");
    assert!(text.contains("• pkg20 1 → 2\n• … and 3 more; the mail to the owners lists them all"), "{text}");
}

#[test]
fn a_failed_window_says_where_why_and_what_to_do() {
    let mut facts = approved();
    facts.window.state = WindowState::Failed { reason: "installation (dpkg returned 1)".to_owned() };
    facts.run = Some(run(
        RunState::Failed { step: Step::Apply, reasons: vec!["dpkg returned 1.".to_owned()] },
        json!({"log": ["Setting up openssl", "dpkg: error processing package"]}),
    ));
    insta::assert_snapshot!(text(&facts), @r#"
    ❗ web01.example.org could not be patched
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Stopped at: installation
    How it stands: The server was not rebooted. Some updates may be installed, others not.
    Last decision: approved by Ada by mail, Tue 24 Nov 2026, 15:30 Europe/Berlin (14:30 UTC)
    Owners: Ada, Bob
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    What went wrong:
    • dpkg returned 1.
    The last lines of its log:
    Setting up openssl
    dpkg: error processing package
    [Why?]
    Look at the log on web01.example.org, mend the package, and run "dpkg --configure -a" there.
    Nothing more happens to web01.example.org by itself. When it is mended, an operator gives it another time, as /patch move web01.example.org to 2026-12-10 20:00.
    /patch history web01.example.org tells what was done and when.
    "#);
}

#[test]
fn a_window_that_needs_a_person() {
    let mut facts = approved();
    facts.window.state = WindowState::NeedsHuman { reason: "reboot (no answer)".to_owned() };
    facts.run = Some(run(
        RunState::NeedsHuman {
            step: Step::Reboot,
            reasons: vec!["It did not come back within 10 minutes.".to_owned()],
        },
        json!({}),
    ));
    insta::assert_snapshot!(text(&facts), @"
    ❗ web01.example.org needs a person now
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Stopped at: reboot
    How it stands: The updates are installed.
    Last decision: approved by Ada by mail, Tue 24 Nov 2026, 15:30 Europe/Berlin (14:30 UTC)
    Owners: Ada, Bob
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    What went wrong:
    • It did not come back within 10 minutes.
    [Why?]
    Reach web01.example.org over its console or reboot it by hand, inside a time its owner agrees to.
    Nothing more happens to web01.example.org by itself. When it is mended, an operator gives it another time, as /patch move web01.example.org to 2026-12-10 20:00.
    /patch history web01.example.org tells what was done and when.
    ");
}

#[test]
fn a_missed_window() {
    let mut facts = proposed();
    facts.window.state = WindowState::Missed { reason: "nobody approved it in time".to_owned() };
    facts.now = utc("2026-12-03T19:16:00Z");
    insta::assert_snapshot!(text(&facts), @r"
    ⚠️ web01.example.org was not patched
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Why: nobody approved it in time. Nothing on the server was changed.
    Owners: Ada, Bob
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    [Move…] [Why?]
    Another time: /patch move web01.example.org to 2026-12-10 20:00 (put your date and time)
    Free times: /patch slots web01.example.org
    ");
}

#[test]
fn a_declined_window_says_who_and_why_and_can_only_be_asked_about() {
    let mut facts = proposed();
    facts.window.state = WindowState::Declined(Refused {
        by: PersonId(uuid::Uuid::from_u128(3)),
        name: "Ada".to_owned(),
        channel: Channel::Mail,
        at: utc("2026-11-24T14:30:00Z"),
        reason: Some("quarter-end closing".to_owned()),
    });
    facts.decision =
        Some(LastDecision { reason: Some("quarter-end closing".to_owned()), ..decision(Decided::Declined) });
    insta::assert_snapshot!(text(&facts), @r#"
    🚫 web01.example.org is declined: it is not patched in this window
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Last decision: declined by Ada by mail, Tue 24 Nov 2026, 15:30 Europe/Berlin (14:30 UTC), because "quarter-end closing"
    Owners: Ada, Bob
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    [Why?]
    To take that back: /patch withdraw web01.example.org
    "#);
}

#[test]
fn a_cancelled_window() {
    let mut facts = approved();
    facts.window.state = WindowState::Cancelled { reason: "the server left the inventory".to_owned() };
    facts.owners = Vec::new();
    insta::assert_snapshot!(text(&facts), @r"
    🚫 The window of web01.example.org is cancelled
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Why: the server left the inventory
    Last decision: approved by Ada by mail, Tue 24 Nov 2026, 15:30 Europe/Berlin (14:30 UTC)
    Owners: nobody; only operators can decide
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    What is known of the server: /patch show web01.example.org
    ");
}

#[test]
fn times_say_each_date_once() {
    let shown = |start: &str, hours, zone| times(utc(start), utc(start) + TimeDelta::hours(hours), zone);
    insta::assert_snapshot!(shown(START, 2, Tz::Europe__Berlin), @"Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)");
    insta::assert_snapshot!(shown(START, 2, Tz::UTC), @"Thu 3 Dec 2026, 19:00–21:00 UTC");
    insta::assert_snapshot!(shown("2026-12-03T22:00:00Z", 2, Tz::Europe__Berlin), @"Thu 3 Dec 2026, 23:00 to Fri 4 Dec, 01:00 Europe/Berlin (22:00 to Fri 4 Dec, 00:00 UTC)");
    insta::assert_snapshot!(shown("2026-12-04T01:00:00Z", 2, Tz::America__New_York), @"Thu 3 Dec 2026, 20:00–22:00 America/New_York (Fri 4 Dec, 01:00–03:00 UTC)");
    insta::assert_snapshot!(shown("2026-12-03T22:30:00Z", 2, Tz::Asia__Kolkata), @"Fri 4 Dec 2026, 04:00–06:00 Asia/Kolkata (Thu 3 Dec, 22:30 to Fri 4 Dec, 00:30 UTC)");
    assert_eq!(
        (span(TimeDelta::hours(5)), span(TimeDelta::minutes(90))),
        ("5 hours".to_owned(), "90 minutes".to_owned())
    );
}

#[test]
fn many_windows_are_one_card_of_numbered_lines() {
    let mut second = approved();
    second.server.name = "db01.example.org".to_owned();
    let mut third = proposed();
    third.server.name = "app01.example.org".to_owned();
    insta::assert_snapshot!(bulk_card(&[proposed(), second.clone(), third]).text("/patch"), @"
    ⏳ 3 servers, 2 wait for your approval
    Quarter 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    1. web01.example.org — Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC) — waits for approval
    2. db01.example.org — Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC) — approved by Ada by mail
    3. app01.example.org — Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC) — waits for approval
    The first deadline is Wed 2 Dec 2026, 00:00 Europe/Berlin (Tue 1 Dec, 23:00 UTC); what is not answered is not patched, and the operators are told.
    [Approve all (2)] [Choose…]
    Or answer this message with approve 1-2 or defer 2 by 1 week
    ");
    let screen = bulk_card(&[second.clone(), second]);
    assert_eq!(screen.buttons.iter().map(|button| button.label.as_str()).collect::<Vec<_>>(), ["Choose…"]);
}

#[test]
fn the_card_says_who_is_patched_at_the_same_time() {
    let mut facts = proposed();
    let mut told = Vec::new();
    for (group, all) in
        [(vec![], 0), (vec![], 1), (vec![], 4), (vec!["web02"], 1), (vec!["web02", "web03"], 4)]
    {
        facts.beside =
            crate::chat::facts::Beside { group: group.into_iter().map(str::to_owned).collect(), all };
        let card = window_card(&facts);
        let fact = card.facts.iter().find(|fact| fact.label == "Blast radius").unwrap();
        told.push(fact.text.clone());
    }
    insta::assert_snapshot!(told.join("\n"), @r"
    no other server is patched in that hour.
    1 other server is patched in that hour, of another host group.
    4 other servers are patched in that hour, none of Web.
    web02 of Web in the same hour; 1 other server in all.
    web02, web03 of Web in the same hour; 4 other servers in all.
    ");
}
