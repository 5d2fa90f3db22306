//! `check`: what is wrong with tokens, scopes and reachability, in sentences with what to do.

use patchbot::chat::slack::{Settings, Slack};
use patchbot::chat::{Checked, Health};
use patchbot::config::secret::Secret;
use patchbot_standins::slack::{Slack as Workspace, SlackBuilder};

use super::world::World;

async fn checked(builder: SlackBuilder, change: impl FnOnce(&mut Settings)) -> Checked {
    let world = World::silent(builder.start().await.unwrap(), change).await;
    let checked = world.chat.check().await;
    world.slack.finish().await.unwrap();
    checked
}

fn told(checked: &Checked) -> String {
    let fine = checked.fine.iter().map(|line| format!("+ {line}"));
    let wrong = checked.wrong.iter().map(|line| format!("- {line}"));
    fine.chain(wrong).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn all_is_well() {
    let checked = checked(Workspace::builder(), |settings| settings.match_mail = true).await;
    insta::assert_snapshot!(told(&checked), @r"
    + Slack: the bot token is good; I am @patchbot in the workspace Owners (T00000001).
    + Slack: the app has every scope that it needs.
    + Slack: the app-level token is good; Socket Mode is on.
    ");
}

#[tokio::test]
async fn tokens_that_are_wrong_or_in_the_wrong_place_are_told_apart() {
    let token = |text: &str| Secret::new(text);
    let wrong = checked(Workspace::builder(), |settings| {
        settings.bot_token = token("xoxb-old");
        settings.app_token = token("xapp-old");
    });
    insta::assert_snapshot!(told(&wrong.await), @r#"
    - Slack: the bot token is not accepted (invalid_auth); copy the "Bot User OAuth Token" from the page "OAuth & Permissions" of the app, and look whether the app is still installed.
    - Slack: the app-level token is not accepted (invalid_auth); make one on the page "Basic Information" of the app under "App-Level Tokens", with the scope connections:write.
    "#);
    let swapped = checked(Workspace::builder(), |settings| {
        std::mem::swap(&mut settings.bot_token, &mut settings.app_token);
    });
    let swapped = told(&swapped.await);
    insta::assert_snapshot!(swapped, @r#"
    - Slack: the bot token should begin with "xoxb-", and this is an app-level token; copy the "Bot User OAuth Token" from the page "OAuth & Permissions" of the app.
    - Slack: the app-level token should begin with "xapp-", and this is a bot token; make one on the page "Basic Information" of the app under "App-Level Tokens", with the scope connections:write.
    "#);
    assert!(!swapped.contains("standin"), "no token is ever printed");
}

#[tokio::test]
async fn missing_scopes_are_named_with_what_they_are_for() {
    let checked = checked(
        Workspace::builder().without_scope("im:write").without_scope("users:read.email"),
        |settings| settings.match_mail = true,
    );
    insta::assert_snapshot!(told(&checked.await), @r#"
    + Slack: the bot token is good; I am @patchbot in the workspace Owners (T00000001).
    + Slack: the app-level token is good; Socket Mode is on.
    - Slack: the app lacks the scope im:write (to write to owners directly); add it on the page "OAuth & Permissions" of the app, and install it anew.
    - Slack: the app lacks the scope users:read.email (to know people by their mail address); add it on the page "OAuth & Permissions" of the app, and install it anew.
    "#);
}

#[tokio::test]
async fn an_app_level_token_that_may_not_listen_is_told() {
    let world = World::silent(Workspace::start().await.unwrap(), |_| ()).await;
    world.slack.next("apps.connections.open").answers_error("missing_scope");
    let told = world.chat.check().await.wrong;
    insta::assert_snapshot!(told.join("\n"), @r#"Slack: the app-level token lacks the scope connections:write, so nobody can be heard; make one on the page "Basic Information" of the app under "App-Level Tokens", with the scope connections:write."#);
}

#[tokio::test]
async fn a_slack_that_cannot_be_reached_is_told_with_the_reason() {
    let world = World::silent(Workspace::start().await.unwrap(), |settings| {
        // Nobody listens on the discard port.
        settings.api_url = "http://127.0.0.1:9/api".to_owned();
    })
    .await;
    let told = world.chat.check().await.wrong;
    insta::assert_snapshot!(told.join("\n"), @"Slack: http://127.0.0.1:9/api cannot be reached (Connection refused (os error 111)); look at DNS, the firewall and the trust store of this machine. HTTP proxies are not used.");
    assert_eq!(world.chat.health(), Health::Connecting { why: None });
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_at_once() {
    let world = World::silent(Workspace::start().await.unwrap(), |_| ()).await;
    let settings = Settings { api_url: "slack.com/api".to_owned(), ..world.settings.clone() };
    let refused = Slack::new(settings, world.app.clone()).unwrap_err();
    insta::assert_snapshot!(refused, @r#""slack.com/api" is no address of a Web API; leave it out, or write it as https://slack.com/api"#);
}
