//! Why something could not begin or was not seen to end: the stable reason and the words a tired person needs.

use crate::domain::run::Reason;

/// Why an order could not begin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Trouble {
    /// The stable code.
    pub reason: Reason,
    /// What happened, where, and what to do.
    pub words: String,
}

impl Trouble {
    /// Trouble of a kind, in words.
    pub fn new(reason: Reason, words: impl Into<String>) -> Self {
        Self { reason, words: words.into() }
    }

    /// The same trouble, met at the server `hop` on the way.
    pub fn at_hop(self, hop: &str) -> Self {
        Self { words: format!("on the way through {hop}: {}", self.words), ..self }
    }
}
