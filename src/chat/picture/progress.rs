//! How far a quarter is: one bar for all of it, and a column for each of its weeks.

use super::paper::{Anchor, Box, Ink, LINE, Paper, SOFT};
use crate::domain::sheet::{Counts, Progress, Standing, monday, servers};

const WIDTH: u32 = 1000;
const HEIGHT: u32 = 1180;
const MARGIN: u32 = 40;

/// The color of a standing. They differ in brightness as well, for who does not see colors.
fn color(standing: Standing) -> &'static str {
    match standing {
        Standing::Patched => "#2f9e5f",
        Standing::Running => "#8ce0b4",
        Standing::Approved => "#3f78d8",
        Standing::Waiting => "#b3cdf6",
        Standing::Unplanned => "#e3e8ef",
        Standing::Trouble => "#d6336c",
        Standing::Out => "#8a94a3",
    }
}

pub(super) fn draw(progress: &Progress) -> String {
    let mut paper = Paper::new(WIDTH, HEIGHT);
    paper.text(MARGIN, 80, &progress.quarter.to_string(), Ink::new(52).bold());
    let all = progress.counts.all();
    paper.text(WIDTH - MARGIN, 80, &servers(all), Ink::new(36).at(Anchor::End));
    let percent = format!("{} %", progress.percent());
    paper.text(MARGIN, 190, &percent, Ink::new(92).bold().color("#2f9e5f"));
    paper.text(WIDTH - MARGIN, 190, "patched", Ink::new(36).color(SOFT).at(Anchor::End));
    let bar = Box { x: MARGIN, y: 222, width: WIDTH - 2 * MARGIN, height: 56 };
    across(&mut paper, bar, &progress.counts);
    let bottom = legend(&mut paper, 340, &progress.counts);
    columns(&mut paper, bottom, progress);
    paper.svg()
}

/// A bar from left to right.
fn across(paper: &mut Paper, at: Box, counts: &Counts) {
    paper.rounded(at, 12, "#ffffff", Some((LINE, 2)));
    let all = counts.all();
    let mut x = at.x;
    for standing in Standing::ALL {
        let count = counts.of(standing);
        let width = part(count, all, at.width).min((at.x + at.width).saturating_sub(x));
        if width > 0 {
            paper.rounded(Box { x, width, ..at }, 8, color(standing), None);
            x += width;
        }
    }
}

/// So many of `all` on a length; what is there is never invisible.
fn part(count: u32, all: u32, length: u32) -> u32 {
    let exact = u64::from(count) * u64::from(length) / u64::from(all.max(1));
    let exact = u32::try_from(exact).unwrap_or(length);
    if count > 0 { exact.max(6) } else { 0 }
}

/// What each color means, with its number; gives the line below it.
fn legend(paper: &mut Paper, top: u32, counts: &Counts) -> u32 {
    let mut y = top;
    let there = Standing::ALL.into_iter().filter(|standing| counts.of(*standing) > 0);
    for (index, standing) in (0_u32..).zip(there) {
        let x = if index % 2 == 0 { MARGIN } else { WIDTH / 2 + 10 };
        if index % 2 == 0 && index > 0 {
            y += 54;
        }
        paper.rounded(Box { x, y: y - 28, width: 34, height: 34 }, 8, color(standing), Some((LINE, 1)));
        let words = format!("{} {}", counts.of(standing), standing.word());
        paper.text(x + 48, y, &words, Ink::new(30));
    }
    y + 70
}

/// A column for each week.
fn columns(paper: &mut Paper, top: u32, progress: &Progress) {
    let bottom = HEIGHT - 96;
    let height = bottom.saturating_sub(top + 40);
    let most = progress.weeks.iter().map(|(_, counts)| counts.all()).max().unwrap_or(0).max(1);
    let count = u32::try_from(progress.weeks.len()).unwrap_or(1).max(1);
    let step = (WIDTH - 2 * MARGIN) / count;
    paper.rounded(Box { x: MARGIN, y: bottom, width: WIDTH - 2 * MARGIN, height: 3 }, 1, LINE, None);
    for (index, (week, counts)) in (0_u32..).zip(&progress.weeks) {
        let x = MARGIN + index * step + 5;
        let width = step.saturating_sub(10);
        let mut y = bottom;
        for standing in Standing::ALL {
            let tall = part(counts.of(standing), most, height);
            y = y.saturating_sub(tall);
            if tall > 0 {
                paper.rounded(Box { x, y, width, height: tall }, 4, color(standing), None);
            }
        }
        if counts.all() > 0 {
            let number = Ink::new(24).color(SOFT).at(Anchor::Middle);
            paper.text(x + width / 2, y.saturating_sub(10), &counts.all().to_string(), number);
        }
        let now = *week == monday(progress.today);
        if index % 3 == 0 || now {
            let ink = Ink::new(24).at(Anchor::Middle);
            let ink = if now { ink.bold() } else { ink.color(SOFT) };
            // Beside this week there is no room for another date.
            let near = !now
                && progress.weeks.iter().any(|(other, _)| {
                    *other == monday(progress.today) && (*other - *week).num_weeks().abs() == 1
                });
            if !near {
                let date = week.format("%-d %b").to_string();
                let middle = (x + width / 2).clamp(MARGIN + 30, WIDTH - MARGIN - 30);
                paper.text(middle, bottom + 40, &date, ink);
            }
        }
    }
    let below = "weeks, by their Mondays";
    paper.text(WIDTH / 2, HEIGHT - 22, below, Ink::new(24).color(SOFT).at(Anchor::Middle));
}
