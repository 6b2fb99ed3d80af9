//! A change to a workspace's file that pins what its hosts showed. The file keeps every other byte of it.

use super::diff::diff;
use crate::domain::{ServerName, WorkspaceId};
use std::collections::BTreeMap;
use toml_edit::{DocumentMut, Item, Value};

/// A line to be written into a server's entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pin {
    /// The server.
    pub host: ServerName,
    /// `host_key` or `host_ca`.
    pub key: &'static str,
    /// The key as OpenSSH writes it.
    pub value: String,
    /// What a reviewer should know of it, behind the line.
    pub words: String,
}

/// The change that pins these, as a unified diff of the site's files; empty where there is nothing to pin.
///
/// # Errors
/// In words: the workspace's file is not among them, or lacks a server.
pub fn pinned(files: &BTreeMap<String, String>, workspace: &WorkspaceId, pins: &[Pin]) -> Result<String, String> {
    if pins.is_empty() {
        return Ok(String::new());
    }
    let found = files.iter().filter(|(path, _)| path.starts_with("workspaces/")).find_map(|(path, text)| {
        let document: DocumentMut = text.parse().ok()?;
        let id = document.get("workspace")?.get("id")?.as_str()?;
        (id == workspace.as_str()).then(|| (path.clone(), text.clone(), document.clone()))
    });
    let (path, before, mut document) =
        found.ok_or_else(|| format!("the site in force has no file of {workspace}; load it again"))?;
    for pin in pins {
        write(&mut document, pin).ok_or_else(|| format!("{path} has no server {}; load the site again", pin.host))?;
    }
    let only = |text: String| BTreeMap::from([(path.clone(), text)]);
    Ok(diff(&only(before), &only(document.to_string())))
}

fn write(document: &mut DocumentMut, pin: &Pin) -> Option<()> {
    let is_it = |name: Option<&Item>| name.and_then(Item::as_str) == Some(pin.host.as_str());
    let mut value = Value::from(pin.value.as_str());
    value.decor_mut().set_suffix(format!("  # {}", pin.words));
    match document.get_mut("server")? {
        Item::ArrayOfTables(servers) => {
            let server = servers.iter_mut().find(|server| is_it(server.get("name")))?;
            server.insert(pin.key, Item::Value(value));
        }
        // `server = [{ … }]`: on one line there is no room for words.
        Item::Value(Value::Array(servers)) => {
            let tables = servers.iter_mut().filter_map(Value::as_inline_table_mut);
            let server = tables
                .into_iter()
                .find(|server| server.get("name").and_then(Value::as_str) == Some(pin.host.as_str()))?;
            server.insert(pin.key, Value::from(pin.value.as_str()));
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(host: &str) -> Pin {
        let value = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAvGrhYmd8SuCzPfQsJR2+ZQBaT8RB7bI3xg8UaNQuJv".to_owned();
        Pin { host: ServerName::new(host), key: "host_key", value, words: "SHA256:abc seen once".to_owned() }
    }

    #[test]
    fn a_pin_is_one_line_of_the_servers_own_entry_and_nothing_else_moves() {
        let text = "# top\nschema = 1\n[workspace]\nid = \"lab\" # this one\n\n[[server]] # first\nname = \"a\"\nuser = 'x'   # who\n\n\
                    # about b\n[[server]]\nname = \"b\"\ntags = [\n  \"t\",\n]\n\n[members]\nada = [\"owner\"]\n";
        let files = BTreeMap::from([
            ("workspaces/other.toml".to_owned(), "[workspace]\nid = \"other\"\n".to_owned()),
            ("workspaces/lab.toml".to_owned(), text.to_owned()),
        ]);
        let patch = pinned(&files, &WorkspaceId::new("lab"), &[pin("b"), pin("a")]).unwrap();
        let changed: Vec<&str> = patch
            .lines()
            .filter(|line| line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---"))
            .collect();
        assert_eq!(changed.len(), 2, "{patch}");
        assert!(
            changed
                .iter()
                .all(|line| line.starts_with("+host_key = \"ssh-ed25519") && line.ends_with("# SHA256:abc seen once")),
            "{patch}"
        );
        assert!(patch.contains("a/workspaces/lab.toml") && patch.contains("b/workspaces/lab.toml"));
        assert!(pinned(&files, &WorkspaceId::new("lab"), &[pin("c")]).is_err());
        assert!(pinned(&files, &WorkspaceId::new("nowhere"), &[pin("a")]).is_err());
        assert_eq!(pinned(&files, &WorkspaceId::new("lab"), &[]).unwrap(), "");
    }

    #[test]
    fn servers_on_one_line_are_pinned_too() {
        let text = "server = [{ name = \"a\", user = \"x\" }]\n[workspace]\nid = \"lab\"\n";
        let files = BTreeMap::from([("workspaces/lab.toml".to_owned(), text.to_owned())]);
        let patch = pinned(&files, &WorkspaceId::new("lab"), &[pin("a")]).unwrap();
        assert!(
            patch.lines().any(|line| line.starts_with("+server = [{ name = ") && line.contains("host_key = ")),
            "{patch}"
        );
    }
}
