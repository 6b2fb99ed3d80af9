//! Runbooks within runbooks: the checks and steps of the one that is named take the place of the step that names it.
//!
//! What results is one flat runbook: its plan shows every step, its approval covers every step, and its run has every host
//! before it begins. So nothing gets round a lock, an approval or an abort by being called from elsewhere. Its hosts and limits are
//! the outer runbook's; the inner one says which of them it is written for.

use super::diagnostic::{Code, Diagnostic, Severity};
use super::load::Parts;
use super::parse::{Parsed, Report, within::Call, within::call, within::is_call};
use super::suggest::nearest;
use crate::domain::input;
use crate::domain::published::Publish;
use crate::domain::runbook::{
    Action, Check, Effect, Input, InputKind, Lock, OnFailure, Retries, Runbook, Severity as Fails, Status, Step, Within,
};
use crate::domain::{Digest, StepId};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// So deep one runbook stands in another at most: who reads the outermost must still know what runs.
const DEPTH_MAX: usize = 4;

/// So long a chain is followed at most while circles are looked for: beyond [`DEPTH_MAX`] it is refused anyway.
const PATH_MAX: usize = 32;

/// Steps of one runbook in all: what calls what calls what grows faster than anybody reads.
const STEPS_MAX: usize = 500;

/// Puts every runbook that is named into those that name it. Reports names that mean nothing, circles, and what does not go together.
pub(super) fn expand(parts: &mut Parts) {
    let mut ids = BTreeMap::new();
    for (nth, parsed) in parts.runbooks.iter().enumerate() {
        if let Some(id) = id(parsed) {
            ids.entry(id.to_owned()).or_insert(nth);
        }
    }
    let mut done = BTreeSet::new();
    for nth in 0..parts.runbooks.len() {
        visit(nth, &mut parts.runbooks, &ids, &mut done, &mut Vec::new());
    }
}

fn id(parsed: &Parsed<Runbook>) -> Option<&str> {
    parsed.fields.as_ref()?.table("runbook")?.text("id")
}

/// What is wrong at one key of a call.
struct Wrong {
    key: &'static str,
    code: Code,
    message: String,
    hint: String,
}

fn wrong(key: &'static str, code: Code, message: impl Into<String>, hint: impl Into<String>) -> Wrong {
    Wrong { key, code, message: message.into(), hint: hint.into() }
}

/// Expands one runbook, those it names first. `path` are the ones that led here.
fn visit(
    nth: usize,
    all: &mut [Parsed<Runbook>],
    ids: &BTreeMap<String, usize>,
    done: &mut BTreeSet<usize>,
    path: &mut Vec<usize>,
) {
    if done.contains(&nth) {
        return;
    }
    let named: Vec<String> =
        all.get(nth).map(|parsed| calls(parsed).map(|it| it.runbook).collect()).unwrap_or_default();
    path.push(nth);
    let (mut circles, mut too_deep) = (Vec::new(), false);
    for inner in named.iter().filter_map(|id| ids.get(id).copied()) {
        match path.iter().position(|known| *known == inner) {
            Some(from) => {
                let names = path.iter().skip(from).chain([&inner]).filter_map(|nth| all.get(*nth).and_then(id));
                circles.push((inner, names.collect::<Vec<_>>().join(" → ")));
            }
            // Whoever stands too deep is refused below, and whatever it names when its own turn comes.
            None if path.len() >= PATH_MAX => too_deep = true,
            None => visit(inner, all, ids, done, path),
        }
    }
    path.pop();
    if too_deep {
        // Not done: its own turn, at the beginning of a path, goes on from here.
        return;
    }
    done.insert(nth);
    let Some(mut outer) = all.get_mut(nth).and_then(|parsed| parsed.value.take()) else {
        return;
    };
    let Some(parsed) = all.get(nth) else { return };
    let mut found: Vec<Diagnostic> = Vec::new();
    for (at, call) in calls(parsed).enumerate() {
        let mut say = |wrong: Wrong| {
            let span = span(&call, wrong.key);
            let diagnostic = Diagnostic::at(&parsed.source, Severity::Error, wrong.code, span, wrong.message);
            found.push(if wrong.hint.is_empty() { diagnostic } else { diagnostic.hint(wrong.hint) });
        };
        let inner = ids.get(&call.runbook).copied();
        if let Some((_, circle)) = circles.iter().find(|(nth, _)| Some(*nth) == inner) {
            let hint = "take one of them out: it would never end";
            say(wrong("runbook", Code::Rule, format!("runbooks run each other in a circle: {circle}"), hint));
            continue;
        }
        match inner.and_then(|nth| all.get(nth)).map(|parsed| parsed.value.as_ref()) {
            None if call.runbook.is_empty() => {}
            None => {
                let hint = match nearest(&call.runbook, ids.keys().map(String::as_str)) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "runbooks stand in runbooks/, each with an id".to_owned(),
                };
                say(wrong("runbook", Code::Undeclared, format!("no runbook is called `{}`", call.runbook), hint));
            }
            // What is wrong with it is said in its own file.
            Some(None) => {}
            Some(Some(inner)) => match inline(&mut outer, at, &call, inner) {
                Ok(()) => {}
                Err(all) => all.into_iter().for_each(say),
            },
        }
    }
    if let Some(parsed) = all.get_mut(nth) {
        parsed.value = Some(outer).filter(|_| found.is_empty());
        parsed.diagnostics.append(&mut found);
    }
}

/// The steps of a file that run other runbooks, in order.
fn calls(parsed: &Parsed<Runbook>) -> impl Iterator<Item = Call<'_>> {
    let steps = parsed.fields.iter().flat_map(|fields| fields.tables("step"));
    // What is wrong with the keys themselves was reported when they were first read.
    steps.filter(|step| is_call(step)).map(|step| call(step, &mut Report::new("", "")))
}

fn span(call: &Call<'_>, key: &str) -> Range<usize> {
    match call.fields.get(key) {
        Some(_) => call.fields.span_of(key),
        None => call.fields.span_of("runbook"),
    }
}

/// Puts `inner` in the place of the `at`th call of `outer`.
fn inline(outer: &mut Runbook, at: usize, call: &Call<'_>, inner: &Runbook) -> Result<(), Vec<Wrong>> {
    let mut found = Vec::new();
    fits(outer, call, inner, &mut found);
    given(call, inner, &mut found);
    let steps = steps(call, inner);
    if outer.steps.len() + steps.len() > STEPS_MAX {
        let hint = "run some of it as a runbook of its own";
        found.push(wrong("runbook", Code::Rule, format!("more than {STEPS_MAX} steps in all"), hint));
    }
    let depth = inner.within.iter().map(|it| it.step.as_str().matches('/').count() + 1).max().unwrap_or(0) + 1;
    if depth > DEPTH_MAX {
        let hint = "name the inner ones here, one after the other";
        found.push(wrong(
            "runbook",
            Code::Rule,
            format!("runbooks stand more than {DEPTH_MAX} deep in each other"),
            hint,
        ));
    }
    let asked = inner.inputs.iter().filter(|input| !call.with.contains_key(&input.name));
    let added: Vec<Input> = asked.filter_map(|input| add_input(outer, inner, input, &mut found)).collect();
    let secrets: Vec<_> = inner.secrets.iter().collect();
    for (name, secret) in &secrets {
        let taken = outer.secrets.get(*name).is_some_and(|own| own.reference != secret.reference);
        if taken || outer.inputs.iter().any(|input| input.name == **name) {
            let message = format!("`{name}` is a secret of {} and something else here", inner.id);
            found.push(wrong("runbook", Code::Clash, message, "both become shell variables: rename one"));
        }
    }
    names_clash(outer, &added, &steps, inner, &mut found);
    if let Some(twice) = steps.iter().find(|step| outer.steps.iter().any(|own| own.id == step.id)) {
        let message = format!("a second step would be called `{}`", twice.id);
        found.push(wrong(
            "runbook",
            Code::Clash,
            message,
            "a template's items are called so: give this step another id",
        ));
    }
    if !found.is_empty() {
        return Err(found);
    }
    outer.inputs.extend(added);
    outer.secrets.extend(secrets.into_iter().map(|(name, secret)| (name.clone(), secret.clone())));
    outer.impact = outer.impact.max(inner.impact);
    add_missing(&mut outer.links, &inner.links);
    add_missing(&mut outer.controls, &inner.controls);
    add_missing(&mut outer.scope.excluded, &inner.scope.excluded);
    outer.digest = bound(outer, inner);
    place(outer, at, steps, inner);
    Ok(())
}

/// Whether a runbook may stand where a call names it at all.
fn fits(outer: &Runbook, call: &Call<'_>, inner: &Runbook, found: &mut Vec<Wrong>) {
    let id = &inner.id;
    if inner.version != call.version {
        let message = format!("`{id}` is version {}", inner.version);
        let hint = format!("read what changed, then write runbook = \"{id}@{}\"", inner.version);
        found.push(wrong("runbook", Code::Rule, message, hint));
    }
    match (inner.status, outer.status) {
        (Status::Retired, _) => {
            found.push(wrong("runbook", Code::Rule, format!("`{id}` is retired"), "name what replaced it"));
        }
        (Status::Draft, Status::Approved) => {
            let message = format!("`{id}` is a draft, and this is approved");
            found.push(wrong("runbook", Code::Rule, message, "have it approved, or make this one a draft"));
        }
        (Status::Draft | Status::Approved, _) => {}
    }
    if inner.runs_as != outer.runs_as {
        let message = format!("`{id}` is executed as {}, this as {}", inner.runs_as.word(), outer.runs_as.word());
        let hint = "one run is executed in one role: say the same `runs_as` in both";
        found.push(wrong("runbook", Code::Rule, message, hint));
    }
    if outer.targets.lock == Lock::Shared && inner.targets.lock == Lock::Exclusive {
        let message = format!("`{id}` has its hosts for itself, and this shares them");
        let hint = "take `lock` out under [targets], or say lock = \"shared\" in the other where that is true";
        found.push(wrong("runbook", Code::Rule, message, hint));
    }
    let effect = inner.steps.iter().map(|step| step.effect).max().unwrap_or(Effect::Read);
    if call.effect < effect {
        let (is, says) = (effect.word(), call.effect.word());
        let message = format!("`{id}` has a step that is {is}, and this says {says}");
        found.push(wrong("effect", Code::Rule, message, format!("write effect = \"{is}\"")));
    }
    if let Some(step) = inner.steps.iter().find(|step| !step.tags.is_empty() && !call.tags.is_empty()) {
        let message = format!("step `{}` of `{id}` has tags of its own", step.id);
        found.push(wrong("tags", Code::Rule, message, "take `tags` out here, or there"));
    }
}

/// Values that are fixed: of inputs there are, and such as their form would take.
fn given(call: &Call<'_>, inner: &Runbook, found: &mut Vec<Wrong>) {
    for (name, value) in &call.with {
        let Some(input) = inner.inputs.iter().find(|input| input.name == *name) else {
            let hint = match nearest(name, inner.inputs.iter().map(|input| input.name.as_str())) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => String::new(),
            };
            found.push(wrong("with", Code::Undeclared, format!("`{}` asks for no `{name}`", inner.id), hint));
            continue;
        };
        let refused = if value.contains("{{") {
            Some("a fixed value is taken as it stands".to_owned())
        } else if input.confirm.is_some() {
            Some("it asks for a tick, and nobody can give that for whoever proposes".to_owned())
        } else if input.kind == InputKind::Host {
            Some("which hosts there are is known when somebody proposes".to_owned())
        } else {
            input::well_formed(input, value).err()
        };
        if let Some(why) = refused {
            let hint = "take it out here: the form asks for what is not fixed";
            found.push(wrong("with", Code::Value, format!("`{name}`: {why}"), hint));
        }
    }
}

/// An input the form must ask for too; `None` where it does already.
fn add_input(outer: &Runbook, inner: &Runbook, input: &Input, found: &mut Vec<Wrong>) -> Option<Input> {
    if outer.secrets.contains_key(&input.name) {
        let message = format!("`{}` is an input of {} and a secret here", input.name, inner.id);
        found.push(wrong("runbook", Code::Clash, message, "both become shell variables: rename one"));
        return None;
    }
    let own = outer.inputs.iter().find(|own| own.name == input.name);
    let Some(own) = own else {
        return Some(input.clone());
    };
    if own.kind != input.kind || (input.required && !own.required) || (input.confirm.is_some() && own.confirm.is_none())
    {
        let message = format!("`{}` is asked for here otherwise than in {}", input.name, inner.id);
        let hint =
            "one field of the form fills both: give it the same type and demands, or another name, or fix it by `with`";
        found.push(wrong("runbook", Code::Clash, message, hint));
    }
    None
}

/// A value that a step publishes on one side, and something else of the same name on the other.
fn names_clash(outer: &Runbook, added: &[Input], steps: &[Step], inner: &Runbook, found: &mut Vec<Wrong>) {
    let published = |steps: &[Step]| -> BTreeSet<String> {
        steps.iter().flat_map(|step| step.publishes.iter().map(|publish| publish.name.clone())).collect()
    };
    let given = |inputs: &[Input], runbook: &Runbook| -> BTreeSet<String> {
        inputs.iter().map(|input| input.name.clone()).chain(runbook.secrets.keys().cloned()).collect()
    };
    let (ours, theirs) = (published(&outer.steps), published(steps));
    let (own, others) = (given(&outer.inputs, outer), given(added, inner));
    let of_a_plan = |name: &&String| {
        let all = outer.steps.iter().chain(steps).flat_map(|step| &step.publishes);
        all.filter(|publish| publish.name == **name).any(Publish::is_of_a_plan)
    };
    for name in ours.intersection(&theirs).filter(of_a_plan) {
        let message = format!("`{name}` is published in both, and is the SHA-256 of a plan in one");
        found.push(wrong("runbook", Code::Clash, message, "give one of the two steps another id"));
    }
    for name in ours.intersection(&others).chain(theirs.intersection(&own)) {
        let message = format!("`{name}` is published in one of the two and an input or a secret in the other");
        found.push(wrong("runbook", Code::Clash, message, "all become variables: rename one"));
    }
}

/// Everything it does, in order, as steps of the outer runbook: what it checks before, its steps, what it checks after.
fn steps(call: &Call<'_>, inner: &Runbook) -> Vec<Step> {
    let before = inner.preflight.iter().map(looked);
    let after = inner.verify.iter().map(looked);
    let all = before.chain(inner.steps.iter().cloned()).chain(after);
    all.map(|step| Step {
        id: under(call, &step.id),
        tags: if call.tags.is_empty() { step.tags } else { call.tags.clone() },
        on_failure: step.on_failure.or(call.on_failure),
        required: step.required || call.required,
        fixed: call.with.iter().map(|(name, value)| (name.clone(), value.clone())).chain(step.fixed).collect(),
        ..step
    })
    .collect()
}

fn under(call: &Call<'_>, id: &StepId) -> StepId {
    StepId::new(format!("{}/{id}", call.id))
}

/// A check as a step in the middle of a run: where it fails a person decides, and only a warning can be gone past.
fn looked(check: &Check) -> Step {
    Step {
        id: check.id.clone(),
        title: check.title.clone(),
        action: Action::Script(check.script.clone()),
        effect: Effect::Read,
        tags: BTreeSet::new(),
        due_ms: None,
        retries: Retries::default(),
        on_failure: Some(OnFailure::Pause),
        required: check.severity == Fails::Block,
        undo: None,
        probe: None,
        withhold: false,
        expect: Some(check.expect.clone()),
        fixed: BTreeMap::new(),
        publishes: Vec::new(),
    }
}

fn add_missing(to: &mut Vec<String>, from: &[String]) {
    for text in from {
        if !to.contains(text) {
            to.push(text.clone());
        }
    }
}

/// The digest of both: whoever accepts the outer one accepts this very inner one.
fn bound(outer: &Runbook, inner: &Runbook) -> Digest {
    let mut whole = outer.digest.0.to_vec();
    whole.extend_from_slice(inner.id.as_str().as_bytes());
    whole.push(0);
    whole.extend_from_slice(&inner.digest.0);
    Digest::of(&whole)
}

/// Puts the steps in their place, and says so in the record.
fn place(outer: &mut Runbook, at: usize, steps: Vec<Step>, inner: &Runbook) {
    let count = u16::try_from(steps.len()).unwrap_or(u16::MAX);
    let place = direct(outer).nth(at);
    let Some(place) = place else { return };
    let Some(own) = outer.within.get_mut(place) else { return };
    let first = own.first;
    own.digest = inner.digest;
    own.steps = count;
    own.select.clone_from(&inner.targets.select);
    own.exclude.clone_from(&inner.scope.exclude);
    let name = own.step.clone();
    let before = u16::try_from(inner.preflight.len()).unwrap_or(u16::MAX);
    let nested = inner.within.iter().map(|it| Within {
        step: StepId::new(format!("{name}/{}", it.step)),
        first: first + before + it.first,
        ..it.clone()
    });
    for later in outer.within.iter_mut().skip(place + 1) {
        later.first += count;
    }
    let nested: Vec<Within> = nested.collect();
    outer.within.splice(place + 1..place + 1, nested);
    let first = usize::from(first).min(outer.steps.len());
    outer.steps.splice(first..first, steps);
}

/// Where the runbook's own calls stand among all that run within it.
fn direct(outer: &Runbook) -> impl Iterator<Item = usize> {
    outer.within.iter().enumerate().filter(|(_, it)| !it.step.as_str().contains('/')).map(|(nth, _)| nth)
}
