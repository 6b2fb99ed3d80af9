//! The palette: commands by name. What fits is listed while one types; Tab completes, the arrows choose.

use crate::console::commands::{self, Offer};
use crate::console::effect::Do;
use crate::console::footer::{Foot, foot as entry};
use crate::console::glyph::POINTER;
use crate::console::keymap::{self, Act, LineAct, Scope};
use crate::console::layout::inset;
use crate::console::model::Cx;
use crate::console::safe;
use crate::console::theme::{Ground, Role};
use crate::console::widgets::field::{Field, Focused, Lines};
use crate::console::widgets::paint::{Paint, indent, top};
use crate::console::widgets::piece::{gap, text};
use crate::terminal::key::Input;
use crate::terminal::line::Safe;
use ratatui::layout::Rect;

/// Offers shown at once: more would hide the screen that the command is about.
const OFFERS_SHOWN_MAX: usize = 9;

/// A command being typed.
#[derive(Debug)]
pub struct Palette {
    field: Field,
    scope: Scope,
    themes: Vec<String>,
    /// The offer the arrows chose.
    at: Option<usize>,
}

impl Palette {
    /// An empty line over a screen of this scope.
    pub fn new(scope: Scope, themes: Vec<String>) -> Self {
        Self { field: Field::new(Lines::One, ""), scope, themes, at: None }
    }

    /// Takes what the person did.
    pub fn input(&mut self, cx: &Cx<'_>, input: &Input) -> Vec<Do> {
        match input {
            Input::Key(key) => match keymap::act(Scope::Line, *key) {
                Some(Act::Line(LineAct::Accept)) => {
                    let chosen = self.at.and_then(|at| self.offers(cx).into_iter().nth(at));
                    if let Some(offer) = chosen.filter(|offer| !offer.takes.is_empty()) {
                        self.take(&offer);
                        return Vec::new();
                    }
                    let typed = || commands::meant(cx, self.scope, &self.themes, &self.field.text());
                    let line = chosen_line(&self.offers(cx), self.at).unwrap_or_else(typed);
                    let mut todo = vec![Do::Shut];
                    todo.extend(commands::run(cx, self.scope, &line));
                    return todo;
                }
                Some(Act::Line(LineAct::Cancel)) => return vec![Do::Shut],
                Some(Act::Line(LineAct::Complete)) => self.complete(cx),
                Some(Act::Line(LineAct::Older)) => self.go(cx, -1),
                Some(Act::Line(LineAct::Newer)) => self.go(cx, 1),
                Some(_) => {}
                None => {
                    self.field.key(*key);
                    self.at = None;
                }
            },
            Input::Paste(pasted) => {
                self.field.paste(pasted);
                self.at = None;
            }
            Input::PasteRefused | Input::Mouse(_) => {}
        }
        Vec::new()
    }

    fn offers(&self, cx: &Cx<'_>) -> Vec<Offer> {
        commands::offers(cx, self.scope, &self.themes, &self.field.text())
    }

    /// Whether what is being typed is nothing that could be offered: a file, a span.
    fn is_free(&self) -> bool {
        let typed = self.field.text();
        let name = typed.trim_start().split(' ').next().unwrap_or_default().to_lowercase();
        commands::TABLE.iter().any(|command| command.names.contains(&name.as_str()))
    }

    fn take(&mut self, offer: &Offer) {
        self.field.set(&offer.line);
        self.at = None;
    }

    /// To what all offers begin with; where that is what stands there, to the chosen or first one.
    fn complete(&mut self, cx: &Cx<'_>) {
        let offers = self.offers(cx);
        let typed = self.field.text();
        let Some(first) = offers.get(self.at.unwrap_or(0)) else {
            return;
        };
        let common = offers.iter().fold(first.line.as_str(), |common, offer| shared(common, &offer.line));
        if self.at.is_none() && common.len() > typed.len() {
            let common = common.to_owned();
            self.field.set(&common);
        } else {
            let first = first.clone();
            self.take(&first);
        }
    }

    fn go(&mut self, cx: &Cx<'_>, by: isize) {
        let last = self.offers(cx).len().checked_sub(1);
        self.at = match (self.at, last) {
            (_, None) => None,
            (None, Some(last)) => Some(if by < 0 { last } else { 0 }),
            (Some(at), Some(last)) => Some(at.saturating_add_signed(by).min(last)),
        };
    }

    /// Draws it in the row above the footer, what fits above it.
    pub fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>) {
        let row = cx.areas.status;
        let offers = self.offers(cx);
        let mut paint = paint.on(Ground::Panel);
        let shown = offers.len().min(OFFERS_SHOWN_MAX).min(usize::from(cx.areas.body.height.saturating_sub(1)));
        let first = self.at.map_or(0, |at| (at + 1).saturating_sub(shown));
        let high = u16::try_from(shown).unwrap_or(0) + 1;
        let list = Rect { y: row.y.saturating_sub(high), height: high, ..row };
        paint.clear(list);
        let right = match offers.len() {
            0 if self.is_free() => Safe::default(),
            0 => Safe::new("nothing fits"),
            all if all > shown => safe!("{all} fit"),
            _ => Safe::default(),
        };
        paint.rule(inset(list), "commands", right);
        let names = offers.iter().map(|offer| offer.line.trim_end().len() + 1 + offer.takes.len()).max().unwrap_or(0);
        let names = u16::try_from(names).unwrap_or(u16::MAX).clamp(12, 34);
        for (nth, offer) in offers.iter().enumerate().skip(first).take(shown) {
            let chosen = self.at == Some(nth);
            let line = Rect { y: list.y + 1 + u16::try_from(nth - first).unwrap_or(0), height: 1, ..list };
            let mut paint = paint.on(if chosen { Ground::Selected } else { Ground::Panel });
            let what = safe!("{} {}", offer.line.trim_end(), offer.takes);
            paint.line(
                line,
                &[
                    text(Role::Accent, if chosen { POINTER } else { " " }),
                    gap(1),
                    text(Role::Text, what).cols(names),
                    gap(1),
                    text(Role::Accent, offer.also.as_str()).cols(10),
                    gap(1),
                    text(Role::Muted, offer.help.as_str()).rest(),
                    gap(1),
                ],
            );
        }
        paint.clear(row);
        let used = paint.text(indent(row, 1), Role::Accent, ":");
        self.field.draw(&mut paint, top(indent(row, 1 + used), 1), Focused::Yes);
    }
}

fn chosen_line(offers: &[Offer], at: Option<usize>) -> Option<String> {
    offers.get(at?).map(|offer| offer.line.clone())
}

/// What two texts begin with.
fn shared<'a>(a: &'a str, b: &str) -> &'a str {
    let end = a.char_indices().zip(b.chars()).find(|((_, a), b)| a != b).map(|((at, _), _)| at);
    a.get(..end.unwrap_or(a.len().min(b.len()))).unwrap_or(a)
}

/// The keys the footer shows.
pub fn foot() -> Vec<Foot> {
    vec![
        entry(Act::Line(LineAct::Accept)),
        entry(Act::Line(LineAct::Complete)),
        entry(Act::Line(LineAct::Older)),
        entry(Act::Line(LineAct::Newer)),
        entry(Act::Line(LineAct::Cancel)),
    ]
}
