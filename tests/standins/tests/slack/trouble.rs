//! Faults that a test arms.

use crate::app::{Bot, error_of};
use patchbot_standins::slack::{Outcome, Slack};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_rate_limit_says_when_to_come_back_and_ends() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ops = slack.channel("ops");
    let bot = Bot::of(&slack)?;
    slack.next("chat.postMessage").times(2).is_rate_limited(Duration::from_secs(7));
    let say = async || error_of(bot.posts("#ops", json!([{"type": "divider"}])).await);

    assert_eq!(say().await, "429 Some(7s)");
    assert_eq!(say().await, "429 Some(7s)");
    assert!(say().await.starts_with("no error"));

    assert_eq!(ops.messages().len(), 1);
    assert_eq!(slack.calls()[0].outcome, Outcome::Fault("429, retry after 7 s".into()));
    slack.finish().await
}

#[tokio::test]
async fn errors_and_broken_connections_are_met_once_each() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ops = slack.channel("ops");
    let bot = Bot::of(&slack)?;
    slack.next("chat.postMessage").answers_status(503);
    slack.next("chat.postMessage").answers_error("internal_error");
    slack.next("chat.postMessage").drops_the_connection();
    let say = async || error_of(bot.posts("#ops", json!([{"type": "divider"}])).await);

    assert_eq!(say().await, "HTTP 503");
    assert_eq!(say().await, "internal_error");
    let broken = say().await;
    assert!(broken.contains("HttpProtocolError") || broken.contains("SystemError"), "{broken}");
    assert_eq!(ops.messages().len(), 0);
    assert!(say().await.starts_with("no error"));
    slack.finish().await
}

#[tokio::test]
async fn an_answer_may_be_lost_after_the_work_was_done() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ops = slack.channel("ops");
    let bot = Bot::of(&slack)?;
    slack.next("chat.postMessage").loses_the_answer();

    let answer = error_of(bot.posts("#ops", json!([{"type": "divider"}])).await);

    assert!(!answer.starts_with("no error"), "{answer}");
    assert_eq!(ops.messages().len(), 1, "it is posted all the same");
    slack.finish().await
}

#[tokio::test]
async fn an_answer_may_be_late() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let _ops = slack.channel("ops");
    let bot = Bot::of(&slack)?;
    slack.next("*").takes(Duration::from_millis(200));
    let late =
        tokio::time::timeout(Duration::from_millis(100), bot.posts("#ops", json!([{"type": "divider"}])))
            .await;
    assert!(late.is_err(), "the client has no timeout of its own");
    slack.finish().await
}

#[tokio::test]
async fn a_fault_that_is_never_met_fails_the_story() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    slack.next("chat.update").answers_status(500);
    let error = slack.finish().await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("a fault on chat.update was armed and never met"), "{error}");
    slack.heals();
    slack.finish().await
}

#[tokio::test]
async fn a_lasting_fault_lasts_until_it_is_healed() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let _ops = slack.channel("ops");
    let bot = Bot::of(&slack)?;
    slack.every("*").answers_status(500);
    let say = async || error_of(bot.posts("#ops", json!([{"type": "divider"}])).await);
    assert_eq!(say().await, "HTTP 500");
    assert_eq!(say().await, "HTTP 500");
    slack.heals();
    assert!(say().await.starts_with("no error"));
    slack.finish().await
}

#[tokio::test]
async fn the_workspace_may_limit_posts_to_one_per_second_and_channel() -> anyhow::Result<()> {
    let slack = Slack::builder().limits_posting().start().await?;
    let (ops, other) = (slack.channel("ops"), slack.channel("other"));
    let bot = Bot::of(&slack)?;
    let say = async |channel: &str| error_of(bot.posts(channel, json!([{"type": "divider"}])).await);
    assert!(say(ops.id()).await.starts_with("no error"));
    assert_eq!(say(ops.id()).await, "429 Some(1s)");
    assert!(say(other.id()).await.starts_with("no error"));
    slack.lets_pass(Duration::from_secs(1));
    assert!(say(ops.id()).await.starts_with("no error"));
    slack.finish().await
}
