//! Reads a whole site: every file, every problem, one value.

use super::cross;
use super::diagnostic::{self, Code, DIAGNOSTICS_PER_FILE_MAX, Diagnostic, Severity};
use super::editors;
use super::enclosed;
use super::files;
use super::git::Git;
use super::parse::{self, Parsed, Settings, Template, Templates};
use super::within;
use crate::domain::people::Person;
use crate::domain::runbook::Runbook;
use crate::domain::site::Site;
use crate::domain::workspace::Workspace;
use crate::domain::{Digest, PersonId};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A site that was read without an error.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The site.
    pub site: Site,
    /// Its settings, which the engine has no use for.
    pub settings: Settings,
    /// What somebody should look at.
    pub warnings: Vec<Diagnostic>,
}

/// Reads the site in `dir`. `git` is what [`super::git::state`] says about it.
///
/// # Errors
/// Every problem of every file, warnings among them, by file and place.
pub fn load(dir: &Path, git: Git) -> Result<Loaded, Vec<Diagnostic>> {
    let mut found = Vec::new();
    let files = files::read_all(dir, &mut found);
    from_files(files, git, found)
}

/// The file that says what a site is called and where its records lie.
pub(super) const SETTINGS: &str = "quarterdeck.toml";

/// The text of `quarterdeck.toml` alone: where the data lie must be known before anything else is.
///
/// # Errors
/// There is no such file, or it is not text.
pub(super) fn settings_text(dir: &Path) -> Result<String, Vec<Diagnostic>> {
    let root = dir.canonicalize().map_err(|error| {
        let path = dir.display().to_string();
        vec![Diagnostic::whole(path, Severity::Error, Code::FileMissing, format!("cannot be read: {error}"))]
    })?;
    files::read(&root, Path::new(SETTINGS)).map_err(|diagnostic| vec![*diagnostic])
}

/// Everything parsed, before the checks across files.
pub(super) struct Parts {
    pub settings: Option<Parsed<Settings>>,
    pub people: Option<Parsed<BTreeMap<PersonId, Person>>>,
    pub workspaces: Vec<Parsed<Workspace>>,
    pub templates: Vec<Parsed<Template>>,
    pub runbooks: Vec<Parsed<Runbook>>,
    pub themes: Vec<Parsed<parse::Theme>>,
}

/// A site from the text of its files.
pub(super) fn from_files(
    files: BTreeMap<String, String>,
    git: Git,
    mut found: Vec<Diagnostic>,
) -> Result<Loaded, Vec<Diagnostic>> {
    let mut parts = parse_all(&files);
    enclosed::enclose(&mut parts, &files, &mut found);
    within::expand(&mut parts);
    cross::check(&parts, &mut found);
    let digest = digest(&files);
    parts.drain_diagnostics(&mut found);
    diagnostic::sort(&mut found);
    let mut found = bounded(found);
    if found.iter().any(Diagnostic::is_error) {
        return Err(found);
    }
    let nothing = |_| Vec::new();
    let settings = parts.settings.and_then(|parsed| parsed.value).ok_or(()).map_err(nothing)?;
    let people = parts.people.and_then(|parsed| parsed.value).ok_or(()).map_err(nothing)?;
    let workspaces = parts.workspaces.into_iter().filter_map(|parsed| parsed.value);
    let runbooks: Vec<Runbook> = parts.runbooks.into_iter().filter_map(|parsed| parsed.value).collect();
    let of_template = |it: &Parsed<Template>| Some((it.value.as_ref()?.name(), it.source.file().to_owned()));
    let templates = parts.templates.iter().filter_map(of_template).collect();
    let editors = editors::of(&git, &files, &people, &runbooks, &templates);
    let site = Site {
        name: settings.name.clone(),
        theme: settings.theme.clone(),
        clocks: settings.clocks,
        administrators: settings.administrators.clone(),
        allow_as: settings.allow_as,
        egress: settings.egress.clone(),
        vault: settings.vault.clone(),
        local_account: settings.local_account.clone(),
        programs: settings.programs.clone(),
        notify: settings.notify.clone(),
        sign_in: settings.sign_in.clone(),
        people,
        workspaces: workspaces.map(|it| (it.id.clone(), Arc::new(it))).collect(),
        editors,
        runbooks: runbooks.into_iter().map(|it| (it.id.clone(), Arc::new(it))).collect(),
        digest,
        dirty: git.dirty(&files),
        commit: git.commit,
        files,
    };
    if let Err(why) = site.written() {
        let hint = "no one event of the record could keep it: shorten runbooks, or serve fewer from one site";
        found.push(Diagnostic::whole("quarterdeck.toml", Severity::Error, Code::FileSize, why).hint(hint));
        return Err(found);
    }
    Ok(Loaded { site, settings, warnings: found })
}

fn parse_all(files: &BTreeMap<String, String>) -> Parts {
    let of = |folder: &'static str| {
        files.iter().filter(move |(path, _)| path.starts_with(folder) && (folder != "runbooks/" || !is_template(path)))
    };
    let one = |name: &str| files.get(name);
    let templates: Vec<_> =
        files.iter().filter(|(path, _)| is_template(path)).map(|(path, text)| parse::template(path, text)).collect();
    let stack = stack(&templates);
    Parts {
        settings: one("quarterdeck.toml").map(|text| parse::quarterdeck("quarterdeck.toml", text)),
        people: one("people.toml").map(|text| parse::people("people.toml", text)),
        workspaces: of("workspaces/").map(|(path, text)| parse::workspace(path, text)).collect(),
        runbooks: of("runbooks/").map(|(path, text)| parse::runbook(path, text, &stack)).collect(),
        themes: of("themes/").map(|(path, text)| parse::theme(path, text)).collect(),
        templates,
    }
}

fn is_template(path: &str) -> bool {
    path.starts_with("runbooks/templates/")
}

/// The templates runbooks may name. Of two with one name the first holds; the checks across files report the second.
fn stack(templates: &[Parsed<Template>]) -> Templates {
    let mut stack = Templates::default();
    for parsed in templates {
        match (&parsed.value, cross::template_name(parsed)) {
            (Some(template), _) => {
                stack.known.entry(template.name()).or_insert_with(|| template.clone());
            }
            (None, Some(name)) => {
                stack.broken.insert(name);
            }
            (None, None) => stack.some_nameless = true,
        }
    }
    stack
}

impl Parts {
    fn drain_diagnostics(&mut self, found: &mut Vec<Diagnostic>) {
        fn drain<'a, T: 'a>(parsed: impl IntoIterator<Item = &'a mut Parsed<T>>, found: &mut Vec<Diagnostic>) {
            for parsed in parsed {
                found.append(&mut parsed.diagnostics);
            }
        }
        drain(&mut self.settings, found);
        drain(&mut self.people, found);
        drain(&mut self.workspaces, found);
        drain(&mut self.templates, found);
        drain(&mut self.runbooks, found);
        drain(&mut self.themes, found);
    }
}

/// SHA-256 over all files: path, NUL, length as eight bytes, little end first, bytes; in path order.
fn digest(files: &BTreeMap<String, String>) -> Digest {
    let mut whole = Vec::new();
    for (path, text) in files {
        whole.extend_from_slice(path.as_bytes());
        whole.push(0);
        whole.extend_from_slice(&(text.len() as u64).to_le_bytes());
        whole.extend_from_slice(text.as_bytes());
    }
    Digest::of(&whole)
}

/// At most so many of each file, errors first; the rest is counted. The order within a file stays.
fn bounded(found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    let mut kept = Vec::new();
    for diagnostic in found {
        let seen = count.entry(diagnostic.file.clone()).or_default();
        *seen += 1;
        if *seen <= DIAGNOSTICS_PER_FILE_MAX {
            kept.push(diagnostic);
        } else if *seen == DIAGNOSTICS_PER_FILE_MAX + 1 {
            let message = format!("more than {DIAGNOSTICS_PER_FILE_MAX} problems; the rest is not shown");
            kept.push(Diagnostic::whole(diagnostic.file, Severity::Error, Code::More, message));
        }
    }
    kept
}
