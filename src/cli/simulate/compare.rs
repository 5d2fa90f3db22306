//! Two configurations side by side: what differs first.

use super::show::{assumed, headline, too_many};
use super::{LINES_SHOWN, more};
use crate::app::App;
use crate::cli::Screen;
use crate::domain::simulate::{Outcome, Report};

/// Lines are no longer than this, as far as possible.
const COLUMNS: usize = 98;

/// Every number of a report, by its name.
fn numbers(report: &Report) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for (outcome, range) in &report.outcomes {
        all.push((outcome.phrase().to_owned(), range.to_string()));
        if *outcome == Outcome::NotStarted {
            all.extend(
                report.missed.iter().map(|(rule, range)| (format!("  rule {rule}"), range.to_string())),
            );
        }
    }
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
        all.extend(counts.iter().map(|(what, range)| (format!("{prefix} {what}"), range.to_string())));
    }
    all.extend(
        report.risks.iter().map(|risk| (format!("at risk: {}", risk.why), risk.servers.len().to_string())),
    );
    all
}

/// Two configurations side by side: what differs first.
pub(super) fn compare(app: &App, screen: &mut Screen, now: &Report, then: &Report) {
    headline(app, screen, now);
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
        .map(|[what, value, _]| format!("{}: {value}", what.trim_start()))
        .collect();
    if !same.is_empty() {
        screen.line("The same with both:");
        packed(&same).iter().for_each(|line| screen.line(line));
    }
}

/// As many phrases on one line as a terminal has room for.
fn packed(phrases: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for phrase in phrases {
        match lines.last_mut().filter(|line| line.chars().count().saturating_add(phrase.len()) < COLUMNS) {
            Some(line) => {
                line.push_str("; ");
                line.push_str(phrase);
            }
            None => lines.push(format!("  {phrase}")),
        }
    }
    lines
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
