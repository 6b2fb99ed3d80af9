//! A person at the console: on the socket as an account of this system, or over SSH. Acts are keys; what came of them is on
//! the screen, and in the record.

use crate::attacks::doors::{Kept, is_recorded};
use crate::attacks::house::{Door, House};
use crate::real::product::Follow;
use crate::real::wait::SOON;
use crate::real::{Tmux, until};
use quarterdeck::console::overlays::dialog::{BUTTON_DEAF_MS, DIALOG_DEAF_MS};
use quarterdeck::console::screens::approval::SHOWN_MS;
use serde_json::Value;
use std::cell::Cell;
use std::process::Command;
use std::time::{Duration, Instant};

/// A dialog hears nothing before it stood there for so long.
const DIALOG: Duration = Duration::from_millis(DIALOG_DEAF_MS + 50);

/// The same for a button.
const BUTTON: Duration = Duration::from_millis(BUTTON_DEAF_MS + 50);

/// What stood there for less was not read.
const PAGE: Duration = Duration::from_millis(SHOWN_MS + 50);

const COLUMNS: u16 = 120;
const ROWS: u16 = 40;

/// A console that is open.
pub struct Desk<'h> {
    house: &'h House,
    who: &'static str,
    door: Value,
    tmux: Tmux,
}

impl<'h> Desk<'h> {
    /// At the socket, or over SSH. `None`, said aloud, without tmux.
    pub fn open(house: &'h House, door: Door, who: &'static str) -> Option<Desk<'h>> {
        let command = match door {
            Door::Account | Door::As => house.command(door, who, &[])?,
            Door::Ssh => {
                let mut command = Command::new("ssh");
                command.args(["-t", "-o", "SendEnv=LC_ALL"]).args(house.served.options(&house.key(who)?.private));
                command.arg(format!("{who}@127.0.0.1"));
                command
            }
        };
        let words = words_of(&command);
        let tmux = Tmux::start(COLUMNS, ROWS, &words.iter().map(String::as_str).collect::<Vec<_>>())?;
        tmux.wait_for_text("1 Home");
        Some(Desk { house, who, door: house.written(door, who), tmux })
    }

    pub fn screen(&self) -> String {
        self.tmux.screen()
    }

    pub fn press(&self, keys: &[&str]) {
        self.tmux.keys(keys);
    }

    #[track_caller]
    pub fn sees(&self, texts: &[&str]) -> String {
        self.rests(texts, Duration::ZERO)
    }

    /// Waits until these texts have stood on the screen for so long.
    #[track_caller]
    #[expect(clippy::disallowed_methods, reason = "people look at what stands there for a moment of real time")]
    fn rests(&self, texts: &[&str], long: Duration) -> String {
        let since: Cell<Option<Instant>> = Cell::default();
        until(&format!("{texts:?} on {}'s screen", self.who), SOON, || {
            let screen = self.tmux.screen();
            if !texts.iter().all(|text| screen.contains(text)) {
                since.set(None);
                return Err(screen);
            }
            let begun = since.get().unwrap_or_else(Instant::now);
            since.set(Some(begun));
            if begun.elapsed() < long { Err(screen) } else { Ok(screen) }
        })
    }

    /// Types a command behind `:`, and waits for what it opens.
    #[track_caller]
    pub fn goes(&self, line: &str, opens: &[&str]) -> String {
        self.press(&[":"]);
        self.tmux.text(line);
        self.sees(&[&format!(":{line}")]);
        self.press(&["Enter"]);
        self.sees(opens)
    }

    /// Opens a run.
    #[track_caller]
    pub fn watches(&self, run: u64) -> String {
        self.goes(&format!("run {run}"), &[&format!(" ▸ #{run}")])
    }

    /// Opens the request of a run.
    #[track_caller]
    pub fn reads(&self, run: u64) {
        self.watches(run);
        self.press(&["Enter"]);
        self.rests(&[&format!("▸ Approvals ▸ #{run} ")], PAGE);
    }

    /// The act is not offered: its key says why, by this rule, and nothing is sent.
    #[track_caller]
    pub fn is_locked(&self, key: &str, says: &[&str]) {
        let mut record = self.house.product().follow();
        self.press(&[key]);
        self.sees(says);
        // Keys are heard in their order: once this one opens the line, the one before it was heard, whatever stood there already.
        self.press(&[":"]);
        self.sees(&["enter go"]);
        self.shuts("enter go");
        self.sends_nothing(&mut record);
    }

    /// Leaves what lies over the screen. A terminal tells escape from the beginning of another key by what follows.
    #[track_caller]
    pub fn shuts(&self, shown: &str) {
        self.press(&["Escape"]);
        self.tmux.wait_for(&format!("{shown} to go"), SOON, |screen| !screen.contains(shown));
    }

    #[track_caller]
    fn sends_nothing(&self, record: &mut Follow) {
        // Whatever had been sent before this answer would stand in the record by now.
        self.house.json(self.who, &["runs", "list", "--limit", "1"]);
        assert_eq!(record.new_leaves(), Vec::<Value>::new(), "{} sent something: {}", self.who, self.screen());
    }

    /// Fills a dialog that has come up, means it, and is refused by this rule: in the dialog, and in the record.
    #[track_caller]
    pub fn is_refused(&self, dialog: &str, fields: &[&str], button: &str, rule: &str, kept: Kept) {
        let before = self.house.stands();
        let mut record = self.house.product().follow();
        self.rests(&[dialog, button], DIALOG);
        for text in fields {
            self.tmux.text(text);
            self.sees(&[&format!("▸ {text}")]);
            self.press(&["Enter"]);
        }
        if fields.is_empty() {
            self.press(&["Tab"]);
        }
        self.rests(&[&format!("▸[ {button} ]")], BUTTON);
        self.press(&["Enter"]);
        self.tmux.wait_for(&format!("{rule} in the dialog"), SOON, |screen| {
            let inside = |line: &str| Some(line.split_once('│')?.1.rsplit_once('│')?.0.trim().to_owned());
            let told = screen.lines().filter_map(inside).collect::<Vec<_>>().join(" ");
            told.contains("⊘ ") && told.contains(&format!("({rule})"))
        });
        is_recorded(&mut record, kept, self.who, rule, &self.door);
        self.shuts(&format!("▸[ {button} ]"));
        assert_eq!(self.house.stands(), before, "{} changed something", self.who);
    }

    /// The key's act is sent at once, and refused by this rule: in the last line, and in the record.
    #[track_caller]
    pub fn is_refused_at_once(&self, key: &str, rule: &str) {
        let (mut record, mut heard) = (self.house.product().follow(), self.house.product().follow());
        self.press(&[key]);
        until(&format!("{}'s {key} to be heard", self.who), SOON, || match heard.new_leaves().is_empty() {
            true => Err(self.screen()),
            false => Ok(()),
        });
        is_recorded(&mut record, Kept::Yes, self.who, rule, &self.door);
        self.sees(&["⊘ ", &format!("({rule})")]);
    }

    /// Chooses in a menu that has come up.
    #[track_caller]
    pub fn chooses(&self, title: &str, row: &str) {
        self.rests(&[title, row], BUTTON);
        until(&format!("the pointer on {row}"), SOON, || {
            let screen = self.screen();
            let at = |row: &str| screen.lines().any(|line| line.contains(&format!("▸ {row}")));
            if at(row) {
                return Ok(());
            }
            self.press(&["Down"]);
            Err(screen)
        });
        self.press(&["Enter"]);
    }
}

/// A command as a terminal is told it.
pub fn words_of(command: &Command) -> Vec<String> {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_str().unwrap().to_owned()).collect()
}
