//! Gathers an evidence pack: the events of runs, what they commit to, what ties them to the signed head, and what people read.

use super::codec;
use super::export::missing;
use super::fetch::{Library, unread};
use crate::domain::binding::binding_of;
use crate::domain::event::{Event, Recorded};
use crate::domain::exported::Selection;
use crate::domain::proof::may_prove;
use crate::domain::report;
use crate::domain::run::Run;
use crate::domain::statement::Statement;
use crate::domain::{PersonId, Refusal, Rule, RunId, World, evolve};
use crate::ledger::pack::{Parts, Scope, Told};
use crate::ledger::transcript::TranscriptError;
use crate::ledger::{self, Detail, Signed, canonical};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Longest details and outputs of a pack together: it is made in memory.
const PACK_BYTES_MAX: usize = 512 * 1024 * 1024;

/// A run as the signed head knows it.
struct Past {
    run: Arc<Run>,
    events: Vec<Recorded>,
}

impl Library {
    /// The pack of what was selected, with proofs from the earlier heads of so many events. Its head has to hold event `recorded`.
    pub(super) fn pack(
        &self,
        world: &World,
        asker: &PersonId,
        selection: &Selection,
        earlier: &[u64],
        recorded: u64,
    ) -> Result<Arc<[u8]>, Refusal> {
        let (signed, Some(signer)) = (self.signed()?, &self.signer) else {
            return Err(Refusal::new(Rule::Storage, "nothing is signed: the ledger's key is not here"));
        };
        let size = signed.checkpoint.size;
        if size <= recorded {
            let what = format!("the export is event {recorded}, and it could not be signed for; the log says why");
            return Err(Refusal::new(Rule::Storage, what).next("say it again"));
        }
        let chosen = self.chosen(world, asker, selection, size)?;
        let mut parts = Parts { scope: scope(selection), ..Parts::default() };
        parts.leaves.insert(0, self.ledger.leaf(0).map_err(unread)?);
        let mut told = Vec::new();
        for id in chosen.runs.keys() {
            let one = self.told(world, asker, *id, size, &mut parts)?;
            self.printed(*id, &mut parts)?;
            parts.runs.push(id.0);
            told.push(one);
        }
        let mut beside = Vec::new();
        for (index, tells) in &chosen.beside {
            // A neighbour of a period may be of a run that is here whole.
            if *index == 0 || !parts.leaves.contains_key(index) {
                beside.extend(self.event(*index, *tells, &mut parts)?);
            }
        }
        room(&parts)?;
        self.erasures(size, &mut parts)?;
        self.proofs(&signed, earlier, &mut parts)?;
        let pages: Vec<(&Run, &[Recorded])> =
            told.iter().map(|one| (one.run.as_ref(), one.events.as_slice())).collect();
        let page = report::html(&selection.words(), &beside, &pages, &self.head_of(&signed));
        parts.files.insert("report.html".to_owned(), page.into_bytes());
        Ok(parts.seal(&signed, signer).map_err(unread)?.into())
    }

    /// The events of a run with their details, and what they come to.
    fn told(&self, world: &World, asker: &PersonId, id: RunId, size: u64, parts: &mut Parts) -> Result<Past, Refusal> {
        let missing = || missing(&format!("run {id}"));
        let mut past = World { origin: self.origin().to_owned(), ..World::default() };
        let (mut last, mut events) = (None, Vec::new());
        for index in self.views()?.events_of(id).map_err(unread)?.into_iter().filter(|index| *index < size) {
            if let Some(recorded) = self.event(index, true, parts)? {
                last = evolve(&mut past, &recorded).map_err(unread)?.or(last);
                events.push(recorded);
            }
        }
        let run = last.ok_or_else(missing)?;
        let workspace = world.workspace(&run.plan.proposal.workspace);
        if !workspace.is_some_and(|workspace| may_prove(workspace, asker)) {
            return Err(missing());
        }
        self.definition(&run, &events, parts);
        statements(&run, &events, parts);
        Ok(Past { run, events })
    }

    /// Puts an event into the pack, with what it commits to where that is told. `None`: it is the ledger's own.
    fn event(&self, index: u64, tells: bool, parts: &mut Parts) -> Result<Option<Recorded>, Refusal> {
        let entry = self.ledger.read(index).map_err(unread)?;
        let mut details = BTreeMap::new();
        for name in entry.commitments.keys() {
            let salted = if tells { Some(self.ledger.salted(&entry, name).map_err(unread)?) } else { None };
            let told = match salted {
                None => Told::Withheld,
                Some(Some((salt, value))) => {
                    details.insert(name.clone(), Detail::Text(value.clone()));
                    Told::Text(salt, value)
                }
                Some(None) => {
                    details.insert(name.clone(), Detail::Erased);
                    Told::Erased
                }
            };
            parts.details.insert((index, name.clone()), told);
        }
        parts.leaves.insert(index, self.ledger.leaf(index).map_err(unread)?);
        codec::recorded(ledger::Recorded { entry, details }).map_err(unread)
    }

    /// The plan as it was bound, and the runbook as it was written.
    fn definition(&self, run: &Run, events: &[Recorded], parts: &mut Parts) {
        let plans = events.iter().filter(|one| matches!(one.event, Event::RunProposed { .. }));
        for plan in plans.filter_map(|one| one.details.get("plan")) {
            // What was erased is not made up again.
            if binding_of(plan.text()) == run.binding {
                let number = run.id.0;
                parts.files.insert(format!("run-{number}-plan.json"), plan.text().as_bytes().to_vec());
                let source = run.plan.runbook.source.as_bytes().to_vec();
                parts.files.insert(format!("run-{number}-runbook.toml"), source);
            }
        }
    }

    /// What a run printed, as it was redacted and stored, a piece a line.
    fn printed(&self, id: RunId, parts: &mut Parts) -> Result<(), Refusal> {
        let mut reader = match self.transcripts().reader(id) {
            Ok(reader) => reader,
            Err(TranscriptError::Missing(_)) => {
                parts.missing.push(id.0);
                return Ok(());
            }
            Err(error) => return Err(unread(error)),
        };
        let mut output: Vec<u8> = Vec::new();
        let (mut wrong, mut rest) = (None, room(parts)?);
        let each = |key: crate::domain::order::OrderKey, bytes: &[u8]| {
            rest = rest.saturating_sub(bytes.len());
            if rest == 0 || wrong.is_some() {
                return;
            }
            let row = match std::str::from_utf8(bytes) {
                Ok(text) => json!({"attempt": key.attempt, "slot": key.slot, "text": text}),
                Err(_) => json!({"attempt": key.attempt, "b64": STANDARD.encode(bytes), "slot": key.slot}),
            };
            match canonical::to_bytes(&row) {
                Ok(line) => {
                    output.extend_from_slice(&line);
                    output.push(b'\n');
                }
                Err(error) => wrong = Some(error),
            }
        };
        reader.each_printed(each).map_err(unread)?;
        if let Some(error) = wrong {
            return Err(unread(error));
        }
        if rest == 0 {
            return Err(too_much());
        }
        parts.files.insert(format!("run-{}-output.jsonl", id.0), output);
        Ok(())
    }

    /// The events that record that some of the details were erased.
    fn erasures(&self, size: u64, parts: &mut Parts) -> Result<(), Refusal> {
        if !parts.details.values().any(|told| *told == Told::Erased) {
            return Ok(());
        }
        let indices = self.views()?.events_of_kinds(&[ledger::KIND_ERASED]).map_err(unread)?;
        for index in indices.into_iter().filter(|index| *index < size) {
            self.event(index, false, parts)?;
        }
        Ok(())
    }

    /// What ties the events to the head, and the head to earlier ones.
    fn proofs(&self, signed: &Signed, earlier: &[u64], parts: &mut Parts) -> Result<(), Refusal> {
        let (tree, size) = (self.ledger.tree(), signed.checkpoint.size);
        let block = |block| self.ledger.block(block);
        let wanted: Vec<u64> = parts.leaves.keys().copied().collect();
        parts.others = tree.others(&wanted, size, block).map_err(unread)?;
        for from in earlier.iter().copied().filter(|from| *from > 0 && *from < size) {
            parts.earlier.insert(from, tree.consistency(from, size, block).map_err(unread)?);
        }
        Ok(())
    }
}

fn scope(selection: &Selection) -> Scope {
    match selection {
        Selection::Runs(_) => Scope::Run,
        Selection::Incident(id) => Scope::Incident(id.0),
        Selection::Period { from, until } => Scope::Period { from: from.0, until: until.0 },
    }
}

/// How many bytes a pack still takes.
fn room(parts: &Parts) -> Result<usize, Refusal> {
    let details = parts.details.values().map(|told| match told {
        Told::Text(_, bytes) => bytes.len(),
        Told::Erased | Told::Withheld => 0,
    });
    let taken = details.chain(parts.files.values().map(Vec::len)).fold(0, usize::saturating_add);
    PACK_BYTES_MAX.checked_sub(taken).filter(|rest| *rest > 0).ok_or_else(too_much)
}

fn too_much() -> Refusal {
    let what = format!("details and outputs are more than {} MiB together", PACK_BYTES_MAX / (1024 * 1024));
    Refusal::new(Rule::Limit, what).next("export fewer runs at once; `quarterdeck runs log` reads what one printed")
}

/// What approvers signed, beside the events that say so.
fn statements(run: &Run, events: &[Recorded], parts: &mut Parts) {
    let gates = run.answers.keys().flat_map(|slot| Statement::of_answers(run, *slot));
    let signed: Vec<_> = Statement::of_votes(run).chain(gates).filter(|(vote, _)| vote.proved.key.is_some()).collect();
    for one in events {
        let is_gate = match &one.event {
            Event::Voted { proved, .. } if proved.key.is_some() => false,
            Event::GateAnswered { proved, .. } if proved.key.is_some() => true,
            _ => continue,
        };
        let of_it = signed.iter().find(|(vote, statement)| {
            vote.at == one.at && Some(&vote.by) == one.by.person() && statement.gate.is_some() == is_gate
        });
        if let Some((_, statement)) = of_it {
            parts.statements.insert(one.index, statement.text());
        }
    }
}
