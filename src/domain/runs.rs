//! The open runs, by number, and which of them others may have to wait for. Of ten thousand that wait for people a few have hosts:
//! whoever asks for hosts is compared with those alone.
//!
//! Invariant: a run comes in and leaves here, so the few are told apart wherever it is put.

use super::id::RunId;
use super::locks;
use super::run::Run;
use imbl::{OrdMap, OrdSet};
use std::ops::Deref;
use std::sync::Arc;

/// Open runs; read as the map of them.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Runs {
    all: OrdMap<RunId, Arc<Run>>,
    contending: OrdSet<RunId>,
}

impl Runs {
    /// Takes a run in, or in place of what it was before.
    pub fn insert(&mut self, id: RunId, run: Arc<Run>) {
        match locks::contends(&run) {
            true => drop(self.contending.insert(id)),
            false => drop(self.contending.remove(&id)),
        }
        self.all.insert(id, run);
    }

    /// Lets a run go that is over.
    pub fn remove(&mut self, id: &RunId) -> Option<Arc<Run>> {
        self.contending.remove(id);
        self.all.remove(id)
    }

    /// Those that have hosts or wait in line for some, by number.
    pub fn contending(&self) -> impl Iterator<Item = &Arc<Run>> {
        self.contending.iter().filter_map(|id| self.all.get(id))
    }
}

impl Deref for Runs {
    type Target = OrdMap<RunId, Arc<Run>>;

    fn deref(&self) -> &Self::Target {
        &self.all
    }
}
