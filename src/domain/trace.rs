//! A run as a trace: one span for it, below it one for each step on each host, in the JSON that OpenTelemetry's collectors take.
//!
//! Source of the form: OTLP 1.x, "JSON Protobuf Encoding": identifiers in hexadecimal digits, times as texts of nanoseconds.
//!
//! Invariants: identifiers follow from the record, so that a trace told twice is one trace; there are handles, names of hosts and
//! steps, numbers and closed words alone: no text of anybody, no output, no input, no secret.

use super::id::{Digest, RunId, Timestamp};
use super::run::{Cell, CellState, Ending, Run, Slot};
use serde_json::{Value, json};

/// Spans that are told at once: a collector takes four MiB, and a span is a few hundred bytes.
const SPANS_AT_ONCE: usize = 2_000;

/// Statuses of a span.
const UNSET: u8 = 0;
const OK: u8 = 1;
const ERROR: u8 = 2;

/// The trace of a run that has ended, in as many documents as it takes; none of one that has not.
pub fn documents(origin: &str, version: &str, run: &Run) -> Vec<Value> {
    let Some(ended) = run.ended else { return Vec::new() };
    let trace = Ids::of(origin, run.id);
    let mut spans = vec![root(&trace, run, ended)];
    spans.extend(
        run.cells.iter().filter(|(_, cell)| cell.state.is_settled()).map(|(slot, cell)| step(&trace, run, *slot, cell)),
    );
    let resource = json!({"attributes": [
        text("service.name", "quarterdeck"),
        text("service.version", version),
        text("service.instance.id", origin),
    ]});
    let of_spans = |spans: &[Value]| {
        let scope = json!({"name": "quarterdeck", "version": version});
        json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": spans}]}]})
    };
    spans.chunks(SPANS_AT_ONCE).map(of_spans).collect()
}

/// The identifiers of one trace.
struct Ids {
    seed: String,
}

impl Ids {
    fn of(origin: &str, run: RunId) -> Self {
        Self { seed: format!("{origin}\0{}", run.0) }
    }

    fn trace(&self) -> String {
        hex(&self.seed, 32)
    }

    /// The span of the run itself, or of what was done at a place.
    fn span(&self, slot: Option<Slot>) -> String {
        match slot {
            None => hex(&format!("{}\0run", self.seed), 16),
            Some(slot) => hex(&format!("{}\0{slot:?}", self.seed), 16),
        }
    }
}

fn hex(seed: &str, digits: usize) -> String {
    Digest::of(seed.as_bytes()).to_string().chars().take(digits).collect()
}

fn root(ids: &Ids, run: &Run, ended: Timestamp) -> Value {
    let plan = &run.plan;
    let ending = run.phase.ending();
    let status = match ending {
        Some(Ending::Succeeded) => OK,
        Some(_) => ERROR,
        None => UNSET,
    };
    json!({
        "traceId": ids.trace(),
        "spanId": ids.span(None),
        "name": format!("run {}", plan.runbook.id),
        "kind": 1,
        "startTimeUnixNano": nanos(run.started.unwrap_or(run.proposed)),
        "endTimeUnixNano": nanos(ended),
        "attributes": [
            number("quarterdeck.run", run.id.0),
            text("quarterdeck.workspace", plan.proposal.workspace.as_str()),
            text("quarterdeck.runbook", plan.runbook.id.as_str()),
            text("quarterdeck.runbook.version", &plan.runbook.version),
            text("quarterdeck.requester", plan.requester.as_str()),
            text("quarterdeck.ending", ending.map_or("none", Ending::word)),
            number("quarterdeck.hosts", u64::try_from(plan.hosts.len()).unwrap_or(u64::MAX)),
        ],
        "status": {"code": status},
    })
}

fn step(ids: &Ids, run: &Run, slot: Slot, cell: &Cell) -> Value {
    let mut attributes =
        vec![text("quarterdeck.outcome", cell.state.word()), number("quarterdeck.attempt", cell.attempt.into())];
    if let Some(host) = slot.host.and_then(|ix| run.plan.host(ix)) {
        attributes.push(text("host.name", host.name.as_str()));
    }
    attributes.extend(cell.state.reason().map(|reason| text("quarterdeck.reason", reason.code())));
    json!({
        "traceId": ids.trace(),
        "spanId": ids.span(Some(slot)),
        "parentSpanId": ids.span(None),
        "name": run.plan.item_name(slot.item).0.as_str(),
        "kind": 1,
        "startTimeUnixNano": nanos(cell.began),
        "endTimeUnixNano": nanos(cell.since.max(cell.began)),
        "attributes": attributes,
        "status": {"code": status(&cell.state)},
    })
}

/// Whether it says that something went well, or badly.
fn status(state: &CellState) -> u8 {
    match state {
        CellState::Ok => OK,
        CellState::Failed(_) | CellState::Unknown(_) | CellState::Refused(_) => ERROR,
        CellState::Waiting | CellState::Intended | CellState::Started { .. } | CellState::Skipped => UNSET,
    }
}

fn nanos(at: Timestamp) -> String {
    // A moment before 1970 is none of ours.
    u64::try_from(at.0).unwrap_or(0).saturating_mul(1_000_000).to_string()
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// Whole numbers are texts in this form.
fn number(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}
