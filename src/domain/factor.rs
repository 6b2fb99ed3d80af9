//! Second factors: a secret that a person's own device and the server share, known here by an id that does not lead back to it.
//!
//! A factor is offered to its person, proved by a code, and in force only once another person, who answers for changes to
//! people, has confirmed it. Invariants: no two people have one secret (Z3); of each step of its clock one code is taken, so
//! none is used twice, also after a restart; after [`WRONG_MAX`] wrong codes within [`WRONG_WITHIN_MS`] none is taken until
//! the first of them is that long ago. Deliberately absent: secrets and codes.

use super::event::Recorded;
use super::id::{Digest, PersonId, Timestamp};
use super::legal::Illegal;
use super::proved::Code;
use super::refusal::{Refusal, Rule};
use super::world::World;
use imbl::Vector;
use serde::{Deserialize, Serialize};

/// How long one code is shown (RFC 6238).
pub const STEP_MS: u64 = 30_000;

/// Steps a device's clock may be off, either way.
pub const SKEW_STEPS: u64 = 1;

/// Wrong codes until none is taken any more.
pub const WRONG_MAX: usize = 5;

/// Within so long. Five tries in a million each quarter of an hour guess nothing.
pub const WRONG_WITHIN_MS: u64 = 15 * 60_000;

/// Steps between the look at a code and its decision: it waits for one sync of the ledger at most.
const WAITED_STEPS: u64 = 1;

/// A person's second factor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Factor {
    /// Made of its secret alone, and no way back to it.
    pub id: Digest,
    /// How far it got.
    pub standing: Standing,
    /// Since when.
    pub since: Timestamp,
    /// The last step of its clock whose code was taken.
    pub last: u64,
    /// When codes were wrong lately, oldest first.
    pub wrong: Vector<Timestamp>,
}

/// How far an enrolment got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// The secret was shown; no code of it has been seen.
    Offered,
    /// Its person has shown a code; nobody else has confirmed it.
    Proved,
    /// It is in force, by this person's word.
    Confirmed(PersonId),
}

/// What is asked for about a person's second factor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Want {
    /// A new one, whose secret the server has made.
    Offer {
        /// Its id.
        id: Digest,
    },
    /// The code that came with the ask shows that the secret arrived.
    Prove,
    /// The code that came with the ask lets its person in, after their key.
    SignIn {
        /// Whether they come from where nobody is locked out.
        on_call: bool,
    },
    /// This is that person's, as they say themselves.
    Confirm {
        /// Which one was compared.
        id: Digest,
        /// How that is known.
        reason: String,
    },
    /// It is lost, or no longer trusted.
    Revoke {
        /// Why.
        reason: String,
    },
}

/// What became of a person's second factor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Its secret was shown to its person.
    Offered {
        /// Its id.
        id: Digest,
    },
    /// Its person showed a code.
    Proved {
        /// In this step of its clock.
        step: u64,
    },
    /// Another person confirmed it: it is in force. Detail: `reason`.
    Confirmed {
        /// Its id.
        id: Digest,
    },
    /// A code was taken.
    Used {
        /// In this step of its clock.
        step: u64,
    },
    /// It counts no more. Detail: `reason`.
    Revoked {
        /// Its id.
        id: Digest,
    },
}

impl Act {
    /// In words, for the list of events.
    pub fn words(&self, person: &PersonId) -> String {
        match self {
            Act::Offered { id } => format!("second factor {} shown to {person}", id.short()),
            Act::Proved { .. } => format!("second factor of {person} works; another person confirms it"),
            Act::Confirmed { id } => format!("second factor {} of {person} confirmed", id.short()),
            Act::Used { .. } => format!("second factor of {person} used"),
            Act::Revoked { id } => format!("second factor {} of {person} revoked", id.short()),
        }
    }
}

/// The step of every factor's clock at a moment.
pub fn step_at(at: Timestamp) -> u64 {
    at.ms_since(Timestamp(0)) / STEP_MS
}

/// The factor of a person that is in force.
///
/// # Errors
/// There is none, and what is to be done about it.
pub fn in_force<'a>(world: &'a World, person: &PersonId) -> Result<&'a Factor, Refusal> {
    let none = |what: &str, next: &str| {
        Err(Refusal::new(Rule::FactorMissing, format!("{person} has no second factor in force: {what}")).next(next))
    };
    match world.factors.get(person) {
        None => none("none was enrolled", "quarterdeck people enrol"),
        Some(Factor { standing: Standing::Offered, .. }) => {
            none("no code of it was shown yet", "quarterdeck people prove, or people enrol once more")
        }
        Some(Factor { standing: Standing::Proved, id, .. }) => none(
            "nobody has confirmed it",
            &format!("another person who owns a workspace: quarterdeck people confirm {person} --id {}", id.short()),
        ),
        Some(factor @ Factor { standing: Standing::Confirmed(_), .. }) => Ok(factor),
    }
}

/// Judges the code that came with a command: whether it shows, here and now, that `person` has their second factor. The one
/// place that says so, whatever it is demanded for. What it returns is to be recorded as [`Act::Used`].
///
/// # Errors
/// No factor in force, no code, a wrong or used one, or too many wrong ones before.
pub fn fresh(world: &World, person: &PersonId, at: Timestamp, code: Code) -> Result<u64, Refusal> {
    judged(in_force(world, person)?, person, at, code)
}

/// The same at the door. Whoever comes from an on-call network is not locked out: else whoever guesses could keep the team out of
/// an incident. Wrong codes count from there as well.
///
/// # Errors
/// As [`fresh`].
pub(super) fn at_the_door(
    world: &World,
    person: &PersonId,
    at: Timestamp,
    code: Code,
    on_call: bool,
) -> Result<u64, Refusal> {
    let factor = in_force(world, person)?;
    match on_call {
        true => fits(factor, person, at, code),
        false => judged(factor, person, at, code),
    }
}

/// The same for a factor that is not in force yet.
pub(super) fn judged(factor: &Factor, person: &PersonId, at: Timestamp, code: Code) -> Result<u64, Refusal> {
    if let Some(until) = locked_until(factor, at) {
        let moment = until.to_jiff().strftime("%H:%M:%S UTC");
        let what = format!("{WRONG_MAX} codes of {person} were wrong: none is taken before {moment}");
        return Err(Refusal::new(Rule::FactorLocked, what)
            .next("wait; if it was not you who typed them, have the factor revoked: quarterdeck people revoke"));
    }
    fits(factor, person, at, code)
}

/// Whether a code is a fresh one of this factor.
fn fits(factor: &Factor, person: &PersonId, at: Timestamp, code: Code) -> Result<u64, Refusal> {
    let wrong = || {
        Refusal::new(Rule::FactorWrong, format!("that is no code of {person}'s second factor"))
            .next("read the code that your device shows now; its clock must be right")
    };
    match code {
        Code::None => Err(Refusal::new(Rule::FactorMissing, "this asks for a code of your second factor")
            .next("give it: --factor - reads it from standard input")),
        Code::Wrong => Err(wrong()),
        Code::Right { factor: of, step } => {
            let off = step.abs_diff(step_at(at));
            if of != factor.id || off > SKEW_STEPS + WAITED_STEPS {
                return Err(wrong());
            }
            if step <= factor.last {
                return Err(Refusal::new(Rule::FactorUsed, "that code, or a later one, was used already")
                    .next("wait for the next one: a code is good once"));
            }
            Ok(step)
        }
    }
}

/// Until when no code of a factor is taken, where too many were wrong.
pub fn locked_until(factor: &Factor, at: Timestamp) -> Option<Timestamp> {
    let recent = || factor.wrong.iter().filter(|wrong| at.ms_since(**wrong) < WRONG_WITHIN_MS);
    let first = recent().next().filter(|_| recent().count() >= WRONG_MAX)?;
    Some(first.plus_ms(WRONG_WITHIN_MS))
}

/// Who else has this secret.
pub(super) fn shared_with<'a>(world: &'a World, person: &PersonId, id: Digest) -> Option<&'a PersonId> {
    world.factors.iter().find(|(other, factor)| *other != person && factor.id == id).map(|(other, _)| other)
}

/// Folds what became of a person's factor. One that is not known changes nothing: the events before it were left out.
///
/// # Errors
/// It cannot have happened: the ledger is damaged.
pub fn fold(world: &mut World, recorded: &Recorded, person: &PersonId, act: &Act) -> Result<(), Illegal> {
    let at = recorded.at;
    if let Act::Offered { id } = act {
        let offered = Factor { id: *id, standing: Standing::Offered, since: at, last: 0, wrong: Vector::new() };
        // Whoever guesses does not begin afresh by enrolling.
        let wrong = world.factors.get(person).map(|before| before.wrong.clone()).unwrap_or_default();
        world.factors.insert(person.clone(), Factor { wrong, ..offered });
        return Ok(());
    }
    let Some(factor) = world.factors.get_mut(person) else {
        return Ok(());
    };
    let fits = match (act, &factor.standing) {
        (Act::Proved { .. }, Standing::Offered) => true,
        (Act::Confirmed { id }, Standing::Proved) => *id == factor.id,
        (Act::Used { step }, Standing::Confirmed(_)) => *step > factor.last,
        (Act::Revoked { id }, _) => *id == factor.id,
        (Act::Offered { .. } | Act::Proved { .. } | Act::Confirmed { .. } | Act::Used { .. }, _) => false,
    };
    if !fits {
        return Err(Illegal { event: "factor".to_owned(), state: format!("{person} {:?}", factor.standing) });
    }
    match act {
        Act::Offered { .. } => {}
        Act::Proved { step } => {
            factor.last = *step;
            (factor.standing, factor.since) = (Standing::Proved, at);
        }
        Act::Confirmed { .. } => {
            let by = recorded.by.person().cloned().unwrap_or_else(|| "engine".into());
            (factor.standing, factor.since) = (Standing::Confirmed(by), at);
        }
        Act::Used { step } => factor.last = *step,
        Act::Revoked { .. } => drop(world.factors.remove(person)),
    }
    Ok(())
}

/// Counts a wrong code, which stands in the record as what was refused for it.
pub fn fold_refused(world: &mut World, recorded: &Recorded, rule: Rule) {
    let counts = rule == Rule::FactorWrong;
    if let Some(factor) = recorded.by.person().filter(|_| counts).and_then(|person| world.factors.get_mut(person)) {
        factor.wrong.push_back(recorded.at);
        while factor.wrong.len() > WRONG_MAX {
            factor.wrong.pop_front();
        }
    }
}
