//! What holds for every frame there is: nothing past the edge, no word cut without a mark, no text that cannot be read, no key that
//! does nothing, production never by colour alone.

use super::{CASES, State, frame};
use crate::console::harness::Harness;
use crate::console::keymap::{self, TABLE};
use crate::console::theme::{CONTRAST_MIN, Depth, Theme, contrast, tests::shipped};
use crate::console::view::draw;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use std::collections::BTreeSet;

const SIZES: [(u16, u16); 4] = [(72, 20), (80, 24), (120, 40), (160, 50)];

/// Every case in every state at these sizes.
fn each(sizes: &[(u16, u16)], mut look: impl FnMut(&str, Harness)) {
    for case in CASES {
        for state in State::ALL {
            for size in sizes {
                let name = format!("{}, {} at {}x{}", case.0, state.word(), size.0, size.1);
                look(&name, frame(case, state, *size));
            }
        }
    }
}

/// Fails with everything that was found, not the first alone.
fn none(found: &BTreeSet<String>) {
    let shown: Vec<&str> = found.iter().map(String::as_str).collect();
    assert!(found.is_empty(), "{} found:\n{}", found.len(), shown.join("\n"));
}

#[test]
fn nothing_is_drawn_past_the_edge() {
    let mut found = BTreeSet::new();
    each(&SIZES, |name, console| {
        let (columns, rows) = console.console.here.size;
        let mut buffer = Buffer::empty(Rect::new(0, 0, columns + 12, rows + 6));
        draw(&console.console, &console.world, &mut buffer);
        let ground = buffer[(columns + 11, rows + 5)].clone();
        for position in buffer.area.positions() {
            let outside = position.x >= columns || position.y >= rows;
            if outside && buffer[position] != ground {
                found.insert(format!("{name}: {:?} at {position}", buffer[position].symbol()));
            }
        }
        // A character of two columns in the last column would hang over.
        let buffer = console.buffer();
        for y in 0..rows {
            let last = crate::terminal::line::Safe::new(buffer[(columns - 1, y)].symbol());
            if last.width() > 1 {
                found.insert(format!("{name}: {last} hangs over row {y}"));
            }
        }
    });
    none(&found);
}

/// Whether long names are folded on a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Folds {
    Yes,
    No,
}

/// Words as a reader takes them in: letters alone; numbers differ from size to size, other scripts break anywhere.
fn words(screen: &str, folds: Folds) -> Vec<(String, bool)> {
    let mut words = Vec::new();
    let goes_on = |row: Option<&&str>| row.is_some_and(|row| row.trim_start().starts_with('↳'));
    let rows: Vec<&str> = screen.lines().collect();
    for (nth, row) in rows.iter().enumerate() {
        let cells: Vec<char> = row.chars().collect();
        let mut at = 0;
        while at < cells.len() {
            let from = at;
            while at < cells.len() && cells[at].is_alphanumeric() {
                at += 1;
            }
            let word: String = cells[from..at].iter().collect();
            // A panel that lies over a screen hides words by halves: its edge is the mark.
            let marks = |c: &char| matches!(c, '…' | '│' | '┌' | '┐' | '└' | '┘');
            let marked =
                from.checked_sub(1).is_some_and(|before| marks(&cells[before])) || cells.get(at).is_some_and(marks);
            // Commands and names longer than a row go on in the next one, wherever the row ends.
            let first = cells[..from].iter().all(|c| !c.is_alphanumeric());
            let edge = first || at == cells.len();
            // Text in which every space counts breaks where it must, and the row that goes on says so.
            let marked =
                marked || (first && goes_on(rows.get(nth))) || (at == cells.len() && goes_on(rows.get(nth + 1)));
            if folds == Folds::Yes && edge && crate::console::fixture::long_name().contains(&word) {
                at = at.max(from + 1);
                continue;
            }
            if word.len() > 1 && word.chars().all(|c| c.is_ascii_alphabetic()) {
                words.push((word, marked));
            }
            at = at.max(from + 1);
        }
    }
    words
}

/// A field scrolls with its cursor: what stands at its left edge is the middle of what was typed, and meant to be.
const SCROLLS: [&str; 4] = ["dialog, long", "prompt, long", "propose, long", "plan, long"];

#[test]
fn no_word_is_cut_without_a_mark() {
    // All words there are: those of frames with room for everything, and what is said only where there is none.
    let mut whole = BTreeSet::from(["unread".to_owned()]);
    each(&[(400, 300), (125, 300), (300, 60)], |_, console| {
        whole.extend(
            words(&console.screen(), Folds::No).into_iter().filter(|(_, marked)| !marked).map(|(word, _)| word),
        );
    });
    let mut found = BTreeSet::new();
    each(&SIZES, |name, console| {
        if SCROLLS.iter().any(|scrolls| name.starts_with(scrolls)) {
            return;
        }
        let folds = if name.contains("long names") { Folds::Yes } else { Folds::No };
        for (word, marked) in words(&console.screen(), folds) {
            if !marked && !whole.contains(&word) {
                found.insert(format!("{name}: {word}"));
            }
        }
    });
    none(&found);
}

#[test]
fn what_could_not_be_drawn_at_all_leaves_a_mark() {
    // A word of the wide frame's header, title or rule that is missing from the narrow one is missing behind a `…`:
    // held where lines are made (`paint::line`), and seen here on the row that is most often too narrow.
    each(&[(72, 20), (80, 24)], |name, console| {
        let screen = console.screen();
        let header = screen.lines().next().unwrap();
        let person = console.console.here.me.person.as_str();
        assert!(header.contains(&format!(" {person}")) && header.ends_with("CET"), "{name}: {header}");
    });
}

#[test]
fn every_key_of_every_footer_is_in_the_table() {
    let mut found = BTreeSet::new();
    each(&SIZES, |name, console| {
        let screen = console.screen();
        let footer = screen.lines().last().unwrap().trim().to_owned();
        assert!(!footer.is_empty(), "{name}: no key is named");
        let scope = console.scope();
        for entry in footer.split("   ") {
            let (key, word) = entry.split_once(' ').unwrap_or((entry, ""));
            let bound =
                TABLE.iter().find(|bound| scope.chain().contains(&bound.scope) && keymap::label(bound.keys[0]) == key);
            let acts = bound.is_some_and(|bound| keymap::act(scope, bound.keys[0]) == Some(bound.act));
            if !acts || word.is_empty() {
                found.insert(format!("{name}: {entry:?} in {scope:?}"));
            }
        }
    });
    none(&found);
}

/// Lines and blocks are no text: they may be fainter.
fn is_text(symbol: &str) -> bool {
    symbol.chars().any(|c| !matches!(c, ' ' | '─' | '│' | '┌' | '┐' | '└' | '┘' | '█' | '░' | '▁'..='▇'))
}

#[test]
fn every_pair_of_colours_that_is_drawn_can_be_read() {
    let mut pairs = BTreeSet::new();
    let mut themes: Vec<Theme> = Vec::new();
    for (_, theme) in shipped() {
        themes.extend([theme.clone(), theme.at(Depth::Indexed), theme.at(Depth::Sixteen)]);
    }
    each(&[(80, 24), (160, 50)], |name, mut console| {
        for theme in &themes {
            console.console.here.look.theme = theme.clone();
            for cell in console.buffer().content.iter().filter(|cell| is_text(cell.symbol())) {
                let ratio = contrast(cell.fg, cell.bg);
                if ratio.is_none_or(|ratio| ratio < CONTRAST_MIN) {
                    let (fg, bg) = (cell.fg, cell.bg);
                    pairs.insert(format!("{} {fg} on {bg}: {ratio:.2?}, {:?} in {name}", theme.name(), cell.symbol()));
                }
            }
        }
    });
    none(&pairs);
}

#[test]
fn without_colour_nothing_is_coloured_and_without_utf8_all_is_ascii() {
    each(&[(80, 24), (160, 50)], |name, console| {
        let console = console.mono().ascii();
        for cell in &console.buffer().content {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{name}: {:?}", cell.symbol());
            assert!(cell.symbol().is_ascii(), "{name}: {:?}", cell.symbol());
        }
    });
}

#[test]
fn production_always_has_its_word() {
    let mut seen = 0;
    each(&SIZES, |name, console| {
        for row in console.screen().lines() {
            for (at, _) in row.match_indices('■') {
                seen += 1;
                let behind = &row[at + '■'.len_utf8()..];
                assert!(behind.starts_with(" PROD"), "{name}: {row}");
            }
        }
    });
    assert!(seen > 100, "production was hardly looked at: {seen}");
}

#[test]
fn nothing_here_is_said_only_where_nothing_is() {
    let nothing = ["Nothing has run yet", "No run is open", "No runbooks yet", "No request waits", "No event is yours"];
    each(&SIZES, |name, console| {
        let screen = console.screen();
        let empty = name.contains(", empty");
        for words in nothing {
            assert!(empty || !screen.contains(words), "{name}:\n{screen}");
        }
        assert!(
            !screen.contains("Nothing matches") || name.starts_with("prompt") || name.starts_with("runs, error"),
            "{name}:\n{screen}"
        );
    });
    // Before an answer came, nothing is claimed.
    for place in ["3", "6", "7"] {
        let screen = Harness::new(crate::console::fixture::world()).press(place).screen();
        assert!(!nothing.iter().any(|words| screen.contains(words)), "{screen}");
    }
}
