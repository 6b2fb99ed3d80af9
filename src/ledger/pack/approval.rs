//! Whether a signed statement is of the approval that an event records. The other half of `domain::statement`, which writes it, from
//! the leaf alone.

use serde_json::Value;

use super::super::leaf::Entry;
use crate::domain::statement::Statement;

/// Whether `text` is the statement of just this event.
pub(super) fn is_of(text: &str, entry: &Entry, binding: &str, origin: &str) -> bool {
    let Some(statement) = Statement::parse(text) else {
        return false;
    };
    let person = entry.by.get("person").and_then(|by| by.get("person")).and_then(Value::as_str);
    let approves = entry.body.get("choice").and_then(Value::as_str) == Some("approve");
    approves
        && statement.origin == origin
        && Some(statement.run.0) == entry.run.map(|run| run.id)
        && statement.binding.to_string() == binding
        && Some(statement.person.as_str()) == person
        && statement.gate.is_some() == (entry.kind == "gate_answered")
}
