//! The files that steps bring along: those of one folder of the site, or one file; text alone, bound with the runbook.

use super::diagnostic::{Code, Diagnostic, Severity};
use super::fields::Fields;
use super::files::ENCLOSED;
use super::load::Parts;
use super::source::Source;
use super::suggest::nearest;
use crate::domain::Digest;
use crate::domain::action::Action;
use crate::domain::runbook::Runbook;
use crate::domain::tool::Enclosed;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most bytes a step brings along: they are kept with every plan, and somebody has to read them.
const BYTES_MAX: usize = 1 << 20;

/// Puts the files into the steps that bring them along. Reports steps whose files are missing, and what no reviewer would see in them.
pub(super) fn enclose(parts: &mut Parts, files: &BTreeMap<String, String>, found: &mut Vec<Diagnostic>) {
    for (path, text) in files.iter().filter(|(path, _)| path.starts_with(&format!("{ENCLOSED}/"))) {
        found.extend(Source::new(path, text).scan());
    }
    let runbooks = parts.runbooks.iter().map(|parsed| (&parsed.source, &parsed.fields));
    let templates = parts.templates.iter().map(|parsed| (&parsed.source, &parsed.fields));
    for (source, fields) in runbooks.chain(templates) {
        for step in fields.iter().flat_map(|fields| fields.tables("step")) {
            missing(source, step, files, found);
        }
    }
    for runbook in parts.runbooks.iter_mut().filter_map(|parsed| parsed.value.as_mut()) {
        fill(runbook, files);
    }
}

fn missing(source: &Arc<Source>, step: &Fields, files: &BTreeMap<String, String>, found: &mut Vec<Diagnostic>) {
    let mut say = |key: &str, code, message: String, hint: String| {
        found.push(Diagnostic::at(source, Severity::Error, code, step.span_of(key), message).hint(hint));
    };
    for (key, otherwise) in
        [("playbook", "put it there, with what it needs beside it"), ("file", "put it there: a text of at most 1 MiB")]
    {
        if let Some(path) = step.text(key).filter(|path| !files.contains_key(*path)) {
            let hint = match nearest(path, files.keys().map(String::as_str)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => otherwise.to_owned(),
            };
            say(key, Code::FileMissing, format!("there is no `{path}`"), hint);
        }
    }
    let playbook = step.text("playbook").and_then(|path| path.rsplit_once('/')).map(|(folder, _)| ("playbook", folder));
    for (key, folder) in playbook.into_iter().chain(step.text("folder").map(|folder| ("folder", folder))) {
        let bytes: usize = below(files, folder).map(|(_, text)| text.len()).sum();
        if key == "folder" && bytes == 0 {
            let hint = "put files there, or take `folder` out".to_owned();
            say(key, Code::FileMissing, format!("there is nothing in `{folder}`"), hint);
        }
        if bytes > BYTES_MAX {
            let message = format!("the files in `{folder}` are larger than {} KiB in all", BYTES_MAX >> 10);
            say(key, Code::FileSize, message, "give this step a folder with what it needs alone".to_owned());
        }
    }
}

fn below<'a>(files: &'a BTreeMap<String, String>, folder: &str) -> impl Iterator<Item = (&'a String, &'a String)> {
    let folder = format!("{folder}/");
    files.iter().filter(move |(path, _)| path.starts_with(&folder))
}

/// The runbook's digest covers what its steps bring along: it is what a second person accepts.
fn fill(runbook: &mut Runbook, files: &BTreeMap<String, String>) {
    let mut whole = runbook.digest.0.to_vec();
    let before = whole.len();
    let mut bind = |path: &str, text: &str| {
        for part in [path, text] {
            whole.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            whole.extend_from_slice(part.as_bytes());
        }
    };
    for step in &mut runbook.steps {
        match &mut step.action {
            Action::Tool(tool) => {
                let Some(folder) = tool.folder().map(str::to_owned) else { continue };
                for (path, text) in below(files, &folder) {
                    bind(path, text);
                    tool.files.push(Enclosed { path: path.clone(), text: text.clone() });
                }
            }
            Action::Copy(copy) => {
                // One that is missing was reported.
                copy.file.text = files.get(&copy.file.path).cloned().unwrap_or_default();
                bind(&copy.file.path, &copy.file.text);
            }
            Action::Script(_)
            | Action::Manual { .. }
            | Action::Approval(_)
            | Action::Wait(_)
            | Action::Call(_)
            | Action::Vault(_) => {}
        }
    }
    if whole.len() > before {
        runbook.digest = Digest::of(&whole);
    }
}
