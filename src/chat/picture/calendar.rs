//! The quarter as weeks of days: the fuller a day the darker it is, with one's own servers, freezes and closed days marked.

use chrono::Datelike;

use super::paper::{Anchor, Box, Ink, LINE, OWN, Paper, SOFT, cut};
use crate::domain::sheet::{Calendar, Day, Standing, servers};

const WIDTH: u32 = 1000;
const MARGIN: u32 = 40;
/// Where the months' names stand.
const MONTHS: u32 = 96;
const TOP: u32 = 214;
const CELL_WIDTH: u32 = 116;
const CELL_HEIGHT: u32 = 84;
const GAP: u32 = 6;
/// From empty to full.
const SHADES: [&str; 6] = ["#ffffff", "#dbe7fb", "#b3cdf6", "#7ba7ee", "#3f78d8", "#1c4fa8"];
const GOOD: &str = "#2f9e5f";
const BAD: &str = "#d6336c";

pub(super) fn draw(calendar: &Calendar) -> String {
    let weeks = weeks(calendar);
    let own: usize = calendar.days.iter().map(|day| day.own.len()).sum();
    let height = TOP + weeks * (CELL_HEIGHT + GAP) + 150;
    let mut paper = Paper::new(WIDTH, height);
    let all = calendar.days.iter().fold(0_u32, |sum, day| sum.saturating_add(day.counts.all()));
    paper.text(MARGIN, 80, &calendar.quarter.to_string(), Ink::new(52).bold());
    paper.text(WIDTH - MARGIN, 80, &servers(all), Ink::new(36).at(Anchor::End));
    let below = match own {
        0 => format!("days in {}", calendar.zone.name()),
        1 => format!("one of them is yours · days in {}", calendar.zone.name()),
        many => format!("{many} of them are yours · days in {}", calendar.zone.name()),
    };
    paper.text(MARGIN, 130, &cut(&below, 48), Ink::new(30).color(SOFT));
    for (column, name) in (0_u32..).zip(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]) {
        let x = left(column) + CELL_WIDTH / 2;
        paper.text(x, TOP - 18, name, Ink::new(28).color(SOFT).at(Anchor::Middle));
    }
    let most = calendar.days.iter().map(|day| day.counts.all()).max().unwrap_or(0);
    let mut month = 0;
    for (index, day) in (calendar.blank_days()..).zip(&calendar.days) {
        let at = cell(index);
        if day.date.month() != month {
            month = day.date.month();
            // A month that begins in the middle of a week is named where its first whole week is.
            let y = if index % 7 == 0 { at.y } else { at.y + CELL_HEIGHT + GAP };
            let name = day.date.format("%b").to_string();
            paper.text(MARGIN, y + 54, &name, Ink::new(34).bold());
        }
        draw_day(&mut paper, at, day, most, day.date == calendar.today);
    }
    // Badges reach over their days' edges, so nothing may be drawn over them.
    for (index, day) in (calendar.blank_days()..).zip(&calendar.days).filter(|(_, day)| !day.own.is_empty()) {
        badge(&mut paper, cell(index), day.own.len());
    }
    legend(&mut paper, TOP + weeks * (CELL_HEIGHT + GAP) + 40);
    paper.svg()
}

/// Where the so-many-th day of the picture is.
fn cell(index: u32) -> Box {
    let y = TOP + index / 7 * (CELL_HEIGHT + GAP);
    Box { x: left(index % 7), y, width: CELL_WIDTH, height: CELL_HEIGHT }
}

/// How many of one's own are on a day.
fn badge(paper: &mut Paper, at: Box, own: usize) {
    paper.circle(at.x + at.width - 4, at.y + 6, 17, OWN);
    let ink = Ink::new(22).bold().color("#ffffff").at(Anchor::Middle);
    paper.text(at.x + at.width - 4, at.y + 14, &own.to_string(), ink);
}

pub(super) fn left(column: u32) -> u32 {
    MARGIN + MONTHS + column * (CELL_WIDTH + GAP)
}

fn weeks(calendar: &Calendar) -> u32 {
    let days = u32::try_from(calendar.days.len()).unwrap_or(0);
    (days + calendar.blank_days()).div_ceil(7)
}

/// How dark a day is: as its part of the fullest one, and never white when something is on it.
fn shade(count: u32, most: u32) -> usize {
    let steps = u32::try_from(SHADES.len()).unwrap_or(1).saturating_sub(1);
    let shade = count.saturating_mul(steps).div_ceil(most.max(1)).min(steps);
    usize::try_from(shade).unwrap_or(0)
}

fn draw_day(paper: &mut Paper, at: Box, day: &Day, most: u32, today: bool) {
    let count = day.counts.all();
    let shade = shade(count, most);
    let closed = day.closed.is_some();
    let fill = if closed { "#dfe3e9" } else { SHADES.get(shade).copied().unwrap_or("#ffffff") };
    let border = match (day.own.is_empty(), today) {
        (false, _) => Some((OWN, 6)),
        (true, true) => Some(("#16202c", 4)),
        (true, false) => Some((LINE, 1)),
    };
    paper.rounded(at, 10, fill, border);
    if day.frozen {
        paper.hatched(at);
    }
    let dark = shade >= 4 && !closed;
    // Grey letters do not stand out from the blues in the middle.
    let (soft, ink) = match (dark, shade) {
        (true, _) => ("#e6eefc", "#ffffff"),
        (false, 2 | 3) if !closed => ("#16202c", "#16202c"),
        (false, _) => (SOFT, "#16202c"),
    };
    let date = Ink::new(24).color(soft);
    paper.text(at.x + 12, at.y + 32, &day.date.day().to_string(), if today { date.bold() } else { date });
    if count > 0 {
        let size = if count > 9_999 { 24 } else { 36 };
        let number = Ink::new(size).bold().color(ink).at(Anchor::End);
        paper.text(at.x + at.width - 12, at.y + 52, &count.to_string(), number);
        bar(paper, at, day);
    } else if closed {
        paper.text(at.x + at.width / 2, at.y + 56, "✕", Ink::new(32).color(SOFT).at(Anchor::Middle));
    }
}

/// How far a day is, at its foot.
fn bar(paper: &mut Paper, at: Box, day: &Day) {
    let (patched, trouble) = (day.counts.of(Standing::Patched), day.counts.of(Standing::Trouble));
    if patched == 0 && trouble == 0 {
        return;
    }
    let room = at.width - 24;
    let part = |of: u32| {
        (of.saturating_mul(room) / day.counts.all().max(1)).max(if of > 0 { 6 } else { 0 }).min(room)
    };
    let (good, bad) = (part(patched), part(trouble));
    let y = at.y + at.height - 20;
    let foot = |x: u32, width: u32| Box { x, y, width, height: 10 };
    paper.rounded(foot(at.x + 12, room), 5, "#ffffff", None);
    paper.rounded(foot(at.x + 12, good), 5, GOOD, None);
    if bad > 0 {
        paper.rounded(foot(at.x + 12 + room - bad, bad), 5, BAD, None);
    }
}

fn legend(paper: &mut Paper, y: u32) {
    let ink = Ink::new(26).color(SOFT);
    let mut x = MARGIN;
    let mut swatch = |paper: &mut Paper, words: &str, width: u32, draw: &dyn Fn(&mut Paper, Box)| {
        draw(paper, Box { x, y: y - 26, width: 34, height: 34 });
        paper.text(x + 46, y, words, ink);
        x += width;
    };
    swatch(paper, "few", 126, &|paper, at| paper.rounded(at, 8, SHADES[1], Some((LINE, 1))));
    swatch(paper, "many", 150, &|paper, at| paper.rounded(at, 8, SHADES[5], None));
    swatch(paper, "patched", 186, &|paper, at| paper.rounded(at, 8, GOOD, None));
    swatch(paper, "in trouble", 210, &|paper, at| paper.rounded(at, 8, BAD, None));
    swatch(paper, "yours", 140, &|paper, at| paper.rounded(at, 8, "#ffffff", Some((OWN, 6))));
    let mut x = MARGIN;
    let y = y + 56;
    let mut swatch = |paper: &mut Paper, words: &str, width: u32, draw: &dyn Fn(&mut Paper, Box)| {
        draw(paper, Box { x, y: y - 26, width: 34, height: 34 });
        paper.text(x + 46, y, words, ink);
        x += width;
    };
    swatch(paper, "frozen now", 236, &|paper, at| {
        paper.rounded(at, 8, "#ffffff", Some((LINE, 1)));
        paper.hatched(at);
    });
    swatch(paper, "closed", 180, &|paper, at| paper.rounded(at, 8, "#dfe3e9", Some((LINE, 1))));
    swatch(paper, "today", 170, &|paper, at| paper.rounded(at, 8, "#ffffff", Some(("#16202c", 4))));
}
