//! The table of methods: what each needs and who does it.

use super::{Answer, Desk, Refusal, chat, conversations, files, users, views};
use crate::slack::rows::Ticket;
use serde_json::json;

/// Which of the two tokens a method takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenNeeded {
    Bot,
    App,
}

/// A method of the Web API.
pub(crate) struct Method {
    name: &'static str,
    pub(crate) token: TokenNeeded,
    /// One of these is needed; none means that any token will do.
    pub(crate) scopes: &'static [&'static str],
    pub(crate) takes_json: bool,
    pub(crate) run: fn(&mut Desk<'_>) -> Answer,
}

/// Finds a method by name.
pub(crate) fn find(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}

const CONVERSATIONS_READ: &[&str] = &["channels:read", "groups:read", "im:read", "mpim:read"];
const CONVERSATIONS_HISTORY: &[&str] = &["channels:history", "groups:history", "im:history", "mpim:history"];

const fn json(
    name: &'static str,
    scopes: &'static [&'static str],
    run: fn(&mut Desk<'_>) -> Answer,
) -> Method {
    Method { name, token: TokenNeeded::Bot, scopes, takes_json: true, run }
}

const fn form(
    name: &'static str,
    scopes: &'static [&'static str],
    run: fn(&mut Desk<'_>) -> Answer,
) -> Method {
    Method { name, token: TokenNeeded::Bot, scopes, takes_json: false, run }
}

const METHODS: &[Method] = &[
    Method {
        name: "apps.connections.open",
        token: TokenNeeded::App,
        scopes: &[],
        takes_json: true,
        run: open_connection,
    },
    json("auth.test", &[], auth_test),
    json("chat.postMessage", &["chat:write"], chat::post_message),
    json("chat.postEphemeral", &["chat:write"], chat::post_ephemeral),
    json("chat.update", &["chat:write"], chat::update),
    json("chat.delete", &["chat:write"], chat::delete),
    form("chat.getPermalink", &[], chat::permalink),
    json("conversations.open", &["im:write"], conversations::open),
    json("conversations.join", &["channels:join"], conversations::join),
    form("conversations.info", CONVERSATIONS_READ, conversations::info),
    form("conversations.list", CONVERSATIONS_READ, conversations::list),
    form("conversations.members", CONVERSATIONS_READ, conversations::members),
    form("conversations.history", CONVERSATIONS_HISTORY, conversations::history),
    form("conversations.replies", CONVERSATIONS_HISTORY, conversations::replies),
    form("users.info", &["users:read"], users::info),
    form("users.list", &["users:read"], users::list),
    form("users.lookupByEmail", &["users:read.email"], users::lookup_by_email),
    json("views.open", &[], views::open),
    json("views.push", &[], views::push),
    json("views.update", &[], views::update),
    json("views.publish", &[], views::publish),
    form("files.getUploadURLExternal", &["files:write"], files::get_upload_url),
    json("files.completeUploadExternal", &["files:write"], files::complete_upload),
    form("files.info", &["files:read"], files::info),
];

fn auth_test(desk: &mut Desk<'_>) -> Answer {
    let settings = &desk.shared.settings;
    Ok(json!({
        "url": format!("https://{}.slack.test/", settings.domain),
        "team": settings.team_name,
        "user": settings.app_name,
        "team_id": settings.team,
        "user_id": settings.bot_user,
        "bot_id": settings.bot,
        "is_enterprise_install": false,
    }))
}

/// Slack lets an app have ten websockets.
pub(crate) const MOST_SOCKETS: usize = 10;

fn open_connection(desk: &mut Desk<'_>) -> Answer {
    if desk.state.sockets.len() >= MOST_SOCKETS {
        return Err(Refusal::of("too_many_websockets"));
    }
    let ticket = format!("{:032x}", desk.state.number());
    desk.state.tickets.insert(ticket.clone(), Ticket { issued: desk.shared.clock.micros(), used: false });
    let base = desk.shared.base.replacen("http://", "ws://", 1);
    Ok(json!({"url": format!("{base}/link/?ticket={ticket}&app_id={}", desk.shared.settings.app)}))
}
