//! The last row: the keys that matter here, printed from the one table.

use super::keymap::{self, Act, Scope};
use super::theme::Role;
use super::widgets::piece::{self, Piece};
use crate::terminal::line::Safe;

/// A key the footer shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Foot {
    act: Act,
    word: Option<&'static str>,
    locked: Locked,
}

/// Whether a key would do something now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Locked {
    Open,
    Locked,
}

/// An act with the table's own word.
pub fn foot(act: Act) -> Foot {
    Foot { act, word: None, locked: Locked::Open }
}

impl Foot {
    /// Another word than the table's, because it means more here: "leave" at Home.
    pub fn says(self, word: &'static str) -> Self {
        Self { word: Some(word), ..self }
    }

    /// Shown with `–`: it would be refused, and `w` says why.
    pub fn locked(self, locked: bool) -> Self {
        Self { locked: if locked { Locked::Locked } else { Locked::Open }, ..self }
    }
}

/// One entry of the footer and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spot {
    /// What it does.
    pub act: Act,
    /// First column.
    pub x: u16,
    /// Columns.
    pub width: u16,
    key: Safe,
    word: Safe,
    locked: Locked,
}

const GAP: u16 = 3;

/// The entries that fit whole into `width` columns, from column 1.
pub fn spots(scope: Scope, feet: &[Foot], width: u16) -> Vec<Spot> {
    let mut x = 1u16;
    let mut spots = Vec::new();
    for foot in feet {
        let Some(bound) = keymap::bound(scope, foot.act) else {
            continue;
        };
        let key = Safe::new(bound.keys.first().copied().map(keymap::label).unwrap_or_default());
        let word = Safe::new(foot.word.unwrap_or(bound.word));
        let mark = if foot.locked == Locked::Locked { 2 } else { 0 };
        let wide = u16::try_from(key.width() + 1 + word.width() + mark).unwrap_or(u16::MAX);
        if x.saturating_add(wide) >= width {
            continue;
        }
        spots.push(Spot { act: foot.act, x, width: wide, key, word, locked: foot.locked });
        x += wide + GAP;
    }
    spots
}

/// The footer as a line.
pub fn line(spots: &[Spot]) -> Vec<Piece> {
    let mut pieces = vec![piece::gap(1)];
    for spot in spots {
        let role = match spot.locked {
            Locked::Open => Role::Accent,
            Locked::Locked => Role::Faint,
        };
        pieces.push(piece::text(role, spot.key.clone()));
        pieces.push(piece::gap(1));
        pieces.push(piece::text(Role::Muted, spot.word.clone()));
        if spot.locked == Locked::Locked {
            pieces.push(piece::text(Role::Faint, " –"));
        }
        pieces.push(piece::gap(GAP));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::keymap::{Anywhere, ApprovalAct, RowAct};

    #[test]
    fn entries_are_whole_or_absent() {
        let feet = [foot(Act::Row(RowAct::Open)), foot(Act::Row(RowAct::New)), foot(Act::Anywhere(Anywhere::Help))];
        assert_eq!(spots(Scope::Home, &feet, 80).len(), 3);
        let narrow = spots(Scope::Home, &feet, 26);
        assert!(narrow.iter().all(|spot| spot.x + spot.width < 26));
        assert_eq!(narrow.len(), 2);
    }

    #[test]
    fn a_locked_key_says_so() {
        let feet = [foot(Act::Approval(ApprovalAct::Approve)).locked(true)];
        let spots = spots(Scope::Approval, &feet, 80);
        let text: String = line(&spots).iter().map(|piece| format!("{piece:?}")).collect();
        assert!(text.contains('–'));
    }
}
