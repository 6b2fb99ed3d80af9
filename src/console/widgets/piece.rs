//! Pieces of a line: text with a meaning and a rule for its width.

use crate::console::glyph::Mark;
use crate::console::theme::Role;
use crate::terminal::line::Safe;

/// A stretch of one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    pub(super) text: Safe,
    pub(super) role: Role,
    pub(super) fit: Fit,
    pub(super) cut: Cut,
}

/// How wide a piece is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fit {
    /// As wide as its text.
    Own,
    /// So many columns, text on the left.
    Left(u16),
    /// So many columns, text on the right: for numbers.
    Right(u16),
    /// What the others leave; several share it, the first takes what is odd.
    Rest,
    /// As wide as its text, and the first to lose columns where the line is too narrow.
    Yields,
}

/// Where text that does not fit loses a part. The cut is always marked by `…`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// Its end: sentences.
    End,
    /// Its middle: names, which differ at both ends.
    Middle,
}

/// Text as wide as it is.
pub fn text(role: Role, text: impl Into<Safe>) -> Piece {
    Piece { text: text.into(), role, fit: Fit::Own, cut: Cut::End }
}

/// A name: cut in the middle where it must be cut.
pub fn name(role: Role, name: impl Into<Safe>) -> Piece {
    Piece { text: name.into(), role, fit: Fit::Own, cut: Cut::Middle }
}

/// So many empty columns.
pub fn gap(columns: u16) -> Piece {
    Piece { text: Safe::default(), role: Role::Text, fit: Fit::Left(columns), cut: Cut::End }
}

/// Pushes what follows to the right.
pub fn spring() -> Piece {
    Piece { text: Safe::default(), role: Role::Text, fit: Fit::Rest, cut: Cut::End }
}

/// A state's glyph.
pub fn glyph(mark: Mark) -> Piece {
    text(mark.role, mark.glyph)
}

/// A state's glyph and word.
pub fn state(mark: Mark) -> Piece {
    text(mark.role, Safe::from(format_args!("{} {}", mark.glyph, mark.word)))
}

impl Piece {
    /// Exactly so many columns, text on the left.
    pub fn cols(self, columns: u16) -> Self {
        Self { fit: Fit::Left(columns), ..self }
    }

    /// Exactly so many columns, text on the right.
    pub fn right(self, columns: u16) -> Self {
        Self { fit: Fit::Right(columns), ..self }
    }

    /// What the others leave.
    pub fn rest(self) -> Self {
        Self { fit: Fit::Rest, ..self }
    }

    /// As wide as its text, and the first to lose columns.
    pub fn yields(self) -> Self {
        Self { fit: Fit::Yields, ..self }
    }

    /// The same text in another meaning.
    pub fn role(self, role: Role) -> Self {
        Self { role, ..self }
    }

    /// Columns it would like.
    pub fn wants(&self) -> usize {
        match self.fit {
            Fit::Own | Fit::Rest | Fit::Yields => self.text.width(),
            Fit::Left(columns) | Fit::Right(columns) => usize::from(columns),
        }
    }
}

/// Columns for each piece so that all of it fits into `width`: rests share what is left; where nothing is left, pieces
/// that yield lose first, then those on the right.
pub(super) fn columns(pieces: &[Piece], width: u16) -> Vec<u16> {
    let width = usize::from(width);
    let fixed: usize = pieces.iter().filter(|piece| piece.fit != Fit::Rest).map(Piece::wants).sum();
    let rests = pieces.iter().filter(|piece| piece.fit == Fit::Rest).count();
    let spare = width.saturating_sub(fixed);
    let mut missing = fixed.saturating_sub(width);
    let share = spare.checked_div(rests).unwrap_or(0);
    let mut odd = spare.checked_rem(rests).unwrap_or(0);
    let mut used = 0;
    pieces
        .iter()
        .map(|piece| {
            let wanted = match piece.fit {
                Fit::Own | Fit::Left(_) | Fit::Right(_) => piece.wants(),
                Fit::Yields => {
                    let lost = missing.min(piece.wants());
                    missing -= lost;
                    piece.wants() - lost
                }
                Fit::Rest => share + std::mem::take(&mut odd),
            };
            let given = wanted.min(width - used);
            used += given;
            u16::try_from(given).unwrap_or(u16::MAX)
        })
        .collect()
}

/// The last piece in sight, where one behind it found no room at all: nobody would see that something is missing.
pub(super) fn marked(pieces: &[Piece], given: &[u16]) -> Option<usize> {
    let says = |piece: &Piece| piece.text.as_str().chars().any(|c| c != ' ');
    let lost = pieces.iter().zip(given).any(|(piece, columns)| *columns == 0 && says(piece));
    let last = pieces.iter().zip(given).rposition(|(piece, columns)| *columns > 0 && says(piece))?;
    lost.then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_share_what_is_left_and_nothing_passes_the_edge() {
        let line = [text(Role::Text, "abc"), spring(), text(Role::Text, "12").right(5)];
        assert_eq!(columns(&line, 20), [3, 12, 5]);
        assert_eq!(columns(&line, 8), [3, 0, 5]);
        assert_eq!(columns(&line, 6), [3, 0, 3]);
        assert_eq!(columns(&line, 0), [0, 0, 0]);
        let yielding = [text(Role::Text, "abc"), text(Role::Text, "title").yields(), text(Role::Text, "12")];
        assert_eq!(columns(&yielding, 20), [3, 5, 2]);
        assert_eq!(columns(&yielding, 8), [3, 3, 2]);
        assert_eq!(columns(&yielding, 4), [3, 0, 1]);
        let two = [spring(), text(Role::Text, "x"), spring()];
        assert_eq!(columns(&two, 10), [5, 1, 4]);
    }
}
