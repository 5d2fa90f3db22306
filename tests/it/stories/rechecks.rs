//! When the rules, the zones or the inventory change, the windows to come change with them, and everybody is told once.

use chrono::NaiveDate;
use patchbot::domain::blackout::Blackout;
use patchbot::domain::policy::{Policies, Policy, Strategy};

use crate::world::World;

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
    insta::assert_snapshot!(world.rechecks().await, @"");
    world.says("ada", "approve web01").await;
    world.says("ada", "approve web05").await;
    world.mails();
    let mut world = world.restarted_under(strategies());
    insta::assert_snapshot!(world.rechecks().await, @"");
    insta::assert_snapshot!(world.rechecks().await, @"");
    let told = world.mail_to("ada");
    insta::assert_snapshot!(told.shown(), @"");
    world.done();
    insta::assert_snapshot!(world.alert_lines().await.join("\n"), @"");
    for server in ["web01", "web02", "web03", "web04", "web05"] {
        let window = world.window(server).await;
        println!("{server}: revision {} {}", window.revision, window.state.phrase());
    }
    insta::assert_snapshot!(world.state("web05").await, @"");
    insta::assert_snapshot!(world.audit("2027-Q1").await.join("\n"), @"");
    // The mail can be answered, also where no time is left.
    insta::assert_snapshot!(world.replies("ada", &told, "1, 2 ok; 3 move to 2027-01-07 20:00").await, @"");
    insta::assert_snapshot!(world.mail_to("ada").shown(), @"");
}

#[tokio::test]
async fn a_corrected_zone_keeps_the_time_on_the_servers_own_clock_and_asks_again() {
    let mut world = World::new(TUESDAY).await.server("web01", "ada");
    world.plan().await;
    world.rechecks().await;
    world.says("ada", "approve web01").await;
    world.mails();
    world.imports("server_name,server_timezone\nweb01,America/New_York\n").await;
    insta::assert_snapshot!(world.rechecks().await, @"");
    insta::assert_snapshot!(world.mail_to("ada").shown(), @"");
    insta::assert_snapshot!(world.state("web01").await, @"");
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
    insta::assert_snapshot!(world.rechecks().await, @"");
    insta::assert_snapshot!(world.audit("web01").await.pop().unwrap(), @"");
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
    insta::assert_snapshot!(world.rechecks().await, @"");
    insta::assert_snapshot!(world.alert_lines().await.join("\n"), @"");
    insta::assert_snapshot!(world.state("web01").await, @"");
    world.sleep_until("2026-12-11 09:00 Europe/Berlin").await;
    insta::assert_snapshot!(world.state("web01").await, @"");
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
    insta::assert_snapshot!(world.rechecks().await, @"");
    for server in ["web01", "web02", "web03"] {
        println!("{server} {}", world.window(server).await.plan.unwrap().local);
    }
    insta::assert_snapshot!(world.state("web02").await, @"");
    world.mails();
}

#[tokio::test]
async fn what_an_operator_crossed_with_a_reason_stays() {
    let policies = Policies { default: closed(Strategy::Cancel), groups: [].into() };
    let mut world = World::ruled(TUESDAY, policies).await.server("web01", "ada");
    world.plan().await;
    insta::assert_snapshot!(world.says("olga", "move web01 to 2026-12-10 20:00 because the auditors ask for it").await, @"");
    world.rechecks().await;
    insta::assert_snapshot!(world.rechecks().await, @"");
    assert_eq!(world.window("web01").await.plan.unwrap().local.to_string(), "2026-12-10 20:00:00");
    world.mails();
}
