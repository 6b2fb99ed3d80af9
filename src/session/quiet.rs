//! What crosses a bad link: of a console where nothing happens nothing, of the turn of a minute and of a key little. At 9 600
//! baud a terminal is sent 960 bytes a second.

use crate::console::harness::Harness;
use crate::console::{Msg, cases, fixture, view};
use crate::terminal::bytes::{Capability, Painter};

/// At a VT100, whose line is the slow one, a key that moves in a list is on the screen within a quarter of a second.
const MOVE_BYTES_MAX: usize = 240;

/// And a screen within two and a half: more than one of 80 by 24 full of text is not written, whatever the key.
const SCREEN_BYTES_MAX: usize = 2_400;

/// The same with 24 bits of colour.
const COLOURFUL_BYTES_MAX: usize = 6_000;

/// Screens whose keys move in a list.
const LISTS: [&str; 6] = ["runs", "approvals", "history", "audit", "follow-ups", "week"];

/// The clock in the header, and what counts by minutes.
const MINUTE_BYTES_MAX: usize = 120;

/// One person's terminal: frames as a session writes them.
struct Terminal {
    painter: Painter,
    harness: Harness,
}

impl Terminal {
    fn of(harness: Harness, capability: Capability) -> Self {
        let (columns, rows) = harness.console.here.size;
        Self { painter: Painter::new(columns, rows, capability), harness }
    }

    /// The bytes of the next frame.
    fn frame(&mut self) -> usize {
        let Harness { console, world, .. } = &self.harness;
        self.painter.draw(|frame| view(console, world, frame)).len()
    }

    /// The same, after something happened.
    fn after(&mut self, act: impl FnOnce(Harness) -> Harness) -> usize {
        let harness = std::mem::replace(&mut self.harness, Harness::new(fixture::empty()));
        self.harness = act(harness);
        self.frame()
    }
}

#[test]
fn an_idle_console_writes_nothing_but_the_minute_and_so_does_a_wall() {
    for wall in [false, true] {
        let mut harness = Harness::new(fixture::empty());
        if wall {
            harness.send(Msg::Wall);
        }
        let mut terminal = Terminal::of(harness, Capability::FULL);
        assert!(terminal.frame() > 0);
        let (mut turned, mut most) = (0, 0);
        for second in 1..=3_600_u64 {
            let before = terminal.harness.console.here.now.0.div_euclid(60_000);
            let wrote = terminal.after(|console| console.wait(1_000));
            let after = terminal.harness.console.here.now.0.div_euclid(60_000);
            assert!(
                wrote == 0 || after > before,
                "{wrote} bytes after {second} s, and no minute turned (wall: {wall})"
            );
            turned += usize::from(wrote > 0);
            most = most.max(wrote);
        }
        assert!(turned <= 60 && most <= MINUTE_BYTES_MAX, "{turned} times, {most} bytes (wall: {wall})");
    }
}

#[test]
fn a_key_costs_little_at_9_600_baud_and_a_screen_no_more_than_a_screen() {
    for (capability, screen_max) in [(Capability::VT100, SCREEN_BYTES_MAX), (Capability::FULL, COLOURFUL_BYTES_MAX)] {
        for (case, harness) in cases::with_usual_names((80, 24)) {
            let mut terminal = Terminal::of(harness, capability);
            let mut press = |key: &str| terminal.after(|console| console.press_at_once(key));
            let whole = press("f12");
            let moved = ["down", "down", "up"].map(&mut press);
            let typed = [":", "r", "u", "n"].map(&mut press);
            println!("{case}: whole {whole}, moved {moved:?}, typed {typed:?}");
            let most = moved.iter().chain(&typed).fold(whole, |most, bytes| most.max(*bytes));
            assert!(most <= screen_max, "{case}: {most} bytes");
            let listed = capability == Capability::VT100 && LISTS.contains(&case);
            assert!(!listed || moved.iter().all(|bytes| *bytes <= MOVE_BYTES_MAX), "{case}: {moved:?} bytes");
        }
    }
}
