//! JSON Schemas, printed from the same description that files are read with, so that an editor and `check` agree.

use super::keys::{runbook, site, workspace};
use super::shape::{Is, Key, Kinds, Need, OfKind, Shape, Table};
use serde_json::{Map, Value, json};

/// A kind of file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Kind {
    Runbook,
    Template,
    Workspace,
    People,
    Site,
    Theme,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 6] = [Kind::Runbook, Kind::Template, Kind::Workspace, Kind::People, Kind::Site, Kind::Theme];

    /// The word used on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Runbook => "runbook",
            Kind::Template => "template",
            Kind::Workspace => "workspace",
            Kind::People => "people",
            Kind::Site => "site",
            Kind::Theme => "theme",
        }
    }

    /// The kind a word names.
    pub fn parse(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }

    pub(super) fn table(self) -> &'static Table {
        match self {
            Kind::Runbook => &runbook::RUNBOOK,
            Kind::Template => &runbook::TEMPLATE,
            Kind::Workspace => &workspace::WORKSPACE,
            Kind::People => &site::PEOPLE,
            Kind::Site => &site::SITE,
            Kind::Theme => &site::THEME,
        }
    }
}

/// The JSON Schema (draft 7, which TOML editors read) of a kind of file.
pub fn schema(kind: Kind) -> Value {
    let table = kind.table();
    let strict = kind == Kind::Template;
    let mut schema = self::table(table, strict);
    if let Some(object) = schema.as_object_mut() {
        object.insert("$schema".into(), json!("http://json-schema.org/draft-07/schema#"));
        object.insert("title".into(), json!(format!("Quarterdeck: {}", kind.word())));
        if kind == Kind::Runbook {
            let approved = json!({
                "required": ["runbook"],
                "properties": {
                    "runbook": { "required": ["status"], "properties": { "status": { "const": "approved" } } }
                }
            });
            object.insert("if".into(), approved);
            object.insert("then".into(), when_approved(table).unwrap_or_else(|| json!({})));
        }
    }
    schema
}

/// A table; `strict` where what an approved runbook needs is always needed.
fn table(table: &Table, strict: bool) -> Value {
    let properties: Map<String, Value> = table.all().map(|key| (key.name.to_owned(), described(key, strict))).collect();
    let required: Vec<&str> = table
        .all()
        .filter(|key| match key.need {
            Need::Always => true,
            Need::Approved => strict,
            Need::Optional => false,
        })
        .map(|key| key.name)
        .collect();
    let mut value =
        json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
    if let (Some(when), Some(object)) = (&table.when, value.as_object_mut()) {
        let is = match when.is {
            Is::Word(word) => json!({ "const": word }),
            Is::True => json!({ "const": true }),
        };
        object.insert("if".into(), json!({ "required": [when.key], "properties": { when.key: is } }));
        object.insert("then".into(), json!({ "required": when.then }));
        object.insert("else".into(), json!({ "required": when.otherwise }));
    }
    if let (Some(kinds), Some(object)) = (table.kinds, value.as_object_mut()) {
        object.insert("allOf".into(), kinds.each.iter().map(|kind| of_kind(table, kinds, kind)).collect());
    }
    value
}

/// What holds where a table is of this kind: its keys are there, and none of other kinds.
fn of_kind(table: &Table, kinds: &Kinds, kind: &OfKind) -> Value {
    let written = json!({ "required": [kinds.key], "properties": { kinds.key: { "const": kind.word } } });
    let is = match kind.word == kinds.unless_written {
        true => json!({ "anyOf": [{ "not": { "required": [kinds.key] } }, written] }),
        false => written,
    };
    let foreign = table.all().filter(|key| kinds.is_particular(key.name) && !kind.has(key.name));
    let never: Map<String, Value> = foreign.map(|key| (key.name.to_owned(), json!(false))).collect();
    let mut then = json!({ "required": kind.needs, "properties": never });
    if let (Some(then), false) = (then.as_object_mut(), kind.one_of.is_empty()) {
        then.insert("anyOf".into(), kind.one_of.iter().map(|key| json!({ "required": [key] })).collect());
    }
    json!({ "if": is, "then": then })
}

/// Lists that say nothing when they are empty, and are refused then.
const NEVER_EMPTY: [&str; 4] = ["batches", "choices", "from", "person"];

fn described(key: &Key, strict: bool) -> Value {
    let mut value = shape(&key.shape, strict);
    if let Some(object) = value.as_object_mut() {
        object.insert("description".into(), json!(key.about));
        if NEVER_EMPTY.contains(&key.name) && object.contains_key("items") {
            object.insert("minItems".into(), json!(1));
        }
    }
    value
}

fn shape(of: &Shape, strict: bool) -> Value {
    match of {
        Shape::Text(rule) => rule.schema(),
        Shape::Word(words) => json!({ "type": "string", "enum": words }),
        Shape::Integer { min, max } => {
            let mut value = json!({ "type": "integer" });
            if let Some(object) = value.as_object_mut() {
                if *min > i64::MIN {
                    object.insert("minimum".into(), json!(min));
                }
                if *max < i64::MAX {
                    object.insert("maximum".into(), json!(max));
                }
            }
            value
        }
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::Day => json!({ "type": "string", "format": "date" }),
        Shape::Moment => {
            json!({ "type": "string", "pattern": "^\\d{4}-\\d{2}-\\d{2}[T ]\\d{2}:\\d{2}(:\\d{2}(\\.\\d+)?)?$" })
        }
        Shape::List(of) => json!({ "type": "array", "items": shape(of, strict) }),
        Shape::Table(of) => table(of, strict),
        Shape::Tables(of) => json!({ "type": "array", "items": table(of, strict) }),
        Shape::Map { names, of } => json!({
            "type": "object",
            "propertyNames": names.schema(),
            "additionalProperties": shape(of, strict)
        }),
        Shape::Either(shapes) => {
            json!({ "anyOf": shapes.iter().map(|of| shape(of, strict)).collect::<Vec<_>>() })
        }
    }
}

/// What an approved runbook needs beyond the rest, at every depth; nothing where it needs nothing.
fn when_approved(of: &Table) -> Option<Value> {
    let required: Vec<&str> = of.all().filter(|key| key.need == Need::Approved).map(|key| key.name).collect();
    let deeper: Map<String, Value> = of
        .all()
        .filter_map(|key| {
            let value = match &key.shape {
                Shape::Table(table) => when_approved(table)?,
                Shape::Tables(table) => json!({ "items": when_approved(table)? }),
                Shape::Text(_)
                | Shape::Word(_)
                | Shape::Integer { .. }
                | Shape::Boolean
                | Shape::Day
                | Shape::Moment
                | Shape::List(_)
                | Shape::Map { .. }
                | Shape::Either(_) => return None,
            };
            Some((key.name.to_owned(), value))
        })
        .collect();
    match (required.is_empty(), deeper.is_empty()) {
        (true, true) => None,
        _ => Some(json!({ "required": required, "properties": deeper })),
    }
}
