//! What stands against a start at its moment: a canary that failed, a service that lost a member, a new blackout.

use chrono::NaiveDateTime;
use patchbot::domain::blackout::Blackout;
use patchbot::domain::policy::{Policies, Policy};

use crate::world::World;

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";

#[tokio::test]
async fn a_failed_canary_holds_the_others_back() {
    let mut world = World::new(TUESDAY).await.sheet(
        "server_name,primary_owner,server_timezone,host_group,environment,ip_address\n\
         web01,ada@owners.test,Europe/Berlin,web,canary,127.0.0.9\n\
         web02,ada@owners.test,Europe/Berlin,web,prod,127.0.0.9\n",
    );
    world.plan().await;
    world.says("ada", "approve web01").await;
    world.says("ada", "approve web02").await;
    world.sleep_until("2026-12-11 09:00 Europe/Berlin").await;
    assert!(world.state("web01").await.starts_with("failed: pre-check"), "nobody listens there");
    insta::assert_snapshot!(world.says("ada", "why web02").await, @"
    web02 would not be patched as things stand: not enrolled: I do not know its host key.
    ✗ host: not enrolled: I do not know its host key
    ✓ time: Thu 17 Dec 2026, 20:00 Europe/Berlin (19:00 UTC)
    ✓ rules: its time keeps all rules
    ✓ approval: given by ada@owners.test in Slack
    ✓ freeze: owners cannot choose times before Thu 17 Dec 2026 now
    ✗ canaries: web01 goes first, and it failed
    ✓ pre-check: is made Thu 17 Dec 2026, 15:00 Europe/Berlin (14:00 UTC)
    An administrator enrols it: patchbot enroll web02.
    The freeze lifts Wed 16 Dec 2026, 00:00 Europe/Berlin (Tue 15 Dec, 23:00 UTC).
    An operator can give the failed one another time, or change the rule soak. It lifts when they have been patched and watched for their time.
    ");
    world.sleep_until("2026-12-18 09:00 Europe/Berlin").await;
    insta::assert_snapshot!(world.state("web02").await, @"missed: web01 goes first, and it failed (rule soak)");
    insta::assert_snapshot!(world.alerts().await.pop().unwrap(), @"web02 was not patched: web01 goes first, and it failed (rule soak).");
}

#[tokio::test]
async fn a_service_that_lost_a_member_keeps_the_others() {
    let policy = Policy { quorum: 1, ..Policy::default() };
    let mut world = World::with(TUESDAY, policy).await.sheet(
        "server_name,primary_owner,server_timezone,service,ip_address\n\
         web01,ada@owners.test,Europe/Berlin,shop,127.0.0.9\n\
         web02,ada@owners.test,Europe/Berlin,shop,127.0.0.9\n",
    );
    world.plan().await;
    world.says("ada", "approve web01").await;
    world.says("ada", "approve web02").await;
    world.sleep_until("2026-12-10 22:05 Europe/Berlin").await;
    assert!(world.state("web01").await.starts_with("failed: pre-check"), "nobody listens there");
    assert_eq!(world.state("web02").await, "locked, approved by ada@owners.test in Slack", "its start waits");
    world.sleep_until("2026-12-10 22:16 Europe/Berlin").await;
    insta::assert_snapshot!(world.state("web02").await, @"missed: shop needs 1 healthy of its 2 members at any time, and then these are down too: web01 (failed) (rule quorum)");
}

#[tokio::test]
async fn a_blackout_that_is_new_holds_at_the_start_too() {
    let mut world = World::new(TUESDAY).await.server("web01", "ada");
    world.plan().await;
    world.says("ada", "approve web01").await;
    world.sleep_until("2026-12-10 19:00 Europe/Berlin").await;
    let local = |text: &str| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    let night =
        Blackout::new("release night", vec![(local("2026-12-10 18:00"), local("2026-12-11 06:00"))], vec![]);
    let policy = Policy { blackouts: vec![night].into(), ..Policy::default() };
    let mut world = world.restarted_under(Policies { default: policy, ..Policies::default() });
    world.sleep_until("2026-12-10 20:01 Europe/Berlin").await;
    insta::assert_snapshot!(world.state("web01").await, @"missed: Nothing runs from Thu 10 Dec 2026, 18:00 to Fri 11 Dec 2026, 06:00: release night (rule blackouts)");
}

#[tokio::test]
async fn an_override_names_what_it_lets_pass_and_silence_is_never_overridden() {
    let mut world = World::new(TUESDAY).await.server("web01", "ada");
    world.plan().await;
    world.says("ada", "approve web01").await;
    world.sleep_until("2026-12-10 15:30 Europe/Berlin").await;
    let asked = world.says("olga", "override web01 because the key is pinned in an hour").await;
    let code = asked.split("\"confirm ").nth(1).unwrap().split('"').next().unwrap().to_owned();
    insta::assert_snapshot!(asked.replace(&code, "CODE"), @r#"
    You want to let web01 pass its blocking pre-check. This will happen:
    The coming run of web01 begins although this was found:
    host key: web01 is not enrolled: its host key is not known. Enroll it with "patchbot enroll web01".
    Whatever else blocks it at its start still ends it.
    Your reason: "the key is pinned in an hour".
    It needs a second person: after your yes, an owner or another operator is asked.
    Nothing is done yet. To go on, say "confirm CODE" within 15 minutes; to drop it, "cancel CODE".
    "#);
    world.says("olga", &format!("confirm {code}")).await;
    insta::assert_snapshot!(world.says("ada", &format!("confirm {code}")).await, @r#"
    The coming run of web01 begins although these block it: host key.
    "why web01" tells where it stands.
    "#);
    insta::assert_snapshot!(world.alert_lines().await.join("\n").replace(&code, "CODE"), @r#"
    web01 would be blocked at its start Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    host key: web01 is not enrolled: its host key is not known. Enroll it with "patchbot enroll web01".
    olga@patchbot.test wants to let web01 pass its blocking pre-check, because "the key is pinned in an hour".
    It lets pass host key, and nothing else.
    A second person must agree until Thu 10 Dec 2026, 17:30 Europe/Berlin (16:30 UTC): an owner, or an operator other than olga@patchbot.test.
    Say "confirm CODE" or "cancel CODE".
    The coming run of web01 begins although these block it: host key.
    olga@patchbot.test asked for it because "the key is pinned in an hour"; ada@owners.test said the last yes.
    "#);
    world.sleep_until("2026-12-11 09:00 Europe/Berlin").await;
    insta::assert_snapshot!(world.state("web01").await, @r#"failed: pre-check (host key: web01 is not enrolled: its host key is not known. Enroll it with "patchbot enroll web01")"#);
}
