//! What happened beside the runs: to the site, the record itself, and to what people ask of each other that is no run. Each is
//! written as a kind of its own in the leaf, as the events of runs are.
//!
//! Invariants: none of these changes a run's state, and each object folds its own (`fold` in the object's file).

use super::by_hand;
use super::deviation::Deviation;
use super::elevation;
use super::event::Details;
use super::exported::Selection;
use super::factor;
use super::follow_up::{self, FollowUpId};
use super::id::{Digest, ElevationId, HandId, IncidentId, PersonId, StandingId, WorkspaceId};
use super::incident;
use super::mention;
use super::serving;
use super::site::Sensitive;
use super::standing;
use super::words::{count_of, said};
use serde::{Deserialize, Serialize};

/// Changes to a site that one line names; what waits is shown whole where it is accepted.
const CHANGES_NAMED_MAX: usize = 8;

/// Something that happened and is of no run. Variants are past tense or name the object; `kind` is the word in the leaf.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Beside {
    /// The server started.
    Booted {
        /// Bytes of a torn tail that were set aside.
        repaired_bytes: u64,
    },
    /// Something happened to the server itself: it drains, goes on, was handed over or taken over.
    Server {
        /// What.
        #[serde(flatten)]
        act: serving::Act,
    },
    /// The wall clock jumped.
    ClockJumped {
        /// By how many milliseconds.
        by_ms: i64,
    },
    /// A site came into force. Details: `site`, `files`, `diff`.
    SiteLoaded {
        /// Its digest.
        digest: Digest,
        /// Its Git commit.
        commit: Option<String>,
        /// Whether it held changes beyond the commit.
        dirty: Option<bool>,
    },
    /// A site waits for a second person. Details: `site`, `files`, `diff`, `sensitive` (what makes it wait, as JSON).
    SitePending {
        /// Its digest.
        digest: Digest,
        /// Its Git commit.
        commit: Option<String>,
        /// Whether it held changes beyond the commit.
        dirty: Option<bool>,
        /// Who loaded it; `None` where the files had changed when the server started.
        by: Option<PersonId>,
        /// How many of its changes make it wait.
        sensitive: u32,
    },
    /// The waiting site was accepted. Detail: `reason`.
    SiteAccepted {
        /// Its digest.
        digest: Digest,
    },
    /// Something became of a person's second factor. Detail: `reason`, where another person decided.
    Factor {
        /// Whose.
        person: PersonId,
        /// What.
        act: factor::Act,
    },
    /// A source said other servers than before. Detail: `servers`, as JSON.
    SourceListed {
        /// Of which workspace.
        workspace: WorkspaceId,
        /// Which source.
        source: String,
        /// How many servers it names.
        servers: u32,
    },
    /// A role for a while was asked for, granted, or is over.
    Elevation {
        /// Which.
        elevation: ElevationId,
        /// Where.
        workspace: WorkspaceId,
        /// What happened to it.
        act: elevation::Act,
    },
    /// An incident was opened, got further, or is over.
    Incident {
        /// Which.
        incident: IncidentId,
        /// Where.
        workspace: WorkspaceId,
        /// What happened to it.
        act: incident::Act,
    },
    /// A standing approval was asked for, decided, or is over.
    Standing {
        /// Which.
        standing: StandingId,
        /// Where.
        workspace: WorkspaceId,
        /// What happened to it.
        act: standing::Act,
    },
    /// Something happened to a follow-up. Details: `text`, `note`.
    FollowUp {
        /// Which.
        id: FollowUpId,
        /// Of which workspace.
        workspace: WorkspaceId,
        /// What happened.
        act: follow_up::Act,
    },
    /// Somebody looked at a deviation. Detail: `reason`.
    LookedAt {
        /// Of which workspace.
        workspace: WorkspaceId,
        /// Which.
        deviation: Deviation,
    },
    /// Something became of notes that name somebody, beside what they are about.
    Mention {
        /// Of which workspace.
        workspace: WorkspaceId,
        /// What happened.
        act: mention::Act,
    },
    /// Somebody took a pack of evidence out.
    Exported {
        /// Of which workspace.
        workspace: WorkspaceId,
        /// What it is of.
        what: Selection,
    },
    /// What was done by hand was entered, shown or looked at.
    ByHand {
        /// Which entry.
        entry: HandId,
        /// Where.
        workspace: WorkspaceId,
        /// What happened to it.
        act: by_hand::Act,
    },
}

impl Beside {
    /// Whether it ends something, or says how something went (see [`super::Event::winds_down`]).
    pub fn winds_down(&self) -> bool {
        match self {
            Beside::Server { act } => act.winds_down(),
            Beside::Booted { .. }
            | Beside::ClockJumped { .. }
            | Beside::Elevation { act: elevation::Act::Over { .. }, .. }
            | Beside::Standing { act: standing::Act::Over { .. }, .. } => true,
            Beside::SiteLoaded { .. }
            | Beside::SitePending { .. }
            | Beside::SiteAccepted { .. }
            | Beside::Factor { .. }
            | Beside::SourceListed { .. }
            | Beside::Elevation { act: elevation::Act::Asked { .. } | elevation::Act::Granted { .. }, .. }
            | Beside::Incident { .. }
            | Beside::ByHand { .. }
            | Beside::Standing {
                act: standing::Act::Asked { .. } | standing::Act::Voted { .. } | standing::Act::Given,
                ..
            }
            | Beside::FollowUp { .. }
            | Beside::Mention { .. }
            | Beside::LookedAt { .. }
            | Beside::Exported { .. } => false,
        }
    }

    /// The workspace it belongs to: for whoever is no member of it, it did not happen. `None`: it belongs to the site.
    pub fn workspace(&self) -> Option<&WorkspaceId> {
        match self {
            Beside::SourceListed { workspace, .. }
            | Beside::Elevation { workspace, .. }
            | Beside::Incident { workspace, .. }
            | Beside::ByHand { workspace, .. }
            | Beside::Standing { workspace, .. }
            | Beside::FollowUp { workspace, .. }
            | Beside::Mention { workspace, .. }
            | Beside::LookedAt { workspace, .. }
            | Beside::Exported { workspace, .. } => Some(workspace),
            Beside::Booted { .. }
            | Beside::Server { .. }
            | Beside::ClockJumped { .. }
            | Beside::SiteLoaded { .. }
            | Beside::SitePending { .. }
            | Beside::SiteAccepted { .. }
            | Beside::Factor { .. } => None,
        }
    }

    /// The word a leaf carries for what happened.
    pub fn kind(&self) -> &'static str {
        match self {
            Beside::Booted { .. } => "booted",
            Beside::Server { .. } => "server",
            Beside::ClockJumped { .. } => "clock_jumped",
            Beside::SiteLoaded { .. } => "site_loaded",
            Beside::SitePending { .. } => "site_pending",
            Beside::SiteAccepted { .. } => "site_accepted",
            Beside::Factor { .. } => "factor",
            Beside::SourceListed { .. } => "source_listed",
            Beside::Elevation { .. } => "elevation",
            Beside::Incident { .. } => "incident",
            Beside::ByHand { .. } => "by_hand",
            Beside::Standing { .. } => "standing",
            Beside::FollowUp { .. } => "follow_up",
            Beside::LookedAt { .. } => "looked_at",
            Beside::Mention { .. } => "mention",
            Beside::Exported { .. } => "exported",
        }
    }

    /// What happened, in one line.
    pub fn words(&self, details: &Details) -> String {
        let said = |words: String, name: &str| said(words, details, name);
        match self {
            Beside::Booted { repaired_bytes: 0 } => "server started".to_owned(),
            Beside::Booted { repaired_bytes } => {
                format!("server started; a torn tail of {repaired_bytes} bytes was set aside")
            }
            Beside::Server { act } => act.words(details),
            Beside::ClockJumped { by_ms } => format!("wall clock jumped by {} s", by_ms / 1_000),
            Beside::SiteLoaded { digest, commit, .. } => {
                format!("site {} in force{}", digest.short(), at_commit(commit))
            }
            Beside::SitePending { digest, commit, sensitive, .. } => {
                let waits = format!("site {}{} waits for another person", digest.short(), at_commit(commit));
                let list = details.get("sensitive").map_or("", |detail| detail.text());
                match serde_json::from_str::<Vec<Sensitive>>(list) {
                    Ok(changes) => format!("{waits}: {}", first_of(&changes)),
                    Err(_) => format!("{waits}: {}", count_of(*sensitive, "change", "changes")),
                }
            }
            Beside::Factor { person, act } => said(act.words(person), "reason"),
            Beside::SourceListed { workspace, source, servers } => {
                format!("source {source} of {workspace} names {}", count_of(*servers, "server", "servers"))
            }
            Beside::SiteAccepted { digest } => said(format!("site {} accepted", digest.short()), "reason"),
            Beside::Elevation { workspace, act, .. } => elevation::words(act, workspace, said),
            Beside::Incident { incident, act, .. } => incident::words(*incident, act, said),
            Beside::ByHand { entry, act, .. } => by_hand::words(*entry, act, said),
            Beside::Standing { standing, act, .. } => standing::words(*standing, act, said),
            Beside::FollowUp { id, act, .. } => follow_up::act_words(*id, act, details),
            Beside::LookedAt { deviation, .. } => said(format!("looked at {deviation}"), "reason"),
            Beside::Mention { act, .. } => mention::words(act),
            Beside::Exported { what, .. } => format!("evidence of {} exported", what.words()),
        }
    }
}

/// The first changes by name; the rest is counted.
fn first_of(changes: &[Sensitive]) -> String {
    let mut what: Vec<String> = changes.iter().take(CHANGES_NAMED_MAX).map(Sensitive::words).collect();
    let rest = changes.len().saturating_sub(CHANGES_NAMED_MAX);
    if rest > 0 {
        what.push(format!("and {rest} more"));
    }
    what.join(", ")
}

fn at_commit(commit: &Option<String>) -> String {
    commit.as_ref().map(|id| format!(" at {}", id.chars().take(10).collect::<String>())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Event;
    use serde_json::json;

    #[test]
    fn a_leaf_of_no_run_is_flat_and_reads_back() {
        let act = incident::Act::Noted;
        let event = Event::Beside(Beside::Incident { incident: IncidentId(3), workspace: "shop".into(), act });
        let leaf = json!({ "kind": "incident", "incident": 3, "workspace": "shop", "act": "noted" });
        assert_eq!(serde_json::to_value(&event).unwrap(), leaf);
        assert_eq!(serde_json::from_value::<Event>(leaf).unwrap(), event);
        assert!(serde_json::from_value::<Event>(json!({ "kind": "from_a_later_version" })).is_err());
    }
}
