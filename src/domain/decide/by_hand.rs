//! What was done by hand: entered, shown by files, looked at by two who took no part.

use super::*;
use crate::domain::beside::Beside;
use crate::domain::by_hand::{Act, ByHand, FILES_MAX, OPEN_MAX};
use crate::domain::evidence::{self, EVIDENCE_BYTES_MAX};
use crate::domain::id::{HandId, WorkspaceId};
use base64::Engine as _;

/// What somebody says that was done by hand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Done {
    /// Where.
    pub workspace: WorkspaceId,
    /// Who did it.
    pub who: PersonId,
    /// When it began.
    pub from: Timestamp,
    /// When it was over.
    pub until: Timestamp,
    /// On which hosts.
    pub hosts: Vec<String>,
    /// What was typed.
    pub commands: String,
    /// What it was for.
    pub reason: String,
}

impl Deciding {
    pub(super) fn enter_by_hand(&mut self, done: &Done) -> Result<(), Refusal> {
        let person = self.person()?;
        let workspace = self.member_of(&done.workspace, &person)?;
        self.works_there(&workspace, &person, "enter what was done by hand")?;
        if !workspace.has_member(&done.who) {
            return Err(Refusal::new(Rule::Input, format!("{} is no member of {}", done.who, workspace.id)));
        }
        if done.from >= done.until || done.until > self.at {
            return Err(Refusal::new(Rule::Input, "it begins before it is over, and both lie behind us"));
        }
        let named: Vec<&str> = done.hosts.iter().map(|host| host.trim()).filter(|host| !host.is_empty()).collect();
        if named.is_empty() || named.iter().any(|host| host.lines().count() > 1) {
            return Err(Refusal::new(Rule::Input, "it names the hosts it was done on, one by one"));
        }
        if self.world.by_hand.len() >= OPEN_MAX {
            return Err(Refusal::new(Rule::Limit, format!("{OPEN_MAX} entries wait to be looked at")));
        }
        let act = Act::Entered {
            who: done.who.clone(),
            from: done.from,
            until: done.until,
            hosts: u32::try_from(named.len()).unwrap_or(u32::MAX),
        };
        let entry = HandId(self.world.next_by_hand.max(1));
        let event = Event::Beside(Beside::ByHand { entry, workspace: workspace.id.clone(), act });
        self.emit(
            Entry::with(event, "reason", needed(&done.reason, "a reason")?)
                .and("hosts", bounded(&named.join("\n"))?)
                .and("commands", needed(&done.commands, "what was typed")?),
        )
    }

    pub(super) fn show_by_hand(&mut self, id: HandId, name: &str, content: &[u8]) -> Result<(), Refusal> {
        let person = self.person()?;
        let (one, workspace) = self.entry_of(id, &person)?;
        self.works_there(&workspace, &person, "show what was done by hand")?;
        if !evidence::is_name(name) {
            return Err(Refusal::new(Rule::Input, "this is no name for a file").next("rename it"));
        }
        if content.is_empty() || content.len() > EVIDENCE_BYTES_MAX || one.files.len() >= FILES_MAX {
            let what = format!("{FILES_MAX} files at most, each of 1 to {EVIDENCE_BYTES_MAX} bytes");
            return Err(Refusal::new(Rule::Limit, what));
        }
        let bytes = u64::try_from(content.len()).unwrap_or(u64::MAX);
        let act = Act::FileGiven { sha256: Digest::of(content), bytes };
        let event = Event::Beside(Beside::ByHand { entry: id, workspace: one.workspace.clone(), act });
        let content = base64::engine::general_purpose::STANDARD.encode(content);
        self.emit(Entry::with(event, "name", name.to_owned()).and("content", content))
    }

    pub(super) fn review_by_hand(&mut self, id: HandId, comment: &str) -> Result<(), Refusal> {
        let person = self.person()?;
        let (one, workspace) = self.entry_of(id, &person)?;
        self.needs(&workspace, &person, Role::Reviewer, "look at what was done by hand")?;
        let took_part = one.who == person || one.by == person || one.reviews.iter().any(|review| review.by == person);
        if took_part {
            return Err(Refusal::new(Rule::SeparationReview, format!("{person} did it, entered it or looked at it"))
                .who_may("another reviewer who took no part"));
        }
        let event = Event::Beside(Beside::ByHand { entry: id, workspace: one.workspace.clone(), act: Act::Reviewed });
        self.emit(Entry::with(event, "text", needed(comment, "a word of review")?))
    }

    fn entry_of(&self, id: HandId, person: &PersonId) -> Result<(Arc<ByHand>, Arc<Workspace>), Refusal> {
        let missing = || Refusal::new(Rule::NotFound, format!("no entry {id} waits to be looked at"));
        let one = self.world.by_hand.get(&id).cloned().ok_or_else(missing)?;
        let workspace = self.member_of(&one.workspace, person).map_err(|_| missing())?;
        Ok((one, workspace))
    }
}
