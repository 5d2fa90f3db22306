//! `simulate`: the quarter before it happens, and what another configuration would make of it.

use std::path::Path;

use anyhow::Context;
use serde_json::json;

use super::args::Simulate;
use super::planning::{read, under};
use super::windows::typed_filter;
use super::{Ended, Screen, setup};
use crate::app::App;
use crate::app::simulate::{Question, Simulated};
use crate::config::Config;
use crate::domain::quarter::Quarter;
use crate::domain::simulate::{Assumptions, MailLine, NightLine, Outcome, Range, Report, Share};

/// More lines of one kind than this are counted, not listed.
const LINES_SHOWN: usize = 10;
/// Names behind a reason.
const NAMES_SHOWN: usize = 4;
/// The nights with most to do.
const NIGHTS_SHOWN: usize = 5;

pub(super) async fn simulate(
    config: &Config,
    screen: &mut Screen,
    asked: &Simulate,
) -> anyhow::Result<Ended> {
    let Some(assumed) = assumptions(screen, asked) else { return Ok(Ended::Refused) };
    let quarter = asked.quarter.as_deref().map(str::parse::<Quarter>).transpose();
    let Some(quarter) = read(screen, quarter) else { return Ok(Ended::Refused) };
    let app = setup::app(config).await?;
    let today = app.now().with_timezone(&app.zone).date_naive();
    let quarter = quarter.unwrap_or_else(|| app.quarters.of(today));
    if app.quarters.last_day(quarter) < today {
        screen.complain(&format!(
            "{} is over; simulate one that is still to come",
            app.quarters.describe(quarter)
        ));
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
            show(&app, screen, &report);
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
        compare(&app, screen, &report, &then);
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
            let error: crate::domain::simulate::NotAShare = error;
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

fn counted(count: u32, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

fn headline(app: &App, report: &Report) -> String {
    let begun = app.quarters.first_day(report.quarter) <= report.from.with_timezone(&app.zone).date_naive();
    format!(
        "{}, {} of {}, replayed {} {}; nothing was sent or written.",
        app.quarters.describe(report.quarter),
        counted(report.servers, "server", "servers"),
        counted(u32::try_from(report.owners).unwrap_or(u32::MAX), "owner", "owners"),
        counted(report.assumed.times, "time", "times"),
        if begun { "from now on" } else { "as it would be planned now" },
    )
}

fn assumed(screen: &mut Screen, report: &Report) {
    let Assumptions { answering, moving, declining, failing, .. } = report.assumed;
    screen.line("Assumed:");
    screen.line(&format!(
        "  {answering} of the owners answer: half of their answers come within a day, nine of ten within four"
    ));
    screen.line(&format!("  of the windows they answer about, {moving} are moved and {declining} declined"));
    screen
        .line(&format!("  {failing} of the runs fail, half of them in their pre-checks; all need a reboot"));
    screen.line("  operators do nothing: what failed, was missed or waits for them stays so");
    let [own, systems, unknown] = report.known;
    let known = match (own.saturating_add(systems), unknown) {
        (_, 0) => format!(
            "  runs take as long as before: {own} servers by their own runs, {systems} by their system's"
        ),
        (0, _) => "  runs take 15 minutes, 40 at most in nine of ten: there are too few runs to know better"
            .to_owned(),
        (known, unknown) => format!(
            "  {known} servers take as long as before; of {unknown} too few runs are known, they take 15 minutes, 40 at most in nine of ten"
        ),
    };
    screen.line(&known);
}

fn show(app: &App, screen: &mut Screen, report: &Report) {
    screen.line(&headline(app, report));
    assumed(screen, report);
    outcomes(screen, report);
    groups(screen, report);
    without(screen, report);
    calendar(screen, report);
    people(screen, report);
    nights(screen, report);
    risks(screen, report);
    screen.line(&format!(
        "→ What other rules would change: patchbot simulate {} --diff OTHER.conf",
        report.quarter
    ));
}

fn outcomes(screen: &mut Screen, report: &Report) {
    let shown = |what: String, range: &Range| {
        [what, range.fewest.to_string(), range.usually.to_string(), range.most.to_string()]
    };
    let mut rows = Vec::new();
    for (outcome, range) in
        report.outcomes.iter().filter(|(one, range)| range.most > 0 || **one == Outcome::Patched)
    {
        rows.push(shown(outcome.phrase().to_owned(), range));
        if *outcome == Outcome::NotStarted {
            rows.extend(report.missed.iter().map(|(rule, range)| shown(format!("  rule {rule}"), range)));
        }
    }
    screen.table(["servers", "fewest", "usually", "most"], &rows);
}

fn groups(screen: &mut Screen, report: &Report) {
    if report.groups.len() < 2 {
        return;
    }
    let rows: Vec<[String; 5]> = report
        .groups
        .iter()
        .map(|one| {
            let group = if one.group.is_empty() { "(none)".to_owned() } else { one.group.clone() };
            let [patched, waiting] = [one.patched, one.not_approved].map(|range| range.to_string());
            [group, one.servers.to_string(), patched, waiting, one.silence.to_owned()]
        })
        .collect();
    screen.table(["host group", "servers", "patched", "not approved", "silence"], &rows);
}

fn without(screen: &mut Screen, report: &Report) {
    for one in report.without.iter().take(LINES_SHOWN) {
        screen.line(&format!("{} has no slot:", one.server));
        if one.why.is_empty() {
            screen.line("  no patch day is left in the quarter (rule patch_day)");
        }
        for why in &one.why {
            screen.line(&format!("  {why}"));
        }
    }
    more(report.without.len(), LINES_SHOWN).iter().for_each(|more| screen.line(more));
}

fn calendar(screen: &mut Screen, report: &Report) {
    let over = match report.hours_over.most {
        0 => "in none start more".to_owned(),
        _ => format!("in {} start more", report.hours_over),
    };
    screen.line(&format!(
        "In {} hours something starts; {} of them, on {} days, are full (rule per_slot_hour), and {over}.",
        report.hours, report.full_hours, report.full_days
    ));
    let waited = match report.waited.most {
        0 => "no start waits for a place".to_owned(),
        _ => format!("{} starts wait for a place", report.waited),
    };
    screen.line(&format!(
        "At most {} hosts are worked on at once, {} may be (ssh.concurrency); {waited}.",
        report.at_once, report.places
    ));
    for wrong in &report.canaries {
        screen.line(&format!("This is no plan: {wrong}."));
    }
    if report.unsoaked.most > 0 {
        screen.line(&format!(
            "{} runs begin before their canaries were watched for long enough (rule soak).",
            report.unsoaked
        ));
    }
}

fn too_many(report: &Report) -> Vec<&MailLine> {
    report.mails.iter().filter(|one| one.worst_week.usually > report.assumed.many_mails).collect()
}

fn people(screen: &mut Screen, report: &Report) {
    let list = |counts: &std::collections::BTreeMap<&'static str, Range>| {
        let counts: Vec<String> =
            counts.iter().map(|(what, range)| format!("{} {range}", what.replace('_', " "))).collect();
        if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") }
    };
    screen.line(&format!("Decided: {}.", list(&report.decisions)));
    if !report.silence.is_empty() {
        screen.line(&format!("Silence: {}.", list(&report.silence)));
    }
    if !report.refusals.is_empty() {
        screen.line(&format!("Refused to owners, by the rule: {}.", list(&report.refusals)));
    }
    if report.no_other_time.most > 0 {
        screen.line(&format!(
            "Owners who wanted another time and found none, and so declined: {}.",
            report.no_other_time
        ));
    }
    let limit = report.assumed.many_mails;
    let many = too_many(report);
    let week =
        |one: &MailLine| one.week.map_or_else(String::new, |week| week.format("%-d %b %Y").to_string());
    if many.is_empty() {
        if let Some(first) = report.mails.first().filter(|first| first.worst_week.most > 0) {
            screen.line(&format!(
                "Most mails in one week: {} to {}, in the week of {}.",
                first.worst_week,
                first.owner,
                week(first)
            ));
        }
        return;
    }
    screen.line(&format!(
        "{} more than {limit} mails in one week:",
        counted(u32::try_from(many.len()).unwrap_or(u32::MAX), "owner gets", "owners get")
    ));
    let rows: Vec<[String; 4]> = many
        .iter()
        .take(LINES_SHOWN)
        .map(|one| [one.owner.clone(), one.worst_week.to_string(), week(one), one.in_all.to_string()])
        .collect();
    screen.table(["owner", "mails in the worst week", "week of", "in all"], &rows);
    more(many.len(), LINES_SHOWN).iter().for_each(|more| screen.line(more));
}

fn nights(screen: &mut Screen, report: &Report) {
    let mut busiest: Vec<&NightLine> = report.nights.iter().collect();
    busiest.sort_by_key(|one| std::cmp::Reverse((one.troubles.usually, one.runs.usually, one.troubles.most)));
    busiest.truncate(NIGHTS_SHOWN);
    busiest.sort_by_key(|one| one.night);
    let rows: Vec<[String; 3]> = busiest
        .iter()
        .map(|one| {
            [one.night.format("%a %-d %b %Y").to_string(), one.runs.to_string(), one.troubles.to_string()]
        })
        .collect();
    if !rows.is_empty() {
        screen.table(["busiest nights", "runs", "for operators to look at"], &rows);
    }
}

fn risks(screen: &mut Screen, report: &Report) {
    if !report.risks.is_empty() {
        screen.line("At risk:");
    }
    for risk in &report.risks {
        let names = risk.servers.iter().take(NAMES_SHOWN).cloned().collect::<Vec<_>>().join(", ");
        let more = more(risk.servers.len(), NAMES_SHOWN).map(|more| format!(" {more}")).unwrap_or_default();
        screen.line(&format!("  {}: {} ({names}{more})", risk.servers.len(), risk.why));
    }
}

/// Every number of a report, by its name.
fn numbers(report: &Report) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> =
        report.outcomes.iter().map(|(one, range)| (one.phrase().to_owned(), range.to_string())).collect();
    all.extend(report.missed.iter().map(|(rule, range)| (format!("  rule {rule}"), range.to_string())));
    let mut add = |what: &str, value: String| all.push((what.to_owned(), value));
    add("hours with a start", report.hours.to_string());
    add("full hours", report.full_hours.to_string());
    add("days with full hours", report.full_days.to_string());
    add("hours with more than may start", report.hours_over.to_string());
    add("hosts worked on at once", report.at_once.to_string());
    add("starts that wait for a place", report.waited.to_string());
    add("runs begun before the soak was over", report.unsoaked.to_string());
    add(
        &format!("owners with more than {} mails in a week", report.assumed.many_mails),
        too_many(report).len().to_string(),
    );
    add(
        "most mails of one owner in a week",
        report.mails.first().map_or(0, |one| one.worst_week.usually).to_string(),
    );
    let night = report.nights.iter().map(|one| one.troubles.usually).max().unwrap_or(0);
    add("most for operators in one night", night.to_string());
    add("owners who found no other time", report.no_other_time.to_string());
    for (prefix, counts) in [
        ("decided", &report.decisions),
        ("silence", &report.silence),
        ("refused to owners, rule", &report.refusals),
    ] {
        all.extend(
            counts
                .iter()
                .map(|(what, range)| (format!("{prefix} {}", what.replace('_', " ")), range.to_string())),
        );
    }
    all.extend(
        report.risks.iter().map(|risk| (format!("at risk: {}", risk.why), risk.servers.len().to_string())),
    );
    all
}

/// Two configurations side by side: what differs first.
fn compare(app: &App, screen: &mut Screen, now: &Report, then: &Report) {
    screen.line(&headline(app, now));
    assumed(screen, now);
    let (mine, theirs) = (numbers(now), numbers(then));
    let value = |all: &[(String, String)], what: &str| {
        all.iter().find(|(name, _)| name == what).map_or_else(|| "0".to_owned(), |(_, value)| value.clone())
    };
    let mut rows: Vec<[String; 3]> = Vec::new();
    for (what, _) in mine.iter().chain(&theirs) {
        if !rows.iter().any(|[known, ..]| known == what) {
            rows.push([what.clone(), value(&mine, what), value(&theirs, what)]);
        }
    }
    let (same, differing): (Vec<_>, Vec<_>) = rows.into_iter().partition(|[_, now, then]| now == then);
    if differing.is_empty() {
        screen.line("Nothing differs with the other configuration.");
    } else {
        screen.table(["what differs", "now", "with the other configuration"], &differing);
    }
    for wrong in &now.canaries {
        screen.line(&format!("This is no plan: {wrong}."));
    }
    for wrong in &then.canaries {
        screen.line(&format!("With the other configuration this is no plan: {wrong}."));
    }
    servers(screen, now, then);
    let same: Vec<String> = same
        .iter()
        .filter(|[_, value, _]| value != "0")
        .map(|[what, value, _]| format!("{} {value}", what.trim_start()))
        .collect();
    if !same.is_empty() {
        screen.line(&format!("The same with both: {}.", same.join("; ")));
    }
}

/// The servers for which the other configuration makes the greatest difference.
fn servers(screen: &mut Screen, now: &Report, then: &Report) {
    let mut rows: Vec<(u32, [String; 3])> = now
        .patched
        .iter()
        .filter_map(|(server, mine)| {
            let theirs = then.patched.get(server).copied().unwrap_or(0);
            let often = |count: u32| format!("in {count} of {}", now.assumed.times);
            Some((mine.abs_diff(theirs), [server.clone(), often(*mine), often(theirs)]))
                .filter(|(apart, _)| apart.saturating_mul(2) >= now.assumed.times)
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    rows.sort_by_key(|(apart, _)| std::cmp::Reverse(*apart));
    let all = rows.len();
    let rows: Vec<[String; 3]> = rows.into_iter().take(LINES_SHOWN).map(|(_, row)| row).collect();
    screen.table(["patched", "now", "with the other configuration"], &rows);
    more(all, LINES_SHOWN).iter().for_each(|more| screen.line(more));
}
