//! `notify list` and `notify test`: what people are told, and whether it arrives.

use super::act::refused;
use super::args::Notify as Verb;
use super::out::{self, Gone, Io};
use super::{Cx, Exit, json, text};
use crate::domain::command::{Ask, Seen};
use crate::domain::notice::{self, About, Asked, Row, Standing};
use crate::domain::{World, words};
use serde_json::{Value, json};
use std::time::Duration;

/// How long a test is waited for: one try of each channel, with some air.
const TEST_WAIT: Duration = Duration::from_secs(45);

/// Carries out one of them.
pub async fn notify(cx: &Cx<'_>, verb: &Verb, io: &mut Io<'_>) -> Result<Exit, Gone> {
    match verb {
        Verb::List => list(cx, io).await,
        Verb::Test => test(cx, io).await,
    }
}

async fn list(cx: &Cx<'_>, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let world = cx.world();
    let rows = notice::rows(&world, cx.person);
    let answer = match cx.json {
        true => out::document(&json!({"lost": world.outbox.lost, "rows": rows.iter().map(row).collect::<Vec<_>>()})),
        false => table(&rows) + &below(&world),
    };
    io.out(&answer).await?;
    Ok(Exit::Done)
}

/// Tells a test notice and waits for what becomes of it on every channel.
async fn test(cx: &Cx<'_>, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let asked = cx.engine.submit(cx.actor.clone(), Seen::Nothing, Ask::Notice(Asked::Test)).await;
    let id = match asked {
        Ok(receipt) => receipt.index.unwrap_or_default(),
        Err(refusal) => return refused(cx, &refusal, io).await,
    };
    let mut world = cx.engine.world();
    let over = world.wait_for(|world| !world.outbox.pending.contains_key(&id));
    // Where time is over, what is known by then is told.
    let _ = tokio::time::timeout(TEST_WAIT, over).await;
    let rows: Vec<Row> = notice::rows(&cx.world(), cx.person).into_iter().filter(|row| row.notice.id == id).collect();
    let answer = match cx.json {
        true => out::document(&json!({"notice": id, "rows": rows.iter().map(row).collect::<Vec<_>>()})),
        false => rows.iter().map(line).collect(),
    };
    io.out(&answer).await?;
    Ok(match () {
        () if rows.iter().any(|row| matches!(row.standing, Standing::GivenUp(_))) => Exit::No,
        () if rows.is_empty() || rows.iter().any(|row| matches!(row.standing, Standing::OnItsWay(_))) => Exit::Unknown,
        () => Exit::Done,
    })
}

/// `webhook  given up: answered 404`, with what was seen.
fn line(row: &Row) -> String {
    let saw = if row.saw.is_empty() { String::new() } else { format!(" ({})", row.saw) };
    text::safe_lines(&format!("{:<7}  {}{saw}", row.channel.word(), row.standing.words())) + "\n"
}

fn about(row: &Row) -> String {
    match &row.notice.about {
        About::Run(run) => format!("{} {} in {}", run.run, run.runbook, run.workspace),
        About::Object(of) => format!("{} in {}", of.object.words(), of.workspace),
        About::Nothing => String::new(),
    }
}

fn table(rows: &[Row]) -> String {
    let cells = rows.iter().map(|row| {
        let tries = match (row.tries, row.standing) {
            (0 | 1, _) => String::new(),
            (tries, Standing::OnItsWay(_)) => format!(", tried {tries} times, again at {}", text::time(row.at)),
            (tries, _) => format!(", {}", words::count(usize::from(tries), "try", "tries")),
        };
        vec![
            row.notice.id.to_string(),
            text::time(row.notice.at),
            row.notice.what.word().to_owned(),
            about(row),
            row.channel.word().to_owned(),
            format!("{}{tries}", row.standing.words()),
        ]
    });
    text::table(&["notice", "at", "kind", "about", "by", "standing"], &cells.collect::<Vec<_>>())
}

/// What the rows do not say.
fn below(world: &World) -> String {
    let silent = world.site.as_ref().is_none_or(|site| site.notify.is_none());
    let silent = if silent { "the site tells nobody: it has no [notify]\n" } else { "" };
    let lost = match world.outbox.lost {
        0 => String::new(),
        lost => format!("{lost} more gave way to newer ones before they arrived\n"),
    };
    format!("{silent}{lost}")
}

/// A notice on one channel.
fn row(row: &Row) -> Value {
    let (run, object) = (row.notice.about.run(), row.notice.about.object());
    json!({
        "about": object.map(|of| of.object.word()).or(run.map(|_| "run")),
        "at": json::time(row.notice.at),
        "because": row.notice.what.because(),
        "channel": row.channel.word(),
        "kind": row.notice.what.word(),
        "may_act": row.notice.may.iter().map(|person| person.as_str()).collect::<Vec<_>>(),
        "next": row.notice.next.as_ref().map(|person| person.as_str()),
        "notice": row.notice.id,
        "number": object.map(|of| of.object.number()).or(run.map(|run| run.run.0)),
        "run": run.map(|run| run.run.0),
        "runbook": run.map(|run| run.runbook.as_str()),
        "saw": row.saw,
        "standing": row.standing.word(),
        "standing_at": json::time(row.at),
        "tries": row.tries,
        "trouble": row.standing.trouble().map(notice::Trouble::words),
        "workspace": row.notice.about.place().map(|(place, _)| place.as_str()),
    })
}
