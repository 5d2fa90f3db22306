//! Files: a URL to upload to, the upload, and sharing what was uploaded.

use super::chat::{Draft, channel_meant, post};
use super::{Answer, BODY_LIMIT, Desk, Refusal, with_fault};
use crate::slack::calls::{Call, Outcome, TokenKind};
use crate::slack::faults;
use crate::slack::rows::{Author, FileRow, Saying, Upload};
use crate::slack::state::Shared;
use crate::slack::wire::Switch;
use axum::body::to_bytes;
use axum::extract::{ConnectInfo, Path, Request, State as Given};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) fn get_upload_url(desk: &mut Desk<'_>) -> Answer {
    let name = desk.args.needed("filename")?.to_owned();
    let length = desk.args.number("length").filter(|length| *length > 0);
    let length = length.ok_or_else(|| {
        Refusal::invalid_arguments(&["length must be a number above 0 [json-pointer:/length]".to_owned()])
    })?;
    let id = desk.state.id('F');
    let secret = format!("{:016x}", desk.state.number());
    let row = FileRow {
        id: id.clone(),
        title: name.clone(),
        name,
        alt: desk.args.text("alt_txt").map(str::to_owned),
        mime: "application/octet-stream".to_owned(),
        bytes: Vec::new(),
        upload: Upload::Promised { secret: secret.clone(), length },
        created: desk.shared.clock.seconds(),
        shared_in: Vec::new(),
    };
    desk.state.files.insert(id.clone(), row);
    Ok(json!({"upload_url": format!("{}/upload/v1/{id}/{secret}", desk.shared.base), "file_id": id}))
}

/// Takes the bytes of an upload.
pub(crate) async fn upload(
    Given(shared): Given<Arc<Shared>>,
    ConnectInfo(switch): ConnectInfo<Switch>,
    Path((id, secret)): Path<(String, String)>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let mime = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    if mime.as_deref().is_some_and(|mime| mime.starts_with("multipart/")) {
        shared.change(|state| {
            state.complain("a file was uploaded as a multipart form; the raw bytes are modelled");
        });
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let fault = shared.change(|state| faults::take(state, "upload"));
    let (size, ok) = (bytes.len(), format!("OK - {}", bytes.len()));
    let mut taken = false;
    let work = || {
        taken = shared.change(|state| match state.files.get_mut(&id) {
            Some(row) if row.upload == (Upload::Promised { secret: secret.clone(), length: size }) => {
                row.bytes = bytes.to_vec();
                row.mime = mime.clone().unwrap_or_else(|| row.mime.clone());
                row.upload = Upload::Received;
                true
            }
            Some(_) | None => {
                state.complain(format!(
                    "{size} bytes were uploaded for {id}, which is not what was announced"
                ));
                false
            }
        });
        if taken { Ok(json!({})) } else { Err(Refusal::of("upload_failed")) }
    };
    let had_fault = fault.is_some();
    let log = |outcome: Outcome| {
        shared.change(|state| {
            state.calls.push(Call {
                method: "upload".to_owned(),
                token: TokenKind::Missing,
                channel: None,
                arguments: json!({"file": id, "bytes": size}),
                at: shared.clock.running(),
                outcome,
            });
        });
    };
    let answer = with_fault(fault, &switch, work, log).await;
    match (had_fault, taken) {
        (true, _) => answer,
        // Unlike the Web API, the upload host speaks plain text.
        (false, true) => (StatusCode::OK, [(CONTENT_TYPE, "text/plain; charset=utf-8")], ok).into_response(),
        (false, false) => {
            (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, "text/plain")], "upload failed").into_response()
        }
    }
}

pub(super) fn complete_upload(desk: &mut Desk<'_>) -> Answer {
    let wanted = desk.args.structure("files").ok().flatten();
    let wanted = wanted.as_ref().and_then(Value::as_array).filter(|files| !files.is_empty());
    let wanted = wanted.ok_or_else(|| {
        Refusal::invalid_arguments(&["missing required field: files [json-pointer:/files]".to_owned()])
    })?;
    let mut channels = desk.args.words("channels");
    channels.extend(desk.args.text("channel_id").map(str::to_owned));
    let mut targets = Vec::new();
    for name in &channels {
        targets.push(share_target(desk, name)?);
    }
    if desk.args.has("thread_ts") && targets.len() > 1 {
        return Err(Refusal::of("too_many_channels_with_thread_ts"));
    }
    let mut files = Vec::new();
    for entry in wanted {
        files.push(finish(desk, entry, &targets)?);
    }
    for channel in targets {
        let draft = share(desk, files.clone())?;
        post(desk.shared, desk.state, &channel, draft)?;
    }
    let listed: Vec<Value> = files.iter().map(|file| json!({"id": file.id, "title": file.title})).collect();
    Ok(json!({"files": listed}))
}

fn share_target(desk: &mut Desk<'_>, name: &str) -> Result<String, Refusal> {
    let id = channel_meant(desk, name)?;
    match desk.state.channels.get(&id) {
        Some(row) if row.archived => Err(Refusal::of("is_archived")),
        Some(row) if row.has_app => Ok(id),
        Some(_) => Err(Refusal::of("not_in_channel")),
        None => Err(Refusal::of("channel_not_found")),
    }
}

fn finish(desk: &mut Desk<'_>, entry: &Value, targets: &[String]) -> Result<FileRow, Refusal> {
    let id = entry.get("id").and_then(Value::as_str).unwrap_or_default();
    let row = desk.state.files.get_mut(id).ok_or_else(|| Refusal::of("file_not_found"))?;
    match row.upload {
        // A URL that nothing was uploaded to, or a file that was shared already.
        Upload::Promised { .. } => return Err(Refusal::of("file_not_found")),
        Upload::Complete => return Err(Refusal::of("file_update_failed")),
        Upload::Received => row.upload = Upload::Complete,
    }
    if let Some(title) = entry.get("title").and_then(Value::as_str) {
        title.clone_into(&mut row.title);
    }
    row.shared_in = targets.to_vec();
    Ok(row.clone())
}

fn share(desk: &mut Desk<'_>, files: Vec<FileRow>) -> Result<Draft, Refusal> {
    let comment = desk.args.text("initial_comment").map(str::to_owned);
    let mut draft = match &comment {
        // With a comment the blocks are ignored.
        Some(comment) => Draft {
            saying: Saying { text: comment.clone(), blocks: Vec::new(), attachments: Vec::new() },
            metadata: None,
            author: Author::App { username: None },
            thread: desk.args.text("thread_ts").map(str::to_owned),
            only_for: None,
            files: Vec::new(),
        },
        None => super::chat::draft(desk.shared, desk.state, desk.args)?,
    };
    draft.files = files;
    Ok(draft)
}

pub(super) fn info(desk: &mut Desk<'_>) -> Answer {
    let row = desk.state.files.get(desk.args.text("file").unwrap_or_default());
    let row =
        row.filter(|row| row.upload == Upload::Complete).ok_or_else(|| Refusal::of("file_not_found"))?;
    Ok(json!({"file": file_json(desk.shared, row)}))
}

/// Serves a file to those who show the bot token.
pub(crate) async fn download(
    Given(shared): Given<Arc<Shared>>,
    Path((id, _name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let expected = format!("Bearer {}", shared.settings.bot_token);
    if headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) != Some(expected.as_str()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let found = shared.read(|state| state.files.get(&id).map(|row| (row.mime.clone(), row.bytes.clone())));
    match found {
        Some((mime, bytes)) => ([(CONTENT_TYPE, mime)], bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Writes a file the way messages carry it.
pub(crate) fn file_json(shared: &Shared, row: &FileRow) -> Value {
    let url = format!(
        "{}/files-pri/{}/{}",
        shared.base,
        row.id,
        row.name.replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "_")
    );
    json!({
        "id": row.id,
        "created": row.created,
        "timestamp": row.created,
        "name": row.name,
        "title": row.title,
        "mimetype": row.mime,
        "filetype": row.name.rsplit_once('.').map_or("binary", |(_, end)| end),
        "user": shared.settings.bot_user,
        "size": row.bytes.len(),
        "is_public": false,
        "is_external": false,
        "url_private": url,
        "url_private_download": url,
        "alt_txt": row.alt,
    })
}
