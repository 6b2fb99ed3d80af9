//! The inbox with five thousand requests in it: from a world that has changed, or a key, to the bytes of the frame, as a session
//! does it: console and painter, no sockets.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::common::{alone, note, percentile_ms};
use super::past::Past;
use quarterdeck::console::{Badge, Charset, Console, Me, Msg, Start, Theme, update, view};
use quarterdeck::domain::run::Phase;
use quarterdeck::domain::{Timestamp, World};
use quarterdeck::terminal::bytes::{Capability, Painter};
use quarterdeck::terminal::key::{Input, Key};

/// Requests that wait for the person who looks.
const REQUESTS: u64 = 5_000;

/// Frames of each kind.
const FRAMES: u64 = 100;

/// Between them: slow enough for a bell, which looks at a busy world four times a second.
const GAP_MS: u64 = 300;

/// A terminal as people have it, where the list has the selected request beside it.
const COLUMNS: u16 = 160;
const ROWS: u16 = 50;

/// One person at the inbox.
struct Desk {
    console: Console,
    painter: Painter,
    world: World,
    now: Timestamp,
}

impl Desk {
    fn at(world: &World) -> Self {
        let start = Start {
            me: Me { person: "grace".into(), badge: Badge::None },
            size: (COLUMNS, ROWS),
            now: world.last_at,
            zone: jiff::tz::TimeZone::UTC,
            themes: vec![Theme::mono()],
            charset: Charset::Unicode,
            hint: None,
        };
        Desk {
            console: Console::new(start),
            painter: Painter::new(COLUMNS, ROWS, Capability::FULL),
            world: world.clone(),
            now: world.last_at,
        }
    }

    /// From a message to the bytes of the frame that follows it.
    fn hears(&mut self, msg: Msg) -> Duration {
        let begun = Instant::now();
        let effects = update(&mut self.console, &self.world, msg);
        let bytes = self.painter.draw(|frame| view(&self.console, &self.world, frame));
        let took = begun.elapsed();
        drop((effects, bytes));
        took
    }

    fn presses(&mut self, key: char) -> Duration {
        self.now = self.now.plus_ms(GAP_MS);
        self.hears(Msg::Input(self.now, Input::Key(Key::char(key))))
    }

    /// Something happened somewhere, and a moment later the bell has been looked at.
    fn changes(&mut self) -> [Duration; 2] {
        self.world.events += 1;
        let changed = self.hears(Msg::World);
        self.now = self.now.plus_ms(GAP_MS);
        [changed, self.hears(Msg::Tick(self.now))]
    }
}

/// Measures it.
pub fn measure(dir: &Path) {
    let mut past = Past::begin(dir);
    past.propose(REQUESTS);
    let world = Arc::clone(past.world());
    let waiting = world.runs.values().filter(|run| run.phase == Phase::Waiting).count();
    assert_eq!(waiting as u64, REQUESTS, "all of them wait");
    let mut desk = Desk::at(&world);
    desk.hears(Msg::World);
    let opened = desk.presses('4');
    let (mut changes, mut ticks, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..FRAMES {
        let [changed, ticked] = desk.changes();
        changes.push(changed);
        ticks.push(ticked);
        keys.push(desk.presses('j'));
    }
    let worst = [&changes, &ticks, &keys].map(|times| percentile_ms(times, 99));
    alone("inbox_5000_ms", worst.into_iter().fold(opened.as_secs_f64() * 1e3, f64::max), "ms", "16");
    note(&format!(
        "a frame of the inbox with {REQUESTS} requests, 99 of 100 within: {:.1} ms after the world changed, {:.1} ms after a tick, \
         {:.1} ms after a key; {:.1} ms when it is opened",
        worst[0],
        worst[1],
        worst[2],
        opened.as_secs_f64() * 1e3,
    ));
}
