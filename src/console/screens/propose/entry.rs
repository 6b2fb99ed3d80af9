//! One field of the form: what it is for, what it holds, which keys change it.

use crate::console::widgets::field::{Field, Lines};
use crate::domain::plan::RunPurpose;
use crate::domain::runbook::{Impact, Input, InputKind};
use crate::terminal::key::{Key, KeyCode, Mods};

/// What a field is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// The runbook's input at this position.
    Input(usize),
    /// A narrower selector.
    Select,
    Purpose,
    Ticket,
    Reason,
    /// Who is told.
    Tells,
    /// A tag beyond the workspace's baseline.
    Tag(String),
    /// A higher impact.
    Raise,
    /// The button that shows the plan.
    Show,
}

/// What a field holds.
#[derive(Clone, Debug)]
pub enum Held {
    /// Typed text.
    Text(Box<Field>),
    /// One of several: value and label. `None` while nothing is chosen.
    OneOf {
        /// Value and label.
        options: Vec<(String, String)>,
        /// Which.
        at: Option<usize>,
    },
    /// Ticked or not.
    Mark(Mark),
    /// Nothing; it is pressed.
    Button,
}

/// Ticked or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Mark {
    On,
    Off,
}

/// A field.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is for.
    pub what: What,
    /// What it holds.
    pub held: Held,
    /// Whether somebody has worked on it: before that nothing is called wrong.
    pub touched: Touched,
}

/// Whether somebody has worked on a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Touched {
    Yes,
    No,
}

/// What a key did to a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// Its value may be another one now.
    Changed,
    /// It is none of this field's keys.
    NotMine,
}

impl Entry {
    fn new(what: What, held: Held) -> Self {
        Self { what, held, touched: Touched::No }
    }

    /// The field for an input, holding its default.
    pub fn input(position: usize, input: &Input) -> Self {
        let default = input.default.as_deref().unwrap_or_default();
        let held = match &input.kind {
            InputKind::Bool => one_of([("true", "yes"), ("false", "no")], default),
            InputKind::Choice { choices } => one_of(choices.iter().map(|one| (one.as_str(), one.as_str())), default),
            InputKind::Text => text(Lines::Many, default),
            InputKind::String { .. }
            | InputKind::Int { .. }
            | InputKind::Date
            | InputKind::Duration
            | InputKind::Host
            | InputKind::File => text(Lines::One, default),
        };
        Self::new(What::Input(position), held)
    }

    /// A field of one line.
    pub fn line(what: What) -> Self {
        Self::new(what, text(Lines::One, ""))
    }

    /// A field of several lines.
    pub fn lines(what: What) -> Self {
        Self::new(what, text(Lines::Many, ""))
    }

    /// What the run is for.
    pub fn purpose() -> Self {
        let options = RunPurpose::ALL.map(|purpose| (purpose.words(), purpose.words()));
        Self::new(What::Purpose, one_of(options, RunPurpose::Rollout.words()))
    }

    /// A higher impact than the rules compute.
    pub fn raise() -> Self {
        let options = [("", "as computed"), (Impact::Medium.word(), "medium"), (Impact::High.word(), "high")];
        Self::new(What::Raise, one_of(options, ""))
    }

    /// A tag beyond the baseline.
    pub fn tag(tag: &str) -> Self {
        Self::new(What::Tag(tag.to_owned()), Held::Mark(Mark::Off))
    }

    /// The button that shows the plan.
    pub fn show() -> Self {
        Self::new(What::Show, Held::Button)
    }

    /// The value as text; `true` for what is ticked.
    pub fn value(&self) -> String {
        match &self.held {
            Held::Text(field) => field.text(),
            Held::OneOf { options, at } => {
                at.and_then(|at| options.get(at)).map(|(value, _)| value.clone()).unwrap_or_default()
            }
            Held::Mark(Mark::On) => "true".to_owned(),
            Held::Mark(Mark::Off) | Held::Button => String::new(),
        }
    }

    /// Takes a value; one that is not among the options chooses none.
    pub fn set(&mut self, value: &str) {
        match &mut self.held {
            Held::Text(field) => field.set(value),
            Held::OneOf { options, at } => *at = options.iter().position(|(known, _)| known == value),
            Held::Mark(mark) => *mark = if value == "true" { Mark::On } else { Mark::Off },
            Held::Button => {}
        }
    }

    /// Rows its value takes.
    pub fn rows(&self) -> u16 {
        match &self.held {
            Held::Text(field) => u16::try_from(field.height()).unwrap_or(u16::MAX).clamp(1, TEXT_ROWS_MAX),
            Held::OneOf { .. } | Held::Mark(_) | Held::Button => 1,
        }
    }

    /// Takes a key.
    pub fn key(&mut self, key: Key) -> Heard {
        let plain = !key.mods.has(Mods::CTRL) && !key.mods.has(Mods::ALT);
        let heard = match (&mut self.held, key.code) {
            (Held::Text(field), _) => match field.key(key) {
                true => Heard::Changed,
                false => Heard::NotMine,
            },
            (Held::OneOf { options, at }, KeyCode::Right | KeyCode::Char(' ')) => step(options.len(), at, 1),
            (Held::OneOf { options, at }, KeyCode::Left) => step(options.len(), at, -1),
            (Held::OneOf { options, at }, KeyCode::Char(c)) if plain => {
                let begins = |(_, label): &(String, String)| label.to_lowercase().starts_with(c.to_ascii_lowercase());
                // The next one that begins so, after the one chosen: pressing a letter again goes on.
                let from = at.map_or(0, |at| at + 1);
                let found = (from..options.len()).chain(0..from).find(|nth| options.get(*nth).is_some_and(begins));
                match found {
                    Some(found) => {
                        *at = Some(found);
                        Heard::Changed
                    }
                    None => Heard::NotMine,
                }
            }
            (Held::Mark(mark), KeyCode::Char(' ')) => {
                *mark = match mark {
                    Mark::On => Mark::Off,
                    Mark::Off => Mark::On,
                };
                Heard::Changed
            }
            (Held::OneOf { .. } | Held::Mark(_) | Held::Button, _) => Heard::NotMine,
        };
        if heard == Heard::Changed {
            self.touched = Touched::Yes;
        }
        heard
    }

    /// Takes pasted text.
    pub fn paste(&mut self, pasted: &str) -> Heard {
        match &mut self.held {
            Held::Text(field) => {
                field.paste(pasted);
                self.touched = Touched::Yes;
                Heard::Changed
            }
            Held::OneOf { .. } | Held::Mark(_) | Held::Button => Heard::NotMine,
        }
    }

    /// Whether Enter belongs to its text.
    pub fn breaks_lines(&self) -> bool {
        matches!(&self.held, Held::Text(field) if field.lines() == Lines::Many)
    }
}

/// Rows a text of several lines takes at most; it scrolls within.
const TEXT_ROWS_MAX: u16 = 4;

fn text(lines: Lines, start: &str) -> Held {
    Held::Text(Box::new(Field::new(lines, start)))
}

fn one_of<'a>(options: impl IntoIterator<Item = (&'a str, &'a str)>, chosen: &str) -> Held {
    let options: Vec<(String, String)> =
        options.into_iter().map(|(value, label)| (value.to_owned(), label.to_owned())).collect();
    let at = options.iter().position(|(value, _)| value == chosen);
    Held::OneOf { options, at }
}

fn step(len: usize, at: &mut Option<usize>, by: isize) -> Heard {
    let Some(last) = len.checked_sub(1) else {
        return Heard::NotMine;
    };
    *at = Some(match at {
        None => 0,
        Some(at) if by < 0 => at.checked_sub(1).unwrap_or(last),
        Some(at) if *at >= last => 0,
        Some(at) => *at + 1,
    });
    Heard::Changed
}
