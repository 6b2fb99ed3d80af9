//! What other tools know, as drafts for a site: jobs of Rundeck and runbooks in Markdown become runbooks, client configuration
//! of SSH and inventories of Ansible become servers.
//!
//! A draft loads as it stands and claims nothing: what could not be carried over is a step that fails and says so, what an
//! approved runbook needs and the source lacks is a `TODO` where it belongs. Nothing here writes files or runs programs.

mod draft;
mod inventory;
mod markdown;
mod rundeck;
mod servers;
mod shell;
mod toml_text;

pub use draft::Draft;
pub use inventory::inventory;
pub use markdown::markdown;
pub use rundeck::rundeck;
pub use servers::{Found, servers, ssh_hosts, ssh_settings};

/// Longest file that is read: a thousand times a long runbook.
pub const SOURCE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Why nothing could be made of a source.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ImportError {
    /// It is not in the form that was said.
    #[error("{0}")]
    Form(String),
    /// It is longer than anybody's.
    #[error("it is longer than {} MiB; import it in parts", SOURCE_BYTES_MAX / (1024 * 1024))]
    TooLong,
    /// It holds nothing to make something of.
    #[error("{0}")]
    Nothing(String),
}

fn short_enough(text: &str) -> Result<(), ImportError> {
    if text.len() > SOURCE_BYTES_MAX { Err(ImportError::TooLong) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
