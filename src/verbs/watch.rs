//! Verbs that stream: a run's lines as they come, until it ends.
//!
//! Nothing is lost and nothing is kept: lines are asked for in pages, the next page once the one before was taken, so a
//! reader that does not read holds up nobody else.

use super::act::refused;
use super::args::RunsLog;
use super::cast::Cast;
use super::find::{self, seen};
use super::out::{self, Gone, Io};
use super::{Cx, Exit, json, look, text};
use crate::domain::command::Ask;
use crate::domain::query::{Fetch, Fetched, LogFrom, LogPage, LogQuery};
use crate::domain::run::{Ending, Phase, Run};
use crate::domain::{Refusal, RunId};
use std::sync::Arc;

/// Lines asked for at once: a page is written before the next is read, and stays well under a channel's window.
const PAGE_LINES: u32 = 500;

/// `run`: starts what is approved, then follows.
pub async fn run(cx: &Cx<'_>, id: RunId, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let found = match cx.any_run(id).await {
        Ok(found) => found,
        Err(refusal) => return look::unanswered(cx, &refusal, io).await,
    };
    let not_begun = match found.phase {
        Phase::Waiting | Phase::Approved => found.queued.is_none(),
        Phase::Checking(_) => found.started.is_none() && found.driver.is_none() && !is_starting(&found),
        Phase::Running
        | Phase::Paused(_)
        | Phase::Stopping(_)
        | Phase::Verifying
        | Phase::Ended(_)
        | Phase::Closed(_)
        | Phase::Reviewed(_)
        | Phase::Cancelled(_) => false,
    };
    if not_begun {
        // What is followed is this start: where it is not made, there is nothing to wait for.
        let ask = Ask::Start { run: id };
        if let Err(refusal) = cx.engine.submit(cx.actor.clone(), seen(&found), ask).await {
            return refused(cx, &refusal, io).await;
        }
    }
    let query = LogQuery {
        run: id,
        host: None,
        item: None,
        stream: None,
        matching: None,
        from: LogFrom::Line(0),
        count: PAGE_LINES,
    };
    follow(cx, query, Until::NotStarted, false, io).await
}

/// What ends the following of a run, beside its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// Its start was not made: it may be started again, or waits for somebody.
    NotStarted,
    Ended,
}

fn is_starting(run: &Run) -> bool {
    matches!(run.phase, Phase::Checking(crate::domain::run::Round::Start))
}

/// `runs log`.
pub async fn log(cx: &Cx<'_>, verb: &RunsLog, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let found = match cx.any_run(verb.run).await {
        Ok(found) => found,
        Err(refusal) => return look::unanswered(cx, &refusal, io).await,
    };
    let item = match verb.step.as_deref().map(|step| find::item(&found, step)).transpose() {
        Ok(item) => item,
        Err(refusal) => return refused(cx, &refusal, io).await,
    };
    let mut query = LogQuery {
        run: verb.run,
        host: verb.host.clone(),
        item,
        stream: verb.stream.map(Into::into),
        matching: verb.grep.clone(),
        from: LogFrom::Line(0),
        count: PAGE_LINES,
    };
    if let Some(lines) = verb.tail {
        query.from = LogFrom::End;
        query.count = 1;
        match page(cx, &query).await {
            Ok(page) => query.from = LogFrom::Line(page.total.saturating_sub(u64::from(lines))),
            Err(refusal) => return look::unanswered(cx, &refusal, io).await,
        }
        query.count = PAGE_LINES;
    }
    if verb.cast {
        return cast(cx, &found, query, io).await;
    }
    if verb.follow {
        return follow(cx, query, Until::Ended, verb.times, io).await;
    }
    match drain(cx, &mut query, verb.times, io).await? {
        Ok(()) => Ok(Exit::Done),
        Err(refusal) => look::unanswered(cx, &refusal, io).await,
    }
}

/// Writes the lines as a recording that players show in the time it took.
async fn cast(cx: &Cx<'_>, run: &Run, mut query: LogQuery, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let mut recording = Cast::new(run);
    io.out(&recording.head()).await?;
    loop {
        let page = match page(cx, &query).await {
            Ok(page) => page,
            Err(refusal) => return look::unanswered(cx, &refusal, io).await,
        };
        if page.lines.is_empty() {
            if let Some(amiss) = page.amiss {
                io.err(&format!("-- {amiss}\n")).await?;
            }
            return Ok(Exit::Done);
        }
        query.from = LogFrom::Line(page.first + u64::try_from(page.lines.len()).unwrap_or(u64::MAX));
        let events: String = page.lines.iter().map(|line| recording.event(line)).collect();
        io.out(&events).await?;
    }
}

/// Streams lines and moves of a run until it ends; the exit says how it ended.
async fn follow(cx: &Cx<'_>, mut query: LogQuery, until: Until, times: bool, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let id = query.run;
    let mut tail = cx.engine.grown();
    let mut world = cx.engine.world();
    let mut told: Option<String> = None;
    loop {
        // Marked as seen before looking: whatever comes while we look wakes us again.
        let lines = tail.borrow_and_update().get(&id).copied();
        world.borrow_and_update();
        let found = match cx.any_run(id).await {
            Ok(found) => found,
            Err(refusal) => return look::unanswered(cx, &refusal, io).await,
        };
        let not_started = until == Until::NotStarted
            && found.queued.is_none()
            && matches!(found.phase, Phase::Waiting | Phase::Approved);
        let exit = ended(&found).or(not_started.then_some(Exit::No));
        // What was printed before the end stands before the word of the end, what is printed in a phase behind its name.
        if exit.is_some()
            && let Err(refusal) = drain(cx, &mut query, times, io).await?
        {
            return look::unanswered(cx, &refusal, io).await;
        }
        let stands = text::standing(&cx.world(), &found, cx.engine.now());
        if told.as_ref() != Some(&stands) {
            let line = match cx.json {
                true => out::line(&json::moved(&found)),
                false => format!("-- {id} {stands}\n"),
            };
            io.out(&line).await?;
            told = Some(stands);
        }
        if let Some(exit) = exit {
            if let (Phase::Ended(_), false) = (&found.phase, cx.json) {
                let next = format!("-- next: quarterdeck close {} --note '…'\n", id.0);
                io.out(&next).await?;
            }
            return Ok(exit);
        }
        if let Err(refusal) = drain(cx, &mut query, times, io).await? {
            return look::unanswered(cx, &refusal, io).await;
        }
        let printed = tail.wait_for(|grown| grown.get(&id).copied() != lines);
        let woken = tokio::select! {
            grown = printed => grown.is_ok(),
            changed = world.changed() => changed.is_ok(),
        };
        if !woken {
            return Ok(Exit::TryAgain);
        }
    }
}

/// How a run that is over ended, as an exit.
fn ended(run: &Arc<Run>) -> Option<Exit> {
    if let Some(ending) = run.phase.ending() {
        return Some(match ending {
            Ending::Succeeded => Exit::Done,
            Ending::Failed | Ending::Aborted | Ending::Stuck => Exit::No,
            Ending::Unverified | Ending::Interrupted | Ending::Unknown => Exit::Unknown,
        });
    }
    matches!(run.phase, Phase::Cancelled(_)).then_some(Exit::No)
}

/// Writes every line there is from where the query stands, and moves it on.
async fn drain(cx: &Cx<'_>, query: &mut LogQuery, times: bool, io: &mut Io<'_>) -> Result<Result<(), Refusal>, Gone> {
    loop {
        let page = match page(cx, query).await {
            Ok(page) => page,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut text = String::new();
        for line in &page.lines {
            match cx.json {
                true => text.push_str(&out::line(&json::log_line(line))),
                false => text.push_str(&text::log_line(line, times)),
            }
        }
        io.out(&text).await?;
        let count = u64::try_from(page.lines.len()).unwrap_or(u64::MAX);
        let next = page.first.saturating_add(count);
        query.from = LogFrom::Line(next);
        if count == 0 || next >= page.total {
            if let Some(amiss) = page.amiss {
                io.err(&format!("-- {amiss}\n")).await?;
            }
            return Ok(Ok(()));
        }
    }
}

async fn page(cx: &Cx<'_>, query: &LogQuery) -> Result<LogPage, Refusal> {
    match cx.ask(Fetch::Log(query.clone())).await? {
        Fetched::Log(page) => Ok(page),
        other => Err(find::another_answer(&other)),
    }
}
