//! Who people are, and what the app may know of them.

use crate::app::{Bot, error_of};
use patchbot_standins::slack::Slack;
use serde_json::json;
use slack_morphism::prelude::*;

#[tokio::test]
async fn the_client_can_tell_who_it_is_and_whom_it_serves() -> anyhow::Result<()> {
    let slack = Slack::builder().now(1_795_000_000).start().await?;
    let bot = Bot::of(&slack)?;
    let session = bot.session();
    let ada = slack.person("ada").mail("Ada@owners.test").real_name("Ada Lovelace").zone("Europe/Berlin")?;

    let test = session.auth_test().await?;
    assert_eq!(
        (test.team_id.value().as_str(), test.user_id.value().as_str()),
        (slack.team(), slack.bot_user())
    );
    let by_id = session.users_info(&SlackApiUsersInfoRequest::new(ada.id().into())).await?.user;
    assert_eq!((by_id.tz.as_deref(), by_id.tz_offset), (Some("Europe/Berlin"), Some(3600)));
    let lookup = SlackApiUsersLookupByEmailRequest::new(EmailAddress("ada@owners.test".into()));
    let by_mail = session.users_lookup_by_email(&lookup).await?.user;
    assert_eq!(by_mail.id.value(), ada.id());
    let nobody = SlackApiUsersLookupByEmailRequest::new(EmailAddress("nobody@owners.test".into()));
    assert_eq!(error_of(session.users_lookup_by_email(&nobody).await), "users_not_found");
    assert_eq!(
        error_of(session.users_info(&SlackApiUsersInfoRequest::new("U404".into())).await),
        "user_not_found"
    );
    slack.finish().await
}

#[tokio::test]
async fn a_renamed_person_keeps_the_id_and_somebody_else_may_take_the_handle() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let ada = slack.person("ada");
    let id = ada.id().to_owned();

    let ada = ada.renamed("ada.lovelace");
    let impostor = slack.person("ada");

    assert_eq!((ada.id(), ada.handle().as_str()), (id.as_str(), "ada.lovelace"));
    assert_ne!(impostor.id(), id);
    Ok(())
}

#[tokio::test]
async fn guests_strangers_and_former_colleagues_are_told_apart() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let bot = Bot::of(&slack)?;
    let session = bot.session();
    let info = async |id: &str| session.users_info(&SlackApiUsersInfoRequest::new(id.into())).await;
    let guest = slack.person("guest").single_channel_guest();
    let stranger = slack.person("stranger").mail("s@other.test").from_workspace("T99");
    let former = slack.person("former").mail("f@owners.test").deactivated();

    let flags = info(guest.id()).await?.user.flags;
    assert_eq!((flags.is_restricted, flags.is_ultra_restricted), (Some(true), Some(true)));
    let seen = info(stranger.id()).await?.user;
    assert_eq!((seen.flags.is_stranger, seen.team_id), (Some(true), Some("T99".into())));
    assert_eq!(seen.profile.and_then(|profile| profile.email), None);
    assert_eq!(info(former.id()).await?.user.deleted, Some(true));
    for (mail, person) in [("s@other.test", &stranger), ("f@owners.test", &former)] {
        let lookup = SlackApiUsersLookupByEmailRequest::new(EmailAddress(mail.into()));
        assert_eq!(error_of(session.users_lookup_by_email(&lookup).await), "users_not_found");
        let open = SlackApiConversationsOpenRequest::new().with_users(vec![person.id().into()]);
        assert!(!error_of(session.conversations_open(&open).await).starts_with("no error"));
    }
    assert!(former.writes_dm("let me in").await.is_err());
    slack.finish().await
}

#[tokio::test]
async fn without_the_scope_for_addresses_they_are_not_told() -> anyhow::Result<()> {
    let slack = Slack::builder().without_scope("users:read.email").start().await?;
    let bot = Bot::of(&slack)?;
    let session = bot.session();
    let ada = slack.person("ada").mail("ada@owners.test");
    let seen = session.users_info(&SlackApiUsersInfoRequest::new(ada.id().into())).await?.user;
    assert_eq!(seen.profile.and_then(|profile| profile.email), None);
    let lookup = SlackApiUsersLookupByEmailRequest::new(EmailAddress("ada@owners.test".into()));
    assert_eq!(error_of(session.users_lookup_by_email(&lookup).await), "missing_scope");
    Ok(())
}

#[tokio::test]
async fn a_dm_is_opened_and_read_in_the_readers_zone() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let bot = Bot::of(&slack)?;
    let session = bot.session();
    let ada = slack.person("ada").zone("Asia/Tokyo")?;
    let ops = slack.channel("ops");
    let open = SlackApiConversationsOpenRequest::new().with_users(vec![ada.id().into()]);
    let dm = session.conversations_open(&open).await?.channel;
    assert_eq!(dm.id.value(), ada.dm().id());
    let again = session.conversations_open_full(&open).await?.channel;
    assert_eq!(again.id, dm.id);

    let text = format!(
        "<@{}>: *web01* at <!date^1795806000^{{date_short}} {{time}}|some day>, see <#{}> or <https://wiki.test|the wiki> &amp; ask",
        ada.id(),
        ops.id()
    );
    bot.posts(dm.id.value(), json!([{"type": "section", "text": {"type": "mrkdwn", "text": text}}])).await?;

    let read = ada.reads_dm();
    assert_eq!(
        read[0].as_text(),
        "@ada: *web01* at Nov 28, 2026 04:00, see #ops or the wiki (https://wiki.test) & ask"
    );
    assert!(ada.dm().as_text().contains("Nov 27, 2026 19:00"), "{}", ada.dm().as_text());
    slack.finish().await
}

#[tokio::test]
async fn an_ephemeral_message_reaches_one_member() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let bot = Bot::of(&slack)?;
    let session = bot.session();
    let (ada, bob) = (slack.person("ada"), slack.person("bob"));
    let ops = slack.channel("ops").with([&ada]);
    let whisper = async |person: &str| {
        let content = SlackMessageContent::new().with_text("for you".into());
        let request = SlackApiChatPostEphemeralRequest::new(ops.id().into(), person.into(), content);
        session.chat_post_ephemeral(&request).await
    };
    whisper(ada.id()).await?;
    assert_eq!(error_of(whisper(bob.id()).await), "user_not_in_channel");
    assert_eq!((ada.reads(&ops).len(), bob.reads(&ops).len(), ops.messages().len()), (1, 0, 0));
    slack.finish().await
}

#[tokio::test]
async fn conversations_are_listed_as_far_as_the_scopes_and_memberships_go() -> anyhow::Result<()> {
    let slack = Slack::builder().scope("channels:read").scope("channels:history").start().await?;
    let bot = Bot::of(&slack)?;
    let session = bot.session();
    let ada = slack.person("ada");
    let ops = slack.channel("ops").with([&ada]);
    let secret = slack.channel("secret").private().without_app();
    for number in 0..3 {
        let content = SlackMessageContent::new().with_text(format!("message {number}"));
        session.chat_post_message(&SlackApiChatPostMessageRequest::new(ops.id().into(), content)).await?;
    }

    let list = session.conversations_list(&SlackApiConversationsListRequest::new()).await?.channels;
    assert_eq!(list.iter().map(|channel| channel.id.value().as_str()).collect::<Vec<_>>(), [ops.id()]);
    let info = |id: &str| SlackApiConversationsInfoRequest::new(id.into());
    assert_eq!(session.conversations_info(&info(ops.id())).await?.channel.name.as_deref(), Some("ops"));
    assert_eq!(error_of(session.conversations_info(&info(secret.id())).await), "channel_not_found");
    let page = SlackApiConversationsHistoryRequest::new().with_channel(ops.id().into()).with_limit(2);
    let first = session.conversations_history(&page).await?;
    assert_eq!(first.messages[0].content.text.as_deref(), Some("message 2"));
    let cursor = first.response_metadata.and_then(|metadata| metadata.next_cursor);
    let rest = session.conversations_history(&page.opt_cursor(cursor)).await?;
    assert_eq!((rest.messages.len(), rest.has_more), (1, Some(false)));
    slack.finish().await
}
