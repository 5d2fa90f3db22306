//! `import`, `export`, `plan`: the inventory in and out, and the quarter's proposals.

use std::path::Path;

use anyhow::Context;
use serde_json::json;

use super::{Ended, Screen, setup};
use crate::app::import::{Apply, Preview};
use crate::app::plan::Keep;
use crate::config::Config;
use crate::domain::quarter::Quarter;

/// More names than this are counted, not listed.
const NAMES_SHOWN: usize = 20;

pub(super) async fn import(
    config: &Config,
    screen: &mut Screen,
    file: &Path,
    apply: bool,
) -> anyhow::Result<Ended> {
    let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let app = setup::app(config).await?;
    let how = if apply { Apply::Now } else { Apply::Preview };
    let progress = screen.progress(0, "comparing");
    let preview = app.import(&bytes, how, &setup::actor()).await?;
    progress.finish_and_clear();
    if screen.wants_json() {
        screen.json(&preview_json(&preview, apply));
    } else {
        show(screen, &preview, apply);
    }
    Ok(if preview.errors.is_empty() { Ended::Well } else { Ended::Refused })
}

fn show(screen: &mut Screen, preview: &Preview, apply: bool) {
    let mut names = |title: &str, names: &[String]| {
        if names.is_empty() {
            return;
        }
        screen.line(&format!("{title} ({}):", names.len()));
        for name in names.iter().take(NAMES_SHOWN) {
            screen.line(&format!("  {name}"));
        }
        if names.len() > NAMES_SHOWN {
            screen.line(&format!("  … and {} more", names.len().saturating_sub(NAMES_SHOWN)));
        }
    };
    names("New", &preview.new);
    let changed: Vec<String> =
        preview.changed.iter().map(|(name, changes)| format!("{name}: {}", changes.join("; "))).collect();
    names("Changed", &changed);
    names("Windows from the file's dates", &preview.windows);
    names("Conflicts: what was decided in patchbot stays", &preview.conflicts);
    names("In the database and not in the file: they stay", &preview.absent);
    let warnings: Vec<String> = preview.warnings.iter().map(ToString::to_string).collect();
    names("Remarks", &warnings);
    let errors: Vec<String> = preview.errors.iter().map(ToString::to_string).collect();
    names("Errors", &errors);
    screen.line(&format!(
        "{} new, {} changed, {} unchanged, {} errors.",
        preview.new.len(),
        preview.changed.len(),
        preview.unchanged,
        preview.errors.len()
    ));
    screen.line(match (preview.errors.is_empty(), apply) {
        (false, _) => "→ Nothing was changed. Mend the lines named above and import the file again.",
        (true, false) => "→ Nothing was changed yet. To take it over, say the same with --apply.",
        (true, true) => "The file was taken over.",
    });
}

fn preview_json(preview: &Preview, apply: bool) -> serde_json::Value {
    let problems = |list: &[crate::app::import::Problem]| -> Vec<_> {
        list.iter()
            .map(|problem| json!({ "line": problem.line, "column": problem.column, "sentence": problem.sentence }))
            .collect()
    };
    json!({
        "new": preview.new,
        "changed": preview.changed.iter().map(|(name, changes)| json!({ "server": name, "changes": changes })).collect::<Vec<_>>(),
        "unchanged": preview.unchanged,
        "absent": preview.absent,
        "windows": preview.windows,
        "conflicts": preview.conflicts,
        "errors": problems(&preview.errors),
        "warnings": problems(&preview.warnings),
        "applied": apply && preview.errors.is_empty(),
    })
}

pub(super) async fn export(
    config: &Config,
    screen: &mut Screen,
    file: Option<&Path>,
) -> anyhow::Result<Ended> {
    let app = setup::app(config).await?;
    let text = app.export().await?;
    match file {
        None => screen.line(text.trim_end()),
        Some(path) => {
            std::fs::write(path, &text).with_context(|| format!("{} cannot be written", path.display()))?;
            screen.line(&format!(
                "{} servers were written to {}.",
                text.lines().count().saturating_sub(1),
                path.display()
            ));
        }
    }
    Ok(Ended::Well)
}

pub(super) async fn plan(
    config: &Config,
    screen: &mut Screen,
    quarter: &str,
    dry_run: bool,
) -> anyhow::Result<Ended> {
    let quarter: Quarter = match quarter.parse() {
        Ok(quarter) => quarter,
        Err(error) => {
            screen.complain(&format!("{error}"));
            return Ok(Ended::Refused);
        }
    };
    let app = setup::app(config).await?;
    let keep = if dry_run { Keep::No } else { Keep::Yes };
    let report = app.plan(quarter, &setup::actor(), keep).await?;
    if screen.wants_json() {
        screen.json(&json!({
            "quarter": quarter,
            "proposed": report.proposed.iter().map(|(server, time)| json!({ "server": server, "time": time })).collect::<Vec<_>>(),
            "kept": report.kept,
            "without": report.without.iter().map(|(server, why)| json!({ "server": server, "why": why })).collect::<Vec<_>>(),
            "ownerless": report.ownerless,
            "kept_in_the_database": !dry_run,
        }));
        return Ok(Ended::Well);
    }
    screen.line(&app.quarters.describe(quarter));
    let rows: Vec<[String; 2]> =
        report.proposed.iter().map(|(server, time)| [server.clone(), time.clone()]).collect();
    if !rows.is_empty() {
        screen.table(["server", "proposed"], &rows);
    }
    for (server, why) in &report.without {
        screen.line(&format!("{server} has no slot: {why}."));
    }
    for server in &report.ownerless {
        screen.line(&format!(
            "{server} has no owner: nobody is written to, and only operators can approve it."
        ));
    }
    screen.line(&format!(
        "{} proposed, {} had a window already, {} without a slot.{}",
        report.proposed.len(),
        report.kept,
        report.without.len(),
        if dry_run { " Nothing was kept: this was a dry run." } else { "" }
    ));
    if !dry_run && !report.proposed.is_empty() {
        let first = app.quarters.first_day(quarter);
        let started = first <= app.now().with_timezone(&app.zone).date_naive();
        screen.line(&if started {
            "→ The owners get their notices now, from the running patchbot.".to_owned()
        } else {
            format!(
                "→ The owners get their notices on {}, 09:00 in their zones.",
                first.format("%a %-d %b %Y")
            )
        });
    }
    Ok(Ended::Well)
}
