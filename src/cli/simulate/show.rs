//! What one configuration's simulation tells.

use std::collections::BTreeMap;

use super::{LINES_SHOWN, more};
use crate::app::App;
use crate::cli::Screen;
use crate::domain::simulate::{Assumptions, MailLine, NightLine, Outcome, Range, Report};

/// Names behind a reason.
const NAMES_SHOWN: usize = 4;
/// The nights with most to do.
const NIGHTS_SHOWN: usize = 5;

fn counted(count: u32, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// What was replayed, how often, and how the numbers are to be read.
pub(super) fn headline(app: &App, screen: &mut Screen, report: &Report) {
    let begun = app.quarters.first_day(report.quarter) <= report.from.with_timezone(&app.zone).date_naive();
    let times = report.assumed.times;
    screen.line(&format!(
        "{}, replayed {} {}.",
        app.quarters.describe(report.quarter),
        counted(times, "time", "times"),
        if begun { "from now on" } else { "as it would be planned now" },
    ));
    screen.line(&format!(
        "{} of {}. Nothing was sent or written.",
        counted(report.servers, "server", "servers"),
        counted(u32::try_from(report.owners).unwrap_or(u32::MAX), "owner", "owners"),
    ));
    if times > 1 {
        screen.line("Numbers are the usual ones (median), in brackets those of the extreme replays.");
    }
}

pub(super) fn assumed(screen: &mut Screen, report: &Report) {
    let Assumptions { answering, moving, declining, failing, .. } = report.assumed;
    screen.line("Assumed:");
    screen.line(&format!(
        "  {answering} of the owners answer: half of their answers come within a day, nine of ten within four"
    ));
    screen.line(&format!("  of the windows they answer about, {moving} are moved and {declining} declined"));
    screen
        .line(&format!("  {failing} of the runs fail, half of them in their pre-checks; all need a reboot"));
    screen.line("  every server is enrolled by then");
    screen.line("  operators do nothing: what failed, was missed or waits for them stays so");
    let [own, systems, unknown] = report.known;
    if own.saturating_add(systems) > 0 {
        screen.line(&format!(
            "  {own} servers take as long as in their own runs, {systems} as long as others of their system"
        ));
    }
    if unknown > 0 {
        screen.line(&format!(
            "  of {} too few runs are known: they take 15 minutes, and 40 at most in nine of ten",
            counted(unknown, "server", "servers")
        ));
    }
}

pub(super) fn show(app: &App, screen: &mut Screen, report: &Report) {
    headline(app, screen, report);
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
    screen.line(&format!(
        "Hours with a start: {}; full (rule per_slot_hour): {}, on days: {}.",
        report.hours, report.full_hours, report.full_days
    ));
    if report.hours_over.most > 0 {
        screen.line(&format!("Hours with more starts than may be: {}.", report.hours_over));
    }
    screen.line(&format!(
        "Hosts worked on at once: at most {} of {} (ssh.concurrency).",
        report.at_once, report.places
    ));
    if report.waited.most > 0 {
        screen.line(&format!("Starts that wait for one of these places: {}.", report.waited));
    }
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

pub(super) fn too_many(report: &Report) -> Vec<&MailLine> {
    report.mails.iter().filter(|one| one.worst_week.usually > report.assumed.many_mails).collect()
}

fn people(screen: &mut Screen, report: &Report) {
    let list = |counts: &BTreeMap<&'static str, Range>| {
        let counts: Vec<String> = counts.iter().map(|(what, range)| format!("{what} {range}")).collect();
        if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") }
    };
    screen.line(&format!("Decided by owners: {}.", list(&report.decisions)));
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
