//! One line being typed for the screen below: a filter, a search, a name. The screen hears of every character.

use crate::console::effect::{Do, Stage};
use crate::console::footer::{Foot, foot as entry};
use crate::console::keymap::{self, Act, LineAct, Scope};
use crate::console::model::Cx;
use crate::console::theme::{Ground, Role};
use crate::console::widgets::field::{Field, Focused, Lines};
use crate::console::widgets::paint::{Paint, indent};
use crate::terminal::key::Input;
use crate::terminal::line::Safe;

/// A line being typed.
#[derive(Debug)]
pub struct Prompt {
    label: Safe,
    field: Field,
    before: String,
}

impl Prompt {
    /// A line that starts with this text; left with Esc, the text is as before.
    pub fn new(label: &str, text: &str) -> Self {
        Self { label: Safe::new(label), field: Field::new(Lines::One, text), before: text.to_owned() }
    }

    /// Takes what the person did.
    pub fn input(&mut self, input: &Input) -> Vec<Do> {
        match input {
            Input::Key(key) => match keymap::act(Scope::Line, *key) {
                Some(Act::Line(LineAct::Accept)) => {
                    vec![Do::Typed(Stage::Taken, self.field.text())]
                }
                Some(Act::Line(LineAct::Cancel)) => {
                    vec![Do::Typed(Stage::Left, self.before.clone())]
                }
                Some(_) => Vec::new(),
                None => {
                    self.field.key(*key);
                    vec![Do::Typed(Stage::Typing, self.field.text())]
                }
            },
            Input::Paste(text) => {
                self.field.paste(text);
                vec![Do::Typed(Stage::Typing, self.field.text())]
            }
            Input::PasteRefused => vec![Do::Say("that paste is too long".to_owned())],
            Input::Mouse(_) => Vec::new(),
        }
    }

    /// Draws it in the row above the footer.
    pub fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>) {
        let row = cx.areas.status;
        let mut paint = paint.on(Ground::Panel);
        paint.clear(row);
        let inner = indent(row, 1);
        let used = paint.text(inner, Role::Accent, self.label.clone());
        self.field.draw(&mut paint, indent(inner, used + 1), Focused::Yes);
    }
}

/// The keys the footer shows.
pub fn foot() -> Vec<Foot> {
    vec![entry(Act::Line(LineAct::Accept)), entry(Act::Line(LineAct::Cancel))]
}
