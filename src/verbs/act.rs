//! Verbs that change something: each becomes one [`Ask`] with what was looked at, and its answer is told.

use super::args::{Decide, Proposal as Form, Site as SiteVerb, Tick, Verb};
use super::out::{self, Gone, Io};
use super::{Cx, Exit, find, json, text};
use crate::domain::command::{Ask, Receipt, Seen};
use crate::domain::evidence::EVIDENCE_BYTES_MAX;
use crate::domain::follow_up::Draft;
use crate::domain::plan::{Again, How, Proposal};
use crate::domain::run::{Choice, StopHow};
use crate::domain::{Digest, Refusal, Rule, RunId, StepId, binding};
use crate::engine::{Diagnostic, ReloadError, Sealed};
use serde_json::{Value, json};
use std::path::Path;

/// A certificate with its key is the longest secret there is; see `secrets`, which says so again.
const SECRET_INPUT_BYTES_MAX: usize = 64 * 1024 + 1;

/// Submits what a verb means and tells the answer.
pub async fn submit(cx: &Cx<'_>, verb: &Verb, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let (seen, ask, said) = match meaning(cx, verb) {
        Ok(meaning) => meaning,
        Err(refusal) => return refused(cx, &refusal, io).await,
    };
    match cx.engine.submit(cx.actor.clone(), seen, ask).await {
        Ok(receipt) => told(cx, said, &receipt, io).await,
        Err(refusal) => refused(cx, &refusal, io).await,
    }
}

/// Tells a refusal: on standard error in words, on standard output in JSON.
pub async fn refused(cx: &Cx<'_>, refusal: &Refusal, io: &mut Io<'_>) -> Result<Exit, Gone> {
    super::refuse(refusal, cx.json, io).await
}

pub async fn told(cx: &Cx<'_>, said: &str, receipt: &Receipt, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let answer = match cx.json {
        true => out::document(&told_in_json(cx, said, receipt)),
        false => format!("{}\n", told_in_words(cx, said, receipt)),
    };
    io.out(&answer).await?;
    Ok(Exit::Done)
}

/// What was done, and how the run stands by now.
pub fn told_in_json(cx: &Cx<'_>, said: &str, receipt: &Receipt) -> Value {
    let world = cx.world();
    let run = receipt.run.and_then(|id| world.run(id));
    json!({
        "code": run.map(|run| binding::code(&run.binding)),
        "done": said,
        "event": receipt.index,
        "phase": run.map(|run| run.phase.tag().word()),
        "run": receipt.run.map(|id| id.0),
    })
}

/// The same in a line.
pub fn told_in_words(cx: &Cx<'_>, said: &str, receipt: &Receipt) -> String {
    let world = cx.world();
    match (receipt.run, receipt.run.and_then(|id| world.run(id))) {
        // It was asked for, and waits for its hosts: not yet started.
        (_, Some(run)) if crate::domain::locks::is_in_line(run) => {
            format!("queued {}: {}", run.id, text::standing(&world, run, cx.engine.now()))
        }
        (_, Some(run)) => format!("{said} {}: {}", run.id, text::standing(&world, run, cx.engine.now())),
        (Some(id), None) => format!("{said} {id}"),
        (None, None) => said.to_owned(),
    }
}

/// What a verb asks for, what its asker has looked at, and its past participle.
fn meaning(cx: &Cx<'_>, verb: &Verb) -> Result<(Seen, Ask, &'static str), Refusal> {
    let looked_at = |id: RunId| cx.open_run(id).map(|run| find::seen(&run));
    Ok(match verb {
        Verb::Propose(form) => (Seen::Nothing, Ask::Propose(Box::new(proposal(form))), "proposed"),
        Verb::Accept { run, warning, reason } => {
            let ask = Ask::AcceptWarning { run: *run, warning: StepId::new(warning), reason: reason.clone() };
            (looked_at(*run)?, ask, "warning accepted for")
        }
        Verb::Deny { run, reason } => {
            let found = cx.open_run(*run)?;
            let ask = Ask::Vote { run: *run, choice: Choice::Deny, reason: reason.clone() };
            (Seen::Binding(found.binding), ask, "denied")
        }
        Verb::Retract { run, reason } => {
            let found = cx.open_run(*run)?;
            let ask = Ask::Vote { run: *run, choice: Choice::Retract, reason: reason.clone() };
            (Seen::Binding(found.binding), ask, "approval taken back from")
        }
        Verb::Withdraw { run } => (looked_at(*run)?, Ask::Withdraw { run: *run }, "withdrawn"),
        Verb::Start { run, at: None } => (looked_at(*run)?, Ask::Start { run: *run }, "started"),
        Verb::Start { run, at: Some(at) } => {
            let ask = Ask::Schedule { run: *run, at: find::ahead(cx, *run, at)? };
            (looked_at(*run)?, ask, "scheduled")
        }
        Verb::Tick(tick) => (Seen::Nothing, ticked(cx, tick)?, "ticked off in"),
        Verb::Decide(decide) => decided(cx, decide)?,
        Verb::Claim { run, reason } => (Seen::Nothing, Ask::Claim { run: *run, reason: reason.clone() }, "taken"),
        Verb::Handover { run, to, reason } => {
            let ask = Ask::HandOver { run: *run, to: to.as_str().into(), reason: reason.clone() };
            (Seen::Nothing, ask, "offered")
        }
        Verb::Pause { run } => (Seen::Nothing, Ask::Pause { run: *run }, "paused"),
        Verb::Continue { run } => (Seen::Nothing, Ask::Continue { run: *run }, "continued"),
        Verb::Rerun { run, failed, reason } => {
            let how = if *failed { How::Failed } else { How::Rerun };
            (Seen::Nothing, again(cx, Again { run: *run, how, settled: Vec::new() }, reason)?, "proposed")
        }
        Verb::Resume { run, settled, reason } => {
            let again_of = Again { run: *run, how: How::Resume, settled: settled.clone() };
            (Seen::Nothing, again(cx, again_of, reason)?, "proposed")
        }
        Verb::Rollback { run, reason } => {
            let again_of = Again { run: *run, how: How::Rollback, settled: Vec::new() };
            (Seen::Nothing, again(cx, again_of, reason)?, "proposed")
        }
        Verb::Abort { run, after_step, after_batch, undo, reason } => {
            let how = match (after_step, after_batch, undo) {
                (true, _, _) => StopHow::AfterStep,
                (false, true, _) => StopHow::AfterBatch,
                (false, false, true) => StopHow::WayBack,
                (false, false, false) => StopHow::Now,
            };
            let ask = Ask::Stop { run: *run, how, reason: reason.clone() };
            (Seen::Nothing, ask, "stopping")
        }
        Verb::Close { run, note } => {
            let ask = Ask::Close { run: *run, note: note.clone() };
            (Seen::Nothing, ask, "closed")
        }
        Verb::Review { run, comment, follow_ups } => {
            let drafts = follow_ups.iter().map(|text| Draft::parse(text, cx.engine.now()));
            let drafts = drafts.collect::<Result<_, _>>().map_err(|wrong| Refusal::new(Rule::Input, wrong))?;
            let ask = Ask::Review { run: *run, comment: comment.clone(), follow_ups: drafts };
            (Seen::Nothing, ask, "reviewed")
        }
        Verb::Demo(_)
        | Verb::Init { .. }
        | Verb::Check { .. }
        | Verb::Schema { .. }
        | Verb::Show(_)
        | Verb::Import(_)
        | Verb::Approve(_)
        | Verb::Note { .. }
        | Verb::Mentions(_)
        | Verb::People(_)
        | Verb::Evidence(_)
        | Verb::Plan(_)
        | Verb::Run { .. }
        | Verb::Secret { .. }
        | Verb::BreakGlass(_)
        | Verb::Elevate { .. }
        | Verb::Elevations(_)
        | Verb::Incident(_)
        | Verb::Record(_)
        | Verb::Standing(_)
        | Verb::Runs(_)
        | Verb::Hosts(_)
        | Verb::FollowUp(_)
        | Verb::Deviations(_)
        | Verb::Compliance(_)
        | Verb::Changes(_)
        | Verb::Windows(_)
        | Verb::Audit(_)
        | Verb::Site(_)
        | Verb::Notify(_)
        | Verb::Sessions(_)
        | Verb::Serve(_)
        | Verb::Attach { .. }
        | Verb::Wall
        | Verb::Completions { .. }
        | Verb::Doctor => {
            return Err(Refusal::new(Rule::Input, "this verb asks for no change"));
        }
    })
}

/// The proposal that goes back to an earlier run.
fn again(cx: &Cx<'_>, again: Again, reason: &str) -> Result<Ask, Refusal> {
    let run = cx.open_run(again.run)?;
    Ok(Ask::Propose(Box::new(Proposal::going_back(&run, again, reason))))
}

/// The proposal a form means.
pub fn proposal(form: &Form) -> Proposal {
    Proposal {
        workspace: form.workspace.as_str().into(),
        runbook: form.runbook.as_str().into(),
        inputs: form.inputs.iter().cloned().collect(),
        ticks: form.confirm.iter().cloned().collect(),
        select: form.select.clone(),
        tags: form.tags.iter().cloned().collect(),
        purpose: form.purpose.into(),
        reason: form.reason.clone(),
        ticket: form.ticket.clone(),
        communication: form.tell.clone(),
        raise_to: form.impact.map(Into::into),
        again: None,
        versions: std::collections::BTreeMap::new(),
    }
}

fn ticked(cx: &Cx<'_>, tick: &Tick) -> Result<Ask, Refusal> {
    let run = cx.open_run(tick.run)?;
    let step = StepId::new(&tick.step);
    let points =
        run.plan.steps().find(|(_, found)| found.id == step).map_or(0, |(_, found)| found.action.checklist().len());
    let points = u16::try_from(points).unwrap_or(u16::MAX);
    let checked = match tick.all {
        true => (0..points).collect(),
        false => {
            let wrong = |n: &&u16| **n == 0 || **n > points;
            if let Some(number) = tick.points.iter().find(wrong) {
                return Err(Refusal::new(
                    Rule::Input,
                    format!("{step} has {points} points; there is no point {number}"),
                ));
            }
            tick.points.iter().map(|n| n.saturating_sub(1)).collect()
        }
    };
    Ok(Ask::Tick { run: tick.run, step, checked, evidence: tick.evidence.clone() })
}

fn decided(cx: &Cx<'_>, decide: &Decide) -> Result<(Seen, Ask, &'static str), Refusal> {
    let run = cx.open_run(decide.run)?;
    let slot = find::slot(&run, &decide.host, &decide.step)?;
    let attempt = run.cell(slot).map_or(0, |cell| cell.attempt);
    let ask = Ask::Resolve { run: decide.run, slot, decision: decide.decision.into(), reason: decide.reason.clone() };
    Ok((Seen::Attempt(attempt), ask, "decided in"))
}

/// `secret`: hands a value over without it standing in any argument or record.
pub async fn secret(cx: &Cx<'_>, run: RunId, name: &str, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let wrong = |why: String| Refusal::new(Rule::Input, why);
    if let Err(refusal) = cx.open_run(run) {
        return refused(cx, &refusal, io).await;
    }
    let Some(mut bytes) = io.read(SECRET_INPUT_BYTES_MAX).await else {
        let refusal = wrong("standard input holds more than a secret may have".to_owned());
        return refused(cx, &refusal, io).await;
    };
    // `echo` and editors end a file with a line feed that is no part of the secret.
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    let given = match Sealed::new(bytes) {
        Ok(value) => cx.engine.provide_secret(cx.actor, run, name, value).await,
        Err(error) => Err(wrong(error.to_string())),
    };
    match given {
        Ok(()) => {
            let receipt = Receipt { run: Some(run), index: None };
            told(cx, "secret taken for", &receipt, io).await
        }
        Err(refusal) => refused(cx, &refusal, io).await,
    }
}

/// `evidence`.
pub async fn evidence(cx: &Cx<'_>, run: RunId, step: &str, file: &Path, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let Some(bytes) = io.read(EVIDENCE_BYTES_MAX).await else {
        let what = format!("the file is longer than {} MiB", EVIDENCE_BYTES_MAX / (1024 * 1024));
        return refused(cx, &Refusal::new(Rule::Input, what), io).await;
    };
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = if name == "-" { "standard-input".to_owned() } else { name };
    let ask = Ask::Evidence { run, step: StepId::new(step), name, content: bytes.into() };
    match cx.engine.submit(cx.actor.clone(), Seen::Nothing, ask).await {
        Ok(receipt) => told(cx, "kept as evidence of", &receipt, io).await,
        Err(refusal) => refused(cx, &refusal, io).await,
    }
}

/// `site show`, `site load`, `site accept`.
pub async fn site(cx: &Cx<'_>, verb: &SiteVerb, io: &mut Io<'_>) -> Result<Exit, Gone> {
    match verb {
        SiteVerb::Show => {
            let world = cx.world();
            let answer = match cx.json {
                true => out::document(&json::site(&world)),
                false => text::site(&world),
            };
            io.out(&answer).await?;
            Ok(Exit::Done)
        }
        SiteVerb::Load => match cx.engine.reload(cx.actor.clone()).await {
            Ok(receipt) => {
                let waits = cx.world().pending.is_some();
                let said = match (receipt.index, waits) {
                    (None, _) => "nothing to load: the files are as they were",
                    (Some(_), true) => "loaded; it waits until another person accepts it, an owner of what it changes",
                    (Some(_), false) => "loaded and in force",
                };
                told(cx, said, &receipt, io).await
            }
            Err(ReloadError::Refused(refusal)) => refused(cx, &refusal, io).await,
            Err(ReloadError::Wrong(problems)) => wrong_site(cx, &problems, io).await,
            Err(error @ ReloadError::Broken) => super::fail(Exit::Storage, &error.to_string(), cx.json, io).await,
        },
        SiteVerb::Accept { digest, reason } => {
            let waiting = cx.world().pending.as_ref().map(|p| p.site.digest);
            let Some(found) = waiting else {
                let refusal = Refusal::new(Rule::State, "no change to the site waits");
                return refused(cx, &refusal, io).await;
            };
            let is_it =
                digest.len() >= DIGEST_DIGITS_MIN && found.to_string().starts_with(&digest.to_ascii_lowercase());
            // Another one is asked for as such, so that it is refused where everything is, and stands in the record.
            let wanted = if is_it { found } else { Digest::of(digest.as_bytes()) };
            let ask = Ask::AcceptSite { digest: wanted, reason: reason.clone() };
            match cx.engine.submit(cx.actor.clone(), Seen::Nothing, ask).await {
                Ok(receipt) => told(cx, "accepted; the site is in force", &receipt, io).await,
                Err(refusal) => refused(cx, &refusal, io).await,
            }
        }
    }
}

/// Says what is wrong with the site's files, in the words of `check`.
async fn wrong_site(cx: &Cx<'_>, problems: &[Diagnostic], io: &mut Io<'_>) -> Result<Exit, Gone> {
    let what = format!("the site has {} problems; `quarterdeck check` shows them", problems.len());
    match cx.json {
        true => {
            let problems: Vec<_> = problems.iter().map(Diagnostic::json).collect();
            io.out(&out::document(&json::failure(Exit::BadInput, &what, &problems))).await?;
        }
        false => {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).chain([what]).collect();
            io.err(&format!("{}\n", text::safe_lines(&lines.join("\n")))).await?;
        }
    }
    Ok(Exit::BadInput)
}

/// Digits of a digest that must be given: as many as are shown.
const DIGEST_DIGITS_MIN: usize = 8;
