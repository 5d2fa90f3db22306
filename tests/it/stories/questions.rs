//! Questions get the same plain answers everywhere.

use crate::world::World;

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";

async fn world() -> World {
    let mut world = World::new(TUESDAY)
        .await
        .server_in("web01.example.org", "ada", "bob", "America/New_York")
        .server("web02.example.org", "ada");
    world.plan().await;
    world.mails();
    world
}

#[tokio::test]
async fn status_list_and_show_tell_where_things_stand() {
    let mut world = world().await;
    world.says("ada", "approve web02").await;
    insta::assert_snapshot!(world.says("ada", "status").await, @r#"
    web01.example.org — Thu 10 Dec 2026, 20:00 America/New_York (Fri 11 Dec, 01:00 UTC) — waits for approval
    web02.example.org — Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC) — approved by ada@owners.test in Slack
    One waits for your approval: say "approve" and its name.
    "#);
    insta::assert_snapshot!(world.says("ada", "list").await, @"
    2027-Q1 (1 Nov 2026 to 31 Jan 2027): 2 windows.
    web02.example.org — Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC) — approved by ada@owners.test in Slack
    web01.example.org — Thu 10 Dec 2026, 20:00 America/New_York (Fri 11 Dec, 01:00 UTC) — waits for approval
    ");
    insta::assert_snapshot!(world.says("bob", "list all").await, @"
    2027-Q1 (1 Nov 2026 to 31 Jan 2027): 1 window.
    web01.example.org — Thu 10 Dec 2026, 20:00 America/New_York (Fri 11 Dec, 01:00 UTC) — waits for approval
    These are your own; only operators and viewers see everybody's.
    ");
    insta::assert_snapshot!(world.says("ada", "show web02").await, @"
    web02.example.org
    zone: Europe/Berlin
    host group: web
    owner: ada@owners.test
    enrolled: no
    quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    window: Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC), until 22:00
    state: approved by ada@owners.test in Slack
    revision: 1
    next: the deadline for an answer Wed 9 Dec 2026, 00:00 Europe/Berlin (Tue 8 Dec, 23:00 UTC)
    ");
}

#[tokio::test]
async fn why_names_the_gate_that_holds_and_who_lifts_it() {
    let mut world = world().await;
    insta::assert_snapshot!(world.says("ada", "why web01").await, @r#"
    web01.example.org would not be patched as things stand: not enrolled: I do not know its host key.
    ✗ host: not enrolled: I do not know its host key
    ✓ time: Thu 10 Dec 2026, 20:00 America/New_York (Fri 11 Dec, 01:00 UTC)
    ✓ rules: its time keeps all rules
    ✗ approval: revision 1 is not approved
    ✓ freeze: owners cannot choose times before Thu 26 Nov 2026 now
    ✓ pre-check: is made Thu 10 Dec 2026, 15:00 America/New_York (20:00 UTC)
    An administrator enrols it: patchbot enroll web01.example.org.
    An owner or an operator can say "approve web01.example.org"; the deadline is Wed 9 Dec 2026, 00:00 America/New_York (05:00 UTC). Without an answer it is not patched.
    The freeze lifts Wed 25 Nov 2026, 00:00 America/New_York (05:00 UTC).
    "#);
    world.says("ada", "decline web01").await;
    insta::assert_snapshot!(world.says("ada", "why web01").await, @"
    web01.example.org: declined by ada@owners.test in Slack.
    ✗ host: not enrolled: I do not know its host key
    ✓ time: Thu 10 Dec 2026, 20:00 America/New_York (Fri 11 Dec, 01:00 UTC)
    ✗ approval: declined by ada@owners.test in Slack
    An administrator enrols it: patchbot enroll web01.example.org.
    ");
}

#[tokio::test]
async fn slots_are_offered_and_taken() {
    let mut world = world().await;
    let offered = world.says("ada", "slots web01").await;
    insta::assert_snapshot!(offered, @r#"
    The next free times for web01.example.org:
    Thu 26 Nov 2026, 20:00 America/New_York (Fri 27 Nov, 01:00 UTC) — 14 days earlier
    Thu 26 Nov 2026, 21:00 America/New_York (Fri 27 Nov, 02:00 UTC) — 14 days earlier
    Thu 3 Dec 2026, 20:00 America/New_York (Fri 4 Dec, 01:00 UTC) — 7 days earlier
    Thu 3 Dec 2026, 21:00 America/New_York (Fri 4 Dec, 02:00 UTC) — 7 days earlier
    Thu 10 Dec 2026, 20:30 America/New_York (Fri 11 Dec, 01:30 UTC)
    Thu 10 Dec 2026, 21:00 America/New_York (Fri 11 Dec, 02:00 UTC)
    Thu 17 Dec 2026, 20:00 America/New_York (Fri 18 Dec, 01:00 UTC) — 7 days more unpatched
    Thu 17 Dec 2026, 21:00 America/New_York (Fri 18 Dec, 02:00 UTC) — 7 days more unpatched
    It can be moved 3 more times, to Sun 31 Jan 2027 at the latest.
    Say for example "move web01.example.org to 2026-11-26 20:00".
    "#);
    insta::assert_snapshot!(world.says("ada", "move web01 to 2026-12-10 20:30").await, @r#"
    web01.example.org moves to Thu 10 Dec 2026, 20:30 America/New_York (Fri 11 Dec, 01:30 UTC). It waits for approval.
    It can be moved twice more, to Sun 31 Jan 2027 at the latest.
    If that suits you, say "approve web01.example.org".
    A mistake? Say "undo web01.example.org" until Tue 24 Nov 2026, 03:30 America/New_York (08:30 UTC).
    "#);
}

#[tokio::test]
async fn history_tells_who_decided_what_through_which_channel() {
    let mut world = world().await;
    world.says("ada", "approve web01").await;
    world.says("bob", "decline web01 because \"backup runs\"").await;
    insta::assert_snapshot!(world.says("ada", "history web01").await, @r#"
    web01.example.org: what has happened:
    Tue 24 Nov 2026, 03:00 America/New_York (08:00 UTC) — 2027-Q1 approved by ada@owners.test in Slack
    Tue 24 Nov 2026, 03:00 America/New_York (08:00 UTC) — 2027-Q1 declined by bob@owners.test in Slack because "backup runs"
    "#);
}

#[tokio::test]
async fn a_mistyped_server_gets_the_nearest_of_ones_own() {
    let mut world = world().await;
    insta::assert_snapshot!(world.says("ada", "approve wbe01").await, @r#"
    I know no server of yours called "wbe01".
    Did you mean web01.example.org or web02.example.org?
    "#);
    insta::assert_snapshot!(world.says("ada", "approve").await, @r#"
    No server is named, so I do not know which one you mean.
    Name it: for example "approve web01". Say "list" for your servers.
    "#);
    insta::assert_snapshot!(world.says("ada", "approve 1-2").await, @r#"
    "1" would be a line of a notice, and there is no notice here; name the server.
    Name the servers instead, as the notice prints them.
    "#);
}

#[tokio::test]
async fn whoami_and_help_are_about_the_one_who_asks() {
    let mut world = world().await;
    insta::assert_snapshot!(world.says("ada", "whoami").await, @"
    You are ada@owners.test, an owner: you decide about your own servers.
    Your notices go to ada@owners.test.
    Your zone: not set; you see times in each server's zone.
    Your servers: web01.example.org, web02.example.org.
    ");
    insta::assert_snapshot!(world.says("olga", "whoami").await, @"
    You are olga@patchbot.test, an operator.
    Your notices go to olga@patchbot.test.
    Your zone: not set; you see times in each server's zone.
    You own no server.
    ");
    let said = world.says("ada", "subscribe").await;
    let (link, rest) = said.split_once(".ics").unwrap();
    assert!(
        link.starts_with(
            "Your calendar, to subscribe to: https://patchbot.test/calendar/owner:ada@owners.test/"
        ),
        "{said}"
    );
    assert_eq!(
        rest.trim(),
        "It shows the windows of your servers. Whoever has the link sees them: keep it to yourself."
    );
    insta::assert_snapshot!(world.says("ada", "help").await, @r#"
    You can say:
    approve [servers] [because "…"] — Consents to patching at the time that was shown. A later change of the time makes the consent void.
    decline [servers] [because "…"] — Says no: the servers are not patched in this window. Possible until the run starts.
    move [servers] to YYYY-MM-DD HH:MM [zone] [because "…"] — Gives the servers another time, in their own zone unless one is named. The new time waits for an approval.
    defer [servers] by N days|weeks [because "…"], or defer [servers] until YYYY-MM-DD because "…" — Puts the servers off by whole days or weeks, at the same time of day; the new time waits for an approval. With "until" they are not patched before the end of a day beyond the quarter: an operator must grant that.
    withdraw [servers] [because "…"] — Takes an approval back; the window waits for an answer again. Possible until the run starts.
    undo [servers] [because "…"] — Makes your last decision undone, until the time that was said with it. Later it becomes a request to the operators.
    swap server with server [because "…"] — Offers to trade your server's time for another server's. Its owner accepts by saying the same the other way round; then both times change at once.
    delegate [servers] to person@example.org [until YYYY-MM-DD] [because "…"] — Lets somebody else decide in your place about these servers; you still can. Say "back" to end it.
    away until YYYY-MM-DD [to person@example.org] [because "…"] — Says that you are away: until the end of that day your notices also go to the one you name, who decides in your place, or else to the second owner.
    back — Says that you are back: nobody decides in your place any more.
    status [servers] — Says where your windows stand: state, time, what is awaited.
    mine [page] — Shows your own servers and where they stand; in chat with buttons.
    list [all] [quarter] [where <conditions>] — Lists the windows of a quarter: your own, or with "all" everybody's that you may see.
    show server — Shows one server: its owners, zone, window, approval, last pre-check and last run.
    slots server — Lists the next times the server could be patched, or says why there is none.
    why server — Says what stands between the server and its patching: each gate, who can lift it, and when it lifts by itself.
    history server — Tells what was decided and done: who, when, through which channel, and the runs.
    calendar [quarter] — Shows the quarter day by day: how many servers are patched when, which days are closed, and which are yours; in chat as a picture.
    report [quarter] — Shows how far the quarter is: how many servers are patched, approved, waiting, and what went wrong; in chat as a picture.
    whoami — Says who I take you for, your role, your zone and your servers.
    subscribe — Gives you a link that your calendar can subscribe to; it shows the windows of your servers.
    link address | link code — Links this account to you: I mail a code to your address, and you say it here.
    unlink — Takes the link between this account and you away; decisions are then possible by mail only.
    zone Area/City | zone off — Says in which zone you read times, beside each server's own and UTC.
    quiet HH:MM-HH:MM | quiet off — Sets the hours in which I do not write to you in chat. What is urgent still comes; the rest waits. Mail is not held back.
    confirm code — Confirms something dangerous that waits: your own, or somebody else's as the second person.
    cancel code — Drops something dangerous that waits to be confirmed. One no is enough.
    help [command] — Shows what you can say, here and now.
    "help move" shows one command with examples.
    "#);
    insta::assert_snapshot!(world.says("ada", "help move").await, @r#"
    Gives the servers another time, in their own zone unless one is named. The new time waits for an approval.
    Usage: move [servers] to YYYY-MM-DD HH:MM [zone] [because "…"]
    "move web01 to 2026-12-04 20:00" — in the server's zone
    "move web01 2026-12-04 20:00 UTC" — in UTC
    "move web01 to Friday 20:00" — the next Friday; by mail I ask back with its date
    "move web01 to Fri 4 Dec 2026, 20:00 Europe/Berlin" — as notices print a time
    "move 5 to 2026-12-14 22:00" — line 5 of the notice that is answered
    "move to tomorrow 21:30 because "release tonight"" — what the card shows, with the reason
    "move web01 in 3 days" — three days from today at the window's own time of day
    "#);
}

#[tokio::test]
async fn a_list_can_be_cut_down_by_conditions_wherever_it_is_asked_for() {
    let mut world = World::new(TUESDAY).await.sheet(
        "server_name,primary_owner,server_timezone,host_group,environment,Cost Center\n\
         web01,ada@owners.test,Europe/Berlin,web,prod,4711\n\
         web02,ada@owners.test,Europe/Berlin,web,test,4711\n\
         db01,bob@owners.test,UTC,db,prod,12\n",
    );
    world.plan().await;
    insta::assert_snapshot!(world.says("olga", "list all where env=prod and state!=approved").await, @"
    2027-Q1 (1 Nov 2026 to 31 Jan 2027): 2 servers fit env=prod and state!=approved.
    db01 — Thu 10 Dec 2026, 20:00 UTC — waits for approval
    web01 — Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC) — waits for approval
    ");
    insta::assert_snapshot!(world.says("ada", "list where env in (prod, test) and \"Cost Center\"=4711").await, @"
    2027-Q1 (1 Nov 2026 to 31 Jan 2027): 2 servers fit env in (prod, test) and Cost_Center=4711.
    web01 — Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC) — waits for approval
    web02 — Thu 10 Dec 2026, 22:00 Europe/Berlin (21:00 UTC) — waits for approval
    ");
    insta::assert_snapshot!(world.says("ada", "list all where group=db").await, @"2027-Q1 (1 Nov 2026 to 31 Jan 2027): 0 servers fit group=db.");
    insta::assert_snapshot!(world.says("ada", "list where gruop=db").await, @r#"
    The conditions cannot be read: there is no column "gruop"; did you mean group?
    Say for example "list all where group=db and state!=approved".
    "#);
    world.mails();
    let notice = world.says("olga", "list all where env=production").await;
    insta::assert_snapshot!(notice, @"
    2027-Q1 (1 Nov 2026 to 31 Jan 2027): 0 servers fit env=production.
    nothing fits env=production; there are prod (2), test (1)
    ");
}
