//! The palette: commands by name, with aliases and completion.

use crate::console::effect::{Do, Effect, push};
use crate::console::footer::{Foot, foot as entry};
use crate::console::keymap::{self, Act, LineAct, Scope};
use crate::console::model::Cx;
use crate::console::screens::{Screen, live::Live};
use crate::console::theme::{Ground, Role};
use crate::console::widgets::field::{Field, Focused, Lines};
use crate::console::widgets::paint::{Paint, indent};
use crate::domain::PersonId;
use crate::terminal::key::Input;

/// A command being typed.
#[derive(Debug)]
pub struct Palette {
    field: Field,
}

impl Default for Palette {
    fn default() -> Self {
        Self::new()
    }
}

impl Palette {
    /// An empty line.
    pub fn new() -> Self {
        Self {
            field: Field::new(Lines::One, ""),
        }
    }

    /// Takes what the person did.
    pub fn input(&mut self, cx: &Cx<'_>, input: &Input) -> Vec<Do> {
        match input {
            Input::Key(key) => match keymap::act(Scope::Line, *key) {
                Some(Act::Line(LineAct::Accept)) => {
                    let mut todo = vec![Do::Shut];
                    todo.extend(run(cx, &self.field.text()));
                    todo
                }
                Some(Act::Line(LineAct::Cancel)) => vec![Do::Shut],
                Some(_) => Vec::new(),
                None => {
                    self.field.key(*key);
                    Vec::new()
                }
            },
            Input::Paste(text) => {
                self.field.paste(text);
                Vec::new()
            }
            Input::PasteRefused | Input::Mouse(_) => Vec::new(),
        }
    }

    /// Draws it in the row above the footer.
    pub fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>) {
        let row = cx.areas.status;
        let mut paint = paint.on(Ground::Panel);
        paint.clear(row);
        let used = paint.text(indent(row, 1), Role::Accent, ":");
        self.field
            .draw(&mut paint, indent(row, 1 + used), Focused::Yes);
    }
}

/// What a command does.
fn run(cx: &Cx<'_>, line: &str) -> Vec<Do> {
    let line = line.trim();
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim();
    match word {
        "" => Vec::new(),
        "q" | "quit" => vec![Do::Effect(Effect::Quit)],
        "as" => vec![Do::Effect(Effect::SignInAs(PersonId::new(rest)))],
        "theme" => vec![Do::Theme(rest.to_owned())],
        "mouse" => vec![Do::ToggleMouse],
        "run" => match rest.parse() {
            Ok(run) if cx.world.run(run).is_some() => {
                vec![push(Screen::Live(Box::new(Live::of(run))))]
            }
            Ok(_) | Err(_) => vec![Do::Say(format!("no open run {rest}"))],
        },
        _ => match keymap::TABLE
            .iter()
            .find(|bound| bound.word.eq_ignore_ascii_case(line))
        {
            Some(bound) => vec![Do::Act(bound.act)],
            None => vec![Do::Say(format!("no command {line}"))],
        },
    }
}

/// The keys the footer shows.
pub fn foot() -> Vec<Foot> {
    vec![
        entry(Act::Line(LineAct::Accept)),
        entry(Act::Line(LineAct::Complete)),
        entry(Act::Line(LineAct::Cancel)),
    ]
}
