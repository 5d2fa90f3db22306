//! Excel's files (.xlsx): the cells of the first sheet that has headings, as texts. Pure.

use std::io::Cursor;

use calamine::{DataRef, ExcelDateTime, Reader, Xlsx};
use chrono::{NaiveDate, NaiveTime, TimeDelta};
use csv::StringRecord;

use super::table::NoTable;

/// Wider sheets are no inventories. A stray cell in the last column of a sheet must not cost memory.
const WIDEST: usize = 1000;

/// The texts of the sheets, and what was odd.
type Rows = (Vec<(u64, StringRecord)>, Vec<(u64, String)>);

/// The rows of the first sheet that has more than one column; the others are named.
pub(super) fn rows(bytes: &[u8]) -> Result<Rows, NoTable> {
    let broken = |why: String| {
        (1, format!("this Excel file cannot be read ({why}); save it again as .xlsx or as CSV"))
    };
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| broken(error.to_string()))?;
    let names = book.sheet_names();
    let mut found: Option<(String, Vec<(u64, StringRecord)>)> = None;
    let mut others = Vec::new();
    for name in names {
        let rows = sheet(&mut book, &name).map_err(broken)?;
        if rows.is_empty() {
            continue;
        }
        if found.is_none() && rows.iter().any(|(_, record)| record.len() > 1) {
            found = Some((name, rows));
        } else {
            others.push(name);
        }
    }
    let Some((name, rows)) = found else {
        return Err((
            1,
            "this Excel file has no table; it needs a line of headings and a line for each server".to_owned(),
        ));
    };
    let mut remarks = Vec::new();
    if !others.is_empty() {
        remarks.push((1, format!("the sheet \"{name}\" was read; not read: {}", others.join(", "))));
    }
    Ok((rows, remarks))
}

fn sheet(book: &mut Xlsx<Cursor<&[u8]>>, name: &str) -> Result<Vec<(u64, StringRecord)>, String> {
    let mut cells = book.worksheet_cells_reader(name).map_err(|error| error.to_string())?;
    let mut rows: Vec<(u64, Vec<String>)> = Vec::new();
    while let Some(cell) = cells.next_cell().map_err(|error| error.to_string())? {
        let (row, column) = cell.get_position();
        let text = text(cell.get_value());
        if text.trim().is_empty() {
            continue;
        }
        let line = u64::from(row).saturating_add(1);
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        if column >= WIDEST {
            return Err(format!("line {line} has a cell behind column {WIDEST}"));
        }
        if rows.last().is_none_or(|(last, _)| *last != line) {
            rows.push((line, Vec::new()));
        }
        if let Some((_, texts)) = rows.last_mut() {
            texts.resize(texts.len().max(column), String::new());
            texts.push(text.trim().to_owned());
        }
    }
    Ok(rows.into_iter().map(|(line, texts)| (line, StringRecord::from(texts))).collect())
}

/// A cell as people read it.
fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Int(number) => number.to_string(),
        // Displayed without a fraction when there is none: 22, not 22.0.
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(value) => if *value { "TRUE" } else { "FALSE" }.to_owned(),
        DataRef::DateTime(date) => date_text(date),
        DataRef::Error(error) => error.to_string(),
    }
}

/// A date, a time of day, or both, as they are written in CSV files.
fn date_text(date: &ExcelDateTime) -> String {
    let number = date.as_f64();
    let seconds = (number.fract().abs() * 86_400.0).round();
    #[expect(clippy::cast_possible_truncation, reason = "less than a day")]
    let seconds = TimeDelta::seconds(seconds as i64);
    let format = if seconds.num_seconds() % 60 == 0 { "%H:%M" } else { "%H:%M:%S" };
    let time = NaiveTime::MIN.overflowing_add_signed(seconds).0.format(format).to_string();
    if number.abs() < 1.0 {
        return time;
    }
    let (year, month, day, ..) = date.to_ymd_hms_milli();
    let Some(day) = NaiveDate::from_ymd_opt(i32::from(year), u32::from(month), u32::from(day)) else {
        return number.to_string();
    };
    if seconds.is_zero() { day.to_string() } else { format!("{day} {time}") }
}
