//! A person at a terminal: looks at what stands there before a key is pressed, and counts the keys.

use std::cell::Cell;
use std::time::{Duration, Instant};

use quarterdeck::console::overlays::dialog::DIALOG_DEAF_MS;

use super::tmux::Tmux;
use super::wait::{SOON, until};

/// Nobody presses a key before a frame has stood there for so long; a dialog hears no sooner.
const LOOK: Duration = Duration::from_millis(DIALOG_DEAF_MS + 100);

/// A person at a terminal, whose keys are counted.
#[derive(Debug)]
pub struct Seat {
    pub tmux: Tmux,
    pressed: Cell<usize>,
    typed: Cell<usize>,
}

impl Seat {
    /// At this terminal; no key is pressed yet.
    pub fn at(tmux: Tmux) -> Seat {
        Seat { tmux, pressed: Cell::default(), typed: Cell::default() }
    }

    /// Looks at the screen until these texts have stood on it for as long as a person takes to find the next key.
    #[track_caller]
    #[expect(clippy::disallowed_methods, reason = "people look at what stands there for a moment of real time")]
    pub fn sees(&self, texts: &[&str]) -> String {
        let since: Cell<Option<Instant>> = Cell::default();
        until(&format!("{texts:?} on the screen"), SOON, || {
            let screen = self.tmux.screen();
            if !texts.iter().all(|text| screen.contains(text)) {
                since.set(None);
                return Err(screen);
            }
            let begun = since.get().unwrap_or_else(Instant::now);
            since.set(Some(begun));
            if begun.elapsed() < LOOK { Err(screen) } else { Ok(screen) }
        })
    }

    /// Keys by tmux's names.
    pub fn press(&self, keys: &[&str]) {
        self.tmux.keys(keys);
        self.pressed.set(self.pressed.get() + keys.len());
    }

    /// Text, each letter of which is a key.
    pub fn types(&self, text: &str) {
        self.tmux.text(text);
        self.typed.set(self.typed.get() + text.chars().count());
    }

    /// Fills the field of a dialog that has the cursor, and goes on.
    #[track_caller]
    pub fn answers(&self, text: &str) {
        self.types(text);
        self.sees(&[&format!("▸ {text}")]);
        self.press(&["Enter"]);
    }

    /// Presses the dialog's button, which the cursor has come to.
    #[track_caller]
    pub fn means(&self, button: &str) {
        self.sees(&[&format!("▸[ {button} ]")]);
        self.press(&["Enter"]);
    }

    /// Reads a request to its end.
    #[track_caller]
    pub fn reads_on(&self) {
        const SHOWN: &str = "everything was shown";
        loop {
            let screen = self.sees(&["space next"]);
            if screen.contains(SHOWN) {
                return;
            }
            self.press(&["Space"]);
            self.tmux.wait_for("something more", SOON, |now| now != screen);
        }
    }

    /// Letters that were typed.
    pub fn typed(&self) -> usize {
        self.typed.get()
    }

    /// Keys that were pressed, letters among them.
    pub fn keys(&self) -> usize {
        self.pressed.get() + self.typed.get()
    }
}
