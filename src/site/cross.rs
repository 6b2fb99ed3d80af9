//! What only the whole site can show: names given twice, names nobody declares, and warnings about who is missing.
//!
//! Works on what could be read of each file, so that one wrong line does not hide the problems of other files, and
//! a name in a file that is wrong elsewhere still counts as declared.

mod authority;
mod machines;
mod notify;
mod targets;

use super::diagnostic::{Code, DIAGNOSTICS_PER_FILE_MAX, Diagnostic, Severity};
use super::load::Parts;
use super::parse::{Parsed, Settings, Template, Theme};
use super::source::Source;
use super::suggest::nearest;
use super::text::skeleton;
use crate::domain::workspace::{Environment, Workspace};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// Themes that come with the program.
const THEMES_SHIPPED: [&str; 5] = ["harbour", "paper", "high-contrast", "colour-blind", "sixteen"];

/// Checks the parts against each other.
pub(super) fn check(parts: &Parts, found: &mut Vec<Diagnostic>) {
    unique_ids(&parts.workspaces, "workspace", found);
    unique_ids(&parts.runbooks, "runbook", found);
    unique_templates(&parts.templates, found);
    unique_themes(&parts.themes, found);
    for workspace in &parts.workspaces {
        excepted_runbooks_exist(workspace, parts, found);
        if let Some(people) = handles(parts) {
            people_exist(workspace, &people, found);
        }
    }
    for runbook in &parts.runbooks {
        targets::check(runbook, parts, found);
    }
    if let (Some(settings), Some(people)) = (&parts.settings, handles(parts)) {
        administrators_exist(settings, &people, found);
    }
    settings(parts, found);
    authority::check(parts, found);
    machines::check(parts, found);
    notify::check(parts, found);
}

/// A template's `id@version`, as far as its file says it.
pub(super) fn template_name(parsed: &Parsed<Template>) -> Option<String> {
    let head = parsed.fields.as_ref()?.table("template")?;
    Some(format!("{}@{}", head.text("id")?, head.integer("version")?))
}

/// One problem at a place.
struct At<'a> {
    source: &'a Arc<Source>,
    severity: Severity,
    code: Code,
    span: Range<usize>,
}

impl At<'_> {
    fn say(self, message: impl Into<String>, hint: impl Into<String>) -> Diagnostic {
        let hint = hint.into();
        let diagnostic = Diagnostic::at(self.source, self.severity, self.code, self.span, message);
        match hint.is_empty() {
            true => diagnostic,
            false => diagnostic.hint(hint),
        }
    }
}

fn error<'a>(source: &'a Arc<Source>, code: Code, span: Range<usize>) -> At<'a> {
    At { source, severity: Severity::Error, code, span }
}

fn warning<'a>(source: &'a Arc<Source>, code: Code, span: Range<usize>) -> At<'a> {
    At { source, severity: Severity::Warning, code, span }
}

/// Ids and titles of a kind of file; two that look alike are as bad as two that are equal.
fn unique_ids<T>(parsed: &[Parsed<T>], kind: &str, found: &mut Vec<Diagnostic>) {
    let mut ids: BTreeMap<String, (String, String)> = BTreeMap::new();
    for file in parsed {
        let Some(head) = file.fields.as_ref().and_then(|fields| fields.table(kind)) else {
            continue;
        };
        let Some(id) = head.text("id") else { continue };
        let at = head.span_of("id");
        match ids.get(&skeleton(id)) {
            Some((other, file_of_other)) if other == id => {
                let message = format!("a second {kind} called `{id}`");
                let hint = format!("the first stands in {file_of_other}");
                found.push(error(&file.source, Code::Duplicate, at).say(message, hint));
            }
            Some((other, file_of_other)) => {
                let message = format!("`{id}` and `{other}` look alike");
                let hint = format!("the other stands in {file_of_other}: change one");
                found.push(error(&file.source, Code::TextLookalike, at).say(message, hint));
            }
            None => {
                ids.insert(skeleton(id), (id.to_owned(), file.source.file().to_owned()));
            }
        }
    }
}

/// An exception for a runbook that is spelled otherwise holds for nobody, and is found out in the night.
fn excepted_runbooks_exist(workspace: &Parsed<Workspace>, parts: &Parts, found: &mut Vec<Diagnostic>) {
    let Some(fields) = &workspace.fields else { return };
    let heads = parts.runbooks.iter().filter_map(|file| file.fields.as_ref()?.table("runbook"));
    let known: BTreeSet<&str> = heads.filter_map(|head| head.text("id")).collect();
    let named = fields.tables("freeze").filter_map(|freeze| freeze.get("except")).flat_map(|node| node.items());
    for item in named.take(DIAGNOSTICS_PER_FILE_MAX + 1) {
        let name = item.text().unwrap_or_default();
        if known.contains(name) {
            continue;
        }
        let hint = match nearest(name, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "runbooks stand in runbooks/".to_owned(),
        };
        let message = format!("no runbook is called `{name}`");
        found.push(error(&workspace.source, Code::Undeclared, item.span.clone()).say(message, hint));
    }
}

fn unique_themes(themes: &[Parsed<Theme>], found: &mut Vec<Diagnostic>) {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for file in themes {
        let Some((head, name)) = file.fields.as_ref().and_then(|fields| {
            let head = fields.table("theme")?;
            Some((head, head.text("name")?))
        }) else {
            continue;
        };
        if let Some(other) = names.insert(name.to_owned(), file.source.file().to_owned()) {
            let message = format!("a second theme called `{name}`");
            let hint = format!("the first stands in {other}: only one of the two is ever shown");
            found.push(error(&file.source, Code::Duplicate, head.span_of("name")).say(message, hint));
        }
    }
}

fn unique_templates(templates: &[Parsed<Template>], found: &mut Vec<Diagnostic>) {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for file in templates {
        let Some(name) = template_name(file) else {
            continue;
        };
        let head = file.fields.as_ref().and_then(|fields| fields.table("template"));
        let at = head.map_or(0..0, |head| head.span_of("id"));
        if let Some(other) = names.get(&name) {
            let message = format!("a second template called `{name}`");
            let hint = format!("the first stands in {other}: give this one another version");
            found.push(error(&file.source, Code::Duplicate, at).say(message, hint));
        } else {
            names.insert(name, file.source.file().to_owned());
        }
    }
}

/// Everybody's handle; nothing where people.toml could not be read at all.
fn handles(parts: &Parts) -> Option<BTreeSet<&str>> {
    let fields = parts.people.as_ref()?.fields.as_ref()?;
    Some(fields.tables("person").filter_map(|person| person.text("id")).collect())
}

fn people_exist(workspace: &Parsed<Workspace>, people: &BTreeSet<&str>, found: &mut Vec<Diagnostic>) {
    let Some(fields) = &workspace.fields else {
        return;
    };
    let mut named: Vec<(&str, Range<usize>)> = Vec::new();
    if let Some(head) = fields.table("workspace")
        && let Some(owner) = head.text("owner")
    {
        named.push((owner, head.span_of("owner")));
    }
    let members = fields.table("members").map_or(&[][..], |members| &members.entries);
    named.extend(members.iter().map(|field| (field.name.as_str(), field.name_span.clone())));
    let strangers = named.into_iter().filter(|(name, _)| !people.contains(name));
    for (name, at) in strangers.take(DIAGNOSTICS_PER_FILE_MAX + 1) {
        let hint = match nearest(name, people.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "people stand in people.toml".to_owned(),
        };
        let message = format!("nobody is called `{name}`");
        found.push(error(&workspace.source, Code::Undeclared, at).say(message, hint));
    }
}

fn administrators_exist(settings: &Parsed<Settings>, people: &BTreeSet<&str>, found: &mut Vec<Diagnostic>) {
    let head = settings.fields.as_ref().and_then(|fields| fields.table("site"));
    let named = settings.value.iter().flat_map(|settings| &settings.administrators);
    for name in named.filter(|name| !people.contains(name.as_str())) {
        let at = head.map_or(0..0, |head| head.span_of("administrators"));
        let hint = match nearest(name.as_str(), people.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "people stand in people.toml".to_owned(),
        };
        found.push(error(&settings.source, Code::Undeclared, at).say(format!("nobody is called `{name}`"), hint));
    }
}

fn settings(parts: &Parts, found: &mut Vec<Diagnostic>) {
    let Some(settings) = &parts.settings else {
        return;
    };
    let Some(fields) = &settings.fields else {
        return;
    };
    let production = parts.workspaces.iter().filter_map(|workspace| workspace.value.as_ref());
    let production: Vec<&str> =
        production.filter(|it| it.environment == Environment::Production).map(|it| it.id.as_str()).collect();
    if let Some(local) = fields.table("local").filter(|local| local.flag("allow_as"))
        && !production.is_empty()
    {
        let message = format!("anybody may act as anybody, in production too: {}", production.join(", "));
        let hint = "for demonstrations and tests only";
        found.push(warning(&settings.source, Code::AllowAs, local.span_of("allow_as")).say(message, hint));
    }
    let people = parts.people.iter().filter_map(|parsed| parsed.value.as_ref()).flat_map(|people| people.values());
    if let Some(local) = fields.table("local")
        && let Some(account) = local.text("account")
        && let Some(person) = people.into_iter().find(|person| person.unix.iter().any(|name| name == account))
    {
        let message = format!("{account} is an account of {}", person.id);
        let hint = "what runs under it could act as that person: name an account that is nobody's";
        found.push(error(&settings.source, Code::Rule, local.span_of("account")).say(message, hint));
    }
    let own: Vec<&str> =
        parts.themes.iter().filter_map(|theme| theme.fields.as_ref()?.table("theme")?.text("name")).collect();
    if let Some(head) = fields.table("site")
        && let Some(theme) = head.text("theme")
        && !own.contains(&theme)
        && !THEMES_SHIPPED.contains(&theme)
    {
        let known = THEMES_SHIPPED.iter().copied().chain(own.iter().copied());
        let hint = match nearest(theme, known) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => format!("there are {}, and those under themes/", THEMES_SHIPPED.join(", ")),
        };
        let message = format!("no theme is called `{theme}`");
        found.push(warning(&settings.source, Code::Undeclared, head.span_of("theme")).say(message, hint));
    }
}
