//! Pictures are drawn from anything, are what they say, and cannot be broken by a name.

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use resvg::tiny_skia::Pixmap;

use super::*;
use crate::domain::sheet::{Counts, Standing};

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn counts(of: &[(Standing, u32)]) -> Counts {
    let mut counts = Counts::default();
    of.iter().for_each(|(standing, windows)| counts.add(*standing, *windows));
    counts
}

/// A quarter in its middle: Thursdays with many servers, some of them patched.
fn calendar() -> Calendar {
    let (first, last) = (date("2026-11-01"), date("2027-01-31"));
    let mut days = Calendar::of_days(first, last, Tz::Europe__Berlin, &[]);
    for (week, thursday) in (0_u32..).zip((0..13).map(|week| date("2026-11-05") + Days::new(7 * week))) {
        let Some(day) = days.iter_mut().find(|day| day.date == thursday) else { continue };
        day.counts = match week {
            0..4 => {
                counts(&[(Standing::Patched, 11 + 3 * week), (Standing::Trouble, u32::from(week == 2) * 2)])
            }
            4 => counts(&[(Standing::Running, 2), (Standing::Approved, 22)]),
            week => counts(&[(Standing::Approved, 18 - week), (Standing::Waiting, 2 * week)]),
        };
    }
    for (on, own) in [("2026-12-10", vec!["web01 20:00"]), ("2027-01-14", vec!["db01 21:00", "db02 21:30"])] {
        let day = days.iter_mut().find(|day| day.date == date(on)).unwrap();
        day.own = own.into_iter().map(str::to_owned).collect();
    }
    for day in days.iter_mut().filter(|day| day.date >= date("2026-12-23") && day.date < date("2027-01-04")) {
        day.closed = Some("holidays".to_owned());
        day.counts = Counts::default();
    }
    for day in days.iter_mut().filter(|day| day.date >= date("2026-11-28") && day.date < date("2026-12-03")) {
        day.frozen = true;
    }
    Calendar {
        title: "2027-Q1 (1 Nov 2026 to 31 Jan 2027)".to_owned(),
        quarter: "2027-Q1".parse().unwrap(),
        zone: Tz::Europe__Berlin,
        today: date("2026-11-28"),
        days,
    }
}

fn progress() -> Progress {
    let weeks: Vec<_> = (0..14)
        .map(|week| {
            let monday = date("2026-10-26") + Days::new(7 * week);
            let number = u32::try_from(week).unwrap();
            let of = match number {
                0 => vec![],
                1..5 => vec![(Standing::Patched, 9 + 4 * number), (Standing::Trouble, number % 3)],
                5 => vec![(Standing::Patched, 6), (Standing::Running, 3), (Standing::Approved, 15)],
                _ => vec![
                    (Standing::Approved, 20 - number),
                    (Standing::Waiting, 3 + number),
                    (Standing::Out, number % 2),
                ],
            };
            (monday, counts(&of))
        })
        .collect();
    let mut all = Counts::default();
    for (_, week) in &weeks {
        Standing::ALL.into_iter().for_each(|standing| all.add(standing, week.of(standing)));
    }
    all.add(Standing::Unplanned, 4);
    Progress {
        title: "2027-Q1 (1 Nov 2026 to 31 Jan 2027)".to_owned(),
        quarter: "2027-Q1".parse().unwrap(),
        today: date("2026-12-01"),
        counts: all,
        weeks,
    }
}

#[expect(clippy::disallowed_methods, reason = "pictures are kept where a person asks for them")]
fn drawn(drawing: &Drawing) -> Pixmap {
    let png = drawing.png().unwrap();
    // Slack and Discord show a preview of what is smaller than this.
    assert!(png.len() < 500_000, "{}", png.len());
    // To be looked at: PATCHBOT_PICTURES=/tmp/pictures cargo nextest run picture
    if let Ok(folder) = std::env::var("PATCHBOT_PICTURES") {
        let name = if matches!(drawing, Drawing::Calendar(_)) { "calendar" } else { "progress" };
        std::fs::write(std::path::Path::new(&folder).join(format!("{name}.png")), &png).unwrap();
    }
    Pixmap::decode_png(&png).unwrap()
}

#[test]
fn a_calendar_and_a_chart_are_pictures_a_thousand_wide_on_ground_of_their_own() {
    for drawing in [Drawing::Calendar(calendar()), Drawing::Progress(progress())] {
        let picture = drawn(&drawing);
        assert_eq!(picture.width(), 1_000);
        assert!((1_000..1_800).contains(&picture.height()), "{}", picture.height());
        let middle = picture.pixel(20, picture.height() / 2).unwrap();
        assert_eq!(middle.alpha(), 255, "nothing of the platform's own ground shines through");
    }
}

#[test]
fn a_name_is_a_name_in_a_picture_as_well() {
    let mut hostile = calendar();
    hostile.days[5].own = vec!["</text><script>alert(1)</script>&".to_owned()];
    hostile.days[5].closed = Some("\u{0}<image href='file:///etc/passwd'/>".to_owned());
    assert!(Drawing::Calendar(hostile).png().is_ok());
}

#[test]
fn empty_and_enormous_quarters_are_drawn() {
    let mut empty = calendar();
    empty.days.iter_mut().for_each(|day| day.counts = Counts::default());
    assert!(Drawing::Calendar(empty).png().is_ok());
    let mut huge = calendar();
    huge.days.iter_mut().for_each(|day| day.counts.add(Standing::Approved, 100_000_000));
    assert!(Drawing::Calendar(huge).png().is_ok());
    let mut nothing = progress();
    nothing.counts = Counts::default();
    nothing.weeks.clear();
    assert!(Drawing::Progress(nothing).png().is_ok());
}

#[test]
fn the_mark_of_ones_own_servers_is_whole() {
    let picture = drawn(&Drawing::Calendar(calendar()));
    // web01 is on Thursday, 10 December: the seventh week, the fourth day. Its mark reaches over the day's right edge.
    let own = |x: u32, y: u32| {
        let color = picture.pixel(x, y).unwrap().demultiply();
        format!("#{:02x}{:02x}{:02x}", color.red(), color.green(), color.blue())
    };
    let (right, top) = (calendar::left(3) + 116, 214 + 6 * 90);
    for (x, y) in [(right - 18, top + 6), (right + 10, top + 6), (right - 4, top - 8), (right - 4, top + 20)]
    {
        assert_eq!(own(x, y), paper::OWN, "at {x}, {y}");
    }
}
