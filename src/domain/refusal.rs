//! A refusal is an ordinary value: what was refused, by which rule, who may do it instead, and what to do next.
//! Codes are stable: people search for them and tests name them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why the answer is no.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// The rule that says no.
    pub rule: Rule,
    /// What was refused and why, in one sentence.
    pub what: String,
    /// Who may do it, in words; empty where nobody may.
    pub who_may: String,
    /// What to do next; empty where there is nothing.
    pub next: String,
}

impl Refusal {
    /// A refusal by `rule`, told in one sentence.
    pub fn new(rule: Rule, what: impl Into<String>) -> Self {
        Self { rule, what: what.into(), who_may: String::new(), next: String::new() }
    }

    /// Adds who may do it instead.
    pub fn who_may(mut self, who: impl Into<String>) -> Self {
        self.who_may = who.into();
        self
    }

    /// Adds what to do next.
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.what, self.rule.code())?;
        if !self.who_may.is_empty() {
            write!(f, " · who may: {}", self.who_may)?;
        }
        if !self.next.is_empty() {
            write!(f, " · next: {}", self.next)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $code:literal),* $(,)?) => {
        /// A rule that can say no, with its stable code.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub enum Rule {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }

        impl Rule {
            /// Every rule there is.
            pub const ALL: &'static [Rule] = &[$(Rule::$name,)*];

            /// The stable code, as printed and as searched for.
            pub fn code(self) -> &'static str {
                match self {
                    $(Rule::$name => $code,)*
                }
            }
        }
    };
}

rules! {
    /// The actor lacks the role the act needs.
    Role = "role.missing",
    /// Proposer and approver are one person.
    SeparationSelf = "sod.self",
    /// No role of the workspace may break glass.
    GlassSealed = "glass.sealed",
    /// Glass is broken for an incident, and there is none.
    GlassIncident = "glass.incident",
    /// A role is asked for or granted beyond what anybody may give this way.
    Escalate = "iam.escalate",
    /// A machine of the person asked for it.
    SeparationOwner = "sod.owner",
    /// Executor and reviewer are one person.
    SeparationReview = "sod.review",
    /// Whoever changed the runbook last is its only approver.
    SeparationEditor = "sod.editor",
    /// A machine or the engine may not do what only a person may.
    ActorMachine = "actor.machine",
    /// The person is not known to the site in force.
    ActorUnknown = "actor.unknown",
    /// There is no such object, or not for this person.
    NotFound = "not_found",
    /// The object changed since it was looked at.
    Stale = "stale",
    /// The act does not fit the state the run is in.
    State = "state",
    /// An approval covers something else than what would run.
    BindingDrift = "binding.drift",
    /// The approval was used already.
    ApprovalUsed = "approval.used",
    /// Asked for or approved too long ago.
    Expired = "approval.expired",
    /// A preflight check blocks the run.
    PreflightBlock = "preflight.block",
    /// Outside every change window.
    WindowClosed = "window.closed",
    /// A freeze is in force.
    Frozen = "window.frozen",
    /// A checkpoint the workspace asks for is left open.
    Checkpoint = "checkpoint",
    /// An input is missing, malformed or not confirmed.
    Input = "input",
    /// The selector matches no host, or an excluded one.
    Targets = "targets",
    /// A draft outside lab and staging, a retired runbook, or one no second person has accepted.
    RunbookStatus = "runbook.status",
    /// The runbook's review is too long overdue.
    RunbookOverdue = "runbook.overdue",
    /// A text that the act needs is missing.
    ReasonMissing = "reason.missing",
    /// A named bound of the system is reached.
    Limit = "limit",
    /// A site with a single person runs in lab and staging alone.
    OnePerson = "site.one_person",
    /// The site is not loaded, or a change to it waits for acceptance.
    Site = "site.pending",
    /// The host is used by another run.
    Busy = "host.busy",
    /// The ledger cannot take more: no decision can be recorded.
    Storage = "storage",
    /// What was asked for has no place in the ledger, now or later.
    Record = "record",
    /// The disk is full: only what ends things is recorded.
    NoRoom = "storage.full",
    /// The server is going down: nothing was asked for.
    Stopping = "server.stopping",
    /// The site does not name the place that would be asked over HTTP.
    Egress = "egress",
    /// Work on the server's own machine, and no account of its own for that.
    LocalAccount = "local.account",
    /// Somebody else has taken the run.
    Claimed = "run.claimed",
    /// More than the baseline, where the baseline has not run well.
    Baseline = "tags.baseline",
    /// No second factor in force, or no code of it given.
    FactorMissing = "factor.missing",
    /// It is no code of the person's second factor.
    FactorWrong = "factor.wrong",
    /// The code was used already.
    FactorUsed = "factor.used",
    /// Too many codes were wrong.
    FactorLocked = "factor.locked",
    /// No signature was given, or no key is known to sign with.
    SignatureMissing = "signature.missing",
    /// The signature does not hold, or is another person's, or over something else.
    SignatureWrong = "signature.wrong",
    /// A request over HTTP that no machine of this site has signed.
    RequestUnproved = "request.unproved",
    /// A request that was signed too long ago, or in the future.
    RequestLate = "request.late",
    /// A request that was heard already.
    RequestReplayed = "request.replayed",
    /// A credential that another person has already.
    CredentialShared = "credential.shared",
    /// The choice does not fit the step: a once step is never repeated by itself, a required one not skipped.
    Choice = "choice",
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_unique_and_survive_json() {
        let codes: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.code()).collect();
        assert_eq!(codes.len(), Rule::ALL.len());
        for rule in Rule::ALL {
            let json = serde_json::to_string(rule).unwrap();
            assert_eq!(json, format!("\"{}\"", rule.code()));
            assert_eq!(serde_json::from_str::<Rule>(&json).unwrap(), *rule);
        }
    }
}
