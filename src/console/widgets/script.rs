//! What exactly is run by a step or check, as a page: the script as reviewed, what it is given, how long it may take.

use super::piece::{gap, text};
use crate::console::moment;
use crate::console::overlays::sheet::{Part, Sheet};
use crate::console::safe;
use crate::console::theme::Role;
use crate::domain::check;
use crate::domain::plan::Plan;
use crate::domain::run::{Item, Slot};
use crate::domain::runbook::{Check, Interpreter, Script};
use crate::terminal::line::Safe;

/// The page for a cell or a whole row of the matrix.
pub fn sheet(plan: &Plan, slot: Slot) -> Sheet {
    let (id, title, _) = plan.item_name(slot.item);
    let host = slot.host.and_then(|ix| plan.host(ix)).map(|host| host.name.to_string());
    let mut parts = vec![Part::Words(Role::Title, title)];
    let pair = |label: &'static str, value: Safe| {
        Part::Line(vec![text(Role::Muted, label).cols(12), gap(1), text(Role::Text, value).rest()])
    };
    match script_of(plan, slot.item) {
        Some(script) => {
            let interpreter = script.interpreter.words();
            let given = match script.interpreter {
                Interpreter::Sh | Interpreter::Bash => "what it is given, as shell variables on standard input",
                Interpreter::Program(_) => "what it is given, as one JSON object on file descriptor 3",
            };
            parts.push(pair("where", host.map_or(safe!("on {} hosts", plan.hosts.len()), Safe::new)));
            parts.push(pair("run by", safe!("{interpreter}, for at most {}", moment::span(script.timeout_ms))));
            parts.extend(script.becomes.as_ref().map(|becomes| pair("as", Safe::new(becomes.words()))));
            parts.extend(script.pty.then(|| pair("given", safe!("a terminal: its two outputs are one"))));
            parts.extend(expected(plan, slot.item).map(|words| pair("expected", Safe::new(&words))));
            parts.push(Part::Air);
            parts.push(Part::Rule(Safe::new("script, exactly as reviewed")));
            parts.push(Part::Verbatim(Role::Text, script.text.clone()));
            parts.push(Part::Air);
            parts.push(Part::Rule(Safe::new(given)));
            let step = match slot.item {
                Item::Step(position) => plan.step(position),
                Item::Reach | Item::Preflight(_) | Item::Verify(_) => None,
            };
            parts.extend(plan.inputs_of(step).iter().map(|(name, value)| {
                Part::Line(vec![
                    text(Role::Accent, name.as_str()).cols(20),
                    gap(1),
                    text(Role::Text, value.as_str()).rest(),
                ])
            }));
            parts.push(Part::Line(vec![text(Role::Muted, "host, run, step, attempt")]));
            parts.extend(plan.secrets.iter().filter(|secret| script.secrets.contains(&secret.name)).map(|secret| {
                let version = secret.version.as_deref().unwrap_or("not pinned");
                Part::Line(vec![
                    text(Role::Accent, secret.name.as_str()).cols(20),
                    gap(1),
                    text(Role::Muted, safe!("secret from {}, {version}; its value is shown nowhere", secret.place()))
                        .rest(),
                ])
            }));
        }
        None => match slot.item {
            Item::Reach => parts.push(Part::Words(
                Role::Text,
                "Connects, compares the host key with the pinned one, logs in, and sees that a shell answers."
                    .to_owned(),
            )),
            Item::Step(position) => {
                let step = plan.step(position);
                parts.extend(
                    step.map(|step| Part::Words(Role::Text, step.action.written(&|text| plan.told(step, text)))),
                );
                let points = step.map_or(&[][..], |step| step.action.checklist());
                parts.extend(points.iter().map(|point| Part::Words(Role::Text, format!("· {point}"))));
            }
            Item::Preflight(_) | Item::Verify(_) => {}
        },
    }
    Sheet::new(safe!("what is run: {id}"), parts)
}

/// What its script must come to, where that is written.
fn expected(plan: &Plan, item: Item) -> Option<String> {
    let of = |list: &[Check], n: u16| list.get(usize::from(n)).map(|check| check.expect.clone());
    let expect = match item {
        Item::Reach => None,
        Item::Preflight(n) => of(&plan.runbook.preflight, n),
        Item::Verify(n) => of(&plan.runbook.verify, n),
        Item::Step(n) => plan.step(n)?.expect.clone(),
    };
    expect.as_ref().map(check::expected)
}

/// The script behind an item, where there is one.
pub fn script_of(plan: &Plan, item: Item) -> Option<&Script> {
    match item {
        Item::Reach => None,
        Item::Preflight(n) => plan.runbook.preflight.get(usize::from(n)).map(|check| &check.script),
        Item::Verify(n) => plan.runbook.verify.get(usize::from(n)).map(|check| &check.script),
        Item::Step(n) => plan.step(n)?.action.script(),
    }
}
