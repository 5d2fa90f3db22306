//! What pictures are written with: shapes and words as SVG, with nothing in a word that means more than itself.

use std::fmt::Write as _;

pub(super) const FONT: &str = "DejaVu Sans";

/// Ground, ink and marks.
pub(super) const GROUND: &str = "#f7f9fc";
pub(super) const INK: &str = "#16202c";
pub(super) const SOFT: &str = "#5b6878";
pub(super) const LINE: &str = "#c9d2de";
pub(super) const OWN: &str = "#d9480f";

/// Where words stand on their point.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How words look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ink {
    pub(super) size: u32,
    pub(super) bold: bool,
    pub(super) color: &'static str,
    pub(super) anchor: Anchor,
}

impl Ink {
    pub(super) const fn new(size: u32) -> Self {
        Self { size, bold: false, color: INK, anchor: Anchor::Start }
    }

    pub(super) const fn bold(mut self) -> Self {
        self.bold = true;
        self
    }

    pub(super) const fn color(mut self, color: &'static str) -> Self {
        self.color = color;
        self
    }

    pub(super) const fn at(mut self, anchor: Anchor) -> Self {
        self.anchor = anchor;
        self
    }
}

/// A rectangle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Box {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// A picture while it is drawn.
#[derive(Debug)]
pub(super) struct Paper {
    width: u32,
    height: u32,
    drawn: String,
}

impl Paper {
    pub(super) fn new(width: u32, height: u32) -> Self {
        let mut paper = Self { width, height, drawn: String::new() };
        paper.rounded(Box { x: 0, y: 0, width, height }, 28, GROUND, None);
        paper
    }

    /// A rectangle with round corners, and a border when one is named.
    pub(super) fn rounded(&mut self, at: Box, radius: u32, fill: &str, border: Option<(&str, u32)>) {
        let border = border
            .map(|(color, width)| format!(" stroke=\"{color}\" stroke-width=\"{width}\""))
            .unwrap_or_default();
        let Box { x, y, width, height } = at;
        let _ = writeln!(
            self.drawn,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{radius}\" fill=\"{fill}\"{border}/>"
        );
    }

    /// Thin diagonal lines over a rectangle.
    pub(super) fn hatched(&mut self, at: Box) {
        let Box { x, y, width, height } = at;
        let _ = writeln!(
            self.drawn,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"10\" fill=\"url(#hatch)\"/>"
        );
    }

    pub(super) fn circle(&mut self, x: u32, y: u32, radius: u32, fill: &str) {
        let _ = writeln!(self.drawn, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"{fill}\"/>");
    }

    pub(super) fn text(&mut self, x: u32, y: u32, words: &str, ink: Ink) {
        let anchor = match ink.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = if ink.bold { " font-weight=\"bold\"" } else { "" };
        let _ = writeln!(
            self.drawn,
            "<text x=\"{x}\" y=\"{y}\" font-family=\"{FONT}\" font-size=\"{}\"{weight} fill=\"{}\" text-anchor=\"{anchor}\">{}</text>",
            ink.size,
            ink.color,
            escaped(words)
        );
    }

    /// The finished picture.
    pub(super) fn svg(&self) -> String {
        let Self { width, height, drawn } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
             <defs><pattern id=\"hatch\" width=\"12\" height=\"12\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
             <rect width=\"4\" height=\"12\" fill=\"{SOFT}\" fill-opacity=\"0.35\"/></pattern></defs>\n{drawn}</svg>\n"
        )
    }
}

/// Words as text of an XML document; what no document may hold is left out.
fn escaped(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for letter in words.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            letter if letter.is_control() => out.push(' '),
            letter => out.push(letter),
        }
    }
    out
}

/// Words cut to so many letters, with a mark that they are.
pub(super) fn cut(words: &str, most: usize) -> String {
    if words.chars().count() <= most {
        return words.to_owned();
    }
    let head: String = words.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", head.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_is_ever_markup() {
        assert_eq!(escaped("<a> & \u{0}b"), "&lt;a&gt; &amp;  b");
        assert_eq!(cut("web01.example.org", 8), "web01.e…");
    }
}
