//! The demo: a world of its own, with nothing to install. Four SSH hosts inside this process, five people who do not exist,
//! the runbooks that ship, and a little history, all driven through the same engine, door and console as the real thing.

mod drive;
mod hosts;
mod world;

use super::places::Places;
use super::serve::{self, Serving};
use super::surroundings::Surroundings;
use super::{Ended, Exit, Failure, attach, files, link, say};
use crate::domain::run::Ending;
use crate::verbs::args::{Common, Demo};
use drive::{Change, Stage};
use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use world::Ground;

/// The change that `--headless` drives and that waits for its approval on a terminal.
const CHANGE: Change = Change {
    by: "ada",
    approver: "grace",
    workspace: "prod-web",
    runbook: "planned-change",
    inputs: &[
        ("release", "v1.5.0"),
        ("pull_request", "#871"),
        ("risk", "Slower pages; the latency graph would show it."),
    ],
    ticks: &["release"],
    ticket: "CHG-30211",
    reason: "The release that fixes the slow search.",
};

/// What happened before anybody looked.
const EARLIER: [Change; 2] = [
    Change {
        by: "bo",
        approver: "kim",
        workspace: "lab",
        runbook: "disk-cleanup",
        inputs: &[],
        ticks: &["keep_days"],
        ticket: "OPS-118",
        reason: "The disk of edge-1 fills up.",
    },
    Change {
        by: "bo",
        approver: "kim",
        workspace: "prod-web",
        runbook: "service-restart",
        inputs: &[],
        ticks: &[],
        ticket: "CHG-30207",
        reason: "Pick up the new configuration.",
    },
];

/// `demo`.
pub fn demo(asked: &Demo, around: &Surroundings) -> Ended {
    let (root, _temporary) = ground(asked.keep.as_deref())?;
    let watched = std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && !asked.headless;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Unreachable, format!("no runtime: {error}")))?;
    let ended = runtime.block_on(live(&root, around, watched));
    // The keyboard's thread sits in a read that only a key would end.
    runtime.shutdown_background();
    if let Some(kept) = &asked.keep {
        let words = format!(
            "kept: {0}/site and {0}/data. The demo's hosts are gone; the record is not:\n  quarterdeck --site {0}/site --data {0}/data audit verify\n",
            kept.display()
        );
        say::out(&words);
    }
    ended
}

/// The directory to live in: kept where somebody asks, else gone at the end.
fn ground(keep: Option<&Path>) -> Result<(PathBuf, Option<tempfile::TempDir>), Failure> {
    let wrong = |error: std::io::Error| Failure::new(Exit::Storage, format!("no place for the demo: {error}"));
    let Some(dir) = keep else {
        let dir = tempfile::Builder::new().prefix("quarterdeck-demo-").tempdir().map_err(wrong)?;
        return Ok((dir.path().to_owned(), Some(dir)));
    };
    fs::create_dir_all(dir).map_err(wrong)?;
    if fs::read_dir(dir).map_err(wrong)?.next().is_some() {
        return Err(Failure::new(Exit::Usage, format!("{} is not empty; name a new directory", dir.display())));
    }
    Ok((dir.canonicalize().map_err(wrong)?, None))
}

async fn live(root: &Path, around: &Surroundings, watched: bool) -> Ended {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let ground = world::build(root, around, &tasks, &stop).await?;
    let _log = serve::log_to(&ground.data)?;
    let serving = Serving {
        site: ground.site.clone(),
        data: ground.data.clone(),
        socket: ground.socket.clone(),
        executor: serve::executor_settings(&ground.data, &Surroundings::default()),
        idle_exit: None,
    };
    let closing = CancellationToken::new();
    let open = serve::open(serving, closing.clone()).await?;
    let engine = open.handle.clone();
    let house = tasks.spawn(open.until_ended());
    let ended = match watched {
        true => visit(&engine, &ground, around).await,
        false => headless(&engine, &ground).await,
    };
    closing.cancel();
    let served = house.await.unwrap_or(Ok(Exit::Done));
    stop.cancel();
    ended.and_then(|exit| served.map(|_| exit))
}

/// A person at the console as ada, with a change already waiting for grace.
async fn visit(engine: &crate::engine::Handle, ground: &Ground, around: &Surroundings) -> Ended {
    say::out("Making a small world: four hosts, five people, a little history …\n");
    let quiet = |_: &str, _: &str| {};
    let stage = Stage::new(engine, &quiet);
    for change in &EARLIER {
        let id = stage.propose(change).await?;
        stage.approve(change, id).await?;
        stage.run(change, id).await?;
        stage.close(change, id, "Done as planned.").await?;
    }
    stage.propose(&CHANGE).await?;
    let program = std::env::current_exe().map_or_else(|_| "quarterdeck".to_owned(), |path| path.display().to_string());
    say::out(&format!(
        "You are ada. `:as grace` signs in afresh as grace, who can approve. For a second window:\n  {program} attach --socket {} --site {} --as grace\n",
        ground.socket.display(),
        ground.site.display()
    ));
    let flags = Common {
        site: Some(ground.site.clone()),
        data: Some(ground.data.clone()),
        socket: Some(ground.socket.clone()),
        ..Common::default()
    };
    let link = link::reach(&Places::new(&flags, around), around).await?;
    // The demo is its own server: with the link all of it would be gone.
    attach::over(link, around, &["attach".to_owned()], None).await
}

/// A whole governed run without a terminal, told step by step.
async fn headless(engine: &crate::engine::Handle, ground: &Ground) -> Ended {
    let tell = |who: &str, what: &str| say::out(&format!("{who:>10}  {what}\n"));
    let stage = Stage::new(engine, &tell);
    let id = stage.propose(&CHANGE).await?;
    stage.approve(&CHANGE, id).await?;
    let ending = stage.run(&CHANGE, id).await?;
    stage.close(&CHANGE, id, "v1.5.0 answers on every host.").await?;
    stage.review("lea", id).await?;
    let flags = Common { site: Some(ground.site.clone()), data: Some(ground.data.clone()), ..Common::default() };
    let verdict = files::audit_verify(&Places::new(&flags, &Surroundings::default()), false)?;
    Ok(match ending {
        Ending::Succeeded => verdict,
        Ending::Failed | Ending::Unverified | Ending::Aborted | Ending::Interrupted | Ending::Stuck => Exit::No,
    })
}
