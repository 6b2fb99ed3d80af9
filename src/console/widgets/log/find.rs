//! Search in a log: what is on screen is marked while one types; the whole log is asked once the line is taken.

use super::{Around, LogPane, Place};
use crate::console::effect::{Do, Stage, Want, over};
use crate::console::model::Cx;
use crate::console::msg::{LogRow, LogRows};
use crate::console::overlays::{Overlay, prompt::Prompt};
use crate::domain::query::{Fetch, LogFrom};
use ratatui::layout::Rect;
use regex::Regex;
use std::sync::Arc;

/// A compiled pattern is no bigger than this: a pattern is typed, and typing must not freeze the screen.
const PATTERN_BYTES_MAX: usize = 256 * 1024;

/// A search and how far one went through its hits.
#[derive(Clone, Debug)]
pub(super) struct Search {
    pub pattern: String,
    /// `None` while what is typed is no pattern yet.
    pub regex: Option<Regex>,
    /// Hits in the whole log, once that is known.
    pub hits: Option<u64>,
    /// The hit one stands on, from 0.
    pub at: Option<u64>,
}

impl Search {
    fn new(pattern: &str) -> Option<Self> {
        if pattern.is_empty() {
            return None;
        }
        let regex = regex::RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build().ok();
        Some(Self { pattern: pattern.to_owned(), regex, hits: None, at: None })
    }
}

impl LogPane {
    pub(super) fn search_prompt(&self) -> Do {
        let before = self.search.as_ref().map_or("", |search| search.pattern.as_str());
        over(Overlay::Prompt(Prompt::new("search /", before)))
    }

    /// Hears of a pattern being typed.
    pub fn line(&mut self, stage: Stage, text: &str) -> Vec<Do> {
        self.search = Search::new(text);
        match (stage, &self.search) {
            (Stage::Taken, Some(Search { regex: None, .. })) => {
                vec![Do::Say(format!("`{text}` is no regular expression"))]
            }
            (Stage::Taken, Some(_)) => self.ask_hit(LogFrom::End),
            (Stage::Typing | Stage::Left | Stage::Taken, _) => Vec::new(),
        }
    }

    /// Goes to the next hit, or the one before.
    pub(super) fn next_hit(&mut self, _: &Cx<'_>, by: i64) -> Vec<Do> {
        let Some(search) = &self.search else {
            return vec![Do::Say("nothing searched for yet: / does".to_owned())];
        };
        match (search.hits, search.at) {
            (Some(0), _) => vec![Do::Say(format!("no hit for {}", search.pattern))],
            (Some(hits), Some(at)) => {
                let to = at.saturating_add_signed(by).min(hits - 1);
                if to == at {
                    let end = if by > 0 { "last" } else { "first" };
                    return vec![Do::Say(format!("that is the {end} hit of {hits}"))];
                }
                self.ask_hit(LogFrom::Line(to))
            }
            (None, _) | (Some(_), None) => self.ask_hit(LogFrom::End),
        }
    }

    fn ask_hit(&self, from: LogFrom) -> Vec<Do> {
        let Some(search) = &self.search else {
            return Vec::new();
        };
        vec![Do::Fetch(Want::Hits, Fetch::Log(self.query(from, 1, Some(search.pattern.clone()))))]
    }

    /// A hit was found: goes there, asking for the lines around it where they are not loaded.
    pub(super) fn found(&mut self, _: &Cx<'_>, page: &LogRows, area: Rect) -> Vec<Do> {
        let Some(search) = &mut self.search else {
            return Vec::new();
        };
        search.hits = Some(page.total);
        let Some(hit) = page.rows.first() else {
            return vec![Do::Say(format!("no hit for {}", search.pattern))];
        };
        search.at = Some(hit.number);
        let said = Do::Say(format!("hit {} of {}", hit.number + 1, page.total));
        if self.show_hit(hit, area) {
            return vec![said];
        }
        let at = hit.at;
        let mut todo = self.ask(Around::Hit(Arc::clone(hit)), LogFrom::Time(at));
        todo.push(said);
        todo
    }

    /// Puts a hit a third down the pane; false where its line is not loaded. Its number counts hits, so it is known by
    /// what it says.
    pub(super) fn show_hit(&mut self, hit: &LogRow, area: Rect) -> bool {
        let is_it = |row: &LogRow| row.at == hit.at && row.host == hit.host && row.text == hit.text;
        let Some((number, _)) = self.numbered(self.first).find(|(_, row)| is_it(row)) else {
            return false;
        };
        self.place = Place::Line(number.saturating_sub(u64::from(area.height) / 3).max(self.first));
        true
    }
}
