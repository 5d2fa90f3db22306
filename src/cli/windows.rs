//! `list`, `show`, `why`, `history`, `say`: the same questions and decisions as in chat, in the terminal.

use patchbot_commands::parse;
use serde_json::json;

use super::{Ended, Screen, setup};
use crate::app::handle::Request;
use crate::config::{Config, login_name};
use crate::domain::answer::{Answer, Channel, Verdict};
use crate::domain::person::{Address, Identity};
use crate::domain::quarter::Quarter;
use crate::domain::shown::line;

pub(super) async fn list(
    config: &Config,
    screen: &mut Screen,
    quarter: Option<&str>,
) -> anyhow::Result<Ended> {
    let app = setup::app(config).await?;
    let quarter: Quarter = match quarter.map(str::parse).transpose() {
        Ok(quarter) => quarter.unwrap_or_else(|| app.quarters.current(app.now(), app.zone)),
        Err(error) => {
            screen.complain(&format!("{error}"));
            return Ok(Ended::Refused);
        }
    };
    let mut tx = app.store.read().await?;
    let mut rows = Vec::new();
    let mut listed = Vec::new();
    for window in tx.windows_of_quarter(quarter).await? {
        let server = tx.server_by_id(window.server).await?;
        let time =
            window.plan.map_or_else(|| "no time yet".to_owned(), |plan| line(plan.starts_at, plan.zone));
        if screen.wants_json() {
            listed.push(json!({
                "server": server.name,
                "quarter": window.quarter,
                "revision": window.revision,
                "starts_at": window.plan.map(|plan| plan.starts_at),
                "ends_at": window.plan.map(|plan| plan.ends_at),
                "local": window.plan.map(|plan| plan.local),
                "zone": server.zone.name(),
                "state": window.state.as_str(),
                "phrase": window.state.phrase(),
            }));
        }
        rows.push([server.name, time, window.state.phrase()]);
    }
    if screen.wants_json() {
        screen.json(&listed);
        return Ok(Ended::Well);
    }
    screen.line(&app.quarters.describe(quarter));
    if rows.is_empty() {
        screen.line(&format!("No windows yet. → patchbot plan {quarter} proposes them."));
    } else {
        screen.table(["server", "start", "state"], &rows);
    }
    Ok(Ended::Well)
}

/// A question about one server, asked by whoever is logged in on this machine.
pub(super) async fn ask(
    config: &Config,
    screen: &mut Screen,
    verb: &str,
    server: &str,
) -> anyhow::Result<Ended> {
    let command = match parse(&format!("{verb} {server}")) {
        Ok(command) => command,
        Err(error) => {
            screen.complain(&error.to_string());
            return Ok(Ended::Refused);
        }
    };
    let app = setup::app(config).await?;
    let answer = app.answer_locally(&command, &login_name()).await;
    screen.answer(&answer);
    Ok(ended(&answer))
}

pub(super) async fn say(
    config: &Config,
    screen: &mut Screen,
    words: &str,
    person: &str,
) -> anyhow::Result<Ended> {
    let mail = match Address::parse(person) {
        Ok(mail) => mail,
        Err(error) => {
            screen.complain(&format!("--as: {error}"));
            return Ok(Ended::Refused);
        }
    };
    let command = match parse(words) {
        Ok(command) => command,
        Err(error) => {
            screen.complain(&error.pointed());
            return Ok(Ended::Refused);
        }
    };
    let app = setup::app(config).await?;
    let request = Request {
        identity: Identity::Terminal { login: mail.to_string() },
        vouched: Some(mail),
        channel: Channel::Terminal,
        command,
        shown: Vec::new(),
        typed_by: Some(login_name()),
        name: None,
    };
    let answer = app.handle(&request).await;
    screen.answer(&answer);
    Ok(ended(&answer))
}

fn ended(answer: &Answer) -> Ended {
    match answer.verdict {
        Verdict::Done => Ended::Well,
        Verdict::Partly | Verdict::Confirm | Verdict::Refused | Verdict::NotUnderstood | Verdict::Broken => {
            Ended::Refused
        }
    }
}
