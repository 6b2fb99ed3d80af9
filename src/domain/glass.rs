//! Breaking glass: the one way round approvals, windows and freezes, for an incident that somebody else has opened.
//!
//! Invariants: whoever breaks it shows their second factor; it opens one run as it is bound, on the hosts of its plan, for half an hour, after a countdown that everybody sees
//! and may stop; it lets the run on only while whoever broke it holds the role (Z23); checks that block, host keys, redaction and the record
//! hold as ever; two people who took no part sign it off.

use super::id::{IncidentId, PersonId, Timestamp};
use super::run::{Phase, Run};
use super::workspace::Workspace;

/// How long everybody sees it coming.
pub const COUNTDOWN_MS: u64 = 5_000;

/// How long the run may begin steps, from when it was broken.
pub const FOR_MS: u64 = 30 * 60_000;

/// How soon it is to be signed off.
pub const REVIEW_MS: u64 = 24 * 3_600_000;

/// How many people sign it off.
pub const REVIEWS: usize = 2;

/// How long somebody whose run a person signed off does not sign off that person's: friends do not review each other.
pub const RETURN_MS: u64 = 30 * 24 * 3_600_000;

/// What is typed to break it.
pub const PHRASE: &str = "break glass";

/// Who broke glass for a run, and for what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Glass {
    /// Who.
    pub by: PersonId,
    /// For which incident.
    pub incident: IncidentId,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// Whether the countdown is over.
    pub open: bool,
}

impl Glass {
    /// When the countdown is over.
    pub fn opens(&self) -> Timestamp {
        self.at.plus_ms(COUNTDOWN_MS)
    }

    /// Until when the run may begin steps.
    pub fn until(&self) -> Timestamp {
        self.at.plus_ms(FOR_MS)
    }

    /// Until when it is to be signed off.
    pub fn review_due(&self) -> Timestamp {
        self.at.plus_ms(REVIEW_MS)
    }
}

/// Whether glass is broken for a run and the countdown is over: whoever broke it has answered for its warnings.
pub fn is_open(run: &Run) -> bool {
    run.glass.as_ref().is_some_and(|glass| glass.open)
}

/// Whether open glass lets a run on now: approvals, windows and freezes hold it no more, as long as whoever broke it may.
pub fn lets(workspace: &Workspace, run: &Run) -> bool {
    let may = |by: &PersonId| workspace.policy.break_glass.is_some_and(|role| workspace.grants(by, role));
    run.glass.as_ref().is_some_and(|glass| glass.open && may(&glass.by))
}

/// Why a run that was let on by open glass is so no more.
pub fn lost(workspace: &Workspace, run: &Run) -> Option<String> {
    let glass = run.glass.as_ref().filter(|glass| glass.open && !lets(workspace, run))?;
    Some(format!("{}, who broke glass, no longer holds the role that may", glass.by))
}

/// The countdown of a run that waits for it.
pub fn opens(run: &Run) -> Option<Timestamp> {
    let glass = run.glass.as_ref().filter(|glass| !glass.open)?;
    matches!(run.phase, Phase::Waiting | Phase::Approved).then(|| glass.opens())
}

/// How many sign-offs a run still lacks.
pub fn reviews_missing(run: &Run) -> usize {
    let needed = if run.glass.is_some() { REVIEWS } else { 1 };
    needed.saturating_sub(run.reviews.len()).saturating_sub(usize::from(run.review.is_some()))
}

/// Whether a run for which glass was broken has begun anything and is not signed off: it stays red until then.
pub fn is_red(run: &Run) -> bool {
    run.glass.is_some() && run.started.is_some() && run.review.is_none()
}
