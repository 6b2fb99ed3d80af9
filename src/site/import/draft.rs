//! A runbook that was made of something else, and how it is written down.

use super::toml_text::{comment, id, is_blank, line, list, unique, value};
use crate::site::form::{GIVEN, SHELL_OWN};
use std::fmt::Write as _;

/// Longest title: a line of a wide terminal.
const TITLE_CHARS_MAX: usize = 100;

/// Longest note: a few lines of a comment.
const NOTE_CHARS_MAX: usize = 400;

/// A runbook to be finished by a person.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Draft {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Where it comes from, in words.
    pub source: String,
    /// What it does, as the source tells it.
    pub changes: String,
    /// Why, as the source tells it.
    pub why: String,
    /// What to expect, as the source tells it.
    pub expected: String,
    /// The hosts, as a selector; empty where the source does not tell.
    pub select: String,
    /// Hosts at once.
    pub parallel: Option<u32>,
    /// Whether each step is done on all hosts before the next.
    pub step_first: bool,
    /// Whether other hosts go on where one failed.
    pub keeps_going: bool,
    /// The form.
    pub inputs: Vec<Input>,
    /// Secrets, by variable.
    pub secrets: Vec<(String, String)>,
    /// Checks before.
    pub preflight: Vec<Check>,
    /// The steps.
    pub steps: Vec<Step>,
    /// Checks after.
    pub verify: Vec<Check>,
    /// The way back, in words.
    pub rollback: String,
    /// What could not be carried over, and what a person should look at.
    pub notes: Vec<String>,
}

/// A field of the form.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Input {
    /// The variable.
    pub name: String,
    /// What the form asks.
    pub prompt: String,
    /// What may be typed: `string`, `text`, `choice`, `date`, `bool`.
    pub kind: &'static str,
    /// What the form starts with.
    pub default: String,
    /// What the whole value must match.
    pub pattern: String,
    /// For a choice.
    pub choices: Vec<String>,
    /// Whether it must be filled.
    pub required: bool,
    /// What a person should look at.
    pub todo: Vec<String>,
}

/// A check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Check {
    /// Its id.
    pub id: String,
    /// What holds.
    pub title: String,
    /// The script that looks.
    pub run: String,
    /// What reads it.
    pub interpreter: &'static str,
}

/// A step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Its id.
    pub id: String,
    /// What it does.
    pub title: String,
    /// How.
    pub does: Does,
    /// Longest time, as a duration; empty where the source does not tell.
    pub timeout: String,
    /// Variables of the secrets it names.
    pub secrets: Vec<String>,
    /// What a person should look at.
    pub todo: Vec<String>,
}

/// How a step is done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Does {
    /// By a script.
    Script {
        /// Its text.
        run: String,
        /// What reads it.
        interpreter: &'static str,
    },
    /// By a person.
    Manual {
        /// What they do.
        text: String,
        /// Its points.
        checklist: Vec<String>,
    },
}

impl Does {
    /// What stands in for something that could not be carried over: it ends badly and says why.
    pub(super) fn missing(what: &str) -> Does {
        let words = comment(what).replace('\'', "");
        Does::Script { run: format!("echo 'TODO: {words}' >&2\nexit 1\n"), interpreter: "sh" }
    }
}

impl Draft {
    /// An id for a step or check that none has yet.
    pub(super) fn fresh_id(&self, words: &str) -> String {
        let made = id(words).unwrap_or_else(|| "step".to_owned());
        let taken = |name: &str| {
            self.steps.iter().any(|step| step.id == name)
                || self.preflight.iter().chain(&self.verify).any(|check| check.id == name)
        };
        unique(&made, '-', taken)
    }

    /// A variable for a value that none has yet.
    pub(super) fn fresh_variable(&self, words: &str) -> String {
        let made = id(words).unwrap_or_default().replace('-', "_");
        let made = match made.starts_with(|c: char| c.is_ascii_lowercase()) {
            true => made,
            false => format!("value_{made}").trim_end_matches('_').to_owned(),
        };
        let taken = |name: &str| {
            GIVEN.contains(&name)
                || SHELL_OWN.contains(&name)
                || self.inputs.iter().any(|input| input.name == name)
                || self.secrets.iter().any(|(secret, _)| secret == name)
        };
        unique(&made, '_', taken)
    }

    /// Everything a person has to write or look at before this is more than a draft.
    pub fn todo(&self) -> Vec<String> {
        let mut all: Vec<String> = self.lacking().into_iter().map(str::to_owned).collect();
        all.extend(self.notes.iter().map(|note| comment(note)));
        all.extend(self.inputs.iter().flat_map(|input| input.todo.iter().map(|it| format!("{}: {it}", input.name))));
        all.extend(self.steps.iter().flat_map(|step| step.todo.iter().map(|it| format!("{}: {it}", step.id))));
        all
    }

    /// Sections that an approved runbook has and this one lacks.
    fn lacking(&self) -> Vec<&'static str> {
        let mut lacking = vec!["owner, last_reviewed and next_review: who answers for it"];
        if self.changes.is_empty() || self.why.is_empty() || self.expected.is_empty() {
            lacking.push("[scope]: what it changes, why, and what to expect");
        }
        if self.select.is_empty() {
            lacking.push("[targets] select: the hosts");
        }
        if self.preflight.is_empty() {
            lacking.push("[[preflight]]: what must hold before the first step");
        }
        if self.verify.is_empty() {
            lacking.push("[[verify]]: what must hold afterwards; without it no run ends succeeded");
        }
        if self.rollback.is_empty() {
            lacking.push("[rollback] plan, and an undo beside each step that has one");
        }
        lacking.push("effect of each step: read, idempotent or once");
        lacking
    }

    /// The file.
    pub fn toml(&self) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "# A draft made of {}. What it claims, a person has to look at.", comment(&self.source));
        for todo in self.lacking().into_iter().map(str::to_owned).chain(self.notes.iter().cloned()) {
            let _ = writeln!(out, "# TODO: {}", line(&todo, NOTE_CHARS_MAX));
        }
        let _ = write!(
            out,
            "schema = 1\n\n[runbook]\nid      = {}\ntitle   = {}\nkind    = \"maintenance\"\nversion = \"0.1.0\"\nstatus  = \"draft\"\n\
             impact  = \"medium\"\n",
            value(&self.id),
            title_of(&self.title, &self.id)
        );
        let body = self.body();
        if !body.is_ascii() {
            out.push_str("unicode = true\n");
        }
        out + &body
    }

    /// Everything behind its head.
    fn body(&self) -> String {
        let mut out = String::new();
        self.write_scope(&mut out);
        self.write_targets(&mut out);
        for input in &self.inputs {
            write_input(&mut out, input);
        }
        for (name, purpose) in &self.secrets {
            let _ = write!(out, "\n[secrets.{name}]\nref     = \"prompt:\"  # TODO: file:, vault: or command:\n");
            let _ = writeln!(out, "purpose = {}", title_of(purpose, name));
        }
        write_checks(&mut out, "preflight", &self.preflight);
        for step in &self.steps {
            write_step(&mut out, step);
        }
        write_checks(&mut out, "verify", &self.verify);
        if !is_blank(&self.rollback) {
            let _ = write!(out, "\n[rollback]\nplan = {}\n", value(&self.rollback));
        }
        out
    }

    fn write_scope(&self, out: &mut String) {
        let said = [("changes", &self.changes), ("why", &self.why), ("expected", &self.expected)];
        if said.iter().all(|(_, text)| is_blank(text)) {
            return;
        }
        out.push_str("\n[scope]\n");
        for (key, text) in said.iter().filter(|(_, text)| !is_blank(text)) {
            let _ = writeln!(out, "{key} = {}", value(text));
        }
    }

    fn write_targets(&self, out: &mut String) {
        if self.select.is_empty() {
            return;
        }
        let _ = write!(out, "\n[targets]\nselect = {}\n", value(&self.select));
        if let Some(parallel) = self.parallel {
            let _ = writeln!(out, "parallel = {}", parallel.clamp(1, 1_024));
        }
        if self.step_first {
            out.push_str("order = \"step-first\"\n");
        }
        if self.keeps_going {
            out.push_str("max_failures = \"100%\"\n");
        }
    }
}

/// A title as a value; the name where nothing of the title can be shown.
fn title_of(title: &str, name: &str) -> String {
    let title = line(title, TITLE_CHARS_MAX);
    value(if title.trim().is_empty() { name } else { &title })
}

fn write_input(out: &mut String, input: &Input) {
    out.push('\n');
    for todo in &input.todo {
        let _ = writeln!(out, "# TODO: {}", line(todo, NOTE_CHARS_MAX));
    }
    let _ = write!(
        out,
        "[inputs.{}]\nprompt = {}\ntype = \"{}\"\n",
        input.name,
        title_of(&input.prompt, &input.name),
        input.kind
    );
    if !input.pattern.is_empty() {
        let _ = writeln!(out, "pattern = {}", value(&input.pattern));
    }
    if !input.choices.is_empty() {
        let _ = writeln!(out, "choices = {}", list(&input.choices));
    }
    if !input.default.is_empty() {
        let _ = writeln!(out, "default = {}", value(&input.default));
    }
    if input.required {
        out.push_str("required = true\n");
    }
}

fn write_checks(out: &mut String, key: &str, checks: &[Check]) {
    for check in checks {
        let title = title_of(&check.title, &check.id);
        let _ = write!(out, "\n[[{key}]]\nid = {}\ntitle = {}\nrun = {}\n", value(&check.id), title, value(&check.run));
        if check.interpreter != "sh" {
            let _ = writeln!(out, "interpreter = \"{}\"", check.interpreter);
        }
        out.push_str("effect = \"read\"\n");
    }
}

fn write_step(out: &mut String, step: &Step) {
    out.push('\n');
    for todo in &step.todo {
        let _ = writeln!(out, "# TODO: {}", line(todo, NOTE_CHARS_MAX));
    }
    let _ = write!(out, "[[step]]\nid = {}\ntitle = {}\n", value(&step.id), title_of(&step.title, &step.id));
    match &step.does {
        Does::Script { run, interpreter } => {
            let _ = writeln!(out, "run = {}", value(run));
            if *interpreter != "sh" {
                let _ = writeln!(out, "interpreter = \"{interpreter}\"");
            }
            if !step.timeout.is_empty() {
                let _ = writeln!(out, "timeout = {}", value(&step.timeout));
            }
            if !step.secrets.is_empty() {
                let _ = writeln!(out, "secrets = {}", list(&step.secrets));
            }
        }
        Does::Manual { text, checklist } => {
            let _ = write!(out, "kind = \"manual\"\ntext = {}\n", value(text));
            if !checklist.is_empty() {
                let _ = writeln!(out, "checklist = {}", list(checklist));
            }
        }
    }
    out.push_str("effect = \"once\"  # TODO: read | idempotent | once\n");
}
