//! The board of a night as operators see it in their channel.

use super::press::Press;
use super::screen::{Button, Screen};
use super::text::{Line, Paragraph};
use crate::domain::board::Board;

/// The board as one message.
pub(super) fn screen(board: &Board) -> Screen {
    let mut screen = Screen::of(vec![Paragraph::Lines(vec![Line::strong(board.title())])]);
    let mut list = |heading: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            screen.body.push(Paragraph::Lines(vec![Line::strong(heading)]));
            screen.body.push(Paragraph::List(lines.iter().map(|line| Line::sentence(line)).collect()));
        }
    };
    list("In trouble:", board.trouble_lines());
    list("Being patched now:", board.under_way_lines());
    let bars = board.bars();
    if !bars.is_empty() {
        screen.body.push(Paragraph::Verbatim(bars));
    }
    let counts = board.counts();
    screen.body.push(Paragraph::Lines(vec![Line::plain(format!("{}.", counts.phrase()))]));
    screen.with(Button::new("Report", Press::Say("report".to_owned())))
}
