//! Who is at the other end of a connection that was let in, and how that is known.

use crate::domain::PersonId;
use crate::domain::sign_in::{Shown, Welcome};
use std::sync::Arc;

/// Who is at the other end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Peer {
    /// At the unix socket, by the kernel's word.
    Account {
        /// The user id.
        uid: u32,
        /// The account's name; `None`: the system knows none.
        name: Option<String>,
    },
    /// Over SSH, by a key that was proved.
    Visitor(Arc<Visitor>),
}

/// Somebody who signed in over SSH.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Visitor {
    /// What was shown: it is judged again whenever the site changes.
    pub shown: Shown,
    /// Who that was, by which door, and until when.
    pub welcome: Welcome,
}

impl Peer {
    /// The account at the unix socket; empty where there is none.
    pub fn account(&self) -> &str {
        match self {
            Peer::Account { name, .. } => name.as_deref().unwrap_or_default(),
            Peer::Visitor(_) => "",
        }
    }

    /// The person whose key was shown; whose account it is says the site.
    pub fn visitor(&self) -> Option<&PersonId> {
        match self {
            Peer::Account { .. } => None,
            Peer::Visitor(visitor) => Some(&visitor.welcome.person),
        }
    }

    /// Whether two are one account, or one person over SSH.
    pub fn is_of_one_person(&self, other: &Peer) -> bool {
        match (self, other) {
            (Peer::Account { uid, .. }, Peer::Account { uid: of, .. }) => uid == of,
            (Peer::Visitor(one), Peer::Visitor(two)) => one.welcome.person == two.welcome.person,
            (Peer::Account { .. }, Peer::Visitor(_)) | (Peer::Visitor(_), Peer::Account { .. }) => false,
        }
    }
}
