//! Asks that come with more than a name: digits go along to the engine; a signature is made at the person's side first.
//!
//! Invariant: one thing at a time waits for a signature, and is submitted as it was when it was meant.

use super::Session;
use super::work::Done;
use crate::console::{Msg, Tag, With};
use crate::domain::{Actor, Ask, PersonId, Refusal, Rule, Seen};
use crate::engine::{Given, statement};
use zeroize::Zeroizing;

/// A text that the person's own key is to sign.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ToSign {
    /// The text, to the byte.
    pub statement: String,
    /// The person's keys, as people.toml has them: one of them is to sign.
    pub keys: Vec<String>,
}

/// What is submitted once it is signed.
pub(super) struct Unsigned {
    tag: Tag,
    seen: Seen,
    ask: Ask,
    with: With,
}

impl Session<'_> {
    /// Submits an ask with what goes with it; what is to be signed is sent to the person's side first.
    pub(super) fn submit_with(&mut self, tag: Tag, seen: Seen, ask: Ask, with: With) {
        if !with.sign {
            return self.submit_given(Unsigned { tag, seen, ask, with }, None);
        }
        let Some(person) = self.visit.actor.person().cloned() else {
            return;
        };
        let Some(statement) = statement(&self.world, &person, &ask) else {
            return self.submit_given(Unsigned { tag, seen, ask, with }, None);
        };
        let to_sign = ToSign { statement: statement.text(), keys: self.keys_of(&person) };
        let sent = match &self.visit.signer {
            None => Err("this client signs nothing: it is another program, or an older one".to_owned()),
            Some(_) if self.unsigned.is_some() => Err("another signature is still being made".to_owned()),
            Some(signer) => signer.try_send(to_sign).map_err(|_| "another signature is still being made".to_owned()),
        };
        match sent {
            Ok(()) => self.unsigned = Some(Unsigned { tag, seen, ask, with }),
            Err(why) => self.not_signed(tag, &ask, why),
        }
    }

    /// Takes what became of a signature.
    pub(super) fn signed(&mut self, result: Result<String, String>) {
        // An answer nobody asked for is none.
        let Some(unsigned) = self.unsigned.take() else {
            return;
        };
        match result {
            Ok(armoured) => self.submit_given(unsigned, Some(armoured)),
            Err(why) => self.not_signed(unsigned.tag, &unsigned.ask, why),
        }
    }

    fn submit_given(&mut self, Unsigned { tag, seen, ask, with }: Unsigned, signature: Option<String>) {
        let (engine, by): (_, Actor) = (self.engine.clone(), self.visit.actor.clone());
        let code = with.code.map(|code| Zeroizing::new(String::from_utf8(code.into_bytes()).unwrap_or_default()));
        let given = Given { code, signature };
        self.tasks.spawn(async move { Done::Submitted(tag, engine.submit_with(by, seen, ask, given).await) });
    }

    fn not_signed(&mut self, tag: Tag, ask: &Ask, why: String) {
        let run = ask.run().map_or(0, |run| run.0);
        let next = format!("quarterdeck approve {run} --code … --reason … --sign=KEYFILE, beside the console");
        self.tell(Msg::Submitted(tag, Err(Refusal::new(Rule::SignatureMissing, why).next(next))));
    }

    fn keys_of(&self, person: &PersonId) -> Vec<String> {
        let known = self.world.site.as_ref().and_then(|site| site.people.get(person));
        known.map(|person| person.keys.clone()).unwrap_or_default()
    }
}
