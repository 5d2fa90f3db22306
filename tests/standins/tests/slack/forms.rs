//! Forms: opening, filling, sending, and selects that ask the app.

use crate::app::{App, Bot, Heard, Reply, error_of, view};
use patchbot_standins::slack::{Form, Slack};
use serde_json::{Value, json};
use slack_morphism::prelude::*;
use std::collections::HashMap;
use std::time::Duration;

fn option(text: &str) -> Value {
    json!({"text": {"type": "plain_text", "text": text}, "value": text.to_lowercase()})
}

fn move_form() -> Value {
    json!({"type": "modal", "callback_id": "move", "private_metadata": "w1", "notify_on_close": true,
        "title": {"type": "plain_text", "text": "Move web01"},
        "submit": {"type": "plain_text", "text": "Move"}, "close": {"type": "plain_text", "text": "Cancel"},
        "blocks": [
            {"type": "input", "block_id": "day", "label": {"type": "plain_text", "text": "Day"},
                "element": {"type": "datepicker", "action_id": "date", "initial_date": "2026-11-27"}},
            {"type": "input", "block_id": "hour", "label": {"type": "plain_text", "text": "Time"},
                "element": {"type": "timepicker", "action_id": "time"}},
            {"type": "input", "block_id": "zone", "label": {"type": "plain_text", "text": "Zone"},
                "element": {"type": "static_select", "action_id": "zone", "options": [option("Berlin"), option("UTC")],
                    "initial_option": option("UTC")}},
            {"type": "input", "block_id": "host", "optional": true, "label": {"type": "plain_text", "text": "Server"},
                "element": {"type": "external_select", "action_id": "server", "min_query_length": 1}},
            {"type": "input", "block_id": "why", "optional": true, "label": {"type": "plain_text", "text": "Reason"},
                "element": {"type": "plain_text_input", "action_id": "text", "max_length": 20}}]})
}

type Sent = tokio::sync::mpsc::UnboundedSender<SlackInteractionEvent>;

/// Opens the form at a command, and answers what is sent with what the test wants.
async fn runs(
    heard: Heard,
    bot: Bot,
    sent: Sent,
    answer: fn(&SlackInteractionViewSubmissionEvent) -> Reply,
) -> Reply {
    match heard {
        Heard::Command(event) => {
            tokio::spawn(async move {
                let Ok(view) = view(move_form()) else { return };
                let _ =
                    bot.session().views_open(&SlackApiViewsOpenRequest::new(event.trigger_id, view)).await;
            });
            Reply::Ack
        }
        Heard::Interaction(event) => {
            let _ = sent.send(event.clone());
            match event {
                SlackInteractionEvent::ViewSubmission(event) => answer(&event),
                SlackInteractionEvent::BlockSuggestion(event) => {
                    let names =
                        ["web01", "web02", "db01"].into_iter().filter(|name| name.starts_with(&event.value));
                    let choices = names.map(|name| {
                        SlackBlockChoiceItem::new(SlackBlockPlainTextOnly::from(name), format!("host:{name}"))
                    });
                    let options = SlackBlockSuggestionOptions::new(choices.collect());
                    Reply::Interaction(SlackBlockSuggestionResponse::Options(options).into())
                }
                _ => Reply::Ack,
            }
        }
        Heard::Event(_) => Reply::Silence,
    }
}

fn errors(block: &str, text: &str) -> Reply {
    let errors = HashMap::from([(block.to_owned(), text.to_owned())]);
    let errors = SlackViewSubmissionErrorsResponse::new(errors);
    Reply::Interaction(SlackViewSubmissionResponse::Errors(errors).into())
}

#[tokio::test]
async fn a_form_is_opened_filled_and_sent() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ada = slack.person("ada").zone("Europe/Berlin")?;
    let (sent, mut received) = tokio::sync::mpsc::unbounded_channel();
    let _app = App::connect(&slack, move |heard, bot| runs(heard, bot, sent.clone(), |_| Reply::Ack)).await?;

    let form = ada.slash("/patch", "move web01").await?.form().await?;
    assert_eq!((form.title(), form.callback_id(), form.private_metadata()), ("Move web01", "move", "w1"));
    let empty = ada.fills(&form, [("Reason", "backup")])?.submits().await;
    assert!(empty.is_err_and(|error| error.to_string().contains("\"Time\" is empty")));
    let filling = ada.fills(&form, [("Day", "2026-11-28"), ("Time", "20:00"), ("Zone", "Berlin")])?;
    insta::assert_snapshot!(ada.sees_form().await?.as_text(), @r"
    == Move web01 ==
    Day: [2026-11-28]
    Time: [20:00]
    Zone: [Berlin]
    Server (optional): […]
    Reason (optional): [backup]
    [Cancel] [Move]
    ");
    let done = filling.submits().await?;

    assert!(done.failure().is_none() && done.errors().is_empty());
    assert!(ada.form().is_none(), "it is closed");
    let Some(SlackInteractionEvent::ViewSubmission(event)) = received.recv().await else {
        anyhow::bail!("no submission came")
    };
    let values = event.view.state_params.state.map(|state| state.values).unwrap_or_default();
    let held = |block: &str, action: &str| {
        values.get(&block.into()).and_then(|values| values.get(&action.into())).cloned()
    };
    assert_eq!(held("day", "date").and_then(|value| value.selected_date).as_deref(), Some("2026-11-28"));
    assert_eq!(held("hour", "time").and_then(|value| value.selected_time).as_deref(), Some("20:00"));
    assert_eq!(
        held("zone", "zone").and_then(|value| value.selected_option).map(|option| option.value),
        Some("berlin".into())
    );
    assert_eq!(held("why", "text").and_then(|value| value.value).as_deref(), Some("backup"));
    assert_eq!(held("host", "server").and_then(|value| value.selected_option), None);
    slack.finish().await
}

#[tokio::test]
async fn errors_are_shown_in_the_form_and_it_stays_open() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ada = slack.person("ada");
    let (sent, _received) = tokio::sync::mpsc::unbounded_channel();
    let answer = |_: &SlackInteractionViewSubmissionEvent| errors("hour", "That is inside business hours.");
    let _app = App::connect(&slack, move |heard, bot| runs(heard, bot, sent.clone(), answer)).await?;
    let form = ada.slash("/patch", "move web01").await?.form().await?;

    let refused = ada.fills(&form, [("Time", "10:00")])?.submits().await?;

    assert_eq!(refused.errors().get("hour").map(String::as_str), Some("That is inside business hours."));
    let again = ada.sees_form().await?;
    assert!(
        again.as_text().contains("Time: [10:00]\n  ! That is inside business hours."),
        "{}",
        again.as_text()
    );
    slack.finish().await
}

#[tokio::test]
async fn an_error_for_a_block_that_is_no_input_is_a_complaint() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ada = slack.person("ada");
    let (sent, _received) = tokio::sync::mpsc::unbounded_channel();
    let _app = App::connect(&slack, move |heard, bot| {
        runs(heard, bot, sent.clone(), |_| errors("time", "wrong id"))
    })
    .await?;
    let form = ada.slash("/patch", "move web01").await?.form().await?;

    let refused = ada.fills(&form, [("Time", "10:00")])?.submits().await?;

    assert!(refused.failure().is_some_and(|failure| failure.contains("no input of this form")));
    assert_eq!(slack.takes_complaints().len(), 1);
    slack.finish().await
}

#[tokio::test]
async fn a_sent_form_may_be_replaced_by_another_view() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ada = slack.person("ada");
    let (sent, _received) = tokio::sync::mpsc::unbounded_channel();
    let _app = App::connect(&slack, move |heard, bot| {
        runs(heard, bot, sent.clone(), |_| {
            let definition = json!({"type": "modal", "title": {"type": "plain_text", "text": "Moved"},
                "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "web01 moves to Friday."}}]});
            match view(definition) {
                Ok(view) => Reply::Interaction(
                    SlackViewSubmissionResponse::Update(SlackViewSubmissionUpdateResponse::new(view)).into(),
                ),
                Err(_) => Reply::Silence,
            }
        })
    })
    .await?;
    let form = ada.slash("/patch", "move web01").await?.form().await?;

    ada.fills(&form, [("Time", "20:00")])?.submits().await?;

    assert_eq!(ada.form().map(|form| form.as_text()).as_deref(), Some("== Moved ==\nweb01 moves to Friday."));
    slack.finish().await
}

#[tokio::test]
async fn a_select_asks_the_app_for_its_options() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ada = slack.person("ada");
    let (sent, mut received) = tokio::sync::mpsc::unbounded_channel();
    let _app = App::connect(&slack, move |heard, bot| runs(heard, bot, sent.clone(), |_| Reply::Ack)).await?;
    let form = ada.slash("/patch", "move").await?.form().await?;

    let offered = ada.types_in_select(&form, "Server", "web").await?;
    assert_eq!(offered.labels(), ["web01", "web02"]);
    assert!(ada.fills(&form, [("Server", "db01")]).is_err(), "that was not offered");
    ada.fills(&form, [("Server", "web02"), ("Time", "20:00")])?.submits().await?;

    let Some(SlackInteractionEvent::BlockSuggestion(asked)) = received.recv().await else {
        anyhow::bail!("nothing was asked")
    };
    assert_eq!((asked.value.as_str(), asked.block_id.value().as_str()), ("web", "host"));
    assert!(ada.types_in_select(&form, "Zone", "Ber").await.is_err(), "its options are fixed");
    slack.finish().await
}

#[tokio::test]
async fn closing_a_form_is_told_when_the_form_asks_for_it() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ada = slack.person("ada");
    let (sent, mut received) = tokio::sync::mpsc::unbounded_channel();
    let _app = App::connect(&slack, move |heard, bot| runs(heard, bot, sent.clone(), |_| Reply::Ack)).await?;
    let form = ada.slash("/patch", "move").await?.form().await?;

    ada.closes(&form).await?;

    assert!(matches!(received.recv().await, Some(SlackInteractionEvent::ViewClosed(_))));
    assert!(ada.form().is_none());
    slack.finish().await
}

async fn triggers(
    slack: &Slack,
) -> anyhow::Result<(App, tokio::sync::mpsc::UnboundedReceiver<SlackTriggerId>)> {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let app = App::connect(slack, move |heard, _| {
        if let Heard::Command(event) = heard {
            let _ = sender.send(event.trigger_id);
        }
        async { Reply::Text("one moment") }
    })
    .await?;
    Ok((app, receiver))
}

#[tokio::test]
async fn a_trigger_opens_one_form_and_only_within_three_seconds() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ada = slack.person("ada");
    let (_app, mut triggers) = triggers(&slack).await?;
    let bot = Bot::of(&slack)?;
    let session = bot.session();
    let open = async |trigger: SlackTriggerId| {
        error_of(session.views_open(&SlackApiViewsOpenRequest::new(trigger, view(move_form())?)).await)
            .pipe(anyhow::Ok)
    };

    ada.slash("/patch", "move").await?;
    let trigger = triggers.recv().await.ok_or_else(|| anyhow::anyhow!("no trigger"))?;
    assert!(open(trigger.clone()).await?.starts_with("no error"));
    assert_eq!(open(trigger).await?, "exchanged_trigger_id");
    ada.slash("/patch", "move").await?;
    let trigger = triggers.recv().await.ok_or_else(|| anyhow::anyhow!("no trigger"))?;
    slack.lets_pass(Duration::from_secs(4));
    assert_eq!(open(trigger).await?, "expired_trigger_id");
    assert_eq!(open("1.2.3".into()).await?, "invalid_trigger_id");
    slack.finish().await
}

trait Pipe: Sized {
    fn pipe<T>(self, act: impl FnOnce(Self) -> T) -> T {
        act(self)
    }
}

impl Pipe for String {}

#[tokio::test]
async fn an_update_keeps_what_was_typed_and_respects_the_hash() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ada = slack.person("ada");
    let (_app, mut triggers) = triggers(&slack).await?;
    let bot = Bot::of(&slack)?;
    let session = bot.session();
    ada.slash("/patch", "move").await?;
    let trigger = triggers.recv().await.ok_or_else(|| anyhow::anyhow!("no trigger"))?;
    let opened = session
        .views_open(&SlackApiViewsOpenRequest::new(trigger, view(move_form())?))
        .await?
        .view
        .state_params;
    let form = ada.sees_form().await?;
    let _ = ada.fills(&form, [("Time", "21:00")])?;

    let stale = SlackApiViewsUpdateRequest::new(view(move_form())?).with_view_id(opened.id.clone());
    assert_eq!(error_of(session.views_update(&stale.with_hash("1.old".into())).await), "hash_conflict");
    let fresh =
        SlackApiViewsUpdateRequest::new(view(move_form())?).with_view_id(opened.id).with_hash(opened.hash);
    session.views_update(&fresh).await?;

    assert!(ada.sees_form().await?.as_text().contains("Time: [21:00]"));
    let gone = SlackApiViewsUpdateRequest::new(view(move_form())?).with_view_id("V99".into());
    assert_eq!(error_of(session.views_update(&gone).await), "not_found");
    slack.finish().await
}

#[tokio::test]
async fn the_home_tab_is_published_and_opened() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ada = slack.person("ada");
    let _app = App::connect(&slack, |heard, bot: Bot| async move {
        if let Heard::Event(SlackPushEventCallback {
            event: SlackEventCallbackBody::AppHomeOpened(event),
            ..
        }) = heard
        {
            tokio::spawn(async move {
                let definition = json!({"type": "home", "blocks": [
                    {"type": "section", "text": {"type": "mrkdwn", "text": "You own 3 servers."}}]});
                let Ok(view) = view(definition) else { return };
                let _ =
                    bot.session().views_publish(&SlackApiViewsPublishRequest::new(event.user, view)).await;
            });
        }
        Reply::Ack
    })
    .await?;

    ada.opens_home().await?;

    slack.wait_for_calls("views.publish", 1).await?;
    assert_eq!(ada.home().as_ref().map(Form::as_text).as_deref(), Some("You own 3 servers."));
    slack.finish().await
}
