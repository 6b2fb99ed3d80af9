//! What an approval rests on beside a name: a code of the approver's second factor, a signature by the approver's own key.
//!
//! What came with an ask is a fact about it, found out by the engine, which alone has secrets and the arithmetic of keys;
//! whether it is enough is judged here, from the facts alone. Deliberately absent: secrets, codes and clocks.

use super::factor;
use super::id::{Digest, PersonId};
use super::people::Person;
use super::plan::Plan;
use super::refusal::{Refusal, Rule};
use super::runbook::Impact;
use super::workspace::Policy;
use super::world::World;
use serde::{Deserialize, Serialize};

/// What came with an ask. Most come with nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Proof {
    /// A code of the second factor.
    pub code: Code,
    /// A signature.
    pub signature: Signed,
}

/// What a code came to that was given with an ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Code {
    /// None was given.
    #[default]
    None,
    /// It is right.
    Right {
        /// For the factor with this id.
        factor: Digest,
        /// In this step of its clock.
        step: u64,
    },
    /// It is not.
    Wrong,
}

/// What a signature came to that was given with an ask.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Signed {
    /// None was given.
    #[default]
    None,
    /// It holds, whoever's key that is.
    Holds(Box<Signature>),
    /// It does not, and why.
    Not(String),
}

/// A signature that holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature {
    /// Over this text.
    pub statement: String,
    /// By this key, `ssh-ed25519 AAAA…`, without a comment.
    pub key: String,
    /// SHA-256 of the key, as fingerprints are made.
    pub fingerprint: Digest,
    /// The signature itself, armoured, as `ssh-keygen -Y verify` reads it.
    pub armoured: String,
}

/// What an approval was given with; in the leaf, and with the vote.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Proved {
    /// A code of the second factor was right.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub factor: bool,
    /// SHA-256 of the key that signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Digest>,
}

impl Proved {
    /// Whether it was given with nothing.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// In words; empty where it was given with nothing.
    pub fn words(&self) -> &'static str {
        match (self.factor, self.key) {
            (false, None) => "",
            (true, None) => "with the second factor",
            (false, Some(_)) => "signed",
            (true, Some(_)) => "with the second factor, signed",
        }
    }
}

/// What each approval of a run must be given with. Part of the plan, so that a policy that asks for less voids what waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Demands {
    /// A code of the approver's second factor.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub factor: bool,
    /// A signature by the approver's own key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signature: bool,
}

impl Demands {
    /// What a workspace's policy demands at an impact.
    pub fn at(policy: &Policy, impact: Impact) -> Self {
        let from = |threshold: Option<Impact>| threshold.is_some_and(|threshold| impact >= threshold);
        Self { factor: from(policy.second_factor), signature: from(policy.signed) }
    }

    /// Whether nothing is demanded.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// In words; empty where nothing is demanded.
    pub fn words(self) -> &'static str {
        match (self.factor, self.signature) {
            (false, false) => "",
            (true, false) => "each with the approver's second factor",
            (false, true) => "each signed with the approver's SSH key",
            (true, true) => "each with the approver's second factor, signed with their SSH key",
        }
    }
}

/// Why a person cannot give what an approval of this plan must be given with, before anything is typed. A no needs neither.
pub fn lacks(world: &World, plan: &Plan, person: &PersonId) -> Option<Refusal> {
    if plan.demands.factor
        && let Err(refusal) = factor::in_force(world, person)
    {
        return Some(refusal);
    }
    let known = world.site.as_ref().and_then(|site| site.people.get(person));
    let signs = known.is_some_and(|person| person.keys.iter().any(|key| can_sign(key)));
    (plan.demands.signature && !signs).then(|| {
        Refusal::new(
            Rule::SignatureMissing,
            format!("this is approved by a signature, and people.toml has no key that {person} could sign with"),
        )
        .next(format!("have an ed25519 or ecdsa key added to {person} in people.toml"))
    })
}

/// Whether this program verifies signatures by such a key. RSA is left out: with it the hash is a matter of trust.
pub fn can_sign(key: &str) -> bool {
    let kind = key.split_whitespace().next().unwrap_or_default();
    ["ssh-ed25519", "ecdsa-sha2-", "sk-ssh-ed25519@", "sk-ecdsa-sha2-"].iter().any(|known| kind.starts_with(known))
}

/// Whether a key is one of a person's.
pub fn owns(person: &Person, key: &str) -> bool {
    person.keys.iter().any(|own| same_key(own, key))
}

/// Whether two lines are one key, comments aside.
pub fn same_key(one: &str, other: &str) -> bool {
    one.split_whitespace().take(2).eq(other.split_whitespace().take(2))
}
