//! Messages: posting, rewriting, deleting, and what they may contain.

use super::{Answer, Args, Desk, Refusal, scoped};
use crate::slack::rows::{Author, ChannelRow, FileRow, Kind, MessageRow, Saying};
use crate::slack::rules::{self, Surface};
use crate::slack::state::{Shared, State};
use serde_json::{Value, json};

/// The longest text a message can have.
const LONGEST_TEXT: usize = 40_000;
/// The longest text that `chat.update` takes.
const LONGEST_UPDATE: usize = 4_000;
/// The longest `markdown_text`.
const LONGEST_MARKDOWN: usize = 12_000;
/// Slack refuses messages whose blocks hold more text than about this, though no page of its documentation says so.
const LONGEST_BLOCKS: usize = 13_200;
/// How often per second an app may post into one channel when the workspace limits it.
const POSTS_PER_SECOND: usize = 1;

/// A message that passed all checks and is not posted yet.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) saying: Saying,
    pub(crate) metadata: Option<Value>,
    pub(crate) author: Author,
    pub(crate) thread: Option<String>,
    pub(crate) only_for: Option<String>,
    pub(crate) files: Vec<FileRow>,
}

/// Checks what a message says; the rules are the same for posts, answers and acknowledgements.
pub(crate) fn draft(shared: &Shared, state: &mut State, args: &Args) -> Result<Draft, Refusal> {
    let text = args.text("text").unwrap_or_default().to_owned();
    if text.chars().count() > LONGEST_TEXT {
        return Err(Refusal::of("msg_too_long"));
    }
    let markdown = args.text("markdown_text");
    let blocks = match markdown {
        Some(_) if args.has("text") || args.has("blocks") => {
            return Err(Refusal::of("markdown_text_conflict"));
        }
        Some(markdown) if markdown.chars().count() > LONGEST_MARKDOWN => {
            return Err(Refusal::of("msg_too_long"));
        }
        Some(markdown) => Some(json!([{"type": "markdown", "text": markdown}])),
        None => args.structure("blocks").map_err(|()| Refusal::of("invalid_blocks_format"))?,
    };
    let blocks = checked_blocks(state, blocks)?;
    let attachments = match args.structure("attachments") {
        Ok(None) => Vec::new(),
        Ok(Some(Value::Array(items))) if items.len() <= 100 => items,
        Ok(Some(Value::Array(_))) => return Err(Refusal::of("too_many_attachments")),
        Ok(Some(_)) | Err(()) => return Err(Refusal::of("invalid_attachments")),
    };
    let metadata = args.structure("metadata").map_err(|()| Refusal::of("invalid_metadata_format"))?;
    if let Some(metadata) = &metadata {
        rules::metadata(metadata).map_err(|error| Refusal::of(&error))?;
    }
    let username = args.text("username").map(str::to_owned);
    if username.is_some() || args.has("icon_emoji") || args.has("icon_url") {
        scoped(shared, &["chat:write.customize"])?;
    }
    Ok(Draft {
        saying: Saying { text, blocks, attachments },
        metadata,
        author: Author::App { username },
        thread: args.text("thread_ts").map(str::to_owned),
        only_for: None,
        files: Vec::new(),
    })
}

fn checked_blocks(state: &mut State, blocks: Option<Value>) -> Result<Vec<Value>, Refusal> {
    let Some(blocks) = blocks else { return Ok(Vec::new()) };
    let problems = rules::blocks(&blocks, "/blocks", Surface::Message);
    if !problems.is_empty() {
        return Err(Refusal::with_problems("invalid_blocks", &problems));
    }
    if rules::weight(&blocks) > LONGEST_BLOCKS {
        return Err(Refusal::of("msg_blocks_too_long"));
    }
    let Value::Array(mut blocks) = blocks else { return Ok(Vec::new()) };
    rules::name_everything(&mut blocks, || format!("b{:04}", state.number()));
    Ok(blocks)
}

impl Draft {
    fn is_empty(&self) -> bool {
        self.saying.text.is_empty()
            && self.saying.blocks.is_empty()
            && self.saying.attachments.is_empty()
            && self.files.is_empty()
    }
}

/// Posts a draft and gives its timestamp.
pub(crate) fn post(
    shared: &Shared,
    state: &mut State,
    channel: &str,
    draft: Draft,
) -> Result<String, Refusal> {
    if draft.is_empty() {
        return Err(Refusal::of("no_text"));
    }
    if let Some(parent) = &draft.thread {
        match state.message(channel, parent) {
            None => return Err(Refusal::of("thread_not_found")),
            Some(parent) if parent.thread.as_deref().is_some_and(|thread| thread != parent.ts) => {
                return Err(Refusal::of("cannot_reply_to_message"));
            }
            Some(_) => {}
        }
    }
    let ts = state.ts(&shared.clock);
    let row = MessageRow {
        ts: ts.clone(),
        channel: channel.to_owned(),
        author: draft.author,
        thread: draft.thread,
        only_for: draft.only_for,
        saying: draft.saying,
        metadata: draft.metadata,
        files: draft.files,
        earlier: Vec::new(),
        edited: None,
        deleted: false,
        touched: state.seq,
    };
    state.channels.get_mut(channel).ok_or_else(|| Refusal::of("channel_not_found"))?.posts.push(row);
    Ok(ts)
}

/// Finds the channel that an argument means: an id, a name, or a person whose DM is meant.
pub(crate) fn channel_meant(desk: &mut Desk<'_>, name: &str) -> Result<String, Refusal> {
    let missing = || Refusal::of("channel_not_found");
    if desk
        .state
        .people
        .get(name)
        .is_some_and(|person| !person.deactivated && person.team == desk.shared.settings.team)
    {
        return Ok(desk.state.dm(name, &desk.shared.clock));
    }
    let bare = name.strip_prefix('#').unwrap_or(name);
    let row = desk.state.channels.get(name).or_else(|| desk.state.channel_named(bare)).ok_or_else(missing)?;
    // The existence of a private channel is not told to those who are not in it.
    if row.kind == Kind::Private && !row.has_app {
        return Err(missing());
    }
    Ok(row.id.clone())
}

fn writable(desk: &Desk<'_>, channel: &str) -> Result<(), Refusal> {
    let row = desk.state.channels.get(channel).ok_or_else(|| Refusal::of("channel_not_found"))?;
    if row.archived {
        return Err(Refusal::of("is_archived"));
    }
    if !row.has_app && scoped(desk.shared, &["chat:write.public"]).is_err() {
        return Err(Refusal::of("not_in_channel"));
    }
    too_fast(desk, row)
}

fn too_fast(desk: &Desk<'_>, row: &ChannelRow) -> Result<(), Refusal> {
    if !desk.shared.settings.posting_rate {
        return Ok(());
    }
    let now = desk.shared.clock.micros();
    let recent = row.posts.iter().rev().take_while(|post| now - micros(&post.ts) < 1_000_000);
    match recent.filter(|post| matches!(post.author, Author::App { .. })).count() {
        count if count >= POSTS_PER_SECOND => Err(Refusal::of("ratelimited")),
        _ => Ok(()),
    }
}

fn micros(ts: &str) -> i64 {
    ts.replace('.', "").parse().unwrap_or_default()
}

pub(super) fn post_message(desk: &mut Desk<'_>) -> Answer {
    let channel = channel_meant(desk, desk.args.text("channel").unwrap_or_default())?;
    writable(desk, &channel)?;
    let draft = draft(desk.shared, desk.state, desk.args)?;
    let ts = post(desk.shared, desk.state, &channel, draft)?;
    let message = desk.state.message(&channel, &ts).map(|row| message_json(desk.shared, row));
    Ok(json!({"channel": channel, "ts": ts, "message": message}))
}

pub(super) fn post_ephemeral(desk: &mut Desk<'_>) -> Answer {
    let channel = channel_meant(desk, desk.args.text("channel").unwrap_or_default())?;
    let person = desk.args.needed("user")?.to_owned();
    writable(desk, &channel)?;
    if !desk.state.channels.get(&channel).is_some_and(|row| row.members.contains(&person)) {
        return Err(Refusal::of("user_not_in_channel"));
    }
    let mut draft = draft(desk.shared, desk.state, desk.args)?;
    draft.only_for = Some(person);
    let ts = post(desk.shared, desk.state, &channel, draft)?;
    Ok(json!({"message_ts": ts}))
}

pub(super) fn update(desk: &mut Desk<'_>) -> Answer {
    let (channel, ts) = own_message(desk, "cant_update_message")?;
    if desk.args.text("text").is_some_and(|text| text.chars().count() > LONGEST_UPDATE) {
        return Err(Refusal::of("msg_too_long"));
    }
    let args = desk.args;
    if !["text", "blocks", "attachments", "markdown_text", "metadata"].iter().any(|name| args.has(name)) {
        return Err(Refusal::of("no_text"));
    }
    let draft = draft(desk.shared, desk.state, args)?;
    let (seq, edited) = (desk.state.seq, desk.state.ts(&desk.shared.clock));
    let row = desk.state.message_mut(&channel, &ts).ok_or_else(|| Refusal::of("message_not_found"))?;
    let mut saying = row.saying.clone();
    if args.has("blocks") || args.has("markdown_text") {
        saying.blocks = draft.saying.blocks;
        saying.text = draft.saying.text;
    } else if args.has("text") {
        // A text alone takes the place of the blocks: they, and their buttons, are gone.
        saying.blocks = Vec::new();
        saying.text = draft.saying.text;
        row.edited = Some(edited);
    }
    if args.has("attachments") {
        saying.attachments = draft.saying.attachments;
    }
    if let Some(metadata) = draft.metadata {
        row.metadata =
            Some(metadata).filter(|metadata| metadata.as_object().is_some_and(|map| !map.is_empty()));
    }
    if saying.text.is_empty() && saying.blocks.is_empty() && saying.attachments.is_empty() {
        return Err(Refusal::of("no_text"));
    }
    row.rewrite(saying, seq);
    let message = message_json(desk.shared, row);
    Ok(json!({"channel": channel, "ts": ts, "text": row.saying.text, "message": message}))
}

pub(super) fn delete(desk: &mut Desk<'_>) -> Answer {
    let (channel, ts) = own_message(desk, "cant_delete_message")?;
    let seq = desk.state.seq;
    if let Some(row) = desk.state.message_mut(&channel, &ts) {
        row.delete(seq);
    }
    Ok(json!({"channel": channel, "ts": ts}))
}

pub(super) fn permalink(desk: &mut Desk<'_>) -> Answer {
    let channel = channel_meant(desk, desk.args.text("channel").unwrap_or_default())?;
    let ts = desk.args.needed("message_ts")?;
    let row = desk.state.message(&channel, ts).filter(|row| row.only_for.is_none() && !row.deleted);
    let row = row.ok_or_else(|| Refusal::of("message_not_found"))?;
    let link = format!(
        "https://{}.slack.test/archives/{channel}/p{}",
        desk.shared.settings.domain,
        row.ts.replace('.', "")
    );
    Ok(json!({"channel": channel, "permalink": link}))
}

/// Finds the message that an update or deletion means; people's and invisible ones are out of reach.
fn own_message(desk: &mut Desk<'_>, not_ours: &str) -> Result<(String, String), Refusal> {
    let name = desk.args.text("channel").unwrap_or_default();
    let row = desk.state.channels.get(name).ok_or_else(|| Refusal::of("channel_not_found"))?;
    if row.kind == Kind::Private && !row.has_app {
        return Err(Refusal::of("channel_not_found"));
    }
    let ts = desk.args.text("ts").ok_or_else(|| Refusal::of("message_not_found"))?;
    let message = row.posts.iter().find(|post| post.ts == ts && !post.deleted && post.only_for.is_none());
    match message.map(|message| &message.author) {
        None => Err(Refusal::of("message_not_found")),
        Some(Author::Person(_)) => Err(Refusal::of(not_ours)),
        Some(Author::App { .. }) => Ok((name.to_owned(), ts.to_owned())),
    }
}

impl MessageRow {
    /// Changes what the message says and keeps what it said.
    pub(crate) fn rewrite(&mut self, saying: Saying, seq: u64) {
        self.earlier.push(std::mem::replace(&mut self.saying, saying));
        self.touched = seq;
    }

    /// Takes the message away.
    pub(crate) fn delete(&mut self, seq: u64) {
        self.deleted = true;
        self.touched = seq;
    }
}

/// Writes a message the way payloads and answers carry it.
pub(crate) fn message_json(shared: &Shared, row: &MessageRow) -> Value {
    let settings = &shared.settings;
    let mut message =
        json!({"type": "message", "ts": row.ts, "text": row.saying.text, "team": settings.team});
    let mut put = |name: &str, value: Value| {
        if let Some(fields) = message.as_object_mut() {
            fields.insert(name.to_owned(), value);
        }
    };
    match &row.author {
        Author::Person(id) => put("user", json!(id)),
        Author::App { username } => {
            put("user", json!(settings.bot_user));
            put("bot_id", json!(settings.bot));
            put("app_id", json!(settings.app));
            put(
                "bot_profile",
                json!({"id": settings.bot, "app_id": settings.app, "name": settings.app_name,
                "team_id": settings.team, "deleted": false, "updated": 0, "icons": {}}),
            );
            if let Some(username) = username {
                put("username", json!(username));
            }
        }
    }
    if let Some(thread) = &row.thread {
        put("thread_ts", json!(thread));
    }
    if !row.saying.blocks.is_empty() {
        put("blocks", json!(row.saying.blocks));
    }
    if !row.saying.attachments.is_empty() {
        put("attachments", json!(row.saying.attachments));
    }
    if let Some(metadata) = &row.metadata {
        put("metadata", metadata.clone());
    }
    if !row.files.is_empty() {
        put("files", row.files.iter().map(|file| super::files::file_json(shared, file)).collect());
    }
    if let Some(edited) = &row.edited {
        put("edited", json!({"user": settings.bot_user, "ts": edited}));
    }
    message
}
