//! How a workspace is shown in a list: the environment's mark, then its name.

use super::piece::{Piece, gap, name, text};
use crate::console::glyph;
use crate::console::theme::Role;
use crate::console::words;
use crate::domain::workspace::Environment;
use crate::terminal::line::Safe;

/// Columns that a list gives to its places: as few as its rows need.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PlaceColumns {
    mark: u16,
    name: u16,
}

impl PlaceColumns {
    /// Enough for these places, and no more than `most` for a name.
    pub fn of<'a>(places: impl Iterator<Item = (Environment, &'a str)>, most: u16) -> Self {
        places.fold(Self::default(), |columns, (environment, workspace)| {
            let mark = glyph::environment(environment);
            let wide = |text: &str| u16::try_from(Safe::new(text).width()).unwrap_or(u16::MAX);
            Self {
                mark: columns.mark.max(2 + wide(mark.word)),
                name: columns.name.max(wide(words::short_place(environment, workspace))).min(most),
            }
        })
    }

    /// Columns of all of it.
    pub fn width(self) -> u16 {
        self.mark + 1 + self.name
    }

    /// `■ PROD web`, so wide.
    pub fn pieces(self, environment: Environment, workspace: &str) -> [Piece; 3] {
        let mark = glyph::environment(environment);
        [
            text(mark.role, format!("{} {}", mark.glyph, mark.word)).cols(self.mark),
            gap(1),
            name(Role::Text, words::short_place(environment, workspace)).cols(self.name),
        ]
    }
}

/// The block that opens a screen about a run: ` ■ PRODUCTION `.
pub fn block(environment: Environment) -> Piece {
    let mark = glyph::environment(environment);
    let word = environment.word().to_uppercase();
    text(mark.role, format!("{} {word} ", mark.glyph))
}
