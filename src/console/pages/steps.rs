//! Steps and checks as pages show them: every line of every command, what repeating it means, how it is undone.

use super::{LABEL_COLUMNS, heading};
use crate::console::glyph;
use crate::console::moment;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::page::Part;
use crate::console::widgets::piece::{Piece, gap, name, text};
use crate::console::words;
use crate::domain::runbook::{
    Action, Amount, Check, Compare, Effect, Expect, Interpreter, Match, OnFailure, Runbook, Script, Severity, Step,
};
use crate::terminal::line::Safe;

/// Columns a command stands further in than its title.
const COMMAND_INDENT: u16 = 5;

/// Every step with all it runs, under a heading that counts them. `told` fills what a manual step says, where the
/// values are known.
pub(super) fn steps<'a>(
    title: &str,
    runbook: &Runbook,
    all: impl IntoIterator<Item = &'a Step>,
    told: impl Fn(&Step, &str) -> String,
) -> Vec<Part> {
    let unwritten = match runbook.targets.max_failures {
        None | Some(Amount::Hosts(0) | Amount::Percent(0)) => "on failure a person decides",
        Some(_) => "on failure the host is dropped, beyond what is tolerated a person decides",
    };
    let all: Vec<&Step> = all.into_iter().collect();
    let undone = all.iter().filter(|step| step.undo.is_some()).count();
    let count = safe!("{} · {undone} undo", words::count(all.len(), "step", "steps"));
    let mut parts = heading(title, count).to_vec();
    for (nth, step) in all.into_iter().enumerate() {
        if nth > 0 {
            parts.push(Part::Air);
        }
        parts.extend(one(nth + 1, step, unwritten, &|words| told(step, words)));
    }
    parts
}

fn one(number: usize, step: &Step, unwritten: &str, told: &dyn Fn(&str) -> String) -> Vec<Part> {
    let undo = match step.undo {
        Some(_) => text(Role::Ok, safe!("undo {}", glyph::DONE.glyph)),
        None => text(Role::Muted, "no undo"),
    };
    let mut parts = vec![Part::Line(vec![
        text(Role::Faint, number.to_string()).right(2),
        gap(1),
        name(Role::Title, safe!("{}", step.id)),
        gap(2),
        text(Role::Text, step.title.as_str()).rest(),
        gap(1),
        text(Role::Muted, step.effect.word()),
        gap(2),
        undo,
    ])];
    match &step.action {
        Action::Manual { text: words, role, checklist, evidence } => {
            let who = role.as_ref().map_or("by hand".to_owned(), |role| format!("by hand: {role}"));
            parts.push(Part::Labelled(COMMAND_INDENT, Safe::default(), Role::Text, format!("{who}: {}", told(words))));
            parts.extend(
                checklist
                    .iter()
                    .map(|point| Part::Labelled(COMMAND_INDENT + 4, safe!("     [ ] "), Role::Text, point.clone())),
            );
            if *evidence {
                parts.push(said("asks for evidence"));
            }
        }
        action => parts.push(command(&action.written(told))),
    }
    parts.push(said(&rules(step, unwritten)));
    parts.extend(step.aside().iter().map(|(label, words)| said(&format!("{label} {words}"))));
    if let Some(probe) = &step.probe {
        parts.push(said("where nobody saw its end, looked for by"));
        parts.push(command(&probe.text));
    }
    if let Some(undo) = &step.undo {
        parts.push(said("undone by"));
        parts.push(command(undo));
    }
    parts
}

/// `on failure somebody decides · 2 retries, 5 s apart · at most 2m`.
fn rules(step: &Step, unwritten: &str) -> String {
    let mut rules = vec![
        match step.on_failure {
            None => unwritten,
            Some(OnFailure::Pause) => "on failure a person decides",
            Some(OnFailure::Stop) => "on failure the run stops",
            Some(OnFailure::Continue) => "on failure the host is dropped",
            Some(OnFailure::Rollback) => "on failure the run stops, to be undone",
        }
        .to_owned(),
    ];
    match (step.effect, step.retries.times) {
        (Effect::Once, _) => rules.push("never repeated by itself".to_owned()),
        (Effect::Read | Effect::Idempotent, 0) => {}
        (Effect::Read | Effect::Idempotent, times) => {
            let times = words::count(usize::from(times), "retry", "retries");
            let jitter = match step.retries.jitter_ms {
                0 => String::new(),
                jitter => format!(" and up to {} more", moment::span(jitter)),
            };
            rules.push(format!("{times} {} apart{jitter}", moment::span(step.retries.delay_ms)));
        }
    }
    if let Action::Script(script) = &step.action {
        rules.extend(conditions(script));
    }
    if let Some(due) = step.due_ms {
        rules.push(format!("due {} after the start", moment::span(due)));
    }
    if step.withhold {
        rules.push("its output is withheld".to_owned());
    }
    if step.required {
        rules.push("cannot be skipped".to_owned());
    }
    if !step.tags.is_empty() {
        let tags: Vec<&str> = step.tags.iter().map(String::as_str).collect();
        rules.push(format!("tags {}", tags.join(", ")));
    }
    rules.join(" · ")
}

fn conditions(script: &Script) -> Vec<String> {
    let mut conditions = vec![format!("at most {}", moment::span(script.timeout_ms))];
    match &script.interpreter {
        Interpreter::Sh => {}
        Interpreter::Bash | Interpreter::Program(_) => {
            conditions.push(format!("read by {}", script.interpreter.words()))
        }
    }
    if !script.secrets.is_empty() {
        conditions.push(format!("gets {}", script.secrets.join(", ")));
    }
    conditions
}

/// Checks with what they run and expect.
pub(super) fn checks(title: &str, none: &str, all: &[Check]) -> Vec<Part> {
    let count = if all.is_empty() { Safe::new("none") } else { safe!("{}", all.len()) };
    let mut parts = heading(title, count).to_vec();
    if all.is_empty() {
        parts.push(Part::Words(Role::Muted, none.to_owned()));
    }
    for check in all {
        parts.push(Part::Line(vec![
            gap(3),
            name(Role::Title, safe!("{}", check.id)),
            gap(2),
            text(Role::Text, check.title.as_str()).rest(),
            gap(1),
            severity(check.severity),
        ]));
        parts.push(command(&check.script.text));
        parts.push(said(&format!("expects {}", expects(&check.expect))));
    }
    parts
}

fn severity(severity: Severity) -> Piece {
    match severity {
        Severity::Block => text(Role::Muted, "blocks"),
        Severity::Warn => text(Role::Muted, "warns"),
    }
}

/// What a check expects, in words.
fn expects(expect: &Expect) -> String {
    let mut all = vec![format!("exit {}", expect.exit)];
    all.extend(expect.stdout.as_ref().map(|stdout| format!("output {}", like(stdout))));
    all.extend(expect.stderr.as_ref().map(|stderr| format!("errors {}", like(stderr))));
    all.join(", ")
}

fn like(what: &Match) -> String {
    match what {
        Match::Equals(text) => format!("equal to {text}"),
        Match::Matches(pattern) => format!("matching {pattern}"),
        Match::Number { compare, with } => {
            let sign = match compare {
                Compare::Less => "<",
                Compare::LessOrEqual => "≤",
                Compare::Equal => "=",
                Compare::NotEqual => "≠",
                Compare::GreaterOrEqual => "≥",
                Compare::Greater => ">",
            };
            format!("{sign} {with}")
        }
        Match::Json { path, equals } => format!("with {path} = {equals}"),
    }
}

fn command(script: &str) -> Part {
    Part::Indented(COMMAND_INDENT, Role::Accent, script.trim_end().to_owned())
}

fn said(words: &str) -> Part {
    Part::Labelled(COMMAND_INDENT, Safe::default(), Role::Muted, words.to_owned())
}

/// Inputs and secrets stand in columns as wide as labels.
pub(super) fn row(label: &str, pieces: impl IntoIterator<Item = Piece>) -> Part {
    let mut line = vec![name(Role::Text, label).cols(LABEL_COLUMNS + 6), gap(1)];
    line.extend(pieces);
    Part::Line(line)
}
