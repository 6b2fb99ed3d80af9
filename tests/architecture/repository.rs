//! What git and cargo know of this repository, asked offline.

use std::path::PathBuf;
use std::process::Command;

/// Beginnings of paths that exist only where this was built. In two halves, so that this file names none.
pub const MACHINE_ROOTS: [[&str; 2]; 4] = [["/wo", "rk/"], ["/tmp", "/wt"], ["/ro", "ot/"], ["/tmp", "/qd-"]];

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn text(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap()
}

/// Tracked files, or `None` (said aloud) where this is no git checkout, a source archive for one.
pub fn tracked() -> Option<Vec<String>> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    match listed {
        Ok(listed) if listed.status.success() => {
            let names = String::from_utf8(listed.stdout).unwrap();
            Some(names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
        }
        _ => {
            println!("not tried: this is no git checkout, or git is missing");
            None
        }
    }
}

/// The features a crate is built with on this system, every version of it together.
pub fn features(name: &str) -> Vec<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "normal,build,dev", "--prefix", "none"])
        .args(["--format", "{p}|{f}"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let opens = format!("{name} v");
    String::from_utf8(tree.stdout)
        .unwrap()
        .lines()
        .filter(|line| line.starts_with(&opens))
        .filter_map(|line| line.split_once('|'))
        .flat_map(|(_, features)| features.trim_end_matches(" (*)").split(',').map(str::to_owned))
        .collect()
}

/// Machine paths in a tracked file; a file deleted but not yet committed has none.
pub fn machine_paths(file: &str) -> Vec<String> {
    std::fs::read(root().join(file)).map_or_else(|_| Vec::new(), |bytes| machine_paths_in(file, &bytes))
}

/// A root counts where a path begins, so that `home/work/` is none.
pub fn machine_paths_in(file: &str, bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    for (line, content) in text.lines().enumerate() {
        for start in MACHINE_ROOTS.map(|halves| halves.concat()) {
            let begins = content.match_indices(&start).any(|(at, _)| {
                !content[..at].ends_with(|before: char| before.is_alphanumeric() || "._-~/".contains(before))
            });
            if begins {
                found.push(format!("{file}:{}: {start}", line + 1));
            }
        }
    }
    found
}
