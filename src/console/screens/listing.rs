//! What every list has: a selection by id, a filter typed over it, marks, and words for the times it shows nothing.

use crate::console::bookmark::Kept;
use crate::console::commands::PaletteAct;
use crate::console::effect::{Do, Effect, Stage, Want, over};
use crate::console::filter::{Filter, Key, Row as Filtered};
use crate::console::keymap::Motion;
use crate::console::model::{Cx, LOADING_AFTER_MS};
use crate::console::overlays::{Overlay, prompt::Prompt};
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::paint::{Paint, below};
use crate::console::widgets::pick::Pick;
use crate::console::widgets::table::{row_at, rows_in};
use crate::console::words;
use crate::terminal::line::Safe;
use ratatui::layout::{Position, Rect};
use std::collections::BTreeSet;
use std::fmt::Display;

/// A list's own state.
#[derive(Debug)]
pub struct Listing<Id> {
    /// What is selected.
    pub pick: Pick<Id>,
    filter: Filter,
    /// Put back when the line is left.
    before: Filter,
    wrong: Option<String>,
    marked: BTreeSet<Id>,
}

/// What pressing somewhere in a list came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pressed {
    /// The row that was selected already.
    Again,
    /// Another row, which is selected now.
    Selected,
    /// No row.
    Beside,
}

impl<Id> Default for Listing<Id> {
    fn default() -> Self {
        Self { pick: Pick::default(), filter: Filter::All, before: Filter::All, wrong: None, marked: BTreeSet::new() }
    }
}

impl<Id: Clone + Ord> Listing<Id> {
    /// Which rows are shown.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Opens the line that the filter is typed in.
    pub fn ask_filter(&mut self) -> Do {
        self.before = self.filter.clone();
        over(Overlay::Prompt(Prompt::new("/", self.filter.text())))
    }

    /// Hears of the filter being typed. While it cannot be read the last one that could stays.
    pub fn line(&mut self, cx: &Cx<'_>, stage: Stage, text: &str, keys: &[Key]) -> Vec<Do> {
        if stage == Stage::Left {
            self.wrong = None;
            self.filter = std::mem::take(&mut self.before);
            return Vec::new();
        }
        match Filter::parse(text, keys, cx.now(), &cx.here.zone) {
            Ok(filter) => {
                (self.filter, self.wrong) = (filter, None);
                Vec::new()
            }
            Err(wrong) => {
                if stage == Stage::Taken {
                    // Half of what was typed is nobody's filter.
                    self.filter = std::mem::take(&mut self.before);
                }
                let said = (stage == Stage::Taken).then(|| Do::Say(wrong.clone()));
                self.wrong = (stage == Stage::Typing).then_some(wrong);
                said.into_iter().collect()
            }
        }
    }

    /// Shows everything again; false where nothing was hidden.
    pub fn clear_filter(&mut self) -> bool {
        let hid = !self.filter.is_all();
        self.filter = Filter::All;
        hid
    }

    /// What is kept of it.
    pub fn kept(&self) -> Kept
    where
        Id: Display,
    {
        Kept { filter: self.filter.text().to_owned(), pick: self.pick.selected().map(ToString::to_string) }
    }

    /// Puts back what was kept: a filter that can still be read, and what was selected.
    pub fn restore(&mut self, cx: &Cx<'_>, kept: &Kept, keys: &[Key], read: impl Fn(&str) -> Option<Id>) {
        if let Ok(filter) = Filter::parse(&kept.filter, keys, cx.now(), &cx.here.zone) {
            self.filter = filter;
        }
        if let Some(id) = kept.pick.as_deref().and_then(read) {
            self.pick = Pick::on(id);
        }
    }

    /// Moves by a key.
    pub fn go(&mut self, ids: &[Id], motion: Motion, height: usize) {
        self.pick.go(ids, motion, height);
    }

    /// Selects the row that was pressed in a table over `area`.
    pub fn pressed(&mut self, ids: &[Id], area: Rect, at: Position) -> Pressed {
        let first = self.pick.top(ids, rows_in(area));
        match row_at(area, first, ids.len(), at.y) {
            None => Pressed::Beside,
            Some(hit) if self.pick.index(ids) == Some(hit) => Pressed::Again,
            Some(hit) => {
                self.pick.select(ids, hit);
                Pressed::Selected
            }
        }
    }

    /// Marks or unmarks the selected row, and goes on to the next.
    pub fn toggle_mark(&mut self, ids: &[Id], height: usize) {
        if let Some(id) = self.pick.of(ids).cloned() {
            if !self.marked.remove(&id) {
                self.marked.insert(id);
            }
            self.pick.go(ids, Motion::Down, height);
        }
    }

    /// What stands beside the pointer.
    pub fn mark(&self, id: &Id) -> &'static str {
        if self.marked.contains(id) { "*" } else { "" }
    }

    /// The marked ones, or all where none is: what is copied and saved.
    pub fn chosen<'a>(&'a self, ids: &'a [Id]) -> impl Iterator<Item = &'a Id> {
        let any = ids.iter().any(|id| self.marked.contains(id));
        ids.iter().filter(move |id| !any || self.marked.contains(*id))
    }

    /// `2 of 48 · / failed`, for the right end of the list's rule; while a filter is typed, what is wrong with it.
    pub fn count(&self, shown: usize, all: usize) -> Safe {
        if let Some(wrong) = &self.wrong {
            return Safe::new(wrong);
        }
        let marked = match self.marked.len() {
            0 => String::new(),
            n => format!(" · {n} marked"),
        };
        match &self.filter {
            Filter::All => safe!("{}{marked}", words::number(all)),
            Filter::Terms { .. } | Filter::Fuzzy { .. } => {
                let (shown, all) = (words::number(shown), words::number(all));
                safe!("{shown} of {all} · / {}{marked}", self.filter.text())
            }
        }
    }

    /// Draws words where there is no row: why, and what to do.
    pub fn nothing(&self, paint: &mut Paint<'_>, area: Rect, none: &[&str]) {
        let mut left = below(area, 1);
        let mut say = |role, words: Safe| {
            paint.text(left, role, words);
            left = below(left, 1);
        };
        if self.filter.is_all() {
            for (nth, words) in none.iter().enumerate() {
                say(if nth == 0 { Role::Text } else { Role::Muted }, safe!("  {words}"));
            }
        } else {
            say(Role::Text, safe!("  Nothing matches / {}", self.filter.text()));
            say(Role::Muted, Safe::new("  esc shows everything again, / changes the filter"));
        }
    }
}

/// The ids of the rows a filter shows, in the order they are shown.
pub fn shown<R: Filtered, Id>(filter: &Filter, rows: &[R], id: impl Fn(&R) -> Id) -> Vec<Id> {
    filter.select(rows).into_iter().filter_map(|nth| rows.get(nth)).map(id).collect()
}

/// Words for a question that is not answered yet; nothing before a person could have noticed.
pub fn loading(cx: &Cx<'_>, want: Want, what: &str) -> Option<Safe> {
    cx.waiting(want).filter(|ms| *ms >= LOADING_AFTER_MS).map(|_| safe!("  reading {what} …"))
}

/// Rows of a list as text, for the clipboard or a file.
pub fn hand_out(act: &PaletteAct, rows: impl Iterator<Item = String>) -> Vec<Do> {
    let text = || rows.map(|row| row + "\n").collect::<String>();
    match act {
        PaletteAct::Copy => vec![Do::Effect(Effect::Copy(text())), Do::Say("copied".to_owned())],
        PaletteAct::Save(name) => vec![Do::Effect(Effect::SaveText { name: name.clone(), text: text() })],
        PaletteAct::BreakGlass(_) => vec![Do::Say("open the run that cannot wait".to_owned())],
        PaletteAct::Schedule(_) => vec![Do::Say("open the run that is to be started then".to_owned())],
        PaletteAct::HandOver(_) => vec![Do::Say("open the run that is to be handed over".to_owned())],
        PaletteAct::Since(_) => vec![Do::Say("there is no log here; since: in a filter means rows".to_owned())],
    }
}
