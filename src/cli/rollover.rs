//! `rollover`: turns a quarter that is over, step by step, and tells what each step found.

use std::sync::Arc;

use serde_json::json;

use super::checks::{health, templates};
use super::planning::read;
use super::{Ended, Screen, setup};
use crate::app::App;
use crate::config::Config;
use crate::domain::look::Look;
use crate::domain::quarter::Quarter;
use crate::domain::rollover::Taken;
use crate::work::rollover::{Turner, Turning};

/// Who turns the quarters of this installation.
pub(super) fn turner(config: &Config, app: &App) -> Turner {
    let whole = config.clone();
    Turner::new(
        app.clone(),
        Turning {
            archive: config.operations.archive.clone(),
            templates: templates(config).map(std::path::Path::to_owned),
            health: Arc::new(move |app| {
                let config = whole.clone();
                // The checks' futures borrow across their waits and cannot wander between threads.
                let looked = tokio::task::spawn_blocking(move || {
                    tokio::runtime::Handle::current().block_on(health(&config, &app))
                });
                Box::pin(
                    async move { looked.await.unwrap_or_else(|error| vec![Look::wrong("health", error)]) },
                )
            }),
        },
    )
}

pub(super) async fn rollover(
    config: &Config,
    screen: &mut Screen,
    quarter: Option<&str>,
) -> anyhow::Result<Ended> {
    let app = setup::app(config).await?;
    let last = app.quarters.before(app.quarters.current(app.now(), app.zone));
    let quarter = match quarter.map(str::parse::<Quarter>) {
        None => last,
        Some(typed) => match read(screen, typed) {
            Some(quarter) => quarter,
            None => return Ok(Ended::Refused),
        },
    };
    let Some(mut turn) = app.turn_of(quarter).await? else {
        screen.complain(&format!(
            "{} is not over in {}; the last quarter that is over is {last}",
            app.quarters.describe(quarter),
            app.zone.name()
        ));
        return Ok(Ended::Refused);
    };
    if turn.taken.is_empty() && app.store.read().await?.count_windows(quarter).await?.is_empty() {
        screen.complain(&format!("nothing was planned in {quarter}, so there is nothing to turn"));
        return Ok(Ended::Refused);
    }
    let was = turn.taken.len();
    let turner = turner(config, &app);
    let told = !screen.wants_json();
    if told {
        screen.line(&format!("{} is over.", app.quarters.describe(quarter)));
        turn.taken.iter().for_each(|taken| show(screen, taken));
    }
    while let Some(step) = turn.next() {
        let before = turn.taken.len();
        turn = turner.step(&turn, step, &setup::actor()).await?;
        if told {
            turn.taken.iter().skip(before).for_each(|taken| show(screen, taken));
        }
    }
    let found = turn.found().next().is_some();
    if told {
        screen.line(match (was == turn.taken.len(), found) {
            (true, _) => "All of this was done before; nothing was done now.",
            (false, true) => "The quarter is turned; the lines marked → need somebody.",
            (false, false) => "The quarter is turned.",
        });
    } else {
        screen.json(&json!({ "ended": turn.ended, "begins": turn.begins, "steps": turn.taken }));
    }
    Ok(if found { Ended::Found } else { Ended::Well })
}

fn show(screen: &mut Screen, taken: &Taken) {
    let mark = if taken.found.is_empty() { "✓" } else { "✗" };
    screen.line(&format!("{mark} {}: {}", taken.step.as_str(), taken.sentence));
    for line in &taken.found {
        screen.line(&format!("  → {line}"));
    }
}
