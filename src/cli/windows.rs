//! `list`, `show`, `why`, `history`, `say`: the same questions and decisions as in chat, in the terminal.

use patchbot_commands::parse;
use serde_json::json;

use super::planning::is_over;
use super::{Ended, Screen, setup};
use crate::app::App;
use crate::app::handle::Request;
use crate::app::selection::{Among, Selected, Selection};
use crate::config::{Config, login_name};
use crate::domain::answer::{Answer, Channel, Verdict};
use crate::domain::filter::Filter;
use crate::domain::person::{Address, Identity};
use crate::domain::quarter::Quarter;
use crate::domain::shown::line;

pub(super) async fn list(
    config: &Config,
    screen: &mut Screen,
    quarter: Option<&str>,
    filter: Option<&str>,
) -> anyhow::Result<Ended> {
    let app = setup::app(config).await?;
    let quarter: Quarter = match quarter.map(str::parse).transpose() {
        Ok(quarter) => quarter.unwrap_or_else(|| app.quarters.current(app.now(), app.zone)),
        Err(error) => {
            screen.complain(&format!("{error}"));
            return Ok(Ended::Refused);
        }
    };
    let Some(selection) = selected(&app, screen, filter, quarter, Among::ActiveOrPlanned).await? else {
        return Ok(Ended::Refused);
    };
    let misses = selection.misses;
    let mut servers = selection.servers;
    // Who asks with a filter wants to see every server that fits; else windows are listed.
    let without = servers.iter().filter(|one| one.window.is_none()).count();
    if filter.is_none() {
        servers.retain(|one| one.window.is_some());
    }
    servers.sort_by_key(|one| {
        let start = one.window.as_ref().and_then(|window| window.plan).map(|plan| plan.starts_at);
        (start.is_none(), start)
    });
    if screen.wants_json() {
        screen.json(&servers.iter().map(|one| listed(one, quarter)).collect::<Vec<_>>());
        return Ok(Ended::Well);
    }
    screen.line(&app.quarters.describe(quarter));
    for miss in &misses {
        screen.line(&format!("→ {miss}."));
    }
    let rows: Vec<[String; 3]> = servers.iter().map(row).collect();
    if !rows.is_empty() {
        screen.table(["server", "start", "state"], &rows);
    } else if filter.is_none() {
        screen.line(&if is_over(&app, quarter) {
            "There were no windows.".to_owned()
        } else {
            format!("No windows yet. → patchbot plan {quarter} proposes them.")
        });
        return Ok(Ended::Well);
    }
    if filter.is_some() {
        screen.line(&format!("{} servers.", rows.len()));
    } else if without > 0 {
        screen.line(&format!(
            "{} windows; {without} servers have none in this quarter. → patchbot list {quarter} --filter \"state=none\" names them.",
            rows.len()
        ));
    }
    Ok(Ended::Well)
}

/// A filter that was typed behind an option; nothing when it is none, which is then told.
pub(super) async fn typed_filter(
    app: &App,
    screen: &mut Screen,
    option: &str,
    text: Option<&str>,
) -> anyhow::Result<Option<Option<Filter>>> {
    let Some(text) = text else { return Ok(Some(None)) };
    Ok(match app.read_filter(text).await? {
        Ok(filter) => Some(Some(filter)),
        Err(error) => {
            screen.complain(&format!("{option}: {error}"));
            None
        }
    })
}

/// The servers that fit a filter that was typed; nothing when the filter is none, which is then told.
pub(super) async fn selected(
    app: &App,
    screen: &mut Screen,
    filter: Option<&str>,
    quarter: Quarter,
    among: Among,
) -> anyhow::Result<Option<Selection>> {
    let Some(filter) = typed_filter(app, screen, "--filter", filter).await? else { return Ok(None) };
    Ok(Some(app.select(filter.as_ref(), quarter, among).await?))
}

fn row(one: &Selected) -> [String; 3] {
    match &one.window {
        None => [one.server.name.clone(), "-".to_owned(), "no window".to_owned()],
        Some(window) => {
            let time =
                window.plan.map_or_else(|| "no time yet".to_owned(), |plan| line(plan.starts_at, plan.zone));
            [one.server.name.clone(), time, window.state.phrase()]
        }
    }
}

fn listed(one: &Selected, quarter: Quarter) -> serde_json::Value {
    let window = one.window.as_ref();
    let plan = window.and_then(|window| window.plan);
    json!({
        "server": one.server.name,
        "quarter": quarter,
        "revision": window.map(|window| window.revision),
        "starts_at": plan.map(|plan| plan.starts_at),
        "ends_at": plan.map(|plan| plan.ends_at),
        "local": plan.map(|plan| plan.local),
        "zone": one.server.zone.name(),
        "state": window.map_or("none", |window| window.state.as_str()),
        "phrase": window.map(|window| window.state.phrase()),
        "host_group": one.server.host_group,
        "environment": one.server.environment,
        "owners": one.owners.iter().filter_map(|(_, person)| person.mail.as_ref()).map(Address::as_str).collect::<Vec<_>>(),
    })
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
        Verdict::Partly => Ended::Partly,
        Verdict::Confirm | Verdict::Refused | Verdict::NotUnderstood => Ended::Refused,
        Verdict::Broken => Ended::Broken,
    }
}
