//! Reads an inventory file: dialects, headings, and one sentence for every cell that is wrong. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveTime};
use chrono_tz::Tz;

use crate::domain::person::Address;
use crate::domain::policy::RebootRule;
use crate::domain::zone::parse_zone;

/// A column that patchbot understands. Everything else is kept as an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Column {
    Name,
    PrimaryOwner,
    SecondaryOwner,
    Zone,
    Group,
    Environment,
    System,
    Address,
    Port,
    User,
    Jump,
    Reboot,
    /// The date of a quarter, 0 to 3.
    Date(usize),
    /// The time of a quarter.
    Time(usize),
    /// The approval of a quarter.
    Approval(usize),
}

/// Headings, folded to lower case with blanks, dashes and underscores removed, and what they mean.
const HEADINGS: &[(&str, Column)] = &[
    ("servername", Column::Name),
    ("server", Column::Name),
    ("hostname", Column::Name),
    ("host", Column::Name),
    ("fqdn", Column::Name),
    ("name", Column::Name),
    ("primaryowner", Column::PrimaryOwner),
    ("owner", Column::PrimaryOwner),
    ("owneremail", Column::PrimaryOwner),
    ("secondaryowner", Column::SecondaryOwner),
    ("backupowner", Column::SecondaryOwner),
    ("servertimezone", Column::Zone),
    ("timezone", Column::Zone),
    ("tz", Column::Zone),
    ("hostgroup", Column::Group),
    ("group", Column::Group),
    ("environment", Column::Environment),
    ("env", Column::Environment),
    ("operatingsystem", Column::System),
    ("os", Column::System),
    ("ipaddress", Column::Address),
    ("ip", Column::Address),
    ("sshport", Column::Port),
    ("port", Column::Port),
    ("sshuser", Column::User),
    ("jumphost", Column::Jump),
    ("rebootrule", Column::Reboot),
    ("reboot", Column::Reboot),
];

/// What stands in a file for one quarter of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct QuarterCell {
    pub(crate) date: Option<NaiveDate>,
    pub(crate) time: Option<NaiveTime>,
    pub(crate) approval: Option<FileStatus>,
}

/// The statuses that such files use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileStatus {
    Pending,
    Approved,
    AutoApproved,
    Scheduled,
    Completed,
    Failed,
    Cancelled,
}

impl FileStatus {
    const ALL: [(&str, Self); 7] = [
        ("pending", Self::Pending),
        ("approved", Self::Approved),
        ("autoapproved", Self::AutoApproved),
        ("scheduled", Self::Scheduled),
        ("completed", Self::Completed),
        ("failed", Self::Failed),
        ("cancelled", Self::Cancelled),
    ];

    /// The status as files write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Approved => "Approved",
            Self::AutoApproved => "Auto-Approved",
            Self::Scheduled => "Scheduled",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }
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
    pub(crate) group: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) system: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) user: Option<String>,
    pub(crate) jump: Option<String>,
    pub(crate) reboot: Option<RebootRule>,
    pub(crate) quarters: [QuarterCell; 4],
    /// Every other column, and the quarters' cells as they were written.
    pub(crate) attributes: BTreeMap<String, String>,
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
}

fn fold(heading: &str) -> String {
    heading.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// `q3_patch_date`, "Q3 Patch Date", "q3 date".
fn quarter_column(folded: &str) -> Option<Column> {
    let rest = folded.strip_prefix('q')?;
    let number: usize = rest.get(..1)?.parse().ok().filter(|number| (1..=4).contains(number))?;
    let quarter = number.saturating_sub(1);
    match rest.get(1..)? {
        "patchdate" | "date" => Some(Column::Date(quarter)),
        "patchtime" | "time" => Some(Column::Time(quarter)),
        "approvalstatus" | "approval" | "status" => Some(Column::Approval(quarter)),
        _ => None,
    }
}

fn column_of(heading: &str) -> Option<Column> {
    let folded = fold(heading);
    let known = HEADINGS.iter().find(|(name, _)| *name == folded).map(|(_, column)| *column);
    known.or_else(|| quarter_column(&folded))
}

/// The bytes as text: UTF-8 with or without a byte order mark, else Latin-1.
fn decode(bytes: &[u8]) -> (Cow<'_, str>, bool) {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => (Cow::Borrowed(text), false),
        Err(_) => (Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()), true),
    }
}

/// The character that separates the columns of the heading line.
fn delimiter(text: &str) -> u8 {
    let heading = text.lines().next().unwrap_or_default();
    let count = |delimiter: char| heading.chars().filter(|c| *c == delimiter).count();
    // In the order of preference when two are equally frequent.
    [',', ';', '\t']
        .into_iter()
        .rev()
        .max_by_key(|delimiter| count(*delimiter))
        .map_or(b',', |c| u8::try_from(u32::from(c)).unwrap_or(b','))
}

/// Reads a file. Every error names its line and column; with any error, nothing of the file is to be applied.
pub(crate) fn read(bytes: &[u8]) -> Sheet {
    let (text, latin) = decode(bytes);
    let mut sheet = Sheet::default();
    let problem = |line: u64, column: Option<&str>, sentence: String| Problem {
        line,
        column: column.map(str::to_owned),
        sentence,
    };
    if text.contains('\0') {
        let sentence = "this is not a CSV file: it contains NUL bytes; save the sheet as CSV and import that";
        sheet.errors.push(problem(1, None, sentence.to_owned()));
        return sheet;
    }
    if latin {
        let sentence =
            "the file is not UTF-8 and was read as Latin-1; look at names with accents in the preview";
        sheet.warnings.push(problem(1, None, sentence.to_owned()));
    }
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(&text))
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let headings: Vec<String> = match reader.headers() {
        Ok(headings) => headings.iter().map(str::to_owned).collect(),
        Err(error) => {
            sheet.errors.push(problem(1, None, format!("the heading line cannot be read: {error}")));
            return sheet;
        }
    };
    let columns: Vec<Option<Column>> = headings.iter().map(|heading| column_of(heading)).collect();
    check_headings(&headings, &columns, &mut sheet);
    if !sheet.errors.is_empty() {
        return sheet;
    }
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                sheet.errors.push(problem(line, None, format!("the line cannot be read: {error}")));
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        if record.iter().all(str::is_empty) {
            continue;
        }
        if record.len() > headings.len() {
            let sentence = format!(
                "there are {} cells under {} headings; a cell that contains the separator must stand in quotes",
                record.len(),
                headings.len()
            );
            sheet.errors.push(problem(line, None, sentence));
            continue;
        }
        let cells = Cells { headings: &headings, columns: &columns, record: &record, line };
        if let Some(entry) = cells.entry(&mut sheet) {
            match seen.get(&entry.name) {
                Some(first) => sheet.errors.push(problem(
                    line,
                    headings
                        .iter()
                        .zip(&columns)
                        .find(|(_, column)| **column == Some(Column::Name))
                        .map(|(heading, _)| heading.as_str()),
                    format!("{} is already in line {first}; a server stands in one line", entry.name),
                )),
                None => {
                    seen.insert(entry.name.clone(), line);
                    sheet.entries.push(entry);
                }
            }
        }
    }
    if sheet.entries.is_empty() && sheet.errors.is_empty() {
        sheet.errors.push(problem(1, None, "the file has no servers".to_owned()));
    }
    sheet
}

fn check_headings(headings: &[String], columns: &[Option<Column>], sheet: &mut Sheet) {
    let mut error = |column: Option<&str>, sentence: String| {
        sheet.errors.push(Problem { line: 1, column: column.map(str::to_owned), sentence });
    };
    if !columns.contains(&Some(Column::Name)) {
        error(None, "there is no column with the servers' names; call it server_name".to_owned());
    }
    if !columns.contains(&Some(Column::Zone)) {
        error(None, "there is no column with the servers' time zones; call it server_timezone".to_owned());
    }
    for (index, (heading, column)) in headings.iter().zip(columns).enumerate() {
        let mut earlier = headings.iter().zip(columns).take(index);
        let twin =
            earlier.find(|(other, of)| (column.is_some() && *of == column) || fold(other) == fold(heading));
        if let Some((other, _)) = twin
            && !heading.is_empty()
        {
            error(Some(heading), format!("it means the same as the column {other}; keep one of them"));
        }
    }
}

struct Cells<'a> {
    headings: &'a [String],
    columns: &'a [Option<Column>],
    record: &'a csv::StringRecord,
    line: u64,
}

impl Cells<'_> {
    fn get(&self, wanted: Column) -> Option<(&str, &str)> {
        let index = self.columns.iter().position(|column| *column == Some(wanted))?;
        let cell = self.record.get(index).filter(|cell| !cell.is_empty())?;
        Some((self.headings.get(index)?.as_str(), cell))
    }

    fn text(&self, wanted: Column) -> Option<String> {
        self.get(wanted).map(|(_, cell)| cell.to_owned())
    }

    /// Reads a cell; what is wrong with it becomes an error with its place.
    fn parsed<T>(
        &self,
        wanted: Column,
        sheet: &mut Sheet,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let (heading, cell) = self.get(wanted)?;
        match parse(cell) {
            Ok(value) => Some(value),
            Err(sentence) => {
                sheet.errors.push(Problem { line: self.line, column: Some(heading.to_owned()), sentence });
                None
            }
        }
    }

    fn missing(&self, column: Column, what: &str, sheet: &mut Sheet) {
        let heading = self
            .columns
            .iter()
            .zip(self.headings)
            .find(|(of, _)| **of == Some(column))
            .map(|(_, heading)| heading.clone());
        sheet.errors.push(Problem {
            line: self.line,
            column: heading,
            sentence: format!("{what} is missing"),
        });
    }

    fn entry(&self, sheet: &mut Sheet) -> Option<Entry> {
        let errors = sheet.errors.len();
        let name = self.parsed(Column::Name, sheet, |cell| {
            patchbot_commands::ServerName::parse(cell)
                .map(|name| name.as_str().to_owned())
                .map_err(|why| format!("\"{cell}\" cannot be a server's name: {why}"))
        });
        if self.get(Column::Name).is_none() {
            self.missing(Column::Name, "the server's name", sheet);
        }
        let zone =
            self.parsed(Column::Zone, sheet, |cell| parse_zone(cell).map_err(|error| error.to_string()));
        if self.get(Column::Zone).is_none() {
            self.missing(Column::Zone, "the server's time zone", sheet);
        }
        let address = |cell: &str| Address::parse(cell).map_err(|error| error.to_string());
        let primary = self.parsed(Column::PrimaryOwner, sheet, address);
        let secondary = self.parsed(Column::SecondaryOwner, sheet, address);
        let port = self.parsed(Column::Port, sheet, |cell| {
            cell.parse()
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(|| format!("\"{cell}\" is not a port; use 1 to 65535"))
        });
        let reboot = self.parsed(Column::Reboot, sheet, |cell| {
            [RebootRule::Always, RebootRule::Needed, RebootRule::Never]
                .into_iter()
                .find(|rule| rule.as_str() == cell.to_lowercase())
                .ok_or_else(|| format!("\"{cell}\" is not a reboot rule; use always, needed or never"))
        });
        let host = self.parsed(Column::Address, sheet, |cell| {
            patchbot_commands::ServerName::parse(cell)
                .map(|name| name.as_str().to_owned())
                .or_else(|_| cell.parse::<std::net::IpAddr>().map(|ip| ip.to_string()))
                .map_err(|_| format!("\"{cell}\" is neither an IP address nor a host name"))
        });
        let quarters = [0, 1, 2, 3].map(|quarter| self.quarter(quarter, sheet));
        if sheet.errors.len() > errors {
            return None;
        }
        Some(Entry {
            line: self.line,
            name: name?,
            zone: zone?,
            primary,
            secondary,
            group: self.text(Column::Group),
            environment: self.text(Column::Environment),
            system: self.text(Column::System),
            address: host,
            port,
            user: self.text(Column::User),
            jump: self.text(Column::Jump),
            reboot,
            quarters,
            attributes: self.attributes(),
        })
    }

    fn quarter(&self, quarter: usize, sheet: &mut Sheet) -> QuarterCell {
        QuarterCell {
            date: self.parsed(Column::Date(quarter), sheet, date),
            time: self.parsed(Column::Time(quarter), sheet, time),
            approval: self.parsed(Column::Approval(quarter), sheet, status),
        }
    }

    fn attributes(&self) -> BTreeMap<String, String> {
        let cells = self.headings.iter().zip(self.columns).zip(self.record.iter());
        cells
            .filter(|((_, column), cell)| {
                let kept_elsewhere =
                    !matches!(column, None | Some(Column::Date(_) | Column::Time(_) | Column::Approval(_)));
                !kept_elsewhere && !cell.is_empty()
            })
            .map(|((heading, _), cell)| (heading.clone(), cell.to_owned()))
            .collect()
    }
}

fn date(cell: &str) -> Result<NaiveDate, String> {
    NaiveDate::parse_from_str(cell, "%Y-%m-%d")
        .or_else(|_| NaiveDate::parse_from_str(cell, "%Y/%m/%d"))
        .map_err(|_| format!("\"{cell}\" is not a date; write it as 2026-12-03"))
}

fn time(cell: &str) -> Result<NaiveTime, String> {
    NaiveTime::parse_from_str(cell, "%H:%M")
        .or_else(|_| NaiveTime::parse_from_str(cell, "%H:%M:%S"))
        .map_err(|_| format!("\"{cell}\" is not a time of day; write it as 20:00"))
}

fn status(cell: &str) -> Result<FileStatus, String> {
    let folded = fold(cell);
    FileStatus::ALL.iter().find(|(name, _)| *name == folded).map(|(_, status)| *status).ok_or_else(|| {
        let known: Vec<&str> = FileStatus::ALL.iter().map(|(_, status)| status.as_str()).collect();
        format!("\"{cell}\" is not a status; use {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(file: &str) -> String {
        told_bytes(file.as_bytes())
    }

    fn told_bytes(file: &[u8]) -> String {
        let sheet = read(file);
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
            web 01,ada,Mars/Phobos,99999,03.12.2026,8pm,maybe\n\
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
        error: line 2, column q1_patch_date: "03.12.2026" is not a date; write it as 2026-12-03
        error: line 2, column q1_patch_time: "8pm" is not a time of day; write it as 20:00
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
        insta::assert_snapshot!(told_bytes(b"PK\x03\x04\0\0"), @"error: line 1: this is not a CSV file: it contains NUL bytes; save the sheet as CSV and import that");
        insta::assert_snapshot!(told_bytes(b"server_name,tz,location\nweb01,UTC,Z\xfcrich\n"), @r#"
        web01 UTC None
        warning: line 1: the file is not UTF-8 and was read as Latin-1; look at names with accents in the preview
        "#);
    }

    #[test]
    fn unknown_columns_are_kept_as_they_are() {
        let sheet = read(b"server_name,tz,Cost Center,note\nweb01,UTC,4711,\"two\nlines\"\n");
        let entry = sheet.entries.first().unwrap();
        assert_eq!(entry.attributes.get("Cost Center").map(String::as_str), Some("4711"));
        assert_eq!(entry.attributes.get("note").map(String::as_str), Some("two\nlines"));
    }

    proptest! {
        #[test]
        fn no_file_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let sheet = read(&bytes);
            prop_assert!(!sheet.errors.is_empty() || !sheet.entries.is_empty());
        }
    }
}
