//! Websockets that come and go, slow work behind quick acknowledgements, and what is heard twice.

use std::time::Duration;

use patchbot::chat::Health;
use patchbot::domain::window::WindowState;
use patchbot_standins::slack::{Disconnect, Slack, Socket};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::world::World;

/// Waits until Slack's people can be heard, or cannot.
async fn until(world: &World, fits: impl Fn(&Health) -> bool) -> Health {
    let look = async {
        loop {
            let health = world.chat.health();
            if fits(&health) {
                return health;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(20), look).await.expect("the health did not change")
}

async fn still_answers(world: &World) {
    let ada = world.slack.person("ada");
    let answer = ada.slash("/patch", "status").await.unwrap().answer().await.unwrap();
    assert!(answer.as_text().contains("web01"), "{}", answer.as_text());
}

async fn with_web01(world: &World) -> super::world::Planned {
    let (_, person) = world.owner("ada").await;
    world.server("web01.example.org", &[&person]).await
}

#[tokio::test]
async fn a_command_is_acknowledged_in_time_and_answered_when_the_database_is_free_again() {
    let world = World::new().await;
    let web01 = with_web01(&world).await;
    let ada = world.slack.person("ada");
    let busy = world.app.store.begin().await.unwrap();
    let begun = Instant::now();

    let said = ada.slash("/patch", "approve web01").await.unwrap();

    assert!(said.acked_in().is_some_and(|took| took < Duration::from_secs(3)), "{:?}", said.acked_in());
    sleep(Duration::from_millis(3_200)).await;
    assert!(said.seen().is_empty(), "there is nothing to tell yet");
    drop(busy);
    let answer = said.answer().await.unwrap();
    assert!(begun.elapsed() > Duration::from_secs(3));
    assert!(answer.as_text().contains("is approved for"), "{}", answer.as_text());
    assert!(matches!(world.window(&web01).await.state, WindowState::Approved(_)));
    world.ends().await;
}

#[tokio::test]
async fn one_who_waits_keeps_nobody_else_waiting() {
    let world = World::new().await;
    with_web01(&world).await;
    let (bob, _) = world.owner("bob").await;
    let busy = world.app.store.begin().await.unwrap();

    let hers = world.slack.person("ada").slash("/patch", "approve web01").await.unwrap();
    // A question needs no free database.
    let his = bob.slash("/patch", "whoami").await.unwrap();
    his.answer().await.unwrap();

    assert!(hers.seen().is_empty());
    drop(busy);
    hers.answer().await.unwrap();
    world.ends().await;
}

#[tokio::test]
async fn what_one_person_says_is_done_in_its_order() {
    let world = World::new().await;
    let web01 = with_web01(&world).await;
    let ada = world.slack.person("ada");
    let busy = world.app.store.begin().await.unwrap();

    for words in ["approve web01", "withdraw web01", "approve web01", "withdraw web01", "decline web01"] {
        ada.slash("/patch", words).await.unwrap();
    }
    drop(busy);
    world.slack.wait_for_calls("response_url", 5).await.unwrap();

    let decisions = world.app.store.read().await.unwrap().decisions_of(web01.window.id).await.unwrap();
    let words: Vec<&str> = decisions.iter().map(|decision| decision.decided.as_str()).collect();
    assert_eq!(words, ["approved", "withdrawn", "approved", "withdrawn", "declined"]);
    // All of it happened in one instant, and is told in its order.
    let history = ada.slash("/patch", "history web01").await.unwrap();
    let history = history.wait_for(|seen| seen.as_text().contains("what has happened")).await.unwrap();
    insta::assert_snapshot!(history.as_text(), @"
    web01.example.org: what has happened:
    • Wed 25 Nov 2026, 10:00 Europe/Berlin (09:00 UTC) — 2027-Q1 approved by Ada in Slack
    • Wed 25 Nov 2026, 10:00 Europe/Berlin (09:00 UTC) — 2027-Q1 withdrawn by Ada in Slack
    • Wed 25 Nov 2026, 10:00 Europe/Berlin (09:00 UTC) — 2027-Q1 approved by Ada in Slack
    • Wed 25 Nov 2026, 10:00 Europe/Berlin (09:00 UTC) — 2027-Q1 withdrawn by Ada in Slack
    • Wed 25 Nov 2026, 10:00 Europe/Berlin (09:00 UTC) — 2027-Q1 declined by Ada in Slack
    ");
    world.ends().await;
}

#[tokio::test]
async fn whoever_says_too_much_at_once_is_told_and_the_rest_is_done() {
    let world = World::new().await;
    with_web01(&world).await;
    let ada = world.slack.person("ada");
    let windows = world.slack.channel("windows").with([&ada]);
    let web02 = world.server("web02.example.org", &[]).await;
    let card = world.posts_card(&web02, "#windows").await;
    let busy = world.app.store.begin().await.unwrap();
    // One is worked on, twenty wait.
    let mut said = Vec::new();
    for _ in 0..21 {
        said.push(ada.slash("/patch", "approve web01").await.unwrap());
        sleep(Duration::from_millis(5)).await;
    }

    let refused = ada.slash("/patch", "approve web01").await.unwrap();
    insta::assert_snapshot!(refused.as_text(), @"(only you) I have more to do than I can take right now, so nothing was done. Please try again in a minute.");
    let click = ada.clicks(&card, "Approve").await.unwrap();
    insta::assert_snapshot!(click.wait_for(|seen| seen.channel() == windows.id()).await.unwrap().as_text(), @"I have more to do than I can take right now, so nothing was done. Please try again in a minute.");

    drop(busy);
    world.slack.wait_for_calls("response_url", 22).await.unwrap();
    world.ends().await;
}

#[tokio::test]
async fn what_was_accepted_is_answered_before_the_end() {
    let mut world = World::new().await;
    let web01 = with_web01(&world).await;
    let busy = world.app.store.begin().await.unwrap();
    let said = world.slack.person("ada").slash("/patch", "approve web01").await.unwrap();

    let ends = async {
        world.stops().await;
        world
    };
    let frees = async {
        sleep(Duration::from_millis(200)).await;
        drop(busy);
    };
    let (world, ()) = tokio::join!(ends, frees);

    assert!(said.answer().await.unwrap().as_text().contains("is approved for"));
    assert_eq!(world.decisions(&web01).await, 1);
    world.slack.finish().await.unwrap();
}

#[tokio::test]
async fn who_still_waits_when_the_end_cannot_wait_any_longer_is_told_that_nothing_was_done() {
    let mut world = World::new().await;
    let web01 = with_web01(&world).await;
    let ada = world.slack.person("ada");
    let busy = world.app.store.begin().await.unwrap();
    ada.slash("/patch", "approve web01").await.unwrap();
    let second = ada.slash("/patch", "decline web01").await.unwrap();

    let ends = async {
        world.stops().await;
        world
    };
    let frees = async {
        sleep(Duration::from_millis(10_500)).await;
        drop(busy);
    };
    let (world, ()) = tokio::join!(ends, frees);

    let told = second.wait_for(|seen| seen.as_text().contains("started anew")).await.unwrap();
    insta::assert_snapshot!(told.as_text(), @"I am being started anew and did not get to that, so nothing was done. Please try again in a minute.");
    assert!(matches!(world.window(&web01).await.state, WindowState::Approved(_)), "what was begun was ended");
    world.slack.finish().await.unwrap();
}

/// An event as Slack sends it, under an envelope of its own.
fn event(world: &World, envelope: &str, id: &str, text: &str) -> String {
    let ada = world.slack.person("ada");
    json!({
        "envelope_id": envelope, "type": "events_api", "accepts_response_payload": false, "retry_attempt": 1,
        "payload": {"team_id": world.slack.team(), "event_id": id, "type": "event_callback", "event": {
            "type": "message", "channel_type": "im", "channel": ada.dm().id(), "user": ada.id(), "text": text, "ts": "1.1"}}
    })
    .to_string()
}

#[tokio::test]
async fn what_is_delivered_again_is_done_once() {
    let world = World::new().await;
    let web01 = with_web01(&world).await;
    let socket = world.slack.sockets().remove(0);

    // The same event under three envelopes, one of them twice: a week each would be a month.
    for envelope in ["e1", "e1", "e2", "e3"] {
        socket.sends_raw(&event(&world, envelope, "Ev1", "defer web01 by 1 week"));
    }
    world.slack.person("ada").wait_for_message(|seen| seen.as_text().contains("moves to")).await.unwrap();
    still_answers(&world).await;

    assert_eq!(world.decisions(&web01).await, 1);
    assert_eq!(world.window(&web01).await.moves, 1);
    let unknown = world.slack.takes_complaints();
    assert_eq!(unknown.len(), 4, "each is acknowledged, which the stand-in did not expect: {unknown:?}");
    world.ends().await;
}

#[tokio::test]
async fn a_click_that_is_delivered_again_is_answered_once() {
    let world = World::new().await;
    let web01 = with_web01(&world).await;
    let ada = world.slack.person("ada");
    let channel = world.slack.channel("windows").with([&ada]);
    let card = world.posts_card(&web01, "#windows").await;
    let value = card.buttons().remove(0).value;
    let click = |envelope: &str| {
        json!({
            "envelope_id": envelope, "type": "interactive", "accepts_response_payload": true,
            "payload": {"type": "block_actions", "trigger_id": "t1", "team": {"id": world.slack.team()},
                "user": {"id": ada.id(), "team_id": world.slack.team()}, "channel": {"id": channel.id()},
                "container": {"type": "message", "message_ts": card.ts(), "channel_id": channel.id()},
                "message": {"blocks": [{"type": "from_the_future"}]},
                "actions": [{"action_id": "approve", "value": value, "action_ts": "1.1"}]}
        })
        .to_string()
    };
    let socket = world.slack.sockets().remove(0);

    socket.sends_raw(&click("e1"));
    socket.sends_raw(&click("e2"));
    ada.wait_for_message(|seen| seen.is_ephemeral() && seen.as_text().contains("is approved for"))
        .await
        .unwrap();
    still_answers(&world).await;

    assert_eq!(world.decisions(&web01).await, 1);
    // Without an address for the answer it goes into the channel.
    assert_eq!(world.slack.calls_of("chat.postEphemeral").len(), 1);
    assert_eq!(world.slack.takes_complaints().len(), 2);
    world.ends().await;
}

#[tokio::test]
async fn what_is_not_understood_stops_nothing() {
    let world = World::new().await;
    with_web01(&world).await;
    let socket = world.slack.sockets().remove(0);
    let bad: [Value; 4] = [
        json!({"envelope_id": "x1", "type": "slash_commands", "payload": {"new": 1}, "accepts_response_payload": true}),
        json!({"envelope_id": "x2", "type": "from_the_future", "payload": {}}),
        json!({"envelope_id": "x3", "type": "interactive", "payload": {"type": "block_actions", "actions": 7}}),
        json!([1, 2, 3]),
    ];

    bad.iter().for_each(|frame| socket.sends_raw(&frame.to_string()));
    socket.sends_raw("not even JSON");

    still_answers(&world).await;
    let acknowledged = world.slack.takes_complaints();
    assert_eq!(acknowledged.len(), 3, "what has an id is acknowledged: {acknowledged:?}");
    assert_eq!(world.slack.calls_of("apps.connections.open").len(), 1, "the connection is the same");
    world.ends().await;
}

#[tokio::test]
async fn a_warning_before_a_renewal_costs_nobody_anything() {
    let world = World::new().await;
    with_web01(&world).await;
    let before = world.slack.sockets();
    before.iter().for_each(|socket| socket.asks_to_reconnect(Disconnect::Warning));

    still_answers(&world).await;

    before.iter().for_each(|socket| socket.asks_to_reconnect(Disconnect::RefreshRequested));
    world.slack.wait_for_a_new_socket(&before).await.unwrap();
    until(&world, Health::is_fine).await;
    still_answers(&world).await;
    world.ends().await;
}

#[tokio::test]
async fn it_connects_anew_after_every_kind_of_end() {
    let world = World::new().await;
    with_web01(&world).await;
    let ends: [fn(&Socket); 4] = [
        |socket| socket.asks_to_reconnect(Disconnect::RefreshRequested),
        |socket| socket.asks_to_reconnect(Disconnect::LinkDisabled),
        Socket::closes,
        Socket::drops,
    ];
    for end in ends {
        let before = world.slack.sockets();
        before.iter().for_each(end);
        world.slack.wait_for_a_new_socket(&before).await.unwrap();
        until(&world, Health::is_fine).await;
        still_answers(&world).await;
    }
    world.ends().await;
}

#[tokio::test]
async fn a_half_open_connection_is_given_up() {
    let slack = Slack::builder().ack_limit(Duration::from_millis(200)).start().await.unwrap();
    let world = World::with(slack, |settings| settings.ping_every = Duration::from_secs(1)).await;
    with_web01(&world).await;
    let before = world.slack.sockets();
    before.iter().for_each(Socket::freezes);

    let lost = world.slack.person("ada").slash("/patch", "status").await.unwrap();
    assert_eq!(lost.failure(), Some("operation_timeout"));

    world.slack.wait_for_a_new_socket(&before).await.unwrap();
    before.iter().for_each(Socket::drops);
    until(&world, Health::is_fine).await;
    still_answers(&world).await;
    world.ends().await;
}

#[tokio::test]
async fn an_outage_is_seen_and_ends() {
    let slack = Slack::start().await.unwrap();
    let world = World::with(slack, |settings| settings.connections = 2).await;
    with_web01(&world).await;
    assert_eq!(world.chat.health(), Health::Connected);
    let before = world.slack.sockets();

    world.slack.goes_down();
    let health = until(&world, |health| !health.is_fine()).await;
    assert_eq!(health.to_string(), "not connected since 2026-11-25 09:00 UTC: the connection broke");

    world.slack.comes_back();
    world.slack.wait_for_a_new_socket(&before).await.unwrap();
    until(&world, Health::is_fine).await;
    still_answers(&world).await;
    world.ends().await;
}

#[tokio::test]
async fn a_slack_that_is_down_at_the_start_is_waited_for() {
    let slack = Slack::start().await.unwrap();
    slack.next("auth.test").answers_status(503);
    slack.next("apps.connections.open").is_rate_limited(Duration::from_secs(2));
    slack.next("websocket").answers_status(503);
    let mut world = World::silent(slack, |_| ()).await;
    with_web01(&world).await;

    let begun = Instant::now();
    world.begins_to_listen();
    let health = until(&world, |health| matches!(health, Health::Connecting { why: Some(_) })).await;
    assert_eq!(health.to_string(), "not connected yet: HTTP status 503");

    world.slack.wait_for_sockets(1).await.unwrap();
    until(&world, Health::is_fine).await;
    assert!(begun.elapsed() >= Duration::from_secs(2), "as long as Slack asked for");
    still_answers(&world).await;
    world.ends().await;
}

#[tokio::test]
async fn an_answer_whose_first_way_is_closed_takes_another() {
    let world = World::new().await;
    with_web01(&world).await;
    let ada = world.slack.person("ada");
    let ops = world.slack.channel("ops").with([&ada]);
    let elsewhere = world.slack.channel("elsewhere").without_app();

    world.slack.next("response_url").answers_status(404);
    let said = ada.at(&ops).slash("/patch", "status").await.unwrap();
    assert!(said.answer().await.unwrap().is_ephemeral());
    assert_eq!(world.slack.calls_of("chat.postEphemeral").len(), 1);

    world.slack.next("response_url").answers_error("used_url");
    let said = ada.at(&elsewhere).slash("/patch", "status").await.unwrap();
    assert_eq!(
        said.answer().await.unwrap().channel(),
        ada.dm().id(),
        "where the app is not, it writes directly"
    );

    world.slack.next("response_url").answers_status(503);
    world.slack.next("response_url").is_rate_limited(Duration::from_secs(1));
    let said = ada.at(&ops).slash("/patch", "status").await.unwrap();
    assert!(said.answer().await.unwrap().is_ephemeral());
    assert_eq!(world.slack.calls_of("chat.postEphemeral").len(), 2, "the refused one above, and no more");
    world.ends().await;
}
