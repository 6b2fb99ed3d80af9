//! What runbooks and templates have in common: inputs and checks.

use super::Report;
use crate::domain::StepId;
use crate::domain::findings::built_in_ids;
use crate::domain::runbook::{Check, Expect, Input, InputKind, Interpreter, Match, Script, Severity};
use crate::site::diagnostic::Code;
use crate::site::fields::{Field, Fields, Node, Value};
use crate::site::form;
use crate::site::text::skeleton;
use std::collections::{BTreeMap, BTreeSet};

/// Longest time a check may take unless the file says otherwise: it looks, it does not work.
const CHECK_TIMEOUT_MS: u64 = 60_000;

/// The form's fields, in file order.
pub(super) fn inputs(fields: &Fields, report: &mut Report) -> Vec<Input> {
    let Some(table) = fields.table("inputs") else {
        return Vec::new();
    };
    table.entries.iter().filter_map(|field| input(field, report)).collect()
}

fn input(field: &Field, report: &mut Report) -> Option<Input> {
    let fields = field.node.fields()?;
    let kind = input_kind(fields, report)?;
    let input = Input {
        name: field.name.clone(),
        prompt: fields.string("prompt"),
        kind,
        default: fields.get("default").and_then(|node| node.scalar()),
        help: fields.string("help"),
        source: fields.string("source"),
        confirm: fields.maybe("confirm"),
        required: fields.flag("required"),
    };
    default_fits(&input, fields, report);
    Some(input)
}

fn input_kind(fields: &Fields, report: &mut Report) -> Option<InputKind> {
    let named = fields.text("type");
    for (key, of) in [("pattern", "string"), ("min", "int"), ("max", "int"), ("choices", "choice")] {
        if let Some(field) = fields.field(key).filter(|_| named.is_some_and(|named| named != of)) {
            let message = format!("`{key}` belongs to inputs of type \"{of}\"");
            report.error(Code::KeyMisplaced, field.name_span.clone(), message, "take it out, or change the type");
        }
    }
    let (min, max) = (fields.integer("min"), fields.integer("max"));
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        report.error(Code::Value, fields.span_of("max"), format!("less than min, which is {min}"), "");
    }
    let choices: Vec<String> = fields.strings("choices");
    let kind = match named? {
        "string" => InputKind::String { pattern: fields.maybe("pattern") },
        "text" => InputKind::Text,
        "int" => InputKind::Int { min, max },
        "bool" => InputKind::Bool,
        "choice" => InputKind::Choice { choices: choices.clone() },
        "date" => InputKind::Date,
        "duration" => InputKind::Duration,
        "host" => InputKind::Host,
        "file" => InputKind::File,
        _ => return None,
    };
    if matches!(kind, InputKind::Choice { .. }) {
        if fields.lacks("choices") {
            let hint = "as in: choices = [\"restart\", \"drain\"]";
            report.error(Code::KeyMissing, fields.span.clone(), "a choice lacks `choices`", hint);
        }
        if fields.get("choices").is_some() && choices.is_empty() {
            report.error(Code::Value, fields.span_of("choices"), "a choice of nothing", "write at least one");
        }
        duplicates(fields, "choices", report);
    }
    Some(kind)
}

/// A default must be what the field would accept; a form that opens with an error teaches people to ignore errors.
fn default_fits(input: &Input, fields: &Fields, report: &mut Report) {
    let (Some(node), Some(value)) = (fields.get("default"), &input.default) else {
        return;
    };
    let wanted = match (&input.kind, &node.value) {
        (InputKind::Int { .. }, Value::Integer(_)) | (InputKind::Bool, Value::Boolean(_)) => None,
        (InputKind::Int { .. }, _) => Some("a whole number"),
        (InputKind::Bool, _) => Some("true or false"),
        (_, Value::Text(_)) => None,
        (_, _) => Some("a text"),
    };
    if let Some(wanted) = wanted {
        let message = format!("expected {wanted} for an input of this type");
        report.error(Code::ValueType, node.span.clone(), message, "");
        return;
    }
    if let Err(why) = crate::domain::input::well_formed(input, value) {
        report.error(Code::Value, node.span.clone(), format!("the form would refuse this default: {why}"), "");
    }
}

/// Reports texts that stand twice in the list called `key`.
pub(super) fn duplicates(fields: &Fields, key: &str, report: &mut Report) {
    if let Some(node) = fields.get(key) {
        duplicates_in(node, report);
    }
}

/// Reports texts that stand twice in a list.
pub(super) fn duplicates_in(list: &Node, report: &mut Report) {
    let mut seen = BTreeSet::new();
    for item in list.items() {
        if let Some(text) = item.text().filter(|text| !seen.insert(*text)) {
            let message = format!("`{text}` stands here already");
            report.error(Code::Duplicate, item.span.clone(), message, "");
        }
    }
}

/// Reports ids that stand twice in a list of tables.
pub(super) fn duplicate_ids(fields: &Fields, list: &str, key: &str, report: &mut Report) {
    let mut seen = BTreeSet::new();
    for item in fields.tables(list) {
        if let Some(id) = item.text(key).filter(|id| !seen.insert(id.to_ascii_lowercase())) {
            let message = format!("a second [[{list}]] called `{id}`");
            report.error(Code::Duplicate, item.span_of(key), message, "names tell things apart: change one");
        }
    }
}

/// Reports names of a list of tables that look alike (Z54): blanks around them and case tell nothing apart. Equal ids
/// are reported as such already.
pub(super) fn look_alikes(fields: &Fields, list: &str, key: &str, report: &mut Report) {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for item in fields.tables(list) {
        let Some(text) = item.text(key) else { continue };
        let Some(other) = seen.insert(skeleton(text.trim()).to_lowercase(), text) else {
            continue;
        };
        let told = key == "name" && list == "person";
        if told || !other.eq_ignore_ascii_case(text) {
            let message = format!("`{text}` and `{other}` look alike");
            let hint = "people decide by names: change one so that it is told apart at a glance";
            report.error(Code::TextLookalike, item.span_of(key), message, hint);
        }
    }
}

/// The checks of a list; `prefix` is put before each id.
pub(super) fn checks(fields: &Fields, list: &str, prefix: &str, report: &mut Report) -> Vec<Check> {
    duplicate_ids(fields, list, "id", report);
    for item in fields.tables(list) {
        if let Some(id) = item.text("id").filter(|id| prefix.is_empty() && built_in_ids().any(|known| known == *id)) {
            let hint = "an answer for the one would count for the other: call it something else";
            report.error(Code::Clash, item.span_of("id"), format!("`{id}` is a check every run has"), hint);
        }
    }
    let of = |item: &Fields, report: &mut Report| Check {
        id: StepId::new(format!("{prefix}{}", item.string("id"))),
        title: item.string("title"),
        script: script(item, CHECK_TIMEOUT_MS),
        expect: item.table("expect").map_or_else(Expect::default, |fields| expect(fields, report)),
        severity: match item.text("severity") {
            Some("warn") => Severity::Warn,
            _ => Severity::Block,
        },
    };
    // `effect` can only be "read": the reader has seen to it.
    fields.tables(list).map(|item| of(item, report)).collect()
}

pub(super) fn script(fields: &Fields, timeout_ms: u64) -> Script {
    Script {
        text: fields.string("run"),
        interpreter: interpreter(fields),
        timeout_ms: fields.duration_ms("timeout").unwrap_or(timeout_ms),
        secrets: Vec::new(),
        becomes: None,
        pty: false,
    }
}

/// A word that names one, or the words of any program.
fn interpreter(fields: &Fields) -> Interpreter {
    let words: Vec<String> = fields
        .get("interpreter")
        .map_or(&[][..], Node::items)
        .iter()
        .filter_map(|word| word.text().map(str::to_owned))
        .collect();
    match fields.text("interpreter") {
        Some(word) => Interpreter::named(word).unwrap_or(Interpreter::Sh),
        None if words.is_empty() => Interpreter::Sh,
        None => Interpreter::Program(words),
    }
}

pub(super) fn expect(fields: &Fields, report: &mut Report) -> Expect {
    let short = one_match(fields, report);
    if let (Some(_), Some(field)) = (&short, fields.field("stdout")) {
        let message = "standard output is described twice";
        report.error(Code::Rule, field.name_span.clone(), message, "keep `stdout`, or the short form");
    }
    let full = |key: &str, report: &mut Report| {
        let table = fields.table(key)?;
        let found = one_match(table, report);
        if table.entries.is_empty() {
            report.error(Code::Rule, table.span.clone(), "this expects nothing", "use equals, matches, number or json");
        }
        found
    };
    let stdout = full("stdout", report);
    Expect {
        exit: fields.integer("exit").and_then(|exit| i32::try_from(exit).ok()).unwrap_or(0),
        stdout: short.or(stdout),
        stderr: full("stderr", report),
    }
}

fn one_match(fields: &Fields, report: &mut Report) -> Option<Match> {
    let mut found = None;
    for key in ["equals", "matches", "number", "json"] {
        let Some(field) = fields.field(key) else {
            continue;
        };
        let text = field.node.text().unwrap_or_default().to_owned();
        let read = match key {
            "equals" => Some(Match::Equals(text)),
            "matches" => Some(Match::Matches(text)),
            "number" => form::comparison(&text).map(|(compare, with)| Match::Number { compare, with }),
            _ => field.node.fields().map(|json| Match::Json {
                path: json.string("path"),
                equals: json.get("equals").and_then(|node| node.scalar()).unwrap_or_default(),
            }),
        };
        if found.is_some() {
            let message = "one text is judged in one way";
            report.error(Code::Rule, field.name_span.clone(), message, "keep one of equals, matches, number and json");
        }
        found = found.or(read);
    }
    found
}
