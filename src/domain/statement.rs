//! What an approver signs: a text of a few lines that says who approves what, and that anybody can write again from the record.
//!
//! Invariant: no two approvals have one statement, not even of one person, so that a signature that stands in the record is no
//! way to approve once more what was taken back; [`Statement::parse`] reads what
//! [`Statement::text`] wrote and nothing else, so that a key signs no other text for us.

use super::id::{Digest, PersonId, RunId, Timestamp};
use super::once;
use super::run::{Item, Run, Slot, Vote};
use imbl::Vector;
use std::fmt::Write as _;

/// What the signature is for, as SSHSIG has it: one for another purpose is none.
pub const NAMESPACE: &str = "approval@quarterdeck";

/// The first line; the number changes with the form.
const HEAD: &str = "quarterdeck approval v1";

/// Longest statement: a few names and digests.
pub const STATEMENT_BYTES_MAX: usize = 1_024;

/// An approval, as it is signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    /// The ledger it is recorded in: it is worth nothing on another site.
    pub origin: String,
    /// Which run.
    pub run: RunId,
    /// Everything that runs.
    pub binding: Digest,
    /// The gate inside the run that is let through; `None` before its start.
    pub gate: Option<Gate>,
    /// Who approves.
    pub person: PersonId,
    /// Which of this person's words on it, counted from 1: what was taken back is approved anew by another statement.
    pub nth: u32,
}

/// A gate that is asked: asked again, it is another question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gate {
    /// The step's position, from 1.
    pub step: u16,
    /// When it was asked, in milliseconds since 1970.
    pub asked: Timestamp,
}

impl Statement {
    /// What `person` signs to approve this run as it stands: its start, or the gate it waits at.
    pub fn of(run: &Run, person: &PersonId) -> Self {
        let open = once::open_gate(run).map(|(position, _)| once::slot(position));
        let said = match open {
            Some(slot) => words_of(run.answers.get(&slot).into_iter().flatten(), person),
            None => words_of(run.votes.iter(), person),
        };
        Self::with(run, open, person, said.saturating_add(1))
    }

    /// Every vote on the start of a run, with what was signed for it where it was signed.
    pub fn of_votes(run: &Run) -> impl Iterator<Item = (&Vote, Self)> {
        Self::of_all(run, None, &run.votes)
    }

    /// Every answer to a gate of a run, likewise.
    pub fn of_answers(run: &Run, slot: Slot) -> impl Iterator<Item = (&Vote, Self)> {
        run.answers.get(&slot).into_iter().flat_map(move |answers| Self::of_all(run, Some(slot), answers))
    }

    fn of_all<'a>(
        run: &'a Run,
        slot: Option<Slot>,
        votes: &'a Vector<Vote>,
    ) -> impl Iterator<Item = (&'a Vote, Self)> + use<'a> {
        votes.iter().enumerate().map(move |(at, vote)| {
            let nth = words_of(votes.iter().take(at + 1), &vote.by);
            (vote, Self::with(run, slot, &vote.by, nth))
        })
    }

    fn with(run: &Run, slot: Option<Slot>, person: &PersonId, nth: u32) -> Self {
        let gate = slot.and_then(|slot| match slot.item {
            Item::Step(position) => Some(asked(run, position)),
            Item::Reach | Item::Preflight(_) | Item::Verify(_) => None,
        });
        Self { origin: run.plan.origin.clone(), run: run.id, binding: run.binding, gate, person: person.clone(), nth }
    }

    /// The text that is signed, to the byte.
    pub fn text(&self) -> String {
        let Self { origin, run, binding, gate, person, nth } = self;
        let mut text = format!("{HEAD}\norigin: {origin}\nrun: {}\nbinding: {binding}\n", run.0);
        if let Some(Gate { step, asked }) = gate {
            let _ = write!(text, "gate: {step}\nasked: {}\n", asked.0);
        }
        let _ = write!(text, "choice: approve\nperson: {person}\nnth: {nth}\n");
        text
    }

    /// Reads a statement; `None` where the text is not to the byte one that [`Statement::text`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > STATEMENT_BYTES_MAX {
            return None;
        }
        let mut fields = text.lines().skip(1).map(|line| line.split_once(": "));
        let mut next = |name: &str| fields.next().flatten().filter(|(known, _)| *known == name).map(|(_, value)| value);
        let origin = next("origin")?.to_owned();
        let run = RunId(next("run")?.parse().ok()?);
        let binding = next("binding")?.parse().ok()?;
        let gate = match text.contains("\ngate: ") {
            true => Some(Gate { step: next("gate")?.parse().ok()?, asked: Timestamp(next("asked")?.parse().ok()?) }),
            false => None,
        };
        next("choice")?;
        let person = PersonId::new(next("person")?);
        let statement = Self { origin, run, binding, gate, person, nth: next("nth")?.parse().ok()? };
        // Whatever was read leniently so far, another spelling of it is another text.
        (statement.text() == text).then_some(statement)
    }
}

fn words_of<'a>(votes: impl Iterator<Item = &'a Vote>, person: &PersonId) -> u32 {
    u32::try_from(votes.filter(|vote| vote.by == *person).count()).unwrap_or(u32::MAX)
}

fn asked(run: &Run, position: u16) -> Gate {
    let asked = run.cell(once::slot(position)).map_or(run.proposed, |cell| cell.opened);
    Gate { step: position.saturating_add(1), asked }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement() -> Statement {
        Statement {
            origin: "4f1c".to_owned(),
            run: RunId(42),
            binding: Digest::of(b"plan"),
            gate: None,
            person: "grace".into(),
            nth: 1,
        }
    }

    #[test]
    fn a_statement_is_read_as_it_was_written() {
        let gate = Some(Gate { step: 3, asked: Timestamp(1_795_435_200_000) });
        for statement in [statement(), Statement { gate, ..statement() }] {
            assert_eq!(Statement::parse(&statement.text()), Some(statement));
        }
        let text = statement().text();
        assert_eq!(text.lines().next(), Some("quarterdeck approval v1"));
        assert!(text.ends_with("choice: approve\nperson: grace\nnth: 1\n"), "{text}");
    }

    #[test]
    fn nothing_else_is_a_statement() {
        let text = statement().text();
        let spoiled = [
            text.replace("v1", "v2"),
            text.replace("approve", "deny"),
            text.replace('\n', "\r\n"),
            format!("{text}more: x\n"),
            format!(" {text}"),
            text.replace("run: 42", "run: 042"),
            text.replace("choice", "gate: 1\nchoice"),
            text.trim_end().to_owned(),
            text.replace("grace", "grace\nperson: ada"),
            "x".repeat(STATEMENT_BYTES_MAX + 1),
            String::new(),
        ];
        for text in spoiled {
            assert_eq!(Statement::parse(&text), None, "{text}");
        }
    }
}
