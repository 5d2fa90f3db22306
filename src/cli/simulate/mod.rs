//! `simulate`: the quarter before it happens, and what another configuration would make of it.

mod compare;
mod show;

use std::path::Path;

use anyhow::Context;
use serde_json::json;

use super::args::Simulate;
use super::planning::{complain_if_over, read, under};
use super::windows::typed_filter;
use super::{Ended, Screen, setup};
use crate::app::App;
use crate::app::simulate::{Question, Simulated};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::quarter::Quarter;
use crate::domain::simulate::{Assumptions, NotAShare, Report, Share};

/// More lines of one kind than this are counted, not listed.
const LINES_SHOWN: usize = 10;

pub(super) async fn simulate(
    config: &Config,
    screen: &mut Screen,
    asked: &Simulate,
) -> anyhow::Result<Ended> {
    let Some(assumed) = assumptions(screen, asked) else { return Ok(Ended::Refused) };
    let quarter = asked.quarter.as_deref().map(str::parse::<Quarter>).transpose();
    let Some(quarter) = read(screen, quarter) else { return Ok(Ended::Refused) };
    let app = setup::app(config).await?;
    // Both configurations have the same present, however long the first one takes.
    let app = App { clock: Clock::manual(app.now()), ..app };
    let today = app.now().with_timezone(&app.zone).date_naive();
    let quarter = quarter.unwrap_or_else(|| app.quarters.of(today));
    if complain_if_over(&app, screen, quarter, "simulate") {
        return Ok(Ended::Refused);
    }
    let Some(only) = typed_filter(&app, screen, "--only", asked.only.as_deref()).await? else {
        return Ok(Ended::Refused);
    };
    let file = asked.inventory.as_deref().map(bytes_of).transpose()?;
    let question = Question {
        quarter,
        only: only.as_ref(),
        inventory: file.as_deref(),
        places: config.ssh.concurrency,
        assumed: &assumed,
    };
    let Some(report) = reported(screen, app.simulate(question).await?) else { return Ok(Ended::Refused) };
    let Some(other) = &asked.diff else {
        if screen.wants_json() {
            screen.json(&report);
        } else {
            show::show(&app, screen, &report);
        }
        return Ok(Ended::Well);
    };
    let theirs = Config::load(Some(other))?;
    let question = Question { places: theirs.ssh.concurrency, ..question };
    let simulated = under(&app, &theirs).simulate(question).await?;
    let Some(then) = reported(screen, simulated) else { return Ok(Ended::Refused) };
    if screen.wants_json() {
        screen.json(&json!({ "now": report, "then": then }));
    } else {
        compare::compare(&app, screen, &report, &then);
    }
    Ok(Ended::Well)
}

fn bytes_of(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))
}

/// The report, or nothing after a complaint.
fn reported(screen: &mut Screen, simulated: Simulated) -> Option<Report> {
    match simulated {
        Simulated::Report(report) => return Some(*report),
        Simulated::WrongFile(problems) => {
            for problem in problems.iter().take(LINES_SHOWN) {
                screen.complain(&format!("--inventory: {problem}"));
            }
            more(problems.len(), LINES_SHOWN).iter().for_each(|more| screen.complain(more));
        }
        Simulated::Nobody(why) => why.iter().for_each(|why| screen.complain(why)),
    }
    None
}

fn assumptions(screen: &mut Screen, asked: &Simulate) -> Option<Assumptions> {
    let usual = Assumptions { seed: asked.seed, times: asked.times, ..Assumptions::default() };
    let mut share = |option: &str, text: Option<&str>, usual: Share| match text.map(str::parse) {
        None => Some(usual),
        Some(Ok(share)) => Some(share),
        Some(Err(error)) => {
            let error: NotAShare = error;
            screen.complain(&format!("{option}: {error}"));
            None
        }
    };
    let answering = share("--answering", asked.answering.as_deref(), usual.answering)?;
    let moving = share("--moving", asked.moving.as_deref(), usual.moving)?;
    let declining = share("--declining", asked.declining.as_deref(), usual.declining)?;
    let failing = share("--failing", asked.failing.as_deref(), usual.failing)?;
    Some(Assumptions { answering, moving, declining, failing, ..usual })
}

fn more(all: usize, shown: usize) -> Option<String> {
    (all > shown).then(|| format!("… and {} more", all.saturating_sub(shown)))
}
