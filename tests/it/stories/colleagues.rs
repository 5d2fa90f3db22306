//! Owners among each other: somebody decides in another's place, is away, or trades a time.

use crate::world::World;

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";

/// web01 is ada's, db01 bob's; one server starts in an hour.
async fn world() -> World {
    let mut world = World::new(TUESDAY).await.server("web01", "ada").server("db01", "bob");
    world.plan().await;
    world.mails();
    world
}

#[tokio::test]
async fn a_colleague_decides_until_the_day_is_over() {
    let mut world = world().await;
    insta::assert_snapshot!(world.says("bob", "approve web01").await, @r#"
    I know no server of yours called "web01".
    Did you mean db01?
    "#);
    insta::assert_snapshot!(world.says("ada", "delegate web01 to bob@owners.test until 2026-12-05 because \"holiday\"").await, @r#"
    bob@owners.test decides about web01 as well, until Sun 6 Dec 2026, 00:00 Europe/Berlin (Sat 5 Dec, 23:00 UTC). You still can.
    To end it, say "back".
    "#);
    insta::assert_snapshot!(world.mail_to("bob").shown(), @r#"
    Subject: 2027-Q1: ada@owners.test asks you to decide about web01

    ~~~ Please write your answer above this line ~~~

    Hello bob@owners.test,

    Until Sun 6 Dec 2026, 00:00 Europe/Berlin (Sat 5 Dec, 23:00 UTC) you decide in the place of ada@owners.test, who still can as well.
    This is how it stands:

     1. web01 (web, waits for approval)
        Thu 10 Dec 2026, 21:00–23:00 Europe/Berlin
        Thu 10 Dec 2026, 20:00–22:00 UTC

    You can reply "approve 1", "decline 1", or "status" at any time.

    Questions? Write to olga@patchbot.test, a person reads it.
    patchbot
    "#);
    insta::assert_snapshot!(world.says("bob", "status").await, @r#"
    db01 — Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC) — waits for approval
    web01 — Thu 10 Dec 2026, 21:00 Europe/Berlin (20:00 UTC) — waits for approval
    2 wait for your approval: say "approve" and their names, or "approve all".
    "#);
    insta::assert_snapshot!(world.says("bob", "approve web01").await, @r#"
    web01 is approved for Thu 10 Dec 2026, 21:00 Europe/Berlin (20:00 UTC).
    Until the start you can take it back: "withdraw web01".
    A mistake? Say "undo web01" until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).
    "#);
    insta::assert_snapshot!(world.mails().join("\n"), @"
    ada@owners.test: 2027-Q1: web01 was approved by bob@owners.test
    bob@owners.test: 2027-Q1: web01 was approved by bob@owners.test
    ");
    world.sleep_until("2026-12-06 00:00 Europe/Berlin").await;
    insta::assert_snapshot!(world.says("bob", "withdraw web01").await, @r#"
    I know no server of yours called "web01".
    Did you mean db01?
    "#);
    insta::assert_snapshot!(world.audit("ada@owners.test").await.join("\n"), @"ada@owners.test in Slack: bob@owners.test decides about web01 of ada@owners.test as well, until Sun 6 Dec 2026, 00:00 Europe/Berlin (Sat 5 Dec, 23:00 UTC).");
}

#[tokio::test]
async fn only_somebody_who_is_known_can_stand_in_and_only_for_ones_own() {
    let mut world = world().await;
    insta::assert_snapshot!(world.says("ada", "delegate web01 to eve@stranger.test").await, @"
    I know nobody by the address eve@stranger.test.
    It must be somebody who owns a server here, or an operator.
    ");
    insta::assert_snapshot!(world.says("ada", "delegate web01 to ada@owners.test").await, @"
    That is your own address; you decide already.
    Name the other person's address.
    ");
    insta::assert_snapshot!(world.says("ada", "delegate db01 to olga@patchbot.test").await, @r#"
    I know no server of yours called "db01".
    Did you mean web01?
    "#);
    insta::assert_snapshot!(world.says("olga", "delegate web01 to bob@owners.test").await, @r#"
    web01 is not yours to decide about.
    Say "list" for your servers.
    "#);
    insta::assert_snapshot!(world.says("ada", "away until 2026-11-20").await, @r#"
    Fri 20 Nov 2026 is over.
    Say the last day, from today on: "until 2026-12-20".
    "#);
    // Who stands in cannot hand that on.
    world.says("ada", "delegate web01 to bob@owners.test").await;
    insta::assert_snapshot!(world.says("bob", "delegate web01 to olga@patchbot.test").await, @r#"
    web01 is not yours to decide about.
    Say "list" for your servers.
    "#);
}

#[tokio::test]
async fn who_is_away_is_not_asked_alone_and_an_answer_does_not_end_it() {
    let mut world =
        World::new(TUESDAY).await.server_in("web01", "ada", "bob", "Europe/Berlin").server("web02", "ada");
    world.plan().await;
    let notice = world.mail_to("ada");
    assert_eq!(world.replies("ada", &notice, "away until 2026-12-20").await, "accepted");
    insta::assert_snapshot!(world.mail_to("ada").shown(), @r#"
    Subject: 2027-Q1: 2 servers, your answer is done

    ~~~ Please write your answer above this line ~~~

    Hello ada@owners.test,

    your answer is done.

    You are away until Mon 21 Dec 2026, 00:00 Europe/Berlin (Sun 20 Dec, 23:00 UTC).
    Your notices also go to the second owners until then.
    These have no second owner, so nobody is asked in your place: web02.

    When you are back before that, say "back".

    This is how it stands:

     1. web01 (web, waits for approval)
        Thu 10 Dec 2026, 20:00–22:00 Europe/Berlin
        Thu 10 Dec 2026, 19:00–21:00 UTC

     2. web02 (web, waits for approval)
        Thu 10 Dec 2026, 21:00–23:00 Europe/Berlin
        Thu 10 Dec 2026, 20:00–22:00 UTC

    This is what I read in your answer:
        you wrote: "away until 2026-12-20"

    Questions? Write to olga@patchbot.test, a person reads it.
    patchbot
    "#);
    insta::assert_snapshot!(world.alert_lines().await.join("\n"), @"
    ada@owners.test is away until Mon 21 Dec 2026, 00:00 Europe/Berlin (Sun 20 Dec, 23:00 UTC).
    The second owners are asked as well.
    ");
    world.says("ada", "approve web02").await;
    world.mails();
    world.sleep_until("2026-12-01 12:00 Europe/Berlin").await;
    insta::assert_snapshot!(world.mails().join("\n"), @"
    ada@owners.test: 2027-Q1: 2 servers are to be patched, do the times suit you?
    ada@owners.test: 2027-Q1: web01 still waits for your answer
    bob@owners.test: 2027-Q1: web01 is to be patched, does the time suit you?
    bob@owners.test: 2027-Q1: web01 still waits for your answer
    ");
    insta::assert_snapshot!(world.says("ada", "back").await, @r#"
    Welcome back. Nobody decides in your place any more.
    "status" tells where your windows stand.
    "#);
    insta::assert_snapshot!(world.says("ada", "back").await, @"Nobody decides in your place, and you are not away.");
    world.sleep_until("2026-12-07 12:00 Europe/Berlin").await;
    insta::assert_snapshot!(world.mails().join("\n"), @"
    ada@owners.test: 2027-Q1: web01 needs your approval for the coming week
    ada@owners.test: 2027-Q1: web02 is patched this week
    ");
}

#[tokio::test]
async fn who_is_away_names_somebody_who_decides() {
    let mut world = world().await;
    insta::assert_snapshot!(world.says("ada", "away until 2026-12-20 to bob@owners.test").await, @r#"
    You are away until Mon 21 Dec 2026, 00:00 Europe/Berlin (Sun 20 Dec, 23:00 UTC).
    bob@owners.test decides in your place until then.
    When you are back before that, say "back".
    "#);
    world.mails();
    world.sleep_until("2026-12-07 12:00 Europe/Berlin").await;
    let request = world
        .unread()
        .into_iter()
        .find(|mail| mail.to.starts_with("bob@") && mail.subject.contains("web01 needs"));
    let request = request.unwrap();
    insta::assert_snapshot!(request.shown(), @r#"
    Subject: 2027-Q1: web01 needs your approval for the coming week

    ~~~ Please write your answer above this line ~~~

    Hello bob@owners.test,

    ada@owners.test is away until Mon 21 Dec 2026, 00:00 Europe/Berlin (Sun 20 Dec, 23:00 UTC), so you are asked as well.

    This server is to be patched in the coming week and still needs your approval:

     1. web01 (web, waits for approval)
        Thu 10 Dec 2026, 21:00–23:00 Europe/Berlin
        Thu 10 Dec 2026, 20:00–22:00 UTC

    All pending updates are installed then, and a restart may follow; a server can be away for a while within its hours.

    Please answer by Wed 9 Dec 2026, 00:00 Europe/Berlin (Tue 8 Dec, 23:00 UTC).
    If you do not answer by then, I do not patch these servers, and I tell the operators.
    It can be moved 3 more times, to Sun 31 Jan 2027 at the latest.

    To answer, reply to this mail. At the top of your reply:
     * write "approve" if this time suits you,
     * write "move to 2026-12-17 21:00" for another time, with your date and time,
     * write "defer by 1 week" for the same time one week later,
     * write "decline because of …" if it must not be patched in this quarter.
    Leave the subject as it is. Several answers go on lines of their own.

    Questions? Write to olga@patchbot.test, a person reads it.
    patchbot
    "#);
    assert_eq!(world.replies("bob", &request, "approve").await, "accepted");
    assert_eq!(world.state("web01").await, "approved by bob@owners.test by mail");
}

#[tokio::test]
async fn a_trade_needs_both_and_then_both_times_change_at_once() {
    let mut world = world().await;
    let times = async |world: &World| {
        let start = async |name: &str| world.window(name).await.plan.unwrap().local.to_string();
        (start("web01").await, start("db01").await)
    };
    world.says("bob", "move db01 to 2026-12-17 21:00").await;
    world.says("ada", "approve web01").await;
    world.mails();
    let before = times(&world).await;
    insta::assert_snapshot!(world.says("ada", "swap web01 with db01 because \"release night\"").await, @"
    bob@owners.test is asked: web01 for db01, Thu 10 Dec 2026, 21:00 Europe/Berlin (20:00 UTC) for Thu 17 Dec 2026, 21:00 Europe/Berlin (20:00 UTC).
    Nothing changes until then; the offer ends Tue 1 Dec 2026, 09:00 Europe/Berlin (08:00 UTC).
    ");
    assert_eq!(times(&world).await, before, "an offer changes nothing");
    let offer = world.mail_to("bob");
    insta::assert_snapshot!(offer.shown(), @r#"
    Subject: 2027-Q1: ada@owners.test offers you the time of web01 for that of db01

    ~~~ Please write your answer above this line ~~~

    Hello bob@owners.test,

    ada@owners.test would like to trade the times of web01 and db01. Reason: "release night".
    db01 would be patched Thu 10 Dec 2026, 21:00 Europe/Berlin (20:00 UTC) instead of Thu 17 Dec 2026, 21:00 Europe/Berlin (20:00 UTC).
    Nothing changes until you accept; the offer ends Tue 1 Dec 2026, 09:00 Europe/Berlin (08:00 UTC).

     1. db01 (web, waits for approval)
        Thu 17 Dec 2026, 21:00–23:00 Europe/Berlin
        Thu 17 Dec 2026, 20:00–22:00 UTC

    To accept, reply "swap db01 with web01".
    To leave everything as it is, you need not do anything.

    Questions? Write to olga@patchbot.test, a person reads it.
    patchbot
    "#);
    assert_eq!(world.replies("bob", &offer, "swap db01 with web01").await, "accepted");
    assert_eq!(times(&world).await, (before.1, before.0));
    assert_eq!(world.state("web01").await, "waits for approval", "a new time voids the earlier approval");
    let mut mails: Vec<String> =
        world.unread().iter().map(|mail| format!("To: {}\n{}", mail.to, mail.shown())).collect();
    mails.sort();
    insta::assert_snapshot!(mails.join("\n\n"), @r#"
    To: ada@owners.test
    Subject: 2027-Q1: web01 was swapped by bob@owners.test

    ~~~ Please write your answer above this line ~~~

    Hello ada@owners.test,

    web01 was swapped by bob@owners.test, by mail,
    on Tue 24 Nov 2026, 09:00 Europe/Berlin (Tue 24 Nov 2026, 08:00 UTC).
    The time before was Thu 10 Dec 2026, 21:00 Europe/Berlin (Thu 10 Dec 2026, 20:00 UTC).

    This is how it stands now:

     1. web01 (web, waits for approval)
        Thu 17 Dec 2026, 21:00–23:00 Europe/Berlin
        Thu 17 Dec 2026, 20:00–22:00 UTC

    To approve, reply "approve".
    For another time, reply for example "move to 2026-12-24 21:00". It can be moved twice more, to Sun 31 Jan 2027 at the latest.
    To say no, reply "decline".

    Questions? Write to olga@patchbot.test, a person reads it.
    patchbot

    To: bob@owners.test
    Subject: 2027-Q1: db01, your answer is done

    ~~~ Please write your answer above this line ~~~

    Hello bob@owners.test,

    your answer is done.

    db01 moves to Thu 10 Dec 2026, 21:00 Europe/Berlin (20:00 UTC). It waits for approval.
    web01 moves to Thu 17 Dec 2026, 21:00 Europe/Berlin (20:00 UTC). The approval it had is void; it waits for approval.

    If that suits you, say "approve db01"; the other owner does the same.

    This is how it stands:

     1. db01 (web, waits for approval)
        Thu 10 Dec 2026, 21:00–23:00 Europe/Berlin
        Thu 10 Dec 2026, 20:00–22:00 UTC

    This is what I read in your answer:
        you wrote: "swap db01 with web01"

    Questions? Write to olga@patchbot.test, a person reads it.
    patchbot
    "#);
    insta::assert_snapshot!(world.says("ada", "undo web01").await, @r#"
    The time of web01 was traded; one half of a trade cannot be undone.
    Trade once more with "swap", or choose another time with "move".
    "#);
}

#[tokio::test]
async fn an_offer_ends_with_any_change_of_either_plan_and_an_operator_trades_at_once() {
    let mut world = world().await;
    world.says("bob", "move db01 to 2026-12-17 21:00").await;
    world.says("ada", "swap web01 with db01").await;
    world.says("ada", "move web01 to 2026-12-17 22:00").await;
    insta::assert_snapshot!(world.says("bob", "swap db01 with web01").await, @"
    ada@owners.test is asked: db01 for web01, Thu 17 Dec 2026, 21:00 Europe/Berlin (20:00 UTC) for Thu 17 Dec 2026, 22:00 Europe/Berlin (21:00 UTC).
    Nothing changes until then; the offer ends Tue 1 Dec 2026, 09:00 Europe/Berlin (08:00 UTC).
    ");
    assert_eq!(world.window("db01").await.plan.unwrap().local.to_string(), "2026-12-17 21:00:00");
    insta::assert_snapshot!(world.says("olga", "swap web01 with db01").await, @r#"
    web01 moves to Thu 17 Dec 2026, 21:00 Europe/Berlin (20:00 UTC). It waits for approval.
    db01 moves to Thu 17 Dec 2026, 22:00 Europe/Berlin (21:00 UTC). It waits for approval.
    If that suits you, say "approve web01"; the other owner does the same.
    "#);
    insta::assert_snapshot!(world.says("ada", "swap web01 with web01").await, @r#"
    web01 cannot be traded with itself.
    Say "slots" and the server's name for free times.
    "#);
    insta::assert_snapshot!(world.says("ada", "swap web01 with nobody").await, @r#"
    I know no server called "nobody".
    Say its name as the inventory has it.
    "#);
}
