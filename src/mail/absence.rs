//! Until when somebody is away, as an automatic answer says it. Pure; nothing is decided by it.

use chrono::{Datelike, Days, NaiveDate};

use crate::domain::inbound::Absence;

/// Words before the last day away, or before the day of the return.
const UNTIL: &[&str] = &[
    "until", "till", "through", "thru", "to", "bis", "jusqu'au", "jusqu’au", "jusqu'à", "au", "hasta", "al",
    "fino", "até", "tot", "t/m", "do", "až", "til", "till", "till", "asti", "saakka", "до", "kadar", "まで",
    "直到", "至", "까지",
];
const BACK: &[&str] = &[
    "back", "return", "returning", "zurück", "wieder", "retour", "regreso", "vuelvo", "rientro", "torno",
    "volto", "regresso", "terug", "wracam", "zpět", "tillbaka", "tilbage", "tilbake", "takaisin", "вернусь",
    "döneceğim",
];
/// Months by the first letters of their names, in the languages of the mail programs.
const MONTHS: &[&[&str]] = &[
    &["jan", "ene", "gen", "sty", "led", "tam", "янв", "oca"],
    &["feb", "fév", "fev", "lut", "úno", "hel", "фев", "şub"],
    &["mar", "mär", "mrt", "bře", "maa", "мар"],
    &["apr", "avr", "abr", "kwi", "dub", "huh", "апр", "nis"],
    &["may", "mai", "mei", "mag", "maj", "kvě", "tou", "мая"],
    &["jun", "jui", "giu", "cze", "kes", "июн", "haz", "čer"],
    &["jul", "lug", "lip", "hei", "июл", "tem"],
    &["aug", "aoû", "ago", "sie", "srp", "elo", "авг", "ağu"],
    &["sep", "set", "wrz", "zář", "syy", "сен", "eyl"],
    &["oct", "okt", "ott", "out", "paź", "říj", "lok", "окт", "eki"],
    &["nov", "lis", "mar", "ноя", "kas"],
    &["dec", "dez", "dic", "déc", "gru", "pro", "jou", "дек", "ara"],
];
/// Nobody announces an absence longer than this.
const LONGEST: i64 = 200;

/// Reads what an automatic answer says about the end of an absence. `today` is the day it came.
#[must_use]
pub fn absence(text: &str, today: NaiveDate) -> Absence {
    let folded = text.to_lowercase();
    let words: Vec<&str> =
        folded.split(|c: char| c.is_whitespace() || c == ',').filter(|w| !w.is_empty()).collect();
    let mut last: Option<NaiveDate> = None;
    let mut back: Option<NaiveDate> = None;
    for at in 0..words.len() {
        let Some(date) = date_at(&words, at, today) else { continue };
        let near = words.get(at.saturating_sub(4)..at).unwrap_or_default();
        let before = |set: &[&str]| {
            near.iter().any(|word| set.contains(&word.trim_matches(|c: char| !c.is_alphanumeric())))
        };
        if before(BACK) {
            back = back.or(Some(date));
        } else if before(UNTIL) {
            last = last.max(Some(date));
        }
    }
    // "Back on Monday" means that Sunday is the last day away.
    let until = last.or(back.and_then(|day| day.checked_sub_days(Days::new(1))));
    Absence { until: until.filter(|day| *day >= today) }
}

/// The date that begins at a word: `2026-12-07`, `7.12.2026`, `7 December`, `December 7th`.
fn date_at(words: &[&str], at: usize, today: NaiveDate) -> Option<NaiveDate> {
    let word = words.get(at)?.trim_matches(|c: char| !c.is_alphanumeric());
    let date = iso(word)
        .or_else(|| dotted(word, today))
        .or_else(|| {
            let next = words.get(at.checked_add(1)?)?;
            let year = words.get(at.checked_add(2)?).and_then(|word| year(word));
            let (day, month) = match (day(word), month(next)) {
                (Some(day), Some(month)) => (day, month),
                _ => (day(next)?, month(word)?),
            };
            dated(day, month, year, today)
        })
        .or_else(|| {
            let next = words.get(at.checked_add(1)?)?;
            let (day, month) = match (day(word), month(next)) {
                (Some(day), Some(month)) => (day, month),
                _ => (day(next)?, month(word)?),
            };
            dated(day, month, None, today)
        })?;
    let away = date.signed_duration_since(today).num_days();
    (-7..=LONGEST).contains(&away).then_some(date)
}

fn iso(word: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(word.get(..10)?, "%Y-%m-%d").ok()
}

/// `7.12.2026`, `07.12.`, and `7/12/2026` where only one order is possible.
fn dotted(word: &str, today: NaiveDate) -> Option<NaiveDate> {
    let dots = word.contains('.');
    let mut numbers = word.split(['.', '/']).filter(|part| !part.is_empty()).map(str::parse::<u32>);
    let (first, second) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    let year = match numbers.next() {
        Some(year) => Some(year.ok().map(|year| if year < 100 { year.saturating_add(2000) } else { year })?),
        None if dots => None,
        None => return None,
    };
    let (day, month) = match (dots, first > 12, second > 12) {
        (true, _, false) | (false, true, false) => (first, second),
        (false, false, true) => (second, first),
        // "7/12" is the seventh of December or the twelfth of July.
        _ => return None,
    };
    dated(day, month, year.and_then(|year| i32::try_from(year).ok()), today)
}

fn day(word: &str) -> Option<u32> {
    let digits: String =
        word.trim_matches(|c: char| !c.is_alphanumeric()).chars().take_while(char::is_ascii_digit).collect();
    let rest = word.trim_matches(|c: char| !c.is_alphanumeric()).get(digits.len()..)?;
    let ordinal = matches!(rest, "" | "st" | "nd" | "rd" | "th" | "er" | "º");
    digits.parse().ok().filter(|day| ordinal && (1..=31).contains(day))
}

fn month(word: &str) -> Option<u32> {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    if word.chars().count() < 3 || word.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    // July and June begin alike in French.
    if word.starts_with("juil") {
        return Some(7);
    }
    let found = MONTHS.iter().position(|names| names.iter().any(|name| word.starts_with(name)))?;
    u32::try_from(found).ok()?.checked_add(1)
}

fn year(word: &str) -> Option<i32> {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    word.parse().ok().filter(|year| word.len() == 4 && (2000..3000).contains(year))
}

/// A day without its year is the next one of its name.
fn dated(day: u32, month: u32, year: Option<i32>, today: NaiveDate) -> Option<NaiveDate> {
    if let Some(year) = year {
        return NaiveDate::from_ymd_opt(year, month, day);
    }
    let this = NaiveDate::from_ymd_opt(today.year(), month, day);
    this.filter(|date| *date >= today)
        .or_else(|| NaiveDate::from_ymd_opt(today.year().checked_add(1)?, month, day))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn until(text: &str) -> Option<String> {
        absence(text, NaiveDate::from_ymd_opt(2026, 12, 1).unwrap()).until.map(|day| day.to_string())
    }

    #[test]
    fn the_last_day_away_is_found_in_many_languages() {
        for text in [
            "I am away until 7 December.",
            "I'm out of the office until December 7th, 2026 with no access to mail.",
            "Out from 2026-11-30 to 2026-12-07.",
            "I will be back on Tuesday, 8 December.",
            "I return on December 8. In urgent cases write to Bob.",
            "Ich bin bis 07.12.2026 nicht im Haus.",
            "Ich bin bis einschließlich 7. Dezember abwesend.",
            "Ab dem 8. Dezember bin ich wieder da. Zurück am 8. Dezember.",
            "Je suis absent jusqu'au 7 décembre.",
            "Estaré fuera hasta el 7 de diciembre, hasta 7 diciembre.",
            "Ik ben afwezig tot 7 december.",
            "Jestem nieobecny do 7 grudnia.",
            "Jag är borta till 7 december.",
            "Меня не будет до 7 декабря.",
        ] {
            assert_eq!(until(text).as_deref(), Some("2026-12-07"), "{text}");
        }
    }

    #[test]
    fn what_is_not_said_or_could_be_two_days_is_not_guessed() {
        for text in [
            "I am away.", "Away until 7/12.", "I am away until Monday.",
            "Born on 7 December 1980, until then", "Call 2026-12-07", "until 99 December",
            "until 2031-01-01", "away until 1 November 2026",
        ] {
            assert_eq!(until(text), None, "{text}");
        }
        assert_eq!(until("away until 13/12/2026").as_deref(), Some("2026-12-13"));
        assert_eq!(until("away until 2 January").as_deref(), Some("2027-01-02"));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = until(&text);
        }
    }
}
