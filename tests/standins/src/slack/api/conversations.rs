//! Conversations: opening DMs, looking at channels, reading history.

use super::chat::{channel_meant, message_json};
use super::{Answer, Desk, Refusal, scoped};
use crate::slack::rows::{ChannelRow, Kind, MessageRow};
use crate::slack::state::{Shared, State};
use serde_json::{Value, json};

/// What a page holds when nothing is said.
const PAGE: usize = 100;

pub(super) fn open(desk: &mut Desk<'_>) -> Answer {
    let users = desk.args.words("users");
    let open_already = desk.args.has("channel")
        || users.iter().any(|user| desk.state.people.get(user).is_some_and(|row| row.dm.is_some()));
    let id = match (desk.args.text("channel"), users.as_slice()) {
        (Some(channel), _) => channel_meant(desk, channel)?,
        (None, []) => return Err(Refusal::of("users_list_not_supplied")),
        (None, [user]) => open_dm(desk, user)?,
        (None, _) => {
            desk.state.complain("conversations.open was called for several people, which is not modelled");
            return Err(Refusal::of("not_supported"));
        }
    };
    let row = desk.state.channels.get(&id).ok_or_else(|| Refusal::of("channel_not_found"))?;
    let channel =
        if desk.args.flag("return_im") { channel_json(desk.shared, row) } else { json!({"id": id}) };
    Ok(json!({"channel": channel, "no_op": open_already, "already_open": open_already}))
}

fn open_dm(desk: &mut Desk<'_>, user: &str) -> Result<String, Refusal> {
    if user == desk.shared.settings.bot_user {
        return Err(Refusal::of("cannot_dm_bot"));
    }
    let person = desk.state.people.get(user).ok_or_else(|| Refusal::of("user_not_found"))?;
    if person.deactivated {
        return Err(Refusal::of("user_disabled"));
    }
    if person.team != desk.shared.settings.team {
        return Err(Refusal::of("user_not_visible"));
    }
    Ok(desk.state.dm(user, &desk.shared.clock))
}

pub(super) fn join(desk: &mut Desk<'_>) -> Answer {
    let id = channel_meant(desk, desk.args.text("channel").unwrap_or_default())?;
    let row = desk.state.channels.get_mut(&id).ok_or_else(|| Refusal::of("channel_not_found"))?;
    match row.kind {
        Kind::Public if row.archived => Err(Refusal::of("is_archived")),
        Kind::Public => {
            row.has_app = true;
            Ok(json!({"channel": channel_json(desk.shared, row)}))
        }
        Kind::Private | Kind::Dm(_) => Err(Refusal::of("method_not_supported_for_channel_type")),
    }
}

pub(super) fn info(desk: &mut Desk<'_>) -> Answer {
    let id = channel_meant(desk, desk.args.text("channel").unwrap_or_default())?;
    let row = readable(desk.shared, desk.state, &id, "read")?;
    Ok(json!({"channel": channel_json(desk.shared, row)}))
}

pub(super) fn list(desk: &mut Desk<'_>) -> Answer {
    let types = desk.args.words("types");
    let wanted = |row: &ChannelRow| {
        let kind = match row.kind {
            Kind::Public => "public_channel",
            Kind::Private => "private_channel",
            Kind::Dm(_) => "im",
        };
        let asked =
            if types.is_empty() { kind == "public_channel" } else { types.iter().any(|name| name == kind) };
        asked
            && (row.kind == Kind::Public || row.has_app)
            && !(desk.args.flag("exclude_archived") && row.archived)
    };
    let rows = desk.state.channels.values().filter(|row| wanted(row));
    let all: Vec<Value> = rows.map(|row| channel_json(desk.shared, row)).collect();
    Ok(page(desk, "channels", &all))
}

pub(super) fn members(desk: &mut Desk<'_>) -> Answer {
    let id = channel_meant(desk, desk.args.text("channel").unwrap_or_default())?;
    let row = readable(desk.shared, desk.state, &id, "read")?;
    let app = row.has_app.then(|| desk.shared.settings.bot_user.clone());
    let all: Vec<Value> = row.members.iter().cloned().chain(app).map(Value::String).collect();
    Ok(page(desk, "members", &all))
}

pub(super) fn history(desk: &mut Desk<'_>) -> Answer {
    let id = channel_meant(desk, desk.args.text("channel").unwrap_or_default())?;
    let row = readable(desk.shared, desk.state, &id, "history")?;
    let oldest = desk.args.text("oldest");
    let latest = desk.args.text("latest");
    let wanted = |post: &&MessageRow| {
        post.thread.as_deref().is_none_or(|thread| thread == post.ts)
            && oldest.is_none_or(|oldest| post.ts.as_str() > oldest)
            && latest.is_none_or(|latest| post.ts.as_str() < latest)
    };
    let posts = lasting(row).filter(wanted).rev();
    let all: Vec<Value> = posts.map(|post| message_json(desk.shared, post)).collect();
    Ok(page(desk, "messages", &all))
}

pub(super) fn replies(desk: &mut Desk<'_>) -> Answer {
    let id = channel_meant(desk, desk.args.text("channel").unwrap_or_default())?;
    let row = readable(desk.shared, desk.state, &id, "history")?;
    let parent = desk.args.needed("ts")?;
    if !lasting(row).any(|post| post.ts == parent) {
        return Err(Refusal::of("thread_not_found"));
    }
    let posts = lasting(row).filter(|post| post.ts == parent || post.thread.as_deref() == Some(parent));
    let all: Vec<Value> = posts.map(|post| message_json(desk.shared, post)).collect();
    Ok(page(desk, "messages", &all))
}

fn lasting(row: &ChannelRow) -> impl DoubleEndedIterator<Item = &MessageRow> {
    row.posts.iter().filter(|post| !post.deleted && post.only_for.is_none())
}

/// Gives a channel if the app is in it and has the scope that this kind of channel needs.
fn readable<'s>(shared: &Shared, state: &'s State, id: &str, right: &str) -> Result<&'s ChannelRow, Refusal> {
    let row = state.channels.get(id).ok_or_else(|| Refusal::of("channel_not_found"))?;
    let family = match row.kind {
        Kind::Public => "channels",
        Kind::Private => "groups",
        Kind::Dm(_) => "im",
    };
    scoped(shared, &[&format!("{family}:{right}")])?;
    if right == "history" && !row.has_app {
        return Err(Refusal::of("not_in_channel"));
    }
    Ok(row)
}

/// Cuts a list into pages and names the cursor of the next one.
pub(super) fn page(desk: &Desk<'_>, name: &str, all: &[Value]) -> Value {
    let limit = desk.args.number("limit").filter(|limit| *limit > 0).unwrap_or(PAGE);
    let start =
        desk.args.text("cursor").and_then(|cursor| cursor.strip_prefix("at-")?.parse().ok()).unwrap_or(0);
    let items: Vec<Value> = all.iter().skip(start).take(limit).cloned().collect();
    let end = start + items.len();
    let next = if end < all.len() { format!("at-{end}") } else { String::new() };
    json!({name: items, "has_more": end < all.len(), "response_metadata": {"next_cursor": next}})
}

/// Writes a conversation the way answers carry it.
pub(super) fn channel_json(shared: &Shared, row: &ChannelRow) -> Value {
    let mut channel = json!({
        "id": row.id,
        "created": row.created,
        "is_archived": row.archived,
        "is_im": row.is_dm(),
        "is_channel": row.kind == Kind::Public,
        "is_group": row.kind == Kind::Private,
        "is_private": row.kind != Kind::Public,
        "is_mpim": false,
        "is_org_shared": false,
        "context_team_id": shared.settings.team,
        "num_members": row.members.len(),
    });
    if let Some(fields) = channel.as_object_mut() {
        if let Kind::Dm(person) = &row.kind {
            fields.insert("user".to_owned(), json!(person));
            fields.insert("is_open".to_owned(), json!(true));
        } else {
            fields.insert("name".to_owned(), json!(row.name));
            fields.insert("name_normalized".to_owned(), json!(row.name));
            fields.insert("is_member".to_owned(), json!(row.has_app));
        }
    }
    channel
}
