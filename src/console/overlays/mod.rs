//! What lies over a screen for a moment: a line being typed, a dialog, a menu, a page of text. At most one is open.

pub mod asks;
pub mod back;
pub mod by_hand;
pub mod dialog;
pub mod glass;
pub mod help;
pub mod incidents;
pub mod lend;
pub mod mentions;
pub mod menu;
mod names;
pub mod palette;
pub mod prompt;
pub mod sheet;
pub mod standing;
pub mod who;

use super::effect::Do;
use super::footer::Foot;
use super::keymap::{Motion, Scope};
use super::model::Cx;
use super::widgets::paint::Paint;
use crate::domain::mention::On;
use crate::terminal::key::Input;
use menu::Wherever;
use ratatui::layout::Position;

/// Something over a screen.
#[derive(Debug)]
pub enum Overlay {
    /// A command being typed.
    Palette(palette::Palette),
    /// A line for the screen below: filter, search, name.
    Prompt(prompt::Prompt),
    /// A question before an act.
    Dialog(Box<dialog::Dialog>),
    /// Choices.
    Menu(menu::Menu),
    /// A page of text.
    Sheet(sheet::Sheet),
}

impl Overlay {
    /// Where its keys are looked up.
    pub fn scope(&self) -> Scope {
        match self {
            Overlay::Palette(_) | Overlay::Prompt(_) => Scope::Line,
            Overlay::Dialog(_) => Scope::Dialog,
            Overlay::Menu(_) => Scope::Menu,
            Overlay::Sheet(_) => Scope::Sheet,
        }
    }

    /// The keys the footer shows.
    pub fn foot(&self) -> Vec<Foot> {
        match self {
            Overlay::Palette(_) => palette::foot(),
            Overlay::Prompt(_) => prompt::foot(),
            Overlay::Dialog(_) => dialog::foot(),
            Overlay::Menu(_) => menu::foot(),
            Overlay::Sheet(sheet) => sheet::foot(sheet),
        }
    }

    /// Takes what the person did.
    pub fn input(&mut self, cx: &Cx<'_>, input: &Input) -> Vec<Do> {
        match self {
            Overlay::Palette(palette) => palette.input(cx, input),
            Overlay::Prompt(prompt) => prompt.input(input),
            Overlay::Dialog(dialog) => dialog.input(cx, input),
            Overlay::Menu(menu) => menu.input(cx, input),
            Overlay::Sheet(sheet) => sheet.input(cx, input),
        }
    }

    /// Takes a turn of the wheel.
    pub fn wheel(&mut self, cx: &Cx<'_>, motion: Motion, rows: usize) -> Vec<Do> {
        match self {
            Overlay::Sheet(sheet) => (0..rows).for_each(|_| sheet.scroll(cx, motion)),
            Overlay::Menu(menu) => menu.go(motion),
            Overlay::Palette(_) | Overlay::Prompt(_) | Overlay::Dialog(_) => {}
        }
        Vec::new()
    }

    /// Takes a click.
    pub fn pressed(&mut self, cx: &Cx<'_>, at: Position) -> Vec<Do> {
        match self {
            Overlay::Menu(menu) => menu.pressed(cx, at),
            Overlay::Dialog(dialog) => dialog.pressed(cx, at),
            Overlay::Palette(_) | Overlay::Prompt(_) | Overlay::Sheet(_) => Vec::new(),
        }
    }

    /// Draws it over the screen.
    pub fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>) {
        match self {
            Overlay::Palette(palette) => palette.view(cx, paint),
            Overlay::Prompt(prompt) => prompt.view(cx, paint),
            Overlay::Dialog(dialog) => dialog.view(cx, paint),
            Overlay::Menu(menu) => menu.view(cx, paint),
            Overlay::Sheet(sheet) => sheet.view(cx, paint),
        }
    }
}

/// What choosing something that is of no screen leads to.
pub fn chosen(cx: &Cx<'_>, choice: &Wherever) -> Vec<Do> {
    let one = match choice {
        Wherever::Elevation(id) => lend::menu(cx, *id),
        Wherever::Elevate(id, answer) => lend::answer(cx, *id, *answer),
        Wherever::Standing(id) => standing::menu(cx, *id),
        Wherever::ReadStanding(id) => standing::read(cx, *id),
        Wherever::InStanding(id, word) => standing::word(cx, *id, *word),
        Wherever::ByHand(id) => by_hand::read(cx, *id),
        Wherever::Incident(id) => incidents::menu(cx, *id),
        Wherever::ReadIncident(id) => return mentions::open(cx, On::Incident(*id)),
        Wherever::InIncident(id, deed) => incidents::deed(cx, *id, deed),
        Wherever::Mention(on) => return mentions::open(cx, *on),
        Wherever::Follow(person) => Do::Follow(person.clone()),
    };
    vec![one]
}
