//! Every control and format character, in every name, text, log line and field that a console draws: none leaves the process raw.
//!
//! The cases are the console's own table of screens and overlays, the bytes those of the painter that serves every session.

use crate::console::{cases, fixture, view};
use crate::terminal::bytes::{Capability, Painter};
use crate::terminal::line::{CC_CF, is_hidden};
use std::collections::BTreeSet;
use vte::{Params, Parser, Perform};

/// Code points in one name: few enough that the whole name is drawn.
const PER_NAME: usize = 24;

/// What a terminal would take from the bytes: printed characters, and whatever is no move, style or erasing.
#[derive(Default)]
struct Taken {
    printed: String,
    wrong: BTreeSet<String>,
}

impl Perform for Taken {
    fn print(&mut self, c: char) {
        self.printed.push(c);
    }

    fn execute(&mut self, byte: u8) {
        self.wrong.insert(format!("control {byte:#04x}"));
    }

    fn hook(&mut self, _: &Params, _: &[u8], _: bool, action: char) {
        self.wrong.insert(format!("device string {action}"));
    }

    fn osc_dispatch(&mut self, _: &[&[u8]], _: bool) {
        self.wrong.insert("operating system command".to_owned());
    }

    fn csi_dispatch(&mut self, _: &Params, _: &[u8], _: bool, action: char) {
        // Moves, erasing, styles, modes: what `terminal::bytes` says it writes.
        if !matches!(action, 'A'..='H' | 'J' | 'K' | 'X' | 'd' | 'm' | 'h' | 'l') {
            self.wrong.insert(format!("sequence ending in {action}"));
        }
    }

    fn esc_dispatch(&mut self, _: &[u8], _: bool, byte: u8) {
        self.wrong.insert(format!("escape {byte:#04x}"));
    }
}

#[test]
fn no_control_or_format_character_leaves_raw_from_any_screen_or_overlay() {
    let all: Vec<char> = CC_CF.iter().flat_map(|&(from, to)| from..=to).filter_map(char::from_u32).collect();
    assert_eq!(all.len(), 235);
    let mut silent = BTreeSet::new();
    for some in all.chunks(PER_NAME) {
        // Each stands between letters, so that it has somewhere to hide.
        let name: String = std::iter::once("Qq".to_owned()).chain(some.iter().map(|c| format!("{c}z"))).collect();
        fixture::with_long_name(&name, || {
            for (case, console) in cases::with_long_names((300, 80)) {
                let mut painter = Painter::new(300, 80, Capability::FULL);
                let bytes = painter.draw(|frame| view(&console.console, &console.world, frame));
                let text = std::str::from_utf8(&bytes).unwrap_or_else(|error| panic!("{case}: {error}"));
                let mut taken = Taken::default();
                Parser::new().advance(&mut taken, text.as_bytes());
                assert!(taken.wrong.is_empty(), "{case}: {:?}", taken.wrong);
                let raw: Vec<u32> = taken.printed.chars().filter(|c| is_hidden(*c)).map(u32::from).collect();
                assert!(raw.is_empty(), "{case}: {raw:04x?} left raw");
                if !taken.printed.contains("Qq") {
                    silent.insert(case);
                }
            }
        });
    }
    // Every case does draw the name: one that drew none would prove nothing.
    assert_eq!(silent, BTreeSet::new());
}
