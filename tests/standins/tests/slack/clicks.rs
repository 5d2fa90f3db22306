//! Buttons and menus on messages.

use crate::app::{App, Bot, Heard, Reply, says};
use patchbot_standins::slack::{Message, Slack};
use serde_json::{Value, json};
use slack_morphism::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn card() -> Value {
    json!([
        {"type": "header", "text": {"type": "plain_text", "text": "Patch window for web01"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "Owner: *ada*"}, "fields": [
            {"type": "mrkdwn", "text": "Start\nFri 20:00"}, {"type": "mrkdwn", "text": "Reboot\nif needed"}]},
        {"type": "actions", "block_id": "decide", "elements": [
            {"type": "button", "action_id": "approve", "value": "w1", "style": "primary",
                "text": {"type": "plain_text", "text": "Approve"}},
            {"type": "button", "action_id": "decline", "value": "w1", "text": {"type": "plain_text", "text": "Decline"},
                "confirm": {"title": {"type": "plain_text", "text": "Sure?"}, "text": {"type": "mrkdwn", "text": "Really decline?"},
                    "confirm": {"type": "plain_text", "text": "Yes"}, "deny": {"type": "plain_text", "text": "No"}}}]},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "Quarter 2027Q1"}]}
    ])
}

/// Rewrites the card for the first click, and tells every later one that it came too late.
async fn decides(heard: Heard, bot: Bot, decided: Arc<AtomicUsize>) -> Reply {
    let Heard::Interaction(SlackInteractionEvent::BlockActions(event)) = heard else { return Reply::Silence };
    tokio::spawn(async move {
        let (Some(channel), Some(user)) = (event.channel, event.user) else { return };
        let (Some(message), Some(url)) = (event.message, event.response_url) else { return };
        if decided.fetch_add(1, Ordering::SeqCst) == 0 {
            let text = format!("Approved by <@{}>", user.id.value());
            let done = says(json!([{"type": "section", "text": {"type": "mrkdwn", "text": text}}]));
            let request = SlackApiChatUpdateRequest::new(channel.id, done, message.origin.ts);
            let _ = bot.session().chat_update(&request).await;
        } else {
            let text = SlackMessageContent::new().with_text("Somebody decided first.".into());
            let request = SlackApiPostWebhookMessageRequest::new(text).with_replace_original(false);
            let _ = bot.client.respond_to_event(&url, &request).await;
        }
    });
    Reply::Ack
}

#[tokio::test]
async fn a_click_rewrites_the_card_and_its_buttons_are_gone() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ada = slack.person("ada");
    let ops = slack.channel("ops").with([&ada]);
    let decided = Arc::new(AtomicUsize::new(0));
    let _app = App::connect(&slack, move |heard, bot| decides(heard, bot, Arc::clone(&decided))).await?;
    Bot::of(&slack)?.posts("#ops", card()).await?;
    let posted = ops.wait_for_message(|_| true).await?;
    assert_eq!(posted.button_labels(), ["Approve", "Decline"]);
    insta::assert_snapshot!(posted.as_text(), @r"
    # Patch window for web01
    Owner: *ada*
    - Start Fri 20:00
    - Reboot if needed
    [Approve] [Decline]
    > Quarter 2027Q1
    ");

    let click = ada.clicks(&posted, "Approve").await?;

    assert!(click.failure().is_none() && click.acked_in().is_some());
    let now = ops.wait_until(&posted, |message| message.rewritten() == 1).await?;
    assert_eq!(now.as_text(), "Approved by @ada");
    assert!(now.buttons().is_empty());
    assert_eq!(now.earlier(), [posted.as_text()]);
    slack.finish().await
}

#[tokio::test]
async fn two_clicks_at_once_reach_the_app_as_two_envelopes() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ada = slack.person("ada");
    let ops = slack.channel("ops").with([&ada]);
    let decided = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&decided);
    let _app = App::connect(&slack, move |heard, bot| decides(heard, bot, Arc::clone(&count))).await?;
    Bot::of(&slack)?.posts(ops.id(), card()).await?;
    let posted = ops.wait_for_message(|_| true).await?;

    let (_, second) = ada.double_clicks(&posted, "approve").await?;

    let answer = second.wait_for(Message::is_ephemeral).await?;
    assert_eq!(answer.as_text(), "Somebody decided first.");
    assert_eq!(decided.load(Ordering::SeqCst), 2);
    slack.finish().await
}

#[tokio::test]
async fn a_stale_card_can_still_be_clicked_by_whoever_has_it_on_the_screen() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let (ada, bob) = (slack.person("ada"), slack.person("bob"));
    let ops = slack.channel("ops").with([&ada, &bob]);
    let decided = Arc::new(AtomicUsize::new(0));
    let _app = App::connect(&slack, move |heard, bot| decides(heard, bot, Arc::clone(&decided))).await?;
    Bot::of(&slack)?.posts(ops.id(), card()).await?;
    let on_both_screens = ops.wait_for_message(|_| true).await?;
    ada.clicks(&on_both_screens, "Approve").await?;
    let now = ops.wait_until(&on_both_screens, |message| message.rewritten() == 1).await?;
    assert!(bob.clicks(&now, "Decline").await.is_err(), "the new card has no buttons");

    let click = bob.clicks(&on_both_screens, "Decline").await?;

    assert_eq!(click.wait_for(Message::is_ephemeral).await?.as_text(), "Somebody decided first.");
    assert!(ada.reads(&ops).iter().all(|message| !message.is_ephemeral()), "only bob sees that");
    slack.finish().await
}

#[tokio::test]
async fn an_ephemeral_message_is_replaced_and_deleted_through_the_response_url() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ada = slack.person("ada");
    let _app = App::connect(&slack, |heard, bot: Bot| async move {
        match heard {
            Heard::Command(_) => Reply::Message(says(card())),
            Heard::Interaction(SlackInteractionEvent::BlockActions(event)) => {
                let first = event.actions.unwrap_or_default().into_iter().next();
                let approve = first.is_some_and(|action| action.action_id.value() == "approve");
                tokio::spawn(async move {
                    let Some(url) = event.response_url.filter(|_| event.message.is_none()) else { return };
                    let content =
                        says(json!([{"type": "actions", "elements": [{"type": "button", "action_id": "gone",
                        "text": {"type": "plain_text", "text": "Close"}}]}]));
                    let request = SlackApiPostWebhookMessageRequest::new(content);
                    let request = if approve {
                        request.with_replace_original(true)
                    } else {
                        request.with_delete_original(true)
                    };
                    let _ = bot.client.respond_to_event(&url, &request).await;
                });
                Reply::Ack
            }
            _ => Reply::Silence,
        }
    })
    .await?;

    let asked = ada.slash("/patch", "approve web01").await?;
    let card = asked.answer().await?;
    ada.clicks(&card, "Approve").await?;
    let replaced = asked.wait_for(|message| message.rewritten() == 1).await?;
    assert_eq!(replaced.as_text(), "[Close]");
    ada.clicks(&replaced, "Close").await?;
    slack.finish().await?;
    assert!(ada.sees(&card).is_err(), "it is deleted");
    Ok(())
}

#[tokio::test]
async fn a_choice_in_a_message_tells_the_option_and_the_state() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ada = slack.person("ada");
    let ops = slack.channel("ops").with([&ada]);
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let _app = App::connect(&slack, move |heard, _| {
        if let Heard::Interaction(SlackInteractionEvent::BlockActions(event)) = heard {
            let _ = sender.send(event);
        }
        async { Reply::Ack }
    })
    .await?;
    let option =
        |text: &str| json!({"text": {"type": "plain_text", "text": text}, "value": text.to_lowercase()});
    Bot::of(&slack)?
        .posts(
            ops.id(),
            json!([{"type": "actions", "block_id": "when", "elements": [
                {"type": "static_select", "action_id": "slot", "options": [option("Friday"), option("Saturday")]},
                {"type": "datepicker", "action_id": "day", "initial_date": "2026-11-27"}]}]),
        )
        .await?;
    let posted = ops.wait_for_message(|_| true).await?;
    assert_eq!(posted.as_text(), "[…] [2026-11-27]");
    assert!(ada.chooses(&posted, "slot", "Monday").await.is_err(), "it is not offered");

    ada.chooses(&posted, "slot", "Saturday").await?;

    let event = receiver.recv().await.ok_or_else(|| anyhow::anyhow!("no choice came"))?;
    let action = event.actions.unwrap_or_default().into_iter().next();
    assert_eq!(
        action.and_then(|action| action.selected_option).map(|option| option.value),
        Some("saturday".into())
    );
    let values = event.state.map(|state| state.values).unwrap_or_default();
    let day = values.get(&"when".into()).and_then(|block| block.get(&"day".into())).cloned();
    assert_eq!(day.and_then(|value| value.selected_date).as_deref(), Some("2026-11-27"));
    slack.finish().await
}

#[tokio::test]
async fn a_click_that_is_answered_ambiguously_is_a_complaint() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ada = slack.person("ada");
    let ops = slack.channel("ops").with([&ada]);
    let _app = App::connect(&slack, |heard, bot: Bot| async move {
        if let Heard::Interaction(SlackInteractionEvent::BlockActions(event)) = heard {
            tokio::spawn(async move {
                let Some(url) = event.response_url else { return };
                let text = SlackMessageContent::new().with_text("and now?".into());
                let _ =
                    bot.client.respond_to_event(&url, &SlackApiPostWebhookMessageRequest::new(text)).await;
            });
        }
        Reply::Ack
    })
    .await?;
    Bot::of(&slack)?.posts(ops.id(), card()).await?;
    let posted = ops.wait_for_message(|_| true).await?;

    ada.clicks(&posted, "Approve").await?.answer().await?;

    let error = slack.finish().await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("neither replace_original nor response_type"), "{error}");
    Ok(())
}

#[tokio::test]
async fn somebody_from_another_workspace_clicks_in_a_shared_channel_and_is_told_apart() -> anyhow::Result<()>
{
    let slack = Slack::start().await?;
    let stranger = slack.person("mallory").from_workspace("T99");
    let shared = slack.channel("shared").with([&stranger]);
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let decided = Arc::new(AtomicUsize::new(1));
    let _app = App::connect(&slack, move |heard, bot| {
        if let Heard::Interaction(SlackInteractionEvent::BlockActions(event)) = &heard {
            let _ = sender.send(event.user.clone());
        }
        decides(heard, bot, Arc::clone(&decided))
    })
    .await?;
    Bot::of(&slack)?.posts(shared.id(), card()).await?;
    let posted = shared.wait_for_message(|_| true).await?;

    stranger.clicks(&posted, "Approve").await?;

    let user = receiver.recv().await.flatten().ok_or_else(|| anyhow::anyhow!("no click came"))?;
    assert_eq!((user.id.value().as_str(), user.team_id), (stranger.id(), Some("T99".into())));
    assert!(slack.channel("internal").messages().is_empty());
    assert!(stranger.reads(&slack.channel("internal")).is_empty());
    slack.finish().await
}

#[test]
fn what_people_do_can_happen_on_any_thread() {
    fn sendable<T: Send>(_: impl FnOnce(Slack, Message) -> T) {}
    sendable(|slack, message| async move { slack.person("ada").clicks(&message, "Approve").await });
    sendable(|slack, message| async move { slack.person("ada").double_clicks(&message, "Approve").await });
    sendable(|slack, _| async move { slack.person("ada").slash("/patch", "").await });
    sendable(|slack, _| async move { slack.person("ada").writes_dm("hello").await });
    sendable(|slack, _| async move { slack.finish().await });
}
