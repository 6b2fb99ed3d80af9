//! What hosts show for themselves, held against what is known of them: the list by which keys come into a site.
//!
//! Invariant: nothing is trusted by being seen. The list becomes a change to the site's files, which another person accepts.

use super::id::ServerName;

/// One server, and what it showed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// The server.
    pub host: ServerName,
    /// Where it was reached: address and port, as written.
    pub reached: String,
    /// What it showed; `None` where it was not reached.
    pub shown: Option<Shown>,
    /// How that compares.
    pub standing: Standing,
}

/// A key a host showed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// The key as OpenSSH writes it: kind and base64.
    pub key: String,
    /// Its SHA-256, as OpenSSH prints it.
    pub fingerprint: String,
    /// The authority that signed its certificate, as OpenSSH writes it, where it showed one.
    pub authority: Option<String>,
}

/// How what a host showed compares with what is known of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// The site pins this very key.
    Pinned,
    /// The site or known_hosts accepts the authority that signed it.
    Signed,
    /// known_hosts has it; the site pins nothing.
    Known,
    /// Nobody has vouched for it.
    Unknown,
    /// Another key is pinned or known, or it is revoked; in words.
    Differs(String),
    /// It was not reached; in words.
    Unreached(String),
}

impl Standing {
    /// The word that programs read.
    pub fn word(&self) -> &'static str {
        match self {
            Standing::Pinned => "pinned",
            Standing::Signed => "signed",
            Standing::Known => "known",
            Standing::Unknown => "unknown",
            Standing::Differs(_) => "differs",
            Standing::Unreached(_) => "unreached",
        }
    }

    /// In a person's words.
    pub fn words(&self) -> String {
        match self {
            Standing::Pinned => "as the site pins it".to_owned(),
            Standing::Signed => "signed by an accepted authority".to_owned(),
            Standing::Known => "as in known_hosts; the site pins nothing yet".to_owned(),
            Standing::Unknown => "nobody has vouched for it: compare the fingerprint on the host itself".to_owned(),
            Standing::Differs(why) => format!("DIFFERS: {why}"),
            Standing::Unreached(why) => format!("not reached: {why}"),
        }
    }

    /// Whether something is wrong with it.
    pub fn is_trouble(&self) -> bool {
        matches!(self, Standing::Differs(_) | Standing::Unreached(_))
    }
}

/// What a scan came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Enrolment {
    /// Every server that was asked, in the workspace's order.
    pub seen: Vec<Seen>,
    /// The change that pins what was seen where nothing is pinned, as a unified diff of the site's files; empty where
    /// there is nothing to pin.
    pub patch: String,
}
