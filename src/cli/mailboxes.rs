//! `inbox`, `outbox`, `render-notice`: what came in, what went out, and how notices look.

use std::path::Path;

use anyhow::Context;
use serde_json::json;

use super::{Ended, Screen, setup};
use crate::config::Config;
use crate::domain::shown::line;
use crate::render::{Renderer, samples};

pub(super) async fn inbox(config: &Config, screen: &mut Screen, most: i64) -> anyhow::Result<Ended> {
    let app = setup::app(config).await?;
    let rows = app.store.read().await?.latest_mail(most).await?;
    if screen.wants_json() {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| json!({ "id": row.id, "received_at": row.received_at, "sender": row.sender, "outcome": row.outcome, "reason": row.reason }))
            .collect();
        screen.json(&rows);
        return Ok(Ended::Well);
    }
    let rows: Vec<[String; 4]> = rows
        .into_iter()
        .map(|row| {
            [
                line(row.received_at, app.zone),
                row.sender.unwrap_or_default(),
                row.outcome,
                row.reason.unwrap_or_default(),
            ]
        })
        .collect();
    screen.table(["received", "from", "outcome", "why"], &rows);
    Ok(Ended::Well)
}

pub(super) async fn outbox(config: &Config, screen: &mut Screen, most: i64) -> anyhow::Result<Ended> {
    let app = setup::app(config).await?;
    let mut tx = app.store.read().await?;
    let rows = tx.latest_notifications(most).await?;
    let (waiting, parked) = tx.count_notifications().await?;
    if screen.wants_json() {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({
                    "medium": row.medium, "recipient": row.recipient, "kind": row.kind, "state": row.state,
                    "created_at": row.created_at, "sent_at": row.sent_at, "last_error": row.last_error,
                })
            })
            .collect();
        screen.json(&json!({ "waiting": waiting, "parked": parked, "latest": rows }));
        return Ok(Ended::Well);
    }
    let rows: Vec<[String; 5]> = rows
        .into_iter()
        .map(|row| {
            let state = match &row.last_error {
                Some(error) => format!("{}: {error}", row.state),
                None => row.state,
            };
            [line(row.created_at, app.zone), row.medium, row.kind, row.recipient, state]
        })
        .collect();
    screen.table(["written", "by", "what", "to", "state"], &rows);
    screen.line(&format!("{waiting} wait, {parked} are parked."));
    Ok(Ended::Well)
}

pub(super) fn render_notice(
    screen: &mut Screen,
    name: Option<&str>,
    folder: Option<&Path>,
) -> anyhow::Result<Ended> {
    let samples = samples();
    let Some(name) = name else {
        let mut names: Vec<&str> = samples.iter().map(|sample| sample.notice.name()).collect();
        names.dedup();
        screen.line(&names.join("\n"));
        return Ok(Ended::Well);
    };
    let renderer = Renderer::new(None)?;
    let mut found = false;
    for (number, sample) in (1..).zip(samples.iter().filter(|sample| sample.notice.name() == name)) {
        found = true;
        let mail = renderer.render(&sample.notice, &sample.footing)?;
        match folder {
            None => screen.line(&format!("Subject: {}\n\n{}\n", mail.subject, mail.text)),
            Some(folder) => {
                for (ending, text) in
                    [("txt", format!("{}\n\n{}", mail.subject, mail.text)), ("html", mail.html)]
                {
                    let path = folder.join(format!("{name}-{number}.{ending}"));
                    std::fs::write(&path, text)
                        .with_context(|| format!("{} cannot be written", path.display()))?;
                    screen.line(&path.display().to_string());
                }
            }
        }
    }
    if !found {
        screen.complain(&format!(
            "there is no notice called \"{name}\"; \"patchbot render-notice\" lists them"
        ));
        return Ok(Ended::Refused);
    }
    Ok(Ended::Well)
}
