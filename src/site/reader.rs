//! Reads a TOML tree against its description: every unknown key, missing key and wrong value at once, each with the
//! span of the very token, and what is left as plain fields.
//!
//! Positions: a misspelt key is reported at the key, a wrong value at the value, a missing key at the header of its
//! table (at the first character where it is missing from the file itself).
//!
//! Invariant: what the fields hold has kept its rule. What has not was reported and is absent, so that converting
//! the fields need not report it again.

use super::diagnostic::{Code, DIAGNOSTICS_PER_FILE_MAX, Diagnostic, Severity};
use super::fields::{Field, Fields, Node, Value};
use super::read::Strictness;
use super::rule::Rule;
use super::shape::{Key, Need, Shape, Table};
use super::source::{SECRET_HINT, Source};
use super::suggest::nearest;
use super::text::hidden_in_file;
use super::types::{called, expected, fits};
use crate::domain::literal::find_literals;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads the tables of one file.
pub(super) struct Reader<'a> {
    pub source: &'a Arc<Source>,
    pub strictness: Strictness,
    pub found: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn error(&self, code: Code, span: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::at(self.source, Severity::Error, code, span, message)
    }

    /// Whether so much is wrong that the rest would not be shown.
    fn has_enough(&self) -> bool {
        self.found.len() > DIAGNOSTICS_PER_FILE_MAX
    }

    /// Reads a table.
    pub(super) fn table(&mut self, raw: &DeTable<'_>, span: Range<usize>, shape: &'static Table) -> Fields {
        let mut entries = Vec::new();
        let mut spoiled = Vec::new();
        for (name, value) in in_file_order(raw) {
            match shape.key(name.get_ref()) {
                Some(key) => match self.value(value, &key.shape) {
                    Some(node) => {
                        entries.push(Field { name: key.name.to_owned(), name_span: name.span(), node });
                    }
                    None => spoiled.push(key.name),
                },
                None => spoiled.extend(self.unknown(name, shape)),
            }
        }
        for key in shape.all() {
            let is_there = raw.contains_key(key.name) || spoiled.contains(&key.name);
            if !is_there && !self.has_enough() {
                self.missing(key, &span, shape);
            }
        }
        Fields { span, shape, entries, spoiled }
    }

    /// Reports a key that is not there, where it must be.
    fn missing(&mut self, key: &Key, span: &Range<usize>, shape: &'static Table) {
        let said = match key.need {
            Need::Always => None,
            Need::Approved => match &self.strictness.approved {
                Some(said) => Some(said),
                None => return,
            },
            Need::Optional => return,
        };
        let what = match key.shape {
            Shape::Table(_) | Shape::Map { .. } => format!("[{}]", key.name),
            Shape::Tables(_) => format!("[[{}]]", key.name),
            Shape::Text(_)
            | Shape::Word(_)
            | Shape::Integer { .. }
            | Shape::Boolean
            | Shape::Day
            | Shape::Moment
            | Shape::List(_)
            | Shape::Either(_) => format!("`{}`", key.name),
        };
        let place = match span.is_empty() {
            true => "the file",
            false => shape.called,
        };
        // A template needs these because runbooks of any status use it; a runbook, because it says `approved`.
        let (at, why) = match said.filter(|said| !said.is_empty()) {
            Some(said) if span.is_empty() => (said, "; an approved runbook needs it"),
            Some(_) => (span, "; an approved runbook needs it"),
            None => (span, ""),
        };
        let message = format!("{place} lacks {what}{why}");
        let diagnostic = self.error(Code::KeyMissing, at.clone(), message);
        self.found.push(diagnostic.label(format!("{what} is missing")).hint(key.about));
    }

    /// Reports a key nobody reads; answers the known key that was meant.
    fn unknown(&mut self, name: &Spanned<toml::de::DeString<'_>>, shape: &'static Table) -> Option<&'static str> {
        if self.has_enough() {
            return None;
        }
        let word: &str = name.get_ref();
        let span = name.span();
        if shape.later.contains(&word) {
            self.found.push(
                self.error(Code::KeyLater, span, format!("`{word}` comes with a later version")).hint("take it out"),
            );
            return None;
        }
        if let Some((_, why)) = shape.misplaced.iter().find(|(key, _)| *key == word) {
            self.found.push(
                self.error(Code::KeyMisplaced, span, format!("`{word}` does not belong to {}", shape.called))
                    .hint(*why),
            );
            return None;
        }
        let meant = nearest(word, shape.all().map(|key| key.name));
        let diagnostic = self.error(Code::KeyUnknown, span, format!("{} knows no `{word}`", shape.called));
        self.found.push(match meant {
            Some(meant) => {
                diagnostic.label(format!("did you mean `{meant}`?")).hint(format!("did you mean `{meant}`?"))
            }
            None => {
                let known: Vec<&str> = shape.all().map(|key| key.name).collect();
                diagnostic.hint(format!("it knows {}", known.join(", ")))
            }
        });
        meant
    }

    fn value(&mut self, raw: &Spanned<DeValue<'_>>, shape: &'static Shape) -> Option<Node> {
        if self.has_enough() {
            return None;
        }
        let node = self.judged(raw, shape);
        if node.is_none() {
            self.say_refused(raw.span());
        }
        node
    }

    /// What was refused is absent afterwards: a file that loads without a word about it would run something else.
    fn say_refused(&mut self, span: Range<usize>) {
        if !self.found.iter().any(Diagnostic::is_error) {
            let diagnostic = self.error(Code::Value, span, "this cannot be read");
            self.found.push(diagnostic.hint("write it anew"));
        }
    }

    fn judged(&mut self, raw: &Spanned<DeValue<'_>>, shape: &'static Shape) -> Option<Node> {
        let span = raw.span();
        let value = match (shape, raw.get_ref()) {
            (Shape::Text(rule), DeValue::String(text)) => self.text(*rule, text, &span)?,
            (Shape::Word(words), DeValue::String(word)) => self.word(words, word, &span)?,
            (Shape::Integer { min, max }, DeValue::Integer(number)) => {
                let value = i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok();
                let inside = value.filter(|value| (min..=max).contains(&value));
                if inside.is_none() {
                    let range = match *max == i64::MAX {
                        true => format!("{min} or more"),
                        false => format!("{min} to {max}"),
                    };
                    self.found.push(self.error(Code::Value, span.clone(), format!("out of range: {range}")));
                }
                Value::Integer(inside?)
            }
            (Shape::Boolean, DeValue::Boolean(value)) => Value::Boolean(*value),
            (Shape::Day, DeValue::Datetime(at)) if at.time.is_none() && at.date.is_some() => {
                Value::Text(at.to_string())
            }
            (Shape::Moment, DeValue::Datetime(at)) if at.date.is_some() && at.time.is_some() && at.offset.is_none() => {
                Value::Text(at.to_string())
            }
            (Shape::List(of), DeValue::Array(items)) => {
                let kept: Vec<Node> = items.iter().filter_map(|item| self.value(item, of)).collect();
                some_kept(kept, items.len())?
            }
            (Shape::Table(table), DeValue::Table(raw)) => Value::Table(self.table(raw, span.clone(), table)),
            (Shape::Tables(table), DeValue::Array(items)) => some_kept(self.tables(items.iter(), table), items.len())?,
            (Shape::Map { names, of }, DeValue::Table(raw)) => Value::Table(self.map(raw, span.clone(), *names, of)),
            (Shape::Either(shapes), found) => {
                let fits = shapes.iter().find(|shape| fits(shape, found));
                match fits {
                    Some(shape) => return self.value(raw, shape),
                    None => return self.wrong_type(shape, found, span),
                }
            }
            (_, found) => return self.wrong_type(shape, found, span),
        };
        Some(Node { value, span })
    }

    fn tables<'i>(
        &mut self,
        items: impl Iterator<Item = &'i Spanned<DeValue<'i>>>,
        table: &'static Table,
    ) -> Vec<Node> {
        let mut nodes = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::Table(raw) => {
                    let fields = self.table(raw, item.span(), table);
                    nodes.push(Node { value: Value::Table(fields), span: item.span() });
                }
                _ if self.has_enough() => {}
                found => {
                    let message = format!("expected a table, found {}", called(found));
                    self.found.push(self.error(Code::ValueType, item.span(), message));
                }
            }
        }
        nodes
    }

    fn map(&mut self, raw: &DeTable<'_>, span: Range<usize>, names: Rule, of: &'static Shape) -> Fields {
        let mut entries = Vec::new();
        for (name, value) in in_file_order(raw) {
            if self.has_enough() {
                break;
            }
            let named = self.text(names, name.get_ref(), &name.span());
            let node = self.value(value, of);
            if named.is_none() {
                self.say_refused(name.span());
            }
            if let (Some(_), Some(node)) = (named, node) {
                entries.push(Field { name: name.get_ref().to_string(), name_span: name.span(), node });
            }
        }
        Fields { span, shape: &NAMES, entries, spoiled: Vec::new() }
    }

    fn text(&mut self, rule: Rule, text: &str, span: &Range<usize>) -> Option<Value> {
        let text = self.source.value(span, text);
        let Err(fault) = rule.check(&text, self.strictness.unicode) else {
            return self.no_secret(&text, span).then(|| Value::Text(text.into_owned()));
        };
        // Written as such it was reported by the scan of the whole file; only an escape hides it from that.
        let written = self.source.slice(span);
        let scanned = fault.code == Code::TextHidden && hidden_in_file(written).next().is_some();
        if !scanned {
            let at = fault.at.map_or_else(|| span.clone(), |at| self.source.place(span, &text, at));
            let diagnostic = self.error(fault.code, at, fault.message);
            self.found.push(match fault.hint.is_empty() {
                true => diagnostic,
                false => diagnostic.hint(fault.hint),
            });
        }
        None
    }

    /// Reports a literal secret that escapes or a broken line hid from the scan of the whole file. The source is not
    /// drawn with it: there it is not blotted out.
    fn no_secret(&mut self, text: &str, span: &Range<usize>) -> bool {
        let written = self.source.slice(span);
        let Some(secret) = find_literals(text).into_iter().next().filter(|_| find_literals(written).is_empty()) else {
            return true;
        };
        let message = format!("this looks like {}, written so that it is not seen", secret.kind.words());
        let diagnostic = self.error(Code::SecretLiteral, span.clone(), message).hint(SECRET_HINT);
        self.found.push(Diagnostic { source: None, ..diagnostic });
        false
    }

    fn word(&mut self, words: &[&'static str], word: &str, span: &Range<usize>) -> Option<Value> {
        if words.contains(&word) {
            return Some(Value::Text(word.to_owned()));
        }
        let message = match words {
            [only] => format!("`{word}` is not allowed here, only \"{only}\""),
            _ => format!("`{word}` is none of {}", words.join(", ")),
        };
        let diagnostic = self.error(Code::Value, span.clone(), message);
        self.found.push(match nearest(word, words.iter().copied()) {
            Some(meant) => diagnostic.hint(format!("did you mean \"{meant}\"?")),
            None => diagnostic,
        });
        None
    }

    fn wrong_type(&mut self, shape: &Shape, found: &DeValue<'_>, span: Range<usize>) -> Option<Node> {
        let message = format!("expected {}, found {}", expected(shape), called(found));
        let diagnostic = self.error(Code::ValueType, span, message).label(called(found));
        self.found.push(match (shape, found) {
            (Shape::Day | Shape::Moment | Shape::Integer { .. } | Shape::Boolean, DeValue::String(_)) => {
                diagnostic.hint("write it without quotes")
            }
            (Shape::Text(_), DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_)) => {
                diagnostic.hint("put it in quotes")
            }
            (Shape::Moment, DeValue::Datetime(_)) => {
                diagnostic.hint("as in 2026-12-18T00:00:00: the zone has its own key")
            }
            _ => diagnostic,
        });
        None
    }
}

/// A list; nothing where all of it was refused, so that nobody calls it empty as well.
fn some_kept(kept: Vec<Node>, written: usize) -> Option<Value> {
    (written == 0 || !kept.is_empty()).then_some(Value::List(kept))
}

/// The shape of tables whose keys are names.
static NAMES: Table =
    Table { called: "a table of names", keys: &[], misplaced: &[], later: &[], when: None, kinds: None };

fn in_file_order<'a, 'i>(raw: &'a DeTable<'i>) -> Vec<(&'a Spanned<toml::de::DeString<'i>>, &'a Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = raw.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}
