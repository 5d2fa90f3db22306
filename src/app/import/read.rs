//! Reads an inventory file: one entry for each server, and one sentence for every cell that is wrong. Pure.

use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::collections::{HashMap, HashSet};

use chrono::{NaiveDate, NaiveTime};
use chrono_tz::Tz;
use csv::StringRecord;

pub(crate) use super::cells::FileStatus;
use super::cells::{date, status, time};
use super::columns::{Column, column_of};
use super::table::Table;
use crate::domain::filter::fold;
use crate::domain::person::Address;
use crate::domain::policy::RebootRule;
use crate::domain::side_by_side::{by_thousands, side_by_side};
use crate::domain::zone::parse_zone;

/// What a spreadsheet shows in the place of a value that a formula has not got.
const FORMULA_ERRORS: [&str; 7] = ["#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"];

/// What stands in a file for one quarter of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct QuarterCell {
    pub(crate) date: Option<NaiveDate>,
    pub(crate) time: Option<NaiveTime>,
    pub(crate) approval: Option<FileStatus>,
}

/// One server as a file describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The line of the file, from 1, the heading counted.
    pub(crate) line: u64,
    pub(crate) name: String,
    pub(crate) zone: Tz,
    pub(crate) primary: Option<Address>,
    pub(crate) secondary: Option<Address>,
    pub(crate) address: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) reboot: Option<RebootRule>,
    pub(crate) quarters: [QuarterCell; 4],
    /// All of its cells as they were written.
    record: StringRecord,
}

/// Something wrong with a file, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: u64,
    /// The heading of the column, when it is about one.
    pub column: Option<String>,
    /// What is wrong and what to do.
    pub sentence: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.column {
            Some(column) => write!(f, "line {}, column {column}: {}", self.line, self.sentence),
            None => write!(f, "line {}: {}", self.line, self.sentence),
        }
    }
}

/// A file that was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sheet {
    pub(crate) entries: Vec<Entry>,
    pub(crate) errors: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
    /// The headings, in their order.
    pub(crate) headings: Vec<String>,
    /// Those among them that are kept as attributes.
    pub(crate) others: Vec<String>,
    /// The columns whose cells are kept as they were written, in the order in which attributes are kept, so that no row has
    /// to be sorted.
    kept: Vec<Kept>,
    /// Where the file tells what patchbot understands, by the columns' places; other columns stay as they are.
    columns: [Option<usize>; Column::COUNT],
}

/// A column whose cells are kept as they were written.
#[derive(Debug, Clone)]
struct Kept {
    index: usize,
    heading: String,
    /// What it means, where it is a quarter's.
    meaning: Option<Column>,
}

impl Sheet {
    /// Whether the file has a column.
    pub(crate) fn tells(&self, column: Column) -> bool {
        self.index(column).is_some()
    }

    fn index(&self, column: Column) -> Option<usize> {
        self.columns.get(column.place()).copied().flatten()
    }

    /// What stands in a column; nothing when the cell is empty.
    pub(crate) fn cell<'e>(&self, entry: &'e Entry, column: Column) -> Option<&'e str> {
        entry.record.get(self.index(column)?).filter(|cell| !cell.is_empty())
    }

    /// The cells that are kept as they were written, with their headings, by heading: those of quarters, with what they mean,
    /// and those of columns that patchbot does not understand.
    pub(crate) fn kept<'e>(
        &'e self,
        entry: &'e Entry,
    ) -> impl Iterator<Item = (&'e str, &'e str, Option<Column>)> {
        let cells = self.kept.iter().filter_map(|column| {
            Some((column.heading.as_str(), entry.record.get(column.index)?, column.meaning))
        });
        cells.filter(|(_, cell, _)| !cell.is_empty())
    }

    fn wrong(&mut self, line: u64, column: Option<&str>, sentence: impl Into<String>) {
        let column = column.map(str::to_owned);
        self.errors.push(Problem { line, column, sentence: sentence.into() });
    }

    pub(crate) fn odd(&mut self, line: u64, column: Option<&str>, sentence: impl Into<String>) {
        let column = column.map(str::to_owned);
        self.warnings.push(Problem { line, column, sentence: sentence.into() });
    }
}

/// Reads a file. Every error names its line and column; with any error, nothing of the file is to be applied.
/// `spelt` are the headings of attributes as the inventory spells them already.
pub(crate) fn read(bytes: &[u8], spelt: &[String]) -> Sheet {
    let mut sheet = Sheet::default();
    let table = match Table::read(bytes) {
        Ok(table) => table,
        Err((line, sentence)) => {
            sheet.wrong(line, None, sentence);
            return sheet;
        }
    };
    for (line, remark) in &table.remarks {
        sheet.odd(*line, None, remark.clone());
    }
    for (line, why) in &table.broken {
        sheet.wrong(*line, None, why.clone());
    }
    let mut columns: Vec<Option<Column>> = table.headings.iter().map(|heading| column_of(heading)).collect();
    prefer_addresses(&table, &mut columns, &mut sheet);
    check_headings(&table, &columns, &mut sheet);
    if !sheet.errors.is_empty() {
        return sheet;
    }
    let names = table.headings.iter().zip(&columns);
    sheet.headings = names
        .map(|(heading, column)| if column.is_none() { as_spelt(heading, spelt) } else { heading.clone() })
        .collect();
    sheet.others = sheet
        .headings
        .iter()
        .zip(&columns)
        .filter(|(name, column)| column.is_none() && !name.is_empty())
        .map(|(name, _)| name.clone())
        .collect();
    for (index, column) in columns.iter().enumerate() {
        if let Some(place) = column.and_then(|column| sheet.columns.get_mut(column.place())) {
            *place = Some(index);
        }
    }
    let kept = sheet.headings.iter().zip(&columns).enumerate().filter_map(|(index, (heading, column))| {
        let heading = match column {
            None => heading.clone(),
            Some(column) => column.quarter().map(|_| column.heading().to_owned())?,
        };
        Some(Kept { index, heading, meaning: *column })
    });
    sheet.kept = kept.collect();
    sheet.kept.sort_by(|one, other| one.heading.cmp(&other.heading));
    sheet.read_rows(table);
    sheet
}

/// "Owner" with names beside "Owner Email": the addresses are what is needed, the names are kept.
fn prefer_addresses(table: &Table, columns: &mut [Option<Column>], sheet: &mut Sheet) {
    for owner in [Column::PrimaryOwner, Column::SecondaryOwner] {
        let of: Vec<usize> =
            (0..columns.len()).filter(|index| columns.get(*index) == Some(&Some(owner))).collect();
        let heading = |index: usize| table.headings.get(index).map_or("", String::as_str);
        let (mails, others): (Vec<usize>, Vec<usize>) =
            of.into_iter().partition(|index| fold(heading(*index)).contains("mail"));
        let [mail] = mails.as_slice() else { continue };
        for other in others {
            if let Some(column) = columns.get_mut(other) {
                *column = None;
            }
            let sentence = format!("it is kept as it is; the owner is in the column {}", heading(*mail));
            sheet.odd(table.heading_line, Some(heading(other)), sentence);
        }
    }
}

fn check_headings(table: &Table, columns: &[Option<Column>], sheet: &mut Sheet) {
    let line = table.heading_line;
    if !columns.contains(&Some(Column::Name)) {
        sheet.wrong(line, None, "there is no column with the servers' names; call it server_name");
    }
    if !columns.contains(&Some(Column::Zone)) {
        sheet.wrong(line, None, "there is no column with the servers' time zones; call it server_timezone");
    }
    let mut earlier: Vec<(&String, String, Option<Column>)> = Vec::new();
    for (index, (heading, column)) in table.headings.iter().zip(columns).enumerate() {
        let folded = fold(heading);
        if folded.is_empty() {
            let nothing_below =
                table.rows.iter().all(|(_, record)| record.get(index).is_none_or(str::is_empty));
            if !nothing_below {
                let number = index.saturating_add(1);
                sheet.wrong(line, None, format!("column {number} has cells and no heading; give it one"));
            }
            continue;
        }
        let twin =
            earlier.iter().find(|(_, other, of)| (column.is_some() && of == column) || *other == folded);
        if let Some((other, ..)) = twin {
            let sentence = format!("it means the same as the column {other}; keep one of them");
            sheet.wrong(line, Some(heading), sentence);
        }
        earlier.push((heading, folded, *column));
    }
}

/// A heading as the inventory spells it already.
fn as_spelt(heading: &str, spelt: &[String]) -> String {
    let folded = fold(heading);
    spelt.iter().find(|known| fold(known) == folded).map_or(heading, String::as_str).to_owned()
}

/// Rows under the headings while they are read.
struct Rows<'a> {
    sheet: &'a Sheet,
    /// The headings as the file writes them.
    headings: &'a [String],
    seen: Seen,
    errors: Vec<Problem>,
}

impl Sheet {
    /// Reads the rows, each one's cells going over into its entry.
    fn read_rows(&mut self, table: Table) {
        let Table { heading_line, headings, rows, .. } = table;
        let parts = side_by_side(by_thousands(rows.into_iter()), |rows| {
            let (seen, errors) = (Seen::default(), Vec::new());
            let mut reader = Rows { sheet: self, headings: &headings, seen, errors };
            let entries: Vec<Entry> =
                rows.into_iter().filter_map(|(line, record)| reader.entry(line, record)).collect();
            (entries, reader.errors)
        });
        let mut entries = Vec::with_capacity(parts.iter().map(|(entries, _)| entries.len()).sum());
        let mut errors = Vec::new();
        for (more, wrong) in parts {
            entries.extend(more);
            errors.extend(wrong);
        }
        let heading = self.index(Column::Name).and_then(|index| headings.get(index));
        let repeated = repeated(&entries, heading);
        if !repeated.is_empty() {
            let lines: HashSet<u64> = repeated.iter().map(|problem| problem.line).collect();
            entries.retain(|entry| !lines.contains(&entry.line));
            errors.extend(repeated);
            errors.sort_by_key(|problem| problem.line);
        }
        self.errors.extend(errors);
        if entries.is_empty() && self.errors.is_empty() {
            self.wrong(heading_line, None, "the file has no servers");
        }
        self.entries = entries;
    }
}

/// What is wrong with each entry whose server stands in a line before.
fn repeated(entries: &[Entry], heading: Option<&String>) -> Vec<Problem> {
    let mut first: HashMap<&str, u64> = HashMap::with_capacity(entries.len());
    let mut repeated = Vec::new();
    for Entry { name, line, .. } in entries {
        match first.entry(name) {
            Vacant(place) => {
                place.insert(*line);
            }
            Occupied(first) => repeated.push(Problem {
                line: *line,
                column: heading.cloned(),
                sentence: format!("{name} is already in line {}; a server stands in one line", first.get()),
            }),
        }
    }
    repeated
}

/// Cells that were read already: a fleet has few zones, few dates and few owners.
#[derive(Default)]
struct Seen {
    zones: Cells<Tz>,
    people: Cells<Address>,
    dates: Cells<NaiveDate>,
    times: Cells<NaiveTime>,
    statuses: Cells<FileStatus>,
}

/// What each cell of a kind means.
type Cells<T> = HashMap<String, Result<T, String>>;

impl Rows<'_> {
    fn wrong(&mut self, line: u64, column: Column, sentence: String) {
        let heading = self.sheet.index(column).and_then(|index| self.headings.get(index));
        self.errors.push(Problem { line, column: heading.cloned(), sentence });
    }

    fn entry(&mut self, line: u64, record: StringRecord) -> Option<Entry> {
        let before = self.errors.len();
        if record.len() > self.headings.len() {
            let sentence = format!(
                "there are {} cells under {} headings; a cell that contains the separator must stand in quotes",
                record.len(),
                self.headings.len()
            );
            self.errors.push(Problem { line, column: None, sentence });
            return None;
        }
        for (index, cell) in record.iter().enumerate() {
            if cell.starts_with('#') && FORMULA_ERRORS.contains(&cell) {
                let column = self.headings.get(index).cloned();
                let sentence = format!("{cell} is a formula without a value; put the value there");
                self.errors.push(Problem { line, column, sentence });
            }
        }
        if self.errors.len() > before {
            return None;
        }
        let mut row = Row { rows: self, line, record: &record };
        let name = row.parsed(Column::Name, |cell| {
            patchbot_commands::ServerName::parse(cell)
                .map(|name| name.as_str().to_owned())
                .map_err(|why| format!("\"{cell}\" cannot be a server's name: {why}"))
        });
        row.needs(Column::Name, "the server's name is missing");
        let parse = |cell: &str| parse_zone(cell).map_err(|error| error.to_string());
        let zone = row.remembered(Column::Zone, |seen| &mut seen.zones, parse);
        row.needs(Column::Zone, "the server's time zone is missing");
        let address = |cell: &str| Address::parse(cell).map_err(|error| error.to_string());
        let primary = row.remembered(Column::PrimaryOwner, |seen| &mut seen.people, address);
        let secondary = row.remembered(Column::SecondaryOwner, |seen| &mut seen.people, address);
        let port = row.parsed(Column::Port, |cell| {
            cell.parse()
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(|| format!("\"{cell}\" is not a port; use 1 to 65535"))
        });
        let reboot = row.parsed(Column::Reboot, |cell| {
            [RebootRule::Always, RebootRule::Needed, RebootRule::Never]
                .into_iter()
                .find(|rule| rule.as_str() == cell.to_lowercase())
                .ok_or_else(|| format!("\"{cell}\" is not a reboot rule; use always, needed or never"))
        });
        let host = row.parsed(Column::Address, |cell| {
            patchbot_commands::ServerName::parse(cell)
                .map(|name| name.as_str().to_owned())
                .or_else(|_| cell.parse::<std::net::IpAddr>().map(|ip| ip.to_string()))
                .map_err(|_| format!("\"{cell}\" is neither an IP address nor a host name"))
        });
        let quarters = [0, 1, 2, 3].map(|of| QuarterCell {
            date: row.remembered(Column::Date(of), |seen| &mut seen.dates, date),
            time: row.remembered(Column::Time(of), |seen| &mut seen.times, time),
            approval: row.remembered(Column::Approval(of), |seen| &mut seen.statuses, status),
        });
        if self.errors.len() > before {
            return None;
        }
        Some(Entry {
            line,
            name: name?,
            zone: zone?,
            primary,
            secondary,
            address: host,
            port,
            reboot,
            quarters,
            record,
        })
    }
}

/// One row while it is read.
struct Row<'r, 'a> {
    rows: &'r mut Rows<'a>,
    line: u64,
    record: &'r StringRecord,
}

impl<'r> Row<'r, '_> {
    fn get(&self, wanted: Column) -> Option<&'r str> {
        self.record.get(self.rows.sheet.index(wanted)?).filter(|cell| !cell.is_empty())
    }

    /// Reads a cell; what is wrong with it becomes an error with its place.
    fn parsed<T>(&mut self, wanted: Column, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let cell = self.get(wanted)?;
        parse(cell).map_err(|sentence| self.rows.wrong(self.line, wanted, sentence)).ok()
    }

    fn needs(&mut self, wanted: Column, sentence: &str) {
        if self.get(wanted).is_none() {
            self.rows.wrong(self.line, wanted, sentence.to_owned());
        }
    }

    /// The same for a kind of cells of which many are alike: each is read once.
    fn remembered<T: Clone>(
        &mut self,
        wanted: Column,
        of: impl Fn(&mut Seen) -> &mut Cells<T>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let cell = self.get(wanted)?;
        let cells = of(&mut self.rows.seen);
        let read = match cells.get(cell) {
            Some(known) => known.clone(),
            None => cells.entry(cell.to_owned()).or_insert(parse(cell)).clone(),
        };
        read.map_err(|sentence| self.rows.wrong(self.line, wanted, sentence)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The cells of columns that patchbot does not understand.
    fn attributes<'e>(sheet: &'e Sheet, entry: &'e Entry) -> impl Iterator<Item = (&'e str, &'e str)> {
        sheet
            .kept(entry)
            .filter(|(_, _, meaning)| meaning.is_none())
            .map(|(heading, cell, _)| (heading, cell))
    }

    fn told(file: &str) -> String {
        told_bytes(file.as_bytes())
    }

    fn told_bytes(file: &[u8]) -> String {
        let sheet = read(file, &[]);
        let names: Vec<String> = sheet
            .entries
            .iter()
            .map(|entry| {
                format!("{} {} {:?}", entry.name, entry.zone, entry.primary.as_ref().map(Address::as_str))
            })
            .collect();
        let problems = sheet
            .errors
            .iter()
            .map(|p| format!("error: {p}"))
            .chain(sheet.warnings.iter().map(|p| format!("warning: {p}")));
        names.into_iter().chain(problems).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn headings_separators_and_marks_of_real_files_mean_the_same() {
        let plain = told("server_name,primary_owner,server_timezone\nweb01,ada@owners.test,Europe/Berlin\n");
        insta::assert_snapshot!(plain, @r#"web01 Europe/Berlin Some("ada@owners.test")"#);
        assert_eq!(
            told("\u{feff}Server Name;Owner;Time Zone\r\nWEB01 ;ada@owners.test; Europe/Berlin\r\n"),
            plain
        );
        assert_eq!(told("FQDN\tOwner\tTZ\nweb01\tada@owners.test\tEurope/Berlin\n\n"), plain);
    }

    #[test]
    fn every_wrong_cell_is_named_by_line_and_column() {
        insta::assert_snapshot!(told("server_name,primary_owner,server_timezone,ssh_port,q1_patch_date,q1_patch_time,q1_approval_status\n\
            web 01,ada,Mars/Phobos,99999,03/12/2026,8 o'clock,maybe\n\
            ,b@owners.test,,,,,\n\
            web02,b@owners.test,IST,22,2026-12-03,20:00,Auto-Approved\n\
            web03,b@owners.test,UTC,22,2026-12-03,20:00,Pending\n\
            web03,b@owners.test,UTC,22,2026-12-03,20:00,Pending\n\
            web04,b@owners.test,UTC,22,2026-12-03,20:00,Pending,one,too,many\n"), @r#"
        web03 UTC Some("b@owners.test")
        error: line 2, column server_name: "web 01" cannot be a server's name: it contains " "
        error: line 2, column server_timezone: "Mars/Phobos" is no known time zone; write one such as Europe/Berlin
        error: line 2, column primary_owner: "ada" is not a mail address; write it as name@example.org
        error: line 2, column ssh_port: "99999" is not a port; use 1 to 65535
        error: line 2, column q1_patch_date: "03/12/2026" can mean 2026-12-03 or 2026-03-12; write the one that is meant
        error: line 2, column q1_patch_time: "8 o'clock" is not a time of day; write it as 20:00
        error: line 2, column q1_approval_status: "maybe" is not a status; use Pending, Approved, Auto-Approved, Scheduled, Completed, Failed, Cancelled
        error: line 3, column server_name: the server's name is missing
        error: line 3, column server_timezone: the server's time zone is missing
        error: line 4, column server_timezone: "IST" can mean Asia/Kolkata, Europe/Dublin or Asia/Jerusalem; write the one that is meant
        error: line 6, column server_name: web03 is already in line 5; a server stands in one line
        error: line 7: there are 10 cells under 7 headings; a cell that contains the separator must stand in quotes
        "#);
    }

    #[test]
    fn a_file_that_is_no_inventory_is_refused_as_a_whole() {
        insta::assert_snapshot!(told("a,b\n1,2\n"), @r"
        error: line 1: there is no column with the servers' names; call it server_name
        error: line 1: there is no column with the servers' time zones; call it server_timezone
        ");
        insta::assert_snapshot!(told("server_name,hostname,tz\nweb01,web01,UTC\n"), @"error: line 1, column hostname: it means the same as the column server_name; keep one of them");
        insta::assert_snapshot!(told("server_name,tz\n"), @"error: line 1: the file has no servers");
        insta::assert_snapshot!(told_bytes(b"PK\x03\x04\0\0"), @"error: line 1: this Excel file cannot be read (Zip error: invalid Zip archive: Could not find EOCD); save it again as .xlsx or as CSV");
        insta::assert_snapshot!(told_bytes(b"server_name,tz,location\nweb01,UTC,Z\xfcrich\n"), @"
        web01 UTC None
        warning: line 2: the file is not UTF-8 and was read as Latin-1 (Windows-1252); look at this line's accents in the preview
        ");
    }

    #[test]
    fn an_excel_file_is_read_as_the_same_sheet_would_be_as_csv() {
        let file = include_bytes!("../../../tests/data/inventory/servers.xlsx");
        let sheet = read(file, &[]);
        let first = sheet.entries.first().unwrap();
        assert_eq!(
            first.quarters[0],
            QuarterCell {
                date: date("2026-12-03").ok(),
                time: time("20:00").ok(),
                approval: Some(FileStatus::Approved),
            }
        );
        assert_eq!((first.port, sheet.entries[1].quarters[0].time), (Some(22), time("21:30").ok()));
        let mut attributes: Vec<String> =
            attributes(&sheet, first).map(|(heading, cell)| format!("{heading}={cell}")).collect();
        attributes.sort();
        insta::assert_snapshot!(format!("{}\n{}", told_bytes(file), attributes.join(" ")), @r#"
        web01 Europe/Berlin Some("ada@owners.test")
        db01 UTC Some("bob@owners.test")
        cache01 America/New_York Some("bob@owners.test")
        warning: line 1: the sheet "Servers" was read; not read: Notes
        warning: line 1: "Servers of the north" above the headings was taken for a title
        warning: line 3, column Owner: it is kept as it is; the owner is in the column Owner E-Mail
        Cost Center=4711 In Service=TRUE Owner=Ada
        "#);
    }

    #[test]
    fn a_formula_without_a_value_is_told_where_it_stands() {
        insta::assert_snapshot!(told("server_name,tz,rack\nweb01,UTC,#N/A\n"), @"error: line 2, column rack: #N/A is a formula without a value; put the value there");
    }

    #[test]
    fn an_owners_address_is_found_beside_his_name() {
        let sheet = read(b"server_name,tz,Owner,Owner Email\nweb01,UTC,Ada,ada@owners.test\n", &[]);
        let first = sheet.entries.first().unwrap();
        assert_eq!(first.primary.as_ref().map(Address::as_str), Some("ada@owners.test"));
        assert_eq!(attributes(&sheet, first).collect::<Vec<_>>(), [("Owner", "Ada")]);
    }

    #[test]
    fn a_column_with_cells_and_no_heading_is_told() {
        insta::assert_snapshot!(told("server_name,tz,\nweb01,UTC,x\n"), @"error: line 1: column 3 has cells and no heading; give it one");
        assert!(told("server_name,tz,\nweb01,UTC,\n").starts_with("web01"));
    }

    #[test]
    fn a_heading_keeps_the_spelling_that_the_inventory_has() {
        let sheet = read(b"server_name,tz,cost_center\nweb01,UTC,4711\n", &["Cost Center".to_owned()]);
        assert_eq!(sheet.others, ["Cost Center"]);
        assert_eq!(attributes(&sheet, &sheet.entries[0]).collect::<Vec<_>>(), [("Cost Center", "4711")]);
    }

    #[test]
    fn unknown_columns_are_kept_as_they_are() {
        let sheet = read(b"server_name,tz,Cost Center,note\nweb01,UTC,4711,\"two\nlines\"\n", &[]);
        let entry = sheet.entries.first().unwrap();
        let attributes: Vec<(&str, &str)> = attributes(&sheet, entry).collect();
        assert_eq!(attributes, [("Cost Center", "4711"), ("note", "two\nlines")]);
    }

    proptest! {
        #[test]
        fn no_file_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let sheet = read(&bytes, &[]);
            prop_assert!(!sheet.errors.is_empty() || !sheet.entries.is_empty());
        }
    }
}
