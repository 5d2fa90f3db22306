//! When the rules, the zones or the inventory change, the windows to come change with them, and everybody is told once.

use std::sync::Arc;

use chrono::NaiveDate;
use patchbot::app::import::Apply;
use patchbot::domain::blackout::Blackout;
use patchbot::domain::policy::{Policies, Policy, Strategy};
use patchbot::work::recheck::Recheck;

use crate::world::{World, root};

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";

/// No server is patched on the second and third Thursday of December.
fn closing() -> Blackout {
    let morning = |day| NaiveDate::from_ymd_opt(2026, 12, day).unwrap().and_hms_opt(0, 0, 0).unwrap();
    Blackout::new("closing of the books", vec![(morning(8), morning(19))], vec![])
}

fn closed(when_illegal: Strategy) -> Policy {
    Policy { when_illegal, blackouts: vec![closing()].into(), ..Policy::default() }
}

fn strategies() -> Policies {
    let groups = [
        ("near", Strategy::Nearest),
        ("next", Strategy::Next),
        ("ask", Strategy::Ask),
        ("none", Strategy::Cancel),
    ];
    Policies {
        default: Policy::default(),
        groups: groups.map(|(name, strategy)| (name.to_owned(), closed(strategy))).into(),
    }
}

const ONE_OF_EACH: &str = "server_name,primary_owner,server_timezone,host_group,q1_patch_date,q1_patch_time\n\
    web01,ada@owners.test,Europe/Berlin,near,2026-12-10,20:00\n\
    web02,ada@owners.test,Europe/Berlin,next,2026-12-10,20:30\n\
    web03,ada@owners.test,Europe/Berlin,ask,2026-12-17,20:00\n\
    web04,ada@owners.test,Europe/Berlin,none,2026-12-17,20:30\n\
    web05,ada@owners.test,Europe/Berlin,near,2027-01-14,20:00\n";

#[tokio::test]
async fn a_new_blackout_changes_each_window_by_its_groups_strategy_and_tells_its_owner_once() {
    let mut world = World::new(TUESDAY).await.sheet(ONE_OF_EACH);
    world.plan().await;
    insta::assert_snapshot!(world.rechecks().await, @"2027-Q1: 5 windows to come; all keep the rules.");
    world.says("ada", "approve web01").await;
    world.says("ada", "approve web05").await;
    world.mails();
    let mut world = world.restarted_under(strategies());
    insta::assert_snapshot!(world.rechecks().await, @"2027-Q1: of 5 windows to come, 2 get another time, 1 has none any more, 1 is cancelled.");
    insta::assert_snapshot!(world.rechecks().await, @"nothing new");
    let told = world.mail_to("ada");
    insta::assert_snapshot!(told.shown(), @r#"
    Subject: 2027-Q1: patchbot decided about 4 servers

    ~~~ Please write your answer above this line ~~~

    Hello ada@owners.test,

    patchbot decided about these servers, by the schedule,
    on Tue 24 Nov 2026, 09:00 Europe/Berlin (Tue 24 Nov 2026, 08:00 UTC):

     1. web01 (near, waits for approval)
        Thu 3 Dec 2026, 23:30 to Fri 4 Dec 2026, 01:30 Europe/Berlin
        Thu 3 Dec 2026, 22:30 to Fri 4 Dec 2026, 00:30 UTC

        (planned anew from Thu 10 Dec 2026, 20:00 Europe/Berlin, because "Nothing runs from Tue 8 Dec 2026, 00:00 to Sat 19 Dec 2026, 00:00: closing of the books")

     2. web02 (next, waits for approval)
        Thu 24 Dec 2026, 20:00–22:00 Europe/Berlin
        Thu 24 Dec 2026, 19:00–21:00 UTC

        (planned anew from Thu 10 Dec 2026, 20:30 Europe/Berlin, because "Nothing runs from Tue 8 Dec 2026, 00:00 to Sat 19 Dec 2026, 00:00: closing of the books")

     3. web03 (ask, no time yet)

        (left without a time from Thu 17 Dec 2026, 20:00 Europe/Berlin, because "Nothing runs from Tue 8 Dec 2026, 00:00 to Sat 19 Dec 2026, 00:00: closing of the books")

     4. web04 (none, cancelled: Nothing runs from Tue 8 Dec 2026, 00:00 to Sat 19 Dec 2026, 00:00: closing of the books)
        Thu 17 Dec 2026, 20:30–22:30 Europe/Berlin
        Thu 17 Dec 2026, 19:30–21:30 UTC

    To approve what waits for you, reply "approve 1, 2".
    To give one a time, reply for example "move 3 to" with a date and a time; "slots" and its name shows the free ones.
    To see where they stand, reply "status".
    To change one, reply with its number, for example "decline 1" or "withdraw 1".

    Questions? Write to olga@patchbot.test, a person reads it.
    patchbot
    "#);
    world.done();
    insta::assert_snapshot!(world.alert_lines().await.join("\n"), @"
    The rules or the inventory changed. 2027-Q1: of 5 windows to come, 2 get another time, 1 has none any more, 1 is cancelled.
    web01 moves to Thu 3 Dec 2026, 23:30 Europe/Berlin (22:30 UTC), and waits for approval. Nothing runs from Tue 8 Dec 2026, 00:00 to Sat 19 Dec 2026, 00:00: closing of the books.
    web02 moves to Thu 24 Dec 2026, 20:00 Europe/Berlin (19:00 UTC), and waits for approval. Nothing runs from Tue 8 Dec 2026, 00:00 to Sat 19 Dec 2026, 00:00: closing of the books.
    web03 has no time any more, and needs another one. Nothing runs from Tue 8 Dec 2026, 00:00 to Sat 19 Dec 2026, 00:00: closing of the books.
    web04 is not patched in 2027-Q1. Nothing runs from Tue 8 Dec 2026, 00:00 to Sat 19 Dec 2026, 00:00: closing of the books.
    ");
    assert_eq!(world.window("web05").await.revision.to_string(), "1");
    insta::assert_snapshot!(world.state("web05").await, @"approved by ada@owners.test in Slack");
    insta::assert_snapshot!(world.audit("2027-Q1").await.join("\n"), @"
    root in the terminal: 2027-Q1 was planned: 0 proposed, 5 kept, 0 without a slot.
    patchbot by the schedule: 2027-Q1: 5 windows to come; all keep the rules.
    patchbot by the schedule: 2027-Q1: of 5 windows to come, 2 get another time, 1 has none any more, 1 is cancelled.
    ");
    // The mail can be answered, also where no time is left.
    insta::assert_snapshot!(world.replies("ada", &told, "1, 2 ok; 3 move to 2027-01-07 20:00").await, @"accepted");
    insta::assert_snapshot!(world.mail_to("ada").shown(), @r#"
    Subject: 2027-Q1: 3 servers, your answer is done

    ~~~ Please write your answer above this line ~~~

    Hello ada@owners.test,

    your answer is done.

    web01 is approved for Thu 3 Dec 2026, 23:30 Europe/Berlin (22:30 UTC).
    web02 is approved for Thu 24 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    web03 moves to Thu 7 Jan 2027, 20:00 Europe/Berlin (19:00 UTC). It waits for approval.
    It can be moved twice more, to Sun 31 Jan 2027 at the latest.

    A mistake? Say "undo web01 web02" until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).
    If that suits you, say "approve web03".
    A mistake? Say "undo web03" until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).

    This is how it stands:

     1. web01 (near, approved by ada@owners.test by mail)
        Thu 3 Dec 2026, 23:30 to Fri 4 Dec 2026, 01:30 Europe/Berlin
        Thu 3 Dec 2026, 22:30 to Fri 4 Dec 2026, 00:30 UTC

     2. web02 (next, approved by ada@owners.test by mail)
        Thu 24 Dec 2026, 20:00–22:00 Europe/Berlin
        Thu 24 Dec 2026, 19:00–21:00 UTC

     3. web03 (ask, waits for approval)
        Thu 7 Jan 2027, 20:00–22:00 Europe/Berlin
        Thu 7 Jan 2027, 19:00–21:00 UTC

    This is what I read in your answer:
        you wrote: "1, 2 ok; 3 move to 2027-01-07 20:00"

    Questions? Write to olga@patchbot.test, a person reads it.
    patchbot
    "#);
}

#[tokio::test]
async fn a_corrected_zone_keeps_the_time_on_the_servers_own_clock_and_asks_again() {
    let mut world = World::new(TUESDAY).await.server("web01", "ada");
    world.plan().await;
    world.rechecks().await;
    world.says("ada", "approve web01").await;
    world.mails();
    world.imports("server_name,server_timezone\nweb01,America/New_York\n").await;
    insta::assert_snapshot!(world.rechecks().await, @"2027-Q1: of 1 window to come, 1 gets another time.");
    insta::assert_snapshot!(world.mail_to("ada").shown(), @r#"
    Subject: 2027-Q1: web01 was planned anew by patchbot

    ~~~ Please write your answer above this line ~~~

    Hello ada@owners.test,

    web01 was planned anew by patchbot, by the schedule,
    on Tue 24 Nov 2026, 03:00 America/New_York (Tue 24 Nov 2026, 08:00 UTC).
    The reason given: "When Thu 10 Dec 2026, 20:00 was chosen, its zone was thought to be Europe/Berlin; it is America/New_York"
    The time before was Thu 10 Dec 2026, 20:00 Europe/Berlin (Thu 10 Dec 2026, 19:00 UTC).

    This is how it stands now:

     1. web01 (web, waits for approval)
        Thu 10 Dec 2026, 20:00–22:00 America/New_York
        Fri 11 Dec 2026, 01:00–03:00 UTC

    To approve, reply "approve".
    For another time, reply for example "move to 2026-12-17 20:00". It can be moved 3 more times, to Sun 31 Jan 2027 at the latest.
    To say no, reply "decline".

    Questions? Write to olga@patchbot.test, a person reads it.
    patchbot
    "#);
    insta::assert_snapshot!(world.state("web01").await, @"waits for approval");
    world.done();
}

#[tokio::test]
async fn clocks_that_change_on_other_days_than_was_known_move_the_instant_and_not_the_time_of_day() {
    let mut world = World::new(TUESDAY).await.server("web01", "ada");
    world.plan().await;
    world.says("ada", "approve web01").await;
    // Planned by an older program, which believed in summer time all year.
    let mut window = world.window("web01").await;
    let plan = window.plan.as_mut().unwrap();
    plan.starts_at -= chrono::TimeDelta::hours(1);
    plan.ends_at -= chrono::TimeDelta::hours(1);
    let mut tx = world.app.store.begin().await.unwrap();
    tx.update_window(&window).await.unwrap();
    tx.commit().await.unwrap();
    world.mails();
    insta::assert_snapshot!(world.rechecks().await, @"2027-Q1: of 1 window to come, 1 gets another time.");
    insta::assert_snapshot!(world.audit("web01").await.pop().unwrap(), @"patchbot by the schedule: web01 moves to Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC), and waits for approval. The clocks of Europe/Berlin are changed on other days than was known when Thu 10 Dec 2026, 20:00 was chosen.");
    world.mails();
}

#[tokio::test]
async fn what_starts_soon_is_left_to_people_and_to_the_gate_at_its_start() {
    let mut world = World::new(TUESDAY).await.server("web01", "ada");
    world.plan().await;
    world.says("ada", "approve web01").await;
    world.sleep_until("2026-12-10 18:00 Europe/Berlin").await;
    world.mails();
    let policies = Policies { default: closed(Strategy::Nearest), groups: [].into() };
    let mut world = world.restarted_under(policies);
    insta::assert_snapshot!(world.rechecks().await, @"2027-Q1: of 1 window to come, 1 starts too soon to be changed.");
    insta::assert_snapshot!(world.alert_lines().await.join("\n"), @r#"
    web01 would be blocked at its start Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    host key: web01 is not enrolled: its host key is not known. Enroll it with "patchbot enroll web01".
    The rules or the inventory changed. 2027-Q1: of 1 window to come, 1 starts too soon to be changed.
    web01 starts too soon to be changed, and will be held at its start. Nothing runs from Tue 8 Dec 2026, 00:00 to Sat 19 Dec 2026, 00:00: closing of the books.
    "#);
    insta::assert_snapshot!(world.state("web01").await, @"locked, approved by ada@owners.test in Slack");
    world.sleep_until("2026-12-11 09:00 Europe/Berlin").await;
    insta::assert_snapshot!(world.state("web01").await, @"missed: Nothing runs from Tue 8 Dec 2026, 00:00 to Sat 19 Dec 2026, 00:00: closing of the books (rule blackouts)");
}

#[tokio::test]
async fn where_there_is_room_for_some_only_those_give_way_that_nobody_has_approved() {
    let mut world = World::new(TUESDAY).await.sheet(
        "server_name,primary_owner,server_timezone,q1_patch_date,q1_patch_time\n\
         web01,ada@owners.test,Europe/Berlin,2026-12-10,20:00\n\
         web02,ada@owners.test,Europe/Berlin,2026-12-10,20:00\n\
         web03,ada@owners.test,Europe/Berlin,2026-12-10,20:00\n",
    );
    world.plan().await;
    world.rechecks().await;
    world.says("ada", "approve web02").await;
    world.mails();
    let policy = Policy { max_concurrent: Some(1), when_illegal: Strategy::Next, ..Policy::default() };
    let mut world = world.restarted_under(Policies { default: policy, groups: [].into() });
    insta::assert_snapshot!(world.rechecks().await, @"2027-Q1: of 3 windows to come, 2 get another time.");
    let mut times = Vec::new();
    for server in ["web01", "web02", "web03"] {
        times.push(world.window(server).await.plan.unwrap().local.to_string());
    }
    assert_eq!(times, ["2026-12-10 22:00:00", "2026-12-10 20:00:00", "2026-12-17 20:00:00"]);
    insta::assert_snapshot!(world.state("web02").await, @"approved by ada@owners.test in Slack");
    world.mails();
}

#[tokio::test]
async fn two_programs_with_different_rules_do_not_undo_each_others_changes_for_ever() {
    let mut world = World::new(TUESDAY).await.server("web01", "ada");
    world.plan().await;
    let old = Recheck::new(world.app.clone());
    let mut app = world.app.clone();
    app.policies = Arc::new(Policies { default: closed(Strategy::Next), groups: [].into() });
    let new = Recheck::new(app);
    let mut ticks = Vec::new();
    for _ in 0..3 {
        ticks.push((old.tick().await.unwrap().0, new.tick().await.unwrap().0));
    }
    assert_eq!(ticks, [(1, 1), (0, 0), (0, 0)]);
    assert_eq!(world.window("web01").await.plan.unwrap().local.to_string(), "2026-12-24 20:00:00");
    world.imports("server_name,server_timezone,host_group\nweb01,Europe/Berlin,shop\n").await;
    assert_eq!(
        (old.tick().await.unwrap().0, new.tick().await.unwrap().0),
        (1, 1),
        "an inventory is compared by both"
    );
    world.mails();
}

#[tokio::test]
async fn what_an_operator_crossed_with_a_reason_stays() {
    let policies = Policies { default: closed(Strategy::Cancel), groups: [].into() };
    let mut world = World::ruled(TUESDAY, policies).await.server("web01", "ada");
    world.plan().await;
    insta::assert_snapshot!(world.says("olga", "move web01 to 2026-12-10 20:00 because the auditors ask for it").await, @r#"
    web01 moves to Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC). It waits for approval.
    It crosses the freeze, so somebody else must say "approve web01".
    A mistake? Say "undo web01" until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).
    "#);
    world.rechecks().await;
    insta::assert_snapshot!(world.rechecks().await, @"nothing new");
    assert_eq!(world.window("web01").await.plan.unwrap().local.to_string(), "2026-12-10 20:00:00");
    world.mails();
}

#[tokio::test]
async fn a_new_owner_is_asked_about_what_the_former_one_approved_and_gets_the_notices() {
    let mut world =
        World::new(TUESDAY).await.server_in("web01", "ada", "eve", "Europe/Berlin").server("web02", "ada");
    world.plan().await;
    let notice = world.unread().into_iter().find(|mail| mail.to == "ada@owners.test").unwrap();
    world.says("ada", "approve web01").await;
    world.says("olga", "approve web02").await;
    world.mails();
    let sheet = "server_name,primary_owner,server_timezone\n\
        web01,bob@owners.test,Europe/Berlin\nweb02,bob@owners.test,Europe/Berlin\n";
    let preview = world.app.import(sheet.as_bytes(), Apply::Preview, &root()).await.unwrap();
    insta::assert_snapshot!(preview.handed_over.join("\n"), @"web01 2027-Q1: ada@owners.test approved it, and does not own it any more");
    world.imports(sheet).await;
    let told = world.unread().into_iter().find(|mail| mail.to == "bob@owners.test").unwrap();
    insta::assert_snapshot!(told.shown(), @r#"
    Subject: 2027-Q1: web01 was opened for approval again by root

    ~~~ Please write your answer above this line ~~~

    Hello bob@owners.test,

    web01 was opened for approval again by root, in the terminal,
    on Tue 24 Nov 2026, 09:00 Europe/Berlin (Tue 24 Nov 2026, 08:00 UTC).
    The reason given: "ada@owners.test approved it, and does not own it any more"

    This is how it stands now:

     1. web01 (web, waits for approval)
        Thu 10 Dec 2026, 20:00–22:00 Europe/Berlin
        Thu 10 Dec 2026, 19:00–21:00 UTC

    To approve, reply "approve".
    For another time, reply for example "move to 2026-12-17 20:00". It can be moved 3 more times, to Sun 31 Jan 2027 at the latest.
    To say no, reply "decline".

    Questions? Write to olga@patchbot.test, a person reads it.
    patchbot
    "#);
    insta::assert_snapshot!(world.mails().join("\n"), @"
    bob@owners.test: 2027-Q1: web01 was opened for approval again by root
    eve@owners.test: 2027-Q1: web01 was opened for approval again by root
    ");
    insta::assert_snapshot!(world.state("web01").await, @"waits for approval");
    insta::assert_snapshot!(world.state("web02").await, @"approved by olga@patchbot.test in Slack");
    // What the former owner was sent cannot be answered any more.
    insta::assert_snapshot!(world.replies("ada", &notice, "approve").await, @"rejected");
    world.sleep_until("2026-12-01 10:00 Europe/Berlin").await;
    insta::assert_snapshot!(world.mails().join("\n"), @"
    ada@owners.test: 2027-Q1: 2 servers, your answer was refused
    bob@owners.test: 2027-Q1: 2 servers are to be patched, do the times suit you?
    bob@owners.test: 2027-Q1: web01 still waits for your answer
    ");
}
