//! `[notify]` of a site: whom it tells, of what, and how. Nothing here is secret: the key that signs is named by where it lies.

use super::{Channel, Topic};
use crate::domain::id::RunId;
use crate::domain::order::Under;
use crate::domain::prose;
use crate::domain::site::Site;
use crate::domain::workspace::Environment;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Names that a link may hold.
pub const LINK_NAMES: [&str; 1] = ["run"];

/// Whom a site tells, of what, and how.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Notify {
    /// A program of the server's machine by its absolute path, and its fixed arguments; empty where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Another system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// How one gets to a run, with `{{ run }}` for its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// After how long without a decision somebody is asked once more, in milliseconds; never unless written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_ms: Option<u64>,
    /// What is told.
    pub tell: BTreeSet<Topic>,
}

/// A system that takes signed requests.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Webhook {
    /// Where to.
    pub url: String,
    /// Where the key that signs lies.
    pub secret: String,
}

impl Notify {
    /// The channels there are.
    pub fn channels(&self) -> impl Iterator<Item = Channel> + '_ {
        Channel::ALL.into_iter().filter(|channel| match channel {
            Channel::Command => !self.command.is_empty(),
            Channel::Webhook => self.webhook.is_some(),
        })
    }

    /// How one gets to a run. A link that cannot be filled is none; the site's checks have said so.
    pub(super) fn link_to(&self, run: RunId) -> Option<String> {
        let fill = |name: &str| LINK_NAMES.contains(&name).then(|| run.0.to_string());
        prose::fill(self.link.as_deref()?, fill).ok()
    }
}

/// Under which account of the server's machine the site's command runs, and what prints its key: as all work of people's there.
pub fn under(site: &Site) -> Under {
    let production = || site.workspaces.values().any(|place| place.environment == Environment::Production);
    match &site.local_account {
        Some(account) => Under::Account(account.clone()),
        None if production() => Under::Nobody,
        None => Under::Server,
    }
}
