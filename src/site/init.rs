//! Writes a site to begin with: it passes the checker and runs on the machine it lies on. Overwrites nothing.

use super::form;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Longest handle made from an account's name.
const HANDLE_CHARS_MAX: usize = 32;

/// Why no site was written.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Something is there: a site already, or somebody's files.
    #[error("{} is not empty: nothing was written; choose a directory that is empty or does not exist", .0.display())]
    NotEmpty(PathBuf),
    /// The account's name cannot stand in a file.
    #[error("`{0}` is no account name; say which account you sign in with")]
    Account(String),
    /// A file cannot be written.
    #[error("{} cannot be written: {why}", .path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        why: std::io::Error,
    },
}

const FILES: [(&str, &str); 5] = [
    ("quarterdeck.toml", include_str!("starter/quarterdeck.toml")),
    ("people.toml", include_str!("starter/people.toml")),
    ("workspaces/lab.toml", include_str!("starter/lab.toml")),
    ("runbooks/hello.toml", include_str!("starter/hello.toml")),
    ("runbooks/templates/host-facts.toml", include_str!("starter/host-facts.toml")),
];

/// Writes a site into `dir`, with the person whose `account` it is. Answers what was written, relative to `dir`.
///
/// # Errors
/// Where anything lies in `dir` already, nothing is written.
pub fn init(dir: &Path, account: &str) -> Result<Vec<PathBuf>, InitError> {
    let files = starter(account)?;
    let unreadable = |why| InitError::Write { path: dir.to_owned(), why };
    if !is_free(dir).map_err(unreadable)? {
        return Err(InitError::NotEmpty(dir.to_owned()));
    }
    for (path, text) in &files {
        let path = dir.join(path);
        write(&path, text).map_err(|why| InitError::Write { path: path.clone(), why })?;
    }
    Ok(files.into_iter().map(|(path, _)| PathBuf::from(path)).collect())
}

/// Whether a directory is missing or empty; a repository that was just made counts as empty.
fn is_free(dir: &Path) -> std::io::Result<bool> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        entries => entries?,
    };
    for entry in entries {
        if entry?.file_name() != ".git" {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The files of a site to begin with.
pub(super) fn starter(account: &str) -> Result<Vec<(&'static str, String)>, InitError> {
    let sound = !account.is_empty() && account.is_ascii() && !account.contains(|c: char| c.is_ascii_control());
    if !sound || form::account(account).is_err() {
        return Err(InitError::Account(account.to_owned()));
    }
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let id = handle(account);
    let fill =
        |text: &str| text.replace("@ID@", &quoted(&id)).replace("@BARE@", &id).replace("@ACCOUNT@", &quoted(account));
    Ok(FILES.iter().map(|(path, text)| (*path, fill(text))).collect())
}

/// A handle made from an account's name: what of it a handle may hold.
fn handle(account: &str) -> String {
    let plain: String = account
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(HANDLE_CHARS_MAX)
        .collect();
    match plain.trim_matches('-') {
        "" => "me".to_owned(),
        handle => handle.to_owned(),
    }
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())
}
