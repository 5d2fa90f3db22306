//! `plan`: the quarter's proposals, what another configuration would make of them, and who finds no time and why.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::args::Plan;
use super::windows::typed_filter;
use super::{Ended, Screen, setup};
use crate::app::App;
use crate::app::plan::{Keep, Order, PlanReport};
use crate::app::recheck::Compared;
use crate::config::Config;
use crate::domain::exception::day_name;
use crate::domain::quarter::Quarter;

/// Reads what a person typed, or complains.
pub(super) fn read<T, E: std::fmt::Display>(screen: &mut Screen, read: Result<T, E>) -> Option<T> {
    read.map_err(|error| screen.complain(&error.to_string())).ok()
}

/// Whether the last day of a quarter has passed.
pub(super) fn is_over(app: &App, quarter: Quarter) -> bool {
    app.quarters.last_day(quarter) < app.now().with_timezone(&app.zone).date_naive()
}

/// Says so when a quarter is over: nothing can be `done` about it any more.
pub(super) fn complain_if_over(app: &App, screen: &mut Screen, quarter: Quarter, done: &str) -> bool {
    let over = is_over(app, quarter);
    if over {
        let quarter = app.quarters.describe(quarter);
        screen.complain(&format!("{quarter} is over; {done} one that is still to come"));
    }
    over
}

pub(super) async fn plan(config: &Config, screen: &mut Screen, plan: &Plan) -> anyhow::Result<Ended> {
    let Some(quarter) = read(screen, plan.quarter.parse::<Quarter>()) else { return Ok(Ended::Refused) };
    let app = setup::app(config).await?;
    if complain_if_over(&app, screen, quarter, "plan") {
        return Ok(Ended::Refused);
    }
    let Some(only) = typed_filter(&app, screen, "--only", plan.only.as_deref()).await? else {
        return Ok(Ended::Refused);
    };
    let dry = plan.dry_run || plan.diff.is_some();
    let keep = if dry { Keep::No } else { Keep::Yes };
    let order = Order { quarter, only: only.as_ref(), seed: plan.seed, keep };
    let report = app.plan(&order, &setup::actor()).await?;
    if let Some(other) = &plan.diff {
        return diff(&app, screen, &order, &report, other).await;
    }
    if screen.wants_json() {
        screen.json(&report_json(quarter, &report, dry));
    } else {
        show(&app, screen, quarter, &report, dry);
    }
    Ok(if report.wrong.is_empty() { Ended::Well } else { Ended::Refused })
}

fn report_json(quarter: Quarter, report: &PlanReport, dry: bool) -> serde_json::Value {
    let proposed = report.proposed.iter();
    json!({
        "quarter": quarter,
        "proposed": proposed.map(|one| json!({ "server": one.server, "time": one.time, "why": one.why })).collect::<Vec<_>>(),
        "kept": report.kept,
        "without": report.without.iter().map(|(server, why)| json!({ "server": server, "why": why })).collect::<Vec<_>>(),
        "excused": report.excused.iter().map(|(server, until)| json!({ "server": server, "until": until })).collect::<Vec<_>>(),
        "ownerless": report.ownerless,
        "wrong": report.wrong,
        "kept_in_the_database": !dry && report.wrong.is_empty(),
    })
}

fn show(app: &App, screen: &mut Screen, quarter: Quarter, report: &PlanReport, dry: bool) {
    screen.line(&app.quarters.describe(quarter));
    let rows: Vec<[String; 3]> =
        report.proposed.iter().map(|one| [one.server.clone(), one.time.clone(), one.why.clone()]).collect();
    if !rows.is_empty() {
        screen.table(["server", "proposed", "why then"], &rows);
    }
    for (server, why) in &report.without {
        screen.line(&format!("{server} has no slot:"));
        for rule in why {
            screen.line(&format!("  {rule}"));
        }
    }
    for (server, until) in &report.excused {
        screen
            .line(&format!("{server} is put off until {}; it is planned when that ends.", day_name(*until)));
    }
    for server in &report.ownerless {
        screen.line(&format!(
            "{server} has no owner: nobody is written to, and only operators can approve it."
        ));
    }
    for wrong in &report.wrong {
        screen.line(&format!("This is no plan: {wrong}."));
    }
    let kept = match (report.wrong.is_empty(), dry) {
        (false, _) => " Nothing was kept: mend the rules or the times named above first.",
        (true, true) => " Nothing was kept: this was a dry run.",
        (true, false) => "",
    };
    screen.line(&format!(
        "{} proposed, {} had a window already, {} without a slot.{kept}",
        report.proposed.len(),
        report.kept,
        report.without.len(),
    ));
    if !dry && report.wrong.is_empty() && !report.proposed.is_empty() {
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
}

/// The same use cases under the rules of another configuration.
pub(super) fn under(app: &App, other: &Config) -> App {
    App {
        policies: Arc::new(other.policies.clone()),
        quarters: Arc::new(other.quarters.clone()),
        ..app.clone()
    }
}

/// What another configuration would change: the servers whose time, or lack of one, differs.
async fn diff(
    app: &App,
    screen: &mut Screen,
    order: &Order<'_>,
    ours: &PlanReport,
    other: &Path,
) -> anyhow::Result<Ended> {
    let theirs = under(app, &Config::load(Some(other))?).plan(order, &setup::actor()).await?;
    let by_server = |report: &PlanReport| -> BTreeMap<String, String> {
        let times = report.proposed.iter().map(|one| (one.server.clone(), one.time.clone()));
        let without = report.without.iter().map(|(server, why)| {
            (server.clone(), format!("no slot: {}", why.first().map_or("", String::as_str)))
        });
        times.chain(without).collect()
    };
    let (mine, their) = (by_server(ours), by_server(&theirs));
    let none = "had a window already".to_owned();
    let differing: Vec<[String; 3]> = mine
        .keys()
        .chain(their.keys())
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .map(|server| {
            [
                server.clone(),
                mine.get(server).unwrap_or(&none).clone(),
                their.get(server).unwrap_or(&none).clone(),
            ]
        })
        .filter(|[_, now, then]| now != then)
        .collect();
    if screen.wants_json() {
        let rows: Vec<_> = differing
            .iter()
            .map(|[server, now, then]| json!({ "server": server, "now": now, "then": then }))
            .collect();
        screen.json(&json!({ "quarter": order.quarter, "differing": rows, "wrong_now": ours.wrong, "wrong_then": theirs.wrong }));
        return Ok(Ended::Well);
    }
    if !differing.is_empty() {
        screen.table(["server", "now", "with the other configuration"], &differing);
    }
    for wrong in &theirs.wrong {
        screen.line(&format!("With the other configuration this is no plan: {wrong}."));
    }
    screen.line(&format!(
        "{} of {} servers would have another time; {} instead of {} would have none. Nothing was kept.",
        differing.len(),
        mine.len().max(their.len()),
        theirs.without.len(),
        ours.without.len()
    ));
    Ok(Ended::Well)
}

/// What the rules as they are make of the windows to come.
pub(super) async fn recheck(config: &Config, screen: &mut Screen, dry: bool) -> anyhow::Result<Ended> {
    let app = setup::app(config).await?;
    let keep = if dry { Keep::No } else { Keep::Yes };
    let compared = app.recheck(keep, &setup::actor()).await?;
    if screen.wants_json() {
        screen.json(&json!(compared.iter().map(compared_json).collect::<Vec<_>>()));
        return Ok(Ended::Well);
    }
    if compared.is_empty() {
        screen.line("No window is to come: there is nothing to compare with the rules.");
    }
    for quarter in &compared {
        screen.line(&quarter.sentence());
        for (_, _, sentence) in &quarter.changed {
            screen.line(&format!("  {sentence}"));
        }
        for (server, why) in &quarter.too_late {
            screen.line(&format!(
                "  {server} starts too soon to be changed, and will be held at its start. {why}"
            ));
        }
    }
    if dry && compared.iter().any(|quarter| !quarter.changed.is_empty()) {
        screen.line("Nothing was changed: this was a dry run.");
    }
    Ok(Ended::Well)
}

fn compared_json(compared: &Compared) -> serde_json::Value {
    let changed = compared.changed.iter().map(|(server, decided, sentence)| {
        json!({ "server": server, "decided": decided.as_str(), "sentence": sentence })
    });
    let too_late = compared.too_late.iter().map(|(server, why)| json!({ "server": server, "why": why }));
    json!({
        "quarter": compared.quarter,
        "looked_at": compared.looked_at,
        "changed": changed.collect::<Vec<_>>(),
        "too_late": too_late.collect::<Vec<_>>(),
    })
}
