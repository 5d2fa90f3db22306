//! A quarter under rules, from the file as an administrator writes it to what owners and operators read of it.

use patchbot::app::plan::{Keep, Order};
use patchbot::config::Config;

use crate::world::World;

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";

/// A world under the rules of a configuration file.
async fn ruled(rules: &str) -> World {
    World::ruled(TUESDAY, Config::parse(rules).unwrap().policies).await
}

/// What planning would do, as `patchbot plan --dry-run` tells it.
async fn planned(world: &World) -> String {
    let order = Order::whole("2027-Q1".parse().unwrap(), Keep::No);
    let report = world.app.plan(&order, &crate::world::root()).await.unwrap();
    let proposed =
        report.proposed.iter().map(|one| format!("{}: {}\n    {}\n", one.server, one.time, one.why));
    let without =
        report.without.iter().map(|(server, why)| format!("{server}: no time\n    {}\n", why.join("\n    ")));
    proposed.chain(without).collect()
}

#[tokio::test]
async fn the_standby_goes_first_and_the_service_keeps_its_quorum() {
    let mut world = ruled("[policy]\nquorum = 2\n").await.sheet(
        "server_name,primary_owner,server_timezone,host_group,service,role\n\
         db01,ada@owners.test,Europe/Berlin,db,shop,primary\n\
         db02,ada@owners.test,Europe/Berlin,db,shop,standby\n\
         db03,ada@owners.test,Europe/Berlin,db,shop,replica\n",
    );
    world.plan().await;
    world.mails();
    insta::assert_snapshot!(world.says("ada", "list").await);
    // The primary may not go before its standby, and not together with anybody.
    insta::assert_snapshot!(world.says("ada", "move db01 to 2026-11-26 20:00").await);
    insta::assert_snapshot!(world.says("ada", "slots db02").await);
    world.done();
}

#[tokio::test]
async fn patches_come_nine_days_after_the_second_tuesday_and_never_in_the_close() {
    let world = ruled(
        "[policy]\npatch_day = \"2nd Tue +9\"\nspread = \"10m\"\n\
         blackouts = [{ from = \"2026-12-14\", to = \"2027-01-06\", reason = \"year-end close\" }]\n",
    )
    .await;
    let mut world = world.server("web01", "ada").server_in("tokyo01", "ada", "", "Asia/Tokyo");
    world.plan().await;
    world.mails();
    insta::assert_snapshot!(world.says("ada", "list").await);
    insta::assert_snapshot!(world.says("ada", "move web01 to 2026-12-24 20:00").await);
    insta::assert_snapshot!(world.says("ada", "slots web01").await);
    world.done();
}

#[tokio::test]
async fn where_no_time_is_legal_each_rule_says_what_it_excludes() {
    let mut world = ruled(
        "[policy]\nallowed = [\"Sun 02:00-03:00\"]\n\
         [groups.db]\nallowed = [\"Thu 20:00-24:00\"]\nper_slot_hour = 1\nmax_concurrent = 1\n\
         blackouts = [{ from = \"2026-12-04\", to = \"2027-01-31\", reason = \"the audit\" }]\n",
    )
    .await
    .sheet(
        "server_name,primary_owner,server_timezone,host_group\n\
         web01,ada@owners.test,Europe/Berlin,web\n\
         db01,bob@owners.test,Europe/Berlin,db\n\
         db02,bob@owners.test,Europe/Berlin,db\n",
    );
    world.plan().await;
    insta::assert_snapshot!(world.mails().join("\n"));
    insta::assert_snapshot!(world.says("ada", "slots web01").await);
    insta::assert_snapshot!(world.says("ada", "why web01").await);
    insta::assert_snapshot!(world.says("bob", "slots db02").await);
    world.done();
}

#[tokio::test]
async fn canaries_first_then_watched_and_the_plan_says_why_each_time() {
    let mut world =
        ruled("[groups.web]\nsoak = \"7d\"\n[groups.db]\nafter = [\"web\"]\npriority = 5\n").await;
    world
        .imports(
            "server_name,primary_owner,server_timezone,host_group,environment\n\
             web01,ada@owners.test,Europe/Berlin,web,prod\n\
             web02,ada@owners.test,Europe/Berlin,web,canary\n\
             db01,bob@owners.test,Europe/Berlin,db,prod\n",
        )
        .await;
    insta::assert_snapshot!(planned(&world).await);
    world.done();
}
