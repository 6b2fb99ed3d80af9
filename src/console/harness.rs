//! Presses keys and looks at the screen, as a person does.

use super::msg::{Answer, LogRow, LogRows, Msg, Tag};
use super::theme::Theme;
use super::view::draw;
use super::{Badge, Charset, Console, Effect, Me, Start, update};
use crate::domain::order::Stream;
use crate::domain::query::{Fetch, Fetched};
use crate::domain::run::Item;
use crate::domain::{Ask, PersonId, Receipt, Refusal, RunId, StepId, Timestamp, World};
use crate::terminal::key::{Input, Key, KeyCode, Mods, Mouse, MouseKind};
use crate::terminal::line::{Safe, SafeLine};
use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use std::fmt::Write as _;
use std::sync::Arc;

/// One session under test.
pub struct Harness {
    /// What is true for everybody; tests may change it through [`Harness::world`].
    pub world: World,
    /// The session.
    pub console: Console,
    effects: Vec<Effect>,
}

impl Harness {
    /// ada at 80×24, in Berlin, in the first shipped theme, at [`super::fixture::NOW`].
    pub fn new(world: World) -> Self {
        let start = Start {
            hint: None,
            me: Me { person: PersonId::new("ada"), badge: Badge::None },
            size: (80, 24),
            now: super::fixture::NOW,
            zone: TimeZone::get("Europe/Berlin").unwrap(),
            themes: super::theme::tests::shipped().into_iter().map(|(_, theme)| theme).collect(),
            charset: Charset::Unicode,
        };
        Self { world, console: Console::new(start), effects: Vec::new() }
    }

    /// The terminal's size.
    pub fn at(mut self, columns: u16, rows: u16) -> Self {
        self.send(Msg::Resize(columns, rows));
        self
    }

    /// Another person's session.
    pub fn by(mut self, person: &str) -> Self {
        self.console.here.me.person = PersonId::new(person);
        self
    }

    /// A terminal without UTF-8.
    pub fn ascii(mut self) -> Self {
        self.console.here.look.charset = Charset::Ascii;
        self
    }

    /// A terminal without colour.
    pub fn mono(mut self) -> Self {
        self.console.here.look.theme = Theme::mono();
        self
    }

    /// Sends a message.
    pub fn send(&mut self, msg: Msg) -> &mut Self {
        self.effects.extend(update(&mut self.console, &self.world, msg));
        self
    }

    /// Presses keys by their printed names, one after the other, with time to think before each.
    pub fn press(mut self, keys: &str) -> Self {
        for name in keys.split_whitespace() {
            self.wait_ms(600);
            self = self.press_at_once(name);
        }
        self
    }

    /// Presses keys without a pause, as a paste without brackets would.
    pub fn press_at_once(mut self, keys: &str) -> Self {
        for name in keys.split_whitespace() {
            let now = self.console.here.now;
            self.send(Msg::Input(now, Input::Key(key(name))));
        }
        self
    }

    /// Types a text, letter by letter.
    pub fn type_str(mut self, text: &str) -> Self {
        self.wait_ms(600);
        for c in text.chars() {
            let now = self.console.here.now;
            self.send(Msg::Input(now, Input::Key(Key::char(c))));
        }
        self
    }

    /// Pastes a text.
    pub fn paste(mut self, text: &str) -> Self {
        self.wait_ms(600);
        let now = self.console.here.now;
        self.send(Msg::Input(now, Input::Paste(text.to_owned())));
        self
    }

    /// Clicks a cell.
    pub fn click(mut self, x: u16, y: u16) -> Self {
        let now = self.console.here.now;
        self.send(Msg::Input(now, Input::Mouse(Mouse { kind: MouseKind::Down, x, y })));
        self
    }

    /// Turns the wheel over a cell.
    pub fn wheel(mut self, kind: MouseKind, x: u16, y: u16) -> Self {
        let now = self.console.here.now;
        self.send(Msg::Input(now, Input::Mouse(Mouse { kind, x, y })));
        self
    }

    /// Lets time pass.
    pub fn wait(mut self, ms: u64) -> Self {
        self.wait_ms(ms);
        self
    }

    fn wait_ms(&mut self, ms: u64) {
        let now = self.console.here.now.plus_ms(ms);
        self.send(Msg::Tick(now));
    }

    /// Changes the world and tells the console.
    pub fn world(mut self, change: impl FnOnce(&mut World)) -> Self {
        change(&mut self.world);
        // Every change is an event.
        self.world.events += 1;
        self.send(Msg::World);
        self
    }

    /// Answers the latest question that is still open.
    pub fn fetched(mut self, answer: Fetched) -> Self {
        let tag = self.last_fetch().map(|(tag, _)| tag).expect("nothing was asked");
        self.send(Msg::Fetched(tag, Answer::Plain(answer)));
        self
    }

    /// Answers every open question that `answer` has an answer to, and those that follow from the answers.
    pub fn answered(mut self, answer: impl Fn(&Fetch) -> Option<Fetched>) -> Self {
        let mut next = 0;
        while let Some(effect) = self.effects.get(next).cloned() {
            next += 1;
            if let Effect::Fetch { tag, fetch } = effect
                && let Some(answer) = answer(&fetch)
            {
                self.send(Msg::Fetched(tag, Answer::Plain(answer)));
            }
        }
        self
    }

    /// Answers the latest question with lines of a log.
    pub fn fetched_log(mut self, answer: LogRows) -> Self {
        let tag = self.last_fetch().map(|(tag, _)| tag).expect("nothing was asked");
        self.send(Msg::Fetched(tag, Answer::Log(answer)));
        self
    }

    /// A followed run prints something.
    pub fn tail(mut self, run: RunId, rows: Vec<LogRow>) -> Self {
        self.send(Msg::Tail(run, rows.into_iter().map(Arc::new).collect()));
        self
    }

    /// Accepts the latest ask.
    pub fn accepted(mut self, run: Option<RunId>) -> Self {
        let tag = self.last_submit().map(|(tag, _)| tag).expect("nothing was submitted");
        self.send(Msg::Submitted(tag, Ok(Receipt { run, index: Some(1) })));
        self
    }

    /// Refuses the latest ask.
    pub fn refused(mut self, refusal: Refusal) -> Self {
        let tag = self.last_submit().map(|(tag, _)| tag).expect("nothing was submitted");
        self.send(Msg::Submitted(tag, Err(refusal)));
        self
    }

    /// Everything asked of the session so far.
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }

    /// The latest ask.
    pub fn ask(&self) -> Option<&Ask> {
        self.last_submit().map(|(_, ask)| ask)
    }

    /// The latest question.
    pub fn question(&self) -> Option<&Fetch> {
        self.last_fetch().map(|(_, fetch)| fetch)
    }

    fn last_submit(&self) -> Option<(Tag, &Ask)> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Submit { tag, ask, .. } | Effect::SubmitWith { tag, ask, .. } => Some((*tag, ask)),
            _ => None,
        })
    }

    fn last_fetch(&self) -> Option<(Tag, &Fetch)> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Fetch { tag, fetch } => Some((*tag, fetch)),
            _ => None,
        })
    }

    /// The frame's cells.
    pub fn buffer(&self) -> Buffer {
        let (columns, rows) = self.console.here.size;
        let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
        draw(&self.console, &self.world, &mut buffer);
        buffer
    }

    /// The frame's text, a line per row, without trailing blanks.
    pub fn screen(&self) -> String {
        let buffer = self.buffer();
        rows(&buffer).map(|row| row.trim_end().to_owned() + "\n").collect()
    }

    /// The frame's styles: per row its stretches of equal style as count and letter, rows that are alike once, and below them
    /// what each letter stands for.
    pub fn styles(&self) -> String {
        let buffer = self.buffer();
        let mut known: Vec<String> = Vec::new();
        let mut rows: Vec<(u16, String)> = Vec::new();
        for y in 0..buffer.area.height {
            let mut stretches: Vec<(usize, usize)> = Vec::new();
            for x in 0..buffer.area.width {
                let style = buffer[(x, y)].style();
                let words = format!("{} on {} {:?}", colour(style.fg), colour(style.bg), style.add_modifier);
                let nth = known.iter().position(|style| *style == words).unwrap_or_else(|| {
                    known.push(words);
                    known.len() - 1
                });
                match stretches.last_mut() {
                    Some((count, last)) if *last == nth => *count += 1,
                    _ => stretches.push((1, nth)),
                }
            }
            let row: String = stretches.into_iter().map(|(count, nth)| format!("{count}{}", letter(nth))).collect();
            match rows.last_mut() {
                Some((times, last)) if *last == row => *times += 1,
                _ => rows.push((1, row)),
            }
        }
        let mut out = String::new();
        for (times, row) in rows {
            let times = if times > 1 { format!(" ×{times}") } else { String::new() };
            writeln!(out, "{row}{times}").unwrap();
        }
        for (nth, style) in known.iter().enumerate() {
            writeln!(out, "{}: {style}", letter(nth)).unwrap();
        }
        out
    }

    /// Text and styles in one, for snapshots.
    pub fn frame(&self) -> String {
        format!("{}{}", self.screen(), self.styles())
    }

    /// Compares text and styles with what is kept under `src/console/snapshots`.
    pub fn keep(&self, name: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/src/console/snapshots"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let (columns, rows) = self.console.here.size;
        settings.bind(|| insta::assert_snapshot!(format!("{name}-{columns}x{rows}"), self.frame()));
    }

    /// Where the keys of what is on top are looked up.
    pub fn scope(&self) -> super::keymap::Scope {
        let screen = &self.console.stack.last().expect("a screen is always there").screen;
        self.console.overlay.as_ref().map_or_else(|| screen.face().scope(), |overlay| overlay.scope())
    }

    /// What the screen on top sees.
    pub fn with_cx<T>(&self, look: impl FnOnce(&super::Cx<'_>) -> T) -> T {
        look(&self.console.cx(&self.world, self.console.stack.last().unwrap()).unwrap())
    }

    /// The row of the screen that holds a text.
    pub fn row_of(&self, text: &str) -> u16 {
        let screen = self.screen();
        let at = screen.lines().position(|line| line.contains(text));
        u16::try_from(at.unwrap_or_else(|| panic!("no {text:?} on\n{screen}"))).unwrap()
    }
}

/// Goes the same way at 80×24 and at 160×50 and keeps both frames.
pub fn keep(name: &str, world: &World, way: impl Fn(Harness) -> Harness) {
    for (columns, rows) in [(80, 24), (160, 50)] {
        way(Harness::new(world.clone()).at(columns, rows)).keep(name);
    }
}

/// Lines of a log as a session hands them over, one a second up to [`super::fixture::NOW`].
pub fn log_rows(host: &str, item: Item, step: &str, texts: &[&str]) -> Vec<LogRow> {
    let all = i64::try_from(texts.len()).unwrap();
    (0i64..)
        .zip(texts)
        .map(|(nth, text)| LogRow {
            number: u64::try_from(nth).unwrap(),
            at: Timestamp(super::fixture::NOW.0 - (all - nth) * 1_000),
            host: host.to_owned(),
            item,
            step: StepId::new(step),
            attempt: 1,
            stream: match text.get(..2) {
                Some("E ") => Stream::Err,
                Some("= ") => Stream::Note,
                _ => Stream::Out,
            },
            text: SafeLine::from(Safe::new(text.trim_start_matches("E ").trim_start_matches("= "))),
        })
        .collect()
}

/// A page that holds all of a log.
pub fn log_page(run: RunId, rows: Vec<LogRow>) -> LogRows {
    let total = u64::try_from(rows.len()).unwrap();
    LogRows { run, first: 0, total, rows: rows.into_iter().map(Arc::new).collect(), amiss: None }
}

fn letter(nth: usize) -> char {
    ('a'..='z').chain('A'..='Z').nth(nth).unwrap_or('#')
}

fn colour(colour: Option<Color>) -> String {
    match colour {
        Some(Color::Rgb(r, g, b)) => format!("#{r:02x}{g:02x}{b:02x}"),
        Some(other) => other.to_string(),
        None => "none".to_owned(),
    }
}

fn rows(buffer: &Buffer) -> impl Iterator<Item = String> + '_ {
    (0..buffer.area.height).map(|y| {
        let mut row = String::new();
        let mut skip = 0;
        for x in 0..buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            if skip > 0 {
                skip -= 1;
                continue;
            }
            skip = crate::terminal::line::Safe::new(symbol).width().saturating_sub(1);
            row.push_str(symbol);
        }
        row
    })
}

fn key(name: &str) -> Key {
    let (mods, name) = match name.split_once('-') {
        Some(("ctrl", rest)) if !rest.is_empty() => (Mods::CTRL, rest),
        Some(("alt", rest)) if !rest.is_empty() => (Mods::ALT, rest),
        _ => (Mods::NONE, name),
    };
    let code = match name {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "backtab" => KeyCode::BackTab,
        "space" => KeyCode::Char(' '),
        "backspace" => KeyCode::Backspace,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "pgup" => KeyCode::PageUp,
        "pgdn" => KeyCode::PageDown,
        "home" => KeyCode::Home,
        "end" => KeyCode::End,
        one if one.chars().count() == 1 => KeyCode::Char(one.chars().next().unwrap()),
        f => KeyCode::F(f.strip_prefix('f').and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("no key {f:?}"))),
    };
    Key { code, mods }
}
