//! Who may do what. The one place that turns a decision into permission: an executor takes a [`Cleared`] order
//! and nothing else, and only this module can make one.

use super::id::{PersonId, StepId, Timestamp};
use super::order::Order;
use super::people::Role;

/// An order that policy has cleared. Holding one is the permission to carry it out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cleared(Order);

impl Cleared {
    /// The order.
    pub fn order(&self) -> &Order {
        &self.0
    }
}

/// Something that must happen before a run may start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WaitsFor {
    /// So many people of a role must still approve.
    Approval {
        /// The role.
        role: Role,
        /// How many are missing.
        missing: u32,
        /// Who could.
        may: Vec<PersonId>,
    },
    /// A warning nobody has answered for.
    Warning {
        /// Its id.
        id: StepId,
        /// What is wrong.
        text: String,
        /// Who could accept it.
        may: Vec<PersonId>,
    },
    /// No window is open, or a freeze is in force. It does not keep a run from being approved, only from starting.
    Window {
        /// Why, in words.
        why: String,
        /// When that ends, where it can be told.
        until: Option<Timestamp>,
    },
}
