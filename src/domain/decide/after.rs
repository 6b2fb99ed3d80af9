//! After a run: the outcome note and the review.

use super::*;
use crate::domain::follow_up::Draft;
use crate::domain::glass;

/// What the note of a run says that nobody verified, in whatever case.
const SAYS_UNVERIFIED: [&str; 2] = ["not verified", "unverified"];

impl Deciding {
    pub(super) fn close(&mut self, id: RunId, note: &str, seen: Seen) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        fresh(&run, seen)?;
        if !policy::may_stop(&workspace, &person) {
            return Err(planning::missing_role(
                &workspace,
                &person,
                run.plan.runbook.runs_as,
                "write the outcome note",
            ));
        }
        if !matches!(run.phase, Phase::Ended(_)) {
            return Err(Refusal::new(
                Rule::State,
                format!("{id} is {}; an outcome note is written once, at the end", run.phase.tag().word()),
            ));
        }
        let note = needed(note, "an outcome note")?;
        let lower = note.to_lowercase();
        if run.phase.ending() == Some(Ending::Unverified) && !SAYS_UNVERIFIED.iter().any(|words| lower.contains(words))
        {
            return Err(Refusal::new(Rule::ReasonMissing, format!("nothing verified {id}: the note has to say so"))
                .next("write \"not verified\", and how you know what came of it"));
        }
        self.emit(Entry::with(Event::RunClosed { run: id }, "text", note))
    }

    pub(super) fn review(&mut self, id: RunId, comment: &str, follow_ups: &[Draft], seen: Seen) -> Result<(), Refusal> {
        let person = self.person()?;
        let (run, workspace) = self.run_for(id, &person)?;
        fresh(&run, seen)?;
        if !matches!(run.phase, Phase::Closed(_)) {
            return Err(Refusal::new(
                Rule::State,
                format!("{id} is {}; it is reviewed once its outcome note is written", run.phase.tag().word()),
            ));
        }
        if let Some(refusal) = policy::refuses_review(&workspace, &run, &person) {
            return Err(refusal);
        }
        self.may_sign_off(&run, &person)?;
        if glass::reviews_missing(&run) > 1 {
            let text = needed(comment, "a word of review")?;
            self.emit(Entry::with(Event::ReviewGiven { run: id }, "text", text))?;
            return self.give_with_review(&workspace, id, follow_ups);
        }
        self.emit(Entry::with(Event::RunReviewed { run: id }, "text", needed(comment, "a word of review")?))?;
        self.give_with_review(&workspace, id, follow_ups)
    }
}
