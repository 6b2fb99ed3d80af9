//! Programs of the server's machine that a site names, or needs by its steps: whether they are there, before a run finds out.

use crate::domain::secret_ref::SecretRef;
use crate::domain::site::Site;
use crate::domain::source::Asks;
use crate::domain::tool::INVENTORY;
use rustix::fs::{Access, access};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Names in one line: whoever mends them looks again.
const NAMED_MAX: usize = 3;

/// What was found of all that are needed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many are there and can be started.
    pub there: usize,
    /// What is wrong with the others, in words.
    pub missing: Vec<String>,
}

/// Looks for each, as this account. `path` is where names without a place are looked for, as the server does.
pub fn look(site: &Site, path: &str) -> Found {
    let mut found = Found::default();
    for (program, why) in needed(site) {
        match is_there(&program, path) {
            Ok(()) => found.there += 1,
            Err(what) => found.missing.push(format!("{program} ({why}) {what}")),
        }
    }
    found
}

/// Every program, and one reason for it.
fn needed(site: &Site) -> BTreeMap<String, String> {
    let mut needed = BTreeMap::new();
    let of = |name: &str| site.programs.get(name).cloned().unwrap_or_else(|| name.to_owned());
    for (name, at) in &site.programs {
        needed.insert(at.clone(), format!("{name} of [local]"));
    }
    for command in site.notify.iter().filter_map(|notify| notify.command.first()) {
        needed.entry(command.clone()).or_insert_with(|| "[notify]".to_owned());
    }
    for workspace in site.workspaces.values() {
        for source in &workspace.sources {
            let program = match &source.asks {
                Asks::Inventory(_) => Some(of(INVENTORY)),
                Asks::Command(words) => words.first().cloned(),
            };
            let why = || format!("source {} of {}", source.name, workspace.id);
            program.map(|program| needed.entry(program).or_insert_with(why));
        }
    }
    for (id, runbook) in &site.runbooks {
        let steps = runbook.steps.iter().filter_map(|step| step.action.tool());
        for tool in steps {
            needed.entry(of(tool.program())).or_insert_with(|| format!("runbook {id}"));
        }
        for secret in runbook.secrets.values() {
            if let Ok(SecretRef::Command { program, .. }) = secret.reference.parse() {
                needed.entry(program.display().to_string()).or_insert_with(|| format!("a secret of {id}"));
            }
        }
    }
    needed
}

/// Whether it can be started.
fn is_there(program: &str, path: &str) -> Result<(), String> {
    let can = |at: &Path| at.is_file() && access(at, Access::EXEC_OK).is_ok();
    if !program.contains('/') {
        let found = path.split(':').any(|dir| can(&PathBuf::from(dir).join(program)));
        return found.then_some(()).ok_or_else(|| "is not installed".to_owned());
    }
    let at = Path::new(program);
    match at.metadata() {
        Err(error) => Err(error.to_string()),
        Ok(_) if can(at) => Ok(()),
        Ok(_) => Err("cannot be started by this account".to_owned()),
    }
}

impl Found {
    /// In a line.
    pub fn words(&self) -> String {
        if self.missing.is_empty() {
            return match self.there {
                0 => "none is named".to_owned(),
                there => format!("all {there} that are named can be started"),
            };
        }
        let more = self.missing.len().saturating_sub(NAMED_MAX);
        let named = self.missing.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join("; ");
        if more == 0 { named } else { format!("{named}; and {more} more") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixture;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_program_that_is_named_and_cannot_be_started_is_told_with_who_needs_it() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        for (name, mode) in [("tells", 0o700), ("plain", 0o600)] {
            fs::write(at(name), "#!/bin/sh\n").unwrap();
            fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        let mut site = fixture::site();
        for (name, program) in [("helm", at("tells")), ("kubectl", at("plain")), ("terraform", at("gone"))] {
            site.programs.insert(name.to_owned(), program);
        }
        let found = look(&site, &dir.path().display().to_string());
        assert_eq!(found.there, 1, "{found:?}");
        let words = found.words();
        assert!(words.contains("plain (kubectl of [local]) cannot be started"), "{words}");
        assert!(words.contains("gone (terraform of [local]) No such file"), "{words}");
        assert_eq!(is_there("tells", &dir.path().display().to_string()), Ok(()));
        assert!(is_there("plain", &dir.path().display().to_string()).is_err());
    }
}
