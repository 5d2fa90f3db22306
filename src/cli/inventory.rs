//! `import` and `export`: the inventory in and out.

use std::path::Path;

use anyhow::Context;
use serde_json::json;

use super::windows::typed_filter;
use super::{Ended, Screen, setup};
use crate::app::import::{Absent, Apply, Preview};
use crate::config::Config;

/// More names than this are counted, not listed.
const NAMES_SHOWN: usize = 20;

pub(super) async fn import(
    config: &Config,
    screen: &mut Screen,
    file: &Path,
    apply: Apply,
    absent: Absent,
) -> anyhow::Result<Ended> {
    let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let app = setup::app(config).await?;
    let progress = screen.progress(0, "comparing");
    let preview = app.import_with(&bytes, apply, absent, &setup::actor()).await?;
    progress.finish_and_clear();
    if screen.wants_json() {
        screen.json(&preview_json(&preview, apply));
    } else {
        show(screen, &preview, apply, absent);
    }
    Ok(if preview.errors.is_empty() { Ended::Well } else { Ended::Refused })
}

fn show(screen: &mut Screen, preview: &Preview, apply: Apply, absent: Absent) {
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
    let absent = match absent {
        Absent::Stay => "In the database and not in the file: they stay (--retire-absent takes them out)",
        Absent::Leave => "In the database and not in the file: they leave the inventory",
    };
    names(absent, &preview.absent);
    names("Windows that are cancelled with them", &preview.cancelled);
    names("Approvals that end, and are asked of the new owners", &preview.handed_over);
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
        (true, Apply::Preview) => "→ Nothing was changed yet. To take it over, say the same with --apply.",
        (true, Apply::Now) => "The file was taken over.",
    });
}

fn preview_json(preview: &Preview, apply: Apply) -> serde_json::Value {
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
        "cancelled": preview.cancelled,
        "handed_over": preview.handed_over,
        "conflicts": preview.conflicts,
        "errors": problems(&preview.errors),
        "warnings": problems(&preview.warnings),
        "applied": apply == Apply::Now && preview.errors.is_empty(),
    })
}

pub(super) async fn export(
    config: &Config,
    screen: &mut Screen,
    file: Option<&Path>,
    filter: Option<&str>,
) -> anyhow::Result<Ended> {
    let app = setup::app(config).await?;
    let Some(filter) = typed_filter(&app, screen, "--filter", filter).await? else {
        return Ok(Ended::Refused);
    };
    let quarter = app.quarters.current(app.now(), app.zone);
    let exported = app.export(filter.as_ref().map(|filter| (filter, quarter))).await?;
    match file {
        None => screen.line(exported.csv.trim_end()),
        Some(path) => {
            std::fs::write(path, &exported.csv)
                .with_context(|| format!("{} cannot be written", path.display()))?;
            screen.line(&format!("{} servers were written to {}.", exported.servers, path.display()));
        }
    }
    Ok(Ended::Well)
}
