//! Finds every key of a sample by reading its lines, without the TOML crate: where a test expects a caret must not
//! come from what it tests. Samples keep to one key a line, one-line values, headers at the start of a line.

use crate::site::shape::{Key, Shape, Table};
use std::ops::Range;

/// A key or value of a sample.
#[derive(Clone, Debug)]
pub struct Spot {
    /// The table it stands in.
    pub table: &'static Table,
    /// The key; nothing where the name is a person's choice.
    pub key: Option<&'static Key>,
    /// What it holds.
    pub shape: &'static Shape,
    /// Where its name stands.
    pub name: Range<usize>,
    /// Where its value stands; nothing for a header.
    pub value: Option<Range<usize>>,
    /// Where the header of its table begins, if that is not the file.
    pub header: Option<usize>,
    /// What to cut to delete it.
    pub removal: Range<usize>,
}

enum Inside {
    Table(&'static Table),
    Map(&'static Table, &'static Shape),
}

/// Every spot of a sample.
pub fn spots(root: &'static Table, text: &str) -> Vec<Spot> {
    let mut found = Vec::new();
    let mut inside = Inside::Table(root);
    let mut header = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let whole = at..at + line.len();
        let content = line.trim_end();
        if content.starts_with('[') {
            header = Some(at);
            inside = self::header(root, text, content, at, &mut found);
        } else if let Some((name, value)) = content.split_once(" = ") {
            let value_at = at + content.len() - value.len();
            let (table, key, shape) = match inside {
                Inside::Table(table) => {
                    let key = table.key(name).unwrap_or_else(|| panic!("{} has no {name}", table.called));
                    (table, Some(key), &key.shape)
                }
                Inside::Map(table, of) => (table, None, of),
            };
            found.push(Spot {
                table,
                key,
                shape,
                name: at..at + name.len(),
                value: Some(value_at..value_at + value.len()),
                header,
                removal: whole,
            });
            inline(text, value_at..value_at + value.len(), shape, &mut found);
        } else {
            assert!(content.is_empty(), "a line this scanner does not know: {content}");
        }
        at += line.len();
    }
    found
}

fn header(root: &'static Table, text: &str, line: &str, line_at: usize, found: &mut Vec<Spot>) -> Inside {
    let path = line.trim_matches(['[', ']']);
    let mut at = line_at + line.find(path).unwrap();
    let mut inside = Inside::Table(root);
    let segments: Vec<&str> = path.split('.').collect();
    for (depth, segment) in segments.iter().enumerate() {
        let is_last = depth + 1 == segments.len();
        inside = match inside {
            Inside::Table(table) => {
                let key = table.key(segment).unwrap_or_else(|| panic!("{} has no {segment}", table.called));
                if is_last || matches!(key.shape, Shape::Map { .. }) {
                    found.push(Spot {
                        table,
                        key: Some(key),
                        shape: &key.shape,
                        name: at..at + segment.len(),
                        value: None,
                        header: if depth == 0 {
                            None
                        } else {
                            text.find(&format!("[{}]", segments[..depth].join(".")))
                        },
                        removal: line_at..section_end(text, line_at),
                    });
                }
                match &key.shape {
                    Shape::Table(table) | Shape::Tables(table) => Inside::Table(table),
                    Shape::Map { of, .. } => Inside::Map(table, of),
                    other => panic!("a header for {other:?}"),
                }
            }
            Inside::Map(_, Shape::Table(table)) => Inside::Table(table),
            Inside::Map(_, other) => panic!("a header for {other:?}"),
        };
        at += segment.len() + 1;
    }
    inside
}

fn section_end(text: &str, from: usize) -> usize {
    text[from + 1..].find("\n[").map_or(text.len(), |at| from + 1 + at + 1)
}

/// Spots within an inline table or a list of them.
fn inline(text: &str, value: Range<usize>, shape: &'static Shape, found: &mut Vec<Spot>) {
    let written = &text[value.clone()];
    match shape {
        Shape::Table(table) if written.starts_with('{') => {
            for item in items(text, value.clone()) {
                let (name, rest) = text[item.clone()].split_once(" = ").unwrap();
                let key = table.key(name).unwrap_or_else(|| panic!("{} has no {name}", table.called));
                let inner = item.end - rest.len()..item.end;
                found.push(Spot {
                    table,
                    key: Some(key),
                    shape: &key.shape,
                    name: item.start..item.start + name.len(),
                    value: Some(inner.clone()),
                    header: Some(value.start),
                    removal: with_comma(text, &item),
                });
                inline(text, inner, &key.shape, found);
            }
        }
        Shape::Tables(table) if written.starts_with('[') => {
            let shape: &'static Shape = Box::leak(Box::new(Shape::Table(table)));
            for item in items(text, value) {
                inline(text, item, shape, found);
            }
        }
        _ => {}
    }
}

/// The items between a pair of brackets.
fn items(text: &str, value: Range<usize>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut depth, mut quoted, mut start) = (0, false, value.start + 1);
    for (offset, c) in text[value.clone()].char_indices() {
        let at = value.start + offset;
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '{' | '[' => depth += 1,
            '}' | ']' => {
                depth -= 1;
                if depth == 0 {
                    found.push(start..at);
                }
            }
            ',' if depth == 1 => {
                found.push(start..at);
                start = at + 1;
            }
            _ => {}
        }
    }
    found
        .into_iter()
        .map(|item| {
            let written = &text[item.clone()];
            let blanks = written.len() - written.trim_start().len();
            item.start + blanks..item.start + blanks + written.trim().len()
        })
        .collect()
}

/// An item with the comma that goes when it goes.
fn with_comma(text: &str, item: &Range<usize>) -> Range<usize> {
    if text[item.end..].starts_with(", ") {
        item.start..item.end + 2
    } else if text[..item.start].ends_with(", ") {
        item.start - 2..item.end
    } else {
        item.clone()
    }
}
