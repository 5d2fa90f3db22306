//! What Slack refuses: limits of blocks, messages, views, and rights.

use crate::app::{Bot, error_of};
use crate::wire::call;
use patchbot_standins::slack::Slack;
use serde_json::{Value, json};
use slack_morphism::prelude::*;

fn plain(length: usize) -> Value {
    json!({"type": "plain_text", "text": "x".repeat(length)})
}

fn button(fields: &Value) -> Value {
    let mut button = json!({"type": "button", "text": plain(5)});
    if let (Some(button), Some(fields)) = (button.as_object_mut(), fields.as_object()) {
        button.extend(fields.clone());
    }
    button
}

fn actions(elements: &[Value]) -> Value {
    json!({"type": "actions", "elements": elements})
}

async fn problems_of(slack: &Slack, blocks: &Value) -> anyhow::Result<Vec<String>> {
    let answer =
        call(slack, "chat.postMessage", &json!({"channel": "#ops", "text": "t", "blocks": blocks})).await?;
    if answer.get("ok") == Some(&json!(true)) {
        return Ok(Vec::new());
    }
    anyhow::ensure!(answer.get("error") == Some(&json!("invalid_blocks")), "{answer}");
    let messages =
        answer.pointer("/response_metadata/messages").and_then(Value::as_array).cloned().unwrap_or_default();
    Ok(messages.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

#[tokio::test]
async fn blocks_at_their_limits_are_taken_and_beyond_them_refused() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let _ops = slack.channel("ops");
    let options = |count: usize, text: usize, value: usize| -> Vec<Value> {
        (0..count).map(|number| json!({"text": plain(text), "value": format!("{number:0>value$}")})).collect()
    };
    let select = |options: Vec<Value>| actions(&[json!({"type": "static_select", "options": options})]);
    let fields =
        |count: usize, length: usize| json!({"type": "section", "fields": vec![plain(length); count]});
    let ids = |count: usize| -> Vec<Value> {
        (0..count).map(|number| button(&json!({"action_id": format!("a{number}")}))).collect()
    };
    let divider = json!({"type": "divider"});
    let pairs: Vec<(&str, Value, Value)> = vec![
        ("blocks", json!(vec![divider.clone(); 50]), json!(vec![divider.clone(); 51])),
        (
            "section text",
            json!([{"type": "section", "text": plain(3000)}]),
            json!([{"type": "section", "text": plain(3001)}]),
        ),
        ("fields", json!([fields(10, 9)]), json!([fields(11, 9)])),
        ("field text", json!([fields(1, 2000)]), json!([fields(1, 2001)])),
        (
            "header",
            json!([{"type": "header", "text": plain(150)}]),
            json!([{"type": "header", "text": plain(151)}]),
        ),
        ("actions", json!([actions(&ids(25))]), json!([actions(&ids(26))])),
        (
            "button text",
            json!([actions(&[button(&json!({"text": plain(75)}))])]),
            json!([actions(&[button(&json!({"text": plain(76)}))])]),
        ),
        (
            "action_id",
            json!([actions(&[button(&json!({"action_id": "x".repeat(255)}))])]),
            json!([actions(&[button(&json!({"action_id": "x".repeat(256)}))])]),
        ),
        (
            "value",
            json!([actions(&[button(&json!({"value": "x".repeat(2000)}))])]),
            json!([actions(&[button(&json!({"value": "x".repeat(2001)}))])]),
        ),
        (
            "block_id",
            json!([{"type": "divider", "block_id": "x".repeat(255)}]),
            json!([{"type": "divider", "block_id": "x".repeat(256)}]),
        ),
        (
            "context",
            json!([{"type": "context", "elements": vec![plain(1); 10]}]),
            json!([{"type": "context", "elements": vec![plain(1); 11]}]),
        ),
        ("options", json!([select(options(100, 9, 9))]), json!([select(options(101, 9, 9))])),
        ("option text", json!([select(options(1, 75, 9))]), json!([select(options(1, 76, 9))])),
        ("option value", json!([select(options(1, 9, 150))]), json!([select(options(1, 9, 151))])),
    ];
    for (what, good, bad) in pairs {
        assert_eq!(problems_of(&slack, &good).await?, Vec::<String>::new(), "{what} at the limit");
        assert!(!problems_of(&slack, &bad).await?.is_empty(), "{what} beyond the limit");
    }
    slack.finish().await
}

#[tokio::test]
async fn malformed_blocks_are_refused() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let _ops = slack.channel("ops");
    let twice = actions(&[button(&json!({"action_id": "a"})), button(&json!({"action_id": "a"}))]);
    let bad = [
        json!([{"type": "unknown"}]),
        json!([{"type": "section"}]),
        json!([{"type": "section", "text": {"type": "mrkdwn", "text": ""}}]),
        json!([{"type": "header", "text": {"type": "mrkdwn", "text": "*no*"}}]),
        json!([{"type": "divider", "colour": "red"}]),
        json!([{"type": "divider", "block_id": "a"}, {"type": "divider", "block_id": "a"}]),
        json!([twice]),
        json!([actions(&[button(&json!({"style": "warning"}))])]),
        json!([actions(&[])]),
        json!([actions(&[json!({"type": "plain_text_input"})])]),
        json!([actions(&[json!({"type": "datepicker", "initial_date": "27.11.2026"})])]),
        json!([actions(&[json!({"type": "timepicker", "timezone": "Berlin"})])]),
        json!([actions(&[json!({"type": "static_select", "options": [{"text": plain(1), "value": "a"}],
            "initial_option": {"text": plain(2), "value": "a"}})])]),
        json!([{"type": "image", "alt_text": "no picture"}]),
    ];
    for blocks in bad {
        assert!(!problems_of(&slack, &blocks).await?.is_empty(), "{blocks}");
    }
    let across =
        [actions(&[button(&json!({"action_id": "a"}))]), actions(&[button(&json!({"action_id": "a"}))])];
    assert_eq!(problems_of(&slack, &json!(across)).await?, Vec::<String>::new(), "one id per block suffices");
    slack.finish().await
}

#[tokio::test]
async fn the_client_is_told_which_block_is_wrong() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let _ops = slack.channel("ops");
    let bot = Bot::of(&slack)?;

    let result = bot.posts("#ops", json!([{"type": "section", "text": plain(3001)}])).await;

    let Err(errors::SlackClientError::ApiError(error)) = result else { anyhow::bail!("it was taken") };
    assert_eq!(error.code, "invalid_blocks");
    assert_eq!(
        error.errors,
        Some(vec!["must be less than 3001 characters [json-pointer:/blocks/0/text/text]".to_owned()])
    );
    slack.finish().await
}

#[tokio::test]
async fn texts_and_metadata_have_limits() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ops = slack.channel("ops");
    let say = async |fields: Value| {
        let mut arguments = json!({"channel": "#ops"});
        if let (Some(arguments), Some(fields)) = (arguments.as_object_mut(), fields.as_object()) {
            arguments.extend(fields.clone());
        }
        call(&slack, "chat.postMessage", &arguments).await.map(|answer| answer["error"].clone())
    };
    let meta =
        |payload: Value| json!({"text": "t", "metadata": {"event_type": "window", "event_payload": payload}});
    assert_eq!(say(json!({})).await?, json!("no_text"));
    assert_eq!(say(json!({"text": "x".repeat(40_000)})).await?, Value::Null);
    assert_eq!(say(json!({"text": "x".repeat(40_001)})).await?, json!("msg_too_long"));
    assert_eq!(say(json!({"text": "t", "markdown_text": "t"})).await?, json!("markdown_text_conflict"));
    assert_eq!(say(json!({"text": "t", "blocks": "not json"})).await?, json!("invalid_blocks_format"));
    assert_eq!(say(json!({"text": "t", "username": "boss"})).await?, json!("missing_scope"));
    assert_eq!(say(meta(json!({"id": "w1"}))).await?, Value::Null);
    assert_eq!(say(meta(json!({"id": 1}))).await?, json!("invalid_metadata_format"));
    let long = vec![json!({"type": "section", "text": plain(2999)}); 5];
    assert_eq!(say(json!({"text": "t", "blocks": long})).await?, json!("msg_blocks_too_long"));
    assert_eq!(ops.messages().len(), 2);
    slack.finish().await
}

#[tokio::test]
async fn a_channel_must_exist_be_open_and_have_the_app_in_it() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let bot = Bot::of(&slack)?;
    let (public, private) =
        (slack.channel("public").without_app(), slack.channel("private").private().without_app());
    let archived = slack.channel("archived").archived();
    let say = async |channel: &str| error_of(bot.posts(channel, json!([{"type": "divider"}])).await);
    assert_eq!(say("C404").await, "channel_not_found");
    assert_eq!(say("#nowhere").await, "channel_not_found");
    assert_eq!(say(public.id()).await, "not_in_channel");
    assert_eq!(say(private.id()).await, "channel_not_found");
    assert_eq!(say(archived.id()).await, "is_archived");
    slack.finish().await
}

#[tokio::test]
async fn only_the_apps_own_messages_can_be_changed_and_only_while_they_exist() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let bot = Bot::of(&slack)?;
    let session = bot.session();
    let ada = slack.person("ada");
    let ops = slack.channel("ops").with([&ada]);
    ada.writes(&ops, "mine").await?;
    let hers = ops.messages()[0].ts().to_owned();
    let posted = bot.posts(ops.id(), json!([{"type": "divider"}])).await?;
    let text = |text: &str| SlackMessageContent::new().with_text(text.into());
    let update = async |channel: &str, ts: &str, content: SlackMessageContent| {
        let request = SlackApiChatUpdateRequest::new(channel.into(), content, ts.into());
        error_of(session.chat_update(&request).await)
    };
    assert_eq!(update(ops.id(), "1.000000", text("t")).await, "message_not_found");
    assert_eq!(update("C404", posted.ts.value(), text("t")).await, "channel_not_found");
    assert_eq!(update(ops.id(), &hers, text("t")).await, "cant_update_message");
    assert_eq!(update(ops.id(), posted.ts.value(), text(&"x".repeat(4001))).await, "msg_too_long");
    assert!(update(ops.id(), posted.ts.value(), text("only words")).await.starts_with("no error"));
    assert_eq!(ops.messages()[1].as_text(), "only words", "a text alone takes the place of the blocks");
    session.chat_delete(&SlackApiChatDeleteRequest::new(ops.id().into(), posted.ts.clone())).await?;
    assert_eq!(update(ops.id(), posted.ts.value(), text("t")).await, "message_not_found");
    slack.finish().await
}

#[tokio::test]
async fn a_thread_needs_a_message_that_can_have_one() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let bot = Bot::of(&slack)?;
    let ops = slack.channel("ops");
    let parent = bot.posts(ops.id(), json!([{"type": "divider"}])).await?.ts;
    let reply = async |thread: SlackTs| {
        let content = SlackMessageContent::new().with_text("progress".into());
        let request = SlackApiChatPostMessageRequest::new(ops.id().into(), content).with_thread_ts(thread);
        bot.session().chat_post_message(&request).await
    };
    let first = reply(parent.clone()).await?;
    assert_eq!(error_of(reply("1.000000".into()).await), "thread_not_found");
    assert_eq!(error_of(reply(first.ts).await), "cannot_reply_to_message");
    assert_eq!(ops.thread(&ops.messages()[0]).len(), 1);
    slack.finish().await
}

#[tokio::test]
async fn tokens_and_scopes_are_checked() -> anyhow::Result<()> {
    let slack = Slack::builder().without_scope("chat:write").start().await?;
    let _ops = slack.channel("ops");
    let blocks = || json!([{"type": "divider"}]);
    assert_eq!(
        error_of(Bot::with_token(&slack, "xoxb-stolen")?.posts("#ops", blocks()).await),
        "invalid_auth"
    );
    assert_eq!(error_of(Bot::of(&slack)?.posts("#ops", blocks()).await), "missing_scope");
    let app = Bot::with_token(&slack, slack.app_token())?;
    assert_eq!(error_of(app.posts("#ops", blocks()).await), "not_allowed_token_type");
    let answer = call(&slack, "chat.postMessage", &json!({"channel": "#ops", "text": "t"})).await?;
    assert_eq!(answer["needed"], json!("chat:write"));
    assert!(answer["provided"].as_str().is_some_and(|provided| provided.contains("commands")));
    let bot = Bot::of(&slack)?;
    let open = bot.session().apps_connections_open(&SlackApiAppsConnectionOpenRequest::new()).await;
    assert_eq!(error_of(open), "not_allowed_token_type");
    slack.finish().await
}

#[tokio::test]
async fn views_have_limits_of_their_own() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ada = slack.person("ada");
    let publish = async |view: Value| {
        let answer = call(&slack, "views.publish", &json!({"user_id": ada.id(), "view": view})).await?;
        anyhow::Ok(answer["response_metadata"]["messages"].as_array().map_or(0, Vec::len))
    };
    let open = async |view: Value| {
        let answer = call(&slack, "views.open", &json!({"trigger_id": "1.2.3", "view": view})).await?;
        anyhow::Ok(answer["error"].clone())
    };
    let input = json!({"type": "input", "label": plain(4), "element": {"type": "plain_text_input"}});
    let modal = |title: usize, submit: Option<usize>, blocks: Vec<Value>, hidden: usize| {
        let mut view = json!({"type": "modal", "title": plain(title), "blocks": blocks, "private_metadata": "x".repeat(hidden)});
        if let (Some(fields), Some(submit)) = (view.as_object_mut(), submit) {
            fields.insert("submit".to_owned(), plain(submit));
        }
        view
    };
    let fine = json!("invalid_trigger_id");
    let refused = json!("invalid_arguments");
    assert_eq!(open(modal(24, Some(24), vec![input.clone(); 100], 3000)).await?, fine);
    assert_eq!(open(modal(25, Some(24), vec![input.clone()], 0)).await?, refused, "title");
    assert_eq!(open(modal(24, Some(25), vec![input.clone()], 0)).await?, refused, "submit");
    assert_eq!(open(modal(24, None, vec![input.clone()], 0)).await?, refused, "inputs need a submit");
    assert_eq!(open(modal(24, Some(24), vec![input.clone(); 101], 0)).await?, refused, "blocks");
    assert_eq!(open(modal(24, Some(24), vec![input], 3001)).await?, refused, "private_metadata");
    assert_eq!(open(json!({"type": "home", "blocks": []})).await?, refused, "a home tab is not opened");
    assert_eq!(publish(json!({"type": "home", "blocks": []})).await?, 0);
    assert_eq!(publish(modal(5, None, vec![], 0)).await?, 1);
    slack.finish().await
}
