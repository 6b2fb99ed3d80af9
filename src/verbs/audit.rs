//! `audit head`, `audit proof`, `audit consistency`, `evidence export`: what the ledger has signed for, for whoever keeps it elsewhere.

use super::args::{Audit, Export};
use super::look::unanswered;
use super::out::{self, Gone, Io};
use super::{Cx, Exit, find};
use crate::domain::exported::Selection;
use crate::domain::query::{Fetch, Fetched};
use crate::domain::sealed::{Consistency, Found, Head, Inclusion, Question};
use crate::domain::{Refusal, Rule, Timestamp};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

/// Asks, and writes the answer.
pub async fn proved(cx: &Cx<'_>, question: Question, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let found = match cx.ask(Fetch::Sealed(question)).await {
        Ok(Fetched::Sealed(found)) => found,
        Ok(other) => return unanswered(cx, &find::another_answer(&other), io).await,
        Err(refusal) => return unanswered(cx, &refusal, io).await,
    };
    let (text, value) = match found {
        Found::Head(head) => (head.note.clone(), head_json(&head)),
        Found::Inclusion(proof) => (proof.text.clone(), inclusion_json(&proof)),
        Found::Consistency(proof) => (consistency(&proof), consistency_json(&proof)),
    };
    io.out(&if cx.json { out::document(&value) } else { text }).await?;
    Ok(Exit::Done)
}

/// `evidence export`: a pack, in whatever form the rest is, for what reads it is no terminal.
pub async fn export(cx: &Cx<'_>, asked: &Export, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let selection = match selected(asked) {
        Ok(selection) => selection,
        Err(refusal) => return unanswered(cx, &refusal, io).await,
    };
    match cx.engine.export(cx.actor.clone(), selection, asked.since.clone()).await {
        Ok(pack) => {
            io.out_bytes(&pack).await?;
            Ok(Exit::Done)
        }
        Err(refusal) => unanswered(cx, &refusal, io).await,
    }
}

/// What is to be exported. Days are whole ones in UTC, and both are in it.
fn selected(asked: &Export) -> Result<Selection, Refusal> {
    let day = |text: &str| {
        text.parse::<Date>()
            .map_err(|_| Refusal::new(Rule::Input, format!("`{text}` is no day")).next("write it as 2026-11-21"))
    };
    let begins = |day: Date| day.to_zoned(TimeZone::UTC).map(|zoned| Timestamp::from(zoned.timestamp()));
    match (asked.incident, &asked.from, &asked.to) {
        (Some(id), _, _) => Ok(Selection::Incident(id)),
        (None, Some(from), Some(to)) => {
            let (first, last) = (day(from)?, day(to)?);
            let none = |_| Refusal::new(Rule::Input, "the calendar does not reach that far");
            let from = begins(first).map_err(none)?;
            let until = last.tomorrow().and_then(begins).map_err(none)?;
            Ok(Selection::Period { from, until })
        }
        (None, _, _) => Ok(Selection::Runs(asked.run.clone())),
    }
}

/// The question that a verb asks; `None` for verbs that ask another way.
pub fn question(verb: &Audit) -> Option<Question> {
    match verb {
        Audit::Head => Some(Question::Head),
        Audit::Proof { index } => Some(Question::Inclusion(*index)),
        Audit::Consistency { from, to } => Some(Question::Consistency(*from, *to)),
        Audit::List { .. } | Audit::Verify => None,
    }
}

fn head_json(head: &Head) -> Value {
    json!({
        "allowed_signers": head.allowed_signers,
        "key": head.key,
        "note": head.note,
        "origin": head.origin,
        "root": head.root,
        "size": head.size,
        "sshsig": head.sshsig,
    })
}

fn inclusion_json(proof: &Inclusion) -> Value {
    json!({
        "head": head_json(&proof.head),
        "index": proof.index,
        "leaf": proof.leaf,
        "path": proof.path,
        "proof": proof.text,
    })
}

fn consistency_json(proof: &Consistency) -> Value {
    let end = |(size, root): &(u64, String)| json!({"root": root, "size": size});
    json!({"from": end(&proof.from), "path": proof.path, "to": end(&proof.to)})
}

fn consistency(proof: &Consistency) -> String {
    let ends = [("from", &proof.from), ("to", &proof.to)];
    let ends = ends.map(|(word, (size, root))| format!("{word} {size} {root}\n"));
    let path: String = proof.path.iter().map(|hash| format!("{hash}\n")).collect();
    format!("{}{path}", ends.concat())
}
