//! What a runbook is, what a run may do next, and who may allow it. Pure: no I/O, no clock, no randomness, no
//! hash map whose order could leak into a decision.
//!
//! Reading order: `id` and `people`, then what people write (`workspace`, `runbook`, `site`), then what is done
//! with it (`plan`, `binding`, `run`), then how anything changes (`command` → `decide` → `event` → `evolve`, and
//! `due` for what follows from the state alone).

pub mod action;
pub mod again;
pub mod ahead;
pub mod algorithms;
pub mod beside;
pub mod binding;
pub mod by_hand;
pub mod calendar;
pub mod call;
pub mod canonical;
pub mod changes;
pub mod check;
pub mod checkpoint;
pub mod command;
pub mod compliance;
pub mod copy;
pub mod deadlines;
pub mod decide;
pub mod deviation;
pub mod due;
pub mod duration;
pub mod elevation;
pub mod enrol;
pub mod event;
pub mod evidence;
pub mod evolve;
pub mod exported;
pub mod factor;
pub mod failure;
pub mod findings;
pub mod follow_up;
pub mod glass;
pub mod history;
pub mod hook;
pub mod id;
pub mod incident;
pub mod input;
mod learned;
pub mod legal;
pub mod literal;
pub mod locks;
pub mod looks;
pub mod mention;
pub mod network;
pub mod notice;
pub mod once;
pub mod order;
pub mod people;
pub mod plan;
pub mod planning;
pub mod policy;
pub mod presence;
pub mod proof;
pub mod prose;
pub mod proved;
pub mod published;
pub mod query;
pub mod quorum;
pub mod recent;
pub mod refusal;
pub mod report;
pub mod rounds;
pub mod run;
pub mod runbook;
pub mod runs;
pub mod sealed;
pub mod secret_ref;
pub mod segments;
pub mod selector;
pub mod serving;
pub mod settle;
pub mod sign_in;
pub mod site;
pub mod source;
pub mod standing;
pub mod statement;
pub mod targets;
pub mod tool;
#[cfg(feature = "traces")]
pub mod trace;
pub mod used;
pub mod vault;
pub mod voided;
pub mod week;
pub mod window;
pub mod words;
pub mod workspace;
pub mod world;

#[cfg(test)]
pub mod fixture;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

pub use beside::Beside;
pub use command::{Ask, Command, Decision, Receipt, Seen};
pub use decide::decide;
pub use due::due;
pub use event::{Detail, Details, Entry, Event, Recorded};
pub use evolve::evolve;
pub use id::{Digest, HostIx, PersonId, RunId, RunbookId, ServerName, StepId, Timestamp, WorkspaceId};
pub use people::{Actor, Door, Person, Role};
pub use refusal::{Refusal, Rule};
pub use world::World;
