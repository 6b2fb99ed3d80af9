//! What machines may: a program proposes, takes back what it proposed, and leaves notes. Everything else is a person's.

use super::*;

impl Deciding {
    /// Refuses what a machine asks for beyond that (Z6). Whoever is none is judged elsewhere.
    pub(super) fn people_decide(&self, ask: &Ask) -> Result<(), Refusal> {
        let machine = self.by.person().zip(self.world.site.as_ref());
        let owner = machine.and_then(|(person, site)| Some((person, site.owner_of(person)?)));
        match owner {
            Some((machine, owner)) if !is_a_machines(ask) => {
                let what = format!("{machine} is a machine: it proposes, and decides nothing");
                Err(Refusal::new(Rule::ActorMachine, what).who_may(format!("{owner}, or another person")))
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn is_a_machines(ask: &Ask) -> bool {
    match ask {
        Ask::Propose(_) | Ask::Withdraw { .. } | Ask::Note { .. } => true,
        Ask::LoadSite { .. }
        | Ask::AcceptSite { .. }
        | Ask::Factor { .. }
        | Ask::List { .. }
        | Ask::Versions { .. }
        | Ask::AcceptWarning { .. }
        | Ask::Vote { .. }
        | Ask::BreakGlass(_)
        | Ask::Start { .. }
        | Ask::Schedule { .. }
        | Ask::Tick { .. }
        | Ask::Evidence { .. }
        | Ask::Resolve { .. }
        | Ask::Claim { .. }
        | Ask::HandOver { .. }
        | Ask::Pause { .. }
        | Ask::Continue { .. }
        | Ask::Stop { .. }
        | Ask::SeeMentions { .. }
        | Ask::Close { .. }
        | Ask::Review { .. }
        | Ask::FollowUp(_)
        | Ask::LookAt { .. }
        | Ask::Export(_)
        | Ask::Elevate { .. }
        | Ask::AnswerElevation { .. }
        | Ask::OpenIncident(_)
        | Ask::InIncident { .. }
        | Ask::WantStanding(_)
        | Ask::InStanding { .. }
        | Ask::EnterByHand(_)
        | Ask::ShowByHand { .. }
        | Ask::ReviewByHand { .. }
        | Ask::Lapse
        | Ask::Report(_)
        | Ask::Wake { .. }
        | Ask::Hold { .. }
        | Ask::Notice(_)
        | Ask::Boot { .. }
        | Ask::Server(_)
        | Ask::ClockJumped { .. } => false,
    }
}
