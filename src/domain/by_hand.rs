//! What was done by hand, outside the product, entered afterwards: who did what on which hosts and when, with files that show it.
//!
//! Invariants: it is marked as recorded and not governed, and stays red until two people who took no part have looked at it; what was
//! entered is never changed, only added to.

use super::event::{Details, Recorded};
use super::id::{Digest, HandId, PersonId, Timestamp, WorkspaceId};
use super::legal::Illegal;
use super::run::Note;
use super::world::World;
use imbl::{OrdMap, Vector};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How many people look at one.
pub const REVIEWS: usize = 2;

/// Entries that may wait to be looked at.
pub const OPEN_MAX: usize = 1_000;

/// Files of one entry at most.
pub const FILES_MAX: usize = 16;

/// Every entry that is not looked at by enough people.
pub type Entries = OrdMap<HandId, Arc<ByHand>>;

/// Something that was done by hand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ByHand {
    /// Its number.
    pub id: HandId,
    /// Where.
    pub workspace: WorkspaceId,
    /// Who did it.
    pub who: PersonId,
    /// When it began.
    pub from: Timestamp,
    /// When it was over.
    pub until: Timestamp,
    /// What it was for.
    pub reason: String,
    /// On which hosts, a line each.
    pub hosts: String,
    /// What was typed.
    pub commands: String,
    /// Who entered it.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
    /// Files that show it: name, SHA-256, bytes.
    pub files: Vector<(String, Digest, u64)>,
    /// Who looked at it.
    pub reviews: Vector<Note>,
}

/// What happened to an entry, as the leaf keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// It was entered. Details: `reason`, `hosts` (a line each), `commands`.
    Entered {
        /// Who did it.
        who: PersonId,
        /// When it began.
        from: Timestamp,
        /// When it was over.
        until: Timestamp,
        /// On how many hosts.
        hosts: u32,
    },
    /// A file that shows it. Details: `name`, `content` (base64).
    FileGiven {
        /// SHA-256 of its content.
        sha256: Digest,
        /// How long it is.
        bytes: u64,
    },
    /// Somebody looked at it. Detail: `text`.
    Reviewed,
}

/// In a sentence, for the list of events.
pub fn words(id: HandId, act: &Act, said: impl Fn(String, &str) -> String) -> String {
    match act {
        Act::Entered { who, hosts, .. } => {
            said(format!("{id}: {who} worked by hand on {hosts} hosts, recorded and not governed"), "reason")
        }
        Act::FileGiven { sha256, .. } => {
            said(format!("{id}: a file that shows it, SHA-256 {}", sha256.short()), "name")
        }
        Act::Reviewed => said(format!("{id}: looked at"), "text"),
    }
}

/// What one entry's event does to the world.
///
/// # Errors
/// It fits no entry there is.
pub fn fold(
    world: &mut World,
    recorded: &Recorded,
    id: HandId,
    workspace: &WorkspaceId,
    act: &Act,
) -> Result<(), Illegal> {
    let wrong = |state: &str| Illegal { event: format!("by hand {act:?}"), state: format!("{id} {state}") };
    let by = recorded.by.person().cloned().ok_or_else(|| wrong("of nobody"))?;
    let text = |name: &str| detail(&recorded.details, name);
    let known = world.by_hand.get(&id).cloned();
    match (act, known) {
        (Act::Entered { who, from, until, .. }, None) => {
            let entry = ByHand {
                id,
                workspace: workspace.clone(),
                who: who.clone(),
                from: *from,
                until: *until,
                reason: text("reason"),
                hosts: text("hosts"),
                commands: text("commands"),
                by,
                at: recorded.at,
                files: Vector::new(),
                reviews: Vector::new(),
            };
            world.next_by_hand = id.0 + 1;
            world.by_hand.insert(id, Arc::new(entry));
        }
        (Act::FileGiven { sha256, bytes }, Some(mut one)) => {
            Arc::make_mut(&mut one).files.push_back((text("name"), *sha256, *bytes));
            world.by_hand.insert(id, one);
        }
        (Act::Reviewed, Some(mut one)) => {
            Arc::make_mut(&mut one).reviews.push_back(Note { by, at: recorded.at, text: text("text") });
            match one.reviews.len() >= REVIEWS {
                true => drop(world.by_hand.remove(&id)),
                false => drop(world.by_hand.insert(id, one)),
            }
        }
        (Act::Entered { .. }, Some(_)) => return Err(wrong("is there already")),
        (Act::FileGiven { .. } | Act::Reviewed, None) => return Err(wrong("is over")),
    }
    Ok(())
}

fn detail(details: &Details, name: &str) -> String {
    details.get(name).map_or("", |detail| detail.text()).to_owned()
}
