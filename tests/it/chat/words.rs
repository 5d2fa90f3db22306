//! What people type: after `/patch`, to the app, and mentioning it.

use std::time::Duration;

use patchbot::domain::window::WindowState;
use patchbot_standins::slack::{Exchange, Message};

use super::world::World;

/// What she sees of an answer that only she sees.
async fn told(said: Exchange) -> String {
    let answer = said.answer().await.unwrap();
    assert!(answer.is_ephemeral(), "only the one who asked may see it");
    assert!(said.acked_in().is_some_and(|took| took < Duration::from_secs(1)), "it is acknowledged at once");
    answer.as_text()
}

#[tokio::test]
async fn an_owner_sees_where_her_windows_stand() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    world.server("web01.example.org", &[&person]).await;
    world.server("web02.example.org", &[&person]).await;

    let answer = told(ada.slash("/patch", "status").await.unwrap()).await;

    insta::assert_snapshot!(answer, @r"
    • web01.example.org — Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC) — waits for approval
    • web02.example.org — Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC) — waits for approval
    2 wait for your approval: say /patch approve and their names, or /patch approve all.
    ");
    world.ends().await;
}

#[tokio::test]
async fn an_owner_approves_moves_and_declines_by_words() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let web01 = world.server("web01.example.org", &[&person]).await;

    let answer = told(ada.slash("/patch", "approve web01").await.unwrap()).await;
    insta::assert_snapshot!(answer, @r"
    web01.example.org is approved for Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    Until the start you can take it back: /patch withdraw web01.example.org.
    A mistake? Say /patch undo web01.example.org until Wed 25 Nov 2026, 10:30 Europe/Berlin (09:30 UTC).
    [Undo]
    ");
    assert!(matches!(world.window(&web01).await.state, WindowState::Approved(_)));

    let answer = told(ada.slash("/patch", "move web01 to Friday 21:30").await.unwrap()).await;
    insta::assert_snapshot!(answer, @"
    web01.example.org moves to Fri 27 Nov 2026, 21:30 Europe/Berlin (20:30 UTC). The approval it had is void; it waits for approval.
    It can be moved twice more, to Sun 31 Jan 2027 at the latest.
    If that suits you, say /patch approve web01.example.org.
    A mistake? Say /patch undo web01.example.org until Wed 25 Nov 2026, 10:30 Europe/Berlin (09:30 UTC).
    [Undo]
    ");

    let answer =
        told(ada.slash("/patch", "decline web01 because “quarter-end closing”").await.unwrap()).await;
    insta::assert_snapshot!(answer, @r"
    web01.example.org is declined: it is not patched in this window.
    You can take it back until the time comes: /patch withdraw web01.example.org.
    A mistake? Say /patch undo web01.example.org until Wed 25 Nov 2026, 10:30 Europe/Berlin (09:30 UTC).
    [Undo]
    ");
    assert!(matches!(world.window(&web01).await.state, WindowState::Declined(_)));
    assert_eq!(world.decisions(&web01).await, 3);
    world.ends().await;
}

#[tokio::test]
async fn why_shows_the_gates_and_help_what_can_be_said() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    world.server("web01.example.org", &[&person]).await;

    let answer = told(ada.slash("/patch", "why web01").await.unwrap()).await;
    insta::assert_snapshot!(answer, @"
    web01.example.org would not be patched as things stand: revision 1 is not approved.
    ✓ host: enrolled, its key is pinned
    ✓ time: Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC)
    ✓ rules: its time keeps all rules
    ✗ approval: revision 1 is not approved
    ✓ pre-check: is made Thu 3 Dec 2026, 15:00 Europe/Berlin (14:00 UTC)
    An owner or an operator can say /patch approve web01.example.org; the deadline is Wed 2 Dec 2026, 00:00 Europe/Berlin (Tue 1 Dec, 23:00 UTC). Without an answer it is not patched.
    ");
    let answer = told(ada.slash("/patch", "").await.unwrap()).await;
    insta::assert_snapshot!(answer, @r#"
    You can say:
    • /patch approve [servers] [because "…"] — Consents to patching at the time that was shown. A later change of the time makes the consent void.
    • /patch decline [servers] [because "…"] — Says no: the servers are not patched in this window. Possible until the run starts.
    • /patch move [servers] to YYYY-MM-DD HH:MM [zone] [because "…"] — Gives the servers another time, in their own zone unless one is named. The new time waits for an approval.
    • /patch defer [servers] by N days|weeks [because "…"], or defer [servers] until YYYY-MM-DD because "…" — Puts the servers off by whole days or weeks, at the same time of day; the new time waits for an approval. With "until" they are not patched before the end of a day beyond the quarter: an operator must grant that.
    • /patch withdraw [servers] [because "…"] — Takes an approval back; the window waits for an answer again. Possible until the run starts.
    • /patch undo [servers] [because "…"] — Makes your last decision undone, until the time that was said with it. Later it becomes a request to the operators.
    • /patch swap server with server [because "…"] — Offers to trade your server's time for another server's. Its owner accepts by saying the same the other way round; then both times change at once.
    • /patch delegate [servers] to person@example.org [until YYYY-MM-DD] [because "…"] — Lets somebody else decide in your place about these servers; you still can. Say "back" to end it.
    • /patch away until YYYY-MM-DD [to person@example.org] [because "…"] — Says that you are away: until the end of that day your notices also go to the one you name, who decides in your place, or else to the second owner.
    • /patch back — Says that you are back: nobody decides in your place any more.
    • /patch status [servers] — Says where your windows stand: state, time, what is awaited.
    • /patch mine [page] — Shows your own servers and where they stand; in chat with buttons.
    • /patch list [all] [quarter] [where <conditions>] — Lists the windows of a quarter: your own, or with "all" everybody's that you may see.
    • /patch show server — Shows one server: its owners, zone, window, approval, last pre-check and last run.
    • /patch slots server — Lists the next times the server could be patched, or says why there is none.
    • /patch why server — Says what stands between the server and its patching: each gate, who can lift it, and when it lifts by itself.
    • /patch history server — Tells what was decided and done: who, when, through which channel, and the runs.
    • /patch calendar [quarter] — Shows the quarter day by day: how many servers are patched when, which days are closed, and which are yours; in chat as a picture.
    • /patch report [quarter] — Shows how far the quarter is: how many servers are patched, approved, waiting, and what went wrong; in chat as a picture.
    • /patch whoami — Says who I take you for, your role, your zone and your servers.
    • /patch subscribe — Gives you a link that your calendar can subscribe to; it shows the windows of your servers.
    • /patch link address | link code — Links this account to you: I mail a code to your address, and you say it here.
    • /patch unlink — Takes the link between this account and you away; decisions are then possible by mail only.
    • /patch zone Area/City | zone off — Says in which zone you read times, beside each server's own and UTC.
    • /patch quiet HH:MM-HH:MM | quiet off — Sets the hours in which I do not write to you in chat. What is urgent still comes; the rest waits. Mail is not held back.
    • /patch confirm code — Confirms something dangerous that waits: your own, or somebody else's as the second person.
    • /patch cancel code — Drops something dangerous that waits to be confirmed. One no is enough.
    • /patch help [command] — Shows what you can say, here and now.
    /patch help move shows one command with examples.
    "#);
    let answer = told(ada.slash("/patch", "help move").await.unwrap()).await;
    insta::assert_snapshot!(answer, @r#"
    Gives the servers another time, in their own zone unless one is named. The new time waits for an approval.
    Usage: /patch move [servers] to YYYY-MM-DD HH:MM [zone] [because "…"]
    /patch move web01 to 2026-12-04 20:00 — in the server's zone
    /patch move web01 2026-12-04 20:00 UTC — in UTC
    /patch move web01 to Friday 20:00 — the next Friday; by mail I ask back with its date
    /patch move web01 to Fri 4 Dec 2026, 20:00 Europe/Berlin — as notices print a time
    /patch move 5 to 2026-12-14 22:00 — line 5 of the notice that is answered
    /patch move to tomorrow 21:30 because "release tonight" — what the card shows, with the reason
    /patch move web01 in 3 days — three days from today at the window's own time of day
    "#);
    let answer = told(ada.slash("/patch", "slots web01").await.unwrap()).await;
    insta::assert_snapshot!(answer, @"
    The next free times for web01.example.org:
    • Thu 26 Nov 2026, 20:00 Europe/Berlin (19:00 UTC) — 7 days earlier
    • Thu 26 Nov 2026, 21:00 Europe/Berlin (20:00 UTC) — 7 days earlier
    • Thu 3 Dec 2026, 20:30 Europe/Berlin (19:30 UTC)
    • Thu 3 Dec 2026, 21:00 Europe/Berlin (20:00 UTC)
    • Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC) — 7 days more unpatched
    • Thu 10 Dec 2026, 21:00 Europe/Berlin (20:00 UTC) — 7 days more unpatched
    • Thu 17 Dec 2026, 20:00 Europe/Berlin (19:00 UTC) — 14 days more unpatched
    • Thu 17 Dec 2026, 21:00 Europe/Berlin (20:00 UTC) — 14 days more unpatched
    • It can be moved 3 more times, to Sun 31 Jan 2027 at the latest.
    Say for example /patch move web01.example.org to 2026-11-26 20:00.
    ");
    world.ends().await;
}

#[tokio::test]
async fn what_is_not_understood_is_shown_with_a_mark_under_the_place() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let web01 = world.server("web01.example.org", &[&person]).await;

    let answer = told(ada.slash("/patch", "approve web01 but only after 22:00").await.unwrap()).await;
    insta::assert_snapshot!(answer, @r#"
    I do not understand "but" in "approve web01 but only after 22:00". Usage: approve [servers] [because "…"]
    approve web01 but only after 22:00
                  ^^^
    [Fill in a form…]
    "#);
    let answer = told(ada.slash("/patch", "aprove web01").await.unwrap()).await;
    insta::assert_snapshot!(answer, @r#"
    I do not know "aprove". Did you mean /patch approve? Say /patch help for everything that can be said.
    aprove web01
    ^^^^^^
    "#);
    let answer = told(ada.slash("/patch", "approve web1").await.unwrap()).await;
    insta::assert_snapshot!(answer, @r#"
    I know no server of yours called "web1".
    Did you mean web01.example.org?
    "#);
    let answer = told(ada.slash("/patch", "move web01 to 2026-11-26 20:00").await.unwrap()).await;
    insta::assert_snapshot!(answer, @"
    web01.example.org moves to Thu 26 Nov 2026, 20:00 Europe/Berlin (19:00 UTC). It waits for approval.
    It can be moved twice more, to Sun 31 Jan 2027 at the latest.
    If that suits you, say /patch approve web01.example.org.
    A mistake? Say /patch undo web01.example.org until Wed 25 Nov 2026, 10:30 Europe/Berlin (09:30 UTC).
    [Undo]
    ");
    let answer = told(ada.slash("/patch", "move web01 to yesterday").await.unwrap()).await;
    insta::assert_snapshot!(answer, @r#"
    "yesterday" is not a date I can be sure of: write it as 2026-12-04. Usage: move [servers] to YYYY-MM-DD HH:MM [zone] [because "…"]
    move web01 to yesterday
                  ^^^^^^^^^
    [Fill in a form…]
    "#);
    assert_eq!(world.decisions(&web01).await, 1, "the move to the next day");
    world.ends().await;
}

#[tokio::test]
async fn words_written_to_the_app_are_answered_in_the_conversation() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let web01 = world.server("web01.example.org", &[&person]).await;

    let said = ada.writes_dm("approve <http://web01.example.org|web01.example.org>").await.unwrap();

    let answer = said.answer().await.unwrap();
    assert!(!answer.is_ephemeral(), "nobody else is there");
    assert!(answer.as_text().starts_with("web01.example.org is approved for"), "{}", answer.as_text());
    assert!(matches!(world.window(&web01).await.state, WindowState::Approved(_)));
    let first = ada.reads_dm().into_iter().next().unwrap();
    let said = ada.replies_to(&first, "`withdraw web01`").await.unwrap();
    let answer = said.answer().await.unwrap();
    assert_eq!(answer.thread(), Some(first.ts()), "what is said in a thread is answered there");
    assert_eq!(world.decisions(&web01).await, 2);
    world.ends().await;
}

#[tokio::test]
async fn a_mention_is_answered_to_the_one_who_mentions() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let (bob, _) = world.owner("bob").await;
    let ops = world.slack.channel("ops").with([&ada, &bob]);
    world.server("web01.example.org", &[&person]).await;

    let said = ada.at(&ops).mentions_bot("status web01").await.unwrap();

    let answer = said.answer().await.unwrap();
    assert!(answer.is_ephemeral());
    insta::assert_snapshot!(answer.as_text(), @r"
    web01.example.org — Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC) — waits for approval
    One waits for your approval: say /patch approve and its name.
    ");
    assert!(bob.reads(&ops).iter().all(|message| !message.is_from_app()));
    world.ends().await;
}

#[tokio::test]
async fn several_lines_are_all_understood_or_none_is_done() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let web01 = world.server("web01.example.org", &[&person]).await;
    let web02 = world.server("web02.example.org", &[&person]).await;

    let said = ada.writes_dm("approve web01\napprove web02 if it rains").await.unwrap();
    insta::assert_snapshot!(said.answer().await.unwrap().as_text(), @r#"
    I do not understand "if" in "approve web02 if it rains". Usage: approve [servers] [because "…"]
    approve web02 if it rains
                  ^^
    I do all of your lines or none, so nothing was done.
    [Fill in a form…]
    "#);
    assert_eq!(world.decisions(&web01).await, 0);

    let said = ada.writes_dm("approve web01\n\ndecline web02 because \"R&amp;D &lt;3\"").await.unwrap();
    insta::assert_snapshot!(said.answer().await.unwrap().as_text(), @r"
    web01.example.org is approved for Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    Until the start you can take it back: /patch withdraw web01.example.org.
    A mistake? Say /patch undo web01.example.org until Wed 25 Nov 2026, 10:30 Europe/Berlin (09:30 UTC).
    web02.example.org is declined: it is not patched in this window.
    You can take it back until the time comes: /patch withdraw web02.example.org.
    A mistake? Say /patch undo web02.example.org until Wed 25 Nov 2026, 10:30 Europe/Berlin (09:30 UTC).
    [Undo web01.example.org] [Undo web02.example.org]
    ");
    assert_eq!((world.decisions(&web01).await, world.decisions(&web02).await), (1, 1));
    let said = ada.writes_dm(&"status\n".repeat(21)).await.unwrap();
    insta::assert_snapshot!(said.answer().await.unwrap().as_text(), @"I take at most 20 lines at a time, so nothing was done.");
    world.ends().await;
}

#[tokio::test]
async fn half_of_a_command_can_be_done_and_the_rest_is_said() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    world.server("web01.example.org", &[&person]).await;
    let web02 = world.server("web02.example.org", &[&person]).await;
    told(ada.slash("/patch", "decline web02").await.unwrap()).await;

    let answer = told(ada.slash("/patch", "approve all").await.unwrap()).await;

    insta::assert_snapshot!(answer, @r"
    Done in part; please see what is left.
    web01.example.org is approved for Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    Ada declined web02.example.org; a no stands until it is taken back.
    Ada or an operator can say /patch withdraw web02.example.org; after that it can be approved.
    Until the start you can take it back: /patch withdraw web01.example.org.
    A mistake? Say /patch undo web01.example.org until Wed 25 Nov 2026, 10:30 Europe/Berlin (09:30 UTC).
    [Undo]
    ");
    assert_eq!(world.decisions(&web02).await, 1);
    world.ends().await;
}

#[tokio::test]
async fn a_list_of_many_servers_is_readable() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    for number in 1..=45 {
        world
            .server(&format!("a-server-with-a-long-name-{number:02}.datacentre.example.org"), &[&person])
            .await;
    }

    let said = ada.slash("/patch", "list").await.unwrap();

    let last = said.wait_for(|seen| seen.as_text().contains("and 5 more")).await.unwrap();
    let all: Vec<String> = said.seen().iter().map(Message::as_text).collect();
    assert_eq!(all.join("\n").matches("waits for approval").count(), 40, "{}", last.as_text());
    world.ends().await;
}

#[tokio::test]
async fn words_to_type_are_code_and_nothing_is_made_a_link() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    world.server("web01.example.org", &[&person]).await;

    let said = ada.slash("/patch", "approve web01").await.unwrap();
    let blocks = serde_json::to_string(said.answer().await.unwrap().blocks()).unwrap();

    assert!(
        blocks
            .contains(r#"{"style":{"code":true},"text":"/patch withdraw web01.example.org","type":"text"}"#),
        "{blocks}"
    );
    assert!(!blocks.contains("mrkdwn") && !blocks.contains("\"link\""), "{blocks}");
    world.ends().await;
}

#[tokio::test]
async fn idle_talk_is_not_acted_on() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let ops = world.slack.channel("ops").with([&ada]);
    world.server("web01.example.org", &[&person]).await;

    ada.writes(&ops, "approve web01").await.unwrap();
    ada.opens_home().await.unwrap();
    let said = ada.writes_dm("thank you!").await.unwrap();

    insta::assert_snapshot!(said.answer().await.unwrap().as_text(), @r#"
    I do not know "thank". Say /patch help for everything that can be said.
    thank you!
    ^^^^^
    "#);
    assert_eq!(world.slack.calls_of("chat.postMessage").len(), 1);
    world.ends().await;
}
