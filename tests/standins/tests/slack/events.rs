//! Messages to the app, mentions, and their redelivery.

use crate::app::{App, Bot, Heard, Reply};
use patchbot_standins::slack::Slack;
use slack_morphism::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Answers in the thread of whatever it hears.
async fn answers(heard: Heard, bot: Bot) -> Reply {
    let Heard::Event(event) = heard else { return Reply::Silence };
    let (channel, ts, text) = match event.event {
        SlackEventCallbackBody::AppMention(event) => {
            (Some(event.channel), event.origin.ts, event.content.text)
        }
        SlackEventCallbackBody::Message(event) => {
            (event.origin.channel, event.origin.ts, event.content.and_then(|content| content.text))
        }
        _ => return Reply::Ack,
    };
    tokio::spawn(async move {
        let Some(channel) = channel else { return };
        let heard = SlackMessageContent::new().with_text(format!("heard: {}", text.unwrap_or_default()));
        let request = SlackApiChatPostMessageRequest::new(channel, heard).with_thread_ts(ts);
        let _ = bot.session().chat_post_message(&request).await;
    });
    Reply::Ack
}

#[tokio::test]
async fn the_app_hears_what_is_written_to_it_and_answers_in_the_thread() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ada = slack.person("ada");
    let _app = App::connect(&slack, answers).await?;

    let said = ada.writes_dm("status web01").await?;

    assert_eq!(said.answer().await?.as_text(), "heard: status web01");
    let all = ada.reads_dm();
    assert_eq!(all.len(), 2);
    assert_eq!(ada.dm().thread(&all[0]).len(), 1);
    assert_eq!(ada.dm().messages().len(), 1, "the answer stands in the thread");
    slack.finish().await
}

#[tokio::test]
async fn a_mention_is_heard_where_the_app_is_a_member() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ada = slack.person("ada");
    let ops = slack.channel("ops");
    let elsewhere = slack.channel("elsewhere").without_app();
    let _app = App::connect(&slack, answers).await?;

    let said = ada.at(&ops).mentions_bot("help").await?;
    assert_eq!(said.answer().await?.as_text(), "heard: @patchbot help");
    let unheard = ada.at(&elsewhere).mentions_bot("help").await?;
    assert!(unheard.acked_in().is_none() && unheard.seen().is_empty());
    let chatter = ada.writes(&ops, "lunch?").await?;
    assert!(chatter.acked_in().is_none(), "other messages are not subscribed to");
    slack.finish().await
}

#[tokio::test]
async fn an_event_that_is_not_acknowledged_comes_again_with_the_same_id() -> anyhow::Result<()> {
    let slack = Slack::builder()
        .ack_limit(Duration::from_millis(50))
        .redelivery([Duration::ZERO, Duration::from_millis(20)])
        .start()
        .await?;
    let ids = Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard_ids = Arc::clone(&ids);
    let _app = App::connect(&slack, move |heard, _| {
        let mut count = 0;
        if let (Heard::Event(event), Ok(mut ids)) = (heard, heard_ids.lock()) {
            ids.push(event.event_id.value().clone());
            count = ids.len();
        }
        async move { if count < 3 { Reply::Silence } else { Reply::Ack } }
    })
    .await?;

    slack.person("ada").writes_dm("hello?").await?;

    slack.finish().await?;
    let ids = ids.lock().map(|ids| ids.clone()).unwrap_or_default();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| *id == ids[0]));
    let attempts: Vec<u32> = slack.envelopes().iter().map(|envelope| envelope.attempt).collect();
    assert_eq!(attempts, [0, 1, 2]);
    Ok(())
}

#[tokio::test]
async fn an_event_that_is_never_acknowledged_is_a_complaint() -> anyhow::Result<()> {
    let slack = Slack::builder()
        .ack_limit(Duration::from_millis(30))
        .redelivery([Duration::ZERO])
        .patience(Duration::from_millis(300))
        .start()
        .await?;
    let _app = App::connect(&slack, |_, _| async { Reply::Silence }).await?;

    slack.person("ada").writes_dm("hello?").await?;

    let error = slack.finish().await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("no attempt to deliver it was acknowledged"), "{error}");
    Ok(())
}

#[tokio::test]
async fn without_the_scope_the_app_is_deaf() -> anyhow::Result<()> {
    let slack = Slack::builder().without_scope("im:history").start().await?;
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let _app = App::connect(&slack, move |_, _| {
        counter.fetch_add(1, Ordering::SeqCst);
        async { Reply::Ack }
    })
    .await?;

    slack.person("ada").writes_dm("hello?").await?;

    assert_eq!(count.load(Ordering::SeqCst), 0);
    slack.finish().await
}
