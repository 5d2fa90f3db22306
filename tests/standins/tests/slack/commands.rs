//! Slash commands and their answers.

use crate::app::{App, Bot, Heard, Reply, error_of};
use patchbot_standins::slack::Slack;
use slack_morphism::prelude::*;
use std::time::Duration;

fn later(text: &str) -> SlackApiPostWebhookMessageRequest {
    SlackApiPostWebhookMessageRequest::new(SlackMessageContent::new().with_text(text.into()))
}

#[tokio::test]
async fn a_slash_command_is_acknowledged_with_a_text_that_only_the_person_sees() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let (ada, bob) = (slack.person("ada"), slack.person("bob"));
    let ops = slack.channel("ops").with([&ada, &bob]);
    let _app = App::connect(&slack, |heard, _| async move {
        match heard {
            Heard::Command(event) if event.text.as_deref() == Some("status web01") => {
                Reply::Text("web01: approved")
            }
            _ => Reply::Silence,
        }
    })
    .await?;

    let status = ada.at(&ops).slash("/patch", "status web01").await?;

    assert!(status.acked_in().is_some_and(|took| took < Duration::from_secs(1)));
    assert_eq!(status.as_text(), "(only you) web01: approved");
    assert_eq!(ops.messages().len(), 0, "nobody else sees it");
    assert_eq!(bob.reads(&ops).len(), 0, "not even in the same channel");
    slack.finish().await
}

#[tokio::test]
async fn an_answer_may_come_after_the_acknowledgement_through_the_response_url() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ada = slack.person("ada");
    let _app = App::connect(&slack, |heard, bot: Bot| async move {
        let Heard::Command(event) = heard else { return Reply::Silence };
        tokio::spawn(async move {
            bot.client.respond_to_event(&event.response_url, &later("web01: nothing planned")).await
        });
        Reply::Ack
    })
    .await?;

    let status = ada.slash("/patch", "status web01").await?;

    assert_eq!(status.answer().await?.as_text(), "web01: nothing planned");
    assert!(status.answer().await?.is_ephemeral());
    assert_eq!(status.ack_payload(), Some(&serde_json::json!({})), "the client always sends a payload");
    slack.finish().await
}

#[tokio::test]
async fn a_response_url_works_five_times_and_half_an_hour() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ada = slack.person("ada");
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let _app = App::connect(&slack, move |heard, _| {
        if let Heard::Command(event) = heard {
            let _ = sender.send(event.response_url);
        }
        async { Reply::Ack }
    })
    .await?;
    let bot = Bot::of(&slack)?;

    let first = ada.slash("/patch", "status").await?;
    let url = receiver.recv().await.ok_or_else(|| anyhow::anyhow!("no URL came"))?;
    for _ in 0..5 {
        bot.client.respond_to_event(&url, &later("here")).await?;
    }
    assert_eq!(error_of(bot.client.respond_to_event(&url, &later("too many")).await), "HTTP 404");
    assert_eq!(first.seen().len(), 5);

    let second = ada.slash("/patch", "status").await?;
    let url = receiver.recv().await.ok_or_else(|| anyhow::anyhow!("no URL came"))?;
    bot.client.respond_to_event(&url, &later("in time")).await?;
    slack.lets_pass(Duration::from_secs(30 * 60 + 1));
    assert_eq!(error_of(bot.client.respond_to_event(&url, &later("too late")).await), "HTTP 404");
    assert_eq!(second.seen().len(), 1);
    slack.finish().await
}

#[tokio::test]
async fn an_acknowledgement_after_the_limit_is_an_operation_timeout() -> anyhow::Result<()> {
    let slack = Slack::builder()
        .ack_limit(Duration::from_millis(100))
        .patience(Duration::from_millis(500))
        .start()
        .await?;
    let ada = slack.person("ada");
    let _app = App::connect(&slack, |_, _| async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Reply::Text("sorry, that took long")
    })
    .await?;

    let status = ada.slash("/patch", "status").await?;

    assert_eq!(status.acked_in(), None);
    let error = slack.finish().await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("ada typed /patch status: acknowledged only after"), "{error}");
    assert!(status.acked_in().is_some_and(|took| took >= Duration::from_millis(300)));
    assert_eq!(status.failure(), Some("operation_timeout"));
    assert_eq!(status.as_text(), "! operation_timeout", "what came late is not shown");
    slack.finish().await
}

#[tokio::test]
async fn a_command_that_is_never_acknowledged_fails_the_story_unless_the_test_knows_of_it()
-> anyhow::Result<()> {
    let slack = Slack::builder()
        .ack_limit(Duration::from_millis(50))
        .patience(Duration::from_millis(200))
        .start()
        .await?;
    let app = App::connect(&slack, |_, _| async { Reply::Silence }).await?;

    let status = slack.person("ada").slash("/patch", "status").await?;

    let error = slack.finish().await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("ada typed /patch status: not acknowledged"), "{error}");
    assert!(error.contains("ada typed /patch status: saw no answer"), "{error}");
    assert_eq!(status.failure(), Some("operation_timeout"));
    assert_eq!(app.errors(), ["silence"]);
    slack.finish().await
}

#[tokio::test]
async fn an_acknowledged_command_that_shows_nothing_fails_the_story() -> anyhow::Result<()> {
    let slack = Slack::builder().patience(Duration::from_millis(200)).start().await?;
    let _app = App::connect(&slack, |_, _| async { Reply::Ack }).await?;

    slack.person("ada").slash("/patch", "status").await?;

    let error = slack.finish().await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("ada typed /patch status: saw no answer"), "{error}");
    Ok(())
}

#[tokio::test]
async fn without_a_websocket_a_command_fails_to_be_dispatched() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let status = slack.person("ada").slash("/patch", "status").await?;
    assert_eq!(status.failure(), Some("dispatch_failed"));
    slack.finish().await
}

#[tokio::test]
async fn a_command_that_is_not_registered_cannot_be_typed() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    assert!(slack.person("ada").slash("/unknown", "").await.is_err());
    Ok(())
}

#[tokio::test]
async fn replacing_the_original_means_nothing_for_a_command() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let _app = App::connect(&slack, |heard, bot: Bot| async move {
        let Heard::Command(event) = heard else { return Reply::Silence };
        tokio::spawn(async move {
            let client = &bot.client;
            client.respond_to_event(&event.response_url, &later("working on it")).await?;
            client.respond_to_event(&event.response_url, &later("done").with_replace_original(true)).await
        });
        Reply::Ack
    })
    .await?;

    let status = slack.person("ada").slash("/patch", "status").await?;

    status.wait_for(|message| message.text() == "done").await?;
    assert_eq!(status.as_text(), "(only you) working on it\n\n(only you) done");
    slack.finish().await
}

#[tokio::test]
async fn a_payload_tells_team_channel_and_person() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ada = slack.person("ada");
    let ops = slack.channel("ops");
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let _app = App::connect(&slack, move |heard, _| {
        if let Heard::Command(event) = heard {
            let _ = sender.send(event);
        }
        async { Reply::Text("ok") }
    })
    .await?;

    ada.at(&ops).slash("/patch", "plan").await?;
    ada.slash("/patch", "plan").await?;

    let there = receiver.recv().await.ok_or_else(|| anyhow::anyhow!("no command came"))?;
    assert_eq!(there.team_id.value(), slack.team());
    assert_eq!(there.channel_id.value(), ops.id());
    assert_eq!(there.channel_name.as_deref(), Some("ops"));
    assert_eq!(there.user_id.value(), ada.id());
    assert_eq!(there.command.value(), "/patch");
    let in_dm = receiver.recv().await.ok_or_else(|| anyhow::anyhow!("no command came"))?;
    assert_eq!(in_dm.channel_name.as_deref(), Some("directmessage"));
    slack.finish().await
}
