//! Themes: every part of the screen has its colour, and no other is named.

use super::{Parsed, Report};
use crate::site::keys::site::{COLOURS, THEME};
use crate::site::read::{Strictness, read};
use std::collections::BTreeMap;

/// A theme's file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Theme {
    /// Its name.
    pub name: String,
    /// What it is drawn on.
    pub kind: ThemeKind,
    /// `#rrggbb` or one of the terminal's sixteen names, by part.
    pub colours: BTreeMap<String, String>,
}

/// What a theme is drawn on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ThemeKind {
    Dark,
    Light,
}

/// Parses a theme.
pub fn theme(file: &str, text: &str) -> Parsed<Theme> {
    let mut report = Report::new(file, text);
    let source = report.source.clone();
    let Some(fields) = read(&source, &THEME, |_| Strictness::default(), &mut report.found) else {
        return Parsed::new(report, None, None);
    };
    let head = fields.table("theme");
    let value = Theme {
        name: head.map(|head| head.string("name")).unwrap_or_default(),
        kind: match head.and_then(|head| head.text("kind")) {
            Some("light") => ThemeKind::Light,
            _ => ThemeKind::Dark,
        },
        colours: COLOURS
            .all()
            .filter_map(|part| Some((part.name.to_owned(), fields.table("colours")?.maybe(part.name)?)))
            .collect(),
    };
    Parsed::new(report, Some(fields), Some(value))
}
