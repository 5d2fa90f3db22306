//! The Web API without a client: forms, tokens, and what is not a call at all.

use patchbot_standins::slack::{Outcome, Slack, TokenKind};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends one request and gives status line and body.
pub(crate) async fn request(slack: &Slack, head: &str, body: &str) -> anyhow::Result<(String, String)> {
    let host = slack.api_url().replace("http://", "").replace("/api", "");
    let mut stream = TcpStream::connect(&host).await?;
    let length = body.len();
    let text =
        format!("{head}\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Ok((head.lines().next().unwrap_or_default().to_owned(), body.to_owned()))
}

/// Calls a method with JSON and the bot token.
pub(crate) async fn call(slack: &Slack, method: &str, arguments: &Value) -> anyhow::Result<Value> {
    let head = format!(
        "POST /api/{method} HTTP/1.1\r\nAuthorization: Bearer {}\r\nContent-Type: application/json; charset=utf-8",
        slack.bot_token()
    );
    Ok(serde_json::from_str(&request(slack, &head, &arguments.to_string()).await?.1)?)
}

/// Calls a method with a form.
pub(crate) async fn form(slack: &Slack, method: &str, fields: &str) -> anyhow::Result<Value> {
    let head = format!("POST /api/{method} HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded");
    Ok(serde_json::from_str(&request(slack, &head, fields).await?.1)?)
}

#[tokio::test]
async fn a_form_may_carry_the_token_and_blocks_as_json_text() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ops = slack.channel("ops");
    let fields = format!(
        "token={}&channel=%23ops&text=hello+there&blocks=%5B%7B%22type%22%3A%22divider%22%7D%5D",
        slack.bot_token()
    );

    let answer = form(&slack, "chat.postMessage", &fields).await?;

    assert_eq!(answer["ok"], json!(true));
    assert_eq!(answer["channel"], json!(ops.id()));
    assert_eq!(ops.messages()[0].text(), "hello there");
    assert_eq!(ops.as_text(), "---");
    slack.finish().await
}

#[tokio::test]
async fn a_token_inside_a_json_body_does_not_count() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let head = "POST /api/auth.test HTTP/1.1\r\nContent-Type: application/json";
    let body = json!({"token": slack.bot_token()}).to_string();
    let (_, answer) = request(&slack, head, &body).await?;
    assert_eq!(serde_json::from_str::<Value>(&answer)?, json!({"ok": false, "error": "not_authed"}));
    Ok(())
}

#[tokio::test]
async fn a_method_that_takes_forms_only_does_not_take_json() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ada = slack.person("ada");
    assert_eq!(
        call(&slack, "users.info", &json!({"user": ada.id()})).await?["error"],
        json!("invalid_arguments")
    );
    assert!(slack.finish().await.is_err());
    let fields = format!("token={}&user={}", slack.bot_token(), ada.id());
    assert_eq!(form(&slack, "users.info", &fields).await?["user"]["name"], json!("ada"));
    Ok(())
}

#[tokio::test]
async fn what_is_not_modelled_is_refused_and_fails_the_story() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    assert_eq!(call(&slack, "reminders.add", &json!({})).await?["error"], json!("unknown_method"));
    let (status, _) = request(&slack, "GET /something HTTP/1.1", "").await?;
    assert_eq!(status, "HTTP/1.1 404 Not Found");
    let error = slack.finish().await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("reminders.add") && error.contains("GET /something"), "{error}");
    Ok(())
}

#[tokio::test]
async fn every_call_is_logged_with_its_token_and_outcome() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ops = slack.channel("ops");
    call(&slack, "chat.postMessage", &json!({"channel": ops.id(), "text": "one"})).await?;
    call(&slack, "chat.postMessage", &json!({"channel": "C404", "text": "two"})).await?;
    form(&slack, "auth.test", "token=xoxb-wrong").await?;

    let calls = slack.calls();

    assert_eq!(calls.len(), 3);
    assert_eq!((calls[0].method.as_str(), calls[0].token), ("chat.postMessage", TokenKind::Bot));
    assert!(calls[0].succeeded() && calls[0].channel.as_deref() == Some(ops.id()));
    assert_eq!(calls[0].arguments["text"], json!("one"));
    assert_eq!(calls[1].outcome, Outcome::Refused("channel_not_found".into()));
    assert_eq!(
        (calls[2].token, &calls[2].outcome),
        (TokenKind::Unknown, &Outcome::Refused("invalid_auth".into()))
    );
    assert!(calls[0].at <= calls[2].at);
    Ok(())
}

#[tokio::test]
async fn the_caller_chooses_the_address() -> anyhow::Result<()> {
    let slack = Slack::builder().address("127.0.42.1:0").start().await?;
    assert!(slack.api_url().starts_with("http://127.0.42.1:"));
    assert_eq!(form(&slack, "auth.test", &format!("token={}", slack.bot_token())).await?["ok"], json!(true));
    Ok(())
}
