//! What people type: after `/patch`, to the app, and mentioning it.

use std::time::Duration;

use patchbot::domain::window::WindowState;
use patchbot_standins::slack::Exchange;

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
    ");
    assert!(matches!(world.window(&web01).await.state, WindowState::Approved(_)));

    let answer = told(ada.slash("/patch", "move web01 to Friday 21:30").await.unwrap()).await;
    insta::assert_snapshot!(answer, @r"
    web01.example.org moves to Fri 27 Nov 2026, 21:30 Europe/Berlin (20:30 UTC). The approval it had is void; it waits for approval.
    If that suits you, say /patch approve web01.example.org.
    ");

    let answer = told(ada.slash("/patch", "decline web01 because “quarter-end closing”").await.unwrap()).await;
    insta::assert_snapshot!(answer, @r"
    web01.example.org is declined: it is not patched in this window.
    You can take it back until the time comes: /patch withdraw web01.example.org.
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
    insta::assert_snapshot!(answer, @r"
    web01.example.org would not be patched as things stand: revision 1 is not approved.
    ✓ host: enrolled, its key is pinned
    ✓ time: Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC)
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
    • /patch defer [servers] by N days|weeks [because "…"] — Puts the servers off by whole days or weeks, at the same time of day. The new time waits for an approval.
    • /patch withdraw [servers] [because "…"] — Takes an approval back; the window waits for an answer again. Possible until the run starts.
    • /patch status [servers] — Says where your windows stand: state, time, what is awaited.
    • /patch list [all] [quarter] — Lists the windows of a quarter: your own, or with "all" everybody's that you may see.
    • /patch show server — Shows one server: its owners, zone, window, approval, last pre-check and last run.
    • /patch slots server — Lists the next times the server could be patched, or says why there is none.
    • /patch why server — Says what stands between the server and its patching: each gate, who can lift it, and when it lifts by itself.
    • /patch history server — Tells what was decided and done: who, when, through which channel, and the runs.
    • /patch whoami — Says who I take you for, your role, your zone and your servers.
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
    insta::assert_snapshot!(answer, @r"
    The next free times for web01.example.org:
    • Thu 26 Nov 2026, 20:00 Europe/Berlin (19:00 UTC)
    • Thu 26 Nov 2026, 20:30 Europe/Berlin (19:30 UTC)
    • Thu 26 Nov 2026, 21:00 Europe/Berlin (20:00 UTC)
    • Thu 26 Nov 2026, 21:30 Europe/Berlin (20:30 UTC)
    • Thu 26 Nov 2026, 22:00 Europe/Berlin (21:00 UTC)
    • Thu 26 Nov 2026, 22:30 Europe/Berlin (21:30 UTC)
    • Thu 26 Nov 2026, 23:00 Europe/Berlin (22:00 UTC)
    • Thu 26 Nov 2026, 23:30 Europe/Berlin (22:30 UTC)
    Say for example /patch move web01.example.org to 2026-11-26 20:00.
    ");
    world.ends().await;
}
