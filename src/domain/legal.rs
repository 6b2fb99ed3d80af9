//! The two legality tables. Live execution and replay both ask them: an event they do not allow never enters the
//! ledger, and a ledger that holds one is damaged.

use super::event::Event;
use super::run::{CellState, PhaseTag, Run};

/// An event that does not fit the state it met.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{event} does not fit {state}")]
pub struct Illegal {
    /// The event's kind.
    pub event: String,
    /// The state it met.
    pub state: String,
}

/// Whether a run in `phase` may meet `event`.
pub fn run_allows(phase: PhaseTag, event: &Event) -> bool {
    use PhaseTag as P;
    let before_start = matches!(phase, P::Checking | P::Waiting | P::Approved);
    let at_work = matches!(phase, P::Running | P::Paused | P::Stopping | P::Verifying);
    match event {
        Event::Beside(_) | Event::Notice { .. } | Event::Refused { .. } => true,
        Event::RunProposed { .. } => false,
        Event::RoundBegan { .. } => matches!(phase, P::Checking | P::Approved),
        Event::StartQueued { .. } | Event::QueueLeft { .. } => phase == P::Approved,
        Event::StartAsked { .. } | Event::RunStarted { .. } => {
            matches!(phase, P::Approved | P::Checking)
        }
        Event::ChecksReleased { .. } => matches!(phase, P::Checking | P::Verifying),
        Event::BuiltInJudged { .. } => phase == P::Checking,
        Event::Intended { probe: true, .. } => matches!(phase, P::Running | P::Paused | P::Stopping),
        Event::Intended { probe: false, .. } => {
            matches!(phase, P::Checking | P::Running | P::Stopping | P::Verifying)
        }
        Event::Started { .. } | Event::SecretUsed { .. } | Event::Ended { .. } => phase == P::Checking || at_work,
        Event::RetryPlanned { .. } => matches!(phase, P::Running | P::Paused | P::Stopping),
        Event::Resolved { .. } => matches!(phase, P::Paused | P::Running),
        Event::HostDropped { .. } => matches!(phase, P::Running | P::Paused | P::Stopping),
        Event::ManualOpened { .. } => matches!(phase, P::Running | P::Stopping),
        Event::EvidenceGiven { .. } => matches!(phase, P::Running | P::Paused | P::Stopping),
        Event::Ticked { .. } | Event::WaitOver { .. } | Event::GateAnswered { .. } | Event::GateOver { .. } => {
            matches!(phase, P::Running | P::Paused | P::Stopping)
        }
        Event::BatchBegan { .. } => phase == P::Running,
        Event::WarningAccepted { .. } => matches!(phase, P::Checking | P::Waiting),
        Event::RunWaiting { .. } => matches!(phase, P::Checking | P::Approved),
        Event::Voted { .. } => before_start,
        Event::RunApproved { .. } => matches!(phase, P::Checking | P::Waiting),
        Event::RunPaused { .. } => matches!(phase, P::Running | P::Paused),
        Event::RunContinued { .. } => phase == P::Paused,
        Event::RunStopping { .. } => {
            matches!(phase, P::Running | P::Paused | P::Verifying | P::Stopping)
        }
        Event::RunTaken { .. } | Event::RunOffered { .. } => at_work,
        Event::VerifyBegan { .. } => phase == P::Running,
        Event::RunEnded { .. } => at_work,
        Event::RunCancelled { .. } => before_start,
        Event::StepOverdue { .. } => matches!(phase, P::Running | P::Paused),
        Event::Drifted { .. } => at_work,
        Event::Noted { .. } => phase != P::Cancelled,
        Event::RunClosed { .. } => phase == P::Ended,
        Event::GlassBroken { .. } | Event::GlassOpened { .. } => matches!(phase, P::Waiting | P::Approved),
        Event::ReviewGiven { .. } | Event::RunReviewed { .. } => phase == P::Closed,
    }
}

/// Whether a cell in `state` at `attempt` may meet `event`.
pub fn cell_allows(state: &CellState, attempt: u16, event: &Event) -> bool {
    match event {
        Event::Intended { attempt: next, probe, .. } => {
            let fits = match probe {
                true => matches!(state, CellState::Unknown(_)),
                false => *state == CellState::Waiting,
            };
            fits && attempt.checked_add(1) == Some(*next)
        }
        Event::Started { attempt: this, .. } => *state == CellState::Intended && *this == attempt,
        Event::SecretUsed { attempt: this, .. } | Event::Ended { attempt: this, .. } => {
            state.is_in_flight() && *this == attempt
        }
        Event::RetryPlanned { .. } | Event::HostDropped { .. } => {
            matches!(state, CellState::Failed(_) | CellState::Unknown(_) | CellState::Refused(_))
        }
        Event::Resolved { .. } => match state {
            CellState::Failed(_) | CellState::Unknown(_) | CellState::Refused(_) | CellState::Waiting => true,
            CellState::Intended | CellState::Started { .. } | CellState::Ok | CellState::Skipped => false,
        },
        Event::ManualOpened { .. }
        | Event::Ticked { .. }
        | Event::EvidenceGiven { .. }
        | Event::WaitOver { .. }
        | Event::GateAnswered { .. }
        | Event::GateOver { .. } => *state == CellState::Waiting,
        Event::Beside(_)
        | Event::Refused { .. }
        | Event::RunProposed { .. }
        | Event::RoundBegan { .. }
        | Event::ChecksReleased { .. }
        | Event::BuiltInJudged { .. }
        | Event::BatchBegan { .. }
        | Event::WarningAccepted { .. }
        | Event::RunWaiting { .. }
        | Event::Voted { .. }
        | Event::RunApproved { .. }
        | Event::StartQueued { .. }
        | Event::QueueLeft { .. }
        | Event::StartAsked { .. }
        | Event::RunStarted { .. }
        | Event::RunPaused { .. }
        | Event::RunContinued { .. }
        | Event::RunStopping { .. }
        | Event::RunTaken { .. }
        | Event::RunOffered { .. }
        | Event::VerifyBegan { .. }
        | Event::RunEnded { .. }
        | Event::RunCancelled { .. }
        | Event::StepOverdue { .. }
        | Event::Drifted { .. }
        | Event::Noted { .. }
        | Event::RunClosed { .. }
        | Event::GlassBroken { .. }
        | Event::GlassOpened { .. }
        | Event::ReviewGiven { .. }
        | Event::RunReviewed { .. }
        | Event::Notice { .. } => true,
    }
}

/// Asks both tables.
///
/// # Errors
/// Names the event and the state it does not fit.
pub fn check(run: &Run, event: &Event) -> Result<(), Illegal> {
    let kind = || super::words::kind(event).to_owned();
    if !run_allows(run.phase.tag(), event) {
        return Err(Illegal { event: kind(), state: format!("{} in {}", run.id, run.phase.tag().word()) });
    }
    if let Some(slot) = super::words::slot(event)
        && !cell_allows(run.state(slot), run.tries(slot), event)
    {
        return Err(Illegal { event: kind(), state: format!("{} {slot:?} {:?}", run.id, run.state(slot)) });
    }
    Ok(())
}
