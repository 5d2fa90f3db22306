//! A platform that is away, that lets us in no more, or that wants to be left alone: nobody else waits for it, and what was
//! due there arrives when it is back, once.

use std::time::Duration;

use chrono::TimeDelta;
use patchbot::chat::Chat;
use patchbot::domain::message::Message as Outgoing;
use patchbot::store::records::{Medium, NewNotification};
use patchbot::work::outbox::Outbox;
use patchbot_standins::discord::Cut;
use patchbot_standins::slack::Slack;

use super::both::{At, Both, On, Shown};
use super::world::World;

impl On {
    fn other(self) -> Self {
        match self {
            Self::Slack => Self::Discord,
            Self::Discord => Self::Slack,
        }
    }
}

async fn while_it_is_down_the_others_go_on(dead: On) {
    let mut both = Both::new().await;
    both.imports(&[("web01", "ada", "")]).await;
    let (ada, bob) = (both.knows("ada").await, both.stranger("bob"));
    both.plans(&[]).await;
    both.world.mails();
    let before = both.reads(dead, At::With(&ada)).len();
    both.goes_down(dead);
    let now = both.world.app.now();

    let alive = dead.other();
    let answer = both.says(&ada, alive, "decline web01 because \"a release\"").await;
    assert!(answer.contains("is declined"), "{answer}");
    let card = both.finds(alive, At::With(&ada), "web01").text();
    assert!(card.contains("is declined"), "the card that is alive is rewritten at once: {card}");
    both.finds(alive, At::Ops, "declined");
    assert!(!both.world.mails().is_empty(), "mail goes on");
    assert_eq!(both.world.app.now(), now, "nobody waited");
    assert!(!both.finds(dead, At::With(&ada), "web01").text().contains("declined"));
    // A question of somebody else is answered as fast as ever.
    both.says(&bob, alive, "whoami").await;

    both.comes_back(dead).await;
    both.sleep_until("2026-11-24 12:00 Europe/Berlin").await;
    let late = both.finds(dead, At::With(&ada), "web01").text();
    let here = both.finds(alive, At::With(&ada), "web01").text();
    assert_eq!(super::both::plain(&late), super::both::plain(&here), "both say the same again");
    assert_eq!(both.reads(dead, At::With(&ada)).len(), before, "the same card, no other one");
    let ops = |on| both.reads_threads_too(on, At::Ops).iter().map(Shown::text).collect::<Vec<_>>();
    let told = |on| ops(on).iter().map(|text| super::both::plain(text)).collect::<Vec<_>>();
    assert_eq!(told(dead), told(alive), "operators read the same, once");
    assert!(both.says(&ada, dead, "status").await.contains("declined"), "and people are heard again");
    both.world.mails();
    both.ends().await;
}

#[tokio::test]
async fn while_slack_is_down_discord_and_mail_go_on_and_it_gets_what_was_due_once() {
    while_it_is_down_the_others_go_on(On::Slack).await;
}

#[tokio::test]
async fn while_discord_is_down_slack_and_mail_go_on_and_it_gets_what_was_due_once() {
    while_it_is_down_the_others_go_on(On::Discord).await;
}

/// Waits until operators are told on a platform, and gives what they read there and in their mail.
async fn operators_are_told(both: &mut Both, on: On) -> String {
    let told = loop {
        both.settle().await;
        let told =
            both.reads(on, At::Ops).iter().map(Shown::text).find(|text| text.contains("does not let me in"));
        match told {
            Some(told) => break told,
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let mail = both.world.mail_to("olga");
    format!("{told}\n--- mail\n{}", mail.text)
}

async fn discord_closes_with(code: u16) -> String {
    let mut both = Both::new().await;
    both.imports(&[("web01", "ada", "")]).await;
    let ada = both.knows("ada").await;
    both.world.mails();
    let tries = both.discord.tries();
    both.discord.refuses(code);
    both.discord.cuts(Cut::Close(4009));
    let told = operators_are_told(&mut both, On::Slack).await;
    // As long as many tries would take.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(both.discord.tries(), tries + 1, "it does not identify itself in a loop");
    both.says(&ada, On::Slack, "status").await;
    both.world.mails();
    both.ends().await;
    told
}

#[tokio::test]
async fn a_discord_that_takes_the_token_no_more_is_left_alone_and_operators_are_told() {
    insta::assert_snapshot!(discord_closes_with(4004).await, @r#"
    ❗ Discord does not let me in: the bot's token is not accepted. Nobody is heard or told anything there.
    • Reset it on the page "Bot" of the application in Discord, put the new one into the file of discord.token, and restart patchbot; "patchbot doctor" says more.
    • Until then mail and the other channels go on; nothing is lost.
    --- mail
    Hello olga@patchbot.test,

    Discord does not let me in: the bot's token is not accepted. Nobody is heard or told anything there.

    Reset it on the page "Bot" of the application in Discord, put the new one into the file of discord.token, and restart patchbot; "patchbot doctor" says more.
    Until then mail and the other channels go on; nothing is lost.

    Questions? Write to olga@patchbot.test, a person reads it.
    patchbot
    "#);
}

#[tokio::test]
async fn a_discord_that_grants_the_intents_no_more_is_left_alone_and_operators_are_told() {
    insta::assert_snapshot!(discord_closes_with(4014).await.lines().next().unwrap_or_default(), @"❗ Discord does not let me in: it does not grant the intents that I ask for. Nobody is heard or told anything there.");
    insta::assert_snapshot!(discord_closes_with(4013).await.lines().next().unwrap_or_default(), @"❗ Discord does not let me in: it does not know the intents that I ask for. Nobody is heard or told anything there.");
}

#[tokio::test]
async fn a_slack_that_takes_the_token_no_more_is_left_alone_and_operators_are_told() {
    let mut both = Both::new().await;
    both.imports(&[("web01", "ada", "")]).await;
    let ada = both.knows("ada").await;
    both.world.mails();
    both.slack.every("apps.connections.open").answers_error("token_revoked");
    let opened = both.slack.calls_of("apps.connections.open").len();
    both.slack.sockets().iter().for_each(patchbot_standins::slack::Socket::drops);
    insta::assert_snapshot!(operators_are_told(&mut both, On::Discord).await, @r#"
    ❗ Slack does not let me in: the app token is not accepted (token_revoked). Nobody is heard or told anything there.
    • Look whether the app is still installed in Slack, put its app token into the file of slack.app_token, and restart patchbot; "patchbot doctor" says more.
    • Until then mail and the other channels go on; nothing is lost.
    --- mail
    Hello olga@patchbot.test,

    Slack does not let me in: the app token is not accepted (token_revoked). Nobody is heard or told anything there.

    Look whether the app is still installed in Slack, put its app token into the file of slack.app_token, and restart patchbot; "patchbot doctor" says more.
    Until then mail and the other channels go on; nothing is lost.

    Questions? Write to olga@patchbot.test, a person reads it.
    patchbot
    "#);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(both.slack.calls_of("apps.connections.open").len(), opened + 1, "it is not asked in a loop");
    both.says(&ada, On::Discord, "status").await;
    both.world.mails();
    both.ends().await;
}

#[tokio::test]
async fn a_slack_that_takes_no_token_at_the_start_is_left_alone() {
    let slack = Slack::start().await.unwrap();
    slack.every("auth.test").answers_error("invalid_auth");
    let mut world = World::silent(slack, |_| ()).await;
    world.begins_to_listen();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(world.slack.calls_of("auth.test").len(), 1);
    assert_eq!(world.chat.health().to_string(), "not connected yet: invalid_auth");
    world.ends().await;
}

#[tokio::test]
async fn a_channel_that_slack_wants_to_be_left_alone_waits_over_a_restart_and_the_others_go_on() {
    let world = World::silent(Slack::start().await.unwrap(), |_| ()).await;
    let (ops, windows) = (world.slack.channel("ops"), world.slack.channel("windows"));
    let (_, person) = world.owner("ada").await;
    let web01 = world.server("web01.example.org", &[&person]).await;
    let puts = async |world: &World, place: &str| {
        let card = Outgoing::Card { window: web01.window.id, more: Vec::new() };
        let waiting = world.notification(place, Some(web01.window.id), card);
        let mut tx = world.app.store.begin().await.unwrap();
        tx.add_notification(&NewNotification {
            id: waiting.id,
            medium: Medium::Slack,
            recipient: waiting.recipient,
            kind: "card",
            person: None,
            window: waiting.window,
            dedupe_key: place.to_owned(),
            message: waiting.message,
            created_at: waiting.created_at,
        })
        .await
        .unwrap();
        tx.commit().await.unwrap();
    };
    let delivers = async |world: &World| {
        let chat = Chat::Slack(world.chat.clone());
        let outbox = Outbox::chat(world.app.clone(), chat, "test".to_owned());
        while outbox.tick().await.unwrap().0 > 0 {}
    };
    world.slack.next("chat.postMessage").is_rate_limited(Duration::from_secs(90));
    puts(&world, ops.id()).await;
    delivers(&world).await;
    puts(&world, windows.id()).await;
    delivers(&world).await;
    assert_eq!((ops.messages().len(), windows.messages().len()), (0, 1), "nobody else waits");
    // A restart does not forget it.
    let mut world = world;
    world.listens().await;
    let world = world.restarts().await;
    delivers(&world).await;
    assert_eq!(ops.messages().len(), 0, "not yet");
    world.app.clock.set(world.app.now() + TimeDelta::seconds(91));
    delivers(&world).await;
    delivers(&world).await;
    assert_eq!(ops.messages().len(), 1);
    world.ends().await;
}
