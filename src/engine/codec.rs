//! Between events as the domain knows them and leaves as the ledger keeps them.

use crate::domain::order::{CellResult, OrderKey, OutputSummary};
use crate::domain::query::AuditRow;
use crate::domain::{Actor, Detail, Details, Entry, Event, Recorded, Timestamp, World};
use crate::ledger::{self, Outputs};
use serde_json::{Map, Value};

/// Why an event could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// It has no JSON form.
    #[error("an event cannot be written as JSON: {0}")]
    Write(#[source] serde_json::Error),
    /// The leaf is none this version knows.
    #[error("event {index} ({kind}) cannot be read by this version: {source}")]
    Read {
        /// Its index.
        index: u64,
        /// Its kind.
        kind: String,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// The draft of an entry. `world` is as the entry leaves it: a run that has left it is over in the ledger too.
///
/// # Errors
/// The event has no JSON form.
pub fn draft(entry: &Entry, by: &Actor, at: Timestamp, world: &World) -> Result<ledger::Draft, CodecError> {
    let value = serde_json::to_value(&entry.event).map_err(CodecError::Write)?;
    let mut body = match value {
        Value::Object(map) => map,
        other => Map::from_iter([("value".to_owned(), other)]),
    };
    let kind = body.remove("kind").and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default();
    let run = entry.event.run();
    let details = entry.details.iter().filter_map(|(name, detail)| match detail {
        Detail::Text(text) => Some((name.clone(), text.clone().into_bytes())),
        Detail::Erased => None,
    });
    Ok(ledger::Draft {
        kind,
        at: at.0,
        by: serde_json::to_value(by).map_err(CodecError::Write)?,
        run: run.map(|id| id.0),
        run_closed: run.is_some_and(|id| world.run(id).is_none()),
        body,
        details: details.collect(),
    })
}

/// The events that say what a try printed.
pub const OUTPUTS: Outputs = Outputs { kind: "ended", read: printed };

/// What an event says that a try printed. A try whose output is not known to be stored says nothing.
fn printed(entry: &ledger::Entry) -> Option<(OrderKey, OutputSummary)> {
    let mut body = entry.body.clone();
    body.insert("kind".to_owned(), Value::from(entry.kind.as_str()));
    match serde_json::from_value(Value::Object(body)) {
        Ok(Event::Ended { run, slot, attempt, result, output }) => {
            let known = result == CellResult::Ok || output != OutputSummary::nothing();
            known.then_some((OrderKey { run, slot, attempt }, output))
        }
        Ok(_) | Err(_) => None,
    }
}

/// The row of one of the ledger's own events in the list of all of them.
pub fn own(entry: &ledger::Entry) -> AuditRow {
    let number = |key: &str| entry.body.get(key).and_then(Value::as_u64).unwrap_or_default();
    let summary = match entry.kind.as_str() {
        ledger::KIND_CREATED => "ledger made".to_owned(),
        ledger::KIND_REPAIRED => format!("a torn tail of {} bytes was moved aside", number("bytes")),
        ledger::KIND_ERASED => "details were erased".to_owned(),
        other => other.to_owned(),
    };
    let (index, at, kind) = (entry.index, Timestamp(entry.at), entry.kind.clone());
    AuditRow { index, at, by: Actor::Engine, kind, run: None, workspace: None, summary }
}

/// The event in a ledger record; `None` for the ledger's own events (created, repaired, erased).
///
/// # Errors
/// The leaf is none this version knows.
pub fn recorded(found: ledger::Recorded) -> Result<Option<Recorded>, CodecError> {
    let ledger::Recorded { entry, details } = found;
    if entry.kind.contains('.') {
        return Ok(None);
    }
    let wrong = |source| CodecError::Read { index: entry.index, kind: entry.kind.clone(), source };
    let mut body = entry.body.clone();
    body.insert("kind".to_owned(), Value::from(entry.kind.as_str()));
    let event: Event = serde_json::from_value(Value::Object(body)).map_err(wrong)?;
    let by: Actor = serde_json::from_value(entry.by.clone()).map_err(wrong)?;
    let text = |detail| match detail {
        ledger::Detail::Text(bytes) => Detail::Text(String::from_utf8_lossy(&bytes).into_owned()),
        ledger::Detail::Erased => Detail::Erased,
    };
    let details: Details = details.into_iter().map(|(name, detail)| (name, text(detail))).collect();
    Ok(Some(Recorded { index: entry.index, at: Timestamp(entry.at), by, event, details }))
}
