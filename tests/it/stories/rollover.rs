//! A quarter turns: what never ran gets its end, everything is archived, the new quarter opens, and the operators read how.

use std::path::Path;
use std::sync::Arc;

use patchbot::app::rollover::Outside;
use patchbot::domain::chain::sha256;
use patchbot::domain::event::Actor;
use patchbot::domain::ids::RunId;
use patchbot::domain::look::Look;
use patchbot::domain::rollover::Step;
use patchbot::domain::window::{Window, WindowState};
use patchbot::work::rollover::{Turner, Turning};

use crate::program::Program;
use crate::world::{World, at, root};

/// No Thursday is left in the quarter.
const FRIDAY: &str = "2027-01-29 09:00 Europe/Berlin";
const OVER: &str = "2027-02-01 00:00 Europe/Berlin";

/// A turner as `serve` has one, in a world where replies cannot be fetched.
fn turner(world: &World, folder: &Path) -> Turner {
    let looks = vec![
        Look::fine("SMTP", "mail.test takes mails"),
        Look::wrong("IMAP", "mail.test does not answer; see whether it runs"),
    ];
    let turning = Turning {
        archive: folder.to_owned(),
        templates: None,
        health: Arc::new(move |_| {
            let looks = looks.clone();
            Box::pin(async move { looks })
        }),
    };
    Turner::new(world.app.clone(), turning)
}

/// Three servers at the end of a quarter that was planned too late.
async fn late_quarter() -> World {
    let mut world =
        World::new(FRIDAY).await.server("web01", "ada").server("web02", "ada").server("db01", "bob");
    world.plan().await;
    world.mails();
    world
}

/// A window is in this state, whatever led to it.
async fn becomes(world: &World, server: &str, state: WindowState) {
    let window = Window { state, ..world.window(server).await };
    let mut tx = world.app.store.begin().await.unwrap();
    tx.update_window(&window).await.unwrap();
    tx.commit().await.unwrap();
}

/// Takes so many steps, or as many as there are.
async fn turns(world: &mut World, turner: &Turner, most: usize) -> usize {
    let mut taken = 0;
    while taken < most && !turner.tick().await.unwrap().is_idle() {
        taken += 1;
    }
    world.settle().await;
    taken
}

/// The same whatever the folder is called.
fn without(folder: &Path, text: &str) -> String {
    text.replace(folder.to_str().unwrap(), "ARCHIVE")
}

/// Checksums differ with the ids in the archive.
fn without_sums(text: &str) -> String {
    text.split(' ')
        .map(|word| {
            let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            let is_sum = bare.len() == 64 && bare.chars().all(|c| c.is_ascii_hexdigit());
            if is_sum { word.replace(bare, "SUM") } else { word.to_owned() }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[tokio::test]
async fn a_quarter_turns_and_the_operators_read_how() {
    let mut world = late_quarter().await;
    becomes(&world, "web01", WindowState::Completed).await;
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    let turner = turner(&world, &archive);
    assert_eq!(turns(&mut world, &turner, 20).await, 0, "it is not over yet");
    world.app.clock.set(at("2027-01-31 23:59 Europe/Berlin"));
    assert_eq!(turns(&mut world, &turner, 20).await, 0, "it is not over yet");
    world.app.clock.set(at(OVER));
    assert_eq!(turns(&mut world, &turner, 20).await, Step::ALL.len());
    let mails = world.unread();
    world.mails();
    let told = |who: &str| mails.iter().find(|mail| mail.to.starts_with(who)).unwrap().shown();
    insta::assert_snapshot!(without_sums(&without(&archive, &told("olga"))));
    insta::assert_snapshot!(told("bob"));
    insta::assert_snapshot!(world.alert_lines().await.join("\n"));
    insta::assert_snapshot!(without_sums(&without(&archive, &world.audit("2027-Q1").await.join("\n"))));
    assert_eq!(world.state("web01").await, "patched");
    assert_eq!(world.state("db01").await, "missed: no time was chosen before the quarter ended");
    for server in ["web01", "web02", "db01"] {
        assert_eq!(world.window_in(server, "2027-Q2").await.unwrap().state, WindowState::Unscheduled);
    }
    world.done();
}

#[tokio::test]
async fn the_archive_holds_what_happened_and_fits_its_checksums() {
    let mut world = late_quarter().await;
    world.says("ada", "decline web01 because \"the shop is closed\"").await;
    world.mails();
    let folder = tempfile::tempdir().unwrap();
    let turner = turner(&world, folder.path());
    world.app.clock.set(at(OVER));
    turns(&mut world, &turner, 2).await;
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let history: serde_json::Value = serde_json::from_str(&read("2027-Q1-history.json")).unwrap();
    let windows = history["windows"].as_array().unwrap();
    let web01 = windows.iter().find(|window| window["server"] == "web01").unwrap();
    assert_eq!(web01["plan"]["state"]["state"], "declined");
    assert_eq!(web01["decisions"][0]["words"], "decline web01 because \"the shop is closed\"");
    assert_eq!(web01["owners"][0]["name"], "ada@owners.test");
    assert!(read("2027-Q1-servers.csv").contains("web01"));
    for line in read("2027-Q1.sha256").lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        assert_eq!(sum, sha256(read(name).as_bytes()), "{name}");
        assert!(world.audit("2027-Q1").await.iter().any(|line| line.contains(sum)), "the audit knows it");
    }
    // Asked again, as after a kill between the file and the database, it is the same to the byte.
    let again = world.app.archive("2027-Q1".parse().unwrap()).await.unwrap();
    assert_eq!(again[0].bytes, read("2027-Q1-history.json").as_bytes());
    world.mails();
}

#[tokio::test]
async fn killed_between_any_two_steps_it_goes_on_and_nothing_is_told_twice() {
    let mut whole: Option<Vec<String>> = None;
    for killed_after in 0..Step::ALL.len() {
        let mut world = late_quarter().await;
        let folder = tempfile::tempdir().unwrap();
        world.app.clock.set(at(OVER));
        let before = turner(&world, folder.path());
        turns(&mut world, &before, killed_after).await;
        let mut world = world.restarted();
        let after = turner(&world, folder.path());
        turns(&mut world, &after, 20).await;
        let mut told: Vec<String> =
            world.unread().iter().map(|mail| format!("{}\n{}", mail.to, mail.shown())).collect();
        told.sort();
        told.extend(world.alert_lines().await);
        told.extend(world.audit("2027-Q1").await);
        told.extend(world.audit("web01").await);
        let told: Vec<String> = told.iter().map(|text| without_sums(&without(folder.path(), text))).collect();
        let whole = whole.get_or_insert_with(|| told.clone());
        assert_eq!(&told, whole, "killed after {killed_after} steps");
    }
}

#[tokio::test]
async fn a_second_turn_does_nothing_and_two_who_turn_at_once_take_each_step_once() {
    let mut world = late_quarter().await;
    let folder = tempfile::tempdir().unwrap();
    world.app.clock.set(at(OVER));
    let turner = turner(&world, folder.path());
    let quarter = "2027-Q1".parse().unwrap();
    for step in Step::ALL {
        let turn = world.app.turn_of(quarter).await.unwrap().unwrap();
        // Both have seen the same turn; the second comes too late.
        turner.step(&turn, step, &Actor::clock()).await.unwrap();
        turner.step(&turn, step, &root()).await.unwrap();
    }
    world.settle().await;
    let audit = world.audit("2027-Q1").await;
    let turned: Vec<&str> = audit.iter().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(turned.iter().filter(|step| Step::ALL.iter().any(|it| it.as_str() == **step)).count(), 7);
    assert!(
        audit.iter().all(|line| line.starts_with("patchbot") || line.contains("was planned")),
        "{audit:?}"
    );
    assert_eq!(world.mails().iter().filter(|mail| mail.starts_with("olga")).count(), 1);
    assert_eq!(turns(&mut world, &turner, 20).await, 0);
    let turn = world.app.turn_of(quarter).await.unwrap().unwrap();
    let again = world.app.turn_step(&turn, Step::Closed, Outside::Nothing, &root()).await.unwrap();
    assert_eq!(again, turn);
    world.done();
}

#[tokio::test]
async fn a_window_that_runs_is_left_alone_and_told() {
    let mut world = late_quarter().await;
    let run = RunId(world.app.ids.next());
    becomes(&world, "web01", WindowState::Running { run }).await;
    let folder = tempfile::tempdir().unwrap();
    world.app.clock.set(at(OVER));
    let turner = turner(&world, folder.path());
    turns(&mut world, &turner, 1).await;
    assert_eq!(world.state("web01").await, "being patched now");
    let turn = world.app.turn_of("2027-Q1".parse().unwrap()).await.unwrap().unwrap();
    insta::assert_snapshot!(turn.taken[0].found.join("\n"), @"
    2 servers were not patched: db01, web02 (no time was chosen before the quarter ended).
    web01 is being patched now, and is left alone.
    ");
    insta::assert_snapshot!(turn.taken[0].sentence, @"2 windows ended without a run; 0 of 3 servers were patched in 2027-Q1.");
    world.mails();
}

#[tokio::test]
async fn what_is_put_off_beyond_the_quarter_is_not_opened_and_a_wish_that_nobody_answered_is_told() {
    let mut world = late_quarter().await;
    world.says("ada", "defer web01 until 2027-03-12 because \"the vendor\"").await;
    world.says("olga", "defer web01 until 2027-03-12").await;
    world.says("bob", "defer db01 until 2027-03-12 because \"the fair\"").await;
    let folder = tempfile::tempdir().unwrap();
    world.app.clock.set(at(OVER));
    let turner = turner(&world, folder.path());
    turns(&mut world, &turner, 3).await;
    let turn = world.app.turn_of("2027-Q1".parse().unwrap()).await.unwrap().unwrap();
    insta::assert_snapshot!(turn.taken[0].found.join("\n"), @r"
    2 servers were not patched: db01, web02 (no time was chosen before the quarter ended).
    db01: nobody answered the wish to put it off beyond the quarter.
    ");
    insta::assert_snapshot!(turn.taken[2].sentence, @"2 servers have a window in 2027-Q2 (1 Feb 2027 to 30 Apr 2027); 2 of them are new. 1 server is put off into it, and planned when that ends.");
    assert_eq!(world.window_in("web01", "2027-Q2").await, None);
    world.mails();
}

#[tokio::test]
async fn an_archive_that_cannot_be_written_stops_the_turn_is_told_once_and_made_up_for() {
    let mut world = late_quarter().await;
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    std::fs::write(&archive, "a file").unwrap();
    world.app.clock.set(at(OVER));
    let turner = turner(&world, &archive);
    assert_eq!(turns(&mut world, &turner, 20).await, 1, "closed");
    world.app.clock.set(at("2027-02-01 00:10 Europe/Berlin"));
    assert_eq!(turns(&mut world, &turner, 20).await, 0);
    insta::assert_snapshot!(without(&archive, &world.alert_lines().await.join("\n")), @r#"
    The turn of 2027-Q1 is stuck at the step "archived"
    the archive cannot be kept: ARCHIVE: File exists (os error 17); give the service the right to write there, or name another folder as operations.archive.
    It is tried again every ten minutes; at once with "patchbot rollover 2027-Q1".
    "#);
    std::fs::remove_file(&archive).unwrap();
    world.app.clock.set(at("2027-02-01 00:20 Europe/Berlin"));
    assert_eq!(turns(&mut world, &turner, 20).await, 6);
    world.mails();
}

/// The quarter has turned, and nobody has heard of the new one yet.
async fn turned() -> World {
    let mut world = late_quarter().await;
    let folder = tempfile::tempdir().unwrap();
    world.app.clock.set(at(OVER));
    let turner = turner(&world, folder.path());
    turns(&mut world, &turner, 20).await;
    world.mails();
    world
}

#[tokio::test]
async fn owners_hear_of_the_new_quarter_on_its_first_day_and_of_their_times_when_it_is_planned() {
    let mut world = turned().await;
    world.sleep_until("2027-02-01 08:59 Europe/Berlin").await;
    world.done();
    world.sleep_until("2027-02-01 09:00 Europe/Berlin").await;
    insta::assert_debug_snapshot!(world.mails(), @r#"
    [
        "ada@owners.test: 2027-Q2: 2 servers are to be patched, which times suit you?",
        "bob@owners.test: 2027-Q2: db01 is to be patched, which time suits you?",
    ]
    "#);
    world.sleep_until("2027-02-01 10:00 Europe/Berlin").await;
    world.plan_quarter("2027-Q2").await;
    insta::assert_debug_snapshot!(world.mails(), @r#"
    [
        "ada@owners.test: 2027-Q2: 2 servers are to be patched, do the times suit you?",
        "bob@owners.test: 2027-Q2: db01 is to be patched, does the time suit you?",
    ]
    "#);
    assert_eq!(world.window_in("web01", "2027-Q2").await.unwrap().state, WindowState::Proposed);
}

#[tokio::test]
async fn an_owner_without_times_is_promised_nothing_for_his_silence() {
    let mut world = turned().await;
    world.sleep_until("2027-02-01 09:00 Europe/Berlin").await;
    insta::assert_snapshot!(world.mail_to("ada").shown(), @r#"
    Subject: 2027-Q2: 2 servers are to be patched, which times suit you?

    ~~~ Please write your answer above this line ~~~

    Hello ada@owners.test,

    these servers of yours are to be patched in 2027-Q2. They have no times yet:

     1. web01 (web, no time yet)

     2. web02 (web, no time yet)

    All pending updates are installed then, and a restart may follow; a server can be away for a while within its hours.

    Please answer by Mon 15 Feb 2027, 09:00 Europe/Berlin (08:00 UTC).
    Without a time nothing is patched.
    Each of them can be moved 3 more times, to Fri 30 Apr 2027 at the latest.

    To answer, reply to this mail. At the top of your reply:
     * write "slots web01" to see the next times that can be taken,
     * write "decline 2 because of …" if it must not be patched in this quarter.
    Leave the subject as it is. Several answers go on lines of their own.

    Questions? Write to olga@patchbot.test, a person reads it.
    patchbot
    "#);
}

/// The real program, whose clock is a lab's.
#[test]
fn in_the_terminal_each_step_is_told_and_a_second_time_nothing_is_done() {
    let program = Program::on_sqlite();
    let folder = program.folder().to_owned();
    let configuration = folder.join("patching.conf");
    let text = std::fs::read_to_string(&configuration).unwrap();
    let more = format!(
        "zone = \"Europe/Berlin\"\narchive = \"{0}/archive\"\n[lab]\nclock = \"{0}/ahead\"\n[ssh]\nkey = \"{0}/key\"\n",
        folder.display()
    );
    std::fs::write(&configuration, text + &more).unwrap();
    let it_is = |time: &str| {
        let ahead = at(time).signed_duration_since(chrono::Utc::now()).num_seconds();
        std::fs::write(folder.join("ahead"), ahead.to_string()).unwrap();
    };
    let sheet = "server_name,primary_owner,server_timezone,host_group\n\
        web01,ada@owners.test,Europe/Berlin,web\nweb02,,Europe/Berlin,web\n";
    std::fs::write(folder.join("servers.csv"), sheet).unwrap();
    it_is(FRIDAY);
    program.says(&["import", "servers.csv", "--apply"]);
    program.says(&["plan", "2027-Q1"]);
    let (code, refused) = program.run(&["rollover", "2027-Q1"]);
    assert_eq!(code, 3);
    insta::assert_snapshot!(refused, @"patchbot: 2027-Q1 (1 Nov 2026 to 31 Jan 2027) is not over in Europe/Berlin; the last quarter that is over is 2026-Q4");
    insta::assert_snapshot!(program.run(&["rollover"]).1, @"patchbot: nothing was planned in 2026-Q4, so there is nothing to turn");
    it_is("2027-02-01 00:05 Europe/Berlin");
    let (code, told) = program.run(&["rollover"]);
    assert_eq!(code, 4, "{told}");
    insta::assert_snapshot!(without_sums(&without(&folder, &told)));
    let (code, again) = program.run(&["rollover", "2027-Q1"]);
    assert_eq!(code, 4);
    insta::assert_snapshot!(again.lines().last().unwrap(), @"All of this was done before; nothing was done now.");
}
