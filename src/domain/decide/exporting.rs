//! An evidence pack is asked for: that is recorded before anybody gets it.

use super::*;
use crate::domain::beside::Beside;
use crate::domain::exported::Selection;
use crate::domain::id::WorkspaceId;
use crate::domain::proof::may_prove;

/// What a pack is asked for, as the engine found it in the record: of each workspace, what of it goes out.
pub type Exporting = Vec<(WorkspaceId, Selection)>;

impl Deciding {
    /// Whoever audits or answers for each of the workspaces takes a pack out; each workspace has its own event of it, so that no
    /// other one learns of it.
    pub(super) fn export(&mut self, of: &Exporting) -> Result<(), Refusal> {
        let person = self.person()?;
        if of.is_empty() {
            return Err(Refusal::new(Rule::NotFound, "there is nothing there that you may prove"));
        }
        for (workspace, what) in of {
            what.check()?;
            let found = self.workspace_for(workspace, &person)?;
            if !may_prove(&found, &person) {
                let what = format!("{person} exports no evidence of {workspace}");
                let (auditor, owner) = (Role::Auditor.word(), Role::Owner.word());
                return Err(Refusal::new(Rule::Role, what).who_may(format!("an {auditor} or an {owner}")));
            }
        }
        for (workspace, what) in of {
            let event = Beside::Exported { workspace: workspace.clone(), what: what.clone() };
            self.emit(Entry::bare(Event::Beside(event)))?;
        }
        Ok(())
    }
}
