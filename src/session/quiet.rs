//! What crosses a bad link: of a console where nothing happens nothing, of the turn of a minute and of a key little. At 9 600
//! baud a terminal is sent 960 bytes a second.

use crate::console::harness::Harness;
use crate::console::{Msg, cases, fixture, view};
use crate::terminal::bytes::{Capability, Painter};

/// A key that moves, or a letter that is typed, is on the screen within a quarter of a second at 9 600 baud.
const KEY_BYTES_MAX: usize = 240;

/// A screen that is opened is there within three seconds: more than one of 80 by 24 full of text, with its colours, is not written.
const SCREEN_BYTES_MAX: usize = 2_880;

/// The clock in the header, and what counts by minutes.
const MINUTE_BYTES_MAX: usize = 120;

/// One person's terminal: frames as a session writes them.
struct Terminal {
    painter: Painter,
    harness: Harness,
}

impl Terminal {
    fn of(harness: Harness) -> Self {
        let (columns, rows) = (harness.console.here.size.0, harness.console.here.size.1);
        Self { painter: Painter::new(columns, rows, Capability::FULL), harness }
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
        let mut terminal = Terminal::of(harness);
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
    let mut said = String::new();
    let mut most = (0, 0);
    for (case, harness) in cases::with_long_names((80, 24)) {
        let mut terminal = Terminal::of(harness);
        let whole = terminal.frame();
        let keys: Vec<usize> = ["down", "down", "up", "tab"]
            .iter()
            .map(|key| terminal.after(|console| console.press_at_once(key)))
            .collect();
        let line = terminal.after(|console| console.press_at_once(":"));
        let typed: Vec<usize> =
            ["r", "u", "n"].iter().map(|key| terminal.after(|console| console.press_at_once(key))).collect();
        said += &format!("{case}: whole {whole}, moved {keys:?}, the line {line}, typed {typed:?}\n");
        most.0 = most.0.max(*keys.iter().chain(&typed).max().unwrap());
        most.1 = most.1.max(whole.max(line));
    }
    println!("{said}");
    assert!(most.0 <= KEY_BYTES_MAX && most.1 <= SCREEN_BYTES_MAX, "{most:?}\n{said}");
}
