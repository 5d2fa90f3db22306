//! A file's bytes as headings and rows: CSV in the dialects that spreadsheets write, and Excel's own files. Pure.

use std::borrow::Cow;

use csv::StringRecord;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::columns::{Column, column_of};
use super::excel;

/// In so many lines the headings are looked for: sheets made for people begin with a title.
const TITLES: usize = 10;

/// A file that was taken apart, and what is odd about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) heading_line: u64,
    pub(super) headings: Vec<String>,
    /// The line of each row, from 1, and its cells.
    pub(super) rows: Vec<(u64, StringRecord)>,
    /// Lines that cannot be read, and why.
    pub(super) broken: Vec<(u64, String)>,
    /// What does no harm, with its line.
    pub(super) remarks: Vec<(u64, String)>,
}

/// A file that is no table, with the line of the trouble.
pub(super) type NoTable = (u64, String);

impl Table {
    /// Takes a file apart.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, NoTable> {
        if bytes.starts_with(b"PK\x03\x04") {
            let (rows, remarks) = excel::rows(bytes)?;
            return Self::from_rows(rows, Vec::new(), remarks);
        }
        if bytes.starts_with(b"\xd0\xcf\x11\xe0") {
            return Err((
                1,
                "this is an Excel file of the old kind (.xls); save it as .xlsx or as CSV".to_owned(),
            ));
        }
        let mut remarks = Vec::new();
        let text = decode(bytes, &mut remarks);
        if text.contains('\0') {
            let sentence =
                "this is not a CSV file: it contains NUL bytes; save the sheet as CSV and import that";
            return Err((1, sentence.to_owned()));
        }
        // The reader of CSV counts lines by their \n, and a \r before it one too late.
        let text = if text.contains('\r') {
            Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
        } else {
            text
        };
        // Excel's own way of telling the separator.
        let (skipped, body, told) = match text.strip_prefix("sep=").and_then(|rest| rest.split_once('\n')) {
            Some((sign, body)) => (1, body, sign.trim().bytes().next()),
            None => (0, text.as_ref(), None),
        };
        let delimiter = told.unwrap_or_else(|| delimiter(body));
        if let Some(line) = open_quote(body, delimiter) {
            return Err((
                line.saturating_add(skipped),
                "a quote is opened in this line and never closed, so everything behind it would be one cell; close it, or double a quote that belongs to the text".to_owned(),
            ));
        }
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(body.as_bytes());
        let (mut rows, mut broken) = (Vec::new(), Vec::new());
        for record in reader.records() {
            match record {
                Ok(mut record) => {
                    let line = record.position().map_or(0, csv::Position::line).saturating_add(skipped);
                    // Most records have nothing to be cut off, and cutting copies them.
                    if record.iter().any(|cell| cell.trim().len() < cell.len()) {
                        record.trim();
                    }
                    if !record.iter().all(str::is_empty) {
                        rows.push((line, record));
                    }
                }
                Err(error) => {
                    let line = error.position().map_or(0, csv::Position::line).saturating_add(skipped);
                    broken.push((line, format!("the line cannot be read: {error}")));
                }
            }
        }
        Self::from_rows(rows, broken, remarks)
    }

    /// The first line that names a column with servers holds the headings; what stands above it is a title.
    fn from_rows(
        mut rows: Vec<(u64, StringRecord)>,
        broken: Vec<(u64, String)>,
        mut remarks: Vec<(u64, String)>,
    ) -> Result<Self, NoTable> {
        let is_heading = |(_, record): &(u64, StringRecord)| {
            record.iter().any(|cell| column_of(cell) == Some(Column::Name)) && record.len() > 1
        };
        let above = rows.iter().take(TITLES).position(is_heading).unwrap_or(0);
        if above > 0 {
            let (line, first) = (rows.first().map_or(1, |(line, _)| *line), rows.first());
            let title: String =
                first.map(|(_, record)| record.iter().collect::<Vec<_>>().join(" ")).unwrap_or_default();
            let title: String = title.trim().chars().take(40).collect();
            remarks.push((line, format!("\"{title}\" above the headings was taken for a title")));
            rows.drain(..above);
        }
        if rows.is_empty() {
            return Err((1, "the file is empty; it needs a line of headings such as server_name and server_timezone, and a line for each server".to_owned()));
        }
        let (heading_line, headings) = rows.remove(0);
        let headings: Vec<String> = headings.iter().map(str::to_owned).collect();
        Ok(Self { heading_line, headings, rows, broken, remarks })
    }
}

/// The bytes as text: by their mark, else as UTF-8, else as what Windows writes.
fn decode<'b>(bytes: &'b [u8], remarks: &mut Vec<(u64, String)>) -> Cow<'b, str> {
    let (encoding, rest): (&'static Encoding, &[u8]) = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => (UTF_8, rest),
        [0xff, 0xfe, rest @ ..] => (UTF_16LE, rest),
        [0xfe, 0xff, rest @ ..] => (UTF_16BE, rest),
        rest => (UTF_8, rest),
    };
    let wrong = match std::str::from_utf8(rest) {
        Ok(text) if encoding == UTF_8 => return Cow::Borrowed(text),
        Ok(_) => return encoding.decode_without_bom_handling(rest).0,
        Err(_) if encoding != UTF_8 => return encoding.decode_without_bom_handling(rest).0,
        Err(error) => error.valid_up_to(),
    };
    let breaks = rest.iter().take(wrong).filter(|byte| **byte == b'\n').count();
    let line = u64::try_from(breaks).unwrap_or(0).saturating_add(1);
    remarks.push((
        line,
        "the file is not UTF-8 and was read as Latin-1 (Windows-1252); look at this line's accents in the preview"
            .to_owned(),
    ));
    WINDOWS_1252.decode_without_bom_handling(rest).0
}

/// The character that separates the columns: the most frequent one of the first lines, outside quotes.
fn delimiter(text: &str) -> u8 {
    let mut counts = [(b',', 0_usize), (b';', 0), (b'\t', 0), (b'|', 0)];
    let (mut quoted, mut lines) = (false, 0);
    for byte in text.bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => {
                lines += 1;
                // One line with separators tells; a title above the headings has none.
                if lines == TITLES || counts.iter().any(|(_, count)| *count > 0) {
                    break;
                }
            }
            _ if quoted => {}
            byte => {
                if let Some((_, count)) = counts.iter_mut().find(|(delimiter, _)| *delimiter == byte) {
                    *count = count.saturating_add(1);
                }
            }
        }
    }
    // The first of equals.
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(delimiter, _)| *delimiter)
}

/// The line of a quote that is opened at the beginning of a cell and never closed.
fn open_quote(text: &str, delimiter: u8) -> Option<u64> {
    let begins_cell = |at: usize| {
        at.checked_sub(1)
            .and_then(|before| text.as_bytes().get(before))
            .is_none_or(|byte| [delimiter, b'\n'].contains(byte))
    };
    let mut quotes = text.match_indices('"').map(|(at, _)| at).peekable();
    let mut opened = None;
    while let Some(at) = quotes.next() {
        match opened {
            None => opened = begins_cell(at).then_some(at),
            // Two of them are one that belongs to the text.
            Some(_) if quotes.next_if_eq(&at.saturating_add(1)).is_some() => {}
            Some(_) => opened = None,
        }
    }
    let before = text.as_bytes().get(..opened?)?;
    let breaks = before.iter().filter(|byte| **byte == b'\n').count();
    Some(u64::try_from(breaks).unwrap_or(u64::MAX).saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> String {
        match Table::read(bytes) {
            Err((line, sentence)) => format!("line {line}: {sentence}"),
            Ok(table) => {
                let rows = table
                    .rows
                    .iter()
                    .map(|(line, record)| format!("{line}: {}", record.iter().collect::<Vec<_>>().join("|")));
                let remarks = table.remarks.iter().map(|(line, remark)| format!("line {line}: {remark}"));
                let heading = format!("{}: {}", table.heading_line, table.headings.join("|"));
                std::iter::once(heading).chain(rows).chain(remarks).collect::<Vec<_>>().join("\n")
            }
        }
    }

    #[test]
    fn every_dialect_of_the_same_table_is_the_same_table() {
        let plain = shown("server_name,tz,note\nweb01,UTC,Zürich\n".as_bytes());
        insta::assert_snapshot!(plain, @r"
        1: server_name|tz|note
        2: web01|UTC|Zürich
        ");
        let texts = [
            "server_name;tz;note\r\nweb01;UTC;Zürich\r\n",
            "\u{feff}server_name\ttz\tnote\nweb01\tUTC\tZürich",
            "server_name|tz|note\nweb01| UTC |Zürich  \n\n",
            "\"server_name\",\"tz\",\"note\"\n\"web01\",\"UTC\",\"Zürich\"\n",
            "server_name,tz,note\rweb01,UTC,Zürich\r",
        ];
        for text in texts {
            assert_eq!(shown(text.as_bytes()), plain, "{text:?}");
        }
        let wide = |mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| {
            let units = texts[0].encode_utf16().flat_map(bytes);
            mark.into_iter().chain(units).collect::<Vec<u8>>()
        };
        assert_eq!(shown(&wide([0xff, 0xfe], u16::to_le_bytes)), plain);
        assert_eq!(shown(&wide([0xfe, 0xff], u16::to_be_bytes)), plain);
    }

    #[test]
    fn what_spreadsheets_put_above_the_headings_is_passed_over() {
        insta::assert_snapshot!(shown(b"sep=;\nServers of the north;;\n;;\nServer Name;TZ\nweb01;UTC\n"), @r#"
        4: Server Name|TZ
        5: web01|UTC
        line 2: "Servers of the north" above the headings was taken for a title
        "#);
    }

    #[test]
    fn a_text_that_is_not_utf_8_is_read_as_windows_writes_it_and_said_to_be() {
        insta::assert_snapshot!(shown(b"server_name,tz,location\nweb01,UTC,Z\xfcrich \x96 \x80\n"), @"
        1: server_name|tz|location
        2: web01|UTC|Zürich – €
        line 2: the file is not UTF-8 and was read as Latin-1 (Windows-1252); look at this line's accents in the preview
        ");
    }

    #[test]
    fn a_quote_that_is_never_closed_is_found_where_it_is_opened() {
        insta::assert_snapshot!(shown(b"server_name,tz,note\nweb01,UTC,\"two\nlines\"\nweb02,UTC,\"oh\nweb03,UTC,\n"), @"line 4: a quote is opened in this line and never closed, so everything behind it would be one cell; close it, or double a quote that belongs to the text");
        assert_eq!(open_quote("a,b\n5\" disk,\"say \"\"yes\"\"\"\n", b','), None);
    }

    #[test]
    fn what_is_no_table_says_what_to_do() {
        insta::assert_snapshot!([shown(b""), shown(b"\n\n"), shown(b"\xd0\xcf\x11\xe0\xa1"), shown(b"PK\x03\x04rubbish"), shown(b"a\0b")].join("\n"), @"
        line 1: the file is empty; it needs a line of headings such as server_name and server_timezone, and a line for each server
        line 1: the file is empty; it needs a line of headings such as server_name and server_timezone, and a line for each server
        line 1: this is an Excel file of the old kind (.xls); save it as .xlsx or as CSV
        line 1: this Excel file cannot be read (Zip error: invalid Zip archive: Could not find EOCD); save it again as .xlsx or as CSV
        line 1: this is not a CSV file: it contains NUL bytes; save the sheet as CSV and import that
        ");
    }
}
