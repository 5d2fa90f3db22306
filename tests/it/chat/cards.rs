//! Delivery: what the outbox asks for, and what it is told when Slack does not take it.

use std::time::Duration;

use patchbot::chat::{Chat, Undelivered};
use patchbot::domain::message::{Alert, Message, Tone};
use patchbot_standins::slack::Slack;

use super::world::World;

fn alert(tone: Tone, headline: &str, lines: &[&str]) -> Alert {
    let lines = lines.iter().map(|line| (*line).to_owned()).collect();
    Alert { tone, headline: headline.to_owned(), lines, offers: Vec::new() }
}

/// patchbot that only writes.
async fn writing() -> World {
    World::silent(Slack::start().await.unwrap(), |_| ()).await
}

#[tokio::test]
async fn operators_are_told_things_in_their_channel() {
    let world = writing().await;
    let chat = Chat::Slack(world.chat.clone());
    let ops = world.slack.channel("ops");
    let tell = async |alert: Alert| {
        let message = world.notification("#ops", None, Message::Alert(alert));
        chat.deliver(&message).await.unwrap().message
    };

    let missed = "web01 was not patched: nobody approved it in time.";
    let message =
        tell(alert(Tone::Bad, missed, &["Give it another time: \"move web01 to\" and the time."])).await;
    tell(alert(Tone::Good, "web02 is patched: 3 packages changed, rebooted, validated.", &[])).await;
    let found = ["disk /var: 96 % used, 85 % allowed. Free space on /var.", "SSH: no answer."];
    tell(alert(Tone::Info, "db01 would be blocked at its start.", &found)).await;

    insta::assert_snapshot!(ops.as_text(), @r"
    ❗ web01 was not patched: nobody approved it in time.
    Give it another time: /patch move web01 to and the time.

    ✅ web02 is patched: 3 packages changed, rebooted, validated.

    db01 would be blocked at its start.
    • disk /var: 96 % used, 85 % allowed. Free space on /var.
    • SSH: no answer.
    ");
    assert_eq!(message, format!("{}/{}", ops.id(), ops.messages()[0].ts()));
    world.slack.finish().await.unwrap();
}

#[tokio::test]
async fn a_card_is_posted_once_and_then_rewritten_where_it_stands() {
    let world = writing().await;
    let person = world.knows("ada@owners.test", patchbot::domain::person::Role::Owner).await;
    let windows = world.slack.channel("windows");
    let web01 = world.server("web01.example.org", &[&person]).await;

    let card = world.posts_card(&web01, "#windows").await;
    let again = world.posts_card(&web01, "#windows").await;

    assert_eq!((card.ts(), windows.messages().len()), (again.ts(), 1));
    world.slack.finish().await.unwrap();
}

#[tokio::test]
async fn a_card_that_somebody_deleted_is_posted_anew() {
    let world = writing().await;
    let person = world.knows("ada@owners.test", patchbot::domain::person::Role::Owner).await;
    let windows = world.slack.channel("windows");
    let web01 = world.server("web01.example.org", &[&person]).await;
    let card = world.posts_card(&web01, "#windows").await;
    world.slack.next("chat.update").answers_error("message_not_found");

    let anew = world.posts_card(&web01, "#windows").await;

    assert_ne!(card.ts(), anew.ts());
    assert_eq!(windows.messages().len(), 2);
    world.slack.finish().await.unwrap();
}

#[tokio::test]
async fn a_rate_limit_is_handed_on_with_its_time() {
    let world = writing().await;
    world.slack.next("chat.postMessage").is_rate_limited(Duration::from_secs(7));

    let limited = world.chat.post_alert("#ops", &alert(Tone::Info, "hello", &[])).await;

    assert_eq!(limited, Err(Undelivered::RateLimited { after: Duration::from_secs(7) }));
    world.chat.post_alert("#ops", &alert(Tone::Info, "hello", &[])).await.unwrap();
    world.slack.finish().await.unwrap();
}

#[tokio::test]
async fn what_may_work_later_is_told_from_what_never_will() {
    let world = writing().await;
    let slack = &world.slack;
    slack.channel("old").archived();
    slack.channel("closed").without_app();
    let gone = slack.person("gone").deactivated();
    let said =
        async |place: &str| world.chat.post_alert(place, &alert(Tone::Info, "hello", &[])).await.unwrap_err();
    let later = async || match said("#ops").await {
        Undelivered::Transient(why) => why,
        other => panic!("{other:?}"),
    };
    let never = async |place: &str| match said(place).await {
        Undelivered::Permanent(why) => why,
        other => panic!("{other:?}"),
    };

    slack.next("chat.postMessage").answers_status(503);
    insta::assert_snapshot!(later().await, @"Slack could not be reached: HTTP status 503");
    slack.next("chat.postMessage").drops_the_connection();
    assert!(later().await.starts_with("Slack could not be reached: "));
    slack.next("chat.postMessage").takes(Duration::from_secs(3));
    insta::assert_snapshot!(later().await, @"Slack could not be reached: no answer within 2 s");
    slack.next("chat.postMessage").answers_error("token_revoked");
    insta::assert_snapshot!(later().await, @"Slack does not accept the bot token (token_revoked)");
    insta::assert_snapshot!(never("#nowhere").await, @"Slack knows no channel #nowhere, or the app is not in it: check the name, and invite the app there");
    insta::assert_snapshot!(never("#old").await, @"the channel #old is archived: name another one");
    insta::assert_snapshot!(never("#closed").await, @"the app is not in the channel #closed: invite it there");
    insta::assert_snapshot!(never(&format!("@{}", gone.id())).await.replace(gone.id(), "U1"), @"@U1 cannot be written to in Slack (user_disabled)");
    slack.goes_down();
    assert!(later().await.starts_with("Slack could not be reached: "));
    slack.comes_back();
    world.slack.finish().await.unwrap();
}

#[tokio::test]
async fn a_card_is_never_overtaken_by_an_older_drawing_of_itself() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let windows = world.slack.channel("windows").with([&ada]);
    let web01 = world.server("web01.example.org", &[&person]).await;
    let card = world.posts_card(&web01, "#windows").await;
    // The first rewriting is slow on its way; the decision comes meanwhile, and with it the second.
    world.slack.next("chat.update").takes(Duration::from_millis(300));

    let slow = world.draws_card(&web01, "#windows");
    let fast = async {
        world.slack.wait_for_calls("chat.update", 1).await.unwrap();
        world.by_mail("ada@owners.test", "approve web01").await;
        world.draws_card(&web01, "#windows").await
    };
    let (slow, fast) = tokio::join!(slow, fast);

    slow.unwrap();
    fast.unwrap();
    let now = windows.again(&card).unwrap();
    assert_eq!(
        (now.rewritten(), now.button_labels()),
        (2, vec!["Move…".to_owned(), "Decline…".to_owned(), "Why?".to_owned()])
    );
    world.ends().await;
}
