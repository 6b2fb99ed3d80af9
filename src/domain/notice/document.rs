//! A notice as the bytes that leave: one JSON document, the same for every channel and every try.
//!
//! Names are sorted and only ever added to; what does not apply is `null`.

use super::{Notice, Object, What, object};
use crate::domain::id::{PersonId, Timestamp};
use crate::domain::run::PauseCause;
use serde_json::{Value, json};

/// The version of the document.
const SCHEMA: u32 = 1;

/// What names a notice for good: a receiver that gets it twice can tell. `origin` is the ledger's own.
pub fn key(origin: &str, id: u64) -> String {
    format!("{origin}-{id}")
}

/// The document.
pub fn document(origin: &str, notice: &Notice) -> Value {
    let (run, object) = (notice.about.run(), notice.about.object());
    let incident = object.and_then(|of| match of.object {
        Object::Incident(id) => Some(id),
        Object::Elevation(_) | Object::Standing(_) | Object::ByHand(_) => None,
    });
    let glass = match &notice.what {
        What::Glass { by, incident } => Some((by, *incident)),
        What::Waiting
        | What::Gate(_)
        | What::Approved
        | What::Cancelled(_)
        | What::Expiring
        | What::Reminder
        | What::Paused(_)
        | What::Ended(_)
        | What::Mention { .. }
        | What::Object(_)
        | What::Test => None,
    };
    let author = if let What::Mention { by, .. } = &notice.what { Some(by) } else { None };
    let people = |people: &[PersonId]| people.iter().map(PersonId::as_str).map(Value::from).collect::<Vec<Value>>();
    let moment = |at: Timestamp| Value::from(format!("{:.3}", at.to_jiff()));
    let by = glass.map(|(by, _)| by).or(author).or(object.map(|of| &of.by));
    json!({
        "about": object.map(|of| of.object.word()).or(run.map(|_| "run")),
        "at": moment(notice.at),
        "because": notice.what.because(),
        "by": by.map(PersonId::as_str),
        "environment": notice.about.place().map(|(_, environment)| environment.word()),
        "expires": notice.until.map(moment),
        "id": key(origin, notice.id),
        "incident": glass.map(|(_, incident)| incident).or(incident).map(|id| id.0),
        "impact": run.map(|run| run.impact.word()),
        "kind": notice.what.word(),
        "link": notice.link,
        "may_act": people(&notice.may),
        "number": object.map(|of| of.object.number()).or(run.map(|run| run.run.0)),
        "next": notice.next.as_ref().map(PersonId::as_str),
        "requester": run.map(|run| run.requester.as_str()),
        "run": run.map(|run| run.run.0),
        "runbook": run.map(|run| run.runbook.as_str()),
        "schema": SCHEMA,
        "site": notice.site,
        "summary": summary(notice),
        "workspace": notice.about.place().map(|(workspace, _)| workspace.as_str()),
    })
}

/// What is told, in one line: for a receiver that shows nothing else.
pub fn summary(notice: &Notice) -> String {
    if let Some((of, news)) = notice.news() {
        return object::summary(notice, of, news);
    }
    let Some(run) = notice.about.run() else {
        return format!("{}: a test; nothing has to be done", notice.site);
    };
    let head = format!("{} {} in {} ({})", run.run, run.runbook, run.workspace, run.environment.word());
    let who = match (&notice.next, notice.may.as_slice()) {
        (Some(next), _) => format!(": {next} is asked"),
        (None, []) => String::new(),
        (None, may) => format!(": {}", may.iter().map(PersonId::as_str).collect::<Vec<_>>().join(", ")),
    };
    match &notice.what {
        What::Waiting => format!("{head} waits for people{who}"),
        What::Gate(step) => format!("{head} waits at {step}{who}"),
        What::Approved => format!("{head} may start{who}"),
        What::Cancelled(cancel) => format!("{head} is {}", cancel.word()),
        What::Expiring => format!("{head} is about to expire{who}"),
        What::Reminder => format!("{head} still waits{who}"),
        What::Paused(cause) => format!("{head} is paused, {}{who}", paused(cause)),
        What::Ended(ending) => format!("{head} ended: {}", ending.word()),
        What::Glass { by, incident } => format!("{head}: {by} broke glass for {incident}"),
        What::Mention { by, .. } => format!("{head}: {by} names people in a note{who}"),
        What::Object(news) => format!("{head}: {}", news.word()),
        What::Test => format!("{}: a test; nothing has to be done", notice.site),
    }
}

impl What {
    /// The closed word behind a kind: how it was decided, why it stands still, how it ended, at which step it waits.
    pub fn because(&self) -> Option<String> {
        match self {
            What::Approved => Some("approved".to_owned()),
            What::Cancelled(cancel) => Some(cancel.word().to_owned()),
            What::Paused(cause) => Some(cause_word(cause).to_owned()),
            What::Ended(ending) => Some(ending.word().to_owned()),
            What::Gate(step) => Some(step.to_string()),
            What::Object(news) => Some(news.word().to_owned()),
            What::Waiting
            | What::Expiring
            | What::Reminder
            | What::Glass { .. }
            | What::Mention { .. }
            | What::Test => None,
        }
    }
}

fn cause_word(cause: &PauseCause) -> &'static str {
    match cause {
        PauseCause::Person(_) => "person",
        PauseCause::Failure => "failure",
        PauseCause::NoRoom => "no_room",
        PauseCause::Batch => "batch",
        PauseCause::Authority => "authority",
        PauseCause::Window => "window",
    }
}

fn paused(cause: &PauseCause) -> String {
    match cause {
        PauseCause::Person(by) => format!("by {by}"),
        PauseCause::Failure => "somebody must decide".to_owned(),
        PauseCause::NoRoom => "the disk is full".to_owned(),
        PauseCause::Batch => "a batch is through".to_owned(),
        PauseCause::Authority => "a role it stands on was lost".to_owned(),
        PauseCause::Window => "its window has closed".to_owned(),
    }
}
