//! `inbox`, `outbox`, `render-notice`: what came in, what went out, and how notices look.

use std::path::Path;

use anyhow::Context;
use chrono::TimeDelta;
use serde_json::json;

use super::{Ended, Screen, setup};
use crate::config::Config;
use crate::domain::shown::line;
use crate::render::{Renderer, Sample, samples};

pub(super) async fn inbox(config: &Config, screen: &mut Screen, most: i64) -> anyhow::Result<Ended> {
    let app = setup::app(config).await?;
    let rows = app.store.read().await?.latest_mail(most).await?;
    if screen.wants_json() {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| json!({ "id": row.id, "received_at": row.received_at, "sender": row.sender, "outcome": row.outcome, "stage": row.stage, "reason": row.reason }))
            .collect();
        screen.json(&rows);
        return Ok(Ended::Well);
    }
    let rows: Vec<[String; 5]> = rows
        .into_iter()
        .map(|row| {
            [
                line(row.received_at, app.zone),
                row.sender.unwrap_or_default(),
                row.outcome,
                row.stage.map(|stage| stage.as_str().to_owned()).unwrap_or_default(),
                row.reason.unwrap_or_default(),
            ]
        })
        .collect();
    screen.table(["received", "from", "outcome", "at stage", "why"], &rows);
    Ok(Ended::Well)
}

pub(super) async fn outbox(config: &Config, screen: &mut Screen, most: i64) -> anyhow::Result<Ended> {
    let app = setup::app(config).await?;
    let mut tx = app.store.read().await?;
    let rows = tx.latest_notifications(most).await?;
    let (waiting, parked) = tx.count_notifications().await?;
    let last_minute = tx.mails_sent_since(app.now() - TimeDelta::minutes(1)).await?;
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
        screen.json(&json!({ "waiting": waiting, "parked": parked, "sent_in_the_last_minute": last_minute, "latest": rows }));
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
    screen.line(&pace_sentence(waiting, parked, last_minute));
    Ok(Ended::Well)
}

/// Follows a big send with a bar until nothing waits any more.
pub(super) async fn follow_outbox(config: &Config, screen: &mut Screen) -> anyhow::Result<Ended> {
    let app = setup::app(config).await?;
    let (all, _) = app.store.read().await?.count_notifications().await?;
    let bar = screen.progress(usize::try_from(all).unwrap_or(0), "mails and messages");
    loop {
        let mut tx = app.store.read().await?;
        let (waiting, parked) = tx.count_notifications().await?;
        let last_minute = tx.mails_sent_since(app.now() - TimeDelta::minutes(1)).await?;
        drop(tx);
        bar.set_length(u64::try_from(all.max(waiting)).unwrap_or(0));
        bar.set_position(u64::try_from(all.saturating_sub(waiting)).unwrap_or(0));
        if bar.is_hidden() || waiting == 0 {
            screen.line(&pace_sentence(waiting, parked, last_minute));
        }
        if waiting == 0 {
            bar.finish_and_clear();
            return Ok(Ended::Well);
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}

/// How a send gets on, in a sentence.
fn pace_sentence(waiting: i64, parked: i64, last_minute: i64) -> String {
    let left = match waiting.checked_div(last_minute) {
        Some(minutes) if waiting > 0 => {
            format!(", about {} minutes to go", minutes.saturating_add(1))
        }
        _ => String::new(),
    };
    format!("{waiting} wait, {parked} are parked; {last_minute} mails left in the last minute{left}.")
}

pub(super) fn render_notice(
    config: &Config,
    screen: &mut Screen,
    name: Option<&str>,
    folder: Option<&Path>,
    open: bool,
) -> anyhow::Result<Ended> {
    let samples = samples();
    if name.is_none() && folder.is_none() {
        let mut names: Vec<&str> = samples.iter().map(|sample| sample.notice.name()).collect();
        names.dedup();
        screen.line(&names.join("\n"));
        return Ok(Ended::Well);
    }
    let renderer = Renderer::new(config.mail.as_ref().and_then(|mail| mail.mail.templates.as_deref()))?;
    let opened = open.then(|| std::env::temp_dir().join("patchbot-notices"));
    let folder = folder.or(opened.as_deref());
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    let mut found = false;
    // A sample's own name begins with the notice's: "transcript-confirm".
    let wanted =
        |sample: &&Sample| name.is_none_or(|name| [sample.notice.name(), sample.name].contains(&name));
    for sample in samples.iter().filter(wanted) {
        found = true;
        let mail = renderer.render(&sample.notice, &sample.footing)?;
        let Some(folder) = folder else {
            screen.line(&format!("Subject: {}\n\n{}\n", mail.subject, mail.text));
            continue;
        };
        for (ending, text) in [("txt", format!("{}\n\n{}", mail.subject, mail.text)), ("html", mail.html)] {
            let path = folder.join(format!("{}.{ending}", sample.name));
            std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
            screen.line(&path.display().to_string());
            if open && ending == "html" {
                show_in_browser(&path)?;
            }
        }
    }
    if !found {
        screen.complain(&format!(
            "there is no notice called \"{}\"; \"patchbot render-notice\" lists them",
            name.unwrap_or_default()
        ));
        return Ok(Ended::Refused);
    }
    Ok(Ended::Well)
}

/// Opens a page with the program that the desktop has for it.
fn show_in_browser(page: &Path) -> anyhow::Result<()> {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let opened = std::process::Command::new(opener).arg(page).status();
    let ok = opened.is_ok_and(|status| status.success());
    anyhow::ensure!(ok, "{opener} cannot open it here; look at {} in a browser", page.display());
    Ok(())
}
