//! A page of text over a screen: help, raw TOML, what exactly ran, a refusal in full.

use crate::console::effect::Do;
use crate::console::footer::{Foot, foot as entry};
use crate::console::keymap::{self, Act, Anywhere, FormAct, Motion, Scope};
use crate::console::layout::inset;
use crate::console::model::Cx;
use crate::console::safe;
use crate::console::theme::{Ground, Role};
use crate::console::widgets::fold;
use crate::console::widgets::paint::{Paint, below};
use crate::console::widgets::piece::{Piece, gap, text};
use crate::domain::Refusal;
use crate::terminal::key::Input;
use crate::terminal::line::Safe;

/// A part of a page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// A heading on a rule.
    Rule(Safe),
    /// Sentences, broken at spaces.
    Words(Role, String),
    /// Text in which every space counts: scripts, TOML.
    Verbatim(Role, String),
    /// A line made of pieces, cut at the edge.
    Line(Vec<Piece>),
    /// An empty line.
    Air,
}

/// A page of text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sheet {
    title: Safe,
    parts: Vec<Part>,
    top: usize,
}

impl Sheet {
    /// A page, shown from its start.
    pub fn new(title: impl Into<Safe>, parts: Vec<Part>) -> Self {
        Self {
            title: title.into(),
            parts,
            top: 0,
        }
    }

    /// A page of text in which every space counts.
    pub fn verbatim(title: impl Into<Safe>, text: &str) -> Self {
        Self::new(title, vec![Part::Verbatim(Role::Text, text.to_owned())])
    }

    /// Scrolls. `height` is how many lines are on screen.
    pub fn scroll(&mut self, motion: Motion, height: usize) {
        self.top = match motion {
            Motion::Down => self.top + 1,
            Motion::Up => self.top.saturating_sub(1),
            Motion::PageDown => self.top + height,
            Motion::PageUp => self.top.saturating_sub(height),
            Motion::HalfDown => self.top + height.div_ceil(2),
            Motion::HalfUp => self.top.saturating_sub(height.div_ceil(2)),
            Motion::Top => 0,
            Motion::Bottom => usize::MAX,
            Motion::Left | Motion::Right => self.top,
        };
    }

    /// Takes what the person did.
    pub fn input(&mut self, cx: &Cx<'_>, input: &Input) -> Vec<Do> {
        let Input::Key(key) = input else {
            return Vec::new();
        };
        let height = usize::from(cx.areas.body.height.saturating_sub(2));
        match keymap::act(Scope::Sheet, *key) {
            Some(Act::Motion(motion)) => {
                self.scroll(motion, height);
                let lines = self.lines(usize::from(inset(cx.areas.body).width)).len();
                self.top = self.top.min(lines.saturating_sub(height));
                Vec::new()
            }
            Some(Act::Form(FormAct::Leave) | Act::Anywhere(_)) => vec![Do::Shut],
            Some(_) | None => Vec::new(),
        }
    }

    /// Draws it over the whole body.
    pub fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>) {
        let area = cx.areas.body;
        let mut paint = paint.on(Ground::Panel);
        paint.clear(area);
        let lines = self.lines(usize::from(inset(area).width));
        let height = usize::from(area.height.saturating_sub(2));
        let top = self.top.min(lines.len().saturating_sub(height));
        let shown = (top + height).min(lines.len());
        let right = if lines.len() > height {
            safe!("{}–{shown} of {}", top + 1, lines.len())
        } else {
            Safe::default()
        };
        paint.rule(area, self.title.clone(), right);
        let mut left = inset(below(area, 1));
        for line in lines.iter().skip(top).take(height) {
            match line {
                Drawn::Pieces(pieces) => paint.line(left, pieces),
                Drawn::Rule(title) => paint.rule(left, title.clone(), ""),
            }
            left = below(left, 1);
        }
    }

    fn lines(&self, columns: usize) -> Vec<Drawn> {
        let one = |role: Role| move |line: Safe| Drawn::Pieces(vec![text(role, line)]);
        self.parts
            .iter()
            .flat_map(|part| match part {
                Part::Rule(title) => vec![Drawn::Rule(title.clone())],
                Part::Words(role, words) => fold::words(words, columns)
                    .into_iter()
                    .map(one(*role))
                    .collect(),
                Part::Verbatim(role, code) => fold::verbatim(code, columns)
                    .into_iter()
                    .map(one(*role))
                    .collect(),
                Part::Line(pieces) => vec![Drawn::Pieces(pieces.clone())],
                Part::Air => vec![Drawn::Pieces(Vec::new())],
            })
            .collect()
    }
}

enum Drawn {
    Pieces(Vec<Piece>),
    Rule(Safe),
}

/// A refusal in full: what, the rule and its code, who may, what next.
pub fn of_refusal(refusal: &Refusal) -> Sheet {
    let line = |label: &'static str, words: &str| {
        let words = if words.is_empty() { "–" } else { words };
        vec![
            Part::Line(vec![text(Role::Muted, label)]),
            Part::Words(Role::Text, words.to_owned()),
            Part::Air,
        ]
    };
    let parts = [
        vec![Part::Air],
        line("what was refused", &refusal.what),
        vec![
            Part::Line(vec![text(Role::Muted, "by which rule")]),
            Part::Line(vec![
                text(Role::Refused, "⊘"),
                gap(1),
                text(Role::Text, refusal.rule.code()),
            ]),
            Part::Air,
        ],
        line("who may", &refusal.who_may),
        line("what next", &refusal.next),
    ];
    Sheet::new("refused", parts.concat())
}

/// The keys the footer shows.
pub fn foot() -> Vec<Foot> {
    vec![
        entry(Act::Motion(Motion::Down)),
        entry(Act::Motion(Motion::Up)),
        entry(Act::Motion(Motion::PageDown)),
        entry(Act::Motion(Motion::Bottom)),
        entry(Act::Anywhere(Anywhere::Back)).says("close"),
    ]
}
