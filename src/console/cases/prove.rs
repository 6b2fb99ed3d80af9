//! Follow-ups, deviations and reports in every state people meet them in.

use super::{State, command, over, unreadable};
use crate::console::fixture::{ago, long_name};
use crate::console::harness::Harness;
use crate::domain::compliance::{self, Head};
use crate::domain::deviation::Deviation;
use crate::domain::follow_up::{About, FollowUp, FollowUpId, Source, day};
use crate::domain::history::{self, Said};
use crate::domain::proof::Found;
use crate::domain::query::{Fetched, HistoryRow};
use crate::domain::week::{Line, RunLine, Week};
use crate::domain::{Digest, PersonId, RunId, World};
use std::sync::Arc;

const DAY: i64 = 24 * 60;

/// Three things to do, two of them ada's, one of those overdue.
pub fn left_to_do(state: State) -> World {
    let mut world = state.world();
    if state == State::Empty {
        return world;
    }
    let long = state == State::Long;
    let text = |words: &str| if long { format!("{0} {0}", long_name()) } else { words.to_owned() };
    let place =
        if long { world.site.as_ref().unwrap().workspaces.keys().next().unwrap().clone() } else { "prod-web".into() };
    let mut give = |id: u64, owner: &str, in_days: i64, words: &str| {
        let about = (id == 2).then(|| About { runbook: "rolling-restart".into(), digest: Digest::of(b"then") });
        let one = FollowUp {
            id: FollowUpId(id),
            workspace: place.clone(),
            by: PersonId::new("lea"),
            at: ago(9 * DAY),
            index: id,
            owner: PersonId::new(owner),
            due: day(ago(-in_days * DAY)),
            text: text(words),
            about,
            from: if id == 1 { Source::Run(RunId(37)) } else { Source::Person },
        };
        world.follow_ups.insert(one.id, Arc::new(one));
    };
    give(1, "ada", -2, "Automate the drain, so that nobody has to be asked at night.");
    give(2, "ada", 6, "Say in the runbook what to do when the canary fails.");
    give(3, "bo", 13, "Ask the database team about the window.");
    world.next_follow_up = 4;
    world
}

/// The way to what is left to do.
pub fn follow_ups(state: State, console: Harness) -> Harness {
    let console = command(console, "follow-ups");
    match state {
        State::Busy | State::Empty | State::Long => console,
        State::Loading => super::lost(console),
        State::Error => refused_there(console),
    }
}

fn refused_there(console: Harness) -> Harness {
    console.press("D").type_str("a timer does it").press("enter enter").refused(super::stale())
}

/// What deviates, as the engine answers.
pub fn answer(state: State) -> Week {
    let words = |words: &str| if state == State::Long { format!("{0} {0}", long_name()) } else { words.to_owned() };
    let line = |deviation: Deviation, what: &str| Line {
        workspace: "prod-web".into(),
        deviation,
        words: words(what),
        looked: None,
        follow_up: None,
    };
    let said = Said { by: PersonId::new("lea"), at: ago(30), text: "known, CHG-30211".to_owned() };
    let mut deviations = vec![
        line(Deviation::NoNote(RunId(39)), "db-failover succeeded, and nobody wrote what came of it"),
        line(Deviation::Stale("rolling-restart".into()), "the review of rolling-restart was due on 2026-11-01"),
        Line {
            looked: Some(said),
            ..line(Deviation::Warning(RunId(38), "freshness".into()), "kim answered for freshness: known")
        },
        Line {
            follow_up: Some(FollowUpId(2)),
            ..line(Deviation::Tags(RunId(37)), "rolling-restart ran more than the baseline: purge")
        },
    ];
    let mut runs = vec![RunLine { run: RunId(39), workspace: "prod-web".into(), words: words("db-failover 2.0.0") }];
    if state == State::Empty {
        deviations.clear();
        runs.clear();
    }
    let (since, until) = (ago(7 * DAY), ago(0));
    Week { since, until, release: None, workspaces: vec!["prod-web".into()], runs, deviations }
}

/// The way to what deviates.
pub fn week(state: State, console: Harness) -> Harness {
    let console = command(console, "week");
    match state {
        State::Busy | State::Empty | State::Long => {
            console.fetched(Fetched::Proof(Found::Week(Arc::new(answer(state)))))
        }
        State::Loading => console.wait(400),
        State::Error => console.fetched(unreadable()),
    }
}

/// A report over what is over, as the engine answers.
pub fn report(state: State) -> compliance::Report {
    let mut rows: Vec<HistoryRow> = over(state).iter().map(|run| history::row(run)).collect();
    for (nth, row) in rows.iter_mut().enumerate() {
        row.acts.controls = vec!["ISO27001:A.8.32".to_owned()];
        if nth == 0 {
            row.acts.controls.push("SOC2:CC8.1".to_owned());
        }
        if state == State::Long {
            row.acts.controls = vec![long_name()];
        }
    }
    let world = state.world();
    if state == State::Empty {
        rows.clear();
    }
    let head = Head {
        since: ago(90 * DAY),
        until: ago(0),
        control: None,
        workspaces: vec!["prod-web".into()],
        made: ago(0),
        by: PersonId::new("grace"),
        events: world.events,
    };
    compliance::report(head, None, rows)
}

/// The way to a report.
pub fn proof(state: State, console: Harness) -> Harness {
    let console = command(console, "compliance");
    match state {
        State::Busy | State::Empty | State::Long => {
            console.fetched(Fetched::Proof(Found::Compliance(Arc::new(report(state)))))
        }
        State::Loading => console.wait(400),
        State::Error => {
            console.fetched(Fetched::Failed("there is no workspace that you may ask this about".to_owned()))
        }
    }
}
