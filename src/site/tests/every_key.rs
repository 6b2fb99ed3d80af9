//! Every key of every kind of file: deleted, misspelt, of another type. The caret must stand at the very token, and
//! the JSON Schema must refuse what the reader refuses.

use super::spots::{Spot, spots};
use super::{lines, public_key, validator};
use crate::site::diagnostic::{Code, Diagnostic};
use crate::site::fields::asked;
use crate::site::parse::{self, Templates};
use crate::site::schema::{Kind, schema};
use crate::site::shape::{Need, Shape, Table};
use std::collections::BTreeSet;

fn sample(kind: Kind) -> String {
    let mut text = match kind {
        Kind::Runbook => include_str!("full/runbook.toml"),
        Kind::Template => include_str!("full/template.toml"),
        Kind::Workspace => include_str!("full/workspace.toml"),
        Kind::People => include_str!("full/people.toml"),
        Kind::Site => include_str!("full/site.toml"),
        Kind::Theme => include_str!("full/theme.toml"),
    }
    .to_owned();
    for nr in 1..=3 {
        text = text.replace(&format!("KEY-{nr}"), &public_key(nr));
    }
    text
}

thread_local! {
    static STACK: Templates = {
        let mut stack = Templates::default();
        let template = parse::template("template.toml", &sample(Kind::Template)).value.unwrap();
        stack.known.insert(template.name(), template);
        stack
    };
}

fn check(kind: Kind, text: &str) -> Vec<Diagnostic> {
    match kind {
        Kind::Runbook => STACK.with(|stack| parse::runbook("a.toml", text, stack).diagnostics),
        Kind::Template => parse::template("a.toml", text).diagnostics,
        Kind::Workspace => parse::workspace("a.toml", text).diagnostics,
        Kind::People => parse::people("a.toml", text).diagnostics,
        Kind::Site => parse::quarterdeck("a.toml", text).diagnostics,
        Kind::Theme => parse::theme("a.toml", text).diagnostics,
    }
}

/// Line and column counted by hand.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (line, column)
}

fn edited(text: &str, at: &std::ops::Range<usize>, with: &str) -> String {
    format!("{}{with}{}", &text[..at.start], &text[at.end..])
}

fn at(found: &[Diagnostic], code: Code) -> Vec<(usize, usize)> {
    found.iter().filter(|it| it.code == code).map(|it| (it.line, it.column)).collect()
}

/// Every sample, with the line ends of Unix and of Windows.
fn all() -> impl Iterator<Item = (Kind, String, Vec<Spot>)> {
    let both = |kind| [(kind, sample(kind)), (kind, sample(kind).replace('\n', "\r\n"))];
    Kind::ALL.into_iter().flat_map(both).map(|(kind, text)| {
        let spots = spots(kind.table(), &text);
        (kind, text, spots)
    })
}

/// Every table a kind of file can hold.
fn tables(root: &'static Table) -> Vec<&'static Table> {
    fn within(shape: &'static Shape, found: &mut Vec<&'static Table>) {
        match shape {
            Shape::Table(table) | Shape::Tables(table) => into(table, found),
            Shape::List(of) | Shape::Map { of, .. } => within(of, found),
            Shape::Either(shapes) => shapes.iter().for_each(|shape| within(shape, found)),
            Shape::Text(_) | Shape::Word(_) | Shape::Integer { .. } | Shape::Boolean | Shape::Day | Shape::Moment => {}
        }
    }
    fn into(table: &'static Table, found: &mut Vec<&'static Table>) {
        if !found.iter().any(|other| std::ptr::eq(*other, table)) {
            found.push(table);
            table.all().for_each(|key| within(&key.shape, found));
        }
    }
    let mut found = Vec::new();
    into(root, &mut found);
    found
}

#[test]
fn the_samples_are_sound_and_hold_every_key() {
    for (kind, text, spots) in all() {
        let errors: Vec<Diagnostic> = check(kind, &text).into_iter().filter(Diagnostic::is_error).collect();
        assert!(errors.is_empty(), "{}: {}", kind.word(), lines(&errors));
        assert!(validator::keeps(&schema(kind), &validator::json(&text)), "{}", kind.word());
        // The sample of templates need not repeat what it shares with runbooks.
        let needed = match kind {
            Kind::Template => vec![kind.table()],
            Kind::Runbook | Kind::Workspace | Kind::People | Kind::Site | Kind::Theme => tables(kind.table()),
        };
        for table in needed {
            for key in table.all() {
                let there = spots.iter().any(|spot| {
                    std::ptr::eq(spot.table, table) && spot.key.is_some_and(|other| other.name == key.name)
                });
                assert!(there, "the sample of {} lacks `{}` of {}", kind.word(), key.name, table.called);
            }
        }
    }
}

#[test]
fn every_key_that_is_described_is_read_and_no_other() {
    let of_the_reader = ["schema", "effect", "unicode"];
    for kind in Kind::ALL {
        check(kind, &sample(kind));
    }
    let known: Vec<&'static Table> = Kind::ALL.into_iter().flat_map(|kind| tables(kind.table())).collect();
    for kind in Kind::ALL {
        for table in tables(kind.table()) {
            let described: BTreeSet<&str> = table.all().map(|key| key.name).collect();
            // The sample of templates need not repeat every kind that it shares with runbooks.
            let of_its_kinds = |other: &&&'static Table| match (table.kinds, other.kinds) {
                (Some(kinds), Some(others)) => std::ptr::eq(kinds, others),
                (_, _) => std::ptr::eq(table, **other),
            };
            let asked: BTreeSet<String> =
                known.iter().filter(of_its_kinds).flat_map(|other| asked::of(other)).collect();
            let asked: BTreeSet<&str> = asked
                .iter()
                .map(String::as_str)
                .filter(|key| table.kinds.is_none() || table.key(key).is_some())
                .collect();
            let unread: Vec<_> = described.difference(&asked).filter(|key| !of_the_reader.contains(key)).collect();
            assert!(unread.is_empty(), "{}: described and never read: {unread:?}", table.called);
            let unknown: Vec<_> = asked.difference(&described).collect();
            assert!(unknown.is_empty(), "{}: read and not described: {unknown:?}", table.called);
        }
    }
}

#[test]
fn a_misspelt_key_is_reported_at_the_key() {
    let mut cases = 0;
    for (kind, text, spots) in all() {
        let schema = schema(kind);
        for spot in spots.iter().filter(|spot| spot.key.is_some()) {
            let name = &text[spot.name.clone()];
            for wrong in [format!("{name}x"), format!("q{name}"), name.to_uppercase()] {
                let text = edited(&text, &spot.name, &wrong);
                let found = check(kind, &text);
                let place = position(&text, spot.name.start);
                let case = format!("{}: {wrong} at {place:?}\n{}", kind.word(), lines(&found));
                let here = found.iter().find(|it| it.code == Code::KeyUnknown && (it.line, it.column) == place);
                assert!(here.is_some_and(|it| it.hint.as_ref().is_some_and(|hint| hint.contains(name))), "{case}");
                assert!(at(&found, Code::KeyMissing).is_empty(), "it was meant, not left out: {case}");
                assert!(!validator::keeps(&schema, &validator::json(&text)), "{case}");
                cases += 1;
            }
        }
    }
    assert!(cases > 500, "{cases}");
}

#[derive(Clone, Copy, PartialEq)]
enum Type {
    Float,
    Boolean,
    Integer,
    Text,
    Day,
    Moment,
    List,
    Table,
}

const TYPES: [(&str, Type); 8] = [
    ("1.5", Type::Float),
    ("true", Type::Boolean),
    ("7", Type::Integer),
    ("\"seven\"", Type::Text),
    ("1979-05-27", Type::Day),
    ("1979-05-27T07:32:00", Type::Moment),
    ("[1.5]", Type::List),
    ("{}", Type::Table),
];

fn takes(shape: &Shape, value: Type) -> bool {
    match shape {
        Shape::Text(_) | Shape::Word(_) => value == Type::Text,
        Shape::Integer { .. } => value == Type::Integer,
        Shape::Boolean => value == Type::Boolean,
        Shape::Day => value == Type::Day,
        Shape::Moment => value == Type::Moment,
        Shape::List(_) | Shape::Tables(_) => value == Type::List,
        Shape::Table(_) | Shape::Map { .. } => value == Type::Table,
        Shape::Either(shapes) => shapes.iter().any(|shape| takes(shape, value)),
    }
}

#[test]
fn a_value_of_another_type_is_reported_at_the_value() {
    let mut cases = 0;
    for (kind, text, spots) in all() {
        let schema = schema(kind);
        for spot in &spots {
            for (wrong, of) in TYPES {
                // A list is right as far as it goes: then its item is wrong.
                let inner = usize::from(takes(spot.shape, of) && of == Type::List);
                if takes(spot.shape, of) && inner == 0 {
                    continue;
                }
                let (text, at_value) = match &spot.value {
                    Some(value) => (edited(&text, value, wrong), value.start),
                    None if spot.header.is_none() => {
                        let (name, rest) = without_sections(&text, spot);
                        (format!("{name} = {wrong}\n{rest}"), name.len() + 3)
                    }
                    None => continue,
                };
                let found = check(kind, &text);
                let place = position(&text, at_value + inner);
                let case = format!("{}: {wrong} at {place:?} in\n{text}\n{}", kind.word(), lines(&found));
                assert!(at(&found, Code::ValueType).contains(&place), "{case}");
                if !matches!(of, Type::Day | Type::Moment) {
                    assert!(!validator::keeps(&schema, &validator::json(&text)), "{case}");
                }
                cases += 1;
            }
        }
    }
    assert!(cases > 1_000, "{cases}");
}

/// The name of a top-level table, and the sample without any of its sections.
fn without_sections(text: &str, spot: &Spot) -> (String, String) {
    let name = text[spot.name.clone()].to_owned();
    let mut kept = String::new();
    let mut keeping = true;
    for line in text.split_inclusive('\n') {
        if line.starts_with('[') {
            let path = line.trim().trim_matches(['[', ']']);
            keeping = path.split('.').next() != Some(name.as_str());
        }
        if keeping {
            kept.push_str(line);
        }
    }
    (name, kept)
}

#[test]
fn a_deleted_key_is_reported_at_the_header_of_its_table() {
    let mut needed = 0;
    let mut free = 0;
    for (kind, text, spots) in all() {
        let schema = schema(kind);
        let status = text.find("\"approved\"");
        for spot in spots.iter().filter(|spot| spot.key.is_some()) {
            let key = spot.key.unwrap();
            let text = match (&spot.value, spot.header) {
                (None, None) => without_sections(&text, spot).1,
                (_, _) => edited(&text, &spot.removal, ""),
            };
            let still_there = spot.value.is_none() && spot.header.is_some();
            let found = check(kind, &text);
            let place = match (spot.header, key.need) {
                (Some(header), _) => position(&text, header),
                (None, Need::Approved) => position(&text, status.unwrap()),
                (None, _) => (1, 1),
            };
            let case = format!("{}: without `{}`, {place:?}\n{}", kind.word(), key.name, lines(&found));
            let missing = at(&found, Code::KeyMissing);
            let is_needed = match key.need {
                Need::Always => true,
                Need::Approved => matches!(kind, Kind::Runbook | Kind::Template),
                Need::Optional => false,
            };
            if is_needed && !still_there {
                assert_eq!(missing, [place], "{case}");
                needed += 1;
            } else {
                // What only some kinds of step or server need is reported at the header as well.
                assert!(missing.iter().all(|other| *other == place), "{case}");
                free += 1;
            }
            let keeps = validator::keeps(&schema, &validator::json(&text));
            assert_eq!(keeps, missing.is_empty(), "{case}");
        }
    }
    assert!(needed > 80 && free > 80, "{needed} {free}");
}
