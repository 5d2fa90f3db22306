//! The placeholders of statements that write or look for many rows at once, counted while the program is compiled.
//!
//! PostgreSQL wants them numbered. To SQLite a number is a name, and with a thousand names most of the time would go into
//! looking them up.

use super::dialect::NUMBERED;

/// How many rows such a statement writes.
pub(super) const AT_ONCE: usize = 200;

/// How many values such a statement looks for, also when it is asked for fewer.
pub(super) const LOOKED_FOR: usize = 50;

const fn digits(number: usize) -> usize {
    let mut left = number;
    let mut digits = 1;
    while left >= 10 {
        left /= 10;
        digits += 1;
    }
    digits
}

/// The length of `($1, $2), ($3, $4)`, or of `(?, ?), (?, ?)`, for so many rows and columns.
const fn length(rows: usize, columns: usize) -> usize {
    let mut length = rows * 2 + (rows - 1) * 2 + rows * (columns - 1) * 2;
    let mut number = 1;
    while number <= columns * rows {
        length += if NUMBERED { 1 + digits(number) } else { 1 };
        number += 1;
    }
    length
}

#[expect(clippy::indexing_slicing, reason = "while compiling; a wrong index does not compile")]
const fn placeholders<const LENGTH: usize>(rows: usize, columns: usize) -> [u8; LENGTH] {
    let mut text = [b' '; LENGTH];
    let mut at = 0;
    let mut number = 1;
    while number <= columns * rows {
        let column = (number - 1) % columns;
        if column == 0 {
            if number > 1 {
                text[at] = b',';
                at += 2;
            }
            text[at] = b'(';
            at += 1;
        } else {
            text[at] = b',';
            at += 2;
        }
        text[at] = if NUMBERED { b'$' } else { b'?' };
        at += 1;
        let width = if NUMBERED { digits(number) } else { 0 };
        let mut left = number;
        let mut place = width;
        while place > 0 {
            place -= 1;
            text[at + place] = b'0' + (left % 10) as u8;
            left /= 10;
        }
        at += width;
        if column + 1 == columns {
            text[at] = b')';
            at += 1;
        }
        number += 1;
    }
    text
}

const fn text(bytes: &'static [u8]) -> &'static str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => "",
    }
}

static ONE: [u8; length(1, LOOKED_FOR)] = placeholders(1, LOOKED_FOR);
static THREE: [u8; length(AT_ONCE, 3)] = placeholders(AT_ONCE, 3);
static SEVEN: [u8; length(AT_ONCE, 7)] = placeholders(AT_ONCE, 7);
static FIFTEEN: [u8; length(AT_ONCE, 15)] = placeholders(AT_ONCE, 15);
static NINETEEN: [u8; length(AT_ONCE, 19)] = placeholders(AT_ONCE, 19);

/// One row with as many values: what a column may be.
pub(super) const ANY_OF: &str = text(&ONE);
/// Rows of three columns.
pub(super) const OF_3: &str = text(&THREE);
/// Rows of seven columns.
pub(super) const OF_7: &str = text(&SEVEN);
/// Rows of fifteen columns.
pub(super) const OF_15: &str = text(&FIFTEEN);
/// Rows of nineteen columns.
pub(super) const OF_19: &str = text(&NINETEEN);
