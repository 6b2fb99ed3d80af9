//! Whether an account may be here as a person: judged at the door, and again at every change of the site.

use super::Visit;
use crate::domain::{Actor, Door, PersonId, Refusal, Rule, World, sign_in};

/// Whether this account still belongs to this person, or may act as this person. Judged again at every change of the site.
pub fn is_welcome(world: &World, visit: &Visit) -> bool {
    match &visit.actor {
        Actor::Engine => false,
        Actor::Person { person, door } => may_enter(world, &visit.account, person, door).is_ok(),
    }
}

/// Whether somebody may be here as this person: at this account, or by what they showed at the door.
///
/// # Errors
/// A refusal in words.
pub fn may_enter(world: &World, account: &str, person: &PersonId, door: &Door) -> Result<(), Refusal> {
    let nobody = || Refusal::new(Rule::ActorUnknown, format!("the account {account} is nobody here"));
    let site = world.site.as_ref().ok_or_else(nobody)?;
    let own = || site.person_of_account(account).ok_or_else(nobody);
    match door {
        Door::Socket { .. } if own()?.id == *person => Ok(()),
        Door::Socket { .. } => Err(nobody()),
        Door::Ssh { key, vouched } => {
            let known = site.people.get(person).ok_or_else(nobody)?;
            let gone = || Refusal::new(Rule::ActorUnknown, format!("the key that {person} came in by counts no more"));
            sign_in::still_holds(site, known, key, vouched.as_ref()).then_some(()).ok_or_else(gone)
        }
        // Whoever signs a request stays for that request alone: there is nothing to be judged again.
        Door::Hook { .. } => Err(nobody()),
        Door::As { .. } if own().is_err() => Err(nobody()),
        Door::As { .. } if !site.allow_as => {
            Err(Refusal::new(Rule::ActorUnknown, "this site does not let anybody act as somebody else")
                .next("sign in as yourself; `[local] allow_as` is for demonstrations and tests"))
        }
        Door::As { .. } if !site.knows(person) => {
            Err(Refusal::new(Rule::ActorUnknown, format!("{person} is nobody here")))
        }
        Door::As { .. } => Ok(()),
    }
}
