//! Pictures for chat: the quarter as a calendar, and how far it is. Drawn by a library, with the fonts that we ship, so
//! that they look the same on every machine.
//!
//! They stand on ground of their own, because a platform shows them on light and on dark, and their letters are large
//! enough for a telephone.

mod calendar;
mod paper;
mod progress;

use std::sync::{Arc, OnceLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::domain::sheet::{Calendar, Progress};

const REGULAR: &[u8] = include_bytes!("picture/fonts/DejaVuSans.ttf");
const BOLD: &[u8] = include_bytes!("picture/fonts/DejaVuSans-Bold.ttf");

/// What is drawn.
#[derive(Debug, Clone)]
pub enum Drawing {
    /// A quarter, day by day.
    Calendar(Calendar),
    /// How far a quarter is.
    Progress(Progress),
}

fn fonts() -> Arc<fontdb::Database> {
    static FONTS: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    Arc::clone(FONTS.get_or_init(|| {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(REGULAR.to_vec());
        fonts.load_font_data(BOLD.to_vec());
        Arc::new(fonts)
    }))
}

impl Drawing {
    /// The picture as a PNG.
    ///
    /// # Errors
    /// A sentence, when the library refuses it, which is a bug.
    pub fn png(&self) -> Result<Vec<u8>, String> {
        let svg = match self {
            Self::Calendar(calendar) => calendar::draw(calendar),
            Self::Progress(progress) => progress::draw(progress),
        };
        let options = Options { fontdb: fonts(), font_family: paper::FONT.to_owned(), ..Options::default() };
        let tree =
            Tree::from_str(&svg, &options).map_err(|error| format!("a picture cannot be read: {error}"))?;
        let size = tree.size().to_int_size();
        let mut pixels =
            Pixmap::new(size.width(), size.height()).ok_or_else(|| "a picture has no size".to_owned())?;
        resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
        pixels.encode_png().map_err(|error| format!("a picture cannot be written: {error}"))
    }
}

#[cfg(test)]
mod tests;
