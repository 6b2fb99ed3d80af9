//! People and what they may do. A person owns credentials (Unix accounts, keys, principals); whoever acts is resolved once,
//! where the channel is authenticated, to an [`Actor`]. There is no anonymous actor and no superuser.

use super::id::{Digest, PersonId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Somebody the site knows, as written in `people.toml`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Person {
    /// The handle that stays in the record.
    pub id: PersonId,
    /// Display name; erasable, never written into a leaf.
    pub name: String,
    /// Accounts on the bastion that are this person.
    pub unix: Vec<String>,
    /// OpenSSH public keys, one line each.
    pub keys: Vec<String>,
    /// Principals accepted in a short-lived SSH certificate.
    pub principals: Vec<String>,
    /// Addresses the person commits under.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub git: Vec<String>,
    /// Ways to reach the person, by name (`pager`, `chat`).
    pub contact: BTreeMap<String, String>,
    /// Whether the person comes in by no door any more; their name stays where the record has it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// Whose machine this is: a program that proposes runs and decides nothing. A person where this is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_of: Option<PersonId>,
    /// Where the key lies that a machine's requests over HTTP are signed with; it comes in by none where this is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook_secret: Option<String>,
}

/// What a member of a workspace may do there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads everything of the workspace.
    Viewer,
    /// Proposes, starts and drives runs.
    Operator,
    /// Approves or denies other people's runs.
    Approver,
    /// Signs finished runs off.
    Reviewer,
    /// Leads incidents.
    Commander,
    /// Reads the audit of the workspace.
    Auditor,
    /// Answers for the workspace: members, policy, windows.
    Owner,
}

impl Role {
    /// Every role, in the order the formats list them.
    pub const ALL: [Role; 7] =
        [Role::Viewer, Role::Operator, Role::Approver, Role::Reviewer, Role::Commander, Role::Auditor, Role::Owner];

    /// The word used in files and on screen.
    pub fn word(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Approver => "approver",
            Role::Reviewer => "reviewer",
            Role::Commander => "commander",
            Role::Auditor => "auditor",
            Role::Owner => "owner",
        }
    }

    /// The role a word names.
    pub fn parse(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.word() == word)
    }
}

/// Who acts, and through which door. Comes from the authenticated channel, never from typed text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A person at a terminal or verb.
    Person {
        /// Whose act it is.
        person: PersonId,
        /// How the person came in.
        door: Door,
    },
    /// The engine itself: its clock, and what its executor reports.
    Engine,
}

impl Actor {
    /// The acting person, where it is one.
    pub fn person(&self) -> Option<&PersonId> {
        match self {
            Actor::Person { person, .. } => Some(person),
            Actor::Engine => None,
        }
    }

    /// The signed request that was come by, where it was one.
    pub fn request(&self) -> Option<Digest> {
        match self {
            Actor::Person { door: Door::Hook { request }, .. } => Some(*request),
            Actor::Person { door: Door::Socket { .. } | Door::As { .. } | Door::Ssh { .. }, .. } | Actor::Engine => {
                None
            }
        }
    }
}

/// How a person came in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// Over the unix socket, known by the kernel's word for the peer's user id.
    Socket {
        /// The peer's user id.
        uid: u32,
    },
    /// Over the unix socket, acting as somebody else because the site says `allow_as`.
    As {
        /// The peer's real user id.
        uid: u32,
    },
    /// Over SSH, by a key of the person's own, or one that a certificate vouches for.
    Ssh {
        /// SHA-256 of the key, as fingerprints are made.
        key: Digest,
        /// What vouched for it; nothing where people.toml has the key itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vouched: Option<Vouched>,
    },
    /// By a signed request over HTTP: a machine's.
    Hook {
        /// Which one: SHA-256 over what was signed. No request is heard twice.
        request: Digest,
    },
}

/// The certificate by which somebody came in: enough to find it among those that were issued.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Vouched {
    /// SHA-256 of the key that signed it.
    pub ca: Digest,
    /// Its serial number.
    pub serial: Serial,
}

/// The serial number of a certificate. Written as digits in a text: it has 64 bits, a number in a leaf 53.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Serial(pub u64);

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Serial {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| plain).map(Self).ok_or("a serial number has digits alone, and at most 64 bits")
    }
}

impl TryFrom<String> for Serial {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Serial> for String {
    fn from(serial: Serial) -> Self {
        serial.to_string()
    }
}
