//! What comes with an ask beside its words, second factors and signatures: whether it is enough, and how a factor is enrolled.

use super::*;
use crate::domain::beside::Beside;
use crate::domain::factor::{self, Act, Factor, Standing, Want};
use crate::domain::proved::{self, Code, Proved, Signature, Signed};
use crate::domain::site::Sensitive;
use crate::domain::statement::Statement;

impl Deciding {
    /// Demands that a code of the person's second factor came with the command, and uses it up. Whatever asks for more than a
    /// name calls this.
    ///
    /// # Errors
    /// As [`factor::fresh`].
    pub(super) fn second_factor(&mut self, person: &PersonId) -> Result<(), Refusal> {
        let step = factor::fresh(&self.world, person, self.at, self.proof.code)?;
        self.emit(Entry::bare(Event::Beside(Beside::Factor { person: person.clone(), act: Act::Used { step } })))
    }

    /// Judges what an approval came with against what the plan demands. What is not demanded and given all the same has to be
    /// right too, and stands in the record.
    pub(super) fn proved(&mut self, run: &Run, person: &PersonId, choice: Choice) -> Result<Backed, Refusal> {
        // The safe direction asks for nothing; a no that came with a code is still a no.
        if choice != Choice::Approve {
            return Ok(Backed::default());
        }
        if let Some(refusal) = proved::lacks(&self.world, &run.plan, person) {
            return Err(refusal);
        }
        let demands = run.plan.demands;
        let signature = self.signature(run, person, demands.signature)?;
        // The code last: what is refused for another reason has not used it up.
        let factor = demands.factor || self.proof.code != Code::None;
        if factor {
            self.second_factor(person)?;
        }
        let key = signature.as_ref().map(|signature| signature.fingerprint);
        Ok(Backed { proved: Proved { factor, key }, armoured: signature.map(|it| it.armoured).unwrap_or_default() })
    }

    fn signature(&self, run: &Run, person: &PersonId, demanded: bool) -> Result<Option<Signature>, Refusal> {
        let wrong =
            |what: String| Err(Refusal::new(Rule::SignatureWrong, what).next("sign it again, as yourself: --sign"));
        match &self.proof.signature {
            Signed::None if demanded => {
                Err(Refusal::new(Rule::SignatureMissing, "this is approved by a signature of your own SSH key")
                    .next(format!("quarterdeck approve {} --code … --reason … --sign", run.id.0)))
            }
            Signed::None => Ok(None),
            Signed::Not(why) => wrong(format!("the signature does not hold: {why}")),
            Signed::Holds(signature) => {
                let known = self.world.site.as_ref().and_then(|site| site.people.get(person));
                if !known.is_some_and(|known| proved::owns(known, &signature.key)) {
                    return wrong(format!("the key that signed is none of {person}'s in people.toml"));
                }
                if signature.statement != Statement::of(run, person).text() {
                    return wrong("what was signed is not this approval".to_owned());
                }
                Ok(Some(Signature::clone(signature)))
            }
        }
    }

    /// A person's second factor: offered, proved, confirmed by another, revoked.
    pub(super) fn factor(&mut self, person: &PersonId, want: &Want) -> Result<(), Refusal> {
        let by = self.person()?;
        let own = by == *person;
        let now = self.world.factors.get(person).cloned();
        let not_ones_own =
            || Refusal::new(Rule::Role, "a second factor is enrolled by its own person").who_may(person.to_string());
        match want {
            Want::Offer { id } => {
                if !own {
                    return Err(not_ones_own());
                }
                if let Some(Factor { standing: Standing::Confirmed(_), .. }) = now {
                    return Err(Refusal::new(Rule::State, format!("{person} has a second factor in force"))
                        .next(format!("if its device is lost: quarterdeck people revoke {person} --reason …")));
                }
                if let Some(other) = factor::shared_with(&self.world, person, *id) {
                    let what = format!("{other} has this second factor already");
                    return Err(Refusal::new(Rule::CredentialShared, what));
                }
                self.became(person, Act::Offered { id: *id }, None)
            }
            Want::Prove => {
                if !own {
                    return Err(not_ones_own());
                }
                match now {
                    Some(factor @ Factor { standing: Standing::Offered, .. }) => {
                        let step = factor::judged(&factor, person, self.at, self.proof.code)?;
                        self.became(person, Act::Proved { step }, None)
                    }
                    Some(_) => Err(Refusal::new(Rule::State, "its code was shown already")),
                    None => Err(nothing_enrolled(person)),
                }
            }
            Want::SignIn { on_call } => {
                if !own {
                    return Err(Refusal::new(Rule::Role, "everybody signs in as themselves"));
                }
                let step = factor::at_the_door(&self.world, person, self.at, self.proof.code, *on_call)?;
                self.became(person, Act::Used { step }, None)
            }
            Want::Confirm { id, reason } => self.confirm(&by, person, *id, reason),
            Want::Revoke { reason } => {
                let Some(factor) = now.filter(|_| own || self.answers_for(&by, person)) else {
                    return Err(match self.answers_for(&by, person) || own {
                        true => nothing_enrolled(person),
                        false => self.not_answerable(&by, person),
                    });
                };
                let reason = needed(reason, "a reason")?;
                self.became(person, Act::Revoked { id: factor.id }, Some(reason))
            }
        }
    }

    /// Another person vouches that the factor is its person's: else whoever got hold of an account would enrol their own.
    fn confirm(&mut self, by: &PersonId, person: &PersonId, id: Digest, reason: &str) -> Result<(), Refusal> {
        if by == person {
            return Err(Refusal::new(Rule::SeparationSelf, "nobody confirms their own second factor")
                .who_may(self.answerable(person)));
        }
        if !self.answers_for(by, person) {
            return Err(self.not_answerable(by, person));
        }
        match self.world.factors.get(person) {
            None => Err(nothing_enrolled(person)),
            Some(Factor { id: known, .. }) if *known != id => {
                Err(Refusal::new(Rule::Stale, format!("that is not the id of what {person} enrolled")).next(format!(
                    "ask {person} for the id that was shown at the enrolment; do not take it from a list"
                )))
            }
            Some(Factor { standing: Standing::Offered, .. }) => {
                Err(Refusal::new(Rule::State, format!("{person} has shown no code of it yet"))
                    .next(format!("{person}: quarterdeck people prove")))
            }
            Some(Factor { standing: Standing::Confirmed(_), .. }) => {
                Err(Refusal::new(Rule::State, "it is confirmed already"))
            }
            Some(Factor { standing: Standing::Proved, .. }) => {
                let reason = needed(reason, "a reason")?;
                self.became(person, Act::Confirmed { id }, Some(reason))
            }
        }
    }

    fn became(&mut self, person: &PersonId, act: Act, reason: Option<String>) -> Result<(), Refusal> {
        let entry = Entry::bare(Event::Beside(Beside::Factor { person: person.clone(), act }));
        self.emit(match reason {
            Some(reason) => entry.and("reason", reason),
            None => entry,
        })
    }

    fn answers_for(&self, by: &PersonId, person: &PersonId) -> bool {
        let change = Sensitive::People(person.clone());
        self.world.site.as_ref().is_some_and(|site| site.people.contains_key(person) && site.answers_for(by, &change))
    }

    fn answerable(&self, person: &PersonId) -> String {
        let change = [Sensitive::People(person.clone())];
        let all = self.world.site.as_ref().map(|site| site.answerable(&change)).unwrap_or_default();
        all.into_iter().filter(|one| *one != person).map(PersonId::as_str).collect::<Vec<_>>().join(", ")
    }

    fn not_answerable(&self, by: &PersonId, person: &PersonId) -> Refusal {
        Refusal::new(Rule::Role, format!("{by} does not answer for credentials of {person}"))
            .who_may(self.answerable(person))
    }
}

/// What stands in the record of an approval beside its reason.
#[derive(Default)]
pub(super) struct Backed {
    /// In the leaf.
    pub proved: Proved,
    /// The signature, a detail; empty where there is none.
    pub armoured: String,
}

impl Backed {
    /// The entry with the signature beside it.
    pub fn beside(self, entry: Entry) -> Entry {
        match self.armoured.is_empty() {
            true => entry,
            false => entry.and("signature", self.armoured),
        }
    }
}

fn nothing_enrolled(person: &PersonId) -> Refusal {
    Refusal::new(Rule::NotFound, format!("{person} has enrolled no second factor")).next("quarterdeck people enrol")
}
