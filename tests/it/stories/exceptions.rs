//! A server is put off beyond its quarter: asked with a reason, granted by an operator, refused, forgotten, undone, over.

use patchbot::domain::person::{Address, Role};
use patchbot::domain::window::WindowState;

use crate::world::World;

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";
const WISH: &str = "defer web01 until 2027-03-12 because \"the vendor supports no newer kernel\"";

async fn planned() -> World {
    let mut world =
        World::new(TUESDAY).await.server_in("web01", "ada", "bob", "Europe/Berlin").server("db01", "carl");
    world.plan().await;
    world
}

/// Somebody else may operate as well.
async fn second_operator(world: &World) {
    let both = ["olga@patchbot.test", "otto@owners.test"];
    let both = both.map(|mail| (Address::parse(mail).unwrap(), Role::Operator));
    world.app.give_roles(&both).await.unwrap();
}

#[tokio::test]
async fn asked_and_granted_by_mail() {
    let mut world = planned().await;
    let notice = world.mail_to("ada");
    assert_eq!(
        world.replies("ada", &notice, "defer 1 until 2027-03-12 because the vendor is slow").await,
        "accepted"
    );
    let mails = world.unread();
    let told = |who: &str| mails.iter().find(|mail| mail.to.starts_with(who)).unwrap().clone();
    let (transcript, wish) = (told("ada"), told("olga"));
    world.mails();
    insta::assert_snapshot!(transcript.shown());
    insta::assert_snapshot!(wish.shown());
    assert_eq!(world.state("web01").await, "waits for approval", "nothing changes until it is granted");
    assert_eq!(world.replies("olga", &wish, "defer until 2027-03-12").await, "accepted");
    insta::assert_snapshot!(world.state("web01").await, @r#"put off until Fri 12 Mar 2027 for ada@owners.test, granted by olga@patchbot.test ("the vendor is slow")"#);
    let mails = world.unread();
    let granted = mails.iter().find(|mail| mail.to.starts_with("ada")).unwrap().clone();
    insta::assert_snapshot!(granted.shown());
    world.mails();
    insta::assert_snapshot!(world.alert_lines().await.join("\n"), @r#"
    ada@owners.test asks to put web01 off until Fri 12 Mar 2027, because "the vendor is slow".
    An operator other than ada@owners.test can grant or refuse it.
    Without an answer nothing changes.
    web01 is put off until Fri 12 Mar 2027: it is not patched in 2027-Q1, and is planned again when that ends.
    ada@owners.test asked for it, because "the vendor is slow"; olga@patchbot.test granted it.
    "#);
    insta::assert_snapshot!(world.audit("web01").await.join("\n"), @r#"
    ada@owners.test by mail: ada@owners.test asks to put web01 off until Fri 12 Mar 2027, because "the vendor is slow".
    olga@patchbot.test by mail: web01 is put off until Fri 12 Mar 2027: it is not patched in 2027-Q1, and is planned again when that ends.
    "#);
    // Who asked takes it back by an answer to the notice.
    assert_eq!(world.replies("ada", &granted, "withdraw").await, "accepted");
    assert_eq!(world.state("web01").await, "waits for approval");
    world.mails();
}

#[tokio::test]
async fn refused_by_mail_and_who_asked_is_told() {
    let mut world = planned().await;
    world.mails();
    insta::assert_snapshot!(world.says("ada", WISH).await, @r#"
    You have asked to put web01 off until Fri 12 Mar 2027. Nothing changes until an operator grants it.
    To take the wish back, say "undo web01".
    "#);
    let wish = world.mail_to("olga");
    assert_eq!(world.replies("olga", &wish, "undo").await, "accepted");
    let mails = world.unread();
    insta::assert_snapshot!(mails.iter().find(|mail| mail.to.starts_with("ada")).unwrap().shown());
    insta::assert_snapshot!(mails.iter().find(|mail| mail.to.starts_with("olga")).unwrap().shown());
    assert_eq!(world.state("web01").await, "waits for approval");
    world.mails();
}

#[tokio::test]
async fn in_chat_nobody_grants_his_own_wish_and_an_operator_can_grant_a_shorter_time() {
    let mut world = planned().await;
    second_operator(&world).await;
    world.mails();
    world.says("olga", WISH).await;
    insta::assert_snapshot!(world.says("olga", WISH).await, @r#"
    olga@patchbot.test has asked already to put web01 off until Fri 12 Mar 2027; an operator other than olga@patchbot.test has to grant it.
    "why web01" tells how it stands.
    "#);
    insta::assert_snapshot!(world.says("bob", WISH).await, @r#"
    olga@patchbot.test has asked already to put web01 off until Fri 12 Mar 2027; an operator other than olga@patchbot.test has to grant it.
    "why web01" tells how it stands.
    "#);
    insta::assert_snapshot!(world.says("otto", "defer web01 until 2027-02-26").await, @r#"
    web01 is put off until Fri 26 Feb 2027: it is not patched in 2027-Q1, and is planned again when that ends.
    An owner can take it back with "withdraw web01". When it ends, web01 is planned again, and you are told.
    A mistake? Say "undo web01" until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).
    "#);
    insta::assert_snapshot!(world.state("web01").await, @r#"put off until Fri 26 Feb 2027 for olga@patchbot.test, granted by otto@owners.test ("the vendor supports no newer kernel")"#);
    insta::assert_snapshot!(world.says("ada", WISH).await, @r#"
    The window of web01 is over: put off until Fri 26 Feb 2027 for olga@patchbot.test, granted by otto@owners.test ("the vendor supports no newer kernel").
    Say "show web01" for where it stands.
    "#);
    world.mails();
}

#[tokio::test]
async fn a_day_inside_the_quarter_one_too_far_and_a_wish_without_a_reason_are_refused() {
    let mut world = planned().await;
    world.mails();
    insta::assert_snapshot!(world.says("ada", "defer web01 until 2027-01-20 because \"x\"").await, @r#"
    Wed 20 Jan 2027 is not beyond the quarter of web01, 2027-Q1 (1 Nov 2026 to 31 Jan 2027).
    For another time in the quarter, say "defer web01 by 1 week", or "slots web01" for the free times.
    To leave the quarter out, say a day from 2027-02-01 on.
    "#);
    insta::assert_snapshot!(world.says("ada", "defer web01 until 2027-09-01 because \"x\"").await, @r#"
    web01 can be put off until Sat 1 May 2027 at the latest; Wed 1 Sep 2027 is too far.
    Say "defer web01 until 2027-05-01 because …", with your reason.
    "#);
    insta::assert_snapshot!(world.says("ada", "defer web01 until 2027-03-12").await, @r#"
    To put web01 off beyond its quarter needs a reason.
    Say it again with because "…" behind it.
    "#);
    insta::assert_snapshot!(world.says("carl", WISH).await, @r#"
    I know no server of yours called "web01".
    Did you mean db01?
    "#);
    world.done();
}

#[tokio::test]
async fn why_show_and_the_morning_report_tell_how_it_stands() {
    let mut world = planned().await.reporting();
    world.settle().await;
    world.says("ada", WISH).await;
    world.mails();
    insta::assert_snapshot!(world.says("ada", "why web01").await, @r#"
    web01 would not be patched as things stand: not enrolled: I do not know its host key.
    ✗ host: not enrolled: I do not know its host key
    ✓ time: Thu 10 Dec 2026, 21:00 Europe/Berlin (20:00 UTC)
    ✓ rules: its time keeps all rules
    ✗ approval: revision 1 is not approved
    ✓ freeze: owners cannot choose times before Thu 26 Nov 2026 now
    ✓ pre-check: is made Thu 10 Dec 2026, 16:00 Europe/Berlin (15:00 UTC)
    ada@owners.test asks to put it off until Fri 12 Mar 2027, because "the vendor supports no newer kernel"; that is not granted.
    An operator other than ada@owners.test grants that with "defer web01 until 2027-03-12", or refuses it with "undo web01".
    An administrator enrols it: patchbot enroll web01.
    An owner or an operator can say "approve web01"; the deadline is Wed 9 Dec 2026, 00:00 Europe/Berlin (Tue 8 Dec, 23:00 UTC). Without an answer it is not patched.
    The freeze lifts Wed 25 Nov 2026, 00:00 Europe/Berlin (Tue 24 Nov, 23:00 UTC).
    "#);
    insta::assert_snapshot!(world.says("ada", "show web01").await, @r#"
    web01
    zone: Europe/Berlin
    host group: web
    owner: ada@owners.test
    second owner: bob@owners.test
    enrolled: no
    quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    window: Thu 10 Dec 2026, 21:00 Europe/Berlin (20:00 UTC), until 23:00
    state: waits for approval
    revision: 1
    wish: ada@owners.test asks to put it off until Fri 12 Mar 2027, because "the vendor supports no newer kernel"; that is not granted.
    next: the deadline for an answer Wed 9 Dec 2026, 00:00 Europe/Berlin (Tue 8 Dec, 23:00 UTC)
    "#);
    world.sleep_until("2026-11-25 08:01 Europe/Berlin").await;
    insta::assert_snapshot!(world.mail_to("olga").shown());
    world.says("olga", "defer web01 until 2027-03-12").await;
    insta::assert_snapshot!(world.says("ada", "why web01").await, @r#"
    web01: put off until Fri 12 Mar 2027 for ada@owners.test, granted by olga@patchbot.test ("the vendor supports no newer kernel").
    ✗ host: not enrolled: I do not know its host key
    ✓ time: Thu 10 Dec 2026, 21:00 Europe/Berlin (20:00 UTC)
    ✗ approval: put off until Fri 12 Mar 2027 for ada@owners.test, granted by olga@patchbot.test ("the vendor supports no newer kernel")
    An administrator enrols it: patchbot enroll web01.
    An owner ends that early with "withdraw web01". When that is over, it is planned again.
    "#);
    world.mails();
    world.sleep_until("2026-11-26 08:01 Europe/Berlin").await;
    let report = world.mail_to("olga").shown();
    let told: Vec<&str> = report.lines().skip_while(|line| !line.starts_with("Put off")).take(2).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    Put off beyond the quarter
      - web01: put off until Fri 12 Mar 2027 for ada@owners.test, granted by olga@patchbot.test ("the vendor supports no newer kernel")
    "#);
}

#[tokio::test]
async fn without_an_answer_nothing_changes_and_it_is_told() {
    let mut world = planned().await;
    world.says("ada", "approve web01").await;
    world.says("ada", WISH).await;
    world.mails();
    world.sleep_until("2026-12-10 18:01 Europe/Berlin").await;
    assert_eq!(world.state("web01").await, "locked, approved by ada@owners.test in Slack");
    let mails = world.unread();
    world.mails();
    let told = mails.iter().find(|mail| mail.subject.contains("granted")).unwrap();
    insta::assert_snapshot!(told.shown());
    insta::assert_snapshot!(world.alert_lines().await.into_iter().rev().take(2).collect::<Vec<_>>().join("\n"), @"
    Without an answer nothing changes.
    ada@owners.test asked to put web01 off until Fri 12 Mar 2027, and no operator has answered; until the start one still can.
    ");
    world.sleep_until("2026-12-11 09:00 Europe/Berlin").await;
    assert!(
        world.state("web01").await.starts_with("failed: pre-check"),
        "its run began, and nobody listens there"
    );
    insta::assert_snapshot!(world.audit("web01").await.into_iter().filter(|line| line.contains("granted")).collect::<Vec<_>>().join("\n"), @"patchbot by the schedule: Nobody granted that web01 is put off until Fri 12 Mar 2027, as ada@owners.test asked.");
    world.mails();
}

#[tokio::test]
async fn a_wish_is_taken_back_and_a_grant_is_undone_like_any_decision() {
    let mut world = planned().await;
    world.says("ada", "approve web01").await;
    world.mails();
    world.says("ada", WISH).await;
    insta::assert_snapshot!(world.says("ada", "undo web01").await, @"web01 is not put off. It is as before: approved by ada@owners.test in Slack.");
    insta::assert_snapshot!(world.says("olga", "defer web01 until 2027-03-12").await, @r#"
    To put web01 off beyond its quarter needs a reason.
    Say it again with because "…" behind it.
    "#);
    world.says("ada", WISH).await;
    world.says("olga", "defer web01 until 2027-03-12").await;
    insta::assert_snapshot!(world.says("olga", "undo web01").await, @"web01: the exception is undone. It is as before: Thu 10 Dec 2026, 21:00 Europe/Berlin (20:00 UTC), approved by ada@owners.test in Slack.");
    assert_eq!(world.state("web01").await, "approved by ada@owners.test in Slack");
    world.says("ada", WISH).await;
    world.says("olga", "defer web01 until 2027-03-12").await;
    insta::assert_snapshot!(world.says("ada", "withdraw web01").await, @r#"
    web01 waits for approval again; its time is still Thu 10 Dec 2026, 21:00 Europe/Berlin (20:00 UTC).
    If that suits you, say "approve web01".
    A mistake? Say "undo web01" until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).
    "#);
    world.mails();
}

#[tokio::test]
async fn when_it_is_over_the_server_is_planned_again_and_everybody_is_told() {
    let mut world = planned().await;
    world.says("ada", WISH).await;
    world.says("olga", "defer web01 until 2027-03-12").await;
    world.sleep_until("2027-02-01 08:00 Europe/Berlin").await;
    world.plan_quarter("2027-Q2").await;
    assert_eq!(world.window_in("web01", "2027-Q2").await, None, "it waits for the end");
    assert!(world.window_in("db01", "2027-Q2").await.is_some());
    world.sleep_until("2027-03-13 08:59 Europe/Berlin").await;
    world.mails();
    world.sleep_until("2027-03-13 09:01 Europe/Berlin").await;
    let mails = world.unread();
    let told = mails.iter().find(|mail| mail.to.starts_with("ada")).unwrap().clone();
    insta::assert_snapshot!(told.shown());
    insta::assert_debug_snapshot!(world.mails(), @r#"
    [
        "ada@owners.test: 2027-Q2: web01 is not put off any longer",
        "bob@owners.test: 2027-Q2: web01 is not put off any longer",
    ]
    "#);
    insta::assert_snapshot!(world.alert_lines().await.into_iter().rev().take(2).collect::<Vec<_>>().join("\n"), @"
    Its owners are asked.
    web01 is not put off any longer. Its time in 2027-Q2 is Thu 1 Apr 2027, 20:00 Europe/Berlin (18:00 UTC).
    ");
    assert_eq!(world.replies("ada", &told, "approve").await, "accepted");
    let new = world.window_in("web01", "2027-Q2").await.unwrap();
    insta::assert_snapshot!(new.state.phrase(), @"approved by ada@owners.test by mail");
    world.mails();
}

#[tokio::test]
async fn a_time_in_the_next_quarter_that_would_be_inside_it_is_given_up() {
    let mut world = planned().await;
    world.plan_quarter("2027-Q2").await;
    world.says("ada", WISH).await;
    insta::assert_snapshot!(world.says("olga", "defer web01 until 2027-03-12").await, @r#"
    web01 is put off until Fri 12 Mar 2027: it is not patched in 2027-Q1, and is planned again when that ends. Its time in 2027-Q2, Thu 4 Feb 2027, 21:00 Europe/Berlin (20:00 UTC), is given up.
    An owner can take it back with "withdraw web01". When it ends, web01 is planned again, and you are told.
    A mistake? Say "undo web01" until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).
    "#);
    assert_eq!(world.window_in("web01", "2027-Q2").await.unwrap().state, WindowState::Unscheduled);
    world.sleep_until("2027-02-10 09:00 Europe/Berlin").await;
    // Its quarter is over, so to end it means to be planned again.
    insta::assert_snapshot!(world.says("ada", "withdraw web01").await, @"web01 is not put off any longer: it is planned again today.");
    world.settle().await;
    assert_eq!(world.window_in("web01", "2027-Q2").await.unwrap().state, WindowState::Proposed);
    world.mails();
}
