//! Templates: checks, steps and inputs that runbooks share, and how they are merged into one.

use super::{Parsed, Report};
use super::{parts, step, within};
use crate::domain::Digest;
use crate::domain::runbook::{Check, Input, Runbook, Step};
use crate::site::diagnostic::Code;
use crate::site::fields::{Fields, Node};
use crate::site::keys::runbook::TEMPLATE;
use crate::site::read::{Strictness, read};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Most templates of a runbook: with more nobody can say what runs.
const USES_MAX: usize = 32;

/// A checked template. Its items are already named `template/item`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: u32,
    /// SHA-256 of its file.
    pub digest: Digest,
    /// Fields it adds to the form.
    pub inputs: Vec<Input>,
    /// Checks it adds before the first step.
    pub preflight: Vec<Check>,
    /// Steps before the runbook's own.
    pub before: Vec<Step>,
    /// Steps after the runbook's own.
    pub after: Vec<Step>,
    /// Checks it adds after the last step.
    pub verify: Vec<Check>,
}

impl Template {
    /// `id@version`, as runbooks name it.
    pub fn name(&self) -> String {
        format!("{}@{}", self.id, self.version)
    }
}

/// The templates runbooks may name.
#[derive(Clone, Debug, Default)]
pub struct Templates {
    /// Sound ones, by `id@version`.
    pub known: BTreeMap<String, Template>,
    /// Names of those whose files are wrong: they were reported there.
    pub broken: BTreeSet<String>,
    /// Whether some file could not be read far enough to learn its name.
    pub some_nameless: bool,
}

/// Parses a template.
pub fn template(file: &str, text: &str) -> Parsed<Template> {
    let mut report = Report::new(file, text);
    let strict = |root: &toml::de::DeTable<'_>| Strictness {
        unicode: super::runbook::says_unicode(root, "template"),
        approved: Some(0..0),
    };
    let source = report.source.clone();
    let Some(fields) = read(&source, &TEMPLATE, strict, &mut report.found) else {
        return Parsed::new(report, None, None);
    };
    let head = fields.table("template");
    let id = head.map(|head| head.string("id")).unwrap_or_default();
    let version = head.and_then(|head| head.integer("version")).and_then(|v| u32::try_from(v).ok());
    let prefix = format!("{id}/");
    parts::duplicate_ids(&fields, "step", "id", &mut report);
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for item in fields.tables("step") {
        if within::is_call(item) {
            let hint = "name it in the runbooks that use the template";
            report.error(Code::Rule, item.span_of("kind"), "a template runs no runbook", hint);
        }
        let step = step::step(item, &prefix, &mut report);
        match item.text("place") {
            Some("after") => after.push(step),
            _ => before.push(step),
        }
    }
    let value = Template {
        version: version.unwrap_or(0),
        digest: Digest::of(text.as_bytes()),
        inputs: parts::inputs(&fields, &mut report),
        preflight: parts::checks(&fields, "preflight", &prefix, &mut report),
        before,
        after,
        verify: parts::checks(&fields, "verify", &prefix, &mut report),
        id,
    };
    super::tool::plans(&fields, &mut report);
    let steps: Vec<&Step> = value.before.iter().chain(&value.after).collect();
    super::runbook::names(&fields, &format!("{}/", value.id), &value.inputs, &steps, &mut report);
    Parsed::new(report, Some(fields), Some(value))
}

/// Merges the templates a runbook names, in order, into it. Reports what is unknown and what clashes, at the very
/// name. Answers the digest of the whole: the file's bytes, then each template's name and digest.
pub(super) fn merge(runbook: &mut Runbook, fields: &Fields, templates: &Templates, text: &str, report: &mut Report) {
    let mut whole = text.as_bytes().to_vec();
    let own_inputs = std::mem::take(&mut runbook.inputs);
    let own_checks = std::mem::take(&mut runbook.preflight);
    let own_verify = std::mem::take(&mut runbook.verify);
    let mut after = Vec::new();
    let mut used: BTreeMap<&str, String> = BTreeMap::new();
    let mut before = Vec::new();
    if let Some(beyond) = uses(fields).get(USES_MAX) {
        let message = format!("more than {USES_MAX} templates");
        report.error(Code::Rule, beyond.span.clone(), message, "");
    }
    for node in uses(fields).iter().take(USES_MAX) {
        let name = node.text().unwrap_or_default();
        let Some(template) = templates.known.get(name) else {
            if !templates.broken.contains(name) && !templates.some_nameless {
                unknown(name, node.span.clone(), templates, report);
            }
            continue;
        };
        if let Some(earlier) = used.insert(&template.id, name.to_owned()) {
            let message = format!("`{name}` clashes with `{earlier}`: both name their items {}/…", template.id);
            report.error(Code::Clash, node.span.clone(), message, "a template stands once in a stack");
            continue;
        }
        for input in &template.inputs {
            take_input(input, name, &node.span, fields, runbook, report);
        }
        check_secrets(template, &node.span, runbook, report);
        runbook.preflight.extend(template.preflight.iter().cloned());
        before.extend(template.before.iter().cloned());
        after.extend(template.after.iter().cloned());
        runbook.verify.extend(template.verify.iter().cloned());
        runbook.templates.push((name.to_owned(), template.digest));
        whole.push(0);
        whole.extend_from_slice(name.as_bytes());
        whole.push(0);
        whole.extend_from_slice(&template.digest.0);
    }
    runbook.inputs.extend(own_inputs);
    runbook.preflight.extend(own_checks);
    runbook.verify.extend(own_verify);
    let own_steps = std::mem::take(&mut runbook.steps);
    for within in &mut runbook.within {
        within.first = within.first.saturating_add(u16::try_from(before.len()).unwrap_or(u16::MAX));
    }
    runbook.steps = before.into_iter().chain(own_steps).chain(after).collect();
    runbook.digest = Digest::of(&whole);
}

fn uses(fields: &Fields) -> &[Node] {
    fields.table("runbook").and_then(|head| head.get("uses")).map_or(&[], Node::items)
}

fn unknown(name: &str, at: Range<usize>, templates: &Templates, report: &mut Report) {
    let known: Vec<&str> = templates.known.keys().map(String::as_str).collect();
    let hint = match (crate::site::suggest::nearest(name, known.iter().copied()), known.is_empty()) {
        (Some(meant), _) => format!("did you mean \"{meant}\"?"),
        (None, true) => "there are no templates: they stand in runbooks/templates/".to_owned(),
        (None, false) => format!("there are {}", known.join(", ")),
    };
    report.error(Code::Undeclared, at, format!("no template is called `{name}`"), &hint);
}

/// An input of the same name is a clash, at the runbook's own key where it has one.
fn take_input(
    input: &Input,
    name: &str,
    at: &Range<usize>,
    fields: &Fields,
    runbook: &mut Runbook,
    report: &mut Report,
) {
    let own = fields.table("inputs").and_then(|inputs| inputs.field(&input.name));
    let secret = fields.table("secrets").and_then(|secrets| secrets.field(&input.name));
    if let Some(field) = own.or(secret) {
        let message = format!("`{}` clashes with the input of that name in {name}", input.name);
        let hint = "take it out: the template asks already; or choose another name";
        report.error(Code::Clash, field.name_span.clone(), message, hint);
    } else if runbook.inputs.iter().any(|other| other.name == input.name) {
        let message = format!("{name} brings an input `{}` that an earlier template brings too", input.name);
        report.error(Code::Clash, at.clone(), message, "use one of the two");
    } else {
        runbook.inputs.push(input.clone());
    }
}

fn check_secrets(template: &Template, at: &Range<usize>, runbook: &Runbook, report: &mut Report) {
    for step in template.before.iter().chain(&template.after) {
        for name in step.action.secrets().iter().filter(|name| !runbook.secrets.contains_key(*name)) {
            let message = format!("step {} needs a secret `{name}`", step.id);
            report.error(Code::Undeclared, at.clone(), message, &format!("declare it under [secrets.{name}]"));
        }
    }
}
