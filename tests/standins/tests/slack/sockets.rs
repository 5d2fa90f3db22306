//! Websockets that come and go.

use crate::app::{App, Reply};
use patchbot_standins::slack::{Disconnect, Slack};
use slack_morphism::prelude::*;
use std::time::Duration;

async fn answering(slack: &Slack, config: &SlackClientSocketModeConfig) -> anyhow::Result<App> {
    App::configured(slack, config, |_, _| async { Reply::Text("here") }).await
}

fn one() -> SlackClientSocketModeConfig {
    SlackClientSocketModeConfig::new().with_max_connections_count(1).with_reconnect_timeout_in_seconds(1)
}

/// Types a command and sees the answer. Also lets a new connection settle: slack-morphism does not close one that
/// it is asked to give up before its writer has come to rest.
async fn still_answers(slack: &Slack) -> anyhow::Result<()> {
    let status = slack.person("ada").slash("/patch", "status").await?;
    anyhow::ensure!(status.as_text() == "(only you) here", "saw {:?}", status.as_text());
    slack.finish().await
}

#[tokio::test]
async fn the_client_connects_anew_when_it_is_asked_to() -> anyhow::Result<()> {
    for why in [Disconnect::Warning, Disconnect::RefreshRequested] {
        let slack = Slack::start().await?;
        let _app = answering(&slack, &one()).await?;
        still_answers(&slack).await?;
        let before = slack.sockets();
        before.iter().for_each(|socket| socket.asks_to_reconnect(why));
        slack.wait_for_a_new_socket(&before).await?;
        still_answers(&slack).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_envelope_right_behind_a_disconnect_is_lost_by_the_client() -> anyhow::Result<()> {
    let slack = Slack::builder().ack_limit(Duration::from_millis(200)).start().await?;
    let _app = answering(&slack, &one()).await?;
    still_answers(&slack).await?;
    let before = slack.sockets();
    before.iter().for_each(|socket| socket.asks_to_reconnect(Disconnect::Warning));

    let lost = slack.person("ada").slash("/patch", "status").await?;

    assert_eq!((lost.failure(), lost.acked_in()), (Some("operation_timeout"), None));
    slack.wait_for_a_new_socket(&before).await?;
    still_answers(&slack).await
}

#[tokio::test]
async fn the_client_connects_anew_after_a_close_frame_and_after_a_broken_connection() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let _app = answering(&slack, &one()).await?;
    let first = slack.sockets();
    first.iter().for_each(patchbot_standins::slack::Socket::closes);
    let second = slack.wait_for_a_new_socket(&first).await?;
    second.drops();
    slack.wait_for_a_new_socket(&[first, vec![second]].concat()).await?;
    still_answers(&slack).await
}

#[tokio::test]
async fn the_client_gives_a_half_open_connection_up_when_no_pong_comes() -> anyhow::Result<()> {
    let slack = Slack::builder().ack_limit(Duration::from_millis(100)).start().await?;
    let config = one().with_ping_interval_in_seconds(1).with_ping_failure_threshold_times(1);
    let _app = answering(&slack, &config).await?;
    let before = slack.sockets();
    before.iter().for_each(patchbot_standins::slack::Socket::freezes);

    let lost = slack.person("ada").slash("/patch", "status").await?;
    assert_eq!(lost.failure(), Some("operation_timeout"), "it still looks connected, and nothing comes back");
    slack.wait_for_a_new_socket(&before).await?;
    before.iter().for_each(patchbot_standins::slack::Socket::drops);
    still_answers(&slack).await
}

#[tokio::test]
async fn a_failed_open_is_tried_again() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    slack.next("apps.connections.open").is_rate_limited(Duration::from_secs(30));
    slack.next("websocket").answers_status(503);
    let app = App::begin(&slack, &one(), |_, _| async { Reply::Text("here") }).await?;

    slack.wait_for_sockets(1).await?;

    assert_eq!(slack.calls_of("apps.connections.open").len(), 3);
    still_answers(&slack).await?;
    app.stops().await;
    Ok(())
}

#[tokio::test]
async fn envelopes_are_shared_out_among_the_websockets() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let config = one().with_max_connections_count(2).with_initial_backoff_in_seconds(0);
    let _app = answering(&slack, &config).await?;
    let sockets = slack.wait_for_sockets(2).await?;
    let ada = slack.person("ada");
    for _ in 0..4 {
        ada.slash("/patch", "status").await?;
    }
    sockets[0].drops();
    still_answers(&slack).await?;
    let over = |number: u64| slack.envelopes().iter().filter(|envelope| envelope.socket == number).count();
    assert_eq!(over(sockets[0].number()) + over(sockets[1].number()), 5);
    assert!(
        over(sockets[0].number()) == 2
            && slack.envelopes().iter().all(|envelope| envelope.acked_in.is_some())
    );
    Ok(())
}

#[tokio::test]
async fn an_outage_breaks_everything_and_ends() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let _app = answering(&slack, &one()).await?;
    let before = slack.sockets();
    slack.goes_down();
    let lost = slack.person("ada").slash("/patch", "status").await?;
    assert!(lost.failure().is_some());
    slack.comes_back();
    slack.wait_for_a_new_socket(&before).await?;
    still_answers(&slack).await
}

#[tokio::test]
async fn an_envelope_that_does_not_parse_is_acknowledged_and_only_the_error_handler_knows()
-> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let app = answering(&slack, &one()).await?;
    let raw = r#"{"envelope_id":"from-the-future","type":"slash_commands","payload":{"new":1},"accepts_response_payload":true}"#;

    slack.sockets().iter().for_each(|socket| socket.sends_raw(raw));

    still_answers(&slack).await.err().ok_or_else(|| anyhow::anyhow!("the acknowledgement went unnoticed"))?;
    assert!(slack.takes_complaints().iter().all(|complaint| complaint.contains("from-the-future")));
    assert_eq!(app.errors().len(), 1);
    slack.finish().await
}
