//! The fields of a table after reading: plain values, each with its place in the file. Asking for what is absent
//! gives the type's nothing; whether that was allowed, the reader has said already.

use super::form;
use super::shape::Table;
use crate::domain::duration;
use crate::domain::runbook::Amount;
use std::ops::Range;

/// A table.
#[derive(Debug)]
pub(super) struct Fields {
    /// Its header, or the whole of an inline table; empty for the file itself.
    pub span: Range<usize>,
    /// What it may hold.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test compares what was asked for with what is described"))]
    pub shape: &'static Table,
    /// What it holds, in file order.
    pub entries: Vec<Field>,
    /// Keys that are there and were refused, or were meant by a misspelt one.
    pub spoiled: Vec<&'static str>,
}

/// A key with its value.
#[derive(Debug)]
pub(super) struct Field {
    /// The key.
    pub name: String,
    /// Where the key stands.
    pub name_span: Range<usize>,
    /// The value.
    pub node: Node,
}

/// A value and its place.
#[derive(Debug)]
pub(super) struct Node {
    pub value: Value,
    pub span: Range<usize>,
}

/// A value. Days and moments are texts in their TOML form.
#[derive(Debug)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<Node>),
    Table(Fields),
}

impl Node {
    /// The text, where it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Integer(_) | Value::Boolean(_) | Value::List(_) | Value::Table(_) => None,
        }
    }

    /// A single value as text, whatever its type.
    pub(super) fn scalar(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) => Some(text.clone()),
            Value::Integer(number) => Some(number.to_string()),
            Value::Boolean(value) => Some(value.to_string()),
            Value::List(_) | Value::Table(_) => None,
        }
    }

    /// The items, where it is a list.
    pub(super) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            Value::Text(_) | Value::Integer(_) | Value::Boolean(_) | Value::Table(_) => &[],
        }
    }

    /// The fields, where it is a table.
    pub(super) fn fields(&self) -> Option<&Fields> {
        match &self.value {
            Value::Table(fields) => Some(fields),
            Value::Text(_) | Value::Integer(_) | Value::Boolean(_) | Value::List(_) => None,
        }
    }

    /// A number of hosts or a share of them.
    pub(super) fn amount(&self) -> Option<Amount> {
        match &self.value {
            Value::Integer(number) => u32::try_from(*number).ok().map(Amount::Hosts),
            Value::Text(text) => form::percent(text).map(Amount::Percent),
            Value::Boolean(_) | Value::List(_) | Value::Table(_) => None,
        }
    }
}

impl Fields {
    /// The field called `name`.
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        #[cfg(test)]
        asked::note(self.shape, name);
        self.entries.iter().find(|field| field.name == name)
    }

    /// The value called `name`.
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        self.field(name).map(|field| &field.node)
    }

    /// Whether a key was there and was refused.
    pub(super) fn is_spoiled(&self, name: &str) -> bool {
        self.spoiled.contains(&name)
    }

    /// Whether a key is neither there nor was meant to be.
    pub(super) fn lacks(&self, name: &str) -> bool {
        self.get(name).is_none() && !self.is_spoiled(name)
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.text()
    }

    /// A text of one's own; empty where it is absent.
    pub(super) fn string(&self, name: &str) -> String {
        self.text(name).unwrap_or_default().to_owned()
    }

    /// A text of one's own, where it is there.
    pub(super) fn maybe(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// A list of texts, or a single one.
    pub(super) fn strings<C: FromIterator<String>>(&self, name: &str) -> C {
        let Some(node) = self.get(name) else {
            return C::from_iter([]);
        };
        let own = |node: &Node| node.text().map(str::to_owned);
        own(node).into_iter().chain(node.items().iter().filter_map(own)).collect()
    }

    /// A whole number.
    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        match self.get(name)?.value {
            Value::Integer(number) => Some(number),
            Value::Text(_) | Value::Boolean(_) | Value::List(_) | Value::Table(_) => None,
        }
    }

    /// Whether a switch is on.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|node| matches!(node.value, Value::Boolean(true)))
    }

    /// A duration in milliseconds.
    pub(super) fn duration_ms(&self, name: &str) -> Option<u64> {
        duration::parse_ms(self.text(name)?).ok()
    }

    /// A table within.
    pub(super) fn table(&self, name: &str) -> Option<&Fields> {
        self.get(name)?.fields()
    }

    /// The tables of a list.
    pub(super) fn tables(&self, name: &str) -> impl Iterator<Item = &Fields> {
        self.get(name).map_or(&[][..], Node::items).iter().filter_map(Node::fields)
    }

    /// Where the value called `name` stands; the table's header where it is absent.
    pub(super) fn span_of(&self, name: &str) -> Range<usize> {
        self.get(name).map_or_else(|| self.span.clone(), |node| node.span.clone())
    }
}

/// Which keys of which table were asked for: a test compares them with the description.
#[cfg(test)]
pub(super) mod asked {
    use super::Table;
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    thread_local! {
        static ASKED: RefCell<BTreeSet<(usize, String)>> = const { RefCell::new(BTreeSet::new()) };
    }

    pub(super) fn note(shape: &'static Table, name: &str) {
        ASKED.with_borrow_mut(|asked| asked.insert((std::ptr::from_ref(shape).addr(), name.to_owned())));
    }

    /// Every question asked of a shape.
    pub(in crate::site) fn of(shape: &'static Table) -> Vec<String> {
        let addr = std::ptr::from_ref(shape).addr();
        ASKED.with_borrow(|asked| asked.iter().filter(|(at, _)| *at == addr).map(|(_, name)| name.clone()).collect())
    }
}
