//! Where a runbook runs: whom its selectors mean, and whether its duties are declared there.

use super::{error, warning};
use crate::domain::runbook::{Runbook, Status};
use crate::domain::selector::{self, Named};
use crate::domain::workspace::{Server, Workspace};
use crate::site::diagnostic::{Code, Diagnostic};
use crate::site::fields::Fields;
use crate::site::load::Parts;
use crate::site::parse::Parsed;
use crate::site::source::Source;
use crate::site::suggest::nearest;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// Checks a runbook against the workspaces; where one of those cannot be read, nothing can be said.
pub(super) fn check(runbook: &Parsed<Runbook>, parts: &Parts, found: &mut Vec<Diagnostic>) {
    let (Some(value), Some(fields)) = (&runbook.value, &runbook.fields) else {
        return;
    };
    let workspaces: Option<Vec<&Workspace>> = parts.workspaces.iter().map(|parsed| parsed.value.as_ref()).collect();
    let Some(workspaces) = workspaces.filter(|all| !all.is_empty()) else {
        return;
    };
    // Whom a source will name, nobody knows here.
    if value.status == Status::Retired || workspaces.iter().any(|workspace| !workspace.sources.is_empty()) {
        return;
    }
    let place = Place { runbook: value, fields, source: &runbook.source, workspaces };
    let before = found.len();
    place.names("targets", "select", Some(&value.targets.select), found);
    let said = found.len() > before;
    place.names("scope", "exclude", value.scope.exclude.as_ref(), found);
    let reached = place.reached();
    if reached.is_empty() && !said {
        let at = fields.table("targets").map_or(0..0, |targets| targets.span_of("select"));
        let message = "selects no server of any workspace";
        found.push(warning(place.source, Code::Rule, at).say(message, "an empty match is an error, never all"));
    }
    place.duties(&reached, found);
}

struct Place<'a> {
    runbook: &'a Runbook,
    fields: &'a Fields,
    source: &'a Arc<Source>,
    workspaces: Vec<&'a Workspace>,
}

impl<'a> Place<'a> {
    fn servers(&self) -> impl Iterator<Item = &'a Server> {
        self.workspaces.iter().flat_map(|workspace| &workspace.servers)
    }

    /// Names that no server of any workspace carries: misspelt, what they would keep out is not kept out.
    fn names(&self, table: &str, key: &str, text: Option<&String>, found: &mut Vec<Diagnostic>) {
        let Some((text, selector)) = text.and_then(|text| Some((text, selector::parse(text).ok()?))) else {
            return;
        };
        let at = self.fields.table(table).map_or(0..0, |fields| fields.span_of(key));
        for (named, negated) in selector.names() {
            let (kind, name, known): (_, _, BTreeSet<&str>) = match named {
                Named::Group(name) => {
                    ("group", name, self.servers().flat_map(|it| &it.groups).map(AsRef::as_ref).collect())
                }
                Named::Tag(name) => ("tag", name, self.servers().flat_map(|it| &it.tags).map(AsRef::as_ref).collect()),
                Named::Host(name) => ("host", name, self.servers().map(|it| it.name.as_str()).collect()),
            };
            if known.contains(name) {
                continue;
            }
            let hint = match nearest(name, known.iter().copied()) {
                Some(meant) => format!("did you mean `{kind}:{meant}`?"),
                // `!tag:drained` is right while no server is drained.
                None if negated => continue,
                None => "as it stands it changes nothing: no server is meant by it".to_owned(),
            };
            let message = format!("no server of any workspace has `{kind}:{name}`");
            let at = self.word(&at, text, &format!("{kind}:{name}"));
            found.push(warning(self.source, Code::Undeclared, at).say(message, hint));
        }
    }

    /// Where a word of a selector stands.
    fn word(&self, span: &Range<usize>, text: &str, word: &str) -> Range<usize> {
        let ends = |at: usize| {
            let next = text.get(at + word.len()..).and_then(|rest| rest.chars().next());
            next.is_none_or(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.' | ':'))
        };
        match text.match_indices(word).find(|(at, _)| ends(*at)) {
            Some((at, _)) => self.source.place(span, text, at),
            None => span.clone(),
        }
    }

    /// The workspaces in which the runbook means some server; all of them where a draft says nothing yet.
    fn reached(&self) -> Vec<&'a Workspace> {
        let selector = selector::parse(&self.runbook.targets.select).ok();
        let means = |it: &&Workspace| {
            selector.as_ref().is_none_or(|selector| it.servers.iter().any(|server| selector.matches(server)))
        };
        self.workspaces.iter().copied().filter(means).collect()
    }

    /// Duties that a workspace it reaches does not declare: there nobody can propose it.
    fn duties(&self, reached: &[&Workspace], found: &mut Vec<Diagnostic>) {
        let steps = || self.fields.tables("step");
        let own: BTreeSet<&str> = steps().filter_map(|step| step.text("role")).collect();
        let uses = self.fields.table("runbook").map_or(0..0, |head| head.span_of("uses"));
        let merged = self.runbook.duties().into_iter().filter(|duty| !own.contains(duty));
        let at_steps = steps().filter_map(|step| Some((step.text("role")?, step.span_of("role"))));
        for (duty, at) in at_steps.chain(merged.map(|duty| (duty, uses.clone()))) {
            let lacking: Vec<&str> =
                reached.iter().filter(|it| !it.duties.contains(duty)).map(|it| it.id.as_str()).collect();
            if lacking.is_empty() {
                continue;
            }
            let declared = reached.iter().flat_map(|it| &it.duties).map(String::as_str);
            let hint = match nearest(duty, declared) {
                Some(meant) if meant != duty => format!("did you mean \"{meant}\"?"),
                Some(_) | None => {
                    "add it to their `duties`: until then nobody can propose this runbook there".to_owned()
                }
            };
            let message = format!("the duty `{duty}` is not declared in {}", lacking.join(", "));
            let at = match self.runbook.status {
                Status::Approved => error(self.source, Code::Undeclared, at),
                Status::Draft | Status::Retired => warning(self.source, Code::Undeclared, at),
            };
            found.push(at.say(message, hint));
        }
    }
}
