//! An administrator brings the spreadsheet he has: preview, all or nothing, and nothing that was decided is undone.

use patchbot::app::import::{Apply, Preview};
use patchbot::domain::answer::Channel;
use patchbot::domain::event::Actor;

use crate::world::World;

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";

/// The columns and habits of a typical file.
const TYPICAL: &[u8] = include_bytes!("../../data/inventory/typical.csv");

fn root() -> Actor {
    Actor { person: None, name: "root".to_owned(), channel: Channel::Terminal }
}

async fn import(world: &World, file: &[u8], apply: Apply) -> Preview {
    world.app.import(file, apply, &root()).await.unwrap()
}

#[tokio::test]
async fn a_real_file_is_taken_over_as_it_is_and_a_second_time_changes_nothing() {
    let world = World::new(TUESDAY).await;
    let preview = import(&world, TYPICAL, Apply::Preview).await;
    assert_eq!((preview.new.len(), preview.errors.len()), (9, 0));
    assert_eq!(
        world.app.store.read().await.unwrap().all_servers().await.unwrap(),
        [],
        "a preview changes nothing"
    );
    import(&world, TYPICAL, Apply::Now).await;
    let again = import(&world, TYPICAL, Apply::Now).await;
    assert_eq!((again.new.len(), again.changed.len(), again.unchanged), (0, 0, 9));
}

#[tokio::test]
async fn export_and_import_are_each_others_inverse() {
    let world = World::new(TUESDAY).await;
    import(&world, TYPICAL, Apply::Now).await;
    let exported = world.app.export().await.unwrap();
    let other = World::new(TUESDAY).await;
    let preview = import(&other, exported.as_bytes(), Apply::Now).await;
    assert_eq!((preview.new.len(), preview.errors.len()), (9, 0));
    assert_eq!(other.app.export().await.unwrap(), exported);
}

#[tokio::test]
async fn one_wrong_line_and_nothing_is_taken_over() {
    let world = World::new(TUESDAY).await;
    let file = b"server_name,primary_owner,server_timezone\nweb01,ada@owners.test,Europe/Berlin\nweb02,ada,Europe/Berlin\n";
    let preview = import(&world, file, Apply::Now).await;
    let errors: Vec<String> = preview.errors.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(errors.join("\n"), @r#"line 3, column primary_owner: "ada" is not a mail address; write it as name@example.org"#);
    assert_eq!(world.app.store.read().await.unwrap().all_servers().await.unwrap(), []);
}

#[tokio::test]
async fn a_change_is_shown_before_it_is_made() {
    let world = World::new(TUESDAY).await;
    let file = |zone: &str, owner: &str| {
        format!("server_name,owner,tz,Cost Center\nweb01,{owner},{zone},4711\nweb02,ada@owners.test,UTC,1\n")
    };
    import(&world, file("UTC", "ada@owners.test").as_bytes(), Apply::Now).await;
    let preview = import(&world, file("Europe/Berlin", "bob@owners.test").as_bytes(), Apply::Preview).await;
    let changes: Vec<String> =
        preview.changed.iter().map(|(name, changes)| format!("{name}: {}", changes.join("; "))).collect();
    insta::assert_snapshot!(changes.join("\n"), @"web01: zone: UTC → Europe/Berlin; primary owner: ada@owners.test → bob@owners.test");
    let shorter = import(&world, b"server_name,owner,tz\nweb01,ada@owners.test,UTC\n", Apply::Preview).await;
    assert_eq!(shorter.absent, ["web02"]);
}

#[tokio::test]
async fn a_decision_that_was_taken_here_stands_against_the_file() {
    let mut world = World::new(TUESDAY).await;
    let file = |date: &str| {
        format!(
            "server_name,owner,tz,q1_patch_date,q1_patch_time,q1_approval_status\nweb01,ada@owners.test,Europe/Berlin,{date},20:00,Approved\n"
        )
    };
    let preview = import(&world, file("2026-12-10").as_bytes(), Apply::Now).await;
    assert_eq!(preview.windows, ["web01 2027-Q1 2026-12-10 20:00"]);
    assert_eq!(world.state("web01").await, "approved by the imported inventory");
    world.says("ada", "move web01 to 2026-12-17 20:00").await;
    let preview = import(&world, file("2026-12-10").as_bytes(), Apply::Now).await;
    insta::assert_snapshot!(preview.conflicts.join("\n"), @"web01 2027-Q1: the file says 2026-12-10 20:00, patchbot has 2026-12-17 20:00 (waits for approval); patchbot's stays");
    assert_eq!(world.window("web01").await.plan.unwrap().local.to_string(), "2026-12-17 20:00:00");
}
