//! Uploads.

use crate::app::{Bot, error_of};
use patchbot_standins::slack::Slack;
use slack_morphism::prelude::*;

#[tokio::test]
async fn a_picture_is_uploaded_and_shared_in_a_thread() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let bot = Bot::of(&slack)?;
    let session = bot.session();
    let ops = slack.channel("ops");
    let parent = SlackMessageContent::new().with_text("2027Q1".into());
    let parent =
        session.chat_post_message(&SlackApiChatPostMessageRequest::new(ops.id().into(), parent)).await?;
    let bytes = b"not really a picture".to_vec();

    let announced = SlackApiFilesGetUploadUrlExternalRequest::new("calendar.png".into(), bytes.len())
        .with_alt_txt("The calendar of the quarter".into());
    let place = session.get_upload_url_external(&announced).await?;
    let upload = SlackApiFilesUploadViaUrlRequest::new(place.upload_url, bytes.clone(), "image/png".into());
    session.files_upload_via_url(&upload).await?;
    let file = SlackApiFilesComplete::new(place.file_id).with_title("Calendar".into());
    let complete = SlackApiFilesCompleteUploadExternalRequest::new(vec![file])
        .with_channel_id(ops.id().into())
        .with_thread_ts(parent.ts)
        .with_initial_comment("The quarter at a glance".into());
    session.files_complete_upload_external(&complete).await?;

    let shared = ops.thread(&ops.messages()[0]);
    assert_eq!(shared[0].as_text(), "The quarter at a glance\n[file calendar.png: Calendar, 20 bytes]");
    let file = slack.files().pop().ok_or_else(|| anyhow::anyhow!("there is no file"))?;
    assert_eq!(
        (file.bytes, file.mime.as_str(), file.alt.as_deref()),
        (bytes, "image/png", Some("The calendar of the quarter"))
    );
    slack.finish().await
}

#[tokio::test]
async fn an_upload_must_be_what_was_announced_and_be_completed() -> anyhow::Result<()> {
    let slack = Slack::start().await?;
    let bot = Bot::of(&slack)?;
    let session = bot.session();
    let place = session
        .get_upload_url_external(&SlackApiFilesGetUploadUrlExternalRequest::new("a.png".into(), 3))
        .await?;
    let upload =
        SlackApiFilesUploadViaUrlRequest::new(place.upload_url, b"four".to_vec(), "image/png".into());
    assert_eq!(error_of(session.files_upload_via_url(&upload).await), "HTTP 400");
    let complete =
        SlackApiFilesCompleteUploadExternalRequest::new(vec![SlackApiFilesComplete::new(place.file_id)]);
    assert_eq!(error_of(session.files_complete_upload_external(&complete).await), "file_not_found");
    let error = slack.finish().await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("4 bytes were uploaded"), "{error}");
    assert!(error.contains("the upload of a.png was begun and never completed"), "{error}");
    Ok(())
}
